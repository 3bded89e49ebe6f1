"""POST /v1/events: what is in a body, what of it may enter, and what its sender is told.

Under overload readings are refused, and what came with them is taken (semantics 25). Nothing is answered before the
commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from notifiers.tokens import Principal
from rules.events import Event, EventKind
from streams.door import (
    COMMIT_S,
    DOOR,
    MANY_EVENTS,
    MANY_READINGS,
    RETRY_AFTER_S,
    Door,
    answered,
    as_json,
    body_of,
    named,
)
from streams.embedded import Lane, Overloaded, Receipt
from streams.intake import Intake
from streams.refusal import Reason, Refusal, Refused, excerpt
from streams.wire import TYPE_OF, Media, decode, encode

BODY_BYTES = 5 * 1024 * 1024
INLINE_BYTES = 128 * 1024
"""A thousand readings fit, and are read in less than a millisecond. A larger body is decoded in a thread of its own, so
that an answer to an alarm never waits behind it."""

READINGS_TYPE = TYPE_OF[EventKind.READINGS].encode()
ANY_TYPE = b"se.beredd."

RIGHTS = frozenset({Reason.SOURCE, Reason.RIGHT, Reason.REALM, Reason.PERSON})


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
    principal = door.reporter(request)
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
        return as_json(_told(Receipt(0, 0), ()), status=202)
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
    taken: list[tuple[tuple[Event, ...], Future[Receipt]]] = []
    receipts: list[Receipt] = []
    turned: list[tuple[tuple[Event, ...], Overloaded]] = []
    for events, refused in parts:
        try:
            taken.append((events, door.host.submit(events, refused, principal, size)))
        except Overloaded as full:
            turned.append((events, full))
            for refusal in refused:  # told, but in no log: there is no room for it
                door.metrics.refused(refusal.reason, 1)
    for events, future in taken:
        try:
            receipts.append(await answered(future, COMMIT_S))
        except web.HTTPServiceUnavailable:
            if not receipts:
                raise
            turned.append((events, Overloaded(Lane.READINGS, RETRY_AFTER_S)))  # what is urgent is safe, and told so
    wait_s = max((full.retry_after_s for events, full in turned if events), default=0)
    refusals = judged.refusals + tuple(r for events, full in turned for r in _overloads(judged, events, full))
    door.metrics.refused(Reason.OVERLOAD, len(refusals) - len(judged.refusals))
    if not wait_s:
        return as_json(_told(_sum(receipts), judged.refusals), status=status_of(judged))
    if not receipts and not judged.refusals:
        return _try_again(wait_s, Lane.URGENT if urgent else Lane.READINGS)
    said = _told(_sum(receipts), tuple(sorted(refusals, key=lambda r: r.index)))
    return as_json(said, status=207, headers={"Retry-After": str(wait_s)})


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
    return as_json(
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
