"""The HTTP API: events in, situations and logs out, and how the process is. The pages people see are `streams.pages`'.

Nothing is answered before the commit: a 202 means that what was sent survives a power cut (semantics 24).
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import ValidationError

from notifiers.tokens import Principal, Scope
from rules.events import LIVE
from streams.connections import KEEPALIVE_S, WATCH, Connections, WatchedRunner
from streams.door import DOOR, RETRY_AFTER_S, Door, Host, body_of, named
from streams.door import as_json as _json
from streams.epoch import SupersededError, epoch_of
from streams.events_door import BODY_BYTES, post_events
from streams.in_force import in_force
from streams.metrics import Turned
from streams.openapi import ROWS_MAX
from streams.pages import Pages
from streams.readiness import Readiness
from streams.refusal import Refused
from streams.reload import ReloadReport
from streams.shipped import Shipped
from streams.situations import summary, whole
from streams.wire import REALM_PATTERN

__all__ = ["BODY_BYTES", "DOOR", "Door", "Host", "application", "runner"]

_log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Reload = Callable[[], Awaitable[ReloadReport]]
RELOAD: web.AppKey[Reload] = web.AppKey("reload")
Copier = Callable[[], Awaitable[Path]]
COPIER: web.AppKey[Copier] = web.AppKey("copier")
Shipper = Callable[[int, int, float], Awaitable[list[tuple[int, bytes]] | None]]
SHIPPER: web.AppKey[Shipper] = web.AppKey("shipper")
SHIP_WAIT_S = 20.0
SAID_BYTES = 4096
CHUNK_BYTES = 1024 * 1024

SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "Referrer-Policy": "no-referrer",  # the address of a page is its credential
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
KEPT = ("Allow", "Retry-After", "WWW-Authenticate")
SAID: Mapping[int, str] = {
    400: "Begäran går inte att förstå.",
    403: "Det är inte tillåtet.",
    404: "Sidan finns inte.",
    405: "Det går inte att göra så här.",
    413: "Det är för mycket på en gång.",
    500: "Något gick fel hos oss. Det är noterat. Gäller det liv: ring 112.",
    503: "Tjänsten kan inte svara just nu. Gäller det liv: ring 112.",
}


def application(
    door: Door, reload: Reload | None = None, copier: Copier | None = None, shipper: Shipper | None = None
) -> web.Application:
    """The whole HTTP side over this door, independent of how the service is put together. `reload`: lets the edited
    profile take over; `copier`: makes a copy of the file; `shipper`: tells a
    standby of later commits. Without one there is no such door."""
    pages = Pages(door)
    connections = Connections(door.proxies, door.metrics.turned_away)
    middlewares = (connections.middleware, _Faults(pages).middleware, _own_name)
    app = web.Application(middlewares=middlewares, client_max_size=BODY_BYTES)
    app[DOOR], app[WATCH] = door, connections
    app.on_response_prepare.append(_secured)
    app.add_routes(
        [
            web.post("/v1/events", post_events),
            web.get("/v1/situations", get_situations),
            web.get("/v1/situations/{id}", get_situation),
            web.get("/v1/log/events", get_events),
            web.get("/v1/log/refused", get_refused),
            web.get("/v1/policy", get_policy),
            web.get("/healthz", get_health),
            web.get("/readyz", Readiness(door).get),
            web.get("/metrics", get_metrics),
            *pages.routes(),
        ]
    )
    if reload is not None:
        app[RELOAD] = reload
        app.add_routes([web.post("/v1/reload", post_reload)])
    if copier is not None:
        app[COPIER] = copier
        app.add_routes([web.post("/v1/backup", post_backup)])
    if shipper is not None:
        app[SHIPPER] = shipper
        app.add_routes([web.post("/v1/ship", post_ship), web.get("/v1/epoch", get_epoch)])
    return app


def _is_ours(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | web.RequestPayloadError))


_server_log = logging.getLogger("beredd.server")
_server_log.addFilter(_is_ours)
"""What is no HTTP is answered with 400. A traceback for each would let strangers fill the log with what they sent."""


def runner(app: web.Application) -> web.AppRunner:
    """A runner with the bounds this application counts on. No access log: its lines would hold people's codes."""
    return WatchedRunner(
        app,
        access_log=None,
        logger=_server_log,
        max_line_size=4096,
        max_field_size=8190,
        max_headers=64,
        keepalive_timeout=KEEPALIVE_S,
        auto_decompress=False,  # we take nothing packed, and what we do not take must not be unpacked either
    )


# --- situations and logs out -----------------------------------------------------------------------------------------


