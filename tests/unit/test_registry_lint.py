"""What a registry lacks on a day: told once, where it stands, and not told where nothing lacks."""

# ruff: noqa: E501 - a town and its edits read best with one entry a line

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.profile import load_profile, read_profile
from notifiers.registry_lint import LISTED, registry_lint, year_before
from rules.fault import Fault, Gravity, Message
from rules.ring import rings

TODAY = date(2026, 11, 1)

WHOLE = """profile: {name: Staden}
levels: [{id: normal, name: Normal, entered: detected}]
areas:
  - {id: staden, name: Staden, kind: city}
  - {id: nord, name: Nord, kind: district, parent: staden}
  - {id: nord.ett, name: Ett, kind: neighbourhood, parent: nord}
  - {id: nord.tva, name: Två, kind: neighbourhood, parent: nord}
  - {id: syd, name: Syd, kind: district, parent: staden}
functions:
  - {id: water, name: Vatten}
  - {id: care, name: Omsorg}
incident_kinds:
  - {id: leak, name: Läcka, functions: [water]}
  - {id: alarm, name: Larm, functions: [care]}
roles:
  - {id: tib, name: TiB, on_call: 24/7}
  - {id: jour, name: Jour}
  - {id: chef, name: Chef}
  - {id: samordnare, name: Säkerhetssamordnare, on_call: office}
persons:
  - {id: p-a, name: A, contacts: [{medium: sms, channel: a}]}
  - {id: p-b, name: B, contacts: [{medium: sms, channel: b}]}
organisations:
  - {id: kontoret, name: Kontoret, kind: board, relation: direct, duty: tib, head: chef, exercised: 2026-05-01}
  - {id: vatten, name: Vattenbolaget, kind: company, relation: request, functions: [water], duty: jour, head: chef, exercised: 2026-05-01}
  - {id: n, name: Nords nämnd, kind: district_board, relation: direct, functions: [care], areas: [nord], coordinates: [nord], duty: jour, head: chef, exercised: 2026-05-01}
  - {id: s, name: Syds nämnd, kind: district_board, relation: direct, functions: [care], areas: [syd], coordinates: [syd], duty: jour, head: chef, exercised: 2026-05-01}
  - {id: leverantor, name: Leverantören, kind: supplier, relation: inform}
duties:
  - {role: tib, organisation: kontoret, holder: p-a, deputies: [p-b]}
  - {role: chef, organisation: kontoret, holder: p-a, covered_by: tib}
  - {role: samordnare, organisation: kontoret, holder: p-a, covered_by: tib}
  - {role: jour, organisation: vatten, holder: p-a, covered_by: tib}
  - {role: chef, organisation: vatten, holder: p-a, covered_by: tib}
  - {role: jour, organisation: n, holder: p-a, covered_by: tib}
  - {role: chef, organisation: n, holder: p-a, covered_by: tib}
  - {role: jour, organisation: s, holder: p-a, covered_by: tib}
  - {role: chef, organisation: s, holder: p-a, covered_by: tib}
assets:
  - {id: hem, name: Hemmet, kind: care_home, area: nord.ett, operator: n, needs: [water, care], priority: true}
  - {id: verk, name: Verket, kind: works, area: syd, operator: vatten}
"""


def looked(directory: Path, edits: list[tuple[str, str]], today: date = TODAY) -> list[Fault]:
    text = WHOLE
    for old, new in edits:
        assert old in text, f"{old!r} is not in the town"
        text = text.replace(old, new, 1)
    (directory / "town.yaml").write_text(text, "utf-8")
    profile, documents = read_profile(directory)
    assert profile is not None, documents.faults
    return list(registry_lint(profile, documents, today))


N = "name: Nords nämnd"
NORD_ENDS = (N, f"{N}, valid_to: 2026-12-31, succeeded_by: nya")
NEW = "  - {{id: nya, name: Nya nämnden, kind: district_board, relation: direct, valid_from: {0}, {1} duty: jour, exercised: 2026-05-01, head: chef}}\n"
POSTS = "".join(f"  - {{role: {r}, organisation: nya, holder: p-a, covered_by: tib}}\n" for r in ("jour", "chef"))


def merged(begins: str, does: str) -> list[tuple[str, str]]:
    """Nord's board is followed by a new one at the turn of the year."""
    board = NEW.format(begins, does)
    return [NORD_ENDS, ("  - {id: leverantor", f"{board}  - {{id: leverantor"), ("assets:", f"{POSTS}assets:")]


