"""The timers of one partition: by key, since a key's own come before its message, and by time, to see what is due.

Both orders are heaps that keep what was changed since; what is looked at is compared with what holds. A heap that holds
more of the past than of the present is built anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

Where = tuple[str, str]
"""A realm and a key."""


class AlarmClock:
    """Timers by (realm, key) and name, each with when it is due, in microseconds since 1970."""

    def __init__(self) -> None:
        self._due: dict[Where, dict[str, int]] = {}
        self._of_key: dict[Where, list[tuple[int, str]]] = {}
        self._all: list[tuple[int, str, str, str]] = []
        self._told: set[tuple[int, str, str, str]] = set()
        self._count = 0

    def get(self, where: Where, name: str) -> int | None:
        """When the timer is due; None if it is not set."""
        return self._due.get(where, {}).get(name)

    def put(self, where: Where, name: str, due: int | None) -> None:
        """Sets the timer, or with None unsets it."""
        named = self._due.setdefault(where, {})
        self._count += (due is not None) - (name in named)
        if due is None:
            named.pop(name, None)
            if not named:
                del self._due[where]
                self._of_key.pop(where, None)
            return
        named[name] = due
        heappush(self._of_key.setdefault(where, []), (due, name))
        heappush(self._all, (due, *where, name))
        if len(self._all) > 1000 + 2 * self._count:
            self._tidy()

    def first(self, where: Where, until: int) -> tuple[int, str] | None:
        """The key's first timer due by then: when, and its name."""
        heap, named = self._of_key.get(where, []), self._due.get(where, {})
        while heap and heap[0][0] <= until:
            due, name = heap[0]
            if named.get(name) == due:
                return due, name
            heappop(heap)
        return None

    def untold(self, until: int, most: int) -> Iterator[tuple[int, Where]]:
        """Keys with timers due by then, in order of time, each timer once until it is set anew."""
        while self._all and self._all[0][0] <= until and most > 0:
            due, realm, key, name = told = heappop(self._all)
            if self.get((realm, key), name) == due and told not in self._told:
                self._told.add(told)
                most -= 1
                yield due, (realm, key)

    def overdue(self, at: int) -> list[tuple[Where, str]]:
        """Every timer that is due before this moment."""
        return sorted((where, name) for where, named in self._due.items() for name, due in named.items() if due < at)

    def next(self) -> int | None:
        """When the earliest timer is due."""
        return min((due for named in self._due.values() for due in named.values()), default=None)

    def held(self) -> dict[Where, dict[str, int]]:
        """Every timer that is set."""
        return {where: dict(named) for where, named in self._due.items()}

    def __len__(self) -> int:
        return self._count

    def _tidy(self) -> None:
        held = [(due, *where, name) for where, named in self._due.items() for name, due in named.items()]
        self._told.intersection_update(held)
        self._all = [each for each in held if each not in self._told]
        heapify(self._all)
