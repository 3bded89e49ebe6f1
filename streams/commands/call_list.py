"""`beredd call-list`: prints the list that the service keeps. It asks nobody, so it works when nothing else does."""

from __future__ import annotations

import time
from pathlib import Path

from streams.call_list import NAME
from streams.call_list_keeper import FRESH_S
from streams.commands.console import FINE, PROBLEMS, YELLOW, UsageFault, data, talk, why_unreadable


def call_list(directory: Path) -> int:
    """Prints the list in this directory. PROBLEMS if it is old: then nobody keeps it."""
    file = directory / NAME
    try:
        text, written = file.read_text("utf-8"), file.stat().st_mtime
    except OSError as error:
        raise UsageFault(f"{file}: {why_unreadable(error)}") from None
    data(text.rstrip("\n"))
    old_s = time.time() - written
    if old_s <= 2 * FRESH_S:
        return FINE
    talk(f"Listan är {old_s / 60:.0f} minuter gammal: ingen beredd håller den uppdaterad.", YELLOW)
    return PROBLEMS
