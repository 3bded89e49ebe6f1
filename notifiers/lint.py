"""Rules that nobody would hear of, or that nobody is responsible for.

Both are FINDINGs, never errors: the program itself always tells `tib` when nobody else is known
(`responsibility_unresolved`), so such a rule loses no alarm, and a profile in use must not stop loading because
somebody has left. They are looked for where a person asks (`beredd check`), since they depend on the day: an
organisation is valid from and to a date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from notifiers.foreseen import foresee
from notifiers.notice import Row
from notifiers.profile import Profile
from notifiers.wording import NOBODY_REACHED, NOBODY_RESPONSIBLE
from rules.events import LIVE
from rules.fault import Fault, Gravity, Message
from rules.item import Documents


def lint(
    profile: Profile, documents: Documents, now: datetime, watch: Callable[[int], None] | None = None
) -> Iterator[Fault]:
    """A finding for every rule that would reach nobody responsible, or nobody at all. `watch` hears how many rules have
    been looked at."""
    rules = {rule.rule.id: rule for rule in profile.policy.rules}
    for done, item in enumerate(documents.items.get("rules", ())):
        if watch is not None:
            watch(done)
        told = _unheard(profile, foresee(profile, rules[item.value.id], now).rows)
        if told is not None:
            yield item.fault((), told, Gravity.FINDING)


def _unheard(profile: Profile, rows: tuple[Row, ...]) -> Message | None:
    if not any(_reached(profile, row) for row in rows):
        return NOBODY_REACHED()
    if all(row.responsibility_unresolved for row in rows):
        roles = dict.fromkeys(row.role for row in rows)
        return NOBODY_RESPONSIBLE(role=", ".join(roles))
    return None


def _reached(profile: Profile, row: Row) -> bool:
    persons = row.persons or profile.roster.persons_of(row.post, LIVE)
    return any(profile.roster.contacts(person, LIVE) for person in persons)
