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

from rules.calendar import Hours
from rules.duration import Duration
from rules.events import Severity
from rules.frozen import Frozen
from rules.ladder import Action, Addressees, LevelId
from rules.registry import Id, Ids, KindId, Name, Scope, _listed

KindIds = Annotated[tuple[KindId, ...], BeforeValidator(_listed)]


Limit = Annotated[float, Field(strict=True)]
"""A number; `true` and `"1.2"` are none."""


class SensorCondition(Frozen):
    """A sensor, or any sensor of a kind: over or under a limit or between two, perhaps for a time; changing fast; or
    silent. Exactly one of these."""

    sensor: Id = Field(description="En givares id, eller ett givarslag: då räknas varje givare av slaget")
    above: Limit | None = Field(default=None, description="Över den här gränsen (gränsen själv räknas inte)")
    below: Limit | None = Field(default=None, description="Under den här gränsen (gränsen själv räknas inte)")
    between: tuple[Limit, Limit] | None = Field(default=None, description="Mellan två värden, gränserna inräknade")
    rises: Limit | None = Field(default=None, gt=0, description="Stiger minst så mycket inom tiden i 'within'")
    falls: Limit | None = Field(default=None, gt=0, description="Sjunker minst så mycket inom tiden i 'within'")
    within: Duration | None = Field(default=None, description="Tiden som ändringen ska ske inom, som '1 h'")
    silent_for: Duration | None = Field(default=None, description="Inget värde på så länge")
    for_: Duration | None = Field(default=None, alias="for", description="Så länge ska gränsen ha hållit, som '30 min'")

    @model_validator(mode="after")
    def _has_a_limit(self) -> SensorCondition:
        limits = self.above is not None or self.below is not None
        ways = [limits, self.between is not None, self.changes, self.silent_for is not None]
        if not any(ways):
            raise PydanticCustomError("limit_missing", "needs above, below, between, rises, falls or silent_for")
        if sum(ways) > 1:
            raise PydanticCustomError("limit_mixed", "en gräns, en ändring och tystnad är olika villkor; skriv ett")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise PydanticCustomError("limit_empty", "no value is both above and below these")
        if self.between is not None and self.between[0] > self.between[1]:
            raise PydanticCustomError("band_empty", "the first of 'between' is the lower")
        if self.changes != (self.within is not None):
            raise PydanticCustomError("change_within", "'rises' och 'falls' behöver 'within', och bara de")
        return self

    @property
    def changes(self) -> bool:
        """True if the condition is about how fast the value changes."""
        return self.rises is not None or self.falls is not None

    def holds(self, value: float) -> bool:
        """True if the value lies beyond the limit (the limit itself does not count), or in the band (where it does)."""
        if self.between is not None:
            return self.between[0] <= value <= self.between[1]
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)

    def changed(self, value: float, earlier: tuple[float, ...]) -> bool:
        """True if the value has risen or fallen enough from one of the earlier ones within the time."""
        rose = self.rises is not None and any(value - v >= self.rises for v in earlier)
        return rose or (self.falls is not None and any(v - value >= self.falls for v in earlier))


class Different(StrEnum):
    """What must differ for incidents to count as several."""

    DISTRICT = "district"
    NEIGHBOURHOOD = "neighbourhood"
    ASSET = "asset"
    ORGANISATION = "organisation"
    SOURCE = "source"


class IncidentsCondition(Frozen):
    """Incidents of a kind: at least so many, in different places, within a time."""

    incidents: KindIds = Field(min_length=1, description="Händelselag som räknas: ett, eller flera i en lista")
    at_least: int = Field(default=1, ge=1, le=10_000, description="Minst så många rapporter")
    different: Different | None = Field(default=None, description="Vad som ska skilja sig åt för att räknas som flera")
    within: Duration | None = Field(default=None, description="Tiden som rapporterna ska ligga inom, som '60 min'")
    in_a_row: int | None = Field(default=None, ge=2, le=100, description="Så många i rad, obrutet")
    broken_by: KindIds = Field(default=(), description="Händelselag som bryter raden")
    open_for: Duration | None = Field(default=None, description="Räknas först när den varit öppen så länge")
    priority: bool | None = Field(default=None, description="Bara vid prioriterade anläggningar")
    needs: Id | None = Field(default=None, description="Bara vid anläggningar som behöver den här funktionen")
    danger_to_life: bool | None = Field(default=None, description="Bara när det är fara för liv (false: bara annars)")

    @model_validator(mode="after")
    def _counts_what_can_differ(self) -> IncidentsCondition:
        if self.different and self.at_least < 2:
            raise PydanticCustomError("different_of_one", "'different' needs 'at_least' 2 or more")
        if (self.in_a_row is None) != (not self.broken_by):
            raise PydanticCustomError("in_a_row", "'in_a_row' och 'broken_by' hör ihop: skriv båda")
        if self.in_a_row is not None and (self.at_least > 1 or set(self.broken_by) & set(self.incidents)):
            raise PydanticCustomError("in_a_row", "'in_a_row' räknar själv: utan 'at_least', och bruten av andra lag")
        return self

    @property
    def needed(self) -> int:
        """How many incidents make the condition true."""
        return self.in_a_row or self.at_least


