"""Laws of who is responsible, over random towns with everything a registry can say: mergers, companies, somebody
outside with a counterpart, users, chains and rings of dependence, laws."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from notifiers.alert import step
from notifiers.attempt import Medium
from notifiers.message import compose
from notifiers.notice import Notice, Row
from notifiers.obligation import Obligation
from notifiers.principles import plan
from notifiers.profile import Profile
from rules.ladder import Action, Addressee, Principle
from rules.matter import Cause, Matter, MatterChanged, ProposalState
from rules.registry import UNKNOWN_OPERATOR, OrganisationKind, Relation
from rules.step import State
from tests.laws.effort import examples
from tests.laws.strategies import LEVELS, START, Case, cases, matter_of, profile_of

DAY = START.date()
LATER = datetime(2031, 1, 1, tzinfo=UTC)
"""When those that are not yet have begun."""

Post = tuple[str, str]


def acts(rows: tuple[Row, ...]) -> set[Post]:
    """The posts that act because they answer for something; not the duty officer, who acts when nobody is known to."""
    return {r.post for r in rows if r.action is Action.ACT and r.organisation != "stab"}


def acting(rows: tuple[Row, ...]) -> set[str]:
    return {organisation for _, organisation in acts(rows)}


def at_work(rows: tuple[Row, ...]) -> set[str]:
    """Those who act or coordinate their area: enough to be asked of somebody who answers for something there."""
    return {r.organisation for r in rows if r.action is Action.COORDINATE} | acting(rows)


def without(case: Case, section: str, **fields: Any) -> Profile:
    """The town with these fields of a section's entries set so."""
    return profile_of(case.spec | {section: [e | fields for e in case.spec[section]]})


def tellable(profile: Profile, organisation: str, role: str | None = None) -> Post | None:
    """The post that hears for an organisation, said once more and in another way: whoever took over, and there the
    named role, the duty, the head."""
    known = profile.policy.registry.organisations
    at: str | None = organisation
    for _ in known:
        if at is None or known[at].valid_on(DAY):
            break
        ended = known[at].valid_to
        at = known[at].succeeded_by if ended is not None and ended < DAY else None
    if at is None or not known[at].valid_on(DAY):
        return None
    posts = [(r, at) for r in (role, known[at].duty, known[at].head) if r is not None]
    return next((post for post in posts if post in profile.roster.duties), None)


def only(matter: Matter, cause: Cause) -> Matter:
    """The matter with this cause alone, at the lowest level, nothing proposed."""
    return matter_of((cause,), LEVELS[0], LEVELS[0])


# --- order -----------------------------------------------------------------------------------------------------------


@examples(300)
@given(cases(), st.randoms(use_true_random=False))
def test_the_rows_do_not_depend_on_the_order_of_causes_and_facts(case: Case, dice: random.Random) -> None:
    """(The order of functions and of whom a rule names is its author's.)"""
    causes = tuple(
        c.model_copy(update={"facts": tuple(dice.sample(c.facts, len(c.facts)))})
        for c in dice.sample(case.matter.causes, len(case.matter.causes))
    )
    other = case.matter.model_copy(update={"causes": causes})
    assert plan(case.profile, other, START) == plan(case.profile, case.matter, START)


# --- whoever is responsible acts -------------------------------------------------------------------------------------


def responsible(profile: Profile, cause: Cause) -> Iterator[str]:
    """The organisations that the registry makes responsible for a cause, found without the code that plans."""
    registry = profile.policy.registry
    named = {a for f in cause.facts for a in f.areas} or {registry.city}
    wanted = [(function, area) for function in cause.functions for area in named]
    for fact in cause.facts:
        asset = registry.assets.get(fact.asset or "")
        if asset is None:
            continue
        lacks = registry.incident_kinds[fact.kind].lacks
        wanted += [(lacks, area) for area in fact.areas or (asset.area,)] if lacks else []
        post = tellable(profile, asset.operator) if asset.operator != UNKNOWN_OPERATOR else None
        if post is not None:
            yield post[1]
    for function, area in wanted:
        yield from nearest(profile, function, area)


