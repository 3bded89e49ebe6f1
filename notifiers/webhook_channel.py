"""Signed webhooks after Standard Webhooks 1.0: one POST, over a connection that is kept, without a thread.

For systems of others that take messages by the thousand (a gateway of one's own, a neighbour's alarm central). The
receiver can tell that a message is ours, that nobody changed it, and that it is a repeat: `webhook-id` is the attempt's
id, `webhook-signature` is over id, time and body. A secret that is being replaced stands beside its successor, and each
message is signed with both.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

import aiohttp

from notifiers.attempt import Verdict
from notifiers.channel import Letter, Report
from notifiers.webhook import Webhook, signature

TYPE = "beredd.message"
AT_ONCE = 64
"""Connections to one receiver, and so attempts under way to it."""

ANSWER_BYTES = 64 * 1024
"""So much of an answer is read, to keep the connection; what comes after is somebody wasting our time."""

_NO_ANSWER = Report(Verdict.TIMED_OUT, "mottagaren svarade inte i tid")
_NO_CONNECTION = Report(Verdict.RETRYABLE, "ingen förbindelse med mottagaren")
_NO_TRUST = Report(Verdict.RETRYABLE, "mottagarens certifikat godtogs inte")
_GONE = Report(Verdict.REJECTED, "mottagaren tar inte emot mer här (HTTP 410)")


class Post:
    """The connections that webhooks share. Made and closed in one event loop; opened at the first message."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=0, limit_per_host=AT_ONCE, keepalive_timeout=60)
            # No proxy of the environment's, no cookies: a message goes where the secrets file says, and nowhere else.
            self._session = aiohttp.ClientSession(
                connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class WebhookChannel:
    """A channel that is a receiver of signed webhooks."""

    __slots__ = ("_now", "_post", "_webhook", "provider")

    def __init__(self, webhook: Webhook, post: Post, now: Callable[[], float] = time.time) -> None:
        self._webhook, self._post, self._now = webhook, post, now
        host = urlsplit(webhook.url.get_secret_value()).netloc
        self.provider = f"webhook-{hashlib.sha256(host.encode()).hexdigest()[:6]}"

    @property
    def at_once(self) -> int:
        return AT_ONCE

    def __repr__(self) -> str:
        return f"WebhookChannel({self.provider})"

    async def post(self, letter: Letter, timeout_s: float) -> Report:
        """The receiver has been asked once, within `timeout_s`. No redirect is followed: it could lead to another."""
        body = _body(letter)
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._post.session.post(
                    self._webhook.url.get_secret_value(),
                    data=body,
                    headers=self._headers(letter.attempt.id, body),
                    allow_redirects=False,
                ) as answer,
            ):
                await answer.content.read(ANSWER_BYTES)
                return _report(answer.status)
        except TimeoutError:
            return _NO_ANSWER
        except aiohttp.ClientConnectorCertificateError:
            return _NO_TRUST
        except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError, ConnectionError):
            return _NO_CONNECTION
        except aiohttp.ClientError as error:
            return Report(Verdict.RETRYABLE, f"mottagaren svarade inte begripligt ({type(error).__name__})")

    def _headers(self, identity: str, body: bytes) -> Mapping[str, str]:
        at = int(self._now())
        return {
            "webhook-id": identity,
            "webhook-timestamp": str(at),
            "webhook-signature": " ".join(signature(key, identity, at, body) for key in self._webhook.keys),
            "content-type": "application/json",
            "user-agent": "beredd",
        }


def _body(letter: Letter) -> bytes:
    attempt = letter.attempt
    data = {"title": letter.title, "body": letter.body, "critical": attempt.critical, "message": attempt.notice}
    return json.dumps({"type": TYPE, "data": data}, ensure_ascii=False).encode()


def _report(status: int) -> Report:
    """Standard Webhooks: 2xx is taken, 410 is gone for good; of the others, those that may pass are tried again."""
    if 200 <= status < 300:
        return Report(Verdict.ACCEPTED)
    if status == 410:
        return _GONE
    retryable = status in (408, 425, 429) or status >= 500
    return Report(Verdict.RETRYABLE if retryable else Verdict.REJECTED, f"mottagaren svarade HTTP {status}")


def webhook_channels(webhooks: Mapping[str, Webhook], post: Post) -> Mapping[str, WebhookChannel]:
    """A channel for each webhook in the secrets file, over these connections."""
    return MappingProxyType({reference: WebhookChannel(webhook, post) for reference, webhook in webhooks.items()})
