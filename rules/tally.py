"""The facts that satisfy each condition, by group: where one belongs, and whether enough are there.

A group is what a rule's `each` keeps apart: a district, a neighbourhood, an asset, a sensor, or nothing. Its owner is
the key of assess whose state holds it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.calendar import within
from rules.entries import AssessDraft
from rules.matter import Fact
from rules.policy import CompiledRule, LeafRef, Policy
from rules.registry import UNKNOWN_OPERATOR, AreaKind
from rules.rule import CalendarCondition, IncidentsCondition
from rules.trackers import BUCKETS, Broken, LeafFacts, bucket, kept, leaf_holds


class Tally:
    """The facts under the key whose step is being written."""

    def __init__(self, policy: Policy, draft: AssessDraft) -> None:
        self.policy = policy
        self.registry = policy.registry
        self.draft = draft

    def group(self, rule: CompiledRule, areas: tuple[str, ...], asset: str | None, sensor: str = "") -> tuple[str, ...]:
        """The groups of a rule that a fact belongs to: one per district it touches, or the sensor, or the asset. What
        has no such place belongs to the widest group there is, so that it is never lost."""
        match rule.rule.each:
            case None:
                return ("",)
            case "sensor":
                return (f"sensor:{sensor}" if sensor else self.draft.key,)
            case "asset":
                return (f"asset:{asset}" if asset else self.draft.key,)
            case "district":
                districts = dict.fromkeys(self.registry.district(a) or self.registry.city for a in areas)
                return tuple(districts) or (self.registry.city,)
            case "neighbourhood":
                return tuple(dict.fromkeys(areas)) or (self.registry.city,)

    def sensor_group(self, leaf: LeafRef, sensor: str) -> str:
        known = self.registry.sensors[sensor]
        return self.group(leaf.rule, (known.area,), known.asset, sensor)[0]

    def owner(self, rule: CompiledRule, group: str) -> str:
        """The key whose state holds this group."""
        if rule.wide:
            return self.registry.city
        return self.registry.home((group,)) if group in self.registry.areas else self.draft.key

    def broken_key(self, leaf: LeafRef, group: str) -> str:
        return f"broken/{leaf.rule.identity}/{leaf.path}/{group}"

    def broken(self, leaf: LeafRef, group: str, fact: Fact) -> bool:
        """True if the row that the fact would count in was broken after it."""
        if not isinstance(leaf.condition, IncidentsCondition) or not leaf.condition.broken_by:
            return False
        broken = self.draft.find(Broken, self.broken_key(leaf, group))
        return broken is not None and fact.at <= broken.at

    def difference(self, leaf: LeafRef, fact: Fact) -> str:
        condition = leaf.condition
        if not isinstance(condition, IncidentsCondition) or condition.different is None or not fact.areas:
            return ""
        match condition.different:
            case "district":
                return self.registry.district(fact.areas[0]) or ""
            case "neighbourhood":
                smallest = self.registry.areas[fact.areas[0]]
                return smallest.id if smallest.kind is AreaKind.NEIGHBOURHOOD else ""
            case "asset":
                return fact.asset or ""
            case "organisation":
                asset = self.registry.assets.get(fact.asset or "")
                return asset.operator if asset is not None and asset.operator != UNKNOWN_OPERATOR else ""
            case _:
                return fact.key.removeprefix("incident:").split("|")[0]

    def keep(self, leaf: LeafRef, group: str, fact: Fact, *, present: bool) -> None:
        """Notes the fact among those that satisfy the condition. What happened within a window stays there when it is
        over, until the window has passed."""
        key = f"leaf/{leaf.rule.identity}/{leaf.path}/{group}/{bucket(fact.key)}"
        known = self.draft.find(LeafFacts, key)
        window = None if self.broken(leaf, group, fact) else leaf.window
        entry = kept(known, fact, present=present, within=window, now=self.draft.now)
        if entry.facts:
            self.draft.put(key, entry)
        else:
            self.draft.drop(key)

    def shares(self, leaf: LeafRef, group: str) -> Iterator[LeafFacts]:
        at = f"leaf/{leaf.rule.identity}/{leaf.path}/{group}/"
        shares = (self.draft.find(LeafFacts, f"{at}{number}") for number in range(BUCKETS))
        return (share for share in shares if share is not None)

    def facts(self, leaf: LeafRef, group: str) -> dict[str, Fact]:
        return {k: f for share in self.shares(leaf, group) for k, f in share.facts.items()}

    def over(self, rule: CompiledRule, group: str) -> frozenset[str]:
        """The keys of facts that count in a window although they are over."""
        return frozenset(k for leaf in rule.when for share in self.shares(leaf, group) for k in share.over)

    def holds(self, leaf: LeafRef, group: str) -> bool:
        if isinstance(leaf.condition, CalendarCondition):
            return within(leaf.condition.calendar, self.draft.now, self.policy.settings.timezone)
        return leaf_holds(leaf, self.facts(leaf, group))
