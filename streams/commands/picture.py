"""x"""

from __future__ import annotations

from pathlib import Path

from streams.commands.who_told import Answer


def draw(answer: Answer, file: Path) -> None: ...
