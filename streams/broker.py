"""What is asked of and told to a Kafka cluster about its topics, by kafka-python. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streams.topics import ByHand, Change, Configure, Create, Found, Grow, Topic

if TYPE_CHECKING:
    from kafka.admin import KafkaAdminClient

ASKED_MS = 15_000
FOUND_MS = 5_000


class BrokerError(Exception):
    """The cluster did not do as asked. The message says what and why, in Swedish."""


@contextmanager
def administered(address: str) -> Iterator[Broker]:
    """A connection to the cluster, closed afterwards. Raises BrokerError if none answers or kafka-python is missing."""
    try:
        from kafka.admin import KafkaAdminClient
        from kafka.errors import KafkaError
    except ImportError:
        raise BrokerError("kafka-python är inte installerat: pip install 'beredd[kafka]'") from None
    try:
        client = KafkaAdminClient(
            bootstrap_servers=address,
            client_id="beredd-topics",
            request_timeout_ms=ASKED_MS,
            bootstrap_timeout_ms=FOUND_MS,
        )
    except KafkaError as error:
        raise BrokerError(f"{address}: ingen Kafka svarar ({type(error).__name__})") from None
    try:
        yield Broker(client)
    except KafkaError as error:
        raise BrokerError(f"{address}: {error}") from None
    finally:
        client.close()


class Broker:
    """The cluster behind an admin client."""

    def __init__(self, client: KafkaAdminClient) -> None:
        self._client = client

    def size(self) -> int:
        """How many brokers the cluster has."""
        return len(self._client.describe_cluster()["brokers"])

    def found(self, wanted: tuple[Topic, ...]) -> Mapping[str, Found]:
        """Those of the wanted topics that exist."""
        names = sorted({topic.name for topic in wanted} & set(self._client.list_topics()))
        if not names:
            return {}
        configs = self._configs(names)
        return {t["name"]: _found(t["partitions"], configs[t["name"]]) for t in self._client.describe_topics(names)}

    def _configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        from kafka.admin import ConfigResource

        resources = [ConfigResource("TOPIC", name) for name in names]
        told = self._client.describe_configs(resources, config_filter="all")["topic"]
        return {name: {key: str(c["value"]) for key, c in configs.items()} for name, configs in told.items()}

    def make(self, change: Change) -> None:
        """The change is made. One that is a person's is left alone."""
        from kafka.admin import AlterConfigOp, ConfigResource

        match change:
            case Create(topic):
                options = {
                    "num_partitions": topic.partitions,
                    "replication_factor": topic.replication,
                    "configs": dict(topic.configs),
                }
                self._client.create_topics({topic.name: options}, timeout_ms=ASKED_MS, wait_for_metadata=True)
            case Configure(topic=name, config=config, wanted=value):
                resource = ConfigResource("TOPIC", name, configs={config: (AlterConfigOp.SET, value)})
                self._client.alter_configs([resource])
            case Grow(topic=name, wanted=count):
                self._client.create_partitions({name: count}, timeout_ms=ASKED_MS)
            case ByHand():
                pass


def _found(partitions: list[dict[str, list[int]]], configs: Mapping[str, str]) -> Found:
    return Found(len(partitions), min(len(p["replica_nodes"]) for p in partitions), configs)
