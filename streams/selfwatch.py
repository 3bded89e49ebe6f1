"""The system watches itself: hosts `notifiers.supervision`, which says what is wrong and who is told.

Every second it takes the vital signs, and carries out what comes of them. What goes to people, and the canaries, go the
whole way: into the journal's outbox, and after the commit through the courier and its deliver stage. Where nothing can
be written down, they go without: a full disk must not keep anybody from hearing of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifiers.attempt import Attempt, Outcome
from notifiers.degradation import Degradation, Trouble, wrong
from notifiers.profile import Profile
from notifiers.supervision import Look, Output, Said, Send, Supervision, Unreached, Watched, gravity, step, way_out
from notifiers.ways import PATIENCE_S, Canary, Heard, routes
from rules.events import LIVE
from rules.record import Happening, LogLine
from streams import health
from streams.clock import APART, Clock
from streams.courier import Courier
from streams.embedded import EmbeddedHost, Handout
from streams.health import Health
from streams.journal import Journal
from streams.stages import written
from streams.view import View

_log = logging.getLogger(__name__)

TURN_S = 1.0
PROBE_S = 5.0
WRITE_S = 2.0
"""Between two looks, between two writes that only try whether one can write, and the longest that a message waits to be
written down before it goes without."""

STALLED_S = 10.0
STALLED = "självkontrollen står still"
UNSAVED = "ingenting kan sparas just nu"

TRIALS = "trials"
"""The realm of canaries: no person, no view and no count of the live one ever meets them."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What an installation has to watch itself with. `providers`: of each reference among the channels."""

    providers: Mapping[str, str]
    canaries: Mapping[str, Canary]
    phones: Mapping[str, object]
    heartbeat: bool


