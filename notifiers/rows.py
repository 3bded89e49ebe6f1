"""The recipients of a matter while they are being gathered: one row per role at an organisation, the strongest kept.

To decide is a row of its own (decision 0008). An organisation that is no more is answered for by whoever took over.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from notifiers.notice import Row
from notifiers.profile import Profile
from rules.action import Action, Principle
from rules.explain import area_name
from rules.registry import Organisation

SWEDISH = {
    Principle.RESPONSIBILITY: "ansvarsprincipen",
    Principle.PROXIMITY: "närhetsprincipen",
    Principle.SIMILARITY: "likhetsprincipen",
    Principle.AREA_RESPONSIBILITY: "geografiskt områdesansvar",
    Principle.STATUTORY_DUTY: "lagstadgad uppgift",
    Principle.COOPERATION: "samverkan",
}


class Rows:
    """The rows so far."""

    def __init__(self, profile: Profile, now: datetime) -> None:
        self.registry = profile.policy.registry
        self.roster = profile.roster
        self.today: date = now.astimezone(ZoneInfo(profile.policy.settings.timezone)).date()
        self.found: dict[str, Row] = {}
        self.added: list[Row] = []

    def engaged(self) -> set[str]:
        """The organisations at work: those that act, and those that coordinate their own area. Whoever only keeps in
        touch with somebody outside, supports or knows is still asked to act for its own."""
        rows = self.found.values()
        area = Principle.AREA_RESPONSIBILITY
        leads = {r.organisation for r in rows if r.action is Action.COORDINATE and r.principle is area}
        return leads | {r.organisation for r in rows if r.action is Action.ACT}

    def organisation(self, name: str) -> Organisation | None:
        """The organisation as it is today: itself, or whoever took over; None if nobody did."""
        current = self.registry.current(name, self.today)
        return self.registry.organisations[current] if current is not None else None

    def duty(
        self,
        organisation: str,
        action: Action,
        principle: Principle,
        why: str,
        role: str | None = None,
        *,
        unresolved: bool = False,
    ) -> str | None:
        """A row for the organisation's nearest role: the one it names for the thing, its duty, its head. Returns the
        organisation that got it, or None if nobody there can be told."""
        known = self.organisation(organisation)
        if known is None:
            return None
        nearest = next((r for r in (role, known.duty, known.head) if r and (r, known.id) in self.roster.duties), None)
        if nearest is None:
            return None
        took_over = (
            "" if known.id == organisation else f" (tog över efter {self.registry.organisations[organisation].name})"
        )
        self.add(nearest, known.id, action, principle, f"{known.name}{took_over} {why}", unresolved=unresolved)
        return known.id

    def coordinator(self, area: str, why: str, *, unresolved: bool = False) -> bool:
        """A row for whoever coordinates the smallest area around this one that anybody does."""
        for place in self.registry.ancestors(area):
            organisation = self.registry.coordinator(place, self.today)
            if organisation is not None:
                where = f"{why} ({area_name(place, self.registry)})"
                principle = Principle.AREA_RESPONSIBILITY
                return self.duty(organisation, Action.COORDINATE, principle, where, unresolved=unresolved) is not None
        return False

    def last_resort(self, action: Action, principle: Principle, why: str, *, unresolved: bool = False) -> None:
        """A row for the duty officer, who hears when nobody else can."""
        role, organisation = self.roster.last_resort
        self.add(role, organisation, action, principle, why, unresolved=unresolved)

    def add(
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
        """The row, unless a stronger one for the same role stands."""
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
        self.added.append(row)
        known = self.found.get(row.key)
        settled = known is not None and known.provisional and not row.provisional and known.action is action
        if known is None or known.action.rank > action.rank or settled:
            self.found[row.key] = row