ANY_WARNING = "alla"


class WarningCondition(Frozen):
    """An authority's warning is in force: of a kind (or `alla`), at this severity or worse. Or (`ended`) it has ended:
    every such warning that the rule rests on, when it stands in `until`."""

    warning: KindIds = Field(
        min_length=1, description="Varningens slag som myndigheten skriver det (RAIN, HIGH_FLOW), eller 'alla'"
    )
    severity: Severity = Field(default=Severity.MESSAGE, description="Lägst så allvarlig: message, yellow, orange, red")
    ended: bool = Field(
        default=False, description="true: varningen har upphört, sedan så länge som profile.hold säger (i 'until')"
    )

    def covers(self, severity: Severity) -> bool:
        """True if a warning of this severity is bad enough. An unknown severity counts as bad enough for the
        mildest only: we do not know it to be worse."""
        order = [Severity.MESSAGE, Severity.YELLOW, Severity.ORANGE, Severity.RED]
        rank = 0 if severity is Severity.UNKNOWN else order.index(severity)
        return rank >= order.index(self.severity)


class DistrictsCondition(Frozen):
    """So many districts have an open matter at this level or higher: alert_level, provisional included, unless
    `declared` (semantics 11)."""

    districts: LevelId = Field(description="Nivån som stadsdelsområdena ska ha, eller en högre")
    at_least: int = Field(default=1, ge=1, le=1_000, description="Minst så många stadsdelsområden")
    declared: bool = Field(default=False, description="Räkna bara nivåer som någon har beslutat")


class CalendarCondition(Frozen):
    """It is night, a weekend, a holiday ... when the rest of an `all` comes true. The hours only decide whether a rule
    begins to hold: what has begun does not end because morning comes."""

    calendar: Hours = Field(
        description="Natt, helg, helgdag, kontorstid eller annan tid; avgör bara om regeln börjar gälla"
    )


class DecisionCondition(Frozen):
    """An authority has decided a level, and so many different persons have registered it."""

    decision: LevelId = Field(description="Nivån som är beslutad")
    by: Id = Field(description="Myndigheten som beslutar")
    confirmed_by: int = Field(default=2, ge=2, le=5, description="Så många olika personer ska ha registrerat beslutet")


class SequenceCondition(Frozen):
    """One thing, then another no later than so long after it."""

    first: Leaf = Field(description="Det som ska hända först")
    then: Leaf = Field(description="Det som ska hända sedan")
    within: Duration = Field(description="Tiden däremellan, högst")


class AllCondition(Frozen):
    """Every one of these holds."""

    all: tuple[Leaf, ...] = Field(min_length=2, max_length=10, description="Alla dessa villkor ska gälla samtidigt")


class AnyCondition(Frozen):
    """At least one of these holds."""

    any: tuple[Leaf, ...] = Field(min_length=2, max_length=10, description="Något av dessa villkor ska gälla")


def _key_of(value: Any) -> str | None:
    if isinstance(value, Frozen):
        value = value.model_dump(exclude_unset=True)
    return next((f"<{k}>" for k in CONDITION_KEYS if k in value), None) if isinstance(value, dict) else None


