"""Time, as a host asks for it. The stages never do.

A machine's wall clock is set: by NTP, by a hand, by a battery that died. If durations were measured with it, an hour
forward would make every sensor silent and every deadline pass, and an hour back would make an hour in which nothing is
due. So the wall clock says where we begin; from there we go by a clock that nobody sets (CLOCK_BOOTTIME, which also
counts while the machine sleeps). What the wall clock drifts is followed by one part in a hundred; what it jumps, too,
and so over days: a timer of an hour is at most half a minute wrong, and now never goes back (decision 0025).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What a host asks for the time of day."""

    def now(self) -> datetime:
        """The present moment, aware and in UTC."""
        ...

    def seconds_until(self, instant: datetime) -> float:
        """Real seconds to wait for this moment; zero or less if it has been."""
        ...

    def not_before(self, instant: datetime) -> None:
        """Now is this moment, or later."""
        ...

    @property
    def apart(self) -> timedelta:
        """How far the machine's wall clock is ahead of this one."""
        ...


FOLLOWED = 0.01
"""So much of the time that passes may go to following the wall clock."""

APART = timedelta(seconds=5)
"""Further apart than this, and somebody should see to the machine's clock."""


def unset_seconds() -> float:
    """Seconds by a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SystemClock:
    """The machine's time, without its jumps. `wall`, `unset`: where both kinds of seconds come from."""

    def __init__(self, wall: Callable[[], float] = time.time, unset: Callable[[], float] = unset_seconds) -> None:
        self._wall, self._unset = wall, unset
        self._lock = threading.Lock()
        self._said, self._at = wall(), unset()

    def now(self) -> datetime:
        with self._lock:
            return datetime.fromtimestamp(self._go_on(), UTC)

    def _go_on(self) -> float:
        """What has passed since the last look, and a little of what the wall clock says besides."""
        at = self._unset()
        passed = max(0.0, at - self._at)
        reckoned = self._said + passed
        most = passed * FOLLOWED
        self._said = reckoned + min(most, max(-most, self._wall() - reckoned))
        self._at = at
        return self._said

    def seconds_until(self, instant: datetime) -> float:
        return (instant - self.now()).total_seconds()

    def not_before(self, instant: datetime) -> None:
        with self._lock:
            self._said = max(self._go_on(), instant.timestamp())

    @property
    def apart(self) -> timedelta:
        with self._lock:
            return timedelta(seconds=self._wall() - self._go_on())


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

    def not_before(self, instant: datetime) -> None:
        self.advance(instant)

    @property
    def apart(self) -> timedelta:
        return timedelta(0)
