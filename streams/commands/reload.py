"""`beredd reload`: the edited profile takes over in a running beredd, or is refused with every reason."""

from __future__ import annotations

from typing import Any

from streams.commands.client import Client
from streams.commands.console import FINE, PROBLEMS, RED, CommandError, as_json, counted, data

SAID = (("added", "Ny"), ("changed", "Ändrad"), ("removed", "Borttagen"))
REFUSED = 422


def reload(client: Client, *, machine: bool) -> int:
    """Asks for the swap and prints what came of it. PROBLEMS if the profile was refused."""
    answer = client.post("/v1/reload", b"{}", "application/json")
    if answer.status not in (200, REFUSED) or not isinstance(answer.value, dict):
        raise CommandError(answer.said)
    if machine:
        as_json(answer.value)
    elif answer.status == REFUSED:
        _tell_refused(answer.value)
    else:
        _tell(answer.value)
    return FINE if answer.status == 200 else PROBLEMS


def _tell(report: dict[str, Any]) -> None:
    data(f"Profilen {report.get('hash')} gäller nu: {counted(int(report.get('rules', 0)), 'regel', 'regler')}.")
    anew = report.get("anew", ())
    for key, word in SAID:
        for rule in report.get(key, ()):
            data(f"{word}: {rule}{_note(key, rule in anew)}")
    if not any(report.get(key) for key, _ in SAID):
        data("Ingen regel är ändrad.")


def _note(key: str, anew: bool) -> str:
    if key == "removed":
        return " (öppna orsaker står kvar tills någon avslutar dem)"
    return " (villkoret är nytt; börjar om från de senaste värdena)" if anew else ""


def _tell_refused(report: dict[str, Any]) -> None:
    faults = report.get("faults", ())
    for fault in faults:
        data(fault, RED)
    data(f"Avvisad: {counted(len(faults), 'fel', 'fel')}. Profilen {report.get('hash')} gäller fortfarande.")
