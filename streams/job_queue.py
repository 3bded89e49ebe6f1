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
    READINGS   readings, what was refused at the door, reloads     too many values or bytes wait, or one for too long
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
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

RETRY_SPREAD_S = 5
"""Senders that are told the same second come back in the same second."""


class Lane(Enum):
    """Who goes before whom; the value is the metric's label."""

    URGENT = "urgent"
    OWN = "own"
    QUESTIONS = "questions"
    READINGS = "readings"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait in a lane before it is full. None: no bound."""

    jobs: int | None = None
    values: int | None = None  # of readings and refusals
    bytes: int | None = None  # as they were sent, and JOB_BYTES for each job
    age_s: float | None = None  # of the oldest


MB = 1024 * 1024
BOUNDS = {
    Lane.URGENT: Bounds(jobs=1000, bytes=16 * MB),
    Lane.OWN: Bounds(),
    Lane.QUESTIONS: Bounds(jobs=200),
    Lane.READINGS: Bounds(values=200_000, bytes=16 * MB, age_s=2.0),
}


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

    def add(self, job: Job, sign: int) -> None:
        self.values += sign * job.values
        self.bytes += sign * (job.size + JOB_BYTES)

    def oldest_s(self) -> float:
        return time.monotonic() - self.jobs[0].accepted_s if self.jobs else 0.0

    def full_for(self, values: int, size: int) -> bool:
        """True if this much more is too much. Into an empty lane anything goes: else it would never be taken."""
        if not self.jobs:
            return False
        bounds, more = BOUNDS[self.lane], size + JOB_BYTES
        return (
            _over(len(self.jobs) + 1, bounds.jobs)
            or _over(self.values + values, bounds.values)
            or _over(self.bytes + more, bounds.bytes)
            or _over(self.oldest_s(), bounds.age_s)
        )

    def retry_after_s(self) -> int:
        """At least as long as the oldest has waited: the backlog is about that long."""
        spread = random.randint(0, RETRY_SPREAD_S)
        return max(1, math.ceil(self.oldest_s())) + spread


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

    def put(
        self, run: Callable[[Any, datetime], Any], lane: Lane, *, values: int = 0, size: int = 0, sure: bool = False
    ) -> Job:
        """The job waits in its lane. Raises Overloaded if the lane is full, unless it must be taken (`sure`)."""
        with self._changed:
            queue = self._lanes[lane]
            if not sure and queue.full_for(values, size):
                raise Overloaded(lane, queue.retry_after_s())
            job = Job(run=run, at=self._stamp(), accepted_s=time.monotonic(), values=values, size=size)
            if self._closed:
                job.done.set_exception(RuntimeError("the host has stopped"))
                return job
            queue.jobs.append(job)
            queue.add(job, 1)
            self._changed.notify()
        return job

    def _stamp(self) -> datetime:
        now = self._now()
        self._last_stamp = now if self._last_stamp is None else max(now, self._last_stamp)
        return self._last_stamp

    def close(self) -> None:
        """What waits is still taken; what comes later fails."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def full(self, lane: Lane) -> int | None:
        """Seconds after which to come again, if another of this lane would be refused now; else None."""
        with self._changed:
            queue = self._lanes[lane]
            return queue.retry_after_s() if queue.full_for(1, 0) else None

    def waiting(self) -> dict[Lane, Waiting]:
        """What waits in each lane now."""
        with self._changed:
            return {
                lane: Waiting(len(q.jobs), q.values, q.bytes, q.oldest_s(), q.full_for(1, 0))
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
        ends, served = time.monotonic() + TRANSACTION_S, set[Lane]()
        while (found := self._take(Lane)) is not None:
            served.add(found[0])
            yield found[1]
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
                    job = queue.jobs.popleft()
                    queue.add(job, -1)
                    if job.done.set_running_or_notify_cancel():
                        job.at = at
                        self._running += 1
                        return lane, job
        return None
