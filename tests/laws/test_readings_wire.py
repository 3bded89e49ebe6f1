"""The law of the quick way in: whatever it takes, the strict way takes too, and makes the same event of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from rules.events import Event, Reading, Readings
from streams import readings_wire, stages, wire
from streams.refusal import Refusal
from streams.wire import REALM_PATTERN, decode

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KNOWN = frozenset({"a", "b-2", "åäö"})
MEDIA = "application/cloudevents+json"

TIMES = st.one_of(
    st.datetimes(timezones=st.just(UTC)).map(lambda t: t.isoformat().replace("+00:00", "Z")),
    st.sampled_from(
        [
            "2026-03-01T12:00:00Z",
            "2026-03-01t12:00:00z",
            "2026-03-01 12:00:00Z",
            "2026-03-01T12:00:00+01:00",
            "2026-03-01T12:00:00-00:00",
            "2026-03-01T12:00:00+0100",
            "2026-03-01T12:00:00.123456Z",
            "2026-03-01T12:00:00.1234569Z",
            "2026-03-01T12:00:00,1234569Z",
            "2026-03-01T12:00:00.1Z",
            "2026-03-01T12:00Z",
            "2026-03-01T12:00:00",
            "2026-03-01T24:00:00Z",
            "2026-03-01T23:59:60Z",
            "2026-03-01",
            "0001-01-01T00:00:00+05:00",
            "9999-12-31T23:59:59-05:00",
            "9999-12-31T23:59:59.9999999Z",
            "20260301T120000Z",
            "",
        ]
    ),
).map(json.dumps)
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers().map(str),
    st.sampled_from(["1e400", "-1e400", "NaN", "true", "null", '"3.0"', "1E2", "-0", "-0.0", "00", "[]", "9" * 400]),
)
STRANGE = ["", " ", "a b", "\n", "\x7f", "ö", "x" * 300, "x" * 600, "\\ud800", "\u2028", '"']
TEXTS = st.one_of(st.sampled_from(["urn:test", "1", "live", "exercise/x", "exercise/", *STRANGE]), st.text(max_size=5))
SENSORS = st.one_of(st.sampled_from(sorted(KNOWN)), st.sampled_from(["c", *STRANGE])).map(json.dumps)


def _object(members: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{json.dumps(k)}: {v}" for k, v in members) + "}"


@st.composite
def objects(draw: st.DrawFn, given: dict[str, st.SearchStrategy[str]], odd: st.SearchStrategy[str]) -> str:
    """A JSON object as text: mostly these members, and now and then one less, one twice or one more."""
    members = [(name, draw(value)) for name, value in given.items()]
    match draw(st.integers(0, 19)):
        case 0:
            members.pop(draw(st.integers(0, len(members) - 1)))
        case 1:
            name = draw(st.sampled_from(sorted(given)))
            members.append((name, draw(given[name])))
        case 2:
            members.append((draw(st.sampled_from(["subject", "X", "extra", "data_base64"])), draw(odd)))
    return _object(members)


ODD = st.sampled_from(['"x"', "1", "null", "[]", "{}", "true"])
SOUND = ("2026-03-01T11:00:00Z", "2026-03-01T11:00:00.5+01:00", "2026-03-01T11:00:00Z", "2026-03-01T11:00:00.1234569Z")
GOOD = st.sampled_from(SOUND).map(json.dumps)
VALUE = st.one_of(NUMBERS, st.just("3.5"))
READING = objects({"sensor": SENSORS, "value": VALUE, "time": st.one_of(GOOD, TIMES)}, ODD)
CALM = objects({"sensor": st.just('"a"'), "value": st.just("1"), "time": GOOD}, ODD)
DATA = objects(
    {"readings": st.lists(st.one_of(CALM, READING), max_size=3).map(lambda found: f"[{', '.join(found)}]")}, ODD
)
ENVELOPES = objects(
    {
        "specversion": st.sampled_from(['"1.0"'] * 9 + ['"0.3"']),
        "type": st.sampled_from(['"se.beredd.readings.v1"'] * 9 + ['"se.beredd.incident.v1"', "1"]),
        "source": st.one_of(st.just('"urn:test"'), TEXTS.map(json.dumps)),
        "id": st.one_of(st.just('"1"'), TEXTS.map(json.dumps)),
        "time": st.one_of(GOOD, TIMES),
        "realm": st.one_of(st.just('"live"'), TEXTS.map(json.dumps)),
        "datacontenttype": st.sampled_from(['"application/json"'] * 6 + ['"text/plain"', "null"]),
        "data": DATA,
    },
    ODD,
)
BODIES = st.one_of(ENVELOPES, ENVELOPES.map(lambda text: f"\ufeff{text} ")).map(
    lambda text: text.replace("\\\\ud800", "\\ud800").encode()
)
MANY = settings(max_examples=1_500, deadline=None, suppress_health_check=list(HealthCheck))


def agree(body: bytes) -> bool:
    """True if the quick way took the body: then the strict way made the same of it."""
    event = readings_wire.quick(body, NOW, KNOWN, wire.REALM)
    strict = decode(body, MEDIA, NOW)
    assert decode(body, MEDIA, NOW, KNOWN) == strict
    if event is None:
        return False
    assert strict == (event,)
    assert isinstance(event.payload, Readings)
    assert all(type(r) is Reading and r.time.tzinfo is UTC and type(r.value) is float for r in event.payload.readings)
    assert json.loads(stages.written(event)) == json.loads(event.model_dump_json())
    assert Event.model_validate_json(stages.written(event)) == event
    return True


@MANY
@given(BODIES)
def test_what_is_read_the_quick_way_is_what_the_strict_way_reads(body: bytes) -> None:
    agree(body)


def test_a_plain_batch_is_read_the_quick_way() -> None:
    """Else the law above would hold of a quick way that takes nothing."""
    readings = [{"sensor": "a", "value": 1, "time": "2026-03-01T11:00:00Z"}] * 3
    body: dict[str, Any] = {"specversion": "1.0", "type": "se.beredd.readings.v1", "source": "urn:test", "id": "1"}
    body |= {"time": "2026-03-01T11:00:00+01:00", "data": {"readings": readings}}
    assert agree(json.dumps(body).encode())
    assert agree(json.dumps(body | {"realm": "exercise/x", "datacontenttype": "application/json"}).encode())


FINE = json.dumps(
    {
        "specversion": "1.0",
        "type": "se.beredd.readings.v1",
        "id": "a",
        "source": "urn:a",
        "data": {"readings": [{"sensor": "a", "value": 1, "time": "2026-03-01T11:00:00.1234567Z"}]},
    }
).encode()
PLANTED = [
    pytest.param("_PLAIN", readings_wire.re.compile(r"(?s).*"), id="any id and source"),
    pytest.param("_FINE", readings_wire.re.compile(rb"never"), id="times that are rounded"),
]


@pytest.mark.parametrize(("name", "wrong"), PLANTED)
def test_an_error_planted_in_the_quick_way_is_found(name: str, wrong: Any) -> None:
    @settings(MANY, max_examples=5_000, phases=[Phase.explicit, Phase.generate], derandomize=True, database=None)
    @example(FINE)  # so fine a time is drawn too seldom to be counted on
    @given(BODIES)
    def law(body: bytes) -> None:
        agree(body)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(readings_wire, name, wrong)
        with pytest.raises((AssertionError, ExceptionGroup)):
            law()


def test_a_reading_with_a_member_too_many_is_refused_in_the_strict_way_s_words() -> None:
    reading = {"sensor": "a", "value": 1, "time": "2026-03-01T11:00:00Z", "unit": "bar"}
    body = {
        "specversion": "1.0",
        "type": "se.beredd.readings.v1",
        "source": "s",
        "id": "1",
        "data": {"readings": [reading]},
    }
    (refusal,) = decode(json.dumps(body).encode(), MEDIA, NOW, KNOWN)
    assert isinstance(refusal, Refusal)
    assert "unit" in refusal.message


def test_the_realm_is_the_one_that_the_strict_way_knows() -> None:
    assert wire.REALM.pattern == REALM_PATTERN
