"""Who answers for what is wrong, and whom it takes something from, derived from the registry: one sentence each.

The town: nord, syd and ost are district boards; vatten is a company; natet owns the grid and is outside the city.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from notifiers.notice import Row
from notifiers.principles import plan
from notifiers.profile import Profile
from rules.action import Action, Principle
from rules.ladder import Addressee
from rules.matter import Cause, Direction, Fact, Proposal
from tests.laws.strategies import START, TOWN, matter_of, town

Told = dict[tuple[str, str], str]


def fact(kind: str = "fire", number: int = 1, **more: Any) -> Fact:
    return Fact(key=f"incident:{number}", said="något", at=START, kind=kind, areas=("nord",)).model_copy(update=more)


def cause(*facts: Fact, **more: Any) -> Cause:
    given = Cause(
        id="c",
        rule="r",
        name="Orsak",
        level="normal",
        because="därför",
        facts=facts,
        reported=True,
        policy="test",
        opened_at=START,
    )
    return given.model_copy(update=more)


def rows(profile: Profile, *causes: Cause, at: datetime = START) -> tuple[Row, ...]:
    return plan(profile, matter_of(causes, "normal", "normal"), at)


def told(profile: Profile, *causes: Cause, at: datetime = START) -> Told:
    """What is expected of whom."""
    return {r.post: r.action.value for r in rows(profile, *causes, at=at)}


def because(profile: Profile, post: tuple[str, str], *causes: Cause) -> str:
    return next(r.because for r in rows(profile, *causes) if r.post == post)


def asset(name: str, operator: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name.title(), "kind": "x", "area": "nord.ett", "operator": operator} | more


def organisations(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The town's organisations with these fields of some of them changed, and new ones added."""
    known = {o["id"]: o for o in TOWN["organisations"]}
    new = [c for name, c in changes.items() if name not in known]
    return [o | changes.get(o["id"], {}) for o in known.values()] + new


def kinds(**more: Any) -> list[dict[str, Any]]:
    return [*TOWN["incident_kinds"], {"id": "blackout", "name": "Strömavbrott", "functions": ["power"]} | more]


MERGED = {
    "id": "gamla",
    "name": "Gamla",
    "kind": "board",
    "relation": "direct",
    "duty": "cib",
    "valid_to": "2026-09-30",
    "succeeded_by": "syd",
}
"""A board that syd took over two weeks ago."""


# --- order -----------------------------------------------------------------------------------------------------------


def test_the_reason_is_the_same_whatever_order_the_reports_are_told_in() -> None:
    """Found by a law: the first fact of the tuple, not the first report, gave the reason."""
    two = town(assets=[asset("ett", "syd"), asset("tva", "syd")])
    first, second = fact(asset="ett"), fact(asset="tva", number=2)
    assert rows(two, cause(first, second)) == rows(two, cause(second, first))
    assert because(two, ("cib", "syd"), cause(second, first)).startswith("Syd driver Ett")


# --- who is responsible ----------------------------------------------------------------------------------------------


def test_where_nobody_nearby_with_the_function_can_be_told_the_wider_area_answers() -> None:
    """Found by a law: an organisation without any post counted as found, and nobody was asked to act."""
    mute = {"id": "stum", "name": "Stum", "kind": "board", "relation": "direct"}
    small = town(organisations=organisations(stum=mute | {"functions": ["water"], "areas": ["nord"]}))
    assert told(small, cause(fact("leak"), functions=("water",)))["drift", "vatten"] == "act"
    orphan = town(organisations=organisations(stum=mute | {"functions": ["orphan"], "areas": ["nord"]}))
    unknown = rows(orphan, cause(fact("leak"), functions=("orphan",)))
    assert [r.post for r in unknown if r.responsibility_unresolved] == [("cib", "nord")]


def test_the_successor_answers_for_what_the_organisation_before_it_answered_for_and_says_so() -> None:
    merged = town(organisations=organisations(gamla=MERGED | {"functions": ["orphan"], "areas": ["nord"]}))
    lost = cause(fact(), functions=("orphan",))
    assert told(merged, lost)["cib", "syd"] == "act"
    assert "Syd (tog över efter Gamla) ansvarar för" in because(merged, ("cib", "syd"), lost)


