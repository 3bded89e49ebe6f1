"""The embedded host: one process, one file, one writer thread.

Theory. Whatever happens arrives as a *job* in one queue: accepted events, an outcome, a question. The writer takes all
jobs that wait and carries them out in one transaction (group commit). An event is stamped when it is queued, so stamps
follow the queue's order. Before a message stamped t, every timer due at or before t runs, with its due time as `now`;
wall time fires timers only when the queue is empty (semantics 5). A message's whole cascade through the stages is part
of the same transaction: log, state, timers, outbox and records change together or not at all. Only after the commit
are callers answered, views updated and attempts handed to the courier.

A step that raises is a fault in us: its message is buried with its reason, counted, and the rest goes on. A commit
that fails is a fault of the disk: everything is rolled back, callers get an error, nothing was accepted.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from notifiers.attempt import Attempt, Outcome
from rules.arrival import Reloaded, Resumption
from rules.events import Event
from rules.frozen import Frozen
from rules.matter import Matter
from rules.step import Stage, State, TimerDue
from streams.clock import Clock
from streams.in_force import in_force, put_in_force, stranding
from streams.intake import Addressed, Intake
from streams.jobs import Failed, Gathered, Handout, Job, Listener, Receipt
from streams.journal import Journal, JournalError, Timer
from streams.refusal import Refusal
from streams.stages import RECORDS, STAGES, about, written

__all__ = ["EmbeddedHost", "Handout", "Listener", "Receipt"]

_log = logging.getLogger(__name__)
KEYS_IN_MEMORY = 20_000
JOBS_PER_COMMIT = 256
TIMERS_PER_PASS = 10_000
IDLE_S = 0.5


class EmbeddedHost:
    """Runs the stages over one journal. `start` and `stop` from any thread; everything else is thread safe."""

    def __init__(self, file: Path, intake: Intake, clock: Clock, listener: Listener) -> None:
        self._file = file
        self._clock = clock
        self._listener = listener
        self.intake = intake
        self._adopted = intake
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._stamping = threading.Lock()
        self._last_stamp: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="beredd-writer", daemon=True)
        self._started: Future[None] = Future()
        self._states: OrderedDict[tuple[str, str, str], dict[str, Frozen]] = OrderedDict()
        self._changed: dict[tuple[str, str, str, str], Frozen | None] = {}
        self._gathered = Gathered()
        self._accepted_s: float | None = None
        self._busy = threading.Event()
        self._pending = 0
        self.fault: str | None = None

    # --- from any thread ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Opens the journal and begins. Raises JournalError if the file cannot be used."""
        self._thread.start()
        self._started.result()

    def stop(self) -> None:
        """Finishes what is queued, commits and closes the file."""
        self._jobs.put(None)
        self._thread.join()

    def submit(
        self, events: tuple[Event, ...], refusals: tuple[Refusal, ...], principal: str | None
    ) -> Future[Receipt]:
        """Queues events for acceptance. The future is done after the commit: then they are safe (semantics 24)."""
        return self._put(lambda at: self._accept(events, refusals, principal, at))

    def report(self, realm: str, outcome: Outcome) -> Future[bool]:
        """Queues the outcome of an attempt."""
        return self._put(lambda at: self._settle(realm, outcome, at))

    def ask(self, question: Callable[[Journal], Any]) -> Future[Any]:
        """Reads something from the journal between two transactions."""

        def asked(at: datetime) -> Any:
            try:
                self._write_changes()
                return question(self._journal)
            except apsw.Error:
                raise  # the file's fault, and everybody's
            except Exception as error:
                return Failed(error)

        return self._put(asked)

    def reload(self, intake: Intake) -> Future[None]:
        """Queues a swap of the profile: what is queued before it is judged by the old one, what comes after it by the
        new. The future is done after the commit, or fails with StrandedError and the old one goes on."""

        def swapped(at: datetime) -> Any:
            error = stranding(intake.profile.policy, self._matters())
            return Failed(error) if error is not None else self._adopt(intake, at)

        return self._put(swapped)

    def at_rest(self) -> bool:
        """True if nothing is queued, running, or due by the clock."""
        with self._stamping:
            return self._pending == 0 and not self._timer_due()

    def next_timer(self) -> datetime | None:
        """The next pending timer's due time."""
        return self._next_due

    def _put(self, run: Callable[[datetime], Any]) -> Future[Any]:
        with self._stamping:
            now = self._clock.now()
            at = now if self._last_stamp is None else max(now, self._last_stamp)
            self._last_stamp = at
            self._pending += 1
            job = Job(run=lambda: run(at), at=at, accepted_s=time.monotonic())
            self._jobs.put(job)
        return job.done

    def wake(self) -> None:
        """Makes the writer look at the clock: for a clock that was set forward."""
        self._put(lambda at: None)

    # --- the writer thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._journal = Journal.open(self._file)
            self._next_due: datetime | None = None
            self._transaction([resume := self._resume_job()])
            if self.fault is not None:
                raise JournalError(f"{self._file}: går inte att läsa ({self.fault}); ingenting har skrivits över")
            if (error := resume.done.exception()) is not None:
                self._journal.close()
                raise error
        except Exception as error:  # told to whoever called start()
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        going = True
        while going:
            jobs, going = self._take()
            if jobs or self._timer_due():
                self._transaction(jobs)
        self._journal.close()

    def _resume_job(self) -> Job:
        """What a start does: timers that came due while nobody was here are due now, since neither people nor
        providers could do anything meanwhile; every key of assess knows since when it is listened to again; attempts
        without an outcome are made again; views are built anew."""

        def resume() -> Any:
            policy, known = self.intake.profile.policy, in_force(self._journal)
            edited = known is None or not known.of(policy)  # while nobody was here: a reload too
            if edited and (error := stranding(policy, self._matters())) is not None:
                return Failed(error)
            self._gathered.count("postponed_timers", self._journal.postpone(self._clock.now()))
            for realm, body in self._journal.unsent():
                self._gathered.handouts.append(Handout(realm, Attempt.model_validate_json(body)))
            for realm, body in self._journal.records():
                self._gathered.records.append((realm, RECORDS.validate_json(body)))
            for realm, key in self._assess_keys():
                self._cascade(Addressed(Stage.ASSESS, key, Resumption()), realm, self._clock.now())
            if edited:
                self._adopt(self.intake, self._clock.now())
            self._next_due = self._journal.next_due()
            return None

        with self._stamping:
            self._pending += 1
        return Job(run=resume, at=self._clock.now(), accepted_s=time.monotonic())

    def _take(self) -> tuple[list[Job], bool]:
        """Waits for a job or a timer, then takes what is queued, up to a bound. False: told to stop."""
        jobs, wait = list[Job](), self._patience()
        while len(jobs) < JOBS_PER_COMMIT:
            try:
                job = self._jobs.get(timeout=wait) if wait is None or wait > 0 else self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, False
            wait = 0
            if job.done.set_running_or_notify_cancel():
                jobs.append(job)  # from here on the caller can no longer take it back
            else:
                self._forget(1)
        return jobs, True

    def _patience(self) -> float | None:
        """Seconds to wait for a job. Never longer than a moment while a timer is set: the clock may be set forward."""
        if self._next_due is None:
            return None
        return min(max(self._clock.seconds_until(self._next_due), 0), IDLE_S)

    def _timer_due(self) -> bool:
        due = self._next_due
        return due is not None and due <= self._clock.now()

    def _transaction(self, jobs: list[Job]) -> None:
        """One commit for all the jobs. Either each caller is answered with its result, or all with the fault."""
        self._gathered = Gathered()
        results: list[Any] = []
        try:
            self._journal.begin()
            for job in jobs:
                self._accepted_s = job.accepted_s
                self._fire_timers(job.at)
                results.append(job.run())
            self._accepted_s = None
            if self._jobs.empty():
                self._fire_timers(self._clock.now())
            self._next_due = self._journal.next_due()
            self._write_changes()
            self._journal.commit()
            self._adopted = self.intake
        except Exception as error:
            self._roll_back(jobs, error)
            return
        if self._journal.wrote():
            self.fault = None  # a transaction that wrote nothing proves nothing about the disk
        self._tell()
        self._answer(jobs, results)

    def _roll_back(self, jobs: list[Job], error: Exception) -> None:
        _log.exception("commit failed; nothing of it was accepted")
        self.fault = f"{type(error).__name__}: {error}"
        self._states.clear()
        self._changed.clear()
        self.intake = self._adopted
        self._journal.rollback()
        self._guarded(self._listener.counted, "commit_faults", 1)
        self._forget(len(jobs))
        for job in jobs:
            job.done.set_exception(error)
        if not jobs:
            time.sleep(IDLE_S)  # a timer that cannot be committed must not spin

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

    def _answer(self, jobs: list[Job], results: list[Any]) -> None:
        self._forget(len(jobs))
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, Failed):
                job.done.set_exception(result.error)
            else:
                job.done.set_result(result)

    def _forget(self, jobs: int) -> None:
        with self._stamping:
            self._pending -= jobs

    # --- inside a transaction ----------------------------------------------------------------------------------------

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

    def _accept(
        self, events: tuple[Event, ...], refusals: tuple[Refusal, ...], principal: str | None, at: datetime
    ) -> Receipt:
        for refusal in refusals:
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

    def _route(self, event: Event, at: datetime) -> None:
        try:
            addressed = self.intake.route(event, at)
        except Exception as error:  # a fault in us must not lose the event: it is in the log, and buried here
            self._bury("intake", event.realm, event.source, event, at, error)
            return
        for each in addressed:
            self._cascade(each, event.realm, at)

    def _settle(self, realm: str, outcome: Outcome, at: datetime) -> bool:
        if not self._journal.settle(realm, outcome.attempt, written(outcome).decode()):
            return False
        self._cascade(Addressed(Stage.CONTACT, outcome.person, outcome), realm, at)
        return True

    def _fire_timers(self, until: datetime) -> None:
        """Every timer due by then, in order, each with its own due time as now."""
        if self._next_due is None or self._next_due > until:
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
        self._next_due = self._journal.next_due()
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
                self._next_due = due if self._next_due is None else min(self._next_due, due)
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
