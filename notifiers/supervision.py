"""Whether the system itself works, and who is told when it does not. Pure, as the stages are, but of one process: what
it knows is about this process's own disk and ways out, so its state lives in memory and begins anew with it.

    step(watched, state, Look | Heard, now_s) -> state, outputs

A *look* comes every second with the vital signs. What is wrong then is a set of troubles; against those that have been
told it says what has begun and what has ended. Each is told once at its beginning and once at its end, which is when it
has been gone for `CALM_S`; one that comes and goes is told at most `TOLD_MAX` times in `TOLD_WITHIN_S`.

The role `tib` is told, whoever has it at that instant: its holder, else a deputy; when the chain from event to person
is broken, each of them. A person's channels are tried in order, those that fail last, until one takes the message;
while it matters that goes on. Canaries go out from here too. Durations are seconds of an unbroken clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from notifiers.attempt import Medium, Verdict
from notifiers.degradation import GRAVE, Degradation, Trouble, message
from notifiers.roster import Roster
from notifiers.ways import AGAIN_S, PATIENCE_S, Heard, Pulse, Route, Standing
from rules.events import LIVE

FAULT_S = 8.0
STUCK_S = 20.0
OUTBOX_S = 60.0
TIMERS_S = 30.0
DEAD_LETTERS_S = 10 * 60.0
"""How long each may last before it counts: commits that fail (a write is tried every five seconds; one that failed
alone is in the log and the metrics), nothing saved at all, an attempt under way (30 s is the longest one may take), a
timer past its due time. A message that was set aside is news for so long."""

CALM_S = 60.0
TOLD_MAX = 3
TOLD_WITHIN_S = 30 * 60.0
ROUND_S = 60.0
ENDED_ROUNDS = 3
"""Between two rounds over everybody's channels; and how many rounds the news that something is over is worth."""

CANARY = ("beredd: prov av kanalen", "beredd prövar att kanalen fungerar. Inget har hänt, och ingen ska göra något.")


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched, and whom it concerns: the roster in force, the ways out, and the provider of each reference."""

    roster: Roster
    routes: tuple[Route, ...]
    providers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """The vital signs at one moment. `saved_s`: when something was last saved; `fault`: something could not be; `dead`:
    messages set aside so far; `reported`: troubles that others see."""

    saved_s: float
    fault: bool = False
    outbox_oldest_s: float = 0.0
    timers_late_s: float = 0.0
    dead: int = 0
    reported: frozenset[Trouble] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """A trouble that has been told. `seen_s`: when it was last there; `at_s`: when it was told."""

    seen_s: float
    at_s: tuple[float, ...]
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Leg:
    """One person through one channel."""

    person: str
    medium: Medium
    channel: str


@dataclass(frozen=True, slots=True)
class Telling:
    """A message on its way to `tib`. `legs`: those still to be tried in this round; `until_s`: nothing is done before,
    since an attempt is under way or a round is over; `begun` is empty when it only says that something is over."""

    id: str
    title: str
    body: str
    person: str | None  # None: whoever of them is reached first
    begun: tuple[Trouble, ...]
    legs: tuple[Leg, ...] = ()
    attempt: str | None = None
    until_s: float = 0.0
    number: int = 0
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class Send:
    """One attempt to be made. `canary`: to a test address."""

    attempt: str
    notice: str
    leg: Leg
    title: str
    body: str
    number: int
    canary: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What has begun or ended, for the log."""

    title: str
    body: str
    grave: bool


@dataclass(frozen=True, slots=True)
class Unreached:
    """Nobody of `tib` was reached by any channel in this round: people must be called by telephone."""

    title: str


@dataclass(frozen=True, slots=True)
class Supervision:
    """What is known, what is wrong, and what has been told. `mark` makes the names of attempts this process's own;
    `count` counts messages and canaries; `fault_s`: since when each look has found a fault in saving."""

    mark: str
    pulses: Mapping[str, Pulse] = field(default_factory=dict)
    present: Mapping[Trouble, float] = field(default_factory=dict)  # since when
    told: Mapping[Trouble, Told] = field(default_factory=dict)
    tellings: tuple[Telling, ...] = ()
    fault_s: float | None = None
    dead: int = 0
    dead_s: float | None = None
    count: int = 0

    def pulse(self, route: Route) -> Pulse:
        return self.pulses.get(route.provider, Pulse())

    @property
    def troubles(self) -> dict[Trouble, float]:
        """What has been told as wrong and not as over, the gravest first, and when it was last told."""
        lasting = {t: told.at_s[-1] for t, told in self.told.items() if not told.ended}
        return dict(sorted(lasting.items(), key=lambda item: gravity(item[0])))


Output = Send | Said | Unreached


