"""`beredd events`: hand events to a running beredd, and see what it has accepted and refused."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from streams.commands.client import Answer, Client
from streams.commands.console import (
    FINE,
    PROBLEMS,
    RED,
    CommandError,
    UsageFault,
    as_json,
    counted,
    data,
    read_bytes,
    rows_of,
    table,
    talk,
)

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"
TAKEN = (202, 207)


def send(file: str, client: Client, *, machine: bool) -> int:
    """Hands in the events of a file (`-`: stdin) and prints the receipt. PROBLEMS if any was refused."""
    body = _stdin() if file == "-" else read_bytes(Path(file))
    if not body.strip():
        raise UsageFault(f"{'stdin' if file == '-' else file}: är tom; väntade CloudEvents som JSON eller NDJSON")
    answer = client.post("/v1/events", body, content_type(file, body))
    return receipt(answer, machine=machine)


def _stdin() -> bytes:
    if sys.stdin.isatty():
        talk("Läser från tangentbordet; avsluta med Ctrl-D.")
    return sys.stdin.buffer.read()


def content_type(name: str, body: bytes) -> str:
    """The media type of a body, by what it holds: a list, one envelope, or one envelope a line."""
    if name.lower().endswith((".ndjson", ".jsonl")):
        return NDJSON
    try:
        found = json.loads(body)
    except json.JSONDecodeError as error:
        # A whole value and then more is several lines; anything else is told best by the server.
        several = error.msg == "Extra data" or body.strip().count(b"\n{") > 0
        return NDJSON if several else STRUCTURED
    except (ValueError, RecursionError):
        return STRUCTURED
    return BATCH if isinstance(found, list) else STRUCTURED


def receipt(answer: Answer, *, machine: bool, about: str = "") -> int:
    """Prints what became of what was sent, refusal by refusal."""
    refused = rows_of(answer.value, "refused")
    told = isinstance(answer.value, dict) and "accepted" in answer.value
    if machine and told:
        as_json(({"file": about} if about else {}) | {"status": answer.status} | answer.value)
    elif told:
        _say(answer.value, refused, about)
    if not told:
        raise CommandError(f"{about}{': ' if about else ''}inget togs emot: {answer.said}")
    return FINE if answer.status in TAKEN and not refused else PROBLEMS


def _say(value: dict[str, Any], refused: list[dict[str, Any]], about: str) -> None:
    head = f"{about}: " if about else ""
    found = (
        counted(value["accepted"], "mottagen", "mottagna"),
        counted(value.get("duplicates", 0), "dubblett", "dubbletter"),
        counted(len(refused), "avvisad", "avvisade"),
    )
    data(f"{head}{', '.join(found)}")
    for row in refused:
        line = row.get("line")
        where = f"rad {line}" if line else f"händelse {int(row.get('index') or 0) + 1}"
        data(f"  {where}: {row.get('message')} ({row.get('reason')})", RED)


def log(client: Client, *, limit: int, refused: bool, machine: bool) -> int:
    """Prints the newest accepted events, or the newest refusals, the newest first."""
    key = "refused" if refused else "events"
    answer = client.get(f"/v1/log/{key}", limit=limit)
    if answer.status != 200:
        raise CommandError(answer.said)
    rows = rows_of(answer.value, key)
    if machine:
        for row in rows:
            as_json(row)
    elif not rows:
        data("Inget har avvisats." if refused else "Inga händelser har tagits emot.")
    elif refused:
        table(
            ("Tid", "Skäl", "Vad som var fel", "Avsändare"),
            [(clock(r.get("at")), r.get("reason"), r.get("message"), r.get("principal")) for r in rows],
        )
    else:
        table(
            ("Nr", "Mottagen", "Värld", "Slag", "Källa", "Id"),
            [
                (r.get("sequence"), clock(r.get("received_at")), *(r.get(k) for k in ("realm", "kind", "source", "id")))
                for r in rows
            ],
        )
    return FINE


def clock(value: object) -> str:
    """A moment as this machine's clock shows it, without the day if that is today; as it was if it is none."""
    try:
        at = datetime.fromisoformat(str(value)).astimezone()
    except ValueError:
        return str(value or "")
    today = at.date() == datetime.now(UTC).astimezone().date()
    return f"{at:%H:%M:%S}" if today else f"{at:%Y-%m-%d %H:%M:%S}"
