"""Areas, organisations, assets, sensors, kinds and sources: the facts about a city that rules and recipients rest on.

Models only hold and validate; `rules.geography` answers where a position lies, `notifiers.principles` who is
responsible.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from rules.duration import Duration
from rules.events import EventKind, Position
from rules.frozen import Frozen

Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9]([a-z0-9_.-]*[a-z0-9])?$")]
"""A name in the profile: a-z, 0-9 and -_. inside."""
KindId = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$")
]
"""A kind of incident or warning. Capitals too, since authorities write RAIN and HIGH_FLOW."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]


def _listed(value: Any) -> Any:
    """Lets an author write one name where a list is meant."""
    return [value] if isinstance(value, str) else value


Ids = Annotated[tuple[Id, ...], BeforeValidator(_listed)]


class AreaKind(StrEnum):
    """Which layer of the area tree an area is of."""

    CITY = "city"
    DISTRICT = "district"
    NEIGHBOURHOOD = "neighbourhood"


class FormerArea(Frozen):
    """A name an area had, or an area that was merged into it, and until when."""

    id: Id
    name: Name
    until: date


class Area(Frozen):
    """A node of the area tree: city > district > neighbourhood."""

    id: Id
    name: Name
    kind: AreaKind
    parent: Id | None = None
    former: tuple[FormerArea, ...] = ()
    codes: tuple[Annotated[str, StringConstraints(min_length=1, max_length=64)], ...] = Field(
        default=(), description="Vad andra kallar området: SMHI:s länsnummer, kommunkod, NUTS"
    )


class Relation(StrEnum):
    """How the city may speak to an organisation (domain C.2, A-22, A-24)."""

    DIRECT = "direct"  # an office of the city: may be directed
    REQUEST = "request"  # a company of the city, a legal person of its own: is asked, and must accept
    INFORM = "inform"  # somebody outside: is told, or asked through its own channels, never ordered


class OrganisationKind(StrEnum):
    """What an organisation is in law and in the city."""

    BOARD = "board"
    DISTRICT_BOARD = "district_board"
    COMPANY = "company"
    EXTERNAL = "external"
    INDEPENDENT_PRINCIPAL = "independent_principal"
    SUPPLIER = "supplier"


class Function(Frozen):
    """Something the city must have working: water, power, elder care."""

    id: Id
    name: Name


class Responsibility(Frozen):
    """A function an organisation is responsible for every day: where (none: its areas), and who answers for it."""

    function: Id
    areas: Ids = ()
    role: Id | None = None


def _responsibility(value: Any) -> Any:
    return {"function": value} if isinstance(value, str) else value


class Organisation(Frozen):
    """A board, a company or an external actor, with what it is responsible for and how the city may speak to it."""

    id: Id
    name: Name
    kind: OrganisationKind
    relation: Relation
    functions: tuple[Annotated[Responsibility, BeforeValidator(_responsibility)], ...] = ()
    areas: Ids = ()
    coordinates: Ids = Field(default=(), description="Områden som organisationen samordnar (geografiskt områdesansvar)")
    duty: Id | None = Field(default=None, description="Rollen som larmas först: organisationens jour")
    head: Id | None = Field(default=None, description="Rollen för organisationens chef")
    valid_from: date | None = None
    valid_to: date | None = None
    succeeded_by: Id | None = None
    note: str = ""

    def valid_at(self, at: datetime) -> bool:
        day = at.date()
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


class Asset(Frozen):
    """A place with an operator, a manager, an owner, and needs (a crematorium needs power)."""

    id: Id
    name: Name
    kind: Id
    area: Id
    position: Position | None = None
    operator: Annotated[str, StringConstraints(max_length=64)] = Field(
        description="Organisation som driver verksamheten, eller 'okänd'"
    )
    manager: Id | None = None
    owner: Id | None = None
    needs: Ids = ()
    priority: bool = False


class SensorKind(Frozen):
    """A quantity that sensors measure, with what it says about which function."""

    id: Id
    name: Name
    unit: str = Field(default="", max_length=16)
    function: Id | None = None
    valid_for: Duration = Field(description="Hur gammalt ett värde får bli innan det räknas som okänt")
    lowest: float | None = Field(default=None, description="Lägsta rimliga värde; bara till för granskningen av regler")
    highest: float | None = Field(
        default=None, description="Högsta rimliga värde; bara till för granskningen av regler"
    )


class Sensor(Frozen):
    """One sensor: what it measures and where."""

    id: Id
    kind: Id
    name: Name | None = None
    area: Id
    asset: Id | None = None
    interval: Duration | None = None


