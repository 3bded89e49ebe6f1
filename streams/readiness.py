"""Whether an event sent now would be kept and could reach somebody: `/readyz`, which tells of all it rests on."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web

from notifiers.degradation import wrong
from streams.door import Door, answered
from streams.health import Health, Way

PROBE_S = 2.0
PROBED_FOR_S = 1.0

UNSAVED = "ingenting kan sparas"
COMMIT_FAILED = "den senaste skrivningen misslyckades"
NO_CHANNEL = "ingen kanal är inlagd; ingen kan nås"


class Readiness:
    """Looks when it is asked. A look is good for a second, so that looking often costs no more than looking."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._until_s = 0.0
        self._seen: dict[str, Any] = {}
        self._looking = asyncio.Lock()

    async def get(self, request: web.Request) -> web.Response:
        """200 if ready, 503 if not; why, and what is known, stands in the body."""
        async with self._looking:
            now_s = asyncio.get_running_loop().time()
            if now_s >= self._until_s:
                self._seen = await self._look()
                self._until_s = asyncio.get_running_loop().time() + PROBED_FOR_S
        body = orjson.dumps(self._seen, option=orjson.OPT_UTC_Z) + b"\n"
        return web.Response(body=body, status=200 if self._seen["ready"] else 503, content_type="application/json")

    async def _look(self) -> dict[str, Any]:
        reasons = await self.unsaved()
        if self._door.channels == 0:
            reasons.append(NO_CHANNEL)
        health = self._door.health() if self._door.health is not None else None
        if health is not None:
            reasons += health.reasons
        return {"ready": not reasons, "reasons": reasons} | (told(health) if health is not None else {})

    async def unsaved(self) -> list[str]:
        """Why nothing can be saved at this moment; empty if it can."""
        found = []
        fault = self._door.host.fault  # before the probe: a commit that succeeds clears it
        try:
            await answered(self._door.host.probe(), PROBE_S)
        except web.HTTPServiceUnavailable:
            found.append(UNSAVED)
        if fault is not None:
            found.append(COMMIT_FAILED)
        return found


def told(health: Health) -> dict[str, Any]:
    """What the answer rests on. It holds no address, no name of a person and no secret."""
    return {
        "way_out": health.out,
        "ways": [_way(way) for way in health.ways],
        "troubles": [
            {"state": t.what, "about": t.about, "said": wrong(t), "since": since} for t, since in health.troubles
        ],
        "saved_seconds_ago": round(health.saved_s, 1),
        "outbox": {"open": health.outbox_open, "oldest_seconds": round(health.outbox_oldest_s, 1)},
        "timers_late_seconds": round(health.timers_late_s, 1),
        "heartbeat_sent_at": health.heartbeat,
    }


def _way(way: Way) -> dict[str, Any]:
    return {
        "name": way.name,
        "media": way.media,
        "critical": way.critical,
        "state": way.standing,
        "since": way.since,
        "why": way.why,
        "told_within_seconds": way.reporting_s,
    }
