"""What the HTTP doors stand on: a host, a view and keys; and what both of them do with a request.

The API (`streams.http`) and the pages (`streams.pages`) know a host by these few methods, so any host can stand behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import orjson
from aiohttp import web
from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http_exceptions import BadHttpMessage

from notifiers.profile import Profile
from notifiers.secrets import Secrets
from notifiers.tokens import Principal, Scope, holder_name
from rules.events import Event
from streams.body_space import BodySpace, NoSpace, Share
from streams.clock import Clock
from streams.commands.client import is_loopback
from streams.embedded import Lane, Overloaded, Receipt
from streams.health import Health
from streams.intake import Intake
from streams.journal import Journal
from streams.metrics import Metrics, Turned
from streams.proxies import Proxies, forwarded
from streams.refusal import Reason, Refusal, Refused
from streams.view import View

_log = logging.getLogger(__name__)

BODY_S = 10.0
READERS = 2
"""Large bodies that are decoded at once, each in a thread of its own; more would only share the same core."""
COMMIT_S = 30.0
RETRY_AFTER_S = 5

MANY_READINGS = "Det kommer fler mätvärden än vi hinner ta emot."
MANY_EVENTS = "Det kommer mer än vi hinner ta emot. Gäller det liv: ring 112."
MANY_QUESTIONS = "Det är många som frågar just nu. Försök igen om en stund."


class Host(Protocol):
    """What the doors ask of a host. All of it may be called from any thread."""

    @property
    def intake(self) -> Intake: ...

    @property
    def fault(self) -> str | None:
        """Why the last commit failed; None when it did not."""
        ...

    def submit(
        self, events: tuple[Event, ...], refusals: tuple[Refusal, ...], principal: str | None, size: int = 0
    ) -> Future[Receipt]:
        """Queues what was let in and what was not. The future is done after the commit. Raises Overloaded."""
        ...

    def full(self, lane: Lane) -> int | None:
        """Seconds after which to come again, if another of this lane would be refused now; else None."""
        ...

    def ask(self, question: Callable[[Journal], Any]) -> Future[Any]:
        """Queues a question to the journal. The future fails with Overloaded if too many ask, with Unanswerable if this
        host has no journal."""
        ...

    def probe(self) -> Future[Any]:
        """Something is written, to see that it can be."""
        ...


class Unanswerable(Exception):
    """This host cannot answer that. The message says who can, in Swedish."""


@dataclass(slots=True)
class Door:
    """All that the HTTP side of a process needs.

    `open`: the listener is on loopback, so what is shown needs no key. `channels`: how many ways out are configured.
    `health`: how the system is, by its own watch; None where nobody watches, as in a test of the doors alone.
    `proxies`: reverse proxies whose X-Forwarded-For is believed; without it all behind one share its address.
    `secrets` and `channels` are swapped by a reload; all else stays.
    """

    host: Host
    view: View
    clock: Clock
    secrets: Secrets | None  # None: no keys are configured
    metrics: Metrics
    channels: int
    open: bool
    proxies: Proxies = field(default_factory=Proxies)
    health: Callable[[], Health] | None = None
    space: BodySpace = field(default_factory=BodySpace)
    readers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READERS))

    @property
    def profile(self) -> Profile:
        """The profile in force now: a reload swaps it."""
        return self.host.intake.profile

    @property
    def zone(self) -> ZoneInfo:
        """The city's own time."""
        return ZoneInfo(self.profile.policy.settings.timezone)

    # --- who asks? ---------------------------------------------------------------------------------------------------

    def identify(self, request: web.Request, *, required: bool) -> Principal | None:
        """Who holds the request's bearer token. 401 if it is unknown, or missing where one is required."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if self.secrets is not None and scheme:
            principal = self.secrets.principal(token.strip(), self.clock.now()) if scheme.lower() == "bearer" else None
            if principal is None:
                raise self._unauthorised("Nyckeln är okänd.", ', error="invalid_token"')
            return principal
        if required:
            raise self._unauthorised("Här krävs en nyckel (Authorization: Bearer ...).", "")
        return None

    def _unauthorised(self, said: str, error: str) -> web.HTTPUnauthorized:
        # Counted, but not in the journal: whoever has no key must not be able to fill the disk.
        self.metrics.turned_away(Turned.TOKEN)
        return web.HTTPUnauthorized(text=said, headers={"WWW-Authenticate": f'Bearer realm="beredd"{error}'})

    def reporter(self, request: web.Request) -> Principal | None:
        """Who hands in events; None where no keys are configured and the request comes from this machine. What each
        may say is the intake's to judge."""
        return self.identify(request, required=not (self.host.intake.open_door and self._here(request)))

    def may_look(self, request: web.Request) -> None:
        """Returns if the request may see situations and logs; 401 or 403 otherwise."""
        if self._here(request):
            self.identify(request, required=False)
        else:
            self._allow(request, frozenset({Scope.LOOK}))

    def operator(self, request: web.Request, *scopes: Scope) -> Principal | None:
        """Who asks, if the token has one of these scopes; 401 or 403 otherwise. Where no keys are configured, whoever
        is on this machine."""
        if self.host.intake.open_door and self._here(request):
            return self.identify(request, required=False)
        return self._allow(request, frozenset(scopes))

    def _allow(self, request: web.Request, scopes: frozenset[Scope]) -> Principal:
        principal = self.identify(request, required=True)
        if principal is None or not principal.may & scopes:
            self.metrics.turned_away(Turned.SCOPE)
            raise web.HTTPForbidden(
                text=f"Nyckeln får inte användas till det här; den behöver {' eller '.join(sorted(scopes))}."
            )
        return principal

    def _here(self, request: web.Request) -> bool:
        """True if only this machine can have sent it: not if somebody in between says that it passed it on."""
        return self.open and not forwarded(request)

    def own_name(self, request: web.Request) -> bool:
        """True if the request is for this machine by name or address, or for the address in our links."""
        try:
            asked = urlsplit(f"//{request.host}").hostname or ""
        except ValueError:
            return False
        return is_loopback(asked) or asked == urlsplit(self.profile.policy.settings.public_url or "").hostname

    def client(self, request: web.Request) -> str:
        """The address a request comes from, as far as it can be believed."""
        return self.proxies.client(request)

    # --- through the host --------------------------------------------------------------------------------------------

    async def commit(self, events: tuple[Event, ...], refusals: tuple[Refusal, ...], principal: str | None) -> Receipt:
        """What became of it, once it is safe. 503 if it could not be written, or not in time (a repeat is harmless)."""
        try:
            receipt: Receipt = await answered(self.host.submit(events, refusals, principal), COMMIT_S)
        except Overloaded as full:
            raise self.busy(full.retry_after_s, MANY_EVENTS, Turned.OVERLOAD) from None
        return receipt

    async def ask(self, question: Callable[[Journal], Any]) -> Any:
        """The answer of the journal. 503 if none comes in time."""
        return await answered(self.host.ask(question), BODY_S)

    def busy(self, retry_after_s: int, said: str, why: Turned) -> web.HTTPServiceUnavailable:
        """503: there is no room now, and when there may be."""
        self.metrics.turned_away(why)
        text = f"{said} Försök igen om {retry_after_s} s; samma sak två gånger gör ingen skada."
        return web.HTTPServiceUnavailable(text=text, headers={"Retry-After": str(retry_after_s)})


