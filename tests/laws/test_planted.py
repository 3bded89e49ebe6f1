"""Tests of the laws: each error planted here is one that a law must find. A law that finds none says nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, settings

from notifiers import message, principles
from notifiers.responsible import Responsible
from notifiers.rows import Rows
from rules import tally
from rules.action import Action
from rules.instances import Instances
from rules.matter import Matter, ProposalState
from rules.proposals import Proposals
from rules.registry import Registry, Relation
from rules.sensing import Sensing
from rules.tally import Tally
from tests.laws import test_arrival, test_steps, test_unknown
from tests.laws import test_responsible as who

Plant = Callable[[pytest.MonkeyPatch], None]


def late_counts(patch: pytest.MonkeyPatch) -> None:
    """An older reading is taken as if it were the newest."""
    real = Sensing._take

    def take(self: Sensing, reading: Any, event: Any) -> None:
        last = self.screen.last(reading.sensor)
        if last is not None and reading.time < last.at:
            self.screen.note(reading.sensor, replace(last, at=reading.time - timedelta(hours=1)))
        real(self, reading, event)

    patch.setattr(Sensing, "_take", take)


def out_of_order_is_dropped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sensing, "_out_of_order", lambda *_: None)


def rows_heal(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Tally, "broken", lambda *_: False)


def conflicts_are_ignored(patch: pytest.MonkeyPatch) -> None:
    """Of two values for one moment the first one counts."""
    real = Sensing._old_reading

    def old(self: Sensing, reading: Any, last: Any, event: Any) -> None:
        if reading.time < last.at:
            real(self, reading, last, event)

    patch.setattr(Sensing, "_old_reading", old)


def old_is_known(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Instances, "_known_now", lambda *_: True)


def silence_lowers(patch: pytest.MonkeyPatch) -> None:
    """The old fault: what a silent sensor was before is still counted when it is heard again."""
    real = Sensing.judge

    def leaf(self: Sensing, ref: Any, reading: Any, event: str, *, unbroken: bool) -> None:
        if not (ref.lowers and not unbroken and not ref.condition.holds(reading.value)):
            real(self, ref, reading, event, unbroken=unbroken)

    patch.setattr(Sensing, "judge", leaf)


def by_arrival(patch: pytest.MonkeyPatch) -> None:
    """Windows counted in the order of arrival."""
    real = tally.kept

    def kept(known: Any, fact: Any, *, present: bool, within: Any, now: datetime) -> Any:
        moved = fact.model_copy(update={"at": now}) if within is not None else fact
        return real(known, moved, present=present, within=within, now=now)

    patch.setattr(tally, "kept", kept)


def impatience(patch: pytest.MonkeyPatch) -> None:
    """A proposal is withdrawn although its cause holds."""
    real = Proposals.proposed

    def proposed(self: Proposals, matter: Matter) -> Matter:
        pending = matter.proposal if matter.proposal is not None and matter.proposal.pending else None
        impatient = pending is not None and matter.causes[0].open
        return self._ended(matter, pending, ProposalState.WITHDRAWN) if impatient and pending else real(self, matter)

    patch.setattr(Proposals, "proposed", proposed)


def the_first_fact_gives_the_reason(patch: pytest.MonkeyPatch) -> None:
    """Facts are taken in the order they stand."""
    real = Responsible.__init__

    def begin(self: Responsible, rows: Any, cause: Any) -> None:
        real(self, rows, cause)
        self.facts = list(cause.facts)

    patch.setattr(Responsible, "__init__", begin)


def the_dead_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Registry, "current", lambda _, organisation, __: organisation)


def nobody_inherits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Registry, "_says", lambda *_: True)


def whoever_knows_is_engaged(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Rows, "engaged", lambda self: {row.organisation for row in self.found.values()})


def the_law_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Responsible, "_by_law", lambda *_: None)


def the_owner_acts(patch: pytest.MonkeyPatch) -> None:
    """Whoever owns it is asked as if it were the operator."""
    real = Rows.duty

    def duty(self: Rows, organisation: str, action: Action, principle: Any, why: str, *more: Any, **named: Any) -> Any:
        stronger = Action.ACT if why.startswith("äger") else action
        return real(self, organisation, stronger, principle, why, *more, **named)

    patch.setattr(Rows, "duty", duty)


def the_counterpart_takes_over(patch: pytest.MonkeyPatch) -> None:
    real = Rows.duty

    def duty(self: Rows, organisation: str, action: Action, principle: Any, why: str, *more: Any, **named: Any) -> Any:
        stronger = Action.ACT if why.startswith("håller stadens kontakt") else action
        return real(self, organisation, stronger, principle, why, *more, **named)

    patch.setattr(Rows, "duty", duty)


def nobody_is_the_last_resort(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Rows, "last_resort", lambda *_, **__: None)


def a_level_takes_over(patch: pytest.MonkeyPatch) -> None:
    """A higher level empties the rows of those who act."""
    real = principles._Planning.levels

    def levels(self: Any) -> None:
        if self.matter.alert_level == "n3":
            self.rows.found = {k: r for k, r in self.rows.found.items() if r.action is not Action.ACT}
        real(self)

    patch.setattr(principles._Planning, "levels", levels)


def everybody_is_ordered(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(message, "DO", dict.fromkeys(message.DO, message.DO[Relation.DIRECT]))


ORDER = test_arrival.test_readings_mean_the_same_in_every_order_of_arrival
TWICE = test_arrival.test_readings_that_come_twice_change_nothing
LATE = test_arrival.test_a_late_reading_changes_nothing_unless_it_is_its_sensors_newest
COUNT = test_arrival.test_reports_count_the_same_in_every_order_of_arrival
BEGINS = test_unknown.test_a_rule_begins_exactly_when_its_condition_is_known_to_be_true
ENDS = test_unknown.test_a_rule_ends_only_when_what_ends_it_is_known_to_be_true
PROPOSAL = test_unknown.test_a_proposal_ends_by_a_decision_or_when_no_cause_asks_for_it_any_more
NOBODY_KNOWN = who.test_for_everything_that_is_wrong_somebody_acts_or_it_is_said_that_nobody_is_known_to
GENERATION = test_steps.test_generation_grows_by_one_exactly_when_alert_level_rises


@pytest.mark.parametrize(
    ("plant", "law"),
    [
        (late_counts, LATE),
        (late_counts, TWICE),
        (out_of_order_is_dropped, ORDER),
        (conflicts_are_ignored, ORDER),
        (rows_heal, COUNT),
        (by_arrival, COUNT),
        (old_is_known, BEGINS),
        (old_is_known, ENDS),
        (silence_lowers, ENDS),
        (impatience, PROPOSAL),
        (the_first_fact_gives_the_reason, who.test_the_rows_do_not_depend_on_the_order_of_causes_and_facts),
        (the_dead_answer, who.test_an_organisation_that_is_no_more_or_not_yet_is_told_nothing),
        (nobody_inherits, who.test_whoever_the_registry_makes_responsible_acts),
        (whoever_knows_is_engaged, who.test_whoever_the_registry_makes_responsible_acts),
        (the_law_is_forgotten, who.test_whoever_must_be_told_by_law_is),
        (the_owner_acts, who.test_an_owner_is_never_asked_to_act_for_what_it_owns),
        (the_counterpart_takes_over, who.test_a_counterpart_coordinates_and_takes_nothing_over),
        (nobody_is_the_last_resort, NOBODY_KNOWN),
        (a_level_takes_over, who.test_no_level_and_no_decision_takes_over_what_somebody_answers_for),
        (everybody_is_ordered, who.test_nobody_outside_and_no_company_is_ever_ordered),
    ],
    ids=lambda value: getattr(value, "__name__", "law").removeprefix("test_"),
)
def test_a_planted_error_breaks_its_law(plant: Plant, law: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    at_once = settings(max_examples=1500, deadline=None, database=None, phases=[Phase.generate], derandomize=True)
    # A law has its own settings, and hypothesis lets no others be put on it; here it is to find the error, not the
    # smallest one, and the same one every time.
    monkeypatch.setattr(law, "_hypothesis_internal_use_settings", at_once)
    with pytest.raises((AssertionError, ExceptionGroup)):
        law()
