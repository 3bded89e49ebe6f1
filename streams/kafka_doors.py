"""What the HTTP doors ask of a host, on Kafka: any worker's doors serve every key, since they write to topics and read
a view that is built of one (semantics 4). `202` is answered when the brokers have it (acks=all)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from notifiers.tokens import PersonPrincipal, Principal, SourcePrincipal
from rules.events import Event, EventKind
from streams.door import Unanswerable
from streams.embedded import Lane, Overloaded, Receipt
from streams.faust_host import FaustHost
from streams.intake import Intake
from streams.journal import Journal
from streams.kafka_writer import Record
from streams.outgoing import refused
from streams.refusal import Refusal
from streams.rekeying import CONTENT_TYPE
from streams.topics import INPUTS
from streams.wire import Media, encode

ROOM: dict[Lane, int] = {Lane.READINGS: 64 * 1024 * 1024, Lane.URGENT: 256 * 1024 * 1024}
"""Bytes that wait for the brokers, of readings and of all; past the first readings are refused (semantics 25)."""

RETRY_S = 2
ELSEWHERE = "På Kafka finns loggen i ämnena. Läs dem med Kafkas egna verktyg, eller se beredd lag."


class KafkaDoors:
    """The host behind one worker's doors. All of it may be called from any thread but the constructor."""

    def __init__(self, host: FaustHost) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._waiting = 0

    @property
    def intake(self) -> Intake:
        return self._host.intake

    @property
    def fault(self) -> str | None:
        crashed = self._host.crashed
        return f"{crashed.exception()!r}" if crashed is not None and crashed.done() else None

    def submit(
        self, events: tuple[Event, ...], refusals: tuple[Refusal, ...], principal: str | None, size: int = 0
    ) -> Future[Receipt]:
        """The future is done when the brokers have every record. Which of them are repeats is found by the stages."""
        lane = Lane.READINGS if all(e.kind is EventKind.READINGS for e in events) else Lane.URGENT
        if (wait_s := self.full(lane)) is not None:
            raise Overloaded(lane, wait_s)
        records = [self._record(event, _principal(principal)) for event in events]
        records += [refused(refusal, "http", refusal.excerpt.encode()) for refusal in refusals]
        return asyncio.run_coroutine_threadsafe(self._written(records, len(events), size), self._loop)

    def _record(self, event: Event, principal: Principal | None) -> Record:
        body = encode(event)
        headers = ((CONTENT_TYPE, Media.STRUCTURED.value.encode()), *self._host.seal.headers(body, principal))
        return Record(INPUTS[event.kind], f"{event.realm}/{event.source}".encode(), body, headers)

    async def _written(self, records: list[Record], events: int, size: int) -> Receipt:
        self._waiting += size
        try:
            await self._host.writer.write(records)
        finally:
            self._waiting -= size
        return Receipt(events, 0)

    def full(self, lane: Lane) -> int | None:
        return RETRY_S if self._waiting > ROOM.get(lane, ROOM[Lane.URGENT]) else None

    def ask(self, question: Callable[[Journal], Any]) -> Future[Any]:
        failed: Future[Any] = Future()
        failed.set_exception(Unanswerable(ELSEWHERE))
        return failed

    def probe(self) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(self._host.announce(), self._loop)


def _principal(named: str | None) -> Principal | None:
    """Whose key it was, as `streams.door.named` writes it."""
    kind, _, name = (named or "").partition(":")
    match kind:
        case "source":
            return SourcePrincipal(name)
        case "person":
            return PersonPrincipal(name)
        case _:
            return None
