"""Roles, who holds them, and how each person is reached.

A role is held at an organisation (`chef_i_beredskap` at `sodermalm`). Calendars come later; here a duty has a holder
and
deputies in order. In an exercise, roles resolve only among its participants (invariant 4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from pydantic import Field

from notifiers.attempt import Medium
from rules.duration import Duration
from rules.events import LIVE, is_exercise
from rules.frozen import Frozen, Identifier
from rules.ladder import Action
from rules.registry import Id, Ids, Name, Unconfirmed


class OnCall(StrEnum):
    """When a role is manned (domain D)."""

    ALWAYS = "24/7"
    ROSTER = "roster"
    OFFICE = "office"
    CALLED = "called"


class Role(Frozen):
    """A function somebody has, the same every day and in a crisis (likhetsprincipen)."""

    id: Id = Field(description="Rollens korta namn, som tib")
    name: Name = Field(description="Namnet som människor ser")
    on_call: OnCall = Field(default=OnCall.ROSTER, description="När rollen är bemannad")
    unconfirmed: Unconfirmed = Field(default="", description="Vad som är obekräftat, i ord")


class Duty(Frozen):
    """A role at an organisation: who holds it, who steps in. Without a holder it is covered by another role."""

    role: Id = Field(description="Rollen")
    organisation: Id = Field(description="Organisationen där den finns")
    holder: Id | None = Field(default=None, description="Personen som har rollen; frågas först")
    deputies: Ids = Field(default=(), description="Ersättare, i ordning")
    covered_by: Id | None = Field(default=None, description="Roll som svarar när innehavare eller ersättare saknas")

    @property
    def persons(self) -> tuple[str, ...]:
        return ((self.holder,) if self.holder else ()) + self.deputies


class Contact(Frozen):
    """One way to reach a person: the kind, and a reference into the secrets file. Never an address."""

    medium: Medium = Field(description="push, sms, mail eller webhook")
    channel: Identifier = Field(description="Namnet på en rad i den hemliga filen; aldrig ett nummer eller en adress")


class Person(Frozen):
    """Somebody who can be told. Shipped persons are invented."""

    id: Id = Field(description="Personens korta namn")
    name: Name = Field(description="Namnet som människor ser")
    contacts: tuple[Contact, ...] = Field(default=(), description="Kanalerna, i den ordning de provas")
    exercise_contacts: tuple[Contact, ...] = Field(
        default=(), description="Kanalerna i övningar; då används inga andra"
    )


class Participant(Frozen):
    """Who plays a role in an exercise."""

    role: Id = Field(description="Rollen i övningen")
    organisation: Id = Field(description="Rollens organisation")
    person: Id = Field(description="Personen som spelar den")


class Exercise(Frozen):
    """A named exercise: its realm is `exercise/<id>`; only these persons hear of it."""

    id: Id = Field(description="Övningens korta namn; dess värld är exercise/<id>")
    name: Name = Field(description="Namnet som människor ser")
    leader: Id = Field(description="Personen som leder övningen")
    participants: tuple[Participant, ...] = Field(default=(), description="De som är med; ingen annan får veta något")


class Answering(Frozen):
    """How long a person has to answer, by what is asked of them. `inform` asks for no answer."""

    act: Duration = Field(default=timedelta(minutes=5), description="Tid att svara för den som ska agera")
    decide: Duration = Field(default=timedelta(minutes=5), description="Tid att svara för den som ska besluta")
    coordinate: Duration = Field(default=timedelta(minutes=15), description="Tid att svara för den som ska samordna")
    support: Duration = Field(default=timedelta(minutes=15), description="Tid att svara för den som ska stödja")
    attempt: Duration = Field(default=timedelta(seconds=30), description="Hur länge ett försök genom en kanal får ta")
    repeat: Duration = Field(default=timedelta(minutes=10), description="Hur ofta det upprepas när ingen svarar alls")

    def within(self, action: Action) -> timedelta | None:
        return None if action is Action.INFORM else timedelta(seconds=getattr(self, action.value).total_seconds())


Post = tuple[str, str]
"""(role, organisation)."""

LAST_RESORT = "tib"
"""The role that hears when nobody else can: tjänsteperson i beredskap."""


@dataclass(frozen=True)
class Roster:
    """Who holds which role, and how each is reached."""

    roles: dict[str, Role] = field(default_factory=dict)
    duties: dict[Post, Duty] = field(default_factory=dict)
    persons: dict[str, Person] = field(default_factory=dict)
    exercises: dict[str, Exercise] = field(default_factory=dict)
    answering: Answering = field(default_factory=Answering)

    @cached_property
    def _posts(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for role, organisation in self.duties:
            found.setdefault(role, []).append(organisation)
        return {role: tuple(sorted(organisations)) for role, organisations in found.items()}

    def organisations_with(self, role: str) -> tuple[str, ...]:
        """Where a role exists, sorted."""
        return self._posts.get(role, ())

    @property
    def last_resort(self) -> Post:
        return (LAST_RESORT, self.organisations_with(LAST_RESORT)[0])

    def role_name(self, role: str) -> str:
        return self.roles[role].name if role in self.roles else role

    def persons_of(self, post: Post, realm: str) -> tuple[str, ...]:
        """The persons who answer for a post in this realm, in the order they are asked. Never empty in the live realm
        of a checked profile; empty in `exercise/external`, where nobody is told (semantics 19)."""
        if realm != LIVE:
            return self._players(post, realm)
        return self._living(post, frozenset())

    def _living(self, post: Post, seen: frozenset[Post]) -> tuple[str, ...]:
        duty = self.duties.get(post)
        if duty is None or post in seen:
            return ()
        cover = self.cover(post)
        own = duty.persons
        return own + tuple(p for p in (self._living(cover, seen | {post}) if cover else ()) if p not in own)

    def cover(self, post: Post) -> Post | None:
        """The post that answers for this one when its own persons do not: at the same organisation if it has the role,
        else the one place that does; None if nothing covers it."""
        duty = self.duties.get(post)
        role = duty.covered_by if duty is not None else None
        if duty is None or role is None:
            return None
        if (role, duty.organisation) in self.duties:
            return (role, duty.organisation)
        return next(((role, o) for o in self.organisations_with(role)), None)

    def _players(self, post: Post, realm: str) -> tuple[str, ...]:
        exercise = self.exercises.get(realm.removeprefix("exercise/")) if is_exercise(realm) else None
        if exercise is None:
            return ()
        named = tuple(p.person for p in exercise.participants if (p.role, p.organisation) == post)
        return named or (exercise.leader,)

    def contacts(self, person: str, realm: str) -> tuple[Contact, ...]:
        """The person's channels in the order they are tried; in an exercise the exercise channels and no other."""
        known = self.persons.get(person)
        if known is None:
            return ()
        return known.exercise_contacts if is_exercise(realm) else known.contacts
