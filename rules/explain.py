"""Rules and facts in plain Swedish, with display names and units."""

from __future__ import annotations

from rules import duration
from rules.calendar import Hours
from rules.events import Severity
from rules.registry import Registry
from rules.rule import (
    ANY_WARNING,
    AllCondition,
    AnyCondition,
    AnyCondition_,
    CalendarCondition,
    DecisionCondition,
    Different,
    DistrictsCondition,
    IncidentsCondition,
    SensorCondition,
    SequenceCondition,
    WarningCondition,
)

SEVERITY = {
    Severity.MESSAGE: "meddelande",
    Severity.YELLOW: "gul",
    Severity.ORANGE: "orange",
    Severity.RED: "röd",
    Severity.UNKNOWN: "okänd nivå",
}
HOURS = {
    Hours.NIGHT: "natt (22-06)",
    Hours.WEEKEND: "lördag eller söndag",
    Hours.HOLIDAY: "helgdag",
    Hours.OFFICE: "kontorstid (vardagar 08-17)",
    Hours.OUT_OF_OFFICE: "inte kontorstid",
}
DIFFERENT = {
    Different.DISTRICT: "olika stadsdelsområden",
    Different.NEIGHBOURHOOD: "olika stadsdelar",
    Different.ASSET: "olika anläggningar",
    Different.ORGANISATION: "olika organisationers anläggningar",
    Different.SOURCE: "olika källor",
}


def number(value: float) -> str:
    """A number as Swedish writes it: decimal comma, no more digits than it has."""
    return f"{value:.6g}".replace(".", ",")


def uncapitalised(name: str) -> str:
    """A display name inside a sentence: `Driftjour` becomes `driftjour`, but `IT-stöd` and `TiB` keep their
    capitals."""
    return name if any(c.isupper() for c in name[1:].split(" ")[0]) else name[:1].lower() + name[1:]


def quantity(value: float, unit: str) -> str:
    """A number with its unit, as Swedish writes it."""
    return f"{number(value)} {unit}".strip()


def say(condition: AnyCondition_, registry: Registry) -> str:
    """The condition as a clause that fits after «när»."""
    match condition:
        case SensorCondition():
            return _say_sensor(condition, registry)
        case IncidentsCondition():
            return _say_incidents(condition, registry)
        case WarningCondition():
            what = "någon varning" if ANY_WARNING in condition.warning else f"varning för {_or(condition.warning)}"
            state = "har upphört" if condition.ended else "gäller"
            return f"{what} {state}, lägst {SEVERITY[condition.severity]}"
        case CalendarCondition():
            return f"det är {HOURS[condition.calendar]}"
        case DistrictsCondition():
            how = "beslutat läge" if condition.declared else "larmnivå"
            return f"minst {condition.at_least} stadsdelsområden har {how} {condition.districts} eller högre"
        case DecisionCondition():
            return f"{condition.by} har beslutat {condition.decision}, registrerat av {condition.confirmed_by} personer"
        case SequenceCondition():
            then, time = say(condition.then, registry), duration.say(condition.within)
            return f"{say(condition.first, registry)}, och sedan, inom {time}, {then}"
        case AllCondition():
            return " och ".join(say(c, registry) for c in condition.all)
        case AnyCondition():
            return " eller ".join(say(c, registry) for c in condition.any)


def _say_sensor(condition: SensorCondition, registry: Registry) -> str:
    name, unit = sensor_words(condition.sensor, registry)
    if condition.silent_for is not None:
        return f"{name} inte har gett något värde på {duration.say(condition.silent_for)}"
    if condition.within is not None:
        change = f"stigit minst {quantity(condition.rises, unit)}" if condition.rises is not None else ""
        change = change or f"sjunkit minst {quantity(condition.falls or 0, unit)}"
        return f"{name} har {change} inom {duration.say(condition.within)}"
    limits = []
    if condition.above is not None:
        limits.append(f"över {quantity(condition.above, unit)}")
    if condition.below is not None:
        limits.append(f"under {quantity(condition.below, unit)}")
    if condition.between is not None:
        low, high = condition.between
        limits.append(f"mellan {number(low)} och {quantity(high, unit)}")
    held = f" i minst {duration.say(condition.for_)}" if condition.for_ else ""
    return f"{name} är {' och '.join(limits)}{held}"


def _say_incidents(condition: IncidentsCondition, registry: Registry) -> str:
    kinds = _or(tuple(incident_name(k, registry) for k in condition.incidents))
    many = f"minst {condition.at_least} rapporter om" if condition.at_least > 1 else "någon rapporterar"
    if condition.in_a_row is not None:
        breaking = _or(tuple(incident_name(k, registry) for k in condition.broken_by))
        many, kinds = f"{condition.in_a_row} rapporter i rad om", f"{kinds} (utan {breaking} emellan)"
    where = f" i {DIFFERENT[condition.different]}" if condition.different else ""
    when = f" inom {duration.say(condition.within)}" if condition.within else ""
    return f"{many} {kinds}{_say_which(condition, registry)}{where}{when}"


def _say_which(condition: IncidentsCondition, registry: Registry) -> str:
    which = []
    if condition.priority is not None:
        which.append("vid en prioriterad anläggning" if condition.priority else "vid en anläggning utan prioritet")
    if condition.needs is not None:
        known = registry.functions.get(condition.needs)
        which.append(f"där {uncapitalised(known.name) if known else condition.needs} behövs")
    if condition.danger_to_life is not None:
        which.append("med fara för liv" if condition.danger_to_life else "utan fara för liv")
    if condition.open_for is not None:
        which.append(f"som varit öppen i {duration.say(condition.open_for)}")
    return "".join(f" {w}" for w in which)


def _or(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} eller {words[-1]}"


def sensor_words(name: str, registry: Registry) -> tuple[str, str]:
    """Display name and unit of a sensor or a kind of sensor."""
    sensor = registry.sensors.get(name)
    kind = registry.sensor_kinds[sensor.kind if sensor else name]
    return uncapitalised(kind.name) + (f" ({sensor.name or sensor.id})" if sensor else ""), kind.unit


def incident_name(kind: str, registry: Registry) -> str:
    """The kind's display name inside a sentence; the kind itself if nobody has named it."""
    known = registry.incident_kinds.get(kind)
    return uncapitalised(known.name) if known else kind


def area_name(area: str, registry: Registry) -> str:
    """The area's display name; its id if it has left the profile."""
    known = registry.areas.get(area)
    return known.name if known else area


def place(asset: str | None, areas: tuple[str, ...], registry: Registry) -> str:
    """Where something is, in the words a person would use: the asset and its area, or the areas, or the city."""
    known = tuple(dict.fromkeys(area_name(a, registry) for a in areas))
    names = [*known[:3], *([f"och {len(known) - 3} till"] if len(known) > 3 else [])]
    where = ", ".join(names) or area_name(registry.city, registry)
    return f"{registry.assets[asset].name}, {where}" if asset in registry.assets else where
