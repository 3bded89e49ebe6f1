"""The names that entries of a profile refer each other by: every one that nothing bears is a fault where it stands."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator

from rules import wording as say
from rules.fault import Fault
from rules.item import Documents, Item, Path_, is_list
from rules.ladder import Entered
from rules.rule import (
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
from rules.sentences import did_you_mean, misnamed, unknown

PLACEHOLDERS = frozenset(
    {"area", "place", "value", "unit", "limit", "count", "kind", "text", "level", "asset", "severity"}
)
WORDS = {
    "areas": "område",
    "functions": "funktion",
    "sectors": "sektor",
    "organisations": "organisation",
    "assets": "anläggning",
    "sensor_kinds": "givarslag",
    "sensors": "givare",
    "incident_kinds": "händelselag",
    "levels": "nivå",
    "roles": "roll",
    "persons": "person",
}
"""What the entries of a section are called."""


class Names:
    """The ids that entries may refer to, by the section that has them; and the display names they go by."""

    def __init__(self, documents: Documents) -> None:
        self.known = {s: [v.id for v in documents.values(s)] for s in WORDS}
        self._ids = {s: frozenset(ids) for s, ids in self.known.items()}
        self._called = {
            s: {v.name.casefold(): v.id for v in documents.values(s) if getattr(v, "name", None)} for s in WORDS
        }
        self.declared = {v.id: v for v in documents.values("levels") if v.entered is Entered.DECLARED}

    def check(self, item: Item, section: str, path: Path_, names: Iterable[str | None]) -> Iterator[Fault]:
        """A fault for every name that nothing in the section has. A list's fault is at the one wrong name."""
        listed = list(names)
        for index, name in enumerate(listed):
            if name is not None and name not in self._ids[section]:
                at = (*path, index) if len(listed) > 1 or is_list(item.node, path) else path
                yield item.fault(at, self._unknown(name, section))

    def sensor(self, item: Item, path: Path_, name: str) -> Iterator[Fault]:
        """A fault if the name is neither a sensor's nor a kind's of sensors."""
        if name in self._ids["sensor_kinds"] or name in self._ids["sensors"]:
            return
        called = self._called["sensor_kinds"] | self._called["sensors"]
        known = self.known["sensor_kinds"] + self.known["sensors"]
        near = say.NEAR(name=called[name.casefold()]) if name.casefold() in called else did_you_mean(name, known)
        yield item.fault(path, misnamed(name, near, "givare"))

    def _unknown(self, name: str, section: str) -> str:
        called = self._called[section].get(name.casefold())
        near = say.NEAR(name=called) if called else did_you_mean(name, self.known[section])
        return misnamed(name, near, WORDS[section])


def check_addressees(item: Item, names: Names, key: str) -> Iterator[Fault]:
    """The roles and organisations that are to be told."""
    for index, addressee in enumerate(getattr(item.value, key)):
        path: Path_ = (key, index) if is_list(item.node, (key,)) else (key,)
        if names.known["roles"]:
            yield from names.check(item, "roles", path, [addressee.role])
        yield from names.check(item, "organisations", path, [addressee.organisation])


def check_rule(item: Item, names: Names) -> Iterator[Fault]:
    """Every name in a rule is known, its level may be set by what it watches, and its texts can be filled in."""
    rule: Rule = item.value
    yield from names.check(item, "areas", ("areas",), rule.areas)
    yield from names.check(item, "functions", ("concerns",), rule.concerns)
    yield from names.check(item, "levels", ("level",), [rule.level])
    for key in ("notify", "also_notify"):
        yield from check_addressees(item, names, key)
    for name in rule.explains_silence:
        yield from names.sensor(item, ("explains_silence",), name)
    for side in ("when", "until"):
        yield from _check_condition(item, names, side)
    yield from _check_level(item, names)
    for key in ("message", "first_step"):
        yield from _check_text(item, key)


def leaf_paths(item: Item, side: str) -> list[Path_]:
    """Where each of the conditions that look at facts stands in the file, in the order of `leaves`."""
    condition = getattr(item.value, side)
    if isinstance(condition, SequenceCondition):
        return [(side, "first"), (side, "then")]
    node = item.node.get(side)
    nested = next((k for k in ("all", "any") if isinstance(node, dict) and k in node), None)
    return [(side, nested, i) if nested else (side,) for i in range(len(leaves(condition)))]


def _check_condition(item: Item, names: Names, side: str) -> Iterator[Fault]:
    for path, leaf in zip(leaf_paths(item, side), leaves(getattr(item.value, side)), strict=True):
        match leaf:
            case SensorCondition(sensor=name):
                yield from names.sensor(item, (*path, "sensor"), name)
            case IncidentsCondition():
                yield from names.check(item, "incident_kinds", (*path, "incidents"), leaf.incidents)
                yield from names.check(item, "incident_kinds", (*path, "broken_by"), leaf.broken_by)
                yield from names.check(item, "functions", (*path, "needs"), [leaf.needs])
            case WarningCondition() | CalendarCondition():
                pass  # authorities add kinds of warning without asking us; an unknown one is no error
            case DistrictsCondition(districts=level):
                yield from names.check(item, "levels", (*path, "districts"), [level])
            case DecisionCondition(decision=level):
                yield from names.check(item, "levels", (*path, "decision"), [level])


def _check_level(item: Item, names: Names) -> Iterator[Fault]:
    """Invariant 1: a declared level comes from a confirmed decision of its authority and from nothing else."""
    rule: Rule = item.value
    level = names.declared.get(rule.level or "")
    if level is None:
        return
    when = rule.when
    if not isinstance(when, DecisionCondition) or when.decision != level.id:
        yield item.fault(("level",), say.ONLY_BY_DECISION(level=level.id))
    elif level.by is not None and (when.by != level.by or when.confirmed_by < level.confirmed_by):
        yield item.fault(("when",), say.DECISION_OF(level=level.id, by=level.by, needed=level.confirmed_by))


def _check_text(item: Item, key: str) -> Iterator[Fault]:
    """Only the known placeholders, as they are: no formats, no attributes."""
    text = getattr(item.value, key)
    try:
        parsed = [p for p in string.Formatter().parse(text or "") if p[1] is not None]
    except ValueError:
        yield item.fault((key,), say.BRACE())
        return
    for _, name, spec, conversion in parsed:
        if name not in PLACEHOLDERS or spec or conversion:
            known = [f"{{{p}}}" for p in sorted(PLACEHOLDERS)]
            yield item.fault((key,), unknown("{" + str(name) + "}", known, "platshållare"))
