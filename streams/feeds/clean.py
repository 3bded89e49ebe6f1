"""What every feed does to what it reads: names, texts and times made to fit `rules.events`, the same way each time."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from rules.events import Event, Severity, Warnings
from streams.refusal import Reason, Refused

MAX_TEXT = 4000  # as rules.frozen.Text
MAX_NAME = 128  # as rules.frozen.Identifier
MAX_FAULTS = 20  # told of one warning; a map with a thousand broken rings has one cause
UNKNOWN_KIND = "UNKNOWN"

_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
_NOT_WORD = re.compile(r"[^\w]+")


def named(value: object) -> str | None:
    """The value as an `Identifier`: white space becomes `_`, and a long one ends in its hash. None for nothing at all.

    Equal input gives equal output, so that a reference to a name meets the name itself.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = _SPACE.sub("_", str(value).strip())
    if len(text) <= MAX_NAME:
        return text or None
    return f"{text[: MAX_NAME - 17]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def slug(text: str) -> str | None:
    """The text as a short name: lower case, `-` between words. `High Wind Warning` -> `high-wind-warning`."""
    return named(_NOT_WORD.sub("-", text.lower()).strip("-"))


def cut(text: str) -> str:
    """The text without white space around it, ended with … where it was too long for a message."""
    text = text.strip()
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1].rstrip() + "…"


def instant(value: object, where: str) -> datetime | None:
    """The moment in UTC, None when nothing is given; Refused when it has no offset or cannot be read."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        at = datetime.fromisoformat(str(value).strip())
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Refused(
        Reason.TIME,
        f"{where}: väntade en tid med förskjutning, till exempel 2026-01-31T08:00:00+01:00, fick {str(value)[:60]!r}.",
    )


def severity(word: str) -> Severity:
    """The severity of any word that SMHI or CAP uses, in any case; a word they do not use is unknown, not an error."""
    return _SEVERITY.get(word.strip().casefold(), Severity.UNKNOWN)


_SEVERITY = {
    "message": Severity.MESSAGE,
    "meddelande": Severity.MESSAGE,
    "minor": Severity.MESSAGE,
    "yellow": Severity.YELLOW,
    "gul": Severity.YELLOW,
    "moderate": Severity.YELLOW,
    "orange": Severity.ORANGE,
    "severe": Severity.ORANGE,
    "red": Severity.RED,
    "röd": Severity.RED,
    "extreme": Severity.RED,
}


def event_of(payload: Warnings, time: datetime, realm: str, moment: str) -> Event:
    """An event whose id is a hash of what it says and of `moment`, so that the same again is a duplicate."""
    content = "\n".join((payload.model_dump_json(), realm, moment))
    digest = hashlib.sha256(content.encode()).hexdigest()
    return Event(id=digest[:32], source=f"urn:beredd:feed:{payload.feed}", time=time, realm=realm, payload=payload)
