"""OpenAPI 3.1 of our doors: what each takes, and every answer it may give. The bodies are those of the models, the
events those of the schemas beside it. A test holds it to the routes there are, and fuzzing holds the doors to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from pydantic.json_schema import models_json_schema

from notifiers.tokens import Scope
from rules.events import Answer, EventKind
from rules.frozen import Frozen
from streams.codes import ALPHABET, LENGTH
from streams.refusal import Reason
from streams.shipped import Shipped
from streams.wire import REALM_PATTERN, TYPE_OF, Media

ROWS_MAX = 500
TEXT, PAGE, JSON, BYTES = "text/plain", "text/html", "application/json", "application/octet-stream"
Schema = Mapping[str, Any]


class RefusedEvent(Frozen):
    """One event of a sending that was not taken."""

    index: int = Field(ge=0)
    line: int | None = None
    reason: Reason
    message: str


class Taken(Frozen):
    """What became of a sending: what was accepted is on disk."""

    accepted: int = Field(ge=0)
    duplicates: int = Field(ge=0)
    refused: tuple[RefusedEvent, ...]
    error: str | None = None


class Problem(Frozen):
    """Why it did not go, in Swedish."""

    error: str


class Epoch(Frozen):
    """Which takeover an installation rests on."""

    epoch: int = Field(ge=1)


class Reloaded(Frozen):
    """What took over."""

    hash: str
    rules: int
    changed: tuple[str, ...] = ()
    anew: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class NotReloaded(Problem):
    """What did not take over, and every reason."""

    hash: str
    rules: int
    faults: tuple[str, ...]


MODELS = (Taken, Problem, Epoch, Reloaded, NotReloaded, Shipped)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for. `scope`: what a token needs; `answers`: of each status the media type and the
    schema of what is said; all that every door may say comes besides."""

    method: str
    path: str
    summary: str
    answers: Mapping[int, tuple[str, Schema]]
    scopes: tuple[Scope, ...] = ()
    query: tuple[tuple[str, Schema], ...] = ()
    body: Mapping[str, Schema] | None = None


def _model(model: type[Frozen]) -> Schema:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _rows(name: str) -> Schema:
    return {"type": "object", "required": [name], "properties": {name: {"type": "array", "items": {"type": "object"}}}}


OBJECT: Schema = {"type": "object"}
STRING: Schema = {"type": "string"}
EVENT: Schema = {"oneOf": [{"$ref": f"{TYPE_OF[kind]}.json"} for kind in EventKind]}
EVENTS: Schema = {"type": "array", "items": EVENT}
REALM = ("realm", {"type": "string", "pattern": REALM_PATTERN, "default": "live"})
LIMIT = ("limit", {"type": "integer", "minimum": 1, "maximum": ROWS_MAX, "default": 50})
CLOSED = ("closed", {"type": "string", "enum": ["0", "1"], "default": "0"})
SHOWN = (PAGE, STRING)
PROBLEM = (JSON, _model(Problem))
TAKEN = (JSON, _model(Taken))
NOTHING: Schema = {"type": "object", "additionalProperties": True}
FORM: Schema = {
    "type": "object",
    "required": ["answer"],
    "properties": {"answer": {"type": "string", "enum": [a.value for a in Answer]}},
}
SENDING: Mapping[str, Schema] = {
    Media.STRUCTURED: EVENT,
    Media.BATCH: EVENTS,
    Media.PLAIN: {"anyOf": [EVENT, EVENTS]},
    Media.NDJSON: {"type": "string", "description": "Ett kuvert per rad."},
}

