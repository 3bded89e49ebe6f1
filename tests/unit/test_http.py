"""The HTTP side over a real host and file: what is taken, what is refused, and that looking never changes anything."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import io
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from notifiers.attempt import Medium, Outcome, Verdict
from notifiers.degradation import Degradation, Trouble
from notifiers.notice import Purpose
from notifiers.profile import Profile
from notifiers.secrets import Secrets, load_secrets
from notifiers.ways import Standing
from rules.frozen import Frozen
from rules.record import MatterSnapshot
from streams import door as door_module
from streams.clock import StoryClock
from streams.codes import Codes
from streams.door import Door
from streams.embedded import EmbeddedHost, Handout
from streams.health import Health, Way
from streams.http import BODY_BYTES, application
from streams.intake import intake_of
from streams.metrics import Gauged, Metrics
from streams.pages import MISSES, Misses
from streams.proxies import Proxies
from streams.situations import asks
from streams.view import CodeHolder, View
from streams.wire import Media

STOCKHOLM = Path(__file__).parents[2] / "rules" / "stockholm"
START = datetime(2026, 1, 31, 7, 0, tzinfo=UTC)
DRILL = "exercise/styrbjorn-2"


class _Listener:
    def __init__(self, view: View, metrics: Metrics) -> None:
        self._view, self._metrics = view, metrics
        self.handouts: list[Handout] = []

    def recorded(self, realm: str, record: Frozen) -> None:
        self._view.apply(realm, record)
        self._metrics.recorded(realm, record)

    def handed_out(self, handout: Handout) -> None:
        self.handouts.append(handout)  # until `deliver` nobody delivers: what is asked stays asked

    def counted(self, what: str, amount: int) -> None:
        self._metrics.counted(what, amount)


class Site:
    """A host over a file of its own, and a client at its doors."""

    client: TestClient[Any, Any]

    def __init__(self, file: Path, profile: Profile, secrets: Secrets | None) -> None:
        self.clock = StoryClock(START)
        self.view = View(Codes(b"a key for tests, of 32 characters").code)
        backlog = lambda: self.host.backlog  # noqa: E731  (the host is made after what reads it)
        gauged = Gauged(self.view, lambda: profile, lambda: 0, lambda: 0.0, lambda: self.host.fault, backlog=backlog)
        metrics = Metrics(gauged, START)
        intake = intake_of(profile, STOCKHOLM, open_door=secrets is None)
        self._listener = _Listener(self.view, metrics)
        self.host = EmbeddedHost(file, intake, self.clock, self._listener)
        self.door = Door(self.host, self.view, self.clock, secrets, metrics, channels=1, open=secrets is None)

    async def during(self, scenario: Callable[[Site], Awaitable[None]]) -> None:
        async with TestClient(TestServer(application(self.door))) as self.client:
            await scenario(self)

    async def send(self, *events: dict[str, Any], **headers: str) -> ClientResponse:
        headers = {"Content-Type": Media.BATCH.value} | headers
        return await self.client.post("/v1/events", data=json.dumps(events), headers=headers)

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self.client.get(path, headers=headers)

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = self.host.ask(lambda journal: journal.counts()).result()
        return found

    def deliver(self) -> None:
        """Every message that waits has been taken by its provider."""
        while self._listener.handouts:
            handout = self._listener.handouts.pop()
            sent = handout.attempt
            taken = Outcome(attempt=sent.id, notice=sent.notice, person=sent.person, verdict=Verdict.ACCEPTED)
            self.host.report(handout.realm, taken).result()

    def wait(self, minutes: float) -> None:
        """Time has passed, and the timers that came due have fired."""
        self.clock.advance(self.clock.now() + timedelta(minutes=minutes))
        self.host.ask(lambda journal: None).result()

    def messages(self, person: str, realm: str = "live") -> list[tuple[str, CodeHolder]]:
        """The codes of a person's messages, oldest first."""
        found = {r.id: r for s in self.view.situations(realm, closed=True) for r in s.notices.values()}
        mine = sorted((r for r in found.values() if r.person == person), key=lambda r: r.notices[-1].number)
        return [(self.view.code_of(realm, r.id), CodeHolder(realm, r)) for r in mine]

    def code(self, person: str, realm: str = "live") -> str:
        return self.messages(person, realm)[-1][0]

    async def answer(self, code: str, answer: str, **headers: str) -> ClientResponse:
        return await self.client.post(f"/k/{code}", data={"answer": answer}, headers=headers, allow_redirects=False)

    async def page(self, code: str) -> str:
        response = await self.get(f"/k/{code}")
        assert response.status == 200
        return await response.text()


