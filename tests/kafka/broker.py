"""A real Apache Kafka in a process of its own on loopback: KRaft, one node, broker and controller in one.

The jars come by Maven into a cache outside the tree (43 MB, once); it answers about three seconds after `start`.
`BEREDD_TEST_KAFKA=HOST:PORT` names one that runs already; a test that breaks the broker starts its own all the same.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

VERSION = "4.3.1"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beredd" / f"kafka-{VERSION}"
POM = Path(__file__).with_name("pom.xml")
UNDER_WAY_S = 60.0

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={logs}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


class NoKafka(Exception):
    """There is no real Kafka here. The message says what is missing."""


def jars() -> Path:
    """The folder with the broker's jars, fetched once. Raises NoKafka if they cannot be had."""
    if (CACHE / "whole").exists():
        return CACHE
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise NoKafka(f"{tool} is not installed; Java 17 and Maven bring the broker")
    CACHE.mkdir(parents=True, exist_ok=True)
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={CACHE}"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=CACHE)
    if tried.returncode != 0:
        raise NoKafka(f"Maven could not bring Kafka {VERSION}: {(tried.stdout + tried.stderr).strip()[-300:]}")
    (CACHE / "whole").touch()
    return CACHE


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Broker:
    """One broker with its own folder. It may be stopped, killed, paused and started again on the same data."""

    folder: Path
    port: int = field(default_factory=free_port)
    controller: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    extra: str = ""
    """More server properties, a line each."""
    _from: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """The broker answers on its port."""
        libraries = f"{jars()}/*"
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        fresh = not properties.exists()
        text = PROPERTIES.format(port=self.port, controller=self.controller, logs=self.folder / "logs") + self.extra
        properties.write_text(text)
        if fresh:
            made = ["java", "-cp", libraries, "kafka.tools.StorageTool", "format", "-t", _cluster_id()]
            subprocess.run([*made, "-c", str(properties)], check=True, capture_output=True, timeout=60)
        with open(self.folder / "broker.log", "ab") as log:
            self._from = log.tell()
            run = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", libraries, "kafka.Kafka", str(properties)]
            self.process = subprocess.Popen(run, stdout=log, stderr=log)
        self._await()

    def _await(self) -> None:
        assert self.process is not None
        until = time.monotonic() + UNDER_WAY_S
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise NoKafka(f"the broker ended: {(self.folder / 'broker.log').read_text()[-500:]}")
            if b"Kafka Server started" in (self.folder / "broker.log").read_bytes()[self._from :]:
                return
            time.sleep(0.05)  # a poll with a deadline: the broker tells nobody else
        raise NoKafka("the broker did not answer in time")

    def stop(self) -> None:
        """Ended in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ended at once, as by a power cut of the process alone."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)


def _cluster_id() -> str:
    """Never begins with a dash, which the tool would take for an option."""
    made = base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
    return made.replace("-", "_") if made.startswith("-") else made
