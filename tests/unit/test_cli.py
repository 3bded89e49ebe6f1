"""The command line: what it prints where, with which exit code, and what it never does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from notifiers.message import BASIS
from notifiers.profile import load_profile
from notifiers.rows import SWEDISH
from streams.cli import app
from streams.commands import words
from streams.commands.console import clean
from streams.commands.events import BATCH, NDJSON, STRUCTURED, content_type
from streams.commands.swedish import fault_text
from streams.intake import Intake
from streams.pages import ACTION, PROPOSAL, STATE
from streams.service import Settings

ROOT = Path(__file__).parent.parent.parent
STOCKHOLM = ROOT / "rules" / "stockholm"
FEEDS = ROOT / "tests" / "data" / "feeds"
SMHI = FEEDS / "smhi-warnings" / "ha_core_wind_yellow.json"
BROKEN_CAP = FEEDS / "cap" / "google+cap-library__invalid.cap"

COMMANDS = ["", "run", "demo", "check", "explain", "schema", "test", "who", "feed", "reload", "status", "ack"]
COMMANDS.extend(["events", "events send", "events log"])
COMMANDS.extend(["verify", "backup", "restore", "standby", "takeover"])
COMMANDS.extend(["registry", "registry show", "registry search", "registry check", "registry draw"])


def beredd(*args: object, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, [str(a) for a in args], input=stdin, prog_name="beredd")


def process(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from streams.cli import main; main()"
    given = [sys.executable, "-c", code, *map(str, args)]
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    return subprocess.run(
        given, cwd=ROOT, env=kept | environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def profile(stockholm_intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile that is loaded once, in place of one that each command would load."""
    monkeypatch.setattr("streams.commands.who.intake_at", lambda directory: stockholm_intake)
    monkeypatch.setattr("streams.commands.feed.intake_at", lambda directory: stockholm_intake)


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, str, str], Path]:
    """A copy of the profile in which one text of one file stands for another."""

    def _broken(file: str, before: str, after: str) -> Path:
        copy = tmp_path / "profile"
        shutil.copytree(STOCKHOLM, copy)
        text = (copy / file).read_text("utf-8")
        assert before in text
        (copy / file).write_text(text.replace(before, after, 1), "utf-8")
        return copy

    return _broken


# --- help, versions, usage -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_is_swedish_and_has_an_example(command: str) -> None:
    result = beredd(*command.split(), "--help")

    assert result.exit_code == 0
    assert "Exempel:\n    beredd " in result.stdout
    assert result.stdout.startswith("Användning: beredd")
    assert not {"Usage", "Options:", "Commands:", "[OPTIONS]", "Show this"} & set(result.stdout.split())


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, streams.cli; heavy = {'pydantic', 'aiohttp', 'apprise', 'shapely', 'ruamel', 'apsw', 'orjson'};"
        "print(sorted({m.split('.')[0] for m in sys.modules} & heavy), 'rich.table' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout.split("\n")[0] == "[] False"


def test_the_version_tells_of_what_matters_to_support() -> None:
    result = beredd("--version")

    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["beredd", "Python", "SQLite", "Apprise"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["chek"], "okänt kommando 'chek'; menade du 'check'?"),
        (["check", "--jso"], "okänt val '--jso'; menade du --json?"),
        (["check", "a", "b"], "för många argument: b."),
        (["run"], "'--data' saknas."),
        (["run", "--data", "x", "--port", "q"], "'--port': väntade ett heltal."),
        (["events", "log", "--limit", "9999"], "'--limit': väntade högst 500."),
        (["who", "--area"], "'--area' behöver ett värde."),
    ],
)
def test_wrong_usage_is_told_in_swedish_on_stderr_and_exits_2(args: list[str], said: str) -> None:
    result = beredd(*args)

    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_a_usage_error_of_a_later_typer_is_still_told() -> None:
    assert fault_text("Something quite new.") == "Something quite new."


def test_no_command_shows_the_help_and_exits_2() -> None:
    result = beredd()

    assert result.exit_code == 2
    assert "Kommandon:" in result.stderr


