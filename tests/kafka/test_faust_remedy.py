"""What Faust does wrong, and that the remedy mends it: tests that fail without it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from faust.tables.recovery import Recovery
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP

from streams import faust_remedy
from streams.faust_remedy import MendedApp, SeekFirst, Unbroken, UntriedVersionError, refuse_untried

SOURCE = TP("incidents", 0)


class _Signal:
    async def send(self) -> None: ...


def order_of(kind: type[Recovery]) -> list[str]:
    """In which order a recovery's end moves the source topics and lets them flow."""
    said: list[str] = []

    async def seek() -> None:
        said.append("seek")

    async def started() -> None: ...

    consumer = SimpleNamespace(
        assignment=lambda: {SOURCE},
        perform_seek=seek,
        _committed_offset={SOURCE: 7},
        resume_partitions=lambda tps: said.append("flow"),
        resume_flow=lambda: None,
    )
    app = SimpleNamespace(
        consumer=consumer,
        on_rebalance_complete=_Signal(),
        in_recovery=True,
        consumer_generation_id=7,
        conf=SimpleNamespace(broker_request_timeout=5.0, stream_recovery_delay=0.0),
        flow_control=SimpleNamespace(resume=lambda: None),
        _fetcher=SimpleNamespace(maybe_start=started),
        assignor=SimpleNamespace(assigned_standbys=set),
        on_rebalance_end=lambda: None,
    )

    class Tables(dict[str, Any]):
        changelog_topics: frozenset[str] = frozenset()

        def on_actives_ready(self) -> None: ...
        def on_standbys_ready(self) -> None: ...

    async def scenario() -> None:
        await kind(app, Tables()).on_recovery_completed(7)  # type: ignore[arg-type]

    asyncio.run(scenario())
    return said


def test_the_source_topics_are_moved_before_they_flow() -> None:
    assert order_of(SeekFirst) == ["seek", "flow"]


def test_faust_as_it_comes_lets_them_flow_first() -> None:
    """When this fails, Faust has been mended, and the remedy may go."""
    assert order_of(Recovery) == ["flow", "seek"]


def test_a_partition_of_which_nothing_was_committed_is_read_from_its_oldest_record() -> None:
    """Faust moves nowhere then, and what it had fetched when the rebalance came is lost."""
    moved: dict[TP, int] = {}
    begun: dict[TP, int] = {}

    async def oldest(*tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 3)

    async def seek(offsets: dict[TP, int]) -> None:
        moved.update(offsets)

    read = TP("sensors", 1)
    consumer = SimpleNamespace(
        assignment=lambda: {SOURCE, read},
        _committed_offset={SOURCE: None, read: 12},
        earliest_offsets=oldest,
        seek_wait=seek,
        begin=begun.update,
    )
    recovery = SeekFirst.__new__(SeekFirst)
    recovery.tables = SimpleNamespace(changelog_topics=frozenset())  # type: ignore[assignment]
    asyncio.run(recovery._begin_unread(consumer))
    assert moved == begun == {SOURCE: 3}


def test_every_changelog_is_read_from_its_beginning_after_a_rebalance() -> None:
    """What a partition remembers is dropped at each rebalance; Faust would go on reading where it last stopped."""
    assert "active_offsets.clear()" in inspect.getsource(SeekFirst.on_rebalance)
    recovery = SeekFirst.__new__(SeekFirst)
    recovery.active_offsets = {SOURCE: 41}  # type: ignore[assignment]
    recovery.app = SimpleNamespace(consumer_generation_id=8)  # type: ignore[assignment]
    asyncio.run(recovery.on_rebalance({SOURCE}, set(), set(), 7))
    assert not recovery.active_offsets


