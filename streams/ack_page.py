"""What the page behind a person's link says: the message as it was sent, and what has become of the question since.

Pure: a code's holder, the view and the profile in; plain words out. The template only lays them out. Nothing here
changes anything, and who has answered is read from the plan, so the page tells what the stages know.

    standing   when                                                      answers offered
    ---------  --------------------------------------------------------  ---------------
    told       the message asks nothing                                  none
    over       the matter is closed                                      none
    risen      the level has risen since: a newer message asks           none
    mine       this person has taken it                                  none
    settled    somebody else has, or the question was withdrawn          none
    declined   this person said no                                       taken
    passed_on  somebody after this person is asked now                   taken
    open       else                                                      taken, declined
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from notifiers.message import BASIS, PURPOSE, what_to_do, your_role
from notifiers.notice import Asked, Notice, Purpose
from notifiers.obligation import Obligation
from notifiers.profile import Profile
from rules.events import Answer, Seen, is_exercise
from rules.explain import uncapitalised
from rules.ladder import Action
from rules.registry import Relation
from streams.situations import asks, has_answer, organisation_name, tally
from streams.view import CodeHolder, Situation, View


class Standing(StrEnum):
    """What has become of what a message asks, for the person who reads it."""

    TOLD = "told"
    OVER = "over"
    RISEN = "risen"
    MINE = "mine"
    SETTLED = "settled"
    DECLINED = "declined"
    PASSED_ON = "passed_on"
    OPEN = "open"


OFFERED = {
    Standing.OPEN: (Answer.TAKEN, Answer.DECLINED),
    Standing.DECLINED: (Answer.TAKEN,),
    Standing.PASSED_ON: (Answer.TAKEN,),
}
AWAITED = (Standing.OPEN, Standing.PASSED_ON)
TO_DO = (*OFFERED, Standing.MINE)


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that was given on a page, and when."""

    answer: Answer
    at: datetime


@dataclass(frozen=True, slots=True)
class Task:
    """What the person is to do in one role, and why that is theirs."""

    do: str
    why: str
    because: str
    undertakes: bool


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody else in the plan: the post, and how far it has come there."""

    post: str
    said: str


@dataclass(frozen=True, slots=True)
class Item:
    """One matter of the message."""

    matter: str
    title: str
    heading: str
    sent: str
    what: str
    place: str
    level: str
    basis: str
    decided: str
    risen_from: str | None
    tasks: tuple[Task, ...]
    to_do: bool
    decides: bool
    answer_by: str | None
    late: bool
    first_step: str
    answered: str
    others: tuple[Other, ...]
    standing: Standing
    said: str
    newer: str | None


@dataclass(frozen=True, slots=True)
class AckPage:
    """The whole page. In an exercise ÖVNING stands first, and where life is in danger Ring 112 does (semantics 18)."""

    code: str
    person: str
    exercise: bool
    danger: bool
    items: tuple[Item, ...]

    @property
    def offered(self) -> tuple[Answer, ...]:
        """The answers that would mean something now."""
        found = {answer for item in self.items for answer in OFFERED.get(item.standing, ())}
        return tuple(a for a in Answer if a in found)

    @property
    def undertakes(self) -> bool:
        """True if every task is a company's: it is asked, and its answer is that it takes the work on."""
        tasks = [task for item in self.items for task in item.tasks]
        return bool(tasks) and all(task.undertakes for task in tasks)


def ack_page(
    code: str, holder: CodeHolder, view: View, profile: Profile, now: datetime, given: Given | None
) -> AckPage:
    """The page as it stands now."""
    reading = _Reading(holder, view, profile, now, given)
    notices = holder.record.notices
    return AckPage(
        code=code,
        person=reading.name(holder.record.person),
        exercise=is_exercise(holder.realm),
        danger=any(reading.danger(n) for n in notices),
        items=tuple(reading.item(n) for n in notices),
    )


def seen(holder: CodeHolder) -> tuple[Seen, ...]:
    """What an answer covers: each matter the message asks about, at the newest generation it shows. What the message
    only told of is left as it is: nobody takes a matter by answering about another."""
    generations: dict[str, int] = {}
    for notice in holder.record.notices:
        if notice.answerable:
            generations[notice.matter] = max(notice.generation, generations.get(notice.matter, 1))
    return tuple(Seen(matter=m, generation=g) for m, g in generations.items())


