"""A stage's table as Faust recovers it: what stands in the changelog, given to the stage's partitions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from faust.tables.table import Table
from faust.types import TP, EventT

from rules.step import Stage
from streams.ledger import EPOCH_HEADER
from streams.partition import Partition

_log = logging.getLogger(__name__)


class EntriesTable(Table[bytes, bytes]):
    """Holds no data of its own: Faust reads the changelog, the partitions remember it.

    `restored`: partitions that are ours and read to the end, until somebody takes them. `fault`: why they cannot be.
    """

    def begin(self, stage: Stage, made: Callable[[Stage, int], Partition], told: Callable[[], None]) -> None:
        """Before the app starts. `told`: partitions have been restored."""
        self._stage, self._made, self._restored_told = stage, made, told
        self._reading: dict[int, Partition] = {}
        self.restored: dict[int, Partition] = {}
        self.fault: Exception | None = None

    def persisted_offset(self, tp: TP) -> int | None:
        return None

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        self._reading.clear()
        self.restored.clear()

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        """Faust swallows what is raised here, so a fault is kept, and nobody gets the partitions."""
        for event in batch:
            try:
                self._apply(event.message)
            except Exception as error:
                _log.exception("the changelog of %s cannot be read", self.name)
                self.fault = error

    def _apply(self, message: Any) -> None:
        if message.topic != self.changelog_topic_name:  # Faust gives us those of a table that it does not know
            return
        epoch = int(dict(message.headers or {}).get(EPOCH_HEADER, b"0"))
        self._partition(message.partition).restore(message.key, message.value, epoch)

    def _partition(self, number: int) -> Partition:
        if number not in self._reading:
            self._reading[number] = self._made(self._stage, number)
        return self._reading[number]

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        self.restored = {tp.partition: self._partition(tp.partition) for tp in active_tps}
        self._reading.clear()
        self._restored_told()
