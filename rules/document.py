"""YAML files with positions: every fault of every file at once, as `file:line:col: where: what, found, did you mean`.

A profile is a directory of YAML files. A file holds one or more sections (`rules:`, `sensors:` ...); which file holds
which section is the author's choice, so a town may be five files and a city thirty. This module knows nothing of what
a section means: `read` is given a model per section.
"""

from __future__ import annotations

import difflib
import hashlib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

MAX_BYTES = 5_000_000
MAX_ALIASES = 50


class Gravity(StrEnum):
    """An error stops the profile from loading; a finding is something its author should look at."""

    ERROR = "error"
    FINDING = "finding"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault in one place, told so that its author can mend it."""

    file: str
    line: int
    column: int
    where: str
    message: str
    gravity: Gravity = Gravity.ERROR

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}:{self.column}: {where}{self.message}"


Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One validated entry of a section, and where it stands."""

    value: Any
    file: str
    section: str
    node: Any

    def fault(self, path: Path_, message: str, gravity: Gravity = Gravity.ERROR) -> Fault:
        """A fault at this place inside the entry; the nearest place that exists if the author left it out."""
        key, value, where = locate(self.node, path, name_of(self.node))
        line, column = key if gravity is Gravity.FINDING and not path else value
        return Fault(self.file, line + 1, column + 1, f"{self.section}.{where}".rstrip("."), message, gravity)


@dataclass(slots=True)
class Documents:
    """What a directory held: the good entries by section, and every fault."""

    items: dict[str, list[Item]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)

    def values(self, section: str) -> tuple[Any, ...]:
        return tuple(item.value for item in self.items.get(section, ()))

    @property
    def hash(self) -> str:
        return str(self.digest.hexdigest()[:12])


@dataclass(frozen=True, slots=True)
class Section:
    """How to read a section: a list of `model`s, or (single) one mapping."""

    model: type[BaseModel]
    single: bool = False


def read(directory: Path, sections: Mapping[str, Section]) -> Documents:
    """Every YAML file of the directory and below (`stories` left out), read in the order of their names."""
    documents = Documents()
    files = [p for p in sorted(directory.rglob("*.y*ml")) if "stories" not in p.relative_to(directory).parts[:-1]]
    if not files:
        documents.faults.append(Fault(str(directory), 1, 1, "", "hittar inga YAML-filer här"))
    for file in files:
        _read_file(file, str(file), sections, documents)
    return documents


def _read_file(file: Path, name: str, sections: Mapping[str, Section], into: Documents) -> None:
    try:
        raw = file.read_bytes()
    except OSError as error:
        into.faults.append(Fault(name, 1, 1, "", f"filen går inte att läsa: {error.strerror}"))
        return
    into.digest.update(file.name.encode() + b"\0" + raw)
    parsed = parse(raw, name)
    if isinstance(parsed, Fault):
        into.faults.append(parsed)
        return
    for key, body in parsed.items():
        section = sections.get(key) if isinstance(key, str) else None
        if section is None:
            line, column = _key_place(parsed, key)
            into.faults.append(Fault(name, line + 1, column + 1, "", unknown(str(key), list(sections), "avsnitt")))
        else:
            _read_section(body, parsed, key, section, name, into)


