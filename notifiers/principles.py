"""Who must know, by which principle, and why.

Theory (domain C.2). For every open cause:
    responsibility   operator of the asset -> organisation with the function in that area -> city-wide -> the area's
                     coordinator -> tib, flagged `responsibility_unresolved`. First hit wins.
    proximity        within an organisation, the role nearest to the thing: the one it names for the function, its duty
                     role, its head.
    area             whoever coordinates the district, when somebody has reported an effect there or two must cooperate.
    by law           whoever must be told of such things by law
    similarity       the smallest addition: an organisation that already acts gets no second row; nothing is weakened.
Then what the rule and the levels name, and who decides a proposal. Levels accumulate, so recipients(n) is a subset of
recipients(n+1). The result is sorted and depends on nothing but its arguments.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime

from notifiers.notice import Row
from notifiers.profile import Profile
from notifiers.responsible import Responsible
from notifiers.rows import Rows
from rules.action import Action, Principle
from rules.explain import area_name, uncapitalised
from rules.ladder import Addressee, Entered
from rules.matter import Cause, Direction, Matter, Proposal, covered
from rules.registry import Organisation, Relation


def plan(profile: Profile, matter: Matter, now: datetime) -> tuple[Row, ...]:
    """The rows the matter asks for as it stands, strongest first within a wave. Same arguments, same tuple."""
    planning = _Planning(profile, matter, now)
    for cause in sorted(matter.open_causes, key=lambda c: (c.opened_at, c.id)):
        planning.cause(cause)
    planning.coordination()
    planning.levels()
    planning.decider()
    return tuple(sorted(planning.rows.found.values(), key=order))


def order(row: Row) -> tuple[int, int, str, str]:
    """Wave, then act < decide < coordinate < support < inform, then organisation, then role (domain C.2, 8)."""
    return (row.wave, row.action.rank, row.organisation, row.role)


class _Planning:
    """One plan being made."""

    def __init__(self, profile: Profile, matter: Matter, now: datetime) -> None:
        self.registry = profile.policy.registry
        self.ladder = profile.policy.ladder
        self.roster = profile.roster
        self.matter = matter
        self.rows = Rows(profile, now)

    def cause(self, cause: Cause) -> None:
        """Whoever must know of one cause. Somebody does, always: if it leads to nobody else, the duty officer. That is
        asked of each cause by itself, so that a higher level or another cause never takes anybody away."""
        before = len(self.rows.added)
        if cause.asked is Action.COORDINATE:
            self.together(cause)
        else:
            Responsible(self.rows, cause).gather()
        self.coordinators(cause)
        reached = {row.organisation for row in self.rows.added[before:] if row.action is not Action.INFORM}
        for addressee in cause.notify:
            self.named(addressee, f"regeln «{cause.name}»", self._where(addressee, reached))
        if len(self.rows.added) == before:
            why = f"ingen annan mottagare är känd: ansvarig för «{cause.name}» saknas i registret"
            self.rows.last_resort(Action.ACT, Principle.RESPONSIBILITY, why, unresolved=True)

    # --- area responsibility -----------------------------------------------------------------------------------------

    def coordinators(self, cause: Cause) -> None:
        """The district where somebody has reported an effect coordinates there; it never takes over (2006:544 2:7)."""
        if cause.reported and cause.asked is Action.ACT:
            for area in Responsible(self.rows, cause).areas():
                self.rows.coordinator(area, "samordnar i sitt område")

    def together(self, cause: Cause) -> None:
        """Matters in several areas that belong together: each keeps its own responsible, and above them the areas'
        coordinators and the duty officer see to it that they know of each other."""
        for area in Responsible(self.rows, cause).areas():
            self.rows.coordinator(area, "samordnar i sitt område")
        why = "ärenden i flera områden hör ihop och behöver samordnas"
        self.rows.last_resort(Action.COORDINATE, Principle.AREA_RESPONSIBILITY, why)

    def coordination(self) -> None:
        """Two who act, or two districts, need somebody above them: their coordinators and the duty officer."""
        responsible = [r for r in self.rows.found.values() if r.principle is Principle.RESPONSIBILITY]
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
                for area in Responsible(self.rows, cause).areas():
                    self.rows.coordinator(area, "samordnar i sitt område")
        why = f"{len(acting)} ansvariga organisationer" if len(acting) > 1 else f"{len(districts)} stadsdelsområden"
        self.rows.last_resort(Action.COORDINATE, Principle.AREA_RESPONSIBILITY, f"{why} behöver samordnas")

    # --- what rules and levels name ----------------------------------------------------------------------------------

    def named(self, addressee: Addressee, by: str, where: tuple[str, ...], *, provisional: bool = False) -> None:
        for organisation in where:
            known = self.rows.organisation(organisation) if organisation in self.registry.organisations else None
            if known is None or (addressee.role, known.id) not in self.roster.duties:
                continue
            why = f"{known.name}: {uncapitalised(self.roster.role_name(addressee.role))} ska veta enligt {by}"
            self.rows.add(addressee.role, known.id, addressee.action, addressee.principle, why, provisional=provisional)

    def _where(self, addressee: Addressee, reached: Set[str] = frozenset()) -> tuple[str, ...]:
        """Where a role that is named without its organisation is meant: the only one that has it; else those whose area
        the matter touches; for the city as a whole, those whom the cause has reached; else all."""
        if addressee.organisation is not None:
            return (addressee.organisation,)
        found = self.roster.organisations_with(addressee.role)
        if len(found) == 1:
            return found
        touched = {area for cause in self.matter.open_causes for area in Responsible(self.rows, cause).areas()}
        at_work = tuple(o for o in found if o in reached) or found
        city = self.registry.city
        near = {o for area in touched for o in (at_work if area == city else self._near(found, area))}
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
                where, by = self._where(addressee), f"nivån {uncapitalised(level.name)}"
                self.named(addressee, by, where, provisional=self._provisional(level.id))
        # What a decided level adds does not follow into a declared one: under höjd beredskap kommunstyrelsen leads, not
        # krisledningsnämnden (2006:544 3:2), and a decision within the city is another matter.
        decided = self.ladder[self.matter.declared_state].entered
        for level in self.ladder.up_to(self.matter.declared_state):
            for addressee in level.adds_when_decided if level.entered is decided else ():
                self.named(addressee, f"det beslutade läget {uncapitalised(level.name)}", self._where(addressee))

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
        known = self._post_that_decides(proposal)
        if proposal.role is None or known is None:
            why = f"ingen är utsedd att besluta om att {what} i {where}; hitta någon som får"
            self.rows.last_resort(Action.ACT, Principle.RESPONSIBILITY, why)
            return
        why = f"{known.name}: får enligt delegationen besluta om att {what} i {where}"
        self.rows.add(proposal.role, known.id, Action.DECIDE, Principle.RESPONSIBILITY, why, persons=proposal.persons)

    def _post_that_decides(self, proposal: Proposal) -> Organisation | None:
        """Where the proposal's role is today; None if no such post is left, and somebody who may must be found."""
        if proposal.role is None:
            return None
        posts = self._where(Addressee(role=proposal.role, organisation=proposal.organisation))
        found = (self.rows.organisation(o) for o in posts if o in self.registry.organisations)
        return next((o for o in found if o is not None and (proposal.role, o.id) in self.roster.duties), None)


def may_be_ordered(relation: Relation) -> bool:
    """Only the city's own offices are directed; a company is asked, somebody outside is told or asked."""
    return relation is Relation.DIRECT
