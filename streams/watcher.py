"""Compares what a story expects with what is, and remembers what it has seen in its realm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from notifiers.attempt import Attempt, Verdict
from notifiers.obligation import Obligation
from rules.frozen import cut
from rules.ladder import Ladder
from rules.matter import Matter
from rules.record import LogLine
from streams.expectation import Expectation, ExpectedMessage, ExpectedRow
from streams.rehearsal import Host
from streams.view import Situation

NOTHING = "inget"
NAMED = 6
"""How many persons a sentence names."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt, and how it went (None: no word came)."""

    realm: str
    attempt: Attempt
    verdict: Verdict | None

    @property
    def text(self) -> str:
        return f"{self.attempt.title}\n{self.attempt.body}"


@dataclass(frozen=True, slots=True)
class Miss:
    """One thing that was not as expected, in Swedish; and, where a level or a rule is to blame, which and which way."""

    said: str
    area: str = ""
    level: str = ""
    rule: str = ""
    too_low: bool = True


@dataclass(slots=True)
class Watcher:
    """What a story has seen so far in one realm."""

    realm: str
    ladder: Ladder
    _rows: set[str] = field(default_factory=set)
    _sent: int = 0
    _records: int = 0

    def missed(self, expect: Expectation, rehearsal: Host, sent: list[Sent]) -> list[Miss]:
        """What is not as expected, one sentence each; empty if all is. What was seen is no longer new."""
        found = rehearsal.view.situations(self.realm, closed=True)
        new = [s for s in sent[self._sent :] if s.realm == self.realm]
        lines = [r.said for r in self._new_records(rehearsal) if isinstance(r, LogLine)]
        self._sent, self._records = len(sent), len(rehearsal.records)
        return [
            *self._levels(expect, found),
            *self._rules(expect, found),
            *map(Miss, self._matters(expect, found)),
            *map(Miss, self._rows_added(expect, found)),
            *map(Miss, self._recipients(expect, found)),
            *map(Miss, _told(expect, new)),
            *map(Miss, _said(expect, new)),
            *(Miss(f"loggen säger inget om «{t}»") for t in expect.logged if not any(t in line for line in lines)),
        ]

    def _new_records(self, rehearsal: Host) -> Iterable[object]:
        return (record for realm, record in rehearsal.records[self._records :] if realm == self.realm)

    def _levels(self, expect: Expectation, found: list[Situation]) -> list[Miss]:
        misses = []
        for word, wanted in (("alert_level", expect.alert_level), ("declared_state", expect.declared_state)):
            for area, level in wanted.items():
                now = self.ladder.highest_of(
                    tuple(getattr(m, word) for m in _open(found) if m.area == area),
                )
                if now != level:
                    low = self.ladder.rank(now) < self.ladder.rank(level)
                    misses.append(Miss(f"{area}: väntade {word} «{level}», blev «{now}»", area, level, too_low=low))
        return misses

    @staticmethod
    def _rules(expect: Expectation, found: list[Situation]) -> list[Miss]:
        now = {c.rule for m in _open(found) for c in m.open_causes}
        misses = [Miss(f"regeln {r} skulle gälla", rule=r) for r in expect.holds if r not in now]
        extra = [r for r in expect.not_holds if r in now]
        return misses + [Miss(f"regeln {r} skulle inte gälla", rule=r, too_low=False) for r in extra]

    @staticmethod
    def _matters(expect: Expectation, found: list[Situation]) -> list[str]:
        faults, matters = [], _open(found)
        if expect.open_matters is not None and len(matters) != expect.open_matters:
            titles = "; ".join(f"{m.id} {m.title}" for m in matters)
            faults.append(f"väntade {expect.open_matters} öppna ärenden, det är {len(matters)}: {titles or NOTHING}")
        if expect.proposal is not None:
            pending = [m.proposal.level for m in matters if m.proposal is not None and m.proposal.pending]
            right = expect.proposal in pending if expect.proposal != NOTHING else not pending
            if not right:
                waits = ", ".join(pending) or NOTHING
                faults.append(f"väntade förslag om «{expect.proposal}»; det som väntar är {waits}")
        return faults

    def _rows_added(self, expect: Expectation, found: list[Situation]) -> list[str]:
        now = {f"{s.matter.id}/{o.row.key}/{o.row.action}": o for s in found if s.matter for o in s.obligations}
        added = [o for key, o in now.items() if key not in self._rows]
        self._rows |= set(now)
        return _compared(expect.added, added) if expect.added is not None else []

    @staticmethod
    def _recipients(expect: Expectation, found: list[Situation]) -> list[str]:
        now = [o for s in found if s.matter is not None and s.matter.open for o in s.obligations]
        return _compared(expect.recipients, now) if expect.recipients is not None else []


