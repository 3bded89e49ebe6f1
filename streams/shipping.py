"""What each commit changed, kept in memory for a standby that fetches it (streams/standby.py).

Every commit that wrote anything has a number, which stands in the file itself, so a copy of the file tells where it is
to go on. What is kept is bounded: a standby that comes too late is told so and takes a new copy. Nobody has asked for
so long: nothing is kept any more, and a commit costs what it did before.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

import apsw

_log = logging.getLogger(__name__)

COMMIT = "commit"
"""Noted in a file that is followed, or follows: the number of its last commit."""

BYTES_KEPT = 64 * 1024 * 1024
FORGOTTEN_AFTER_S = 3600.0


class Shipping:
    """The changes of the latest commits. `after` may be called from any thread, the rest in the writer's."""

    def __init__(self, db: apsw.Connection, number: int) -> None:
        self._db = db
        self._number = number
        self._kept: deque[tuple[int, bytes]] = deque()
        self._size = 0
        self._floor = number
        self._more = threading.Condition()
        self._session: apsw.Session | None = None
        self._asked_s = time.monotonic()

    @property
    def forgotten(self) -> bool:
        """True if nobody has asked for so long that nobody follows."""
        return time.monotonic() - self._asked_s > FORGOTTEN_AFTER_S

    def begin(self) -> None:
        """What the transaction changes is noted from here on."""
        self._session = apsw.Session(self._db, "main")
        self._session.attach()

    def tie(self) -> None:
        """The transaction bears its number, unless it is the one in which the keeping began."""
        if self._session is not None:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (COMMIT, str(self._number + 1)))

    def committed(self) -> None:
        """What the transaction changed is kept. Never raises: it is durable here, whatever becomes of the standby."""
        if self._session is None or self._session.is_empty:
            return
        try:
            changes = self._session.changeset()
        except Exception:  # memory, or SQLite's: the standby must begin anew
            _log.exception("what a commit changed could not be told to a standby")
            changes = b""
        with self._more:
            self._number += 1
            self._keep(changes)
            self._more.notify_all()

    def _keep(self, changes: bytes) -> None:
        self._kept.append((self._number, changes))
        self._size += len(changes)
        while self._kept and (self._size > BYTES_KEPT or not changes):
            self._floor, gone = self._kept.popleft()
            self._size -= len(gone)

    def end(self) -> None:
        """The transaction is over, one way or the other."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def after(self, number: int, wait_s: float) -> list[tuple[int, bytes]] | None:
        """The commits after this one, in order: waits for the first, and returns none if it does not come in time.
        None if they are not all here: whoever asks needs a new copy."""
        self._asked_s = time.monotonic()
        with self._more:
            if not self._floor <= number <= self._number:
                return None
            self._more.wait_for(lambda: self._number > number, wait_s)
            return [each for each in self._kept if each[0] > number] if self._floor <= number else None
