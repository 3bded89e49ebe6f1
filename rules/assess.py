"""STAGE 1: what is happening, and at which level. Key: an area (a district, or the city).

Theory. Every event becomes *facts* (rules.trackers). A fact belongs to a condition and a group; the group's owner is
the
key of its area, or the city's for a rule without `each`. Facts of another owner are forwarded there. When a group's
facts make its rule hold, the rule gets an *instance*, and its cause enters a matter (rules.docket). An incident that no
rule answers for still opens a matter, since whoever is responsible every day must know of it.

    fact present ---> leaf ---> rule holds? --yes--> instance --> cause in a matter
    fact gone (positively) --> `until` holds, or all facts gone for the hold time --> cause cleared

Nothing here asks who is to be told: that is alert's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import assert_never

from rules.arrival import Begun, Explains, Forward, Kin, Overhead, Reloaded, Reported, Resumption
from rules.decisions import decide
from rules.docket import Docket
from rules.entries import AssessDraft, Entry, OutputMessage
from rules.events import (
    Acknowledgement,
    Decision,
    EventKind,
    Incident,
    Readings,
    Verdict,
    Warning,
    Warnings,
)
from rules.facts import incident_fact, severity_of, wanted, warning_fact
from rules.frozen import cut
from rules.instances import Instances
from rules.kinship import Kinship
from rules.matter import Cause, Fact, Matter
from rules.policy import LeafRef, Policy
from rules.record import Happening, LogLine
from rules.registration import register
from rules.reload import Reload
from rules.rule import DecisionCondition, IncidentsCondition, WarningCondition
from rules.screen import Screen
from rules.sensing import Sensing
from rules.step import Draft, Stage, State, Step, TimerDue
from rules.trackers import RESUMED, EndedIncident, KnownIncident, KnownWarning, Resumed

Message = Reported | Forward | Begun | Kin | Explains | Overhead | Resumption | Reloaded | TimerDue
ENDED_KEPT = timedelta(days=1)
"""How long the end of an incident is remembered, for reports of its beginning that were delayed on the way."""


def step(policy: Policy, state: State[Entry], message: Message, now: datetime) -> Step[Entry, OutputMessage]:
    """Applies one message. Pure: equal arguments give an equal Step. A message that came before changes nothing."""
    assessment = _Assessment(policy, Draft(state, now))
    match message:
        case Reported():
            assessment.report(message)
        case Forward():
            assessment.instances.forwarded(message)
        case Begun():
            assessment.begun(message)
        case Kin():
            assessment.kinship.heard(message)
        case Explains():
            assessment.docket.explained(message.explanation, over=message.over)
        case Overhead():
            assessment.docket.overhead(message)
        case Resumption():
            assessment.draft.put(RESUMED, Resumed(at=now))
        case Reloaded():
            assessment.reload.reloaded(message)
        case TimerDue():
            assessment.timer(message)
        case _:
            assert_never(message)
    for rule, group in assessment.instances.begun:
        assessment.sensing.begun(rule, group)
    for leaf, sensor in assessment.instances.unknown:
        assessment.sensing.unknown(leaf, sensor)
    assessment.kinship.forward()
    assessment.screen.close()
    return assessment.draft.step()


class _Assessment:
    """One step of assess being written."""

    def __init__(self, policy: Policy, draft: AssessDraft) -> None:
        self.policy = policy
        self.registry = policy.registry
        self.draft = draft
        self.docket = Docket(policy, draft)
        self.kinship = Kinship(policy, draft, self.docket)
        self.screen = Screen(policy, draft)
        self.instances = Instances(policy, draft, self.docket, self.screen)
        self.sensing = Sensing(self.instances, self.screen, draft)
        self.reload = Reload(policy, draft, self.docket, self.instances, self.sensing)

    def begun(self, message: Begun) -> None:
        rule = self.policy.by_identity.get(message.rule)
        if rule is not None:
            self.sensing.begun(rule, "")

    def report(self, message: Reported) -> None:
        event = message.event
        for flag in message.flags:
            self._note(f"{flag} ({event.source} {event.id})", event.id)
        match event.payload:
            case Readings(readings=readings):
                self.sensing.take(readings, event)
            case Incident():
                self._incident(event.payload, message)
            case Warnings():
                self._warnings(event.payload, message)
            case Decision():
                self._decision(event.payload, event.id)
            case Acknowledgement():
                pass  # alert's; the door never sends one here
            case _:
                assert_never(event.payload)

    # --- incidents -------------------------------------------------------------------------------------------------

    def _incident(self, incident: Incident, message: Reported) -> None:
        ref = f"{message.event.source}|{incident.ref or message.event.id}"
        key = f"incident/{ref}"
        known = self.draft.find(KnownIncident, key)
        if incident.status == "closed":
            self._incident_over(ref, known, message)
            return
        fact = incident_fact(self.registry, ref, incident, message)
        leaves = [
            leaf
            for leaf in self.policy.matching(EventKind.INCIDENT, incident.kind, self.draft.key)
            if self.policy.applies(leaf, message.areas) and self._counts(leaf, fact)
        ]
        counted = self.instances.count(leaves, fact, message.areas)
        if known is not None:  # after the new ones, so that a correction is never a moment without a cause
            self.instances.uncount(tuple(c for c in known.counted_in if c not in counted), known.fact)
        self.draft.put(key, KnownIncident(fact=fact, counted_in=counted))
        unanswered = not self._answered_for(fact.key) and not any(self._answers_elsewhere(leaf) for leaf in leaves)
        if unanswered or self._everyday_matter(fact) is not None:
            self._everyday(fact)
        elif known is not None and known.fact.said != fact.said:
            self._note(f"Ny uppgift: {fact.said}", message.event.id)
        self._already_over(ref, message)

    def _incident_over(self, ref: str, known: KnownIncident | None, message: Reported) -> None:
        self._over_elsewhere(message, known=message.known or known is not None)
        until = self.draft.now + ENDED_KEPT
        self.draft.put(f"ended/{ref}", EndedIncident(ended_at=message.event.time, until=until))
        self.draft.wake(f"ended/{ref}", until)
        if known is not None:
            self._over_here(ref, known)

    def _over_here(self, ref: str, known: KnownIncident) -> None:
        self.draft.drop(f"incident/{ref}")
        self.instances.uncount(known.counted_in, known.fact)
        for matter in list(self.docket.kept()):
            self.docket.clear_cause(matter, f"everyday|{known.fact.key}", f"Över: {known.fact.said}.")

    def _already_over(self, ref: str, message: Reported) -> None:
        """What began before it was said to be over acts, however late it comes (semantics 7), and is over."""
        ended = self.draft.find(EndedIncident, f"ended/{ref}")
        known = self.draft.find(KnownIncident, f"incident/{ref}")
        if ended is not None and known is not None and message.event.time < ended.ended_at:
            self._note(f"Rapporten kom efter beskedet att det är över: {known.fact.said}", message.event.id)
            self._over_here(ref, known)

    def _forget_ended(self, name: str) -> None:
        ended = self.draft.find(EndedIncident, name)
        if ended is not None and ended.until <= self.draft.now:
            self.draft.drop(name)

    def _counts(self, leaf: LeafRef, fact: Fact) -> bool:
        return isinstance(leaf.condition, IncidentsCondition) and wanted(leaf.condition, fact, self.registry)

    def _over_elsewhere(self, message: Reported, *, known: bool) -> None:
        """The next key is asked too, whether or not this one knew: a report moved to another place is known in both.
        The last one says so if nobody knew."""
        asked = (*message.asked, self.draft.key)
        following = next((home for home in self.policy.homes if home not in asked), None)
        if following is not None:
            further = message.model_copy(update={"asked": asked, "known": known, "flags": ()})
            self.draft.emit(Stage.ASSESS, following, further)
        elif not known:
            self._note("Rapport om att något är över som inte är känt här", message.event.id)

    def _everyday(self, fact: Fact) -> None:
        """No rule answers for this incident: its matter goes to whoever is responsible for such things every day."""
        name = self.registry.incident_kinds[fact.kind].name if fact.kind in self.registry.incident_kinds else fact.kind
        cause = Cause(
            id=f"everyday|{fact.key}",
            rule="everyday",
            name=name,
            level=self.policy.ladder.lowest,
            because=f"Rapporterat: {fact.said}. Ingen regel gäller; ansvarig i vardagen larmas.",
            facts=(fact,),
            functions=self.instances.causes.functions((fact,)),
            families=self.instances.causes.families((fact,)),
            message=fact.said[:1].upper() + fact.said[1:] + ".",
            reported=True,
            danger_to_life=fact.danger_to_life,
            policy=self.policy.hash,
            opened_at=self.draft.now,
        )
        known = self._everyday_matter(fact)
        if known is None:
            self.docket.enter(cause, self.instances.causes.title(name, fact))
        else:
            self.docket.replace_cause(known, cause, cause.message)

    def _everyday_matter(self, fact: Fact) -> Matter | None:
        return next((m for m in self.docket.kept() if m.cause(f"everyday|{fact.key}")), None)

    @staticmethod
    def _answers_elsewhere(leaf: LeafRef) -> bool:
        """True if the fact alone makes a city-wide rule hold: then its matter is opened under the city's key."""
        condition = leaf.condition
        alone = isinstance(condition, IncidentsCondition) and condition.at_least == 1 and condition.open_for is None
        return leaf.rule.wide and not leaf.lowers and alone and leaf.rule.rule.when is leaf.condition

    def _answered_for(self, key: str) -> bool:
        """True if some open cause here rests on the fact."""
        return any(f.key == key for m in self.docket.kept() for c in m.open_causes for f in c.facts)

    # --- warnings --------------------------------------------------------------------------------------------------

    def _warnings(self, warnings: Warnings, message: Reported) -> None:
        """Takes what a feed says; with a complete list, what is missing from it has ended (semantics 17)."""
        for warning in warnings.warnings:
            self._warning(warning, warnings.feed, message)
        if warnings.complete:
            listed = {f"warning/{warnings.feed}|{w.identifier}" for w in warnings.warnings}
            for key in self.draft.keys("warning/"):
                known = self.draft.find(KnownWarning, key)
                if known is not None and known.feed == warnings.feed and key not in listed:
                    self._warning_over(key, self._vanished(known))

    def _warning(self, warning: Warning, feed: str, message: Reported) -> None:
        for replaced in warning.replaces:
            if replaced != warning.identifier:
                self._warning_ended(f"warning/{feed}|{replaced}", replaced=True)
        key = f"warning/{feed}|{warning.identifier}"
        if warning.ended:
            self._warning_ended(key)
            return
        areas = tuple(a for a in warning.areas if a in self.registry.areas)
        fact = warning_fact(self.registry, warning, feed, areas, message)
        known = self.draft.find(KnownWarning, key)
        if known is not None:
            # The same warning told again: when it was told is no news, unless the warning itself says a new time.
            same = {"event": fact.event} if warning.starts else {"event": fact.event, "at": fact.at}
            if known.fact.model_copy(update=same) == fact:
                return
        leaves = [
            leaf
            for leaf in self.policy.warning_leaves(warning.kind, self.draft.key)
            if self.policy.applies(leaf, areas) and self._covers(leaf, warning)
        ]
        counted = self.instances.count(leaves, fact, areas) if areas else ()
        if known is not None:  # after the new ones, so that an update is never a moment without a warning
            self.instances.uncount(tuple(c for c in known.counted_in if c not in counted), known.fact)
        self.draft.put(key, KnownWarning(feed=feed, fact=fact, counted_in=counted))
        self.instances.uncount(tuple(self._ended_in(fact)), fact)  # what has been told anew has not ended

    @staticmethod
    def _covers(leaf: LeafRef, warning: Warning) -> bool:
        condition = leaf.condition
        return isinstance(condition, WarningCondition) and condition.covers(warning.severity) and not condition.ended

    def _warning_ended(self, key: str, *, replaced: bool = False) -> None:
        known = self.draft.find(KnownWarning, key)
        if known is not None:
            self._warning_over(key, known, replaced=replaced)

    def _vanished(self, known: KnownWarning) -> KnownWarning:
        """A warning that is no longer listed has ended, and lowers no level by itself: what raised one stays until a
        person has decided (semantics 17)."""
        lowest = self.policy.ladder.lowest
        everyday = tuple(c for c in known.counted_in if self._level_of(c[0]) == lowest)
        return known.model_copy(update={"counted_in": everyday})

    def _level_of(self, identity: str) -> str | None:
        rule = self.policy.by_identity.get(identity)
        return rule.level if rule is not None else None

    def _warning_over(self, key: str, known: KnownWarning, *, replaced: bool = False) -> None:
        self.draft.drop(key)
        self._note(f"Varningen har upphört: {known.fact.said}", known.fact.event)
        self.instances.uncount(known.counted_in, known.fact)
        fact = known.fact.model_copy(update={"said": cut(f"Upphört: {known.fact.said}", 1000), "at": self.draft.now})
        for identity, path, group in self._ended_in(known.fact):
            leaf = self.instances.leaf(identity, path)
            if leaf is None or (replaced and not leaf.lowers):
                continue
            self.instances.fact(leaf, group, fact, present=True)
            if not leaf.lowers:  # that it ended is told once, and is over when it has stood for the hold time
                self.instances.fact(leaf, group, fact, present=False)

    def _ended_in(self, fact: Fact) -> Iterator[tuple[str, str, str]]:
        """The conditions that ask whether such a warning has ended, in their groups."""
        for leaf in self.policy.warning_leaves(fact.kind, self.draft.key) if fact.areas else ():
            condition = leaf.condition
            asks = isinstance(condition, WarningCondition) and condition.ended and condition.covers(severity_of(fact))
            if asks and self.policy.applies(leaf, fact.areas):
                for group in self.instances.tally.group(leaf.rule, fact.areas, None):
                    yield leaf.rule.identity, leaf.path, group

    # --- decisions -------------------------------------------------------------------------------------------------

    def _decision(self, decision: Decision, event: str) -> None:
        if decision.decision in (Verdict.DECLARE, Verdict.LIFT):
            refusal, matter, persons = register(self.docket, decision, event)
            if matter is not None:
                self._declared(decision, matter, persons, event)
        else:
            refusal = decide(self.docket, decision, event)
        if refusal:
            line = LogLine(
                at=self.draft.now,
                what=Happening.REFUSED,
                said=refusal,
                matter=decision.matter,
                area=self.draft.key,
                person=decision.person,
                event=event,
            )
            self.draft.emit(Stage.RECORD, decision.matter or self.draft.key, line)

    def _declared(self, decision: Decision, matter: Matter, persons: int, event: str) -> None:
        """Rules that wait for this decision now hold, and their causes join its matter; a decision that lifts it ends
        them."""
        key = f"declared|{decision.level}|{decision.reference}"
        said = matter.causes[-1].because if matter.causes else key
        fact = Fact(key=key, said=said, at=self.draft.now, event=event, kind=decision.level or "", refs=(matter.id,))
        for leaf in self.policy.matching(EventKind.DECISION, decision.level or "", self.draft.key):
            if decision.decision is Verdict.LIFT:
                self.instances.forget(leaf, "")
            elif isinstance(leaf.condition, DecisionCondition) and persons >= leaf.condition.confirmed_by:
                self.instances.fact(leaf, "", fact, present=True)

    # --- timers ----------------------------------------------------------------------------------------------------

    def timer(self, timer: TimerDue) -> None:
        """A timer is a reminder to look: what it does follows from the state alone."""
        if timer.name.startswith("held/"):
            self.sensing.due(timer.name)
        elif timer.name.startswith("clear/"):
            self.instances.clear_due(timer.name)
        elif timer.name.startswith("hours/"):
            self.instances.hours_changed(timer.name)
        elif timer.name.startswith("open/"):
            self.instances.open_long_enough(timer.name)
        elif timer.name.startswith("ended/"):
            self._forget_ended(timer.name)
        elif timer.name.startswith("forget|"):
            self.docket.forget(timer.name.removeprefix("forget|"))

    def _note(self, said: str, event: str) -> None:
        line = LogLine(at=self.draft.now, what=Happening.NOTICED, said=cut(said), area=self.draft.key, event=event)
        self.draft.emit(Stage.RECORD, self.draft.key, line)
