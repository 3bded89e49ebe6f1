"""The shipped profiles: Stockholm whole and true to its map, and Lillby, the town a second city starts from."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
import shapely
from shapely.geometry import shape

from notifiers.profile import Profile, load_profile
from rules.ladder import Entered
from rules.registry import AreaKind, Registry, Relation

RULES = Path(__file__).parents[2] / "rules"
STOCKHOLM = RULES / "stockholm"
LILLBY = RULES / "lillby"

DISTRICTS = {
    "bromma": 24,
    "enskede_arsta_vantor": 12,
    "farsta": 10,
    "hagersten_alvsjo": 17,
    "hasselby_vallingby": 9,
    "jarva": 11,
    "kungsholmen": 7,
    "norra_innerstaden": 8,
    "skarholmen": 4,
    "skarpnack": 9,
    "sodermalm": 6,
}
"""The districts of 1 July 2023 and how many neighbourhoods each has."""

IN_PIECES: dict[str, str] = {}
"""Districts whose neighbourhoods do not hang together, with the reason. None: the map's neighbourhoods include the
water between the islands."""

KNOWN_POINTS = {
    "Brommaplan": (59.3384, 17.9390, "bromma"),
    "Skogskyrkogården": (59.2756, 18.0998, "enskede_arsta_vantor"),
    "Globen": (59.2936, 18.0832, "enskede_arsta_vantor"),
    "Farsta centrum": (59.2434, 18.0933, "farsta"),
    "Telefonplan": (59.2982, 17.9972, "hagersten_alvsjo"),
    "Råcksta": (59.3548, 17.8817, "hasselby_vallingby"),
    "Kista galleria": (59.4026, 17.9447, "jarva"),
    "Stadshuset": (59.3275, 18.0543, "kungsholmen"),
    "Sergels torg": (59.3326, 18.0649, "norra_innerstaden"),
    "Skarpnäcks tunnelbanestation": (59.2668, 18.1333, "skarpnack"),
    "Skärholmens centrum": (59.2771, 17.9070, "skarholmen"),
    "Ringvägen": (59.3086, 18.0746, "sodermalm"),
    "Stortorget i Gamla stan": (59.3250, 18.0707, "sodermalm"),
}


def load(directory: Path) -> Profile:
    profile, faults = load_profile(directory)
    assert [str(fault) for fault in faults] == []
    assert profile is not None
    return profile


@pytest.fixture(scope="module")
def stockholm() -> Profile:
    return load(STOCKHOLM)


@pytest.fixture(scope="module")
def lillby() -> Profile:
    return load(LILLBY)


@pytest.fixture(scope="module", params=[STOCKHOLM, LILLBY], ids=["stockholm", "lillby"])
def either(request: pytest.FixtureRequest) -> Profile:
    return load(request.param)


@pytest.fixture(scope="module")
def registry(stockholm: Profile) -> Registry:
    return stockholm.policy.registry


@pytest.fixture(scope="module")
def surfaces(stockholm: Profile) -> dict[str, shapely.Geometry]:
    assert stockholm.policy.settings.map is not None
    collection = json.loads((STOCKHOLM / stockholm.policy.settings.map).read_text("utf-8"))
    return {f["properties"]["area"]: shape(f["geometry"]) for f in collection["features"]}


def neighbourhoods(registry: Registry, district: str) -> list[str]:
    return [a.id for a in registry.areas.values() if a.parent == district]


# --- the map ---------------------------------------------------------------------------------------------------------


def test_the_city_has_its_eleven_districts_and_117_neighbourhoods(registry: Registry) -> None:
    of_kind = {kind: [a.id for a in registry.areas.values() if a.kind is kind] for kind in AreaKind}
    assert registry.city == "stockholm"
    assert sorted(of_kind[AreaKind.DISTRICT]) == sorted(DISTRICTS)
    assert len(of_kind[AreaKind.NEIGHBOURHOOD]) == 117
    assert {d: len(neighbourhoods(registry, d)) for d in DISTRICTS} == DISTRICTS


def test_every_neighbourhood_is_named_for_its_district(registry: Registry) -> None:
    for area in registry.areas.values():
        if area.kind is AreaKind.NEIGHBOURHOOD:
            assert area.id.split(".")[0] == area.parent, area.id


def test_every_neighbourhood_has_a_sound_polygon_and_nothing_else_has_one(
    registry: Registry, surfaces: dict[str, shapely.Geometry]
) -> None:
    assert set(surfaces) == {a.id for a in registry.areas.values() if a.kind is AreaKind.NEIGHBOURHOOD}
    assert all(s.geom_type == "Polygon" and s.is_valid and s.area > 0 for s in surfaces.values())


def test_neighbours_touch_without_gap_or_overlap(surfaces: dict[str, shapely.Geometry]) -> None:
    assert shapely.coverage_is_valid(list(surfaces.values()))
    city = shapely.union_all(list(surfaces.values()))
    assert city.geom_type == "Polygon"
    assert list(city.interiors) == []


@pytest.mark.parametrize("district", DISTRICTS)
def test_a_district_is_one_connected_piece(
    district: str, registry: Registry, surfaces: dict[str, shapely.Geometry]
) -> None:
    union = shapely.union_all([surfaces[n] for n in neighbourhoods(registry, district)])
    assert (union.geom_type == "Polygon") is (district not in IN_PIECES)


@pytest.mark.parametrize("place", KNOWN_POINTS)
def test_a_known_place_lies_in_its_district(
    place: str, registry: Registry, surfaces: dict[str, shapely.Geometry]
) -> None:
    latitude, longitude, district = KNOWN_POINTS[place]
    point = shapely.Point(longitude, latitude)
    assert [registry.district(a) for a, s in surfaces.items() if s.contains(point)] == [district]


def test_the_map_is_small_and_names_its_source() -> None:
    raw = (STOCKHOLM / "areas.geojson").read_bytes()
    assert len(raw) <= 150_000
    assert "Stadskarta" in json.loads(raw)["source"]
    assert not re.search(rb"\d\.\d{6}", raw)


def test_every_asset_lies_where_it_says(registry: Registry, surfaces: dict[str, shapely.Geometry]) -> None:
    for asset in registry.assets.values():
        assert asset.position is not None
        assert surfaces[asset.area].contains(shapely.Point(asset.position.longitude, asset.position.latitude)), asset.id


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("former", "today"),
    [
        ("Rinkeby-Kista", "jarva"),
        ("rinkeby_kista", "jarva"),
        ("Spånga-Tensta", "jarva"),
        ("Norrmalm", "norra_innerstaden"),
        ("Östermalm", "norra_innerstaden"),
        ("ostermalm", "norra_innerstaden"),
        ("Hägersten-Liljeholmen", "hagersten_alvsjo"),
        ("alvsjo", "hagersten_alvsjo"),
        ("Älvsjö", "hagersten_alvsjo"),
    ],
)
def test_a_former_district_resolves_to_the_one_of_today(former: str, today: str, registry: Registry) -> None:
    resolved = registry.resolve_area(former)
    assert resolved is not None
    assert registry.district(resolved) == today


def test_a_merged_district_is_former_from_the_day_of_the_merger(registry: Registry) -> None:
    until = {f.id: f.until for a in registry.areas.values() for f in a.former}
    assert until == {
        "hagersten_liljeholmen": date(2020, 6, 30),
        "alvsjo": date(2020, 6, 30),
        "rinkeby_kista": date(2023, 6, 30),
        "spanga_tensta": date(2023, 6, 30),
        "norrmalm": date(2023, 6, 30),
        "ostermalm": date(2023, 6, 30),
    }


def test_a_name_that_is_both_a_district_and_a_neighbourhood_means_the_district(registry: Registry) -> None:
    assert registry.resolve_area("Södermalm") == "sodermalm"
    assert registry.resolve_area("Farsta") == "farsta"


# --- people ----------------------------------------------------------------------------------------------------------


def test_every_person_is_marked_invented(either: Profile) -> None:
    assert either.policy.settings.invented
    assert either.roster.persons


def test_every_duty_ends_in_persons_and_never_in_one_alone(either: Profile) -> None:
    for post in either.roster.duties:
        persons = either.roster.persons_of(post, "live")
        assert len(persons) >= 2, post
        assert all(either.roster.contacts(p, "live") for p in persons), post


def test_every_contact_is_a_bare_reference_of_its_own(either: Profile) -> None:
    contacts = [c for p in either.roster.persons.values() for c in p.contacts + p.exercise_contacts]
    assert all(re.fullmatch(r"[a-z][a-z-]*[a-z]", c.channel) for c in contacts)
    assert len({c.channel for c in contacts}) == len(contacts)


def test_every_person_has_a_second_channel(either: Profile) -> None:
    assert all(2 <= len(p.contacts) <= 3 for p in either.roster.persons.values())


def test_every_person_holds_a_duty_or_leads_an_exercise(either: Profile) -> None:
    held = {p for d in either.roster.duties.values() for p in d.persons}
    leaders = {e.leader for e in either.roster.exercises.values()}
    assert set(either.roster.persons) == held | leaders


def test_the_exercise_has_four_organisations_and_channels_of_its_own(stockholm: Profile) -> None:
    roster = stockholm.roster
    exercise = roster.exercises["styrbjorn-2"]
    assert len({p.organisation for p in exercise.participants}) == 4
    for person in {exercise.leader} | {p.person for p in exercise.participants}:
        channels = roster.contacts(person, "exercise/styrbjorn-2")
        assert channels
        assert not set(channels) & set(roster.contacts(person, "live"))


# --- who answers for what --------------------------------------------------------------------------------------------


def test_every_district_coordinates_itself_and_decides_for_itself(stockholm: Profile, registry: Registry) -> None:
    for district in DISTRICTS:
        coordinators = [o.id for o in registry.organisations.values() if district in o.coordinates]
        deciders = [d for d in stockholm.policy.ladder.delegations if district in d.scope]
        assert coordinators == [district]
        assert [(d.role, d.organisation, d.level) for d in deciders] == [
            ("forvaltningschef", district, "särskild händelse")
        ]


def test_whoever_may_decide_holds_the_role_and_has_a_deputy(either: Profile) -> None:
    for delegation in either.policy.ladder.delegations:
        organisation = delegation.organisation or either.roster.organisations_with(delegation.role)[0]
        holders = either.roster.duties[(delegation.role, organisation)].persons
        assert delegation.persons == holders
        assert len(holders) >= 2


def test_only_offices_of_the_city_may_be_directed(registry: Registry) -> None:
    relations = {o.id: o.relation for o in registry.organisations.values()}
    assert relations["trafiknamnden"] is Relation.DIRECT
    assert relations["svoa"] is Relation.REQUEST
    assert relations["ellevio"] is Relation.INFORM
    assert relations["ssbf"] is Relation.INFORM


def test_hojd_beredskap_adds_the_executive_board_and_not_the_crisis_board(stockholm: Profile) -> None:
    level = stockholm.policy.ladder["höjd beredskap"]
    organisations = {a.organisation for a in level.adds + level.adds_when_decided}
    assert level.entered is Entered.DECLARED
    assert "kommunstyrelsen" in organisations
    assert "krisledningsnamnden" not in organisations


def test_nothing_but_the_ladder_names_the_crisis_board(registry: Registry, stockholm: Profile) -> None:
    board = registry.organisations["krisledningsnamnden"]
    assert (board.duty, board.head, board.functions) == (None, None, ())
    named = {a.organisation for r in stockholm.policy.rules for a in r.rule.notify + r.rule.also_notify}
    assert "krisledningsnamnden" not in named


# --- rules and sources -----------------------------------------------------------------------------------------------


def test_no_message_says_ring_112_itself_since_the_text_puts_it_first(either: Profile) -> None:
    for compiled in either.policy.rules:
        assert "112" not in f"{compiled.rule.message}{compiled.rule.first_step}", compiled.rule.id


def test_the_exercise_source_may_not_touch_live(registry: Registry) -> None:
    assert registry.sources["ovning-styrbjorn-2"].realms == ("exercise/styrbjorn-2",)


def test_only_the_door_may_carry_decisions_and_answers(registry: Registry) -> None:
    may = {s.source for s in registry.sources.values() if {"decision", "acknowledgement"} & set(s.may)}
    assert may == {"urn:beredd:door"}


def test_lillby_is_five_commented_files_for_a_handful_of_people(lillby: Profile) -> None:
    files = [f for f in LILLBY.iterdir() if f.is_file()]  # its stories lie in a folder of their own
    assert len(files) == 5
    assert all(f.read_text("utf-8").startswith("# LILLBY") for f in files)
    assert len(lillby.roster.persons) == 5
    assert len(lillby.policy.registry.sensors) == 3
    assert len(lillby.policy.rules) == 4


def test_every_file_of_stockholm_opens_by_saying_what_it_holds() -> None:
    assert all(f.read_text("utf-8").startswith("# ") for f in STOCKHOLM.rglob("*.yaml"))
