"""The queue before the embedded host's writer: bounded, in lanes, so that a flood of readings costs only readings.

Theory. A job is stamped when it is queued. The writer takes the lanes in the order of `Lane`, each first in, first out,
so an incident overtakes readings that wait. Whatever is taken runs with the *oldest stamp that waits*, itself included
(decision 0014): stamps never go back, none is later than the arrival, and no timer fires that a waiting reading would
have stopped. A transaction takes jobs until its time is up, and one of each other lane all the same: none starves.

    lane       what                                                refused when
    ---------  --------------------------------------------------  -----------------------------------------------
    URGENT     incidents, warnings, decisions, acknowledgements    its own space is full, which no reading can fill
    OWN        outcomes of our own attempts                        never: there are no more than attempts
    QUESTIONS  what pages and logs ask of the journal              too many wait
    BULK       urgent events by the hundred in one body            its own space is full
    READINGS   readings, what was refused at the door, reloads     too many values or bytes wait, or one for too long

After each urgent job come some of our own: each incident is told to many, and an attempt whose outcome is not written
down in time is made again. What is large is cut into jobs (`Load`), so that none holds up the others for long.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from streams.jobs import Job

JOB_BYTES = 4096
"""What a job costs in memory beside its body: the event, its future, what waits for its answer."""

TRANSACTION_S = 0.02
"""How long a transaction goes on taking jobs. An urgent one that comes meanwhile is part of it, so it waits for one
reading's job and one commit."""

OWN_EACH = 20
"""Jobs of our own that come after an urgent one, if they wait: about as long as the urgent one takes."""

RETRY_SPREAD_S = 5
"""Senders that are told the same second come back in the same second."""


class Lane(Enum):
    """Who goes before whom; the value is the metric's label."""

    URGENT = "urgent"
    OWN = "own"
    QUESTIONS = "questions"
    BULK = "bulk"
    READINGS = "readings"


OWN_FIRST = (Lane.OWN, *(lane for lane in Lane if lane is not Lane.OWN))


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait in a lane before it is full. None: no bound."""

    jobs: int | None = None
    values: int | None = None  # readings, other events, refusals
    bytes: int | None = None  # as they were sent, and JOB_BYTES for each job
    age_s: float | None = None  # of the oldest


MB = 1024 * 1024
BOUNDS = {
    Lane.URGENT: Bounds(values=500, bytes=16 * MB),
    Lane.OWN: Bounds(),
    Lane.QUESTIONS: Bounds(jobs=200),
    Lane.BULK: Bounds(values=2000, bytes=16 * MB),
    Lane.READINGS: Bounds(values=200_000, bytes=16 * MB, age_s=2.0),
}


@dataclass(frozen=True, slots=True)
class Load:
    """What a job does, and what it weighs while it waits."""

    run: Callable[[Any, datetime], Any]
    values: int = 0
    size: int = 0


class Overloaded(Exception):
    """The lane is full. Nothing was taken; the same again after `retry_after_s` may be."""

    def __init__(self, lane: Lane, retry_after_s: int) -> None:
        super().__init__(f"the lane {lane.value} is full")
        self.lane = lane
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in one lane. `full`: another of its kind would be refused now."""

    jobs: int = 0
    values: int = 0
    bytes: int = 0
    oldest_seconds: float = 0.0
    full: bool = False


@dataclass(slots=True)
class _Queue:
    """One lane: its jobs in order, and how much they weigh."""

    lane: Lane
    jobs: deque[Job] = field(default_factory=deque)
    values: int = 0
    bytes: int = 0

    def add(self, job: Job) -> None:
        self.jobs.append(job)
        self.values += job.values
        self.bytes += job.size + JOB_BYTES

    def take(self) -> Job:
        job = self.jobs.popleft()
        self.values -= job.values
        self.bytes -= job.size + JOB_BYTES
        return job

    def oldest_s(self) -> float:
        return time.monotonic() - self.jobs[0].accepted_s if self.jobs else 0.0

    def full_for(self, loads: Sequence[Load]) -> bool:
        """True if this much more is too much. Into an empty lane anything goes: else it would never be taken."""
        if not self.jobs:
            return False
        bounds = BOUNDS[self.lane]
        return (
            _over(len(self.jobs) + len(loads), bounds.jobs)
            or _over(self.values + sum(x.values for x in loads), bounds.values)
            or _over(self.bytes + sum(x.size + JOB_BYTES for x in loads), bounds.bytes)
            or _over(self.oldest_s(), bounds.age_s)
        )

    def retry_after_s(self) -> int:
        """At least as long as the oldest has waited: the backlog is about that long."""
        spread = random.randint(0, RETRY_SPREAD_S)
        return max(1, math.ceil(self.oldest_s())) + spread


