"""What passes between keyed stages on Kafka: a stage's message under its key, with its `now` and where it came from.

The record's value is the message alone; where it belongs stands in one header. Whoever receives a parcel twice
recognises it by its origin (semantics 3): a sender's output by its place in the sender's journal, what an event became
by the event's own identity. Never by the record's offset.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from rules.events import Event
from rules.step import Stage
from streams.journal import moment

HEADER = "beredd"
"""The name of the record header."""


class Origin(msgspec.Struct, frozen=True, array_like=True, tag="output"):
    """An output: which stage and partition sent it, in which epoch of its owner, in which of its turns, as which."""

    stage: str
    partition: int
    epoch: int
    turn: int
    index: int

    @property
    def sender(self) -> str:
        return f"{self.stage}/{self.partition}"

    @property
    def place(self) -> tuple[int, int, int]:
        """Grows with each output of a sender. A repeat has the place of the first."""
        return self.epoch, self.turn, self.index


class Once(msgspec.Struct, frozen=True, array_like=True, tag="once"):
    """Something that is to happen once however often it is said: what an event became for one key, an outcome."""

    identity: bytes


class Harmless(msgspec.Struct, frozen=True, array_like=True, tag="harmless"):
    """Harmless when repeated, because the stage itself sees that: readings (semantics 7), timers."""


Whence = Origin | Once | Harmless


class Label(msgspec.Struct, frozen=True, array_like=True):
    """The header: whose message it is, at which moment it counts (microseconds since 1970), and where from.

    `tick`: it is no message, but says that the key's timers due by this moment are due."""

    realm: str
    key: str
    now: int
    whence: Whence
    tick: bool = False

    @property
    def at(self) -> datetime:
        return moment(self.now)


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """A label with its message as it is written, for a stage (or a topic that is none). `place`: its partition."""

    topic: str
    place: int
    label: Label
    body: bytes

    @property
    def record_key(self) -> bytes:
        return f"{self.label.realm}/{self.label.key}".encode()


_labels = msgspec.msgpack.Decoder(Label)


def label_written(label: Label) -> bytes:
    """The label as the record's header."""
    return msgspec.msgpack.encode(label)


def label_read(header: bytes) -> Label:
    """The label. Raises ValueError if it is none."""
    try:
        return _labels.decode(header)
    except msgspec.DecodeError as error:
        raise ValueError(f"the header {HEADER} is no label: {error}") from None


def once(event: Event, stage: Stage, key: str) -> Once:
    """The identity of what an event becomes under one key."""
    said = "\x1f".join((event.realm, event.source, event.id, stage, key))
    return Once(hashlib.blake2b(said.encode(), digest_size=16).digest())


def tick(stage: Stage, place: int, realm: str, key: str, due: int) -> Parcel:
    """Says to a key that its timers due by then are due."""
    return Parcel(stage.value, place, Label(realm, key, due, Harmless(), tick=True), b"")
