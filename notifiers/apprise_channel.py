"""Apprise behind the seam: one address, one target, one try. The only module that knows Apprise.

What Apprise 2.2.0 does by itself and must not do here, each from its source:

- With a time limit (its own or the call's) it runs even a single target in one process-wide pool of `cpu + 4` threads,
  which hung targets fill. Without any limit it runs in the caller's thread: so no limit is set, and
  `notifiers.deliver` bounds the time.
- `?optional=yes` in an address turns a failure into SUCCESS, and `?retry=` repeats inside one attempt: both are undone.
- A result says only success or failure. The reason stands in Apprise's log, some of it at DEBUG level. That log names
  phone numbers, paths, hosts and whole messages, so a filter takes every line before any handler, reads it for the
  attempt of its thread, and lets none through.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import SecretStr

from notifiers.attempt import Verdict
from notifiers.channel import Letter, Report
from notifiers.destinations import Destinations
from notifiers.secrets import Secrets

if TYPE_CHECKING:
    from apprise import Apprise, AppriseResult, NotifyBase

_LOGGER = "apprise"
_TALKATIVE = ("urllib3", "requests_oauthlib", "oauthlib", "paho", "smpplib", "slixmpp")  # what its plug-ins use

EVERYWHERE = Destinations()
_Lines = list[tuple[str, str]]
_heard: ContextVar[_Lines | None] = ContextVar("apprise_lines", default=None)

_NO_CHANNEL = Report(Verdict.REJECTED, "ingen kanal passar: adressen är okänd eller ofullständig för Apprise")
_SEVERAL = Report(Verdict.REJECTED, "adressen leder till flera mottagare; en kanal ska ha exakt en")
_NOBODY = Report(Verdict.REJECTED, "adressen saknar giltig mottagare")
_NO_DESTINATION = Report(Verdict.REJECTED, "adressen leder till ett nät som inte är någon mottagare")
_NO_ANSWER = Report(Verdict.TIMED_OUT, "leverantören svarade inte i tid")
_NO_CONNECTION = Report(Verdict.RETRYABLE, "ingen förbindelse med leverantören")
_NO_TRUST = Report(Verdict.RETRYABLE, "leverantörens certifikat godtogs inte")
_NO_REASON = Report(Verdict.RETRYABLE, "leverantören tog inte emot; Apprise säger inte varför")

_PROVIDER = re.compile(r"([A-Za-z0-9+.-]+)://(?:[^/?#]*@)?([^/?#]*)")
_HTTP = re.compile(r"error=([1-5]\d\d)\b")
_SMTP = re.compile(r"""(?:\(|was refused: )([45]\d\d)[, ]+b?['"]""")
_NOBODY_SAID = re.compile(r"\b(?:no|not)\b.{1,60}\b(?:recipients|to notify)\b")


class AppriseChannel:
    """A channel that is an Apprise address."""

    __slots__ = ("_destinations", "_url", "provider")

    def __init__(self, url: SecretStr, destinations: Destinations = EVERYWHERE) -> None:
        self._url = url
        self._destinations = destinations
        self.provider = _provider(url.get_secret_value())

    def __repr__(self) -> str:
        return f"AppriseChannel({self.provider})"

    def fault(self) -> Report | None:
        """Why this address can never work, or None. Nothing is sent."""
        opened = self._open(timeout_s=1.0)
        return opened if isinstance(opened, Report) else None

    def send(self, letter: Letter, timeout_s: float) -> Report:
        """The provider has been asked once. Each wait is at most `timeout_s`, or less where the address says so."""
        apprise = self._open(timeout_s)
        if isinstance(apprise, Report):
            return apprise
        kind = "warning" if letter.attempt.critical else "info"
        with _listening() as lines:
            result = apprise.notify(body=letter.body, title=letter.title, notify_type=kind, body_format="text")
        return _report(result, lines)

    def _open(self, timeout_s: float) -> Apprise | Report:
        """A new Apprise with exactly this one target. New each time, since a kept one sleeps between two messages."""
        apprise = _empty()
        if not apprise.add(self._url.get_secret_value()) or len(apprise) == 0:
            return _NO_CHANNEL
        service = apprise[0]
        service.retry, service.optional = 0, False  # before len(), which multiplies by the retries
        if len(apprise) > 1 or len(service) > 1:
            return _SEVERAL  # a retry would reach those who have it already
        if any(self._destinations.forbidden(host) for host in _hosts(service)):
            return _NO_DESTINATION  # as Apprise has read the address, which may be another way than ours
        _bound(service, timeout_s)
        return apprise


def apprise_channels(secrets: Secrets) -> Mapping[str, AppriseChannel]:
    """A channel for each reference in the secrets file. Apprise itself is loaded at first use."""
    allowed = secrets.destinations
    return MappingProxyType({reference: AppriseChannel(url, allowed) for reference, url in secrets.channels.items()})


@functools.cache
def load_apprise() -> None:
    """Apprise and its plug-ins are loaded and log nothing to us. Takes 0.4 s: a host does it before any alarm."""
    for name in _TALKATIVE:
        logging.getLogger(name).propagate = False  # they write addresses, numbers and messages
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logging.getLogger(_LOGGER).addFilter(_ear)
    logging.getLogger(_LOGGER).setLevel(logging.DEBUG)
    # Its PGP helper imports imghdr, which must not stop alarms where warnings are errors.
    warnings.filterwarnings("ignore", "'imghdr' is deprecated", DeprecationWarning)
    from apprise import Apprise

    Apprise.instantiate("json://localhost")  # the first address loads every plug-in


def _ear(record: logging.LogRecord) -> bool:
    """A filter that hears the line and lets nobody else hear it."""
    lines = _heard.get()
    if lines is not None:
        with suppress(TypeError, ValueError):  # a badly formatted line of a plug-in must not fail its attempt
            lines.append((record.levelname, record.getMessage()))
    return False


@contextmanager
def _listening() -> Iterator[_Lines]:
    """What Apprise logs meanwhile in this thread."""
    lines: _Lines = []
    token = _heard.set(lines)
    try:
        yield lines
    finally:
        _heard.reset(token)


def _empty() -> Apprise:
    load_apprise()
    from apprise import Apprise, AppriseAsset

    return Apprise(
        asset=AppriseAsset(
            app_id="beredd",
            app_desc="beredd",
            async_mode=False,
            service_timeout=0,  # no limit of Apprise's own, hence no shared pool (see above)
            http_redirects=False,  # a redirect could carry the message to another host
            allow_templates=False,
        )
    )


def _hosts(service: NotifyBase) -> Iterator[str]:
    for name in ("host", "smtp_host"):
        if isinstance(host := getattr(service, name, None), str):
            yield host.strip("[]")


def _bound(service: NotifyBase, timeout_s: float) -> None:
    """No single wait on the socket is longer than the attempt, so that an abandoned thread ends soon after it."""
    service.socket_connect_timeout = min(service.socket_connect_timeout, timeout_s)
    service.socket_read_timeout = min(service.socket_read_timeout, timeout_s)


def _provider(url: str) -> str:
    """What hangs together: scheme, and a mark for host and port. The host itself is a token or a number with some
    services, so only 24 bits of its hash are shown. Not `urlsplit`, which knows no scheme that begins with a digit."""
    found = _PROVIDER.match(url)
    scheme, host = (found[1].lower(), found[2].lower()) if found else ("", url)
    return f"{scheme}-{hashlib.sha256(host.encode()).hexdigest()[:6]}"


def _report(result: AppriseResult, lines: _Lines) -> Report:
    from apprise import AppriseResultStatus

    match result.status:
        case AppriseResultStatus.SUCCESS:
            return Report(Verdict.ACCEPTED)
        case AppriseResultStatus.NOMATCH:
            return _NO_CHANNEL
        case AppriseResultStatus.TIMEOUT:
            return _NO_ANSWER
        case _:
            return classify(lines)


def classify(log: Iterable[tuple[str, str]]) -> Report:
    """What a failed attempt's log (level, message) says of whether trying again can help. Nothing of it is quoted."""
    found = [report for level, message in log if (report := _reason(level, message)) is not None]
    return found[-1] if found else _NO_REASON


def _reason(level: str, message: str) -> Report | None:
    """Only warnings and exceptions are read: other lines quote what the provider or the event said."""
    exception = message.startswith("Socket Exception: ")
    if level == "DEBUG" and not exception:
        return None
    if code := _SMTP.search(message):
        return _smtp(int(code[1]))
    if exception:
        return _broken(message)
    if code := _HTTP.search(message):
        return _http(int(code[1]))
    if "onnection error" in message:
        return _NO_CONNECTION  # the exception, where the plug-in tells it, comes after this line and says more
    return _NOBODY if _NOBODY_SAID.search(message) else None


def _http(status: int) -> Report:
    retryable = status in (408, 429) or status >= 500
    return Report(Verdict.RETRYABLE if retryable else Verdict.REJECTED, f"leverantören svarade HTTP {status}")


def _smtp(code: int) -> Report:
    """In SMTP it is the fours that may pass."""
    return Report(Verdict.RETRYABLE if code < 500 else Verdict.REJECTED, f"e-postservern svarade {code}")


def _broken(message: str) -> Report:
    """An answer that did not come leaves unknown whether the message went; a connection that never was, does not."""
    if "CERTIFICATE_VERIFY_FAILED" in message:
        return _NO_TRUST
    never_connected = "Max retries exceeded" in message
    return _NO_ANSWER if "timed out" in message and not never_connected else _NO_CONNECTION
