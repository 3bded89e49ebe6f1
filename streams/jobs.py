"""What goes into the embedded host's writer and what comes out: jobs, and what a commit tells."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from notifiers.attempt import Attempt
from rules.frozen import Frozen

if TYPE_CHECKING:
    from streams.writer import Writer


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of what was handed in: sequence of accepted and duplicate events. It exists only after the commit."""

    accepted: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Handout:
    """An attempt to be made, and the monotonic moment its cause was accepted (None: a timer was its cause)."""

    realm: str
    attempt: Attempt
    accepted_s: float | None = None


class Listener(Protocol):
    """Who is told what a commit brought. Called in the writer thread, after the commit, before callers are answered."""

    def recorded(self, realm: str, record: Frozen) -> None: ...
    def handed_out(self, handout: Handout) -> None: ...
    def counted(self, what: str, amount: int) -> None: ...


@dataclass(slots=True)
class Job:
    """Something for the writer: `run` inside the transaction, with the writer and `at`; `done` answers after it.

    `accepted_s`: the monotonic moment it was queued. `values`, `size`: what it weighs while it waits.
    """

    run: Callable[[Writer, datetime], Any]
    at: datetime
    accepted_s: float
    values: int = 0
    size: int = 0
    done: Future[Any] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Failed:
    """A question that failed, or a profile that cannot take over: its caller's fault, and nobody else's."""

    error: Exception


class NoRoomError(Exception):
    """Readings were not taken: what room the disk has left is kept for what is critical."""


@dataclass(slots=True)
class Gathered:
    """What a transaction has produced so far, told to listeners only once it is committed."""

    records: list[tuple[str, Frozen]] = field(default_factory=list)
    handouts: list[Handout] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, amount: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount
