"""How many may be connected: bounded in all and per address, so that nobody keeps the others out by sitting still.

A connection is *idle* while no request of it is being answered: it is new, or between two requests, or sends its
headers byte by byte, or does not read its answer. When there are too many, the one that has been idle the longest goes,
one of whoever has the most. One that is idle for IDLE_S goes too.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from streams.metrics import Turned

CONNECTIONS = 1000
KEPT_FILES = 256
"""Files that connections may not use up: the journal's, the ways out, threads' pipes."""

KEEPALIVE_S = 30.0
"""How long a connection may be silent, or take to send its headers; aiohttp sees to it."""

IDLE_S = 60.0
SWEEP_S = 5.0


def allowed() -> int:
    """How many connections the system has room for, at most CONNECTIONS. The limit on open files is raised as far as
    that takes and the system lets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + KEPT_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(16, min(CONNECTIONS, soft - KEPT_FILES))


@dataclass(slots=True)
class _Connection:
    """One connection. `idle_s`: since when on the loop's clock, None while a request is being answered."""

    transport: asyncio.Transport
    address: str
    idle_s: float | None


class Connections:
    """Who is connected. Lives in one event loop. `turned_away` is told of each that is closed for the others' sake;
    `proxies` are addresses that stand for many."""

    def __init__(self, proxies: Container[str], turned_away: Callable[[Turned], None]) -> None:
        self._limit = CONNECTIONS
        self._proxies = proxies
        self._turned_away = turned_away
        self._open: dict[Any, _Connection] = {}
        self._idle: OrderedDict[Any, None] = OrderedDict()  # the longest idle first
        self._by_address: Counter[str] = Counter()
        self._sweeping: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def watch(self, server: web.Server, limit: int) -> None:
        """From now on every connection of this server is counted, and no more than so many stay."""
        self._limit = limit
        made, lost = server.connection_made, server.connection_lost

        def connection_made(handler: Any, transport: asyncio.Transport) -> None:
            made(handler, transport)
            self._enter(handler, transport)

        def connection_lost(handler: Any, exc: BaseException | None = None) -> None:
            self._leave(handler)
            lost(handler, exc)

        # aiohttp has no seam for this; these two it calls once for each connection.
        server.connection_made = connection_made  # type: ignore[method-assign]
        server.connection_lost = connection_lost  # type: ignore[method-assign]
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep())

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """While this is at work the request's connection is not idle."""
        self._busy(request.protocol)
        try:
            return await handler(request)
        finally:
            self._rest(request.protocol)

    def stop(self) -> None:
        """Nothing more is looked at."""
        if self._sweeping is not None:
            self._sweeping.cancel()

    # --- one connection ----------------------------------------------------------------------------------------------

    def _enter(self, handler: Any, transport: asyncio.Transport) -> None:
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        self._open[handler] = _Connection(transport, address, None)
        self._by_address[address] += 1
        self._rest(handler)
        if self._by_address[address] > max(1, self._limit // 2) and address not in self._proxies:
            self._make_room(address)
        elif len(self._open) > self._limit:
            [(most, _)] = self._by_address.most_common(1)
            self._make_room(most)

    def _leave(self, handler: Any) -> None:
        found = self._open.pop(handler, None)
        self._idle.pop(handler, None)
        if found is not None:
            self._by_address[found.address] -= 1
            if not self._by_address[found.address]:
                del self._by_address[found.address]

    def _busy(self, handler: Any) -> None:
        if handler in self._open:
            self._open[handler].idle_s = None
            self._idle.pop(handler, None)

    def _rest(self, handler: Any) -> None:
        if handler in self._open:
            self._open[handler].idle_s = asyncio.get_running_loop().time()
            self._idle[handler] = None
            self._idle.move_to_end(handler)

    # --- too many ----------------------------------------------------------------------------------------------------

    def _make_room(self, address: str) -> None:
        """One of this address's goes: the longest idle, which is the newest if all others are being answered."""
        victim = next((h for h in self._idle if self._open[h].address == address), None)
        if victim is not None:
            self._turned_away(Turned.CONNECTIONS)
            self._close(victim)

    def _close(self, handler: Any) -> None:
        # Not at once: aiohttp may be in the middle of making this very connection.
        asyncio.get_running_loop().call_soon(self._open[handler].transport.abort)
        self._leave(handler)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s = asyncio.get_running_loop().time()
            for handler in list(self._idle):
                since_s = self._open[handler].idle_s
                if since_s is None or now_s - since_s < IDLE_S:
                    break
                self._close(handler)


WATCH: web.AppKey[Connections] = web.AppKey("connections")


class WatchedRunner(web.AppRunner):
    """An application's runner whose connections are counted."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        self.app[WATCH].watch(server, allowed())
        return server

    async def _cleanup_server(self) -> None:
        self.app[WATCH].stop()
        await super()._cleanup_server()
