"""A profile and its map, as commands need them: whole, or every fault that keeps them from being used."""

from __future__ import annotations

import json
from pathlib import Path

from shapely.errors import ShapelyError

from notifiers.profile import Profile, load_profile
from rules.document import Fault, Gravity
from rules.geography import Geography, load_geography
from streams.commands.console import YELLOW, CommandError, talk, why_unreadable
from streams.intake import Intake


def intake_at(directory: Path) -> Intake:
    """The door of the profile in this directory. A map that cannot be used is told, and positions then say nothing."""
    profile, faults = load_profile(directory)
    if profile is None:
        wrong = [str(f) for f in faults if f.gravity is Gravity.ERROR]
        raise CommandError("\n".join([*wrong, f"{directory}: profilen går inte att läsa; {len(wrong)} fel"]))
    found = load_map(profile, directory)
    if isinstance(found, Fault):
        talk(f"{found}; lägen på kartan räknas inte", YELLOW)
        found = Geography(profile.policy.registry, {})
    return Intake(profile, found, open_door=True)


def load_map(profile: Profile, directory: Path) -> Geography | Fault:
    """The profile's map, or why it cannot be used."""
    name = profile.policy.settings.map
    file = directory / name if name else None
    try:
        return load_geography(profile.policy.registry, file)
    except json.JSONDecodeError as error:
        return Fault(str(file), error.lineno, error.colno, "map", f"kartan är inte JSON: {error.msg}")
    except OSError as error:
        said = f"kartan {why_unreadable(error)}"
    except KeyError as error:
        said = f"kartan saknar nyckeln {error}; väntade GeoJSON med features"
    except UnicodeDecodeError:
        said = "kartan är inte UTF-8"
    except ValueError as error:
        said = str(error).removeprefix(f"{file}: ")
    except (TypeError, AttributeError, IndexError, ShapelyError, RecursionError) as error:
        said = f"kartan är ingen GeoJSON som går att läsa ({type(error).__name__})"
    return Fault(str(file), 1, 1, "map", said)
