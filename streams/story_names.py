"""Whether the names in a story are the profile's: a misspelt person in `not_told` would otherwise always pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from notifiers.attempt import Medium
from notifiers.profile import Profile
from rules.document import Fault, Path_, unknown
from rules.fault import Message
from rules.sentences import misnamed as misnamed_for
from rules.wording import NEAR
from streams.expectation import Expectation, ExpectedRow
from streams.story import StoryStep, Told
from streams.watcher import NOTHING

Name = tuple[Path_, str, str]
"""Where a name stands in its step, what kind of name it is, and the name."""


def misnamed(told: Told, profile: Profile) -> tuple[Fault, ...]:
    """Every name in the story that the profile does not know, where it stands."""
    known = _known(profile)
    return tuple(
        told.item.fault(("steps", number, *path), _said(name, kind, known[kind], profile))
        for number, step in enumerate(told.story.steps)
        for path, kind, name in (*_named(step), *_expected(step.expect))
        if name not in known[kind] and not (path == ("area",) and profile.policy.registry.resolve_area(name))
    )


def _said(name: str, kind: str, known: list[str], profile: Profile) -> Message:
    """An unknown name. Where a role stands for a person, the likeliest meant is whoever holds it."""
    holders = [d.holder for (role, _), d in profile.roster.duties.items() if role == name and d.holder is not None]
    if kind == "person" and holders:
        return misnamed_for(name, NEAR(name=holders[0]), kind)
    return unknown(name, known, kind)


def _known(profile: Profile) -> dict[str, list[str]]:
    registry, roster = profile.policy.registry, profile.roster
    channels = {c.channel for p in roster.persons.values() for c in (*p.contacts, *p.exercise_contacts)}
    return {
        "givare": list(registry.sensors),
        "område": list(registry.areas),
        "anläggning": list(registry.assets),
        "källa": list(registry.sources),
        "person": list(roster.persons),
        "nivå": [*(level.id for level in profile.policy.ladder.levels), NOTHING],
        "regel": [*(r.rule.id for r in profile.policy.rules), "everyday"],
        "händelselag": list(registry.incident_kinds),
        "post": [f"{role}@{organisation}" for role, organisation in roster.duties],
        "kanal": [*Medium, *sorted(channels)],
    }


def _named(step: StoryStep) -> Iterator[Name]:
    singles = (
        ("sensor", "givare", step.sensor),
        ("area", "område", step.area),
        ("asset", "anläggning", step.asset),
        ("incident", "händelselag", step.incident),
        ("source", "källa", step.source),
        ("person", "person", step.person),
        ("level", "nivå", step.level),
        ("within", "område", step.within),
        ("channel", "kanal", step.channel),
    )
    yield from (((key,), kind, name) for key, kind, name in singles if name is not None)
    yield from ((("sensors", name), "givare", name) for name in step.sensors or ())
    yield from _each("silence", "givare", step.silence or ())


def _expected(expect: Expectation | None) -> Iterator[Name]:
    if expect is None:
        return
    for word, levels in (("alert_level", expect.alert_level), ("declared_state", expect.declared_state)):
        for area, level in levels.items():
            yield ("expect", word, area), "område", area
            yield ("expect", word, area), "nivå", level
    if expect.proposal is not None:
        yield ("expect", "proposal"), "nivå", expect.proposal
    lists: tuple[tuple[str, str, Iterable[str]], ...] = (
        ("holds", "regel", expect.holds),
        ("not_holds", "regel", expect.not_holds),
        ("told", "person", (m.person for m in expect.told)),
        ("not_told", "person", expect.not_told),
        ("added", "post", map(_post, expect.added or ())),
        ("recipients", "post", map(_post, expect.recipients or ())),
    )
    for key, kind, names in lists:
        yield from ((("expect", *path), kind, name) for path, kind, name in _each(key, kind, names))


def _each(key: str, kind: str, names: Iterable[str]) -> Iterator[Name]:
    return (((key, index), kind, name) for index, name in enumerate(names))


def _post(row: ExpectedRow) -> str:
    return f"{row.role}@{row.organisation}"
