"""Stories: what a step may say, when its moments are, what a failure tells, and the command that plays them."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from streams.cli import app
from streams.intake import Intake, intake_of
from streams.play import Played, play
from streams.story import Story, StoryStep, load_stories, read_stories
from streams.story_names import misnamed
from tests.conftest import LILLBY, loaded


def story(*steps: dict[str, Any], **more: Any) -> Story:
    return Story.model_validate({"name": "Prov", "start": date(2026, 3, 2), "steps": steps} | more)


def moments(told: Story) -> list[tuple[str, dict[str, float] | None]]:
    return [(f"{at:%d %H:%M}", step.readings) for at, step in told.moments("UTC")]


@pytest.fixture(scope="module")
def intake() -> Intake:
    return intake_of(loaded(LILLBY), LILLBY, open_door=True)


def missed(intake: Intake, *steps: dict[str, Any]) -> str:
    return "\n".join(map(str, play(story(*steps), intake).missed))


# --- steps and moments -----------------------------------------------------------------------------------------------


def test_a_clock_time_before_the_one_above_is_of_the_next_day() -> None:
    told = story({"at": "23:50", "pass": "rest"}, {"at": "00:10", "pass": "rest"})
    assert [at for at, _ in moments(told)] == ["02 23:50", "03 00:10"]


def test_a_day_before_the_one_above_is_refused() -> None:
    with pytest.raises(ValidationError, match="ligger före"):
        story({"at": "2026-03-05 08:00", "pass": "rest"}, {"at": "2026-03-04 08:00", "pass": "rest"})


def test_a_series_of_values_is_spread_over_its_times() -> None:
    told = story({"at": "08:00", "sensor": "a", "values": [1, 2, 3], "every": "5 min"}, {"at": "09:00", "pass": "rest"})
    assert moments(told)[:3] == [("02 08:00", {"a": 1}), ("02 08:05", {"a": 2}), ("02 08:10", {"a": 3})]


def test_a_repeated_value_goes_on_until_the_sensor_is_silent_and_the_others_to_the_end() -> None:
    told = story(
        {"at": "08:00", "sensors": {"a": 1, "b": 2}, "every": "10 min"},
        {"at": "08:15", "silence": "a"},
        {"at": "08:20", "pass": "rest"},
    )
    heard = [(at, readings) for at, readings in moments(told) if readings]
    assert heard == [("02 08:00", {"a": 1, "b": 2}), ("02 08:10", {"a": 1, "b": 2}), ("02 08:20", {"b": 2})]


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ({"at": "08:00"}, "exakt en av"),
        ({"at": "08:00", "sensor": "a"}, "behöver 'value'"),
        ({"at": "08:00", "sensor": "a", "values": [1]}, "behöver 'every'"),
        ({"at": "08:00", "incident": "fire", "every": "1 min"}, "hör till 'sensor'"),
        ({"at": "08:00", "answer": "taken"}, "'answer' behöver 'person'"),
        ({"at": "08:00", "decide": "grant", "person": "p", "by": "tib"}, "'decide' behöver 'within'"),
        ({"at": "08:00", "channel": "push"}, "'channel' behöver 'outcome'"),
        ({"at": "8.00", "pass": "rest"}, "väntade ett klockslag"),
        ({"at": "25:00", "pass": "rest"}, "väntade ett klockslag"),
    ],
)
def test_a_step_that_cannot_be_played_is_refused(step: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        StoryStep.model_validate(step)


# --- what a failure tells --------------------------------------------------------------------------------------------


HIGH = {"at": "08:00", "sensor": "pegel-hamnen", "value": 1.35, "every": "10 min"}


def test_a_level_that_is_too_low_says_what_the_condition_lacked(intake: Intake) -> None:
    told = missed(intake, HIGH, {"at": "08:12", "expect": {"alert_level": {"lillby": "särskild händelse"}}})
    assert told.splitlines() == [
        "08:12 lillby: väntade alert_level «särskild händelse», blev «normal»",
        "  regeln «Högt vatten i hamnen»: vattennivå (Pegel Hamnen) är över 1,2 m i minst 30 min: 1,35 m sedan 12 min",
    ]


def test_a_value_that_is_too_old_is_said_to_be(intake: Intake) -> None:
    silent = {"at": "08:01", "silence": "tryck-centrum"}
    low = {"at": "08:00", "sensor": "tryck-centrum", "value": 1.5}
    told = missed(intake, low, silent, {"at": "08:03", "expect": {"holds": ["low-pressure"]}})
    assert "vattentryck är under 2 bar i minst 5 min: 1,5 bar sedan 3 min" in told
    normal = {"at": "08:00", "sensor": "tryck-centrum", "value": 3.5}
    told = missed(intake, normal, silent, {"at": "09:00", "expect": {"holds": ["low-pressure"]}})
    assert "3,5 bar kl. 08:00 (senast 08:00, för gammalt)" in told


def test_a_level_that_is_too_high_says_which_rule_holds_and_what_would_end_it(intake: Intake) -> None:
    told = missed(intake, HIGH, {"at": "08:30", "expect": {"alert_level": {"lillby": "normal"}}})
    assert "regeln «Högt vatten i hamnen» gäller sedan 08:30: vattennivå 1,35 m vid Pegel Hamnen" in told
    assert "över när orsakerna varit borta i 30 min" in told


def test_a_decision_that_has_been_registered_once_says_so(intake: Intake) -> None:
    declare = {"at": "08:00", "decide": "declare", "level": "höjd beredskap", "by": "regeringen"}
    first = declare | {"reference": "Fö1", "person": "p-berta-brygga"}
    told = missed(intake, first, {"at": "08:01", "expect": {"declared_state": {"lillby": "höjd beredskap"}}})
    assert "1 av 2 personer har registrerat det" in told


def test_a_message_that_is_missing_says_what_was_got_instead(intake: Intake) -> None:
    fire = {"at": "08:00", "incident": "fire", "area": "lillby.centrum"}
    wanted = {"person": "p-sture-spruta", "says": "Ring 113"}
    told = missed(intake, fire, {"at": "08:00", "expect": {"told": [wanted, "p-folke-fyr"]}})
    assert "p-sture-spruta skulle ha fått något med «Ring 113», men fick: (sms) Ring 112." in told
    assert "p-folke-fyr skulle ha fått något, men fick inget" in told


def test_what_was_not_to_be_sent_is_seen(intake: Intake) -> None:
    fire = {"at": "08:00", "incident": "fire", "area": "lillby.centrum"}
    expect = {"not_told": ["p-sture-spruta"], "nobody_told": True, "not_said": ["112"], "begins": "ÖVNING"}
    told = missed(intake, fire, {"at": "08:00", "expect": expect})
    assert "p-sture-spruta skulle inte ha fått något" in told
    assert "ingen skulle ha fått något" in told
    assert "meddelandet säger «112»" in told
    assert "börjar inte med «ÖVNING»" in told


def test_recipients_are_compared_whole(intake: Intake) -> None:
    fire = {"at": "08:00", "incident": "fire", "area": "lillby.centrum"}
    expect = {"recipients": [{"role": "tib", "organisation": "lillby_kommun", "action": "decide"}], "open_matters": 2}
    told = missed(intake, fire, {"at": "08:00", "expect": expect | {"proposal": "särskild händelse"}})
    assert "oväntad mottagare: inre_befal@tre_byars_raddningstjanst inform" in told
    assert "saknad mottagare: tib@lillby_kommun decide" in told
    assert "väntade 2 öppna ärenden, det är 1" in told
    assert "det som väntar är inget" in told


def test_a_refusal_that_is_not_told_is_a_fault_and_one_that_is_told_must_come(intake: Intake) -> None:
    reading = {"at": "08:00", "sensor": "pegel-hamnen", "value": 1.0, "source": "vaxel"}
    assert "avvisades: källan 'vaxel' får inte rapportera" in missed(intake, reading)
    assert missed(intake, reading | {"refused": "får inte rapportera"}) == ""
    accepted = HIGH | {"refused": "får inte"}
    assert "skulle avvisas med «får inte»; det togs emot" in missed(intake, accepted)


def test_an_answer_to_nothing_is_told_as_a_fault_of_the_story(intake: Intake) -> None:
    told = missed(intake, {"at": "08:00", "answer": "taken", "person": "p-folke-fyr"})
    assert told == "08:00 berättelsen går inte att spela: p-folke-fyr har inte fått någon fråga att svara på"


def test_a_channel_that_fails_leads_to_the_next(intake: Intake) -> None:
    fire = {"at": "08:01", "incident": "fire", "area": "lillby.centrum"}
    broken = {"at": "08:00", "channel": "push", "outcome": "rejected"}
    by_sms = {"told": [{"person": "p-berta-brygga", "by": "sms"}], "logged": ["provar nästa kanal"]}
    assert missed(intake, broken, fire, {"at": "08:01", "expect": by_sms}) == ""


def test_a_story_is_equal_every_time_it_is_played(intake: Intake) -> None:
    told = story(HIGH, {"at": "09:00", "expect": {"alert_level": {"lillby": "normal"}}})
    once, again = play(told, intake), play(told, intake)
    assert _without_time(once) == _without_time(again)


def _without_time(played: Played) -> tuple[Any, ...]:
    return played.missed, played.rules, played.moments, played.messages


# --- files and the command -------------------------------------------------------------------------------------------


STORY = """stories:
  - name: Tryck
    start: 2026-03-02
    steps:
      - {at: "08:00", sensor: tryck-centrum, value: 1.5, every: 1 min}
      - {at: "08:02", expect: {holds: [low-pressure]}}
