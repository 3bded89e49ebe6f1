"""`python -m benchmarks.delivery`: one report that ten thousand people must hear of, through the real embedded host.

From the report's acceptance to the last message at its receiver, everything durable: plan, outbox, outcomes. Two ways
out: Apprise's `json://`, and our signed webhook. The peer in the same run: Debian's Alertmanager, given as many alerts,
which pushes each to a webhook of its own; nothing of that is durable. The receiver is a process of its own.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from pydantic import SecretStr

from benchmarks import ground
from benchmarks.process import free_port
from benchmarks.sink import Sink, sink
from notifiers.apprise_channel import AppriseChannel, load_apprise
from notifiers.attempt import Medium, Verdict
from notifiers.channel import Channel
from notifiers.profile import Profile
from notifiers.webhook import Webhook
from notifiers.webhook_channel import Post, WebhookChannel
from rules.events import Event, Incident
from streams.clock import SystemClock
from streams.codes import Codes
from streams.courier import Courier
from streams.embedded import EmbeddedHost, Handout
from streams.rehearsal import Rehearsal
from tests.laws.strategies import TOWN, town

PEOPLE = 10_000
PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds from the report to its acceptance (the plan and every first attempt are committed then), to the last
    message at its receiver, and to the last outcome's commit. `people`: how many were reached."""

    people: int
    accepted_s: float
    received_s: float
    settled_s: float


def profile(people: int) -> Profile:
    """A town with so many organisations, each with somebody on call, and one rule that all of them hear of."""
    more = [
        {"id": f"o{n}", "name": f"O{n}", "kind": "company", "relation": "inform", "duty": "jour"} for n in range(people)
    ]
    rule = {
        "id": "alla",
        "name": "Läcka",
        "when": {"incidents": "leak"},
        "each": "district",
        "notify": [{"role": "jour"}],
    }
    return town([rule], organisations=[*TOWN["organisations"], *more])


def references(found: Profile) -> list[str]:
    return [contact.channel for person in found.roster.persons.values() for contact in person.contacts]


class _Way:
    """What the host hands out goes to the courier; outcomes are counted."""

    def __init__(self) -> None:
        self.courier: Courier | None = None
        self.ended = 0

    def recorded(self, realm: str, record: object) -> None: ...
    def counted(self, what: str, amount: int) -> None: ...

    def handed_out(self, handout: Handout) -> None:
        assert self.courier is not None, "made before the host starts"
        self.courier.take(handout)

    def attempted(self, medium: Medium, verdict: Verdict, realm: str) -> None:
        self.ended += 1

    def handed_over(self, seconds: float, realm: str) -> None: ...


async def spread(found: Profile, channels: Mapping[str, Channel], receiver: Sink, people: int) -> Timed:
    """One report, until every one of so many people has got it."""
    way, clock = _Way(), SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        host = EmbeddedHost(Path(folder) / "log.db", ground.intake(found), clock, way)
        way.courier = Courier(channels, clock.seconds_until, Codes(b"k" * 32), way, host.report)
        await asyncio.to_thread(host.start)
        before = receiver.count()
        began = time.perf_counter()
        await asyncio.wrap_future(host.submit((_leak(),), (), None))
        accepted_s = time.perf_counter() - began
        received_s = await _until(lambda: receiver.count() - before >= people, began)
        settled_s = await _until(lambda: way.courier is not None and way.courier.under_way == 0, began)
        reached = receiver.count() - before
        await way.courier.stop(5)
        await asyncio.to_thread(host.stop)
    return Timed(reached, accepted_s, received_s, settled_s)


def _leak() -> Event:
    return Event(
        id="1", source="urn:test", time=datetime.now(UTC), realm="live", payload=Incident(kind="leak", area="nord.ett")
    )


async def _until(true: Any, began: float) -> float:
    """Looks every 20 ms."""
    while not await asyncio.to_thread(true):
        if time.perf_counter() - began > PATIENCE_S:
            raise TimeoutError("not everybody was reached")
        await asyncio.sleep(0.02)
    return time.perf_counter() - began


