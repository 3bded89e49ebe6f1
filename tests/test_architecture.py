"""The walls: who imports whom, what the pure core may not touch, and how the packages stand in the world.

Read from the source's syntax tree, so that nothing has to be imported and no branch is missed.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("rules", "notifiers", "streams")
MAY_IMPORT = {"rules": {"rules"}, "notifiers": {"rules", "notifiers"}, "streams": set(PACKAGES)}
FILES = tuple(sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py")))

EDGES = {"rules.document", "rules.plain_yaml", "rules.loader", "rules.geography"}
"""The modules of `rules` that read files, or what stands in them. Everything else there is pure."""

CORE = {
    f"notifiers.{name}"
    for name in (
        "alert",
        "plan",
        "escalation",
        "mailing",
        "contact",
        "principles",
        "obligation",
        "notice",
        "message",
        "roster",
        "attempt",
        "manning",
        "passed_over",
        "ways",
        "degradation",
        "supervision",
    )
}
"""The pure modules of `notifiers`."""

LOADED_BY = {"notifiers.profile": {"rules.document", "rules.loader"}}
"""`notifiers.profile` holds the value `Profile`, which the core needs, and `load_profile`, which reads files. Its way
to the
loader is the one pure modules may have behind them; `test_the_core_takes_a_profile_and_never_loads_one` closes it."""

IMPURE = {
    "time", "random", "secrets", "uuid", "logging", "warnings",
    "os", "io", "sys", "pathlib", "shutil", "tempfile", "glob", "fileinput", "socket", "ssl", "select", "selectors",
    "http", "urllib", "ftplib", "smtplib", "subprocess", "multiprocessing", "concurrent", "asyncio", "threading",
    "signal", "contextvars", "sched", "sqlite3", "dbm", "pickle", "shelve", "mmap", "ctypes",
    "faust", "mode", "kafka", "apprise", "apsw", "aiohttp", "requests", "httpx", "prometheus_client", "rich", "typer",
    "jinja2",
}  # fmt: skip
CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint", "globals"}
CLOCKS = {"now", "utcnow", "today", "monotonic", "perf_counter", "time_ns"}
FORBIDDEN_ELSEWHERE = {
    "rules": {"faust", "kafka", "apprise", "apsw", "sqlite3", "aiohttp", "prometheus_client", "logging"},
    "notifiers": {"faust", "kafka", "apsw", "sqlite3", "aiohttp", "prometheus_client"},
}
"""Design 2: what each package must not contain at all, pure module or not."""

EXCEPTED = {"notifiers.webhook_channel": {"aiohttp"}}  # its client: a channel is an edge, as Apprise's is


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in FILES}
PURE = sorted({m for m in MODULES if m.startswith("rules.") and m not in EDGES} | CORE)


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def imports(file: Path, *, running: bool = False) -> Iterator[tuple[str, int]]:
    """Every dotted name a file imports, anywhere in it, with its line. `from a import b` counts as `a.b` if that is a
    module of ours. `running`: without those that only a type checker follows."""
    types_only = {id(n) for node in ast.walk(tree(file)) if _for_types(node) for n in ast.walk(node)}
    for node in ast.walk(tree(file)):
        if running and id(node) in types_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(file, node)
            inner = [f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in MODULES]
            yield from ((name, node.lineno) for name in inner or [base])


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _absolute(file: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module_of(file).split(".")
    package = package if file.name == "__init__.py" else package[:-1]
    return ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])


def behind(module: str) -> set[str]:
    """The modules of ours that importing this one brings in, itself included."""
    found, waiting = set(), [module]
    while waiting:
        at = waiting.pop()
        if at in found or at not in MODULES:
            continue
        found.add(at)
        waiting += [name for name, _ in imports(MODULES[at], running=True) if name not in LOADED_BY.get(at, set())]
    return found


# --- direction -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_one_way(module: str) -> None:
    package = module.split(".")[0]
    wrong = [
        f"{MODULES[module].relative_to(ROOT)}:{line} imports {name}"
        for name, line in imports(MODULES[module])
        if name.split(".")[0] in PACKAGES and name.split(".")[0] not in MAY_IMPORT[package]
    ]
    assert wrong == []


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_package_imports_what_its_question_has_nothing_to_do_with(module: str) -> None:
    forbidden = FORBIDDEN_ELSEWHERE.get(module.split(".")[0], set()) - EXCEPTED.get(module, set())
    assert [name for name, _ in imports(MODULES[module]) if name.split(".")[0] in forbidden] == []


def test_nothing_is_imported_in_a_circle() -> None:
    circles = []
    for module in MODULES:
        later = {name for name, _ in imports(MODULES[module], running=True)} & set(MODULES)
        circles += [(module, name) for name in later if name != module and module in behind(name)]
    assert circles == []


# --- purity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_and_all_behind_it_import_no_world(module: str) -> None:
    wrong = [
        f"{MODULES[at].relative_to(ROOT)}:{line} imports {name}"
        for at in sorted(behind(module))
        if at not in LOADED_BY
        for name, line in imports(MODULES[at])
        if name.split(".")[0] in IMPURE or at in EDGES
    ]
    assert wrong == []


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_asks_no_clock_and_opens_nothing(module: str) -> None:
    file = MODULES[module]
    assert [f"{file.relative_to(ROOT)}:{line} {what}" for what, line in _worldly(tree(file))] == []


def _worldly(module: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=name) if name in CALLS:
                yield f"calls {name}()", node.lineno
            case ast.Attribute(value=ast.Name(id=("datetime" | "date" | "time")), attr=name) if name in CLOCKS:
                yield f"asks the clock: {name}()", node.lineno
            case ast.Attribute(attr=("read_text" | "write_text" | "read_bytes" | "write_bytes" | "astimezone")) as call:
                if call.attr != "astimezone" or not node.args:
                    yield f"asks the machine: {call.attr}()", node.lineno


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_keeps_nothing_between_calls(module: str) -> None:
    """No `global`, and no cache of a module's own: a step may not remember."""
    wrong = [
        node.lineno
        for node in ast.walk(tree(MODULES[module]))
        if isinstance(node, ast.Global)
        or (isinstance(node, ast.Name) and node.id in ("cache", "lru_cache"))
        or (isinstance(node, ast.Attribute) and node.attr in ("cache", "lru_cache"))
    ]
    assert wrong == []


