"""The shipped profiles: Stockholm whole and true to its map, and Lillby, the town a second city starts from."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import shapely
from shapely.geometry import shape

from notifiers.profile import Profile, load_profile
from notifiers.roster import OnCall
from rules.ladder import Entered
from rules.registry import UNKNOWN_OPERATOR, AreaKind, Organisation, OrganisationKind, Registry, Relation

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


POLITICAL = {
    "kommunfullmaktige",
    "kommunstyrelsen",
    "krisledningsnamnden",
    "riskhanteringsradet",
    "borgarradsberedningen",
}
"""Bodies that meet and have no office of their own: stadsledningskontoret has their coordinators."""

CENTRAL = POLITICAL | {"stadsledningskontoret"}

BOARDS = {
    "arbetsmarknadsnamnden",
    "exploateringsnamnden",
    "fastighetsnamnden",
    "idrottsnamnden",
    "kulturnamnden",
    "kyrkogardsnamnden",
    "miljo_halsoskyddsnamnden",
    "servicenamnden",
    "socialnamnden",
    "stadsbyggnadsnamnden",
    "trafiknamnden",
    "aldrenamnden",
    "utbildningsnamnden",
    "overformyndarnamnden",
    "valnamnden",
}

COMPANIES = {
    "stockholms_stadshus_ab",
    "familjebostader",
    "svenska_bostader",
    "stockholmshem",
    "bostadsformedlingen",
    "micasa",
    "sisab",
    "sga_fastigheter",
    "st_erik_markutveckling",
    "stockholm_parkering",
    "stockholms_hamnar",
    "svoa",
    "stokab",
    "kulturhuset_stadsteatern",
    "sbr",
    "st_erik_forsakring",
    "st_erik_livforsakring",
}

EXTERNAL = {
    "ssbf",
    "polisen",
    "sakerhetspolisen",
    "region_stockholm",
    "smittskydd_stockholm",
    "trafikforvaltningen_sl",
    "lansstyrelsen_stockholm",
    "samverkan_stockholmsregionen",
    "sos_alarm",
    "mcf",
    "skr",
    "pts",
    "imy",
    "skolverket",
    "folkhalsomyndigheten",
    "smhi",
    "trafikverket",
    "livsmedelsverket",
    "svenska_kraftnat",
    "energimyndigheten",
    "ncsc_csirt",
    "forsvarsmakten",
    "ellevio",
    "stockholm_exergi",
    "gasnatet_stockholm",
    "grannkommuner",
    "sveriges_radio",
    "frivilliga",
    "rad_funktionshinder",
}

SUPPLIERS = {"leverantor_it", "leverantor_trygghetslarm", "leverantor_tele"}
"""The source names suppliers of IT as a kind; the two others are invented."""

PRINCIPALS = {"enskild_huvudman_norrskenet", "enskild_huvudman_kometen"}

NOT_ORGANISATIONS = {
    "stadsdirektoren": "a person: the role stadsdirektor at stadsledningskontoret",
    "enskild_huvudman": "a kind of organisation: two invented principals stand for it",
}
"""Rows of the sources' table of organisations that are something else here, with the reason."""

PREDECESSORS = {
    "hagersten_liljeholmen": ("hagersten_alvsjo", date(2020, 6, 30)),
    "alvsjo": ("hagersten_alvsjo", date(2020, 6, 30)),
    "rinkeby_kista": ("jarva", date(2023, 6, 30)),
    "spanga_tensta": ("jarva", date(2023, 6, 30)),
    "norrmalm": ("norra_innerstaden", date(2023, 6, 30)),
    "ostermalm": ("norra_innerstaden", date(2023, 6, 30)),
}

