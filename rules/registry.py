"""Areas, organisations, assets, sensors, kinds and sources: the facts about a city that rules and recipients rest on.

Models only hold and validate; `rules.geography` answers where a position lies, `notifiers.principles` who is
responsible.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from rules.action import Action
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
KindIds = Annotated[tuple[KindId, ...], BeforeValidator(_listed)]
Unconfirmed = Annotated[str, StringConstraints(max_length=500)]
"""What about an entry nobody has confirmed, in words; empty where everything stands in a source."""


class AreaKind(StrEnum):
    """Which layer of the area tree an area is of."""

    CITY = "city"
    DISTRICT = "district"
    NEIGHBOURHOOD = "neighbourhood"


class FormerArea(Frozen):
    """A name an area had, or an area that was merged into it, and until when."""

    id: Id = Field(description="Det gamla id:t")
    name: Name = Field(description="Det gamla namnet")
    until: date = Field(description="Till och med vilken dag det gällde")


class Area(Frozen):
    """A node of the area tree: city > district > neighbourhood."""

    id: Id = Field(description="Områdets korta namn, som sodermalm.hornstull")
    name: Name = Field(description="Namnet som människor ser")
    kind: AreaKind = Field(description="city (staden), district (stadsdelsområde) eller neighbourhood (stadsdel)")
    parent: Id | None = Field(default=None, description="Området som det ligger i; bara staden saknar ett")
    former: tuple[FormerArea, ...] = Field(
        default=(), description="Vad området hette förr, eller vilka som slogs ihop till det"
    )
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

    id: Id = Field(description="Funktionens korta namn, som water")
    name: Name = Field(description="Namnet som människor ser")


class Responsibility(Frozen):
    """A function an organisation is responsible for every day: where (none: its areas), and who answers for it."""

    function: Id = Field(description="Funktionen som organisationen ansvarar för")
    areas: Ids = Field(default=(), description="Var; utelämnas: organisationens egna områden")
    role: Id | None = Field(default=None, description="Rollen som svarar för den; utelämnas: organisationens jour")


class StatutoryDuty(Frozen):
    """What an organisation must be told of by law, wherever its areas are: supervision, infection control."""

    kinds: KindIds = Field(min_length=1, description="Händelselag som organisationen enligt lag ska få veta om")
    role: Id | None = Field(default=None, description="Rollen som larmas; utelämnas: organisationens jour")
    action: Action = Field(default=Action.INFORM, description="Vad lagen väntar av den: act, support eller inform")
    law: Name = Field(description="Lagen, som 'smittskyddslagen (2004:168)'")


class Sector(Frozen):
    """A sector of preparedness: a tag for coordination, which never moves anybody's responsibility (domain A-59)."""

    id: Id = Field(description="Sektorns korta namn")
    name: Name = Field(description="Namnet som människor ser")
    lead: Id | None = Field(default=None, description="Organisationen som samordnar sektorn")
    unconfirmed: Unconfirmed = Field(default="", description="Vad som är obekräftat, i ord")


def _responsibility(value: Any) -> Any:
    return {"function": value} if isinstance(value, str) else value


