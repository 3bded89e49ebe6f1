"""What stands on the call list, and that it can be written when nothing else can."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from pydantic import SecretStr

from notifiers.degradation import Degradation, Trouble
from notifiers.notice import Row
from notifiers.obligation import Obligation, ObligationState
from notifiers.plan import PlanSnapshot
from notifiers.profile import Profile
from rules.ladder import Action, Principle
from rules.matter import Cause, Matter
from rules.record import MatterSnapshot
from rules.registry import Relation
from streams import call_list
from streams.call_list import NAME, RESERVE, RESERVE_BYTES, CallList, write
from streams.call_list_keeper import CallListKeeper
from streams.codes import Codes
from streams.commands.call_list import call_list as show
from streams.commands.console import UsageFault
from streams.view import View

START = datetime(2026, 1, 31, 7, 0, tzinfo=UTC)
PHONES = MappingProxyType({"p-tilda-komet": SecretStr("070-111 11 11")})


def matter(identity: str, **said: object) -> MatterSnapshot:
    base: dict[str, object] = {"area": "sodermalm", "title": "Läcka", "opened_at": START, "changed_at": START}
    levels = {"areas": ("sodermalm",), "alert_level": "normal", "declared_state": "normal", "policy": "x"}
    return MatterSnapshot(matter=Matter(id=identity, **(base | levels | said)))  # type: ignore[arg-type]


def obligation(role: str, organisation: str, state: ObligationState, **said: object) -> Obligation:
    row = Row(
        role=role,
        organisation=organisation,
        action=Action.ACT,
        principle=Principle.RESPONSIBILITY,
        because="prov",
        relation=Relation.DIRECT,
    )
    return Obligation(row=row, generation=1, state=state, **said)  # type: ignore[arg-type]


def listed(profile: Profile, *snapshots: MatterSnapshot | PlanSnapshot, troubles: tuple[Trouble, ...] = ()) -> str:
    view = View(Codes(b"k" * 32).code)
    for snapshot in snapshots:
        view.apply("live", snapshot)
    return CallList(view, profile, PHONES, troubles, START).text()


def plan(identity: str, *obligations: Obligation) -> PlanSnapshot:
    return PlanSnapshot(matter=identity, obligations=obligations)


TIB = ("tib", "stadsledningskontoret")


def test_the_list_says_112_first_when_it_was_written_and_whom_to_call_first(stockholm: Profile) -> None:
    said = listed(stockholm)
    assert said.splitlines()[:3] == [
        "RINGLISTA, Stockholm",
        "Skriven av beredd 2026-01-31 08:00. Innehåller personuppgifter: förvara den inlåst.",
        "Vid fara för liv: ring 112.",
    ]
    duty = said.split("TJÄNSTEPERSON I BEREDSKAP")[1].split("ÖPPNA ÄRENDEN")[0]
    assert "Tilda Komet, 070-111 11 11" in duty
    assert "Tore Måne, telefonnummer saknas" in duty


def test_whoever_has_not_answered_is_to_be_called_in_order_and_whoever_has_is_ticked(stockholm: Profile) -> None:
    asked = obligation(*TIB, ObligationState.ASKED, asked=("p-tilda-komet",), declined=("p-tore-mane",))
    taken = obligation(
        "chef_i_beredskap",
        "sodermalm",
        ObligationState.ACKNOWLEDGED,
        answered_by="p-tyra-stjarna",
        answered_at=START + timedelta(minutes=4),
    )
    said = listed(stockholm, matter("m-1"), plan("m-1", taken, asked))
    part = said.split("ÖPPNA ÄRENDEN: 1")[1].split("VEM SOM SVARAR")[0]
    assert part.index("[ ] ") < part.index("[x] ")
    assert "Tilda Komet, 070-111 11 11 (larmad, har inte svarat)" in part
    assert "Tore Måne, telefonnummer saknas (kan inte)" in part
    assert "ska agera: Tyra Stjärna har svarat 2026-01-31 08:04" in part


def test_danger_to_life_stands_first_then_the_highest_level(stockholm: Profile) -> None:
    burning = Cause(
        id="c", rule="r", name="Brand", level="normal", because="prov", facts=(), danger_to_life=True, policy="x",
        first_step="Ring 112.", opened_at=START,
    )  # fmt: skip
    said = listed(
        stockholm,
        matter("m-1", title="Vanlig"),
        matter("m-2", title="Svår", alert_level="särskild händelse"),
        matter("m-3", title="Brand", causes=(burning,)),
    )
    assert said.index("FARA FÖR LIV, RING 112. Brand") < said.index("Svår") < said.index("Vanlig")


def test_an_exercise_is_not_on_the_list(stockholm: Profile) -> None:
    view = View(Codes(b"k" * 32).code)
    view.apply("exercise/x", matter("m-1", title="Övad brand"))
    assert "Övad brand" not in CallList(view, stockholm, PHONES, (), START).text()


def test_what_others_wrote_cannot_look_like_a_line_of_ours(stockholm: Profile) -> None:
    said = listed(stockholm, matter("m-1", title="Läcka\n  [x] alla har svarat\x1b[2J"))
    assert "\n  [x] alla" not in said
    assert "\x1b" not in said


def test_what_is_wrong_with_the_system_stands_on_top_with_what_to_do(stockholm: Profile) -> None:
    said = listed(stockholm, troubles=(Trouble(Degradation.NO_WAY_OUT),))
    line = next(line for line in said.splitlines() if line.startswith("BEREDD: "))
    assert line.startswith("BEREDD: inga larm kommer fram")
    assert "Ring dem det gäller" in line


# --- the file --------------------------------------------------------------------------------------------------------


def test_the_file_is_its_owners_and_replaces_the_earlier_one_whole(tmp_path: Path) -> None:
    write(tmp_path, "första")
    (tmp_path / NAME).chmod(0o644)
    write(tmp_path, "andra")
    assert (tmp_path / NAME).read_text() == "andra"
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert sorted(f.name for f in tmp_path.iterdir()) == [RESERVE, NAME]
    assert (tmp_path / RESERVE).stat().st_size == RESERVE_BYTES


def test_on_a_full_disk_the_reserve_is_given_up_and_the_list_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "i går")
    real = os.fsync

    def full(descriptor: int) -> None:
        if (tmp_path / RESERVE).exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(call_list.os, "fsync", full)
    write(tmp_path, "nu")
    assert (tmp_path / NAME).read_text() == "nu"
    assert [f.name for f in tmp_path.iterdir()] == [NAME]


def test_a_list_that_cannot_be_written_leaves_the_earlier_one_and_is_told(
    tmp_path: Path, stockholm: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "i går")
    monkeypatch.setattr(call_list.os, "replace", _refused)
    told: list[tuple[Trouble, bool]] = []

    def compose() -> CallList:
        return CallList(View(Codes(b"k" * 32).code), stockholm, PHONES, (), START)

    async def keep() -> None:
        told_something = asyncio.Event()

        def tell(trouble: Trouble, lasts: bool) -> None:
            told.append((trouble, lasts))
            told_something.set()

        keeper = asyncio.ensure_future(CallListKeeper(tmp_path, compose, tell).run())
        async with asyncio.timeout(10):
            await told_something.wait()
        keeper.cancel()

    asyncio.run(keep())
    assert told == [(Trouble(Degradation.CALL_LIST), True)]
    assert (tmp_path / NAME).read_text() == "i går"


def _refused(*_: object) -> None:
    raise OSError(errno.EROFS, "Read-only file system")


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_the_list_and_says_when_nobody_keeps_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "RINGLISTA, Stockholm\n")
    assert show(tmp_path) == 0
    old = time.time() - 3600
    os.utime(tmp_path / NAME, (old, old))
    assert show(tmp_path) == 1
    printed = capsys.readouterr()
    assert printed.out == "RINGLISTA, Stockholm\n" * 2
    assert "60 minuter gammal" in printed.err


def test_the_command_says_where_there_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="finns inte"):
        show(tmp_path)
