"""`beredd verify`: is the log as it was written?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streams.commands.console import FINE, PROBLEMS, RED, CommandError, UsageFault, as_json, counted, data

if TYPE_CHECKING:
    from streams.audit import Audit

FILE = "beredd.sqlite"


def verify(copy: Path | None, directory: Path | None, head: str | None, *, machine: bool) -> int:
    """Looks at every row and every link and prints what is not as it was written. PROBLEMS if anything is not."""
    from streams.audit import Audit, agrees, audit
    from streams.store import JournalError, looked_into, sound

    file = _file(copy, directory)
    try:
        with looked_into(file) as db:
            broken = sound(db)
            found = audit(db) if broken is None else Audit()
            if broken is not None:
                found.note(file.name, f"filen är skadad ({broken})")
            elif head is not None and not agrees(db, head):
                found.note(f"kedjeslut {head}", "finns inte i kedjan; det som skrevs före det är ändrat eller borta")
    except JournalError as error:
        raise CommandError(str(error)) from None
    except ValueError:
        raise UsageFault(f"--head {head!r}: väntade nummer:summa, som beredd verify skriver det") from None
    return _tell_json(found) if machine else _tell(found)


def _file(copy: Path | None, directory: Path | None) -> Path:
    if (copy is None) == (directory is None):
        raise UsageFault("ange antingen en säkerhetskopia eller --data KATALOG")
    return copy if copy is not None else (directory or Path()) / FILE


def _tell(found: Audit) -> int:
    for each in found.broken:
        data(each, RED)
    if found.untold:
        data(f"... och {counted(found.untold, 'fel', 'fel')} till", RED)
    rows = counted(found.rows, "rad", "rader")
    data(f"{counted(found.links, 'länk', 'länkar')}, {rows}, varav {found.erased} raderade enligt regel.")
    if found.broken:
        data("Loggen är inte som den skrevs.", RED)
        return PROBLEMS
    data(f"Allt är som det skrevs. Kedjans slut, att notera på annat håll: {found.head}")
    return FINE


def _tell_json(found: Audit) -> int:
    as_json(
        {
            "sound": not found.broken,
            "links": found.links,
            "rows": found.rows,
            "erased": found.erased,
            "head": str(found.head),
            "broken": [{"where": b.where, "what": b.what} for b in found.broken],
        }
    )
    return PROBLEMS if found.broken else FINE
