"""What Faust 0.15.3 gets wrong that would lose records, mended in one place; and the refusal to run on any other.

1. At the end of table recovery Faust lets the source topics flow before it has moved them to the committed offset. The
   fetcher is running, since it has read the changelog; so it begins to hand out a batch, the move comes in between, and
   the rest of the batch is neither handed out nor read again. `SeekFirst` moves first, and then lets them flow. (The
   sibling without tables is faust-streaming/faust issue 216.)
2. Faust takes a jump in the offsets for compaction, and commits past it; and it makes such jumps: the set of partitions
   to fetch is shared with the consumer's thread, is emptied for a moment at the end of a recovery, and empty means all
   of them; what was fetched so is thrown away. `Unbroken` fetches with a copy; and since our topics are neither
   compacted nor transactional where we read them, it goes back at any jump to what was skipped, and hands out nothing
   of that partition until it comes.
3. After a rebalance Faust reads the changelog of a partition that stayed from where it last stopped reading. What we
   remember of a partition is dropped at each rebalance (another may have owned it in between), so `SeekFirst` has every
   changelog read from its beginning.
4. What was fetched when a rebalance came is dropped, and read again from the committed offset. Where nothing has been
   committed yet Faust moves nowhere, and the record is lost: `SeekFirst` goes to the oldest one.
5. Before a rebalance Faust waits for every record that it has handed out, waiting ones too, and swallows whoever would
   cancel that; the broker expels the worker meanwhile. `MendedApp` waits for what is under way, within a bound.

Each is tried by tests that fail without it, on this version alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import Any, cast

from faust import App
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP, Message

PATIENCE_S = 4.0
TRIED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}


class UntriedVersionError(Exception):
    """Faust is of a version that the remedy was not tried on. The message says which, in Swedish."""


def refuse_untried() -> None:
    """Returns if Faust is of the version that was tried. Raises UntriedVersionError if not."""
    for package, tried in TRIED.items():
        if (found := version(package)) != tried:
            raise UntriedVersionError(
                f"{package} {found} är inte prövad: Faust förlorar poster vid omstart om den inte lagas, och lagningen "
                f"är prövad på {tried}. Installera {package}=={tried}."
            )


class SeekFirst(Recovery):
    """Recovery that moves to the committed offsets before anything flows."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        self.active_offsets.clear()
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """As Faust 0.15.3 has it, but for the order of the seek and the resumption."""
        app = cast(Any, self.app)
        consumer = app.consumer
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        tables = list(self.tables.values())
        if tables:
            await asyncio.gather(*(self._told(table) for table in tables))
        assignment = consumer.assignment()
        if app.consumer_generation_id != generation_id:
            return
        if assignment:
            await self._wait(consumer.perform_seek(), timeout=app.conf.broker_request_timeout)
            await self._wait(self._begin_unread(consumer), timeout=app.conf.broker_request_timeout)
        consumer.resume_partitions({tp for tp in assignment if not self._is_changelog_tp(tp)})
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        if not app.assignor.assigned_standbys():
            self.tables.on_standbys_ready()
        app.on_rebalance_end()

    async def _begin_unread(self, consumer: Any) -> None:
        """A partition of which nothing was ever committed is read from its oldest record."""
        sources = {tp for tp in consumer.assignment() if not self._is_changelog_tp(tp)}
        unread = {tp for tp in sources if consumer._committed_offset.get(tp) is None}
        if unread:
            oldest = await consumer.earliest_offsets(*unread)
            begin = {tp: oldest.get(tp) or 0 for tp in unread}
            await consumer.seek_wait(begin)
            consumer.begin(begin)

    async def _told(self, table: Any) -> None:
        await table.on_recovery_completed(self.actives_for_table[table], self.standbys_for_table[table])


class SeekFirstTables(TableManager):
    """Tables that are recovered so."""

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = SeekFirst(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class Unbroken(Consumer):
    """A consumer that hands out every record of a source once and in order, or none."""

    def on_init(self) -> None:
        self._next: dict[TP, int] = {}
        super().on_init()

    async def perform_seek(self) -> None:
        await super().perform_seek()
        self._next = {tp: offset for tp, offset in self._committed_offset.items() if offset is not None}

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109  as Faust names it
    ) -> Any:
        return await super()._getmany(None if active_partitions is None else set(active_partitions), timeout)

    def begin(self, offsets: Mapping[TP, int]) -> None:
        """The partitions were moved to these offsets."""
        self._next.update(offsets)

    async def getmany(
        self,
        timeout: float,  # noqa: ASYNC109  as Faust names it
    ) -> AsyncIterator[tuple[TP, Message]]:
        """As Faust's, but that a source's records come without a hole."""
        back = set[TP]()
        async for tp, message in super().getmany(timeout):
            due = None if self._is_changelog_tp(tp) else self._next.get(tp)
            if due is None or message.offset == due or await self._erased(tp, due, message.offset):
                self._next[tp] = message.offset + 1
                yield tp, message
            elif message.offset > due and tp not in back:
                back.add(tp)
                cast(MendedApp, self.app).hole(tp, message.offset - due, False)
                await self.seek_wait({tp: due})

    async def _erased(self, tp: TP, due: int, offset: int) -> bool:
        """True if the broker erased what stood between, by its own rule. That it did is told."""
        if offset < due:
            return False
        oldest = (await self.earliest_offsets(tp)).get(tp)
        erased = oldest is not None and oldest >= offset
        if erased:
            cast(MendedApp, self.app).hole(tp, offset - due, True)
        return erased


class UnbrokenTransport(Transport):
    """Kafka by such consumers."""

    Consumer = Unbroken


class MendedApp(App):
    """A Faust app with the remedies. `hole` is told of records that never came: topic and partition, how many, and
    whether the broker had erased them. `rest` lets go of what only waits, and returns when nothing is under way; it can
    be cancelled. Raises UntriedVersionError."""

    def __init__(
        self, name: str, *, hole: Callable[[TP, int, bool], None], rest: Callable[[], Awaitable[None]], **settings: Any
    ) -> None:
        refuse_untried()
        self.hole, self.rest = hole, rest
        super().__init__(name, TableManager=SeekFirstTables, **settings)

    def _new_transport(self) -> Transport:
        return UnbrokenTransport(self.conf.broker_consumer, self)

    async def _consumer_wait_empty(self, consumer: Any, logger: Any) -> None:
        """What is under way is waited for, but not so long that a provider which hangs keeps everybody's partitions
        still: what is not done then is done again by the next owner."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.rest(), PATIENCE_S)
        await consumer.commit_and_end_transactions()
