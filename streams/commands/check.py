"""`beredd check`: everything that is wrong with a profile, each fault where it stands."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from shapely.errors import ShapelyError

from notifiers.profile import Profile, load_profile
from rules.document import Fault, Gravity
from rules.geography import load_geography
from streams.commands.console import FINE, PROBLEMS, RED, YELLOW, Progress, as_json, data, profile_directory
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
        found += map_faults(profile, directory)
    if (directory / "stories").is_dir():
        progress.at("Läser berättelserna …")
        found += load_stories(directory / "stories")[1]
    progress.done()
    files = sum(1 for _ in directory.rglob("*.y*ml"))
    return Checked(directory, files, rules, tuple(sorted(found)))


def map_faults(profile: Profile, directory: Path) -> list[Fault]:
    """Why the profile's map cannot be used; empty if it can, or if there is none."""
    name = profile.policy.settings.map
    if name is None:
        return []
    file = directory / name
    try:
        load_geography(profile.policy.registry, file)
    except json.JSONDecodeError as error:
        return [Fault(str(file), error.lineno, error.colno, "map", f"kartan är inte JSON: {error.msg}")]
    except OSError as error:
        return [Fault(str(file), 1, 1, "map", f"kartan går inte att läsa: {error.strerror}")]
    except KeyError as error:
        return [Fault(str(file), 1, 1, "map", f"kartan saknar nyckeln {error}; väntade GeoJSON med features")]
    except UnicodeDecodeError:
        return [Fault(str(file), 1, 1, "map", "kartan är inte UTF-8")]
    except ValueError as error:
        return [Fault(str(file), 1, 1, "map", str(error).removeprefix(f"{file}: "))]
    except (TypeError, AttributeError, IndexError, ShapelyError, RecursionError) as error:
        return [Fault(str(file), 1, 1, "map", f"kartan är ingen GeoJSON som går att läsa ({type(error).__name__})")]
    return []


def _summary(checked: Checked) -> str:
    return (
        f"{checked.directory}: {checked.files} filer, {checked.rules} regler, "
        f"{checked.count(Gravity.ERROR)} fel, {checked.count(Gravity.FINDING)} anmärkningar"
    )


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
