"""Which partition a key belongs to. It must be the same on every worker and for as long as the topics live.

Areas are few and unequal, so hashing them would leave some partitions with three districts and others with none: they
have an explicit map. The ids of matters and persons are many, and are hashed. Deliveries go by provider, so that one
that hangs delays only its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zlib import crc32

from notifiers.attempt import Attempt
from rules.frozen import Frozen
from rules.step import Stage


@dataclass(frozen=True, slots=True)
class Spread:
    """The partition of each message among so many. `areas`: the explicit map; an area that is not in it is hashed.
    `providers`: by channel reference, who carries it."""

    partitions: int
    areas: Mapping[str, int] = field(default_factory=dict)
    providers: Mapping[str, str] = field(default_factory=dict)

    def place(self, stage: Stage, realm: str, key: str, message: Frozen) -> int:
        match stage, message:
            case Stage.ASSESS, _ if key in self.areas:
                return self.areas[key] % self.partitions
            case Stage.DELIVER, Attempt(channel=channel):
                return self._hashed(self.providers.get(channel, channel))
            case _:
                return self._hashed(f"{realm}/{key}")

    def _hashed(self, name: str) -> int:
        return crc32(name.encode()) % self.partitions


def spread_out(known: Mapping[str, int], areas: Iterable[str], partitions: int) -> dict[str, int]:
    """The map with every area in it: those that had a partition keep it, the others get the emptiest, in order."""
    found = dict(known)
    for area in sorted(set(areas) - known.keys()):
        taken = list(found.values())
        found[area] = min(range(partitions), key=lambda p: (taken.count(p), p))
    return found
