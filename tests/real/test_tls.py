"""TLS at our own doors, with a real client and a certificate made for the test; and a certificate renewed under way."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streams import service as service_module
from streams.certificate import Certificate, CertificateError
from streams.service import Service, Settings
from tests.conftest import LILLBY


def made(folder: Path, name: str) -> Certificate:
    """A self-signed certificate for localhost."""
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-keyout", str(key), "-out", str(chain), "-days", "2", "-subj", f"/CN={name}"]
    words += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(words, check=True, capture_output=True)
    return Certificate(chain, key)


def shown(port: int, trusted: Path, version: ssl.TLSVersion | None = None) -> bytes:
    """The certificate that the doors show; raises unless it is trusted and something answers behind it."""
    context = ssl.create_default_context(cafile=str(trusted))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as talk,
    ):
        talk.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert talk.recv(100).startswith(b"HTTP/1.1 200")
        found = talk.getpeercert(binary_form=True)
        assert found is not None
        return found


def during(folder: Path, certificate: Certificate, scenario: Callable[[Service], None]) -> None:
    """The scenario is played beside the loop."""

    async def run() -> None:
        service = Service(Settings(LILLBY, folder / "data", port=0, reserve=0, certificate=certificate))
        await service.start()
        try:
            await asyncio.to_thread(scenario, service)
        finally:
            await service.stop()

    asyncio.run(run())


def test_the_doors_speak_tls_to_a_client_that_checks_the_certificate(tmp_path: Path) -> None:
    certificate, other = made(tmp_path, "one"), made(tmp_path, "other")

    def scenario(service: Service) -> None:
        assert service.url == f"https://127.0.0.1:{service.port}"
        shown(service.port, certificate.chain)
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(service.port, other.chain)
        with pytest.raises(ssl.SSLError), pytest.warns(DeprecationWarning, match="TLS"):
            shown(service.port, certificate.chain, ssl.TLSVersion.TLSv1_1)
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert not plain.recv(100).startswith(b"HTTP/1.1 2"), "nothing is told in the clear"

    during(tmp_path, certificate, scenario)


def test_our_own_commands_speak_to_it_and_to_no_other(tmp_path: Path) -> None:
    certificate, other = made(tmp_path, "one"), made(tmp_path, "other")

    def scenario(service: Service) -> None:
        words = [str(Path(sys.executable).parent / "beredd"), "status", "--to", f"https://localhost:{service.port}"]
        trusting = {"SSL_CERT_FILE": str(certificate.chain), "PATH": "/usr/bin"}
        assert subprocess.run(words, env=trusting, capture_output=True, timeout=60, check=False).returncode == 0
        strange = trusting | {"SSL_CERT_FILE": str(other.chain)}
        refused = subprocess.run(words, env=strange, capture_output=True, text=True, timeout=60, check=False)
        assert refused.returncode == 1
        assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr

    during(tmp_path, certificate, scenario)


def test_a_reload_shows_the_renewed_certificate_and_keeps_the_old_one_if_it_is_broken(tmp_path: Path) -> None:
    certificate, renewed = made(tmp_path, "one"), made(tmp_path, "two")
    old = tmp_path / "old.pem"
    old.write_bytes(certificate.chain.read_bytes())

    async def run() -> None:
        service = Service(Settings(LILLBY, tmp_path / "data", port=0, reserve=0, certificate=certificate))
        await service.start()
        try:
            first = await asyncio.to_thread(shown, service.port, old)
            certificate.chain.write_bytes(renewed.chain.read_bytes())  # and the key is not there yet
            report = await service.reload()
            assert "går inte att använda" in report.secrets[0]
            assert await asyncio.to_thread(shown, service.port, old) == first
            certificate.key.write_bytes(renewed.key.read_bytes())
            assert (await service.reload()).ok
            assert await asyncio.to_thread(shown, service.port, renewed.chain) != first
        finally:
            await service.stop()

    asyncio.run(run())


def test_somebody_who_does_not_agree_on_a_key_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "HANDSHAKE_S", 0.3)
    certificate = made(tmp_path, "one")

    def scenario(service: Service) -> None:
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as silent:
            assert silent.recv(1) == b""
        shown(service.port, certificate.chain)

    during(tmp_path, certificate, scenario)


def test_a_certificate_that_cannot_be_used_is_told_before_the_start(tmp_path: Path) -> None:
    good, other = made(tmp_path, "one"), made(tmp_path, "two")
    locked = tmp_path / "locked.key"
    words = ["openssl", "pkey", "-in", str(good.key), "-aes256", "-passout", "pass:kanariehemlis", "-out", str(locked)]
    subprocess.run(words, check=True, capture_output=True)
    for chain, key in (
        (good.chain, other.key),
        (tmp_path / "gone", good.key),
        (good.key, good.key),
        (good.chain, locked),
    ):
        with pytest.raises(CertificateError, match="går inte att använda"):
            Certificate(chain, key).context()
