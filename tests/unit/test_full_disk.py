"""A disk that is full: readings are refused, and what is critical gets in as long as the room that was kept lasts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from rules.events import Event, Reading, Readings
from streams import ballast
from streams.audit import audit
from streams.embedded import EmbeddedHost, Receipt
from streams.intake import Intake
from streams.jobs import NoRoomError
from streams.store import JournalError
from tests.unit.test_embedded import START, Listener, StoryClock, flood

MEGABYTE = 1024 * 1024
RESERVE = 4 * MEGABYTE


class SmallDisk(apsw.VFS):
    """A directory that holds so many bytes and no more, whatever the real disk has room for."""

    def __init__(self, folder: Path, capacity: int) -> None:
        self.folder, self.capacity, self.name = folder, capacity, f"small-{folder.name}"
        super().__init__(self.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return SmallFile(self, name, flags)

    def free(self, folder: Path) -> int:
        return self.capacity - sum(p.stat().st_size for p in folder.iterdir())

    def refuses(self, growth: int) -> bool:
        return growth > 0 and growth > self.free(self.folder)


class SmallFile(apsw.VFSFile):
    def __init__(self, disk: SmallDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._disk.refuses(offset + len(data) - self.xFileSize()):
            raise apsw.FullError("no room")
        super().xWrite(data, offset)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    monkeypatch.setattr(ballast, "LOOK_AGAIN_S", 0.0)
    folder = tmp_path / f"disk-{tmp_path.name}"
    folder.mkdir()
    small = SmallDisk(folder, 16 * MEGABYTE)
    monkeypatch.setattr(ballast, "free_bytes", small.free)
    yield small
    small.unregister()


def host_on(disk: SmallDisk, intake: Intake) -> EmbeddedHost:
    file = disk.folder / "beredd.sqlite"
    return EmbeddedHost(file, intake, StoryClock(START), Listener(), vfs=disk.name, reserve=RESERVE)


def readings(number: int) -> Event:
    some = tuple(
        Reading(sensor="svoa-tryck-017", value=4.0, time=START + timedelta(milliseconds=1000 * number + i))
        for i in range(1000)
    )
    return Event(id=f"r{number}", source="urn:test", time=START, realm="live", payload=Readings(readings=some))


def fault_of(future: Future[Receipt]) -> BaseException | None:
    return future.exception(10)


def filled(host: EmbeddedHost) -> int:
    """The disk is full. Returns how many batches of readings were taken before that."""
    for number in range(10_000):
        if (fault := fault_of(host.submit((readings(number),), (), None))) is not None:
            assert isinstance(fault, NoRoomError)
            return number
    raise AssertionError("the disk never filled")


def test_at_a_full_disk_readings_are_refused_and_reports_get_in(disk: SmallDisk, stockholm_intake: Intake) -> None:
    host = host_on(disk, stockholm_intake)
    host.start()
    room = disk.folder / "beredd.sqlite.ballast"
    assert room.stat().st_size == RESERVE
    taken = filled(host)
    assert not room.exists()
    assert host.fault == ballast.SHORT
    reports = [flood(f"f{n}") for n in range(20)]
    for report in reports:
        assert fault_of(host.submit((report,), (), None)) is None
    mixed = fault_of(host.submit((readings(taken + 1), flood("with-readings")), (), None))
    assert mixed is None, "a report is not refused for the readings beside it"
    host.stop()
    db = apsw.Connection(str(disk.folder / "beredd.sqlite"))
    assert not audit(db).broken
    [(logged,)] = db.execute("SELECT count(*) FROM log").fetchall()
    assert logged == taken + len(reports) + 2
    db.close()


def test_when_the_last_room_is_gone_everything_is_refused_and_nothing_lost(
    disk: SmallDisk, stockholm_intake: Intake
) -> None:
    host = host_on(disk, stockholm_intake)
    host.start()
    taken = filled(host)
    number = 0
    while (fault := fault_of(host.submit((flood(f"f{number}", text="x" * 2000),), (), None))) is None:
        number += 1
    assert isinstance(fault, apsw.FullError)
    assert number >= 10, f"the room that was kept lasted for {number} reports"
    assert host.fault is not None
    assert "FullError" in host.fault
    logged = {row[4] for row in host.ask(lambda journal: journal.events(10_000)).result(10)}
    assert logged >= {f"r{n}" for n in range(taken)} | {f"f{n}" for n in range(number)}, "it still tells"
    host.stop()
    db = apsw.Connection(str(disk.folder / "beredd.sqlite"))
    assert not audit(db).broken
    db.close()


def test_when_there_is_room_again_all_is_taken_and_the_room_is_kept_anew(
    disk: SmallDisk, stockholm_intake: Intake
) -> None:
    host = host_on(disk, stockholm_intake)
    host.start()
    number = filled(host)
    disk.capacity = 1000 * MEGABYTE
    assert fault_of(host.submit((flood("after"),), (), None)) is None
    assert fault_of(host.submit((readings(number),), (), None)) is None
    assert host.fault is None
    assert (disk.folder / "beredd.sqlite.ballast").stat().st_size == RESERVE
    host.stop()


def test_a_start_at_a_full_disk_uses_the_room_that_was_kept(disk: SmallDisk, stockholm_intake: Intake) -> None:
    host = host_on(disk, stockholm_intake)
    host.start()
    assert fault_of(host.submit((flood("before"),), (), None)) is None
    host.stop()
    disk.capacity = sum(p.stat().st_size for p in disk.folder.iterdir())
    host = host_on(disk, stockholm_intake)
    host.start()
    assert host.fault == ballast.SHORT
    assert fault_of(host.submit((flood("after"),), (), None)) is None
    host.stop()


def test_a_start_without_any_room_is_refused_and_leaves_the_file_as_it_was(
    disk: SmallDisk, stockholm_intake: Intake
) -> None:
    host = host_on(disk, stockholm_intake)
    host.start()
    host.submit((flood("before"),), (), None).result(10)
    host.stop()
    (disk.folder / "beredd.sqlite.ballast").unlink()
    disk.capacity = 0
    before = (disk.folder / "beredd.sqlite").read_bytes()
    with pytest.raises(JournalError, match="disken är full; gör plats"):
        host_on(disk, stockholm_intake).start()
    assert (disk.folder / "beredd.sqlite").read_bytes() == before
