"""Writes records through the worker's producer, and returns when every one of them is safe (acks=all)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from faust import App

from streams.broker_clock import BrokerClock


@dataclass(frozen=True, slots=True)
class Record:
    """One record to write. `partition` None: by its key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


class KafkaWriter:
    """`prefix` stands before every topic's name. `stamp`: gives records their time where the topics let their senders
    (the stories' virtual time); None where the broker stamps them."""

    def __init__(self, app: App, prefix: str, clock: BrokerClock, stamp: Any = None) -> None:
        self._app, self._prefix, self._clock, self._stamp = app, prefix, clock, stamp

    async def write(self, records: Iterable[Record]) -> None:
        """Every record is in its topic, in the order given within a partition. Raises what the producer raises; some
        may be written then."""
        producer = self._app.producer
        at: datetime | None = None if self._stamp is None else self._stamp()
        sent = [
            await producer.send(
                self._prefix + record.topic,
                record.key,
                record.value,
                record.partition,
                None if at is None else at.timestamp(),
                list(record.headers),
            )
            for record in records
        ]
        told = await asyncio.gather(*sent)
        if told and self._stamp is None:  # a topic that lets its sender stamp tells no time
            self._clock.heard(max(metadata.timestamp or 0 for metadata in told))
