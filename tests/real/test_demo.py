"""The demo, as `make demo` runs it: the real service, real sinks, the clock of the story."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from streams.demo import play


@pytest.mark.slow
def test_the_demo_shows_what_came_who_was_told_and_why_and_ends_well() -> None:
    out = io.StringIO()
    assert play(console=Console(file=out, width=120, highlight=False)) == 0
    said = out.getvalue()
    assert "Ingen larmas" in said  # the warning is for another part of the country
    assert "Anna Ek, Drift i beredskap" in said
    assert "ansvarsprincipen" in said
    assert "geografiskt områdesansvar" in said
    assert "öppnar länken och svarar ja" in said
    assert "§ BESLUT" in said
    assert said.count("Högt vatten vid Slussen» gäller") == 5  # as often as the recorded month crosses the limit
    assert re.search(r"Nådde ingen +0", said)
    assert re.search(r"p50 [\d,]+ ms, p99 [\d,]+ ms", said)
