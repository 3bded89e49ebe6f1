"""A webhook as the secrets file says it, and how its messages are signed (Standard Webhooks 1.0, symmetric)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from pydantic import SecretStr

KEY_PREFIX, KEY_BYTES = "whsec_", range(24, 65)


@dataclass(frozen=True, slots=True, repr=False)
class Webhook:
    """Where to, and the keys to sign with, the newest first."""

    url: SecretStr
    keys: tuple[bytes, ...]


def key_of(secret: str) -> bytes:
    """The key that `whsec_...` stands for. Raises ValueError, without the text, if it is none of 24 to 64 bytes."""
    try:
        key = base64.b64decode(secret.removeprefix(KEY_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(KEY_PREFIX) or len(key) not in KEY_BYTES:
        raise ValueError("webhook secret")
    return key


def signature(key: bytes, identity: str, at: int, body: bytes) -> str:
    """The signature of a message, as it stands in `webhook-signature` (Standard Webhooks, symmetric)."""
    signed = f"{identity}.{at}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
