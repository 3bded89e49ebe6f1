"""The Kafka host without Kafka: partitions over logs in memory, in virtual time. One seed is one course of events.

The same `streams.partition` and `streams.rekeying` as the real host. In which order partitions get their turns, how
many records a turn has, and (if asked) where the owner of a partition dies, is drawn from the seed. A death is at any
write: of the journal, of each entry, of each output. What was written is kept, and the next owner begins from it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from notifiers.attempt import Attempt, Outcome, Verdict
from rules.events import Event
from rules.frozen import Frozen
from rules.step import Stage
from streams.intake import Intake
from streams.journal import micros, moment
from streams.ledger import JOURNAL
from streams.parcel import Label, Once, Parcel, label_written, tick
from streams.partition import Dead, Partition, Received, Turn
from streams.rehearsal import Providers
from streams.rekeying import parcels
from streams.spread import Spread, spread_out
from streams.stages import RECORDS, written
from streams.topics import SITUATIONS
from streams.view import View

KEYED = (Stage.ASSESS, Stage.ALERT, Stage.CONTACT)


class _Death(Exception):
    """The owner of a partition died here."""


@dataclass(slots=True)
class Twin:
    """All partitions of all stages, in one process."""

    intake: Intake
    now: datetime
    providers: Providers = lambda realm, attempt: Verdict.ACCEPTED
    seed: int = 0
    partitions: int = 3
    mortality: float = 0.0
    """How likely each write is the owner's last."""
    view: View = field(default_factory=lambda: View(lambda realm, notice: f"{realm}:{notice}"))
    sent: list[tuple[str, Attempt]] = field(default_factory=list)
    records: list[tuple[str, Frozen]] = field(default_factory=list)
    dead: list[Dead] = field(default_factory=list)
    deaths: int = 0
    logs: dict[tuple[str, int], list[tuple[int, bytes, bytes]]] = field(default_factory=dict)
    changelogs: dict[tuple[Stage, int], list[tuple[bytes, bytes | None, int]]] = field(default_factory=dict)
    owned: dict[tuple[Stage, int], Partition] = field(default_factory=dict)
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    _random: random.Random = field(default_factory=random.Random)
    _spread: Spread = field(default_factory=lambda: Spread(1))
    _delivered: dict[tuple[str, int], dict[str, tuple[int, int, int]]] = field(default_factory=dict)
    _shown: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        areas = self.intake.profile.policy.registry.areas
        self._spread = Spread(self.partitions, spread_out({}, areas, self.partitions))

    # --- as a rehearsal ----------------------------------------------------------------------------------------------

    def accept(self, event: Event) -> bool:
        """Takes an event at the present moment, and all that follows from it."""
        for parcel in parcels(event, micros(self.now), self.intake, self._spread.place):
            self._append(parcel)
        self.rest()
        return True

    def advance(self, to: datetime) -> None:
        """Lets time pass to this moment; every timer on the way is due at its time, and all rests in between."""
        until = micros(to)
        while (due := min(self._dues(), default=until + 1)) <= until:
            self.now = max(self.now, moment(due))
            for (stage, number), partition in sorted(self._partitions().items()):
                for at, (realm, key) in partition.due(due):
                    self._append(tick(stage, number, realm, key, at))
            self.rest()
        self.now = max(self.now, to)

    @property
    def states(self) -> dict[tuple[Stage, str, str], dict[str, Any]]:
        return {where: found for p in self._partitions().values() for where, found in p.entries().items() if found}

    @property
    def timers(self) -> dict[tuple[str, str, str, str], int]:
        return {
            (p.stage.value, *where, name): due
            for p in self._partitions().values()
            for where, named in p.timers.held().items()
            for name, due in named.items()
        }

    def _dues(self) -> list[int]:
        found = (partition.timers.next() for partition in self._partitions().values())
        return [due for due in found if due is not None]

    # --- the log and its owners --------------------------------------------------------------------------------------

    def rest(self) -> None:
        """Until nothing waits anywhere."""
        while waiting := self._waiting():
            where = self._random.choice(waiting)
            stage, number = Stage(where[0]), where[1]
            if stage is Stage.DELIVER:
                self._deliver(where)
                continue
            try:
                self._take_a_turn(stage, number)
            except _Death:
                self.deaths += 1
                self.owned.pop((stage, number), None)

    def _waiting(self) -> list[tuple[str, int]]:
        return [where for where, log in sorted(self.logs.items()) if self.committed.get(where, 0) < len(log)]

    def _append(self, parcel: Parcel) -> None:
        if parcel.topic == SITUATIONS:
            self._show(parcel)
            return
        log = self.logs.setdefault((parcel.topic, parcel.place), [])
        log.append((len(log), label_written(parcel.label), parcel.body))

    def _show(self, parcel: Parcel) -> None:
        whence = parcel.label.whence
        if self._known(self._shown, whence):
            return
        record = RECORDS.validate_json(parcel.body)
        self.records.append((parcel.label.realm, record))
        self.view.apply(parcel.label.realm, record)

    @staticmethod
    def _known(heard: dict[str, tuple[int, int, int]], whence: Any) -> bool:
        if whence.place <= heard.get(whence.sender, (-1, 0, 0)):
            return True
        heard[whence.sender] = whence.place
        return False

    def _partitions(self) -> dict[tuple[Stage, int], Partition]:
        for stage in KEYED:
            for number in range(self.partitions):
                while (stage, number) not in self.owned:
                    try:
                        self.owned[stage, number] = self._opened(stage, number)
                    except _Death:
                        self.deaths += 1
        return dict(self.owned)

    def _opened(self, stage: Stage, number: int) -> Partition:
        partition = Partition(stage, number, self._spread.place)
        if self._random.random() < 0.5:
            self._compact(stage, number)
        for key, value, epoch in self.changelogs.get((stage, number), []):
            partition.restore(key, value, epoch)
        people = stage is not Stage.ASSESS
        for turn in partition.open(0, micros(self.now), people=people):
            self._write(partition, turn)
        self._write(partition, partition.adopt(self.intake.profile.policy, micros(self.now), self.intake.profile))
        return partition

    def _compact(self, stage: Stage, number: int) -> None:
        """As the broker does in its own time: of each key the last record is kept, where it stands."""
        log = self.changelogs.get((stage, number), [])
        last = {key: index for index, (key, _, _) in enumerate(log)}
        self.changelogs[stage, number] = [log[index] for index in sorted(last.values())]

    def _take_a_turn(self, stage: Stage, number: int) -> None:
        where = (stage.value, number)
        partition = self.owned.get((stage, number)) or self._opened(stage, number)
        self.owned[stage, number] = partition
        begin = self.committed.get(where, 0)
        batch = self.logs[where][begin : begin + self._random.choice((1, 2, 10, 100))]
        received = [Received(stage.value, offset, 0, header, body) for offset, header, body in batch]
        turn = partition.take(received, self.intake.profile, micros(self.now))
        self._write(partition, turn)
        self._mortal()
        self.committed[where] = begin + turn.done

    def _write(self, partition: Partition, turn: Turn) -> None:
        changelog = self.changelogs.setdefault((partition.stage, partition.number), [])
        if turn.journal is not None:
            self._mortal()
            changelog.append((JOURNAL, turn.journal, turn.epoch))
        for key, value in turn.entries:
            self._mortal()
            changelog.append((key, value, turn.epoch))
        for parcel in turn.outputs:
            self._mortal()
            self._append(parcel)
        self.dead.extend(turn.dead)

    def _mortal(self) -> None:
        if self.mortality and self._random.random() < self.mortality:
            raise _Death

    def _deliver(self, where: tuple[str, int]) -> None:
        """The deliver stage: each attempt once, its outcome to its person."""
        offset = self.committed.get(where, 0)
        self.committed[where] = offset + 1
        _, header, body = self.logs[where][offset]
        from streams.parcel import label_read

        label = label_read(header)
        if self._known(self._delivered.setdefault(where, {}), label.whence):
            return
        attempt = Attempt.model_validate_json(body)
        self.sent.append((label.realm, attempt))
        verdict = self.providers(label.realm, attempt)
        if verdict is None:
            return
        outcome = Outcome(attempt=attempt.id, notice=attempt.notice, person=attempt.person, verdict=verdict)
        place = self._spread.place(Stage.CONTACT, label.realm, attempt.person, outcome)
        said = Label(label.realm, attempt.person, label.now, Once(attempt.id.encode()))
        self._append(Parcel(Stage.CONTACT.value, place, said, written(outcome)))
