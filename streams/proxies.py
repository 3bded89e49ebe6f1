"""Reverse proxies in front of us: which are believed when they say whom a request comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp import web

FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded")
"""What only somebody in between adds."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks that trusted proxies are in. Empty: nobody is believed."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @staticmethod
    def of(networks: Iterable[str]) -> Proxies:
        """Raises ValueError for what is no network."""
        return Proxies(tuple(ip_network(text) for text in networks))

    def __bool__(self) -> bool:
        return bool(self.networks)

    def __contains__(self, address: object) -> bool:
        try:
            found = ip_address(str(address))
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any((mapped or found) in network for network in self.networks)

    def client(self, request: web.Request) -> str:
        """The address a request comes from, as far as it can be believed: the last one that a trusted proxy names and
        that is none itself. What stands before it the client may have made up."""
        named = [a.strip() for line in request.headers.getall("X-Forwarded-For", []) for a in line.split(",")]
        believed = request.remote or ""
        while believed in self and named:
            found = named.pop()
            if not _is_address(found):
                break
            believed = found
        return believed


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def forwarded(request: web.Request) -> bool:
    """True if somebody in between says so."""
    return any(name in request.headers for name in FORWARDED)
