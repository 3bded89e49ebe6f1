"""What an outside authority has declared, registered by persons.

Höjd beredskap is never proposed. It exists once so many different persons have registered the Government's decision
with its reference (semantics 14), as a matter of its own, so that lifting it falls back by itself. Its grade and
territory are attributes of that matter. A decision for another part of the country only is known and told, and changes
no level here.
"""

from __future__ import annotations

from rules.docket import Docket
from rules.events import Decision, Verdict
from rules.explain import uncapitalised
from rules.ladder import Action, Addressee, Entered
from rules.matter import Cause, Declared, Fact, Matter
from rules.record import Happening, LogLine
from rules.step import Stage
from rules.trackers import Registered

TIB = "tib"
"""The role that every profile has, and that is told what no other is."""


def register(docket: Docket, decision: Decision, event: str) -> tuple[str | None, Matter | None, int]:
    """Registers an authority's decision for one person. Returns why it was not allowed; the matter once enough
    different persons have registered the same reference; and how many have."""
    ladder, draft = docket.policy.ladder, docket.draft
    level = decision.level or ""
    refusal = _registrable(docket, decision, level)
    if refusal:
        return refusal, None, 0
    key = f"registered/{decision.decision}/{level}/{_name(decision)}"
    known = draft.find(Registered, key) or Registered(persons=frozenset(), reference=decision.reference or "")
    if decision.person in known.persons:
        return None, None, len(known.persons)  # the same person twice is one person
    persons = known.persons | {decision.person or ""}
    needed = ladder[level].confirmed_by
    _log_registration(docket, decision, event, len(persons), needed)
    matter = docket.get(known.matter) if known.matter else None
    if not known.done and len(persons) >= needed:
        declares = decision.decision is Verdict.DECLARE
        matter = _declared(docket, decision, event, len(persons)) if declares else _lifted(docket, decision)
    found = {"persons": persons, "done": len(persons) >= needed, "matter": matter.id if matter else known.matter}
    draft.put(key, known.model_copy(update=found))
    # What has been lifted since is over: another registration of the old reference brings nothing back.
    stands = matter is not None and matter.open and matter.declared_state == level
    return None, matter if stands or (decision.decision is Verdict.LIFT and not known.done) else None, len(persons)


def _name(decision: Decision) -> str:
    """The reference, and what else the decision says: two persons confirm the same only if they say the same."""
    said = (decision.grade or "", decision.territory, "annan del av landet" if decision.elsewhere else "")
    return "|".join((decision.reference or "", *said)).rstrip("|")


WHAT = {Verdict.DECLARE: "gäller", Verdict.LIFT: "upphävs"}


def _terms(decision: Decision) -> str:
    """Grade and territory in words, as far as the decision says them."""
    where = decision.territory or ("en annan del av landet" if decision.elsewhere else "")
    said = [f"graden {decision.grade}" if decision.grade else "", where]
    return "".join(f", {x}" for x in said if x)


def _log_registration(docket: Docket, decision: Decision, event: str, persons: int, needed: int) -> None:
    what = f"beslut {decision.reference} av {decision.by}: {decision.level} {WHAT[decision.decision]}{_terms(decision)}"
    line = LogLine(
        at=docket.draft.now,
        what=Happening.DECIDED,
        said=f"{docket.named(decision)[1]} registrerade {what} ({persons} av minst {needed}).",
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
        return f"{level} beslutas av {ladder[level].by}, inte av {uncapitalised(docket.policy.called(decision.by))}."
    if decision.grade is not None and decision.grade not in ladder[level].grades:
        known = " eller ".join(ladder[level].grades) or "inga grader"
        return f"{level} har inte graden {decision.grade!r}; profilen känner {known}."
    city = docket.policy.registry.city
    may = any(
        d.level == level and decision.person in d.persons and decision.decision in d.may and city in d.scope
        for d in ladder.delegations
        if d.valid_at(docket.draft.now)
    )
    return None if may else f"{docket.named(decision)[1]} får inte registrera {level}."


def _reference(level: str, reference: str | None) -> str:
    return f"declared|{level}|{reference}"


def _declared(docket: Docket, decision: Decision, event: str, persons: int) -> Matter:
    """A matter of the declared level, with its grade and territory. One that concerns only another part of the country
    is a matter that `tib` is to know of, and raises nothing."""
    ladder, now = docket.policy.ladder, docket.draft.now
    level = decision.level or ""
    what = f"{level}{_terms(decision)} ({decision.reference})"
    said = f"{decision.by} har beslutat {what}, registrerat av {persons} personer."
    if decision.elsewhere:
        said += " Beslutet gäller inte här; läget är oförändrat."
    fact = Fact(key=_reference(level, decision.reference), said=said, at=now, event=event, kind=level)
    cause = Cause(
        id=fact.key,
        rule="decision",
        name=f"{ladder[level].name}: {decision.by}",
        level=ladder.lowest if decision.elsewhere else level,
        because=said,
        facts=(fact,),
        action=Action.INFORM,
        notify=(Addressee(role=TIB),) if decision.elsewhere else (),
        message=said,
        policy=docket.policy.hash,
        opened_at=now,
    )
    here = None if decision.elsewhere else level
    declared = Declared(level=here, grade=decision.grade, territory=decision.territory)
    return docket.enter(cause, cause.name, declared)


def _lifted(docket: Docket, decision: Decision) -> Matter | None:
    """Ends every matter of this level: the authority says that the state is over."""
    level, ended = decision.level or "", None
    for matter in [m for m in docket.kept() if m.open and _about(m, level)]:
        said = f"{decision.by} har upphävt {level} ({decision.reference})."
        docket.log(Happening.DECIDED, matter, said, person=decision.person)
        now, lowest = docket.draft.now, docket.policy.ladder.lowest
        causes = tuple(c if not c.open else c.model_copy(update={"cleared_at": now}) for c in matter.causes)
        ended = docket.settle(matter.model_copy(update={"causes": causes, "declared_state": lowest}), said)
    return ended


def _about(matter: Matter, level: str) -> bool:
    """True if the matter is of what an authority has declared, here or elsewhere."""
    return matter.declared_state == level or any(c.id.startswith(_reference(level, "")) for c in matter.open_causes)
