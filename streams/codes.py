"""The code in a person's link: ten characters that only this installation can make from a notice's id.

Derived, not stored: a step needs no randomness, no state or topic holds a code, and a repeated send carries the same
one.
31^10 possibilities; letters and digits that cannot be mistaken for each other.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
LENGTH = 10


class Codes:
    """Makes the code of a notice. The key never leaves this object."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def code(self, realm: str, notice: str) -> str:
        digest = hmac.digest(self._key, f"{realm}\x1f{notice}".encode(), hashlib.sha256)
        number = int.from_bytes(digest, "big")
        found = []
        for _ in range(LENGTH):
            number, place = divmod(number, len(ALPHABET))
            found.append(ALPHABET[place])
        return "".join(found)

    def __repr__(self) -> str:
        return "Codes(…)"


def load_codes(file: Path) -> Codes:
    """The codes of an installation. The key is made at its first start, readable by its owner only."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = file.read_bytes()
        if len(key) < 32:
            raise ValueError(f"{file}: nyckelfilen är skadad; återställ den från säkerhetskopian") from None
        return Codes(key)
    key = secrets.token_bytes(32)
    with os.fdopen(descriptor, "wb") as out:
        out.write(key)
        out.flush()
        os.fsync(out.fileno())
    return Codes(key)
