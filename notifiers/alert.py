"""STAGE 2: who must know, by which principle, and have they answered. Key: a matter.

Theory. The plan is append-only rows (notifiers.principles); each row has one obligation (notifiers.obligation). A step
first lets the message change obligations, asking whom it must; whom it asks is gathered, and leaves as one notice per
person at the end, however many roles that person has. Deadlines are timers, one per row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never

from notifiers.notice import Asked, Handover, Notice, Purpose, Row, notice_id
from notifiers.obligation import Candidate, Obligation, ObligationState, answered, asking, chain, ended, next_person
from notifiers.principles import order, plan
from notifiers.profile import Profile
from rules.events import Acknowledgement, Answer, is_exercise
from rules.explain import place
from rules.frozen import Frozen, cut
from rules.ladder import Action
from rules.matter import Matter, MatterChanged, Proposal, ProposalState
from rules.record import Happening, LogLine
from rules.step import Counter, Draft, Stage, State, Step, TimerDue


class Roll(Frozen):
    """The keys of the plan's rows in the order they were appended, and how many times people have been told."""

    kind: Literal["roll"] = "roll"
    rows: tuple[str, ...] = ()
    mailings: int = 0


class Answered(Frozen):
    """A person's answer about this matter, as it reaches alert."""

    kind: Literal["answered"] = "answered"
    acknowledgement: Acknowledgement
    generation: int
    event: str = ""


class PlanSnapshot(Frozen):
    """For the views: the plan of a matter as it stands."""

    kind: Literal["plan_snapshot"] = "plan_snapshot"
    matter: str
    obligations: tuple[Obligation, ...]


Entry = Matter | Roll | Obligation | Counter
"""What alert keeps under a matter."""
Message = MatterChanged | Answered | Handover | TimerDue
OutputMessage = Notice | PlanSnapshot | LogLine

MATTER, ROLL = "matter", "roll"


def step(profile: Profile, state: State[Entry], message: Message, now: datetime) -> Step[Entry, OutputMessage]:
    """Applies one message. Pure: equal arguments give an equal Step."""
    alerting = _Alerting(profile, Draft(state, now))
    match message:
        case MatterChanged():
            alerting.changed(message)
        case Answered():
            alerting.answered(message)
        case Handover():
            alerting.delivered(message)
        case TimerDue():
            alerting.due(message.name)
        case _:
            assert_never(message)
    alerting.send()
    return alerting.draft.step()


