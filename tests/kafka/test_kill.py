"""Workers are killed with SIGKILL while thousands of records wait: nothing is lost, a repeat changes nothing, and what
is remembered equals what a host that nobody kills would remember. A stated sample; the whole by `make prove`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from notifiers.obligation import Obligation
from rules.frozen import Frozen
from rules.matter import Matter
from rules.step import Stage
from streams.intake import intake_of
from streams.parcel import once
from streams.rehearsal import Rehearsal
from tests.conftest import STOCKHOLM, loaded
from tests.kafka.ordeal import WAITING, Found, Ordeal
from tests.laws.effort import FACTOR

pytestmark = pytest.mark.slow
SEEDS, KILLS = ((1, 2, 3), 20) if FACTOR > 1 else ((1,), 4)
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
NOTICE = re.compile(r"\b[0-9a-f]{20}\b")


@pytest.mark.timeout(600)  # four kills take two minutes here; a machine half as fast must not fail
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_and_what_is_remembered_is_as_if_nobody_had_died(seed: int, kafka: str, tmp_path: Path) -> None:
    intake = intake_of(loaded(STOCKHOLM), STOCKHOLM, open_door=True)
    ordeal = Ordeal(kafka, intake, tmp_path, seed)

    found = asyncio.run(ordeal.run(KILLS))

    repeats = found.attempts.total() - len(found.attempts)
    print(f"\nseed {seed}: {ordeal.kills} kills, {len(ordeal.events)} events, {min(ordeal.waited)} or more waited")
    print(f"  {ordeal.ended} workers ended themselves after the last kill and were started again")
    print(f"  {len(found.attempts)} attempts, {repeats} repeats, {found.fenced} records of former owners passed over")
    assert min(ordeal.waited) >= WAITING
    assert _unheard(ordeal, found) == []
    assert not found.dead
    assert max(found.attempts.values(), default=0) <= 1 + ordeal.kills
    assert _differences(_remembered(found), _reference(ordeal)) == []


def _unheard(ordeal: Ordeal, found: Found) -> list[str]:
    """Incidents that were accepted and never came to assess."""
    return [
        event.id
        for event in ordeal.incidents
        for to in ordeal.intake.route(event, event.time)
        if not any(p.has_seen(once(event, to.stage, to.key).identity) for p in found.partitions.values())
    ]


Memory = dict[tuple[Stage, str, str], dict[str, str]]


def _differences(found: Memory, expected: Memory) -> list[tuple[Stage, str, str, str | None, str | None]]:
    """Entry by entry: where, what is remembered, and what was to be."""
    return [
        (stage, key, name, has.get(name), wants.get(name))
        for where in sorted(found.keys() | expected.keys())
        for stage, _, key in (where,)
        for has, wants in ((found.get(where, {}), expected.get(where, {})),)
        for name in sorted(has.keys() | wants.keys())
        if has.get(name) != wants.get(name)
    ]


def _remembered(found: Found) -> Memory:
    """What assess remembers, and which rows alert has planned. Not who has been reached and which notices went as one:
    that follows from moments."""
    return _decided({where: e for p in found.partitions.values() for where, e in p.entries().items() if e})


def _reference(ordeal: Ordeal) -> Memory:
    """The same events on a host in memory, in the order of each source."""
    rehearsal = Rehearsal(ordeal.intake, ordeal.events[0].time)
    for event in ordeal.events:
        rehearsal.now = event.time
        rehearsal.accept(event)
    return _decided({where: e for where, e in rehearsal.states.items() if e})


def _decided(states: Mapping[tuple[Stage, str, str], Mapping[str, Frozen]]) -> Memory:
    assess = {where: _plain(e) for where, e in states.items() if where[0] is Stage.ASSESS}
    alert = {where: _plain(_rows(e)) for where, e in states.items() if where[0] is Stage.ALERT}
    return assess | alert


def _rows(entries: Mapping[str, Frozen]) -> dict[str, Frozen]:
    rows: dict[str, Frozen] = {name: e.row for name, e in entries.items() if isinstance(e, Obligation)}
    return rows | {name: e for name, e in entries.items() if isinstance(e, Matter)}


def _plain(entries: Mapping[str, Frozen]) -> dict[str, str]:
    """The entries as they are written, but for stamps and the names of notices (which follow from moments)."""
    return {name: NOTICE.sub("N", STAMP.sub("T", entry.model_dump_json())) for name, entry in entries.items()}
