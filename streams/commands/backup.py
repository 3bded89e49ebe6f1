"""`beredd backup` and `beredd restore`: a copy that has been looked through, and the copy put back."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from streams.commands.client import Client
from streams.commands.console import (
    FINE,
    YELLOW,
    CommandError,
    UsageFault,
    as_json,
    counted,
    data,
    talk,
    why_unreadable,
)
from streams.commands.verify import FILE

HALF = ".del"
LAPSE = "äldre än en timme"


def backup(out: Path, source: Client | Path, *, machine: bool) -> int:
    """A sound copy is at `out`, which was not there before; or none is."""
    from streams.backup import KEY, contents, copy_at_rest
    from streams.store import JournalError, settle

    if out.exists():
        raise UsageFault(f"{out}: finns redan; en kopia skrivs aldrig över en annan")
    half = out.with_name(f"{out.name}{HALF}")
    try:
        if isinstance(source, Path):
            copy_at_rest(source / FILE, source / KEY, half)
        else:
            _fetched(source, half)
        found = contents(half)
        settle(half, out)
    except JournalError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{out}: kopian gick inte att skriva ({error.strerror or error})") from None
    finally:
        half.unlink(missing_ok=True)
    newest = found.newest.isoformat() if found.newest else None
    if machine:
        as_json({"copy": str(out), "head": str(found.head), "links": found.links, "rows": found.rows, "newest": newest})
    else:
        data(f"{out}: {counted(found.rows, 'rad', 'rader')}, granskade. Senast ändrad {newest or '(tom)'}.")
        data(f"Kedjans slut, att notera på annat håll: {found.head}")
        talk("Kopian innehåller allt som sagts och nyckeln till länkarna; förvara den skyddat.")
    return FINE


def _fetched(client: Client, half: Path) -> None:
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as into:
        answer = client.fetch("/v1/backup", into)
    if answer.status != 200:
        raise CommandError(answer.said)


def restore(copy: Path, directory: Path, *, replace: bool, machine: bool) -> int:
    """The copy is the directory's file from now on; what was there is beside it."""
    from streams.backup import KEY, contents, put_back
    from streams.store import JournalError

    file = directory / FILE
    if file.exists() and not replace:
        raise UsageFault(f"{file}: finns redan; --replace flyttar undan den. Ingenting är ändrat")
    now = datetime.now(UTC)
    try:
        found = contents(copy)
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = put_back(copy, file, directory / KEY, now)
    except JournalError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{directory}: går inte att skriva i ({why_unreadable(error)})") from None
    newest = found.newest.isoformat() if found.newest else None
    if machine:
        moved = [str(path) for path in aside]
        as_json({"head": str(found.head), "newest": newest, "missing_to": now, "unsent": found.unsent, "aside": moved})
        return FINE
    for path in aside:
        data(f"Det som fanns är undanflyttat: {path}")
    data(f"{file} är återställd: {counted(found.rows, 'rad', 'rader')}, granskade.")
    data(f"Det som hänt mellan {newest or 'början'} och nu saknas: händelser, svar och beslut.", YELLOW)
    if found.unsent:
        told = counted(found.unsent, "meddelande var på väg", "meddelanden var på väg")
        data(f"{told} när kopian gjordes. De som är {LAPSE} skickas inte igen; frågan går till nästa i tur.", YELLOW)
    return FINE
