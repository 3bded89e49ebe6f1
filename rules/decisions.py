"""What a person decides about a matter, checked against the delegation table, and what an authority has declared.

Höjd beredskap is never proposed. It exists once so many different persons have registered the Government's decision
with its reference (semantics 14), as a matter of its own, so that lifting it falls back by itself.
"""

from __future__ import annotations

from rules.docket import Docket
from rules.events import Decision, Verdict
from rules.explain import area_name
from rules.frozen import cut
from rules.ladder import Action, Entered
from rules.matter import Cause, Direction, Fact, Matter, Proposal, ProposalState
from rules.proposals import with_proposal
from rules.record import Happening, LogLine
from rules.step import Stage
from rules.trackers import Registered


def decide(docket: Docket, decision: Decision, event: str) -> str | None:
    """Carries out a grant, refusal or closing. Returns why it was not allowed, or None if it was."""
    matter = docket.get(decision.matter or "")
    if matter is None or not matter.open:
        return f"Ärendet {decision.matter} finns inte eller är avslutat."
    if decision.decision is Verdict.CLOSE:
        return _close(docket, matter, decision, event)
    proposal = matter.proposal if matter.proposal is not None and matter.proposal.pending else None
    if proposal is None and not (decision.decision is Verdict.GRANT and decision.level):
        return f"Ärendet {matter.id} har inget förslag som väntar på beslut."
    if proposal is not None and decision.level not in (None, proposal.level):
        return (
            f"Förslaget gäller {proposal.level}, inte {decision.level}; ett ja till det ena är inget ja till det andra."
        )
    level = _decided_level(docket, matter, proposal, decision)
    if level not in docket.policy.ladder:
        return f"Nivån {level!r} finns inte i stegen."
    if docket.policy.entered(level) is Entered.DECLARED:
        return f"{level} kan bara förklaras av {docket.policy.ladder[level].by}."
    if not _allowed(docket, decision, level, proposal.scope if proposal else matter.area):
        where = area_name(matter.area, docket.policy.registry)
        return f"{decision.person} får inte besluta {level} för {where} som {decision.by}."
    _settle(docket, matter, proposal, decision, event)
    return None


def _decided_level(docket: Docket, matter: Matter, proposal: Proposal | None, decision: Decision) -> str:
    """The level whose delegation governs: the proposed one upward, the one being left downward."""
    ladder = docket.policy.ladder
    if proposal is not None and proposal.direction is Direction.LOWER:
        return matter.declared_state
    wanted = decision.level
    if proposal is None and wanted and wanted in ladder and ladder.rank(wanted) < ladder.rank(matter.declared_state):
        return matter.declared_state
    return (proposal.level if proposal is not None else decision.level) or docket.policy.ladder.lowest


def _allowed(docket: Docket, decision: Decision, level: str, scope: str) -> bool:
    scopes = tuple(docket.policy.registry.ancestors(scope))
    person = decision.person or ""
    return docket.policy.ladder.may(person, decision.by, decision.decision, level, scopes, docket.draft.now)


def _settle(docket: Docket, matter: Matter, proposal: Proposal | None, decision: Decision, event: str) -> None:
    granted = decision.decision is Verdict.GRANT
    target = proposal.level if proposal is not None else decision.level or matter.declared_state
    who = f"{decision.by} ({decision.person})"
    what = f"{'beslutade' if granted else 'avslog'} {target}. {cut(decision.reason, 500)}".strip()
    docket.log(Happening.DECIDED, matter, f"{who} {what}", person=decision.person, event=event)
    said = f"{decision.by} {what}"  # what everybody is told names the role; the log names the person too
    if proposal is not None:
        outcome = {
            "state": ProposalState.GRANTED if granted else ProposalState.REFUSED,
            "decided_by": decision.person,
            "decided_at": docket.draft.now,
        }
        matter = with_proposal(matter, proposal.model_copy(update=outcome))
    if granted:
        matter = matter.model_copy(update={"declared_state": target})
    docket.settle(matter, said)


def _close(docket: Docket, matter: Matter, decision: Decision, event: str) -> str | None:
    """Closes every cause. Only somebody delegated to; never while a decided state stands."""
    if matter.declared_state != docket.policy.ladder.lowest:
        return f"Ärendet har det beslutade läget {matter.declared_state}; sänk det först."
    if not _allowed(docket, decision, matter.alert_level, matter.area):
        return f"{decision.person} får inte avsluta ärendet som {decision.by}."
    closed = tuple(c if not c.open else c.model_copy(update={"cleared_at": docket.draft.now}) for c in matter.causes)
    what = f"avslutade ärendet. {cut(decision.reason, 500)}".strip()
    said = f"{decision.by} ({decision.person}) {what}"
    docket.log(Happening.DECIDED, matter, said, person=decision.person, event=event)
    docket.settle(matter.model_copy(update={"causes": closed}), f"{decision.by} {what}")
    return None


