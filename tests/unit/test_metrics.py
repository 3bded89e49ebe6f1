"""What an operator can measure, and that an exercise never looks like the real thing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from notifiers.attempt import Medium, Verdict
from notifiers.degradation import Degradation, Trouble
from notifiers.notice import Row
from notifiers.obligation import Obligation, ObligationState
from notifiers.plan import PlanSnapshot
from notifiers.profile import Profile
from notifiers.ways import Standing
from rules.ladder import Action, Principle
from rules.matter import Matter
from rules.record import Happening, LogLine, MatterSnapshot
from rules.registry import Relation
from streams.codes import Codes
from streams.health import Health, Way
from streams.metrics import HANDOVER_BUCKETS, Gauged, Metrics, Turned
from streams.refusal import Reason
from streams.view import View

START = datetime(2026, 1, 31, 7, 0, tzinfo=UTC)
DRILL = "exercise/styrbjorn-2"
SERIOUS = "särskild händelse"


class Watched:
    """Metrics over a view, with a courier and a host that say what a test wants."""

    def __init__(self, profile: Profile) -> None:
        self.view = View(Codes(b"k" * 32).code)
        self.open, self.oldest = 0, 0.0
        self.fault: str | None = None
        gauged = Gauged(self.view, lambda: profile, lambda: self.open, lambda: self.oldest, lambda: self.fault)
        self.metrics = Metrics(gauged, START)

    def value(self, name: str, **labels: str) -> float | None:
        """The value a scraper reads; None if there is no such series."""
        families = text_string_to_metric_families(self.metrics.exposed()[0].decode())
        found = [s.value for f in families for s in f.samples if s.name == name and s.labels == labels]
        assert len(found) <= 1
        return found[0] if found else None

    def sum(self, name: str) -> float:
        families = text_string_to_metric_families(self.metrics.exposed()[0].decode())
        return sum(s.value for f in families for s in f.samples if s.name == name)


@pytest.fixture
def watched(stockholm: Profile) -> Watched:
    return Watched(stockholm)


def matter(identity: str = "sodermalm-20260131-1", **said: Any) -> MatterSnapshot:
    base: dict[str, Any] = {"area": "sodermalm", "title": "Läcka", "opened_at": START, "changed_at": START}
    levels = {"areas": ("sodermalm",), "alert_level": "normal", "declared_state": "normal", "policy": "x"}
    return MatterSnapshot(matter=Matter(id=identity, **(base | levels | said)))


def obligation(role: str, state: ObligationState) -> Obligation:
    row = Row(
        role=role,
        organisation="svoa",
        action=Action.ACT,
        principle=Principle.RESPONSIBILITY,
        because="prov",
        relation=Relation.DIRECT,
    )
    return Obligation(row=row, generation=1, state=state)


def line(what: Happening, at: datetime = START) -> LogLine:
    return LogLine(at=at, what=what, said="prov", matter="sodermalm-20260131-1")


def test_what_self_watch_knows_is_shown_by_medium_and_by_kind_and_never_by_name(stockholm: Profile) -> None:
    ways = (
        Way("sms genom a", (Medium.SMS,), True, Standing.WORKS, START, "", 95.0),
        Way("sms genom b", (Medium.SMS,), True, Standing.FAILING, START, "nere", 95.0),
        Way("e-post genom c", (Medium.MAIL,), True, Standing.UNKNOWN, None, "", None),
    )
    troubles = ((Trouble(Degradation.CHANNEL, "sms genom b"), START),)
    health = Health((), Standing.WORKS, ways, troubles, (), heartbeat=START, timers_late_s=2.0)
    watched = Watched(stockholm)
    view = Gauged(watched.view, lambda: stockholm, lambda: 0, lambda: 0.0, lambda: None, lambda: health)
    watched.metrics = Metrics(view, START)

    assert watched.value("beredd_channel_up", medium="sms") == 1
    assert watched.value("beredd_channel_failing", medium="sms") == 1
    assert watched.value("beredd_channel_up", medium="mail") == 0
    assert watched.value("beredd_channel_failing", medium="mail") == 0
    assert watched.value("beredd_channel_up", medium="push") is None
    assert watched.value("beredd_degraded", state="channel") == 1
    assert watched.sum("beredd_degraded") == 1
    assert watched.value("beredd_degraded", state="unsaved") == 0
    assert watched.value("beredd_heartbeat_sent_timestamp_seconds") == START.timestamp()
    assert watched.value("beredd_ready") == 1
    assert "genom" not in watched.metrics.exposed()[0].decode()


def test_every_metric_bears_our_prefix(watched: Watched) -> None:
    families = text_string_to_metric_families(watched.metrics.exposed()[0].decode())
    assert [f.name for f in families if not f.name.startswith("beredd_")] == []


@pytest.mark.parametrize(
    ("what", "name", "labels"),
    [
        ("accepted/incident", "beredd_events_total", {"kind": "incident", "outcome": "accepted"}),
        ("duplicate/readings", "beredd_events_total", {"kind": "readings", "outcome": "duplicate"}),
        ("refused/source", "beredd_refused_total", {"reason": "source"}),
        ("dead/alert", "beredd_dead_total", {"stage": "alert"}),
        ("dead/intake", "beredd_dead_total", {"stage": "intake"}),
        ("timers_fired", "beredd_timers_fired_total", {}),
        ("postponed_timers", "beredd_timers_postponed_total", {}),
        ("commit_faults", "beredd_commit_faults_total", {}),
    ],
)
def test_a_count_of_the_host_lands_in_its_metric(
    watched: Watched, what: str, name: str, labels: dict[str, str]
) -> None:
    assert watched.value(name, **labels) == 0
    watched.metrics.counted(what, 3)
    assert watched.value(name, **labels) == 3


@pytest.mark.parametrize("what", ["accepted/whatever", "refused/ok", "dead/", "", "a/b/c"])
def test_a_count_that_no_metric_knows_is_counted_as_such_and_never_raises(watched: Watched, what: str) -> None:
    """It is called in the writer thread, which must not die of a misspelt word."""
    watched.metrics.counted(what, 2)
    assert watched.value("beredd_unknown_counts_total") == 2


def test_every_reason_there_is_has_a_series_from_the_start(watched: Watched) -> None:
    assert [r for r in Reason if watched.value("beredd_refused_total", reason=r.value) != 0] == []


def test_open_matters_are_counted_by_computed_and_by_decided_level_apart(watched: Watched) -> None:
    watched.view.apply("live", matter("a-1-1", alert_level=SERIOUS))
    watched.view.apply("live", matter("a-1-2", alert_level=SERIOUS, declared_state=SERIOUS))
    watched.view.apply("live", matter("a-1-3", closed_at=START))
    assert watched.value("beredd_open_matters") == 2
    assert watched.value("beredd_alert_level_matters", level=SERIOUS) == 2
    assert watched.value("beredd_declared_state_matters", level=SERIOUS) == 1
    assert watched.value("beredd_alert_level_matters", level="höjd beredskap") == 0


def test_obligations_are_counted_by_state_while_their_matter_is_open(watched: Watched) -> None:
    asked = (obligation("a", ObligationState.ASKED), obligation("b", ObligationState.ASKED))
    watched.view.apply("live", matter())
    watched.view.apply("live", PlanSnapshot(matter="sodermalm-20260131-1", obligations=asked))
    assert watched.value("beredd_obligations", state="asked") == 2
    watched.view.apply("live", matter(closed_at=START))
    assert watched.value("beredd_obligations", state="asked") == 0


def test_an_exercise_is_never_counted_as_live(watched: Watched) -> None:
    watched.view.apply(DRILL, matter(alert_level=SERIOUS))
    plan = (obligation("a", ObligationState.ASKED),)
    watched.view.apply(DRILL, PlanSnapshot(matter="sodermalm-20260131-1", obligations=plan))
    watched.metrics.recorded(DRILL, line(Happening.UNDELIVERED))
    watched.metrics.attempted(Medium.SMS, Verdict.ACCEPTED, DRILL)
    watched.metrics.handed_over(0.2, DRILL)
    for name in ("beredd_open_matters", "beredd_alert_level_matters", "beredd_obligations", "beredd_undelivered_total"):
        assert watched.sum(name) == 0
    assert watched.sum("beredd_notices_total") == 0
    assert watched.value("beredd_handover_seconds_count") == 0


def test_attempts_are_counted_by_medium_and_verdict(watched: Watched) -> None:
    watched.metrics.attempted(Medium.SMS, Verdict.TIMED_OUT)
    assert watched.value("beredd_notices_total", medium="sms", outcome="timed_out") == 1


def test_the_time_to_hand_over_falls_into_the_buckets_of_the_promise(watched: Watched) -> None:
    watched.metrics.handed_over(0.2)
    assert watched.value("beredd_handover_seconds_bucket", le="0.1") == 0
    assert watched.value("beredd_handover_seconds_bucket", le="0.25") == 1
    assert HANDOVER_BUCKETS[0] == 0.005
    assert HANDOVER_BUCKETS[-1] == 60


def test_what_reached_nobody_is_counted_but_not_again_at_a_restart(watched: Watched) -> None:
    """A host that starts reads its old records anew; a counter that jumped then would raise a false alarm."""
    watched.metrics.recorded("live", line(Happening.UNDELIVERED, START - timedelta(hours=1)))
    assert watched.value("beredd_undelivered_total") == 0
    watched.metrics.recorded("live", line(Happening.UNDELIVERED))
    watched.metrics.recorded("live", line(Happening.REACHED))
    assert watched.value("beredd_undelivered_total") == 1


def test_outbox_and_fault_are_read_at_the_scrape(watched: Watched) -> None:
    watched.open, watched.oldest, watched.fault = 3, 12.5, "IOError"
    assert watched.value("beredd_outbox_open") == 3
    assert watched.value("beredd_outbox_oldest_seconds") == 12.5
    assert watched.value("beredd_commit_fault") == 1


def test_the_rules_in_force_and_the_program_are_named(watched: Watched, stockholm: Profile) -> None:
    assert watched.value("beredd_policy_info", hash=stockholm.hash) == 1
    assert watched.sum("beredd_build_info") == 1


def test_whoever_is_turned_away_at_the_door_is_counted_by_why(watched: Watched) -> None:
    watched.metrics.turned_away(Turned.CODE)
    assert watched.value("beredd_turned_away_total", why="code") == 1


def test_a_scraper_that_asks_for_openmetrics_gets_it(watched: Watched) -> None:
    body, content_type = watched.metrics.exposed("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
