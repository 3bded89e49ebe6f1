"""Silence that something else explains: merged and told once, asked about again when the explanation is over."""

from __future__ import annotations

from typing import Any

from tests.laws.strategies import TOWN, Play, town
from tests.unit.test_kinship import by_area

CUT: dict[str, Any] = {
    "id": "cut",
    "name": "Elavbrott",
    "each": "district",
    "when": {"incidents": "cut"},
    "concerns": "power",
    "explains_silence": "pressure",
}
WIDE = {k: v for k, v in CUT.items() if k != "each"}
SILENT: dict[str, Any] = {
    "id": "silent",
    "name": "Tyst givare",
    "each": "sensor",
    "when": {"sensor": "pressure", "silent_for": "20 min"},
    "concerns": "water",
}
KINDS = [*TOWN["incident_kinds"], {"id": "cut", "name": "Elavbrott", "functions": ["power"]}]
DRIFT = ("drift", "vatten")


def play(*rules: dict[str, Any]) -> Play:
    run = Play(town(rules, incident_kinds=KINDS), strict=True)
    run.reading("p-nord", 3.0)
    run.reading("p-nord-2", 3.0)
    return run


def test_silence_that_a_power_cut_explains_joins_its_matter_and_asks_nobody_to_act() -> None:
    run = play(CUT, SILENT)
    run.at(5).incident("cut", "c", area="nord")
    run.at(21)
    assert len(run.matters) == 1
    assert run.rows()[DRIFT] == "inform"
    assert {c.explained_by for c in run.one.causes if c.rule == "silent"} == {run.one.id}


def test_explained_silence_is_told_once_however_many_fall_silent() -> None:
    run = play(CUT, SILENT)
    run.at(5).incident("cut", "c", area="nord")
    run.at(10).reading("p-nord-2", 3.0)
    run.at(21)
    run.heard()
    run.at(31)
    assert len([c for c in run.one.open_causes if c.rule == "silent"]) == 2
    assert [n for n in run.heard() if n.person.startswith("vatten") and n.purpose != "alert"] == []


def test_silence_elsewhere_is_not_explained() -> None:
    run = play(CUT, SILENT)
    run.at(5).incident("cut", "c", area="syd")
    run.at(21)
    assert all(c.explained_by is None for m in run.matters for c in m.causes)
    silent = next(m for m in run.matters if m.area == "nord")
    assert run.rows(silent.id)[DRIFT] == "act"


def test_silence_that_comes_first_is_explained_when_the_explanation_comes() -> None:
    run = play(CUT, SILENT)
    run.at(21)
    run.heard()
    run.incident("cut", "c", area="nord")
    silent = next(m for m in run.matters if "Tyst" in m.title)
    assert all(c.explained_by is not None for c in silent.open_causes)
    assert "Tystnaden förklaras av" in run.said()
    assert run.rows(silent.id)[DRIFT] == "act", "nobody who acts is weakened"


def test_who_is_still_silent_when_the_power_is_back_is_asked_about() -> None:
    run = play(CUT, SILENT)
    run.at(5).incident("cut", "c", area="nord")
    run.at(25).over("c", area="nord")
    run.heard()
    run.at(60)
    assert all(c.explained_by is None for c in run.one.open_causes)
    assert run.rows()[DRIFT] == "act"
    assert "vatten-drift-1" in run.told()


def test_a_power_cut_over_several_districts_goes_down_to_each() -> None:
    run = play(WIDE, SILENT)
    run.at(5).incident("cut", "c", area="stad")
    run.at(21)
    found = by_area(run)
    assert set(found) == {"stad", "nord"}
    assert {c.explained_by for c in found["nord"].causes} == {found["stad"].id}
    assert [a.matter for a in found["nord"].above] == [found["stad"].id]
    assert len(run.matters) == 2, "the silent ones of a district are one matter"


def test_what_fell_silent_beyond_its_limit_is_merged_and_asks_as_ever() -> None:
    low = {
        "id": "low",
        "name": "Lågt",
        "each": "district",
        "when": {"sensor": "pressure", "below": 2.0, "for": "30 min"},
    }
    run = play(CUT, low | {"concerns": "water"})
    run.at(1).reading("p-nord", 1.0)
    run.at(5).incident("cut", "c", area="nord")
    run.at(35)
    assert len(run.matters) == 1
    assert run.rows()[DRIFT] == "act"
    assert "tystnade över gränsen" in " ".join(c.message for c in run.one.causes)
