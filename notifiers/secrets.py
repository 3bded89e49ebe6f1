"""The secrets file: where channels lead and who holds which token. It is the only place that holds an address.

Rules and rosters name a channel by reference. Nothing here shows a secret in `repr`, `str`, an error or a log:
errors point out the section and the position of an entry, never what stands there, since a mistyped file may hold
a password where a name should be.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from notifiers.attempt import Medium
from notifiers.destinations import FORBIDDEN, Destinations, destinations_of
from notifiers.tokens import Principal, Token, TokenFault, expiring, held, token_of
from notifiers.ways import EVERY_S, Canary
from notifiers.webhook import Webhook, key_of
from rules.duration import parse

SECTIONS = ("channels", "tokens", "canaries", "heartbeat", "phones", "outbound")
_BYTES_MAX = 256 * 1024
_NAME = re.compile(r"[^\s\x00-\x1f\x7f]{1,128}")
_URL = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*://\S+")
_WEB = re.compile(r"https?://[^\s/@?#]+(?:[/?]\S*)?")
_PHONE = re.compile(r"\+?[0-9][0-9 ()/-]{1,30}")


class SecretsError(Exception):
    """The secrets file cannot be used. The message is in Swedish and holds no secret."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """An outside receiver that raises the alarm when it no longer hears from us. `fault_url`: it may be told at once
    that something is wrong."""

    url: SecretStr
    every_s: float = EVERY_S
    fault_url: SecretStr | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """What the secrets file said. Empty where a section is missing."""

    channels: Mapping[str, SecretStr] = field(default_factory=lambda: MappingProxyType({}))
    """By reference, an address for Apprise."""
    webhooks: Mapping[str, Webhook] = field(default_factory=lambda: MappingProxyType({}))
    """By reference, a receiver of signed webhooks. No reference is in both."""
    _tokens: tuple[Token, ...] = ()
    canaries: Mapping[str, Canary] = field(default_factory=lambda: MappingProxyType({}))
    heartbeat: Heartbeat | None = None
    phones: Mapping[str, SecretStr] = field(default_factory=lambda: MappingProxyType({}))
    destinations: Destinations = field(default_factory=Destinations)

    @property
    def has_tokens(self) -> bool:
        return bool(self._tokens)

    def principal(self, token: str, now: datetime) -> Principal | None:
        """Who holds this bearer token at this time, or None."""
        return held(self._tokens, token, now)

    def expiring(self, now: datetime, within: timedelta) -> frozenset[str]:
        """Who is about to be left without a token."""
        return expiring(self._tokens, now, within)

    def __repr__(self) -> str:
        return f"Secrets({len(self.channels) + len(self.webhooks)} kanaler, {len(self._tokens)} nycklar)"


def load_secrets(path: Path, *, outside: Path | None = None) -> Secrets:
    """The secrets in this file, or `SecretsError`. The directory `outside`, which many read, must not hold it."""
    if outside is not None and path.resolve().is_relative_to(outside.resolve()):
        raise SecretsError(f"{path}: hemlighetsfilen får inte ligga bland reglerna ({outside}), som många läser.")
    content = _parsed(path, _read(path))
    match content:
        case None:
            return Secrets()
        case dict():
            return _secrets(path, content)
        case _:
            raise SecretsError(f"{path}: filen ska ha avsnitten channels: och tokens:.")


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            _guard(path, os.fstat(file.fileno()))  # the open file, so that nobody swaps it after the look
            return file.read(_BYTES_MAX)
    except OSError as error:
        raise SecretsError(f"{path}: hemlighetsfilen kan inte läsas ({error.strerror}).") from None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a named pipe must not hang the start


def _guard(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise SecretsError(f"{path}: hemlighetsfilen är inte en vanlig fil.")
    if mode & ~0o600:
        raise SecretsError(
            f"{path}: hemlighetsfilen har läge {mode:04o} och kan läsas av fler än ägaren. Kör: chmod 600 {path}"
        )
    if status.st_size >= _BYTES_MAX:
        raise SecretsError(f"{path}: hemlighetsfilen är större än {_BYTES_MAX // 1024} KiB.")


def _parsed(path: Path, raw: bytes) -> object:
    try:
        return YAML(typ="safe", pure=True).load(raw)
    except MarkedYAMLError as error:
        mark = error.problem_mark  # its text quotes the line it stands on, so only the position is told
        where = f" rad {mark.line + 1}, kolumn {mark.column + 1}" if mark is not None else ""
    except (YAMLError, UnicodeError, ValueError, RecursionError):
        where = ""
    # Outside the except clause: else the YAML error, which quotes secrets, would follow along as its context.
    raise SecretsError(f"{path}:{where} är inte giltig YAML, eller samma namn står två gånger.")


def _secrets(path: Path, content: dict[object, object]) -> Secrets:
    if unknown := [n for n, section in enumerate(content, 1) if section not in SECTIONS]:
        known = f"{', '.join(f'{name}:' for name in SECTIONS[:-1])} och {SECTIONS[-1]}:"
        raise SecretsError(f"{path}: avsnitt nr {unknown[0]} är okänt; bara {known} finns.")
    allowed = _destinations(path, content["outbound"]) if "outbound" in content else Destinations()
    ways = dict(_way(path, n, allowed, *entry) for n, entry in _entries(path, content, "channels"))
    tokens = tuple(_token(path, n, *entry) for n, entry in _entries(path, content, "tokens"))
    canaries = dict(_canary(path, n, *entry) for n, entry in _entries(path, content, "canaries"))
    if lost := [n for n, reference in enumerate(canaries, 1) if reference not in ways]:
        raise SecretsError(f"{path}: canaries, post {lost[0]}: referensen finns inte bland channels:.")
    phones = dict(_phone(path, n, *entry) for n, entry in _entries(path, content, "phones"))
    return Secrets(
        channels=MappingProxyType({name: way for name, way in ways.items() if isinstance(way, SecretStr)}),
        webhooks=MappingProxyType({name: way for name, way in ways.items() if isinstance(way, Webhook)}),
        _tokens=tokens,
        canaries=MappingProxyType(canaries),
        heartbeat=_heartbeat(path, content["heartbeat"]) if "heartbeat" in content else None,
        phones=MappingProxyType(phones),
        destinations=allowed,
    )


def _entries(path: Path, content: dict[object, object], section: str) -> list[tuple[int, tuple[object, object]]]:
    match content.get(section):
        case None:
            return []
        case dict(entries):
            return list(enumerate(entries.items(), 1))
        case _:
            raise SecretsError(f"{path}: {section}: ska vara en lista av namn med värden.")


def _destinations(path: Path, said: object) -> Destinations:
    try:
        return destinations_of(said)
    except ValueError:
        pass
    raise SecretsError(f"{path}: outbound: får ha schemes: [sort, ...] och networks: [nät, ...], inget mer.")


def _way(path: Path, n: int, allowed: Destinations, reference: object, said: object) -> tuple[str, SecretStr | Webhook]:
    where = f"{path}: channels, post {n}"
    if not isinstance(reference, str) or not _NAME.fullmatch(reference):
        raise SecretsError(f"{where}: referensen ska vara ett kort namn utan mellanslag.")
    return reference, _webhook(where, allowed, said) if isinstance(said, dict) else _channel(where, allowed, said)


def _webhook(where: str, allowed: Destinations, said: dict[object, object]) -> Webhook:
    url, secret = said.get("webhook"), said.get("secret")
    secrets = secret if isinstance(secret, list) else [secret]
    if set(said) != {"webhook", "secret"} or not isinstance(url, str) or not _WEB.fullmatch(url):
        raise SecretsError(f"{where}: en webhook skrivs {{webhook: https://..., secret: whsec_...}}.")
    parts = urlsplit(url)
    if allowed.forbidden(parts.hostname or ""):
        raise SecretsError(f"{where}: {FORBIDDEN}.")
    if parts.scheme != "https" and not _loopback(parts.hostname or ""):
        raise SecretsError(f"{where}: adressen ska börja med https://; utan den kan vem som helst på vägen läsa.")
    try:
        return Webhook(SecretStr(url), tuple(key_of(str(each)) for each in secrets))
    except ValueError:
        pass
    raise SecretsError(f"{where}: secret: ska vara whsec_ och 24-64 byte i Base64, eller en lista av sådana.")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _channel(where: str, allowed: Destinations, url: object) -> SecretStr:
    if not isinstance(url, str) or not _URL.fullmatch(url):
        raise SecretsError(f"{where}: värdet ska vara en Apprise-adress utan mellanslag, till exempel mailto://...")
    if fault := allowed.fault(url):
        raise SecretsError(f"{where}: {fault}.")
    return SecretStr(url)


def _token(path: Path, n: int, digest: object, holder: object) -> Token:
    try:
        return token_of(digest, holder)
    except TokenFault as fault:
        raise SecretsError(f"{path}: tokens, post {n}: {fault}") from None


# --- what the system watches itself with -----------------------------------------------------------------------------


def _canary(path: Path, n: int, reference: object, said: object) -> tuple[str, Canary]:
    where = f"{path}: canaries, post {n}"
    match said:
        case {"medium": str(medium), **rest} if medium in tuple(Medium) and not set(rest) - {"every"}:
            every_s = _every_s(where, rest["every"]) if "every" in rest else EVERY_S
            return str(reference), Canary(str(reference), Medium(medium), every_s)
        case _:
            raise SecretsError(f"{where}: ska vara {{medium: {'|'.join(Medium)}, every: 1 min}}; every får utelämnas.")


def _heartbeat(path: Path, said: object) -> Heartbeat:
    where = f"{path}: heartbeat"
    match said:
        case {"url": str(url), **rest} if _WEB.fullmatch(url) and not set(rest) - {"every", "fault_url"}:
            every_s = _every_s(where, rest["every"]) if "every" in rest else EVERY_S
            return Heartbeat(SecretStr(url), every_s, _web(where, rest["fault_url"]) if "fault_url" in rest else None)
        case _:
            raise SecretsError(f"{where}: ska ha url: https://..., och får ha every: och fault_url:, inget mer.")


def _web(where: str, url: object) -> SecretStr:
    if not isinstance(url, str) or not _WEB.fullmatch(url):
        raise SecretsError(f"{where}: fault_url ska börja med https:// eller http://, utan användarnamn.")
    return SecretStr(url)


def _every_s(where: str, said: object) -> float:
    try:
        return parse(said).total_seconds()
    except PydanticCustomError:
        pass
    raise SecretsError(f"{where}: every ska vara en tid som '1 min'.")


def _phone(path: Path, n: int, person: object, number: object) -> tuple[str, SecretStr]:
    where = f"{path}: phones, post {n}"
    if not isinstance(person, str) or not _NAME.fullmatch(person):
        raise SecretsError(f"{where}: ska börja med personens id.")
    if not isinstance(number, str) or not _PHONE.fullmatch(number):
        raise SecretsError(f"{where}: ska vara ett telefonnummer i citattecken, till exempel '08-508 00 000'.")
    return person, SecretStr(number)
