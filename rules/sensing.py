"""Readings and limits: last values, how long a limit has been held, and what is told when a sensor falls silent.

Theory, per sensor and limit:

    within --value beyond--> held since t --held for its time, by event time--> complete: a fact
    held or complete --value within--> within: the fact is over
    held, and the time is up, but the last value is older than its validity: no level is raised, whoever is
    responsible is
    told at once that the sensor fell silent beyond its limit (semantics 8)
"""

from __future__ import annotations

from datetime import datetime, timedelta

from rules.entries import AssessDraft
from rules.events import Event, EventKind, Reading
from rules.explain import number
from rules.facts import reading_fact, silence_fact
from rules.frozen import cut
from rules.instances import Instances
from rules.matter import Fact
from rules.policy import CompiledRule, LeafRef
from rules.record import Happening, LogLine
from rules.rule import SensorCondition
from rules.step import Stage
from rules.trackers import RESUMED, Held, History, LastValue, Resumed, held_long_enough, remembered


class Sensing:
    """The sensors of the key whose step is being written."""

    def __init__(self, instances: Instances, draft: AssessDraft) -> None:
        self.instances = instances
        self.policy = instances.policy
        self.registry = instances.registry
        self.docket = instances.docket
        self.draft = draft

    def take(self, reading: Reading, event: Event) -> None:
        key = f"last/{reading.sensor}"
        last = self.draft.find(LastValue, key)
        if last is not None and reading.time <= last.at:
            self._old_reading(reading, last, event)
            return
        self.draft.put(key, LastValue(value=reading.value, at=reading.time))
        unbroken = last is not None and reading.time - last.at <= self._validity(reading.sensor)
        for leaf in self._sensor_leaves(reading.sensor):
            self.judge(leaf, reading, event.id, unbroken=unbroken)

    def _sensor_leaves(self, sensor: str) -> tuple[LeafRef, ...]:
        return self.policy.matching(EventKind.READINGS, sensor, self.draft.key)

    def _old_reading(self, reading: Reading, last: LastValue, event: Event) -> None:
        """A late reading lowers nothing and raises nothing; the same again is a duplicate; two values for one moment
        are a conflict, in which the value that makes a condition true counts (semantics 6, 7)."""
        if reading.time < last.at or reading.value in (last.value, *last.others):
            return
        self.draft.put(
            f"last/{reading.sensor}", last.model_copy(update={"others": (*last.others, reading.value)[-20:]})
        )
        self._note(
            f"Givaren {reading.sensor} har två värden för samma tid: {number(last.value)} och {number(reading.value)}",
            event.id,
        )
        for leaf in self._sensor_leaves(reading.sensor):
            if not leaf.lowers and _is_limit(leaf) and self._beyond(leaf, reading):
                self.judge(leaf, reading, event.id, unbroken=True)

    def judge(self, leaf: LeafRef, reading: Reading, event: str, *, unbroken: bool) -> None:
        condition = leaf.condition
        assert isinstance(condition, SensorCondition)
        group = self.instances.sensor_group(leaf, reading.sensor)
        if leaf.lowers and not self.instances.instance_known(leaf.rule, group):
            return
        key = f"held/{leaf.rule.identity}/{leaf.path}/{reading.sensor}"
        held = self.draft.find(Held, key)
        if condition.silent_for is not None:
            self._heard(leaf, key, held, reading, event)
            return
        if leaf.lowers and not unbroken:
            held = None  # what was not known in between does not count towards lowering (invariant 3)
        if self._beyond(leaf, reading):
            self._hold(leaf, key, held or Held(since=reading.time), reading, event)
        elif held is not None:
            self.draft.drop(key)
            self.draft.wake(key, None)
            self.instances.fact(leaf, group, self._fact(leaf, reading, event), present=False)
            self._silence_over(leaf, reading.sensor)

    def _beyond(self, leaf: LeafRef, reading: Reading) -> bool:
        """True if the reading makes the condition true: by its value, or by how far it has come in the time."""
        condition = leaf.condition
        assert isinstance(condition, SensorCondition)
        if condition.within is None:
            return condition.holds(reading.value)
        key = f"history/{leaf.rule.identity}/{leaf.path}/{reading.sensor}"
        history = remembered(self.draft.find(History, key), reading.time, reading.value, condition.within)
        self.draft.put(key, history)
        return condition.changed(reading.value, tuple(v for _, v in history.values))

    def _heard(self, leaf: LeafRef, key: str, held: Held | None, reading: Reading, event: str) -> None:
        """A sensor whose silence matters has spoken. Its timer is not moved for each value: when it comes, it looks."""
        if held is not None and held.complete:
            group = self.instances.sensor_group(leaf, reading.sensor)
            self.instances.fact(leaf, group, self._silence(leaf, reading.sensor, reading.time, event), present=False)
        if held is None or held.complete:
            self.draft.put(key, Held(since=reading.time))
            self._watch(leaf, key, reading.time)

    def _watch(self, leaf: LeafRef, key: str, heard: datetime) -> None:
        assert isinstance(leaf.condition, SensorCondition)
        due = heard + (leaf.condition.silent_for or timedelta(0))
        self.draft.wake(key, due)

    def _silence_due(self, leaf: LeafRef, key: str, sensor: str, last: LastValue) -> None:
        """The time may be up: a sensor that has spoken meanwhile is watched on. What we could not hear, since we were
        not here, is no silence (semantics 5)."""
        assert isinstance(leaf.condition, SensorCondition)
        silent_for = leaf.condition.silent_for or timedelta(0)
        here = self.draft.find(Resumed, RESUMED)
        heard = max(last.at, here.at) if here is not None else last.at
        if heard + silent_for > self.draft.now:
            self._watch(leaf, key, heard)
            return
        self.draft.put(key, Held(since=last.at, complete=True))
        fact = self._silence(leaf, sensor, self.draft.now, "")
        self.instances.fact(leaf, self.instances.sensor_group(leaf, sensor), fact, present=True)

    def _silence(self, leaf: LeafRef, sensor: str, at: datetime, event: str) -> Fact:
        assert isinstance(leaf.condition, SensorCondition)
        return silence_fact(self.registry, leaf.condition, sensor, at, event)

    def _hold(self, leaf: LeafRef, key: str, held: Held, reading: Reading, event: str) -> None:
        if held.complete and leaf.lowers:
            self.instances.recheck(leaf, self.instances.sensor_group(leaf, reading.sensor))
            return
        complete = held.complete or held_long_enough(leaf, held, reading.time)
        self.draft.put(key, held.model_copy(update={"complete": complete}))
        if complete and not held.complete:
            self.draft.wake(key, None)
            group = self.instances.sensor_group(leaf, reading.sensor)
            self.instances.fact(leaf, group, self._fact(leaf, reading, event), present=True)
            self._silence_over(leaf, reading.sensor)
        elif not complete and held.since == reading.time:
            assert isinstance(leaf.condition, SensorCondition)
            due = held.since + (leaf.condition.for_ or timedelta(0))
            if due > self.draft.now:
                self.draft.wake(key, due)
            else:  # the reading is so late that its time is up already
                self.due(key)

    def due(self, key: str) -> None:
        """The time a limit had to be held for is over: it counts if the value is still fresh. If the sensor has fallen
        silent beyond its limit, the level is not raised, but whoever is responsible is told (semantics 8)."""
        _, identity, path, sensor = key.split("/", 3)
        if sensor not in self.registry.sensors:
            return  # it has left the profile; its cause stays until a person closes it (semantics 16)
        leaf, held = self.instances.leaf(identity, path), self.draft.find(Held, key)
        last = self.draft.find(LastValue, f"last/{sensor}")
        if leaf is not None and held is not None and last is not None and not held.complete and _listens(leaf):
            self._silence_due(leaf, key, sensor, last)
            return
        if (
            leaf is None
            or held is None
            or last is None
            or held.complete
            or (leaf.lowers and not self._fresh(sensor, last))
        ):
            return
        if not held_long_enough(leaf, held, self.draft.now):
            return
        reading = Reading(sensor=sensor, value=last.value, time=last.at)
        if self._fresh(sensor, last):
            self.draft.put(key, held.model_copy(update={"complete": True}))
            self.instances.fact(
                leaf, self.instances.sensor_group(leaf, sensor), self._fact(leaf, reading, ""), present=True
            )
        elif not held.told:
            self.draft.put(key, held.model_copy(update={"told": True}))
            self._silent_over_limit(leaf, reading)

    def _fresh(self, sensor: str, last: LastValue) -> bool:
        return self.draft.now - last.at <= self._validity(sensor)

    def _validity(self, sensor: str) -> timedelta:
        return self.registry.sensor_kinds[self.registry.sensors[sensor].kind].valid_for

    def _silent_over_limit(self, leaf: LeafRef, reading: Reading) -> None:
        fact = self._fact(leaf, reading, "")
        said = f"Givaren {reading.sensor} tystnade över gränsen: {fact.said}, sedan inget nytt värde."
        cause = self.instances.cause(leaf.rule, f"silent|{reading.sensor}|{leaf.rule.identity}", (fact,), said)
        silent = {
            "level": self.policy.ladder.lowest,
            "message": said,
            "name": "Givare tystnade över gränsen",
            "notify": (),
        }
        self.docket.enter(cause.model_copy(update=silent), self.instances.title("Tyst givare", fact))

    def _silence_over(self, leaf: LeafRef, sensor: str) -> None:
        identity = f"silent|{sensor}|{leaf.rule.identity}"
        for matter in list(self.docket.kept()) if not leaf.lowers else []:
            self.docket.clear_cause(matter, identity, f"Givaren {sensor} hörs igen.")

    def begun(self, rule: CompiledRule, group: str) -> None:
        """The rule has begun to hold: what made it over the last time must not still count."""
        for leaf in rule.until:
            if isinstance(leaf.condition, SensorCondition):
                for sensor in self.registry.sensors_of(leaf.condition.sensor):
                    if self.instances.sensor_group(leaf, sensor.id) == group:
                        key = f"held/{rule.identity}/{leaf.path}/{sensor.id}"
                        self.draft.drop(key)
                        self.draft.wake(key, None)

    def _fact(self, leaf: LeafRef, reading: Reading, event: str) -> Fact:
        assert isinstance(leaf.condition, SensorCondition)
        return reading_fact(self.registry, leaf.condition, reading, event)

    def _note(self, said: str, event: str) -> None:
        line = LogLine(at=self.draft.now, what=Happening.NOTICED, said=cut(said), area=self.draft.key, event=event)
        self.draft.emit(Stage.RECORD, self.draft.key, line)


def _listens(leaf: LeafRef) -> bool:
    """True if the condition is about silence."""
    return isinstance(leaf.condition, SensorCondition) and leaf.condition.silent_for is not None


def _is_limit(leaf: LeafRef) -> bool:
    """True if one value alone makes the condition true or false."""
    return isinstance(leaf.condition, SensorCondition) and leaf.condition.within is None and not _listens(leaf)
