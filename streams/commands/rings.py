"""The answer of `beredd who` as rings from the place outward: which ring each recipient is in, and where all is drawn.

Numbers tie the marks on the rings to the list beside them, so that no label can lie on another. Only arithmetic: the
same answer gives the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from textwrap import wrap
from zoneinfo import ZoneInfo

from notifiers.passed_over import Reason
from rules import duration
from rules.registry import AreaKind, OrganisationKind, Relation
from streams.commands.console import clean
from streams.commands.who_told import LATER, NOW, Answer, Recipient, person_name, subject
from streams.commands.words import ACTION, RELATION

CENTRE, STEP, MARK = 44.0, 52.0, 13.0
"""Radius of the place in the middle, the least distance between rings, and half the size of a mark."""
APART = 2 * MARK + 10
LIST_WIDTH, MARGIN, GAP = 480.0, 28.0, 36.0
TOP = 96.0
BIG, SMALL, TITLE = 48, 58, 64
"""Characters that fit on a line: of the list in bold and in small print, and of the title."""
LINE, TITLE_LINE = 19.0, 28.0
NARROWEST = 320.0
NAME_WIDTH = 62.0
"""Half the room kept free for a ring's name."""
LEGEND = 220.0
"""The height of the explanation of marks below the rings."""

SYMBOL = {
    "responsibility": "A",
    "proximity": "N",
    "similarity": "L",
    "area_responsibility": "O",
    "statutory_duty": "§",
    "cooperation": "S",
}


class Ring(IntEnum):
    """How far from the place somebody is."""

    PLACE = 0  # runs, owns or uses the asset
    DISTRICT = 1  # coordinates or answers for a district
    CITY = 2  # the city's boards and companies
    OUTSIDE = 3  # everybody else