CONDITION_KEYS = ("sensor", "incidents", "warning", "districts", "calendar", "decision", "first", "all", "any")
# The tags are marked, since pydantic puts them into an error's location beside the file's own keys.
_LEAVES = (
    Annotated[SensorCondition, Tag("<sensor>")]
    | Annotated[IncidentsCondition, Tag("<incidents>")]
    | Annotated[WarningCondition, Tag("<warning>")]
    | Annotated[DistrictsCondition, Tag("<districts>")]
    | Annotated[CalendarCondition, Tag("<calendar>")]
    | Annotated[DecisionCondition, Tag("<decision>")]
)
_START = Discriminator(_key_of, custom_error_type="condition_kind", custom_error_message="start with a condition key")
Leaf = Annotated[_LEAVES, _START]
Condition = Annotated[
    _LEAVES
    | Annotated[SequenceCondition, Tag("<first>")]
    | Annotated[AllCondition, Tag("<all>")]
    | Annotated[AnyCondition, Tag("<any>")],
    _START,
]
AnyLeaf = (
    SensorCondition | IncidentsCondition | WarningCondition | DistrictsCondition | CalendarCondition | DecisionCondition
)
AnyCondition_ = AnyLeaf | SequenceCondition | AllCondition | AnyCondition
SequenceCondition.model_rebuild()
AllCondition.model_rebuild()
AnyCondition.model_rebuild()


class Rule(Frozen):
    """One rule as its author wrote it."""

    id: Id = Field(description="Regelns korta namn: a-z, 0-9 och - _ . Det byts inte sedan")
    name: Name = Field(description="Namnet som människor ser")
    each: Scope | None = Field(default=None, description="Ett tillstånd per ...; utelämnas: ett för hela staden")
    areas: Ids = Field(default=(), description="Gäller bara i dessa områden; utelämnas: överallt")
    when: Condition = Field(description="Villkoret: när regeln börjar gälla")
    until: Condition | None = Field(
        default=None,
        description="När det är över; utelämnas: när orsakerna varit borta så länge som profile.hold säger",
    )
    level: LevelId | None = Field(default=None, description="Nivån som regeln betyder; utelämnas: den lägsta")
    concerns: Ids = Field(default=(), description="Funktioner vars ansvariga larmas; utelämnas: händelselagets egna")
    action: Action = Field(
        default=Action.ACT,
        description="Vad den ansvariga ska göra: act (agera) om inget annat sägs, inform för att bara veta",
    )
    notify: Addressees = Field(default=(), description="Roller som också ska veta: roll eller roll@organisation")
    also_notify: Addressees = Field(default=(), description="Fler roller som ska veta, utöver notify")
    message: Annotated[str, Field(max_length=500)] | None = Field(
        default=None,
        description="Texten; {value} {unit} {limit} {place} {area} {asset} {kind} {text} {count} {level} fylls i",
    )
    first_step: Annotated[str, Field(max_length=300)] | None = Field(
        default=None, description="Vad den ansvariga ska göra först"
    )
    explains_silence: Ids = Field(
        default=(),
        description="Givarslag eller givare vars tystnad regeln förklarar där den gäller, som ett elavbrott gör",
    )
    danger_to_life: bool = Field(default=False, description="Fara för liv: alla larmas på en gång och 112 står först")

    @model_validator(mode="after")
    def _is_not_lowered_by_silence(self) -> Rule:
        """Invariant 3: lowering never follows from missing data."""
        if any(isinstance(leaf, SensorCondition) and leaf.silent_for is not None for leaf in leaves(self.until)):
            raise PydanticCustomError("until_silent", "att en givare är tyst kan inte göra att något är över")
        return self

    @model_validator(mode="after")
    def _has_more_than_hours(self) -> Rule:
        hours = [leaf for leaf in leaves(self.when) if isinstance(leaf, CalendarCondition)]
        if hours and not (isinstance(self.when, AllCondition) and len(hours) < len(self.when.all)):
            raise PydanticCustomError("calendar_alone", "'calendar' står i ett 'all' tillsammans med något som händer")
        if any(isinstance(leaf, CalendarCondition) for leaf in leaves(self.until)):
            raise PydanticCustomError("calendar_until", "klockan kan inte göra att något är över")
        return self

    @model_validator(mode="after")
    def _counts_districts_for_the_city(self) -> Rule:
        found = leaves(self.when) + leaves(self.until)
        if self.each is not None and any(isinstance(leaf, DistrictsCondition) for leaf in found):
            raise PydanticCustomError("districts_each", "villkoret 'districts' gäller hela staden: ta bort 'each'")
        return self


def leaves(condition: AnyCondition_ | None) -> tuple[AnyLeaf, ...]:
    """The conditions that look at facts, left to right."""
    match condition:
        case None:
            return ()
        case SequenceCondition():
            return (condition.first, condition.then)
        case AllCondition():
            return condition.all
        case AnyCondition():
            return condition.any
        case _:
            return (condition,)


Shape = Literal["all", "any"]
