"""Who would not be alerted, or not act, and why: those a coordinator would ask about.

Theory. Nobody is in the list without a tie in the registry to what has happened, and each has one reason:

    elsewhere    has the function, but in other areas
    farther      has the function here too, but somebody has it nearer
    neighbour    coordinates a district that borders on this one
    supervisor   supervises somebody who acts; the supervised reports itself
    parent       is the parent of somebody who acts and answers for its own activity
    owner        owns or manages the asset that somebody else runs
    counterpart  keeps the city's contact with somebody outside who is only told
    ended        had a function or coordinated here, but is no more (or is not yet)
    cover        a role of office hours, out of them: another answers
    stands_by    a board without an everyday task, which its own head must call in
    next_level   is added by the next level

Those alike share one entry, so that the list stays short however large the registry is. Same arguments, same tuple.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from notifiers.manning import manned
from notifiers.notice import Row
from notifiers.profile import Profile
from notifiers.roster import OnCall
from rules.action import Action
from rules.explain import area_name, uncapitalised
from rules.matter import Matter
from rules.registry import UNKNOWN_OPERATOR, Asset, Organisation, OrganisationKind

NAMED = 3
"""So many names of a group are written out in a reason; the rest are counted."""


class Reason(StrEnum):
    """Why somebody is passed over, nearest to the event first."""

    OWNER = "owner"
    PARENT = "parent"
    FARTHER = "farther"
    ELSEWHERE = "elsewhere"
    NEIGHBOUR = "neighbour"
    SUPERVISOR = "supervisor"
    COUNTERPART = "counterpart"
    COVER = "cover"
    ENDED = "ended"
    STANDS_BY = "stands_by"
    NEXT_LEVEL = "next_level"


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Organisations (in a role, if one is meant) that would not be alerted or not act, and why in Swedish."""

    reason: Reason
    organisations: tuple[str, ...]
    because: str
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """Rows that the next level would add, and in words when."""

    when: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Outcome:
    """What would happen: the open matters, who would be told, what the next level would add, and which districts border
    on those touched."""

    profile: Profile
    matters: tuple[Matter, ...]
    rows: tuple[Row, ...]
    now: datetime
    neighbours: tuple[str, ...] = ()
    next_level: tuple[Added, ...] = ()

    @cached_property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.profile.policy.settings.timezone)).date()

    @cached_property
    def told(self) -> frozenset[str]:
        return frozenset(row.organisation for row in self.rows)

    @cached_property
    def acting(self) -> tuple[str, ...]:
        return tuple(sorted({row.organisation for row in self.rows if row.action is Action.ACT}))

    @cached_property
    def areas(self) -> tuple[str, ...]:
        """The areas that are touched; none named: the city."""
        return touched(self.profile, self.matters)

    @cached_property
    def assets(self) -> tuple[Asset, ...]:
        named = {fact.asset for m in self.matters for cause in m.open_causes for fact in cause.facts}
        return tuple(asset for id_, asset in sorted(self.profile.policy.registry.assets.items()) if id_ in named)

    @cached_property
    def functions(self) -> tuple[str, ...]:
        """What the causes are about, and what is lacking."""
        registry = self.profile.policy.registry
        causes = [cause for m in self.matters for cause in m.open_causes]
        kinds = [registry.incident_kinds.get(fact.kind) for cause in causes for fact in cause.facts]
        lacking = {k.lacks for k in kinds if k is not None and k.lacks is not None}
        found = {f for cause in causes for f in cause.functions} | lacking
        return tuple(sorted(f for f in found if f in registry.functions))

    def name(self, organisation: str) -> str:
        return self.profile.policy.registry.organisations[organisation].name


def touched(profile: Profile, matters: Iterable[Matter]) -> tuple[str, ...]:
    """The known areas that the open causes name; none: the city."""
    registry = profile.policy.registry
    found = {a for m in matters for cause in m.open_causes for fact in cause.facts for a in fact.areas}
    return tuple(sorted(a for a in found if a in registry.areas)) or (registry.city,)


def passed_over(outcome: Outcome) -> tuple[PassedOver, ...]:
    """Who would not be alerted, or not act, and why; nearest to the event first, each organisation once per reason."""
    looked = (_owners, _parents, _responsible, _neighbours, _supervisors, _counterparts, _covered, _ended, _stand_by)
    found = [entry for look in looked for entry in look(outcome)] + list(_next_level(outcome))
    return tuple(sorted(found, key=lambda p: list(Reason).index(p.reason)))  # stable: within a reason as found


