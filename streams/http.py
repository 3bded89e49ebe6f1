"""The HTTP API: events in, situations and logs out, and how the process is. The pages people see are `streams.pages`'.

Nothing is answered before the commit: a 202 means that what was sent survives a power cut (semantics 24).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from notifiers.secrets import PersonPrincipal, Principal
from rules.events import LIVE, Event
from streams.door import DOOR, Door, Host, body_of, named
from streams.embedded import Receipt
from streams.in_force import in_force
from streams.intake import Intake
from streams.pages import Pages
from streams.readiness import Readiness
from streams.refusal import Reason, Refusal, Refused, excerpt
from streams.reload import ReloadReport
from streams.situations import summary, whole
from streams.wire import REALM_PATTERN, Media, decode, encode

__all__ = ["DOOR", "Door", "Host", "application", "runner"]

_log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Reload = Callable[[], Awaitable[ReloadReport]]
RELOAD: web.AppKey[Reload] = web.AppKey("reload")

BODY_BYTES = 5 * 1024 * 1024
INLINE_BYTES = 128 * 1024
"""A thousand readings fit, and are read in less than a millisecond. A larger body is decoded in a thread of its own, so
that an answer to an alarm never waits behind it."""

ROWS_MAX = 500
RIGHTS = frozenset({Reason.SOURCE, Reason.RIGHT, Reason.REALM, Reason.PERSON})

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


def application(door: Door, reload: Reload | None = None) -> web.Application:
    """The whole HTTP side over this door, independent of how the service is put together. `reload`: lets the edited
    profile take over; without it there is no such door."""
    pages = Pages(door)
    app = web.Application(middlewares=(_Faults(pages).middleware,), client_max_size=BODY_BYTES)
    app[DOOR] = door
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
    return app


def runner(app: web.Application) -> web.AppRunner:
    """A runner with the bounds this application counts on. No access log: its lines would hold people's codes."""
    return web.AppRunner(
        app, access_log=None, max_line_size=4096, max_field_size=8190, max_headers=64, keepalive_timeout=30.0
    )


# --- events in -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judged:
    """A body, event by event: what may enter and what may not. `rights`: all refusals are about who may say what."""

    events: tuple[Event, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    rights: bool = False


def judge(intake: Intake, principal: Principal | None, body: bytes, content_type: str, now: datetime) -> Judged:
    """Decodes a body and asks for each event whether it may enter."""
    events: list[Event] = []
    unreadable: list[Refusal] = []
    unwelcome: list[Refusal] = []
    lines = _lines(body, content_type)
    for index, read in enumerate(decode(body, content_type, now, intake.sensors)):
        if isinstance(read, Refusal):
            unreadable.append(read)
            continue
        match intake.admit(read, principal):
            case Refusal() as refusal:
                line = lines[index] if lines else None
                place = {"index": index, "line": line, "excerpt": excerpt(encode(read))}
                unwelcome.append(refusal.model_copy(update=place))
            case event:
                events.append(event)
    rights = bool(unwelcome) and not unreadable and all(r.reason in RIGHTS for r in unwelcome)
    refusals = sorted(unreadable + unwelcome, key=lambda r: r.index)
    return Judged(tuple(events), tuple(refusals), rights)


def _lines(body: bytes, content_type: str) -> tuple[int, ...]:
    """The lines the events of NDJSON stand on, as an editor counts; empty for other media."""
    if content_type.partition(";")[0].strip().lower() != Media.NDJSON:
        return ()
    return tuple(number for number, line in enumerate(body.split(b"\n"), start=1) if line.strip())


async def post_events(request: web.Request) -> web.Response:
    """Takes events. Answers when they are safe, telling of each that was not taken why."""
    door = request.app[DOOR]
    principal = door.identify(request, required=not door.host.intake.open_door)
    try:
        body = await body_of(request, BODY_BYTES)
    except Refused as refused:
        judged = Judged(refusals=(refused.refusal(),))
    else:
        given = (door.host.intake, principal, body, request.headers.get("Content-Type", ""), door.clock.now())
        judged = judge(*given) if len(body) <= INLINE_BYTES else await asyncio.to_thread(judge, *given)
    if not judged.events and not judged.refusals:
        return _json(_told(Receipt(0, 0), judged), status=202)
    receipt = await door.commit(judged.events, judged.refusals, named(principal))
    return _json(_told(receipt, judged), status=status_of(judged))


def status_of(judged: Judged) -> int:
    """The HTTP status that tells a sender what to do next."""
    if not judged.refusals:
        return 202
    if judged.events:
        return 207
    match judged.refusals[0].reason:
        case Reason.CONTENT_TYPE:
            return 415
        case Reason.TOO_LARGE:
            return 413
        case _:
            return 403 if judged.rights else 422


def _told(receipt: Receipt, judged: Judged) -> dict[str, Any]:
    return {
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "refused": [r.model_dump(mode="json", include={"index", "line", "reason", "message"}) for r in judged.refusals],
    }


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


async def post_reload(request: web.Request) -> web.Response:
    """Lets the edited profile take over, or says why not. A person's doing; without keys, whoever is on this machine
    (JSON is asked for since a browser sends none in another site's name without asking first)."""
    door = request.app[DOOR]
    principal = door.identify(request, required=not door.host.intake.open_door)
    if not door.host.intake.open_door and not isinstance(principal, PersonPrincipal):
        raise web.HTTPForbidden(text="Bara en person får ladda om profilen; det här är en källas nyckel.")
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Skicka Content-Type: application/json.")
    _log.info("a reload was asked for by %s", named(principal))
    report = await request.app[RELOAD]()
    if report.ok:
        return _json({k: v for k, v in asdict(report).items() if k != "faults"})
    said = "Profilen avvisades; den gamla gäller vidare."
    return _json({"error": said, "hash": report.hash, "rules": report.rules, "faults": report.faults}, status=422)


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


def _json(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    body = orjson.dumps(value, option=orjson.OPT_UTC_Z) + b"\n"
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)