async def get_situations(request: web.Request) -> web.Response:
    """The realm's open situations, the newest first; closed ones too with `closed=1`."""
    door = request.app[DOOR]
    door.may_look(request)
    closed = request.query.get("closed", "0")
    if closed not in ("0", "1"):
        raise web.HTTPBadRequest(text="closed: väntade 0 eller 1.")
    found = door.view.situations(_realm(request), closed=closed == "1")
    listed = [summary(s, s.matter, door.profile) for s in found if s.matter is not None]
    return _json({"situations": listed})


async def get_situation(request: web.Request) -> web.Response:
    """One situation, whole."""
    door = request.app[DOOR]
    door.may_look(request)
    realm = _realm(request)
    found = door.view.situation(realm, request.match_info["id"])
    if found is None or found.matter is None:
        raise web.HTTPNotFound(text=f"Det finns inget sådant ärende i {realm}.")
    return _json(whole(found, found.matter, door.profile))


async def get_events(request: web.Request) -> web.Response:
    """The newest accepted events, the newest first."""
    door, limit = request.app[DOOR], _limit(request)
    door.may_look(request)
    rows = await door.ask(lambda journal: journal.events(limit))
    names = ("sequence", "received_at", "realm", "source", "id", "kind")
    return _json({"events": [dict(zip(names, row[:-1], strict=True)) | {"event": _parsed(row[-1])} for row in rows]})


async def get_refused(request: web.Request) -> web.Response:
    """The newest refusals, the newest first."""
    door, limit = request.app[DOOR], _limit(request)
    door.may_look(request)
    rows = await door.ask(lambda journal: journal.refusals(limit))
    return _json({"refused": [dict(zip(("at", "reason", "message", "principal"), row, strict=True)) for row in rows]})


def _parsed(body: bytes) -> Any:
    return orjson.loads(body)


def _realm(request: web.Request) -> str:
    realm = request.query.get("realm", LIVE)
    if not re.fullmatch(REALM_PATTERN, realm):
        raise web.HTTPBadRequest(text="realm: väntade live eller exercise/<namn>.")
    return realm


def _limit(request: web.Request) -> int:
    said = request.query.get("limit", "50")
    if not re.fullmatch(r"[0-9]{1,4}", said) or not 1 <= int(said) <= ROWS_MAX:
        raise web.HTTPBadRequest(text=f"limit: väntade ett tal mellan 1 och {ROWS_MAX}.")
    return int(said)


# --- the rules in force ----------------------------------------------------------------------------------------------


async def get_policy(request: web.Request) -> web.Response:
    """Which rules are in force, and since when."""
    door = request.app[DOOR]
    door.may_look(request)
    now = await door.ask(in_force)
    policy = door.profile.policy
    rules = [{"id": r.rule.id, "name": r.rule.name, "level": r.level, "identity": r.identity} for r in policy.rules]
    since = now.since if now is not None and now.hash == policy.hash else None
    return _json({"hash": policy.hash, "since": since, "rules": rules})


def _operated(request: web.Request, scope: Scope, *, often: bool = False) -> Principal | None:
    """Who has this done, if the token may; noted unless it is asked for again and again. Without keys, whoever is on
    this machine (JSON is asked for since a browser sends none in another site's name without asking first)."""
    principal = request.app[DOOR].operator(request, scope)
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Skicka Content-Type: application/json.")
    if not often:
        _log.info("%s asked for: %s", named(principal), scope)
    return principal


async def post_reload(request: web.Request) -> web.Response:
    """Lets the edited profile take over, or says why not."""
    _operated(request, Scope.RELOAD)
    report = await request.app[RELOAD]()
    if report.ok:
        return _json({k: v for k, v in asdict(report).items() if k not in ("faults", "secrets")})
    wrong = [word for word, faults in (("Profilen", report.faults), ("Hemligheterna", report.secrets)) if faults]
    said = f"{' och '.join(wrong)} avvisades; det gamla gäller vidare."
    faults = report.faults + report.secrets
    return _json({"error": said, "hash": report.hash, "rules": report.rules, "faults": faults}, status=422)


# --- copies ----------------------------------------------------------------------------------------------------------


async def post_backup(request: web.Request) -> web.StreamResponse:
    """A whole copy of the file, made meanwhile. It holds all that has been said, and the key of the links: whoever may
    fetch it is trusted with both. That it is sound is for whoever receives it to find."""
    _operated(request, Scope.BACKUP)
    try:
        copy = await request.app[COPIER]()
    except Exception as error:  # the disk's, or the host's own, which it has logged
        _log.warning("no copy could be made: %s", error)
        raise web.HTTPServiceUnavailable(
            text="Ingen kopia gick att göra just nu. Finns det lika mycket ledig plats som filen tar?",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        ) from error
    return await _sent_once(request, copy)


