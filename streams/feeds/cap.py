"""CAP 1.0, 1.1 and 1.2 -> events: a single alert, alerts inside another document, or an Atom feed with `cap:` fields.

One message gives one event. A shape or a time in it that cannot be read is told, and the warning goes on without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import ValidationError

from rules.events import LIVE, Event, Severity, Shape, Warning, Warnings
from streams.feeds.clean import MAX_FAULTS, UNKNOWN_KIND, cut, event_of, instant, named, severity, slug
from streams.feeds.markup import Part, messages_of
from streams.feeds.shapes import cap_circle, cap_polygon, largest
from streams.plain_errors import plain_errors, shown
from streams.refusal import Reason, Refusal, Refused
from streams.wire import EXTERNAL_EXERCISE, MAX_EVENTS

FEED = "cap"
MAX_AREAS = 200  # as rules.events.Warning
MAX_REPLACES = 100  # as rules.events.Warning
LANGUAGES = ("sv", "en")
DEFAULT_LANGUAGE = "en-US"  # CAP's own, when info says none

# Bounded, and only from the beginning of a word: an endless word must not be tried from each of its letters.
_REFERENCE = re.compile(r"(?<!\S)[^,\s]{1,512},([^,]{1,512}),\d{4}-\d\d-\d\dT\S{1,40}")
_RISING = (Severity.UNKNOWN, Severity.MESSAGE, Severity.YELLOW, Severity.ORANGE, Severity.RED)


class Intent(StrEnum):
    """What a message wants: CAP's msgType, in lower case."""

    ALERT = "alert"  # a new warning
    UPDATE = "update"  # a warning in place of others
    CANCEL = "cancel"  # others are over


@dataclass(frozen=True, slots=True)
class Header:
    """What a message says of itself, checked."""

    identifier: str
    sender: str
    sent: datetime
    realm: str
    intent: Intent
    references: tuple[str, ...]


