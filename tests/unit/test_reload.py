"""A swap of the profile: what it lets go of, what it takes in, and what it must leave as it is. Each test is a story in
the small town, told in minutes."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers.profile import Profile, load_profile
from rules.arrival import Reloaded
from rules.reload import stranded
from rules.step import Stage
from streams.clock import StoryClock
from streams.commands.client import Client
from streams.commands.reload import reload as ask_to_reload
from streams.embedded import EmbeddedHost
from streams.in_force import InForce, StrandedError, in_force
from streams.intake import Addressed, Intake, intake_of
from streams.reload import compared
from streams.service import Service, Settings
from tests.conftest import LILLBY
from tests.laws.strategies import ROOT, START, TOWN, Play, town
from tests.real.process import every_channel, write_secrets
from tests.unit.test_embedded import Listener

SPECIAL = "särskild händelse"
DECLARED = "höjd beredskap"
LOW: dict[str, Any] = {
    "id": "low",
    "name": "Lågt tryck",
    "each": "district",
    "when": {"sensor": "pressure", "below": 2.0},
    "until": {"sensor": "pressure", "above": 2.5},
    "concerns": "water",
}
LEAK: dict[str, Any] = {
    "id": "leak",
    "name": "Läcka",
    "each": "district",
    "when": {"incidents": "leak"},
    "concerns": "water",
}
RAIN: dict[str, Any] = {
    "id": "rain",
    "name": "Skyfall",
    "when": {"warning": "RAIN", "severity": "orange"},
    "concerns": "streets",
}
GOVERNMENT: dict[str, Any] = {
    "id": "government",
    "name": "Regeringen",
    "when": {"decision": DECLARED, "by": "regeringen", "confirmed_by": 2},
    "level": DECLARED,
    "action": "inform",
}

CLOSING = [d | ({"may": ["grant", "refuse", "close"]} if d["level"] == SPECIAL else {}) for d in TOWN["delegations"]]
"""The town's delegations, with the right to close."""


def limit(value: float, **more: Any) -> dict[str, Any]:
    return LOW | {"when": {"sensor": "pressure", "below": value} | more}


def play(*rules: dict[str, Any]) -> Play:
    return Play(_hashed(*rules), strict=True)


def _hashed(*rules: dict[str, Any]) -> Profile:
    """The town with these rules, its hash as a file's would be: another for other words."""
    profile = town(rules, delegations=CLOSING)
    return replace(profile, policy=replace(profile.policy, hash=f"{hash(repr(rules)):x}"))


def reload(run: Play, *rules: dict[str, Any]) -> None:
    """The profile is swapped, as a host does it."""
    before = run.intake.profile.policy.by_identity.keys()
    run.intake = run.stage.intake = intake_of(_hashed(*rules), ROOT, open_door=True)
    new = tuple(sorted(run.intake.profile.policy.by_identity.keys() - before))
    for stage, realm, key in sorted(run.stage.states):
        if stage is Stage.ASSESS:
            run.stage.carry(Addressed(Stage.ASSESS, key, Reloaded(new=new)), realm, run.now)


def causes(run: Play) -> list[str]:
    """The ids of the rules behind the open causes."""
    return [c.rule for m in run.open for c in m.open_causes]


def rows(run: Play) -> dict[str, set[str]]:
    found = {}
    for situation in run.stage.view.situations(run.realm, closed=True):
        assert situation.matter is not None
        found[situation.matter.id] = {f"{o.row.key}/{o.row.action}" for o in situation.obligations}
    return found


# --- a new rule sees what already holds (semantics 9) ----------------------------------------------------------------


def test_a_new_rule_sees_the_last_value() -> None:
    run = play()
    run.reading("p-nord", 1.5)
    assert run.matters == []
    reload(run, LOW)
    assert causes(run) == ["low"]
    assert run.one.causes[0].policy == run.intake.profile.hash, "every decision names the policy's hash"


def test_a_last_value_that_is_too_old_raises_nothing() -> None:
    run = play()
    run.reading("p-nord", 1.5)
    run.at(11)
    reload(run, LOW)
    assert run.matters == []
    run.reading("p-nord", 1.4)
    assert causes(run) == ["low"]


def test_of_two_values_for_one_moment_the_one_that_makes_it_true_counts() -> None:
    run = play()
    run.reading("p-nord", 3.0, 0)
    run.reading("p-nord", 1.5, 0)
    reload(run, LOW)
    assert causes(run) == ["low"]


