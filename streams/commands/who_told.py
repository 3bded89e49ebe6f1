"""The answer of `beredd who`, as tables for people and as one JSON object for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from notifiers.manning import Standing, standing
from notifiers.notice import Row
from notifiers.obligation import Candidate
from notifiers.passed_over import PassedOver, Reason, listed
from notifiers.profile import Profile
from rules import duration
from rules.explain import uncapitalised
from rules.matter import Matter
from streams.commands.console import RED, data, table
from streams.commands.question import Supposed
from streams.commands.words import ACTION, BASIS, RELATION
from streams.rehearsal import Rehearsal

NOW = "now"
"""The step of what stands before any level is supposed."""

ADDED = {
    NOW: "nu",
    "detected": "när nivån nås",
    "proposed": "när nivån föreslås",
    "decided": "när nivån är beslutad",
    "declared": "när två har registrerat beslutet",
}

LATER = {
    "detected": "nivån {level} nås",
    "proposed": "{level} föreslås",
    "decided": "{level} är beslutad",
    "declared": "{level} är beslutad och två har registrerat det",
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """One row of a plan, with the persons it asks in order, and what it takes for the row to be there."""

    matter: str
    when: str
    row: Row
    chain: tuple[Candidate, ...]
    level: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Who would be alerted if what is supposed had happened; with a level, whom that would add.

    `matters`: as they stand before the level. `added`: whom the next level would add, asked for or not.
    """

    supposed: Supposed
    rehearsal: Rehearsal
    matters: tuple[Matter, ...]
    recipients: tuple[Recipient, ...]
    level: str | None
    next_level: str | None = None
    added: tuple[Recipient, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()

    @property
    def profile(self) -> Profile:
        return self.rehearsal.intake.profile


def say(answer: Answer) -> None:
    """Prints the answer: what is supposed, then a table for each step."""
    at = answer.rehearsal.now.astimezone(ZoneInfo(answer.profile.policy.settings.timezone))
    data(f"Om detta händer {at:%Y-%m-%d %H:%M}: {answer.supposed.said}")
    if any(m.danger_to_life for m in answer.matters):
        data("Fara för liv: ring 112. Alla i kedjan larmas på en gång.", RED)
    for level, step in dict.fromkeys((r.level, r.when) for r in answer.recipients):
        shown = [r for r in answer.recipients if (r.level, r.when) == (level, step)]
        data("\n" + "\n".join(_heading(level, step, answer, shown)))
        columns = ("Våg", "Ska", "Roll", "I tjänst, sedan i tur", "Varför", "Relation", "Svar inom")
        table(columns, (_cells(r, answer) for r in shown), lines=True)
    if answer.level is not None and all(r.when == NOW for r in answer.recipients):
        data(f"Nivån {answer.level} lägger inte till någon.")
    _say_passed_over(answer)


def _heading(level: str, step: str, answer: Answer, shown: list[Recipient]) -> Iterator[str]:
    if step != NOW:
        yield f"Nivån {level} lägger till, {ADDED[step]}:"
        return
    for matter in answer.matters:
        if any(r.matter == matter.id for r in shown):
            yield f"Ärende: {matter.title}. Larmnivå {matter.alert_level} ({BASIS[matter.basis]})."


def _say_passed_over(answer: Answer) -> None:
    """The next level has tables of its own where a level was asked for."""
    shown = [p for p in answer.passed_over if answer.level is None or p.reason is not Reason.NEXT_LEVEL]
    if shown:
        data("\nLarmas inte, eller agerar inte, och varför:")
        table(("Vem", "Varför inte"), ((subject(p, answer.profile), p.because) for p in shown), lines=True)


def subject(passed: PassedOver, profile: Profile) -> str:
    """Whom an entry is about, in words: the organisations, and the role if one is meant."""
    names = listed(profile.policy.registry.organisations[o].name for o in passed.organisations)
    return names if passed.role is None else f"{profile.roster.role_name(passed.role)}, {names}"


def _cells(recipient: Recipient, answer: Answer) -> tuple[object, ...]:
    row, profile = recipient.row, answer.profile
    organisation = profile.policy.registry.organisations[row.organisation].name
    return (
        row.wave,
        ACTION[row.action],
        f"{profile.roster.role_name(row.role)}\n{organisation}",
        "\n".join(_chain(recipient, profile)),
        row.because,
        RELATION[row.relation],
        f"{duration.say(row.answer_within)} ({_clock(answer, row.answer_within)})" if row.answer_within else "",
    )


def _clock(answer: Answer, within: timedelta) -> str:
    by = (answer.rehearsal.now + within).astimezone(ZoneInfo(answer.profile.policy.settings.timezone))
    return f"{by:%H:%M}"


def _chain(recipient: Recipient, profile: Profile) -> Iterator[str]:
    """The persons of the role, then those who are asked in their place, one role a line."""
    for role, asked in groupby(recipient.chain, key=lambda c: _instead(recipient.row, c, profile)):
        names = ", ".join(person_name(c.person, profile) for c in asked)
        yield names if role is None else f"→ {uncapitalised(profile.roster.role_name(role))}: {names}"


def _instead(row: Row, candidate: Candidate, profile: Profile) -> str | None:
    """The role that a person is asked in, if it is not the row's own."""
    match standing(profile, row, candidate):
        case Standing.COVER:
            covering = profile.roster.cover(row.post)
            return covering[0] if covering is not None else candidate.role
        case Standing.NEXT:
            return candidate.role
        case _:
            return None


def person_name(person: str, profile: Profile) -> str:
    """The person's name; the id of one who has left the profile."""
    known = profile.roster.persons.get(person)
    return known.name if known is not None else person


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
        "recipients": [row_object(r, answer) for r in answer.recipients],
        "next_level": {"level": answer.next_level, "recipients": [row_object(r, answer) for r in answer.added]}
        if answer.next_level is not None
        else None,
        "passed_over": [_passed_object(p, answer.profile) for p in answer.passed_over],
    }


def _passed_object(passed: PassedOver, profile: Profile) -> dict[str, Any]:
    named = [{"id": o, "name": profile.policy.registry.organisations[o].name} for o in passed.organisations]
    return {
        "reason": passed.reason.value,
        "organisations": named,
        "role": passed.role,
        "role_name": profile.roster.role_name(passed.role) if passed.role is not None else None,
        "because": passed.because,
    }


def row_object(recipient: Recipient, answer: Answer) -> dict[str, Any]:
    """A recipient as plain values."""
    row, profile = recipient.row, answer.profile
    about = {"wave", "action", "role", "organisation", "principle", "because", "relation", "responsibility_unresolved"}
    named = [_person(c, row, profile) for c in recipient.chain]
    return row.model_dump(mode="json", include=about) | {
        "matter": recipient.matter,
        "when": recipient.when,
        "level": recipient.level or None,
        "role_name": profile.roster.role_name(row.role),
        "organisation_name": profile.policy.registry.organisations[row.organisation].name,
        "person": named[0] if named else None,
        "then": named[1:],
        "deadline": (answer.rehearsal.now + row.answer_within).isoformat() if row.answer_within is not None else None,
    }


def _person(candidate: Candidate, row: Row, profile: Profile) -> dict[str, Any]:
    return candidate.model_dump() | {
        "name": person_name(candidate.person, profile),
        "standing": standing(profile, row, candidate).value,
    }
