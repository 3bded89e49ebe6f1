"""Laws of the stages, over random runs of the shipped profile: reports, readings, warnings, decisions, answers, time.

A run that breaks a law is shrunk by hypothesis to the shortest list of moves that does, and printed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifiers.attempt import Attempt, Verdict
from notifiers.notice import Notice
from notifiers.obligation import Obligation, ObligationState
from rules.docket import below
from rules.events import Decision
from rules.ladder import Action, Entered
from rules.matter import Direction, Matter, ProposalState
from rules.record import LogLine
from rules.step import Counter, Stage, State, TimerDue
from rules.trackers import Registered
from streams.rehearsal import Providers
from streams.stages import STAGES, written
from tests.laws import strategies
from tests.laws.strategies import Move, Play, make, runs, snapshots, worst

INTAKE = strategies.shipped()
LADDER = INTAKE.profile.policy.ladder
DECLARED = "höjd beredskap"
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
SOME = settings(max_examples=10, deadline=None, suppress_health_check=SLOW)
FEW = settings(max_examples=5, deadline=None, suppress_health_check=SLOW)


def failing(seed: int) -> Providers:
    """Providers of which some reject, some are silent; always the same for the same attempt."""

    def verdict(realm: str, attempt: Attempt) -> Verdict | None:
        dice = sum(map(ord, attempt.channel)) + seed + attempt.number
        return (Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.REJECTED, Verdict.RETRYABLE, None)[dice % 5]

    return verdict


def run(moves: list[Move], realm: str = "live", *, strict: bool = False, providers: Providers | None = None) -> Play:
    play = Play(INTAKE, realm, strict=strict, **({"providers": providers} if providers else {}))
    for move in moves:
        make(play, move)
    return play


def told(play: Play) -> list[tuple[str, Attempt]]:
    return play.stage.sent


def at_rest(play: Play) -> dict[Any, dict[str, bytes]]:
    """Every state as it would be written down, but for how many outputs have been counted."""
    return {
        where: {k: written(v) for k, v in sorted(entries.items()) if not isinstance(v, Counter)}
        for where, entries in play.stage.states.items()
        if entries
    }


# --- what a step is --------------------------------------------------------------------------------------------------


@SOME
@given(runs(20), st.integers(0, 99))
def test_a_step_is_pure(moves: list[Move], seed: int) -> None:
    """`strict` takes each step twice on a read-only state, compares, and looks whether the state was written to."""
    run(moves, strict=True, providers=failing(seed))


@SOME
@given(runs(20))
def test_an_event_that_comes_twice_changes_nothing(moves: list[Move]) -> None:
    play = run(moves[:-1])
    event = make(play, moves[-1])
    if event is None:
        return
    states, sent, shown = at_rest(play), len(play.stage.sent), _shown(play)
    assert not play.stage.accept(event)
    for addressed in play.intake.route(event, play.now):  # as a host does that has forgotten that it took it
        play.stage.carry(addressed, play.realm, play.now)
    assert at_rest(play) == states
    assert len(play.stage.sent) == sent
    assert _shown(play) == shown, "only log lines, and what was shown before, may be written again"


def _shown(play: Play) -> set[bytes]:
    return {written(record) for _, record in play.stage.records if not isinstance(record, LogLine)}


@SOME
@given(runs(20), st.integers(0, 99))
def test_a_timer_that_comes_twice_early_or_late_changes_nothing(moves: list[Move], seed: int) -> None:
    play = run(moves, providers=failing(seed))
    for (stage, realm, key, name), due in list(play.stage.timers.items()):
        entries = play.stage.states.get((Stage(stage), realm, key), {})
        early = STAGES[Stage(stage)].step(
            INTAKE.profile, State(realm, key, entries), TimerDue(name=name, due=due), due - timedelta(seconds=2)
        )
        assert (dict(early.changes), early.outputs) == ({}, ()), f"{name} acted before it was due"
    fired = [(s.stage, s.key, s.message, s.now) for s in play.stage.steps if isinstance(s.message, TimerDue)]
    for stage, key, message, now in fired[-5:]:
        if (stage, play.realm, key, message.name) in play.stage.timers:
            continue
        entries = play.stage.states.get((stage, play.realm, key), {})
        again = STAGES[stage].step(INTAKE.profile, State(play.realm, key, entries), message, now)
        assert (dict(again.changes), again.outputs) == ({}, ()), f"{message.name} acted a second time"


@SOME
@given(runs(20), st.integers(0, 99))
def test_outputs_of_a_key_are_numbered_without_a_gap(moves: list[Move], seed: int) -> None:
    numbers: dict[tuple[Stage, str], list[int]] = {}
    for seen in run(moves, providers=failing(seed)).stage.steps:
        numbers.setdefault((seen.stage, seen.key), []).extend(o.sequence for o in seen.step.outputs)
    assert {k: n for k, n in numbers.items() if n != list(range(1, len(n) + 1))} == {}


@SOME
@given(runs(20), st.integers(0, 99))
def test_no_timer_is_set_in_the_past(moves: list[Move], seed: int) -> None:
    """Else it comes at once with a `now` that has been, and whoever it asks has already run out of time."""
    for seen in run(moves, providers=failing(seed)).stage.steps:
        past = {name: due for name, due in seen.step.timers.items() if due is not None and due < seen.now}
        assert past == {}


# --- levels ----------------------------------------------------------------------------------------------------------


def allowed(matter: Matter) -> str:
    """The level that causes, proposal and decisions allow, computed another way than the code does."""
    levels = [matter.declared_state, LADDER.lowest]
    levels += [c.level for c in matter.causes if c.cleared_at is None and LADDER[c.level].entered is Entered.DETECTED]
    if matter.proposals and matter.proposals[-1].state is ProposalState.PENDING:
        last = matter.proposals[-1]
        levels += [last.level] if last.direction is Direction.RAISE else []
    no = {c for p in matter.proposals if p.state is ProposalState.REFUSED for c in p.causes}
    asked = [c.level for c in matter.open_causes if f"{c.id}@{c.opened_at.isoformat()}" not in no]
    for above in matter.above:
        levels += [x for x in asked if LADDER.rank(x) <= LADDER.rank(above.level)]
    return max(levels, key=[rung.id for rung in LADDER.levels].index)


@SOME
@given(runs(20))
def test_alert_level_is_what_causes_proposals_and_decisions_allow(moves: list[Move]) -> None:
    for _, matter in snapshots(run(moves)):
        assert matter.alert_level == allowed(matter)


@SOME
@given(runs(20))
def test_alert_level_never_falls_while_a_cause_is_open_and_undecided(moves: list[Move]) -> None:
    before: dict[str, Matter] = {}
    for _, matter in snapshots(run(moves)):
        known = before.get(matter.id)
        before[matter.id] = matter
        if known is None or LADDER.rank(matter.alert_level) >= LADDER.rank(known.alert_level):
            continue
        refused = {c for p in matter.proposals if p.state is ProposalState.REFUSED for c in p.causes}
        undecided = [
            c.id
            for c in matter.open_causes
            if c.level == known.alert_level and not any(r.startswith(c.id) for r in refused)
        ]
        assert undecided == [], f"{known.alert_level} -> {matter.alert_level}"


@SOME
@given(runs(20))
def test_only_a_decision_changes_the_declared_state(moves: list[Move]) -> None:
    before: dict[str, str] = {}
    for seen, matter in snapshots(run(moves)):
        known = before.get(matter.id, LADDER.lowest)
        before[matter.id] = matter.declared_state
        if matter.declared_state != known:
            assert isinstance(seen.message.event.payload, Decision)


@SOME
@given(runs(20))
def test_generation_grows_by_one_exactly_when_alert_level_rises(moves: list[Move]) -> None:
    before: dict[str, Matter] = {}
    for _, matter in snapshots(run(moves)):
        known = before.get(matter.id)
        before[matter.id] = matter
        if known is not None:
            rose = LADDER.rank(matter.alert_level) > LADDER.rank(known.alert_level)
            assert matter.generation == known.generation + rose


@SOME
@given(runs(20))
def test_a_closed_matter_has_no_open_cause_no_pending_proposal_and_nothing_declared(moves: list[Move]) -> None:
    for _, matter in snapshots(run(moves)):
        pending = matter.proposal is not None and matter.proposal.pending
        empty = not matter.open_causes and not pending and matter.declared_state == LADDER.lowest
        assert matter.open is not empty


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_storm_brings_about_hojd_beredskap(seed: int) -> None:
    """G-10: 500 of the worst events in ten minutes, one person who registers decisions by the Government as often as
    they like, and everybody who decides granting whatever they can."""
    play = Play(INTAKE)
    for move in worst(seed):
        if move.what == "pass":
            play.stage.advance(play.now + timedelta(seconds=move.a % 12))
        else:
            make(play, move)
    assert play.matters
    for _, matter in snapshots(play):
        assert DECLARED not in (matter.alert_level, matter.declared_state)
        assert all(p.level != DECLARED for p in matter.proposals)


@FEW
@given(runs(15), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), max_size=8))
def test_hojd_beredskap_follows_two_different_persons_with_one_reference(
    moves: list[Move], registrations: list[tuple[int, int]]
) -> None:
    play = Play(INTAKE)
    for move in moves:
        if move.what not in ("register", "lone"):
            make(play, move)
    for who, reference in registrations:
        person = strategies.REGISTRARS[who]
        play.decide("declare", person, "regeringen", level=DECLARED, reference=f"Fö {reference}")
    registered: dict[int, set[str]] = {}
    for who, reference in registrations:
        if strategies.REGISTRARS[who] != "p-anna-ek":  # she may not
            registered.setdefault(reference, set()).add(strategies.REGISTRARS[who])
    declared = [m for m in play.matters if m.declared_state == DECLARED]
    assert len(declared) == sum(len(persons) >= 2 for persons in registered.values())


@SOME
@given(runs(30))
def test_a_join_lowers_no_level_and_loses_no_cause_and_a_split_loses_none(moves: list[Move]) -> None:
    play = Play(INTAKE)
    for move in moves:
        before = {m.id: m for m in play.open}
        event = make(play, move)
        if move.what != "regroup" or event is None:
            continue
        assert isinstance(event.payload, Decision)
        one = before[event.payload.matter or ""]
        after = {m.id: m for m in play.open}
        was = {c.id for m in before.values() for c in m.open_causes if c.rule != "together"}
        assert was <= {c.id for m in after.values() for c in m.open_causes}
        joined = next((m for m in play.matters if m.id == one.id and m.joined_into), None)
        highest = max(LADDER.rank(m.alert_level) for m in after.values())
        assert highest >= LADDER.rank(one.alert_level)
        if joined is not None:
            into = after[joined.joined_into or ""]
            for known in (one, before[into.id]):
                assert LADDER.rank(into.alert_level) >= LADDER.rank(known.alert_level)
                assert LADDER.rank(into.declared_state) >= LADDER.rank(known.declared_state)


@SOME
@given(runs(30))
def test_a_join_keeps_every_row_of_both(moves: list[Move]) -> None:
    play = run(moves)
    for matter in (m for m in play.matters if m.joined_into is not None):
        rows = {(r, a) for m in (matter.id, matter.joined_into or "") for r, a in play.rows(m).items()}
        last = play.rows(matter.joined_into or "")
        for post, action in rows:
            assert Action(last[post]).rank <= Action(action).rank, f"{post} was {action}"


@SOME
@given(runs(30))
def test_nobody_waits_to_decide_what_is_decided_in_the_matter_above(moves: list[Move]) -> None:
    """Of nested scopes, none has a proposal waiting for a level that the wider one has been given."""
    for matter in run(moves).open:
        last = matter.proposal
        for above in matter.above:
            if last is not None and last.pending and last.direction is Direction.RAISE:
                assert LADDER.rank(last.level) > LADDER.rank(above.level)


@SOME
@given(runs(30))
def test_what_a_child_says_is_above_it_is_what_its_parent_says_is_below(moves: list[Move]) -> None:
    found = {m.id: m for m in run(moves).open}
    up = {(m.id, a.matter, a.level) for m in found.values() for a in m.above}
    down = {(c, m.id, m.declared_state) for m in found.values() for c in below(m) if c in found}
    assert up == down


# --- people ----------------------------------------------------------------------------------------------------------


@SOME
@given(runs(20), st.integers(0, 99))
def test_rows_only_grow_and_nobody_who_acts_is_weakened(moves: list[Move], seed: int) -> None:
    before: dict[tuple[str, str], Obligation] = {}
    for seen in run(moves, providers=failing(seed)).stage.steps:
        for name, entry in seen.step.changes.items():
            if seen.stage is not Stage.ALERT or not name.startswith("obligation/"):
                continue
            assert isinstance(entry, Obligation), "a row was removed"
            known = before.get((seen.key, name))
            before[seen.key, name] = entry
            if known is not None:
                assert entry.row.post == known.row.post
                assert entry.row.action.rank <= known.row.action.rank


@SOME
@given(runs(20), st.integers(0, 99))
def test_every_obligation_is_ended_or_somebody_is_waited_for(moves: list[Move], seed: int) -> None:
    play = run(moves, providers=failing(seed))
    for (stage, realm, key), entries in play.stage.states.items():
        if stage is not Stage.ALERT:
            continue
        for name, entry in entries.items():
            if isinstance(entry, Obligation):
                _lawful(play, realm, key, name, entry)


def _lawful(play: Play, realm: str, key: str, name: str, obligation: Obligation) -> None:
    timer = play.stage.timers.get((Stage.ALERT, realm, key, f"due/{name.removeprefix('obligation/')}"))
    assert timer == obligation.deadline, f"{name}: {obligation.state} waits for {obligation.deadline}, timer {timer}"
    action, state = obligation.row.action, obligation.state
    if obligation.ended:
        assert timer is None
        assert state is not ObligationState.DELIVERED or action is Action.INFORM
        assert state is not ObligationState.ACKNOWLEDGED or obligation.answered_by or action is Action.DECIDE
    elif action is Action.INFORM and state is ObligationState.ASKED:
        sending = play.stage.states.get((Stage.CONTACT, realm, obligation.person or ""), {})
        waited = [e for e in sending.values() if getattr(e, "notices", None) or getattr(e, "waiting", None)]
        assert waited, f"{name}: nobody is sending it"
    else:
        assert timer is not None
        assert timer >= play.now


@SOME
@given(runs(20), st.integers(0, 99))
def test_whoever_is_asked_is_told_in_the_same_step(moves: list[Move], seed: int) -> None:
    """An obligation that names a new person without a notice to them would wait for an answer to nothing."""
    play = run(moves, providers=failing(seed))
    before: dict[tuple[str, str], Obligation] = {}
    for seen in play.stage.steps:
        noticed = {o.message.person for o in seen.step.outputs if isinstance(o.message, Notice)}
        for name, entry in seen.step.changes.items():
            if not isinstance(entry, Obligation):
                continue
            known = before.get((seen.key, name))
            before[seen.key, name] = entry
            asked = known is None or (known.person, known.generation, known.round) != (
                entry.person,
                entry.generation,
                entry.round,
            )
            if asked and entry.state is ObligationState.ASKED:
                assert entry.person in noticed


@SOME
@given(runs(20), st.integers(0, 99))
def test_every_notice_is_sent_or_fails_or_waits(moves: list[Move], seed: int) -> None:
    play = run(moves, providers=failing(seed))
    play.stage.advance(play.now + timedelta(minutes=4))
    said = "\n".join(a.notice for a in play.sent)
    merged = {n.id for _, r in play.stage.records for n in getattr(r, "notices", ()) if getattr(r, "attempts", 0)}
    recent = play.now - timedelta(minutes=3)
    assert [n.id for n in play.notices if n.id not in said and n.id not in merged and n.at < recent] == []


# --- realms and crashes ----------------------------------------------------------------------------------------------

PAIRS = st.lists(st.tuples(strategies.MOVES, st.booleans()), min_size=1, max_size=20)
EXERCISE = "exercise/styrbjorn-2"


@FEW
@given(PAIRS)
def test_live_and_exercise_do_not_meet(moves: list[tuple[Move, bool]]) -> None:
    """One run with both in turn, and one of each alone with the same clock, come out the same."""
    both_live, both_drill = Play(INTAKE, "live"), Play(INTAKE, EXERCISE)
    both_drill.stage = both_live.stage
    live, drill = Play(INTAKE, "live"), Play(INTAKE, EXERCISE)
    for move, is_live in moves:
        if move.what == "pass":
            for play in (both_live, live, drill):
                make(play, move)
        elif move.what == "answer":
            continue  # who can be answered for is looked up over both
        else:
            make(both_live if is_live else both_drill, move)
            make(live if is_live else drill, move)
    for alone, together, realm in ((live, both_live, "live"), (drill, both_live, EXERCISE)):
        assert [r for r in alone.stage.records if r[0] == realm] == [r for r in together.stage.records if r[0] == realm]
        assert [s for s in alone.stage.sent if s[0] == realm] == [s for s in together.stage.sent if s[0] == realm]


@FEW
@given(runs(20), st.integers(0, 19), st.integers(0, 99))
def test_a_run_goes_on_after_a_restart_as_if_there_had_been_none(moves: list[Move], cut: int, seed: int) -> None:
    """All state is written as JSON at some point and read back, by the adapters that the hosts use."""
    whole = run(moves, providers=failing(seed))
    broken = run(moves[:cut], providers=failing(seed))
    for (stage, realm, key), entries in broken.stage.states.items():
        adapter = STAGES[stage].entries
        read = {name: adapter.validate_json(written(entry)) for name, entry in entries.items()}
        assert read == entries
        broken.stage.states[stage, realm, key] = read
    for move in moves[cut:]:
        make(broken, move)
    assert at_rest(broken) == at_rest(whole)
    assert broken.stage.sent == whole.stage.sent
    assert broken.stage.records == whole.stage.records


@given(st.lists(st.text(max_size=8), unique=True, max_size=40), st.randoms(use_true_random=False))
def test_equal_names_have_equal_bytes_whatever_came_first(names: list[str], rng: random.Random) -> None:
    """A set's own order follows its history, so two hosts with equal states would write different bytes."""
    first = Registered(persons=frozenset(names))
    rng.shuffle(names)
    grown: frozenset[str] = frozenset()
    for name in names:
        grown |= {name}
    assert written(Registered(persons=grown)) == written(first)
    assert Registered.model_validate_json(written(first)) == first