def in_loop(test: Callable[[Site], Awaitable[None]]) -> Callable[..., None]:
    """The test runs in an event loop, with the client of its one fixture open."""

    @functools.wraps(test)
    def run(**fixtures: Site) -> None:
        (site,) = fixtures.values()
        asyncio.run(site.during(test))

    return run


@contextmanager
def running(file: Path, profile: Profile, secrets: Secrets | None = None) -> Iterator[Site]:
    site = Site(file, profile, secrets)
    site.host.start()
    try:
        yield site
    finally:
        site.host.stop()


@pytest.fixture
def site(tmp_path: Path, stockholm: Profile) -> Iterator[Site]:
    with running(tmp_path / "beredd.sqlite", stockholm) as found:
        yield found


@pytest.fixture
def locked(tmp_path: Path, stockholm: Profile) -> Iterator[Site]:
    """A site with keys, at an address that others reach."""
    file = tmp_path / "secrets.yaml"
    keys = {"kc-key": "{source: kontaktcenter}", "anna-key": "{person: p-anna-ek}"}
    lines = [f'  "{hashlib.sha256(k.encode()).hexdigest()}": {v}' for k, v in keys.items()]
    file.write_text("\n".join(["tokens:", *lines]))
    file.chmod(0o600)
    with running(tmp_path / "beredd.sqlite", stockholm, load_secrets(file)) as found:
        yield found


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def event(identity: str, kind: str, source: str = "kontaktcenter", realm: str = "live", **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "type": "se.beredd.incident.v1",
        "source": f"urn:beredd:{source}",
        "id": identity,
        "time": "2026-01-31T07:00:00Z",
        "realm": realm,
        "data": {"kind": kind, "area": "sodermalm"} | data,
    }


def leak(identity: str = "leak-1") -> dict[str, Any]:
    return event(identity, "leak", "svoa-drift", text="Läcka på Hornsgatan")


def no_water(identity: str = "water-1") -> dict[str, Any]:
    return event(identity, "no-water", text="Boendet har inget vatten", asset="aldreboende-ringvagen")


def fire(identity: str = "fire-1", **data: Any) -> dict[str, Any]:
    return event(identity, "fire", text="Rök ur en källare", **data)


# --- events in -------------------------------------------------------------------------------------------------------


@in_loop
async def test_events_that_are_taken_are_answered_with_202_after_the_commit(site: Site) -> None:
    response = await site.send(leak(), no_water())
    assert response.status == 202
    assert await response.json() == {"accepted": 2, "duplicates": 0, "refused": []}
    assert site.counts()["log"] == 2


@in_loop
async def test_a_duplicate_counts_as_taken_and_changes_nothing(site: Site) -> None:
    await site.send(leak())
    before = site.counts()
    response = await site.send(leak())
    assert response.status == 202
    assert await response.json() == {"accepted": 0, "duplicates": 1, "refused": []}
    assert site.counts() == before


@in_loop
async def test_an_empty_batch_is_202_with_zeros(site: Site) -> None:
    response = await site.send()
    assert response.status == 202
    assert await response.json() == {"accepted": 0, "duplicates": 0, "refused": []}


@in_loop
async def test_a_batch_that_is_partly_refused_says_which_and_why_and_keeps_the_rest(site: Site) -> None:
    response = await site.send(leak(), event("x", "fire", source="nobody"), no_water())
    told = await response.json()
    assert response.status == 207
    assert (told["accepted"], [(r["index"], r["reason"]) for r in told["refused"]]) == (2, [(1, "source")])
    assert "inte registrerad" in told["refused"][0]["message"]
    assert site.counts()["refused"] == 1


@in_loop
async def test_a_refusal_in_ndjson_names_the_line_an_editor_shows(site: Site) -> None:
    strange = event("x", "fire", source="nobody")
    body = "\n".join(["", json.dumps(leak()), "", json.dumps(strange), "{not json"])
    response = await site.client.post("/v1/events", data=body, headers={"Content-Type": Media.NDJSON.value})
    told = await response.json()
    assert response.status == 207
    assert [(r["line"], r["reason"]) for r in told["refused"]] == [(4, "source"), (5, "not_json")]


@in_loop
async def test_when_every_refusal_is_about_rights_the_status_is_403(site: Site) -> None:
    response = await site.send(event("a", "fire", source="nobody"), leak() | {"realm": DRILL})
    told = await response.json()
    assert response.status == 403
    assert [r["reason"] for r in told["refused"]] == ["source", "realm"]


@in_loop
async def test_when_nothing_can_be_read_the_status_is_422_and_the_refusal_is_logged(site: Site) -> None:
    response = await site.send({"specversion": "0.3"}, event("a", "fire", source="nobody"))
    assert response.status == 422
    assert site.counts()["refused"] == 2
    logged = await (await site.get("/v1/log/refused?limit=1")).json()
    assert logged["refused"][0]["reason"] in ("spec_version", "source")


