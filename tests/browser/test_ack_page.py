"""The page behind a person's link, in a real browser at the size of a phone: what it shows, and what its buttons do."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Page, sync_playwright

from notifiers.profile import Profile
from rules.events import LIVE, Event, Incident
from rules.frozen import Frozen
from streams.clock import StoryClock
from streams.codes import Codes
from streams.door import Door
from streams.embedded import EmbeddedHost, Handout
from streams.http import application, runner
from streams.intake import intake_of
from streams.metrics import Gauged, Metrics
from streams.view import View

pytestmark = pytest.mark.browser

STOCKHOLM = Path(__file__).parents[2] / "rules" / "stockholm"
CHROMIUM = os.environ.get("BEREDD_CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
START = datetime(2026, 1, 31, 7, 0, tzinfo=UTC)
DRILL = "exercise/styrbjorn-2"
PHONE = (390, 844)
TARGET_PX = 44


class _Listener:
    def __init__(self, view: View) -> None:
        self._view = view

    def recorded(self, realm: str, record: Frozen) -> None:
        self._view.apply(realm, record)

    def handed_out(self, handout: Handout) -> None:
        """Nobody delivers here: what is asked stays asked."""

    def counted(self, what: str, amount: int) -> None: ...


class Site:
    """A host over a file of its own, served on loopback from a thread of its own."""

    def __init__(self, file: Path, profile: Profile) -> None:
        self.clock = StoryClock(START)
        self.view = View(Codes(b"a key for tests, of 32 characters").code)
        metrics = Metrics(Gauged(self.view, lambda: profile, lambda: 0, lambda: 0.0, lambda: None), START)
        intake = intake_of(profile, STOCKHOLM, open_door=True)
        self.host = EmbeddedHost(file, intake, self.clock, _Listener(self.view))
        self._door = Door(self.host, self.view, self.clock, None, metrics, channels=1, open=True)
        self._serving = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="site")
        self.url = ""

    def start(self) -> None:
        self.host.start()
        self._thread.start()
        assert self._serving.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.host.stop()

    def _run(self) -> None:
        app = runner(application(self._door))
        self._loop.run_until_complete(app.setup())
        self._loop.run_until_complete(web.TCPSite(app, "127.0.0.1", 0).start())
        self.url = f"http://127.0.0.1:{app.addresses[0][1]}"
        self._serving.set()
        self._loop.run_forever()
        self._loop.run_until_complete(app.cleanup())

    def report(self, kind: str, source: str = "kontaktcenter", realm: str = LIVE, **data: Any) -> None:
        count = self.counts()["log"]
        payload = Incident(kind=kind, **({"area": "sodermalm"} | data))
        said = Event(id=f"{kind}-{count}", source=f"urn:beredd:{source}", time=self.clock.now(), realm=realm, payload=payload)
        assert self.host.intake.admit(said, None) == said
        self.host.submit((said,), (), None).result()

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = self.host.ask(lambda journal: journal.counts()).result()
        return found

    def link(self, person: str, realm: str = LIVE) -> str:
        """The newest link of a person."""
        found = {r.id: r for s in self.view.situations(realm) for r in s.notices.values()}
        newest = max((r for r in found.values() if r.person == person), key=lambda r: r.notices[-1].number)
        return f"{self.url}/k/{self.view.code_of(realm, newest.id)}"


@pytest.fixture
def site(tmp_path: Path, stockholm: Profile) -> Iterator[Site]:
    found = Site(tmp_path / "beredd.sqlite", stockholm)
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        missing = f"no Chromium at {CHROMIUM}; set BEREDD_CHROMIUM or install the package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(browser: Browser, scheme: str = "light", size: tuple[int, int] = PHONE) -> Page:
    """A page of a phone; a fault of the page itself, such as a style that the policy stops, fails the test."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, device_scale_factor=2)  # type: ignore[arg-type]
    page.set_default_timeout(5_000)
    page.on("console", lambda said: pytest.fail(said.text) if said.type == "error" else None)
    return page


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    found = opened(browser)
    yield found
    found.close()


def no_water(site: Site) -> None:
    site.report("no-water", asset="aldreboende-ringvagen", text="Boendet har inget vatten sedan halv sju.")
