"""`beredd feed`: what files of warnings say, read as the service reads them; and, if asked, handed in."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rules.events import Event, Warning, Warnings, is_exercise
from rules.explain import SEVERITY, area_name
from streams.commands.client import Client
from streams.commands.console import (
    FINE,
    PROBLEMS,
    RED,
    USAGE,
    YELLOW,
    UsageFault,
    as_json,
    counted,
    data,
    profile_directory,
    read_bytes,
    talk,
)
from streams.commands.events import NDJSON, receipt
from streams.commands.profiles import intake_at
from streams.feeds import cap, read
from streams.intake import Intake
from streams.refusal import Refusal
from streams.wire import encode

CAP = "cap"


@dataclass(frozen=True, slots=True)
class Heard:
    """What one file said: its events, placed in the city where a profile says how, and what was refused of it."""

    file: Path
    events: tuple[Event, ...]
    refusals: tuple[Refusal, ...]

    @property
    def refused(self) -> bool:
        """True if a warning or the whole file was refused; a remark about one that was taken is no refusal."""
        return any(not r.partial for r in self.refusals)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the result is to be told: as text, as JSON or as CloudEvents, to which service it goes, and whose the files
    are (`source`; not given: the format's own)."""

    machine: bool = False
    ndjson: bool = False
    to: Client | None = None
    source: str | None = None


def feed(paths: list[Path], profile: Path | None, wanted: Wanted) -> int:
    """Reads every file, tells what each said, and hands it in where asked. PROBLEMS if anything was refused."""
    intake = intake_at(profile_directory(profile)) if profile is not None else None
    code = FINE
    for file in files(paths):
        try:
            heard = listen(file, intake, wanted.source)
        except UsageFault as fault:  # one unreadable file keeps nobody from the others
            talk(str(fault), RED)
            code = USAGE
            continue
        code = max(code, _tell(heard, intake, wanted))
    return code


def files(paths: list[Path]) -> Iterator[Path]:
    """The files named, and those in the directories named and below, in the order of their names."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = [p for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith(".")]
        if not found:
            talk(f"{path}: katalogen är tom", YELLOW)
        yield from found


def listen(file: Path, intake: Intake | None, source: str | None = None) -> Heard:
    """What the file says. Raises UsageFault if it cannot be read; nothing that stands in it raises."""
    body = read_bytes(file)
    # A CAP file belongs to the source it came from, which the file does not say; its name on disk is nobody's.
    name = source or (CAP if cap.recognises(file.name, body) else file.name)
    events: list[Event] = []
    refusals: list[Refusal] = []
    for said in read(name, body, datetime.now(UTC)):
        admitted = said if isinstance(said, Refusal) or intake is None else intake.admit(said, None)
        if isinstance(admitted, Refusal):
            refusals.append(admitted)
        else:
            events.append(admitted)
    return Heard(file, tuple(events), tuple(refusals))


def _tell(heard: Heard, intake: Intake | None, wanted: Wanted) -> int:
    code = PROBLEMS if heard.refused else FINE
    if wanted.to is not None:
        return max(code, _hand_in(heard, wanted))
    if wanted.ndjson:
        _remarks(heard)
        for event in heard.events:
            sys.stdout.buffer.write(encode(event) + b"\n")
        sys.stdout.buffer.flush()
    elif wanted.machine:
        as_json(_as_object(heard, intake))
    else:
        _say(heard, intake)
    return code


def _hand_in(heard: Heard, wanted: Wanted) -> int:
    assert wanted.to is not None
    _remarks(heard)
    if not heard.events:
        return FINE
    body = b"\n".join(map(encode, heard.events))
    answer = wanted.to.post("/v1/events", body, NDJSON)
    return receipt(answer, machine=wanted.machine, about=str(heard.file))


def _remarks(heard: Heard) -> None:
    for said, colour in remarks(heard.refusals):
        talk(f"{heard.file}: {said}", colour)


def remarks(refusals: tuple[Refusal, ...]) -> Iterator[tuple[str, str]]:
    """Each refusal in words, with its colour; the same many times over is told once."""
    counts = Counter((r.partial, r.reason, r.message) for r in refusals)
    for (partial, reason, message), count in counts.items():
        times = f" {count} gånger" if count > 1 else ""
        yield f"{'anmärkning' if partial else 'avvisat'}{times} ({reason}): {message}", YELLOW if partial else RED


def _say(heard: Heard, intake: Intake | None) -> None:
    warnings = list(placed(heard.events, intake))
    data(f"{heard.file}: {counted(len(warnings), 'varning', 'varningar')}")
    for event, warning in warnings:
        exercise = "ÖVNING " if is_exercise(event.realm) else ""
        over = ", avslutad" if warning.ended else ""
        data(f"  {exercise}{SEVERITY[warning.severity]}{over}  {warning.kind}  {warning.title}")
        if intake is not None:
            data(f"      gäller: {_where(warning, intake)}")
    for said, colour in remarks(heard.refusals):
        data(f"  {said}", colour)


def placed(events: tuple[Event, ...], intake: Intake | None) -> Iterator[tuple[Event, Warning]]:
    """Every warning with its event; with a profile, its areas are those of the city that it touches."""
    for event in events:
        for payload in _payloads(event, intake):
            yield from ((event, warning) for warning in payload.warnings)


def _payloads(event: Event, intake: Intake | None) -> Iterator[Warnings]:
    messages = [a.message for a in intake.route(event, datetime.now(UTC))] if intake is not None else []
    routed = [getattr(message, "event", event) for message in messages] or [event]
    yield from (e.payload for e in routed if isinstance(e.payload, Warnings))


def _where(warning: Warning, intake: Intake) -> str:
    registry = intake.profile.policy.registry
    return ", ".join(area_name(a, registry) for a in warning.areas) or "inget område i staden"


def _as_object(heard: Heard, intake: Intake | None) -> dict[str, Any]:
    return {
        "file": str(heard.file),
        "warnings": [
            {"event": event.id, "realm": event.realm}
            | warning.model_dump(
                mode="json", include={"identifier", "kind", "severity", "title", "areas", "starts", "ends", "ended"}
            )
            for event, warning in placed(heard.events, intake)
        ],
        "refused": [
            r.model_dump(mode="json", include={"reason", "message", "index", "partial"}) for r in heard.refusals
        ],
    }
