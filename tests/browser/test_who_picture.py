"""The picture that `beredd who` draws, in a real browser: its name for screen readers, and that its text is legible."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from streams.commands.picture import draw
from streams.commands.question import Question
from streams.commands.who import answered
from streams.intake import Intake

pytestmark = pytest.mark.browser

MORNING = datetime(2026, 10, 13, 3, 47, tzinfo=UTC)
QUESTION = Question(incident="flooding", area="Södermalm", level="särskild händelse")
BOXES = """selector => [...document.querySelectorAll(selector)].map(e => {
  const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom, e.textContent.trim()]; })"""


@pytest.fixture
def files(stockholm_intake: Intake, tmp_path: Path) -> Path:
    answer = answered(stockholm_intake, QUESTION, MORNING)
    for name in ("who.svg", "who.html"):
        draw(answer, tmp_path / name)
    return tmp_path


def _page(browser: Browser, file: Path, width: int, scheme: str = "light") -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type] # a literal
    page.goto(file.as_uri())
    return page


def test_the_svg_has_a_name_and_tells_every_recipient_to_whoever_cannot_see_it(browser: Browser, files: Path) -> None:
    page = _page(browser, files / "who.svg", 1100)

    picture = page.get_by_role("img", name="Vilka som larmas: Översvämning på gata, Södermalm")
    expect(picture).to_have_count(1)
    said = page.locator("#who-desc").text_content() or ""
    assert "Stockholm Vatten och Avfall AB: ska agera" in said
    assert "Södermalms stadsdelsnämnd: ska besluta" in said


def test_no_text_of_the_picture_lies_on_another_or_outside(browser: Browser, files: Path) -> None:
    page = _page(browser, files / "who.svg", 1100)
    boxes = page.evaluate(BOXES, "svg text")
    right, bottom = page.evaluate(
        "[document.documentElement.clientWidth, document.documentElement.getBoundingClientRect().bottom]"
    )

    assert len(boxes) > 50
    assert all(b[0] >= 0 and b[2] <= right and b[3] <= bottom for b in boxes)
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            assert across < 1 or down < 4, (a, b)  # lines above each other share a pixel or two of empty leading


def test_the_page_reads_without_scrolling_sideways_on_the_smallest_phone(browser: Browser, files: Path) -> None:
    page = _page(browser, files / "who.html", 320, "dark")

    assert page.evaluate("document.documentElement.scrollWidth") == 320
    expect(page.get_by_text("Frågas i ordning: Anna Ek, Bo Bäck, Cajsa Källa")).to_be_visible()
    expect(page.get_by_text("Krisledningsnämndens ordförande").locator("visible=true").first).to_be_visible()
    expect(page.locator("figure")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_wide_page_shows_the_rings_in_light_and_dark(browser: Browser, files: Path, scheme: str) -> None:
    page = _page(browser, files / "who.html", 1280, scheme)

    expect(page.get_by_role("img")).to_be_visible()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == page.evaluate("getComputedStyle(document.querySelector('svg .paper')).fill")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 24, 29)")
