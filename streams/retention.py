"""Erases by rule what need not be kept: some rows at a time, between events, and each erasing is a row in the chain.

What is erased cannot be shown again, but the chain still tells that there was a row, when, and by which rule it went.
Nothing is erased that came since the oldest matter that is still open was opened, whatever the rule: somebody may ask
what that matter rests on. The one exception takes nothing away: of a thing that was written down anew, only the newest
writing is kept (`superseded`); the log line that told of the change stays.

Not reached: the stages' own state of closed matters, and copies of the file that somebody has made.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from rules.policy import Retention
from streams.journal import Erasing, Journal

_log = logging.getLogger(__name__)

EVERY = timedelta(hours=1)
SUPERSEDED_AFTER = timedelta(hours=1)
PAUSE_S = 0.005

READINGS = Erasing("readings", "log", "kind='readings'", "length(body)", thorough=False)
EVENTS = Erasing(
    "events", "log", "kind<>'readings' AND length(body)>0", "length(body)", emptied="body=x'', principal=NULL"
)
RECORDS = Erasing("records", "record", "1", "length(body)")
REFUSED = Erasing(
    "refused",
    "refused",
    "NOT (said='' AND excerpt='' AND principal IS NULL)",
    "length(said)+length(excerpt)",
    emptied="said='', excerpt='', principal=NULL",
)
DEAD = Erasing("refused", "dead", "length(body)>0 OR why<>''", "length(body)", emptied="body=x'', why=''")
SUPERSEDED = Erasing(
    "superseded",
    "record",
    # Within the same bounds: the whole of `latest` as a list would take longer to make than the rest to look at.
    'substr(body, 1, 14)<>CAST(\'{"kind":"line"\' AS BLOB) AND seq NOT IN'
    " (SELECT seq FROM latest WHERE seq>?1 AND seq<=?2)",
    "length(body)",
)


class Asked(Protocol):
    """What erasing needs of a host."""

    def ask(self, question: Callable[[Journal], Any]) -> Future[Any]: ...


def due(retention: Retention, now: datetime, oldest_open: datetime | None) -> Iterator[tuple[Erasing, datetime]]:
    """What is to be erased now: each rule, and before which moment what it names must have come."""
    yield SUPERSEDED, now - SUPERSEDED_AFTER
    kept = {READINGS: retention.readings, EVENTS: retention.events, RECORDS: retention.records}
    for rule, days in (kept | {REFUSED: retention.refused, DEAD: retention.refused}).items():
        if days is not None:
            before = now - timedelta(days=days)
            yield rule, before if oldest_open is None else min(before, oldest_open)


async def tidy(host: Asked, retention: Retention, now: datetime, oldest_open: datetime | None) -> dict[str, int]:
    """What need not be kept is gone. Returns how many rows went, by rule."""
    gone: dict[str, int] = {}
    for rule, before in due(retention, now, oldest_open):
        gone[rule.name] = gone.get(rule.name, 0) + await _erase(host, rule, before)
        if rule is RECORDS:
            while went := await _ask(host, partial(Journal.forget_sent, before=before)):
                gone["sent"] = gone.get("sent", 0) + went
    if any(gone.values()):
        _log.info("erased by rule: %s", ", ".join(f"{name} {rows}" for name, rows in gone.items() if rows))
    return gone


async def _erase(host: Asked, rule: Erasing, before: datetime) -> int:
    high, at, rows = await _ask(host, lambda journal: (journal.bound(rule.book, before), journal.first(rule.book), 0))
    at -= 1
    while at < high:
        at, went = await _ask(host, partial(Journal.erase, rule=rule, low=at, high=high))
        rows += went
    return int(rows)


async def _ask(host: Asked, question: Callable[[Journal], Any]) -> Any:
    answer = await asyncio.wrap_future(host.ask(question))
    await asyncio.sleep(PAUSE_S)  # what is urgent comes in between
    return answer
