"""What a story says: a timeline of facts, answers, decisions and expectations with clock times.

A story is read aloud from top to bottom. It is the specification: the same file is a golden test on every host, the
script of the demo, and what `beredd test` runs beside the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from rules.document import Fault, Section, read
from rules.events import Answer, Position, Severity, Verdict
from rules.frozen import Frozen, Identifier, Text
from rules.ladder import Action, Principle
from rules.registry import Name

ClockTime = Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d{2}-\d{2} )?\d{2}:\d{2}(:\d{2})?$")]
"""`05:40`, or `2026-10-15 10:00` when the day is another."""


class ExpectedRow(Frozen):
    """A recipient that must be among those added since the last expectation."""

    role: Identifier
    organisation: Identifier
    action: Action | None = None
    principle: Principle | None = None


class Expectation(Frozen):
    """What must be true at this moment. `added`: exactly these rows since the last time; levels by area, the highest of
    its open matters."""

    added: tuple[ExpectedRow, ...] | None = None
    alert_level: dict[str, str] = Field(default_factory=dict)
    declared_state: dict[str, str] = Field(default_factory=dict)
    open_matters: int | None = None
    told: tuple[Identifier, ...] = Field(default=(), description="Personer som ska ha fått något sedan sist")
    not_told: tuple[Identifier, ...] = Field(default=(), description="Personer som inte får ha fått något sedan sist")
    proposal: str | None = Field(
        default=None, description="Nivån som ett förslag väntar på beslut om; 'inget' om inget"
    )


class StoryStep(Frozen):
    """One line of the timeline: exactly one of sensor, incident, over, warning, answer, decide, pass or expect."""

    at: ClockTime
    say: Text = Field(default="", description="En mening som berättas när steget spelas upp")
    sensor: Identifier | None = None
    value: float | None = None
    incident: Identifier | None = None
    ref: Identifier | None = None
    area: Identifier | None = None
    asset: Identifier | None = None
    position: Position | None = None
    since: ClockTime | None = None
    text: Text = ""
    danger_to_life: bool = False
    source: Identifier | None = None
    over: Identifier | None = Field(default=None, description="ref för en händelse som är över")
    warning: Identifier | None = None
    severity: Severity = Severity.YELLOW
    areas: tuple[Identifier, ...] = ()
    ended: bool = False
    answer: Answer | None = None
    person: Identifier | None = None
    decide: Verdict | None = None
    by: Identifier | None = None
    level: str | None = None
    reference: str | None = None
    within: Identifier | None = Field(default=None, description="Område vars öppna ärende beslutet gäller")
    wait: Literal["rest"] | None = Field(default=None, alias="pass", description="Låt tiden gå hit; inget händer")
    expect: Expectation | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> StoryStep:
        things = ("sensor", "incident", "over", "warning", "answer", "decide", "wait", "expect")
        if sum(getattr(self, thing) is not None for thing in things) != 1:
            raise PydanticCustomError(
                "story_step", "exactly one of sensor, incident, over, warning, answer, decide, pass, expect"
            )
        return self


class Story(Frozen):
    """A name, a day and a timeline."""

    name: Name
    start: date
    realm: str = "live"
    steps: tuple[StoryStep, ...] = Field(min_length=1)

    def moments(self, timezone: str) -> Iterator[tuple[datetime, StoryStep]]:
        """The steps with their moments in UTC. A clock time earlier than the one before it is of the next day."""
        zone, day, before = ZoneInfo(timezone), self.start, None
        for step in self.steps:
            clock = step.at.split(" ")[-1]
            if " " in step.at:
                day = date.fromisoformat(step.at.split(" ")[0])
            elif before is not None and clock < before:
                day += timedelta(days=1)
            before = clock
            yield moment(day, clock, zone), step


def moment(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """A local clock time as an instant in UTC."""
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=zone).astimezone(UTC)


def load_stories(directory: Path) -> tuple[tuple[Story, ...], tuple[Fault, ...]]:
    """Every story of a directory, and every fault in them."""
    documents = read(directory, {"stories": Section(Story)})
    return documents.values("stories"), tuple(sorted(documents.faults))
