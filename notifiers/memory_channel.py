"""The in-memory twin of a channel: it remembers what it was handed and answers as scripted. For tests and stories."""

from __future__ import annotations

import threading
from collections import deque

from notifiers.attempt import Verdict
from notifiers.channel import Letter, Report

ACCEPTED = Report(Verdict.ACCEPTED)
REJECTED = Report(Verdict.REJECTED, "minneskanalen är ombedd att avvisa")
RETRYABLE = Report(Verdict.RETRYABLE, "minneskanalen är ombedd att inte ta emot nu")


class MemoryChannel:
    """A channel without a world. Unless scripted it accepts."""

    def __init__(self, provider: str = "memory") -> None:
        self.provider = provider
        self._script: deque[Report | None] = deque()
        self._accepted: deque[Letter] = deque()
        self._released = threading.Event()

    @property
    def accepted(self) -> tuple[Letter, ...]:
        """What was taken, oldest first."""
        return tuple(self._accepted)

    def script(self, *reports: Report) -> None:
        """The next sends are answered so, in order; after them the channel accepts again."""
        self._script.extend(reports)

    def hang(self, times: int = 1) -> None:
        """The next sends do not return until `release()`."""
        self._script.extend([None] * times)

    def release(self) -> None:
        """Lets everything that hangs, now or later, return without having been taken."""
        self._released.set()

    def send(self, letter: Letter, timeout_s: float) -> Report:
        report = self._script.popleft() if self._script else ACCEPTED
        if report is None:
            self._released.wait()  # deliberately past timeout_s: a hung thread is what the twin must be able to play
            return Report(Verdict.TIMED_OUT, "minneskanalen hängde")
        if report.verdict is Verdict.ACCEPTED:
            self._accepted.append(letter)
        return report
