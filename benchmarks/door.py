"""The HTTP door under load: a real loopback server in a process of its own, senders here.

`python -m benchmarks.door SENSORS RULES FOLDER` is that process. It says its port, and runs until its input ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from aiohttp import web

from benchmarks import ground
from benchmarks.process import cpu_seconds, memory_mb
from streams.clock import SystemClock
from streams.door import Door
from streams.embedded import EmbeddedHost
from streams.http import application, runner
from streams.metrics import Gauged, Metrics
from streams.view import View

SENDERS = 16


async def door(sensors: int, rules: int, bodies: Sequence[bytes], warm: int, folder: Path) -> tuple[float, float]:
    """CPU seconds of the server for all bodies after the first `warm`, and its memory in MB at the end."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.door", str(sensors), str(rules), str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdin is not None
    port = int(await server.stdout.readline())
    await _send(port, bodies[:warm])
    before = cpu_seconds(server.pid)
    await _send(port, bodies[warm:])
    spent, memory = cpu_seconds(server.pid) - before, memory_mb(server.pid)
    server.stdin.close()
    await server.wait()
    return spent, memory


async def _send(port: int, bodies: Sequence[bytes]) -> None:
    waiting = iter(bodies)
    async with aiohttp.ClientSession(headers={"Content-Type": "application/cloudevents+json"}) as session:

        async def sender() -> None:
            for body in waiting:
                async with session.post(f"http://127.0.0.1:{port}/v1/events", data=body) as answer:
                    said = await answer.json()
                    assert (answer.status, said["accepted"]) == (202, 1), said

        await asyncio.gather(*(sender() for _ in range(SENDERS)))


async def _serve(sensors: int, rules: int, folder: Path) -> None:
    found, clock = ground.profile(sensors, rules), SystemClock()
    host = EmbeddedHost(folder / "b.sqlite", ground.intake(found), clock, ground.Deaf())
    host.start()
    view = View(lambda realm, notice: "")
    metrics = Metrics(Gauged(view, lambda: found, lambda: 0, lambda: 0.0, lambda: host.fault), clock.now())
    serving = runner(application(Door(host, view, clock, None, metrics, channels=1, open=True)))
    await serving.setup()
    await web.TCPSite(serving, "127.0.0.1", 0).start()
    print(serving.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await serving.cleanup()
    host.stop()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
