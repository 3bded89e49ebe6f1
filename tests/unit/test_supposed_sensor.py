"""`beredd who --sensor`: a sensor is supposed to do what its rule asks, whatever form the condition has."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from notifiers.profile import load_profile
from rules.registry import Registry
from rules.rule import SensorCondition
from streams.cli import app
from streams.commands.course import Course

ROOT = Path(__file__).parent.parent.parent
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SENSORS = {"lillby": ("tryck-centrum", "pegel-hamnen"), "stockholm": ("vattenniva-ulvsunda", "svoa-tryck-001")}
FORMS = [
    "{sensor: SENSOR, above: 1.2}",
    "{sensor: SENSOR, above: 0, for: 2 h}",
    "{sensor: SENSOR, below: -5, for: 10 min}",
    "{sensor: SENSOR, above: 1, below: 2, for: 1 h}",
    "{sensor: SENSOR, between: [3.5, 4]}",
    "{sensor: SENSOR, between: [4, 4], for: 2 h}",
    "{sensor: SENSOR, rises: 0.3, within: 1 h}",
    "{sensor: SENSOR, falls: 0.3, within: 10 min}",
    "{sensor: SENSOR, rises: 0.3, falls: 0.2, within: 3 h}",
    "{sensor: SENSOR, rises: 2, within: 20 min, for: 40 min}",
    "{sensor: SENSOR, silent_for: 2 h}",
    "{all: [{sensor: SENSOR, above: 1.2, for: 30 min}, {sensor: SENSOR, rises: 0.3, within: 1 h}]}",
    "{all: [{sensor: SENSOR, above: 1.2, for: 30 min}, {sensor: SENSOR, falls: 0.3, within: 1 h}]}",
    "{all: [{sensor: SENSOR, below: 1.2}, {sensor: SENSOR, silent_for: 5 min}]}",
    "{all: [{sensor: SENSOR, below: 1.2}, {sensor: OTHER, silent_for: 1 h}]}",
    "{all: [{sensor: SENSOR, between: [1, 2]}, {sensor: OTHER, rises: 5, within: 1 d}]}",
    "{any: [{sensor: OTHER, below: 1.2}, {sensor: SENSOR, silent_for: 1 h}]}",
    "{first: {sensor: SENSOR, above: 1.2, for: 5 min}, then: {sensor: OTHER, falls: 1, within: 1 h}, within: 2 h}",
    "{first: {sensor: SENSOR, above: 1.2}, then: {sensor: SENSOR, above: 3}, within: 2 h}",
]


def _lillby() -> Registry:
    profile, faults = load_profile(ROOT / "rules" / "lillby")
    assert profile is not None, faults
    return profile.policy.registry


def _with_rule(city: str, directory: Path, when: str) -> Path:
    """A copy of the profile in which one sensor has a rule of the highest level that rules may raise."""
    copy = directory / city
    shutil.copytree(ROOT / "rules" / city, copy)
    rule = f"rules:\n  - id: supposed\n    name: Provregeln\n    level: särskild händelse\n    when: {when}\n"
    (copy / "supposed.yaml").write_text(rule + "    message: Provad.\n    notify: [tib]\n", "utf-8")
    return copy


@pytest.mark.parametrize("city", SENSORS)
@pytest.mark.parametrize("form", FORMS)
def test_a_rule_of_every_form_is_supposed_to_hold(city: str, form: str, tmp_path: Path) -> None:
    sensor, other = SENSORS[city]
    profile = _with_rule(city, tmp_path, form.replace("SENSOR", sensor).replace("OTHER", other))

    result = CliRunner().invoke(app, ["who", "--sensor", sensor, "--profile", str(profile), "--json"])

    assert result.exit_code == 0, result.stderr or result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    assert "regeln «Provregeln»" in found["supposed"]
    assert any(m["title"].startswith("Provregeln") or m["alert_level"] != "normal" for m in found["matters"]), found
    assert "tystnade över gränsen" not in result.stdout


@pytest.mark.parametrize(
    ("limits", "value"),
    [
        ({"above": 3.75}, 3.85),
        ({"below": 2.0}, 1.9),
        ({"above": 0}, 0.1),
        ({"below": -5}, -5.1),
        ({"above": 1, "below": 2}, 1.5),
        ({"between": [3, 4]}, 3.5),
    ],
)
def test_a_value_beyond_the_limit(limits: dict[str, Any], value: float) -> None:
    condition = SensorCondition.model_validate({"sensor": "pegel-hamnen"} | limits)
    registry = _lillby()

    assert [v for _, v in Course("pegel-hamnen", (condition,)).values(registry, NOW)] == [value]
    assert condition.holds(value)


def test_what_is_supposed_is_told_in_words() -> None:
    registry = _lillby()
    rises = SensorCondition.model_validate({"sensor": "pegel-hamnen", "rises": 0.2, "within": timedelta(hours=1)})
    silent = SensorCondition.model_validate({"sensor": "pegel-hamnen", "silent_for": timedelta(hours=2)})

    assert Course("pegel-hamnen", (rises,)).said(registry).endswith(" stiger 0,3 m på 1 h")
    assert Course("pegel-hamnen", (silent,)).said(registry).endswith(" tyst i 2 h")
