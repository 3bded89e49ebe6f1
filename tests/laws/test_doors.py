"""The doors against their own document: whatever is sent, the answer is one that the document has, in the form it says,
and nobody meets a fault of ours. The service is a real one, over a real file; only the sender is invented."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rules.events import EventKind
from streams.openapi import OPERATIONS, Operation, document, statuses
from streams.service import Service, Settings
from streams.wire import TYPE_OF, Media
from tests.conftest import LILLBY
from tests.laws.effort import examples
from tests.real.process import write_secrets

SCHEMAS = Path(__file__).parents[2] / "schemas"


class Doors:
    """A running service, and somebody who asks."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        secrets = folder / "secrets.yaml"
        write_secrets(secrets, {"sms": "json://127.0.0.1:9/x"}, {t: {**TOKENS[t]} for t in TOKENS})
        self.service = Service(Settings(_without_stories(folder), folder / "data", secrets, port=0, reserve=0))
        self._loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        await self.service.start()
        self.service._door.open = False  # as on an address that others reach: keys matter everywhere
        self._client = aiohttp.ClientSession()

    def ask(self, request: dict[str, Any]) -> tuple[int, str, bytes]:
        return self._loop.run_until_complete(self._ask(request))

    async def _ask(self, request: dict[str, Any]) -> tuple[int, str, bytes]:
        url = f"{self.service.url}{request['path']}"
        async with self._client.request(
            request["method"], url, params=request["query"], data=request["body"], headers=request["headers"],
            allow_redirects=False,
        ) as answer:  # fmt: skip
            return answer.status, answer.content_type, await answer.read()

    def stop(self) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.run_until_complete(self.service.stop())
        self._loop.close()


TOKENS: dict[str, dict[str, object]] = {
    "source": {"source": "vaxel"},
    "person": {"person": "p-berta-brygga"},
    "all": {"service": "x", "may": ["look", "reload", "backup", "ship"]},
}


def _without_stories(folder: Path) -> Path:
    import shutil

    return Path(shutil.copytree(LILLBY, folder / "profile", ignore=shutil.ignore_patterns("stories")))


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    found = Doors(tmp_path_factory.mktemp("doors"))
    yield found
    found.stop()


# --- the document ----------------------------------------------------------------------------------------------------


def test_every_route_is_in_the_document_and_nothing_else_is(doors: Doors) -> None:
    router = doors.service._runner.app.router
    routes = {(r.method.lower(), r.resource.canonical) for r in router.routes() if r.resource is not None}
    assert {r for r in routes if r[0] != "head"} == {(o.method, o.path) for o in OPERATIONS}


def test_every_reference_in_the_document_leads_somewhere() -> None:
    written = document()
    for found in re.findall(r'"\$ref": "([^"]+)"', json.dumps(written)):
        if found.startswith("#/components/schemas/"):
            assert found.rpartition("/")[2] in written["components"]["schemas"]
        else:
            assert (SCHEMAS / found).is_file()


# --- whatever is sent ------------------------------------------------------------------------------------------------

_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
DATA: dict[EventKind, dict[str, Any]] = {
    EventKind.INCIDENT: {"kind": "no-water", "area": "lillby", "text": "Inget vatten"},
    EventKind.READINGS: {"readings": [{"sensor": "x", "value": 1, "time": "2026-01-31T07:00:00Z"}]},
    EventKind.WARNING: {"warnings": []},
    EventKind.DECISION: {"decision": "close", "by": "tib", "matter": "lillby-20260131-1"},
    EventKind.ACKNOWLEDGEMENT: {
        "person": "p-berta-brygga", "answer": "taken", "matters": [{"matter": "lillby-20260131-1", "generation": 1}],
    },
}  # fmt: skip
SOURCES = ("urn:lillby:vaxel", "urn:lillby:driftdator", "urn:beredd:door", "urn:x")


