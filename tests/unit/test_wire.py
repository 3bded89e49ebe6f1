"""The door's language: what is read as a CloudEvent, what is refused and how that is told."""

from __future__ import annotations

import base64
import json
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rules.events import (
    Acknowledgement,
    Answer,
    Decision,
    Event,
    Incident,
    Payload,
    Position,
    Reading,
    Readings,
    Seen,
    Severity,
    Shape,
    Verdict,
    Warning,
    Warnings,
)
from streams.bounded_json import MAX_BODY_BYTES, MAX_DEPTH
from streams.refusal import EXCERPT_BYTES
from streams.wire import MAX_EVENTS, TYPE_OF, Media, Reason, Refusal, decode, encode, envelope

ROOT = Path(__file__).parents[2]
FILES = ROOT / "tests" / "data" / "feeds" / "cloudevents"
NOW = datetime(2026, 1, 31, 7, 0, tzinfo=UTC)


def an_envelope(**changes: object) -> dict[str, Any]:
    base = {
        "specversion": "1.0",
        "type": "se.beredd.incident.v1",
        "source": "urn:test",
        "id": "1",
        "time": "2026-01-31T08:00:00+01:00",
        "data": {"kind": "fire"},
    }
    return {k: v for k, v in {**base, **changes}.items() if v is not ...}


def read(value: object, media: str = Media.STRUCTURED) -> tuple[Event | Refusal, ...]:
    return decode(json.dumps(value).encode(), media, NOW)


def one(value: object, media: str = Media.STRUCTURED) -> Event | Refusal:
    (result,) = read(value, media)
    return result


def accepted(**changes: object) -> Event:
    result = one(an_envelope(**changes))
    assert isinstance(result, Event), result
    return result


def refused(**changes: object) -> Refusal:
    result = one(an_envelope(**changes))
    assert isinstance(result, Refusal), result
    return result


# --- what is read ---------------------------------------------------------------------------------------------------


def test_a_structured_event_becomes_an_event_with_its_time_in_utc() -> None:
    event = accepted()
    assert event == Event(id="1", source="urn:test", time=NOW, realm="live", payload=Incident(kind="fire"))


def test_plain_json_and_parameters_of_the_media_type_are_understood() -> None:
    assert isinstance(one(an_envelope(), "application/json"), Event)
    assert isinstance(one(an_envelope(), "Application/CloudEvents+JSON; charset=utf-8"), Event)


def test_a_batch_gives_one_result_for_each_envelope_in_order() -> None:
    results = read([an_envelope(id="a"), 7, an_envelope(id="c")], Media.BATCH)
    assert [getattr(r, "id", None) or r.reason for r in results] == ["a", Reason.ENVELOPE, "c"]  # type: ignore[union-attr]
    assert isinstance(results[1], Refusal)
    assert results[1].index == 1


def test_an_empty_batch_is_nothing() -> None:
    assert decode(b"[]", Media.BATCH, NOW) == ()


def test_plain_json_may_be_a_list() -> None:
    assert len(read([an_envelope(), an_envelope(id="2")], "application/json")) == 2


def test_each_line_of_ndjson_stands_alone_and_a_refusal_names_its_line() -> None:
    good = json.dumps(an_envelope()).encode()
    results = decode(b"\n" + good + b"\r\n\n{half\n" + good, Media.NDJSON, NOW)
    assert [type(r) for r in results] == [Event, Refusal, Event]
    assert isinstance(results[1], Refusal)
    assert (results[1].index, results[1].line, results[1].excerpt) == (1, 4, "{half")


def test_an_event_without_time_happened_when_it_was_received() -> None:
    assert accepted(time=...).time == NOW
    assert accepted(time=None).time == NOW


def test_a_missing_realm_means_live() -> None:
    assert accepted().realm == "live"
    assert accepted(realm=None).realm == "live"


def test_an_exercise_is_kept_apart_by_its_realm() -> None:
    assert accepted(realm="exercise/samovning_2026-1").realm == "exercise/samovning_2026-1"
    assert accepted(realm="exercise/external").realm == "exercise/external"


def test_attributes_that_nobody_here_knows_are_allowed() -> None:
    assert accepted(traceparent="00-abc", sampled=True, hops=-3, unset=None).id == "1"


