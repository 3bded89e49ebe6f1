"""The messages that assess takes besides timers."""

from __future__ import annotations

from typing import Literal

from rules.events import Event
from rules.frozen import Frozen
from rules.matter import Above, Fact
from rules.silence import Explanation


class Reported(Frozen):
    """An event as the door hands it on: with the areas it touches (smallest known) and its home area's key.

    A report that something is over may say another place than the one it began with, so it goes from key to key:
    `asked` are those it has been at, `known` says that one of them knew what is over."""

    kind: Literal["reported"] = "reported"
    event: Event
    areas: tuple[str, ...]
    flags: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    known: bool = False


class Begun(Frozen):
    """A city-wide rule has begun to hold: the keys that watch its `until` start over."""

    kind: Literal["begun"] = "begun"
    rule: str


class Forward(Frozen):
    """A fact that a condition of a rule kept under another key wants: upward to the city for a city-wide rule,
    downward to a district for a warning that came to the city (semantics 11). `present` False: it no longer holds."""

    kind: Literal["forward"] = "forward"
    rule: str
    path: str
    group: str
    fact: Fact
    present: bool


class Overhead(Frozen):
    """A matter at a wider area is above this one, or (`part` False) no longer is; and what is decided there."""

    kind: Literal["overhead"] = "overhead"
    child: str
    above: Above
    part: bool


class Explains(Frozen):
    """A matter of another key explains silence here, or (`over`) no longer does."""

    kind: Literal["explains"] = "explains"
    explanation: Explanation
    over: bool = False


class Kin(Frozen):
    """A matter's forward to the city's key (semantics 11): opened, changed or closed, with the new signs by which it
    may belong together with matters of other areas. The matter's id is what makes it one and the same."""

    kind: Literal["kin"] = "kin"
    matter: str
    area: str
    fact: Fact
    open: bool
    signs: tuple[str, ...] = ()


class Resumption(Frozen):
    """The host listens again, from now: nothing was heard while it was not here, and that is nobody's silence."""

    kind: Literal["resumption"] = "resumption"


class Reloaded(Frozen):
    """The profile has been swapped: the key lets go of rules that are gone, and lets those not yet tracked see what
    holds. `new`: the identities of rules that were not in force before."""

    kind: Literal["reloaded"] = "reloaded"
    new: tuple[str, ...] = ()
