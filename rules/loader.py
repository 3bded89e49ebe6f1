"""A directory of YAML becomes a `Policy`, or a list of all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rules import wording as say
from rules.document import Section, read
from rules.events import Verdict
from rules.fault import Fault, Gravity
from rules.item import Documents, Item
from rules.ladder import Delegation, Entered, Ladder, Level
from rules.lint import lint
from rules.names import Names, check_addressees, check_rule
from rules.policy import Policy, Settings, compile_rule
from rules.registry import (
    UNKNOWN_OPERATOR,
    Area,
    AreaKind,
    Asset,
    Family,
    Function,
    IncidentKind,
    Organisation,
    Registry,
    Sector,
    Sensor,
    SensorKind,
    Source,
)
from rules.rule import Rule
from rules.sentences import unknown

SECTIONS = {
    "profile": Section(Settings, single=True),
    "levels": Section(Level),
    "delegations": Section(Delegation),
    "areas": Section(Area),
    "functions": Section(Function),
    "sectors": Section(Sector),
    "organisations": Section(Organisation),
    "assets": Section(Asset),
    "sensor_kinds": Section(SensorKind),
    "sensors": Section(Sensor),
    "incident_kinds": Section(IncidentKind),
    "families": Section(Family),
    "sources": Section(Source),
    "rules": Section(Rule),
}


def load_policy(
    directory: Path, extra: dict[str, Section] | None = None, watch: Callable[[str], None] | None = None
) -> tuple[Policy | None, Documents]:
    """The policy of a directory, or None; the documents hold every fault of every file, sorted by place.

    `extra` names further sections that the caller understands (persons and roles are `notifiers`'); `watch` hears of
    each file before it is read.
    """
    documents = read(directory, SECTIONS | (extra or {}), watch)
    documents.faults.extend(_required(documents, directory))
    if not documents.faults:
        # Cross references are told only when every entry is whole: otherwise each broken entry
        # would be reported once more for every place that names it.
        documents.faults.extend(_doubles(documents))
        documents.faults.extend(_references(documents))
        documents.faults.extend(_check_ladder(documents))
        documents.faults.extend(_check_profile(documents, directory))
    documents.digest.update(_map(documents, directory))
    policy = None if errors(documents) else _compile(documents)
    if policy is not None:
        documents.faults.extend(lint(documents, policy.registry))
    documents.faults.sort()
    return (None if errors(documents) else policy), documents


def errors(documents: Documents) -> list[Fault]:
    """The faults that keep the profile from loading."""
    return [f for f in documents.faults if f.gravity is Gravity.ERROR]


def _required(documents: Documents, directory: Path) -> Iterator[Fault]:
    broken = {f.where.split(".")[0] for f in documents.faults} if documents.faults else set()
    for section in ("profile", "levels", "areas"):
        if section not in documents.items and section not in broken and not documents.faults:
            yield Fault(str(directory), 1, 1, section, say.SECTION_MISSING(section=section))


def _compile(documents: Documents) -> Policy:
    by_id = {
        s: {v.id: v for v in documents.values(s)} for s in SECTIONS if s not in ("profile", "delegations", "levels")
    }
    areas: dict[str, Area] = by_id["areas"]
    registry = Registry(
        city=next(a.id for a in areas.values() if a.kind is AreaKind.CITY),
        areas=areas,
        **{s: by_id[s] for s in by_id if s not in ("areas", "rules")},
    )
    ladder = Ladder(documents.values("levels"), documents.values("delegations"))
    rules = tuple(compile_rule(rule, ladder) for rule in documents.values("rules"))
    names = {v.id: v.name for section in ("roles", "persons") for v in documents.values(section)}
    return Policy(documents.values("profile")[0], registry, ladder, rules, documents.hash, names)


def _doubles(documents: Documents) -> Iterator[Fault]:
    for section in documents.items:
        seen: dict[str, Item] = {}
        for item in documents.items.get(section, ()):
            identity = getattr(item.value, "id", None)
            if identity is not None and identity in seen:
                yield item.fault(("id",), say.ID_TWICE(id=identity, file=seen[identity].file))
            elif identity is not None:
                seen[identity] = item
    for both in {s.value.id for s in documents.items.get("sensors", ())} & {
        k.value.id for k in documents.items.get("sensor_kinds", ())
    }:
        item = next(i for i in documents.items["sensors"] if i.value.id == both)
        yield item.fault(("id",), say.SENSOR_IS_KIND(id=both))


def _references(documents: Documents) -> Iterator[Fault]:
    names = Names(documents)
    checks: dict[str, Callable[[Item, Names], Iterator[Fault]]] = {
        "areas": _check_area,
        "sectors": _check_sector,
        "organisations": _check_organisation,
        "assets": _check_asset,
        "sensor_kinds": _check_sensor_kind,
        "sensors": _check_sensor,
        "incident_kinds": _check_incident_kind,
        "levels": _check_level,
        "delegations": _check_delegation,
        "sources": _check_source,
        "families": _check_family,
    }
    for section, check in checks.items():
        for item in documents.items.get(section, ()):
            yield from check(item, names)
    yield from _check_tree(documents)
    for item in documents.items.get("rules", ()):
        yield from check_rule(item, names)


def _check_area(item: Item, names: Names) -> Iterator[Fault]:
    yield from names.check(item, "areas", ("parent",), [item.value.parent])
    if (item.value.kind is AreaKind.CITY) != (item.value.parent is None):
        yield item.fault(("kind",), say.CITY_PARENT())


_INSIDE = {AreaKind.DISTRICT: (AreaKind.CITY,), AreaKind.NEIGHBOURHOOD: (AreaKind.CITY, AreaKind.DISTRICT)}


def _check_inside(item: Item, areas: dict[str, Item]) -> Iterator[Fault]:
    """City > district > neighbourhood: the home area of an event must always be found above it."""
    parent = areas.get(item.value.parent or "")
    if parent is not None and parent.value.kind not in _INSIDE.get(item.value.kind, ()):
        yield item.fault(
            ("parent",), say.AREA_INSIDE(kind=item.value.kind, outer=parent.value.kind, parent=parent.value.id)
        )


def _check_tree(documents: Documents) -> Iterator[Fault]:
    areas = {i.value.id: i for i in documents.items.get("areas", ())}
    cities = [i for i in areas.values() if i.value.kind is AreaKind.CITY]
    for extra in cities[1:]:
        yield extra.fault(("kind",), say.CITY_TWICE(city=cities[0].value.id))
    for item in areas.values():
        seen, at = set(), item.value.id
        while at in areas and at not in seen:
            seen.add(at)
            at = areas[at].value.parent
        if at in seen:
            yield item.fault(("parent",), say.AREA_RING())
        else:
            yield from _check_inside(item, areas)


def _check_organisation(item: Item, names: Names) -> Iterator[Fault]:
    for index, duty in enumerate(item.value.functions):
        yield from names.check(item, "functions", ("functions", index), [duty.function])
        yield from names.check(item, "areas", ("functions", index, "areas"), duty.areas)
    yield from names.check(item, "areas", ("areas",), item.value.areas)
    yield from names.check(item, "areas", ("coordinates",), item.value.coordinates)
    for key in ("succeeded_by", "parent", "counterpart"):
        yield from names.check(item, "organisations", (key,), [getattr(item.value, key)])
    yield from names.check(item, "organisations", ("supervisors",), item.value.supervisors)
    yield from names.check(item, "sectors", ("sectors",), item.value.sectors)
    for index, statutory in enumerate(item.value.statutory):
        yield from names.check(item, "incident_kinds", ("statutory", index, "kinds"), statutory.kinds)
        if names.known["roles"]:
            yield from names.check(item, "roles", ("statutory", index, "role"), [statutory.role])
    if names.known["roles"]:
        yield from names.check(item, "roles", ("duty",), [item.value.duty])
        yield from names.check(item, "roles", ("head",), [item.value.head])


def _check_sector(item: Item, names: Names) -> Iterator[Fault]:
    yield from names.check(item, "organisations", ("lead",), [item.value.lead])


def _check_asset(item: Item, names: Names) -> Iterator[Fault]:
    asset: Asset = item.value
    yield from names.check(item, "areas", ("area",), [asset.area])
    yield from names.check(item, "functions", ("needs",), asset.needs)
    operator = None if asset.operator == UNKNOWN_OPERATOR else asset.operator
    yield from names.check(item, "assets", ("depends_on",), asset.depends_on)
    for index, user in enumerate(asset.users):
        yield from names.check(item, "organisations", ("users", index, "organisation"), [user.organisation])
        if names.known["roles"]:
            yield from names.check(item, "roles", ("users", index, "role"), [user.role])
    for key, name in (("operator", operator), ("manager", asset.manager), ("owner", asset.owner)):
        yield from names.check(item, "organisations", (key,), [name])


def _check_sensor_kind(item: Item, names: Names) -> Iterator[Fault]:
    yield from names.check(item, "functions", ("function",), [item.value.function])


def _check_sensor(item: Item, names: Names) -> Iterator[Fault]:
    yield from names.check(item, "sensor_kinds", ("kind",), [item.value.kind])
    yield from names.check(item, "areas", ("area",), [item.value.area])
    yield from names.check(item, "assets", ("asset",), [item.value.asset])


def _check_incident_kind(item: Item, names: Names) -> Iterator[Fault]:
    yield from names.check(item, "functions", ("functions",), item.value.functions)
    yield from names.check(item, "functions", ("lacks",), [item.value.lacks])
    yield from names.check(item, "functions", ("cuts",), [item.value.cuts])


def _check_level(item: Item, names: Names) -> Iterator[Fault]:
    for key in ("adds", "adds_when_decided"):
        yield from check_addressees(item, names, key)
    if item.value.entered is Entered.DECLARED and item.value.by is None:
        yield item.fault(("entered",), say.DECLARED_BY())


def _check_ladder(documents: Documents) -> Iterator[Fault]:
    """Every matter begins at the lowest level, so a rule must be allowed to set it; and a level that is declared needs
    as many who may register it as must (invariant 1)."""
    levels = documents.items.get("levels", [])
    if levels and levels[0].value.entered is not Entered.DETECTED:
        yield levels[0].fault(("entered",), say.LOWEST_LEVEL())
    for item in levels:
        if item.value.entered is Entered.DECLARED:
            yield from _check_registrars(item, documents)


def _check_registrars(item: Item, documents: Documents) -> Iterator[Fault]:
    delegations = [d for d in documents.items.get("delegations", ()) if d.value.level == item.value.id]
    may = [
        {p for d in delegations if v in d.value.may for p in d.value.persons} for v in (Verdict.DECLARE, Verdict.LIFT)
    ]
    fewest, needed = min(map(len, may)), item.value.confirmed_by
    if fewest < needed:
        place, path = (delegations[0], ("persons",)) if delegations else (item, ())
        yield place.fault(path, say.REGISTRARS(level=item.value.id, needed=needed, found=fewest))


def _check_profile(documents: Documents, directory: Path) -> Iterator[Fault]:
    for item in documents.items.get("profile", ()):
        settings: Settings = item.value
        try:
            ZoneInfo(settings.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            yield item.fault(("timezone",), say.TIMEZONE(zone=settings.timezone))
        if settings.map is not None and not (directory / settings.map).is_file():
            yield item.fault(("map",), say.MAP_MISSING(file=settings.map, folder=directory.name))


def _map(documents: Documents, directory: Path) -> bytes:
    """The map's bytes: a changed map is a changed policy. None of one that cannot be read: `read_map` tells of it."""
    named = [directory / s.map for s in documents.values("profile") if s.map is not None]
    try:
        return b"".join(b"map\0" + file.read_bytes() for file in named)
    except OSError:
        return b""


def _check_delegation(item: Item, names: Names) -> Iterator[Fault]:
    yield from names.check(item, "organisations", ("organisation",), [item.value.organisation])
    yield from names.check(item, "levels", ("level",), [item.value.level])
    yield from names.check(item, "areas", ("scope",), item.value.scope)
    if names.known["roles"]:
        yield from names.check(item, "roles", ("role",), [item.value.role])
    if names.known["persons"]:
        yield from names.check(item, "persons", ("persons",), item.value.persons)


def _check_source(item: Item, names: Names) -> Iterator[Fault]:
    yield from names.check(item, "areas", ("areas",), item.value.areas)
    yield from names.check(item, "incident_kinds", ("kinds",), item.value.kinds)


def _check_family(item: Item, names: Names) -> Iterator[Fault]:
    """A family holds kinds of incidents, of sensors, and of warnings (in capitals: authorities name those)."""
    known = names.known["incident_kinds"] + names.known["sensor_kinds"]
    for index, kind in enumerate(item.value.kinds):
        if kind not in known and kind != kind.upper():
            yield item.fault(("kinds", index), unknown(kind, known, "händelselag"))