ON_CALL = {
    "tib": OnCall.ALWAYS,
    "kib": OnCall.ROSTER,
    "chef_i_beredskap": OnCall.ROSTER,
    "sakerhetssamordnare": OnCall.OFFICE,
    "informationssakerhetssamordnare": OnCall.OFFICE,
    "sakerhetsskyddschef": OnCall.ROSTER,
    "dataskyddsombud": OnCall.OFFICE,
    "krisledningsgrupp_lokal": OnCall.CALLED,
    "central_krisledning": OnCall.CALLED,
    "stadsdirektor": OnCall.ROSTER,
    "forvaltningschef": OnCall.ROSTER,  # the source: reached, or the deputy is
    "bolags_vd": OnCall.ROSTER,  # the source: reached, or the deputy is
    "krisledningsnamnd_ordf": OnCall.CALLED,  # the source: reachable, or the vice chair is
    "kommunstyrelsens_ordf": OnCall.CALLED,  # the source: reachable
    "kommunikationschef": OnCall.OFFICE,
    "skyddsombud": OnCall.OFFICE,
    "samverkansperson": OnCall.CALLED,
    "ssbf_inre_befal": OnCall.ALWAYS,
    "region_tib": OnCall.ALWAYS,
    "rssl": OnCall.CALLED,
    "lst_tib": OnCall.ALWAYS,
    "sos_alarm_operator": OnCall.ALWAYS,
    "polisen_rlc": OnCall.ALWAYS,
    "smittskyddslakare": OnCall.ROSTER,
    "svoa_drift": OnCall.ALWAYS,
    "stokab_noc": OnCall.ALWAYS,
    "trafik_jour": OnCall.ALWAYS,
    "fastighetsjour": OnCall.ALWAYS,
    "ellevio_drift": OnCall.ALWAYS,
    "mcf_vb": OnCall.ALWAYS,
}
"""Every role of the sources' table, and when it is manned."""

ANSWERED_BY_WHO_RUNS_IT = {
    "fire": "the rescue service is alarmed through 112",
    "smoke": "the rescue service is alarmed through 112",
    "tunnel-fire": "the rescue service is alarmed through 112",
    "tunnel-smoke": "the rescue service is alarmed through 112",
    "explosion": "the rescue service is alarmed through 112",
    "school-fire": "an independent principal answers for its own school",
    "school-closed": "an independent principal answers for its own school",
    "school-threat": "an independent principal answers for its own school",
    "supplier-failure": "each who depends on the supplier answers for its own activity",
    "staff-shortage": "whichever activity it is",
    "threat": "the employee's own organisation, and few others",
    "undue-influence": "the employee's own organisation, and few others",
    "violence": "the employee's own organisation, and few others",
}
"""Kinds of incident that are nobody's function, with the reason."""

UNCONFIRMED = {
    "krisledningsnamnden",
    "stadsledningskontoret",
    "arbetsmarknadsnamnden",
    "socialnamnden",
    "overformyndarnamnden",
    "valnamnden",
    "smittskydd_stockholm",
    "trafikforvaltningen_sl",
    "folkhalsomyndigheten",
    "smhi",
    "trafikverket",
    "livsmedelsverket",
    "svenska_kraftnat",
    "energimyndigheten",
    "ncsc_csirt",
    "forsvarsmakten",
    "stockholm_exergi",
    "gasnatet_stockholm",
    "frivilliga",
    "hagersten_alvsjo",
    "hagersten_liljeholmen",
    "alvsjo",
}
"""Organisations about which the sources leave something unverified. The profile may mark more."""

NOWHERE = {"it_system"}
"""Kinds of asset that lie in no place."""


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
        if asset.kind in NOWHERE:
            assert (asset.position, asset.area) == (None, registry.city)
            continue
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


# --- true to the sources ---------------------------------------------------------------------------------------------


def with_kind(registry: Registry, kind: OrganisationKind) -> set[str]:
    return {o.id for o in registry.organisations.values() if o.kind is kind}


def test_every_organisation_of_the_sources_is_in_and_no_other(registry: Registry) -> None:
    assert with_kind(registry, OrganisationKind.BOARD) == CENTRAL | BOARDS
    assert with_kind(registry, OrganisationKind.DISTRICT_BOARD) == set(DISTRICTS) | set(PREDECESSORS)
    assert with_kind(registry, OrganisationKind.COMPANY) == COMPANIES
    assert with_kind(registry, OrganisationKind.EXTERNAL) == EXTERNAL
    assert with_kind(registry, OrganisationKind.SUPPLIER) == SUPPLIERS
    assert with_kind(registry, OrganisationKind.INDEPENDENT_PRINCIPAL) == PRINCIPALS
    assert not set(NOT_ORGANISATIONS) & set(registry.organisations)


