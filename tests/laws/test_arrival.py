"""Laws of arrival (semantics 6, 7): what assess holds for true once the lateness has passed is what the readings and
reports say in order of event time, whatever the order they came in, how often, and in which batches.

Scope, and why no wider:
- readings that come no later than the lateness their kind states; a later one plays no part unless it is its sensor's
  newest (semantics 6). Without a stated lateness every older one is late.
- `for` with `for` + lateness within the kind's validity: a time that is up on a value too old raises nothing (8), and
  how old a value is follows the clock and not its order.
- of one incident (source and ref) the reports in the order they were sent, as a host promises; between incidents any.
- reports that count together are heard within their window and an hour, which is how long a window is remembered.
- what begins a rule. What ends one (`until`) counts from when the rule began *here*, and never by a value out of order.

Each law is compared with a calculation over the sorted list, written another way than the code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from notifiers.profile import Profile
from rules.events import Event, Reading, Readings
from rules.policy import LeafRef
from rules.rule import IncidentsCondition
from rules.step import Stage
from rules.trackers import Held, LastValues, LeafFacts, leaf_holds
from tests.laws.effort import examples
from tests.laws.strategies import Play, town

LATENESS, VALIDITY, END = 10, 40, 75
KINDS = [
    {"id": "pressure", "name": "Vattentryck", "unit": "bar", "valid_for": "40 min", "lateness": "10 min"},
    {"id": "level", "name": "Vattennivå", "unit": "m", "valid_for": "40 min"},
]
FORMS: Mapping[str, dict[str, Any]] = {
    "above": {"above": 2.0},
    "below": {"below": 2.0},
    "band": {"above": 1.0, "below": 3.0},
    "between": {"between": [1.5, 2.0]},
    "above-for": {"above": 2.0, "for": "20 min"},
    "below-for": {"below": 2.0, "for": "30 min"},
    "between-for": {"between": [1.5, 2.0], "for": "12 min"},
    "rises": {"rises": 1.0, "within": "15 min"},
    "falls": {"falls": 1.0, "within": "15 min"},
    "rises-for": {"rises": 0.5, "within": "20 min", "for": "8 min"},
    "silent": {"silent_for": "20 min"},
}


def rule(name: str, when: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name, "each": "sensor", "when": when, "concerns": "water"} | more


SENSING: Profile = town(
    [rule(name, {"sensor": "pressure"} | form) for name, form in FORMS.items()]
    + [rule("ended", {"sensor": "pressure", "below": 1.2}, until={"sensor": "pressure", "above": 2.0, "for": "6 min"})],
    sensor_kinds=KINDS,
)


@dataclass(frozen=True)
class Value:
    """One reading, in minutes, and how long it was under way."""

    sensor: str
    minute: int
    value: float
    delay: int


VALUES = st.lists(
    st.builds(
        Value,
        st.sampled_from(["p-nord", "p-syd"]),
        st.integers(0, 30).map(lambda n: 2 * n),
        st.sampled_from([1.0, 1.5, 2.0, 2.4, 3.0]),
        st.integers(0, LATENESS),
    ),
    min_size=1,
    max_size=14,
    unique_by=lambda v: (v.sensor, v.minute, v.value),
)


def heard(values: Iterable[Value], end: int = END, profile: Profile = SENSING) -> Play:
    """The run in which they come when they come, and time goes on to the end."""
    run = Play(profile)
    for value in sorted(values, key=lambda v: v.minute + v.delay):
        run.at(value.minute + value.delay).reading(value.sensor, value.value, value.minute)
    return run.at(end)


def come(run: Play, value: Value, name: str) -> None:
    """The reading comes now, in an event of this name."""
    reading = Reading(sensor=value.sensor, value=value.value, time=run.moment(value.minute))
    event = Event(id=name, source="urn:test", time=run.now, realm="live", payload=Readings(readings=(reading,)))
    assert run.stage.accept(event)


def entries(run: Play) -> dict[tuple[str, str], Any]:
    """What assess keeps, by area and name."""
    kept = ((area, found) for (stage, _, area), found in run.stage.states.items() if stage is Stage.ASSESS)
    return {(area, name): entry for area, found in kept for name, entry in found.items()}


def truths(run: Play, sensor: str) -> dict[str, bool]:
    """Which conditions hold for the sensor, as assess has them."""
    held = {
        key.split("/")[1].split("#")[0]: entry.complete
        for (_, key), entry in entries(run).items()
        if isinstance(entry, Held) and key.endswith(f"/when.0/{sensor}")
    }
    return {name: held.get(name, False) for name in FORMS}


def facts(run: Play) -> set[tuple[str, str]]:
    """(rule, fact) of everything that satisfies a condition."""
    return {
        (key.split("/")[1].split("#")[0], fact)
        for (_, key), entry in entries(run).items()
        if isinstance(entry, LeafFacts) and "/when." in key
        for fact in entry.facts.keys() - entry.over
    }


def minutes(text: str | None) -> int:
    return int(text.split()[0]) if text else 0


def meant(form: dict[str, Any], values: list[tuple[int, float]], end: int) -> bool:
    """What the condition comes to over values in order of time, by the words of the reference page."""
    newest = values[-1][0]
    if "silent_for" in form:
        return end - newest >= minutes(form["silent_for"])

    def true_at(minute: int) -> bool:
        now = [v for m, v in values if m == minute]
        if "within" in form:
            before = [v for m, v in values if minute - minutes(form["within"]) <= m < minute]
            rise, fall = form.get("rises", 99), form.get("falls", 99)
            return any(v - b >= rise or b - v >= fall for v in now for b in before)
        low, high = form.get("between", (0, 0))
        if "between" in form:
            return any(low <= v <= high for v in now)
        return any(v > form.get("above", -99) and v < form.get("below", 99) for v in now)

    moments = sorted({m for m, _ in values})
    false = [m for m in moments if not true_at(m)]
    if newest in false:
        return False
    start = min(m for m in moments if not false or m > max(false))
    return end - start >= minutes(form.get("for"))


@examples(150)
@given(VALUES)
def test_readings_mean_the_same_in_every_order_of_arrival(values: list[Value]) -> None:
    run = heard(values)
    told = facts(run)
    for sensor in {v.sensor for v in values}:
        mine = sorted({(v.minute, v.value) for v in values if v.sensor == sensor})
        expected = {name: meant(form, mine, END) for name, form in FORMS.items()}
        assert truths(run, sensor) == expected
        assert {name for name, fact in told if fact == f"sensor:{sensor}"} - {"ended"} == {
            n for n in FORMS if expected[n]
        }


@examples(100)
@given(VALUES, st.data())
def test_readings_in_batches_mean_the_same(values: list[Value], data: st.DataObject) -> None:
    """A gateway that was down sends what it has at once, in no order."""
    delays = data.draw(st.lists(st.sampled_from([0, 5, LATENESS]), min_size=len(values), max_size=len(values)))
    arrived = defaultdict(list)
    for value, delay in zip(values, delays, strict=True):
        arrived[(value.minute + delay + 4) // 5 * 5].append(value)
    assume(all(at - v.minute <= LATENESS for at, batch in arrived.items() for v in batch))
    run = Play(SENSING)
    for at, batch in sorted(arrived.items()):
        readings = (Reading(sensor=v.sensor, value=v.value, time=run.moment(v.minute)) for v in batch)
        run.at(at).event(Readings(readings=tuple(readings)))
    alone = heard(values)
    run.at(END)
    assert facts(run) - {f for f in facts(run) if f[0] == "ended"} == {f for f in facts(alone) if f[0] != "ended"}


@examples(100)
@given(VALUES, st.data())
def test_readings_that_come_twice_change_nothing(values: list[Value], data: st.DataObject) -> None:
    """In new events, as from a gateway that had no answer: entries, timers, records and attempts are the same."""
    again = data.draw(st.lists(st.sampled_from(values), max_size=8))
    once, twice = Play(SENSING), Play(SENSING)
    ordered = sorted(values, key=lambda v: v.minute + v.delay)
    for number, value in enumerate(ordered):
        for run in (once, twice):
            come(run.at(value.minute + value.delay), value, f"first{number}")
        for n, repeated in enumerate(again):
            if repeated in ordered[: number + 1]:
                come(twice, repeated, f"again{number}-{n}")
    assert entries(once.at(END)) == entries(twice.at(END))
    assert once.stage.timers == twice.stage.timers
    assert (once.stage.records, once.stage.sent) == (twice.stage.records, twice.stage.sent)


@examples(100)
@given(VALUES, st.integers(0, 60), st.sampled_from([1.0, 2.0, 3.0]), st.integers(LATENESS + 1, 300))
def test_a_late_reading_changes_nothing_unless_it_is_its_sensors_newest(
    values: list[Value], end: int, value: float, late: int
) -> None:
    run = heard(values, END + end)
    kept = [entry for entry in entries(run).values() if isinstance(entry, LastValues)]
    newest = {sensor: seen[0] for entry in kept for sensor, seen in entry.seen.items()}
    sensor = values[0].sensor
    before, timers, sent = entries(run), dict(run.stage.timers), len(run.stage.sent)
    time = newest[sensor] - timedelta(minutes=late)
    run.event(Readings(readings=(Reading(sensor=sensor, value=value, time=time),)))
    assert entries(run) == before
    assert (run.stage.timers, len(run.stage.sent)) == (timers, sent)


# --- incidents -------------------------------------------------------------------------------------------------------

COUNTS: Mapping[str, dict[str, Any]] = {
    "one": {"incidents": "leak"},
    "three": {"incidents": ["leak", "pump"], "at_least": 3},
    "districts": {"incidents": "leak", "at_least": 3, "different": "district", "within": "30 min"},
    "places": {"incidents": "leak", "at_least": 2, "different": "asset", "within": "60 min"},
    "parts": {"incidents": "leak", "at_least": 3, "different": "neighbourhood"},
    "within": {"incidents": "pump", "at_least": 3, "within": "20 min"},
    "row": {"incidents": "pump", "in_a_row": 2, "broken_by": "leak"},
    "row-within": {"incidents": "pump", "in_a_row": 3, "broken_by": "leak", "within": "30 min"},
    "long": {"incidents": "pump", "at_least": 2, "open_for": "40 min"},
    "sequence": {"first": {"incidents": "leak"}, "then": {"incidents": "pump"}, "within": "15 min"},
}
COUNTING: Profile = town([rule(name, when, each=None) for name, when in COUNTS.items()])
PLACES: tuple[dict[str, Any], ...] = (
    {"area": "nord.ett"},
    {"area": "nord.tva"},
    {"area": "syd.ett"},
    {"area": "ost"},
    {"asset": "boende"},
    {"asset": "boende-2"},
)
DISTRICT = {"nord.ett": "nord", "nord.tva": "nord", "syd.ett": "syd", "ost": "ost"}
ASSETS = {"boende": "nord.ett", "boende-2": "nord.tva"}


@dataclass(frozen=True)
class Report:
    """One incident in minutes: when it was, when it was heard of, perhaps when it was heard to be over."""

    ref: str
    kind: str
    place: int
    minute: int
    delay: int
    over: int | None

    @property
    def area(self) -> str:
        place = PLACES[self.place]
        return str(place.get("area") or ASSETS[place["asset"]])


REPORTS = st.lists(
    st.builds(
        Report,
        st.sampled_from("abcdefgh"),
        st.sampled_from(["leak", "pump"]),
        st.integers(0, len(PLACES) - 1),
        st.integers(0, 25).map(lambda n: 2 * n),
        st.integers(0, 50),
        st.none() | st.integers(1, 50),
    ),
    max_size=8,
    unique_by=lambda r: r.ref,
)


def reported(reports: Iterable[Report]) -> Play:
    run = Play(COUNTING)
    told = [(r.minute + r.delay, 0, r) for r in reports]
    told += [(min(r.minute + r.delay + r.over, 110), 1, r) for r in reports if r.over is not None]
    for at, over, r in sorted(told, key=lambda t: t[:2]):
        run.at(at)
        if over:
            run.over(r.ref, r.kind, **PLACES[r.place])
        else:
            run.incident(r.kind, r.ref, r.minute, since=run.moment(r.minute), **PLACES[r.place])
    return run.at(115)


def leaf_truths(run: Play) -> dict[str, list[bool]]:
    """Of each rule, whether its conditions hold in the city's key."""
    known = run.stage.states.get((Stage.ASSESS, "live", "stad"), {})

    def holds(leaf: LeafRef) -> bool:
        at = f"leaf/{leaf.rule.identity}/{leaf.path}//"
        found = {k: f for key, e in known.items() if key.startswith(at) for k, f in e.facts.items()}
        return leaf_holds(leaf, found)

    return {r.rule.id: [holds(leaf) for leaf in r.when] for r in COUNTING.policy.rules}


