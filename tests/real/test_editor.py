"""The author's editor: the real yaml-language-server over its stdio protocol, with the schema that `beredd` writes.

It is installed with npm into a cache folder outside the tree. Where node or npm is missing, or npm reaches no registry,
the tests are skipped with the reason; with CI=true that is a failure.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifiers.profile import load_profile
from streams.commands.schema import made

LILLBY = Path(__file__).parents[1] / "towns" / "lillby"
VERSION = "2.0.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beredd" / f"yaml-language-server-{VERSION}"
PATIENCE_S = 30


def missing(why: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must try the real editor: {why}")
    pytest.skip(why)


@pytest.fixture(scope="module")
def server() -> Path:
    """The server's program, installed once."""
    program = CACHE / "node_modules" / ".bin" / "yaml-language-server"
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            missing(f"{tool} is not installed; it runs yaml-language-server")
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(CACHE),
            f"yaml-language-server@{VERSION}",
        ]
        tried = subprocess.run(command, capture_output=True, text=True, timeout=180)
        if tried.returncode != 0:
            missing(f"npm could not install yaml-language-server: {tried.stderr.strip()[-300:]}")
    return program


class Editor:
    """One conversation with the language server, as an editor would have it."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen(
            [str(program), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.heard: queue.Queue[dict[str, Any]] = queue.Queue()
        self.asked = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        while header := self.process.stdout.readline():
            length = int(header.split(b":")[1]) if header.lower().startswith(b"content-length") else 0
            while header.strip():
                header = self.process.stdout.readline()
            self.heard.put(json.loads(self.process.stdout.read(length)))

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        raw = json.dumps({"jsonrpc": "2.0"} | message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(raw) + raw)
        self.process.stdin.flush()

    def tell(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, **params: Any) -> Any:
        self.asked += 1
        self._send({"id": self.asked, "method": method, "params": params})
        return self._wait(lambda m: m.get("id") == self.asked and "method" not in m)["result"]

    def diagnostics(self, uri: str) -> list[dict[str, Any]]:
        said = self._wait(lambda m: m.get("method") == "textDocument/publishDiagnostics" and m["params"]["uri"] == uri)
        found: list[dict[str, Any]] = said["params"]["diagnostics"]
        return found

    def _wait(self, wanted: Any) -> dict[str, Any]:
        """The first message that is wanted. What the server asks meanwhile is answered: it has no settings to fetch."""
        while True:
            message = self.heard.get(timeout=PATIENCE_S)
            if wanted(message):
                return message
            if "method" in message and "id" in message:
                items = message.get("params", {}).get("items", ())
                answer = [_settings(i.get("section")) for i in items] if "configuration" in message["method"] else None
                self._send({"id": message["id"], "result": answer})

    def open(self, file: Path) -> str:
        uri = file.as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": file.read_text("utf-8")}
        self.tell("textDocument/didOpen", textDocument=document)
        return uri

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def _settings(section: str | None) -> dict[str, Any]:
    mine = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}
    return mine if section == "yaml" else {}


@pytest.fixture
def editor(server: Path) -> Iterator[Editor]:
    talking = Editor(server)
    talking.ask("initialize", processId=None, rootUri=None, capabilities={"workspace": {"configuration": True}})
    talking.tell("initialized")
    talking.tell("workspace/didChangeConfiguration", settings={"yaml": _settings("yaml")})
    yield talking
    talking.close()


def written(directory: Path, text: str) -> Path:
    """Lillby with this as its rules, the modeline on top, and the schema beside it."""
    shutil.copytree(LILLBY, directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns("stories"))
    (directory / "schema.json").write_text(json.dumps(made(LILLBY)), "utf-8")
    (directory / "rules.yaml").write_text(f"# yaml-language-server: $schema=schema.json\n{text}", "utf-8")
    return directory / "rules.yaml"


RULE = """rules:
  - id: high-water
    name: Högt vatten
    when:
      sensor: pegel-hamnen
      above: 1.20
      for: 30 min
    level: särskild händelse
    concerns: [water]
"""

MISTAKES = {
    "a misspelt key": ("    level:", "    levle:"),
    "a level that does not exist": ("level: särskild händelse", "level: särskild handelse"),
    "a time without a unit one can tell": ("for: 30 min", "for: 30m"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_editor_marks_a_mistake_where_check_tells_it(mistake: str, editor: Editor, tmp_path: Path) -> None:
    file = written(tmp_path, RULE.replace(*MISTAKES[mistake]))

    places = {(d["range"]["start"]["line"] + 1, d["range"]["start"]["character"] + 1) for d in _marked(editor, file)}

    assert len(places) == 1
    assert places == {(f.line, f.column) for f in load_profile(tmp_path)[1]}


def _marked(editor: Editor, file: Path) -> list[dict[str, Any]]:
    return editor.diagnostics(editor.open(file))


def test_the_editor_has_nothing_against_a_right_file(editor: Editor, tmp_path: Path) -> None:
    assert _marked(editor, written(tmp_path, RULE)) == []


def completed(editor: Editor, file: Path, line: int, column: int) -> set[str]:
    uri = editor.open(file)
    at = {"line": line - 1, "character": column - 1}
    found = editor.ask("textDocument/completion", textDocument={"uri": uri}, position=at)
    return {item["label"] for item in found["items"]}


def test_the_editor_completes_levels(editor: Editor, tmp_path: Path) -> None:
    file = written(tmp_path, RULE.replace("level: särskild händelse", "level: "))

    assert {"normal", "särskild händelse", "höjd beredskap"} <= completed(editor, file, 9, 12)


def test_the_editor_completes_the_names_of_sensors(editor: Editor, tmp_path: Path) -> None:
    file = written(tmp_path, RULE.replace("sensor: pegel-hamnen", "sensor: "))

    found = completed(editor, file, 6, 15)

    assert {"pegel-hamnen", "tryck-centrum", "water-pressure"} <= found
    assert "null" not in found


def test_the_editor_explains_a_key_in_swedish(editor: Editor, tmp_path: Path) -> None:
    uri = editor.open(written(tmp_path, RULE))

    found = editor.ask("textDocument/hover", textDocument={"uri": uri}, position={"line": 6, "character": 8})

    assert "Över den här gränsen" in json.dumps(found, ensure_ascii=False)
