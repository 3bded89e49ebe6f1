"""Help and usage errors in Swedish: what typer says in English of itself, said again.

typer has no hook for its own words, so they are replaced in its finished text. What a later typer words differently
stays English and is still understood.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup
from typer.exceptions import Abort, TyperException

from streams.commands.console import INTERRUPTED, RED, USAGE, talk

HELP = (
    (re.compile(r"^Usage: ", re.M), "Användning: "),
    (re.compile(r"\[OPTIONS\]"), "[VAL]"),
    (re.compile(r"COMMAND \[ARGS\]\.\.\."), "KOMMANDO ..."),
    (re.compile(r"^Arguments:$", re.M), "Argument:"),
    (re.compile(r"^Options:$", re.M), "Val:"),
    (re.compile(r"^Commands:$", re.M), "Kommandon:"),
    (re.compile(r"Show this message and exit\."), "Visa den här hjälpen."),
    (re.compile(r"\[required\]"), "[krävs]"),
    (re.compile(r"\[env var: (\w+)\]"), r"[miljövariabel: \1]"),
    (re.compile(r"\[default: (.+?)\]"), r"[förval: \1]"),
)
FAULTS = (
    (re.compile(r"^No such command (.+?)\.?( Did you mean ('[^']+').*\?)?$"), "okänt kommando {0}", "; menade du {2}?"),
    (re.compile(r"^No such option: (\S+)( \(Possible options: (.+)\))?$"), "okänt val '{0}'", "; menade du {2}?"),
    (re.compile(r"^Missing command\.$"), "ange ett kommando", ""),
    (re.compile(r"^Missing (?:argument|option|parameter) (.+?)\.( .*)?$", re.S), "{0} saknas", ""),
    (re.compile(r"^Got unexpected extra argument\(s\) \((.+)\)$"), "för många argument: {0}", ""),
    (re.compile(r"^Option (.+) requires an argument\.$"), "{0} behöver ett värde", ""),
    (re.compile(r"^Option (.+) does not take a value\.$"), "{0} tar inget värde", ""),
    (re.compile(r"^Invalid value for (.+?): Input should be a valid integer.*$"), "{0}: väntade ett heltal", ""),
    (
        re.compile(r"^Invalid value for (.+?): Input should be less than or equal to (\S+)$"),
        "{0}: väntade högst {1}",
        "",
    ),
    (
        re.compile(r"^Invalid value for (.+?): Input should be greater than or equal to (\S+)$"),
        "{0}: väntade minst {1}",
        "",
    ),
    (re.compile(r"^Invalid value for (.+?): (.+)$", re.S), "{0}: {1}", ""),
)


def help_text(text: str) -> str:
    """A help page in Swedish."""
    for pattern, words in HELP:
        text = pattern.sub(words, text)
    return text


def fault_text(message: str) -> str:
    """A usage error in Swedish; as it was if it is of no known kind."""
    for pattern, words, suggestion in FAULTS:
        match = pattern.match(message)
        if match is not None:
            found = [group or "" for group in match.groups()]
            return (words + (suggestion if found[-1] else "")).format(*found)
    return message


class SwedishCommand(TyperCommand):
    """A command whose help is in Swedish."""

    def get_help(self, ctx: Any) -> str:
        return help_text(super().get_help(ctx))


class SwedishGroup(TyperGroup):
    """A group of commands whose help and usage errors are in Swedish. Leaves with the exit codes of `console`."""

    def get_help(self, ctx: Any) -> str:
        return help_text(super().get_help(ctx))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Runs a command line. Standing alone it leaves with an exit code, having said what was wrong."""
        given = (args, prog_name, complete_var, False, windows_expand_args)
        if not standalone_mode:
            return super().main(*given, **extra)
        try:
            code = super().main(*given, **extra)
        except TyperException as error:
            code = _told(error)
        except (Abort, KeyboardInterrupt):
            code = INTERRUPTED
        sys.exit(code if isinstance(code, int) else 0)


def _told(error: TyperException) -> int:
    """Says what is wrong with the command line. A command given nothing to do has shown its help instead."""
    ctx = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(help_text(error.format_message()), file=sys.stderr)
        return USAGE
    said = fault_text(error.format_message()).rstrip(".")
    talk(f"Fel: {said}{'' if said.endswith('?') else '.'}", RED)
    if ctx is not None:
        talk(f"Hjälp: {ctx.command_path} --help")
    return error.exit_code
