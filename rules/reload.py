"""What a swap of the profile means under one key of assess.

Theory. A tracker is its rule's id and the hash of its condition (semantics 16). So an edited text finds its trackers
where they were; an edited limit is another rule, which begins from what is known now (semantics 9); and a rule that is
gone leaves its cause open until a person closes the matter.

    entry of a rule that is gone            -> dropped, with its timers; its cause stays open, and the log says so
    last value, incident, warning, decision -> every `when` that does not track it yet takes it in
    a rule whose level was edited upward    -> its open causes rise at once; downward is no evidence, so nothing falls

What ends a rule (`until`) counts from now on: nothing known before the swap lowers anything. A last value older than
its validity is unknown, and raises nothing (semantics 8). Under the same profile all of this changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from rules.arrival import Reloaded
from rules.docket import Docket
from rules.entries import AssessDraft
from rules.events import EventKind, Reading
from rules.facts import severity_of, wanted
from rules.instances import Instances
from rules.matter import Fact, Matter
from rules.policy import LeafRef, Policy
from rules.record import Happening
from rules.rule import DecisionCondition, DistrictsCondition, IncidentsCondition, SensorCondition, WarningCondition
from rules.sensing import Sensing
from rules.trackers import (
    Broken,
    Held,
    History,
    Instance,
    KnownIncident,
    KnownWarning,
    LastValue,
    LeafFacts,
    Registered,
    Unshown,
    bucket,
)

TRACKED = (Held, History, LeafFacts, Broken, Instance, Unshown)
"""Entries whose key's second part is the identity of the rule they belong to."""


def stranded(policy: Policy, matters: Iterable[Matter]) -> tuple[str, ...]:
    """Why this policy cannot take these matters over, in Swedish: an open one stands on a level or lies in an area that
    the policy does not have. Empty if it can."""
    reasons = {}
    for matter in matters:
        levels = [matter.alert_level, matter.declared_state, *(c.level for c in matter.causes)]
        levels += [p.level for p in matter.proposals if p.pending]
        for level in (x for x in levels if x not in policy.ladder):
            reasons[f"nivån {level!r} saknas, men ärendet {matter.id} står på den"] = True
        if matter.open and matter.area not in policy.registry.areas:
            reasons[f"området {matter.area!r} saknas, men ärendet {matter.id} är öppet där"] = True
    return tuple(reasons)


