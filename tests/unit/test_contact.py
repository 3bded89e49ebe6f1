"""Contact: how and when one person is reached. One person's key; seconds count from 05:40."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from notifiers.attempt import Attempt, Outcome, Verdict
from notifiers.contact import step
from notifiers.notice import Asked, Handover, Notice, NoticeRecord, NoticeState, Purpose
from notifiers.profile import Profile
from rules.ladder import Action
from rules.matter import Basis
from rules.registry import Relation
from rules.step import State, TimerDue
from streams.view import View
from tests.laws.strategies import START, TOWN, Play, town

PERSON = "vatten-drift-1"
ASKED = Asked(
    role="drift", organisation="vatten", action=Action.ACT, relation=Relation.REQUEST, because="Vatten ansvarar"
)


def notice(identity: str, **more: Any) -> Notice:
    base: dict[str, Any] = {
        "id": identity,
        "person": PERSON,
        "matter": "nord-20261013-1",
        "generation": 1,
        "purpose": Purpose.ALERT,
        "number": 1,
        "title": "Lågt tryck, Nord",
        "what": f"Det här är {identity}.",
        "place": "Nord",
        "level": "normal",
        "basis": Basis.DETECTED,
        "declared_state": "normal",
        "danger_to_life": False,
        "asked": (ASKED,),
        "at": START,
    }
    return Notice(**(base | more))


class Phone:
    """The key of one person, with its timers."""

    def __init__(self, profile: Profile | None = None, person: str = PERSON, realm: str = "live") -> None:
        self.profile = profile or town()
        self.person, self.realm = person, realm
        self.entries: dict[str, Any] = {}
        self.timers: dict[str, datetime] = {}
        self.now = START
        self.attempts: list[Attempt] = []
        self.handovers: list[Handover] = []
        self.records: list[NoticeRecord] = []

    def take(self, message: Any) -> Phone:
        taken = step(self.profile, State(self.realm, self.person, self.entries), message, self.now)
        self.entries = {k: v for k, v in (self.entries | dict(taken.changes)).items() if v is not None}
        timers = self.timers | dict(taken.timers)
        self.timers = {name: due for name, due in timers.items() if due is not None}
        for output in taken.outputs:
            match output.message:
                case Attempt():
                    self.attempts.append(output.message)
                case Handover():
                    self.handovers.append(output.message)
                case NoticeRecord():
                    self.records.append(output.message)
        return self

    def at(self, second: float) -> Phone:
        until = START + timedelta(seconds=second)
        while due := sorted((due, name) for name, due in self.timers.items() if due <= until):
            self.now, name = due[0]
            del self.timers[name]
            self.take(TimerDue(name=name, due=self.now))
        self.now = until
        return self

    def gets(self, *identities: str, **more: Any) -> Phone:
        for identity in identities:
            self.take(notice(identity, at=self.now, **more))
        return self

    def comes(self, verdict: Verdict, attempt: Attempt | None = None) -> Phone:
        """The outcome of an attempt, the newest unless said."""
        known = attempt or self.attempts[-1]
        return self.take(
            Outcome(attempt=known.id, notice=known.notice, person=self.person, verdict=verdict, why="därför")
        )

    @property
    def bodies(self) -> list[str]:
        return [a.body for a in self.attempts]


# --- the window ------------------------------------------------------------------------------------------------------


def test_the_first_notice_goes_at_once() -> None:
    assert len(Phone().gets("a").attempts) == 1


def test_what_comes_within_ten_seconds_goes_as_one_message_at_their_end() -> None:
    phone = Phone().gets("a").at(3).gets("b").at(9).gets("c")
    assert len(phone.attempts) == 1
    phone.at(9.99)
    assert len(phone.attempts) == 1
    phone.at(10)
    assert len(phone.attempts) == 2
    assert "Det här är b." in phone.bodies[1]
    assert "Det här är c." in phone.bodies[1]


def test_after_the_window_the_next_goes_at_once() -> None:
    assert len(Phone().gets("a").at(10).gets("b").attempts) == 2


def test_what_was_sent_at_the_end_of_a_window_opens_another() -> None:
    phone = Phone().gets("a").at(5).gets("b").at(15).gets("c")
    assert len(phone.attempts) == 2
    assert len(phone.at(20).attempts) == 3


def test_danger_to_life_waits_for_nothing() -> None:
    phone = Phone().gets("a").at(1).gets("b", danger_to_life=True)
    assert len(phone.attempts) == 2


def test_danger_to_life_does_not_take_what_waits_with_it_and_does_not_lose_it() -> None:
    phone = Phone().gets("a").at(1).gets("b").at(2).gets("c", danger_to_life=True).at(10)
    assert ["Det här är b." in body for body in phone.bodies] == [False, False, True]


def test_what_asks_for_an_answer_stands_before_what_only_tells() -> None:
    phone = Phone().gets("a").at(1).gets("b", purpose=Purpose.UPDATE).at(2).gets("c").at(10)
    assert phone.bodies[1].index("Det här är c.") < phone.bodies[1].index("Det här är b.")


def test_no_rise_is_lost_when_many_are_merged() -> None:
    # Invariant 5. A storm: forty matters ask the duty officer within ten seconds.
    phone = Phone().gets("a").at(1)
    names = [f"n{i}" for i in range(40)]
    for name in names:
        phone.gets(name, what=f"{name}: " + "Lågt vattentryck i Södermalm, 1,8 bar. " * 4)
    phone.at(10)
    for attempt in phone.attempts:
        phone.comes(Verdict.ACCEPTED, attempt)
    assert {h.notice for h in phone.handovers} >= set(names)
    assert all(any(f"{name}: " in body for body in phone.bodies) for name in names)


def test_the_longest_notice_there_is_can_be_sent() -> None:
    long = "å" * 4000
    phone = Phone().gets("a", title=long, what=long, place=long[:500], first_step=long[:500])
    assert phone.attempts


def test_a_late_timer_loses_nothing_that_waits() -> None:
    # rules.step: a timer may come early, late or twice. Here a notice overtakes the one that ends the window.
    phone = Phone().gets("a").at(5).gets("b")
    phone.now = START + timedelta(seconds=11)
    phone.gets("c").at(60)
    assert any("Det här är b." in body for body in phone.bodies)


@pytest.mark.parametrize("second", [0, 5, 10, 300])
def test_the_same_notice_twice_is_sent_once(second: float) -> None:
    phone = Phone().gets("a").comes(Verdict.ACCEPTED).at(second).gets("a").at(600)
    assert len(phone.attempts) == 1


def test_the_same_notice_twice_is_sent_once_while_it_waits() -> None:
    phone = Phone().gets("a").at(1).gets("b").gets("b").at(10)
    assert phone.bodies[1].count("Det här är b.") == 1


def test_each_merged_notice_is_reported_to_its_own_matter() -> None:
    phone = Phone().gets("a").at(1).gets("b", matter="syd-20261013-1").gets("c", matter="ost-20261013-1")
    phone.at(10).comes(Verdict.ACCEPTED)
    assert {(h.notice, h.matter, h.reached) for h in phone.handovers} == {
        ("b", "syd-20261013-1", True),
        ("c", "ost-20261013-1", True),
    }


def test_what_waited_is_not_shown_as_waiting_once_it_was_sent() -> None:
    view = View(lambda realm, identity: identity)
    phone = Phone().gets("a").at(1).gets("b").gets("c").at(10).comes(Verdict.ACCEPTED)
    for record in phone.records:
        view.apply("live", record)
    found = view._situations["live", "nord-20261013-1"].notices.values()
    assert [r.id for r in found if r.state is NoticeState.WAITING] == []


# --- the channels ----------------------------------------------------------------------------------------------------


def test_the_first_channel_is_the_first_the_person_named() -> None:
    assert [a.channel for a in Phone().gets("a").attempts] == [f"{PERSON}-push"]


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.RETRYABLE, Verdict.TIMED_OUT])
def test_a_channel_that_did_not_take_it_is_followed_by_the_next_at_once(verdict: Verdict) -> None:
    phone = Phone().gets("a").at(2).comes(verdict)
    assert [a.channel for a in phone.attempts] == [f"{PERSON}-push", f"{PERSON}-sms"]


def test_a_channel_that_says_nothing_is_followed_by_the_next_at_the_attempts_deadline() -> None:
    phone = Phone().gets("a").at(29.9)
    assert len(phone.attempts) == 1
    assert [a.channel for a in phone.at(30).attempts] == [f"{PERSON}-push", f"{PERSON}-sms"]


def test_an_outcome_that_comes_after_the_next_attempt_is_ignored() -> None:
    phone = Phone().gets("a").at(30)
    phone.comes(Verdict.REJECTED, phone.attempts[0])
    assert len(phone.attempts) == 2
    assert phone.handovers == []


def test_the_same_outcome_twice_makes_one_further_attempt() -> None:
    phone = Phone().gets("a")
    first = phone.attempts[0]
    phone.comes(Verdict.RETRYABLE, first).comes(Verdict.RETRYABLE, first)
    assert len(phone.attempts) == 2


def test_an_accepted_message_is_handed_over_and_tried_no_more() -> None:
    phone = Phone().gets("a").comes(Verdict.ACCEPTED).at(3600)
    assert [(h.notice, h.reached) for h in phone.handovers] == [("a", True)]
    assert len(phone.attempts) == 1


def test_when_every_channel_has_failed_twice_alert_is_told() -> None:
    phone = Phone().gets("a")
    for _ in range(4):
        phone.comes(Verdict.RETRYABLE)
    assert [a.medium for a in phone.attempts] == ["push", "sms", "push", "sms"]
    assert [(h.notice, h.reached) for h in phone.handovers] == [("a", False)]
    assert "4 försök" in phone.handovers[0].why


def test_silence_on_every_channel_is_told_to_alert_in_bounded_time() -> None:
    phone = Phone().gets("a").at(4 * 30)
    assert [h.reached for h in phone.handovers] == [False]
    assert not [name for name in phone.timers if name.startswith("attempt/")]


def test_somebody_without_channels_has_failed_at_once() -> None:
    phone = Phone(person="nobody")
    phone.take(notice("a", person="nobody"))
    assert phone.attempts == []
    assert [(h.notice, h.reached, h.why) for h in phone.handovers] == [("a", False, "ingen kanal är angiven")]


def test_attempts_are_named_by_notice_channel_and_number_and_never_alike() -> None:
    phone = Phone().gets("a")
    for _ in range(3):
        phone.comes(Verdict.RETRYABLE)
    assert [a.id for a in phone.attempts] == ["a.push.1", "a.sms.2", "a.push.3", "a.sms.4"]


def test_an_early_timer_makes_no_attempt() -> None:
    phone = Phone().gets("a")
    phone.now = START + timedelta(seconds=29)
    phone.take(TimerDue(name="attempt/a", due=START + timedelta(seconds=30)))
    assert len(phone.attempts) == 1


def test_in_an_exercise_only_exercise_channels_are_used() -> None:
    phone = Phone(realm="exercise/ovning").gets("a")
    for _ in range(2):
        phone.comes(Verdict.RETRYABLE)
    assert {a.channel for a in phone.attempts} == {f"ovning-{PERSON}"}


def test_one_persons_two_messages_do_not_mix_up_their_outcomes() -> None:
    phone = Phone().gets("a").at(1).gets("b", danger_to_life=True)
    first, second = phone.attempts
    phone.comes(Verdict.ACCEPTED, second).comes(Verdict.REJECTED, first)
    assert [(h.notice, h.reached) for h in phone.handovers] == [("b", True)]
    assert phone.attempts[-1].notice == "a"


def test_a_notice_from_an_organisation_that_left_the_profile_is_still_sent() -> None:
    # Semantics 12: a reload moves no row, so its people are still asked; the message must not fail on the name.
    smaller = town(organisations=[o for o in TOWN["organisations"] if o["id"] != "vatten"])
    known = town().roster
    phone = Phone(Profile(smaller.policy, known)).gets("a")
    assert len(phone.attempts) == 1


def test_a_storm_of_matters_reaches_the_duty_officer() -> None:
    # Through all stages: sixty places report within six seconds, each a matter of its own.
    run = Play(town())
    for index in range(60):
        run.at(index / 600).incident("marsmanniskor", f"m{index}", text="Det står någon på taket och vinkar. " * 3)
    run.at(5)
    sent = "\n".join(a.body for a in run.sent if a.person == "stab-tib-1")
    assert all(matter.id in sent for matter in run.open)
