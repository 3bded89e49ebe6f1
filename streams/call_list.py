"""The call list: a page to print, for the hours in which people must be called by telephone because beredd cannot.

It holds names and numbers of whoever has a role now, so it is readable by its owner only. It is kept fresh while all is
well, since by the time that it is wanted nothing may be written any more.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from notifiers.degradation import Trouble, what_to_do, wrong
from notifiers.message import BASIS
from notifiers.obligation import Obligation, ObligationState, chain
from notifiers.profile import Profile
from notifiers.roster import OnCall
from rules.events import LIVE
from rules.explain import place
from rules.ladder import Action, Ladder
from rules.matter import Matter
from streams.commands.console import clean
from streams.situations import asks, has_answer, organisation_name
from streams.view import Situation, View

NAME = "ringlista.txt"
RESERVE = ".ringlista.reserv"
RESERVE_BYTES = 256 * 1024
"""Room that is given up when the disk is full, so that the list can still be written."""

NO_NUMBER = "telefonnummer saknas"
RULE = "-" * 78
DO = {
    Action.ACT: "ska agera",
    Action.DECIDE: "ska besluta",
    Action.COORDINATE: "ska samordna",
    Action.SUPPORT: "ska stödja",
    Action.INFORM: "ska få veta",
}


@dataclass(frozen=True, slots=True)
class CallList:
    """What a list is written from. `troubles`: what is wrong with the system itself."""

    view: View
    profile: Profile
    phones: Mapping[str, SecretStr]
    troubles: tuple[Trouble, ...]
    at: datetime

    def text(self) -> str:
        """The whole list, in Swedish, at most 78 columns where names allow it."""
        return "\n".join((*self._head(), *self._last_resort(), *self._matters(), *self._duties(), ""))

    def _head(self) -> Iterator[str]:
        yield f"RINGLISTA, {self.profile.policy.settings.name}"
        yield f"Skriven av beredd {self._clock(self.at)}. Innehåller personuppgifter: förvara den inlåst."
        yield "Vid fara för liv: ring 112."
        yield ""
        if not self.troubles:
            yield "beredd fungerar. Listan behövs bara om larm inte kommer fram."
        for trouble in self.troubles:
            yield f"BEREDD: {wrong(trouble)}. {what_to_do(trouble)}"

    def _last_resort(self) -> Iterator[str]:
        yield from ("", RULE, "TJÄNSTEPERSON I BEREDSKAP", RULE)
        for person in self.profile.roster.persons_of(self.profile.roster.last_resort, LIVE):
            yield f"  {self._person(person)}"

    # --- open matters ------------------------------------------------------------------------------------------------

    def _matters(self) -> Iterator[str]:
        ladder = self.profile.policy.ladder
        found = [(s, s.matter) for s in self.view.situations(LIVE) if s.matter is not None]
        # Danger to life first, then the highest level, then the newest: the order in which one calls.
        found.sort(key=lambda each: _urgency(each[1], ladder), reverse=True)
        yield from ("", RULE, f"ÖPPNA ÄRENDEN: {len(found)}", RULE)
        for situation, matter in found:
            yield from self._matter(situation, matter)

    def _matter(self, situation: Situation, matter: Matter) -> Iterator[str]:
        where = place(None, matter.areas, self.profile.policy.registry)
        yield f"{'FARA FÖR LIV, RING 112. ' if matter.danger_to_life else ''}{_one_line(matter.title)}"
        yield f"  {where}. Sedan {self._clock(matter.opened_at)}. Ärende {matter.id}."
        yield f"  Larmnivå: {matter.alert_level} ({BASIS[matter.basis]}). Beslutat läge: {matter.declared_state}."
        first = next((c.first_step for c in reversed(matter.open_causes) if c.first_step), "")
        if first:
            yield f"  Gör först: {_one_line(first)}"
        for obligation in sorted(situation.obligations, key=lambda o: (has_answer(o), o.row.action.rank)):
            yield from self._row(obligation)
        yield ""

    def _row(self, obligation: Obligation) -> Iterator[str]:
        if obligation.state is ObligationState.CANCELLED:
            return
        row = obligation.row
        post = f"{self.profile.roster.role_name(row.role)}, {organisation_name(row.organisation, self.profile)}"
        if has_answer(obligation):
            at = f" {self._clock(obligation.answered_at)}" if obligation.answered_at else ""
            yield f"  [x] {post} {DO[row.action]}: {self._name(obligation.answered_by)} har svarat{at}"
            return
        yield f"  [{' ' if asks(obligation) else '-'}] {post} {DO[row.action]}. Ring i tur och ordning:"
        for candidate in chain(self.profile, row, LIVE, self.at):
            yield f"        {self._person(candidate.person)}{self._has_been(obligation, candidate.person)}"

    def _has_been(self, obligation: Obligation, person: str) -> str:
        if person in obligation.declined:
            return " (kan inte)"
        return " (larmad, har inte svarat)" if person in obligation.asked and asks(obligation) else ""

    # --- who has which role ------------------------------------------------------------------------------------------

    def _duties(self) -> Iterator[str]:
        yield from (RULE, "VEM SOM SVARAR, ROLL FÖR ROLL", RULE)
        roster = self.profile.roster
        organisation = ""
        for role, at in sorted(roster.duties, key=lambda post: (organisation_name(post[1], self.profile), post[0])):
            if at != organisation:
                organisation = at
                yield organisation_name(at, self.profile)
            office = role in roster.roles and roster.roles[role].on_call is OnCall.OFFICE
            yield f"  {roster.role_name(role)}{' (kontorstid)' if office else ''}"
            for person in roster.persons_of((role, at), LIVE):
                yield f"        {self._person(person)}"

    # --- small things ------------------------------------------------------------------------------------------------

    def _name(self, person: str | None) -> str:
        known = self.profile.roster.persons.get(person or "")
        return known.name if known is not None else person or "någon"

    def _person(self, person: str) -> str:
        number = self.phones.get(person)
        return f"{self._name(person)}, {number.get_secret_value() if number is not None else NO_NUMBER}"

    def _clock(self, at: datetime) -> str:
        return f"{at.astimezone(ZoneInfo(self.profile.policy.settings.timezone)):%Y-%m-%d %H:%M}"


def _urgency(matter: Matter, ladder: Ladder) -> tuple[bool, int, datetime]:
    level = ladder.rank(matter.alert_level) if matter.alert_level in ladder else len(ladder.levels)
    return (matter.danger_to_life, level, matter.opened_at)


def _one_line(text: str) -> str:
    """What others wrote must not look like lines of ours."""
    return " ".join(clean(text).split())


def write(directory: Path, text: str) -> None:
    """The list is on disk whole, readable by its owner only; the earlier one stays until then. Raises OSError."""
    try:
        _replace(directory / NAME, text.encode())
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        (directory / RESERVE).unlink(missing_ok=True)
        _replace(directory / NAME, text.encode())
    else:
        _reserve(directory / RESERVE)


def _replace(file: Path, content: bytes) -> None:
    draft = file.with_name(f".{file.name}.ny")
    try:
        _write(draft, content)
        os.replace(draft, file)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def _write(file: Path, content: bytes) -> None:
    with suppress(FileNotFoundError):
        file.unlink()  # of a process that was killed; opened anew it gets the right mode
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _reserve(file: Path) -> None:
    if not file.exists():
        with suppress(OSError):  # then there is no room to reserve; the list itself was written
            _write(file, b"\0" * RESERVE_BYTES)
