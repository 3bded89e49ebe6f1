"""A whole profile: the policy of `rules` and the roster, loaded together from one directory and checked as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from notifiers.roster import LAST_RESORT, Answering, Duty, Exercise, Person, Role, Roster
from rules.document import Documents, Fault, Gravity, Item, Section
from rules.loader import Names, errors, load_policy
from rules.policy import Policy

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
    policy, documents = load_policy(directory, SECTIONS)
    if policy is not None:
        documents.faults.extend(_references(documents))
        documents.faults.sort()
    if policy is None or errors(documents):
        return None, tuple(documents.faults)
    return Profile(policy, _roster(documents)), tuple(documents.faults)


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
            yield item.fault((), "ingen kanal (contacts); personen kan inte nås", Gravity.FINDING)
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
        yield item.fault((), f"{duty.role}@{duty.organisation} saknar ersättare; ange 'deputies' eller 'covered_by'")


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
        yield any_item.fault((), f"ingen har rollen '{LAST_RESORT}', som alltid ska kunna nås (avsnittet duties)")
    for item in documents.items.get("duties", ()):
        if not roster.persons_of((item.value.role, item.value.organisation), "live"):
            yield item.fault((), f"{item.value.role}@{item.value.organisation} leder inte till någon person")
    for item in documents.items.get("organisations", ()):
        for key in ("duty", "head"):
            role = getattr(item.value, key)
            if role and (role, item.value.id) not in roster.duties:
                yield item.fault((key,), f"ingen har rollen {role}@{item.value.id} (avsnittet duties)")
        for index, responsibility in enumerate(item.value.functions):
            if responsibility.role and (responsibility.role, item.value.id) not in roster.duties:
                message = f"ingen har rollen {responsibility.role}@{item.value.id} (avsnittet duties)"
                yield item.fault(("functions", index, "role"), message)
    yield from _check_addressees(documents, roster)
    yield from _check_delegations(documents, roster)
    yield from _check_twice(documents)


def _check_addressees(documents: Documents, roster: Roster) -> Iterator[Fault]:
    for section, keys in (("levels", ("adds", "adds_when_decided")), ("rules", ("notify", "also_notify"))):
        for item in documents.items.get(section, ()):
            for key in keys:
                for addressee in getattr(item.value, key):
                    where = roster.organisations_with(addressee.role)
                    if addressee.organisation and addressee.organisation not in where:
                        yield item.fault((key,), f"ingen har rollen {addressee.role}@{addressee.organisation}")
                    elif not where:
                        yield item.fault((key,), f"ingen har rollen {addressee.role} (avsnittet duties)")


def _check_delegations(documents: Documents, roster: Roster) -> Iterator[Fault]:
    """Whoever is asked to decide is asked through a post, so the post must exist."""
    for item in documents.items.get("delegations", ()):
        where = roster.organisations_with(item.value.role)
        if item.value.organisation and item.value.organisation not in where:
            yield item.fault(
                ("role",), f"ingen har rollen {item.value.role}@{item.value.organisation} (avsnittet duties)"
            )
        elif not where:
            yield item.fault(("role",), f"ingen har rollen {item.value.role} (avsnittet duties)")


def _check_twice(documents: Documents) -> Iterator[Fault]:
    seen: set[tuple[str, str]] = set()
    for item in documents.items.get("duties", ()):
        post = (item.value.role, item.value.organisation)
        if post in seen:
            yield item.fault(("role",), f"{post[0]}@{post[1]} står två gånger")
        seen.add(post)
