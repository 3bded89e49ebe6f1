"""What alert asks contact to tell a person, and what contact reports back."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from rules.duration import Duration
from rules.frozen import Frozen, Identifier, Instant, Text
from rules.ladder import Action, Principle
from rules.matter import Basis
from rules.registry import Relation


class Row(Frozen):
    """One recipient of a matter: a role at an organisation, what is expected of it, and why (design 5).

    `wave` 1 is asked first; higher waves are asked when the one before has not answered, or at once when life is in
    danger. The key of a row is (role, organisation): within a matter it is never removed and its action never weakened.
    """

    role: str
    organisation: str
    wave: Annotated[int, Field(ge=1)] = 1
    action: Action
    principle: Principle
    because: Text
    relation: Relation
    answer_within: Duration | None = None
    provisional: bool = Field(default=False, description="Bara för att ett förslag väntar på beslut")
    responsibility_unresolved: bool = Field(default=False, description="Ingen ansvarig finns i registret")
    persons: tuple[str, ...] = Field(default=(), description="Namngivna i delegationen; annars rollens innehavare")

    @property
    def post(self) -> tuple[str, str]:
        return (self.role, self.organisation)

    @property
    def key(self) -> str:
        return f"{self.role}@{self.organisation}" + ("#decide" if self.action is Action.DECIDE else "")


class Purpose(StrEnum):
    """Why a notice is sent."""

    ALERT = "alert"  # you are asked
    RISE = "rise"  # the level rose, or life is now in danger: answer anew
    ESCALATION = "escalation"  # somebody before you did not answer
    STAND_DOWN = "stand_down"  # the proposal that called you in was refused: no answer needed any more
    UPDATE = "update"  # something changed; no answer needed
    ALL_CLEAR = "all_clear"  # it is over


class Asked(Frozen):
    """One of the roles in which a person is told, as the message shows it."""

    role: str
    organisation: str
    action: Action
    relation: Relation
    because: Text
    instead_of: str | None = Field(default=None, description="Rollen som personen svarar för i stället")
    off_duty: bool = Field(default=False, description="Den rollen är inte bemannad nu; annars svarade den inte")
    deputy: bool = Field(default=False, description="Ersättare i rollen: den som frågades före har inte tagit det")


class Notice(Frozen):
    """Alert to contact: tell this person this about one matter. `id` = hash(realm, matter, sequence, person)."""

    kind: Literal["notice"] = "notice"
    id: Identifier
    person: Identifier
    matter: Identifier
    generation: Annotated[int, Field(ge=1)]
    purpose: Purpose
    number: Annotated[int, Field(ge=1, description="Ärendets utskick i ordning")]
    title: Text
    what: Text
    place: Text
    level: str
    basis: Basis
    declared_state: str
    danger_to_life: bool
    first_step: Text = ""
    asked: tuple[Asked, ...]
    answer_by: Instant | None = None
    informed: tuple[str, ...] = Field(default=(), description="Vilka andra som fått veta, roll och organisation")
    rows: tuple[str, ...] = Field(default=(), description="Planens rader som det gäller; tomt i äldre meddelanden")
    at: Instant

    @property
    def answerable(self) -> bool:
        return any(a.action is not Action.INFORM for a in self.asked) and self.purpose not in (
            Purpose.STAND_DOWN,
            Purpose.UPDATE,
            Purpose.ALL_CLEAR,
        )

    @property
    def critical(self) -> bool:
        """Sent before anything else that waits, and never merged away."""
        return self.danger_to_life or self.purpose in (Purpose.ALERT, Purpose.RISE, Purpose.ESCALATION)


def notice_id(realm: str, matter: str, sequence: int, person: str) -> str:
    """The same notice after a crash has the same id (semantics 3)."""
    said = "\x1f".join((realm, matter, str(sequence), person))
    return hashlib.sha256(said.encode()).hexdigest()[:20]


class Handover(Frozen):
    """Contact to alert: a notice was handed over to a channel, or every channel failed."""

    kind: Literal["handover"] = "handover"
    notice: Identifier
    matter: Identifier
    person: Identifier
    rows: tuple[str, ...] = ()
    reached: bool
    why: Text = ""


class NoticeState(StrEnum):
    """Where a notice is on its way."""

    WAITING = "waiting"  # merged with others at the end of the window
    SENDING = "sending"
    MERGED = "merged"  # told in another message, with other notices
    REACHED = "reached"  # a channel took it
    FAILED = "failed"  # every channel refused it


class NoticeRecord(Frozen):
    """Contact for the views: what was sent to whom, as it stands now. The first of `notices` names them all."""

    kind: Literal["notice_record"] = "notice_record"
    id: Identifier
    person: Identifier
    notices: tuple[Notice, ...]
    state: NoticeState
    medium: str = ""
    attempts: int = 0
    at: Instant
