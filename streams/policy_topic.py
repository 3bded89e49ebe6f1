"""The topic `policy`: which profile all workers run, and what each worker runs.

A profile is published as its files, so that a worker needs nothing but Kafka and its secrets. It is the newest record
under its key (the topic is compacted). With it goes which partition each area has: one that has a partition keeps it
for as long as the topics live. Every worker says under its own key what it runs, and when it last said so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

PROFILE_KEY = b"profile"
WORKER = "worker/"
SUFFIXES = (".yaml", ".geojson", ".ics")
MAX_BYTES = 4_500_000


class PublishError(Exception):
    """The profile cannot be published. The message says why, in Swedish."""


class Published(msgspec.Struct, frozen=True):
    """A profile as its files by relative name, its hash, and the partition of every area."""

    hash: str
    files: dict[str, bytes]
    areas: dict[str, int]


class Worker(msgspec.Struct, frozen=True):
    """What a worker runs: the hash of its profile, and when it said so by its own reckoning of the broker's time (in
    microseconds since 1970)."""

    name: str
    hash: str
    at: int


@dataclass(frozen=True, slots=True)
class Policies:
    """What the topic says now."""

    published: Published | None
    workers: tuple[Worker, ...]


def packed(directory: Path) -> dict[str, bytes]:
    """The files of the profile in this directory. Raises PublishError if they are too many for a record."""
    found = sorted(p for p in directory.rglob("*") if p.is_file() and p.suffix in SUFFIXES)
    files = {str(p.relative_to(directory)): p.read_bytes() for p in found}
    if sum(map(len, files.values())) > MAX_BYTES:
        raise PublishError(f"{directory}: profilens filer är större än {MAX_BYTES} byte tillsammans")
    return files


def unpacked(published: Published, under: Path) -> Path:
    """The directory under this one that holds the published files, and nothing else."""
    directory = under / published.hash
    for name, content in published.files.items():
        file = directory / name
        if not file.resolve().is_relative_to(directory.resolve()):
            raise PublishError(f"{name}: ligger utanför profilen")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return directory


def published_written(published: Published) -> bytes:
    """The profile as the topic's value."""
    return msgspec.msgpack.encode(published)


def published_read(value: bytes) -> Published:
    """Raises ValueError if it is no published profile."""
    try:
        return msgspec.msgpack.decode(value, type=Published)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a published profile: {error}") from None


def worker_written(worker: Worker) -> bytes:
    """The worker's word as the topic's value."""
    return msgspec.json.encode(worker)


def worker_read(value: bytes) -> Worker:
    """Raises ValueError if it is no word of a worker."""
    try:
        return msgspec.json.decode(value, type=Worker)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a worker's word: {error}") from None
