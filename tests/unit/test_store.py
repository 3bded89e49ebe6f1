"""Opening the file: brought forward, or refused in words, and never written over."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from streams import chain, schema
from streams.audit import audit
from streams.journal import Journal, JournalError

FIRST = Path(__file__).parent.parent / "data" / "journals" / "v1.sqlite"
"""Made by the program as it was when version 1 was the newest: matters, refusals, an answered attempt and open ones."""

NOW = datetime(2026, 10, 13, 3, 40, tzinfo=UTC)
TABLES = ("log", "refused", "state", "timers", "record", "latest", "dead")


def contents(file: Path) -> dict[str, list[tuple[object, ...]]]:
    db = apsw.Connection(str(file))
    found = {table: list(db.execute(f"SELECT * FROM {table}")) for table in TABLES}
    found["outbox"] = list(db.execute("SELECT id, realm, person, body, outcome FROM outbox"))
    db.close()
    return found


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copy(FIRST, tmp_path / "beredd.sqlite"))


def test_a_file_of_the_first_version_is_brought_forward_with_all_it_held(old: Path) -> None:
    before = contents(old)
    assert len(before["log"]) == 5
    assert before["timers"]
    journal = Journal.open(old)
    assert journal.noted("schema") == str(schema.VERSION)
    journal.close()
    assert contents(old) == before


def test_what_was_written_before_there_was_a_chain_is_bound_as_it_stood(old: Path) -> None:
    Journal.open(old).close()
    db = apsw.Connection(str(old))
    verdict = audit(db)
    assert not verdict.broken
    assert verdict.rows == sum(len(v) for t, v in contents(old).items() if t in chain.BOOKS)
    db.execute("UPDATE log SET body=x'' WHERE seq=1")
    assert [str(b) for b in audit(db).broken] == ["log 1: raden har ändrats"]
    db.close()


def test_what_the_file_was_stands_beside_it(old: Path) -> None:
    before = contents(old)
    Journal.open(old).close()
    copy = old.with_name("beredd.sqlite.v1")
    assert contents(copy) == before
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in old.parent.iterdir()) == ["beredd.sqlite", "beredd.sqlite.v1"]


KILLED = """
import os, signal, sys
from pathlib import Path
from streams import schema, store
where = sys.argv[2]
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if where == "copy": store.settle = die
if where == "copied": schema.upgrade = die
if where == "half":
    adopt = schema.chain.adopt
    schema.chain.adopt = lambda db: (adopt(db), die())
if where == "whole":
    upgrade = schema.upgrade
    schema.upgrade = lambda *given: (upgrade(*given), die())
store.opened(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("where", ["copy", "copied", "half", "whole"])
def test_a_start_goes_on_where_a_killed_one_left_off(old: Path, where: str) -> None:
    before = contents(old)
    ended = subprocess.run([sys.executable, "-c", KILLED, str(old), where], check=False)
    assert ended.returncode == -signal.SIGKILL
    Journal.open(old).close()
    assert contents(old) == before
    assert contents(old.with_name("beredd.sqlite.v1")) == before
    assert not list(old.parent.glob("*.del"))


def test_a_step_that_fails_leaves_the_file_as_it_was(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(db: apsw.Connection) -> None:
        db.execute("DELETE FROM log")
        raise apsw.FullError("disk full")

    before = contents(old)
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS[:1], fails))
    with pytest.raises(JournalError, match="disken är full"):
        Journal.open(old)
    assert contents(old) == before


@pytest.mark.parametrize("log_waits", [False, True])
def test_a_file_of_a_newer_version_is_refused_and_not_touched(tmp_path: Path, log_waits: bool) -> None:
    file = tmp_path / "beredd.sqlite"
    Journal.open(file).close()
    db = apsw.Connection(str(file))
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(log_waits))
    db.execute("UPDATE meta SET value='99' WHERE key='schema'")
    db.close()
    (tmp_path / "beredd.sqlite-shm").unlink(missing_ok=True)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert ("beredd.sqlite-wal" in before) == log_waits
    with pytest.raises(JournalError, match="schema 99, programmet kan 2; installera den nyare versionen"):
        Journal.open(file)
    # SQLite leaves an empty log beside the file, which says nothing.
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.stat().st_size} == before


def test_a_database_of_somebody_else_is_refused_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "beredd.sqlite"
    db = apsw.Connection(str(file))
    db.execute("CREATE TABLE meta(a); CREATE TABLE b(c)")
    db.close()
    before = file.read_bytes()
    with pytest.raises(JournalError, match="är en databas, men inte beredds"):
        Journal.open(file)
    assert file.read_bytes() == before


def test_a_file_in_use_is_refused(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "beredd.sqlite")
    with pytest.raises(JournalError, match="används redan"):
        Journal.open(tmp_path / "beredd.sqlite")
    journal.close()


def filled(file: Path) -> None:
    journal = Journal.open(file)
    journal.begin()
    for number in range(2000):
        journal.put("assess", "live", "sodermalm", f"entry/{number}", os.urandom(200))
    journal.commit()
    journal.close()


