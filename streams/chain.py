"""The chain over the books: whoever edits, removes or slips in a row afterwards is found out.

Theory. The books are the tables that only grow: what was accepted (`log`), what was not (`refused`), what was decided
and told (`record`), what was set aside (`dead`), what was erased (`erasure`). Each transaction that wrote in them ends
with one link: how far each book now goes, the digest of each new row, and a hash over these and the link before.

    row's digest   sha256 of the book, the row's number and its columns
    link's hash    sha256 of the hash before it, its number, time and bounds, and the digests

The digests stand in the link and not in the row, so a row's contents may be erased, by a rule, and the chain holds:
the row can no longer be shown, but it can be told that there was one, and that it is gone by an entry in `erasure`,
which is itself a row in the chain. A person who edits the file and computes every later hash anew is found out by a
head that was noted elsewhere (`beredd verify --head`); without one, nothing in a file can tell.

`state`, `timers`, `outbox` and `latest` are not chained: they are the program's working memory, and follow from the
books.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apsw
import orjson

BOOKS = {
    "log": ("received_at", "realm", "source", "id", "kind", "principal", "body"),
    "refused": ("at", "reason", "said", "principal", "excerpt"),
    "record": ("realm", "key", "body"),
    "dead": ("at", "stage", "realm", "key", "body", "why"),
    "erasure": ("at", "rule", "book", "spans"),
}
"""Each book's columns, in the order they are digested. What a digest covers must not change: old chains rest on it."""

EMPTIED = {
    "log": "body=x'' AND principal IS NULL",
    "refused": "said='' AND excerpt='' AND principal IS NULL",
    "dead": "body=x'' AND why=''",
    "record": "0",
}
"""What an erased row looks like where it is kept for its name; a record that is erased is gone whole."""

DIGEST_BYTES = 32
ROWS_ADOPTED = 1000
Field = str | int | bytes | None


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link: its number, its hash, and how far each book goes. Equal heads mean equal books."""

    seq: int = 0
    at: int = 0
    bounds: tuple[int, ...] = (0,) * len(BOOKS)
    hash: bytes = b""

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"


def row_digest(book: str, seq: int, *fields: Field) -> bytes:
    """The digest of one row."""
    large = [f for f in fields if isinstance(f, bytes)]
    # What is large is named by its length and follows after, so that it is neither copied nor escaped.
    made = hashlib.sha256(orjson.dumps([book, seq, *(len(f) if isinstance(f, bytes) else f for f in fields)]))
    for each in large:
        made.update(each)
    return made.digest()


def link_hash(before: bytes, seq: int, at: int, bounds: tuple[int, ...], digests: bytes) -> bytes:
    """The hash of a link: what it binds, and all that was bound before it."""
    made = hashlib.sha256(before)
    made.update(orjson.dumps([seq, at, *bounds]))
    made.update(digests)
    return made.digest()


def head_of(db: apsw.Connection) -> Head:
    """The newest link of the file."""
    columns = ", ".join(BOOKS)
    rows: list[Any] = db.execute(f"SELECT seq, at, {columns}, hash FROM link ORDER BY seq DESC LIMIT 1").fetchall()
    return next((Head(seq, at, tuple(bounds), made) for seq, at, *bounds, made in rows), Head())


class Pen:
    """Numbers the rows of one transaction and ties them into a link at its end."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self.head = head_of(db)
        self._tied = self.head
        self.begin(None)

    def begin(self, at: int | None) -> None:
        """A transaction begins at this moment (microseconds), or at one that nobody told."""
        self._at = max(self.head.at, at or 0)
        self._next = dict(zip(BOOKS, self.head.bounds, strict=True))
        self._digests: dict[str, list[bytes]] = {}
        self._tied = self.head

    @property
    def at(self) -> int:
        """When the transaction began, in microseconds. It never goes backward."""
        return self._at

    def number(self, book: str) -> int:
        """The number of the book's next row."""
        return self._next[book] + 1

    def wrote(self, book: str, *fields: Field) -> None:
        """The row of that number has been written."""
        seq = self._next[book] = self._next[book] + 1
        self._digests.setdefault(book, []).append(row_digest(book, seq, *fields))

    def tie(self) -> None:
        """The link over what was written is in the transaction, if anything was."""
        if not self._digests:
            return
        digests = b"".join(d for book in BOOKS for d in self._digests.get(book, ()))
        bounds, seq = tuple(self._next[book] for book in BOOKS), self.head.seq + 1
        made = link_hash(self.head.hash, seq, self._at, bounds, digests)
        marks = ",".join("?" * (len(BOOKS) + 4))
        self._db.execute(f"INSERT INTO link VALUES({marks})", (seq, self._at, *bounds, digests, made))
        self._tied = Head(seq, self._at, bounds, made)

    def committed(self) -> None:
        """The transaction is durable: its link is the head."""
        self.head = self._tied


def adopt(db: apsw.Connection) -> None:
    """Rows that no link covers are bound as they stand. Inside the caller's transaction."""
    pen = Pen(db)
    for book in BOOKS:
        rows = db.execute(f"SELECT seq, {', '.join(BOOKS[book])} FROM {book} WHERE seq>? ORDER BY seq", (0,))
        for number, (seq, *fields) in enumerate(rows, start=1):
            if seq != pen.number(book):
                raise ValueError(f"{book}: a row is missing before {seq}")
            pen.wrote(book, *fields)
            if number % ROWS_ADOPTED == 0:
                _tie(pen)
    _tie(pen)


def _tie(pen: Pen) -> None:
    pen.tie()
    pen.committed()
    pen.begin(None)


def spans(seqs: Iterable[int]) -> list[list[int]]:
    """The numbers, ascending, as ranges [first, last]."""
    found: list[list[int]] = []
    for seq in seqs:
        if found and found[-1][1] == seq - 1:
            found[-1][1] = seq
        else:
            found.append([seq, seq])
    return found
