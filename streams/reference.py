"""`python -m streams.reference docs/rules.md` writes the reference page of rules, in Swedish, from the models.

Every example on the page is a rule that loads, and the sentence below it is what `rules.explain` says of it: the page
cannot say anything that the program does not do. `--check` exits with 1 if the committed page differs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from notifiers.profile import Profile, load_profile
from rules.explain import say
from rules.rule import Rule
from streams.expectation import Expectation
from streams.story import StoryStep

STOCKHOLM = Path(__file__).parent.parent / "rules" / "stockholm"

OPENING = """# Regler

Den här sidan är gjord av programmet självt (`python -m streams.reference docs/rules.md`). Varje exempel går
att läsa in, och meningen under det är programmets egen tolkning.

En regel är ett tillstånd som gäller eller inte gäller: `when` säger när det börjar, `until` när det är över,
`level` vilken nivå det betyder och `concerns` vilka funktioner det rör. Vem som larmas räknas ut av vem som
ansvarar, är närmast och samordnar; `notify` lägger bara till. Utan `until` är det över när allt som regeln
vilar på har varit borta i `profile.hold`. Att data saknas sänker aldrig något, och `höjd beredskap` kan bara
följa på ett beslut som två personer har registrerat.
"""

STORIES = """## Berättelser

En berättelse visar att en regel gör det den ska: en tidslinje av det som händer och vad som då ska gälla. De står i
`stories/` i profilen, och `beredd test` spelar dem i låtsad tid. Varje regel behöver två: en där den gäller och en där
den inte gör det. Ett steg har en tid och en enda sak som händer, eller `expect`.

```yaml
stories:
  - name: Fem minuters lågt tryck larmar tekniska
    start: 2026-03-02
    steps:
      - {at: "08:00", sensor: tryck-centrum, value: 1.7, every: 1 min}
      - {at: "08:04", expect: {not_holds: [low-pressure], nobody_told: true}}
      - {at: "08:05", expect: {holds: [low-pressure], told: [{person: p-folke-fyr, says: "1,7 bar"}]}}
  - name: En läcka är ingen brand
    start: 2026-03-02
    steps:
      - {at: "03:00", incident: leak, ref: lacka, area: lillby.hamnen}
      - {at: "03:00", expect: {not_holds: [fire], told: [p-folke-fyr]}}
      - {at: "04:00", over: lacka}
      - {at: "04:30", expect: {open_matters: 0}}
```

### Ett stegs nycklar
"""
EXPECTED = """
### Vad `expect` kan säga

"Sedan sist" är sedan förra `expect`.
"""

EXAMPLES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("sensor: above, below, for", "En givare, eller vilken som helst av ett slag, över eller under en gräns.",
     {"sensor": "water-pressure", "below": 2.0, "for": "5 min"}),
    ("sensor: between", "Mellan två värden; gränserna räknas in.", {"sensor": "temperature", "between": [-2, 2]}),
    ("sensor: rises, falls, within", "Ändrar sig så mycket inom en tid.",
     {"sensor": "water-level", "rises": 0.3, "within": "1 h"}),
    ("sensor: silent_for", "Har inte gett något värde på så länge. Kan inte stå i `until`.",
     {"sensor": "water-level", "silent_for": "20 min"}),
    ("incidents: at_least, different, within", "Rapporter av ett slag: minst så många, på olika platser, inom en tid.",
     {"incidents": "pump-alarm", "at_least": 3, "different": "district", "within": "1 h"}),
    ("incidents: open_for, priority, needs, danger_to_life", "Bara en sorts plats eller fara, och först efter en tid.",
     {"incidents": "no-water", "priority": True, "needs": "water", "open_for": "30 min"}),
    ("incidents: in_a_row, broken_by", "Så många i rad, utan de andra slagen emellan. Räknas från att regeln började.",
     {"incidents": "clean-sample", "in_a_row": 2, "broken_by": "contamination"}),
    ("warning: severity", "En myndighets varning av ett slag, som myndigheten skriver det (eller `alla`), lägst så "
     "allvarlig: `message`, `yellow`, `orange` eller `red`.",
     {"warning": "RAIN", "severity": "orange"}),
    ("districts: at_least, declared", "Så många stadsdelsområden på en nivå; `declared: true` räknar bara beslutade.",
     {"districts": "särskild händelse", "at_least": 3}),
    ("first, then, within", "Först det ena, sedan det andra inom en tid.",
     {"first": {"incidents": "leak"}, "then": {"incidents": "contamination"}, "within": "6 h"}),
    ("all", "Allt detta samtidigt. Utan `until` är det över först när inget av det gäller längre.",
     {"all": [{"incidents": "power-outage"}, {"sensor": "temperature", "below": -10}]}),
    ("any", "Något av detta.", {"any": [{"incidents": "fire"}, {"incidents": "smoke"}]}),
    ("calendar", "`night`, `weekend`, `holiday`, `office_hours` eller `out_of_office_hours`, i ett `all`. "
     "Avgör bara om regeln börjar gälla.",
     {"all": [{"incidents": "no-heat"}, {"calendar": "out_of_office_hours"}]}),
    ("decision: by, confirmed_by", "En myndighets beslut, registrerat av så många olika personer.",
     {"decision": "höjd beredskap", "by": "regeringen", "confirmed_by": 2}),
)  # fmt: skip


@cache
def _stockholm() -> Profile:
    profile, faults = load_profile(STOCKHOLM)
    if profile is None:
        raise SystemExit("\n".join(map(str, faults)))
    return profile


def page() -> str:
    """The whole page."""
    parts = [OPENING, "## En regels nycklar\n", *_keys(Rule), "\n## Villkor\n"]
    for title, what, condition in EXAMPLES:
        parts.append(_example(title, what, condition))
    parts += [STORIES, *_keys(StoryStep), EXPECTED, *_keys(Expectation)]
    return "\n".join(parts).rstrip() + "\n"


def _keys(model: type[BaseModel]) -> Iterator[str]:
    yield "| nyckel | måste finnas | vad den säger |\n|---|---|---|"
    for name, field in model.model_fields.items():
        yield f"| `{field.alias or name}` | {'ja' if field.is_required() else ''} | {_said(field)} |"


def _said(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|")


def _example(title: str, what: str, condition: dict[str, Any]) -> str:
    rule = Rule.model_validate({"id": "exempel", "name": "Exempel", "when": condition})
    out = StringIO()
    YAML(typ="rt").dump({"when": condition}, out)
    said = say(rule.when, _stockholm().policy.registry)
    return f"### {title}\n\n{what}\n\n```yaml\n{out.getvalue()}```\n\n> Gäller när {said}.\n"


def main(arguments: list[str]) -> int:
    """Writes the page, or with --check compares it. Returns the exit code."""
    check = "--check" in arguments
    file = Path(next((a for a in arguments if not a.startswith("--")), "docs/rules.md"))
    if not check:
        file.write_text(page(), "utf-8")
        return 0
    return 0 if file.is_file() and file.read_text("utf-8") == page() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