def test_the_core_takes_a_profile_and_never_loads_one() -> None:
    """notifiers.profile is half value, half loader. The core may name the value only."""
    wrong = []
    for module in PURE:
        for node in ast.walk(tree(MODULES[module])):
            if isinstance(node, ast.ImportFrom) and node.module == "notifiers.profile":
                wrong += [f"{module} imports {a.name}" for a in node.names if a.name != "Profile"]
            elif isinstance(node, ast.Import):
                wrong += [f"{module} imports {a.name}" for a in node.names if a.name == "notifiers.profile"]
    assert wrong == []


def test_apprise_stands_behind_one_file() -> None:
    users = [m for m in MODULES if any(n.split(".")[0] == "apprise" for n, _ in imports(MODULES[m]))]
    assert users == ["notifiers.apprise_channel"]


def test_faust_stands_in_streams_only() -> None:
    users = {m.split(".")[0] for m in MODULES if any(n.split(".")[0] == "faust" for n, _ in imports(MODULES[m]))}
    assert users <= {"streams"}


# --- packaging -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_owns_our_names(package: str) -> None:
    """PyPI has distributions of these names; beside ours they would merge without a warning (decision 0001)."""
    owners = importlib.metadata.packages_distributions().get(package, [])
    assert set(owners) <= {"beredd"}


def test_docker_is_no_package() -> None:
    assert list((ROOT / "docker").rglob("__init__.py")) == []


def test_no_file_is_named_for_nothing() -> None:
    vague = re.compile(r"(utils?|common|helpers?|misc|base|core|manager|stuff)\.py")
    everywhere = [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    assert [str(p.relative_to(ROOT)) for p in everywhere if vague.fullmatch(p.name)] == []


@pytest.mark.parametrize("lock", sorted(p.name for p in ROOT.glob("requirements*.txt")))
def test_a_lock_file_names_no_registry(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert [
        line for line in lines if "://" in line or line.lstrip().startswith(("-i ", "--index", "--extra-index"))
    ] == []


@pytest.mark.parametrize("lock", sorted(p.name for p in ROOT.glob("requirements*.txt")))
def test_every_line_of_a_lock_file_is_pinned_and_hashed(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    wanted = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert wanted
    assert [line[:60] for line in wanted if "==" not in line or "--hash=sha256:" not in line] == []


# --- words -----------------------------------------------------------------------------------------------------------

WITHOUT_DOCSTRING: dict[str, str] = {}
"""Public names that need no docstring, each with its reason."""


def _public(module: str) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every public class and function at the top of a module."""
    for node in tree(MODULES[module]).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            yield f"{module}.{node.name}", node


def test_every_module_opens_by_saying_its_job() -> None:
    silent = [m for m, file in MODULES.items() if file.name != "__init__.py" and not ast.get_docstring(tree(file))]
    assert silent == []


@pytest.mark.parametrize("module", sorted(m for m in MODULES if MODULES[m].name != "__init__.py"))
def test_every_public_name_says_what_is_true_after_it(module: str) -> None:
    silent = [name for name, node in _public(module) if not ast.get_docstring(node) and name not in WITHOUT_DOCSTRING]
    assert silent == []
