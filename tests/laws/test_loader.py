"""Laws of the loader: whatever an author's file holds, `check`, `explain`, `schema` and `test` answer in bounded time,
with faults that have a place, and never with a traceback."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from notifiers.profile import load_profile
from streams.cli import app
from tests.laws.effort import examples

LILLBY = Path(__file__).parents[1] / "towns" / "lillby"
FILES = {f.name: f.read_text("utf-8") for f in LILLBY.glob("*.yaml")}
SECONDS = 20
"""Far more than any of these takes on a slow machine, and far less than for ever."""

SCRAPS = st.sampled_from(
    ["&a [*a, *a]", "<<: *b", "!!python/object:os.system", "!!binary x", "{", "}", "[", "]", ": ", "- ", "\t", "? ",
     "|", ">-", "%YAML 9", "---", "...", "'", '"', "# ", "on", "no", "10:30", "1,5", "0x1F", ".inf", ".nan", "1e999",
     "-0", "2026-02-31", "null", "~", "\x00", "\ufeff", "å", "a\u030a", "\u202e", "é" * 200, "9" * 400, "[" * 300,
     "a: " * 50, "when:", "sensor:", "above:", "until:", "each:", "all:", "level:", "lateness: 1 h", "for: -1 min",
     "id: fire"]
)  # fmt: skip
LINES = {name: text.count("\n") + 1 for name, text in FILES.items()}


@st.composite
def broken(draw: st.DrawFn) -> tuple[str, str]:
    """A file of the town with some lines moved, doubled, lost, indented, or with scraps in them."""
    name = draw(st.sampled_from(sorted(FILES)))
    lines = FILES[name].split("\n")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["scrap", "lose", "double", "move", "indent", "cut", "text"])):
            case "scrap":
                column = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:column] + draw(SCRAPS) + lines[at][column:]
            case "lose":
                lines = [*lines[:at], *lines[at + 1 :]] or [""]
            case "double":
                lines.insert(at, lines[at])
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
            case "indent":
                lines[at] = " " * draw(st.integers(0, 5)) + lines[at].lstrip()
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
            case "text":
                lines[at] = draw(st.text(max_size=30))
    return name, "\n".join(lines)


@contextmanager
def profile(name: str, raw: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "by"
        shutil.copytree(LILLBY, folder, ignore=shutil.ignore_patterns("stories"))
        (folder / name).write_bytes(raw)
        yield folder


def quick(began: float) -> bool:
    return time.monotonic() - began < SECONDS


def looked(name: str, raw: bytes) -> None:
    began = time.monotonic()
    with profile(name, raw) as folder:
        found, faults = load_profile(folder)
    assert found is not None or faults, "refused without a word"
    assert all(re.match(r".+:\d+:\d+: ", str(f)) for f in faults), faults
    assert quick(began)


@examples(60)
@given(broken())
def test_a_broken_file_is_told_with_a_place_and_in_time(mistaken: tuple[str, str]) -> None:
    name, text = mistaken
    looked(name, text.encode("utf-8", "surrogatepass"))


@examples(40)
@given(st.sampled_from(sorted(FILES)), st.binary(max_size=300), st.integers(0, 2000))
def test_any_bytes_in_a_file_are_told_with_a_place_and_in_time(name: str, noise: bytes, at: int) -> None:
    whole = FILES[name].encode()
    looked(name, whole[:at] + noise + whole[at:])


@examples(15)
@given(broken(), st.sampled_from(["check", "explain", "schema", "test"]), st.sampled_from(["rules.yaml", ""]))
def test_no_command_on_a_broken_profile_ends_in_a_traceback(mistaken: tuple[str, str], command: str, at: str) -> None:
    name, text = mistaken
    began = time.monotonic()
    with profile(name, text.encode("utf-8", "surrogatepass")) as folder:
        where = str(folder / at) if command == "explain" and at else str(folder)
        result = CliRunner().invoke(app, [command, where])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1, 2)
    assert "Traceback" not in result.output
    assert result.exit_code == 0 or result.output.strip(), "left without a word"
    assert quick(began)
