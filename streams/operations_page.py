"""The operations page: whether the system itself works, in words, for whoever has to do something about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from notifiers.degradation import what_to_do, wrong
from notifiers.ways import Standing
from streams.ack_page import clock
from streams.health import Health, Way

STANDING = {
    Standing.WORKS: "fungerar",
    Standing.FAILING: "fungerar inte",
    Standing.UNKNOWN: "vet inte: har inte prövats nyligen",
}
SHORT = {
    Standing.WORKS: "Det finns en kanal till tjänsteperson i beredskap som fungerar.",
    Standing.FAILING: "Ingen kanal till tjänsteperson i beredskap fungerar.",
    Standing.UNKNOWN: "Ingen kanal till tjänsteperson i beredskap har prövats nyligen; ingen vet om larm kommer fram.",
}


def operations(health: Health, unsaved: Sequence[str], now: datetime, zone: ZoneInfo) -> dict[str, object]:
    """What the page shows. `unsaved`: why nothing can be saved at this moment."""
    return {
        "headline": _headline(health, ready=not unsaved and not health.reasons),
        "reasons": (*unsaved, *health.reasons),
        "telephone": bool(unsaved or health.broken),
        "call_list": health.call_list,
        "out": SHORT[health.out],
        "troubles": [
            {"wrong": _sentence(wrong(t)), "do": what_to_do(t), "since": clock(since, now, zone)}
            for t, since in health.troubles
        ],
        "ways": [_way(way, now, zone) for way in health.ways],
        "waiting": health.outbox_open,
        "oldest": f"{health.outbox_oldest_s:.0f}",
        "late": f"{health.timers_late_s:.0f}",
        "saved": f"{health.saved_s:.0f}",
        "heartbeat": clock(health.heartbeat, now, zone) if health.heartbeat is not None else None,
        "findings": [_sentence(finding) for finding in health.findings],
    }


def _headline(health: Health, *, ready: bool) -> str:
    if not ready:
        return "beredd fungerar inte som det ska"
    return "beredd fungerar, men något är fel" if health.troubles else "beredd fungerar"


def _way(way: Way, now: datetime, zone: ZoneInfo) -> dict[str, object]:
    return {
        "name": way.name,
        "critical": way.critical,
        "standing": STANDING[way.standing],
        "since": clock(way.since, now, zone) if way.since is not None else None,
        "why": way.why,
        "told": f"{way.reporting_s:.0f} s" if way.reporting_s is not None else "först vid nästa larm",
    }


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."
