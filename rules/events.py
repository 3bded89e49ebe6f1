"""What can arrive: five kinds of event, as they are after the door has understood them.

The wire form (CloudEvents 1.0) is `streams.wire`'s; what an event leads to is `rules.assess`'s.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Struct
from msgspec.structs import asdict
from pydantic import Field, GetCoreSchemaHandler, create_model, model_validator
from pydantic_core import CoreSchema
from pydantic_core.core_schema import (
    json_or_python_schema,
    no_info_after_validator_function,
    no_info_before_validator_function,
    plain_serializer_function_ser_schema,
)

from rules.frozen import Frozen, Identifier, Instant, Text


class Position(Frozen):
    """A point in WGS 84, in degrees."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class Shape(Frozen):
    """A polygon (its outer ring) or a line in WGS 84. Points are (longitude, latitude), the order of GeoJSON."""

    form: Literal["polygon", "line"] = "polygon"
    points: tuple[tuple[float, float], ...] = Field(min_length=2, max_length=20_000)


class Incident(Frozen):
    """Something a person or a system reports: a fire, no water, smoke. Reports with the same `ref` are one incident."""

    kind: Identifier
    ref: Identifier | None = Field(default=None, description="Källans eget namn på händelsen; utelämnas: händelsens id")
    status: Literal["open", "closed"] = "open"
    text: Text = ""
    since: Instant | None = Field(default=None, description="När det började, om det skiljer sig från händelsens tid")
    area: Identifier | None = None
    asset: Identifier | None = None
    position: Position | None = None
    relates_to: tuple[Identifier, ...] = Field(default=(), max_length=20)
    danger_to_life: bool = False


_Form = create_model(
    "Reading",
    __base__=Frozen,
    __doc__="One value from one sensor. (sensor, time) identifies it (semantics 7).",
    sensor=(Identifier, ...),
    value=(float, ...),
    time=(Instant, ...),
)


