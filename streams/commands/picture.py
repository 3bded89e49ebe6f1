"""The answer of `beredd who` as a picture in a file of its own: SVG, or a page that also reads well on a phone."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from streams.commands.console import UsageFault, talk, why_unreadable
from streams.commands.rings import SYMBOL, TITLE_LINE, drawing, heading, nodes, passed, titled
from streams.commands.who_told import Answer
from streams.commands.words import ACTION, PRINCIPLE

TEMPLATES = Path(__file__).parents[1] / "templates"
FORMS = {".svg": "who.svg", ".html": "who.html"}


def form(file: Path) -> str:
    """The template for a file of this name. UsageFault for a name that says nothing of its form."""
    found = FORMS.get(file.suffix.lower())
    if found is None:
        raise UsageFault(f"--picture {file}: väntade en fil som slutar på .svg eller .html")
    return found


def drawn(answer: Answer, template: str) -> str:
    """The picture as text. The same answer gives the same text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = nodes(answer)
    about, when = heading(answer)
    danger = any(m.danger_to_life for m in answer.matters)
    title = titled(f"Ring 112. {about}" if danger else about)
    return environment.get_template(template).render(
        about=about,
        when=when,
        danger=danger,
        title=title,
        down=(len(title) - 1) * TITLE_LINE,
        nodes=found,
        drawing=drawing(found),
        passed=passed(answer),
        actions=ACTION,
        principles=[(SYMBOL[key], words) for key, words in PRINCIPLE.items()],
    )


def draw(answer: Answer, file: Path) -> None:
    """The file holds the picture. UsageFault if it cannot be written."""
    text = drawn(answer, form(file))
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise UsageFault(f"{file}: {why_unreadable(error).replace('läsa', 'skriva')}") from None
    talk(f"Bilden står i {file}.")
