"""Judges a history by what those outside saw: senders, phones, and whoever reads the public API afterwards.

Written from semantics.md and design.md. It imports nothing of the product, and never looks into its file: what it is
given are plain values. Each sentence it returns is a broken promise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

ENDED = {"acknowledged", "delivered", "cancelled", "undelivered"}
OPEN = {"asked"}
LATE = timedelta(seconds=20)
"""How far past its deadline an open question may be when it is looked at: a stop, a start and a step."""


@dataclass(frozen=True)
class Sent:
    """One event as its sender knows it. `answered`: it was told that it is accepted."""

    id: str
    kind: str
    answered: bool


@dataclass(frozen=True)
class Arrived:
    """One message on one phone."""

    target: str
    title: str
    body: str
    at: datetime

    @property
    def matters(self) -> set[str]:
        return set(re.findall(r"[a-z_.]+-\d{8}-\d+", f"{self.title}\n{self.body}"))


@dataclass(frozen=True)
class Seen:
    """A history, seen from outside, at rest."""

    at: datetime
    sent: tuple[Sent, ...]
    arrived: tuple[Arrived, ...]
    kills: tuple[datetime, ...]
    log: tuple[dict[str, Any], ...]  # GET /v1/log/events
    situations: tuple[dict[str, Any], ...]  # GET /v1/situations/{id}, closed ones too
    dead: int  # messages that no stage could take
    phones: dict[str, set[str]] = field(default_factory=dict)  # person -> targets, from the published roster


def broken(seen: Seen) -> list[str]:
    """Every promise that the history breaks, as a sentence; empty if none."""
    checks = (_log, _applied, _told, _obligations, _asked, _causeless, _repeats)
    return [said for check in checks for said in check(seen)]


def _log(seen: Seen) -> Iterator[str]:
    """Accepted means safe: what was answered is in the log, once; nothing else is."""
    logged = Counter(row["id"] for row in seen.log)
    sent = {event.id for event in seen.sent}
    yield from (
        f"lost: {e.id} was answered and is not in the log" for e in seen.sent if e.answered and not logged[e.id]
    )
    yield from (f"twice: {i} is in the log {n} times" for i, n in logged.items() if n > 1)
    yield from (f"invented: {i} is in the log and nobody sent it" for i in logged if i not in sent)


def _applied(seen: Seen) -> Iterator[str]:
    """accepted = applied + duplicate + dead letter + pending: each report in the log is in some matter; at rest nothing
    is pending, and duplicates were told apart by `_log`."""
    applied = {fact["event"] for s in seen.situations for cause in s["causes"] for fact in cause["facts"]}
    applied |= {line["event"] for s in seen.situations for line in s["log"] if line["event"]}
    reports = {event.id for event in seen.sent if event.kind == "incident"}
    missing = sorted({row["id"] for row in seen.log} & reports - applied)
    if len(missing) > seen.dead:
        yield f"not applied: {missing[:5]} ({len(missing)}, dead letters {seen.dead})"


def _told(seen: Seen) -> Iterator[str]:
    """A matter that is open has reached somebody."""
    named = set().union(*(message.matters for message in seen.arrived)) if seen.arrived else set()
    yield from (f"nobody told: {s['id']}" for s in seen.situations if s["plan"] and s["id"] not in named)


def _obligations(seen: Seen) -> Iterator[str]:
    """obligations = ended + open, and an open one is still within its time."""
    for situation in seen.situations:
        for row in situation["plan"]:
            if row["state"] not in ENDED | OPEN:
                yield f"an obligation in no known state: {situation['id']} {row['role']} {row['state']}"
            elif row["state"] in OPEN and row["deadline"] and _at(row["deadline"]) < seen.at - LATE:
                yield f"forgotten: {situation['id']} {row['role']} should have gone on at {row['deadline']}"


def _asked(seen: Seen) -> Iterator[str]:
    """Whoever a plan says was reached has a message about that matter on a phone."""
    reached = {(message.target, matter) for message in seen.arrived for matter in message.matters}
    for situation in seen.situations:
        for row in situation["plan"]:
            targets = seen.phones.get(row["person"] or "", set())
            claimed = row["state"] in ("delivered", "acknowledged") and targets
            if claimed and not any((target, situation["id"]) in reached for target in targets):
                yield f"claimed: {row['person']} has nothing about {situation['id']}, but it says {row['state']}"


def _causeless(seen: Seen) -> Iterator[str]:
    """Nothing is sent about a matter that does not exist."""
    known = {situation["id"] for situation in seen.situations}
    for message in seen.arrived:
        if message.matters - known:
            yield f"without cause: {message.target} was told of {sorted(message.matters - known)}"


def _repeats(seen: Seen) -> Iterator[str]:
    """At most one repeated send per attempt and crash: a message came again only over a kill."""
    times: dict[tuple[str, str, str], list[datetime]] = {}
    for message in seen.arrived:
        times.setdefault((message.target, message.title, message.body), []).append(message.at)
    for (target, title, _), found in times.items():
        second = timedelta(seconds=1)
        kills = sum(min(found) - second <= kill <= max(found) for kill in seen.kills)
        if len(found) - 1 > kills:
            yield f"repeated: {target} got «{title}» {len(found)} times over {kills} kills"


def _at(said: str) -> datetime:
    return datetime.fromisoformat(said)
