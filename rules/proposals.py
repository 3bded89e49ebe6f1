"""A level that a rule asks for and a person decides: when it is proposed, to whom, and what ends the proposal.

Theory (semantics 13). A matter has at most one proposal that waits.

    open causes ask for a decided level above declared_state --> proposed upward, to the decider of the nearest scope
    no open cause asks for it any more                       --> withdrawn
    a higher level is asked for                              --> withdrawn, and proposed anew at that level
    as high a level is decided in the matter above           --> superseded: the wider decision holds here too
    a level above this matter's causes is left standing      --> proposed downward, to the decider of the level left
    the decider says yes or no                               --> granted or refused (rules.decisions)

After a no a new proposal needs a new cause. Nothing here lowers a level: only a decision does that.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from rules.explain import area_name, uncapitalised
from rules.frozen import cut
from rules.ladder import Entered
from rules.matter import Cause, Direction, Matter, Proposal, ProposalState, covered
from rules.policy import Policy
from rules.record import Happening

Log = Callable[[Happening, Matter, str], None]
PROPOSALS_KEPT = 20


def with_proposal(matter: Matter, proposal: Proposal) -> Matter:
    """The matter with this proposal in place of the one of the same number."""
    changed = tuple(proposal if p.number == proposal.number else p for p in matter.proposals)
    return matter.model_copy(update={"proposals": changed})


class Proposals:
    """The proposals of one matter at a time, in the step that is being written."""

    def __init__(self, policy: Policy, now: datetime, log: Log) -> None:
        self.policy = policy
        self.ladder = policy.ladder
        self.now = now
        self.log = log

    def proposed(self, matter: Matter) -> Matter:
        """The matter with a proposal made, withdrawn, superseded or left, as its causes now ask."""
        ladder = self.ladder
        wanted = tuple(c for c in matter.open_causes if ladder[c.level].entered is Entered.DECIDED)
        level = ladder.highest_of(tuple(c.level for c in wanted))
        pending, target = _pending(matter), self._lower(matter, level)
        if pending is not None and pending.direction is Direction.LOWER and pending.level != target:
            matter, pending = self._ended(matter, pending, ProposalState.WITHDRAWN), None
        if pending is not None and pending.direction is Direction.RAISE and not wanted:
            return self._ended(matter, pending, ProposalState.WITHDRAWN)
        if pending is not None and pending.direction is Direction.RAISE and self._decided_above(matter, pending.level):
            matter, pending = self._ended(matter, pending, ProposalState.SUPERSEDED), None
        if wanted and ladder.rank(level) > ladder.rank(matter.declared_state):
            return self._up(matter, level, wanted, pending)
        return self._down(matter, target, pending)

    def _decided_above(self, matter: Matter, level: str) -> bool:
        """True if as high a level is decided for a wider scope: nobody needs to decide it here too."""
        return self.ladder.rank(covered(matter, self.ladder)) >= self.ladder.rank(level)

    # --- upward ------------------------------------------------------------------------------------------------------

    def _up(self, matter: Matter, level: str, wanted: tuple[Cause, ...], pending: Proposal | None) -> Matter:
        raising = pending is not None and pending.direction is Direction.RAISE
        if pending is not None and raising and self.ladder.rank(pending.level) >= self.ladder.rank(level):
            return matter
        answered = (ProposalState.REFUSED, ProposalState.GRANTED)
        decided = {c for p in matter.proposals if p.state in answered for c in p.causes}
        fresh = tuple(c for c in wanted if c.once not in decided)
        if not fresh or self._decided_above(matter, level):
            return matter  # after a decision a new proposal needs a new cause
        if pending is not None:
            matter = self._ended(matter, pending, ProposalState.WITHDRAWN)
        because = " ".join(c.because for c in fresh)
        return self._propose(matter, level, Direction.RAISE, tuple(c.once for c in fresh), because)

    # --- downward ----------------------------------------------------------------------------------------------------

    def _down(self, matter: Matter, target: str | None, pending: Proposal | None) -> Matter:
        """Proposes to leave a decided level that no open cause asks for: for the level that they do ask for, or for the
        lowest once nothing is open."""
        if target is None or pending is not None or not matter.open or _just_refused(matter):
            return matter
        left = "Inga orsaker kvarstår" if not matter.open_causes else f"Det som återstår motiverar {target}"
        return self._propose(matter, target, Direction.LOWER, (), f"{left}; föreslår att läget sänks.")

    def _lower(self, matter: Matter, asked: str) -> str | None:
        """The level that a decided state might be lowered to, or None. As long as something goes on, only what asked
        for the state being over, and something else asking for a lower one, makes it so."""
        ladder, declared = self.ladder, matter.declared_state
        if ladder[declared].entered is not Entered.DECIDED:
            return None
        if not matter.open_causes:
            return ladder.lowest
        over = any(not c.open and ladder.rank(c.level) >= ladder.rank(declared) for c in matter.causes)
        between = ladder.rank(ladder.lowest) < ladder.rank(asked) < ladder.rank(declared)
        return asked if over and between else None

    # --- making and ending -------------------------------------------------------------------------------------------

    def _propose(
        self, matter: Matter, level: str, direction: Direction, causes: tuple[str, ...], because: str
    ) -> Matter:
        ladder, registry = self.ladder, self.policy.registry
        decided = level if direction is Direction.RAISE else matter.declared_state
        around = registry.ancestors(matter.area)
        delegation = next((d for scope in around for d in ladder.deciders(decided, scope, self.now)), None)
        proposal = Proposal(
            number=max((p.number for p in matter.proposals), default=0) + 1,
            level=level,
            direction=direction,
            scope=matter.area,
            role=delegation.role if delegation else None,
            organisation=delegation.organisation if delegation else None,
            persons=delegation.persons if delegation else (),
            because=cut(because, 2000),
            causes=causes,
            proposed_at=self.now,
            decide_by=self.now + ladder[decided].decide_within,
        )
        who = uncapitalised(self.policy.called(proposal.role)) or "ingen utsedd"
        said = f"Förslag: {level} för {area_name(matter.area, registry)}. Beslutas av {who}."
        self.log(Happening.PROPOSED, matter, said)
        return matter.model_copy(update={"proposals": (*matter.proposals, proposal)[-PROPOSALS_KEPT:]})

    def _ended(self, matter: Matter, proposal: Proposal, state: ProposalState) -> Matter:
        if state is ProposalState.SUPERSEDED:
            said = f"Förslaget om {proposal.level} behöver inget eget beslut: {self._above(matter, proposal.level)}."
        else:
            said = f"Förslaget om {proposal.level} gäller inte längre."
        self.log(Happening.CANCELLED, matter, said)
        return with_proposal(matter, proposal.model_copy(update={"state": state}))

    def _above(self, matter: Matter, level: str) -> str:
        """Which wider decision holds here."""
        enough = [a for a in matter.above if self.ladder.rank(a.level) >= self.ladder.rank(level)]
        above = enough[0]
        return f"{above.level} är beslutat för {area_name(above.area, self.policy.registry)} i ärendet {above.matter}"


def _pending(matter: Matter) -> Proposal | None:
    return matter.proposal if matter.proposal is not None and matter.proposal.pending else None


def _just_refused(matter: Matter) -> bool:
    """The decider has said no to lowering, and nothing has changed since."""
    last = matter.proposal
    if last is None or last.direction is not Direction.LOWER or last.state is not ProposalState.REFUSED:
        return False
    return all(
        c.cleared_at is None or last.decided_at is None or c.cleared_at <= last.decided_at for c in matter.causes
    )