def counted(name: str, reports: list[Report]) -> list[bool]:
    """What the condition comes to over the reports in order of when it happened."""
    when = COUNTS[name]
    if "first" in when:
        return [any(r.kind == "leak" for r in reports), any(r.kind == "pump" for r in reports)]
    condition = IncidentsCondition.model_validate(when)
    breaks = max((r.minute for r in reports if r.kind in condition.broken_by), default=-1)
    mine = [r for r in reports if r.kind in condition.incidents and r.minute > breaks]
    if condition.within is None:
        mine = [r for r in mine if r.over is None]
    if condition.open_for is not None:
        mine = [r for r in mine if 115 - r.minute >= condition.open_for.total_seconds() / 60]
    window = condition.within.total_seconds() / 60 if condition.within else 999
    groups = [[o for o in mine if 0 <= last.minute - o.minute <= window] for last in mine]
    return [any(different(condition, group) >= condition.needed for group in groups)]


def different(condition: IncidentsCondition, reports: list[Report]) -> int:
    match condition.different:
        case None:
            return len(reports)
        case "district":
            return len({DISTRICT[r.area] for r in reports})
        case "asset":
            return len({PLACES[r.place]["asset"] for r in reports if "asset" in PLACES[r.place]})
        case _:
            return len({r.area for r in reports if "." in r.area})


