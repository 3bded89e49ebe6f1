"""One seed, one history: senders, network, providers, people, deaths and a clock, all drawn from the seed.

`python -m tests.simulation.history --seeds 100 --from 1`; a broken promise is printed with the seed and its command.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from notifiers.attempt import Outcome, Verdict
from notifiers.tokens import PersonPrincipal
from rules.events import Acknowledgement, Answer, Decision, Event, Incident, Reading, Readings, Seen, Severity, Warnings
from rules.events import Verdict as Ruling
from rules.events import Warning as Alarm
from streams.clock import SystemClock
from streams.job_queue import Lane
from streams.jobs import Failed, Handout
from streams.refusal import Refusal
from tests.simulation.judge import Input, Judge
from tests.simulation.machine import POINTS, Crash, Machine, undisturbed
from tests.simulation.town import DECIDERS, EDITIONS, EXERCISE, PLAYERS, edition

STARTS = (datetime(2026, 10, 13, 3, 40, tzinfo=UTC), datetime(2026, 10, 24, 23, 30, tzinfo=UTC))
"""A Tuesday; and the night when summer time ends."""
FAULTY, HEALED = timedelta(hours=2), timedelta(hours=2, minutes=30)
SENSORS = ("tryck-centrum", "tryck-hamnen", "pegel-hamnen")


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


class History:
    """`play` runs all of it. `judge.said` is what is broken, `sometimes` what has been seen."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = rng = random.Random(seed)
        self.start = STARTS[rng.random() < 0.1]
        self.time, self.offset = self.start, timedelta()
        self.clock = self._clock()
        self.judge = Judge(PLAYERS)
        self.sometimes = self.judge.sometimes
        self.todo: list[tuple[datetime, int, Callable[[], None]]] = []
        self.order = itertools.count()
        (folder / "disk").mkdir(parents=True)
        self.folder = folder
        power = random.Random(seed) if rng.random() < 0.15 else None
        self.machine = Machine(folder / "disk", self, power)
        self.settled: set[tuple[str, str]] = set()
        self.reported: set[tuple[str, str]] = set()
        self.handed: set[tuple[str, str]] = set()
        self.healed = False
        self.open_refs: dict[tuple[str, str], tuple[str, str]] = {}
        self.deaths = rng.choice((0, 1, 2, 4))
        self.ill = rng.choice((0.0, 0.1, 0.4))
        self.sleepy = rng.choice((0.1, 0.5, 0.9))
        self.accepting: list[str] = []

    def at(self, when: datetime, do: Callable[[], None]) -> None:
        heapq.heappush(self.todo, (when, next(self.order), do))

    def play(self) -> list[str]:
        """Every broken promise, as a sentence."""
        self._draw()
        self._live()
        end = self.start + FAULTY + HEALED
        while True:
            due = self._next_due()
            when = self.todo[0][0] if self.todo else end
            self.time = max(self.time, min(x for x in (due, when, end) if x is not None))
            if self.time >= end:
                break
            if self.todo and self.todo[0][0] <= self.time:
                heapq.heappop(self.todo)[2]()
            self._run()
        self.judge.at_rest({"wind", "leak-told"} | self._out_of_time())
        lost = self.judge.answered - set(self.judge.applied)
        if lost:
            self.judge.broken("what is answered is in the log", str(sorted(lost)[:3]))
        mine = self.machine.stop()
        if mine != undisturbed(self.folder, self.machine.done):
            self.judge.broken("a death changes nothing", "the file differs from that of a machine that never died")
        return [f"{promise}: {said}" for promise, said in self.judge.said.items()]

    def _out_of_time(self) -> set[str]:
        """Rules about sensors, when the machine was started by a clock an hour ahead: it is told so, and follows slowly
        (decision 0025). Every value is an hour old to it, and what is old lowers nothing (semantics 8)."""
        if abs(self.clock.apart) < minutes(1):
            return set()
        self.sometimes["clock still apart at the end"] += 1
        return {"low-pressure", "high-water"}

    def _next_due(self) -> datetime | None:
        """When the machine's next timer is due: a little late, since its clock goes in floating seconds."""
        due = self.machine.writer.next_due if self.machine.up else None
        return None if due is None else self.time + timedelta(seconds=max(0.0, self.clock.seconds_until(due)) + 0.001)

    def _clock(self) -> SystemClock:
        """The product's own, between a wall clock that is set and one that nobody sets."""
        return SystemClock(lambda: (self.time + self.offset).timestamp(), lambda: self.time.timestamp())

    # --- the machine -------------------------------------------------------------------------------------------------

    def _live(self) -> None:
        before = set(self.settled)  # and what was reported and stands in the file, though nobody was told that it does
        self.handed, self.judge.life = set(), self.judge.life + 1
        try:
            self._begin()
            self.clock = self._clock()
            self.machine.start(self.clock)
        except Crash as crash:
            self._dead(str(crash))
            return
        self._told()
        if self.judge.life > 1:
            durable = set(self.machine.journal._rows("SELECT realm, id FROM outbox WHERE outcome IS NOT NULL"))
            self.judge.resumed(self.handed, before | (self.reported & durable))
            stored = {row[0] for row in self.machine.journal._rows("SELECT id FROM log")}
            for lost in self.judge.answered - stored:
                self.judge.broken("what is answered is in the log", lost)

    def _dead(self, why: str) -> None:
        self.sometimes[f"died: {why}"] += 1
        self.sometimes["power cut"] += self.machine.power is not None
        self.machine.die(why)
        down = minutes(self.rng.choice((0, 0, 1, 60)))
        self.sometimes["an hour down"] += down == minutes(60)
        self.at(self.time + down, self._up)

    def _up(self) -> None:
        if not self.machine.up:
            self._live()

    def _run(self) -> None:
        if not self.machine.up:
            return
        self._begin()
        try:
            self.machine.run()
        except Crash as crash:
            self._dead(str(crash))
            return
        self._told()
        self.judge.look(self.clock.now())

    def _begin(self) -> None:
        self.judge.begin(deciding=False, reloading=False)

    def _told(self) -> None:
        self.judge.end(self.clock.now())

    def recorded(self, realm: str, record: Any) -> None:
        match record.kind:
            case "matter_snapshot":
                self.judge.matter(realm, record.matter)
            case "row_snapshot":
                self.judge.row(realm, record.matter, record.obligation)
            case "notice_record":
                self.judge.notice(realm, record)

    def counted(self, what: str, amount: int) -> None:
        self.sometimes[what.partition("/")[0]] += amount
        if what.startswith("dead"):
            self.judge.broken("no step fails", what)

    def _refresh_log(self) -> None:
        """What the log holds now, told before anything that follows from it is judged."""

    # --- providers ---------------------------------------------------------------------------------------------------

    def handed_out(self, handout: Handout) -> None:
        key = (handout.realm, handout.attempt.id)
        self.judge.handed_out(handout.realm, handout.attempt, again=key not in self.handed)
        self.handed.add(key)
        self.at(self.time + timedelta(seconds=0.2), lambda life=self.machine.lives: self._send(handout, life))

    def _send(self, handout: Handout, life: int) -> None:
        if life != self.machine.lives or not self.machine.up:
            return
        rng, attempt = self.rng, handout.attempt
        verdict, arrives, took = Verdict.ACCEPTED, True, 0.5
        if self.clock.now() >= attempt.deadline:
            verdict, arrives = Verdict.RETRYABLE, False
        elif not self.healed and rng.random() < self.ill:
            verdict = rng.choice((Verdict.RETRYABLE, Verdict.REJECTED, Verdict.TIMED_OUT))
            arrives = verdict is Verdict.TIMED_OUT and rng.random() < 0.5
            took = 29.0 if verdict is Verdict.TIMED_OUT else 5.0
            self.sometimes[f"provider {verdict}"] += 1
        if arrives:
            self.judge.sent(handout.realm, attempt.id)
            self._arrived(handout)
        if self.deaths and not self.healed and rng.random() < 0.02:
            self.deaths -= 1
            self._dead("sent, and its outcome lost")
            return
        self.at(self.time + timedelta(seconds=took), lambda: self._report(handout, verdict, life))

    def _report(self, handout: Handout, verdict: Verdict, life: int) -> None:
        if life != self.machine.lives or not self.machine.up:
            return
        a, realm = handout.attempt, handout.realm
        outcome = Outcome(attempt=a.id, notice=a.notice, person=a.person, verdict=verdict)
        self.reported.add((realm, a.id))
        done = self.machine.put(Lane.OWN, lambda writer, at: writer.settle(realm, outcome, at))
        done.add_done_callback(lambda _: self.settled.add((realm, a.id)))

    # --- people ------------------------------------------------------------------------------------------------------

    def _arrived(self, handout: Handout) -> None:
        if not self.healed and self.rng.random() < self.sleepy:
            self.sometimes["a person sleeps"] += 1
            return
        wait = minutes(self.rng.choice((0.5, 2, 6)))
        self.at(self.time + wait, lambda: self._answer(handout.realm, handout.attempt.notice, handout.attempt.person))

    def _answer(self, realm: str, notice: str, person: str) -> None:
        record = self.judge.notices.get((realm, notice))
        if record is None:
            return
        said = Answer.DECLINED if not self.healed and self.rng.random() < 0.25 else Answer.TAKEN
        seen = tuple({n.matter: Seen(matter=n.matter, generation=n.generation) for n in record.notices}.values())
        about = {"person": person, "answer": str(said), "matters": {s.matter: s.generation for s in seen}}
        self._make(realm, "answer", about, Acknowledgement(person=person, answer=said, matters=seen), person=person)
        self.sometimes[f"answer {said}"] += 1
        for (r, _), matter in list(self.judge.matters.items()):
            waits = matter.proposal is not None and matter.proposal.pending and person in DECIDERS
            if r == realm == "live" and matter.open and waits:
                verdict = (
                    Ruling.GRANT if matter.proposal.direction == "lower" or self.rng.random() < 0.5 else Ruling.REFUSE
                )
                self._decide(verdict, person, matter=matter.id)

    def _decide(self, verdict: Ruling, person: str, **more: Any) -> None:
        by = "regeringen" if verdict in (Ruling.DECLARE, Ruling.LIFT) else "kommunchef"
        self.sometimes[f"decision {verdict}"] += 1
        decision = Decision(decision=verdict, person=person, by=by, **more)
        self._make("live", "decision", {"person": person, "verdict": str(verdict)}, decision, person=person)

    # --- senders and the network -------------------------------------------------------------------------------------

    def _make(self, realm: str, what: str, about: dict[str, Any], payload: Any, person: str | None = None) -> None:
        source = {"readings": "driftdator", "incident": "vaxel", "closing": "vaxel", "warning": "smhi", "ended": "smhi"}
        urn = f"urn:lillby:{source[what]}" if what in source else "urn:beredd:door"
        identity = f"{realm[:1]}{len(self.judge.inputs)}"
        self.judge.made(Input(identity, realm, what, self.time, about))
        event = Event(id=identity, source=urn, time=self.time, realm=realm, payload=payload)
        late = not self.healed and self.rng.random() < 0.15
        delay = minutes(self.rng.choice((1, 20))) if late and what != "answer" else timedelta(seconds=0.1)
        self.at(self.time + delay, lambda: self._post(event, person))
        if not self.healed and self.rng.random() < 0.1:
            self.at(self.time + delay + minutes(1), lambda: self._post(event, person))

    def _post(self, event: Event, person: str | None) -> None:
        """The sender sends until it is answered."""

        def again() -> None:
            if event.id not in self.judge.answered:
                self._post(event, person)

        self.at(self.time + minutes(2), again)
        if not self.machine.up:
            return
        admitted = self.machine.writer.intake.admit(event, PersonPrincipal(person) if person else None)
        if isinstance(admitted, Refusal):
            self.judge.broken("what is allowed is let in", f"{event.id}: {admitted.message}")
            return

        def accept(writer: Any, at: datetime) -> Any:
            receipt = writer.accept((admitted,), (), None, at)
            if not isinstance(receipt, Failed) and receipt.accepted and writer is self.machine.writer:
                self.judge.applied.pop(event.id, None)  # a transaction that died may be done again
                self.judge.logged(event.id, at)
                self.judge._deciding |= event.kind == "decision"
            return receipt

        lane = Lane.READINGS if event.kind == "readings" else Lane.URGENT
        self.machine.put(lane, accept).add_done_callback(lambda _: self.judge.receipt(event.id, self.time))

    def _readings(self, realm: str, sensor: str, value: float) -> None:
        reading = Reading(sensor=sensor, value=value, time=self.time)
        self._make(realm, "readings", {"readings": [(sensor, value, self.time)]}, Readings(readings=(reading,)))

    def _incident(self, realm: str, kind: str, ref: str, area: str, *, over: bool = False) -> None:
        payload = Incident(kind=kind, ref=ref, area=area, status="closed" if over else "open", text=ref)
        self._make(realm, "closing" if over else "incident", {"ref": ref}, payload)
        self.open_refs[realm, ref] = (kind, area)

    def _warn(self, *, over: bool) -> None:
        alarm = Alarm(identifier="w1", kind="WIND", severity=Severity.ORANGE, areas=("lillby.hamnen",), ended=over)
        about = {"identifier": "w1"}
        self._make("live", "ended" if over else "warning", about, Warnings(feed="smhi", warnings=(alarm,)))

    def _draw(self) -> None:
        rng, start = self.rng, self.start
        for sensor in SENSORS:
            low_from, low_to = sorted(rng.uniform(0, 150) for _ in range(2))
            silent = rng.uniform(0, 200)
            step = 10 if sensor.startswith("pegel") else 4
            for minute in range(0, int((FAULTY + HEALED) / minutes(1)), step):
                bad = low_from <= minute <= low_to and minute < 120
                value = (1.5 if bad else 0.8) if step == 10 else (1.2 if bad else 3.4)
                if not silent <= minute <= silent + 25 or minute > 120:
                    self.at(start + minutes(minute), lambda s=sensor, v=value: self._readings("live", s, v))
                    # Once all is well the exercise hears of it too: a value that is too old ends nothing.
                    if rng.random() < 0.1 or minute > 120:
                        self.at(start + minutes(minute), lambda s=sensor, v=value: self._readings(EXERCISE, s, v))
        for number in range(rng.randint(2, 7)):
            kind, area = rng.choice(("fire", "leak", "no-water")), rng.choice(("lillby.centrum", "lillby.hamnen"))
            realm, minute = rng.choice(("live", "live", EXERCISE)), rng.uniform(1, 110)
            given = (realm, kind, f"{realm[:1]}ref{number}", area)
            self.at(start + minutes(minute), lambda g=given: self._incident(*g))
            self.at(start + FAULTY + minutes(1), lambda g=given: self._incident(*g, over=True))
        if rng.random() < 0.4:
            self.at(start + minutes(rng.uniform(1, 100)), lambda: self._warn(over=False))
            self.at(start + FAULTY + minutes(1), lambda: self._warn(over=True))
        if rng.random() < 0.2:
            for person, minute in zip(DECIDERS, (30, 40), strict=True):
                said = {"level": "höjd beredskap", "reference": "Fö2026/1"}
                self.at(start + minutes(minute), lambda p=person, s=said: self._decide(Ruling.DECLARE, p, **s))
                late = start + FAULTY + minutes(minute)
                self.at(late, lambda p=person, s=said: self._decide(Ruling.LIFT, p, **s))
        for _ in range(self.deaths):
            self.at(start + minutes(rng.uniform(1, 118)), self._doom)
        if rng.random() < 0.3:
            self.at(start + minutes(rng.uniform(5, 100)), lambda: self._reload(rng.choice(EDITIONS[1:4])))
        if rng.random() < 0.2:
            self.judge.steady = False
            jump = minutes(rng.choice((-60, 60)))
            self.at(start + minutes(rng.uniform(5, 100)), lambda: self._jump(jump))
            self.at(start + FAULTY, lambda: self._jump(timedelta()))
        self.at(start + FAULTY, self._heal)

    def _doom(self) -> None:
        if self.machine.up:
            self.machine.doom = (self.rng.choice(POINTS), self.rng.randint(1, 6))

    def _heal(self) -> None:
        self.healed, self.machine.doom, self.deaths = True, None, 0

    def _jump(self, offset: timedelta) -> None:
        self.sometimes["clock jump"] += 1
        self.offset = offset

    def _reload(self, name: str) -> None:
        if self.machine.up:
            self.sometimes["reload"] += 1
            self.machine.edition = name
            self.judge._reloading = True
            self.machine.put(Lane.READINGS, lambda writer, at: writer.swap(edition(name), at))


def simulate(seed: int, sometimes: Counter[str] | None = None) -> list[str]:
    """What the history of this seed breaks."""
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="beredd-sim-", dir=root))
    try:
        history = History(seed, folder)
        found = history.play()
        if sometimes is not None:
            sometimes.update(history.sometimes)
        return found
    finally:
        shutil.rmtree(folder)


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--seeds", type=int, default=100)
    options.add_argument("--from", dest="first", type=int, default=1)
    given = options.parse_args()
    began, sometimes, failed = time.monotonic(), Counter[str](), list[int]()
    for number, seed in enumerate(range(given.first, given.first + given.seeds), 1):
        if found := simulate(seed, sometimes):
            failed.append(seed)
            print(f"seed {seed} broke: {found}\n  make simulate SEEDS=1 FROM={seed}", flush=True)
        if number % 50 == 0:
            print(f"{number} seeds, {number / (time.monotonic() - began):.1f} a second", flush=True)
    print(f"{given.seeds} seeds in {time.monotonic() - began:.0f} s, {len(failed)} broke: {failed[:20]}")
    print(", ".join(f"{what} {n}" for what, n in sorted(sometimes.items())))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
