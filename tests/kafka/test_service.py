"""`beredd run --kafka` as its users meet it: two workers in processes of their own, real HTTP, a real sink, a death."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from rules.events import Event, Incident
from streams.sinks import PhoneSink
from streams.wire import encode
from tests.conftest import STOCKHOLM, loaded
from tests.kafka.world import make_topics
from tests.laws.effort import FACTOR
from tests.real.process import ServiceProcess, every_channel, write_secrets

pytestmark = pytest.mark.slow
SOON_S = 30.0
FAILOVER_S = 20.0


def leak(number: int) -> bytes:
    registry = loaded(STOCKHOLM).policy.registry
    areas = ("sodermalm", "jarva", "bromma", "farsta")
    payload = Incident(kind="no-water", area=areas[number % 4], ref=f"r{number}", text="Prov")
    source = registry.sources["verksamheter"].source
    return encode(Event(id=str(number), source=source, time=datetime.now(UTC), realm="live", payload=payload))


@contextmanager
def workers(kafka: str, folder: Path, url: str) -> Iterator[list[ServiceProcess]]:
    """Two workers of one installation."""
    prefix = f"{uuid4().hex[:8]}-"
    make_topics(kafka, prefix)
    secrets = folder / "secrets.yaml"
    write_secrets(secrets, every_channel(loaded(STOCKHOLM), url))
    data = folder / "data"
    data.mkdir()
    more = ("--kafka", kafka, "--prefix", prefix)
    made = [ServiceProcess(STOCKHOLM, data, secrets, more=more) for _ in range(2)]
    try:
        for worker in made:
            worker.start(60)
        yield made
    finally:
        for worker in made:
            if worker.process is not None and worker.process.poll() is None:
                worker.kill()


def situations(worker: ServiceProcess) -> list[str]:
    status, body = worker.get("/v1/situations")
    assert status == 200, body
    return [each["id"] for each in json.loads(body)["situations"]]


def test_any_worker_takes_any_report_and_shows_all(kafka: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with PhoneSink() as sink:
            with workers(kafka, tmp_path, sink.url("X").replace("X", "{}")) as (first, second):
                await _alerted(first, sink, leak(0))
                await _until(lambda: situations(second) == situations(first) != [])
                await _alerted(second, sink, leak(1))
                await _until(lambda: len(situations(first)) == len(situations(second)) > 1)
                assert await asyncio.to_thread(second.stop) == 0

    asyncio.run(scenario())


@pytest.mark.skipif(
    FACTOR == 1, reason="the death of a whole worker is tried by make prove; in CI tests/kafka/test_kill.py"
)
@pytest.mark.parametrize("course", range(5))
def test_the_next_alert_comes_soon_after_a_workers_death(course: int, kafka: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with PhoneSink() as sink:
            with workers(kafka, tmp_path, sink.url("X").replace("X", "{}")) as (first, second):
                await _alerted(first, sink, leak(0))
                await asyncio.to_thread(first.kill)
                began = time.monotonic()
                await _alerted(second, sink, leak(1))
                print(f"\nfrom the death of a worker to the next alert: {time.monotonic() - began:.1f} s")
                assert time.monotonic() - began < FAILOVER_S

    asyncio.run(scenario())


async def _alerted(worker: ServiceProcess, sink: PhoneSink, body: bytes) -> None:
    """The worker has taken it, and somebody has been told."""
    before = len(sink.inbox.arrivals)
    status, said = await asyncio.to_thread(worker.post, "/v1/events", body)
    assert status == 202, said
    await _until(lambda: len(sink.inbox.arrivals) > before)


async def _until(true: object) -> None:
    assert callable(true)
    async with asyncio.timeout(SOON_S):
        while not await asyncio.to_thread(true):  # noqa: ASYNC110  a poll with a deadline
            await asyncio.sleep(0.05)
