"""`beredd run` and `beredd demo`: the service, and the service played through a morning."""

from __future__ import annotations

from pathlib import Path

from streams.commands.console import UsageFault, profile_directory


def run(
    profile: Path | None,
    data: Path,
    secrets: Path | None,
    host: str,
    port: int,
    public_url: str | None,
    call_list: Path | None,
) -> int:
    """Runs the service until it is told to stop, and returns its exit code."""
    directory = profile_directory(profile)
    if secrets is not None and not secrets.is_file():
        raise UsageFault(f"{secrets}: hemlighetsfilen finns inte")
    if data.exists() and not data.is_dir():
        raise UsageFault(f"{data}: är ingen katalog; ange var beredd får spara")
    from streams import service

    return service.run(directory, data, secrets, host, port, public_url, call_list)


def demo(*, keep: bool) -> int:
    """Plays the demo, and returns its exit code."""
    from streams import demo as played

    return played.play(keep=keep)