def _open(found: list[Situation]) -> list[Matter]:
    return [s.matter for s in found if s.matter is not None and s.matter.open]


def _compared(expected: tuple[ExpectedRow, ...], found: list[Obligation]) -> list[str]:
    """Every recipient that is too many or too few."""
    wanted, faults = list(expected), []
    for obligation in found:
        match = next((w for w in wanted if _matches(w, obligation)), None)
        if match is None:
            faults.append(f"oväntad mottagare: {_row(obligation)}")
        else:
            wanted.remove(match)
    return faults + [f"saknad mottagare: {_wanted(w)}" for w in wanted]


def _matches(wanted: ExpectedRow, obligation: Obligation) -> bool:
    row = obligation.row
    return (
        (wanted.role, wanted.organisation) == row.post
        and wanted.action in (None, row.action)
        and wanted.principle in (None, row.principle)
        and wanted.state in (None, obligation.state)
        and wanted.person in (None, obligation.person)
    )


def _wanted(row: ExpectedRow) -> str:
    more = (row.action, row.principle, row.state, row.person)
    return " ".join((f"{row.role}@{row.organisation}", *(str(m) for m in more if m is not None)))


def _row(obligation: Obligation) -> str:
    row = obligation.row
    return (
        f"{row.role}@{row.organisation} {row.action} {row.principle} {obligation.state} "
        f"{obligation.person or '-'} ({row.because})"
    )


def _told(expect: Expectation, new: list[Sent]) -> list[str]:
    got = [s for s in new if s.verdict is Verdict.ACCEPTED]
    faults = [fault for wanted in expect.told if (fault := _not_told(wanted, got, new))]
    unwanted = [s for s in got if s.attempt.person in expect.not_told]
    faults += [f"{s.attempt.person} skulle inte ha fått något, men fick: {_first(s)}" for s in unwanted]
    if expect.nobody_told and got:
        faults.append(f"ingen skulle ha fått något, men det fick {_several(got)}")
    return faults


def _not_told(wanted: ExpectedMessage, got: list[Sent], tried: list[Sent]) -> str | None:
    """Why the person has not got what was expected, or None."""
    mine = [s for s in got if s.attempt.person == wanted.person]
    if any(wanted.says in s.text and wanted.by in (None, s.attempt.medium) for s in mine):
        return None
    if mine:
        texts = "; ".join(f"({s.attempt.medium}) {_first(s)}" for s in mine)
        says = f" med «{wanted.says}»" if wanted.says else ""
        by = f" som {wanted.by}" if wanted.by else ""
        return f"{wanted.person} skulle ha fått något{says}{by}, men fick: {texts}"
    failed = [s for s in tried if s.attempt.person == wanted.person]
    how = ", ".join(f"{s.attempt.medium} {s.verdict or 'utan besked'}" for s in failed)
    return f"{wanted.person} skulle ha fått något, men fick inget" + (f" ({how})" if how else "")


def _said(expect: Expectation, new: list[Sent]) -> list[str]:
    wrong = [s for s in new if not all(t.startswith(expect.begins) for t in (s.attempt.title, s.attempt.body))]
    faults = [f"meddelandet börjar inte med «{expect.begins}»: {_several(wrong)}"] if wrong else []
    for text in expect.not_said:
        said = [s for s in new if text in s.text]
        faults += [f"meddelandet säger «{text}»: {_several(said)}"] if said else []
    return faults


def _several(sent: list[Sent]) -> str:
    """To whom, and what the first of them said."""
    persons = sorted({s.attempt.person for s in sent})
    more = f" och {len(persons) - NAMED} till" if len(persons) > NAMED else ""
    return f"{', '.join(persons[:NAMED])}{more}; det första: {_first(sent[0])}"


def _first(sent: Sent) -> str:
    """The message on one line, whole enough to be recognised."""
    line = " / ".join(filter(None, sent.text.splitlines()))
    return cut(line, 240)
