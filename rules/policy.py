"""A city's compiled policy: registry, ladder and rules, with the index that makes an event cost only what can match
it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Annotated

from pydantic import Field

from rules.duration import Duration
from rules.events import EventKind
from rules.frozen import Frozen
from rules.ladder import Entered, Ladder
from rules.late import span
from rules.registry import AreaKind, Ids, Name, Registry
from rules.rule import (
    ANY_WARNING,
    AnyLeaf,
    CalendarCondition,
    DecisionCondition,
    DistrictsCondition,
    IncidentsCondition,
    Rule,
    SensorCondition,
    SequenceCondition,
    WarningCondition,
    leaves,
)

Days = Annotated[int, Field(ge=1, le=36_500)]


class Retention(Frozen):
    """How many days things are kept after they came; left out: always. What an open matter may rest on is kept however
    old. Erasing what an authority has received or made needs a decision (gallringsbeslut), so nothing is set unless
    somebody has set it."""

    readings: Days | None = Field(default=None, description="Mätvärden; det senaste värdet per givare behålls alltid")
    events: Days | None = Field(
        default=None, description="Rapporter, varningar, svar och beslut: innehåll och avsändare"
    )
    records: Days | None = Field(default=None, description="Ärendenas loggar, larmplaner och skickade meddelanden")
    refused: Days | None = Field(default=None, description="Det som avvisats eller inte gått att behandla")


class Settings(Frozen):
    """What holds for a whole profile."""

    name: Name
    invented: bool = Field(default=True, description="Personer, nummer och anläggningsdetaljer är påhittade")
    timezone: str = "Europe/Stockholm"
    public_url: str | None = Field(default=None, description="Adressen i länkar; utelämnas: tjänstens egen")
    map: str | None = Field(default=None, description="GeoJSON med områdenas ytor")
    hold: Duration = Field(
        default=timedelta(minutes=30), description="Hur länge en orsak ska vara borta innan den räknas som över"
    )
    tolerance: Duration = Field(
        default=timedelta(minutes=5), description="Hur långt före vår klocka en händelses tid får ligga"
    )
    reopen_within: Duration = Field(
        default=timedelta(hours=2), description="En ny rapport inom denna tid öppnar ett stängt ärende igen"
    )
    required_roles: Ids = Field(
        default=(),
        description="Roller som alla stadens egna nämnder och bolag ska ha; att någon saknar en är en anmärkning",
    )
    retention: Retention = Field(
        default_factory=Retention, description="Efter hur många dagar saker raderas (gallras); utelämnas: aldrig"
    )


@dataclass(frozen=True, slots=True)
class LeafRef:
    """One condition of one rule: `path` says which (`when.0`, `until.0`)."""

    rule: CompiledRule
    path: str
    condition: AnyLeaf

    @property
    def lowers(self) -> bool:
        return self.path.startswith("until")

    @property
    def looks_back(self) -> bool:
        """True if more than a sensor's newest value makes the condition true."""
        condition = self.condition
        return isinstance(condition, SensorCondition) and (condition.for_ is not None or condition.within is not None)

    @property
    def window(self) -> timedelta | None:
        """How long a fact counts after it happened, although it is over: in a condition's own time, or a sequence's."""
        side = self.rule.rule.until if self.lowers else self.rule.rule.when
        if isinstance(side, SequenceCondition):
            return side.within
        return self.condition.within if isinstance(self.condition, IncidentsCondition) else None


