"""What somebody asks `beredd who`, and the events that stand for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rules.events import LIVE, Event, Payload, Position
from streams.commands.console import CommandError
from streams.intake import Intake
from streams.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks about: one of incident, function, sensor and a file of events, or an asset alone; perhaps a
    place, perhaps a level."""

    incident: str | None = None
    function: str | None = None
    sensor: str | None = None
    area: str | None = None
    asset: str | None = None
    position: Position | None = None
    level: str | None = None
    danger: bool = False
    events: Path | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """How somebody wants the answer: when it is asked for, compared with when, drawn where, for a machine or not."""

    at: str | None = None
    compare: str | None = None
    picture: Path | None = None
    machine: bool = False


@dataclass(frozen=True, slots=True)
class Supposed:
    """The events in order, the profile that understands them, and in words what they are about."""

    intake: Intake
    events: tuple[Event, ...]
    said: str


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
