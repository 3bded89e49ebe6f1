"""What a story says: a timeline of facts, silence, answers, decisions and expectations with clock times.

A story is read aloud from top to bottom. It is the specification: the same file is a golden test on every host, the
script of the demo, and what `beredd test` plays beside the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from rules.document import Documents, Fault, Item, Section, read
from rules.duration import Duration
from rules.events import Answer, Position, Severity, Verdict
from rules.frozen import Frozen, Identifier, Text
from rules.registry import Name
from streams.expectation import Expectation

LONGEST = 20_000
"""How many moments a story may have; more is a mistake in `every`."""


def _clock(text: str) -> str:
    day, _, clock = text.rpartition(" ")
    try:
        datetime.fromisoformat(f"{day or '2000-01-01'} {clock}")
    except ValueError:
        clock = ""
    if len(clock) not in (5, 8) or (day and len(day) != 10):
        raise PydanticCustomError("clock", "väntade ett klockslag som '05:40' eller '2026-10-15 10:00'")
    return text


ClockTime = Annotated[str, AfterValidator(_clock)]
"""`05:40`, or `2026-10-15 10:00` when the day is another."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Sensors = Annotated[tuple[Identifier, ...], BeforeValidator(_listed)]
FACTS = ("sensor", "sensors", "silence", "incident", "over", "warning")
THINGS = (*FACTS, "answer", "decide", "channel", "pass", "expect")
Outcome = Literal["accepted", "retryable", "rejected", "timed_out", "silent"]


