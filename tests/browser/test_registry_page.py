"""The drawn registry in a real browser: readable on a desk, on the smallest phone and on paper, and needing nothing."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from typer.testing import CliRunner

from streams.cli import app
from tests.browser.test_ack_page import CONTRAST

pytestmark = pytest.mark.browser

STOCKHOLM = Path(__file__).parents[2] / "rules" / "stockholm"
DESK, PHONE = (1440, 900), (320, 640)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("registry") / "registret.html"
    words = ["registry", "draw", "--profile", str(STOCKHOLM), "--at", "2026-11-24 12:00", "--out", str(out)]
    assert CliRunner().invoke(app, words).exit_code == 0
    return out


def opened(browser: Browser, drawn: Path, size: tuple[int, int], scheme: str = "light") -> Page:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=True,
    )
    page.goto(drawn.as_uri())
    return page


def test_it_asks_for_nothing_and_its_own_policy_lets_its_style_through(browser: Browser, drawn: Path) -> None:
    page = browser.new_page()
    asked, said = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(drawn.as_uri())

    assert asked == [drawn.as_uri()]
    assert said == []
    assert page.evaluate("document.styleSheets[0].cssRules.length") > 20
    page.close()


@pytest.mark.parametrize("size", [DESK, PHONE, (768, 1024), (1200, 800)])
def test_nothing_is_cut_off_or_scrolls_sideways(browser: Browser, drawn: Path, size: tuple[int, int]) -> None:
    page = opened(browser, drawn, size)
    wide = """() => [...document.querySelectorAll("body *")]
        .filter((n) => n.checkVisibility() && !n.closest("thead")
                       && n.getBoundingClientRect().right > innerWidth + 1)
        .map((n) => n.outerHTML.slice(0, 80))"""

    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert page.evaluate(wide) == []
    page.close()


def test_it_is_a_document_with_headings_in_order_and_tables_that_say_what_they_are(
    browser: Browser, drawn: Path
) -> None:
    page = opened(browser, drawn, DESK)
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => +h.tagName[1])")

    assert levels.count(1) == 1
    assert max(b - a for a, b in itertools.pairwise(levels)) <= 1
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("html").get_attribute("lang") == "sv"
    page.close()


def test_every_row_of_the_matrix_covers_every_district(browser: Browser, drawn: Path) -> None:
    page = opened(browser, drawn, DESK)
    rows = page.evaluate(
        "[...document.querySelectorAll('.matrix tbody tr')].map((r) => [...r.cells].reduce((n, c) => n + c.colSpan, 0))"
    )

    assert len(rows) > 20
    assert set(rows) == {page.locator(".matrix thead th").count()}
    page.close()


def test_on_a_phone_each_cell_says_which_column_it_is_of(browser: Browser, drawn: Path) -> None:
    page = opened(browser, drawn, PHONE)
    bare = (
        "[...document.querySelectorAll('td')].filter((c) => getComputedStyle(c, '::before').content === 'none').length"
    )

    assert page.evaluate(bare) == 0
    assert page.get_by_role("cell", name="Kyrkogårdsnämnden").count() > 0
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_every_text_stands_out_from_what_is_behind_it(
    browser: Browser, drawn: Path, size: tuple[int, int], scheme: str
) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5:1."""
    page = opened(browser, drawn, size, scheme)
    found = page.evaluate(CONTRAST)

    assert found
    assert [text for text, ratio in found if ratio < 4.5] == []
    page.close()


def test_it_prints_on_paper(browser: Browser, drawn: Path, tmp_path: Path) -> None:
    page = opened(browser, drawn, DESK)
    page.emulate_media(media="print")

    assert page.locator("nav").is_hidden()
    page.pdf(path=tmp_path / "a.pdf", prefer_css_page_size=True)
    assert (tmp_path / "a.pdf").stat().st_size > 10_000
    page.close()
