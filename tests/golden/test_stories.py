"""The stories beside the rules are the specification: each is played through the real stages in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.events import Event
from streams.intake import Intake
from streams.rehearsal import Rehearsal
from streams.script import Watcher, event_of
from streams.story import Story, load_stories

ROOT = Path(__file__).parent.parent.parent
STORIES, FAULTS = load_stories(ROOT / "rules" / "stockholm" / "stories")


def test_every_story_file_loads() -> None:
    assert not FAULTS, "\n".join(map(str, FAULTS))
    assert STORIES


def play(story: Story, intake: Intake) -> list[str]:
    """Every expectation that was not met, with its moment."""
    profile = intake.profile
    moments = list(story.moments(profile.policy.settings.timezone))
    rehearsal, watcher, missed = Rehearsal(intake, moments[0][0]), Watcher(story.realm), []
    for index, (at, step) in enumerate(moments):
        rehearsal.advance(at)
        if step.expect is not None:
            missed += [f"{step.at}: {fault}" for fault in watcher.missed(step.expect, rehearsal.view)]
        else:
            event = event_of(profile, story, step, index, at, rehearsal.view)
            if isinstance(event, Event):
                rehearsal.accept(event)
    return missed


@pytest.mark.parametrize("story", STORIES, ids=[s.name for s in STORIES])
def test_the_story_comes_out_as_told(story: Story, stockholm_intake: Intake) -> None:
    missed = play(story, stockholm_intake)
    assert not missed, "\n".join(missed)
