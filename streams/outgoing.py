"""Parcels, views and dead letters as records of Kafka. What others read is CloudEvents in the binary form."""

from __future__ import annotations

from streams.kafka_writer import Record
from streams.parcel import HEADER, Label, Origin, Parcel, label_written
from streams.partition import Dead
from streams.refusal import Refusal
from streams.topics import DEAD_LETTERS, NOTIFICATIONS, SITUATIONS

NOTICE = b'{"kind":"notice_record"'


def outgoing(parcel: Parcel) -> Record:
    """The record of a parcel."""
    headers = [(HEADER, label_written(parcel.label))]
    if parcel.topic == SITUATIONS:
        headers += _cloud_event(parcel.label, parcel.body)
    return Record(parcel.topic, parcel.record_key, parcel.body, tuple(headers), parcel.place)


def copies(parcel: Parcel) -> list[Record]:
    """What is written for those outside beside the parcel: a notice, where it can be followed."""
    if parcel.topic != SITUATIONS or not parcel.body.startswith(NOTICE):
        return []
    headers = ((HEADER, label_written(parcel.label)), *_cloud_event(parcel.label, parcel.body))
    return [Record(NOTIFICATIONS, parcel.record_key, parcel.body, headers, parcel.place)]


def _cloud_event(label: Label, body: bytes) -> list[tuple[str, bytes]]:
    """The attributes of a record that a stage wrote: its identity is its place in the stage's journal."""
    assert isinstance(label.whence, Origin), "records come from stages"
    origin = label.whence
    kind = body[9 : body.index(b'"', 9)].decode()
    said = {
        "ce_specversion": "1.0",
        "ce_id": f"{origin.epoch}-{origin.turn}-{origin.index}",
        "ce_source": f"urn:beredd:{origin.sender}",
        "ce_type": f"se.beredd.{kind}.v1",
        "ce_time": label.at.isoformat().replace("+00:00", "Z"),
        "ce_realm": label.realm,
        "content-type": "application/json",
    }
    return [(name, value.encode()) for name, value in said.items()]


def dead_letter(dead: Dead) -> Record:
    """What a stage could not take, with its bytes and the reason."""
    headers = _told(stage=dead.stage, realm=dead.realm, key=dead.key, reason=dead.reason)
    return Record(DEAD_LETTERS, dead.key.encode() or None, dead.body, headers)


def refused(refusal: Refusal, topic: str, body: bytes) -> Record:
    """What the door could not take, with its bytes and the reason."""
    headers = _told(stage="intake", topic=topic, reason=refusal.reason.value, said=refusal.message)
    return Record(DEAD_LETTERS, None, body, headers)


def _told(**said: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value.encode()) for name, value in said.items())
