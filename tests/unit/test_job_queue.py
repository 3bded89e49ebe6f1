"""The queue before the writer: who goes first, what is refused, and that stamps never go back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import job_queue
from streams.job_queue import BOUNDS, JOB_BYTES, OWN_EACH, Bounds, JobQueue, Lane, Load, Overloaded
from streams.jobs import Job
from tests.laws.effort import examples

START = datetime(2026, 10, 13, 3, 40, tzinfo=UTC)


class Ticking:
    """A clock that goes on a second each time it is looked at."""

    def __init__(self) -> None:
        self._seconds = itertools.count()

    def now(self) -> datetime:
        return START + timedelta(seconds=next(self._seconds))


def nothing(writer: object, at: datetime) -> None: ...


def put(queue: JobQueue, lane: Lane, values: int = 0, size: int = 0) -> Job:
    [job] = queue.put(lane, Load(nothing, values, size))
    return job


@pytest.fixture
def queue() -> JobQueue:
    return JobQueue(Ticking().now)


def taken(queue: JobQueue) -> list[Job]:
    jobs = list(queue.turn())
    queue.carried_out(len(jobs))
    return jobs


def test_what_is_urgent_overtakes_readings_and_each_lane_keeps_its_order(queue: JobQueue) -> None:
    readings = [put(queue, Lane.READINGS) for _ in range(3)]
    urgent = [put(queue, Lane.URGENT) for _ in range(2)]
    outcome = put(queue, Lane.OWN)
    assert taken(queue) == [urgent[0], outcome, urgent[1], *readings]


def test_what_overtakes_runs_with_the_stamp_of_the_oldest_that_waits(queue: JobQueue) -> None:
    put(queue, Lane.READINGS), put(queue, Lane.URGENT)
    assert [job.at for job in taken(queue)] == [START, START]


def test_what_overtakes_nobody_has_its_own_stamp(queue: JobQueue) -> None:
    put(queue, Lane.URGENT), put(queue, Lane.URGENT)
    assert [job.at for job in taken(queue)] == [START, START + timedelta(seconds=1)]


def test_a_clock_that_is_set_back_stamps_nothing_earlier() -> None:
    moments = iter([START, START - timedelta(hours=1)])
    queue = JobQueue(lambda: next(moments))
    put(queue, Lane.URGENT), put(queue, Lane.URGENT)
    assert [job.at for job in taken(queue)] == [START, START]


def test_a_turn_ends_in_time_but_never_without_one_of_each_lane(
    queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_queue, "TRANSACTION_S", 0.0)
    urgent = [put(queue, Lane.URGENT) for _ in range(3)]
    readings = [put(queue, Lane.READINGS) for _ in range(3)]
    assert taken(queue) == [urgent[0], readings[0]]
    assert taken(queue) == [urgent[1], readings[1]]


def test_an_urgent_job_that_comes_in_the_middle_of_a_turn_is_next(queue: JobQueue) -> None:
    first, second = put(queue, Lane.READINGS), put(queue, Lane.READINGS)
    turn = queue.turn()
    assert next(turn) is first
    urgent = put(queue, Lane.URGENT)
    assert [*turn] == [urgent, second]


def test_a_caller_who_gave_up_is_not_served(queue: JobQueue) -> None:
    put(queue, Lane.URGENT).done.cancel()
    kept = put(queue, Lane.URGENT)
    assert taken(queue) == [kept]
    assert queue.at_rest()


def test_it_is_not_at_rest_while_a_job_is_being_carried_out(queue: JobQueue) -> None:
    put(queue, Lane.URGENT)
    assert len(list(queue.turn())) == 1
    assert (queue.empty(), queue.at_rest()) == (True, False)
    queue.carried_out(1)
    assert queue.at_rest()


def test_what_comes_after_the_end_fails_and_what_waited_is_still_taken(queue: JobQueue) -> None:
    waited = put(queue, Lane.READINGS)
    queue.close()
    with pytest.raises(RuntimeError, match="stopped"):
        put(queue, Lane.URGENT)
    assert queue.wait(0)
    assert taken(queue) == [waited]
    assert not queue.wait(None)


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_readings_are_refused_when_too_many_values_wait_and_nothing_else_is(queue: JobQueue) -> None:
    bound = BOUNDS[Lane.READINGS].values
    assert bound is not None
    put(queue, Lane.READINGS, values=bound)
    with pytest.raises(Overloaded) as refused:
        put(queue, Lane.READINGS, values=1)
    assert refused.value.retry_after_s >= 1
    for lane in (Lane.URGENT, Lane.OWN, Lane.QUESTIONS):
        put(queue, lane)


def test_readings_are_refused_when_too_many_bytes_wait(queue: JobQueue) -> None:
    bound = BOUNDS[Lane.READINGS].bytes
    assert bound is not None
    put(queue, Lane.READINGS, size=bound - 2 * JOB_BYTES)
    put(queue, Lane.READINGS)
    with pytest.raises(Overloaded):
        put(queue, Lane.READINGS)


def test_readings_are_refused_while_one_has_waited_too_long(queue: JobQueue) -> None:
    old = put(queue, Lane.READINGS)
    age = BOUNDS[Lane.READINGS].age_s
    assert age is not None
    assert queue.full(Lane.READINGS) is None
    old.accepted_s -= age + 0.1
    with pytest.raises(Overloaded) as refused:
        put(queue, Lane.READINGS)
    assert refused.value.retry_after_s >= age
    assert queue.waiting()[Lane.READINGS].full
    assert taken(queue) == [old]
    put(queue, Lane.READINGS)


def test_one_job_that_is_larger_than_the_lane_is_taken_when_nothing_else_waits(queue: JobQueue) -> None:
    put(queue, Lane.READINGS, values=10**9)


def test_what_is_urgent_is_refused_only_beyond_its_own_space(queue: JobQueue) -> None:
    bound = BOUNDS[Lane.URGENT].values
    assert bound is not None
    for _ in range(bound):
        put(queue, Lane.URGENT, values=1)
    with pytest.raises(Overloaded):
        put(queue, Lane.URGENT, values=1)
    put(queue, Lane.OWN)


def test_outcomes_are_written_down_between_urgent_jobs_so_that_no_attempt_is_made_again(queue: JobQueue) -> None:
    urgent = [put(queue, Lane.URGENT) for _ in range(2)]
    own = [put(queue, Lane.OWN) for _ in range(OWN_EACH + 1)]
    assert taken(queue) == [urgent[0], *own[:OWN_EACH], urgent[1], own[OWN_EACH]]


def test_of_what_is_put_together_all_is_taken_or_nothing(queue: JobQueue) -> None:
    bound = BOUNDS[Lane.READINGS].values
    assert bound is not None
    put(queue, Lane.READINGS, values=1)
    with pytest.raises(Overloaded):
        queue.put(Lane.READINGS, Load(nothing, bound - 1), Load(nothing, 1))
    assert queue.waiting()[Lane.READINGS].values == 1


def test_what_must_be_taken_is_taken_though_the_lane_is_full(queue: JobQueue) -> None:
    put(queue, Lane.READINGS, values=10**9)
    queue.put(Lane.READINGS, Load(nothing), sure=True)
    assert queue.waiting()[Lane.READINGS].jobs == 2


# --- laws ------------------------------------------------------------------------------------------------------------

ACTIONS = st.lists(
    st.one_of(st.tuples(st.sampled_from(Lane), st.integers(0, 30), st.integers(0, 300)), st.integers(1, 5)),
    max_size=60,
)


@given(ACTIONS)
@examples(300)
def test_in_any_run_stamps_never_go_back_and_every_job_is_taken_once_in_the_order_of_its_lane(actions: Any) -> None:
    queue = JobQueue(Ticking().now)
    waiting: dict[Lane, list[tuple[Job, datetime]]] = {lane: [] for lane in Lane}
    last = START

    def take(some: Iterator[Job]) -> None:
        nonlocal last
        for job in some:
            lane = next(lane for lane, jobs in waiting.items() if jobs and jobs[0][0] is job)
            _, own = waiting[lane].pop(0)
            assert last <= job.at <= own, "never back, and never later than it came"
            assert all(job.at <= stamp for jobs in waiting.values() for _, stamp in jobs), "nor than what still waits"
            last = job.at

    for action in actions:
        if isinstance(action, int):
            take(itertools.islice(queue.turn(), action))
        else:
            lane, values, size = action
            try:
                job = put(queue, lane, values, size)
            except Overloaded:
                assert waiting[lane], "an empty lane takes anything"
            else:
                waiting[lane].append((job, job.at))
    take(queue.turn())
    assert queue.empty()
    assert not any(waiting.values())
    assert all((w.jobs, w.values, w.bytes) == (0, 0, 0) for w in queue.waiting().values())


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 300)), max_size=60))
@examples(200)
def test_no_more_waits_than_the_bounds_say_but_for_one_job_that_is_larger(offers: list[tuple[int, int]]) -> None:
    small = Bounds(jobs=5, values=50, bytes=5 * JOB_BYTES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BOUNDS, Lane.READINGS, small)
        queue = JobQueue(Ticking().now)
        for values, size in offers:
            try:
                put(queue, Lane.READINGS, values, size)
            except Overloaded:
                continue
            now = queue.waiting()[Lane.READINGS]
            within = now.jobs <= 5 and now.values <= 50 and now.bytes <= 5 * JOB_BYTES
            assert now.jobs == 1 or within
