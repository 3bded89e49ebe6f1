"""Plays one story through the real stages in virtual time, and says what was not as told."""

from __future__ import annotations

import time
from dataclasses import dataclass

from notifiers.attempt import Attempt, Verdict
from notifiers.tokens import PersonPrincipal, Principal
from rules.events import Acknowledgement, Decision, Event
from rules.record import Happening, LogLine, MatterSnapshot
from streams.intake import Intake
from streams.refusal import Refusal
from streams.rehearsal import Host, Made, Rehearsal
from streams.script import StoryError, event_of
from streams.shortfall import Shortfall
from streams.story import LONGEST, Moment, Outcome, Story
from streams.watcher import Miss, Sent, Watcher


@dataclass(frozen=True, slots=True)
class Missed:
    """One thing that was not as told: at which step and clock time, and why, as far as the rules tell."""

    step: int
    at: str
    said: str
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join((f"{self.at} {self.said}", *(f"  {reason}" for reason in self.reasons)))


@dataclass(frozen=True, slots=True)
class Played:
    """How a story came out; `rules` are those that held at some moment."""

    name: str
    missed: tuple[Missed, ...]
    rules: frozenset[str]
    moments: int
    messages: int
    seconds: float

    @property
    def fine(self) -> bool:
        return not self.missed


def play(story: Story, intake: Intake, host: Made = Rehearsal) -> Played:
    """Plays the story to its end, also past what is not as told, so that all of it is known at once. `host`: what it is
    played on."""
    began = time.perf_counter()
    player = _Player(story, intake, host)
    moments = story.timeline(intake.profile.policy.settings.timezone)
    for index, moment in enumerate(moments[:LONGEST]):
        player.play(index, moment)
    return Played(
        name=story.name,
        missed=tuple(player.missed),
        rules=frozenset(_rules(player.rehearsal)),
        moments=len(moments),
        messages=sum(sent.verdict is Verdict.ACCEPTED for sent in player.sent),
        seconds=time.perf_counter() - began,
    )


def _rules(rehearsal: Host) -> set[str]:
    snapshots = [record for _, record in rehearsal.records if isinstance(record, MatterSnapshot)]
    return {cause.rule for snapshot in snapshots for cause in snapshot.matter.causes}


class _Player:
    """A story being played: the rehearsal, what was sent, which channels fail, and what was missed so far."""

    def __init__(self, story: Story, intake: Intake, host: Made) -> None:
        self.story = story
        self.intake = intake
        start = story.timeline(intake.profile.policy.settings.timezone)[0].at
        self.rehearsal = host(intake, start, self._deliver)
        self.sent: list[Sent] = []
        self.missed: list[Missed] = []
        self.watchers: dict[str, Watcher] = {}
        self.outcomes: dict[tuple[str, str | None], Verdict | None] = {}

    def _deliver(self, realm: str, attempt: Attempt) -> Verdict | None:
        """How an attempt goes: as the story last said of the channel or its medium, for this person or for all."""
        names = [(n, p) for n in (attempt.channel, attempt.medium.value) for p in (attempt.person, None)]
        said = next((name for name in names if name in self.outcomes), None)
        verdict = self.outcomes[said] if said is not None else Verdict.ACCEPTED
        self.sent.append(Sent(realm, attempt, verdict))
        return verdict

    def play(self, index: int, moment: Moment) -> None:
        """Lets time pass to the moment and does what its step says."""
        self.rehearsal.advance(moment.at)
        step = moment.step
        if step.channel is not None:
            self.outcomes[(step.channel, step.person)] = _verdict(step.outcome)
        elif step.expect is not None:
            realm = step.realm or self.story.realm
            ladder = self.intake.profile.policy.ladder
            watcher = self.watchers.setdefault(realm, Watcher(realm, ladder))
            for miss in watcher.missed(step.expect, self.rehearsal, self.sent):
                self._miss(moment, miss.said, self._reasons(miss, realm))
        elif step.wait is None and step.silence is None:
            self._happen(index, moment)

    def _happen(self, index: int, moment: Moment) -> None:
        """Hands the step's event in at the door, and compares a refusal with what the story says of it."""
        step, before = moment.step, len(self.rehearsal.records)
        try:
            event = event_of(self.intake.profile, self.story, step, index, moment.at, self.rehearsal.view)
        except StoryError as error:
            self._miss(moment, f"berättelsen går inte att spela: {error}")
            return
        assert event is not None, "every step that is no expectation and no pause stands for an event"
        refusal = self._enter(event) or self._refused_since(before)
        if refusal and step.refused is None:
            self._miss(moment, f"avvisades: {refusal}")
        elif step.refused is not None and step.refused not in refusal:
            how = f"skälet var: {refusal}" if refusal else "det togs emot"
            self._miss(moment, f"skulle avvisas med «{step.refused}»; {how}")

    def _enter(self, event: Event) -> str:
        """Why the door refused it; empty if it was taken."""
        admitted = self.intake.admit(event, _principal(event))
        if isinstance(admitted, Refusal):
            return admitted.message
        self.rehearsal.accept(admitted)
        return ""

    def _refused_since(self, before: int) -> str:
        """Why a stage refused it: what the log says since."""
        lines = (record for _, record in self.rehearsal.records[before:])
        return " ".join(r.said for r in lines if isinstance(r, LogLine) and r.what is Happening.REFUSED)

    def _reasons(self, miss: Miss, realm: str) -> tuple[str, ...]:
        if not (miss.level or miss.rule):
            return ()
        shortfall = Shortfall(self.rehearsal, realm)
        if not miss.too_low:
            return shortfall.holding(miss.area, miss.rule)
        return shortfall.of_rule(miss.rule) if miss.rule else shortfall.of_level(miss.level, miss.area)

    def _miss(self, moment: Moment, said: str, reasons: tuple[str, ...] = ()) -> None:
        self.missed.append(Missed(moment.number, moment.step.at, said, reasons))


def _verdict(outcome: Outcome | None) -> Verdict | None:
    return None if outcome in (None, "silent") else Verdict(outcome)


def _principal(event: Event) -> Principal | None:
    """Whose key the door sees: a person's own for an answer or a decision; sources are taken at their word."""
    match event.payload:
        case Acknowledgement() | Decision():
            return PersonPrincipal(event.payload.person) if event.payload.person is not None else None
        case _:
            return None