DOES = "functions: [care], areas: [nord], coordinates: [nord],"
CASES: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str, str]]]] = {
    "a whole town": ([], []),
    "a function that nobody has": (
        [("functions: [water], duty", "duty")],
        [
            ("function-nobody", "functions.water", "ingen ansvarar för vatten;"),
            ("need-unsupplied", "assets.hem.needs", "behöver vatten där ingen ansvarar för den, 1 st: Hemmet"),
        ],
    ),
    "a function that nobody has and nothing needs": (
        [("  - {id: care, name: Omsorg}", "  - {id: care, name: Omsorg}\n  - {id: parks, name: Parker}")],
        [("function-unused", "functions.parks", "ge den till en organisation eller ta bort den")],
    ),
    "a function that nobody has in one district": (
        [("functions: [care], areas: [syd]", "areas: [syd]")],
        [("function-partly", "functions.care", "ingen ansvarar för omsorg i Syd;")],
    ),
    "a function that nobody has in one neighbourhood": (
        [("functions: [care], areas: [nord]", "functions: [care], areas: [nord.ett]")],
        [("function-partly", "functions.care", "ingen ansvarar för omsorg i Två;")],
    ),
    "a district that nobody coordinates": (
        [("coordinates: [syd], ", "")],
        [("area-no-coordinator", "areas.syd", "ingen samordnar Syd (coordinates)")],
    ),
    "an asset nobody knows who operates": (
        [("area: syd, operator: vatten", "area: syd, operator: okänd")],
        [("operator-unknown", "assets.verk.operator", "känt för 1 av 2 anläggningar (50 %); okänd för Verket")],
    ),
    "an important asset nobody knows who operates": (
        [("operator: n,", "operator: okänd,")],
        [
            ("operator-unknown", "assets.hem.operator", "okänd för Hemmet"),
            ("priority-operator-unknown", "assets.hem.operator", "särskilt viktiga utan känd 'operator'"),
        ],
    ),
    "an organisation that ends with nobody after it": (
        [("name: Leverantören", "name: Leverantören, valid_to: 2026-12-31")],
        [("organisation-ends-alone", "organisations.leverantor.valid_to", "upphör 2026-12-31 utan efterträdare")],
    ),
    "a merger that fits": (merged("2027-01-01", DOES), []),
    "a successor that says nothing and so inherits all": (merged("2027-01-01", ""), []),
    "a successor that begins too late": (
        merged("2027-02-01", DOES),
        [
            (
                "function-gap",
                "functions.care",
                "från och med 2027-01-01 ansvarar ingen för omsorg i Nord, till och med 2027-01-31",
            ),
            ("coordinator-gap", "areas.nord", "från och med 2027-01-01 samordnar ingen Nord, till och med 2027-01-31"),
            ("successor-late", "organisations.n.succeeded_by", "men Nya nämnden finns inte dagen efter"),
        ],
    ),
    "a successor that does not take everything over": (
        merged("2027-01-01", "functions: [{function: care, areas: syd}], coordinates: [nord],"),
        [("function-gap", "functions.care", "från och med 2027-01-01 ansvarar ingen för omsorg i Nord;")],
    ),
    "boards that have not exercised": (
        [
            ("duty: tib, head: chef, exercised: 2026-05-01", "duty: tib, head: chef"),
            ("exercised: 2026-05-01", "exercised: 2025-10-31"),
        ],
        [
            ("never-exercised", "organisations.kontoret", "1 st: Kontoret"),
            ("exercise-overdue", "organisations.vatten", "1 st: Vattenbolaget"),
        ],
    ),
    "an exercise a year ago to the day": ([("exercised: 2026-05-01", "exercised: 2025-11-01")], []),
    "a board without a head": (
        [("duty: tib, head: chef", "duty: tib")],
        [("organisation-no-head", "organisations.kontoret", "1 st: Kontoret")],
    ),
    "a board without a duty role": (
        [("duty: tib, head: chef", "head: chef")],
        [("organisation-no-duty", "organisations.kontoret", "1 st: Kontoret")],
    ),
    "a board with tasks that nobody can be told in": (
        [("duty: jour, head: chef, exercised: 2026-05-01}\n  - {id: n,", "exercised: 2026-05-01}\n  - {id: n,")],
        [
            (
                "organisation-nobody",
                "organisations.vatten",
                "har uppgifter men ingen roll som kan larmas, 1 st: Vattenbolaget",
            )
        ],
    ),
    "a board with neither": (
        [("duty: tib, head: chef, ", "")],
        [("organisation-no-post", "organisations.kontoret", "1 st: Kontoret")],
    ),
    "a role that the profile requires": (
        [("{name: Staden}", "{name: Staden, required_roles: samordnare}")],
        [("required-role-missing", "organisations.vatten", "saknar säkerhetssamordnare, som profilen kräver")],
    ),
    "somebody outside with a function and no counterpart": (
        [
            ("relation: inform}", "relation: inform, functions: [water], duty: jour}"),
            ("assets:", "  - {role: jour, organisation: leverantor, holder: p-a, covered_by: tib}\nassets:"),
        ],
        [("no-counterpart", "organisations.leverantor", "1 st: Leverantören")],
    ),
    "the same with a counterpart": (
        [
            ("relation: inform}", "relation: inform, functions: [water], duty: jour, counterpart: kontoret}"),
            ("assets:", "  - {role: jour, organisation: leverantor, holder: p-a, covered_by: tib}\nassets:"),
        ],
        [],
    ),
    "a role of office hours that nothing covers": (
        [
            (
                "{role: samordnare, organisation: kontoret, holder: p-a, covered_by: tib}",
                "{role: samordnare, organisation: kontoret, holder: p-a, deputies: [p-b]}",
            )
        ],
        [("office-alone", "duties", "samordnare@kontoret")],
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_what_a_registry_lacks_is_told_where_it_stands(what: str, tmp_path: Path) -> None:
    edits, expected = CASES[what]

    found = looked(tmp_path, edits)

    assert [(f.code, f.where) for f in found] == [(code, where) for code, where, _ in expected]
    assert [said for (_, _, said), f in zip(expected, found, strict=True) if said not in str(f)] == []
    assert {f.gravity for f in found} <= {Gravity.FINDING}


def test_the_day_of_a_merger_is_looked_at_from_the_day_it_is_asked_for(tmp_path: Path) -> None:
    """A gap that lies ahead is a gap to come; in it, it is one; after it, it is none."""
    late = merged("2027-02-01", DOES)

    codes = [
        {f.code for f in looked(tmp_path, late, today) if f.code.startswith(("function", "area", "coordinator"))}
        for today in (date(2026, 12, 31), date(2027, 1, 1), date(2027, 2, 1))
    ]

    assert codes == [{"function-gap", "coordinator-gap"}, {"function-partly", "area-no-coordinator"}, set()]


def test_sixty_organisations_that_have_never_exercised_are_one_line(tmp_path: Path) -> None:
    more = "".join(
        f"  - {{id: b{i}, name: Bolag {i}, kind: company, relation: request, duty: jour, head: chef}}\n"
        for i in range(60)
    )
    posts = "".join(
        f"  - {{role: {r}, organisation: b{i}, holder: p-a, covered_by: tib}}\n"
        for i in range(60)
        for r in ("jour", "chef")
    )
    found = looked(tmp_path, [("  - {id: leverantor", f"{more}  - {{id: leverantor"), ("assets:", f"{posts}assets:")])

    (told,) = found
    assert isinstance(told.message, Message)
    assert len(told.message.given["about"]) == 60
    assert f"och {60 - LISTED} till" in str(told)


def test_duties_that_cover_each_other_are_an_error_that_names_the_ring(tmp_path: Path) -> None:
    ring = WHOLE.replace(
        "{role: jour, organisation: n, holder: p-a, covered_by: tib}",
        "{role: jour, organisation: n, holder: p-a, covered_by: chef}",
    )
    ring = ring.replace(
        "{role: chef, organisation: n, holder: p-a, covered_by: tib}",
        "{role: chef, organisation: n, holder: p-a, covered_by: jour}",
    )
    (tmp_path / "town.yaml").write_text(ring, "utf-8")

    profile, faults = load_profile(tmp_path)

    assert profile is None
    (error,) = (f for f in faults if f.gravity is Gravity.ERROR)
    assert error.code == "cover-ring"
    assert "jour@n → chef@n → jour@n" in str(error)


@given(st.dictionaries(st.integers(0, 6), st.sets(st.integers(0, 6), max_size=3)))
def test_a_ring_is_found_exactly_where_a_name_leads_to_itself(leads_to: dict[int, set[int]]) -> None:
    def reached(start: int) -> set[int]:
        found, waiting = set[int](), [start]
        while waiting:
            new = leads_to.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    found = list(rings(leads_to))

    assert bool(found) == any(node in reached(node) for node in leads_to)
    for ring in found:
        assert all(b in leads_to[a] for a, b in zip(ring, (*ring[1:], ring[0]), strict=True))


@given(st.dates(min_value=date(1905, 1, 1)))
def test_a_year_before_a_day_is_between_a_year_and_a_day_more(day: date) -> None:
    assert timedelta(365) <= day - year_before(day) <= timedelta(366)