def test_an_interrupted_command_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **named: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("streams.commands.check.check", interrupted)

    assert beredd("check").exit_code == 130


# --- check -----------------------------------------------------------------------------------------------------------


def test_a_sound_profile_passes_the_check() -> None:
    result = beredd("check", STOCKHOLM)

    assert result.exit_code == 0, result.stdout
    assert "0 fel" in result.stdout.splitlines()[-1]


def test_a_fault_is_told_where_it_stands_with_what_was_meant(broken: Callable[[str, str, str], Path]) -> None:
    directory = broken("rules/water.yaml", "sensor: water-pressure", "sensor: water-presure")

    result = beredd("check", directory)

    assert result.exit_code == 1
    fault, summary = result.stdout.splitlines()
    file, line, column, where, message = fault.split(":", 4)
    assert (file, where.strip()) == (str(directory / "rules" / "water.yaml"), "rules.low-water-pressure.when.sensor")
    assert int(line) > 1
    assert int(column) > 1
    assert message.strip() == "okänd givare 'water-presure'; menade du 'water-pressure'?"
    assert "1 fel" in summary


def test_the_faults_as_json(broken: Callable[[str, str, str], Path]) -> None:
    directory = broken("rules/water.yaml", "sensor: water-pressure", "sensor: water-presure")

    result = beredd("check", directory, "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["errors"] == 1
    assert found["faults"][0]["gravity"] == "error"
    assert found["faults"][0]["line"] > 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "inte JSON"),
        (b"[]", "ingen GeoJSON"),
        (b"{}", "saknar nyckeln 'features'"),
        (b"\xff\xfe", "inte UTF-8"),
        (b'{"features": [{"properties": {"area": "atlantis"}, "geometry": null}]}', "'atlantis'"),
        (None, "finns inte"),
    ],
)
def test_a_map_that_cannot_be_used_is_a_fault_and_no_traceback(
    broken: Callable[[str, str, str], Path], content: bytes | None, said: str
) -> None:
    directory = broken("profile.yaml", "map: areas.geojson", "map: other.geojson")
    if content is not None:
        (directory / "other.geojson").write_bytes(content)

    result = beredd("check", directory)

    assert result.exit_code == 1
    where = "other.geojson" if content is not None else "profile.yaml"  # a missing file is a fault of who names it
    assert any(line.startswith(str(directory / where)) for line in result.stdout.splitlines())
    assert said in result.stdout


def test_a_map_that_cannot_be_used_is_told_in_english_too(broken: Callable[[str, str, str], Path]) -> None:
    directory = broken("profile.yaml", "map: areas.geojson", "map: other.geojson")
    (directory / "other.geojson").write_text("{}", "utf-8")

    told = beredd("check", directory, "--lang", "en").stdout

    assert "other.geojson:1:1: map: the map lacks the key 'features'; expected GeoJSON with features\n" in told


def test_a_changed_map_is_a_changed_profile(broken: Callable[[str, str, str], Path]) -> None:
    directory = broken("areas.geojson", "{", "{ ")

    moved, _ = load_profile(directory)
    shipped, _ = load_profile(STOCKHOLM)

    assert moved is not None
    assert shipped is not None
    assert moved.hash != shipped.hash


@pytest.mark.parametrize("command", [["explain"], ["test"], ["who", "--incident", "leak", "--profile"]])
def test_a_command_that_needs_no_map_says_that_it_has_none(
    command: list[str], broken: Callable[[str, str, str], Path]
) -> None:
    directory = broken("profile.yaml", "map: areas.geojson", "map: other.geojson")
    (directory / "other.geojson").write_text("[]", "utf-8")
    for story in (directory / "stories").glob("[!p]*.yaml"):
        story.unlink()

    result = beredd(*command, directory)

    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "other.geojson:1:1: map: kartan är ingen GeoJSON som går att läsa" in result.stderr


def test_a_broken_story_is_found_too(broken: Callable[[str, str, str], Path]) -> None:
    result = beredd("check", broken("stories/water.yaml", "incident: flooding", "incidnt: flooding"))

    assert result.exit_code == 1
    assert "'incidnt'; menade du 'incident'?" in result.stdout