def test_a_new_limit_that_must_be_held_is_held_from_the_last_value() -> None:
    run = play()
    run.reading("p-nord", 1.5)
    run.at(2)
    reload(run, limit(2.0, **{"for": "5 min"}))
    run.at(4)
    assert run.matters == []
    run.at(5)
    assert causes(run) == ["low"]


def test_a_new_rule_of_silence_counts_from_the_last_value() -> None:
    run = play()
    run.reading("p-nord", 3.0)
    run.at(40)
    silent = {"id": "silent", "name": "Tyst", "each": "district", "when": {"sensor": "p-nord", "silent_for": "1 h"}}
    reload(run, silent)
    run.at(59)
    assert run.matters == []
    run.at(61)
    assert causes(run) == ["silent"]


def test_a_new_rule_of_change_measures_from_the_last_value() -> None:
    run = play()
    run.reading("l-nord", 1.0)
    rising = {"sensor": "level", "rises": 0.5, "within": "30 min"}
    reload(run, {"id": "rise", "name": "Stiger", "each": "district", "when": rising, "concerns": "streets"})
    run.at(10).reading("l-nord", 1.6)
    assert causes(run) == ["rise"]


def test_a_new_rule_sees_the_incidents_that_are_open_and_joins_their_matter() -> None:
    run = play()
    run.incident("leak", "a", area="nord.ett")
    run.incident("leak", "b", area="syd")
    run.over("b")
    reload(run, LEAK)
    assert [m.area for m in run.open] == ["nord"]
    assert sorted(causes(run)) == ["everyday", "leak"]
    run.over("a")
    run.at(31)
    assert run.open == []


def test_a_new_city_wide_rule_counts_what_is_open_in_every_district() -> None:
    run = play()
    for district in ("nord", "syd", "ost"):
        run.incident("pump", district, area=district)
    wide = {"incidents": "pump", "at_least": 3, "different": "district"}
    reload(run, {"id": "pumps", "name": "Pumplarm", "when": wide, "level": SPECIAL, "concerns": "streets"})
    (city,) = [m for m in run.open if m.area == "stad"]
    assert (city.alert_level, city.open_causes[0].count) == (SPECIAL, 3)


def test_a_new_rule_sees_the_warning_in_force_and_its_severity() -> None:
    run = play()
    run.warning("RAIN", "yellow", "w1", areas=("nord",))
    reload(run, RAIN)
    assert run.matters == []
    run.warning("RAIN", "orange", "w2", areas=("syd",))
    reload(run, RAIN, RAIN | {"id": "again", "name": "Igen"})
    assert sorted(causes(run)) == ["again", "rain"]


def test_a_new_rule_sees_the_governments_decision_that_stands() -> None:
    run = play()
    for person in ("stab-tib-1", "stab-tib-2"):
        run.decide("declare", person, "regeringen", level=DECLARED, reference="U2026/1", scope="stad")
    reload(run, GOVERNMENT)
    assert run.one.cause(next(iter(run.intake.profile.policy.by_identity)) + "|") is not None
    for person in ("stab-tib-1", "stab-tib-2"):
        run.decide("lift", person, "regeringen", level=DECLARED, reference="U2026/2", scope="stad")
    assert run.open == []


def test_a_new_rule_that_counts_districts_sees_those_at_the_level() -> None:
    special = LEAK | {"level": SPECIAL}
    run = play(special)
    for district in ("nord", "syd"):
        run.incident("leak", district, area=district)
    counts = {"id": "two", "name": "Två", "when": {"districts": SPECIAL, "at_least": 2}, "level": SPECIAL}
    reload(run, special, counts)
    assert "two" in causes(run)


def test_what_ends_a_rule_counts_from_the_swap_on() -> None:
    # The other sensor's good value was heard before the rule existed: it must not end it.
    run = play()
    run.reading("p-nord-2", 3.0)
    run.reading("p-nord", 1.5)
    reload(run, LOW | {"until": {"sensor": "p-nord-2", "above": 2.5}})
    assert causes(run) == ["low"]
    run.at(1).reading("p-nord-2", 3.0)
    assert run.open == []


# --- identity (semantics 16) -----------------------------------------------------------------------------------------


