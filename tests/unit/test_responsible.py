"""Who answers for what is wrong, and whom it takes something from, derived from the registry: one sentence each.

The town: nord, syd and ost are district boards; vatten is a company; natet owns the grid and is outside the city.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from notifiers.notice import Row
from notifiers.principles import plan
from notifiers.profile import Profile
from rules.action import Action, Principle
from rules.matter import Cause, Fact
from tests.laws.strategies import START, TOWN, matter_of, town

Told = dict[tuple[str, str], str]


def fact(kind: str = "fire", number: int = 1, **more: Any) -> Fact:
    return Fact(key=f"incident:{number}", said="något", at=START, kind=kind, areas=("nord",)).model_copy(update=more)


def cause(*facts: Fact, **more: Any) -> Cause:
    given = Cause(
        id="c",
        rule="r",
        name="Orsak",
        level="normal",
        because="därför",
        facts=facts,
        reported=True,
        policy="test",
        opened_at=START,
    )
    return given.model_copy(update=more)


def rows(profile: Profile, *causes: Cause, at: datetime = START) -> tuple[Row, ...]:
    return plan(profile, matter_of(causes, "normal", "normal"), at)


def told(profile: Profile, *causes: Cause, at: datetime = START) -> Told:
    """What is expected of whom."""
    return {r.post: r.action.value for r in rows(profile, *causes, at=at)}


def because(profile: Profile, post: tuple[str, str], *causes: Cause) -> str:
    return next(r.because for r in rows(profile, *causes) if r.post == post)


def asset(name: str, operator: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name.title(), "kind": "x", "area": "nord.ett", "operator": operator} | more


def organisations(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """The town's organisations with these fields of some of them changed, and new ones added."""
    known = {o["id"]: o for o in TOWN["organisations"]}
    new = [c for name, c in changes.items() if name not in known]
    return [o | changes.get(o["id"], {}) for o in known.values()] + new


def kinds(**more: Any) -> list[dict[str, Any]]:
    return [*TOWN["incident_kinds"], {"id": "blackout", "name": "Strömavbrott", "functions": ["power"]} | more]


MERGED = {
    "id": "gamla",
    "name": "Gamla",
    "kind": "board",
    "relation": "direct",
    "duty": "cib",
    "valid_to": "2026-09-30",
    "succeeded_by": "syd",
}
"""A board that syd took over two weeks ago."""


# --- order -----------------------------------------------------------------------------------------------------------


def test_the_reason_is_the_same_whatever_order_the_reports_are_told_in() -> None:
    """Found by a law: the first fact of the tuple, not the first report, gave the reason."""
    two = town(assets=[asset("ett", "syd"), asset("tva", "syd")])
    first, second = fact(asset="ett"), fact(asset="tva", number=2)
    assert rows(two, cause(first, second)) == rows(two, cause(second, first))
    assert because(two, ("cib", "syd"), cause(second, first)).startswith("Syd driver Ett")


# --- who is responsible ----------------------------------------------------------------------------------------------


def test_where_nobody_nearby_with_the_function_can_be_told_the_wider_area_answers() -> None:
    """Found by a law: an organisation without any post counted as found, and nobody was asked to act."""
    mute = {"id": "stum", "name": "Stum", "kind": "board", "relation": "direct"}
    small = town(organisations=organisations(stum=mute | {"functions": ["water"], "areas": ["nord"]}))
    assert told(small, cause(fact("leak"), functions=("water",)))["drift", "vatten"] == "act"
    orphan = town(organisations=organisations(stum=mute | {"functions": ["orphan"], "areas": ["nord"]}))
    unknown = rows(orphan, cause(fact("leak"), functions=("orphan",)))
    assert [r.post for r in unknown if r.responsibility_unresolved] == [("cib", "nord")]
