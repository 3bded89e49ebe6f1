"""The golden stories on the real Faust host and a real Kafka. A stated sample; every one of them by `make prove`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest

from streams.intake import Intake, intake_of
from streams.play import play
from streams.rehearsal import Providers
from streams.story import Story, read_stories
from tests.conftest import ROOT, STOCKHOLM, loaded
from tests.kafka.world import World
from tests.laws.effort import FACTOR

PROFILES = {"stockholm": STOCKHOLM, "lillby": ROOT / "rules" / "lillby"}
STORIES = [(name, told.story) for name, at in PROFILES.items() for told in read_stories(at / "stories")[0]]
SAMPLE = 12
"""So many of them, evenly, unless all are to be proved."""

CHOSEN = STORIES if FACTOR > 1 else STORIES[:: len(STORIES) // SAMPLE][:SAMPLE]
pytestmark = pytest.mark.slow


@cache
def intake(directory: Path) -> Intake:
    return intake_of(loaded(directory), directory, open_door=True)


@pytest.fixture
def worlds() -> Iterator[list[World]]:
    made: list[World] = []
    yield made
    for world in made:
        world.stop()


@pytest.mark.parametrize(("profile", "story"), CHOSEN, ids=[f"{p}: {s.name}" for p, s in CHOSEN])
def test_the_story_comes_out_as_told_on_kafka(profile: str, story: Story, kafka: str, worlds: list[World]) -> None:
    def world(intake: Intake, start: datetime, providers: Providers) -> World:
        worlds.append(World(kafka, intake, start, providers))
        return worlds[0]

    played = play(story, intake(PROFILES[profile]), world)

    assert not played.missed, "\n".join(map(str, played.missed))
