"""What somebody else wrote stays what it is: no header, no log line, no template and no form of ours comes of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from notifiers.profile import load_profile
from streams.service import Service, Settings, log_to_stderr
from tests.conftest import LILLBY, ROOT

FORGED = "FORGED"
LINE = f"x\r\n2026-11-24 12:00:00 ERROR streams: {FORGED}\r\nX-{FORGED}: 1\r\n"
NASTY = (
    LINE,
    f"x\n{FORGED}",
    f"x\r{FORGED}",
    f"x\x00{FORGED}",
    f"x\x1b[2J{FORGED}",
    f"x\u2028{FORGED}",
    f"x\x85{FORGED}",
)
TEMPLATES = (
    "{{ 7 * 191 }}", "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}", "${7*191}", "#{7*191}",
    "{0.__class__.__mro__}", "{page.__class__.__init__.__globals__}", "%(levelname)s", "%s%n", "{code}", "<%= 7*191 %>",
)  # fmt: skip
PACKAGES = [f for name in ("rules", "notifiers", "streams") for f in sorted((ROOT / name).rglob("*.py"))]


def event(**changed: Any) -> dict[str, Any]:
    data = {"kind": "fire", "area": "lillby", "text": "Rök"} | changed.pop("data", {})
    named = {"specversion": "1.0", "type": "se.beredd.incident.v1", "source": "urn:lillby:vaxel", "id": "1"}
    return named | {"data": data} | changed


def during(folder: Path, scenario: Callable[[Service, aiohttp.ClientSession], Any]) -> None:
    async def run() -> None:
        service = Service(Settings(LILLBY, folder / "data", port=0, reserve=0))
        await service.start()
        try:
            async with aiohttp.ClientSession(service.url) as client:
                await scenario(service, client)
        finally:
            await service.stop()

    asyncio.run(run())


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the log would say, line by line, as the process writes it."""
    caplog.set_level(logging.INFO)
    written = logging.Formatter("%(levelname)s %(name)s %(message)s")
    return lambda: [line for record in caplog.records for line in written.format(record).split("\n")]


# --- log lines and headers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
def test_no_name_in_an_event_becomes_a_line_in_the_log_or_a_header(
    tmp_path: Path, lines: Callable[[], list[str]], nasty: str
) -> None:
    events = [event(**{name: nasty}) for name in ("id", "source", "type", "subject", "realm", "time", "specversion")]
    events += [event(data={name: nasty}) for name in ("kind", "area", "asset", "text")]

    async def scenario(service: Service, client: aiohttp.ClientSession) -> None:
        for one in events:
            async with client.post("/v1/events", json=one) as answer:
                said = await answer.json()
                assert answer.status < 500
                assert f"X-{FORGED}" not in answer.headers
            assert all("\n" not in refused["message"] for refused in said["refused"])
        async with client.get("/v1/log/refused?limit=50") as answer:
            assert f"X-{FORGED}" not in answer.headers

    during(tmp_path, scenario)
    assert not [line for line in lines() if FORGED in line and not line.startswith(("INFO", "WARNING", "ERROR"))]


