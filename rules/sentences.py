"""pydantic's errors as sentences for an author: what was expected, what was found, what was probably meant."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from rules import wording as say
from rules.fault import Message, Text
from rules.item import Path_

CONDITION_KEYS = ("sensor", "incidents", "warning", "districts", "calendar", "decision", "first", "all", "any")
INNER_KEYS = tuple(k for k in CONDITION_KEYS if k not in ("first", "all", "any"))

SWEDISH_KEYS: Mapping[str, tuple[str, ...]] = {
    "när": ("when",), "om": ("when",), "tills": ("until",), "givare": ("sensor", "sensors"), "sensorer": ("sensors",),
    "över": ("above",), "under": ("below",), "mellan": ("between",), "i": ("for", "for_"), "inom": ("within",),
    "nivå": ("level", "levels"), "nivåer": ("levels",), "namn": ("name",), "meddelande": ("message",),
    "text": ("message",), "område": ("area", "areas"), "områden": ("areas",), "regel": ("rules",), "regler": ("rules",),
    "larma": ("notify",), "meddela": ("notify",), "funktion": ("function", "functions"), "funktioner": ("functions",),
    "gäller": ("concerns",), "roll": ("role", "roles"), "roller": ("roles",), "person": ("persons", "person"),
    "personer": ("persons",), "slag": ("kind", "kinds"), "typ": ("kind",), "enhet": ("unit",),
    "händelse": ("incidents",),
    "händelser": ("incidents",), "varning": ("warning",), "beslut": ("decision",), "alla": ("all",), "någon": ("any",),
    "minst": ("at_least",), "olika": ("different",), "varje": ("each",), "per": ("each",), "åtgärd": ("action",),
    "ersättare": ("deputies",), "innehavare": ("holder",), "kanal": ("channel",), "organisationer": ("organisations",),
    "anläggningar": ("assets",), "givarslag": ("sensor_kinds",), "händelselag": ("incident_kinds",),
    "källor": ("sources",),
    "profil": ("profile",), "livsfara": ("danger_to_life",), "först": ("first",), "sedan": ("then",), "av": ("by",),
}  # fmt: skip
"""Words that a Swedish author may take for keys, with the keys they may mean."""

SWEDISH_VALUES: Mapping[str, tuple[str, ...]] = {
    "stadsdel": ("neighbourhood",), "stadsdelsområde": ("district",), "givare": ("sensor",), "anläggning": ("asset",),
    "källa": ("source",), "natt": ("night",), "helg": ("weekend",), "helgdag": ("holiday",), "röd": ("red",),
    "gul": ("yellow",), "agera": ("act",), "besluta": ("decide",), "informera": ("inform",),
    "samordna": ("coordinate",), "stödja": ("support",),
    "telefon": ("sms",), "e-post": ("mail",), "mejl": ("mail",), "jour": ("24/7",),
    "stad": ("city",), "kommun": ("city",), "direkt": ("direct",), "begäran": ("request",),
}  # fmt: skip
SWEDISH_PLACEHOLDERS = {
    "{värde}": "{value}", "{enhet}": "{unit}", "{gräns}": "{limit}", "{plats}": "{place}", "{område}": "{area}",
    "{antal}": "{count}", "{nivå}": "{level}", "{slag}": "{kind}", "{anläggning}": "{asset}", "{grad}": "{severity}",
}  # fmt: skip

TYPES: Mapping[str, Text] = {
    "limit_missing": say.LIMIT_MISSING,
    "limit_mixed": say.LIMIT_MIXED,
    "limit_empty": say.LIMIT_EMPTY,
    "band_empty": say.BAND_EMPTY,
    "change_within": say.CHANGE_WITHIN,
    "lateness_long": say.LATENESS_LONG,
    "different_of_one": say.DIFFERENT_OF_ONE,
    "in_a_row": say.IN_A_ROW,
    "until_silent": say.UNTIL_SILENT,
    "calendar_alone": say.CALENDAR_ALONE,
    "calendar_until": say.CALENDAR_UNTIL,
    "districts_each": say.DISTRICTS_EACH,
    "string_too_short": say.TOO_SHORT,
}
"""Errors that need nothing but their name."""
FOUND: Mapping[str, Text] = {
    "finite_number": say.FINITE,
    "string_type": say.TEXT,
    "model_type": say.KEYS,
    "model_attributes_type": say.KEYS,
    "dict_type": say.KEYS,
    "tuple_type": say.LIST,
    "list_type": say.LIST,
    "date_from_datetime_parsing": say.DATE,
    "date_from_datetime_inexact": say.DATE,
    "date_type": say.DATE,
    "date_parsing": say.DATE,
    "datetime_from_date_parsing": say.DATE,
    "datetime_type": say.DATE,
    "datetime_object_invalid": say.DATE,
    "datetime_parsing": say.DATE,
    "timezone_aware": say.DATE,
}
"""Errors that say what was found."""
BOUNDS: Mapping[str, Text] = {
    "greater_than_equal": say.LEAST,
    "less_than_equal": say.MOST,
    "greater_than": say.OVER,
    "less_than": say.UNDER,
}
NUMBERS = ("float_parsing", "float_type", "int_parsing", "int_type", "int_from_float", "int_parsing_size")


def sentence(error: ErrorDetails, model: type[BaseModel]) -> Message:
    """What was expected and what was found, in one sentence."""
    kind, given, ctx = error["type"], error.get("input"), error.get("ctx", {})
    if given is None and kind not in ("missing", "extra_forbidden", "invalid_key"):
        return say.EMPTY_VALUE(key=next((s for s in reversed(error["loc"]) if isinstance(s, str) and s[0] != "<"), ""))
    if kind in TYPES:
        return TYPES[kind]()
    if kind == "string_type" and isinstance(given, (list, dict)):
        return say.ONE_VALUE(found=said(given))
    if kind in FOUND:
        return FOUND[kind](found=said(given))
    if kind in BOUNDS:
        return BOUNDS[kind](limit=f"{next(iter(ctx.values()), 0):g}", found=said(given))
    if kind in NUMBERS:
        return _number(given, whole=kind.startswith("int"))
    special = SPECIAL.get(kind)
    return special(error, model) if special is not None else _other(error)


def sentences(errors: Sequence[ErrorDetails], model: type[BaseModel]) -> Iterator[tuple[ErrorDetails, Message]]:
    """The errors worth telling, with their sentences. Left out is what only follows from another one: the key that is
    missing because it is misspelt, the list that is too short because one of its entries is wrong."""
    told = [(error, sentence(error, model)) for error in errors]
    meant = {(e["loc"][:-1], key) for e, message in told if (key := _meant(message)) is not None}
    for error, message in told:
        loc = error["loc"]
        longer = error["type"] == "too_short" and any(
            len(e["loc"]) > len(loc) and e["loc"][: len(loc)] == loc for e in errors
        )
        follows = error["type"] in ("missing", "condition_kind") and (loc[:-1], loc[-1]) in meant
        beside = error["type"] == "too_short" and any(e["loc"] == loc and e is not error for e in errors)
        if not (longer or follows or beside):
            yield error, message


def _meant(message: Message) -> str | None:
    """The key that the author meant, if the message says so."""
    given = message.given
    if message.code in ("key-swedish", "key-inner"):
        return str(given.get("key") or given.get("inner"))
    near = given.get("near")
    return str(near.given["name"]) if message.code == "key-unknown" and isinstance(near, Message) else None


def _other(error: ErrorDetails) -> Message:
    """An error of a section that is not ours brings its own Swedish words; pydantic's own English is never shown."""
    given = said(error.get("input"))
    if error["type"] == "value_error":
        return say.EDGE_OF_TIME()
    ours = "_" in error["type"] and not error["msg"].startswith(("Input should", "Value error", "Tuple", "List"))
    return say.OTHER(said=error["msg"], found=given) if ours else say.MISFIT(found=given)