def test_an_edited_text_loses_no_tracker_and_tells_nobody() -> None:
    held = limit(2.0, **{"for": "5 min"})
    run = play(held)
    run.reading("p-nord", 1.5)
    run.at(4)
    before = dict(run.stage.states[(Stage.ASSESS, "live", "nord")])
    reload(run, held | {"message": "Trycket är {value}.", "name": "Svagt tryck"})
    assert run.stage.states[(Stage.ASSESS, "live", "nord")] == before
    run.at(5)
    assert run.one.causes[0].message == "Trycket är 1,5."


def test_an_edited_limit_is_judged_anew_from_the_last_value() -> None:
    run = play(limit(1.0))
    run.reading("p-nord", 1.5)
    assert run.matters == []
    reload(run, limit(2.0))
    assert causes(run) == ["low"]


def test_an_edited_limit_begins_its_time_anew() -> None:
    run = play(limit(2.0, **{"for": "5 min"}))
    run.reading("p-nord", 1.5)
    run.at(4).reading("p-nord", 1.5)
    reload(run, limit(1.9, **{"for": "5 min"}))
    run.at(8)
    assert run.matters == []
    run.at(9)
    assert causes(run) == ["low"]


def test_an_edited_limit_that_no_longer_holds_leaves_its_cause_to_a_person() -> None:
    run = play(LOW)
    run.reading("p-nord", 1.5)
    reload(run, limit(1.0))
    run.at(1).reading("p-nord", 3.0)
    run.at(120)
    assert causes(run) == ["low"], "an edit is no evidence that it is over"
    said = [line.said for line in run.stage.view.situations("live")[0].log]
    assert any("ändrad eller borttagen" in s for s in said)


def test_an_edited_limit_that_still_holds_takes_over_its_cause() -> None:
    run = play(LOW)
    run.reading("p-nord", 0.5)
    before = run.one
    reload(run, limit(1.0))
    assert causes(run) == ["low"]
    assert (run.one.generation, run.one.causes[0].opened_at) == (before.generation, before.causes[0].opened_at)
    run.at(1).reading("p-nord", 3.0)
    assert run.open == [], "it is over by the edited rule's own condition"


def test_an_edited_limit_that_holds_again_later_takes_over_the_cause_it_left() -> None:
    run = play(LOW)
    run.reading("p-nord", 1.5)
    reload(run, limit(1.0))
    run.at(5).reading("p-nord", 0.5)
    assert causes(run) == ["low"]


def test_what_was_decided_for_a_cause_stays_decided_when_its_limit_is_edited() -> None:
    run = play(LOW | {"level": SPECIAL})
    run.reading("p-nord", 0.5)
    run.decide("refuse", "nord-direktor-1", "direktor", matter=run.one.id)
    reload(run, limit(1.0) | {"level": SPECIAL})
    assert run.one.proposal is not None
    assert not run.one.proposal.pending
    assert run.one.alert_level == "normal"


def test_an_edited_limit_with_a_lower_level_lowers_nothing_that_it_takes_over() -> None:
    run = play(LOW | {"level": SPECIAL})
    run.reading("p-nord", 0.5)
    reload(run, limit(1.0))
    assert run.one.alert_level == SPECIAL


def test_a_removed_rule_leaves_its_cause_open_until_a_person_closes_it() -> None:
    special = LEAK | {"level": SPECIAL}
    run = play(special)
    run.incident("leak", "a", area="nord")
    reload(run)
    run.over("a")
    run.at(300)
    assert causes(run) == ["leak"]
    run.decide("close", "nord-direktor-1", "direktor", matter=run.one.id)
    assert run.open == []


def test_no_entry_or_timer_of_a_removed_rule_is_left() -> None:
    run = play(limit(2.0, **{"for": "5 min"}), LEAK | {"when": {"incidents": "leak", "open_for": "1 h"}})
    run.reading("p-nord", 1.5)
    run.incident("leak", "a", area="nord")
    reload(run)
    kinds = {type(e).__name__ for e in run.stage.states[(Stage.ASSESS, "live", "nord")].values()}
    assert kinds.isdisjoint({"Held", "LeafFacts", "Instance", "Unshown", "History"})
    assert not [name for stage, _, _, name in run.stage.timers if stage == "assess" and "#" in name]


def test_a_rule_whose_level_is_raised_raises_what_it_stands_for_at_once_and_a_lowered_one_lowers_nothing() -> None:
    run = play(LEAK)
    run.incident("leak", "a", area="nord")
    reload(run, LEAK | {"level": SPECIAL})
    assert (run.one.alert_level, run.one.generation) == (SPECIAL, 2)
    reload(run, LEAK)
    assert run.one.alert_level == SPECIAL


