"""A copy of a running installation, and the copy put back."""

from __future__ import annotations

import asyncio
import os
import statistics
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest
from typer.testing import CliRunner, Result

from notifiers.notice import NoticeRecord, NoticeState
from rules.events import Event, Incident
from rules.record import Happening, LogLine
from streams.audit import audit
from streams.backup import KEY, contents, copy_of, put_back
from streams.cli import app
from streams.codes import load_codes
from streams.embedded import EmbeddedHost
from streams.intake import Intake
from streams.journal import Journal, JournalError
from streams.service import Service, Settings
from tests.conftest import LILLBY
from tests.unit.test_embedded import START, Bench, bench, flood  # noqa: F401  (a fixture)

HOUR = timedelta(hours=1)


def beredd(*args: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args], prog_name="beredd")


def with_service(data: Path, then: Callable[[Service], Awaitable[Result]]) -> Result:
    """What a command answers while a service runs there."""

    async def run() -> Result:
        service = Service(Settings(LILLBY, data, port=0, reserve=0))
        await service.start()
        try:
            return await then(service)
        finally:
            await service.stop()

    return asyncio.run(run())


def fire(identity: str) -> Event:
    now = datetime.now(UTC)
    payload = Incident(kind="fire", area="lillby", text="Brand.")
    return Event(id=identity, source="urn:beredd:kontaktcenter", time=now, realm="live", payload=payload)


def backed_up(data: Path, out: Path, events: int = 3) -> Result:
    async def then(service: Service) -> Result:
        for number in range(events):
            await asyncio.wrap_future(service.host.submit((fire(str(number)),), (), None))
        return await asyncio.to_thread(beredd, "backup", out, "--to", service.url)

    return with_service(data, then)


def test_a_copy_of_a_running_installation_is_whole_sound_and_private(tmp_path: Path) -> None:
    out = tmp_path / "kopia.beredd"
    result = backed_up(tmp_path / "data", out)
    assert result.exit_code == 0, result.output
    found = contents(out)
    assert f"{found.rows} rader, granskade" in result.stdout
    assert str(found.head) in result.stdout
    assert out.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "kopia.beredd"], "nothing half is left"
    assert not list((tmp_path / "data").glob("*.del"))
    db = apsw.Connection(str(out))
    assert db.execute("SELECT count(*) FROM log").fetchall() == [(3,)]
    db.close()


def test_a_copy_never_replaces_another(tmp_path: Path) -> None:
    out = tmp_path / "kopia.beredd"
    out.write_text("en annan kopia")
    result = beredd("backup", out)
    assert result.exit_code == 2
    assert out.read_text() == "en annan kopia"


def test_a_stopped_installation_is_copied_from_its_directory(tmp_path: Path) -> None:
    backed_up(tmp_path / "data", tmp_path / "first")
    result = beredd("backup", tmp_path / "second", "--data", tmp_path / "data", "--json")
    assert result.exit_code == 0, result.output
    assert contents(tmp_path / "second").head.seq >= contents(tmp_path / "first").head.seq