def test_a_directory_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    result = beredd("check", tmp_path / "nowhere")

    assert result.exit_code == 2
    assert "finns inte" in result.stderr


def test_colour_is_for_terminals_and_never_against_no_color(broken: Callable[[str, str, str], Path]) -> None:
    directory = broken("rules/water.yaml", "sensor: water-pressure", "sensor: water-presure")

    assert "\x1b[" not in process("check", directory).stdout
    assert "\x1b[31m" in process("check", directory, FORCE_COLOR="1").stdout
    assert "\x1b[" not in process("check", directory, FORCE_COLOR="1", NO_COLOR="1").stdout


# --- who -------------------------------------------------------------------------------------------------------------


def who(*args: str) -> dict[str, Any]:
    result = beredd("who", *args, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def posts(found: dict[str, Any], when: str = "now") -> set[tuple[str, str, str]]:
    return {(r["role"], r["organisation"], r["action"]) for r in found["recipients"] if r["when"] == when}


@pytest.mark.usefixtures("profile")
def test_who_is_told_of_a_care_home_without_water() -> None:
    found = who("--incident", "no-water", "--asset", "aldreboende-ringvagen", "--at", "2026-12-24 18:00")

    assert found["at"] == "2026-12-24T17:00:00+00:00"
    assert posts(found) == {
        ("svoa_drift", "svoa", "act"),
        ("chef_i_beredskap", "sodermalm", "act"),
        ("forvaltningschef", "sodermalm", "decide"),
        ("tib", "stadsledningskontoret", "coordinate"),
        ("fastighetsjour", "micasa", "inform"),
    }
    drift = next(r for r in found["recipients"] if r["role"] == "svoa_drift")
    assert (drift["principle"], drift["relation"], drift["wave"]) == ("responsibility", "request", 1)
    assert drift["person"]["person"] == "p-anna-ek"
    assert drift["then"][-1]["role"] == "tib"
    assert drift["deadline"] == "2026-12-24T17:05:00+00:00"


@pytest.mark.usefixtures("profile")
def test_a_level_shows_what_it_adds_when_proposed_and_when_decided() -> None:
    found = who("--incident", "flooding", "--area", "Södermalm", "--level", "särskild händelse")

    assert found["matters"][0]["alert_level"] == "normal"
    assert posts(found, "proposed") == {("forvaltningschef", "sodermalm", "decide")}
    assert posts(found, "decided") == {
        ("kib", "stadsledningskontoret", "support"),
        ("central_krisledning", "stadsledningskontoret", "coordinate"),
        ("krisledningsnamnd_ordf", "krisledningsnamnden", "inform"),
    }


@pytest.mark.usefixtures("profile")
def test_a_declared_level_is_a_matter_of_its_own() -> None:
    found = who("--incident", "fire", "--level", "höjd beredskap")

    declared = [r for r in found["recipients"] if r["when"] == "declared"]
    assert ("kommunstyrelsens_ordf", "kommunstyrelsen", "inform") in posts(found, "declared")
    assert not {r["matter"] for r in declared} & {m["id"] for m in found["matters"]}


@pytest.mark.usefixtures("profile")
def test_the_lowest_level_adds_nobody() -> None:
    result = beredd("who", "--incident", "leak", "--level", "normal")

    assert result.exit_code == 0
    assert "Nivån normal lägger inte till någon." in result.stdout


@pytest.mark.usefixtures("profile")
def test_who_answers_for_a_function_in_an_area() -> None:
    found = who("--function", "power", "--area", "Järva")

    assert ("ellevio_drift", "ellevio", "act") in posts(found)
    assert found["matters"][0]["area"] == "jarva"


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    ("sensor", "post"),
    [
        ("vattenniva-slussen", ("trafik_jour", "trafiknamnden", "act")),  # held for half an hour
        ("elavbrott-jarva", ("ellevio_drift", "ellevio", "act")),  # held for longer than a value is fresh
        ("inne-akalla", ("fastighetsjour", "micasa", "act")),  # needs a second sensor to agree
    ],
)
def test_a_sensor_is_supposed_to_pass_its_limit_for_as_long_as_its_rule_asks(
    sensor: str, post: tuple[str, str, str]
) -> None:
    found = who("--sensor", sensor)

    assert post in posts(found)
    assert len(found["matters"]) == 1
    assert "tystnade" not in json.dumps(found, ensure_ascii=False)