@pytest.mark.parametrize("at", [0, 30, 100], ids=["the magic", "the header", "the first page"])
def test_a_broken_header_is_refused_and_not_touched(tmp_path: Path, at: int) -> None:
    file = tmp_path / "beredd.sqlite"
    filled(file)
    content = bytearray(file.read_bytes())
    content[at : at + 8] = bytes(b ^ 0xFF for b in content[at : at + 8])
    file.write_bytes(content)
    with pytest.raises(JournalError, match=r"är skadad.*Ingenting har skrivits över.*beredd restore"):
        Journal.open(file)
    assert file.read_bytes() == bytes(content)


def test_a_broken_page_is_found_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "beredd.sqlite"
    filled(file)
    content = bytearray(file.read_bytes())
    half = len(content) // 2 // 4096 * 4096
    content[half : half + 64] = os.urandom(64)
    file.write_bytes(content)
    with pytest.raises(JournalError, match="är skadad"):
        Journal.open(file)
    assert file.read_bytes() == bytes(content)


def with_log(folder: Path, commits: int) -> Path:
    """A file whose log holds so many commits, as a killed process leaves it; each accepts one event."""
    file = folder / "beredd.sqlite"
    Journal.open(file).close()
    journal = Journal.open(file)
    for number in range(commits):
        journal.begin()
        journal.accept(NOW, "live", "urn:test", str(number), "incident", None, b"{}" * 4000)
        journal.commit()
    left = folder / "left"
    left.mkdir()
    for each in (file, file.with_name("beredd.sqlite-wal")):
        shutil.copy(each, left)
    journal.close()
    return left / "beredd.sqlite"


def flipped(log: Path, at: float) -> None:
    """One bit of the log is another, so far into it."""
    content = bytearray(log.read_bytes())
    content[int(len(content) * at)] ^= 1
    log.write_bytes(content)


def kept(file: Path) -> tuple[str | None, int]:
    """What was lost, and how many events are there."""
    journal = Journal.open(file)
    found = journal.lost, journal.counts()["log"]
    journal.close()
    return found


def test_a_log_that_holds_loses_nothing(tmp_path: Path) -> None:
    assert kept(with_log(tmp_path, 9)) == (None, 9)


@pytest.mark.parametrize("at", [0.0, 0.0005, 0.3, 0.6], ids=["the magic", "the header", "a third in", "further"])
def test_a_damaged_log_is_told_of_and_kept_and_what_can_be_read_is_there(tmp_path: Path, at: float) -> None:
    file = with_log(tmp_path, 9)
    log = file.with_name("beredd.sqlite-wal")
    flipped(log, at)
    before = log.read_bytes()
    lost, events = kept(file)
    assert lost is not None
    assert events < 9
    assert f"minst {9 - events - 1} sparade ändringar" in lost
    [aside] = file.parent.glob("beredd.sqlite-wal.skadad-*")
    assert aside.read_bytes() == before
    assert kept(file) == (None, events), "it is told once"


def test_a_last_commit_that_a_power_cut_took_is_no_damage(tmp_path: Path) -> None:
    file = with_log(tmp_path, 9)
    log = file.with_name("beredd.sqlite-wal")
    for cut in (100, 3000, 9000):
        content = log.read_bytes()
        log.write_bytes(content[:-cut])
        flipped(log, 0.999)
    lost, events = kept(file)
    assert lost is None
    assert events == 8


def test_what_an_earlier_log_left_behind_is_no_damage(tmp_path: Path) -> None:
    file = tmp_path / "beredd.sqlite"
    journal = Journal.open(file)
    for number in range(30):
        journal.begin()
        journal.accept(NOW, "live", "urn:test", str(number), "incident", None, b"{}" * 4000)
        journal.commit()
    journal._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    for number in range(30, 33):
        journal.begin()
        journal.accept(NOW, "live", "urn:test", str(number), "incident", None, b"{}")
        journal.commit()
    left = tmp_path / "left"
    left.mkdir()
    for name in ("beredd.sqlite", "beredd.sqlite-wal"):
        shutil.copy(tmp_path / name, left)
    journal.close()
    assert kept(left / "beredd.sqlite") == (None, 33)


DROPPED = """
import os, sys, tempfile
from pathlib import Path
from streams.journal import Journal, JournalError
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
folder = Path(tempfile.mkdtemp())
file = folder / "beredd.sqlite"
Journal.open(file).close()
before = file.read_bytes()
target = file if sys.argv[1] == "file" else folder
target.chmod(0o400 if sys.argv[1] == "file" else 0o500)
try:
    Journal.open(file)
except JournalError as error:
    print(error)
print(file.read_bytes() == before)
"""


@pytest.mark.parametrize("what", ["file", "directory"])
def test_what_may_not_be_written_in_is_refused(what: str) -> None:
    """As a user whom modes bind, whoever runs the tests."""
    done = subprocess.run([sys.executable, "-c", DROPPED, what], capture_output=True, text=True, check=True)
    said, untouched = done.stdout.splitlines()
    assert "går inte att skriva i" in said
    assert "är skrivskyddad" in said
    assert untouched == "True"
