"""The embedded host's file: one SQLite database, one connection, one thread (apsw, WAL, synchronous=FULL).

Everything a message changes is written between `begin` and `commit`, so that after a crash either all of it happened or
none. What each table is:

    meta      the schema's version, and the policy the file last ran with
    log       every accepted event, as it came; (realm, source, id) is the duplicate key
    refused   what was not accepted, and why
    state     the stages' entries
    timers    what is to be looked at when
    outbox    attempts; `outcome` is null until one is known
    record    what views are built from
    latest    the newest record about each thing that a later one replaces
    dead      messages that a stage could not take, and why
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import apsw

SCHEMA_VERSION = 1
LINES_KEPT = 20_000
"""How many log lines a view is given at a start; all of them stay in the table."""
_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE log(
    seq INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, realm TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL,
    kind TEXT NOT NULL, principal TEXT, body BLOB NOT NULL, UNIQUE(realm, source, id));
CREATE TABLE refused(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, reason TEXT NOT NULL, said TEXT NOT NULL, principal
TEXT,
    excerpt TEXT NOT NULL);
CREATE TABLE state(stage TEXT, realm TEXT, key TEXT, entry TEXT, value BLOB NOT NULL, PRIMARY KEY(stage, realm, key,
entry))
    WITHOUT ROWID;
CREATE TABLE timers(stage TEXT, realm TEXT, key TEXT, name TEXT, due INTEGER NOT NULL, PRIMARY KEY(stage, realm, key,
name))
    WITHOUT ROWID;
CREATE INDEX timers_due ON timers(due);
CREATE TABLE outbox(id TEXT, realm TEXT, person TEXT NOT NULL, body BLOB NOT NULL, outcome TEXT, PRIMARY KEY(realm, id))
    WITHOUT ROWID;
CREATE INDEX outbox_open ON outbox(realm) WHERE outcome IS NULL;
CREATE TABLE record(seq INTEGER PRIMARY KEY, realm TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE latest(realm TEXT, about TEXT, seq INTEGER NOT NULL, PRIMARY KEY(realm, about)) WITHOUT ROWID;
CREATE TABLE dead(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, stage TEXT NOT NULL, realm TEXT NOT NULL, key TEXT NOT
NULL,
    body BLOB NOT NULL, why TEXT NOT NULL);
"""


class JournalError(Exception):
    """The file cannot be used. The message says why, and what to do."""


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

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection
        self._changes = 0

    @classmethod
    def open(cls, file: Path) -> Journal:
        """Opens or makes the file, exclusively: two processes on one file would each send every alert.

        Raises JournalError if it is in use, newer than this program, or no database.
        """
        try:
            connection = apsw.Connection(str(file))
            connection.set_busy_timeout(0)
            for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            journal = cls(connection)
            journal._prepare(file)
        except apsw.BusyError:
            raise JournalError(f"{file}: används redan av en annan beredd-process") from None
        except apsw.Error as error:
            raise JournalError(f"{file}: går inte att öppna ({error}); ingenting har skrivits över") from error
        return journal

    def _prepare(self, file: Path) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if not self._rows("SELECT 1 FROM sqlite_master WHERE name='meta'"):
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    self._db.execute(statement)
                self._db.execute("INSERT INTO meta VALUES('schema', ?)", (str(SCHEMA_VERSION),))
            version = int(self._rows("SELECT value FROM meta WHERE key='schema'")[0][0])
        finally:
            self._db.execute("COMMIT")
        if version != SCHEMA_VERSION:
            raise JournalError(
                f"{file}: har schema {version}, programmet kan {SCHEMA_VERSION}; installera rätt version"
            )

    def close(self) -> None:
        self._db.close()

    def _rows(self, sql: str, values: tuple[str | int | bytes | None, ...] = ()) -> list[Any]:
        """All rows, read to the end: a statement left open would block the checkpoint."""
        return self._db.execute(sql, values).fetchall()

    def begin(self) -> None:
        self._changes = self._db.total_changes()
        self._db.execute("BEGIN IMMEDIATE")

    def wrote(self) -> bool:
        """True if anything has been written since the last `begin`."""
        return self._db.total_changes() != self._changes

    def commit(self) -> None:
        """Durable when it returns: the WAL is fsynced (synchronous=FULL)."""
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

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

    # --- log ---------------------------------------------------------------------------------------------------------

    def accept(
        self, at: datetime, realm: str, source: str, identity: str, kind: str, principal: str | None, body: bytes
    ) -> bool:
        """Writes an event into the log. False if the same (realm, source, id) is there already."""
        self._db.execute(
            "INSERT OR IGNORE INTO log(received_at, realm, source, id, kind, principal, body) VALUES(?,?,?,?,?,?,?)",
            (micros(at), realm, source, identity, kind, principal, body),
        )
        return self._db.changes() == 1

    def refuse(self, at: datetime, reason: str, said: str, principal: str | None, excerpt: str) -> None:
        self._db.execute(
            "INSERT INTO refused(at, reason, said, principal, excerpt) VALUES(?,?,?,?,?)",
            (micros(at), reason, said, principal, excerpt),
        )

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
        self._db.execute("INSERT OR IGNORE INTO outbox VALUES(?,?,?,?,NULL)", (identity, realm, person, body))
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
        self._db.execute("INSERT INTO record(realm, key, body) VALUES(?,?,?)", (realm, key, body))
        about = about or f"line/{self._db.last_insert_rowid() % LINES_KEPT}"
        self._db.execute("INSERT OR REPLACE INTO latest VALUES(?,?,?)", (realm, about, self._db.last_insert_rowid()))

    def records(self) -> Iterator[tuple[str, bytes]]:
        """The records a view needs, in order: the newest about each thing, and the newest lines."""
        rows = self._db.execute("SELECT realm, body FROM record WHERE seq IN (SELECT seq FROM latest) ORDER BY seq")
        yield from cast(Iterator[tuple[str, bytes]], rows)

    def bury(self, at: datetime, stage: str, realm: str, key: str, body: bytes, why: str) -> None:
        self._db.execute(
            "INSERT INTO dead(at, stage, realm, key, body, why) VALUES(?,?,?,?,?,?)",
            (micros(at), stage, realm, key, body, why),
        )
