"""What a stage writes down for those who look: the log of a matter, and the views. Nothing reads it back into a
step."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from rules.frozen import Frozen, Instant, Text
from rules.matter import Matter


class Happening(StrEnum):
    """What kind of line a log line is: bounded, so that it may be counted."""

    REPORTED = "reported"
    OPENED = "opened"
    JOINED = "joined"
    CLEARED = "cleared"
    LEVEL = "level"
    PROPOSED = "proposed"
    DECIDED = "decided"
    REFUSED = "refused"  # something asked for was not allowed, with the reason
    CLOSED = "closed"
    PLANNED = "planned"
    NOTIFIED = "notified"
    REACHED = "reached"
    ANSWERED = "answered"
    ESCALATED = "escalated"
    UNDELIVERED = "undelivered"
    CANCELLED = "cancelled"
    NOTICED = "noticed"  # something odd that no rule wanted: a conflict, a late value, a clamped time


class LogLine(Frozen):
    """One line of a matter's log (or, without a matter, of the area's), in Swedish, with the reason in it."""

    kind: Literal["line"] = "line"
    at: Instant
    what: Happening
    said: Text
    matter: str | None = None
    area: str | None = None
    person: str | None = None
    event: str | None = None


class MatterSnapshot(Frozen):
    """A matter as assess left it: what the situation view shows."""

    kind: Literal["matter_snapshot"] = "matter_snapshot"
    matter: Matter
