"""The broker's time, as a worker knows it: what the last acknowledged record was stamped with, and what has passed
since by a clock that nobody sets."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class BrokerClock:
    """Never goes back. Until the broker has stamped anything it is the machine's own clock."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._begun = wall(), monotonic()
        self._heard = False
        self._latest = 0.0

    def heard(self, milliseconds: float) -> None:
        """The broker has stamped a record so. One that took longer to come than what we reckon changes nothing."""
        said, now = milliseconds / 1000, self._monotonic()
        if not self._heard or said > self._reckoned():
            self._begun, self._heard = (said, now), True

    def now(self) -> datetime:
        self._latest = max(self._latest, self._reckoned())
        return datetime.fromtimestamp(self._latest, UTC)

    def seconds_until(self, instant: datetime) -> float:
        return (instant - self.now()).total_seconds()

    def not_before(self, instant: datetime) -> None:
        self._latest = max(self._latest, instant.timestamp())

    @property
    def apart(self) -> timedelta:
        """How far the machine's own clock is ahead of the broker's."""
        return timedelta(seconds=self._wall() - self._reckoned())

    def _reckoned(self) -> float:
        said, at = self._begun
        return said + self._monotonic() - at
