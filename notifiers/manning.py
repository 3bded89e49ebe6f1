"""Whether a role is manned at an instant, and in what capacity a person is asked. Until there are calendars, by
its kind of duty."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from notifiers.notice import Row
from notifiers.obligation import Candidate
from notifiers.profile import Profile
from notifiers.roster import OnCall
from rules.calendar import Hours, within


def manned(profile: Profile, role: str, at: datetime) -> bool:
    """False for a role of office hours at any other hour. Whoever is on call or is called in can always be asked."""
    known = profile.roster.roles.get(role)
    if known is None or known.on_call is not OnCall.OFFICE:
        return True
    return within(Hours.OFFICE, at, profile.policy.settings.timezone)


class Standing(StrEnum):
    """In what capacity a person is asked for a row."""

    HOLDER = "holder"  # holds the role
    DEPUTY = "deputy"  # deputises for it
    DELEGATED = "delegated"  # is named in the delegation table
    COVER = "cover"  # holds the role that covers this one
    NEXT = "next"  # is next in the chain: the organisation's head, then the duty officer


def standing(profile: Profile, row: Row, candidate: Candidate) -> Standing:
    """The capacity in which this person of the row's chain is asked."""
    if (candidate.role, candidate.organisation) != row.post:
        return Standing.NEXT
    if candidate.person in row.persons:
        return Standing.DELEGATED
    duty = profile.roster.duties.get(row.post)
    if duty is None or candidate.person not in duty.persons:
        return Standing.COVER
    return Standing.HOLDER if candidate.person == duty.holder else Standing.DEPUTY
