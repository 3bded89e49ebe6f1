"""How far the group has read, asked of the broker by a client that is no member of it; and topics read from their
beginning for views."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

if TYPE_CHECKING:
    from streams.faust_host import Cluster

ASK_EVERY_S = 0.05


class Progress:
    """The group's lag on topics of ours."""

    def __init__(self, cluster: Cluster, group: str) -> None:
        self._cluster, self._group = cluster, group
        self._ends: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._readers: list[AIOKafkaConsumer] = []

    async def start(self) -> None:
        self._ends = AIOKafkaConsumer(bootstrap_servers=self._cluster.address, enable_auto_commit=False)
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self._cluster.address)
        await self._ends.start()
        await self._admin.start()

    async def stop(self) -> None:
        for client in (self._ends, *self._readers):
            if client is not None:
                await client.stop()
        if self._admin is not None:
            await self._admin.close()

    async def drained(self, topics: tuple[str, ...]) -> None:
        """The group has done everything that stood in these topics when this was called."""
        ends = await self.ends(topics)
        while not self._passed(ends, await self.committed()):  # noqa: ASYNC110  no broker tells when a group commits
            await asyncio.sleep(ASK_EVERY_S)

    async def ends(self, topics: tuple[str, ...]) -> dict[TopicPartition, int]:
        """By partition, the offset after its last record."""
        assert self._ends is not None, "started"
        found: dict[TopicPartition, int] = await self._ends.end_offsets(self._partitions(topics))
        return found

    async def committed(self) -> dict[TopicPartition, int]:
        """By partition, the offset after the last record that is done."""
        assert self._admin is not None, "started"
        found = await self._admin.list_consumer_group_offsets(self._group)
        return {tp: told.offset for tp, told in found.items()}

    def _partitions(self, topics: tuple[str, ...]) -> list[TopicPartition]:
        names = [self._cluster.prefix + topic for topic in topics]
        return [TopicPartition(name, number) for name in names for number in range(self._cluster.partitions)]

    @staticmethod
    def _passed(ends: dict[TopicPartition, int], committed: dict[TopicPartition, int]) -> bool:
        return all(end == 0 or committed.get(tp, -1) >= end for tp, end in ends.items())

    async def records(self, topic: str) -> AsyncIterator[Any]:
        """Every record of the topic, from its beginning, and then as they come."""
        reader = AIOKafkaConsumer(
            bootstrap_servers=self._cluster.address, enable_auto_commit=False, max_partition_fetch_bytes=6 * 1024 * 1024
        )
        self._readers.append(reader)
        await reader.start()
        partitions = self._partitions((topic,))
        reader.assign(partitions)
        await reader.seek_to_beginning(*partitions)
        async for message in reader:
            yield message