def handed_out(
    fetches: list[list[int]], monkeypatch: pytest.MonkeyPatch, oldest: int = 0
) -> tuple[list[int], list[tuple[int, bool]], list[int]]:
    """Of fetched offsets, when 5 is the next to come: those handed out, the holes that were told, and where to it was
    gone back."""
    told: list[tuple[int, bool]] = []
    sought: list[int] = []
    waiting = list(fetches)
    consumer = Unbroken.__new__(Unbroken)
    tables = SimpleNamespace(changelog_topics=frozenset())
    hole = lambda tp, count, erased: told.append((count, erased))  # noqa: E731  one line of a stand-in
    consumer.app = SimpleNamespace(tables=tables, hole=hole)  # type: ignore[assignment]
    consumer._next = {SOURCE: 5}

    async def fetched(self: Unbroken, _: float) -> AsyncIterator[tuple[TP, Any]]:
        for offset in waiting.pop(0):
            yield SOURCE, SimpleNamespace(offset=offset)

    async def earliest(*tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, oldest)

    async def seek(offsets: Mapping[TP, int]) -> None:
        sought.extend(offsets.values())

    monkeypatch.setattr(Consumer, "getmany", fetched)
    consumer.earliest_offsets = earliest  # type: ignore[method-assign]
    consumer.seek_wait = seek  # type: ignore[method-assign, assignment]

    async def scenario() -> list[int]:
        return [message.offset for _ in fetches async for _, message in consumer.getmany(1.0)]

    return asyncio.run(scenario()), told, sought


def test_after_a_jump_nothing_is_handed_out_before_what_was_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handed_out([[5], [8, 9], [6, 7, 8, 9]], monkeypatch) == ([5, 6, 7, 8, 9], [(2, False)], [6])


def test_a_jump_over_the_first_record_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handed_out([[6], [5, 6]], monkeypatch) == ([5, 6], [(1, False)], [5])


def test_what_was_handed_out_is_not_handed_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handed_out([[5, 6], [5, 6, 7]], monkeypatch) == ([5, 6, 7], [], [])


def test_what_the_broker_has_erased_by_its_rule_is_counted_and_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handed_out([[10, 11]], monkeypatch, oldest=10) == ([10, 11], [(5, True)], [])


@pytest.mark.parametrize(("kind", "fetched"), [(Unbroken, {SOURCE}), (Consumer, set())])
def test_what_is_to_be_fetched_does_not_change_under_the_fetch(kind: type[Consumer], fetched: set[TP]) -> None:
    """An empty set means every partition to the fetcher; Faust as it comes empties it while the fetch waits."""
    consumer, active = kind.__new__(kind), {SOURCE}

    async def getmany(partitions: set[TP], timeout: float) -> set[TP]:  # noqa: ASYNC109  as Faust names it
        active.clear()
        return set(partitions)

    consumer._thread = SimpleNamespace(getmany=getmany)  # type: ignore[assignment]
    assert asyncio.run(consumer._getmany(active, 1.0)) == fetched  # type: ignore[comparison-overlap]


def test_faust_as_it_comes_takes_any_jump_for_compaction() -> None:
    assert "raise" not in inspect.getsource(Consumer._add_gap)


def test_a_rebalance_does_not_wait_for_ever_for_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faust_remedy, "PATIENCE_S", 0.05)
    said: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            said.append("given up")

    async def commit() -> None:
        said.append("committed")

    app = MendedApp.__new__(MendedApp)
    app.rest = hang
    asyncio.run(app._consumer_wait_empty(SimpleNamespace(commit_and_end_transactions=commit), None))
    assert said == ["given up", "committed"]


def test_faust_as_it_comes_cannot_be_kept_from_waiting() -> None:
    """When this fails, Faust has been mended, and the remedy may go."""

    async def scenario() -> bool:
        consumer = Consumer.__new__(Consumer)
        consumer.loop = asyncio.get_running_loop()
        waiting = asyncio.create_task(consumer._wait_for_ack(timeout=1))
        await asyncio.sleep(0)  # it begins
        waiting.cancel()
        await asyncio.wait([waiting])
        return waiting.cancelled()

    assert asyncio.run(scenario()) is False


def test_another_version_is_refused_with_the_one_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_untried()
    monkeypatch.setattr(faust_remedy, "version", lambda name: "0.16.0" if name == "faust-streaming" else version(name))
    with pytest.raises(
        UntriedVersionError, match=r"faust-streaming 0\.16\.0 är inte prövad.*faust-streaming==0\.15\.3"
    ):
        refuse_untried()
