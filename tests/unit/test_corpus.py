"""The corpus of human mistakes: each is Lillby with one thing wrong, and told exactly so in two languages.

A case says what the author did (`old` became `new` in `file`, or the file is `raw`, in base64, followed by `then`
`times` over), and what is told: `sv`, `en` and the code. `loads`: it is a finding, and the profile still loads.
"""

from __future__ import annotations

import ast
import base64
import importlib
import json
import os
import shutil
import string
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from notifiers.profile import load_profile
from rules.document import MAX_BYTES, MAX_FAULTS, MAX_TOTAL
from rules.fault import Gravity, Language, Text
from rules.sentences import SPECIAL, TYPES
from streams.cli import app
from streams.commands.check import look

ROOT = Path(__file__).parents[2]
LILLBY = ROOT / "tests" / "towns" / "lillby"
TABLES = sorted((ROOT / "tests" / "corpus" / "mistakes").glob("*.yaml"))
CASES: list[dict[str, Any]] = [case for table in TABLES for case in YAML(typ="safe").load(table.read_text("utf-8"))]


def lillby(directory: Path, name: str, raw: bytes) -> Path:
    shutil.copytree(LILLBY, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("stories"))
    (directory / name).write_bytes(raw)
    return directory


def mistaken(case: dict[str, Any]) -> bytes:
    if "raw" in case:
        return base64.b64decode(case["raw"]) + case.get("then", "").encode() * case.get("times", 0)
    text = (LILLBY / case["file"]).read_text("utf-8")
    assert case["old"] in text, f"{case['file']} no longer holds {case['old']!r}: the case says nothing"
    return str(text.replace(case["old"], case["new"], 1)).encode()


@pytest.mark.parametrize("case", CASES, ids=[case["mistake"] for case in CASES])
def test_a_mistake_is_told_in_both_languages(case: dict[str, Any], tmp_path: Path) -> None:
    profile, faults = load_profile(lillby(tmp_path, case["file"], mistaken(case)))

    told = {
        language: [f.said(language).replace(f"{tmp_path}/", "").replace(tmp_path.name, "{dir}") for f in faults]
        for language in Language
    }
    assert told == {Language.SWEDISH: case["sv"], Language.ENGLISH: case["en"]}
    assert [f.code for f in faults] == case["codes"]
    assert (profile is not None) == case["loads"]


def test_the_corpus_is_large_and_tells_every_mistake() -> None:
    assert len(CASES) >= 60
    assert len({case["mistake"] for case in CASES}) == len(CASES)
    assert [case["mistake"] for case in CASES if not case["sv"]] == []
    assert len({code for case in CASES for code in case["codes"]}) >= 60


# --- both languages --------------------------------------------------------------------------------------------------

WORDINGS = ("rules.wording", "rules.file_wording", "rules.lint", "notifiers.wording", "notifiers.registry_wording")
TEXTS = [v for m in WORDINGS for v in vars(importlib.import_module(m)).values() if isinstance(v, Text)]


def fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text)}


def test_every_text_has_the_same_parameters_in_both_languages_and_a_code_of_its_own() -> None:
    okänt = {"okänt"}  # the Swedish word for "unknown" bends with what is unknown
    assert [t.code for t in TEXTS if fields(t.swedish) - okänt != fields(t.english)] == []
    assert sorted({t.code for t in TEXTS}) == sorted(t.code for t in TEXTS)


def test_every_error_that_our_models_raise_of_themselves_has_words_in_both_languages() -> None:
    raised = {
        node.args[0].value
        for file in [*(ROOT / "rules").glob("*.py"), *(ROOT / "notifiers").glob("*.py")]
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "PydanticCustomError"
        and isinstance(node.args[0], ast.Constant)
    }
    assert raised - set(TYPES) - set(SPECIAL) == set()


def test_no_message_is_pydantics_own_english() -> None:
    assert [line for case in CASES for line in case["sv"] if "Input should" in line or "expected" in line] == []


def test_check_speaks_english_when_asked_and_its_json_has_the_codes(tmp_path: Path) -> None:
    text = (LILLBY / "rules.yaml").read_text("utf-8").replace("    level:", "    levle:", 1)
    directory = str(lillby(tmp_path, "rules.yaml", text.encode()))

    spoken = CliRunner().invoke(app, ["check", directory, "--lang", "en"])
    machine = CliRunner().invoke(app, ["check", directory, "--lang", "en", "--json"])
    wrong = CliRunner().invoke(app, ["check", directory, "--lang", "fi"])

    assert "unknown key 'levle'; did you mean 'level'?" in spoken.stdout
    assert "1 error, 0 findings" in spoken.stdout
    (fault,) = json.loads(machine.stdout)["faults"]
    assert (fault["code"], fault["message"]) == ("key-unknown", "unknown key 'levle'; did you mean 'level'?")
    assert (wrong.exit_code, wrong.stdout) == (2, "")


# --- bounded time and memory -----------------------------------------------------------------------------------------


def test_a_file_larger_than_can_be_read_is_not_read(tmp_path: Path) -> None:
    _, faults = load_profile(lillby(tmp_path, "rules.yaml", b"# " + b"a" * (10 * MAX_BYTES)))

    assert [f.code for f in faults] == ["file-too-big"]


def test_a_profile_larger_than_can_be_read_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rules.document.MAX_TOTAL", 2000)

    _, faults = load_profile(lillby(tmp_path, "rules.yaml", b"rules: []\n"))

    assert [f.code for f in faults if f.code == "profile-too-big"] == ["profile-too-big"]
    assert MAX_TOTAL > 2000


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    directory = lillby(tmp_path, "other.yaml", b"rules: []\n")
    (directory / "other.yaml").unlink()
    os.mkfifo(directory / "other.yaml")

    _, faults = load_profile(directory)

    assert [f.code for f in faults] == ["file-not-plain"]


def test_maps_merged_into_maps_take_no_time(tmp_path: Path) -> None:
    """Eight maps, each merged six times into the next: 6^8 copies if they were copied."""
    rows = ["m0: &m0 {a: 1}", *(f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 6)}]}}" for i in range(1, 9))]
    began = time.monotonic()

    _, faults = load_profile(lillby(tmp_path, "rules.yaml", "\n".join(rows).encode()))

    assert faults
    assert time.monotonic() - began < 5


def test_no_more_faults_of_one_file_are_told_than_anybody_reads(tmp_path: Path) -> None:
    wrong = "".join(f"  - {{id: r{i}, name: a, wehn: {{incidents: fire}}}}\n" for i in range(2000))
    began = time.monotonic()

    _, faults = load_profile(lillby(tmp_path, "rules.yaml", f"rules:\n{wrong}".encode()))

    assert len(faults) == MAX_FAULTS + 1
    assert faults[-1].code == "many-faults"
    assert time.monotonic() - began < 10


def test_a_thousand_rules_are_checked_within_five_seconds(tmp_path: Path) -> None:
    rules = "".join(
        f"  - id: r{i}\n    name: Regel {i}\n    when: {{sensor: pegel-hamnen, above: {i}.5, for: 10 min}}\n"
        f"    until: {{sensor: pegel-hamnen, below: {i}.2, for: 10 min}}\n    concerns: [water, streets]\n"
        f'    message: "Högt vatten: {{value}} {{unit}}"\n'
        for i in range(1000)
    )
    began = time.monotonic()

    checked = look(lillby(tmp_path, "rules.yaml", f"rules:\n{rules}".encode()))

    assert (checked.rules, checked.count(Gravity.ERROR)) == (1000, 0)
    assert time.monotonic() - began < 5
