"""Laws of cost and purity (design 4; semantics 5): an event looks at the conditions that can match it and at no other,
however many rules there are; and a step is a function of its arguments.

Cost is counted, not timed: how often a condition is asked for its truth, and which entries of the state are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import instances
from rules.instances import Instances
from rules.policy import LeafRef, Policy
from rules.rule import SensorCondition
from rules.sensing import Sensing
from rules.step import Draft
from rules.tally import Tally
from tests.laws.effort import examples
from tests.laws.strategies import Play, town

MATTERING: list[dict[str, Any]] = [
    {"id": "low", "name": "L", "each": "district", "when": {"sensor": "p-nord", "below": 2.0}, "concerns": "water"},
    {
        "id": "held",
        "name": "H",
        "each": "district",
        "when": {"all": [{"sensor": "p-nord", "below": 2.0, "for": "5 min"}, {"incidents": "leak"}]},
        "until": {"sensor": "p-nord", "above": 2.5},
        "concerns": "water",
    },
    {
        "id": "leaks",
        "name": "K",
        "when": {"incidents": "leak", "at_least": 2, "within": "1 h"},
        "concerns": "water",
    },
]
OTHERS: tuple[dict[str, Any], ...] = (
    {"sensor": "level", "above": 3.0},
    {"sensor": "p-syd", "below": 2.0, "for": "5 min"},
    {"sensor": "l-nord", "rises": 0.5, "within": "1 h"},
    {"sensor": "p-syd", "silent_for": "1 h"},
    {"incidents": "fire"},
    {"incidents": ["pump", "pothole"], "at_least": 2, "different": "district", "within": "1 h"},
    {"warning": "RAIN"},
    {"districts": "särskild händelse", "at_least": 2},
    {"all": [{"incidents": "pump"}, {"calendar": "night"}]},
    {"first": {"incidents": "pump"}, "then": {"incidents": "fire"}, "within": "1 h"},
)
"""Conditions that no value of p-nord and no leak can change."""


def idle(count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"idle-{n}", "name": "I", "when": OTHERS[n % len(OTHERS)], "concerns": "streets"} for n in range(count)
    ]


@contextmanager
def counting(patch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Counts conditions looked at, entries read, and rules judged, while the block lasts."""
    found: Counter[str] = Counter()

    def counted(owner: Any, name: str, what: str) -> None:
        real = getattr(owner, name)

        def instead(*args: Any, **more: Any) -> Any:
            found[what] += 1
            return real(*args, **more)

        patch.setattr(owner, name, instead)

    with patch.context() as patch:
        counted(Draft, "get", "entries read")
        counted(SensorCondition, "holds", "values compared")
        counted(Sensing, "judge", "conditions of sensors")
        counted(Instances, "_evaluate", "rules judged")
        counted(Tally, "holds", "conditions judged")
        counted(instances, "leaf_holds", "facts counted")
        yield found


DOINGS = st.lists(
    st.one_of(
        st.tuples(st.just("reading"), st.sampled_from([1.0, 2.2, 3.0])),
        st.tuples(st.just("leak"), st.sampled_from("abc")),
        st.tuples(st.just("over"), st.sampled_from("abc")),
        st.tuples(st.just("wait"), st.integers(1, 20)),
    ),
    min_size=1,
    max_size=10,
)


def cost(patch: pytest.MonkeyPatch, rules: list[dict[str, Any]], doings: list[tuple[str, Any]]) -> list[Counter[str]]:
    """What each doing cost."""
    run, minute, found = Play(town(rules)), 0, []
    run.reading("p-nord", 3.0)
    run.incident("leak", "before", area="nord")
    for what, how in doings:
        minute += how if what == "wait" else 1
        with counting(patch) as counted:
            run.at(minute)
            if what == "reading":
                run.reading("p-nord", how)
            elif what == "leak":
                run.incident("leak", how, area="nord.ett")
            elif what == "over":
                run.over(how, area="nord.ett")
        found.append(counted)
    return found


@examples(30)
@given(DOINGS)
def test_an_event_costs_the_same_however_many_rules_cannot_match_it(doings: list[tuple[str, Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert cost(patch, MATTERING + idle(300), doings) == cost(patch, MATTERING, doings)


def test_the_cost_is_seen_to_grow_when_every_rule_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The law can fail: an index that gives every condition of every rule is noticed."""

    def everything(policy: Policy, kind: object, name: str, area: str) -> tuple[LeafRef, ...]:
        leaves = (leaf for rule in policy.rules for leaf in rule.when)
        return tuple(leaf for leaf in leaves if isinstance(leaf.condition, SensorCondition))

    doings = [("reading", 1.0)]
    few = cost(monkeypatch, MATTERING, doings)
    monkeypatch.setattr(Policy, "matching", everything)
    many = cost(monkeypatch, MATTERING + idle(300), doings)
    assert many[0]["conditions of sensors"] > few[0]["conditions of sensors"] + 100
