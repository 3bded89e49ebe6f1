"""CloudEvents 1.0 in JSON <-> `rules.events.Event`: the only place that knows the wire form of our own events.

Bad input of any kind becomes a `Refusal`, never an exception. Who may send what, and where it belongs, is intake's.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from rules.events import LIVE, PAYLOAD_OF, Event, EventKind, Payload
from rules.frozen import Instant
from streams.bounded_json import bound, parse
from streams.plain_errors import plain_errors, shown
from streams.readings_wire import quick
from streams.refusal import Reason, Refusal, Refused

__all__ = [
    "EXTERNAL_EXERCISE",
    "MAX_EVENTS",
    "REALM_PATTERN",
    "TYPE_OF",
    "Media",
    "Reason",
    "Refusal",
    "decode",
    "encode",
    "envelope",
]


class Media(StrEnum):
    """The media types that are read."""

    STRUCTURED = "application/cloudevents+json"  # one envelope
    BATCH = "application/cloudevents-batch+json"  # a list of envelopes
    NDJSON = "application/x-ndjson"  # one envelope a line
    PLAIN = "application/json"  # one envelope or a list: what tools send that let nobody choose


SPEC_VERSION = "1.0"
MAX_EVENTS = 10_000
TYPE_OF: Mapping[EventKind, str] = {kind: f"se.beredd.{kind}.v1" for kind in EventKind}
KIND_OF_TYPE: Mapping[str, EventKind] = {name: kind for kind, name in TYPE_OF.items()}

EXTERNAL_EXERCISE = "exercise/external"
REALM_PATTERN = r"^(live|exercise/[a-z0-9_-]{1,64})$"
NAME_PATTERN = r"^[a-z0-9]+$"
SOURCE_PATTERN = r"^\S+$"
TEXT_ATTRIBUTES = ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
REQUIRED = ("id", "source", "type")
INT_MIN, INT_MAX = -(2**31), 2**31 - 1

REALM = re.compile(REALM_PATTERN)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d")
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


def decode(
    body: bytes, content_type: str, received_at: datetime, known: AbstractSet[str] = frozenset()
) -> tuple[Event | Refusal, ...]:
    """One result for each event in the body, in order; one refusal when the body as a whole cannot be used.

    An event without `time` gets `received_at`. An attribute that beredd does not know is allowed and not kept.
    `known`: sensors whose readings may be read the quick way; what comes out is the same.
    """
    try:
        return tuple(_results(body, _media(content_type), received_at, known))
    except Refused as refused:
        return (refused.refusal(body),)


def _results(body: bytes, name: str, received_at: datetime, known: AbstractSet[str]) -> Iterator[Event | Refusal]:
    media = _known(name)
    if media is Media.NDJSON:
        yield from _lines(body, received_at, known)
        return
    if media is not Media.BATCH and (event := _quick(body, received_at, known)) is not None:
        yield event
        return
    match parse(body), media:
        case list() as items, Media.BATCH | Media.PLAIN:
            yield from (_element(item, index, received_at) for index, item in enumerate(_bounded(items)))
        case list(), _:
            raise Refused(Reason.ENVELOPE, f"Innehållet är en lista. Skicka den med Content-Type: {Media.BATCH}.")
        case value, Media.BATCH:
            what = f"Väntade en lista av kuvert, fick {shown(value)}."
            raise Refused(Reason.ENVELOPE, f"{what} Skriv [ och ] runt kuverten.")
        case value, _:
            yield _element(value, 0, received_at, body)


def _quick(body: bytes, received_at: datetime, known: AbstractSet[str]) -> Event | None:
    return quick(body, received_at, known, REALM) if known else None


def _known(name: str) -> Media:
    try:
        return Media(name)
    except ValueError:
        known = f"{Media.STRUCTURED}, {Media.BATCH} eller {Media.NDJSON}"
        raise Refused(Reason.CONTENT_TYPE, f"Content-Type {shown(name)} tas inte emot. Skicka {known}.") from None


def _lines(body: bytes, received_at: datetime, known: AbstractSet[str]) -> Iterator[Event | Refusal]:
    """Blank lines are skipped but counted, so that a line number is the one an editor shows."""
    bound(body)
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), start=1) if line.strip()]
    for index, (number, line) in enumerate(_bounded(lines)):
        try:
            yield _quick(line, received_at, known) or _event(parse(line), received_at)
        except Refused as refused:
            yield refused.refusal(line, index, number)


def _bounded(items: list[Any]) -> list[Any]:
    if len(items) > MAX_EVENTS:
        raise Refused(
            Reason.TOO_MANY,
            f"{len(items)} händelser i en sändning, högst {MAX_EVENTS} tas emot. Inget har tagits emot; dela upp den.",
        )
    return items


def _element(value: object, index: int, received_at: datetime, body: bytes | None = None) -> Event | Refusal:
    try:
        return _event(value, received_at)
    except Refused as refused:
        # The parser keeps no positions, so one element of a batch is shown as it is written again.
        return refused.refusal(orjson.dumps(value) if body is None else body, index)


def _event(value: object, received_at: datetime) -> Event:
    if not isinstance(value, dict):
        raise Refused(Reason.ENVELOPE, f"Väntade ett CloudEvents-kuvert (ett JSON-objekt), fick {shown(value)}.")
    attributes = _attributes(value)
    kind = _kind(attributes["type"])
    time = _time(attributes["time"]) if "time" in attributes else received_at
    payload = _payload(kind, _data(value, attributes))
    realm = _realm(attributes.get("realm", LIVE))
    try:
        return Event(id=attributes["id"], source=attributes["source"], time=time, realm=realm, payload=payload)
    except ValidationError as error:
        raise Refused(Reason.ATTRIBUTE, f"{'; '.join(plain_errors(error, root=''))}.") from None


def _attributes(value: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that are set (null means unset), each with a name and a value that the specification allows."""
    if value.get("specversion") != SPEC_VERSION:
        raise Refused(
            Reason.SPEC_VERSION,
            f'specversion: väntade "{SPEC_VERSION}", fick {shown(value.get("specversion"))}. '
            "Skicka händelsen som CloudEvents 1.0.",
        )
    written = {k: v for k, v in value.items() if k not in ("data", "data_base64")}
    for name, attribute in written.items():
        _check(name, attribute)
    given = {k: v for k, v in written.items() if v is not None}
    for name in REQUIRED:
        if name not in given:
            raise Refused(Reason.ATTRIBUTE, f"{name}: saknas. Varje CloudEvent har id, source och type.")
    return given


