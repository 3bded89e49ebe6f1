"""Faust as it comes, for the tests of the tests: each remedy can be taken away."""

from __future__ import annotations

from faust.tables.recovery import Recovery
from faust.transport.drivers.aiokafka import Consumer

from streams import faust_remedy


def take_away_the_order() -> None:
    """The source topics flow before they are moved to the committed offset."""
    faust_remedy.SeekFirst.on_recovery_completed = Recovery.on_recovery_completed  # type: ignore[method-assign]


def take_away_the_guard() -> None:
    """A hole in the offsets is taken for compaction."""
    faust_remedy.Unbroken.getmany = Consumer.getmany  # type: ignore[method-assign]
