"""Runs one keyed stage's partitions on a worker: takes records in turns and writes them in the order that a repeat
repairs (`streams.partition`). One task does all the writing of a stage, so no two turns of a partition ever overlap."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from rules.step import Stage
from streams.broker_clock import BrokerClock
from streams.entries_table import EntriesTable
from streams.inbox import Inbox
from streams.intake import Intake
from streams.journal import micros
from streams.kafka_writer import KafkaWriter, Record
from streams.ledger import EPOCH_HEADER, JOURNAL
from streams.outgoing import copies, dead_letter, outgoing
from streams.parcel import HEADER, tick
from streams.partition import Partition, Received, Turn
from streams.topics import changelog

_log = logging.getLogger(__name__)
BATCH = 200


class RevokedError(Exception):
    """The partition is another's since; what is not written is the other's to write."""


class StageRunner:
    """A stage on this worker. `crash` ends the worker with an error."""

    def __init__(
        self,
        stage: Stage,
        table: EntriesTable,
        writer: KafkaWriter,
        clock: BrokerClock,
        intake: Callable[[], Intake],
        generation: Callable[[], int],
    ) -> None:
        self.stage, self.inbox = stage, Inbox()
        self.owned: dict[int, Partition] = {}
        self.done: dict[int, int] = {}
        self._table, self._writer, self._clock = table, writer, clock
        self._intake, self._generation = intake, generation
        self._era = 0
        self.busy = False

    def revoke(self) -> None:
        """Nothing is ours any more."""
        self._era += 1
        self.inbox.clear()
        self.owned.clear()
        self._table.restored.clear()

    async def run(self) -> None:
        """Goes on until it is cancelled. Raises HoleError, or what the writer raises."""
        while True:
            self.busy = False
            events = await self.inbox.some(BATCH)
            era, self.busy = self._era, True
            try:
                await self._open(era)
                await self._adopt(era)
                for number, some in _by_partition(events).items():
                    await self._take(era, number, some)
            except RevokedError:
                _log.info("%s: partitions were revoked under a turn; their next owner goes on", self.stage)

    async def tick(self, until: int) -> None:
        """Every key of ours with a timer due by then is told so, behind all that waits for it."""
        for number, partition in sorted(self.owned.items()):
            ticks = [tick(self.stage, number, realm, key, due) for due, (realm, key) in partition.due(until)]
            await self._writer.write(map(outgoing, ticks))

    async def _open(self, era: int) -> None:
        while self._table.restored:
            if self._table.fault is not None:
                raise self._table.fault
            number, partition = self._table.restored.popitem()
            people = self.stage is not Stage.ASSESS  # whose timers are sensors', and sensors went on meanwhile
            for turn in partition.open(self._generation(), self._now(), people=people):
                await self._write(era, partition, turn)
            self.owned[number] = partition

    async def _adopt(self, era: int) -> None:
        profile = self._intake().profile
        for partition in tuple(self.owned.values()):
            await self._write(era, partition, partition.adopt(profile.policy, self._now(), profile))

    async def _take(self, era: int, number: int, events: list[Any]) -> None:
        if number not in self.owned:
            raise RevokedError
        partition = self.owned[number]
        while events:
            turn = partition.take(
                [_received(self.stage, event) for event in events], self._intake().profile, self._now()
            )
            await self._write(era, partition, turn)
            for event in events[: turn.done]:
                event.ack()
            self.done[number] = events[turn.done - 1].message.offset + 1
            events = events[turn.done :]

    async def _write(self, era: int, partition: Partition, turn: Turn) -> None:
        """Journal and entries are safe before any output is sent: a turn that did not happen has told nobody."""
        self._still(era)
        await self._writer.write(_changelog(partition, turn))
        self._still(era)
        await self._writer.write(
            [record for parcel in turn.outputs for record in (outgoing(parcel), *copies(parcel))]
            + [dead_letter(dead) for dead in turn.dead]
        )
        self._still(era)

    def _still(self, era: int) -> None:
        if era != self._era:
            raise RevokedError

    def _now(self) -> int:
        return micros(self._clock.now())


def _by_partition(events: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for event in events:
        found[event.message.partition].append(event)
    return found


def _received(stage: Stage, event: Any) -> Received:
    message = event.message
    header = dict(message.headers or {}).get(HEADER, b"")
    return Received(stage.value, message.offset, round(message.timestamp * 1000) * 1000, header, message.value or b"")


def _changelog(partition: Partition, turn: Turn) -> list[Record]:
    topic, headers = changelog(partition.stage), ((EPOCH_HEADER, b"%d" % turn.epoch),)
    journal = [] if turn.journal is None else [(JOURNAL, turn.journal)]
    return [Record(topic, key, value, headers, partition.number) for key, value in (*journal, *turn.entries)]
