"""Debian's Prometheus beside us: its CPU time per sample with so many alert rules over so many sensors, scraped and
evaluated each second. It does another work (nothing durable per sample, late by up to a second), here too."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.process import cpu_seconds

WARM_S = 6.0
TIMED_S = 15.0
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s, scrape_timeout: 1s}}
rule_files: [rules.yml]
scrape_configs: [{{job_name: town, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""


def binary() -> str | None:
    """Where it is; None if it is not installed."""
    return shutil.which("prometheus")


def samples_per_cpu_second(sensors: int, rules: int, folder: Path) -> float:
    """What one CPU second of it takes in and judges."""
    program = binary()
    assert program is not None
    page = "".join(f'v{{s="s{n}",k="k{n % rules}"}} {3 + n % 7 / 10}\n' for n in range(sensors)).encode()
    scrapes = 0

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal scrapes
            scrapes += 1
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None: ...

    served = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    (folder / "prometheus.yml").write_text(CONFIG.format(port=served.server_port))
    listed = "".join(f"  - {{alert: r{n}, expr: 'v{{k=\"k{n}\"}} < 2'}}\n" for n in range(rules))
    (folder / "rules.yml").write_text(f"groups:\n- name: town\n  rules:\n{listed}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(WARM_S)
        before, first = cpu_seconds(process.pid), scrapes
        time.sleep(TIMED_S)
        spent, taken = cpu_seconds(process.pid) - before, scrapes - first
    finally:
        process.terminate()
        process.wait()
        served.shutdown()
        served.server_close()
    if taken == 0:
        raise RuntimeError("prometheus scraped nothing")
    return taken * sensors / spent
