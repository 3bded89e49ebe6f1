"""One partition of one keyed stage on Kafka: what it remembers, and what a batch of records makes of it. No I/O.

Theory. Records are taken in turns. A turn is the steps of as many records as wait, bounded; what it changed is one
journal (`streams.ledger`), and after it the entries. Whoever owns the partition writes the journal and the entries,
then the outputs, and only then lets the records' offsets be committed. So after a death the next owner finds

- a turn without its journal: it has not happened; its records come again;
- a journal whose entries or outputs are missing: `open` gives both back, to be written again.

A record that comes again is known by its offset; an output that was sent again by its place in the sender's journal; an
event that its sender repeated by its identity. Each ownership has an epoch, higher than those before it. What an
earlier owner still writes (a process that slept, and wakes) bears a lower one and is passed over.

Before a message stamped t the key's own timers due by t run, each with its due time as `now`. A key's `now` never goes
back: two senders' stamps may differ by a moment.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from notifiers.profile import Profile
from rules.arrival import Reloaded
from rules.frozen import Frozen
from rules.policy import Policy
from rules.step import Stage, State, TimerDue
from streams.alarm_clock import AlarmClock, Where
from streams.in_force import InForce
from streams.journal import micros, moment
from streams.ledger import (
    JOURNAL,
    AnySlot,
    EntrySlot,
    Journal,
    PolicySlot,
    SeenSlot,
    TimerSlot,
    journal_read,
    journal_written,
    slot_read,
    slot_written,
)
from streams.parcel import Harmless, Label, Once, Origin, Parcel, label_read
from streams.stages import STAGES, about, written
from streams.topics import SITUATIONS

_log = logging.getLogger(__name__)
KEYS_IN_MEMORY = 20_000
TURN_BYTES = 500_000
"""A turn ends when it has this much to write."""

JOURNAL_BYTES = 4_500_000
"""A record whose own turn is larger is set aside: the broker would not take its journal."""

SEEN_KEPT = timedelta(days=14)
"""How long what is to happen once is remembered; as long as the topics keep their records."""

STOOD_STILL = timedelta(seconds=30)
"""When nobody owned a partition for longer, people's deadlines did not run meanwhile: nobody could be told anything."""

TICKS = 500


class HoleError(Exception):
    """Records are missing between the last one that is done and the one that came. Nothing may be committed past
    them."""


@dataclass(frozen=True, slots=True)
class Received:
    """One record of a topic: its offset, its stamp by the broker (microseconds), its label and its message."""

    topic: str
    offset: int
    stamp: int
    header: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Dead:
    """A record, or a message in it, that could not be taken, with the reason."""

    stage: str
    realm: str
    key: str
    body: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be written, in this order: the journal, the entries, the outputs, what is dead. Then `done` records
    may be committed. `journal` None: there is none to write. `epoch`: what the changelog's records bear."""

    epoch: int = 0
    journal: bytes | None = None
    entries: tuple[tuple[bytes, bytes | None], ...] = ()
    outputs: tuple[Parcel, ...] = ()
    dead: tuple[Dead, ...] = ()
    done: int = 0


@dataclass(slots=True)
class _Draft:
    """A turn that is being made. `before`: what the record at hand has changed, as it was before it."""

    changes: dict[AnySlot, bytes | None] = field(default_factory=dict)
    outputs: list[Parcel] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    before: dict[AnySlot, _Before] = field(default_factory=dict)
    size: int = 0
    read: bool = False
    """True when a record has been taken that had not been."""


