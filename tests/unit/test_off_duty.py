"""A post of office hours at night: whoever covers it is asked first, and reads why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from notifiers.message import why_you
from notifiers.notice import Asked, Row
from notifiers.obligation import chain
from notifiers.profile import Profile, load_profile
from rules.ladder import Action, Principle
from rules.registry import Relation

DAY = datetime(2026, 6, 18, 8, tzinfo=UTC)
NIGHT = datetime(2026, 6, 18, 22, tzinfo=UTC)
MIDSUMMER_EVE = datetime(2026, 6, 19, 8, tzinfo=UTC)
SAMORDNARE = "informationssakerhetssamordnare"


@pytest.fixture(scope="module")
def stockholm() -> Profile:
    profile, faults = load_profile(Path("rules/stockholm"))
    assert profile is not None, faults
    return profile


def row(role: str = SAMORDNARE, action: Action = Action.ACT) -> Row:
    return Row(
        role=role,
        organisation="kulturnamnden",
        action=action,
        principle=Principle.RESPONSIBILITY,
        because="x",
        relation=Relation.DIRECT,
    )


def test_in_office_hours_the_holder_is_asked_first(stockholm: Profile) -> None:
    first = chain(stockholm, row(), "live", DAY)[0]
    assert (first.person, first.off_duty) == ("p-irene-illuminering", False)


@pytest.mark.parametrize("now", [NIGHT, MIDSUMMER_EVE])
def test_at_other_hours_whoever_covers_the_post_is_asked_first(stockholm: Profile, now: datetime) -> None:
    first = chain(stockholm, row(), "live", now)[0]
    assert (first.person, first.role, first.off_duty) == ("p-klara-kvartett", "chef_i_beredskap", True)


def test_at_other_hours_nobody_is_left_out(stockholm: Profile) -> None:
    by_day, by_night = (chain(stockholm, row(), "live", now) for now in (DAY, NIGHT))
    assert {c.person for c in by_day} == {c.person for c in by_night}


def test_whoever_is_only_told_is_told_at_any_hour(stockholm: Profile) -> None:
    assert chain(stockholm, row(action=Action.INFORM), "live", NIGHT)[0].person == "p-irene-illuminering"


def test_a_post_with_somebody_on_call_is_asked_itself_at_night(stockholm: Profile) -> None:
    assert chain(stockholm, row("chef_i_beredskap"), "live", NIGHT)[0].person == "p-klara-kvartett"
    assert not chain(stockholm, row("chef_i_beredskap"), "live", NIGHT)[0].off_duty


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "du är chef i beredskap vid Kulturnämnden. Skäl"),
        ({"deputy": True}, "du är ersättare för chef i beredskap vid Kulturnämnden, som inte har tagit det. Skäl"),
        ({"instead_of": "Jour, Kulturnämnden"}, "i stället för Jour, Kulturnämnden som inte har svarat. Skäl"),
        ({"instead_of": "Jour, X", "off_duty": True}, "i stället för Jour, X som inte är i tjänst nu. Skäl"),
    ],
)
def test_the_text_says_in_which_role_and_why_this_person(stockholm: Profile, more: dict[str, bool], said: str) -> None:
    asked = Asked(
        role="chef_i_beredskap",
        organisation="kulturnamnden",
        action=Action.ACT,
        relation=Relation.DIRECT,
        because="Skäl",
        **more,  # type: ignore[arg-type] # a table of fields of several types
    )
    assert said in why_you(asked, stockholm)
