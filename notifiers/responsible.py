"""Who answers for what is wrong, every day and now (ansvarsprincipen), and whom it takes something from.

Theory (domain C.2). For every fact of a cause:

    an asset          its operator acts; its manager and owner are told
                      its users, who depend on what somebody else runs, act for their own activity
                      what depends on it: its operator acts if the incident cuts something, else is told
    something lacks   whoever is responsible for the function acts, and whoever is without it acts for its own activity
    a function is cut every asset there that needs it: its operator acts for its own activity
    a law             whoever must be told of such things by law
Then, for the cause's functions, whoever has them in the smallest area around; nobody: the area's coordinator or `tib`.
Somebody outside the city is never directed: its counterpart in the city coordinates with it and decides nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from notifiers.rows import Rows
from rules.action import Action, Principle
from rules.explain import area_name, uncapitalised
from rules.matter import Cause, Fact
from rules.registry import UNKNOWN_OPERATOR, Asset, IncidentKind, Organisation, Relation

OWN = "och ansvarar för sin egen verksamhet"


class Responsible:
    """Finds whoever is responsible for one cause, and adds their rows."""

    def __init__(self, rows: Rows, cause: Cause) -> None:
        self.rows = rows
        self.registry = rows.registry
        self.cause = cause
        self.facts = sorted(cause.facts, key=lambda fact: (fact.at, fact.key))

    def gather(self) -> None:
        """Those who lack something or depend on something come last, so that who is engaged already does not depend on
        the order of the facts."""
        found = any([self._asset(fact) for fact in self.facts])  # noqa: C419 - every fact, not the first
        for function in self.cause.functions:
            for area in self.areas():
                found |= self._function(function, area)
        engaged = self.rows.engaged()
        for fact in self.facts:
            found |= self._without(fact, engaged)
            self._touched(fact, engaged)
            self._by_law(fact)
        if not found and not self.cause.notify and self.cause.asked is Action.ACT:
            self._unresolved()

    def areas(self) -> tuple[str, ...]:
        """The areas that the cause's facts name; none: the city."""
        known = {a for f in self.cause.facts for a in f.areas if a in self.registry.areas}
        return tuple(sorted(known)) or (self.registry.city,)

    def _kind(self, fact: Fact) -> IncidentKind | None:
        return self.registry.incident_kinds.get(fact.kind)

    def _known_areas(self, fact: Fact) -> list[str]:
        return [a for a in fact.areas if a in self.registry.areas]

    # --- the thing itself --------------------------------------------------------------------------------------------

    def _asset(self, fact: Fact) -> bool:
        """The asset's operator acts; its manager and owner are told. Where something is lacking, whoever is responsible
        for that acts, and the operator is `_without`."""
        asset = self.registry.assets.get(fact.asset or "")
        if asset is None:
            return False
        for organisation in dict.fromkeys((asset.manager, asset.owner)):
            if organisation and organisation != asset.operator:
                self._duty(organisation, Action.INFORM, f"äger eller förvaltar {asset.name}")
        kind = self._kind(fact)
        if kind is not None and kind.lacks is not None:
            places = self._known_areas(fact) or [asset.area]
            return any([self._function(kind.lacks, place) for place in places])  # noqa: C419 - every area
        return self._operator(asset, self.cause.asked, f"driver {asset.name}")

    def _operator(self, asset: Asset, action: Action, why: str) -> bool:
        if asset.operator == UNKNOWN_OPERATOR:
            return False
        return self._duty(asset.operator, action, why)

    def _duty(self, organisation: str, action: Action, why: str, role: str | None = None) -> bool:
        """A row for whoever is responsible; and where that is somebody outside, for its counterpart in the city."""
        told = self.rows.duty(organisation, action, Principle.RESPONSIBILITY, why, role)
        if told is not None and action is not Action.INFORM:
            self._keep_in_touch(self.registry.organisations[told])
        return told is not None

    def _keep_in_touch(self, known: Organisation) -> None:
        if known.counterpart is not None:
            theirs = f"håller stadens kontakt med {known.name}, som själv ansvarar; samordnar utan rätt att bestämma"
            self.rows.duty(known.counterpart, Action.COORDINATE, Principle.COOPERATION, theirs)

    def _function(self, function: str, area: str) -> bool:
        """The organisations with the function in the smallest area around this one where any of them can be told."""
        if function not in self.registry.functions:
            return False  # an open matter may outlive a function that a new profile no longer has
        name = uncapitalised(self.registry.functions[function].name)
        for place in self.registry.ancestors(area):
            where = "i hela staden" if place == self.registry.city else f"i {area_name(place, self.registry)}"
            holders = self.registry.responsible_for(function, place, self.rows.today)
            why = f"ansvarar för {name} {where}"
            if any([self._duty(o, self.cause.asked, why, role) for o, role in holders]):  # noqa: C419 - each of them
                return True
        return False

    # --- whom it takes something from --------------------------------------------------------------------------------

    def _without(self, fact: Fact, engaged: set[str]) -> bool:
        """Somebody who lacks water is not the one who mends it: the operator acts for its own activity, and is not
        asked again if it is already engaged (likhetsprincipen)."""
        asset, kind = self.registry.assets.get(fact.asset or ""), self._kind(fact)
        if asset is None or kind is None or kind.lacks is None or asset.operator == UNKNOWN_OPERATOR:
            return False
        operator = self.rows.organisation(asset.operator)
        if operator is not None and operator.id in engaged:
            if self.cause.asked is not Action.INFORM:
                self._keep_in_touch(operator)  # whoever asked it first may have had no reason to
            return True
        return self._operator(asset, self.cause.asked, f"driver {asset.name}")

    def _touched(self, fact: Fact, engaged: set[str]) -> None:
        """Users of the asset, what depends on it, and what needs the function that is cut."""
        if not self.cause.reported or self.cause.asked is not Action.ACT:
            return  # one gauge alone is not yet known to take anything from anybody
        kind, asset = self._kind(fact), self.registry.assets.get(fact.asset or "")
        cut = kind.cuts if kind is not None else None
        if asset is not None:
            for user in asset.users:
                self._own_activity(user.organisation, Action.ACT, f"använder {asset.name} {OWN}", user.role)
            reason = f"som är beroende av {asset.name}"
            self._own(self.registry.dependents(asset.id), reason, Action.ACT if cut else Action.INFORM, engaged)
        if cut is not None and cut in self.registry.functions:
            name = uncapitalised(self.registry.functions[cut].name)
            for place in self._known_areas(fact):
                self._own(self.registry.in_need(cut, place), f"som behöver {name}", Action.ACT, engaged)

    def _own(self, assets: Iterable[Asset], reason: str, action: Action, engaged: set[str]) -> None:
        """Whoever drives these acts for its own activity; an organisation at work already is not asked again."""
        for asset in assets:
            operator = self.rows.organisation(asset.operator)
            if operator is not None and operator.id not in engaged:
                self._own_activity(asset.operator, action, f"driver {asset.name}, {reason}, {OWN}")

    def _own_activity(self, organisation: str, action: Action, why: str, role: str | None = None) -> None:
        """A row for somebody whose own activity it touches; somebody outside the city is told, not asked."""
        known = self.rows.organisation(organisation)
        outside = known is not None and known.relation is Relation.INFORM
        self._duty(organisation, Action.INFORM if outside else action, why, role)

    def _by_law(self, fact: Fact) -> None:
        for organisation, duty in self.registry.told_by_law(fact.kind):
            known = self.registry.organisations[organisation]
            if known.areas and not self._in_area(fact, known.areas):
                continue
            name = self.registry.incident_kinds[fact.kind].name if fact.kind in self.registry.incident_kinds else ""
            why = f"ska få veta om {uncapitalised(name)} enligt {duty.law}"
            self.rows.duty(organisation, duty.action, Principle.STATUTORY_DUTY, why, duty.role)

    def _in_area(self, fact: Fact, wanted: tuple[str, ...]) -> bool:
        """True if this fact, not another of the cause, lies in one of the areas."""
        where = self._known_areas(fact) or self.areas()
        return any(self.registry.within(area, place) for area in where for place in wanted)

    def _unresolved(self) -> None:
        """Nobody is known to be responsible: the area's coordinator, and failing that the duty officer, must find
        out."""
        why = f"tar emot: ansvarig för «{self.cause.name}» saknas i registret"
        if not any([self.rows.coordinator(area, why, unresolved=True) for area in self.areas()]):  # noqa: C419 - every area
            self.rows.last_resort(Action.ACT, Principle.RESPONSIBILITY, why, unresolved=True)