def nearest(profile: Profile, function: str, area: str) -> list[str]:
    """Those with the function in the smallest area around this one where any of them can be told; where all of those
    are no more, whoever took over and does not say itself where it has the function."""
    known = profile.policy.registry.organisations
    for place in profile.policy.registry.ancestors(area):
        holders = [
            (o.id, duty.role)
            for o in known.values()
            for duty in o.functions
            if duty.function == function and place in (duty.areas or o.areas or ("stad",))
        ]
        today = [(o, role) for o, role in holders if known[o].valid_on(DAY)]
        posts = [tellable(profile, o, role) for o, role in today or holders]
        silent = [p for p in posts if p and (today or function not in {d.function for d in known[p[1]].functions})]
        told = [organisation for _, organisation in silent]
        if told:
            return told
    return []


@examples(400)
@given(cases())
def test_whoever_the_registry_makes_responsible_acts(case: Case) -> None:
    """Also whoever took over from an organisation that is no more; whatever else is asked of others."""
    wanted = {o for c in case.matter.causes if c.asked is Action.ACT for o in responsible(case.profile, c)}
    assert wanted <= at_work(plan(case.profile, case.matter, START))


@examples(400)
@given(cases())
def test_for_everything_that_is_wrong_somebody_acts_or_it_is_said_that_nobody_is_known_to(case: Case) -> None:
    for cause in case.matter.causes:
        if cause.asked is Action.ACT and not cause.notify:
            rows = plan(case.profile, only(case.matter, cause), START)
            assert [r for r in rows if r.action is Action.ACT or r.responsibility_unresolved]


@examples(200)
@given(cases())
def test_an_organisation_that_is_no_more_or_not_yet_is_told_nothing(case: Case) -> None:
    """However it is named: operator, owner, user, counterpart, by law, by a rule, by a level, as the one to decide."""
    known = case.profile.policy.registry.organisations
    assert [r for r in plan(case.profile, case.matter, START) if not known[r.organisation].valid_on(DAY)] == []


@examples(200)
@given(cases())
def test_whoever_must_be_told_by_law_is(case: Case) -> None:
    registry = case.profile.policy.registry
    rows = {r.post: r for r in plan(case.profile, case.matter, START) if r.action is not Action.DECIDE}
    for fact in (f for c in case.matter.causes for f in c.facts if f.areas):
        for organisation in registry.organisations.values():
            here = {a for area in fact.areas for a in registry.ancestors(area)}
            if organisation.areas and not here & set(organisation.areas):
                continue
            for duty in (d for d in organisation.statutory if fact.kind in d.kinds):
                post = tellable(case.profile, organisation.id, duty.role)
                assert post is None or rows[post].action.rank <= duty.action.rank


# --- nobody is displaced, nobody's responsibility is taken over ------------------------------------------------------


@examples(200)
@given(cases())
def test_dependents_and_users_never_displace_who_is_responsible(case: Case) -> None:
    bare = without(case, "assets", depends_on=[], users=[])
    assert acting(plan(bare, case.matter, START)) <= at_work(plan(case.profile, case.matter, START))


@examples(200)
@given(cases())
def test_a_counterpart_coordinates_and_takes_nothing_over(case: Case) -> None:
    rows = plan(case.profile, case.matter, START)
    bare = plan(without(case, "organisations", counterpart=None), case.matter, START)
    assert acts(rows) == acts(bare)
    known = {r.key: r.action for r in bare}
    added = [r for r in rows if known.get(r.key) is not r.action]
    assert [r for r in added if r.action is not Action.COORDINATE or r.principle is not Principle.COOPERATION] == []


@examples(200)
@given(cases())
def test_an_owner_is_never_asked_to_act_for_what_it_owns(case: Case) -> None:
    rows = plan(case.profile, case.matter, START)
    bare = plan(without(case, "assets", owner=None, manager=None), case.matter, START)
    assert acts(rows) == acts(bare)


@examples(200)
@given(cases())
def test_sectors_parents_and_supervisors_move_no_responsibility(case: Case) -> None:
    bare = without(case, "organisations", parent=None, supervisors=[])
    assert plan(bare, case.matter, START) == plan(case.profile, case.matter, START)


@examples(200)
@given(cases(), st.sampled_from(LEVELS), st.sampled_from(LEVELS), st.sampled_from(list(ProposalState)))
def test_no_level_and_no_decision_takes_over_what_somebody_answers_for(
    case: Case, level: str, declared: str, state: ProposalState
) -> None:
    proposals = tuple(p.model_copy(update={"state": state}) for p in case.matter.proposals)
    quiet = matter_of(case.matter.causes, LEVELS[0], LEVELS[0])
    loud = case.matter.model_copy(update={"alert_level": level, "declared_state": declared, "proposals": proposals})
    assert acts(plan(case.profile, quiet, START)) <= acts(plan(case.profile, loud, START))