def by_apprise(found: Profile, receiver: Sink) -> Mapping[str, Channel]:
    load_apprise()
    address = receiver.url.removeprefix("http://")
    return {name: AppriseChannel(SecretStr(f"json://{address}/{name}")) for name in references(found)}


def by_webhook(found: Profile, receiver: Sink, post: Post) -> Mapping[str, Channel]:
    return {
        name: WebhookChannel(Webhook(SecretStr(f"{receiver.url}/{name}"), (b"k" * 32,)), post)
        for name in references(found)
    }


async def apprise(found: Profile, people: int) -> Timed:
    with sink() as receiver:
        return await spread(found, by_apprise(found, receiver), receiver, people)


async def webhook(found: Profile, people: int) -> Timed:
    post = Post()
    with sink() as receiver:
        timed = await spread(found, by_webhook(found, receiver, post), receiver, people)
    await post.close()
    return timed


# --- the peer --------------------------------------------------------------------------------------------------------

ALERTMANAGER = """\
route: {{receiver: all, group_by: ['...'], group_wait: 0s, group_interval: 1m, repeat_interval: 1h}}
receivers: [{{name: all, webhook_configs: [{{url: "{url}/am", send_resolved: false}}]}}]
"""


async def alertmanager(people: int) -> float | None:
    """Seconds from the first alert that it is given to the last of so many webhooks; None if it is not installed."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        return None
    with sink() as receiver, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "alertmanager.yml"
        config.write_text(ALERTMANAGER.format(url=receiver.url))
        port = free_port()
        process = _started(program, config, port)
        try:
            began = await _until(lambda: _answers(f"http://127.0.0.1:{port}/-/ready"), time.perf_counter())
            began = time.perf_counter()
            await asyncio.to_thread(_give, port, people)
            return await _until(lambda: receiver.count() >= people, began)
        finally:
            process.kill()
            process.wait()


def _started(program: str, config: Path, port: int) -> subprocess.Popen[bytes]:
    options = [f"--config.file={config}", f"--storage.path={config.parent}", "--cluster.listen-address="]
    command = [program, *options, f"--web.listen-address=127.0.0.1:{port}"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def _answers(url: str) -> bool:
    try:
        with closing(urllib.request.urlopen(url, timeout=1)):
            return True
    except OSError:
        return False


def _give(port: int, people: int) -> None:
    alerts = [{"labels": {"alertname": "Lacka", "person": f"p{n}"}} for n in range(people)]
    for at in range(0, people, 500):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v2/alerts",
            data=orjson.dumps(alerts[at : at + 500]),
            headers={"Content-Type": "application/json"},
        )
        with closing(urllib.request.urlopen(request, timeout=60)):
            pass


def planned_s(found: Profile) -> float:
    """CPU seconds of the stages alone, for the same report: who must know, why, and what each is sent."""
    rehearsal = Rehearsal(ground.intake(found), datetime.now(UTC), providers=lambda realm, attempt: None)
    before = time.process_time()
    rehearsal.accept(_leak())
    return time.process_time() - before


async def main(people: int = PEOPLE) -> None:
    found = profile(people)
    planned_s(profile(1))  # what is loaded at first use
    print(f"planned, the stages alone: {planned_s(found):.2f} CPU seconds")
    print(f"{people} people, one report; seconds from the report")
    print(f"{'':14}{'accepted':>10}{'received':>10}{'settled':>10}{'a second':>10}")
    for name, run in (("apprise", apprise), ("webhook", webhook)):
        timed = await run(found, people)
        rate = timed.people / (timed.received_s - timed.accepted_s)
        print(
            f"{name:14}{timed.accepted_s:10.2f}{timed.received_s:10.2f}{timed.settled_s:10.2f}{rate:10.0f}", flush=True
        )
    peer = await alertmanager(people)
    print(
        f"{'alertmanager':14}"
        + (
            "  NOT RUN: apt-get install prometheus-alertmanager"
            if peer is None
            else f"{'':10}{peer:10.2f}{'':10}{people / peer:10.0f}"
        )
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE))
