"""A matter (ärende): one thing that is wrong in one place, what a coordinator would call one case.

Theory. A matter lives in the state of its home area's key and is keyed for life. It holds *causes*: each cause is one
rule that holds for one group, with the facts that make it hold. From the causes, the proposal and the decisions
follow two
values that are never mixed (design 3):

    alert_level      computed; says who is told. The highest of
                       - levels of open causes that rules may raise themselves (`detected`),
                       - the level of a proposal that waits for its decision (provisional),
                       - declared_state,
                       - what was decided in a matter above, as far as the causes here ask for it.
    declared_state   decided by a person or an authority; carries legal meaning. Only a decision changes it.

    open --(all causes cleared, declared_state lowest, no proposal)--> closed --(joined within reopen_within)--> open

The generation counts rises of alert_level: an answer to an older generation does not discharge a newer one
(semantics 16). Raising acts at once. A cause is cleared only by positive evidence held for its time, never by silence.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from rules.frozen import Frozen, Identifier, Instant, Text
from rules.ladder import Action, Addressee, Ladder
from rules.registry import Id


class Fact(Frozen):
    """One observed thing that a cause rests on, told in Swedish, with the event that said it."""

    key: str
    said: Text
    at: Instant
    event: str = ""
    asset: str | None = None
    kind: str = Field(default="", description="Händelselag, givarslag eller varningsslag")
    areas: tuple[str, ...] = ()
    refs: tuple[str, ...] = Field(default=(), description="Det som händelsen säger sig höra ihop med")
    different: str = Field(default="", description="Det som ska skilja sig åt för att räknas som flera")
    value: float | None = None
    danger_to_life: bool = False
    silent: bool = Field(default=False, description="Att en givare inte hörs, inte något den har sagt")
    placeholders: tuple[tuple[str, str], ...] = ()


class Cause(Frozen):
    """A rule that holds for a group, and why. `cleared_at` set: it no longer holds."""

    id: str
    rule: str
    name: str
    level: str
    because: Text
    facts: tuple[Fact, ...] = Field(description="De första, och alla på nya platser; count räknar alla")
    count: int = 1
    functions: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    action: Action = Action.ACT
    explained_by: str | None = Field(default=None, description="Ärendet som förklarar att givarna är tysta")
    explains: tuple[str, ...] = Field(default=(), description="Givare och givarslag vars tystnad orsaken förklarar")
    notify: tuple[Addressee, ...] = ()
    message: Text = ""
    first_step: Text = ""
    reported: bool = Field(default=False, description="Någon har rapporterat en verkan; inte bara ett givarvärde")
    danger_to_life: bool = False
    policy: str
    opened_at: Instant
    cleared_at: Instant | None = None

    @property
    def open(self) -> bool:
        return self.cleared_at is None

    @property
    def asked(self) -> Action:
        """What is expected of whoever is responsible: of silence that something else explains, nothing more than to
        know."""
        return Action.INFORM if self.explained_by is not None else self.action

    @property
    def once(self) -> str:
        """The cause as it was opened this time: one that was over and came back is new."""
        return f"{self.id}@{self.opened_at.isoformat()}"


class Direction(StrEnum):
    """Which way a proposal would change the level."""

    RAISE = "raise"
    LOWER = "lower"


class ProposalState(StrEnum):
    """What has become of a proposal."""

    PENDING = "pending"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"  # every cause was positively false for its hold time, or a higher one took its place
    SUPERSEDED = "superseded"  # the same or a higher level was decided for a wider scope, or in the matter it joined


class Proposal(Frozen):
    """A level that a rule proposes and a person decides. Silence is not refusal (semantics 13)."""

    number: int
    level: str
    direction: Direction
    scope: str
    role: Id | None
    organisation: Id | None = None
    persons: tuple[Id, ...] = Field(default=(), description="De som får besluta, i ordning; tomt: ingen är utsedd")
    because: Text
    causes: tuple[str, ...]
    proposed_at: Instant
    decide_by: Instant
    state: ProposalState = ProposalState.PENDING
    decided_by: str | None = None
    decided_at: Instant | None = None

    @property
    def pending(self) -> bool:
        return self.state is ProposalState.PENDING


class Basis(StrEnum):
    """What a matter's alert_level rests on; every message says which (design 3)."""

    DETECTED = "detected"
    PROVISIONAL = "provisional"
    DECIDED = "decided"
    WIDER = "wider"  # decided in the matter above this one, for a scope that holds this one's


