"""A receiver in a process of its own, so that what it costs is not ours: takes every POST, and says how many came."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Sink:
    """A running receiver."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self) -> int:
        """How many messages have come. An alert of Alertmanager's counts as one each."""
        with urllib.request.urlopen(f"{self.url}/count", timeout=10) as answer:
            return int(answer.read())


@contextmanager
def sink() -> Iterator[Sink]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.sink"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield Sink(int(process.stdout.readline()), process.pid)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def main() -> None:
    came = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal came
        body = await request.read()
        came += len(json.loads(body)["alerts"]) if body.startswith(b'{"receiver"') else 1
        return web.Response()

    async def count(request: web.Request) -> web.Response:
        return web.Response(text=str(came))

    async def tell(app: web.Application) -> None:
        print(runner.addresses[0][1], flush=True)

    app = web.Application()
    app.router.add_get("/count", count)
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None)

    async def serve() -> None:
        import asyncio

        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        await tell(app)
        await asyncio.Event().wait()

    import asyncio

    asyncio.run(serve())


if __name__ == "__main__":
    main()
