"""Results as JUnit XML, which build servers read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from xml.etree import ElementTree

from streams.commands.console import clean


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that was tested; no `faults`: it passed. `broken`: it could not be tried at all."""

    name: str
    file: str
    line: int
    seconds: float
    faults: tuple[str, ...] = ()
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of one run."""

    name: str
    cases: tuple[Case, ...]


def written(suite: Suite) -> bytes:
    """The suite as a JUnit document in UTF-8."""
    failed = [case for case in suite.cases if case.faults]
    broken = sum(case.broken for case in failed)
    counts = {"tests": len(suite.cases), "failures": len(failed) - broken, "errors": broken}
    attributes = {key: str(count) for key, count in counts.items()}
    attributes["time"] = f"{sum(case.seconds for case in suite.cases):.3f}"
    root = ElementTree.Element("testsuites", attributes)
    within = ElementTree.SubElement(root, "testsuite", {"name": clean(suite.name), **attributes})
    for case in suite.cases:
        _add(within, case)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _add(suite: ElementTree.Element, case: Case) -> None:
    about = {
        "name": clean(case.name),
        "classname": clean(PurePath(case.file).stem),
        "file": clean(case.file),
        "line": str(case.line),
        "time": f"{case.seconds:.3f}",
    }
    element = ElementTree.SubElement(suite, "testcase", about)
    if case.faults:
        tag = "error" if case.broken else "failure"
        first = clean(case.faults[0].splitlines()[0])
        ElementTree.SubElement(element, tag, {"message": first}).text = clean("\n".join(case.faults))