OPERATIONS = (
    Operation(
        "post", "/v1/events", "Lämna in händelser. Svaret kommer när de är sparade.",
        {202: TAKEN, 207: TAKEN, 400: PROBLEM, 403: (JSON, {"anyOf": [_model(Taken), _model(Problem)]}),
         408: PROBLEM, 413: TAKEN, 415: TAKEN, 422: TAKEN,
         503: (JSON, {"anyOf": [_model(Taken), _model(Problem)]})},
        (Scope.REPORT, Scope.ANSWER, Scope.DECIDE), body=SENDING,
    ),
    Operation("get", "/v1/situations", "Öppna lägen, de nyaste först.", {200: (JSON, _rows("situations"))},
              (Scope.LOOK,), (REALM, CLOSED)),
    Operation("get", "/v1/situations/{id}", "Ett läge med skäl, plan och logg.", {200: (JSON, OBJECT)}, (Scope.LOOK,),
              (REALM,)),
    Operation("get", "/v1/log/events", "Det senaste som tagits emot.", {200: (JSON, _rows("events"))}, (Scope.LOOK,),
              (LIMIT,)),
    Operation("get", "/v1/log/refused", "Det senaste som avvisats.", {200: (JSON, _rows("refused"))}, (Scope.LOOK,),
              (LIMIT,)),
    Operation("get", "/v1/policy", "Reglerna som gäller.", {200: (JSON, OBJECT)}, (Scope.LOOK,)),
    Operation("post", "/v1/reload", "Låt den ändrade profilen och hemligheterna ta över.",
              {200: (JSON, _model(Reloaded)), 415: PROBLEM, 422: (JSON, _model(NotReloaded))}, (Scope.RELOAD,),
              body={JSON: NOTHING}),
    Operation("post", "/v1/backup", "En hel kopia av filen.", {200: (BYTES, STRING), 415: PROBLEM}, (Scope.BACKUP,),
              body={JSON: NOTHING}),
    Operation("post", "/v1/ship", "Det som sparats sedan dess, för en reserv.",
              {200: (BYTES, STRING), 409: PROBLEM, 408: PROBLEM, 410: PROBLEM, 415: PROBLEM},
              (Scope.SHIP, Scope.SUPERSEDE), body={JSON: _model(Shipped)}),
    Operation("get", "/v1/epoch", "Vilket övertagande installationen vilar på.", {200: (JSON, _model(Epoch))},
              (Scope.SHIP, Scope.LOOK)),
    Operation("get", "/healthz", "Processen lever.", {200: (TEXT, STRING)}),
    Operation("get", "/readyz", "Kan något sparas, och nå någon?", {200: (JSON, OBJECT), 503: (JSON, OBJECT)}),
    Operation("get", "/metrics", "Mätvärden för Prometheus.", {200: (TEXT, STRING)}),
    Operation("get", "/", "Öppna lägen, som sida.", {200: SHOWN}, (Scope.LOOK,), (REALM,)),
    Operation("get", "/s/{id}", "Ett läge, som sida.", {200: SHOWN}, (Scope.LOOK,), (REALM,)),
    Operation("get", "/drift", "Hur systemet självt mår, som sida.", {200: SHOWN}, (Scope.LOOK,)),
    Operation("get", "/k/{code}", "Meddelandet bakom en länk. Ändrar ingenting.", {200: SHOWN, 429: SHOWN}),
    Operation("post", "/k/{code}", "Svaret på meddelandet.",
              {303: SHOWN, 403: SHOWN, 408: SHOWN, 429: SHOWN},
              body={"application/x-www-form-urlencoded": FORM}),
    Operation("get", "/static/beredd.css", "Sidornas utseende.", {200: ("text/css", STRING)}),
)  # fmt: skip


def document() -> dict[str, Any]:
    """The whole document."""
    _, found = models_json_schema([(m, "validation") for m in MODELS], ref_template="#/components/schemas/{model}")
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _written(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "beredd", "version": "1", "description": "Dörrarna till en beredd som körs."},
        "paths": paths,
        "components": {
            "schemas": found["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def statuses(operation: Operation) -> Mapping[int, tuple[str, Schema]]:
    """Every answer that it may give, those included that hold for all doors like it."""
    said = SHOWN if operation.path.startswith(("/k/", "/s/")) else PROBLEM
    found = {400: said, 421: said, 503: said} | (
        {404: said} if "{" in operation.path or operation.path == "/drift" else {}
    )
    if operation.scopes:
        found |= {401: said, 403: said}
    return dict(sorted((found | dict(operation.answers)).items()))


def _written(operation: Operation) -> dict[str, Any]:
    written: dict[str, Any] = {
        "summary": operation.summary,
        "responses": {
            str(status): {"description": str(status), "content": {media: {"schema": schema}}}
            for status, (media, schema) in statuses(operation).items()
        },
    }
    parameters: list[Schema] = [{"name": n, "in": "query", "schema": schema} for n, schema in operation.query]
    if "{id}" in operation.path:
        parameters.append({"name": "id", "in": "path", "required": True, "schema": STRING})
    if "{code}" in operation.path:
        code = {"type": "string", "pattern": f"^[{ALPHABET}]{{{LENGTH}}}$"}
        parameters.append({"name": "code", "in": "path", "required": True, "schema": code})
    if parameters:
        written["parameters"] = parameters
    if operation.scopes:
        written["security"] = [{"token": [scope.value]} for scope in operation.scopes]
    if operation.body is not None:
        written["requestBody"] = {"content": {media: {"schema": schema} for media, schema in operation.body.items()}}
    return written


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), ensure_ascii=False, indent=2) + "\n"
