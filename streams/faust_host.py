"""The Faust host: the same stages as workers on Kafka, when one machine is not enough.

Theory. An input record goes through a door without memory to the topic of its first stage; each keyed stage reads its
own topic and writes to others'. What a stage remembers is a table whose changelog is Kafka's. What makes a death
harmless stands in `streams.partition`; that nothing is lost on the way, in `streams.faust_remedy` and `streams.inbox`.

Time. `now` is the broker's stamp of the input record, carried along. Wall time (the broker's) fires a timer only when
nothing waits that may concern its key: a round first sees the input topics read to where they ended when it began, then
tells assess of what is due; then sees assess's topic read likewise, tells alert; and so on. A backlog after a stop is
worked through with its own stamps, so that it raises no false silence.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from faust.types import TP

from rules.frozen import Frozen
from rules.step import Stage
from streams.broker_clock import BrokerClock
from streams.delivery_runner import Deliver, DeliveryRunner
from streams.door_runner import DoorRunner
from streams.entries_table import EntriesTable
from streams.faust_remedy import MendedApp
from streams.inbox import Inbox
from streams.intake import Intake
from streams.journal import micros
from streams.kafka_writer import KafkaWriter, Record
from streams.parcel import HEADER, Origin, label_read
from streams.partition import Partition
from streams.policy_topic import WORKER, Worker, worker_written
from streams.progress import Progress
from streams.seal import Seal
from streams.spread import Spread
from streams.stage_runner import StageRunner
from streams.stages import RECORDS
from streams.topics import APP, INPUTS, POLICY, REMEMBERING, SITUATIONS

_log = logging.getLogger(__name__)
SESSION_S, HEARTBEAT_S, COMMIT_S = 6.0, 1.0, 0.25
JOINED_S = 12.0
"""How long a rebalance waits for a member that died in the middle of it; Faust's own minute would be everybody's."""

REQUEST_S = 90.0
"""How long a record may wait for a broker that is gone. Longer than a restart of one takes."""

ROUND_S = 0.2
REST_S = 0.01


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the worker's Kafka is. `prefix` stands before every topic's name; `partitions` as `beredd topics` made
    them. `web_port` None: Faust's own pages are closed."""

    address: str
    partitions: int
    prefix: str = ""
    web_port: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Whom the host tells: of each record for views, in the order of its sender; and of what it counts."""

    recorded: Callable[[str, Frozen], None]
    counted: Callable[[str, int], None]


class Runner(Protocol):
    """What works off an inbox. `busy`: something is under way. `revoke` lets go of it."""

    @property
    def busy(self) -> bool: ...

    def revoke(self) -> None: ...


class FaustHost:
    """One worker."""

    def __init__(
        self,
        cluster: Cluster,
        intake: Intake,
        spread: Spread,
        seal: Seal,
        deliver: Deliver,
        told: Told,
        clock: Any = None,
        stamp: Any = None,
    ) -> None:
        """`clock`, `stamp`: for virtual time, where the topics let their senders stamp."""
        self.cluster, self.intake, self.told = cluster, intake, told
        self.seal, self.clock = seal, clock or BrokerClock()
        self._left = -1
        self.app = _app(cluster, self._hole, self._rest)
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.writer = KafkaWriter(self.app, cluster.prefix, self.clock, stamp)
        self.progress = Progress(cluster, self.app.conf.id)
        self._made = lambda stage, number: Partition(stage, number, spread.place)
        self.doors = {
            topic: DoorRunner(topic, self.writer, lambda: self.intake, spread.place, seal, told.counted)
            for topic in INPUTS.values()
        }
        self.stages = {stage: self._stage(stage) for stage in REMEMBERING}
        self.delivery = DeliveryRunner(self.writer, deliver, spread.place, lambda: micros(self.clock.now()))
        self.shown: dict[int, int] = {}
        self._heard: dict[str, tuple[int, int, int]] = {}
        self._connect()
        self._tasks: list[asyncio.Task[None]] = []
        self.crashed: asyncio.Future[None] | None = None
        self.held = False
        """While it is, wall time fires nothing: whoever plays a story says when."""

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """The worker is a member of the group. Raises what Kafka raises."""
        self.crashed = asyncio.get_running_loop().create_future()
        await self.progress.start()
        await self.app.start()
        runs = [*(door.run() for door in self.doors.values()), *(stage.run() for stage in self.stages.values())]
        runs += [self.delivery.run(), self._keep_time(), self._watch()]
        self._tasks = [asyncio.get_running_loop().create_task(self._guarded(run)) for run in runs]

    async def stop(self) -> None:
        """What is under way is finished within bounds; the partitions are others'."""
        await self.app.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.progress.stop()

    def adopt(self, intake: Intake) -> None:
        """The profile in force here from the next turn of each stage on."""
        self.intake = intake
        for runner in self.stages.values():
            runner.inbox.nudge()

    async def announce(self) -> None:
        """Says in the topic `policy` what this worker runs. It is written when this returns."""
        word = Worker(self.name, self.intake.profile.hash, micros(self.clock.now()))
        key = f"{WORKER}{self.name}".encode()
        await self.writer.write([Record(POLICY, key, worker_written(word), partition=0)])

    async def _guarded(self, run: Any) -> None:
        """A runner that fails ends the worker: what it had not done is done again by the next owner."""
        try:
            await run
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            _log.exception("the worker cannot go on")
            if self.crashed is not None and not self.crashed.done():
                self.crashed.set_exception(error)

    def _hole(self, tp: TP, count: int, erased: bool) -> None:
        self.told.counted("erased_records" if erased else "offset_holes", count)
        what = "the broker has erased them by its rule" if erased else "they must be read again"
        _log.error("%s[%d]: %d records were never handed to us; %s", tp.topic, tp.partition, count, what)

    # --- Faust -------------------------------------------------------------------------------------------------------

    def _stage(self, stage: Stage) -> StageRunner:
        table = EntriesTable(
            self.app, name=stage.value, partitions=self.cluster.partitions, key_type=bytes, value_type=bytes
        )
        self.app.tables.add(table)
        runner = StageRunner(stage, table, self.writer, self.clock, lambda: self.intake, self._generation)
        table.begin(stage, self._made, runner.inbox.nudge)
        return runner

    def _generation(self) -> int:
        return int(self.app.consumer_generation_id)

    def _ours(self, event: Any) -> bool:
        """True if no rebalance began since the record was fetched."""
        return bool(event.message.generation_id == self._generation() != self._left)

    async def _rest(self) -> None:
        """What waits is the next owner's. Returns when nothing is under way."""
        self._left = self._generation()
        for inbox in self._inboxes().values():
            inbox.clear()
        while any(runner.busy for runner in self._runners()):  # noqa: ASYNC110  many tasks, each with its own end
            await asyncio.sleep(REST_S)

    def _inboxes(self) -> dict[str, Inbox]:
        inboxes = {topic: door.inbox for topic, door in self.doors.items()}
        inboxes |= {stage.value: runner.inbox for stage, runner in self.stages.items()}
        return inboxes | {Stage.DELIVER.value: self.delivery.inbox}

    def _connect(self) -> None:
        """Each topic's agent puts what comes into its runner's inbox, which acknowledges it."""
        for topic, inbox in self._inboxes().items():
            channel = self.app.topic(
                self.cluster.prefix + topic,
                key_serializer="raw",
                value_serializer="raw",
                key_type=bytes,
                value_type=bytes,
            )
            self.app.agent(channel, name=topic, concurrency=1)(_filling(inbox, self._ours))
        self.app.on_partitions_revoked.connect(self._revoked)

    async def _revoked(self, *_: Any, **__: Any) -> None:
        for runner in self._runners():
            runner.revoke()

    def _runners(self) -> tuple[Runner, ...]:
        return (*self.doors.values(), *self.stages.values(), self.delivery)

    # --- time --------------------------------------------------------------------------------------------------------

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(ROUND_S)
            if not self.held:
                await self.round(micros(self.clock.now()))

    async def round(self, until: int) -> None:
        """Every timer due by then that is a key's of ours has been told, once all before it was read."""
        await self.progress.drained(tuple(INPUTS.values()))
        for stage in REMEMBERING:
            await self.stages[stage].tick(until)
            await self.progress.drained((stage.value,))

    # --- views -------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """What any worker's stages write down, from the beginning, is told here."""
        async for message in self.progress.records(SITUATIONS):
            self._show(dict(message.headers), message.value)
            self.shown[message.partition] = message.offset + 1

    def _show(self, headers: Mapping[str, bytes], value: bytes | None) -> None:
        if value is None:
            return
        label = label_read(headers[HEADER])
        assert isinstance(label.whence, Origin), "records come from stages"
        if label.whence.place > self._heard.get(label.whence.sender, (-1, 0, 0)):
            self._heard[label.whence.sender] = label.whence.place
            self.told.recorded(label.realm, RECORDS.validate_json(value))


def _filling(inbox: Inbox, ours: Callable[[Any], bool]) -> Any:
    async def fill(stream: Any) -> None:
        async for event in stream.noack().events():
            await inbox.put(event, ours)

    return fill


def _app(cluster: Cluster, hole: Callable[[TP, int, bool], None], rest: Callable[[], Awaitable[None]]) -> MendedApp:
    return MendedApp(
        cluster.prefix + APP,
        hole=hole,
        rest=rest,
        broker=f"kafka://{cluster.address}",
        store="memory://",
        processing_guarantee="at_least_once",
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_rebalance_timeout=JOINED_S,
        broker_commit_interval=COMMIT_S,
        broker_max_poll_records=500,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        producer_request_timeout=REQUEST_S,
        producer_max_request_size=6 * 1024 * 1024,
        consumer_max_fetch_size=6 * 1024 * 1024,
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
        web_enabled=cluster.web_port is not None,
        web_bind="127.0.0.1",
        web_host="127.0.0.1",
        web_port=cluster.web_port or 6066,
        web_tables_enabled=False,
        web_router_enabled=False,
        worker_redirect_stdouts=False,
    )
