"""Matters that belong together across areas, and what a decision for a wider scope means for the narrower ones."""

from __future__ import annotations

from typing import Any

from rules.ladder import Action
from rules.matter import Basis, ProposalState
from tests.laws.strategies import TOWN, Play, town
from tests.unit.test_assess import NO_WATER, SPECIAL

DIRTY: dict[str, Any] = {
    "id": "dirty",
    "name": "Förorenat vatten",
    "when": {"incidents": "dirty"},
    "level": SPECIAL,
    "concerns": "water",
}
KINDS = [*TOWN["incident_kinds"], {"id": "dirty", "name": "Förorening", "functions": ["water"]}]


def play(*rules: dict[str, Any], **changes: Any) -> Play:
    return Play(town(rules, incident_kinds=KINDS, **changes), strict=True)


def by_area(run: Play) -> dict[str, Any]:
    return {m.area: m for m in run.matters}


# --- parents ---------------------------------------------------------------------------------------------------------


def test_reports_of_two_districts_that_relate_get_a_parent_that_names_them() -> None:
    run = play()
    run.incident("leak", "l1", area="nord.ett")
    run.incident("pothole", "h1", area="syd.ett", relates_to=("l1",))
    found = by_area(run)
    assert set(found) == {"nord", "syd", "stad"}
    (cause,) = found["stad"].causes
    assert {f.key for f in cause.facts} == {f"matter:{found['nord'].id}", f"matter:{found['syd'].id}"}
    assert [a.matter for a in found["nord"].above] == [found["stad"].id]
    assert run.rows(found["stad"].id) == {
        ("tib", "stab"): "coordinate",
        ("cib", "nord"): "coordinate",
        ("cib", "syd"): "coordinate",
    }


def test_a_parent_orders_nobodys_work_anew() -> None:
    run = play()
    run.incident("leak", "l1", area="nord.ett")
    run.heard()
    run.incident("pothole", "h1", area="syd.ett", relates_to=("l1",))
    found = by_area(run)
    assert run.rows(found["nord"].id)["drift", "vatten"] == "act"
    assert run.rows(found["syd"].id)["gatujour", "gatan"] == "act"
    assert "vatten-drift-1" not in run.told()


def test_reports_that_do_not_relate_get_no_parent() -> None:
    run = play()
    run.incident("leak", "l1", area="nord.ett")
    run.incident("pothole", "h1", area="syd.ett")
    run.incident("leak", "l2", area="ost.ett")
    assert set(by_area(run)) == {"nord", "syd", "ost"}


def test_the_order_of_the_reports_does_not_matter_for_who_belongs_together() -> None:
    run = play()
    run.incident("pothole", "h1", area="syd.ett", relates_to=("l1",))
    run.incident("leak", "l1", area="nord.ett")
    assert set(by_area(run)) == {"nord", "syd", "stad"}


def test_a_third_district_joins_the_parent_and_those_engaged_hear_of_it() -> None:
    run = play()
    run.incident("leak", "l1", area="nord.ett")
    run.incident("pothole", "h1", area="syd.ett", relates_to=("l1",))
    run.heard()
    run.incident("pothole", "h2", area="ost.ett", relates_to=("h1",))
    parents = [m for m in run.matters if m.area == "stad"]
    assert [len(m.open_causes[0].facts) for m in parents] == [3]
    assert {"stab-tib-1", "ost-cib-1"} <= run.told()


def test_two_parents_that_turn_out_to_be_one_are_one() -> None:
    run = play()
    run.incident("leak", "a", area="nord.ett")
    run.incident("pothole", "b", area="syd.ett", relates_to=("a",))
    run.incident("fire", "c", area="nord.tva")
    run.incident("pump", "d", area="ost.ett", relates_to=("c",))
    assert len([m for m in run.open if m.area == "stad"]) == 2
    run.incident("pump", "e", area="ost.tva", relates_to=("a", "d"))
    (parent,) = [m for m in run.open if m.area == "stad"]
    assert {f.key for f in parent.open_causes[0].facts} == {f"matter:{m.id}" for m in run.open if m.area != "stad"}


