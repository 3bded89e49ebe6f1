"""What the benchmarks run on: a town of so many sensors and rules, and the bodies that its gateways send."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from notifiers.profile import Profile
from rules.events import Event, Reading, Readings
from rules.frozen import Frozen
from rules.geography import Geography
from streams.embedded import Handout
from streams.intake import Intake
from streams.wire import encode
from tests.laws.strategies import town

START = datetime.now(UTC) - timedelta(hours=12)


class Deaf:
    """A listener that does nothing, so that only the host is measured."""

    def recorded(self, realm: str, record: Frozen) -> None: ...
    def handed_out(self, handout: Handout) -> None: ...
    def counted(self, what: str, amount: int) -> None: ...


def profile(sensors: int, rules: int, each: int = 1, *, back: bool = False) -> Profile:
    """A town in which every sensor is under exactly `each` rules, of which there are `rules`: a rule is over all the
    sensors of a kind, and there are as many kinds as it takes. `back`: the rules ask for five
    minutes, and values that come five minutes late still take their place, so ten minutes of values are kept."""
    kinds = max(1, rules // each)
    late = {"lateness": "5 min"} if back else {}
    found = town(
        [_rule(number, number % kinds, number // kinds, back=back) for number in range(rules)],
        sensor_kinds=[{"id": f"k{n}", "name": "Tryck", "unit": "bar", "valid_for": "1 h"} | late for n in range(kinds)],
        sensors=[{"id": f"s{n}", "kind": f"k{n % kinds}", "area": "nord.ett"} for n in range(sensors)],
        families=[],
    )
    found.policy._index, found.policy.buckets, found.policy.sensor_homes, found.policy.lookbacks  # noqa: B018  (made once, at the first use)
    return found


def _rule(number: int, kind: int, step: int, *, back: bool) -> dict[str, Any]:
    limit, held = 2.0 - step / 1000, {"for": "5 min"} if back else {}
    return {"id": f"r{number}", "name": "R", "each": "sensor", "when": {"sensor": f"k{kind}", "below": limit} | held}


def intake(found: Profile) -> Intake:
    return Intake(found, Geography(found.policy.registry, {}), open_door=True)


def batches(sensors: int, size: int, readings: int, *, scattered: bool = False) -> list[Event]:
    """So many readings of the sensors in turn, in batches. `scattered`: neighbours in a batch are none in the registry.
    First comes a value of every sensor, which is not timed. No value changes a truth, as nearly none does."""
    order = list(range(sensors))
    if scattered:
        random.Random(1).shuffle(order)
    return [_batch(k, order, size) for k in range((sensors + readings) // size)]


def _batch(k: int, order: list[int], size: int) -> Event:
    at = START + timedelta(seconds=k)
    numbers = (order[(k * size + i) % len(order)] for i in range(size))
    readings = tuple(
        Reading(sensor=f"s{n}", value=3.0 + n % 7 / 10, time=at + timedelta(milliseconds=i))
        for i, n in enumerate(numbers)
    )
    return Event(id=str(k), source="urn:test", time=at, realm="live", payload=Readings(readings=readings))


def written(events: Iterable[Event]) -> list[bytes]:
    return [encode(event) for event in events]
