"""Bytes from outside -> a JSON value of bounded size and depth, or Refused. Any byte string gives one of the two."""

from __future__ import annotations

import orjson

from streams.refusal import Reason, Refused

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Ten thousand readings are about 1 MB, and a country's warnings with their polygons about 2."""

MAX_DEPTH = 32
"""A multipolygon inside a warning inside an envelope is about fifteen deep."""

_BOM = b"\xef\xbb\xbf"


def parse(body: bytes) -> object:
    """The JSON value of these bytes. A leading byte order mark is ignored: Windows tools write one."""
    bound(body)
    try:
        value: object = orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise _deep() if "depth limit" in error.msg else Refused(Reason.NOT_JSON, _where(body, error)) from None
    if too_deep(value):
        raise _deep()
    return value


def bound(body: bytes) -> None:
    """Refuses a body with more bytes than the bound; to be asked before anything reads it."""
    if len(body) > MAX_BODY_BYTES:
        raise Refused(
            Reason.TOO_LARGE,
            f"Innehållet är {len(body)} byte, högst {MAX_BODY_BYTES} tas emot. Dela upp det i flera sändningar.",
        )


def too_deep(value: object) -> bool:
    """True when containers stand in each other more than MAX_DEPTH levels. Level by level: no recursion to exhaust."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for container in level
            if isinstance(container, dict | list)
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _deep() -> Refused:
    what = f"Innehållet är nästlat i fler än {MAX_DEPTH} nivåer."
    return Refused(Reason.TOO_DEEP, f"{what} Skicka det plattare, se schemas/.")


def _where(body: bytes, error: orjson.JSONDecodeError) -> str:
    if not body.strip():
        return "Innehållet är tomt. Skicka JSON i UTF-8."
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return f"Innehållet är inte UTF-8: byte {wrong.start} går inte att läsa. Spara eller skicka om det i UTF-8."
    return (
        f"Innehållet är inte JSON: läsningen tog stopp på rad {error.lineno}, tecken {error.colno}. "
        "Kontrollera att inget har fallit bort på slutet och att text står inom citattecken."
    )