def step(
    watched: Watched, state: Supervision, seen: Look | Heard, now_s: float
) -> tuple[Supervision, tuple[Output, ...]]:
    """Applies one look or one outcome. Pure: equal arguments give an equal result."""
    match seen:
        case Heard():
            return _heard(watched, state, seen, now_s), ()
        case Look():
            return _look(watched, state, seen, now_s)


def _look(watched: Watched, state: Supervision, look: Look, now_s: float) -> tuple[Supervision, tuple[Output, ...]]:
    began_s = now_s if state.fault_s is None else state.fault_s
    state = replace(state, fault_s=began_s if look.fault else None)
    if look.dead > state.dead:
        state = replace(state, dead=look.dead, dead_s=now_s)
    found = _troubles(watched, state, look, now_s)
    present = {trouble: state.present.get(trouble, now_s) for trouble in found}
    state, said = _say(watched, replace(state, present=present), now_s)
    state, canaries = _canaries(watched, state, now_s)
    state, told = _tell(watched, state, now_s)
    return state, (*said, *canaries, *told)


# --- what is wrong ---------------------------------------------------------------------------------------------------


def _troubles(watched: Watched, state: Supervision, look: Look, now_s: float) -> frozenset[Trouble]:
    """All that is wrong at this moment; what follows from something graver is not said beside it."""
    found = set(look.reported)
    unsaved_s = now_s - look.saved_s
    halted = unsaved_s > STUCK_S or (look.fault and unsaved_s > FAULT_S)
    if halted and look.fault:
        found.add(Trouble(Degradation.UNSAVED))
    elif halted:
        found.add(Trouble(Degradation.STUCK))
    elif look.timers_late_s > TIMERS_S:
        found.add(Trouble(Degradation.TIMERS_LATE))
    if not halted and state.fault_s is not None and now_s - state.fault_s > FAULT_S:
        found.add(Trouble(Degradation.SHORT))
    if look.outbox_oldest_s > OUTBOX_S and not halted:
        found.add(Trouble(Degradation.OUTBOX_LATE))
    if state.dead_s is not None and now_s - state.dead_s <= DEAD_LETTERS_S:
        found.add(Trouble(Degradation.DEAD_LETTERS))
    return frozenset(found | set(_of_ways(watched, state, now_s)))


def _of_ways(watched: Watched, state: Supervision, now_s: float) -> Iterable[Trouble]:
    for route in watched.routes:
        pulse = state.pulse(route)
        if pulse.failing_s is not None:
            yield Trouble(Degradation.CHANNEL, route.name)
        if pulse.canary_late(route, now_s):
            yield Trouble(Degradation.CANARY_LATE, route.name)
    if all(state.pulse(route).failing_s is not None for route in watched.routes if route.critical):
        yield Trouble(Degradation.NO_WAY_OUT)


def way_out(watched: Watched, state: Supervision, now_s: float) -> Standing:
    """The best that is known of the ways to whoever is the last resort."""
    found = {state.pulse(route).standing(route, now_s) for route in watched.routes if route.critical}
    return next((s for s in (Standing.WORKS, Standing.UNKNOWN) if s in found), Standing.FAILING)


def gravity(trouble: Trouble) -> tuple[int, str]:
    """Sorts the gravest first."""
    return (list(Degradation).index(trouble.what), trouble.about)


# --- what is said of it ----------------------------------------------------------------------------------------------


def _say(watched: Watched, state: Supervision, now_s: float) -> tuple[Supervision, tuple[Output, ...]]:
    present = state.present
    told = {t: replace(known, seen_s=now_s) if t in present else known for t, known in state.told.items()}
    begun = tuple(sorted((t for t in present if _worth_telling(told.get(t), now_s)), key=gravity))
    ended = tuple(sorted((t for t, known in told.items() if _over(t, known, present, now_s)), key=gravity))
    for trouble in begun:
        earlier = told[trouble].at_s if trouble in told else ()
        told[trouble] = Told(now_s, (*earlier, now_s)[-TOLD_MAX:])
    for trouble in ended:
        told[trouble] = replace(told[trouble], ended=True)
    told = {t: known for t, known in told.items() if not known.ended or now_s - known.at_s[-1] <= TOLD_WITHIN_S}
    state = replace(state, told=told)
    if not begun and not ended:
        return state, ()
    title, body = message(begun, ended)
    grave = any(t.what in GRAVE for t in begun)
    return _new_tellings(watched, state, title, body, begun, grave=grave), (Said(title, body, grave),)


def _worth_telling(known: Told | None, now_s: float) -> bool:
    if known is None:
        return True
    lately = [at_s for at_s in known.at_s if now_s - at_s <= TOLD_WITHIN_S]
    return known.ended and len(lately) < TOLD_MAX


def _over(trouble: Trouble, known: Told, present: Mapping[Trouble, float], now_s: float) -> bool:
    return not known.ended and trouble not in present and now_s - known.seen_s >= CALM_S


