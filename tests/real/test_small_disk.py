"""A real service on a real disk that is full: readings are turned away, a report gets in and is told of, and when there
is room again all is taken."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rules.events import Event, Incident, Payload, Reading, Readings
from streams.service import RESERVE_BYTES
from streams.wire import encode
from tests.conftest import LILLBY
from tests.real.process import ServiceProcess, write_secrets

MEGABYTE = 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, a little larger than the service asks for."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = f"size={2 * RESERVE_BYTES + 32 * MEGABYTE}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def event(source: str, identity: str, payload: Payload) -> bytes:
    return encode(
        Event(id=identity, source=f"urn:lillby:{source}", time=datetime.now(UTC), realm="live", payload=payload)
    )


def reading(number: int) -> bytes:
    now = datetime.now(UTC)
    return event("driftdator", f"r{number}", Readings(readings=(Reading(sensor="tryck-centrum", value=4.0, time=now),)))


def report(number: int) -> bytes:
    return event("vaxel", f"f{number}", Incident(kind="fire", area="lillby", text="Brand."))


def fill(folder: Path) -> Path:
    """There is not a byte left."""
    filler = folder / "filler"
    with filler.open("wb") as out:
        for size in (MEGABYTE, 4096):
            while True:
                try:
                    os.write(out.fileno(), b"x" * size)
                except OSError:
                    break
    return filler


def posted(service: ServiceProcess, make: object, wanted: int, deadline_s: float = 60.0) -> int:
    """Hands in until the answer is this one. Returns how many times that took."""
    until, number = time.monotonic() + deadline_s, 0
    while time.monotonic() < until:
        number += 1
        status, _ = service.post("/v1/events", make(number + int(time.monotonic() * 1e6)))  # type: ignore[operator]
        if status == wanted:
            return number
        assert status in (202, 503)
    raise AssertionError(f"never {wanted}")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_service_on_a_full_disk_takes_reports_and_turns_readings_away(tmp_path: Path, disk: Path) -> None:
    secrets = tmp_path / "secrets.yaml"
    write_secrets(secrets, {"sms": "json://127.0.0.1:9/x"})
    service = ServiceProcess(LILLBY, disk, secrets)
    service.start()
    try:
        room = disk / "beredd.sqlite.ballast"
        assert room.stat().st_size == RESERVE_BYTES
        filler = fill(disk)
        posted(service, reading, 503)
        assert not room.exists()
        for number in range(20):
            status, body = service.post("/v1/events", report(number))
            assert status == 202, body
        assert service.post("/v1/events", reading(0))[0] == 503
        assert service.post("/v1/events", b"{}")[0] == 422, "what is wrong with it is told all the same"
        assert len(json.loads(service.get("/v1/situations")[1])["situations"]) > 0
        filler.unlink()
        posted(service, report, 202)
        assert posted(service, reading, 202) > 0
        assert room.stat().st_size == RESERVE_BYTES
    finally:
        assert service.stop() == 0