@pytest.mark.usefixtures("profile")
def test_a_sensor_that_no_rule_listens_to_alerts_nobody() -> None:
    result = beredd("who", "--sensor", "vattenniva-tranebergssund")

    assert result.exit_code == 1
    assert "ingen regel lyssnar på vattenniva-tranebergssund" in result.stderr


@pytest.mark.usefixtures("profile")
def test_danger_to_life_puts_112_first() -> None:
    result = beredd("who", "--incident", "leak", "--danger")

    assert "ring 112" in result.stdout.splitlines()[1]


@pytest.mark.usefixtures("profile")
def test_a_place_outside_the_map_is_told_and_alerts_all_the_same() -> None:
    result = beredd("who", "--incident", "fire", "--position", "10,10")

    assert result.exit_code == 0
    assert "positionen ligger utanför kartan" in result.stderr


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--incident", "fyre"], "okänt händelselag 'fyre'; menade du 'fire'?"),
        (["--function", "powr"], "okänd funktion 'powr'; menade du 'power'?"),
        (["--sensor", "vattenniva-slusen"], "okänd givare 'vattenniva-slusen'; menade du 'vattenniva-slussen'?"),
        (["--incident", "fire", "--area", "Södermal"], "okänt område 'Södermal'; menade du 'Södermalm'?"),
        (["--incident", "fire", "--level", "höjd bredskap"], "menade du 'höjd beredskap'?"),
        (["--incident", "fire", "--asset", "aldreboende-ringvage"], "menade du 'aldreboende-ringvagen'?"),
        (["--incident", "fire", "--at", "igår"], "väntade en tid som '2026-12-24 18:00'"),
        (["--incident", "fire", "--at", "0001-01-01"], "väntade en tid som"),
        (["--incident", "fire", "--position", "59"], "väntade latitud,longitud"),
        (["--incident", "fire", "--position", "99,18"], "väntade latitud,longitud"),
        (["--incident", "fire", "--sensor", "ute-jarva"], "precis en av"),
        (["--sensor", "vattenniva-slussen", "--area", "Bromma"], "vattenniva-slussen finns inte i Bromma"),
        (["--sensor", "ute-jarva", "--danger"], "gäller inte en givare"),
        ([], "precis en av"),
    ],
)
def test_what_does_not_exist_exits_2_with_what_was_meant(args: list[str], said: str) -> None:
    result = beredd("who", *args)

    assert result.exit_code == 2, result.stdout
    assert said in result.stderr
    assert result.stdout == ""


def test_who_with_a_broken_profile_tells_its_faults(broken: Callable[[str, str, str], Path]) -> None:
    directory = broken("rules/water.yaml", "sensor: water-pressure", "sensor: water-presure")

    result = beredd("who", "--incident", "fire", "--profile", directory)

    assert result.exit_code == 1
    assert "menade du 'water-pressure'?" in result.stderr


def test_who_from_the_shell_with_the_profile_that_is_there() -> None:
    result = process("who", "--incident", "fire", "--area", "Södermalm")

    assert result.returncode == 0, result.stderr
    assert "Inre befäl i" in result.stdout
    assert "\x1b[" not in result.stdout


# --- feed ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("profile")
def test_a_feed_is_told_with_where_it_holds() -> None:
    result = beredd("feed", SMHI, "--profile", STOCKHOLM)

    assert result.exit_code == 0
    assert "gul  WIND  Gul varning: Vind, TEST Västra Götalands län" in result.stdout
    assert "gäller: inget område i staden" in result.stdout


@pytest.mark.usefixtures("profile")
def test_every_recorded_file_is_read_without_a_traceback() -> None:
    result = beredd("feed", FEEDS, "--profile", STOCKHOLM)

    assert result.exit_code == 1
    assert "avvisat (incomplete): <scope> saknas" in result.stdout
    assert "Traceback" not in result.output


