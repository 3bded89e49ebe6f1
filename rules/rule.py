"""What a rule file says: one shape, a closed set of words, no expression language.

A rule is a state that is true or not, never an edge: `when` it holds, `until` it no longer does, the `level` it means,
whom it `concerns`. A condition is recognised by its own key (`sensor`, `incidents`, `warning`, `decision`, `all`,
`any`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from rules.duration import Duration
from rules.events import Severity
from rules.frozen import Frozen
from rules.ladder import Action, Addressees, LevelId
from rules.registry import Id, Ids, KindId, Name, Scope, _listed

KindIds = Annotated[tuple[KindId, ...], BeforeValidator(_listed)]


class SensorCondition(Frozen):
    """A sensor, or any sensor of a kind, is over or under a limit, perhaps for a time."""

    sensor: Id
    above: float | None = Field(default=None, strict=True)
    below: float | None = Field(default=None, strict=True)
    for_: Duration | None = Field(default=None, alias="for")

    @model_validator(mode="after")
    def _has_a_limit(self) -> SensorCondition:
        if self.above is None and self.below is None:
            raise PydanticCustomError("limit_missing", "needs above or below")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise PydanticCustomError("limit_empty", "no value is both above and below these")
        return self

    def holds(self, value: float) -> bool:
        """True if the value lies beyond the limit (the limit itself does not count)."""
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


class Different(StrEnum):
    """What must differ for incidents to count as several."""

    DISTRICT = "district"
    NEIGHBOURHOOD = "neighbourhood"
    ASSET = "asset"
    SOURCE = "source"


class IncidentsCondition(Frozen):
    """Incidents of a kind: at least so many, in different places, within a time."""

    incidents: KindIds = Field(min_length=1)
    at_least: int = Field(default=1, ge=1, le=10_000)
    different: Different | None = None
    within: Duration | None = None

    @model_validator(mode="after")
    def _counts_what_can_differ(self) -> IncidentsCondition:
        if self.different and self.at_least < 2:
            raise PydanticCustomError("different_of_one", "'different' needs 'at_least' 2 or more")
        return self


ANY_WARNING = "alla"


class WarningCondition(Frozen):
    """An authority's warning is in force: of a kind (or `alla`), at this severity or worse."""

    warning: KindIds = Field(min_length=1)
    severity: Severity = Severity.MESSAGE

    def covers(self, severity: Severity) -> bool:
        """True if a warning of this severity is bad enough. An unknown severity counts as bad enough for the
        mildest only: we do not know it to be worse."""
        order = [Severity.MESSAGE, Severity.YELLOW, Severity.ORANGE, Severity.RED]
        rank = 0 if severity is Severity.UNKNOWN else order.index(severity)
        return rank >= order.index(self.severity)


class DecisionCondition(Frozen):
    """An authority has decided a level, and so many different persons have registered it."""

    decision: LevelId
    by: Id
    confirmed_by: int = Field(default=2, ge=2, le=5)


class AllCondition(Frozen):
    """Every one of these holds."""

    all: tuple[Leaf, ...] = Field(min_length=2, max_length=10)


class AnyCondition(Frozen):
    """At least one of these holds."""

    any: tuple[Leaf, ...] = Field(min_length=2, max_length=10)


def _key_of(value: Any) -> str | None:
    if isinstance(value, Frozen):
        value = value.model_dump(exclude_unset=True)
    return next((f"<{k}>" for k in CONDITION_KEYS if k in value), None) if isinstance(value, dict) else None


CONDITION_KEYS = ("sensor", "incidents", "warning", "decision", "all", "any")
# The tags are marked, since pydantic puts them into an error's location beside the file's own keys.
_LEAVES = (
    Annotated[SensorCondition, Tag("<sensor>")]
    | Annotated[IncidentsCondition, Tag("<incidents>")]
    | Annotated[WarningCondition, Tag("<warning>")]
    | Annotated[DecisionCondition, Tag("<decision>")]
)
_START = Discriminator(_key_of, custom_error_type="condition_kind", custom_error_message="start with a condition key")
Leaf = Annotated[_LEAVES, _START]
Condition = Annotated[
    _LEAVES | Annotated[AllCondition, Tag("<all>")] | Annotated[AnyCondition, Tag("<any>")],
    _START,
]
AnyLeaf = SensorCondition | IncidentsCondition | WarningCondition | DecisionCondition
AnyCondition_ = AnyLeaf | AllCondition | AnyCondition
AllCondition.model_rebuild()
AnyCondition.model_rebuild()


class Rule(Frozen):
    """One rule as its author wrote it."""

    id: Id
    name: Name
    each: Scope | None = Field(default=None, description="Ett tillstånd per ...; utelämnas: ett för hela staden")
    areas: Ids = Field(default=(), description="Gäller bara i dessa områden; utelämnas: överallt")
    when: Condition
    until: Condition | None = None
    level: LevelId | None = None
    concerns: Ids = Field(default=(), description="Funktioner vars ansvariga larmas; utelämnas: händelselagets egna")
    action: Action = Action.ACT
    notify: Addressees = ()
    also_notify: Addressees = ()
    message: Annotated[str, Field(max_length=500)] | None = None
    first_step: Annotated[str, Field(max_length=300)] | None = Field(
        default=None, description="Vad den ansvariga ska göra först"
    )
    danger_to_life: bool = False


def leaves(condition: AnyCondition_ | None) -> tuple[AnyLeaf, ...]:
    """The conditions that look at facts, left to right."""
    match condition:
        case None:
            return ()
        case AllCondition():
            return condition.all
        case AnyCondition():
            return condition.any
        case _:
            return (condition,)


Shape = Literal["all", "any"]
