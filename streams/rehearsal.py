"""A host in memory, in virtual time: the real stages, nobody outside. For stories, `who`, laws and trials of rules.

It keeps the same promises as a real host about order and timers (semantics 4, 5) and none about durability. Attempts
are
answered by `providers`, by default at once and always accepted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from notifiers.attempt import Attempt, Outcome, Verdict
from rules.events import Event
from rules.frozen import Frozen
from rules.step import Stage, State, TimerDue
from streams.intake import Addressed, Intake
from streams.stages import STAGES
from streams.view import View

Providers = Callable[[str, Attempt], Verdict | None]
"""(realm, attempt) -> how it goes; None: no word ever comes."""


class Host(Protocol):
    """What a story asks of the host it is played on: everything that follows from a call has happened when it
    returns."""

    intake: Intake
    now: datetime
    view: View
    records: list[tuple[str, Frozen]]

    @property
    def states(self) -> Mapping[tuple[Stage, str, str], Mapping[str, Any]]: ...
    def accept(self, event: Event) -> bool: ...
    def advance(self, to: datetime) -> None: ...


Made = Callable[[Intake, datetime, Providers], Host]
"""A host under an intake, at a moment, with providers that answer so."""


def _accepting(realm: str, attempt: Attempt) -> Verdict | None:
    return Verdict.ACCEPTED


@dataclass(slots=True)
class Rehearsal:
    """The stages' states under their keys, the timers, and what has been sent and recorded so far."""

    intake: Intake
    now: datetime
    providers: Providers = _accepting
    view: View = field(default_factory=lambda: View(lambda realm, notice: f"{realm}:{notice}"))
    states: dict[tuple[Stage, str, str], dict[str, Any]] = field(default_factory=dict)
    timers: dict[tuple[str, str, str, str], datetime] = field(default_factory=dict)
    sent: list[tuple[str, Attempt]] = field(default_factory=list)
    records: list[tuple[str, Frozen]] = field(default_factory=list)
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def accept(self, event: Event) -> bool:
        """Takes an event at the present moment. False if it is a duplicate."""
        key = (event.realm, event.source, event.id)
        if key in self.seen:
            return False
        self.seen.add(key)
        for addressed in self.intake.route(event, self.now):
            self.carry(addressed, event.realm, self.now)
        return True

    def advance(self, to: datetime) -> None:
        """Lets time pass to this moment, firing every timer on the way at its due time."""
        while (due := self._first_due(to)) is not None:
            where, at = due
            del self.timers[where]
            self.now = max(self.now, at)
            stage, realm, key, name = where
            self.carry(Addressed(Stage(stage), key, TimerDue(name=name, due=at)), realm, at)
        self.now = max(self.now, to)

    def _first_due(self, until: datetime) -> tuple[tuple[str, str, str, str], datetime] | None:
        return min(((w, d) for w, d in self.timers.items() if d <= until), key=lambda t: (t[1], t[0]), default=None)

    def carry(self, first: Addressed, realm: str, now: datetime) -> None:
        """Carries a message and all that follows from it through the stages."""
        waiting = deque([first])
        while waiting:
            waiting.extend(self._step(waiting.popleft(), realm, now))

    def _step(self, addressed: Addressed, realm: str, now: datetime) -> list[Addressed]:
        where = (addressed.stage, realm, addressed.key)
        entries = self.states.setdefault(where, {})
        state = State(realm, addressed.key, entries)
        step = STAGES[addressed.stage].step(self.intake.profile, state, addressed.message, now)
        for entry, value in step.changes.items():
            if value is None:
                entries.pop(entry, None)
            else:
                entries[entry] = value
        for name, due in step.timers.items():
            self.timers.pop((addressed.stage, realm, addressed.key, name), None)
            if due is not None:
                self.timers[(addressed.stage, realm, addressed.key, name)] = due
        return [out for output in step.outputs for out in self._output(output, realm)]

    def _output(self, output: Any, realm: str) -> list[Addressed]:
        match output.stage:
            case Stage.RECORD:
                self.records.append((realm, output.message))
                self.view.apply(realm, output.message)
                return []
            case Stage.DELIVER:
                return self._deliver(realm, output.message)
            case _:
                return [Addressed(output.stage, output.key, output.message)]

    def _deliver(self, realm: str, attempt: Attempt) -> list[Addressed]:
        self.sent.append((realm, attempt))
        verdict = self.providers(realm, attempt)
        if verdict is None:
            return []
        outcome = Outcome(attempt=attempt.id, notice=attempt.notice, person=attempt.person, verdict=verdict)
        return [Addressed(Stage.CONTACT, attempt.person, outcome)]
