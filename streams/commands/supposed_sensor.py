"""A sensor supposed to do what the most serious rule that listens to it asks, for as long as it asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from notifiers.profile import Profile
from rules.events import EventKind, Reading, Readings
from rules.explain import area_name
from rules.policy import LeafRef
from rules.registry import Sensor
from rules.rule import AllCondition, SensorCondition, SequenceCondition
from streams.commands.console import UsageFault
from streams.commands.course import Course
from streams.commands.question import Question, Supposed, admitted
from streams.intake import Intake


def beyond_limit(intake: Intake, question: Question, at: datetime) -> Supposed | None:
    """Readings after which the rule holds at this moment. None if no rule listens to the sensor."""
    listening = [(s, leaf) for s in sensors(intake.profile, question) for leaf in _leaves(intake.profile, s)]
    if not listening:
        return None
    ladder = intake.profile.policy.ladder
    sensor, leaf = max(listening, key=lambda found: ladder.rank(found[1].rule.level))
    courses = tuple(_courses(intake.profile, sensor, leaf, at))
    events = tuple(admitted(intake, readings, moment) for moment, readings in _heard(intake.profile, courses))
    return Supposed(intake, events, _said(intake.profile, (course for course, _ in courses), leaf))


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


def _courses(profile: Profile, sensor: Sensor, leaf: LeafRef, at: datetime) -> Iterator[tuple[Course, datetime]]:
    """What each sensor the rule needs goes through, and until when."""
    match leaf.rule.rule.when:
        case SequenceCondition() as sequence:
            for part, ends in zip(leaf.rule.when, (at - sequence.within / 2, at), strict=True):
                for course in _together(profile, sensor, leaf, (part,)):
                    yield course, ends
        case AllCondition():
            for course in _together(profile, sensor, leaf, leaf.rule.when):
                yield course, at
        case _:
            for course in _together(profile, sensor, leaf, (leaf,)):
                yield course, at


def _together(profile: Profile, sensor: Sensor, leaf: LeafRef, wanted: Iterable[LeafRef]) -> Iterator[Course]:
    """For the sensor, and for one sensor of each other condition, a course that meets all that is asked of it."""
    asked: dict[str, list[SensorCondition]] = defaultdict(list)
    for other in wanted:
        if isinstance(other.condition, SensorCondition):
            near = sensor if other is leaf else _nearest(profile, sensor, other.condition)
            if near is not None:
                asked[near.id].append(other.condition)
    for found, conditions in asked.items():
        yield _from_rest(profile, Course(found, tuple(conditions)))


def _from_rest(profile: Profile, course: Course) -> Course:
    """The course from a value that no rule minds."""
    registry = profile.policy.registry
    sensor = registry.sensors[course.sensor]
    kind = registry.sensor_kinds[sensor.kind]
    minds = [c for leaf in _leaves(profile, sensor) if isinstance(c := leaf.condition, SensorCondition)]
    limits = [c for c in minds if not c.changes and c.silent_for is None]
    usual = [(kind.lowest + kind.highest) / 2] if kind.lowest is not None and kind.highest is not None else []
    edges = [edge for c in limits for edge in (c.above, c.below) if edge is not None]
    quiet = (value for value in (*usual, 0.0, *edges) if not any(c.holds(value) for c in limits))
    return Course(course.sensor, course.conditions, next(quiet, 0.0))


def _nearest(profile: Profile, sensor: Sensor, condition: SensorCondition) -> Sensor | None:
    registry = profile.policy.registry
    home = registry.home((sensor.area,))
    found = registry.sensors_of(condition.sensor)
    if sensor in found:
        return sensor
    return next((s for s in found if registry.within(s.area, home)), next(iter(found), None))


def _heard(profile: Profile, courses: tuple[tuple[Course, datetime], ...]) -> Iterator[tuple[datetime, Readings]]:
    """The sensors' values in the order they are heard, those of one moment together."""
    by_moment: dict[datetime, dict[str, float]] = defaultdict(dict)
    for course, ends in courses:
        for moment, value in course.values(profile.policy.registry, ends):
            by_moment[moment][course.sensor] = value
    for moment, values in sorted(by_moment.items()):
        yield moment, Readings(readings=tuple(Reading(sensor=s, value=v, time=moment) for s, v in values.items()))


def _said(profile: Profile, courses: Iterable[Course], leaf: LeafRef) -> str:
    said = " och ".join(course.said(profile.policy.registry) for course in courses)
    return f"{said[:1].upper()}{said[1:]} (regeln «{leaf.rule.rule.name}»)"
