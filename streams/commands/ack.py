"""`beredd ack`: answers the message behind a code, as its page would."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from streams.commands.client import Answer, Client
from streams.commands.console import FINE, CommandError, UsageFault, as_json, data

FORM = "application/x-www-form-urlencoded"
ANSWER = {"taken": "ja", "declined": "nej"}
"""The page's buttons say it in the words of whoever is asked: "Jag tar det", "Vi åtar oss det"."""


def ack(code: str, client: Client, *, decline: bool, machine: bool) -> int:
    """Answers, and tells what happened. PROBLEMS if the answer did not get through."""
    given = "declined" if decline else "taken"
    path = f"/k/{code_of(code)}"
    answer = client.post(path, urlencode({"answer": given}).encode(), FORM)
    if not 200 <= answer.status < 400:
        raise CommandError(f"Svaret togs inte emot: {_why(answer)}")
    if machine:
        as_json({"answer": given, "status": answer.status})
    else:
        data(f"Ditt {ANSWER[given]} är mottaget. Vad det ledde till står på {client.url}{path}")
    return FINE


def code_of(given: str) -> str:
    """The code, from itself or from the whole link."""
    code = given.strip().rstrip("/").rpartition("/")[2].lower()
    if not re.fullmatch(r"[a-z0-9]{4,64}", code):
        raise UsageFault("koden ser inte ut som i meddelandet: den är bokstäver och siffror, efter /k/ i länken")
    return code


def address(given: str) -> str | None:
    """Where the link leads, without its path; None if only the code was given."""
    return given.strip().partition("/k/")[0] if "://" in given else None


def _why(answer: Answer) -> str:
    """The page behind a code answers people, in HTML, so its words are said again here."""
    if answer.status == 404:
        return "koden leder ingenstans. Kontrollera att hela kom med."
    return answer.said
