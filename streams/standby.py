"""A second installation that follows the first, commit by commit, and can take over from it.

It begins with a whole copy, then fetches what each commit changed and makes the same change in its own file, durably,
before it asks for the next: what it is behind by is what the other has committed and not yet told. It sends nothing and
answers nobody until it is told to take over; then it raises the epoch (streams/epoch.py) and is a service like any
other. If anything does not fit it takes a new copy; it never guesses.
"""

from __future__ import annotations

import json
import logging
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from streams import backup, store
from streams.commands.client import Client
from streams.commands.console import CommandError
from streams.epoch import EPOCH, epoch_of, raise_epoch
from streams.journal import Journal
from streams.shipping import COMMIT
from streams.store import JournalError

_log = logging.getLogger(__name__)

TAKEOVER = "takeover"
"""The file in the standby's directory that tells it to take over."""

WAIT_S = 10.0
RETRY_S = 1.0
COPY_EVERY_S = 30.0
PEER_TIMEOUT_S = 2.0


class AskAgain(Exception):
    """The other did not answer, or not well: it is asked again in a while."""


class NewCopy(Exception):
    """The file does not fit what the other tells: a new copy is needed."""


class Peer:
    """The other installation, as far as one can reach it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def url(self) -> str:
        return self._client.url

    def epoch(self, ours: int) -> int | None:
        """Its epoch; None if it does not say. One with a lower epoch than ours is told, so that it ends."""
        try:
            answer = self._client.get("/v1/epoch", timeout_s=PEER_TIMEOUT_S)
            other = int(answer.value["epoch"]) if answer.status == 200 else None
            if other is not None and other < ours:
                self.commits(0, ours, 0.0)
        except (CommandError, AskAgain, NewCopy, TypeError, KeyError, ValueError):
            return None
        return other

    def commits(self, after: int, epoch: int, wait_s: float) -> list[tuple[int, bytes]]:
        """The commits after this one. Raises NewCopy if they are not to be had, AskAgain if the other is not."""
        said = json.dumps({"after": after, "epoch": epoch, "wait_s": wait_s}).encode()
        try:
            status, body = self._client.post_for_bytes("/v1/ship", said, wait_s + PEER_TIMEOUT_S)
        except CommandError as error:
            raise AskAgain(str(error)) from None
        if status == 410:
            raise NewCopy("the other no longer has what is missing here")
        if status != 200:
            raise AskAgain(f"{self.url} svarade {status}")
        return list(_unpacked(body))

    def copy(self, into: Path) -> None:
        """A whole copy of the other's file. Raises AskAgain."""
        try:
            with os.fdopen(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                answer = self._client.fetch("/v1/backup", out)
        except CommandError as error:
            raise AskAgain(str(error)) from None
        if answer.status != 200:
            raise AskAgain(answer.said)


def _unpacked(body: bytes) -> Iterator[tuple[int, bytes]]:
    at, head = 0, struct.Struct(">QQ")
    while at < len(body):
        if at + head.size > len(body):
            raise AskAgain("svaret är avhugget")
        number, size = head.unpack_from(body, at)
        at += head.size
        if at + size > len(body):
            raise AskAgain("svaret är avhugget")
        yield number, body[at : at + size]
        at += size


class Follower:
    """The standby's own file, kept like the other's."""

    def __init__(self, peer: Peer, directory: Path, file: str) -> None:
        self._peer = peer
        self._directory = directory
        self._file = directory / file
        self._db: apsw.Connection | None = None
        self._next_copy_s = 0.0

    def follow(self) -> None:
        """Follows until it is told to take over; then the file is closed, with everything in it that was fetched."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            while not self._told():
                self._once()
        finally:
            self._close()

    def _told(self) -> bool:
        return (self._directory / TAKEOVER).exists()

    def _once(self) -> None:
        try:
            db = self._open()
            number = int(_noted(db, COMMIT) or 0)
            _apply(db, self._peer.commits(number, int(_noted(db, EPOCH) or 1), WAIT_S if number else 0.0))
        except AskAgain as error:
            _log.warning("%s", error)
            self._patient()
        except NewCopy as error:
            _log.warning("a new copy is needed: %s", error)
            self._close()
            self._replace_in_time()

    def _replace_in_time(self) -> None:
        """A whole copy costs the other something: one that fits no better than the last is not taken at once."""
        while time.monotonic() < self._next_copy_s and not self._told():
            self._patient()
        if not self._told():
            self._replace()
            self._next_copy_s = time.monotonic() + COPY_EVERY_S

    def _patient(self) -> None:
        until = time.monotonic() + RETRY_S
        while time.monotonic() < until and not self._told():
            time.sleep(0.05)

    def _open(self) -> apsw.Connection:
        if self._db is None:
            if not self._file.exists():
                raise NewCopy("there is no file yet")
            self._db, lost = store.opened(self._file)
            if lost is not None:
                raise NewCopy(lost)
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _replace(self) -> None:
        """A new copy is the file. Until it is there, whole and sound, the old one is."""
        half = self._file.with_name(f"{self._file.name}{store.HALF}")
        half.unlink(missing_ok=True)
        try:
            self._peer.commits(0, 1, 0.0)
        except NewCopy:
            pass  # from now on the other keeps what it commits: the copy is newer than that
        except AskAgain as error:
            _log.warning("%s", error)
            self._patient()
            return
        try:
            self._peer.copy(half)
            found = backup.contents(half)
            backup.take_in(half, self._file, self._directory / backup.KEY)
            _log.info("follows %s from %s", self._peer.url, found.head)
        except (AskAgain, JournalError) as error:
            _log.warning("no copy: %s", error)
            self._patient()
        finally:
            half.unlink(missing_ok=True)


def _noted(db: apsw.Connection, key: str) -> str | None:
    rows: list[Any] = db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchall()
    return str(rows[0][0]) if rows else None


def _apply(db: apsw.Connection, commits: list[tuple[int, bytes]]) -> None:
    """The commits are in our file, durably, or nothing of them is."""
    try:
        with db:
            for number, changes in commits:
                apsw.Changeset.apply(changes, db)
                if _noted(db, COMMIT) != str(number):
                    raise NewCopy(f"commit {number} does not follow on what is here")
    except apsw.Error as error:
        raise NewCopy(f"a commit does not fit ({error})") from error


def take_over(directory: Path, file: str) -> int:
    """The file is that of the installation that acts. Returns its epoch. Raises JournalError if it is in use, or is
    not there."""
    if not (directory / file).exists():
        raise JournalError(f"{directory / file}: finns inte; här har ingen reserv följt med")
    journal = Journal.open(directory / file)
    try:
        journal.begin()
        epoch = raise_epoch(journal)
        journal.commit()
        assert epoch == epoch_of(journal)
    finally:
        journal.close()
    (directory / TAKEOVER).unlink(missing_ok=True)
    return epoch
