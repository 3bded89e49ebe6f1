"""The names in a question, as the profile knows them: an id, the name that people see, or an area's old name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from notifiers.profile import Profile
from rules.document import unknown
from streams.commands.console import UsageFault
from streams.commands.question import Question


class _Named(Protocol):
    @property
    def name(self) -> str | None: ...


def named(profile: Profile, question: Question) -> Question:
    """The question with ids for names. UsageFault, with what may have been meant, for what the profile does not
    have."""
    registry = profile.policy.registry
    levels = {level.id: level for level in profile.policy.ladder.levels}
    if question.area is not None and registry.resolve_area(question.area) is None:
        names_too = [*registry.areas, *(a.name for a in registry.areas.values())]
        raise UsageFault(unknown(question.area, names_too, "område"))
    sensors: dict[str, _Named] = {**registry.sensor_kinds, **registry.sensors}
    return replace(
        question,
        incident=_found(question.incident, registry.incident_kinds, "händelselag"),
        function=_found(question.function, registry.functions, "funktion"),
        sensor=_found(question.sensor, sensors, "givare"),
        asset=_found(question.asset, registry.assets, "anläggning"),
        level=_found(question.level, levels, "nivå"),
    )


def _found(given: str | None, known: Mapping[str, _Named], what: str) -> str | None:
    if given is None or given in known:
        return given
    called = sorted(i for i, item in known.items() if given.casefold() in (i.casefold(), (item.name or i).casefold()))
    if len(called) == 1:
        return called[0]
    if called:
        raise UsageFault(f"{what} {given!r} kan vara flera: {', '.join(called)}")
    names_too = [item.name for i, item in known.items() if item.name and item.name.casefold() != i.casefold()]
    raise UsageFault(unknown(given, [*known, *names_too], what))
