"""One history of a small town, driven through the real writer a transaction at a time, and what anybody was told of it.

Everything follows from the script and the file, so the same steps on the same file give the same bytes in every book.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw

from notifiers.attempt import Outcome, Verdict
from rules.events import Acknowledgement, Answer, Event, Incident, Payload, Reading, Readings, Seen
from rules.frozen import Frozen
from rules.record import MatterSnapshot
from streams.clock import StoryClock
from streams.intake import Intake
from streams.jobs import Failed, Handout, Job, Receipt
from streams.journal import Journal
from streams.writer import Writer

START = datetime(2026, 10, 13, 3, 40, tzinfo=UTC)
STEPS = 24
PUBLIC = "urn:lillby:vaxel"


@dataclass
class Told:
    """All that anybody outside was told: answers to senders, and what the listener heard."""

    answered: list[str] = field(default_factory=list)  # ids of events whose sender has a receipt
    settled: list[str] = field(default_factory=list)  # attempts whose outcome was taken
    handouts: list[Handout] = field(default_factory=list)
    records: list[Frozen] = field(default_factory=list)

    def recorded(self, realm: str, record: Frozen) -> None:
        self.records.append(record)

    def handed_out(self, handout: Handout) -> None:
        self.handouts.append(handout)

    def counted(self, what: str, amount: int) -> None: ...


def _event(identity: str, at: datetime, source: str, payload: Payload) -> Event:
    return Event(id=identity, source=source, time=at, realm="live", payload=payload)


def events(step: int, at: datetime) -> tuple[Event, ...]:
    """What arrives at this step: now and then a report, always readings, some of them far too low."""
    low = 1.2 if step % 9 > 3 else 3.4
    readings = tuple(Reading(sensor=s, value=low, time=at) for s in ("tryck-centrum", "tryck-hamnen"))
    arrived = [_event(f"r{step}", at, "urn:lillby:driftdator", Readings(readings=readings))]
    if step % 3 == 0:
        kind, area = ("fire", "lillby.hamnen") if step % 2 else ("leak", "lillby.centrum")
        arrived.append(_event(f"i{step}", at, PUBLIC, Incident(kind=kind, area=area, text=f"Rapport {step}")))
    return tuple(arrived)


class Town:
    """The writer over one file, and the clock's time. `step` raises what the writer could not do."""

    def __init__(self, file: Path, intake: Intake, told: Told, vfs: str | None = None) -> None:
        self.clock = StoryClock(START)
        self.told = told
        self.commits = 0
        self.journal = Journal.open(file, vfs=vfs)
        # Often, so that the WAL is carried into the file and begun anew many times within one short history.
        self.journal._db.execute("PRAGMA wal_autocheckpoint=20").fetchall()
        self.writer = Writer(self.journal, intake, self.clock, told)

    def resume(self, at: datetime) -> None:
        self.clock.advance(at)
        self._run(lambda writer, now: writer.resume(now))

    def step(self, number: int) -> None:
        """One step of the script: time passes, what arrives is accepted, what was handed out has its outcome, and the
        first who was told answers."""
        at = START + timedelta(minutes=number)
        self.clock.advance(at)
        arrived = events(number, at)
        receipt = self._run(lambda writer, now: writer.accept(arrived, (), None, now))
        assert isinstance(receipt, Receipt)
        self.told.answered.extend(event.id for event in arrived)
        for handout in [h for h in self.told.handouts if h.attempt.id not in self.told.settled][:4]:
            self._settle(handout)
        if number % 6 == 5:
            self._answer(number, at)

    def _settle(self, handout: Handout) -> None:
        attempt = handout.attempt
        outcome = Outcome(
            attempt=attempt.id, notice=attempt.notice, person=attempt.person, verdict=Verdict.ACCEPTED, why=""
        )
        self._run(lambda writer, now: writer.settle(handout.realm, outcome, now))
        self.told.settled.append(attempt.id)

    def _answer(self, number: int, at: datetime) -> None:
        matters = {r.matter.id: r.matter for r in self.told.records if isinstance(r, MatterSnapshot) and r.matter.open}
        if not matters or not self.told.handouts:
            return
        matter = matters[min(matters)]
        answer = Acknowledgement(
            person=self.told.handouts[0].attempt.person,
            answer=Answer.TAKEN,
            matters=(Seen(matter=matter.id, generation=matter.generation),),
        )
        answered = _event(f"a{number}", at, "urn:beredd:door", answer)
        self._run(lambda writer, now: writer.accept((answered,), (), None, now))
        self.told.answered.append(answered.id)

    def _run(self, run: Callable[[Writer, datetime], Any]) -> Any:
        [result] = self.writer.transaction([Job(run=run, at=self.clock.now(), accepted_s=0.0)], lambda: True)
        if isinstance(result, Failed):
            raise result.error
        self.commits += 1
        self.after_commit()
        return result

    def after_commit(self) -> None:
        """Somebody may want to look."""

    def digest(self) -> str:
        """Of every row of every book: equal when nothing differs."""
        return digest(self.journal._db)

    def close(self) -> None:
        self.journal.close()


def digest(db: apsw.Connection) -> str:
    """Of every row of every table, in the order of its key."""
    total = hashlib.sha256()
    for (table,) in _rows(db, "SELECT name FROM sqlite_master WHERE type='table' ORDER BY name"):
        total.update(repr(sorted(_rows(db, f"SELECT * FROM {table}"), key=repr)).encode())
    return total.hexdigest()


def _rows(db: apsw.Connection, sql: str) -> list[Any]:
    return db.execute(sql).fetchall()


class Noted(Town):
    """The same, and the digest after each commit: what a file may hold at that point and no other."""

    digests: list[str]

    def after_commit(self) -> None:
        self.digests.append(self.digest())


def whole(file: Path, intake: Intake) -> list[str]:
    """The digest before the first and after each commit of the undisturbed history."""
    town = Noted(file, intake, Told())
    town.digests = [town.digest()]
    play(town)
    return town.digests


def play(town: Town) -> None:
    """The whole history, and the file closed."""
    town.resume(START)
    for number in range(1, STEPS + 1):
        town.step(number)
    town.close()
