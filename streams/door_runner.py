"""Runs the door on a worker: records of one input topic become parcels for the stages' keys. It remembers nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.inbox import Inbox
from streams.intake import Intake
from streams.kafka_writer import KafkaWriter, Record
from streams.outgoing import outgoing, refused
from streams.partition import Place
from streams.rekeying import rekeyed
from streams.seal import Seal

BATCH = 200


class DoorRunner:
    """One input topic on this worker. `counted` is told what became of what came."""

    def __init__(
        self,
        topic: str,
        writer: KafkaWriter,
        intake: Callable[[], Intake],
        place: Place,
        seal: Seal,
        counted: Callable[[str, int], None],
    ) -> None:
        self.topic, self.inbox = topic, Inbox()
        self.done: dict[int, int] = {}
        self._writer, self._intake, self._place = writer, intake, place
        self._seal, self._counted = seal, counted
        self._era = 0
        self.busy = False

    def revoke(self) -> None:
        self._era += 1
        self.inbox.clear()

    async def run(self) -> None:
        """Goes on until it is cancelled. Raises what the writer raises."""
        while True:
            self.busy = False
            events = await self.inbox.some(BATCH)
            era, self.busy = self._era, True
            await self._writer.write([record for event in events for record in self._rekeyed(event.message)])
            if era != self._era:
                continue  # whoever has the partition now does it again, and the stages know a repeat
            for event in events:
                event.ack()
                self.done[event.message.partition] = event.message.offset + 1

    def _rekeyed(self, message: Any) -> list[Record]:
        headers = dict(message.headers or {})
        principal = self._seal.principal(message.value or b"", headers)
        stamp = round(message.timestamp * 1000) * 1000
        found = rekeyed(message.value or b"", headers, stamp, principal, self._intake(), self._place)
        for event in found.events:
            self._counted(f"accepted/{event.kind}", 1)
        for refusal in found.refusals:
            self._counted(f"refused/{refusal.reason}", 1)
        return [*map(outgoing, found.parcels), *(refused(r, self.topic, message.value or b"") for r in found.refusals)]
