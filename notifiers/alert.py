"""STAGE 2: who must know, by which principle, and have they answered. Key: a matter.

Theory. The plan (notifiers.plan) is append-only rows (notifiers.principles); each row has one obligation
(notifiers.obligation). A step first lets the message change obligations, asking whom it must (notifiers.escalation);
whom it asks is gathered, and leaves as one notice per person at the end, however many roles that person has
(notifiers.mailing). Deadlines are timers, one per row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never

from notifiers.escalation import Escalation
from notifiers.mailing import Mailing
from notifiers.notice import Handover, Purpose, Row
from notifiers.obligation import Obligation, ObligationState, answered, ended
from notifiers.plan import Entry, OutputMessage, Plan, PlanMoved
from notifiers.principles import plan
from notifiers.profile import Profile
from rules.events import Acknowledgement, Answer
from rules.frozen import Frozen
from rules.ladder import Action
from rules.matter import Basis, Matter, MatterChanged, Proposal, ProposalState
from rules.record import Happening
from rules.step import Draft, Stage, State, Step, TimerDue


class Answered(Frozen):
    """A person's answer about this matter, as it reaches alert."""

    kind: Literal["answered"] = "answered"
    acknowledgement: Acknowledgement
    generation: int
    event: str = ""


Message = MatterChanged | PlanMoved | Answered | Handover | TimerDue


def step(profile: Profile, state: State[Entry], message: Message, now: datetime) -> Step[Entry, OutputMessage]:
    """Applies one message. Pure: equal arguments give an equal Step."""
    draft: Draft[Entry, OutputMessage] = Draft(state, now)
    alerting = _Alerting(Plan(profile, draft))
    match message:
        case MatterChanged():
            alerting.changed(message)
        case PlanMoved():
            alerting.moved(message)
        case Answered():
            alerting.answered(message)
        case Handover():
            alerting.delivered(message)
        case TimerDue():
            alerting.escalation.due(message.name)
        case _:
            assert_never(message)
    alerting.mailing.send()
    alerting.plan.close()
    return draft.step()


