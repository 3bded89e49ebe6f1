"""`beredd run` and `beredd demo`: the service, and the service played through a morning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streams.commands.client import client
from streams.commands.console import UsageFault, profile_directory


@dataclass(frozen=True, slots=True)
class Given:
    """Where a service finds and keeps what it needs."""

    data: Path
    profile: Path | None
    secrets: Path | None
    call_list: Path | None = None


def run(
    given: Given, host: str, port: int, public_url: str | None, peer: tuple[str, Path | None] | None, *, follow: bool
) -> int:
    """Runs the service until it is told to stop, and returns its exit code. `follow`: it begins as the peer's standby,
    and is a service only once it has taken over."""
    directory = profile_directory(given.profile)
    if given.secrets is not None and not given.secrets.is_file():
        raise UsageFault(f"{given.secrets}: hemlighetsfilen finns inte")
    if given.data.exists() and not given.data.is_dir():
        raise UsageFault(f"{given.data}: är ingen katalog; ange var beredd får spara")
    from streams import service
    from streams.standby import Peer

    other = Peer(client(*peer)) if peer is not None else None
    where = (given.data, given.secrets, host, port, public_url, given.call_list)
    settings = service.Settings(directory, *where, peer=other)
    return service.stand_by(settings, other) if follow and other is not None else service.run(settings)


def demo(*, keep: bool) -> int:
    """Plays the demo, and returns its exit code."""
    from streams import demo as played

    return played.play(keep=keep)
