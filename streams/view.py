"""What is going on, as those who look see it: folded from records, never asked of the stages' own state.

Both hosts build it the same way: the embedded one from its record table, Kafka's from the topic `situations`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from notifiers.notice import NoticeRecord
from notifiers.obligation import Obligation
from notifiers.plan import PlanSnapshot, RowSnapshot
from notifiers.principles import order
from rules.frozen import Frozen
from rules.matter import Matter
from rules.record import LogLine, MatterSnapshot

LINES_KEPT = 500
CODES_KEPT = timedelta(days=30)
"""A link leads somewhere for as long after its matters are closed."""
SWEEP_EVERY = timedelta(days=1)


@dataclass(slots=True)
class Situation:
    """A matter with its plan, its notices and the newest of its log."""

    realm: str
    matter: Matter | None = None
    plan: dict[str, Obligation] = field(default_factory=dict)
    """By row."""
    notices: dict[str, NoticeRecord] = field(default_factory=dict)
    log: deque[LogLine] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))

    @property
    def obligations(self) -> tuple[Obligation, ...]:
        """The plan as people read it: who acts first."""
        return tuple(sorted(self.plan.values(), key=lambda o: order(o.row)))


@dataclass(frozen=True, slots=True)
class CodeHolder:
    """What a code stands for: a message to one person in one realm."""

    realm: str
    record: NoticeRecord


class View:
    """All situations, newest records applied. Written by one thread, read by any."""

    def __init__(self, code: Callable[[str, str], str]) -> None:
        self._code = code
        self._lock = threading.Lock()
        self._situations: dict[tuple[str, str], Situation] = {}
        self._codes: dict[str, CodeHolder] = {}
        self._swept = datetime.min.replace(tzinfo=UTC)
        self._noticed: deque[tuple[str, LogLine]] = deque(maxlen=LINES_KEPT)

    def apply(self, realm: str, record: Frozen) -> None:
        """Folds one record in. The same record twice changes nothing but the log's length."""
        with self._lock:
            match record:
                case MatterSnapshot():
                    self._situation(realm, record.matter.id).matter = record.matter
                case PlanSnapshot():
                    self._situation(realm, record.matter).plan = {o.row.key: o for o in record.obligations}
                case RowSnapshot():
                    self._situation(realm, record.matter).plan[record.obligation.row.key] = record.obligation
                case LogLine():
                    self._line(realm, record)
                case NoticeRecord():
                    self._notice(realm, record)
                case _:
                    raise TypeError(f"not a record: {type(record).__name__}")

    def _line(self, realm: str, line: LogLine) -> None:
        if line.matter is not None:
            self._situation(realm, line.matter).log.append(line)
        else:
            self._noticed.append((realm, line))
        if line.at >= self._swept + SWEEP_EVERY:
            self._swept = line.at
            self._codes = {c: h for c, h in self._codes.items() if not self._forgotten(h, line.at - CODES_KEPT)}

    def _forgotten(self, holder: CodeHolder, before: datetime) -> bool:
        """True if every matter that the message is about was closed before this."""
        found = [self._situations.get((holder.realm, notice.matter)) for notice in holder.record.notices]
        closed = [s.matter.closed_at if s is not None and s.matter is not None else None for s in found]
        return all(at is not None and at < before for at in closed)

    def _notice(self, realm: str, record: NoticeRecord) -> None:
        self._codes[self._code(realm, record.id)] = CodeHolder(realm, record)
        for notice in record.notices:
            self._situation(realm, notice.matter).notices[record.id] = record

    def _situation(self, realm: str, matter: str) -> Situation:
        return self._situations.setdefault((realm, matter), Situation(realm))

    def situations(self, realm: str, *, closed: bool = False) -> list[Situation]:
        """The realm's situations, the newest first; closed ones too if asked for."""
        with self._lock:
            found = [s for (r, _), s in self._situations.items() if r == realm and s.matter is not None]
            wanted = [_as_it_is(s) for s in found if s.matter is not None and (closed or s.matter.open)]
        return sorted(wanted, key=lambda s: (s.matter.opened_at, s.matter.id) if s.matter else (), reverse=True)

    def situation(self, realm: str, matter: str) -> Situation | None:
        """The situation as it is now; what is recorded later does not reach it."""
        with self._lock:
            found = self._situations.get((realm, matter))
            return _as_it_is(found) if found is not None and found.matter is not None else None

    def oldest_open(self) -> datetime | None:
        """When the oldest matter that is still open was opened, in any realm; None if all are closed."""
        with self._lock:
            matters = [s.matter for s in self._situations.values() if s.matter is not None]
            return min((m.opened_at for m in matters if m.open), default=None)

    def holder(self, code: str) -> CodeHolder | None:
        """What a code stands for, or None."""
        with self._lock:
            return self._codes.get(code)

    def code_of(self, realm: str, notice: str) -> str:
        return self._code(realm, notice)

    def noticed(self, realm: str) -> list[LogLine]:
        """Log lines that belong to no matter, oldest first."""
        with self._lock:
            return [line for r, line in self._noticed if r == realm]


def _as_it_is(situation: Situation) -> Situation:
    """The situation apart from the view, for whoever reads it while the writer goes on."""
    return replace(situation, plan=dict(situation.plan), notices=dict(situation.notices), log=situation.log.copy())
