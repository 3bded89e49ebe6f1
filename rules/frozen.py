"""The one base of every value that is written down or sent: immutable, and strict about keys it does not know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer, StringConstraints


class Frozen(BaseModel):
    """An immutable value. An unknown key is an error, so that a misspelt one is never silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # the years 1 and 9999 with an offset
        raise ValueError("tiden ligger för nära år 1 eller år 9999") from None


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""A moment with its offset stated; kept in UTC. Without an offset it is refused: it could mean two moments a year."""

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\s\x00-\x1f\x7f]+$")]
"""A short name without white space, such as `svoa_drift` or `water-level`."""

Text = Annotated[str, StringConstraints(max_length=4000)]
"""Text that a person wrote or reads. Bounded, since it goes into messages."""


def _in_order(names: frozenset[str]) -> list[str]:
    return sorted(names)


Names = Annotated[frozenset[str], PlainSerializer(_in_order)]
"""Names without an order. Written in one all the same: equal values have equal bytes, on every host and after any start
(a set's own order follows its history and the process's hash seed)."""


def cut(text: str, limit: int = 4000) -> str:
    """The text, or its beginning with "…" if it is longer than this: a long report must never stop an alert."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
