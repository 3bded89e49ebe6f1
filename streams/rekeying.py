"""The Kafka host's door: what a record of an input topic becomes, as parcels for stages' keys. It remembers nothing.

A record's stamp by the broker is when it was received. What cannot be read or may not be said becomes a dead letter
with its reason and its bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from notifiers.tokens import Principal
from rules.events import Event, EventKind
from streams.intake import Addressed, Intake
from streams.journal import moment
from streams.parcel import Harmless, Label, Parcel, once
from streams.partition import Place
from streams.refusal import Refusal
from streams.stages import written
from streams.wire import Media, decode

CE = "ce_"
CONTENT_TYPE = "content-type"


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What one record became: parcels, and what was refused of it."""

    parcels: tuple[Parcel, ...]
    refusals: tuple[Refusal, ...] = ()
    events: tuple[Event, ...] = ()


def rekeyed(
    body: bytes, headers: Mapping[str, bytes], stamp: int, principal: Principal | None, intake: Intake, place: Place
) -> Rekeyed:
    """What the record becomes. `stamp`: when the broker took it, in microseconds since 1970. Never raises for what
    stands in it."""
    content_type, whole = _structured(body, headers)
    found = decode(whole, content_type, moment(stamp), intake.sensors)
    admitted = [each if isinstance(each, Refusal) else intake.admit(each, principal) for each in found]
    events = tuple(each for each in admitted if not isinstance(each, Refusal))
    return Rekeyed(
        tuple(parcel for event in events for parcel in parcels(event, stamp, intake, place)),
        tuple(each for each in admitted if isinstance(each, Refusal)),
        events,
    )


def parcels(event: Event, stamp: int, intake: Intake, place: Place) -> tuple[Parcel, ...]:
    """The admitted event for each key that it concerns."""
    return tuple(_parcel(event, each, stamp, place) for each in intake.route(event, moment(stamp)))


def _parcel(event: Event, to: Addressed, stamp: int, place: Place) -> Parcel:
    whence = Harmless() if event.kind is EventKind.READINGS else once(event, to.stage, to.key)
    label = Label(event.realm, to.key, stamp, whence)
    return Parcel(to.stage.value, place(to.stage, event.realm, to.key, to.message), label, written(to.message))


def _structured(body: bytes, headers: Mapping[str, bytes]) -> tuple[str, bytes]:
    """The media type and the bytes of the structured form. In the binary form the attributes are headers and the value
    is the data alone (CloudEvents, Kafka protocol binding 3.2)."""
    content_type = headers.get(CONTENT_TYPE, b"").decode("latin-1")
    if f"{CE}specversion" not in headers:
        return content_type or Media.PLAIN.value, body
    envelope: dict[str, object] = {
        name[len(CE) :]: _text(value) for name, value in headers.items() if name.startswith(CE)
    }
    try:
        envelope["data"] = orjson.Fragment(body) if body else None
        return Media.STRUCTURED.value, orjson.dumps(envelope)
    except orjson.JSONEncodeError:
        return Media.STRUCTURED.value, body


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")
