"""Rules that hold: from facts in a group to a cause in a matter, and back.

Theory. A fact belongs to a condition and a group; the group's owner is the key of its area, or the city's for a rule
without
`each`. Facts of another owner are forwarded there. When a group's facts make its rule hold, the rule gets an *instance*
and its cause enters a matter. The instance ends by the rule's own `until`, or when every fact it rests on has
positively been
over for the hold time; never by silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rules.arrival import Begun, Forward
from rules.calendar import next_change
from rules.causes import Causes
from rules.causes import shown as shown_facts
from rules.docket import Docket
from rules.entries import AssessDraft
from rules.explain import say
from rules.matter import Cause, Fact, Matter
from rules.policy import CompiledRule, LeafRef, Policy
from rules.rule import (
    AllCondition,
    AnyCondition_,
    CalendarCondition,
    IncidentsCondition,
    SensorCondition,
    SequenceCondition,
    WarningCondition,
)
from rules.screen import Screen
from rules.step import Stage
from rules.tally import Tally
from rules.trackers import (
    BUCKETS,
    Broken,
    Instance,
    KnownIncident,
    Unshown,
    follows,
    leaf_holds,
)


class Instances:
    """The rules' states under the key whose step is being written."""

    def __init__(self, policy: Policy, draft: AssessDraft, docket: Docket, screen: Screen) -> None:
        self.policy = policy
        self.registry = policy.registry
        self.draft = draft
        self.docket = docket
        self.screen = screen
        self.tally = Tally(policy, draft)
        self.causes = Causes(policy, draft.now)
        self.begun: list[tuple[CompiledRule, str]] = []
        self.unknown: list[tuple[LeafRef, str]] = []

    # --- facts, leaves, rules --------------------------------------------------------------------------------------

    def count(self, leaves: Iterable[LeafRef], fact: Fact, areas: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
        """Counts the fact in each condition and group it belongs to, now or once it has been open long enough. Returns
        where."""
        counted = []
        for leaf in leaves:
            for group in self.tally.group(leaf.rule, areas, fact.asset):
                if _breaks(leaf, fact):
                    self._break(leaf, group, fact)
                    continue
                counted.append((leaf.rule.identity, leaf.path, group))
                due = self._open_until(leaf, fact)
                if due is not None and due > self.draft.now:
                    self.draft.wake(f"open/{leaf.rule.identity}/{leaf.path}/{group}/{fact.key}", due)
                else:
                    self._count_now(leaf, group, fact)
        return tuple(counted)

    def _break(self, leaf: LeafRef, group: str, breaking: Fact) -> None:
        """A row is broken: what happened before no longer counts in it, whether we know of it yet or not."""
        owner = self.tally.owner(leaf.rule, group)
        if owner != self.draft.key:
            forward = Forward(rule=leaf.rule.identity, path=leaf.path, group=group, fact=breaking, present=True)
            self.draft.emit(Stage.ASSESS, owner, forward)
            return
        key = self.tally.broken_key(leaf, group)
        known = self.draft.find(Broken, key)
        if known is None or known.at < breaking.at:
            self.draft.put(key, Broken(at=breaking.at))
        for fact in self.tally.facts(leaf, group).values():
            if fact.at <= breaking.at:
                self.fact(leaf, group, fact, present=False)

    def _count_now(self, leaf: LeafRef, group: str, fact: Fact) -> None:
        self.fact(leaf, group, fact.model_copy(update={"different": self.tally.difference(leaf, fact)}), present=True)

    @staticmethod
    def _open_until(leaf: LeafRef, fact: Fact) -> datetime | None:
        """When the incident will have been open as long as the condition asks; None if it does not ask."""
        open_for = leaf.condition.open_for if isinstance(leaf.condition, IncidentsCondition) else None
        return fact.at + open_for if open_for is not None else None

    def open_long_enough(self, timer: str) -> None:
        """An incident may have been open for long enough: it counts if it still is."""
        _, identity, path, group, key = timer.split("/", 4)
        leaf = self.leaf(identity, path)
        known = self.draft.find(KnownIncident, f"incident/{key.removeprefix('incident:')}")
        if leaf is None or known is None or (identity, path, group) not in known.counted_in:
            return
        due = self._open_until(leaf, known.fact)
        if due is None or due <= self.draft.now:
            self._count_now(leaf, group, known.fact)

    def uncount(self, counted: tuple[tuple[str, str, str], ...], fact: Fact) -> None:
        """Takes the fact out of the conditions it counted in: it is positively over there."""
        for identity, path, group in counted:
            leaf = self.leaf(identity, path)
            if leaf is not None:
                if self._open_until(leaf, fact) is not None:
                    self.draft.wake(f"open/{identity}/{path}/{group}/{fact.key}", None)
                self.fact(leaf, group, fact, present=False)

    def forget(self, leaf: LeafRef, group: str) -> None:
        """Every fact of the condition is over."""
        for fact in self.tally.facts(leaf, group).values():
            self.fact(leaf, group, fact, present=False)

    def leaf(self, identity: str, path: str) -> LeafRef | None:
        rule = self.policy.by_identity.get(identity)
        return next((ref for ref in rule.when + rule.until if ref.path == path), None) if rule else None

    def fact(self, leaf: LeafRef, group: str, fact: Fact, *, present: bool) -> None:
        owner = self.tally.owner(leaf.rule, group)
        if owner != self.draft.key:
            forward = Forward(rule=leaf.rule.identity, path=leaf.path, group=group, fact=fact, present=present)
            self.draft.emit(Stage.ASSESS, owner, forward)
            return
        if present and self.tally.broken(leaf, group, fact):
            return
        self.tally.keep(leaf, group, fact, present=present)
        self._evaluate(leaf, group, fact, present=present)

    def forwarded(self, message: Forward) -> None:
        leaf = self.leaf(message.rule, message.path)
        if leaf is not None and _breaks(leaf, message.fact):
            self._break(leaf, message.group, message.fact)
        elif leaf is not None:
            self.fact(leaf, message.group, message.fact, present=message.present)

    def _instance_key(self, rule: CompiledRule, group: str) -> str:
        return f"instance/{rule.identity}/{group}"

    def instance_known(self, rule: CompiledRule, group: str) -> bool:
        """True if the rule holds in the group, or may for all this key knows (its instance lives elsewhere)."""
        if self.tally.owner(rule, group) != self.draft.key:
            return True
        return self.draft.get(self._instance_key(rule, group)) is not None

    def here(self, leaf: LeafRef, group: str) -> bool:
        """True if the rule holds in the group, and its instance is kept under this key."""
        return self.draft.get(self._instance_key(leaf.rule, group)) is not None

    def _wait_for_hours(self, rule: CompiledRule, group: str) -> None:
        """Only the hours are missing: looks again when they may have come."""
        hours = [leaf for leaf in rule.when if isinstance(leaf.condition, CalendarCondition)]
        others = [leaf for leaf in rule.when if leaf not in hours]
        if hours and all(self.tally.holds(leaf, group) for leaf in others):
            self.draft.wake(
                f"hours/{rule.identity}/{group}", next_change(self.draft.now, self.policy.settings.timezone)
            )

    def hours_changed(self, timer: str) -> None:
        """The hours that a rule waits for may have come."""
        _, identity, group = timer.split("/", 2)
        rule = self.policy.by_identity.get(identity)
        if rule is not None:
            self.look_again(rule, group)

    def look_again(self, rule: CompiledRule, group: str) -> None:
        """The rule has begun if it holds now, and had not."""
        if self.tally.owner(rule, group) == self.draft.key and not self.instance_known(rule, group):
            self._begin_if_holds(rule, group)

    def _begin_if_holds(self, rule: CompiledRule, group: str) -> None:
        if self._holds(rule.rule.when, rule.when, group):
            self._begin(rule, group)
        else:
            self._wait_for_hours(rule, group)

    def _holds(self, condition: AnyCondition_, leaves: tuple[LeafRef, ...], group: str) -> bool:
        truths = [self.tally.holds(leaf, group) for leaf in leaves]
        if isinstance(condition, AllCondition) and all(truths):
            return not self._unknown(leaves, group)
        if isinstance(condition, SequenceCondition):
            first, then = (self.tally.facts(leaf, group).values() for leaf in leaves)
            return all(truths) and follows(first, then, condition.within)
        return all(truths) if isinstance(condition, AllCondition) else any(truths)

    def _unknown(self, leaves: tuple[LeafRef, ...], group: str) -> bool:
        """True if something in an `all` that would hold is unknown: its sensors were beyond their limits, and their
        values are too old. It raises nothing, and is told (semantics 8)."""
        found = []
        for leaf in leaves:
            condition = leaf.condition
            facts = self.tally.facts(leaf, group) if isinstance(condition, SensorCondition) else {}
            if facts and not _listens(condition) and not any(map(self._known_now, facts)):
                found += [(leaf, key.removeprefix("sensor:")) for key in sorted(facts)]
        self.unknown += found
        return bool(found)

    def _evaluate(self, leaf: LeafRef, group: str, fact: Fact, *, present: bool) -> None:
        """The rule's state in the group after a fact came or went."""
        rule = leaf.rule
        key = self._instance_key(rule, group)
        instance = self.draft.find(Instance, key)
        if instance is None:
            if present:
                self._begin_if_holds(rule, group)
            return
        matter = self.docket.get(instance.matter)
        cause = matter.cause(instance.cause) if matter is not None else None
        if matter is None or cause is None:
            self._end(key)  # a person closed the matter: the rule starts anew with the next fact
            for unshown in list(self.draft.keys(f"unshown/{rule.identity}/{group}/")):
                self.draft.drop(unshown)
            if present:
                self._begin_if_holds(rule, group)
            return
        self._go_on(leaf, group, instance, matter, cause, fact, present=present)

    def _begin(self, rule: CompiledRule, group: str) -> None:
        facts = self._contributing(rule, group)
        shown = shown_facts((), facts)
        cause = self.causes.of(rule, f"{rule.identity}|{group}", shown, self.causes.because(rule, shown, len(facts)))
        cause = cause.model_copy(update={"count": len(facts)})
        matter = self._taken_over(rule, group, cause) or self.docket.enter(
            cause, self.causes.title(rule.rule.name, facts[0])
        )
        over = self.tally.over(rule, group)
        unshown = [f for f in facts if f not in shown and f.key not in over]
        for fact in unshown:
            self.draft.put(self._unshown_key(rule, group, fact), Unshown())
        self._start_over(rule, group)
        gone = over & {f.key for f in shown}
        instance = Instance(matter=matter.id, cause=cause.id, unshown=len(unshown), gone=gone)
        self.draft.put(self._instance_key(rule, group), instance)

    def _taken_over(self, rule: CompiledRule, group: str, cause: Cause) -> Matter | None:
        """The matter whose open cause this one takes the place of: the same rule in the same group, as it was before
        its condition was edited (docs/decisions/0009). No level is lowered by it."""
        for matter in self.docket.kept():
            for old in matter.open_causes:
                identity, _, where = old.id.partition("|")
                edited = identity not in self.policy.by_identity and identity.partition("#")[0] == rule.rule.id
                if edited and where == group and old.rule == rule.rule.id:
                    return self.docket.take_over(matter, old, cause)
        return None

    def _start_over(self, rule: CompiledRule, group: str) -> None:
        """What `until` counts, it counts from now."""
        for leaf in rule.until:
            for number in range(BUCKETS):
                self.draft.drop(f"leaf/{rule.identity}/{leaf.path}/{group}/{number}")
        self.begun.append((rule, group))
        if rule.wide and rule.until:
            for home in self.policy.homes:
                if home != self.draft.key:
                    self.draft.emit(Stage.ASSESS, home, Begun(rule=rule.identity))

    @staticmethod
    def _unshown_key(rule: CompiledRule, group: str, fact: Fact) -> str:
        return f"unshown/{rule.identity}/{group}/{fact.key}"

    def _go_on(
        self,
        leaf: LeafRef,
        group: str,
        instance: Instance,
        matter: Matter,
        cause: Cause,
        fact: Fact,
        *,
        present: bool,
    ) -> None:
        """A fact that came widens the cause; one that is positively over may end it, at once by the rule's own `until`
        or after the hold time."""
        if not leaf.lowers and present:
            instance, cause = self._came(leaf.rule, group, instance, matter, cause, fact)
        elif not leaf.lowers:
            instance = self._went(leaf.rule, group, instance, cause, fact)
        self._clear_if_over(leaf.rule, group, instance, cause)

    def _came(
        self, rule: CompiledRule, group: str, instance: Instance, matter: Matter, cause: Cause, fact: Fact
    ) -> tuple[Instance, Cause]:
        known = next((f for f in cause.facts if f.key == fact.key), None)
        unshown_key = self._unshown_key(rule, group, fact)
        counted = known is not None or self.draft.get(unshown_key) is not None
        kept = tuple(fact if f.key == fact.key else f for f in cause.facts)
        shown = kept if known is not None else shown_facts(kept, (fact,))
        if fact not in shown and not counted:
            self.draft.put(unshown_key, Unshown())
            instance = instance.model_copy(update={"unshown": instance.unshown + 1})
        instance = instance.model_copy(update={"gone": instance.gone - {fact.key}})
        if known == fact or (known is None and counted):
            return instance, cause
        wider = self._wider(rule, cause, shown, fact, cause.count + (not counted))
        self.docket.replace_cause(matter, wider, f"Ny uppgift: {fact.said}.")
        return instance, wider

    def _wider(self, rule: CompiledRule, cause: Cause, shown: tuple[Fact, ...], fact: Fact, count: int) -> Cause:
        """The cause with one more fact: its words follow the newest, and danger once told is not untold by a report
        that does not mention it."""
        because = self.causes.because(rule, shown, count)
        wider = self.causes.of(rule, cause.id, (*shown, fact) if fact not in shown else shown, because)
        danger = wider.danger_to_life or cause.danger_to_life
        # A level that an author has lowered meanwhile lowers nothing that is open (invariant 3).
        level = self.policy.ladder.highest_of((cause.level, wider.level))
        kept = {"opened_at": cause.opened_at, "facts": shown, "count": count, "danger_to_life": danger, "level": level}
        return wider.model_copy(update=kept)

    def _went(self, rule: CompiledRule, group: str, instance: Instance, cause: Cause, fact: Fact) -> Instance:
        unshown_key = self._unshown_key(rule, group, fact)
        if self.draft.get(unshown_key) is not None:
            self.draft.drop(unshown_key)
            return instance.model_copy(update={"unshown": instance.unshown - 1})
        if any(f.key == fact.key for f in cause.facts):
            return instance.model_copy(update={"gone": instance.gone | {fact.key}})
        return instance

    def _clear_if_over(self, rule: CompiledRule, group: str, instance: Instance, cause: Cause) -> None:
        key = self._instance_key(rule, group)
        timer = f"clear/{rule.identity}/{group}"
        if rule.rule.until is None:
            over = instance.unshown == 0 and all(f.key in instance.gone for f in cause.facts)
        else:
            over = instance.unshown == 0 and self._until_holds(rule, group, cause)
            if over and not _waits(rule):
                self._clear(rule, group, instance, f"Regeln «{rule.rule.name}»: {say(rule.rule.until, self.registry)}.")
                return
        if over and instance.clearing_since is None:
            self.draft.put(key, instance.model_copy(update={"clearing_since": self.draft.now}))
            self.draft.wake(timer, self.draft.now + self.policy.settings.hold)
        elif not over:
            self.draft.put(key, instance.model_copy(update={"clearing_since": None}))
            if instance.clearing_since is not None:
                self.draft.wake(timer, None)

    def _until_holds(self, rule: CompiledRule, group: str, cause: Cause) -> bool:
        """The rule's `until`. A limit on sensors must hold for every sensor the cause rests on, or for all of them in
        the group if it rests on none: a silent one keeps the cause open."""
        assert rule.rule.until is not None
        truths = []
        for leaf in rule.until:
            facts = self.tally.facts(leaf, group)
            if isinstance(leaf.condition, SensorCondition):
                needed = self._needed_sensors(leaf, group, cause)
                truths.append(bool(needed) and needed <= {k for k in facts if self._known_now(k)})
            elif isinstance(leaf.condition, WarningCondition):
                rests = {f.key for f in cause.facts if f.key.startswith("warning:")}
                truths.append(bool(facts) and (rests <= facts.keys() or not leaf.condition.ended))
            else:
                truths.append(leaf_holds(leaf, facts))
        return all(truths) if isinstance(rule.rule.until, AllCondition) else any(truths)

    def _known_now(self, key: str) -> bool:
        """False if the sensor's last value is too old: it was well, and nothing is known of it since (semantics 8).
        Of a
        sensor under another key only its own key can tell; there its silence is seen when it is next heard."""
        sensor = self.registry.sensors.get(key.removeprefix("sensor:"))
        last = self.screen.last(sensor.id) if sensor is not None else None
        if sensor is None or last is None:
            return True
        return self.draft.now - last.at <= self.registry.sensor_kinds[sensor.kind].valid_for

    def recheck(self, leaf: LeafRef, group: str) -> None:
        """Looks anew whether `until` holds: a sensor that was silent has been heard again."""
        instance = self.draft.find(Instance, self._instance_key(leaf.rule, group))
        matter = self.docket.get(instance.matter) if instance is not None else None
        cause = matter.cause(instance.cause) if matter is not None and instance is not None else None
        if instance is not None and cause is not None:
            self._clear_if_over(leaf.rule, group, instance, cause)

    def _needed_sensors(self, leaf: LeafRef, group: str, cause: Cause) -> set[str]:
        assert isinstance(leaf.condition, SensorCondition)
        sensors = self.registry.sensors_of(leaf.condition.sensor)
        ours = {f"sensor:{s.id}" for s in sensors if self.tally.sensor_group(leaf, s.id) == group}
        return ours & {f.key for f in cause.facts} or ours

    def clear_due(self, key: str) -> None:
        _, identity, group = key.split("/", 2)
        rule = self.policy.by_identity.get(identity)
        instance = self.draft.find(Instance, f"instance/{identity}/{group}")
        if rule is None or instance is None or instance.clearing_since is None:
            return
        if self.draft.now - instance.clearing_since >= self.policy.settings.hold:
            over = say(rule.rule.until, self.registry) if rule.rule.until is not None else "orsakerna är borta"
            self._clear(rule, group, instance, f"Regeln «{rule.rule.name}»: {over}.")

    def _clear(self, rule: CompiledRule, group: str, instance: Instance, why: str) -> None:
        self._end(self._instance_key(rule, group))
        matter = self.docket.get(instance.matter)
        if matter is not None:
            self.docket.clear_cause(matter, instance.cause, why)

    def _end(self, key: str) -> None:
        self.draft.drop(key)
        self.draft.wake(key.replace("instance/", "clear/", 1), None)

    def _contributing(self, rule: CompiledRule, group: str) -> tuple[Fact, ...]:
        found = {f.key: f for leaf in rule.when for f in self.tally.facts(leaf, group).values()}
        return tuple(sorted(found.values(), key=lambda f: (f.at, f.key)))


def _waits(rule: CompiledRule) -> bool:
    """True if the rule's `until` is about a warning having ended: that lowers only after the hold time, since it may be
    told anew (invariant 3)."""
    return any(isinstance(leaf.condition, WarningCondition) and leaf.condition.ended for leaf in rule.until)


def _breaks(leaf: LeafRef, fact: Fact) -> bool:
    """True if the fact breaks the row that the condition counts."""
    return isinstance(leaf.condition, IncidentsCondition) and fact.kind in leaf.condition.broken_by


def _listens(condition: AnyCondition_) -> bool:
    """True if the condition is about silence: then that nothing is heard is what is known."""
    return isinstance(condition, SensorCondition) and condition.silent_for is not None
