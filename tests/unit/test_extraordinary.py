"""An extraordinary event as an added level: krisledningsnämnden's chair or vice chair decides it, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from rules.ladder import Action
from rules.matter import Direction
from rules.record import Happening
from tests.laws.strategies import TOWN, Play, town
from tests.unit.test_assess import NO_WATER, SPECIAL

EXTRAORDINARY = "extraordinär händelse"
NORMAL, SPECIAL_RUNG, DECLARED_RUNG = TOWN["levels"]
LEVELS = [
    NORMAL,
    SPECIAL_RUNG,
    {
        "id": EXTRAORDINARY,
        "name": "Extraordinär händelse",
        "entered": "decided",
        "decide_within": "10 min",
        "adds_when_decided": [{"role": "namnd", "organisation": "krisnamnd", "action": "coordinate"}],
    },
    DECLARED_RUNG,
]
BOARD = {
    "id": "krisnamnd",
    "name": "Krisledningsnämnden",
    "kind": "board",
    "relation": "direct",
    "duty": "namnd",
    "head": "ordforande",
}
CHAIR = {
    "role": "ordforande",
    "organisation": "krisnamnd",
    "level": EXTRAORDINARY,
    "scope": "stad",
    "persons": ["krisnamnd-ordforande-1", "krisnamnd-ordforande-2"],
}
FLOOD: dict[str, Any] = {
    "id": "flood",
    "name": "Stor läcka",
    "each": "district",
    "when": {"incidents": "leak"},
    "level": EXTRAORDINARY,
    "concerns": "water",
}


def play() -> Play:
    profile = town(
        [FLOOD, NO_WATER],
        levels=LEVELS,
        organisations=[*TOWN["organisations"], BOARD],
        delegations=[*TOWN["delegations"], CHAIR],
        families=[{"id": "allt", "name": "Allt", "kinds": ["leak", "no-water"]}],
    )
    return Play(profile, strict=True)


def refusals(run: Play) -> list[str]:
    return [line.said for line in run.log if line.what is Happening.REFUSED]


def chair(run: Play, verdict: str = "grant", person: str = "krisnamnd-ordforande-1") -> None:
    run.decide(verdict, person, "ordforande", matter=run.one.id)


def deciding(run: Play) -> list[str]:
    return [n.person for n in run.heard() if any(a.action is Action.DECIDE for a in n.asked)]


def test_it_is_proposed_to_the_chair_and_nothing_is_decided_by_itself() -> None:
    run = play()
    run.incident("leak", "f", area="nord.ett")
    assert (run.one.alert_level, run.one.declared_state) == (EXTRAORDINARY, "normal")
    assert deciding(run) == ["krisnamnd-ordforande-1"]
    assert "krisnamnd-namnd-1" not in {n.person for n in run.notices}, "the board is not called in by a proposal"


def test_the_vice_chair_is_asked_when_the_chair_does_not_answer_and_silence_decides_nothing() -> None:
    run = play()
    run.incident("leak", "f", area="nord.ett")
    run.heard()
    run.at(6)
    assert deciding(run) == ["krisnamnd-ordforande-2"]
    run.at(300)
    assert (run.one.alert_level, run.one.declared_state) == (EXTRAORDINARY, "normal")


@pytest.mark.parametrize("person", ["krisnamnd-ordforande-1", "krisnamnd-ordforande-2"])
def test_the_chair_or_the_vice_chair_decides_and_the_board_is_called_in(person: str) -> None:
    run = play()
    run.incident("leak", "f", area="nord.ett")
    chair(run, person=person)
    assert run.one.declared_state == EXTRAORDINARY
    assert run.rows()["namnd", "krisnamnd"] == "coordinate"


@pytest.mark.parametrize(
    ("person", "by"),
    [
        ("stab-chef-1", "chef"),
        ("nord-direktor-1", "direktor"),
        ("stab-tib-1", "tib"),
        ("stab-chef-1", "ordforande"),
        ("krisnamnd-ordforande-1", "chef"),
    ],
)
def test_nobody_else_decides_it(person: str, by: str) -> None:
    run = play()
    run.incident("leak", "f", area="nord.ett")
    run.decide("grant", person, by, matter=run.one.id)
    assert run.one.declared_state == "normal"
    assert f"{person} får inte besluta {EXTRAORDINARY}" in refusals(run)[0]


def test_it_is_not_registered_as_if_an_authority_had_declared_it() -> None:
    run = play()
    for person in ("stab-tib-1", "stab-tib-2"):
        run.decide("declare", person, "regeringen", level=EXTRAORDINARY, reference="Fö 1")
    assert run.matters == []
    assert all("förklaras inte utifrån" in said for said in refusals(run))


def test_a_refusal_falls_back_to_what_is_decided_already() -> None:
    run = play()
    run.incident("no-water", "n", asset="boende")
    run.decide("grant", "nord-direktor-1", "direktor", matter=run.one.id)
    run.incident("leak", "f", area="nord.ett")
    assert run.one.alert_level == EXTRAORDINARY
    chair(run, "refuse")
    assert (run.one.alert_level, run.one.declared_state) == (SPECIAL, SPECIAL)


def both_decided() -> Play:
    """Both causes decided, and the graver of them over for its hold time."""
    run = play()
    run.incident("no-water", "n", asset="boende")
    run.incident("leak", "f", area="nord.ett")
    chair(run)
    run.at(10).over("f", area="nord.ett")
    run.at(41)
    return run


def test_when_its_causes_are_over_the_level_that_the_others_ask_for_is_proposed_to_the_chair() -> None:
    run = both_decided()
    proposal = run.one.proposal
    assert proposal is not None
    assert proposal.pending
    assert (proposal.direction, proposal.level, proposal.role) == (Direction.LOWER, SPECIAL, "ordforande")
    assert (run.one.alert_level, run.one.declared_state) == (EXTRAORDINARY, EXTRAORDINARY)


def test_the_chairs_yes_falls_back_to_the_special_event_and_the_last_cause_to_normal() -> None:
    run = both_decided()
    chair(run)
    assert (run.one.alert_level, run.one.declared_state) == (SPECIAL, SPECIAL)
    run.at(50).over("n", asset="boende")
    run.at(90)
    assert run.one.proposal is not None
    assert (run.one.proposal.level, run.one.proposal.role) == ("normal", "direktor")
    run.decide("grant", "nord-direktor-1", "direktor", matter=run.one.id)
    assert run.open == []


def test_nobody_but_the_chair_lowers_it() -> None:
    run = both_decided()
    run.decide("grant", "nord-direktor-1", "direktor", matter=run.one.id)
    assert run.one.declared_state == EXTRAORDINARY


def test_a_lowering_that_is_proposed_is_withdrawn_when_it_begins_again() -> None:
    run = both_decided()
    run.incident("leak", "f2", area="nord.tva")
    assert run.one.proposal is not None
    assert not run.one.proposal.pending
    assert run.one.declared_state == EXTRAORDINARY