class _Alerting:
    """One step of alert being written; `telling` gathers what each person is told."""

    def __init__(self, profile: Profile, draft: Draft[Entry, OutputMessage]) -> None:
        self.profile = profile
        self.draft = draft
        self.telling: dict[str, list[tuple[Asked, Purpose, datetime | None, str]]] = {}
        self.matter = draft.find(Matter, MATTER)
        self.roll = draft.find(Roll, ROLL) or Roll()
        self.change = ""
        self.touched = False

    # --- the matter --------------------------------------------------------------------------------------------------

    def changed(self, message: MatterChanged) -> None:
        """A matter opened, widened, rose, fell, was decided or closed."""
        before, matter = self.matter, message.matter
        if before is not None and matter == before:
            return
        self.matter, self.change = matter, message.change
        self.draft.put(MATTER, matter)
        if not matter.open:
            self._all_over()
            return
        rows = plan(self.profile, matter, self.draft.now)
        wanted = {row.key for row in rows}
        rose = before is not None and _rose(before, matter)
        known = self.roll.rows
        if rose:
            reopened = before is not None and not before.open
            for key in known if not reopened else tuple(k for k in known if k in wanted):
                self._ask_again(key, reopened=reopened, wanted=key in wanted)
        self._cancel_decided(matter.proposals, wanted)
        self._stand_down(matter.proposal, wanted)
        for row in rows:
            self._append(row)
        if before is not None and not rose and _widened(before, matter):
            self._update(known, Purpose.UPDATE)

    def _append(self, row: Row) -> None:
        """A new row, or a stronger action for a known one; never fewer, never weaker."""
        obligation = self._obligation(row.key)
        if obligation is None:
            self.roll = self.roll.model_copy(update={"rows": (*self.roll.rows, row.key)})
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
            self._put(obligation.model_copy(update={"row": row}))

    def _plan(self, row: Row) -> None:
        matter = self._the_matter()
        self._log(Happening.PLANNED, f"{self._name(row)}: {_ACTION[row.action]}. {row.because}.")
        candidates = chain(self.profile, row, self.draft.realm)
        earlier = self._obligation(row.key)
        told = earlier.told if earlier is not None else ()
        obligation = Obligation(row=row, generation=matter.generation, state=ObligationState.ASKED, told=told)
        self._ask_next(obligation, Purpose.ALERT)
        if matter.danger_to_life and row.action is not Action.INFORM:
            self._all_waves(row, candidates)

    def _all_waves(self, row: Row, candidates: tuple[Candidate, ...]) -> None:
        """Life in danger: everybody in the chain is told at once; the first answer discharges the row."""
        obligation = self._obligation(row.key)
        while obligation is not None and (candidate := next_person(candidates, obligation.asked)) is not None:
            self._tell(row, candidate, Purpose.ALERT, obligation.deadline, at_once=True)
            obligation = asking(obligation, candidate.person)
            self._put(obligation)

    def _ask_again(self, key: str, *, reopened: bool, wanted: bool) -> None:
        """The level rose, or the matter was opened again: a row that asks for an answer needs a new one; those who were
        only told are told again."""
        obligation = self._obligation(key)
        if obligation is None or (obligation.state is ObligationState.CANCELLED and not wanted):
            return
        matter = self._the_matter()
        holder = obligation.answered_by or (None if reopened else obligation.person)
        asked = obligation.model_copy(
            update={
                "generation": matter.generation,
                "state": ObligationState.ASKED,
                "answered_by": None,
                "answered_at": None,
                "asked": (),
                "reached": False,
            }
        )
        candidates = chain(self.profile, obligation.row, self.draft.realm)
        first = next((c for c in candidates if c.person == holder), None)
        self._ask_next(asked, Purpose.RISE, first=first)
        if matter.danger_to_life and obligation.row.action is not Action.INFORM:
            self._all_waves(obligation.row, candidates)

    def _cancel_decided(self, proposals: tuple[Proposal, ...], wanted: set[str]) -> None:
        """A decision ends what asked for it; so does a proposal that was withdrawn or gave way to a higher one."""
        decided = any(p.decided_by is not None for p in proposals[-1:])
        for key in self.roll.rows:
            obligation = self._obligation(key)
            if obligation is None or obligation.ended or obligation.row.action is not Action.DECIDE or key in wanted:
                continue
            state = ObligationState.ACKNOWLEDGED if decided else ObligationState.CANCELLED
            self._put(ended(obligation, state))

    def _stand_down(self, proposal: Proposal | None, wanted: set[str]) -> None:
        """Once a proposal is refused or withdrawn nobody is chased for its sake; those it called in are told, and get
        updates."""
        if proposal is None or proposal.state not in (ProposalState.REFUSED, ProposalState.WITHDRAWN):
            return
        for key in self.roll.rows:
            obligation = self._obligation(key)
            if obligation is None or key in wanted or not obligation.row.provisional:
                continue
            if obligation.state is not ObligationState.CANCELLED:
                self._put(ended(obligation, ObligationState.CANCELLED))
                self._inform(obligation, Purpose.STAND_DOWN)

    def _all_over(self) -> None:
        """The matter is closed: what is open is cancelled, and everybody who was told learns that it is over."""
        for key in self.roll.rows:
            obligation = self._obligation(key)
            if obligation is not None and obligation.open:
                self._put(ended(obligation, ObligationState.CANCELLED))
        self._update(self.roll.rows, Purpose.ALL_CLEAR)

    def _update(self, keys: tuple[str, ...], purpose: Purpose) -> None:
        """Tells everybody who has been told, without asking anything of them."""
        for key in keys:
            obligation = self._obligation(key)
            if obligation is not None:
                self._inform(obligation, purpose)

    def _inform(self, obligation: Obligation, purpose: Purpose) -> None:
        for person in obligation.told:
            if person not in self.telling:
                candidate = Candidate(person=person, role=obligation.row.role, organisation=obligation.row.organisation)
                self._tell(obligation.row, candidate, purpose, None)

    # --- asking ------------------------------------------------------------------------------------------------------

    def _ask_next(self, obligation: Obligation, purpose: Purpose, first: Candidate | None = None) -> None:
        """Asks the next person of the chain, or says aloud that there is none and starts over later."""
        candidates = chain(self.profile, obligation.row, self.draft.realm)
        candidate = first or next_person(candidates, obligation.asked)
        if candidate is None:
            self._undelivered(obligation)
            return
        within = obligation.row.answer_within
        deadline = self.draft.now + within if within is not None else None
        self._put(
            asking(obligation, candidate.person).model_copy(
                update={
                    "person": candidate.person,
                    "state": ObligationState.ASKED,
                    "deadline": deadline,
                    "reached": False,
                }
            )
        )
        self._tell(obligation.row, candidate, purpose, deadline)

    def _undelivered(self, obligation: Obligation) -> None:
        """Nobody has answered. It is not given up: it is said aloud, and begins again from the first."""
        if is_exercise(self.draft.realm) and not chain(self.profile, obligation.row, self.draft.realm):
            self._put(ended(obligation, ObligationState.CANCELLED))
            return
        name = self._name(obligation.row)
        self._log(Happening.UNDELIVERED, f"{name}: ingen i kedjan har svarat (omgång {obligation.round}). Frågar igen.")
        again = self.draft.now + self.profile.roster.answering.repeat
        self._put(
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

    def _escalate(self, obligation: Obligation, why: str) -> None:
        self._log(Happening.ESCALATED, f"{self._name(obligation.row)}: {why}", person=obligation.person)
        self._ask_next(obligation, Purpose.ESCALATION)

    def due(self, name: str) -> None:
        """A deadline has come, if it still stands."""
        obligation = self._obligation(name.removeprefix("due/"))
        if (
            obligation is None
            or obligation.ended
            or obligation.deadline is None
            or obligation.deadline > self.draft.now
        ):
            return
        if obligation.row.action is Action.DECIDE and obligation.answered_by and not self._decision_late():
            proposal = self._the_matter().proposal
            self._put(obligation.model_copy(update={"deadline": proposal.decide_by if proposal else None}))
        elif obligation.state is ObligationState.UNDELIVERED:
            self._next_round(obligation)
        else:
            self._escalate(obligation, f"inget svar från {self._person(obligation.person)} i tid.")

    def _next_round(self, obligation: Obligation) -> None:
        """Begins again from the first of the chain; where life is in danger, with all of them."""
        self._ask_next(obligation, Purpose.ALERT)
        if self._the_matter().danger_to_life and obligation.row.action is not Action.INFORM:
            self._all_waves(obligation.row, chain(self.profile, obligation.row, self.draft.realm))

    def _decision_late(self) -> bool:
        proposal = self._the_matter().proposal
        return proposal is None or proposal.decide_by <= self.draft.now

    # --- answers -----------------------------------------------------------------------------------------------------

    def answered(self, message: Answered) -> None:
        """A person's answer counts for each row they have been asked about, at the generation they saw."""
        said, matter = message.acknowledgement, self.matter
        if matter is None:
            return
        if message.generation < matter.generation:
            self._log(
                Happening.ANSWERED,
                f"{self._person(said.person)} svarade på en tidigare nivå; den nya behöver ett eget svar.",
                said.person,
            )
            return
        mine = [o for k in self.roll.rows if (o := self._obligation(k)) is not None and said.person in o.told]
        for obligation in mine:
            if said.answer is Answer.TAKEN:
                self._taken(obligation, said.person)
            elif obligation.open:
                self._declined(obligation, said.person)
        if not mine:
            self._log(Happening.REFUSED, f"{said.person} svarade men är inte tillfrågad i ärendet.", said.person)

    def _declined(self, obligation: Obligation, person: str) -> None:
        """Noted whoever says it; if it is the one we wait for, the next is asked at once."""
        declined = tuple(dict.fromkeys((*obligation.declined, person)))
        noted = obligation.model_copy(update={"declined": declined})
        if obligation.person == person and obligation.state is ObligationState.ASKED:
            self._escalate(noted, f"{self._person(person)} kan inte.")
        else:
            self._put(noted)
            self._log(Happening.ANSWERED, f"{self._name(obligation.row)}: {self._person(person)} kan inte.", person)

    def _taken(self, obligation: Obligation, person: str) -> None:
        if obligation.ended and obligation.state is not ObligationState.DELIVERED:
            return
        self._log(Happening.ANSWERED, f"{self._name(obligation.row)}: {self._person(person)} tar det.", person)
        self._put(answered(obligation, person, self.draft.now))

    def delivered(self, message: Handover) -> None:
        """Contact has handed a notice over, or could not by any channel."""
        for key in self.roll.rows:
            obligation = self._obligation(key)
            if obligation is None or obligation.ended or obligation.person != message.person:
                continue
            if obligation.notice != message.notice or obligation.answered_by is not None:
                continue
            if message.reached:
                self._handed_over(obligation)
            else:
                self._escalate(obligation, f"{self._person(message.person)} kunde inte nås: {message.why}.")

    def _handed_over(self, obligation: Obligation) -> None:
        reached = obligation.model_copy(update={"reached": True})
        if obligation.row.action is Action.INFORM:
            reached = ended(reached, ObligationState.DELIVERED)
        self._put(reached)

    # --- telling -----------------------------------------------------------------------------------------------------

    def _tell(
        self,
        row: Row,
        candidate: Candidate,
        purpose: Purpose,
        deadline: datetime | None,
        *,
        at_once: bool = False,
    ) -> None:
        """Notes what the person is told. `at_once`: with everybody else in the chain, so in nobody's place."""
        stepping_in = (candidate.role, candidate.organisation) != row.post
        instead = self._name(row) if stepping_in and not at_once else None
        # Whoever steps in for a decider may not decide: they must find somebody who may (semantics 13).
        finding = stepping_in and row.action is Action.DECIDE and candidate.person not in row.persons
        asked = Asked(
            role=candidate.role,
            organisation=candidate.organisation,
            action=Action.ACT if finding else row.action,
            relation=row.relation,
            because=f"Hitta någon som får besluta. {row.because}" if finding else row.because,
            instead_of=instead,
        )
        self.telling.setdefault(candidate.person, []).append((asked, purpose, deadline, row.key))

    def send(self) -> None:
        """One notice per person for all that the step told them, and the plan for the views."""
        matter = self.matter
        if matter is None:
            return
        number = self.roll.mailings + 1
        for person in sorted(self.telling):
            self._send_to(person, matter, number)
        if self.telling:
            self.roll = self.roll.model_copy(update={"mailings": number})
        if self.touched or self.telling:
            self.draft.put(ROLL, self.roll)
            obligations = tuple(o for k in self.roll.rows if (o := self._obligation(k)) is not None)
            ordered = tuple(sorted(obligations, key=lambda o: order(o.row)))
            self.draft.emit(Stage.RECORD, self.draft.key, PlanSnapshot(matter=matter.id, obligations=ordered))

    def _send_to(self, person: str, matter: Matter, number: int) -> None:
        told = self.telling[person]
        deadlines = [d for _, _, d, _ in told if d is not None]
        purpose = min((p for _, p, _, _ in told), key=list(Purpose).index)
        newest = matter.open_causes[-1] if matter.open_causes else None
        notice = Notice(
            id=notice_id(self.draft.realm, matter.id, self.draft.sequence + 1, person),
            person=person,
            matter=matter.id,
            generation=matter.generation,
            purpose=purpose,
            number=number,
            title=matter.title,
            what=cut(self.change or (newest.message if newest else matter.title), 600),
            place=place(None, matter.areas, self.profile.policy.registry),
            level=matter.alert_level,
            basis=matter.basis,
            declared_state=matter.declared_state,
            danger_to_life=matter.danger_to_life,
            first_step=next((c.first_step for c in reversed(matter.open_causes) if c.first_step), ""),
            asked=tuple(sorted(dict.fromkeys(a for a, _, _, _ in told), key=lambda a: a.action.rank)),
            answer_by=min(deadlines) if deadlines else None,
            informed=self._others(person),
            at=self.draft.now,
        )
        for _, _, _, key in told:
            obligation = self._obligation(key)
            if (
                obligation is not None
                and obligation.person == person
                and notice.purpose
                not in (
                    Purpose.UPDATE,
                    Purpose.ALL_CLEAR,
                )
            ):
                self._put(obligation.model_copy(update={"notice": notice.id}))
        self.draft.emit(Stage.CONTACT, person, notice)

    def _others(self, person: str) -> tuple[str, ...]:
        rows = [o for k in self.roll.rows if (o := self._obligation(k)) is not None and person not in o.told]
        return tuple(self._name(o.row) for o in sorted(rows, key=lambda o: order(o.row)))[:12]

    # --- small things ------------------------------------------------------------------------------------------------

    def _obligation(self, key: str) -> Obligation | None:
        return self.draft.find(Obligation, f"obligation/{key}")

    def _put(self, obligation: Obligation) -> None:
        """Writes the obligation and sets its timer to its deadline."""
        key = obligation.row.key
        self.touched = True
        self.draft.put(f"obligation/{key}", obligation)
        self.draft.wake(f"due/{key}", obligation.deadline)

    def _the_matter(self) -> Matter:
        assert self.matter is not None, "rows are planned only for a known matter"
        return self.matter

    def _name(self, row: Row) -> str:
        known = self.profile.policy.registry.organisations.get(row.organisation)
        return f"{self.profile.roster.role_name(row.role)}, {known.name if known else row.organisation}"

    def _person(self, person: str | None) -> str:
        known = self.profile.roster.persons.get(person or "")
        return known.name if known else person or "ingen"

    def _log(self, what: Happening, said: str, person: str | None = None) -> None:
        line = LogLine(at=self.draft.now, what=what, said=cut(said), matter=self.draft.key, person=person)
        self.draft.emit(Stage.RECORD, self.draft.key, line)


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
    facts = {f.said for c in matter.open_causes for f in c.facts} - {f.said for c in before.causes for f in c.facts}
    decided = (before.declared_state, before.alert_level) != (matter.declared_state, matter.alert_level)
    counted = sum(c.count for c in matter.open_causes) > sum(c.count for c in before.causes)
    return bool(facts) or decided or counted