"""


@pytest.fixture
def town(tmp_path: Path) -> Path:
    directory = tmp_path / "lillby"
    shutil.copytree(LILLBY, directory, ignore=shutil.ignore_patterns("stories"))
    (directory / "stories").mkdir()
    return directory


def beredd(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["test", *arguments])


def test_two_stories_of_one_name_are_a_fault_where_the_second_stands(town: Path) -> None:
    (town / "stories" / "a.yaml").write_text(STORY + STORY.removeprefix("stories:\n"), "utf-8")
    told, faults = load_stories(town / "stories")
    assert len(told) == 2
    assert [(f.line, f.message.split(" i ")[0]) for f in faults] == [(7, "en berättelse med samma namn finns redan")]


def test_a_misspelt_name_is_a_fault_where_it_stands(town: Path) -> None:
    text = STORY.replace("holds: [low-pressure]", "not_told: [p-folke-fyrr]").replace("tryck-centrum", "tryck-centrun")
    (town / "stories" / "a.yaml").write_text(text, "utf-8")
    faults = misnamed(read_stories(town / "stories")[0][0], loaded(LILLBY))
    assert [(f.line, f.message) for f in faults] == [
        (5, "okänd givare 'tryck-centrun'; menade du 'tryck-centrum'?"),
        (6, "okänd person 'p-folke-fyrr'; menade du 'p-folke-fyr'?"),
    ]


def test_a_role_where_a_person_is_meant_is_answered_with_whoever_holds_it(town: Path) -> None:
    (town / "stories" / "a.yaml").write_text(STORY.replace("holds: [low-pressure]", "told: [teknik_jour]"), "utf-8")
    faults = misnamed(read_stories(town / "stories")[0][0], loaded(LILLBY))
    assert [f.message for f in faults] == ["okänd person 'teknik_jour'; menade du 'p-folke-fyr'?"]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("incident: leek", ["okänt händelselag 'leek'; menade du 'leak'?"]),
        ("incident: leak, area: lillby.hamn", ["okänt område 'lillby.hamn'; menade du 'lillby.hamnen'?"]),
        ("incident: leak, area: hamnen", []),  # a name is as good as an id, as it is in an event
    ],
)
def test_what_happens_in_a_story_must_be_known(town: Path, step: str, said: list[str]) -> None:
    text = f'stories:\n  - name: S\n    start: 2026-03-02\n    steps:\n      - {{at: "08:00", {step}}}\n'
    (town / "stories" / "a.yaml").write_text(text, "utf-8")
    faults = misnamed(read_stories(town / "stories")[0][0], loaded(LILLBY))
    assert [f.message for f in faults] == said


def test_the_command_says_what_was_not_as_told_and_leaves_with_one(town: Path, tmp_path: Path) -> None:
    (town / "stories" / "a.yaml").write_text(STORY, "utf-8")
    result = beredd(str(town), "--junit", str(tmp_path / "out.xml"))
    assert result.exit_code == 1
    assert "  FEL  Tryck\n" in result.stdout
    assert "a.yaml:6: 08:02 regeln low-pressure skulle gälla" in result.stdout
    assert "1,5 bar sedan 2 min" in result.stdout
    assert "Ingen berättelse når 4 regler" in result.stdout
    assert "0 ok, 1 fel (1 berättelse, 4 steg, 0 meddelanden" in result.stdout
    root = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert root.attrib["failures"] == "1"
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert "1,5 bar sedan 2 min" in (failure.text or "")


def test_the_command_leaves_with_zero_when_all_came_out_as_told(town: Path) -> None:
    (town / "stories" / "a.yaml").write_text(STORY.replace("08:02", "08:05"), "utf-8")
    result = beredd(str(town), "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["ok"], told["passed"], told["failed"]) == (True, 1, 0)
    assert told["stories"][0]["rules"] == ["low-pressure"]


def test_a_story_file_that_cannot_be_read_is_told_with_its_place_and_counts_as_a_fault(town: Path) -> None:
    (town / "stories" / "a.yaml").write_text(STORY.replace("08:02", "08:05"), "utf-8")
    (town / "stories" / "b.yaml").write_text(STORY.replace("value:", "valeu:").replace("Tryck", "Annat"), "utf-8")
    result = beredd(str(town))
    assert result.exit_code == 1
    assert "  ok   Tryck" in result.stdout
    assert "b.yaml:5:" in result.stdout
    assert "menade du 'value'?" in result.stdout
    assert "1 ok, 0 fel, 1 fel i filerna" in result.stdout


def test_one_story_is_chosen_by_a_part_of_its_name() -> None:
    result = beredd(str(LILLBY), "--story", "ring 112")
    assert result.exit_code == 0
    assert "En brand börjar med Ring 112" in result.stdout
    assert "1 berättelse," in result.stdout


@pytest.mark.parametrize("given", [["--story", "finns inte"], ["--junit", "/finns/inte/x.xml", "--story", "våg"]])
def test_what_cannot_be_asked_for_leaves_with_two(given: list[str]) -> None:
    assert beredd(str(LILLBY), *given).exit_code == 2


def test_a_profile_without_stories_says_where_they_go(town: Path) -> None:
    (town / "stories").rmdir()
    result = beredd(str(town))
    assert result.exit_code == 2
    assert "lägg dem i katalogen" in result.stderr
