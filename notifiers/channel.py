"""What a channel is: the seam between one attempt and the world.

A channel is called in a thread of its own (see `notifiers.deliver`), so it may block; it knows nothing of retries,
of other channels or of who is next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

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


class Channel(Protocol):
    """One way to reach one person or place."""

    @property
    def provider(self) -> str:
        """What this channel shares its fate with: channels of one provider hang together. Holds no secret."""
        ...

    def send(self, letter: Letter, timeout_s: float) -> Report:
        """Called once per attempt, in a thread that may be abandoned. After it the letter has been handed over, or not,
        as the report says. It should return within `timeout_s`; nobody listens afterwards."""
        ...
