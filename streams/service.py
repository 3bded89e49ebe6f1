"""The embedded service: profile, journal, doors and courier put together, started and stopped in order."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import signal
import socket
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from notifiers.apprise_channel import load_apprise
from notifiers.attempt import Medium, Verdict
from notifiers.channel import Channel
from notifiers.degradation import Degradation, Trouble
from notifiers.profile import Profile, load_profile
from notifiers.secrets import Secrets, SecretsError, load_secrets
from notifiers.ways_out import ways_out
from notifiers.webhook_channel import Post
from rules.fault import Fault
from rules.frozen import Frozen
from rules.geography import Geography
from streams import store
from streams.backup import KEY, copy_of
from streams.call_list import CallList
from streams.call_list_keeper import CallListKeeper
from streams.certificate import HANDSHAKE_S, Certificate, CertificateError
from streams.clock import Clock, SystemClock
from streams.codes import load_codes
from streams.commands.profiles import load_map
from streams.commands.verify import FILE
from streams.courier import Courier, Meter
from streams.door import Door
from streams.embedded import EmbeddedHost, Handout
from streams.epoch import SupersededError, epoch_of, learn, superseded
from streams.heartbeat import HeartbeatSender
from streams.http import application, runner
from streams.in_force import StrandedError
from streams.intake import Intake
from streams.journal import JournalError
from streams.log_lines import LineFormatter
from streams.metrics import Gauged, Metrics, Reloading
from streams.proxies import Proxies
from streams.reload import AddressError, ReloadReport, compared, prepared, refused
from streams.retention import EVERY, tidy
from streams.selfwatch import Equipment, SelfWatch
from streams.shipping import Shipping
from streams.standby import TAKEOVER, Follower, Peer, take_over
from streams.view import View

_log = logging.getLogger(__name__)
PATIENCE_S = 5.0
BACKLOG = 1024
"""Connections that may wait to be let in. One that finds no room there tries again after a whole second."""
PEER_EVERY_S = 2.0
EXPIRING = timedelta(days=14)
RESERVE_BYTES = 128 * 1024 * 1024
"""Room on the disk for some four hundred reports about the same few matters, with all that follows from each."""


class ServiceError(Exception):
    """The service cannot start. The message says why and how to mend it, in Swedish."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a service is started with. Port 0: any free one. `reserve`: bytes of the disk kept for what is critical.
    `peer`: the installation that may have taken over from this one, or from which this one has. `proxies`: those in
    front of us that are believed. `certificate`: with it the doors speak TLS, and nothing else."""

    profile: Path
    data: Path
    secrets: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None
    call_list: Path | None = None  # where the call list is kept; left out: with the data
    reserve: int = RESERVE_BYTES
    peer: Peer | None = None
    proxies: Proxies = field(default_factory=Proxies)
    certificate: Certificate | None = None


class _Listener:
    """What the host tells after each commit, handed to view, courier and metrics."""

    def __init__(self, view: View, metrics: Metrics) -> None:
        self._view = view
        self._metrics = metrics
        self.courier: Courier | None = None
        self.watch: SelfWatch | None = None
        self.keeper: CallListKeeper | None = None
        self._early: list[Handout] = []

    def recorded(self, realm: str, record: Frozen) -> None:
        self._view.apply(realm, record)
        self._metrics.recorded(realm, record)
        if self.keeper is not None:
            self.keeper.changed()

    def handed_out(self, handout: Handout) -> None:
        if self.courier is None:
            self._early.append(handout)  # what a restart finds unsent, before the courier is there
        else:
            self.courier.take(handout)

    def counted(self, what: str, amount: int) -> None:
        self._metrics.counted(what, amount)
        if self.watch is not None:
            self.watch.counted(what, amount)

    def begin(self, courier: Courier) -> None:
        self.courier = courier
        for handout in self._early:
            courier.take(handout)


@dataclass(frozen=True, slots=True)
class _Both:
    """Two meters told as one."""

    first: Meter
    second: Meter

    def attempted(self, medium: Medium, verdict: Verdict, realm: str) -> None:
        self.first.attempted(medium, verdict, realm)
        self.second.attempted(medium, verdict, realm)

    def handed_over(self, seconds: float, realm: str) -> None:
        self.first.handed_over(seconds, realm)
        self.second.handed_over(seconds, realm)


class Service:
    """One running embedded installation."""

    def __init__(self, settings: Settings, clock: Clock | None = None, meter: Meter | None = None) -> None:
        """`meter`: somebody else who wants to know of attempts, beside the metrics."""
        self.settings = settings
        self._meter = meter
        self.clock = clock or SystemClock()
        self.port = settings.port
        self._one_reload = asyncio.Lock()
        self._one_copy = asyncio.Lock()
        self._expiring: frozenset[str] = frozenset()
        self.superseded: SupersededError | None = None
        self.ended = asyncio.Event()
        """Set when this service must stop of itself: another has taken over."""

    async def start(self) -> None:
        """The doors are open and what waited is on its way. Raises ServiceError with nothing left running."""
        profile, geography = profile_at(self.settings.profile)
        self.secrets = secrets_of(self.settings.secrets, self.settings.profile)
        refuse_open_address(self.settings.host, self.settings.proxies, self.secrets)
        self._tls = _tls(self.settings.certificate)
        load_apprise()
        self._post = Post()
        channels = ways_out(self.secrets, self._post)
        listener = self._listen()
        try:
            self.profile = self._addressed(profile)
            self._open(channels, geography)
        except AddressError as error:
            listener.close()
            raise ServiceError(str(error)) from None
        except BaseException:
            listener.close()
            raise
        await self._serve(listener)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._tidy())]
        if self.settings.peer is not None:
            self._tasks.append(loop.create_task(self._ask_peer(self.settings.peer)))

    def _listen(self) -> socket.socket:
        """Takes the port first, so that the address in every link is known before anything is sent."""
        listener = listening(self.settings.host, self.settings.port)
        self.port = listener.getsockname()[1]
        return listener

    def _addressed(self, profile: Profile) -> Profile:
        url = self.settings.public_url or profile.policy.settings.public_url or self._local_url()
        return addressed(profile, url, self.secrets)

    def _local_url(self) -> str:
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"http{'s' if self.settings.certificate else ''}://{host}:{self.port}"

    def _open(self, channels: Mapping[str, Channel], geography: Geography) -> None:
        self.settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_room(self.settings.call_list)
        for half in self.settings.data.glob(f"*{store.HALF}"):
            half.unlink()  # a copy that a killed process left
        codes = load_codes(self.settings.data / KEY)
        self.view = View(codes.code)
        self.metrics = Metrics(self._gauged(), self.clock.now())
        listener = _Listener(self.view, self.metrics)
        intake = Intake(self.profile, geography, open_door=self._open_door)
        file = self.settings.data / FILE
        self.host = EmbeddedHost(file, intake, self.clock, listener, reserve=self.settings.reserve)
        try:
            self.host.start()
            self._refuse_superseded()
        except (JournalError, StrandedError, SupersededError) as error:
            raise ServiceError(str(error)) from None
        self.watch = listener.watch = SelfWatch(self.host, self.view, self.clock, _equipment(channels, self.secrets))
        self.courier = Courier(
            channels, self.clock.seconds_until, codes, self._meters(), self.host.report, self.watch.heard
        )
        listener.begin(self.courier)
        listener.keeper = self._begin_watch()

    def _begin_watch(self) -> CallListKeeper:
        """The system watches itself, keeps its call list and tells the outside that it lives."""
        directory = self.settings.call_list or self.settings.data
        keeper = CallListKeeper(directory, self._call_list, self.watch.report)
        self.watch.call_list = str(keeper.file)
        self.watch.begin(self.courier)
        self._watching = [asyncio.ensure_future(keeper.run())]
        self._beating: asyncio.Task[None] | None = None
        self._begin_heartbeat()
        self._tell_expiring()
        return keeper

    def _tell_expiring(self) -> None:
        """Whoever runs the installation hears of a token before it ends, and once it is renewed."""
        found = self.secrets.expiring(self.clock.now(), EXPIRING) if self.secrets else frozenset()
        for name in self._expiring ^ found:
            self.watch.report(Trouble(Degradation.EXPIRING, f"nyckeln till {name}"), name in found)
        self._expiring = found

    def _begin_heartbeat(self) -> None:
        if self._beating is not None:
            self._watching.remove(self._beating)
            self._beating.cancel()
            self._beating = None
        if self.secrets is not None and self.secrets.heartbeat is not None:
            told = (self.watch.broken, self.watch.heartbeat_sent, self.watch.report)
            self._beating = asyncio.ensure_future(HeartbeatSender(self.secrets.heartbeat, *told).run())
            self._watching.append(self._beating)

    def _call_list(self) -> CallList:
        troubles = tuple(trouble for trouble, _ in self.watch.health().troubles)
        phones = self.secrets.phones if self.secrets else {}
        return CallList(self.view, self.host.intake.profile, phones, troubles, self.clock.now())

    def _refuse_superseded(self) -> None:
        """Before the courier is there, so that nothing is sent by whom another has taken over from."""
        other = self.settings.peer.epoch(self.host.ask(epoch_of).result()) if self.settings.peer else None
        by = self.host.ask(lambda journal: learn(journal, other or 0)).result()
        if by is not None:
            self.host.stop()
            raise superseded(by)

    @property
    def _open_door(self) -> bool:
        return self.secrets is None or not self.secrets.has_tokens

    def _meters(self) -> Meter:
        return self.metrics if self._meter is None else _Both(self.metrics, self._meter)

    def _gauged(self) -> Gauged:
        return Gauged(
            view=self.view,
            profile=lambda: self.host.intake.profile,
            outbox_open=lambda: self.courier.under_way,
            outbox_oldest_seconds=lambda: self.courier.oldest_seconds,
            fault=lambda: self.host.fault,
            health=lambda: self.watch.health(),
            backlog=lambda: self.host.backlog,
        )

    async def _serve(self, listener: socket.socket) -> None:
        door = self._door = Door(
            host=self.host,
            view=self.view,
            clock=self.clock,
            secrets=self.secrets,
            metrics=self.metrics,
            channels=len(self.courier.channels),
            open=is_loopback(self.settings.host) and not self.settings.proxies,
            proxies=self.settings.proxies,
            health=self.watch.health,
        )
        self._runner = runner(application(door, self.reload, self.copy, self.ship))
        await self._runner.setup()
        site = _Site(self._runner, listener, ssl_context=self._tls, backlog=BACKLOG)
        await site.start()

    async def reload(self) -> ReloadReport:
        """The profile's files as they are now have taken over, or were refused and the old profile goes on. They are
        read, and their stories played, beside the events. So with the secrets file and the certificate, each by itself:
        a key that is withdrawn must not wait for a profile to be mended."""
        async with self._one_reload:
            kept = await self._renew_secrets()
            found = await asyncio.to_thread(self._prepared)
            report = await self._swapped(found) if isinstance(found, Intake) else refused(self.profile, found)
            report = replace(report, secrets=kept)
        self.metrics.reloaded(Reloading.OK if report.ok else Reloading.REFUSED, self.clock.now())
        _log_report(report)
        return report

    async def _renew_secrets(self) -> tuple[str, ...]:
        """Why what is secret could not be read anew; empty once it has taken over."""
        faults = []
        try:
            found = await asyncio.to_thread(secrets_of, self.settings.secrets, self.settings.profile)
            if (found is None or not found.has_tokens) is not self._open_door:
                raise ServiceError(_OPENED if self._door.secrets and self._door.secrets.has_tokens else _CLOSED)
            addressed(self.profile, self.profile.policy.settings.public_url or "", found)
            self._take(found)
        except (ServiceError, AddressError) as error:
            faults.append(str(error))
        try:
            if self._tls is not None and self.settings.certificate is not None:
                await asyncio.to_thread(self.settings.certificate.renew, self._tls)
        except CertificateError as error:
            faults.append(str(error))
        return tuple(faults)

    def _take(self, secrets: Secrets | None) -> None:
        if secrets is None:
            return
        beat = self.secrets.heartbeat if self.secrets else None
        channels = ways_out(secrets, self._post)
        self.secrets = self._door.secrets = secrets
        self._door.channels = len(channels)
        self.courier.swap(channels)
        self.watch.equip(_equipment(channels, secrets))
        self._tell_expiring()
        if secrets.heartbeat != beat:
            self._begin_heartbeat()

    async def copy(self) -> Path:
        """A copy of the file as it is now; whoever asked moves or removes it. Events go on meanwhile."""
        data = self.settings.data
        async with self._one_copy:
            target = data / f"{secrets.token_hex(8)}{store.HALF}"
            await copy_of(self.host, data / KEY, target)
        return target

    async def ship(self, after: int, epoch: int, wait_s: float) -> list[tuple[int, bytes]] | None:
        """The commits after this one, for a standby; None if it must take a new copy. Raises SupersededError, and this
        service ends, if whoever asks has taken over."""
        await self._learn(epoch)
        shipping: Shipping = await asyncio.wrap_future(self.host.ask(lambda journal: journal.ship()))
        return await asyncio.to_thread(shipping.after, after, wait_s)

    async def _learn(self, epoch: int) -> None:
        by = await asyncio.wrap_future(self.host.ask(lambda journal: learn(journal, epoch)))
        if by is not None:
            self.superseded = superseded(by)
            self.ended.set()
            raise self.superseded

    async def _ask_peer(self, peer: Peer) -> None:
        """Ends this service as soon as its peer says that it has taken over."""
        while not self.ended.is_set():
            await asyncio.sleep(PEER_EVERY_S)
            try:
                epoch = await asyncio.wrap_future(self.host.ask(epoch_of))
                if (other := await asyncio.to_thread(peer.epoch, epoch)) is not None:
                    await self._learn(other)
            except SupersededError as error:
                _log.error("%s", error)
            except Exception:  # the host's fault, which must not keep us from asking again
                _log.exception("the peer could not be asked")

    async def _tidy(self) -> None:
        """What need not be kept is erased, again and again; and where the chain ends is told where logs are kept."""
        while True:
            await asyncio.sleep(EVERY.total_seconds())
            self._tell_expiring()
            try:
                settings = self.host.intake.profile.policy.settings
                await tidy(self.host, settings.retention, self.clock.now(), self.view.oldest_open())
                head = await asyncio.wrap_future(self.host.ask(lambda journal: journal.head))
                _log.info("the chain ends with %s", head)
            except Exception:  # the disk's fault, or ours; what is not erased now is erased in an hour
                _log.exception("what need not be kept could not be erased")

    def _prepared(self) -> Intake | tuple[str, ...]:
        directory = self.settings.profile
        try:
            return prepared(directory, self._addressed, open_door=self._open_door)
        except Exception as error:  # a fault in us, and no reason to stop what runs
            _log.exception("a profile could not be read")
            return (f"{directory}: profilen gick inte att läsa ({type(error).__name__})",)

    async def _swapped(self, intake: Intake) -> ReloadReport:
        before = self.profile
        try:
            # Shielded: whoever asked may hang up, and the swap is under way all the same.
            await asyncio.shield(asyncio.wrap_future(self.host.reload(intake)))
        except StrandedError as error:
            return refused(before, tuple(f"{self.settings.profile}: {line}" for line in str(error).splitlines()))
        except Exception as error:  # the file's fault, which the host has logged
            return refused(before, (f"bytet gick inte att spara ({type(error).__name__})",))
        self.profile = intake.profile
        return compared(before, intake.profile)

    @property
    def url(self) -> str:
        return self._local_url()

    async def stop(self) -> None:
        """Closes the doors, lets attempts finish within bounds, commits and closes the file."""
        for task in self._tasks:
            task.cancel()
        await self._runner.cleanup()
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        await self.watch.stop()
        await self.courier.stop(PATIENCE_S)
        await self._post.close()
        await asyncio.to_thread(self.host.stop)


def _make_room(call_list: Path | None) -> None:
    if call_list is None:
        return
    try:
        call_list.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ServiceError(f"{call_list}: ringlistan kan inte ligga där ({error.strerror})") from None


def _equipment(channels: Mapping[str, Channel], secrets: Secrets | None) -> Equipment:
    providers = {reference: channel.provider for reference, channel in channels.items()}
    known = secrets or Secrets()
    return Equipment(providers, known.canaries, known.phones, known.heartbeat is not None)


def profile_at(directory: Path) -> tuple[Profile, Geography]:
    """The profile and its map. Raises ServiceError with every fault that keeps it from being used, where it stands."""
    profile, faults = load_profile(directory)
    if profile is None:
        raise ServiceError("\n".join(["profilen går inte att läsa:", *map(str, faults)]))
    found = load_map(profile, directory)
    if isinstance(found, Fault):
        raise ServiceError(f"profilen går inte att läsa:\n{found}")
    return profile, found


def secrets_of(file: Path | None, profile: Path | None) -> Secrets | None:
    """The secrets in this file; None if there is none. Raises ServiceError. They never lie among a profile's files."""
    if file is None:
        return None
    try:
        return load_secrets(file, outside=profile)
    except SecretsError as error:
        raise ServiceError(str(error)) from None


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ServiceError."""
    try:
        return socket.create_server((host, port), family=_family(host), backlog=BACKLOG)
    except OSError as error:
        raise ServiceError(f"{host}:{port} går inte att lyssna på ({error.strerror}); välj en annan --port") from None


def is_loopback(host: str) -> bool:
    """True for an address or name that only this machine can reach."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def refuse_open_address(host: str, proxies: Proxies, secrets: Secrets | None) -> None:
    """On any address that others can reach, itself or through a proxy, every source and person needs a token."""
    if secrets is not None and secrets.has_tokens:
        return
    if proxies:
        raise ServiceError("genom en proxy (--trusted-proxy) når andra hit: ange en hemlighetsfil med tokens")
    if not is_loopback(host):
        raise ServiceError(f"{host} nås av andra: ange en hemlighetsfil med tokens, eller lyssna på 127.0.0.1")