# --- the plan (semantics 12) -----------------------------------------------------------------------------------------


def test_a_row_never_changes_by_reload() -> None:
    run = play(LEAK | {"notify": [{"role": "tib", "organisation": "stab", "action": "coordinate"}]})
    run.incident("leak", "a", area="nord")
    before = rows(run)
    reload(run, LEAK | {"notify": [{"role": "gatujour", "organisation": "gatan"}], "concerns": "streets"})
    assert rows(run) == before
    run.incident("leak", "b", area="nord")
    for matter, known in before.items():
        assert rows(run)[matter] > known, "new causes append"


# --- laws ------------------------------------------------------------------------------------------------------------

CATALOGUE = (
    LOW,
    limit(2.0, **{"for": "5 min"}) | {"id": "held"},
    LEAK,
    LEAK
    | {"id": "many", "each": None, "when": {"incidents": "leak", "at_least": 2, "within": "1 h"}, "level": SPECIAL},
    RAIN,
    {"id": "rise", "name": "Stiger", "each": "district", "when": {"sensor": "level", "rises": 0.5, "within": "30 min"}},
    {"id": "quiet", "name": "Tyst", "each": "district", "when": {"sensor": "l-nord", "silent_for": "20 min"}},
)

doings = st.lists(
    st.one_of(
        st.tuples(st.just("reading"), st.sampled_from(["p-nord", "p-syd"]), st.sampled_from([1.5, 2.2, 3.0])),
        st.tuples(st.just("reading"), st.just("l-nord"), st.sampled_from([1.0, 1.6])),
        st.tuples(st.just("leak"), st.sampled_from("abc"), st.sampled_from(["nord", "syd"])),
        st.tuples(st.just("over"), st.sampled_from("abc"), st.just("")),
        st.tuples(st.just("warning"), st.sampled_from(["w1", "w2"]), st.sampled_from(["yellow", "orange"])),
        st.tuples(st.just("wait"), st.integers(1, 40), st.just("")),
    ),
    max_size=12,
)
rule_sets = st.lists(st.sampled_from(range(len(CATALOGUE))), unique=True).map(lambda ns: [CATALOGUE[n] for n in ns])


def carry_out(run: Play, done: list[tuple[str, Any, Any]]) -> None:
    minute = (run.now - run.start).total_seconds() / 60
    for what, one, two in done:
        minute += one if what == "wait" else 0
        run.at(minute)
        match what:
            case "reading":
                run.reading(one, two)
            case "leak":
                run.incident("leak", one, area=two)
            case "over":
                run.over(one)
            case "warning":
                run.warning("RAIN", two, one, areas=("nord",))


@settings(max_examples=60, deadline=None)
@given(rule_sets, doings)
def test_a_reload_of_the_same_profile_changes_nothing(rules: list[dict[str, Any]], done: Any) -> None:
    run = play(*rules)
    carry_out(run, done)
    states = {where: dict(entries) for where, entries in run.stage.states.items()}
    timers, records, sent = dict(run.stage.timers), len(run.stage.records), len(run.stage.sent)
    reload(run, *rules)
    assert run.stage.states == states
    assert run.stage.timers == timers
    assert (len(run.stage.records), len(run.stage.sent)) == (records, sent)


@settings(max_examples=60, deadline=None)
@given(rule_sets, rule_sets, doings, doings)
def test_whatever_is_edited_no_row_is_lost_no_level_falls_and_nothing_closes(
    old: list[dict[str, Any]], new: list[dict[str, Any]], before: Any, after: Any
) -> None:
    run = play(*old)
    carry_out(run, before)
    plans, levels = rows(run), {m.id: run.intake.profile.policy.ladder.rank(m.alert_level) for m in run.open}
    reload(run, *new)
    known = {m.id: m for m in run.open}
    for matter, level in levels.items():
        assert run.intake.profile.policy.ladder.rank(known[matter].alert_level) >= level
    carry_out(run, after)
    for matter, plan in plans.items():
        assert rows(run)[matter] >= plan


