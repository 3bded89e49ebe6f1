"""One partition of a stage on Kafka: what is written in which order, and what a later owner makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rules.events import LIVE, Event, Incident
from rules.step import Stage
from streams.intake import Intake, intake_of
from streams.journal import micros
from streams.ledger import JOURNAL, journal_read
from streams.parcel import Parcel, label_written, tick
from streams.partition import HoleError, Partition, Received, Turn
from streams.rekeying import parcels, rekeyed
from streams.spread import Spread, spread_out
from streams.wire import encode
from tests.conftest import LILLBY, loaded

NOW = datetime(2026, 11, 2, 10, tzinfo=UTC)
SPREAD = Spread(1)


@pytest.fixture(scope="module")
def intake() -> Intake:
    return intake_of(loaded(LILLBY), LILLBY, open_door=True)


def report(intake: Intake, number: int) -> Parcel:
    registry = intake.profile.policy.registry
    source = next(s for s in registry.sources.values() if "incident" in s.may and LIVE in s.realms and not s.kinds)
    kind = sorted(registry.incident_kinds)[0]
    payload = Incident(kind=kind, area=registry.city, ref=f"r{number}", text="Prov")
    event = Event(id=str(number), source=source.source, time=NOW, realm=LIVE, payload=payload)
    [parcel] = parcels(event, micros(NOW), intake, SPREAD.place)
    return parcel


def received(parcel: Parcel, offset: int) -> Received:
    return Received(parcel.topic, offset, 0, label_written(parcel.label), parcel.body)


def opened(
    *turns: Turn, stage: Stage = Stage.ASSESS, people: bool = False, now: datetime = NOW
) -> tuple[Partition, Turn, Turn]:
    """A partition that has read what these turns wrote, and what it writes first."""
    partition = Partition(stage, 0, SPREAD.place)
    for turn in turns:
        if turn.journal is not None:
            partition.restore(JOURNAL, turn.journal, turn.epoch)
        for key, value in turn.entries:
            partition.restore(key, value, turn.epoch)
    again, first = partition.open(0, micros(now), people=people)
    return partition, again, first


def asked(intake: Intake) -> tuple[Partition, list[Turn]]:
    """A partition of alert that waits for people's answers, and what it has written."""
    assess, _, _ = opened()
    outputs = assess.take([received(report(intake, 1), 0)], intake.profile, micros(NOW)).outputs
    changed = [parcel for parcel in outputs if parcel.topic == Stage.ALERT]
    alert, _, first = opened(stage=Stage.ALERT)
    turn = alert.take([received(p, n) for n, p in enumerate(changed)], intake.profile, micros(NOW))
    return alert, [first, turn]


def test_a_turn_says_everything_in_its_journal(intake: Intake) -> None:
    partition, _, _ = opened()
    turn = partition.take([received(report(intake, 1), 0)], intake.profile, micros(NOW))
    assert turn.journal is not None
    journal = journal_read(turn.journal)
    assert journal.positions == {"assess": 1}
    assert [parcel.topic for parcel in journal.outputs] == [parcel.topic for parcel in turn.outputs]
    assert len(journal.changes) == len(turn.entries) > 0
    assert turn.done == 1


def test_a_journal_whose_entries_and_outputs_are_missing_gives_both_back(intake: Intake) -> None:
    partition, _, first = opened()
    turn = partition.take([received(report(intake, 1), 0)], intake.profile, micros(NOW))
    later, again, _ = opened(first, Turn(turn.epoch, turn.journal))
    assert again.outputs == turn.outputs
    assert dict(again.entries) == dict(turn.entries)
    assert later.entries() == partition.entries()


def test_a_record_that_comes_again_changes_nothing(intake: Intake) -> None:
    partition, _, first = opened()
    record = received(report(intake, 1), 0)
    turn = partition.take([record], intake.profile, micros(NOW))
    later, _, _ = opened(first, turn)
    repeated = later.take([record], intake.profile, micros(NOW))
    assert (repeated.done, repeated.outputs, repeated.entries) == (1, (), ())


def test_an_event_that_its_sender_repeats_is_known_by_its_identity(intake: Intake) -> None:
    partition, _, _ = opened()
    partition.take([received(report(intake, 1), 0)], intake.profile, micros(NOW))
    repeated = partition.take([received(report(intake, 1), 1)], intake.profile, micros(NOW))
    assert repeated.outputs == ()
    assert partition.counts["repeated"] == 1


