"""`beredd explain`: what a rule says and whom it would reach, in Swedish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from notifiers.profile import load_profile
from streams.cli import app
from streams.commands.explain import sentences

RULES = Path(__file__).parents[2] / "rules"
LILLBY = Path(__file__).parents[1] / "towns" / "lillby"


def explain(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["explain", *map(str, args)], prog_name="beredd")
    return result.exit_code, result.stdout, result.stderr


def test_a_rule_is_said_with_names_units_and_whom_it_reaches() -> None:
    code, said, _ = explain(LILLBY, "high-water")

    assert code == 0
    assert said.splitlines() == [
        "Högt vatten i hamnen [high-water]",
        "  I hela staden: gäller när vattennivå (Pegel Hamnen) är över 1,2 m i minst 30 min.",
        "  Är över när allt den vilar på har varit borta i 30 min.",
        "  Föreslår nivån särskild händelse: en människa beslutar inom 15 min, också om att sänka den.",
        "  Rör vatten, gator: den som ansvarar för det ska agera.",
        "  Det första att göra: Stäng hamnvägen.",
        "  Når, till exempel i Hamnen:",
        "    agera:     Teknisk jour, Lillby teknik, stadens egen, svar inom 5 min",
        "      Lillby teknik ansvarar för vatten i hela staden (ansvarsprincipen)",
        "    besluta:   Kommunchef, Lillby kommun, stadens egen, svar inom 5 min",
        "      Lillby kommun: får enligt delegationen besluta om att höja till särskild händelse i Lillby"
        " (ansvarsprincipen)",
        "    samordna:  Tjänsteperson i beredskap, Lillby kommun, stadens egen, svar inom 15 min, redan innan beslutet",
        "      Lillby kommun: tjänsteperson i beredskap ska veta enligt nivån särskild händelse (samverkan)",
    ]


def test_a_decision_is_over_when_it_is_lifted_and_never_by_time() -> None:
    _, said, _ = explain(RULES / "lillby", "government-decision")

    assert "Är över när 2 personer har registrerat att regeringen har upphävt beslutet." in said
    assert "varit borta" not in said


@pytest.mark.parametrize("profile", ["lillby", "stockholm"])
def test_every_rule_is_explained_and_reaches_somebody(profile: str) -> None:
    found = found_rules(profile)
    loaded = load_profile(RULES / profile)[0]

    assert loaded is not None
    assert [rule["id"] for rule in found] == [r.rule.id for r in loaded.policy.rules]
    assert [rule["id"] for rule in found if not rule["recipients"]] == []
    assert {s[-1] for rule in found for s in rule["sentences"]} == {"."}


def test_a_rule_for_each_neighbourhood_is_shown_in_one() -> None:
    _, said, _ = explain(RULES / "lillby", "power-outage")
    assert "  Når, till exempel i Centrum:" in said.splitlines()


def found_rules(profile: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads(explain(RULES / profile, "--json")[1])["rules"]
    return rules


def test_the_object_says_role_organisation_action_principle_and_why() -> None:
    (rule,) = json.loads(explain(RULES / "lillby", "low-pressure", "--json")[1])["rules"]
    (recipient,) = rule["recipients"]

    assert (recipient["role"], recipient["organisation"]) == ("teknik_jour", "lillby_teknik")
    assert (recipient["action"], recipient["principle"]) == ("act", "responsibility")
    assert recipient["because"] == "Lillby teknik ansvarar för vatten i hela staden (ansvarsprincipen)"


def test_a_rule_alone_is_looked_for_in_the_usual_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RULES.parent)

    code, said, _ = explain("cold-care-home")

    assert code == 0
    assert said.startswith("Kallt på äldreboende [cold-care-home]")


def test_an_unknown_rule_is_wrong_usage_with_what_was_meant() -> None:
    code, said, wrong = explain(RULES / "lillby", "hihg-water")

    assert (code, said) == (2, "")
    assert "ingen regel heter 'hihg-water'; menade du 'high-water'?" in wrong


def test_a_rule_that_explains_silence_says_whose() -> None:
    profile, faults = load_profile(Path(__file__).parents[2] / "rules" / "stockholm")
    assert profile is not None, faults
    rule = next(r for r in profile.policy.rules if r.rule.id == "power-outage")

    told = " ".join(sentences(profile, rule))

    assert "Förklarar tystnad: om nivålarm i pumpgrop, inomhustemperatur tystnar där under tiden hör det hit" in told