def test_data_may_come_in_base64() -> None:
    encoded = base64.b64encode(b'{"kind": "smoke"}').decode()
    assert accepted(data=..., data_base64=encoded).payload == Incident(kind="smoke")


def test_a_byte_order_mark_is_ignored() -> None:
    (result,) = decode(b"\xef\xbb\xbf" + json.dumps(an_envelope()).encode(), Media.STRUCTURED, NOW)
    assert isinstance(result, Event)


# --- what is refused ------------------------------------------------------------------------------------------------

BAD_ENVELOPES: tuple[tuple[dict[str, Any], Reason, str], ...] = (
    # another version of CloudEvents, or none
    ({"specversion": "0.3"}, Reason.SPEC_VERSION, 'väntade "1.0", fick "0.3"'),
    ({"specversion": 1.0}, Reason.SPEC_VERSION, "fick 1.0"),
    ({"specversion": ...}, Reason.SPEC_VERSION, "fick null"),
    # a required attribute is missing, empty or no text
    ({"id": ...}, Reason.ATTRIBUTE, "id: saknas"),
    ({"source": None}, Reason.ATTRIBUTE, "source: saknas"),
    ({"id": ""}, Reason.ATTRIBUTE, 'id: väntade text, fick ""'),
    ({"id": 7}, Reason.ATTRIBUTE, "id: väntade text, fick 7"),
    ({"subject": ["x"]}, Reason.ATTRIBUTE, "fick en lista med 1 poster"),
    ({"id": "x" * 257}, Reason.ATTRIBUTE, "id: väntade text med högst 256 tecken"),
    ({"source": "two words"}, Reason.ATTRIBUTE, "source"),
    ({"id": "a\u0007b"}, Reason.ATTRIBUTE, "styrtecken"),
    # an extension that the specification forbids
    ({"bad_name": "x"}, Reason.ATTRIBUTE, '"bad_name": namnet på ett attribut'),
    ({"Upper": "x"}, Reason.ATTRIBUTE, '"Upper"'),
    ({"bad_name": None}, Reason.ATTRIBUTE, '"bad_name"'),
    ({"": "x"}, Reason.ATTRIBUTE, '""'),
    ({"decimal": 42.42}, Reason.ATTRIBUTE, "fick 42.42"),
    ({"big": 2**31}, Reason.ATTRIBUTE, "32 bitar"),
    ({"nested": {"a": 1}}, Reason.ATTRIBUTE, "fick ett objekt"),
    # a type, realm or time that means nothing here
    ({"type": "com.example.someevent"}, Reason.TYPE, "se.beredd.incident.v1"),
    ({"realm": "övning"}, Reason.REALM, "exercise/<namn>"),
    ({"realm": "exercise/"}, Reason.REALM, "exercise/<namn>"),
    ({"realm": "exercise/A"}, Reason.REALM, "exercise/<namn>"),
    ({"realm": "live\n"}, Reason.ATTRIBUTE, "styrtecken"),
    ({"realm": ""}, Reason.REALM, "exercise/<namn>"),
    ({"realm": True}, Reason.REALM, "fick true"),
    ({"time": "2026-01-31T08:00:00"}, Reason.TIME, "förskjutning"),
    ({"time": "1769842800"}, Reason.TIME, "förskjutning"),
    ({"time": "0001-01-01T00:00:00+02:00"}, Reason.TIME, "förskjutning"),
    # data that are missing or in another form
    ({"data": ...}, Reason.DATA, "data: saknas"),
    ({"data": None}, Reason.DATA, "data: saknas"),
    ({"data_base64": "e30="}, Reason.DATA, "Både data och data_base64"),
    ({"data": ..., "data_base64": "åäö"}, Reason.DATA, "är inte Base64"),
    ({"data": ..., "data_base64": "e30"}, Reason.DATA, "är inte Base64"),
    ({"data": ..., "data_base64": 5}, Reason.DATA, "väntade text i Base64"),
    ({"data": ..., "data_base64": "e3s="}, Reason.DATA, "data_base64: Innehållet är inte JSON"),
    ({"datacontenttype": "application/xml", "data": "<a/>"}, Reason.DATA, "väntade application/json"),
    ({"data": "text"}, Reason.DATA, 'data: väntade ett objekt, fick "text"'),
    ({"data": []}, Reason.DATA, "data: väntade ett objekt, fick en lista med 0 poster"),
)