def test_a_function_that_another_has_in_the_same_area_is_not_inherited() -> None:
    merged = town(organisations=organisations(gamla=MERGED | {"functions": ["water"], "areas": ["stad"]}))
    assert ("cib", "syd") not in told(merged, cause(fact("leak"), functions=("water",)))


def test_what_the_successor_says_itself_goes_before_what_it_took_over() -> None:
    """Järva has its own role for home care in the whole of Järva; what Rinkeby-Kista said of Kista is history."""
    own = {"functions": [{"function": "orphan", "areas": ["nord"], "role": "direktor"}]}
    before = MERGED | {"functions": ["orphan"], "areas": ["nord.ett"]}
    merged = town(organisations=organisations(gamla=before, syd=own))
    lost = cause(fact(areas=("nord.ett",)), functions=("orphan",))
    assert told(merged, lost) == {("direktor", "syd"): "act", ("cib", "nord"): "coordinate"}


def test_the_successor_coordinates_the_area_that_the_organisation_before_it_coordinated() -> None:
    before = MERGED | {"coordinates": ["nord"]}
    merged = town(organisations=organisations(gamla=before, nord={"coordinates": []}, syd={"coordinates": []}))
    assert told(merged, cause(fact("leak"), functions=("water",)))["cib", "syd"] == "coordinate"


def test_an_organisation_that_ended_without_a_successor_leaves_its_function_unresolved() -> None:
    ended = MERGED | {"functions": ["orphan"], "areas": ["stad"], "succeeded_by": None}
    unknown = rows(town(organisations=organisations(gamla=ended)), cause(fact(), functions=("orphan",)))
    assert [r.post for r in unknown if r.responsibility_unresolved] == [("cib", "nord")]
    assert "gamla" not in {r.organisation for r in unknown}


def test_a_successor_that_is_no_more_either_is_followed_to_the_one_after_it() -> None:
    chain = organisations(gamla=MERGED | {"succeeded_by": "nyare"}, nyare=MERGED | {"id": "nyare", "name": "Nyare"})
    merged = town(organisations=chain, assets=[asset("hus", "gamla")])
    assert told(merged, cause(fact(asset="hus")))["cib", "syd"] == "act"
    assert "Syd (tog över efter Gamla) driver Hus" in because(merged, ("cib", "syd"), cause(fact(asset="hus")))


def test_an_organisation_ends_at_midnight_by_the_citys_own_clocks() -> None:
    """The last day is 13 October: at 23:59 in Stockholm (21:59 UTC) it answers, at midnight its successor does."""
    merged = town(
        organisations=organisations(gamla=MERGED | {"valid_to": "2026-10-13"}), assets=[asset("hus", "gamla")]
    )
    burning = cause(fact(asset="hus"))
    before = told(merged, burning, at=datetime(2026, 10, 13, 21, 59, tzinfo=UTC))
    after = told(merged, burning, at=datetime(2026, 10, 13, 22, 0, tzinfo=UTC))
    assert before["cib", "gamla"] == "act"
    assert ("cib", "syd") not in before
    assert after["cib", "syd"] == "act"
    assert ("cib", "gamla") not in after


# --- whom it takes something from ------------------------------------------------------------------------------------


def test_a_counterpart_is_still_asked_to_act_for_its_own() -> None:
    """Found by a law: gatan kept in touch with natet, and so was not asked to act for its depot without power."""
    dark = [{"id": "dark", "name": "Mörkt", "functions": ["power"], "lacks": "power"}]
    depot = [asset("depa", "gatan")]
    small = town(organisations=organisations(natet={"counterpart": "gatan"}), incident_kinds=dark, assets=depot)
    blackout = cause(fact("dark", asset="depa"))
    assert told(small, blackout)["gatujour", "gatan"] == "act"
    assert told(small, blackout)["natdrift", "natet"] == "act"


def test_a_district_that_coordinates_is_at_work_and_not_asked_once_more_for_its_care_home() -> None:
    leak = cause(fact("leak"), functions=("water",))
    dry = cause(fact("no-water", asset="boende"), id="d")
    assert told(town(), leak, dry) == {("drift", "vatten"): "act", ("cib", "nord"): "coordinate"}
    assert told(town(), dry)["cib", "nord"] == "act"