def _check(name: str, value: object) -> None:
    if not re.fullmatch(NAME_PATTERN, name):
        raise Refused(
            Reason.ATTRIBUTE, f"{shown(name)}: namnet på ett attribut får bara ha a-z och 0-9. Byt namn på det."
        )
    if value is None:
        return
    if name in TEXT_ATTRIBUTES and not (isinstance(value, str) and value):
        raise Refused(Reason.ATTRIBUTE, f"{name}: väntade text, fick {shown(value)}.")
    match value:
        case str() if _CONTROL.search(value) or (name == "source" and not re.fullmatch(SOURCE_PATTERN, value)):
            what = "mellanslag eller styrtecken" if name == "source" else "styrtecken"
            raise Refused(Reason.ATTRIBUTE, f"{shown(name)}: får inte ha {what}, fick {shown(value)}.")
        case str() | bool():
            return
        case int() if INT_MIN <= value <= INT_MAX:
            return
        case _:
            raise Refused(
                Reason.ATTRIBUTE,
                f"{shown(name)}: ett attribut är text, true/false eller ett heltal på högst 32 bitar, "
                f"fick {shown(value)}. Skriv andra värden som text, eller lägg dem i data.",
            )


def _kind(name: str) -> EventKind:
    if name not in KIND_OF_TYPE:
        raise Refused(Reason.TYPE, f"type: väntade något av {', '.join(KIND_OF_TYPE)}, fick {shown(name)}.")
    return KIND_OF_TYPE[name]


def _realm(value: object) -> str:
    if not (isinstance(value, str) and re.fullmatch(REALM_PATTERN, value)):
        raise Refused(
            Reason.REALM,
            f"realm: väntade live eller exercise/<namn> (a-z, 0-9, - och _, högst 64 tecken), fick {shown(value)}. "
            "Utelämna realm för skarpt läge.",
        )
    return value


def _time(value: str) -> datetime:
    try:
        if _RFC3339.match(value):
            return _INSTANT.validate_python(value)
    except (ValidationError, OverflowError):  # overflow: year 1 or 9999, moved to UTC
        pass
    raise Refused(
        Reason.TIME,
        f"time: väntade en tid med förskjutning, till exempel 2026-01-31T08:00:00+01:00, fick {shown(value)}.",
    )


def _data(value: Mapping[str, Any], attributes: Mapping[str, Any]) -> object:
    media = _media(attributes.get("datacontenttype", Media.PLAIN))
    if not (media.endswith(("/json", "+json"))):
        raise Refused(Reason.DATA, f"datacontenttype: väntade application/json, fick {shown(media)}.")
    match value:
        case {"data": _, "data_base64": _}:
            raise Refused(Reason.DATA, "Både data och data_base64 finns. Skicka bara den ena.")
        case {"data_base64": str() as encoded}:
            return _from_base64(encoded)
        case {"data_base64": other}:
            raise Refused(Reason.DATA, f"data_base64: väntade text i Base64, fick {shown(other)}.")
        case {"data": data} if data is not None:
            return data
        case _:
            raise Refused(Reason.DATA, "data: saknas. Lägg händelsens uppgifter i data, se schemas/.")


def _from_base64(encoded: str) -> object:
    try:
        return parse(binascii.a2b_base64(encoded, strict_mode=True))
    except ValueError:  # binascii.Error is one, and so is text outside ASCII
        raise Refused(Reason.DATA, f"data_base64: är inte Base64: {shown(encoded)}.") from None
    except Refused as refused:
        raise Refused(Reason.DATA, f"data_base64: {refused.message}") from None


def _payload(kind: EventKind, data: object) -> Payload:
    """Strict, as the schemas are: a number written as text is refused here, not guessed at."""
    try:
        return PAYLOAD_OF[kind].model_validate_json(orjson.dumps(data), strict=True)
    except ValidationError as error:
        raise Refused(Reason.DATA, f"{'; '.join(plain_errors(error))}.") from None
    except OverflowError:
        raise Refused(Reason.DATA, "data: en tid ligger för nära år 1 eller år 9999. Utelämna den.") from None


def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def envelope(event: Event) -> dict[str, Any]:
    """The event as a structured CloudEvent, made of JSON values only. Realm is always written out."""
    return {
        "specversion": SPEC_VERSION,
        "type": TYPE_OF[event.kind],
        "source": event.source,
        "id": event.id,
        "time": event.time.isoformat().replace("+00:00", "Z"),
        "realm": event.realm,
        "datacontenttype": Media.PLAIN.value,
        "data": event.payload.model_dump(mode="json", exclude_none=True),
    }


def encode(event: Event) -> bytes:
    """The event as the bytes of one structured CloudEvent, on one line (so also a line of NDJSON)."""
    return orjson.dumps(envelope(event))
