"""A story's steps as the events they stand for, and the check of what it expects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from notifiers.obligation import Obligation
from notifiers.profile import Profile
from rules.events import (
    Acknowledgement,
    Decision,
    Event,
    EventKind,
    Incident,
    Payload,
    Reading,
    Readings,
    Seen,
    Warning,
    Warnings,
)
from streams.intake import DOOR
from streams.story import Expectation, ExpectedRow, Story, StoryStep, moment
from streams.view import Situation, View


class StoryError(Exception):
    """The story asks for something that cannot be: an answer to nothing, a source that does not exist."""


def event_of(profile: Profile, story: Story, step: StoryStep, index: int, at: datetime, view: View) -> Event | None:
    """The event a step stands for, or None for one that only looks or waits. `view` tells what there is to answer."""
    payload = _payload(profile, story, step, at, view)
    if payload is None:
        return None
    kind = next(k for k, p in _KINDS.items() if isinstance(payload, p))
    return Event(
        id=f"{story.name}-{index}".replace(" ", "-"),
        source=_source(profile, step, kind),
        time=at,
        realm=story.realm,
        payload=payload,
    )


_KINDS: dict[EventKind, type[Payload]] = {
    EventKind.INCIDENT: Incident,
    EventKind.READINGS: Readings,
    EventKind.WARNING: Warnings,
    EventKind.DECISION: Decision,
    EventKind.ACKNOWLEDGEMENT: Acknowledgement,
}


def _source(profile: Profile, step: StoryStep, kind: EventKind) -> str:
    """The source the step names, or the first registered one that may report such events."""
    sources = profile.policy.registry.sources
    if step.source is not None:
        if step.source not in sources:
            raise StoryError(f"källan {step.source!r} finns inte i sources")
        return sources[step.source].source
    if kind in (EventKind.DECISION, EventKind.ACKNOWLEDGEMENT):
        return DOOR
    found = next((s.source for s in sources.values() if kind in s.may and "live" in s.realms), None)
    if found is None:
        raise StoryError(f"ingen källa i profilen får rapportera {kind}")
    return found


def _payload(profile: Profile, story: Story, step: StoryStep, at: datetime, view: View) -> Payload | None:
    if step.sensor is not None and step.value is not None:
        return Readings(readings=(Reading(sensor=step.sensor, value=step.value, time=at),))
    if step.incident is not None or step.over is not None:
        return _incident(profile, step, at)
    if step.warning is not None:
        return _warning(step)
    if step.answer is not None and step.person is not None:
        return _acknowledgement(story, step, view)
    if step.decide is not None:
        return _decision(story, step, view)
    return None


def _incident(profile: Profile, step: StoryStep, at: datetime) -> Incident:
    zone = ZoneInfo(profile.policy.settings.timezone)
    since = moment(at.astimezone(zone).date(), step.since, zone) if step.since else None
    return Incident(
        kind=step.incident or "okänt",
        ref=step.ref or step.over,
        status="closed" if step.over else "open",
        text=step.text,
        since=since,
        area=step.area,
        asset=step.asset,
        position=step.position,
        danger_to_life=step.danger_to_life,
    )


def _warning(step: StoryStep) -> Warnings:
    warning = Warning(
        identifier=step.ref or "1",
        kind=step.warning or "",
        severity=step.severity,
        title=step.text or step.warning or "",
        areas=step.areas,
        ended=step.ended,
    )
    return Warnings(feed="story", warnings=(warning,))


def asked(view: View, realm: str, person: str) -> tuple[Seen, ...]:
    """The open matters in which this person has been asked, as they stand."""
    found = [s for s in view.situations(realm) if any(person in o.told for o in s.obligations)]
    return tuple(Seen(matter=s.matter.id, generation=s.matter.generation) for s in found if s.matter is not None)


def _acknowledgement(story: Story, step: StoryStep, view: View) -> Acknowledgement:
    assert step.answer is not None
    assert step.person is not None
    matters = asked(view, story.realm, step.person)
    if not matters:
        raise StoryError(f"{step.person} har inte fått någon fråga att svara på")
    return Acknowledgement(person=step.person, answer=step.answer, matters=matters)


def _decision(story: Story, step: StoryStep, view: View) -> Decision:
    assert step.decide is not None
    matter = None
    if step.reference is None:
        matter = next(
            (s.matter.id for s in view.situations(story.realm) if s.matter and s.matter.area == step.within), None
        )
        if matter is None:
            raise StoryError(f"inget öppet ärende i {step.within!r} att besluta om")
    return Decision(
        decision=step.decide,
        person=step.person,
        by=step.by or "",
        matter=matter,
        level=step.level,
        reference=step.reference,
    )


@dataclass(slots=True)
class Watcher:
    """Compares what a story expects with what the view shows, and remembers what it has seen."""

    realm: str
    _rows: set[str] = field(default_factory=set)
    _notices: set[str] = field(default_factory=set)

    def missed(self, expect: Expectation, view: View) -> list[str]:
        """What is not as expected, in Swedish, one sentence each; empty if all is."""
        found = view.situations(self.realm, closed=True)
        faults = self._levels(expect, found) + self._rows_added(expect, found) + self._told(expect, found)
        open_now = sum(1 for s in found if s.matter is not None and s.matter.open)
        if expect.open_matters is not None and open_now != expect.open_matters:
            faults.append(f"väntade {expect.open_matters} öppna ärenden, det är {open_now}")
        if expect.proposal is not None:
            pending = [
                s.matter.proposal.level for s in found if s.matter and s.matter.proposal and s.matter.proposal.pending
            ]
            if (expect.proposal not in pending) if expect.proposal != "inget" else bool(pending):
                faults.append(f"väntade förslag om {expect.proposal!r}, det som väntar är {pending or 'inget'}")
        return faults

    @staticmethod
    def _levels(expect: Expectation, found: list[Situation]) -> list[str]:
        faults = []
        for word, wanted in (("alert_level", expect.alert_level), ("declared_state", expect.declared_state)):
            for area, level in wanted.items():
                levels = [
                    getattr(s.matter, word) for s in found if s.matter and s.matter.area == area and s.matter.open
                ]
                if level not in levels if levels else level != "normal":
                    faults.append(f"{area}: väntade {word} {level!r}, blev {levels or 'normal (inget öppet ärende)'}")
                elif any(x != level and x != "normal" for x in levels):
                    faults.append(f"{area}: väntade {word} {level!r}, blev {levels}")
        return faults

    def _rows_added(self, expect: Expectation, found: list[Situation]) -> list[str]:
        now = {f"{s.matter.id}/{o.row.key}/{o.row.action}": o for s in found if s.matter for o in s.obligations}
        added = [o for key, o in now.items() if key not in self._rows]
        self._rows |= set(now)
        if expect.added is None:
            return []
        wanted, faults = list(expect.added), []
        for obligation in added:
            match = next((w for w in wanted if _matches(w, obligation)), None)
            if match is None:
                faults.append(f"oväntad mottagare: {_row(obligation)}")
            else:
                wanted.remove(match)
        return faults + [
            f"saknad mottagare: {w.role}@{w.organisation} {w.action or ''} {w.principle or ''}" for w in wanted
        ]

    def _told(self, expect: Expectation, found: list[Situation]) -> list[str]:
        notices = {n.id: n for s in found for n in s.notices.values()}
        new = {n.person for i, n in notices.items() if i not in self._notices}
        self._notices |= set(notices)
        faults = [f"{p} skulle ha fått något, men fick inget" for p in expect.told if p not in new]
        return faults + [f"{p} skulle inte ha fått något, men fick" for p in expect.not_told if p in new]


def _matches(wanted: ExpectedRow, obligation: Obligation) -> bool:
    row = obligation.row
    return (
        (wanted.role, wanted.organisation) == row.post
        and wanted.action in (None, row.action)
        and wanted.principle in (None, row.principle)
    )


def _row(obligation: Obligation) -> str:
    row = obligation.row
    return f"{row.role}@{row.organisation} {row.action} {row.principle} ({row.because})"
