"""A standby follows a running service and takes over when it is killed: what was told it is there, timers fire,
messages go out, and whoever was taken over from sends nothing more."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from notifiers.profile import load_profile
from streams.audit import audit
from streams.journal import Journal
from streams.sinks import PhoneSink
from tests.real.process import ROOT, ServiceProcess, every_channel, free_port, write_secrets
from tests.real.test_kill import Publisher, _late_obligations

ANSWER = "act: 3 s"
HELD = ("beredd.sqlite", "codes.key")


def hurried(folder: Path) -> Path:
    """Stockholm, but whoever must act has seconds to answer, so that a timer falls due after the takeover."""
    copy = folder / "profile"
    for file in (ROOT / "rules" / "stockholm").rglob("*"):
        if file.is_file() and "stories" not in file.parts:
            target = copy / file.relative_to(ROOT / "rules" / "stockholm")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(file.read_text("utf-8").replace("act: 5 min", ANSWER))
    return copy


def until(what: str, holds: object, deadline_s: float = 40.0) -> None:
    """Returns when it holds."""
    ends = time.monotonic() + deadline_s
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < ends, f"not in time: {what}"
        time.sleep(0.02)  # a poll with a deadline: there is nothing to wait on in another process


def beredd(*words: object) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "beredd"), *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def readings(service: ServiceProcess) -> dict[str, object]:
    status, body = service.get("/v1/situations")
    assert status == 200
    found: dict[str, object] = json.loads(body)
    return found


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """What all processes said, shown if the test fails."""
    yield tmp_path / "service.log"
    print((tmp_path / "service.log").read_text("utf-8")[-4000:])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_standby_takes_over_from_a_killed_service(tmp_path: Path, log: Path) -> None:
    asyncio.run(_taken_over(tmp_path, log))


async def _taken_over(tmp_path: Path, log: Path) -> None:
    profile_directory = hurried(tmp_path)
    profile, faults = load_profile(profile_directory)
    assert profile is not None, faults
    async with PhoneSink() as phones:
        secrets = tmp_path / "secrets.yaml"
        write_secrets(secrets, every_channel(profile, phones.url("{}").replace("%7B%7D", "{}")))
        active = ServiceProcess(profile_directory, tmp_path / "one", secrets)
        url = f"http://127.0.0.1:{active.port}"
        reserve = ServiceProcess(
            profile_directory, tmp_path / "two", secrets, free_port(), verb="standby", more=("--from", url)
        )
        await asyncio.to_thread(_story, active, reserve, phones, log)


def _story(active: ServiceProcess, reserve: ServiceProcess, phones: PhoneSink, log: Path) -> None:
    active.start()
    reserve.spawn()
    try:
        until("the standby has its copy", lambda: all((reserve.data / name).exists() for name in HELD))
        publisher = _killed_under_load(active)
        begun = time.monotonic()
        told = beredd("takeover", "--data", reserve.data)
        assert told.returncode == 0, told.stderr
        until("the standby answers", lambda: _answers(reserve))
        took_s = time.monotonic() - begun
        handed_over = len(phones.inbox.arrivals)
        _old_one_is_refused_and_ended(active, reserve, log)
        _sends_what_was_open(reserve, publisher, phones, handed_over)
    finally:
        for each in (active, reserve):
            if each.process is not None and each.process.poll() is None:
                each.stop()
    _check_file(reserve.data / "beredd.sqlite", publisher, took_s)


def _killed_under_load(active: ServiceProcess) -> Publisher:
    going = threading.Event()
    publisher = Publisher(active, "a", going)
    going.set()
    thread = threading.Thread(target=publisher.run)
    thread.start()
    until("an accident has been accepted", lambda: len(publisher.accepted) > 100 and publisher.accidents)
    active.kill()
    going.clear()
    thread.join()
    return publisher


def _answers(service: ServiceProcess) -> bool:
    assert service.process is not None
    assert service.process.poll() is None, "the standby ended"
    try:
        return service.get("/healthz")[0] == 200
    except OSError:
        return False


def _old_one_is_refused_and_ended(active: ServiceProcess, reserve: ServiceProcess, log: Path) -> None:
    """Asked for by its peer it does not start; started without one it is told, and ends; after that it never starts."""
    other = replace(active, data=active.data.with_name("one-again"), process=None)
    shutil.copytree(active.data, other.data)
    other.more = ("--peer", f"http://127.0.0.1:{reserve.port}")
    for old in (other, active, active):
        old.spawn()
        assert old.process is not None
        assert old.process.wait(40) == 1
        assert "en annan beredd har tagit över (epok 2)" in log.read_text("utf-8")


def _sends_what_was_open(reserve: ServiceProcess, publisher: Publisher, phones: PhoneSink, before: int) -> None:
    """What was accepted and told the standby reaches somebody, and those who do not answer are followed by others."""
    until("somebody else is asked", lambda: len(phones.inbox.arrivals) > before)
    status, body = reserve.get("/v1/log/events?limit=500")
    assert status == 200
    logged = {row["id"] for row in json.loads(body)["events"]}
    there = [tag for tag in publisher.accidents if tag in logged]
    until("all are told", lambda: all(any(f"{t}!" in a.body for a in phones.inbox.arrivals) for t in there))


def _check_file(file: Path, publisher: Publisher, took_s: float) -> None:
    journal = Journal.open(file)
    logged = {row[4] for row in journal.events(10**7)}
    late = _late_obligations(journal)
    dead = journal.counts()["dead"]
    journal.close()
    lost = [tag for tag in publisher.accepted if tag not in logged]
    print(f"\naccepted {len(publisher.accepted)}, lost {len(lost)}, the standby answered after {took_s:.1f} s")
    assert lost == publisher.accepted[len(publisher.accepted) - len(lost) :], "only the last may be lost"
    assert len(lost) <= 5, "more than what was committed and not yet fetched"
    assert not late
    assert dead == 0
    db = apsw.Connection(str(file))
    assert not audit(db).broken
    db.close()
