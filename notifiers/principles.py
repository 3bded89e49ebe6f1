"""Who must know, by which principle, and why.

Theory (domain C.2). For every open cause:
    responsibility   operator of the asset -> organisation with the function in that area -> city-wide -> the area's
                     coordinator -> tib, flagged `responsibility_unresolved`. First hit wins.
    proximity        within an organisation, the role nearest to the thing: the one it names for the function, its duty
                     role, its head.
    area             whoever coordinates the district, when somebody has reported an effect there or two must cooperate.
    similarity       the smallest addition: an organisation that already acts gets no second row; nothing is weakened.
Then what the rule and the levels name, and who decides a proposal. Levels accumulate, so recipients(n) is a subset of
recipients(n+1). The result is sorted and depends on nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from notifiers.notice import Row
from notifiers.profile import Profile
from rules.explain import area_name, uncapitalised
from rules.ladder import Action, Addressee, Entered, Principle
from rules.matter import Cause, Direction, Fact, Matter, covered
from rules.registry import UNKNOWN_OPERATOR, Organisation, Relation

SWEDISH = {
    Principle.RESPONSIBILITY: "ansvarsprincipen",
    Principle.PROXIMITY: "närhetsprincipen",
    Principle.SIMILARITY: "likhetsprincipen",
    Principle.AREA_RESPONSIBILITY: "geografiskt områdesansvar",
    Principle.STATUTORY_DUTY: "lagstadgad uppgift",
    Principle.COOPERATION: "samverkan",
}


def plan(profile: Profile, matter: Matter, now: datetime) -> tuple[Row, ...]:
    """The rows the matter asks for as it stands, strongest first within a wave. Same arguments, same tuple."""
    planning = _Planning(profile, matter, now)
    for cause in sorted(matter.open_causes, key=lambda c: (c.opened_at, c.id)):
        planning.cause(cause)
    planning.coordination()
    planning.levels()
    planning.decider()
    return tuple(sorted(planning.rows.values(), key=order))


def order(row: Row) -> tuple[int, int, str, str]:
    """Wave, then act < decide < coordinate < support < inform, then organisation, then role (domain C.2, 8)."""
    return (row.wave, row.action.rank, row.organisation, row.role)


class _Planning:
    """The rows so far, one per role at an organisation, the strongest action kept (to decide is a row of its own)."""

    def __init__(self, profile: Profile, matter: Matter, now: datetime) -> None:
        self.registry = profile.policy.registry
        self.ladder = profile.policy.ladder
        self.roster = profile.roster
        self.matter = matter
        self.now = now
        self.rows: dict[str, Row] = {}
        self.added = 0

    def cause(self, cause: Cause) -> None:
        """Whoever must know of one cause. Somebody does, always: if it leads to nobody else, the duty officer. That is
        asked of each cause by itself, so that a higher level or another cause never takes anybody away."""
        before = self.added
        if cause.asked is Action.COORDINATE:
            self.together(cause)
        else:
            self.responsible(cause)
        self.coordinators(cause)
        for addressee in cause.notify:
            self.named(addressee, f"regeln «{cause.name}»")
        if self.added == before:
            role, organisation = self.roster.last_resort
            why = f"ingen annan mottagare är känd: ansvarig för «{cause.name}» saknas i registret"
            self._add(role, organisation, Action.ACT, Principle.RESPONSIBILITY, why, unresolved=True)

    # --- responsibility and proximity --------------------------------------------------------------------------------

    def responsible(self, cause: Cause) -> None:
        """Whoever answers for what is wrong, every day and now. Those who lack something come last, so that who is
        engaged already does not depend on the order of the facts."""
        found = False
        for fact in cause.facts:
            found |= self._asset(cause, fact)
        for function in cause.functions:
            for area in self._areas(cause):
                found |= self._function(cause, function, area)
        engaged = {row.organisation for row in self.rows.values() if row.action is not Action.INFORM}
        for fact in cause.facts:
            found |= self._without(cause, fact, engaged)
        if not found and not cause.notify and cause.asked is Action.ACT:
            self._unresolved(cause)

    def _areas(self, cause: Cause) -> tuple[str, ...]:
        known = {a for f in cause.facts for a in f.areas if a in self.registry.areas}
        return tuple(sorted(known)) or (self.registry.city,)

    def _lacks(self, fact: Fact) -> str | None:
        kind = self.registry.incident_kinds.get(fact.kind)
        return kind.lacks if kind is not None else None

    def _asset(self, cause: Cause, fact: Fact) -> bool:
        """The asset's operator acts; its manager and owner are told. Where something is lacking, whoever is responsible
        for that acts, and the operator is `_without`."""
        asset = self.registry.assets.get(fact.asset or "")
        if asset is None:
            return False
        for organisation in dict.fromkeys((asset.manager, asset.owner)):
            if organisation and organisation != asset.operator:
                self._duty(organisation, Action.INFORM, Principle.RESPONSIBILITY, f"äger eller förvaltar {asset.name}")
        lacks = self._lacks(fact)
        if lacks is not None:
            areas = [a for a in fact.areas if a in self.registry.areas] or [asset.area]
            return any([self._function(cause, lacks, area) for area in areas])  # noqa: C419 - every area, not the first
        if asset.operator == UNKNOWN_OPERATOR:
            return False
        return self._duty(asset.operator, cause.asked, Principle.RESPONSIBILITY, f"driver {asset.name}")

    def _without(self, cause: Cause, fact: Fact, engaged: set[str]) -> bool:
        """Somebody who lacks water is not the one who mends it: the operator acts for its own activity, and is not
        asked again if it is already engaged (likhetsprincipen)."""
        asset = self.registry.assets.get(fact.asset or "")
        if asset is None or self._lacks(fact) is None or asset.operator == UNKNOWN_OPERATOR:
            return False
        if asset.operator in engaged:
            return True
        return self._duty(asset.operator, cause.asked, Principle.RESPONSIBILITY, f"driver {asset.name}")

    def _function(self, cause: Cause, function: str, area: str) -> bool:
        """The organisations with the function in the smallest area around this one that has any."""
        if function not in self.registry.functions:
            return False  # an open matter may outlive a function that a new profile no longer has
        name = self.registry.functions[function].name
        for place in self.registry.ancestors(area):
            holders = tuple(self._holders(function, place))
            for organisation, role in holders:
                where = "i hela staden" if place == self.registry.city else f"i {area_name(place, self.registry)}"
                why = f"ansvarar för {uncapitalised(name)} {where}"
                self._duty(organisation.id, cause.asked, Principle.RESPONSIBILITY, why, role)
            if holders:
                return True
        return False

    def _holders(self, function: str, place: str) -> Iterator[tuple[Organisation, str | None]]:
        for organisation in sorted(self.registry.organisations.values(), key=lambda o: o.id):
            for duty in organisation.functions if organisation.valid_at(self.now) else ():
                if duty.function == function and place in (duty.areas or organisation.areas or (self.registry.city,)):
                    yield organisation, duty.role

    def _duty(
        self,
        organisation: str,
        action: Action,
        principle: Principle,
        why: str,
        role: str | None = None,
        *,
        unresolved: bool = False,
    ) -> bool:
        """The organisation's nearest role gets a row. False if nobody there can be told."""
        known = self.registry.organisations[organisation]
        nearest = next(
            (r for r in (role, known.duty, known.head) if r and (r, organisation) in self.roster.duties), None
        )
        if nearest is None:
            return False
        self._add(nearest, organisation, action, principle, f"{known.name} {why}", unresolved=unresolved)
        return True

    def _unresolved(self, cause: Cause) -> None:
        """Nobody is known to be responsible: the area's coordinator, and failing that the duty officer, must find
        out."""
        why = f"tar emot: ansvarig för «{cause.name}» saknas i registret"
        found = False
        for area in self._areas(cause):
            found |= self._coordinator(area, why, unresolved=True)
        if not found:
            role, organisation = self.roster.last_resort
            self._add(role, organisation, Action.ACT, Principle.RESPONSIBILITY, why, unresolved=True)

    # --- area responsibility -----------------------------------------------------------------------------------------

    def coordinators(self, cause: Cause) -> None:
        """The district where somebody has reported an effect coordinates there; it never takes over (2006:544 2:7)."""
        if cause.reported and cause.asked is Action.ACT:
            for area in self._areas(cause):
                self._coordinator(area, "samordnar i sitt område")

    def together(self, cause: Cause) -> None:
        """Matters in several areas that belong together: each keeps its own responsible, and above them the areas'
        coordinators and the duty officer see to it that they know of each other."""
        for area in self._areas(cause):
            self._coordinator(area, "samordnar i sitt område")
        role, organisation = self.roster.last_resort
        why = "ärenden i flera områden hör ihop och behöver samordnas"
        self._add(role, organisation, Action.COORDINATE, Principle.AREA_RESPONSIBILITY, why)

    def _coordinator(self, area: str, why: str, *, unresolved: bool = False) -> bool:
        for place in self.registry.ancestors(area):
            for organisation in sorted(self.registry.organisations.values(), key=lambda o: o.id):
                if place in organisation.coordinates and organisation.valid_at(self.now):
                    where = f"{why} ({area_name(place, self.registry)})"
                    principle = Principle.AREA_RESPONSIBILITY
                    return self._duty(organisation.id, Action.COORDINATE, principle, where, unresolved=unresolved)
        return False

    def coordination(self) -> None:
        """Two who act, or two districts, need somebody above them: their coordinators and the duty officer."""
        responsible = [r for r in self.rows.values() if r.principle is Principle.RESPONSIBILITY]
        acting = {r.organisation for r in responsible if r.action is Action.ACT}
        districts = {
            d
            for c in self.matter.open_causes
            if c.reported and c.action is Action.ACT
            for f in c.facts
            for a in f.areas
            if a in self.registry.areas and (d := self.registry.district(a))
        }
        if len(acting) < 2 and len(districts) < 2:
            return
        for cause in self.matter.open_causes:
            if cause.asked is Action.ACT:
                for area in self._areas(cause):
                    self._coordinator(area, "samordnar i sitt område")
        role, organisation = self.roster.last_resort
        why = f"{len(acting)} ansvariga organisationer" if len(acting) > 1 else f"{len(districts)} stadsdelsområden"
        self._add(role, organisation, Action.COORDINATE, Principle.AREA_RESPONSIBILITY, f"{why} behöver samordnas")

    # --- what rules and levels name ----------------------------------------------------------------------------------

    def named(self, addressee: Addressee, by: str, *, provisional: bool = False) -> None:
        for organisation in self._where(addressee):
            if organisation not in self.registry.organisations:
                continue
            name = self.registry.organisations[organisation].name
            why = f"{name}: {uncapitalised(self.roster.role_name(addressee.role))} ska veta enligt {by}"
            self._add(addressee.role, organisation, addressee.action, addressee.principle, why, provisional=provisional)

    def _where(self, addressee: Addressee) -> tuple[str, ...]:
        """Where a role that is named without its organisation is meant: the only one that has it; else those whose area
        the matter touches; else all."""
        if addressee.organisation is not None:
            return (addressee.organisation,)
        found = self.roster.organisations_with(addressee.role)
        if len(found) == 1:
            return found
        touched = {area for cause in self.matter.open_causes for area in self._areas(cause)}
        near = {organisation for area in touched for organisation in self._near(found, area)}
        return tuple(sorted(near)) if touched else found

    def _near(self, organisations: tuple[str, ...], area: str) -> tuple[str, ...]:
        """Those of the organisations that coordinate an area around this one; all, where none of them does. Area by
        area, so that one more place never takes anybody away."""
        around = set(self.registry.ancestors(area)) - {self.registry.city}
        known = self.registry.organisations
        near = tuple(o for o in organisations if o in known and around & set(known[o].coordinates))
        return near or organisations

    def levels(self) -> None:
        """Every level up to the one that stands adds its recipients; those that need a decision wait for it."""
        for level in self.ladder.up_to(self.matter.alert_level):
            for addressee in level.adds:
                self.named(addressee, f"nivån {uncapitalised(level.name)}", provisional=self._provisional(level.id))
        # What a decided level adds does not follow into a declared one: under höjd beredskap kommunstyrelsen leads, not
        # krisledningsnämnden (2006:544 3:2), and a decision within the city is another matter.
        decided = self.ladder[self.matter.declared_state].entered
        for level in self.ladder.up_to(self.matter.declared_state):
            for addressee in level.adds_when_decided if level.entered is decided else ():
                self.named(addressee, f"det beslutade läget {uncapitalised(level.name)}")

    def _provisional(self, level: str) -> bool:
        """True for a level that only a pending proposal means: nobody has decided it, and no rule may raise it."""
        settled = [c.level for c in self.matter.open_causes if self.ladder[c.level].entered is Entered.DETECTED]
        wider = covered(self.matter, self.ladder)
        highest = self.ladder.highest_of((self.matter.declared_state, wider, *settled))
        return self.ladder.rank(level) > self.ladder.rank(highest)

    def decider(self) -> None:
        """Whoever may decide the pending proposal; if nobody may, the duty officer must find somebody."""
        proposal = self.matter.proposal
        if proposal is None or not proposal.pending:
            return
        where = area_name(proposal.scope, self.registry)
        what = (
            f"höja till {proposal.level}" if proposal.direction is Direction.RAISE else f"sänka till {proposal.level}"
        )
        if proposal.role is None:
            role, organisation = self.roster.last_resort
            why = f"ingen är utsedd att besluta om att {what} i {where}; hitta någon som får"
            self._add(role, organisation, Action.ACT, Principle.RESPONSIBILITY, why)
            return
        posts = self._where(Addressee(role=proposal.role, organisation=proposal.organisation))
        for organisation in posts[:1]:
            name = self.registry.organisations[organisation].name
            why = f"{name}: får enligt delegationen besluta om att {what} i {where}"
            self._add(
                proposal.role, organisation, Action.DECIDE, Principle.RESPONSIBILITY, why, persons=proposal.persons
            )

    def _add(
        self,
        role: str,
        organisation: str,
        action: Action,
        principle: Principle,
        why: str,
        persons: tuple[str, ...] = (),
        *,
        provisional: bool = False,
        unresolved: bool = False,
    ) -> None:
        self.added += 1
        row = Row(
            role=role,
            organisation=organisation,
            action=action,
            principle=principle,
            because=f"{why} ({SWEDISH[principle]})",
            relation=self.registry.organisations[organisation].relation,
            answer_within=self.roster.answering.within(action),
            provisional=provisional and action is not Action.ACT,
            responsibility_unresolved=unresolved,
            persons=persons,
        )
        known = self.rows.get(row.key)
        settled = known is not None and known.provisional and not row.provisional and known.action is action
        if known is None or known.action.rank > action.rank or settled:
            self.rows[row.key] = row


def may_be_ordered(relation: Relation) -> bool:
    """Only the city's own offices are directed; a company is asked, somebody outside is told or asked."""
    return relation is Relation.DIRECT
