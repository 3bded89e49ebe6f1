"""`beredd schema`: the JSON Schema of a profile's files, filled with the profile's own names, for the author's editor.

The shapes and their Swedish descriptions are the models'. What pydantic's generator leaves to be kind about is done
here: no `null` is offered, one name may stand where a list is meant, and a reference completes to what there is to
refer to. Draft 07, which yaml-language-server speaks best.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, BeforeValidator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from notifiers.profile import SECTIONS as OURS
from notifiers.profile import read_profile
from rules.document import Section
from rules.item import Documents
from rules.ladder import _addressees
from rules.loader import SECTIONS as THEIRS
from rules.registry import UNKNOWN_OPERATOR, _listed
from rules.rule import ANY_WARNING
from streams.commands.console import FINE, UsageFault, data, profile_directory, talk, why_unreadable

SECTIONS: Mapping[str, Section] = THEIRS | OURS
SAID = {
    "profile": "Vad som gäller för hela profilen",
    "levels": "Nivåerna, lägst först",
    "delegations": "Vem som får besluta vad, och för vilket område",
    "areas": "Staden, dess stadsdelsområden och stadsdelar",
    "functions": "Det som måste fungera: vatten, el, äldreomsorg",
    "sectors": "Sektorer för beredskap: märken för samordning",
    "organisations": "Vem som ansvarar för vad i vardagen",
    "assets": "Anläggningar: ställen med namn, och vem som driver dem",
    "sensor_kinds": "Givarslag: vad givare mäter",
    "sensors": "Givarna, en rad var",
    "incident_kinds": "Händelselag: det som människor kan rapportera",
    "families": "Lag av händelser som i ett område är ett och samma ärende",
    "sources": "Vem som får rapportera vad",
    "rules": "Reglerna: när någon ska larmas",
    "roles": "Rollerna",
    "duties": "Vem som har vilken roll",
    "persons": "Personerna och deras kanaler",
    "exercises": "Övningarna och deras deltagare",
    "answering": "Hur lång tid var och en har på sig att svara",
}
UNSAID = {
    ("Settings", "name"): "Stadens eller kommunens namn",
    ("Settings", "timezone"): "Tidszonen, som Europe/Stockholm",
    ("Position", "latitude"): "Latitud i grader, som 59.3086",
    ("Position", "longitude"): "Longitud i grader, som 18.0746",
}
"""Descriptions of the keys whose models leave them out."""

REFERS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("SensorCondition", "sensor"): ("sensors", "sensor_kinds"),
    ("IncidentsCondition", "incidents"): ("incident_kinds",),
    ("IncidentsCondition", "broken_by"): ("incident_kinds",),
    ("IncidentsCondition", "needs"): ("functions",),
    ("DistrictsCondition", "districts"): ("levels",),
    ("DecisionCondition", "decision"): ("levels",),
    ("Rule", "areas"): ("areas",),
    ("Rule", "level"): ("levels",),
    ("Rule", "concerns"): ("functions",),
    ("Area", "parent"): ("areas",),
    ("Organisation", "areas"): ("areas",),
    ("Organisation", "coordinates"): ("areas",),
    ("Organisation", "duty"): ("roles",),
    ("Organisation", "head"): ("roles",),
    ("Organisation", "succeeded_by"): ("organisations",),
    ("Responsibility", "function"): ("functions",),
    ("Responsibility", "areas"): ("areas",),
    ("Responsibility", "role"): ("roles",),
    ("Asset", "area"): ("areas",),
    ("Asset", "operator"): ("organisations",),
    ("Asset", "manager"): ("organisations",),
    ("Asset", "owner"): ("organisations",),
    ("Asset", "needs"): ("functions",),
    ("Asset", "depends_on"): ("assets",),
    ("User", "organisation"): ("organisations",),
    ("User", "role"): ("roles",),
    ("StatutoryDuty", "kinds"): ("incident_kinds",),
    ("StatutoryDuty", "role"): ("roles",),
    ("Sector", "lead"): ("organisations",),
    ("Organisation", "parent"): ("organisations",),
    ("Organisation", "counterpart"): ("organisations",),
    ("Organisation", "supervisors"): ("organisations",),
    ("Organisation", "sectors"): ("sectors",),
    ("SensorKind", "function"): ("functions",),
    ("Sensor", "kind"): ("sensor_kinds",),
    ("Sensor", "area"): ("areas",),
    ("Sensor", "asset"): ("assets",),
    ("IncidentKind", "functions"): ("functions",),
    ("IncidentKind", "lacks"): ("functions",),
    ("IncidentKind", "cuts"): ("functions",),
    ("Source", "areas"): ("areas",),
    ("Source", "kinds"): ("incident_kinds",),
    ("Addressee", "role"): ("roles",),
    ("Addressee", "organisation"): ("organisations",),
    ("Delegation", "role"): ("roles",),
    ("Delegation", "organisation"): ("organisations",),
    ("Delegation", "persons"): ("persons",),
    ("Delegation", "level"): ("levels",),
    ("Delegation", "scope"): ("areas",),
    ("Duty", "role"): ("roles",),
    ("Duty", "organisation"): ("organisations",),
    ("Duty", "holder"): ("persons",),
    ("Duty", "deputies"): ("persons",),
    ("Duty", "covered_by"): ("roles",),
    ("Participant", "role"): ("roles",),
    ("Participant", "organisation"): ("organisations",),
    ("Participant", "person"): ("persons",),
    ("Exercise", "leader"): ("persons",),
}
"""Which sections a key refers to. A key that may name more than the profile has (kinds of warning) is not here."""


class Plain(GenerateJsonSchema):
    """No `null`: a key that says nothing is left out, so an editor should not offer to write `null`."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", 0) in (None, [], ()):
            made.pop("default")
        return made


