"""A small HTTP client over the standard library, for talking to a running beredd.

It follows no redirect, since a token must not travel on, and it never waits longer than its time-out.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from streams.commands.console import YELLOW, CommandError, UsageFault, talk, why_unreadable

TIMEOUT_S = 10.0
COMMIT_TIMEOUT_S = 40.0
"""A server may take 30 s before it says that it could not save; hanging up earlier would leave the sender not
knowing."""

COPY_TIMEOUT_S = 600.0
"""A server may have to copy a large file before it sends the first byte of it."""

CHUNK_BYTES = 1024 * 1024
SHIPPED_BYTES = 256 * 1024 * 1024
ANSWER_BYTES = 64 * 1024 * 1024
TOKEN_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. `value` is its JSON, or None if it sent something else."""

    status: int
    value: Any
    location: str = ""

    @property
    def said(self) -> str:
        """The server's own words of what went wrong, if it had any."""
        said = self.value.get("error") if isinstance(self.value, dict) else None
        if said:
            return str(said)
        if self.location:
            return f"servern hänvisar till {self.location}; ange den med --to"
        return SAID.get(self.status, f"servern svarade {self.status}")


SAID = {
    401: "här krävs en nyckel (--token-file)",
    403: "det är inte tillåtet",
    404: "det finns inte",
    429: "för många försök; vänta en minut",
    503: "tjänsten kan inte svara just nu; försök igen om en stund",
}


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **named: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Client:
    """One beredd, at an address, with the token of whoever asks."""

    url: str
    token: str | None = None

    def get(self, path: str, timeout_s: float = TIMEOUT_S, **query: object) -> Answer:
        """The answer to a question."""
        asked = urlencode({k: str(v) for k, v in query.items() if v is not None})
        return self._send(Request(f"{self.url}{path}{'?' if asked else ''}{asked}"), timeout_s)

    def post(self, path: str, body: bytes, content_type: str) -> Answer:
        """The answer to something handed in."""
        request = Request(f"{self.url}{path}", data=body, headers={"Content-Type": content_type}, method="POST")
        return self._send(request, COMMIT_TIMEOUT_S)

    def fetch(self, path: str, into: BinaryIO) -> Answer:
        """What the server sends is in the file, however large; the answer's value is how many bytes, or None."""
        request = Request(f"{self.url}{path}", data=b"{}", headers={"Content-Type": "application/json"}, method="POST")
        return self._send(request, COPY_TIMEOUT_S, lambda response: _poured(response, into))

    def post_for_bytes(self, path: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        """The status and, if it is 200, what was sent."""
        request = Request(f"{self.url}{path}", data=body, headers={"Content-Type": "application/json"}, method="POST")
        answer = self._send(request, timeout_s, lambda r: Answer(r.status, r.read(SHIPPED_BYTES)))
        return answer.status, answer.value if isinstance(answer.value, bytes) else b""

    def _send(
        self, request: Request, timeout_s: float, read: Callable[[http.client.HTTPResponse], Answer] | None = None
    ) -> Answer:
        request.add_header("Accept", "application/json")
        request.add_header("User-Agent", "beredd")
        if self.token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            with _opener(self.url).open(request, timeout=timeout_s) as response:
                return read(response) if read else _answer(response.status, response.read(ANSWER_BYTES), "")
        except HTTPError as error:
            with error:
                return _answer(error.code, _rest(error), error.headers.get("Location", ""))
        except TimeoutError:
            raise CommandError(f"{self.url} svarade inte inom {timeout_s:.0f} s") from None
        except URLError as error:
            raise CommandError(f"{self.url} svarar inte: {_why(error.reason, timeout_s)}") from None
        except (OSError, http.client.HTTPException) as error:
            raise CommandError(f"{self.url}: förbindelsen bröts ({type(error).__name__})") from None


def _poured(response: http.client.HTTPResponse, into: BinaryIO) -> Answer:
    awaited, size = int(response.headers.get("Content-Length", -1)), 0
    while chunk := response.read(CHUNK_BYTES):
        size += into.write(chunk)
    if size != awaited:
        raise http.client.IncompleteRead(b"", awaited - size)
    return Answer(response.status, size)


def _rest(error: HTTPError) -> bytes:
    try:
        return error.read(ANSWER_BYTES)
    except (OSError, http.client.HTTPException):
        return b""  # the status has come, and says enough


def _answer(status: int, body: bytes, location: str) -> Answer:
    try:
        return Answer(status, json.loads(body), location)
    except (ValueError, RecursionError):
        return Answer(status, None, location)


def _why(reason: object, timeout_s: float) -> str:
    match reason:
        case ConnectionRefusedError():
            return "ingen tjänst lyssnar där. Är den igång (beredd run)?"
        case socket.gaierror():
            return "namnet finns inte"
        case TimeoutError():
            return f"inget svar inom {timeout_s:.0f} s"
        case ssl.SSLError():
            return f"den krypterade förbindelsen gick inte att upprätta ({reason.reason})"
        case OSError():
            return str(reason.strerror or reason)
        case _:
            return str(reason)


def _opener(url: str) -> OpenerDirector:
    """An opener that asks this machine directly, whatever proxy the environment names."""
    proxies = [ProxyHandler({})] if is_loopback(urlsplit(url).hostname or "") else []
    return build_opener(_NoRedirect, *proxies)


def is_loopback(host: str) -> bool:
    """True for a name or an address that only this machine answers to."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def client(url: str, token_file: Path | None) -> Client:
    """A client for this address, with the token in the file (if one is named)."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known or parts.username is not None or not url.isascii() or any(c.isspace() for c in url):
        raise UsageFault(f"--to {url!r}: väntade en adress som http://127.0.0.1:8080")
    token = read_token(token_file) if token_file is not None else None
    if token is not None and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        talk(f"Varning: nyckeln skickas okrypterad till {parts.hostname}; använd https.", YELLOW)
    return Client(url.rstrip("/"), token)


def read_token(file: Path) -> str:
    """The token in a file: one line, read whole. No message shows it."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(TOKEN_BYTES + 1)
    except OSError as error:
        raise UsageFault(f"nyckelfilen {file}: {why_unreadable(error)}") from None
    token = raw.decode("ascii", errors="replace").strip()
    if not token or len(raw) > TOKEN_BYTES or not all("!" <= c <= "~" for c in token):
        raise UsageFault(f"{file}: väntade en nyckel på en rad, utan mellanslag")
    return token
