"""`python -m benchmarks.registry`: what a large registry costs to load, and a plan with many recipients. CPU time.

Peers, over the same files in the same run: ruamel's own parser and PyYAML's, which only parse; and pydantic, which only
validates what is parsed. The plan: one matter whose cause names so many roles at so many organisations.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import yaml
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from notifiers.principles import plan
from notifiers.profile import Profile, load_profile
from rules.action import Action
from rules.matter import Cause, Fact, Matter
from rules.registry import Asset

ASSETS, FILES, ROLES = 5_000, 5, 500
NOW = datetime(2026, 11, 1, tzinfo=UTC)

TOWN = """profile: {name: Staden}
levels: [{id: normal, name: Normal, entered: detected}]
areas: [{id: staden, name: Staden, kind: city}]
functions: [{id: water, name: Vatten}, {id: power, name: El}]
roles: [{id: tib, name: TiB}, {id: jour, name: Jour}]
persons: [{id: p-a, name: A}, {id: p-b, name: B}]
"""


def write(directory: Path) -> None:
    """A town with so many assets, in files as an author would have them, and so many organisations that have water."""
    organisations = "".join(
        f"  - {{id: o{i}, name: Bolag {i}, kind: company, relation: request, functions: [water], duty: jour}}\n"
        for i in range(ROLES)
    )
    duties = "".join(f"  - {{role: jour, organisation: o{i}, holder: p-a, covered_by: tib}}\n" for i in range(ROLES))
    kontoret = "  - {id: kontoret, name: Kontoret, kind: board, relation: direct, duty: tib}\n"
    tib = "  - {role: tib, organisation: kontoret, holder: p-a, deputies: [p-b]}\n"
    text = f"{TOWN}organisations:\n{kontoret}{organisations}duties:\n{tib}{duties}"
    (directory / "town.yaml").write_text(text, "utf-8")
    for file in range(FILES):
        rows = "".join(_asset(i) for i in range(file, ASSETS, FILES))
        (directory / f"assets{file}.yaml").write_text(f"assets:\n{rows}", "utf-8")


def _asset(i: int) -> str:
    return (
        f"  - id: a{i}\n    name: Anläggning {i}\n    kind: care_home\n    area: staden\n    operator: o{i % ROLES}\n"
        f"    owner: kontoret\n    position: {{latitude: 59.{i % 900 + 100}, longitude: 18.{i % 700 + 100}}}\n"
        f"    needs: [water, power]\n    depends_on: [a{i + 1 if i + 1 < ASSETS else i - 2}]\n"
        f"    priority: {'true' if i % 5 else 'false'}\n"
    ).replace(f"[a{ASSETS - 3}]", "[]" if i == ASSETS - 1 else f"[a{ASSETS - 3}]")


def seconds(run: Callable[[], object], times: int = 1) -> float:
    """CPU seconds, the median of several runs."""

    def once() -> float:
        before = time.process_time()
        run()
        return time.process_time() - before

    return median(once() for _ in range(times))


def matter(profile: Profile) -> Matter:
    """One leak that concerns all who have water."""
    fact = Fact(key="f", said="läcka", at=NOW, areas=("staden",))
    cause = Cause(
        id="r",
        rule="r",
        name="Läcka",
        level="normal",
        because="b",
        facts=(fact,),
        functions=("water",),
        opened_at=NOW,
        policy=profile.hash,
    )
    return Matter(
        id="m", area="staden", areas=("staden",), title="Läcka", alert_level="normal", declared_state="normal",
        opened_at=NOW, changed_at=NOW, causes=(cause,), policy=profile.hash,
    )  # fmt: skip


def main() -> int:
    """Prints both tables."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        write(directory)
        texts = [f.read_text("utf-8") for f in sorted(directory.glob("*.yaml"))]
        profile, faults = load_profile(directory)
        assert profile is not None, faults[:3]
        entries = [a.model_dump(mode="json") for a in profile.policy.registry.assets.values()]
        ours = seconds(lambda: load_profile(directory), 3)
        print(f"{ASSETS:,} assets in {FILES} files, {sum(map(len, texts)):,} characters; CPU seconds, ratio to ours")
        peers: dict[str, Callable[[], object]] = {
            "ruamel alone (parses, with positions)": lambda: [YAML(typ="rt").load(t) for t in texts],
            "PyYAML in Python alone (parses)": lambda: [yaml.load(t, yaml.SafeLoader) for t in texts],
            "PyYAML with libyaml alone (parses)": lambda: [yaml.load(t, yaml.CSafeLoader) for t in texts],
            "pydantic alone (validates)": lambda: TypeAdapter(list[Asset]).validate_python(entries),
        }
        print(f"{'beredd: parses, validates, checks references':<50} {ours:>7.3f} {1:>6.2f}")
        for name, run in peers.items():
            took = seconds(run)
            print(f"{name:<50} {took:>7.3f} {took / ours:>6.2f}")
        opened = matter(profile)
        rows = plan(profile, opened, NOW)
        assert sum(r.action is Action.ACT for r in rows) == ROLES, "a plan of nobody would be a fine figure of nothing"
        spent = [seconds(lambda: plan(profile, opened, NOW)) for _ in range(15)]
        print(f"a plan of {len(rows)} rows: {1000 * median(spent):.1f} ms, at most {1000 * max(spent):.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
