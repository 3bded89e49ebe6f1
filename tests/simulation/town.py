"""The town that is simulated: the tests' Lillby, with a weather warning, an exercise and editions of its rules."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

from notifiers.profile import load_profile
from streams.intake import Intake, intake_of
from tests.conftest import LILLBY

EXERCISE = "exercise/prov"
PLAYERS = {"p-berta-brygga", "p-folke-fyr", "p-olle-ovning"}
"""Whom the exercise may reach, by the channels that begin with `prov-`."""

DECIDERS = ("p-nils-nyckel", "p-berta-brygga")
REGISTRARS = ("p-berta-brygga", "p-nils-nyckel")

_EXERCISE = """
exercises:
  - id: prov
    name: Provet
    leader: p-olle-ovning
    participants:
      - {role: tib, organisation: lillby_kommun, person: p-berta-brygga}
      - {role: teknik_jour, organisation: lillby_teknik, person: p-folke-fyr}
persons:
  - id: p-olle-ovning
    name: Olle Övning
    contacts: [{medium: sms, channel: olle-sms}]
    exercise_contacts: [{medium: sms, channel: prov-olle}]
"""
_WARNINGS = """
sources:
  - {id: smhi, name: SMHI, source: "urn:lillby:smhi", may: [warning], realms: [live, "exercise/*"]}
rules:
  - id: wind
    name: Varning för vind
    when: {warning: WIND, severity: orange}
    concerns: streets
    message: "Varning för vind, {place}."
"""
_ADDED = """
rules:
  - id: leak-told
    name: Läcka
    when: {incidents: leak}
    concerns: water
    notify: [tib]
    message: "Läcka, {place}. {text}"
"""

EDITIONS = ("as it was", "another text", "another limit", "a rule more", "a rule less")


@cache
def edition(name: str) -> Intake:
    """The town's intake under this edition of its rules."""
    folder = Path(tempfile.mkdtemp(prefix="beredd-simulation-"))
    try:
        _write(folder, name)
        profile, faults = load_profile(folder)
        assert profile is not None, "\n".join(map(str, faults))
        return intake_of(profile, folder, open_door=True)
    finally:
        shutil.rmtree(folder)


def _write(folder: Path, name: str) -> None:
    text = {file.name: file.read_text("utf-8") for file in LILLBY.glob("*.yaml")}
    exercise_realm = "may: [readings]", "may: [readings]\n    realms: [live, exercise/*]"
    text["sensors.yaml"] = (
        text["sensors.yaml"]
        .replace(*exercise_realm)
        .replace("may: [incident]", "may: [incident]\n    realms: [live, exercise/*]")
        .replace("may: [decision, acknowledgement]", "may: [decision, acknowledgement]\n    realms: [live, exercise/*]")
    )
    for person, medium in (("berta", "sms"), ("folke", "mail")):
        last = f"      - {{medium: {medium}, channel: {person}-{medium}}}\n"
        more = f"    exercise_contacts:\n      - {{medium: sms, channel: prov-{person}}}\n"
        text["people.yaml"] = text["people.yaml"].replace(last, last + more)
    text["exercise.yaml"], text["warnings.yaml"] = _EXERCISE, _WARNINGS
    rules = text["rules.yaml"]
    match name:
        case "another text":
            text["rules.yaml"] = rules.replace("Leta efter en läcka.", "Leta efter en läcka, och ring grannen.")
        case "another limit":
            text["rules.yaml"] = rules.replace("above: 1.20", "above: 1.15")
        case "a rule more":
            text["added.yaml"] = _ADDED
        case "a rule less":
            text["warnings.yaml"] = _WARNINGS.partition("rules:")[0]
    for file, content in text.items():
        (folder / file).write_text(content, "utf-8")
