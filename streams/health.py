"""How the system itself is, as a value: what the readiness answer, the operations page, the metrics and the heartbeat
show. Folded from what self-watch knows; it decides nothing but what is worth which words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from notifiers.attempt import Medium
from notifiers.degradation import GRAVE, Degradation, Trouble, wrong
from notifiers.supervision import Supervision, Watched, gravity, way_out
from notifiers.ways import KNOWN_FOR_S, REPORTING_S, Canary, Route, Standing
from rules.events import LIVE

GRACE_S = KNOWN_FOR_S
"""How long after a start it may be unknown whether anybody can be reached."""

NO_WAY = "ingen kanal leder till tjänsteperson i beredskap; ingen kan nås"
NOT_TRIED = "ingen kanal till tjänsteperson i beredskap har prövats på 15 minuter; ingen vet om någon kan nås"


@dataclass(frozen=True, slots=True)
class Way:
    """A way out as it is known. `since`: it has failed since, or last worked then."""

    name: str
    media: tuple[Medium, ...]
    critical: bool
    standing: Standing
    since: datetime | None
    why: str
    reporting_s: float | None  # None: it has no canary


@dataclass(frozen=True, slots=True)
class Health:
    """How the system is. It is ready when there are no `reasons` against; `out`: the best that is known of the ways to
    whoever is the last resort; `findings`: what keeps it from knowing more of itself."""

    reasons: tuple[str, ...]
    out: Standing
    ways: tuple[Way, ...]
    troubles: tuple[tuple[Trouble, datetime], ...]
    findings: tuple[str, ...]
    outbox_open: int = 0
    outbox_oldest_s: float = 0.0
    timers_late_s: float = 0.0
    saved_s: float = 0.0  # so long ago was the last write safe
    heartbeat: datetime | None = None
    call_list: str | None = None

    @property
    def broken(self) -> tuple[Trouble, ...]:
        """What breaks the chain from event to person: while there is any, people are called by telephone."""
        return tuple(trouble for trouble, _ in self.troubles if trouble.what in GRAVE)


def ways(watched: Watched, state: Supervision, now_s: float, at: Callable[[float], datetime]) -> tuple[Way, ...]:
    """Every way out. `at`: the time of day of a moment."""
    return tuple(_way(route, state, now_s, at) for route in watched.routes)


def _way(route: Route, state: Supervision, now_s: float, at: Callable[[float], datetime]) -> Way:
    pulse = state.pulse(route)
    since_s = pulse.failing_s if pulse.failing_s is not None else pulse.works_s
    return Way(
        name=route.name,
        media=route.media,
        critical=route.critical,
        standing=pulse.standing(route, now_s),
        since=at(since_s) if since_s is not None else None,
        why=pulse.why,
        reporting_s=route.canary.reporting_s if route.canary else None,
    )


def reasons(watched: Watched, state: Supervision, now_s: float, began_s: float) -> tuple[str, ...]:
    """Why the system is not ready: in words, the gravest first. Empty: it is."""
    grave = [wrong(t) for t in sorted(state.present, key=gravity) if t.what in GRAVE - {Degradation.NO_WAY_OUT}]
    if not any(route.critical for route in watched.routes):
        return (NO_WAY, *grave)
    match way_out(watched, state, now_s):
        case Standing.FAILING:
            return (wrong(Trouble(Degradation.NO_WAY_OUT)), *grave)
        case Standing.UNKNOWN if now_s - began_s > GRACE_S:
            return (NOT_TRIED, *grave)
        case _:
            return tuple(grave)


def findings(
    watched: Watched, canaries: Mapping[str, Canary], phones: Mapping[str, object], heartbeat: bool
) -> list[str]:
    """What keeps the system from knowing itself, or people from being called: for whoever runs it."""
    found = [
        f"{r.name}: ingen testadress (canaries:); att den dör märks först vid nästa larm"
        for r in watched.routes
        if r.canary is None
    ]
    for route in watched.routes:
        if route.canary is not None and route.critical and route.canary.reporting_s > REPORTING_S:
            found.append(f"{route.name}: att den dör berättas först efter {route.canary.reporting_s:.0f} s (every:)")
    used = {route.canary.channel for route in watched.routes if route.canary is not None}
    found += [f"testadressen {c}: en annan prövar redan samma leverantör" for c in canaries if c not in used]
    if not heartbeat:
        found.append("ingen utanför märker om beredd stannar (heartbeat:)")
    last = watched.roster.persons_of(watched.roster.last_resort, LIVE)
    found += [f"{p}: telefonnummer saknas för ringlistan (phones:)" for p in last if p not in phones]
    return found
