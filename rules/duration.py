"""Durations as authors write them: `10 min`, `2 h`, `1 d`, `30 s`.

Not `10m` (metre or month?) and not `00:10:00`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
_PATTERN = re.compile(r"(\d{1,6}) ?(s|min|h|d)")
_LONGEST = timedelta(days=400)


def parse(text: Any) -> timedelta:
    """The duration that the text says; a `duration` error with what was found if it says none."""
    if isinstance(text, timedelta):
        return text
    found = _PATTERN.fullmatch(text) if isinstance(text, str) else None
    duration = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not timedelta(0) < duration <= _LONGEST:
        raise PydanticCustomError("duration", "expected a time such as '10 min' or '2 h'")
    return duration


def say(duration: timedelta) -> str:
    """The shortest form that loses nothing: 90 minutes is `90 min`, 120 minutes is `2 h`."""
    seconds = int(duration.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse),
    PlainSerializer(say, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,6} ?(s|min|h|d)$", "examples": ["10 min", "2 h"]}),
]