def listed(names: Iterable[str]) -> str:
    """`A`, `A och B`, `A, B, C och 4 till`."""
    known = list(dict.fromkeys(names))
    if len(known) > NAMED + 1:
        known[NAMED:] = [f"{len(known) - NAMED} till"]
    return " och ".join((", ".join(known[:-1]), known[-1])) if len(known) > 1 else "".join(known)


# --- the thing itself ------------------------------------------------------------------------------------------------


def _owners(outcome: Outcome) -> Iterator[PassedOver]:
    acts = set(outcome.acting)
    for asset in outcome.assets:
        theirs = [(asset.owner, "äger"), (asset.manager, "förvaltar")]
        if asset.operator == UNKNOWN_OPERATOR or asset.operator not in outcome.told:
            continue
        for organisation, does in theirs:
            if organisation and organisation != asset.operator and organisation not in acts:
                ends = "får veta, men agerar inte" if organisation in outcome.told else "larmas inte"
                why = f"{does} {asset.name}, men {outcome.name(asset.operator)} driver verksamheten; {ends}"
                yield PassedOver(Reason.OWNER, (organisation,), why)


def _parents(outcome: Outcome) -> Iterator[PassedOver]:
    registry = outcome.profile.policy.registry
    parents = {o: registry.organisations[o].parent for o in outcome.acting}
    for parent in sorted({p for p in parents.values() if p is not None and p not in outcome.told}):
        children = listed(outcome.name(o) for o, p in parents.items() if p == parent)
        why = f"är moderorganisation till {children}, men den som driver verksamheten ansvarar själv"
        yield PassedOver(Reason.PARENT, (parent,), why)


# --- the functions ---------------------------------------------------------------------------------------------------


def _responsible(outcome: Outcome) -> Iterator[PassedOver]:
    for function in outcome.functions:
        farther, elsewhere = list[str](), list[str]()
        for organisation, places in _holders(outcome, function):
            around = any(outcome.profile.policy.registry.within(a, p) for a in outcome.areas for p in places)
            (farther if around else elsewhere).append(organisation)
        name = uncapitalised(outcome.profile.policy.registry.functions[function].name)
        if farther:
            why = f"ansvarar också för {name} här, men någon annan har ansvaret närmare"
            yield PassedOver(Reason.FARTHER, tuple(farther), why)
        if elsewhere:
            where = listed(area_name(a, outcome.profile.policy.registry) for a in outcome.areas)
            why = f"ansvarar för {name}, men bara i sitt eget område och inte för {where}"
            yield PassedOver(Reason.ELSEWHERE, tuple(elsewhere), why)


