"""What `beredd who` supposes has happened: the events that would say so, from a source that may report them.

A function has no event of its own, so a kind of incident that only that function answers for is added to the profile.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rules.events import Incident
from rules.explain import place, uncapitalised
from rules.registry import Function, IncidentKind
from streams.commands.console import CommandError, talk
from streams.commands.named import named
from streams.commands.question import Question, Supposed, admitted
from streams.commands.supposed_file import reported
from streams.commands.supposed_sensor import beyond_limit, sensors
from streams.intake import Intake


def suppose(intake: Intake, question: Question, at: datetime) -> Supposed:
    """The events that the question stands for, the last of them at this moment. UsageFault for unknown
    names."""
    question = named(intake.profile, question)
    if question.events is not None:
        return reported(intake, question.events, at)
    if question.sensor is not None:
        return beyond_limit(intake, question, at) or _unheard(intake, question, at)
    if question.incident is None:
        return _failure(intake, question, at)
    return _incident(intake, question, question.incident, at)


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


def _failure(intake: Intake, question: Question, at: datetime) -> Supposed:
    """A function or an asset out of order. No rule knows the added kind, so what is shown is who answers every day."""
    policy = intake.profile.policy
    kind = _failing(policy.registry.functions.get(question.function or ""))
    registry = replace(policy.registry, incident_kinds=policy.registry.incident_kinds | {kind.id: kind})
    profile = replace(intake.profile, policy=replace(policy, registry=registry))
    return _incident(Intake(profile, intake.geography, open_door=True), question, kind.id, at)


def _failing(function: Function | None) -> IncidentKind:
    if function is None:
        return IncidentKind(id="who.asset", name="Störning")
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
    return _failure(intake, instead, at)
