"""Laws of who must know: over random small towns, rosters and matters, and through alert and the exercises."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from notifiers.alert import step
from notifiers.notice import Notice, Row
from notifiers.obligation import Obligation
from notifiers.principles import order, plan
from notifiers.profile import Profile
from rules.ladder import Action, Entered
from rules.matter import Cause, Fact, Matter, MatterChanged
from rules.policy import Policy
from rules.registry import Registry, Relation
from rules.step import State
from tests.laws import strategies
from tests.laws.strategies import LEVELS, START, Case, Play, cases, make, matter_of, profile_of, runs

SETTINGS = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def recipients(rows: tuple[Row, ...]) -> set[tuple[str, str]]:
    return {row.post for row in rows}


def actions(rows: tuple[Row, ...]) -> dict[tuple[str, str], Action]:
    return {row.post: row.action for row in rows if row.action is not Action.DECIDE}


def weakened(before: tuple[Row, ...], after: tuple[Row, ...]) -> set[tuple[str, str]]:
    """Those who were to act and now are not. (A role named without its organisation is meant wherever the matter is;
    the towns name it so only to inform. What becomes of it in a matter that grows is alert's law, below.)"""
    later = actions(after)
    return {post for post, action in actions(before).items() if action is Action.ACT and later.get(post) is not action}


@SETTINGS
@given(cases(), st.integers(0, 2))
def test_recipients_at_a_level_are_among_those_at_the_next(case: Case, rank: int) -> None:
    profile, matter = case.profile, case.matter
    lower = plan(profile, matter.model_copy(update={"alert_level": LEVELS[rank]}), START)
    higher = plan(profile, matter.model_copy(update={"alert_level": LEVELS[rank + 1]}), START)
    assert recipients(lower) <= recipients(higher)


@SETTINGS
@given(cases(), st.integers(0, 2))
def test_recipients_of_a_decided_level_are_among_those_of_the_next(case: Case, rank: int) -> None:
    """Both values rise together, as when each is decided. (A level that is declared from outside is a matter of its
    own;
    what a decision within the city adds does not follow it there.)"""
    profile, matter = case.profile, case.matter
    assume(profile.policy.ladder[LEVELS[rank]].entered is Entered.DECIDED or rank == 0)
    levels = (LEVELS[rank], LEVELS[rank + 1])
    lower, higher = (
        plan(profile, matter.model_copy(update={"alert_level": v, "declared_state": v}), START) for v in levels
    )
    assert recipients(lower) <= recipients(higher)


@SETTINGS
@given(cases(), st.integers(0, 2))
def test_nobody_who_is_to_act_is_weakened_at_a_higher_level(case: Case, rank: int) -> None:
    profile, matter = case.profile, case.matter
    lower = plan(profile, matter.model_copy(update={"alert_level": LEVELS[rank]}), START)
    higher = plan(profile, matter.model_copy(update={"alert_level": LEVELS[rank + 1]}), START)
    assert weakened(lower, higher) == set()


@SETTINGS
@given(cases(least=2))
def test_nobody_who_is_to_act_is_weakened_by_an_added_cause(case: Case) -> None:
    profile, matter = case.profile, case.matter
    first = matter_of(matter.causes[:-1], matter.alert_level, matter.declared_state, matter.proposal)
    assert weakened(plan(profile, first, START), plan(profile, matter, START)) == set()


@SETTINGS
@given(cases())
def test_the_same_matter_gives_the_same_rows(case: Case) -> None:
    spec, profile, matter = case.spec, case.profile, case.matter
    assert plan(profile, matter, START) == plan(profile_of(spec), matter, START)


@SETTINGS
@given(cases(), st.randoms(use_true_random=False))
def test_the_rows_do_not_depend_on_the_order_of_the_registry(case: Case, dice: random.Random) -> None:
    profile, matter = case.profile, case.matter
    assert plan(_shuffled(profile, dice), matter, START) == plan(profile, matter, START)


def _shuffled(profile: Profile, dice: random.Random) -> Profile:
    def mixed(found: dict[Any, Any]) -> dict[Any, Any]:
        return dict(dice.sample(sorted(found.items()), len(found)))

    registry = profile.policy.registry
    other = Registry(
        city=registry.city,
        **{name: mixed(value) for name, value in vars(registry).items() if isinstance(value, dict) and name[0] != "_"},
    )
    policy = Policy(profile.policy.settings, other, profile.policy.ladder, profile.policy.rules, "test")
    roster = type(profile.roster)(
        roles=mixed(profile.roster.roles),
        duties=mixed(profile.roster.duties),
        persons=mixed(profile.roster.persons),
        answering=profile.roster.answering,
    )
    return Profile(policy, roster)


def test_an_operator_whose_organisation_is_only_told_of_another_place_is_still_asked_to_act() -> None:
    """Found by a law: `already engaged` counted a row that informs."""
    town = strategies.town(
        assets=[
            {"id": "hus", "name": "Huset", "kind": "x", "area": "nord", "operator": "gatan", "owner": "nord"},
            {"id": "boende", "name": "Boendet", "kind": "x", "area": "nord", "operator": "nord", "needs": ["water"]},
        ]
    )
    found = tuple(
        Fact(key=f"incident:{asset}", said="något", at=START, asset=asset, kind="no-water", areas=("nord",))
        for asset in ("hus", "boende")
    )
    cause = Cause(
        id="c", rule="r", name="c", level="normal", because="därför", facts=found, policy="test", opened_at=START
    )
    rows = plan(town, matter_of((cause,), "normal", "normal"), START)
    assert actions(rows)["cib", "nord"] is Action.ACT


@SETTINGS
@given(cases())
def test_at_least_one_human_is_asked(case: Case) -> None:
    profile, matter = case.profile, case.matter
    notices = _told(profile, State("live", matter.id, {}), matter)[1]
    assert notices
    assert {n.person for n in notices} <= set(profile.roster.persons)


@SETTINGS
@given(cases())
def test_every_row_has_its_organisations_relation(case: Case) -> None:
    profile, matter = case.profile, case.matter
    organisations = profile.policy.registry.organisations
    rows = plan(profile, matter, START)
    assert [r for r in rows if r.relation is not organisations[r.organisation].relation] == []
    event(f"{sum(r.relation is not Relation.DIRECT for r in rows)} rows outside the city's own")


@SETTINGS
@given(cases())
def test_an_organisation_that_has_nothing_to_do_with_it_changes_nothing(
    case: Case,
) -> None:
    spec, profile, matter = case.spec, case.profile, case.matter
    stranger = {
        "id": "annan",
        "name": "Annan",
        "kind": "board",
        "relation": "direct",
        "functions": ["f9"],
        "areas": ["d9"],
        "coordinates": ["d9"],
        "duty": "r9",
    }
    more = spec | {
        "areas": [*spec["areas"], {"id": "d9", "name": "D9", "kind": "district", "parent": "stad"}],
        "functions": [*spec["functions"], {"id": "f9", "name": "F9"}],
        "organisations": [*spec["organisations"], stranger],
        "roles": [*spec["roles"], {"id": "r9", "name": "R9"}],
        "duties": [*spec["duties"], {"role": "r9", "organisation": "annan", "holder": "p1", "covered_by": "tib"}],
    }
    assert plan(profile_of(more), matter, START) == plan(profile, matter, START)


@SETTINGS
@given(cases())
def test_rows_are_sorted_by_wave_action_organisation_and_role(case: Case) -> None:
    profile, matter = case.profile, case.matter
    rows = plan(profile, matter, START)
    assert list(rows) == sorted(rows, key=lambda r: (r.wave, list(Action).index(r.action), r.organisation, r.role))
    assert len({(r.post, r.action is Action.DECIDE) for r in rows}) == len(rows)
    assert [order(r) for r in rows] == sorted(order(r) for r in rows)


@SETTINGS
@given(cases())
def test_every_row_says_why(case: Case) -> None:
    profile, matter = case.profile, case.matter
    assert [r for r in plan(profile, matter, START) if not r.because.strip()] == []


@SETTINGS
@given(cases())
def test_an_organisation_that_is_no_more_is_not_responsible(case: Case) -> None:
    """Of those found by function or area: valid_to is for them. (Who operates an asset stands in the asset.)"""
    profile, matter = case.profile, case.matter
    organisations = profile.policy.registry.organisations
    bare = matter.model_copy(
        update={
            "causes": tuple(
                c.model_copy(
                    update={"notify": (), "facts": tuple(f.model_copy(update={"asset": None}) for f in c.facts)}
                )
                for c in matter.causes
            ),
            "proposals": (),
            "alert_level": "n0",
        }
    )
    ladder = profile.policy.ladder
    named = {a.role for a in ladder[ladder.lowest].adds}
    gone = [
        r
        for r in plan(profile, bare, START)
        if not organisations[r.organisation].valid_on(START.date()) and r.role not in named
    ]
    assert gone == []


def _told(profile: Profile, state: State[Any], matter: Matter) -> tuple[State[Any], list[Notice]]:
    taken = step(profile, state, MatterChanged(matter=matter, change=""), START)
    entries = {k: v for k, v in (dict(state.entries) | dict(taken.changes)).items() if v is not None}
    return State(state.realm, state.key, entries), [o.message for o in taken.outputs if isinstance(o.message, Notice)]


@SETTINGS
@given(cases())
def test_one_person_gets_one_notice_per_step(case: Case) -> None:
    profile, matter = case.profile, case.matter
    state, first = _told(profile, State("live", matter.id, {}), matter)
    risen = matter.model_copy(update={"alert_level": "n3", "generation": matter.generation + 1})
    state, second = _told(profile, state, risen)
    _, third = _told(profile, state, risen.model_copy(update={"closed_at": START}))
    for notices in (first, second, third):
        persons = [n.person for n in notices]
        assert len(persons) == len(set(persons))
        assert [n for n in notices if len(n.asked) != len(set(n.asked))] == []


@SETTINGS
@given(cases(least=2))
def test_no_row_of_a_matter_that_grows_is_lost_or_weakened(case: Case) -> None:
    profile, matter = case.profile, case.matter
    first = matter_of(matter.causes[:-1], "n0", matter.declared_state)
    state, _ = _told(profile, State("live", matter.id, {}), first)
    before = {k: e.row.action for k, e in state.entries.items() if isinstance(e, Obligation)}
    state, _ = _told(profile, state, matter.model_copy(update={"generation": 2}))
    after = {k: e.row.action for k, e in state.entries.items() if isinstance(e, Obligation)}
    assert {k: a for k, a in before.items() if k not in after or after[k].rank > a.rank} == {}
    assert recipients(plan(profile, first, START)) <= {
        e.row.post for e in state.entries.values() if isinstance(e, Obligation)
    }


@SETTINGS
@given(cases())
def test_everybody_in_the_plan_is_told_or_stands_in_somebodys_notice(
    case: Case,
) -> None:
    """Design 3: collapse may merge roles into one message, never drop one."""
    profile, matter = case.profile, case.matter
    notices = _told(profile, State("live", matter.id, {}), matter)[1]
    posts = {(a.role, a.organisation) for n in notices for a in n.asked}
    assert recipients(plan(profile, matter, START)) <= posts


# --- exercises, through all stages -----------------------------------------------------------------------------------

INTAKE = strategies.shipped()
PARTICIPANTS = {p.person for p in INTAKE.profile.roster.exercises["styrbjorn-2"].participants} | {
    INTAKE.profile.roster.exercises["styrbjorn-2"].leader
}
FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(runs(15))
def test_an_exercise_reaches_its_participants_and_nobody_else(moves: list[strategies.Move]) -> None:
    play = Play(INTAKE, realm="exercise/styrbjorn-2")
    for move in moves:
        make(play, move)
    assert {n.person for n in play.notices} <= PARTICIPANTS
    channels = {a.channel for a in play.sent}
    assert [c for c in channels if not c.startswith("ovning-")] == []
    assert [a for a in play.sent if not a.body.startswith("ÖVNING") or not a.title.startswith("ÖVNING")] == []


@FEW
@given(runs(15), st.sampled_from(["exercise/external", "exercise/finns-inte"]))
def test_an_exercise_that_is_not_ours_is_logged_and_tells_nobody(moves: list[strategies.Move], realm: str) -> None:
    play = Play(INTAKE, realm=realm)
    play.incident("fire", "brand", area="sodermalm")
    for move in moves:
        make(play, move)
    assert play.log
    assert play.notices == []
    assert play.sent == []
