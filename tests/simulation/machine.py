"""One machine that runs the real queue, writer and journal without a thread, on a simulated clock, and can die.

A death is a `Crash` raised in the middle of the real code; what has not been committed is gone with its connection.
With `power`, the disk is the power-loss file system: what was never synced may be gone too. Each transaction that has
become durable is written down in `done`, so that the same can be done again by a machine that never dies.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from streams import job_queue
from streams.clock import Clock
from streams.job_queue import JobQueue, Lane, Load
from streams.jobs import Failed, Job, Listener
from streams.journal import Journal
from streams.writer import Writer
from tests.proof.history import digest
from tests.proof.power_loss import PowerLoss
from tests.simulation.town import edition

job_queue.TRANSACTION_S = float("inf")  # else how much one transaction takes would depend on how fast this computer is

POINTS = ("begun", "accepted", "stepped", "commit.before", "commit.after", "told", "answer.before")
"""Where a machine can die by itself; before and after a send it dies by the courier's hand."""

Doing = Callable[[Writer, datetime], Any]


class Crash(BaseException):
    """The machine is dead from here on. No handler of the product's may see it."""


@dataclass(frozen=True)
class Done:
    """One durable transaction: what was done at which stamps, by whose clock, and whether timers could fire."""

    now: datetime
    jobs: tuple[tuple[Doing, datetime], ...]
    idle: bool
    edition: str | None = None  # set: a new life began with this edition of the rules


class Machine:
    """`start` and `die` are a life. Between them `put` and `run`."""

    def __init__(self, folder: Path, listener: Listener, power: random.Random | None = None) -> None:
        self.folder, self.listener = folder, listener
        self.power = power
        self.lives = 0
        self.up = False
        self.edition = "as it was"
        self.done: list[Done] = []
        self.doom: tuple[str, int] | None = None
        self.deaths: list[str] = []
        self._vfs: PowerLoss | None = None

    # --- a life ------------------------------------------------------------------------------------------------------

    def start(self, clock: Clock) -> None:
        """The machine is up, goes by this clock and has resumed. Raises Crash if it dies of it."""
        self.clock = clock
        self.lives += 1
        name = f"simulated-{id(self)}-{self.lives}"
        self._vfs = PowerLoss(name) if self.power else None
        self.journal = Journal.open(self.folder / "b.sqlite", vfs=name if self.power else None)
        self.journal._db.execute("PRAGMA wal_autocheckpoint=200").fetchall()
        if (latest := self.journal.latest()) is not None:
            self.clock.not_before(latest)
        self.writer = Writer(self.journal, edition(self.edition), self.clock, self)
        self.queue = JobQueue(self.clock.now)
        self._plant()
        self.up = True
        self._transaction([Job(run=lambda w, at: w.resume(at), at=self.clock.now(), accepted_s=0.0)], self.edition)

    def die(self, why: str) -> None:
        """Everything in memory is gone, and the file is as a kill, or a power cut, leaves it."""
        self.up = False
        self.deaths.append(why)
        self.doom = None
        if self.power is not None and self._vfs is not None:
            following = self.folder.with_name(f"{self.folder.name}-{self.lives}")
            self._vfs.image(self.power, following)
            self._vfs.dark = True
            self.folder = following
        with suppress(apsw.Error):
            self.journal._db.close()
        if self._vfs is not None:
            self._vfs.unregister()

    def stop(self) -> str:
        """The machine is down in order. What its file holds, as a digest."""
        found = digest(self.journal._db)
        self.up = False
        self.journal.close()
        if self._vfs is not None:
            self._vfs.unregister()
        return found

    # --- what it is given --------------------------------------------------------------------------------------------

    def put(self, lane: Lane, run: Doing) -> Future[Any]:
        """The job waits. Its future is done once what it did is durable, or has failed."""
        [job] = self.queue.put(lane, Load(run), sure=True)
        return job.done

    def run(self) -> None:
        """Nothing waits, and no timer is due. Raises Crash if it dies of it."""
        while not self.queue.empty() or self.writer.timer_due():
            jobs: list[Job] = []
            results = self._transaction(self._noted(jobs))
            self.queue.carried_out(len(jobs))
            self._reached("answer.before")
            for job, result in zip(jobs, results, strict=True):
                if isinstance(result, Failed):
                    job.done.set_exception(result.error)
                else:
                    job.done.set_result(result)

    def _noted(self, taken: list[Job]) -> Any:
        for job in self.queue.turn():
            taken.append(job)
            yield job

    def _transaction(self, jobs: Any, began: str | None = None) -> list[Any]:
        self._doing: list[tuple[Doing, datetime]] = []
        self._idle = False
        self._began = began
        self._now = self.clock.now()

        def noted() -> Any:
            for job in jobs:
                self._doing.append((job.run, job.at))
                yield job

        return self.writer.transaction(noted(), self._asked_idle)

    def _asked_idle(self) -> bool:
        self._idle = self.queue.empty()
        return self._idle

    # --- where it can die --------------------------------------------------------------------------------------------

    def _reached(self, point: str) -> None:
        if self.doom is None or self.doom[0] != point:
            return
        self.doom = (point, self.doom[1] - 1)
        if self.doom[1] <= 0:
            raise Crash(point)

    def _plant(self) -> None:
        journal, commit = self.journal, self.journal.commit

        def mortal_commit() -> None:
            self._reached("commit.before")
            commit()
            self.done.append(Done(self._now, tuple(self._doing), self._idle, self._began))
            self._reached("commit.after")

        def mortal(point: str, inner: Callable[..., Any]) -> Callable[..., Any]:
            def run(*given: Any, **more: Any) -> Any:
                result = inner(*given, **more)
                self._reached(point)
                return result

            return run

        journal.commit = mortal_commit  # type: ignore[method-assign]
        journal.begin = mortal("begun", journal.begin)  # type: ignore[method-assign]
        journal.accept = mortal("accepted", journal.accept)  # type: ignore[method-assign]
        self.writer._step = mortal("stepped", self.writer._step)  # type: ignore[method-assign]

    # --- what it tells -----------------------------------------------------------------------------------------------

    def recorded(self, realm: str, record: Any) -> None:
        self.listener.recorded(realm, record)

    def handed_out(self, handout: Any) -> None:
        self._reached("told")
        self.listener.handed_out(handout)

    def counted(self, what: str, amount: int) -> None:
        self.listener.counted(what, amount)


@dataclass
class Standing:
    """A clock that somebody else sets."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def seconds_until(self, instant: datetime) -> float:
        return (instant - self.at).total_seconds()


@dataclass
class Deaf:
    counts: dict[str, int] = field(default_factory=dict)

    def recorded(self, realm: str, record: Any) -> None: ...
    def handed_out(self, handout: Any) -> None: ...
    def counted(self, what: str, amount: int) -> None: ...


def undisturbed(folder: Path, done: list[Done]) -> str:
    """What the file of a machine holds that has been given the same and was stopped in order where this one died, as a
    digest. (One that had gone on would have let people's deadlines run while this one was down.)"""
    clock = Standing(done[0].now)
    journal = Journal.open(folder / "twin.sqlite")
    for each in done:
        clock.at = each.now
        if each.edition is not None:
            writer = Writer(journal, edition(each.edition), clock, Deaf())
        jobs = [Job(run=run, at=at, accepted_s=0.0) for run, at in each.jobs]
        for result in writer.transaction(jobs, lambda idle=each.idle: idle):
            assert not isinstance(result, Failed) or not isinstance(result.error, apsw.Error), result
    found = digest(journal._db)
    journal.close()
    return found