def test_a_feed_as_json_is_one_object_a_file() -> None:
    result = beredd("feed", SMHI, BROKEN_CAP, "--json")

    sound, refused = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 1
    assert sound["warnings"][0]["severity"] == "yellow"
    assert refused["refused"][0]["reason"] == "incomplete"


def test_a_feed_as_cloudevents_keeps_refusals_off_stdout() -> None:
    result = beredd("feed", SMHI, BROKEN_CAP, "--ndjson")

    assert result.exit_code == 1
    assert [json.loads(line)["source"] for line in result.stdout.splitlines()] == ["urn:beredd:feed:smhi-ibw"]
    assert "<scope> saknas" in result.stderr


def test_a_cap_file_belongs_to_its_source_and_not_to_its_name(tmp_path: Path) -> None:
    shutil.copy(FEEDS / "cap" / "google+cap-library__weather.cap", tmp_path / "nedladdad (3).cap")

    result = beredd("feed", tmp_path, "--ndjson")
    other = beredd("feed", tmp_path, "--ndjson", "--source", "msb")

    assert json.loads(result.stdout)["source"] == "urn:beredd:feed:cap"
    assert json.loads(other.stdout)["source"] == "urn:beredd:feed:msb"


def test_an_unreadable_file_exits_2_and_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    result = beredd("feed", tmp_path / "nowhere.xml", SMHI)

    assert result.exit_code == 2
    assert "nowhere.xml: finns inte" in result.stderr
    assert "Gul varning" in result.stdout


# --- talking to a service --------------------------------------------------------------------------------------------


@dataclass
class StandIn:
    """What a stand-in on loopback answers, and what it was asked."""

    url: str = ""
    status: int = 200
    answer: object = None
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def service() -> Iterator[StandIn]:
    """A service that answers as it is told."""
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.1"  # type: ignore[misc]  # declared without ClassVar in typeshed

        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            stand_in.asked.append((self.command, self.path, body, dict(self.headers)))
            said = stand_in.answer if isinstance(stand_in.answer, bytes) else json.dumps(stand_in.answer).encode()
            self.send_response(stand_in.status)
            headers = {"Content-Length": str(len(said)), "Connection": "close"} | stand_in.headers
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = _respond

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stand_in.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield stand_in
        server.shutdown()
        thread.join()


EVENT = (
    '{"specversion": "1.0", "type": "se.beredd.incident.v1", "source": "urn:x", "id": "1", "data": {"kind": "fire"}}'
)
TAKEN = {"accepted": 1, "duplicates": 0, "refused": []}
MIXED = {
    "accepted": 1,
    "duplicates": 0,
    "refused": [{"index": 1, "line": 3, "reason": "data", "message": "kind: saknas."}],
}


@pytest.mark.parametrize(
    ("name", "body", "media"),
    [
        ("-", EVENT, STRUCTURED),
        ("-", f"[{EVENT}]", BATCH),
        ("-", f"{EVENT}\n{EVENT}\n", NDJSON),
        ("-", f"{EVENT}\n{{broken\n", NDJSON),
        ("x.ndjson", EVENT, NDJSON),
        ("-", "{broken", STRUCTURED),
        ("-", "[" * 100_000, STRUCTURED),
    ],
)
def test_the_content_decides_its_media_type(name: str, body: str, media: str) -> None:
    assert content_type(name, body.encode()) == media


def test_events_are_sent_with_the_token_of_the_file(service: StandIn, tmp_path: Path) -> None:
    service.status, service.answer = 202, TAKEN
    token = tmp_path / "token"
    token.write_text("hemlig-nyckel\n")

    result = beredd("events", "send", "-", "--to", service.url, "--token-file", token, stdin=EVENT)

    method, path, body, headers = service.asked[0]
    assert result.exit_code == 0
    assert result.stdout == "1 mottagen, 0 dubbletter, 0 avvisade\n"
    assert (method, path, body) == ("POST", "/v1/events", EVENT.encode())
    assert headers["Authorization"] == "Bearer hemlig-nyckel"
    assert headers["Content-Type"] == STRUCTURED


