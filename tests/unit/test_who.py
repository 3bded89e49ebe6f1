"""`beredd who`: who would not be alerted and why, events from a file, names for ids, another time, and the picture."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import Result
from typer.testing import CliRunner

from notifiers.notice import Row
from notifiers.passed_over import PassedOver, Reason, listed, unmanned
from notifiers.profile import Profile
from rules.action import Action, Principle
from rules.registry import Relation
from streams.cli import app
from streams.commands.another_time import another, midsummer_night
from streams.commands.picture import drawn
from streams.commands.question import Question
from streams.commands.rings import APART, Ring, drawing, nodes
from streams.commands.who import answered
from streams.commands.who_told import Answer
from streams.intake import Intake

ROOT = Path(__file__).parents[2]
MORNING = datetime(2026, 10, 13, 3, 47, tzinfo=UTC)
NOON = datetime(2026, 10, 13, 10, 0, tzinfo=UTC)
STOCKHOLM_TIME = "Europe/Stockholm"
G01 = ["--incident", "flooding", "--position", "59.3086,18.0746", "--at", "2026-10-13 05:47"]
G01 += ["--level", "särskild händelse"]


@pytest.fixture
def profile(stockholm_intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile that is loaded once, in place of one that each command would load."""
    monkeypatch.setattr("streams.commands.who.intake_at", lambda directory: stockholm_intake)


def who(*args: object) -> Result:
    return CliRunner().invoke(app, ["who", *map(str, args)], prog_name="beredd")


