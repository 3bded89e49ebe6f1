"""A real broker for the tests of this folder; where it cannot be had, a visible line says so; with CI=true it fails."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.kafka.broker import Broker, NoKafka


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Kafka that answers."""
    if given := os.environ.get("BEREDD_TEST_KAFKA"):
        yield given
        return
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    try:
        broker.start()
    except NoKafka as why:
        broker.kill()
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must try a real Kafka: {why}")
        pytest.skip(f"not run, no real Kafka here: {why}")
    yield broker.address
    broker.kill()