def test_the_token_file_may_stand_in_the_environment(
    service: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer = {"events": []}
    (tmp_path / "token").write_text("t")
    monkeypatch.setenv("BEREDD_TOKEN_FILE", str(tmp_path / "token"))

    beredd("events", "log", "--to", service.url)

    assert service.asked[0][3]["Authorization"] == "Bearer t"


@pytest.mark.parametrize("content", ["", "två ord", "rad\nrad", "nyckelå", "x" * 5000])
def test_a_token_file_that_holds_no_token_is_refused_unshown(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)

    result = beredd("status", "--token-file", tmp_path / "token")

    assert result.exit_code == 2
    assert "väntade en nyckel på en rad" in result.stderr
    assert not content or content not in result.output.replace(str(tmp_path), "")


def test_a_receipt_tells_each_refusal_by_its_line(service: StandIn) -> None:
    service.status, service.answer = 207, MIXED

    result = beredd("events", "send", "-", "--to", service.url, stdin=EVENT)
    machine = beredd("events", "send", "-", "--to", service.url, "--json", stdin=EVENT)

    assert result.exit_code == machine.exit_code == 1
    assert "rad 3: kind: saknas. (data)" in result.stdout
    assert json.loads(machine.stdout) == {"status": 207} | MIXED


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (401, {"error": "Nyckeln är okänd."}, "Nyckeln är okänd."),
        (503, {"error": "Just nu går det inte att spara."}, "Just nu går det inte att spara."),
        (502, b"<html>bad gateway</html>", "servern svarade 502"),
        (200, b"something else entirely", "servern svarade 200"),
        (200, [], "servern svarade 200"),
    ],
)
def test_a_service_that_takes_nothing_is_told_in_its_own_words(
    service: StandIn, status: int, answer: object, said: str
) -> None:
    service.status, service.answer = status, answer

    result = beredd("events", "send", "-", "--to", service.url, stdin=EVENT)

    assert result.exit_code == 1
    assert said in result.stderr


def test_a_redirect_is_told_and_not_followed(service: StandIn) -> None:
    service.status, service.headers, service.answer = 301, {"Location": "https://annan.example/"}, ""

    result = beredd("status", "--to", service.url)

    assert result.exit_code == 1
    assert "hänvisar till https://annan.example/" in result.stderr
    assert len(service.asked) == 1


def test_a_proxy_in_the_environment_is_not_asked_about_this_machine(
    service: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer = {"situations": []}
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert beredd("status", "--to", service.url).exit_code == 0


def test_an_empty_file_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("\n")

    assert beredd("events", "send", tmp_path / "empty.json").exit_code == 2
    assert beredd("events", "send", tmp_path / "nowhere.json").exit_code == 2


@pytest.mark.parametrize("command", [["status"], ["events", "log"], ["ack", "abcdefghjk"], ["events", "send", "-"]])
def test_when_nothing_answers_that_is_said(command: list[str]) -> None:
    result = beredd(*command, "--to", "http://127.0.0.1:1", stdin=EVENT)

    assert result.exit_code == 1
    assert "http://127.0.0.1:1 svarar inte: ingen tjänst lyssnar där" in result.stderr


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "ftp://x", "file:///etc/passwd", "http://", "http://u:p@x", "http://x:y"]
)
def test_an_address_that_is_none_is_wrong_usage(url: str) -> None:
    result = beredd("status", "--to", url)

    assert result.exit_code == 2
    assert "väntade en adress" in result.stderr


def test_a_token_that_would_travel_in_the_clear_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")

    result = beredd("status", "--to", "http://nowhere.invalid", "--token-file", tmp_path / "token")

    assert "nyckeln skickas okrypterad" in result.stderr


def test_warnings_of_a_feed_are_handed_in(service: StandIn) -> None:
    service.status, service.answer = 202, TAKEN

    result = beredd("feed", SMHI, "--to", service.url)

    assert result.exit_code == 0
    assert result.stdout == f"{SMHI}: 1 mottagen, 0 dubbletter, 0 avvisade\n"
    assert json.loads(service.asked[0][2])["type"] == "se.beredd.warning.v1"


