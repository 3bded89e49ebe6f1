"""What those who look may rely on: a picture that does not change under them, and links that end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notifiers.notice import Notice, NoticeRecord, NoticeState, Purpose
from rules.frozen import Frozen
from rules.matter import Basis, Matter
from rules.record import Happening, LogLine, MatterSnapshot
from streams.view import View

START = datetime(2026, 1, 31, 7, 0, tzinfo=UTC)


def matter(name: str, closed: datetime | None = None) -> MatterSnapshot:
    about = Matter(
        id=name,
        title="Läcka",
        area="nord",
        areas=("nord",),
        alert_level="normal",
        declared_state="normal",
        basis=Basis.DETECTED,
        opened_at=START,
        changed_at=START,
        policy="0",
        closed_at=closed,
    )
    return MatterSnapshot(matter=about)


def told(identity: str, *matters: str) -> NoticeRecord:
    notices = tuple(
        Notice(
            id=f"{identity}-{name}",
            person="p-1",
            matter=name,
            generation=1,
            purpose=Purpose.ALERT,
            number=1,
            title="Läcka",
            what="Läcka",
            place="Nord",
            level="normal",
            basis=Basis.DETECTED,
            declared_state="normal",
            danger_to_life=False,
            asked=(),
            at=START,
        )
        for name in matters
    )
    return NoticeRecord(id=identity, person="p-1", notices=notices, state=NoticeState.REACHED, at=START)


def line(about: str, at: datetime) -> LogLine:
    return LogLine(at=at, what=Happening.NOTICED, said="Något.", matter=about)


def view_of(*records: Frozen) -> View:
    view = View(lambda realm, notice: f"{realm}:{notice}")
    for record in records:
        view.apply("live", record)
    return view


def test_a_situation_in_hand_does_not_change_while_records_come() -> None:
    view = view_of(matter("m"), line("m", START))
    one, (listed,) = view.situation("live", "m"), view.situations("live")
    assert one is not None

    for record in (told("n", "m"), line("m", START), matter("m", START)):
        view.apply("live", record)

    for seen in (one, listed):
        assert (seen.notices, len(seen.log), seen.matter and seen.matter.open) == ({}, 1, True)


@pytest.mark.parametrize(
    ("closed", "days", "leads"),
    [(("m", "o"), 29, True), (("m", "o"), 31, False), (("m",), 31, True), ((), 400, True)],
    ids=["closed lately", "closed long ago", "one of two is open", "open for long"],
)
def test_a_link_ends_when_all_its_matters_have_been_closed_for_long(
    closed: tuple[str, ...], days: int, leads: bool
) -> None:
    names = ("m", "o")
    view = view_of(*(matter(n, START if n in closed else None) for n in names), told("n", *names), line("m", START))

    view.apply("live", line("m", START + timedelta(days=days)))

    assert (view.holder("live:n") is not None) is leads
