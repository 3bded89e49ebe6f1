"""Kafka's topics come from one declaration, on a real broker."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from kafka.admin import ConfigResource, KafkaAdminClient

from streams.broker import BrokerError, administered
from streams.topics import (
    ByHand,
    Configure,
    Create,
    Found,
    Grow,
    TopicSettings,
    changelog,
    declared,
    plan,
)
from tests.kafka.broker import free_port

ONE = TopicSettings(partitions=3, replication=1, min_insync=1)
_numbers = itertools.count(1)


@pytest.fixture
def prefix() -> str:
    """A name of one's own: the broker is shared, and nothing is ever deleted."""
    return f"t{os.getpid()}-{next(_numbers)}-"


@pytest.fixture
def admin(kafka: str) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=kafka)
    yield client
    client.close()


def beredd(wish: str, kafka: str, prefix: str, *more: str) -> subprocess.CompletedProcess[str]:
    words = ["topics", wish, "--kafka", kafka, "--prefix", prefix, "--partitions", "3", *more]
    command = [sys.executable, "-m", "streams.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


SINGLE = ("--replication", "1", "--min-insync", "1")


# --- the declaration ---


def test_what_a_stage_remembers_is_compacted_and_spread_as_its_topic_is() -> None:
    topics = {topic.name: topic for topic in declared(ONE)}
    for stage in ("assess", "alert", "contact"):
        kept = topics[f"beredd-{stage}-changelog"]
        assert kept.configs["cleanup.policy"] == "compact"
        assert kept.partitions == topics[stage].partitions == 3
    assert topics["policy"].partitions == 1, "the rules have one order"


def test_every_topic_refuses_to_elect_a_replica_that_has_not_caught_up() -> None:
    assert {topic.configs["unclean.leader.election.enable"] for topic in declared(ONE)} == {"false"}


def as_found(settings: TopicSettings) -> dict[str, Found]:
    return {t.name: Found(t.partitions, t.replication, t.configs) for t in declared(settings)}


def test_nothing_is_planned_for_a_broker_that_has_what_is_declared() -> None:
    assert plan(declared(ONE), as_found(ONE) | {"somebody-elses": Found(1, 1, {})}) == ()


def test_a_topic_with_keys_never_grows_by_itself() -> None:
    wider = TopicSettings(partitions=6, replication=1, min_insync=1)
    changes = plan(declared(wider), as_found(ONE))
    grown = {c.topic for c in changes if isinstance(c, Grow)}
    left = {c.topic for c in changes if isinstance(c, ByHand)}
    assert "incidents" in grown
    assert {"assess", "beredd-assess-changelog", "situations"} <= left
    assert not grown & left


def test_fewer_partitions_and_other_replicas_are_a_persons_work() -> None:
    found = as_found(ONE) | {"incidents": Found(5, 2, dict(as_found(ONE)["incidents"].configs))}
    changes = plan(declared(ONE), found)
    assert len(changes) == 2
    assert all(isinstance(c, ByHand) and c.topic == "incidents" for c in changes)


# --- on a real broker ---


def test_plan_shows_and_makes_nothing_apply_makes_and_check_is_content(
    kafka: str, prefix: str, admin: KafkaAdminClient
) -> None:
    shown = beredd("plan", kafka, prefix, *SINGLE)
    assert shown.returncode == 0, shown.stderr
    assert f"{prefix}incidents: skapas med 3 partitioner och 1 kopior" in shown.stdout
    assert not [name for name in admin.list_topics() if name.startswith(prefix)]
    assert beredd("check", kafka, prefix, *SINGLE).returncode == 1
    made = beredd("apply", kafka, prefix, *SINGLE)
    assert made.returncode == 0, made.stderr
    names = {name for name in admin.list_topics() if name.startswith(prefix)}
    assert names == {topic.name for topic in declared(TopicSettings(prefix, 3, 1, 1))}
    content = beredd("check", kafka, prefix, *SINGLE, "--json")
    assert (content.returncode, json.loads(content.stdout)) == (0, {"changes": []})


def test_a_config_that_somebody_has_changed_is_shown_and_put_back(
    kafka: str, prefix: str, admin: KafkaAdminClient
) -> None:
    assert beredd("apply", kafka, prefix, *SINGLE).returncode == 0
    name = f"{prefix}situations"
    admin.alter_configs([ConfigResource("TOPIC", name, configs={"cleanup.policy": "delete"})])
    with administered(kafka) as broker:
        wanted = declared(TopicSettings(prefix, 3, 1, 1))
        assert plan(wanted, broker.found(wanted)) == (Configure(name, "cleanup.policy", "delete", "compact"),)
    assert f"{name}: cleanup.policy delete → compact" in beredd("apply", kafka, prefix, *SINGLE).stdout
    assert beredd("check", kafka, prefix, *SINGLE).returncode == 0


def test_a_topic_with_keys_of_another_width_is_told_and_left(kafka: str, prefix: str, admin: KafkaAdminClient) -> None:
    admin.create_topics({f"{prefix}assess": {"num_partitions": 2, "replication_factor": 1}}, wait_for_metadata=True)
    made = beredd("apply", kafka, prefix, *SINGLE)
    assert made.returncode == 1
    assert "har 2 partitioner, ska ha 3" in made.stdout
    [found] = admin.describe_topics([f"{prefix}assess"])
    assert len(found["partitions"]) == 2


def test_more_copies_than_there_are_brokers_is_said_before_anything_is_made(
    kafka: str, prefix: str, admin: KafkaAdminClient
) -> None:
    asked = beredd("apply", kafka, prefix)
    assert asked.returncode == 1
    assert "3 kopior är begärda" in asked.stderr
    assert "strömavbrott" in asked.stderr
    assert not [name for name in admin.list_topics() if name.startswith(prefix)]


def test_a_broker_that_is_not_there_is_said_without_a_traceback(prefix: str) -> None:
    asked = beredd("plan", f"127.0.0.1:{free_port()}", prefix, *SINGLE)
    assert asked.returncode == 1
    assert "ingen Kafka svarar" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_more_acknowledging_copies_than_copies_is_wrong_usage(kafka: str, prefix: str) -> None:
    asked = beredd("plan", kafka, prefix, "--replication", "1", "--min-insync", "2")
    assert asked.returncode == 2
    assert "--min-insync" in asked.stderr


def test_a_broker_that_refuses_a_config_is_quoted(kafka: str, prefix: str) -> None:
    [topic] = (t for t in declared(TopicSettings(prefix, 3, 1, 1)) if t.name == f"{prefix}policy")
    wrong = Create(type(topic)(topic.name, 1, 1, True, {"cleanup.policy": "burn"}))
    with pytest.raises(BrokerError, match=r"cleanup\.policy"), administered(kafka) as broker:
        broker.make(wrong)


def test_the_names_of_changelogs_are_those_faust_will_use() -> None:
    from rules.step import Stage

    assert changelog(Stage.ASSESS) == "beredd-assess-changelog"
