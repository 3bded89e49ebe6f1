"""SIGKILL at random under load: what was answered 202 is in the log, whoever must know is told, and nothing is sent
more often than crashes allow."""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from notifiers.obligation import Obligation, ObligationState
from notifiers.profile import load_profile
from rules.events import Event, Incident, Reading, Readings
from streams.journal import Journal
from streams.sinks import Arrival, PhoneSink
from streams.stages import STAGES
from streams.wire import encode
from tests.real.process import ServiceProcess, every_channel, write_secrets

ROOT = Path(__file__).parent.parent.parent
KILLS = 50
DISTRICTS = ("sodermalm", "jarva", "bromma", "farsta")
WATER = "anna-ek"  # the duty officer who must hear of each flooding matter


@dataclass
class Publisher:
    """Posts events from its own thread and notes what was answered 202; silence means that nobody may count on it."""

    service: ServiceProcess
    name: str
    going: threading.Event
    accepted: list[str] = field(default_factory=list)
    floods: list[tuple[str, str]] = field(default_factory=list)  # (tag, district): they join one matter per district
    accidents: list[str] = field(default_factory=list)  # each a matter of its own
    unanswered: int = 0
    refused: list[str] = field(default_factory=list)
    _number: int = 0

    def run(self) -> None:
        while self.going.is_set():
            self._number += 1
            tag = f"prov-{self.name}-{self._number}"
            event = self._event(tag)
            try:
                status, body = self.service.post("/v1/events", encode(event))
            except OSError:
                self.unanswered += 1
                time.sleep(0.005)  # nobody is there: do not spin while the process starts
                continue
            if status != 202:
                self.refused.append(f"{status} {body.decode()}")
                continue
            self.accepted.append(tag)
            match event.payload:
                case Incident(kind="flooding", area=str(area)):
                    self.floods.append((tag, area))
                case Incident():
                    self.accidents.append(tag)

    def _event(self, tag: str) -> Event:
        now = datetime.now(UTC)
        if self._number % 5:
            reading = Reading(sensor="svoa-tryck-017", value=4.0 + self._number % 3 / 10, time=now)
            return Event(
                id=tag, source="urn:beredd:svoa-scada", time=now, realm="live", payload=Readings(readings=(reading,))
            )
        kind = "traffic-accident" if self._number % 25 == 0 else "flooding"
        incident = Incident(kind=kind, area=DISTRICTS[self._number // 5 % len(DISTRICTS)], text=f"{tag}!")
        return Event(id=tag, source="urn:beredd:kontaktcenter", time=now, realm="live", payload=incident)


def hurried_profile(folder: Path) -> Path:
    """Stockholm, but people have seconds to answer, so that deadlines fall due while the process is killed."""
    copy = folder / "profile"
    for file in (ROOT / "rules" / "stockholm").rglob("*"):
        if file.is_file() and "stories" not in file.parts:
            target = copy / file.relative_to(ROOT / "rules" / "stockholm")
            target.parent.mkdir(parents=True, exist_ok=True)
            text = file.read_text("utf-8")
            target.write_text(text.replace("act: 5 min", "act: 20 s").replace("coordinate: 15 min", "coordinate: 30 s"))
    return copy


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_accepted_is_lost_and_nobody_is_forgotten_over_fifty_kills(tmp_path: Path) -> None:
    asyncio.run(_fifty_kills(tmp_path))


async def _fifty_kills(tmp_path: Path) -> None:
    seed = int(os.environ.get("BEREDD_SEED", random.SystemRandom().randrange(10**6)))
    rng = random.Random(seed)
    print(f"\nseed {seed} (BEREDD_SEED={seed} to repeat)")
    folder = hurried_profile(tmp_path)
    profile, faults = load_profile(folder)
    assert profile is not None, faults
    async with PhoneSink() as phones:
        secrets = tmp_path / "secrets.yaml"
        write_secrets(secrets, every_channel(profile, phones.url("{}").replace("%7B%7D", "{}")))
        service = ServiceProcess(folder, tmp_path / "data", secrets)
        going = threading.Event()
        publishers = [Publisher(service, name, going) for name in "abc"]
        kills = await asyncio.to_thread(_kill_again_and_again, service, publishers, going, rng)
        await asyncio.to_thread(service.start)
        await _quiet(service, phones, publishers)
        assert await asyncio.to_thread(service.stop) == 0
        _check(tmp_path / "data" / "beredd.sqlite", publishers, phones.inbox.arrivals, kills)


def _kill_again_and_again(
    service: ServiceProcess, publishers: list[Publisher], going: threading.Event, rng: random.Random
) -> list[datetime]:
    kills = []
    for _ in range(KILLS):
        service.start()
        going.set()
        threads = [threading.Thread(target=p.run) for p in publishers]
        for thread in threads:
            thread.start()
        time.sleep(rng.uniform(0.02, 0.8))  # the moment of the kill is what varies
        service.kill()
        kills.append(datetime.now(UTC))
        going.clear()
        for thread in threads:
            thread.join()
    return kills


async def _quiet(service: ServiceProcess, phones: PhoneSink, publishers: list[Publisher]) -> None:
    """Until every accepted accident has been told somebody, or a minute has passed."""
    wanted = {tag for p in publishers for tag in p.accidents}
    until = time.monotonic() + 60
    while time.monotonic() < until:
        told = "\n".join(a.body for a in phones.inbox.arrivals)
        if all(f"{tag}!" in told for tag in wanted):
            return
        await asyncio.sleep(0.2)


def _check(file: Path, publishers: list[Publisher], arrivals: tuple[Arrival, ...], kills: list[datetime]) -> None:
    accepted = {tag for p in publishers for tag in p.accepted}
    accidents = {tag for p in publishers for tag in p.accidents}
    refused = [r for p in publishers for r in p.refused]
    told = "\n".join(a.body for a in arrivals)
    journal = Journal.open(file)
    events = journal.events(10**7)
    logged = {row[4] for row in events}
    counts = journal.counts()
    late = _late_obligations(journal)
    counted = _counted(journal)
    journal.close()
    copies = Counter((a.target, a.title, a.body) for a in arrivals)
    repeats = {message: n - 1 for message, n in copies.items() if n > 1}
    report = {
        "kills": len(kills),
        "accepted": len(accepted),
        "floods": sum(len(p.floods) for p in publishers),
        "accidents": len(accidents),
        "unanswered": sum(p.unanswered for p in publishers),
        "messages": len(arrivals),
        "repeated_sends": sum(repeats.values()),
        "dead": counts["dead"],
    }
    print(json.dumps(report))
    assert not refused, refused[:3]
    assert len(accepted) > 5 * KILLS, "too little load to prove anything"
    assert accepted <= logged, f"accepted but not in the log: {sorted(accepted - logged)[:5]}"
    assert counts["dead"] == 0
    missing = sorted(tag for tag in accidents if f"{tag}!" not in told)
    assert not missing, f"nobody was told of {missing[:5]} ({len(missing)})"
    assert counted == _logged_floods(events), "a report that is in the log is not in its matter, or is there twice"
    for district in counted:
        assert f"ärende {district}-" in "\n".join(a.body for a in arrivals if a.target.startswith(WATER))
    assert not late, f"obligations past their deadline: {late[:3]}"
    for message, extra in repeats.items():
        assert extra <= _kills_while_under_way(message, arrivals, kills), f"{message[:2]} was repeated {extra} times"


def _kills_while_under_way(message: tuple[str, str, str], arrivals: tuple[Arrival, ...], kills: list[datetime]) -> int:
    times = [a.at for a in arrivals if (a.target, a.title, a.body) == message]
    return sum(min(times) <= kill + timedelta(seconds=1) and kill <= max(times) for kill in kills)


def _logged_floods(events: list[Any]) -> dict[str, int]:
    """How many floods the log holds in each district: what their matters must have counted."""
    found: Counter[str] = Counter()
    for *_, body in events:
        payload = json.loads(body)["payload"]
        if payload.get("kind") == "flooding":
            found[payload["area"]] += 1
    return dict(found)


def _counted(journal: Journal) -> dict[str, int]:
    """How many floods the matters' causes have counted, by district."""
    found: Counter[str] = Counter()
    for (value,) in journal._rows("SELECT value FROM state WHERE stage='assess' AND entry LIKE 'matter/%'"):
        matter = json.loads(value)
        for cause in matter["causes"]:
            if cause["rule"] == "street-flooding":
                found[matter["area"]] += cause["count"]
    return dict(found)


def _late_obligations(journal: Journal) -> list[Obligation]:
    """Obligations that should have gone on by now: asked, past their deadline by more than the time a stop takes."""
    before = datetime.now(UTC) - timedelta(seconds=10)
    rows = journal._rows("SELECT value FROM state WHERE stage='alert' AND entry LIKE 'obligation/%'")
    adapter = STAGES["alert"].entries  # type: ignore[index]  # a StrEnum's member equals its text
    found = [adapter.validate_json(value) for (value,) in rows]
    return [o for o in found if o.state is ObligationState.ASKED and o.deadline is not None and o.deadline < before]
