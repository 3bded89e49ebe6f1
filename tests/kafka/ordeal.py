"""Two workers on a real Kafka that are killed again and again while thousands of records wait; and what is to be found
afterwards. The course (which worker, when, what is fed) follows from the seed; the machine's own timing does not."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from rules.events import LIVE, Event, EventKind, Incident, Reading, Readings
from rules.frozen import Frozen
from rules.matter import Matter
from rules.step import Stage
from streams.faust_host import Cluster
from streams.intake import Intake
from streams.ledger import EPOCH_HEADER
from streams.parcel import HEADER, label_read
from streams.partition import Partition
from streams.progress import Progress
from streams.refusal import Refusal
from streams.rehearsal import Rehearsal
from streams.stages import RECORDS
from streams.topics import APP, DEAD_LETTERS, INPUTS, REMEMBERING, SITUATIONS, changelog
from streams.wire import encode
from tests.conftest import ROOT
from tests.kafka.world import make_topics

PARTITIONS = 4
WAITING = 2000
"""At least so many records wait when a worker is killed, and when another starts."""

INCIDENT_EACH = 25
RESTS_S = 240.0
READY_S = 60.0


DISTRICTS = ("jarva",)
"""One, so that nothing depends on what arrives in which order from different districts."""

CALM = (1.0, 1.5, 2.0)


@cache
def calm_sensors(intake: Intake) -> tuple[str, ...]:
    """Sensors for which nothing follows from such values, in any order, for the same reason."""
    source = intake.profile.policy.registry.sources["svoa-scada"].source
    return tuple(s for s in sorted(intake.profile.policy.registry.sensors) if _calm(intake, source, s))


def _calm(intake: Intake, source: str, sensor: str) -> bool:
    rehearsal = Rehearsal(intake, datetime.now(UTC))
    for number, value in enumerate((*CALM, *reversed(CALM))):
        reading = Reading(sensor=sensor, value=value, time=rehearsal.now)
        event = Event(
            id=str(number), source=source, time=rehearsal.now, realm=LIVE, payload=Readings(readings=(reading,))
        )
        if isinstance(intake.admit(event, None), Refusal):
            return False
        rehearsal.accept(event)
        rehearsal.advance(rehearsal.now + timedelta(seconds=5))
    return not any(isinstance(entry, Matter) for entries in rehearsal.states.values() for entry in entries.values())


@dataclass
class Found:
    """What stands in the topics when all rests."""

    records: list[tuple[str, Frozen]]
    attempts: Counter[str]
    dead: list[tuple[Any, bytes]]
    """With the headers, which say why."""
    partitions: dict[tuple[Stage, int], Partition]

    @property
    def fenced(self) -> int:
        """Records of owners whose time was over."""
        return sum(partition.counts.get("fenced", 0) for partition in self.partitions.values())


@dataclass
class Ordeal:
    """One course. `options` go to the workers."""

    address: str
    intake: Intake
    folder: Path
    seed: int
    workers: int = 2
    options: tuple[str, ...] = ()
    kills: int = 0
    ended: int = 0
    """Workers that ended themselves after the last kill, and were started again as a service manager does."""

    waited: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.prefix = f"{uuid4().hex[:8]}-"
        self.sent = self.folder / "sent"
        self.running: list[subprocess.Popen[bytes]] = []
        make_topics(self.address, self.prefix, partitions=PARTITIONS)

    async def run(self, kills: int) -> Found:
        """Feeds, kills so many times, waits until all rests and looks."""
        producer = AIOKafkaProducer(bootstrap_servers=self.address, acks="all")
        progress = Progress(Cluster(self.address, PARTITIONS, self.prefix), self.prefix + APP)
        await producer.start()
        await progress.start()
        try:
            await self._feed(producer, 2 * WAITING)
            self.running = [await self._started(number) for number in range(self.workers)]
            for _ in range(kills):
                await self._kill_one(producer, progress)
            await self._rest(progress)
            return await self._found()
        finally:
            for worker in self.running:
                worker.kill()
                worker.wait()
            await producer.stop()
            await progress.stop()

    async def _kill_one(self, producer: AIOKafkaProducer, progress: Progress) -> None:
        await asyncio.sleep(self.random.uniform(0.2, 2.0))  # the moment of the death is drawn
        await self._feed(producer, max(0, 2 * WAITING - await self._waiting(progress)))
        number = self.random.randrange(self.workers)
        self.running[number].kill()
        self.running[number].wait()
        self.waited.append(await self._waiting(progress))
        self.running[number] = await self._started(number)
        self.kills += 1

    async def _started(self, number: int) -> subprocess.Popen[bytes]:
        async with asyncio.timeout(READY_S):
            return await asyncio.to_thread(self._start, number)

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        """A worker that has said that it is ready, or has ended."""
        with open(self.folder / f"worker-{number}.log", "ab") as log:
            command = [sys.executable, "-m", "tests.kafka.mortal_worker", self.address, self.prefix, str(PARTITIONS)]
            worker = subprocess.Popen(
                [*command, str(self.sent), *self.options], stdout=subprocess.PIPE, stderr=log, cwd=ROOT
            )
        assert worker.stdout is not None
        with worker.stdout:
            worker.stdout.readline()
        return worker

    # --- what is fed -------------------------------------------------------------------------------------------------

    async def _feed(self, producer: AIOKafkaProducer, count: int) -> None:
        fed = list(self._events(count))
        self.events += fed
        sent = [
            await producer.send(self.prefix + INPUTS[event.kind], encode(event), key=event.source.encode())
            for event in fed
        ]
        await asyncio.gather(*sent)

    def _events(self, count: int) -> Iterator[Event]:
        registry = self.intake.profile.policy.registry
        incidents, readings = registry.sources["verksamheter"].source, registry.sources["svoa-scada"].source
        homes = {asset.id: registry.home((asset.area,)) for asset in registry.assets.values()}
        assets = sorted(name for name, home in homes.items() if home in DISTRICTS)
        sensors = calm_sensors(self.intake)
        for number in range(len(self.events), len(self.events) + count):
            at, name = datetime.now(UTC), f"{self.seed}-{number}"
            if number % INCIDENT_EACH == 0:
                asset = self.random.choice(assets)
                payload = Incident(kind="school-closed", asset=asset, ref=f"r{name}", text="Prov")
                yield Event(id=name, source=incidents, time=at, realm="live", payload=payload)
            else:
                reading = Reading(sensor=self.random.choice(sensors), value=self.random.choice(CALM), time=at)
                yield Event(id=name, source=readings, time=at, realm="live", payload=Readings(readings=(reading,)))

    @property
    def incidents(self) -> list[Event]:
        return [event for event in self.events if event.kind is EventKind.INCIDENT]

    # --- what is found -----------------------------------------------------------------------------------------------

    async def _waiting(self, progress: Progress) -> int:
        ends, done = await progress.ends(tuple(INPUTS.values())), await progress.committed()
        return sum(end - max(0, done.get(tp, 0)) for tp, end in ends.items())

    async def _rest(self, progress: Progress) -> None:
        topics = (*INPUTS.values(), *(stage.value for stage in REMEMBERING), Stage.DELIVER.value)
        manager = asyncio.create_task(self._keep_running())
        try:
            async with asyncio.timeout(RESTS_S):
                ends: dict[Any, int] = {}
                while ends != (now := await progress.ends(topics)):  # what was done may have written more
                    ends = now
                    await progress.drained(topics)
        finally:
            manager.cancel()

    async def _keep_running(self) -> None:
        while True:
            for number, worker in enumerate(self.running):
                if worker.poll() is not None:
                    self.ended += 1
                    self.running[number] = await self._started(number)
            await asyncio.sleep(0.5)  # as a service manager waits before it starts again

    async def _found(self) -> Found:
        reader = AIOKafkaConsumer(
            bootstrap_servers=self.address, enable_auto_commit=False, max_partition_fetch_bytes=8 * 1024 * 1024
        )
        await reader.start()
        try:
            shown = [(label_read(dict(m.headers)[HEADER]).realm, m.value) for m in await self._all(reader, SITUATIONS)]
            records = [(realm, RECORDS.validate_json(value)) for realm, value in shown if value is not None]
            dead = [(message.headers, message.value) for message in await self._all(reader, DEAD_LETTERS)]
            partitions = [p for stage in REMEMBERING for p in await self._partitions(reader, stage)]
        finally:
            await reader.stop()
        lines = self.sent.read_text().splitlines() if self.sent.exists() else []
        attempts = Counter(line.split()[1] for line in lines)
        return Found(records, attempts, dead, {(p.stage, p.number): p for p in partitions})

    async def _partitions(self, reader: AIOKafkaConsumer, stage: Stage) -> list[Partition]:
        found = {number: Partition(stage, number, lambda *_: 0) for number in range(PARTITIONS)}
        for message in await self._all(reader, changelog(stage)):
            found[message.partition].restore(message.key, message.value, int(dict(message.headers)[EPOCH_HEADER]))
        for partition in found.values():
            partition.open(0, 0, people=False)
        return list(found.values())

    async def _all(self, reader: AIOKafkaConsumer, topic: str) -> list[Any]:
        tps = [TopicPartition(self.prefix + topic, number) for number in range(PARTITIONS)]
        reader.assign(tps)
        await reader.seek_to_beginning(*tps)
        ends, found = await reader.end_offsets(tps), list[Any]()
        while [tp for tp in tps if await reader.position(tp) < ends[tp]]:
            for messages in (await reader.getmany(timeout_ms=500)).values():
                found += messages
        return found
