"""The page behind a person's link, in a real browser at the size of a phone: what it shows, and what its buttons do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Page

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
        said = Event(
            id=f"{kind}-{count}", source=f"urn:beredd:{source}", time=self.clock.now(), realm=realm, payload=payload
        )
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


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def opened(browser: Browser, scheme: str = "light", size: tuple[int, int] = PHONE) -> Iterator[Page]:
    """A page of a phone. A fault that the browser tells of, such as a style that the policy stops, fails the test."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=2,
    )
    page.set_default_timeout(5_000)
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    try:
        yield page
    finally:
        page.close()
    assert faults == []


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser) as found:
        yield found


def no_water(site: Site) -> None:
    site.report("no-water", asset="aldreboende-ringvagen", text="Boendet har inget vatten sedan halv sju.")


def sideways(page: Page) -> int:
    """How many pixels the page can be scrolled sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def targets(page: Page) -> list[tuple[str, float, float]]:
    """What can be pressed, with its width and height."""
    found = page.locator("button, summary, a.newer, .danger a")
    boxes = [(found.nth(i).inner_text(), found.nth(i).bounding_box()) for i in range(found.count())]
    return [(name, box["width"], box["height"]) for name, box in boxes if box is not None]


def test_opening_the_page_changes_nothing(site: Site, page: Page) -> None:
    no_water(site)
    before = site.counts()
    page.goto(site.link("p-anna-ek"))
    page.reload()
    assert page.get_by_role("button").count() == 2
    assert site.counts() == before


def test_pressing_the_answer_shows_that_it_is_taken(site: Site, page: Page) -> None:
    no_water(site)
    page.goto(site.link("p-anna-ek"))
    page.get_by_role("button", name="Vi åtar oss det").click()
    assert page.get_by_role("status").inner_text().endswith("Du har tagit det 08:00. Tack.")
    assert page.get_by_role("button").count() == 0


def test_pressing_jag_kan_inte_shows_who_is_asked_instead(site: Site, page: Page) -> None:
    no_water(site)
    page.goto(site.link("p-anna-ek"))
    page.get_by_role("button", name="Jag kan inte").click()
    assert "Du svarade 08:00 att du inte kan. Nu tillfrågad:" in page.get_by_role("status").inner_text()
    assert [b.strip() for b in page.get_by_role("button").all_inner_texts()] == ["Vi åtar oss det ändå\nI'll take it"]


def test_the_page_can_be_answered_with_the_keyboard_alone(site: Site, page: Page) -> None:
    no_water(site)
    page.goto(site.link("p-anna-ek"))
    visited = []
    for _ in range(4):
        page.keyboard.press("Tab")
        visited.append(page.evaluate("document.activeElement.innerText.split('\\n')[0]"))
        if visited[-1] == "Vi åtar oss det":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert visited[-1] == "Vi åtar oss det"
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.get_by_text("Du har tagit det").wait_for()


def test_everything_fits_a_narrow_phone_without_scrolling_sideways(site: Site, browser: Browser) -> None:
    site.report("no-water", asset="aldreboende-ringvagen", text="x" * 300)
    site.report("fire", text="Rök")
    person = next(o.person for o in site.view.situations(LIVE)[0].obligations if o.person)
    situation = site.view.situations(LIVE)[0].matter
    assert situation is not None
    with opened(browser, size=(320, 640)) as page:
        for path in (site.link("p-anna-ek"), site.link(person), f"{site.url}/", f"{site.url}/s/{situation.id}"):
            page.goto(path)
            assert sideways(page) == 0


def test_whatever_can_be_pressed_is_large_enough_for_a_thumb(site: Site, page: Page) -> None:
    site.report("fire", text="Rök")
    page.goto(site.link("p-jasmin-asplov"))
    found = targets(page)
    assert {name.split("\n")[0] for name, _, _ in found} >= {"Jag tar det", "Jag kan inte", "Ring 112"}
    assert [t for t in found if min(t[1:]) < TARGET_PX] == []


def test_the_answers_are_in_view_at_once_however_long_the_message(site: Site, page: Page) -> None:
    site.report("no-water", asset="aldreboende-ringvagen", text="Boendet har inget vatten. " * 40)
    page.goto(site.link("p-anna-ek"))
    box = page.get_by_role("button", name="Vi åtar oss det").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= PHONE[1]


def test_ring_112_is_the_first_thing_on_a_page_about_danger_to_life(site: Site, page: Page) -> None:
    site.report("fire", text="Rök ur en källare på Götgatan 12.")
    page.goto(site.link("p-jasmin-asplov"))
    assert page.locator("body").inner_text().startswith("Ring 112")
    assert page.get_by_role("link", name="Ring 112").get_attribute("href") == "tel:112"


def test_an_exercise_begins_with_ovning_and_has_no_link_to_112(site: Site, page: Page) -> None:
    site.report("fire", "ovning:styrbjorn-2", DRILL, text="Rök ur en källare.")
    page.goto(site.link("p-joel-salgtopp", DRILL))
    assert page.locator("body").inner_text().startswith("ÖVNING")
    assert page.title().startswith("ÖVNING")
    assert page.locator("a[href^=tel]").count() == 0


def test_an_old_page_leads_to_the_newer_message_in_one_press(site: Site, page: Page) -> None:
    site.report("leak", "svoa-drift", text="Läcka på Hornsgatan.")
    old = site.link("p-anna-ek")
    site.clock.advance(START + timedelta(seconds=15))
    no_water(site)
    page.goto(old)
    assert page.get_by_role("button").count() == 0
    page.get_by_role("link", name="Öppna det och svara där").click()
    assert page.url == site.link("p-anna-ek")
    assert page.get_by_role("button").count() == 2


def test_another_sites_form_cannot_answer(site: Site, browser: Browser, tmp_path: Path) -> None:
    """The browser itself says where the form came from."""
    no_water(site)
    before = site.counts()
    lure = tmp_path / "lure.html"
    lure.write_text(
        f'<form method="post" action="{site.link("p-anna-ek")}"><button name="answer" value="taken">x</button></form>'
    )
    page = browser.new_page()
    page.goto(lure.as_uri())
    page.get_by_role("button").click()
    page.get_by_text("togs inte emot").wait_for()
    assert site.counts() == before
    page.close()


def test_text_that_looks_like_html_is_read_as_text(site: Site, page: Page) -> None:
    site.report("no-water", text="<img src=x onerror=document.title=1><script>document.title=2</script>")
    page.goto(site.link("p-anna-ek"))
    assert page.locator("main img, script").count() == 0
    assert page.get_by_text("<img src=x").count() == 1
    assert page.title().startswith("Larm: ")


CONTRAST = """() => {
  const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")]
    .filter((node) => [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim()) && node.checkVisibility())
    .map((node) => {
      const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
      return [node.innerText, (a + 0.05) / (b + 0.05)];
    });
}"""


def test_every_text_stands_out_from_what_is_behind_it_in_light_and_dark(
    site: Site, browser: Browser, scheme: str
) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5:1."""
    site.report("fire", text="Rök ur en källare.")
    site.report("fire", "ovning:styrbjorn-2", DRILL, text="Rök ur en källare.")
    with opened(browser, scheme) as page:
        for link in (site.link("p-jasmin-asplov"), site.link("p-joel-salgtopp", DRILL), f"{site.url}/"):
            page.goto(link)
            found = page.evaluate(CONTRAST)
            assert found
            assert [text for text, ratio in found if ratio < 4.5] == []