@examples(200)
@given(cases())
def test_one_more_report_asks_nobody_less(case: Case) -> None:
    """Where the first already said where it is: a place that was unknown was taken for the whole city."""
    cause = case.matter.causes[-1]
    first = cause.model_copy(update={"facts": cause.facts[:1]})
    assume(len(cause.facts) > 1 and set(cause.facts[0].areas))
    assert acting(plan(case.profile, only(case.matter, first), START)) <= acting(
        plan(case.profile, only(case.matter, cause), START)
    )


@examples(200)
@given(cases(), st.integers(0, 2))
def test_one_more_cause_takes_nobody_away(case: Case, at: int) -> None:
    """Whenever it was opened: a matter that joins this one may bring older causes. A role that a rule names without its
    organisation among them."""
    causes = case.matter.causes
    fewer = case.matter.model_copy(update={"causes": causes[:at] + causes[at + 1 :]})
    assume(fewer.causes)
    before, after = (plan(case.profile, m, START) for m in (fewer, case.matter))
    assert acting(before) <= at_work(after)
    # Whoever stands in because nobody is known may not be needed any more; alert's plan keeps it all the same (below).
    lasting = {r.organisation for r in before if not r.responsibility_unresolved}
    stood_in = {case.profile.roster.last_resort[1]} if any(r.responsibility_unresolved for r in before) else set()
    assert lasting - stood_in <= {r.organisation for r in after}


# --- the plan of a matter over time ----------------------------------------------------------------------------------


def told(profile: Profile, state: State[Any], matter: Matter, now: datetime = START) -> tuple[State[Any], list[Notice]]:
    taken = step(profile, state, MatterChanged(matter=matter, change=""), now)
    entries = {k: v for k, v in (dict(state.entries) | dict(taken.changes)).items() if v is not None}
    return State(state.realm, state.key, entries), [o.message for o in taken.outputs if isinstance(o.message, Notice)]


def planned(state: State[Any]) -> dict[str, Action]:
    return {e.row.key: e.row.action for e in state.entries.values() if isinstance(e, Obligation)}


@examples(200)
@given(cases(), st.randoms(use_true_random=False))
def test_nothing_that_happens_takes_anybody_out_of_the_plan_or_weakens_them(case: Case, dice: random.Random) -> None:
    """Facts, causes and levels come and go, the registry is another one, organisations end and begin."""
    causes = case.matter.causes
    state: State[Any] = State("live", case.matter.id, {})
    fewer = without(case, "assets", depends_on=[], users=[])
    for number in range(5):
        some = tuple(c for c in causes if dice.random() < 0.7) or causes[:1]
        grown = tuple(c.model_copy(update={"facts": c.facts[: dice.randint(1, 2)]}) for c in some)
        matter = case.matter.model_copy(
            update={
                "causes": grown,
                "alert_level": dice.choice(LEVELS),
                "generation": number + 1,
                "proposals": dice.choice([(), case.matter.proposals]),
            }
        )
        before = planned(state)
        now = dice.choice([START, LATER]) + timedelta(minutes=number)
        state, _ = told(dice.choice([case.profile, fewer]), state, matter, now)
        after = planned(state)
        assert {k: a for k, a in before.items() if k not in after or after[k].rank > a.rank} == {}


@examples(200)
@given(cases())
def test_what_has_nothing_to_do_with_it_changes_nothing(case: Case) -> None:
    """An organisation with its area, its function, its asset, its kind of incident, its law and its dependents."""
    spec = case.spec
    organisation = {
        "id": "annan",
        "name": "Annan",
        "kind": "board",
        "relation": "direct",
        "functions": ["f9"],
        "areas": ["d9"],
        "coordinates": ["d9"],
        "duty": "r9",
        "head": "r1",
        "statutory": [{"kinds": ["k9"], "law": "lagen (2000:2)", "action": "act"}],
    }
    asset = {"id": "a9", "name": "A9", "kind": "x", "area": "d9", "operator": "annan", "needs": ["f9"]}
    hall = asset | {"id": "a8", "name": "A8", "depends_on": ["a9"], "users": ["annan"]}
    more = {
        "areas": [{"id": "d9", "name": "D9", "kind": "district", "parent": "stad"}],
        "functions": [{"id": "f9", "name": "F9"}],
        "organisations": [organisation],
        "assets": [asset, hall],
        "incident_kinds": [{"id": "k9", "name": "k9", "functions": ["f9"], "lacks": "f9", "cuts": "f9"}],
        "roles": [{"id": "r9", "name": "R9"}],
        "duties": [{"role": "r9", "organisation": "annan", "holder": "p1", "covered_by": "tib"}],
    }
    grown = profile_of(spec | {section: [*spec[section], *entries] for section, entries in more.items()})
    assert plan(grown, case.matter, START) == plan(case.profile, case.matter, START)


