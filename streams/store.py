"""Opens the embedded host's file so that nothing is ever written over: refused, brought forward, or as it was.

Order matters. Until the version is known nothing is written, not even by SQLite's own tidying when a file is closed.
Before a file is brought forward it is copied, and the copy looked through. A process killed at any moment leaves the
old file or the new one, and the next start goes on from there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from streams import schema
from streams.wal import commits_lost, set_aside

CHECK_S = 1.0
"""How long a start may spend on looking through the file. What that does not reach, `beredd verify` does."""

HALF = ".del"
"""The end of the name of a file that is not finished."""

_STEPS_PER_LOOK = 20_000


class JournalError(Exception):
    """The file cannot be used. The message says why, and what to do."""


class InUseError(JournalError):
    """Another process has the file."""


def opened(file: Path, vfs: str | None = None) -> tuple[apsw.Connection, str | None]:
    """The file, ours alone, with this program's schema; and what of it was lost before it came to us, None if nothing
    was, as far as one can tell. Raises JournalError, and has then changed nothing in it."""
    with _said(file):
        db = apsw.Connection(str(file), vfs=vfs)
        try:
            _take(db)
            if db.readonly("main"):
                raise _unwritable(file, "")
            version = _version(db, file)
            _look_through(db, file)
            lost = _lost(db, file)
            run_durably(db)
            if version < schema.VERSION:
                _bring_forward(db, file, version)
        except BaseException:
            db.close()
            raise
    return db, lost


def _lost(db: apsw.Connection, file: Path) -> str | None:
    """What stood in the log and cannot be read. The service goes on with the rest, since no alarm at all is worse; what
    could not be read is kept beside, and whoever looks is told."""
    log = file.with_name(f"{file.name}-wal")
    if not (commits := commits_lost(db, log)):
        return None
    aside = set_aside(log, f"skadad-{time.time():.0f}")
    return (
        f"{log} är skadad: minst {commits} sparade ändringar går inte att läsa, och är borta."
        f" Den ligger kvar som {aside.name}. Gå igenom de öppna ärendena och be källorna sända om"
    )


@contextmanager
def looked_into(file: Path) -> Iterator[apsw.Connection]:
    """The file as it is, for reading; nothing in it is changed. Raises JournalError if it is in use, damaged, or of
    another version than this program's."""
    if not file.is_file():
        raise JournalError(f"{file}: finns inte")
    with _said(file):
        db = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            _take(db)
            version = _version(db, file)
            if version < schema.VERSION:
                raise JournalError(
                    f"{file}: har schema {version}, utan kedja att granska; en start av beredd ger den en"
                )
            yield db
        finally:
            db.close()


@contextmanager
def _said(file: Path) -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise refusal(file, error) from error


def refusal(file: Path, error: apsw.Error) -> JournalError:
    """What SQLite says, as what a person can act on."""
    match error:
        case apsw.BusyError():
            return InUseError(f"{file}: används redan av en annan beredd-process")
        case apsw.FullError():
            return JournalError(f"{file}: disken är full; gör plats och starta igen. Ingenting har skrivits över")
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError() | apsw.IOError():
            return _unwritable(file, str(error))
        case apsw.CorruptError() | apsw.NotADBError():
            return damaged(file, str(error))
        case _:
            return JournalError(f"{file}: går inte att öppna ({error}); ingenting har skrivits över")


def damaged(file: Path, why: str) -> JournalError:
    """What is said of a file whose contents are broken."""
    return JournalError(
        f"{file}: är skadad ({why}). Ingenting har skrivits över. Flytta undan den och återställ en säkerhetskopia:"
        f" beredd restore KOPIA --data {file.parent}"
    )


def _unwritable(file: Path, error: str) -> JournalError:
    return JournalError(
        f"{file}: går inte att skriva i ({_why(file, error)}); beredd måste få skriva i filen och dess katalog."
        " Ingenting har skrivits över"
    )


def _why(file: Path, error: str) -> str:
    directory = file.parent
    if not directory.is_dir():
        return "katalogen finns inte"
    if file.is_dir():
        return "det är en katalog"
    if os.statvfs(directory).f_flag & os.ST_RDONLY:
        return "disken är skrivskyddad"
    shut = next((p for p in (file, directory) if p.exists() and not os.access(p, os.W_OK)), None)
    return error if shut is None else f"{shut} är skrivskyddad"


def _take(db: apsw.Connection) -> None:
    """The file is ours alone, and closing it again would leave it as it is."""
    db.set_busy_timeout(0)
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    db.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
    db.execute("SELECT count(*) FROM sqlite_master").fetchall()


def _version(db: apsw.Connection, file: Path) -> int:
    try:
        version = schema.version_of(db)
    except ValueError:
        raise JournalError(f"{file}: är en databas, men inte beredds; ange en annan katalog med --data") from None
    if version > schema.VERSION:
        raise JournalError(
            f"{file}: har schema {version}, programmet kan {schema.VERSION}; installera den nyare versionen av beredd."
            " Filen är orörd"
        )
    return version


def _look_through(db: apsw.Connection, file: Path) -> None:
    """As much of the file as a start has time for is sound."""
    until = time.monotonic() + CHECK_S
    db.set_progress_handler(lambda: time.monotonic() > until, _STEPS_PER_LOOK)
    try:
        rows = db.execute("PRAGMA quick_check(1)").fetchall()
    except apsw.InterruptError:
        rows = [("ok",)]
    finally:
        db.set_progress_handler(None)
    if rows != [("ok",)]:
        raise damaged(file, str(rows[0][0]))


def _bring_forward(db: apsw.Connection, file: Path, version: int) -> None:
    """The file has this program's schema. What it was stands beside it, if it was anything."""
    if version:
        copied(db, file.with_name(f"{file.name}.v{version}"))
    schema.upgrade(db, version)


def run_durably(db: apsw.Connection) -> None:
    """From here on what is committed is safe, and closing the file tidies it."""
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000"):
        db.execute(f"PRAGMA {pragma}").fetchall()


def sound(db: apsw.Connection) -> str | None:
    """None if SQLite finds the whole file in order; else what is wrong first."""
    try:
        said = str(db.execute("PRAGMA integrity_check(1)").fetchall()[0][0])
    except (apsw.CorruptError, apsw.NotADBError) as error:
        said = str(error)
    return None if said == "ok" else said


def copied(db: apsw.Connection, target: Path) -> None:
    """A whole and sound copy of the file is at `target`, readable by its owner only; a half one never is."""
    partial = target.with_name(f"{target.name}{HALF}")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    copy = apsw.Connection(str(partial))
    try:
        with copy.backup("main", db, "main") as backup:
            backup.step(-1)
        copy.execute("PRAGMA journal_mode=DELETE").fetchall()  # one file: no log beside it that could be left behind
        if (why := sound(copy)) is not None:
            raise damaged(partial, f"kopian stämmer inte: {why}")
    finally:
        copy.close()
    settle(partial, target)


def settle(partial: Path, target: Path) -> None:
    """The finished file is durable under its name."""
    with partial.open("rb") as whole:
        os.fsync(whole.fileno())
    os.replace(partial, target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