def asked(*args: object) -> dict[str, Any]:
    result = who(*args, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def because(answer: Answer, reason: Reason) -> dict[str, PassedOver]:
    return {o: p for p in answer.passed_over if p.reason is reason for o in p.organisations}


def written(file: Path, *events: dict[str, Any]) -> Path:
    base = {"specversion": "1.0", "type": "se.beredd.incident.v1", "source": "urn:beredd:kontaktcenter"}
    lines = (json.dumps(base | {"id": str(i)} | event) for i, event in enumerate(events))
    file.write_text("\n".join(lines), "utf-8")
    return file


# --- who would not, and why ------------------------------------------------------------------------------------------


def test_a_leak_on_sodermalm_leaves_the_neighbours_the_supervisor_and_the_parent_alone(
    stockholm_intake: Intake,
) -> None:
    answer = answered(stockholm_intake, Question(incident="flooding", area="Södermalm"), MORNING)

    assert "samordnar Enskede-Årsta-Vantör" in because(answer, Reason.NEIGHBOUR)["skarpnack"].because
    assert "farsta" not in because(answer, Reason.NEIGHBOUR)
    supervisor = because(answer, Reason.SUPERVISOR)["miljo_halsoskyddsnamnden"]
    assert (
        supervisor.because == "har tillsyn över Stockholm Vatten och Avfall AB, som själv anmäler det som ska anmälas"
    )
    assert set(because(answer, Reason.PARENT)) == {"stockholms_stadshus_ab"}


def test_the_same_function_in_another_district_is_passed_over(stockholm_intake: Intake) -> None:
    answer = answered(stockholm_intake, Question(function="elderly_care", area="jarva"), NOON)

    elsewhere = because(answer, Reason.ELSEWHERE)
    assert "sodermalm" in elsewhere
    assert "jarva" not in elsewhere
    assert elsewhere["sodermalm"].because.endswith("bara i sitt eget område och inte för Järva")


def test_a_board_that_was_merged_tells_who_took_over(stockholm_intake: Intake) -> None:
    answer = answered(stockholm_intake, Question(function="elderly_care", area="Rinkeby-Kista"), NOON)

    ended = because(answer, Reason.ENDED)
    assert set(ended) == {"rinkeby_kista", "spanga_tensta"}
    assert ended["rinkeby_kista"].because == "upphörde 2023-06-30; Järva stadsdelsnämnd tog över"


def test_before_the_merger_it_is_the_new_board_that_is_not_yet(stockholm_intake: Intake) -> None:
    before = datetime(2023, 6, 1, 10, tzinfo=UTC)
    answer = answered(stockholm_intake, Question(function="elderly_care", area="jarva.kista"), before)

    assert "finns först från och med" in because(answer, Reason.ENDED)["jarva"].because
    assert "rinkeby_kista" not in because(answer, Reason.ENDED)


def test_the_crisis_board_waits_for_its_chair(stockholm_intake: Intake) -> None:
    answer = answered(stockholm_intake, Question(incident="leak", area="farsta"), NOON)

    assert "ordföranden beslutar" in because(answer, Reason.STANDS_BY)["krisledningsnamnden"].because


def test_the_owner_of_a_care_home_is_told_but_does_not_act(stockholm_intake: Intake) -> None:
    answer = answered(stockholm_intake, Question(incident="no-water", asset="aldreboende-ringvagen"), NOON)

    why = because(answer, Reason.OWNER)["micasa"].because
    assert why.endswith("driver verksamheten; får veta, men agerar inte")


def test_roles_of_office_hours_are_covered_at_night_and_not_mentioned_by_day(stockholm_intake: Intake) -> None:
    question = Question(incident="flooding", area="Södermalm")
    night, day = (answered(stockholm_intake, question, at) for at in (MORNING, NOON))

    assert "däremellan svarar chef i beredskap" in because(night, Reason.COVER)["sodermalm"].because
    assert because(day, Reason.COVER) == {}


def test_whom_the_next_level_adds_is_told_without_asking_for_it(stockholm_intake: Intake) -> None:
    answer = answered(stockholm_intake, Question(incident="flooding", area="Södermalm"), MORNING)

    assert answer.next_level == "särskild händelse"
    later = {p.role: p.because for p in answer.passed_over if p.reason is Reason.NEXT_LEVEL}
    assert later["forvaltningschef"] == "larmas först när särskild händelse föreslås"
    assert later["kib"] == "larmas först när särskild händelse är beslutad"


def test_a_level_that_waits_for_its_decision_is_the_next_one(stockholm_intake: Intake) -> None:
    answer = answered(stockholm_intake, Question(incident="no-water", asset="aldreboende-ringvagen"), NOON)

    assert answer.next_level == "särskild händelse"
    assert {r.when for r in answer.added} == {"decided"}


@pytest.mark.parametrize("kind", ["flooding", "fire", "power-outage", "it-outage", "no-power"])
def test_nobody_who_is_told_is_passed_over_as_if_not(stockholm_intake: Intake, kind: str) -> None:
    answer = answered(stockholm_intake, Question(incident=kind, area="Södermalm"), MORNING)
    told = {r.row.organisation for r in answer.recipients}
    not_told = {Reason.ELSEWHERE, Reason.FARTHER, Reason.NEIGHBOUR, Reason.SUPERVISOR, Reason.PARENT, Reason.ENDED}

    for passed in answer.passed_over:
        assert passed.because
        assert passed.reason not in not_told or not told & set(passed.organisations), passed
    assert len(answer.passed_over) <= 25


def test_a_long_list_of_names_is_counted() -> None:
    assert listed(["A"]) == "A"
    assert listed(["A", "B", "A"]) == "A och B"
    assert listed("ABCD") == "A, B, C och D"
    assert listed("ABCDEF") == "A, B, C och 3 till"


# --- the question ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("profile")
def test_names_that_people_use_are_understood_as_ids_are() -> None:
    by_name = asked(
        "--incident", "inget vatten i en verksamhet", "--asset", "Ringvägens äldreboende", "--at", "2026-10-13"
    )
    by_id = asked("--incident", "no-water", "--asset", "aldreboende-ringvagen", "--at", "2026-10-13")

    assert by_name["recipients"] == by_id["recipients"]


@pytest.mark.usefixtures("profile")
def test_an_old_name_of_a_district_is_understood() -> None:
    assert asked("--function", "power", "--area", "Rinkeby-Kista")["matters"][0]["area"] == "jarva"


@pytest.mark.usefixtures("profile")
def test_an_asset_alone_is_enough_of_a_question() -> None:
    found = asked("--asset", "aldreboende-ringvagen")

    assert ("sodermalm", "act") in {(r["organisation"], r["action"]) for r in found["recipients"]}


@pytest.mark.usefixtures("profile")
def test_persons_stand_in_order_with_their_capacity() -> None:
    found = asked("--incident", "leak", "--area", "Södermalm")

    drift = next(r for r in found["recipients"] if r["role"] == "svoa_drift")
    assert [p["standing"] for p in (drift["person"], *drift["then"])][:2] == ["holder", "deputy"]
    assert drift["then"][-1]["standing"] == "next"


@pytest.mark.usefixtures("profile")
def test_an_event_in_a_file_is_asked_about_at_its_own_time(tmp_path: Path) -> None:
    event = {"time": "2026-10-13T05:47:00+02:00", "data": {"kind": "flooding", "area": "sodermalm"}}
    found = asked("--event", written(tmp_path / "e.json", event))

    assert found["at"] == "2026-10-13T03:47:00+00:00"
    assert (
        found["recipients"]
        == asked("--incident", "flooding", "--area", "sodermalm", "--at", "2026-10-13 05:47")["recipients"]
    )


@pytest.mark.usefixtures("profile")
def test_events_in_a_file_keep_their_distance_at_another_time(tmp_path: Path) -> None:
    first = {"time": "2026-10-13T05:40:00+02:00", "data": {"kind": "leak", "area": "sodermalm"}}
    second = {"time": "2026-10-13T05:47:00+02:00", "data": {"kind": "flooding", "area": "sodermalm"}}
    found = asked("--event", written(tmp_path / "e.ndjson", second, first), "--at", "2026-12-24 18:00")

    assert found["at"] == "2026-12-24T17:00:00+00:00"
    assert len(found["matters"]) == 1
    assert found["supposed"].startswith("2 händelser, sist Översvämning")


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    ("event", "code", "said"),
    [
        ({"data": {"kind": "flooding"}, "source": "urn:other"}, 1, "skulle inte tas emot"),
        ({"data": {"kind": "flooding"}, "realm": "exercise/styrbjorn-2"}, 1, "gäller skarpt läge"),
        ({"data": {}}, 2, "kind"),
        ({"type": "se.beredd.decision.v1", "data": {"decision": "grant", "by": "tib", "matter": "x"}}, 1, "beslut"),
    ],
)
def test_a_file_that_the_door_would_refuse_is_told_of(
    tmp_path: Path, event: dict[str, Any], code: int, said: str
) -> None:
    result = who("--event", written(tmp_path / "e.json", event))

    assert result.exit_code == code, result.stderr
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--event", "nowhere.json"], "finns inte"),
        (["--event", "nowhere.json", "--area", "bromma"], "platsen står i händelsen"),
        (["--incident", "leak", "--compare", "jul"], "--compare 'jul': väntade en tid"),
        (["--incident", "leak", "--picture", "bild.png"], "väntade en fil som slutar på .svg eller .html"),
        (["--incident", "leak", "--picture", "/nowhere/bild.svg"], "bild.svg: finns inte"),
    ],
)
def test_wrong_usage_exits_2(args: list[str], said: str) -> None:
    result = who(*args)

    assert result.exit_code == 2, result.stdout
    assert said in result.stderr