@examples(150)
@given(REPORTS)
def test_reports_count_the_same_in_every_order_of_arrival(reports: list[Report]) -> None:
    found = leaf_truths(reported(reports))
    assert found == {name: counted(name, reports) for name in COUNTS}


@examples(60)
@given(REPORTS, st.permutations(range(8)))
def test_a_sequence_is_judged_by_when_things_happened(reports: list[Report], order: list[int]) -> None:
    """Its rule holds as soon as both are known, whichever was heard of first."""
    run = Play(COUNTING).at(55)
    for n in order:
        for r in reports[n : n + 1]:
            run.incident(r.kind, r.ref, r.minute, since=run.moment(r.minute), **PLACES[r.place])
    begun = any(c.rule == "sequence" for m in run.matters for c in m.causes)
    after = {(a.minute, b.minute) for a in reports for b in reports if (a.kind, b.kind) == ("leak", "pump")}
    assert begun is any(0 <= later - earlier <= 15 for earlier, later in after)


# --- what these laws found -------------------------------------------------------------------------------------------


def test_a_value_out_of_order_that_lies_below_breaks_the_time_the_limit_was_held() -> None:
    run = heard([Value("p-nord", m, v, d) for m, v, d in ((0, 2.4, 0), (10, 1.5, 6), (14, 2.4, 0), (24, 2.4, 0))], 26)
    assert not truths(run, "p-nord")["above-for"]
    assert truths(run.at(34), "p-nord")["above-for"]


