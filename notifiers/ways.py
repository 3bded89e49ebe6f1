"""The ways out of this system, and what is known of each: it works, it has failed since, or nobody knows.

Channels of one provider hang together, so what is known is known of the provider. It is known by what became of
attempts: those to people, and a canary's, which goes to a test address at intervals. Only an attempt that was really
made counts. A refused address says something of that address alone, unless two different ones are refused in a row.

    unknown --taken by the provider--> works --failed: twice in a row, once where no canary can ask again--> failing
       ^                                 | ^                                                                   |
       +---nothing heard for long enough-+ +-------------------------taken by the provider---------------------+
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from notifiers.attempt import Medium, Verdict
from notifiers.roster import Roster
from rules.events import LIVE

EVERY_S = 60.0
PATIENCE_S = 15.0
AGAIN_S = 5.0
FAILURES = 2
"""A canary's interval, the time it has, the pause before it is tried again, and how many failures in a row count. With
these a dead provider is told of within 60 + 15 + 5 + 15 = 95 s; EN 54 asks for 100."""

REPORTING_S = 100.0
KNOWN_FOR_S = 15 * 60.0
"""How long one taken message says that a way works."""

BY = {Medium.PUSH: "pushnotiser", Medium.SMS: "sms", Medium.MAIL: "e-post", Medium.WEBHOOK: "systemanrop"}


@dataclass(frozen=True, slots=True)
class Canary:
    """A test address: a reference among the channels that leads to nobody's phone, and how often it is tried."""

    channel: str
    medium: Medium
    every_s: float = EVERY_S

    @property
    def reporting_s(self) -> float:
        """At most so long after its provider died it is told."""
        return self.every_s + FAILURES * PATIENCE_S + (FAILURES - 1) * AGAIN_S


@dataclass(frozen=True, slots=True)
class Route:
    """A provider as it is configured. `critical`: it leads to somebody who is the last resort."""

    provider: str
    media: tuple[Medium, ...]
    critical: bool
    canary: Canary | None = None

    @property
    def name(self) -> str:
        """What people are told of; it holds no address."""
        return f"{' och '.join(BY[m] for m in self.media)} genom {self.provider}"

    @property
    def known_for_s(self) -> float:
        return KNOWN_FOR_S if self.canary is None else max(KNOWN_FOR_S, 2 * self.canary.every_s)


def routes(roster: Roster, providers: Mapping[str, str], canaries: Mapping[str, Canary]) -> tuple[Route, ...]:
    """The providers that lead to somebody in the live realm, or have a canary. `providers`: by reference."""
    media: dict[str, set[Medium]] = {}
    for person in roster.persons:
        for contact in roster.contacts(person, LIVE):
            if contact.channel in providers:
                media.setdefault(providers[contact.channel], set()).add(contact.medium)
    tried = {providers[c.channel]: c for c in canaries.values() if c.channel in providers}
    for provider, canary in tried.items():
        media.setdefault(provider, {canary.medium})
    last = {c.channel for p in roster.persons_of(roster.last_resort, LIVE) for c in roster.contacts(p, LIVE)}
    critical = {providers[reference] for reference in last if reference in providers}
    found = ((p, tuple(sorted(m, key=list(Medium).index))) for p, m in sorted(media.items()))
    return tuple(Route(p, m, p in critical, tried.get(p)) for p, m in found)


class Standing(StrEnum):
    """What is known of a way out."""

    WORKS = "works"  # a provider took something, lately
    FAILING = "failing"  # the latest failed
    UNKNOWN = "unknown"  # not tried, or too long ago


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of an attempt. `called`: the channel was called, so that it says something of the provider."""

    attempt: str
    channel: str
    verdict: Verdict
    why: str = ""
    called: bool = True


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is known of a provider. Moments are seconds of an unbroken clock.

    `out`: the canary's attempt under way; `due_s`: when the next is made.
    """

    works_s: float | None = None
    failing_s: float | None = None
    failures: int = 0
    refused: str = ""
    why: str = ""
    out: str | None = None
    begun_s: float = 0.0
    due_s: float = 0.0

    def standing(self, route: Route, now_s: float) -> Standing:
        if self.failing_s is not None:
            return Standing.FAILING
        known = self.works_s is not None and now_s - self.works_s <= route.known_for_s
        return Standing.WORKS if known else Standing.UNKNOWN

    def canary_due(self, route: Route, now_s: float) -> bool:
        return route.canary is not None and self.out is None and now_s >= self.due_s

    def canary_late(self, route: Route, now_s: float) -> bool:
        """A canary was begun, and not even a failure has been heard of it: it is we who do not send."""
        return route.canary is not None and self.out is not None and now_s - self.begun_s > 2 * PATIENCE_S

    def begun(self, attempt: str, now_s: float) -> Pulse:
        """A canary is under way."""
        return replace(self, out=attempt, begun_s=now_s)

    def heard(self, route: Route, heard: Heard, now_s: float) -> Pulse:
        """The pulse after an attempt through this provider."""
        own = heard.attempt == self.out
        if heard.verdict is Verdict.ACCEPTED:
            after = replace(self, works_s=now_s, failing_s=None, failures=0, refused="", why="")
        elif own or (heard.called and self._tells_of_provider(heard)):
            after = self._failed(route, heard, now_s)
        else:
            refused = heard.channel if heard.called and heard.verdict is Verdict.REJECTED else self.refused
            after = replace(self, refused=refused)
        return after._next_canary(route, own, now_s)

    def _tells_of_provider(self, heard: Heard) -> bool:
        return heard.verdict is not Verdict.REJECTED or self.refused not in ("", heard.channel)

    def _failed(self, route: Route, heard: Heard, now_s: float) -> Pulse:
        failures = self.failures + 1
        dead = failures >= (FAILURES if route.canary is not None else 1)
        if self.failing_s is not None:
            return replace(self, failures=failures, why=heard.why)
        since = now_s if dead else None  # else the canary asks at once
        return replace(self, failures=failures, failing_s=since, why=heard.why, due_s=min(self.due_s, now_s))

    def _next_canary(self, route: Route, own: bool, now_s: float) -> Pulse:
        """A canary that failed is tried again soon, until that is enough to say that the provider is dead."""
        if route.canary is None or not own:
            return self
        again = 0 < self.failures < FAILURES
        due_s = now_s + AGAIN_S if again else self.begun_s + route.canary.every_s
        return replace(self, out=None, due_s=due_s)
