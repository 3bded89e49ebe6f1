"""Keeps the call list fresh: at each change, and every few minutes so that its time says how old it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from notifiers.degradation import Degradation, Trouble
from streams.call_list import NAME, CallList, write

_log = logging.getLogger(__name__)

LOOK_S = 1.0
PAUSE_S = 5.0
FRESH_S = 180.0
"""Between two looks whether anything changed, between two writings, and the oldest a list may become."""


class CallListKeeper:
    """Writes until cancelled. `compose`: the list as of now; `report`: whom it concerns that it cannot be written."""

    def __init__(
        self, directory: Path, compose: Callable[[], CallList], report: Callable[[Trouble, bool], None]
    ) -> None:
        self.file = directory / NAME
        self._compose = compose
        self._report = report
        self._changed = True
        self._said: tuple[Trouble, ...] = ()

    def changed(self) -> None:
        """Something on the list has changed. Callable from any thread."""
        self._changed = True

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        written_s = loop.time() - FRESH_S
        while True:
            old_s, wanted = loop.time() - written_s, self._compose()
            if old_s >= FRESH_S or (old_s >= PAUSE_S and (self._changed or wanted.troubles != self._said)):
                written_s = loop.time()
                await self._write(wanted)
            await asyncio.sleep(LOOK_S)

    async def _write(self, wanted: CallList) -> None:
        self._changed, self._said = False, wanted.troubles
        try:
            await asyncio.to_thread(lambda: write(self.file.parent, wanted.text()))
        except Exception as error:  # a person who has left the registry must not end the list for good
            _log.error("the call list could not be written: %s", type(error).__name__, exc_info=error)
            self._report(Trouble(Degradation.CALL_LIST), True)
        else:
            self._report(Trouble(Degradation.CALL_LIST), False)
