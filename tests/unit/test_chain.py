"""The chain over the books: whoever changes the file behind our back is told of, with the row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from streams import chain
from streams.audit import agrees, audit
from streams.journal import Journal

NOW = datetime(2026, 10, 13, 3, 40, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with four links: rows of every book."""
    made = tmp_path / "beredd.sqlite"
    journal = Journal.open(made)
    for number in range(4):
        journal.begin(NOW + timedelta(minutes=number))
        for each in "ab":
            journal.accept(NOW, "live", "urn:test", f"{number}{each}", "incident", "source:test", b'{"text":"brand"}')
        journal.refuse(NOW, "format", "Gick inte att läsa.", None, "{")
        journal.record("live", "sodermalm-1", None, b'{"kind":"line"}')
        journal.bury(NOW, "assess", "live", "sodermalm", b"{}", "ValueError: no")
        journal.commit()
    journal.close()
    return made


@pytest.fixture
def tampered(file: Path) -> Iterator[apsw.Connection]:
    """The file in the hands of somebody who knows SQL."""
    db = apsw.Connection(str(file))
    yield db
    db.close()


def broken(db: apsw.Connection) -> list[str]:
    return [str(fault) for fault in audit(db).broken]


def test_an_untouched_file_is_sound(tampered: apsw.Connection) -> None:
    verdict = audit(tampered)
    assert (verdict.broken, verdict.links, verdict.rows, verdict.erased) == ([], 4, 20, 0)
    assert str(verdict.head).startswith("4:")


@pytest.mark.parametrize(
    ("edit", "row"),
    [
        ("UPDATE log SET body=x'7b7d' WHERE seq=3", "log 3"),
        ("UPDATE log SET principal='source:other' WHERE seq=3", "log 3"),
        ("UPDATE log SET received_at=received_at+1 WHERE seq=8", "log 8"),
        ("UPDATE refused SET said='' WHERE seq=2", "refused 2"),
        ("UPDATE record SET body=x'7b7d' WHERE seq=1", "record 1"),
        ("UPDATE dead SET why='' WHERE seq=4", "dead 4"),
    ],
)
def test_an_edited_row_is_told_of(tampered: apsw.Connection, edit: str, row: str) -> None:
    tampered.execute(edit)
    assert broken(tampered) == [f"{row}: raden har ändrats"]


@pytest.mark.parametrize("row", [1, 4, 8])
def test_a_removed_row_is_told_of(tampered: apsw.Connection, row: int) -> None:
    tampered.execute("DELETE FROM log WHERE seq=?", (row,))
    assert broken(tampered) == [f"log {row}: raden saknas"]


def test_a_row_slipped_in_is_told_of(tampered: apsw.Connection) -> None:
    tampered.execute("INSERT INTO record VALUES(5, 'live', 'x', x'7b7d')")
    assert broken(tampered) == ["record 5: raden hör inte till kedjan; den har lagts till vid sidan av"]


def test_a_removed_link_is_told_of(tampered: apsw.Connection) -> None:
    tampered.execute("DELETE FROM link WHERE seq=2")
    assert broken(tampered) == ["link 3: länk 2 före den saknas; raderna däremellan går inte att granska"]


@pytest.mark.parametrize("column", ["at", "log", "digests", "hash"])
def test_an_edited_link_is_told_of(tampered: apsw.Connection, column: str) -> None:
    changed = "zeroblob(length(digests))" if column == "digests" else "x'00'" if column == "hash" else f"{column}+1"
    tampered.execute(f"UPDATE link SET {column}={changed} WHERE seq=2")
    assert "link 2: länken har ändrats, eller länken före den" in broken(tampered)


def test_a_row_edited_together_with_its_link_breaks_the_next_link(tampered: apsw.Connection) -> None:
    tampered.execute("UPDATE refused SET said='' WHERE seq=2")
    row = tampered.execute("SELECT * FROM refused WHERE seq=2").fetchall()[0]
    seq, at, *bounds, digests, _ = tampered.execute("SELECT * FROM link WHERE seq=2").fetchall()[0]
    [before] = tampered.execute("SELECT hash FROM link WHERE seq=1").fetchall()[0]
    forged = digests[:64] + chain.row_digest("refused", *row) + digests[96:]
    made = chain.link_hash(before, seq, at, tuple(bounds), forged)
    tampered.execute("UPDATE link SET digests=?, hash=? WHERE seq=2", (forged, made))
    assert broken(tampered) == ["link 3: länken har ändrats, eller länken före den"]


def test_a_removed_tail_is_told_by_a_head_that_was_noted_elsewhere(tampered: apsw.Connection) -> None:
    noted = str(chain.head_of(tampered))
    assert agrees(tampered, noted)
    for book in ("log", "refused", "record", "dead"):
        [(bound,)] = tampered.execute(f"SELECT {book} FROM link WHERE seq=3").fetchall()
        tampered.execute(f"DELETE FROM {book} WHERE seq>?", (bound,))
    tampered.execute("DELETE FROM link WHERE seq=4")
    tampered.execute("DELETE FROM latest WHERE seq=4")
    assert broken(tampered) == [], "a file cannot tell by itself that it was once longer"
    assert not agrees(tampered, noted)


def test_a_head_is_given_as_number_and_hash(tampered: apsw.Connection) -> None:
    number, _, made = str(chain.head_of(tampered)).partition(":")
    assert agrees(tampered, f"{number}:{made[:8].upper()}")
    for said in ("", "4", "4:", f"4:{made[:7]}", f"fyra:{made}"):
        with pytest.raises(ValueError, match=said or ".*"):
            agrees(tampered, said)


def test_a_transaction_that_was_rolled_back_leaves_no_link_and_no_gap(file: Path) -> None:
    journal = Journal.open(file)
    before = journal.head
    journal.begin(NOW)
    journal.accept(NOW, "live", "urn:test", "lost", "incident", None, b"{}")
    journal.rollback()
    assert journal.head == before
    journal.begin(NOW)
    journal.accept(NOW, "live", "urn:test", "kept", "incident", None, b"{}")
    journal.commit()
    journal.close()
    db = apsw.Connection(str(file))
    assert broken(db) == []
    db.close()


def test_a_duplicate_leaves_no_link(file: Path) -> None:
    journal = Journal.open(file)
    before = journal.head
    journal.begin(NOW)
    assert not journal.accept(NOW, "live", "urn:test", "0a", "incident", None, b"{}")
    journal.commit()
    assert journal.head == before
    journal.close()


def test_time_in_the_chain_never_goes_backward(file: Path) -> None:
    journal = Journal.open(file)
    before = journal.head.at
    journal.begin(NOW - timedelta(hours=1))
    journal.record("live", "x", None, b"{}")
    journal.commit()
    assert journal.head.at == before
    journal.close()