async def post_ship(request: web.Request) -> web.StreamResponse:
    """The commits after the one that a standby has, as soon as there is one: each its number and its length, eight
    bytes each, and what it changed. 410: it must take a new copy. 409: it has taken over, and this process ends."""
    door, principal = request.app[DOOR], _operated(request, Scope.SHIP, often=True)
    try:
        said = Shipped.model_validate_json(await body_of(request, SAID_BYTES))
    except (Refused, ValidationError):
        raise web.HTTPBadRequest(text='Väntade {"after": nummer, "epoch": nummer}.') from None
    if principal is not None and Scope.SUPERSEDE not in principal.may and said.epoch > await door.ask(epoch_of):
        raise web.HTTPForbidden(text="Nyckeln får inte säga att en annan har tagit över; den behöver supersede.")
    try:
        commits = await request.app[SHIPPER](said.after, said.epoch, min(said.wait_s, SHIP_WAIT_S))
    except SupersededError as error:
        raise web.HTTPConflict(text=str(error)) from None
    except Exception as error:  # the host's own fault, which it has logged
        _log.warning("a standby was not answered: %s", type(error).__name__)
        raise web.HTTPServiceUnavailable(headers={"Retry-After": str(RETRY_AFTER_S)}) from error
    if commits is None:
        raise web.HTTPGone(text="Det som ändrats sedan dess finns inte kvar; hämta en ny kopia.")
    body = b"".join(struct.pack(">QQ", number, len(each)) + each for number, each in commits)
    return web.Response(body=body, content_type="application/octet-stream")


async def get_epoch(request: web.Request) -> web.Response:
    """Which takeover this installation rests on: whoever has a lower number is superseded."""
    request.app[DOOR].operator(request, Scope.SHIP, Scope.LOOK)
    return _json({"epoch": await request.app[DOOR].ask(epoch_of)})


async def _sent_once(request: web.Request, copy: Path) -> web.StreamResponse:
    with await asyncio.to_thread(copy.open, "rb") as opened:
        await asyncio.to_thread(copy.unlink)  # what is open is read to its end; nothing is left when we are killed
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
        response.content_length = os.fstat(opened.fileno()).st_size
        await response.prepare(request)
        while chunk := await asyncio.to_thread(opened.read, CHUNK_BYTES):
            await response.write(chunk)
        await response.write_eof()
    return response


# --- how the process is ----------------------------------------------------------------------------------------------


async def get_health(request: web.Request) -> web.Response:
    """The process lives and its loop turns."""
    return web.Response(text="ok\n")


async def get_metrics(request: web.Request) -> web.Response:
    """The metrics in the form that the scraper asks for."""
    body, content_type = request.app[DOOR].metrics.exposed(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type})


# --- what holds for every answer -------------------------------------------------------------------------------------


class _Faults:
    """Turns every fault into an answer without a traceback, as JSON or as a page, whichever the caller reads."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return self._problem(request, error)
        except Exception:
            # The route and not the path: a path may hold a person's code.
            _log.exception("a request failed: %s %s", request.method, _route(request))
            return self._problem(request, web.HTTPInternalServerError())

    def _problem(self, request: web.Request, error: web.HTTPException) -> web.Response:
        own = error.text and not error.text.startswith(f"{error.status}:")
        said = error.text if own and error.text else SAID.get(error.status, error.reason)
        kept = {name: error.headers[name] for name in KEPT if name in error.headers}
        if _reads_pages(request):
            return self._pages.problem(error.status, said, kept)
        return _json({"error": said}, status=error.status, headers=kept)


@web.middleware
async def _own_name(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Where no key is needed, only this machine's own names lead here: a page elsewhere may let its name lead to
    127.0.0.1, and the browser would then count us to that page."""
    door = request.app[DOOR]
    if door.open and not door.own_name(request):
        door.metrics.turned_away(Turned.HOST)
        raise web.HTTPMisdirectedRequest(text="Så heter inte den här tjänsten. Gå till 127.0.0.1.")
    return await handler(request)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(no route)"


def _reads_pages(request: web.Request) -> bool:
    if request.path.startswith(("/k/", "/s/")):
        return True
    return not request.path.startswith("/v1/") and "text/html" in request.headers.get("Accept", "")


async def _secured(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "beredd"
