"""A burst against the real service: many readings, from many connections, and a few incidents in the midst of them.

`python -m tests.proof.burst mixed 100000` (or `wave 1000000`) prints what came of it. What is refused is sent again
when the answer says so, until all of it is taken.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.process import memory_mb
from notifiers.profile import Profile, load_profile
from rules.events import Event, Incident, Reading, Readings
from streams.journal import Journal
from streams.wire import Media, encode
from tests.proof.raw_http import RawClient
from tests.proof.sink_process import Phones, phones
from tests.real.process import ROOT, ServiceProcess, every_channel, write_secrets

STOCKHOLM = ROOT / "rules" / "stockholm"
INCIDENTS = 20
EACH_S = 0.1
"""The stated rate: ten incidents with danger to life a second."""


@dataclass(frozen=True, slots=True)
class Stream:
    """So many readings in batches of this size, by so many senders who each wait for an answer before they go on."""

    name: str
    readings: int
    size: int
    senders: int


def mixed(readings: int) -> tuple[Stream, ...]:
    """Half of them one a post from 200 connections, half in batches of a hundred from 20."""
    return Stream("en", readings // 2, 1, 200), Stream("hundra", readings - readings // 2, 100, 20)


def wave(readings: int) -> tuple[Stream, ...]:
    """Large batches from a hundred connections at once: more than there is room for."""
    return (Stream("stora", readings, 5000, 100),)


@dataclass
class Report:
    """What came of a burst. Seconds, and megabytes."""

    readings: int
    posts: int = 0
    accepted_at_once: int = 0  # readings
    refused: int = 0  # readings that were told to come again
    burst_s: float = 0.0
    drained_s: float = 0.0  # from the last answer of the burst until nothing waits
    again_s: float = 0.0  # until all that was refused has been taken too
    accepted_incidents: int = 0
    acceptance_max_s: float = 0.0  # of an incident: from its sending to its 202
    acceptance_p50_s: float = 0.0
    handed_over_max_s: float = 0.0  # of a critical message: from the 202 of its incident to its arrival at the provider
    handed_over_p50_s: float = 0.0
    whole_max_s: float = 0.0  # from the sending of the incident
    messages: int = 0
    untold: list[str] = field(default_factory=list)
    rss_before: float = 0.0
    rss_peak: float = 0.0
    rss_after: float = 0.0
    readyz: dict[int, int] = field(default_factory=dict)
    look_max_s: float = 0.0  # the slowest answer of /readyz or /metrics
    queue_max: dict[str, float] = field(default_factory=dict)  # as /metrics told it
    logged: int = 0  # readings in the log at the end, each once
    dead: int = 0


@dataclass
class Burst:
    """One burst against a running service."""

    service: ServiceProcess
    profile: Profile
    streams: tuple[Stream, ...]
    incidents: int
    report: Report
    again: list[tuple[bytes, int, int]] = field(default_factory=list)  # body, readings, seconds
    bodies: list[list[tuple[bytes, int]]] = field(init=False)
    sent: dict[str, tuple[float, float]] = field(default_factory=dict)  # incident -> when it was sent and answered
    going: bool = True

    def __post_init__(self) -> None:
        self.bodies = [list(self._bodies(stream)) for stream in self.streams]  # all written before the first is sent

    async def run(self) -> None:
        """The burst has been sent and answered, and what waited is drained."""
        pid = self._pid
        self.report.rss_before = memory_mb(pid)
        looking = asyncio.create_task(self._look())
        began = time.monotonic()
        await asyncio.gather(self._readings(), self._incidents())
        self.report.burst_s = time.monotonic() - began
        await self._drained()
        self.report.drained_s = time.monotonic() - began - self.report.burst_s
        await self._again()
        self.report.again_s = time.monotonic() - began - self.report.burst_s
        self.going = False
        await looking
        self.report.rss_peak, self.report.rss_after = memory_mb(pid, "VmHWM"), memory_mb(pid)

    @property
    def _pid(self) -> int:
        assert self.service.process is not None
        return self.service.process.pid

    # --- readings ----------------------------------------------------------------------------------------------------

    async def _readings(self) -> None:
        streams = zip(self.streams, map(iter, self.bodies), strict=True)
        await asyncio.gather(*(self._sender(bodies) for stream, bodies in streams for _ in range(stream.senders)))

    def _bodies(self, stream: Stream) -> Iterator[tuple[bytes, int]]:
        """Every value is its own: the readings of the log can be counted. None of them is near a limit."""
        sensors = sorted(s.id for s in self.profile.policy.registry.sensors.values() if s.id.startswith("svoa-tryck"))
        start = datetime.now(UTC) - timedelta(minutes=5)
        for first in range(0, stream.readings, stream.size):
            values = tuple(
                Reading(
                    sensor=sensors[n % len(sensors)],
                    value=4.0 + n % 7 / 10,
                    time=start + timedelta(microseconds=100 * n + stream.size % 100),
                )
                for n in range(first, min(first + stream.size, stream.readings))
            )
            yield encode(_event(f"{stream.name}-{first}", "svoa-scada", Readings(readings=values))), len(values)

    async def _sender(self, bodies: Iterator[tuple[bytes, int]]) -> None:
        async with RawClient(self.service.port) as client:
            for body, readings in bodies:
                answer = await client.post("/v1/events", body, Media.STRUCTURED)
                self.report.posts += 1
                match answer.status:
                    case 202:
                        self.report.accepted_at_once += readings
                    case 503:
                        self.report.refused += readings
                        self.again.append((body, readings, answer.retry_after_s))
                    case status:
                        raise AssertionError(f"{status}: {answer.body!r}")

    async def _again(self) -> None:
        async with RawClient(self.service.port) as client:
            while self.again:
                body, readings, wait_s = self.again.pop()
                answer = await client.post("/v1/events", body, Media.STRUCTURED)
                if answer.status == 503:
                    self.again.append((body, readings, answer.retry_after_s))
                    await asyncio.sleep(wait_s)
                else:
                    assert answer.status == 202, answer

    # --- incidents ---------------------------------------------------------------------------------------------------

    async def _incidents(self) -> None:
        """Spread over the burst by how much of it has been answered; without one, EACH_S apart. Each on a connection of
        its own."""
        posts = sum(map(len, self.bodies))
        waiting = []
        for number in range(self.incidents):
            if not posts:
                await asyncio.sleep(EACH_S)
            while self.report.posts < posts * number // self.incidents:  # noqa: ASYNC110  (the burst itself is the clock)
                await asyncio.sleep(0.002)
            waiting.append(asyncio.create_task(self._incident(f"prov-{number:03}")))
        await asyncio.gather(*waiting)

    async def _incident(self, tag: str) -> None:
        said = Incident(kind="traffic-accident", area="sodermalm", text=f"{tag}!", danger_to_life=True)
        body, sent = encode(_event(tag, "kontaktcenter", said)), time.time()
        async with RawClient(self.service.port) as client:
            answer = await client.post("/v1/events", body, Media.STRUCTURED)
        self.sent[tag] = sent, time.time()
        assert answer.status == 202, f"an incident was refused: {answer}"
        self.report.accepted_incidents += 1

    # --- what it says of itself --------------------------------------------------------------------------------------

    async def _look(self) -> None:
        async with RawClient(self.service.port) as client:
            while self.going:
                for path in ("/readyz", "/metrics"):
                    began = time.monotonic()
                    answer = await client.get(path)
                    self.report.look_max_s = max(self.report.look_max_s, time.monotonic() - began)
                    if path == "/readyz":
                        self.report.readyz[answer.status] = self.report.readyz.get(answer.status, 0) + 1
                    else:
                        self._note(answer.body.decode())
                await asyncio.sleep(0.2)

    def _note(self, metrics: str) -> None:
        for line in metrics.splitlines():
            if line.startswith("beredd_queue_"):
                name, value = line.rsplit(" ", 1)
                self.report.queue_max[name] = max(self.report.queue_max.get(name, 0.0), float(value))

    async def _drained(self) -> None:
        """Until the service says that nothing waits, for readings or for a provider."""
        async with RawClient(self.service.port) as client, asyncio.timeout(60):
            while True:
                lines = (await client.get("/metrics")).body.decode().splitlines()
                waits = [x for x in lines if x.startswith(("beredd_queue_jobs", "beredd_outbox_open"))]
                # The answer is a question itself, but /metrics asks the queue beside it.
                if all(float(line.rsplit(" ", 1)[1]) == 0 for line in waits):
                    return
                await asyncio.sleep(0.05)


def _event(identity: str, source: str, payload: Any) -> Event:
    return Event(id=identity, source=f"urn:beredd:{source}", time=datetime.now(UTC), realm="live", payload=payload)


def burst(streams: tuple[Stream, ...], folder: Path, incidents: int = INCIDENTS) -> Report:
    """What came of a burst of these streams at once, with so many incidents; everything is in this folder."""
    profile, faults = load_profile(STOCKHOLM)
    assert profile is not None, faults
    report = Report(sum(s.readings for s in streams))
    with phones() as found:
        secrets = folder / "secrets.yaml"
        write_secrets(secrets, every_channel(profile, found.url))
        service = ServiceProcess(STOCKHOLM, folder / "data", secrets)
        service.start()
        try:
            run = Burst(service, profile, streams, incidents, report)
            asyncio.run(run.run())
            assert service.stop() == 0
        finally:
            if service.process is not None and service.process.poll() is None:
                service.kill()
    _told(report, run, found)
    _logged(report, folder / "data" / "beredd.sqlite")
    return report


def _told(report: Report, run: Burst, found: Phones) -> None:
    """When each message of each incident arrived, and how long that took."""
    accepted, handed, whole = [], [], []
    for tag, (sent, answered) in run.sent.items():
        arrived = [a.at.timestamp() for a in found.arrivals if f"{tag}!" in a.body]
        report.messages += len(arrived)
        if not arrived:
            report.untold.append(tag)
        accepted.append(answered - sent)
        handed += [at - answered for at in arrived]
        whole += [at - sent for at in arrived]
    report.acceptance_max_s, report.acceptance_p50_s = max(accepted), statistics.median(accepted)
    report.handed_over_max_s, report.handed_over_p50_s = max(handed, default=-1), statistics.median(handed or [-1])
    report.whole_max_s = max(whole, default=-1)


def _logged(report: Report, file: Path) -> None:
    journal = Journal.open(file)
    once = set()
    for *_, body in journal.events(10**9):
        payload = json.loads(body)["payload"]
        once |= {(r["sensor"], r["time"]) for r in payload.get("readings", ())}
    report.logged, report.dead = len(once), journal.counts()["dead"]
    journal.close()


def main() -> int:
    """Prints what came of a burst."""
    streams = {"mixed": mixed, "wave": wave}[sys.argv[1]](int(sys.argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        report = burst(streams, Path(folder))
    for name, value in asdict(report).items():
        print(f"{name:>20} {value:.3f}" if isinstance(value, float) else f"{name:>20} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
