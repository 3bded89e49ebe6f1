"""`beredd check`: everything that is wrong with a profile, each fault where it stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from notifiers.profile import load_profile
from rules.document import Fault, Gravity
from streams.commands.console import FINE, PROBLEMS, RED, YELLOW, Progress, as_json, counted, data, profile_directory
from streams.commands.profiles import load_map
from streams.story import load_stories


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at a profile found."""

    directory: Path
    files: int
    rules: int
    faults: tuple[Fault, ...]

    def count(self, gravity: Gravity) -> int:
        return Counter(f.gravity for f in self.faults)[gravity]


def check(given: Path | None, *, machine: bool) -> int:
    """Prints every fault and a summary. PROBLEMS if anything would keep the profile from being used."""
    checked = look(profile_directory(given))
    if machine:
        as_json(_as_object(checked))
    else:
        for fault in checked.faults:
            finding = fault.gravity is Gravity.FINDING
            data(f"{fault} (anmärkning)" if finding else fault, YELLOW if finding else RED)
        data(_summary(checked))
    return PROBLEMS if checked.count(Gravity.ERROR) else FINE


def look(directory: Path) -> Checked:
    """Every fault of the profile's files, its map and its stories, sorted by place."""
    progress = Progress()
    progress.at(f"Läser {directory} …")
    profile, faults = load_profile(directory)
    rules = len(profile.policy.rules) if profile is not None else 0
    found = list(faults)
    if profile is not None:
        progress.at("Läser kartan …")
        found += [fault for fault in (load_map(profile, directory),) if isinstance(fault, Fault)]
    if (directory / "stories").is_dir():
        progress.at("Läser berättelserna …")
        found += load_stories(directory / "stories")[1]
    progress.done()
    files = sum(1 for _ in directory.rglob("*.y*ml"))
    return Checked(directory, files, rules, tuple(sorted(found)))


def _summary(checked: Checked) -> str:
    found = (
        counted(checked.files, "fil", "filer"),
        counted(checked.rules, "regel", "regler"),
        counted(checked.count(Gravity.ERROR), "fel", "fel"),
        counted(checked.count(Gravity.FINDING), "anmärkning", "anmärkningar"),
    )
    return f"{checked.directory}: {', '.join(found)}"


def _as_object(checked: Checked) -> dict[str, object]:
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
                "message": f.message,
                "gravity": f.gravity.value,
            }
            for f in checked.faults
        ],
    }
