"""The doors while more comes than can be taken: readings are told to come again, and what is urgent is taken."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from prometheus_client.parser import text_string_to_metric_families

from notifiers.profile import Profile
from rules.events import Event, EventKind
from streams import body_space, events_door
from streams.body_space import BodySpace, NoSpace
from streams.door import READERS
from streams.events_door import INLINE_BYTES
from streams.job_queue import BOUNDS, Bounds, Lane
from streams.jobs import Failed
from streams.wire import Media, decode
from streams.writer import Writer
from tests.unit.test_http import START, Site, in_loop, leak, running

SENSOR = "svoa-tryck-001"


@pytest.fixture
def site(tmp_path: Path, stockholm: Profile) -> Iterator[Site]:
    with running(tmp_path / "beredd.sqlite", stockholm) as found:
        yield found


@contextmanager
def flooded(site: Site, *lanes: Lane) -> Iterator[threading.Event]:
    """The writer stands still until the event is set, and these lanes are full."""
    going = threading.Event()
    waiting: list[Future[Any]] = [site.host.ask(lambda journal: going.wait(10))]
    with pytest.MonkeyPatch.context() as patch:
        for lane in lanes:
            patch.setitem(BOUNDS, lane, Bounds(jobs=1))
        while site.host.backlog[Lane.QUESTIONS].jobs:  # until the writer has begun with it
            assert not waiting[0].done()
        for lane in lanes:
            said = readings("before") if lane is Lane.READINGS else leak("before")
            [event] = decode(json.dumps(said).encode(), Media.STRUCTURED, START)
            assert isinstance(event, Event)
            waiting.append(site.host.submit((event,), (), None))
        try:
            yield going
        finally:
            going.set()
            for future in waiting:
                future.result(10)


def readings(identity: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": "se.beredd.readings.v1",
        "source": "urn:beredd:svoa-scada",
        "id": identity,
        "data": {"readings": [{"sensor": SENSOR, "value": 4.2, "time": "2026-01-31T07:00:00Z"}]},
    }


async def answered(site: Site, going: threading.Event, sending: Coroutine[Any, Any, ClientResponse]) -> ClientResponse:
    """The answer to what is urgent: the writer goes on when it has been queued."""
    asked = asyncio.ensure_future(sending)
    async with asyncio.timeout(10):
        while not site.host.backlog[Lane.URGENT].jobs:  # noqa: ASYNC110  (a poll with a deadline: no asyncio thing)
            await asyncio.sleep(0.001)
    going.set()
    return await asked


async def _post(site: Site, body: str, media: Media) -> ClientResponse:
    return await site.client.post("/v1/events", data=body, headers={"Content-Type": media.value})


async def metric(site: Site, name: str, **labels: str) -> float:
    text = await (await site.get("/metrics")).text()
    samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
    [found] = [s.value for s in samples if s.name == name and s.labels == labels]
    return found


@in_loop
async def test_readings_are_refused_with_a_time_to_come_again_and_are_in_no_log(site: Site) -> None:
    with flooded(site, Lane.READINGS):
        response = await site.send(readings("r-1"), readings("r-2"))
        told = await response.json()
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1
        assert (told["accepted"], told["refused"]) == (0, [])
        assert "fler mätvärden" in told["error"]
        assert response.headers["Retry-After"] in told["error"], "how long, in words too"
        assert await metric(site, "beredd_refused_total", reason="overload") == 2
    assert site.counts()["refused"] == 0
    assert (await site.send(readings("r-1"))).status == 202, "the same again, later"


@in_loop
async def test_readings_in_a_single_envelope_are_refused_as_well(site: Site) -> None:
    with flooded(site, Lane.READINGS):
        assert (await _post(site, json.dumps(readings("r-1")), Media.STRUCTURED)).status == 503


@in_loop
async def test_an_incident_in_the_same_body_is_taken_and_the_readings_beside_it_are_refused(site: Site) -> None:
    with flooded(site, Lane.READINGS) as going:
        response = await answered(site, going, site.send(readings("r-1"), leak(), readings("r-2")))
    told = await response.json()
    assert response.status == 207
    assert int(response.headers["Retry-After"]) >= 1
    assert (told["accepted"], [(r["index"], r["reason"]) for r in told["refused"]]) == (
        1,
        [(0, "overload"), (2, "overload")],
    )


@in_loop
async def test_readings_that_cannot_be_saved_do_not_hide_that_the_incident_beside_them_is_safe(site: Site) -> None:
    accept = Writer.accept

    def failing(writer: Writer, events: tuple[Event, ...], *rest: Any) -> Any:
        if any(event.kind is EventKind.READINGS for event in events):
            return Failed(OSError("no room for readings"))
        return accept(writer, events, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "accept", failing)
        response = await site.send(readings("r-1"), leak())
        told = await response.json()
        assert (response.status, told["accepted"]) == (207, 1)
        assert [(r["index"], r["reason"]) for r in told["refused"]] == [(0, "overload")]
        assert (await site.send(readings("r-1"))).status == 503


@in_loop
async def test_a_type_behind_an_escape_is_no_way_to_lose_an_incident(site: Site) -> None:
    hidden = json.dumps([readings("r-1"), leak()]).replace("se.beredd.incident", "se\\u002eberedd.incident")
    with flooded(site, Lane.READINGS) as going:
        response = await answered(site, going, _post(site, hidden, Media.BATCH))
    assert (response.status, (await response.json())["accepted"]) == (207, 1)


@in_loop
async def test_what_is_urgent_is_refused_last_and_not_in_silence(site: Site) -> None:
    with flooded(site, Lane.URGENT):
        response = await site.send(leak())
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1
        assert "112" in (await response.json())["error"]


@in_loop
async def test_the_queue_is_shown_while_it_is_full(site: Site) -> None:
    with flooded(site, Lane.READINGS):
        assert await metric(site, "beredd_queue_full", lane="readings") == 1
        assert await metric(site, "beredd_queue_full", lane="urgent") == 0
        assert await metric(site, "beredd_queue_jobs", lane="readings") == 1
        assert await metric(site, "beredd_queue_oldest_seconds", lane="readings") > 0
    assert await metric(site, "beredd_queue_full", lane="readings") == 0


@in_loop
async def test_a_body_for_which_there_is_no_space_is_503(site: Site) -> None:
    site.door.space.held = body_space.SPACE_BYTES
    response = await site.send(leak())
    assert response.status == 503
    assert "Retry-After" in response.headers
    site.door.space.held = 0
    assert (await site.send(leak())).status == 202
    assert site.door.space.held == 0, "what is answered holds nothing"


def test_large_bodies_leave_space_for_small_ones() -> None:
    space = BodySpace(size=1_000_000, kept=300_000)
    with space.share() as large, space.share() as small:
        large.grow(600_000)
        with pytest.raises(NoSpace):
            large.grow(200_000)
        small.grow(100_000)
        assert space.held == 700_000
    assert space.held == 0


@in_loop
async def test_large_bodies_are_read_two_at_a_time_and_a_small_one_does_not_wait_for_them(site: Site) -> None:
    going, reading, most = threading.Event(), [0], [0]
    judge = events_door.judge

    def slow(intake: Any, principal: Any, body: bytes, *rest: Any) -> Any:
        if len(body) > INLINE_BYTES:
            reading[0] += 1
            most[0] = max(most[0], reading[0])
            going.wait(10)
            reading[0] -= 1
        return judge(intake, principal, body, *rest)

    large = json.dumps([leak()]) + " " * INLINE_BYTES
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events_door, "judge", slow)
        sending = [asyncio.ensure_future(_post(site, large, Media.BATCH)) for _ in range(READERS + 2)]
        async with asyncio.timeout(10):
            while reading[0] < READERS:  # noqa: ASYNC110  (a poll with a deadline: they are threads)
                await asyncio.sleep(0.001)
            assert (await site.send(leak("small"))).status == 202
        going.set()
        for answer in await asyncio.gather(*sending):
            assert answer.status == 202
    assert most[0] == READERS
