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
from rules.ladder import Action
from rules.matter import Basis
from rules.registry import Relation

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
    Purpose.UPDATE: "Ny uppgift",
    Purpose.ALL_CLEAR: "Avslutat",
}
BASIS = {
    Basis.DETECTED: "beräknad",
    Basis.PROVISIONAL: "föreslagen, väntar på beslut",
    Basis.DECIDED: "beslutad",
}


@dataclass(frozen=True, slots=True)
class Message:
    """A title and a body of plain text. `{code}` in the body is filled in when it is sent."""

    title: str
    body: str


def compose(profile: Profile, notices: tuple[Notice, ...], realm: str, medium: Medium) -> Message:
    """One message for all that one person is told now. SMS gets the short form; the others the whole."""
    first = first_line(notices, realm)
    parts = [_short(profile, n) if medium is Medium.SMS else _whole(profile, n) for n in notices]
    head = [first] if first else []
    body = (
        "\n\n".join(head + parts + [_link(profile, notices)])
        if medium is not Medium.SMS
        else "\n".join(head + parts + [_link(profile, notices)])
    )
    return Message(_title(notices, realm), escape_but_code(body))


def escape_but_code(body: str) -> str:
    """Braces that somebody wrote in a report are no placeholders: only our own link keeps its `{code}`."""
    *rest, link = body.rsplit("\n", 1)
    return "\n".join([*(r.replace(CODE, "{ code }") for r in rest), link])


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
    danger = any(n.danger_to_life for n in notices) and not drill
    return f"{drill}{'Ring 112. ' if danger else ''}{PURPOSE[top.purpose]}: {top.title}{more}"[:200]


def _whole(profile: Profile, notice: Notice) -> str:
    lines = [f"{PURPOSE[notice.purpose]} nr {notice.number} i ärende {notice.matter}", notice.what]
    lines += [f"Var: {notice.place}", f"Hur allvarligt: {severity(notice)}"]
    for asked in notice.asked if notice.purpose is not Purpose.ALL_CLEAR else ():
        lines += [f"{what_to_do(asked, profile)}.", f"Varför just du: {why_you(asked, profile)}."]
    if notice.first_step and notice.answerable:
        lines.append(f"Gör först: {notice.first_step}")
    if notice.answer_by is not None and notice.answerable:
        lines.append(f"Svara senast {clock(profile, notice.answer_by)}.")
    if notice.informed:
        lines.append(f"Vet också: {'; '.join(notice.informed)}.")
    return "\n".join(lines)


def _short(profile: Profile, notice: Notice) -> str:
    """For SMS: what, what to do, by when. The page behind the link says the rest."""
    do = what_to_do(notice.asked[0], profile) if notice.answerable else PURPOSE[notice.purpose]
    by = f" Svara senast {clock(profile, notice.answer_by)}." if notice.answer_by and notice.answerable else ""
    return f"{notice.what[:160]} {do}.{by}"


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
    organisation = profile.policy.registry.organisations[asked.organisation].name
    instead = f", i stället för {asked.instead_of} som inte har svarat" if asked.instead_of else ""
    return f"du är {name} vid {organisation}{instead}. {asked.because}"


def clock(profile: Profile, at: datetime) -> str:
    """A time of day as the city's clocks show it."""
    return f"{at.astimezone(ZoneInfo(profile.policy.settings.timezone)):%H:%M}"


def _link(profile: Profile, notices: tuple[Notice, ...]) -> str:
    verb = "Svara" if any(n.answerable for n in notices) else "Läs"
    address = profile.policy.settings.public_url or ""
    return f"{verb}: {address}/k/{CODE}"
