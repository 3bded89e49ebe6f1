"""Night, weekend, holiday, office hours: what a city's clock and calendar say of an instant.

Swedish public holidays and the eves that are kept as such come from the `holidays` package.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import holidays

NIGHT = (time(22), time(6))
OFFICE = (time(8), time(17))


class Hours(StrEnum):
    """A kind of hours that a condition may ask for."""

    NIGHT = "night"  # 22-06
    WEEKEND = "weekend"  # Saturday and Sunday
    HOLIDAY = "holiday"  # public holidays, and midsummer, Christmas and New Year's eves
    OFFICE = "office_hours"  # 08-17, Monday to Friday, no holiday
    OUT_OF_OFFICE = "out_of_office_hours"  # all other hours


def within(hours: Hours, at: datetime, timezone: str) -> bool:
    """True if the instant falls in these hours by the local clock. The first minute counts, the last does not."""
    local = at.astimezone(ZoneInfo(timezone))
    match hours:
        case Hours.NIGHT:
            return local.time() >= NIGHT[0] or local.time() < NIGHT[1]
        case Hours.WEEKEND:
            return local.weekday() >= 5
        case Hours.HOLIDAY:
            return _holiday(local.date())
        case Hours.OFFICE:
            return _office(local)
        case Hours.OUT_OF_OFFICE:
            return not _office(local)


def next_change(at: datetime, timezone: str) -> datetime:
    """The next instant at which some of these hours may begin or end."""
    zone = ZoneInfo(timezone)
    today = at.astimezone(zone).date()
    clocks = (time(0), *NIGHT, *OFFICE)
    found = (
        datetime.combine(today + timedelta(days=day), clock, zone).astimezone(UTC) for day in (0, 1) for clock in clocks
    )
    return min(moment for moment in found if moment > at)


def _office(local: datetime) -> bool:
    working = local.weekday() < 5 and not _holiday(local.date())
    return working and OFFICE[0] <= local.time() < OFFICE[1]


def _holidays(years: Iterable[int]) -> frozenset[date]:
    """Sundays are weekends, not holidays."""
    categories = ("public", "de_facto")
    return frozenset(holidays.country_holidays("SE", years=years, categories=categories, include_sundays=False))


KNOWN_YEARS = range(2020, 2061)
KNOWN_HOLIDAYS = _holidays(KNOWN_YEARS)
"""Worked out once: a step may ask for each of ten thousand people."""


def _holiday(day: date) -> bool:
    return day in (KNOWN_HOLIDAYS if day.year in KNOWN_YEARS else _holidays((day.year,)))
