"""The heartbeat to a receiver outside: it raises the alarm when it no longer hears from us, whatever the reason.

It is sent only while the whole chain works: a write of this moment was saved, and nothing breaks the way from event to
person. Otherwise it is withheld, and the receiver is told at once where it has an address for that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp

from notifiers import secrets
from notifiers.degradation import Degradation, Trouble

_log = logging.getLogger(__name__)
ANSWER_S = 10.0
UNHEARD = 3
"""So many heartbeats in a row that were not taken are told: nobody outside would notice if we stopped."""


class HeartbeatSender:
    """Sends at intervals until cancelled. `broken`: what breaks the chain now, in words; `sent`: one was received;
    `report`: whom it concerns that none is."""

    def __init__(
        self,
        heartbeat: secrets.Heartbeat,
        broken: Callable[[], Awaitable[tuple[str, ...]]],
        sent: Callable[[], None],
        report: Callable[[Trouble, bool], None],
    ) -> None:
        self._heartbeat = heartbeat
        self._broken = broken
        self._sent = sent
        self._report = report
        self._silent = False
        self._failures = 0

    async def run(self) -> None:
        # `trust_env`: a city's servers often reach the outside through a proxy, as Apprise then does too.
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
            while True:
                begun_s = asyncio.get_running_loop().time()
                try:
                    await self._beat(session, await self._broken())
                except Exception as error:  # the address is a secret, and stands in the text of most faults
                    self._unheard(type(error).__name__)
                spent_s = asyncio.get_running_loop().time() - begun_s
                await asyncio.sleep(max(0.0, self._heartbeat.every_s - spent_s))

    async def _beat(self, session: aiohttp.ClientSession, broken: tuple[str, ...]) -> None:
        if bool(broken) is not self._silent:
            self._silent = bool(broken)
            _log.warning("the heartbeat is %s %s", "withheld:" if broken else "sent again", "; ".join(broken))
        if not broken:
            async with session.get(self._heartbeat.url.get_secret_value(), allow_redirects=False) as answer:
                self._received(answer.status)
        elif self._heartbeat.fault_url is not None:
            said = "beredd: " + "; ".join(broken)
            url = self._heartbeat.fault_url.get_secret_value()
            async with session.post(url, data=said.encode(), allow_redirects=False) as answer:
                answer.release()

    def _received(self, status: int) -> None:
        if 200 <= status < 300:
            self._failures = 0
            self._report(Trouble(Degradation.UNHEARD), False)
            self._sent()
        else:
            self._unheard(f"HTTP {status}")

    def _unheard(self, why: str) -> None:
        self._failures += 1
        _log.error("the heartbeat was not taken: %s", why)
        if self._failures >= UNHEARD:
            self._report(Trouble(Degradation.UNHEARD), True)
