"""`beredd who`: who would be alerted, in which order, by which principle and why.

Nothing is guessed at: the supposed events go through the real stages, in memory, and nobody outside hears of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from notifiers.notice import Row
from notifiers.obligation import Candidate, chain
from notifiers.profile import Profile
from rules import duration
from rules.arrival import Reported
from rules.events import LIVE, Position
from rules.explain import area_name
from rules.matter import Matter
from streams.commands.console import FINE, RED, YELLOW, CommandError, UsageFault, as_json, data, table, talk
from streams.commands.heightened import Key, heighten, rows
from streams.commands.profiles import intake_at
from streams.commands.supposed import Question, Supposed, suppose
from streams.commands.words import ACTION, BASIS, RELATION
from streams.rehearsal import Rehearsal

ADDED = {
    "now": "nu",
    "detected": "när nivån nås",
    "proposed": "när nivån föreslås",
    "decided": "när nivån är beslutad",
    "declared": "när två har registrerat beslutet",
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """One row of a plan, with the persons it asks in order, and what it takes for the row to be there."""

    matter: str
    when: str
    row: Row
    chain: tuple[Candidate, ...]


def who(directory: Path, question: Question, at: datetime | None, *, machine: bool) -> int:
    """Prints who would be alerted, and with a level whom that level would add."""
    one_of = [given for given in (question.incident, question.function, question.sensor) if given is not None]
    if len(one_of) != 1:
        raise UsageFault("ange precis en av --incident, --function och --sensor")
    if question.sensor is not None and (question.asset or question.position or question.danger):
        raise UsageFault("--asset, --position och --danger gäller inte en givare; den har sin plats i profilen")
    supposed = suppose(intake_at(directory), question, at or datetime.now(UTC))
    rehearsal = _played(supposed)
    found = recipients(rehearsal, question.level)
    matters = [s.matter for s in reversed(rehearsal.view.situations(LIVE)) if s.matter is not None]
    if machine:
        as_json(_as_object(supposed, rehearsal, matters, found))
    else:
        _say(supposed, rehearsal, matters, found, question.level)
    return FINE


def _played(supposed: Supposed) -> Rehearsal:
    """A rehearsal in which the events have happened. CommandError if they lead to no alert."""
    rehearsal = Rehearsal(supposed.intake, supposed.events[0].time)
    for event in supposed.events:
        rehearsal.advance(event.time)
        rehearsal.accept(event)
    last = supposed.events[-1]
    for addressed in supposed.intake.route(last, last.time):
        for flag in addressed.message.flags if isinstance(addressed.message, Reported) else ():
            talk(f"Obs: {flag}.", YELLOW)
    if not rehearsal.view.situations(LIVE):
        raise CommandError(f"{supposed.said}: det räcker inte för att någon ska larmas; regeln kräver mer än så")
    return rehearsal


def recipients(rehearsal: Rehearsal, level: str | None) -> tuple[Recipient, ...]:
    """The rows as they stand, then what each step towards the level adds."""
    profile = rehearsal.intake.profile
    found = [("now", rows(rehearsal)), *(heighten(rehearsal, level) if level is not None else ())]
    return tuple(_recipient(profile, when, key, row) for when, plan in found for key, row in plan.items())


def _recipient(profile: Profile, when: str, key: Key, row: Row) -> Recipient:
    return Recipient(key[0], when, row, chain(profile, row, LIVE))


def moment(text: str, directory_zone: str) -> datetime:
    """A moment as a person writes it: local time, or with an offset."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageFault(f"--at {text!r}: väntade en tid som '2026-12-24 18:00'") from None
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(directory_zone))).astimezone(UTC)


