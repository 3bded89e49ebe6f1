"""Two matters joined, a cause split off, a matter closed: by a person whom the delegation table allows it."""

from __future__ import annotations

from typing import Any

import pytest

from rules.matter import Matter, ProposalState
from rules.record import Happening
from tests.laws.strategies import TOWN, Play, town
from tests.unit.test_assess import HIGH_AT_ONCE, NO_WATER, SPECIAL

MAY = [
    {
        "role": "tib",
        "level": level,
        "scope": "stad",
        "may": ["close", "join", "split"][first:],
        "persons": ["stab-tib-1"],
    }
    for level, first in (("normal", 0), (SPECIAL, 1))
]


def play(*rules: dict[str, Any]) -> Play:
    return Play(town(rules, delegations=[*TOWN["delegations"], *MAY]), strict=True)


def titled(run: Play, word: str) -> Matter:
    return next(m for m in reversed(run.matters) if word in m.title)


def join(run: Play, one: str, other: str, person: str = "stab-tib-1", by: str = "tib") -> None:
    run.decide("join", person, by, matter=titled(run, one).id, into=titled(run, other).id, reason="Samma hål.")


def split(run: Play, one: str, cause: str, person: str = "stab-tib-1") -> None:
    run.decide("split", person, "tib", matter=titled(run, one).id, cause=cause)


def refusals(run: Play) -> list[str]:
    return [line.said for line in run.log if line.what is Happening.REFUSED]


def two() -> Play:
    run = play(NO_WATER, HIGH_AT_ONCE)
    run.incident("pothole", "h", area="nord.ett")
    run.incident("leak", "l", area="nord.tva")
    run.heard()
    return run


# --- join ------------------------------------------------------------------------------------------------------------


def test_a_joined_matter_has_the_causes_and_rows_of_both_and_the_other_points_to_it() -> None:
    run = two()
    join(run, "Hål", "Läcka")
    (open_,) = run.open
    assert {c.name for c in open_.open_causes} == {"Hål i gatan", "Läcka"}
    gone = titled(run, "Hål")
    assert (gone.open, gone.joined_into) == (False, open_.id)
    assert run.rows(open_.id).items() >= {("gatujour", "gatan"): "act", ("drift", "vatten"): "act"}.items()
    assert "tib (stab-tib-1) förde ihop" in run.said()
    assert "Samma hål." in run.said()


def test_nobody_is_told_that_a_joined_matter_is_over_and_those_it_engaged_are_asked_where_it_goes_on() -> None:
    run = two()
    join(run, "Hål", "Läcka")
    heard = run.heard()
    assert "all_clear" not in {n.purpose.value for n in heard}
    asked = [n for n in heard if n.person == "gatan-gatujour-1"]
    assert {n.matter for n in asked} == {titled(run, "Läcka").id}
    assert asked[0].answerable


def test_a_row_that_only_the_joined_matters_plan_had_goes_with_it() -> None:
    """A report that is corrected leaves its row behind, since a plan only grows; the row follows the matter."""
    run = two()
    run.incident("pothole", "h", area="nord.ett", asset="boende")
    before = run.rows(titled(run, "Hål").id)
    join(run, "Hål", "Läcka")
    assert set(before) <= set(run.rows(titled(run, "Läcka").id))


def test_the_higher_level_stands_after_a_join_whichever_way_it_goes() -> None:
    for one, other in (("Hål", "Inget"), ("Inget", "Hål")):
        run = play(NO_WATER)
        run.incident("pothole", "h", area="nord.ett")
        run.incident("no-water", "n", asset="boende")
        join(run, one, other)
        (matter,) = run.open
        assert matter.alert_level == SPECIAL
        assert [p.state for p in matter.proposals] == [ProposalState.PENDING]
        run.decide("grant", "nord-direktor-1", "direktor", matter=matter.id)
        assert run.open[0].declared_state == SPECIAL


def test_what_was_decided_in_either_is_decided_in_the_joined() -> None:
    run = play(NO_WATER)
    run.incident("pothole", "h", area="nord.ett")
    run.incident("no-water", "n", asset="boende")
    run.decide("grant", "nord-direktor-1", "direktor", matter=titled(run, "Inget").id)
    join(run, "Inget", "Hål")
    (matter,) = run.open
    assert (matter.declared_state, matter.alert_level) == (SPECIAL, SPECIAL)
    assert [p.state for p in matter.proposals] == [ProposalState.GRANTED]


def test_what_was_refused_is_not_proposed_again_by_a_join() -> None:
    run = play(NO_WATER)
    run.incident("pothole", "h", area="nord.ett")
    run.incident("no-water", "n", asset="boende")
    run.decide("refuse", "nord-direktor-1", "direktor", matter=titled(run, "Inget").id)
    join(run, "Inget", "Hål")
    (matter,) = run.open
    assert [p.state for p in matter.proposals] == [ProposalState.REFUSED]


def test_of_two_proposals_that_wait_one_does() -> None:
    run = play(NO_WATER, HIGH_AT_ONCE)
    run.reading("l-nord", 4.0)
    run.incident("no-water", "n", asset="boende")
    join(run, "Inget", "Högt")
    (matter,) = run.open
    assert sorted(p.state for p in matter.proposals) == [ProposalState.PENDING, ProposalState.SUPERSEDED]
    assert matter.proposal is not None
    assert matter.proposal.pending


def test_a_rule_goes_on_in_the_matter_its_cause_was_joined_into() -> None:
    run = play(NO_WATER)
    run.incident("pothole", "h", area="nord.ett")
    run.incident("no-water", "n", asset="boende")
    join(run, "Inget", "Hål")
    run.at(5).over("n", asset="boende")
    run.at(40)
    (matter,) = run.open
    assert [c.name for c in matter.open_causes] == ["Hål i gatan"]
    run.over("h", area="nord.ett")
    assert run.open == []