_OPENED = "hemlighetsfilen har inte längre några tokens; det skulle öppna för alla, och görs bara vid en omstart"
_CLOSED = "hemlighetsfilen har fått tokens; utan omstart gäller de inte"


def _tls(certificate: Certificate | None) -> ssl.SSLContext | None:
    try:
        return certificate.context() if certificate is not None else None
    except CertificateError as error:
        raise ServiceError(str(error)) from None


class _Site(web.SockSite):
    """A socket whose strangers do not get a minute to agree on a key, as asyncio would let them."""

    async def start(self) -> None:
        await web.BaseSite.start(self)
        server, tls = self._runner.server, self._ssl_context
        assert server is not None
        patience_s = HANDSHAKE_S if tls is not None else None
        self._server = await asyncio.get_running_loop().create_server(
            server, sock=self._sock, ssl=tls, backlog=self._backlog, ssl_handshake_timeout=patience_s
        )


def addressed(profile: Profile, url: str, secrets: Secrets | None) -> Profile:
    """The profile with the address that links point to. A loopback one is refused with real channels (semantics 22)."""
    loopback = is_loopback(urlsplit(url).hostname or "")
    if loopback and secrets is not None and any(not _local(url) for url in _addresses(secrets)):
        raise AddressError(f"länkar skulle peka på {url}, som mottagarna inte når: ange --public-url")
    settings = profile.policy.settings.model_copy(update={"public_url": url})
    return replace(profile, policy=replace(profile.policy, settings=settings))