@pytest.mark.parametrize(("changes", "reason", "words"), BAD_ENVELOPES)
def test_an_envelope_that_cannot_be_used_is_refused_with_reason_and_remedy(
    changes: dict[str, Any], reason: Reason, words: str
) -> None:
    refusal = refused(**changes)
    assert (refusal.reason, refusal.partial) == (reason, False)
    assert words in refusal.message


T = "2026-01-31T08:00:00Z"
BAD_DATA: tuple[tuple[str, dict[str, Any], str], ...] = (
    # an incident
    ("incident", {}, "data.kind: saknas"),
    ("incident", {"kind": "two words"}, 'data.kind: väntade ett namn utan mellanslag, fick "two words"'),
    ("incident", {"tyyp": 1}, "data.tyyp: okänt fält; rätta stavningen eller ta bort det"),
    (
        "incident",
        {"kind": "x", "position": {"latitude": 590, "longitude": 18}},
        "data.position.latitude: väntade ett tal högst 90, fick 590",
    ),
    ("incident", {"danger_to_life": "true"}, 'data.danger_to_life: väntade true eller false, fick "true"'),
    ("incident", {"status": "öppen"}, "data.status: väntade 'open' eller 'closed', fick \"öppen\""),
    ("incident", {"since": "i går"}, "data.since: väntade en tid med förskjutning"),
    ("incident", {"kind": "x", "since": "9999-12-31T23:59:59-05:00"}, "för nära år 1 eller år 9999"),
    ("incident", {"relates_to": ["a"] * 21}, "data.relates_to: väntade högst 20 poster, fick 21"),
    ("incident", {"text": "å" * 4001}, "data.text: väntade text med högst 4000 tecken"),
    # readings
    ("readings", {"readings": []}, "data.readings: väntade minst 1 poster, fick 0"),
    (
        "readings",
        {"readings": [{"sensor": "a", "value": "1.5", "time": T}]},
        'data.readings[0].value: väntade ett tal, fick "1.5"',
    ),
    # an acknowledgement
    (
        "acknowledgement",
        {"matters": [{"matter": "m", "generation": 0}]},
        "data.matters[0].generation: väntade ett tal minst 1, fick 0",
    ),
)


@pytest.mark.parametrize(("kind", "data", "sentence"), BAD_DATA)
def test_data_that_break_the_schema_are_told_in_plain_swedish_with_the_path(
    kind: str, data: dict[str, Any], sentence: str
) -> None:
    refusal = refused(type=f"se.beredd.{kind}.v1", data=data)
    assert refusal.reason is Reason.DATA
    assert sentence in refusal.message


def test_one_bad_reading_is_not_also_told_as_an_empty_list() -> None:
    refusal = refused(type="se.beredd.readings.v1", data={"readings": [{"sensor": "a"}]})
    assert refusal.message == "data.readings[0].value: saknas; data.readings[0].time: saknas."


def test_many_faults_are_told_as_the_first_five() -> None:
    refusal = refused(data={"kind": "x", **{f"x{i}": 1 for i in range(9)}})
    assert refusal.message.count("okänt fält") == 5
    assert refusal.message.endswith("; och fler fel.")


def test_thousands_of_faults_are_counted_and_not_listed() -> None:
    refusal = refused(type="se.beredd.readings.v1", data={"readings": [{}] * 2000})
    assert "fel, för många att räkna upp" in refusal.message