def test_a_damaged_copy_is_told_of_when_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(response: object, into: object) -> object:
        answer = poured(response, into)  # type: ignore[arg-type]
        into.seek(into.tell() // 2)  # type: ignore[attr-defined]
        into.write(os.urandom(5000))  # type: ignore[attr-defined]
        return answer

    from streams.commands import client

    poured = client._poured
    monkeypatch.setattr(client, "_poured", damaged)
    result = backed_up(tmp_path / "data", tmp_path / "kopia.beredd")
    assert result.exit_code == 1
    assert "är skadad" in result.output
    assert not list(tmp_path.glob("kopia*")), "a copy that does not hold is no copy"


def test_only_a_token_that_says_so_may_fetch_a_copy_where_there_are_keys(tmp_path: Path) -> None:
    from tests.real.process import write_secrets

    secrets = tmp_path / "secrets.yaml"
    tokens: dict[str, dict[str, object]] = {"kallans": {"source": "kontaktcenter"}}
    tokens |= {"bertas": {"person": "p-berta-brygga"}, "kopiornas": {"service": "kopior", "may": ["backup"]}}
    write_secrets(secrets, {"sms": "json://127.0.0.1:9/x"}, tokens)
    for token in tokens:
        (tmp_path / token).write_text(token)

    async def run() -> list[Result]:
        service = Service(Settings(LILLBY, tmp_path / "data", secrets, port=0, reserve=0))
        await service.start()
        try:
            asked = ("backup", tmp_path / "k", "--to", service.url)
            more: list[tuple[object, ...]] = [(), ("--token-file", tmp_path / "kallans")]
            more += [("--token-file", tmp_path / token) for token in ("bertas", "kopiornas")]
            return [await asyncio.to_thread(beredd, *asked, *each) for each in more]
        finally:
            await service.stop()

    nobody, source, person, keeper = asyncio.run(run())
    assert [r.exit_code for r in (nobody, source, person, keeper)] == [1, 1, 1, 0]
    assert "behöver backup" in source.output


# --- while events go on ----------------------------------------------------------------------------------------------


def grown(file: Path, megabytes: int) -> None:
    journal = Journal.open(file)
    for _ in range(megabytes):
        journal.begin(START)
        for _ in range(8):
            journal.record("live", "x", None, os.urandom(128 * 1024))
        journal.commit()
    journal.close()


def test_events_that_come_while_a_copy_is_made_wait_for_nothing_and_are_in_it(
    tmp_path: Path, stockholm_intake: Intake
) -> None:
    file = tmp_path / "beredd.sqlite"
    grown(file, 60)
    db = apsw.Connection(str(file))
    db.execute("DELETE FROM latest")  # the rows are there to be copied, not to be shown
    db.close()
    made = Bench(file, stockholm_intake)
    host = made.start()
    waits: list[float] = []
    going = threading.Event()
    going.set()

    def report() -> None:
        while going.is_set():
            begun = time.monotonic()
            host.submit((flood(f"under-{len(waits)}"),), (), None).result(10)
            waits.append(time.monotonic() - begun)

    thread = threading.Thread(target=report)
    thread.start()
    asyncio.run(copy_of(host, tmp_path / KEY, tmp_path / "copy"))
    during = len(waits)
    going.clear()
    thread.join()
    alone = []
    for number in range(during):
        begun = time.monotonic()
        host.submit((flood(f"after-{number}"),), (), None).result(10)
        alone.append(time.monotonic() - begun)
    made.stop()
    found = contents(tmp_path / "copy")
    db = apsw.Connection(str(tmp_path / "copy"))
    [(copied,)] = db.execute("SELECT count(*) FROM log").fetchall()
    db.close()
    told = [statistics.median(waits[:during]), max(waits[:during]), statistics.median(alone), max(alone)]
    print(f"\n{during} reports: median, worst; and without a copy:", *(f"{1e3 * t:.1f} ms" for t in told))
    assert found.rows > 60
    assert 5 < copied <= during + 1, "what was accepted before the copy was whole is in it"
    assert max(waits[:during]) < 1.0, "an alarm waited for the copy"


def test_a_copy_that_fails_is_told_of_and_the_host_goes_on(bench: Bench, tmp_path: Path) -> None:  # noqa: F811
    assert bench.host is not None
    bench.host.submit((flood(),), (), None).result(10)
    missing = tmp_path / "no" / "copy"
    with pytest.raises(FileNotFoundError):
        asyncio.run(copy_of(bench.host, tmp_path / KEY, missing))
    bench.host.submit((flood("2"),), (), None).result(10)
    asyncio.run(copy_of(bench.host, tmp_path / KEY, tmp_path / "copy"))
    assert contents(tmp_path / "copy").links


def test_a_copy_under_way_is_the_only_one_and_is_given_up_when_the_host_stops(
    tmp_path: Path, stockholm_intake: Intake
) -> None:
    grown(tmp_path / "beredd.sqlite", 8)
    made = Bench(tmp_path / "beredd.sqlite", stockholm_intake)
    db = apsw.Connection(str(made.file))
    db.execute("DELETE FROM latest")
    db.close()
    host: EmbeddedHost = made.start()
    copying = host.ask(lambda journal: journal.copy(tmp_path / "copy")).result(10)
    with pytest.raises(BlockingIOError):
        host.ask(lambda journal: journal.copy(tmp_path / "other")).result(10)
    assert not copying.done
    made.stop()
    assert copying.done
    assert copying.fault == "the host was stopped"


# --- put back --------------------------------------------------------------------------------------------------------


def test_a_copy_put_back_is_the_file_as_it_was_and_links_go_on(tmp_path: Path) -> None:
    backed_up(tmp_path / "data", tmp_path / "kopia.beredd")
    code = load_codes(tmp_path / "data" / KEY).code("live", "notice")
    result = beredd("restore", tmp_path / "kopia.beredd", "--data", tmp_path / "ny")
    assert result.exit_code == 0, result.output
    assert "saknas: händelser, svar och beslut" in result.stdout
    assert load_codes(tmp_path / "ny" / KEY).code("live", "notice") == code
    assert (tmp_path / "ny" / KEY).stat().st_mode & 0o777 == 0o600
    db = apsw.Connection(str(tmp_path / "ny" / "beredd.sqlite"))
    assert db.execute("SELECT count(*) FROM log").fetchall() == [(3,)]
    assert db.execute("SELECT count(*) FROM meta WHERE key=?", (KEY,)).fetchall() == [(0,)]
    assert not audit(db).broken
    db.close()


def test_what_is_there_is_not_replaced_unless_asked_and_then_moved_aside(tmp_path: Path) -> None:
    backed_up(tmp_path / "data", tmp_path / "kopia.beredd")
    file = tmp_path / "data" / "beredd.sqlite"
    before = file.read_bytes()
    refused = beredd("restore", tmp_path / "kopia.beredd", "--data", tmp_path / "data")
    assert refused.exit_code == 2
    assert file.read_bytes() == before
    done = beredd("restore", tmp_path / "kopia.beredd", "--data", tmp_path / "data", "--replace")
    assert done.exit_code == 0, done.output
    [aside] = [p for p in file.parent.glob("beredd.sqlite.undan-*") if not p.name.endswith("-wal")]
    assert aside.read_bytes() == before


def test_a_damaged_file_may_be_replaced(tmp_path: Path) -> None:
    backed_up(tmp_path / "data", tmp_path / "kopia.beredd")
    file = tmp_path / "data" / "beredd.sqlite"
    file.write_bytes(b"rubbish" * 1000)
    done = beredd("restore", tmp_path / "kopia.beredd", "--data", tmp_path / "data", "--replace")
    assert done.exit_code == 0, done.output
    assert contents(file).links


def test_nothing_is_put_back_under_a_running_host(bench: Bench, tmp_path: Path) -> None:  # noqa: F811
    assert bench.host is not None
    asyncio.run(copy_of(bench.host, tmp_path / KEY, tmp_path / "copy"))
    with pytest.raises(JournalError, match="stoppa den först"):
        put_back(tmp_path / "copy", bench.file, tmp_path / KEY, START)


def test_a_copy_that_was_edited_is_not_put_back(tmp_path: Path) -> None:
    backed_up(tmp_path / "data", tmp_path / "kopia.beredd")
    db = apsw.Connection(str(tmp_path / "kopia.beredd"))
    db.execute("UPDATE log SET principal='person:nagon' WHERE seq=2")
    db.close()
    result = beredd("restore", tmp_path / "kopia.beredd", "--data", tmp_path / "ny")
    assert result.exit_code == 1
    assert "log 2: raden har ändrats" in result.output
    assert not (tmp_path / "ny").exists()


@pytest.mark.parametrize(("after", "again"), [(timedelta(minutes=20), True), (timedelta(hours=3), False)])
def test_what_a_restored_copy_holds_unsent_is_sent_only_if_it_is_fresh(
    bench: Bench,  # noqa: F811
    tmp_path: Path,
    after: timedelta,
    again: bool,
) -> None:
    assert bench.host is not None
    bench.host.submit((flood(),), (), None).result(10)
    unsent = {h.attempt.id for h in bench.listener.handouts}
    asyncio.run(copy_of(bench.host, tmp_path / KEY, tmp_path / "copy"))
    bench.stop()
    now = bench.clock.now() + after
    put_back(tmp_path / "copy", bench.file, tmp_path / KEY, now)
    bench.clock.advance(now)
    bench.start()
    sent = {h.attempt.id for h in bench.listener.handouts}
    assert (unsent <= sent) == again
    assert (not unsent & sent) == (not again)
    states = {r.id: r.state for r in bench.listener.records if isinstance(r, NoticeRecord)}
    lapsed = [i for i in unsent if states[i.rsplit(".", 2)[0]] is NoticeState.FAILED]
    assert bool(lapsed) == (not again)
    said = [r.said for r in bench.listener.records if isinstance(r, LogLine) and r.what is Happening.UNDELIVERED]
    assert any("återställd kopia" in line for line in said) == (not again), "what was not sent is told of"
    bench.stop()
    bench.start()
    assert not unsent & {h.attempt.id for h in bench.listener.handouts} or again, "it lapses once"
