"""Readings and limits: last values, how long a limit has been held, and what is told when a sensor falls silent.

Theory, per sensor and limit:

    within --value beyond--> held since t --held for its time, by event time--> complete: a fact
    held or complete --value within--> within: the fact is over
    complete --a value out of order, within the stated lateness, shows that it was not held--> corrected (rules.late)
    held, and the time is up, but the last value is older than its validity: no level is raised, whoever is
    responsible is
    told at once that the sensor fell silent beyond its limit (semantics 8)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rules.entries import AssessDraft
from rules.events import Event, EventKind, Reading
from rules.explain import number
from rules.facts import reading_fact, silence_fact
from rules.frozen import cut
from rules.instances import Instances
from rules.late import placed, run_start
from rules.matter import Fact
from rules.policy import CompiledRule, LeafRef
from rules.record import Happening, LogLine
from rules.registry import SensorKind
from rules.rule import AllCondition, SensorCondition
from rules.screen import Screen
from rules.step import Stage
from rules.trackers import RESUMED, Held, History, LastValue, Resumed, held_long_enough, remembered

CONFLICTS_KEPT = 20
"""Other values for one moment that are remembered."""


class Sensing:
    """The sensors of the key whose step is being written."""

    def __init__(self, instances: Instances, screen: Screen, draft: AssessDraft) -> None:
        self.instances = instances
        self.policy = instances.policy
        self.registry = instances.registry
        self.docket = instances.docket
        self.screen = screen
        self.draft = draft

    def take(self, readings: Sequence[Reading], event: Event) -> None:
        """Every value is known, and every condition has seen those that can change its truth."""
        if not self.screen.takes(readings):
            for reading in sorted(readings, key=_in_time):
                if len(readings) == 1 or not self.screen.takes((reading,)):
                    self._take(reading, event)

    def _take(self, reading: Reading, event: Event) -> None:
        last = self.screen.last(reading.sensor)
        if last is not None and reading.time <= last.at:
            self._old_reading(reading, last, event)
            return
        lookback = self._lookback(reading.sensor) if last is not None else None
        earlier = placed(last.all, reading.time - lookback) if last is not None and lookback is not None else ()
        self.screen.note(reading.sensor, LastValue(value=reading.value, at=reading.time, earlier=earlier))
        unbroken = last is not None and reading.time - last.at <= self._validity(reading.sensor)
        begun = len(self.instances.begun)
        for leaf in self._sensor_leaves(reading.sensor):
            self.judge(leaf, reading, event.id, unbroken=unbroken)
        if last is not None and not self._fresh(reading.sensor, last):
            self._known_again(reading.sensor)
        self.settle(reading)
        for rule, group in self.instances.begun[begun:]:
            for sensor in self._enders(rule, group):
                self.screen.unsettle(sensor)

    def settle(self, reading: Reading) -> None:
        """If the sensor is at rest with this value, its last, the screen knows."""
        if all(self._at_rest(leaf, reading) for leaf in self._sensor_leaves(reading.sensor)):
            self.screen.settle(reading.sensor)

    def _at_rest(self, leaf: LeafRef, reading: Reading) -> bool:
        """True if one more such value, not after a gap, would change nothing but the last value."""
        condition = leaf.condition
        assert isinstance(condition, SensorCondition)
        held = self.draft.find(Held, f"held/{leaf.rule.identity}/{leaf.path}/{reading.sensor}")
        if condition.silent_for is not None:
            return held is not None and not held.complete
        if condition.changes:
            return False
        group = self.instances.tally.sensor_group(leaf, reading.sensor)
        if leaf.lowers and not self.instances.instance_known(leaf.rule, group):
            return True
        if held is None:
            return not condition.holds(reading.value)
        if not held.complete or held.ended is not None or not condition.holds(reading.value):
            return False
        # A sensor that is heard again after a gap is looked at anew in an `all`; what it may make over, always.
        looked_at = self.instances.here(leaf, group) if leaf.lowers else isinstance(leaf.rule.rule.when, AllCondition)
        return not looked_at

    def _known_again(self, sensor: str) -> None:
        """A value that had become too old is there again: an `all` that it was missing in may hold now."""
        for leaf in self._sensor_leaves(sensor):
            key = f"held/{leaf.rule.identity}/{leaf.path}/{sensor}"
            held = self.draft.find(Held, key) if isinstance(leaf.rule.rule.when, AllCondition) else None
            if held is not None and held.complete and not leaf.lowers and not _listens(leaf):
                # Begins first, so that the matter about its silence goes on and does not close in between.
                self.instances.look_again(leaf.rule, self.instances.tally.sensor_group(leaf, sensor))
                self._silence_over(leaf, sensor)

    def _sensor_leaves(self, sensor: str) -> tuple[LeafRef, ...]:
        return self.policy.matching(EventKind.READINGS, sensor, self.draft.key)

    def _old_reading(self, reading: Reading, last: LastValue, event: Event) -> None:
        """A late reading lowers nothing and raises nothing; one that is only out of order takes its place; the same
        again is a duplicate; two values for one moment are a conflict, in which the value that makes a condition true
        counts (semantics 6, 7)."""
        if reading.time < last.at:
            self._out_of_order(reading, last, event.id)
            return
        if reading.value in (last.value, *last.others):
            return
        newest = replace(last, others=(*last.others, reading.value)[-CONFLICTS_KEPT:])
        self.screen.note(reading.sensor, newest)
        self._conflict(reading, last.value, event.id)
        for leaf in self._sensor_leaves(reading.sensor):
            if leaf.lowers or _listens(leaf):
                continue
            if self._lookback(reading.sensor) is not None and leaf.looks_back:
                self._judge_anew(leaf, reading, newest, event.id)
            elif self._beyond(leaf, reading):
                self.judge(leaf, reading, event.id, unbroken=True)

    def _conflict(self, reading: Reading, other: float, event: str) -> None:
        values = f"{number(other)} och {number(reading.value)}"
        self._note(f"{self._called(reading.sensor)} har två värden för samma tid: {values}", event)

    # --- out of order ----------------------------------------------------------------------------------------------

    def _lookback(self, sensor: str) -> timedelta | None:
        """How far back values are kept so that one out of order can take its place; None if its kind states no
        lateness, or nothing looks back."""
        return self.policy.lookbacks.get(sensor)

    def _out_of_order(self, reading: Reading, last: LastValue, event: str) -> None:
        lookback, lateness = self._lookback(reading.sensor), self._kind(reading.sensor).lateness
        if lookback is None or lateness is None or reading.time < last.at - lateness:
            return
        if (reading.time, reading.value) in last.earlier:
            return
        other = next((value for at, value in last.earlier if at == reading.time), None)
        if other is not None:
            self._conflict(reading, other, event)
        earlier = placed((*last.earlier, (reading.time, reading.value)), last.at - lookback)
        newest = replace(last, earlier=earlier)
        self.screen.note(reading.sensor, newest)
        for leaf in self._sensor_leaves(reading.sensor):
            if leaf.looks_back:
                self._judge_anew(leaf, reading, newest, event)

    def _judge_anew(self, leaf: LeafRef, reading: Reading, newest: LastValue, event: str) -> None:
        """The condition as the values in order of event time have it. What ends a rule is only ever held shorter by a
        value that came out of order: lowering waits for the newest (invariant 3)."""
        condition = leaf.condition
        assert isinstance(condition, SensorCondition)
        key = f"held/{leaf.rule.identity}/{leaf.path}/{reading.sensor}"
        held = self.draft.find(Held, key)
        if leaf.lowers:
            if held is not None and held.since <= reading.time < newest.at and not condition.holds(reading.value):
                after = min(at for at, _ in newest.all if at > reading.time)
                self._stand(leaf, key, held, after, newest, event)
            return
        if condition.within is not None:
            values = tuple((at, v) for at, v in newest.all if at >= newest.at - condition.within)
            self.draft.put(f"history/{leaf.rule.identity}/{leaf.path}/{reading.sensor}", History(values=values))
        start = run_start(condition, newest.all)
        if start is None:
            return
        if held is not None and held.ended is None and start == newest.all[0][0]:
            start = min(start, held.since)
        self._stand(leaf, key, held, start, newest, event)

    def _stand(
        self, leaf: LeafRef, key: str, held: Held | None, since: datetime, newest: LastValue, event: str
    ) -> None:
        """The limit has been held since then, whatever was thought before: a fact that this completes is raised at
        once, and one that it disproves is corrected."""
        condition, sensor = leaf.condition, key.split("/", 3)[3]
        assert isinstance(condition, SensorCondition)
        was, told = (held.complete, held.told) if held is not None else (False, False)
        now = Held(since=since, told=told)
        fresh = self._fresh(sensor, newest)
        complete = held_long_enough(leaf, now, newest.at) or (fresh and held_long_enough(leaf, now, self.draft.now))
        complete = complete and (was or not leaf.lowers)
        self.draft.put(key, now.model_copy(update={"complete": complete}))
        value = next((v for v in (newest.value, *newest.others) if condition.holds(v)), newest.value)
        fact = self._fact(leaf, Reading(sensor=sensor, value=value, time=newest.at), event)
        if complete and not was:
            self.draft.wake(key, None)
            self.instances.fact(leaf, self.instances.tally.sensor_group(leaf, sensor), fact, present=True)
            self._silence_over(leaf, sensor)
        elif was and not complete:
            self._note(f"Ett värde som kom i efterhand visar att gränsen inte hölls: {fact.said}", event)
            self.instances.fact(leaf, self.instances.tally.sensor_group(leaf, sensor), fact, present=False)
        if not complete and condition.for_ is not None:
            self.draft.wake(key, since + condition.for_)

    # --- one condition ---------------------------------------------------------------------------------------------

    def judge(self, leaf: LeafRef, reading: Reading, event: str, *, unbroken: bool) -> None:
        """The condition is as this newest reading makes it. `unbroken`: nothing was unknown since the one before."""
        condition = leaf.condition
        assert isinstance(condition, SensorCondition)
        group = self.instances.tally.sensor_group(leaf, reading.sensor)
        if leaf.lowers and not self.instances.instance_known(leaf.rule, group):
            return
        key = f"held/{leaf.rule.identity}/{leaf.path}/{reading.sensor}"
        held = self.draft.find(Held, key)
        if condition.silent_for is not None:
            self._heard(leaf, key, held, reading, event)
            return
        if leaf.lowers and not unbroken and held is not None:
            # What was not known in between does not count towards lowering (invariant 3), nor what was before it.
            self._leave(leaf, key, held, reading.time)
            self.instances.fact(leaf, group, self._fact(leaf, reading, event), present=False)
            held = None
        beyond, ended = self._beyond(leaf, reading), held.ended if held is not None else None
        if beyond and held is not None and ended == reading.time:
            last = self.screen.last(reading.sensor)
            assert last is not None
            self._stand(leaf, key, held, held.since, last, event)
        elif beyond:
            self._hold(
                leaf, key, held if held is not None and ended is None else Held(since=reading.time), reading, event
            )
        elif ended is not None:
            self.draft.drop(key)
        elif held is not None:
            self._leave(leaf, key, held, reading.time)
            self.instances.fact(leaf, group, self._fact(leaf, reading, event), present=False)
            self._silence_over(leaf, reading.sensor)

    def _leave(self, leaf: LeafRef, key: str, held: Held, at: datetime) -> None:
        """The limit is no longer held. Another value for the same moment may say that it is: since when, is kept."""
        assert isinstance(leaf.condition, SensorCondition)
        if leaf.lowers or leaf.condition.for_ is None:
            self.draft.drop(key)
        else:
            self.draft.put(key, held.model_copy(update={"complete": False, "ended": at}))
        self.draft.wake(key, None)

    def _beyond(self, leaf: LeafRef, reading: Reading) -> bool:
        """True if the reading makes the condition true: by its value, or by how far it has come in the time."""
        condition = leaf.condition
        assert isinstance(condition, SensorCondition)
        if condition.within is None:
            return condition.holds(reading.value)
        key = f"history/{leaf.rule.identity}/{leaf.path}/{reading.sensor}"
        history = remembered(self.draft.find(History, key), reading.time, reading.value, condition.within)
        self.draft.put(key, history)
        return condition.changed(reading.value, tuple(v for at, v in history.values if at < reading.time))

    def _heard(self, leaf: LeafRef, key: str, held: Held | None, reading: Reading, event: str) -> None:
        """A sensor whose silence matters has spoken. Its timer is not moved for each value: when it comes, it looks."""
        if held is not None and held.complete:
            group = self.instances.tally.sensor_group(leaf, reading.sensor)
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
        self.screen.unsettle(sensor)
        fact = self._silence(leaf, sensor, self.draft.now, "")
        self.instances.fact(leaf, self.instances.tally.sensor_group(leaf, sensor), fact, present=True)

    def _silence(self, leaf: LeafRef, sensor: str, at: datetime, event: str) -> Fact:
        assert isinstance(leaf.condition, SensorCondition)
        return silence_fact(self.registry, leaf.condition, sensor, at, event)

    def _hold(self, leaf: LeafRef, key: str, held: Held, reading: Reading, event: str) -> None:
        if held.complete and leaf.lowers:
            self.instances.recheck(leaf, self.instances.tally.sensor_group(leaf, reading.sensor))
            return
        complete = held.complete or held_long_enough(leaf, held, reading.time)
        self.draft.put(key, held.model_copy(update={"complete": complete}))
        if complete and not held.complete:
            self.draft.wake(key, None)
            group = self.instances.tally.sensor_group(leaf, reading.sensor)
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
        last = self.screen.last(sensor)
        if leaf is not None and held is not None and last is not None and not held.complete and _listens(leaf):
            self._silence_due(leaf, key, sensor, last)
            return
        if (
            leaf is None
            or held is None
            or last is None
            or held.complete
            or held.ended is not None
            or (leaf.lowers and not self._fresh(sensor, last))
        ):
            return
        if not held_long_enough(leaf, held, self.draft.now):
            return
        reading = Reading(sensor=sensor, value=last.value, time=last.at)
        if self._fresh(sensor, last):
            self.draft.put(key, held.model_copy(update={"complete": True}))
            self.instances.fact(
                leaf, self.instances.tally.sensor_group(leaf, sensor), self._fact(leaf, reading, ""), present=True
            )
        elif not held.told:
            self.draft.put(key, held.model_copy(update={"told": True}))
            self._silent_over_limit(leaf, reading)

    def _fresh(self, sensor: str, last: LastValue) -> bool:
        return self.draft.now - last.at <= self._validity(sensor)

    def _validity(self, sensor: str) -> timedelta:
        return self._kind(sensor).valid_for

    def _kind(self, sensor: str) -> SensorKind:
        return self.registry.sensor_kinds[self.registry.sensors[sensor].kind]

    def unknown(self, leaf: LeafRef, sensor: str) -> None:
        """The rule would hold if the sensor had not fallen silent beyond its limit: told once, until it is heard."""
        last = self.screen.last(sensor)
        identity = f"silent|{sensor}|{leaf.rule.identity}"
        if last is not None and not any(m.cause(identity) for m in self.docket.kept()):
            self._silent_over_limit(leaf, Reading(sensor=sensor, value=last.value, time=last.at))

    def _silent_over_limit(self, leaf: LeafRef, reading: Reading) -> None:
        fact = self._fact(leaf, reading, "")
        said = f"{self._called(reading.sensor)} tystnade över gränsen: {fact.said}, sedan inget nytt värde."
        cause = self.instances.causes.of(leaf.rule, f"silent|{reading.sensor}|{leaf.rule.identity}", (fact,), said)
        silent = {
            "level": self.policy.ladder.lowest,
            "message": said,
            "name": "Givare tystnade över gränsen",
            "notify": (),
        }
        self.docket.enter(cause.model_copy(update=silent), self.instances.causes.title("Tyst givare", fact))

    def _called(self, sensor: str) -> str:
        return self.registry.sensors[sensor].name or f"Givaren {sensor}"

    def _silence_over(self, leaf: LeafRef, sensor: str) -> None:
        identity = f"silent|{sensor}|{leaf.rule.identity}"
        for matter in list(self.docket.kept()) if not leaf.lowers else []:
            self.docket.clear_cause(matter, identity, f"{self._called(sensor)} hörs igen.")

    def begun(self, rule: CompiledRule, group: str) -> None:
        """The rule has begun to hold: what made it over the last time must not still count."""
        for leaf in rule.until:
            for sensor in self._enders_of(leaf, group):
                key = f"held/{rule.identity}/{leaf.path}/{sensor}"
                self.draft.drop(key)
                self.draft.wake(key, None)
                self.screen.unsettle(sensor)

    def _enders(self, rule: CompiledRule, group: str) -> Iterator[str]:
        """The sensors whose values may make the rule over in the group."""
        return (sensor for leaf in rule.until for sensor in self._enders_of(leaf, group))

    def _enders_of(self, leaf: LeafRef, group: str) -> Iterator[str]:
        if isinstance(leaf.condition, SensorCondition):
            for sensor in self.registry.sensors_of(leaf.condition.sensor):
                if self.instances.tally.sensor_group(leaf, sensor.id) == group:
                    yield sensor.id

    def _fact(self, leaf: LeafRef, reading: Reading, event: str) -> Fact:
        assert isinstance(leaf.condition, SensorCondition)
        return reading_fact(self.registry, leaf.condition, reading, event)

    def _note(self, said: str, event: str) -> None:
        line = LogLine(at=self.draft.now, what=Happening.NOTICED, said=cut(said), area=self.draft.key, event=event)
        self.draft.emit(Stage.RECORD, self.draft.key, line)


def _in_time(reading: Reading) -> tuple[datetime, str]:
    return reading.time, reading.sensor


def _listens(leaf: LeafRef) -> bool:
    """True if the condition is about silence."""
    return isinstance(leaf.condition, SensorCondition) and leaf.condition.silent_for is not None
