"""One attempt to reach one person through one channel, and how it went."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from rules.frozen import Frozen, Identifier, Instant, Text


class Medium(StrEnum):
    """What kind of channel it is: bounded, so that it may be a metric label."""

    PUSH = "push"
    SMS = "sms"
    MAIL = "mail"
    WEBHOOK = "webhook"


class Attempt(Frozen):
    """One message to be handed to one channel, at most once but for a crash. `id` = notice + channel + number, so a
    repeat is recognised.

    The body may hold `{code}`: the host puts in the notice's own secret code when it sends, so that no stored
    state and no topic holds it.
    """

    kind: Literal["attempt"] = "attempt"
    id: Identifier
    notice: Identifier
    person: Identifier
    medium: Medium
    channel: Identifier = Field(description="Reference into the secrets file; never an address itself")
    number: int = Field(ge=1)
    title: Text
    body: Annotated[str, Field(max_length=20_000)]
    deadline: Instant
    critical: bool = False


class Verdict(StrEnum):
    """How an attempt went, as far as one can know (Apprise gives no delivery receipts; only an answer is proof)."""

    ACCEPTED = "accepted"  # the provider took it
    RETRYABLE = "retryable"  # it may work later: no connection, 429, 5xx
    REJECTED = "rejected"  # it will not work: wrong address, no such channel, 4xx
    TIMED_OUT = "timed_out"  # nobody knows; counted as retryable
    LAPSED = "lapsed"  # found in a restored copy and too old to be sent: the host gave the whole message up


class Outcome(Frozen):
    """What became of an attempt."""

    kind: Literal["outcome"] = "outcome"
    attempt: Identifier
    notice: Identifier
    person: Identifier
    verdict: Verdict
    why: Annotated[str, Field(max_length=300)] = ""
