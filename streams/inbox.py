"""What an agent has been given and its runner has not taken yet. Acknowledged in order, or not at all.

Faust commits past a record that is not done when one after it is (faust-streaming/faust issue 606), so within a
partition nothing is acknowledged before what stands in front of it. What was received before a rebalance belongs to
whoever owns the partition after it, and is let go of.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

ROOM = 2000
"""Records; a full inbox stops the fetching of its topic."""


class Inbox:
    """A bounded queue of events."""

    def __init__(self) -> None:
        self._events: deque[Any] = deque()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, event: Any, ours: Callable[[Any], bool]) -> None:
        """The event waits here, if it is still `ours` once there is room: a rebalance may have come meanwhile."""
        await self._room.wait()
        if not ours(event):
            return
        self._events.append(event)
        self._changed.set()
        if len(self._events) >= ROOM:
            self._room.clear()

    def nudge(self) -> None:
        """Whoever waits looks again."""
        self._changed.set()

    async def some(self, most: int) -> Sequence[Any]:
        """What waits, in order; possibly nothing, when there was a nudge."""
        await self._changed.wait()
        found = [self._events.popleft() for _ in range(min(most, len(self._events)))]
        if not self._events:
            self._changed.clear()
        self._room.set()
        return found

    def clear(self) -> None:
        """What was received belongs to another now."""
        self._events.clear()
        self._room.set()

    def __len__(self) -> int:
        return len(self._events)
