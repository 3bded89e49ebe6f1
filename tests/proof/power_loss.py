"""A file system on which the power can go, and on which any call can fail: an apsw VFS over real files.

Model. What a file's readers see is the real file. What would be left after a power cut is kept beside it: the bytes at
the last successful sync, and the writes since then, in order. At a cut each of those is on the disk or not, by chance,
in any order, and a large one may be there in part, at bounds of 512 bytes (harsher than most disks, and meant so).
A sync that fails loses what it should have saved, and a later one that succeeds does not bring it back: so do Linux's
page caches. Not modelled: a directory that forgets a name, a disk that lies about a sync, bytes that change.

Each xWrite, xTruncate, xSync and xDelete is a write call; `Fault` says at which of them what happens.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512


class Trouble(StrEnum):
    """What happens at a call."""

    CUT = "cut"  # the power goes: this call and all later ones fail, and nothing more reaches the disk
    ERROR = "error"  # an I/O error, once
    FULL = "full"  # the disk is full, once
    SHORT = "short"  # half is written, then an I/O error, once
    SYNC = "sync"  # the next sync fails, once, and what it should have saved is lost
    ENDED = "ended"  # the disk fails for good: every later write call too


@dataclass(frozen=True, slots=True)
class Fault:
    """At write call number `at` (the first is 1)."""

    trouble: Trouble
    at: int


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at an offset, or with `size` the file's new length."""

    offset: int
    data: bytes
    size: int | None = None

    def apply(self, file: bytearray) -> None:
        if self.size is not None:
            del file[self.size :]
            return
        if len(file) < self.offset:
            file.extend(bytes(self.offset - len(file)))
        file[self.offset : self.offset + len(self.data)] = self.data

    def torn(self, rng: random.Random) -> Write:
        """The same, or only some of its whole sectors from the start."""
        sectors = len(self.data) // SECTOR
        if self.size is not None or sectors < 2 or rng.random() < 0.7:
            return self
        return Write(self.offset, self.data[: rng.randrange(1, sectors) * SECTOR])


@dataclass(slots=True)
class Disk:
    """One file: what a power cut leaves for certain, and what it may leave."""

    durable: bytearray
    pending: list[Write] = field(default_factory=list)

    def saved(self) -> None:
        for write in self.pending:
            write.apply(self.durable)
        self.pending.clear()

    def after(self, rng: random.Random) -> bytes:
        """What may be on the disk after a cut now."""
        left = bytearray(self.durable)
        kept = [write.torn(rng) for write in self.pending if rng.random() < 0.5]
        if rng.random() < 0.5:
            rng.shuffle(kept)
        for write in kept:
            write.apply(left)
        return bytes(left)


class PowerLoss(apsw.VFS):
    """The file system, under a name of its own; `unregister` when done."""

    def __init__(self, name: str, fault: Fault | None = None) -> None:
        self.files: dict[str, Disk] = {}
        self.calls = 0
        self.fault = fault
        self.dark = False
        self.struck = 0
        self.wanted_sync = False
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> PowerLossFile:
        if self.dark:
            raise apsw.CantOpenError("the power is out")
        return PowerLossFile(self, name, flags)

    def xDelete(self, name: str, sync_directory: bool) -> None:
        self.call("delete")
        super().xDelete(name, sync_directory)
        self.files.pop(name, None)  # else a ghost of a rollback journal would undo the database

    def call(self, what: str) -> Trouble | None:
        """Counts a write call. Raises what it meets, or says what the caller is to do by halves."""
        if self.dark:
            raise apsw.IOError("the power is out")
        self.calls += 1
        fault = self.fault
        if fault is not None and (self.calls == fault.at or (fault.trouble is Trouble.ENDED and self.calls > fault.at)):
            self.struck += 1
            return self._meet(fault.trouble, what)
        if self.wanted_sync and what == "sync":
            self.wanted_sync = False
            return Trouble.SYNC
        return None

    def _meet(self, trouble: Trouble, what: str) -> Trouble | None:
        match trouble:
            case Trouble.CUT:
                self.dark = True
                return Trouble.CUT
            case Trouble.FULL:
                raise apsw.FullError("the disk is full")
            case Trouble.SHORT if what == "write":
                return Trouble.SHORT
            case Trouble.SYNC if what == "sync":
                return Trouble.SYNC
            case Trouble.SYNC:
                self.wanted_sync = True  # at the next one
                return None
            case _:
                raise apsw.IOError("an I/O error")

    def image(self, rng: random.Random, folder: Path) -> None:
        """The folder holds what may be on the disk after a power cut now."""
        folder.mkdir(parents=True)
        for path, disk in self.files.items():
            left = disk.after(rng)
            if left or disk.durable:
                (folder / os.path.basename(path)).write_bytes(left)


class PowerLossFile(apsw.VFSFile):
    """An open file of it."""

    def __init__(self, vfs: PowerLoss, name: Any, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._vfs = vfs
        self._path = path or ""
        super().__init__("", name, flags)
        if path is not None and path not in vfs.files:
            vfs.files[path] = Disk(bytearray(Path(path).read_bytes()))
        self._disk = vfs.files[path] if path is not None else Disk(bytearray())

    def xWrite(self, data: bytes, offset: int) -> None:
        match self._vfs.call("write"):
            case Trouble.CUT:  # it was under way
                self._disk.pending.append(Write(offset, bytes(data)))
                raise apsw.IOError("the power went")
            case Trouble.SHORT:
                half = bytes(data)[: len(data) // 2]
                super().xWrite(half, offset)
                self._disk.pending.append(Write(offset, half))
                raise apsw.IOError("a short write")
        super().xWrite(data, offset)
        self._disk.pending.append(Write(offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        if self._vfs.call("truncate") is not None:
            raise apsw.IOError("the power went")
        super().xTruncate(size)
        self._disk.pending.append(Write(0, b"", size))

    def xSync(self, flags: int) -> None:
        match self._vfs.call("sync"):
            case Trouble.CUT:
                raise apsw.IOError("the power went")
            case Trouble.SYNC:
                self._disk.pending.clear()  # thought clean from now on, and never written
                raise apsw.IOError("a sync failed")
        super().xSync(flags)
        self._disk.saved()