def test_the_parent_closes_when_every_child_has_and_opens_again_with_one() -> None:
    run = play()
    run.incident("leak", "l1", area="nord.ett")
    run.incident("pothole", "h1", area="syd.ett", relates_to=("l1",))
    run.at(5).over("l1", area="nord.ett")
    parent = by_area(run)["stad"]
    assert parent.open
    run.at(6).over("h1", area="syd.ett")
    assert run.open == []
    run.at(10).incident("leak", "l1", area="nord.ett")
    assert {m.area for m in run.open} == {"nord", "stad"}
    assert [m.id for m in run.open if m.area == "stad"] == [parent.id]


def test_an_assets_need_joins_the_citys_matter_that_supplies_it() -> None:
    run = play(DIRTY, NO_WATER)
    run.incident("dirty", "d", area="nord.tva")
    run.incident("no-water", "n", asset="boende")
    found = by_area(run)
    assert set(found) == {"stad", "nord"}
    assert [a.matter for a in found["nord"].above] == [found["stad"].id]


def test_an_assets_need_does_not_join_a_matter_of_the_city_that_is_about_another_district() -> None:
    run = play(DIRTY, NO_WATER)
    run.incident("dirty", "d", area="syd.tva")
    run.incident("no-water", "n", asset="boende")
    assert by_area(run)["nord"].above == ()


def test_danger_to_life_in_a_child_is_danger_in_the_parent() -> None:
    run = play()
    run.incident("fire", "f", area="nord.ett")
    run.incident("leak", "l", area="syd.ett", relates_to=("f",))
    assert by_area(run)["stad"].danger_to_life


# --- supersession ----------------------------------------------------------------------------------------------------


def pending_below() -> Play:
    """The city's contaminated water and a home without it in the north, both waiting for a decision."""
    run = play(DIRTY, NO_WATER)
    run.incident("dirty", "d", area="nord.tva")
    run.incident("no-water", "n", asset="boende")
    run.heard()
    return run


def grant(run: Play, level: str = SPECIAL) -> None:
    city = by_area(run)["stad"]
    run.decide("grant", "stab-chef-1", "chef", matter=city.id, level=level)


def test_a_wider_grant_supersedes_a_childs_pending_proposal_and_its_level_stands() -> None:
    run = pending_below()
    grant(run)
    child = by_area(run)["nord"]
    assert [p.state for p in child.proposals] == [ProposalState.SUPERSEDED]
    assert (child.alert_level, child.basis, child.declared_state) == (SPECIAL, Basis.WIDER, "normal")
    assert "behöver inget eget beslut" in run.said()
    assert "nord-direktor-1" in run.told()
    run.at(20)
    late = [a.action for n in run.heard() if n.matter == child.id for a in n.asked]
    assert Action.DECIDE not in late


def test_a_narrower_grant_leaves_the_wider_proposal_waiting() -> None:
    run = pending_below()
    run.decide("grant", "nord-direktor-1", "direktor", matter=by_area(run)["nord"].id, level=SPECIAL)
    city = by_area(run)["stad"]
    assert city.proposal is not None
    assert city.proposal.pending


def test_a_wider_grant_leaves_the_proposal_of_a_matter_that_is_no_part_of_it() -> None:
    run = play(DIRTY, NO_WATER)
    run.incident("dirty", "d", area="syd.tva")
    run.incident("no-water", "n", asset="boende")
    grant(run)
    child = by_area(run)["nord"]
    assert child.proposal is not None
    assert child.proposal.pending


def test_what_comes_under_a_granted_matter_needs_no_decision_of_its_own() -> None:
    run = play(DIRTY, NO_WATER)
    run.incident("dirty", "d", area="nord.tva")
    grant(run)
    run.incident("no-water", "n", asset="boende")
    child = by_area(run)["nord"]
    assert [p.state for p in child.proposals] == [ProposalState.SUPERSEDED]
    assert child.alert_level == SPECIAL


def test_when_the_wider_decision_is_lowered_the_child_asks_anew_and_keeps_its_level() -> None:
    run = pending_below()
    grant(run)
    grant(run, "normal")
    child = by_area(run)["nord"]
    assert child.proposal is not None
    assert child.proposal.pending
    assert (child.alert_level, child.basis) == (SPECIAL, Basis.PROVISIONAL)


def test_what_a_narrower_decider_has_refused_is_not_raised_by_the_wider_decision() -> None:
    run = pending_below()
    run.decide("refuse", "nord-direktor-1", "direktor", matter=by_area(run)["nord"].id)
    grant(run)
    assert by_area(run)["nord"].alert_level == "normal"
