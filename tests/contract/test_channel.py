"""What every channel must do: the in-memory twin, Apprise over real sockets (json://, mailto://), signed webhooks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from aiohttp import web
from pydantic import SecretStr

from notifiers.apprise_channel import AppriseChannel
from notifiers.attempt import Attempt, Medium, Outcome, Verdict
from notifiers.channel import Channel
from notifiers.deliver import Delivery
from notifiers.memory_channel import REJECTED, RETRYABLE, MemoryChannel
from notifiers.webhook import Webhook, key_of
from notifiers.webhook_channel import Post, WebhookChannel
from streams.sinks import MailSink, Manner, PhoneSink

CODE = "k7hd2mq9xw"
SOON_S = 10.0
TITLE = "Högt vatten: Årstaviken"
BODY = "Nivån är 1,25 m & stiger <fort>.\n\nSvara: https://beredd.example/k/{code}"


@dataclass(frozen=True, slots=True)
class Rig:
    """A channel with a world behind it that can be told how to behave."""

    channel: Channel
    script: Callable[[Manner], None]
    next: Callable[[], Awaitable[tuple[str, str]]]
    arrived: Callable[[], int]
    secrets: tuple[str, ...]
    release: Callable[[], None] = lambda: None


@asynccontextmanager
async def memory() -> AsyncIterator[Rig]:
    twin = MemoryChannel()

    def script(manner: Manner) -> None:
        match manner:
            case Manner.ACCEPT:
                pass
            case Manner.HANG:
                twin.hang()
            case Manner.UNKNOWN:
                twin.script(REJECTED)
            case _:
                twin.script(RETRYABLE)

    async def next_() -> tuple[str, str]:
        return twin.accepted[0].title, twin.accepted[0].body

    yield Rig(twin, script, next_, lambda: len(twin.accepted), (), twin.release)


@asynccontextmanager
async def json() -> AsyncIterator[Rig]:
    async with PhoneSink() as sink:
        url = sink.url("+46701234567-hemlig").replace("://", "://anna:l%C3%B6sen%2F%40rd@")

        async def next_() -> tuple[str, str]:
            arrival = await sink.inbox.next(SOON_S, "+46701234567-hemlig")
            return arrival.title, arrival.body

        secrets = (url, "46701234567", "hemlig", "lösen/@rd", "l%C3%B6sen", "anna:")
        yield Rig(AppriseChannel(SecretStr(url)), sink.script, next_, lambda: len(sink.inbox.arrivals), secrets)


@asynccontextmanager
async def mail() -> AsyncIterator[Rig]:
    async with MailSink() as sink:
        url = sink.url("anna.hemlig+larm@example.org")

        async def next_() -> tuple[str, str]:
            arrival = await sink.inbox.next(SOON_S, "anna.hemlig+larm@example.org")
            return arrival.title, arrival.body

        secrets = (url, "anna.hemlig", "hemlig")
        yield Rig(AppriseChannel(SecretStr(url)), sink.script, next_, lambda: len(sink.inbox.arrivals), secrets)


SECRETS = tuple("whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def verified(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """As a receiver does it, by the specification's own words and not by our code."""
    content = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    key = base64.b64decode(secret.split("_")[1])
    wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split(" ") and (
        abs(int(headers["webhook-timestamp"]) - time.time()) < 300
    )


