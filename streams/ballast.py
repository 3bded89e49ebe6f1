"""Room kept on the disk, so that what is critical still gets in when the disk is full (semantics 25).

A file of a stated size holds the room. When a commit finds the disk full, the file is let go, and from then on the
writer refuses readings, which are what fills a disk, until there is room to take it up again.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

_log = logging.getLogger(__name__)

LOOK_AGAIN_S = 5.0
SHORT = "disken är full: mätvärden avvisas, allt annat tas emot så länge det reserverade utrymmet räcker"
"""What is said while the room is in use."""


def free_bytes(directory: Path) -> int:
    """What the disk has left for us."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


class Ballast:
    """So many bytes of the disk, held by a file. `size` 0: none are kept. Lives in the writer's thread."""

    def __init__(self, file: Path, size: int) -> None:
        self._file = file
        self._size = size
        self._look_s = 0.0
        self.short: str | None = None
        """Why readings are refused; None while the room is kept, or none was asked for."""

    def hold(self) -> bool:
        """True if the room is held from now on. It is taken up only where as much again is left beside it."""
        if not self._size or self._held():
            return True
        if free_bytes(self._file.parent) < 2 * self._size:
            return False
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size)
            finally:
                os.close(descriptor)
        except OSError:
            self._file.unlink(missing_ok=True)
            return False
        return True

    def _held(self) -> bool:
        try:
            return self._file.stat().st_size >= self._size
        except FileNotFoundError:
            return False

    def let_go(self) -> bool:
        """The disk is full: the room is free for what is critical. False if there was none left to free."""
        if self._size:
            self.short = SHORT
            self._look_s = time.monotonic() + LOOK_AGAIN_S
        try:
            self._file.unlink()
        except OSError:
            return False
        _log.error("the disk is full: the room that was kept is let go, and readings are refused")
        return True

    def look_again(self) -> None:
        """While the room is in use: it is taken up again as soon as the disk has it. Looks only now and then."""
        if self.short is None or time.monotonic() < self._look_s:
            return
        self._look_s = time.monotonic() + LOOK_AGAIN_S
        if self.hold():
            self.short = None
            _log.warning("the disk has room again: readings are taken")