def test_a_raise_that_a_value_out_of_order_disproves_is_corrected_and_said() -> None:
    run = heard([Value("p-nord", m, 2.4, 0) for m in (0, 20)], 24)
    assert truths(run, "p-nord")["above-for"]
    run.at(25).reading("p-nord", 1.5, 15)
    assert not truths(run, "p-nord")["above-for"]
    assert "visar att gränsen inte hölls" in run.said()


def test_a_rise_is_seen_although_its_low_value_comes_last() -> None:
    run = heard([Value("p-nord", 0, 1.0, 8), Value("p-nord", 6, 2.4, 0)], 9)
    assert truths(run, "p-nord")["rises"]


@pytest.mark.parametrize("values", [(1.5, 2.4), (2.4, 1.5)])
@pytest.mark.parametrize("sensor", ["p-nord", "l-nord"], ids=["stated lateness", "none"])
def test_a_conflict_does_not_begin_the_held_time_anew(values: tuple[float, float], sensor: str) -> None:
    # The value that makes it true counts (semantics 7), and so the limit has been held all the time.
    kind = "pressure" if sensor == "p-nord" else "level"
    run = Play(town([rule("r", {"sensor": kind, "above": 2.0, "for": "20 min"})], sensor_kinds=KINDS))
    run.reading(sensor, 2.4)
    run.at(10)
    for value in values:
        run.reading(sensor, value)
    run.at(20).reading(sensor, 2.4)
    assert [c.rule for c in run.one.open_causes] == ["r"]


@pytest.mark.parametrize("values", [(1.2, 2.4), (2.4, 1.2)])
def test_a_conflict_of_which_one_value_is_a_rise_raises(values: tuple[float, float]) -> None:
    run = Play(town([rule("r", {"sensor": "level", "rises": 1.0, "within": "1 h"})], sensor_kinds=KINDS))
    run.reading("l-nord", 1.0)
    run.at(10)
    for value in values:
        run.reading("l-nord", value)
    assert [c.rule for c in run.one.open_causes] == ["r"]


def test_two_values_for_one_moment_are_no_rise() -> None:
    run = Play(town([rule("r", {"sensor": "level", "rises": 1.0, "within": "1 h"})], sensor_kinds=KINDS))
    run.reading("l-nord", 1.0)
    run.reading("l-nord", 2.4)
    assert run.matters == []


def test_a_value_out_of_order_ends_nothing_and_can_only_put_an_end_off() -> None:
    profile = town(
        [rule("r", {"sensor": "pressure", "below": 1.2}, until={"sensor": "pressure", "above": 2.0, "for": "6 min"})],
        sensor_kinds=KINDS,
    )
    early = [Value("p-nord", m, v, d) for m, v, d in ((0, 1.0, 0), (6, 2.4, 3), (8, 2.4, 0))]
    assert heard(early, 13, profile).one.open_causes, "the value of minute 6 came last and does not lengthen it"
    broken = [Value("p-nord", m, v, d) for m, v, d in ((0, 1.0, 0), (4, 2.4, 0), (6, 1.5, 3), (8, 2.4, 0))]
    assert heard(broken, 13, profile).one.open_causes, "it was not above all the time"
    assert heard(broken, 14, profile).open == []
