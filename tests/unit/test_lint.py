"""Rules that load and still cannot be meant, and rules that nobody would hear of."""

from __future__ import annotations

import math
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.lint import lint
from notifiers.profile import load_profile, read_profile
from rules.fault import Fault, Gravity, Language
from rules.lint import Span

LILLBY = Path(__file__).parents[1] / "towns" / "lillby"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def lillby(directory: Path, rule: str, *, people: tuple[str, str] = ("", "")) -> Path:
    """Lillby with one rule in place of its own."""
    shutil.copytree(LILLBY, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("stories"))
    (directory / "rules.yaml").write_text(f"rules:\n  - id: r\n    name: Regel\n{rule}", "utf-8")
    text = (directory / "people.yaml").read_text("utf-8")
    assert people[0] in text
    (directory / "people.yaml").write_text(text.replace(*people), "utf-8")
    return directory


def told(directory: Path) -> list[tuple[str, Gravity]]:
    return [(f.code, f.gravity) for f in load_profile(directory)[1]]


def heard(directory: Path) -> list[Fault]:
    profile, documents = read_profile(directory)
    assert profile is not None, documents.faults
    return list(lint(profile, documents, NOW))


BOTH = "    when:\n      all:\n        - {{sensor: {0}, above: {1}}}\n        - {{sensor: {0}, below: {2}}}\n"
WHEN = "    when: {sensor: water-pressure, below: 2.0}\n    concerns: water\n"
ERROR, FINDING = Gravity.ERROR, Gravity.FINDING

RULES: dict[str, tuple[str, list[tuple[str, Gravity]]]] = {
    "each district where there are none": (f"{WHEN}    each: district\n", [("each-without-places", FINDING)]),
    "each neighbourhood": (f"{WHEN}    each: neighbourhood\n", []),
    "an until with room between": (f"{WHEN}    until: {{sensor: water-pressure, above: 2.5}}\n", []),
    "an until that begins where the rule ends": (f"{WHEN}    until: {{sensor: water-pressure, above: 2.0}}\n", []),
    "an until that meets the rule": (
        f"{WHEN}    until: {{sensor: water-pressure, above: 1.9}}\n",
        [("until-overlaps", ERROR)],
    ),
    "an until that meets the rule after a time": (
        f"{WHEN}    until: {{sensor: water-pressure, above: 1.9, for: 1 h}}\n",
        [("until-overlaps-held", FINDING)],
    ),
    "an until that looks at something else": (f"{WHEN}    until: {{sensor: pegel-hamnen, above: 1}}\n", []),
    "an until of which every part must hold": (
        f"{WHEN}    until:\n      all:\n"
        "        - {sensor: water-pressure, above: 1}\n        - {incidents: leak}\n",
        [],
    ),
    "one of several that meets the until": (
        "    when:\n      any:\n        - {sensor: pegel-hamnen, above: 1}\n        - {incidents: fire}\n"
        "    concerns: water\n    until: {sensor: pegel-hamnen, between: [0, 2]}\n",
        [("until-overlaps", ERROR)],
    ),
    "several limits that leave nothing to meet": (
        f"{BOTH.format('pegel-hamnen', 1, 2)}    concerns: water\n    until: {{sensor: pegel-hamnen, above: 2}}\n",
        [],
    ),
    "two limits that one sensor cannot fulfil": (
        f"{BOTH.format('pegel-hamnen', 1, 1)}    concerns: water\n",
        [("all-contradicts", ERROR)],
    ),
    "two limits that two sensors of a kind can fulfil": (
        f"{BOTH.format('water-pressure', 5, 1)}    concerns: water\n",
        [],
    ),
    "the same for each sensor by itself": (
        f"    each: sensor\n{BOTH.format('water-pressure', 5, 1)}    concerns: water\n",
        [("all-contradicts", ERROR)],
    ),
    "a change and a limit": (
        "    when:\n      all:\n        - {sensor: pegel-hamnen, above: 1}\n"
        "        - {sensor: pegel-hamnen, falls: 3, within: 1 h}\n    concerns: water\n",
        [],
    ),
    "as many neighbourhoods as there are": (
        "    when: {incidents: leak, at_least: 2, different: neighbourhood}\n",
        [],
    ),
    "more neighbourhoods than the rule holds in": (
        "    areas: lillby.hamnen\n    when: {incidents: leak, at_least: 2, different: neighbourhood}\n",
        [("too-many-places", ERROR)],
    ),
    "districts where there are none": (
        "    when: {districts: normal, at_least: 1}\n",
        [("too-many-places", ERROR)],
    ),
    "a kind with no sensor where the rule holds": (
        "    areas: lillby.centrum\n    when: {sensor: water-level, above: 1}\n    concerns: water\n",
        [("no-sensor-there", FINDING)],
    ),
    "a sensor outside the rule's areas": (
        "    areas: lillby.centrum\n    when: {sensor: pegel-hamnen, above: 1}\n    concerns: water\n",
        [("sensor-elsewhere", ERROR)],
    ),
}