class Declared(Frozen):
    """What an authority has decided, as the matter keeps it. Without a level it holds elsewhere only."""

    level: str | None
    grade: str | None = None
    territory: Text = ""

    @property
    def terms(self) -> dict[str, str | None]:
        """The fields of the matter that it sets."""
        level = {"declared_state": self.level} if self.level is not None else {}
        return level | {"grade": self.grade, "territory": self.territory}


class Above(Frozen):
    """A matter at a wider area that this one is part of, with the level decided there."""

    matter: Identifier
    title: Text
    area: Id
    level: str


class Matter(Frozen):
    """A matter as it stands after a step."""

    kind: Literal["matter"] = "matter"
    id: Identifier
    area: Id
    title: Text
    opened_at: Instant
    changed_at: Instant
    closed_at: Instant | None = None
    areas: tuple[str, ...]
    assets: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    refs: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    alert_level: str
    basis: Basis = Basis.DETECTED
    declared_state: str
    above: tuple[Above, ...] = Field(default=(), description="Vidare ärenden som det här är en del av")
    joined_into: str | None = Field(default=None, description="Ärendet som det här har förts ihop med")
    grade: str | None = Field(default=None, description="Graden av ett förklarat läge: skärpt eller högsta")
    territory: Text = Field(default="", description="Var ett förklarat läge gäller, som beslutet säger det")
    generation: Annotated[int, Field(ge=1)] = 1
    policy: str

    @property
    def open(self) -> bool:
        return self.closed_at is None

    @property
    def open_causes(self) -> tuple[Cause, ...]:
        return tuple(c for c in self.causes if c.open)

    @property
    def proposal(self) -> Proposal | None:
        """The newest proposal, decided or not."""
        return self.proposals[-1] if self.proposals else None

    @property
    def danger_to_life(self) -> bool:
        return any(c.danger_to_life for c in self.open_causes)

    def cause(self, identity: str) -> Cause | None:
        return next((c for c in self.causes if c.id == identity and c.open), None)


def refused(matter: Matter) -> frozenset[str]:
    """The causes, as they were opened then, that a decider has said no to raising for."""
    said_no = (p for p in matter.proposals if p.state is ProposalState.REFUSED and p.direction is Direction.RAISE)
    return frozenset(cause for p in said_no for cause in p.causes)


def covered(matter: Matter, ladder: Ladder) -> str:
    """The level that a decision for a wider scope means here: as high as this matter's own causes ask for, and no
    higher than what was decided; what a decider here has refused stays refused."""
    decided = ladder.highest_of(tuple(a.level for a in matter.above if a.level in ladder))
    no = refused(matter)
    asked = (c.level for c in matter.open_causes if ladder[c.level].entered == "decided" and c.once not in no)
    return ladder.highest_of(tuple(level for level in asked if ladder.rank(level) <= ladder.rank(decided)))


def levelled(matter: Matter, ladder: Ladder, now: datetime) -> Matter:
    """The matter with alert_level, basis and generation as its causes, proposals and decisions now mean."""
    detected = ladder.highest_of(tuple(c.level for c in matter.open_causes if ladder[c.level].entered == "detected"))
    proposal = matter.proposal
    waiting = proposal is not None and proposal.pending and proposal.direction is Direction.RAISE
    provisional = proposal.level if proposal is not None and waiting else ladder.lowest
    wider = covered(matter, ladder)
    level = ladder.highest_of((detected, provisional, wider, matter.declared_state))
    if ladder.rank(level) == ladder.rank(matter.declared_state) and level != ladder.lowest:
        basis = Basis.DECIDED
    elif level == wider != detected and level != ladder.lowest:
        basis = Basis.WIDER
    else:
        basis = Basis.PROVISIONAL if waiting and level == provisional != detected else Basis.DETECTED
    rose = ladder.rank(level) > ladder.rank(matter.alert_level)
    return matter.model_copy(
        update={
            "alert_level": level,
            "basis": basis,
            "generation": matter.generation + rose,
            "changed_at": now,
        }
    )


class OpenMatters(Frozen):
    """Which matters of the key are open or may still be opened again, and how many there have been."""

    kind: Literal["open_matters"] = "open_matters"
    ids: tuple[str, ...] = ()
    count: int = 0


class MatterChanged(Frozen):
    """What assess tells alert: the matter as it stands now, and what changed in words."""

    kind: Literal["matter_changed"] = "matter_changed"
    matter: Matter
    change: Text
