"""The reference page is what the program says of itself today."""

from __future__ import annotations

from pathlib import Path

from rules.rule import CONDITION_KEYS
from streams.reference import EXAMPLES, main, page

ROOT = Path(__file__).parent.parent.parent


def test_the_committed_page_is_what_the_program_says_today() -> None:
    assert main(["--check", str(ROOT / "docs" / "rules.md")]) == 0, "run: python -m streams.reference docs/rules.md"


def test_every_kind_of_condition_has_an_example() -> None:
    assert {key for _, _, condition in EXAMPLES for key in condition} >= set(CONDITION_KEYS) - {"calendar"}
    assert "calendar: " in page()


def test_a_page_that_differs_is_found(tmp_path: Path) -> None:
    (tmp_path / "rules.md").write_text("något annat")
    assert main(["--check", str(tmp_path / "rules.md")]) == 1
