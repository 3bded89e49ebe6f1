"""Validated entries of a profile's files, each with the place where it stands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from rules.fault import Fault, Gravity

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One validated entry of a section, and where it stands."""

    value: Any
    file: str
    section: str
    node: Any

    def fault(self, path: Path_, message: str, gravity: Gravity = Gravity.ERROR) -> Fault:
        """A fault at this place inside the entry; the nearest place that exists if the author left it out."""
        key, value, where = locate(self.node, path, name_of(self.node))
        line, column = key if gravity is Gravity.FINDING and not path else value
        return Fault(self.file, line + 1, column + 1, f"{self.section}.{where}".rstrip("."), message, gravity)


@dataclass(slots=True)
class Documents:
    """What a directory held: the good entries by section, and every fault."""

    items: dict[str, list[Item]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)

    def values(self, section: str) -> tuple[Any, ...]:
        return tuple(item.value for item in self.items.get(section, ()))

    @property
    def hash(self) -> str:
        return str(self.digest.hexdigest()[:12])


def name_of(node: Any) -> str:
    """The entry's own id, or nothing if it has none."""
    return str(node["id"]) if isinstance(node, dict) and isinstance(node.get("id"), str) else ""


def locate(node: Any, path: Path_, start: str) -> tuple[tuple[int, int], tuple[int, int], str]:
    """Position of the key and of the value at a path through the file (0-based), and the path as words."""
    key = value = (node.lc.line, node.lc.col)
    words = [start] if start else []
    for step in path:
        if isinstance(step, str) and step.startswith("<"):
            continue  # a union's tag, which stands in no file
        if isinstance(node, CommentedMap):
            words.append(str(step))
            if step not in node.lc.data:
                break  # a missing key, or one merged in from elsewhere: the mapping is the place
            row = node.lc.data[step]
            key, value, node = (row[0], row[1]), (row[2], row[3]), node[step]
        elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
            key = value = node.lc.item(step)
            node = node[step]
            words.append(name_of(node) or str(step))
    return key, value, ".".join(words)


def is_list(node: object, path: Path_) -> bool:
    """True if the author wrote a list at this path."""
    for step in path:
        try:
            node = node[step]  # type: ignore[index]  # any mismatch means: not a list
        except (KeyError, IndexError, TypeError):
            return False
    return isinstance(node, list)
