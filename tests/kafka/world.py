"""The real Faust host on a real Kafka, in virtual time, as something a story can be played on.

One worker in a thread of its own. Topics let their senders stamp, so that a record's time is the story's. Wall time
fires nothing: `advance` sets the clock to each timer's due time, tells the keys, and waits until all rests.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

from notifiers.attempt import Attempt, Outcome
from notifiers.tokens import PersonPrincipal
from rules.events import Event
from rules.frozen import Frozen
from rules.step import Stage
from streams.broker import administered
from streams.faust_host import Cluster, FaustHost, Told
from streams.intake import Intake
from streams.journal import micros, moment
from streams.kafka_writer import Record
from streams.rehearsal import Providers
from streams.seal import Seal
from streams.spread import Spread, spread_out
from streams.topics import INPUTS, REMEMBERING, SITUATIONS, Topic, TopicSettings, declared, plan
from streams.view import View
from streams.wire import encode

PARTITIONS = 3
RESTS_S = 30.0
GIVEN_TIME = {
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(2**62),
    "retention.ms": "-1",
}
T = TypeVar("T")


def make_topics(address: str, prefix: str, *, given_time: bool = False, partitions: int = PARTITIONS) -> None:
    """The topics as declared, for one broker."""
    settings = TopicSettings(prefix=prefix, partitions=partitions, replication=1, min_insync=1)
    wanted = tuple(_with_given_time(topic) if given_time else topic for topic in declared(settings))
    with administered(address) as broker:
        for change in plan(wanted, broker.found(wanted)):
            broker.make(change)


def _with_given_time(topic: Topic) -> Topic:
    configs = GIVEN_TIME | ({} if "retention.ms" in topic.configs else {"retention.ms": "-1"})
    return replace(topic, configs={**topic.configs, **configs})


class StoryTime:
    """A clock that stands still until it is told to go on."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def heard(self, milliseconds: float) -> None:
        """The broker's time is not the story's."""

    def advance(self, to: datetime) -> None:
        self._now = max(self._now, to)


class World:
    """As `streams.rehearsal.Host` asks. `stop` when done."""

    def __init__(self, address: str, intake: Intake, start: datetime, providers: Providers) -> None:
        self.intake, self.providers = intake, providers
        self.view = View(lambda realm, notice: f"{realm}:{notice}")
        self.records: list[tuple[str, Frozen]] = []
        self.sent: list[tuple[str, Attempt]] = []
        self.counts: dict[str, int] = {}
        self._clock = StoryTime(start)
        prefix = f"{uuid4().hex[:8]}-"
        make_topics(address, prefix, given_time=True)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._ask(self._begin(Cluster(address, PARTITIONS, prefix)))

    async def _begin(self, cluster: Cluster) -> None:
        areas = self.intake.profile.policy.registry.areas
        spread = Spread(PARTITIONS, spread_out({}, areas, PARTITIONS))
        told = Told(self._recorded, self._counted)
        clock = self._clock
        self.host = FaustHost(cluster, self.intake, spread, Seal(b"s" * 32), self._deliver, told, clock, clock.now)
        self.host.held = True
        await self.host.start()
        until = time.monotonic() + RESTS_S
        while not all(len(runner.owned) == PARTITIONS for runner in self.host.stages.values()):
            self._check(until)
            await asyncio.sleep(0.02)  # a poll with a deadline

    def stop(self) -> None:
        self._ask(self.host.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(question, self._loop).result(300)

    # --- what a story asks -------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self._clock.now()

    def accept(self, event: Event) -> bool:
        self._ask(self._accept(event))
        return True

    def advance(self, to: datetime) -> None:
        self._ask(self._advance(to))

    @property
    def states(self) -> dict[tuple[Stage, str, str], dict[str, Frozen]]:
        return {where: entries for p in self._partitions() for where, entries in p.entries().items() if entries}

    # --- in the worker's loop ----------------------------------------------------------------------------------------

    async def _accept(self, event: Event) -> None:
        body = encode(event)
        principal = getattr(event.payload, "person", None)
        headers = self.host.seal.headers(body, None if principal is None else PersonPrincipal(principal))
        await self.host.writer.write([Record(INPUTS[event.kind], event.source.encode(), body, headers)])
        await self._rest()

    async def _advance(self, to: datetime) -> None:
        until = micros(to)
        while (due := min(self._dues(), default=until + 1)) <= until:
            self._clock.advance(moment(due))
            for runner in self.host.stages.values():
                await runner.tick(due)
            await self._rest()
        self._clock.advance(to)

    async def _rest(self) -> None:
        """Everything in every topic is done, and shown."""
        until = time.monotonic() + RESTS_S
        topics = (*INPUTS.values(), *(stage.value for stage in REMEMBERING), Stage.DELIVER.value)
        while True:
            # What is done is read first: what is appended while the broker is asked for the ends is then seen to wait.
            done = {(t, n): self._done(t, n) for t in (*topics, SITUATIONS) for n in range(PARTITIONS)}
            ends = await self.host.progress.ends((*topics, SITUATIONS))
            waiting = {tp: end for tp, end in ends.items() if done[self._bare(tp.topic), tp.partition] < end}
            if not waiting:
                return
            self._check(until, str(waiting))
            await asyncio.sleep(0.001)  # a poll with a deadline

    def _bare(self, topic: str) -> str:
        return topic.removeprefix(self.host.cluster.prefix)

    def _done(self, name: str, number: int) -> int:
        if name == SITUATIONS:
            return self.host.shown.get(number, 0)
        runners: dict[str, Any] = {**self.host.doors, **{s.value: r for s, r in self.host.stages.items()}}
        runner = runners.get(name, self.host.delivery)
        return int(runner.done.get(number, 0))

    def _check(self, until: float, said: str = "") -> None:
        if self.host.crashed is not None and self.host.crashed.done():
            self.host.crashed.result()
        if time.monotonic() > until:
            raise TimeoutError(f"it does not come to rest: {said}")

    def _partitions(self) -> list[Any]:
        return [partition for runner in self.host.stages.values() for partition in runner.owned.values()]

    def _dues(self) -> list[int]:
        return [due for p in self._partitions() if (due := p.timers.next()) is not None]

    async def _deliver(self, realm: str, attempt: Attempt) -> Outcome | None:
        self.sent.append((realm, attempt))
        verdict = self.providers(realm, attempt)
        if verdict is None:
            return None
        return Outcome(attempt=attempt.id, notice=attempt.notice, person=attempt.person, verdict=verdict)

    def _recorded(self, realm: str, record: Frozen) -> None:
        self.records.append((realm, record))
        self.view.apply(realm, record)

    def _counted(self, what: str, amount: int) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount
