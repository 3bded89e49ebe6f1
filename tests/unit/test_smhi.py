"""SMHI's warnings: the list as it is, with what may be wrong in it told and nothing lost."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.events import Event, Severity, Shape, Warning, Warnings
from streams.feeds import read, smhi
from streams.feeds.shapes import MAX_POINTS, MAX_SHAPES
from streams.refusal import Reason, Refusal
from streams.wire import Media, decode, encode

FILES = Path(__file__).parents[1] / "data" / "feeds" / "smhi-warnings"
NOW = datetime(2026, 1, 31, 7, 0, 5, tzinfo=UTC)
SQUARE = [[18.0, 59.3], [18.1, 59.3], [18.1, 59.4], [18.0, 59.3]]
TRIANGLE = ((18.0, 59.3), (18.1, 59.3), (18.1, 59.4), (18.0, 59.3))


def an_area(**changes: object) -> dict[str, Any]:
    base: dict[str, Any] = {
        "id": 7,
        "approximateStart": "2026-01-31T08:00:00.000Z",
        "approximateEnd": "2026-02-01T08:00:00.000Z",
        "areaName": {"sv": "Stockholms län", "en": "Stockholm County"},
        "warningLevel": {"sv": "Orange", "en": "Orange", "code": "ORANGE"},
        "eventDescription": {"sv": "Kuling", "en": "Gale", "code": "GALE_LOW"},
        "affectedAreas": [{"id": 1, "sv": "Stockholms län", "en": "Stockholm County"}],
        "descriptions": [],
        "area": {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [SQUARE]}, "properties": {}},
    }
    return {k: v for k, v in {**base, **changes}.items() if v is not ...}


def an_item(*areas: object, **changes: object) -> dict[str, Any]:
    base = {"id": 42, "event": {"sv": "Vind till havs", "en": "Wind at sea", "code": "WIND_SEA"}}
    return {**base, "warningAreas": list(areas), **changes}


def results(*items: object) -> tuple[Event | Refusal, ...]:
    return smhi.read("smhi", json.dumps(items).encode(), NOW)


def listed(*items: object) -> Warnings:
    event = results(*items)[0]
    assert isinstance(event, Event), event
    assert isinstance(event.payload, Warnings)
    return event.payload


def warning(**changes: object) -> Warning:
    (only,) = listed(an_item(an_area(**changes))).warnings
    return only


def drawn(geometry: object) -> tuple[Shape, ...]:
    return warning(area={"type": "Feature", "geometry": geometry}).shapes


def refusals(*items: object) -> list[tuple[Reason, bool]]:
    return [(r.reason, r.partial) for r in results(*items) if isinstance(r, Refusal)]


# --- the recorded files -----------------------------------------------------------------------------------------------

RECORDED = {"ha_core_wind_yellow.json": [Event]}
"""Event: the list with all its warnings. "true" as text in normalProbability disturbs nothing."""


def test_every_recorded_file_is_in_the_table() -> None:
    assert {path.name for path in FILES.iterdir()} == set(RECORDED)


@pytest.mark.parametrize(("name", "classes"), RECORDED.items())
def test_a_recorded_file_gives_exactly_this(name: str, classes: list[type]) -> None:
    assert [type(r) for r in read("smhi-ibw", (FILES / name).read_bytes(), NOW)] == classes


def test_the_recorded_test_message_is_read_whole() -> None:
    (event,) = read("smhi-ibw", (FILES / "ha_core_wind_yellow.json").read_bytes(), NOW)
    assert isinstance(event, Event)
    assert isinstance(event.payload, Warnings)
    assert (event.source, event.realm, event.time) == ("urn:beredd:feed:smhi-ibw", "live", NOW)
    assert (event.payload.feed, event.payload.complete) == ("smhi-ibw", True)
    (only,) = event.payload.warnings
    assert (only.identifier, only.kind, only.severity) == ("1/1", "WIND", Severity.YELLOW)
    assert only.title == "Gul varning: Vind, TEST Västra Götalands län"
    assert only.text.startswith("Händelsebeskrivning: TESTMEDDELANDE.\n\nHur kan det påverka mig: TEST Begränsad")
    assert only.areas == ("smhi:14",)
    assert only.shapes[0].points[0] == (12.44751, 57.762799)
    assert only.starts == datetime(2021, 9, 16, 8, tzinfo=UTC)
    assert only.ends == datetime(2021, 9, 20, 8, tzinfo=UTC)


def test_what_is_read_can_be_written_on_the_wire() -> None:
    (event,) = read("smhi-ibw", (FILES / "ha_core_wind_yellow.json").read_bytes(), NOW)
    assert isinstance(event, Event)
    assert decode(encode(event), Media.STRUCTURED, NOW) == (event,)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_an_empty_list_says_that_nothing_is_in_force() -> None:
    (event,) = read("smhi-ibw", b"[]", NOW)
    assert isinstance(event, Event)
    assert event.payload == Warnings(feed="smhi-ibw", complete=True)


def test_an_empty_list_of_somebody_else_ends_no_warning() -> None:
    (refusal,) = read("krisinformation", b"[]", NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.FORMAT


def test_a_list_wrapped_in_an_object_is_read() -> None:
    (event,) = read("x", json.dumps({"value": [an_item(an_area())]}).encode(), NOW)
    assert isinstance(event, Event)


def test_a_warning_that_cannot_be_read_makes_the_list_incomplete_and_the_others_stay() -> None:
    payload = listed(an_item(an_area()), {"id": 2}, an_item("text", id=3), an_item(an_area(id=..., areaName=None)))
    assert [w.identifier for w in payload.warnings] == ["42/7"]
    assert not payload.complete
    assert refusals(an_item(an_area()), {"id": 2}, an_item(5)) == [(Reason.INCOMPLETE, False)] * 2


def test_a_refusal_says_where_and_shows_what_came() -> None:
    refusal = results(an_item(an_area(), 5))[1]
    assert isinstance(refusal, Refusal)
    assert (refusal.message, refusal.excerpt) == ("[0].warningAreas[1]: väntade ett objekt, fick 5.", "5")


def test_two_warnings_with_one_identifier_are_both_kept() -> None:
    payload = listed(an_item(an_area(), an_area(warningLevel="RED")))
    assert [(w.identifier, w.severity) for w in payload.warnings] == [
        ("42/7", Severity.ORANGE),
        ("42/7#2", Severity.RED),
    ]


def test_the_same_list_again_is_a_duplicate_however_it_is_spaced() -> None:
    first, again = json.dumps([an_item(an_area())]).encode(), json.dumps([an_item(an_area())], indent=2).encode()
    later = NOW + timedelta(seconds=30)
    assert identity(first, NOW) == identity(again, later)


def test_a_list_that_returns_to_what_it_was_is_not_a_duplicate() -> None:
    """Otherwise the second of [], [storm], [] would be dropped, and the storm would never end."""
    assert identity(b"[]", NOW) != identity(b"[]", NOW + timedelta(minutes=5))


def identity(body: bytes, at: datetime) -> str:
    event = smhi.read("smhi", body, at)[0]
    assert isinstance(event, Event)
    return event.id


def test_more_warnings_than_a_message_holds_are_refused_whole() -> None:
    items = [an_item(*[an_area(id=i, area=None) for i in range(smhi.MAX_WARNINGS + 1)])]
    assert refusals(*items) == [(Reason.TOO_MANY, False)]


# --- one warning ------------------------------------------------------------------------------------------------------

LEVELS: tuple[tuple[object, Severity], ...] = (
    # upper, mixed and lower case; the code, the Swedish word, or plain text
    ({"code": "MESSAGE"}, Severity.MESSAGE),
    ({"code": "Yellow"}, Severity.YELLOW),
    ({"code": "orange"}, Severity.ORANGE),
    ({"code": " RED "}, Severity.RED),
    ({"sv": "Röd"}, Severity.RED),
    ({"sv": "Meddelande"}, Severity.MESSAGE),
    ("GUL", Severity.YELLOW),
    # a level that SMHI has not had is unknown, and so is none
    ({"code": "PURPLE"}, Severity.UNKNOWN),
    (None, Severity.UNKNOWN),
    (3, Severity.UNKNOWN),
)


@pytest.mark.parametrize(("level", "expected"), LEVELS)
def test_a_level_is_understood_in_any_case_and_an_unknown_one_is_kept(level: object, expected: Severity) -> None:
    assert warning(warningLevel=level).severity is expected


def test_the_kind_is_the_code_of_the_event_and_not_of_its_description() -> None:
    assert warning().kind == "WIND_SEA"


def test_a_code_nobody_has_seen_is_kept_in_upper_case() -> None:
    assert listed(an_item(an_area(), event={"code": "solar storm"})).warnings[0].kind == "SOLAR_STORM"


def test_an_event_without_code_takes_that_of_its_description_or_is_unknown() -> None:
    assert listed(an_item(an_area(), event=None)).warnings[0].kind == "GALE_LOW"
    assert listed(an_item(an_area(eventDescription=None), event=7)).warnings[0].kind == "UNKNOWN"


def test_an_open_ended_warning_has_no_end() -> None:
    assert warning(approximateEnd=...).ends is None
    assert warning(approximateEnd=None).ends is None


def test_a_time_without_offset_is_told_and_the_warning_is_kept() -> None:
    item = an_item(an_area(approximateEnd="2026-02-01T08:00:00"))
    assert refusals(item) == [(Reason.TIME, True)]
    assert listed(item).complete
    assert listed(item).warnings[0].ends is None


def test_line_breaks_that_were_escaped_twice_become_line_breaks() -> None:
    text = {"title": {"sv": "Var"}, "text": {"sv": r"Norra\nSödra\r\nÖstra"}}
    assert warning(descriptions=[text]).text == "Var: Norra\nSödra\nÖstra"


def test_english_stands_in_where_swedish_is_missing() -> None:
    assert warning(descriptions=[{"title": {}, "text": {"sv": " ", "en": "Stay in."}}]).text == "Stay in."


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    text = warning(descriptions=[{"text": {"sv": "å" * 5000}}]).text
    assert (len(text), text[-1]) == (4000, "…")


def test_descriptions_at_the_top_come_after_those_of_the_area() -> None:
    item = an_item(an_area(descriptions=[{"text": {"sv": "här"}}]), descriptions=[{"text": {"sv": "allmänt"}}])
    assert listed(item).warnings[0].text == "här\n\nallmänt"


def test_white_space_in_an_id_is_replaced_and_a_long_one_ends_in_its_hash() -> None:
    assert listed(an_item(an_area(id="a b\tc"))).warnings[0].identifier == "42/a_b_c"
    long, other = (listed(an_item(an_area(id="x" * 200 + end))).warnings[0].identifier for end in "ab")
    assert len(long) == 128
    assert long != other


# --- shapes -----------------------------------------------------------------------------------------------------------

HOLE = [[18.04, 59.31], [18.05, 59.31], [18.05, 59.32], [18.04, 59.31]]
GEOMETRIES: tuple[tuple[object, int], ...] = (
    # as GeoJSON says; a hole is left out
    ({"type": "Polygon", "coordinates": [SQUARE]}, 1),
    ({"type": "Polygon", "coordinates": [SQUARE, HOLE]}, 1),
    ({"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], [SQUARE]]}, 2),
    ({"type": "GeometryCollection", "geometries": [{"type": "Polygon", "coordinates": [SQUARE]}]}, 1),
    # a depth other than the type says: the rings are there all the same
    ({"type": "Polygon", "coordinates": SQUARE}, 1),
    ({"type": "Polygon", "coordinates": [[SQUARE, HOLE]]}, 1),
    ({"type": "MultiPolygon", "coordinates": [SQUARE, SQUARE]}, 2),
    ({"type": "MultiPolygon", "coordinates": [[[SQUARE]]]}, 1),
    # numbers as text, and a height
    ({"type": "Polygon", "coordinates": [[[str(x), str(y), 0] for x, y in SQUARE]]}, 1),
    # none
    (None, 0),
)


@pytest.mark.parametrize(("geometry", "count"), GEOMETRIES)
def test_an_area_is_drawn_by_its_outer_rings(geometry: object, count: int) -> None:
    assert drawn(geometry) == (Shape(points=TRIANGLE),) * count
    assert refusals(an_item(an_area(area={"type": "Feature", "geometry": geometry}))) == []


def test_lines_are_drawn_as_lines() -> None:
    line = {"type": "LineString", "coordinates": SQUARE[:2]}
    assert drawn(line) == (Shape(form="line", points=TRIANGLE[:2]),)
    assert drawn({"type": "MultiLineString", "coordinates": [SQUARE[:2]] * 2}) == drawn(line) * 2


def test_a_collection_of_features_is_drawn_whole() -> None:
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [SQUARE]}}
    assert len(warning(area={"type": "FeatureCollection", "features": [feature, feature]}).shapes) == 2


BROKEN: tuple[object, ...] = (
    # nothing to draw
    {"type": "Polygon", "coordinates": []},
    {"type": "Polygon", "coordinates": [[]]},
    {"type": "MultiPolygon", "coordinates": [[[]]]},
    {"type": "Polygon", "coordinates": None},
    {"type": "Polygon"},
    {"type": "Polygon", "coordinates": [SQUARE[:2]]},
    # no place on Earth
    {"type": "Polygon", "coordinates": [[[181, 0], [0, 0], [0, 1]]]},
    {"type": "Polygon", "coordinates": [[["x", 0], [0, 0], [0, 1]]]},
    {"type": "Polygon", "coordinates": [[[True, 0], [0, 0], [0, 1]]]},
    {"type": "Polygon", "coordinates": [[18, [0, 0], [0, 1]]]},
    # a form that is none of ours
    {"type": "Point", "coordinates": [18, 59]},
    {"type": ["Polygon"], "coordinates": [SQUARE]},
    "Stockholm",
)


@pytest.mark.parametrize("geometry", BROKEN, ids=range(len(BROKEN)))
def test_a_shape_that_cannot_be_drawn_is_told_and_the_warning_is_kept(geometry: object) -> None:
    item = an_item(an_area(area={"type": "Feature", "geometry": geometry}))
    assert refusals(item) == [(Reason.GEOMETRY, True)]
    payload = listed(item)
    assert (payload.complete, payload.warnings[0].shapes) == (True, ())


def test_one_broken_ring_takes_no_other_with_it() -> None:
    geometry = {"type": "MultiPolygon", "coordinates": [[SQUARE], [[]], [SQUARE]]}
    assert len(drawn(geometry)) == 2


def test_an_archipelago_keeps_its_widest_islands() -> None:
    islet = [[18.0, 59.3], [18.001, 59.3], [18.001, 59.301]]
    shapes = drawn({"type": "MultiPolygon", "coordinates": [[islet]] * MAX_SHAPES + [[SQUARE]]})
    assert len(shapes) == MAX_SHAPES
    assert shapes[0].points == TRIANGLE


def test_a_ring_with_too_many_points_is_thinned_evenly() -> None:
    ring = [[18 + i / 1e6, 59 + (i % 2) / 10] for i in range(MAX_POINTS + 1)]
    assert len(drawn({"type": "Polygon", "coordinates": [ring]})[0].points) == MAX_POINTS // 2 + 1


# --- bodies that are no list of warnings ------------------------------------------------------------------------------

BODIES: tuple[tuple[bytes, Reason], ...] = (
    # an error page or an error object is no snapshot: nothing ends because a fetch failed
    (b'{"error": "502"}', Reason.FORMAT),
    (b"<html>502 Bad Gateway</html>", Reason.FORMAT),
    (b'[{"alerts": []}]', Reason.FORMAT),
    (b"", Reason.FORMAT),
    (b"Service Unavailable", Reason.FORMAT),
    # cut off, or in another encoding
    (b'[{"warningAreas": [', Reason.NOT_JSON),
    ('[{"warningAreas": [], "sv": "Röd"}]'.encode("latin-1"), Reason.NOT_JSON),
    (b"[" * 100 + b'"warningAreas"' + b"]" * 100, Reason.TOO_DEEP),
)


@pytest.mark.parametrize(("body", "reason"), BODIES, ids=range(len(BODIES)))
def test_what_is_no_list_of_warnings_is_one_refusal(body: bytes, reason: Reason) -> None:
    (refusal,) = read("smhi-ibw", body, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is reason


# --- any bytes --------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WHOLE = an_item(an_area(descriptions=[{"title": {"sv": "Var"}, "text": {"sv": "Här"}}]))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_results_and_no_exception(body: bytes) -> None:
    assert all(isinstance(r, Event | Refusal) for r in smhi.read("smhi", body, NOW))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_value_anywhere_in_a_warning_gives_results_and_no_exception(data: st.DataObject) -> None:
    item = copy.deepcopy(WHOLE)
    place: Any = item
    while isinstance(place, dict | list) and place:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = inner
    assert all(isinstance(r, Event | Refusal) for r in smhi.read("smhi", json.dumps([item]).encode(), NOW))


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=0, max_value=4800))
def test_a_file_cut_off_anywhere_is_one_refusal(at: int) -> None:
    body = (FILES / "ha_core_wind_yellow.json").read_bytes()[:at]
    (refusal,) = read("smhi-ibw", body, NOW)
    assert isinstance(refusal, Refusal)
