"""The embedded host's file: one SQLite database, one connection, one thread (apsw, WAL, synchronous=FULL).

Everything a message changes is written between `begin` and `commit`, so that after a crash either all of it happened or
none. What each table is: streams/schema.py. What is written in the books is chained (streams/chain.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import apsw
import orjson

from streams.ballast import Ballast
from streams.chain import Head, Pen, head_of, spans
from streams.copying import Copying
from streams.shipping import COMMIT, Shipping
from streams.store import JournalError, opened

__all__ = ["Journal", "JournalError", "Timer", "micros", "moment"]

_log = logging.getLogger(__name__)
ROWS_LOOKED_AT = 1000
BYTES_ERASED = 500_000
"""In one transaction, so that nothing that is urgent waits for it."""

LAST_COMMIT = "last_commit"
"""The number of the last commit that a standby could fetch, noted when nobody had asked for long."""

LINES_KEPT = 20_000
"""How many log lines a view is given at a start; all of them stay in the table."""


@dataclass(frozen=True, slots=True)
class Erasing:
    """Which rows of a book a rule erases, as SQL. `emptied`: what is set where the row itself is kept for its name;
    without it the row goes. `thorough`: what stood there is overwritten."""

    name: str
    book: str
    which: str
    size: str
    emptied: str = ""
    thorough: bool = True


@dataclass(frozen=True, slots=True)
class Timer:
    """One pending timer."""

    stage: str
    realm: str
    key: str
    name: str
    due: datetime


def micros(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    delta = at - _EPOCH
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(at: int) -> datetime:
    """The instant of so many microseconds since 1970, in UTC."""

    return _EPOCH + timedelta(microseconds=at)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Journal:
    """The open file. Every method but `open` runs in the one thread that owns it."""

    def __init__(self, connection: apsw.Connection, ballast: Ballast) -> None:
        self._db = connection
        self.ballast = ballast
        self.lost: str | None = None
        """What of the file was lost before it was opened, in Swedish; None if nothing was, as far as one can tell."""
        self._changes = 0
        self._copying: Copying | None = None
        self._sure = True  # that the last transaction is durable: else the file is asked where the chain ends
        self._pen = Pen(connection)
        number = self.noted(COMMIT)
        self._shipping = None if number is None else Shipping(connection, int(number))

    @classmethod
    def open(cls, file: Path, vfs: str | None = None, reserve: int = 0) -> Journal:
        """Opens or makes the file, exclusively: two processes on one file would each send every alert. An older file
        is brought forward, with a copy of it beside.

        Raises JournalError if it is in use, newer than this program, damaged, or no file of ours. `vfs`: SQLite's way
        to the disk, when it is another than the system's. `reserve`: bytes of the disk that are kept for what is
        critical.
        """
        ballast = Ballast(file.with_name(f"{file.name}.ballast"), reserve)
        connection, lost = opened(file, vfs)
        journal = cls(connection, ballast)
        journal.lost = lost
        ballast.hold()
        return journal

    def copy(self, target: Path) -> Copying:
        """A copy is under way: each commit from now on takes it further. One at a time."""
        if self._copying is not None:
            raise BlockingIOError("a copy is under way already")
        self._copying = Copying(self._db, target)
        return self._copying

    def close(self) -> None:
        """The file is closed. What is committed is safe even where there is no room to tidy up."""
        if self._copying is not None:
            self._copying.give_up("the host was stopped")
        try:
            self._db.close()
        except apsw.Error:
            _log.exception("the file could not be tidied; the next start does it")

    def _rows(self, sql: str, values: tuple[str | int | bytes | None, ...] = ()) -> list[Any]:
        """All rows, read to the end: a statement left open would block the checkpoint."""
        return self._db.execute(sql, values).fetchall()

    def begin(self, at: datetime | None = None) -> None:
        """A transaction begins; `at` is the moment that its link bears."""
        self._changes = self._db.total_changes()
        if not self._sure:
            self._pen.head = head_of(self._db)
        self._sure = False
        self._pen.begin(None if at is None else micros(at))
        self._db.execute("BEGIN IMMEDIATE")
        if self._shipping is not None:
            self._ship_on(self._shipping)

    def _ship_on(self, shipping: Shipping) -> None:
        if shipping.forgotten:
            self._shipping = None
            self.note(LAST_COMMIT, self.taken(COMMIT) or "0")
        else:
            shipping.begin()

    def ship(self) -> Shipping:
        """What commits change is kept from now on for whoever follows. Inside a transaction."""
        if self._shipping is None:
            # One higher than any that was told before: what was changed meanwhile nobody can fetch.
            number = int(self.noted(LAST_COMMIT) or 0) + 1
            self.note(COMMIT, str(number))
            self._shipping = Shipping(self._db, number)
        return self._shipping

    def wrote(self) -> bool:
        """True if anything has been written since the last `begin`."""
        return self._db.total_changes() != self._changes

    def commit(self) -> None:
        """Durable when it returns: the WAL is fsynced (synchronous=FULL)."""
        self._pen.tie()
        if self._shipping is not None and self.wrote():
            self._shipping.tie()
        self._db.execute("COMMIT")
        if self._shipping is not None:
            self._shipping.committed()
            self._shipping.end()
        self._pen.committed()
        self._sure = True
        if self._copying is not None:
            self._copying.go_on()
            if self._copying.done:
                self._copying = None

    def rollback(self) -> None:
        if self._shipping is not None:
            self._shipping.end()
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def latest(self) -> datetime | None:
        """The newest moment that anything was written at; None in a new file."""
        found = self._rows("SELECT max(at) FROM link")[0][0]
        return None if found is None else moment(found)

    @property
    def head(self) -> Head:
        """The newest durable link of the chain."""
        return self._pen.head

    # --- what the file remembers of itself ---------------------------------------------------------------------------

    def noted(self, key: str) -> str | None:
        """What was last noted under this name."""
        rows = self._rows("SELECT value FROM meta WHERE key=?", (key,))
        return str(rows[0][0]) if rows else None

    def note(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES(?,?)", (key, value))

    def touch(self, at: datetime) -> None:
        """Something has been written: a disk that is full still reads. The entry has no stage, so no step sees it."""
        self.put("touched", "", "", "", micros(at).to_bytes(8, "big"))

    def taken(self, key: str) -> str | None:
        """What was noted under this name; it is noted no more."""
        value = self.noted(key)
        if value is not None:
            self._db.execute("DELETE FROM meta WHERE key=?", (key,))
        return value

    # --- log ---------------------------------------------------------------------------------------------------------

    def accept(
        self, at: datetime, realm: str, source: str, identity: str, kind: str, principal: str | None, body: bytes
    ) -> bool:
        """Writes an event into the log. False if the same (realm, source, id) is there already."""
        row = (micros(at), realm, source, identity, kind, principal, body)
        # Only the duplicate key may be in the way: a row number that is taken is a fault, and must not pass for one.
        self._db.execute(
            "INSERT INTO log VALUES(?,?,?,?,?,?,?,?) ON CONFLICT(realm, source, id) DO NOTHING",
            (self._pen.number("log"), *row),
        )
        if self._db.changes() != 1:
            return False
        self._pen.wrote("log", *row)
        return True

    def refuse(self, at: datetime, reason: str, said: str, principal: str | None, excerpt: str) -> None:
        self._write("refused", micros(at), reason, said, principal, excerpt)

    def _write(self, book: str, *row: str | int | bytes | None) -> int:
        """The row is in the book, under the number returned."""
        number = self._pen.number(book)
        marks = ",".join("?" * (len(row) + 1))
        self._db.execute(f"INSERT INTO {book} VALUES({marks})", (number, *row))
        self._pen.wrote(book, *row)
        return number

    def events(self, limit: int) -> list[tuple[int, datetime, str, str, str, str, bytes]]:
        """The newest events: sequence, received_at, realm, source, id, kind, body."""
        rows = self._rows(
            "SELECT seq, received_at, realm, source, id, kind, body FROM log ORDER BY seq DESC LIMIT ?", (limit,)
        )
        return [(seq, moment(at), realm, source, i, kind, body) for seq, at, realm, source, i, kind, body in rows]

    def refusals(self, limit: int) -> list[tuple[datetime, str, str, str | None]]:
        rows = self._rows("SELECT at, reason, said, principal FROM refused ORDER BY seq DESC LIMIT ?", (limit,))
        return [(moment(at), reason, said, principal) for at, reason, said, principal in rows]

    def counts(self) -> dict[str, int]:
        """How many rows each of the books holds."""
        tables = ("log", "refused", "record", "dead", "outbox", "timers")
        return {t: int(self._rows(f"SELECT count(*) FROM {t}")[0][0]) for t in tables}

    # --- state -------------------------------------------------------------------------------------------------------

    def entries(self, stage: str, realm: str, key: str) -> list[tuple[str, bytes]]:
        return self._rows("SELECT entry, value FROM state WHERE stage=? AND realm=? AND key=?", (stage, realm, key))

    def keys(self, stage: str) -> list[tuple[str, str]]:
        """Every (realm, key) of a stage that has entries, sorted."""
        return self._rows("SELECT DISTINCT realm, key FROM state WHERE stage=? ORDER BY realm, key", (stage,))

    def put(self, stage: str, realm: str, key: str, entry: str, value: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO state VALUES(?,?,?,?,?)", (stage, realm, key, entry, value))

    def drop(self, stage: str, realm: str, key: str, entry: str) -> None:
        self._db.execute(
            "DELETE FROM state WHERE stage=? AND realm=? AND key=? AND entry=?", (stage, realm, key, entry)
        )

    # --- timers ------------------------------------------------------------------------------------------------------

    def wake(self, timer: Timer) -> None:
        row = (timer.stage, timer.realm, timer.key, timer.name, micros(timer.due))
        self._db.execute("INSERT OR REPLACE INTO timers VALUES(?,?,?,?,?)", row)

    def unwake(self, stage: str, realm: str, key: str, name: str) -> None:
        self._db.execute("DELETE FROM timers WHERE stage=? AND realm=? AND key=? AND name=?", (stage, realm, key, name))

    def due(self, until: datetime) -> Timer | None:
        """The first timer due at or before this moment, by (due, stage, realm, key, name)."""
        rows = self._rows(
            "SELECT stage, realm, key, name, due FROM timers WHERE due<=?"
            " ORDER BY due, stage, realm, key, name LIMIT 1",
            (micros(until),),
        )
        return next((Timer(s, r, k, n, moment(d)) for s, r, k, n, d in rows), None)

    def next_due(self) -> datetime | None:
        rows = self._rows("SELECT due FROM timers ORDER BY due LIMIT 1")
        return moment(rows[0][0]) if rows else None

    def postpone(self, until: datetime) -> int:
        """Moves every timer that is overdue at this moment to it. Returns how many there were."""
        self._db.execute("UPDATE timers SET due=? WHERE due<?", (micros(until), micros(until)))
        return self._db.changes()

    # --- outbox, records, dead letters -------------------------------------------------------------------------------

    def send(self, realm: str, identity: str, person: str, body: bytes) -> bool:
        """Writes an attempt. False if it is there already."""
        self._db.execute(
            "INSERT OR IGNORE INTO outbox VALUES(?,?,?,?,NULL,?)", (identity, realm, person, body, self._pen.at)
        )
        return self._db.changes() == 1

    def settle(self, realm: str, identity: str, outcome: str) -> bool:
        """Notes an attempt's outcome. False if it has one already."""
        self._db.execute(
            "UPDATE outbox SET outcome=? WHERE realm=? AND id=? AND outcome IS NULL", (outcome, realm, identity)
        )
        return self._db.changes() == 1

    def forget_settled(self, realm: str) -> None:
        """Attempts of this realm that have an outcome have left the outbox."""
        self._db.execute("DELETE FROM outbox WHERE realm=? AND outcome IS NOT NULL", (realm,))

    def unsent(self) -> list[tuple[str, bytes]]:
        """Attempts without an outcome: (realm, body)."""
        return self._rows("SELECT realm, body FROM outbox WHERE outcome IS NULL ORDER BY realm, id")

    def record(self, realm: str, key: str, about: str | None, body: bytes) -> None:
        """Writes a record. `about`: it replaces the earlier ones of this name in any view."""
        number = self._write("record", realm, key, body)
        about = about or f"line/{number % LINES_KEPT}"
        self._db.execute("INSERT OR REPLACE INTO latest VALUES(?,?,?)", (realm, about, number))

    def records(self) -> Iterator[tuple[str, bytes]]:
        """The records a view needs, in order: the newest about each thing, and the newest lines."""
        rows = self._db.execute("SELECT realm, body FROM record WHERE seq IN (SELECT seq FROM latest) ORDER BY seq")
        yield from cast(Iterator[tuple[str, bytes]], rows)

    # --- erasing -----------------------------------------------------------------------------------------------------

    def bound(self, book: str, before: datetime) -> int:
        """The number of the book's last row that was written before this moment; 0 if none was."""
        found = self._rows(f"SELECT {book} FROM link WHERE at<? ORDER BY at DESC, seq DESC LIMIT 1", (micros(before),))
        return int(found[0][0]) if found else 0

    def first(self, book: str) -> int:
        """The number of the book's first row that is there; 0 if there is none."""
        return int(self._rows(f"SELECT coalesce(min(seq), 0) FROM {book}")[0][0])

    def erase(self, rule: Erasing, low: int, high: int) -> tuple[int, int]:
        """The rows over `low` that the rule names are erased, as far as `high` or as one turn may take. Returns how
        far that was, and how many rows. The erasing itself is a row in the chain."""
        top = min(high, low + ROWS_LOOKED_AT)
        sql = f"SELECT seq, {rule.size} FROM {rule.book} WHERE seq>?1 AND seq<=?2 AND {rule.which} ORDER BY seq"
        seqs, size = [], 0
        for seq, each in self._rows(sql, (low, top)):
            seqs.append(seq)
            size += each
            if size > BYTES_ERASED:
                top = seq
                break
        if seqs:
            self._erase(rule, seqs)
        return top, len(seqs)

    def _erase(self, rule: Erasing, seqs: list[int]) -> None:
        done = f"UPDATE {rule.book} SET {rule.emptied}" if rule.emptied else f"DELETE FROM {rule.book}"
        found = spans(seqs)
        with self._overwriting(rule.thorough):
            for low, high in found:
                self._db.execute(f"{done} WHERE seq>=? AND seq<=?", (low, high))
                if rule.book == "record":
                    self._db.execute("DELETE FROM latest WHERE seq>=? AND seq<=?", (low, high))
        self._write("erasure", self._pen.at, rule.name, rule.book, orjson.dumps(found).decode())

    @contextmanager
    def _overwriting(self, wanted: bool) -> Iterator[None]:
        """What is erased for somebody's sake is overwritten; what only takes room need not be."""
        self._db.execute(f"PRAGMA secure_delete={int(wanted)}").fetchall()
        try:
            yield
        finally:
            self._db.execute("PRAGMA secure_delete=0").fetchall()

    def forget_sent(self, before: datetime) -> int:
        """Attempts with an outcome from before this moment are gone, some at a time. Returns how many went."""
        which = "SELECT realm, id FROM outbox WHERE outcome IS NOT NULL AND at<? LIMIT 500"
        with self._overwriting(wanted=True):
            self._db.execute(f"DELETE FROM outbox WHERE (realm, id) IN ({which})", (micros(before),))
            return self._db.changes()

    def bury(self, at: datetime, stage: str, realm: str, key: str, body: bytes, why: str) -> None:
        self._write("dead", micros(at), stage, realm, key, body, why)
