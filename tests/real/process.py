"""A real service in a process of its own, for tests that kill it."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from notifiers.profile import Profile

ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_secrets(
    file: Path, channels: dict[str, str], tokens: Mapping[str, Mapping[str, object]] | None = None
) -> None:
    """A secrets file with these channels, and tokens given in the clear (they are written as digests)."""
    lines = ["channels:", *(f"  {name}: {json.dumps(url)}" for name, url in channels.items())]
    if tokens:
        lines.append("tokens:")
        for token, holder in tokens.items():
            lines.append(f"  {hashlib.sha256(token.encode()).hexdigest()}: {json.dumps(holder)}")
    file.touch(0o600)
    file.write_text("\n".join(lines) + "\n")


def every_channel(profile: Profile, url: str) -> dict[str, str]:
    """Every reference of the profile's persons, leading to one local sink: `url` with the reference put in for {}."""
    persons = profile.roster.persons.values()
    return {c.channel: url.format(c.channel) for p in persons for c in p.contacts + p.exercise_contacts}


@dataclass
class ServiceProcess:
    """`beredd run` on loopback. `start` returns when it answers; `kill` is SIGKILL."""

    profile: Path
    data: Path
    secrets: Path
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    verb: str = "run"
    more: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self, deadline_s: float = 30.0) -> None:
        self.spawn()
        until = time.monotonic() + deadline_s
        while time.monotonic() < until:
            assert self.process is not None
            assert self.process.poll() is None, f"the service ended with {self.process.returncode}"
            with contextlib.suppress(OSError):
                if self.get("/healthz")[0] == 200:
                    return
            time.sleep(0.01)  # a poll with a deadline: there is nothing to wait on in another process
        raise TimeoutError("the service did not answer")

    def spawn(self) -> None:
        beredd = str(Path(sys.executable).parent / "beredd")
        command = [beredd, self.verb, "--profile", str(self.profile), "--data", str(self.data)]
        command += ["--secrets", str(self.secrets), "--port", str(self.port), *self.more]
        with (self.data.parent / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | self.environment, start_new_session=True
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, deadline_s: float = 20.0) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(deadline_s)

    def get(self, path: str) -> tuple[int, bytes]:
        return self._request("GET", path, None, {})

    def post(self, path: str, body: bytes, content_type: str = "application/cloudevents+json") -> tuple[int, bytes]:
        return self._request("POST", path, body, {"Content-Type": content_type})

    def _request(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
