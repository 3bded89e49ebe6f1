"""`beredd status`: what is going on, or all that is known of one matter."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from streams.commands.client import Answer, Client
from streams.commands.console import DIM, FINE, RED, CommandError, as_json, data, rows_of, table, talk
from streams.commands.events import clock
from streams.commands.words import ACTION, BASIS, PRINCIPLE, PROPOSAL, STATE

EXERCISE = "ÖVNING. I skarpt läge: ring 112."


def overview(client: Client, *, realm: str, closed: bool, machine: bool) -> int:
    """Prints the situations of a realm, the newest first."""
    answer = _asked(client.get("/v1/situations", realm=realm, closed=1 if closed else None))
    rows = rows_of(answer.value, "situations")
    if machine:
        as_json(answer.value)
        return FINE
    _exercise(realm)
    if not rows:
        data("Inga öppna ärenden." if not closed else "Inga ärenden.")
        return FINE
    columns = ("Id", "Plats", "Ärende", "Larmnivå", "Beslutat läge", "Sedan", "Svarat")
    table(columns, (_row(row) for row in rows), whole="Id")
    if any(row.get("danger_to_life") for row in rows):
        talk("Gäller det liv: ring 112.", RED)
    return FINE


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    title = f"{'LIVSFARA: ' if row.get('danger_to_life') else ''}{row.get('title')}"
    over = " (avslutat)" if row.get("closed_at") else ""
    return (
        row.get("id"),
        row.get("place"),
        f"{title}{over}",
        level(row),
        row.get("declared_state"),
        clock(row.get("opened_at")),
        answered(row),
    )


def level(row: dict[str, Any]) -> str:
    """The level that says who is told, and what it rests on."""
    basis = str(row.get("basis"))
    return f"{row.get('alert_level')} ({BASIS.get(basis, basis)})"


def answered(row: dict[str, Any]) -> str:
    """How many of those who must answer have, in words."""
    tally = row.get("answered")
    return f"{tally.get('answered')} av {tally.get('of')}" if isinstance(tally, dict) else ""


def matter(client: Client, identity: str, *, realm: str, machine: bool) -> int:
    """Prints one matter: its causes and why, its proposals, its plan and its log."""
    answer = _asked(client.get(f"/v1/situations/{quote(identity, safe='')}", realm=realm))
    whole = answer.value
    if machine:
        as_json(whole)
        return FINE
    _exercise(realm)
    _head(whole)
    _causes(whole)
    _plan(whole)
    _log(whole)
    return FINE


def _head(whole: dict[str, Any]) -> None:
    if whole.get("danger_to_life"):
        data("Ring 112 vid fara för liv.", RED)
    data(f"{whole.get('title')} ({whole.get('place')})  {whole.get('id')}")
    data(f"Larmnivå {level(whole)}. Beslutat läge: {whole.get('declared_state')}.")
    over = f", avslutat {clock(whole.get('closed_at'))}" if whole.get("closed_at") else ""
    data(f"Sedan {clock(whole.get('opened_at'))}{over}. Har svarat: {answered(whole)}.")


def _causes(whole: dict[str, Any]) -> None:
    data("\nOrsaker")
    for cause in rows_of(whole, "causes"):
        over = f" (över {clock(cause.get('cleared_at'))})" if cause.get("cleared_at") else ""
        data(f"  {cause.get('name')}{over}: {cause.get('because')}", DIM if over else "")
        for fact in rows_of(cause, "facts"):
            data(f"    {clock(fact.get('at'))}  {fact.get('said')}")
    for proposal in rows_of(whole, "proposals"):
        state = str(proposal.get("state"))
        by = f", beslutas senast {clock(proposal.get('decide_by'))}" if state == "pending" else ""
        data(f"  Förslag om {proposal.get('level')}: {PROPOSAL.get(state, state)}{by}")


def _plan(whole: dict[str, Any]) -> None:
    data("\nPlan")
    columns = ("Uppgift", "Roll", "Organisation", "Läge", "Person", "Svar senast", "Varför")
    table(columns, (_planned(row) for row in rows_of(whole, "plan")))


def _planned(row: dict[str, Any]) -> tuple[object, ...]:
    action, state, principle = (str(row.get(key)) for key in ("action", "state", "principle"))
    because = str(row.get("because") or "")
    return (
        ACTION.get(action, action),
        row.get("role_name"),
        row.get("organisation_name"),
        STATE.get(state, state),
        row.get("answered_by") or row.get("person"),
        clock(row.get("deadline")) if state in ("asked", "undelivered") else "",
        because or PRINCIPLE.get(principle, principle),
    )


def _log(whole: dict[str, Any]) -> None:
    data("Logg")
    for line in rows_of(whole, "log"):
        data(f"  {clock(line.get('at'))}  {line.get('said')}")


def _exercise(realm: str) -> None:
    """Nobody who looks at an exercise may take it for the city (invariant 4)."""
    if realm.startswith("exercise/"):
        data(EXERCISE, RED)


def _asked(answer: Answer) -> Answer:
    if answer.status != 200 or not isinstance(answer.value, dict):
        raise CommandError(answer.said)
    return answer