def test_what_comes_later_about_a_joined_matter_comes_to_where_it_went() -> None:
    run = two()
    gone = titled(run, "Hål").id
    join(run, "Hål", "Läcka")
    run.incident("fire", "f", area="nord.ett", relates_to=(gone,))
    assert len(run.open) == 1


@pytest.mark.parametrize(
    ("person", "by", "said"),
    [("nord-cib-1", "cib", "nord-cib-1 får inte som cib föra ihop"), ("stab-tib-1", "chef", "får inte som chef")],
)
def test_whoever_is_not_delegated_may_not_join(person: str, by: str, said: str) -> None:
    run = two()
    join(run, "Hål", "Läcka", person, by)
    assert len(run.open) == 2
    assert said in refusals(run)[0]


def test_matters_of_different_areas_are_not_joined() -> None:
    run = two()
    run.incident("fire", "f", area="syd.ett")
    join(run, "Hål", "Brand")
    assert "bara ärenden i samma område" in refusals(run)[0]
    assert len(run.open) == 3


def test_a_matter_is_not_joined_with_itself_nor_hojd_beredskap_with_anything() -> None:
    run = play()
    run.incident("fire", "f", area="stad")
    for person in ("stab-tib-1", "stab-tib-2"):
        run.decide("declare", person, "regeringen", level="höjd beredskap", reference="Fö 1")
    join(run, "Brand", "Brand")
    join(run, "Brand", "Höjd")
    join(run, "Höjd", "Brand")
    assert len(run.open) == 2
    assert "med sig självt" in refusals(run)[0]
    assert all("ärende för sig" in said for said in refusals(run)[1:])


# --- split -----------------------------------------------------------------------------------------------------------


def joined() -> Play:
    run = play(NO_WATER)
    run.incident("pothole", "h", area="nord.ett")
    run.incident("no-water", "n", asset="boende")
    join(run, "Inget", "Hål")
    run.heard()
    return run


def test_a_cause_split_off_is_a_matter_of_its_own_with_its_level_and_the_rest_goes_on() -> None:
    run = joined()
    split(run, "Hål", "no-water")
    new, old = titled(run, "Inget"), titled(run, "Hål")
    assert new.open
    assert (new.alert_level, [c.rule for c in new.open_causes]) == (SPECIAL, ["no-water"])
    assert (old.alert_level, [c.rule for c in old.open_causes]) == ("normal", ["everyday"])
    assert {"vatten-drift-1", "nord-direktor-1"} <= run.told()
    assert "delade ut «Inget vatten»" in run.said()


def test_a_split_weakens_no_row_of_the_matter_it_leaves() -> None:
    run = joined()
    before = run.rows(titled(run, "Hål").id)
    split(run, "Hål", "no-water")
    assert run.rows(titled(run, "Hål").id) == before


def test_what_was_decided_for_the_cause_goes_with_it() -> None:
    run = joined()
    run.decide("grant", "nord-direktor-1", "direktor", matter=titled(run, "Hål").id)
    split(run, "Hål", "no-water")
    new = titled(run, "Inget")
    assert (new.declared_state, [p.state for p in new.proposals]) == (SPECIAL, [ProposalState.GRANTED])


def test_a_cause_that_was_refused_is_not_proposed_anew_by_a_split() -> None:
    run = joined()
    run.decide("refuse", "nord-direktor-1", "direktor", matter=titled(run, "Hål").id)
    split(run, "Hål", "no-water")
    assert titled(run, "Inget").alert_level == "normal"


def test_a_rule_goes_on_in_the_matter_that_was_split_off() -> None:
    run = joined()
    split(run, "Hål", "no-water")
    run.at(5).over("n", asset="boende")
    run.at(40)
    assert not titled(run, "Inget").open
    assert titled(run, "Hål").open


@pytest.mark.parametrize(
    ("cause", "person", "said"),
    [
        ("leak", "stab-tib-1", "ingen öppen orsak 'leak'"),
        ("no-water", "stab-tib-2", "stab-tib-2 får inte som tib dela ett ärende på nivån särskild händelse"),
    ],
)
def test_a_split_that_is_not_allowed_says_why(cause: str, person: str, said: str) -> None:
    run = joined()
    split(run, "Hål", cause, person)
    assert len(run.open) == 1
    assert said in refusals(run)[0]


def test_the_only_cause_of_a_matter_is_not_split_off() -> None:
    run = two()
    split(run, "Hål", "everyday")
    assert "bara en öppen orsak" in refusals(run)[0]


# --- close -----------------------------------------------------------------------------------------------------------


def test_a_matter_at_the_lowest_level_is_closed_by_whoever_may_and_the_log_says_who() -> None:
    run = two()
    run.decide("close", "stab-tib-1", "tib", matter=titled(run, "Hål").id, reason="Lagat.")
    assert len(run.open) == 1
    assert "tib (stab-tib-1) avslutade ärendet. Lagat." in run.said()
    assert "gatan-gatujour-1" in run.told()


def test_a_raised_matter_is_not_closed_by_whoever_may_close_the_lowest() -> None:
    run = play(NO_WATER)
    run.incident("no-water", "n", asset="boende")
    run.decide("close", "stab-tib-1", "tib", matter=run.one.id)
    assert run.one.alert_level == SPECIAL
    assert "avsluta ett ärende på nivån särskild händelse så länge orsakerna kvarstår" in refusals(run)[0]
