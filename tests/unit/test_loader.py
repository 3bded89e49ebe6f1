"""The mistakes people make in a profile's files, and what they are told: file, line, column, where, what, did you mean.

Every case is Lillby, the shipped small town, with one thing wrong.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from notifiers.profile import Profile, load_profile
from rules.document import Fault, Gravity

LILLBY = Path(__file__).parents[2] / "rules" / "lillby"
FILES = sorted(p.name for p in LILLBY.glob("*.yaml"))
TEXT = {name: (LILLBY / name).read_text("utf-8") for name in FILES}

BY_DECISION = """    when:
      decision: höjd beredskap
      by: regeringen
      confirmed_by: 2
"""
ONLY_BY_DECISION = "'höjd beredskap' kan bara följa på ett bekräftat beslut (when: decision: höjd beredskap)"
TWO_REGISTER = "'höjd beredskap' beslutas av regeringen och registreras av minst 2 personer"
CONDITIONS = "ett villkor börjar med en av: sensor, incidents, warning, districts, calendar, decision, first, all, any"

MISTAKES: dict[str, tuple[str, str, str, list[str]]] = {
    # what the author did: file, the text there, what it became, what they are told
    "a tab in the indentation": (
        "rules.yaml",
        "      below: 2.0",
        "\tbelow: 2.0",
        ["rules.yaml:20:1: tabbtecken i indraget; använd mellanslag"],
    ),
    "a decimal comma": (
        "rules.yaml",
        "above: 1.20",
        "above: 1,20",
        ["rules.yaml:35:14: rules.high-water.when.above: skriv decimaltal med punkt: 1.20"],
    ),
    "a decimal comma between braces": (
        "rules.yaml",
        "    when:\n      sensor: pegel-hamnen\n      above: 1.20\n      for: 30 min",
        "    when: {sensor: pegel-hamnen, above: 1,20, for: 30 min}",
        [
            "rules.yaml:33:43: rules.high-water.when.20: 20 är ingen nyckel; ett decimalkomma delar värdet i två,"
            " skriv decimalpunkt (1.30)"
        ],
    ),
    "a misspelt key": (
        "rules.yaml",
        "    level: särskild händelse",
        "    levle: särskild händelse",
        ["rules.yaml:37:5: rules.high-water.levle: okänd nyckel 'levle'; menade du 'level'?"],
    ),
    "a misspelt key in a condition": (
        "rules.yaml",
        "      above: 1.20",
        "      abowe: 1.20\n      above: 1.20",
        ["rules.yaml:35:7: rules.high-water.when.abowe: okänd nyckel 'abowe'; menade du 'above'?"],
    ),
    "a misspelt section": (
        "rules.yaml",
        "rules:\n",
        "ruels:\n",
        ["rules.yaml:14:1: okänt avsnitt 'ruels'; menade du 'rules'?"],
    ),
    "an unknown area": (
        "sensors.yaml",
        "area: lillby.hamnen, interval: 1 min",
        "area: lillby.hamnem, interval: 1 min",
        ["sensors.yaml:20:78: sensors.tryck-hamnen.area: okänt område 'lillby.hamnem'; menade du 'lillby.hamnen'?"],
    ),
    "an unknown function": (
        "rules.yaml",
        "concerns: water",
        "concerns: watter",
        ["rules.yaml:26:15: rules.low-pressure.concerns: okänd funktion 'watter'; menade du 'water'?"],
    ),
    "an unknown function in a list": (
        "rules.yaml",
        "concerns: [water, streets]",
        "concerns: [water, street]",
        ["rules.yaml:38:23: rules.high-water.concerns.1: okänd funktion 'street'; menade du 'streets'?"],
    ),
    "an unknown role to be told": (
        "rules.yaml",
        "inre_befal@tre",
        "inre_befl@tre",
        ["rules.yaml:48:13: rules.fire.notify: okänd roll 'inre_befl'; menade du 'inre_befal'?"],
    ),
    "an unknown organisation to be told": (
        "rules.yaml",
        "@tre_byars_raddningstjanst",
        "@tre_byars",
        ["rules.yaml:48:13: rules.fire.notify: okänd organisation 'tre_byars'"],
    ),
    "an unknown person": (
        "people.yaml",
        "deputies: [p-nils-nyckel]",
        "deputies: [p-nils-nykel]",
        ["people.yaml:17:81: duties.deputies.0: okänd person 'p-nils-nykel'; menade du 'p-nils-nyckel'?"],
    ),
    "an unknown person in a delegation": (
        "people.yaml",
        "persons: [p-nils-nyckel, p-berta-brygga]",
        "persons: [p-nils-nyckel, p-bert-brygga]",
        ["people.yaml:29:30: delegations.persons.1: okänd person 'p-bert-brygga'; menade du 'p-berta-brygga'?"],
    ),
    "an unknown scope of a delegation": (
        "people.yaml",
        "scope: lillby\n    persons: [p-nils",
        "scope: lilby\n    persons: [p-nils",
        ["people.yaml:28:12: delegations.scope: okänt område 'lilby'; menade du 'lillby'?"],
    ),
    "an unknown sensor": (
        "rules.yaml",
        "sensor: pegel-hamnen",
        "sensor: pegel-hamn",
        ["rules.yaml:34:15: rules.high-water.when.sensor: okänd givare 'pegel-hamn'; menade du 'pegel-hamnen'?"],
    ),
    "an unknown sensor in until": (
        "rules.yaml",
        "    until:\n      sensor: water-pressure",
        "    until:\n      sensor: water-presure",
        [
            "rules.yaml:23:15: rules.low-pressure.until.sensor: okänd givare 'water-presure';"
            " menade du 'water-pressure'?"
        ],
    ),
    "an unknown kind of sensor": (
        "sensors.yaml",
        "kind: water-level, name: Pegel",
        "kind: water-levle, name: Pegel",
        ["sensors.yaml:21:30: sensors.pegel-hamnen.kind: okänt givarslag 'water-levle'; menade du 'water-level'?"],
    ),
    "an unknown kind of incident": (
        "rules.yaml",
        "incidents: fire",
        "incidents: fier",
        ["rules.yaml:46:18: rules.fire.when.incidents: okänt händelselag 'fier'; menade du 'fire'?"],
    ),
    "an unknown level": (
        "rules.yaml",
        "    level: särskild händelse",
        "    level: särskild handelse",
        ["rules.yaml:37:12: rules.high-water.level: okänd nivå 'särskild handelse'; menade du 'särskild händelse'?"],
    ),
    "an unknown operator": (
        "organisations.yaml",
        "operator: lillby_omsorg",
        "operator: lillby_omsor",
        [
            "organisations.yaml:51:15: assets.aldreboende-solgarden.operator: okänd organisation 'lillby_omsor';"
            " menade du 'lillby_omsorg'?"
        ],
    ),
    "a key twice": (
        "rules.yaml",
        "    name: Högt vatten i hamnen",
        "    name: Högt vatten i hamnen\n    name: Mer",
        ["rules.yaml:33:5: nyckeln 'name' står två gånger; behåll en"],
    ),
    "a rule's id twice": (
        "rules.yaml",
        "id: fire",
        "id: high-water",
        ["rules.yaml:43:9: rules.high-water.id: id 'high-water' finns redan i {dir}/rules.yaml"],
    ),
    "a section twice that may be there once": (
        "rules.yaml",
        "rules:\n",
        "profile:\n  name: X\nrules:\n",
        ["town.yaml:19:1: profile: avsnittet finns redan i {dir}/rules.yaml"],
    ),
    "a colon in a text": (
        "rules.yaml",
        "message: Regeringen har beslutat om höjd beredskap.",
        "message: Regeringen: höjd beredskap.",
        ["rules.yaml:61:24: ett kolon i värdet; sätt citattecken runt värdet"],
    ),
    "a condition that is not indented": (
        "rules.yaml",
        "    when:\n      incidents: fire",
        "    when:\n    incidents: fire",
        [
            "rules.yaml:46:5: rules.fire.incidents: nyckeln 'incidents' hör hemma under 'when'; dra in raden",
        ],
    ),
    "a list without its dash": (
        "rules.yaml",
        "  - id: low-pressure",
        "    id: low-pressure",
        [
            "rules.yaml:31:3: här börjar en ny post med '- ', men posten ovanför har inget streck;"
            " skriv '- ' framför dess första nyckel",
        ],
    ),
    "a declared level from a sensor": (
        "rules.yaml",
        "    level: särskild händelse",
        "    level: höjd beredskap",
        [f"rules.yaml:37:12: rules.high-water.level: {ONLY_BY_DECISION}"],
    ),
    "a declared level from an incident": (
        "rules.yaml",
        "    danger_to_life: true",
        "    danger_to_life: true\n    level: höjd beredskap",
        [f"rules.yaml:48:12: rules.fire.level: {ONLY_BY_DECISION}"],
    ),
    "a declared level from a warning": (
        "rules.yaml",
        BY_DECISION,
        "    when:\n      warning: alla\n",
        [f"rules.yaml:56:12: rules.government-decision.level: {ONLY_BY_DECISION}"],
    ),
    "a declared level from a decision or something else": (
        "rules.yaml",
        BY_DECISION,
        "    when:\n      any:\n        - {decision: höjd beredskap, by: regeringen}\n        - {incidents: fire}\n",
        [f"rules.yaml:58:12: rules.government-decision.level: {ONLY_BY_DECISION}"],
    ),
    "a declared level from a decision and something else": (
        "rules.yaml",
        BY_DECISION,
        "    when:\n      all:\n        - {decision: höjd beredskap, by: regeringen}\n        - {incidents: fire}\n",
        [f"rules.yaml:58:12: rules.government-decision.level: {ONLY_BY_DECISION}"],
    ),
    "a declared level from the decision of another level": (
        "rules.yaml",
        "decision: höjd beredskap",
        "decision: särskild händelse",
        [f"rules.yaml:58:12: rules.government-decision.level: {ONLY_BY_DECISION}"],
    ),
    "a declared level by somebody else's decision": (
        "rules.yaml",
        "by: regeringen",
        "by: kommunchef",
        [f"rules.yaml:55:7: rules.government-decision.when: {TWO_REGISTER}"],
    ),
    "a declared level that one person registers": (
        "rules.yaml",
        "confirmed_by: 2",
        "confirmed_by: 1",
        ["rules.yaml:57:21: rules.government-decision.when.confirmed_by: väntade minst 2, fick 1"],
    ),
    "a declared level with fewer registering than the level asks for": (
        "town.yaml",
        "confirmed_by: 2",
        "confirmed_by: 3",
        [
            "people.yaml:42:14: delegations.persons: 'höjd beredskap' registreras av 3 olika personer, "
            "men bara 2 får (declare och lift)",
            f"rules.yaml:55:7: rules.government-decision.when: {TWO_REGISTER.replace('2', '3')}",
        ],
    ),
    "a level that one person registers": (
        "town.yaml",
        "confirmed_by: 2",
        "confirmed_by: 1",
        ["town.yaml:81:19: levels.höjd beredskap.confirmed_by: väntade minst 2, fick 1"],
    ),
    "an unknown placeholder": (
        "rules.yaml",
        '{value} {unit}."',
        '{vallue} {unit}."',
        ["rules.yaml:27:14: rules.low-pressure.message: okänd platshållare '{vallue}'; menade du '{value}'?"],
    ),
    "a placeholder that looks inside": (
        "rules.yaml",
        '{value} {unit}."',
        '{value.__class__} {unit}."',
        ["rules.yaml:27:14: rules.low-pressure.message: okänd platshållare '{value.__class__}'"],
    ),
    "a brace without the other": (
        "rules.yaml",
        '{value} {unit}."',
        '{value {unit}."',
        [
            "rules.yaml:27:14: rules.low-pressure.message: en klammer { eller } utan sin andra;"
            " skriv {{ eller }} för tecknet självt"
        ],
    ),
    "limits that no value is between": (
        "rules.yaml",
        "      above: 1.20",
        "      above: 1.20\n      below: 1.20",
        ["rules.yaml:34:7: rules.high-water.when: inget värde kan vara både över 'above' och under 'below'"],
    ),
    "an until without a limit": (
        "rules.yaml",
        "      above: 2.5\n",
        "",
        [
            "rules.yaml:23:7: rules.low-pressure.until: ett sensorvillkor behöver 'above', 'below', 'between', 'rises',"
            " 'falls' eller 'silent_for'"
        ],
    ),
    "a duty that hangs on one person": (
        "people.yaml",
        ", deputies: [p-maja-mjolkpall]",
        "",
        ["people.yaml:19:5: duties: teknik_jour@lillby_teknik saknar ersättare; ange 'deputies' eller 'covered_by'"],
    ),
    "a duty role that nobody has there": (
        "organisations.yaml",
        "duty: teknik_jour",
        "duty: omsorgsjour",
        [
            "organisations.yaml:27:11: organisations.lillby_teknik.duty: ingen har rollen omsorgsjour@lillby_teknik"
            " (avsnittet duties)"
        ],
    ),
    "a time without a unit one can tell": (
        "rules.yaml",
        "for: 30 min",
        "for: 30m",
        [
            "rules.yaml:36:12: rules.high-water.when.for: väntade en tid som '10 min', '2 h' eller '1 d', fick '30m';"
            " skriv '30 min'"
        ],
    ),
    "a time without a unit": (
        "rules.yaml",
        "for: 30 min",
        "for: 30",
        [
            "rules.yaml:36:12: rules.high-water.when.for: väntade en tid som '10 min', '2 h' eller '1 d', fick 30;"
            " skriv enheten efter talet"
        ],
    ),
    "a limit in words": (
        "rules.yaml",
        "above: 1.20",
        "above: hög",
        ["rules.yaml:35:14: rules.high-water.when.above: väntade ett tal, fick 'hög'"],
    ),
    "a word that is not among the choices": (
        "rules.yaml",
        "      incidents: fire",
        "      incidents: fire\n      at_least: 3\n      different: distrikt",
        [
            "rules.yaml:48:18: rules.fire.when.different: väntade 'district', 'neighbourhood', 'asset', "
            "'organisation' eller 'source',"
            " fick 'distrikt'; menade du 'district'?"
        ],
    ),
    "one report that should differ from others": (
        "rules.yaml",
        "      incidents: fire",
        "      incidents: fire\n      different: district",
        ["rules.yaml:46:7: rules.fire.when: 'different' behöver 'at_least: 2' eller mer"],
    ),
    "a condition of no kind": (
        "rules.yaml",
        "      incidents: fire",
        "      incident: fire",
        [f"rules.yaml:46:7: rules.fire.when: {CONDITIONS}; menade du 'incidents'?"],
    ),
    "a rule without a condition": (
        "rules.yaml",
        "    when:\n      incidents: fire\n",
        "",
        ["rules.yaml:43:5: rules.fire.when: nyckeln 'when' saknas"],
    ),
    "an id with spaces and Swedish letters": (
        "rules.yaml",
        "id: high-water",
        "id: högt vatten",
        [
            "rules.yaml:31:9: rules.högt vatten.id: väntade ett id av a-z, 0-9 och - _ . (inga mellanslag, inga å ä ö),"
            " fick 'högt vatten'; skriv 'hogt-vatten'"
        ],
    ),
    "a name that YAML reads as a number": (
        "rules.yaml",
        "name: Brand",
        "name: 112",
        ["rules.yaml:44:11: rules.fire.name: väntade text, fick 112; sätt citattecken om det är text"],
    ),
    "a telephone number for a channel": (
        "people.yaml",
        "channel: sture-sms",
        "channel: +46 70 123 45 67",
        [
            "people.yaml:70:32: persons.p-sture-spruta.contacts.0.channel: väntade ett id av a-z, 0-9 och - _ ."
            " (inga mellanslag, inga å ä ö), fick '+46 70 123 45 67'; skriv dess id och inte namnet"
        ],
    ),
    "two cities": (
        "town.yaml",
        "kind: neighbourhood\n    parent: lillby\n  - id: lillby.hamnen",
        "kind: city\n  - id: lillby.hamnen",
        ["town.yaml:32:11: areas.lillby.centrum.kind: det finns redan en stad (lillby)"],
    ),
    "no city": (
        "town.yaml",
        "    kind: city",
        "    kind: district",
        ["town.yaml:29:11: areas.lillby.kind: staden har ingen 'parent'; alla andra områden har en"],
    ),
    "an area inside itself": (
        "town.yaml",
        "    parent: lillby\n\n",
        "    parent: lillby.hamnen\n\n",
        ["town.yaml:37:13: areas.lillby.hamnen.parent: områdena ligger i varandra i en ring"],
    ),
    "an unknown member of a family": (
        "town.yaml",
        "[leak, no-water, water-pressure]",
        "[leak, no-watr, water-pressure]",
        ["town.yaml:56:19: families.water.kinds.1: okänt händelselag 'no-watr'; menade du 'no-water'?"],
    ),
}


def lillby(directory: Path, **files: str | bytes) -> Path:
    """A copy of the town with these files in place of its own (`rules` is rules.yaml)."""
    shutil.copytree(LILLBY, directory, dirs_exist_ok=True)
    for name, content in files.items():
        raw = content if isinstance(content, bytes) else content.encode()
        (directory / f"{name}.yaml").write_bytes(raw)
    return directory


def edited(name: str, old: str, new: str) -> str:
    assert old in TEXT[name], f"{name} no longer holds {old!r}: the case says nothing"
    return TEXT[name].replace(old, new, 1)


def told(directory: Path) -> tuple[Profile | None, list[str]]:
    profile, faults = load_profile(directory)
    return profile, [str(f).removeprefix(f"{directory}/") for f in faults]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_the_profile_does_not_load(mistake: str, tmp_path: Path) -> None:
    name, old, new, expected = MISTAKES[mistake]
    profile, faults = told(lillby(tmp_path, **{name.removesuffix(".yaml"): edited(name, old, new)}))
    assert faults == [e.replace("{dir}", str(tmp_path)) for e in expected]
    assert profile is None


FILE_FAULTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "rules.yaml:1:1: filen är tom; väntade till exempel 'rules:' följt av en lista"),
    "a comment only": (b"# inget\n", "rules.yaml:1:1: filen är tom; väntade till exempel 'rules:' följt av en lista"),
    "another encoding": (
        "rules:\n  - id: a\n    name: Högt\n".encode("latin-1"),
        "rules.yaml:3:12: filen är inte UTF-8; spara den som UTF-8 i textredigeraren",
    ),
    "UTF-16": (
        TEXT["rules.yaml"].encode("utf-16"),
        "rules.yaml:1:1: filen är inte UTF-8; spara den som UTF-8 i textredigeraren",
    ),
    "a list at the top": (
        b"- id: a\n",
        "rules.yaml:1:1: filen börjar inte med ett avsnitt; väntade till exempel 'rules:' följt av en lista",
    ),
    "a section without entries": (
        b"rules:\n",
        "rules.yaml:1:1: rules: väntade en lista; börja varje post med '- '",
    ),
    "an entry without keys": (
        b"rules:\n  - low-pressure\n",
        "rules.yaml:2:5: rules: väntade en post med nycklar, fick 'low-pressure'",
    ),
    "a NUL": (b"rules:\n  - id: a\x00b\n", "rules.yaml:2:10: tecknet U+0000 kan inte stå i en YAML-fil; ta bort det"),
    "brackets without an end": (
        b"rules: " + b"[" * 3000,
        "rules.yaml:1:1: för många nivåer av indrag eller hakar",
    ),
    "more than anybody writes by hand": (
        b"# " + b"a" * 6_000_000,
        "rules.yaml:1:1: filen är 6000 kB; högst 1000 kB går att läsa; dela den i flera",
    ),
    "aliases of aliases": (
        b"rules:\n" + b"".join(b"  - *a%d\n" % i for i in range(60)),
        "rules.yaml:1:1: för många alias (*namn); skriv ut värdena i stället",
    ),
}


@pytest.mark.parametrize("what", FILE_FAULTS)
def test_a_file_that_cannot_be_read_says_why(what: str, tmp_path: Path) -> None:
    raw, expected = FILE_FAULTS[what]
    profile, faults = told(lillby(tmp_path, rules=raw))
    assert faults == [expected]
    assert profile is None


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbf%s", b"%s"], ids=["BOM", "no BOM"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_byte_order_mark_and_any_line_ends_are_fine(raw: bytes, end: str, tmp_path: Path) -> None:
    text = TEXT["rules.yaml"].replace("\n", end).encode()
    profile, faults = told(lillby(tmp_path, rules=raw % text))
    assert faults == []
    assert profile is not None


def test_letters_written_in_two_ways_are_the_same_letters(tmp_path: Path) -> None:
    decomposed = TEXT["rules.yaml"].replace("ä", "a\u0308").replace("ö", "o\u0308")
    profile, faults = told(lillby(tmp_path, rules=decomposed))
    assert faults == []
    assert profile is not None


def test_the_faults_of_all_files_are_told_at_once_sorted_by_place(tmp_path: Path) -> None:
    directory = lillby(
        tmp_path,
        rules=edited("rules.yaml", "above: 1.20", "above: 1,20").replace("for: 5 min", "for: 5m"),
        sensors=edited("sensors.yaml", "unit: bar", "unitt: bar"),
        people="\troles:\n",
    )
    _, faults = told(directory)
    assert [f.split(": ")[0] for f in faults] == [
        "people.yaml:1:1",
        "rules.yaml:21:12",
        "rules.yaml:35:14",
        "sensors.yaml:8:5",
    ]


def test_a_directory_without_files_says_so(tmp_path: Path) -> None:
    profile, faults = load_profile(tmp_path)
    assert [str(f) for f in faults] == [f"{tmp_path}:1:1: hittar inga YAML-filer här"] or len(faults) > 1
    assert profile is None


def test_a_person_without_channels_is_a_finding_and_no_error(tmp_path: Path) -> None:
    text = edited(
        "people.yaml",
        "    contacts:\n      - {medium: sms, channel: sture-sms}\n      - {medium: mail, channel: sture-mail}\n",
        "",
    )
    profile, faults = load_profile(lillby(tmp_path, people=text))
    assert profile is not None
    assert [f.gravity for f in faults] == [Gravity.FINDING]


def test_the_hash_follows_the_contents(tmp_path: Path) -> None:
    first, _ = told(lillby(tmp_path / "a"))
    same, _ = told(lillby(tmp_path / "b"))
    other, _ = told(lillby(tmp_path / "c", rules=edited("rules.yaml", "1.20", "1.21")))
    assert first is not None
    assert same is not None
    assert other is not None
    assert (first.hash == same.hash, first.hash == other.hash) == (True, False)


SILENT: dict[str, tuple[str, str, str, str]] = {
    # what would go wrong at night: file, the text there, what it became, where it must be told
    "a lowest level that needs a decision": (
        "town.yaml",
        "    name: Normalläge\n    entered: detected\n",
        "    name: Normalläge\n    entered: decided\n",
        "town.yaml",
    ),
    "a delegation to an organisation that does not exist": (
        "people.yaml",
        "  - role: kommunchef\n    level",
        "  - role: kommunchef\n    organisation: lillby_komun\n    level",
        "people.yaml",
    ),
    "a delegation to a role that nobody has there": (
        "people.yaml",
        "  - role: kommunchef\n    level: särskild händelse",
        "  - role: omsorgsjour\n    organisation: lillby_kommun\n    level: särskild händelse",
        "people.yaml",
    ),
    "fewer registrars than the level needs": (
        "people.yaml",
        "may: [declare, lift]\n    persons: [p-berta-brygga, p-nils-nyckel]",
        "may: [declare, lift]\n    persons: [p-berta-brygga]",
        "people.yaml",
    ),
    "a person's id twice": (
        "people.yaml",
        "  - id: p-nils-nyckel\n",
        "  - {id: p-berta-brygga, name: Någon annan}\n  - id: p-nils-nyckel\n",
        "people.yaml",
    ),
    "a role's id twice": (
        "people.yaml",
        "  - {id: kommunchef, name: Kommunchef}",
        "  - {id: tib, name: Någon annan}\n  - {id: kommunchef, name: Kommunchef}",
        "people.yaml",
    ),
    "a time zone that does not exist": (
        "town.yaml",
        "  name: Lillby\n",
        "  name: Lillby\n  timezone: Europe/Stokholm\n",
        "town.yaml:21:13",
    ),
    "a map that is not there": (
        "town.yaml",
        "  name: Lillby\n",
        "  name: Lillby\n  map: areas.geojsn\n",
        "town.yaml:21:8",
    ),
    "a limit that is true": ("rules.yaml", "above: 1.20", "above: true", "rules.yaml:35:14"),
    "a placeholder that is written as code": (
        "rules.yaml",
        '{value} {unit}."',
        '{value!r} {unit}."',
        "rules.yaml:27:14",
    ),
    "a district inside a neighbourhood": (
        "town.yaml",
        "    kind: neighbourhood\n    parent: lillby\n\n",
        "    kind: district\n    parent: lillby.centrum\n\n",
        "town.yaml:37:13",
    ),
    "two posts of one role at one place": (
        "people.yaml",
        "# Vem som får besluta.",
        "  - {role: tib, organisation: lillby_kommun, holder: p-nils-nyckel, deputies: [p-folke-fyr]}\n\n# Vem",
        "people.yaml:23:12",
    ),
}


@pytest.mark.parametrize("mistake", SILENT)
def test_a_mistake_that_would_show_only_in_a_crisis_does_not_load(mistake: str, tmp_path: Path) -> None:
    name, old, new, place = SILENT[mistake]
    profile, faults = told(lillby(tmp_path, **{name.removesuffix(".yaml"): edited(name, old, new)}))
    assert profile is None, "it loaded"
    assert any(f.startswith(place) for f in faults), faults


def test_levels_written_highest_first_do_not_load(tmp_path: Path) -> None:
    """Invariant 1: the lowest level is what every matter has from the start, so it must be one that a rule may set."""
    normal, special, declared = TEXT["town.yaml"].split("levels:\n")[1].split("\n\n")
    head = TEXT["town.yaml"].split("levels:\n")[0]
    text = f"{head}levels:\n{declared.rstrip()}\n\n{special}\n\n{normal}\n"
    profile, faults = told(lillby(tmp_path, town=text))
    assert profile is None, "every report would be höjd beredskap"
    assert any(f.startswith("town.yaml") for f in faults)


def test_a_message_from_pydantic_is_told_in_swedish(tmp_path: Path) -> None:
    _, faults = told(lillby(tmp_path, rules=edited("rules.yaml", "above: 1.20", "above: .inf")))
    assert len(faults) == 1
    assert "Input should be" not in faults[0]


# --- any text at all -------------------------------------------------------------------------------------------------

MERGED = """sensors:
  - &m {id: tryck-a, kind: water-presure, area: lillby.hamnen}
  - <<: *m
    id: tryck-b
