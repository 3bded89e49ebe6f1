"""Why a rule does not hold, or does: each of its conditions beside what is known, in one Swedish sentence each.

Reads the assess stage's state in a rehearsal; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from rules import duration
from rules.explain import quantity, say
from rules.frozen import Frozen, cut
from rules.ladder import Entered
from rules.matter import Cause, Fact
from rules.policy import CompiledRule, LeafRef, Policy
from rules.registry import Sensor
from rules.rule import DecisionCondition, IncidentsCondition, SensorCondition, WarningCondition
from rules.screen import LAST
from rules.step import Stage
from rules.trackers import Held, Instance, KnownWarning, LastValue, LastValues, LeafFacts, Registered
from streams.rehearsal import Host

EntryT = TypeVar("EntryT", bound=Frozen)
SHOWN = 4
"""How many sensors or facts a sentence names."""


class Shortfall:
    """What the rules of one realm lack, at the rehearsal's present moment."""

    def __init__(self, rehearsal: Host, realm: str) -> None:
        self.rehearsal = rehearsal
        self.realm = realm
        self.policy: Policy = rehearsal.intake.profile.policy
        self.registry = self.policy.registry
        self.now = rehearsal.now

    # --- too low -----------------------------------------------------------------------------------------------------

    def of_level(self, level: str, area: str) -> tuple[str, ...]:
        """What each rule that could give this level here still lacks; rules that nothing speaks for are left out."""
        rules = [r for r in self.policy.rules if r.level == level and self._concerns(r, area)]
        told = [sentence for r in rules for sentence in self._lacks(r, area) if self._spoken_for(r, area)]
        if told:
            return tuple(told)
        names = ", ".join(f"«{r.rule.name}»" for r in rules) or "ingen regel"
        return (f"inget talar ännu för en regel som ger nivån (i {area}: {names})",)

    def of_rule(self, identity: str) -> tuple[str, ...]:
        """What the rule lacks, wherever it applies."""
        rules = [r for r in self.policy.rules if r.rule.id == identity]
        return tuple(sentence for r in rules for sentence in self._lacks(r, ""))

    def _concerns(self, rule: CompiledRule, area: str) -> bool:
        return rule.wide == (area == self.registry.city)

    def _lacks(self, rule: CompiledRule, area: str) -> Iterator[str]:
        if any(c.rule == rule.rule.id for c in self._causes(area)):
            why = "den gäller, men nivån beslutas av en person" if self._decided(rule) else "den gäller"
            yield f"regeln «{rule.rule.name}»: {why}"
            return
        for leaf in rule.when:
            known = self._known(leaf, area) or "inget är känt om det"
            yield f"regeln «{rule.rule.name}»: {say(leaf.condition, self.registry)}: {known}"

    def _decided(self, rule: CompiledRule) -> bool:
        return self.policy.entered(rule.level) is Entered.DECIDED

    def _spoken_for(self, rule: CompiledRule, area: str) -> bool:
        holds = any(c.rule == rule.rule.id for c in self._causes(area))
        return holds or any(self._known(leaf, area) for leaf in rule.when)

    # --- too high ----------------------------------------------------------------------------------------------------

    def holding(self, area: str, rule: str = "") -> tuple[str, ...]:
        """Why the level stands, or the rule holds: the open causes, since when, and what would end them."""
        causes = [c for c in self._causes(area) if rule in ("", c.rule)]
        return tuple(sentence for cause in causes for sentence in self._holds(cause))

    def _holds(self, cause: Cause) -> Iterator[str]:
        facts = "; ".join(f.said for f in cause.facts[:SHOWN])
        yield f"regeln «{cause.name}» gäller sedan {self._clock(cause.opened_at)}: {cut(facts, 300)}"
        rule = next((r for r in self.policy.rules if r.rule.id == cause.rule), None)
        if rule is None:
            return
        for leaf in rule.until:
            known = self._known(leaf, "") or "inget är känt om det"
            yield f"  över när {say(leaf.condition, self.registry)}: {known}"
        if not rule.until:
            yield f"  över när orsakerna varit borta i {duration.say(self.policy.settings.hold)}{self._gone(rule)}"

    def _gone(self, rule: CompiledRule) -> str:
        instances = (i for _, i in self._entries("", Instance, f"instance/{rule.identity}/"))
        since = min((i.clearing_since for i in instances if i.clearing_since), default=None)
        return f": borta sedan {self._ago(since)}" if since is not None else ""

    def _causes(self, area: str) -> list[Cause]:
        matters = [s.matter for s in self.rehearsal.view.situations(self.realm) if s.matter is not None]
        return [c for m in matters if area in ("", m.area) for c in m.open_causes]

    # --- what is known of one condition ------------------------------------------------------------------------------

    def _known(self, leaf: LeafRef, area: str) -> str:
        """What is known of the condition in the area (or anywhere), empty if nothing is."""
        match leaf.condition:
            case SensorCondition():
                return self._sensors(leaf, leaf.condition, area)
            case IncidentsCondition():
                return self._incidents(leaf, leaf.condition, area)
            case WarningCondition():
                known = [w for _, w in self._entries("", KnownWarning, "warning/")]
                return "; ".join(dict.fromkeys(w.fact.said for w in known if w.fact.kind in leaf.condition.warning))
            case DecisionCondition():
                return self._registered(leaf.condition)
            case _:
                return "; ".join(f.said for f in self._facts(leaf, area))

    def _sensors(self, leaf: LeafRef, condition: SensorCondition, area: str) -> str:
        sensors = [s for s in self.registry.sensors_of(condition.sensor) if self._in(s, area)]
        held = {s.id: self._held(leaf, s) for s in sensors}
        known = [(s, v) for s in sensors if (v := self._value(s)) is not None]
        known.sort(key=lambda found: (held[found[0].id] is None, -found[1].at.timestamp()))
        several = len(known) > 1
        return "; ".join(self._reading(s, v, held[s.id], named=several) for s, v in known[:SHOWN])

    def _in(self, sensor: Sensor, area: str) -> bool:
        return not area or self.registry.within(sensor.area, area) or self.registry.home((sensor.area,)) == area

    def _reading(self, sensor: Sensor, last: LastValue, held: Held | None, *, named: bool) -> str:
        kind = self.registry.sensor_kinds[sensor.kind]
        when = f"sedan {self._ago(held.since)}" if held is not None else f"kl. {self._clock(last.at)}"
        age = self.now - last.at
        stale = f" (senast {self._clock(last.at)}, för gammalt)" if age > kind.valid_for else ""
        name = f"{sensor.name or sensor.id} " if named else ""
        return f"{name}{quantity(last.value, kind.unit)} {when}{stale}"

    def _value(self, sensor: Sensor) -> LastValue | None:
        home = self.registry.home((sensor.area,))
        return next((v for _, e in self._entries(home, LastValues, LAST) if (v := e.last(sensor.id))), None)

    def _held(self, leaf: LeafRef, sensor: Sensor) -> Held | None:
        home = self.registry.home((sensor.area,))
        key = f"held/{leaf.rule.identity}/{leaf.path}/{sensor.id}"
        return next((h for _, h in self._entries(home, Held, key)), None)

    def _facts(self, leaf: LeafRef, area: str) -> list[Fact]:
        home = self.registry.city if leaf.rule.wide else area
        shares = [share for _, share in self._entries(home, LeafFacts, f"leaf/{leaf.rule.identity}/{leaf.path}/")]
        return sorted((f for share in shares for f in share.facts.values()), key=lambda f: (f.at, f.key))

    def _incidents(self, leaf: LeafRef, condition: IncidentsCondition, area: str) -> str:
        facts = self._facts(leaf, area)
        if not facts:
            return ""
        many = len({f.different for f in facts} - {""}) if condition.different else len(facts)
        told = "; ".join(f"{f.said} {self._clock(f.at)}" for f in facts[:SHOWN])
        return f"{many} av minst {condition.at_least} ({cut(told, 300)})"

    def _registered(self, condition: DecisionCondition) -> str:
        found = self._entries(self.registry.city, Registered, f"registered/declare/{condition.decision}/")
        most = max((len(r.persons) for _, r in found), default=0)
        return f"{most} av {condition.confirmed_by} personer har registrerat det" if most else ""

    # --- small things ------------------------------------------------------------------------------------------------

    def _entries(self, key: str, kind: type[EntryT], prefix: str) -> Iterator[tuple[str, EntryT]]:
        """The assess stage's entries of this kind, under one key or (empty) under all."""
        for (stage, realm, at), entries in self.rehearsal.states.items():
            if stage is Stage.ASSESS and realm == self.realm and key in ("", at):
                for name, entry in entries.items():
                    if name.startswith(prefix) and isinstance(entry, kind):
                        yield name, entry

    def _ago(self, since: datetime) -> str:
        return duration.say(timedelta(seconds=int((self.now - since).total_seconds())))

    def _clock(self, at: datetime) -> str:
        return f"{at.astimezone(ZoneInfo(self.policy.settings.timezone)):%H:%M}"
