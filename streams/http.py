"""The HTTP API: events in, situations and logs out, and how the process is. The pages people see are `streams.pages`'.

Nothing is answered before the commit: a 202 means that what was sent survives a power cut (semantics 24).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from notifiers.secrets import PersonPrincipal, Principal
from rules.events import LIVE, Event, EventKind
from streams.connections import KEEPALIVE_S, WATCH, Connections, WatchedRunner
from streams.door import COMMIT_S, DOOR, MANY_EVENTS, MANY_READINGS, Door, Host, answered, body_of, named
from streams.embedded import Lane, Overloaded, Receipt
from streams.in_force import in_force
from streams.intake import Intake
from streams.pages import Pages
from streams.readiness import Readiness
from streams.refusal import Reason, Refusal, Refused, excerpt
from streams.reload import ReloadReport
from streams.situations import summary, whole
from streams.wire import REALM_PATTERN, TYPE_OF, Media, decode, encode

__all__ = ["DOOR", "Door", "Host", "application", "runner"]

_log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Reload = Callable[[], Awaitable[ReloadReport]]
RELOAD: web.AppKey[Reload] = web.AppKey("reload")

BODY_BYTES = 5 * 1024 * 1024
INLINE_BYTES = 128 * 1024
"""A thousand readings fit, and are read in less than a millisecond. A larger body is decoded in a thread of its own, so
that an answer to an alarm never waits behind it."""

READINGS_TYPE = TYPE_OF[EventKind.READINGS].encode()
ANY_TYPE = b"se.beredd."

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
    connections = Connections(door.proxies, door.metrics.turned_away)
    app = web.Application(middlewares=(connections.middleware, _Faults(pages).middleware), client_max_size=BODY_BYTES)
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
    return app


def _is_ours(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


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
    )


# --- events in -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judged:
    """A body, event by event: what may enter and what may not. `rights`: all refusals are about who may say what.
    `places`: of each event its index and, in NDJSON, its line."""

    events: tuple[Event, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    rights: bool = False
    places: tuple[tuple[int, int | None], ...] = ()


def judge(intake: Intake, principal: Principal | None, body: bytes, content_type: str, now: datetime) -> Judged:
    """Decodes a body and asks for each event whether it may enter."""
    events: list[Event] = []
    places: list[tuple[int, int | None]] = []
    unreadable: list[Refusal] = []
    unwelcome: list[Refusal] = []
    lines = _lines(body, content_type)
    for index, read in enumerate(decode(body, content_type, now, intake.sensors)):
        if isinstance(read, Refusal):
            unreadable.append(read)
            continue
        line = lines[index] if lines else None
        match intake.admit(read, principal):
            case Refusal() as refusal:
                place = {"index": index, "line": line, "excerpt": excerpt(encode(read))}
                unwelcome.append(refusal.model_copy(update=place))
            case event:
                events.append(event)
                places.append((index, line))
    rights = bool(unwelcome) and not unreadable and all(r.reason in RIGHTS for r in unwelcome)
    refusals = sorted(unreadable + unwelcome, key=lambda r: r.index)
    return Judged(tuple(events), tuple(refusals), rights, tuple(places))


def _lines(body: bytes, content_type: str) -> tuple[int, ...]:
    """The lines the events of NDJSON stand on, as an editor counts; empty for other media."""
    if content_type.partition(";")[0].strip().lower() != Media.NDJSON:
        return ()
    return tuple(number for number, line in enumerate(body.split(b"\n"), start=1) if line.strip())


async def post_events(request: web.Request) -> web.Response:
    """Takes events. Answers when they are safe, telling of each that was not taken why. Under overload readings are
    refused, and what came with them is taken (semantics 25)."""
    door = request.app[DOOR]
    principal = door.identify(request, required=not door.host.intake.open_door)
    with door.space.share() as share:
        try:
            body = await body_of(request, BODY_BYTES, share)
        except Refused as refused:
            judged = Judged(refusals=(refused.refusal(),))
        else:
            if (said := _no_room(door, body)) is not None:
                return said
            given = (door.host.intake, principal, body, request.headers.get("Content-Type", ""), door.clock.now())
            judged = judge(*given) if len(body) <= INLINE_BYTES else await _read_aside(door, given)
        held = share.held
    if not judged.events and not judged.refusals:
        return _json(_told(Receipt(0, 0), ()), status=202)
    return await _handed_in(door, judged, named(principal), held)


def _no_room(door: Door, body: bytes) -> web.Response | None:
    """The answer to a body of nothing but readings while there is no room for them: a flood is not worth reading. What
    names any other type, or hides one behind an escape, is read."""
    readings = body.count(READINGS_TYPE)
    if readings == 0 or readings != body.count(ANY_TYPE) or b"\\u" in body:
        return None
    wait_s = door.host.full(Lane.READINGS)
    if wait_s is None:
        return None
    door.metrics.refused(Reason.OVERLOAD, readings)
    return _try_again(wait_s)


async def _read_aside(door: Door, given: tuple[Intake, Principal | None, bytes, str, datetime]) -> Judged:
    async with door.readers:
        return await asyncio.to_thread(judge, *given)


async def _handed_in(door: Door, judged: Judged, principal: str | None, size: int) -> web.Response:
    """Hands in what is urgent, and apart from it readings and refusals; tells what became of each."""
    urgent = tuple(e for e in judged.events if e.kind is not EventKind.READINGS)
    readings = tuple(e for e in judged.events if e.kind is EventKind.READINGS)
    parts = [p for p in ((urgent, ()), (readings, judged.refusals)) if any(p)]
    taken: list[Future[Receipt]] = []
    refusals, wait_s = judged.refusals, 0
    for events, refused in parts:
        try:
            taken.append(door.host.submit(events, refused, principal, size))
        except Overloaded as full:
            wait_s = max(wait_s, full.retry_after_s) if events else wait_s
            refusals += _overloads(judged, events, full)
            door.metrics.refused(Reason.OVERLOAD, len(events))
            for refusal in refused:  # told, but in no log: there is no room for it
                door.metrics.refused(refusal.reason, 1)
    receipts = [await answered(future, COMMIT_S) for future in taken]
    if not wait_s:
        return _json(_told(_sum(receipts), judged.refusals), status=status_of(judged))
    if not receipts and not judged.refusals:
        return _try_again(wait_s, Lane.URGENT if urgent else Lane.READINGS)
    said = _told(_sum(receipts), tuple(sorted(refusals, key=lambda r: r.index)))
    return _json(said, status=207, headers={"Retry-After": str(wait_s)})


def _overloads(judged: Judged, events: tuple[Event, ...], full: Overloaded) -> tuple[Refusal, ...]:
    said = f"{_many(full.lane)} Skicka om den om {full.retry_after_s} s; samma sak två gånger gör ingen skada."
    turned = {id(event) for event in events}
    places = (place for event, place in zip(judged.events, judged.places, strict=True) if id(event) in turned)
    return tuple(Refusal(reason=Reason.OVERLOAD, message=said, index=i, line=line) for i, line in places)


def _many(lane: Lane) -> str:
    return MANY_READINGS if lane is Lane.READINGS else MANY_EVENTS


def _try_again(wait_s: int, lane: Lane = Lane.READINGS) -> web.Response:
    """503: nothing of it was taken, and all of it may come again."""
    said = f"{_many(lane)} Skicka om allt om {wait_s} s; samma sak två gånger gör ingen skada."
    return _json(
        {"error": said, "accepted": 0, "duplicates": 0, "refused": []},
        status=503,
        headers={"Retry-After": str(wait_s)},
    )


def _sum(receipts: Sequence[Receipt]) -> Receipt:
    return Receipt(sum(r.accepted for r in receipts), sum(r.duplicates for r in receipts))


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


def _told(receipt: Receipt, refusals: tuple[Refusal, ...]) -> dict[str, Any]:
    return {
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "refused": [r.model_dump(mode="json", include={"index", "line", "reason", "message"}) for r in refusals],
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
