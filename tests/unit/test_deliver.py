"""Stage 4: one attempt, bounded time, classified outcome; and that a hung provider never delays another."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from notifiers.apprise_channel import AppriseChannel, apprise_channels, classify
from notifiers.attempt import Attempt, Medium, Outcome, Verdict
from notifiers.channel import Channel, Letter, Report
from notifiers.deliver import Delivery
from notifiers.memory_channel import REJECTED, MemoryChannel
from notifiers.secrets import Secrets
from streams.sinks import LOOPBACK, Manner, PhoneSink

CODE = "k7hd2mq9xw"
SOON_S = 10.0


def attempt(channel: str = "anna", *, n: int = 1, left_s: float = SOON_S, **other: object) -> Attempt:
    said: dict[str, object] = {
        "id": f"a-{channel}-{n}",
        "notice": "n-1",
        "person": "anna",
        "medium": Medium.PUSH,
        "channel": channel,
        "number": n,
        "title": "Högt vatten",
        "body": "Svara: https://beredd.example/{code}",
        "deadline": datetime.now(UTC) + timedelta(seconds=left_s),
    }
    return Attempt.model_validate(said | other)


def seconds_until(at: datetime) -> float:
    return (at - datetime.now(UTC)).total_seconds()


def delivery(places: int = 8, **channels: Channel) -> Delivery:
    return Delivery(channels, seconds_until, places=places)


async def until(true: Callable[[], bool], what: str) -> None:
    """Polls with a deadline: nothing here waits a fixed time."""
    ends = time.monotonic() + SOON_S
    while not true():
        assert time.monotonic() < ends, what
        await asyncio.sleep(0.005)


def run(scenario: Coroutine[object, object, None]) -> None:
    asyncio.run(scenario)


def test_the_code_is_filled_in_where_it_stands_and_other_braces_are_left_alone() -> None:
    async def scenario() -> None:
        memory = MemoryChannel()
        said = attempt(title="Larm {code}", body="{area} {0} {code} {{code}} %s")

        outcome = await delivery(anna=memory).deliver(said, CODE)

        (letter,) = memory.accepted
        assert (outcome.verdict, outcome.attempt, outcome.notice, outcome.person) == (
            Verdict.ACCEPTED,
            said.id,
            said.notice,
            said.person,
        )
        assert letter.title == f"Larm {CODE}"
        assert letter.body == f"{{area}} {{0}} {CODE} {{{CODE}}} %s"
        assert CODE not in repr(letter)
        assert CODE not in said.body

    run(scenario())


def test_a_title_is_one_line_so_that_it_adds_no_header() -> None:
    async def scenario() -> None:
        memory = MemoryChannel()
        await delivery(anna=memory).deliver(attempt(title="Larm\r\nBcc: x@example.org\u2028hej"), CODE)
        assert memory.accepted[0].title == "Larm Bcc: x@example.org hej"

    run(scenario())


def test_an_unknown_reference_is_rejected_with_a_reason() -> None:
    async def scenario() -> None:
        outcome = await delivery().deliver(attempt("nobody"), CODE)
        assert outcome.verdict is Verdict.REJECTED
        assert "referens" in outcome.why

    run(scenario())


def test_an_attempt_past_its_deadline_is_not_made() -> None:
    async def scenario() -> None:
        memory = MemoryChannel()
        outcome = await delivery(anna=memory).deliver(attempt(left_s=-1), CODE)
        assert outcome.verdict is Verdict.RETRYABLE
        assert memory.accepted == ()

    run(scenario())


def test_the_channels_own_verdict_is_the_outcome() -> None:
    async def scenario() -> None:
        memory = MemoryChannel()
        memory.script(REJECTED)
        outcome = await delivery(anna=memory).deliver(attempt(), CODE)
        assert (outcome.verdict, outcome.why) == (REJECTED.verdict, REJECTED.why)

    run(scenario())


def test_a_channel_that_raises_gives_a_retryable_outcome_and_shows_only_the_type(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        provider = "broken"

        def send(self, letter: Letter, timeout_s: float) -> Report:
            raise ConnectionError("https://user:secret@example.org/+46701234567")

    async def scenario() -> None:
        outcome = await delivery(anna=Broken()).deliver(attempt(), CODE)
        assert outcome.verdict is Verdict.RETRYABLE
        assert "ConnectionError" in outcome.why
        assert "secret" not in outcome.why

    with caplog.at_level(logging.DEBUG):
        run(scenario())
    assert "secret" not in caplog.text
    assert "ConnectionError" in caplog.text


def test_a_hung_channel_is_given_up_at_the_deadline_and_its_place_comes_back_when_it_ends() -> None:
    async def scenario() -> None:
        memory = MemoryChannel()
        memory.hang()
        stage = delivery(anna=memory)

        outcome = await stage.deliver(attempt(left_s=0.2), CODE)
        assert outcome.verdict is Verdict.TIMED_OUT
        assert stage.running == 1

        memory.release()
        await until(lambda: stage.running == 0, "the place came back")

    run(scenario())


def test_a_full_provider_makes_only_its_own_attempts_wait_and_they_were_never_sent() -> None:
    async def scenario() -> None:
        hung, well = MemoryChannel("hung"), MemoryChannel("well")
        hung.hang(times=2)
        stage = delivery(places=2, hung=hung, well=well)
        stuck = [asyncio.create_task(stage.deliver(attempt("hung", n=n), CODE)) for n in (1, 2)]
        await until(lambda: stage.running == 2, "both places are taken")

        third = await stage.deliver(attempt("hung", n=3, left_s=0.2), CODE)
        fine = await stage.deliver(attempt("well"), CODE)

        assert third.verdict is Verdict.RETRYABLE
        assert "upptagna" in third.why
        assert fine.verdict is Verdict.ACCEPTED
        assert not any(task.done() for task in stuck)
        hung.release()
        assert [o.verdict for o in await asyncio.gather(*stuck)] == [Verdict.TIMED_OUT] * 2
        assert hung.accepted == ()

    run(scenario())


def test_a_critical_attempt_takes_the_next_place_before_others_that_waited_longer() -> None:
    async def scenario() -> None:
        memory = MemoryChannel()
        memory.hang()
        stage = delivery(places=1, anna=memory)
        tasks = [asyncio.create_task(stage.deliver(attempt(n=1), CODE))]
        await until(lambda: stage.running == 1, "the only place is taken")
        tasks += [asyncio.create_task(stage.deliver(attempt(n=n, critical=n == 4), CODE)) for n in (2, 3, 4)]
        await asyncio.sleep(0)

        memory.release()
        await asyncio.gather(*tasks)

        assert [letter.attempt.number for letter in memory.accepted] == [4, 2, 3]

    run(scenario())


def test_an_attempt_that_is_cancelled_while_it_waits_leaves_the_line_whole() -> None:
    async def scenario() -> None:
        memory = MemoryChannel()
        memory.hang()
        stage = delivery(places=1, anna=memory)
        first, gone, last = (asyncio.create_task(stage.deliver(attempt(n=n), CODE)) for n in (1, 2, 3))
        await until(lambda: stage.running == 1, "the only place is taken")

        gone.cancel()
        memory.release()

        assert (await last).verdict is Verdict.ACCEPTED
        assert (await first).verdict is Verdict.TIMED_OUT
        await until(lambda: stage.running == 0, "no place is lost")

    run(scenario())


def channel(sink: PhoneSink, target: str) -> AppriseChannel:
    return AppriseChannel(SecretStr(sink.url(target)))


def test_six_hung_targets_and_more_never_delay_a_seventh_provider() -> None:
    """Six is the size of Apprise's own pool here; forty fill any pool and every place of five providers."""

    async def scenario() -> None:
        async with PhoneSink() as good, AsyncExitStack() as stack:
            hung = [await stack.enter_async_context(PhoneSink()) for _ in range(5)]
            for sink in hung:
                sink.script(Manner.HANG)
            names = {f"h{i}-{n}": channel(sink, f"t{n}") for i, sink in enumerate(hung) for n in range(8)}
            stage = delivery(**names, good=channel(good, "anna"))
            stuck = [asyncio.create_task(stage.deliver(attempt(name), CODE)) for name in names]
            await until(lambda: sum(sink.hanging for sink in hung) == 40, "all forty hang on real sockets")

            outcome = await stage.deliver(attempt("good"), CODE)

            assert outcome.verdict is Verdict.ACCEPTED
            assert not any(task.done() for task in stuck)  # the order says it: the good one did not wait for any
            assert (await good.inbox.next(SOON_S)).target == "anna"
            await stack.aclose()
            await asyncio.gather(*stuck)
            await until(lambda: stage.running == 0, "every thread ended with its socket")

    run(scenario())


