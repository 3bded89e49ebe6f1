"""`beredd test`: the stories beside the rules, played through the real stages in virtual time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rules.document import Fault, did_you_mean
from streams.commands.console import (
    FINE,
    PROBLEMS,
    RED,
    YELLOW,
    Progress,
    UsageFault,
    as_json,
    counted,
    data,
    profile_directory,
    why_unreadable,
)
from streams.commands.junit import Case, Suite, written
from streams.commands.profiles import intake_at
from streams.intake import Intake
from streams.play import Missed, Played, play
from streams.story import Told, read_stories
from streams.story_names import misnamed


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of a profile's stories."""

    directory: Path
    played: tuple[tuple[Told, Played], ...]
    faults: tuple[Fault, ...]
    untold: tuple[str, ...]

    @property
    def failed(self) -> int:
        return sum(not played.fine for _, played in self.played)

    @property
    def fine(self) -> bool:
        return not self.failed and not self.faults


def test(given: Path | None, wanted: str | None, junit: Path | None, *, machine: bool) -> int:
    """Prints how every story came out. PROBLEMS if one did not come out as told or could not be read."""
    directory = profile_directory(given)
    tested = _played(directory, wanted, quiet=machine)
    if junit is not None:
        _write(junit, tested)
    if machine:
        as_json(_as_object(tested))
    else:
        _tell(tested)
    return FINE if tested.fine else PROBLEMS


def _played(directory: Path, wanted: str | None, *, quiet: bool) -> Tested:
    """Every wanted story, played and (unless quiet) told as soon as it is."""
    if not (directory / "stories").is_dir():
        raise UsageFault(f"{directory}: inga berättelser; lägg dem i katalogen {directory / 'stories'}")
    progress, intake = Progress(), intake_at(directory)
    told, faults = read_stories(directory / "stories")
    chosen = _chosen(told, wanted)
    misspelt = tuple(fault for t in told for fault in misnamed(t, intake.profile))
    played = []
    for number, one in enumerate(chosen, 1):
        progress.at(f"{number}/{len(chosen)} {one.story.name} …")
        result = play(one.story, intake)
        played.append((one, result))
        progress.done()
        if not quiet:
            _tell_story(one, result)
    untold = _untold(intake, played) if wanted is None else ()
    return Tested(directory, tuple(played), tuple(sorted((*faults, *misspelt))), untold)


def _chosen(told: tuple[Told, ...], wanted: str | None) -> tuple[Told, ...]:
    """The stories whose name holds what was asked for."""
    if wanted is None:
        return told
    found = tuple(t for t in told if wanted.casefold() in t.story.name.casefold())
    if not found:
        names = [t.story.name for t in told]
        raise UsageFault(f"ingen berättelse heter {wanted!r}{did_you_mean(wanted, names)}")
    return found


def _untold(intake: Intake, played: list[tuple[Told, Played]]) -> tuple[str, ...]:
    """The rules that no story has made hold."""
    held = {rule for _, one in played for rule in one.rules}
    return tuple(r.rule.id for r in intake.profile.policy.rules if r.rule.id not in held)


# --- for people ------------------------------------------------------------------------------------------------------


def _tell_story(told: Told, played: Played) -> None:
    if played.fine:
        data(f"  ok   {played.name}")
        return
    data(f"  FEL  {played.name}", RED)
    for missed in played.missed:
        data(f"         {_place(told, missed)}: {missed.at} {missed.said}")
        for reason in missed.reasons:
            data(f"           {reason}")


def _place(told: Told, missed: Missed) -> str:
    return f"{told.file}:{told.line_of(missed.step)}"


def _tell(tested: Tested) -> None:
    for fault in tested.faults:
        data(fault, RED)
    if tested.untold:
        data(
            f"Ingen berättelse når {counted(len(tested.untold), 'regel', 'regler')}: {', '.join(tested.untold)}", YELLOW
        )
    data(_summary(tested))


def _summary(tested: Tested) -> str:
    played = [one for _, one in tested.played]
    found = [f"{len(played) - tested.failed} ok", f"{tested.failed} fel"]
    if tested.faults:
        found.append(f"{len(tested.faults)} fel i filerna")
    counts = (
        counted(len(played), "berättelse", "berättelser"),
        counted(sum(p.moments for p in played), "steg", "steg"),
        counted(sum(p.messages for p in played), "meddelande", "meddelanden"),
        f"{sum(p.seconds for p in played):.1f} s".replace(".", ","),
    )
    return f"{tested.directory}: {', '.join(found)} ({', '.join(counts)})"


# --- for machines ----------------------------------------------------------------------------------------------------


def _write(file: Path, tested: Tested) -> None:
    stories = tuple(
        Case(p.name, t.file, t.line, p.seconds, tuple(f"{_place(t, m)}: {m}" for m in p.missed))
        for t, p in tested.played
    )
    files = tuple(Case(f.file, f.file, f.line, 0.0, (str(f),), broken=True) for f in tested.faults)
    try:
        file.write_bytes(written(Suite(str(tested.directory), stories + files)))
    except OSError as error:
        raise UsageFault(f"{file}: {why_unreadable(error).replace('läsa', 'skriva')}") from None


def _as_object(tested: Tested) -> dict[str, Any]:
    return {
        "directory": str(tested.directory),
        "ok": tested.fine,
        "passed": len(tested.played) - tested.failed,
        "failed": tested.failed,
        "stories": [_story(told, played) for told, played in tested.played],
        "faults": [{"file": f.file, "line": f.line, "column": f.column, "message": f.message} for f in tested.faults],
        "rules_without_story": tested.untold,
    }


def _story(told: Told, played: Played) -> dict[str, Any]:
    return {
        "name": played.name,
        "file": told.file,
        "line": told.line,
        "ok": played.fine,
        "seconds": round(played.seconds, 3),
        "rules": sorted(played.rules),
        "missed": [
            {"line": told.line_of(m.step), "at": m.at, "said": m.said, "reasons": m.reasons} for m in played.missed
        ],
    }
