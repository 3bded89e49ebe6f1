"""The golden stories on the Kafka host's partitions, whose order and deaths are drawn from a seed."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path

import pytest

from streams.intake import Intake, intake_of
from streams.play import play
from streams.rehearsal import Providers
from streams.story import Story, read_stories
from tests.conftest import ROOT, STOCKHOLM, loaded
from tests.kafka.twin import Twin
from tests.laws.effort import FACTOR

PROFILES = {"stockholm": STOCKHOLM, "lillby": ROOT / "rules" / "lillby"}
STORIES = [(name, told.story) for name, at in PROFILES.items() for told in read_stories(at / "stories")[0]]
MORTALITY = 0.002


@cache
def intake(directory: Path) -> Intake:
    return intake_of(loaded(directory), directory, open_door=True)


@pytest.mark.parametrize(("profile", "story"), STORIES, ids=[f"{p}: {s.name}" for p, s in STORIES])
@pytest.mark.parametrize("seed", range(FACTOR))
def test_the_story_comes_out_as_told_while_owners_of_partitions_die(profile: str, story: Story, seed: int) -> None:
    twins: list[Twin] = []

    def twin(intake: Intake, start: datetime, providers: Providers) -> Twin:
        twins.append(Twin(intake, start, providers, seed=seed, mortality=MORTALITY))
        return twins[0]

    played = play(story, intake(PROFILES[profile]), twin)

    assert not played.missed, "\n".join(map(str, played.missed))
    assert not twins[0].dead
