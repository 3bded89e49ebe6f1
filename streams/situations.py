"""A situation as plain values for the JSON API: what is wrong, how bad, why, who must answer and who has.

Persons stand as ids; how they are reached is never part of it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from notifiers.notice import NoticeRecord
from notifiers.obligation import Obligation, ObligationState
from notifiers.profile import Profile
from rules.explain import place
from rules.ladder import Action
from rules.matter import Cause, Fact, Matter
from rules.record import LogLine
from streams.view import Situation


def asks(obligation: Obligation) -> bool:
    """True if the row is one that somebody is to answer, rather than one that only tells."""
    return obligation.row.action is not Action.INFORM


def has_answer(obligation: Obligation) -> bool:
    """True once somebody has said that they take it."""
    return obligation.answered_by is not None or obligation.state is ObligationState.ACKNOWLEDGED


def tally(obligations: tuple[Obligation, ...]) -> tuple[int, int]:
    """How many of those who are to answer have, and how many they are."""
    asked = [o for o in obligations if asks(o)]
    return sum(has_answer(o) for o in asked), len(asked)


def summary(situation: Situation, matter: Matter, profile: Profile) -> dict[str, Any]:
    """The head of a situation: what a list needs."""
    answered, of = tally(situation.obligations)
    return {
        "id": matter.id,
        "realm": situation.realm,
        "title": matter.title,
        "place": place(None, matter.areas, profile.policy.registry),
        "areas": matter.areas,
        "alert_level": matter.alert_level,
        "basis": matter.basis,
        "declared_state": matter.declared_state,
        "generation": matter.generation,
        "danger_to_life": matter.danger_to_life,
        "opened_at": matter.opened_at,
        "changed_at": matter.changed_at,
        "closed_at": matter.closed_at,
        "answered": {"answered": answered, "of": of},
    }


def whole(situation: Situation, matter: Matter, profile: Profile) -> dict[str, Any]:
    """All that is known of a situation."""
    records = tuple(situation.notices.values())
    return summary(situation, matter, profile) | {
        "policy": matter.policy,
        "above": [a.model_dump(mode="json") for a in matter.above],
        "joined_into": matter.joined_into,
        "grade": matter.grade,
        "territory": matter.territory,
        "assets": matter.assets,
        "functions": matter.functions,
        "families": matter.families,
        "causes": [_cause(c) for c in matter.causes],
        "proposals": [p.model_dump(mode="json") for p in matter.proposals],
        "plan": [_row(o, profile) for o in situation.obligations],
        "notices": {
            "by_state": dict(Counter(r.state.value for r in records)),
            "messages": [_notice(r, matter.id) for r in records],
        },
        "log": [_line(line) for line in tuple(situation.log)],
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return cause.model_dump(
        mode="json",
        include={"id", "rule", "name", "level", "because", "message", "first_step", "policy"}
        | {"danger_to_life", "opened_at", "cleared_at", "explained_by"},
    ) | {"facts": [_fact(f) for f in cause.facts]}


def _fact(fact: Fact) -> dict[str, Any]:
    return fact.model_dump(mode="json", include={"said", "at", "event", "kind", "asset", "areas", "value"})


def _row(obligation: Obligation, profile: Profile) -> dict[str, Any]:
    row = obligation.row
    return {
        "role": row.role,
        "role_name": profile.roster.role_name(row.role),
        "organisation": row.organisation,
        "organisation_name": organisation_name(row.organisation, profile),
        "wave": row.wave,
        "action": row.action,
        "principle": row.principle,
        "because": row.because,
        "relation": row.relation,
    } | obligation.model_dump(
        mode="json",
        include={"generation", "state", "person", "asked", "deadline", "reached", "round"}
        | {"answered_by", "answered_at"},
    )


def _notice(record: NoticeRecord, matter: str) -> dict[str, Any]:
    about = [n for n in record.notices if n.matter == matter]
    return record.model_dump(mode="json", include={"id", "person", "state", "medium", "attempts", "at"}) | {
        "purposes": [n.purpose for n in about],
        "numbers": [n.number for n in about],
        "generation": max((n.generation for n in about), default=None),
    }


def _line(line: LogLine) -> dict[str, Any]:
    return line.model_dump(mode="json", include={"at", "what", "said", "person", "event"})


def organisation_name(organisation: str, profile: Profile) -> str:
    """The display name; the id if the organisation has left the profile."""
    known = profile.policy.registry.organisations.get(organisation)
    return known.name if known else organisation