def register(docket: Docket, decision: Decision, event: str) -> tuple[str | None, Matter | None, int]:
    """Registers an authority's decision for one person. Returns why it was not allowed; the matter once enough
    different persons have registered the same reference; and how many have."""
    ladder, draft = docket.policy.ladder, docket.draft
    level = decision.level or ""
    refusal = _registrable(docket, decision, level)
    if refusal:
        return refusal, None, 0
    key = f"registered/{decision.decision}/{level}/{decision.reference}"
    known = draft.find(Registered, key) or Registered(persons=frozenset())
    if decision.person in known.persons:
        return None, None, len(known.persons)  # the same person twice is one person
    persons = known.persons | {decision.person or ""}
    needed = ladder[level].confirmed_by
    _log_registration(docket, decision, event, len(persons), needed)
    matter = docket.get(known.matter) if known.matter else None
    if not known.done and len(persons) >= needed:
        declares = decision.decision is Verdict.DECLARE
        matter = _declared(docket, decision, event, len(persons)) if declares else _lifted(docket, decision)
    draft.put(
        key, Registered(persons=persons, done=len(persons) >= needed, matter=matter.id if matter else known.matter)
    )
    # What has been lifted since is over: another registration of the old reference brings nothing back.
    stands = matter is not None and matter.open and matter.declared_state == level
    return None, matter if stands or (decision.decision is Verdict.LIFT and not known.done) else None, len(persons)


def _log_registration(docket: Docket, decision: Decision, event: str, persons: int, needed: int) -> None:
    what = f"beslut {decision.reference} av {decision.by}: {decision.decision} {decision.level}"
    line = LogLine(
        at=docket.draft.now,
        what=Happening.DECIDED,
        said=f"{decision.person} registrerade {what} ({persons} av minst {needed}).",
        area=docket.draft.key,
        person=decision.person,
        event=event,
    )
    docket.draft.emit(Stage.RECORD, docket.draft.key, line)


def _registrable(docket: Docket, decision: Decision, level: str) -> str | None:
    ladder = docket.policy.ladder
    if level not in ladder or ladder[level].entered is not Entered.DECLARED:
        return f"Nivån {level!r} förklaras inte utifrån; den beslutas i ett ärende."
    if decision.by != ladder[level].by:
        return f"{level} beslutas av {ladder[level].by}, inte av {decision.by}."
    city = docket.policy.registry.city
    may = any(
        d.level == level and decision.person in d.persons and decision.decision in d.may and city in d.scope
        for d in ladder.delegations
        if d.valid_at(docket.draft.now)
    )
    return None if may else f"{decision.person} får inte registrera {level}."


def _reference(level: str, reference: str | None) -> str:
    return f"declared|{level}|{reference}"


def _declared(docket: Docket, decision: Decision, event: str, persons: int) -> Matter:
    ladder, now = docket.policy.ladder, docket.draft.now
    level = decision.level or ""
    said = f"{decision.by} har beslutat {level} ({decision.reference}), registrerat av {persons} personer."
    fact = Fact(key=_reference(level, decision.reference), said=said, at=now, event=event, kind=level)
    cause = Cause(
        id=fact.key,
        rule="decision",
        name=f"{ladder[level].name}: {decision.by}",
        level=level,
        because=said,
        facts=(fact,),
        action=Action.INFORM,
        message=said,
        policy=docket.policy.hash,
        opened_at=now,
    )
    return docket.enter(cause, cause.name, declared=level)


def _lifted(docket: Docket, decision: Decision) -> Matter | None:
    """Ends every matter of this level: the authority says that the state is over."""
    level, ended = decision.level or "", None
    for matter in list(docket.kept()):
        if matter.open and matter.declared_state == level:
            said = f"{decision.by} har upphävt {level} ({decision.reference})."
            docket.log(Happening.DECIDED, matter, said, person=decision.person)
            causes = tuple(
                c if not c.open else c.model_copy(update={"cleared_at": docket.draft.now}) for c in matter.causes
            )
            lowest = docket.policy.ladder.lowest
            ended = docket.settle(matter.model_copy(update={"causes": causes, "declared_state": lowest}), said)
    return ended
