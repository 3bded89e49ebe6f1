"""Which policy the embedded host's file runs with, and whether another may take over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rules.frozen import Frozen, Instant
from rules.matter import Matter
from rules.policy import Policy
from rules.reload import stranded
from streams.journal import Journal

NAME = "in-force"


class InForce(Frozen):
    """A policy's hash, since when it is in force, and the identities of its rules."""

    hash: str
    since: Instant
    rules: frozenset[str]

    def of(self, policy: Policy) -> bool:
        """True if this is the policy. Another program may give the rules of the same files other identities."""
        return self.hash == policy.hash and self.rules == policy.by_identity.keys()


class StrandedError(Exception):
    """A profile cannot take over the open matters. The message says which and why, a line each, in Swedish."""


def in_force(journal: Journal) -> InForce | None:
    """What the file last ran with; None if it has run with nothing."""
    noted = journal.noted(NAME)
    return InForce.model_validate_json(noted) if noted is not None else None


def put_in_force(journal: Journal, policy: Policy, at: datetime) -> frozenset[str]:
    """Notes the policy as the one in force, from now unless it was already. Returns the identities that are new."""
    known, rules = in_force(journal), frozenset(policy.by_identity)
    since = known.since if known is not None and known.hash == policy.hash else at
    journal.note(NAME, InForce(hash=policy.hash, since=since, rules=rules).model_dump_json())
    return rules - known.rules if known is not None else frozenset()


def stranding(policy: Policy, matters: Iterable[Matter]) -> StrandedError | None:
    """Why the policy cannot take these matters over; None if it can."""
    reasons = stranded(policy, matters)
    return StrandedError("\n".join(reasons)) if reasons else None
