"""`beredd check`: everything that is wrong with a profile, each fault where it stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from notifiers.lint import lint
from notifiers.profile import read_profile
from rules.document import Fault, Gravity
from rules.fault import Language
from streams.commands.console import (
    FINE,
    PROBLEMS,
    RED,
    YELLOW,
    Progress,
    UsageFault,
    as_json,
    counted,
    data,
    profile_directory,
)
from streams.commands.profiles import load_map
from streams.story import load_stories

REMARK = {Language.SWEDISH: "anmärkning", Language.ENGLISH: "finding"}


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at a profile found."""

    directory: Path
    files: int
    rules: int
    faults: tuple[Fault, ...]

    def count(self, gravity: Gravity) -> int:
        return Counter(f.gravity for f in self.faults)[gravity]


def check(given: Path | None, language: str = "sv", *, machine: bool) -> int:
    """Prints every fault and a summary. PROBLEMS if anything would keep the profile from being used."""
    if language not in list(Language):
        raise UsageFault(f"--lang {language!r}: väntade sv eller en")
    checked, spoken = look(profile_directory(given)), Language(language)
    if machine:
        as_json(_as_object(checked, spoken))
    else:
        for fault in checked.faults:
            finding = fault.gravity is Gravity.FINDING
            said = fault.said(spoken)
            data(f"{said} ({REMARK[spoken]})" if finding else said, YELLOW if finding else RED)
        data(_summary(checked, spoken))
    return PROBLEMS if checked.count(Gravity.ERROR) else FINE


def look(directory: Path) -> Checked:
    """Every fault of the profile's files, its map and its stories, sorted by place."""
    progress = Progress()
    profile, documents = read_profile(directory, lambda file: progress.at(f"Läser {file} …"))
    found = list(documents.faults)
    if profile is not None:
        count = len(profile.policy.rules)
        found += lint(
            profile, documents, datetime.now(UTC), lambda n: progress.at(f"Granskar regel {n + 1} av {count} …")
        )
        progress.at("Läser kartan …")
        found += [fault for fault in (load_map(profile, directory),) if isinstance(fault, Fault)]
    if (directory / "stories").is_dir():
        progress.at("Läser berättelserna …")
        found += load_stories(directory / "stories")[1]
    progress.done()
    files = sum(1 for _ in directory.rglob("*.y*ml"))
    return Checked(directory, files, len(documents.items.get("rules", ())), tuple(sorted(found)))


def _summary(checked: Checked, language: Language) -> str:
    errors, findings = checked.count(Gravity.ERROR), checked.count(Gravity.FINDING)
    if language is Language.ENGLISH:
        words = (("file", "files"), ("rule", "rules"), ("error", "errors"), ("finding", "findings"))
    else:
        words = (("fil", "filer"), ("regel", "regler"), ("fel", "fel"), ("anmärkning", "anmärkningar"))
    numbers = (checked.files, checked.rules, errors, findings)
    said = (counted(n, one, many) for n, (one, many) in zip(numbers, words, strict=True))
    return f"{checked.directory}: {', '.join(said)}"


def _as_object(checked: Checked, language: Language) -> dict[str, object]:
    return {
        "directory": str(checked.directory),
        "files": checked.files,
        "rules": checked.rules,
        "errors": checked.count(Gravity.ERROR),
        "findings": checked.count(Gravity.FINDING),
        "faults": [
            {
                "file": f.file,
                "line": f.line,
                "column": f.column,
                "where": f.where,
                "code": f.code,
                "message": f.told(language),
                "gravity": f.gravity.value,
            }
            for f in checked.faults
        ],
    }