@dataclass(frozen=True)
class CompiledRule:
    """A rule with its level filled in and its identity: an edited limit is another rule to the trackers, an edited text
    is not (semantics 16)."""

    rule: Rule
    level: str
    identity: str
    when: tuple[LeafRef, ...] = field(init=False)
    until: tuple[LeafRef, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", self._refs("when", leaves(self.rule.when)))
        object.__setattr__(self, "until", self._refs("until", leaves(self.rule.until)))

    def _refs(self, side: str, found: tuple[AnyLeaf, ...]) -> tuple[LeafRef, ...]:
        return tuple(LeafRef(self, f"{side}.{i}", leaf) for i, leaf in enumerate(found))

    @property
    def wide(self) -> bool:
        """True if the rule has one state for the whole city, so that its facts are forwarded to the city's key."""
        return self.rule.each is None

    def __hash__(self) -> int:
        return hash(self.identity)


def compile_rule(rule: Rule, ladder: Ladder) -> CompiledRule:
    """The rule with its level filled in and its identity: id and hash of its conditions."""
    said = rule.model_dump_json(include={"id", "each", "areas", "when", "until"}, exclude_none=True)
    identity = f"{rule.id}#{hashlib.sha256(said.encode()).hexdigest()[:8]}"
    return CompiledRule(rule, rule.level or ladder.lowest, identity)


SENSORS_PER_BUCKET = 64
"""Last values in one entry: a gateway's hundred readings then change two or three."""

IndexKey = tuple[EventKind, str, str]


@dataclass(frozen=True)
class Policy:
    """Everything assess decides by. `hash` is of the files' contents, and stands in every decision."""

    settings: Settings
    registry: Registry
    ladder: Ladder
    rules: tuple[CompiledRule, ...]
    hash: str
    names: Mapping[str, str] = field(default_factory=dict)
    """What roles and persons are called, for texts; who they are is `notifiers`'."""

    def called(self, name: str | None) -> str:
        """The display name of a role or person; the id itself where nobody has named it."""
        return self.names.get(name or "", name or "")

    @cached_property
    def sensor_homes(self) -> dict[str, str]:
        """The key of assess that each sensor's readings go to."""
        areas = {sensor.area for sensor in self.registry.sensors.values()}
        home = {area: self.registry.home((area,)) for area in areas}
        return {sensor.id: home[sensor.area] for sensor in self.registry.sensors.values()}

    @cached_property
    def buckets(self) -> dict[str, str]:
        """Which entry each sensor's last value is in: sensors beside each other in the registry share one."""
        names = [f"last/{number}" for number in range(len(self.sensor_homes) // SENSORS_PER_BUCKET + 1)]
        count: dict[str, int] = {}
        found = {}
        for sensor, home in self.sensor_homes.items():
            found[sensor] = names[count.get(home, 0) // SENSORS_PER_BUCKET]
            count[home] = count.get(home, 0) + 1
        return found

    @cached_property
    def lowering(self) -> dict[str, timedelta]:
        """The sensors whose values may make a rule over, and how long a gap is between two values before what was held
        must begin anew."""
        found = {}
        for leaf in (leaf for rule in self.rules for leaf in rule.until):
            if isinstance(leaf.condition, SensorCondition):
                for sensor in self.registry.sensors_of(leaf.condition.sensor):
                    found[sensor.id] = self.registry.sensor_kinds[sensor.kind].valid_for
        return found

    @cached_property
    def lookbacks(self) -> dict[str, timedelta]:
        """How far back values of a sensor are kept so that one out of order can take its place. Without those whose
        kind states no lateness, or which nothing looks back on."""
        found = {}
        for sensor, home in self.sensor_homes.items():
            lateness = self.registry.sensor_kinds[self.registry.sensors[sensor].kind].lateness
            leaves = self.matching(EventKind.READINGS, sensor, home) if lateness is not None else ()
            looking = [leaf.condition for leaf in leaves if leaf.looks_back]
            conditions = [condition for condition in looking if isinstance(condition, SensorCondition)]
            if lateness is not None and conditions:
                found[sensor] = span(conditions, lateness)
        return found

    @cached_property
    def by_identity(self) -> dict[str, CompiledRule]:
        return {r.identity: r for r in self.rules}

    def matching(self, kind: EventKind, name: str, area: str) -> tuple[LeafRef, ...]:
        """The conditions that a fact can change: this kind of event, of this name, in this area (a key of assess)."""
        return self._index.get((kind, name, area), ())

    @cached_property
    def _index(self) -> dict[IndexKey, tuple[LeafRef, ...]]:
        found: dict[IndexKey, list[LeafRef]] = {}
        for leaf in (ref for rule in self.rules for ref in rule.when + rule.until):
            for key in self._keys(leaf):
                found.setdefault(key, []).append(leaf)
        shared: dict[tuple[int, ...], tuple[LeafRef, ...]] = {}  # many sensors are under the same conditions
        ordered = ((key, self._gravest_first(refs)) for key, refs in found.items())
        return {key: shared.setdefault(tuple(map(id, refs)), refs) for key, refs in ordered}

    def _gravest_first(self, refs: Iterable[LeafRef]) -> tuple[LeafRef, ...]:
        """The rule with the highest level opens the matter and names it, so that a red warning is not first told as a
        yellow one."""
        return tuple(sorted(refs, key=lambda ref: -self.ladder.rank(ref.rule.level)))

    def _keys(self, leaf: LeafRef) -> Iterable[IndexKey]:
        match leaf.condition:
            case SensorCondition(sensor=name):
                for sensor in self.registry.sensors_of(name):
                    if self._applies(leaf.rule, sensor.area):
                        yield EventKind.READINGS, sensor.id, self.sensor_homes[sensor.id]
            case IncidentsCondition(incidents=kinds, broken_by=breaking):
                yield from ((EventKind.INCIDENT, kind, home) for kind in kinds + breaking for home in self.homes)
            case WarningCondition(warning=kinds):
                yield from ((EventKind.WARNING, kind, home) for kind in kinds for home in self.homes)
            case DistrictsCondition() | CalendarCondition():
                return  # not of events: see `district_leaves`
            case DecisionCondition(decision=level):
                yield EventKind.DECISION, level, self.registry.city

    def _applies(self, rule: CompiledRule, area: str) -> bool:
        return not rule.rule.areas or any(self.registry.within(area, a) for a in rule.rule.areas)

    def applies(self, leaf: LeafRef, areas: tuple[str, ...]) -> bool:
        """True if the rule holds in any of these areas (no areas: the city)."""
        return any(self._applies(leaf.rule, area) for area in areas or (self.registry.city,))

    @cached_property
    def district_leaves(self) -> tuple[LeafRef, ...]:
        """The conditions that count districts at a level: looked at when a district's matter changes its level."""
        leaves = (ref for rule in self.rules for ref in rule.when + rule.until)
        return tuple(ref for ref in leaves if isinstance(ref.condition, DistrictsCondition))

    def warning_leaves(self, kind: str, area: str) -> tuple[LeafRef, ...]:
        named, any_kind = (self.matching(EventKind.WARNING, k, area) for k in (kind, ANY_WARNING))
        return self._gravest_first(named + any_kind)

    @cached_property
    def homes(self) -> tuple[str, ...]:
        """The keys of assess: the districts and the city."""
        return tuple(a.id for a in self.registry.areas.values() if a.kind is not AreaKind.NEIGHBOURHOOD)

    def entered(self, level: str) -> Entered:
        return self.ladder[level].entered
