"""A copy of an installation's file that can be put back: whole, looked through, and with the key that its links need.

A running host copies itself a little at a time (streams/copying.py). What a copy holds beyond the file is in its
`meta`: the key of the codes, since without it no link that was sent before would lead anywhere.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import apsw

from streams import audit, chain, store
from streams.copying import Copying
from streams.journal import Journal, micros, moment
from streams.store import JournalError
from streams.writer import RESTORED

KEY = "codes.key"
PAUSE_S = 0.002
"""Between two steps, so that a copy takes at most a part of the writer's time."""


class Asked(Protocol):
    """What a copy needs of a running host."""

    def ask(self, question: Callable[[Journal], Any]) -> Future[Any]: ...


async def copy_of(host: Asked, key: Path, target: Path) -> None:
    """A whole copy of the running host's file is at `target`, with the key; not yet looked through."""
    try:
        copying: Copying = await asyncio.wrap_future(host.ask(lambda journal: journal.copy(target)))
        while not copying.done:
            await asyncio.wrap_future(host.ask(lambda journal: None))  # each is a commit, and takes the copy further
            await asyncio.sleep(PAUSE_S)
        if copying.fault is not None:
            raise OSError(copying.fault)
        await asyncio.to_thread(_with_key, target, key)
    except BaseException:
        await asyncio.to_thread(target.unlink, missing_ok=True)
        raise


def copy_at_rest(file: Path, key: Path, target: Path) -> None:
    """A whole copy of a file that no process has open is at `target`, with the key. Raises JournalError."""
    with store.looked_into(file) as db:
        store.copied(db, target)
    _with_key(target, key)


def _with_key(copy: Path, key: Path) -> None:
    db = apsw.Connection(str(copy))
    try:
        db.execute("PRAGMA journal_mode=DELETE").fetchall()
        if key.exists():
            db.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (KEY, key.read_bytes().hex()))
    finally:
        db.close()


@dataclass(frozen=True, slots=True)
class Contents:
    """What a sound copy holds: where its chain ends, when it was last written in, and how many attempts are open."""

    head: chain.Head
    links: int
    rows: int
    unsent: int

    @property
    def newest(self) -> datetime | None:
        """When the last thing in it was accepted, decided or told; None if nothing was."""
        return moment(self.head.at) if self.head.at else None


def contents(copy: Path) -> Contents:
    """What the copy holds. Raises JournalError if it is not whole and sound, row by row."""
    with store.looked_into(copy) as db:
        why = store.sound(db)
        found = audit.audit(db) if why is None else audit.Audit()
        if why is not None or found.broken:
            raise store.damaged(copy, why or "; ".join(map(str, found.broken[:3])))
        unsent: list[Any] = db.execute("SELECT count(*) FROM outbox WHERE outcome IS NULL").fetchall()
    return Contents(found.head, found.links, found.rows, unsent[0][0])


def put_back(copy: Path, file: Path, key: Path, at: datetime) -> tuple[Path, ...]:
    """The copy is the installation's file. What stood there has been moved aside, to the paths returned.
    Raises JournalError if a process has the file open."""
    _refuse_in_use(file)
    partial = file.with_name(f"{file.name}{store.HALF}")
    partial.unlink(missing_ok=True)
    with store.looked_into(copy) as db:
        store.copied(db, partial)
    made = apsw.Connection(str(partial))
    try:
        with made:
            kept: list[Any] = made.execute("SELECT value FROM meta WHERE key=?", (KEY,)).fetchall()
            made.execute("DELETE FROM meta WHERE key=?", (KEY,))
            made.execute("INSERT OR REPLACE INTO meta VALUES(?, ?)", (RESTORED, str(micros(at))))
    finally:
        made.close()
    aside = tuple(_aside(file, at)) + (tuple(_put_key(key, bytes.fromhex(kept[0][0]), at)) if kept else ())
    store.settle(partial, file)
    return aside


def take_in(copy: Path, file: Path, key: Path) -> None:
    """The copy is a standby's file, and its key the standby's: the newer takes the older's place."""
    db = apsw.Connection(str(copy))
    try:
        with db:
            kept: list[Any] = db.execute("SELECT value FROM meta WHERE key=?", (KEY,)).fetchall()
            db.execute("DELETE FROM meta WHERE key=?", (KEY,))
    finally:
        db.close()
    if kept:
        key.unlink(missing_ok=True)
        list(_put_key(key, bytes.fromhex(kept[0][0]), datetime.now(UTC)))
    for name in (f"{file.name}-wal", f"{file.name}-shm"):
        file.with_name(name).unlink(missing_ok=True)
    store.settle(copy, file)


def _refuse_in_use(file: Path) -> None:
    with _patient():
        if file.exists():
            db = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                db.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
                db.execute("SELECT count(*) FROM sqlite_master").fetchall()
            except apsw.BusyError:
                raise JournalError(f"{file}: används av en beredd-process; stoppa den först") from None
            finally:
                db.close()


@contextmanager
def _patient() -> Iterator[None]:
    """A file that is too damaged to be opened is in nobody's use."""
    try:
        yield
    except apsw.Error:
        return


def _aside(file: Path, at: datetime) -> Iterator[Path]:
    """Moves a file and what belongs to it out of the way, and tells where to."""
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        old = file.with_name(name)
        if old.exists():
            new = file.with_name(f"{file.name}.undan-{at:%Y%m%dT%H%M%S}{name.removeprefix(file.name)}")
            os.rename(old, new)
            yield new


def _put_key(key: Path, content: bytes, at: datetime) -> Iterator[Path]:
    if key.exists():
        if key.read_bytes() == content:
            return
        yield from _aside(key, at)
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
