"""Events as facts: what was observed, told in Swedish, with what a rule's texts may quote from it."""

from __future__ import annotations

from datetime import datetime

from rules import duration
from rules.arrival import Reported
from rules.events import Incident, Reading, Severity, Warning
from rules.explain import SEVERITY, incident_name, number, place, quantity, sensor_words
from rules.frozen import cut
from rules.matter import Fact
from rules.registry import Registry
from rules.rule import IncidentsCondition, SensorCondition


def reading_fact(registry: Registry, condition: SensorCondition, reading: Reading, event: str) -> Fact:
    """A sensor beyond a limit."""
    sensor = registry.sensors[reading.sensor]
    kind = registry.sensor_kinds[sensor.kind]
    name, unit = sensor_words(sensor.kind, registry)
    where = place(sensor.asset, (sensor.area,), registry)
    limit = condition.above if condition.above is not None else condition.below
    return Fact(
        key=f"sensor:{reading.sensor}",
        said=f"{name} {quantity(reading.value, unit)} vid {sensor.name or sensor.id}, {where}",
        at=reading.time,
        event=event,
        asset=sensor.asset,
        kind=kind.id,
        areas=(sensor.area,),
        value=reading.value,
        placeholders=(
            ("value", number(reading.value)),
            ("unit", unit),
            ("kind", name),
            ("place", where),
            ("limit", number(limit) if limit is not None else ""),
        ),
    )


def incident_fact(registry: Registry, ref: str, incident: Incident, message: Reported) -> Fact:
    """Something reported and not yet over."""
    name = incident_name(incident.kind, registry)
    where = place(incident.asset, message.areas, registry)
    known = registry.incident_kinds.get(incident.kind)
    # A report about a person may hold a name, and what is told is kept and passed on: there it is left out.
    text = "" if known is not None and known.confidential else incident.text
    source = message.event.source
    return Fact(
        key=f"incident:{ref}",
        said=cut(f"{name}, {where}: {text}" if text else f"{name}, {where}", 1000),
        at=incident.since or message.event.time,
        event=message.event.id,
        asset=incident.asset,
        kind=incident.kind,
        areas=message.areas,
        refs=tuple(x for r in incident.relates_to for x in (r, f"incident:{source}|{r}")),
        danger_to_life=incident.danger_to_life or bool(known and known.danger_to_life),
        placeholders=(("kind", name), ("place", where), ("text", cut(text, 500))),
    )


def warning_fact(registry: Registry, warning: Warning, feed: str, areas: tuple[str, ...], message: Reported) -> Fact:
    """A warning in force, where it holds here."""
    where = place(None, areas, registry)
    severity = SEVERITY[warning.severity]
    title = warning.title or warning.kind
    return Fact(
        key=f"warning:{feed}|{warning.identifier}",
        said=cut(f"{title} ({severity}), {where}", 1000),
        at=warning.starts or message.event.time,
        event=message.event.id,
        kind=warning.kind,
        areas=areas,
        placeholders=(("kind", title), ("place", where), ("text", cut(warning.text, 300)), ("severity", severity)),
    )


def severity_of(fact: Fact) -> Severity:
    """How bad the warning is that the fact tells of."""
    said = dict(fact.placeholders).get("severity")
    return next((severity for severity, word in SEVERITY.items() if word == said), Severity.UNKNOWN)


def silence_fact(registry: Registry, condition: SensorCondition, sensor: str, at: datetime, event: str) -> Fact:
    """A sensor that has not been heard for as long as the condition says."""
    known = registry.sensors[sensor]
    name, unit = sensor_words(known.kind, registry)
    where = place(known.asset, (known.area,), registry)
    silent = duration.say(condition.silent_for) if condition.silent_for is not None else ""
    return Fact(
        key=f"sensor:{sensor}",
        said=f"{name}: inget värde från {known.name or known.id} på {silent}, {where}",
        at=at,
        event=event,
        asset=known.asset,
        kind=known.kind,
        areas=(known.area,),
        silent=True,
        placeholders=(("kind", name), ("unit", unit), ("place", where), ("limit", silent)),
    )


def wanted(condition: IncidentsCondition, fact: Fact, registry: Registry) -> bool:
    """True if the incident is of the sort the condition counts: at such an asset, with or without danger to life."""
    asset = registry.assets.get(fact.asset or "")
    if condition.priority is not None and condition.priority != (asset is not None and asset.priority):
        return False
    if condition.needs is not None and (asset is None or condition.needs not in asset.needs):
        return False
    return condition.danger_to_life is None or condition.danger_to_life == fact.danger_to_life
