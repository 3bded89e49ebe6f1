"""The open matters of one area: which matter a cause belongs to, and what a change of causes means for it.

Theory. A cause joins an open matter by, in this order: what it says it relates to; the same asset; a need (somebody
without water joins the matter about water there); a family of kinds that both belong to (semantics 10). Otherwise it
opens a matter of its own. A matter that has just closed is opened again by the same signs.

Every change ends in `settle`: level and generation are computed anew, a proposal is made or withdrawn, the matter
closes if nothing holds it open, and alert and the log are told. Nothing is told when nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rules.arrival import Explains, Forward, Overhead
from rules.entries import AssessDraft
from rules.events import Decision
from rules.explain import area_name, place
from rules.frozen import cut
from rules.matter import Above, Cause, Declared, Fact, Matter, MatterChanged, OpenMatters, levelled
from rules.policy import Policy
from rules.proposals import Proposals
from rules.record import Happening, LogLine, MatterSnapshot
from rules.registry import AreaKind
from rules.rule import DistrictsCondition
from rules.silence import Explanation, Explanations, explanation, is_silence, is_silent_over_limit
from rules.step import Stage

INDEX = "matters"
EXPLANATIONS = "explanations"
MATTER = "matter:"
"""The key of a fact that is itself a matter, under another key, begins so."""


class Docket:
    """The matters of the key whose step is being written."""

    def __init__(self, policy: Policy, draft: AssessDraft) -> None:
        self.policy = policy
        self.draft = draft
        self.changes: list[tuple[Matter | None, Matter]] = []

    @property
    def _index(self) -> OpenMatters:
        return self.draft.find(OpenMatters, INDEX) or OpenMatters()

    def get(self, matter: str) -> Matter | None:
        return self.draft.find(Matter, f"matter/{matter}")

    def kept(self) -> Iterator[Matter]:
        """Open ones first, the newest first within each, so that a join prefers what goes on now."""
        kept = [m for m in map(self.get, reversed(self._index.ids)) if m is not None]
        return iter(sorted(kept, key=lambda m: not m.open))

    def allowed(self, decision: Decision, level: str, scope: str) -> bool:
        """True if the delegation table lets this person decide this, at this level, for this scope."""
        scopes = tuple(self.policy.registry.ancestors(scope))
        who = decision.person or ""
        return self.policy.ladder.may(who, decision.by, decision.decision, level, scopes, self.draft.now)

    def named(self, decision: Decision) -> tuple[str, str]:
        """What the role that decides and its person are called."""
        return self.policy.called(decision.by), self.policy.called(decision.person)

    # --- joining ---------------------------------------------------------------------------------------------------

    def enter(self, cause: Cause, title: str, declared: Declared | None = None, into: Matter | None = None) -> Matter:
        """Puts the cause into the matter it belongs to (or `into` this one), opening or re-opening one if need be, and
        settles it. `declared`: an authority has decided this level, and the cause says so."""
        cause = self._explained(cause)
        joinable = (m for m in self.kept() if m.joined_into is None)
        known = into or next((m for m in joinable if self.belongs(cause, m)), None)
        matter = known if known is not None else self._open(cause, title)
        verb = "öppnar ärendet" if known is None else "hör till ärendet" if known.open else "öppnar ärendet igen"
        matter = matter.model_copy(
            update={
                "closed_at": None,
                "causes": (*matter.causes, cause),
            }
            | (declared.terms if declared is not None else {})
        )
        what = Happening.OPENED if known is None or not known.open else Happening.JOINED
        self.log(what, matter, f"{cause.because} Detta {verb}.", event=cause.facts[-1].event if cause.facts else None)
        return self.settle(self._widened(matter, cause), cause.message or cause.name)

    def belongs(self, cause: Cause, matter: Matter) -> bool:
        """Whether the cause is part of what the matter is about (semantics 10)."""
        if any(fact.key in matter.refs or matter.id in fact.refs for fact in cause.facts):
            return True
        if any(ref in matter.refs for fact in cause.facts for ref in fact.refs):
            return True
        if {f.asset for f in cause.facts if f.asset} & set(matter.assets):
            return True
        return bool(set(cause.families) & set(matter.families) or self._lacked(cause) & set(matter.functions))

    def _lacked(self, cause: Cause) -> set[str]:
        """The functions that somebody reports to be without, at an asset that needs them."""
        kinds = self.policy.registry.incident_kinds
        assets = self.policy.registry.assets
        return {
            lacks
            for f in cause.facts
            if f.kind in kinds
            and (lacks := kinds[f.kind].lacks)
            and f.asset in assets
            and lacks in assets[f.asset].needs
        }

    def _open(self, cause: Cause, title: str) -> Matter:
        index = self._index
        day = f"{self.draft.now:%Y%m%d}"
        lowest = self.policy.ladder.lowest
        matter = Matter(
            id=f"{self.draft.key}-{day}-{index.count + 1}",
            area=self.draft.key,
            title=title,
            opened_at=self.draft.now,
            changed_at=self.draft.now,
            areas=(),
            alert_level=lowest,
            declared_state=lowest,
            policy=self.policy.hash,
        )
        self.draft.put(INDEX, OpenMatters(ids=(*index.ids, matter.id), count=index.count + 1))
        return matter

    def split_off(self, cause: Cause, decided: dict[str, object]) -> Matter:
        """A new matter with this cause, and what was decided for its sake."""
        fact = cause.facts[0]
        title = cut(f"{cause.name}, {place(fact.asset, fact.areas, self.policy.registry)}", 300)
        matter = self._open(cause, title).model_copy(update={"causes": (cause,)} | decided)
        return self.settle(self._widened(matter, cause), cause.message or cause.name)

    def _widened(self, matter: Matter, cause: Cause) -> Matter:
        """The matter with the cause's places, assets, functions and families added; nothing is ever taken away."""
        facts = cause.facts
        return matter.model_copy(
            update={
                "areas": _added(matter.areas, (a for f in facts for a in f.areas)),
                "assets": _added(matter.assets, (f.asset for f in facts if f.asset)),
                "functions": _added(matter.functions, cause.functions),
                "families": _added(matter.families, cause.families),
                "refs": _added(matter.refs, (r for f in facts for r in (f.key, *f.refs)))[-REFS_KEPT:],
                "policy": self.policy.hash,
            }
        )

    # --- changing --------------------------------------------------------------------------------------------------

    def replace_cause(self, matter: Matter, cause: Cause, change: str) -> Matter:
        """The matter with this cause in place of the open one of the same id."""
        cause = self._explained(cause)
        causes = _kept(tuple(cause if c.id == cause.id and c.open else c for c in matter.causes))
        return self.settle(self._widened(matter.model_copy(update={"causes": causes}), cause), change)

    def take_over(self, matter: Matter, old: Cause, cause: Cause) -> Matter:
        """The matter with this cause in place of an open one that its rule had before it was edited: as grave, opened
        when that was, and decided as that was."""
        level = self.policy.ladder.highest_of((old.level, cause.level))
        danger = old.danger_to_life or cause.danger_to_life
        kept = {"level": level, "opened_at": old.opened_at, "danger_to_life": danger}
        cause = cause.model_copy(update=kept)
        causes = tuple(cause if c is old else c for c in matter.causes)
        proposals = tuple(
            p.model_copy(update={"causes": tuple(cause.once if c == old.once else c for c in p.causes)})
            for p in matter.proposals
        )
        said = f"Regeln «{cause.name}» är ändrad och gäller fortfarande. {cause.message}"
        self.log(Happening.JOINED, matter, said)
        matter = matter.model_copy(update={"causes": causes, "proposals": proposals})
        return self.settle(self._widened(matter, cause), said)

    def clear_cause(self, matter: Matter, identity: str, why: str) -> None:
        """The cause no longer holds. The last one closes the matter or, where a person decided, proposes to lower."""
        cause = matter.cause(identity)
        if cause is not None:
            self.log(Happening.CLEARED, matter, why)
            self.replace_cause(matter, cause.model_copy(update={"cleared_at": self.draft.now}), why)

    def settle(self, matter: Matter, change: str) -> Matter:
        """Computes what follows from the matter's causes and decisions, writes it down and tells whom it concerns."""
        before = self.get(matter.id)
        matter = Proposals(self.policy, self.draft.now, self.log).proposed(matter)
        matter = levelled(matter, self.policy.ladder, self.draft.now)
        matter = self._closed(matter)
        if before is not None and matter.model_copy(update={"changed_at": before.changed_at}) == before:
            return before
        self.draft.put(f"matter/{matter.id}", matter)
        self._log_level(before, matter)
        self._tell_the_city(before, matter)
        self._tell_below(before, matter)
        self.changes.append((before, matter))
        self.draft.emit(Stage.ALERT, matter.id, MatterChanged(matter=matter, change=change))
        self.draft.emit(Stage.RECORD, matter.id, MatterSnapshot(matter=matter))
        # Last, since it may change this very matter: what is told of it then must come after what is told now.
        self._explain_below(explanation(before, self.policy.registry), explanation(matter, self.policy.registry))
        return self.get(matter.id) or matter

    def _tell_the_city(self, before: Matter | None, matter: Matter) -> None:
        """A district's matter that reaches a level, or leaves it, is a fact for rules that count districts there
        (semantics 11)."""
        registry = self.policy.registry
        if registry.areas[self.draft.key].kind is not AreaKind.DISTRICT:
            return
        for leaf in self.policy.district_leaves:
            assert isinstance(leaf.condition, DistrictsCondition)
            was = before is not None and self.at_level(before, leaf.condition)
            present = self.at_level(matter, leaf.condition)
            if was != present:
                fact = self.level_fact(matter, leaf.condition.districts)
                forward = Forward(rule=leaf.rule.identity, path=leaf.path, group="", fact=fact, present=present)
                self.draft.emit(Stage.ASSESS, registry.city, forward)

    def _tell_below(self, before: Matter | None, matter: Matter) -> None:
        """Each matter that this one rests on is told what is decided here: it holds there too (semantics 13)."""
        was = below(before) if before is not None and before.open else {}
        now = below(matter) if matter.open else {}
        told = before is not None and (before.declared_state, before.title) == (matter.declared_state, matter.title)
        for child, area in now.items():
            if child not in was or not told:
                self.draft.emit(Stage.ASSESS, area, Overhead(child=child, above=self.above(matter), part=True))
        for child, area in was.items():
            if child not in now:
                self.draft.emit(Stage.ASSESS, area, Overhead(child=child, above=self.above(matter), part=False))

    # --- silence -----------------------------------------------------------------------------------------------------

    def _explain_below(self, was: Explanation | None, now: Explanation | None) -> None:
        """Tells each key that the matter explains silence in, or no longer does."""
        told = now or was
        if was == now or told is None:
            return
        before = self._touched(was)
        for home in self._touched(now) | before:  # dicts, so that the order is the same in every process
            over = now is None or home not in self._touched(now)
            if home == self.draft.key:
                self.explained(told, over=over)
            else:
                self.draft.emit(Stage.ASSESS, home, Explains(explanation=told, over=over))

    def _touched(self, found: Explanation | None) -> dict[str, None]:
        """The keys of the places that an explanation is about, in their own order."""
        registry = self.policy.registry
        places = found.areas if found is not None else ()
        districts = {registry.district(place) for place in places}
        touched = [h for h in self.policy.homes if h in districts or (None in districts)]
        return dict.fromkeys(touched)

    def explained(self, explanation: Explanation, *, over: bool) -> None:
        """Silence here has an explanation, or has lost it: what is silent is looked at anew."""
        known = self.draft.find(Explanations, EXPLANATIONS) or Explanations()
        others = tuple(e for e in known.found if e.matter != explanation.matter)
        found = others if over else (*others, explanation)
        if found == known.found:
            return
        self.draft.put(EXPLANATIONS, Explanations(found=found))
        for matter in list(self.kept()):
            self._look_anew(matter, explanation)

    def _look_anew(self, matter: Matter, told: Explanation) -> None:
        anew = {c.once: self._explained(c) for c in matter.open_causes}
        changed = [c for c in matter.open_causes if anew[c.once].explained_by != c.explained_by]
        if not changed:
            return
        why = f"Tystnaden förklaras av {told.title} ({told.matter})."
        if any(anew[c.once].explained_by is None for c in changed):
            silent = cut(" ".join(c.message for c in changed[:5]), 1000)
            why = f"{told.title} förklarar inte längre tystnaden, och givarna hörs ännu inte: {silent}"
        self.log(Happening.NOTICED, matter, why)
        causes = tuple(anew.get(c.once, c) for c in matter.causes)
        self.settle(matter.model_copy(update={"causes": causes}), why)

    def _explained(self, cause: Cause) -> Cause:
        """The cause with what explains its silence, and the reference by which it joins that matter."""
        over_limit = is_silent_over_limit(cause)
        if not (over_limit or is_silence(cause)) or not cause.open:
            return cause
        known = self.draft.find(Explanations, EXPLANATIONS) or Explanations()
        found = known.of(cause, self.policy.registry)
        name = found.matter if found is not None else None
        if name is not None:
            facts = tuple(f.model_copy(update={"refs": _added(f.refs, (name,))}) for f in cause.facts)
            cause = cause.model_copy(update={"facts": facts})
        return cause if over_limit else cause.model_copy(update={"explained_by": name})

    @staticmethod
    def above(matter: Matter) -> Above:
        return Above(matter=matter.id, title=matter.title, area=matter.area, level=matter.declared_state)

    def overhead(self, message: Overhead) -> None:
        """A matter here is part of one at a wider area, or no longer is; or something was decided there."""
        matter = self.get(message.child)
        if matter is None:
            return
        others = tuple(a for a in matter.above if a.matter != message.above.matter)
        above = (*others, message.above) if message.part else others
        if above == matter.above:
            return
        matter = matter.model_copy(update={"above": above})
        if not matter.open:
            self.draft.put(f"matter/{matter.id}", matter)
            return
        where = area_name(message.above.area, self.policy.registry)
        if message.part and message.above.level != self.policy.ladder.lowest:
            said = f"{message.above.level} är beslutat för {where}: {message.above.title}."
        elif message.part:
            said = f"Ärendet är en del av {message.above.title} ({message.above.matter})."
        else:
            said = f"Ärendet är inte längre en del av {message.above.title} ({message.above.matter})."
        self.log(Happening.JOINED, matter, said)
        self.settle(matter, said)

    def at_level(self, matter: Matter, condition: DistrictsCondition) -> bool:
        level = matter.declared_state if condition.declared else matter.alert_level
        ladder = self.policy.ladder
        return matter.open and ladder.rank(level) >= ladder.rank(condition.districts)

    def level_fact(self, matter: Matter, level: str) -> Fact:
        return Fact(
            key=f"{MATTER}{matter.id}",
            said=cut(f"{level} i {area_name(matter.area, self.policy.registry)}: {matter.title}", 500),
            at=self.draft.now,
            areas=(matter.area,),
            different=matter.area,
        )

    def _log_level(self, before: Matter | None, matter: Matter) -> None:
        if matter.joined_into is not None:
            self.log(Happening.CLOSED, matter, f"Ärendet är avslutat här och fortsätter i {matter.joined_into}.")
            return
        was = before.alert_level if before else self.policy.ladder.lowest
        if matter.alert_level != was:
            self.log(Happening.LEVEL, matter, f"Larmnivå {was} → {matter.alert_level}.")
        if before is not None and matter.declared_state != before.declared_state:
            self.log(Happening.LEVEL, matter, f"Beslutat läge {before.declared_state} → {matter.declared_state}.")
        if not matter.open:
            self.log(Happening.CLOSED, matter, "Ärendet är avslutat: inga orsaker kvarstår.")

    def _closed(self, matter: Matter) -> Matter:
        """Closed when no cause holds, nothing is decided and nobody is asked to decide."""
        lowest = self.policy.ladder.lowest
        waiting = matter.proposal is not None and matter.proposal.pending
        if matter.open and not matter.open_causes and matter.declared_state == lowest and not waiting:
            keep = self.draft.now + self.policy.settings.reopen_within
            self.draft.wake(f"forget|{matter.id}", keep)
            return matter.model_copy(update={"closed_at": self.draft.now})
        return matter

    def forget(self, matter: str) -> None:
        """Drops a closed matter from the state once it can no longer be opened again; its log stays."""
        known = self.get(matter)
        if known is None or known.closed_at is None:
            return
        if known.closed_at + self.policy.settings.reopen_within > self.draft.now + timedelta(seconds=1):
            return
        index = self._index
        self.draft.put(INDEX, index.model_copy(update={"ids": tuple(i for i in index.ids if i != matter)}))
        self.draft.drop(f"matter/{matter}")

    def log(
        self, what: Happening, matter: Matter, said: str, person: str | None = None, event: str | None = None
    ) -> None:
        line = LogLine(
            at=self.draft.now,
            what=what,
            said=cut(said),
            matter=matter.id,
            area=matter.area,
            person=person,
            event=event,
        )
        self.draft.emit(Stage.RECORD, matter.id, line)


def below(matter: Matter) -> dict[str, str]:
    """The matters that this one's open causes rest on, with the key that each lies under."""
    facts = (f for c in matter.open_causes for f in c.facts if f.key.startswith(MATTER))
    return {f.key.removeprefix(MATTER): f.different for f in facts}


def opened_with(matter: Matter, other: Matter) -> Matter:
    """The matter with the other's places, assets, functions, families and references added."""
    return matter.model_copy(
        update={
            "areas": _added(matter.areas, other.areas),
            "assets": _added(matter.assets, other.assets),
            "functions": _added(matter.functions, other.functions),
            "families": _added(matter.families, other.families),
            "refs": _added(matter.refs, (*other.refs, other.id))[-REFS_KEPT:],
        }
    )


def _added(known: tuple[str, ...], more: Iterator[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


REFS_KEPT = 200
CLEARED_KEPT = 20


def _kept(causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """All open causes and the newest of the cleared ones; the log keeps the rest."""
    cleared = [c for c in causes if not c.open][-CLEARED_KEPT:]
    return tuple(c for c in causes if c.open or c in cleared)