class Reload:
    """The swap, in the step of one key that is being written."""

    def __init__(self, policy: Policy, draft: AssessDraft, docket: Docket, instances: Instances, sensing: Sensing):
        self.policy = policy
        self.registry = policy.registry
        self.draft = draft
        self.docket = docket
        self.instances = instances
        self.sensing = sensing

    def reloaded(self, message: Reloaded) -> None:
        """The key's trackers are those of the policy, and every condition has seen what is known."""
        self._let_go()
        if self.draft.key not in self.registry.areas:
            return  # the area is gone and nothing is open here (see `stranded`)
        self._raise()
        for sensor in self.sensing.screen.rearrange():
            self._sensor(sensor)
        for key in self.draft.keys("incident/"):
            self._incident(key)
        for key in self.draft.keys("warning/"):
            self._warning(key)
        for key in self.draft.keys("registered/declare/"):
            self._declared(key)
        self._districts(frozenset(message.new))

    # --- what is gone ------------------------------------------------------------------------------------------------

    def _let_go(self) -> None:
        for key in self.draft.keys(""):
            entry = self.draft.get(key)
            if isinstance(entry, TRACKED) and not self._in_force(key.split("/")[1]):
                self.draft.drop(key)
                self.draft.wake(key.replace("instance/", "clear/", 1), None)
                if isinstance(entry, Instance):
                    self._say_gone(entry)

    def _in_force(self, identity: str) -> bool:
        return identity in self.policy.by_identity

    def _say_gone(self, instance: Instance) -> None:
        matter = self.docket.get(instance.matter)
        cause = matter.cause(instance.cause) if matter is not None else None
        if matter is not None and cause is not None:
            said = f"Regeln «{cause.name}» är ändrad eller borttagen. Orsaken står kvar tills någon avslutar ärendet."
            self.docket.log(Happening.NOTICED, matter, said)

    # --- what has a higher level -------------------------------------------------------------------------------------

    def _raise(self) -> None:
        rank = self.policy.ladder.rank
        for key in self.draft.keys("instance/"):
            rule, instance = self.policy.by_identity[key.split("/")[1]], self.draft.find(Instance, key)
            matter = self.docket.get(instance.matter) if instance is not None else None
            cause = matter.cause(instance.cause) if matter is not None and instance is not None else None
            if matter is not None and cause is not None and rank(rule.level) > rank(cause.level):
                higher = cause.model_copy(update={"level": rule.level, "policy": self.policy.hash})
                self.docket.replace_cause(matter, higher, f"Regeln «{cause.name}» har fått en högre nivå.")

    # --- what is known -----------------------------------------------------------------------------------------------

    def _sensor(self, sensor: str) -> None:
        had_band = self.sensing.screen.unsettle(sensor)
        last = self.sensing.screen.last(sensor)
        if last is None or sensor not in self.registry.sensors:
            return
        fresh = self.draft.now - last.at <= self._validity(sensor)
        for leaf in self.policy.matching(EventKind.READINGS, sensor, self.draft.key):
            if not leaf.lowers and not self._tracks(leaf, sensor) and (fresh or not _is_limit(leaf)):
                self._judge(leaf, sensor, last)
        if had_band:
            self.sensing.settle(Reading(sensor=sensor, value=last.value, time=last.at))

    def _validity(self, sensor: str) -> timedelta:
        return self.registry.sensor_kinds[self.registry.sensors[sensor].kind].valid_for

    def _tracks(self, leaf: LeafRef, sensor: str) -> bool:
        at = f"{leaf.rule.identity}/{leaf.path}/{sensor}"
        return any(self.draft.get(f"{kind}/{at}") is not None for kind in ("held", "history"))

    def _judge(self, leaf: LeafRef, sensor: str, last: LastValue) -> None:
        """Of two values for one moment, the one that makes the condition true counts (semantics 7)."""
        assert isinstance(leaf.condition, SensorCondition)
        value = next((v for v in (last.value, *last.others) if leaf.condition.holds(v)), last.value)
        reading = Reading(sensor=sensor, value=value, time=last.at)
        self.sensing.judge(leaf, reading, "", unbroken=False)

    def _incident(self, key: str) -> None:
        known = self.draft.find(KnownIncident, key)
        if known is not None:
            counted = self._taken_in(known.fact, known.counted_in, self._incident_leaves(known.fact))
            self.draft.put(key, known.model_copy(update={"counted_in": counted}))

    def _incident_leaves(self, fact: Fact) -> Iterator[LeafRef]:
        for leaf in self.policy.matching(EventKind.INCIDENT, fact.kind, self.draft.key):
            if isinstance(leaf.condition, IncidentsCondition) and wanted(leaf.condition, fact, self.registry):
                yield leaf

    def _warning(self, key: str) -> None:
        known = self.draft.find(KnownWarning, key)
        if known is not None and known.fact.areas:
            counted = self._taken_in(known.fact, known.counted_in, self._warning_leaves(known.fact))
            self.draft.put(key, known.model_copy(update={"counted_in": counted}))

    def _warning_leaves(self, fact: Fact) -> Iterator[LeafRef]:
        severity = severity_of(fact)
        for leaf in self.policy.warning_leaves(fact.kind, self.draft.key):
            condition = leaf.condition
            if isinstance(condition, WarningCondition) and condition.covers(severity) and not condition.ended:
                yield leaf

    def _taken_in(
        self, fact: Fact, counted: tuple[tuple[str, str, str], ...], leaves: Iterable[LeafRef]
    ) -> tuple[tuple[str, str, str], ...]:
        """Where the fact counts once the conditions that did not have it yet have taken it in."""
        areas = tuple(a for a in fact.areas if a in self.registry.areas)
        for identity, path, group in counted:
            if not self._in_force(identity):
                self.draft.wake(f"open/{identity}/{path}/{group}/{fact.key}", None)
        kept = tuple(c for c in counted if self._in_force(c[0]))
        known = {(identity, path) for identity, path, _ in kept}
        fresh = [
            leaf
            for leaf in leaves
            if not leaf.lowers and (leaf.rule.identity, leaf.path) not in known and self.policy.applies(leaf, areas)
        ]
        return kept + self.instances.count(fresh, fact.model_copy(update={"areas": areas}), areas)

    def _declared(self, key: str) -> None:
        """An authority's decision that stands is seen by rules that wait for it."""
        level = key.split("/", 3)[2]
        known = self.draft.find(Registered, key)
        matter = self.docket.get(known.matter) if known is not None and known.matter else None
        if known is None or not known.done or matter is None or not matter.open or matter.declared_state != level:
            return
        name = f"declared|{level}|{known.reference}"
        cause = matter.cause(name)
        said = cause.because if cause is not None else name
        fact = Fact(key=name, said=said, at=self.draft.now, kind=level, refs=(matter.id,))
        for leaf in self.policy.matching(EventKind.DECISION, level, self.draft.key):
            condition = leaf.condition
            enough = isinstance(condition, DecisionCondition) and len(known.persons) >= condition.confirmed_by
            if enough and not leaf.lowers and not self._counts(leaf, name):
                self.instances.fact(leaf, "", fact, present=True)

    def _counts(self, leaf: LeafRef, fact: str) -> bool:
        share = self.draft.find(LeafFacts, f"leaf/{leaf.rule.identity}/{leaf.path}//{bucket(fact)}")
        return share is not None and fact in share.facts

    def _districts(self, new: frozenset[str]) -> None:
        """Matters that stand at a level here are told to new rules that count districts: what the city's key has
        counted cannot be seen from here, so those that were in force before are left alone."""
        for leaf in self.policy.district_leaves:
            condition = leaf.condition
            if leaf.rule.identity in new and not leaf.lowers and isinstance(condition, DistrictsCondition):
                for matter in [m for m in self.docket.kept() if self._at_district(m, condition)]:
                    fact = self.docket.level_fact(matter, condition.districts)
                    self.instances.fact(leaf, "", fact, present=True)

    def _at_district(self, matter: Matter, condition: DistrictsCondition) -> bool:
        district = self.registry.district(self.draft.key) is not None
        return district and self.docket.at_level(matter, condition)


def _is_limit(leaf: LeafRef) -> bool:
    """True if one value alone makes the condition true."""
    condition = leaf.condition
    return isinstance(condition, SensorCondition) and not condition.changes and condition.silent_for is None
