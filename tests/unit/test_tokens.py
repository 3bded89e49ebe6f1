"""Tokens: what each may be used for and for how long, how one replaces another, and that the doors hold to it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from typer.testing import CliRunner

from notifiers.profile import load_profile
from notifiers.secrets import SecretsError, load_secrets
from notifiers.tokens import ALLOWED, PersonPrincipal, Scope, ServicePrincipal, SourcePrincipal
from streams.cli import app
from streams.service import Service, ServiceError, Settings
from tests.conftest import LILLBY
from tests.real.process import every_channel, write_secrets

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
JSON = {"Content-Type": "application/json"}


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def tokens(folder: Path, **entries: str) -> Path:
    """A secrets file with these tokens, each with its entry as YAML."""
    file = folder / "secrets.yaml"
    file.touch(0o600)
    file.write_text("\n".join(["tokens:", *(f'  "{digest(token)}": {said}' for token, said in entries.items())]))
    return file


# --- for how long ----------------------------------------------------------------------------------------------------


def test_a_token_opens_from_its_first_moment_until_its_last(tmp_path: Path) -> None:
    found = load_secrets(tokens(tmp_path, t="{person: anna, not_before: 2026-11-24, expires: 2026-12-01}"))

    first, last = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    moments = (first - timedelta(microseconds=1), first, last - timedelta(microseconds=1), last)
    assert [found.principal("t", now) is not None for now in moments] == [False, True, True, False]


def test_two_tokens_of_one_holder_open_at_the_same_time_and_each_ends_by_itself(tmp_path: Path) -> None:
    entries = {"old": "{source: svoa, expires: 2026-11-25}", "new": "{source: svoa, not_before: 2026-11-24}"}
    found = load_secrets(tokens(tmp_path, **entries))

    assert found.principal("old", NOW) == found.principal("new", NOW) == SourcePrincipal("svoa")
    assert found.principal("old", NOW + DAY) is None
    assert found.principal("new", NOW + DAY) == SourcePrincipal("svoa")


def test_a_time_with_an_offset_is_a_moment(tmp_path: Path) -> None:
    found = load_secrets(tokens(tmp_path, t="{person: anna, expires: '2026-11-24T13:00:00+01:00'}"))

    assert found.principal("t", NOW) is None
    assert found.principal("t", NOW - timedelta(seconds=1)) == PersonPrincipal("anna")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{person: anna, expires: 2026-11-24 10:00:00}", "expires: ska vara en dag"),
        ("{person: anna, expires: '2026-11-24T10:00'}", "expires: ska vara en dag"),
        ("{person: anna, not_before: kanariehemlis}", "not_before: ska vara en dag"),
        ("{person: anna, expires: 20271301}", "expires: ska vara en dag"),
        ("{person: anna, expires: null}", "expires: ska vara en dag"),
        ("{person: anna, not_before: 2026-11-25, expires: 2026-11-25}", "aldrig gälla"),
        ("{person: anna, source: svoa}", "bara en av dem"),
        ("{person: anna, kanariehemlis: 1}", "inget mer"),
        ("kanariehemlis", "ska ha en av"),
        ("{service: reserv}", "får ingenting"),
        ("{service: reserv, may: []}", "får ingenting"),
        ("{service: reserv, may: backup}", "may: ska vara en lista"),
        ("{service: reserv, may: [kanariehemlis]}", "may: ska vara en lista"),
        ("{service: reserv, may: [decide]}", "may: ska vara en lista"),
        ("{service: reserv, may: [report]}", "may: ska vara en lista"),
        ("{source: svoa, may: [backup]}", "may: ska vara en lista"),
        ("{source: svoa, may: [[report]]}", "may: ska vara en lista"),
        ("{person: anna, may: [report]}", "may: ska vara en lista"),
    ],
)
def test_an_entry_that_says_too_much_or_too_little_is_refused_without_being_shown(
    tmp_path: Path, entry: str, said: str
) -> None:
    with pytest.raises(SecretsError, match=re.escape(said)) as caught:
        load_secrets(tokens(tmp_path, t=entry))
    assert "tokens, post 1" in str(caught.value)
    assert "kanariehemlis" not in str(caught.value)


def test_nobody_fetches_everything_or_ends_the_service_without_being_told_that_they_may() -> None:
    whole = {Scope.BACKUP, Scope.SHIP, Scope.SUPERSEDE}
    assert not (SourcePrincipal("x").may | PersonPrincipal("x").may | ServicePrincipal("x").may) & whole
    assert not ALLOWED[SourcePrincipal] & whole


def test_who_is_about_to_be_left_without_a_token_is_known_before(tmp_path: Path) -> None:
    entries = {"soon": "{source: a, expires: 2026-11-30}", "over": "{source: b, expires: 2026-11-01}"}
    entries |= {"old": "{source: c, expires: 2026-11-30}", "new": "{source: c, expires: 2027-11-30}"}
    entries |= {
        "end": "{source: d, expires: 2026-11-30}",
        "endless": "{source: d}",
        "later": "{source: e, expires: 2027-01-01}",
    }
    found = load_secrets(tokens(tmp_path, **entries))

    assert found.expiring(NOW, 14 * DAY) == {"source:a"}


# --- at the doors ----------------------------------------------------------------------------------------------------

Ask = Callable[..., Awaitable[int]]
BOARD = {
    "reporter": {"source": "kontaktcenter"},
    "looker": {"source": "kontaktcenter", "may": ["report", "look"]},
    "berta": {"person": "p-berta-brygga"},
    "onlooker": {"person": "p-berta-brygga", "may": ["look"]},
    "keeper": {"service": "kopior", "may": ["backup"]},
    "reserve": {"service": "reserv", "may": ["ship"]},
    "heir": {"service": "reserv", "may": ["ship", "backup", "supersede"]},
    "wall": {"service": "vaggen", "may": ["look"]},
    "over": {"person": "p-berta-brygga", "expires": "2020-01-01"},
    "early": {"person": "p-berta-brygga", "not_before": "2999-01-01"},
}


def during(
    folder: Path,
    scenario: Callable[[Service, Ask], Awaitable[None]],
    board: dict[str, dict[str, Any]] = BOARD,
    **more: Any,
) -> None:
    """The scenario is played with a service whose tokens are the board's, as others reach it."""
    profile, _ = load_profile(LILLBY)
    assert profile is not None
    write_secrets(folder / "secrets.yaml", every_channel(profile, "json://127.0.0.1:9/{}"), board)

    async def run() -> None:
        settings = Settings(LILLBY, folder / "data", folder / "secrets.yaml", port=0, reserve=0)
        service = Service(replace(settings, **more))
        await service.start()
        service._door.open = False  # as on an address that others reach
        try:
            async with aiohttp.ClientSession() as client:

                async def ask(token: str, method: str, path: str, body: object = None) -> int:
                    headers = {"Authorization": f"Bearer {token}"} | (JSON if method == "POST" else {})
                    data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
                    async with client.request(method, f"{service.url}{path}", data=data, headers=headers) as answer:
                        await answer.read()
                        return answer.status

                await scenario(service, ask)
        finally:
            await service.stop()

    asyncio.run(run())


