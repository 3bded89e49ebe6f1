"""One line of log for each thing that is logged, whatever it quotes: nobody writes a line of ours by what they send."""

from __future__ import annotations

import logging
import re
import textwrap

_BREAKING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What breaks a line, moves a terminal's cursor, or turns the direction of what stands after."""


class LineFormatter(logging.Formatter):
    """Writes such characters as they are written in Python. A traceback follows indented, so that no line of it looks
    like one of the log."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _BREAKING.sub(_escaped, super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        lines = super().formatException(ei).splitlines()  # type: ignore[arg-type]  # the base's own argument
        return textwrap.indent("\n".join(_BREAKING.sub(_escaped, line) for line in lines), "    ")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
