"""`beredd check`: everything that is wrong with a profile, each fault where it stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from notifiers.lint import lint
from notifiers.profile import read_profile
from notifiers.registry_lint import registry_lint
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
from streams.commands.moment import moment
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


def check(given: Path | None, language: str = "sv", at: str | None = None, *, machine: bool) -> int:
    """Prints every fault and a summary, as of a day. PROBLEMS if anything would keep the profile from being used."""
    if language not in list(Language):
        raise UsageFault(f"--lang {language!r}: väntade sv eller en")
    checked, spoken = look(profile_directory(given), at), Language(language)
    if machine:
        as_json(_as_object(checked, spoken))
    else:
        for fault in checked.faults:
            finding = fault.gravity is Gravity.FINDING
            said = fault.said(spoken)
            data(f"{said} ({REMARK[spoken]})" if finding else said, YELLOW if finding else RED)
        data(_summary(checked, spoken))
    return PROBLEMS if checked.count(Gravity.ERROR) else FINE


def look(directory: Path, at: str | None = None) -> Checked:
    """Every fault of the profile's files, its map and its stories, sorted by place. `at`: as a person writes a moment;
    now, if nothing is said."""
    progress = Progress()
    profile, documents = read_profile(directory, lambda file: progress.at(f"Läser {file} …"))
    found = list(documents.faults)
    if profile is not None:
        count, zone = len(profile.policy.rules), profile.policy.settings.timezone
        now = moment(at, zone) if at is not None else datetime.now(UTC)
        found += lint(profile, documents, now, lambda n: progress.at(f"Granskar regel {n + 1} av {count} …"))
        progress.at("Granskar registret …")
        found += registry_lint(profile, documents, now.astimezone(ZoneInfo(zone)).date())
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
