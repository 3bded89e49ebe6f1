"""What a story expects at a moment: levels, rules that hold, recipients, messages, and what was not sent."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from notifiers.attempt import Medium
from notifiers.obligation import ObligationState
from rules.frozen import Frozen, Identifier, Text
from rules.ladder import Action, Principle


class ExpectedRow(Frozen):
    """A recipient: role at organisation, and as much more as the story says."""

    role: Identifier
    organisation: Identifier
    action: Action | None = None
    principle: Principle | None = None
    state: ObligationState | None = None
    person: Identifier | None = Field(default=None, description="Den som frågas nu")


class ExpectedMessage(Frozen):
    """A person who has got a message since the last expectation, perhaps with a text in it, perhaps by one medium."""

    person: Identifier = Field(description="Personen")
    says: Text = Field(default="", description="Ord som ska stå i meddelandet")
    by: Medium | None = Field(default=None, description="push, sms, mail eller webhook")


def _message(value: Any) -> Any:
    return {"person": value} if isinstance(value, str) else value


class Expectation(Frozen):
    """What must be true at this moment. "Since the last time": since the last expectation of the same realm."""

    added: tuple[ExpectedRow, ...] | None = Field(default=None, description="Exakt dessa rader sedan sist")
    recipients: tuple[ExpectedRow, ...] | None = Field(
        default=None, description="Exakt dessa rader i de öppna ärendena nu"
    )
    alert_level: dict[str, str] = Field(default_factory=dict, description="Per område: högsta bland öppna ärenden")
    declared_state: dict[str, str] = Field(default_factory=dict, description="Per område: det läge som är beslutat")
    open_matters: int | None = Field(default=None, description="Så många öppna ärenden")
    holds: tuple[Identifier, ...] = Field(default=(), description="Regler som ska gälla")
    not_holds: tuple[Identifier, ...] = Field(default=(), description="Regler som inte får gälla")
    told: tuple[Annotated[ExpectedMessage, BeforeValidator(_message)], ...] = Field(
        default=(), description="Personer som ska ha fått något sedan sist"
    )
    not_told: tuple[Identifier, ...] = Field(default=(), description="Personer som inte får ha fått något sedan sist")
    nobody_told: bool = Field(default=False, description="Ingen får ha fått något sedan sist")
    begins: Text = Field(default="", description="Varje meddelande sedan sist ska börja så")
    not_said: tuple[Text, ...] = Field(default=(), description="Inget meddelande sedan sist får innehålla detta")
    logged: tuple[Text, ...] = Field(default=(), description="Detta ska stå i loggen sedan sist")
    proposal: str | None = Field(
        default=None, description="Nivån som ett förslag väntar på beslut om; 'inget' om inget"
    )