def schema(given: Path | None, out: Path | None) -> int:
    """Writes the schema to the file, or prints it; and says how an editor finds it."""
    directory = profile_directory(given)
    text = json.dumps(made(directory), ensure_ascii=False, indent=2)
    if out is None:
        data(text)
    else:
        try:
            out.write_text(f"{text}\n", "utf-8")
        except OSError as error:
            raise UsageFault(f"{out}: {why_unreadable(error)}") from None
    talk("Skriv detta överst i varje fil, så hjälper editorn till (tillägget YAML i VS Code):")
    talk(f"# yaml-language-server: $schema={os.path.relpath(out, directory) if out is not None else 'schema.json'}")
    return FINE


def made(directory: Path) -> dict[str, Any]:
    """The schema of every section. Names are taken from what the profile holds, whole or not: an author needs the
    completion most when something is still wrong."""
    documents = read_profile(directory)[1]
    models = {section.model for section in SECTIONS.values()}
    refs, whole = models_json_schema(
        [(m, "validation") for m in sorted(models, key=lambda m: m.__name__)],
        by_alias=True,
        ref_template="#/definitions/{model}",
        schema_generator=Plain,
    )
    definitions = whole["$defs"]
    _complete(definitions, _models(models), documents)
    properties = {}
    for name, section in SECTIONS.items():
        ref = refs[(section.model, "validation")]
        properties[name] = {"description": SAID[name]} | (
            {"allOf": [ref]} if section.single else {"type": "array", "items": ref}
        )
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"beredd: {directory.resolve().name}",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "definitions": definitions,
    }


def _models(roots: set[type[BaseModel]]) -> dict[str, type[BaseModel]]:
    """Every model that the roots are made of, by its name."""
    found: dict[str, type[BaseModel]] = {}
    waiting = list(roots)
    while waiting:
        model = waiting.pop()
        if model.__name__ not in found:
            found[model.__name__] = model
            waiting += [m for f in model.model_fields.values() for m in _inside(f.annotation)]
    return found


def _inside(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _inside(part)


def _complete(definitions: dict[str, Any], models: Mapping[str, type[BaseModel]], documents: Documents) -> None:
    """Fills in the names, lets one stand for a list, and lets the short forms be written."""
    for name, model in models.items():
        properties = definitions[name]["properties"]
        definitions[name].pop("description", None)  # the models' docstrings are for programmers
        for field_name, field in model.model_fields.items():
            key = field.alias or field_name
            if sections := REFERS.get((name, field_name)):
                _name(properties[key], _names(documents, sections, name, field_name))
            properties[key] = _beside(properties[key])
            if any(isinstance(m, BeforeValidator) and m.func in (_listed, _addressees) for m in field.metadata):
                properties[key] = _one_or_many(properties[key])
    for (name, key), said in UNSAID.items():
        definitions[name]["properties"][key]["description"] = said
    _shorten(definitions, "Addressee", _posts(documents), "En roll, eller roll@organisation")
    _shorten(definitions, "Responsibility", _names(documents, ("functions",)), "En funktion")
    _shorten(definitions, "User", _names(documents, ("organisations",)), "En organisation")
    for found in definitions.values():
        if "enum" in found:
            found.pop("description", None)
            found.pop("title", None)
    definitions["WarningCondition"]["properties"]["warning"]["examples"] = [ANY_WARNING, "RAIN", "HIGH_FLOW"]


def _names(documents: Documents, sections: tuple[str, ...], model: str = "", key: str = "") -> list[str]:
    found = [str(v.id) for section in sections for v in documents.values(section)]
    return [*found, UNKNOWN_OPERATOR] if (model, key) == ("Asset", "operator") else found


def _posts(documents: Documents) -> list[str]:
    """Every role by itself, and at each organisation that has it."""
    posts = [f"{d.role}@{d.organisation}" for d in documents.values("duties")]
    return list(dict.fromkeys([*(r.id for r in documents.values("roles")), *posts]))


def _name(target: dict[str, Any], names: list[str]) -> None:
    """Only these names, in place of a pattern. A profile that has none yet keeps the pattern."""
    at = target["items"] if target.get("type") == "array" else target
    if names:
        for key in ("pattern", "minLength", "maxLength"):
            at.pop(key, None)
        at["enum"] = sorted(set(names), key=names.index)


def _beside(found: dict[str, Any]) -> dict[str, Any]:
    """Draft 07 reads nothing beside a `$ref`, and of a condition an author has mostly written less than one."""
    if "oneOf" in found:
        found["anyOf"] = found.pop("oneOf")
    if "$ref" in found and len(found) > 1:
        found["allOf"] = [{"$ref": found.pop("$ref")}]
    return found


def _one_or_many(listed: dict[str, Any]) -> dict[str, Any]:
    """`concerns: water` is short for a list of one."""
    outer = {k: listed.pop(k) for k in ("description", "title", "default") if k in listed}
    return outer | {"anyOf": [listed["items"], listed]}


def _shorten(definitions: dict[str, Any], name: str, names: list[str], said: str) -> None:
    """A text may stand for the whole entry."""
    text = {"type": "string", "description": said} | ({"enum": names} if names else {})
    definitions[name] = {"anyOf": [text, definitions[name]]}
