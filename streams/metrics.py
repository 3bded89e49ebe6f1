"""What an operator can measure: the Prometheus metrics of one process, on a registry of their own.

Counts arrive from the host's listener, often in the writer thread, so nothing here raises for a word it does not know.
Gauges are read from the view and the courier when somebody scrapes. Levels and obligations are of the live realm only.
"""

from __future__ import annotations

import logging
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from notifiers.attempt import Medium, Verdict
from notifiers.degradation import Degradation
from notifiers.obligation import ObligationState
from notifiers.profile import Profile
from notifiers.ways import Standing
from rules.events import LIVE, EventKind
from rules.frozen import Frozen
from rules.record import Happening, LogLine
from rules.step import Stage
from streams.health import Health
from streams.job_queue import Lane, Waiting
from streams.refusal import Reason
from streams.view import Situation, View

_log = logging.getLogger(__name__)

HANDOVER_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Around the promise: handed over within seconds. Beyond a minute it no longer matters how late it was."""

NOTHING = Waiting()
QUEUED = {
    "jobs": "Jobs that wait for the writer.",
    "values": "Readings, and other events, in the jobs that wait for the writer.",
    "bytes": "Memory held by the jobs that wait for the writer, about.",
    "oldest_seconds": "How long the oldest job has waited for the writer.",
    "full": "1 while another job of this lane would be refused.",
}
"""Attributes of `Waiting`, and what each metric says."""

DEAD_STAGES = ("intake", *(stage.value for stage in Stage))


class Fate(StrEnum):
    """What became of an event that was allowed in."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"


class Turned(StrEnum):
    """Why somebody was turned away at the door before anything was read."""

    TOKEN = "token"  # a token was required, and none or an unknown one was given
    SCOPE = "scope"  # a token that may not be used for this
    HOST = "host"  # a request for another name than ours, on an address that needs no key
    CODE = "code"  # a link with a code that stands for nothing
    TOO_MANY = "too_many"  # too many such links from one address
    CROSS_SITE = "cross_site"  # another site tried to answer in somebody's name
    CONNECTIONS = "connections"  # too many connections, in all or from one address: one of them was closed
    BODIES = "bodies"  # too many bytes were on their way in at once
    OVERLOAD = "overload"  # a lane of the writer's queue was full


class Reloading(StrEnum):
    """What became of an edited profile."""

    OK = "ok"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Gauged:
    """Where the gauges are read from, at each scrape. All are called from the thread that scrapes."""

    view: View
    profile: Callable[[], Profile]
    outbox_open: Callable[[], int]
    outbox_oldest_seconds: Callable[[], float]  # 0 when nothing waits
    fault: Callable[[], str | None]  # the host's: why the last commit failed
    health: Callable[[], Health] | None = None  # by the system's own watch; None where nobody watches
    backlog: Callable[[], Mapping[Lane, Waiting]] = dict  # what waits for the writer


