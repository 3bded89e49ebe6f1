"""The shape of every stage: `step(policy, state, message, now) -> Step`.

A stage is a pure function of one key's state and one message. It never asks for the time, never waits and never
fails for lack of a neighbour: what it wants done is in the `Step` that it returns. A host carries a `Step` out in one
transaction (design 7). State is a mapping of small entries; a step names only the entries it changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, Literal, TypeVar

from rules.frozen import Frozen, Instant


class Stage(StrEnum):
    """Where a message is going."""

    ASSESS = "assess"  # key: area. What is happening, at which level
    ALERT = "alert"  # key: matter. Who must know, and have they answered
    CONTACT = "contact"  # key: person. How and when this person is reached
    DELIVER = "deliver"  # one attempt through one channel; the only stage that touches the world
    RECORD = "record"  # what views and logs are built from; nothing reads it back


class TimerDue(Frozen):
    """A due timer is a message to its key; `now` is its due time. Early, late or twice is harmless: the step looks
    at its own state to see whether the time has come."""

    kind: Literal["timer"] = "timer"
    name: str
    due: Instant


class Counter(Frozen):
    """How many outputs a key has sent."""

    kind: Literal["counter"] = "counter"
    value: int


EntryT = TypeVar("EntryT", bound=Frozen)
OutputT = TypeVar("OutputT", bound=Frozen)
FoundT = TypeVar("FoundT", bound=Frozen)


@dataclass(frozen=True, slots=True)
class State(Generic[EntryT]):
    """What a stage knows under one key: whose it is, and its entries."""

    realm: str
    key: str
    entries: Mapping[str, EntryT | Counter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Output(Generic[OutputT]):
    """A message for another stage. `sequence` counts the outputs of its key, so that whoever gets one twice can tell
    (semantics 3)."""

    stage: Stage
    key: str
    message: OutputT
    sequence: int


@dataclass(frozen=True, slots=True)
class Step(Generic[EntryT, OutputT]):
    """Everything one message changes: entries (None: removed), outputs in order, and timers by name (None: unset).

    Design 5 shows one `wake_at` per key. Here a key has named timers, since a key with ten thousand sensors would
    otherwise look at all of them to find the earliest (docs/decisions/0002).
    """

    changes: Mapping[str, EntryT | None] = field(default_factory=dict)
    outputs: tuple[Output[OutputT], ...] = ()
    timers: Mapping[str, datetime | None] = field(default_factory=dict)


class Draft(Generic[EntryT, OutputT]):
    """A step being written: reads fall through to the state, writes are noted and never touch it."""

    __slots__ = ("_changes", "_outputs", "_state", "_timers", "key", "now", "realm")

    SEQUENCE = "sequence"

    def __init__(self, state: State[EntryT], now: datetime) -> None:
        self._state = state.entries
        self._changes: dict[str, EntryT | Counter | None] = {}
        self._outputs: list[Output[OutputT]] = []
        self._timers: dict[str, datetime | None] = {}
        self.realm = state.realm
        self.key = state.key
        self.now = now

    def get(self, key: str) -> EntryT | Counter | None:
        """The entry as this step has left it so far, or None."""
        return self._changes[key] if key in self._changes else self._state.get(key)

    def put(self, key: str, entry: EntryT) -> None:
        if self.get(key) != entry:
            self._changes[key] = entry

    def drop(self, key: str) -> None:
        if self.get(key) is not None:
            self._changes[key] = None

    def find(self, kind: type[FoundT], key: str) -> FoundT | None:
        """The entry if it is there and of this type, else None."""
        entry = self.get(key)
        return entry if isinstance(entry, kind) else None

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys with this prefix, sorted, so that a step never depends on the order of a mapping. Looks at every
        entry of the key: only for states that are small by nature."""
        found = {k for k in self._state if k.startswith(prefix)} | {k for k in self._changes if k.startswith(prefix)}
        return iter(sorted(k for k in found if self.get(k) is not None))

    def emit(self, stage: Stage, key: str, message: OutputT) -> None:
        sequence = self.sequence + 1
        self._changes[self.SEQUENCE] = Counter(value=sequence)
        self._outputs.append(Output(stage, key, message, sequence))

    @property
    def sequence(self) -> int:
        counter = self.get(self.SEQUENCE)
        return counter.value if isinstance(counter, Counter) else 0

    def wake(self, name: str, due: datetime | None) -> None:
        """Sets (or with None, unsets) the key's timer of this name. One that is overdue already is due now: what
        follows
        from it happens now, and gives people their whole time to answer."""
        self._timers[name] = due if due is None else max(due, self.now)

    def step(self) -> Step[EntryT | Counter, OutputT]:
        return Step(self._changes, tuple(self._outputs), self._timers)
