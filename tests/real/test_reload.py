"""A real process whose rule files are edited while events come in: by HTTP, by signal, with faults, with failing
stories, killed in the middle, and restarted."""

from __future__ import annotations

import json
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from notifiers.profile import load_profile
from rules.events import Event, Incident, Reading, Readings
from streams.journal import Journal
from streams.wire import encode
from tests.conftest import STOCKHOLM
from tests.real.process import ServiceProcess, every_channel, write_secrets

WATER = Path("rules") / "water.yaml"
STORY = """
stories:
  - name: Trycket faller i Vasastan
    start: 2026-10-13
    steps:
      - {at: "06:00", incident: flooding, area: sodermalm}
      - {at: "06:00", expect: {open_matters: 1}}
"""
FAILING = STORY.replace("open_matters: 1", "open_matters: 7")


@dataclass
class Town:
    """A running service over a copy of the profile, and threads that hand in readings and incidents."""

    service: ServiceProcess
    profile: Path
    going: threading.Event = field(default_factory=threading.Event)
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def edit(self, old: str, new: str, file: Path = WATER) -> None:
        text = (self.profile / file).read_text("utf-8")
        assert old in text
        (self.profile / file).write_text(text.replace(old, new, 1), "utf-8")

    def reload(self) -> tuple[int, dict[str, Any]]:
        status, body = self.service.post("/v1/reload", b"{}", "application/json")
        return status, json.loads(body)

    def policy(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.service.get("/v1/policy")[1])
        return found

    def metric(self, name: str) -> float:
        text = self.service.get("/metrics")[1].decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert found is not None, name
        return float(found.group(1))

    def send(self, identity: str, payload: Incident | Readings, source: str) -> None:
        event = Event(id=identity, source=source, time=datetime.now(UTC), realm="live", payload=payload)
        status, body = self.service.post("/v1/events", encode(event))
        if status == 202:
            self.accepted.append(identity)
        else:
            self.refused.append(f"{status} {body.decode()}")

    def load(self, name: str) -> None:
        """Hands in readings and now and then an incident until told to stop."""

        def publish() -> None:
            number = 0
            while self.going.is_set():
                number += 1
                reading = Reading(sensor="svoa-tryck-017", value=4.0, time=datetime.now(UTC))
                with suppress(OSError):  # killed: what was not answered does not count
                    if number % 7:
                        self.send(f"{name}-{number}", Readings(readings=(reading,)), "urn:beredd:svoa-scada")
                    else:
                        incident = Incident(kind="flooding", area="bromma", text=f"{name}-{number}")
                        self.send(f"{name}-{number}", incident, "urn:beredd:kontaktcenter")

        self.going.set()
        self.threads.append(threading.Thread(target=publish))
        self.threads[-1].start()

    def calm(self) -> None:
        self.going.clear()
        while self.threads:
            self.threads.pop().join()

    def lost(self) -> tuple[set[str], int]:
        """After a stop: what was accepted and is not in the log, and how many messages were set aside."""
        journal = Journal.open(self.service.data / "beredd.sqlite")
        logged, dead = {row[4] for row in journal.events(10**7)}, journal.counts()["dead"]
        journal.close()
        return set(self.accepted) - logged, dead


def until(true: Callable[[], bool], deadline_s: float = 30.0) -> None:
    stop = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < stop, "it did not come true in time"
        time.sleep(0.02)  # another process: there is nothing to wait on


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    copy = tmp_path / "profile"
    shutil.copytree(STOCKHOLM, copy, ignore=shutil.ignore_patterns("stories"))
    profile, faults = load_profile(copy)
    assert profile is not None, faults
    secrets = tmp_path / "secrets.yaml"
    write_secrets(secrets, every_channel(profile, "json://127.0.0.1:9/{}"))
    made = Town(ServiceProcess(copy, tmp_path / "data", secrets), copy)
    made.service.start()
    yield made
    made.calm()
    if made.service.process is not None and made.service.process.poll() is None:
        made.service.kill()