class StoryStep(Frozen):
    """One line of the timeline: exactly one thing that happens, or one expectation.

    A reading with `every` goes on until the sensor is named again (`silence` names it and sends nothing), or to the
    end of the story.
    """

    at: ClockTime = Field(description="Klockslaget, som '08:00', eller dag och klockslag, som '2026-03-03 08:00'")
    say: Text = Field(default="", description="En mening som berättas när steget spelas upp")
    realm: str | None = Field(default=None, description="Världen, när den är en annan än berättelsens")
    time: ClockTime | None = Field(default=None, description="När det hände, om det kommer fram senare")
    refused: Text | None = Field(default=None, description="Det ska avvisas, och skälet ska innehålla detta")
    sensor: Identifier | None = Field(default=None, description="Givaren som sänder 'value' eller 'values'")
    value: float | None = Field(default=None, description="Värdet")
    values: tuple[float, ...] = Field(default=(), description="Flera värden i följd, med 'every' emellan")
    every: Duration | None = Field(default=None, description="Upprepa värdet så ofta, tills givaren nämns igen")
    sensors: dict[Identifier, float] | None = Field(default=None, description="Flera givare på en gång")
    silence: Sensors | None = Field(default=None, description="Givare som inte hörs mer")
    incident: Identifier | None = Field(default=None, description="Händelselaget som rapporteras")
    ref: Identifier | None = Field(
        default=None, description="Ett eget namn på rapporten, så att 'over' kan avsluta den"
    )
    area: Identifier | None = Field(
        default=None, description="Området där det händer; ett okänt räknas som hela staden"
    )
    asset: Identifier | None = Field(default=None, description="Anläggningen där det händer")
    position: Position | None = Field(default=None, description="Läget på kartan")
    since: ClockTime | None = Field(default=None, description="När det började")
    text: Text = ""
    danger_to_life: bool = False
    relates_to: tuple[Identifier, ...] = ()
    source: Identifier | None = None
    over: Identifier | None = Field(default=None, description="ref för en händelse som är över")
    warning: Identifier | None = Field(default=None, description="Varningens slag, som RAIN")
    severity: Severity = Severity.YELLOW
    areas: tuple[Identifier, ...] = ()
    polygon: tuple[tuple[float, float], ...] = Field(default=(), description="Varningens yta, [longitud, latitud]")
    ended: bool = False
    vanished: bool = Field(default=False, description="Varningen står inte längre i flödets fullständiga lista")
    answer: Answer | None = Field(
        default=None, description="Svaret från 'person' på ett larm: taken (jag tar det) eller declined (jag kan inte)"
    )
    person: Identifier | None = Field(default=None, description="Den som svarar eller beslutar")
    decide: Verdict | None = Field(
        default=None, description="Beslutet: grant, refuse, declare, lift, close, join eller split"
    )
    by: Identifier | None = Field(default=None, description="Rollen eller myndigheten som beslutar")
    level: str | None = Field(default=None, description="Nivån som beslutet gäller")
    reference: str | None = Field(default=None, description="Beslutets beteckning")
    within: Identifier | None = Field(default=None, description="Område vars öppna ärende beslutet gäller")
    about: Text | None = Field(default=None, description="Ord i ärendets rubrik, när området har flera")
    into: Text | None = Field(default=None, description="Ord i rubriken på ärendet som det förs ihop med (join)")
    cause: Text | None = Field(default=None, description="Regeln eller orsaken som blir ett eget ärende (split)")
    grade: str | None = Field(default=None, description="Graden av ett förklarat läge")
    territory: Text = Field(default="", description="Var ett förklarat läge gäller; utelämnas: hela landet")
    elsewhere: bool = Field(default=False, description="Beslutet gäller bara en annan del av landet")
    channel: Identifier | None = Field(default=None, description="push, sms, mail, webhook eller en kanal")
    outcome: Outcome | None = Field(default=None, description="Hur försök går från nu; silent: inget besked")
    wait: Literal["rest"] | None = Field(default=None, alias="pass", description="Låt tiden gå hit; inget händer")
    expect: Expectation | None = Field(default=None, description="Vad som ska gälla nu")

    @model_validator(mode="after")
    def _one_thing(self) -> StoryStep:
        if sum(getattr(self, "wait" if thing == "pass" else thing) is not None for thing in THINGS) != 1:
            raise PydanticCustomError("story_step", f"ett steg är exakt en av {', '.join(THINGS)}")
        return self

    @model_validator(mode="after")
    def _complete(self) -> StoryStep:
        if self.sensor is not None and (self.value is not None) == bool(self.values):
            raise PydanticCustomError("story_value", "'sensor' behöver 'value', eller 'values' med 'every'")
        if self.values and self.every is None:
            raise PydanticCustomError("story_every", "'values' behöver 'every', tiden mellan värdena")
        if self.every is not None and (self.readings is None or self.time is not None):
            raise PydanticCustomError("story_every", "'every' hör till 'sensor' eller 'sensors', och utan 'time'")
        for thing, needed in (("answer", "person"), ("decide", "person"), ("channel", "outcome")):
            if getattr(self, thing) is not None and getattr(self, needed) is None:
                raise PydanticCustomError("story_needs", f"'{thing}' behöver '{needed}'")
        if self.decide is not None and not ((self.reference and self.level) or self.within):
            raise PydanticCustomError("story_needs", "'decide' behöver 'within', eller 'level' och 'reference'")
        return self

    @property
    def readings(self) -> dict[str, float] | None:
        """The first value of each sensor that the step reports, or None if it reports none."""
        if self.sensor is not None:
            return {self.sensor: self.values[0] if self.values or self.value is None else self.value}
        return self.sensors

    @property
    def heard(self) -> frozenset[str]:
        """The sensors that the step names: what they sent before it ends here."""
        return frozenset((*(self.readings or ()), *(self.silence or ())))


@dataclass(frozen=True, slots=True)
class Moment:
    """A step at its moment; `number` says which of the story's steps it is. A step with `every` has several."""

    at: datetime
    number: int
    step: StoryStep