def test_the_log_is_shown_and_as_json_one_object_a_line(service: StandIn) -> None:
    row = {"sequence": 7, "received_at": "2026-10-13T05:40:00Z", "realm": "live", "source": "urn:x", "id": "a"}
    service.answer = {"events": [row | {"kind": "incident", "event": {}}] * 2}

    text = beredd("events", "log", "--to", service.url, "--limit", "2")
    machine = beredd("events", "log", "--to", service.url, "--json")

    assert "urn:x" in text.stdout
    assert urlsplit(service.asked[0][1]).path == "/v1/log/events"
    assert parse_qs(urlsplit(service.asked[0][1]).query) == {"limit": ["2"]}
    assert [json.loads(line)["sequence"] for line in machine.stdout.splitlines()] == [7, 7]


def test_the_refused_are_shown(service: StandIn) -> None:
    service.answer = {"refused": [{"at": "2026-10-13T05:40:00Z", "reason": "data", "message": "m", "principal": None}]}

    result = beredd("events", "log", "--refused", "--to", service.url)

    assert urlsplit(service.asked[0][1]).path == "/v1/log/refused"
    assert "data" in result.stdout


SITUATION = {
    "id": "sodermalm-20261013-1",
    "realm": "live",
    "title": "Brand [red]\x1b[31m",
    "place": "Södermalm",
    "alert_level": "särskild händelse",
    "basis": "provisional",
    "declared_state": "normal",
    "danger_to_life": True,
    "opened_at": "2026-10-13T05:40:00Z",
    "closed_at": None,
    "answered": {"answered": 1, "of": 3},
}
WHOLE = SITUATION | {
    "causes": [
        {"name": "Brand", "because": "Någon har ringt.", "facts": [{"said": "rök", "at": "2026-10-13T05:40:00Z"}]}
    ],
    "proposals": [{"level": "särskild händelse", "state": "pending", "decide_by": "2026-10-13T05:55:00Z"}],
    "plan": [{"action": "act", "role_name": "TiB", "organisation_name": "SLK", "state": "asked", "person": "p-x"}],
    "log": [{"at": "2026-10-13T05:40:00Z", "said": "Detta öppnar ärendet."}],
}


def test_the_status_shows_both_levels_and_who_has_answered(service: StandIn) -> None:
    service.answer = {"situations": [SITUATION]}

    result = beredd("status", "--to", service.url)
    machine = beredd("status", "--to", service.url, "--json", "--closed")

    assert "särskild händelse (föreslagen, väntar på beslut)" in result.stdout
    assert "1 av 3" in result.stdout
    assert "ring 112" in result.stderr
    assert json.loads(machine.stdout) == service.answer
    assert parse_qs(urlsplit(service.asked[1][1]).query) == {"realm": ["live"], "closed": ["1"]}


def test_somebody_elses_words_reach_no_terminal_as_commands(service: StandIn) -> None:
    service.answer = {"situations": [SITUATION]}

    result = beredd("status", "--to", service.url)

    assert "[red]" in result.stdout
    assert "\x1b" not in result.output


def test_one_matter_shows_causes_reasons_plan_and_log(service: StandIn) -> None:
    service.answer = WHOLE

    result = beredd("status", "sodermalm-20261013-1", "--to", service.url)

    assert urlsplit(service.asked[0][1]).path == "/v1/situations/sodermalm-20261013-1"
    assert result.stdout.startswith("Ring 112")
    for said in ("Någon har ringt.", "väntar på beslut", "agera", "tillfrågad", "Detta öppnar ärendet."):
        assert said in result.stdout


def test_the_id_of_a_matter_cannot_lead_elsewhere(service: StandIn) -> None:
    service.answer = WHOLE

    beredd("status", "../log/events?x=1", "--to", service.url)

    assert urlsplit(service.asked[0][1]).path == "/v1/situations/..%2Flog%2Fevents%3Fx%3D1"


def test_an_exercise_says_so_first(service: StandIn) -> None:
    service.answer = {"situations": []}

    result = beredd("status", "--to", service.url, "--realm", "exercise/styrbjorn-2")

    assert result.stdout.splitlines()[0] == "ÖVNING. I skarpt läge: ring 112."


