"""The embedded host: one process, one file, one writer thread.

Theory. Whatever happens arrives as a *job* in one queue (`streams.job_queue`): accepted events, an outcome, a question.
The thread takes jobs that wait, the urgent ones first, and has the writer carry them out in one transaction
(`streams.writer`). Stamps follow the order in which jobs are carried out. Only after the commit are callers answered.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from notifiers.attempt import Outcome
from rules.events import Event, EventKind, Readings
from streams.clock import Clock, unset_seconds
from streams.intake import Intake
from streams.job_queue import JobQueue, Lane, Load, Overloaded, Waiting
from streams.jobs import Failed, Handout, Job, Listener, Receipt
from streams.journal import Journal
from streams.refusal import Refusal
from streams.store import refusal
from streams.writer import Writer

_log = logging.getLogger(__name__)
__all__ = ["EmbeddedHost", "Handout", "Lane", "Listener", "Overloaded", "Receipt", "Waiting"]

IDLE_S = 0.5
ASLEEP_S = 30.0
"""A thread that looks twice a second and has not for so long was not running."""

URGENT_EACH = 50
"""So many urgent events in one body go before everything; more of them let others' incidents by."""

PIECE_VALUES, PIECE_EVENTS = 5000, 10
"""At most so many readings or so many other events in one job: some ten milliseconds, or some hundred."""