EPOCH_1 = {"after": 0, "epoch": 1, "wait_s": 0}
DECISION = {
    "specversion": "1.0", "type": "se.beredd.decision.v1", "source": "urn:beredd:door", "id": "d1",
    "data": {"decision": "close", "by": "tib", "matter": "lillby-20260131-1"},
}  # fmt: skip
ANSWER = {
    "specversion": "1.0", "type": "se.beredd.acknowledgement.v1", "source": "urn:beredd:door", "id": "a1",
    "data": {"person": "p-berta-brygga", "answer": "taken", "notice": "n",
             "matters": [{"matter": "lillby-20260131-1", "generation": 1}], "via": "page"},
}  # fmt: skip


def test_each_token_opens_what_its_entry_says_and_nothing_else(tmp_path: Path) -> None:
    """Every holder at every door: yes where the table says so, 403 elsewhere; 401 for tokens out of their time."""
    doors = {
        "look": ("GET", "/v1/situations", None, {"looker", "berta", "onlooker", "wall"}),
        "log": ("GET", "/v1/log/events", None, {"looker", "berta", "onlooker", "wall"}),
        "page": ("GET", "/", None, {"looker", "berta", "onlooker", "wall"}),
        "drift": ("GET", "/drift", None, {"looker", "berta", "onlooker", "wall"}),
        "epoch": ("GET", "/v1/epoch", None, {"looker", "berta", "onlooker", "wall", "reserve", "heir"}),
        "decide": ("POST", "/v1/events", DECISION, {"berta"}),
        "answer": ("POST", "/v1/events", ANSWER, {"berta"}),
        "reload": ("POST", "/v1/reload", None, {"berta"}),
        "backup": ("POST", "/v1/backup", None, {"keeper", "heir"}),
        "ship": ("POST", "/v1/ship", EPOCH_1, {"reserve", "heir"}),
    }

    async def scenario(service: Service, ask: Ask) -> None:
        found, wanted = {}, {}
        for door, (method, path, body, may) in doors.items():
            for token in BOARD:
                refused = 401 if token in ("over", "early") else 403
                status = await ask(token, method, path, body)
                found[door, token] = status if status in (401, 403) else 200
                wanted[door, token] = 200 if token in may else refused
        assert found == wanted

    during(tmp_path, scenario)


