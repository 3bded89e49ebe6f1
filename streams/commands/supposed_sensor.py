"""A sensor supposed to pass the limit of the most serious rule that listens to it, for as long as the rule asks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from notifiers.profile import Profile
from rules import duration
from rules.events import EventKind, Reading, Readings
from rules.explain import area_name, quantity, sensor_words
from rules.policy import LeafRef
from rules.registry import Sensor
from rules.rule import AllCondition, SensorCondition
from streams.commands.console import UsageFault
from streams.commands.question import Question, Supposed, admitted
from streams.intake import Intake

READINGS_MAX = 500
"""A condition that holds for days needs no reading a minute here."""


def beyond_limit(intake: Intake, question: Question, at: datetime) -> Supposed | None:
    """Readings that keep the sensor past the limit, up to this moment. None if no rule listens to it."""
    listening = [(s, leaf) for s in sensors(intake.profile, question) for leaf in _leaves(intake.profile, s)]
    if not listening:
        return None
    ladder = intake.profile.policy.ladder
    sensor, leaf = max(listening, key=lambda found: ladder.rank(found[1].rule.level))
    values = dict(_values(intake.profile, sensor, leaf))
    longest = max((_held(ref) for ref in leaf.rule.when), default=timedelta(0))
    moments = _moments(intake.profile, tuple(values), at, longest)
    events = tuple(admitted(intake, _readings(values, moment), moment) for moment in moments)
    return Supposed(intake, events, _said(intake.profile, values, longest, leaf))


def sensors(profile: Profile, question: Question) -> tuple[Sensor, ...]:
    """The sensors meant; within the area, if one is given."""
    registry = profile.policy.registry
    found = registry.sensors_of(question.sensor or "")
    area = registry.resolve_area(question.area) if question.area is not None else registry.city
    inside = tuple(s for s in found if area is None or registry.within(s.area, area))
    if not inside:
        raise UsageFault(f"{question.sensor} finns inte i {area_name(area or '', registry)}")
    return inside


def _leaves(profile: Profile, sensor: Sensor) -> tuple[LeafRef, ...]:
    home = profile.policy.registry.home((sensor.area,))
    found = profile.policy.matching(EventKind.READINGS, sensor.id, home)
    return tuple(leaf for leaf in found if not leaf.lowers)


def _values(profile: Profile, sensor: Sensor, leaf: LeafRef) -> Iterator[tuple[str, float]]:
    """A value beyond the limit for the sensor, and where the rule asks for several at once, for one of each other."""
    wanted = leaf.rule.when if isinstance(leaf.rule.rule.when, AllCondition) else (leaf,)
    for other in wanted:
        if isinstance(other.condition, SensorCondition):
            near = sensor if other is leaf else _nearest(profile, sensor, other.condition)
            if near is not None:
                yield near.id, beyond(other.condition)


def _nearest(profile: Profile, sensor: Sensor, condition: SensorCondition) -> Sensor | None:
    registry = profile.policy.registry
    home = registry.home((sensor.area,))
    found = registry.sensors_of(condition.sensor)
    return next((s for s in found if registry.within(s.area, home)), next(iter(found), None))


def beyond(condition: SensorCondition) -> float:
    """A value that the condition holds for, a little past its limit."""
    above, below = condition.above, condition.below
    if above is not None and below is not None:
        return (above + below) / 2
    limit = above if above is not None else below
    assert limit is not None, "a sensor condition has a limit"
    step = 10.0 ** (math.floor(math.log10(abs(limit))) - 1) if limit else 0.1
    return round(limit + (step if above is not None else -step), 6)


def _held(leaf: LeafRef) -> timedelta:
    held = leaf.condition.for_ if isinstance(leaf.condition, SensorCondition) else None
    return timedelta(seconds=held.total_seconds()) if held is not None else timedelta(0)


def _moments(profile: Profile, sensors: tuple[str, ...], at: datetime, longest: timedelta) -> Iterator[datetime]:
    """When the sensors are heard: often enough that no value grows stale before the limit has been held."""
    registry = profile.policy.registry
    valid = min(registry.sensor_kinds[registry.sensors[s].kind].valid_for for s in sensors)
    step = max(valid / 2, longest / READINGS_MAX, timedelta(seconds=1))
    moment = at - longest
    while moment < at:
        yield moment
        moment += step
    yield at


def _readings(values: dict[str, float], at: datetime) -> Readings:
    return Readings(readings=tuple(Reading(sensor=s, value=v, time=at) for s, v in values.items()))


def _said(profile: Profile, values: dict[str, float], longest: timedelta, leaf: LeafRef) -> str:
    registry = profile.policy.registry
    told = []
    for sensor, value in values.items():
        name, unit = sensor_words(sensor, registry)
        told.append(f"{name} {quantity(value, unit)}")
    held = f" i {duration.say(longest)}" if longest else ""
    said = " och ".join(told)
    return f"{said[:1].upper()}{said[1:]}{held} (regeln «{leaf.rule.rule.name}»)"