@pytest.mark.timeout(120)
def test_an_edited_limit_takes_over_under_load_by_http_and_by_signal_and_nothing_is_lost(town: Town) -> None:
    town.load("a")
    town.load("b")
    before = town.policy()
    pressure = Reading(sensor="svoa-tryck-018", value=3.0, time=datetime.now(UTC))
    town.send("three-bar", Readings(readings=(pressure,)), "urn:beredd:svoa-scada")
    town.edit("below: 2.0", "below: 3.2")
    status, report = town.reload()
    assert (status, report["changed"], report["anew"]) == (200, ["low-water-pressure"], ["low-water-pressure"])
    assert report["hash"] == town.policy()["hash"] != before["hash"]
    listed = json.loads(town.service.get("/v1/situations")[1])["situations"]
    assert any("Lågt vattentryck" in s["title"] for s in listed), "the last value is judged by the new limit"

    town.edit("Kontrollera om det är en läcka", "Se efter om det är en läcka")
    assert town.service.process is not None
    town.service.process.send_signal(signal.SIGHUP)
    until(lambda: town.policy()["hash"] != report["hash"])
    assert town.metric('beredd_reloads_total{outcome="ok"}') == 2
    town.calm()
    assert not town.refused, town.refused[:3]
    assert town.service.stop() == 0
    assert town.lost() == (set(), 0)
    assert len(town.accepted) > 20, "too little load to prove anything"


@pytest.mark.timeout(120)
def test_a_broken_file_is_refused_where_it_stands_and_the_old_rules_go_on(town: Town) -> None:
    before = town.policy()
    text = (town.profile / WATER).read_text("utf-8")
    line = next(n for n, said in enumerate(text.splitlines(), 1) if "below: 2.0" in said)
    town.edit("below: 2.0", "below: två")
    status, report = town.reload()
    assert status == 422
    assert re.search(rf"water\.yaml:{line}:\d+: ", report["faults"][0]), report
    assert town.policy() == before
    assert town.metric('beredd_reloads_total{outcome="refused"}') == 1
    assert town.service.process is not None
    town.service.process.send_signal(signal.SIGHUP)
    until(lambda: town.metric('beredd_reloads_total{outcome="refused"}') == 2)
    log = (town.service.data.parent / "service.log").read_text("utf-8")
    assert f"water.yaml:{line}:" in log
    reading = Reading(sensor="svoa-tryck-018", value=1.0, time=datetime.now(UTC))
    town.send("low", Readings(readings=(reading,)), "urn:beredd:svoa-scada")
    assert json.loads(town.service.get("/v1/situations")[1])["situations"], "the old rule still raises"
    (town.profile / WATER).write_text(text, "utf-8")
    assert town.reload()[0] == 200


@pytest.mark.timeout(120)
def test_a_profile_whose_stories_do_not_come_out_as_told_is_refused(town: Town) -> None:
    (town.profile / "stories").mkdir()
    story = town.profile / "stories" / "water.yaml"
    story.write_text(FAILING, "utf-8")
    before = town.policy()
    status, report = town.reload()
    assert status == 422
    assert report["faults"][0].startswith(f"{story}:7:"), report
    assert town.policy() == before
    story.write_text(STORY, "utf-8")
    assert town.reload()[0] == 200


@pytest.mark.timeout(120)
def test_a_kill_in_the_middle_of_a_reload_leaves_one_profile_or_the_other_and_loses_nothing(town: Town) -> None:
    for number in range(4):
        town.load(f"kill-{number}")
        reading = Reading(sensor="svoa-tryck-018", value=3.0, time=datetime.now(UTC))
        town.send(f"three-bar-{number}", Readings(readings=(reading,)), "urn:beredd:svoa-scada")
        text = (town.profile / WATER).read_text("utf-8")
        limits = re.search(r"below: (\d\.\d+)", text)
        assert limits is not None
        town.edit(limits.group(0), f"below: {3.2 + number / 10:.1f}")
        assert town.service.process is not None
        town.service.process.send_signal(signal.SIGHUP)
        time.sleep(0.1 + 0.15 * number)  # the moment of the kill is what varies
        town.service.kill()
        town.calm()
        town.service.start()
        profile, _ = load_profile(town.profile)
        assert profile is not None
        assert town.policy()["hash"] == profile.hash, "a start reads the files as they are"
    listed = json.loads(town.service.get("/v1/situations")[1])["situations"]
    assert any("Lågt vattentryck" in s["title"] for s in listed)
    assert town.service.stop() == 0
    assert town.lost() == (set(), 0)


@pytest.mark.timeout(120)
def test_a_restart_with_an_edited_file_sees_what_already_holds(town: Town) -> None:
    reading = Reading(sensor="svoa-tryck-018", value=3.0, time=datetime.now(UTC))
    town.send("three-bar", Readings(readings=(reading,)), "urn:beredd:svoa-scada")
    before = town.policy()
    assert town.service.stop() == 0
    town.edit("below: 2.0", "below: 3.2")
    town.service.start()
    now = town.policy()
    assert (now["hash"] != before["hash"], now["since"] > before["since"]) == (True, True)
    (situation,) = json.loads(town.service.get("/v1/situations")[1])["situations"]
    assert "Lågt vattentryck" in situation["title"]
    assert town.service.stop() == 0
    town.service.start()
    assert town.policy() == now, "unedited: in force since then"