def _missing(error: ErrorDetails, model: type[BaseModel]) -> Message:
    key = error["loc"][-1]
    return say.FEW(least=key + 1) if isinstance(key, int) else say.KEY_MISSING(key=key)


def _extra(error: ErrorDetails, model: type[BaseModel]) -> Message:
    given, known = str(error["loc"][-1]), keys_of(model, error["loc"][:-1])
    swedish = next((k for k in SWEDISH_KEYS.get(given.casefold(), ()) if k in known), None)
    if swedish is not None:
        return say.KEY_SWEDISH(key=swedish, given=given)
    near = did_you_mean(given, known)
    if not near and (inner := _inner(model, error["loc"][:-1], given)):
        return say.KEY_INNER(given=given, inner=inner)
    if not near and given in keys_of(model, ()) and len(error["loc"]) > 1:
        return say.KEY_OUTER(given=given, inner=str(error["loc"][0]))
    return say.KEY_UNKNOWN(given=given, near=near)


def _comma_key(error: ErrorDetails, model: type[BaseModel]) -> Message:
    return say.KEY_COMMA(found=said(error.get("input")))


def _number(given: Any, *, whole: bool) -> Message:
    if isinstance(given, str):
        text = given.strip()
        if re.fullmatch(r"-?\d+,\d+", text):
            return say.COMMA(point=text.replace(",", "."))
        if re.fullmatch(r"-?\d+(\.\d+)?", text):
            return say.QUOTED_NUMBER(number=text)
        if re.fullmatch(r"-?\d{1,3}([ \u00a0]\d{3})+", text):
            return say.THOUSANDS(number=re.sub(r"\s", "", text))
        unit = re.fullmatch(r"(-?\d+(?:[.,]\d+)?) ?([^\d\s,.:-]{1,12}|[^\d\s,.:-]+ ?[^\d\s]{0,8})", text)
        if unit is not None:
            return say.NUMBER_UNIT(number=unit[1].replace(",", "."))
    return (say.WHOLE if whole else say.NUMBER)(found=said(given))


