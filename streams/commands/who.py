"""`beredd who`: who would be alerted, in which order, by which principle and why.

Nothing is guessed at: the supposed events go through the real stages, in memory, and nobody outside hears of them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from notifiers.notice import Row
from notifiers.obligation import chain
from notifiers.passed_over import Added, Outcome, PassedOver, passed_over, touched
from notifiers.profile import Profile
from rules.arrival import Reported
from rules.events import LIVE, Position
from rules.matter import Matter
from streams.commands.another_time import Nobody, another, compared_object, say_compared
from streams.commands.console import FINE, YELLOW, CommandError, UsageFault, as_json, talk
from streams.commands.heightened import Key, heighten, next_level, rows
from streams.commands.moment import moment
from streams.commands.named import named
from streams.commands.picture import draw, form
from streams.commands.profiles import intake_at
from streams.commands.question import Question, Supposed, Wanted
from streams.commands.supposed import suppose
from streams.commands.supposed_file import last_time
from streams.commands.who_told import LATER, NOW, Answer, Recipient, as_object, say
from streams.intake import Intake
from streams.rehearsal import Rehearsal


def who(directory: Path, question: Question, wanted: Wanted) -> int:
    """Prints who would be alerted and who would not; with a level whom it would add, with another time what differs
    then. With a picture, draws it."""
    _one_thing(question)
    if wanted.picture is not None:
        form(wanted.picture)
    intake = intake_at(directory)
    now = _when(intake, question, wanted.at)
    answer = answered(intake, question, now)
    if wanted.picture is not None:
        draw(answer, wanted.picture)
    then = _then(intake, question, wanted.compare, now)
    if wanted.machine:
        as_json(as_object(answer) | ({"compared": compared_object(answer, then)} if then is not None else {}))
    else:
        say(answer)
        if then is not None:
            say_compared(answer, then)
    return FINE


def _when(intake: Intake, question: Question, at: str | None) -> datetime:
    if at is not None:
        return moment(at, intake.profile.policy.settings.timezone)
    now = datetime.now(UTC)
    return last_time(question.events, now) if question.events is not None else now


def _then(intake: Intake, question: Question, compare: str | None, now: datetime) -> Answer | Nobody | None:
    """The same question at another time. Nobody, with the reason, where nobody would be alerted then."""
    if compare is None:
        return None
    at = another(compare, now, intake.profile.policy.settings.timezone)
    try:
        return answered(intake, question, at)
    except UsageFault:
        raise
    except CommandError as error:
        return Nobody(at, str(error))


def answered(intake: Intake, question: Question, now: datetime) -> Answer:
    """The answer at this moment. CommandError if the events lead to no alert."""
    supposed = suppose(intake, question, now)
    level = named(intake.profile, question).level
    rehearsal = _played(supposed, now)
    matters = tuple(s.matter for s in reversed(rehearsal.view.situations(LIVE)) if s.matter is not None)
    after = next_level(rehearsal)
    found = recipients(rehearsal, level)
    added = _added(supposed, now, after) if after is not None else ()
    return Answer(supposed, rehearsal, matters, found, level, after, added, _passed(rehearsal, matters, found, added))


def _added(supposed: Supposed, now: datetime, level: str) -> tuple[Recipient, ...]:
    """Whom the next level would add, played anew so that the answer itself stands."""
    again = _replayed(supposed, now)
    return tuple(r for r in recipients(again, level) if r.when != NOW)


def _passed(
    rehearsal: Rehearsal, matters: tuple[Matter, ...], found: tuple[Recipient, ...], added: tuple[Recipient, ...]
) -> tuple[PassedOver, ...]:
    intake = rehearsal.intake
    areas = touched(intake.profile, matters)
    near = {n for a in areas for n in intake.geography.neighbours(a)} - {
        intake.profile.policy.registry.district(a) for a in areas
    }
    told = tuple(r.row for r in found if r.when == NOW)
    later = tuple(
        Added(LATER[step].format(level=level), tuple(r.row for r in added if (r.level, r.when) == (level, step)))
        for level, step in dict.fromkeys((r.level, r.when) for r in added)
    )
    return passed_over(
        Outcome(intake.profile, matters, told, rehearsal.now, tuple(sorted(n for n in near if n)), later)
    )


def _one_thing(question: Question) -> None:
    one_of = [question.incident, question.function, question.sensor, question.events]
    given = [one for one in one_of if one is not None]
    if len(given) > 1 or (not given and question.asset is None):
        raise UsageFault(
            "ange precis en av --incident, --function, --sensor och --event, eller en anläggning med --asset"
        )
    if question.sensor is not None and (question.asset or question.position or question.danger):
        raise UsageFault("--asset, --position och --danger gäller inte en givare; den har sin plats i profilen")
    if question.events is not None and (question.asset or question.area or question.position or question.danger):
        raise UsageFault("--area, --asset, --position och --danger gäller inte en fil; platsen står i händelsen")


def _played(supposed: Supposed, now: datetime) -> Rehearsal:
    """A rehearsal in which the events have happened, at this moment. CommandError if they lead to no alert."""
    rehearsal = _replayed(supposed, now)
    last = supposed.events[-1]
    for addressed in supposed.intake.route(last, last.time):
        for flag in addressed.message.flags if isinstance(addressed.message, Reported) else ():
            talk(f"Obs: {flag}.", YELLOW)
    if not rehearsal.view.situations(LIVE):
        raise CommandError(f"{supposed.said}: det räcker inte för att någon ska larmas; reglerna kräver mer än så")
    return rehearsal


def _replayed(supposed: Supposed, now: datetime) -> Rehearsal:
    rehearsal = Rehearsal(supposed.intake, supposed.events[0].time)
    for event in supposed.events:
        rehearsal.advance(event.time)
        rehearsal.accept(event)
    rehearsal.advance(now)
    return rehearsal


def recipients(rehearsal: Rehearsal, level: str | None) -> tuple[Recipient, ...]:
    """The rows as they stand, then what each step towards the level adds."""
    profile = rehearsal.intake.profile
    raised = heighten(rehearsal, level) if level is not None else ()
    found = [("", NOW, rows(rehearsal)), *((r.level, r.step, r.added) for r in raised)]
    now = rehearsal.now
    return tuple(
        _recipient(profile, (on, when), key, row, now) for on, when, plan in found for key, row in plan.items()
    )


def _recipient(profile: Profile, step: tuple[str, str], key: Key, row: Row, now: datetime) -> Recipient:
    return Recipient(key[0], step[1], row, chain(profile, row, LIVE, now), step[0])


def position(text: str) -> Position:
    """A position as `59.3086,18.0746`: latitude, longitude."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
        return Position(latitude=latitude, longitude=longitude)
    except ValueError:  # a pydantic ValidationError is one
        raise UsageFault(f"--position {text!r}: väntade latitud,longitud som 59.3086,18.0746") from None
