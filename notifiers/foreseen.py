"""Whom a rule would reach, foreseen: a matter as the rule would open it, and the plan for it. Nothing happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from notifiers.notice import Row
from notifiers.principles import plan
from notifiers.profile import Profile
from rules.explain import area_name, say
from rules.ladder import Entered
from rules.matter import Basis, Cause, Direction, Fact, Matter, Proposal
from rules.policy import CompiledRule
from rules.registry import UNKNOWN_OPERATOR
from rules.rule import AnyLeaf, IncidentsCondition, SensorCondition, WarningCondition, leaves


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A rule that has come true in one area, and the rows that follow."""

    area: str
    matter: Matter
    rows: tuple[Row, ...]


def foresee(profile: Profile, rule: CompiledRule, now: datetime) -> Foreseen:
    """The rule come true where it is likeliest: in its first area, or its first sensor's, or the first district."""
    registry = profile.policy.registry
    area = next(_areas(profile, rule), registry.city)
    home = registry.city if rule.wide else registry.home((area,))
    matter = _matter(profile, rule, home, _cause(profile, rule, area, now), now)
    return Foreseen(area, matter, plan(profile, matter, now))


def _areas(profile: Profile, rule: CompiledRule) -> Iterator[str]:
    registry = profile.policy.registry
    yield from rule.rule.areas
    for leaf in leaves(rule.rule.when):
        if isinstance(leaf, SensorCondition):
            yield from (sensor.area for sensor in registry.sensors_of(leaf.sensor))
    if rule.rule.each in ("neighbourhood", "district"):
        yield from (a.id for a in registry.areas.values() if a.kind.value == rule.rule.each)
    if not rule.wide:
        yield from (a for a in profile.policy.homes if a != registry.city)


def _cause(profile: Profile, rule: CompiledRule, area: str, now: datetime) -> Cause:
    said = rule.rule
    kinds = tuple(kind for leaf in leaves(said.when) for kind in _kinds(profile, leaf))
    incidents = {k: profile.policy.registry.incident_kinds[k] for k in kinds if k in _incident_kinds(profile)}
    asset = _asset(profile, rule, area)
    facts = tuple(
        Fact(key=f"foreseen:{k}", said=said.name, at=now, asset=asset, kind=k, areas=(area,))
        for k in dict.fromkeys(kinds)
    )
    return Cause(
        id=rule.identity,
        rule=said.id,
        name=said.name,
        level=rule.level,
        because=say(said.when, profile.policy.registry),
        facts=facts or (Fact(key="foreseen", said=said.name, at=now, areas=(area,)),),
        functions=said.concerns or _functions(profile, kinds),
        action=said.action,
        notify=said.notify + said.also_notify,
        reported=bool(incidents),
        danger_to_life=said.danger_to_life or any(k.danger_to_life for k in incidents.values()),
        policy=profile.hash,
        opened_at=now,
    )


def _asset(profile: Profile, rule: CompiledRule, area: str) -> str | None:
    """For a rule about one asset at a time, one in the area whose operator is known: it leads to whoever runs it."""
    registry = profile.policy.registry
    assets = registry.assets.values() if rule.rule.each == "asset" else ()
    known = (a for a in assets if a.operator != UNKNOWN_OPERATOR and registry.within(a.area, area))
    return next((a.id for a in known), None)


def _incident_kinds(profile: Profile) -> frozenset[str]:
    return frozenset(profile.policy.registry.incident_kinds)


def _kinds(profile: Profile, leaf: AnyLeaf) -> tuple[str, ...]:
    """The kinds of incident, sensor or warning that a condition looks at."""
    match leaf:
        case IncidentsCondition():
            return leaf.incidents
        case WarningCondition():
            return leaf.warning
        case SensorCondition(sensor=name):
            sensor = profile.policy.registry.sensors.get(name)
            return (sensor.kind if sensor is not None else name,)
        case _:
            return ()


def _functions(profile: Profile, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """What the kinds are about every day, when the rule names no functions."""
    registry, found = profile.policy.registry, list[str]()
    for kind in kinds:
        incident, sensor = registry.incident_kinds.get(kind), registry.sensor_kinds.get(kind)
        found += incident.functions if incident is not None else ()
        found += [sensor.function] if sensor is not None and sensor.function is not None else []
    return tuple(dict.fromkeys(found))


def _matter(profile: Profile, rule: CompiledRule, home: str, cause: Cause, now: datetime) -> Matter:
    ladder = profile.policy.ladder
    entered = ladder[rule.level].entered
    proposed = (_proposal(profile, rule, home, now),) if entered is Entered.DECIDED else ()
    return Matter(
        id=f"foreseen-{rule.rule.id}",
        area=home,
        title=f"{rule.rule.name}, {area_name(home, profile.policy.registry)}",
        opened_at=now,
        changed_at=now,
        areas=tuple(a for f in cause.facts for a in f.areas),
        causes=(cause,),
        proposals=proposed,
        alert_level=rule.level,
        basis=Basis.PROVISIONAL if proposed else Basis.DETECTED,
        declared_state=rule.level if entered is Entered.DECLARED else ladder.lowest,
        policy=profile.hash,
    )


def _proposal(profile: Profile, rule: CompiledRule, home: str, now: datetime) -> Proposal:
    """What the rule would propose, to whoever may decide it in the narrowest scope around its home."""
    ladder, around = profile.policy.ladder, profile.policy.registry.ancestors(home)
    delegation = next((d for scope in around for d in ladder.deciders(rule.level, scope, now)), None)
    return Proposal(
        number=1,
        level=rule.level,
        direction=Direction.RAISE,
        scope=home,
        role=delegation.role if delegation else None,
        organisation=delegation.organisation if delegation else None,
        persons=delegation.persons if delegation else (),
        because=rule.rule.name,
        causes=(rule.identity,),
        proposed_at=now,
        decide_by=now + ladder[rule.level].decide_within,
    )
