"""The text a person reads: what, where, how bad; what you are to do; why you; by when; the link. Plain Swedish.

One shape, every day and in a crisis (likhetsprincipen). The first line is decided by what is at stake (semantics 18):
a live message about danger to life begins with "Ring 112", an exercise message with ÖVNING.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from notifiers.attempt import Medium
from notifiers.notice import Asked, Notice, Purpose
from notifiers.profile import Profile
from rules.events import is_exercise
from rules.explain import uncapitalised
from rules.frozen import cut
from rules.ladder import Action
from rules.matter import Basis
from rules.registry import Relation

WHOLE, NAMED, LONGEST = 5, 20, 18_000
"""How many notices a message tells whole, how many more by name, and the characters it may have; the page tells all."""

CODE = "{code}"
"""Where the host puts the notice's code when it sends; no stored text holds the code itself."""

DO = {
    Relation.DIRECT: {
        Action.ACT: "Du ska agera",
        Action.DECIDE: "Du ska besluta",
        Action.COORDINATE: "Du ska samordna",
        Action.SUPPORT: "Du ska stödja",
        Action.INFORM: "Du får veta detta",
    },
    Relation.REQUEST: {
        Action.ACT: "Vi ber er agera",
        Action.DECIDE: "Vi ber er besluta",
        Action.COORDINATE: "Vi ber er samordna",
        Action.SUPPORT: "Vi ber er om stöd",
        Action.INFORM: "Ni får veta detta",
    },
    Relation.INFORM: {
        Action.ACT: "Vi informerar er som ansvarig",
        Action.DECIDE: "Vi informerar er som beslutsfattare",
        Action.COORDINATE: "Vi informerar er som samordnare",
        Action.SUPPORT: "Vi ber er överväga stöd",
        Action.INFORM: "Vi informerar er",
    },
}
PURPOSE = {
    Purpose.ALERT: "Larm",
    Purpose.RISE: "Höjd nivå",
    Purpose.ESCALATION: "Larm: ingen har svarat",
    Purpose.STAND_DOWN: "Du behövs inte längre",
    Purpose.UPDATE: "Ny uppgift",
    Purpose.ALL_CLEAR: "Avslutat",
}
BASIS = {
    Basis.DETECTED: "beräknad",
    Basis.PROVISIONAL: "föreslagen, väntar på beslut",
    Basis.DECIDED: "beslutad",
    Basis.WIDER: "beslutad i ett överordnat ärende",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A title and a body of plain text. `{code}` in the body is filled in when it is sent."""

    title: str
    body: str


def compose(profile: Profile, notices: tuple[Notice, ...], realm: str, medium: Medium) -> Message:
    """One message for all that one person is told now. SMS gets the short form; the others the whole."""
    first = first_line(notices, realm)
    say = _short if medium is Medium.SMS else _whole
    whole, named, more = parted(notices)
    told = [say(profile, notice) for notice in whole]
    told += [f"{PURPOSE[n.purpose]} i {n.matter}: {cut(n.title, 100)}" for n in named]
    told += [f"... och {more} uppdateringar till; se länken."] if more else []
    between = "\n" if medium is Medium.SMS else "\n\n"
    body = between.join([first] * bool(first) + [cut(between.join(told), LONGEST)] + [_link(profile, notices)])
    return Message(harmless(_title(notices, realm)), escape_but_code(body))


def parted(notices: tuple[Notice, ...]) -> tuple[tuple[Notice, ...], tuple[Notice, ...], int]:
    """Those told whole, those told by name, and how many are only counted. What asks for an answer is always told
    whole: contact never puts more than `WHOLE` of those into one message (invariant 5)."""
    whole = tuple(n for i, n in enumerate(notices) if n.critical or i < WHOLE)
    rest = tuple(n for n in notices if n not in whole)
    return whole, rest[:NAMED], max(len(rest) - NAMED, 0)


def harmless(text: str) -> str:
    """The text with nothing in it that the host would fill in: what somebody wrote in a report is no placeholder."""
    while CODE in text:
        text = text.replace(CODE, "{ code }")
    return text


def escape_but_code(body: str) -> str:
    """Only our own link, the last line, keeps its `{code}`."""
    rest, _, link = body.rpartition("\n")
    return f"{harmless(rest)}\n{link}"


def first_line(notices: tuple[Notice, ...], realm: str) -> str:
    """Invariants 4 and 6: ÖVNING first in an exercise, Ring 112 first where life is in danger."""
    danger = any(n.danger_to_life and n.purpose is not Purpose.ALL_CLEAR for n in notices)
    if is_exercise(realm):
        return "ÖVNING. I skarpt läge: ring 112." if danger else "ÖVNING."
    return "Ring 112 vid fara för liv." if danger else ""


def _title(notices: tuple[Notice, ...], realm: str) -> str:
    top = notices[0]
    more = f" (+{len(notices) - 1} till)" if len(notices) > 1 else ""
    drill = "ÖVNING " if is_exercise(realm) else ""
    danger = any(n.danger_to_life and n.purpose is not Purpose.ALL_CLEAR for n in notices) and not drill
    return f"{drill}{'Ring 112. ' if danger else ''}{PURPOSE[top.purpose]}: {cut(top.title, 150)}{more}"


def _whole(profile: Profile, notice: Notice) -> str:
    lines = [f"{PURPOSE[notice.purpose]} nr {notice.number} i ärende {notice.matter}", notice.what]
    lines += [f"Var: {notice.place}", f"Hur allvarligt: {severity(notice)}"]
    for asked in _strongest_first(notice) if notice.purpose is not Purpose.ALL_CLEAR else ():
        lines += [f"{what_to_do(asked, profile)}.", f"Varför just du: {why_you(asked, profile)}."]
    if notice.first_step and notice.answerable:
        directed = any(asked.relation is Relation.DIRECT for asked in notice.asked)
        lines.append(f"{'Gör först' if directed else 'Förslag till första steg'}: {cut(notice.first_step, 300)}")
    if notice.answer_by is not None and notice.answerable:
        lines.append(f"Svara senast {clock(profile, notice.answer_by)}.")
    if notice.informed:
        lines.append(f"Vet också: {'; '.join(notice.informed)}.")
    return "\n".join(lines)


def _short(profile: Profile, notice: Notice) -> str:
    """For SMS: what, what to do, by when. The page behind the link says the rest."""
    do = what_to_do(_strongest_first(notice)[0], profile) if notice.answerable else PURPOSE[notice.purpose]
    by = f" Svara senast {clock(profile, notice.answer_by)}." if notice.answer_by and notice.answerable else ""
    return f"{cut(notice.what, 120)} Nivå: {severity(notice)}. {do}.{by}"


def _strongest_first(notice: Notice) -> tuple[Asked, ...]:
    return tuple(sorted(notice.asked, key=lambda asked: asked.action.rank))


def severity(notice: Notice) -> str:
    """The level that says who is told, what it rests on, and the decided state if that is another (design 3)."""
    said = f"{notice.level} ({BASIS[notice.basis]})"
    if notice.declared_state != notice.level:
        said += f"; beslutat läge: {notice.declared_state}"
    return said


def what_to_do(asked: Asked, profile: Profile) -> str:
    """What is expected, in the words that fit how the city may speak to the organisation."""
    return DO[asked.relation][asked.action]


def why_you(asked: Asked, profile: Profile) -> str:
    """The role in which the person is told, and the reason."""
    name = uncapitalised(profile.roster.role_name(asked.role))
    known = profile.policy.registry.organisations.get(asked.organisation)
    organisation = known.name if known is not None else asked.organisation
    return f"{your_role(asked, f'{name} vid {organisation}')}. {asked.because}"


def your_role(asked: Asked, role: str) -> str:
    """Whether the person holds the role, deputises in it, or answers for another that nobody answers in now."""
    if asked.deputy:
        return f"du är ersättare för {role}, som inte har tagit det"
    why = "inte är i tjänst nu" if asked.off_duty else "inte har svarat"
    instead = f", i stället för {asked.instead_of} som {why}" if asked.instead_of else ""
    return f"du är {role}{instead}"


def clock(profile: Profile, at: datetime) -> str:
    """A time of day as the city's clocks show it."""
    return f"{at.astimezone(ZoneInfo(profile.policy.settings.timezone)):%H:%M}"


def _link(profile: Profile, notices: tuple[Notice, ...]) -> str:
    verb = "Svara" if any(n.answerable for n in notices) else "Läs"
    address = profile.policy.settings.public_url or ""
    return f"{verb}: {address}/k/{CODE}"
