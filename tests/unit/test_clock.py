"""The machine's time without its jumps, and what a sleep does to the host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.calendar import Hours, within
from rules.events import LIVE, Event, Incident, Reading, Readings
from rules.matter import Matter
from streams.broker_clock import BrokerClock
from streams.clock import APART, SystemClock
from streams.embedded import ASLEEP_S, EmbeddedHost
from streams.intake import intake_of
from streams.jobs import Handout
from streams.rehearsal import Rehearsal
from tests.conftest import LILLBY, STOCKHOLM, loaded

HOUR = 3600.0
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


class Machine:
    """Both kinds of seconds, to be set."""

    def __init__(self) -> None:
        self.wall, self.unset = NOON.timestamp(), 100.0

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.unset += seconds

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.wall, lambda: self.unset)


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_an_hours_jump_moves_no_timer_by_more_than_a_hundredth(jump: float) -> None:
    machine = Machine()
    clock = machine.clock()
    due = clock.now() + timedelta(minutes=25)
    machine.wall += jump
    machine.passes(24 * 60)
    assert 0 < clock.seconds_until(due) < 60 + 15 + 1
    assert abs(clock.apart) > APART


def test_a_drift_is_followed() -> None:
    machine = Machine()
    clock = machine.clock()
    for _ in range(100):
        machine.passes(60)
        machine.wall += 0.006  # 100 ppm
        clock.now()
    assert abs(clock.apart) < timedelta(milliseconds=10)


def test_a_jump_is_followed_in_the_end_and_the_trouble_is_over() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall += 60
    clock.now()
    assert clock.apart > APART
    for _ in range(110):
        machine.passes(60)
        clock.now()
    assert clock.apart < APART


def test_an_hour_asleep_has_passed() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.passes(HOUR)
    assert clock.now() == NOON + timedelta(hours=1)


@given(st.lists(st.tuples(st.floats(0, 5000), st.floats(-90_000, 90_000)), max_size=30))
def test_now_never_goes_back_whatever_the_wall_clock_does(course: list[tuple[float, float]]) -> None:
    machine = Machine()
    clock = machine.clock()
    before = clock.now()
    for passed, jump in course:
        machine.passes(passed)
        machine.wall += jump
        now = clock.now()
        assert now >= before
        before = now


def test_a_wall_clock_that_was_set_back_while_nobody_was_here_does_not_take_us_back() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.not_before(NOON + timedelta(hours=1))
    machine.passes(60)
    assert clock.now() >= NOON + timedelta(hours=1, seconds=59)


def test_the_brokers_time_is_kept_between_its_stamps_and_never_goes_back() -> None:
    machine = Machine()
    clock = BrokerClock(lambda: machine.unset, lambda: machine.wall)
    clock.heard((NOON.timestamp() + 10) * 1000)
    machine.passes(2)
    assert clock.now() == NOON + timedelta(seconds=12)
    clock.heard(NOON.timestamp() * 1000)
    assert clock.now() == NOON + timedelta(seconds=12)
    assert clock.apart == timedelta(seconds=-10)


# --- the host ---------------------------------------------------------------------------------------------------------


class _Counting:
    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def recorded(self, realm: str, record: object) -> None: ...
    def handed_out(self, handout: Handout) -> None: ...
    def counted(self, what: str, amount: int) -> None:
        self.counts[what] = self.counts.get(what, 0) + amount


def fire() -> Event:
    registry = loaded(LILLBY).policy.registry
    source = next(s for s in registry.sources.values() if "incident" in s.may and LIVE in s.realms and not s.kinds)
    payload = Incident(kind="fire", area=registry.city, ref="r", text="Prov")
    return Event(id="1", source=source.source, time=NOON, realm=LIVE, payload=payload)


def slept(tmp_path: Path, asleep_s: float) -> tuple[dict[str, int], float]:
    """What the host counts when it wakes after so long with people's deadlines set; and how long they have then."""
    machine, counting = Machine(), _Counting()
    clock = machine.clock()
    intake = intake_of(loaded(LILLBY), LILLBY, open_door=True)
    host = EmbeddedHost(tmp_path / "log.db", intake, clock, counting, unset=lambda: machine.unset)
    host.start()
    try:
        host.submit((fire(),), (), None).result(10)
        machine.passes(asleep_s)
        host.probe().result(10)  # wakes the thread
        host.probe().result(10)
        due = host.next_timer()
        assert due is not None
        return counting.counts, clock.seconds_until(due)
    finally:
        host.stop()


def test_an_hours_sleep_fires_each_deadline_once_and_gives_people_their_time_again(tmp_path: Path) -> None:
    counts, left_s = slept(tmp_path, HOUR)
    assert counts["postponed_timers"] > 0
    assert counts["timers_fired"] == counts["postponed_timers"]
    assert left_s > 0


def test_a_short_pause_is_no_sleep(tmp_path: Path) -> None:
    counts, _ = slept(tmp_path, ASLEEP_S - 5)
    assert counts.get("postponed_timers", 0) == 0


# --- summer time ------------------------------------------------------------------------------------------------------

CHANGES = [datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2027, 3, 27, 22, tzinfo=UTC)]


@pytest.mark.parametrize("evening", CHANGES)
def test_no_sensor_falls_silent_because_the_clocks_change(evening: datetime) -> None:
    """Readings every five minutes through the night: nothing of it is silence. Then they stop, and that is."""
    intake = intake_of(loaded(STOCKHOLM), STOCKHOLM, open_door=True)
    registry = intake.profile.policy.registry
    sensors = sorted(s.id for s in registry.sensors.values() if s.kind == "indoor-temperature")
    rehearsal = Rehearsal(intake, evening)
    for number in range(6 * 12):
        rehearsal.advance(evening + timedelta(minutes=5 * number))
        payload = Readings(readings=tuple(Reading(sensor=s, value=21.0, time=rehearsal.now) for s in sensors))
        source = registry.sources["fastighet-styr"].source
        rehearsal.accept(Event(id=str(number), source=source, time=rehearsal.now, realm=LIVE, payload=payload))
    assert not _matters(rehearsal)
    rehearsal.advance(rehearsal.now + timedelta(hours=6))
    assert _matters(rehearsal)


def _matters(rehearsal: Rehearsal) -> list[Matter]:
    return [entry for entries in rehearsal.states.values() for entry in entries.values() if isinstance(entry, Matter)]


@pytest.mark.parametrize(
    ("day", "utc_hours"), [("2026-10-25", (7, 16)), ("2027-03-28", (6, 15)), ("2026-10-26", (7, 16))]
)
def test_office_hours_are_the_citys_own_on_both_sides_of_a_change(day: str, utc_hours: tuple[int, int]) -> None:
    zone = ZoneInfo("Europe/Stockholm")
    first = datetime.fromisoformat(f"{day}T08:00").replace(tzinfo=zone).astimezone(UTC)
    assert first.hour == utc_hours[0]
    weekday = datetime.fromisoformat(day).weekday() < 5
    assert within(Hours.OFFICE, first, "Europe/Stockholm") is weekday