BODIES: tuple[tuple[bytes, str, Reason, str], ...] = (
    # a body that is no JSON is one refusal
    (b"", Media.STRUCTURED, Reason.NOT_JSON, "tomt"),
    (b"hej", Media.STRUCTURED, Reason.NOT_JSON, "rad 1, tecken 1"),
    (b'{"specversion": "1.0",\n "id": ', Media.STRUCTURED, Reason.NOT_JSON, "rad 2"),
    (b'{"id": "\xe5"}', Media.STRUCTURED, Reason.NOT_JSON, "inte UTF-8: byte 8"),
    (b'{"id": NaN}', Media.STRUCTURED, Reason.NOT_JSON, "rad 1"),
    # a form other than the media type says
    (b"[]", Media.STRUCTURED, Reason.ENVELOPE, Media.BATCH),
    (b"{}", Media.BATCH, Reason.ENVELOPE, "Skriv [ och ]"),
    (b"7", Media.STRUCTURED, Reason.ENVELOPE, "fick 7"),
    (b"{}", "text/plain", Reason.CONTENT_TYPE, "text/plain"),
    (b"{}", "", Reason.CONTENT_TYPE, Media.NDJSON),
    # bounds
    (b"[" * 40 + b"]" * 40, Media.BATCH, Reason.TOO_DEEP, str(MAX_DEPTH)),
    (b"[" * 2000 + b"]" * 2000, Media.BATCH, Reason.TOO_DEEP, str(MAX_DEPTH)),
    (b"[" + b"1," * MAX_EVENTS + b"1]", Media.BATCH, Reason.TOO_MANY, str(MAX_EVENTS)),
    (b"1\n" * (MAX_EVENTS + 1), Media.NDJSON, Reason.TOO_MANY, str(MAX_EVENTS)),
    (b" " * (MAX_BODY_BYTES + 1), Media.STRUCTURED, Reason.TOO_LARGE, str(MAX_BODY_BYTES)),
    (b" " * (MAX_BODY_BYTES + 1), Media.NDJSON, Reason.TOO_LARGE, str(MAX_BODY_BYTES)),
)


@pytest.mark.parametrize(("body", "media", "reason", "words"), BODIES, ids=range(len(BODIES)))
def test_a_body_that_cannot_be_used_is_one_refusal(body: bytes, media: str, reason: Reason, words: str) -> None:
    (refusal,) = decode(body, media, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is reason
    assert words in refusal.message


def test_the_excerpt_is_bounded_and_hides_no_byte() -> None:
    (refusal,) = decode(b"\xff" + b"x" * 1000, Media.STRUCTURED, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.excerpt == "\\xff" + "x" * (EXCERPT_BYTES - 1)


def test_a_long_value_is_cut_in_the_message() -> None:
    assert len(refused(type="x" * 100_000).message) < 400


def test_a_python_that_is_deep_in_its_stack_still_answers() -> None:
    """A recursive reader would fail here: the door may be called from deep inside a server."""

    def deep(n: int) -> Event | Refusal:
        return one(an_envelope()) if n == 0 else deep(n - 1)

    assert isinstance(deep(sys.getrecursionlimit() - 400), Event)


# --- any bytes ------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
MEDIA = st.sampled_from([*Media, "text/plain", "application/cloudevents+json; charset=utf-8"])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), MEDIA)
def test_any_bytes_give_results_and_no_exception(body: bytes, media: str) -> None:
    assert all(isinstance(r, Event | Refusal) for r in decode(body, media, NOW))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([*an_envelope(), "realm", "data_base64", "x"]), JSON), MEDIA)
def test_any_value_of_any_attribute_gives_results_and_no_exception(changes: dict[str, Any], media: str) -> None:
    body = json.dumps(an_envelope(**changes)).encode()
    assert all(isinstance(r, Event | Refusal) for r in decode(body, media, NOW))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 200), st.binary(max_size=3))
def test_an_envelope_with_any_bytes_put_in_anywhere_gives_results(at: int, put: bytes) -> None:
    body = json.dumps(an_envelope()).encode()
    assert all(isinstance(r, Event | Refusal) for r in decode(body[:at] + put + body[at:], Media.STRUCTURED, NOW))


