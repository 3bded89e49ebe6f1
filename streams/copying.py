"""A copy of the open file, made a little at each commit, so that nothing waits for it.

SQLite carries into the copy what is written meanwhile by the same connection, so the copy is the file as it was after
the commit at which it became whole.
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw

PAGES = 128
"""Half a megabyte: well under a millisecond of the writer's time."""


class Copying:
    """A copy under way. Everything but the properties runs in the thread that owns the source."""

    def __init__(self, source: apsw.Connection, target: Path) -> None:
        """`target` must not exist. It is readable by its owner only, and no file of ours until `done`."""
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        self.fault: str | None = None
        self.done = False
        self._copy = apsw.Connection(str(target))
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):  # a half copy is worth nothing, and needs no care
            self._copy.execute(f"PRAGMA {pragma}").fetchall()
        self._backup = self._copy.backup("main", source, "main")

    def go_on(self) -> None:
        """Copies some pages, between two transactions. Never raises: the copy's fault is none of the source's."""
        try:
            self.done = self._backup.step(PAGES)
            if self.done:
                self._backup.finish()
                self._copy.close()
        except Exception as error:  # a disk's, or SQLite's: the caller is told
            self.give_up(f"{type(error).__name__}: {error}")

    def give_up(self, why: str) -> None:
        """No more is copied. `done` and `fault` tell."""
        self.fault, self.done = why, True
        self._backup.close(True)
        self._copy.close()