# --- texts and people ------------------------------------------------------------------------------------------------

ORDERS = ("Du ska", "Gör först")


@examples(200)
@given(cases(), st.sampled_from(Medium), st.sampled_from(LEVELS))
def test_nobody_outside_and_no_company_is_ever_ordered(case: Case, medium: Medium, level: str) -> None:
    causes = tuple(c.model_copy(update={"first_step": "Stäng ventilen"}) for c in case.matter.causes)
    matter = case.matter.model_copy(update={"causes": causes})
    state, first = told(case.profile, State("live", matter.id, {}), matter)
    _, risen = told(case.profile, state, matter.model_copy(update={"alert_level": level, "generation": 2}))
    known = case.profile.policy.registry.organisations
    for notice in (*first, *risen):
        free = [a for a in notice.asked if known[a.organisation].relation is not Relation.DIRECT]
        said = (
            compose(case.profile, (notice.model_copy(update={"asked": tuple(free)}),), "live", medium) if free else None
        )
        assert said is None or not [order for order in ORDERS if order in said.title + said.body]
        assert [a for a in free if known[a.organisation].kind is OrganisationKind.BOARD] == []


@examples(200)
@given(cases(), st.sampled_from(LEVELS))
def test_an_exercise_and_the_live_city_never_meet(case: Case, level: str) -> None:
    posts = [(d["role"], d["organisation"]) for d in case.spec["duties"]][1:2]
    drill = {
        "id": "ovning",
        "name": "Övning",
        "leader": "x1",
        "participants": [{"role": r, "organisation": o, "person": "x2"} for r, o in posts],
    }
    players = [{"id": p, "name": p} for p in ("x1", "x2")]
    profile = profile_of(case.spec | {"exercises": [drill], "persons": [*case.spec["persons"], *players]})
    heard: dict[str, set[str]] = {}
    for realm in ("live", "exercise/ovning"):
        state, first = told(profile, State(realm, case.matter.id, {}), case.matter)
        _, then = told(profile, state, case.matter.model_copy(update={"alert_level": level, "generation": 2}))
        heard[realm] = {n.person for n in (*first, *then)}
    assert heard["exercise/ovning"] <= {"x1", "x2"}
    assert heard["exercise/ovning"]
    assert not heard["live"] & {"x1", "x2"}


# --- a role named without its organisation ---------------------------------------------------------------------------


def _without_adds(profile: Profile) -> Profile:
    """The profile with levels that add nobody."""
    ladder = profile.policy.ladder
    levels = tuple(level.model_copy(update={"adds": (), "adds_when_decided": ()}) for level in ladder.levels)
    return replace(profile, policy=replace(profile.policy, ladder=replace(ladder, levels=levels)))


@examples(200)
@given(cases())
def test_a_role_that_a_rule_names_alone_is_told_where_the_cause_has_reached_or_everywhere(case: Case) -> None:
    profile = case.profile
    known = profile.policy.registry.organisations
    cause = case.matter.causes[0]
    cause = cause.model_copy(
        update={"notify": (), "facts": tuple(f.model_copy(update={"areas": ()}) for f in cause.facts)}
    )
    named = cause.model_copy(update={"notify": (Addressee(role="r1"),)})
    bare = plan(_without_adds(profile), only(case.matter, cause), START)  # whom the cause itself leads to
    assume(
        not any(r.responsibility_unresolved for r in bare)
    )  # then a coordinator stands in, only as long as none is named
    led = [r for r in bare if r.principle is not Principle.AREA_RESPONSIBILITY]  # not who coordinates several others
    reached = {r.organisation for r in led if r.action is not Action.INFORM}
    reached &= {o for role, o in profile.roster.duties if role == "r1"}
    valid = {o for role, o in profile.roster.duties if role == "r1" and known[o].valid_on(DAY)}
    rows = plan(profile, only(case.matter, named), START)
    assert {o for o in reached or valid if ("r1", o) not in {r.post for r in rows}} == set()
