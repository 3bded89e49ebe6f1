"""What `beredd who` supposes has happened: the events that would say so, from a source that may report them.

A function has no event of its own, so a kind of incident that only that function answers for is added to the profile.
A sensor is supposed to pass the limit of the most serious rule that listens to it, for as long as the rule asks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from notifiers.profile import Profile
from rules import duration
from rules.document import unknown
from rules.events import LIVE, Event, EventKind, Incident, Payload, Position, Reading, Readings
from rules.explain import area_name, place, quantity, sensor_words, uncapitalised
from rules.policy import LeafRef
from rules.registry import Function, IncidentKind, Sensor
from rules.rule import AllCondition, SensorCondition
from streams.commands.console import CommandError, UsageFault, talk
from streams.intake import Intake
from streams.refusal import Refusal

READINGS_MAX = 500
"""A condition that holds for days needs no reading a minute here."""


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks about: one of incident, function and sensor, perhaps a place, perhaps a level."""

    incident: str | None = None
    function: str | None = None
    sensor: str | None = None
    area: str | None = None
    asset: str | None = None
    position: Position | None = None
    level: str | None = None
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Supposed:
    """The events in order, the profile that understands them, and in words what they are about."""

    intake: Intake
    events: tuple[Event, ...]
    said: str


def suppose(intake: Intake, question: Question, at: datetime) -> Supposed:
    """The events that the question stands for, the last of them at this moment. UsageFault for unknown names."""
    _known(intake.profile, question)
    if question.sensor is not None:
        return _sensor(intake, question, at)
    if question.function is not None:
        return _function(intake, question, at)
    return _incident(intake, question, question.incident or "", at)


def _known(profile: Profile, question: Question) -> None:
    registry = profile.policy.registry
    names: tuple[tuple[str | None, list[str], str], ...] = (
        (question.incident, list(registry.incident_kinds), "händelselag"),
        (question.function, list(registry.functions), "funktion"),
        (question.sensor, [*registry.sensors, *registry.sensor_kinds], "givare"),
        (question.asset, list(registry.assets), "anläggning"),
        (question.level, [level.id for level in profile.policy.ladder.levels], "nivå"),
    )
    for given, known, what in names:
        if given is not None and given not in known:
            raise UsageFault(unknown(given, known, what))
    if question.area is not None and registry.resolve_area(question.area) is None:
        names_too = [*registry.areas, *(a.name for a in registry.areas.values())]
        raise UsageFault(unknown(question.area, names_too, "område"))


# --- somebody reports ------------------------------------------------------------------------------------------------


def _incident(intake: Intake, question: Question, kind: str, at: datetime) -> Supposed:
    registry = intake.profile.policy.registry
    incident = Incident(
        kind=kind,
        area=question.area,
        asset=question.asset,
        position=question.position,
        danger_to_life=question.danger,
    )
    event = admitted(intake, incident, at)
    where = place(question.asset, intake.areas(event), registry)
    return Supposed(intake, (event,), f"{registry.incident_kinds[kind].name}, {where}")


def _function(intake: Intake, question: Question, at: datetime) -> Supposed:
    """No rule knows the added kind, so what is shown is who answers for the function every day."""
    policy = intake.profile.policy
    function = policy.registry.functions[question.function or ""]
    kind = _failing(function)
    registry = replace(policy.registry, incident_kinds=policy.registry.incident_kinds | {kind.id: kind})
    profile = replace(intake.profile, policy=replace(policy, registry=registry))
    return _incident(Intake(profile, intake.geography, open_door=True), question, kind.id, at)


def _failing(function: Function) -> IncidentKind:
    return IncidentKind(id=f"who.{function.id}", name=f"Störning: {uncapitalised(function.name)}", functions=function.id)


def admitted(intake: Intake, payload: Payload, at: datetime) -> Event:
    """The event, from the first registered source that may report it. CommandError if none may."""
    refusal = ""
    for source in intake.profile.policy.registry.sources.values():
        event = Event(id=f"who-{at.isoformat()}", source=source.source, time=at, realm=LIVE, payload=payload)
        found = intake.admit(event, None)
        if not isinstance(found, Refusal):
            return found
        refusal = found.message
    why = f" Den sista som prövades: {refusal}." if refusal else ""
    raise CommandError(f"ingen källa i profilen (avsnittet sources) får rapportera detta.{why}")


# --- a sensor passes its limit ---------------------------------------------------------------------------------------


def _sensor(intake: Intake, question: Question, at: datetime) -> Supposed:
    listening = [(s, leaf) for s in _sensors(intake.profile, question) for leaf in _leaves(intake.profile, s)]
    if not listening:
        return _unheard(intake, question, at)
    ladder = intake.profile.policy.ladder
    sensor, leaf = max(listening, key=lambda found: ladder.rank(found[1].rule.level))
    values = dict(_values(intake.profile, sensor, leaf))
    longest = max((_held(ref) for ref in leaf.rule.when), default=timedelta(0))
    moments = _moments(intake.profile, tuple(values), at, longest)
    events = tuple(admitted(intake, _readings(values, moment), moment) for moment in moments)
    return Supposed(intake, events, _said(intake.profile, values, longest, leaf))


def _sensors(profile: Profile, question: Question) -> tuple[Sensor, ...]:
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


def _unheard(intake: Intake, question: Question, at: datetime) -> Supposed:
    """No rule listens: whoever answers for what the sensor measures is shown instead, if anybody does."""
    registry = intake.profile.policy.registry
    sensor = _sensors(intake.profile, question)[0]
    function = registry.sensor_kinds[sensor.kind].function
    if function is None:
        raise CommandError(f"ingen regel lyssnar på {question.sensor}, så ingen larmas vad den än visar")
    talk(f"Ingen regel lyssnar på {question.sensor}, så den larmar ingen. Den här ansvarar för det den mäter:")
    instead = Question(function=function, area=sensor.area, asset=sensor.asset, level=question.level)
    return _function(intake, instead, at)


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