def _new_tellings(
    watched: Watched, state: Supervision, title: str, body: str, begun: tuple[Trouble, ...], *, grave: bool
) -> Supervision:
    """One message more on its way: to each of `tib` when the chain is broken, else to whoever is reached first."""
    persons: tuple[str | None, ...] = _tib(watched.roster) if grave else (None,)
    new = tuple(
        Telling(f"beredd.{state.mark}.{state.count + n}", title, body, person, begun)
        for n, person in enumerate(persons, start=1)
    )
    return replace(state, count=state.count + len(new), tellings=state.tellings + new)


def _tib(roster: Roster) -> tuple[str, ...]:
    return roster.persons_of(roster.last_resort, LIVE)


# --- to whom it is told ----------------------------------------------------------------------------------------------


def _tell(watched: Watched, state: Supervision, now_s: float) -> tuple[Supervision, tuple[Output, ...]]:
    """Each message has taken its next step, if it is time for one."""
    went = [_go_on(watched, state, telling, now_s) for telling in state.tellings]
    going = tuple(telling for telling, _ in went if telling is not None)
    return replace(state, tellings=going), tuple(output for _, output in went if output is not None)


def _go_on(
    watched: Watched, state: Supervision, telling: Telling, now_s: float
) -> tuple[Telling | None, Output | None]:
    if now_s < telling.until_s:
        return telling, None
    if telling.legs:
        return _send(telling, now_s)
    if telling.attempt is not None:
        return _rest(telling, now_s)  # the last of this round has failed
    if _pointless(state, telling):
        return None, None
    round_ = replace(telling, legs=_legs(watched, state, telling.person), rounds=telling.rounds + 1)
    return _send(round_, now_s) if round_.legs else _rest(round_, now_s)


def _send(telling: Telling, now_s: float) -> tuple[Telling, Output]:
    leg, *rest = telling.legs
    number = telling.number + 1
    attempt = f"{telling.id}.{leg.medium}.{number}"
    sent = Send(attempt, telling.id, leg, telling.title, telling.body, number)
    # Somewhat later than the attempt's own deadline: what it reports at the last moment counts.
    until_s = now_s + PATIENCE_S + AGAIN_S
    return replace(telling, legs=tuple(rest), attempt=attempt, until_s=until_s, number=number), sent


def _rest(telling: Telling, now_s: float) -> tuple[Telling, Output]:
    return replace(telling, attempt=None, until_s=now_s + ROUND_S), Unreached(telling.title)


def _pointless(state: Supervision, telling: Telling) -> bool:
    """True if what it tells has ended, or has been over for long."""
    if not telling.begun:
        return telling.rounds >= ENDED_ROUNDS
    return all(trouble not in state.troubles for trouble in telling.begun)


def _legs(watched: Watched, state: Supervision, person: str | None) -> tuple[Leg, ...]:
    """Every channel of the person, or of all who have the role, in order; those that fail last."""
    failing = {route.provider for route in watched.routes if state.pulse(route).failing_s is not None}
    persons = _tib(watched.roster) if person is None else (person,)
    legs = (Leg(p, c.medium, c.channel) for p in persons for c in watched.roster.contacts(p, LIVE))
    return tuple(sorted(legs, key=lambda leg: watched.providers.get(leg.channel) in failing))


# --- canaries, and what has become of attempts -----------------------------------------------------------------------


def _canaries(watched: Watched, state: Supervision, now_s: float) -> tuple[Supervision, tuple[Output, ...]]:
    """The canaries that are due are under way."""
    pulses, sent = dict(state.pulses), list[Output]()
    for route in watched.routes:
        pulse = state.pulse(route)
        if route.canary is None or not pulse.canary_due(route, now_s):
            continue
        number = state.count + len(sent) + 1
        leg = Leg("beredd", route.canary.medium, route.canary.channel)
        notice = f"canary.{route.canary.channel}"
        attempt = f"{notice}.{state.mark}.{number}"
        sent.append(Send(attempt, notice, leg, *CANARY, number, canary=True))
        pulses[route.provider] = pulse.begun(attempt, now_s)
    return replace(state, pulses=pulses, count=state.count + len(sent)), tuple(sent)


def _heard(watched: Watched, state: Supervision, heard: Heard, now_s: float) -> Supervision:
    """What an attempt tells of its provider, and of the message it carried if that was one of ours."""
    provider = watched.providers.get(heard.channel)
    pulses = dict(state.pulses)
    for route in watched.routes:
        if route.provider == provider:
            pulses[route.provider] = state.pulse(route).heard(route, heard, now_s)
    taken = heard.verdict is Verdict.ACCEPTED
    tellings = (replace(t, until_s=now_s) if t.attempt == heard.attempt else t for t in state.tellings)
    left = tuple(t for t in tellings if not (taken and t.attempt == heard.attempt))
    return replace(state, pulses=pulses, tellings=left)
