"""`python -m benchmarks.readings`: what a reading costs, from received bytes to commit, beside its peers, in one run.

All figures are readings (or samples) per CPU second of the process that takes them. Every sensor is under exactly one
rule, whatever the number of rules, so two rows that differ in rules alone say what a rule costs that cannot match. The
readings change no truth: that is what nearly all readings do. Peers: the log alone (the same bytes into the same file,
nothing decided), a naive loop (every rule looked at for every reading) and Debian's Prometheus.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from benchmarks import ground, prometheus
from benchmarks.door import door
from benchmarks.process import memory_mb
from notifiers.profile import Profile
from rules.arrival import Reported
from rules.assess import step
from rules.events import Event, Readings
from rules.frozen import Frozen
from rules.rule import SensorCondition
from rules.step import State
from streams.clock import SystemClock
from streams.embedded import EmbeddedHost, Receipt
from streams.intake import Intake
from streams.journal import Journal
from streams.wire import decode

SENSORS = 10_000
READINGS = 400_000
LIVE = 100_000
RULES = (1_000, 10_000)
MATCHING = (1, 10, 100)
PEER_RULES = (10, 1_000, 10_000)
WAITING = 100
"""Bodies that wait for an answer at once."""

NAIVE = 200_000
"""Rules looked at by the naive loop before it may stop."""


def timed(readings: int, run: Callable[[], None]) -> float:
    """Readings per CPU second."""
    before = time.process_time()
    run()
    return readings / (time.process_time() - before)


def assess_alone(found: Profile, events: Sequence[Event], warm: int) -> float:
    entries: dict[str, Frozen] = {}

    def run(some: Sequence[Event]) -> None:
        for event in some:
            message = Reported(event=event, areas=("nord",))
            done = step(found.policy, State("live", "nord", entries), message, event.time)  # type: ignore[arg-type]
            assert None not in done.changes.values()
            entries.update(done.changes)  # type: ignore[arg-type]  # nothing is removed here

    run(events[:warm])
    return timed(_count(events[warm:]), lambda: run(events[warm:]))


def naive(found: Profile, events: Sequence[Event]) -> float:
    """Every rule asked about every reading, as a beginner would; only so many that it ends."""
    readings = [r for e in events if isinstance(e.payload, Readings) for r in e.payload.readings]
    some = readings[: max(10, NAIVE // len(found.policy.rules))]
    kinds = {s.id: s.kind for s in found.policy.registry.sensors.values()}

    def run() -> None:
        for reading in some:
            for rule in found.policy.rules:
                condition = rule.rule.when
                if isinstance(condition, SensorCondition) and condition.sensor == kinds[reading.sensor]:
                    condition.holds(reading.value)

    return timed(len(some), run)


def host(found: Profile, bodies: Sequence[bytes], warm: int, readings: int) -> float:
    """From received bytes to commit, durable."""
    intake = ground.intake(found)
    with tempfile.TemporaryDirectory() as folder:
        running = EmbeddedHost(Path(folder) / "b.sqlite", intake, SystemClock(), ground.Deaf())
        running.start()

        def run(some: Sequence[bytes]) -> None:
            waiting = deque[Future[Receipt]]()
            accepted = 0
            for body in some:
                waiting.append(running.submit(_admitted(intake, body), (), None))
                if len(waiting) > WAITING:  # the queue is bounded: who sends more is refused
                    accepted += waiting.popleft().result().accepted
            accepted += sum(f.result().accepted for f in waiting)
            assert accepted == len(some), "a benchmark of refusals would be a fine figure of nothing"

        run(bodies[:warm])
        speed = timed(readings, lambda: run(bodies[warm:]))
        running.stop()
    return speed


def _admitted(intake: Intake, body: bytes) -> tuple[Event, ...]:
    read = decode(body, "application/cloudevents+json", ground.START, intake.sensors)
    decoded = (e for e in read if isinstance(e, Event))
    return tuple(e for e in (intake.admit(d, None) for d in decoded) if isinstance(e, Event))


def log_alone(bodies: Sequence[bytes], readings: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Path(folder) / "b.sqlite")

        def run() -> None:
            for start in range(0, len(bodies), 64):
                journal.begin()
                for number, body in enumerate(bodies[start : start + 64], start):
                    journal.accept(ground.START, "live", "urn:test", str(number), "readings", None, body)
                journal.commit()

        speed = timed(readings, run)
        journal.close()
    return speed


def _count(events: Sequence[Event]) -> int:
    return sum(len(e.payload.readings) for e in events if isinstance(e.payload, Readings))


# --- the tables ------------------------------------------------------------------------------------------------------


def batches_and_rules() -> None:
    print(f"\n{SENSORS:,} sensors, each under one rule; {READINGS:,} readings; ratio: to the log alone")
    names = ("batch", "rules", "log alone", "host", "ratio", "HTTP", "assess", "naive")
    print("{:>6} {:>7} {:>12} {:>10} {:>6} {:>10} {:>11} {:>7}".format(*names))
    for size in (100, 1000):
        rows = [_row(size, rules) for rules in RULES]
        for name, at in (("host", 0), ("HTTP", 1)):
            print(f"       {name}: {RULES[0]:,} rules / {RULES[-1]:,} rules = {rows[0][at] / rows[-1][at]:.2f}")


def _row(size: int, rules: int) -> tuple[float, float]:
    found, events = ground.profile(SENSORS, rules), ground.batches(SENSORS, size, READINGS)
    bodies, warm = ground.written(events), SENSORS // size
    log, durable = log_alone(bodies[warm:], READINGS), host(found, bodies, warm, READINGS)
    with tempfile.TemporaryDirectory() as folder:
        http = READINGS / asyncio.run(door(SENSORS, rules, bodies, warm, Path(folder)))[0]
    alone, loop = assess_alone(found, events, warm), naive(found, events)
    ours = f"{durable:>10,.0f} {durable / log:>6.3f} {http:>10,.0f} {alone:>11,.0f}"
    print(f"{size:>6} {rules:>7,} {log:>12,.0f} {ours} {loop:>7,.0f}", flush=True)
    return durable, http


def rules_that_match() -> None:
    print("\nbatches of 1,000; every sensor under so many rules that can match: host, and while the first values come")
    bodies = ground.written(ground.batches(SENSORS, 1000, READINGS))
    for each in MATCHING:
        found, warm = ground.profile(SENSORS, 10 * each, each), SENSORS // 1000
        first, then = host(found, bodies[:warm], 0, SENSORS), host(found, bodies, warm, READINGS)
        print(f"{each:>6} rules a sensor {then:>12,.0f} {first:>12,.0f}", flush=True)


def scattered() -> None:
    print("\nbatches in which no sensor stands beside another in the registry: host")
    for size in (100, 1000):
        bodies = ground.written(ground.batches(SENSORS, size, READINGS, scattered=True))
        print(f"{size:>6} {host(ground.profile(SENSORS, 1000), bodies, SENSORS // size, READINGS):>12,.0f}", flush=True)


def looking_back() -> None:
    print("\nbatches of 1,000; rules that ask for five minutes, and ten minutes of values kept for late ones: host")
    bodies = ground.written(ground.batches(SENSORS, 1000, READINGS))
    speed = host(ground.profile(SENSORS, 1000, back=True), bodies, SENSORS // 1000, READINGS)
    print(f"{1000:>6} {speed:>12,.0f}", flush=True)


def memory() -> None:
    bodies = ground.written(ground.batches(LIVE, 1000, 0))
    with tempfile.TemporaryDirectory() as folder:
        _, used = asyncio.run(door(LIVE, 1000, bodies, 0, Path(folder)))
    print(f"\n{LIVE:,} live sensors under 1,000 rules, behind the HTTP door: {used:,.0f} MB resident")


def peer() -> None:
    if prometheus.binary() is None:
        print("\nNOT RUN: Prometheus (apt-get install prometheus)")
        return
    print(f"\nPrometheus, samples per CPU second; {SENSORS:,} sensors, scraped and judged each second")
    for rules in PEER_RULES:
        with tempfile.TemporaryDirectory() as folder:
            speed = prometheus.samples_per_cpu_second(SENSORS, rules, Path(folder))
        print(f"{rules:>7,} rules {speed:>12,.0f}", flush=True)


def main() -> int:
    """Prints the tables."""
    print(f"CPython {sys.version.split()[0]}, {os.cpu_count()} cores; this process {memory_mb(os.getpid()):,.0f} MB")
    for table in (batches_and_rules, rules_that_match, scattered, looking_back, memory, peer):
        table()
    return 0


if __name__ == "__main__":
    sys.exit(main())
