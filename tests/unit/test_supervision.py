"""What counts as a dead way out, what counts as trouble, and who is told of it, when and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import pytest

from notifiers.attempt import Medium, Verdict
from notifiers.degradation import GRAVE, Degradation, Trouble, message, over, what_to_do, wrong
from notifiers.roster import Contact, Duty, Person, Role, Roster
from notifiers.supervision import (
    CALM_S,
    DEAD_LETTERS_S,
    ROUND_S,
    STUCK_S,
    TOLD_MAX,
    TOLD_WITHIN_S,
    Look,
    Said,
    Send,
    Supervision,
    Unreached,
    Watched,
    step,
    way_out,
)
from notifiers.ways import KNOWN_FOR_S, REPORTING_S, Canary, Heard, Pulse, Route, Standing, routes

SMS, MAIL = "46elks-aaaaaa", "mailto-bbbbbb"
PROVIDERS = {"ada-sms": SMS, "ada-mail": MAIL, "bo-sms": SMS, "cy-mail": MAIL, "prov-sms": SMS, "prov-mail": MAIL}
PROBES = {"prov-sms": Canary("prov-sms", Medium.SMS), "prov-mail": Canary("prov-mail", Medium.MAIL)}
CHANNEL_SMS = Trouble(Degradation.CHANNEL, "sms genom 46elks-aaaaaa")


def person(identity: str, *contacts: tuple[Medium, str]) -> Person:
    named = tuple(Contact(medium=medium, channel=channel) for medium, channel in contacts)
    return Person(id=identity, name=identity.title(), contacts=named)


def roster(holder: str = "ada") -> Roster:
    """Ada is tib and Bo deputises; Cy has no such role."""
    persons = (
        person("ada", (Medium.SMS, "ada-sms"), (Medium.MAIL, "ada-mail")),
        person("bo", (Medium.SMS, "bo-sms")),
        person("cy", (Medium.MAIL, "cy-mail")),
    )
    deputy = "bo" if holder == "ada" else "ada"
    return Roster(
        roles={"tib": Role(id="tib", name="Tjänsteperson i beredskap")},
        duties={("tib", "staden"): Duty(role="tib", organisation="staden", holder=holder, deputies=(deputy,))},
        persons={p.id: p for p in persons},
    )


@dataclass
class World:
    """A clock, providers that answer as told, and a disk; looks once a second as the host does."""

    canaries: dict[str, Canary] = field(default_factory=lambda: dict(PROBES))
    dead: set[str] = field(default_factory=set)
    answers: Callable[[Send], Verdict | None] | None = None
    look: Look = field(default_factory=lambda: Look(saved_s=0.0))
    now_s: float = 0.0
    frozen: bool = False  # nothing is saved any more
    reserve: bool = False  # and what is critical is saved all the same when the disk is full
    roster: Roster = field(default_factory=roster)

    def __post_init__(self) -> None:
        self.state = Supervision("m")
        self.sent: list[tuple[float, Send]] = []
        self.said: list[tuple[float, Said]] = []
        self.unreached: list[float] = []

    @property
    def watched(self) -> Watched:
        return Watched(self.roster, routes(self.roster, PROVIDERS, self.canaries), PROVIDERS)

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.now_s += 1
            if not self.frozen and (self.reserve or not self.look.fault):
                self.look = replace(self.look, saved_s=self.now_s)
            self.state, outputs = step(self.watched, self.state, self.look, self.now_s)
            for output in outputs:
                self._take(output)

    def _take(self, output: object) -> None:
        match output:
            case Send():
                self.sent.append((self.now_s, output))
                verdict = self._verdict(output)
                if verdict is not None:
                    self.hear(output.attempt, output.leg.channel, verdict)
            case Said():
                self.said.append((self.now_s, output))
            case Unreached():
                self.unreached.append(self.now_s)

    def _verdict(self, send: Send) -> Verdict | None:
        if self.answers is not None:
            return self.answers(send)
        return Verdict.RETRYABLE if PROVIDERS[send.leg.channel] in self.dead else Verdict.ACCEPTED

    def hear(self, attempt: str, channel: str, verdict: Verdict, called: bool = True) -> None:
        heard = Heard(attempt, channel, verdict, "så gick det", called)
        self.state, _ = step(self.watched, self.state, heard, self.now_s)

    def real(self, channel: str, verdict: Verdict, called: bool = True) -> None:
        """An attempt to a person, which the machine did not order."""
        self.hear("notice.sms.1", channel, verdict, called)

    @property
    def told(self) -> list[tuple[float, Send]]:
        return [(at, send) for at, send in self.sent if not send.canary]

    @property
    def titles(self) -> list[str]:
        return [said.title for _, said in self.said]

    def standing(self, provider: str) -> Standing:
        route = next(r for r in self.watched.routes if r.provider == provider)
        return self.state.pulse(route).standing(route, self.now_s)


def without_canaries() -> World:
    return World(canaries={})


# --- ways out --------------------------------------------------------------------------------------------------------


def test_a_way_that_was_never_tried_is_unknown_and_a_taken_canary_makes_it_known() -> None:
    world = without_canaries()
    world.run(5)
    assert world.standing(SMS) is Standing.UNKNOWN
    tried = World()
    tried.run(1)
    assert tried.standing(SMS) is tried.standing(MAIL) is Standing.WORKS


def test_a_way_that_was_not_tried_for_long_is_unknown_again() -> None:
    world = without_canaries()
    world.real("ada-sms", Verdict.ACCEPTED)
    world.run(KNOWN_FOR_S - 1)
    assert world.standing(SMS) is Standing.WORKS
    world.run(5)
    assert world.standing(SMS) is Standing.UNKNOWN


def test_canaries_go_out_at_their_interval_to_their_test_address_and_nowhere_else() -> None:
    world = World(canaries={"prov-sms": Canary("prov-sms", Medium.SMS, 60.0)})
    world.run(181)
    assert [at for at, _ in world.sent] == [1, 61, 121, 181]
    assert {send.leg.channel for _, send in world.sent} == {"prov-sms"}
    assert all(send.canary for _, send in world.sent)


@pytest.mark.parametrize("moment", range(0, 60, 7))
@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "refuses"])
def test_a_provider_that_dies_at_any_moment_is_told_of_within_a_hundred_seconds(moment: int, hangs: bool) -> None:
    world = World()
    world.run(120 + moment)
    dead_s = world.now_s
    if hangs:
        late: list[tuple[float, Send]] = []
        world.answers = lambda send: (
            late.append((world.now_s + 15, send)) if send.leg.channel.endswith("sms") else Verdict.ACCEPTED
        )  # type: ignore[func-returns-value]
        while world.now_s < dead_s + REPORTING_S:
            world.run(1)
            for due_s, send in tuple(late):
                if world.now_s >= due_s:
                    late.remove((due_s, send))
                    world.hear(send.attempt, send.leg.channel, Verdict.TIMED_OUT)
    else:
        world.dead = {SMS}
        world.run(REPORTING_S)
    [(at, said)] = world.said
    assert at - dead_s <= REPORTING_S
    assert said.title == "beredd: sms genom 46elks-aaaaaa fungerar inte"
    assert [send.leg.channel for _, send in world.told] == ["ada-mail"]


def test_a_canary_that_fails_once_says_nothing_and_is_tried_again_at_once() -> None:
    world = World()
    world.run(30)
    world.dead = {SMS}
    world.run(32)
    world.dead = set()
    world.run(120)
    assert not world.said


def test_a_message_that_fails_where_no_canary_can_ask_is_told_at_once() -> None:
    world = without_canaries()
    world.real("bo-sms", Verdict.TIMED_OUT)
    world.run(1)
    assert world.titles == ["beredd: sms genom 46elks-aaaaaa fungerar inte"]


def test_a_message_that_fails_where_there_is_a_canary_lets_the_canary_ask_at_once() -> None:
    world = World()
    world.run(30)
    before = len(world.sent)
    world.real("bo-sms", Verdict.RETRYABLE)
    world.run(1)
    assert [send.leg.channel for _, send in world.sent[before:]] == ["prov-sms"]
    assert not world.said


def test_one_refused_address_says_nothing_of_its_provider_and_two_do() -> None:
    world = without_canaries()
    world.real("ada-sms", Verdict.REJECTED)
    world.real("ada-sms", Verdict.REJECTED)
    assert world.standing(SMS) is Standing.UNKNOWN
    world.real("bo-sms", Verdict.REJECTED)
    assert world.standing(SMS) is Standing.FAILING


def test_two_refused_addresses_with_a_taken_one_between_say_nothing() -> None:
    world = without_canaries()
    for channel, verdict in (("ada-sms", Verdict.REJECTED), ("bo-sms", Verdict.ACCEPTED), ("bo-sms", Verdict.REJECTED)):
        world.real(channel, verdict)
    assert world.standing(SMS) is Standing.WORKS


def test_an_attempt_that_was_never_made_says_nothing_of_the_provider() -> None:
    world = without_canaries()
    world.real("ada-sms", Verdict.RETRYABLE, called=False)
    world.real("bo-sms", Verdict.REJECTED, called=False)
    assert world.standing(SMS) is Standing.UNKNOWN


def test_in_a_storm_a_canary_that_finds_no_place_does_not_make_a_working_provider_dead() -> None:
    world = World()
    world.run(10)
    world.answers = lambda send: Verdict.RETRYABLE if send.canary else Verdict.ACCEPTED
    for _ in range(300):
        world.run(1)
        world.real("cy-mail", Verdict.ACCEPTED)
        world.real("bo-sms", Verdict.ACCEPTED)
    assert not world.said


def test_a_dead_provider_does_not_cost_a_canary_every_five_seconds() -> None:
    world = World(canaries={"prov-sms": PROBES["prov-sms"]}, dead={SMS})
    world.run(3600)
    assert len([send for _, send in world.sent if send.canary]) < 3600 / 60 + 5


def test_a_canary_of_which_nothing_is_heard_is_our_own_fault_and_is_told() -> None:
    world = World(canaries={"prov-sms": PROBES["prov-sms"]})
    world.answers = lambda send: None if send.canary else Verdict.ACCEPTED
    world.run(60)
    assert world.titles == ["beredd: provet av sms genom 46elks-aaaaaa gick inte iväg, så inte heller larm gör det"]


def test_the_way_out_is_one_to_whoever_is_the_last_resort() -> None:
    world = without_canaries()
    world.roster = roster("bo")
    alone = Roster(
        roles=world.roster.roles,
        duties={("tib", "staden"): Duty(role="tib", organisation="staden", holder="bo")},
        persons=world.roster.persons,
    )
    world.roster = alone
    world.real("cy-mail", Verdict.ACCEPTED)
    assert way_out(world.watched, world.state, 1.0) is Standing.UNKNOWN
    world.real("bo-sms", Verdict.ACCEPTED)
    assert way_out(world.watched, world.state, 1.0) is Standing.WORKS


def test_routes_are_by_provider_and_know_their_canary() -> None:
    found = routes(roster(), PROVIDERS, PROBES)
    assert found == (
        Route(SMS, (Medium.SMS,), True, PROBES["prov-sms"]),
        Route(MAIL, (Medium.MAIL,), True, PROBES["prov-mail"]),
    )


def test_the_default_canary_keeps_the_reporting_time_and_a_rare_one_says_that_it_does_not() -> None:
    assert Canary("x", Medium.SMS).reporting_s <= REPORTING_S
    assert Canary("x", Medium.SMS, 300.0).reporting_s == 335.0


def test_a_rare_canary_is_known_for_two_of_its_intervals() -> None:
    route = Route(SMS, (Medium.SMS,), True, Canary("prov-sms", Medium.SMS, 3600.0))
    assert Pulse(works_s=0.0).standing(route, 7199.0) is Standing.WORKS


# --- what is told ----------------------------------------------------------------------------------------------------


def test_a_trouble_is_told_once_when_it_begins_and_once_when_it_has_been_gone_for_a_while() -> None:
    world = World()
    world.run(10)
    world.look = replace(world.look, fault=True)
    world.run(600)
    world.look = replace(world.look, fault=False)
    world.run(CALM_S + 2)
    assert world.titles == [
        "beredd: ingenting kan sparas, och nya händelser avvisas",
        "beredd: det går att spara igen",
    ]


def test_the_first_thing_a_message_says_is_what_to_do_and_that_it_is_about_the_system() -> None:
    for kind in Degradation:
        title, body = message((Trouble(kind, "sms"),), ())
        assert title.startswith("beredd: ")
        assert body.startswith(f"Gör först: {what_to_do(Trouble(kind))}")
        assert "larmsystemet självt" in body
        assert "ring 112" in body


def test_every_kind_of_trouble_has_its_own_words() -> None:
    said = [f(Trouble(kind, "X")) for kind in Degradation for f in (wrong, over)]
    assert len(set(said)) == len(said)
    assert not [each for each in said if "{" in each]


def test_what_comes_and_goes_is_told_a_bounded_number_of_times_and_still_told_later() -> None:
    world = World()
    for _ in range(20):
        world.look = replace(world.look, fault=True)
        world.run(12)
        world.look = replace(world.look, fault=False)
        world.run(CALM_S + 5)
    begun = [t for t in world.titles if "kan sparas" in t]
    assert world.now_s < TOLD_WITHIN_S
    assert len(begun) == TOLD_MAX
    world.run(TOLD_WITHIN_S)
    world.look = replace(world.look, fault=True)
    world.run(12)
    assert len([t for t in world.titles if "kan sparas" in t]) == TOLD_MAX + 1


def test_a_flicker_shorter_than_the_calm_is_one_trouble() -> None:
    world = World()
    for _ in range(20):
        world.look = replace(world.look, fault=True)
        world.run(12)
        world.look = replace(world.look, fault=False)
        world.run(CALM_S / 2)
    assert len(world.titles) == 1


def test_what_begins_in_the_same_moment_is_one_message_with_the_gravest_first() -> None:
    world = World()
    world.run(3)
    world.look = replace(world.look, fault=True)
    world.run(8)
    world.look = replace(world.look, dead=1, reported=frozenset({Trouble(Degradation.CLOCK)}))
    world.run(1)
    [(_, said)] = world.said
    assert said.title == "beredd: ingenting kan sparas, och nya händelser avvisas (+2 till)"
    assert "maskinens klocka har hoppat" in said.body


def test_a_full_disk_with_room_kept_for_what_is_critical_is_told_before_that_is_used_up() -> None:
    world = World(reserve=True)
    world.run(10)
    world.look = replace(world.look, fault=True)
    world.run(30)
    assert world.titles == ["beredd: en del kan inte sparas, troligen för att disken är full"]
    world.reserve = False
    world.run(30)
    assert world.titles[1:] == ["beredd: ingenting kan sparas, och nya händelser avvisas"]


def test_one_commit_that_fails_alone_is_not_told() -> None:
    world = World()
    world.run(10)
    world.look = replace(world.look, fault=True)
    world.run(5)
    world.look = replace(world.look, fault=False)
    world.run(30)
    assert not world.said


def test_a_write_that_is_never_saved_is_told_though_nothing_says_why() -> None:
    world = World()
    world.run(10)
    world.frozen = True
    world.run(STUCK_S + 2)
    assert world.titles == ["beredd: det som rapporteras blir inte sparat i tid"]


def test_what_follows_from_a_graver_thing_is_not_told_beside_it() -> None:
    world = World()
    world.look = replace(world.look, fault=True, timers_late_s=999.0, outbox_oldest_s=999.0)
    world.look = replace(world.look, saved_s=-60.0)
    world.run(3)
    assert set(world.state.present) == {Trouble(Degradation.UNSAVED)}


@pytest.mark.parametrize(
    ("look", "kind"),
    [
        (Look(1.0, timers_late_s=31.0), Degradation.TIMERS_LATE),
        (Look(1.0, outbox_oldest_s=61.0), Degradation.OUTBOX_LATE),
        (Look(1.0, dead=1), Degradation.DEAD_LETTERS),
        (Look(1.0, reported=frozenset({Trouble(Degradation.EXPIRING, "x")})), Degradation.EXPIRING),
    ],
)
def test_each_vital_sign_past_its_limit_is_a_trouble(look: Look, kind: Degradation) -> None:
    world = World()
    world.look = look
    world.run(1)
    assert {trouble.what for trouble in world.state.present} == {kind}


def test_messages_set_aside_are_told_and_the_end_comes_when_no_more_have_been_for_a_while() -> None:
    world = World()
    world.look = replace(world.look, dead=3)
    world.run(DEAD_LETTERS_S + CALM_S + 5)
    assert len(world.titles) == 2
    world.look = replace(world.look, dead=4)
    world.run(1)
    assert len(world.titles) == 3


# --- who is told -----------------------------------------------------------------------------------------------------


def test_the_holder_of_tib_is_told_by_the_first_channel_that_takes_it() -> None:
    world = World()
    world.run(3)
    world.look = replace(world.look, dead=1)
    world.run(30)
    assert [(send.leg.person, send.leg.channel) for _, send in world.told] == [("ada", "ada-sms")]


def test_whoever_has_the_role_at_that_instant_is_told() -> None:
    world = World()
    world.run(3)
    world.roster = roster("bo")
    world.look = replace(world.look, dead=1)
    world.run(3)
    assert [send.leg.person for _, send in world.told] == ["bo"]


def test_when_the_chain_is_broken_each_of_them_is_told() -> None:
    world = World()
    world.run(3)
    world.look = replace(world.look, fault=True)
    world.run(12)
    assert {send.leg.person for _, send in world.told} == {"ada", "bo"}


def test_a_channel_that_is_known_to_fail_is_tried_last() -> None:
    world = World(dead={SMS})
    world.run(30)
    assert [send.leg.channel for _, send in world.told] == ["ada-mail"]


def test_when_a_channel_hangs_the_next_is_tried_in_bounded_time() -> None:
    world = without_canaries()
    world.answers = lambda send: None if send.leg.channel == "ada-sms" else Verdict.ACCEPTED
    world.look = replace(world.look, dead=1)
    world.run(30)
    assert [send.leg.channel for _, send in world.told] == ["ada-sms", "ada-mail"]


def test_when_nobody_is_reached_it_is_said_and_tried_again_until_somebody_is() -> None:
    world = World(dead={SMS, MAIL})
    world.run(5 * ROUND_S)
    assert Trouble(Degradation.NO_WAY_OUT) in world.state.present
    assert len(world.unreached) >= 2
    tries = len(world.told)
    world.dead = set()
    world.run(ROUND_S + 5)
    assert len(world.told) > tries
    world.run(CALM_S + ROUND_S)
    assert world.titles[-1].startswith("beredd: larm kommer fram igen")
    settled = len(world.told)
    world.run(10 * ROUND_S)
    assert len(world.told) == settled


def test_news_of_what_is_over_before_anybody_heard_of_it_is_not_told_for_ever() -> None:
    world = World()
    world.run(3)
    world.answers = lambda send: Verdict.ACCEPTED if send.canary else Verdict.RETRYABLE
    world.look = replace(world.look, dead=1)
    world.run(DEAD_LETTERS_S + CALM_S + 20 * ROUND_S)
    assert world.state.tellings == ()


def test_attempts_of_one_process_are_not_those_of_another() -> None:
    def attempts(mark: str) -> set[str]:
        world = World()
        world.state = Supervision(mark)
        world.look = replace(world.look, fault=True)
        world.run(12)
        return {send.attempt for _, send in world.sent}

    assert not attempts("20261124T021400") & attempts("20261124T021401")


def test_equal_looks_give_equal_steps() -> None:
    def outputs() -> Iterable[object]:
        world = World()
        world.run(50)
        world.dead = {SMS}
        world.run(200)
        return (world.state, world.sent, world.said)

    assert outputs() == outputs()


def test_the_gravest_are_those_that_break_the_chain_from_event_to_person() -> None:
    kinds = list(Degradation)
    assert {kinds.index(k) for k in GRAVE} == set(range(len(GRAVE)))
