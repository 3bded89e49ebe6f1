"""The responsibility matrix: for every function and every district, who answers for it every day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from notifiers.coverage import Coverage
from rules.registry import Function, Registry


@dataclass(frozen=True, slots=True)
class Holder:
    """An organisation that has a function, the role it names for it, and the smaller area if it is not all of it."""

    organisation: str
    role: str | None
    only: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """Neighbouring areas of the matrix in which the same have the function; nobody, if there are no holders."""

    areas: tuple[str, ...]
    holders: tuple[Holder, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One function over all areas of the matrix."""

    function: Function
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Matrix:
    """Functions by districts on a day; by the city alone where there are no districts."""

    registry: Registry
    day: date

    @property
    def areas(self) -> tuple[str, ...]:
        return Coverage(self.registry).coordinated

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(Row(f, tuple(self._cells(f.id))) for f in self.registry.functions.values())

    def _cells(self, function: str) -> Iterator[Cell]:
        found = ((area, self._holders(function, area)) for area in self.areas)
        for holders, group in groupby(found, key=lambda pair: pair[1]):
            yield Cell(tuple(area for area, _ in group), holders)

    def _holders(self, function: str, area: str) -> tuple[Holder, ...]:
        """Who answers in the area as a whole, and who in a part of it alone."""
        whole = self.registry.answering(function, area, self.day)
        parts = [a for a in self.registry.areas if a != area and self.registry.within(a, area)]
        return (
            *(Holder(o, role) for o, role in (whole[1] if whole else ())),
            *(Holder(o, r, part) for part in parts for o, r in self.registry.responsible_for(function, part, self.day)),
        )
