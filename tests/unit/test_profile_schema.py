"""`beredd schema`: what an editor knows of a profile's files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML
from typer.testing import CliRunner

from streams.cli import app
from streams.commands.schema import SECTIONS, made

RULES = Path(__file__).parents[2] / "rules"
LILLBY = made(Path(__file__).parents[1] / "towns" / "lillby")


def wrong(schema: dict[str, Any], text: str) -> list[str]:
    found = json.loads(json.dumps(YAML(typ="safe").load(text), default=str))
    return [e.message for e in Draft7Validator(schema).iter_errors(found)]


def rule(condition: str, **more: str) -> str:
    extra = "".join(f"    {k}: {v}\n" for k, v in more.items())
    return f"rules:\n  - id: r\n    name: R\n    when: {condition}\n{extra}"


@pytest.mark.parametrize("profile", ["lillby", "stockholm"])
def test_the_shipped_files_are_right_by_their_own_schema(profile: str) -> None:
    schema = made(RULES / profile)
    Draft7Validator.check_schema(schema)
    files = [f for f in (RULES / profile).rglob("*.yaml") if "stories" not in f.parts]

    assert {f.name: wrong(schema, f.read_text("utf-8")) for f in files} == {f.name: [] for f in files}


def test_the_names_are_the_profiles() -> None:
    of = {name: definition.get("properties", {}) for name, definition in LILLBY["definitions"].items()}

    assert of["Rule"]["level"]["enum"] == ["normal", "särskild händelse", "höjd beredskap"]
    assert of["SensorCondition"]["sensor"]["enum"][:3] == ["tryck-centrum", "tryck-hamnen", "pegel-hamnen"]
    assert "water-pressure" in of["SensorCondition"]["sensor"]["enum"]
    assert of["Rule"]["concerns"]["anyOf"][0]["enum"] == ["water", "streets", "elderly_care"]
    addressee = LILLBY["definitions"]["Addressee"]["anyOf"][0]["enum"]
    assert {"tib", "tib@lillby_kommun", "inre_befal@tre_byars_raddningstjanst"} <= set(addressee)


@pytest.mark.parametrize(
    "text",
    [
        rule("{sensor: pegel-hamnen, above: 1.2}", concerns="vatten"),
        rule("{sensor: pegel-hamn, above: 1.2}"),
        rule("{sensor: pegel-hamnen, above: 1.2, for: 30m}"),
        rule("{sensor: pegel-hamnen, above: 1.2}", level="hög"),
        rule("{sensor: pegel-hamnen, above: 1.2}", levle="normal"),
        rule("{incidents: fire}", notify="inre_befl"),
        "ruels: []\n",
    ],
)
def test_a_mistake_is_seen(text: str) -> None:
    assert wrong(LILLBY, text) != []


@pytest.mark.parametrize(
    "text",
    [
        rule("{sensor: pegel-hamnen, above: 1.2}", concerns="water", level="normal"),
        rule("{incidents: [fire, leak]}", concerns="[water]", notify="[tib, {role: kommunchef, action: act}]"),
        rule("{warning: SNOW_ICE}"),
        "organisations:\n  - {id: a, name: A, kind: board, relation: direct,\n"
        "     functions: [water, {function: streets}]}\n",
    ],
)
def test_the_short_forms_are_right(text: str) -> None:
    assert wrong(LILLBY, text) == []


def test_no_null_is_offered() -> None:
    assert "null" not in json.dumps(LILLBY)


def keys(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, definition in schema["definitions"].items():
        for shape in (definition, *definition.get("anyOf", ())):
            yield from ((f"{name}.{key}", said) for key, said in shape.get("properties", {}).items())


def test_every_key_and_section_is_described_in_swedish() -> None:
    assert [name for name, said in keys(LILLBY) if not said.get("description")] == []
    assert [name for name in SECTIONS if not LILLBY["properties"][name].get("description")] == []
    english = re.compile(r"\b(the|of|and|which|whose)\b")
    assert [name for name, said in keys(LILLBY) if english.search(said["description"])] == []


def test_a_duration_has_a_pattern_and_examples() -> None:
    held = LILLBY["definitions"]["SensorCondition"]["properties"]["for"]

    assert re.fullmatch(held["pattern"], "10 min")
    assert not re.fullmatch(held["pattern"], "10m")
    assert held["examples"] == ["10 min", "2 h"]


def test_it_is_written_where_asked_and_the_modeline_is_told(tmp_path: Path) -> None:
    directory = tmp_path / "p"
    shutil.copytree(Path(__file__).parents[1] / "towns" / "lillby", directory)
    out = directory / "schema.json"

    result = CliRunner().invoke(app, ["schema", str(directory), "--out", str(out)], prog_name="beredd")

    assert result.exit_code == 0
    assert json.loads(out.read_text("utf-8")) == made(directory)
    assert result.stdout == ""
    assert "# yaml-language-server: $schema=schema.json" in result.stderr


def test_a_profile_with_faults_still_gives_the_names_it_has(tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parents[1] / "towns" / "lillby", tmp_path, dirs_exist_ok=True)
    (tmp_path / "rules.yaml").write_text("rules:\n  - id: r\n    when: x\n", "utf-8")

    assert "pegel-hamnen" in made(tmp_path)["definitions"]["SensorCondition"]["properties"]["sensor"]["enum"]
