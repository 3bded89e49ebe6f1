"""The answer of `beredd who`, as tables for people and as one JSON object for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from notifiers.notice import Row
from notifiers.obligation import Candidate
from notifiers.profile import Profile
from rules import duration
from rules.explain import uncapitalised
from rules.matter import Matter
from streams.commands.console import RED, data, table
from streams.commands.question import Supposed
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


@dataclass(frozen=True, slots=True)
class Answer:
    """Who would be alerted if what is supposed had happened; with a level, whom that would add.

    `matters`: as they stand before the level.
    """

    supposed: Supposed
    rehearsal: Rehearsal
    matters: tuple[Matter, ...]
    recipients: tuple[Recipient, ...]
    level: str | None

    @property
    def profile(self) -> Profile:
        return self.rehearsal.intake.profile


def say(answer: Answer) -> None:
    """Prints the answer: what is supposed, then a table for each step."""
    at = answer.rehearsal.now.astimezone(ZoneInfo(answer.profile.policy.settings.timezone))
    data(f"Om detta händer {at:%Y-%m-%d %H:%M}: {answer.supposed.said}")
    if any(m.danger_to_life for m in answer.matters):
        data("Fara för liv: ring 112. Alla i kedjan larmas på en gång.", RED)
    for step in dict.fromkeys(r.when for r in answer.recipients):
        shown = [r for r in answer.recipients if r.when == step]
        data("\n" + "\n".join(_heading(step, answer, shown)))
        columns = ("Våg", "Ska", "Roll", "I tjänst, sedan i tur", "Varför", "Relation", "Svar inom")
        table(columns, (_cells(r, answer.profile) for r in shown), lines=True)
    if answer.level is not None and all(r.when == "now" for r in answer.recipients):
        data(f"Nivån {answer.level} lägger inte till någon.")


def _heading(step: str, answer: Answer, shown: list[Recipient]) -> Iterator[str]:
    if step != "now":
        yield f"Nivån {answer.level} lägger till, {ADDED[step]}:"
        return
    for matter in answer.matters:
        if any(r.matter == matter.id for r in shown):
            yield f"Ärende: {matter.title}. Larmnivå {matter.alert_level} ({BASIS[matter.basis]})."


def _cells(recipient: Recipient, profile: Profile) -> tuple[object, ...]:
    row = recipient.row
    organisation = profile.policy.registry.organisations[row.organisation].name
    return (
        row.wave,
        ACTION[row.action],
        f"{profile.roster.role_name(row.role)}\n{organisation}",
        "\n".join(_chain(recipient, profile)),
        row.because,
        RELATION[row.relation],
        duration.say(row.answer_within) if row.answer_within is not None else "",
    )


def _chain(recipient: Recipient, profile: Profile) -> Iterator[str]:
    """The persons of the role, then those who are asked in their place, one role a line."""
    for (role, organisation), asked in groupby(recipient.chain, key=lambda c: (c.role, c.organisation)):
        names = ", ".join(_name(c, profile) for c in asked)
        own = (role, organisation) == recipient.row.post
        yield names if own else f"→ {uncapitalised(profile.roster.role_name(role))}: {names}"


def _name(candidate: Candidate, profile: Profile) -> str:
    known = profile.roster.persons.get(candidate.person)
    return known.name if known is not None else candidate.person


def as_object(answer: Answer) -> dict[str, Any]:
    """The answer as plain values."""
    about = {"id", "title", "area", "areas", "alert_level", "basis", "declared_state"}
    return {
        "at": answer.rehearsal.now.isoformat(),
        "profile": answer.profile.hash,
        "supposed": answer.supposed.said,
        "source": answer.supposed.events[-1].source,
        "matters": [
            m.model_dump(mode="json", include=about) | {"danger_to_life": m.danger_to_life} for m in answer.matters
        ],
        "recipients": [_object(r, answer) for r in answer.recipients],
    }


def _object(recipient: Recipient, answer: Answer) -> dict[str, Any]:
    row, profile = recipient.row, answer.profile
    about = {"wave", "action", "role", "organisation", "principle", "because", "relation", "responsibility_unresolved"}
    named = [_person(c, profile) for c in recipient.chain]
    return row.model_dump(mode="json", include=about) | {
        "matter": recipient.matter,
        "when": recipient.when,
        "role_name": profile.roster.role_name(row.role),
        "organisation_name": profile.policy.registry.organisations[row.organisation].name,
        "person": named[0] if named else None,
        "then": named[1:],
        "deadline": (answer.rehearsal.now + row.answer_within).isoformat() if row.answer_within is not None else None,
    }


def _person(candidate: Candidate, profile: Profile) -> dict[str, Any]:
    return candidate.model_dump() | {"name": _name(candidate, profile)}