@pytest.mark.parametrize("what", RULES)
def test_what_cannot_be_meant_is_told_and_what_can_is_not(what: str, tmp_path: Path) -> None:
    rule, expected = RULES[what]

    assert told(lillby(tmp_path, rule)) == expected


def test_a_finding_stops_nothing_and_an_error_does(tmp_path: Path) -> None:
    held = lillby(tmp_path / "a", f"{WHEN}    until: {{sensor: water-pressure, above: 1.9, for: 1 h}}\n")
    at_once = lillby(tmp_path / "b", f"{WHEN}    until: {{sensor: water-pressure, above: 1.9}}\n")

    assert load_profile(held)[0] is not None
    assert load_profile(at_once)[0] is None


# --- who would hear --------------------------------------------------------------------------------------------------


def test_a_rule_that_leads_to_somebody_responsible_is_fine(tmp_path: Path) -> None:
    assert heard(lillby(tmp_path, WHEN)) == []


def test_a_rule_that_leads_to_nobody_responsible_is_told(tmp_path: Path) -> None:
    found = heard(lillby(tmp_path, "    when: {sensor: pegel-hamnen, above: 1}\n"))

    assert [(f.code, f.gravity, f.line) for f in found] == [("rule-unresolved", FINDING, 2)]
    assert "bara tib får veta" in str(found[0])
    assert "only tib is told" in found[0].said(Language.ENGLISH)


def test_a_rule_about_one_asset_at_a_time_leads_to_whoever_runs_it(tmp_path: Path) -> None:
    rule = "    each: {each}\n    when: {{incidents: fire}}\n"
    assert heard(lillby(tmp_path / "asset", rule.format(each="asset"))) == []
    assert heard(lillby(tmp_path / "place", rule.format(each="neighbourhood"))) != []


def test_a_rule_that_only_names_whom_to_tell_is_fine(tmp_path: Path) -> None:
    rule = "    when: {sensor: pegel-hamnen, above: 1}\n    notify: kommunchef\n"

    assert heard(lillby(tmp_path, rule)) == []


def test_a_rule_that_reaches_nobody_with_a_channel_is_told(tmp_path: Path) -> None:
    directory = lillby(tmp_path, WHEN)
    file = directory / "people.yaml"
    head, _, tail = file.read_text("utf-8").partition("\npersons:\n")
    ids = [line.split("id: ")[1] for line in tail.splitlines() if "- id:" in line]
    persons = "".join(f"  - {{id: {i}, name: Utan kanal}}\n" for i in ids)
    file.write_text(f"{head}\npersons:\n{persons}", "utf-8")

    assert [f.code for f in heard(directory)] == ["rule-unheard"]


# --- spans -----------------------------------------------------------------------------------------------------------

LIMITS = st.integers(-4, 4).map(float) | st.sampled_from([-math.inf, math.inf])
SPANS = st.builds(Span, LIMITS, LIMITS, st.booleans(), st.booleans())


def within(value: float, span: Span) -> bool:
    low = value > span.low or (value == span.low and span.low_counts)
    return low and (value < span.high or (value == span.high and span.high_counts))


@given(SPANS, SPANS, st.integers(-10, 10).map(lambda n: n / 2))
def test_a_value_is_in_what_two_spans_share_if_it_is_in_both(one: Span, other: Span, value: float) -> None:
    assert within(value, one.meet(other)) == (within(value, one) and within(value, other))


@given(SPANS)
def test_the_example_of_a_span_lies_in_it(span: Span) -> None:
    assert span.empty or math.isinf(span.low) is math.isinf(span.high) is True or within(span.example, span)


def test_a_profile_in_which_nobody_may_close_is_told_so(tmp_path: Path) -> None:
    lillby(tmp_path, WHEN, people=("may: [close, join, split]", "may: [join, split]"))
    assert told(tmp_path) == [("no-closer", FINDING)]
