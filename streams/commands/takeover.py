"""`beredd takeover`: the standby acts from now on."""

from __future__ import annotations

import time
from pathlib import Path

from streams.commands.console import FINE, CommandError, data
from streams.commands.verify import FILE

DEADLINE_S = 30.0
LOOK_S = 0.05


def takeover(directory: Path) -> int:
    """The standby of this directory has taken over: the one that runs, or, if none does, the one started next."""
    from streams.standby import TAKEOVER, take_over
    from streams.store import InUseError, JournalError

    try:
        epoch = take_over(directory, FILE)
    except InUseError:
        _told(directory / TAKEOVER)
        data("Reserven har tagit över.")
        return FINE
    except JournalError as error:
        raise CommandError(str(error)) from None
    data(f"Filen har tagit över (epok {epoch}). Ingen reserv kördes: starta tjänsten med beredd run --data {directory}")
    return FINE


def _told(sign: Path) -> None:
    """Returns when the standby that runs has seen the sign, and taken it away."""
    sign.touch()
    until = time.monotonic() + DEADLINE_S
    while sign.exists():
        if time.monotonic() > until:
            sign.unlink(missing_ok=True)
            raise CommandError("reserven svarar inte; är det beredd standby som körs där, och inte beredd run?")
        time.sleep(LOOK_S)
