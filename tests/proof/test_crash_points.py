"""SIGKILL at named points and at random, under load, again and again; then the oracle judges what those outside saw."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from notifiers.profile import load_profile
from streams.sinks import PhoneSink
from tests.conftest import LILLBY, ROOT
from tests.laws.effort import FACTOR
from tests.proof.mortal import PLACES
from tests.proof.oracle import Arrived, Seen, Sent, broken
from tests.real.process import ServiceProcess, every_channel, write_secrets

LIVES = 17
"""Kills in one history: each point, and three at random."""

HISTORIES = 1 if FACTOR == 1 else 13
EVENTS_MOST = 24
"""In one life, so that a whole history stands in the public log, which shows 500."""

PACE_S = 0.04
REST_S = 60.0
"""How long what is grouped, digested or waits for a next channel may take to come to rest."""


class Mortal(ServiceProcess):
    """The service, made to die at a point."""

    point = "none"
    at = 1

    def spawn(self) -> None:
        command = [sys.executable, "-m", "tests.proof.mortal", self.point, str(self.at), "--", "run"]
        command += ["--profile", str(self.profile), "--data", str(self.data)]
        command += ["--secrets", str(self.secrets), "--port", str(self.port)]
        with (self.data.parent / "service.log").open("ab") as log:
            environment = os.environ | self.environment
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Sender:
    """Sends until told to stop, and repeats what was not answered, as a good sender does. Its notes are its own file,
    on the disk before each send."""

    service: Mortal
    notes: Path
    going: threading.Event
    sent: dict[str, str] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    most: int = 0

    def run(self) -> None:
        self.most = len(self.sent) + EVENTS_MOST
        with self.notes.open("a") as book:
            while self.going.is_set() and self.service.alive():
                waiting = [i for i in self.sent if i not in self.answered]
                identity = waiting[0] if waiting else self._another(book)
                if identity is None:
                    return
                self._send(identity)

    def _another(self, book: Any) -> str | None:
        number = len(self.sent)
        if number >= self.most:
            return None
        time.sleep(PACE_S)  # a pace, not a wait: the life should outlast its events
        identity = f"e{number}"
        self.sent[identity] = "readings" if number % 3 else "incident"
        book.write(f"{identity}\n")
        book.flush()
        os.fsync(book.fileno())
        return identity

    def _send(self, identity: str) -> None:
        try:
            status, body = self.service.post("/v1/events", json.dumps(self._event(identity)).encode())
        except OSError:
            time.sleep(0.01)  # nobody is there: do not spin while the process is down
            return
        assert status == 202, (status, body)
        self.answered.add(identity)

    def _event(self, identity: str) -> dict[str, Any]:
        number, now = int(identity[1:]), datetime.now(UTC).isoformat()
        known = {"specversion": "1.0", "id": identity, "time": now}
        if self.sent[identity] == "readings":
            value = 1.2 if number % 2 else 3.4
            readings = [{"sensor": "tryck-hamnen", "value": value, "time": now}]
            data: dict[str, Any] = {"readings": readings}
            return known | {"type": "se.beredd.readings.v1", "source": "urn:lillby:driftdator", "data": data}
        kind = "leak" if number % 2 else f"annat-{number}"  # those that join one matter, and one of its own
        data = {"kind": kind, "area": "lillby.hamnen", "text": f"Rapport {number}"}
        return known | {"type": "se.beredd.incident.v1", "source": "urn:lillby:vaxel", "data": data}


def _hurried(folder: Path) -> Path:
    """Lillby, but people have seconds to answer, so that timers fall due while the process dies."""
    copy = folder / "profile"
    copy.mkdir(parents=True)
    for file in LILLBY.glob("*.yaml"):
        text = file.read_text("utf-8")
        (copy / file.name).write_text(text.replace("act: 10 min", "act: 5 s").replace("act: 5 min", "act: 5 s"))
    return copy


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_at_whatever_point_the_process_is_killed_the_oracle_finds_nothing_broken(tmp_path: Path) -> None:
    seed = int(os.environ.get("BEREDD_SEED", random.SystemRandom().randrange(10**6)))
    print(f"\nseed {seed} (BEREDD_SEED={seed} to repeat)")
    matrix: Counter[str] = Counter()
    for number in range(HISTORIES):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = asyncio.run(_history(folder, random.Random(seed + number), matrix))
        assert found == [], f"history {number} of seed {seed}"
    print(f"{sum(matrix.values())} kills, lost 0: " + ", ".join(f"{point} {n}" for point, n in sorted(matrix.items())))
    assert {*PLACES, "random"} <= set(matrix), "a point was never reached"


async def _history(folder: Path, rng: random.Random, matrix: Counter[str]) -> list[str]:
    town = _hurried(folder)
    profile, faults = load_profile(town)
    assert profile is not None, faults
    async with PhoneSink() as phones:
        secrets = folder / "secrets.yaml"
        write_secrets(secrets, every_channel(profile, phones.url("{}").replace("%7B%7D", "{}")))
        service = Mortal(town, folder / "data", secrets)
        sender = Sender(service, folder / "sent.txt", threading.Event())
        kills = await asyncio.to_thread(_die_again_and_again, service, sender, rng, matrix)
        await asyncio.to_thread(_all_answered, service, sender)
        until = time.monotonic() + REST_S
        while True:
            seen = await asyncio.to_thread(_seen, service, sender, kills, town)
            arrived = tuple(Arrived(a.target, a.title, a.body, a.at) for a in phones.inbox.arrivals)
            judged = Seen(**seen, arrived=arrived)
            if not broken(judged) or time.monotonic() > until:
                break
            await asyncio.sleep(0.2)  # a poll with a deadline: what is grouped or digested still waits for its moment
        assert await asyncio.to_thread(service.stop) == 0
    print(f"  {len(kills)} kills, {len(judged.log)} events, {len(judged.situations)} matters, {len(arrived)} messages")
    assert len(judged.log) > 3 * len(kills), "too little load to prove anything"
    return broken(judged)


def _die_again_and_again(
    service: Mortal, sender: Sender, rng: random.Random, matrix: Counter[str]
) -> tuple[datetime, ...]:
    kills = []
    points = [*PLACES, *["random"] * (LIVES - len(PLACES))]
    rng.shuffle(points)
    for point in points:
        service.point, service.at = ("none" if point == "random" else point), _times(point, rng)
        service.spawn()
        sender.going.set()
        thread = threading.Thread(target=sender.run)
        thread.start()
        _await_death(service, point, rng)
        kills.append(datetime.now(UTC))
        matrix[point] += 1
        sender.going.clear()
        thread.join()
    return tuple(kills)


def _times(point: str, rng: random.Random) -> int:
    """At which call of the point. A start, a reload happens once in a life; a commit many times."""
    if point.startswith(("start", "reload")):
        return 1
    return rng.randint(1, 2) if point.startswith(("send", "outcome", "timer")) else rng.randint(2, 12)


def _await_death(service: Mortal, point: str, rng: random.Random) -> None:
    assert service.process is not None
    asked, until = False, time.monotonic() + 30
    after = time.monotonic() + rng.uniform(1.0, 3.0)
    while service.alive():
        assert time.monotonic() < until, f"{point} was never reached"
        if point == "random" and time.monotonic() > after:
            service.kill()
            return
        if point.startswith("reload") and not asked:
            asked = _reload(service)
        time.sleep(0.01)  # a poll with a deadline: a process that dies tells nobody
    assert service.process.returncode == -9, "it ended, but not by the kill"


def _reload(service: Mortal) -> bool:
    """True once the reload has been asked for: it may well be the last that this process hears."""
    try:
        if service.get("/healthz")[0] != 200:
            return False
        service.post("/v1/reload", b"{}", "application/json")
    except OSError:
        return not service.alive()
    return True


def _all_answered(service: Mortal, sender: Sender) -> None:
    """One more life without a kill, and everything repeated until it is answered."""
    service.point = "none"
    service.start()
    until = time.monotonic() + 30
    while sender.sent.keys() != sender.answered and time.monotonic() < until:
        sender._send(next(i for i in sender.sent if i not in sender.answered))


def _seen(service: Mortal, sender: Sender, kills: tuple[datetime, ...], town: Path) -> dict[str, Any]:
    """What the senders noted and the public API says."""
    sent = tuple(Sent(i, kind, i in sender.answered) for i, kind in sender.sent.items())
    log = json.loads(service.get("/v1/log/events?limit=500")[1])["events"]
    assert len(log) < 500, "the public log shows no more"
    listed = json.loads(service.get("/v1/situations?closed=1")[1])["situations"]
    situations = tuple(json.loads(service.get(f"/v1/situations/{s['id']}")[1]) for s in listed)
    people = yaml.safe_load((town / "people.yaml").read_text("utf-8"))["persons"]
    return {
        "at": datetime.now(UTC),
        "sent": sent,
        "kills": kills,
        "log": tuple(log),
        "situations": situations,
        "dead": int(_metric(service, "beredd_dead_total")),
        "phones": {p["id"]: {c["channel"] for c in p["contacts"]} for p in people},
    }


def _metric(service: Mortal, name: str) -> float:
    lines = service.get("/metrics")[1].decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))
