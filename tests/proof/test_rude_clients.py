"""Clients that are slow, hung or half gone, against the real service: a critical incident and a person's page are
answered in time all the same, and the process stays within its bounds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.process import memory_mb
from notifiers.profile import load_profile
from rules.events import Event, Incident
from streams.connections import CONNECTIONS
from streams.sinks import PhoneSink
from streams.wire import Media, encode
from tests.proof.raw_http import RawClient
from tests.real.process import ROOT, ServiceProcess, every_channel, write_secrets

STOCKHOLM = ROOT / "rules" / "stockholm"
ANSWER_S = 1.0
GROWTH_MB = 150
LASTS_S = 40 if os.environ.get("BEREDD_PROVE") == "1" else 5
"""Whole: longer than a body or a header may take to come."""

HALF_HEADERS = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A"
SLOW_BODY = (
    b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000000\r\n\r\n"
    + b"[" * 100_000
)
CHUNKED = (
    b"POST /v1/events HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"20000\r\n" + b" " * 1000
)
UNREAD = b"GET /v1/policy HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200
LARGE_HEADERS = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: " + b"a" * 100_000 + b"\r\n\r\n"
GARBAGE = random.Random(1).randbytes(10_000)
DEEP = b"[" * 900_000
DEEP_BODY = (
    b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    % len(DEEP)
) + DEEP
RUDE = {
    "half headers": (HALF_HEADERS, 150),
    "slow bodies": (SLOW_BODY, 100),
    "chunks that never end": (CHUNKED, 50),
    "answers that nobody reads": (UNREAD, 50),
    "large headers": (LARGE_HEADERS, 50),
    "garbage": (GARBAGE, 50),
    "deep and large": (DEEP_BODY, 20),
    "nothing at all": (b"", 700),
}
"""What each sends, and how many of them: together more than the service lets in."""


@contextlib.asynccontextmanager
async def rude(port: int) -> AsyncIterator[None]:
    """All of them are connected, have sent what they send, and stay: none reads, and half of them have hung up."""
    clients = []
    for said, number in RUDE.values():
        for n in range(number):
            with contextlib.suppress(ConnectionError):
                client = RawClient(port)
                await client.__aenter__()
                assert client.writer is not None
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # the transport of a socket
                client.writer.write(said)
                if n % 2 and client.writer.can_write_eof():
                    client.writer.write_eof()
                clients.append(client)
    try:
        yield
    finally:
        for client in clients:
            assert client.writer is not None
            client.writer.transport.abort()


@pytest.mark.slow
def test_rude_clients_hold_up_neither_an_incident_nor_a_persons_page(tmp_path: Path) -> None:
    asyncio.run(_scenario(tmp_path))


async def _scenario(folder: Path) -> None:
    profile, faults = load_profile(STOCKHOLM)
    assert profile is not None, faults
    async with PhoneSink() as phones:
        write_secrets(folder / "secrets.yaml", every_channel(profile, phones.url("{}").replace("%7B%7D", "{}")))
        service = ServiceProcess(STOCKHOLM, folder / "data", folder / "secrets.yaml")
        await asyncio.to_thread(service.start)
        try:
            await _hold(service, phones)
            assert await asyncio.to_thread(service.stop, 40) == 0
            log = (folder / "service.log").read_text()
            assert "Traceback" not in log, log[-3000:]
        finally:
            if service.process is not None and service.process.poll() is None:
                service.kill()


async def _hold(service: ServiceProcess, phones: PhoneSink) -> None:
    assert service.process is not None
    pid, slowest = service.process.pid, 0.0
    code = await _told(service, phones, "innan")
    before = memory_mb(pid)
    async with rude(service.port):
        until = time.monotonic() + LASTS_S
        number = 0
        while time.monotonic() < until:
            number += 1
            began = time.monotonic()
            await _told(service, phones, f"prov-{number}")
            slowest = max(slowest, time.monotonic() - began, await _timed(lambda: _page(service, code)))
            await asyncio.sleep(0.3)  # not to be a flood ourselves
        assert len(os.listdir(f"/proc/{pid}/fd")) < CONNECTIONS + 100
        grown = memory_mb(pid, "VmHWM") - before
    print(f"\n{number} incidents and pages, the slowest took {slowest:.3f} s; {grown:.0f} MB more")
    assert slowest < ANSWER_S
    assert grown < GROWTH_MB
    async with RawClient(service.port) as client:
        metrics = (await client.get("/metrics")).body.decode()
    [closed] = re.findall(r'beredd_turned_away_total\{why="connections"\} (\S+)', metrics)
    assert float(closed) > 0, "too few to prove anything"


async def _timed(asked: Callable[[], Awaitable[None]]) -> float:
    began = time.monotonic()
    await asked()
    return time.monotonic() - began


async def _told(service: ServiceProcess, phones: PhoneSink, tag: str) -> str:
    """Somebody has been told of a new incident. The code of the link to it."""
    said = Incident(kind="traffic-accident", area="sodermalm", text=f"{tag}!", danger_to_life=True)
    now = datetime.now(UTC)
    event = Event(id=tag, source="urn:beredd:kontaktcenter", time=now, realm="live", payload=said)
    async with RawClient(service.port) as client:
        answer = await client.post("/v1/events", encode(event), Media.STRUCTURED)
    assert answer.status == 202, answer
    while True:
        arrival = await phones.inbox.next(10)
        if f"{tag}!" in arrival.body:
            [code] = set(re.findall(r"/k/(\w+)", arrival.body))
            return code


async def _page(service: ServiceProcess, code: str) -> None:
    async with RawClient(service.port) as client:
        answer = await client.get(f"/k/{code}")
    assert answer.status == 200
    assert b"innan" in answer.body
