"""The embedded host's writer: what happens inside one transaction. It has no thread, and asks the clock only for now.

Theory. All jobs that wait are carried out in one transaction (group commit). Before a message stamped t, every timer
due at or before t runs, with its due time as `now`; wall time fires timers only when nothing waits (semantics 5). A
message's whole cascade through the stages is part of the same transaction: log, state, timers, outbox and records
change together or not at all. Only after the commit are the listener told and results handed back.

A step that raises is a fault in us: its message is buried with its reason, counted, and the rest goes on. A commit
that fails is a fault of the disk: everything is rolled back, and every job has failed; nothing was accepted.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import apsw

from notifiers.attempt import Attempt, Outcome, Verdict
from rules.arrival import Reloaded, Resumption
from rules.events import LIVE, Event, EventKind
from rules.frozen import Frozen
from rules.matter import Matter
from rules.record import Happening, LogLine
from rules.step import Output, Stage, State, TimerDue
from streams.clock import Clock
from streams.in_force import in_force, put_in_force, stranding
from streams.intake import Addressed, Intake
from streams.jobs import Failed, Gathered, Handout, Job, Listener, NoRoomError, Receipt
from streams.journal import Journal, Timer
from streams.refusal import Refusal
from streams.stages import RECORDS, STAGES, about, written

_log = logging.getLogger(__name__)
KEYS_IN_MEMORY = 20_000
TIMERS_PER_PASS = 10_000
RESTORED = "restored"
"""Noted in a file that was put back from a copy, until its first start."""

LAPSE_AFTER = timedelta(hours=1)
"""Nobody knows whether what a restored copy holds unsent was sent after the copy was made. What is older than this is
not sent again; the duty itself goes on along its chain."""


class Writer:
    """Runs the stages over one open journal. Lives in one thread.

    `fault`: why the last transaction failed, or what is short although it did not; None when all is well. `next_due`:
    the earliest timer's due time.
    """

    def __init__(self, journal: Journal, intake: Intake, clock: Clock, listener: Listener) -> None:
        self.intake = intake
        self.fault: str | None = None
        self.next_due: datetime | None = None
        self._journal = journal
        self._adopted = intake
        self._clock = clock
        self._listener = listener
        self._states: OrderedDict[tuple[str, str, str], dict[str, Frozen]] = OrderedDict()
        self._changed: dict[tuple[str, str, str, str], Frozen | None] = {}
        self._gathered = Gathered()
        self._accepted_s: float | None = None

    def timer_due(self) -> bool:
        """True if a timer is due by the clock."""
        return self.next_due is not None and self.next_due <= self._clock.now()

    def transaction(self, jobs: Iterable[Job], idle: Callable[[], bool]) -> list[Any]:
        """One commit for all the jobs. Each job's result, in order: what it returned, or Failed; when the commit fails,
        all are Failed with its fault and nothing has changed. `idle`: nothing more waits, so the clock may fire timers.
        """
        waiting, taken = iter(jobs), list[Job]()
        try:
            results = self._carried_out(waiting, idle, taken)
        except Exception as error:
            self._roll_back(error)
            if isinstance(error, apsw.FullError) and self._journal.ballast.let_go():
                self.fault = self._journal.ballast.short
                return self.transaction(chain(taken, waiting), idle)  # once: there is no more to let go
            # A transaction that could not even begin has taken none; they wait for an answer all the same.
            return [Failed(error)] * (len(taken) or sum(1 for _ in waiting))
        self._journal.ballast.look_again()
        if self._journal.wrote():  # one that wrote nothing proves nothing about the disk
            self.fault = self._journal.ballast.short
        self._tell()
        return results

    def _carried_out(self, jobs: Iterable[Job], idle: Callable[[], bool], taken: list[Job]) -> list[Any]:
        """The jobs' results, once they are durable. `taken` has those that were begun."""
        self._gathered = Gathered()
        results: list[Any] = []
        self._journal.begin(self._clock.now())
        for job in jobs:
            taken.append(job)
            self._accepted_s = job.accepted_s
            self._fire_timers(job.at)
            results.append(job.run(self, job.at))
        self._accepted_s = None
        if idle():
            self._fire_timers(self._clock.now())
        self.next_due = self._journal.next_due()
        self._write_changes()
        self._journal.commit()
        self._adopted = self.intake
        return results

    def _roll_back(self, error: Exception) -> None:
        _log.exception("commit failed; nothing of it was accepted")
        self.fault = f"{type(error).__name__}: {error}"
        self._states.clear()
        self._changed.clear()
        self.intake = self._adopted
        self._journal.rollback()
        self._guarded(self._listener.counted, "commit_faults", 1)

    def _tell(self) -> None:
        """Tells the listener what is committed. A listener that fails must not stop the writer: its fault is logged."""
        for realm, record in self._gathered.records:
            self._guarded(self._listener.recorded, realm, record)
        for handout in self._gathered.handouts:
            self._guarded(self._listener.handed_out, handout)
        for what, amount in self._gathered.counts.items():
            self._guarded(self._listener.counted, what, amount)

    @staticmethod
    def _guarded(tell: Callable[..., None], *said: object) -> None:
        try:
            tell(*said)
        except Exception:
            _log.exception("a listener failed; what it was told is committed")

    # --- jobs: called by `transaction` -----------------------------------------------------------------------------

    def resume(self, at: datetime) -> Failed | None:
        """What a start does: timers that came due while nobody was here are due now, since neither people nor
        providers could do anything meanwhile; every key of assess knows since when it is listened to again; attempts
        without an outcome are made again, but for those of a restored copy that are too old; views are built anew."""
        policy, known = self.intake.profile.policy, in_force(self._journal)
        edited = known is None or not known.of(policy)  # while nobody was here: a reload too
        if edited and (error := stranding(policy, self._matters())) is not None:
            return Failed(error)
        for realm, body in self._journal.records():
            self._gathered.records.append((realm, RECORDS.validate_json(body)))
        if self._journal.lost is not None:
            _log.error("%s", self._journal.lost)
            line = LogLine(at=at, what=Happening.NOTICED, said=self._journal.lost)
            self._output(Output(Stage.RECORD, "host", line, 0), LIVE)
        restored = self._journal.taken(RESTORED)
        for realm, body in self._journal.unsent():
            attempt = Attempt.model_validate_json(body)
            if restored is not None and attempt.deadline < at - LAPSE_AFTER:
                self.settle(realm, lapsed(attempt), at)
            else:
                self._gathered.handouts.append(Handout(realm, attempt))
        self.awake(at)
        if edited:
            self._adopt(self.intake, at)
        self.next_due = self._journal.next_due()
        return None

    def awake(self, at: datetime) -> None:
        """Timers that came due while nobody was here are due now; every key of assess knows since when it is listened
        to again."""
        self._gathered.count("postponed_timers", self._journal.postpone(at))
        for realm, key in self._assess_keys():
            self._cascade(Addressed(Stage.ASSESS, key, Resumption()), realm, at)
        self.next_due = self._journal.next_due()

    def accept(
        self, events: tuple[Event, ...], refusals: tuple[Refusal, ...], principal: str | None, at: datetime
    ) -> Receipt | Failed:
        """The events are in the log and have been carried through the stages; the refusals are in theirs. While
        the disk's last room is in use readings alone fail, and refusals are not written down."""
        short = self._journal.ballast.short
        if short is not None and events and all(e.kind is EventKind.READINGS for e in events):
            return Failed(NoRoomError(short))
        for refusal in refusals:
            if short is None:  # the sender is told all the same
                self._journal.refuse(at, refusal.reason, refusal.message, principal, refusal.excerpt)
            self._gathered.count(f"refused/{refusal.reason}")
        accepted = 0
        for event in events:
            body = written(event)
            if not self._journal.accept(at, event.realm, event.source, event.id, event.kind, principal, body):
                self._gathered.count(f"duplicate/{event.kind}")
                continue
            accepted += 1
            self._gathered.count(f"accepted/{event.kind}")
            self._route(event, at)
        return Receipt(accepted, len(events) - accepted)

    def settle(self, realm: str, outcome: Outcome, at: datetime) -> bool:
        """The attempt has this outcome. False if it had one already."""
        if not self._journal.settle(realm, outcome.attempt, written(outcome).decode()):
            return False
        self._cascade(Addressed(Stage.CONTACT, outcome.person, outcome), realm, at)
        return True

    def answer(self, question: Callable[[Journal], Any]) -> Any:
        """What the journal says, as this transaction has made it."""
        try:
            self._write_changes()
            return question(self._journal)
        except apsw.Error:
            raise  # the file's fault, and everybody's
        except Exception as error:
            return Failed(error)

    def swap(self, intake: Intake, at: datetime) -> Failed | None:
        """This profile is in force, unless it would strand an open matter."""
        error = stranding(intake.profile.policy, self._matters())
        if error is not None:
            return Failed(error)
        self._adopt(intake, at)
        return None

    # --- the stages --------------------------------------------------------------------------------------------------

    def _adopt(self, intake: Intake, at: datetime) -> None:
        """Makes this the profile in force, and lets every key of assess see what it means there."""
        self.intake = intake
        new = put_in_force(self._journal, intake.profile.policy, at)
        for realm, key in self._assess_keys():
            self._cascade(Addressed(Stage.ASSESS, key, Reloaded(new=tuple(sorted(new)))), realm, at)

    def _assess_keys(self) -> list[tuple[str, str]]:
        self._write_changes()
        return self._journal.keys(Stage.ASSESS)

    def _matters(self) -> list[Matter]:
        states = (self._entries(Stage.ASSESS, *where) for where in self._assess_keys())
        return [entry for entries in states for entry in entries.values() if isinstance(entry, Matter)]

    def _route(self, event: Event, at: datetime) -> None:
        try:
            addressed = self.intake.route(event, at)
        except Exception as error:  # a fault in us must not lose the event: it is in the log, and buried here
            self._bury("intake", event.realm, event.source, event, at, error)
            return
        for each in addressed:
            self._cascade(each, event.realm, at)

    def _fire_timers(self, until: datetime) -> None:
        """Every timer due by then, in order, each with its own due time as now."""
        if self.next_due is None or self.next_due > until:
            return
        accepted_s, self._accepted_s = self._accepted_s, None
        for _ in range(TIMERS_PER_PASS):
            timer = self._journal.due(until)
            if timer is None:
                break
            self._journal.unwake(timer.stage, timer.realm, timer.key, timer.name)
            message = TimerDue(name=timer.name, due=timer.due)
            self._cascade(Addressed(Stage(timer.stage), timer.key, message), timer.realm, timer.due)
            self._gathered.count("timers_fired")
        self.next_due = self._journal.next_due()
        self._accepted_s = accepted_s

    def _cascade(self, first: Addressed, realm: str, now: datetime) -> None:
        """Carries a message and all that follows from it through the stages."""
        waiting = deque([first])
        while waiting:
            message = waiting.popleft()
            waiting.extend(self._step(message, realm, now))

    def _step(self, addressed: Addressed, realm: str, now: datetime) -> list[Addressed]:
        """One step: its changes are written, its outputs returned or put where they wait."""
        stage, key = addressed.stage, addressed.key
        entries = self._entries(stage, realm, key)
        try:
            step = STAGES[stage].step(self.intake.profile, State(realm, key, entries), addressed.message, now)
        except Exception as error:  # a fault in us: this message is set aside with its reason, the others go on
            self._bury(stage, realm, key, addressed.message, now, error)
            return []
        self._change(stage, realm, key, entries, step.changes)
        for name, due in step.timers.items():
            if due is None:
                self._journal.unwake(stage, realm, key, name)
            else:
                self._journal.wake(Timer(stage, realm, key, name, due))
                self.next_due = due if self.next_due is None else min(self.next_due, due)
        return [out for output in step.outputs if (out := self._output(output, realm)) is not None]

    def _output(self, output: Any, realm: str) -> Addressed | None:
        match output.stage:
            case Stage.DELIVER:
                if self._journal.send(realm, output.message.id, output.message.person, written(output.message)):
                    self._gathered.handouts.append(Handout(realm, output.message, self._accepted_s))
                return None
            case Stage.RECORD:
                self._journal.record(realm, output.key, about(output.message), written(output.message))
                self._gathered.records.append((realm, output.message))
                return None
            case _:
                return Addressed(output.stage, output.key, output.message)

    def _entries(self, stage: str, realm: str, key: str) -> dict[str, Frozen]:
        where = (stage, realm, key)
        if where not in self._states:
            adapter = STAGES[Stage(stage)].entries
            self._states[where] = {e: adapter.validate_json(v) for e, v in self._journal.entries(stage, realm, key)}
            if len(self._states) > KEYS_IN_MEMORY:
                self._write_changes()  # some may be of the key that is put out of memory
                self._states.popitem(last=False)
        self._states.move_to_end(where)
        return self._states[where]

    def _change(self, stage: str, realm: str, key: str, entries: dict[str, Frozen], changes: Any) -> None:
        for entry, value in changes.items():
            if value is None:
                entries.pop(entry, None)
            else:
                entries[entry] = value
            self._changed[stage, realm, key, entry] = value

    def _write_changes(self) -> None:
        """The journal has the entries as they are now: one that many messages changed is written once."""
        for where, value in self._changed.items():
            if value is None:
                self._journal.drop(*where)
            else:
                self._journal.put(*where, written(value))
        self._changed.clear()

    def _bury(self, stage: str, realm: str, key: str, message: Frozen, at: datetime, error: Exception) -> None:
        _log.error("a message was set aside: stage=%s error=%s", stage, type(error).__name__, exc_info=error)
        self._journal.bury(at, stage, realm, key, written(message), f"{type(error).__name__}: {error}"[:1000])
        self._gathered.count(f"dead/{stage}")


def lapsed(attempt: Attempt) -> Outcome:
    """What became of an attempt that a restored copy holds, and that is too old to be made."""
    why = "finns i en återställd kopia och är för gammalt att skicka; om det skickades efter kopian är okänt"
    return Outcome(attempt=attempt.id, notice=attempt.notice, person=attempt.person, verdict=Verdict.LAPSED, why=why)
