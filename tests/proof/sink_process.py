"""A phone sink in a process of its own, so that what it costs is not taken from whoever is measured.

`python -m tests.proof.sink_process` says its port, runs until its input ends, and then says what arrived, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from streams.sinks import Arrival, PhoneSink

ROOT = Path(__file__).parents[2]


@dataclass
class Phones:
    """The sink's process. `arrivals` is filled when it has ended."""

    url: str
    arrivals: list[Arrival] = field(default_factory=list)


@contextmanager
def phones() -> Iterator[Phones]:
    """Phones on loopback; after the block what they received is known."""
    command = [sys.executable, "-m", "tests.proof.sink_process"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        found = Phones(process.stdout.readline().decode().strip())
        try:
            yield found
        finally:
            said = json.loads(process.communicate(timeout=30)[0])
            found.arrivals += [Arrival(t, title, body, datetime.fromisoformat(at)) for t, title, body, at in said]


async def _serve() -> None:
    async with PhoneSink() as sink:
        print(sink.url("{}").replace("%7B%7D", "{}"), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps([(a.target, a.title, a.body, a.at.isoformat()) for a in sink.inbox.arrivals]))


if __name__ == "__main__":
    asyncio.run(_serve())