# --- there and back -------------------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[a-zåäö0-9_.:-]{1,20}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TIMES = st.datetimes(
    datetime.fromisoformat("1900-01-01"),
    datetime.fromisoformat("2200-01-01"),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=2))]),
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
POINTS = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
SHAPES = st.builds(
    Shape, form=st.sampled_from(["polygon", "line"]), points=st.lists(POINTS, min_size=2, max_size=4).map(tuple)
)
INCIDENTS = st.builds(
    Incident,
    kind=NAMES,
    ref=st.none() | NAMES,
    status=st.sampled_from(["open", "closed"]),
    text=TEXTS,
    since=st.none() | TIMES,
    area=st.none() | NAMES,
    asset=st.none() | NAMES,
    position=st.none() | st.builds(Position, latitude=st.floats(-90, 90), longitude=st.floats(-180, 180)),
    relates_to=st.lists(NAMES, max_size=3).map(tuple),
    danger_to_life=st.booleans(),
)
READINGS = st.builds(
    Readings,
    readings=st.lists(st.builds(Reading, sensor=NAMES, value=FLOATS, time=TIMES), min_size=1, max_size=3).map(tuple),
)
WARNING = st.builds(
    Warning,
    identifier=NAMES,
    kind=NAMES,
    severity=st.sampled_from(Severity),
    title=TEXTS,
    text=TEXTS,
    sender=TEXTS,
    areas=st.lists(NAMES, max_size=2).map(tuple),
    shapes=st.lists(SHAPES, max_size=2).map(tuple),
    starts=st.none() | TIMES,
    ends=st.none() | TIMES,
    ended=st.booleans(),
    replaces=st.lists(NAMES, max_size=2).map(tuple),
)
WARNINGS = st.builds(Warnings, feed=NAMES, complete=st.booleans(), warnings=st.lists(WARNING, max_size=2).map(tuple))
DECISIONS = st.builds(
    Decision,
    decision=st.sampled_from(Verdict),
    person=st.none() | NAMES,
    by=NAMES,
    matter=NAMES,
    scope=st.none() | NAMES,
    level=st.text(min_size=1, max_size=9),
    reference=st.text(min_size=1, max_size=9),
    into=NAMES,
    cause=st.text(min_size=1, max_size=9),
    grade=st.none() | st.text(min_size=1, max_size=9),
    territory=st.text(max_size=9),
    elsewhere=st.booleans(),
    reason=TEXTS,
)
ACKNOWLEDGEMENTS = st.builds(
    Acknowledgement,
    person=NAMES,
    answer=st.sampled_from(Answer),
    matters=st.lists(st.builds(Seen, matter=NAMES, generation=st.integers(1, 9)), min_size=1, max_size=2).map(tuple),
    notice=st.none() | NAMES,
    via=st.sampled_from(["page", "command", "event"]),
)
EVENTS = st.builds(
    Event,
    id=NAMES,
    source=NAMES,
    time=TIMES,
    realm=st.sampled_from(["live", "exercise/external", "exercise/var-26"]),
    payload=st.one_of(INCIDENTS, READINGS, WARNINGS, DECISIONS, ACKNOWLEDGEMENTS),
)
THOROUGH = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@THOROUGH
@given(EVENTS)
def test_what_is_written_is_read_back_equal_alone_in_a_batch_and_as_a_line(event: Event) -> None:
    written = encode(event)
    assert decode(written, Media.STRUCTURED, NOW) == (event,)
    assert decode(b"[" + written + b"]", Media.BATCH, NOW) == (event,)
    assert decode(written + b"\n" + written, Media.NDJSON, NOW) == (event, event)


SCHEMAS = {
    name: Draft202012Validator(json.loads((ROOT / "schemas" / f"{name}.json").read_bytes()))
    for name in TYPE_OF.values()
}


@THOROUGH
@given(EVENTS)
def test_what_is_written_follows_the_committed_schema(event: Event) -> None:
    SCHEMAS[TYPE_OF[event.kind]].validate(orjson.loads(encode(event)))


@THOROUGH
@given(EVENTS, st.data())
def test_what_the_committed_schema_refuses_is_refused(event: Event, data: st.DataObject) -> None:
    changed = orjson.loads(encode(event))
    where = data.draw(st.sampled_from([changed, changed["data"]]))
    where[data.draw(st.sampled_from([*where, "x", "y_z"]))] = data.draw(JSON)
    body = json.dumps(changed).encode()
    if not SCHEMAS[TYPE_OF[event.kind]].is_valid(json.loads(body)):
        assert not any(isinstance(result, Event) for result in decode(body, Media.STRUCTURED, NOW))


@THOROUGH
@given(EVENTS)
def test_the_official_sdk_reads_what_is_written(event: Event) -> None:
    message = HTTPMessage(headers={"content-type": Media.STRUCTURED.value}, body=encode(event))
    seen = from_http_event(message)
    assert (seen.get_id(), seen.get_source(), seen.get_time()) == (event.id, event.source, event.time)
    assert seen.get_extension("realm") == event.realm
    assert seen.get_data() == envelope(event)["data"]