"""
HUGE = "0x" + "F" * 4000
SCRAPS = [
    ":", ": ", "- ", "{", "}", "[", "]", ",", "&a ", "*a", "<<: *a", "!!int ", "!!timestamp ", "!x ", "\t", "\n", " ",
    '"', "'", "|", ">", "%", "@", "`", "#", "? ", "~", "---\n", "...\n", "\x00", "\x85", "\u2028", "\ufeff", "é", "0x",
    "1_0", ".nan", "1e999", "2026-13-45", "12:60", "null", "true", "yes", "=", "\\x", "\\", HUGE,
]  # fmt: skip


def survives(name: str, text: str | bytes) -> None:
    """Loading ends with a profile or faults that can be printed; it never raises."""
    with tempfile.TemporaryDirectory() as directory:
        profile, faults = load_profile(lillby(Path(directory), **{name.removesuffix(".yaml"): text}))
    assert (profile is None) == any(f.gravity is Gravity.ERROR for f in faults)
    assert all(isinstance(f, Fault) and str(f) and f.line >= 1 and f.column >= 1 for f in faults)


BOUNDED = settings(max_examples=40, deadline=timedelta(seconds=10))


@BOUNDED
@given(st.sampled_from(FILES), st.text(max_size=200) | st.lists(st.sampled_from(SCRAPS), max_size=40).map("".join))
@example("sensors.yaml", MERGED)
@example("sensors.yaml", "x: &x\n  sourcs: []\n<<: *x\nsensors: []\n")
@example("rules.yaml", f"rules:\n  - id: {HUGE}\n")
@example("rules.yaml", f"rules:\n  - {{id: a, name: b, when: {{sensor: pegel-hamnen, above: {HUGE}}}}}\n")
@example("rules.yaml", "rules: &a [*a]\n")
@example("rules.yaml", "rules: &a\n  - *a\n")
@example("rules.yaml", "? {a: b}\n: c\n")
@example("rules.yaml", "? [a, b]\n: c\n")
@example("rules.yaml", "1: 2\n")
@example("rules.yaml", "rules:\n  - id: 2026-13-45\n")
@example("rules.yaml", "rules:\n  - when: []\n  - when: {any: {}}\n  - when: {all: [1, 2]}\n  - when: 3\n")
def test_any_text_in_a_file_is_answered_with_faults(name: str, text: str) -> None:
    survives(name, text.encode("utf-8", "surrogatepass"))


@BOUNDED
@given(st.sampled_from(FILES), st.binary(max_size=200))
def test_any_bytes_in_a_file_are_answered_with_faults(name: str, raw: bytes) -> None:
    survives(name, raw)


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, str]:
    """A good file with a few things deleted, doubled, moved or put in."""
    name = draw(st.sampled_from(FILES))
    text = TEXT[name]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 60)))
        scrap = draw(st.sampled_from(SCRAPS) | st.text(max_size=5))
        text = {
            "put": text[:at] + scrap + text[at:],
            "cut": text[:at] + text[end:],
            "double": text[:end] + text[at:end] + text[end:],
            "instead": text[:at] + scrap + text[end:],
            "move": text[:at] + text[end:] + text[at:end],
        }[draw(st.sampled_from(["put", "cut", "double", "instead", "move"]))]
    return name, text


@BOUNDED
@given(mutations())
def test_a_good_file_with_random_damage_is_answered_with_faults_or_loads(damaged: tuple[str, str]) -> None:
    name, text = damaged
    survives(name, text.encode("utf-8", "surrogatepass"))
