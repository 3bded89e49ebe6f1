"""What assess remembers per condition: last values, limits being held, and the facts that satisfy a condition.

Theory. Every leaf condition of every rule is reduced to one thing, whatever it looks at: the set of *facts* that
satisfy it in a group. A sensor held beyond its limit for its time is a fact; so is an open incident, a warning in
force,
a confirmed decision. A fact is removed only by positive evidence (a reading on the other side, a report that it is
over,
a warning ended), never because data stopped. A leaf holds if enough facts that differ are there, perhaps within a time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from rules.frozen import Frozen, Instant, Names
from rules.matter import Fact
from rules.policy import LeafRef
from rules.rule import DistrictsCondition, IncidentsCondition


@dataclass(frozen=True, slots=True)
class LastValue:
    """A sensor's newest value. `others`: other values for the same time, a conflict. `earlier`: those before it that a
    value out of order may make count anew."""

    value: float
    at: datetime
    others: tuple[float, ...] = ()
    earlier: tuple[tuple[datetime, float], ...] = ()

    @property
    def all(self) -> tuple[tuple[datetime, float], ...]:
        """Every value kept, the newest last."""
        return (*self.earlier, *((self.at, v) for v in sorted({self.value, *self.others})))


Values = tuple[tuple[Instant, float], ...]
"""A sensor's values, oldest first."""

Seen = tuple[Instant, float, float, float]
"""When a sensor's newest value was, the value, and its band: between these two no condition changes its truth."""


class LastValues(Frozen):
    """The newest values of some sensors, kept whether or not a rule wants them (semantics 9). Many stand in one entry,
    since a batch of readings must change few entries."""

    kind: Literal["last"] = "last"
    seen: dict[str, Seen]
    others: dict[str, tuple[float, ...]] = Field(default={}, description="Andra värden för samma tid: en konflikt")
    earlier: dict[str, Values] = Field(default={}, description="Det som sena värden kan ändra")

    def last(self, sensor: str) -> LastValue | None:
        """The sensor's newest value, if it is one of these sensors and has one."""
        seen = self.seen.get(sensor)
        if seen is None:
            return None
        return LastValue(seen[1], seen[0], self.others.get(sensor, ()), self.earlier.get(sensor, ()))


class Held(Frozen):
    """A sensor is beyond a limit since this time; `told`: its silence there has been reported; `ended`: it was, until a
    value of this time, and is again if another value of the same time says so (semantics 7)."""

    kind: Literal["held"] = "held"
    since: Instant
    complete: bool = False
    told: bool = False
    ended: Instant | None = None


class Resumed(Frozen):
    """Since when the host has been listening without a break: what was not heard before that is no silence."""

    kind: Literal["resumed"] = "resumed"
    at: Instant


RESUMED = "resumed"


class History(Frozen):
    """A sensor's values within the time that a condition of change looks back on, oldest first."""

    kind: Literal["history"] = "history"
    values: tuple[tuple[Instant, float], ...]


class LeafFacts(Frozen):
    """A share of the facts that satisfy one condition in one group: they are spread over buckets by their keys, so that
    a storm of reports rewrites little."""

    kind: Literal["leaf"] = "leaf"
    facts: dict[str, Fact]
    taken: dict[str, Instant] = Field(description="När vi fick veta; efter det glöms fakta i ett tidsfönster")
    over: Names = Field(default=frozenset(), description="Över, men räknas ännu i sitt tidsfönster")


class Broken(Frozen):
    """When a row was last broken: what happened no later does not count in it, however late it comes."""

    kind: Literal["broken"] = "broken"
    at: Instant


class Instance(Frozen):
    """A rule holds in a group: the matter its cause is in, which of the facts its cause shows are positively over, how
    many open facts it does not show, and since when all are over."""

    kind: Literal["instance"] = "instance"
    matter: str
    cause: str
    gone: Names = frozenset()
    unshown: int = 0
    clearing_since: Instant | None = None


class Unshown(Frozen):
    """An open fact of an instance that its cause only counts: a cause shows a bounded number."""

    kind: Literal["unshown"] = "unshown"


