"""Whom a row asks, and whom next: along the chain of its post, one at a time, or all at once where life is in danger.

The next is asked when the one before has not answered in time, cannot, or could not be reached. When the chain has come
to its end that is said aloud, and it starts over; a row is never given up.
"""

from __future__ import annotations

from notifiers.mailing import Mailing
from notifiers.notice import Purpose, Row
from notifiers.obligation import Candidate, Obligation, ObligationState, asking, chain, ended, next_person
from notifiers.plan import Plan
from rules.events import is_exercise
from rules.ladder import Action
from rules.record import Happening


class Escalation:
    """The asking of one step: each row's next person is noted in the plan and told by the mailing."""

    def __init__(self, plan: Plan, mailing: Mailing) -> None:
        self.plan = plan
        self.mailing = mailing
        self.profile = plan.profile
        self.now = plan.draft.now
        self.realm = plan.draft.realm

    def begin(self, obligation: Obligation) -> None:
        """The row is asked from the first of its chain; where life is in danger, with all of them."""
        self.ask_next(obligation, Purpose.ALERT)
        self._all_waves(obligation.row)

    def _all_waves(self, row: Row) -> None:
        """Life in danger: everybody in the chain is told at once; the first answer discharges the row."""
        if not self.plan.matter.danger_to_life or row.action is Action.INFORM:
            return
        candidates = chain(self.profile, row, self.realm, self.now)
        obligation = self.plan.find(row.key)
        while obligation is not None and (candidate := next_person(candidates, obligation.asked)) is not None:
            self.mailing.tell(row, candidate, Purpose.ALERT, obligation.deadline, at_once=True)
            obligation = asking(obligation, candidate.person)
            self.plan.put(obligation)

    def ask_again(self, key: str, *, reopened: bool, wanted: bool) -> None:
        """The level rose, or the matter was opened again: a row that asks for an answer needs a new one; those who were
        only told are told again."""
        obligation = self.plan.find(key)
        if obligation is None or (obligation.state is ObligationState.CANCELLED and not wanted):
            return
        holder = obligation.answered_by or (None if reopened else obligation.person)
        asked = obligation.model_copy(
            update={
                "generation": self.plan.matter.generation,
                "state": ObligationState.ASKED,
                "answered_by": None,
                "answered_at": None,
                "asked": (),
                "reached": False,
            }
        )
        candidates = chain(self.profile, obligation.row, self.realm, self.now)
        first = next((c for c in candidates if c.person == holder), None)
        self.ask_next(asked, Purpose.RISE, first=first)
        self._all_waves(obligation.row)

    def ask_next(self, obligation: Obligation, purpose: Purpose, first: Candidate | None = None) -> None:
        """Asks the next person of the chain, or says aloud that there is none and starts over later."""
        candidates = chain(self.profile, obligation.row, self.realm, self.now)
        candidate = first or next_person(candidates, obligation.asked)
        if candidate is None:
            self._undelivered(obligation)
            return
        within = obligation.row.answer_within
        deadline = self.now + within if within is not None else None
        self.plan.put(
            asking(obligation, candidate.person).model_copy(
                update={
                    "person": candidate.person,
                    "state": ObligationState.ASKED,
                    "deadline": deadline,
                    "reached": False,
                }
            )
        )
        self.mailing.tell(obligation.row, candidate, purpose, deadline)

    def _undelivered(self, obligation: Obligation) -> None:
        """Nobody has answered. It is not given up: it is said aloud, and begins again from the first."""
        if is_exercise(self.realm) and not chain(self.profile, obligation.row, self.realm, self.now):
            self.plan.put(ended(obligation, ObligationState.CANCELLED))
            return
        said = f"ingen i kedjan har svarat (omgång {obligation.round}). Frågar igen."
        self.plan.log(Happening.UNDELIVERED, f"{self.plan.row_name(obligation.row)}: {said}")
        again = self.now + self.profile.roster.answering.repeat
        self.plan.put(
            obligation.model_copy(
                update={
                    "state": ObligationState.UNDELIVERED,
                    "deadline": again,
                    "asked": (),
                    "round": obligation.round + 1,
                    "person": None,
                }
            )
        )

    def escalate(self, obligation: Obligation, why: str) -> None:
        """Why is said in the log, and the next of the chain is asked in the place of whoever was."""
        self.plan.log(Happening.ESCALATED, f"{self.plan.row_name(obligation.row)}: {why}", person=obligation.person)
        self.ask_next(obligation, Purpose.ESCALATION)

    def due(self, name: str) -> None:
        """A deadline has come, if it still stands."""
        obligation = self.plan.find(name.removeprefix("due/"))
        if obligation is None or obligation.ended or obligation.deadline is None or obligation.deadline > self.now:
            return
        if obligation.row.action is Action.DECIDE and obligation.answered_by and not self._decision_late():
            proposal = self.plan.matter.proposal
            self.plan.put(obligation.model_copy(update={"deadline": proposal.decide_by if proposal else None}))
        elif obligation.state is ObligationState.UNDELIVERED:
            self.begin(obligation)
        else:
            self.escalate(obligation, f"inget svar från {self.plan.person_name(obligation.person)} i tid.")

    def _decision_late(self) -> bool:
        proposal = self.plan.matter.proposal
        return proposal is None or proposal.decide_by <= self.now
