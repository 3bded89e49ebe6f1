"""`python -m benchmarks.readings`: what a reading costs, as ratios in one run. CPU time, one process.

Peers: the log alone (the same bytes into the same file, nothing decided), and a naive loop (every rule looked at for
every reading). Each sensor is under exactly one rule, whatever the number of rules, so a flat column says: a reading
costs what the rules that can match it cost. The readings change no truth: that is what nearly all readings do.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from notifiers.profile import Profile
from rules.arrival import Reported
from rules.assess import step
from rules.events import Event, Reading, Readings
from rules.frozen import Frozen
from rules.geography import Geography
from rules.rule import SensorCondition
from rules.step import State
from streams.clock import SystemClock
from streams.embedded import EmbeddedHost, Handout
from streams.intake import Intake
from streams.journal import Journal
from streams.wire import decode, encode
from tests.laws.strategies import town

SENSORS = 2_000
READINGS = 40_000
START = datetime.now(UTC) - timedelta(hours=2)


class Deaf:
    """A listener that does nothing, so that only the host is measured."""

    def recorded(self, realm: str, record: Frozen) -> None: ...
    def handed_out(self, handout: Handout) -> None: ...
    def counted(self, what: str, amount: int) -> None: ...


def profile(rules: int) -> Profile:
    """A town with this many rules, each over a sensor of its own, among them all that are read."""
    sensors = [{"id": f"s{i}", "kind": "pressure", "area": "nord.ett"} for i in range(max(SENSORS, rules))]
    watched = [
        {"id": f"r{i}", "name": "R", "each": "sensor", "when": {"sensor": f"s{i}", "below": 2.0, "for": "5 min"}}
        for i in range(rules)
    ]
    return town(watched, sensors=sensors)


def batches(size: int, rules: int) -> list[Event]:
    """Readings of the first sensors, every one of which has a rule if there are enough of them."""
    read = min(SENSORS, rules)
    found = []
    for k in range(READINGS // size):
        at = START + timedelta(seconds=k)
        readings = tuple(_reading((k * size + i) % read, at + timedelta(milliseconds=i)) for i in range(size))
        found.append(Event(id=str(k), source="urn:test", time=at, realm="live", payload=Readings(readings=readings)))
    return found


def _reading(sensor: int, at: datetime) -> Reading:
    return Reading(sensor=f"s{sensor}", value=3.0, time=at)


def timed(run: Callable[[], None]) -> float:
    """Readings per CPU second."""
    before = time.process_time()
    run()
    return READINGS / (time.process_time() - before)


def assess_alone(found: Profile, events: list[Event]) -> float:
    entries: dict[str, Frozen] = {}

    def run() -> None:
        for event in events:
            message = Reported(event=event, areas=("nord",))
            done = step(found.policy, State("live", "nord", entries), message, event.time)  # type: ignore[arg-type]
            for key, value in done.changes.items():
                if value is None:
                    entries.pop(key, None)
                else:
                    entries[key] = value

    return timed(run)


def naive(found: Profile, events: list[Event]) -> float:
    """Every rule asked about every reading, as a beginner would; only so many that it ends."""
    share = max(1, len(events) // max(1, len(found.policy.rules) // 10))
    before, count = time.process_time(), 0
    for event in events[:share]:
        assert isinstance(event.payload, Readings)
        for reading in event.payload.readings:
            count += 1
            for rule in found.policy.rules:
                condition = rule.rule.when
                if isinstance(condition, SensorCondition) and condition.sensor == reading.sensor:
                    condition.holds(reading.value)
    return count / (time.process_time() - before)


def host(found: Profile, bodies: list[bytes]) -> float:
    """From received bytes to commit, durable."""
    intake = Intake(found, Geography(found.policy.registry, {}), open_door=True)
    with tempfile.TemporaryDirectory() as folder:
        running = EmbeddedHost(Path(folder) / "b.sqlite", intake, SystemClock(), Deaf())
        running.start()

        def run() -> None:
            futures = []
            for body in bodies:
                futures.append(running.submit(_admitted(intake, body), (), None))
            accepted = sum(f.result().accepted for f in futures)
            assert accepted == len(bodies), "a benchmark of refusals would be a fine figure of nothing"

        speed = timed(run)
        running.stop()
    return speed


def _admitted(intake: Intake, body: bytes) -> tuple[Event, ...]:
    decoded = (e for e in decode(body, "application/cloudevents+json", START, intake.sensors) if isinstance(e, Event))
    return tuple(e for e in (intake.admit(d, None) for d in decoded) if isinstance(e, Event))


def log_alone(bodies: list[bytes]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Path(folder) / "b.sqlite")

        def run() -> None:
            for start in range(0, len(bodies), 64):
                journal.begin()
                for number, body in enumerate(bodies[start : start + 64], start):
                    journal.accept(START, "live", "urn:test", str(number), "readings", None, body)
                journal.commit()

        speed = timed(run)
        journal.close()
    return speed


def main() -> int:
    """Prints the table."""
    print(f"{READINGS:,} readings, {SENSORS:,} sensors; readings per CPU second, and the ratio to the log alone")
    print(f"{'batch':>6} {'rules':>7} {'log alone':>12} {'host':>12} {'ratio':>6} {'assess':>12} {'naive loop':>12}")
    for size in (100, 1000):
        for rules in (2_000, 10_000):
            found, events = profile(rules), batches(size, rules)
            bodies = [encode(e) for e in events]
            log, durable = log_alone(bodies), host(found, bodies)
            alone, loop = assess_alone(found, events), naive(found, events)
            ours = f"{durable:>12,.0f} {durable / log:>6.3f} {alone:>12,.0f}"
            print(f"{size:>6} {rules:>7,} {log:>12,.0f} {ours} {loop:>12,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
