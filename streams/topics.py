"""Kafka's topics as one declaration, and the difference between it and what a broker has. No broker is asked here.

What comes in (`incidents` ...), what passes between stages (a keyed topic each), what a stage remembers (a compacted
changelog each), what goes out (`situations`, `notifications`), the rules (`policy`, compacted), and what nobody could
take (`dead-letters`). None of the keyed topics may ever change its number of partitions while it holds anything: a key
would move to another partition and meet itself out of order. So that is a change this module plans but never makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import assert_never

from rules.events import EventKind
from rules.step import Stage

APP = "beredd"
"""The Faust app's id: it begins the names of its changelogs, and is its consumer group."""

INPUTS: Mapping[EventKind, str] = {
    EventKind.INCIDENT: "incidents",
    EventKind.READINGS: "sensors",
    EventKind.WARNING: "warnings",
    EventKind.DECISION: "decisions",
    EventKind.ACKNOWLEDGEMENT: "acknowledgements",
}
REMEMBERING = (Stage.ASSESS, Stage.ALERT, Stage.CONTACT)
SITUATIONS, NOTIFICATIONS, POLICY, DEAD_LETTERS = "situations", "notifications", "policy", "dead-letters"
DELETE, COMPACT = "delete", "compact"
RECORD_BYTES = 5 * 1024 * 1024 + 64 * 1024
"""The largest body the HTTP door takes, and room for its headers."""


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """What an installation chooses. `prefix` stands before every name; `partitions` is the same for all keyed topics,
    since a stage's topic and its changelog must agree."""

    prefix: str = ""
    partitions: int = 12
    replication: int = 3
    min_insync: int = 2
    kept: timedelta = timedelta(days=14)
    """How long a topic that is not compacted keeps its records; longer than any stop."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it should be. `keyed`: its records' order within a key matters."""

    name: str
    partitions: int
    replication: int
    keyed: bool
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """One topic as the broker has it: its partitions, the smallest number of replicas, and the configs asked about."""

    partitions: int
    replication: int
    configs: Mapping[str, str]


def declared(settings: TopicSettings) -> tuple[Topic, ...]:
    """Every topic, by name."""
    made = (
        *(_log(settings, name, keyed=False) for name in INPUTS.values()),
        *(_log(settings, stage.value, keyed=True) for stage in (*REMEMBERING, Stage.DELIVER)),
        *(_compacted(settings, changelog(stage), settings.partitions) for stage in REMEMBERING),
        _compacted(settings, SITUATIONS, settings.partitions),
        _log(settings, NOTIFICATIONS, keyed=True),
        _compacted(settings, POLICY, 1),
        _log(settings, DEAD_LETTERS, keyed=False),
    )
    return tuple(sorted(made, key=lambda topic: topic.name))


def changelog(stage: Stage) -> str:
    """The name Faust gives the changelog of a stage's table."""
    return f"{APP}-{stage.value}-changelog"


def _log(settings: TopicSettings, name: str, *, keyed: bool) -> Topic:
    kept = {"cleanup.policy": DELETE, "retention.ms": str(settings.kept // timedelta(milliseconds=1))}
    return _topic(settings, name, settings.partitions, keyed, kept)


def _compacted(settings: TopicSettings, name: str, partitions: int) -> Topic:
    return _topic(settings, name, partitions, True, {"cleanup.policy": COMPACT})


def _topic(settings: TopicSettings, name: str, partitions: int, keyed: bool, configs: Mapping[str, str]) -> Topic:
    held = {
        "min.insync.replicas": str(settings.min_insync),
        "max.message.bytes": str(RECORD_BYTES),
        # A broker that elected a replica which had not caught up would forget what was accepted.
        "unclean.leader.election.enable": "false",
        # The clocks of senders are no business of the log's: `now` is the broker's time.
        "message.timestamp.type": "LogAppendTime",
    }
    return Topic(settings.prefix + name, partitions, settings.replication, keyed, held | dict(configs))


# --- the difference --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Create:
    """A topic is missing."""

    topic: Topic


@dataclass(frozen=True, slots=True)
class Configure:
    """A topic's config is another."""

    topic: str
    config: str
    was: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Grow:
    """A topic whose records have no order among them has too few partitions."""

    topic: str
    was: int
    wanted: int


@dataclass(frozen=True, slots=True)
class ByHand:
    """Something that cannot be changed without moving keys or data, so a person must."""

    topic: str
    said: str


Change = Create | Configure | Grow | ByHand


def plan(wanted: tuple[Topic, ...], found: Mapping[str, Found]) -> tuple[Change, ...]:
    """What would make the broker's topics as declared. Topics that nobody declared are left alone."""
    return tuple(change for topic in wanted for change in _changes(topic, found.get(topic.name)))


def _changes(topic: Topic, found: Found | None) -> Iterator[Change]:
    if found is None:
        yield Create(topic)
        return
    if found.partitions < topic.partitions and not topic.keyed:
        yield Grow(topic.name, found.partitions, topic.partitions)
    elif found.partitions != topic.partitions:
        yield ByHand(topic.name, _partitions_said(topic, found))
    if found.replication != topic.replication:
        said = f"har {found.replication} kopior, ska ha {topic.replication}: flytta med kafka-reassign-partitions"
        yield ByHand(topic.name, said)
    for config, value in sorted(topic.configs.items()):
        if (was := found.configs.get(config, "")) != value:
            yield Configure(topic.name, config, was, value)


def _partitions_said(topic: Topic, found: Found) -> str:
    why = "nycklar skulle byta partition och komma i fel ordning" if topic.keyed else "partitioner kan inte tas bort"
    return f"har {found.partitions} partitioner, ska ha {topic.partitions}: {why}"


def said(change: Change) -> str:
    """The change as a sentence."""
    match change:
        case Create(topic):
            policy = "komprimerad" if topic.configs["cleanup.policy"] == COMPACT else "sparas en tid"
            return f"{topic.name}: skapas med {topic.partitions} partitioner och {topic.replication} kopior, {policy}"
        case Configure(topic=name, config=config, was=was, wanted=wanted):
            return f"{name}: {config} {was or '(inget)'} → {wanted}"
        case Grow(topic=name, was=before, wanted=after):
            return f"{name}: {before} → {after} partitioner"
        case ByHand(topic=name, said=why):
            return f"{name}: {why}"
        case _:
            assert_never(change)
