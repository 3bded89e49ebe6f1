"""The oracle finds each promise that a forged history breaks, and it knows nothing of the product."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.proof.oracle import Arrived, Seen, Sent, broken

AT = datetime(2026, 10, 13, 4, tzinfo=UTC)
MATTER = "lillby-20261013-1"


def row(**more: Any) -> dict[str, Any]:
    known = {"role": "tib", "state": "delivered", "person": "p-a", "deadline": None}
    return known | more


def situation(**more: Any) -> dict[str, Any]:
    causes = [{"facts": [{"event": "1"}]}]
    return {"id": MATTER, "causes": causes, "log": [], "plan": [row()]} | more


SOUND = Seen(
    at=AT,
    sent=(Sent("1", "incident", answered=True), Sent("2", "readings", answered=False)),
    arrived=(Arrived("a-sms", "Larm", f"nr 1 i ärende {MATTER}", AT),),
    kills=(AT + timedelta(seconds=1),),
    log=({"id": "1"},),
    situations=(situation(),),
    dead=0,
    phones={"p-a": {"a-sms"}},
)
LATE = (AT - timedelta(minutes=5)).isoformat()
AGAIN = replace(SOUND.arrived[0], at=AT + timedelta(seconds=9))
FORGED = {
    "lost": replace(SOUND, log=()),
    "twice": replace(SOUND, log=SOUND.log * 2),
    "invented": replace(SOUND, log=(*SOUND.log, {"id": "9"})),
    "not applied": replace(SOUND, situations=(situation(causes=[]),)),
    "nobody told": replace(SOUND, arrived=()),
    "an obligation in no known state": replace(SOUND, situations=(situation(plan=[row(state="lost")]),)),
    "forgotten": replace(SOUND, situations=(situation(plan=[row(state="asked", deadline=LATE)]),)),
    "claimed": replace(SOUND, phones={"p-a": {"b-sms"}}),
    "without cause": replace(SOUND, situations=(), sent=SOUND.sent[1:], log=()),
    "repeated": replace(SOUND, arrived=(*SOUND.arrived, AGAIN, AGAIN)),
}


def test_a_history_that_keeps_every_promise_is_sound() -> None:
    assert broken(SOUND) == []


def test_a_copy_over_a_kill_is_no_fault() -> None:
    assert broken(replace(SOUND, arrived=(*SOUND.arrived, AGAIN))) == []


def test_an_accepted_event_that_was_set_aside_is_accounted_for() -> None:
    assert broken(replace(SOUND, situations=(situation(causes=[]),), dead=1)) == []


@pytest.mark.parametrize("promise", FORGED)
def test_each_broken_promise_is_found(promise: str) -> None:
    assert any(said.startswith(promise) for said in broken(FORGED[promise])), broken(FORGED[promise])


def test_the_oracle_imports_nothing_of_the_product() -> None:
    tree = ast.parse(Path(__file__).with_name("oracle.py").read_text("utf-8"))
    named = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    named |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    assert not [name for name in named if name and name.split(".")[0] in ("rules", "notifiers", "streams", "tests")]
