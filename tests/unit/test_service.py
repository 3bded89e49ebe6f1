"""What the service refuses to start with, and that nothing is left running when it does."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path

import pytest

from notifiers.profile import load_profile
from streams.service import Service, ServiceError, Settings, run
from tests.conftest import LILLBY, STOCKHOLM
from tests.real.process import every_channel, free_port, write_secrets


def refusal(settings: Settings) -> str:
    async def start() -> None:
        service = Service(settings)
        await service.start()
        await service.stop()

    with pytest.raises(ServiceError) as caught:
        asyncio.run(start())
    return str(caught.value)


def secrets_with(folder: Path, url: str, tokens: bool = False) -> Path:
    profile, _ = load_profile(LILLBY)
    assert profile is not None
    file = folder / "secrets.yaml"
    write_secrets(file, every_channel(profile, url), {"hemligt-ord": {"person": "p-berta-brygga"}} if tokens else None)
    return file


def test_an_address_that_others_reach_needs_tokens(tmp_path: Path) -> None:
    secrets = secrets_with(tmp_path, "json://127.0.0.1:9/{}")
    said = refusal(Settings(LILLBY, tmp_path / "data", secrets, host="0.0.0.0", port=free_port()))
    assert "tokens" in said
    assert not (tmp_path / "data").exists()


def test_links_to_this_machine_are_refused_with_real_channels(tmp_path: Path) -> None:
    secrets = secrets_with(tmp_path, "json://sms.example.org/{}")
    assert "--public-url" in refusal(Settings(LILLBY, tmp_path / "data", secrets, port=0))


def test_links_elsewhere_are_fine_with_real_channels(tmp_path: Path) -> None:
    secrets = secrets_with(tmp_path, "json://sms.example.org/{}")

    async def start() -> str:
        service = Service(Settings(LILLBY, tmp_path / "data", secrets, port=0, public_url="https://larm.example.org"))
        await service.start()
        await service.stop()
        return str(service.profile.policy.settings.public_url)

    assert asyncio.run(start()) == "https://larm.example.org"


def test_a_broken_map_is_told_with_its_place_and_nothing_is_left_running(tmp_path: Path) -> None:
    profile, port = tmp_path / "profile", free_port()
    shutil.copytree(STOCKHOLM, profile)
    (profile / "areas.geojson").write_text('{\n "features": oj}', "utf-8")

    said = refusal(Settings(profile, tmp_path / "data", None, port=port))

    assert f"{profile / 'areas.geojson'}:2:14: map: kartan är inte JSON" in said
    assert not (tmp_path / "data").exists()
    socket.create_server(("127.0.0.1", port)).close()


def test_a_broken_profile_is_told_with_its_places(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "rules.yaml").write_text("rules:\n  - id: x\n")
    assert "rules.yaml:2:5" in refusal(Settings(tmp_path / "p", tmp_path / "data", port=0))


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert "--port" in refusal(Settings(LILLBY, tmp_path / "data", port=other.getsockname()[1]))


def test_a_secrets_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secrets = secrets_with(tmp_path, "json://127.0.0.1:9/{}")
    secrets.chmod(0o644)
    assert "chmod 600" in refusal(Settings(LILLBY, tmp_path / "data", secrets, port=0))


def test_a_second_process_on_the_same_file_is_refused(tmp_path: Path) -> None:
    async def two() -> None:
        first = Service(Settings(LILLBY, tmp_path / "data", port=0))
        await first.start()
        try:
            with pytest.raises(ServiceError, match="annan beredd-process"):
                await Service(Settings(LILLBY, tmp_path / "data", port=0)).start()
        finally:
            await first.stop()

    asyncio.run(two())


def test_run_ends_with_one_when_it_cannot_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Settings(STOCKHOLM, tmp_path / "data", tmp_path / "no-such-file", port=0)) == 1
    assert "no-such-file" in capsys.readouterr().err
