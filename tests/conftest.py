"""What every test may ask for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from notifiers.profile import Profile, load_profile
from streams.intake import Intake, intake_of

ROOT = Path(__file__).parent.parent
STOCKHOLM = ROOT / "rules" / "stockholm"
LILLBY = ROOT / "tests" / "towns" / "lillby"  # a town of its own: the shipped one may grow without moving a line here


@cache
def loaded(directory: Path) -> Profile:
    profile, faults = load_profile(directory)
    assert profile is not None, "\n".join(map(str, faults))
    return profile


@pytest.fixture(scope="session")
def stockholm() -> Profile:
    return loaded(STOCKHOLM)


@pytest.fixture(scope="session")
def stockholm_intake(stockholm: Profile) -> Intake:
    return intake_of(stockholm, STOCKHOLM, open_door=True)
