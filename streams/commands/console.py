"""How every command speaks: data on stdout, talk on stderr, colour only where somebody sees it, exit codes by meaning.

What is printed may have come from anybody, so no control character of it reaches a terminal.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

FINE, PROBLEMS, USAGE, INTERRUPTED = 0, 1, 2, 130
"""All is well; problems were found; wrong usage or an unreadable file; somebody pressed Ctrl-C."""

WIDTH_UNSEEN = 1000
"""Columns of a table that goes to a file or a pipe: one row a line, for whatever reads it."""

WIDTH_UNSEEN_BOXED = 140
"""The same for a table that only people read."""

RED, YELLOW, DIM = "31", "33", "2"

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class CommandError(Exception):
    """A command cannot go on. The message says why, in Swedish; `code` is the exit code."""

    def __init__(self, message: str, code: int = PROBLEMS) -> None:
        super().__init__(message)
        self.code = code


class UsageFault(CommandError):
    """What was asked for does not exist or cannot be read."""

    def __init__(self, message: str) -> None:
        super().__init__(message, USAGE)


def clean(text: object) -> str:
    """The text with control characters (line breaks and tabs aside) and reordering marks shown as a box."""
    return _CONTROL.sub("�", str(text))


def data(text: object, colour: str = "") -> None:
    """One line of what was asked for."""
    print(painted(clean(text), colour, sys.stdout))


def talk(text: str, colour: str = "") -> None:
    """One line beside the data."""
    print(painted(clean(text), colour, sys.stderr), file=sys.stderr, flush=True)


def as_json(value: object) -> None:
    """One JSON value on one line."""
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def coloured(stream: TextIO) -> bool:
    """True if the stream is a terminal that nobody has asked to be without colour (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def painted(text: str, colour: str, stream: TextIO) -> str:
    """The text in a colour where the stream shows colours, else as it is."""
    return f"\x1b[{colour}m{text}\x1b[0m" if colour and coloured(stream) else text


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, lines: bool = False, whole: str = "") -> None:
    """A table as wide as the terminal; for a file or a pipe, wide enough. The column `whole` is never folded: what
    stands there is to be copied."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    made = Table(box=box.ROUNDED if lines else None, show_lines=lines, header_style="bold", pad_edge=lines)
    for column in columns:
        made.add_column(column, no_wrap=column == whole, overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else clean(cell) for cell in row))
    # Markup off: a title such as "[red]" is somebody's words, not ours.
    console = Console(markup=False, highlight=False, emoji=False, no_color=not coloured(sys.stdout))
    if not console.is_terminal:
        console.width = WIDTH_UNSEEN_BOXED if lines else WIDTH_UNSEEN
    with console.capture() as captured:
        console.print(made)
    for line in captured.get().splitlines():
        print(line.rstrip())


class Progress:
    """A line on stderr that is written over, when somebody sees it; nothing otherwise."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def at(self, text: str) -> None:
        if self._shown:
            print(f"\r\x1b[K{clean(text)}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """The line is gone."""
        self.at("")


def profile_directory(given: Path | None) -> Path:
    """The profile's directory: as given, else rules/stockholm if it is here, else this directory."""
    found = given if given is not None else Path("rules/stockholm")
    if given is None and not found.is_dir():
        found = Path(".")
    if not found.is_dir():
        raise UsageFault(f"{found}: katalogen finns inte; ange profilens katalog")
    return found


def read_bytes(path: Path) -> bytes:
    """The file's bytes, or UsageFault."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageFault(f"{path}: {why_unreadable(error)}") from None


def why_unreadable(error: OSError) -> str:
    """Why a file cannot be read, in Swedish where it is one of the usual reasons."""
    match error:
        case FileNotFoundError():
            return "finns inte"
        case PermissionError():
            return "får inte läsas av dig"
        case IsADirectoryError():
            return "är en katalog, inte en fil"
        case _:
            return f"går inte att läsa ({error.strerror})"


def counted(count: int, one: str, many: str) -> str:
    """`1 mottagen`, `2 mottagna`."""
    return f"{count} {one if count == 1 else many}"


def rows_of(value: Any, key: str) -> list[dict[str, Any]]:
    """The objects listed under a key of an answer; none if it is not as expected."""
    with suppress(AttributeError, TypeError):
        return [row for row in value.get(key, ()) if isinstance(row, dict)]
    return []
