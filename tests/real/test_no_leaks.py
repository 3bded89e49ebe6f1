"""A real process is given secrets with marks in them and driven through what goes well and what fails; then every place
that somebody else may read is searched for the marks: logs, answers, pages, metrics, the database, the call list, and
what the system shows of the process."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from streams.sinks import PhoneSink
from tests.conftest import STOCKHOLM, loaded
from tests.real.process import ServiceProcess, every_channel, write_secrets

MARK = "kanarie"
CHANNEL_USER, CHANNEL_PASSWORD, CHANNEL_PATH = f"{MARK}-anvandare", f"{MARK}-losenord", f"{MARK}-stig"
TOKENS = {name: f"{MARK}-nyckel-{name}" for name in ("source", "person", "wall", "keeper", "over")}
WRONG = f"{MARK}-fel-nyckel"
BEAT = f"{MARK}-hjartslag"
HOLDERS: dict[str, dict[str, object]] = {
    "source": {"source": "kontaktcenter"},
    "person": {"person": "p-anna-ek"},
    "wall": {"service": "vagg", "may": ["look"]},
    "keeper": {"service": "kopior", "may": ["backup", "ship"]},
    "over": {"person": "p-anna-ek", "expires": "2020-01-01"},
}
PAGES = ("/", "/drift", "/metrics", "/readyz", "/healthz", "/v1/situations", "/v1/log/events", "/v1/log/refused")
PAGES += (
    "/v1/policy",
    "/v1/epoch",
    "/s/nowhere",
    "/k/nowhere",
    "/nowhere",
    "/v1/situations/x",
    "/v1/log/events?limit=x",
)


@dataclass
class Visitor:
    """Somebody at the doors, who keeps all that is answered."""

    port: int
    heard: bytearray = field(default_factory=bytearray)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            said = answer.read()
            if answer.headers.get_content_type() != "application/octet-stream":  # a copy is searched as a file
                self.heard += str(answer.headers).encode() + said
            return answer.status


def until(what: str, holds: Callable[[], bool], deadline_s: float = 30.0) -> None:
    ends = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < ends, f"not in time: {what}"
        time.sleep(0.02)  # a poll with a deadline: there is nothing to wait on in another process


def bearer(name: str) -> str:
    return f"Bearer {TOKENS.get(name, name)}"


def no_water(identity: str) -> bytes:
    said = {"kind": "no-water", "area": "sodermalm", "asset": "aldreboende-ringvagen", "text": "Inget vatten"}
    return json.dumps(
        {"specversion": "1.0", "type": "se.beredd.incident.v1", "source": "urn:beredd:kontaktcenter", "id": identity,
         "data": said}
    ).encode()  # fmt: skip


def secrets_for(file: Path, works: Callable[[str], str]) -> None:
    """Half of the channels work; the others meet a closed door. All have a user, a password and a path with marks."""
    who = f"{CHANNEL_USER}:{CHANNEL_PASSWORD}@"
    found = every_channel(loaded(STOCKHOLM), "{}")
    channels = {
        ref: (works(ref).replace("://", f"://{who}") if n % 2 else f"json://{who}127.0.0.1:9/{CHANNEL_PATH}")
        for n, ref in enumerate(found)
    }
    channels[next(iter(channels))] = f"mailto://{who}127.0.0.1:9?to=a@example.org&smtp=127.0.0.1"
    write_secrets(file, channels, {TOKENS[name]: holder for name, holder in HOLDERS.items()})
    with file.open("a") as out:
        out.write(f"heartbeat: {{url: 'http://127.0.0.1:9/{BEAT}', every: 1 s}}\n")


def live_through(service: ServiceProcess, visitor: Visitor, phones: PhoneSink) -> None:
    """What goes well and what fails, at each door."""
    event = {"Content_Type": "application/cloudevents+json"}
    assert visitor.ask("POST", "/v1/events", no_water("1"), Authorization=bearer("source"), **event) == 202
    until("somebody has it", lambda: bool(phones.inbox.arrivals))
    for token in (*TOKENS, WRONG):
        visitor.ask("POST", "/v1/events", no_water(token[:3]), Authorization=bearer(token), **event)
        visitor.ask("POST", "/v1/events", b"{", Authorization=bearer(token), **event)
        for page in PAGES:
            visitor.ask("GET", page, Authorization=bearer(token))
            visitor.ask("GET", page, Authorization=bearer(token), Accept="text/html")
        for door in ("/v1/reload", "/v1/backup", "/v1/ship"):
            visitor.ask("POST", door, b"{}", Authorization=bearer(token), Content_Type="application/json")
    visitor.ask("GET", f"/v1/situations?token={WRONG}")
    visitor.ask("GET", f"/k/{WRONG}")
    visitor.ask("GET", f"/{WRONG}", User_Agent=WRONG, Cookie=WRONG, Referer=WRONG, Authorization=f"Basic {WRONG}")
    code = codes(phones)[0]
    assert visitor.ask("POST", f"/k/{code}", b"answer=taken", Content_Type="application/x-www-form-urlencoded") == 303
    spoiled = service.secrets.read_text("utf-8")
    service.secrets.write_text(spoiled.replace("channels:\n", f"channels:\n  x: {WRONG}\n"))
    assert service.process is not None
    refused = visitor.ask("POST", "/v1/reload", b"{}", Authorization=bearer("person"), Content_Type="application/json")
    assert refused == 422
    service.process.send_signal(signal.SIGHUP)
    service.secrets.write_text(f"tokens: [{WRONG}")
    assert (
        visitor.ask("POST", "/v1/reload", b"{}", Authorization=bearer("person"), Content_Type="application/json") == 422
    )


def codes(phones: PhoneSink) -> list[str]:
    found = [re.search(r"/k/([a-z0-9]+)", arrival.body) for arrival in phones.inbox.arrivals]
    return [one[1] for one in found if one]


def of_the_process(service: ServiceProcess) -> bytes:
    assert service.process is not None
    shown = Path(f"/proc/{service.process.pid}")
    return b"".join((shown / name).read_bytes() for name in ("cmdline", "environ", "comm", "status"))


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_no_secret_is_in_any_place_that_others_may_read(tmp_path: Path) -> None:
    asyncio.run(_searched(tmp_path))


async def _searched(folder: Path) -> None:
    async with PhoneSink() as phones:
        await asyncio.to_thread(_story, folder, phones)


def _story(folder: Path, phones: PhoneSink) -> None:
    secrets = folder / "secrets.yaml"
    secrets_for(secrets, phones.url)
    profile = folder / "profile"  # without its stories, which each reload would play
    shutil.copytree(STOCKHOLM, profile, ignore=shutil.ignore_patterns("stories"))
    service = ServiceProcess(profile, folder / "data", secrets)
    service.start()
    visitor = Visitor(service.port)
    try:
        live_through(service, visitor, phones)
        log = folder / "service.log"
        until("the heartbeat has failed", lambda: b"the heartbeat was not taken" in log.read_bytes())
        until("a channel has failed", lambda: b"RETRYABLE" in _database(folder) or b"retryable" in _database(folder))
        until("the call list is there", lambda: (service.data / "ringlista.txt").exists())
        places = {"answers": bytes(visitor.heard), "process": of_the_process(service), "log": log.read_bytes()}
    finally:
        assert service.stop() == 0
    places |= {"log": (folder / "service.log").read_bytes()}
    places |= {f"data/{f.name}": f.read_bytes() for f in service.data.rglob("*") if f.is_file()}
    marks = {MARK, *codes(phones)}
    found = {(place, mark) for place, held in places.items() for mark in marks if mark.encode() in held}
    # A digest is no secret, but nobody needs it either: with it one can try guesses at home.
    digests = set(re.findall(r"[0-9a-f]{64}", (folder / "secrets.yaml").read_text()))
    found |= {(place, digest) for place, held in places.items() for digest in digests if digest.encode() in held}
    assert not _excused(found, codes(phones))
    # The search itself sees: what is no secret is found in every one of these places.
    assert {p for p, held in places.items() if b"Inget vatten" in held} >= {"answers", "data/beredd.sqlite"}


def _database(folder: Path) -> bytes:
    return b"".join(f.read_bytes() for f in (folder / "data").glob("beredd.sqlite*"))


def _excused(found: set[tuple[str, str]], links: list[str]) -> set[tuple[str, str]]:
    """What a person opened leads back to itself: the answer after the form is the page of its own link."""
    return {(place, mark) for place, mark in found if not (place == "answers" and mark in links)}
