"""The words of a rule beyond a plain limit: bands, change, silence, how long something has been open, what sort of
place it is at, and levels of districts. Minutes count from 05:40, in the small town of the laws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.calendar import Hours, next_change, within
from rules.rule import Rule
from tests.laws.strategies import Play, town

SPECIAL = "särskild händelse"


def rule(when: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "r", "name": "Regeln", "each": "district", "when": when, "concerns": "water"} | more


def play(*rules: dict[str, Any], **changes: Any) -> Play:
    return Play(town(rules, **changes), strict=True)


def holds(run: Play, name: str = "r") -> bool:
    return any(c.rule == name for m in run.open for c in m.open_causes)


# --- bands and change ------------------------------------------------------------------------------------------------


def test_a_value_between_two_limits_counts_and_the_limits_do_too() -> None:
    for value, expected in ((0.9, False), (1.0, True), (1.5, True), (2.0, True), (2.1, False)):
        run = play(rule({"sensor": "pressure", "between": [1.0, 2.0]}))
        run.reading("p-nord", value)
        assert holds(run) is expected, value


def test_a_rise_within_the_time_raises() -> None:
    run = play(rule({"sensor": "level", "rises": 0.3, "within": "1 h"}))
    run.readings("l-nord", 1.0, [0])
    run.readings("l-nord", 1.2, [30])
    assert not holds(run)
    run.readings("l-nord", 1.31, [55])
    assert holds(run)


def test_a_rise_that_takes_longer_does_not() -> None:
    run = play(rule({"sensor": "level", "rises": 0.3, "within": "1 h"}))
    for minute, value in ((0, 1.0), (40, 1.15), (80, 1.3), (120, 1.45)):
        run.readings("l-nord", value, [minute])
    assert not holds(run)


def test_a_rise_is_measured_from_the_lowest_value_in_the_time() -> None:
    run = play(rule({"sensor": "level", "rises": 0.3, "within": "1 h"}))
    for minute, value in ((0, 1.2), (20, 1.0), (40, 1.3)):
        run.readings("l-nord", value, [minute])
    assert holds(run)


def test_a_fall_within_the_time_raises_and_a_rise_does_not() -> None:
    run = play(rule({"sensor": "pressure", "falls": 1.0, "within": "10 min"}))
    run.readings("p-nord", 3.0, [0])
    run.readings("p-nord", 4.5, [5])
    assert not holds(run)
    run.readings("p-nord", 3.4, [9])
    assert holds(run)


def test_a_change_that_has_stopped_is_over_after_the_hold_time() -> None:
    run = play(rule({"sensor": "level", "rises": 0.3, "within": "30 min"}))
    run.readings("l-nord", 1.0, [0])
    run.readings("l-nord", 1.4, [10])
    assert holds(run)
    run.readings("l-nord", 1.4, range(20, 120, 10))
    assert not holds(run)


# --- silence ---------------------------------------------------------------------------------------------------------

SILENT = rule({"sensor": "level", "silent_for": "20 min"}, each="sensor")


def test_a_sensor_that_has_said_nothing_for_the_time_is_told() -> None:
    run = play(SILENT)
    run.reading("l-nord", 1.0)
    run.at(19)
    assert not holds(run)
    run.at(20)
    assert holds(run)
    assert "inget värde" in run.one.causes[0].because


def test_a_sensor_that_speaks_in_time_is_not() -> None:
    run = play(SILENT)
    run.readings("l-nord", 1.0, range(0, 100, 15))
    run.at(105)
    assert not holds(run)


def test_a_sensor_that_is_heard_again_ends_it_after_the_hold_time() -> None:
    run = play(SILENT)
    run.reading("l-nord", 1.0)
    run.at(25)
    assert holds(run)
    run.readings("l-nord", 1.0, range(26, 80, 10))
    assert not holds(run)


def test_a_sensor_that_falls_silent_twice_is_told_twice() -> None:
    run = play(SILENT)
    run.reading("l-nord", 1.0)
    run.at(25)
    run.readings("l-nord", 1.0, range(26, 80, 10))
    assert not holds(run)
    run.at(100)
    assert holds(run)


def test_a_sensor_that_was_never_heard_is_not_silent() -> None:
    assert not holds(play(SILENT).at(600))


def test_silence_can_never_be_what_makes_it_over() -> None:
    with pytest.raises(ValidationError, match="tyst"):
        Rule.model_validate(rule({"sensor": "level", "above": 1}, until={"sensor": "level", "silent_for": "1 h"}))


@pytest.mark.parametrize(
    "when",
    [
        {"sensor": "level"},
        {"sensor": "level", "above": 1, "silent_for": "1 h"},
        {"sensor": "level", "above": 1, "between": [1, 2]},
        {"sensor": "level", "rises": 1},
        {"sensor": "level", "above": 1, "within": "1 h"},
        {"sensor": "level", "between": [2, 1]},
        {"sensor": "level", "rises": 0, "within": "1 h"},
    ],
)
def test_a_sensor_condition_says_exactly_one_thing(when: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(rule(when))


# --- incidents -------------------------------------------------------------------------------------------------------

OPEN = rule({"incidents": "no-water", "open_for": "30 min"}, level=SPECIAL)


def test_an_incident_counts_once_it_has_been_open_for_the_time() -> None:
    run = play(OPEN)
    run.incident("no-water", "n", asset="boende")
    assert run.open, "whoever is responsible every day is told at once"
    run.at(29)
    assert not holds(run)
    run.at(30)
    assert holds(run)
    assert run.one.alert_level == SPECIAL


def test_the_time_counts_from_when_it_began_and_not_from_the_report() -> None:
    run = play(OPEN)
    run.at(40).incident("no-water", "n", asset="boende", since=run.moment(0))
    assert holds(run)


def test_an_incident_that_was_over_in_time_does_not_count() -> None:
    run = play(OPEN)
    run.incident("no-water", "n", asset="boende")
    run.at(20).over("n", asset="boende")
    run.at(300)
    assert not any(c.rule == "r" for m in run.matters for c in m.causes)


def test_an_update_does_not_begin_the_time_anew() -> None:
    run = play(OPEN)
    run.incident("no-water", "n", asset="boende", since=run.moment(0))
    run.at(20).incident("no-water", "n", asset="boende", since=run.moment(0), text="Fortfarande inget vatten")
    run.at(30)
    assert holds(run)


def test_only_the_sort_of_place_the_rule_names_counts() -> None:
    assets = {"boende": True, "boende-2": False}
    for wanted in (True, False):
        for asset, priority in assets.items():
            places = [a | {"priority": assets.get(a["id"], False)} for a in _assets()]
            run = play(rule({"incidents": "no-water", "priority": wanted}), assets=places)
            run.incident("no-water", "n", asset=asset)
            assert holds(run) is (priority is wanted), (asset, wanted)


def test_only_a_place_that_needs_the_function_counts() -> None:
    run = play(rule({"incidents": "no-water", "needs": "water"}))
    run.incident("no-water", "plats", area="nord")
    assert not holds(run)
    run.incident("no-water", "n", asset="boende")
    assert holds(run)


def test_danger_to_life_that_an_update_adds_makes_it_count() -> None:
    run = play(rule({"incidents": "pothole", "danger_to_life": True}))
    run.incident("pothole", "h", area="nord")
    assert not holds(run)
    run.at(3).incident("pothole", "h", area="nord", danger_to_life=True)
    assert holds(run)


def _assets() -> list[dict[str, Any]]:
    from tests.laws.strategies import TOWN

    return [dict(a) for a in TOWN["assets"]]


# --- districts -------------------------------------------------------------------------------------------------------

FLOOD = rule({"incidents": "leak"}, id="leak", level=SPECIAL)
THREE = {"id": "three", "name": "Tre stadsdelar", "when": {"districts": SPECIAL, "at_least": 3}, "level": SPECIAL}


def city(run: Play) -> list[str]:
    return [m.alert_level for m in run.open if m.area == "stad"]


def test_three_districts_at_a_level_are_a_matter_of_the_city() -> None:
    run = play(FLOOD, THREE)
    for area in ("nord", "syd"):
        run.incident("leak", area, area=area)
    assert city(run) == []
    run.incident("leak", "ost", area="ost")
    assert city(run) == [SPECIAL]


def test_three_matters_in_one_district_are_one_district() -> None:
    run = play(rule({"incidents": "leak"}, id="leak", level=SPECIAL, each="asset"), THREE)
    for ref in ("a", "b", "c"):
        run.incident("leak", ref, area="nord")
    assert city(run) == []


def test_only_decided_levels_count_when_the_rule_says_so() -> None:
    run = play(FLOOD, THREE | {"when": {"districts": SPECIAL, "at_least": 1, "declared": True}})
    run.incident("leak", "n", area="nord")
    assert city(run) == []
    (matter,) = run.open
    run.decide("grant", "nord-direktor-1", "direktor", matter=matter.id)
    assert city(run) == [SPECIAL]


def test_a_district_that_comes_back_to_normal_counts_no_more() -> None:
    run = play(FLOOD, THREE | {"when": {"districts": SPECIAL, "at_least": 1}})
    run.incident("leak", "n", area="nord")
    assert city(run) == [SPECIAL]
    run.at(1).over("n", area="nord")
    run.at(200)
    assert run.open == []


def test_districts_are_counted_for_the_whole_city_only() -> None:
    with pytest.raises(ValidationError, match="hela staden"):
        Rule.model_validate(rule({"districts": SPECIAL, "at_least": 3}))


# --- sequences and rows ----------------------------------------------------------------------------------------------

THEN = {"first": {"incidents": "leak"}, "then": {"sensor": "pressure", "below": 2.0}, "within": "2 h"}


def test_one_thing_and_then_another_in_time_raises() -> None:
    run = play(rule(THEN, id="then"))
    run.incident("leak", "l", area="nord")
    assert not holds(run, "then")
    run.at(60).reading("p-nord", 1.5)
    assert holds(run, "then")


def test_the_other_way_round_does_not() -> None:
    run = play(rule(THEN, id="then"))
    run.reading("p-nord", 1.5)
    run.at(60).incident("leak", "l", area="nord")
    assert not holds(run, "then")


def test_too_late_does_not() -> None:
    run = play(rule(THEN, id="then"))
    run.incident("leak", "l", area="nord")
    run.at(121).reading("p-nord", 1.5)
    assert not holds(run, "then")


def test_the_first_counts_although_it_is_over() -> None:
    run = play(rule(THEN, id="then"))
    run.incident("leak", "l", area="nord")
    run.at(5).over("l", area="nord")
    run.at(60).reading("p-nord", 1.5)
    assert holds(run, "then")


SAMPLES = rule(
    {"incidents": "leak"}, id="leak", until={"incidents": "clean-sample", "in_a_row": 2, "broken_by": "no-water"}
)


def test_two_in_a_row_are_needed_and_one_is_not_enough() -> None:
    run = play(SAMPLES)
    run.incident("leak", "l", area="nord")
    run.at(10).incident("clean-sample", "s1", area="nord")
    assert holds(run, "leak")
    run.at(20).incident("clean-sample", "s2", area="nord")
    assert not holds(run, "leak")


def test_a_row_that_is_broken_begins_anew() -> None:
    run = play(SAMPLES)
    run.incident("leak", "l", area="nord")
    run.at(10).incident("clean-sample", "s1", area="nord")
    run.at(20).incident("no-water", "bad", area="nord")
    run.at(30).incident("clean-sample", "s2", area="nord")
    assert holds(run, "leak")
    run.at(40).incident("clean-sample", "s3", area="nord")
    assert not holds(run, "leak")


def test_a_sample_from_before_the_bad_one_that_comes_after_it_does_not_count() -> None:
    # The laboratory's answers come in any order. One clean sample since the bad one is not two in a row.
    run = play(SAMPLES)
    run.incident("leak", "l", area="nord")
    run.at(20).incident("no-water", "bad", area="nord")
    run.at(21).incident("clean-sample", "s1", minute=10, area="nord")
    run.at(22).incident("clean-sample", "s2", minute=21, area="nord")
    assert holds(run, "leak")
    run.at(23).incident("clean-sample", "s3", area="nord")
    assert not holds(run, "leak")


def test_samples_from_before_it_began_do_not_count() -> None:
    run = play(SAMPLES)
    run.incident("clean-sample", "s0", area="nord")
    run.at(5).incident("leak", "l", area="nord")
    run.at(10).incident("clean-sample", "s1", area="nord")
    assert holds(run, "leak")


# --- hours -----------------------------------------------------------------------------------------------------------

AT_NIGHT = rule({"all": [{"incidents": "leak"}, {"calendar": "night"}]}, id="night")


def test_at_night_it_holds_at_once() -> None:
    run = play(AT_NIGHT)  # 05:40 on a Tuesday
    run.incident("leak", "l", area="nord")
    assert holds(run, "night")


def test_by_day_it_waits_for_the_night() -> None:
    run = play(AT_NIGHT)
    run.at(60).incident("leak", "l", area="nord")
    run.at(16 * 60)
    assert not holds(run, "night")
    run.at(16 * 60 + 20)  # 22:00
    assert holds(run, "night")


def test_what_was_over_before_the_night_does_not() -> None:
    run = play(AT_NIGHT)
    run.at(60).incident("leak", "l", area="nord")
    run.at(90).over("l", area="nord")
    run.at(17 * 60)
    assert not any(c.rule == "night" for m in run.matters for c in m.causes)


def test_morning_does_not_end_what_began_at_night() -> None:
    run = play(AT_NIGHT)
    run.incident("leak", "l", area="nord")
    run.at(10 * 60)
    assert holds(run, "night")


@pytest.mark.parametrize(
    ("hours", "moment", "expected"),
    [
        ("night", "2026-03-29T00:30:00+00:00", True),  # 01:30, the night the clock goes forward
        ("night", "2026-03-29T04:00:00+00:00", False),  # 06:00 summer time
        ("night", "2026-10-25T04:59:00+00:00", True),  # 05:59 winter time
        ("weekend", "2026-10-17T10:00:00+00:00", True),
        ("weekend", "2026-10-16T21:59:00+00:00", False),  # Friday 23:59
        ("weekend", "2026-10-16T22:00:00+00:00", True),  # Saturday 00:00
        ("holiday", "2026-06-19T10:00:00+00:00", True),  # Midsummer's eve
        ("holiday", "2026-10-18T10:00:00+00:00", False),  # an ordinary Sunday is a weekend
        ("office_hours", "2026-10-13T06:00:00+00:00", True),  # Tuesday 08:00
        ("office_hours", "2026-10-13T15:00:00+00:00", False),  # Tuesday 17:00
        ("office_hours", "2026-12-24T10:00:00+00:00", False),  # Christmas Eve, a Thursday
        ("out_of_office_hours", "2026-12-24T10:00:00+00:00", True),
    ],
)
def test_hours_are_those_of_the_citys_clock_and_calendar(hours: str, moment: str, expected: bool) -> None:
    assert within(Hours(hours), datetime.fromisoformat(moment), "Europe/Stockholm") is expected


FIRST, LAST = datetime(2026, 1, 1), datetime(2027, 12, 31)  # noqa: DTZ001 - hypothesis adds the zone


@given(st.datetimes(FIRST, LAST, timezones=st.just(UTC)))
def test_between_two_changes_the_hours_stay_as_they_are(at: datetime) -> None:
    change = next_change(at, "Europe/Stockholm")
    assert change > at
    for hours in Hours:
        last = within(hours, change - timedelta(seconds=1), "Europe/Stockholm")
        assert within(hours, at, "Europe/Stockholm") is last


@pytest.mark.parametrize(
    "more",
    [
        {"when": {"calendar": "night"}},
        {"when": {"any": [{"calendar": "night"}, {"incidents": "leak"}]}},
        {"when": {"all": [{"calendar": "night"}, {"calendar": "weekend"}]}},
        {"until": {"calendar": "office_hours"}},
    ],
)
def test_hours_alone_are_no_condition(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(rule({"incidents": "leak"}) | more)
