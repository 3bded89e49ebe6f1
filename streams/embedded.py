"""The embedded host: one process, one file, one writer thread.

Theory. Whatever happens arrives as a *job* in one queue: accepted events, an outcome, a question. The thread takes all
jobs that wait and has the writer carry them out in one transaction (`streams.writer`). An event is stamped when it is
queued, so stamps follow the queue's order. Only after the commit are callers answered.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

from notifiers.attempt import Outcome
from rules.events import Event
from streams.clock import Clock
from streams.intake import Intake
from streams.jobs import Failed, Handout, Job, Listener, Receipt
from streams.journal import Journal, JournalError
from streams.refusal import Refusal
from streams.writer import Writer

__all__ = ["EmbeddedHost", "Handout", "Listener", "Receipt"]

JOBS_PER_COMMIT = 256
IDLE_S = 0.5


class EmbeddedHost:
    """Runs the stages over one journal. `start` and `stop` from any thread; everything else is thread safe."""

    def __init__(self, file: Path, intake: Intake, clock: Clock, listener: Listener) -> None:
        self._file = file
        self._clock = clock
        self._listener = listener
        self._intake = intake
        self._writer: Writer | None = None
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._stamping = threading.Lock()
        self._last_stamp: datetime | None = None
        self._thread = threading.Thread(target=self._run, name="beredd-writer", daemon=True)
        self._started: Future[None] = Future()
        self._pending = 0

    # --- from any thread ---------------------------------------------------------------------------------------------

    @property
    def intake(self) -> Intake:
        """The judgement under the profile in force."""
        return self._intake if self._writer is None else self._writer.intake

    @property
    def fault(self) -> str | None:
        """Why the last commit failed; None when it did not."""
        return None if self._writer is None else self._writer.fault

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
        return self._put(lambda writer, at: writer.accept(events, refusals, principal, at))

    def report(self, realm: str, outcome: Outcome) -> Future[bool]:
        """Queues the outcome of an attempt."""
        return self._put(lambda writer, at: writer.settle(realm, outcome, at))

    def ask(self, question: Callable[[Journal], Any]) -> Future[Any]:
        """Reads something from the journal between two transactions."""
        return self._put(lambda writer, at: writer.answer(question))

    def reload(self, intake: Intake) -> Future[None]:
        """Queues a swap of the profile: what is queued before it is judged by the old one, what comes after it by the
        new. The future is done after the commit, or fails with StrandedError and the old one goes on."""
        return self._put(lambda writer, at: writer.swap(intake, at))

    def at_rest(self) -> bool:
        """True if nothing is queued, running, or due by the clock."""
        with self._stamping:
            return self._pending == 0 and (self._writer is None or not self._writer.timer_due())

    def next_timer(self) -> datetime | None:
        """The next pending timer's due time."""
        return None if self._writer is None else self._writer.next_due

    def _put(self, run: Callable[[Writer, datetime], Any]) -> Future[Any]:
        with self._stamping:
            now = self._clock.now()
            at = now if self._last_stamp is None else max(now, self._last_stamp)
            self._last_stamp = at
            self._pending += 1
            job = Job(run=run, at=at, accepted_s=time.monotonic())
            self._jobs.put(job)
        return job.done

    def wake(self) -> None:
        """Makes the writer look at the clock: for a clock that was set forward."""
        self._put(lambda writer, at: None)

    # --- the writer thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            journal, writer = self._opened()
        except Exception as error:  # told to whoever called start()
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        going = True
        while going:
            jobs, going = self._take(writer)
            if jobs or writer.timer_due():
                self._carry_out(writer, jobs)
        journal.close()

    def _opened(self) -> tuple[Journal, Writer]:
        """The open file, and a writer that has gone on from where the last one ended."""
        journal = Journal.open(self._file)
        self._writer = writer = Writer(journal, self._intake, self._clock, self._listener)
        resumption = Job(run=lambda writer, at: writer.resume(at), at=self._clock.now(), accepted_s=time.monotonic())
        [failed] = writer.transaction([resumption], self._jobs.empty)
        if writer.fault is not None:
            raise JournalError(f"{self._file}: går inte att läsa ({writer.fault}); ingenting har skrivits över")
        if isinstance(failed, Failed):
            journal.close()
            raise failed.error
        return journal, writer

    def _take(self, writer: Writer) -> tuple[list[Job], bool]:
        """Waits for a job or a timer, then takes what is queued, up to a bound. False: told to stop."""
        jobs, wait = list[Job](), self._patience(writer)
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

    def _patience(self, writer: Writer) -> float | None:
        """Seconds to wait for a job. Never longer than a moment while a timer is set: the clock may be set forward."""
        if writer.next_due is None:
            return None
        return min(max(self._clock.seconds_until(writer.next_due), 0), IDLE_S)

    def _carry_out(self, writer: Writer, jobs: list[Job]) -> None:
        results = writer.transaction(jobs, self._jobs.empty)
        if not jobs and writer.fault is not None:
            time.sleep(IDLE_S)  # a timer that cannot be committed must not spin
        self._answer(jobs, results)

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
