"""What a channel is: the seam between one attempt and the world.

It knows nothing of retries, of other channels or of who is next. One that may block is called in a thread of its own
(see `notifiers.deliver`); one that waits in the event loop is called there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from notifiers.attempt import Attempt, Verdict


@dataclass(frozen=True, slots=True)
class Letter:
    """An attempt with its secret code filled in. It lives in memory only and is never written down or logged."""

    attempt: Attempt
    title: str = field(repr=False)
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """How it went. `why` is Swedish, for the log and the operator: it holds no address, number, password or code."""

    verdict: Verdict
    why: str = ""


class Provided(Protocol):
    """What every channel says of itself."""

    @property
    def provider(self) -> str:
        """What this channel shares its fate with: channels of one provider hang together. Holds no secret."""
        ...


class BlockingChannel(Provided, Protocol):
    """One way to reach one person or place, which may block."""

    def send(self, letter: Letter, timeout_s: float) -> Report:
        """Called once per attempt, in a thread that may be abandoned. After it the letter has been handed over, or not,
        as the report says. It should return within `timeout_s`; nobody listens afterwards."""
        ...


@runtime_checkable
class LoopChannel(Provided, Protocol):
    """One way to reach one person or place, which waits in the event loop."""

    @property
    def at_once(self) -> int:
        """How many attempts its provider is given at the same time."""
        ...

    async def post(self, letter: Letter, timeout_s: float) -> Report:
        """Called once per attempt. After it the letter has been handed over, or not, as the report says. Returns within
        `timeout_s`, or is cancelled soon after it."""
        ...


Channel = BlockingChannel | LoopChannel