@st.composite
def envelopes(draw: st.DrawFn) -> Any:
    """An event as the schemas have it, with something of it changed, or nothing."""
    kind = draw(st.sampled_from(EventKind))
    value: dict[str, Any] = {
        "specversion": "1.0", "type": TYPE_OF[kind], "source": draw(st.sampled_from(SOURCES)),
        "id": draw(st.text(min_size=1, max_size=12)), "data": dict(DATA[kind]),
    }  # fmt: skip
    for _ in range(draw(st.integers(0, 2))):
        target = draw(st.sampled_from([value, value["data"]])) if isinstance(value.get("data"), dict) else value
        name = draw(st.sampled_from(sorted(target)) | st.text(max_size=8)) if target else "x"
        target[name] = draw(_values)
    return value


def _bytes(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


_sendings = (
    envelopes().map(_bytes)
    | st.lists(envelopes(), max_size=3).map(_bytes)
    | st.lists(envelopes(), max_size=3).map(lambda found: b"\n".join(map(_bytes, found)))
    | _values.map(_bytes)
    | st.binary(max_size=60)
    | st.integers(1, 400).map(lambda depth: b"[" * depth + b"]" * depth)
)
_shipped = st.fixed_dictionaries({}, optional={"after": _values, "epoch": st.just(1), "wait_s": st.just(0)}).map(_bytes)
_forms = st.sampled_from([b"answer=taken", b"answer=declined", b"answer=", b"answer=taken&answer=declined"])
_media = st.sampled_from([*Media, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=x", ""])
_plain = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
_segments = st.text(st.characters(exclude_characters="/?#", exclude_categories=("Cs",)), min_size=1, max_size=12)
_bearers = st.sampled_from([f"Bearer {t}" for t in TOKENS]) | _plain | _plain.map(lambda t: f"Bearer {t}")


@st.composite
def requests(draw: st.DrawFn) -> tuple[Operation, dict[str, Any]]:
    """A request at one of the doors, from nearly right to nonsense."""
    door = draw(st.sampled_from(OPERATIONS))
    body: bytes | None = None
    if door.method == "post":
        usual = {"/v1/events": _sendings, "/v1/ship": _shipped, "/k/{code}": _forms}.get(door.path, st.just(b"{}"))
        body = draw(usual | st.binary(max_size=40))
    headers = draw(
        st.fixed_dictionaries(
            {},
            optional={"Authorization": _bearers, "Accept": st.sampled_from(["text/html", "*/*", "application/json"]),
                      "Origin": _plain, "X-Forwarded-For": _plain, "Content-Encoding": st.sampled_from(["gzip", "x"]),
                      "Sec-Fetch-Site": st.sampled_from(["cross-site", "none"]), "User-Agent": _plain},
        )
    )  # fmt: skip
    if draw(st.booleans()):
        headers["Authorization"] = "Bearer all"
    if body is not None:
        headers["Content-Type"] = draw(st.sampled_from(list(door.body or ())) | _media)
    query = {name: draw(_query(schema)) for name, schema in door.query if draw(st.booleans())}
    path = re.sub(r"\{\w+\}", lambda _: _quoted(draw(_segments)), door.path)
    return door, {"method": door.method, "path": path, "query": query, "body": body, "headers": headers}


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="") if text not in (".", "..") else "x"


def _query(schema: Any) -> st.SearchStrategy[str]:
    good = st.sampled_from(schema["enum"]) if "enum" in schema else st.sampled_from(["1", "500", "live", "exercise/x"])
    return good | st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


COMPONENTS = {"components": document()["components"]}


@pytest.mark.timeout(900)
@given(asked=requests())
@settings(examples(600), suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_the_answer_is_one_of_the_document(
    doors: Doors, caplog: pytest.LogCaptureFixture, asked: tuple[Operation, dict[str, Any]]
) -> None:
    door, request = asked
    caplog.clear()
    status, media, said = doors.ask(request)
    assert not [
        r
        for r in caplog.records
        if r.levelno >= logging.ERROR and r.name.startswith(("streams.http", "beredd.server", "aio"))
    ]
    known = statuses(door)
    assert status in known, f"{status} is in no document: {said[:200]!r}"
    assert b"Traceback" not in said
    wanted, schema = known[status]
    if wanted != "application/json" and status < 400:
        assert media == wanted or status == 303
    elif media == "application/json":
        Draft202012Validator({**schema, **COMPONENTS}).validate(json.loads(said))
    else:
        assert media == "text/html", "a fault is told as JSON, or as a page to whom reads pages"