# --- another time ----------------------------------------------------------------------------------------------------


def test_midsummer_night_is_the_small_hours_of_the_eve() -> None:
    assert midsummer_night(2026, STOCKHOLM_TIME) == datetime(2026, 6, 19, 0, 40, tzinfo=UTC)
    assert midsummer_night(2027, STOCKHOLM_TIME) == datetime(2027, 6, 25, 0, 40, tzinfo=UTC)


def test_the_midsummer_night_meant_is_the_next_one() -> None:
    assert another("Midsommarnatt", MORNING, STOCKHOLM_TIME) == midsummer_night(2027, STOCKHOLM_TIME)
    assert another("midsommarnatt", midsummer_night(2026, STOCKHOLM_TIME), STOCKHOLM_TIME).year == 2027
    assert another("midsommarnatt", datetime(2026, 1, 1, tzinfo=UTC), STOCKHOLM_TIME).year == 2026


@pytest.mark.usefixtures("profile")
def test_a_coordinator_who_works_by_day_is_covered_at_midsummer_and_that_is_told() -> None:
    args = ("--incident", "it-outage", "--asset", "it-verksamhetsstod", "--at", "2026-10-13 10:00")
    found = asked(*args, "--compare", "midsommarnatt")["compared"]

    assert found["at"] == "2027-06-25T00:40:00+00:00"
    assert (found["added"], found["removed"], found["levels"]) == ([], [], [])
    assert {o["here"]["role"] for o in found["others"]} == {"informationssakerhetssamordnare"}
    assert all(o["here"]["person"]["person"] != o["there"]["person"]["person"] for o in found["others"])
    assert {u["role"] for u in found["unmanned"]} == {"informationssakerhetssamordnare"}
    assert all(u["because"].startswith("arbetar kontorstid; däremellan svarar ") for u in found["unmanned"])