def test_only_who_may_say_so_ends_the_service_by_a_takeover(tmp_path: Path) -> None:
    async def scenario(service: Service, ask: Ask) -> None:
        later = EPOCH_1 | {"epoch": 2}
        for token in ("berta", "keeper", "reserve"):
            assert await ask(token, "POST", "/v1/ship", later) == 403
        assert not service.ended.is_set()
        assert await ask("heir", "POST", "/v1/ship", later) == 409
        assert service.ended.is_set()

    during(tmp_path, scenario)


@pytest.mark.parametrize(
    "body",
    [{"after": 1e400}, {"after": 10**400, "epoch": 1}, {"after": 0, "epoch": -1}, {"after": "inf", "epoch": 1},
     {"after": 0, "epoch": 1, "wait_s": float("nan")}, {"after": 0, "epoch": 1, "wait_s": -5}, [], 7, None],
    ids=str,
)  # fmt: skip
def test_what_a_standby_cannot_mean_is_400(tmp_path: Path, body: object) -> None:
    async def scenario(service: Service, ask: Ask) -> None:
        assert await ask("heir", "POST", "/v1/ship", body) == 400

    during(tmp_path, scenario)


# --- anew ------------------------------------------------------------------------------------------------------------


def test_a_reload_lets_the_new_token_in_and_the_old_one_no_more(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yaml"
    old, new = {"old": {"person": "p-berta-brygga"}}, {"new": {"person": "p-berta-brygga"}}

    async def scenario(service: Service, ask: Ask) -> None:
        statuses = []
        for board in (old | new, new):
            write_secrets(secrets, {"sms": "json://127.0.0.1:9/other"}, board)
            assert (await service.reload()).ok
            statuses += [await ask(token, "GET", "/v1/situations") for token in ("old", "new")]
        assert statuses == [200, 200, 401, 200]
        assert list(service.watch._equipment.providers) == ["sms"]

    during(tmp_path, scenario, old)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: f.write_text("tokens: ["), "inte giltig YAML"),
        (lambda f: f.write_text("tokens:\n  x: {person: anna}\n"), "64 små"),
        (lambda f: f.chmod(0o644), "chmod 600"),
        (lambda f: f.unlink(), "kan inte läsas"),
        (lambda f: f.write_text("channels: {}\n"), "inte längre några tokens"),
        (lambda f: f.write_text(f.read_text().replace("127.0.0.1:9", "sms.example.org")), "--public-url"),
    ],
    ids=["no yaml", "a bad digest", "readable by all", "gone", "no tokens left", "links that lead nowhere"],
)
def test_a_wrong_file_never_replaces_a_good_one_and_the_reason_is_told(
    tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    async def scenario(service: Service, ask: Ask) -> None:
        before = service.secrets
        spoil(tmp_path / "secrets.yaml")
        report = await service.reload()
        assert not report.ok
        assert said in report.secrets[0]
        assert report.faults == ()
        assert service.secrets is before
        assert await ask("berta", "GET", "/v1/situations") == 200
        assert await ask("berta", "POST", "/v1/reload") == 422

    during(tmp_path, scenario)


def test_a_withdrawn_token_does_not_wait_for_the_profile_to_be_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "_prepared", lambda self: ("rules.yaml:1:1: trasig",))

    async def scenario(service: Service, ask: Ask) -> None:
        write_secrets(tmp_path / "secrets.yaml", {"sms": "json://127.0.0.1:9/x"}, {"wall": BOARD["wall"]})
        assert not (await service.reload()).ok
        assert [await ask(t, "GET", "/v1/situations") for t in ("berta", "wall")] == [401, 200]

    during(tmp_path, scenario)