ONE = Load(lambda writer, at: None, values=1)


def _over(found: float, bound: float | None) -> bool:
    return bound is not None and found > bound


class JobQueue:
    """Jobs between any thread and the writer's."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._changed = threading.Condition()
        self._lanes = {lane: _Queue(lane) for lane in Lane}
        self._last_stamp: datetime | None = None
        self._closed = False
        self._running = 0

    # --- from any thread ---------------------------------------------------------------------------------------------

    def put(self, lane: Lane, *loads: Load, sure: bool = False) -> list[Job]:
        """All of it waits in its lane. Raises Overloaded if the lane is full, and then nothing does, unless it must be
        taken (`sure`)."""
        with self._changed:
            if self._closed:
                raise RuntimeError("the host has stopped")
            queue, at = self._lanes[lane], self._stamp()
            if not sure and queue.full_for(loads):
                raise Overloaded(lane, queue.retry_after_s())
            now_s = time.monotonic()
            jobs = [Job(run=x.run, at=at, accepted_s=now_s, values=x.values, size=x.size) for x in loads]
            for job in jobs:
                queue.add(job)
            self._changed.notify()
        return jobs

    def _stamp(self) -> datetime:
        now = self._now()
        self._last_stamp = now if self._last_stamp is None else max(now, self._last_stamp)
        return self._last_stamp

    def close(self) -> None:
        """What waits is still taken; what comes later is not."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def full(self, lane: Lane) -> int | None:
        """Seconds after which to come again, if another of this lane would be refused now; else None."""
        with self._changed:
            queue = self._lanes[lane]
            return queue.retry_after_s() if queue.full_for((ONE,)) else None

    def waiting(self) -> dict[Lane, Waiting]:
        """What waits in each lane now."""
        with self._changed:
            return {
                lane: Waiting(len(q.jobs), q.values, q.bytes, q.oldest_s(), q.full_for((ONE,)))
                for lane, q in self._lanes.items()
            }

    def empty(self) -> bool:
        """True if no job waits."""
        return not any(queue.jobs for queue in self._lanes.values())

    def at_rest(self) -> bool:
        """True if no job waits, and none that was taken is still to be answered."""
        with self._changed:
            return self._running == 0 and self.empty()

    # --- from the writer's thread ------------------------------------------------------------------------------------

    def wait(self, timeout_s: float | None) -> bool:
        """Returns when a job waits or the time is up. False: closed, and nothing is left."""
        with self._changed:
            if not self._closed and self.empty():
                self._changed.wait(timeout_s)
            return not self._closed or not self.empty()

    def turn(self) -> Iterator[Job]:
        """The jobs of one transaction, each as it is asked for: what is urgent first, for TRANSACTION_S; then one of
        each lane that has had none, so that none starves. From then on their callers can no longer take them back."""
        ends, served, own = time.monotonic() + TRANSACTION_S, set[Lane](), 0
        while (found := self._take(OWN_FIRST if own else tuple(Lane))) is not None:
            lane, job = found
            own = OWN_EACH if lane is Lane.URGENT else max(0, own - 1)
            served.add(lane)
            yield job
            if time.monotonic() >= ends:
                break
        for lane in Lane:
            if lane not in served and (found := self._take((lane,))) is not None:
                yield found[1]

    def carried_out(self, jobs: int) -> None:
        """So many of the jobs that were taken are about to be answered."""
        with self._changed:
            self._running -= jobs

    def _take(self, lanes: Iterable[Lane]) -> tuple[Lane, Job] | None:
        with self._changed:
            for lane in lanes:
                queue = self._lanes[lane]
                while queue.jobs:
                    at = min(q.jobs[0].at for q in self._lanes.values() if q.jobs)
                    job = queue.take()
                    if job.done.set_running_or_notify_cancel():
                        job.at = at
                        self._running += 1
                        return lane, job
        return None
