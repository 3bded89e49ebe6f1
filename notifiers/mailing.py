"""What each person is told in one step of alert, gathered as it arises and sent as one notice per person.

However many roles a person has in a matter, they get one message, with all they are asked in it.
"""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from notifiers.notice import Asked, Notice, Purpose, Row, notice_id
from notifiers.obligation import Candidate, Obligation
from notifiers.plan import Plan
from rules.explain import place
from rules.frozen import cut
from rules.ladder import Action
from rules.matter import Matter
from rules.step import Stage

NAMED = 12
"""So many others are named in a message."""


class Mailing:
    """The notices of one step being gathered; nothing leaves before `send`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.telling: dict[str, list[tuple[Asked, Purpose, datetime | None, str]]] = {}
        self.change = ""
        self._readable: tuple[Obligation, ...] = ()

    def about(self, change: str) -> None:
        """What has changed, in words, for every notice of this step."""
        self.change = change

    def update(self, keys: tuple[str, ...], purpose: Purpose) -> None:
        """Tells everybody who has been told, without asking anything of them."""
        for key in keys:
            obligation = self.plan.find(key)
            if obligation is not None:
                self.inform(obligation, purpose)

    def inform(self, obligation: Obligation, purpose: Purpose) -> None:
        """Tells whoever has been told in this row, if the step has nothing else to tell them."""
        for person in obligation.told:
            if person not in self.telling:
                candidate = Candidate(person=person, role=obligation.row.role, organisation=obligation.row.organisation)
                self.tell(obligation.row, candidate, purpose, None)

    def tell(
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
        instead = self.plan.row_name(row) if stepping_in and not at_once else None
        # Whoever steps in for a decider may not decide: they must find somebody who may (semantics 13).
        finding = stepping_in and row.action is Action.DECIDE and candidate.person not in row.persons
        asked = Asked(
            role=candidate.role,
            organisation=candidate.organisation,
            action=Action.ACT if finding else row.action,
            relation=row.relation,
            because=f"Hitta någon som får besluta. {row.because}" if finding else row.because,
            instead_of=instead,
            off_duty=candidate.off_duty,
            deputy=purpose is Purpose.ESCALATION and not stepping_in,
        )
        self.telling.setdefault(candidate.person, []).append((asked, purpose, deadline, row.key))

    def send(self) -> None:
        """One notice has left for each person the step told anything."""
        if not self.telling or self.plan.known is None:
            return
        number = self.plan.mailings + 1
        self._readable = self.plan.in_order()
        for person in sorted(self.telling):
            self._send_to(person, self.plan.matter, number)
        self.plan.mailed()

    def _send_to(self, person: str, matter: Matter, number: int) -> None:
        told = self.telling[person]
        deadlines = [d for _, _, d, _ in told if d is not None]
        purpose = min((p for _, p, _, _ in told), key=list(Purpose).index)
        newest = matter.open_causes[-1] if matter.open_causes else None
        notice = Notice(
            id=notice_id(self.plan.draft.realm, matter.id, self.plan.draft.sequence + 1, person),
            person=person,
            matter=matter.id,
            generation=matter.generation,
            purpose=purpose,
            number=number,
            title=matter.title,
            what=cut(self.change or (newest.message if newest else matter.title), 600),
            place=place(None, matter.areas, self.plan.profile.policy.registry),
            level=matter.alert_level,
            basis=matter.basis,
            declared_state=matter.declared_state,
            danger_to_life=matter.danger_to_life,
            first_step=next((c.first_step for c in reversed(matter.open_causes) if c.first_step), ""),
            asked=tuple(sorted(dict.fromkeys(a for a, _, _, _ in told), key=lambda a: a.action.rank)),
            answer_by=min(deadlines) if deadlines else None,
            informed=self._others(person),
            rows=tuple(dict.fromkeys(key for _, _, _, key in told)),
            at=self.plan.draft.now,
        )
        for _, _, _, key in told:
            obligation = self.plan.find(key)
            awaited = obligation is not None and obligation.person == person
            if obligation is not None and awaited and purpose not in (Purpose.UPDATE, Purpose.ALL_CLEAR):
                self.plan.put(obligation.model_copy(update={"notice": notice.id}))
        self.plan.draft.emit(Stage.CONTACT, person, notice)

    def _others(self, person: str) -> tuple[str, ...]:
        rows = (o.row for o in self._readable if person not in o.told)
        return tuple(self.plan.row_name(row) for row in islice(rows, NAMED))
