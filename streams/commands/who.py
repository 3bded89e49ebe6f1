"""`beredd who`: who would be alerted, in which order, by which principle and why.

Nothing is guessed at: the supposed events go through the real stages, in memory, and nobody outside hears of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from notifiers.notice import Row
from notifiers.obligation import chain
from notifiers.profile import Profile
from rules.arrival import Reported
from rules.events import LIVE, Position
from streams.commands.console import FINE, YELLOW, CommandError, UsageFault, as_json, talk
from streams.commands.heightened import Key, heighten, rows
from streams.commands.profiles import intake_at
from streams.commands.question import Question, Supposed
from streams.commands.supposed import suppose
from streams.commands.who_told import Answer, Recipient, as_object, say
from streams.rehearsal import Rehearsal


def who(directory: Path, question: Question, at: str | None, *, machine: bool) -> int:
    """Prints who would be alerted, and with a level whom that level would add."""
    _one_thing(question)
    intake = intake_at(directory)
    now = moment(at, intake.profile.policy.settings.timezone) if at is not None else datetime.now(UTC)
    supposed = suppose(intake, question, now)
    rehearsal = _played(supposed, now)
    matters = tuple(s.matter for s in reversed(rehearsal.view.situations(LIVE)) if s.matter is not None)
    answer = Answer(supposed, rehearsal, matters, recipients(rehearsal, question.level), question.level)
    if machine:
        as_json(as_object(answer))
    else:
        say(answer)
    return FINE


def _one_thing(question: Question) -> None:
    one_of = [given for given in (question.incident, question.function, question.sensor) if given is not None]
    if len(one_of) != 1:
        raise UsageFault("ange precis en av --incident, --function och --sensor")
    if question.sensor is not None and (question.asset or question.position or question.danger):
        raise UsageFault("--asset, --position och --danger gäller inte en givare; den har sin plats i profilen")


def _played(supposed: Supposed, now: datetime) -> Rehearsal:
    """A rehearsal in which the events have happened, at this moment. CommandError if they lead to no alert."""
    rehearsal = Rehearsal(supposed.intake, supposed.events[0].time)
    for event in supposed.events:
        rehearsal.advance(event.time)
        rehearsal.accept(event)
    rehearsal.advance(now)
    last = supposed.events[-1]
    for addressed in supposed.intake.route(last, last.time):
        for flag in addressed.message.flags if isinstance(addressed.message, Reported) else ():
            talk(f"Obs: {flag}.", YELLOW)
    if not rehearsal.view.situations(LIVE):
        raise CommandError(f"{supposed.said}: det räcker inte för att någon ska larmas; reglerna kräver mer än så")
    return rehearsal


def recipients(rehearsal: Rehearsal, level: str | None) -> tuple[Recipient, ...]:
    """The rows as they stand, then what each step towards the level adds."""
    profile = rehearsal.intake.profile
    found = [("now", rows(rehearsal)), *(heighten(rehearsal, level) if level is not None else ())]
    return tuple(
        _recipient(profile, when, key, row, rehearsal.now) for when, plan in found for key, row in plan.items()
    )


def _recipient(profile: Profile, when: str, key: Key, row: Row, now: datetime) -> Recipient:
    return Recipient(key[0], when, row, chain(profile, row, LIVE, now))


def moment(text: str, timezone: str) -> datetime:
    """A moment as a person writes it: local time, or with an offset."""
    wrong = UsageFault(f"--at {text!r}: väntade en tid som '2026-12-24 18:00'")
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise wrong from None
    if not 1970 <= at.year < 2200:  # at the ends of the calendar no deadline can be computed
        raise wrong
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)


def position(text: str) -> Position:
    """A position as `59.3086,18.0746`: latitude, longitude."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
        return Position(latitude=latitude, longitude=longitude)
    except ValueError:  # a pydantic ValidationError is one
        raise UsageFault(f"--position {text!r}: väntade latitud,longitud som 59.3086,18.0746") from None
