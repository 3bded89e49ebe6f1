"""Erasing by rule: what is to go is gone, what an open matter rests on stays, and the chain holds."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import apsw
import pytest

from rules.events import Event, Reading, Readings
from rules.policy import Retention
from streams import retention
from streams.audit import Audit, audit
from streams.journal import BYTES_ERASED
from streams.refusal import Reason, Refusal
from streams.retention import due, tidy
from tests.unit.test_embedded import START, Bench, bench, flood  # noqa: F401  (a fixture)

DAY = timedelta(days=1)
ALL = Retention(readings=30, events=30, records=30, refused=30)


def readings(number: int, at: datetime) -> Event:
    some = tuple(Reading(sensor="svoa-tryck-017", value=4.0, time=at + timedelta(seconds=i)) for i in range(50))
    return Event(id=f"r{number}", source="urn:test", time=at, realm="live", payload=Readings(readings=some))


def happened(made: Bench) -> None:
    """Readings, a report with all that followed, and something refused."""
    assert made.host is not None
    now = made.clock.now()
    refusal = Refusal(reason=Reason.FORMAT, message="Gick inte.", excerpt="namn: Anna Ek")
    made.host.submit((flood(f"f{now}"), readings(int(now.timestamp()), now)), (refusal,), "person:p").result(10)
    for handout in made.listener.handouts[:2]:
        from tests.unit.test_embedded import Outcome, Verdict

        a = handout.attempt
        outcome = Outcome(attempt=a.id, notice=a.notice, person=a.person, verdict=Verdict.ACCEPTED)
        made.host.report(handout.realm, outcome).result(10)


def later(made: Bench, to: datetime) -> None:
    """The time has come, and nobody was here meanwhile: otherwise reminders would be played through for months."""
    made.stop()
    made.clock.advance(to)
    made.start()


def tidied(made: Bench, rules: Retention, oldest_open: datetime | None = None) -> dict[str, int]:
    assert made.host is not None
    return asyncio.run(tidy(made.host, rules, made.clock.now(), oldest_open))


def looked_at(made: Bench, sql: str = "SELECT 1") -> tuple[Audit, list[Any]]:
    made.stop()
    db = apsw.Connection(str(made.file))
    found = audit(db), list(db.execute(sql))
    db.close()
    return found


def test_nothing_is_erased_that_nobody_has_decided_to_erase(bench: Bench) -> None:  # noqa: F811
    happened(bench)
    later(bench, START + 10_000 * DAY)
    gone = tidied(bench, Retention())
    assert set(gone) == {"superseded"}
    found, [(logged, said)] = looked_at(bench, "SELECT count(*), sum(length(body)) FROM log")
    assert not found.broken
    assert logged == 2
    assert said > 1000


def test_what_is_old_is_erased_and_what_is_new_is_not(bench: Bench) -> None:  # noqa: F811
    happened(bench)
    later(bench, START + 31 * DAY)
    happened(bench)
    gone = tidied(bench, ALL)
    assert gone["readings"] == gone["events"] == gone["refused"] == 1
    assert gone["records"] > 5
    assert gone["sent"] == 4, "those answered before and after the restart"
    found, rows = looked_at(bench, "SELECT kind, length(body)>0, principal FROM log ORDER BY seq")
    assert rows == [("incident", 0, None), ("incident", 1, "person:p"), ("readings", 1, "person:p")]
    assert not found.broken
    assert found.erased == sum(n for rule, n in gone.items() if rule != "sent")


def test_what_an_open_matter_may_rest_on_stays_however_old(bench: Bench) -> None:  # noqa: F811
    happened(bench)
    later(bench, START + 31 * DAY)
    gone = tidied(bench, ALL, oldest_open=START)
    assert sum(gone.values()) == gone["superseded"]


def test_of_what_was_written_anew_the_newest_stays_and_so_does_the_log(bench: Bench) -> None:  # noqa: F811
    happened(bench)
    later(bench, START + timedelta(minutes=1))
    happened(bench)
    before = bench.listener.matters()
    later(bench, START + 2 * DAY)
    assert bench.host is not None
    lines = 'SELECT count(*) FROM record WHERE CAST(body AS TEXT) LIKE \'{"kind":"line"%\''
    [(said,)] = bench.host.ask(lambda journal: journal._rows(lines)).result(10)
    assert tidied(bench, Retention())["superseded"] > 0
    [(left,)] = bench.host.ask(lambda journal: journal._rows(lines)).result(10)
    assert left >= said
    bench.stop()
    bench.start()
    assert bench.listener.matters().keys() == before.keys()
    assert not looked_at(bench)[0].broken


def test_a_second_time_there_is_nothing_left_to_erase(bench: Bench) -> None:  # noqa: F811
    happened(bench)
    later(bench, START + 31 * DAY)
    tidied(bench, ALL)
    links = bench.host.ask(lambda journal: journal.head).result(10) if bench.host else None
    assert sum(tidied(bench, ALL).values()) == 0
    assert bench.host is not None
    assert bench.host.ask(lambda journal: journal.head).result(10) == links


def test_what_was_erased_is_overwritten_in_the_file(bench: Bench) -> None:  # noqa: F811
    happened(bench)
    later(bench, START + 31 * DAY)
    tidied(bench, ALL)
    bench.stop()
    assert b"namn: Anna Ek" not in bench.file.read_bytes()


def test_after_all_rows_are_gone_numbers_go_on_and_the_chain_holds(bench: Bench) -> None:  # noqa: F811
    assert bench.host is not None
    bench.host.submit((readings(1, START),), (), None).result(10)
    later(bench, START + 31 * DAY)
    assert tidied(bench, ALL)["readings"] == 1
    bench.host.submit((readings(2, bench.clock.now()),), (), None).result(10)
    found, rows = looked_at(bench, "SELECT seq FROM log")
    assert rows == [(2,)]
    assert not found.broken


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ("UPDATE log SET body=x'7b7d' WHERE seq=1", "log 1: raden är raderad enligt regel, men har ett innehåll"),
        ("DELETE FROM erasure WHERE book='log'", "erasure 1: raden saknas"),
        ("UPDATE erasure SET spans='[[1,9]]' WHERE seq=1", "erasure 1: raden har ändrats"),
    ],
)
def test_an_erasing_cannot_be_made_up_or_hidden(bench: Bench, edit: str, said: str) -> None:  # noqa: F811
    assert bench.host is not None
    bench.host.submit((flood(),), (), "person:p").result(10)
    later(bench, START + 31 * DAY)
    assert tidied(bench, Retention(events=30))["events"] == 1
    bench.stop()
    db = apsw.Connection(str(bench.file))
    db.execute("UPDATE erasure SET seq=seq")  # as it stands: the first of them is about the log, or the record
    db.execute(
        edit.replace("seq=1", "seq=(SELECT min(seq) FROM erasure WHERE book='log')") if "erasure" in edit else edit
    )
    broken = " ".join(map(str, audit(db).broken))
    db.close()
    assert said.split(": ")[1] in broken


def test_one_turn_takes_no_more_than_its_share(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    assert bench.host is not None
    for number in range(6):
        bench.host.submit((readings(number, START + timedelta(minutes=number)),), (), None).result(10)
    monkeypatch.setattr("streams.journal.BYTES_ERASED", 1)
    assert BYTES_ERASED > 1
    later(bench, START + 31 * DAY)
    assert tidied(bench, Retention(readings=30))["readings"] == 6
    found, [(turns,)] = looked_at(bench, "SELECT count(*) FROM erasure WHERE rule='readings'")
    assert turns == 6
    assert not found.broken


def test_the_oldest_open_matter_bounds_every_rule_but_one() -> None:
    now = START + 100 * DAY
    cuts = {rule.name: before for rule, before in due(ALL, now, START + DAY)}
    assert cuts.pop("superseded") == now - retention.SUPERSEDED_AFTER
    assert set(cuts.values()) == {START + DAY}
    assert {b for _, b in due(ALL, now, None)} == {now - 30 * DAY, now - retention.SUPERSEDED_AFTER}
