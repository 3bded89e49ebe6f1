"""The same question at another time, and what differs then: recipients, persons, levels, and roles of office hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from notifiers.manning import manned
from notifiers.passed_over import PassedOver, Reason, unmanned
from streams.commands.console import data
from streams.commands.moment import moment
from streams.commands.who_told import NOW, Answer, Recipient, person_name, row_object, subject
from streams.commands.words import ACTION

MIDSUMMER = "midsommarnatt"
SMALL_HOURS = time(2, 40)

Post = tuple[str, str, str]
"""Role, organisation and action."""


@dataclass(frozen=True, slots=True)
class Nobody:
    """At that time nobody would be alerted, and why."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs at the other time: who is added, who is not alerted then, whose persons are others, and which roles
    keep office hours that it falls outside of: recipients, or others
    at organisations that are asked."""

    added: tuple[Recipient, ...]
    removed: tuple[Recipient, ...]
    others: tuple[tuple[Recipient, Recipient], ...]
    unmanned: tuple[Recipient, ...]
    levels: tuple[tuple[str, str], ...]
    covered: tuple[PassedOver, ...]

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.others, self.unmanned, self.levels, self.covered))


def another(text: str, after: datetime, timezone: str) -> datetime:
    """The instant meant: the first midsummer night after this one, or a time as a person writes it."""
    if text.strip().casefold() != MIDSUMMER:
        return moment(text, timezone, "--compare")
    year = after.astimezone(ZoneInfo(timezone)).year
    nights = (midsummer_night(y, timezone) for y in (year, year + 1))
    return next(night for night in nights if night > after)


def midsummer_night(year: int, timezone: str) -> datetime:
    """02:40 on midsummer's eve, the Friday of 19-25 June: few are at work, and most are asleep."""
    nineteenth = date(year, 6, 19)
    eve = nineteenth + timedelta(days=(4 - nineteenth.weekday()) % 7)
    return datetime.combine(eve, SMALL_HOURS, ZoneInfo(timezone)).astimezone(UTC)


def difference(here: Answer, there: Answer) -> Difference:
    """What differs between the two answers to the same question."""
    ours, theirs = _standing_now(here), _standing_now(there)
    both = [(ours[post], theirs[post]) for post in ours if post in theirs]
    return Difference(
        added=tuple(r for post, r in theirs.items() if post not in ours),
        removed=tuple(r for post, r in ours.items() if post not in theirs),
        others=tuple((a, b) for a, b in both if _persons(a) != _persons(b)),
        unmanned=tuple(r for r in theirs.values() if not _manned(r, there) and _manned(r, here)),
        levels=_levels(here, there),
        covered=tuple(
            p for p in there.passed_over if p.reason is Reason.COVER and not p.role and p not in here.passed_over
        ),
    )


def _standing_now(answer: Answer) -> dict[Post, Recipient]:
    return {(r.row.role, r.row.organisation, r.row.action.value): r for r in answer.recipients if r.when == NOW}


def _persons(recipient: Recipient) -> tuple[str, ...]:
    return tuple(c.person for c in recipient.chain)


def _manned(recipient: Recipient, answer: Answer) -> bool:
    return manned(answer.profile, recipient.row.role, answer.rehearsal.now)


def _levels(here: Answer, there: Answer) -> tuple[tuple[str, str], ...]:
    ladder = here.profile.policy.ladder
    a, b = (ladder.highest_of(tuple(m.alert_level for m in answer.matters)) for answer in (here, there))
    return ((a, b),) if a != b else ()


def say_compared(here: Answer, there: Answer | Nobody) -> None:
    """Prints what differs at the other time."""
    at = (there.at if isinstance(there, Nobody) else there.rehearsal.now).astimezone(_zone(here))
    data(f"\nSamma sak {at:%Y-%m-%d %H:%M}:")
    for line in _lines(here, there):
        data(f"  {line}")


def _zone(answer: Answer) -> ZoneInfo:
    return ZoneInfo(answer.profile.policy.settings.timezone)


def _lines(here: Answer, there: Answer | Nobody) -> list[str]:
    if isinstance(there, Nobody):
        return [f"Ingen larmas då: {there.why}."]
    found = difference(here, there)
    if not found:
        return ["Ingen skillnad: samma roller, samma personer i samma ordning, och ingen roll med bara kontorstid."]
    return [
        *(f"Larmnivån är {b}, inte {a}." for a, b in found.levels),
        *(f"Larmas också: {_who(r, there)} ({ACTION[r.row.action]})." for r in found.added),
        *(f"Larmas inte: {_who(r, here)}." for r in found.removed),
        *(f"{_who(b, there)}: {_named(b, there)}, inte {_named(a, here)}." for a, b in found.others),
        *(f"{_who(r, there)}: {unmanned(there.profile, r.row)}." for r in found.unmanned),
        *(f"{subject(p, there.profile)} {p.because}." for p in found.covered),
    ]


def _who(recipient: Recipient, answer: Answer) -> str:
    row, profile = recipient.row, answer.profile
    return f"{profile.roster.role_name(row.role)}, {profile.policy.registry.organisations[row.organisation].name}"


def _named(recipient: Recipient, answer: Answer) -> str:
    return ", ".join(person_name(c.person, answer.profile) for c in recipient.chain)


def compared_object(here: Answer, there: Answer | Nobody) -> dict[str, Any]:
    """What differs, as plain values."""
    if isinstance(there, Nobody):
        return {"at": there.at.isoformat(), "nobody": there.why}
    found = difference(here, there)
    return {
        "at": there.rehearsal.now.isoformat(),
        "levels": [{"here": a, "there": b} for a, b in found.levels],
        "added": [row_object(r, there) for r in found.added],
        "removed": [row_object(r, here) for r in found.removed],
        "others": [{"here": row_object(a, here), "there": row_object(b, there)} for a, b in found.others],
        "unmanned": [
            {"role": r.row.role, "organisation": r.row.organisation, "because": unmanned(there.profile, r.row)}
            for r in found.unmanned
        ],
        "said": _lines(here, there),
    }