class Reading(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One value from one sensor. (sensor, time) identifies it (semantics 7).

    Readings come by the thousand, so a fast parser fills them in and this is no model. Their form is checked, and the
    time set to UTC, where they become `Readings`.
    """

    sensor: str
    value: float
    time: datetime

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        formed = no_info_after_validator_function(_reading, handler.generate_schema(_Form))
        return json_or_python_schema(
            json_schema=formed,
            python_schema=no_info_before_validator_function(_members, formed),
            serialization=plain_serializer_function_ser_schema(_members),
        )


def _reading(form: Any) -> Reading:
    return Reading(form.sensor, form.value, form.time)


def _members(reading: Any) -> Any:
    return asdict(reading) if isinstance(reading, Reading) else reading


class Readings(Frozen):
    """A batch of readings, any mixture of sensors, in any order."""

    readings: tuple[Reading, ...] = Field(min_length=1, max_length=10_000)


class Severity(StrEnum):
    """How bad a warning is, in SMHI's steps. CAP's Minor, Moderate, Severe and Extreme map to them in that order."""

    MESSAGE = "message"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"
    UNKNOWN = "unknown"


class Warning(Frozen):
    """One warning from an authority, for a place and a time. The same `identifier` again is an update."""

    identifier: Identifier
    kind: Identifier
    severity: Severity
    title: Text = ""
    text: Text = ""
    sender: Text = ""
    areas: tuple[Identifier, ...] = Field(default=(), max_length=200)
    shapes: tuple[Shape, ...] = Field(default=(), max_length=200)
    starts: Instant | None = None
    ends: Instant | None = None
    ended: bool = False
    replaces: tuple[Identifier, ...] = Field(default=(), max_length=100)


class Warnings(Frozen):
    """What a warning feed said at one moment. `complete`: the list holds all that is in force (semantics 17)."""

    feed: Identifier
    complete: bool = False
    warnings: tuple[Warning, ...] = Field(default=(), max_length=2_000)


class Verdict(StrEnum):
    """What a decision does."""

    GRANT = "grant"  # yes to a proposal, up or down
    REFUSE = "refuse"  # no to a proposal
    DECLARE = "declare"  # registers what an outside authority has decided
    LIFT = "lift"  # registers that the authority has ended it
    CLOSE = "close"  # the matter is over
    JOIN = "join"  # two matters of one area are one
    SPLIT = "split"  # one of a matter's causes is a matter of its own


class Decision(Frozen):
    """A person decides, or registers what an authority has decided. `person` is set by the door from the credential."""

    decision: Verdict
    person: Identifier | None = None
    by: Identifier = Field(description="Rollen som beslutar (stadsdirektor) eller myndigheten (regeringen)")
    matter: Identifier | None = None
    scope: Identifier | None = Field(default=None, description="Område, när beslutet inte gäller ett ärende")
    level: Annotated[str, Field(max_length=64)] | None = None
    reference: Annotated[str, Field(max_length=200)] | None = Field(default=None, description="Beslutets beteckning")
    into: Identifier | None = Field(default=None, description="Ärendet som 'matter' ska föras ihop med (join)")
    cause: Annotated[str, Field(max_length=300)] | None = Field(
        default=None, description="Orsaken som ska bli ett eget ärende (split): dess id, eller regelns"
    )
    grade: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="Graden av det förklarade läget: skärpt eller högsta"
    )
    territory: Annotated[str, Field(max_length=200)] = Field(
        default="", description="Var det förklarade läget gäller, som beslutet säger det; utelämnas: hela landet"
    )
    elsewhere: bool = Field(default=False, description="Beslutet gäller bara en annan del av landet än vår")
    reason: Text = ""

    @model_validator(mode="after")
    def _names_what_it_is_about(self) -> Decision:
        if self.decision in (Verdict.DECLARE, Verdict.LIFT):
            if not (self.level and self.reference):
                raise ValueError("declare and lift need 'level' and 'reference' (the authority's own designation)")
        elif not self.matter:
            raise ValueError(f"{self.decision} needs 'matter'")
        if self.decision is Verdict.JOIN and not self.into:
            raise ValueError("join needs 'into', the matter that goes on")
        if self.decision is Verdict.SPLIT and not self.cause:
            raise ValueError("split needs 'cause', what is to be a matter of its own")
        return self


class Answer(StrEnum):
    """What a person says to an alert."""

    TAKEN = "taken"  # Jag tar det
    DECLINED = "declined"  # Jag kan inte


class Seen(Frozen):
    """One matter as the answering person saw it: its id and the generation their message showed (semantics 16)."""

    matter: Identifier
    generation: int = Field(ge=1)


class Acknowledgement(Frozen):
    """A person's answer to a notice: it discharges that person's roles on every matter the notice listed."""

    person: Identifier
    answer: Answer
    matters: tuple[Seen, ...] = Field(min_length=1, max_length=200)
    notice: Identifier | None = None
    via: Literal["page", "command", "event"] = "event"


Payload = Incident | Readings | Warnings | Decision | Acknowledgement
"""The data of an event."""


class Event(Frozen):
    """One event as accepted at the door: who said it, when it happened there, and in which realm.

    `source` + `id` is the duplicate key (CloudEvents 1.0, section 3.1).
    """

    id: Annotated[str, Field(min_length=1, max_length=256)]
    source: Annotated[str, Field(min_length=1, max_length=512)]
    time: Instant
    realm: str
    payload: Payload

    @property
    def kind(self) -> EventKind:
        return KIND_OF[type(self.payload)]


class EventKind(StrEnum):
    """The five kinds of event, as a short word for metrics, sources and the index of rules."""

    INCIDENT = "incident"
    READINGS = "readings"
    WARNING = "warning"
    DECISION = "decision"
    ACKNOWLEDGEMENT = "acknowledgement"


KIND_OF: dict[type[Payload], EventKind] = {
    Incident: EventKind.INCIDENT,
    Readings: EventKind.READINGS,
    Warnings: EventKind.WARNING,
    Decision: EventKind.DECISION,
    Acknowledgement: EventKind.ACKNOWLEDGEMENT,
}

PAYLOAD_OF: dict[EventKind, type[Payload]] = {kind: payload for payload, kind in KIND_OF.items()}

LIVE = "live"


def is_exercise(realm: str) -> bool:
    """True for `exercise/<name>`; everything else is live (a missing flag means live)."""
    return realm.startswith("exercise/")