def _choice(error: ErrorDetails, model: type[BaseModel]) -> Message:
    given = error.get("input")
    choices = str(error.get("ctx", {}).get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
    swedish = next((w for w in SWEDISH_VALUES.get(str(given).casefold(), ()) if w in choices), None)
    near = say.NEAR(name=swedish) if swedish else did_you_mean(str(given), choices)
    return say.CHOICE(choices=_either(choices), found=said(given), near=near)


_UNITS = {
    "s": "s", "sek": "s", "sekund": "s", "sekunder": "s", "m": "min", "min": "min", "minut": "min", "minuter": "min",
    "minutes": "min", "h": "h", "t": "h", "tim": "h", "timme": "h", "timmar": "h", "hours": "h", "d": "d", "dag": "d",
    "dagar": "d", "dygn": "d", "days": "d",
}  # fmt: skip


_SMALLER = {"min": (60, "s"), "h": (60, "min"), "d": (24, "h")}


def _duration(error: ErrorDetails, model: type[BaseModel]) -> Message:
    given = error.get("input")
    return say.DURATION(found=said(given), near=_duration_meant(given))


def _duration_meant(given: Any) -> Message | str:
    if isinstance(given, int) and not isinstance(given, bool):
        return say.WRITE_UNIT()
    found = re.fullmatch(r"(\d{1,6})(?:[.,](\d{1,3}))?\s*([a-zåäö]+)\.?", str(given).strip().casefold())
    unit = _UNITS.get(found[3]) if found else None
    if found is None or unit is None:
        return ""
    if found[2] and unit in _SMALLER:
        size, smaller = _SMALLER[unit]
        return say.WRITE(text=f"'{round(float(f'{found[1]}.{found[2]}') * size)} {smaller}'")
    if int(found[1]) == 0:
        return say.AT_LEAST(limit="1 s")
    return say.WRITE(text=f"'{found[1]} {unit}'") if f"{found[1]} {unit}" != given else say.AT_MOST(limit="400 d")


def _id(error: ErrorDetails, model: type[BaseModel]) -> Message:
    given = str(error.get("input"))
    plain = unicodedata.normalize("NFD", given.casefold())
    slug = re.sub(r"[^a-z0-9_.]+", "-", "".join(c for c in plain if not unicodedata.combining(c))).strip("-._")
    if given[:1] in "”“„’" and given:
        return say.CURLY(plain=slug)
    if "," in given:
        return say.ID(found=said(given), near=say.ID_LIST())
    if error["loc"][-1:] != ("id",) and re.search(r"[\sA-ZÅÄÖ]", given):
        return say.ID(found=said(given), near=say.ID_NOT_NAME())
    near = say.WRITE(text=repr(slug)) if slug and slug != given else ""
    return say.ID(found=said(given), near=near)


def _condition(error: ErrorDetails, model: type[BaseModel]) -> Message:
    given = error.get("input")
    inside = any(isinstance(step, str) and step in ("<all>", "<any>", "<first>") for step in error["loc"])
    if isinstance(given, list):
        return say.CONDITION_LIST()
    if inside and isinstance(given, dict) and {"all", "any", "first"} & set(given):
        return say.CONDITION_INNER(keys=", ".join(INNER_KEYS))
    words = [str(k) for k in given] if isinstance(given, dict) else []
    swedish = (k for w in words for k in SWEDISH_KEYS.get(w.casefold(), ()) if k in CONDITION_KEYS)
    near = next((say.NEAR(name=k) for k in swedish), None) or next(
        filter(None, (did_you_mean(w, CONDITION_KEYS) for w in words)), ""
    )
    return say.CONDITION_KIND(keys=", ".join(CONDITION_KEYS), near=near)


def _long(error: ErrorDetails, model: type[BaseModel]) -> Message:
    return say.TOO_LONG(length=len(str(error.get("input"))), most=error.get("ctx", {}).get("max_length", ""))


def _few(error: ErrorDetails, model: type[BaseModel]) -> Message:
    return say.FEW(least=error.get("ctx", {}).get("min_length", 1))


def _many(error: ErrorDetails, model: type[BaseModel]) -> Message:
    return say.MANY(most=error.get("ctx", {}).get("max_length", ""))


def _bool(error: ErrorDetails, model: type[BaseModel]) -> Message:
    given = str(error.get("input")).strip().casefold()
    means = {"ja": "true", "sant": "true", "nej": "false", "falskt": "false"}.get(given)
    return say.BOOL(found=said(error.get("input")), near=say.WRITE(text=means) if means else "")


SPECIAL: Mapping[str, Callable[[ErrorDetails, type[BaseModel]], Message]] = {
    "missing": _missing,
    "extra_forbidden": _extra,
    "invalid_key": _comma_key,
    "enum": _choice,
    "literal_error": _choice,
    "duration": _duration,
    "string_pattern_mismatch": _id,
    "condition_kind": _condition,
    "string_too_long": _long,
    "too_short": _few,
    "too_long": _many,
    "bool_parsing": _bool,
    "bool_type": _bool,
}


# --- the keys that models know ---------------------------------------------------------------------------------------


def keys_of(model: type[BaseModel], loc: Path_) -> list[str]:
    """The keys that may stand at a place inside an entry, as far as the models tell."""
    at = _model_at(model, loc)
    return [f.alias or n for n, f in at.model_fields.items()] if at is not None else []


def _model_at(model: type[BaseModel], loc: Path_) -> type[BaseModel] | None:
    at: Any = model
    for step in loc:
        if isinstance(step, int):
            continue
        if step.startswith("<"):
            at = _tagged(at, step) or at
        elif isinstance(at, type) and issubclass(at, BaseModel):
            found = next((f.annotation for n, f in at.model_fields.items() if step in (n, f.alias)), None)
            at = _model_in(found) or found
    return at if isinstance(at, type) and issubclass(at, BaseModel) else None


def _inner(model: type[BaseModel], loc: Path_, key: str) -> str:
    """The key of this place under which `key` belongs, if the author has only indented it too little."""
    at = _model_at(model, loc)
    for name, known in at.model_fields.items() if at is not None else ():
        if any(key in keys_of(m, ()) for m in _models_in(known.annotation)):
            return known.alias or name
    return ""


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


# --- words -----------------------------------------------------------------------------------------------------------


def unknown(given: str, known: Sequence[str], what: str) -> Message:
    """An unknown name, with the likeliest meant. `what` is the Swedish word for what it should name."""
    if what == "avsnitt":
        key = next((k for k in SWEDISH_KEYS.get(given.casefold(), ()) if k in known), None)
        near: Message | str = say.NEAR(name=key) if key else did_you_mean(given, known)
        return say.SECTION_UNKNOWN(given=given, near=near)
    swedish = SWEDISH_PLACEHOLDERS.get(given)
    return misnamed(given, say.NEAR(name=swedish) if swedish else did_you_mean(given, known), what)


def misnamed(given: str, near: Message | str, what: str) -> Message:
    """An unknown name of this kind, with what was meant already known (or nothing)."""
    kind = Message(what, say.WORDS.get(what, what))
    return say.NAME_UNKNOWN(okänt="okänt" if what in say.NEUTER else "okänd", what=kind, given=given, near=near)


def did_you_mean(given: str, known: Sequence[str]) -> Message | str:
    """The likeliest of the known names as a question to append, or nothing. Letter case is no difference."""
    plain = {k.casefold(): k for k in known if k}
    near = difflib.get_close_matches(given.casefold()[:64], plain, n=1, cutoff=0.6)
    return say.NEAR(name=plain[near[0]]) if near else ""


def _either(choices: Sequence[str]) -> Message | str:
    if len(choices) < 2:
        return repr(choices[0]) if choices else ""
    return say.OR(first=", ".join(repr(c) for c in choices[:-1]), last=repr(choices[-1]))


def said(value: Any) -> Message | str:
    """What the author wrote, short enough to stand in a sentence."""
    if value is None:
        return say.NOTHING()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return say.A_MAPPING() if isinstance(value, dict) else say.A_LIST()
    if isinstance(value, int) and value.bit_length() > 1000:
        return say.HUGE()  # which Python refuses to write out
    text = repr(str(value)) if isinstance(value, str) else str(getattr(value, "value", value))
    return text if len(text) <= 60 else text[:57] + "…"
