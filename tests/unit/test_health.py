"""When the system is ready, what it says if it is not, and what it cannot see of itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from notifiers.attempt import Medium, Verdict
from notifiers.degradation import Degradation, Trouble
from notifiers.roster import Roster
from notifiers.supervision import Look, Supervision, Watched, step
from notifiers.ways import Canary, Heard, Standing, routes
from streams import health
from streams.health import GRACE_S, NO_WAY, NOT_TRIED, Health, Way
from streams.operations_page import operations
from tests.unit.test_supervision import PROBES, PROVIDERS, roster

START = datetime(2026, 1, 31, 7, 0, tzinfo=UTC)


def watched(canaries: dict[str, Canary] | None = None, known: Roster | None = None) -> Watched:
    people = known or roster()
    return Watched(people, routes(people, PROVIDERS, canaries or {}), PROVIDERS)


def seen(look: Look, *heard: tuple[str, Verdict], at_s: float = 1.0) -> Supervision:
    state = Supervision("m")
    for channel, verdict in heard:
        state, _ = step(watched(), state, Heard("a", channel, verdict), at_s)
    return step(watched(), state, look, at_s)[0]


def reasons(state: Supervision, now_s: float) -> tuple[str, ...]:
    return health.reasons(watched(), state, now_s, began_s=0.0)


def test_at_the_start_it_is_unknown_whether_anybody_can_be_reached_and_that_is_good_enough_for_a_time() -> None:
    state = seen(Look(1.0))
    assert reasons(state, GRACE_S) == ()
    assert reasons(state, GRACE_S + 1) == (NOT_TRIED,)


def test_a_way_that_worked_lately_makes_it_ready_and_one_that_worked_long_ago_does_not() -> None:
    state = seen(Look(1.0), ("ada-sms", Verdict.ACCEPTED))
    assert reasons(state, GRACE_S) == ()
    assert reasons(state, 2 * GRACE_S) == (NOT_TRIED,)


def test_it_is_ready_while_one_of_two_ways_works_and_not_when_both_fail() -> None:
    one = seen(Look(1.0), ("ada-sms", Verdict.RETRYABLE), ("ada-mail", Verdict.ACCEPTED))
    assert reasons(one, 2.0) == ()
    both = seen(Look(1.0), ("ada-sms", Verdict.RETRYABLE), ("ada-mail", Verdict.TIMED_OUT))
    assert [r.split(":")[0] for r in reasons(both, 2.0)] == ["inga larm kommer fram"]


def test_without_a_way_to_whoever_is_the_last_resort_it_is_never_ready() -> None:
    alone = Watched(roster(), routes(roster(), {"cy-mail": "mailto-bbbbbb"}, {}), {"cy-mail": "mailto-bbbbbb"})
    state, _ = step(alone, Supervision("m"), Heard("a", "cy-mail", Verdict.ACCEPTED), 1.0)
    assert health.reasons(alone, state, 2.0, 0.0) == (NO_WAY,)


def test_whatever_breaks_the_chain_is_a_reason_in_words_and_the_rest_is_not() -> None:
    look = Look(1.0, timers_late_s=99.0, outbox_oldest_s=99.0, dead=1)
    assert reasons(seen(look), 2.0) == (
        "meddelanden blir liggande och går inte iväg",
        "frister passerar utan att något händer",
    )


def test_what_cannot_be_seen_is_found() -> None:
    rare = {"prov-sms": replace(PROBES["prov-sms"], every_s=300.0), "bo-sms": Canary("bo-sms", Medium.SMS)}
    found = health.findings(watched({"prov-sms": rare["prov-sms"]}), rare, {"ada": "08"}, heartbeat=False)
    assert found == [
        "e-post genom mailto-bbbbbb: ingen testadress (canaries:); att den dör märks först vid nästa larm",
        "sms genom 46elks-aaaaaa: att den dör berättas först efter 335 s (every:)",
        "testadressen bo-sms: en annan prövar redan samma leverantör",
        "ingen utanför märker om beredd stannar (heartbeat:)",
        "bo: telefonnummer saknas för ringlistan (phones:)",
    ]


def test_with_everything_in_place_nothing_is_found() -> None:
    assert health.findings(watched(PROBES), PROBES, {"ada": "08", "bo": "08"}, heartbeat=True) == []


def test_the_page_says_when_people_are_to_be_called_and_what_to_do_first() -> None:
    way = Way("sms genom x", (Medium.SMS,), True, Standing.UNKNOWN, None, "", None)
    fine = Health((), Standing.WORKS, (way,), (), ())
    channel = replace(fine, troubles=((Trouble(Degradation.CHANNEL, "sms genom x"), START),))
    full = replace(fine, troubles=((Trouble(Degradation.UNSAVED), START),))

    def shown(value: Health, unsaved: tuple[str, ...] = ()) -> dict[str, object]:
        return operations(value, unsaved, START + timedelta(minutes=3), UTC)  # type: ignore[arg-type]

    assert [shown(h)["telephone"] for h in (fine, channel, full)] == [False, False, True]
    assert shown(fine, ("ingenting kan sparas",))["telephone"] is True
    assert [shown(h)["headline"] for h in (fine, channel)] == ["beredd fungerar", "beredd fungerar, men något är fel"]
    assert shown(fine, ("ingenting kan sparas",))["headline"] == "beredd fungerar inte som det ska"
    assert shown(full)["troubles"] == [
        {
            "wrong": "Ingenting kan sparas, och nya händelser avvisas.",
            "do": "Ta emot händelser på telefon. Frigör plats på beredds disk, eller gör den skrivbar. "
            "Ring dem det gäller, efter ringlistan (beredd call-list).",
            "since": "07:00",
        }
    ]
