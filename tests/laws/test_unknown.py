"""Laws of what is not known (semantics 8; invariant 3): Kleene's logic over stale sensors, lowering, and proposals.

A value older than its sensor's validity is unknown, which neither raises nor lowers. So a rule begins only at a moment
at which its condition is *known* to be true, and ends only at one at which what ends it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.events import Decision, Incident, Readings, Verdict
from rules.ladder import Entered
from rules.matter import Direction, Matter, ProposalState, covered
from rules.step import TimerDue
from tests.laws import strategies
from tests.laws.effort import examples
from tests.laws.strategies import Move, Play, make, runs, snapshots, town

Truth = bool | None
"""True, false, or (None) unknown."""

VALID = 10
SENSORS = ("p-nord", "p-nord-2", "l-nord")
KINDS = [
    {"id": "pressure", "name": "Vattentryck", "unit": "bar", "valid_for": "10 min"},
    {"id": "level", "name": "Vattennivå", "unit": "m", "valid_for": "10 min"},
]


def both(a: Truth, b: Truth) -> Truth:
    """Kleene's and."""
    return False if a is False or b is False else None if a is None or b is None else True


def either(a: Truth, b: Truth) -> Truth:
    """Kleene's or."""
    return True if a or b else None if a is None or b is None else False


KLEENE: dict[str, Callable[[Truth, Truth], Truth]] = {"all": both, "any": either}


@dataclass(frozen=True)
class Told:
    """A value that comes so many minutes after the one before."""

    after: int
    sensor: str
    beyond: bool


TOLD = st.lists(
    st.builds(
        Told,
        st.sampled_from([1, 4, VALID, VALID + 1, 3 * VALID]),
        st.sampled_from(SENSORS),
        st.sampled_from([True, True, False]),
    ),
    min_size=4,
    max_size=12,
)


def limits(shape: str, sensors: tuple[str, ...], side: str) -> dict[str, Any]:
    return {shape: [{"sensor": s, side: 2.0} for s in sensors]}


def known(last: dict[str, tuple[int, bool]], sensor: str, now: int, side: bool = True) -> Truth:
    at, beyond = last.get(sensor, (-999, False))
    return beyond is side if now - at <= VALID else None


def causes(run: Play, name: str = "r") -> int:
    return sum(c.rule == name for m in run.matters for c in m.causes if not c.id.startswith("silent|"))


def holds(run: Play, name: str = "r") -> bool:
    return any(c.rule == name and not c.id.startswith("silent|") for m in run.open for c in m.open_causes)


@examples(150)
@given(st.sampled_from(["all", "any"]), st.sampled_from([SENSORS[:2], SENSORS, SENSORS[1:]]), TOLD)
def test_a_rule_begins_exactly_when_its_condition_is_known_to_be_true(
    shape: str, sensors: tuple[str, ...], told: list[Told]
) -> None:
    rule = {"id": "r", "name": "R", "each": "district", "when": limits(shape, sensors, "above"), "concerns": "water"}
    run = Play(town([rule], sensor_kinds=KINDS))
    now, last, begun = 0, dict[str, tuple[int, bool]](), False
    for one in told:
        now += one.after
        last[one.sensor] = (now, one.beyond)
        run.at(now).reading(one.sensor, 3.0 if one.beyond else 1.0)
        begun = begun or reduce(KLEENE[shape], (known(last, s, now) for s in sensors)) is True
        assert (causes(run) > 0) is begun, f"minute {now}: {last}"


@examples(300)
@given(st.sampled_from(["all", "any"]), st.sampled_from([SENSORS[:2], SENSORS]), TOLD)
def test_a_rule_ends_only_when_what_ends_it_is_known_to_be_true(
    shape: str, sensors: tuple[str, ...], told: list[Told]
) -> None:
    rule = {"id": "r", "name": "R", "each": "district", "when": {"incidents": "leak"}, "concerns": "water"}
    run = Play(town([rule | {"until": limits(shape, sensors, "above")}], sensor_kinds=KINDS))
    run.incident("leak", "l", area="nord")
    now, last = 0, dict[str, tuple[int, bool]]()
    for one in told:
        now += one.after
        run.at(now)
        assert holds(run), "time alone ended it"
        sensor = sensors[SENSORS.index(one.sensor) % len(sensors)]
        last[sensor] = (now, one.beyond)
        run.reading(sensor, 3.0 if one.beyond else 1.0)
        over = reduce(KLEENE[shape], (known(last, s, now) for s in sensors)) is True
        assert holds(run) is not over, f"minute {now}: {last}"
        if over:
            return


def test_what_is_unknown_in_an_all_is_told_once_and_raises_when_it_is_heard_again() -> None:
    when = limits("all", SENSORS[:2], "above")
    rule = {"id": "r", "name": "R", "each": "district", "when": when, "level": "särskild händelse", "concerns": "water"}
    run = Play(town([rule], sensor_kinds=KINDS), strict=True)
    run.reading("p-nord", 3.0)
    run.at(20).reading("p-nord-2", 3.0)
    assert run.one.alert_level == "normal"
    assert run.told() == {"vatten-drift-1"}
    run.at(21).reading("p-nord-2", 1.0)
    run.at(22).reading("p-nord-2", 3.0)
    assert run.said().count("tystnade över gränsen") == 1
    run.at(23).reading("p-nord", 3.0)
    assert run.one.alert_level == "särskild händelse"
    assert [c.id.startswith("silent|") for c in run.one.open_causes] == [False]


