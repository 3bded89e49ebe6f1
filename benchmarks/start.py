"""`python -m benchmarks.start`: how long a start takes on a file with a million logged events.

The figure is from the call to the first moment an event can be handed in; the peer is a plain count of the same rows
with SQLite, in the same run. The file is made by the program itself, but for the bulk of the log and of the records,
which are copies of what it wrote.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import apsw

from benchmarks.ground import Deaf
from notifiers.profile import load_profile
from rules.events import Event, Incident
from rules.frozen import Frozen
from streams.clock import SystemClock
from streams.codes import Codes
from streams.embedded import EmbeddedHost
from streams.intake import Intake, intake_of
from streams.journal import Journal
from streams.view import View

EVENTS = 1_000_000
RECORDS = 100_000
MATTERS = 1_000
STOCKHOLM = Path(__file__).parent.parent / "rules" / "stockholm"


class Viewing(Deaf):
    """A listener that builds the view, as a service does."""

    def __init__(self) -> None:
        self.view = View(Codes(b"x" * 32).code)

    def recorded(self, realm: str, record: Frozen) -> None:
        self.view.apply(realm, record)


def made(file: Path, intake: Intake) -> None:
    """A file with so many open matters, records and events."""
    host = EmbeddedHost(file, intake, SystemClock(), Deaf())
    host.start()
    now = SystemClock().now()
    areas = [a.id for a in intake.profile.policy.registry.areas.values() if a.parent is not None]
    for first in range(0, MATTERS, 100):
        events = tuple(_accident(n, areas[n % len(areas)], now) for n in range(first, first + 100))
        host.submit(events, (), None).result(600)
    host.stop()
    _filled(file, now.timestamp())


def _accident(number: int, area: str, now: object) -> Event:
    payload = Incident(kind="traffic-accident", area=area, text=f"Olycka {number}.")
    return Event(id=f"a{number}", source="urn:beredd:kontaktcenter", time=now, realm="live", payload=payload)  # type: ignore[arg-type]


def _filled(file: Path, _: float) -> None:
    journal = Journal.open(file)
    known = journal.events(1)[0]
    at, body = known[1], known[6]
    [(line,)] = journal._rows('SELECT body FROM record WHERE CAST(body AS TEXT) LIKE \'{"kind":"line"%\' LIMIT 1')
    counts = journal.counts()
    for start in range(counts["log"], EVENTS, 10_000):
        journal.begin(at + timedelta(seconds=start))
        for number in range(start, start + 10_000):
            journal.accept(at, "live", "urn:beredd:kontaktcenter", f"x{number}", "incident", "source:x", body)
        if counts["record"] + start // 10 < RECORDS:
            for _ in range(1000):
                journal.record("live", "x", None, line)
        journal.commit()
    journal.close()


def counted_s(file: Path) -> float:
    """Seconds that plain SQLite takes to count the rows."""
    begun = time.perf_counter()
    db = apsw.Connection(str(file))
    for table in ("log", "record", "state", "outbox"):
        db.execute(f"SELECT count(*) FROM {table}").fetchall()
    db.close()
    return time.perf_counter() - begun


def started_s(file: Path, intake: Intake) -> tuple[float, int]:
    """Seconds until the host takes events, and how many open matters the view then shows."""
    begun = time.perf_counter()
    listener = Viewing()
    host = EmbeddedHost(file, intake, SystemClock(), listener)
    host.start()
    took = time.perf_counter() - begun
    shown = len(listener.view.situations("live"))
    host.stop()
    return took, shown


def main() -> int:
    """Prints the figures."""
    profile, faults = load_profile(STOCKHOLM)
    assert profile is not None, faults
    intake = intake_of(profile, STOCKHOLM, open_door=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "beredd.sqlite"
        made(file, intake)
        took, shown = started_s(file, intake)
        plain = counted_s(file)
        print(f"{EVENTS:,} events, {RECORDS:,} records, {shown:,} open matters, {file.stat().st_size / 1e6:,.0f} MB")
        print(f"start {took:.2f} s; plain SQLite counts the rows in {plain:.2f} s; ratio {took / plain:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