@pytest.mark.parametrize(("flags", "answer"), [([], "taken"), (["--decline"], "declined")])
def test_an_answer_is_posted_as_the_form_would(service: StandIn, flags: list[str], answer: str) -> None:
    service.status, service.headers, service.answer = 303, {"Location": "/k/abcdefghjk"}, ""

    result = beredd("ack", "ABCDEFGHJK", *flags, "--to", service.url)

    method, path, body, headers = service.asked[0]
    assert result.exit_code == 0
    assert (method, path, body) == ("POST", "/k/abcdefghjk", f"answer={answer}".encode())
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert len(service.asked) == 1
    assert "är mottaget" in result.stdout


def test_the_whole_link_may_be_given_and_says_where_it_leads(service: StandIn) -> None:
    service.status, service.answer = 303, ""

    result = beredd("ack", f"{service.url}/k/abcdefghjk", "--json")

    assert json.loads(result.stdout) == {"answer": "taken", "status": 303}
    assert service.asked[0][1] == "/k/abcdefghjk"


@pytest.mark.parametrize("status", [403, 404, 429, 503])
def test_an_answer_that_did_not_get_through_is_no_success(service: StandIn, status: int) -> None:
    service.status, service.answer = status, b"<html></html>"

    result = beredd("ack", "abcdefghjk", "--to", service.url)

    assert result.exit_code == 1
    assert "Svaret togs inte emot" in result.stderr


def test_a_code_that_is_none_is_wrong_usage() -> None:
    assert beredd("ack", "ab cd").exit_code == 2


# --- run and demo ----------------------------------------------------------------------------------------------------


def test_run_hands_its_options_to_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr("streams.service.run", lambda *args: given.extend(args) or 0)

    result = beredd("run", "--profile", STOCKHOLM, "--data", tmp_path, "--port", "9")

    assert result.exit_code == 0
    assert given == [Settings(STOCKHOLM, tmp_path, port=9)]


def test_standby_follows_the_other_and_a_peer_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Settings] = []
    monkeypatch.setattr("streams.service.run", lambda settings: given.append(settings) or 0)
    monkeypatch.setattr("streams.service.stand_by", lambda settings, peer: given.append(settings) or 0)
    other = "http://127.0.0.1:9"

    assert beredd("run", "--profile", STOCKHOLM, "--data", tmp_path, "--peer", other).exit_code == 0
    assert beredd("standby", "--profile", STOCKHOLM, "--data", tmp_path, "--from", other).exit_code == 0
    assert [s.peer.url for s in given if s.peer is not None] == [other, other]


def test_nothing_is_taken_over_where_no_standby_followed(tmp_path: Path) -> None:
    result = beredd("takeover", "--data", tmp_path)

    assert result.exit_code == 1
    assert "ingen reserv" in result.stderr


def test_run_refuses_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert beredd("run", "--data", tmp_path, "--secrets", tmp_path / "nowhere").exit_code == 2
    assert beredd("run", "--data", tmp_path / "file").exit_code == 2


def test_the_demo_returns_what_it_came_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.demo.play", lambda keep: 0 if keep else 1)

    assert beredd("demo").exit_code == 1
    assert beredd("demo", "--keep").exit_code == 0


# --- words -----------------------------------------------------------------------------------------------------------


def test_the_words_are_those_of_the_messages_and_the_pages() -> None:
    """They stand twice, since the commands that speak HTTP import nothing heavy; they must not drift apart."""
    assert {k.value: v for k, v in BASIS.items()} == words.BASIS
    assert {k.value: v for k, v in SWEDISH.items()} == words.PRINCIPLE
    assert {k.value: v for k, v in ACTION.items()} == words.ACTION
    assert {k.value: v for k, v in STATE.items()} == words.STATE
    assert {k.value: v for k, v in PROPOSAL.items()} == words.PROPOSAL


def test_control_characters_and_reordering_marks_are_shown_and_not_sent() -> None:
    assert clean("a\x1b[31m\x07\u202eb\tc\nd") == "a�[31m��b\tc\nd"