def test_a_token_that_ends_soon_is_told_of_and_no_longer_once_it_is_renewed(tmp_path: Path) -> None:
    soon = (datetime.now(UTC) + 3 * DAY).strftime("%Y-%m-%d")
    board = {"old": {"person": "p-berta-brygga", "expires": soon}}

    async def scenario(service: Service, ask: Ask) -> None:
        assert [t.about for t in service.watch._reported] == ["nyckeln till person:p-berta-brygga"]
        write_secrets(tmp_path / "secrets.yaml", {"sms": "json://127.0.0.1:9/x"}, board | {"new": BOARD["berta"]})
        assert (await service.reload()).ok
        assert not service.watch._reported

    during(tmp_path, scenario, board)


# --- made ------------------------------------------------------------------------------------------------------------


def made(*words: str) -> tuple[str, str]:
    found = CliRunner().invoke(app, ["token", "new", *words])
    assert found.exit_code == 0, found.output
    token, line = found.stdout.splitlines()
    return token, line


def test_a_token_is_made_shown_once_and_its_line_fits_the_file(tmp_path: Path) -> None:
    words = ("--service", "reserv", "--may", "ship", "--may", "supersede", "--days", "30")
    token, line = made(*words)
    file = tmp_path / "secrets.yaml"
    file.touch(0o600)
    file.write_text(f"tokens:\n{line}\n")

    now = datetime.now(UTC)
    found = load_secrets(file)
    assert re.fullmatch(r"beredd_[A-Za-z0-9_-]{43}", token)
    assert token not in line
    assert found.principal(token, now) == ServicePrincipal("reserv", frozenset({Scope.SHIP, Scope.SUPERSEDE}))
    assert found.principal(token, now + 31 * DAY) is None
    assert made(*words)[0] != token


@pytest.mark.parametrize("words", [(), ("--service", "x"), ("--source", "a", "--person", "b"), ("--source", "a b")])
def test_a_token_for_nobody_or_for_nothing_is_not_made(words: tuple[str, ...]) -> None:
    found = CliRunner().invoke(app, ["token", "new", *words])
    assert found.exit_code == 2
    assert found.stdout == ""


# --- behind a proxy, and on this machine -----------------------------------------------------------------------------


def test_behind_a_trusted_proxy_tokens_are_required_to_start_and_to_look(tmp_path: Path) -> None:
    from streams.proxies import Proxies

    proxies = Proxies.of(["127.0.0.0/8"])
    bare = Service(Settings(LILLBY, tmp_path / "bare", port=0, proxies=proxies))
    with pytest.raises(ServiceError, match="trusted-proxy"):
        asyncio.run(bare.start())

    async def scenario(service: Service, ask: Ask) -> None:
        async with aiohttp.ClientSession() as client, client.get(f"{service.url}/v1/situations") as answer:
            assert answer.status == 401

    during(tmp_path, scenario, proxies=proxies)


def test_on_this_machine_whatever_was_passed_on_by_somebody_needs_a_token(tmp_path: Path) -> None:
    """A proxy that nobody told us of must not open the doors to everybody behind it."""

    async def scenario(service: Service, ask: Ask) -> None:
        service._door.open = True
        async with aiohttp.ClientSession() as client:

            async def status(**headers: str) -> int:  # fmt: skip
                async with client.get(f"{service.url}/v1/situations", headers=headers) as answer:
                    return answer.status

            assert await status() == 200
            for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
                assert await status(**{name: "203.0.113.9"}) == 401

    during(tmp_path, scenario)


def test_a_page_elsewhere_whose_name_leads_here_is_not_answered(tmp_path: Path) -> None:
    """DNS rebinding: the browser thinks that it talks to evil.example, and would hand over what we say."""

    async def scenario(service: Service, ask: Ask) -> None:
        service._door.open = True
        async with aiohttp.ClientSession() as client:
            found = {}
            for host in ("evil.example", "127.0.0.1.evil.example", "localhost", "127.0.0.1:1", "[::1]:80", "[", ""):
                async with client.get(f"{service.url}/v1/situations", headers={"Host": host}) as answer:
                    found[host] = answer.status
        assert {host for host, status in found.items() if status == 200} == {"localhost", "127.0.0.1:1", "[::1]:80"}

    during(tmp_path, scenario)
