"""`beredd run`, but the process kills itself at a named point: python -m tests.proof.mortal POINT N -- arguments.

The points are put around methods from outside, so nothing in the product knows of them. SIGKILL: no handler, no
`finally`, no buffer is flushed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from notifiers.apprise_channel import AppriseChannel
from streams.embedded import EmbeddedHost
from streams.journal import Journal
from streams.writer import Writer

PLACES: dict[str, tuple[type, str, bool]] = {
    "commit.before": (Journal, "commit", False),
    "commit.after": (Journal, "commit", True),
    "told.before": (Writer, "_tell", False),
    "told.after": (Writer, "_tell", True),
    "send.before": (AppriseChannel, "send", False),
    "send.after": (AppriseChannel, "send", True),
    "outcome.before": (EmbeddedHost, "report", False),
    "outcome.after": (Writer, "settle", True),
    "timer.before": (Writer, "_fire_timers", False),
    "timer.after": (Journal, "unwake", True),
    "reload.before": (Writer, "swap", False),
    "reload.after": (Writer, "swap", True),
    "start.before": (Writer, "resume", False),
    "start.after": (Writer, "resume", True),
}
"""Each point: what is called, and whether it is before or after the call."""


class Point:
    """Ends the process when it has been reached so many times, in whatever thread."""

    def __init__(self, at: int) -> None:
        self._left = at
        self._lock = threading.Lock()

    def reached(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def plant(name: str, at: int) -> None:
    """The process dies when the point has been reached `at` times."""
    owner, method, after = PLACES[name]
    point, inner = Point(at), getattr(owner, method)
    setattr(owner, method, _wrapped(inner, point, after=after))


def _wrapped(inner: Callable[..., Any], point: Point, *, after: bool) -> Callable[..., Any]:
    def mortal(*given: Any, **more: Any) -> Any:
        if not after:
            point.reached()
        result = inner(*given, **more)
        if after:
            point.reached()
        return result

    return mortal


if __name__ == "__main__":
    _, name, at, _, *arguments = sys.argv
    if name != "none":
        plant(name, int(at))
    from streams.cli import main

    sys.argv = ["beredd", *arguments]
    main()
