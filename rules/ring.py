"""Rings: names that lead round to themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node")


def rings(leads_to: Mapping[Node, Iterable[Node]]) -> Iterator[tuple[Node, ...]]:
    """Rings in which every name leads to the next and the last to the first: at least one for every group of names that
    lead to each other, in the order of the mapping. No name is visited twice, so it takes time in proportion."""
    done: set[Node] = set()
    for start in leads_to:
        path: dict[Node, Iterator[Node]] = {}
        _walk(start, leads_to, done, path)
        while path:
            last = next(reversed(path))
            following = next(path[last], None)
            if following is None:
                path.pop(last)
                done.add(last)
            elif following in path:
                names = tuple(path)
                yield names[names.index(following) :]
            else:
                _walk(following, leads_to, done, path)


def in_words(ring: Sequence[str]) -> str:
    """A ring for people to read: `a → b → a`."""
    return " → ".join((*ring, ring[0]))


def _walk(
    node: Node, leads_to: Mapping[Node, Iterable[Node]], done: set[Node], path: dict[Node, Iterator[Node]]
) -> None:
    """The node is the path's last, unless all that it leads to is known."""
    if node not in done:
        path[node] = iter(leads_to.get(node, ()))
