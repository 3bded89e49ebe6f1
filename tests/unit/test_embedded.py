"""The embedded host over a real file: what is durable, what is once, and what a fault may not stop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from notifiers.attempt import Outcome, Verdict
from rules.events import Event, Incident, Reading, Readings
from rules.frozen import Frozen
from rules.matter import Matter
from rules.record import LogLine, MatterSnapshot
from streams.clock import StoryClock
from streams.embedded import PIECE_EVENTS, PIECE_VALUES, EmbeddedHost, Handout, Lane, Receipt, pieces, together
from streams.intake import Intake, intake_of
from streams.journal import Journal, JournalError
from tests.laws.strategies import ROOT, town

START = datetime(2026, 10, 13, 3, 40, tzinfo=UTC)


@dataclass
class Listener:
    records: list[Frozen] = field(default_factory=list)
    handouts: list[Handout] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    broken: bool = False

    def recorded(self, realm: str, record: Frozen) -> None:
        if self.broken:
            raise RuntimeError("the view is broken")
        self.records.append(record)

    def handed_out(self, handout: Handout) -> None:
        self.handouts.append(handout)

    def counted(self, what: str, amount: int) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount

    def matters(self) -> dict[str, Matter]:
        return {r.matter.id: r.matter for r in self.records if isinstance(r, MatterSnapshot)}


@dataclass
class Bench:
    """A host that can be stopped and started on the same file."""

    file: Path
    intake: Intake
    clock: StoryClock = field(default_factory=lambda: StoryClock(START))
    listener: Listener = field(default_factory=Listener)
    host: EmbeddedHost | None = None

    def start(self) -> EmbeddedHost:
        self.listener = Listener()
        self.host = EmbeddedHost(self.file, self.intake, self.clock, self.listener)
        self.host.start()
        return self.host

    def stop(self) -> None:
        if self.host is not None:
            self.host.stop()
            self.host = None


@pytest.fixture
def bench(tmp_path: Path, stockholm_intake: Intake) -> Iterator[Bench]:
    made = Bench(tmp_path / "beredd.sqlite", stockholm_intake)
    made.start()
    yield made
    made.stop()


def flood(identity: str = "1", **said: object) -> Event:
    payload = Incident.model_validate({"kind": "flooding", "area": "sodermalm"} | said)
    return Event(id=identity, source="urn:beredd:kontaktcenter", time=START, realm="live", payload=payload)


def settled(bench: Bench, deadline_s: float = 10.0) -> None:
    """Returns when the writer has looked at the clock and has nothing left."""
    assert bench.host is not None
    bench.host.ask(lambda journal: None).result(deadline_s)
    bench.host.ask(lambda journal: None).result(deadline_s)


def test_an_accepted_event_is_in_the_log_and_its_matter_is_told(bench: Bench) -> None:
    assert bench.host is not None
    receipt = bench.host.submit((flood(),), (), "kontaktcenter").result(10)
    assert (receipt.accepted, receipt.duplicates) == (1, 0)
    assert [row[4] for row in bench.host.ask(lambda journal: journal.events(10)).result(10)] == ["1"]
    assert len(bench.listener.matters()) == 1
    assert {h.attempt.person for h in bench.listener.handouts} >= {"p-anna-ek", "p-greta-gata"}


def test_the_same_event_twice_is_one(bench: Bench) -> None:
    assert bench.host is not None
    bench.host.submit((flood(),), (), None).result(10)
    sent = len(bench.listener.handouts)
    receipt = bench.host.submit((flood(), flood()), (), None).result(10)
    assert (receipt.accepted, receipt.duplicates) == (0, 2)
    assert len(bench.listener.handouts) == sent


QUIET = {
    "id": "quiet",
    "name": "Tyst givare",
    "each": "sensor",
    "when": {"sensor": "p-nord", "silent_for": "10 min"},
    "concerns": "water",
}


def test_what_was_not_heard_while_the_host_was_stopped_is_no_silence(tmp_path: Path) -> None:
    made = Bench(tmp_path / "b.sqlite", intake_of(town([QUIET]), ROOT, open_door=True))
    reading = Readings(readings=(Reading(sensor="p-nord", value=3.0, time=START),))
    heard = Event(id="1", source="urn:test", time=START, realm="live", payload=reading)
    made.start().submit((heard,), (), None).result(10)
    made.stop()
    made.clock.advance(START + timedelta(hours=1))
    host = made.start()
    for minutes, told in ((0, 0), (9, 0), (11, 1)):
        made.clock.advance(START + timedelta(hours=1, minutes=minutes))
        host.wake()
        settled(made)
        assert len(made.listener.matters()) == told, f"{minutes} minutes after the start"
    made.stop()


def test_after_a_stop_everything_is_as_it_was(bench: Bench) -> None:
    assert bench.host is not None
    bench.host.submit((flood(),), (), None).result(10)
    before = bench.listener.matters()
    bench.stop()
    bench.start()
    assert bench.listener.matters() == before


def test_an_attempt_without_an_outcome_is_handed_out_again_and_one_with_is_not(bench: Bench) -> None:
    assert bench.host is not None
    bench.host.submit((flood(),), (), None).result(10)
    first, *others = bench.listener.handouts
    outcome = Outcome(
        attempt=first.attempt.id, notice=first.attempt.notice, person=first.attempt.person, verdict=Verdict.ACCEPTED
    )
    assert bench.host.report(first.realm, outcome).result(10)
    assert not bench.host.report(first.realm, outcome).result(10), "the same outcome twice is one"
    bench.stop()
    bench.start()
    assert {h.attempt.id for h in bench.listener.handouts} == {h.attempt.id for h in others}


def test_a_deadline_that_passed_while_the_host_was_down_begins_when_it_is_back(bench: Bench) -> None:
    # Decision 0004: one hour down must not run through the whole chain in one moment.
    assert bench.host is not None
    bench.host.submit((flood(),), (), None).result(10)
    bench.stop()
    bench.clock.advance(START + timedelta(hours=1))
    host = bench.start()
    settled(bench)
    asked = {h.attempt.person for h in bench.listener.handouts if h.attempt.person in ("p-bo-back", "p-cajsa-kalla")}
    assert asked == {"p-bo-back"}, "the deputy is asked, and has the time a deputy has"
    bench.clock.advance(START + timedelta(hours=1, minutes=6))
    host.wake()
    settled(bench)
    assert "p-cajsa-kalla" in {h.attempt.person for h in bench.listener.handouts}


def test_a_listener_that_fails_does_not_stop_the_writer(bench: Bench) -> None:
    assert bench.host is not None
    bench.listener.broken = True
    assert bench.host.submit((flood("1"),), (), None).result(10).accepted == 1
    assert bench.host.submit((flood("2"),), (), None).result(10).accepted == 1


def test_a_caller_that_gives_up_does_not_stop_the_writer(bench: Bench) -> None:
    assert bench.host is not None
    futures: list[Future[object]] = []
    for number in range(200):
        future = bench.host.submit((flood(str(number)),), (), None)
        future.cancel()
        futures.append(future)  # type: ignore[arg-type]  # a receipt is an object
    assert bench.host.submit((flood("last"),), (), None).result(10).accepted == 1


def test_a_question_that_fails_is_its_callers_fault_alone(bench: Bench) -> None:
    assert bench.host is not None
    question = bench.host.ask(lambda journal: 1 / 0)
    accepted = bench.host.submit((flood(),), (), None)
    with pytest.raises(ZeroDivisionError):
        question.result(10)
    assert accepted.result(10).accepted == 1


def test_a_message_that_a_stage_cannot_take_is_set_aside_and_the_rest_goes_on(bench: Bench) -> None:
    assert bench.host is not None
    outcome = Outcome(attempt="x", notice="x", person="x", verdict=Verdict.ACCEPTED)
    broken = bench.host.intake.profile

    class Broken(Intake):
        def route(self, event: Event, received_at: datetime) -> tuple[object, ...]:  # type: ignore[override]
            if event.id == "bad":
                raise RuntimeError("a fault in us")
            return super().route(event, received_at)

    bench.host.reload(Broken(broken, bench.intake.geography, open_door=True)).result(10)
    receipt = bench.host.submit((flood("bad"), flood("good")), (), None).result(10)
    assert receipt.accepted == 2, "it is in the log: accepted means safe"
    assert bench.host.ask(lambda journal: journal.counts()).result(10)["dead"] == 1
    assert bench.listener.counts["dead/intake"] == 1
    assert len(bench.listener.matters()) == 1
    assert outcome.verdict is Verdict.ACCEPTED


def readings_of(identity: str, number: int) -> Event:
    some = tuple(Reading(sensor="svoa-tryck-001", value=4.0, time=START + timedelta(seconds=n)) for n in range(number))
    payload = Readings(readings=some)
    return Event(id=identity, source="urn:beredd:svoa-scada", time=START, realm="live", payload=payload)


def test_a_large_body_is_cut_into_jobs_and_answered_as_one(bench: Bench) -> None:
    assert bench.host is not None
    many = tuple(flood(str(n)) for n in range(3 * PIECE_EVENTS + 1))
    assert [len(piece) for piece in pieces(many)] == [PIECE_EVENTS] * 3 + [1]
    assert bench.host.submit((*many, many[0]), (), None).result(10) == Receipt(len(many), 1)


def test_an_event_is_never_cut(bench: Bench) -> None:
    large, small = readings_of("large", PIECE_VALUES + 1), readings_of("small", 1)
    assert list(pieces((small, large, small))) == [(small,), (large,), (small,)]


def test_what_is_large_fails_whole_if_a_part_of_it_fails() -> None:
    parts: list[Future[Receipt]] = [Future(), Future(), Future()]
    whole = together(parts)
    parts[0].set_result(Receipt(1, 0))
    assert not whole.done()
    parts[1].set_exception(OSError("full"))
    parts[2].set_result(Receipt(1, 0))
    with pytest.raises(OSError, match="full"):
        whole.result(0)


def test_an_incident_overtakes_readings_and_its_stamp_is_not_after_theirs(bench: Bench) -> None:
    assert bench.host is not None
    going = threading.Event()
    standing = bench.host.ask(lambda journal: going.wait(10))
    while bench.host.backlog[Lane.QUESTIONS].jobs:
        assert not standing.done()
    waiting = [bench.host.submit((readings_of(str(n), 1),), (), None) for n in range(3)]
    bench.clock.advance(START + timedelta(seconds=1))
    waiting.append(bench.host.submit((flood(),), (), None))
    going.set()
    for future in waiting:
        future.result(10)
    rows = bench.host.ask(lambda journal: journal.events(10)).result(10)[::-1]
    assert [row[5] for row in rows] == ["incident", "readings", "readings", "readings"]
    assert {row[1] for row in rows} == {START}, "the stamp of the oldest that waited"


def test_no_silence_is_told_of_a_sensor_whose_reading_waits_behind_an_incident(tmp_path: Path) -> None:
    made = Bench(tmp_path / "b.sqlite", intake_of(town([QUIET]), ROOT, open_door=True))
    host = made.start()

    def heard(identity: str) -> Event:
        payload = Readings(readings=(Reading(sensor="p-nord", value=3.0, time=made.clock.now()),))
        return Event(id=identity, source="urn:test", time=made.clock.now(), realm="live", payload=payload)

    host.submit((heard("1"),), (), None).result(10)
    made.clock.advance(START + timedelta(minutes=9, seconds=59))
    going = threading.Event()
    standing = host.ask(lambda journal: going.wait(10))
    while host.backlog[Lane.QUESTIONS].jobs:
        assert not standing.done()
    in_time = host.submit((heard("2"),), (), None)
    made.clock.advance(START + timedelta(minutes=10, seconds=1))
    fire = Incident(kind="fire", area="nord")
    overtaking = Event(id="3", source="urn:test", time=made.clock.now(), realm="live", payload=fire)
    told = host.submit((overtaking,), (), None)
    going.set()
    assert (in_time.result(10).accepted, told.result(10).accepted) == (1, 1)
    settled(made)
    assert not [m for m in made.listener.matters().values() if any(c.rule == "quiet" for c in m.causes)]
    made.stop()


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path, stockholm_intake: Intake) -> None:
    file = tmp_path / "beredd.sqlite"
    file.write_bytes(b"not a database at all, but somebody's letter" * 100)
    with pytest.raises(JournalError, match="Ingenting har skrivits över"):
        EmbeddedHost(file, stockholm_intake, StoryClock(START), Listener()).start()
    assert file.read_bytes().startswith(b"not a database")


def test_a_file_of_another_schema_is_refused(tmp_path: Path, stockholm_intake: Intake) -> None:
    file = tmp_path / "beredd.sqlite"
    journal = Journal.open(file)
    journal.begin()
    journal._db.execute("UPDATE meta SET value='99' WHERE key='schema'")
    journal.commit()
    journal.close()
    with pytest.raises(JournalError, match="schema 99"):
        EmbeddedHost(file, stockholm_intake, StoryClock(START), Listener()).start()


def test_what_was_lost_before_the_start_is_told_to_whoever_looks(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.stop()
    opened = Journal.open

    def damaged(*given: object) -> Journal:
        journal = opened(*given)  # type: ignore[arg-type]
        journal.lost = "loggen är skadad"
        return journal

    monkeypatch.setattr(Journal, "open", damaged)
    bench.start()
    assert "loggen är skadad" in [r.said for r in bench.listener.records if isinstance(r, LogLine)]
