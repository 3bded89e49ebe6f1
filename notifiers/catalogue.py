"""Every entry of a profile that has a name, found by what people call it: id, name, former name; in any case, and with
or without the dots over å, ä and ö."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from notifiers.profile import Profile


class Sort(StrEnum):
    """What an entry is."""

    AREA = "area"
    ORGANISATION = "organisation"
    FUNCTION = "function"
    ASSET = "asset"
    ROLE = "role"
    PERSON = "person"
    SECTOR = "sector"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what it is, what it is called now, and what else it is or was called."""

    sort: Sort
    id: str
    name: str
    also: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.id, self.name, *self.also)


@dataclass(frozen=True, slots=True)
class Marked:
    """An entry of which something is unconfirmed, and what."""

    sort: Sort
    id: str
    name: str
    unconfirmed: str


@dataclass(frozen=True)
class Catalogue:
    """The entries of a profile."""

    profile: Profile

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries())

    def _entries(self) -> Iterator[Entry]:
        registry, roster = self.profile.policy.registry, self.profile.roster
        for area in registry.areas.values():
            former = [name for f in area.former for name in (f.id, f.name)]
            yield Entry(Sort.AREA, area.id, area.name, (*former, *area.codes))
        named = (
            (Sort.ORGANISATION, registry.organisations),
            (Sort.FUNCTION, registry.functions),
            (Sort.ASSET, registry.assets),
            (Sort.ROLE, roster.roles),
            (Sort.PERSON, roster.persons),
            (Sort.SECTOR, registry.sectors),
        )
        for sort, found in named:
            yield from (Entry(sort, entry.id, entry.name) for entry in found.values())

    @cached_property
    def unconfirmed(self) -> tuple[Marked, ...]:
        """The entries of which something is unconfirmed, and what."""
        registry, roster = self.profile.policy.registry, self.profile.roster
        found = (
            *(Marked(Sort.ORGANISATION, o.id, o.name, o.unconfirmed) for o in registry.organisations.values()),
            *(Marked(Sort.ASSET, a.id, a.name, a.unconfirmed) for a in registry.assets.values()),
            *(Marked(Sort.ROLE, r.id, r.name, r.unconfirmed) for r in roster.roles.values()),
            *(Marked(Sort.SECTOR, s.id, s.name, s.unconfirmed) for s in registry.sectors.values()),
        )
        return tuple(marked for marked in found if marked.unconfirmed)

    @cached_property
    def _called(self) -> dict[str, tuple[Entry, ...]]:
        found: dict[str, dict[Entry, None]] = {}
        for entry in self.entries:
            for name in entry.names:
                found.setdefault(folded(name), {})[entry] = None
        return {name: tuple(entries) for name, entries in found.items()}

    def called(self, name: str) -> tuple[Entry, ...]:
        """The entries that are or were called exactly this; an area and its board may share a name."""
        return self._called.get(folded(name), ())

    def search(self, text: str) -> tuple[Entry, ...]:
        """The entries with every word of the text somewhere in one of their names; those that begin with it first."""
        words = folded(text).split()
        found = [e for e in self.entries if words and any(_holds(folded(name), words) for name in e.names)]
        begins = folded(text).strip()
        return tuple(sorted(found, key=lambda e: not any(folded(name).startswith(begins) for name in e.names)))


def _holds(name: str, words: list[str]) -> bool:
    return all(word in name for word in words)


def folded(text: str) -> str:
    """The text as a search sees it: no capitals, no dots or rings over letters, `_` and `-` as spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(" " if c in "_-" else c for c in plain if not unicodedata.combining(c)).strip()
