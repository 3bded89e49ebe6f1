"""One row of a matter's plan must be answered by a person: a state machine.

    state         on                                     becomes
    ------------  -------------------------------------  -------------------------------------------------------------
    (none)        the row is planned                     asked (first person of the post)
    asked         handed over to a channel, inform only  delivered (ended)
    asked         the person answers "taken"             acknowledged (ended, but `decide`: stays until the decision)
    asked         the person declines                    asked (next person)
    asked         no answer by the deadline              asked (next person)
    asked         every channel failed                   asked (next person)
    asked         no next person                         undelivered: the operations room is told, and it starts over
                                                         from the first person, again and again
    any open      the level rises (generation)           asked (whoever has it now), acknowledgement needed anew
    any open      the matter closes, a decision is made  cancelled (ended)

Next person: the post's holder, its deputies, then the organisation's head and their deputies, then `tib` and theirs;
never the same person twice in one round (semantics 28). Nobody is asked after the matter is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from notifiers.notice import Row
from notifiers.profile import Profile
from notifiers.roster import OnCall
from rules.calendar import Hours, within
from rules.events import LIVE, is_exercise
from rules.frozen import Frozen, Instant
from rules.ladder import Action


class ObligationState(StrEnum):
    """How far an obligation has come."""

    ASKED = "asked"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    UNDELIVERED = "undelivered"
    CANCELLED = "cancelled"


class Obligation(Frozen):
    """How far one row has come: who is asked now, who has been, until when an answer is awaited."""

    kind: Literal["obligation"] = "obligation"
    row: Row
    generation: int
    state: ObligationState
    person: str | None = None
    notice: str | None = None
    asked: tuple[str, ...] = Field(default=(), description="De som har frågats i den här omgången")
    told: tuple[str, ...] = Field(default=(), description="Alla som har frågats; vem av dem som helst får svara")
    deadline: Instant | None = None
    declined: tuple[str, ...] = Field(default=(), description="De som kan inte, sedan de senast frågades")
    answered_by: str | None = None
    answered_at: Instant | None = None
    reached: bool = False
    round: int = 1

    @property
    def open(self) -> bool:
        """True while somebody must still do something: answer, be reached, or decide."""
        return self.state in (ObligationState.ASKED, ObligationState.UNDELIVERED)

    @property
    def ended(self) -> bool:
        return not self.open


class Candidate(Frozen):
    """A person who may be asked, and in which role: another than the row's, and they stand in for it."""

    person: str
    role: str
    organisation: str
    off_duty: bool = Field(default=False, description="Rollen som raden frågar är inte bemannad nu")


def chain(profile: Profile, row: Row, realm: str, now: datetime) -> tuple[Candidate, ...]:
    """Whom the row asks, in order: post and deputies, the organisation's head, `tib`. Each person once. Of a post that
    is manned in office hours only, whoever covers it is asked first at other times; nobody is left out.

    In an exercise only its participants (invariant 4): the persons of a live delegation are not among them.
    """
    found: dict[str, Candidate] = {}
    for person, role, organisation in _covering(profile, row, now) if realm == LIVE else ():
        found.setdefault(person, Candidate(person=person, role=role, organisation=organisation, off_duty=True))
    for person in () if is_exercise(realm) else row.persons:
        found.setdefault(person, Candidate(person=person, role=row.role, organisation=row.organisation))
    for role, organisation in _posts(profile, row, realm):
        for person in profile.roster.persons_of((role, organisation), realm):
            found.setdefault(person, Candidate(person=person, role=role, organisation=organisation))
    return tuple(found.values())


def _covering(profile: Profile, row: Row, now: datetime) -> Iterator[tuple[str, str, str]]:
    """Who answers for a post of office hours when the office is closed. Whoever is only told reads it in the
    morning."""
    known = profile.roster.roles.get(row.role)
    closed = within(Hours.OUT_OF_OFFICE, now, profile.policy.settings.timezone)
    duty = profile.roster.duties.get(row.post)
    cover = profile.roster.cover(duty) if duty is not None else None
    if known is None or known.on_call is not OnCall.OFFICE or row.action is Action.INFORM or not closed or not cover:
        return
    for person in profile.roster.persons_of(cover, LIVE):
        yield (person, *cover)


def _posts(profile: Profile, row: Row, realm: str) -> tuple[tuple[str, str], ...]:
    """The posts asked in turn. Only those of the delegation table may decide; past them `tib` must find one who may."""
    organisation = profile.policy.registry.organisations.get(row.organisation)
    head = organisation.head if organisation is not None else None
    match row.action:
        case Action.INFORM:
            return (row.post,)
        case Action.DECIDE:
            delegated = bool(row.persons) and not is_exercise(realm)
            return (*(() if delegated else (row.post,)), profile.roster.last_resort)
        case _:
            return (row.post, *(((head, row.organisation),) if head else ()), profile.roster.last_resort)


def next_person(candidates: tuple[Candidate, ...], asked: tuple[str, ...]) -> Candidate | None:
    """The first of the chain who has not been asked in this round, or None."""
    return next((c for c in candidates if c.person not in asked), None)


def asking(obligation: Obligation, person: str) -> Obligation:
    """The obligation with one more person asked, in this round and at all. Whoever is asked anew has not said no to
    that."""
    told = obligation.told if person in obligation.told else (*obligation.told, person)
    declined = tuple(p for p in obligation.declined if p != person)
    return obligation.model_copy(update={"asked": (*obligation.asked, person), "told": told, "declined": declined})


def answered(obligation: Obligation, person: str, now: datetime) -> Obligation:
    """The obligation after one of those asked has said "Jag tar det". A proposal still waits for its decision."""
    taken = {"answered_by": person, "answered_at": now}
    if obligation.row.action is Action.DECIDE:
        return obligation.model_copy(update=taken)
    return obligation.model_copy(update=taken | {"state": ObligationState.ACKNOWLEDGED, "deadline": None})


def ended(obligation: Obligation, state: ObligationState) -> Obligation:
    """The obligation as over, in this state; nothing is awaited any more."""
    return obligation.model_copy(update={"state": state, "deadline": None})
