"""`beredd token new`: a token that is shown once, and the line about it for the secrets file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from notifiers.tokens import TokenFault, digest_of, new_token, token_of
from streams.commands.console import FINE, UsageFault, as_json, data, talk


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose the token is to be, and what it may do."""

    source: str | None
    person: str | None
    service: str | None
    may: tuple[str, ...]
    days: int | None

    def entry(self, now: datetime) -> dict[str, object]:
        """The entry as the secrets file has it."""
        named = {"source": self.source, "person": self.person, "service": self.service}
        entry: dict[str, object] = {kind: name for kind, name in named.items() if name is not None}
        if self.may:
            entry["may"] = list(self.may)
        if self.days is not None:
            entry["expires"] = (now + timedelta(days=self.days)).strftime("%Y-%m-%d")
        return entry


def new(wanted: Wanted, *, machine: bool) -> int:
    """Makes the token, and keeps it nowhere."""
    token, entry = new_token(), wanted.entry(datetime.now(UTC))
    digest = digest_of(token).decode()
    try:
        token_of(digest, entry)
    except TokenFault as fault:
        raise UsageFault(f"nyckeln {fault}") from None
    line = f'  "{digest}": {{{", ".join(f"{k}: {_written(v)}" for k, v in entry.items())}}}'
    if machine:
        as_json({"token": token, "entry": {digest: entry}})
        return FINE
    talk("Nyckeln, som bara visas nu. Lämna den på en säker väg och spara den i en fil med läge 0600:")
    data(token)
    talk("Raden till hemlighetsfilens tokens: (sedan beredd reload):")
    data(line)
    return FINE


def _written(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return f'"{value}"'
