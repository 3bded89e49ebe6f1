"""Who may stay connected: what sits still is closed, and never keeps the others out. Real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from streams import connections
from streams.connections import KEPT_FILES, WATCH, Connections, WatchedRunner, allowed
from streams.metrics import Turned
from tests.proof.raw_http import RawClient

LARGE = b"x" * 4_000_000


@dataclass
class Site:
    port: int
    watch: Connections
    turned: list[Turned] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def clients(self, number: int) -> AsyncIterator[list[RawClient]]:
        """So many connections, made one after the other."""
        async with contextlib.AsyncExitStack() as stack:
            found = []
            for _ in range(number):
                before = len(self.watch) + len(self.turned)
                found.append(await stack.enter_async_context(RawClient(self.port)))
                await until(lambda before=before: len(self.watch) + len(self.turned) > before)
            yield found


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110  (a poll with a deadline: what is awaited is another socket's end)
            await asyncio.sleep(0.005)


async def ended(client: RawClient) -> bool:
    """True when the other side has hung up."""
    try:
        async with asyncio.timeout(5):
            await client.answer()
    except (asyncio.IncompleteReadError, ConnectionError):
        return True
    return False


async def alive(client: RawClient) -> bool:
    return (await client.get("/")).status == 200


def serve(
    scenario: Callable[[Site], Awaitable[None]],
    limit: int = 100,
    proxies: frozenset[str] = frozenset(),
    keepalive_s: float = 30.0,
) -> None:
    async def run() -> None:
        turned: list[Turned] = []
        watch = Connections(proxies, turned.append)
        app = web.Application(middlewares=(watch.middleware,))
        app[WATCH] = watch
        waiting = asyncio.Event()

        async def slow(request: web.Request) -> web.Response:
            await waiting.wait()
            return web.Response()

        async def quick(request: web.Request) -> web.Response:
            return web.Response(text="ok")

        async def large(request: web.Request) -> web.Response:
            return web.Response(body=LARGE)

        app.add_routes([web.get("/", quick), web.get("/slow", slow), web.get("/large", large)])
        runner = WatchedRunner(app, access_log=None, keepalive_timeout=keepalive_s, shutdown_timeout=1.0)
        await runner.setup()
        watch._limit = limit
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            await scenario(Site(runner.addresses[0][1], watch, turned))
        finally:
            waiting.set()
            await runner.cleanup()

    asyncio.run(run())


def test_when_there_are_too_many_the_longest_idle_goes() -> None:
    async def scenario(site: Site) -> None:
        async with site.clients(2) as (first, second):
            assert await alive(first)  # so the second is now the longest idle
            async with site.clients(1) as (third,):
                assert await ended(second)
                assert await alive(first)
                assert await alive(third)
        assert site.turned == [Turned.CONNECTIONS]

    serve(scenario, limit=2, proxies=frozenset({"127.0.0.1"}))


def test_one_address_has_no_more_than_half(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(site: Site) -> None:
        async with site.clients(4) as clients:
            assert [await ended(c) for c in clients[:2]] == [True, True]
            assert [await alive(c) for c in clients[2:]] == [True, True]

    serve(scenario, limit=4)


def test_a_proxy_stands_for_many_and_may_have_them_all() -> None:
    async def scenario(site: Site) -> None:
        async with site.clients(4) as clients:
            assert all([await alive(c) for c in clients])
        assert not site.turned

    serve(scenario, limit=4, proxies=frozenset({"127.0.0.1"}))


def test_whoever_is_being_answered_is_not_closed_for_a_newcomer() -> None:
    async def scenario(site: Site) -> None:
        async with site.clients(2) as clients:
            for client in clients:
                assert client.writer is not None
                client.writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: not site.watch._idle)
            async with site.clients(1) as (newcomer,):
                assert await ended(newcomer)
            assert len(site.watch) == 2

    serve(scenario, limit=2, proxies=frozenset({"127.0.0.1"}))


def test_headers_that_come_byte_by_byte_are_not_waited_for() -> None:
    async def scenario(site: Site) -> None:
        async with site.clients(1) as (slow,):
            assert slow.writer is not None
            slow.writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-")
            with contextlib.suppress(ConnectionError):
                for _ in range(20):
                    await asyncio.sleep(0.1)  # a byte now and then is all this client does
                    slow.writer.write(b"a")
                    await slow.writer.drain()
            assert await ended(slow)
        await until(lambda: len(site.watch) == 0)

    serve(scenario, keepalive_s=0.5)


def test_whoever_does_not_read_the_answer_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SWEEP_S", 0.05)
    monkeypatch.setattr(connections, "IDLE_S", 0.3)

    async def scenario(site: Site) -> None:
        async with site.clients(1) as (deaf,):
            assert deaf.writer is not None
            deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]  # the transport of a socket
            for _ in range(5):
                deaf.writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: len(site.watch) == 0)

    serve(scenario)


def test_some_files_are_kept_for_the_journal_and_the_ways_out() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        assert allowed() + KEPT_FILES <= resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_little_room_is_made_the_most_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (400, 400))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert allowed() == 400 - KEPT_FILES