def position(text: str) -> Position:
    """A position as `59.3086,18.0746`: latitude, longitude."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
        return Position(latitude=latitude, longitude=longitude)
    except ValueError:  # a pydantic ValidationError is one
        raise UsageFault(f"--position {text!r}: väntade latitud,longitud som 59.3086,18.0746") from None


# --- telling ---------------------------------------------------------------------------------------------------------


def _say(
    supposed: Supposed,
    rehearsal: Rehearsal,
    matters: list[Matter],
    found: tuple[Recipient, ...],
    level: str | None,
) -> None:
    profile = rehearsal.intake.profile
    zone = ZoneInfo(profile.policy.settings.timezone)
    data(f"Om detta händer {rehearsal.now.astimezone(zone):%Y-%m-%d %H:%M}: {supposed.said}")
    if any(m.danger_to_life for m in matters):
        data("Fara för liv: ring 112. Alla i kedjan larmas på en gång.", RED)
    for step in dict.fromkeys(r.when for r in found):
        shown = [r for r in found if r.when == step]
        data()
        data(_heading(step, level, shown, matters, profile))
        columns = ("Våg", "Ska", "Roll", "I tjänst, sedan i tur", "Varför", "Relation", "Svar inom")
        table(columns, (_cells(r, profile) for r in shown), lines=True)
    if level is not None and all(r.when == "now" for r in found):
        data(f"Nivån {level} lägger inte till någon.")


def _heading(step: str, level: str | None, shown: list[Recipient], matters: list[Matter], profile: Profile) -> str:
    if step != "now":
        return f"Nivån {level} lägger till, {ADDED[step]}:"
    about = [m for m in matters if m.id in {r.matter for r in shown}]
    return "\n".join(_matter(m, profile) for m in about)


def _matter(matter: Matter, profile: Profile) -> str:
    where = area_name(matter.area, profile.policy.registry)
    return f"Ärende: {matter.title}, {where}. Larmnivå {matter.alert_level} ({BASIS[matter.basis]})."


def _cells(recipient: Recipient, profile: Profile) -> tuple[object, ...]:
    row = recipient.row
    organisation = profile.policy.registry.organisations[row.organisation].name
    first, *rest = (_name(c, row, profile) for c in recipient.chain)
    return (
        row.wave,
        ACTION[row.action],
        f"{profile.roster.role_name(row.role)}\n{organisation}",
        "\n".join([first, *(f"  {name}" for name in rest)]),
        row.because,
        RELATION[row.relation],
        duration.say(row.answer_within) if row.answer_within is not None else "",
    )


def _name(candidate: Candidate, row: Row, profile: Profile) -> str:
    """The person, and the other role in which they would be asked."""
    known = profile.roster.persons.get(candidate.person)
    name = known.name if known is not None else candidate.person
    other = (candidate.role, candidate.organisation) != row.post
    return f"{name} ({profile.roster.role_name(candidate.role)})" if other else name


def _as_object(
    supposed: Supposed, rehearsal: Rehearsal, matters: list[Matter], found: tuple[Recipient, ...]
) -> dict[str, Any]:
    profile = rehearsal.intake.profile
    return {
        "at": rehearsal.now.isoformat(),
        "profile": profile.hash,
        "supposed": supposed.said,
        "source": supposed.events[-1].source,
        "matters": [
            m.model_dump(mode="json", include={"id", "title", "area", "areas", "alert_level", "basis", "declared_state"})
            | {"danger_to_life": m.danger_to_life}
            for m in matters
        ],
        "recipients": [_object(r, rehearsal.now, profile) for r in found],
    }


def _object(recipient: Recipient, now: datetime, profile: Profile) -> dict[str, Any]:
    row, persons = recipient.row, profile.roster.persons
    named = [c.model_dump() | {"name": persons[c.person].name if c.person in persons else c.person} for c in recipient.chain]
    deadline = now + row.answer_within if row.answer_within is not None else None
    return row.model_dump(
        mode="json", include={"wave", "action", "role", "organisation", "principle", "because", "relation"}
    ) | {
        "matter": recipient.matter,
        "when": recipient.when,
        "role_name": profile.roster.role_name(row.role),
        "organisation_name": profile.policy.registry.organisations[row.organisation].name,
        "person": named[0] if named else None,
        "then": named[1:],
        "deadline": deadline.isoformat() if deadline is not None else None,
    }