@dataclass(frozen=True, slots=True)
class _Before:
    """What was remembered, and whether this turn had changed it already."""

    value: bytes | None
    changed: bool


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a turn stood before a record."""

    outputs: int
    dead: int
    size: int
    read: bool
    positions: dict[str, int]
    heard: dict[str, tuple[int, int, int]]


Place = Callable[[Stage, str, str, Frozen], int]
"""(stage, realm, key, message) -> the partition that the message goes to."""


class Partition:
    """What one partition of a stage remembers. Not thread safe. After a write that failed it must be read anew."""

    def __init__(self, stage: Stage, number: int, place: Place) -> None:
        self.stage, self.number = stage, number
        self.epoch = 0
        self.counts: dict[str, int] = {}
        self._place = place
        self._turn = 0
        self._positions: dict[str, int] = {}
        self._heard: dict[str, tuple[int, int, int]] = {}
        self._raw: dict[Where, dict[str, bytes]] = {}
        self._parsed: OrderedDict[Where, dict[str, Frozen]] = OrderedDict()
        self._timers = AlarmClock()
        self._seen: dict[bytes, int] = {}
        self._policy: bytes | None = None
        self._latest: dict[Where, int] = {}
        self._journal: Journal | None = None
        self._draft = _Draft()

    # --- reading the changelog ---------------------------------------------------------------------------------------

    def restore(self, key: bytes, value: bytes | None, epoch: int) -> None:
        """One record of the changelog, in its order. What a former owner wrote after a later one began is passed over.
        Raises ValueError if it is no record of ours."""
        if epoch < self.epoch:
            self._count("fenced")
            return
        self.epoch = epoch
        if key == JOURNAL:
            if value is not None:
                self._journal = journal_read(value)
            return
        self._remember(slot_read(key), value)

    def open(self, generation: int, now: int, *, people: bool) -> tuple[Turn, Turn]:
        """The partition is ours, in a new epoch, from this moment. Two turns to write before anything else: what the
        last owner may not have got to write (its outputs, and entries), and then ours, which begins the epoch.
        `people`: the stage's timers are people's deadlines, which did not run while nobody was here."""
        last, again = self._journal, Turn()
        if last is not None:
            for slot, value in last.changes:
                self._remember(slot, value)
            self._turn, self._positions, self._heard = last.turn, dict(last.positions), dict(last.heard)
            entries = tuple((slot_written(slot), value) for slot, value in last.changes)
            again = Turn(last.epoch, entries=entries, outputs=tuple(last.outputs))
        self.epoch = max(self.epoch + 1, generation)
        if people and last is not None and now - last.at > STOOD_STILL // timedelta(microseconds=1):
            for (realm, key), name in self._timers.overdue(now):
                self._change(TimerSlot(realm, key, name), b"%d" % now)
        return again, self._finished(now, 0)

    # --- turns -------------------------------------------------------------------------------------------------------

    def take(self, records: Iterable[Received], profile: Profile, now: int) -> Turn:
        """The turn of as many of the records, from the first on, as one journal holds. Raises HoleError when one is
        missing before them."""
        done = 0
        for record in records:
            expected = self._positions.get(record.topic, 0)  # a topic's first record is part of what was remembered
            if record.offset > expected:
                said = f"{record.topic}[{self.number}]: offset {record.offset} came, {expected} was to come"
                raise HoleError(said)
            if record.offset == expected:
                mark = self._mark()
                self._read(record, profile)
                if self._draft.size > JOURNAL_BYTES:
                    self._back_to(mark)
                    if done:
                        break
                    self._set_aside(record)
            done += 1
            if self._draft.size > TURN_BYTES:
                break
        return self._finished(now, done)

    def adopt(self, policy: Policy, now: int, profile: Profile) -> Turn:
        """The policy is in force here: every key of the stage has been told what is new. Nothing if it was already."""
        known = InForce.model_validate_json(self._policy) if self._policy is not None else None
        if known is not None and known.of(policy):
            return Turn()
        rules = frozenset(policy.by_identity)
        if known is not None and self.stage is Stage.ASSESS:
            message = Reloaded(new=tuple(sorted(rules - known.rules)))
            for realm, key in sorted(self._raw):
                self._cascade(realm, key, message, now, profile)
        value = InForce(hash=policy.hash, since=moment(now), rules=rules).model_dump_json().encode()
        self._change(PolicySlot(), value)
        return self._finished(now, 0)

    def due(self, until: int) -> list[tuple[int, Where]]:
        """Keys with timers due by then that nobody was told of yet, with when. A few hundred at most."""
        return list(self._timers.untold(until, TICKS))

    @property
    def timers(self) -> AlarmClock:
        return self._timers

    @property
    def positions(self) -> dict[str, int]:
        """By topic, the offset after the last record that is done."""
        return dict(self._positions)

    def has_seen(self, identity: bytes) -> bool:
        """True if what bears this identity has happened here."""
        return identity in self._seen

    def entries(self) -> dict[tuple[Stage, str, str], dict[str, Frozen]]:
        """Every key's entries: for comparison and for reasons, not for the hot path."""
        return {(self.stage, *where): dict(self._entries(where)) for where in sorted(self._raw)}

    def _read(self, record: Received, profile: Profile) -> None:
        self._positions[record.topic] = record.offset + 1
        self._draft.read = True
        self._record(record, profile)

    def _set_aside(self, record: Received) -> None:
        self._positions[record.topic] = record.offset + 1
        self._draft.read = True
        self._bury("", "", record.body, f"what follows from it is over {JOURNAL_BYTES} bytes")

    # --- one record --------------------------------------------------------------------------------------------------

    def _record(self, record: Received, profile: Profile) -> None:
        try:
            label = label_read(record.header)
            message = None if label.tick else STAGES[self.stage].messages.validate_json(record.body)
        except ValueError as error:
            self._bury("", "", record.body, f"{type(error).__name__}: {error}")
            return
        if not self._new(label):
            self._count("repeated")
            return
        now = self._now(label)
        self._run_timers(label.realm, label.key, now, profile)
        if message is not None:
            self._cascade(label.realm, label.key, message, now, profile)

    def _now(self, label: Label) -> int:
        where = (label.realm, label.key)
        now = self._latest[where] = max(label.now, self._latest.get(where, 0))
        return now

    def _new(self, label: Label) -> bool:
        match label.whence:
            case Origin() as origin:
                heard = self._heard.get(origin.sender)
                if heard is not None and origin.place <= heard:
                    return False
                self._heard[origin.sender] = origin.place
                return True
            case Once(identity):
                if identity in self._seen:
                    return False
                self._change(SeenSlot(identity), b"%d" % label.now)
                self._forget(label.now)
                return True
            case Harmless():
                return True

    def _forget(self, now: int) -> None:
        """What is too old to come again is forgotten, some at a time. The oldest stand first, or nearly."""
        before = now - SEEN_KEPT // timedelta(microseconds=1)
        old = [identity for identity, at in zip(self._seen, self._seen.values(), strict=True) if at < before][:10]
        for identity in old:
            self._change(SeenSlot(identity), None)

    def _run_timers(self, realm: str, key: str, until: int, profile: Profile) -> None:
        while (first := self._timers.first((realm, key), until)) is not None:
            due, name = first
            self._change(TimerSlot(realm, key, name), None)
            self._count("timers_fired")
            self._cascade(realm, key, TimerDue(name=name, due=moment(due)), due, profile)

    def _cascade(self, realm: str, key: str, message: Frozen, now: int, profile: Profile) -> None:
        """One step: what it changed is in the draft. A step that raises is a fault in us; its message is set aside."""
        where, at = (realm, key), moment(now)
        state = State(realm, key, self._entries(where))
        try:
            step = STAGES[self.stage].step(profile, state, message, at)
        except Exception as error:
            _log.error("a message was set aside: stage=%s error=%s", self.stage, type(error).__name__, exc_info=error)
            self._bury(realm, key, written(message), f"{type(error).__name__}: {error}"[:1000])
            return
        for entry, value in step.changes.items():
            self._change(EntrySlot(realm, key, entry), None if value is None else written(value), value)
        for name, due in step.timers.items():
            self._change(TimerSlot(realm, key, name), None if due is None else b"%d" % micros(due))
        for output in step.outputs:
            self._emit(realm, output, now)

    def _emit(self, realm: str, output: Any, now: int) -> None:
        origin = Origin(self.stage.value, self.number, self.epoch, self._turn + 1, len(self._draft.outputs))
        body = written(output.message)
        if output.stage is Stage.RECORD:
            name = about(output.message) or f"line/{self.stage}/{self.number}/{self._turn + 1}/{origin.index}"
            parcel = Parcel(SITUATIONS, self.number, Label(realm, name, now, origin), body)
        else:
            place = self._place(output.stage, realm, output.key, output.message)
            parcel = Parcel(output.stage.value, place, Label(realm, output.key, now, origin), body)
        self._draft.outputs.append(parcel)
        self._draft.size += len(body) + 100

    def _bury(self, realm: str, key: str, body: bytes, reason: str) -> None:
        self._draft.dead.append(Dead(self.stage.value, realm, key, body, reason))
        self._count("dead")

    # --- what is remembered ------------------------------------------------------------------------------------------

    def _entries(self, where: Where) -> dict[str, Frozen]:
        if where not in self._parsed:
            adapter = STAGES[self.stage].entries
            self._parsed[where] = {e: adapter.validate_json(v) for e, v in self._raw.get(where, {}).items()}
            if len(self._parsed) > KEYS_IN_MEMORY:
                self._parsed.popitem(last=False)
        self._parsed.move_to_end(where)
        return self._parsed[where]

    def _change(self, slot: AnySlot, value: bytes | None, parsed: Frozen | None = None) -> None:
        """Remembers it, and that it is to be written."""
        changes = self._draft.changes
        self._draft.before.setdefault(slot, _Before(self._recall(slot), slot in changes))
        self._draft.size += len(value or b"") + 60
        changes[slot] = value
        self._remember(slot, value, parsed)

    def _remember(self, slot: AnySlot, value: bytes | None, parsed: Frozen | None = None) -> None:
        match slot:
            case EntrySlot(realm, key, entry):
                self._remember_entry((realm, key), entry, value, parsed)
            case TimerSlot(realm, key, name):
                self._timers.put((realm, key), name, None if value is None else int(value))
            case SeenSlot(identity) if value is None:
                self._seen.pop(identity, None)
            case SeenSlot(identity):
                self._seen[identity] = int(value or b"0")
            case PolicySlot():
                self._policy = value

    def _remember_entry(self, where: Where, entry: str, value: bytes | None, parsed: Frozen | None) -> None:
        raw = self._raw.setdefault(where, {})
        known = self._parsed.get(where)
        if value is None:
            raw.pop(entry, None)
            if known is not None:
                known.pop(entry, None)
            return
        raw[entry] = value
        if known is not None:
            known[entry] = STAGES[self.stage].entries.validate_json(value) if parsed is None else parsed

    def _recall(self, slot: AnySlot) -> bytes | None:
        match slot:
            case EntrySlot(realm, key, entry):
                return self._raw.get((realm, key), {}).get(entry)
            case TimerSlot(realm, key, name):
                due = self._timers.get((realm, key), name)
                return None if due is None else b"%d" % due
            case SeenSlot(identity):
                at = self._seen.get(identity)
                return None if at is None else b"%d" % at
            case PolicySlot():
                return self._policy

    # --- the end of a turn -------------------------------------------------------------------------------------------

    def _finished(self, now: int, done: int) -> Turn:
        draft, self._draft = self._draft, _Draft()
        fresh = self._journal is None or self._journal.epoch != self.epoch
        if not (draft.changes or draft.outputs or draft.dead or draft.read or fresh):
            return Turn(self.epoch, done=done)
        self._turn += 1
        changes = list(draft.changes.items())
        self._journal = Journal(
            self.epoch, self._turn, now, dict(self._positions), dict(self._heard), changes, draft.outputs
        )
        entries = tuple((slot_written(slot), value) for slot, value in changes)
        return Turn(self.epoch, journal_written(self._journal), entries, tuple(draft.outputs), tuple(draft.dead), done)

    def _mark(self) -> _Mark:
        draft = self._draft
        draft.before = {}
        return _Mark(
            len(draft.outputs), len(draft.dead), draft.size, draft.read, dict(self._positions), dict(self._heard)
        )

    def _back_to(self, mark: _Mark) -> None:
        """As if the record since the mark had not come."""
        draft = self._draft
        for slot, before in draft.before.items():
            self._remember(slot, before.value)
            if before.changed:
                draft.changes[slot] = before.value
            else:
                del draft.changes[slot]
        del draft.outputs[mark.outputs :], draft.dead[mark.dead :]
        draft.size, draft.read = mark.size, mark.read
        self._positions, self._heard = mark.positions, mark.heard

    def _count(self, what: str, amount: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount
