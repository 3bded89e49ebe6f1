"""Whose key a record of an input topic was written with, as the door that wrote it says and proves.

A door has checked the sender's key; on Kafka that must not become a claim that anybody who may write to a topic can
make. So the door seals the body with the name, by a secret that all workers share. What bears no seal has nobody behind
it: its source is judged as the installation judges sources without keys, and it can be no decision.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from notifiers.tokens import PersonPrincipal, Principal, ServicePrincipal, SourcePrincipal

PRINCIPAL, SEAL = "beredd-principal", "beredd-seal"


class Seal:
    """The workers' shared secret. It never leaves this object."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def headers(self, body: bytes, principal: Principal | None) -> tuple[tuple[str, bytes], ...]:
        """What says and proves whose key it was."""
        match principal:
            case None | ServicePrincipal():  # a machine of ours says nothing about the world
                return ()
            case SourcePrincipal(source=name):
                said = f"source/{name}".encode()
            case PersonPrincipal(person=name):
                said = f"person/{name}".encode()
        return ((PRINCIPAL, said), (SEAL, self._sealed(said, body)))

    def principal(self, body: bytes, headers: Mapping[str, bytes]) -> Principal | None:
        """Whose key it was; None if nothing says so, or the seal is not ours."""
        said, sealed = headers.get(PRINCIPAL), headers.get(SEAL)
        if said is None or sealed is None or not hmac.compare_digest(sealed, self._sealed(said, body)):
            return None
        kind, _, name = said.decode().partition("/")
        return SourcePrincipal(name) if kind == "source" else PersonPrincipal(name)

    def _sealed(self, said: bytes, body: bytes) -> bytes:
        return hmac.digest(self._key, said + b"\x00" + body, hashlib.sha256)

    def __repr__(self) -> str:
        return "Seal(…)"
