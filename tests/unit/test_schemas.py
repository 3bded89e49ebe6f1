"""The committed schemas are those of the models, and say what the door says."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rules.events import EventKind
from streams.schemas import DIALECT, documents, main, outdated, schema
from streams.wire import Media, Refusal, decode

COMMITTED = Path(__file__).parents[2] / "schemas"
NOW = datetime(2026, 1, 31, 7, 0, tzinfo=UTC)


def test_the_committed_schemas_are_those_of_the_models() -> None:
    assert outdated(COMMITTED) == ()
    assert main([str(COMMITTED), "--check"]) == 0


def test_there_is_one_schema_for_each_type_of_event_and_one_document_of_the_doors() -> None:
    assert set(documents()) == {f"se.beredd.{kind}.v1.json" for kind in EventKind} | {"openapi.json"}


@pytest.mark.parametrize("kind", EventKind)
def test_a_schema_is_valid_and_names_itself(kind: EventKind) -> None:
    written = json.loads((COMMITTED / f"se.beredd.{kind}.v1.json").read_bytes())
    Draft202012Validator.check_schema(written)
    assert (written["$schema"], written["$id"]) == (DIALECT, f"urn:beredd:schema:se.beredd.{kind}.v1")


def test_writing_makes_the_folder_and_then_nothing_is_outdated(tmp_path: Path) -> None:
    assert main([str(tmp_path / "new")]) == 0
    assert outdated(tmp_path / "new") == ()


def test_a_schema_that_differs_is_missing_or_belongs_to_nothing_fails_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "schemas"
    shutil.copytree(COMMITTED, folder)
    (folder / "se.beredd.incident.v1.json").write_text("{}")
    (folder / "se.beredd.readings.v1.json").unlink()
    (folder / "se.beredd.rumour.v1.json").write_text("{}")
    assert main([str(folder), "--check"]) == 1
    told = capsys.readouterr().err
    assert [line.split(":")[0].rpartition("/")[2] for line in told.splitlines()] == [
        "se.beredd.incident.v1.json",
        "se.beredd.readings.v1.json",
        "se.beredd.rumour.v1.json",
    ]
    assert "kör make schemas" in told


def test_writing_mends_every_difference(tmp_path: Path) -> None:
    (tmp_path / "se.beredd.incident.v1.json").write_text("{}")
    (tmp_path / "se.beredd.rumour.v1.json").write_text("{}")
    main([str(tmp_path)])
    assert outdated(tmp_path) == ()


GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "type": "se.beredd.incident.v1",
    "source": "urn:test",
    "id": "1",
    "data": {"kind": "fire"},
}
ENVELOPES: tuple[tuple[dict[str, Any], bool], ...] = (
    # allowed
    ({}, True),
    ({"realm": "exercise/external", "time": "2026-01-31T08:00:00Z"}, True),
    ({"realm": None, "time": None, "subject": None}, True),
    ({"traceparent": "00-1", "hops": 3, "sampled": False, "unset": None}, True),
    # not allowed
    ({"specversion": "0.3"}, False),
    ({"type": "se.beredd.readings.v1"}, False),
    ({"source": "two words"}, False),
    ({"id": ""}, False),
    ({"realm": "exercise/Å"}, False),
    ({"bad_name": "x"}, False),
    ({"decimal": 4.2}, False),
    ({"big": 2**31}, False),
    ({"data": None}, False),
    ({"data": {}}, False),
    ({"data_base64": "e30="}, False),
    ({"data": {"kind": "fire", "unknown": 1}}, False),
)


@pytest.mark.parametrize(("changes", "allowed"), ENVELOPES)
def test_the_schema_and_the_door_agree(changes: dict[str, Any], allowed: bool) -> None:
    envelope = GOOD | changes
    (result,) = decode(json.dumps(envelope).encode(), Media.STRUCTURED, NOW)
    assert Draft202012Validator(schema(EventKind.INCIDENT)).is_valid(envelope) is allowed
    assert isinstance(result, Refusal) is not allowed


def test_data_in_base64_is_allowed_in_place_of_data() -> None:
    envelope = {k: v for k, v in GOOD.items() if k != "data"} | {"data_base64": "eyJraW5kIjogImZpcmUifQ=="}
    assert Draft202012Validator(schema(EventKind.INCIDENT)).is_valid(envelope)