def recognises(name: str, body: bytes) -> bool:
    """True for XML, in UTF-16 as well."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" or body[:2] in (b"\xff\xfe", b"\xfe\xff", b"\x00<", b"<\x00")


def read(name: str, body: bytes, received_at: datetime) -> tuple[Event | Refusal, ...]:
    """For each message an event or a refusal, in the order of the file; an empty feed gives nothing.

    The id of an event is a hash of what it says, so the same message is a duplicate wherever it stands.
    """
    try:
        messages = messages_of(body)
        if len(messages) > MAX_EVENTS:
            raise Refused(Reason.TOO_MANY, f"{len(messages)} varningar i en fil, högst {MAX_EVENTS} tas emot.")
    except Refused as refused:
        return (refused.refusal(body),)
    feed = slug(name) or FEED
    return tuple(
        result for index, message in enumerate(messages) for result in _results(message, feed, index, body, received_at)
    )


def _results(message: Part, feed: str, index: int, body: bytes, received_at: datetime) -> Iterator[Event | Refusal]:
    faults: list[Refused] = []
    original = message.identifier().encode() if index else body
    try:
        header = _entry_header(message, received_at) if message.is_entry() else _alert_header(message)
        payload = Warnings(feed=feed, warnings=_warnings(header, message, faults))
        yield event_of(payload, header.sent, header.realm, header.sent.isoformat())
    except Refused as refused:
        yield refused.refusal(original, index)
    except ValidationError as error:
        yield Refused(Reason.INCOMPLETE, f"{'; '.join(plain_errors(error, 'alert'))}.").refusal(original, index)
    else:
        told = (Refused(f.reason, f"{f.message} Varningen tas emot ändå.") for f in faults[:MAX_FAULTS])
        yield from (fault.refusal(original, index, partial=True) for fault in told)


def _alert_header(alert: Part) -> Header:
    required = ["identifier", "sender", "sent", "status", "msgType"]
    if not alert.is_version_1_0():  # scope became mandatory with CAP 1.1
        required.append("scope")
    missing = [name for name in required if not alert.text(name)]
    if missing:
        raise Refused(
            Reason.INCOMPLETE,
            f"<{'>, <'.join(missing)}> saknas i <alert>; CAP kräver det. Be avsändaren rätta meddelandet.",
        )
    return _header(alert, alert.text("identifier"), alert.text("sent"), alert.text("status"), alert.text("msgType"))


def _entry_header(entry: Part, received_at: datetime) -> Header:
    """An index in Atom leaves out more than an alert may. What it does not say is live, and new."""
    if not entry.has_cap():
        raise Refused(Reason.FORMAT, "Posten i Atom-flödet har inga cap:-fält och är ingen varning.")
    sent = entry.text("sent") or entry.atom("updated") or entry.atom("published") or received_at.isoformat()
    intent = entry.text("msgType") or entry.text("message_type") or Intent.ALERT
    return _header(entry, entry.identifier(), sent, entry.text("status") or "Actual", intent)


def _header(message: Part, identifier: str, sent: str, status: str, msg_type: str) -> Header:
    own, at = named(identifier), instant(sent, "sent")
    assert at is not None, "callers have seen that sent is not empty"
    if own is None:
        raise Refused(Reason.INCOMPLETE, "Varken <identifier> eller <id> finns, så varningen går inte att följa.")
    references = _references(message.text("references"))
    sender = message.text("sender") or message.atom("author/name")
    return Header(own, sender, at, _realm(status), _intent(msg_type), tuple(r for r in references if r != own))


def _realm(status: str) -> str:
    match status.casefold():
        case "actual":
            return LIVE
        case "exercise" | "test":
            return EXTERNAL_EXERCISE
        case "system" | "draft":
            raise Refused(Reason.STATUS, f"status är {status}: meddelandet är inte en varning och tas inte emot.")
        case _:
            raise Refused(Reason.STATUS, f"status: väntade Actual, Exercise eller Test, fick {shown(status)}.")


def _intent(msg_type: str) -> Intent:
    try:
        return Intent(msg_type.casefold())
    except ValueError:
        raise Refused(
            Reason.STATUS, f"msgType: väntade Alert, Update eller Cancel, fick {shown(msg_type)}; det varnar ingen."
        ) from None


def _references(text: str) -> list[str]:
    """The identifiers of `sender,identifier,sent` triples, or bare ones. The times in them are not to be trusted."""
    found = _REFERENCE.findall(text)
    bare = [each.split(",")[-1 if each.count(",") < 2 else 1] for each in _REFERENCE.sub(" ", text).split()]
    return [name for name in dict.fromkeys(map(named, [*found, *bare])) if name]


def _warnings(header: Header, message: Part, faults: list[Refused]) -> tuple[Warning, ...]:
    warning = _warning(header, message, faults)
    match header.intent:
        case Intent.ALERT:
            return (warning,)
        case Intent.UPDATE:
            return (warning.model_copy(update={"replaces": header.references[:MAX_REPLACES]}),)
        case Intent.CANCEL if header.references:
            return tuple(warning.model_copy(update={"identifier": each, "ended": True}) for each in header.references)
        case Intent.CANCEL:
            raise Refused(Reason.INCOMPLETE, "<references> saknas: en Cancel måste säga vilka varningar som är över.")


def _warning(header: Header, message: Part, faults: list[Refused]) -> Warning:
    """One warning for the message: the words of the worst info in the chosen language, the places of all of them."""
    infos = _preferred([message] if message.is_entry() else message.parts("info"))
    areas = infos if message.is_entry() else [area for info in infos for area in info.parts("area")]
    blank = Warning(
        identifier=header.identifier,
        kind=UNKNOWN_KIND,
        severity=Severity.UNKNOWN,
        title=cut(message.text("note")),
        sender=cut(header.sender),
    )
    if not infos:
        return blank
    worst = max(infos, key=lambda info: _RISING.index(severity(info.text("severity"))))
    starts = [_time(info, ("onset", "effective"), faults) for info in infos]
    ends = [_time(info, ("expires",), faults) for info in infos]
    return Warning(
        identifier=header.identifier,
        kind=_kind(worst),
        severity=severity(worst.text("severity")),
        title=cut(worst.text("headline") or worst.atom("title") or worst.text("event")),
        text=cut(_text(worst)),
        sender=cut(worst.text("senderName") or header.sender),
        areas=_codes(areas),
        shapes=_shapes(areas, faults),
        starts=None if None in starts else min(at for at in starts if at),
        ends=None if None in ends else max(at for at in ends if at),
    )


def _preferred(infos: list[Part]) -> list[Part]:
    """The infos in Swedish, else in English, else in the language of the first."""
    if not infos:
        return []
    for wanted in (*LANGUAGES, _language(infos[0])):
        chosen = [info for info in infos if _language(info) == wanted]
        if chosen:
            return chosen
    return infos


def _language(info: Part) -> str:
    return (info.text("language") or DEFAULT_LANGUAGE).partition("-")[0].lower()


def _kind(info: Part) -> str:
    codes = (named(value) for _, value in info.pairs("eventCode"))
    return next((code for code in codes if code), None) or slug(info.text("event")) or UNKNOWN_KIND


def _text(info: Part) -> str:
    description = info.text("description") or info.atom("summary")
    return "\n\n".join(part for part in (description, info.text("instruction")) if part)


def _time(info: Part, names: tuple[str, ...], faults: list[Refused]) -> datetime | None:
    """The first of these times that is given. An unreadable end is no end: the warning then stays until cancelled."""
    name = next((name for name in names if info.text(name)), names[0])
    try:
        return instant(info.text(name), name)
    except Refused as fault:
        faults.append(fault)
        return None


def _codes(areas: list[Part]) -> tuple[str, ...]:
    """Geocodes as `scheme:code`, so that none is taken for an area of ours. Some senders put several in one value."""
    found = (
        named(f"{scheme}:{code}") for area in areas for scheme, value in area.pairs("geocode") for code in _each(value)
    )
    return tuple(dict.fromkeys(code for code in found if code))[:MAX_AREAS]


def _each(value: str) -> list[str]:
    """Several codes when every word holds a digit; else one name that has white space in it."""
    words = value.split()
    return words if all(any(c.isdigit() for c in word) for word in words) else [value]


def _shapes(areas: list[Part], faults: list[Refused]) -> tuple[Shape, ...]:
    shapes: list[Shape] = []
    for area in areas:
        drawn = [(cap_polygon, text) for text in area.texts("polygon")]
        drawn += [(cap_circle, text) for text in area.texts("circle")]
        for draw, text in drawn:
            try:
                shapes.append(draw(text))
            except Refused as fault:
                faults.append(fault)
    return largest(shapes, faults)
