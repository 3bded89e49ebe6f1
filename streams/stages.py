"""The stages as a host sees them: a step function, and how its entries and messages are written down.

A host needs nothing else to run them, and holds no `if` about levels, roles or rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from notifiers import alert, contact
from notifiers.notice import NoticeRecord
from notifiers.plan import Entry, PlanSnapshot, RowSnapshot
from notifiers.profile import Profile
from rules import assess, entries
from rules.events import Event, Readings
from rules.frozen import Frozen
from rules.record import LogLine, MatterSnapshot
from rules.step import Stage, State, Step
from streams.readings_wire import written_readings


@dataclass(frozen=True, slots=True)
class Keyed:
    """A keyed stage: what runs it, and the written forms of its entries and messages."""

    step: Callable[[Profile, State[Any], Any, datetime], Step[Any, Any]]
    entries: TypeAdapter[Any]
    messages: TypeAdapter[Any]


def _assess(profile: Profile, state: State[Any], message: Any, now: datetime) -> Step[Any, Any]:
    return assess.step(profile.policy, state, message, now)


def _union(kinds: Any) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[kinds, Field(discriminator="kind")])


STAGES: Mapping[Stage, Keyed] = {
    Stage.ASSESS: Keyed(_assess, _union(entries.Entry), _union(assess.Message)),
    Stage.ALERT: Keyed(alert.step, _union(Entry), _union(alert.Message)),
    Stage.CONTACT: Keyed(contact.step, _union(contact.Entry), _union(contact.Message)),
}

RECORDS: TypeAdapter[Any] = _union(MatterSnapshot | LogLine | PlanSnapshot | RowSnapshot | NoticeRecord)
"""What stages write down for views."""


def written(value: Frozen) -> bytes:
    """The stored form of an entry, message or record."""
    if isinstance(value, Event) and isinstance(value.payload, Readings):
        return written_readings(value, value.payload)
    return value.__pydantic_serializer__.to_json(value)


def about(record: Frozen) -> str | None:
    """What a record replaces earlier ones of; None for a log line, which replaces nothing."""
    match record:
        case MatterSnapshot():
            return f"matter/{record.matter.id}"
        case PlanSnapshot():
            return f"plan/{record.matter}"
        case RowSnapshot():
            return f"row/{record.matter}/{record.obligation.row.key}"
        case NoticeRecord():
            return f"notice/{record.id}"
        case _:
            return None
