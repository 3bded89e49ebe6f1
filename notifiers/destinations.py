"""Where messages may go at all: which kinds of address, and which places on the network are never one.

Only the secrets file names a destination; no event does. This holds for what somebody puts there by mistake or malice:
an address that would run something on this machine, or ask the cloud's metadata service for its keys.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_SMS = "46elks elks bulksms burstsms clickatell clicksend d7sms kavenegar msgbird msg91 nexmo plivo sinch smseagle"
_SMS += " smseagles smsmanager smpp smpps twilio vonage voipms signal signals threema whatsapp"
_MAIL = "mailto mailtos azure o365 sendgrid mailgun smtp2go ses sparkpost postmark brevo resend"
_PUSH = "fcm gotify gotifys join ntfy ntfys pbul pover prowl pushme spush"
_ROOMS = "discord guilded matrix matrixs mmost mmosts rocket rockets slack tgram webex wxteams workflow workflows zulip"
_SYSTEMS = "form forms json jsons xml xmls mqtt mqtts opsgenie pagerduty pagertree signl4 splunk victorops sns"
SCHEMES = frozenset(scheme for kind in (_SMS, _MAIL, _PUSH, _ROOMS, _SYSTEMS) for scheme in kind.split())
"""The kinds of address that are taken as they are. None of them runs or writes anything on this machine."""

NEVER = tuple(
    ip_network(text)
    for text in (
        "169.254.0.0/16", "fe80::/10",  # link-local: where clouds keep their metadata
        "100.100.100.200/32", "fd00:ec2::/32", "168.63.129.16/32",  # metadata that is not link-local
        "0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8", "255.255.255.255/32",  # no single place
    )
)  # fmt: skip
NAMES = re.compile(
    r"(?:metadata(?:\.google\.internal)?|instance-data(?:\..*)?|.*\.metadata\.internal)\.?", re.IGNORECASE
)
_NAT64 = ip_network("64:ff9b::/96")
_ADDRESS = re.compile(r"([A-Za-z0-9+.-]+)://(?:[^/?#]*@)?([^/?#]*)")
_SMTP = re.compile(r"[?&]smtp=([^&#]*)", re.IGNORECASE)
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Destinations:
    """What is allowed besides: more kinds of address, and networks that are otherwise no destination."""

    schemes: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def fault(self, url: str) -> str | None:
        """Why this address may not be used, in words that do not show it; None if it may."""
        found = _ADDRESS.match(url)
        if found is None or found[1].lower() not in SCHEMES | self.schemes:
            return "sortens adress är inte tillåten; skriv den under outbound: schemes: om den ska vara det"
        hosts = [_host(found[2]), *(_host(each) for each in _SMTP.findall(url))]
        return None if not any(self.forbidden(host) for host in hosts) else FORBIDDEN

    def forbidden(self, host: str) -> bool:
        """True for a host, in any way to write it, that is no destination. A name is not looked up."""
        if NAMES.fullmatch(host):
            return True
        return any(self._never(address) for address in _addresses(host))

    def _never(self, address: IPv4Address | IPv6Address) -> bool:
        meant = _meant(address)
        return any(meant in each for each in NEVER) and not any(meant in each for each in self.networks)


FORBIDDEN = (
    "adressen leder till ett nät som inte är någon mottagare (länklokalt, molnets metadata);"
    " skriv det under outbound: networks: om det ska vara det"
)


def destinations_of(said: object) -> Destinations:
    """What the section `outbound:` says. Raises ValueError."""
    if not isinstance(said, dict) or set(said) - {"schemes", "networks"}:
        raise ValueError("outbound")
    schemes, networks = _texts(said.get("schemes", [])), _texts(said.get("networks", []))
    return Destinations(frozenset(one.lower() for one in schemes), tuple(ip_network(one) for one in networks))


def _texts(said: object) -> list[str]:
    if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        raise ValueError("outbound")
    return said


def _host(authority: str) -> str:
    """The host of host:port; of [v6]:port what is in the brackets."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].partition("%")[0]
    return authority.partition(":")[0]


def _addresses(host: str) -> tuple[IPv4Address | IPv6Address, ...]:
    """The address that a numeric host means, by the system's own reading: 2852039166 and 0xa9.254.43518 are ones."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError, ValueError):
        return ()
    return tuple(ip_address(str(each[4][0]).partition("%")[0]) for each in found)


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one that leads to it."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
