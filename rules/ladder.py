"""The ladder: the ordered levels, how each is entered, who may decide, and whom each adds.

Höjd beredskap is a legal state that only the Government brings about (1992:1403, section 3): its level is `declared`,
and a rule that would set a declared level from anything but a confirmed decision does not load.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

from rules.action import Action as Action
from rules.action import Principle as Principle
from rules.duration import Duration
from rules.events import Verdict
from rules.frozen import Frozen, Instant
from rules.registry import Id, Ids, Name

LevelId = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Entered(StrEnum):
    """How a level is entered."""

    DETECTED = "detected"  # a rule may raise it
    DECIDED = "decided"  # a rule proposes, a named role decides
    DECLARED = "declared"  # an outside authority decides; two persons register it here


class Addressee(Frozen):
    """A role that a level or a rule names, at one organisation or (none given) wherever the role is unique."""

    role: Id = Field(description="Rollen")
    organisation: Id | None = Field(
        default=None, description="Organisationen; utelämnas där rollen bara finns på ett ställe"
    )
    action: Action = Field(
        default=Action.INFORM, description="Vad som väntas: act, decide, coordinate, support eller inform"
    )
    principle: Principle = Field(default=Principle.COOPERATION, description="Principen som rollen larmas efter")


def _addressee(value: Any) -> Any:
    """`tib` and `chef_i_beredskap@sodermalm` are short for the full form."""
    if not isinstance(value, str):
        return value
    role, _, organisation = value.partition("@")
    return {"role": role, "organisation": organisation} if organisation else {"role": role}


def _addressees(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


Addressees = Annotated[tuple[Annotated[Addressee, BeforeValidator(_addressee)], ...], BeforeValidator(_addressees)]


class Level(Frozen):
    """One rung. `adds`: told as soon as the level is proposed or reached; `adds_when_decided`: only once it is
    decided."""

    id: LevelId = Field(description="Nivåns namn i reglerna, som 'särskild händelse'")
    name: Name = Field(description="Namnet som människor ser")
    entered: Entered = Field(
        description="Hur den nås: detected (av en regel), decided (någon beslutar), declared (en myndighet förklarar)"
    )
    adds: Addressees = Field(default=(), description="Roller som får veta så snart nivån är nådd eller föreslagen")
    adds_when_decided: Addressees = Field(default=(), description="Roller som får veta först när nivån är beslutad")
    by: Id | None = Field(default=None, description="Myndigheten som beslutar, för en nivå som förklaras utifrån")
    grades: tuple[Annotated[str, StringConstraints(min_length=1, max_length=64)], ...] = Field(
        default=(), description="Graderna av en nivå som förklaras utifrån, som skärpt och högsta"
    )
    confirmed_by: int = Field(default=2, ge=2, le=5, description="Antal olika personer som måste registrera beslutet")
    decide_within: Duration = Field(
        default=timedelta(minutes=15), description="Hur lång tid den som beslutar har på sig"
    )


class Delegation(Frozen):
    """Who may decide what: the persons of a role in order (the first is asked first), for a level and a scope."""

    role: Id = Field(description="Rollen som frågas")
    organisation: Id | None = Field(default=None, description="Rollens organisation")
    persons: Ids = Field(min_length=1, description="De som får besluta; den första frågas först")
    level: LevelId = Field(description="Nivån som beslutet gäller")
    scope: Ids = Field(min_length=1, description="Området som beslutet gäller")
    may: tuple[Verdict, ...] = Field(
        default=(Verdict.GRANT, Verdict.REFUSE),
        description="Vad de får: grant (ja), refuse (nej), declare, lift, close, join (föra ihop), split (dela)",
    )
    valid_from: Instant | None = Field(default=None, description="Från och med när")
    valid_to: Instant | None = Field(default=None, description="Till när")

    def valid_at(self, at: datetime) -> bool:
        return (self.valid_from is None or self.valid_from <= at) and (self.valid_to is None or at < self.valid_to)


@dataclass(frozen=True)
class Ladder:
    """The levels in order, lowest first, and the delegations."""

    levels: tuple[Level, ...]
    delegations: tuple[Delegation, ...] = ()

    def __getitem__(self, level: str) -> Level:
        return next(rung for rung in self.levels if rung.id == level)

    def __contains__(self, level: str) -> bool:
        return any(rung.id == level for rung in self.levels)

    def rank(self, level: str) -> int:
        return next(i for i, rung in enumerate(self.levels) if rung.id == level)

    @property
    def lowest(self) -> str:
        return self.levels[0].id

    def highest_of(self, levels: tuple[str, ...]) -> str:
        return max(levels, key=self.rank, default=self.lowest)

    def up_to(self, level: str) -> tuple[Level, ...]:
        """This level and every one below it, lowest first."""
        return self.levels[: self.rank(level) + 1]

    def deciders(
        self, level: str, scope: str, at: datetime, verdict: Verdict = Verdict.GRANT
    ) -> tuple[Delegation, ...]:
        """The delegations that allow this verdict on the level in exactly this scope, at this instant."""
        found = (d for d in self.delegations if d.level == level and scope in d.scope and d.valid_at(at))
        return tuple(d for d in found if verdict in d.may)

    def may(self, person: str, by: str, verdict: Verdict, level: str, scopes: tuple[str, ...], at: datetime) -> bool:
        """True if the delegation table lets this person, as this role, decide this for one of these scopes now."""
        return any(
            d.role == by
            and d.level == level
            and person in d.persons
            and verdict in d.may
            and d.valid_at(at)
            and any(s in d.scope for s in scopes)
            for d in self.delegations
        )