class Story(Frozen):
    """A name, a day and a timeline."""

    name: Name
    start: date
    realm: str = "live"
    steps: tuple[StoryStep, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _goes_forward(self) -> Story:
        written = [clock_of(step.at) for step in self.steps]
        days = [day or "" for day, _ in written if day]
        if days != sorted(days) or (days and days[0] < str(self.start)):
            raise PydanticCustomError("story_order", "en dag i berättelsen ligger före den som står ovanför")
        return self

    def moments(self, timezone: str) -> Iterator[tuple[datetime, StoryStep]]:
        """The steps with their moments in UTC, series spread out."""
        return ((moment.at, moment.step) for moment in self.timeline(timezone))

    def timeline(self, timezone: str) -> tuple[Moment, ...]:
        """Every moment in order of time; of two at the same time the one written first."""
        written = tuple(self._written(ZoneInfo(timezone)))
        found = [moment for number in range(len(written)) for moment in _spread(written, number)]
        return tuple(sorted(found, key=lambda m: (m.at, m.number)))

    def _written(self, zone: ZoneInfo) -> Iterator[Moment]:
        """The steps as written. A clock time earlier than the one before it is of the next day."""
        day, before = self.start, ""
        for number, step in enumerate(self.steps):
            said, clock = clock_of(step.at)
            if said is not None:
                day = date.fromisoformat(said)
            elif clock < before:
                day += timedelta(days=1)
            before = clock
            yield Moment(moment(day, clock, zone), number, step)


def _spread(written: tuple[Moment, ...], number: int) -> Iterator[Moment]:
    """The moments of one step: itself, or each reading of its series until the sensor is named again."""
    first = written[number]
    step, readings = first.step, first.step.readings
    if step.every is None or readings is None:
        yield first
        return
    ends = {s: _ends(written, number, s) for s in readings}
    count = len(step.values) or min(LONGEST, int((max(ends.values()) - first.at) / step.every) + 1)
    for index in range(count):
        at = first.at + index * step.every
        now = {s: step.values[index] if step.values else v for s, v in readings.items() if at < ends[s]}
        if now:
            said = {"sensor": None, "sensors": now, "values": (), "every": None, "say": step.say if not index else ""}
            yield Moment(at, number, step.model_copy(update=said))


def _ends(written: tuple[Moment, ...], number: int, sensor: str) -> datetime:
    """When a sensor's series is over: as it is named again, or just after the story's last step."""
    named = (m.at for m in written[number + 1 :] if sensor in m.step.heard)
    return next(named, written[-1].at + timedelta(microseconds=1))


def clock_of(text: str) -> tuple[str | None, str]:
    """The day, if one is written, and the clock time."""
    day, _, clock = text.rpartition(" ")
    return day or None, clock


def moment(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """A local clock time as an instant in UTC."""
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=zone).astimezone(UTC)


def instant(at: datetime, text: str, timezone: str) -> datetime:
    """A written time as an instant: of its own day, else of the local day of `at`."""
    zone = ZoneInfo(timezone)
    day, clock = clock_of(text)
    return moment(date.fromisoformat(day) if day else at.astimezone(zone).date(), clock, zone)


@dataclass(frozen=True, slots=True)
class Told:
    """A story and where it stands, so that a fault in it can be found."""

    story: Story
    item: Item

    @property
    def file(self) -> str:
        return self.item.file

    @property
    def line(self) -> int:
        return int(self.item.node.lc.line) + 1

    def line_of(self, step: int) -> int:
        """The line where the step begins."""
        return int(self.item.node["steps"].lc.item(step)[0]) + 1


def read_stories(directory: Path) -> tuple[tuple[Told, ...], tuple[Fault, ...]]:
    """Every story of a directory with its place, and every fault in the files."""
    documents = read(directory, {"stories": Section(Story)})
    items = documents.items.get("stories", [])
    return tuple(Told(i.value, i) for i in items), tuple(sorted([*documents.faults, *_named_twice(documents)]))


def _named_twice(documents: Documents) -> Iterator[Fault]:
    seen: dict[str, Item] = {}
    for item in documents.items.get("stories", []):
        first = seen.setdefault(item.value.name, item)
        if first is not item:
            yield item.fault(("name",), f"en berättelse med samma namn finns redan i {first.file}")


def load_stories(directory: Path) -> tuple[tuple[Story, ...], tuple[Fault, ...]]:
    """Every story of a directory, and every fault in them."""
    told, faults = read_stories(directory)
    return tuple(t.story for t in told), faults
