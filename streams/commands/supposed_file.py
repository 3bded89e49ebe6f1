"""Events from a file (CloudEvents as JSON or NDJSON), supposed to happen so that the last comes at a given moment."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rules.events import LIVE, Decision, Event, EventKind, Incident
from rules.explain import place
from streams.commands.console import CommandError, UsageFault, read_bytes
from streams.commands.events import content_type
from streams.commands.question import Supposed
from streams.intake import Intake
from streams.refusal import Refusal
from streams.wire import decode

KIND = {
    EventKind.INCIDENT: "händelse",
    EventKind.READINGS: "mätvärden",
    EventKind.WARNING: "varning",
    EventKind.DECISION: "beslut",
    EventKind.ACKNOWLEDGEMENT: "svar",
}


def last_time(file: Path, now: datetime) -> datetime:
    """When the newest event of the file happened; now for events that do not say."""
    return max(event.time for event in _read(file, now))


def reported(intake: Intake, file: Path, at: datetime) -> Supposed:
    """The file's events as they may enter, moved in time together. UsageFault for a file that holds none, CommandError
    for one that the door would refuse."""
    events = _read(file, at)
    moved = at - max(event.time for event in events)
    found = sorted((_admitted(intake, e.model_copy(update={"time": e.time + moved})) for e in events), key=_time)
    said = _said(intake, found[-1])
    return Supposed(intake, tuple(found), said if len(found) == 1 else f"{len(found)} händelser, sist {said}")


def _time(event: Event) -> datetime:
    return event.time


def _read(file: Path, now: datetime) -> list[Event]:
    body = read_bytes(file)
    results = decode(body, content_type(file.name, body), now)
    wrong = [r.message for r in results if isinstance(r, Refusal)]
    if wrong or not results:
        raise UsageFault(f"{file}: {' '.join(wrong) or 'ingen händelse i filen'}")
    return [r for r in results if not isinstance(r, Refusal)]


def _admitted(intake: Intake, event: Event) -> Event:
    if event.realm != LIVE:
        raise CommandError(f"händelsen {event.id} hör till {event.realm}; frågan gäller skarpt läge")
    if isinstance(event.payload, Decision) or event.kind is EventKind.ACKNOWLEDGEMENT:
        raise CommandError(f"händelsen {event.id} är ett {KIND[event.kind]}; bara det som händer larmar någon")
    found = intake.admit(event, None)
    if isinstance(found, Refusal):
        raise CommandError(f"händelsen {event.id} skulle inte tas emot: {found.message}")
    return found


def _said(intake: Intake, event: Event) -> str:
    registry, about = intake.profile.policy.registry, event.payload
    asset = about.asset if isinstance(about, Incident) else None
    known = registry.incident_kinds.get(about.kind) if isinstance(about, Incident) else None
    what = known.name if known is not None else KIND[event.kind]
    return f"{what}, {place(asset, intake.areas(event), registry)}"
