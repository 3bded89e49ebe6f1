"""`beredd registry`: what a profile knows of the city, shown, searched, checked and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from notifiers.catalogue import Catalogue, Entry, Sort, folded
from notifiers.description import Describing
from notifiers.profile import Profile, read_profile
from notifiers.registry_lint import own, registry_lint
from rules.document import did_you_mean
from rules.fault import Fault, Gravity, Language, Message
from rules.item import Documents
from rules.registry import UNKNOWN_OPERATOR
from streams.commands.console import (
    DIM,
    FINE,
    PROBLEMS,
    YELLOW,
    CommandError,
    UsageFault,
    as_json,
    counted,
    data,
    profile_directory,
    table,
    talk,
)
from streams.commands.moment import moment
from streams.registry_page import registry_page

SORT = {
    Sort.AREA: "område",
    Sort.ORGANISATION: "organisation",
    Sort.FUNCTION: "funktion",
    Sort.ASSET: "anläggning",
    Sort.ROLE: "roll",
    Sort.PERSON: "person",
    Sort.SECTOR: "sektor",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """A profile as of a day."""

    directory: Path
    profile: Profile
    documents: Documents
    today: date

    def findings(self) -> tuple[Fault, ...]:
        return tuple(sorted(registry_lint(self.profile, self.documents, self.today)))

    def head(self) -> dict[str, Any]:
        return {"profile": self.profile.hash, "day": self.today.isoformat()}


def at_day(given: Path | None, at: str | None) -> Looked:
    """The profile of a directory as of a moment, now if nothing is said. CommandError if it does not load."""
    directory = profile_directory(given)
    profile, documents = read_profile(directory)
    if profile is None:
        wrong = [str(f) for f in documents.faults if f.gravity is Gravity.ERROR]
        raise CommandError("\n".join([*wrong, f"{directory}: profilen går inte att läsa; {len(wrong)} fel"]))
    zone = profile.policy.settings.timezone
    now = moment(at, zone) if at is not None else datetime.now(UTC)
    return Looked(directory, profile, documents, now.astimezone(ZoneInfo(zone)).date())


def after(command: str) -> int:
    """Says where the options of a command belong."""
    raise UsageFault(f"skriv valen efter kommandot: beredd registry {command} ...")


# --- summary ---------------------------------------------------------------------------------------------------------


def summary(given: Path | None, at: str | None, *, only_unconfirmed: bool, machine: bool) -> int:
    """Prints how much the registry holds and how many findings there are; or all that is unconfirmed."""
    looked = at_day(given, at)
    if only_unconfirmed:
        return _unconfirmed(looked, machine=machine)
    counts, findings = _counts(looked), looked.findings()
    if machine:
        as_json(looked.head() | counts | {"findings": len(findings)})
        return FINE
    data(f"{looked.profile.policy.settings.name}, registret {looked.today}")
    for key, label in LABELS.items():
        data(f"  {label:<32}{counts[key]:>6}")
    said = counted(len(findings), "anmärkning", "anmärkningar")
    data(f"{said}. Visa: beredd registry check" if findings else "Inga anmärkningar.", YELLOW if findings else "")
    return FINE


LABELS = {
    "areas": "Områden",
    "functions": "Funktioner",
    "organisations": "Organisationer",
    "own": "  egna nämnder och bolag",
    "assets": "Anläggningar",
    "operators_known": "  med känd operatör",
    "sensors": "Givare",
    "roles": "Roller",
    "duties": "Roller hos organisationer",
    "persons": "Personer",
    "unconfirmed": "Obekräftade uppgifter",
}


def _counts(looked: Looked) -> dict[str, int]:
    registry, roster = looked.profile.policy.registry, looked.profile.roster
    valid = [o for o in registry.organisations.values() if o.valid_on(looked.today)]
    return {
        "areas": len(registry.areas),
        "functions": len(registry.functions),
        "organisations": len(valid),
        "own": sum(own(o) for o in valid),
        "assets": len(registry.assets),
        "operators_known": sum(a.operator != UNKNOWN_OPERATOR for a in registry.assets.values()),
        "sensors": len(registry.sensors),
        "roles": len(roster.roles),
        "duties": len(roster.duties),
        "persons": len(roster.persons),
        "unconfirmed": len(Catalogue(looked.profile).unconfirmed),
    }


def _unconfirmed(looked: Looked, *, machine: bool) -> int:
    found = Catalogue(looked.profile).unconfirmed
    if machine:
        rows = [{"kind": e.sort, "id": e.id, "name": e.name, "unconfirmed": e.unconfirmed} for e in found]
        as_json(looked.head() | {"unconfirmed": rows})
        return FINE
    table(
        ("Slag", "Id", "Namn", "Obekräftat"), ((SORT[e.sort], e.id, e.name, e.unconfirmed) for e in found), whole="Id"
    )
    data(f"{len(found)} obekräftade uppgifter" if len(found) != 1 else "1 obekräftad uppgift")
    return FINE


# --- one entry, or those that match ----------------------------------------------------------------------------------


def show(wanted: str, given: Path | None, at: str | None, *, machine: bool) -> int:
    """Prints everything known of what is called this; an area and its board may share a name."""
    looked = at_day(given, at)
    catalogue, describing = Catalogue(looked.profile), Describing(looked.profile, looked.today)
    found = catalogue.called(wanted)
    if not found:
        near = [name for e in catalogue.entries for name in e.names]
        raise UsageFault(f"inget i registret heter {wanted!r}{did_you_mean(wanted, near)}")
    if machine:
        as_json(looked.head() | {"entries": [_object(e, describing) for e in found]})
        return FINE
    for number, entry in enumerate(found):
        if number:
            data("")
        if folded(wanted) not in (folded(entry.id), folded(entry.name)):
            data(f"{wanted} heter nu {entry.name}.")
        _tell(entry, describing)
    return FINE


def _object(entry: Entry, describing: Describing) -> dict[str, Any]:
    known = {k.key: list(k.lines) for k in describing.describe(entry)}
    return {"kind": entry.sort, "id": entry.id, "name": entry.name, "known": known}


def _tell(entry: Entry, describing: Describing) -> None:
    data(f"{entry.name} [{entry.id}], {SORT[entry.sort]}")
    for known in describing.describe(entry):
        if len(known.lines) == 1:
            data(f"  {known.label}: {known.lines[0]}")
        else:
            data(f"  {known.label}:")
            for line in known.lines:
                data(f"    {line}")


def search(text: str, given: Path | None, *, machine: bool) -> int:
    """Prints every entry with these words in its id, its name or a former name. PROBLEMS if there is none."""
    looked = at_day(given, None)
    found = Catalogue(looked.profile).search(text)
    if machine:
        as_json(looked.head() | {"entries": [{"kind": e.sort, "id": e.id, "name": e.name} for e in found]})
    elif found:
        rows = ((SORT[e.sort], e.id, e.name, ", ".join(dict.fromkeys(e.also))) for e in found)
        table(("Slag", "Id", "Namn", "Heter eller hette också"), rows, whole="Id")
    else:
        talk(f"Inget i registret har {text!r} i namnet.")
    return FINE if found else PROBLEMS


# --- check and draw --------------------------------------------------------------------------------------------------


def check(given: Path | None, at: str | None, *, everything: bool, machine: bool) -> int:
    """Prints what the registry lacks on the day. FINE also then: nothing of it keeps the profile from being used."""
    looked = at_day(given, at)
    findings = looked.findings()
    if machine:
        as_json(looked.head() | {"findings": [_finding(f) for f in findings]})
        return FINE
    for fault in findings:
        data(fault, YELLOW)
        for name in _about(fault) if everything else ():
            data(f"    {name}", DIM)
    data(f"{looked.directory}, {looked.today}: {counted(len(findings), 'anmärkning', 'anmärkningar')}")
    return FINE


def _about(fault: Fault) -> tuple[str, ...]:
    return tuple(fault.message.given.get("about", ())) if isinstance(fault.message, Message) else ()


def _finding(fault: Fault) -> dict[str, Any]:
    return {
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "where": fault.where,
        "code": fault.code,
        "message": fault.told(Language.SWEDISH),
        "about": list(_about(fault)),
    }


def draw(out: Path, given: Path | None, at: str | None, *, machine: bool) -> int:
    """Writes the registry as one page that needs nothing else."""
    looked = at_day(given, at)
    findings = tuple(f.told(Language.SWEDISH) for f in looked.findings())
    page = registry_page(Describing(looked.profile, looked.today), findings)
    try:
        out.write_text(page, "utf-8")
    except OSError as error:
        raise UsageFault(f"{out}: går inte att skriva ({error.strerror})") from None
    if machine:
        as_json(looked.head() | {"out": str(out), "bytes": len(page.encode())})
    else:
        talk(f"Skrev {out}.")
    return FINE
