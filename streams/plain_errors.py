"""pydantic's errors -> Swedish sentences with the path: `data.position.latitude: väntade ett tal högst 90, fick 590`.

It depends on pydantic alone and may be moved to wherever else errors are told to people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice

from pydantic import ValidationError
from pydantic_core import ErrorDetails

MAX_SENTENCES = 5
MAX_COUNTED = 2_000  # to list more faults than this takes seconds, and nobody reads them
SHOWN_CHARS = 60

_TIME = "en tid med förskjutning, till exempel 2026-01-31T08:00:00+01:00"

EXPECTED: Mapping[str, str] = {
    "string_type": "text",
    "string_too_long": "text med högst {max_length} tecken",
    "string_too_short": "text med minst {min_length} tecken",
    "string_pattern_mismatch": "{pattern}",
    "string_unicode": "text i UTF-8",
    "float_type": "ett tal",
    "float_parsing": "ett tal",
    "finite_number": "ett ändligt tal",
    "int_type": "ett heltal",
    "int_parsing": "ett heltal",
    "int_parsing_size": "ett mindre heltal",
    "int_from_float": "ett heltal",
    "bool_type": "true eller false",
    "bool_parsing": "true eller false",
    "less_than": "ett tal under {lt}",
    "less_than_equal": "ett tal högst {le}",
    "greater_than": "ett tal över {gt}",
    "greater_than_equal": "ett tal minst {ge}",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "timezone_aware": _TIME,
    "enum": "{expected}",
    "literal_error": "{expected}",
    "union_tag_invalid": "{expected_tags}",
    "union_tag_not_found": "ett objekt med fältet {discriminator}",
    "tuple_type": "en lista",
    "list_type": "en lista",
    "too_long": "högst {max_length} poster",
    "too_short": "minst {min_length} poster",
    "model_type": "ett objekt",
    "model_attributes_type": "ett objekt",
    "dict_type": "ett objekt",
    "none_required": "null",
}
"""What was expected, by pydantic's type of error. A type that is not here is told with its own name."""


def plain_errors(error: ValidationError, root: str = "data") -> tuple[str, ...]:
    """At most MAX_SENTENCES sentences, each with path, what was expected and what came."""
    if error.error_count() > MAX_COUNTED:
        return (f"{root}: {error.error_count()} fel, för många att räkna upp; jämför en liten del med schemas/",)
    found = error.errors(include_url=False)
    told = (_sentence(each, root) for each in found if not _follows_from_another(each, found))
    first = tuple(islice(told, MAX_SENTENCES))  # no further: a batch can hold thousands of the same fault
    return (*first, "och fler fel") if next(told, None) else first


def _follows_from_another(error: ErrorDetails, found: list[ErrorDetails]) -> bool:
    """pydantic counts only the good items of a list, so one bad reading of one is also told as an empty list."""
    if error["type"] != "too_short":
        return False
    loc = error["loc"]
    return any(len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in found)


def _sentence(error: ErrorDetails, root: str) -> str:
    path = _path(root, error["loc"])
    match error["type"]:
        case "missing":
            return f"{path}: saknas"
        case "extra_forbidden":
            return f"{path}: okänt fält; rätta stavningen eller ta bort det"
        case "value_error":
            return f"{path}: {error['msg'].removeprefix('Value error, ')}"
        case "too_long" | "too_short":
            return f"{path}: väntade {_expected(error)}, fick {error.get('ctx', {}).get('actual_length')}"
        case _:
            return f"{path}: väntade {_expected(error)}, fick {shown(error['input'])}"


def _path(root: str, loc: tuple[int | str, ...]) -> str:
    path = root
    for step in loc:
        path += f"[{step}]" if isinstance(step, int) else f".{_clipped(step)}"
    return path.removeprefix(".") or "innehållet"


def _expected(error: ErrorDetails) -> str:
    template = EXPECTED.get(error["type"])
    if template is None:
        return f"något annat ({error['type']})"
    return template.format_map({key: _limit(value) for key, value in error.get("ctx", {}).items()})


def _limit(value: object) -> str:
    match value:
        case float():
            return f"{value:g}"
        case str() if value.startswith("^[^\\s"):
            return "ett namn utan mellanslag"
        case str() if value.startswith("^"):
            return f"text enligt mönstret {value}"
        case str():
            return re.sub(r" or (?=[^ ]+$)", " eller ", value)
        case _:
            return str(value)


def shown(value: object) -> str:
    """What came, short enough for one line: a long text is cut, a list or an object is only named."""
    match value:
        case dict():
            return "ett objekt"
        case list() | tuple():
            return f"en lista med {len(value)} poster"
        case bool() | int() | float() | str() | None:
            return _clipped(json.dumps(value, ensure_ascii=False))
        case _:
            return _clipped(str(value))


def _clipped(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
