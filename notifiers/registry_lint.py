"""What a registry lacks on a day: functions, areas and organisations that nobody would answer for.

All are FINDINGs, never errors: the program itself always tells `tib` when nobody else is known, and a profile in use
must not stop loading because a year has passed. They are looked for where a person asks, since they depend on the day.
What is alike is told once, with how many it concerns: sixty organisations that have never exercised are one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from notifiers import registry_wording as say
from notifiers.coverage import DAY, Coverage, Gap
from notifiers.profile import Profile
from notifiers.roster import LAST_RESORT, Duty, OnCall, Post
from rules.explain import area_name, uncapitalised
from rules.fault import Fault, Gravity, Message, Text
from rules.item import Documents, Item, Path_
from rules.registry import UNKNOWN_OPERATOR, Asset, Organisation, OrganisationKind, Registry, Relation
from rules.rule import IncidentsCondition, leaves

LISTED = 12
"""More names than this are counted in the sentence; `about` has them all."""

OWN = (OrganisationKind.BOARD, OrganisationKind.DISTRICT_BOARD, OrganisationKind.COMPANY)
ENTRIES = ("functions", "areas", "organisations", "assets")
MANNED = (OnCall.ALWAYS, OnCall.ROSTER)


def registry_lint(profile: Profile, documents: Documents, today: date) -> Iterator[Fault]:
    """Everything that the registry lacks on this day, or will lack from a later one that is known now."""
    looked = _Looked(profile, documents, today)
    yield from looked.functions()
    yield from looked.coordinators()
    yield from looked.succession()
    yield from looked.assets()
    yield from looked.organisations()
    yield from looked.exercises()
    yield from looked.roles()


def own(organisation: Organisation) -> bool:
    """True for the city's own boards and companies."""
    return organisation.kind in OWN and organisation.relation is not Relation.INFORM


