"""SMHI's impact-based warnings (IBW v1, `warning.json`) -> one `Event` that lists all that is in force (semantics 17).

A warning that cannot be read is told as a refusal, and the list is then not complete: what is missing in it has not
ended. A shape or a time that cannot be read is told, and the warning goes on without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import ValidationError

from rules.events import LIVE, Event, Severity, Warning, Warnings
from streams.bounded_json import parse
from streams.feeds.clean import MAX_FAULTS, UNKNOWN_KIND, cut, event_of, instant, named, severity
from streams.feeds.shapes import geojson
from streams.plain_errors import plain_errors, shown
from streams.refusal import Reason, Refusal, Refused

FEED = "smhi-ibw"
MAX_WARNINGS = 2_000  # as rules.events.Warnings
MAX_AREAS = 200  # as rules.events.Warning

_LEVEL = {
    Severity.MESSAGE: "Meddelande",
    Severity.YELLOW: "Gul varning",
    Severity.ORANGE: "Orange varning",
    Severity.RED: "Röd varning",
}


def recognises(name: str, body: bytes) -> bool:
    """True for JSON that speaks of warning areas. An empty list says nothing of whose it is: there the name decides."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{") and (
        name.lower().startswith("smhi") or b'"warningAreas"' in body
    )


def read(name: str, body: bytes, received_at: datetime) -> tuple[Event | Refusal, ...]:
    """One event with every warning in the list, then a refusal for each thing in it that could not be read.

    Its id is the same for the same list within the same minute. Not for ever: a list that returns to what it was
    (one warning came and went) says something new, and as a duplicate it would end nothing.
    """
    try:
        items = _items(parse(body))
    except Refused as refused:
        return (refused.refusal(body),)
    refusals: list[Refusal] = []
    warnings = tuple(_unique(_warnings(items, refusals)))
    if len(warnings) > MAX_WARNINGS:
        too_many = Refused(Reason.TOO_MANY, f"{len(warnings)} varningar i en lista, högst {MAX_WARNINGS} tas emot.")
        return (too_many.refusal(body),)
    complete = all(refusal.partial for refusal in refusals)
    payload = Warnings(feed=FEED, complete=complete, warnings=warnings)
    minute = received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
    return (event_of(payload, received_at, LIVE, minute), *refusals)


def _items(value: object) -> list[Any]:
    match value:
        case list() as items if not items or any(isinstance(each, dict) and "warningAreas" in each for each in items):
            return items
        case {"value": list() as items}:
            return _items(items)
        case _:
            raise Refused(
                Reason.FORMAT,
                "Innehållet är JSON men inte SMHI:s varningar: väntade en lista av objekt med warningAreas. "
                "Hämta den från ibww/api/version/1/warning.json.",
            )


def _warnings(items: list[Any], refusals: list[Refusal]) -> Iterator[Warning]:
    for index, item in enumerate(items):
        areas = item.get("warningAreas") if isinstance(item, dict) else None
        if not isinstance(areas, list):
            fault = Refused(Reason.INCOMPLETE, f"Varning {index + 1}: warningAreas saknas eller är ingen lista.")
            refusals.append(fault.refusal(orjson.dumps(item), index))
            continue
        for place, area in enumerate(areas):
            yield from _warning(item, area, index, place, refusals)


def _warning(item: Mapping[str, Any], area: object, index: int, place: int, refusals: list[Refusal]) -> list[Warning]:
    where = f"[{index}].warningAreas[{place}]"
    original = orjson.dumps(area)
    faults: list[Refused] = []
    try:
        if not isinstance(area, dict):
            raise Refused(Reason.INCOMPLETE, f"{where}: väntade ett objekt, fick {shown(area)}.")
        warning = _read(item, area, where, faults)
    except Refused as refused:
        refusals.append(refused.refusal(original, index))
        return []
    except ValidationError as error:
        fault = Refused(Reason.INCOMPLETE, f"{'; '.join(plain_errors(error, where))}.")
        refusals.append(fault.refusal(original, index))
        return []
    told = (Refused(f.reason, f"{where}: {f.message} Varningen tas emot ändå.") for f in faults[:MAX_FAULTS])
    refusals.extend(fault.refusal(original, index, partial=True) for fault in told)
    return [warning]


