"""A software bill of materials (CycloneDX 1.6, JSON) of what the lock installs: `make sbom` writes `sbom.cdx.json`.

It is made from the lock alone, so it is the same on every machine and tells nothing of the one it was made on.
"""

from __future__ import annotations

import argparse
import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$")
_HASH = re.compile(r"^\s+--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"^\s+#\s+(?:via\s+)?([A-Za-z0-9._-]+)(?:\s.*)?$")
OURS = "beredd"


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of the lock. `via`: who asks for it."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]
    via: tuple[str, ...]

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def pins(lock: str) -> tuple[Pin, ...]:
    """The packages of a lock, in its order."""
    found: list[tuple[str, str, str | None, list[str], list[str]]] = []
    for line in lock.splitlines():
        if pin := _PIN.match(line):
            found.append((pin[1].lower(), pin[2], pin[3], [], []))
        elif digest := _HASH.match(line):
            found[-1][3].append(digest[1])
        elif (via := _VIA.match(line)) and via[1] not in ("via", "-c") and found:
            found[-1][4].append(via[1].lower())
    return tuple(Pin(name, version, marker, tuple(h), tuple(v)) for name, version, marker, h, v in found)


def bill(lock: str, version: str) -> dict[str, Any]:
    """The bill of what this lock installs beside beredd of this version."""
    locked = pins(lock)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, sha256(lock.encode()).hexdigest())}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": OURS, "name": OURS, "version": version}},
        "components": [_component(pin) for pin in locked],
        "dependencies": _dependencies(locked),
    }


def _component(pin: Pin) -> dict[str, Any]:
    marker = [{"name": "beredd:marker", "value": pin.marker}] if pin.marker else []
    return {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{pin.name}/{pin.version}/",
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in pin.hashes],
            }
        ],
    } | ({"properties": marker} if marker else {})


def _dependencies(locked: Sequence[Pin]) -> list[dict[str, Any]]:
    """Who asks for what. Two pins of one name are for different Pythons; whoever asks, asks for both."""
    refs = [(OURS, OURS), *((pin.name, pin.purl) for pin in locked)]
    return [{"ref": ref, "dependsOn": [p.purl for p in locked if name in p.via]} for name, ref in refs]


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the bill. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m streams.sbom", description="Skriver en materialförteckning (SBOM)."
    )
    parser.add_argument("lock", type=Path, help="låsfilen, till exempel requirements.txt")
    parser.add_argument("out", type=Path, help="filen att skriva, till exempel sbom.cdx.json")
    options = parser.parse_args(arguments)
    options.out.write_text(text(options.lock.read_text("utf-8"), installed(OURS)), "utf-8")
    return 0


def text(lock: str, version: str) -> str:
    """The bill as it is committed."""
    return json.dumps(bill(lock, version), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
