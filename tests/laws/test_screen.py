"""The law of the screen: with it and without it, everything comes out the same, whatever the rules and the order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from notifiers.profile import Profile
from rules import screen, sensing
from rules.arrival import Reloaded
from rules.events import Reading, Readings
from rules.policy import LeafRef
from rules.screen import Screen
from rules.sensing import Sensing
from rules.step import Stage
from rules.trackers import LastValues
from streams.intake import Addressed, intake_of
from tests.laws.strategies import ROOT, Play, town

SENSORS = ("p-nord", "p-nord-2", "p-syd", "l-nord", "p-stad", "l-fri")
MORE = [
    {"id": "p-stad", "kind": "pressure", "area": "stad"},
    {"id": "l-fri", "kind": "level", "area": "nord.ett"},
]
VALUES = (0.5, 1.0, 1.5, 2.0, 2.2, 2.5, 3.0, 4.0)
WATCHED = st.sampled_from(["pressure", "p-nord", "l-nord", "level"])
LIMITS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"below": 2.0}, {"above": 2.5}, {"above": 1.0, "below": 3.0}, {"between": [1.5, 2.2]}]
)
FOR: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {}, {"for": "5 min"}, {"for": "20 min"}])
OTHERS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"rises": 1.0, "within": "30 min"},
        {"falls": 1.5, "within": "10 min"},
        {"rises": 0.5, "within": "10 min", "for": "5 min"},
        {"silent_for": "10 min"},
        {"silent_for": "3 min"},
    ]
)
limit = st.builds(lambda sensor, what, time: {"sensor": sensor} | what | time, WATCHED, LIMITS, FOR)
condition = st.one_of(limit, st.builds(lambda sensor, what: {"sensor": sensor} | what, WATCHED, OTHERS))
changing = condition.filter(lambda c: "silent_for" not in c)  # silence makes nothing over


def some(one: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """One condition, or two with `any` or `all`."""
    two = st.lists(one, min_size=2, max_size=2)
    return st.one_of(one, st.builds(lambda word, found: {word: found}, st.sampled_from(["any", "all"]), two))


rule = st.fixed_dictionaries(
    {"when": some(condition)},
    optional={"each": st.sampled_from(["district", "neighbourhood", "sensor", "asset"]), "until": some(changing)},
)
rule_sets = st.lists(rule, min_size=1, max_size=4)
reading = st.tuples(st.sampled_from(SENSORS), st.sampled_from(VALUES), st.sampled_from([0, 0, 0, 0, 1, 3, 12, 90, -30]))
move = st.one_of(
    st.tuples(st.just("batch"), st.lists(reading, min_size=1, max_size=4)),
    st.tuples(st.just("batch"), st.lists(reading, min_size=1, max_size=2)),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 1, 3, 6, 15, 45, 100])),
    st.tuples(st.just("again"), st.none()),
    st.tuples(st.just("close"), st.none()),
    st.tuples(st.just("reload"), rule_sets),
)
moves = st.lists(move, min_size=4, max_size=30)


def profile(rules: Sequence[dict[str, Any]]) -> Profile:
    named = [{"id": f"r{n}", "name": f"Regel {n}", "concerns": "water"} | rule for n, rule in enumerate(rules)]
    sensors = [*town().policy.registry.sensors.values()]
    closing = [
        {"role": "chef", "level": level, "scope": "stad", "may": ["close"], "persons": ["stab-chef-1"]}
        for level in ("normal", "särskild händelse")
    ]
    kinds = [
        {"id": "pressure", "name": "Vattentryck", "function": "water", "valid_for": "10 min"},
        {"id": "level", "name": "Vattennivå", "valid_for": "1 h", "lateness": "15 min"},
    ]
    known = [s.model_dump(exclude_none=True) for s in sensors]
    found = town(named, sensors=known + MORE, sensor_kinds=kinds, delegations=closing)
    return replace(found, policy=replace(found.policy, hash=str(len(rules))))


def make(run: Play, what: str, given: Any, batches: list[Readings]) -> None:
    match what:
        case "batch":
            found = (Reading(sensor=s, value=v, time=run.now - timedelta(minutes=late)) for s, v, late in given)
            batches.append(Readings(readings=tuple(found)))
            run.event(batches[-1])
        case "again" if batches:
            run.event(batches[-1])
        case "wait":
            run.at((run.now - run.start).total_seconds() / 60 + given)
        case "close" if run.open:
            run.decide("close", "stab-chef-1", "chef", matter=run.open[0].id)
        case "reload":
            _reload(run, given)


def _reload(run: Play, rules: Sequence[dict[str, Any]]) -> None:
    before = run.intake.profile.policy.by_identity.keys()
    run.intake = run.stage.intake = intake_of(profile(rules), ROOT, open_door=True)
    new = tuple(sorted(run.intake.profile.policy.by_identity.keys() - before))
    for stage, realm, key in sorted(run.stage.states):
        if stage is Stage.ASSESS:
            run.stage.carry(Addressed(Stage.ASSESS, key, Reloaded(new=new)), realm, run.now)


class Count:
    """How many batches the screen took, so that the law is seen not to hold for want of any."""

    def __init__(self) -> None:
        self.taken = 0


def outcome(rules: Any, done: Any, *, screened: bool, count: Count | None = None) -> Any:
    run, batches = Play(profile(rules)), list[Readings]()
    with pytest.MonkeyPatch.context() as patched:
        real = Screen.takes

        def takes(self: Screen, readings: Sequence[Reading]) -> bool:
            taken = screened and real(self, readings)
            if count is not None and taken:
                count.taken += 1
            return taken

        patched.setattr(Screen, "takes", takes)
        for what, given in done:
            make(run, what, given, batches)
    states = {where: entries for where, entries in run.stage.states.items() if entries}
    return states, run.stage.timers, run.stage.records, run.stage.sent


def agree(rules: Any, done: Any, count: Count | None = None) -> None:
    plain, quick = outcome(rules, done, screened=False), outcome(rules, done, screened=True, count=count)
    for without, with_it in zip(plain, quick, strict=True):
        assert with_it == without


SOME = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@SOME
@given(rule_sets, moves)
def test_what_the_screen_takes_would_have_changed_nothing_but_the_last_value(rules: Any, done: Any) -> None:
    agree(rules, done)


def test_the_screen_takes_most_readings_of_a_calm_day() -> None:
    """Else the law above would hold of a screen that does nothing."""
    calm = [("batch", [(sensor, 3.0, 0) for sensor in SENSORS]), ("wait", 1)] * 20
    count = Count()
    agree([{"when": {"sensor": "pressure", "below": 2.0}, "until": {"sensor": "pressure", "above": 2.5}}], calm, count)
    assert count.taken >= 19


def wide(leaves: Sequence[LeafRef], value: float) -> tuple[float, float]:
    return -1e9, 1e9


def always(self: Sensing, leaf: LeafRef, reading: Reading) -> bool:
    return True


def never(self: Screen, sensor: str) -> bool:
    return False


PLANTED = [
    pytest.param(screen, "band", wide, id="a band without limits"),
    pytest.param(sensing.Sensing, "_at_rest", always, id="every sensor at rest"),
    pytest.param(Screen, "unsettle", never, id="a band that nothing empties"),
]


@pytest.mark.parametrize(("where", "name", "wrong"), PLANTED)
def test_an_error_planted_in_the_screen_is_found(where: Any, name: str, wrong: Any) -> None:
    @settings(SOME, max_examples=400, phases=[Phase.generate], derandomize=True, database=None)
    @given(rule_sets, moves)
    def law(rules: Any, done: Any) -> None:
        agree(rules, done)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(where, name, wrong)
        with pytest.raises((AssertionError, ExceptionGroup)):
            law()


def test_a_bucket_holds_neighbours_in_the_registry() -> None:
    run = Play(profile([]))
    run.event(Readings(readings=tuple(Reading(sensor=s, value=1.0, time=run.now) for s in ("p-nord", "l-nord"))))
    entries = [e for e in run.stage.states[Stage.ASSESS, "live", "nord"].values() if isinstance(e, LastValues)]
    assert [sorted(e.seen) for e in entries] == [["l-nord", "p-nord"]]
