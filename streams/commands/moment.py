"""A moment as a person writes it on a command line."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from streams.commands.console import UsageFault


def moment(text: str, timezone: str, option: str = "--at") -> datetime:
    """A moment as a person writes it: local time, or with an offset."""
    wrong = UsageFault(f"{option} {text!r}: väntade en tid som '2026-12-24 18:00'")
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise wrong from None
    if not 1970 <= at.year < 2200:  # at the ends of the calendar no deadline can be computed
        raise wrong
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
