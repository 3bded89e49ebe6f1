"""G-10's first line: however much of the worst kind is reported, höjd beredskap is never set, only proposed levels."""

from __future__ import annotations

from rules.ladder import Entered
from tests.laws import strategies
from tests.laws.strategies import Play

WORST = ("attack", "mass-injury", "explosion", "power-outage", "contamination")


def test_five_hundred_of_the_worst_reports_in_ten_minutes_propose_and_never_declare() -> None:
    play = Play(strategies.shipped())
    ladder = play.intake.profile.policy.ladder
    districts = ("sodermalm", "jarva", "farsta", "bromma", "kungsholmen")
    for number in range(500):
        play.at(number / 50)
        play.incident(WORST[number % 5], f"r{number}", area=districts[number // 5 % 5])

    levels = {m.alert_level for m in play.matters} | {m.declared_state for m in play.matters}
    proposed = {p.level for m in play.matters for p in m.proposals}
    declared = {level.id for level in ladder.levels if level.entered is Entered.DECLARED}

    assert "särskild händelse" in proposed
    assert declared
    assert not declared & (levels | proposed)
    assert {m.declared_state for m in play.matters} == {ladder.lowest}
