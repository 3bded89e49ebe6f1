"""The YAML parser's complaints in the words of an author: what is usually wrong when it stumbles there, and where."""

from __future__ import annotations

import datetime
import re

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from rules import file_wording as say
from rules.fault import Fault, Message

Place = tuple[int, int]
"""Line and column from 0."""


def syntax_fault(error: Exception, text: str, name: str) -> Fault:
    """The one fault that keeps a text from being read as YAML."""
    (line, column), message = _told(error, text)
    return Fault(name, line + 1, column + 1, "", message)


def _told(error: Exception, text: str) -> tuple[Place, Message]:
    match error:
        case MarkedYAMLError():
            return _marked(error, text)
        case ReaderError():
            return _unprintable(text)
        case ValueError() if (date := _no_date(text)) is not None:
            return date
        case RecursionError():
            return (0, 0), say.DEEP()
        case _:  # the parser meets any text and raises more than its own errors: `!!int` alone is an IndexError
            return (0, 0), say.OTHER_YAML()


_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _unprintable(text: str) -> tuple[Place, Message]:
    found = _PRINTABLE.search(text)
    if found is None:
        return (0, 0), say.OTHER_YAML()
    before = text[: found.start()]
    place = before.count("\n"), found.start() - (before.rfind("\n") + 1)
    return place, say.UNPRINTABLE(char=f"U+{ord(found[0]):04X}")


def _no_date(text: str) -> tuple[Place, Message] | None:
    """A date that is none, which the parser stumbles over without saying where."""
    for number, line in enumerate(text.splitlines()):
        for found in re.finditer(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b", line):
            try:
                datetime.date(int(found[1]), int(found[2]), int(found[3]))
            except ValueError:
                return (number, found.start()), say.NO_DATE(date=found[0])
    return None


def _marked(error: MarkedYAMLError, text: str) -> tuple[Place, Message]:
    """Here where the parser stopped, there where what it was reading began: either may be the place to mend."""
    here, there = _place(error.problem_mark or error.context_mark), _place(error.context_mark or error.problem_mark)
    problem, context = str(error.problem or ""), str(error.context or "")
    lines = text.splitlines()
    line = lines[here[0]] if here[0] < len(lines) else ""
    if (hard := _hard_space(lines)) is not None:
        return hard, say.NBSP()
    if "'\\t'" in problem or line.lstrip(" ").startswith("\t"):
        return here, say.TAB()
    if "mapping values are not allowed" in problem:
        return here, say.COLON() if len(re.findall(r":(?:\s|$)", line)) > 1 else say.INDENT()
    if "duplicate key" in problem:
        return here, say.KEY_TWICE(key=problem.split('"')[1])
    if "quoted scalar" in context:
        return (here, say.ESCAPE()) if "escape" in problem else (there, say.QUOTE_OPEN())
    if "flow" in context:
        return there, say.BRACKET_OPEN()
    if "could not find expected ':'" in problem:
        word = lines[there[0]][there[1] :].strip() if there[0] < len(lines) else ""
        return there, say.NO_COLON(key=repr(word[:40]))
    if "<block end>" in problem or "sequence entries are not allowed" in problem:
        return here, _block(problem, lines, here)
    return here, _character(problem, line, here)


def _place(mark: object) -> Place:
    return (getattr(mark, "line", 0), getattr(mark, "column", 0))


def _hard_space(lines: list[str]) -> Place | None:
    found = ((n, m.end() - 1) for n, line in enumerate(lines) if (m := re.match(r"[ ]*[\u00a0\u2007\u202f]", line)))
    return next(found, None)


def _block(problem: str, lines: list[str], here: Place) -> Message:
    """A block that ended where the parser did not expect it."""
    line = lines[here[0]] if here[0] < len(lines) else ""
    before = line[: here[1]].rstrip()
    if "sequence entries are not allowed" in problem:
        return say.LIST_LINE()
    if "block sequence start" in problem:
        return say.INDENT() if _has_dash(lines[: here[0]]) else say.DASH_MISSING()
    if before.endswith(("'", '"')):
        return say.QUOTE_AFTER()
    if before.endswith(("}", "]")):
        return say.BRACKET_AFTER()
    if line[here[1] : here[1] + 1] in "]}," and here[1] < len(line):
        return say.BRACKET_STRAY(char=line[here[1]])
    return say.INDENT()


def _has_dash(lines: list[str]) -> bool:
    """True if the section that these lines end in already has an entry with its dash."""
    for line in reversed(lines):
        if line.lstrip().startswith("- "):
            return True
        if re.match(r"[^\s#]", line):
            return False
    return False


def _character(problem: str, line: str, here: Place) -> Message:
    """A character that means something in YAML where the author meant text."""
    if alias := re.search(r"undefined alias ['\"](.*?)['\"]", problem):
        return say.ALIAS_UNKNOWN(name=alias[1])
    if "document" in problem:
        return say.DOCUMENTS()
    if "tag" in problem:
        return say.TAG()
    if "cannot start any token" in problem or "expected alphabetic" in problem:
        at = here[1] if "cannot start" in problem else max(0, here[1] - 1)
        return say.CHAR_START(char=line[at : at + 1])
    return say.OTHER_YAML()