@pytest.mark.parametrize(
    ("kinds", "relation"),
    [
        ({OrganisationKind.BOARD, OrganisationKind.DISTRICT_BOARD}, Relation.DIRECT),
        ({OrganisationKind.COMPANY}, Relation.REQUEST),
        (
            {OrganisationKind.EXTERNAL, OrganisationKind.SUPPLIER, OrganisationKind.INDEPENDENT_PRINCIPAL},
            Relation.INFORM,
        ),
    ],
)
def test_how_the_city_may_speak_to_somebody_follows_from_what_it_is(
    kinds: set[OrganisationKind], relation: Relation, registry: Registry
) -> None:
    assert {o.relation for o in registry.organisations.values() if o.kind in kinds} == {relation}


def test_every_company_but_the_parent_has_the_parent(registry: Registry) -> None:
    parents = {c: registry.organisations[c].parent for c in COMPANIES}
    assert {c for c, parent in parents.items() if parent is None} == {"stockholms_stadshus_ab"}
    assert set(parents.values()) == {None, "stockholms_stadshus_ab"}


def test_every_merged_board_ends_the_day_before_its_successor_begins(registry: Registry) -> None:
    found = {o.id: (o.succeeded_by, o.valid_to) for o in registry.organisations.values() if o.valid_to is not None}
    assert found == PREDECESSORS
    for successor, last in PREDECESSORS.values():
        assert registry.organisations[successor].valid_from == last + timedelta(days=1)


@pytest.mark.parametrize("day", [date(2020, 6, 30), date(2020, 7, 1), date(2023, 6, 30), date(2023, 7, 1)])
def test_on_each_side_of_a_merger_every_neighbourhood_has_one_coordinator(day: date, registry: Registry) -> None:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    for area in registry.areas.values():
        if area.kind is AreaKind.NEIGHBOURHOOD:
            around = set(registry.ancestors(area.id))
            found = [
                o.id for o in registry.organisations.values() if around & set(o.coordinates) and o.valid_on(noon.date())
            ]
            assert len(found) == 1, (area.id, found)


def test_what_the_sources_leave_open_is_marked_unconfirmed(registry: Registry) -> None:
    assert {o.id for o in registry.organisations.values() if o.unconfirmed} >= UNCONFIRMED
    assert not [o.id for o in registry.organisations.values() if "obekräftad" in o.note or "obekräftat" in o.note]


def test_the_twelve_national_sectors_are_in_and_nobody_is_said_to_lead_one(registry: Registry) -> None:
    assert len(registry.sectors) == 12
    assert all(s.lead is None and s.unconfirmed for s in registry.sectors.values())


def test_only_the_city_itself_has_a_day_of_exercise_since_they_are_invented(registry: Registry) -> None:
    exercised = {o for o in registry.organisations.values() if o.exercised is not None}
    assert {o.relation for o in exercised} == {Relation.DIRECT, Relation.REQUEST}
    assert len(exercised) < len(registry.organisations) / 4  # most have never exercised; that is for the check to say


# --- roles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ON_CALL)
def test_every_role_of_the_sources_is_in_held_and_manned_as_they_say(role: str, stockholm: Profile) -> None:
    assert stockholm.roster.roles[role].on_call is ON_CALL[role]
    assert stockholm.roster.organisations_with(role)


def test_every_role_is_held_somewhere(stockholm: Profile) -> None:
    assert [r for r in stockholm.roster.roles if not stockholm.roster.organisations_with(r)] == []


@pytest.mark.parametrize("organisation", sorted((CENTRAL - POLITICAL) | BOARDS | set(DISTRICTS) | COMPANIES))
def test_every_board_and_company_has_its_coordinators_and_its_head(organisation: str, stockholm: Profile) -> None:
    duties = stockholm.roster.duties
    head = stockholm.policy.registry.organisations[organisation].head
    assert head in ("stadsdirektor", "forvaltningschef", "bolags_vd")
    assert {(r, organisation) for r in (head, "sakerhetssamordnare", "informationssakerhetssamordnare")} <= set(duties)