# --- lowering --------------------------------------------------------------------------------------------------------

INTAKE = strategies.shipped()
POLICY = INTAKE.profile.policy
LADDER = POLICY.ladder


def run_of(moves: list[Move]) -> Play:
    play = Play(INTAKE)
    for move in moves:
        make(play, move)
    return play


@examples(8)
@given(runs(20), st.integers(1, 12))
def test_time_alone_lowers_nothing_that_was_not_already_positively_over(moves: list[Move], hours: int) -> None:
    """Everything falls silent: after the longest hold time nothing that stands open then is ever lowered or closed."""
    play = run_of(moves)
    play.stage.advance(play.now + timedelta(hours=3))
    before = {m.id: (m.alert_level, m.open, len(m.open_causes)) for m in play.matters}
    play.stage.advance(play.now + timedelta(hours=hours))
    after = {m.id: (m.alert_level, m.open, len(m.open_causes)) for m in play.matters}
    assert {k: after[k] for k in before.keys() & after.keys()} == {k: v for k, v in before.items() if k in after}
    assert all(not before[k][1] for k in before.keys() - after.keys())


@examples(8)
@given(runs(20), st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(1, 300)), min_size=1, max_size=6))
def test_a_late_reading_never_lowers(moves: list[Move], late: list[tuple[int, int, int]]) -> None:
    play = run_of(moves)
    levels = {m.id: (m.alert_level, len(m.open_causes)) for m in play.matters}
    entries = [e for found in play.stage.states.values() for e in found.items()]
    newest = {sensor: seen[0] for k, e in entries if k.startswith("last/") for sensor, seen in e.seen.items()}
    for sensor, value, minutes in late:
        name = strategies.SENSORS[sensor]
        if name in newest:
            minute = (newest[name] - play.start).total_seconds() / 60 - minutes
            play.reading(name, strategies._value(name, value), minute)
    assert {m.id: (m.alert_level, len(m.open_causes)) for m in play.matters} == levels


# --- proposals -------------------------------------------------------------------------------------------------------


@examples(8)
@given(runs(20), st.integers(1, 12))
def test_silence_is_not_refusal_and_a_provisional_level_stays_while_a_cause_holds(
    moves: list[Move], hours: int
) -> None:
    play = run_of(moves)
    play.stage.advance(play.now + timedelta(hours=3))
    pending = {m.id: m.alert_level for m in play.open if m.proposal is not None and m.proposal.pending}
    play.stage.advance(play.now + timedelta(hours=hours))
    waiting = {m.id: m for m in play.matters}
    for matter, level in pending.items():
        assert waiting[matter].proposal.state is ProposalState.PENDING  # type: ignore[union-attr]  # it was there
        assert waiting[matter].alert_level == level


@examples(8)
@given(runs(30))
def test_a_proposal_ends_by_a_decision_or_when_no_cause_asks_for_it_any_more(moves: list[Move]) -> None:
    before: dict[str, Matter] = {}
    for seen, matter in snapshots(run_of(moves)):
        known_, before[matter.id] = before.get(matter.id), matter
        if known_ is None or known_.proposal is None or not known_.proposal.pending:
            continue
        now = next((p for p in matter.proposals if p.number == known_.proposal.number), None)
        assert now is not None, "a proposal was forgotten before it was decided"
        if now.state in (ProposalState.GRANTED, ProposalState.REFUSED):
            assert isinstance(seen.message.event.payload, Decision)
        elif now.state is ProposalState.SUPERSEDED:
            wider = LADDER.rank(covered(matter, LADDER)) >= LADDER.rank(now.level)
            assert wider or _joined(seen.message), "nothing wider was decided, and nobody joined it to another"
        elif now.state is ProposalState.WITHDRAWN:
            _withdrawn_for_a_reason(known_, matter, seen.message)


def _joined(message: Any) -> bool:
    payload = getattr(getattr(message, "event", None), "payload", None)
    return isinstance(payload, Decision) and payload.decision is Verdict.JOIN


def _withdrawn_for_a_reason(before: Matter, matter: Matter, message: Any) -> None:
    assert before.proposal is not None
    asking = [c for c in matter.open_causes if LADDER[c.level].entered is Entered.DECIDED]
    wider = matter.proposal is not None and matter.proposal.number > before.proposal.number
    back = before.proposal.direction is Direction.LOWER and bool(matter.open_causes)
    assert wider or back or not asking
    if not (wider or back):  # the causes went: by evidence or the hold time after it, or a person
        payload = getattr(getattr(message, "event", None), "payload", None)
        timer = isinstance(message, TimerDue) and message.name.startswith(("clear/", "held/"))
        assert timer or payload is None or isinstance(payload, Decision | Incident | Readings)


@pytest.mark.parametrize("shape", ["all", "any"])
def test_the_table_of_kleene_is_what_this_law_compares_with(shape: str) -> None:
    table = {(a, b): KLEENE[shape](a, b) for a in (True, None, False) for b in (True, None, False)}
    assert all(table[a, b] == table[b, a] for a, b in table)
    decisive = shape == "any"
    assert (table[None, decisive], table[None, not decisive], table[None, None]) == (decisive, None, None)
