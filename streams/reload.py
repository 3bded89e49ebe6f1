"""An edited profile on its way in: loaded, checked and tried by its stories before it may take over, and what came of
it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from notifiers.profile import Profile, load_profile
from rules.document import Fault, Gravity
from rules.policy import CompiledRule
from streams.commands.profiles import load_map
from streams.intake import Intake
from streams.play import Missed, play
from streams.story import Told, read_stories
from streams.story_names import misnamed

Address = Callable[[Profile], Profile]
"""Gives a profile the address that links point to. Raises AddressError if it cannot be used."""


class AddressError(Exception):
    """The address in every link would lead nowhere. The message says why, in Swedish."""


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """What came of a reload. With faults nothing was changed, and `hash` and `rules` are of the profile that goes on.

    `changed`: rules whose text, recipients, level or condition differ. `anew`: those of them whose condition differs,
    so that they begin from the last values (semantics 16). `secrets`: why the secrets file, or the certificate, was not
    read anew; those in force go on, whatever became of the profile.
    """

    hash: str
    rules: int
    changed: tuple[str, ...] = ()
    anew: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.faults and not self.secrets


def compared(before: Profile, now: Profile) -> ReloadReport:
    """The report of a profile that took over from another."""
    old, new = _by_id(before), _by_id(now)
    both = [i for i in new if i in old]
    return ReloadReport(
        hash=now.hash,
        rules=len(new),
        changed=tuple(i for i in both if (old[i].rule, old[i].level) != (new[i].rule, new[i].level)),
        anew=tuple(i for i in both if old[i].identity != new[i].identity),
        added=tuple(i for i in new if i not in old),
        removed=tuple(i for i in old if i not in new),
    )


def refused(goes_on: Profile, faults: tuple[str, ...]) -> ReloadReport:
    """The report of a profile that may not take over from this one."""
    return ReloadReport(hash=goes_on.hash, rules=len(goes_on.policy.rules), faults=faults)


def _by_id(profile: Profile) -> dict[str, CompiledRule]:
    return {r.rule.id: r for r in profile.policy.rules}


def prepared(directory: Path, address: Address, *, open_door: bool) -> Intake | tuple[str, ...]:
    """The intake of the profile in this directory, or every reason why it may not be used, as file:line:col."""
    profile, faults = load_profile(directory)
    if profile is None:
        return tuple(str(f) for f in faults if f.gravity is Gravity.ERROR)
    found = load_map(profile, directory)
    if isinstance(found, Fault):
        return (str(found),)
    try:
        addressed = address(profile)
    except AddressError as error:
        return (f"{directory}: {error}",)
    # The stories hold no keys: at their door a source is taken at its word.
    told = stories_fail(Intake(addressed, found, open_door=True), directory)
    return told or Intake(addressed, found, open_door=open_door)


def stories_fail(intake: Intake, directory: Path) -> tuple[str, ...]:
    """Every story beside the rules that cannot be read or does not come out as told; empty if there are none."""
    if not (directory / "stories").is_dir():
        return ()
    told, faults = read_stories(directory / "stories")
    wrong = [*faults, *(fault for one in told for fault in misnamed(one, intake.profile))]
    errors = tuple(str(f) for f in sorted(wrong) if f.gravity is Gravity.ERROR)
    return errors or tuple(miss for one in told for miss in _misses(one, intake))


def _misses(told: Told, intake: Intake) -> tuple[str, ...]:
    try:
        missed = play(told.story, intake).missed
    except Exception as error:  # a story that stops a stage is one that fails; the profile does not take over
        return (f"{told.file}:{told.line}:1: {told.story.name}: gick inte att spela ({type(error).__name__}: {error})",)
    return tuple(_said(told, miss) for miss in missed)


def _said(told: Told, miss: Missed) -> str:
    return f"{told.file}:{told.line_of(miss.step)}:1: {told.story.name}: {miss}"
