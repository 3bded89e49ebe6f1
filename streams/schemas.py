"""JSON Schemas (draft 2020-12) of the events on the wire, generated from the models so that the two cannot differ.

`python -m streams.schemas schemas` writes them; with `--check` it only says whether the committed ones are up to date.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rules.events import LIVE, PAYLOAD_OF, Event, EventKind
from streams import openapi
from streams.wire import INT_MAX, INT_MIN, NAME_PATTERN, REALM_PATTERN, SOURCE_PATTERN, SPEC_VERSION, TYPE_OF

EXTENSION_PATTERN = f"^(?!data$){NAME_PATTERN.removeprefix('^')}"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(kind: EventKind) -> dict[str, Any]:
    """The schema of a whole envelope with data of this kind. What it refuses, `streams.wire.decode` refuses."""
    data = PAYLOAD_OF[kind].model_json_schema(mode="validation")
    return {
        "$schema": DIALECT,
        "$id": f"urn:beredd:schema:{TYPE_OF[kind]}",
        "title": TYPE_OF[kind],
        "description": f"Ett CloudEvents 1.0-kuvert. data: {data.get('description', '')}",
        "type": "object",
        "required": ["specversion", "type", "source", "id"],
        "oneOf": [{"required": ["data"]}, {"required": ["data_base64"]}],
        "properties": _properties(kind),
        "patternProperties": {EXTENSION_PATTERN: {"$ref": "#/$defs/extension"}},
        "additionalProperties": False,
        "$defs": {**data.pop("$defs", {}), "extension": EXTENSION, PAYLOAD_OF[kind].__name__: data},
    }


EXTENSION = {
    "description": "Ett attribut: text, true/false eller ett heltal på 32 bitar; null betyder att det inte är satt.",
    "type": ["string", "boolean", "integer", "null"],
    "minimum": INT_MIN,
    "maximum": INT_MAX,
}


def _properties(kind: EventKind) -> dict[str, Any]:
    text = {"type": ["string", "null"], "minLength": 1}
    return {
        "specversion": {"const": SPEC_VERSION},
        "type": {"const": TYPE_OF[kind]},
        "source": {"type": "string", "pattern": SOURCE_PATTERN, "maxLength": _max_length("source")},
        "id": {"type": "string", "minLength": 1, "maxLength": _max_length("id")},
        "time": {**text, "format": "date-time", "description": "Utelämnad: när beredd tog emot händelsen"},
        "realm": {"type": ["string", "null"], "pattern": REALM_PATTERN, "description": f"Utelämnad: {LIVE}"},
        "subject": text,
        "dataschema": text,
        "datacontenttype": {**text, "description": "Utelämnad: application/json"},
        "data": {"$ref": f"#/$defs/{PAYLOAD_OF[kind].__name__}"},
        "data_base64": {"type": "string", "contentEncoding": "base64", "contentMediaType": "application/json"},
    }


def _max_length(attribute: str) -> int:
    return int(Event.model_json_schema()["properties"][attribute]["maxLength"])


def documents() -> dict[str, str]:
    """File name -> text, for every type of event and for our doors."""
    events = {
        f"{TYPE_OF[kind]}.json": json.dumps(schema(kind), ensure_ascii=False, indent=2) + "\n" for kind in EventKind
    }
    return events | {"openapi.json": openapi.text()}


def outdated(folder: Path) -> tuple[str, ...]:
    """The names of schemas that are missing, differ from the models, or belong to no event any more."""
    wanted = documents()
    committed = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    return tuple(sorted(name for name in wanted | committed if wanted.get(name) != committed.get(name)))


def write(folder: Path) -> None:
    """After this the folder holds exactly the schemas of today."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in outdated(folder):
        text = documents().get(name)
        if text is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(text, "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the schemas, or with --check compares them. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m streams.schemas", description="Skriver händelsernas JSON-scheman.")
    parser.add_argument("folder", type=Path, help="mappen med scheman, till exempel schemas")
    parser.add_argument("--check", action="store_true", help="skriv inget; avsluta med 1 om något skiljer")
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.folder)
        return 0
    differing = outdated(options.folder)
    for name in differing:
        print(f"{options.folder / name}: stämmer inte med modellerna; kör make schemas", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