class KnownIncident(Frozen):
    """An incident that is open here, with the conditions it counts in."""

    kind: Literal["incident"] = "incident"
    fact: Fact
    counted_in: tuple[tuple[str, str, str], ...] = ()


class EndedIncident(Frozen):
    """An incident that was said to be over, as of then. A report about it from before that opens nothing that stays."""

    kind: Literal["ended"] = "ended"
    ended_at: Instant
    until: Instant


class KnownWarning(Frozen):
    """A warning in force, with the conditions it counts in."""

    kind: Literal["warning"] = "warning"
    feed: str
    fact: Fact
    counted_in: tuple[tuple[str, str, str], ...] = ()


class Registered(Frozen):
    """An outside authority's decision, and the persons who have registered it so far."""

    kind: Literal["registered"] = "registered"
    persons: Names
    reference: str = Field(default="", description="Beslutets beteckning")
    done: bool = Field(default=False, description="Så många som krävs har registrerat det; det gäller eller har gällt")
    matter: str | None = None


def held_long_enough(leaf: LeafRef, held: Held, at: datetime) -> bool:
    """True if the limit has been passed for the condition's time at this event time."""
    needed: timedelta | None = getattr(leaf.condition, "for_", None)
    return needed is None or at - held.since >= needed


HISTORY_KEPT = 500
"""Values a condition of change looks back on at most; a denser sensor loses its oldest first."""


def remembered(history: History | None, at: datetime, value: float, within: timedelta) -> History:
    """The history with this value, and without what is older than the time looked back on."""
    known = history.values if history is not None else ()
    fresh = tuple((t, v) for t, v in known if t >= at - within)
    return History(values=(*fresh, (at, value))[-HISTORY_KEPT:])


def leaf_holds(leaf: LeafRef, facts: dict[str, Fact]) -> bool:
    """True if the facts satisfy the condition's count, difference and time."""
    if isinstance(leaf.condition, DistrictsCondition):
        return len({f.different for f in facts.values()}) >= leaf.condition.at_least
    if not isinstance(leaf.condition, IncidentsCondition):
        return bool(facts)
    condition = leaf.condition
    ordered = sorted(facts.values(), key=lambda f: f.at)
    if condition.within is None:
        return _different(ordered, condition) >= condition.needed
    return any(
        _different([f for f in ordered if last.at - condition.within <= f.at <= last.at], condition) >= condition.needed
        for last in ordered
    )


def follows(first: Iterable[Fact], then: Iterable[Fact], within: timedelta) -> bool:
    """True if one of the later facts came after one of the earlier, no later than so long after it."""
    return any(timedelta(0) <= b.at - a.at <= within for a in first for b in then)


def _different(facts: list[Fact], condition: IncidentsCondition) -> int:
    return len({f.different for f in facts} - {""}) if condition.different else len(facts)


def kept(known: LeafFacts | None, fact: Fact, *, present: bool, within: timedelta | None, now: datetime) -> LeafFacts:
    """A condition's facts after one came or went. In a window, what happened counts also when it is over, and is
    forgotten a window and an hour after we heard of it: by then nothing can come that counts with it. How old it was
    when we heard plays no part, since incidents act however late (semantics 6)."""
    facts = dict(known.facts) if known else {}
    taken = dict(known.taken) if known else {}
    over = known.over if known else frozenset()
    if present:
        facts[fact.key] = fact
        taken.setdefault(fact.key, now)
        over = over - {fact.key}
    elif within is None:
        facts.pop(fact.key, None)
    elif fact.key in facts:
        over = over | {fact.key}
    if within is not None:
        facts = {k: f for k, f in facts.items() if taken[k] > now - within - timedelta(hours=1)}
    return LeafFacts(facts=facts, taken={k: taken[k] for k in facts}, over=over & facts.keys())


BUCKETS = 32


def bucket(key: str) -> int:
    """Which share of a condition's facts this one is in; the same in every process."""
    return zlib.crc32(key.encode()) % BUCKETS
