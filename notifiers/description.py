"""Everything a profile knows of one entry on a day, in plain Swedish: what it is, and who answers for it by which
principle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import assert_never

from notifiers import registry_words as words
from notifiers.catalogue import Entry, Sort
from notifiers.profile import Profile
from notifiers.registry_lint import covers
from notifiers.roster import Roster
from notifiers.rows import SWEDISH
from rules.action import Principle
from rules.explain import area_name, uncapitalised
from rules.registry import UNKNOWN_OPERATOR, Organisation, Registry, Relation

RESPONSIBLE, COORDINATES = SWEDISH[Principle.RESPONSIBILITY], SWEDISH[Principle.AREA_RESPONSIBILITY]
NOBODY = "ingen"


@dataclass(frozen=True, slots=True)
class Known:
    """One thing that is known of an entry: `key` for machines, `label` for people, and what is known, a line each."""

    key: str
    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Describing:
    """A profile on a day, ready to describe any of its entries."""

    profile: Profile
    today: date

    @cached_property
    def registry(self) -> Registry:
        return self.profile.policy.registry

    @cached_property
    def roster(self) -> Roster:
        return self.profile.roster

    def describe(self, entry: Entry) -> tuple[Known, ...]:
        """What is known of the entry; nothing is said of what is not known."""
        match entry.sort:
            case Sort.AREA:
                found = self._area(entry.id)
            case Sort.ORGANISATION:
                found = self._organisation(self.registry.organisations[entry.id])
            case Sort.FUNCTION:
                found = self._function(entry.id)
            case Sort.ASSET:
                found = self._asset(entry.id)
            case Sort.ROLE:
                found = self._role(entry.id)
            case Sort.PERSON:
                found = self._person(entry.id)
            case Sort.SECTOR:
                found = self._sector(entry.id)
            case _:
                assert_never(entry.sort)
        return tuple(Known(key, label, lines) for key, label, told in found if (lines := tuple(filter(None, told))))

    # --- areas and functions -----------------------------------------------------------------------------------------

    def _area(self, area: str) -> Iterator[tuple[str, str, Iterable[str]]]:
        known = self.registry.areas[area]
        yield "kind", "Är", [words.AREA[known.kind]]
        yield "parent", "Ligger i", [self._place(known.parent)]
        yield "inside", "Delar", sorted(a.name for a in self.registry.areas.values() if a.parent == area)
        yield "former", "Förr", [f"{f.name}, till och med {f.until}" for f in known.former]
        yield "codes", "Koder", known.codes
        yield "coordinator", f"Samordnar ({COORDINATES})", [self._coordinator(area)]
        answers = (f"{f.name}: {self.answering(f.id, area)}" for f in self.registry.functions.values())
        yield "functions", f"Ansvarar ({RESPONSIBLE})", answers
        yield "assets", "Anläggningar", [a.name for a in self.registry.assets.values() if a.area == area]

    def _coordinator(self, area: str) -> str:
        for place in self.registry.ancestors(area):
            organisation = self.registry.coordinator(place, self.today)
            if organisation is not None:
                return self.organisation_name(organisation) + ("" if place == area else f", {self.where(place)}")
        return NOBODY

    def answering(self, function: str, area: str) -> str:
        """Who has the function in the smallest area around this one in which anybody has, and where; or nobody."""
        found = self.registry.answering(function, area, self.today)
        if found is None:
            return NOBODY
        names = (self.organisation_name(o) + (f" ({self.role(r)})" if r else "") for o, r in found[1])
        return f"{', '.join(names)}, {self.where(found[0])}"

    def where(self, area: str) -> str:
        """`i hela staden`, or `i Södermalm`."""
        return "i hela staden" if area == self.registry.city else f"i {area_name(area, self.registry)}"

    def _function(self, function: str) -> Iterator[tuple[str, str, Iterable[str]]]:
        holders = {
            (place, o): role
            for place in self.registry.areas
            for o, role in self.registry.responsible_for(function, place, self.today)
        }
        said = (
            f"{self.organisation_name(o)}, {self.where(place)}{f' ({self.role(role)})' if role else ''}"
            for (place, o), role in holders.items()
        )
        yield "responsible", f"Ansvarar ({RESPONSIBLE})", list(said) or [NOBODY]
        kinds = self.registry.incident_kinds.values()
        yield "incident_kinds", "Händelser som rör den", [k.name for k in kinds if function in (*k.functions, k.lacks)]
        yield "needed_by", "Behövs av", [a.name for a in self.registry.in_need(function, self.registry.city)]

    # --- organisations -----------------------------------------------------------------------------------------------

    def _organisation(self, known: Organisation) -> Iterator[tuple[str, str, Iterable[str]]]:
        everyone = self.registry.organisations.values()
        yield "kind", "Är", [f"{words.ORGANISATION[known.kind]}; {words.RELATION[known.relation]}"]
        yield "valid", "Finns", [self.validity(known)]
        yield "now", "I dag", [self._now(known)]
        yield "predecessors", "Tog över efter", [o.name for o in everyone if o.succeeded_by == known.id]
        yield "parent", "Hör till", [self._named(known.parent)]
        yield "functions", f"Ansvarar för ({RESPONSIBLE})", self._functions(known)
        yield "coordinates", f"Samordnar ({COORDINATES})", [self._place(a) for a in known.coordinates]
        yield "duty", "Larmas först", [self.post(known.duty, known.id)]
        yield "head", "Chef", [self.post(known.head, known.id)]
        posts = [p for p in self.roster.duties if p[1] == known.id and p[0] not in (known.duty, known.head)]
        yield "roles", "Andra roller", [self.post(*p) for p in posts]
        yield "counterpart", "Stadens kontakt", [self._named(known.counterpart)]
        yield "counterpart_for", "Håller kontakten med", [o.name for o in everyone if o.counterpart == known.id]
        yield "supervisors", "Tillsyn av", [self._named(o) for o in known.supervisors]
        yield "supervises", "Har tillsyn över", [o.name for o in everyone if known.id in o.supervisors]
        yield "statutory", "Ska enligt lag få veta om", self._by_law(known)
        yield "sectors", "Sektorer", [self.registry.sectors[s].name for s in known.sectors]
        assets = self.registry.assets.values()
        yield "operates", "Driver", [a.name for a in assets if a.operator == known.id]
        yield "uses", "Är beroende av", [a.name for a in assets if any(u.organisation == known.id for u in a.users)]
        yield "exercised", "Övade senast", [str(known.exercised or "")]
        yield "unconfirmed", "Obekräftat", [known.unconfirmed]
        yield "note", "Anteckning", [known.note]

    def validity(self, known: Organisation) -> str:
        """From and to which day it exists; nothing where neither is said."""
        begins = f"från {known.valid_from}" if known.valid_from else ""
        ends = f"till och med {known.valid_to}" if known.valid_to else ""
        return " ".join(filter(None, (begins, ends)))

    def _now(self, known: Organisation) -> str:
        if known.valid_on(self.today):
            return ""
        current = self.registry.current(known.id, self.today)
        if current is not None:
            return f"finns inte; {self.registry.organisations[current].name} har tagit över"
        begins = known.valid_from is not None and known.valid_from > self.today
        return "finns inte än" if begins else "finns inte, och ingen har tagit över"

    def _functions(self, known: Organisation) -> Iterator[str]:
        for duty in known.functions:
            places = duty.areas or known.areas or (self.registry.city,)
            role = f" ({self.role(duty.role)})" if duty.role else ""
            where = ", ".join(self.where(p) for p in places)
            yield f"{uncapitalised(self.registry.functions[duty.function].name)}, {where}{role}"

    def _by_law(self, known: Organisation) -> Iterator[str]:
        for duty in known.statutory:
            kinds = ", ".join(uncapitalised(self.registry.incident_kinds[k].name) for k in duty.kinds)
            yield f"{kinds}; {duty.law}"

    # --- assets ------------------------------------------------------------------------------------------------------

    def _asset(self, asset: str) -> Iterator[tuple[str, str, Iterable[str]]]:
        known = self.registry.assets[asset]
        names = self.registry.assets
        yield "kind", "Är", [known.kind + (", särskilt viktig" if known.priority else "")]
        yield "area", "Ligger i", [", ".join(area_name(a, self.registry) for a in self.registry.ancestors(known.area))]
        yield "operator", f"Driver ({RESPONSIBLE})", [self._operator(known.operator)]
        yield "manager", "Förvaltar", [self._named(known.manager)]
        yield "owner", "Äger", [self._named(known.owner)]
        supplied = (f"{self.registry.functions[f].name}: {self.answering(f, known.area)}" for f in known.needs)
        yield "needs", "Behöver, och den som ansvarar", supplied
        yield "depends_on", "Är beroende av", [names[a].name for a in known.depends_on]
        yield "dependents", "Beroende av den", [a.name for a in self.registry.dependents(asset)]
        yield "users", "Används av", [self._named(u.organisation) for u in known.users]
        yield "sensors", "Givare", [s.name or s.id for s in self.registry.sensors.values() if s.asset == asset]
        yield "coordinator", f"Samordnar ({COORDINATES})", [self._coordinator(known.area)]
        yield "unconfirmed", "Obekräftat", [known.unconfirmed]

    def _operator(self, operator: str) -> str:
        return UNKNOWN_OPERATOR if operator == UNKNOWN_OPERATOR else self._named(operator)

    def _sector(self, sector: str) -> Iterator[tuple[str, str, Iterable[str]]]:
        known = self.registry.sectors[sector]
        members = [o.name for o in self.registry.organisations.values() if sector in o.sectors]
        yield "lead", "Samordnas av", [self._named(known.lead)]
        yield "organisations", "Organisationer", members
        yield "unconfirmed", "Obekräftat", [known.unconfirmed]

    # --- people ------------------------------------------------------------------------------------------------------

    def _role(self, role: str) -> Iterator[tuple[str, str, Iterable[str]]]:
        known = self.roster.roles[role]
        yield "on_call", "Bemannad", [words.ON_CALL[known.on_call]]
        yield "posts", "Finns hos", [self._held(role, o) for o in self.roster.organisations_with(role)]
        yield "unconfirmed", "Obekräftat", [known.unconfirmed]

    def _held(self, role: str, organisation: str) -> str:
        duty = self.roster.duties[role, organisation]
        persons = ", ".join(self.roster.persons[p].name for p in duty.persons)
        then = " → ".join(f"{self.role(r)} hos {self._named(o)}" for r, o in covers(self.profile, duty))
        held = f"{self._named(organisation)}: {persons}" if persons else f"{self._named(organisation)}: ingen egen"
        return f"{held}; sedan {then}" if then else held

    def _person(self, person: str) -> Iterator[tuple[str, str, Iterable[str]]]:
        known = self.roster.persons[person]
        duties = self.roster.duties.values()
        yield "holds", "Har rollen", [self._at(d.role, d.organisation) for d in duties if d.holder == person]
        yield "deputy", "Ersätter", [self._at(d.role, d.organisation) for d in duties if person in d.deputies]
        yield "contacts", "Nås genom", [", ".join(dict.fromkeys(c.medium.value for c in known.contacts))]
        exercises = self.roster.exercises.values()
        leads = [f"{e.name} (leder)" for e in exercises if e.leader == person]
        takes_part = [e.name for e in exercises if any(p.person == person for p in e.participants)]
        yield "exercises", "Övningar", leads + takes_part

    # --- names -------------------------------------------------------------------------------------------------------

    def role(self, role: str) -> str:
        return uncapitalised(self.roster.role_name(role))

    def _at(self, role: str, organisation: str) -> str:
        return f"{self.role(role)} hos {self._named(organisation)}"

    def post(self, role: str | None, organisation: str) -> str:
        """The role's name, and when it is manned; nothing if there is none."""
        known = self.roster.roles.get(role or "")
        return f"{uncapitalised(known.name)} ({words.ON_CALL[known.on_call]})" if known else ""

    def _place(self, area: str | None) -> str:
        return area_name(area, self.registry) if area is not None else ""

    def _named(self, organisation: str | None) -> str:
        known = self.registry.organisations.get(organisation or "")
        if known is None:
            return ""
        current = self.registry.current(known.id, self.today)
        taken = current is not None and current != known.id
        return f"{known.name} (nu {self.registry.organisations[current].name})" if taken and current else known.name

    def heir(self, organisation: str) -> Organisation:
        """The organisation, or whoever has taken over from it."""
        return self.registry.organisations[self.registry.current(organisation, self.today) or organisation]

    def organisation_name(self, organisation: str) -> str:
        """Its name or its heir's, and how that is spoken to where it is not the city's own."""
        known = self.heir(organisation)
        return known.name if known.relation is Relation.DIRECT else f"{known.name} [{_SHORT[known.relation]}]"


_SHORT = {Relation.REQUEST: "begäran", Relation.INFORM: "får veta"}