class Organisation(Frozen):
    """A board, a company or an external actor, with what it is responsible for and how the city may speak to it."""

    id: Id = Field(description="Organisationens korta namn")
    name: Name = Field(description="Namnet som människor ser")
    kind: OrganisationKind = Field(
        description="Vad den är: nämnd, stadsdelsnämnd, bolag, extern, enskild huvudman eller leverantör"
    )
    relation: Relation = Field(
        description="Hur staden får tala till den: direct (uppdrag), request (begäran), inform (får veta)"
    )
    functions: tuple[Annotated[Responsibility, BeforeValidator(_responsibility)], ...] = Field(
        default=(), description="Funktioner som den ansvarar för i vardagen"
    )
    areas: Ids = Field(default=(), description="Områden där den ansvarar för sina funktioner")
    coordinates: Ids = Field(default=(), description="Områden som organisationen samordnar (geografiskt områdesansvar)")
    duty: Id | None = Field(default=None, description="Rollen som larmas först: organisationens jour")
    head: Id | None = Field(default=None, description="Rollen för organisationens chef")
    valid_from: date | None = Field(default=None, description="Första dagen den finns")
    valid_to: date | None = Field(default=None, description="Sista dagen den finns")
    succeeded_by: Id | None = Field(default=None, description="Organisationen som tog över")
    parent: Id | None = Field(default=None, description="Moderbolaget eller huvudmannen som den hör till")
    counterpart: Id | None = Field(
        default=None,
        description="För någon utanför staden: den i staden som håller kontakten och samordnar, utan att bestämma",
    )
    supervisors: Ids = Field(default=(), description="Myndigheter som har tillsyn över den")
    statutory: tuple[StatutoryDuty, ...] = Field(default=(), description="Vad den enligt lag ska få veta om")
    sectors: Ids = Field(default=(), description="Sektorer som den hör till; flyttar aldrig något ansvar")
    exercised: date | None = Field(default=None, description="Senaste dagen den var med i en övning")
    unconfirmed: Unconfirmed = Field(default="", description="Vad som är obekräftat, i ord")
    note: str = Field(default="", description="En anteckning för den som läser; inget avgörs av den")

    def valid_on(self, day: date) -> bool:
        """True if the organisation exists on this day, by the city's own calendar."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


class User(Frozen):
    """An organisation that depends on an asset that somebody else runs, and who answers for that there."""

    organisation: Id = Field(description="Organisationen som är beroende av anläggningen")
    role: Id | None = Field(default=None, description="Rollen som larmas; utelämnas: organisationens jour")


def _user(value: Any) -> Any:
    return {"organisation": value} if isinstance(value, str) else value


class Asset(Frozen):
    """A place or a system with an operator, a manager, an owner, and needs (a crematorium needs power)."""

    id: Id = Field(description="Anläggningens korta namn")
    name: Name = Field(description="Namnet som människor ser")
    kind: Id = Field(description="Vad det är, som care_home")
    area: Id = Field(description="Området där den ligger")
    position: Position | None = Field(default=None, description="Läget på kartan")
    operator: Annotated[str, StringConstraints(max_length=64)] = Field(
        description="Organisation som driver verksamheten, eller 'okänd'"
    )
    manager: Id | None = Field(default=None, description="Organisation som förvaltar huset")
    owner: Id | None = Field(default=None, description="Organisation som äger det")
    needs: Ids = Field(default=(), description="Funktioner som den inte klarar sig utan")
    depends_on: Ids = Field(default=(), description="Anläggningar som den inte klarar sig utan, som en nätstation")
    users: tuple[Annotated[User, BeforeValidator(_user)], ...] = Field(
        default=(), description="Organisationer som är beroende av den, som de som använder ett IT-system"
    )
    priority: bool = Field(default=False, description="Särskilt viktig")
    unconfirmed: Unconfirmed = Field(default="", description="Vad som är obekräftat, i ord")


class SensorKind(Frozen):
    """A quantity that sensors measure, with what it says about which function."""

    id: Id = Field(description="Givarslagets korta namn, som water-level")
    name: Name = Field(description="Vad som mäts, i ord")
    unit: str = Field(default="", max_length=16, description="Enheten, som m eller bar")
    function: Id | None = Field(default=None, description="Funktionen som mätvärdet handlar om")
    valid_for: Duration = Field(description="Hur gammalt ett värde får bli innan det räknas som okänt")
    lateness: Duration | None = Field(
        default=None,
        description="Så sent får ett värde komma efter ett nyare och ändå räknas på sin plats; utelämnas: inte alls",
    )
    lowest: float | None = Field(default=None, description="Lägsta rimliga värde; bara till för granskningen av regler")
    highest: float | None = Field(
        default=None, description="Högsta rimliga värde; bara till för granskningen av regler"
    )

    @model_validator(mode="after")
    def _is_known_when_it_counts(self) -> SensorKind:
        if self.lateness is not None and self.lateness > self.valid_for:
            raise PydanticCustomError("lateness_long", "'lateness' är högst så lång som 'valid_for'")
        return self


class Sensor(Frozen):
    """One sensor: what it measures and where."""

    id: Id = Field(description="Givarens korta namn")
    kind: Id = Field(description="Givarslaget: vad den mäter")
    name: Name | None = Field(default=None, description="Namnet som människor ser")
    area: Id = Field(description="Området där den står")
    asset: Id | None = Field(default=None, description="Anläggningen som den sitter i")
    interval: Duration | None = Field(default=None, description="Hur ofta den brukar sända, som '10 min'")


class IncidentKind(Frozen):
    """A kind of incident: which functions answer for it every day, and which function the reporter lacks."""

    id: KindId = Field(description="Händelselagets korta namn, som leak")
    name: Name = Field(description="Namnet som människor ser")
    functions: Ids = Field(default=(), description="Funktioner vars ansvariga det rör i vardagen")
    lacks: Id | None = Field(
        default=None, description="Funktionen som saknas hos den som rapporterar (inget vatten: water)"
    )
    cuts: Id | None = Field(
        default=None,
        description="Funktionen som är borta där det händer (strömavbrott: power): de som behöver den där får veta",
    )
    danger_to_life: bool = Field(default=False, description="Är alltid fara för liv")
    confidential: bool = Field(
        default=False,
        description="Rapportens text sparas bara med rapporten; inget meddelande och ingen sida visar den",
    )


class Family(Frozen):
    """Kinds that in one area are one matter (semantics 10): pressure + flooding + no water."""

    id: Id = Field(description="Familjens korta namn")
    name: Name = Field(description="Namnet som människor ser")
    kinds: tuple[KindId, ...] = Field(
        description="Händelselag, givarslag och varningar som i ett område är ett och samma ärende"
    )


class Source(Frozen):
    """Somebody who may report: which events, about where, in which realms. Anything else is refused with a reason."""

    id: Id = Field(description="Källans korta namn")
    name: Name = Field(description="Namnet som människor ser")
    source: Annotated[str, StringConstraints(min_length=1, max_length=512)] = Field(
        description="Det namn avsändaren skriver i sina meddelanden"
    )
    may: tuple[EventKind, ...] = Field(min_length=1, description="Vad källan får rapportera")
    kinds: tuple[KindId, ...] = Field(default=(), description="Tillåtna händelseslag; tomt: alla")
    areas: Ids = Field(default=(), description="Tillåtna områden; tomt: hela staden")
    realms: tuple[Annotated[str, Field(pattern=r"^(live|exercise/(\*|[a-z0-9_-]+))$")], ...] = Field(
        default=("live",), description="live, eller exercise/<övning>"
    )


UNKNOWN_OPERATOR = "okänd"


@dataclass(frozen=True)
class Registry:
    """All facts of a profile by id. References are checked by the loader before one of these exists."""

    city: str
    areas: dict[str, Area]
    functions: dict[str, Function] = field(default_factory=dict)
    sectors: dict[str, Sector] = field(default_factory=dict)
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

    def current(self, organisation: str, day: date) -> str | None:
        """The organisation, or whoever has taken over from it by this day; None if nobody has."""
        seen = set[str]()
        at: str | None = organisation
        while at in self.organisations and at not in seen and not self.organisations[at].valid_on(day):
            seen.add(at)
            known = self.organisations[at]
            ended = known.valid_to is not None and known.valid_to < day
            at = known.succeeded_by if ended else None
        return at if at in self.organisations and at not in seen else None

    def responsible_for(self, function: str, place: str, day: date) -> tuple[tuple[str, str | None], ...]:
        """The organisations with the function in exactly this area on this day, each with the role it names for it; if
        all of them are no more, those that somebody took over from who says nothing of the function itself."""
        found = self._responsible.get((function, place), ())
        today = tuple((o, role) for o, role in found if self.organisations[o].valid_on(day))
        return today or tuple((o, role) for o, role in found if not self._says(self.current(o, day), function))

    def _says(self, organisation: str | None, function: str) -> bool:
        """True if the organisation says itself where it has the function, and so has not inherited it elsewhere; or if
        there is none."""
        known = self.organisations.get(organisation or "")
        return known is None or any(duty.function == function for duty in known.functions)

    def answering(self, function: str, area: str, day: date) -> tuple[str, tuple[tuple[str, str | None], ...]] | None:
        """The smallest area around this one in which anybody has the function on this day, and who; None if nobody."""
        for place in self.ancestors(area):
            if holders := self.responsible_for(function, place, day):
                return place, holders
        return None

    @cached_property
    def _responsible(self) -> dict[tuple[str, str], tuple[tuple[str, str | None], ...]]:
        found: dict[tuple[str, str], list[tuple[str, str | None]]] = {}
        for organisation in sorted(self.organisations.values(), key=lambda o: o.id):
            for duty in organisation.functions:
                for place in duty.areas or organisation.areas or (self.city,):
                    found.setdefault((duty.function, place), []).append((organisation.id, duty.role))
        return {where: tuple(who) for where, who in found.items()}

    def coordinator(self, place: str, day: date) -> str | None:
        """The organisation that coordinates exactly this area on this day; if it is no more, whoever took over and does
        not say itself what it coordinates."""
        found = self._coordinators.get(place, ())
        today = next((o for o in found if self.organisations[o].valid_on(day)), None)
        heirs = (self.current(o, day) for o in found if today is None)
        return today or next((o for o in heirs if o is not None and not self.organisations[o].coordinates), None)

    @cached_property
    def _coordinators(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for organisation in sorted(self.organisations.values(), key=lambda o: o.id):
            for place in organisation.coordinates:
                found.setdefault(place, []).append(organisation.id)
        return {place: tuple(who) for place, who in found.items()}

    def told_by_law(self, kind: str) -> tuple[tuple[str, StatutoryDuty], ...]:
        """The organisations that must be told of a kind of incident by law."""
        return self._told_by_law.get(kind, ())

    @cached_property
    def _told_by_law(self) -> dict[str, tuple[tuple[str, StatutoryDuty], ...]]:
        found: dict[str, list[tuple[str, StatutoryDuty]]] = {}
        for organisation in sorted(self.organisations.values(), key=lambda o: o.id):
            for duty in organisation.statutory:
                for kind in duty.kinds:
                    found.setdefault(kind, []).append((organisation.id, duty))
        return {kind: tuple(duties) for kind, duties in found.items()}

    def in_need(self, function: str, place: str) -> tuple[Asset, ...]:
        """The assets in this area, or in one inside it, that cannot do without the function."""
        return self._in_need.get((function, place), ())

    @cached_property
    def _in_need(self) -> dict[tuple[str, str], tuple[Asset, ...]]:
        found: dict[tuple[str, str], list[Asset]] = {}
        for asset in sorted(self.assets.values(), key=lambda a: a.id):
            for function in asset.needs:
                for place in self.ancestors(asset.area):
                    found.setdefault((function, place), []).append(asset)
        return {where: tuple(assets) for where, assets in found.items()}

    def dependents(self, asset: str) -> tuple[Asset, ...]:
        """The assets that cannot do without this one, also by way of others; sorted by id, itself not among them."""
        found, waiting = set[str](), [asset]
        while waiting:
            new = [a for a in self._dependents.get(waiting.pop(), ()) if a not in found and a != asset]
            found.update(new)
            waiting.extend(new)
        return tuple(self.assets[a] for a in sorted(found))

    @cached_property
    def _dependents(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for asset in self.assets.values():
            for needed in asset.depends_on:
                found.setdefault(needed, []).append(asset.id)
        return {needed: tuple(assets) for needed, assets in found.items()}

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
