"""What SQLite could not read of the log beside a file (`-wal`), and whether that is more than a power cut explains.

At a start SQLite takes the log's frames as far as their checksums hold, and passes over the rest without a word. After
a power cut that is right: of the last transaction some frames may be missing, and nobody was answered. But each commit
is on the disk before the next begins, so past the first frame that does not hold there can be the end of one
transaction at most. Two or more mean that something that was safe has been damaged since.
"""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import BinaryIO

import apsw

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_LARGEST_PAGE = 65536


def commits_lost(db: apsw.Connection, log: Path) -> int:
    """How many commits stand in the log after what could be read of it, at least; 0 if a power cut explains them. The
    file is open and has been read from, and nothing has been written since."""
    if not log.exists() or log.stat().st_size < _HEADER.size:
        return 0
    _, frames, _ = db.execute("PRAGMA wal_checkpoint(NOOP)").fetchall()[0]
    with log.open("rb") as opened:
        found = _ends_after(opened, max(int(str(frames)), 0))
    return found - 1 if found > 1 else 0


def _ends_after(log: BinaryIO, frames: int) -> int:
    """How many frames that end a transaction stand after so many, of the log's own generation: what an earlier one
    left behind has long been in the file."""
    header = log.read(_HEADER.size)
    page = _HEADER.unpack(header)[2]
    size = _FRAME.size + (page if 512 <= page < _LARGEST_PAGE else 4096)
    own = _HEADER.unpack(header)[4:6] if _holds(header) else None
    found, at = 0, _HEADER.size + frames * size
    while True:
        log.seek(at)
        head = log.read(_FRAME.size)
        if len(head) < _FRAME.size:
            return found
        _, ends, *salts = _FRAME.unpack(head)[:4]
        own = tuple(salts) if own is None else own
        found += bool(ends) and tuple(salts) == own
        at += size


def _holds(header: bytes) -> bool:
    """Whether the log's header is as it was written, by its own checksum."""
    order = ">" if header[3] & 1 else "<"
    first = second = 0
    words = struct.unpack(f"{order}6I", header[:24])
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return (first, second) == _HEADER.unpack(header)[6:8]


def set_aside(log: Path, name: str) -> Path:
    """A copy of the log as it is stands beside it, for whoever can read more of it than we can."""
    return Path(shutil.copy2(log, log.with_name(f"{log.name}.{name}")))