def _addresses(secrets: Secrets) -> list[str]:
    ways = (*secrets.channels.values(), *(webhook.url for webhook in secrets.webhooks.values()))
    return [url.get_secret_value() for url in ways]


def _log_report(report: ReloadReport) -> None:
    if not report.faults:
        parts = {"added": report.added, "changed": report.changed, "removed": report.removed}
        said = "; ".join(f"{word}: {', '.join(rules) or '-'}" for word, rules in parts.items())
        _log.info("profile %s is in force: %d rules (%s)", report.hash, report.rules, said)
    for fault in report.faults:
        _log.error("profile refused, %s goes on: %s", report.hash, fault)
    for fault in report.secrets:
        _log.error("what is secret was not read anew, the old goes on: %s", fault)


def _local(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


def run(settings: Settings) -> int:
    """Runs the service until it is told to stop. Returns the exit code."""
    log_to_stderr()
    try:
        asyncio.run(_until_told(Service(settings)))
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def stand_by(settings: Settings, peer: Peer) -> int:
    """Follows the peer until it is told to take over, and is then the service. Returns the exit code."""
    log_to_stderr()
    try:
        profile_at(settings.profile)  # whoever cannot be started must not be relied on
        secrets = secrets_of(settings.secrets, settings.profile)
        refuse_open_address(settings.host, settings.proxies, secrets)
        (settings.data / TAKEOVER).unlink(missing_ok=True)
        Follower(peer, settings.data, FILE).follow()
        epoch = take_over(settings.data, FILE)
    except (ServiceError, JournalError) as error:
        print(error, file=sys.stderr)
        return 1
    _log.warning("this installation takes over from %s, epoch %d", peer.url, epoch)
    return run(replace(settings, peer=peer))


def log_to_stderr() -> None:
    """What happens is told on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


async def _until_told(service: Service) -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    asked = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, asked.set)  # before the start: unhandled it would end the process
    await service.start()
    reloading = loop.create_task(_reload_when_asked(service, asked))
    print(f"beredd lyssnar på {service.url} (profil {service.profile.hash})", file=sys.stderr, flush=True)
    try:
        ended = loop.create_task(service.ended.wait())
        await asyncio.wait({ended, loop.create_task(told.wait())}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        reloading.cancel()
        await service.stop()
    if service.superseded is not None:
        raise ServiceError(str(service.superseded))


async def _reload_when_asked(service: Service, asked: asyncio.Event) -> None:
    while True:
        await asked.wait()
        asked.clear()  # a signal that comes while we reload is about later files, and is answered after
        try:
            await service.reload()
        except Exception:
            _log.exception("a reload failed; the old profile goes on")
