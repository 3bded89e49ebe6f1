"""The written form of one partition's turn on Kafka: its journal, and the small entries that follow it.

Theory (semantics 4). One record, the journal, says everything a turn changed: how far each topic is read, what was
heard of each sender, every changed entry, every output. It is the first thing written, so a turn has happened when its
journal is in the log, and has not when it is not. The entries follow, each under its own key, so that compaction keeps
one of each; the journal of the next turn comes after them in the same partition. So whoever reads the changelog to its
end finds every turn's entries but perhaps the last one's, and the last journal has those.
"""

from __future__ import annotations

import msgspec

from streams.parcel import Parcel

JOURNAL = b"journal"
EPOCH_HEADER = "epoch"


class Slot(msgspec.Struct, frozen=True, array_like=True, tag_field="k"):
    """The changelog's key of one small thing that a partition remembers."""


class EntrySlot(Slot, frozen=True, array_like=True, tag="e"):
    """An entry of a key's state."""

    realm: str
    key: str
    entry: str


class TimerSlot(Slot, frozen=True, array_like=True, tag="t"):
    """A timer of a key; its value is when it is due, in microseconds since 1970."""

    realm: str
    key: str
    name: str


class SeenSlot(Slot, frozen=True, array_like=True, tag="s"):
    """Something that is to happen once, and has; its value is when."""

    identity: bytes


class PolicySlot(Slot, frozen=True, array_like=True, tag="p"):
    """Which policy the partition's keys have been told of."""


AnySlot = EntrySlot | TimerSlot | SeenSlot | PolicySlot


class Journal(msgspec.Struct, frozen=True):
    """One turn, whole. `positions`: by topic, the offset after the last record that is done. `heard`: by sender, the
    place of its last output. `at`: the broker's time when it was written, in microseconds since 1970."""

    epoch: int
    turn: int
    at: int
    positions: dict[str, int]
    heard: dict[str, tuple[int, int, int]]
    changes: list[tuple[AnySlot, bytes | None]]
    outputs: list[Parcel]


_journals = msgspec.msgpack.Decoder(Journal)
_slots: msgspec.msgpack.Decoder[AnySlot] = msgspec.msgpack.Decoder(AnySlot)
_encoder = msgspec.msgpack.Encoder()


def slot_written(slot: AnySlot) -> bytes:
    """The slot as a changelog's key. Equal slots have equal bytes."""
    return _encoder.encode(slot)


def slot_read(key: bytes) -> AnySlot:
    """The slot. Raises ValueError if it is none."""
    try:
        return _slots.decode(key)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a changelog key: {error}") from None


def journal_written(journal: Journal) -> bytes:
    """The journal as the changelog's value."""
    return _encoder.encode(journal)


def journal_read(value: bytes) -> Journal:
    """The journal. Raises ValueError if it is none."""
    try:
        return _journals.decode(value)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a journal: {error}") from None
