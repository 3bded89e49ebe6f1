"""Where messages land in a demo and in tests: real servers on loopback which stand in for phones and mailboxes.

They take what Apprise sends over real sockets, remember it, and misbehave as told. They are no part of a live system.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, assert_never
from urllib.parse import quote

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

LOOPBACK = "127.0.0.1"
_KEPT = 10_000


class Manner(StrEnum):
    """How a sink treats what comes to one target."""

    ACCEPT = "accept"
    HANG = "hang"  # takes it, and does not answer until the sink closes
    ERROR = "error"  # HTTP 500, SMTP 451: it may work later
    BUSY = "busy"  # HTTP 429, SMTP 452: too many at once
    UNKNOWN = "unknown"  # HTTP 404, SMTP 550: nobody lives here
    REFUSE = "refuse"  # breaks the connection without a word


_HTTP = {Manner.ERROR: 500, Manner.BUSY: 429, Manner.UNKNOWN: 404}
_SMTP = {Manner.ERROR: "451 local error", Manner.BUSY: "452 too many", Manner.UNKNOWN: "550 no such mailbox"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that got through."""

    target: str
    title: str
    body: str
    at: datetime


class Inbox:
    """What arrived, in order. The last ten thousand are kept, so that a demo may run for days."""

    def __init__(self) -> None:
        self._all: deque[Arrival] = deque(maxlen=_KEPT)
        self._unread: deque[Arrival] = deque(maxlen=_KEPT)
        self._news = asyncio.Event()

    @property
    def arrivals(self) -> tuple[Arrival, ...]:
        return tuple(self._all)

    def put(self, arrival: Arrival) -> None:
        self._all.append(arrival)
        self._unread.append(arrival)
        self._news.set()

    async def next(self, deadline_s: float, target: str | None = None) -> Arrival:
        """The oldest arrival (for this target) that no earlier call returned. `TimeoutError` if none comes in time."""
        async with asyncio.timeout(deadline_s):
            while True:
                for arrival in self._unread:
                    if target in (None, arrival.target):
                        self._unread.remove(arrival)
                        return arrival
                self._news.clear()
                await self._news.wait()


class _Sink:
    """What both sinks share: an inbox, manners by target, and what hangs until the end."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.inbox = Inbox()
        self._clock = clock
        self._manners: dict[str, Manner] = {}
        self._otherwise = Manner.ACCEPT
        self._closing = asyncio.Event()
        self.asked = 0  # everything that came, however it was treated
        self.hanging = 0  # of that, what still has no answer

    def script(self, manner: Manner, *targets: str) -> None:
        """From now on these targets (none named: every target) are treated so."""
        if not targets:
            self._manners.clear()
            self._otherwise = manner
        self._manners.update(dict.fromkeys(targets, manner))

    def _manner(self, target: str) -> Manner:
        return self._manners.get(target, self._otherwise)

    def _ask(self, target: str) -> Manner:
        self.asked += 1
        return self._manner(target)

    async def _hang(self) -> None:
        self.hanging += 1
        await self._closing.wait()
        self.hanging -= 1


def _now() -> datetime:
    return datetime.now(UTC)


class PhoneSink(_Sink):
    """An HTTP endpoint that takes Apprise's `json://` posts: one path per phone."""

    def __init__(self, host: str = LOOPBACK, clock: Callable[[], datetime] = _now) -> None:
        super().__init__(clock)
        self._host = host
        self._port = 0
        app = web.Application(client_max_size=1024 * 1024)
        app.router.add_post("/{target}", self._post)
        # Hanging requests end by `_closing`; the grace is for what is being answered in that moment.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        await self._runner.cleanup()

    def url(self, target: str) -> str:
        """The Apprise address of this phone."""
        return f"json://{self._host}:{self._port}/{quote(target, safe='')}"

    async def _post(self, request: web.Request) -> web.Response:
        target = request.match_info["target"]
        match manner := self._ask(target):
            case Manner.ACCEPT:
                self.inbox.put(await self._arrival(request, target))
                return web.Response()
            case Manner.HANG:
                await self._hang()
                return web.Response(status=503)
            case Manner.REFUSE:
                _break(request.transport)
                return web.Response(status=503)
            case Manner.ERROR | Manner.BUSY | Manner.UNKNOWN:
                return web.Response(status=_HTTP[manner])
            case _:
                assert_never(manner)

    async def _arrival(self, request: web.Request, target: str) -> Arrival:
        try:
            said = await request.json()
            title, body = str(said["title"]), str(said["message"])
        except (ValueError, LookupError, TypeError):
            raise web.HTTPBadRequest(text="Apprises json:// väntas: title och message.") from None
        return Arrival(target, title, body, self._clock())


class MailSink(_Sink):
    """An SMTP server that takes all mail for everyone, and keeps it."""

    def __init__(self, host: str = LOOPBACK, clock: Callable[[], datetime] = _now) -> None:
        super().__init__(clock)
        self._host = host
        self._port = 0
        self._server: asyncio.Server | None = None
        self._open: set[_Conversation] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Conversation(self, self._open), self._host, 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._closing.set()
        self._server.close()
        for conversation in tuple(self._open):
            _break(conversation.transport)
        await asyncio.gather(*(conversation.ended for conversation in tuple(self._open)))
        await self._server.wait_closed()

    def url(self, address: str) -> str:
        """The Apprise address of this mailbox."""
        return f"mailto://{self._host}:{self._port}/?from=beredd@example.org&to={quote(address)}"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        match manner := self._ask(address):
            case Manner.ACCEPT | Manner.HANG:
                envelope.rcpt_tos.append(address)
                return "250 OK"
            case Manner.REFUSE:
                _break(server.transport)
                return "421 closing"
            case Manner.ERROR | Manner.BUSY | Manner.UNKNOWN:
                return _SMTP[manner]
            case _:
                assert_never(manner)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if any(self._manner(address) is Manner.HANG for address in envelope.rcpt_tos):
            await self._hang()
            return _SMTP[Manner.ERROR]
        for address in envelope.rcpt_tos:
            self.inbox.put(_mail(envelope.content, address, self._clock()))
        return "250 OK"


def _break(transport: asyncio.BaseTransport | None) -> None:
    """The connection is gone, without a farewell."""
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def _mail(raw: Any, address: str, at: datetime) -> Arrival:
    message = message_from_bytes(bytes(raw), _class=EmailMessage, policy=policy.default)
    text = message.get_body(("plain", "html"))
    body = str(text.get_content()).removesuffix("\n") if text else ""  # mail ends every line, the last one too
    return Arrival(address, str(message["subject"]), body, at)


class _Conversation(SMTP):
    """One SMTP connection, known to its sink so that closing the sink ends it."""

    def __init__(self, sink: MailSink, known: set[_Conversation]) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(sink, hostname="localhost", loop=loop)
        self._known = known
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._known.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._known.discard(self)
        self.ended.set_result(None)
