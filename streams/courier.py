"""Carries attempts from the host to the deliver stage, and outcomes back. Lives in the event loop.

It decides nothing: each attempt is made once, side by side with the others (deliver bounds what one provider may hold
up), and its outcome is reported to the host whatever it is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from notifiers.attempt import Medium, Outcome, Verdict
from notifiers.channel import BlockingChannel, Channel, Letter, LoopChannel, Report
from notifiers.deliver import Delivery
from streams.codes import Codes
from streams.embedded import Handout

_log = logging.getLogger(__name__)


class Meter(Protocol):
    """What the courier tells of its work."""

    def attempted(self, medium: Medium, verdict: Verdict, realm: str) -> None:
        """An attempt has an outcome."""
        ...

    def handed_over(self, seconds: float, realm: str) -> None:
        """A channel was called, so long after the event was accepted."""
        ...


def _unheard(handout: Handout, outcome: Outcome, called: bool) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class _Timed:
    """A channel that says when it is called: that moment is the hand-over."""

    inner: BlockingChannel
    called: Callable[[str], None]

    @property
    def provider(self) -> str:
        return self.inner.provider

    def send(self, letter: Letter, timeout_s: float) -> Report:
        self.called(letter.attempt.id)
        return self.inner.send(letter, timeout_s)


@dataclass(frozen=True, slots=True)
class _TimedInLoop:
    """The same of a channel that waits in the event loop."""

    inner: LoopChannel
    called: Callable[[str], None]
    at_once: int

    @property
    def provider(self) -> str:
        return self.inner.provider

    async def post(self, letter: Letter, timeout_s: float) -> Report:
        self.called(letter.attempt.id)
        return await self.inner.post(letter, timeout_s)


def _timed(channel: Channel, called: Callable[[str], None]) -> Channel:
    return (
        _TimedInLoop(channel, called, channel.at_once) if isinstance(channel, LoopChannel) else _Timed(channel, called)
    )


class Courier:
    """Makes attempts. `report` gives an outcome to the host."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        seconds_until: Callable[[datetime], float],
        codes: Codes,
        meter: Meter,
        report: Callable[[str, Outcome], Future[bool]],
        heard: Callable[[Handout, Outcome, bool], None] = _unheard,
    ) -> None:
        """`heard`: is told, in the loop, what became of each attempt and whether its channel was called, before the
        host is."""
        self._delivery = Delivery(self._timed(channels), seconds_until)
        self._codes = codes
        self._meter = meter
        self._report = report
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._accepted_s: dict[str, tuple[float, str]] = {}
        self._begun_s: dict[tuple[str, str], float] = {}
        self._calls: set[str] = set()

    def _timed(self, channels: Mapping[str, Channel]) -> Mapping[str, Channel]:
        return {reference: _timed(channel, self._called) for reference, channel in channels.items()}

    def swap(self, channels: Mapping[str, Channel]) -> None:
        """Attempts that begin from now on go through these; those under way end where they began."""
        self._delivery.channels = self._timed(channels)

    @property
    def channels(self) -> Mapping[str, Channel]:
        """The ways out, by reference."""
        return self._delivery.channels

    @property
    def under_way(self) -> int:
        """How many attempts have no outcome yet."""
        return len(self._under_way)

    @property
    def oldest_seconds(self) -> float:
        """How long the oldest attempt without an outcome has been under way; 0 if none is."""
        begun = tuple(self._begun_s.values())
        return time.monotonic() - min(begun) if begun else 0.0

    @property
    def threads(self) -> int:
        return self._delivery.running

    def take(self, handout: Handout) -> None:
        """Begins an attempt. Callable from any thread; the same attempt twice is made once."""
        self._loop.call_soon_threadsafe(self._begin, handout)

    def _begin(self, handout: Handout) -> None:
        key = (handout.realm, handout.attempt.id)
        if key not in self._under_way:
            if handout.accepted_s is not None:
                self._accepted_s[handout.attempt.id] = (handout.accepted_s, handout.realm)
            self._begun_s[key] = time.monotonic()
            self._under_way[key] = self._loop.create_task(self._make(handout))

    def _called(self, attempt: str) -> None:
        self._calls.add(attempt)
        known = self._accepted_s.pop(attempt, None)
        if known is not None:
            accepted_s, realm = known
            self._meter.handed_over(time.monotonic() - accepted_s, realm)

    async def _make(self, handout: Handout) -> None:
        attempt = handout.attempt
        try:
            outcome = await self._delivery.deliver(attempt, self._codes.code(handout.realm, attempt.notice))
            self._heard(handout, outcome, attempt.id in self._calls)
            self._meter.attempted(attempt.medium, outcome.verdict, handout.realm)
            await asyncio.wrap_future(self._report(handout.realm, outcome))
        except Exception:  # contact's own deadline goes on without us; the fault is ours to log
            _log.exception("an attempt's outcome could not be reported")
        finally:
            self._accepted_s.pop(attempt.id, None)
            self._calls.discard(attempt.id)
            del self._under_way[(handout.realm, attempt.id)]
            del self._begun_s[(handout.realm, attempt.id)]

    async def stop(self, patience_s: float) -> None:
        """Waits for attempts under way, then gives them up: the outbox has them, and the next start makes them
        again."""
        tasks = list(self._under_way.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=patience_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
