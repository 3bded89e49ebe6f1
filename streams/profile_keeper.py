"""Reads the topic `policy` for a worker: what to begin with, and what is published later.

A profile that a worker cannot load is logged and the one before goes on: whoever published it has checked it and played
its stories, so it is this worker that is wrong, and its word about what it runs shows it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.intake import Intake
from streams.policy_topic import (
    PROFILE_KEY,
    Policies,
    Published,
    Worker,
    packed,
    published_read,
    published_written,
    worker_read,
)
from streams.service import ServiceError, profile_at
from streams.spread import spread_out
from streams.topics import POLICY

_log = logging.getLogger(__name__)
STAGE_TOPIC = "assess"
BYTES = 6 * 1024 * 1024


class ProfileKeeper:
    """The topic's reader. `loaded` makes an intake of what is published, or raises ServiceError."""

    def __init__(self, address: str, prefix: str, loaded: Callable[[Published], Intake]) -> None:
        self._address, self._prefix, self._loaded = address, prefix, loaded
        self._reader: AIOKafkaConsumer | None = None
        self.workers: dict[str, Worker] = {}

    async def begin(self, directory: Path | None) -> tuple[Intake, Published, int]:
        """The intake of what is published; of this directory, published now, if nothing is. And how many partitions
        the stages have. Raises ServiceError."""
        partitions = await self._partitions()
        reader = self._reader = AIOKafkaConsumer(
            bootstrap_servers=self._address, enable_auto_commit=False, max_partition_fetch_bytes=BYTES
        )
        await reader.start()
        reader.assign([self._policy])
        published = (await self._read(reader)).published
        if published is None:
            if directory is None:
                raise ServiceError("Ingen profil är publicerad. Ange --profile, eller kör beredd publish först.")
            published = await self.publish(directory, partitions, None)
        return self._loaded(published), published, partitions

    @property
    def _policy(self) -> TopicPartition:
        return TopicPartition(self._prefix + POLICY, 0)

    async def _partitions(self) -> int:
        """How many partitions the stages have."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._address)
        try:
            await admin.start()
            names = [self._prefix + STAGE_TOPIC, self._policy.topic]
            told = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics(names)}
        except KafkaError as error:
            raise ServiceError(f"{self._address}: ingen Kafka svarar ({type(error).__name__})") from None
        finally:
            await admin.close()
        if not all(told.get(name) for name in names):
            raise ServiceError(
                f"{self._address}: ämnena finns inte; kör beredd topics apply --kafka {self._address} först"
            )
        return told[names[0]]

    async def _read(self, reader: AIOKafkaConsumer) -> Policies:
        """What the topic says, read to its end."""
        await reader.seek_to_beginning(self._policy)
        end = (await reader.end_offsets([self._policy]))[self._policy]
        published: Published | None = None
        while await reader.position(self._policy) < end:
            for messages in (await reader.getmany(timeout_ms=1000)).values():
                for message in messages:
                    published = self._heard(message) or published
        return Policies(published, tuple(self.workers.values()))

    def _heard(self, message: Any) -> Published | None:
        try:
            if message.key == PROFILE_KEY and message.value is not None:
                return published_read(message.value)
            if message.value is not None:
                worker = worker_read(message.value)
                self.workers[worker.name] = worker
        except ValueError:
            _log.exception("a record of the topic policy cannot be read, and is passed over")
        return None

    async def publish(self, directory: Path, partitions: int, before: Published | None) -> Published:
        """The profile in this directory is what all workers run from now on. It has been checked."""
        profile, _ = profile_at(directory)
        areas = spread_out({} if before is None else before.areas, profile.policy.registry.areas, partitions)
        published = Published(profile.hash, packed(directory), areas)
        producer = AIOKafkaProducer(bootstrap_servers=self._address, acks="all", max_request_size=BYTES)
        await producer.start()
        try:
            await producer.send_and_wait(self._policy.topic, published_written(published), key=PROFILE_KEY, partition=0)
        finally:
            await producer.stop()
        return published

    async def follow(self, adopt: Callable[[Intake], None]) -> None:
        """Each profile that is published later is adopted, once it is loaded."""
        assert self._reader is not None, "begun"
        async for message in self._reader:
            published = self._heard(message)
            if published is None:
                continue
            try:
                intake = await asyncio.to_thread(self._loaded, published)
            except Exception:
                _log.exception("a published profile cannot be loaded here; the one before goes on")
                continue
            adopt(intake)

    async def stop(self) -> None:
        if self._reader is not None:
            await self._reader.stop()