CLOSING = b"Host: localhost\r\nConnection: close\r\n\r\n"
RAW = {
    "a bare LF in a header": b"GET /v1/policy HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a\nX-FORGED: 1\r\n\r\n",
    "a bare CR in a header": b"GET /v1/policy HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a\rX-FORGED: 1\r\n\r\n",
    "a zero byte": b"GET /v1/policy HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a\x00FORGED\r\n\r\n",
    "a line break in a token": b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a\n FORGED\r\n\r\n",
    "no method": b"FORGED\r\n\r\n",
    "an escaped line break in a path": b"GET /k/%0d%0aX-FORGED:%201 HTTP/1.1\r\n" + CLOSING,
    "one in a situation": b"GET /s/%0d%0aX-FORGED:%201 HTTP/1.1\r\n" + CLOSING,
    "two lengths": b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 30\r\n\r\n"
    b"GET /FORGED HTTP/1.1\r\n\r\n",
    "a length and chunks": b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /FORGED HTTP/1.1\r\n\r\n",
    "a name in the target": b"GET http://evil.example/v1/situations HTTP/1.1\r\n" + CLOSING,
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
def test_a_request_that_is_bent_at_its_lines_is_refused_and_writes_none(
    tmp_path: Path, lines: Callable[[], list[str]], raw: bytes
) -> None:
    async def scenario(service: Service, client: aiohttp.ClientSession) -> None:
        said = await asyncio.to_thread(_talk, service.port, raw)
        assert re.match(rb"HTTP/1\.[01] 4\d\d ", said), said[:200]
        assert said.count(b"HTTP/1.1 ") <= 1, "one request, one answer"
        head = said.partition(b"\r\n\r\n")[0]
        assert b"FORGED" not in head
        assert b"Traceback" not in said

    during(tmp_path, scenario)
    assert not [line for line in lines() if FORGED in line]


def _talk(port: int, raw: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as talk:
        talk.sendall(raw)
        said = talk.recv(65536)
        talk.settimeout(0.3)  # what is answered to a second request, if one was seen, comes at once
        with contextlib.suppress(TimeoutError, ConnectionError):
            while part := talk.recv(65536):
                said += part
        return said


# --- templates -------------------------------------------------------------------------------------------------------


def test_what_looks_like_a_template_in_a_report_is_text_on_every_page(tmp_path: Path) -> None:
    async def scenario(service: Service, client: aiohttp.ClientSession) -> None:
        for n, template in enumerate(TEMPLATES):
            async with client.post("/v1/events", json=event(id=str(n), data={"text": template})) as answer:
                assert answer.status == 202
        async with client.get("/v1/situations") as answer:
            found = (await answer.json())["situations"]
        pages = ["/", *(f"/s/{one['id']}" for one in found)]
        said = ""
        for page in pages:
            async with client.get(page) as answer:
                assert answer.status == 200
                said += await answer.text()
        assert "1337" not in said
        assert "<class" not in said
        assert "&lt;class" not in said
        assert "{{ 7 * 191 }}" in said, "it is shown, as it was written"

    during(tmp_path, scenario)


REACHING = (
    "{text.__class__}", "{text[0]}", "{0}", "{}", "{text!r}", "{value:>9999999999}", "{value:{unit}}", "{self}",
    "{ text }", "{place.__init__.__globals__}", "{code}", "{count", "%(text)s {nowhere}",
)  # fmt: skip


@pytest.mark.parametrize("template", REACHING)
@pytest.mark.parametrize("key", ["message", "first_step"])
def test_a_rule_authors_text_reaches_its_own_words_and_nothing_else(tmp_path: Path, key: str, template: str) -> None:
    """A name of a word, in braces: no attribute, no index, no format, no width to fill the memory with."""
    folder = Path(shutil.copytree(LILLBY, tmp_path / "profile", ignore=shutil.ignore_patterns("stories")))
    rules = folder / "rules.yaml"
    wanted = {"message": '"Brand, {place}. {text}"', "first_step": "Leta efter en läcka."}[key]
    assert load_profile(folder)[0] is not None
    rules.write_text(rules.read_text("utf-8").replace(wanted, json.dumps(template)), "utf-8")

    profile, faults = load_profile(folder)

    assert profile is None
    assert any("rules.yaml" in str(fault) for fault in faults)


def test_no_text_from_outside_is_ever_read_as_a_template_or_as_code() -> None:
    """The templates are files of ours; nothing makes one out of a string, and nothing is evaluated."""
    ways = re.compile(
        r"from_string|\bTemplate\(|(?<![\w.])(?:eval|exec|compile|__import__)\(|pickle|Markup\(|unsafe_load"
    )
    found = {
        f"{f.name}: {line.strip()}" for f in PACKAGES for line in f.read_text("utf-8").splitlines() if ways.search(line)
    }
    assert not found
    templates = sorted((ROOT / "streams" / "templates").iterdir())
    assert templates
    assert not [t.name for t in templates if "autoescape false" in t.read_text("utf-8")]


# --- another site's doing --------------------------------------------------------------------------------------------


def test_a_browser_cannot_be_made_to_send_anything_in_another_sites_name(tmp_path: Path) -> None:
    """Without a question first a browser sends only these three kinds, or none. No door takes one."""
    body = json.dumps(event())

    async def scenario(service: Service, client: aiohttp.ClientSession) -> None:
        kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "")
        for door in ("/v1/events", "/v1/reload", "/v1/backup", "/v1/ship"):
            for kind in kinds:
                headers = {"Content-Type": kind, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
                async with client.post(door, data=body.encode(), headers=headers) as answer:
                    assert answer.status == 415
                    assert "Access-Control-Allow-Origin" not in answer.headers
            preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
            async with client.options(door, headers=preflight) as answer:
                assert answer.status == 405
                assert "Access-Control-Allow-Origin" not in answer.headers

    during(tmp_path, scenario)


def test_the_log_is_written_one_line_for_each_record(capsys: pytest.CaptureFixture[str]) -> None:
    """The last bar: even a record whose text has line breaks is one line."""
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    root.handlers.clear()
    try:
        log_to_stderr()
        logging.getLogger("streams.x").error("somebody said: %s", LINE)
    finally:
        root.handlers[:] = before
    written = capsys.readouterr().err
    assert len(written.splitlines()) == 1
    assert "\\r\\n" in written