@settings(max_examples=40, deadline=None)
@given(rule_sets, doings)
def test_an_edited_text_leaves_every_tracker_where_it_was(rules: list[dict[str, Any]], done: Any) -> None:
    run = play(*rules)
    carry_out(run, done)
    before = {where: dict(entries) for where, entries in run.stage.states.items()}
    reload(run, *(r | {"message": "Annan text, {place}.", "first_step": "Något annat."} for r in rules))
    assert run.stage.states == before


# --- what may not take over ------------------------------------------------------------------------------------------


def test_a_policy_without_a_level_or_an_area_that_open_matters_stand_on_may_not_take_over() -> None:
    run = play(LEAK | {"level": SPECIAL})
    run.incident("leak", "a", area="nord")
    policy = run.intake.profile.policy
    assert stranded(policy, run.matters) == ()
    elsewhere = run.one.model_copy(update={"area": "vast"})
    assert "området 'vast' saknas" in stranded(policy, [elsewhere])[0]
    higher = run.one.model_copy(update={"alert_level": "extraordinär händelse"})
    assert "extraordinär händelse" in stranded(policy, [higher])[0]


def test_the_report_says_what_is_new_changed_and_gone() -> None:
    report = compared(town([LOW, LEAK, RAIN]), town([limit(1.0), LEAK | {"name": "Vattenläcka"}, GOVERNMENT]))
    assert (report.changed, report.anew) == (("low", "leak"), ("low",))
    assert (report.added, report.removed) == (("government",), ("rain",))


# --- the embedded host -----------------------------------------------------------------------------------------------


