"""Following: every commit is made again, in order, or a new copy is taken; and who acts after a takeover."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from streams import shipping, standby
from streams.audit import audit
from streams.epoch import epoch_of, learn, superseded_by
from streams.journal import Journal, Timer
from streams.shipping import Shipping
from streams.standby import NewCopy, take_over
from streams.store import JournalError, copied

NOW = datetime(2026, 10, 13, 3, 40, tzinfo=UTC)
TABLES = (*("log", "refused", "record", "dead", "erasure", "link"), *("state", "timers", "outbox", "latest", "meta"))


class Two:
    """A journal that is followed, and the file of whoever follows."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "one.sqlite"
        self.first = Journal.open(self.file)
        self.commit(0)
        self.first.begin(NOW)
        self.shipping: Shipping = self.first.ship()
        self.first.commit()
        copied(self.first._db, folder / "two.sqlite")
        self.second = apsw.Connection(str(folder / "two.sqlite"))

    def commit(self, number: int) -> None:
        """One of everything that a transaction may do."""
        journal = self.first
        journal.begin(NOW + timedelta(seconds=number))
        journal.accept(NOW, "live", "urn:test", str(number), "incident", None, b'{"a":1}' * number)
        journal.refuse(NOW, "format", "nej", None, "{")
        journal.record("live", "x", "matter/x", b"%d" % number)
        journal.bury(NOW, "assess", "live", "x", b"{}", "why")
        journal.put("assess", "live", "x", f"entry/{number % 3}", b"%d" % number)
        journal.drop("assess", "live", "x", f"entry/{(number + 1) % 3}")
        journal.wake(Timer("alert", "live", "x", "t", NOW + timedelta(minutes=number)))
        journal.send("live", f"a{number}", "p", b"{}")
        journal.settle("live", f"a{number - 1}", "{}")
        journal.note("in-force", str(number))
        journal.commit()

    @property
    def at(self) -> int:
        return int(standby._noted(self.second, shipping.COMMIT) or 0)

    def follow(self) -> int:
        """Takes what there is. Returns how many commits that was."""
        commits = self.shipping.after(self.at, 0.0)
        if commits is None:
            raise NewCopy("gone")
        standby._apply(self.second, commits)
        return len(commits)

    def same(self) -> bool:
        of = [[list(db.execute(f"SELECT * FROM {t}")) for t in TABLES] for db in (self.first._db, self.second)]
        return of[0] == of[1]


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def test_what_follows_is_the_same_file(two: Two) -> None:
    for number in range(1, 30):
        two.commit(number)
        if number % 4 == 0:
            assert two.follow() == 4
            assert two.same()
    assert two.follow() == 1
    assert two.same()
    assert not audit(two.second).broken


def test_what_was_rolled_back_is_not_told_and_leaves_no_gap(two: Two) -> None:
    two.first.begin(NOW)
    two.first.put("assess", "live", "x", "never", b"1")
    two.first.rollback()
    two.commit(1)
    assert two.follow() == 1
    assert two.same()


def test_a_transaction_that_wrote_nothing_is_not_told(two: Two) -> None:
    two.first.begin(NOW)
    two.first.commit()
    assert two.follow() == 0


def test_what_does_not_fit_is_not_taken_at_all(two: Two) -> None:
    two.second.execute("UPDATE state SET value=x'00'")
    before = two.at
    two.commit(3)
    with pytest.raises(NewCopy):
        two.follow()
    assert two.at == before


def test_a_commit_left_out_is_noticed(two: Two) -> None:
    two.commit(1)
    two.commit(2)
    commits = two.shipping.after(two.at, 0.0)
    assert commits is not None
    with pytest.raises(NewCopy):
        standby._apply(two.second, commits[1:])


def test_whoever_is_too_far_behind_takes_a_new_copy(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "BYTES_KEPT", 4000)
    for number in range(1, 30):
        two.commit(number)
    with pytest.raises(NewCopy):
        two.follow()


def test_whoever_is_ahead_takes_a_new_copy(two: Two) -> None:
    assert two.shipping.after(two.at + 1, 0.0) is None


def test_after_a_restart_a_standby_that_was_there_goes_on(two: Two, tmp_path: Path) -> None:
    two.commit(1)
    two.follow()
    two.first.close()
    two.first = Journal.open(two.file)
    two.commit(2)
    two.first.begin(NOW)
    two.shipping = two.first.ship()
    two.first.commit()
    assert two.follow() == 1
    assert two.same()


def test_when_nobody_has_asked_for_long_nothing_is_kept_and_nobody_can_go_on(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "FORGOTTEN_AFTER_S", -1.0)
    two.commit(1)
    monkeypatch.undo()
    assert two.first.noted(shipping.COMMIT) is None
    two.commit(2)
    two.first.begin(NOW)
    two.shipping = two.first.ship()
    two.first.commit()
    with pytest.raises(NewCopy):
        two.follow()


# --- who acts --------------------------------------------------------------------------------------------------------


def in_one(journal: Journal, other: int) -> int | None:
    journal.begin(NOW)
    found = learn(journal, other)
    journal.commit()
    return found


def test_whoever_learns_of_a_higher_epoch_is_superseded_for_good(two: Two, tmp_path: Path) -> None:
    assert epoch_of(two.first) == 1
    assert in_one(two.first, 1) is None
    assert in_one(two.first, 2) == 2
    assert in_one(two.first, 1) == 2
    two.first.close()
    journal = Journal.open(two.file)
    assert superseded_by(journal) == 2
    journal.close()


def test_a_takeover_has_a_higher_epoch_than_any_it_knows_of(two: Two, tmp_path: Path) -> None:
    in_one(two.first, 7)
    two.first.close()
    assert take_over(tmp_path, "one.sqlite") == 8
    journal = Journal.open(two.file)
    assert superseded_by(journal) is None
    journal.close()


def test_nothing_is_taken_over_where_nothing_followed(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="ingen reserv"):
        take_over(tmp_path, "beredd.sqlite")
    assert not list(tmp_path.iterdir())


def test_a_copy_cut_short_is_asked_for_again() -> None:
    body = standby.struct.pack(">QQ", 1, 5) + b"abcde"
    assert list(standby._unpacked(body)) == [(1, b"abcde")]
    for end in (4, 16, len(body) - 1):
        with pytest.raises(standby.AskAgain):
            list(standby._unpacked(body[:end]))
