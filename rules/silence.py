"""Silence that something else explains: a power cut, and the sensors that need power (semantics 11).

Theory. A rule says whose silence it explains (`explains_silence`). While such a cause is open, its matter goes down as
a fact to each key whose districts it touches. There a silence of those sensors, in those places, joins the matter (or
the others that it explains there) and asks nobody to act; it is told once. A sensor that fell silent beyond its limit
joins too, but asks as before: that is never inhibited (semantics 8). When the explanation is over and the sensor is
still silent, whoever is responsible is asked.
"""

from __future__ import annotations

from typing import Literal

from rules.frozen import Frozen, Text
from rules.matter import Cause, Matter
from rules.registry import Registry


class Explanation(Frozen):
    """An open matter that explains why these sensors (or kinds of sensor) are silent in these areas."""

    matter: str
    title: Text
    sensors: tuple[str, ...]
    areas: tuple[str, ...]

    def covers(self, sensor: str, registry: Registry) -> bool:
        """True if it explains the silence of this sensor."""
        known = registry.sensors.get(sensor)
        if known is None or not {known.id, known.kind} & set(self.sensors):
            return False
        return any(area in registry.ancestors(known.area) for area in self.areas)


class Explanations(Frozen):
    """What explains silence under a key."""

    kind: Literal["explanations"] = "explanations"
    found: tuple[Explanation, ...] = ()

    def of(self, cause: Cause, registry: Registry) -> Explanation | None:
        """What explains all of a cause's silence, or None."""
        sensors = [f.key.removeprefix("sensor:") for f in cause.facts]
        return next((e for e in self.found if all(e.covers(s, registry) for s in sensors)), None)


def explanation(matter: Matter | None, registry: Registry) -> Explanation | None:
    """What the matter explains as it stands; None if nothing. What is wrong at no known place is so everywhere."""
    causes = [c for c in matter.open_causes if c.explains] if matter is not None and matter.open else []
    if matter is None or not causes:
        return None
    sensors = {s for c in causes for s in c.explains}
    areas = {a for c in causes for f in c.facts for a in (f.areas or (registry.city,)) if a in registry.areas}
    return Explanation(matter=matter.id, title=matter.title, sensors=tuple(sorted(sensors)), areas=tuple(sorted(areas)))


def is_silence(cause: Cause) -> bool:
    """True if the cause is that sensors are not heard, and nothing else."""
    return all(f.silent for f in cause.facts)


def is_silent_over_limit(cause: Cause) -> bool:
    """True if a sensor fell silent beyond its limit: that asks whatever explains it."""
    return cause.id.startswith("silent|")
