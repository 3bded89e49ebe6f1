"""The memory that bodies on their way in may hold together: bounded, with a part kept for small ones.

An alarm is small and a flood of readings is not, so however many large bodies are under way there is room for a small.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

MB = 1024 * 1024
SPACE_BYTES = 64 * MB
KEPT_BYTES = 16 * MB
SMALL_BYTES = 128 * 1024


class NoSpace(Exception):
    """Too many bytes are on their way in. Nothing was taken; the same again in a while may be."""


class Share:
    """What one body holds of the space."""

    __slots__ = ("_space", "held")

    def __init__(self, space: BodySpace) -> None:
        self._space = space
        self.held = 0

    def grow(self, size: int) -> None:
        """So many bytes more are held. Raises NoSpace, and then they are not."""
        self._space.take(size, self.held + size > SMALL_BYTES)
        self.held += size


class BodySpace:
    """All bodies under way. Lives in one event loop."""

    def __init__(self, size: int = SPACE_BYTES, kept: int = KEPT_BYTES) -> None:
        self._size = size
        self._kept = kept
        self.held = 0

    @contextmanager
    def share(self) -> Iterator[Share]:
        """A share that is given back at the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self.held -= share.held

    def take(self, size: int, large: bool) -> None:
        if self.held + size > self._size - (self._kept if large else 0):
            raise NoSpace
        self.held += size
