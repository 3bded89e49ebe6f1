"""STAGE 3: how and when one person is reached. Key: a person.

Theory. The first notice of anything goes at once. Those that come in the next ten seconds wait and leave as one message
at its end; danger to life waits for nothing (semantics 28). A message is tried on the person's channels in order: a
rejected, failed or silent channel leads to the next; when all have failed they are tried once more, and then alert is
told that the person cannot be reached this way.

    notice --> [window open? wait] --> sending(channel 1) --accepted--> reached
                                            | rejected, retryable, or no outcome by the attempt's deadline
                                            v
                                       sending(channel 2) ... --> all channels failed --> failed
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, assert_never

from notifiers.attempt import Attempt, Medium, Outcome, Verdict
from notifiers.message import WHOLE, compose
from notifiers.notice import Handover, Notice, NoticeRecord, NoticeState
from notifiers.profile import Profile
from rules.frozen import Frozen, Instant
from rules.record import Happening, LogLine
from rules.step import Counter, Draft, Stage, State, Step, TimerDue

WINDOW = timedelta(seconds=10)
ROUNDS = 2
"""How many times the whole list of channels is tried before alert is told that it failed."""


class Sending(Frozen):
    """One message on its way: the notices it tells, and which attempt is out."""

    kind: Literal["sending"] = "sending"
    id: str
    notices: tuple[Notice, ...]
    number: int
    attempt: str
    deadline: Instant


class Window(Frozen):
    """Since something was just sent: until when further notices wait, and which do."""

    kind: Literal["window"] = "window"
    until: Instant
    waiting: tuple[Notice, ...] = ()


class Known(Frozen):
    """Notices seen lately, so that one that comes twice is sent once."""

    kind: Literal["known"] = "known"
    ids: tuple[str, ...] = ()


Entry = Sending | Window | Known | Counter
"""What contact keeps under a person."""
Message = Notice | Outcome | TimerDue
OutputMessage = Attempt | Handover | NoticeRecord | LogLine

WINDOW_KEY, KNOWN_KEY = "window", "known"
REMEMBERED = 200


def step(profile: Profile, state: State[Entry], message: Message, now: datetime) -> Step[Entry, OutputMessage]:
    """Applies one message. Pure: equal arguments give an equal Step."""
    contacting = _Contacting(profile, Draft(state, now))
    match message:
        case Notice():
            contacting.notice(message)
        case Outcome():
            contacting.outcome(message)
        case TimerDue():
            contacting.due(message.name)
        case _:
            assert_never(message)
    return contacting.draft.step()


class _Contacting:
    """One step of contact being written."""

    def __init__(self, profile: Profile, draft: Draft[Entry, OutputMessage]) -> None:
        self.profile = profile
        self.draft = draft
        self.person = draft.key
        self.contacts = profile.roster.contacts(self.person, draft.realm)

    def notice(self, notice: Notice) -> None:
        known = self.draft.find(Known, KNOWN_KEY) or Known()
        if notice.id in known.ids:
            return
        self.draft.put(KNOWN_KEY, Known(ids=(*known.ids, notice.id)[-REMEMBERED:]))
        self._window_over()
        window = self.draft.find(Window, WINDOW_KEY)
        if window is None:
            self._open_window(())
            self._start((notice,))
        elif notice.danger_to_life:
            self._start((notice,))
        else:
            self.draft.put(WINDOW_KEY, window.model_copy(update={"waiting": (*window.waiting, notice)}))
            self._record(notice.id, (notice,), NoticeState.WAITING, "", 0)

    def _open_window(self, waiting: tuple[Notice, ...]) -> None:
        until = self.draft.now + WINDOW
        self.draft.put(WINDOW_KEY, Window(until=until, waiting=waiting))
        self.draft.wake("window", until)

    def _window_over(self) -> None:
        window = self.draft.find(Window, WINDOW_KEY)
        if window is None or window.until > self.draft.now:
            return
        if not window.waiting:
            self.draft.drop(WINDOW_KEY)
            return
        self._open_window(())
        # What asks for an answer stands first; an update never hides it.
        ordered = tuple(sorted(window.waiting, key=lambda n: (not n.critical, n.at, n.id)))
        for together in _letters(ordered):
            self._start(together)
            for merged in together[1:]:
                self._record(merged.id, (merged,), NoticeState.MERGED, "", 0)

    # --- sending -----------------------------------------------------------------------------------------------------

    def _start(self, notices: tuple[Notice, ...]) -> None:
        self._try(notices[0].id, notices, 1)

    def _try(self, identity: str, notices: tuple[Notice, ...], number: int) -> None:
        """The attempt with this number, counted over channels and rounds; past the last, the message has failed."""
        if not self.contacts or number > ROUNDS * len(self.contacts):
            tried = f"alla kanaler misslyckades ({number - 1} försök)"
            self._failed(identity, notices, tried if self.contacts else "ingen kanal är angiven", number - 1)
            return
        contact = self.contacts[(number - 1) % len(self.contacts)]
        message = compose(self.profile, notices, self.draft.realm, contact.medium)
        deadline = self.draft.now + self.profile.roster.answering.attempt
        attempt = Attempt(
            id=f"{identity}.{contact.medium}.{number}",
            notice=identity,
            person=self.person,
            medium=contact.medium,
            channel=contact.channel,
            number=number,
            title=message.title,
            body=message.body,
            deadline=deadline,
            critical=any(n.critical for n in notices),
        )
        self.draft.put(
            f"sending/{identity}",
            Sending(id=identity, notices=notices, number=number, attempt=attempt.id, deadline=deadline),
        )
        self.draft.wake(f"attempt/{identity}", deadline)
        self.draft.emit(Stage.DELIVER, self.person, attempt)
        self._record(identity, notices, NoticeState.SENDING, contact.medium, number)

    def outcome(self, outcome: Outcome) -> None:
        """How an attempt went. One for an attempt that is no longer out is too late: the next was already made."""
        sending = self.draft.find(Sending, f"sending/{outcome.notice}")
        if sending is None or sending.attempt != outcome.attempt:
            return
        if outcome.verdict is Verdict.ACCEPTED:
            self._reached(sending)
        elif outcome.verdict is Verdict.LAPSED:
            self._failed(sending.id, sending.notices, outcome.why, sending.number)
        else:
            self._next(sending, f"{_WENT[outcome.verdict]}: {outcome.why}" if outcome.why else _WENT[outcome.verdict])

    def due(self, name: str) -> None:
        if name == "window":
            self._window_over()
            return
        sending = self.draft.find(Sending, f"sending/{name.removeprefix('attempt/')}")
        if sending is not None and sending.deadline <= self.draft.now:
            self._next(sending, "inget besked från kanalen i tid")

    def _next(self, sending: Sending, why: str) -> None:
        medium = _BY[Medium(self._medium(sending))]
        for notice in sending.notices:
            said = f"{self._name()}: {medium} misslyckades ({why[:200]}); provar nästa kanal."
            self._log(Happening.NOTIFIED, said, notice.matter)
        self._try(sending.id, sending.notices, sending.number + 1)

    def _reached(self, sending: Sending) -> None:
        self._forget(sending.id)
        self._record(sending.id, sending.notices, NoticeState.REACHED, self._medium(sending), sending.number)
        for notice in sending.notices:
            by = _BY[Medium(self._medium(sending))]
            self._log(Happening.REACHED, f"{self._name()} har fått meddelandet som {by}.", notice.matter)
            self._tell_alert(notice, reached=True, why="")

    def _failed(self, identity: str, notices: tuple[Notice, ...], why: str, attempts: int) -> None:
        self._forget(identity)
        self._record(identity, notices, NoticeState.FAILED, "", attempts)
        for notice in notices:
            self._log(Happening.UNDELIVERED, f"{self._name()} nåddes inte: {why}.", notice.matter)
            self._tell_alert(notice, reached=False, why=why)

    def _forget(self, identity: str) -> None:
        self.draft.drop(f"sending/{identity}")
        self.draft.wake(f"attempt/{identity}", None)

    def _tell_alert(self, notice: Notice, *, reached: bool, why: str) -> None:
        told = {"notice": notice.id, "matter": notice.matter, "person": self.person, "rows": notice.rows}
        delivery = Handover(**told, reached=reached, why=why)
        self.draft.emit(Stage.ALERT, notice.matter, delivery)

    # --- small things ------------------------------------------------------------------------------------------------

    def _medium(self, sending: Sending) -> str:
        return str(sending.attempt.rsplit(".", 2)[1])

    def _name(self) -> str:
        known = self.profile.roster.persons.get(self.person)
        return known.name if known else self.person

    def _record(
        self, identity: str, notices: tuple[Notice, ...], state: NoticeState, medium: str, attempts: int
    ) -> None:
        record = NoticeRecord(
            id=identity,
            person=self.person,
            notices=notices,
            state=state,
            medium=medium,
            attempts=attempts,
            at=self.draft.now,
        )
        self.draft.emit(Stage.RECORD, self.person, record)

    def _log(self, what: Happening, said: str, matter: str) -> None:
        line = LogLine(at=self.draft.now, what=what, said=said, matter=matter, person=self.person)
        self.draft.emit(Stage.RECORD, matter, line)


def _letters(notices: tuple[Notice, ...]) -> Iterator[tuple[Notice, ...]]:
    """The notices as messages: of those that ask for an answer never more in one than are told whole; the updates, of
    which a message may only count some, go with the last."""
    critical = tuple(n for n in notices if n.critical)
    others = notices[len(critical) :]
    shares = [critical[i : i + WHOLE] for i in range(0, len(critical), WHOLE)] or [()]
    yield from shares[:-1]
    yield shares[-1] + others


_BY = {Medium.PUSH: "pushnotis", Medium.SMS: "sms", Medium.MAIL: "e-post", Medium.WEBHOOK: "systemanrop"}
_WENT = {
    Verdict.ACCEPTED: "togs emot",
    Verdict.RETRYABLE: "gick inte just nu",
    Verdict.REJECTED: "avvisades",
    Verdict.TIMED_OUT: "fick inget svar i tid",
    Verdict.LAPSED: "var för gammalt",
}
