"""STAGE 1: what is happening, and at which level. Key: an area (a district, or the city).

Theory. Every event becomes *facts* (rules.trackers). A fact belongs to a condition and a group; the group's owner is the
key of its area, or the city's for a rule without `each`. Facts of another owner are forwarded there. When a group's
facts make its rule hold, the rule gets an *instance*, and its cause enters a matter (rules.docket). An incident that no
rule answers for still opens a matter, since whoever is responsible every day must know of it.

    fact present ---> leaf ---> rule holds? --yes--> instance --> cause in a matter
    fact gone (positively) --> `until` holds, or all facts gone for the hold time --> cause cleared

Nothing here asks who is to be told: that is alert's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import assert_never

from rules.arrival import Forward, Reported
from rules.decisions import decide, register
from rules.docket import Docket, OpenMatters
from rules.events import (
    Acknowledgement,
    Decision,
    Event,
    EventKind,
    Incident,
    Reading,
    Readings,
    Verdict,
    Warning,
    Warnings,
)
from rules.explain import SEVERITY, area_name, incident_name, number, place, quantity, say, sensor_words
from rules.matter import Cause, Fact, Matter, MatterChanged
from rules.policy import CompiledRule, LeafRef, Policy
from rules.record import Happening, LogLine, MatterSnapshot
from rules.registry import AreaKind
from rules.rule import AllCondition, AnyCondition_, IncidentsCondition, SensorCondition, WarningCondition
from rules.step import Counter, Draft, Stage, State, Step, TimerDue
from rules.trackers import (
    Held,
    Instance,
    KnownIncident,
    KnownWarning,
    LastValue,
    LeafFacts,
    Registered,
    held_long_enough,
    leaf_holds,
    without_old,
)

Entry = (
    LastValue | Held | LeafFacts | Instance | KnownIncident | KnownWarning | Registered | OpenMatters | Matter | Counter
)
"""What assess keeps under a key."""
Message = Reported | Forward | TimerDue
OutputMessage = Reported | Forward | MatterChanged | MatterSnapshot | LogLine


def step(policy: Policy, state: State[Entry], message: Message, now: datetime) -> Step[Entry, OutputMessage]:
    """Applies one message. Pure: equal arguments give an equal Step. A message that came before changes nothing."""
    assessment = _Assessment(policy, Draft(state, now))
    match message:
        case Reported():
            assessment.report(message)
        case Forward():
            assessment.forwarded(message)
        case TimerDue():
            assessment.timer(message)
        case _:
            assert_never(message)
    return assessment.draft.step()


class _Assessment:
    """One step of assess being written."""

    def __init__(self, policy: Policy, draft: Draft[Entry, OutputMessage]) -> None:
        self.policy = policy
        self.registry = policy.registry
        self.draft = draft
        self.docket = Docket(policy, draft)

    def report(self, message: Reported) -> None:
        event = message.event
        for flag in message.flags:
            self._note(f"{flag} ({event.source} {event.id})", event.id)
        match event.payload:
            case Readings(readings=readings):
                for reading in sorted(readings, key=lambda r: (r.time, r.sensor)):
                    self._reading(reading, event)
            case Incident():
                self._incident(event.payload, message)
            case Warnings():
                self._warnings(event.payload, message)
            case Decision():
                self._decision(event.payload, event.id)
            case Acknowledgement():
                pass  # alert's; the door never sends one here
            case _:
                assert_never(event.payload)

    # --- sensors ---------------------------------------------------------------------------------------------------

    def _reading(self, reading: Reading, event: Event) -> None:
        key = f"last/{reading.sensor}"
        last = self.draft.find(LastValue, key)
        if last is not None and reading.time <= last.at:
            self._old_reading(reading, last, event)
            return
        self.draft.put(key, LastValue(value=reading.value, at=reading.time))
        for leaf in self._sensor_leaves(reading.sensor):
            self._sensor_leaf(leaf, reading, event.id)

    def _sensor_leaves(self, sensor: str) -> tuple[LeafRef, ...]:
        return self.policy.matching(EventKind.READINGS, sensor, self.draft.key)

    def _old_reading(self, reading: Reading, last: LastValue, event: Event) -> None:
        """A late reading lowers nothing and raises nothing; the same again is a duplicate; two values for one moment
        are a conflict, in which the value that makes a condition true counts (semantics 6, 7)."""
        if reading.time < last.at or reading.value == last.value:
            return
        self._note(
            f"Givaren {reading.sensor} har två värden för samma tid: {number(last.value)} och {number(reading.value)}",
            event.id,
        )
        for leaf in self._sensor_leaves(reading.sensor):
            condition = leaf.condition
            if isinstance(condition, SensorCondition) and not leaf.lowers and condition.holds(reading.value):
                self._sensor_leaf(leaf, reading, event.id)

    def _sensor_leaf(self, leaf: LeafRef, reading: Reading, event: str) -> None:
        condition = leaf.condition
        assert isinstance(condition, SensorCondition)
        group = self._sensor_group(leaf, reading.sensor)
        if leaf.lowers and not self._instance_known(leaf.rule, group):
            return
        key = f"held/{leaf.rule.identity}/{leaf.path}/{reading.sensor}"
        held = self.draft.find(Held, key)
        if condition.holds(reading.value):
            self._hold(leaf, key, held or Held(since=reading.time), reading, event)
        elif held is not None:
            self.draft.drop(key)
            self.draft.wake(key, None)
            self._fact(leaf, group, self._reading_fact(leaf, reading, event), present=False)
            self._silence_over(leaf, reading.sensor)

    def _hold(self, leaf: LeafRef, key: str, held: Held, reading: Reading, event: str) -> None:
        complete = held.complete or held_long_enough(leaf, held, reading.time)
        self.draft.put(key, held.model_copy(update={"complete": complete}))
        if complete and not held.complete:
            self.draft.wake(key, None)
            group = self._sensor_group(leaf, reading.sensor)
            self._fact(leaf, group, self._reading_fact(leaf, reading, event), present=True)
            self._silence_over(leaf, reading.sensor)
        elif not complete and held.since == reading.time:
            assert isinstance(leaf.condition, SensorCondition)
            self.draft.wake(key, held.since + (leaf.condition.for_ or timedelta(0)))

    def _hold_due(self, key: str) -> None:
        """The time a limit had to be held for is over: it counts if the value is still fresh. If the sensor has fallen
        silent beyond its limit, the level is not raised, but whoever is responsible is told (semantics 8)."""
        _, identity, path, sensor = key.split("/", 3)
        leaf, held = self._leaf(identity, path), self.draft.find(Held, key)
        last = self.draft.find(LastValue, f"last/{sensor}")
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
            self._fact(leaf, self._sensor_group(leaf, sensor), self._reading_fact(leaf, reading, ""), present=True)
        elif not held.told:
            self.draft.put(key, held.model_copy(update={"told": True}))
            self._silent_over_limit(leaf, reading)

    def _fresh(self, sensor: str, last: LastValue) -> bool:
        valid = self.registry.sensor_kinds[self.registry.sensors[sensor].kind].valid_for
        return self.draft.now - last.at <= valid

    def _silent_over_limit(self, leaf: LeafRef, reading: Reading) -> None:
        fact = self._reading_fact(leaf, reading, "")
        said = f"Givaren {reading.sensor} tystnade över gränsen: {fact.said}, sedan inget nytt värde."
        cause = self._cause(leaf.rule, f"silent|{reading.sensor}|{leaf.rule.identity}", (fact,), said)
        silent = {
            "level": self.policy.ladder.lowest,
            "message": said,
            "name": "Givare tystnade över gränsen",
            "notify": (),
        }
        self.docket.enter(cause.model_copy(update=silent), self._title("Tyst givare", fact))

    def _silence_over(self, leaf: LeafRef, sensor: str) -> None:
        identity = f"silent|{sensor}|{leaf.rule.identity}"
        for matter in list(self.docket.kept()) if not leaf.lowers else []:
            self.docket.clear_cause(matter, identity, f"Givaren {sensor} hörs igen.")

    def _sensor_group(self, leaf: LeafRef, sensor: str) -> str:
        known = self.registry.sensors[sensor]
        return self._group(leaf.rule, (known.area,), known.asset, sensor)[0]

    def _reading_fact(self, leaf: LeafRef, reading: Reading, event: str) -> Fact:
        sensor = self.registry.sensors[reading.sensor]
        kind = self.registry.sensor_kinds[sensor.kind]
        name, unit = sensor_words(sensor.kind, self.registry)
        where = place(sensor.asset, (sensor.area,), self.registry)
        condition = leaf.condition
        assert isinstance(condition, SensorCondition)
        limit = condition.above if condition.above is not None else condition.below
        return Fact(
            key=f"sensor:{reading.sensor}",
            said=f"{name} {quantity(reading.value, unit)} vid {sensor.name or sensor.id}, {where}",
            at=reading.time,
            event=event,
            asset=sensor.asset,
            kind=kind.id,
            areas=(sensor.area,),
            value=reading.value,
            placeholders=(
                ("value", number(reading.value)),
                ("unit", unit),
                ("kind", name),
                ("place", where),
                ("limit", number(limit) if limit is not None else ""),
            ),
        )

    # --- incidents -------------------------------------------------------------------------------------------------

    def _incident(self, incident: Incident, message: Reported) -> None:
        ref = f"{message.event.source}|{incident.ref or message.event.id}"
        key = f"incident/{ref}"
        known = self.draft.find(KnownIncident, key)
        if incident.status == "closed":
            self._incident_over(key, known, message)
            return
        if known is not None:
            self._uncount(known.counted_in, known.fact, keep_open=True)
        fact = self._incident_fact(ref, incident, message)
        leaves = [
            leaf
            for leaf in self.policy.matching(EventKind.INCIDENT, incident.kind, self.draft.key)
            if self.policy.applies(leaf, message.areas)
        ]
        counted = self._count(leaves, fact, message.areas)
        self.draft.put(key, KnownIncident(fact=fact, counted_in=counted))
        if not self._answered_for(fact.key) and not any(self._answers_elsewhere(leaf) for leaf in leaves):
            self._everyday(fact)
        elif known is not None and known.fact.said != fact.said:
            self._note(f"Ny uppgift: {fact.said}", message.event.id)

    def _incident_over(self, key: str, known: KnownIncident | None, message: Reported) -> None:
        if known is None:
            self._over_elsewhere(message)
            return
        self.draft.drop(key)
        self._uncount(known.counted_in, known.fact, keep_open=False)
        for matter in list(self.docket.kept()):
            self.docket.clear_cause(matter, f"everyday|{known.fact.key}", f"Över: {known.fact.said}.")

    def _over_elsewhere(self, message: Reported) -> None:
        """Not known here. A report that says no place may mean any: every other key is asked, and the one that knows
        acts."""
        if message.areas or self.draft.key != self.registry.city:
            self._note("Rapport om att något är över som inte är känt här", message.event.id)
            return
        for home in self.policy.homes:
            if home != self.draft.key:
                self.draft.emit(Stage.ASSESS, home, message.model_copy(update={"areas": (home,)}))

    def _incident_fact(self, ref: str, incident: Incident, message: Reported) -> Fact:
        name = incident_name(incident.kind, self.registry)
        where = place(incident.asset, message.areas, self.registry)
        known = self.registry.incident_kinds.get(incident.kind)
        text = f": {incident.text}" if incident.text else ""
        source = message.event.source
        return Fact(
            key=f"incident:{ref}",
            said=f"{name}, {where}{text}"[:4000],
            at=incident.since or message.event.time,
            event=message.event.id,
            asset=incident.asset,
            kind=incident.kind,
            areas=message.areas,
            refs=tuple(x for r in incident.relates_to for x in (r, f"incident:{source}|{r}")),
            danger_to_life=incident.danger_to_life or bool(known and known.danger_to_life),
            placeholders=(("kind", name), ("place", where), ("text", incident.text)),
        )

    def _everyday(self, fact: Fact) -> None:
        """No rule answers for this incident: its matter goes to whoever is responsible for such things every day."""
        name = self.registry.incident_kinds[fact.kind].name if fact.kind in self.registry.incident_kinds else fact.kind
        cause = Cause(
            id=f"everyday|{fact.key}",
            rule="everyday",
            name=name,
            level=self.policy.ladder.lowest,
            because=f"Rapporterat: {fact.said}. Ingen regel gäller; ansvarig i vardagen larmas.",
            facts=(fact,),
            functions=self._functions((fact,)),
            families=self._families((fact,)),
            message=fact.said[:1].upper() + fact.said[1:] + ".",
            reported=True,
            danger_to_life=fact.danger_to_life,
            policy=self.policy.hash,
            opened_at=self.draft.now,
        )
        known = next((m for m in self.docket.kept() if m.cause(cause.id)), None)
        if known is None:
            self.docket.enter(cause, self._title(name, fact))
        else:
            self.docket.replace_cause(known, cause, cause.message)

    @staticmethod
    def _answers_elsewhere(leaf: LeafRef) -> bool:
        """True if the fact alone makes a city-wide rule hold: then its matter is opened under the city's key."""
        alone = isinstance(leaf.condition, IncidentsCondition) and leaf.condition.at_least == 1
        return leaf.rule.wide and not leaf.lowers and alone and leaf.rule.rule.when is leaf.condition

    def _answered_for(self, key: str) -> bool:
        """True if some open cause here rests on the fact."""
        return any(f.key == key for m in self.docket.kept() for c in m.open_causes for f in c.facts)

    # --- warnings --------------------------------------------------------------------------------------------------

    def _warnings(self, warnings: Warnings, message: Reported) -> None:
        """Takes what a feed says; with a complete list, what is missing from it has ended (semantics 17)."""
        for warning in warnings.warnings:
            self._warning(warning, warnings.feed, message)
        if warnings.complete:
            listed = {f"warning/{warnings.feed}|{w.identifier}" for w in warnings.warnings}
            for key in self.draft.keys("warning/"):
                known = self.draft.find(KnownWarning, key)
                if known is not None and known.feed == warnings.feed and key not in listed:
                    self._warning_over(key, known)

    def _warning(self, warning: Warning, feed: str, message: Reported) -> None:
        for replaced in warning.replaces:
            if replaced != warning.identifier:
                self._warning_ended(f"warning/{feed}|{replaced}")
        key = f"warning/{feed}|{warning.identifier}"
        if warning.ended:
            self._warning_ended(key)
            return
        areas = tuple(a for a in warning.areas if a in self.registry.areas)
        fact = self._warning_fact(warning, feed, areas, message)
        known = self.draft.find(KnownWarning, key)
        if known is not None and known.fact.model_copy(update={"event": fact.event}) == fact:
            return
        leaves = [
            leaf
            for leaf in self.policy.warning_leaves(warning.kind, self.draft.key)
            if self.policy.applies(leaf, areas) and self._covers(leaf, warning)
        ]
        counted = self._count(leaves, fact, areas) if areas else ()
        if known is not None:  # after the new ones, so that an update is never a moment without a warning
            self._uncount(tuple(c for c in known.counted_in if c not in counted), known.fact, keep_open=False)
        self.draft.put(key, KnownWarning(feed=feed, fact=fact, counted_in=counted))

    @staticmethod
    def _covers(leaf: LeafRef, warning: Warning) -> bool:
        return isinstance(leaf.condition, WarningCondition) and leaf.condition.covers(warning.severity)

    def _warning_ended(self, key: str) -> None:
        known = self.draft.find(KnownWarning, key)
        if known is not None:
            self._warning_over(key, known)

    def _warning_over(self, key: str, known: KnownWarning) -> None:
        self.draft.drop(key)
        self._note(f"Varningen har upphört: {known.fact.said}", known.fact.event)
        self._uncount(known.counted_in, known.fact, keep_open=False)

    def _warning_fact(self, warning: Warning, feed: str, areas: tuple[str, ...], message: Reported) -> Fact:
        where = place(None, areas, self.registry)
        severity = SEVERITY[warning.severity]
        title = warning.title or warning.kind
        return Fact(
            key=f"warning:{feed}|{warning.identifier}",
            said=f"{title} ({severity}), {where}",
            at=warning.starts or message.event.time,
            event=message.event.id,
            kind=warning.kind,
            areas=areas,
            placeholders=(("kind", title), ("place", where), ("text", warning.text[:300]), ("severity", severity)),
        )

    # --- decisions -------------------------------------------------------------------------------------------------

    def _decision(self, decision: Decision, event: str) -> None:
        if decision.decision in (Verdict.DECLARE, Verdict.LIFT):
            refusal, matter = register(self.docket, decision, event)
            if matter is not None:
                self._declared(decision, matter, event)
        else:
            refusal = decide(self.docket, decision, event)
        if refusal:
            line = LogLine(
                at=self.draft.now,
                what=Happening.REFUSED,
                said=refusal,
                matter=decision.matter,
                area=self.draft.key,
                person=decision.person,
                event=event,
            )
            self.draft.emit(Stage.RECORD, decision.matter or self.draft.key, line)

    def _declared(self, decision: Decision, matter: Matter, event: str) -> None:
        """Rules that wait for this decision now hold; their causes join its matter."""
        fact = Fact(
            key=f"declared|{decision.level}|{decision.reference}",
            said=matter.causes[-1].because,
            at=self.draft.now,
            event=event,
            kind=decision.level or "",
            refs=(matter.id,),
        )
        for leaf in self.policy.matching(EventKind.DECISION, decision.level or "", self.draft.key):
            self._fact(leaf, "", fact, present=decision.decision is Verdict.DECLARE)

    # --- facts, leaves, rules --------------------------------------------------------------------------------------

    def _group(
        self, rule: CompiledRule, areas: tuple[str, ...], asset: str | None, sensor: str = ""
    ) -> tuple[str, ...]:
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

    def _owner(self, rule: CompiledRule, group: str) -> str:
        """The key whose state holds this group."""
        if rule.wide:
            return self.registry.city
        return self.registry.home((group,)) if group in self.registry.areas else self.draft.key

    def _count(self, leaves: Iterable[LeafRef], fact: Fact, areas: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
        counted = []
        for leaf in leaves:
            for group in self._group(leaf.rule, areas, fact.asset):
                self._fact(
                    leaf, group, fact.model_copy(update={"different": self._difference(leaf, fact)}), present=True
                )
                counted.append((leaf.rule.identity, leaf.path, group))
        return tuple(counted)

    def _uncount(self, counted: tuple[tuple[str, str, str], ...], fact: Fact, *, keep_open: bool) -> None:
        """Takes the fact out of the conditions it counted in. `keep_open`: it is about to be counted anew."""
        for identity, path, group in counted:
            leaf = self._leaf(identity, path)
            if leaf is None:
                continue
            windowed = isinstance(leaf.condition, IncidentsCondition) and leaf.condition.within is not None
            if not keep_open or not windowed:
                self._fact(leaf, group, fact, present=False, only_leaf=keep_open)

    def _difference(self, leaf: LeafRef, fact: Fact) -> str:
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
            case _:
                return fact.key.removeprefix("incident:").split("|")[0]

    def _leaf(self, identity: str, path: str) -> LeafRef | None:
        rule = self.policy.by_identity.get(identity)
        return next((ref for ref in rule.when + rule.until if ref.path == path), None) if rule else None

    def _fact(self, leaf: LeafRef, group: str, fact: Fact, *, present: bool, only_leaf: bool = False) -> None:
        owner = self._owner(leaf.rule, group)
        if owner != self.draft.key:
            forward = Forward(rule=leaf.rule.identity, path=leaf.path, group=group, fact=fact, present=present)
            self.draft.emit(Stage.ASSESS, owner, forward)
            return
        key = f"leaf/{leaf.rule.identity}/{leaf.path}/{group}"
        entry = self.draft.find(LeafFacts, key)
        facts = dict(entry.facts) if entry else {}
        windowed = isinstance(leaf.condition, IncidentsCondition) and leaf.condition.within is not None
        if present:
            facts[fact.key] = fact
        elif not windowed:  # what happened within a window happened, also when it is over
            facts.pop(fact.key, None)
        if windowed and isinstance(leaf.condition, IncidentsCondition) and leaf.condition.within is not None:
            facts = without_old(facts, leaf.condition.within, self.draft.now)
        if facts:
            self.draft.put(key, LeafFacts(facts=facts))
        else:
            self.draft.drop(key)
        if not only_leaf:
            self._evaluate(leaf.rule, group, fact, present=present)

    def forwarded(self, message: Forward) -> None:
        leaf = self._leaf(message.rule, message.path)
        if leaf is not None:
            self._fact(leaf, message.group, message.fact, present=message.present)

    def _instance_key(self, rule: CompiledRule, group: str) -> str:
        return f"instance/{rule.identity}/{group}"

    def _instance_known(self, rule: CompiledRule, group: str) -> bool:
        """True if the rule holds in the group, or may for all this key knows (its instance lives elsewhere)."""
        if self._owner(rule, group) != self.draft.key:
            return True
        return self.draft.get(self._instance_key(rule, group)) is not None

    def _leaf_facts(self, leaf: LeafRef, group: str) -> dict[str, Fact]:
        entry = self.draft.find(LeafFacts, f"leaf/{leaf.rule.identity}/{leaf.path}/{group}")
        return entry.facts if entry else {}

    def _holds(self, condition: AnyCondition_, leaves: tuple[LeafRef, ...], group: str) -> bool:
        truths = [leaf_holds(leaf, self._leaf_facts(leaf, group)) for leaf in leaves]
        return all(truths) if isinstance(condition, AllCondition) else any(truths)

    def _evaluate(self, rule: CompiledRule, group: str, fact: Fact, *, present: bool) -> None:
        """The rule's state in the group after a fact came or went."""
        key = self._instance_key(rule, group)
        instance = self.draft.find(Instance, key)
        if instance is None:
            if present and self._holds(rule.rule.when, rule.when, group):
                self._begin(rule, group)
            return
        matter = self.docket.get(instance.matter)
        cause = matter.cause(instance.cause) if matter is not None else None
        if matter is None or cause is None:
            self._end(key)  # a person closed the matter: the rule starts anew with the next fact
            if present and self._holds(rule.rule.when, rule.when, group):
                self._begin(rule, group)
            return
        self._go_on(rule, group, instance, matter, cause)

    def _begin(self, rule: CompiledRule, group: str) -> None:
        facts = self._contributing(rule, group)
        cause = self._cause(rule, f"{rule.identity}|{group}", facts, self._because(rule, facts))
        matter = self.docket.enter(cause, self._title(rule.rule.name, facts[0]))
        self.draft.put(self._instance_key(rule, group), Instance(matter=matter.id, cause=cause.id))

    def _go_on(self, rule: CompiledRule, group: str, instance: Instance, matter: Matter, cause: Cause) -> None:
        """More facts widen the cause; facts that are positively over end it, at once by its own `until` or after the
        hold time."""
        now_there = {f.key: f for f in self._contributing(rule, group)}
        facts = tuple(now_there.pop(f.key, f) for f in cause.facts) + tuple(now_there.values())
        changed = tuple(f for f in facts if f not in cause.facts)
        if changed:
            wider = self._cause(rule, cause.id, facts, self._because(rule, facts))
            wider = wider.model_copy(update={"opened_at": cause.opened_at})
            self.docket.replace_cause(matter, wider, f"Ny uppgift: {'; '.join(f.said for f in changed)}.")
            cause = wider
        there = {f.key: f for f in self._contributing(rule, group)}
        gone = frozenset(f.key for f in cause.facts if f.key not in self._still_there(rule, group, there))
        self._clear_if_over(rule, group, instance.model_copy(update={"gone": gone}), cause)

    def _still_there(self, rule: CompiledRule, group: str, now_there: dict[str, Fact]) -> set[str]:
        """The facts that are not positively over. In a window a fact stays counted although it is over, so incidents
        are looked up."""
        windowed = any(isinstance(ref.condition, IncidentsCondition) and ref.condition.within for ref in rule.when)
        if not windowed or rule.wide:
            return set(now_there)
        return {
            k
            for k in now_there
            if not k.startswith("incident:") or self.draft.get(f"incident/{k.removeprefix('incident:')}") is not None
        }

    def _clear_if_over(self, rule: CompiledRule, group: str, instance: Instance, cause: Cause) -> None:
        key = self._instance_key(rule, group)
        timer = f"clear/{rule.identity}/{group}"
        if rule.rule.until is not None:
            self.draft.put(key, instance)
            if self._until_holds(rule, group, cause):
                self._clear(rule, group, instance, f"Regeln «{rule.rule.name}»: {say(rule.rule.until, self.registry)}.")
            return
        over = all(f.key in instance.gone for f in cause.facts)
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
            facts = self._leaf_facts(leaf, group)
            if isinstance(leaf.condition, SensorCondition):
                needed = self._needed_sensors(leaf, group, cause)
                truths.append(bool(needed) and needed <= set(facts))
            else:
                truths.append(leaf_holds(leaf, facts))
        return all(truths) if isinstance(rule.rule.until, AllCondition) else any(truths)

    def _needed_sensors(self, leaf: LeafRef, group: str, cause: Cause) -> set[str]:
        assert isinstance(leaf.condition, SensorCondition)
        sensors = self.registry.sensors_of(leaf.condition.sensor)
        ours = {f"sensor:{s.id}" for s in sensors if self._sensor_group(leaf, s.id) == group}
        return ours & {f.key for f in cause.facts} or ours

    def _clear_due(self, key: str) -> None:
        _, identity, group = key.split("/", 2)
        rule = self.policy.by_identity.get(identity)
        instance = self.draft.find(Instance, f"instance/{identity}/{group}")
        if rule is None or instance is None or instance.clearing_since is None:
            return
        if self.draft.now - instance.clearing_since >= self.policy.settings.hold:
            self._clear(rule, group, instance, f"Regeln «{rule.rule.name}»: orsakerna är borta.")

    def _clear(self, rule: CompiledRule, group: str, instance: Instance, why: str) -> None:
        self._end(self._instance_key(rule, group))
        matter = self.docket.get(instance.matter)
        if matter is not None:
            self.docket.clear_cause(matter, instance.cause, why)

    def _end(self, key: str) -> None:
        self.draft.drop(key)
        self.draft.wake(key.replace("instance/", "clear/", 1), None)

    def _contributing(self, rule: CompiledRule, group: str) -> tuple[Fact, ...]:
        found = {f.key: f for leaf in rule.when for f in self._leaf_facts(leaf, group).values()}
        return tuple(sorted(found.values(), key=lambda f: (f.at, f.key)))

    # --- causes ----------------------------------------------------------------------------------------------------

    def _cause(self, rule: CompiledRule, identity: str, facts: tuple[Fact, ...], because: str) -> Cause:
        r = rule.rule
        words = self._placeholders(rule, facts)
        return Cause(
            id=identity,
            rule=r.id,
            name=r.name,
            level=rule.level,
            because=because,
            facts=facts,
            functions=r.concerns or self._functions(facts),
            families=self._families(facts),
            action=r.action,
            notify=r.notify + r.also_notify,
            message=(" ".join(r.message.format_map(words).split()) if r.message else f"{r.name}, {words['place']}"),
            first_step=r.first_step.format_map(words) if r.first_step else "",
            reported=any(not f.key.startswith("sensor:") and not f.key.startswith("warning:") for f in facts),
            danger_to_life=r.danger_to_life or any(f.danger_to_life for f in facts),
            policy=self.policy.hash,
            opened_at=self.draft.now,
        )

    def _placeholders(self, rule: CompiledRule, facts: tuple[Fact, ...]) -> dict[str, str]:
        newest = max(facts, key=lambda f: (f.at, f.key))
        empty = dict.fromkeys(("value", "unit", "limit", "kind", "text", "severity"), "")
        where = place(newest.asset, newest.areas, self.registry)
        asset = self.registry.assets.get(newest.asset or "")
        fixed = {
            "area": area_name(self.registry.home(newest.areas), self.registry),
            "place": where,
            "count": str(len(facts)),
            "level": rule.level,
            "asset": asset.name if asset else where,
        }
        return empty | fixed | dict(newest.placeholders)

    def _because(self, rule: CompiledRule, facts: tuple[Fact, ...]) -> str:
        seen = "; ".join(f.said for f in facts[:5]) + (f"; och {len(facts) - 5} till" if len(facts) > 5 else "")
        return f"Regeln «{rule.rule.name}» gäller när {say(rule.rule.when, self.registry)}. Nu: {seen}."[:4000]

    def _functions(self, facts: tuple[Fact, ...]) -> tuple[str, ...]:
        """The functions that the facts' kinds are about, when a rule names none."""
        found: list[str] = []
        for fact in facts:
            incident, sensor = self.registry.incident_kinds.get(fact.kind), self.registry.sensor_kinds.get(fact.kind)
            found += incident.functions if incident else ()
            found += [sensor.function] if sensor and sensor.function else []
        return tuple(dict.fromkeys(found))

    def _families(self, facts: tuple[Fact, ...]) -> tuple[str, ...]:
        return tuple(sorted({family for f in facts for family in self.registry.families_of(f.kind)}))

    def _title(self, name: str, fact: Fact) -> str:
        return f"{name}, {place(fact.asset, fact.areas, self.registry)}"[:4000]

    # --- timers ----------------------------------------------------------------------------------------------------

    def timer(self, timer: TimerDue) -> None:
        """A timer is a reminder to look: what it does follows from the state alone."""
        if timer.name.startswith("held/"):
            self._hold_due(timer.name)
        elif timer.name.startswith("clear/"):
            self._clear_due(timer.name)
        elif timer.name.startswith("forget|"):
            self.docket.forget(timer.name.removeprefix("forget|"))

    def _note(self, said: str, event: str) -> None:
        line = LogLine(at=self.draft.now, what=Happening.NOTICED, said=said[:4000], area=self.draft.key, event=event)
        self.draft.emit(Stage.RECORD, self.draft.key, line)