class Bench:
    """A host over a file, started with one profile after another."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.clock = StoryClock(START)
        self.host: EmbeddedHost | None = None
        self.listener = Listener()

    def start(self, *rules: dict[str, Any]) -> EmbeddedHost:
        self.stop()
        self.listener = Listener()
        self.host = EmbeddedHost(self.file, door(*rules), self.clock, self.listener)
        self.host.start()
        return self.host

    def stop(self) -> None:
        if self.host is not None:
            self.host.stop()
            self.host = None

    def causes(self) -> list[str]:
        return sorted(c.rule for m in self.listener.matters().values() for c in m.open_causes)


def door(*rules: dict[str, Any]) -> Intake:
    return intake_of(_hashed(*rules), ROOT, open_door=True)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "beredd.sqlite")
    yield made
    made.stop()


def told(value: float) -> Any:
    run = play()
    return run.reading("p-nord", value)


def known(host: EmbeddedHost) -> InForce:
    found: InForce = host.ask(in_force).result(10)
    return found


def test_the_swap_lies_between_what_was_queued_before_it_and_after(bench: Bench) -> None:
    host = bench.start()
    before = host.submit((told(1.5),), (), None)
    swapped = host.reload(door(LOW))
    after = host.submit((told(1.4).model_copy(update={"id": "x"}),), (), None)
    assert (before.result(10).accepted, swapped.result(10), after.result(10).accepted) == (1, None, 1)
    assert bench.causes() == ["low"]
    assert known(host).hash == door(LOW).profile.hash


def test_a_start_with_edited_files_is_a_reload_and_one_without_is_none(bench: Bench) -> None:
    bench.start().submit((told(1.5),), (), None).result(10)
    since = known(bench.start(LOW)).since
    assert bench.causes() == ["low"]
    handouts = len(bench.listener.handouts)
    assert handouts > 0
    bench.clock.advance(START + timedelta(seconds=1))
    assert known(bench.start(LOW)).since == since
    assert len(bench.listener.handouts) == handouts, "what is unsent, once each"
    assert known(bench.start()).since > since
    assert bench.causes() == ["low"], "its cause is left open"


def test_a_profile_that_would_strand_a_matter_is_refused_and_the_old_one_goes_on(bench: Bench) -> None:
    host = bench.start(LOW)
    host.submit((told(1.5),), (), None).result(10)
    smaller = replace(_hashed(LOW), policy=replace(_hashed(LOW).policy, hash="smaller"))
    areas = {a: v for a, v in smaller.policy.registry.areas.items() if not a.startswith("nord")}
    policy = replace(smaller.policy, registry=replace(smaller.policy.registry, areas=areas))
    intake = Intake(replace(smaller, policy=policy), host.intake.geography, open_door=True)
    with pytest.raises(StrandedError, match="nord"):
        host.reload(intake).result(10)
    assert (host.intake.profile.hash, known(host).hash) == (door(LOW).profile.hash,) * 2
    bench.stop()
    with pytest.raises(StrandedError, match="nord"):
        EmbeddedHost(bench.file, intake, bench.clock, Listener()).start()
    bench.start(LOW)


def test_a_swap_that_cannot_be_saved_has_not_happened(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    host = bench.start()
    old = host.intake
    monkeypatch.setattr("streams.writer.put_in_force", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        host.reload(door(LOW)).result(10)
    assert host.intake is old


# --- the door --------------------------------------------------------------------------------------------------------


async def answers(service: Service, token: str = "", content_type: str = "application/json") -> tuple[int, Any]:
    headers = {"Content-Type": content_type} | ({"Authorization": f"Bearer {token}"} if token else {})
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{service.url}/v1/reload", data=b"{}", headers=headers) as response,
    ):
        return response.status, await response.json()


def during(settings: Settings, scenario: Callable[[Service], Awaitable[None]]) -> None:
    async def run() -> None:
        service = Service(settings)
        await service.start()
        try:
            await scenario(service)
        finally:
            await service.stop()

    asyncio.run(run())


def test_with_keys_a_person_may_reload_and_nobody_else(tmp_path: Path) -> None:
    profile, _ = load_profile(LILLBY)
    assert profile is not None
    source = next(iter(profile.policy.registry.sources))
    tokens = {"persons-ord": {"person": "p-berta-brygga"}, "kallans-ord": {"source": source}}
    write_secrets(tmp_path / "secrets.yaml", every_channel(profile, "json://127.0.0.1:9/{}"), tokens)

    async def scenario(service: Service) -> None:
        assert (await answers(service))[0] == 401
        assert (await answers(service, "fel"))[0] == 401
        assert (await answers(service, "kallans-ord"))[0] == 403
        status, report = await answers(service, "persons-ord")
        assert (status, report["hash"], report["changed"]) == (200, profile.hash, [])

    during(Settings(LILLBY, tmp_path / "data", tmp_path / "secrets.yaml", port=0), scenario)


def test_without_keys_a_browser_cannot_be_made_to_reload(tmp_path: Path) -> None:
    async def scenario(service: Service) -> None:
        assert (await answers(service, content_type="text/plain"))[0] == 415
        assert (await answers(service))[0] == 200

    during(Settings(LILLBY, tmp_path / "data", port=0), scenario)


def test_an_edited_profile_whose_links_lead_nowhere_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    shutil.copytree(LILLBY, folder, ignore=shutil.ignore_patterns("stories"))
    town_file = folder / "town.yaml"
    text = town_file.read_text("utf-8")
    named = re.sub(r"(?m)^profile:\n", "profile:\n  public_url: https://larm.example.org\n", text)
    named = named if named != text else text + "\nprofile: {name: x}\n"
    town_file.write_text(named, "utf-8")
    profile, faults = load_profile(folder)
    assert profile is not None, faults
    write_secrets(tmp_path / "secrets.yaml", every_channel(profile, "json://sms.example.org/{}"))

    async def scenario(service: Service) -> None:
        town_file.write_text(text, "utf-8")
        report = await service.reload()
        assert "--public-url" in report.faults[0]
        assert service.profile.policy.settings.public_url == "https://larm.example.org"
        town_file.write_text(named, "utf-8")
        assert (await service.reload()).ok
        assert service.host.intake.profile.policy.settings.public_url == "https://larm.example.org"

    during(Settings(folder, tmp_path / "data", tmp_path / "secrets.yaml", port=0), scenario)


def test_the_command_tells_what_changed_or_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "profile"
    shutil.copytree(LILLBY, folder, ignore=shutil.ignore_patterns("stories"))
    rules = folder / "rules.yaml"

    async def scenario(service: Service) -> None:
        def command(machine: bool = False) -> int:
            return ask_to_reload(Client(service.url), machine=machine)

        assert await asyncio.to_thread(command) == 0
        assert "Ingen regel är ändrad." in capsys.readouterr().out
        rules.write_text(
            rules.read_text("utf-8") + "\n  - {id: ny, name: Ny, when: {incidents: finns-inte}}\n", "utf-8"
        )
        assert await asyncio.to_thread(command) == 1
        said = capsys.readouterr().out
        assert re.search(r"rules\.yaml:\d+:\d+: ", said)
        assert "gäller fortfarande" in said
        assert await asyncio.to_thread(command, True) == 1
        assert json.loads(capsys.readouterr().out)["faults"]

    during(Settings(folder, tmp_path / "data", port=0), scenario)
