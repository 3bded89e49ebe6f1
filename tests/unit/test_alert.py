"""Alert: who has been asked, who has answered, who is next. One matter of the small town at a time; the stage's step is
called as a host would, and minutes count from 05:40.

The table of notifiers.obligation, row by row, and what must hold beside it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from notifiers.alert import Answered, step
from notifiers.attempt import Verdict
from notifiers.notice import Handover, Notice, Purpose
from notifiers.obligation import Obligation, ObligationState
from notifiers.profile import Profile
from rules.events import Acknowledgement, Answer, Seen
from rules.ladder import Action, Addressee
from rules.matter import Basis, Cause, Direction, Fact, Matter, MatterChanged, Proposal, ProposalState
from rules.record import Happening, LogLine
from rules.step import State, TimerDue
from tests.laws.strategies import START, TOWN, Play, answering, town

SPECIAL = "särskild händelse"
MATTER = "nord-20261013-1"
CHAIN = ["vatten-drift-1", "vatten-drift-2", "vatten-vd-1", "vatten-vd-2", "stab-tib-1", "stab-tib-2"]
"""Holder, deputy, the head and theirs, the duty officer and theirs."""


def cause(name: str = "c1", minute: int = 0, **more: Any) -> Cause:
    fact = Fact(key=f"sensor:{name}", said=f"tryck {name}", at=START, areas=("nord",))
    base: dict[str, Any] = {
        "id": name,
        "rule": "r",
        "name": f"Orsak {name}",
        "level": "normal",
        "because": "därför",
        "facts": (fact,),
        "functions": ("water",),
        "message": "Lågt tryck.",
        "policy": "test",
        "opened_at": START + timedelta(minutes=minute),
    }
    return Cause(**(base | more))


def matter(*causes: Cause, **more: Any) -> Matter:
    base: dict[str, Any] = {
        "id": MATTER,
        "area": "nord",
        "title": "Lågt tryck, Nord",
        "opened_at": START,
        "changed_at": START,
        "areas": ("nord",),
        "causes": causes or (cause(),),
        "alert_level": "normal",
        "declared_state": "normal",
        "policy": "test",
    }
    return Matter(**(base | more))


def proposal(**more: Any) -> Proposal:
    base: dict[str, Any] = {
        "number": 1,
        "level": SPECIAL,
        "direction": Direction.RAISE,
        "scope": "nord",
        "role": "direktor",
        "organisation": "nord",
        "persons": ("nord-direktor-1", "nord-direktor-2"),
        "because": "därför",
        "causes": ("c1",),
        "proposed_at": START,
        "decide_by": START + timedelta(minutes=15),
    }
    return Proposal(**(base | more))


def proposed(**more: Any) -> Matter:
    return matter(
        cause(level=SPECIAL), alert_level=SPECIAL, basis=Basis.PROVISIONAL, generation=2, proposals=(proposal(**more),)
    )


class Desk:
    """The key of one matter, with its timers."""

    def __init__(self, profile: Profile | None = None, realm: str = "live") -> None:
        self.profile = profile or town()
        self.realm = realm
        self.entries: dict[str, Any] = {}
        self.timers: dict[str, datetime] = {}
        self.now = START
        self.notices: list[Notice] = []
        self.lines: list[LogLine] = []
        self._heard = 0

    def take(self, message: Any) -> Desk:
        taken = step(self.profile, State(self.realm, MATTER, self.entries), message, self.now)
        self.entries = {k: v for k, v in (self.entries | dict(taken.changes)).items() if v is not None}
        timers = self.timers | dict(taken.timers)
        self.timers = {name: due for name, due in timers.items() if due is not None}
        self.notices += [o.message for o in taken.outputs if isinstance(o.message, Notice)]
        self.lines += [o.message for o in taken.outputs if isinstance(o.message, LogLine)]
        return self

    def change(self, changed: Matter, why: str = "") -> Desk:
        return self.take(MatterChanged(matter=changed, change=why))

    def at(self, minute: float) -> Desk:
        """Lets time pass to this minute, with every timer at its due time."""
        until = START + timedelta(minutes=minute)
        while due := sorted((due, name) for name, due in self.timers.items() if due <= until):
            self.now, name = due[0]
            del self.timers[name]
            self.take(TimerDue(name=name, due=self.now))
        self.now = until
        return self

    def answer(self, person: str, answer: str = "taken", generation: int = 1) -> Desk:
        seen = Seen(matter=MATTER, generation=generation)
        said = Acknowledgement(person=person, answer=Answer(answer), matters=(seen,))
        return self.take(Answered(acknowledgement=said, generation=generation))

    def handed(self, notice: Notice, *, reached: bool = True) -> Desk:
        why = "" if reached else "alla kanaler misslyckades"
        return self.take(Handover(notice=notice.id, matter=MATTER, person=notice.person, reached=reached, why=why))

    def heard(self) -> list[Notice]:
        found = self.notices[self._heard :]
        self._heard = len(self.notices)
        return found

    def asked(self) -> list[str]:
        """The persons told since the last time, in order."""
        return [n.person for n in self.heard()]

    def row(self, key: str = "drift@vatten") -> Obligation:
        found = self.entries[f"obligation/{key}"]
        assert isinstance(found, Obligation)
        return found

    def logged(self, what: Happening) -> list[str]:
        return [line.said for line in self.lines if line.what is what]


def desk(**changes: Any) -> Desk:
    return Desk(town(**changes)).change(matter())


# --- the table, row by row -------------------------------------------------------------------------------------------


def test_a_planned_row_asks_the_first_person_of_its_post() -> None:
    run = desk()
    assert run.asked() == ["vatten-drift-1"]
    assert run.row().state is ObligationState.ASKED
    assert run.row().deadline == START + timedelta(minutes=5)


def test_the_first_person_has_the_whole_of_their_time() -> None:
    run = desk()
    run.heard()
    assert run.at(4.99).asked() == []
    assert run.at(5).asked() == ["vatten-drift-2"]


def test_without_an_answer_it_goes_to_the_deputy_the_head_and_the_duty_officer() -> None:
    run = desk().at(25)
    assert run.asked() == CHAIN
    assert len(run.logged(Happening.ESCALATED)) == 5


def test_nobody_is_asked_twice_in_one_round() -> None:
    shared = {"role": "vd", "organisation": "vatten", "holder": "vatten-drift-1", "deputies": ["stab-tib-1"]}
    duties = [
        shared,
        *(
            {"role": r, "organisation": o, "holder": f"{o}-{r}-1", "deputies": [f"{o}-{r}-2"]}
            for o, r in (("vatten", "drift"), ("stab", "tib"))
        ),
    ]
    run = desk(duties=duties).at(29)
    assert run.asked() == ["vatten-drift-1", "vatten-drift-2", "stab-tib-1", "stab-tib-2"]


def test_when_nobody_has_answered_it_is_said_aloud_and_begins_again() -> None:
    run = desk().at(30)
    run.heard()
    assert run.row().state is ObligationState.UNDELIVERED
    assert run.logged(Happening.UNDELIVERED)
    assert run.at(40).asked() == ["vatten-drift-1"]
    assert run.row().state is ObligationState.ASKED


def test_it_is_repeated_for_as_long_as_nobody_answers() -> None:
    run = desk().at(24 * 60 - 1)
    assert run.asked().count("vatten-drift-1") == 24 * 60 // 40, "six persons, five minutes each, and ten to wait"


def test_an_answer_ends_the_row_and_its_timer() -> None:
    run = desk()
    run.heard()
    run.at(2).answer("vatten-drift-1")
    assert (run.row().state, run.row().answered_by) == (ObligationState.ACKNOWLEDGED, "vatten-drift-1")
    assert run.at(600).asked() == []


def test_somebody_asked_before_may_still_answer_when_the_next_has_been_asked() -> None:
    run = desk().at(6).answer("vatten-drift-1")
    assert run.row().state is ObligationState.ACKNOWLEDGED


def test_an_answer_between_two_rounds_counts() -> None:
    # All six have been asked, the sixth has just run out of time; the first now reads the message and takes it.
    run = desk().at(31).answer("vatten-drift-1")
    assert run.row().state is ObligationState.ACKNOWLEDGED, run.lines[-1].said


def test_an_answer_from_the_round_before_counts() -> None:
    run = desk().at(41).answer("vatten-vd-1")
    assert run.row().state is ObligationState.ACKNOWLEDGED, run.lines[-1].said


def test_an_answer_after_life_was_in_danger_and_nobody_had_answered_in_time_counts() -> None:
    run = Desk().change(matter(cause(danger_to_life=True))).at(6).answer("vatten-drift-2")
    assert run.row().state is ObligationState.ACKNOWLEDGED, run.lines[-1].said


def test_whoever_declines_is_followed_by_the_next_at_once() -> None:
    run = desk()
    run.heard()
    run.answer("vatten-drift-1", "declined")
    assert run.asked() == ["vatten-drift-2"]
    assert run.row().deadline == START + timedelta(minutes=5)


def test_whoever_declines_after_another_was_asked_changes_nothing() -> None:
    run = desk().at(5)
    run.heard()
    run.answer("vatten-drift-1", "declined")
    assert run.asked() == []
    assert run.row().person == "vatten-drift-2"


def test_whoever_declined_and_is_asked_anew_has_not_said_no_to_that() -> None:
    run = desk()
    run.heard()
    run.answer("vatten-drift-1", "declined")
    assert run.row().declined == ("vatten-drift-1",)
    minutes = 5
    while run.row().person != "vatten-drift-1":
        assert minutes < 120, "the chain begins again from its first"
        run.at(minutes)
        minutes += 5
    assert "vatten-drift-1" not in run.row().declined


def test_a_row_that_somebody_took_stays_taken_when_another_declines() -> None:
    run = desk().at(5).answer("vatten-drift-2").answer("vatten-drift-1", "declined")
    assert run.row().state is ObligationState.ACKNOWLEDGED


def test_when_no_channel_reaches_somebody_the_next_is_asked_at_once() -> None:
    run = desk()
    (first,) = run.heard()
    run.handed(first, reached=False)
    assert run.asked() == ["vatten-drift-2"]


def test_a_failure_reported_twice_asks_one_more_and_not_two() -> None:
    run = desk()
    (first,) = run.heard()
    run.handed(first, reached=False).handed(first, reached=False)
    assert run.asked() == ["vatten-drift-2"]


def test_being_handed_over_is_no_answer() -> None:
    run = desk()
    run.handed(run.heard()[0])
    assert run.row().state is ObligationState.ASKED
    assert run.at(5).asked() == ["vatten-drift-2"]


def test_to_be_told_ends_by_being_handed_over() -> None:
    run = Desk().change(matter(cause(action=Action.INFORM)))
    assert run.row().deadline is None
    run.handed(run.heard()[0])
    assert run.row().state is ObligationState.DELIVERED
    assert run.at(600).asked() == []


def test_to_be_told_goes_to_the_deputy_when_no_channel_reaches_the_first() -> None:
    run = Desk().change(matter(cause(action=Action.INFORM)))
    run.handed(run.heard()[0], reached=False)
    assert run.asked() == ["vatten-drift-2"]


def test_life_in_danger_asks_the_whole_chain_at_once() -> None:
    run = Desk().change(matter(cause(danger_to_life=True)))
    assert sorted(run.asked()) == sorted(CHAIN)


def test_life_in_danger_still_only_tells_those_who_are_to_be_told_once() -> None:
    run = Desk().change(matter(cause(danger_to_life=True, action=Action.INFORM)))
    assert run.asked() == ["vatten-drift-1"]


def test_the_first_answer_discharges_a_row_that_all_were_asked_about() -> None:
    run = Desk().change(matter(cause(danger_to_life=True)))
    run.heard()
    run.at(1).answer("stab-tib-2")
    assert run.row().state is ObligationState.ACKNOWLEDGED
    assert run.at(60).asked() == []


def test_danger_that_is_added_asks_the_whole_chain_although_the_row_was_taken() -> None:
    run = desk().answer("vatten-drift-1")
    run.heard()
    run.at(3).change(matter(cause(danger_to_life=True)))
    assert sorted(run.asked()) == sorted(CHAIN)


def test_a_deadline_that_was_moved_is_no_deadline() -> None:
    run = desk()
    run.heard()
    run.answer("vatten-drift-1", "declined")
    run.now = START + timedelta(minutes=5, seconds=-1)
    run.take(TimerDue(name="due/drift@vatten", due=run.now))
    assert run.asked() == ["vatten-drift-2"]


# --- rises -----------------------------------------------------------------------------------------------------------


def test_a_rise_needs_a_new_answer_from_whoever_took_it() -> None:
    run = desk().at(6).answer("vatten-drift-2")
    run.heard()
    run.change(proposed())
    assert run.row().state is ObligationState.ASKED
    assert {n.person: n.purpose for n in run.heard()}["vatten-drift-2"] is Purpose.RISE


def test_an_answer_to_the_level_before_is_logged_and_does_not_count() -> None:
    run = desk().change(proposed())
    run.answer("vatten-drift-1", generation=1)
    assert run.row().state is ObligationState.ASKED
    assert any("tidigare nivå" in said for said in run.logged(Happening.ANSWERED))


def test_a_rise_tells_again_those_who_were_only_told() -> None:
    run = Desk().change(matter(cause(action=Action.INFORM)))
    run.handed(run.heard()[0])
    run.change(matter(cause(action=Action.INFORM), alert_level=SPECIAL, generation=2))
    assert {n.person: n.purpose for n in run.heard()}["vatten-drift-1"] is Purpose.RISE


def test_a_wider_scope_without_a_rise_asks_nobody_again_and_tells_them() -> None:
    run = desk().answer("vatten-drift-1")
    run.heard()
    run.change(matter(cause(), cause("c2", 5)))
    assert run.row().state is ObligationState.ACKNOWLEDGED
    assert [(n.person, n.purpose) for n in run.heard()] == [("vatten-drift-1", Purpose.UPDATE)]


def test_an_update_asks_nothing() -> None:
    run = desk().answer("vatten-drift-1").change(matter(cause(), cause("c2", 5)))
    assert not run.notices[-1].answerable
    assert run.notices[-1].answer_by is None


def test_a_row_is_never_weakened() -> None:
    run = desk().change(matter(cause(), cause("c2", 5, action=Action.INFORM)))
    assert run.row().row.action is Action.ACT


def test_a_row_that_is_strengthened_asks_anew() -> None:
    run = Desk().change(matter(cause(action=Action.INFORM)))
    run.handed(run.heard()[0])
    run.change(matter(cause(action=Action.INFORM), cause("c2", 5)))
    assert run.row().row.action is Action.ACT
    assert [n.person for n in run.heard() if n.answerable] == ["vatten-drift-1"]


def test_the_same_matter_twice_changes_nothing() -> None:
    run = desk()
    before = dict(run.entries)
    run.heard()
    assert run.change(matter()).asked() == []
    assert run.entries == before


# --- deciding --------------------------------------------------------------------------------------------------------

DECIDE = "direktor@nord#decide"


def test_a_proposal_asks_its_decider() -> None:
    run = Desk().change(proposed())
    (notice,) = (n for n in run.notices if n.person == "nord-direktor-1")
    assert [a.action for a in notice.asked] == [Action.DECIDE]


def test_taking_a_decision_on_does_not_end_it() -> None:
    run = Desk().change(proposed()).at(2).answer("nord-direktor-1", generation=2)
    assert run.row(DECIDE).open


def test_a_decider_who_took_it_is_left_in_peace_until_the_decision_is_due() -> None:
    run = Desk().change(proposed()).at(2).answer("nord-direktor-1", generation=2)
    run.heard()
    assert "nord-direktor-2" not in run.at(14.9).asked()
    assert "nord-direktor-2" in run.at(15).asked()


def test_a_decider_who_is_silent_is_followed_by_the_next_in_the_delegation() -> None:
    run = Desk().change(proposed())
    run.heard()
    assert "nord-direktor-2" in run.at(5).asked()


def test_past_the_last_who_may_decide_the_duty_officer_must_act_and_find_one() -> None:
    # Semantics 13: past the last of them `tib` must find one who may decide (`act`). tib may not decide it.
    run = Desk().change(proposed()).answer("vatten-drift-1", generation=2).answer("stab-tib-1", generation=2)
    run.heard()
    asked = [a.action for n in run.at(11).heard() if n.person == "stab-tib-1" for a in n.asked]
    assert asked
    assert Action.DECIDE not in asked
    assert Action.ACT in asked


@pytest.mark.parametrize(
    ("state", "ends"),
    [
        (ProposalState.GRANTED, ObligationState.ACKNOWLEDGED),
        (ProposalState.REFUSED, ObligationState.ACKNOWLEDGED),
        (ProposalState.WITHDRAWN, ObligationState.CANCELLED),
    ],
)
def test_a_decision_ends_what_asked_for_it(state: ProposalState, ends: ObligationState) -> None:
    decided = None if state is ProposalState.WITHDRAWN else "nord-direktor-1"
    run = Desk().change(proposed())
    run.change(proposed(state=state, decided_by=decided))
    assert run.row(DECIDE).state is ends
    assert "nord-direktor-2" not in run.at(60).asked()


def test_a_new_proposal_asks_the_decider_again() -> None:
    run = Desk().change(proposed()).change(proposed(state=ProposalState.GRANTED, decided_by="nord-direktor-1"))
    run.heard()
    lower = proposal(number=2, level="normal", direction=Direction.LOWER)
    granted = proposal(state=ProposalState.GRANTED, decided_by="nord-direktor-1")
    run.change(
        matter(
            cause(cleared_at=START),
            alert_level=SPECIAL,
            declared_state=SPECIAL,
            generation=2,
            proposals=(granted, lower),
        )
    )
    assert "nord-direktor-1" in run.asked()


def test_a_decider_whose_proposal_gave_way_to_a_higher_one_is_not_chased_any_more() -> None:
    # A profile may add levels (design 3). The first proposal is withdrawn in the same step that makes the second.
    higher = "extraordinär händelse"
    levels = [*TOWN["levels"][:2], {"id": higher, "name": "Extraordinär", "entered": "decided"}, TOWN["levels"][2]]
    run = Desk(town(levels=levels)).change(proposed())
    second = proposal(number=2, level=higher, role="chef", organisation="stab", persons=("stab-chef-1", "stab-chef-2"))
    withdrawn = proposal(state=ProposalState.WITHDRAWN)
    causes = (cause(level=SPECIAL), cause("c2", level=higher))
    run.change(matter(*causes, alert_level=higher, generation=3, proposals=(withdrawn, second)))
    assert not run.row(DECIDE).open


def test_without_anybody_who_may_decide_the_duty_officer_must_find_somebody() -> None:
    run = Desk().change(proposed(role=None, organisation=None, persons=()))
    assert run.row("tib@stab").row.action is Action.ACT


def test_after_a_refusal_those_called_in_for_the_proposal_are_stood_down_and_not_chased() -> None:
    # Semantics 13: provisional rows get a stand-down and stay for updates and all-clear.
    run = Desk().change(proposed()).answer("vatten-drift-1", generation=2)
    assert run.row("tib@stab").row.action is Action.COORDINATE
    refused = proposal(state=ProposalState.REFUSED, decided_by="nord-direktor-1")
    run.heard()
    run.at(3).change(matter(cause(level=SPECIAL), generation=2, proposals=(refused,)), "Avslaget.")
    assert "stab-tib-1" in run.asked()
    assert [n.person for n in run.at(120).heard() if n.answerable] == []


def test_a_new_proposal_after_a_refusal_calls_in_again_those_who_were_stood_down() -> None:
    # Invariant 5: the second rise is a rise. The duty officer was stood down after the first.
    run = Desk().change(proposed()).answer("stab-tib-1", generation=2).answer("vatten-drift-1", generation=2)
    refused = proposal(state=ProposalState.REFUSED, decided_by="nord-direktor-1")
    run.at(3).change(matter(cause(level=SPECIAL), generation=2, proposals=(refused,)), "Avslaget.")
    run.heard()
    again = proposal(number=2, causes=("c2",))
    causes = (cause(level=SPECIAL), cause("c2", 60, level=SPECIAL))
    run.at(60).change(
        matter(*causes, alert_level=SPECIAL, basis=Basis.PROVISIONAL, generation=3, proposals=(refused, again))
    )
    assert "stab-tib-1" in [n.person for n in run.heard() if n.answerable]


def test_when_a_proposal_is_withdrawn_those_called_in_for_it_are_stood_down_too() -> None:
    # Its causes are over, another keeps the matter open. Whoever was called in for the level alone is not chased.
    run = Desk().change(proposed()).answer("vatten-drift-1", generation=2)
    withdrawn = proposal(state=ProposalState.WITHDRAWN)
    over = cause(level=SPECIAL, cleared_at=START)
    run.heard()
    run.at(3).change(matter(over, cause("c2"), generation=2, proposals=(withdrawn,)), "Förslaget gäller inte längre.")
    run.heard()
    later = run.at(120).heard()
    assert [n.person for n in later if n.answerable and "stab" in {a.organisation for a in n.asked}] == []


def test_life_in_danger_asks_the_whole_chain_in_every_round() -> None:
    # Nobody has answered anybody: the next round is no more patient than the first.
    run = Desk().change(matter(cause(danger_to_life=True)))
    run.heard()
    run.at(5).heard()
    assert run.row().state is ObligationState.UNDELIVERED
    assert sorted(run.at(15).asked()) == sorted(CHAIN)


# --- answers that do not count ---------------------------------------------------------------------------------------


def test_an_answer_from_somebody_not_asked_is_refused_and_logged() -> None:
    run = desk().answer("gatan-gatujour-1")
    assert run.row().state is ObligationState.ASKED
    assert run.logged(Happening.REFUSED)


def test_an_answer_about_a_matter_that_is_not_known_changes_nothing() -> None:
    run = Desk().answer("vatten-drift-1")
    assert run.entries == {}


def test_an_answer_discharges_every_role_of_the_person() -> None:
    both = cause(functions=("water", "streets"))
    duties = [
        {"role": "drift", "organisation": "vatten", "holder": "vatten-drift-1", "deputies": ["vatten-drift-2"]},
        {"role": "gatujour", "organisation": "gatan", "holder": "vatten-drift-1", "deputies": ["gatan-gatujour-2"]},
        {"role": "tib", "organisation": "stab", "holder": "stab-tib-1", "deputies": ["stab-tib-2"]},
    ]
    run = Desk(town(duties=duties)).change(matter(both)).answer("vatten-drift-1")
    assert run.row("drift@vatten").state is ObligationState.ACKNOWLEDGED
    assert run.row("gatujour@gatan").state is ObligationState.ACKNOWLEDGED


def test_somebody_with_several_roles_gets_one_notice_that_lists_them() -> None:
    both = cause(functions=("water", "streets"))
    duties = [
        {"role": "drift", "organisation": "vatten", "holder": "vatten-drift-1", "deputies": ["vatten-drift-2"]},
        {"role": "gatujour", "organisation": "gatan", "holder": "vatten-drift-1", "deputies": ["gatan-gatujour-2"]},
        {"role": "tib", "organisation": "stab", "holder": "stab-tib-1", "deputies": ["stab-tib-2"]},
    ]
    run = Desk(town(duties=duties)).change(matter(both))
    (notice,) = (n for n in run.notices if n.person == "vatten-drift-1")
    assert {(a.role, a.organisation) for a in notice.asked} == {("drift", "vatten"), ("gatujour", "gatan")}


# --- the end ---------------------------------------------------------------------------------------------------------


def closed(*causes: Cause, **more: Any) -> Matter:
    over = tuple(c.model_copy(update={"cleared_at": START + timedelta(hours=1)}) for c in causes or (cause(),))
    return matter(*over, closed_at=START + timedelta(hours=1), **more)


def test_a_closed_matter_asks_nobody_and_chases_nobody() -> None:
    run = desk().at(3).change(closed())
    assert run.row().state is ObligationState.CANCELLED
    run.heard()
    assert run.at(600).asked() == []


def all_clear_of(run: Desk) -> list[str]:
    told = {n.person for n in run.heard()}
    run.change(closed(generation=9))
    clear = [n.person for n in run.heard() if n.purpose is Purpose.ALL_CLEAR]
    assert len(clear) == len(set(clear))
    assert set(clear) == told, f"not told that it is over: {sorted(told - set(clear))}"
    return clear


def test_the_all_clear_goes_to_whoever_was_asked() -> None:
    assert all_clear_of(desk()) == ["vatten-drift-1"]


def test_the_all_clear_goes_to_those_who_did_not_answer_too() -> None:
    all_clear_of(desk().at(12).answer("vatten-vd-1"))


def test_the_all_clear_goes_to_those_of_earlier_rounds() -> None:
    all_clear_of(desk().at(42))


def test_the_all_clear_goes_to_those_who_were_asked_before_the_level_rose() -> None:
    all_clear_of(desk().at(6).answer("vatten-drift-2").change(proposed()))


def test_the_all_clear_goes_to_the_whole_chain_after_danger_to_life() -> None:
    all_clear_of(Desk().change(matter(cause(danger_to_life=True))).at(1).answer("stab-tib-1"))


def test_the_all_clear_goes_to_those_who_were_only_told() -> None:
    run = Desk().change(matter(cause(action=Action.INFORM)))
    run.handed(run.notices[0])
    all_clear_of(run)


def test_the_all_clear_asks_for_nothing() -> None:
    run = desk().change(closed())
    assert not run.notices[-1].answerable


def test_a_matter_that_opens_again_asks_again() -> None:
    run = desk().answer("vatten-drift-1").at(60).change(closed())
    run.heard()
    run.at(70).change(matter(cause().model_copy(update={"cleared_at": START}), cause("c1", 70)))
    assert [n.person for n in run.heard() if n.answerable] == ["vatten-drift-1"]


def test_a_matter_that_opens_again_and_rises_asks_again() -> None:
    run = desk().at(60).change(closed())
    run.heard()
    run.at(70).change(proposed())
    assert "vatten-drift-1" in [n.person for n in run.heard() if n.answerable]


# --- what else holds -------------------------------------------------------------------------------------------------


def test_each_notice_has_its_own_id_and_the_matters_mailings_are_counted() -> None:
    run = desk().at(30)
    assert len({n.id for n in run.notices}) == len(run.notices)
    assert [n.number for n in run.notices] == list(range(1, len(run.notices) + 1))


def test_a_rule_names_somebody_with_the_principle_and_action_it_says() -> None:
    extra = Addressee(role="natdrift", organisation="natet")
    run = Desk().change(matter(cause(notify=(extra,))))
    row = run.row("natdrift@natet").row
    assert (row.action, row.principle.value, row.relation.value) == (Action.INFORM, "cooperation", "inform")


def test_whoever_steps_in_is_told_for_whom() -> None:
    run = desk().at(10)
    assert run.notices[-1].person == "vatten-vd-1"
    assert run.notices[-1].asked[0].instead_of == "Drift, Vatten"


def test_an_organisation_that_leaves_the_profile_does_not_break_its_matters() -> None:
    # Semantics 12: a row never changes by a reload. A step that fails would stop the chain for good.
    run = desk()
    run.heard()
    run.profile = town(organisations=[o for o in TOWN["organisations"] if o["id"] != "vatten"])
    assert run.at(40).asked()


def test_nobody_is_told_in_an_exercise_that_does_not_exist() -> None:
    run = Desk(realm="exercise/external").change(matter(cause(danger_to_life=True))).at(600)
    assert run.notices == []


def test_an_exercise_asks_its_participants_and_its_leader_only() -> None:
    run = Desk(realm="exercise/ovning").change(proposed()).at(600)
    assert {n.person for n in run.notices} <= {"vatten-drift-2", "ledare"}


def test_a_person_without_any_channel_is_passed_over_at_once() -> None:
    rule = {"id": "f", "name": "Läcka", "when": {"incidents": "leak"}, "each": "district"}
    dead = {f"vatten-drift-1-{medium}": Verdict.REJECTED for medium in ("push", "sms")}
    run = Play(town([rule]), providers=answering(dead))
    run.incident("leak", "l", area="nord")
    assert [n.person for n in run.notices if n.asked[0].organisation == "vatten"] == [
        "vatten-drift-1",
        "vatten-drift-2",
    ]
