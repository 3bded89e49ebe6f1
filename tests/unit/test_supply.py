"""What beredd is made of: the bill fits the lock, every package of the lock is pinned by hash, and none is one of those
whose faults are known here."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.version import InvalidVersion, Version

from streams.sbom import Pin, bill, main, pins, text
from tests.conftest import ROOT

LOCKS = ("requirements.txt", "requirements-test.txt")
OSV = os.environ.get("BEREDD_OSV")
"""A folder of advisories in the OSV format, as osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip."""


def locked(name: str) -> tuple[Pin, ...]:
    return pins((ROOT / name).read_text("utf-8"))


def test_the_committed_bill_is_that_of_the_lock(tmp_path: Path) -> None:
    assert main([str(ROOT / "requirements.txt"), str(tmp_path / "sbom")]) == 0
    assert (tmp_path / "sbom").read_text("utf-8") == (ROOT / "sbom.cdx.json").read_text("utf-8"), "run make sbom"


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_pins_every_package_by_hash(lock: str) -> None:
    found = locked(lock)
    assert len(found) == len(re.findall(r"(?m)^\S+==", (ROOT / lock).read_text("utf-8")))
    assert len(found) > 40
    assert all(pin.hashes for pin in found)


def test_the_bill_names_what_the_project_asks_for_and_each_reference_leads_somewhere() -> None:
    made = bill((ROOT / "requirements.txt").read_text("utf-8"), version("beredd"))
    refs = {one["bom-ref"] for one in made["components"]} | {"beredd"}
    assert {one["ref"] for one in made["dependencies"]} == refs
    assert {ref for one in made["dependencies"] for ref in one["dependsOn"]} <= refs
    asked = re.findall(r'(?m)^    "([a-z0-9-]+)==([0-9.]+)",', (ROOT / "pyproject.toml").read_text("utf-8"))
    direct = next(one for one in made["dependencies"] if one["ref"] == "beredd")["dependsOn"]
    assert {f"pkg:pypi/{n}@{v}" for n, v in asked if n in {p.name for p in locked("requirements.txt")}} <= set(direct)
    assert json.loads(text("", "1"))["bomFormat"] == "CycloneDX"


# --- advisories ------------------------------------------------------------------------------------------------------


def below(found: tuple[Pin, ...], floors: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"{pin.name} {pin.version}: {', '.join(floors[pin.name]['ids'])}, fixed in {floors[pin.name]['fixed']}"
        for pin in found
        if pin.name in floors and Version(pin.version) < Version(floors[pin.name]["fixed"])
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_no_package_of_the_lock_has_a_fault_that_is_known_here(lock: str) -> None:
    floors = json.loads((ROOT / "tests" / "data" / "advisories.json").read_bytes())["floors"]
    assert below(locked(lock), floors) == []
    old = Pin("aiohttp", "3.13.2", None, (), ())
    assert len(below((old,), floors)) == 1, "one that has is found"


def advisories(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.rglob("*.json")):
        advisory = json.loads(file.read_bytes())
        if not advisory.get("withdrawn"):
            yield advisory


def hits(pin: Pin, advisory: dict[str, Any]) -> bool:
    """Whether an advisory in the OSV format is about this very version."""
    for affected in advisory.get("affected", ()):
        package = affected.get("package", {})
        if package.get("ecosystem") != "PyPI" or re.sub(r"[-_.]+", "-", package.get("name", "")).lower() != pin.name:
            continue
        if pin.version in affected.get("versions", ()):
            return True
        if any(
            _within(Version(pin.version), r["events"]) for r in affected.get("ranges", ()) if r["type"] == "ECOSYSTEM"
        ):
            return True
    return False


def _within(version: Version, events: list[dict[str, str]]) -> bool:
    inside = False
    for event in events:
        for what, said in event.items():
            try:
                at = Version(said)
            except InvalidVersion:
                continue
            if what == "introduced" and version >= at:
                inside = True
            elif (what == "fixed" and version >= at) or (what == "last_affected" and version > at):
                inside = False
    return inside


def test_an_advisory_is_read_as_osv_writes_it() -> None:
    package = {"ecosystem": "PyPI", "name": "Kafka_Python"}
    events = [{"introduced": "0"}, {"fixed": "2.3.2"}, {"introduced": "3.0"}, {"last_affected": "3.0.11"}]
    advisory = {"affected": [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]}
    versions = ("2.3.1", "2.3.2", "3.0.11", "3.0.12")
    assert [hits(Pin("kafka-python", v, None, (), ()), advisory) for v in versions] == [True, False, True, False]


@pytest.mark.skipif(OSV is None, reason="no list of advisories here: unpack OSV's PyPI list and set BEREDD_OSV to it")
@pytest.mark.parametrize("lock", LOCKS)
def test_no_package_of_the_lock_is_in_the_list_of_advisories(lock: str) -> None:
    assert OSV is not None
    listed = list(advisories(Path(OSV)))
    assert len(listed) > 1000, "this is not the whole list"
    assert [f"{p.purl}: {a['id']}" for a in listed for p in locked(lock) if hits(p, a)] == []