def test_a_hole_before_a_record_is_refused(intake: Intake) -> None:
    partition, _, _ = opened()
    partition.take([received(report(intake, 1), 0)], intake.profile, micros(NOW))
    with pytest.raises(HoleError, match="offset 2 came, 1 was to come"):
        partition.take([received(report(intake, 2), 2)], intake.profile, micros(NOW))


def test_what_a_former_owner_writes_after_a_later_one_is_passed_over(intake: Intake) -> None:
    former, _, first = opened()
    successor, again, theirs = opened(first)
    late = former.take([received(report(intake, 1), 0)], intake.profile, micros(NOW))
    reader, _, _ = opened(first, again, theirs, late)
    assert reader.counts["fenced"] == 1 + len(late.entries)
    assert reader.entries() == successor.entries()


def test_what_no_stage_can_read_is_dead_with_its_reason_and_the_next_goes_on(intake: Intake) -> None:
    partition, _, _ = opened()
    good = received(report(intake, 2), 1)
    bad = Received("assess", 0, 0, b"no label", b"{}")
    turn = partition.take([bad, good], intake.profile, micros(NOW))
    assert [dead.body for dead in turn.dead] == [b"{}"]
    assert "no label" in turn.dead[0].reason or "label" in turn.dead[0].reason
    assert turn.done == 2
    assert turn.outputs


def test_a_record_whose_consequences_are_too_large_is_set_aside_alone(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition, _, _ = opened()
    partition.take([received(report(intake, 1), 0)], intake.profile, micros(NOW))
    before = partition.entries()
    monkeypatch.setattr("streams.partition.JOURNAL_BYTES", 100)
    turn = partition.take([received(report(intake, 2), 1)], intake.profile, micros(NOW))
    assert len(turn.dead) == 1
    assert turn.done == 1
    assert partition.entries() == before


def test_peoples_deadlines_did_not_run_while_nobody_owned_the_partition(intake: Intake) -> None:
    partition, turns = asked(intake)
    due = partition.timers.next()
    assert due is not None
    later = NOW + timedelta(days=2)
    kept, _, _ = opened(*turns, stage=Stage.ALERT, people=True, now=later)
    assert kept.timers.next() == micros(later)
    ran, _, _ = opened(*turns, stage=Stage.ALERT, people=False, now=later)
    assert ran.timers.next() == due


def test_a_tick_fires_what_is_due_and_is_told_once(intake: Intake) -> None:
    partition, _ = asked(intake)
    due = partition.timers.next()
    assert due is not None
    [(at, (realm, key)), *_] = partition.due(due)
    assert partition.due(due) == []
    told = tick(Stage.ALERT, 0, realm, key, at)
    turn = partition.take([received(told, partition.positions["alert"])], intake.profile, at)
    assert partition.counts["timers_fired"] >= 1
    assert turn.outputs


def test_an_area_keeps_its_partition_when_areas_come_and_go() -> None:
    first = spread_out({}, ["a", "b", "c", "d"], 2)
    assert sorted(first.values()) == [0, 0, 1, 1]
    assert {k: v for k, v in spread_out(first, ["a", "d", "e"], 2).items() if k in first} == first


def test_a_binary_cloudevent_is_read_like_a_structured_one(intake: Intake) -> None:
    registry = intake.profile.policy.registry
    source = next(s for s in registry.sources.values() if "incident" in s.may and LIVE in s.realms and not s.kinds)
    payload = Incident(kind=sorted(registry.incident_kinds)[0], area=registry.city, ref="r")
    event = Event(id="1", source=source.source, time=NOW, realm=LIVE, payload=payload)
    whole = rekeyed(encode(event), {}, micros(NOW), None, intake, SPREAD.place)
    headers = {
        "ce_specversion": b"1.0",
        "ce_id": b"1",
        "ce_source": event.source.encode(),
        "ce_type": b"se.beredd.incident.v1",
        "ce_time": NOW.isoformat().encode(),
        "content-type": b"application/json",
    }
    data = payload.model_dump_json(exclude_none=True).encode()
    assert rekeyed(data, headers, micros(NOW), None, intake, SPREAD.place).parcels == whole.parcels


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"specversion":"1.0"}', b"\xff\xfe", b"null"])
def test_what_is_no_event_is_refused_and_never_raises(intake: Intake, body: bytes) -> None:
    found = rekeyed(body, {"content-type": b"application/cloudevents+json"}, micros(NOW), None, intake, SPREAD.place)
    assert found.parcels == ()
    assert found.refusals