DOOR = web.AppKey("door", Door)


async def answered(future: Future[Any], timeout_s: float) -> Any:
    """The host's answer. 503 if it has none, or none in time."""
    try:
        # Shielded: a request that is cancelled must not cancel a future that the writer thread is about to answer.
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), timeout_s)
    except Unanswerable as elsewhere:
        raise web.HTTPNotImplemented(text=str(elsewhere)) from None
    except Overloaded as full:
        raise web.HTTPServiceUnavailable(
            text=MANY_QUESTIONS, headers={"Retry-After": str(full.retry_after_s)}
        ) from None
    except Exception as error:  # the host's own fault, which it has logged, or TimeoutError
        _log.warning("the host did not answer: %s", type(error).__name__)
        raise web.HTTPServiceUnavailable(
            text="Just nu går det inte att spara. Försök igen om en stund; samma sak två gånger gör ingen skada.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        ) from error


def named(principal: Principal | None) -> str | None:
    """The principal as the log writes it."""
    return holder_name(principal) if principal is not None else None


async def body_of(request: web.Request, limit: int, share: Share | None = None) -> bytes:
    """The request's body. Raises Refused if it is larger or packed; 408 if it is late, 400 if it breaks, 503 if all
    bodies together hold too much. `share`: what this one holds of that; one of a few bytes needs none."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(Reason.CONTENT_TYPE, "Content-Encoding tas inte emot. Skicka innehållet okomprimerat.")
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
                if share is not None:
                    share.grow(len(chunk))
    except NoSpace:
        raise request.app[DOOR].busy(RETRY_AFTER_S, MANY_EVENTS, Turned.BODIES) from None
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="Innehållet kom inte i tid.") from None
    except (ClientPayloadError, BadHttpMessage, ConnectionError):
        raise web.HTTPBadRequest(text="Sändningen bröts.") from None
    except RuntimeError:  # aiohttp's word for a connection that was closed before the body was asked for
        if request.transport is not None:
            raise
        raise web.HTTPBadRequest(text="Sändningen bröts.") from None
    return bytes(body)


def _too_large(limit: int) -> Refused:
    return Refused(Reason.TOO_LARGE, f"Innehållet är större än {limit} byte. Dela upp det i flera sändningar.")


def as_json(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    body = orjson.dumps(value, option=orjson.OPT_UTC_Z) + b"\n"
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