@dataclass(frozen=True)
class _Looked:
    """A registry being looked at on one day."""

    profile: Profile
    documents: Documents
    today: date

    @cached_property
    def registry(self) -> Registry:
        return self.profile.policy.registry

    @cached_property
    def coverage(self) -> Coverage:
        return Coverage(self.registry)

    @cached_property
    def items(self) -> dict[tuple[str, str], Item]:
        return {(s, i.value.id): i for s in ENTRIES for i in self.documents.items.get(s, ())}

    def finding(self, section: str, entry: str, path: Path_, message: Message) -> Fault:
        return self.items[section, entry].fault(path, message, Gravity.FINDING)

    # --- functions and areas -----------------------------------------------------------------------------------------

    def functions(self) -> Iterator[Fault]:
        """Functions that nobody has, in the whole city or a part of it; and those that will lose whoever has them."""
        for function in self.registry.functions.values():
            name = uncapitalised(function.name)
            bare = self.coverage.without(function.id, self.today)
            if self.registry.city in bare:
                told = say.FUNCTION_NOBODY if function.id in self.needed else say.FUNCTION_UNUSED
                yield self.finding("functions", function.id, (), told(function=name, role=LAST_RESORT))
            elif bare:
                told_where = listed(say.FUNCTION_PARTLY, bare, self._areas(bare), function=name)
                yield self.finding("functions", function.id, (), told_where)
            for gap in self.coverage.function_gaps(function.id, self.today):
                yield self.finding("functions", function.id, (), self._gap(say.FUNCTION_GAP, gap, function=name))

    @cached_property
    def needed(self) -> frozenset[str]:
        """The functions that a kind of incident or sensor, a rule or an asset speaks of."""
        kinds = self.registry.incident_kinds.values()
        rules = [r.rule for r in self.profile.policy.rules]
        conditions = [leaf for r in rules for leaf in (*leaves(r.when), *leaves(r.until))]
        return frozenset(
            name
            for name in (
                *(f for k in kinds for f in (*k.functions, k.lacks, k.cuts)),
                *(k.function for k in self.registry.sensor_kinds.values()),
                *(f for r in rules for f in r.concerns),
                *(leaf.needs for leaf in conditions if isinstance(leaf, IncidentsCondition)),
                *(f for a in self.registry.assets.values() for f in a.needs),
            )
            if name is not None
        )

    def coordinators(self) -> Iterator[Fault]:
        """Areas that nobody coordinates, or that will lose whoever does."""
        if bare := self.coverage.uncoordinated(self.today):
            told = listed(say.NO_COORDINATOR, bare, self._areas(bare), role=LAST_RESORT)
            yield self.finding("areas", bare[0], (), told)
        for gap in self.coverage.coordinator_gaps(self.today):
            yield self.finding("areas", gap.areas[0], (), self._gap(say.COORDINATOR_GAP, gap))

    def _gap(self, text: Text, gap: Gap, **given: object) -> Message:
        until = say.UNTIL(day=gap.until) if gap.until else ""
        return listed(text, gap.areas, self._areas(gap.areas), day=gap.begins, until=until, **given)

    def _areas(self, areas: Iterable[str]) -> list[str]:
        return [area_name(a, self.registry) for a in areas]

    # --- organisations -----------------------------------------------------------------------------------------------

    def succession(self) -> Iterator[Fault]:
        """Organisations that end with nobody after them, or somebody who does not begin in time."""
        for organisation in self.registry.organisations.values():
            ends, successor = organisation.valid_to, organisation.succeeded_by
            if ends is None or ends == date.max:
                continue
            if successor is None:
                told = say.ENDS_ALONE(name=organisation.name, day=ends)
                yield self.finding("organisations", organisation.id, ("valid_to",), told)
            elif self.registry.current(organisation.id, ends + DAY) is None:
                name = self.registry.organisations[successor].name
                told = say.SUCCESSOR_LATE(name=organisation.name, day=ends, successor=name)
                yield self.finding("organisations", organisation.id, ("succeeded_by",), told)

    @cached_property
    def present(self) -> tuple[Organisation, ...]:
        return tuple(o for o in self.registry.organisations.values() if o.valid_on(self.today))

    @cached_property
    def ours(self) -> tuple[Organisation, ...]:
        """The city's own boards and companies on this day."""
        return tuple(o for o in self.present if own(o))

    def organisations(self) -> Iterator[Fault]:
        """Organisations without the roles and the contact that somebody in them must be reached through."""
        alone = [o for o in self.present if self._has_tasks(o) and not (o.duty or o.head)]
        neither = [o for o in self.ours if not (o.duty or o.head) and o not in alone]
        yield from self._of_organisations(say.NOBODY_TO_TELL, alone)
        yield from self._of_organisations(say.NO_POST, neither)
        yield from self._of_organisations(say.NO_DUTY, [o for o in self.ours if o.head and not o.duty])
        yield from self._of_organisations(say.NO_HEAD, [o for o in self.ours if o.duty and not o.head])
        for role in self.profile.policy.settings.required_roles:
            lacking = [o for o in self.ours if (role, o.id) not in self.profile.roster.duties]
            name = uncapitalised(self.profile.roster.role_name(role))
            yield from self._of_organisations(say.NO_REQUIRED_ROLE, lacking, role=name)
        outside = [o for o in self.present if o.relation is Relation.INFORM and o.functions and not o.counterpart]
        yield from self._of_organisations(say.NO_COUNTERPART, outside)

    def _has_tasks(self, organisation: Organisation) -> bool:
        named = any(r.role for r in organisation.functions)
        return bool(organisation.coordinates or organisation.id in self._operators or organisation.functions) and not (
            named and all(r.role for r in organisation.functions)
        )

    @cached_property
    def _operators(self) -> frozenset[str]:
        return frozenset(a.operator for a in self.registry.assets.values())

    def exercises(self) -> Iterator[Fault]:
        """Boards and companies that have not exercised for a year, or never."""
        a_year_ago = year_before(self.today)
        yield from self._of_organisations(say.NEVER_EXERCISED, [o for o in self.ours if o.exercised is None])
        overdue = [o for o in self.ours if o.exercised is not None and o.exercised < a_year_ago]
        yield from self._of_organisations(say.EXERCISE_OVERDUE, overdue)

    def _of_organisations(self, text: Text, found: Sequence[Organisation], **given: object) -> Iterator[Fault]:
        if found:
            told = listed(text, [o.id for o in found], [o.name for o in found], count=len(found), **given)
            yield self.finding("organisations", found[0].id, (), told)

    # --- assets ------------------------------------------------------------------------------------------------------

    def assets(self) -> Iterator[Fault]:
        """Assets whose need nobody supplies where they are, and those of which nobody knows who operates them."""
        assets = tuple(self.registry.assets.values())
        for function, found in self._unsupplied(assets).items():
            name = uncapitalised(self.registry.functions[function].name)
            told = listed(
                say.NEED_UNSUPPLIED, [a.id for a in found], [a.name for a in found], count=len(found), function=name
            )
            yield self.finding("assets", found[0].id, ("needs",), told)
        unknown = [a for a in assets if a.operator == UNKNOWN_OPERATOR]
        yield from self._without_operator(say.OPERATOR_UNKNOWN, unknown, len(assets))
        yield from self._without_operator(say.PRIORITY_OPERATOR, [a for a in unknown if a.priority], len(assets))

    def _unsupplied(self, assets: Iterable[Asset]) -> dict[str, list[Asset]]:
        found: dict[str, list[Asset]] = {}
        for asset in assets:
            for function in asset.needs:
                if self.registry.answering(function, asset.area, self.today) is None:
                    found.setdefault(function, []).append(asset)
        return found

    def _without_operator(self, text: Text, found: Sequence[Asset], of: int) -> Iterator[Fault]:
        if found:
            known = of - len(found)
            share = 100 * known // of  # rounded down: never 100 % while one is unknown
            told = listed(text, [a.id for a in found], [a.name for a in found], known=known, all=of, share=share)
            yield self.finding("assets", found[0].id, ("operator",), told)

    # --- roles -------------------------------------------------------------------------------------------------------

    def roles(self) -> Iterator[Fault]:
        """Roles of office hours that nobody answers for at other times."""
        duties = [i for i in self.documents.items.get("duties", ()) if self._office(i.value) and self._alone(i.value)]
        if duties:
            posts = [f"{i.value.role}@{i.value.organisation}" for i in duties]
            yield duties[0].fault((), listed(say.OFFICE_ALONE, posts, posts), Gravity.FINDING)

    def _office(self, duty: Duty) -> bool:
        role, organisation = duty.role, self.registry.organisations[duty.organisation]
        return self.profile.roster.roles[role].on_call is OnCall.OFFICE and organisation.valid_on(self.today)

    def _alone(self, duty: Duty) -> bool:
        return not any(self.profile.roster.roles[role].on_call in MANNED for role, _ in covers(self.profile, duty))


def covers(profile: Profile, duty: Duty) -> Iterator[Post]:
    """The posts that answer in turn when a duty's own persons do not."""
    post = profile.roster.cover((duty.role, duty.organisation))
    while post is not None:
        yield post
        post = profile.roster.cover(post)


def year_before(day: date) -> date:
    """The same day a year earlier; of 29 February the day before."""
    return day.replace(year=day.year - 1) if (day.month, day.day) != (2, 29) else date(day.year - 1, 2, 28)


def listed(text: Text, about: Sequence[str], names: Sequence[str], **given: object) -> Message:
    """The message with the first of the names written out and the rest counted."""
    shown: object = ", ".join(names[:LISTED])
    if len(names) > LISTED:
        shown = say.AND_MORE(names=shown, more=len(names) - LISTED)
    return text(names=shown, about=tuple(about), **given)
