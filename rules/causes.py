"""A cause in words: what a rule that holds says of the facts it rests on."""

from __future__ import annotations

from datetime import datetime

from rules.explain import area_name, place, say
from rules.frozen import cut
from rules.matter import Cause, Fact
from rules.policy import CompiledRule, Policy


class Causes:
    """Writes causes as of one moment."""

    def __init__(self, policy: Policy, now: datetime) -> None:
        self.policy = policy
        self.registry = policy.registry
        self.now = now

    def of(self, rule: CompiledRule, identity: str, facts: tuple[Fact, ...], because: str) -> Cause:
        r = rule.rule
        words = self._placeholders(rule, facts)
        return Cause(
            id=identity,
            rule=r.id,
            name=r.name,
            level=rule.level,
            because=because,
            facts=facts,
            functions=r.concerns or self.functions(facts),
            families=self.families(facts),
            action=r.action,
            explains=r.explains_silence,
            notify=r.notify + r.also_notify,
            message=(" ".join(r.message.format_map(words).split()) if r.message else f"{r.name}, {words['place']}"),
            first_step=r.first_step.format_map(words) if r.first_step else "",
            reported=any(not f.key.startswith("sensor:") and not f.key.startswith("warning:") for f in facts),
            danger_to_life=r.danger_to_life or any(f.danger_to_life for f in facts),
            policy=self.policy.hash,
            opened_at=self.now,
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

    def because(self, rule: CompiledRule, facts: tuple[Fact, ...], count: int) -> str:
        seen = "; ".join(cut(f.said, 200).rstrip(".") for f in facts[:5]) + (
            f"; och {count - 5} till" if count > 5 else ""
        )
        return cut(f"Regeln «{rule.rule.name}» gäller när {say(rule.rule.when, self.registry)}. Nu: {seen}.", 2000)

    def functions(self, facts: tuple[Fact, ...]) -> tuple[str, ...]:
        """The functions that the facts' kinds are about, when a rule names none."""
        found: list[str] = []
        for fact in facts:
            incident, sensor = self.registry.incident_kinds.get(fact.kind), self.registry.sensor_kinds.get(fact.kind)
            found += incident.functions if incident else ()
            found += [sensor.function] if sensor and sensor.function else []
        return tuple(dict.fromkeys(found))

    def families(self, facts: tuple[Fact, ...]) -> tuple[str, ...]:
        return tuple(sorted({family for f in facts for family in self.registry.families_of(f.kind)}))

    def title(self, name: str, fact: Fact) -> str:
        return cut(f"{name}, {place(fact.asset, fact.areas, self.registry)}", 300)


SHOWN = 25
"""How many facts a cause shows, besides those at places and assets it has not shown."""


def shown(already: tuple[Fact, ...], more: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """The facts a cause shows when these come to those it showed: the first ones, and each at a new place, since
    recipients follow from the places."""
    found = list(already)
    for fact in more:
        if len(found) < SHOWN or (fact.areas, fact.asset) not in {(f.areas, f.asset) for f in found}:
            found.append(fact)
    return tuple(found)
