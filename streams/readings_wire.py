"""The one shape of event that comes by the thousand, read and written in one sweep: a CloudEvent of readings.

It takes a body whole or not at all. What it does not take goes the strict way (`streams.wire`), which decides and finds
the words; what it takes, the strict way takes too and makes the same event of. A test holds it to that.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec.structs import replace
from pydantic import ValidationError

from rules.events import LIVE, Event, Reading, Readings
from streams.bounded_json import MAX_BODY_BYTES

READINGS_MAX = 10_000
_PLAIN = re.compile(r"[!-~]+")
"""An id or a source without anything that needs a second look."""

_FINE = re.compile(rb":[0-9]{2}(?::[0-9]{2})?[.,][0-9]{7}")
"""Perhaps a time finer than a microsecond: this parser rounds it, the strict one cuts."""


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    readings: tuple[Reading, ...]


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    specversion: Literal["1.0"]
    type: Literal["se.beredd.readings.v1"]
    source: str
    id: str
    data: _Data
    time: datetime | None = None
    realm: str = LIVE
    datacontenttype: Literal["application/json"] = "application/json"


_decoder = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()


def quick(body: bytes, received_at: datetime, known: AbstractSet[str], realm: re.Pattern[str]) -> Event | None:
    """The event, if these bytes are a batch of readings of known sensors in which nothing is amiss; else None.

    `known`: names of sensors; each is a valid name. `realm`: what a realm looks like.
    """
    if len(body) > MAX_BODY_BYTES or _FINE.search(body):
        return None
    try:
        found = _decoder.decode(body)
        readings = found.data.readings
        if not 1 <= len(readings) <= READINGS_MAX or not known >= {r.sensor for r in readings}:
            return None
        if not (_PLAIN.fullmatch(found.id) and _PLAIN.fullmatch(found.source) and realm.fullmatch(found.realm)):
            return None
        time = _utc(found.time) if found.time is not None else received_at
        if any(r.time.tzinfo is not UTC for r in readings):
            readings = tuple(replace(r, time=_utc(r.time)) for r in readings)
        payload = Readings.model_construct(readings=readings)
        return Event(id=found.id, source=found.source, time=time, realm=found.realm, payload=payload)
    except (msgspec.DecodeError, ValidationError, _LocalTime, OverflowError, UnicodeDecodeError):
        return None


class _LocalTime(Exception):
    """A time without an offset."""


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise _LocalTime
    return at.astimezone(UTC)


def written_readings(event: Event, payload: Readings) -> bytes:
    """The stored form of an event of readings: the same JSON as its model writes."""
    shell = {"id": event.id, "source": event.source, "time": event.time, "realm": event.realm}
    return _encoder.encode(shell | {"payload": {"readings": payload.readings}})
