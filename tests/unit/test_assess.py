"""Assess: what is happening, at which level. Each test is a short story in a small town whose only rules are those it
names; minutes count from 05:40."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from notifiers.profile import Profile
from rules.events import Reading, Readings, Severity, Warning, Warnings
from rules.matter import Basis, ProposalState
from rules.record import Happening
from rules.step import Stage, State, TimerDue
from streams.intake import Intake
from streams.stages import STAGES
from tests.laws.strategies import TOWN, Play, shipped, town

SPECIAL = "särskild händelse"
DECLARED = "höjd beredskap"

LOW: dict[str, Any] = {
    "id": "low",
    "name": "Lågt tryck",
    "each": "district",
    "when": {"sensor": "pressure", "below": 2.0},
    "until": {"sensor": "pressure", "above": 2.5, "for": "15 min"},
    "concerns": "water",
}
LOW_HELD = LOW | {"when": {"sensor": "pressure", "below": 2.0, "for": "5 min"}}
HIGH: dict[str, Any] = {
    "id": "high",
    "name": "Högt vatten",
    "each": "district",
    "when": {"sensor": "level", "above": 3.0, "for": "30 min"},
    "level": SPECIAL,
    "concerns": "streets",
}
HIGH_AT_ONCE = HIGH | {"when": {"sensor": "level", "above": 3.0}}
NO_WATER: dict[str, Any] = {
    "id": "no-water",
    "name": "Inget vatten",
    "each": "district",
    "when": {"incidents": "no-water"},
    "level": SPECIAL,
    "concerns": "water",
}
THREE_PUMPS: dict[str, Any] = {
    "id": "pumps",
    "name": "Pumplarm i tre stadsdelar",
    "when": {"incidents": "pump", "at_least": 3, "different": "district", "within": "60 min"},
    "level": SPECIAL,
    "concerns": "streets",
}
RAIN = [
    {
        "id": f"rain-{severity}",
        "name": f"Skyfall {severity}",
        "when": {"warning": "RAIN", "severity": severity},
        "concerns": "streets",
    }
    | more
    for severity, more in (("yellow", {"action": "inform"}), ("orange", {}), ("red", {"level": SPECIAL}))
]


def play(*rules: dict[str, Any], **changes: Any) -> Play:
    return Play(town(rules, **changes), strict=True)


@pytest.fixture(scope="module")
def stockholm() -> Intake:
    return shipped()


# --- sensors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "value", "holds"),
    [
        ({"above": 2.0}, 2.1, True),
        ({"above": 2.0}, 2.0, False),
        ({"above": 2.0}, 1.9, False),
        ({"below": 2.0}, 1.9, True),
        ({"below": 2.0}, 2.0, False),
        ({"above": 1.0, "below": 2.0}, 1.5, True),
        ({"above": 1.0, "below": 2.0}, 2.5, False),
    ],
)
def test_a_value_beyond_the_limit_opens_a_matter_and_the_limit_itself_does_not(
    limit: dict[str, float], value: float, holds: bool
) -> None:
    run = play(LOW | {"when": {"sensor": "pressure"} | limit, "until": None})
    run.reading("p-nord", value)
    assert bool(run.open) is holds


def test_one_reading_completes_no_limit_that_must_be_held() -> None:
    run = play(HIGH)
    run.reading("l-nord", 3.5)
    run.at(29)
    assert run.matters == []


def test_a_reading_that_is_held_for_the_time_of_the_events_completes_the_limit() -> None:
    run = play(HIGH)
    run.readings("l-nord", 3.5, [0, 10, 20, 30])
    assert run.one.alert_level == SPECIAL


def test_held_time_is_counted_in_event_time_not_in_arrival_time() -> None:
    run = play(HIGH)
    run.at(60)
    run.reading("l-nord", 3.5, minute=25)
    run.reading("l-nord", 3.5, minute=56)
    assert run.one.alert_level == SPECIAL


def test_a_timer_completes_a_held_limit_while_the_value_is_fresh() -> None:
    run = play(HIGH)
    run.reading("l-nord", 3.5)
    run.at(30)
    assert run.one.alert_level == SPECIAL


def test_a_value_that_goes_back_starts_the_held_time_anew() -> None:
    run = play(HIGH)
    run.readings("l-nord", 3.5, [0, 10, 20])
    run.at(25).reading("l-nord", 2.9)
    run.at(26).reading("l-nord", 3.5)
    run.at(55)
    assert run.matters == []
    run.at(56)
    assert run.one.alert_level == SPECIAL


def test_a_sensor_that_falls_silent_over_its_limit_raises_no_level_but_is_told_at_once() -> None:
    run = play(LOW | {"when": {"sensor": "pressure", "below": 2.0, "for": "30 min"}, "level": SPECIAL})
    run.reading("p-nord", 1.8)  # valid for 10 minutes, needed for 30
    run.at(30)
    assert run.one.alert_level == "normal"
    assert run.told() == {"vatten-drift-1"}
    assert "tystnade över gränsen" in run.said()


def test_a_silent_sensor_that_is_heard_on_the_other_side_ends_what_its_silence_began() -> None:
    run = play(LOW | {"when": {"sensor": "pressure", "below": 2.0, "for": "30 min"}})
    run.reading("p-nord", 1.8)
    run.at(40).reading("p-nord", 3.0)
    assert run.open == []


def test_a_silent_sensor_that_is_still_beyond_its_limit_when_it_returns_raises_the_level() -> None:
    run = play(LOW | {"when": {"sensor": "pressure", "below": 2.0, "for": "30 min"}, "level": SPECIAL})
    run.reading("p-nord", 1.8)
    run.at(40).reading("p-nord", 1.7)
    assert run.one.alert_level == SPECIAL


def test_silence_never_lowers() -> None:
    run = play(LOW)
    run.reading("p-nord", 1.8)
    run.at(7 * 24 * 60)
    assert len(run.open) == 1
    assert run.one.open_causes


def test_a_late_reading_raises_nothing_when_a_newer_one_is_known() -> None:
    run = play(LOW)
    run.reading("p-nord", 3.0)
    run.at(5).reading("p-nord", 1.0, minute=-1)
    assert run.matters == []


def test_a_late_reading_lowers_nothing() -> None:
    run = play(HIGH_AT_ONCE)
    run.at(5).reading("l-nord", 3.5)
    run.at(6).reading("l-nord", 1.0, minute=4)
    run.at(120)
    assert run.one.alert_level == SPECIAL


def test_a_late_reading_that_is_its_sensors_newest_raises() -> None:
    run = play(LOW)
    run.at(50).reading("p-nord", 1.8, minute=45)
    assert len(run.open) == 1


def test_whoever_is_asked_because_of_a_late_reading_has_the_whole_time_to_answer() -> None:
    # Semantics 5: now is when it was received. A gateway's backlog must not ask a chain of five within one second.
    run = play(HIGH)
    run.at(50).reading("l-nord", 3.5, minute=0)
    run.at(51)
    run.at(52)
    assert [n.person for n in run.notices if n.asked[0].role == "gatujour"] == ["gatan-gatujour-1"]


def test_the_same_reading_twice_changes_nothing() -> None:
    run = play(LOW)
    run.reading("p-nord", 1.8)
    before = run.one
    run.reading("p-nord", 1.8)
    assert run.one == before
    assert len(run.heard()) == 1


@pytest.mark.parametrize("values", [(1.8, 3.0), (3.0, 1.8)])
def test_of_two_values_for_one_moment_the_one_that_raises_counts_and_the_conflict_is_told(
    values: tuple[float, float],
) -> None:
    run = play(LOW)
    for value in values:
        run.reading("p-nord", value)
    assert len(run.open) == 1
    assert "två värden för samma tid" in run.said()


def test_the_same_conflict_sent_again_is_a_duplicate_and_told_once() -> None:
    run = play(LOW)
    for value in (1.8, 3.0, 3.0):
        run.reading("p-nord", value)
    assert run.said().count("två värden för samma tid") == 1


def test_a_batch_in_any_order_comes_out_as_in_order() -> None:
    run = play(HIGH)
    run.at(40)
    times = (run.moment(m) for m in (40, 0, 20, 10, 30))
    run.event(Readings(readings=tuple(Reading(sensor="l-nord", value=3.5, time=t) for t in times)))
    assert run.one.alert_level == SPECIAL


def test_the_last_value_is_kept_although_no_rule_wants_it() -> None:
    run = play()
    run.reading("l-nord", 3.5)
    (entries,) = (e for (stage, _, _), e in run.stage.states.items() if stage is Stage.ASSESS)
    assert "l-nord" in entries["last/0"].seen


# --- until -----------------------------------------------------------------------------------------------------------


def test_until_has_its_own_limit_and_its_own_time() -> None:
    run = play(LOW)
    run.reading("p-nord", 1.8)
    run.readings("p-nord", 2.2, [1, 2, 3])
    assert run.one.open_causes, "between the limits nothing changes"
    run.readings("p-nord", 2.6, [4, 10, 18])
    assert run.one.open_causes, "fourteen minutes are not fifteen"
    run.at(19).reading("p-nord", 2.6)
    assert run.open == []


def test_until_starts_anew_when_the_value_dips_below_its_limit() -> None:
    run = play(LOW)
    run.reading("p-nord", 1.8)
    run.readings("p-nord", 2.6, [4, 10, 16])
    run.at(17).reading("p-nord", 2.4)
    run.readings("p-nord", 2.6, [18, 25, 32])
    assert run.one.open_causes
    run.at(33).reading("p-nord", 2.6)
    assert run.open == []


def test_until_must_hold_for_every_sensor_the_cause_rests_on() -> None:
    run = play(LOW)
    run.reading("p-nord", 1.8)
    run.reading("p-nord-2", 1.8)
    run.readings("p-nord", 2.6, range(1, 40, 5))
    assert run.one.open_causes


@pytest.mark.parametrize("second", [(30, 35), (30,)], ids=["completed by a reading", "completed by the timer"])
def test_the_hysteresis_holds_the_second_time_as_it_did_the_first(second: tuple[int, ...]) -> None:
    # What made it over the last time must not still count: 2.1 is above 2.0 but not above 2.5.
    run = play(LOW_HELD)
    run.readings("p-nord", 1.8, [0, 5])
    run.readings("p-nord", 2.6, [6, 12, 18, 21])
    assert run.open == []
    run.readings("p-nord", 1.8, second)
    run.at(36).reading("p-nord", 2.1)
    assert len(run.open) == 1, run.said()


def test_a_second_sensor_that_falls_too_does_not_end_the_matter_because_both_were_well_before() -> None:
    run = play(LOW_HELD)
    for sensor in ("p-nord", "p-nord-2"):
        run.reading(sensor, 1.8)
    run.at(6)
    for minute in (7, 14, 22):
        run.at(minute)
        for sensor in ("p-nord", "p-nord-2"):
            run.reading(sensor, 2.6)
    assert run.open == []
    run.at(30).reading("p-nord", 1.8)
    run.at(31).reading("p-nord-2", 1.8)
    run.at(37)
    assert len(run.open) == 1, run.said()


def test_an_unknown_stretch_counts_for_nothing_when_lowering() -> None:
    # Lowering never follows from missing data (invariant 3): values are valid for ten minutes, until asks for fifteen.
    run = play(LOW)
    run.reading("p-nord", 1.8)
    run.at(1).reading("p-nord", 2.6)
    run.at(60).reading("p-nord", 2.6)
    assert run.one.open_causes


def test_a_sensor_that_was_well_and_fell_silent_is_unknown_and_does_not_lower() -> None:
    # Semantics 8. One of two recovers and dies; hours later the other recovers: nothing is known of the first.
    run = play(LOW)
    run.reading("p-nord", 1.8)
    run.reading("p-nord-2", 1.8)
    run.readings("p-nord", 2.6, [1, 8, 16])
    run.readings("p-nord-2", 2.6, [300, 308, 316])
    assert run.one.open_causes, "p-nord has been silent for five hours"
    for minute in (320, 328, 336, 344):
        run.readings("p-nord", 2.6, [minute])
        run.readings("p-nord-2", 2.6, [minute])
    assert run.open == [], "both are known to be well"


def test_a_sensor_that_was_well_fell_silent_and_is_low_when_heard_again_does_not_lower() -> None:
    # What it was before it fell silent stayed counted, and its low value made it known: the matter closed.
    run = play(LOW | {"until": {"sensor": "pressure", "above": 2.5}})
    run.reading("p-nord", 1.8)
    run.reading("p-nord-2", 1.8)
    run.at(1).reading("p-nord", 2.6)
    run.at(60).reading("p-nord", 2.2)
    run.at(61).reading("p-nord-2", 2.6)
    assert run.one.open_causes
    run.at(62).reading("p-nord", 2.6)
    assert run.open == []


def test_a_sensor_that_was_well_long_enough_and_fell_silent_is_watched_anew_when_heard_again() -> None:
    run = play(LOW)
    run.reading("p-nord", 1.8)
    run.reading("p-nord-2", 1.8)
    run.readings("p-nord", 2.6, [1, 8, 16])
    for minute in (290, 298, 306):
        run.at(minute).reading("p-nord-2", 2.6)
        if minute == 306:
            run.reading("p-nord", 2.6)
    assert run.one.open_causes, "p-nord has been well for no time since it was heard again"
    run.readings("p-nord-2", 2.6, [313, 320])
    assert run.one.open_causes


def test_an_until_that_counts_reports_counts_those_since_the_rule_began() -> None:
    run = play(
        {
            "id": "leak",
            "name": "Läcka",
            "each": "district",
            "when": {"incidents": "leak"},
            "until": {"incidents": "clean-sample", "at_least": 2},
            "concerns": "water",
        }
    )
    run.incident("clean-sample", "s1", area="nord")
    run.incident("clean-sample", "s2", area="nord")
    run.at(60).incident("leak", "l1", area="nord")
    run.at(61).incident("leak", "l2", area="nord")
    leak = next(m for m in run.matters if any(c.rule == "leak" for c in m.causes))
    assert any(c.rule == "leak" for c in leak.open_causes), run.said()


# --- incidents -------------------------------------------------------------------------------------------------------


def test_too_few_incidents_do_not_raise_and_enough_do() -> None:
    run = play(THREE_PUMPS)
    run.incident("pump", "a", area="nord")
    run.incident("pump", "b", area="syd")
    assert all(m.alert_level == "normal" for m in run.open)
    run.incident("pump", "c", area="ost")
    assert [m.alert_level for m in run.open if m.area == "stad"] == [SPECIAL]


def test_three_incidents_in_one_district_count_as_one() -> None:
    run = play(THREE_PUMPS)
    for ref in ("a", "b", "c", "d"):
        run.incident("pump", ref, area="nord")
    assert all(m.alert_level == "normal" for m in run.open)


def test_three_fires_in_one_district_count_once() -> None:
    fires = THREE_PUMPS | {"when": THREE_PUMPS["when"] | {"incidents": "fire"}}
    run = play(fires)
    for ref, area in (("a", "nord.ett"), ("b", "nord.tva"), ("c", "nord")):
        run.incident("fire", ref, area=area)
    assert [m for m in run.open if m.area == "stad"] == []


def test_the_same_incident_reported_three_times_is_one() -> None:
    run = play(THREE_PUMPS)
    for area in ("nord", "nord", "nord"):
        run.incident("pump", "a", area=area)
    assert [m for m in run.open if m.area == "stad"] == []


def test_incidents_further_apart_than_within_do_not_count_together() -> None:
    run = play(THREE_PUMPS)
    for minute, ref, area in ((0, "a", "nord"), (40, "b", "syd"), (80, "c", "ost")):
        run.at(minute).incident("pump", ref, area=area)
    assert [m for m in run.open if m.area == "stad"] == []


def test_within_is_counted_in_event_time_whatever_the_order_of_arrival() -> None:
    run = play(THREE_PUMPS)
    run.at(70)
    for ref, area, minute in (("c", "ost", 59), ("a", "nord", 0), ("b", "syd", 30)):
        run.incident("pump", ref, area=area, minute=minute)
    assert [m.alert_level for m in run.open if m.area == "stad"] == [SPECIAL]


def test_incidents_act_however_late() -> None:
    # Semantics 6. The network was down for three hours; then the reports come, all of one half hour.
    run = play(THREE_PUMPS)
    run.at(180)
    for ref, area, minute in (("a", "nord", 0), ("b", "syd", 10), ("c", "ost", 20)):
        run.incident("pump", ref, area=area, minute=minute)
    assert [m.alert_level for m in run.open if m.area == "stad"] == [SPECIAL]


def test_a_cause_that_counted_reports_is_over_when_all_of_them_are_over_for_the_hold_time() -> None:
    # Semantics 13: a provisional level ends when all causes were positively false for their hold time.
    run = play(THREE_PUMPS)
    for ref, area in (("a", "nord"), ("b", "syd"), ("c", "ost")):
        run.incident("pump", ref, area=area)
    run.at(20)
    for ref, area in (("a", "nord"), ("b", "syd"), ("c", "ost")):
        run.over(ref, area=area)
    run.at(6 * 60)
    assert run.open == [], run.said()


@pytest.mark.parametrize("kind", ["no-water", "pump"])
def test_what_is_reported_after_its_end_acts_and_closes_by_itself(kind: str) -> None:
    # The network delivers the end before the beginning; with a rule, and with none that wants it.
    run = play(NO_WATER)
    run.at(10).over("a", area="nord")
    run.at(20).incident(kind, "a", area="nord", minute=0)
    run.at(6 * 60)
    assert run.matters
    assert run.open == [], run.said()
    assert "Rapporten kom efter beskedet att det är över" in run.said()


def test_what_begins_anew_after_its_end_stays_open() -> None:
    run = play(NO_WATER)
    run.incident("no-water", "a", area="nord")
    run.at(10).over("a", area="nord")
    run.at(20).incident("no-water", "a", area="nord")
    run.at(60)
    assert len(run.open) == 1, run.said()


def test_the_end_of_an_incident_is_remembered_for_a_day() -> None:
    run = play(NO_WATER)
    run.over("a", area="nord")
    assert any("ended/" in name for entries in run.stage.states.values() for name in entries)
    run.at(25 * 60)
    assert not any("ended/" in name for entries in run.stage.states.values() for name in entries)


def test_a_report_that_was_over_before_enough_had_come_does_not_keep_the_cause_open() -> None:
    # Pumps come and go. The first is over before the third alarms, and is never heard of again.
    run = play(THREE_PUMPS)
    run.incident("pump", "a", area="nord")
    run.at(10).over("a", area="nord")
    run.at(20).incident("pump", "b", area="syd")
    run.at(30).incident("pump", "c", area="ost")
    assert [m.alert_level for m in run.open if m.area == "stad"] == [SPECIAL]
    run.at(40).over("b", area="syd")
    run.over("c", area="ost")
    run.at(6 * 60)
    assert run.open == [], run.said()


def test_late_reports_count_together_although_newer_ones_are_known() -> None:
    # Semantics 6: incidents act however late. A hundred alarms of today must not push out three of three hours ago.
    run = play(THREE_PUMPS)
    run.at(300)
    for index in range(100):
        run.incident("pump", f"new{index}", area="nord")
    for ref, area, minute in (("a", "nord", 0), ("b", "syd", 10), ("c", "ost", 20)):
        run.incident("pump", ref, area=area, minute=minute)
    assert [m.alert_level for m in run.open if m.area == "stad"] == [SPECIAL]


def test_incidents_that_leave_the_window_without_a_word_keep_the_level() -> None:
    run = play(THREE_PUMPS)
    for ref, area in (("a", "nord"), ("b", "syd"), ("c", "ost")):
        run.incident("pump", ref, area=area)
    run.at(24 * 60)
    assert [m.alert_level for m in run.open if m.area == "stad"] == [SPECIAL]


def test_an_incident_that_no_rule_wants_is_told_to_whoever_is_responsible_every_day() -> None:
    run = play()
    run.incident("pothole", "h", area="nord")
    assert run.one.alert_level == "normal"
    assert run.rows()["gatujour", "gatan"] == "act"


def test_an_incident_of_an_unknown_kind_reaches_the_duty_officer() -> None:
    run = play()
    run.incident("marsmanniskor", "m")
    assert run.rows()["tib", "stab"] == "act"
    assert "ansvarig för" in run.said()
    assert "saknas i registret" in run.said()
    assert "responsibility_unresolved" not in run.said()


def test_an_incident_of_an_unknown_kind_in_a_district_reaches_its_coordinator() -> None:
    run = play()
    run.incident("marsmanniskor", "m", area="nord")
    assert run.rows()["cib", "nord"] == "coordinate"


def test_an_incident_at_no_known_place_is_the_citys_and_flagged() -> None:
    run = play()
    run.incident("pothole", "h", area="Nangijala")
    assert run.one.area == "stad"
    assert "okänt område 'Nangijala'" in run.said()


def test_one_report_of_a_city_wide_rule_opens_one_matter() -> None:
    run = play(NO_WATER | {"each": None})
    run.incident("no-water", "n", asset="boende")
    assert [m.area for m in run.open] == ["stad"]


def test_a_report_that_is_over_ends_its_matter_and_says_so() -> None:
    run = play()
    run.incident("pothole", "h", area="nord")
    run.over("h", area="nord")
    assert run.open == []


def test_a_report_that_is_over_and_names_no_place_is_found_where_it_is() -> None:
    run = play()
    run.incident("pothole", "h", area="syd")
    run.over("h")
    assert run.open == []


def test_a_report_that_is_over_and_names_only_the_city_is_found_where_it_is() -> None:
    run = play()
    run.incident("pothole", "h", area="syd")
    run.over("h", area="stad")
    assert run.open == []
    assert "inte är känt här" not in run.said(), "one of the keys knew it"


def test_the_same_closing_twice_changes_nothing() -> None:
    run = play()
    run.incident("pothole", "h", area="nord")
    run.over("h", area="nord")
    before = run.matters
    run.over("h", area="nord")
    assert run.matters == before


def test_a_closing_for_something_never_reported_opens_nothing() -> None:
    run = play()
    run.over("h", area="nord")
    assert run.matters == []
    assert "inte är känt här" in run.said()


def test_an_incident_moved_to_another_place_in_its_district_closes_with_its_report() -> None:
    fire = {"id": "fire", "name": "Brand", "each": "neighbourhood", "when": {"incidents": "fire"}}
    run = play(fire)
    run.incident("fire", "f", area="nord.ett")
    run.at(5).incident("fire", "f", area="nord.tva")
    run.at(10).over("f", area="nord.tva")
    run.at(120)
    assert run.open == [], run.said()


def test_an_incident_corrected_to_another_kind_closes_with_its_report() -> None:
    fire = {"id": "fire", "name": "Brand", "each": "district", "when": {"incidents": "fire"}}
    run = play(fire)
    run.incident("fire", "f", area="nord")
    run.at(5).incident("pothole", "f", area="nord")
    run.at(10).over("f", area="nord")
    run.at(120)
    assert run.open == [], run.said()


def test_an_incident_moved_to_another_district_is_one_incident() -> None:
    run = play()
    run.incident("pothole", "h", area="nord")
    run.at(5).incident("pothole", "h", area="syd")
    run.at(10).over("h", area="syd")
    run.at(120)
    assert run.open == [], run.said()


def test_a_hold_time_passes_before_a_cause_without_until_is_cleared() -> None:
    run = play(NO_WATER)
    run.incident("no-water", "n", asset="boende")
    run.at(60).over("n", asset="boende")
    run.at(89)
    assert run.one.alert_level == SPECIAL
    run.at(90)
    assert run.open == []


def test_a_new_report_within_the_hold_time_keeps_the_cause() -> None:
    run = play(NO_WATER)
    run.incident("no-water", "n", asset="boende")
    run.at(60).over("n", asset="boende")
    run.at(80).incident("no-water", "n2", asset="boende-2")
    run.at(600)
    assert run.one.alert_level == SPECIAL
    assert len(run.one.causes) == 1


@pytest.mark.parametrize("rules", [(), (LOW | {"id": "f", "when": {"incidents": "pothole"}, "until": None},)])
def test_danger_to_life_added_by_an_update_is_told_at_once(rules: tuple[dict[str, Any], ...]) -> None:
    run = play(*rules)
    run.incident("pothole", "h", area="nord", text="Ett hål")
    run.heard()
    run.at(3).incident("pothole", "h", area="nord", text="En buss har kört i hålet", danger_to_life=True)
    assert run.one.danger_to_life
    assert any(n.danger_to_life and n.answerable for n in run.heard())


def test_what_an_update_says_is_told_to_those_who_are_engaged() -> None:
    run = play()
    run.incident("pothole", "h", area="nord", text="Ett hål")
    run.heard()
    run.at(3).incident("pothole", "h", area="nord", text="Vägen är stängd")
    assert any("Vägen är stängd" in n.what for n in run.heard())


@pytest.mark.parametrize("rules", [(), (NO_WATER | {"message": "Inget vatten, {place}. {text}"},)])
@pytest.mark.parametrize("length", [3950, 4000])
def test_the_longest_text_the_door_takes_is_told(rules: tuple[dict[str, Any], ...], length: int) -> None:
    # A step that fails buries an alarm that its sender has been told is safe.
    run = play(*rules)
    run.incident("no-water", "n", asset="boende", text="å" * length)
    run.at(1).incident("no-water", "n", asset="boende", text="ä" * length)
    run.at(2).over("n", asset="boende")
    assert run.notices


def test_the_longest_reason_of_a_decision_is_told() -> None:
    run = play(NO_WATER)
    run.incident("no-water", "n", asset="boende")
    run.decide("grant", "nord-direktor-1", "direktor", matter=run.one.id, reason="å" * 4000)
    assert run.one.declared_state == SPECIAL


def test_a_start_in_the_future_is_clamped_as_an_event_time_is() -> None:
    # Semantics 6. `since` decides in which window a report counts, so a wrong year must not count for ever.
    run = play(THREE_PUMPS)
    run.incident("pump", "a", area="nord", since=datetime(2099, 1, 1, tzinfo=UTC))
    assert run.one.causes[0].facts[0].at <= run.now


# --- joins -----------------------------------------------------------------------------------------------------------


def test_reports_of_one_family_in_one_district_are_one_matter() -> None:
    run = play(LOW)
    run.reading("p-nord", 1.8)
    run.incident("leak", "l", area="nord.tva")
    assert len(run.one.causes) == 2


def test_reports_of_one_family_in_two_districts_are_two_matters() -> None:
    run = play(LOW)
    run.reading("p-nord", 1.8)
    run.incident("leak", "l", area="syd")
    assert len(run.open) == 2


def test_reports_about_one_asset_are_one_matter() -> None:
    run = play()
    run.incident("fire", "f", asset="boende")
    run.incident("pothole", "h", asset="boende")
    assert len(run.one.causes) == 2


def test_somebody_without_what_an_asset_needs_joins_the_matter_about_it() -> None:
    run = play(families=[])
    run.incident("leak", "l", area="nord.tva")
    run.incident("no-water", "n", asset="boende")
    assert len(run.one.causes) == 2


@pytest.mark.parametrize("name", ["f", "incident:urn:test|f"])
def test_a_report_that_says_what_it_belongs_to_joins_it(name: str) -> None:
    run = play()
    run.incident("fire", "f", area="nord")
    run.incident("pothole", "h", area="nord", relates_to=(name,))
    assert len(run.one.causes) == 2


def test_a_report_that_names_a_matter_joins_it() -> None:
    run = play()
    run.incident("fire", "f", area="nord")
    run.incident("pothole", "h", area="nord", relates_to=(run.one.id,))
    assert len(run.one.causes) == 2


def test_things_that_have_nothing_in_common_are_two_matters() -> None:
    run = play()
    run.incident("fire", "f", area="nord")
    run.incident("pothole", "h", area="nord")
    assert len(run.open) == 2


def test_a_closed_matter_opens_again_within_its_window() -> None:
    run = play()
    run.incident("leak", "l", area="nord")
    run.at(10).over("l", area="nord")
    run.at(100).incident("leak", "l2", area="nord")
    assert run.one.open


def test_a_closed_matter_stays_closed_after_its_window() -> None:
    run = play()
    run.incident("leak", "l", area="nord")
    run.at(10).over("l", area="nord")
    run.at(200).incident("leak", "l2", area="nord")
    assert [m.open for m in run.matters] == [False, True]


def test_whoever_is_responsible_is_asked_anew_when_a_matter_opens_again() -> None:
    # Invariant 5: no alarm hides behind another, nor behind the one that is just over.
    run = play(LOW)
    run.reading("p-nord", 1.8)
    run.answer("vatten-drift-1")
    run.readings("p-nord", 2.6, [1, 8, 16])
    assert run.open == []
    run.heard()
    run.at(40).reading("p-nord", 1.8)
    assert any(n.answerable for n in run.heard() if n.person == "vatten-drift-1"), run.said()


def test_a_level_that_rises_in_a_matter_that_opens_again_asks_again() -> None:
    run = play(HIGH_AT_ONCE)
    run.reading("l-nord", 3.5)
    run.at(1).reading("l-nord", 2.0)
    run.at(40)
    assert run.open == []
    run.heard()
    run.at(60).reading("l-nord", 3.5)
    assert {"gatan-gatujour-1", "nord-direktor-1", "stab-tib-1"} <= {n.person for n in run.heard() if n.answerable}


# --- warnings --------------------------------------------------------------------------------------------------------


def test_a_warning_that_worsens_is_one_matter() -> None:
    run = play(*RAIN)
    run.warning("RAIN", "yellow", areas=("nord",))
    run.at(10).warning("RAIN", "orange", areas=("nord",))
    (matter,) = run.matters
    assert {c.rule for c in matter.open_causes} == {"rain-yellow", "rain-orange"}


def test_the_shipped_rain_warning_that_worsens_is_one_matter(stockholm: Intake) -> None:
    run = Play(stockholm, strict=True)
    run.warning("RAIN", "yellow", areas=("sodermalm",))
    run.at(10).warning("RAIN", "orange", areas=("sodermalm",))
    assert len(run.one.open_causes) == 2


def test_a_warning_for_somewhere_else_alerts_nobody() -> None:
    run = play(*RAIN)
    run.warning("RAIN", "red", areas=("norrtalje",))
    assert run.matters == []


def test_an_unknown_severity_counts_as_the_mildest() -> None:
    run = play({"id": "any", "name": "Varning", "when": {"warning": "alla"}, "concerns": "streets"}, *RAIN)
    run.warning("RAIN", "unknown", areas=("nord",))
    assert {c.rule for m in run.open for c in m.open_causes} == {"any"}


def test_a_warning_that_says_the_same_again_changes_nothing() -> None:
    run = play(*RAIN)
    run.warning("RAIN", "orange", areas=("nord",))
    before = run.one
    run.at(5).warning("RAIN", "orange", areas=("nord",))
    assert run.one == before


def test_a_list_without_a_warning_ends_it_and_lowers_nothing_at_once() -> None:
    run = play(*RAIN)
    run.warning("RAIN", "red", areas=("nord",))
    run.at(30).listing()
    assert "Varningen har upphört" in run.said()
    assert run.one.alert_level == SPECIAL


def test_a_list_without_a_warning_lowers_nothing_by_itself_later_either() -> None:
    # Semantics 17, G-08: a warning that vanished is "ended"; the level is not lowered by itself.
    run = play(*RAIN)
    run.warning("RAIN", "red", areas=("nord",))
    run.at(30).listing()
    run.at(24 * 60)
    assert run.one.alert_level == SPECIAL, run.said()


def test_a_list_of_one_feed_says_nothing_about_another() -> None:
    run = play(*RAIN)
    run.warning("RAIN", "red", areas=("nord",))
    run.event(Warnings(feed="cap", complete=True))
    assert "upphört" not in run.said()


def test_a_list_with_the_warning_still_in_it_ends_nothing() -> None:
    run = play(*RAIN)
    run.warning("RAIN", "red", areas=("nord",))
    run.at(5).listing(Warning(identifier="w1", kind="RAIN", severity=Severity.RED, areas=("nord",)))
    assert "upphört" not in run.said()


# --- levels and decisions --------------------------------------------------------------------------------------------


def test_a_rule_that_needs_a_decision_raises_the_alert_level_provisionally_and_declares_nothing() -> None:
    run = play(NO_WATER)
    run.incident("no-water", "n", asset="boende")
    assert (run.one.alert_level, run.one.declared_state, run.one.basis) == (SPECIAL, "normal", Basis.PROVISIONAL)


def test_a_grant_declares_and_a_lowering_is_proposed_only_when_every_cause_is_over() -> None:
    run = play(NO_WATER)
    run.incident("no-water", "n", asset="boende")
    run.decide("grant", "nord-direktor-1", "direktor", matter=run.one.id)
    assert run.one.declared_state == SPECIAL
    run.at(60).over("n", asset="boende")
    run.at(600)
    assert (run.one.alert_level, run.one.declared_state) == (SPECIAL, SPECIAL)
    assert run.one.proposal is not None
    assert run.one.proposal.pending


def test_a_refusal_ends_the_provisional_level_and_the_cause_stays() -> None:
    run = play(NO_WATER)
    run.incident("no-water", "n", asset="boende")
    run.decide("refuse", "nord-direktor-1", "direktor", matter=run.one.id)
    assert run.one.alert_level == "normal"
    assert run.one.open_causes


def test_a_refused_lowering_is_not_proposed_again_at_once() -> None:
    # Semantics 13: after a refusal a new proposal needs something new.
    run = play(NO_WATER)
    run.incident("no-water", "n", asset="boende")
    run.decide("grant", "nord-direktor-1", "direktor", matter=run.one.id)
    run.at(60).over("n", asset="boende")
    run.at(100).decide("refuse", "nord-direktor-1", "direktor", matter=run.one.id, reason="För tidigt")
    assert run.one.proposal is not None
    assert run.one.proposal.state is ProposalState.REFUSED


def test_a_cause_that_was_over_and_came_back_is_a_new_cause_after_a_refusal() -> None:
    run = play(NO_WATER, LOW)
    run.reading("p-nord", 1.8)  # keeps the matter open
    run.incident("no-water", "n", asset="boende")
    run.decide("refuse", "nord-direktor-1", "direktor", matter=run.one.id)
    run.at(60).over("n", asset="boende")
    run.at(600).incident("no-water", "n2", asset="boende-2")
    assert run.one.alert_level == SPECIAL, run.said()


@pytest.mark.parametrize(
    ("person", "by"),
    [
        ("vatten-drift-1", "direktor"),  # not in the table
        ("nord-direktor-1", "chef"),  # not as this role
        ("syd-direktor-1", "direktor"),  # not for this district
        ("stab-tib-1", "tib"),  # may register, not decide
    ],
)
def test_a_decision_by_somebody_who_may_not_changes_nothing_and_is_logged(person: str, by: str) -> None:
    run = play(NO_WATER)
    run.incident("no-water", "n", asset="boende")
    before = run.one
    run.decide("grant", person, by, matter=run.one.id)
    assert run.one == before
    assert any(line.what is Happening.REFUSED for line in run.log)


def test_whoever_may_decide_for_the_city_may_decide_for_a_district() -> None:
    run = play(NO_WATER)
    run.incident("no-water", "n", asset="boende")
    run.decide("grant", "stab-chef-1", "chef", matter=run.one.id)
    assert run.one.declared_state == SPECIAL


def test_a_grant_never_reaches_a_declared_level() -> None:
    run = play(LOW)
    run.reading("p-nord", 1.8)
    for person, by in (("stab-tib-1", "tib"), ("stab-tib-2", "tib"), ("stab-chef-1", "chef")):
        run.decide("grant", person, by, matter=run.one.id, level=DECLARED)
    assert run.one.declared_state == "normal"


DECISION: dict[str, Any] = {
    "id": "gov",
    "name": "Regeringen",
    "when": {"decision": DECLARED, "by": "regeringen"},
    "level": DECLARED,
}


def register(run: Play, person: str, reference: str, verdict: str = "declare", by: str = "regeringen") -> None:
    run.decide(verdict, person, by, level=DECLARED, reference=reference)


def test_two_persons_with_one_reference_register_what_the_government_decided() -> None:
    run = play(DECISION)
    register(run, "stab-tib-1", "Fö 1")
    assert run.matters == []
    register(run, "stab-tib-2", "Fö 1")
    assert [m.declared_state for m in run.open] == [DECLARED]


@pytest.mark.parametrize(
    "said",
    [
        [("stab-tib-1", "Fö 1"), ("stab-tib-1", "Fö 1")],
        [("stab-tib-1", "Fö 1"), ("stab-tib-2", "Fö 2")],
        [("stab-tib-1", "Fö 1"), ("vatten-drift-1", "Fö 1")],
    ],
    ids=["one person twice", "two references", "somebody who may not"],
)
def test_anything_less_registers_nothing(said: list[tuple[str, str]]) -> None:
    run = play(DECISION)
    for person, reference in said:
        register(run, person, reference)
    assert run.matters == []


def test_a_declared_level_by_anybody_but_its_authority_is_refused() -> None:
    run = play(DECISION)
    register(run, "stab-tib-1", "Fö 1", by="chef")
    register(run, "stab-tib-2", "Fö 1", by="chef")
    assert run.matters == []


def test_lifting_leaves_other_matters_at_their_levels() -> None:
    run = play(DECISION, NO_WATER)
    run.incident("no-water", "n", asset="boende")
    for verdict in ("declare", "lift"):
        for person in ("stab-tib-1", "stab-tib-2"):
            register(run, person, "Fö 1", verdict)
    assert [m.alert_level for m in run.open] == [SPECIAL]


def test_a_second_declaration_rests_on_its_own_decision_and_not_on_the_one_that_was_lifted() -> None:
    run = play(DECISION)
    for verdict, reference in (("declare", "Fö 1"), ("lift", "Fö 2"), ("declare", "Fö 3")):
        run.at(run.stage.now.minute + 200)
        for person in ("stab-tib-1", "stab-tib-2"):
            register(run, person, reference, verdict)
    (matter,) = run.open
    assert not [f.said for c in matter.open_causes for f in c.facts if "Fö 1" in f.said]


@pytest.mark.parametrize("hours", [0, 1, 5])
def test_one_person_does_not_bring_back_a_decision_that_was_lifted(hours: int) -> None:
    # Two registered it, two lifted it. A third who registers the old reference late is one person, and it is over.
    registrars = {
        "role": "tib",
        "level": DECLARED,
        "scope": "stad",
        "may": ["declare", "lift"],
        "persons": ["stab-tib-1", "stab-tib-2", "stab-chef-1"],
    }
    run = play(DECISION, delegations=[registrars])
    for verdict, reference in (("declare", "Fö 1"), ("lift", "Fö 2")):
        for person in ("stab-tib-1", "stab-tib-2"):
            register(run, person, reference, verdict)
    assert run.open == []
    run.at(1 + hours * 60)
    register(run, "stab-chef-1", "Fö 1")
    assert [(m.declared_state, m.alert_level) for m in run.open] == []


def test_a_rule_that_asks_for_three_persons_waits_for_the_third() -> None:
    run = play(DECISION | {"when": DECISION["when"] | {"confirmed_by": 3}})
    register(run, "stab-tib-1", "Fö 1")
    register(run, "stab-tib-2", "Fö 1")
    assert not any(c.rule == "gov" for m in run.matters for c in m.causes)


def test_somebody_may_close_an_everyday_matter_in_the_shipped_profile(stockholm: Intake) -> None:
    # Semantics 16: what nobody reports as over stays open until a person closes it; so there must be such a person.
    run = Play(stockholm)
    run.incident("traffic-accident", "t", area="sodermalm")
    ladder = stockholm.profile.policy.ladder
    for delegation in ladder.delegations:
        for person in delegation.persons:
            run.decide("close", person, delegation.role, matter=run.one.id)
    assert run.open == []


# --- a profile that changes under an open matter ---------------------------------------------------------------------


def stepped(run: Play, profile: Profile, name: str, minute: float) -> None:
    """A timer of the north's key, under another profile."""
    entries = run.stage.states[Stage.ASSESS, "live", "nord"]
    due = run.moment(minute)
    STAGES[Stage.ASSESS].step(profile, State("live", "nord", entries), TimerDue(name=name, due=due), due)


