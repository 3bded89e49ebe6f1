"""Where somebody answers for what, on a day and over time: what no organisation covers, and when a gap begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from rules.registry import AreaKind, Registry

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """Areas that are covered until a day, and from that day not; `until` is the gap's last day, if it has one."""

    begins: date
    areas: tuple[str, ...]
    until: date | None


@dataclass(frozen=True)
class Coverage:
    """Who answers where, looked at over every area and every day on which an organisation begins or ends."""

    registry: Registry

    @cached_property
    def smallest(self) -> tuple[str, ...]:
        """The areas with none inside them: what holds in each of these holds everywhere."""
        outer = {a.parent for a in self.registry.areas.values()}
        return tuple(a for a in self.registry.areas if a not in outer)

    @cached_property
    def coordinated(self) -> tuple[str, ...]:
        """The areas that each need a coordinator of their own: the districts; without any, the city."""
        districts = tuple(a.id for a in self.registry.areas.values() if a.kind is AreaKind.DISTRICT)
        return districts or (self.registry.city,)

    def without(self, function: str, day: date) -> tuple[str, ...]:
        """The widest areas in which nobody has the function on this day."""
        return self.widest(self._uncovered(function, day))

    def uncoordinated(self, day: date) -> tuple[str, ...]:
        """The areas that need a coordinator and have none on this day."""
        return tuple(a for a in self.coordinated if self.registry.coordinator(a, day) is None)

    def widest(self, areas: set[str]) -> tuple[str, ...]:
        """The fewest areas that together are exactly these smallest ones."""
        whole = [a for a, inside in self._inside.items() if inside <= areas]
        return tuple(a for a in whole if self.registry.areas[a].parent not in whole)

    @cached_property
    def _inside(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {area: set() for area in self.registry.areas}
        for small in self.smallest:
            for area in self.registry.ancestors(small):
                found[area].add(small)
        return found

    def changes(self, after: date) -> tuple[date, ...]:
        """The days after this one on which an organisation begins, or is no more."""
        organisations = self.registry.organisations.values()
        begin = {o.valid_from for o in organisations if o.valid_from}
        # An author may write the last day there is for "never".
        end = {o.valid_to + DAY for o in organisations if o.valid_to and o.valid_to < date.max}
        return tuple(sorted(d for d in begin | end if d > after))

    def function_gaps(self, function: str, after: date) -> Iterator[Gap]:
        """The gaps that begin after this day in who has the function."""
        return self._gaps(lambda day: self._uncovered(function, day), self.changes(after), self.widest)

    def coordinator_gaps(self, after: date) -> Iterator[Gap]:
        """The gaps that begin after this day in who coordinates."""
        return self._gaps(lambda day: set(self.uncoordinated(day)), self.changes(after), lambda a: tuple(sorted(a)))

    def _uncovered(self, function: str, day: date) -> set[str]:
        return {a for a in self.smallest if self.registry.answering(function, a, day) is None}

    def _gaps(
        self, missing: Callable[[date], set[str]], days: tuple[date, ...], said: Callable[[set[str]], tuple[str, ...]]
    ) -> Iterator[Gap]:
        """Nothing changes between two of the days, so it is enough to look at each and at the day before it."""
        for number, day in enumerate(days):
            opened = missing(day) - missing(day - DAY)
            if opened:
                mended = next((d for d in days[number + 1 :] if not opened & missing(d)), None)
                yield Gap(day, said(opened), mended - DAY if mended else None)