def clock(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """A time of day as the city's clocks show it, with the date if that is another than today's."""
    there, today = at.astimezone(zone), now.astimezone(zone)
    return f"{there:%H:%M}" if there.date() == today.date() else f"{there:%Y-%m-%d %H:%M}"


def _waits(obligation: Obligation) -> bool:
    """True while an answer is missing: nobody has taken it, or a decision is late and somebody else is asked for it."""
    taker = obligation.answered_by
    return obligation.open and (taker is None or obligation.person not in (None, taker))


def _only_told(notice: Notice) -> bool:
    """True for a first message that asks nothing, rather than one about what was asked before."""
    return all(a.action is Action.INFORM for a in notice.asked) and notice.purpose is not Purpose.ALL_CLEAR


class _Reading:
    """One reading of a message, with what is known now."""

    def __init__(self, holder: CodeHolder, view: View, profile: Profile, now: datetime, given: Given | None) -> None:
        self.person = holder.record.person
        self.realm = holder.realm
        self.view = view
        self.profile = profile
        self.now = now
        self.given = given
        self.zone = ZoneInfo(profile.policy.settings.timezone)

    def item(self, notice: Notice) -> Item:
        situation = self.view.situation(self.realm, notice.matter)
        matter = situation.matter if situation is not None else None
        own = self._own(notice, situation)
        standing = self._standing(notice, situation, own)
        now = matter if matter is not None else notice
        level = matter.alert_level if matter is not None else notice.level
        return Item(
            matter=notice.matter,
            title=notice.title,
            heading=PURPOSE[notice.purpose],
            sent=self.clock(notice.at),
            what=notice.what,
            place=notice.place,
            level=level,
            basis=BASIS[now.basis],
            decided=now.declared_state,
            risen_from=notice.level if standing is Standing.RISEN else None,
            tasks=tuple(self._task(a) for a in notice.asked) if notice.purpose is not Purpose.ALL_CLEAR else (),
            to_do=standing in TO_DO or (standing is Standing.TOLD and _only_told(notice)),
            decides=notice.answerable and any(a.action is Action.DECIDE for a in notice.asked),
            answer_by=self.clock(notice.answer_by) if notice.answer_by and standing in AWAITED else None,
            late=notice.answer_by is not None and notice.answer_by < self.now,
            first_step=notice.first_step if notice.answerable else "",
            answered=self._answered(situation),
            others=self._others(notice, situation, own),
            standing=standing,
            said=self._said(standing, own),
            newer=self._newer(notice, situation),
        )

    # --- what has become of it ---------------------------------------------------------------------------------------

    def danger(self, notice: Notice) -> bool:
        """Life is in danger by what the message says or by what is known now, and the matter is not over."""
        situation = self.view.situation(self.realm, notice.matter)
        if notice.purpose is Purpose.ALL_CLEAR or situation is None or situation.matter is None:
            return notice.danger_to_life and notice.purpose is not Purpose.ALL_CLEAR
        return situation.matter.open and (notice.danger_to_life or situation.matter.danger_to_life)

    def _own(self, notice: Notice, situation: Situation | None) -> tuple[Obligation, ...]:
        """The rows this message asks the person about. Whoever is asked in another's place is found by name."""
        rows = tuple(o for o in situation.obligations if asks(o)) if situation is not None else ()
        posts = {(a.role, a.organisation) for a in notice.asked}
        mine = tuple(o for o in rows if self.person in o.told)
        return tuple(o for o in mine if o.row.post in posts or o.notice == notice.id) or mine

    def _standing(self, notice: Notice, situation: Situation | None, own: tuple[Obligation, ...]) -> Standing:
        matter = situation.matter if situation is not None else None
        if matter is not None and not matter.open:
            return Standing.OVER
        if not notice.answerable:
            return Standing.TOLD
        if matter is not None and matter.generation > notice.generation:
            return Standing.RISEN
        waiting = [o for o in own if _waits(o)]
        if any(o.answered_by == self.person and not _waits(o) for o in own):
            return Standing.MINE
        if own and not waiting:
            return Standing.SETTLED
        if any(self.person in o.declined for o in waiting) or self._just_declined():
            return Standing.DECLINED
        return Standing.PASSED_ON if own and all(self._behind(o) for o in waiting) else Standing.OPEN

    def _just_declined(self) -> bool:
        return self.given is not None and self.given.answer is Answer.DECLINED

    def _behind(self, obligation: Obligation) -> bool:
        """True if somebody later in the chain is asked now. Where all are asked at once nobody is later."""
        asked = obligation.asked
        if obligation.person not in asked or self.person not in asked:
            return False
        return asked.index(obligation.person) > asked.index(self.person)

    def _said(self, standing: Standing, own: tuple[Obligation, ...]) -> str:
        match standing:
            case Standing.TOLD:
                return "Du behöver inte svara på det här."
            case Standing.OVER:
                return "Ärendet är avslutat. Du behöver inte svara."
            case Standing.RISEN:
                return "Läget har blivit allvarligare sedan det här skickades."
            case Standing.MINE:
                at = max((o.answered_at for o in own if o.answered_by == self.person and o.answered_at), default=None)
                return f"Du har tagit det{f' {self.clock(at)}' if at else ''}. Tack."
            case Standing.SETTLED:
                return self._settled(own)
            case Standing.DECLINED:
                when = f" {self.clock(self.given.at)}" if self.given is not None and self._just_declined() else ""
                return f"Du svarade{when} att du inte kan. {self._asked_now(own)}"
            case Standing.PASSED_ON:
                return f"Frågan har gått vidare. {self._asked_now(own)}"
            case Standing.OPEN:
                return self._heard(own)

    def _settled(self, own: tuple[Obligation, ...]) -> str:
        for obligation in own:
            if obligation.answered_by is not None and obligation.answered_at is not None:
                taken = f"{self.name(obligation.answered_by)} tog det {self.clock(obligation.answered_at)}"
                return f"{taken}. Du behöver inte svara."
        return "Frågan är avgjord. Du behöver inte svara."

    def _asked_now(self, own: tuple[Obligation, ...]) -> str:
        names = dict.fromkeys(self.name(o.person) for o in own if _waits(o) and o.person not in (None, self.person))
        return f"Nu tillfrågad: {', '.join(names)}." if names else "Ingen annan har tagit det än."

    def _heard(self, own: tuple[Obligation, ...]) -> str:
        if self.given is not None:
            return (
                f"Ditt svar {self.clock(self.given.at)} är mottaget, men frågan är ännu öppen. {self._asked_now(own)}"
            )
        return "Ingen har tagit det än."

    # --- who else ----------------------------------------------------------------------------------------------------

    def _answered(self, situation: Situation | None) -> str:
        answered, of = tally(situation.obligations) if situation is not None else (0, 0)
        return f"{answered} av {of} har svarat"

    def _others(self, notice: Notice, situation: Situation | None, own: tuple[Obligation, ...]) -> tuple[Other, ...]:
        """The rest of the plan; without one, whom the message named."""
        rows = situation.obligations if situation is not None else ()
        if not rows:
            return tuple(Other(post, "har fått veta") for post in notice.informed)
        keys = {o.row.key for o in own}
        posts = {(a.role, a.organisation) for a in notice.asked}
        rest = [o for o in rows if o.row.key not in keys and o.row.post not in posts]
        return tuple(Other(self._post(o), self._state(o)) for o in rest)

    def _post(self, obligation: Obligation) -> str:
        role = self.profile.roster.role_name(obligation.row.role)
        return f"{role}, {organisation_name(obligation.row.organisation, self.profile)}"

    def _state(self, obligation: Obligation) -> str:
        if obligation.answered_by is not None:
            done = "åtagit sig" if obligation.row.relation is Relation.REQUEST else "tagit"
            return f"{self.name(obligation.answered_by)} har {done} det"
        if not asks(obligation):
            return "har fått veta" if obligation.ended or obligation.reached else "får veta"
        if has_answer(obligation):
            return "avgjort"
        if obligation.person is None:
            return "ingen har svarat; frågas igen" if obligation.open else "frågan är avslutad"
        return f"{self.name(obligation.person)} är tillfrågad"

    def _newer(self, notice: Notice, situation: Situation | None) -> str | None:
        """The code of the newest message to the same person about the same matter, if it is newer than this one."""
        records = tuple(situation.notices.values()) if situation is not None else ()
        mine = [(n.number, r.id) for r in records for n in r.notices if self._is_newer(n, notice)]
        return self.view.code_of(self.realm, max(mine)[1]) if mine else None

    def _is_newer(self, other: Notice, notice: Notice) -> bool:
        return (
            other.person == self.person
            and other.matter == notice.matter
            and other.number > notice.number
            and (other.answerable or not notice.answerable)
        )

    # --- words -------------------------------------------------------------------------------------------------------

    def _task(self, asked: Asked) -> Task:
        role = uncapitalised(self.profile.roster.role_name(asked.role))
        return Task(
            do=what_to_do(asked, self.profile),
            why=your_role(asked, f"{role} vid {organisation_name(asked.organisation, self.profile)}"),
            because=asked.because,
            undertakes=asked.relation is Relation.REQUEST and asked.action is not Action.INFORM,
        )

    def name(self, person: str | None) -> str:
        known = self.profile.roster.persons.get(person or "")
        return known.name if known is not None else person or "ingen"

    def clock(self, at: datetime) -> str:
        return clock(at, self.now, self.zone)
