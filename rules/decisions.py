"""What a person decides about a matter's level, and that it is over, checked against the delegation table.

What an authority declares is `rules.registration`'s; which causes are one matter, `rules.regrouping`'s.
"""

from __future__ import annotations

from rules.docket import Docket
from rules.events import Decision, Verdict
from rules.explain import area_name, uncapitalised
from rules.frozen import cut
from rules.ladder import Entered
from rules.matter import Direction, Matter, Proposal, ProposalState
from rules.proposals import with_proposal
from rules.record import Happening
from rules.regrouping import Regrouping


def decide(docket: Docket, decision: Decision, event: str) -> str | None:
    """Carries out what a person decides about a matter. Returns why it was not allowed, or None if it was."""
    matter = docket.get(decision.matter or "")
    if matter is None or not matter.open:
        return f"Ärendet {decision.matter} finns inte eller är avslutat."
    match decision.decision:
        case Verdict.CLOSE:
            return _close(docket, matter, decision, event)
        case Verdict.JOIN:
            return Regrouping(docket, decision, event).join(matter)
        case Verdict.SPLIT:
            return Regrouping(docket, decision, event).split(matter)
        case _:
            return _ruled(docket, matter, decision, event)


def _ruled(docket: Docket, matter: Matter, decision: Decision, event: str) -> str | None:
    """A yes or no to the proposal that waits, or a level decided without one."""
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
    if not docket.allowed(decision, level, proposal.scope if proposal else matter.area):
        where = area_name(matter.area, docket.policy.registry)
        by, person = docket.named(decision)
        return f"{person} får inte besluta {level} för {where} som {uncapitalised(by)}."
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


def _settle(docket: Docket, matter: Matter, proposal: Proposal | None, decision: Decision, event: str) -> None:
    granted = decision.decision is Verdict.GRANT
    target = proposal.level if proposal is not None else decision.level or matter.declared_state
    by, person = docket.named(decision)
    who = f"{by} ({person})"
    what = f"{'beslutade' if granted else 'avslog'} {target}. {cut(decision.reason, 500)}".strip()
    docket.log(Happening.DECIDED, matter, f"{who} {what}", person=decision.person, event=event)
    said = f"{by} {what}"  # what everybody is told names the role; the log names the person too
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
    """Closes every cause. Only somebody delegated to close at the level that stands; never while a decided state
    does."""
    lowest = docket.policy.ladder.lowest
    if matter.declared_state != lowest:
        return f"Ärendet har det beslutade läget {matter.declared_state}; sänk det först."
    if not docket.allowed(decision, matter.alert_level, matter.area):
        held = "" if matter.alert_level == lowest else " så länge orsakerna kvarstår"
        by, person = docket.named(decision)
        return f"{person} får inte som {uncapitalised(by)} avsluta ett ärende på nivån {matter.alert_level}{held}."
    closed = tuple(c if not c.open else c.model_copy(update={"cleared_at": docket.draft.now}) for c in matter.causes)
    what = f"avslutade ärendet. {cut(decision.reason, 500)}".strip()
    by, person = docket.named(decision)
    said = f"{by} ({person}) {what}"
    docket.log(Happening.DECIDED, matter, said, person=decision.person, event=event)
    docket.settle(matter.model_copy(update={"causes": closed}), f"{by} {what}")
    return None