@in_loop
async def test_a_realm_that_is_no_realm_is_a_fault_in_the_event_and_not_of_rights(site: Site) -> None:
    assert (await site.send(leak() | {"realm": "övning"})).status == 422


@in_loop
async def test_a_body_of_another_media_type_is_415(site: Site) -> None:
    response = await site.client.post("/v1/events", data=b"<a/>", headers={"Content-Type": "text/xml"})
    assert response.status == 415
    assert (await response.json())["refused"][0]["reason"] == "content_type"
    assert site.counts()["refused"] == 1


@in_loop
async def test_a_packed_body_is_415_and_is_not_unpacked(site: Site) -> None:
    headers = {"Content-Type": Media.BATCH.value, "Content-Encoding": "gzip"}
    response = await site.client.post("/v1/events", data=b"[]", headers=headers)
    assert response.status == 415
    assert "okomprimerat" in (await response.json())["refused"][0]["message"]


@in_loop
async def test_a_body_that_says_it_is_too_large_is_413(site: Site) -> None:
    response = await site.client.post("/v1/events", data=io.BytesIO(b" " * (BODY_BYTES + 1)))
    assert response.status == 413
    assert (await response.json())["refused"][0]["reason"] == "too_large"


@in_loop
async def test_a_body_that_hides_how_large_it_is_is_413(site: Site) -> None:
    async def endless() -> Any:
        for _ in range(BODY_BYTES // 65536 + 2):
            yield b" " * 65536

    assert (await site.client.post("/v1/events", data=endless())).status == 413


@in_loop
async def test_a_large_batch_is_taken_whole(site: Site) -> None:
    """Large bodies are decoded in a thread of their own; the outcome is the same."""
    batch = [event(f"e{i}", "traffic-accident", text="x" * 600) for i in range(150)]
    response = await site.send(*batch)
    assert (response.status, (await response.json())["accepted"]) == (202, 150)


def test_a_body_that_does_not_come_in_time_is_408(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "BODY_S", 0.05)

    async def scenario(site: Site) -> None:
        async def slow() -> Any:
            yield b"["
            await asyncio.sleep(0.5)

        headers = {"Content-Type": Media.BATCH.value}
        response = await site.client.post("/v1/events", data=slow(), headers=headers)
        assert response.status == 408
        assert site.counts()["log"] == 0

    asyncio.run(site.during(scenario))


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_commit_that_fails_is_503_with_a_time_to_come_back(site: Site, accept: str) -> None:
    class Failing:
        intake = site.host.intake
        fault = "IOError: disk I/O error"

        def submit(self, *_: object) -> Future[Any]:
            failed: Future[Any] = Future()
            failed.set_exception(OSError("disk I/O error"))
            return failed

        ask = probe = submit

    site.door = replace(site.door, host=Failing())

    async def scenario(site: Site) -> None:
        response = await site.send(leak(), Accept=accept)
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert "disk" not in await response.text()
        ready = await site.get("/readyz")
        assert ready.status == 503
        assert len((await ready.json())["reasons"]) == 2

    asyncio.run(site.during(scenario))


@in_loop
async def test_a_decision_needs_a_persons_own_key_even_on_loopback(site: Site) -> None:
    decision = leak() | {
        "type": "se.beredd.decision.v1",
        "data": {"decision": "close", "by": "tib", "matter": "sodermalm-20260131-1"},
    }
    response = await site.send(decision)
    assert response.status == 403
    assert (await response.json())["refused"][0]["reason"] == "person"


# --- keys ------------------------------------------------------------------------------------------------------------


@in_loop
async def test_where_keys_are_required_a_missing_or_unknown_one_is_401_and_fills_no_log(locked: Site) -> None:
    for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Basic a2M6a2V5"}):
        response = await locked.send(event("a", "fire"), **headers)
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert locked.counts()["refused"] == 0


@in_loop
async def test_a_key_opens_for_its_own_source_and_no_other(locked: Site) -> None:
    key = {"Authorization": "Bearer kc-key"}
    assert (await locked.send(event("a", "fire"), **key)).status == 202
    assert (await locked.send(leak(), **key)).status == 403


@in_loop
async def test_where_others_reach_the_address_reading_needs_a_key_too(locked: Site) -> None:
    paths = ("/v1/situations", "/v1/situations/x", "/v1/log/events", "/v1/log/refused", "/", "/s/x")
    assert [(await locked.get(path)).status for path in paths] == [401] * len(paths)
    assert (await locked.get("/v1/situations", Authorization="Bearer anna-key")).status == 200


@in_loop
async def test_the_page_behind_a_link_needs_no_other_key_than_its_code(locked: Site) -> None:
    await locked.send(event("a", "no-water"), Authorization="Bearer kc-key")
    code = locked.code("p-anna-ek")
    assert (await locked.get(f"/k/{code}")).status == 200
    assert (await locked.answer(code, "taken")).status == 303


# --- situations and logs out -----------------------------------------------------------------------------------------


@in_loop
async def test_a_situation_tells_the_computed_and_the_decided_apart_with_its_reasons_and_its_plan(site: Site) -> None:
    await site.send(no_water())
    listed = (await (await site.get("/v1/situations")).json())["situations"]
    assert [(s["alert_level"], s["basis"], s["declared_state"]) for s in listed] == [
        ("särskild händelse", "provisional", "normal")
    ]
    whole = await (await site.get(f"/v1/situations/{listed[0]['id']}")).json()
    assert whole["causes"][0]["facts"][0]["event"] == "water-1"
    assert whole["proposals"][0]["state"] == "pending"
    plan = {(row["role"], row["organisation"]): row for row in whole["plan"]}
    water = plan["svoa_drift", "svoa"]
    assert (water["action"], water["principle"], water["relation"]) == ("act", "responsibility", "request")
    assert (water["state"], water["person"], water["deadline"]) == ("asked", "p-anna-ek", "2026-01-31T07:05:00Z")
    assert whole["notices"]["by_state"]["sending"] == len(whole["notices"]["messages"])
    assert any("öppnar ärendet" in line["said"] for line in whole["log"])


@in_loop
async def test_no_code_and_no_channel_is_ever_shown_with_a_situation(site: Site) -> None:
    await site.send(no_water())
    matter = (await (await site.get("/v1/situations")).json())["situations"][0]["id"]
    shown = await (await site.get(f"/v1/situations/{matter}")).text() + await (await site.get(f"/s/{matter}")).text()
    assert site.code("p-anna-ek") not in shown
    assert "anna-ek-push" not in shown


@in_loop
async def test_an_exercise_and_the_live_realm_never_show_each_other(site: Site) -> None:
    await site.send(event("a", "fire", source="ovning:styrbjorn-2", realm=DRILL))
    assert (await (await site.get("/v1/situations")).json())["situations"] == []
    drill = (await (await site.get(f"/v1/situations?realm={DRILL}")).json())["situations"]
    assert len(drill) == 1
    assert (await site.get(f"/v1/situations/{drill[0]['id']}")).status == 404
    assert (await site.get(f"/s/{drill[0]['id']}")).status == 404
    assert "ÖVNING" in await (await site.get(f"/s/{drill[0]['id']}?realm={DRILL}")).text()
    assert "Inga öppna ärenden" in await (await site.get("/")).text()
    assert "ÖVNING" in await (await site.get(f"/?realm={DRILL}")).text()


@in_loop
async def test_the_log_shows_the_newest_events_first_as_they_came(site: Site) -> None:
    await site.send(leak("first"), leak("second"))
    shown = (await (await site.get("/v1/log/events?limit=1")).json())["events"]
    assert [(e["id"], e["event"]["payload"]["kind"]) for e in shown] == [("second", "leak")]


@pytest.mark.parametrize(
    "path",
    ["/v1/situations?realm=skarpt", "/v1/situations?closed=ja", "/v1/log/events?limit=0", "/v1/log/refused?limit=9e9"],
)
def test_a_query_that_means_nothing_is_400_with_a_reason(site: Site, path: str) -> None:
    async def scenario(site: Site) -> None:
        response = await site.get(path)
        assert response.status == 400
        assert "väntade" in (await response.json())["error"]

    asyncio.run(site.during(scenario))


@in_loop
async def test_unknown_paths_are_404_as_json_or_as_a_page(site: Site) -> None:
    missing = await site.get("/v1/situations/none")
    assert (missing.status, missing.content_type) == (404, "application/json")
    assert (await site.get("/v2/x")).content_type == "application/json"
    page = await site.get("/finns-inte", Accept="text/html")
    assert (page.status, page.content_type) == (404, "text/html")
    assert (await site.client.delete("/v1/events")).status == 405


def test_a_fault_in_a_handler_is_500_without_a_traceback_and_is_logged_without_the_code(
    site: Site, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("inside")

    async def scenario(site: Site) -> None:
        for path in ("/v1/situations", "/", "/k/2345678923"):
            response = await site.get(path)
            assert response.status == 500
            assert "inside" not in await response.text()

    monkeypatch.setattr(site.view.__class__, "situations", broken)
    monkeypatch.setattr(site.view.__class__, "holder", broken)
    asyncio.run(site.during(scenario))
    ours = "".join(r.getMessage() for r in log.records if r.name.startswith("streams"))
    assert "/k/{code}" in ours
    assert "2345678923" not in ours


# --- how the process is ----------------------------------------------------------------------------------------------


@in_loop
async def test_the_process_says_that_it_lives_that_it_is_ready_and_what_it_counts(site: Site) -> None:
    await site.send(leak())
    assert (await site.get("/healthz")).status == 200
    ready = await site.get("/readyz")
    assert (ready.status, await ready.json()) == (200, {"ready": True, "reasons": []})
    metrics = await (await site.get("/metrics")).text()
    assert 'beredd_events_total{kind="incident",outcome="accepted"} 1.0' in metrics
    assert "beredd_open_matters 1.0" in metrics


def test_without_a_channel_the_process_is_not_ready(site: Site) -> None:
    site.door = replace(site.door, channels=0)

    async def scenario(site: Site) -> None:
        response = await site.get("/readyz")
        assert response.status == 503
        assert "kanal" in (await response.json())["reasons"][0]

    asyncio.run(site.during(scenario))


def test_the_process_is_as_ready_as_its_own_watch_says_and_tells_what_that_rests_on(site: Site) -> None:
    way = Way("sms genom x", (Medium.SMS,), True, Standing.FAILING, START, "inget svar", 95.0)
    lost = Trouble(Degradation.NO_WAY_OUT)
    health = Health(("inga larm kommer fram",), Standing.FAILING, (way,), ((lost, START),), ("p-anna-ek: finns ej",))
    site.door = replace(site.door, health=lambda: health)

    async def scenario(site: Site) -> None:
        response = await site.get("/readyz")
        said = await response.json()
        assert (response.status, said["reasons"]) == (503, ["inga larm kommer fram"])
        assert said["ways"][0] == {
            "name": "sms genom x",
            "media": ["sms"],
            "critical": True,
            "state": "failing",
            "since": "2026-01-31T07:00:00Z",
            "why": "inget svar",
            "told_within_seconds": 95.0,
        }
        assert said["troubles"][0]["state"] == "no_way_out"
        assert "p-anna-ek" not in await response.text()  # anybody may ask; whom it concerns stands on the page
        page = await (await site.get("/drift")).text()
        assert "P-anna-ek: finns ej." in page
        assert "Ring dem det gäller, efter ringlistan" in page
        assert "kommer inte fram som de ska" in await (await site.get("/")).text()

    asyncio.run(site.during(scenario))


def test_the_operations_page_is_for_those_who_may_look(site: Site) -> None:
    fine = Health((), Standing.WORKS, (), (), ())
    site.door = replace(site.door, open=False, health=lambda: fine)

    async def scenario(site: Site) -> None:
        assert (await site.get("/drift")).status == 401

    asyncio.run(site.during(scenario))


# --- the page behind a link ------------------------------------------------------------------------------------------


@in_loop
async def test_looking_at_the_page_changes_nothing_however_often_and_with_head_too(site: Site) -> None:
    await site.send(no_water())
    code, before = site.code("p-anna-ek"), site.counts()
    for _ in range(3):
        assert (await site.get(f"/k/{code}")).status == 200
        assert (await site.client.head(f"/k/{code}")).status == 200
    assert site.counts() == before


@in_loop
async def test_the_page_says_what_where_how_bad_what_to_do_why_and_by_when(site: Site) -> None:
    await site.send(no_water())
    page = await site.page(site.code("p-anna-ek"))
    for said in (
        "Verksamhet utan vatten",
        "Boendet har inget vatten",
        "Södermalm",
        "särskild händelse",
        "föreslagen, väntar på beslut",
        "Beslutat läge",
        "Vi ber er agera",
        "08:05",
        "Ordna nödvatten",
        "ansvarar för vatten",
        "Chef i beredskap, Södermalms stadsdelsnämnd",
        "Ingen har tagit det än",
        "Vi åtar oss det",
        "Jag kan inte",
    ):
        assert said in page
    assert 'lang="en"' in page
    assert "<script" not in page


@in_loop
async def test_taking_it_is_saved_and_then_shown_and_pressing_twice_does_no_harm(site: Site) -> None:
    await site.send(no_water())
    code = site.code("p-anna-ek")
    for _ in range(2):
        response = await site.answer(code, "taken")
        assert (response.status, response.headers["Location"]) == (303, f"/k/{code}")
    page = await site.page(code)
    assert "Du har tagit det 08:00" in page
    assert "<button" not in page
    situation = site.view.situations("live")[0]
    assert [o.answered_by for o in situation.obligations if o.row.role == "svoa_drift"] == ["p-anna-ek"]


@in_loop
async def test_an_answer_is_an_event_of_the_door_with_the_generations_that_were_shown(site: Site) -> None:
    await site.send(no_water())
    code, holder = site.messages("p-anna-ek")[-1]
    await site.answer(code, "taken")
    newest = (await (await site.get("/v1/log/events?limit=1")).json())["events"][0]
    said = newest["event"]["payload"]
    assert (newest["source"], newest["realm"], newest["kind"]) == ("urn:beredd:door", "live", "acknowledgement")
    notice = holder.record.notices[0]
    assert said["matters"] == [{"matter": notice.matter, "generation": notice.generation}]
    assert (said["person"], said["notice"], said["via"]) == ("p-anna-ek", holder.record.id, "page")


@in_loop
async def test_declining_passes_the_question_on_and_the_page_says_to_whom(site: Site) -> None:
    await site.send(no_water())
    code = site.code("p-anna-ek")
    await site.answer(code, "declined")
    page = await site.page(code)
    assert "Du svarade 08:00 att du inte kan. Nu tillfrågad:" in page
    assert 'value="declined"' not in page
    asked = next(o for o in site.view.situations("live")[0].obligations if o.row.role == "svoa_drift").person
    assert asked not in (None, "p-anna-ek")
    assert "Ingen har tagit det än" in await site.page(site.code(str(asked)))


@pytest.mark.parametrize("report", [no_water(), fire(danger_to_life=True)], ids=["one at a time", "all at once"])
def test_that_somebody_declined_is_remembered_after_a_restart(
    report: dict[str, Any], tmp_path: Path, stockholm: Profile
) -> None:
    async def decline(site: Site) -> None:
        await site.send(report)
        plan = site.view.situations("live")[0].obligations
        declining.append(site.code(next(str(o.asked[0]) for o in plan if asks(o))))
        await site.answer(declining[0], "declined")

    async def look(site: Site) -> None:
        page = await site.page(declining[0])
        assert "Du svarade att du inte kan." in page
        assert 'value="declined"' not in page
        assert 'value="taken"' in page

    declining: list[str] = []
    for scenario in (decline, look):
        with running(tmp_path / "beredd.sqlite", stockholm) as site:
            asyncio.run(site.during(scenario))


@in_loop
async def test_who_declined_may_still_take_it_and_the_next_one_sees_who_did(site: Site) -> None:
    await site.send(no_water())
    code = site.code("p-anna-ek")
    await site.answer(code, "declined")
    after = next(o for o in site.view.situations("live")[0].obligations if o.row.role == "svoa_drift").person
    await site.answer(code, "taken")
    assert "Du har tagit det" in await site.page(code)
    other = await site.page(site.code(str(after)))
    assert "Anna Ek tog det 08:00. Du behöver inte svara." in other
    assert "<button" not in other


@in_loop
async def test_when_time_has_passed_somebody_on_the_page_says_so_and_still_lets_them_take_it(site: Site) -> None:
    await site.send(no_water())
    code = site.code("p-anna-ek")
    site.deliver()
    site.wait(5.1)
    page = await site.page(code)
    assert "Frågan har gått vidare. Nu tillfrågad:" in page
    assert "Svaret skulle ha kommit" in page
    assert 'value="taken"' in page


@in_loop
async def test_an_old_page_says_that_the_level_has_risen_and_leads_to_the_newer_message(site: Site) -> None:
    await site.send(leak())
    old = site.code("p-anna-ek")
    site.wait(0.25)
    await site.send(no_water())
    new = site.code("p-anna-ek")
    page = await site.page(old)
    assert new != old
    assert "Då: normal. Nu: särskild händelse." in page
    assert f'href="/k/{new}"' in page
    assert "<button" not in page
    assert "<button" in await site.page(new)


@in_loop
async def test_an_answer_to_the_lower_level_does_not_count_for_the_higher(site: Site) -> None:
    await site.send(leak())
    old = site.code("p-anna-ek")
    site.wait(0.25)
    await site.send(no_water())
    assert (await site.answer(old, "taken")).status == 303
    assert "allvarligare" in await site.page(old)
    assert "<button" in await site.page(site.code("p-anna-ek"))


@in_loop
async def test_a_message_that_asks_nothing_has_no_buttons_and_takes_no_answer(site: Site) -> None:
    await site.send(fire())
    code = site.code("p-stina-stege")
    page = await site.page(code)
    assert "Du behöver inte svara på det här" in page
    assert "<button" not in page
    before = site.counts()
    assert (await site.answer(code, "taken")).status == 303
    assert site.counts() == before


@in_loop
async def test_an_update_has_no_buttons(site: Site) -> None:
    await site.send(leak())
    site.wait(0.25)
    await site.send(event("leak-2", "leak", "svoa-drift", text="Vattnet stiger"))
    code, holder = site.messages("p-anna-ek")[-1]
    assert holder.record.notices[0].purpose is Purpose.UPDATE
    page = await site.page(code)
    assert "Ny uppgift" in page
    assert "<button" not in page


@in_loop
async def test_ring_112_stands_first_where_life_is_in_danger(site: Site) -> None:
    await site.send(fire())
    page = await site.page(site.code("p-jasmin-asplov"))
    body = page[page.index("<body") :]
    assert body.index("Ring 112") < body.index("<main")
    assert "<title>Ring 112." in page
    assert 'href="tel:112"' in page


@in_loop
async def test_where_all_are_asked_at_once_each_sees_that_nobody_has_taken_it_until_somebody_has(site: Site) -> None:
    await site.send(fire())
    people = ("p-jasmin-asplov", "p-joel-salgtopp", "p-tilda-komet")
    for person in people:
        assert "Ingen har tagit det än" in await site.page(site.code(person))
    await site.answer(site.code("p-tilda-komet"), "taken")
    assert "Tilda Komet tog det" in await site.page(site.code("p-jasmin-asplov"))
    assert "Du har tagit det" in await site.page(site.code("p-tilda-komet"))


@in_loop
async def test_an_exercise_says_so_first_and_never_links_to_112(site: Site) -> None:
    await site.send(event("a", "fire", source="ovning:styrbjorn-2", realm=DRILL))
    person = next(o.person for o in site.view.situations(DRILL)[0].obligations if o.person)
    page = await site.page(site.code(person, DRILL))
    assert "<title>ÖVNING." in page
    body = page[page.index("<body") :]
    assert body.index("ÖVNING.") < body.index("<main")
    assert "I skarpt läge: ring 112." in body
    assert "tel:112" not in page


@in_loop
async def test_text_that_looks_like_html_is_shown_as_text(site: Site) -> None:
    await site.send(event("a", "no-water", text="<img src=x onerror=alert(1)><b>nu</b>"))
    matter = site.view.situations("live")[0].matter
    assert matter is not None
    for path in (f"/k/{site.code('p-anna-ek')}", f"/s/{matter.id}", "/"):
        page = await (await site.get(path)).text()
        assert "<img" not in page
        assert "<b>nu" not in page


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://elsewhere.example"}],
    ids=str,
)
def test_an_answer_sent_by_another_site_is_refused(site: Site, headers: dict[str, str]) -> None:
    async def scenario(site: Site) -> None:
        await site.send(no_water())
        before = site.counts()
        assert (await site.answer(site.code("p-anna-ek"), "taken", **headers)).status == 403
        assert site.counts() == before

    asyncio.run(site.during(scenario))


@in_loop
async def test_our_own_form_is_taken_with_the_headers_browsers_send(site: Site) -> None:
    await site.send(no_water())
    own = f"http://{site.client.host}:{site.client.port}"
    for headers in ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": own}):
        assert (await site.answer(site.code("p-anna-ek"), "taken", **headers)).status == 303


@pytest.mark.parametrize("form", [b"", b"answer=kanske", b"answer=taken&answer=declined", b"\xff\xfe", b"a" * 5000])
def test_a_form_that_gives_no_answer_is_400(site: Site, form: bytes) -> None:
    async def scenario(site: Site) -> None:
        await site.send(no_water())
        response = await site.client.post(f"/k/{site.code('p-anna-ek')}", data=form)
        assert response.status == 400

    asyncio.run(site.during(scenario))


@in_loop
async def test_an_unknown_code_is_404_in_swedish_and_guessing_is_stopped(site: Site) -> None:
    await site.send(no_water())
    missing = await site.get("/k/2345678923")
    assert (missing.status, missing.content_type) == (404, "text/html")
    assert "Länken leder ingenstans" in await missing.text()
    for i in range(MISSES - 1):
        await site.get(f"/k/guess{i}")
    stopped = await site.get("/k/2345678923")
    assert stopped.status == 429
    assert 0 < int(stopped.headers["Retry-After"]) <= 61
    assert (await site.get(f"/k/{site.code('p-anna-ek')}")).status == 429


def test_behind_a_trusted_proxy_one_who_guesses_does_not_stop_the_others(site: Site) -> None:
    site.door = replace(site.door, proxies=Proxies.of(["127.0.0.1"]))

    async def scenario(site: Site) -> None:
        await site.send(no_water())
        for i in range(MISSES + 1):
            await site.get(f"/k/guess{i}", **{"X-Forwarded-For": "192.0.2.1, 198.51.100.7"})
        own = f"/k/{site.code('p-anna-ek')}"
        assert (await site.get(own, **{"X-Forwarded-For": "198.51.100.7"})).status == 429
        assert (await site.get(own, **{"X-Forwarded-For": "198.51.100.7, 203.0.113.9"})).status == 200

    asyncio.run(site.during(scenario))


def test_guesses_from_one_network_of_ipv6_count_together_and_are_forgotten_after_a_minute() -> None:
    misses = Misses()
    for i in range(MISSES):
        misses.missed(f"2001:db8:0:1::{i:x}", float(i))
    assert misses.wait_s("2001:db8:0:1::ffff", 20.0) == 40.0
    assert misses.wait_s("2001:db8:0:2::1", 20.0) == 0
    assert misses.wait_s("2001:db8:0:1::ffff", 60.0) == 0


@in_loop
async def test_every_page_forbids_scripts_framing_caching_and_referrers(site: Site) -> None:
    await site.send(no_water())
    for path in (f"/k/{site.code('p-anna-ek')}", "/", "/k/none", "/v1/situations"):
        headers = (await site.get(path)).headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Server"] == "beredd"


@in_loop
async def test_a_message_about_two_matters_shows_both_and_one_answer_covers_both(site: Site) -> None:
    await site.send(event("a", "leak", "svoa-drift", area="bromma"))
    await site.send(event("b", "leak", "svoa-drift", area="farsta"), event("c", "leak", "svoa-drift", area="jarva"))
    site.wait(0.2)
    both = [(c, h) for c, h in site.messages("p-anna-ek") if len(h.record.notices) == 2]
    page = await site.page(both[-1][0])
    assert "Vattenläcka, Farsta" in page
    assert "Vattenläcka, Järva" in page
    await site.answer(both[-1][0], "taken")
    taken = {
        s.matter.area: o.answered_by
        for s in site.view.situations("live")
        for o in s.obligations
        if s.matter is not None and o.row.role == "svoa_drift"
    }
    assert taken == {"bromma": None, "farsta": "p-anna-ek", "jarva": "p-anna-ek"}


@in_loop
async def test_when_the_matter_is_closed_the_page_says_so_and_asks_nothing(site: Site) -> None:
    await site.send(fire())
    matter = site.view.situations("live")[0].matter
    assert matter is not None
    site.view.apply("live", MatterSnapshot(matter=matter.model_copy(update={"closed_at": START})))
    page = await site.page(site.code("p-jasmin-asplov"))
    assert "Ärendet är avslutat" in page
    assert "<button" not in page
    assert "tel:112" not in page


@in_loop
async def test_whoever_answers_after_the_whole_chain_was_asked_in_vain_is_heard(site: Site) -> None:
    """Between two rounds nobody is asked, but a late answer is still worth having."""
    await site.send(leak())
    code = site.code("p-anna-ek")
    for _ in range(12):
        site.deliver()
        site.wait(5)
        asked = next(o for o in site.view.situations("live")[0].obligations if o.row.role == "svoa_drift")
        if asked.person is None:
            break
    assert asked.person is None
    assert "<button" in await site.page(code)
    await site.answer(code, "taken")
    assert "Du har tagit det" in await site.page(code)


@in_loop
async def test_a_decider_learns_that_taking_the_question_is_not_deciding_it(site: Site) -> None:
    await site.send(no_water())
    code = site.code("p-isak-bjorknaver")
    assert "Att ta frågan är inte att besluta" in await site.page(code)
    await site.answer(code, "taken")
    assert "Du har tagit det" in await site.page(code)
    decides = next(o for o in site.view.situations("live")[0].obligations if o.row.action == "decide")
    assert decides.open


@in_loop
async def test_when_a_decision_is_late_the_next_decider_is_not_told_that_it_is_taken(site: Site) -> None:
    await site.send(no_water())
    first = site.code("p-isak-bjorknaver")
    await site.answer(first, "taken")
    site.deliver()
    site.wait(16)
    assert "Frågan har gått vidare. Nu tillfrågad: Iris Lönnlöv." in await site.page(first)
    assert "Ingen har tagit det än" in await site.page(site.code("p-iris-lonnlov"))


# --- the pages of what is going on -----------------------------------------------------------------------------------


@in_loop
async def test_the_front_page_lists_open_situations_the_most_serious_first(site: Site) -> None:
    await site.send(no_water(), event("t", "traffic-accident", area="bromma"))
    page = await (await site.get("/")).text()
    assert page.index("Verksamhet utan vatten") < page.index("Bromma")
    assert "0 av" in page


@in_loop
async def test_a_situations_page_shows_reasons_plan_and_log(site: Site) -> None:
    await site.send(no_water())
    matter = site.view.situations("live")[0].matter
    assert matter is not None
    page = await (await site.get(f"/s/{matter.id}")).text()
    for said in ("Regeln «Verksamhet utan vatten»", "Förslag: särskild händelse, väntar på beslut", "ansvarsprincipen"):
        assert said in page
    assert "Anna Ek" in page
    assert "Larmnivå normal → särskild händelse" in page
