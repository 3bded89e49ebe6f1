"""A profile that a command needs whole: loaded, or refused with every fault that keeps it from loading."""

from __future__ import annotations

from pathlib import Path

from notifiers.profile import load_profile
from rules.document import Gravity
from rules.geography import Geography, load_geography
from streams.commands.check import map_faults
from streams.commands.console import YELLOW, CommandError, talk
from streams.intake import Intake


def intake_at(directory: Path) -> Intake:
    """The door of the profile in this directory. A map that cannot be used is told, and positions then say nothing."""
    profile, faults = load_profile(directory)
    if profile is None:
        wrong = [str(f) for f in faults if f.gravity is Gravity.ERROR]
        raise CommandError("\n".join([*wrong, f"{directory}: profilen går inte att läsa; {len(wrong)} fel"]))
    registry, name = profile.policy.registry, profile.policy.settings.map
    broken = map_faults(profile, directory)
    for fault in broken:
        talk(f"{fault}; lägen på kartan räknas inte", YELLOW)
    whole = name is not None and not broken
    geography = load_geography(registry, directory / name) if name and whole else Geography(registry, {})
    return Intake(profile, geography, open_door=True)
