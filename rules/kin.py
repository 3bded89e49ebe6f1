"""By which signs matters of different areas belong together, and what the city's key remembers of them.

Two matters are kin when they share a sign (semantics 10):

    the same asset                    both have a fact there
    what a report relates to          its own name for an incident, another's, or a matter's id
    an asset's need                   somebody lacks a function in a district, and a matter of the city about that
                                      function reaches the district
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rules.frozen import Frozen
from rules.matter import Cause, Fact, Matter
from rules.registry import AreaKind, Registry


class KnownKin(Frozen):
    """An open matter of any key as the city knows it: a fact about it, and its signs."""

    kind: Literal["known_kin"] = "known_kin"
    area: str
    fact: Fact
    signs: tuple[str, ...]


class Sign(Frozen):
    """The open matters that carry a sign."""

    kind: Literal["sign"] = "sign"
    matters: tuple[str, ...]


def signs(matter: Matter | None, registry: Registry) -> frozenset[str]:
    """The signs that the matter's open causes carry; none if it is closed."""
    if matter is None or not matter.open:
        return frozenset()
    found = {matter.id}
    for cause in matter.open_causes:
        for fact in cause.facts:
            found.update(_of_fact(fact, registry))
        if cause.reported and registry.areas[matter.area].kind is AreaKind.CITY:
            found.update(_supplies(cause, registry))
    return frozenset(found)


def _of_fact(fact: Fact, registry: Registry) -> Iterator[str]:
    yield from fact.refs
    if fact.key.startswith("incident:"):
        yield fact.key
    if fact.asset is not None:
        yield f"asset:{fact.asset}"
    kind, asset = registry.incident_kinds.get(fact.kind), registry.assets.get(fact.asset or "")
    if kind is not None and asset is not None and kind.lacks in asset.needs:
        yield _supply(kind.lacks or "", registry.district(asset.area))


def _supplies(cause: Cause, registry: Registry) -> Iterator[str]:
    """What is wrong with a function reaches the districts where it was reported; without a place, all of them."""
    places = {a for fact in cause.facts for a in fact.areas if a in registry.areas} or {registry.city}
    for district in (a.id for a in registry.areas.values() if a.kind is AreaKind.DISTRICT):
        if any(registry.district(place) in (district, None) for place in places):
            yield from (_supply(function, district) for function in cause.functions)


def _supply(function: str, district: str | None) -> str:
    return f"supply:{function}@{district}"
