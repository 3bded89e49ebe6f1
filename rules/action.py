"""What is expected of somebody who is told, and by which principle they are."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What is expected of a recipient, strongest first (design 5)."""

    ACT = "act"
    DECIDE = "decide"
    COORDINATE = "coordinate"
    SUPPORT = "support"
    INFORM = "inform"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {action: rank for rank, action in enumerate(Action)}


class Principle(StrEnum):
    """Why somebody is a recipient (domain C)."""

    RESPONSIBILITY = "responsibility"
    PROXIMITY = "proximity"
    SIMILARITY = "similarity"
    AREA_RESPONSIBILITY = "area_responsibility"
    STATUTORY_DUTY = "statutory_duty"
    COOPERATION = "cooperation"
