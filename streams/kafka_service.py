"""One worker on Kafka, put together, started and stopped in order: the Faust host, its ways out, its view and doors.

It ends with an error when the host cannot go on, and whoever keeps it running starts it again: what it had not done is
done by whoever owns its partitions next.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from notifiers.apprise_channel import apprise_channels, load_apprise
from notifiers.attempt import Attempt, Outcome
from notifiers.channel import Channel
from notifiers.deliver import Delivery
from rules.frozen import Frozen
from streams import service
from streams.backup import KEY
from streams.broker_clock import BrokerClock
from streams.codes import Codes, load_codes
from streams.door import Door
from streams.faust_host import Cluster, FaustHost, Told
from streams.hang_guard import HangGuard
from streams.http import application, runner
from streams.intake import Intake
from streams.kafka_doors import KafkaDoors
from streams.metrics import Gauged, Metrics
from streams.policy_topic import Published, unpacked
from streams.profile_keeper import ProfileKeeper
from streams.proxies import Proxies
from streams.seal import Seal
from streams.spread import Spread
from streams.view import View

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a worker is started with. `profile`: published if nothing is; else what is published holds."""

    kafka: str
    data: Path
    prefix: str = ""
    profile: Path | None = None
    secrets: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None


class KafkaService:
    """One running worker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = BrokerClock()

    async def start(self) -> None:
        """The worker is a member, and its doors are open. Raises ServiceError with nothing left running."""
        settings = self.settings
        self.secrets = service.secrets_of(settings.secrets, settings.profile)
        service.refuse_open_address(settings.host, Proxies(), self.secrets)
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        codes = load_codes(settings.data / KEY)
        self._listener = service.listening(settings.host, settings.port)
        self.port = self._listener.getsockname()[1]
        self.keeper = ProfileKeeper(settings.kafka, settings.prefix, self._loaded)
        try:
            intake, published, partitions = await self.keeper.begin(settings.profile)
            await self._begin(intake, published, partitions, codes)
        except BaseException:
            self._listener.close()
            await self.keeper.stop()
            raise

    async def _begin(self, intake: Intake, published: Published, partitions: int, codes: Codes) -> None:
        load_apprise()
        channels: Mapping[str, Channel] = apprise_channels(self.secrets) if self.secrets else {}
        providers = {reference: channel.provider for reference, channel in channels.items()}
        spread = Spread(partitions, published.areas, providers)
        self.view = View(codes.code)
        delivery = Delivery(channels, self.clock.seconds_until)

        async def deliver(realm: str, attempt: Attempt) -> Outcome:
            outcome = await delivery.deliver(attempt, codes.code(realm, attempt.notice))
            self.metrics.attempted(attempt.medium, outcome.verdict, realm)
            return outcome

        seal = Seal((self.settings.data / KEY).read_bytes())
        cluster = Cluster(self.settings.kafka, partitions, self.settings.prefix)
        self.host = FaustHost(cluster, intake, spread, seal, deliver, Told(self._recorded, self._counted), self.clock)
        self.metrics = Metrics(self._gauged(), self.clock.now())
        await self.host.start()
        self.doors = KafkaDoors(self.host)
        await self._serve(channels)
        self._guard = HangGuard(asyncio.get_running_loop())
        self._guard.start()
        self._following = asyncio.ensure_future(self.keeper.follow(self._adopt))
        self._telling = asyncio.ensure_future(self._tell())

    def _recorded(self, realm: str, record: Frozen) -> None:
        self.view.apply(realm, record)
        self.metrics.recorded(realm, record)

    def _counted(self, what: str, amount: int) -> None:
        self.metrics.counted(what, amount)

    def _gauged(self) -> Gauged:
        return Gauged(
            view=self.view,
            profile=lambda: self.host.intake.profile,
            outbox_open=lambda: self.host.delivery.under_way,
            outbox_oldest_seconds=lambda: 0.0,
            fault=lambda: self.doors.fault,
        )

    async def _serve(self, channels: Mapping[str, Channel]) -> None:
        door = Door(
            host=self.doors,
            view=self.view,
            clock=self.clock,
            secrets=self.secrets,
            metrics=self.metrics,
            channels=len(channels),
            open=service.is_loopback(self.settings.host),
        )
        self._runner = runner(application(door))
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener, backlog=service.BACKLOG).start()

    # --- the profile -------------------------------------------------------------------------------------------------

    def _loaded(self, published: Published) -> Intake:
        """The published profile as this worker judges by it. Raises ServiceError with every fault in it."""
        directory = unpacked(published, self.settings.data / "profiles")
        profile, geography = service.profile_at(directory)
        settings = self.settings
        url = settings.public_url or profile.policy.settings.public_url or f"http://{settings.host}:{self.port}"
        addressed = service.addressed(profile, url, self.secrets)
        return Intake(addressed, geography, open_door=self.secrets is None or not self.secrets.has_tokens)

    def _adopt(self, intake: Intake) -> None:
        self.host.adopt(intake)
        _log.info("profile %s is in force", intake.profile.hash)

    async def _tell(self) -> None:
        """Says what this worker runs, which also tells it the broker's time."""
        while True:
            await self.host.announce()
            await asyncio.sleep(5)

    async def stop(self) -> None:
        """The doors are closed, what is under way is finished within bounds, and the partitions are others'."""
        for task in (self._following, self._telling):
            task.cancel()
        await self._runner.cleanup()
        await self.host.stop()
        await self.keeper.stop()
        self._guard.stop()


async def run_until_told(service_: KafkaService) -> int:
    """Runs the worker until it is told to stop (0) or cannot go on (1)."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    await service_.start()
    print(f"beredd lyssnar på http://{service_.settings.host}:{service_.port}", file=sys.stderr, flush=True)
    assert service_.host.crashed is not None, "started"
    waits = (asyncio.ensure_future(told.wait()), service_.host.crashed)
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if service_.host.crashed.done():
        # Nothing is finished in order: what is half done is for the next owner, and a stop that hangs helps nobody.
        _log.error("the worker ends: %r", service_.host.crashed.exception())
        logging.shutdown()
        os._exit(1)
    await service_.stop()
    return 0
