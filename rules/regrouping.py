"""A person says which causes are one matter: two matters joined, or a cause split off.

Theory (semantics 10). A matter is keyed for life, and stays where it is: only matters of one key can be one. Nothing is
lost and nobody's obligation is weakened:

    join A into B   B has the causes, places, references and proposals of both, and the higher of what was decided; A
                    stays as a closed pointer to B, and its plan goes to B (notifiers.alert)
    split c from A  c opens a matter of its own, with what was decided for c's sake; A keeps its plan and the rest

A matter that an authority has declared is its own (semantics 14) and takes no part. Both need the delegation table's
word for the highest level concerned.
"""

from __future__ import annotations

from rules.docket import Docket, opened_with
from rules.events import Decision
from rules.explain import area_name, uncapitalised
from rules.frozen import cut
from rules.ladder import Entered
from rules.matter import Cause, Matter, Proposal, ProposalState, refused
from rules.proposals import PROPOSALS_KEPT
from rules.record import Happening
from rules.trackers import Instance


class Regrouping:
    """One such decision, in the step that is being written."""

    def __init__(self, docket: Docket, decision: Decision, event: str) -> None:
        self.docket = docket
        self.draft = docket.draft
        self.ladder = docket.policy.ladder
        self.decision = decision
        self.event = event

    # --- join --------------------------------------------------------------------------------------------------------

    def join(self, matter: Matter) -> str | None:
        """Joins the matter into the one that the decision names. Returns why it was not allowed, or None."""
        target = self.docket.get(self.decision.into or "")
        refusal = self._unjoinable(matter, target)
        if refusal is not None or target is None:
            return refusal
        self._log(target, f"förde ihop {matter.title} ({matter.id}) med {target.title} ({target.id})")
        self._log(matter, f"förde ihop ärendet med {target.title} ({target.id}), där det fortsätter")
        merged = self._merged(target, matter)
        for cause in matter.open_causes:
            self._moved(cause, target.id)
        self.docket.settle(merged, f"{matter.title} är nu en del av {target.title}.")
        self.docket.settle(self._pointer(matter, target), f"Ärendet fortsätter i {target.title} ({target.id}).")
        return None

    def _unjoinable(self, matter: Matter, target: Matter | None) -> str | None:
        if target is None or not target.open:
            where = area_name(matter.area, self.docket.policy.registry)
            return f"Ärendet {self.decision.into} är inte öppet i {where}; bara ärenden i samma område kan föras ihop."
        if target.id == matter.id:
            return "Ett ärende kan inte föras ihop med sig självt."
        for one in (matter, target):
            if self._declared(one):
                return f"{one.declared_state} är ett ärende för sig och förs inte ihop med något annat."
        level = self.ladder.highest_of((matter.alert_level, target.alert_level))
        if not self.docket.allowed(self.decision, level, matter.area):
            by, person = self.docket.named(self.decision)
            return f"{person} får inte som {uncapitalised(by)} föra ihop ärenden på nivån {level}."
        return None

    def _merged(self, target: Matter, matter: Matter) -> Matter:
        causes = tuple(sorted((*target.causes, *matter.causes), key=lambda c: (c.opened_at, c.id)))
        higher = self.ladder.highest_of((target.declared_state, matter.declared_state))
        merged = target.model_copy(
            update={"causes": causes, "declared_state": higher, "proposals": self._proposals(target, matter)}
        )
        return opened_with(merged, matter)

    def _pointer(self, matter: Matter, target: Matter) -> Matter:
        """What is left of the matter: where it went."""
        proposals = tuple(_superseded(p) if p.pending else p for p in matter.proposals)
        gone = {"causes": (), "proposals": proposals, "declared_state": self.ladder.lowest}
        return matter.model_copy(update=gone | {"joined_into": target.id})

    def _proposals(self, target: Matter, matter: Matter) -> tuple[Proposal, ...]:
        """What was proposed in both, in order of time; of two that wait, the one for the higher level does."""
        found = sorted((*target.proposals, *matter.proposals), key=lambda p: (p.proposed_at, p.number))
        waiting = sorted((p for p in found if p.pending), key=lambda p: self.ladder.rank(p.level))
        others = [_superseded(p) if p.pending else p for p in found if p not in waiting[-1:]]
        ordered = (*others, *waiting[-1:])[-PROPOSALS_KEPT:]
        return tuple(p.model_copy(update={"number": number}) for number, p in enumerate(ordered, 1))

    # --- split -------------------------------------------------------------------------------------------------------

    def split(self, matter: Matter) -> str | None:
        """Splits the cause that the decision names off from the matter. Returns why it was not allowed, or None."""
        found = [c for c in matter.open_causes if self.decision.cause in (c.id, c.rule)]
        refusal = self._unsplittable(matter, found)
        if refusal is not None:
            return refusal
        (cause,) = found
        rest = matter.model_copy(update={"causes": tuple(c for c in matter.causes if c is not cause)})
        self._log(matter, f"delade ut «{cause.name}» till ett eget ärende")
        new = self.docket.split_off(cause, self._decided_for(matter, cause))
        self._log(new, f"delade ut «{cause.name}» ur {matter.title} ({matter.id})")
        self._moved(cause, new.id)
        self.docket.settle(rest, f"«{cause.name}» är nu ett eget ärende ({new.id}).")
        return None

    def _unsplittable(self, matter: Matter, found: list[Cause]) -> str | None:
        if not found:
            return f"Ärendet {matter.id} har ingen öppen orsak {self.decision.cause!r}."
        if len(found) > 1:
            which = ", ".join(c.id for c in found)
            return f"Flera orsaker i ärendet heter {self.decision.cause!r}; ange en av {which}."
        if len(matter.open_causes) == 1:
            return "Ärendet har bara en öppen orsak; det finns inget att dela."
        if self._declared(matter):
            return f"{matter.declared_state} är ett ärende för sig och delas inte."
        if not self.docket.allowed(self.decision, matter.alert_level, matter.area):
            by, person = self.docket.named(self.decision)
            return f"{person} får inte som {uncapitalised(by)} dela ett ärende på nivån {matter.alert_level}."
        return None

    def _decided_for(self, matter: Matter, cause: Cause) -> dict[str, object]:
        """What was decided in the matter for the cause's sake goes with it: a yes keeps its level, a no is not asked
        again."""
        asks = self.ladder[cause.level].entered is Entered.DECIDED and cause.once not in refused(matter)
        level = min(matter.declared_state, cause.level, key=self.ladder.rank) if asks else self.ladder.lowest
        about = tuple(p for p in matter.proposals if cause.once in p.causes and not p.pending)
        return {"declared_state": level, "proposals": about}

    # --- both --------------------------------------------------------------------------------------------------------

    def _declared(self, matter: Matter) -> bool:
        return self.ladder[matter.declared_state].entered is Entered.DECLARED

    def _moved(self, cause: Cause, matter: str) -> None:
        """The rule that holds finds its cause in the other matter from now on."""
        key = f"instance/{cause.id.replace('|', '/', 1)}"
        instance = self.draft.find(Instance, key)
        if instance is not None:
            self.draft.put(key, instance.model_copy(update={"matter": matter}))

    def _log(self, matter: Matter, what: str) -> None:
        who, why = self.decision, cut(self.decision.reason, 500)
        by, person = self.docket.named(who)
        said = f"{by} ({person}) {what}. {why}".strip()
        self.docket.log(Happening.DECIDED, matter, said, person=who.person, event=self.event)


def _superseded(proposal: Proposal) -> Proposal:
    return proposal.model_copy(update={"state": ProposalState.SUPERSEDED})