def test_a_hung_socket_is_given_up_at_the_deadline_and_its_thread_ends_soon_after() -> None:
    async def scenario() -> None:
        async with PhoneSink() as sink:
            sink.script(Manner.HANG)
            stage = delivery(anna=channel(sink, "anna"))

            began = time.monotonic()
            outcome = await stage.deliver(attempt(left_s=0.3), CODE)

            assert outcome.verdict is Verdict.TIMED_OUT
            await until(lambda: stage.running == 0, "the socket's own time-out ends the thread")
            assert time.monotonic() - began < 3  # the server still hangs, and Apprise's own time-out is 4 s

    run(scenario())


def apprise(url: str) -> Outcome:
    outcomes: list[Outcome] = []

    async def scenario() -> None:
        stage = Delivery(apprise_channels(Secrets({"anna": SecretStr(url)})), seconds_until)
        outcomes.append(await stage.deliver(attempt(), CODE))

    run(scenario())
    return outcomes[0]


FAULTY = {
    "an unknown scheme": "nosuchscheme://user:canarypw@example.org/+46701234567",
    "an incomplete address": "46elks://",
    "two addresses in one": "json://127.0.0.1:9/canarypw, json://127.0.0.1:9/b",
    "two numbers in one": "46elks://user:canarypw@beredd/+46701234567/+46701234568",
    "a number that is none": "46elks://user:canarypw@beredd/+1",
}


