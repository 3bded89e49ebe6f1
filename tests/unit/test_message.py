"""The text a person reads, for every purpose, in live and in an exercise."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from notifiers.attempt import Medium
from notifiers.message import CODE, Message, compose
from notifiers.notice import Asked, Notice, Purpose
from rules.ladder import Action
from rules.matter import Basis
from rules.registry import Relation
from tests.laws.strategies import START, Play, town

PROFILE = town()
LIVE, EXERCISE = "live", "exercise/ovning"
MEDIA = list(Medium)
WHOLE = [m for m in Medium if m is not Medium.SMS]
SPECIAL = "särskild händelse"
ORGANISATION = {Relation.DIRECT: "gatan", Relation.REQUEST: "vatten", Relation.INFORM: "natet"}
ROLE = {"gatan": "gatujour", "vatten": "drift", "natet": "natdrift"}
ORDERS = ("du ska ", "ni ska ", "du måste", "ni måste")


def asked(relation: Relation = Relation.DIRECT, action: Action = Action.ACT, **more: Any) -> Asked:
    organisation = ORGANISATION[relation]
    base: dict[str, Any] = {"because": f"{organisation} ansvarar för vatten (ansvarsprincipen)"}
    return Asked(role=ROLE[organisation], organisation=organisation, action=action, relation=relation, **(base | more))


def notice(**more: Any) -> Notice:
    base: dict[str, Any] = {
        "id": "n1",
        "person": "gatan-gatujour-1",
        "matter": "nord-20261013-1",
        "generation": 1,
        "purpose": Purpose.ALERT,
        "number": 1,
        "title": "Vatten på gatan, Nord",
        "what": "Vatten rinner på gatan.",
        "place": "Nord",
        "level": SPECIAL,
        "basis": Basis.PROVISIONAL,
        "declared_state": "normal",
        "danger_to_life": False,
        "asked": (asked(),),
        "answer_by": START + timedelta(minutes=5),
        "at": START,
    }
    return Notice(**(base | more))


def text(*notices: Notice, realm: str = LIVE, medium: Medium = Medium.PUSH) -> Message:
    return compose(PROFILE, notices or (notice(),), realm, medium)


# --- the first line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.ALL_CLEAR])
def test_a_live_message_about_danger_to_life_begins_with_ring_112(purpose: Purpose, medium: Medium) -> None:
    found = text(notice(purpose=purpose, danger_to_life=True), medium=medium)
    assert found.body.startswith("Ring 112")
    assert found.title.startswith("Ring 112")


@pytest.mark.parametrize("medium", MEDIA)
def test_danger_in_one_of_several_merged_notices_stands_first(medium: Medium) -> None:
    found = text(notice(), notice(id="n2", danger_to_life=True), medium=medium)
    assert found.body.startswith("Ring 112")
    assert found.title.startswith("Ring 112")


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_live_message_without_danger_says_nothing_of_112_and_nothing_of_an_exercise(
    purpose: Purpose, medium: Medium
) -> None:
    found = text(notice(purpose=purpose), medium=medium)
    assert "112" not in found.title + found.body
    assert "övning" not in (found.title + found.body).casefold()


@pytest.mark.parametrize("danger", [False, True])
@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_exercise_text_begins_with_exercise(purpose: Purpose, medium: Medium, danger: bool) -> None:
    found = text(notice(purpose=purpose, danger_to_life=danger), realm=EXERCISE, medium=medium)
    assert found.title.startswith("ÖVNING")
    assert found.body.startswith("ÖVNING")


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.ALL_CLEAR])
def test_an_exercise_about_danger_says_where_to_call_when_it_is_real(purpose: Purpose, medium: Medium) -> None:
    found = text(notice(purpose=purpose, danger_to_life=True), realm=EXERCISE, medium=medium)
    assert found.body.startswith("ÖVNING. I skarpt läge: ring 112.")
    assert not found.title.startswith("ÖVNING Ring 112")


def test_the_all_clear_asks_nobody_to_call_112() -> None:
    found = text(notice(purpose=Purpose.ALL_CLEAR, danger_to_life=True))
    assert "112" not in found.title + found.body


# --- what every text says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("basis", "words"),
    [(Basis.DETECTED, "beräknad"), (Basis.PROVISIONAL, "väntar på beslut"), (Basis.DECIDED, "beslutad")],
)
@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("purpose", list(Purpose))
def test_every_text_says_the_level_and_what_it_rests_on(
    purpose: Purpose, medium: Medium, basis: Basis, words: str
) -> None:
    # Design 3: every notification says which of the two it rests on.
    found = text(notice(purpose=purpose, basis=basis), medium=medium)
    assert SPECIAL in found.body
    assert words in found.body


@pytest.mark.parametrize("medium", WHOLE)
def test_a_provisional_level_is_never_mistaken_for_a_decided_one(medium: Medium) -> None:
    assert "beslutat läge: normal" in text(medium=medium).body


@pytest.mark.parametrize("medium", MEDIA)
def test_every_text_that_asks_says_by_when_in_local_time(medium: Medium) -> None:
    assert "05:45" in text(medium=medium).body


@pytest.mark.parametrize("purpose", [Purpose.UPDATE, Purpose.ALL_CLEAR])
@pytest.mark.parametrize("medium", MEDIA)
def test_what_only_tells_asks_for_no_answer(purpose: Purpose, medium: Medium) -> None:
    found = text(notice(purpose=purpose), medium=medium).body
    assert "Svara" not in found
    assert "Läs: " in found


@pytest.mark.parametrize("medium", WHOLE)
def test_a_text_says_where_why_you_and_who_else_knows(medium: Medium) -> None:
    found = text(notice(informed=("Drift, Vatten",)), medium=medium).body
    assert "Var: Nord" in found
    assert "du är gatujour vid Gatan" in found
    assert "ansvarsprincipen" in found
    assert "Drift, Vatten" in found


@pytest.mark.parametrize("order", [(Action.ACT, Action.INFORM), (Action.INFORM, Action.ACT)])
@pytest.mark.parametrize("medium", MEDIA)
def test_somebody_who_is_to_act_in_one_of_two_roles_reads_that_first(
    medium: Medium, order: tuple[Action, Action]
) -> None:
    found = text(notice(asked=tuple(asked(action=a) for a in order)), medium=medium).body
    assert "Du ska agera" in found
    assert "Du får veta" not in found.split("Du ska agera")[0]


@pytest.mark.parametrize("medium", WHOLE)
def test_somebody_asked_in_two_roles_can_read_both(medium: Medium) -> None:
    both = (asked(), asked(Relation.DIRECT, Action.DECIDE))
    found = text(notice(asked=both), medium=medium).body
    assert "Du ska agera" in found
    assert "Du ska besluta" in found


# --- how the city may speak ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("relation", [Relation.REQUEST, Relation.INFORM])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_only_the_citys_own_offices_are_ordered(
    relation: Relation, action: Action, purpose: Purpose, medium: Medium
) -> None:
    found = text(notice(asked=(asked(relation, action),), purpose=purpose), medium=medium).body.casefold()
    assert not [order for order in ORDERS if order in found]


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("action", [a for a in Action if a is not Action.INFORM])
def test_a_company_is_asked(action: Action, medium: Medium) -> None:
    assert "Vi ber er" in text(notice(asked=(asked(Relation.REQUEST, action),)), medium=medium).body


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("action", [Action.ACT, Action.DECIDE, Action.COORDINATE])
def test_somebody_outside_is_informed(action: Action, medium: Medium) -> None:
    assert "Vi informerar er" in text(notice(asked=(asked(Relation.INFORM, action),)), medium=medium).body


# --- text that somebody else wrote -----------------------------------------------------------------------------------

MALICIOUS = [
    "{code}",
    "{{code}}",
    "{co{code}de}",
    "x\n{code}",
    "{code}\n",
    "http://evil.example/?{code}",
    "a\rb {code}",
    "{code}\u2028{code}",
]


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("written", MALICIOUS)
@pytest.mark.parametrize("where", ["what", "place", "first_step", "title"])
def test_a_code_that_somebody_wrote_in_a_report_is_not_filled(where: str, written: str, medium: Medium) -> None:
    found = text(notice(**{where: written}), medium=medium)
    body, link = found.body.rsplit("\n", 1)
    assert CODE not in found.title
    assert CODE not in body
    assert link.count(CODE) == 1


def test_a_report_whose_kind_is_a_code_is_not_filled_either() -> None:
    run = Play(town())
    run.incident("{code}", "c", text="{code}")
    assert [a.title for a in run.sent if CODE in a.title] == []
    assert {a.body.count(CODE) for a in run.sent} == {1}


@pytest.mark.parametrize("medium", MEDIA)
def test_braces_in_a_report_are_kept_as_written(medium: Medium) -> None:
    assert "{value} {0} %s" in text(notice(what="{value} {0} %s"), medium=medium).body


def test_a_report_with_placeholders_does_not_break_or_fill_a_rules_message() -> None:
    rule = {"id": "f", "name": "Läcka", "each": "district", "when": {"incidents": "leak"}, "message": "Läcka. {text}"}
    run = Play(town([rule]))
    run.incident("leak", "l", area="nord", text="{level} {place} {nonsense} {")
    assert "{level} {place} {nonsense} {" in run.sent[0].body


# --- nothing personal ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ["grant", "refuse"])
def test_no_text_names_another_person(verdict: str) -> None:
    """Through everything that can happen to a matter: only roles and organisations are named, and no id of anybody."""
    rule = {
        "id": "n",
        "name": "Inget vatten",
        "each": "district",
        "when": {"incidents": "no-water"},
        "level": SPECIAL,
        "notify": ["natdrift@natet"],
    }
    run = Play(town([rule]))
    run.incident("no-water", "n", asset="boende")
    run.at(7).answer("vatten-drift-1")
    run.decide(verdict, "nord-direktor-1", "direktor", matter=run.one.id, reason="Så här")
    run.at(60).over("n", asset="boende")
    run.at(300)
    if verdict == "grant":
        run.decide("grant", "nord-direktor-1", "direktor", matter=run.one.id)
    persons = PROFILE.roster.persons
    named = {
        (a.person, other)
        for a in run.sent
        for other, known in persons.items()
        if other != a.person and (other in a.body + a.title or known.name in a.body + a.title)
    }
    assert named == set()


def test_a_decision_is_told_with_the_deciders_role_as_people_call_it() -> None:
    rule = {"id": "n", "name": "Inget vatten", "each": "district", "when": {"incidents": "no-water"}, "level": SPECIAL}
    run = Play(town([rule]))
    run.incident("no-water", "n", asset="boende")
    run.at(1).decide("grant", "nord-direktor-1", "direktor", matter=run.one.id)
    assert any("Direktor" in a.body and "beslutade" in a.body for a in run.sent)


def test_whoever_steps_in_reads_the_role_and_not_the_name_of_whom_they_step_in_for() -> None:
    found = text(notice(asked=(asked(instead_of="Gatujour, Gatan"),), purpose=Purpose.ESCALATION)).body
    assert "i stället för Gatujour, Gatan" in found