class _Alerting:
    """One step of alert being written: what each kind of message does to the plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.mailing = Mailing(plan)
        self.escalation = Escalation(plan, self.mailing)

    # --- the matter --------------------------------------------------------------------------------------------------

    def changed(self, message: MatterChanged) -> None:
        """A matter opened, widened, rose, fell, was decided or closed."""
        before, matter = self.plan.known, message.matter
        if before is not None and matter == before:
            return
        self.plan.enter(matter)
        self.mailing.about(message.change)
        if matter.joined_into is not None:
            self._move_to(matter.joined_into)
            return
        if not matter.open:
            self._all_over()
            return
        rows = plan(self.plan.profile, matter, self.plan.draft.now)
        wanted = {row.key for row in rows}
        rose = before is not None and _rose(before, matter)
        known = tuple(self.plan.rows)
        if rose:
            reopened = before is not None and not before.open
            for key in known if not reopened else tuple(k for k in known if k in wanted):
                self.escalation.ask_again(key, reopened=reopened, wanted=key in wanted)
        self._cancel_decided(matter.proposals, wanted)
        self._stand_down(matter.proposal, wanted)
        for row in rows:
            self._append(row)
        if before is not None and not rose and _widened(before, matter):
            self.mailing.update(known, Purpose.UPDATE)

    def _move_to(self, matter: str) -> None:
        """The matter goes on in another one, which asks anew: what is open here is cancelled, and nobody is told that
        anything is over."""
        known = tuple(self.plan.obligations())
        for obligation in known:
            if obligation.open:
                self.plan.put(ended(obligation, ObligationState.CANCELLED))
        draft = self.plan.draft
        draft.emit(Stage.ALERT, matter, PlanMoved(matter=draft.key, obligations=known))

    def moved(self, message: PlanMoved) -> None:
        """Every row of the matter that joined this one stands here too, and asks for an answer here; those who had been
        stood down there get updates here."""
        if self.plan.known is None or not self.plan.known.open:
            return
        for obligation in (o for o in message.obligations if o.row.action is not Action.DECIDE):
            if obligation.state is not ObligationState.CANCELLED:
                self._append(obligation.row)
            elif self.plan.find(obligation.row.key) is None:
                self.plan.append(obligation.row.key)
                self.plan.put(obligation.model_copy(update={"deadline": None}))

    def _append(self, row: Row) -> None:
        """A new row, or a stronger action for a known one; never fewer, never weaker."""
        obligation = self.plan.find(row.key)
        if obligation is None:
            self.plan.append(row.key)
            self._plan(row)
        elif _stronger(row, obligation) or (obligation.ended and row.action is Action.DECIDE):
            self._plan(row)
        elif obligation.row.provisional and not row.provisional and row.action is obligation.row.action:
            self._confirm(row, obligation)

    def _confirm(self, row: Row, obligation: Obligation) -> None:
        """What was provisional is so no longer: whoever had been stood down is asked again."""
        if obligation.state is ObligationState.CANCELLED:
            self._plan(row)
        else:
            self.plan.put(obligation.model_copy(update={"row": row}))

    def _plan(self, row: Row) -> None:
        matter = self.plan.matter
        self.plan.log(Happening.PLANNED, f"{self.plan.row_name(row)}: {_ACTION[row.action]}. {row.because}.")
        earlier = self.plan.find(row.key)
        told = earlier.told if earlier is not None else ()
        obligation = Obligation(row=row, generation=matter.generation, state=ObligationState.ASKED, told=told)
        self.escalation.begin(obligation)

    def _cancel_decided(self, proposals: tuple[Proposal, ...], wanted: set[str]) -> None:
        """A decision ends what asked for it; so does a proposal that was withdrawn or gave way to a higher one."""
        decided = any(p.decided_by is not None for p in proposals[-1:])
        for obligation in self.plan.obligations():
            row = obligation.row
            if obligation.ended or row.action is not Action.DECIDE or row.key in wanted:
                continue
            state = ObligationState.ACKNOWLEDGED if decided else ObligationState.CANCELLED
            self.plan.put(ended(obligation, state))

    def _stand_down(self, proposal: Proposal | None, wanted: set[str]) -> None:
        """Once a proposal is refused or withdrawn nobody is chased for its sake; those it called in are told, and get
        updates."""
        if proposal is None or proposal.state not in (ProposalState.REFUSED, ProposalState.WITHDRAWN):
            return
        for obligation in self.plan.obligations():
            if obligation.row.key in wanted or not obligation.row.provisional:
                continue
            if obligation.state is not ObligationState.CANCELLED:
                self.plan.put(ended(obligation, ObligationState.CANCELLED))
                self.mailing.inform(obligation, Purpose.STAND_DOWN)

    def _all_over(self) -> None:
        """The matter is closed: what is open is cancelled, and everybody who was told learns that it is over."""
        for obligation in self.plan.obligations():
            if obligation.open:
                self.plan.put(ended(obligation, ObligationState.CANCELLED))
        self.mailing.update(tuple(self.plan.rows), Purpose.ALL_CLEAR)

    # --- answers -----------------------------------------------------------------------------------------------------

    def answered(self, message: Answered) -> None:
        """A person's answer counts for each row they have been asked about, at the generation they saw."""
        said, matter = message.acknowledgement, self.plan.known
        if matter is None:
            return
        if message.generation < matter.generation:
            self.plan.log(
                Happening.ANSWERED,
                f"{self.plan.person_name(said.person)} svarade på en tidigare nivå; den nya behöver ett eget svar.",
                said.person,
            )
            return
        mine = [o for o in self.plan.obligations() if said.person in o.told]
        for obligation in mine:
            if said.answer is Answer.TAKEN:
                self._taken(obligation, said.person)
            elif obligation.open:
                self._declined(obligation, said.person)
        if not mine:
            who = self.plan.profile.policy.called(said.person)
            self.plan.log(Happening.REFUSED, f"{who} svarade men är inte tillfrågad i ärendet.", said.person)

    def _declined(self, obligation: Obligation, person: str) -> None:
        """Noted whoever says it; if it is the one we wait for, the next is asked at once."""
        declined = tuple(dict.fromkeys((*obligation.declined, person)))
        noted = obligation.model_copy(update={"declined": declined})
        if obligation.person == person and obligation.state is ObligationState.ASKED:
            self.escalation.escalate(noted, f"{self.plan.person_name(person)} kan inte.")
        else:
            self.plan.put(noted)
            self._said(obligation, person, "kan inte")

    def _taken(self, obligation: Obligation, person: str) -> None:
        if obligation.ended and obligation.state is not ObligationState.DELIVERED:
            return
        self._said(obligation, person, "tar det")
        self.plan.put(answered(obligation, person, self.plan.draft.now))

    def _said(self, obligation: Obligation, person: str, what: str) -> None:
        said = f"{self.plan.row_name(obligation.row)}: {self.plan.person_name(person)} {what}."
        self.plan.log(Happening.ANSWERED, said, person)

    def delivered(self, message: Handover) -> None:
        """Contact has handed a notice over, or could not by any channel."""
        for obligation in self.plan.of(message.rows):
            if obligation.ended or obligation.person != message.person:
                continue
            if obligation.notice != message.notice or obligation.answered_by is not None:
                continue
            if message.reached:
                self._handed_over(obligation)
            else:
                person = self.plan.person_name(message.person)
                self.escalation.escalate(obligation, f"{person} kunde inte nås: {message.why}.")

    def _handed_over(self, obligation: Obligation) -> None:
        reached = obligation.model_copy(update={"reached": True})
        if obligation.row.action is Action.INFORM:
            reached = ended(reached, ObligationState.DELIVERED)
        self.plan.put(reached)


_ACTION = {
    Action.ACT: "ska agera",
    Action.DECIDE: "ska besluta",
    Action.COORDINATE: "ska samordna",
    Action.SUPPORT: "ska stödja",
    Action.INFORM: "får veta",
}


def _stronger(row: Row, obligation: Obligation) -> bool:
    return row.action.rank < obligation.row.action.rank


def _rose(before: Matter, matter: Matter) -> bool:
    """A higher level, life newly in danger, or opened again: what was answered before does not cover it."""
    if not before.open:
        return True
    return matter.generation > before.generation or (matter.danger_to_life and not before.danger_to_life)


def _widened(before: Matter, matter: Matter) -> bool:
    """Something that those engaged should hear of: a new cause or fact, a decision, a lower level."""
    unexplained = [c for c in matter.open_causes if c.explained_by is None]  # explained silence is told once
    facts = {f.said for c in unexplained for f in c.facts} - {f.said for c in before.causes for f in c.facts}
    decided = (before.declared_state, before.alert_level) != (matter.declared_state, matter.alert_level)
    counted = sum(c.count for c in unexplained) > sum(c.count for c in before.causes)
    return bool(facts) or decided or counted or _explained_anew(before, matter) or _wider(before, matter)


def _explained_anew(before: Matter, matter: Matter) -> bool:
    """A silence that was known has got its explanation, or lost it."""
    was = {c.once: c.explained_by for c in before.open_causes}
    return any(was.get(c.once, c.explained_by) != c.explained_by for c in matter.open_causes)


def _wider(before: Matter, matter: Matter) -> bool:
    """The level now rests on what was decided for a wider scope, or no longer does."""
    return (before.basis is Basis.WIDER) != (matter.basis is Basis.WIDER)
