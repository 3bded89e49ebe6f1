"""The plan of one matter while a step of alert is being written: the matter, its rows in order, an obligation for each.

Append-only: a row is entered once and never leaves (semantics 12). Who is asked next is `notifiers.escalation`, what
each person is told is `notifiers.mailing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from notifiers.notice import Notice, Row
from notifiers.obligation import Obligation
from notifiers.principles import order
from notifiers.profile import Profile
from rules.frozen import Frozen, cut
from rules.matter import Matter
from rules.record import Happening, LogLine
from rules.step import Counter, Draft, Stage


class Roll(Frozen):
    """The keys of the plan's rows in the order they were appended, and how many times people have been told."""

    kind: Literal["roll"] = "roll"
    rows: tuple[str, ...] = ()
    mailings: int = 0


class PlanMoved(Frozen):
    """The rows of a matter that a person has joined with this one: none of them is lost."""

    kind: Literal["plan_moved"] = "plan_moved"
    matter: str
    obligations: tuple[Obligation, ...]


class PlanSnapshot(Frozen):
    """For the views: the whole plan of a matter, as it stood when older files were written."""

    kind: Literal["plan_snapshot"] = "plan_snapshot"
    matter: str
    obligations: tuple[Obligation, ...]


class RowSnapshot(Frozen):
    """For the views: one row of a matter's plan with its obligation, as it stands."""

    kind: Literal["row_snapshot"] = "row_snapshot"
    matter: str
    obligation: Obligation


Entry = Matter | Roll | Obligation | Counter
"""What alert keeps under a matter."""
OutputMessage = Notice | PlanMoved | RowSnapshot | LogLine

MATTER, ROLL = "matter", "roll"


class Plan:
    """Reads fall through to the state; what is put is noted in the step, with the timer of its deadline."""

    def __init__(self, profile: Profile, draft: Draft[Entry, OutputMessage]) -> None:
        self.profile = profile
        self.draft = draft
        self.known = draft.find(Matter, MATTER)
        roll = draft.find(Roll, ROLL) or Roll()
        self.rows = list(roll.rows)
        self.mailings = roll.mailings
        self.touched: dict[str, bool] = {}
        self._told = False

    @property
    def matter(self) -> Matter:
        """The matter; only to be asked for once one is known."""
        assert self.known is not None, "rows are planned only for a known matter"
        return self.known

    def enter(self, matter: Matter) -> None:
        """The matter is as given from here on."""
        self.known = matter
        self.draft.put(MATTER, matter)

    def append(self, key: str) -> None:
        """The row has its place, last; its obligation is put after."""
        self.rows.append(key)

    def find(self, key: str) -> Obligation | None:
        """The obligation of the row with this key, as the step has left it so far."""
        return self.draft.find(Obligation, f"obligation/{key}")

    def obligations(self) -> Iterator[Obligation]:
        """The obligation of each row, in the rows' order, read as it is when its turn comes."""
        return (o for key in self.rows if (o := self.find(key)) is not None)

    def of(self, keys: tuple[str, ...]) -> Iterator[Obligation]:
        """The obligations of these rows; of every row if none is named."""
        return (o for key in keys or self.rows if (o := self.find(key)) is not None)

    def in_order(self) -> tuple[Obligation, ...]:
        """The obligations as people read them: who acts first."""
        return tuple(sorted(self.obligations(), key=lambda o: order(o.row)))

    def put(self, obligation: Obligation) -> None:
        """The obligation is as given, and its timer set to its deadline."""
        key = obligation.row.key
        self.touched[key] = True
        self.draft.put(f"obligation/{key}", obligation)
        self.draft.wake(f"due/{key}", obligation.deadline)

    def mailed(self) -> None:
        """People have been told once more."""
        self.mailings += 1
        self._told = True

    def close(self) -> None:
        """The step's last act: the roll is kept, and each row shown that has been touched. Not the whole plan: of ten
        thousand who are told, each is heard of again."""
        if self.known is None or not (self.touched or self._told):
            return
        self.draft.put(ROLL, Roll(rows=tuple(self.rows), mailings=self.mailings))
        for obligation in self.of(tuple(self.touched)):
            self.draft.emit(Stage.RECORD, self.draft.key, RowSnapshot(matter=self.known.id, obligation=obligation))

    def row_name(self, row: Row) -> str:
        """The row as people read it: role and organisation by name."""
        known = self.profile.policy.registry.organisations.get(row.organisation)
        return f"{self.profile.roster.role_name(row.role)}, {known.name if known else row.organisation}"

    def person_name(self, person: str | None) -> str:
        """The person's name; of one who has left the profile the id."""
        known = self.profile.roster.persons.get(person or "")
        return known.name if known else person or "ingen"

    def log(self, what: Happening, said: str, person: str | None = None) -> None:
        """A line stands in the matter's log."""
        line = LogLine(at=self.draft.now, what=what, said=cut(said), matter=self.draft.key, person=person)
        self.draft.emit(Stage.RECORD, self.draft.key, line)
