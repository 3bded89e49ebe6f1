"""The feeds that others publish, one file each. `read` finds the format by what a body says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rules.events import Event
from streams.feeds import cap, smhi
from streams.refusal import Reason, Refusal, Refused

__all__ = ["FORMATS", "Format", "read"]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: whether a body is of it, and the events in such a body. Neither function raises, whatever the bytes."""

    name: str
    recognises: Callable[[str, bytes], bool]
    read: Callable[[str, bytes, datetime], tuple[Event | Refusal, ...]]


FORMATS = (Format("CAP (XML)", cap.recognises, cap.read), Format("SMHI:s varningar (JSON)", smhi.recognises, smhi.read))


def read(name: str, body: bytes, received_at: datetime) -> tuple[Event | Refusal, ...]:
    """The events and refusals of one file of the feed called `name`."""
    for known in FORMATS:
        if known.recognises(name, body):
            return known.read(name, body, received_at)
    known_names = " eller ".join(known.name for known in FORMATS)
    return (Refused(Reason.FORMAT, f"Formatet i {name[:60]!r} känns inte igen; väntade {known_names}.").refusal(body),)