class EmbeddedHost:
    """Runs the stages over one journal. `start` and `stop` from any thread; everything else is thread safe."""

    def __init__(
        self,
        file: Path,
        intake: Intake,
        clock: Clock,
        listener: Listener,
        *,
        vfs: str | None = None,
        reserve: int = 0,
        unset: Callable[[], float] = unset_seconds,
    ) -> None:
        """`vfs`: SQLite's way to the disk, when not the system's. `reserve`: bytes of the disk kept for what is
        critical. `unset`: seconds by which it is seen that the machine slept."""
        self._unset = unset
        self._turned = 0.0
        self._file = file
        self._vfs = vfs
        self._reserve = reserve
        self._clock = clock
        self._listener = listener
        self._intake = intake
        self._writer: Writer | None = None
        self._queue = JobQueue(clock.now)
        self._thread = threading.Thread(target=self._run, name="beredd-writer", daemon=True)
        self._started: Future[None] = Future()

    # --- from any thread ---------------------------------------------------------------------------------------------

    @property
    def intake(self) -> Intake:
        """The judgement under the profile in force."""
        return self._intake if self._writer is None else self._writer.intake

    @property
    def fault(self) -> str | None:
        """Why the last commit failed, or what is short although it did not; None when all is well."""
        return None if self._writer is None else self._writer.fault

    def start(self) -> None:
        """Opens the journal and begins. Raises JournalError if the file cannot be used."""
        self._thread.start()
        self._started.result()

    def stop(self) -> None:
        """Finishes what is queued, commits and closes the file."""
        self._queue.close()
        self._thread.join()

    def submit(
        self, events: tuple[Event, ...], refusals: tuple[Refusal, ...], principal: str | None, size: int = 0
    ) -> Future[Receipt]:
        """Queues events for acceptance. The future is done after the commit of the last: then they are safe
        (semantics 24). With anything but readings among them they are urgent, if they are not many. `size`: bytes as
        they were sent. Raises Overloaded if they cannot be taken now."""
        urgent = sum(event.kind is not EventKind.READINGS for event in events)
        lane = Lane.READINGS if not urgent else Lane.URGENT if urgent <= URGENT_EACH else Lane.BULK
        cut = tuple(pieces(events)) or ((),)
        loads = [_load(piece, refusals if n == 0 else (), principal, size // len(cut)) for n, piece in enumerate(cut)]
        return together([job.done for job in self._queue.put(lane, *loads)])

    def report(self, realm: str, outcome: Outcome) -> Future[bool]:
        """Queues the outcome of an attempt."""
        return self._put(lambda writer, at: writer.settle(realm, outcome, at), Lane.OWN)

    def ask(self, question: Callable[[Journal], Any]) -> Future[Any]:
        """Reads something from the journal between two transactions. Fails with Overloaded if too many ask."""
        try:
            return self._put(lambda writer, at: writer.answer(question), Lane.QUESTIONS)
        except Overloaded as full:
            failed: Future[Any] = Future()
            failed.set_exception(full)
            return failed

    def probe(self) -> Future[Any]:
        """Something is written, to see that it can be: a disk that is full still reads."""
        return self.ask(lambda journal: journal.touch(self._clock.now()))

    def reload(self, intake: Intake) -> Future[None]:
        """Queues a swap of the profile: what is queued before it is judged by the old one, what comes after it by the
        new, but for what overtakes it. The future is done after the commit, or fails with StrandedError and the old one
        goes on."""
        return self._put(lambda writer, at: writer.swap(intake, at), Lane.READINGS, sure=True)

    def full(self, lane: Lane) -> int | None:
        """Seconds after which to come again, if another of this lane would be refused now; else None."""
        return self._queue.full(lane)

    @property
    def backlog(self) -> dict[Lane, Waiting]:
        """What waits for the writer, by lane."""
        return self._queue.waiting()

    def at_rest(self) -> bool:
        """True if nothing is queued, running, or due by the clock."""
        return self._queue.at_rest() and (self._writer is None or not self._writer.timer_due())

    def next_timer(self) -> datetime | None:
        """The next pending timer's due time."""
        return None if self._writer is None else self._writer.next_due

    def _put(self, run: Callable[[Writer, datetime], Any], lane: Lane, *, sure: bool = False) -> Future[Any]:
        [job] = self._queue.put(lane, Load(run), sure=sure)
        return job.done

    def wake(self) -> None:
        """Makes the writer look at the clock: for a clock that was set forward."""
        self._put(lambda writer, at: None, Lane.OWN)

    # --- the writer thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            journal, writer = self._opened()
        except Exception as error:  # told to whoever called start()
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        self._turned = self._unset()
        while self._queue.wait(self._patience(writer)):
            self._wake_up(writer)
            if not self._queue.empty() or writer.timer_due():
                self._carry_out(writer)
            self._turned = self._unset()
        journal.close()

    def _wake_up(self, writer: Writer) -> None:
        """After a sleep (the machine's, or this process's) it is as after a start: nothing was heard meanwhile, and
        people's deadlines did not run. While a timer is set this thread never waits long, so it can tell."""
        if writer.next_due is None or self._unset() - self._turned < ASLEEP_S:
            return
        _log.warning("this process slept for %.0f s", self._unset() - self._turned)
        writer.next_due = None  # before anything is fired, what came due meanwhile is put off
        awake = Job(run=lambda writer, at: writer.awake(at), at=self._clock.now(), accepted_s=time.monotonic())
        writer.transaction([awake], self._queue.empty)

    def _opened(self) -> tuple[Journal, Writer]:
        """The open file, and a writer that has gone on from where the last one ended."""
        journal = Journal.open(self._file, self._vfs, self._reserve)
        if (latest := journal.latest()) is not None:
            self._clock.not_before(latest)  # the wall clock may have been set back while nobody was here
        self._writer = writer = Writer(journal, self._intake, self._clock, self._listener)
        resumption = Job(run=lambda writer, at: writer.resume(at), at=self._clock.now(), accepted_s=time.monotonic())
        [failed] = writer.transaction([resumption], self._queue.empty)
        if isinstance(failed, Failed):
            journal.close()
            raise refusal(self._file, failed.error) if isinstance(failed.error, apsw.Error) else failed.error
        return journal, writer

    def _patience(self, writer: Writer) -> float | None:
        """Seconds to wait for a job. Never longer than a moment while a timer is set: the clock may be set forward."""
        if writer.next_due is None:
            return None
        return min(max(self._clock.seconds_until(writer.next_due), 0), IDLE_S)

    def _carry_out(self, writer: Writer) -> None:
        jobs: list[Job] = []
        results = writer.transaction(self._noted(jobs), self._queue.empty)
        if not jobs and writer.fault is not None:
            time.sleep(IDLE_S)  # a timer that cannot be committed must not spin
        self._queue.carried_out(len(jobs))
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, Failed):
                job.done.set_exception(result.error)
            else:
                job.done.set_result(result)

    def _noted(self, taken: list[Job]) -> Iterator[Job]:
        """A transaction's jobs, each noted as it is taken: it has to be answered."""
        for job in self._queue.turn():
            taken.append(job)
            yield job


def _load(events: tuple[Event, ...], refusals: tuple[Refusal, ...], principal: str | None, size: int) -> Load:
    values = len(refusals) + sum(map(_values, events))
    return Load(lambda writer, at: writer.accept(events, refusals, principal, at), values, size)


def _values(event: Event) -> int:
    return len(event.payload.readings) if isinstance(event.payload, Readings) else 1


def pieces(events: Iterable[Event]) -> Iterator[tuple[Event, ...]]:
    """The events in their order, cut so that none of the parts holds up the writer for long."""
    piece, work = list[Event](), 0
    for event in events:
        more = _values(event) if event.kind is EventKind.READINGS else PIECE_VALUES // PIECE_EVENTS
        if piece and work + more > PIECE_VALUES:
            yield tuple(piece)
            piece, work = [], 0
        piece.append(event)
        work += more
    if piece:
        yield tuple(piece)


def together(parts: Sequence[Future[Receipt]]) -> Future[Receipt]:
    """One answer for all of them: when the last has come, or the first fails."""
    if len(parts) == 1:
        return parts[0]
    whole, lock, left = Future[Receipt](), threading.Lock(), len(parts)

    def ended(part: Future[Receipt]) -> None:
        nonlocal left
        with lock:
            left -= 1
            if whole.done():
                return
            if (error := part.exception()) is not None:
                whole.set_exception(error)
            elif left == 0:
                receipts = [p.result() for p in parts]
                whole.set_result(Receipt(sum(r.accepted for r in receipts), sum(r.duplicates for r in receipts)))

    for part in parts:
        part.add_done_callback(ended)
    return whole
