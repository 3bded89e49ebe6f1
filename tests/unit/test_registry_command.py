"""`beredd registry`: what it shows, finds, checks and draws."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from notifiers.catalogue import folded
from streams.cli import app

ROOT = Path(__file__).parents[2]
STOCKHOLM, LILLBY = str(ROOT / "rules" / "stockholm"), str(ROOT / "rules" / "lillby")
DAY = "2026-11-24 12:00"


def registry(*words: str) -> Result:
    return CliRunner().invoke(app, ["registry", *words])


def parsed(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(registry(*words, "--json").stdout)
    return found


def known(name: str, at: str = DAY, profile: str = STOCKHOLM) -> dict[tuple[str, str], dict[str, list[str]]]:
    """What is shown of everything that bears the name, by what it is."""
    entries = parsed("show", name, "--profile", profile, "--at", at)["entries"]
    return {(e["kind"], e["id"]): e["known"] for e in entries}


def test_the_summary_counts_what_there_is_and_what_is_to_be_looked_at() -> None:
    spoken = registry("--profile", LILLBY, "--at", DAY)
    counts = parsed("--profile", LILLBY, "--at", DAY)

    assert spoken.exit_code == 0
    assert counts["findings"] == len(parsed("check", "--profile", LILLBY, "--at", DAY)["findings"])
    assert re.search(rf"Organisationer +{counts['organisations']}\n", spoken.stdout)
    assert "beredd registry check" in spoken.stdout


def test_an_asset_is_shown_with_who_answers_for_it_and_for_what_it_needs() -> None:
    spoken = registry("show", "Solgården", "--profile", LILLBY).stdout

    assert "Solgården [aldreboende-solgarden], anläggning" in spoken
    assert "Driver (ansvarsprincipen): Lillby omsorg" in spoken
    assert re.search(r"\n    Vatten: [^,]+, i hela staden\n", spoken)
    assert "Vatten: ingen" not in spoken
    assert "Samordnar (geografiskt områdesansvar): Lillby kommun, i hela staden" in spoken


def test_an_old_area_name_leads_to_the_area_that_it_is_part_of_now() -> None:
    spoken = registry("show", "Rinkeby-Kista", "--profile", STOCKHOLM).stdout

    assert spoken.startswith("Rinkeby-Kista heter nu Järva.\nJärva [jarva], område\n")


@pytest.mark.parametrize("name", ["jarva", "JÄRVA", "järva", "Jarva"])
def test_capitals_and_dots_do_not_matter(name: str) -> None:
    assert ("area", "jarva") in known(name)


def test_an_area_and_its_board_with_one_id_are_both_shown() -> None:
    found = known("sodermalm")

    assert {("area", "sodermalm"), ("organisation", "sodermalm")} <= set(found)
    assert found["area", "sodermalm"]["coordinator"] == ["Södermalms stadsdelsnämnd"]


def test_an_organisation_that_is_no_more_says_who_took_over_and_before_that_it_does_not() -> None:
    old = next(iter(parsed("search", "Rinkeby-Kista stadsdelsnämnd", "--profile", STOCKHOLM)["entries"]))["id"]

    now, then = (known(old, at)["organisation", old] for at in (DAY, "2023-06-30 12:00"))

    assert now["now"] == ["finns inte; Järva stadsdelsnämnd har tagit över"]
    assert "now" not in then


def test_a_role_is_shown_with_its_holders_and_who_answers_after_them() -> None:
    posts = known("omsorgsjour", profile=LILLBY)["role", "omsorgsjour"]["posts"]

    assert posts == ["Lillby omsorg: Maja Mjölkpall; sedan tjänsteperson i beredskap hos Lillby kommun"]


def test_a_person_is_shown_with_roles_and_no_address_or_reference_to_one() -> None:
    spoken = registry("show", "Maja Mjölkpall", "--profile", LILLBY).stdout

    assert "Har rollen: omsorgsjour hos Lillby omsorg" in spoken
    assert "Ersätter: teknisk jour hos Lillby teknik" in spoken
    assert "Nås genom: push, sms" in spoken
    assert "maja-push" not in spoken


def test_everything_in_a_profile_can_be_shown() -> None:
    for section in ("area", "organisation", "function", "asset", "role", "person", "sector"):
        found = [e for e in parsed("search", "a", "--profile", STOCKHOLM)["entries"] if e["kind"] == section]
        assert found, section
        assert registry("show", found[0]["id"], "--profile", STOCKHOLM).exit_code == 0


def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    result = registry("show", "Solgårdn", "--profile", LILLBY)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "inget i registret heter 'Solgårdn'; menade du 'Solgården'?" in result.stderr


def test_a_search_finds_former_names_and_ends_with_1_if_nothing_is_found() -> None:
    found = parsed("search", "spanga tensta", "--profile", STOCKHOLM)["entries"]
    nothing = registry("search", "qqq", "--profile", STOCKHOLM)

    assert ("area", "jarva") in {(e["kind"], e["id"]) for e in found}
    assert (nothing.exit_code, nothing.stdout) == (1, "")


def test_the_search_sees_through_letters_that_are_written_in_two_ways() -> None:
    assert folded("Ha\u0308gersten-A\u030alvsjö") == folded("Hägersten_Ålvsjö") == "hagersten alvsjo"


def test_the_check_says_where_and_lists_all_when_asked() -> None:
    short = registry("check", "--profile", STOCKHOLM, "--at", DAY)
    full = registry("check", "--profile", STOCKHOLM, "--at", DAY, "--all")
    never = next(
        f for f in parsed("check", "--profile", STOCKHOLM, "--at", DAY)["findings"] if f["code"] == "never-exercised"
    )

    assert short.exit_code == full.exit_code == 0
    assert re.search(r"organisations/\w+\.yaml:\d+:\d+: organisations\.\w+: har aldrig övat", short.stdout)
    assert len(never["about"]) > 12
    assert "och" in never["message"]
    assert [o for o in never["about"] if f"    {o}\n" not in full.stdout] == []


def test_the_check_of_another_day_is_of_that_day() -> None:
    codes = [
        {f["code"] for f in parsed("check", "--profile", STOCKHOLM, "--at", at)["findings"]}
        for at in (DAY, "2030-01-01 12:00")
    ]

    assert "exercise-overdue" in codes[1]
    assert parsed("check", "--profile", STOCKHOLM, "--at", "2030-01-01 12:00")["day"] == "2030-01-01"


def test_the_ordinary_check_tells_the_same_findings() -> None:
    ours = {f["code"] for f in parsed("check", "--profile", LILLBY, "--at", DAY)["findings"]}
    result = CliRunner().invoke(app, ["check", LILLBY, "--at", DAY, "--json"])

    assert ours
    assert ours <= {f["code"] for f in json.loads(result.stdout)["faults"]}


def test_options_before_the_command_are_refused_rather_than_unheard() -> None:
    result = registry("--profile", LILLBY, "check")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "skriv valen efter kommandot" in result.stderr


def test_a_profile_that_does_not_load_is_told_and_a_day_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("areas: []\n", "utf-8")

    assert registry("--profile", str(tmp_path)).exit_code == 1
    assert registry("check", "--profile", LILLBY, "--at", "i morgon").exit_code == 2
    assert registry("draw", "--profile", LILLBY, "--out", str(tmp_path)).exit_code == 2


def test_what_is_unconfirmed_is_listed_and_counted() -> None:
    rows = parsed("--unconfirmed", "--profile", STOCKHOLM)["unconfirmed"]
    spoken = registry("--unconfirmed", "--profile", STOCKHOLM).stdout

    assert rows
    assert parsed("--profile", STOCKHOLM)["unconfirmed"] == len(rows)
    assert [r["id"] for r in rows if r["id"] not in spoken] == []
    assert spoken.endswith(f"{len(rows)} obekräftade uppgifter\n")


# --- the drawing -----------------------------------------------------------------------------------------------------


def test_the_page_holds_everything_and_asks_for_nothing(tmp_path: Path) -> None:
    out = tmp_path / "registret.html"

    result = registry("draw", "--profile", STOCKHOLM, "--at", DAY, "--out", str(out))

    page = out.read_text("utf-8")
    assert result.exit_code == 0
    assert "Södermalms stadsdelsnämnd" in page
    assert not re.search(r"<script|<link|<img|\bon\w+=|url\(|@import|https?://", page)
    assert " style=" not in page, "the content security policy allows no style of an element's own"
    for section in ("granskning", "ansvar", "omraden", "anlaggningar", "organisationer", "obekraftat"):
        assert f'id="{section}"' in page
        assert f'href="#{section}"' in page


def test_names_that_look_like_html_are_text(tmp_path: Path) -> None:
    for file in Path(LILLBY).glob("*.yaml"):
        text = file.read_text("utf-8").replace("name: Solgården", 'name: "<script>x</script>"')
        (tmp_path / file.name).write_text(text, "utf-8")
    out = tmp_path / "registret.html"

    registry("draw", "--profile", str(tmp_path), "--out", str(out))

    assert "<script" not in out.read_text("utf-8")
    assert "&lt;script&gt;x" in out.read_text("utf-8")
