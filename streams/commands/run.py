"""`beredd run` and `beredd demo`: the service, and the service played through a morning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streams.commands.client import client
from streams.commands.console import CommandError, UsageFault, profile_directory


@dataclass(frozen=True, slots=True)
class Given:
    """Where a service finds and keeps what it needs."""

    data: Path
    profile: Path | None
    secrets: Path | None
    call_list: Path | None = None


@dataclass(frozen=True, slots=True)
class Front:
    """Where a service is found, and how it is protected there."""

    host: str
    port: int
    public_url: str | None
    proxies: tuple[str, ...] = ()
    chain: Path | None = None
    key: Path | None = None


def run(given: Given, front: Front, peer: tuple[str, Path | None] | None, *, follow: bool) -> int:
    """Runs the service until it is told to stop, and returns its exit code. `follow`: it begins as the peer's standby,
    and is a service only once it has taken over."""
    directory = profile_directory(given.profile)
    if given.secrets is not None and not given.secrets.is_file():
        raise UsageFault(f"{given.secrets}: hemlighetsfilen finns inte")
    if given.data.exists() and not given.data.is_dir():
        raise UsageFault(f"{given.data}: är ingen katalog; ange var beredd får spara")
    if (front.chain is None) is not (front.key is None):
        raise UsageFault("--tls-cert och --tls-key hör ihop: ange båda eller ingen")
    from streams import service
    from streams.certificate import Certificate
    from streams.proxies import Proxies
    from streams.standby import Peer

    try:
        proxies = Proxies.of(front.proxies)
    except ValueError:
        raise UsageFault("--trusted-proxy: väntade en adress eller ett nät, till exempel 10.0.0.0/28") from None
    other = Peer(client(*peer)) if peer is not None else None
    where = (given.data, given.secrets, front.host, front.port, front.public_url, given.call_list)
    certificate = Certificate(front.chain, front.key) if front.chain and front.key else None
    settings = service.Settings(directory, *where, peer=other, proxies=proxies, certificate=certificate)
    return service.stand_by(settings, other) if follow and other is not None else service.run(settings)


def run_on_kafka(given: Given, host: str, port: int, public_url: str | None, kafka: str, prefix: str) -> int:
    """Runs a worker until it is told to stop, and returns its exit code. Without a profile: the one that is
    published."""
    import asyncio

    from streams import service

    try:
        from streams.faust_remedy import UntriedVersionError
        from streams.kafka_service import KafkaService, Settings, run_until_told
    except ImportError:
        raise CommandError("Faust är inte installerat: pip install 'beredd[kafka]'") from None
    service.log_to_stderr()
    settings = Settings(kafka, given.data, prefix, given.profile, given.secrets, host, port, public_url)
    try:
        return asyncio.run(run_until_told(KafkaService(settings)))
    except (service.ServiceError, UntriedVersionError) as error:
        raise CommandError(str(error)) from None


def demo(*, keep: bool) -> int:
    """Plays the demo, and returns its exit code."""
    from streams import demo as played

    return played.play(keep=keep)