class SelfWatch:
    """One process's watch over itself. Lives in the event loop; `counted` may be called from the writer's thread."""

    def __init__(self, host: EmbeddedHost, view: View, clock: Clock, equipment: Equipment) -> None:
        self._host = host
        self._view = view
        self._clock = clock
        self._equipment = equipment
        self._began_s = self._saved_s = self._looked_s = time.monotonic()
        self._state = Supervision(mark=f"{clock.now():%Y%m%dT%H%M%S}")
        self._watched: tuple[Profile, Watched] | None = None
        self._reported: set[Trouble] = set()
        self._dead = 0
        self._courier: Courier | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._heartbeat_at: datetime | None = None
        self.call_list: str | None = None

    def begin(self, courier: Courier) -> None:
        """The watch is on. Whoever runs the installation is told what it cannot see."""
        self._courier = courier
        for finding in self._findings():
            _log.warning("självkontroll: %s", finding)
        self._spawn(self._probe())
        self._spawn(self._watch())

    def equip(self, equipment: Equipment) -> None:
        """The watch goes on with this; what it had noted of ways that are still there stands."""
        self._equipment, self._watched = equipment, None

    async def stop(self) -> None:
        """The watch is off; what it was about to send is not sent."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what others tell --------------------------------------------------------------------------------------------

    def report(self, trouble: Trouble, lasts: bool) -> None:
        """A trouble that somebody else sees: it is there, or no longer."""
        (self._reported.add if lasts else self._reported.discard)(trouble)

    def counted(self, what: str, amount: int) -> None:
        """A count of the host's: of interest is what was set aside."""
        if what.startswith("dead/"):
            self._dead += amount

    def heard(self, handout: Handout, outcome: Outcome, called: bool) -> None:
        """What became of an attempt, whoever made it. One of an exercise tells of the same provider."""
        seen = Heard(outcome.attempt, handout.attempt.channel, outcome.verdict, outcome.why, called)
        self._state, _ = step(self._seen(), self._state, seen, time.monotonic())

    def heartbeat_sent(self) -> None:
        """The outside receiver has heard from us."""
        self._heartbeat_at = self._clock.now()

    # --- the watch ---------------------------------------------------------------------------------------------------

    async def _probe(self) -> None:
        while True:
            try:
                await self._save()
            except Exception:
                _log.warning("a write to try the disk failed")
            await asyncio.sleep(PROBE_S)

    async def _save(self) -> None:
        await asyncio.wrap_future(self._host.probe())
        self._saved_s = time.monotonic()

    async def _watch(self) -> None:
        while True:
            try:
                self._look(time.monotonic())
            except Exception:
                _log.exception("a look at ourselves failed")
            await asyncio.sleep(TURN_S)

    def _look(self, now_s: float) -> None:
        assert self._courier is not None
        self.report(Trouble(Degradation.CLOCK), abs(self._clock.apart) > APART)
        seen = Look(
            saved_s=self._saved_s,
            fault=self._host.fault is not None,
            outbox_oldest_s=self._courier.oldest_seconds,
            timers_late_s=self._timers_late_s(),
            dead=self._dead,
            reported=frozenset(self._reported),
        )
        self._state, outputs = step(self._seen(), self._state, seen, now_s)
        self._looked_s = now_s
        for output in outputs:
            self._carry_out(output)

    def _timers_late_s(self) -> float:
        due = self._host.next_timer()
        return max(0.0, -self._clock.seconds_until(due)) if due is not None else 0.0

    def _seen(self) -> Watched:
        profile = self._host.intake.profile
        if self._watched is None or self._watched[0] is not profile:
            providers = self._equipment.providers
            found = routes(profile.roster, providers, self._equipment.canaries)
            self._watched = (profile, Watched(profile.roster, found, providers))
        return self._watched[1]

    # --- what comes of it --------------------------------------------------------------------------------------------

    def _carry_out(self, output: Output) -> None:
        match output:
            case Send():
                self._spawn(self._send(output))
            case Said():
                _log.log(logging.ERROR if output.grave else logging.WARNING, "%s", output.body.replace("\n", " "))
                self._spawn(self._write_line(output))
            case Unreached():
                _log.error(
                    "%s: tjänsteperson i beredskap nås inte genom någon kanal. Ring, efter ringlistan %s",
                    output.title,
                    self.call_list or "",
                )

    async def _send(self, send: Send) -> None:
        assert self._courier is not None
        realm = TRIALS if send.canary else LIVE
        attempt = Attempt(
            id=send.attempt,
            notice=send.notice,
            person=send.leg.person,
            medium=send.leg.medium,
            channel=send.leg.channel,
            number=send.number,
            title=send.title,
            body=send.body,
            deadline=self._clock.now() + timedelta(seconds=PATIENCE_S),
            critical=not send.canary,
        )
        await self._written(lambda journal: _write_attempt(journal, realm, attempt))
        self._courier.take(Handout(realm, attempt))

    async def _write_line(self, said: Said) -> None:
        line = LogLine(at=self._clock.now(), what=Happening.NOTICED, said=said.body)
        if await self._written(lambda journal: journal.record(LIVE, "beredd", None, written(line))):
            self._view.apply(LIVE, line)

    async def _written(self, write: Callable[[Journal], None]) -> bool:
        """True once it is on disk; False if that cannot be, or not in time."""
        try:
            await asyncio.wait_for(asyncio.wrap_future(self._host.ask(write)), WRITE_S)
        except Exception as error:  # the host has logged its own fault; what we were about to say matters more
            _log.warning("self-watch goes on without the journal (%s)", type(error).__name__)
            return False
        return True

    # --- how it is ---------------------------------------------------------------------------------------------------

    def _findings(self) -> tuple[str, ...]:
        equipment = self._equipment
        return tuple(health.findings(self._seen(), equipment.canaries, equipment.phones, equipment.heartbeat))

    def health(self) -> Health:
        """How the system is at this moment."""
        watched, state, now_s = self._seen(), self._state, time.monotonic()
        return Health(
            reasons=((STALLED,) if self._stalled else ()) + health.reasons(watched, state, now_s, self._began_s),
            out=way_out(watched, state, now_s),
            ways=health.ways(watched, state, now_s, self._at),
            troubles=tuple((t, self._at(state.present[t])) for t in sorted(state.present, key=gravity)),
            findings=self._findings(),
            outbox_open=self._courier.under_way if self._courier else 0,
            outbox_oldest_s=self._courier.oldest_seconds if self._courier else 0.0,
            timers_late_s=self._timers_late_s(),
            saved_s=now_s - self._saved_s,
            heartbeat=self._heartbeat_at,
            call_list=self.call_list,
        )

    async def broken(self) -> tuple[str, ...]:
        """What breaks the chain from event to person, in words; empty while it holds, a write of this moment
        included."""
        try:
            await asyncio.wait_for(self._save(), WRITE_S)
        except Exception:  # the host has logged it
            return (UNSAVED,)
        stalled = (STALLED,) if self._stalled else ()
        return stalled + tuple(wrong(trouble) for trouble in self.health().broken)

    @property
    def _stalled(self) -> bool:
        return time.monotonic() - self._looked_s > STALLED_S

    def _at(self, moment_s: float) -> datetime:
        return self._clock.now() - timedelta(seconds=time.monotonic() - moment_s)


def _write_attempt(journal: Journal, realm: str, attempt: Attempt) -> None:
    """The attempt is in the outbox; canaries that have come home no longer are."""
    journal.forget_settled(TRIALS)
    journal.send(realm, attempt.id, attempt.person, written(attempt))