def test_a_sensor_that_leaves_the_profile_does_not_break_the_key() -> None:
    run = play(HIGH)
    run.reading("l-nord", 3.5)
    smaller = town([HIGH], sensors=[s for s in TOWN["sensors"] if s["id"] != "l-nord"])
    (timer,) = (name for (_, _, _, name) in run.stage.timers if name.startswith("held/"))
    stepped(run, smaller, timer, 30)


def test_a_removed_rule_leaves_its_cause_open() -> None:
    run = play(NO_WATER)
    run.incident("no-water", "n", asset="boende")
    run.stage.intake.profile = town([])
    run.at(60).over("n", asset="boende")
    run.at(600)
    assert run.one.open_causes


# --- a warning that has ended ----------------------------------------------------------------------------------------

UNTIL_ENDED: dict[str, Any] = {
    "id": "low",
    "name": "Lågt tryck",
    "when": {"warning": "RAIN", "severity": "orange"},
    "until": {"warning": "RAIN", "severity": "orange", "ended": True},
    "level": SPECIAL,
    "concerns": "streets",
}


def test_a_rule_until_a_warning_has_ended_is_over_after_the_hold_time() -> None:
    run = play(UNTIL_ENDED)
    run.warning("RAIN", "red", areas=("nord",))
    run.at(10).warning("RAIN", "red", areas=("nord",), ended=True)
    run.at(39)
    assert run.one.open
    run.at(40)
    assert run.open == []


