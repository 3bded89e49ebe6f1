"""The power goes at any write call, and any write call fails: what was answered is there, whole, and the rest is not
half there. kill -9 cannot see this: the kernel keeps what a process wrote and never synced."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from streams.intake import Intake, intake_of
from streams.journal import Journal, JournalError
from streams.writer import Writer
from tests.conftest import LILLBY, loaded
from tests.laws.effort import FACTOR
from tests.proof.history import START, STEPS, Told, Town, digest, events, play, whole
from tests.proof.power_loss import Fault, PowerLoss, Trouble

SEED = 20261124
CUTS = 200 * (5 if FACTOR > 1 else 1)
pytestmark = pytest.mark.slow
_names = (f"powerloss{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def intake() -> Intake:
    return intake_of(loaded(LILLBY), LILLBY, open_door=True)


@pytest.fixture(scope="module")
def history(intake: Intake, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the file may hold: the digest before the first and after each commit."""
    return whole(tmp_path_factory.mktemp("whole") / "b.sqlite", intake)


@pytest.fixture(scope="module")
def calls(intake: Intake, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many write calls the undisturbed history makes."""
    with disk() as vfs:
        play(Town(tmp_path_factory.mktemp("calls") / "b.sqlite", intake, Told(), vfs.name))
        return vfs.calls


class Named(PowerLoss):
    def __init__(self, name: str, fault: Fault | None) -> None:
        super().__init__(name, fault)
        self.name = name


@contextmanager
def disk(fault: Fault | None = None) -> Iterator[Named]:
    vfs = Named(next(_names), fault)
    try:
        yield vfs
    finally:
        vfs.unregister()


class Run:
    """A history on a disk that fails as told: how far it came, and what anybody was told by then."""

    def __init__(self, folder: Path, intake: Intake, fault: Fault, town: type[Town] = Town) -> None:
        self.told = Told()
        self.commits = 0
        self.said: BaseException | None = None
        self.vfs = vfs = Named(next(_names), fault)
        made: Town | None = None
        try:
            made = town(folder / "b.sqlite", intake, self.told, vfs.name)
            play(made)
        except (apsw.Error, JournalError) as error:
            self.said = error
        if made is not None:
            self.commits = made.commits
            with suppress(apsw.Error):  # the power is out: nobody can tidy up
                made.journal.close()
        vfs.unregister()


def faults_of(run: Run, image: Path, history: list[str]) -> list[str]:
    """What of the promise the file in this folder breaks; empty if it keeps all of it."""
    file = image / "b.sqlite"
    if not file.exists():
        return ["the file is gone, and something was answered"] if run.commits else []
    try:
        journal = Journal.open(file)
    except JournalError as error:
        return [f"it does not open: {error}"]
    found = []
    try:
        db = journal._db
        if (said := db.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
            found.append(f"damaged: {said}")
        accepted = {row[0] for row in db.execute("SELECT id FROM log").fetchall()}
        found += [f"answered and lost: {i}" for i in run.told.answered if i not in accepted]
        outbox = dict(db.execute("SELECT id, outcome FROM outbox").fetchall())
        found += [f"handed out and forgotten: {h.attempt.id}" for h in run.told.handouts if h.attempt.id not in outbox]
        found += [f"its outcome is lost: {a}" for a in run.told.settled if outbox.get(a) is None]
        if digest(db) not in history[run.commits : run.commits + 2]:
            found.append(f"neither as after commit {run.commits} nor as after the next")
    finally:
        journal.close()
    return found


def cut_once(folder: Path, intake: Intake, at: int, history: list[str], town: type[Town] = Town) -> list[str]:
    """The power goes at this call; what is left of the disk is looked at."""
    live = folder / "live"
    live.mkdir(parents=True)
    run = Run(live, intake, Fault(Trouble.CUT, at), town)
    assert run.vfs.struck == 1, "the cut was never reached"
    run.vfs.image(random.Random(at), folder / "after")
    return faults_of(run, folder / "after", history)


def test_after_a_power_cut_at_any_call_what_was_answered_is_there_and_nothing_is_half_there(
    intake: Intake, history: list[str], calls: int, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    places = [rng.randrange(1, calls + 1) for _ in range(CUTS)]
    broken = {at: f for n, at in enumerate(places) if (f := cut_once(tmp_path / str(n), intake, at, history))}
    print(f"\n{CUTS} cuts (seed {SEED}) at {calls} write calls of {len(history) - 1} commits: {len(broken)} broken")
    assert broken == {}


def test_a_host_goes_on_where_the_cut_left_it(intake: Intake, calls: int, tmp_path: Path) -> None:
    """The next start resumes on what is left, the senders repeat what was not answered, and all of it is there once."""
    rng = random.Random(SEED + 1)
    for n in range(CUTS // 20):
        folder = tmp_path / str(n)
        folder.mkdir()
        run = Run(folder, intake, Fault(Trouble.CUT, rng.randrange(1, calls + 1)))
        run.vfs.image(rng, folder / "after")
        town = Town(folder / "after" / "b.sqlite", intake, Told())
        town.resume(START)
        for number in range(1, STEPS + 1):
            town.step(number)
        sent = [e.id for number in range(1, STEPS + 1) for e in events(number, START)]
        log = [row[0] for row in town.journal._db.execute("SELECT id FROM log ORDER BY id").fetchall()]
        assert sorted(i for i in log if not i.startswith("a")) == sorted(sent), f"cut {n}"
        open_attempts = {i for _, i in town.journal._db.execute("SELECT realm, id FROM outbox WHERE outcome IS NULL")}
        known = {h.attempt.id for h in run.told.handouts} | {h.attempt.id for h in town.told.handouts}
        assert open_attempts <= known, "an attempt that nobody was given would never be made"
        town.close()


# --- every call fails once -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [Trouble.ERROR, Trouble.FULL, Trouble.SHORT, Trouble.SYNC, Trouble.ENDED])
def test_when_any_one_call_fails_nothing_answered_is_lost_even_if_the_power_goes_then(
    trouble: Trouble, intake: Intake, history: list[str], calls: int, tmp_path: Path
) -> None:
    """The n-th call fails, for n in a stride over all of them; the host says so, and the power goes right after it."""
    stride = max(1, calls // (500 if FACTOR > 1 else 25))
    broken: dict[int, list[str]] = {}
    places = range(1 + SEED % stride, calls + 1, stride)
    for at in places:
        folder = tmp_path / str(at)
        (folder / "live").mkdir(parents=True)
        run = Run(folder / "live", intake, Fault(trouble, at))
        assert run.vfs.struck >= 1
        run.vfs.image(random.Random(at), folder / "after")
        if found := faults_of(run, folder / "after", history):
            broken[at] = found
    print(f"\n{trouble}: {len(places)} of {calls} calls tried, {len(broken)} broken")
    assert broken == {}


@pytest.mark.parametrize("trouble", [Trouble.ERROR, Trouble.FULL, Trouble.SHORT, Trouble.SYNC])
def test_a_host_whose_disk_failed_once_goes_on_and_loses_nothing_at_a_later_cut(
    trouble: Trouble, intake: Intake, calls: int, tmp_path: Path
) -> None:
    """Senders repeat what failed; at the end the power goes, and every answered event is there."""
    rng = random.Random(SEED + 2)
    for n in range(CUTS // 20):
        folder = tmp_path / str(n)
        (folder / "live").mkdir(parents=True)
        at = rng.randrange(calls // 10, calls)
        told, faulted = Told(), 0
        with disk(Fault(trouble, at)) as vfs:
            town = Town(folder / "live" / "b.sqlite", intake, told, vfs.name)
            town.resume(START)
            for number in range(1, STEPS + 1):
                for _ in range(3):
                    try:
                        town.step(number)
                        break
                    except apsw.Error:
                        faulted += 1
            vfs.image(rng, folder / "after")
            with suppress(apsw.Error):
                town.journal.close()
        journal = Journal.open(folder / "after" / "b.sqlite")
        log = {row[0] for row in journal._db.execute("SELECT id FROM log").fetchall()}
        assert journal._db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        journal.close()
        assert set(told.answered) <= log, f"{trouble} at {at}"
        assert {e.id for number in range(1, STEPS + 1) for e in events(number, START)} <= log


# --- the harness is able to find what it looks for -------------------------------------------------------------------


class NotSynced(Town):
    """Planted: synchronous=NORMAL, which survives every kill -9."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.journal._db.execute("PRAGMA synchronous=NORMAL").fetchall()


class _Early(Writer):
    """Planted: what a transaction brought is told, and answered, before its commit."""

    def _carried_out(self, *given: Any) -> Any:
        commit, self._journal.commit = self._journal.commit, lambda: None  # type: ignore[method-assign]
        try:
            results = super()._carried_out(*given)
            self._tell()
            self._gathered = type(self._gathered)()
            self.answered()
        finally:
            self._journal.commit = commit  # type: ignore[method-assign]
        self._journal.commit()
        return results

    def answered(self) -> None: ...


class AnsweredEarly(Town):
    """Planted: the sender has a receipt before the commit."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.writer.__class__ = _Early
        self.arriving: list[str] = []
        self.writer.answered = lambda: self.told.answered.extend(self.arriving)  # type: ignore[attr-defined]

    def step(self, number: int) -> None:
        self.arriving = [event.id for event in events(number, START)]
        super().step(number)


class ToldEarly(Town):
    """Planted: the courier is given attempts before the commit."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.writer.__class__ = _Early


@pytest.mark.parametrize("planted", [NotSynced, AnsweredEarly, ToldEarly])
def test_the_harness_finds_what_it_is_made_to_find(
    planted: type[Town], intake: Intake, history: list[str], calls: int, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    tried = 0
    for tried in range(1, 101):
        at = rng.randrange(1, calls + 1)
        folder = tmp_path / str(tried)
        (folder / "live").mkdir(parents=True)
        run = Run(folder / "live", intake, Fault(Trouble.CUT, at), planted)
        run.vfs.image(random.Random(at), folder / "after")
        if run.vfs.struck and any("lost" in f or "forgotten" in f for f in faults_of(run, folder / "after", history)):
            print(f"\n{planted.__name__}: found at cut {tried}")
            return
    pytest.fail(f"{planted.__name__} was not found in {tried} cuts")


def test_memory_kept_from_a_transaction_that_was_rolled_back_is_found(
    intake: Intake, calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted: after a failed commit the writer goes on with states that the file never had."""
    roll_back = Writer._roll_back

    def keeping(self: Writer, error: Exception) -> None:
        states = dict(self._states)
        roll_back(self, error)
        self._states.update(states)

    def differs(folder: Path, at: int) -> bool:
        """True if what the host believes is not what its file says."""
        folder.mkdir(parents=True)
        with disk(Fault(Trouble.ERROR, at)) as vfs:
            town = Town(folder / "b.sqlite", intake, Told(), vfs.name)
            town.resume(START)
            for number in range(1, STEPS + 1):
                with suppress(apsw.Error):
                    town.step(number)
            assert vfs.struck == 1
            believed = {where: dict(entries) for where, entries in town.writer._states.items()}
            town.writer._states.clear()
            said = {where: dict(town.writer._entries(*where)) for where in believed}
            town.close()
        return believed != said

    places = [calls * n // 20 for n in range(4, 16)]
    assert not any(differs(tmp_path / f"sound{at}", at) for at in places)
    monkeypatch.setattr(Writer, "_roll_back", keeping)
    assert any(differs(tmp_path / f"planted{at}", at) for at in places)
