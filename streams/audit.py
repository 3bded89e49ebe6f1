"""A look through a whole file: is everything as it was written, and what is not? (streams/chain.py says why one can
tell.)"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

import apsw

from streams.chain import BOOKS, DIGEST_BYTES, EMPTIED, Head, head_of, link_hash, row_digest

FAULTS_TOLD = 100
SIGNS = 8
"""So much of a hash must be given for it to be worth a comparison."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Something in the file is not as it was written: where, and what, in Swedish."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(slots=True)
class Audit:
    """What a look through the whole chain found."""

    head: Head = Head()  # noqa: RUF009  (frozen)
    links: int = 0
    rows: int = 0
    erased: int = 0
    broken: list[Broken] = field(default_factory=list)
    untold: int = 0

    def note(self, where: str, what: str) -> None:
        """Notes a fault; past so many they are only counted."""
        if len(self.broken) < FAULTS_TOLD:
            self.broken.append(Broken(where, what))
        else:
            self.untold += 1


def audit(db: apsw.Connection) -> Audit:
    """Looks at every row of every book, and every link. A sound file has no `broken`."""
    found = Audit(head_of(db))
    erased = _erased(db, found)
    before = Head()
    links: Any = db.execute(f"SELECT seq, at, {', '.join(BOOKS)}, digests, hash FROM link ORDER BY seq")
    for seq, at, *bounds, digests, made in links:
        link = Head(seq, at, tuple(bounds), made)
        if _check_link(found, before, link, digests):
            _check_rows(db, found, before, link, digests, erased)
        found.links += 1
        before = link
    for book, bound in zip(BOOKS, before.bounds, strict=True):
        for (row,) in db.execute(f"SELECT seq FROM {book} WHERE seq>? OR seq<1 LIMIT {FAULTS_TOLD}", (bound,)):
            found.note(f"{book} {row}", "raden hör inte till kedjan; den har lagts till vid sidan av")
    lost: Any = db.execute("SELECT realm, about FROM latest WHERE seq NOT IN (SELECT seq FROM record)")
    for realm, about in lost:
        found.note(f"latest {realm} {about}", "hänvisar till en rad som inte finns")
    return found


def agrees(db: apsw.Connection, noted: str) -> bool:
    """True if the chain has this link, `number:hash` (the beginning of the hash, at least eight signs, will do).
    Raises ValueError for anything else."""
    number, _, begun = noted.partition(":")
    if not number.isascii() or not number.isdigit() or len(begun) < SIGNS:
        raise ValueError(noted)
    rows: list[Any] = db.execute("SELECT hash FROM link WHERE seq=?", (int(number),)).fetchall()
    return bool(rows) and rows[0][0].hex().startswith(begun.lower())


def _check_link(audit: Audit, before: Head, link: Head, digests: bytes) -> bool:
    """Whether the link tells which digest is whose. What is wrong with it has been noted."""
    where = f"link {link.seq}"
    if link.seq != before.seq + 1:
        missing = f"länk {before.seq + 1}" + (f"-{link.seq - 1}" if link.seq > before.seq + 2 else "")
        audit.note(where, f"{missing} före den saknas; raderna däremellan går inte att granska")
        return False
    if link.hash != link_hash(before.hash, link.seq, link.at, link.bounds, digests):
        audit.note(where, "länken har ändrats, eller länken före den")
    grown = [high - low for low, high in zip(before.bounds, link.bounds, strict=True)]
    if min(grown) < 0 or len(digests) != sum(grown) * DIGEST_BYTES:
        audit.note(where, "länken stämmer inte med hur många rader den binder; de går inte att granska")
        return False
    return True


def _check_rows(
    db: apsw.Connection, audit: Audit, before: Head, link: Head, digests: bytes, erased: dict[str, _Spans]
) -> None:
    """The link's rows are there and as they were, or erased by a rule."""
    at = 0
    for book, low, high in zip(BOOKS, before.bounds, link.bounds, strict=True):
        if high <= low:
            continue
        found = _rows(db, book, low, high)
        for seq in range(low + 1, high + 1):
            digest, at = digests[at : at + DIGEST_BYTES], at + DIGEST_BYTES
            audit.rows += 1
            row = found.get(seq)
            if seq in erased[book]:
                audit.erased += 1
                if row is not None and not row[1]:
                    audit.note(f"{book} {seq}", "raden är raderad enligt regel, men har ett innehåll")
            elif row is None:
                audit.note(f"{book} {seq}", "raden saknas")
            elif row[0] != digest:
                audit.note(f"{book} {seq}", "raden har ändrats")


def _rows(db: apsw.Connection, book: str, low: int, high: int) -> dict[int, tuple[bytes, bool]]:
    """Each row's digest, and whether its contents are erased."""
    emptied = EMPTIED.get(book, "0")
    rows = db.execute(
        f"SELECT seq, {emptied}, {', '.join(BOOKS[book])} FROM {book} WHERE seq>? AND seq<=?", (low, high)
    )
    return {seq: (row_digest(book, seq, *fields), bool(empty)) for seq, empty, *fields in rows}


class _Spans:
    """Numbers of rows, as ranges."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []

    def add(self, ranges: list[tuple[int, int]]) -> None:
        self._ranges = sorted([*self._ranges, *ranges])

    def __contains__(self, seq: int) -> bool:
        at = bisect_right(self._ranges, (seq, seq)) - 1
        near = self._ranges[max(at, 0) : at + 2]
        return any(low <= seq <= high for low, high in near)


def _erased(db: apsw.Connection, audit: Audit) -> dict[str, _Spans]:
    """Which rows of each book have been erased by a rule."""
    ranges: dict[str, list[tuple[int, int]]] = {book: [] for book in BOOKS}
    for seq, book, spans in db.execute("SELECT seq, book, spans FROM erasure"):
        try:
            ranges[book] += [(int(low), int(high)) for low, high in json.loads(spans)]
        except (ValueError, KeyError, TypeError):
            audit.note(f"erasure {seq}", "raden går inte att läsa")
    found = {book: _Spans() for book in BOOKS}
    for book, each in ranges.items():
        found[book].add(each)
    return found