def test_an_organisation_that_acts_is_not_asked_once_more_for_its_own_activity() -> None:
    crew = organisations(vatten={"functions": [{"function": "water", "role": "vd"}]})
    small = town(organisations=crew, assets=[asset("kontor", "vatten")])
    assert told(small, cause(fact("no-water", asset="kontor"))) == {
        ("vd", "vatten"): "act",
        ("cib", "nord"): "coordinate",
    }


def test_whoever_took_over_and_acts_already_is_not_asked_once_more_either() -> None:
    """Found by reading: the operator's old name was sought among those who act today."""
    crew = organisations(
        gamla=MERGED, syd={"functions": [{"function": "water", "role": "direktor"}], "areas": ["stad"]}
    )
    water = [o if o["id"] != "vatten" else o | {"functions": []} for o in crew]
    small = town(organisations=water, assets=[asset("skola", "gamla")])
    asked = told(small, cause(fact("no-water", asset="skola")))
    assert {post: action for post, action in asked.items() if post[1] == "syd"} == {("direktor", "syd"): "act"}


# --- who decides -----------------------------------------------------------------------------------------------------


def asks_for_a_decision(profile: Profile, organisation: str) -> Told:
    """What a pending proposal asks, beside what the cause does."""
    waiting = Proposal(
        number=1,
        level="särskild händelse",
        direction=Direction.RAISE,
        scope="nord",
        role="cib",
        organisation=organisation,
        because="därför",
        causes=("c",),
        proposed_at=START,
        decide_by=START,
    )
    quiet = cause(fact("leak"), functions=("water",))
    found = plan(profile, matter_of((quiet,), "normal", "normal", waiting), START)
    return {r.post: r.action.value for r in found if r.action is Action.DECIDE or r.organisation == "stab"}


def test_a_proposal_asks_the_post_of_whoever_took_over() -> None:
    """Found by a law: the board that is no more was asked."""
    assert asks_for_a_decision(town(organisations=organisations(gamla=MERGED)), "gamla") == {("cib", "syd"): "decide"}


def test_a_proposal_whose_post_is_gone_asks_the_duty_officer_to_find_somebody_who_may() -> None:
    """An organisation that had left the profile broke the step."""
    ended = organisations(gamla=MERGED | {"succeeded_by": None})
    assert asks_for_a_decision(town(organisations=ended), "gamla") == {("tib", "stab"): "act"}
    assert asks_for_a_decision(town(), "finns-inte") == {("tib", "stab"): "act"}


# --- users, dependents, needs ----------------------------------------------------------------------------------------

SYSTEM = asset("system", "gatan", users=[{"organisation": "syd", "role": "direktor"}, "ost", "natet"])


def test_each_user_of_an_asset_acts_for_its_own_activity_by_the_role_it_names() -> None:
    small = town(assets=[SYSTEM])
    asked = told(small, cause(fact(asset="system")))
    assert (asked["gatujour", "gatan"], asked["direktor", "syd"], asked["cib", "ost"]) == ("act", "act", "act")
    why = because(small, ("direktor", "syd"), cause(fact(asset="system")))
    assert why == "Syd använder System och ansvarar för sin egen verksamhet (ansvarsprincipen)"


def test_a_user_outside_the_city_is_told_and_not_asked() -> None:
    assert told(town(assets=[SYSTEM]), cause(fact(asset="system")))["natdrift", "natet"] == "inform"


def test_one_gauge_alone_asks_no_users() -> None:
    assert {o for _, o in told(town(assets=[SYSTEM]), cause(fact(asset="system"), reported=False))} == {"gatan"}


CHAIN = [
    asset("station", "natet", depends_on=["ledning"]),
    asset("mast", "syd", depends_on=["station"]),
    asset("skola", "ost", depends_on=["mast"]),
    asset("ledning", "natet", depends_on=["skola"]),
]
"""station -> mast -> skola, and round again."""


def test_what_depends_on_an_asset_is_found_through_a_chain_and_a_ring_ends() -> None:
    asked = told(town(assets=CHAIN), cause(fact(asset="station")))
    assert (asked["natdrift", "natet"], asked["cib", "syd"], asked["cib", "ost"]) == ("act", "inform", "inform")


