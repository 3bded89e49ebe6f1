"""Judges a history while it goes on, from semantics.md: what came in, what went out, and what the public records say.

It imports nothing of the product. What it is given are the records and attempts as anybody outside may see them; what
ought to follow it reckons itself. Each sentence it keeps is a broken promise.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

LEVELS = ("normal", "särskild händelse", "höjd beredskap")
ACTIONS = ("act", "decide", "coordinate", "support", "inform")
HOLD = timedelta(minutes=30)
WINDOW = timedelta(seconds=10)
SLACK = timedelta(seconds=1)
LIMITS = {"low-pressure": (lambda v: v > 2.5, timedelta(minutes=15)), "high-water": (lambda v: v <= 1.15, HOLD)}
"""What ends a rule of a sensor: values of this kind, held for so long."""
VALID = {"tryck": timedelta(minutes=10), "pegel": timedelta(minutes=45)}
LOW, HELD = 2.0, timedelta(minutes=5)


@dataclass(frozen=True)
class Input:
    """One event as its sender made it. `what`: incident, closing, readings, warning, ended, decision, answer."""

    id: str
    realm: str
    what: str
    time: datetime
    about: dict[str, Any]


@dataclass
class Judge:
    """`said` is what is broken."""

    players: set[str]
    said: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, Input] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    matters: dict[tuple[str, str], Any] = field(default_factory=dict)
    plans: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    notices: dict[tuple[str, str], Any] = field(default_factory=dict)
    bodies: dict[tuple[str, str], str] = field(default_factory=dict)
    out: dict[tuple[str, str], Any] = field(default_factory=dict)
    sends: Counter[tuple[str, str]] = field(default_factory=Counter)
    first_sent: dict[tuple[str, str], int] = field(default_factory=dict)
    newest: dict[tuple[str, str], list[tuple[datetime, float]]] = field(default_factory=lambda: defaultdict(list))
    reports: dict[tuple[str, str], tuple[str, datetime]] = field(default_factory=dict)
    applied: dict[str, datetime] = field(default_factory=dict)
    sometimes: Counter[str] = field(default_factory=Counter)
    steady: bool = True  # the clock has been right all along
    life: int = 0
    _handed: list[Any] = field(default_factory=list)
    _rose: list[tuple[str, Any]] = field(default_factory=list)
    _deciding: bool = False
    _reloading: bool = False

    def broken(self, promise: str, said: str) -> None:
        self.said.setdefault(promise, said)

    # --- what goes in ------------------------------------------------------------------------------------------------

    def made(self, made: Input) -> None:
        self.inputs[made.id] = made

    def receipt(self, identity: str, at: datetime) -> None:
        """Its sender has been told that it is safe, and it is heard of for the first time."""
        self.answered.add(identity)

    def logged(self, identity: str, at: datetime) -> None:
        """It stands in the log from the transaction that is being told of."""
        if identity in self.applied:
            self.broken("accepted once", f"{identity} was applied twice")
            return
        self.applied[identity] = at
        made = self.inputs[identity]
        match made.what:
            case "readings":
                for sensor, value, time in made.about["readings"]:
                    known = self.newest[made.realm, sensor]
                    if not known or time > known[-1][0]:
                        known.append((time, value))
                    elif time < known[-1][0]:
                        self.sometimes["late reading"] += 1
            case "incident" | "closing":
                known_report = self.reports.get((made.realm, made.about["ref"]))
                if known_report is None or known_report[1] <= min(made.time, at):
                    self.reports[made.realm, made.about["ref"]] = (made.what, min(made.time, at))
                else:
                    self.sometimes["begun after its end"] += 1
            case "warning" | "ended":
                self.reports[made.realm, made.about["identifier"]] = (made.what, min(made.time, at))

    # --- what is told after a commit ---------------------------------------------------------------------------------

    def begin(self, *, deciding: bool, reloading: bool) -> None:
        self._handed, self._rose = [], []
        self._deciding, self._reloading = deciding, reloading

    def matter(self, realm: str, matter: Any) -> None:
        before = self.matters.get((realm, matter.id))
        self.matters[realm, matter.id] = matter
        self._of_one_realm(realm, matter)
        self._declared(realm, matter)
        if before is None:
            self.sometimes["matter opened"] += 1
            self._rose.append((realm, matter))
            return
        if matter.generation < before.generation:
            self.broken("generations grow", f"{matter.id} went from {before.generation} to {matter.generation}")
        if matter.generation > before.generation or (matter.open and not before.open):
            self.sometimes["level rose"] += matter.generation > before.generation
            self.sometimes["reopened"] += matter.open and not before.open
            self._rose.append((realm, matter))
        self._not_lowered(realm, before, matter)

    def _of_one_realm(self, realm: str, matter: Any) -> None:
        for fact in (f for c in matter.causes for f in c.facts):
            made = self.inputs.get(fact.event)
            if made is not None and made.realm != realm:
                self.broken("exercise and live are apart", f"{matter.id} in {realm} rests on {made.id} of {made.realm}")

    def _declared(self, realm: str, matter: Any) -> None:
        if LEVELS[-1] not in (matter.alert_level, matter.declared_state):
            return
        self.sometimes["höjd beredskap"] += 1
        who = {
            m.about["person"]
            for m in self.inputs.values()
            if m.id in self.applied and m.about.get("verdict") == "declare" and m.realm == realm
        }
        if len(who) < 2:
            self.broken("two persons register the Government's decision", f"{matter.id}: only {sorted(who)}")

    def _not_lowered(self, realm: str, before: Any, matter: Any) -> None:
        decided = self._deciding
        for was in before.open_causes:
            now = next((c for c in matter.causes if c.once == was.once), None)
            if now is not None and now.cleared_at is None:
                continue
            if self._reloading and not decided and was.id in {c.id for c in matter.open_causes}:
                continue  # its successor stands there
            if not decided and not self._over(realm, was, matter.changed_at):
                self.broken("no cause ends without evidence", f"{matter.id}: {was.id} at {matter.changed_at}")
            self.sometimes["cause cleared"] += 1
        if LEVELS.index(matter.alert_level) < LEVELS.index(before.alert_level) and not decided:
            self.sometimes["level fell by evidence"] += 1
            if any(c.level == before.alert_level for c in matter.open_causes):
                self.broken("no level falls without evidence", f"{matter.id} fell while a cause asks for it")
            if matter.declared_state != before.declared_state:
                self.broken("a decided level is lowered by a decision", f"{matter.id}")

    def _over(self, realm: str, cause: Any, now: datetime) -> bool:
        """True if what came in says that the cause is over."""
        facts = [self.inputs[f.event] for f in cause.facts if f.event in self.inputs]
        sensors = {s for made in facts if made.what == "readings" for s, _, _ in made.about["readings"]}
        refs = {
            (made.realm, made.about.get("ref") or made.about.get("identifier"))
            for made in facts
            if made.what in ("incident", "warning")
        }
        if cause.rule in LIMITS:
            good, held = LIMITS[cause.rule]
            wanted = {s for s in sensors if s.startswith("tryck" if cause.rule == "low-pressure" else "pegel")}
            return all(self._held_good(realm, s, good, held, now) for s in wanted)
        return all(self.reports[ref][0] in ("closing", "ended") for ref in refs)

    def _held_good(self, realm: str, sensor: str, good: Any, held: timedelta, now: datetime) -> bool:
        known = self.newest[realm, sensor]
        run: list[datetime] = []
        for time, value in reversed(known):
            if not good(value):
                break
            run.append(time)
        if not run:
            return False
        return max(now, run[0]) - run[-1] >= held or not self.steady

    def row(self, realm: str, matter: str, now: Any) -> None:
        known = self.plans.setdefault((realm, matter), {})
        self._obligation(realm, matter, known.get(now.row.key), now)
        known[now.row.key] = now

    def _obligation(self, realm: str, matter: str, was: Any, now: Any) -> None:
        where = f"{matter} {now.row.key}"
        if was is not None and ACTIONS.index(now.row.action) > ACTIONS.index(was.row.action):
            self.broken("nobody who was asked is weakened", where)
        if len(now.asked) != len(set(now.asked)):
            self.broken("nobody is asked twice in a round", f"{where}: {now.asked}")
        if now.state == "asked" and now.row.action != "inform" and not now.answered_by and now.deadline is None:
            self.broken("whoever is asked has a deadline", where)
        stood = self.matters.get((realm, matter))
        opened = stood is not None and stood.open and stood.joined_into is None
        ended = was is not None and was.state in ("asked", "undelivered") and now.state == "cancelled"
        if ended and opened and not now.row.provisional and now.row.action != "decide":
            self.broken("nobody's duty is cancelled while the matter is open", where)
        if now.state == "acknowledged" and (was is None or was.state != "acknowledged"):
            self.sometimes["acknowledged"] += 1
            self._answered_for(realm, matter, now, where)
        if now.state == "undelivered":
            self.sometimes["nobody in the chain answered"] += 1
        self.sometimes["escalated to a third"] += len(now.asked) >= 3
        if realm not in ("live",) and now.person is not None and now.person not in self.players:
            self.broken("an exercise reaches its participants only", f"{where}: {now.person}")

    def _answered_for(self, realm: str, matter: str, now: Any, where: str) -> None:
        if now.row.action == "decide" and now.answered_by is None:
            return
        answers = [
            m
            for m in self.inputs.values()
            if m.what == "answer"
            and m.id in self.applied
            and m.realm == realm
            and m.about["person"] == now.answered_by
            and m.about["answer"] == "taken"
            and m.about["matters"].get(matter, 0) >= now.generation
        ]
        if not answers:
            self.broken("an acknowledgement is somebody's answer", f"{where} by {now.answered_by} at {now.generation}")

    def notice(self, realm: str, record: Any) -> None:
        self.notices[realm, record.id] = record
        self.sometimes["grouped"] += record.state == "merged"
        self.sometimes["every channel failed"] += record.state == "failed"

    def handed_out(self, realm: str, attempt: Any, *, again: bool) -> None:
        key = (realm, attempt.id)
        self._handed.append((realm, attempt))
        body = f"{attempt.person} {attempt.channel} {attempt.title} {attempt.body}"
        if self.bodies.setdefault(key, body) != body:
            self.broken("an attempt's name means one message", attempt.id)
        if key in self.out and not again:
            self.broken("an attempt is handed out once in a life", attempt.id)
        self.out[key] = attempt
        exercise = realm.startswith("exercise/")
        if exercise != attempt.channel.startswith("prov-") or exercise != attempt.title.startswith("ÖVNING"):
            self.broken("exercise and live are apart", f"{attempt.id} in {realm} by {attempt.channel}: {attempt.title}")
        if exercise and attempt.person not in self.players:
            self.broken("an exercise reaches its participants only", attempt.person)

    def end(self, now: datetime) -> None:
        """All that the transaction brought has been told."""
        for realm, matter in self._rose:
            handed = any(r == realm and matter.id in f"{a.title} {a.body}" for r, a in self._handed)
            waits = any(
                r == realm and n.state in ("waiting", "sending") and any(x.matter == matter.id for x in n.notices)
                for (r, _), n in self.notices.items()
            )
            plan = self.plans.get((realm, matter.id), {})
            if matter.open and not handed and not waits and plan:
                self.broken("a rise is told at once", f"{matter.id} generation {matter.generation} told nobody")
            if matter.open and not plan and matter.joined_into is None:
                self.broken("a matter has somebody who answers for it", matter.id)
            if handed and matter.danger_to_life:
                self.sometimes["danger to life told"] += 1
                if not any("112" in a.body for r, a in self._handed if r == realm and matter.id in a.body + a.title):
                    self.broken("112 stands in what is danger to life", matter.id)
        if self.steady:
            self._held_low(now)

    def _held_low(self, now: datetime) -> None:
        for (realm, sensor), known in self.newest.items():
            if not sensor.startswith("tryck") or not known or known[-1][1] >= LOW:
                continue
            run = [known[-1][0]]
            for time, value in reversed(known[:-1]):
                if value >= LOW or run[-1] - time > VALID["tryck"]:
                    break
                run.append(time)
            if run[0] - run[-1] < HELD or now - run[0] > VALID["tryck"]:
                continue
            causes = [
                (m, c) for (r, _), m in self.matters.items() if r == realm for c in m.causes if c.rule == "low-pressure"
            ]
            closed = any(c.cleared_at is not None and c.cleared_at >= run[-1] for _, c in causes)
            if not closed and not any(m.open and c.cleared_at is None for m, c in causes):
                self.broken("a rise is never delayed", f"{sensor} in {realm} low since {run[-1]}, now {now}")

    # --- as time goes ------------------------------------------------------------------------------------------------

    def resumed(self, handed: set[tuple[str, str]], settled: set[tuple[str, str]]) -> None:
        """A new life has begun: what was handed out and never settled is handed out again."""
        lost = [i for (r, i) in self.out if (r, i) not in handed and (r, i) not in settled]
        if lost:
            self.broken("what may not have been sent is sent again", f"{lost[:3]}")

    def sent(self, realm: str, attempt: str) -> None:
        self.sends[realm, attempt] += 1
        first = self.first_sent.setdefault((realm, attempt), self.life)
        if self.sends[realm, attempt] > 1:
            self.sometimes["sent again after a crash"] += 1
        if self.sends[realm, attempt] > 1 + self.life - first:
            self.broken("at most one repeated send per attempt and crash", attempt)

    def look(self, now: datetime) -> None:
        """The machine is up and has nothing to do: nobody is forgotten, and nothing waits over its window."""
        for (_, matter), plan in self.plans.items():
            for key, o in plan.items():
                if o.state in ("asked", "undelivered") and o.deadline is not None and o.deadline < now - SLACK:
                    self.broken("nobody is forgotten", f"{matter} {key} should have gone on at {o.deadline}, now {now}")
        for (_, identity), record in self.notices.items():
            if record.state == "waiting" and record.at < now - WINDOW - SLACK:
                self.broken("no message waits over its window", f"{identity} since {record.at}, now {now}")
            if record.state == "sending" and record.at < now - timedelta(seconds=31):
                self.broken("an attempt has a deadline", f"{identity} since {record.at}, now {now}")

    def at_rest(self, lax: set[str]) -> None:
        """Everything is over and everybody has answered: nothing is left open but what only a person can end."""
        for (_, identity), matter in self.matters.items():
            if matter.open and not {c.rule for c in matter.open_causes} & lax:
                causes = [c.id for c in matter.open_causes]
                self.broken("what is over closes", f"{identity}: {causes} {matter.declared_state}")
