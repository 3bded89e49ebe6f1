"""The certificate that the doors show, when they speak TLS themselves: loaded, tried and swapped without a restart."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

HANDSHAKE_S = 10.0
"""How long somebody may take to agree on a key. A connection is counted, and its idleness seen, only after that."""


class CertificateError(Exception):
    """The certificate or its key cannot be used. The message is in Swedish and holds nothing of the key."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where the chain and its key are."""

    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """A server's side of TLS 1.2 or later with this certificate. Raises CertificateError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load_into(context)
        return context

    def renew(self, context: ssl.SSLContext) -> None:
        """New connections are shown what the files hold now. Raises CertificateError, and then they are shown what they
        were."""
        self.context()  # tried by itself: a chain whose key does not fit must not replace one that works
        self.load_into(context)

    def load_into(self, context: ssl.SSLContext) -> None:
        try:
            # A password would be asked for on a terminal that nobody sits at.
            context.load_cert_chain(self.chain, self.key, password=_no_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or "är lösenordsskyddad"
            raise CertificateError(f"{self.chain} med {self.key}: går inte att använda ({why})") from None


def _no_password() -> str:
    return ""
