"""What a standby says when it asks for more."""

from __future__ import annotations

from pydantic import Field

from rules.frozen import Frozen

NUMBER_MAX = 2**62


class Shipped(Frozen):
    """What a standby has: the commits up to this one, in this epoch."""

    after: int = Field(ge=0, le=NUMBER_MAX)
    epoch: int = Field(ge=0, le=NUMBER_MAX)
    wait_s: float = Field(0.0, ge=0, le=3600)
