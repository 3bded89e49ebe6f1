"""The fast lane for YAML reads what ruamel reads: the same values at the same places, or nothing at all."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from rules.plain_yaml import plain

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "rules").rglob("*.yaml"))


def seen(node: Any) -> Any:
    """A node with everything that an author is told by: types, values, order, and where each stands."""
    match node:
        case CommentedMap():
            rows = [(key, node.lc.data[key][:4], seen(value)) for key, value in node.items()]
            return ("map", node.lc.line, node.lc.col, rows)
        case CommentedSeq():
            return ("list", node.lc.line, node.lc.col, [(node.lc.item(i), seen(v)) for i, v in enumerate(node)])
        case _:
            return (type(node), repr(node))


def agrees(text: str) -> bool:
    """True if the fast lane read the text as ruamel does; False if it left it to ruamel."""
    quick = plain(text)
    if quick is None:
        return False
    try:
        slow = YAML(typ="rt").load(text)
    except NotImplementedError:  # two comments in one place, which it cannot keep; we need not keep any
        return True
    assert seen(quick) == seen(slow)
    return True


@pytest.mark.parametrize("file", FILES, ids=[str(f.relative_to(ROOT)) for f in FILES])
def test_every_shipped_file_is_read_alike(file: Path) -> None:
    assert agrees(unicodedata.normalize("NFC", file.read_text("utf-8")))


PLAIN = (
    "a b 1 0 - : ? # , . ' \" [ ] { } & * ! | > % @ ` ~ < = + _ \t å é "
    "007 0x1f 1_0 1e3 .5 yes on null 24/7 12:30 2026-10-13"
)
PIECES = st.sampled_from(
    [*PLAIN.split(" "), " ", "  ", "\n", "\n  ", "\n- ", ": ", "\nk: ", " #x", "<<: ", "---\n", "\x85", "\u2028"]
)


@settings(max_examples=2000, deadline=None)
@given(st.lists(PIECES, max_size=12).map(lambda p: "k: " + "".join(p)))
@example("k: {a:b, c}")
@example("k: [a:b, 'c':d]")
@example("k: -\n")
@example("k:\n- a\n- b: 1\n")
@example("k: {? a}")
@example("k: 'a\n  b'\nc: a\n b\n")
@example("k: <<")
@example("k: {}\nl: []\nm:\n")
@example("k: 1\nk: 2\n")
@example("? k\n: v\n")
@example("k: #\n  a\n\n")
def test_any_text_is_read_alike_or_left_to_ruamel(text: str) -> None:
    agrees(text)


def test_what_is_unusual_is_left_to_ruamel() -> None:
    unusual = [
        "k: &a 1\nl: *a\n",
        "k: !x 1\n",
        "k: |\n  a\n",
        "a: 1\na: 2\n",
        "---\na: 1\n",
        "- a\n",
        "",
        "a: {<<: {b: 1}}\n",
    ]

    assert [plain(text) for text in unusual] == [None] * len(unusual)


TOWN = "".join(
    line
    for file in sorted((ROOT / "rules" / "lillby").glob("*.yaml"))
    for line in file.read_text("utf-8").splitlines(keepends=True)
    if not line.lstrip().startswith("#")
)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(TOWN) - 400), st.integers(0, 390), st.integers(0, 4), PIECES)
def test_a_slip_of_the_hand_is_read_alike_or_left_to_ruamel(start: int, at: int, cut: int, slip: str) -> None:
    begin = TOWN.rfind("\n", 0, start) + 1
    piece = TOWN[begin : begin + 400]
    agrees("town:\n" + piece[:at] + slip + piece[at + cut :])
