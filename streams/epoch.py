"""Which of two installations is the one that acts: the one with the higher epoch. A takeover raises it.

One that learns of a higher epoch than its own has been superseded: it notes that in its file, ends, and does not start
again on that file. It learns it when the other tells it, or by asking its peer before it starts and while it runs.
While neither can reach the other nobody can know; then both may send, and what they send about the same has the same
ids.
"""

from __future__ import annotations

from streams.journal import Journal

EPOCH = "epoch"
SUPERSEDED = "superseded"


class SupersededError(Exception):
    """Another installation has taken over. The message says so, in Swedish."""


def superseded(by: int) -> SupersededError:
    """What is said to whoever starts, or has started, what another has taken over from."""
    return SupersededError(
        f"en annan beredd har tagit över (epok {by}); den här skickar ingenting. Gör den till reserv:"
        " beredd standby --from ADRESS --data NY-KATALOG"
    )


def epoch_of(journal: Journal) -> int:
    """The file's epoch; 1 if nobody has taken over yet."""
    return int(journal.noted(EPOCH) or 1)


def superseded_by(journal: Journal) -> int | None:
    """The epoch of whoever has taken over from this file; None if nobody has, as far as it knows."""
    noted = journal.noted(SUPERSEDED)
    return int(noted) if noted is not None and int(noted) > epoch_of(journal) else None


def learn(journal: Journal, other: int) -> int | None:
    """Another has this epoch. Returns it if it is higher than ours, and it is noted then."""
    if other > epoch_of(journal):
        journal.note(SUPERSEDED, str(other))
    return superseded_by(journal)


def raise_epoch(journal: Journal) -> int:
    """The file is that of whoever takes over. Returns its new epoch."""
    new = max(epoch_of(journal), int(journal.noted(SUPERSEDED) or 0)) + 1
    journal.note(EPOCH, str(new))
    return new