@pytest.mark.parametrize("url", FAULTY.values(), ids=FAULTY.keys())
def test_an_address_that_can_never_work_is_rejected_without_being_told(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        outcome = apprise(url)

    assert outcome.verdict is Verdict.REJECTED
    assert outcome.why
    assert "canarypw" not in outcome.model_dump_json() + caplog.text
    assert "4670" not in outcome.model_dump_json() + caplog.text


def test_an_address_can_be_checked_before_anything_is_sent() -> None:
    assert AppriseChannel(SecretStr("46elks://user:pw@beredd/+46701234567?retry=2")).fault() is None
    fault = AppriseChannel(SecretStr("nosuchscheme://x")).fault()
    assert fault is not None
    assert fault.verdict is Verdict.REJECTED


def test_an_optional_or_retrying_address_is_still_one_honest_attempt() -> None:
    async def scenario() -> None:
        async with PhoneSink() as sink:
            sink.script(Manner.ERROR)
            url = SecretStr(f"{sink.url('anna')}?optional=yes&retry=3&wait=0.01")
            outcome = await delivery(anna=AppriseChannel(url)).deliver(attempt(), CODE)
            assert outcome.verdict is Verdict.RETRYABLE
            assert sink.asked == 1

    run(scenario())


def test_a_redirect_is_not_followed() -> None:
    from aiohttp import web

    async def scenario() -> None:
        async with PhoneSink() as elsewhere:

            async def away(request: web.Request) -> web.Response:
                raise web.HTTPTemporaryRedirect(elsewhere.url("x").replace("json", "http"))

            app = web.Application()
            app.router.add_post("/", away)
            runner = web.AppRunner(app)
            await runner.setup()
            await web.TCPSite(runner, LOOPBACK, 0).start()
            url = SecretStr(f"json://{LOOPBACK}:{runner.addresses[0][1]}/")
            outcome = await delivery(anna=AppriseChannel(url)).deliver(attempt(), CODE)
            await runner.cleanup()
            assert outcome.verdict is Verdict.REJECTED
            assert elsewhere.asked == 0

    run(scenario())


def provider(url: str) -> str:
    return AppriseChannel(SecretStr(url)).provider


def test_channels_of_one_scheme_and_host_share_a_provider_whatever_the_credentials_and_the_target() -> None:
    assert provider("46elks://a:b@beredd/+46701234567") == provider("46elks://c:d%40e@Beredd/+46707654321")
    assert provider("46elks://a:b@beredd/+46701234567") != provider("46elks://a:b@other/+46701234567")
    assert provider("json://127.0.0.1:1/a") != provider("json://127.0.0.1:2/a")
    assert provider("json://x/a") != provider("form://x/a")


def test_a_providers_name_shows_the_scheme_and_nothing_of_the_host_which_may_be_a_token() -> None:
    name = provider("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#larm")
    assert name.startswith("slack-")
    assert "t1jj3t3l2" not in name.lower()


LOGS = {
    "a plug-in that says nothing": ([], Verdict.RETRYABLE),
    "an expired account": ([("WARNING", "Failed to send X to +4670: Unauthorized, error=401.")], Verdict.REJECTED),
    "a request that took too long": ([("WARNING", "Failed to send X: error=408.")], Verdict.RETRYABLE),
    "a code in a provider's body is not read": ([("DEBUG", "Response Details: b'error=404'")], Verdict.RETRYABLE),
    "no recipients": ([("WARNING", "There are no Email recipients to notify")], Verdict.REJECTED),
    "a connection that never was": (
        [
            ("WARNING", "A Connection error occurred sending X."),
            ("DEBUG", "Socket Exception: Max retries exceeded with url: / (connect timed out)"),
        ],
        Verdict.RETRYABLE,
    ),
    "an answer that never came": (
        [
            ("WARNING", "A Connection error occurred sending X."),
            ("DEBUG", "Socket Exception: HTTPConnectionPool(host='x', port=1): Read timed out. (read timeout=4.0)"),
        ],
        Verdict.TIMED_OUT,
    ),
    "a mailbox that is full for now": (
        [("DEBUG", "Socket Exception: {'a@b.se': (452, b'4.2.2 full')}")],
        Verdict.RETRYABLE,
    ),
    "a mailbox that does not exist": (
        [("WARNING", "SMTP recipient a@b.se was refused: 550 b'5.1.1 unknown'")],
        Verdict.REJECTED,
    ),
    "a wrong mail password": ([("DEBUG", "Socket Exception: (535, b'5.7.8 bad')")], Verdict.REJECTED),
}


@pytest.mark.parametrize(("log", "verdict"), LOGS.values(), ids=LOGS.keys())
def test_the_log_of_a_failed_attempt_tells_whether_trying_again_can_help(
    log: list[tuple[str, str]], verdict: Verdict
) -> None:
    report = classify(log)
    assert report.verdict is verdict
    assert "4670" not in report.why
    assert "a@b.se" not in report.why
