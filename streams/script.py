"""A story's steps as the events they stand for."""

from __future__ import annotations

from datetime import datetime

from notifiers.profile import Profile
from rules.events import (
    KIND_OF,
    Acknowledgement,
    Decision,
    Event,
    EventKind,
    Incident,
    Payload,
    Reading,
    Readings,
    Seen,
    Shape,
    Verdict,
    Warning,
    Warnings,
    is_exercise,
)
from rules.registry import Source
from streams.intake import DOOR
from streams.story import Story, StoryStep, instant
from streams.view import Situation, View


class StoryError(Exception):
    """The story asks for something that cannot be: an answer to nothing, a source that does not exist."""


def event_of(profile: Profile, story: Story, step: StoryStep, index: int, at: datetime, view: View) -> Event | None:
    """The event a step stands for, or None for one that only looks or waits. `view` tells what there is to answer."""
    happened = instant(at, step.time, profile.policy.settings.timezone) if step.time else at
    realm = step.realm or story.realm
    payload = _payload(profile, realm, _reported(story, step), happened, view)
    if payload is None:
        return None
    return Event(
        id=f"{story.name}-{index}".replace(" ", "-"),
        source=_source(profile, _reported(story, step), payload, realm),
        time=happened,
        realm=realm,
        payload=payload,
    )


def _reported(story: Story, step: StoryStep) -> StoryStep:
    """The step; one that says an incident is over with the kind and source of the report that it ends."""
    first = next((s for s in story.steps if step.over is not None and s.ref == step.over and s.incident), None)
    if first is None:
        return step
    return step.model_copy(update={"incident": first.incident, "source": step.source or first.source})


def _source(profile: Profile, step: StoryStep, payload: Payload, realm: str) -> str:
    """The source the step names, or the first registered one that may report such a thing in this realm."""
    sources, kind = profile.policy.registry.sources, KIND_OF[type(payload)]
    if step.source is not None:
        if step.source not in sources:
            raise StoryError(f"källan {step.source!r} finns inte i sources")
        return sources[step.source].source
    if kind in (EventKind.DECISION, EventKind.ACKNOWLEDGEMENT):
        return DOOR
    found = next((s.source for s in sources.values() if _may(s, payload, realm)), None)
    if found is None:
        raise StoryError(f"ingen källa i profilen får rapportera {kind} i {realm}")
    return found


def _may(source: Source, payload: Payload, realm: str) -> bool:
    if KIND_OF[type(payload)] not in source.may:
        return False
    if isinstance(payload, Incident) and source.kinds and payload.kind not in source.kinds:
        return False
    return realm in source.realms or ("exercise/*" in source.realms and is_exercise(realm))


def _payload(profile: Profile, realm: str, step: StoryStep, at: datetime, view: View) -> Payload | None:
    if step.readings is not None:
        return Readings(readings=tuple(Reading(sensor=s, value=v, time=at) for s, v in step.readings.items()))
    if step.incident is not None or step.over is not None:
        return _incident(profile, step, at)
    if step.warning is not None:
        return _warning(step)
    if step.answer is not None and step.person is not None:
        return _acknowledgement(realm, step, view)
    if step.decide is not None:
        return _decision(realm, step, view)
    return None


def _incident(profile: Profile, step: StoryStep, at: datetime) -> Incident:
    return Incident(
        kind=step.incident or "okänt",
        ref=step.ref or step.over,
        status="closed" if step.over else "open",
        text=step.text,
        since=instant(at, step.since, profile.policy.settings.timezone) if step.since else None,
        area=step.area,
        asset=step.asset,
        position=step.position,
        relates_to=step.relates_to,
        danger_to_life=step.danger_to_life,
    )


def _warning(step: StoryStep) -> Warnings:
    if step.vanished:
        return Warnings(feed="story", complete=True)
    warning = Warning(
        identifier=step.ref or "1",
        kind=step.warning or "",
        severity=step.severity,
        title=step.text or step.warning or "",
        areas=step.areas,
        shapes=(Shape(points=step.polygon),) if step.polygon else (),
        ended=step.ended,
    )
    return Warnings(feed="story", warnings=(warning,))


def asked(view: View, realm: str, person: str) -> tuple[Seen, ...]:
    """The open matters in which this person has been asked, as they stand."""
    found = [s for s in view.situations(realm) if any(person in o.told for o in s.obligations)]
    return tuple(Seen(matter=s.matter.id, generation=s.matter.generation) for s in found if s.matter is not None)


def _acknowledgement(realm: str, step: StoryStep, view: View) -> Acknowledgement:
    assert step.answer is not None
    assert step.person is not None
    matters = asked(view, realm, step.person)
    if not matters:
        raise StoryError(f"{step.person} har inte fått någon fråga att svara på")
    return Acknowledgement(person=step.person, answer=step.answer, matters=matters)


def _decision(realm: str, step: StoryStep, view: View) -> Decision:
    assert step.decide is not None
    declared = step.decide in (Verdict.DECLARE, Verdict.LIFT)
    return Decision(
        decision=step.decide,
        person=step.person,
        by=step.by or "",
        matter=None if declared else _matter(realm, step.about, step, view),
        into=_matter(realm, step.into, step, view) if step.into else None,
        cause=step.cause,
        level=step.level,
        reference=step.reference,
        grade=step.grade,
        territory=step.territory,
        elsewhere=step.elsewhere,
    )


def _matter(realm: str, title: str | None, step: StoryStep, view: View) -> str:
    """The open matter of the area that the step names, with these words in its title; of several the newest, one that
    waits for a decision first."""
    found = [s for s in view.situations(realm) if s.matter is not None and s.matter.area == step.within]
    if title is not None:
        found = [s for s in found if s.matter is not None and title.casefold() in s.matter.title.casefold()]
    chosen = next((s for s in found if _waits(s)), found[0] if found else None)
    if chosen is None or chosen.matter is None:
        raise StoryError(f"inget öppet ärende i {step.within!r} att besluta om")
    return chosen.matter.id


def _waits(situation: Situation) -> bool:
    proposal = situation.matter.proposal if situation.matter is not None else None
    return proposal is not None and proposal.pending
