"""A profile and its map, as commands need them: whole, or every fault that keeps them from being used."""

from __future__ import annotations

from pathlib import Path

from notifiers.profile import Profile, load_profile
from rules.document import Fault, Gravity
from rules.geography import Geography, read_map
from streams.commands.console import YELLOW, CommandError, talk
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
    return read_map(profile.policy.registry, directory, profile.policy.settings.map)