class Metrics:
    """All metrics of a process. `started` is when, by the host's clock: a host that starts reads old records anew, and
    what they tell was counted by the process that wrote them."""

    def __init__(self, gauged: Gauged, started: datetime) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._started = started
        self._events = self._counter("events", "Events let in, all realms.", "kind", "outcome")
        self._refused = self._counter("refused", "Events refused.", "reason")
        self._dead = self._counter("dead", "Messages set aside: a stage could not take them.", "stage")
        self._fired = self._counter("timers_fired", "Timers fired.")
        self._postponed = self._counter("timers_postponed", "Timers that came due while the process was down.")
        self._faults = self._counter("commit_faults", "Commits that failed; nothing of them was accepted.")
        self._notices = self._counter("notices", "Live attempts to hand over a message.", "medium", "outcome")
        self._undelivered = self._counter("undelivered", "Live messages or questions that reached nobody.")
        self._turned = self._counter("turned_away", "Requests turned away at the door.", "why")
        self._reloads = self._counter("reloads", "Edited profiles, by whether they took over.", "outcome")
        self._loaded = Gauge(
            "beredd_profile_loaded_timestamp_seconds", "When the profile in force was loaded.", registry=self.registry
        )
        self._loaded.set(started.timestamp())
        self._unknown = self._counter("unknown_counts", "Counts the host told that no metric knows.")
        self._handover = Histogram(
            "beredd_handover_seconds",
            "From an event's acceptance to the hand-over of its live message to a provider.",
            buckets=HANDOVER_BUCKETS,
            registry=self.registry,
        )
        self._begin_at_zero()
        self.registry.register(_Gauges(gauged))
        ProcessCollector(namespace="beredd", registry=self.registry)

    def _counter(self, name: str, said: str, *labels: str) -> Counter:
        return Counter(f"beredd_{name}_total", said, labels, registry=self.registry)

    def _begin_at_zero(self) -> None:
        """Every series exists from the start: a rate over one that appears with its first fault would miss it."""
        for kind in EventKind:
            for fate in Fate:
                self._events.labels(kind, fate)
        for medium in Medium:
            for verdict in Verdict:
                self._notices.labels(medium, verdict)
        for counter, values in ((self._refused, Reason), (self._turned, Turned), (self._reloads, Reloading)):
            for value in values:
                counter.labels(value)
        for stage in DEAD_STAGES:
            self._dead.labels(stage)

    # --- what others tell --------------------------------------------------------------------------------------------

    def counted(self, what: str, amount: int) -> None:
        """The host's count is added to its metric. Never raises: it is called in the writer thread."""
        try:
            self._of(what).inc(amount)
        except ValueError:
            self._unknown.inc(amount)
            _log.error("a count that no metric knows: %s", what)

    def _of(self, what: str) -> Counter:
        match what.split("/"):
            case [("accepted" | "duplicate") as fate, kind]:
                return self._events.labels(EventKind(kind), Fate(fate))
            case ["refused", reason]:
                return self._refused.labels(Reason(reason))
            case ["dead", stage] if stage in DEAD_STAGES:
                return self._dead.labels(stage)
            case ["timers_fired"]:
                return self._fired
            case ["postponed_timers"]:
                return self._postponed
            case ["commit_faults"]:
                return self._faults
            case _:
                raise ValueError(what)

    def recorded(self, realm: str, record: Frozen) -> None:
        """What a record tells of the live realm is counted, once, by the process that wrote it."""
        if not isinstance(record, LogLine) or realm != LIVE:
            return
        if record.what is Happening.UNDELIVERED and record.at >= self._started:
            self._undelivered.inc()

    def attempted(self, medium: Medium, verdict: Verdict, realm: str = LIVE) -> None:
        """An attempt has its outcome. One of an exercise is not counted."""
        if realm == LIVE:
            self._notices.labels(medium, verdict).inc()

    def handed_over(self, seconds: float, realm: str = LIVE) -> None:
        """A provider took a message this long after its cause was accepted. One of an exercise is not counted."""
        if realm == LIVE:
            self._handover.observe(seconds)

    def turned_away(self, why: Turned) -> None:
        """Somebody was turned away at the door."""
        self._turned.labels(why).inc()

    def refused(self, reason: Reason, events: int) -> None:
        """So many events were refused at the door, and are in no log."""
        self._refused.labels(reason).inc(events)

    def reloaded(self, outcome: Reloading, at: datetime) -> None:
        """An edited profile was tried at this moment, by the host's clock."""
        self._reloads.labels(outcome).inc()
        if outcome is Reloading.OK:
            self._loaded.set(at.timestamp())

    # --- what is shown -----------------------------------------------------------------------------------------------

    def exposed(self, accept: str = "") -> tuple[bytes, str]:
        """All metrics in the format a scraper asks for, and that format's content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _Gauges(Collector):
    """What holds at the moment of a scrape."""

    def __init__(self, gauged: Gauged) -> None:
        self._gauged = gauged

    def collect(self) -> Iterator[Metric]:
        profile = self._gauged.profile()
        situations = self._gauged.view.situations(LIVE)
        yield _gauge("open_matters", "Open live matters.", len(situations))
        yield from _levels(situations, tuple(level.id for level in profile.policy.ladder.levels))
        yield _obligations(situations)
        yield _gauge("outbox_open", "Messages that wait to be handed over.", self._gauged.outbox_open())
        oldest = self._gauged.outbox_oldest_seconds()
        yield _gauge("outbox_oldest_seconds", "How long the oldest of them has waited.", oldest)
        yield _gauge("commit_fault", "1 while the last commit failed.", self._gauged.fault() is not None)
        if self._gauged.health is not None:
            yield from _watched(self._gauged.health())
        yield from _queue(self._gauged.backlog())
        yield InfoMetricFamily("beredd_policy", "The rules in force.", value={"hash": profile.hash})
        yield InfoMetricFamily("beredd_build", "This program.", value={"version": version("beredd")})


def _queue(backlog: Mapping[Lane, Waiting]) -> Iterator[Metric]:
    for name, said in QUEUED.items():
        family = GaugeMetricFamily(f"beredd_queue_{name}", said, labels=("lane",))
        for lane in Lane:
            family.add_metric((lane.value,), float(getattr(backlog.get(lane, NOTHING), name)))
        yield family


def _gauge(name: str, said: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"beredd_{name}", said, value=float(value))


def _watched(health: Health) -> Iterator[Metric]:
    """What self-watch knows. A medium that no channel uses has no series: it is neither up nor down."""
    yield _gauge("ready", "1 while what is sent would be kept and could reach somebody.", not health.reasons)
    up = GaugeMetricFamily("beredd_channel_up", "1 while a provider of this medium works.", labels=("medium",))
    failing = GaugeMetricFamily("beredd_channel_failing", "Providers of this medium that fail.", labels=("medium",))
    for medium in Medium:
        found = [way.standing for way in health.ways if medium in way.media]
        if found:
            up.add_metric((medium.value,), float(Standing.WORKS in found))
            failing.add_metric((medium.value,), float(found.count(Standing.FAILING)))
    yield from (up, failing)
    lasting = Tally(trouble.what.value for trouble, _ in health.troubles)
    states = tuple(state.value for state in Degradation)
    yield _counts("degraded", "Things that are wrong with the system itself, by kind.", "state", states, lasting)
    sent = health.heartbeat.timestamp() if health.heartbeat is not None else 0.0
    yield _gauge("heartbeat_sent_timestamp_seconds", "When the outside receiver last took a heartbeat; 0: never.", sent)
    yield _gauge("timers_late_seconds", "How late the first due timer is.", health.timers_late_s)


def _levels(situations: list[Situation], levels: tuple[str, ...]) -> Iterator[Metric]:
    """The computed and the decided apart (design 3), each level with its count, zero included."""
    matters = [s.matter for s in situations if s.matter is not None]
    computed = Tally(m.alert_level for m in matters)
    decided = Tally(m.declared_state for m in matters)
    yield _counts("alert_level_matters", "Open live matters by computed alert level.", "level", levels, computed)
    yield _counts("declared_state_matters", "Open live matters by decided state.", "level", levels, decided)


def _obligations(situations: list[Situation]) -> Metric:
    states = Tally(o.state.value for s in situations for o in s.obligations)
    said = "Obligations of open live matters by state."
    return _counts("obligations", said, "state", tuple(s.value for s in ObligationState), states)


def _counts(name: str, said: str, label: str, values: tuple[str, ...], found: Tally[str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"beredd_{name}", said, labels=(label,))
    for value in values:
        family.add_metric((value,), found[value])
    return family
