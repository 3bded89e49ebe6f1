"""What people read in the stories of both profiles is words, never ids of the profile or English of the program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifiers.profile import Profile
from rules.record import LogLine, MatterSnapshot
from streams.commands.profiles import intake_at
from streams.play import _Player
from streams.rehearsal import Rehearsal
from streams.story import load_stories

RULES = Path(__file__).parents[2] / "rules"
PROGRAM = {"responsibility_unresolved", "act", "decide", "coordinate", "support", "inform", "granted", "refused",
           "pending", "provisional", "accepted", "retryable", "rejected", "timed_out", "declare", "lift", "grant",
           "refuse", "close", "taken", "declined", "responsibility", "proximity", "similarity", "cooperation",
           "area_responsibility", "statutory_duty", "mail", "None"}  # fmt: skip


def _ids(profile: Profile) -> set[str]:
    """Every id that differs from its own name."""
    registry, roster = profile.policy.registry, profile.roster
    named = [
        *registry.areas.values(), *registry.organisations.values(), *registry.assets.values(),
        *registry.functions.values(), *registry.sensors.values(), *registry.incident_kinds.values(),
        *registry.sensor_kinds.values(), *roster.persons.values(),
    ]  # fmt: skip
    ids = {item.id for item in named if item.name is not None and item.id.lower() not in item.name.lower().split()}
    return ids | {role for role, _ in roster.duties if role not in roster.role_name(role).lower().split()}


def _read(rehearsal: Rehearsal) -> Iterator[str]:
    for _, record in rehearsal.records:
        match record:
            case LogLine():
                yield record.said
            case MatterSnapshot():
                yield record.matter.title
                yield from (text for c in record.matter.causes for text in (c.name, c.because, c.message))
                yield from (p.because for p in record.matter.proposals)
    for _, attempt in rehearsal.sent:
        yield f"{attempt.title}\n{attempt.body}"


@pytest.mark.parametrize("city", ["stockholm", "lillby"])
def test_no_raw_word_reaches_people_in_any_story(city: str) -> None:
    intake = intake_at(RULES / city)
    words = sorted(_ids(intake.profile) | PROGRAM, key=len, reverse=True)
    raw = re.compile(rf"(?<![\w./@-])({'|'.join(map(re.escape, words))})(?![\w@/-]|\.\w)")
    found: dict[str, str] = {}
    stories, faults = load_stories(RULES / city / "stories")
    assert not faults
    for story in stories:
        player = _Player(story, intake, Rehearsal)
        for index, moment in enumerate(story.timeline(intake.profile.policy.settings.timezone)):
            player.play(index, moment)
        for text in _read(player.rehearsal):
            for match in raw.finditer(text):
                found.setdefault(match[1], text[max(0, match.start() - 80) : match.end() + 40])

    assert found == {}
