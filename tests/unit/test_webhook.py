"""Signed webhooks: the standard's own example, how the secrets file says them, and what becomes of odd answers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from notifiers.attempt import Attempt, Medium, Verdict
from notifiers.channel import Letter, Report
from notifiers.secrets import SecretsError, load_secrets
from notifiers.webhook import Webhook, key_of, signature
from notifiers.webhook_channel import Post, WebhookChannel

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_signature_is_as_in_the_standards_own_example() -> None:
    """https://github.com/standard-webhooks/standard-webhooks, spec, "verifying webhook authenticity"."""
    body = b'{"test": 2432232314}'
    signed = signature(key_of(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "hemligt", "whsec_kort", "whsec_" + base64.b64encode(b"x" * 65).decode()]
)
def test_what_is_no_secret_of_the_standards_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^webhook secret$"):
        key_of(secret)


def written(folder: Path, said: str) -> Path:
    file = folder / "secrets.yaml"
    file.write_text(f"channels:\n  grannen: {said}\n")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("secret", [SECRET, f"[{SECRET}, {SECRET}]"])
def test_a_webhook_stands_among_the_channels_of_the_secrets_file(tmp_path: Path, secret: str) -> None:
    found = load_secrets(written(tmp_path, f"{{webhook: https://larm.example/ta, secret: {secret}}}"))
    assert set(found.webhooks) == {"grannen"}
    assert not found.channels
    assert "larm.example" not in repr(found) + repr(found.webhooks["grannen"])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{webhook: https://larm.example/ta}", "en webhook skrivs"),
        ("{webhook: ftp://larm.example/ta, secret: " + SECRET + "}", "en webhook skrivs"),
        ("{webhook: http://larm.example/ta, secret: " + SECRET + "}", "https://"),
        ("{webhook: https://169.254.169.254/latest, secret: " + SECRET + "}", "metadata"),
        ("{webhook: https://larm.example/ta, secret: hemligt}", "whsec_"),
        ("{webhook: https://larm.example/ta, secret: [" + SECRET + ", 7]}", "whsec_"),
    ],
)
def test_a_webhook_that_cannot_be_used_is_refused_by_its_place_and_nothing_of_it_is_shown(
    tmp_path: Path, said: str, why: str
) -> None:
    with pytest.raises(SecretsError, match="channels, post 1: .*" + why) as refused:
        load_secrets(written(tmp_path, said))
    assert "larm.example" not in str(refused.value)
    assert "hemligt" not in str(refused.value)


LETTER = Letter(
    Attempt(
        id="attempt-1",
        notice="notice-1",
        person="anna",
        medium=Medium.WEBHOOK,
        channel="grannen",
        number=1,
        title="t",
        body="b",
        deadline=datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=30),
    ),
    "t",
    "b",
)


@asynccontextmanager
async def answering(status: int, headers: dict[str, str], connections: set[object]) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.StreamResponse:
        connections.add(request.transport)
        await request.read()
        return web.Response(status=status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/ta"
    await runner.cleanup()


def asked(status: int, headers: dict[str, str] | None = None, times: int = 1) -> tuple[list[Report], int]:
    """What the channel reports of each of so many messages, and over how many connections they went."""
    connections: set[object] = set()

    async def scenario() -> list[Report]:
        post = Post()
        async with answering(status, headers or {}, connections) as url:
            channel = WebhookChannel(Webhook(SecretStr(url), (key_of(SECRET),)), post)
            reports = [await channel.post(LETTER, 5.0) for _ in range(times)]
            await post.close()
        return reports

    return asyncio.run(scenario()), len(connections)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.ACCEPTED),
        (204, Verdict.ACCEPTED),
        (302, Verdict.REJECTED),
        (400, Verdict.REJECTED),
        (408, Verdict.RETRYABLE),
        (410, Verdict.REJECTED),
        (425, Verdict.RETRYABLE),
        (429, Verdict.RETRYABLE),
        (502, Verdict.RETRYABLE),
    ],
)
def test_an_answer_says_whether_trying_again_can_help(status: int, verdict: Verdict) -> None:
    [report], _ = asked(status)
    assert report.verdict is verdict


def test_a_redirect_is_not_followed() -> None:
    [report], _ = asked(302, {"Location": "http://127.0.0.1:1/annanstans"})
    assert report == Report(Verdict.REJECTED, "mottagaren svarade HTTP 302")


def test_many_messages_go_over_one_connection() -> None:
    reports, connections = asked(204, times=20)
    assert {report.verdict for report in reports} == {Verdict.ACCEPTED}
    assert connections == 1


def test_a_receiver_that_is_not_there_is_retryable() -> None:
    async def scenario() -> Report:
        post = Post()
        channel = WebhookChannel(Webhook(SecretStr("http://127.0.0.1:1/ta"), (key_of(SECRET),)), post)
        report = await channel.post(LETTER, 5.0)
        await post.close()
        return report

    assert asyncio.run(scenario()).verdict is Verdict.RETRYABLE
