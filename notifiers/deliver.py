"""Stage 4: one attempt through one channel, in bounded time, with a classified outcome. It decides nothing.

A provider that hangs must never delay another, and Python cannot stop a thread. So each provider has a lane with a few
places; an attempt takes a place, runs in a daemon thread, and is left to itself at its deadline. The place comes back
when the thread ends, so a dead provider costs at most `places` threads, and only its own attempts wait. A channel that
waits in the event loop needs no thread, and its lane has as many places as it says.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from notifiers.attempt import Attempt, Outcome, Verdict
from notifiers.channel import BlockingChannel, Channel, Letter, LoopChannel, Report

_log = logging.getLogger(__name__)

_CODE = "{code}"
_UNKNOWN = Report(Verdict.REJECTED, "ingen kanal med den referensen finns i hemlighetsfilen")
_LATE = Report(Verdict.RETRYABLE, "fristen hade gått ut innan försöket kunde göras; inget skickades")
_BUSY = Report(Verdict.RETRYABLE, "leverantörens alla platser var upptagna hela fristen; inget skickades")
_NO_THREAD = Report(Verdict.RETRYABLE, "ingen tråd kunde startas; inget skickades")
_NO_ANSWER = Report(Verdict.TIMED_OUT, "leverantören svarade inte inom fristen")


class Delivery:
    """The deliver stage over a set of channels. Lives in one event loop."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        seconds_until: Callable[[datetime], float],
        *,
        places: int = 8,
        longest_s: float = 30.0,
    ) -> None:
        """`seconds_until`: real seconds left to an instant. The host owns time, and may run on a scaled clock."""
        self.channels = channels
        self._seconds_until = seconds_until
        self._places = places
        self._longest_s = longest_s
        self._lanes: dict[str, _Lane] = {}

    @property
    def running(self) -> int:
        """Threads at work, those that were left behind at their deadline included."""
        return sum(lane.taken for lane in self._lanes.values())

    async def deliver(self, attempt: Attempt, code: str) -> Outcome:
        """The attempt has been made once, or the outcome says why not. Returns by the deadline and never raises for
        what a channel does."""
        report = await self._report(attempt, code)
        return Outcome(
            attempt=attempt.id,
            notice=attempt.notice,
            person=attempt.person,
            verdict=report.verdict,
            why=report.why[:300],
        )

    async def _report(self, attempt: Attempt, code: str) -> Report:
        channel = self.channels.get(attempt.channel)
        if channel is None:
            return _UNKNOWN
        left_s = min(self._seconds_until(attempt.deadline), self._longest_s)
        if left_s <= 0:
            return _LATE  # contact has counted it as lost and made another; sending both would confuse
        ends = asyncio.get_running_loop().time() + left_s
        places = channel.at_once if isinstance(channel, LoopChannel) else self._places
        lane = self._lanes.setdefault(channel.provider, _Lane(places))
        if not await lane.enter(attempt.critical, left_s):
            return _BUSY
        if isinstance(channel, LoopChannel):
            return await _wait(channel, _letter(attempt, code), ends, lane)
        return await _run(channel, _letter(attempt, code), ends, lane)


def _letter(attempt: Attempt, code: str) -> Letter:
    """Not `str.format`: an event's text may hold braces. One line of title, since it becomes a mail header."""
    title = " ".join(attempt.title.replace(_CODE, code).split())
    return Letter(attempt, title, attempt.body.replace(_CODE, code))


async def _wait(channel: LoopChannel, letter: Letter, ends: float, lane: _Lane) -> Report:
    """The channel's report, or `_NO_ANSWER` when it has not come by `ends`."""
    try:
        left_s = ends - asyncio.get_running_loop().time()
        if left_s <= 0:
            return _BUSY
        async with asyncio.timeout(left_s):
            return await channel.post(letter, left_s)
    except TimeoutError:
        return _NO_ANSWER
    except Exception as error:
        return _unexpected(letter, error)
    finally:
        lane.leave()


async def _run(channel: BlockingChannel, letter: Letter, ends: float, lane: _Lane) -> Report:
    """The channel's report, or `_NO_ANSWER` when it has not come by `ends`. The thread gives the place back."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Report] = loop.create_future()
    left_s = ends - loop.time()
    if left_s <= 0:
        lane.leave()
        return _BUSY

    def done(report: Report) -> None:
        lane.leave()
        if not answer.done():
            answer.set_result(report)

    def work() -> None:
        report = _send(channel, letter, left_s)
        with suppress(RuntimeError):  # the loop has closed since: nobody waits, nothing to give back
            loop.call_soon_threadsafe(done, report)

    try:
        threading.Thread(target=work, name="beredd-deliver", daemon=True).start()
    except RuntimeError:  # the system is out of threads
        lane.leave()
        return _NO_THREAD
    await asyncio.wait({answer}, timeout=left_s)
    return answer.result() if answer.done() else _NO_ANSWER


def _send(channel: BlockingChannel, letter: Letter, timeout_s: float) -> Report:
    """The boundary to code that is not ours: whatever it raises becomes an outcome."""
    try:
        return channel.send(letter, timeout_s)
    except Exception as error:
        return _unexpected(letter, error)


def _unexpected(letter: Letter, error: Exception) -> Report:
    # Only the type: messages and tracebacks of HTTP and mail libraries quote addresses and passwords.
    _log.error("attempt %s: the channel raised %s", letter.attempt.id, type(error).__name__)
    return Report(Verdict.RETRYABLE, f"oväntat fel i kanalen ({type(error).__name__})")


class _Lane:
    """A provider's places. Whoever waits gets the next free one; critical attempts before others."""

    __slots__ = ("_places", "_waiting", "taken")

    def __init__(self, places: int) -> None:
        self._places = places
        self.taken = 0
        self._waiting: tuple[deque[asyncio.Future[None]], ...] = (deque(), deque())

    async def enter(self, critical: bool, timeout_s: float) -> bool:
        """True: a place is held until `leave()`. False: none came free in time."""
        if self.taken < self._places:
            self.taken += 1
            return True
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._waiting[0 if critical else 1]
        queue.append(turn)
        try:
            await asyncio.wait({turn}, timeout=timeout_s)
        except asyncio.CancelledError:
            if turn.done():
                self.leave()  # the turn came in the moment its owner went away
            else:
                queue.remove(turn)
            raise
        if turn.done():
            return True
        queue.remove(turn)
        return False

    def leave(self) -> None:
        """The place goes to the next who waits, or is free."""
        for queue in self._waiting:
            if queue:
                queue.popleft().set_result(None)
                return
        self.taken -= 1