def test_an_office_role_is_covered_by_one_that_answers_out_of_hours(stockholm: Profile) -> None:
    roster = stockholm.roster
    for post, duty in roster.duties.items():
        if roster.roles[duty.role].on_call is OnCall.OFFICE:
            assert duty.covered_by is not None, post
            cover = roster.roles[duty.covered_by].on_call
            assert cover in (OnCall.ALWAYS, OnCall.ROSTER), post
            assert len(set(roster.persons_of(post, "live")) - set(duty.persons)) >= 1, post


def test_one_person_has_several_roles_in_a_small_company(stockholm: Profile) -> None:
    roles = ("sakerhetssamordnare", "informationssakerhetssamordnare", "bolags_vd")
    holders = {stockholm.roster.duties[(role, "sga_fastigheter")].holder for role in roles}
    assert len(holders) == 1
    assert stockholm.roster.duties[("bolags_vd", "sga_fastigheter")].covered_by == "koncernjour"


# --- functions and kinds ---------------------------------------------------------------------------------------------


def holders(registry: Registry, function: str) -> list[Organisation]:
    today = datetime(2026, 11, 22, 12, tzinfo=UTC)
    found = [o for o in registry.organisations.values() if o.valid_on(today.date())]
    return [o for o in found if function in {r.function for r in o.functions}]


def test_every_function_has_somebody_who_can_be_reached(stockholm: Profile, registry: Registry) -> None:
    for function in registry.functions:
        reached = [o for o in holders(registry, function) if o.duty and (o.duty, o.id) in stockholm.roster.duties]
        covered = {a for o in reached for a in o.areas}
        assert registry.city in covered or covered >= set(DISTRICTS), function


def test_what_an_asset_needs_somebody_supplies(registry: Registry) -> None:
    needed = {n for a in registry.assets.values() for n in a.needs}
    assert [n for n in sorted(needed) if not holders(registry, n)] == []


def test_every_kind_of_incident_is_somebodys_function_or_says_why_not(registry: Registry) -> None:
    assert {k.id for k in registry.incident_kinds.values() if not k.functions} == set(ANSWERED_BY_WHO_RUNS_IT)


def test_whoever_lacks_something_can_be_told_when_it_is_cut_off(registry: Registry) -> None:
    lacks = {k.lacks for k in registry.incident_kinds.values() if k.lacks}
    cuts = {k.cuts for k in registry.incident_kinds.values() if k.cuts}
    assert lacks <= cuts
    assert lacks == {"water", "sewage", "power", "heat", "gas", "telecom"}


def test_no_authority_is_told_by_the_program_what_a_person_is_to_file(registry: Registry) -> None:
    for receiver in ("imy", "sakerhetspolisen", "pts", "ncsc_csirt"):
        assert (registry.organisations[receiver].duty, registry.organisations[receiver].statutory) == (None, ())


def test_every_statutory_duty_reaches_somebody(stockholm: Profile, registry: Registry) -> None:
    found = [(o, s) for o in registry.organisations.values() for s in o.statutory]
    assert {o.id for o, _ in found} >= {"miljo_halsoskyddsnamnden", "smittskydd_stockholm", "stadsledningskontoret"}
    assert all((s.role or o.duty, o.id) in stockholm.roster.duties for o, s in found)


# --- assets, suppliers, principals -----------------------------------------------------------------------------------


def test_both_crematoria_have_priority_and_need_power_water_and_gas(registry: Registry) -> None:
    crematoria = {a.id: a for a in registry.assets.values() if a.kind == "crematorium"}
    assert set(crematoria) == {"krematorium-racksta", "krematorium-skogskyrkogarden"}
    for asset in crematoria.values():
        assert asset.priority
        assert set(asset.needs) == {"power", "water", "gas"}
        assert asset.operator == "kyrkogardsnamnden"


