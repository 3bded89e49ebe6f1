"""A whole profile: the policy of `rules` and the roster, loaded together from one directory and checked as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from notifiers import wording as say
from notifiers.roster import LAST_RESORT, Answering, Duty, Exercise, Person, Role, Roster
from rules.document import Section
from rules.fault import Fault, Gravity
from rules.item import Documents, Item
from rules.loader import errors, load_policy
from rules.names import Names
from rules.policy import Policy
from rules.ring import in_words, rings

SECTIONS = {
    "roles": Section(Role),
    "duties": Section(Duty),
    "persons": Section(Person),
    "exercises": Section(Exercise),
    "answering": Section(Answering, single=True),
}


@dataclass(frozen=True)
class Profile:
    """Everything the stages decide by. One value: a reload swaps it whole."""

    policy: Policy
    roster: Roster

    @property
    def hash(self) -> str:
        return self.policy.hash


def load_profile(directory: Path) -> tuple[Profile | None, tuple[Fault, ...]]:
    """The profile, or None if anything is wrong; and all faults and findings, sorted by place."""
    profile, documents = read_profile(directory)
    return profile, tuple(documents.faults)


def read_profile(directory: Path, watch: Callable[[str], None] | None = None) -> tuple[Profile | None, Documents]:
    """The profile, or None if anything is wrong; and the entries it was made of with all faults and findings, sorted
    by place. `watch` hears of each file before it is read."""
    policy, documents = load_policy(directory, SECTIONS, watch)
    if policy is not None:
        documents.faults.extend(_references(documents))
        documents.faults.sort()
    if policy is None or errors(documents):
        return None, documents
    return Profile(policy, _roster(documents)), documents


def _roster(documents: Documents) -> Roster:
    answering = documents.values("answering")
    return Roster(
        roles={r.id: r for r in documents.values("roles")},
        duties={(d.role, d.organisation): d for d in documents.values("duties")},
        persons={p.id: p for p in documents.values("persons")},
        exercises={e.id: e for e in documents.values("exercises")},
        answering=answering[0] if answering else Answering(),
    )


def _references(documents: Documents) -> Iterator[Fault]:
    names = Names(documents)
    for item in documents.items.get("duties", ()):
        yield from _check_duty(item, names)
    for item in documents.items.get("exercises", ()):
        yield from _check_exercise(item, names)
    for item in documents.items.get("persons", ()):
        if not item.value.contacts:
            yield item.fault((), say.NO_CHANNEL(), Gravity.FINDING)
    for item in documents.items.get("profile", ()):
        yield from names.check(item, "roles", ("required_roles",), item.value.required_roles)
    yield from _check_posts(documents)


def _check_duty(item: Item, names: Names) -> Iterator[Fault]:
    duty: Duty = item.value
    yield from names.check(item, "roles", ("role",), [duty.role])
    yield from names.check(item, "organisations", ("organisation",), [duty.organisation])
    yield from names.check(item, "persons", ("holder",), [duty.holder])
    yield from names.check(item, "persons", ("deputies",), duty.deputies)
    yield from names.check(item, "roles", ("covered_by",), [duty.covered_by])
    if not duty.covered_by and len(duty.persons) < 2:
        # Semantics 20: one person is nobody, some night.
        yield item.fault((), say.NO_DEPUTY(role=duty.role, organisation=duty.organisation))


def _check_exercise(item: Item, names: Names) -> Iterator[Fault]:
    yield from names.check(item, "persons", ("leader",), [item.value.leader])
    for index, participant in enumerate(item.value.participants):
        at = ("participants", index)
        yield from names.check(item, "persons", (*at, "person"), [participant.person])
        yield from names.check(item, "roles", (*at, "role"), [participant.role])
        yield from names.check(item, "organisations", (*at, "organisation"), [participant.organisation])


def _check_posts(documents: Documents) -> Iterator[Fault]:
    """Every post that somebody may be told through exists and ends in a person."""
    roster = _roster(documents)
    if not roster.organisations_with(LAST_RESORT):
        any_item = next(iter(documents.items["profile"]))
        yield any_item.fault((), say.NO_LAST_RESORT(role=LAST_RESORT))
    for item in documents.items.get("duties", ()):
        if not roster.persons_of((item.value.role, item.value.organisation), "live"):
            yield item.fault((), say.DUTY_NOBODY(role=item.value.role, organisation=item.value.organisation))
    for item in documents.items.get("organisations", ()):
        for key in ("duty", "head"):
            role = getattr(item.value, key)
            if role and (role, item.value.id) not in roster.duties:
                yield item.fault((key,), say.POST_NOBODY(role=role, organisation=item.value.id))
        for index, responsibility in enumerate(item.value.functions):
            if responsibility.role and (responsibility.role, item.value.id) not in roster.duties:
                message = say.POST_NOBODY(role=responsibility.role, organisation=item.value.id)
                yield item.fault(("functions", index, "role"), message)
    yield from _check_cover(documents, roster)
    yield from _check_addressees(documents, roster)
    yield from _check_delegations(documents, roster)
    yield from _check_twice(documents)


def _check_cover(documents: Documents, roster: Roster) -> Iterator[Fault]:
    """Duties that cover each other in a ring: whoever is last in it has nobody behind them."""
    items = {(i.value.role, i.value.organisation): i for i in documents.items.get("duties", ())}
    covers = {post: (cover,) if (cover := roster.cover(post)) else () for post in roster.duties}
    for ring in rings(covers):
        said = in_words([f"{role}@{organisation}" for role, organisation in ring])
        yield items[ring[0]].fault(("covered_by",), say.COVER_RING(ring=said))


def _check_addressees(documents: Documents, roster: Roster) -> Iterator[Fault]:
    for section, keys in (("levels", ("adds", "adds_when_decided")), ("rules", ("notify", "also_notify"))):
        for item in documents.items.get(section, ()):
            for key in keys:
                for addressee in getattr(item.value, key):
                    where = roster.organisations_with(addressee.role)
                    if addressee.organisation and addressee.organisation not in where:
                        yield item.fault(
                            (key,), say.TOLD_NOBODY(role=addressee.role, organisation=addressee.organisation)
                        )
                    elif not where:
                        yield item.fault((key,), say.ROLE_NOBODY(role=addressee.role))


def _check_delegations(documents: Documents, roster: Roster) -> Iterator[Fault]:
    """Whoever is asked to decide is asked through a post, so the post must exist."""
    for item in documents.items.get("delegations", ()):
        where = roster.organisations_with(item.value.role)
        if item.value.organisation and item.value.organisation not in where:
            yield item.fault(("role",), say.POST_NOBODY(role=item.value.role, organisation=item.value.organisation))
        elif not where:
            yield item.fault(("role",), say.ROLE_NOBODY(role=item.value.role))


def _check_twice(documents: Documents) -> Iterator[Fault]:
    seen: set[tuple[str, str]] = set()
    for item in documents.items.get("duties", ()):
        post = (item.value.role, item.value.organisation)
        if post in seen:
            yield item.fault(("role",), say.POST_TWICE(role=post[0], organisation=post[1]))
        seen.add(post)