def _read(item: Mapping[str, Any], area: Mapping[str, Any], where: str, faults: list[Refused]) -> Warning:
    level = severity(_code(area.get("warningLevel")))
    shapes, broken = geojson(area.get("area"))
    faults.extend(broken)
    event = _words(area.get("eventDescription")) or _words(item.get("event"))
    return Warning(
        identifier=_identifier(item, area, where),
        kind=_kind(item, area),
        severity=level,
        title=cut(_title(_LEVEL.get(level) or _words(area.get("warningLevel")) or "Varning", event, area)),
        text=cut(_text(item, area)),
        sender="SMHI",
        areas=_areas(area),
        shapes=shapes,
        starts=_time(area, "approximateStart", faults),
        ends=_time(area, "approximateEnd", faults),
    )


def _time(area: Mapping[str, Any], name: str, faults: list[Refused]) -> datetime | None:
    """An unreadable end is no end: the warning then stays until SMHI takes it out of the list."""
    try:
        return instant(area.get(name), name)
    except Refused as fault:
        faults.append(fault)
        return None


def _identifier(item: Mapping[str, Any], area: Mapping[str, Any], where: str) -> str:
    whole = named(item.get("id")) or named(_code(item.get("event")))
    part = named(area.get("id")) or named(_words(area.get("areaName")))
    if whole is None or part is None:
        raise Refused(Reason.INCOMPLETE, f"{where}: både id och namn saknas, så varningen går inte att följa.")
    return named(f"{whole}/{part}") or FEED


def _unique(warnings: Iterator[Warning]) -> Iterator[Warning]:
    """Two warnings with the same identifier are both kept: the later must not hide the worse."""
    seen: dict[str, int] = {}
    for warning in warnings:
        count = seen[warning.identifier] = seen.get(warning.identifier, 0) + 1
        again = named(f"{warning.identifier}#{count}")
        yield warning if count == 1 else warning.model_copy(update={"identifier": again})


def _kind(item: Mapping[str, Any], area: Mapping[str, Any]) -> str:
    code = _code(item.get("event")) or _code(area.get("eventDescription"))
    return named(code.upper()) or UNKNOWN_KIND


def _title(level: str, event: str, area: Mapping[str, Any]) -> str:
    place = _words(area.get("areaName"))
    return f"{level}: {', '.join(each for each in (event, place) if each)}".removesuffix(": ")


def _text(item: Mapping[str, Any], area: Mapping[str, Any]) -> str:
    return "\n\n".join(
        part for source in (area, item) for part in map(_paragraph, _list(source.get("descriptions"))) if part
    )


def _paragraph(description: object) -> str:
    if not isinstance(description, dict):
        return ""
    title, text = _words(description.get("title")), _words(description.get("text"))
    return f"{title}: {text}" if title and text else text


def _areas(area: Mapping[str, Any]) -> tuple[str, ...]:
    """SMHI's own numbers of counties and sea areas, marked as such so that none is taken for an area of ours."""
    ids = (named(each.get("id")) for each in _list(area.get("affectedAreas")) if isinstance(each, dict))
    return tuple(dict.fromkeys(f"smhi:{each}"[:128] for each in ids if each))[:MAX_AREAS]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _words(value: object) -> str:
    """The Swedish words, else the English, else the code. SMHI's texts hold line breaks that were escaped twice."""
    match value:
        case {"sv": str() as words} if words.strip():
            pass
        case {"en": str() as words} if words.strip():
            pass
        case {"code": str() as words} | (str() as words):
            pass
        case _:
            return ""
    return words.replace("\\r\\n", "\n").replace("\\n", "\n").strip()


def _code(value: object) -> str:
    match value:
        case {"code": str() as code} if code.strip():
            return code.strip()
        case _:
            return _words(value)
