"""Who holds which token, what that one may do, and for how long. Only digests are kept, never a token.

A token is 256 bits of chance, so one SHA-256 of it is enough: there is nothing to guess that a slow hash would protect.
Several tokens may belong to one holder at the same time, which is how one is replaced by another.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

PREFIX = "beredd_"
"""How every token that we make begins, so that a search finds one that has strayed."""

RANDOM_BYTES = 32
NEVER = datetime.max.replace(tzinfo=UTC)
MISTYPED = "nyckeln ska vara 64 små hexadecimala tecken (SHA-256), i citattecken."
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[^\s\x00-\x1f\x7f]{1,128}")


class Scope(StrEnum):
    """One thing that a token may be used for."""

    REPORT = "report"  # hand in events, as its own source
    LOOK = "look"  # see situations, logs, and how the system is
    ANSWER = "answer"  # answer for oneself through the API
    DECIDE = "decide"  # decide, as far as the delegation table lets that person
    RELOAD = "reload"  # let the edited profile and secrets take over
    BACKUP = "backup"  # fetch a copy of everything, with the key of all links
    SHIP = "ship"  # follow commit by commit, as a standby: the same as everything, again and again
    SUPERSEDE = "supersede"  # tell the service that another has taken over, so that it ends


@dataclass(frozen=True, slots=True)
class SourcePrincipal:
    """A system that reports events."""

    source: str
    may: frozenset[Scope] = frozenset({Scope.REPORT})


@dataclass(frozen=True, slots=True)
class PersonPrincipal:
    """A person who looks, acknowledges and decides. One token is one person (semantics 15)."""

    person: str
    may: frozenset[Scope] = frozenset({Scope.LOOK, Scope.ANSWER, Scope.DECIDE, Scope.RELOAD})


@dataclass(frozen=True, slots=True)
class ServicePrincipal:
    """A machine of our own: a standby, a backup job, a wall display. It may do what its entry says, and no more."""

    service: str
    may: frozenset[Scope] = frozenset()


Principal = SourcePrincipal | PersonPrincipal | ServicePrincipal

ALLOWED: dict[type[Principal], frozenset[Scope]] = {
    SourcePrincipal: frozenset({Scope.REPORT, Scope.LOOK}),
    PersonPrincipal: frozenset(Scope) - {Scope.REPORT},
    ServicePrincipal: frozenset(Scope) - {Scope.REPORT, Scope.ANSWER, Scope.DECIDE},
}
"""What an entry may give each sort of holder: nobody decides but a person, and nothing reports but a source."""


class TokenFault(Exception):
    """An entry cannot be used. The message is in Swedish and holds nothing of the entry."""


@dataclass(frozen=True, slots=True)
class Token:
    """One entry of the file. It opens from `not_before` until `expires`, each left out: always."""

    digest: bytes
    holder: Principal
    not_before: datetime | None = None
    expires: datetime | None = None

    def opens(self, now: datetime) -> bool:
        return (self.not_before is None or self.not_before <= now) and (self.expires is None or now < self.expires)


def held(tokens: Iterable[Token], said: str, now: datetime) -> Principal | None:
    """Who holds this token now, or None. The time it takes tells nothing of which digests come near."""
    digest = digest_of(said)
    found: Principal | None = None
    for token in tokens:
        if hmac.compare_digest(token.digest, digest) and token.opens(now):
            found = token.holder  # no early return: every digest is compared
    return found


def expiring(tokens: Iterable[Token], now: datetime, within: timedelta) -> frozenset[str]:
    """Who is about to be left without a token that opens: whose last one ends within this time, and is not yet over."""
    last: dict[str, datetime] = {}
    for token in tokens:
        name, ends = holder_name(token.holder), token.expires or NEVER
        last[name] = max(ends, last.get(name, ends))
    return frozenset(name for name, ends in last.items() if now < ends <= now + within)


def holder_name(holder: Principal) -> str:
    """The holder by sort and id, as the log writes it."""
    match holder:
        case SourcePrincipal(source=source):
            return f"source:{source}"
        case PersonPrincipal(person=person):
            return f"person:{person}"
        case ServicePrincipal(service=service):
            return f"service:{service}"


def digest_of(said: str) -> bytes:
    """What the file holds of a token."""
    # A header's bytes arrive as surrogates; a token that nobody holds must be refused, not crash the door.
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest().encode()


def new_token() -> str:
    """A token that nobody has had."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def token_of(digest: object, said: object) -> Token:
    """The entry as the file writes it: a digest, and whose it is. Raises TokenFault."""
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise TokenFault(MISTYPED)
    if not isinstance(said, dict) or set(said) - {"source", "person", "service", "may", "not_before", "expires"}:
        raise TokenFault("ska ha en av {source: id}, {person: id} eller {service: namn}; may:, not_before: och expires:"
                         " får läggas till, inget mer.")  # fmt: skip
    holder = _holder(said)
    if "may" in said:
        holder = replace(holder, may=_scopes(said["may"], type(holder)))
    token = Token(digest.encode(), holder, _instant(said, "not_before"), _instant(said, "expires"))
    if not holder.may:
        raise TokenFault("får ingenting: skriv may: [backup] eller något annat som nyckeln ska få.")
    if token.not_before is not None and token.expires is not None and token.not_before >= token.expires:
        raise TokenFault("not_before: ligger inte före expires:, så nyckeln skulle aldrig gälla.")
    return token


def _holder(said: dict[object, object]) -> Principal:
    match {k: v for k, v in said.items() if k in ("source", "person", "service")}:
        case {"source": str(source), **rest} if not rest and _NAME.fullmatch(source):
            return SourcePrincipal(source)
        case {"person": str(person), **rest} if not rest and _NAME.fullmatch(person):
            return PersonPrincipal(person)
        case {"service": str(service), **rest} if not rest and _NAME.fullmatch(service):
            return ServicePrincipal(service)
        case _:
            raise TokenFault("ska ha antingen {source: id}, {person: id} eller {service: namn}, och bara en av dem.")


def _scopes(said: object, kind: type[Principal]) -> frozenset[Scope]:
    allowed = ALLOWED[kind]
    if not isinstance(said, list) or any(not isinstance(one, str) or one not in allowed for one in said):
        known = ", ".join(scope for scope in Scope if scope in allowed)
        raise TokenFault(f"may: ska vara en lista av det en sådan innehavare kan få: {known}.")
    return frozenset(Scope(one) for one in said)


def _instant(said: dict[object, object], name: str) -> datetime | None:
    """A day means its beginning in UTC; a time needs an offset."""
    match said.get(name):
        case None if name not in said:
            return None
        case datetime() as at if at.tzinfo is not None:
            return _in_utc(at, name)
        case date() as day if not isinstance(day, datetime):
            return datetime.combine(day, time(), UTC)
        case str() as text:
            return _read(text, name)
        case _:
            raise _unreadable(name)


def _read(text: str, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _unreadable(name) from None
    if at.tzinfo is None and len(text) > len("2027-01-01"):
        raise _unreadable(name)
    return _in_utc(at, name) if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _in_utc(at: datetime, name: str) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:  # the last hours of year 9999, or the first of year 1
        raise _unreadable(name) from None


def _unreadable(name: str) -> TokenFault:
    return TokenFault(f"{name}: ska vara en dag som 2027-01-01 eller en tid som '2027-01-01T08:00:00+01:00'.")