def test_every_district_runs_a_care_home_of_its_own(registry: Registry) -> None:
    homes = [a for a in registry.assets.values() if a.kind == "care_home"]
    assert {(a.operator, registry.district(a.area)) for a in homes} == {(d, d) for d in DISTRICTS}


def test_the_it_supplier_has_nine_dependents_whose_coordinators_are_reached(
    stockholm: Profile, registry: Registry
) -> None:
    users = registry.assets["it-verksamhetsstod"].users
    assert len({u.organisation for u in users}) == 9
    for user in users:
        assert user.role == "informationssakerhetssamordnare"
        assert stockholm.roster.persons_of((user.role, user.organisation), "live")


def test_the_alarm_service_is_used_by_every_district(registry: Registry) -> None:
    assert {u.organisation for u in registry.assets["trygghetslarm"].users} == set(DISTRICTS)


def test_an_independent_principal_runs_its_school_and_the_education_board_only_coordinates(registry: Registry) -> None:
    schools = {a.operator: a for a in registry.assets.values() if a.kind == "school"}
    assert set(schools) == PRINCIPALS | {"utbildningsnamnden"}
    for principal in PRINCIPALS:
        assert registry.organisations[principal].counterpart == "utbildningsnamnden"
        assert registry.organisations[principal].functions == ()


def test_nobody_knows_who_runs_some_cooling_towers(registry: Registry) -> None:
    towers = {a.id for a in registry.assets.values() if a.kind == "cooling_tower" and a.operator == UNKNOWN_OPERATOR}
    assert towers == {"kyltorn-kista", "kyltorn-norrmalm"}
    assert all(registry.assets[tower].unconfirmed for tower in towers)


def test_an_asset_depends_on_no_ring_of_others(registry: Registry) -> None:
    def reached(asset: str, seen: frozenset[str]) -> bool:
        return asset in seen or any(reached(d, seen | {asset}) for d in registry.assets[asset].depends_on)

    assert [a for a in registry.assets if reached(a, frozenset())] == []


def test_every_sensor_stands_where_its_asset_does_and_every_kind_is_measured(registry: Registry) -> None:
    for sensor in registry.sensors.values():
        assert sensor.asset is None or registry.assets[sensor.asset].area == sensor.area, sensor.id
        assert sensor.interval is not None
        assert sensor.interval <= registry.sensor_kinds[sensor.kind].valid_for, sensor.id
    assert {s.kind for s in registry.sensors.values()} == set(registry.sensor_kinds)


# --- rules and sources -----------------------------------------------------------------------------------------------


def test_no_message_says_ring_112_itself_since_the_text_puts_it_first(either: Profile) -> None:
    for compiled in either.policy.rules:
        assert "112" not in f"{compiled.rule.message}{compiled.rule.first_step}", compiled.rule.id


def test_the_exercise_source_may_not_touch_live(registry: Registry) -> None:
    assert registry.sources["ovning-styrbjorn-2"].realms == ("exercise/styrbjorn-2",)


def test_only_the_door_may_carry_decisions_and_answers(registry: Registry) -> None:
    may = {s.source for s in registry.sources.values() if {"decision", "acknowledgement"} & set(s.may)}
    assert may == {"urn:beredd:door"}


def test_lillby_is_six_commented_files_of_a_small_municipality(lillby: Profile) -> None:
    files = [f for f in LILLBY.iterdir() if f.is_file()]  # its stories lie in a folder of their own
    assert len(files) == 6
    assert all(f.read_text("utf-8").startswith("# LILLBY") for f in files)
    assert {a.kind.value for a in lillby.policy.registry.areas.values()} == {"city", "neighbourhood"}
    assert len(lillby.roster.persons) == 17
    assert len(lillby.policy.registry.assets) == 26
    assert len(lillby.policy.registry.sensors) == 16
    assert len(lillby.policy.rules) == 18


def test_every_file_of_stockholm_opens_by_saying_what_it_holds() -> None:
    assert all(f.read_text("utf-8").startswith("# ") for f in STOCKHOLM.rglob("*.yaml"))