def test_every_warning_that_the_rule_rests_on_must_have_ended() -> None:
    run = play(UNTIL_ENDED)
    run.warning("RAIN", "red", "w1", areas=("nord",))
    run.warning("RAIN", "orange", "w2", areas=("syd",))
    run.at(10).warning("RAIN", "red", "w1", areas=("nord",), ended=True)
    run.at(100)
    assert run.one.open
    run.warning("RAIN", "orange", "w2", areas=("syd",), ended=True)
    run.at(130)
    assert run.open == []


def test_a_warning_that_is_told_anew_has_not_ended() -> None:
    run = play(UNTIL_ENDED)
    run.warning("RAIN", "red", areas=("nord",))
    run.at(10).warning("RAIN", "red", areas=("nord",), ended=True)
    run.at(20).warning("RAIN", "red", areas=("nord",), text="Igen")
    run.at(200)
    assert run.one.open


def test_a_rule_when_a_warning_has_ended_tells_it_and_is_over_by_itself() -> None:
    rule = {"id": "over", "name": "Faran över", "when": {"warning": "VMA", "ended": True}, "concerns": "streets"}
    run = play(rule)
    run.warning("VMA", "red", areas=("nord",))
    assert run.matters == []
    run.at(10).warning("VMA", "red", areas=("nord",), ended=True)
    assert "gatan-gatujour-1" in run.told()
    run.at(40)
    assert run.open == []