STORM = """
play = Play(shipped())
for move in _storm(7, 50):
    make(play, move)
"""
REOPENED = """
posts = (("drift", "vatten"), ("gatujour", "gatan"), ("natdrift", "natet"), ("cib", "nord"), ("tib", "stab"))
duties = [{"role": r, "organisation": o, "holder": "ledare", "deputies": ["stab-tib-2"]} for r, o in posts]
rule = {"id": "f", "name": "Läcka", "each": "district", "when": {"incidents": "leak"},
        "concerns": ["water", "streets", "power", "care"]}
play = Play(town([rule], duties=duties))
for minute in (0, 60):
    play.at(minute).incident("leak", "l", area="nord")
    play.at(minute + 5).over("l", area="nord")
    play.at(minute + 40)
"""
DIGEST = """
import hashlib
from streams.stages import written
from tests.laws.strategies import Play, _storm, make, shipped, town
{}
said = hashlib.sha256()
for seen in play.stage.steps:
    for output in seen.step.outputs:
        said.update(f"{{seen.stage}}|{{seen.key}}|{{output.stage}}|{{output.key}}|{{output.sequence}}|".encode())
        said.update(written(output.message))
print(said.hexdigest(), len(play.sent))
"""


@pytest.mark.parametrize("script", [STORM, REOPENED], ids=["a storm", "a matter that opens again"])
def test_a_run_comes_out_the_same_in_a_process_that_hashes_otherwise(script: str) -> None:
    """No set's order may reach an output: a replay elsewhere, or after a restart, must give the same notices."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", DIGEST.format(script)],
            cwd=strategies.ROOT,
            env={**os.environ, "PYTHONHASHSEED": str(hashing)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hashing in (1, 2)
    ]
    found = {process.communicate()[0] for process in running}
    assert [process.returncode for process in running] == [0, 0]
    assert len(found) == 1


@FEW
@given(runs(20))
def test_every_message_between_stages_can_be_written_and_read(moves: list[Move]) -> None:
    play = run(moves)
    for seen in play.stage.steps:
        if seen.stage in STAGES and not isinstance(seen.message, TimerDue):
            adapter = STAGES[seen.stage].messages
            assert adapter.validate_json(written(seen.message)) == seen.message


def test_an_entry_that_an_older_version_wrote_with_a_key_we_do_not_know_is_told_and_not_dropped() -> None:
    """Entries are strict: a misread state is worse than a stop. A change of form needs a decision page."""
    adapter = STAGES[Stage.ALERT].entries
    with pytest.raises(ValueError, match="extra"):
        adapter.validate_json(b'{"kind":"roll","rows":[],"mailings":0,"new":1}')