@THOROUGH
@given(EVENTS)
def test_what_the_official_sdk_writes_is_read(event: Event) -> None:
    attributes = {k: v for k, v in envelope(event).items() if k != "data"} | {"time": event.time}
    message = to_structured_event(CloudEvent(attributes=attributes, data=envelope(event)["data"]))
    assert decode(message.body, message.headers["content-type"], NOW) == (event,)


def test_bytes_that_the_official_sdk_writes_as_base64_are_read() -> None:
    attributes = {"type": "se.beredd.incident.v1", "source": "/sdk", "id": "7"}
    message = to_structured_event(CloudEvent(attributes=attributes, data=b'{"kind": "fire"}'))
    (event,) = decode(message.body, message.headers["content-type"], NOW)
    assert isinstance(event, Event)
    assert event.payload == Incident(kind="fire")


PAYLOADS: tuple[Payload, ...] = (
    Incident(kind="fire"),
    Readings(readings=(Reading(sensor="a", value=1, time=NOW),)),
    Warnings(feed="x"),
    Decision(decision=Verdict.GRANT, by="x", matter="m"),
    Acknowledgement(person="p", answer=Answer.TAKEN, matters=(Seen(matter="m", generation=1),)),
)


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda p: type(p).__name__)
def test_the_type_on_the_wire_follows_the_kind_of_event(payload: Payload) -> None:
    event = Event(id="1", source="s", time=NOW, realm="live", payload=payload)
    assert orjson.loads(encode(event))["type"] == f"se.beredd.{event.kind}.v1"


# --- the fixtures of the specification and its SDKs -------------------------------------------------------------------

FIXTURES = {
    "sdk-java__v03_json_data.json": Reason.SPEC_VERSION,
    "sdk-java__v1_base64_json_data.json": Reason.TYPE,
    "sdk-java__v1_base64_xml_data.json": Reason.TYPE,
    "sdk-java__v1_binary_attr.json": Reason.TYPE,
    "sdk-java__v1_fail_numeric_decimal.json": Reason.ATTRIBUTE,
    "sdk-java__v1_json_data.json": Reason.TYPE,
    "sdk-java__v1_json_data_with_ext.json": Reason.TYPE,
    "sdk-java__v1_json_data_with_ext_invalid.json": Reason.ATTRIBUTE,
    "sdk-java__v1_min.json": Reason.TYPE,
    "sdk-java__v1_numeric_ext.json": Reason.TYPE,
    "sdk-java__v1_xml_data.json": Reason.TYPE,
    "sdk-javascript__v1_structured-event-0.json": Reason.TYPE,
    "sdk-javascript__v1_structured-event-1.json": Reason.TYPE,
    "spec__http-protocol-binding_1.txt": Reason.NOT_JSON,
    "spec__http-protocol-binding_4.txt": Reason.NOT_JSON,
    "spec__http-protocol-binding_7.txt": Reason.NOT_JSON,
    "spec__json-format_10.json": Reason.TYPE,
    "spec__json-format_13.json": None,
    "spec__json-format_2.json": Reason.TYPE,
    "spec__json-format_4.json": Reason.TYPE,
    "spec__json-format_8.json": Reason.TYPE,
    "spec__mqtt-protocol-binding_2.txt": Reason.NOT_JSON,
}
"""Valid ones are refused only for their type, which is not ours; those marked invalid, for what is wrong with them."""


def test_every_fixture_is_in_the_table() -> None:
    assert {path.name for path in FILES.iterdir()} == set(FIXTURES)


@pytest.mark.parametrize(("name", "reason"), FIXTURES.items())
def test_a_fixture_gives_exactly_this(name: str, reason: Reason | None) -> None:
    results = decode((FILES / name).read_bytes(), "application/json", NOW)
    assert [r.reason for r in results if isinstance(r, Refusal)] == ([reason] if reason else [])
    assert not any(isinstance(r, Event) for r in results)


VALID = [name for name, reason in FIXTURES.items() if reason is Reason.TYPE]


@pytest.mark.parametrize("name", VALID)
def test_a_valid_fixture_with_a_type_and_data_of_ours_is_an_event(name: str) -> None:
    given = json.loads((FILES / name).read_bytes())
    given.pop("data_base64", None)
    ours = given | {"type": "se.beredd.incident.v1", "datacontenttype": "application/json", "data": {"kind": "fire"}}
    assert isinstance(one(ours), Event)