NAME = {Ring.PLACE: "På platsen", Ring.DISTRICT: "Stadsdelen", Ring.CITY: "Staden", Ring.OUTSIDE: "Utanför staden"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, how it is set, and where."""

    text: str
    style: str
    y: float


@dataclass(frozen=True, slots=True)
class Node:
    """A recipient: what is said of it, and the number that ties its mark on a ring to the list."""

    number: int
    ring: Ring
    kind: str
    role: str
    organisation: str
    asked: str
    symbol: str
    because: str
    later: str
    persons: tuple[str, ...]

    @property
    def said(self) -> str:
        """The whole row as one sentence, for whoever does not see the picture."""
        asked = f"{self.asked}, {self.later}" if self.later else self.asked
        return f"{self.number}. {self.role}, {self.organisation}: {asked}. {self.because}."

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """The row as lines that fit in the list, each with its style."""
        parts = (
            (self.role, "role", BIG),
            (self.organisation, "organisation", SMALL),
            (self.asked, "asked", BIG),
            (self.later, "asked", BIG),
            (f"{self.symbol}: {self.because}", "because", SMALL),
        )
        return tuple((line, style) for text, style, width in parts for line in wrap(text, width))


@dataclass(frozen=True, slots=True)
class Mark:
    """A node's shape at a place on its ring."""

    node: Node
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Band:
    """One ring: its radius and the marks on it."""

    ring: Ring
    radius: float
    marks: tuple[Mark, ...]

    @property
    def name(self) -> str:
        return NAME[self.ring]


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in the list: a heading (no node), or a recipient with its lines."""

    y: float
    lines: tuple[Line, ...]
    node: Node | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """The rings and the list, in the picture's own units."""

    bands: tuple[Band, ...]
    entries: tuple[Entry, ...]
    x: float
    y: float
    list_x: float
    legend_y: float
    width: float
    height: float


def nodes(answer: Answer) -> tuple[Node, ...]:
    """The recipients from the place outward; within a ring as they are asked, those of a level last."""
    ringed = sorted(((_ring(answer, r), r) for r in answer.recipients), key=lambda found: found[0])  # stable
    return tuple(_node(answer, number, ring, r) for number, (ring, r) in enumerate(ringed, start=1))


def _ring(answer: Answer, recipient: Recipient) -> Ring:
    registry = answer.profile.policy.registry
    known = registry.organisations[recipient.row.organisation]
    if known.id in _at_place(answer):
        return Ring.PLACE
    if any(registry.areas[a].kind is not AreaKind.CITY for a in known.coordinates):
        return Ring.DISTRICT
    outside = (OrganisationKind.EXTERNAL, OrganisationKind.INDEPENDENT_PRINCIPAL, OrganisationKind.SUPPLIER)
    return Ring.OUTSIDE if known.kind in outside or known.relation is Relation.INFORM else Ring.CITY


def _at_place(answer: Answer) -> set[str | None]:
    """Whoever runs, manages, owns or uses an asset that is touched."""
    named = {fact.asset for m in answer.matters for c in m.open_causes for fact in c.facts}
    assets = [a for a in answer.profile.policy.registry.assets.values() if a.id in named]
    return {o for a in assets for o in (a.operator, a.manager, a.owner, *(u.organisation for u in a.users))}


def _node(answer: Answer, number: int, ring: Ring, recipient: Recipient) -> Node:
    row, profile = recipient.row, answer.profile
    within = f"svar inom {duration.say(row.answer_within)}" if row.answer_within is not None else ""
    later = f"först när {LATER[recipient.when].format(level=recipient.level)}" if recipient.when != NOW else ""
    asked = " · ".join(part for part in (f"ska {ACTION[row.action]}", RELATION[row.relation], within) if part)
    return Node(
        number=number,
        ring=ring,
        kind=row.action.value,
        role=clean(profile.roster.role_name(row.role)),
        organisation=clean(profile.policy.registry.organisations[row.organisation].name),
        asked=clean(asked),
        symbol=SYMBOL[row.principle.value],
        because=clean(row.because),
        later=clean(later),
        persons=tuple(clean(person_name(c.person, profile)) for c in recipient.chain),
    )


def drawing(found: tuple[Node, ...]) -> Drawing:
    """Where everything is drawn. No two marks of a ring are nearer than APART, and the list is beside the rings."""
    bands = tuple(_bands(found))
    half = max(NARROWEST / 2, bands[-1].radius + MARK)
    list_x = MARGIN + 2 * half + GAP
    entries = tuple(_entries(found))
    legend_y = TOP + 2 * half + 40
    centre = (MARGIN + half, TOP + half)
    placed = tuple(
        Band(b.ring, b.radius, tuple(Mark(m.node, m.x + centre[0], m.y + centre[1]) for m in b.marks)) for b in bands
    )
    bottom = max(entries[-1].lines[-1].y if entries else TOP, legend_y + LEGEND)
    return Drawing(placed, entries, *centre, list_x, legend_y, list_x + LIST_WIDTH + MARGIN, bottom + MARGIN)


def _bands(found: tuple[Node, ...]) -> Iterator[Band]:
    radius = CENTRE - STEP
    for ring in Ring:
        here = tuple(n for n in found if n.ring is ring)
        radius += STEP
        while (2 * math.pi - 2 * _kept_free(radius)) * radius < len(here) * APART:
            radius += 4
        yield Band(ring, radius, tuple(_marks(here, radius)))


def _kept_free(radius: float) -> float:
    """Half the angle at the top of a ring where its name stands."""
    return math.asin(min(1.0, NAME_WIDTH / radius))


def _marks(here: tuple[Node, ...], radius: float) -> Iterator[Mark]:
    """Clockwise from beside the name. A lone mark stands a little to the side, so that those of two rings differ."""
    free = _kept_free(radius)
    for index, node in enumerate(here):
        part = (index + 0.5) / len(here) if len(here) > 1 else (0.36 if node.ring % 2 else 0.64)
        angle = free + part * (2 * math.pi - 2 * free)
        yield Mark(node, radius * math.sin(angle), -radius * math.cos(angle))


def _entries(found: tuple[Node, ...]) -> Iterator[Entry]:
    y = TOP
    for ring in Ring:
        here = [n for n in found if n.ring is ring]
        if here:
            yield Entry(y, (Line(NAME[ring], "ring", y + LINE),))
            y += 2.2 * LINE
        for node in here:
            lines = tuple(Line(text, style, y + (i + 0.7) * LINE) for i, (text, style) in enumerate(node.lines))
            yield Entry(y, lines, node)
            y += (len(lines) + 0.8) * LINE


def titled(about: str) -> tuple[Line, ...]:
    """The title as lines that fit; what is below moves down by all but the first."""
    return tuple(Line(text, "about", 42 + i * TITLE_LINE) for i, text in enumerate(wrap(about, TITLE)))


def heading(answer: Answer) -> tuple[str, str]:
    """What the picture is about, and when and at which level."""
    at = answer.rehearsal.now.astimezone(ZoneInfo(answer.profile.policy.settings.timezone))
    levels = list(dict.fromkeys([*(m.alert_level for m in answer.matters), *([answer.level] if answer.level else [])]))
    said = f"{at:%Y-%m-%d %H:%M}, larmnivå {' och sedan '.join(levels)}"
    return clean(answer.supposed.said), clean(said)


def passed(answer: Answer) -> tuple[tuple[str, str], ...]:
    """Who is passed over and why; what a level adds is drawn, if one was asked for."""
    shown = (p for p in answer.passed_over if answer.level is None or p.reason is not Reason.NEXT_LEVEL)
    return tuple((clean(subject(p, answer.profile)), clean(p.because)) for p in shown)
