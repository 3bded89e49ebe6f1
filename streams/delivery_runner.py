"""Runs deliver on a worker: each attempt is made once, beside the others, and its outcome goes to its person's key.

It remembers nothing that outlives it but for what it has been given: an attempt that contact's next owner sent again is
known by its place in the sender's journal. An attempt whose outcome was not safe when the worker died is made again:
one repeat for one death.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from notifiers.attempt import Attempt, Outcome
from rules.step import Stage
from streams.inbox import Inbox
from streams.kafka_writer import KafkaWriter
from streams.outgoing import outgoing
from streams.parcel import HEADER, Label, Once, Origin, Parcel, label_read
from streams.partition import Place
from streams.stages import written

AT_ONCE = 256
"""Attempts under way on one worker; the deliver stage bounds what one provider may hold up."""

Deliver = Callable[[str, Attempt], Awaitable[Outcome | None]]
"""(realm, attempt) -> how it went; None: no word ever comes."""


@dataclass(slots=True)
class _UnderWay:
    event: Any
    task: asyncio.Task[None]


class DeliveryRunner:
    """Deliver on this worker."""

    def __init__(self, writer: KafkaWriter, deliver: Deliver, place: Place, now: Callable[[], int]) -> None:
        self.inbox = Inbox()
        self.done: dict[int, int] = {}
        self._writer, self._deliver, self._place, self._now = writer, deliver, place, now
        self._heard: dict[int, dict[str, tuple[int, int, int]]] = defaultdict(dict)
        self._under_way: dict[int, deque[_UnderWay]] = defaultdict(deque)
        self._room = asyncio.Semaphore(AT_ONCE)

    @property
    def under_way(self) -> int:
        return sum(map(len, self._under_way.values()))

    @property
    def busy(self) -> bool:
        return self.under_way > 0

    def revoke(self) -> None:
        """What is under way goes on, and its outcome is written; but nothing of it is acknowledged any more."""
        self.inbox.clear()
        self._under_way.clear()

    async def run(self) -> None:
        """Goes on until it is cancelled. Raises what the writer raises."""
        async with asyncio.TaskGroup() as group:
            while True:
                for event in await self.inbox.some(AT_ONCE):
                    await self._room.acquire()
                    number = event.message.partition
                    self._under_way[number].append(_UnderWay(event, group.create_task(self._make(number, event))))

    async def _make(self, number: int, event: Any) -> None:
        try:
            if (label := self._new(number, event.message)) is not None:
                await self._attempt(label, event.message.value)
        finally:
            self._room.release()
        asyncio.get_running_loop().call_soon(self._acknowledge, number)

    def _new(self, number: int, message: Any) -> Label | None:
        label = label_read(dict(message.headers or {}).get(HEADER, b""))
        assert isinstance(label.whence, Origin), "attempts come from contact"
        heard = self._heard[number]
        if label.whence.place <= heard.get(label.whence.sender, (-1, 0, 0)):
            return None
        heard[label.whence.sender] = label.whence.place
        return label

    async def _attempt(self, label: Label, body: bytes) -> None:
        attempt = Attempt.model_validate_json(body)
        outcome = await self._deliver(label.realm, attempt)
        if outcome is None:
            return
        place = self._place(Stage.CONTACT, label.realm, attempt.person, outcome)
        said = Label(label.realm, attempt.person, self._now(), Once(f"outcome/{label.realm}/{attempt.id}".encode()))
        await self._writer.write([outgoing(Parcel(Stage.CONTACT.value, place, said, written(outcome)))])

    def _acknowledge(self, number: int) -> None:
        """Those at the head that are done; never one before what stands in front of it."""
        waiting = self._under_way[number]
        while waiting and waiting[0].task.done():
            event = waiting.popleft().event
            event.ack()
            self.done[number] = event.message.offset + 1
