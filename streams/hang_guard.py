"""Ends a worker whose event loop has stopped turning. Its heartbeats to Kafka are another thread's and would go on, so
that nobody took its partitions over."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time

_log = logging.getLogger(__name__)
HUNG_S = 10.0
LOOK_S = 1.0
HUNG = 70
"""The exit code of a worker that hung."""


class HangGuard(threading.Thread):
    """Looks from a thread of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, hung_s: float = HUNG_S) -> None:
        super().__init__(name="beredd-hang-guard", daemon=True)
        self._loop, self._hung_s = loop, hung_s
        self._turned = time.monotonic()
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(LOOK_S):
            if time.monotonic() - self._turned > self._hung_s:
                _log.critical("the event loop has not turned for %.0f s; the worker ends", self._hung_s)
                os._exit(HUNG)
            try:
                self._loop.call_soon_threadsafe(self._turns)
            except RuntimeError:  # the loop is closed: the worker ends in order
                return

    def _turns(self) -> None:
        self._turned = time.monotonic()

    def stop(self) -> None:
        self._over.set()