@asynccontextmanager
async def webhook() -> AsyncIterator[Rig]:
    """A receiver that takes only what is signed, with the old secret and with the new."""
    arrived: list[tuple[str, str]] = []
    news, closing, manner = asyncio.Event(), asyncio.Event(), [Manner.ACCEPT]
    answers = {Manner.ERROR: 500, Manner.BUSY: 429, Manner.UNKNOWN: 404}

    async def take(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if not all(verified(request.headers, body, secret) for secret in SECRETS):
            return web.Response(status=401)
        if manner[0] is Manner.HANG:
            await closing.wait()
        if manner[0] is Manner.REFUSE and request.transport is not None:
            request.transport.abort()
        if manner[0] is not Manner.ACCEPT:
            return web.Response(status=answers.get(manner[0], 503))
        data = orjson.loads(body)["data"]
        arrived.append((data["title"], data["body"]))
        news.set()
        return web.Response(status=204)

    async def next_() -> tuple[str, str]:
        async with asyncio.timeout(SOON_S):
            await news.wait()
        return arrived[-1]

    app = web.Application()
    app.router.add_post("/{path}", take)
    runner = web.AppRunner(app, access_log=None)  # the receiver's log is no part of the system
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hemlig-väg"
    post = Post()
    channel = WebhookChannel(Webhook(SecretStr(url), tuple(key_of(s) for s in SECRETS)), post)
    try:
        yield Rig(channel, lambda m: manner.__setitem__(0, m), next_, lambda: len(arrived), (url, "hemlig", *SECRETS))
    finally:
        closing.set()
        await post.close()
        await runner.cleanup()


World = Callable[[], AbstractAsyncContextManager[Rig]]
worlds = pytest.mark.parametrize("world", [memory, json, mail, webhook])


def attempt(left_s: float = SOON_S, **other: object) -> Attempt:
    said: dict[str, object] = {
        "id": "attempt-1",
        "notice": "notice-1",
        "person": "anna",
        "medium": Medium.PUSH,
        "channel": "anna",
        "number": 1,
        "title": TITLE,
        "body": BODY,
        "deadline": datetime.now(UTC) + timedelta(seconds=left_s),
    }
    return Attempt.model_validate(said | other)


async def send(rig: Rig, said: Attempt | None = None) -> Outcome:
    stage = Delivery({"anna": rig.channel}, lambda at: (at - datetime.now(UTC)).total_seconds())
    outcome = await stage.deliver(said or attempt(), CODE)
    rig.release()
    return outcome


@worlds
def test_an_accepted_message_arrives_once_with_its_words_its_lines_and_its_code(world: World) -> None:
    async def scenario() -> None:
        async with world() as rig:
            outcome = await send(rig)
            title, body = await rig.next()

            assert outcome.verdict is Verdict.ACCEPTED
            assert title == TITLE
            assert [line.strip() for line in body.split("\n")] == BODY.format(code=CODE).split("\n")
            assert rig.arrived() == 1

    asyncio.run(scenario())


@worlds
def test_words_that_look_like_markup_arrive_as_they_were_written(world: World) -> None:
    async def scenario() -> None:
        async with world() as rig:
            text = "<script>x</script> **stjärnor** :smile: ${HOME} \\n &amp; {0}"
            await send(rig, attempt(body=text))
            _, body = await rig.next()
            assert body.strip() == text

    asyncio.run(scenario())


@worlds
def test_an_unknown_recipient_is_rejected(world: World) -> None:
    await_verdict(world, Manner.UNKNOWN, Verdict.REJECTED)


@worlds
def test_a_fault_at_the_provider_is_retryable(world: World) -> None:
    await_verdict(world, Manner.ERROR, Verdict.RETRYABLE)


@worlds
def test_a_provider_that_has_too_much_to_do_is_retryable(world: World) -> None:
    await_verdict(world, Manner.BUSY, Verdict.RETRYABLE)


@worlds
def test_a_broken_connection_is_retryable(world: World) -> None:
    await_verdict(world, Manner.REFUSE, Verdict.RETRYABLE)


@worlds
def test_a_provider_that_never_answers_is_given_up_in_time(world: World) -> None:
    await_verdict(world, Manner.HANG, Verdict.TIMED_OUT, left_s=0.4)


def await_verdict(world: World, manner: Manner, verdict: Verdict, left_s: float = SOON_S) -> None:
    async def scenario() -> None:
        async with world() as rig:
            rig.script(manner)
            outcome = await send(rig, attempt(left_s))
            assert outcome.verdict is verdict, outcome.why
            assert outcome.why
            assert rig.arrived() == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("manner", list(Manner))
@worlds
def test_nothing_secret_stands_in_an_outcome_a_log_or_a_representation(
    world: World, manner: Manner, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[str] = []
    hidden: list[str] = [CODE]

    async def scenario() -> None:
        async with world() as rig:
            rig.script(manner)
            outcome = await send(rig, attempt(left_s=0.4 if manner is Manner.HANG else SOON_S))
            shown.extend([outcome.model_dump_json(), repr(outcome), repr(rig.channel), str(rig.channel)])
            hidden.extend(rig.secrets)

    # The sink's own log is no part of the system.
    with caplog.at_level(logging.CRITICAL, logger="mail.log"), caplog.at_level(logging.DEBUG):
        asyncio.run(scenario())
    shown.append(caplog.text)

    for secret in hidden:
        assert not [text for text in shown if secret in text], secret


@pytest.mark.parametrize("world", [PhoneSink, MailSink])
def test_a_refused_connection_is_retryable(world: type[PhoneSink] | type[MailSink]) -> None:
    async def scenario() -> None:
        async with world() as sink:
            url = sink.url("anna@example.org")
        outcome = await Delivery({"anna": AppriseChannel(SecretStr(url))}, lambda _: SOON_S).deliver(attempt(), CODE)
        assert outcome.verdict is Verdict.RETRYABLE
        assert "förbindelse" in outcome.why

    asyncio.run(scenario())


def test_an_inbox_gives_each_arrival_once_and_says_when_none_came_in_time() -> None:
    async def scenario() -> None:
        async with PhoneSink() as sink:
            await Delivery({"anna": AppriseChannel(SecretStr(sink.url("anna")))}, lambda _: SOON_S).deliver(
                attempt(), CODE
            )
            with pytest.raises(TimeoutError):
                await sink.inbox.next(0.01, "bo")
            assert (await sink.inbox.next(SOON_S)).target == "anna"
            with pytest.raises(TimeoutError):
                await sink.inbox.next(0.01)
            assert len(sink.inbox.arrivals) == 1

    asyncio.run(scenario())
