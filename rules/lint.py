"""Rules and facts that are well written and still cannot be meant: what can never hold, what would begin and end at
once, and what leads round to itself.

An ERROR is what the file itself contradicts, whatever the world does: the profile does not load. A FINDING is what may
be meant, or may be right tomorrow: a limit beyond the range that a kind of sensor states (either may be the wrong one),
a kind with no sensor there yet, an `until` that asks for a time (`for`) and still allows what `when` forbids.
Everything here is a function of a rule and the registry; who would hear of a rule is `notifiers.lint`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rules.events import Verdict
from rules.explain import quantity, sensor_words
from rules.fault import Fault, Gravity, Text
from rules.item import Documents, Item, Path_
from rules.names import leaf_paths
from rules.registry import AreaKind, Registry, Sensor
from rules.ring import in_words, rings
from rules.rule import (
    AllCondition,
    AnyLeaf,
    Different,
    DistrictsCondition,
    IncidentsCondition,
    Rule,
    SensorCondition,
    SequenceCondition,
    leaves,
)

RANGE_EMPTY = Text(
    "range-empty",
    "'lowest' ({low}) ska vara mindre än 'highest' ({high})",
    "'lowest' ({low}) must be less than 'highest' ({high})",
)
BEYOND_RANGE = Text(
    "limit-beyond-range",
    "villkoret kan aldrig bli sant: {name} ligger mellan {low} och {high} enligt givarslaget",
    "the condition can never be true: {name} lies between {low} and {high} according to the kind of sensor",
)
NO_SENSOR = Text(
    "no-sensor-there",
    "ingen givare av slaget {kind!r} finns i regelns områden; villkoret kan inte bli sant än",
    "there is no sensor of the kind {kind!r} in the rule's areas; the condition cannot be true yet",
)
SENSOR_ELSEWHERE = Text(
    "sensor-elsewhere",
    "givaren {sensor!r} står i {area}, utanför regelns områden; villkoret kan aldrig bli sant",
    "the sensor {sensor!r} is in {area}, outside the rule's areas; the condition can never be true",
)
CONTRADICTION = Text(
    "all-contradicts",
    "villkoren i 'all' motsäger varandra: {name} kan inte uppfylla båda på en gång",
    "the conditions in 'all' contradict each other: {name} cannot fulfil both at once",
)
TOO_MANY_PLACES = Text(
    "too-many-places",
    "regeln vill ha {wanted} olika, men det finns bara {found} {places} där den gäller; den kan aldrig bli sann",
    "the rule asks for {wanted} different ones, but there are only {found} {places} where it holds; it can never hold",
)
TOO_FEW_IN_GROUP = Text(
    "different-in-group",
    "'each: {each}' skiljer redan åt det som 'different: {different}' ska räkna; regeln kan aldrig bli sann",
    "'each: {each}' already separates what 'different: {different}' should count; the rule can never hold",
)
NO_GROUP = Text(
    "each-without-places",
    "det finns inga {places}; stryk 'each' eller välj något annat",
    "there are no {places}; remove 'each' or choose something else",
)
OVERLAP = Text(
    "until-overlaps",
    "'until' gäller samtidigt som 'when', till exempel vid {value}: regeln skulle börja och ta slut på en gång",
    "'until' holds together with 'when', for example at {value}: the rule would begin and end at once",
)
OVERLAP_HELD = Text(
    "until-overlaps-held",
    "'until' kan bli sant medan 'when' ännu gäller, till exempel vid {value}; sätt gränserna så att de inte möts",
    "'until' can come true while 'when' still holds, for example at {value}; set the limits so that they do not meet",
)
NO_CLOSER = Text(
    "no-closer",
    "ingen får avsluta ett ärende på nivån {level!r}; lägg till en rad i delegations med 'may: [close]'",
    "nobody may close a matter at the level {level!r}; add an entry to delegations with 'may: [close]'",
)
SUCCESSOR_RING = Text(
    "successor-ring",
    "organisationerna tar över efter varandra i en ring ({ring}); ta bort 'succeeded_by' hos den som finns kvar",
    "the organisations succeed each other in a ring ({ring}); remove 'succeeded_by' from the one that remains",
)
DEPENDENCE_RING = Text(
    "dependence-ring",
    "anläggningarna är beroende av varandra i en ring ({ring}); ta bort det beroende som inte stämmer",
    "the assets depend on each other in a ring ({ring}); remove the dependence that is not true",
)
DISTRICTS = Text("districts", "stadsdelsområden", "districts")
NEIGHBOURHOODS = Text("neighbourhoods", "stadsdelar", "neighbourhoods")


@dataclass(frozen=True, slots=True)
class Span:
    """The values between two limits, each of which counts or does not."""

    low: float = -math.inf
    high: float = math.inf
    low_counts: bool = False
    high_counts: bool = False

    def meet(self, other: Span) -> Span:
        """The values in both."""
        low, low_counts = max((self.low, not self.low_counts), (other.low, not other.low_counts))
        high, high_counts = min((self.high, self.high_counts), (other.high, other.high_counts))
        return Span(low, high, not low_counts, high_counts)

    @property
    def empty(self) -> bool:
        return self.low > self.high or (self.low == self.high and not (self.low_counts and self.high_counts))

    @property
    def example(self) -> float:
        """A value in it, if it is not empty."""
        if math.isinf(self.low) or math.isinf(self.high):
            near = self.high if math.isinf(self.low) else self.low
            step = 0.1 * abs(near) or 0.1
            return 0.0 if math.isinf(near) else near - step if math.isinf(self.low) else near + step
        return (self.low + self.high) / 2


def span(leaf: AnyLeaf) -> Span | None:
    """The values for which a sensor condition holds; None for one that is not about a value."""
    if not isinstance(leaf, SensorCondition) or leaf.changes or leaf.silent_for is not None:
        return None
    if leaf.between is not None:
        return Span(leaf.between[0], leaf.between[1], True, True)
    low = leaf.above if leaf.above is not None else -math.inf
    return Span(low, leaf.below if leaf.below is not None else math.inf)


def lint(documents: Documents, registry: Registry) -> Iterator[Fault]:
    """Everything about the registry and the rules that cannot be meant."""
    yield from _rings(documents, registry)
    for item in documents.items.get("sensor_kinds", ()):
        low, high = item.value.lowest, item.value.highest
        if low is not None and high is not None and low >= high:
            yield item.fault(("lowest",), RANGE_EMPTY(low=low, high=high))
    yield from _closing(documents)
    for item in documents.items.get("rules", ()):
        yield from _Linted(item, registry).faults()


def _closing(documents: Documents) -> Iterator[Fault]:
    """What nobody reports as over must be closed by somebody, at the lowest level and for the whole city."""
    lowest = documents.items["levels"][0]
    city = next(a.id for a in documents.values("areas") if a.kind is AreaKind.CITY)
    delegations = (d for d in documents.values("delegations") if d.level == lowest.value.id and city in d.scope)
    if not any(Verdict.CLOSE in d.may for d in delegations):
        yield lowest.fault((), NO_CLOSER(level=lowest.value.id), Gravity.FINDING)


def _rings(documents: Documents, registry: Registry) -> Iterator[Fault]:
    organisations = {i.value.id: i for i in documents.items.get("organisations", ())}
    assets = {i.value.id: i for i in documents.items.get("assets", ())}
    for ring in rings({o.id: (o.succeeded_by,) if o.succeeded_by else () for o in registry.organisations.values()}):
        yield organisations[ring[0]].fault(("succeeded_by",), SUCCESSOR_RING(ring=in_words(ring)))
    for ring in rings({a.id: a.depends_on for a in registry.assets.values()}):
        yield assets[ring[0]].fault(("depends_on",), DEPENDENCE_RING(ring=in_words(ring)))


@dataclass(frozen=True, slots=True)
class _Linted:
    """One rule being looked at."""

    item: Item
    registry: Registry

    @property
    def rule(self) -> Rule:
        rule: Rule = self.item.value
        return rule

    def faults(self) -> Iterator[Fault]:
        for side in ("when", "until"):
            found = leaves(getattr(self.rule, side))
            for path, leaf in zip(leaf_paths(self.item, side), found, strict=True):
                yield from self._leaf(path, leaf)
            if isinstance(getattr(self.rule, side), AllCondition):
                yield from self._contradictions(side, found)
        yield from self._overlap()
        yield from self._groups()

    def _leaf(self, path: Path_, leaf: AnyLeaf) -> Iterator[Fault]:
        match leaf:
            case SensorCondition():
                yield from self._sensor(path, leaf)
            case IncidentsCondition(different=Different() as different):
                yield from self._different(path, leaf, different)
            case DistrictsCondition():
                yield from self._places(path, leaf.at_least, AreaKind.DISTRICT)
            case _:
                pass

    # --- sensors ---------------------------------------------------------------------------------------------------

    def _sensor(self, path: Path_, leaf: SensorCondition) -> Iterator[Fault]:
        named = self.registry.sensors.get(leaf.sensor)
        if named is not None and not self._within(named.area):
            area = self.registry.areas[named.area].name
            yield self.item.fault((*path, "sensor"), SENSOR_ELSEWHERE(sensor=leaf.sensor, area=area))
        elif named is None and not self._sensors(leaf.sensor):
            yield self.item.fault((*path, "sensor"), NO_SENSOR(kind=leaf.sensor), Gravity.FINDING)
        kind = self.registry.sensor_kinds[named.kind if named else leaf.sensor]
        values = span(leaf)
        low = kind.lowest if kind.lowest is not None else -math.inf
        high = kind.highest if kind.highest is not None else math.inf
        if values is not None and low < high and values.meet(Span(low, high, True, True)).empty:
            told = BEYOND_RANGE(name=self._name(leaf.sensor), low=_bound(low, kind.unit), high=_bound(high, kind.unit))
            key = next(k for k in ("above", "below", "between") if getattr(leaf, k) is not None)
            yield self.item.fault((*path, key), told, Gravity.FINDING)

    def _sensors(self, name: str) -> list[Sensor]:
        return [s for s in self.registry.sensors_of(name) if self._within(s.area)]

    def _within(self, area: str) -> bool:
        return not self.rule.areas or any(self.registry.within(area, a) for a in self.rule.areas)

    def _name(self, sensor: str) -> str:
        return sensor_words(sensor, self.registry)[0]

    def _one_value(self, sensor: str) -> bool:
        """True if every condition on this name looks at the same sensor. Of a kind, two sensors may differ."""
        return sensor in self.registry.sensors or self.rule.each == "sensor"

    # --- several conditions ----------------------------------------------------------------------------------------

    def _contradictions(self, side: str, found: Sequence[AnyLeaf]) -> Iterator[Fault]:
        seen: dict[str, Span] = {}
        for path, leaf in zip(leaf_paths(self.item, side), found, strict=True):
            values = span(leaf)
            if values is None or not isinstance(leaf, SensorCondition) or not self._one_value(leaf.sensor):
                continue
            seen[leaf.sensor] = values.meet(seen.get(leaf.sensor, Span()))
            if seen[leaf.sensor].empty:
                yield self.item.fault(path, CONTRADICTION(name=self._name(leaf.sensor)))
                return

    def _overlap(self) -> Iterator[Fault]:
        """A value for which the rule holds and is over. Only where `until` looks at what `when` looks at, and where one
        of its conditions is enough."""
        rule = self.rule
        if isinstance(rule.when, SequenceCondition) or isinstance(rule.until, (AllCondition, SequenceCondition)):
            return
        for path, leaf in zip(leaf_paths(self.item, "until"), leaves(rule.until), strict=True):
            over = span(leaf)
            for values in self._holding(leaf.sensor) if over and isinstance(leaf, SensorCondition) else ():
                both = values.meet(over) if over else Span(0, -1)
                if not both.empty and isinstance(leaf, SensorCondition):
                    example = quantity(both.example, sensor_words(leaf.sensor, self.registry)[1])
                    told = (OVERLAP_HELD if leaf.for_ else OVERLAP)(value=example)
                    yield self.item.fault(path, told, Gravity.FINDING if leaf.for_ else Gravity.ERROR)
                    break

    def _holding(self, sensor: str) -> list[Span]:
        """The spans of this sensor in which `when` holds: one for each of an `any`, what is common for an `all`."""
        found = [leaf for leaf in leaves(self.rule.when) if isinstance(leaf, SensorCondition) and leaf.sensor == sensor]
        spans = [values for values in map(span, found) if values is not None]
        if isinstance(self.rule.when, AllCondition) and spans:
            common = Span()
            for values in spans:
                common = common.meet(values)
            return [common]
        return spans

    # --- places ----------------------------------------------------------------------------------------------------

    def _groups(self) -> Iterator[Fault]:
        """A small municipality has no districts; `each: district` there is most often left from a larger one."""
        places = {"district": DISTRICTS, "neighbourhood": NEIGHBOURHOODS}.get(self.rule.each or "")
        if places is not None and all(a.kind.value != self.rule.each for a in self.registry.areas.values()):
            yield self.item.fault(("each",), NO_GROUP(places=places()), Gravity.FINDING)

    def _different(self, path: Path_, leaf: IncidentsCondition, different: Different) -> Iterator[Fault]:
        if self.rule.each == different.value:
            told = TOO_FEW_IN_GROUP(each=different.value, different=different.value)
            yield self.item.fault((*path, "different"), told)
        elif different is Different.DISTRICT:
            yield from self._places(path, leaf.at_least, AreaKind.DISTRICT)
        elif different is Different.NEIGHBOURHOOD:
            yield from self._places(path, leaf.at_least, AreaKind.NEIGHBOURHOOD)

    def _places(self, path: Path_, wanted: int, kind: AreaKind) -> Iterator[Fault]:
        """Too few districts or neighbourhoods where the rule holds. A district that is only partly in counts."""
        inside = [a.id for a in self.registry.areas.values() if self._within(a.id)]
        if kind is AreaKind.DISTRICT:
            found = {d for a in inside if (d := self.registry.district(a)) is not None}
        else:
            found = {a for a in inside if self.registry.areas[a].kind is kind}
        if len(found) < wanted:
            places = DISTRICTS() if kind is AreaKind.DISTRICT else NEIGHBOURHOODS()
            told = TOO_MANY_PLACES(wanted=wanted, found=len(found), places=places)
            yield self.item.fault((*path, "at_least"), told)


def _bound(value: float, unit: str) -> str:
    return quantity(value, unit) if math.isfinite(value) else "…"