def _holders(outcome: Outcome, function: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The organisations of today that have the function and are not told, with where they have it."""
    registry = outcome.profile.policy.registry
    for known in sorted(registry.organisations.values(), key=lambda o: o.id):
        places = [
            p for d in known.functions if d.function == function for p in d.areas or known.areas or [registry.city]
        ]
        if places and known.id not in outcome.told and known.valid_on(outcome.today):
            yield known.id, tuple(places)


def _neighbours(outcome: Outcome) -> Iterator[PassedOver]:
    registry = outcome.profile.policy.registry
    found = {a: registry.coordinator(a, outcome.today) for a in outcome.neighbours}
    names = tuple(dict.fromkeys(o for o in found.values() if o is not None and o not in outcome.told))
    if names:
        where = listed(area_name(a, registry) for a, o in found.items() if o in names)
        yield PassedOver(Reason.NEIGHBOUR, names, f"samordnar {where}, som gränsar hit men inte berörs")


# --- ties between organisations --------------------------------------------------------------------------------------


def _supervisors(outcome: Outcome) -> Iterator[PassedOver]:
    registry = outcome.profile.policy.registry
    supervised: dict[str, list[str]] = {}
    for organisation in outcome.acting:
        for supervisor in registry.organisations[organisation].supervisors:
            if supervisor not in outcome.told:
                supervised.setdefault(supervisor, []).append(outcome.name(organisation))
    for supervisor, names in sorted(supervised.items()):
        why = f"har tillsyn över {listed(names)}, som själv anmäler det som ska anmälas"
        yield PassedOver(Reason.SUPERVISOR, (supervisor,), why)


def _counterparts(outcome: Outcome) -> Iterator[PassedOver]:
    registry = outcome.profile.policy.registry
    kept: dict[str, list[str]] = {}
    for organisation in sorted(outcome.told):
        counterpart = registry.organisations[organisation].counterpart
        if counterpart is not None and counterpart not in outcome.told:
            kept.setdefault(counterpart, []).append(outcome.name(organisation))
    for counterpart, names in sorted(kept.items()):
        why = f"håller stadens kontakt med {listed(names)}, som bara får veta; då finns inget att samordna"
        yield PassedOver(Reason.COUNTERPART, (counterpart,), why)


def _ended(outcome: Outcome) -> Iterator[PassedOver]:
    """Organisations that had something to do with these areas or functions, and are no more or not yet."""
    registry = outcome.profile.policy.registry
    for known in sorted(registry.organisations.values(), key=lambda o: o.id):
        if known.valid_on(outcome.today) or not _tied(outcome, known):
            continue
        if known.valid_from is not None and known.valid_from > outcome.today:
            yield PassedOver(Reason.ENDED, (known.id,), f"finns först från och med {known.valid_from}")
            continue
        heir = registry.current(known.id, outcome.today)
        took_over = f"; {outcome.name(heir)} tog över" if heir is not None else ", och ingen har tagit över"
        yield PassedOver(Reason.ENDED, (known.id,), f"upphörde {known.valid_to}{took_over}")


def _tied(outcome: Outcome, known: Organisation) -> bool:
    registry = outcome.profile.policy.registry
    places = {*known.coordinates, *known.areas}
    near = any(
        registry.within(a, p) or registry.within(p, a) for a in outcome.areas for p in places if p != registry.city
    )
    whole = outcome.areas == (registry.city,)
    has_it = any(d.function in outcome.functions for d in known.functions)
    return has_it and (near or not places - {registry.city}) if whole else near or (has_it and not places)


# --- roles -----------------------------------------------------------------------------------------------------------


def _covered(outcome: Outcome) -> Iterator[PassedOver]:
    """Roles of office hours out of them, where something is asked of their organisation."""
    roster = outcome.profile.roster
    posts = {row.post: row for row in outcome.rows}
    asked = {row.organisation for row in outcome.rows if row.action is not Action.INFORM}
    answering: dict[tuple[str, str], list[str]] = {}
    for role, organisation in sorted(roster.duties):
        if organisation not in asked or manned(outcome.profile, role, outcome.now):
            continue
        instead = outcome.profile.roster.cover((role, organisation))
        if (role, organisation) in posts:
            why = unmanned(outcome.profile, posts[(role, organisation)])
            yield PassedOver(Reason.COVER, (organisation,), why, role)
        elif instead is not None and instead in posts:
            answering.setdefault((organisation, instead[0]), []).append(uncapitalised(roster.role_name(role)))
    for (organisation, by), roles in answering.items():
        why = f"har {listed(roles)} på kontorstid; däremellan svarar {uncapitalised(roster.role_name(by))}"
        yield PassedOver(Reason.COVER, (organisation,), why)


def unmanned(profile: Profile, row: Row) -> str:
    """What becomes of a question to a role of office hours, out of them: whoever covers it answers."""
    roster, post = profile.roster, row.post
    own, instead = roster.duties[post].persons, roster.cover(post)
    first = roster.persons[own[0]].name if own and own[0] in roster.persons else "innehavaren"
    if row.action is Action.INFORM:  # nobody is asked to answer, so nothing is passed on
        return f"arbetar kontorstid; {first} får ändå meddelandet, och ingen annan om det kommer fram"
    if instead is None:
        return f"arbetar kontorstid; {first} frågas ändå, för ingen är satt att svara då"
    return f"arbetar kontorstid; däremellan svarar {uncapitalised(roster.role_name(instead[0]))}"


def _stand_by(outcome: Outcome) -> Iterator[PassedOver]:
    """Boards whose only role is to be called in once a level is decided. The registry's note says what calls them."""
    registry, ladder = outcome.profile.policy.registry, outcome.profile.policy.ladder
    called = {a.organisation: a.role for level in ladder.levels for a in level.adds_when_decided if a.organisation}
    for organisation, role in sorted((o, r) for o, r in called.items() if o is not None):
        known, held = registry.organisations[organisation], outcome.profile.roster.roles.get(role)
        if known.kind is not OrganisationKind.BOARD or known.functions or known.duty or known.coordinates:
            continue
        if held is not None and held.on_call is OnCall.CALLED:
            note = f". {known.note}" if known.note else ""
            yield PassedOver(Reason.STANDS_BY, (organisation,), f"har ingen uppgift i vardagen{note}".rstrip("."))


def _next_level(outcome: Outcome) -> Iterator[PassedOver]:
    for added in outcome.next_level:
        by_role: dict[str, list[str]] = {}
        for row in added.rows:
            by_role.setdefault(row.role, []).append(row.organisation)
        for role, organisations in by_role.items():
            yield PassedOver(
                Reason.NEXT_LEVEL, tuple(dict.fromkeys(organisations)), f"larmas först när {added.when}", role
            )
