"""YAML files with positions: every fault of every file at once, as `file:line:col: where: what, found, did you mean`.

A profile is a directory of YAML files. A file holds one or more sections (`rules:`, `sensors:` ...); which file holds
which section is the author's choice, so a town may be five files and a city thirty. This module knows nothing of what
a section means: `read` is given a model per section. Whatever a file holds, reading it ends in bounded time and
memory: sizes, references and the number of faults told are bounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.error import YAMLError

from rules import file_wording as of_file
from rules import wording as say
from rules.fault import Fault, Gravity
from rules.item import Documents, Item, Path_, locate, name_of
from rules.plain_yaml import plain
from rules.sentences import did_you_mean, said, sentences, unknown
from rules.syntax import syntax_fault

__all__ = ["Documents", "Fault", "Gravity", "Item", "Path_", "Section", "did_you_mean", "parse", "read", "unknown"]

MAX_BYTES = 1_000_000
"""Some six thousand rules. The parser needs up to twenty seconds for so much of what it finds hardest."""
MAX_TOTAL = 10_000_000
MAX_ALIASES = 50
MAX_FAULTS = 200
"""More of one file are counted and not told: to word them takes time, and nobody reads them."""

_ALIAS = re.compile(r"(?<![^\s\[{,:-])\*[^\s,\[\]{}*]")


@dataclass(frozen=True, slots=True)
class Section:
    """How to read a section: a list of `model`s, or (single) one mapping."""

    model: type[BaseModel]
    single: bool = False


def read(directory: Path, sections: Mapping[str, Section], watch: Callable[[str], None] | None = None) -> Documents:
    """Every YAML file of the directory and below (`stories` left out), read in the order of their names. `watch` hears
    of each file before it is read."""
    documents = Documents()
    files = [p for p in sorted(directory.rglob("*.y*ml")) if "stories" not in p.relative_to(directory).parts[:-1]]
    if not files:
        documents.faults.append(Fault(str(directory), 1, 1, "", of_file.NO_FILES()))
    left = MAX_TOTAL
    for file in files:
        if watch is not None:
            watch(str(file))
        left -= _read_file(file, sections, documents)
        if left < 0:
            documents.faults.append(Fault(str(file), 1, 1, "", of_file.TOO_MUCH(most=MAX_TOTAL // 1_000_000)))
            break
    return documents


def _read_file(file: Path, sections: Mapping[str, Section], into: Documents) -> int:
    """Reads one file and returns how many bytes it had."""
    raw = _bytes(file)
    if isinstance(raw, Fault):
        into.faults.append(raw)
        return 0
    into.digest.update(file.name.encode() + b"\0" + raw)
    parsed = parse(raw, str(file))
    if isinstance(parsed, Fault):
        into.faults.append(parsed)
        return len(raw)
    reading = _Reading(str(file), into, len(into.faults))
    for key, body in parsed.items():
        section = sections.get(key) if isinstance(key, str) else None
        if section is None:
            reading.fault(_key_place(parsed, key), "", unknown(str(key), list(sections), "avsnitt"))
        else:
            reading.section(body, _key_place(parsed, key), key, section)
    return len(raw)


def _bytes(file: Path) -> bytes | Fault:
    """The file's bytes, or why they are not read. A pipe or a device would never end."""
    try:
        if not file.is_file():
            return Fault(str(file), 1, 1, "", of_file.NOT_A_FILE())
        size = file.stat().st_size
        if size > MAX_BYTES:
            return Fault(str(file), 1, 1, "", of_file.TOO_BIG(size=size // 1000, most=MAX_BYTES // 1000))
        return file.read_bytes()
    except OSError as error:
        return Fault(str(file), 1, 1, "", of_file.UNREADABLE(why=error.strerror))


def parse(raw: bytes, name: str) -> CommentedMap | Fault:
    """The file's mapping with positions, or the one fault that keeps it from being read at all."""
    if raw.startswith((b"PK\x03\x04", b"%PDF", b"\xd0\xcf\x11\xe0")):
        return Fault(name, 1, 1, "", of_file.NOT_TEXT())
    try:
        text = unicodedata.normalize("NFC", raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        return Fault(name, line, column, "", of_file.NOT_UTF8())
    if sum(1 for _ in _ALIAS.finditer(text)) > MAX_ALIASES:
        return Fault(name, 1, 1, "", of_file.ALIASES())
    quick = plain(text)
    if quick is not None:
        return quick
    try:
        yaml = YAML(typ="rt")
        yaml.Constructor = _Untagged
        found = yaml.load(text)
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RuntimeError) as error:
        return syntax_fault(error, text, name)
    if not isinstance(found, CommentedMap):
        return Fault(name, 1, 1, "", of_file.EMPTY() if found is None else of_file.NO_SECTION())
    return found


class _Untagged(RoundTripConstructor):
    """A text that begins with `!` is a mistake here, never a tag of YAML."""

    def refuse(self, node: Any) -> None:
        raise ConstructorError(None, None, f"tag {node.tag}", node.start_mark)


_Untagged.add_constructor(None, _Untagged.refuse)


def _key_place(node: CommentedMap, key: Any) -> tuple[int, int]:
    """Where a key stands; the mapping's own place for one merged in from elsewhere."""
    row = node.lc.data.get(key)
    return (row[0], row[1]) if row else (node.lc.line, node.lc.col)


@dataclass(slots=True)
class _Reading:
    """One file being read. `before`: how many faults were known when it began."""

    file: str
    into: Documents
    before: int
    full: bool = False

    def add(self, fault: Fault) -> None:
        if self.full:
            return
        self.full = len(self.into.faults) - self.before >= MAX_FAULTS
        last = Fault(fault.file, fault.line, fault.column, "", of_file.MANY_FAULTS(shown=MAX_FAULTS))
        self.into.faults.append(last if self.full else fault)

    def fault(self, at: tuple[int, int], where: str, message: str) -> None:
        self.add(Fault(self.file, at[0] + 1, at[1] + 1, where, message))

    def section(self, body: Any, at: tuple[int, int], key: str, section: Section) -> None:
        if section.single:
            self._single(body, at, key, section)
        elif not isinstance(body, CommentedSeq):
            self.fault(at, key, say.SECTION_LIST())
        else:
            for index, node in enumerate(body):
                if isinstance(node, CommentedMap):
                    self.item(node, key, section.model)
                else:
                    extra = isinstance(node, CommentedSeq)
                    self.fault(
                        body.lc.item(index), key, of_file.DASH_EXTRA() if extra else say.ENTRY_KEYS(found=said(node))
                    )

    def _single(self, body: Any, at: tuple[int, int], key: str, section: Section) -> None:
        if not isinstance(body, CommentedMap):
            self.fault(at, key, say.SECTION_SINGLE())
        elif key in self.into.items:
            self.fault(at, key, say.SECTION_TWICE(file=self.into.items[key][0].file))
        else:
            self.item(body, key, section.model)

    def item(self, node: CommentedMap, key: str, model: type[BaseModel]) -> None:
        if self.full:
            return
        try:
            value = model.model_validate(node)
        except ValidationError as error:
            told = sentences(error.errors()[: MAX_FAULTS + 1], model)
            for fault in sorted({fault_of(node, e, message, key, self.file) for e, message in told}):
                self.add(fault)
        else:
            self.into.items.setdefault(key, []).append(Item(value, self.file, key, node))


def fault_of(node: Any, error: ErrorDetails, message: str, section: str, file: str) -> Fault:
    """A pydantic error as a fault in the author's file."""
    key, value, where = locate(node, error["loc"], name_of(node))
    at = key if error["type"] in ("extra_forbidden", "invalid_key") else value
    return Fault(file, at[0] + 1, at[1] + 1, f"{section}.{where}".rstrip("."), message)
