"""The versions of the embedded host's file, and the way from each to the next.

A new file is made by taking every step, so there is one way and it is tested every day. A step never looks at another
step's code: what an old file holds does not change when the program does.

    meta      the schema's version, the profile the file last ran with, and what else it must remember of itself
    log       every accepted event, as it came; (realm, source, id) is the duplicate key
    refused   what was not accepted, and why
    state     the stages' entries
    timers    what is to be looked at when
    outbox    attempts; `outcome` is null until one is known
    record    what views are built from
    latest    the newest record about each thing that a later one replaces
    dead      messages that a stage could not take, and why
    erasure   (2) what has been erased from the books, by which rule
    link      (2) the chain over log, refused, record, dead and erasure: see streams/chain.py
"""

from __future__ import annotations

from collections.abc import Callable

import apsw

from streams import chain

_FIRST = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE log(
    seq INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, realm TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL,
    kind TEXT NOT NULL, principal TEXT, body BLOB NOT NULL, UNIQUE(realm, source, id));
CREATE TABLE refused(
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, reason TEXT NOT NULL, said TEXT NOT NULL, principal TEXT,
    excerpt TEXT NOT NULL);
CREATE TABLE state(
    stage TEXT, realm TEXT, key TEXT, entry TEXT, value BLOB NOT NULL,
    PRIMARY KEY(stage, realm, key, entry)) WITHOUT ROWID;
CREATE TABLE timers(
    stage TEXT, realm TEXT, key TEXT, name TEXT, due INTEGER NOT NULL,
    PRIMARY KEY(stage, realm, key, name)) WITHOUT ROWID;
CREATE INDEX timers_due ON timers(due);
CREATE TABLE outbox(
    id TEXT, realm TEXT, person TEXT NOT NULL, body BLOB NOT NULL, outcome TEXT,
    PRIMARY KEY(realm, id)) WITHOUT ROWID;
CREATE INDEX outbox_open ON outbox(realm) WHERE outcome IS NULL;
CREATE TABLE record(seq INTEGER PRIMARY KEY, realm TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE latest(realm TEXT, about TEXT, seq INTEGER NOT NULL, PRIMARY KEY(realm, about)) WITHOUT ROWID;
CREATE TABLE dead(
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, stage TEXT NOT NULL, realm TEXT NOT NULL, key TEXT NOT NULL,
    body BLOB NOT NULL, why TEXT NOT NULL);
"""

_CHAINED = """
CREATE TABLE erasure(
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, rule TEXT NOT NULL, book TEXT NOT NULL, spans TEXT NOT NULL);
CREATE TABLE link(
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, log INTEGER NOT NULL, refused INTEGER NOT NULL,
    record INTEGER NOT NULL, dead INTEGER NOT NULL, erasure INTEGER NOT NULL, digests BLOB NOT NULL,
    hash BLOB NOT NULL);
CREATE INDEX link_at ON link(at);
ALTER TABLE outbox ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET at=coalesce((SELECT max(received_at) FROM log), 0);
"""


def _first(db: apsw.Connection) -> None:
    _run(db, _FIRST)


def _chained(db: apsw.Connection) -> None:
    """What was written before there was a chain is bound as it stands now."""
    _run(db, _CHAINED)
    chain.adopt(db)


def _run(db: apsw.Connection, statements: str) -> None:
    for statement in filter(str.strip, statements.split(";")):
        db.execute(statement)


STEPS: tuple[Callable[[apsw.Connection], None], ...] = (_first, _chained)
VERSION = len(STEPS)


def version_of(db: apsw.Connection) -> int:
    """The version of the file's schema; 0 for an empty file. Raises ValueError for a file that is not ours."""
    if not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
        return 0
    try:
        rows = db.execute("SELECT value FROM meta WHERE key='schema'").fetchall()
    except apsw.SQLError:
        rows = []
    if not rows:
        raise ValueError("not a file of ours")
    return int(str(rows[0][0]))


def upgrade(db: apsw.Connection, version: int) -> None:
    """The file has the schema of this program. One transaction: it is either as it was, or done."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in STEPS[version:]:
            step(db)
        db.execute("INSERT OR REPLACE INTO meta VALUES('schema', ?)", (str(VERSION),))
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
