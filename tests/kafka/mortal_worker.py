"""A worker that is made to be killed: the real Faust host in a process of its own, whose ways out are lines of a file.

python -m tests.kafka.mortal_worker ADDRESS PREFIX PARTITIONS SENT_FILE [--without-order] [--without-guard]
It says "ready" on stdout when it owns partitions. The options take remedies away, for the tests of the tests.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from notifiers.attempt import Attempt, Outcome, Verdict
from rules.frozen import Frozen
from streams.faust_host import Cluster, FaustHost, Told
from streams.hang_guard import HangGuard
from streams.intake import intake_of
from streams.seal import Seal
from streams.service import log_to_stderr
from streams.spread import Spread, spread_out
from tests.conftest import STOCKHOLM, loaded
from tests.kafka import unmended

SEAL = Seal(b"s" * 32)


def _nowhere(realm: str, record: Frozen) -> None:
    """Nobody looks at this worker's view."""


def _uncounted(what: str, amount: int) -> None:
    """Nobody looks at this worker's counts."""


async def main(address: str, prefix: str, partitions: int, sent: Path) -> None:
    intake = intake_of(loaded(STOCKHOLM), STOCKHOLM, open_door=True)
    out = os.open(sent, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def deliver(realm: str, attempt: Attempt) -> Outcome:
        os.write(out, f"{realm} {attempt.id} {attempt.notice} {os.getpid()}\n".encode())
        return Outcome(attempt=attempt.id, notice=attempt.notice, person=attempt.person, verdict=Verdict.ACCEPTED)

    spread = Spread(partitions, spread_out({}, intake.profile.policy.registry.areas, partitions))
    host = FaustHost(Cluster(address, partitions, prefix), intake, spread, SEAL, deliver, Told(_nowhere, _uncounted))
    await host.start()
    HangGuard(asyncio.get_running_loop()).start()
    assert host.crashed is not None, "started"
    while not any(runner.owned for runner in host.stages.values()) and not host.crashed.done():  # noqa: ASYNC110  a poll
        await asyncio.sleep(0.02)
    print("ready", flush=True)
    try:
        await host.crashed
    except BaseException as error:
        print(f"ended: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)


if __name__ == "__main__":
    log_to_stderr()
    if "--without-order" in sys.argv:
        unmended.take_away_the_order()
    if "--without-guard" in sys.argv:
        unmended.take_away_the_guard()
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
