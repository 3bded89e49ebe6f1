"""What `beredd who` supposes has happened: the events that would say so, from a source that may report them.

A function has no event of its own, so a kind of incident that only that function answers for is added to the profile.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from notifiers.profile import Profile
from rules.document import unknown
from rules.events import Incident
from rules.explain import place, uncapitalised
from rules.registry import Function, IncidentKind
from streams.commands.console import CommandError, UsageFault, talk
from streams.commands.question import Question, Supposed, admitted
from streams.commands.supposed_sensor import beyond_limit, sensors
from streams.intake import Intake


def suppose(intake: Intake, question: Question, at: datetime) -> Supposed:
    """The events that the question stands for, the last of them at this moment. UsageFault for unknown names."""
    _known(intake.profile, question)
    if question.sensor is not None:
        return beyond_limit(intake, question, at) or _unheard(intake, question, at)
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
    return IncidentKind(
        id=f"who.{function.id}", name=f"Störning: {uncapitalised(function.name)}", functions=(function.id,)
    )


def _unheard(intake: Intake, question: Question, at: datetime) -> Supposed:
    """No rule listens: whoever answers for what the sensor measures is shown instead, if anybody does."""
    registry = intake.profile.policy.registry
    sensor = sensors(intake.profile, question)[0]
    function = registry.sensor_kinds[sensor.kind].function
    if function is None:
        raise CommandError(f"ingen regel lyssnar på {question.sensor}, så ingen larmas vad den än visar")
    talk(f"Ingen regel lyssnar på {question.sensor}, så den larmar ingen. Den här ansvarar för det den mäter:")
    instead = Question(function=function, area=sensor.area, asset=sensor.asset, level=question.level)
    return _function(intake, instead, at)