def test_of_whoever_is_only_told_by_day_it_is_said_that_nothing_is_passed_on(stockholm: Profile) -> None:
    row = Row(
        role="sakerhetssamordnare",
        organisation="bromma",
        action=Action.INFORM,
        principle=Principle.COOPERATION,
        because="x",
        relation=Relation.DIRECT,
    )

    assert "får ändå meddelandet" in unmanned(stockholm, row)
    assert "däremellan svarar" in unmanned(stockholm, row.model_copy(update={"action": Action.ACT}))


@pytest.mark.usefixtures("profile")
def test_another_time_before_a_merger_shows_the_board_of_that_time() -> None:
    args = (
        "--function",
        "elderly_care",
        "--area",
        "jarva.kista",
        "--at",
        "2026-10-13 10:00",
        "--compare",
        "2023-06-01",
    )
    found = asked(*args)["compared"]

    assert "jarva" in {r["organisation"] for r in found["removed"]}


@pytest.mark.usefixtures("profile")
def test_no_difference_is_told_too() -> None:
    result = who("--incident", "leak", "--area", "Södermalm", "--at", "2026-10-13 02:00", "--compare", "midsommarnatt")

    assert result.exit_code == 0
    assert "Samma sak 2027-06-25 02:40:\n  Ingen skillnad" in result.stdout


# --- the picture -----------------------------------------------------------------------------------------------------


def _texts(svg: str) -> str:
    return " ".join(text.strip() for text in ElementTree.fromstring(svg).itertext())


def test_every_recipient_is_in_the_picture_with_role_action_and_principle(stockholm_intake: Intake) -> None:
    answer = answered(
        stockholm_intake, Question(incident="flooding", area="Södermalm", level="särskild händelse"), MORNING
    )
    said = _texts(drawn(answer, "who.svg"))

    for node in nodes(answer):
        assert all(line in said for line, _ in node.lines)
        assert node.said in said
    assert {n.ring for n in nodes(answer)} == {Ring.DISTRICT, Ring.CITY}


def test_whoever_runs_the_asset_stands_nearest_and_whoever_is_outside_farthest(stockholm_intake: Intake) -> None:
    answer = answered(stockholm_intake, Question(incident="no-power", asset="aldreboende-ringvagen"), NOON)
    rings = {n.organisation: n.ring for n in nodes(answer)}

    assert rings["Södermalms stadsdelsnämnd"] is Ring.PLACE
    assert rings[stockholm_intake.profile.policy.registry.organisations["ellevio"].name] is Ring.OUTSIDE


def test_no_two_marks_of_a_crowded_ring_lie_on_each_other(stockholm_intake: Intake) -> None:
    answer = answered(stockholm_intake, Question(incident="fire", area="Södermalm", level="höjd beredskap"), NOON)
    found = drawing(nodes(answer))

    marks = [m for band in found.bands for m in band.marks]
    assert len(marks) > 30
    apart = min(((a.x - b.x) ** 2 + (a.y - b.y) ** 2) ** 0.5 for i, a in enumerate(marks) for b in marks[:i])
    assert apart > APART * 0.8
    assert all(m.x + APART < found.list_x for m in marks)


def test_the_picture_is_the_same_each_time_and_hides_no_markup(stockholm_intake: Intake) -> None:
    question = Question(incident="leak", area="Södermalm", danger=True)
    first, second = (drawn(answered(stockholm_intake, question, NOON), "who.html") for _ in range(2))

    assert first == second
    assert "Ring 112" in first
    assert "<script" not in first
    assert "http" not in first.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.usefixtures("profile")
def test_the_picture_in_the_documentation_is_what_the_command_draws(tmp_path: Path) -> None:
    """When the profile has changed: beredd who (G01, above) --picture docs/pictures/who-g01.svg."""
    result = who(*G01, "--picture", tmp_path / "who.svg")

    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "who.svg").read_text("utf-8") == (ROOT / "docs/pictures/who-g01.svg").read_text("utf-8")
