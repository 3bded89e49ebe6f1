"""Whatever bytes come from outside, each parser gives a value or says what is wrong, in bounded time; nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifiers.secrets import SecretsError, load_secrets
from notifiers.tokens import TokenFault, token_of
from rules.events import Event
from streams.bounded_json import MAX_DEPTH, parse
from streams.feeds import cap, read, smhi
from streams.refusal import Refusal, Refused
from streams.wire import Media, decode
from tests.laws.effort import examples

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FEEDS = Path(__file__).parents[1] / "data" / "feeds"
SHORT_S = 1.0
"""Longer than this for what is at most a few kilobytes is a way to stop us."""

Parser = Callable[[bytes], tuple[Event | Refusal, ...]]
PARSERS: dict[str, Parser] = {media.name: lambda body, m=media: decode(body, m, NOW, {"x"}) for media in Media}  # type: ignore[misc]
PARSERS |= {
    "no media": lambda body: decode(body, "", NOW),
    "cap": lambda body: cap.read("x", body, NOW),
    "smhi": lambda body: smhi.read("smhi", body, NOW),
    "any feed": lambda body: read("x", body, NOW),
}


def _real(folder: str, most: int = 6, largest: int = 30_000) -> list[bytes]:
    files = sorted(f for f in (FEEDS / folder).rglob("*") if f.is_file() and f.stat().st_size < largest)
    return [f.read_bytes() for f in islice(files, most)]


REAL = [*_real("cap"), *_real("cloudevents"), *_real("smhi-warnings")]
assert len(REAL) >= 6, "the corpus has moved"

BOMBS = [
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"<a>" * 50_000,
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>',
    b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
    b"\xff\xfe<\x00a\x00",
    b"\x00" * 1000,
    b'{"a":' + b"9" * 100_000 + b"}",
    b'{"a":1e999999999}',
    b'"\\ud800"',
    b"\xed\xa0\x80",
    b'<?xml version="1.0" encoding="utf-7"?><a/>',
]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Bytes: any, real ones, and real ones with pieces cut out, doubled or overwritten."""
    body = draw(st.sampled_from(REAL) | st.binary(max_size=200) | st.sampled_from(BOMBS))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body)))
        to = min(len(body), at + draw(st.integers(0, 40)))
        piece = draw(
            st.binary(max_size=8)
            | st.sampled_from([b"&#0;", b"\r\n", b"null", b"-0", b"1e400", b"]]>", b"\xe2\x80\xae"])
        )
        body = draw(
            st.sampled_from([body[:at] + piece + body[to:], body[:at] + body[at:to] * 2 + body[to:], body[:at]])
        )
    return body


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
@pytest.mark.timeout(900)
@given(body=bodies())
@settings(examples(150), suppress_health_check=list(HealthCheck))
def test_a_parser_gives_events_or_refusals_and_never_raises(parser: Parser, body: bytes) -> None:
    begun_s = time.perf_counter()
    found = parser(body)
    assert time.perf_counter() - begun_s < SHORT_S
    assert all(isinstance(one, Event | Refusal) for one in found)
    for refusal in found:
        if isinstance(refusal, Refusal):
            assert refusal.message
            assert len(refusal.message) <= 1000
            assert "\n" not in refusal.message, "a refusal is one line, wherever it is written"


_json: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
)


@given(value=_json, depth=st.integers(0, 3000))
@settings(examples(200))
def test_json_is_a_value_of_bounded_depth_or_refused(value: Any, depth: int) -> None:
    body = b"[" * depth + json.dumps(value, allow_nan=True).encode() + b"]" * depth
    try:
        parse(body)
    except Refused:
        pass
    else:
        assert depth <= MAX_DEPTH


_extremes = ["anna", ["look"], "2027-01-01", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"]
_said = _json | st.sampled_from(_extremes)
_optional = dict.fromkeys(("source", "service", "may", "not_before", "expires"), _said)
_entries = st.fixed_dictionaries({"person": st.just("anna") | _json}, optional=_optional)
_bounded = st.fixed_dictionaries({"person": st.just("anna")}, optional={"not_before": _said, "expires": _said})


@given(digest=st.just("a" * 64) | _json, entry=_bounded | _entries | _json)
@settings(examples(400))
def test_an_entry_of_the_secrets_file_is_a_token_or_a_fault(digest: Any, entry: Any) -> None:
    try:
        found = token_of(digest, entry)
    except TokenFault:
        pass
    else:
        assert found.holder.may


@given(
    text=st.binary(max_size=300)
    | st.text(alphabet="channels:tokens\n {}[]&*!\"'<->|#\t\r0123", max_size=200).map(str.encode)
)
@settings(examples(300), suppress_health_check=list(HealthCheck))
def test_a_secrets_file_is_read_or_refused(text: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.touch(0o600)
    file.write_bytes(text)
    with suppress(SecretsError):
        assert load_secrets(file).principal("x", NOW) is None
