"""What a level would add to a matter, found by letting it happen: the cause is raised, the decision made, by the real
stages in a rehearsal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from notifiers.notice import Row
from rules.docket import Docket
from rules.events import LIVE, Decision, Event, Payload, Verdict
from rules.ladder import Entered
from rules.matter import Basis, Matter, Proposal
from rules.step import Draft, Stage, State
from streams.commands.console import talk
from streams.intake import DOOR, Addressed
from streams.rehearsal import Rehearsal

Key = tuple[str, str, str]
"""Matter, row and action: a stronger action for a known role is an addition too."""


def rows(rehearsal: Rehearsal) -> dict[Key, Row]:
    """Every row of every open matter, the oldest matter first."""
    return {
        (s.matter.id, o.row.key, o.row.action.value): o.row
        for s in reversed(rehearsal.view.situations(LIVE))
        if s.matter is not None
        for o in s.obligations
    }


@dataclass(frozen=True, slots=True)
class Raised:
    """One step towards a level (`detected`, `proposed`, `decided`, `declared`) and the rows that it added."""

    level: str
    step: str
    added: dict[Key, Row]


def next_level(rehearsal: Rehearsal) -> str | None:
    """The level that comes next: the one that waits for a decision, else the one above the highest; None at the top."""
    ladder, matters = rehearsal.intake.profile.policy.ladder, _matters(rehearsal)
    highest = ladder.highest_of(tuple(m.alert_level for m in matters))
    if any(m.basis is Basis.PROVISIONAL and m.alert_level == highest for m in matters):
        return highest
    above = ladder.levels[ladder.rank(highest) + 1 :]
    return above[0].id if above else None


def heighten(rehearsal: Rehearsal, level: str) -> Iterator[Raised]:
    """Takes the rehearsal's matters to the level, one level at a time. Yields each step on the way."""
    known = rows(rehearsal)
    for rung in _way(rehearsal, level):
        for step in _steps(rehearsal, rung):
            now = rows(rehearsal)
            yield Raised(rung, step, {key: row for key, row in now.items() if key not in known})
            known = now


def _way(rehearsal: Rehearsal, level: str) -> tuple[str, ...]:
    """The levels passed. A declared level needs none below it: it is an authority's, and a matter of its own."""
    ladder = rehearsal.intake.profile.policy.ladder
    if ladder[level].entered is Entered.DECLARED:
        return (level,)
    lowest = min((ladder.rank(m.alert_level) for m in _matters(rehearsal)), default=0)
    below = [rung.id for rung in ladder.up_to(level)[lowest:] if rung.entered is not Entered.DECLARED]
    return tuple(below) or (level,)


def _steps(rehearsal: Rehearsal, level: str) -> Iterator[str]:
    match rehearsal.intake.profile.policy.ladder[level].entered:
        case Entered.DECLARED:
            yield from _declared(rehearsal, level)
        case Entered.DECIDED:
            _raise(rehearsal, level)
            yield "proposed"
            yield from _decided(rehearsal, level)
        case Entered.DETECTED:
            _raise(rehearsal, level)
            yield "detected"


def _matters(rehearsal: Rehearsal) -> list[Matter]:
    return [s.matter for s in rehearsal.view.situations(LIVE) if s.matter is not None]


def _raise(rehearsal: Rehearsal, level: str) -> None:
    """Every open cause now means at least this level, and all that follows has followed."""
    for matter in _matters(rehearsal):
        entries = rehearsal.states[(Stage.ASSESS, LIVE, matter.area)]
        draft: Draft[Any, Any] = Draft(State(LIVE, matter.area, entries), rehearsal.now)
        _raise_causes(Docket(rehearsal.intake.profile.policy, draft), matter.id, level)
        step = draft.step()
        entries.update({key: value for key, value in step.changes.items() if value is not None})
        for output in step.outputs:
            if output.stage is Stage.RECORD:
                rehearsal.view.apply(LIVE, output.message)
            else:
                rehearsal.carry(Addressed(output.stage, output.key, output.message), LIVE, rehearsal.now)


def _raise_causes(docket: Docket, identity: str, level: str) -> None:
    rank = docket.policy.ladder.rank
    matter = docket.get(identity)
    for cause in matter.open_causes if matter is not None else ():
        if matter is not None and rank(cause.level) < rank(level):
            matter = docket.replace_cause(matter, cause.model_copy(update={"level": level}), cause.message)


def _decided(rehearsal: Rehearsal, level: str) -> Iterator[str]:
    """The first person who may decide says yes to each proposal; where nobody may, that is said."""
    for number, matter in enumerate(_matters(rehearsal)):
        proposal = matter.proposal
        if proposal is None or not proposal.pending:
            continue
        if proposal.role is None or not proposal.persons:
            talk(f"Ingen är utsedd att besluta om {level} för {matter.area} (avsnittet delegations).")
            continue
        rehearsal.accept(_event(rehearsal, _grant(matter, proposal), f"grant-{level}-{number}"))
        yield "decided"


def _grant(matter: Matter, proposal: Proposal) -> Decision:
    return Decision(
        decision=Verdict.GRANT,
        person=proposal.persons[0],
        by=proposal.role or "",
        matter=matter.id,
        level=proposal.level,
    )


def _declared(rehearsal: Rehearsal, level: str) -> Iterator[str]:
    """So many different persons as the level asks for register the authority's decision."""
    ladder = rehearsal.intake.profile.policy.ladder
    city, rung = rehearsal.intake.profile.policy.registry.city, ladder[level]
    may = [d.persons for d in ladder.deciders(level, city, rehearsal.now, Verdict.DECLARE)]
    persons = list(dict.fromkeys(p for group in may for p in group))[: rung.confirmed_by]
    if len(persons) < rung.confirmed_by:
        talk(f"För få får registrera {level}: {len(persons)} av {rung.confirmed_by} (avsnittet delegations).")
        return
    for person in persons:
        decision = Decision(
            decision=Verdict.DECLARE, person=person, by=rung.by or "", level=level, reference="who", scope=city
        )
        rehearsal.accept(_event(rehearsal, decision, f"declare-{person}"))
    yield "declared"


def _event(rehearsal: Rehearsal, payload: Payload, identity: str) -> Event:
    return Event(id=f"who-{identity}", source=DOOR, time=rehearsal.now, realm=LIVE, payload=payload)
