"""Matters that belong together although they lie in different areas: a parent above them, at the city's key.

Theory (semantics 10, 11). Every key forwards to the city's what its matters are: opened, changed, closed, with
the signs by which they are known (rules.kin). The city joins no matters; it puts one above them:

    two matters share a sign, one of them the city's own  -> that one is the parent
    two matters of districts share a sign                 -> a parent is opened, or the one that either has takes both
    every child is closed                                 -> the parent's cause is over
    a child is opened again                               -> so is the parent's cause, in the matter it was in

The parent's cause names the children and orders nobody's work anew: it asks for coordination, and the children keep
whoever is responsible. A level is decided in each; what is decided in the parent holds in the children (rules.docket).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rules.arrival import Kin
from rules.docket import MATTER, Docket, below
from rules.entries import AssessDraft
from rules.explain import area_name
from rules.frozen import cut
from rules.kin import KnownKin, Sign, signs
from rules.ladder import Action
from rules.matter import Cause, Fact, Matter
from rules.policy import Policy
from rules.step import Stage

TOGETHER = "together"
"""The rule that a parent's cause names: none of the profile's."""


class Kinship:
    """What the key whose step is being written has to do with matters of other areas."""

    def __init__(self, policy: Policy, draft: AssessDraft, docket: Docket) -> None:
        self.policy = policy
        self.registry = policy.registry
        self.draft = draft
        self.docket = docket

    # --- upward ------------------------------------------------------------------------------------------------------

    def forward(self) -> None:
        """Tells the city's key what the step's changes of matters mean for those who may belong with them."""
        if len(self.policy.homes) < 2:
            return
        done = 0
        while done < len(self.docket.changes):
            before, matter = self.docket.changes[done]
            done += 1
            kin = self._news(before, matter)
            if kin is not None and self.draft.key == self.registry.city:
                self.heard(kin)
            elif kin is not None:
                self.draft.emit(Stage.ASSESS, self.registry.city, kin)

    def _news(self, before: Matter | None, matter: Matter) -> Kin | None:
        known = signs(before, self.registry)
        fresh = signs(matter, self.registry) - known
        was = before is not None and before.open
        fact = self._fact(matter)
        same = before is not None and self._fact(before).model_copy(update={"at": fact.at}) == fact
        if (was, fresh) == (matter.open, frozenset()) and (same or not matter.open):
            return None
        return Kin(matter=matter.id, area=matter.area, fact=fact, open=matter.open, signs=tuple(sorted(fresh)))

    def _fact(self, matter: Matter) -> Fact:
        level = "" if matter.alert_level == self.policy.ladder.lowest else f" ({matter.alert_level})"
        return Fact(
            key=f"{MATTER}{matter.id}",
            said=cut(f"{matter.title}{level}, ärende {matter.id}", 500),
            at=self.draft.now,
            areas=(matter.area,),
            different=matter.area,
            danger_to_life=matter.danger_to_life,
        )

    # --- at the city's key -------------------------------------------------------------------------------------------

    def heard(self, kin: Kin) -> None:
        """A matter has opened, changed or closed somewhere."""
        known = self.draft.find(KnownKin, f"kin/{kin.matter}")
        if not kin.open:
            self._over(kin.matter, known)
            return
        fresh = tuple(s for s in kin.signs if known is None or s not in known.signs)
        related = {m for sign in fresh for m in self._carriers(sign) if self._lies_elsewhere(m, kin.area)}
        self._keep(kin, known, fresh)
        parent = self._parent(kin.matter)
        if parent is not None and (known is None or known.fact.said != kin.fact.said or parent.open is False):
            self._named(parent, [kin.fact])
        if related:
            self._together({kin.matter, *related})

    def _lies_elsewhere(self, matter: str, area: str) -> bool:
        """True if the matter is of another key: of one key, it is for its own docket to say what is one matter."""
        known = self.draft.find(KnownKin, f"kin/{matter}")
        return known is not None and known.area != area

    def _carriers(self, sign: str) -> tuple[str, ...]:
        entry = self.draft.find(Sign, f"sign/{sign}")
        return entry.matters if entry is not None else ()

    def _keep(self, kin: Kin, known: KnownKin | None, fresh: tuple[str, ...]) -> None:
        for sign in fresh:
            self.draft.put(f"sign/{sign}", Sign(matters=(*self._carriers(sign), kin.matter)))
        carried = (*(known.signs if known is not None else ()), *fresh)
        self.draft.put(f"kin/{kin.matter}", KnownKin(area=kin.area, fact=kin.fact, signs=carried))

    def _over(self, matter: str, known: KnownKin | None) -> None:
        for sign in known.signs if known is not None else ():
            left = tuple(m for m in self._carriers(sign) if m != matter)
            if left:
                self.draft.put(f"sign/{sign}", Sign(matters=left))
            else:
                self.draft.drop(f"sign/{sign}")
        self.draft.drop(f"kin/{matter}")
        parent = self._parent(matter)
        for cause in _together_causes(parent) if parent is not None else ():
            if parent is not None and cause.open and not any(self._is_open(f) for f in cause.facts):
                self.docket.clear_cause(parent, cause.id, "Alla ärenden som hör ihop är avslutade.")

    def _is_open(self, fact: Fact) -> bool:
        return self.draft.find(KnownKin, f"kin/{fact.key.removeprefix(MATTER)}") is not None

    # --- the parent --------------------------------------------------------------------------------------------------

    def _parent(self, child: str) -> Matter | None:
        """The matter whose cause names this child, or named it when it was last open."""
        key = f"{MATTER}{child}"
        found = (m for m in self.docket.kept() for c in m.causes if c.rule == TOGETHER)
        return next((m for m in found if any(f.key == key for c in _together_causes(m) for f in c.facts)), None)

    def _together(self, group: set[str]) -> None:
        """Puts one matter above those of the group."""
        known = {m: k for m in sorted(group) if (k := self.draft.find(KnownKin, f"kin/{m}")) is not None}
        children = {m: k.fact for m, k in known.items() if k.area != self.registry.city}
        tops = list(self._tops(known, children))
        if not children or len(children) + len(tops) < 2:
            return
        for other in tops[1:]:
            children |= self._given_up(other, tops[0])
        top = self.docket.get(tops[0].id) if tops else None
        facts = [f for m, f in children.items() if top is None or m not in below(top)]
        if facts:
            self._named(top, facts)

    def _tops(self, known: dict[str, KnownKin], children: Iterable[str]) -> Iterator[Matter]:
        """The matters that could be above: parents first, then the city's own, the oldest first."""
        parents = {p.id: p for c in children if (p := self._parent(c)) is not None and p.open}
        own = {m: found for m in known if m not in parents and (found := self.docket.get(m)) is not None}
        for found_ in (parents, own):
            yield from sorted((m for m in found_.values() if m.open), key=lambda m: (m.opened_at, m.id))

    def _given_up(self, other: Matter, top: Matter) -> dict[str, Fact]:
        """The children of a second parent go to the first."""
        cause = _open_cause(self.docket.get(other.id))
        if cause is None:
            return {}
        why = f"Ärendena samordnas i {top.title} ({top.id})."
        self.docket.clear_cause(other, cause.id, why)
        return {f.key.removeprefix(MATTER): f for f in cause.facts if self._is_open(f)}

    def _named(self, parent: Matter | None, facts: list[Fact]) -> None:
        """The parent's cause names these matters too, opened or opened again if need be."""
        known = _open_cause(parent)
        new = {f.key: f for f in facts}
        kept = tuple(new.pop(f.key, f) for f in (known.facts if known is not None else ()))
        cause = self._cause((*kept, *new.values()), known)
        if parent is not None and known is not None:
            self.docket.replace_cause(parent, cause, cause.message)
        else:
            title = cut("Hör ihop: " + "; ".join(_title(f) for f in cause.facts[:3]), 300)
            self.docket.enter(cause, title, into=parent)

    def _cause(self, facts: tuple[Fact, ...], known: Cause | None) -> Cause:
        said = "; ".join(cut(f.said, 200) for f in facts[:10])
        where = ", ".join(dict.fromkeys(area_name(a, self.registry) for f in facts for a in f.areas))
        return Cause(
            id=known.id if known is not None else f"{TOGETHER}|{facts[0].key.removeprefix(MATTER)}",
            rule=TOGETHER,
            name="Ärenden som hör ihop",
            level=self.policy.ladder.lowest,
            because=cut(f"Samma anläggning, samma behov eller uppgifter som hänvisar till varandra: {said}.", 2000),
            facts=facts,
            count=len(facts),
            action=Action.COORDINATE,
            message=cut(f"Ärenden i flera områden hör ihop ({where}): {said}. Var och en behåller sitt ansvar.", 1500),
            danger_to_life=any(f.danger_to_life for f in facts),
            policy=self.policy.hash,
            opened_at=known.opened_at if known is not None else self.draft.now,
        )


def _together_causes(matter: Matter) -> Iterator[Cause]:
    return (c for c in matter.causes if c.rule == TOGETHER)


def _open_cause(matter: Matter | None) -> Cause | None:
    return next((c for c in matter.open_causes if c.rule == TOGETHER), None) if matter is not None else None


def _title(fact: Fact) -> str:
    return fact.said.rsplit(", ärende ", 1)[0]