class IncidentKind(Frozen):
    """A kind of incident: which functions answer for it every day, and which function the reporter lacks."""

    id: KindId
    name: Name
    functions: Ids = ()
    lacks: Id | None = Field(
        default=None, description="Funktionen som saknas hos den som rapporterar (inget vatten: water)"
    )
    danger_to_life: bool = False


class Family(Frozen):
    """Kinds that in one area are one matter (semantics 10): pressure + flooding + no water."""

    id: Id
    name: Name
    kinds: tuple[KindId, ...]


class Source(Frozen):
    """Somebody who may report: which events, about where, in which realms. Anything else is refused with a reason."""

    id: Id
    name: Name
    source: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    may: tuple[EventKind, ...] = Field(min_length=1)
    kinds: tuple[KindId, ...] = Field(default=(), description="Tillåtna händelseslag; tomt: alla")
    areas: Ids = Field(default=(), description="Tillåtna områden; tomt: hela staden")
    realms: tuple[Annotated[str, Field(pattern=r"^(live|exercise/(\*|[a-z0-9_-]+))$")], ...] = ("live",)


UNKNOWN_OPERATOR = "okänd"


@dataclass(frozen=True)
class Registry:
    """All facts of a profile by id. References are checked by the loader before one of these exists."""

    city: str
    areas: dict[str, Area]
    functions: dict[str, Function] = field(default_factory=dict)
    organisations: dict[str, Organisation] = field(default_factory=dict)
    assets: dict[str, Asset] = field(default_factory=dict)
    sensor_kinds: dict[str, SensorKind] = field(default_factory=dict)
    sensors: dict[str, Sensor] = field(default_factory=dict)
    incident_kinds: dict[str, IncidentKind] = field(default_factory=dict)
    families: dict[str, Family] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)

    def ancestors(self, area: str) -> Iterator[str]:
        """The area itself, then each wider one, the city last."""
        at: str | None = area
        while at is not None:
            yield at
            at = self.areas[at].parent

    def home(self, areas: tuple[str, ...]) -> str:
        """The smallest area, never below district, that contains all of these; none named: the city (semantics 1)."""
        if not areas:
            return self.city
        first, *others = (list(self.ancestors(a)) for a in areas)
        common = (a for a in first if all(a in other for other in others))
        return next((a for a in common if self.areas[a].kind is not AreaKind.NEIGHBOURHOOD), self.city)

    def within(self, area: str, wider: str) -> bool:
        """True if `area` is `wider` or lies in it."""
        return wider in self.ancestors(area)

    def district(self, area: str) -> str | None:
        """The district an area lies in (itself if it is one), or None above districts."""
        return next((a for a in self.ancestors(area) if self.areas[a].kind is AreaKind.DISTRICT), None)

    def resolve_area(self, name: str) -> str | None:
        """The id of today's area for an id, a name or a former one, letter case aside; None if there is none."""
        return self._area_names.get(name.casefold())

    @cached_property
    def _area_names(self) -> dict[str, str]:
        names = {former.id: a.id for a in self.areas.values() for former in a.former}
        names |= {former.name.casefold(): a.id for a in self.areas.values() for former in a.former}
        # Wider areas last, so that "Södermalm" is the district rather than the neighbourhood of the same name.
        for area in sorted(self.areas.values(), key=lambda a: len(list(self.ancestors(a.id))), reverse=True):
            names |= {area.name.casefold(): area.id}
        names |= {code.casefold(): a.id for a in self.areas.values() for code in a.codes}
        return names | {a.casefold(): a for a in self.areas}

    def sensors_of(self, name: str) -> tuple[Sensor, ...]:
        """The sensors an author means by a name: one sensor's id, or all of a kind."""
        if name in self.sensors:
            return (self.sensors[name],)
        return self._by_kind.get(name, ())

    @cached_property
    def _by_kind(self) -> dict[str, tuple[Sensor, ...]]:
        found: dict[str, list[Sensor]] = {}
        for sensor in self.sensors.values():
            found.setdefault(sensor.kind, []).append(sensor)
        return {kind: tuple(sensors) for kind, sensors in found.items()}

    def families_of(self, kind: str) -> frozenset[str]:
        """The families an incident, warning or sensor kind belongs to."""
        return self._families_of.get(kind, frozenset())

    @cached_property
    def _families_of(self) -> dict[str, frozenset[str]]:
        kinds = {k for f in self.families.values() for k in f.kinds}
        return {k: frozenset(f.id for f in self.families.values() if k in f.kinds) for k in kinds}


Scope = Literal["sensor", "asset", "neighbourhood", "district"]
