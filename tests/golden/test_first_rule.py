"""The README's first own rule and its story, as they stand there, in a copy of the shipped small town."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from typer.testing import CliRunner

from streams.cli import app
from tests.conftest import ROOT


def test_the_first_own_rule_of_the_readme_checks_and_its_story_comes_out_as_told(tmp_path: Path) -> None:
    town = shutil.copytree(ROOT / "rules" / "lillby", tmp_path / "minstad")
    own = (ROOT / "README.md").read_text("utf-8").split("## Your first own rule")[1].split("\n## ")[0]
    rule, story = re.findall(r"```yaml\n(.*?)```", own, re.DOTALL)
    with (town / "rules.yaml").open("a", encoding="utf-8") as rules:
        rules.write(f"\n{rule}")
    (town / "stories" / "mina.yaml").write_text(story, "utf-8")

    checked = CliRunner().invoke(app, ["check", str(town)])
    tested = CliRunner().invoke(app, ["test", str(town)])

    assert checked.exit_code == 0, checked.output
    assert "19 regler, 0 fel" in checked.output
    assert "rules.yaml" not in checked.output
    assert tested.exit_code == 0, tested.output
    assert "Ingen berättelse når" not in tested.output
