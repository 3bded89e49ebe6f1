"""The service watches itself over real sockets: sinks that die, a writer that hangs, a disk that is full; what people
are told of it, what the outside receiver hears, and what stands on the call list."""

from __future__ import annotations

import asyncio
import os
import resource
import stat
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
from aiohttp import web

from notifiers.attempt import Medium
from rules.events import Event, Incident
from streams.call_list import NAME
from streams.clock import SystemClock
from streams.selfwatch import TRIALS
from streams.service import Service, Settings
from streams.sinks import Arrival, Manner, PhoneSink
from streams.wire import encode
from tests.conftest import LILLBY, loaded
from tests.real.process import ServiceProcess, write_secrets

DEADLINE_S = 30.0


class Receiver:
    """An outside receiver of heartbeats, as healthchecks.io and others are."""

    def __init__(self) -> None:
        self.beats: list[float] = []
        self.faults: list[str] = []
        self.status = 200
        self._app = web.Application()
        self._app.add_routes([web.get("/ping", self._ping), web.post("/ping/fail", self._fail)])
        self._runner = web.AppRunner(self._app, access_log=None)
        self.url = ""

    async def _ping(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.beats.append(time.monotonic())
        return web.Response(status=self.status)

    async def _fail(self, request: web.Request) -> web.Response:
        self.faults.append(await request.text())
        return web.Response(text="OK")

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/ping"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


@dataclass
class Town:
    """Lillby with two providers, an outside receiver, and a secrets file that names them."""

    push: PhoneSink
    sms: PhoneSink
    receiver: Receiver
    folder: Path
    canaries: bool = True
    secrets: Path = field(init=False)

    def __post_init__(self) -> None:
        self.secrets = self.folder / "secrets.yaml"
        persons = loaded(LILLBY).roster.persons.values()
        channels = {c.channel: self._sink(c.medium).url(c.channel) for p in persons for c in p.contacts}
        channels |= {"prov-push": self.push.url("prov-push"), "prov-sms": self.sms.url("prov-sms")}
        write_secrets(self.secrets, channels)
        lines = [f"heartbeat: {{url: {self.receiver.url}, every: 1 s, fault_url: {self.receiver.url}/fail}}"]
        lines += ["phones:", "  p-berta-brygga: '070-111 11 11'", "  p-nils-nyckel: '+46 70 222 22 22'"]
        if self.canaries:
            lines += ["canaries:", "  prov-push: {medium: push, every: 1 s}", "  prov-sms: {medium: sms, every: 1 s}"]
        with self.secrets.open("a") as out:
            out.write("\n".join(lines) + "\n")

    def _sink(self, medium: Medium) -> PhoneSink:
        return self.push if medium is Medium.PUSH else self.sms

    def arrived(self, word: str) -> list[Arrival]:
        """What came to people, canaries not counted, with this word in its title."""
        found = (*self.push.inbox.arrivals, *self.sms.inbox.arrivals)
        return [a for a in found if word in a.title and not a.target.startswith("prov-")]


@asynccontextmanager
async def town(folder: Path, canaries: bool = True) -> AsyncIterator[Town]:
    async with PhoneSink() as push, PhoneSink() as sms, Receiver() as receiver:
        yield Town(push, sms, receiver, folder, canaries)


@asynccontextmanager
async def serving(town: Town, **settings: Any) -> AsyncIterator[Service]:
    service = Service(Settings(LILLBY, town.folder / "data", town.secrets, port=0, **settings))
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def until(true: Callable[[], object], said: str, deadline_s: float = DEADLINE_S) -> None:
    """Returns once it is true; fails, saying what was waited for, at the deadline."""
    ends = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < ends, f"waited in vain: {said}"
        await asyncio.sleep(0.02)


async def ready(url: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
        return answer.status, await answer.json()


async def until_ready(url: str) -> None:
    """Returns once it says that it is ready: its answer may be a second old."""
    ends = time.monotonic() + DEADLINE_S
    while (answer := await ready(url))[0] != 200:
        assert time.monotonic() < ends, answer
        await asyncio.sleep(0.1)


async def page(url: str, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{url}{path}") as answer:
        assert answer.status == 200
        return await answer.text()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told and written in the service of this process comes sooner; the order of things is the same."""
    monkeypatch.setattr("notifiers.supervision.CALM_S", 3.0)
    monkeypatch.setattr("notifiers.supervision.STUCK_S", 7.0)
    monkeypatch.setattr("streams.call_list_keeper.PAUSE_S", 0.5)


def during(story: Callable[[Town, Service], Awaitable[None]], folder: Path, canaries: bool = True) -> None:
    async def play() -> None:
        async with town(folder, canaries) as there, serving(there) as service:
            await story(there, service)

    asyncio.run(play())


def leak() -> bytes:
    now = datetime.now(UTC)
    payload = Incident(kind="leak", area="lillby.hamnen", text="Vatten på kajen")
    return encode(Event(id=f"i-{now.timestamp()}", source="urn:lillby:vaxel", time=now, realm="live", payload=payload))


async def report(url: str) -> int:
    headers = {"Content-Type": "application/cloudevents+json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/events", data=leak(), headers=headers) as answer,
    ):
        return answer.status


# --- canaries --------------------------------------------------------------------------------------------------------


def test_canaries_go_the_whole_way_again_and_again_and_leave_one_row_and_no_trace_among_people(tmp_path: Path) -> None:
    async def story(town: Town, service: Service) -> None:
        def tries(sink: PhoneSink, target: str) -> int:
            return len([a for a in sink.inbox.arrivals if a.target == target])

        await until(lambda: tries(town.push, "prov-push") >= 3 and tries(town.sms, "prov-sms") >= 3, "three canaries")
        rows = await asyncio.wrap_future(
            service.host.ask(lambda j: j._rows("SELECT realm, person, outcome FROM outbox"))
        )
        assert {(realm, person) for realm, person, _ in rows} == {(TRIALS, "beredd")}
        assert 1 <= len(rows) <= 4
        assert not [a for a in town.push.inbox.arrivals if not a.target.startswith("prov-")]
        status, said = await ready(service.url)
        assert (status, said["way_out"], {w["state"] for w in said["ways"]}) == (200, "works", {"works"})
        assert 'beredd_notices_total{medium="push",outcome="accepted"} 0.0' in await page(service.url, "/metrics")

    during(story, tmp_path)


def test_a_dead_channel_is_told_through_another_and_its_return_too(
    tmp_path: Path,
) -> None:
    async def story(town: Town, service: Service) -> None:
        await until(lambda: town.push.asked and town.sms.asked, "the first canaries")
        town.push.script(Manner.REFUSE)
        await until(lambda: town.arrived("fungerar inte"), "the dead channel told")
        [told] = town.arrived("fungerar inte")
        assert told.target == "berta-sms"
        assert told.title.startswith("beredd: pushnotiser genom json-")
        assert told.body.startswith("Gör först: ")
        status, said = await ready(service.url)
        assert status == 200
        assert {w["state"] for w in said["ways"]} == {"works", "failing"}
        assert [t["state"] for t in said["troubles"]] == ["channel"]
        metrics = await page(service.url, "/metrics")
        assert 'beredd_channel_up{medium="push"} 0.0' in metrics
        assert 'beredd_channel_up{medium="sms"} 1.0' in metrics
        assert 'beredd_channel_failing{medium="push"} 1.0' in metrics
        assert 'beredd_degraded{state="channel"} 1.0' in metrics
        operations = await page(service.url, "/drift")
        assert "fungerar inte" in operations
        assert "Kontrollera leverantören" in operations
        town.push.script(Manner.ACCEPT)
        await until(lambda: town.arrived("fungerar igen"), "its return told")
        assert len(town.arrived("beredd:")) == 2

    during(story, tmp_path)


def test_without_a_test_address_a_dead_channel_is_told_at_the_next_real_message(tmp_path: Path) -> None:
    async def story(town: Town, service: Service) -> None:
        status, said = await ready(service.url)
        assert (status, said["way_out"]) == (200, "unknown")
        assert {way["told_within_seconds"] for way in said["ways"]} == {None}
        town.push.script(Manner.ERROR)
        assert await report(service.url) == 202
        await until(lambda: town.arrived("fungerar inte"), "the dead channel told")
        assert (await ready(service.url))[1]["way_out"] == "works"

    during(story, tmp_path, canaries=False)


def test_with_every_channel_dead_the_log_the_page_and_the_list_say_that_people_are_to_be_called(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(town: Town, service: Service) -> None:
        assert await report(service.url) == 202
        await until(lambda: town.receiver.beats, "a heartbeat")
        for sink in (town.push, town.sms):
            sink.script(Manner.REFUSE)
        await until(lambda: "nås inte genom någon kanal" in caplog.text, "the log")
        list_ = town.folder / "data" / NAME
        await until(lambda: "inga larm kommer fram" in list_.read_text(), "the list")
        assert f"Ring, efter ringlistan {list_}" in caplog.text
        status, said = await ready(service.url)
        assert status == 503
        assert said["reasons"] == ["inga larm kommer fram: alla kanaler till tjänsteperson i beredskap är ur funktion"]
        for path in ("/drift", "/"):
            assert "Larm från beredd kommer inte fram" in await page(service.url, path)
        assert "Ring dem det gäller, efter ringlistan" in await page(service.url, "/drift")
        withheld = len(town.receiver.beats)
        await until(lambda: len(town.receiver.faults) >= 3, "the receiver told of the fault")
        assert len(town.receiver.beats) == withheld
        assert "inga larm kommer fram" in town.receiver.faults[0]

    during(story, tmp_path)


# --- the heartbeat ---------------------------------------------------------------------------------------------------


def test_the_heartbeat_stops_while_the_writer_hangs_and_resumes_and_people_are_told_without_the_journal(
    tmp_path: Path,
) -> None:
    async def story(town: Town, service: Service) -> None:
        await until(lambda: len(town.receiver.beats) >= 2, "heartbeats")
        metrics = await page(service.url, "/metrics")
        assert "beredd_heartbeat_sent_timestamp_seconds 0.0" not in metrics
        release = threading.Event()
        service.host.ask(lambda journal: release.wait(120))
        try:
            await until(lambda: town.receiver.faults, "the receiver told of the fault")
            beats = len(town.receiver.beats)
            everybody = {"berta-push", "nils-push"}
            await until(lambda: {a.target for a in town.arrived("inte sparat i tid")} == everybody, "people told")
            assert len(town.receiver.beats) == beats
            assert (await ready(service.url))[0] == 503
        finally:
            release.set()
        await until(lambda: len(town.receiver.beats) > beats, "a heartbeat again")
        await until_ready(service.url)

    during(story, tmp_path)


def test_the_heartbeat_stops_when_the_courier_carries_nothing_though_all_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifiers.ways.PATIENCE_S", 1.0)

    async def story(town: Town, service: Service) -> None:
        await until(lambda: town.receiver.beats, "a heartbeat")
        monkeypatch.setattr(service.courier, "take", lambda handout: None)
        await until(lambda: town.receiver.faults, "the receiver told of the fault")
        assert "gick inte iväg" in town.receiver.faults[0]
        beats = len(town.receiver.beats)
        await until(lambda: len(town.receiver.faults) >= 3, "it goes on")
        assert len(town.receiver.beats) == beats

    during(story, tmp_path)


def test_a_receiver_that_does_not_take_heartbeats_is_told_of_and_its_address_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(town: Town, service: Service) -> None:
        await until(lambda: town.receiver.beats, "a heartbeat")
        town.receiver.status = 404
        await until(lambda: town.arrived("den yttre vakten tar inte emot"), "people told")
        assert (await ready(service.url))[0] == 200
        town.receiver.status = 200
        await until(lambda: town.arrived("tar emot beredds livstecken igen"), "the end told")
        assert town.receiver.url not in caplog.text

    during(story, tmp_path)


# --- a full disk -----------------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_withholds_the_heartbeat_and_is_over_when_there_is_room_again(tmp_path: Path) -> None:
    """The kernel refuses to let any of the process's files grow past a limit, as it does on a disk that is full."""

    async def play() -> None:
        async with town(tmp_path) as there:
            service = ServiceProcess(LILLBY, tmp_path / "data", there.secrets)
            await asyncio.to_thread(service.start)
            try:
                await _fill(there, service)
            finally:
                assert await asyncio.to_thread(service.stop) == 0

    asyncio.run(play())


async def _fill(town: Town, service: ServiceProcess) -> None:
    url = f"http://127.0.0.1:{service.port}"
    assert service.process is not None
    pid = service.process.pid
    await until(lambda: len(town.receiver.beats) >= 2, "heartbeats")
    wal = town.folder / "data" / "beredd.sqlite-wal"
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
    everybody = {"berta-push", "nils-push"}  # told beside each other: the first may stand there before the second
    await until(lambda: {a.target for a in town.arrived("ingenting kan sparas")} == everybody, "everybody told")
    beats = len(town.receiver.beats)
    assert await report(url) == 503
    status, said = await ready(url)
    assert status == 503
    assert "ingenting kan sparas" in said["reasons"]
    await until(lambda: len(town.receiver.faults) >= 2, "the receiver told of the fault")
    assert len(town.receiver.beats) == beats
    list_ = town.folder / "data" / NAME
    await until(lambda: "BEREDD: ingenting kan sparas" in list_.read_text(), "the list")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    await until(lambda: len(town.receiver.beats) > beats, "a heartbeat again")
    await until_ready(url)
    assert await report(url) == 202


# --- what others see -------------------------------------------------------------------------------------------------


def test_a_jump_of_the_machines_clock_is_told_and_stands_in_the_log_until_it_is_over(tmp_path: Path) -> None:
    async def story(town: Town, service: Service) -> None:
        clock = service.clock
        assert isinstance(clock, SystemClock)
        before = clock.now()
        clock._wall = lambda: time.time() + 3600
        await until(lambda: town.arrived("maskinens klocka har hoppat"), "the jump told")
        assert [line.said[:9] for line in service.view.noticed("live")] == ["Gör först"]
        assert clock.now() - before < timedelta(minutes=2)
        clock._wall = time.time
        await until(lambda: town.arrived("klockan går jämnt igen"), "the end told")
        assert len(service.view.noticed("live")) == 2
        assert [a.target for a in town.arrived("beredd:")] == ["berta-push", "berta-push"]

    during(story, tmp_path)


# --- the call list ---------------------------------------------------------------------------------------------------


def test_the_call_list_is_kept_for_its_owner_alone_and_follows_what_happens(tmp_path: Path) -> None:
    async def story(town: Town, service: Service) -> None:
        file = town.folder / "data" / NAME
        await until(file.exists, "a list")
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
        assert "ÖPPNA ÄRENDEN: 0" in file.read_text()
        assert await report(service.url) == 202
        await until(lambda: "ÖPPNA ÄRENDEN: 1" in file.read_text(), "the matter on the list")
        said = file.read_text()
        assert "Berta Brygga, 070-111 11 11" in said
        assert "Nils Nyckel, +46 70 222 22 22" in said
        assert "telefonnummer saknas" in said

    during(story, tmp_path, canaries=False)


def test_the_call_list_may_lie_elsewhere_than_the_data(tmp_path: Path) -> None:
    async def play() -> None:
        async with town(tmp_path, False) as there, serving(there, call_list=tmp_path / "elsewhere"):
            await until((tmp_path / "elsewhere" / NAME).exists, "a list")
            assert not (tmp_path / "data" / NAME).exists()

    asyncio.run(play())