def test_what_depends_on_an_asset_acts_when_something_is_cut() -> None:
    dark = cause(fact("blackout", asset="station"))
    asked = told(town(assets=CHAIN, incident_kinds=kinds(cuts="power")), dark)
    assert (asked["cib", "syd"], asked["cib", "ost"]) == ("act", "act")


def test_what_is_cut_asks_those_there_who_need_it_and_nobody_elsewhere() -> None:
    homes = [asset("hem", "syd", needs=["power"]), asset("borta", "ost", area="ost.ett", needs=["power"])]
    small = town(assets=[*homes, asset("torr", "gatan", needs=["water"])], incident_kinds=kinds(cuts="power"))
    asked = told(small, cause(fact("blackout"), functions=("power",)))
    assert asked["cib", "syd"] == "act"
    assert not {"ost", "gatan"} & {o for _, o in asked}
    why = because(small, ("cib", "syd"), cause(fact("blackout")))
    assert why.startswith("Syd driver Hem, som behöver el, och ansvarar för sin egen verksamhet")


# --- law, and somebody outside ---------------------------------------------------------------------------------------

LAW = {"kinds": ["leak"], "law": "miljöbalken (1998:808)"}
AGENCY = {
    "id": "tillsyn",
    "name": "Tillsynen",
    "kind": "external",
    "relation": "inform",
    "duty": "drift",
    "areas": ["syd"],
    "statutory": [LAW],
}


def test_whoever_must_be_told_by_law_is_told_of_that_kind_in_its_area_only() -> None:
    small = town(organisations=organisations(tillsyn=AGENCY))
    assert told(small, cause(fact("leak", areas=("syd.ett",))))["drift", "tillsyn"] == "inform"
    assert ("drift", "tillsyn") not in told(small, cause(fact("leak")))
    assert ("drift", "tillsyn") not in told(small, cause(fact("pothole", areas=("syd.ett",))))
    why = because(small, ("drift", "tillsyn"), cause(fact("leak", areas=("syd.ett",))))
    assert why == "Tillsynen ska få veta om läcka enligt miljöbalken (1998:808) (lagstadgad uppgift)"


def test_another_fact_in_the_area_does_not_make_a_kind_elsewhere_its_matter() -> None:
    small = town(organisations=organisations(tillsyn=AGENCY))
    assert ("drift", "tillsyn") not in told(small, cause(fact("leak"), fact("pothole", 2, areas=("syd.ett",))))


def test_somebody_outside_who_is_responsible_gets_a_counterpart_in_the_city_that_only_coordinates() -> None:
    small = town(organisations=organisations(natet={"counterpart": "gatan"}))
    found = {r.post: r for r in rows(small, cause(fact("fire"), functions=("power",)))}
    assert found["natdrift", "natet"].action is Action.ACT
    assert (found["gatujour", "gatan"].action, found["gatujour", "gatan"].principle) == (
        Action.COORDINATE,
        Principle.COOPERATION,
    )
    assert "samordnar utan rätt att bestämma" in found["gatujour", "gatan"].because


# --- a role that a rule names without its organisation ---------------------------------------------------------------


def heads(profile: Profile, *facts: Fact, **more: Any) -> set[str]:
    """Where the director is told, who is named without an organisation and whom three districts have."""
    found = told(profile, cause(*facts, notify=(Addressee(role="direktor"),), **more))
    return {organisation for role, organisation in found if role == "direktor"}


def test_a_role_named_alone_is_told_in_the_district_that_is_touched() -> None:
    assert heads(town(), fact("leak"), functions=("water",)) == {"nord"}


def test_a_role_named_alone_is_told_where_a_cause_in_the_whole_city_has_reached() -> None:
    small = town(assets=[asset("hem", "syd")])
    assert heads(small, fact("fire", asset="hem", areas=("stad",))) == {"syd"}


def test_a_role_named_alone_is_told_everywhere_when_nobody_who_has_it_is_reached() -> None:
    assert heads(town(), fact("leak", areas=("stad",)), functions=("water",)) == {"nord", "syd", "ost"}
