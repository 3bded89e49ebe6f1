"""The course of a sensor's values that makes conditions on it hold, for as long as they ask."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules import duration
from rules.explain import quantity, sensor_words
from rules.registry import Registry
from rules.rule import SensorCondition

READINGS_MAX = 500
"""A condition that holds for days needs no reading a minute here."""

NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Course:
    """A sensor with all that one rule asks of it at once; `start`: a value at which nothing is wrong with it."""

    sensor: str
    conditions: tuple[SensorCondition, ...]
    start: float = 0.0

    @property
    def held(self) -> timedelta:
        """How long the conditions must hold."""
        return max((c.for_ or NONE for c in self.conditions), default=NONE)

    @property
    def silent(self) -> timedelta:
        """How long nothing must be heard at the end."""
        return max((c.silent_for or NONE for c in self.conditions), default=NONE)

    @property
    def change(self) -> SensorCondition | None:
        """The condition on how fast the value changes, if there is one."""
        return next((c for c in self.conditions if c.changes), None)

    @property
    def lead(self) -> timedelta:
        """How long the value must have been changing before the change is great enough."""
        return (self.change.within or NONE) if self.change is not None else NONE

    @property
    def slope(self) -> float:
        """Change per second: half as fast again as the condition asks, so that it is enough well within its time."""
        if self.change is None:
            return 0.0
        by = self.change.rises if self.change.rises is not None else -(self.change.falls or 0.0)
        return 1.5 * by / self.lead.total_seconds()

    @property
    def limits(self) -> tuple[float | None, float | None]:
        """What the value must lie above and below."""
        bands = [c.between for c in self.conditions if c.between is not None]
        lows = [c.above for c in self.conditions if c.above is not None] + [low for low, _ in bands]
        highs = [c.below for c in self.conditions if c.below is not None] + [high for _, high in bands]
        return max(lows, default=None), min(highs, default=None)

    def values(self, registry: Registry, at: datetime) -> Iterator[tuple[datetime, float]]:
        """When the sensor is heard and what it says, up to this moment; often enough that no value grows stale."""
        begins, last = at - self.silent - self.held - self.lead, at - self.silent
        moment = begins
        while moment < last:
            yield moment, self._value(moment, begins, last)
            moment += self._step(registry)
        yield last, self._value(last, begins, last)

    def _step(self, registry: Registry) -> timedelta:
        valid = registry.sensor_kinds[registry.sensors[self.sensor].kind].valid_for
        often = min(valid / 2, self.lead / 4) if self.lead else valid / 2
        return max(often, (self.held + self.lead) / READINGS_MAX, timedelta(seconds=1))

    def _value(self, moment: datetime, begins: datetime, last: datetime) -> float:
        """A changing value is beyond its limit, if it has one, for the whole of the time that the conditions hold."""
        low, high = self.limits
        if low is None and high is None:
            return round(self.start + self.slope * (moment - begins).total_seconds(), 6)
        leaves_it = (self.slope > 0) is (low is not None)
        anchor = last - self.held if leaves_it else last
        return round(beyond(low, high) + self.slope * (moment - anchor).total_seconds(), 6)

    def said(self, registry: Registry) -> str:
        """The course in words, as `vattennivå (Slussen) 3,85 m i 30 min`."""
        name, unit = sensor_words(self.sensor, registry)
        low, high = self.limits
        told = [quantity(beyond(low, high), unit)] if low is not None or high is not None else []
        if self.change is not None:
            way = "stiger" if self.slope > 0 else "sjunker"
            by = abs(self.slope) * self.lead.total_seconds()
            told.append(f"{way} {quantity(round(by, 6), unit)} på {duration.say(self.lead)}")
        if self.held:
            told[-1] += f" i {duration.say(self.held)}"
        if self.silent:
            told.append(f"tyst i {duration.say(self.silent)}")
        return f"{name} {' och '.join(told)}"


def beyond(above: float | None, below: float | None) -> float:
    """A value between the two, or a little past the only one."""
    if above is not None and below is not None:
        return (above + below) / 2
    limit = above if above is not None else below
    assert limit is not None, "one of the two is a limit"
    step = 10.0 ** (math.floor(math.log10(abs(limit))) - 1) if limit else 0.1
    return round(limit + (step if above is not None else -step), 6)
