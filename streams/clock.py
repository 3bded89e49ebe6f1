"""Time, as a host asks for it. The stages never do."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a host asks for the time of day."""

    def now(self) -> datetime:
        """The present moment, aware and in UTC."""
        ...

    def seconds_until(self, instant: datetime) -> float:
        """Real seconds to wait for this moment; zero or less if it has been."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def seconds_until(self, instant: datetime) -> float:
        return (instant - self.now()).total_seconds()


class StoryClock:
    """A clock that stands still until it is told to go on: for stories and the demo (semantics 26)."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def advance(self, to: datetime) -> None:
        """Sets the clock forward; backward is no change."""
        with self._lock:
            self._now = max(self._now, to)

    def seconds_until(self, instant: datetime) -> float:
        """As if the time of the story were real from now on: an attempt has as long as it would have had."""
        return (instant - self.now()).total_seconds()
