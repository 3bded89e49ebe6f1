"""Readings that come out of order within the lateness that their kind of sensor states (semantics 6).

Theory. A reading older than its sensor's newest is *late* once it is older than the newest by more than the stated
lateness, and plays no part. Until then it takes its place by event time: what a condition looks back on is kept for its
own time and the lateness, so that the truth after the lateness is the same whatever the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby

from rules.rule import SensorCondition

Values = tuple[tuple[datetime, float], ...]
"""A sensor's values, oldest first."""

KEPT = 500
"""Values looked back on at most; a denser sensor loses its oldest first."""


def placed(values: Iterable[tuple[datetime, float]], since: datetime) -> Values:
    """The values in order of event time, each once: those since then, and the one before, which says what held then."""
    ordered = sorted(set(values))
    first = next((n for n, (at, _) in enumerate(ordered) if at > since), len(ordered))
    return tuple(ordered[max(0, first - 1) :][-KEPT:])


def span(conditions: Iterable[SensorCondition], lateness: timedelta) -> timedelta:
    """How far back anything may have to be judged anew."""
    zero = timedelta(0)
    return lateness + max(((c.for_ or zero) + (c.within or zero) for c in conditions), default=zero)


def run_start(condition: SensorCondition, values: Values) -> datetime | None:
    """Since when, without a break up to the newest value, the condition has been true; None if it is not. Of two values
    for one moment the one that makes it true counts (semantics 7)."""
    start = None
    for at, together in groupby(reversed(values), key=lambda v: v[0]):
        if not any(_true(condition, at, value, values) for _, value in together):
            break
        start = at
    return start


def _true(condition: SensorCondition, at: datetime, value: float, values: Values) -> bool:
    if condition.within is None:
        return condition.holds(value)
    return condition.changed(value, tuple(v for t, v in values if at - condition.within <= t < at))
