"""The stories beside the rules are the specification: each is played through the real stages in virtual time."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from streams.intake import Intake, intake_of
from streams.play import Played, play
from streams.story import Story, Told, read_stories
from streams.story_names import misnamed
from tests.conftest import ROOT, STOCKHOLM, loaded

PROFILES = {"stockholm": STOCKHOLM, "lillby": ROOT / "rules" / "lillby"}
TOLD = {name: read_stories(directory / "stories") for name, directory in PROFILES.items()}
STORIES = [(name, told.story) for name, (all_told, _) in TOLD.items() for told in all_told]


@cache
def intake(directory: Path) -> Intake:
    return intake_of(loaded(directory), directory, open_door=True)


@cache
def played(profile: str, name: str) -> Played:
    story = next(told.story for told in TOLD[profile][0] if told.story.name == name)
    return play(story, intake(PROFILES[profile]))


@pytest.mark.parametrize("profile", PROFILES)
def test_every_story_file_loads_and_names_what_the_profile_knows(profile: str) -> None:
    stories, faults = TOLD[profile]
    wrong = [*faults, *(f for told in stories for f in misnamed(told, loaded(PROFILES[profile])))]
    assert not wrong, "\n".join(map(str, wrong))
    assert stories


@pytest.mark.parametrize(("profile", "story"), STORIES, ids=[f"{p}: {s.name}" for p, s in STORIES])
def test_the_story_comes_out_as_told(profile: str, story: Story) -> None:
    missed = played(profile, story.name).missed
    assert not missed, "\n".join(map(str, missed))


@pytest.mark.parametrize("profile", PROFILES)
def test_every_rule_comes_to_hold_in_some_story(profile: str) -> None:
    rules = {compiled.rule.id for compiled in loaded(PROFILES[profile]).policy.rules}
    reached: set[str] = set()
    for told in TOLD[profile][0]:
        reached |= played(profile, told.story.name).rules
    assert rules - reached == set()


@pytest.mark.parametrize("profile", PROFILES)
def test_every_rule_is_expected_to_hold_and_not_to_hold_in_some_story(profile: str) -> None:
    """A rule that is only ever seen to hold could be one that always does."""
    rules = {compiled.rule.id for compiled in loaded(PROFILES[profile]).policy.rules}
    assert rules - _expected(TOLD[profile][0], "holds") == set()
    assert rules - _expected(TOLD[profile][0], "not_holds") == set()


def _expected(told: tuple[Told, ...], which: str) -> set[str]:
    expectations = [step.expect for t in told for step in t.story.steps if step.expect is not None]
    return {rule for expect in expectations for rule in getattr(expect, which)}