def parse(raw: bytes, name: str) -> CommentedMap | Fault:
    """The file's mapping with positions, or the one fault that keeps it from being read at all."""
    if len(raw) > MAX_BYTES:
        return Fault(
            name, 1, 1, "", f"filen är {len(raw) // 1_000_000} MB; högst {MAX_BYTES // 1_000_000} MB går att läsa"
        )
    try:
        text = unicodedata.normalize("NFC", raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        return Fault(name, line, column, "", "filen är inte UTF-8; spara den som UTF-8 i textredigeraren")
    if text.count("\n") and text.count("*") > MAX_ALIASES and sum(1 for _ in _aliases(text)) > MAX_ALIASES:
        return Fault(name, 1, 1, "", "för många alias (*namn); skriv ut värdena i stället")
    try:
        found = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        return _syntax_fault(error, text, name)
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
        # The parser meets any text here and raises more than its own errors: `!!int` alone is an IndexError.
        return Fault(name, 1, 1, "", f"filen går inte att tolka som YAML ({type(error).__name__})")
    if not isinstance(found, CommentedMap):
        what = "är tom" if found is None else "börjar inte med ett avsnitt"
        return Fault(name, 1, 1, "", f"filen {what}; väntade till exempel 'rules:' följt av en lista")
    return found


def _aliases(text: str) -> Iterator[str]:
    return (word for word in text.split() if word.startswith("*") and len(word) > 1)


def _syntax_fault(error: MarkedYAMLError, text: str, name: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    problem = str(error.problem or "")
    source = text.splitlines()[line] if line < len(text.splitlines()) else ""
    if "'\\t'" in problem or source.lstrip(" ").startswith("\t"):
        message = "tabbtecken i indraget; använd mellanslag"
    elif "mapping values are not allowed" in problem:
        message = "ett kolon i värdet; sätt citattecken runt värdet"
    elif "duplicate key" in problem:
        message = f"nyckeln {problem.split(chr(34))[1]!r} står två gånger; behåll en"
    else:
        message = f"går inte att tolka som YAML: {problem or error.context}"
    return Fault(name, line + 1, column + 1, "", message)


def _read_section(body: Any, parent: CommentedMap, key: str, section: Section, name: str, into: Documents) -> None:
    line, column = _key_place(parent, key)
    if section.single:
        if not isinstance(body, CommentedMap):
            into.faults.append(Fault(name, line + 1, column + 1, key, "väntade nycklar och värden under avsnittet"))
        elif key in into.items:
            into.faults.append(
                Fault(name, line + 1, column + 1, key, f"avsnittet finns redan i {into.items[key][0].file}")
            )
        else:
            _read_item(body, key, section.model, name, into)
        return
    if not isinstance(body, CommentedSeq):
        into.faults.append(Fault(name, line + 1, column + 1, key, "väntade en lista; börja varje post med '- '"))
        return
    for index, node in enumerate(body):
        if not isinstance(node, CommentedMap):
            at = body.lc.item(index)
            into.faults.append(
                Fault(name, at[0] + 1, at[1] + 1, key, f"väntade en post med nycklar, fick {said(node)}")
            )
        else:
            _read_item(node, key, section.model, name, into)


def _key_place(node: CommentedMap, key: Any) -> tuple[int, int]:
    """Where a key stands; the mapping's own place for one merged in from elsewhere."""
    row = node.lc.data.get(key)
    return (row[0], row[1]) if row else (node.lc.line, node.lc.col)


def _read_item(node: CommentedMap, key: str, model: type[BaseModel], name: str, into: Documents) -> None:
    try:
        value = model.model_validate(node)
    except ValidationError as error:
        into.faults.extend(sorted({fault_of(node, e, key, name, model) for e in error.errors()}))
    else:
        into.items.setdefault(key, []).append(Item(value, name, key, node))


def name_of(node: Any) -> str:
    """The entry's own id, or nothing if it has none."""
    return str(node["id"]) if isinstance(node, dict) and isinstance(node.get("id"), str) else ""


def locate(node: Any, path: Path_, start: str) -> tuple[tuple[int, int], tuple[int, int], str]:
    """Position of the key and of the value at a path through the file (0-based), and the path as words."""
    key = value = (node.lc.line, node.lc.col)
    words = [start] if start else []
    for step in path:
        if isinstance(step, str) and step.startswith("<"):
            continue  # a union's tag, which stands in no file
        if isinstance(node, CommentedMap):
            words.append(str(step))
            if step not in node.lc.data:
                break  # a missing key, or one merged in from elsewhere: the mapping is the place
            row = node.lc.data[step]
            key, value, node = (row[0], row[1]), (row[2], row[3]), node[step]
        elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
            key = value = node.lc.item(step)
            node = node[step]
            words.append(name_of(node) or str(step))
    return key, value, ".".join(words)


def fault_of(node: Any, error: ErrorDetails, section: str, file: str, model: type[BaseModel]) -> Fault:
    """A pydantic error as a fault in the author's file, in Swedish."""
    key, value, where = locate(node, error["loc"], name_of(node))
    at = key if error["type"] in ("extra_forbidden", "invalid_key") else value
    return Fault(file, at[0] + 1, at[1] + 1, f"{section}.{where}".rstrip("."), sentence(error, model))


def sentence(error: ErrorDetails, model: type[BaseModel]) -> str:
    """What was expected and what was found, in one Swedish sentence."""
    given, ctx = error.get("input"), error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f"nyckeln {error['loc'][-1]!r} saknas"
        case "extra_forbidden":
            return unknown(str(error["loc"][-1]), _keys(model, error["loc"][:-1]), "nyckel")
        case "invalid_key":
            return f"{said(given)} är ingen nyckel; ett decimalkomma delar värdet i två, skriv decimalpunkt (1.30)"
        case "float_parsing" | "float_type" | "int_parsing" | "int_type" | "int_from_float":
            if isinstance(given, str) and given.replace(",", "", 1).lstrip("-").isdigit() and "," in given:
                return f"skriv decimaltal med punkt: {given.replace(',', '.')}"
            return f"väntade ett {'heltal' if error['type'].startswith('int') else 'tal'}, fick {said(given)}"
        case "enum" | "literal_error":
            choices = str(ctx.get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
            return f"väntade {_either(choices)}, fick {said(given)}{did_you_mean(str(given), choices)}"
        case "duration":
            return f"väntade en tid som '10 min', '2 h' eller '1 d', fick {said(given)}"
        case "condition_kind":
            return "ett villkor börjar med en av: sensor, incidents, warning, decision, all, any"
        case "limit_missing":
            return "ett sensorvillkor behöver 'above' eller 'below'"
        case "limit_empty":
            return "inget värde kan vara både över 'above' och under 'below'"
        case "different_of_one":
            return "'different' behöver 'at_least: 2' eller mer"
        case "string_pattern_mismatch":
            return f"väntade ett id av a-z, 0-9 och - _ . (inga mellanslag, inga å ä ö), fick {said(given)}"
        case "string_too_long" | "string_too_short":
            return f"texten är för {'lång' if error['type'].endswith('long') else 'kort'} ({len(str(given))} tecken)"
        case "too_short":
            return f"listan behöver minst {ctx.get('min_length')} poster"
        case "finite_number":
            return f"väntade ett ändligt tal, fick {said(given)}"
        case "string_type":
            return f"väntade text, fick {said(given)}; sätt citattecken om det är text"
        case "bool_parsing" | "bool_type":
            return f"väntade true eller false, fick {said(given)}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"väntade nycklar och värden här, fick {said(given)}"
        case "tuple_type" | "list_type":
            return f"väntade en lista, fick {said(given)}"
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            limit = next(iter(ctx.values()), "")
            return f"väntade {'minst' if 'greater' in error['type'] else 'högst'} {limit}, fick {said(given)}"
        case (
            "date_from_datetime_parsing"
            | "date_type"
            | "datetime_from_date_parsing"
            | "timezone_aware"
            | "datetime_parsing"
        ):
            return (
                f"väntade ett datum (2026-10-13) eller en tid med zon (2026-10-13T05:40:00+02:00), fick {said(given)}"
            )
        case _:
            return f"{error['msg']}, fick {said(given)}"


def _keys(model: type[BaseModel], loc: Path_) -> list[str]:
    """The keys that may stand where an unknown one was found, as far as the models tell."""
    at: Any = model
    for step in loc:
        if isinstance(step, int):
            continue
        if step.startswith("<"):
            at = _tagged(at, step) or at
        elif isinstance(at, type) and issubclass(at, BaseModel):
            found = next((f.annotation for n, f in at.model_fields.items() if step in (n, f.alias)), None)
            at = _model_in(found) or found
    if isinstance(at, type) and issubclass(at, BaseModel):
        return [f.alias or n for n, f in at.model_fields.items()]
    return []


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)


def _model_in(annotation: Any) -> Any:
    found = list(_models_in(annotation))
    return found[0] if len(found) == 1 else None


def _tagged(annotation: Any, tag: str) -> type[BaseModel] | None:
    """The model of a union that is recognised by this key."""
    return next((m for m in _models_in(annotation) if next(iter(m.model_fields)) == tag.strip("<>")), None)


def unknown(given: str, known: Sequence[str], what: str) -> str:
    """An unknown name, with the likeliest meant."""
    neuter = what in ("avsnitt", "område", "givarslag", "händelselag")
    return f"{'okänt' if neuter else 'okänd'} {what} {given!r}{did_you_mean(given, known)}"


def did_you_mean(given: str, known: Sequence[str]) -> str:
    """The likeliest of the known names as a question to append, or nothing."""
    near = difflib.get_close_matches(given, [k for k in known if k], n=1, cutoff=0.6)
    return f"; menade du {near[0]!r}?" if near else ""


def _either(choices: Sequence[str]) -> str:
    return " eller ".join(filter(None, [", ".join(repr(c) for c in choices[:-1]), repr(choices[-1])]))


def said(value: Any) -> str:
    """What the author wrote, short enough to stand in a sentence."""
    if isinstance(value, (dict, list)):
        return "nycklar och värden" if isinstance(value, dict) else "en lista"
    if isinstance(value, int) and value.bit_length() > 1000:
        return "ett tal med hundratals siffror"  # which Python refuses to write out
    text = "ingenting" if value is None else repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
