"""The door's judgement of an event: who may say this, where it happened, and which stage's key it goes to.

Stateless: everything follows from the profile, the event and the credential. What is not allowed is refused with a
reason; what is allowed but odd (an old area name, a place outside the city) is taken and flagged, since a wrong place
must never silence an incident.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from pathlib import Path

from msgspec.structs import replace

from notifiers.alert import Answered
from notifiers.profile import Profile
from notifiers.tokens import PersonPrincipal, Principal, Scope, SourcePrincipal
from rules.arrival import Reported
from rules.events import Acknowledgement, Decision, Event, Incident, Readings, Verdict, Warning, Warnings
from rules.frozen import Frozen
from rules.geography import Geography, load_geography
from rules.registry import Source
from rules.step import Stage
from streams.refusal import Reason, Refusal

DOOR = "urn:beredd:door"
"""The source of what people say through our own pages and commands."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """A message for a stage's key."""

    stage: Stage
    key: str
    message: Frozen


class Intake:
    """The judgement under one profile. `open_door`: no tokens are configured, so a source is taken at its word
    (loopback
    only); a decision needs a person's own token even then."""

    def __init__(self, profile: Profile, geography: Geography, *, open_door: bool) -> None:
        self.profile = profile
        self.geography = geography
        self.open_door = open_door
        self._registry = profile.policy.registry
        self.sensors = self._registry.sensors.keys()
        self._sources = {s.source: s for s in self._registry.sources.values()}

    # --- may they? ---------------------------------------------------------------------------------------------------

    def admit(self, event: Event, principal: Principal | None) -> Event | Refusal:
        """The event as it may enter (a decision with its person filled in), or why it may not."""
        match event.payload:
            case Decision():
                return self._admit_decision(event, event.payload, principal)
            case Acknowledgement() if isinstance(principal, PersonPrincipal):
                if Scope.ANSWER not in principal.may:
                    return _no(Reason.PERSON, "nyckeln får inte användas till att svara (may: answer)")
                if principal.person != event.payload.person:
                    return _no(Reason.PERSON, "en person kan bara svara för sig själv")
                return event
            case _:
                return self._admit_source(event, principal)

    def _admit_source(self, event: Event, principal: Principal | None) -> Event | Refusal:
        source = self._sources.get(event.source)
        if source is None:
            return _no(Reason.SOURCE, f"källan {event.source!r} är inte registrerad (avsnittet sources i profilen)")
        if not self.open_door and not (isinstance(principal, SourcePrincipal) and principal.source == source.id):
            return _no(Reason.SOURCE, f"nyckeln hör inte till källan {source.id!r}")
        if isinstance(principal, SourcePrincipal) and Scope.REPORT not in principal.may:
            return _no(Reason.RIGHT, "nyckeln får inte användas till att rapportera (may: report)")
        refusal = self._right(event, source)
        return refusal or event

    def _right(self, event: Event, source: Source) -> Refusal | None:
        who = f"källan {source.id!r} får inte"
        if event.kind not in source.may:
            return _no(Reason.RIGHT, f"{who} rapportera {event.kind}; bara {', '.join(source.may)}")
        if not any(_realm_matches(event.realm, allowed) for allowed in source.realms):
            return _no(Reason.REALM, f"{who} rapportera i {event.realm}; bara i {', '.join(source.realms)}")
        if isinstance(event.payload, Incident) and source.kinds and event.payload.kind not in source.kinds:
            return _no(Reason.RIGHT, f"{who} rapportera händelselaget {event.payload.kind!r}")
        if isinstance(event.payload, Readings):
            named = {r.sensor: True for r in event.payload.readings}
            strange = next((sensor for sensor in named if sensor not in self.sensors), None)
            if strange is not None:
                return _no(Reason.SENSOR, f"givaren {strange!r} finns inte i registret (avsnittet sensors)")
        areas = self.areas(event) if source.areas else ()
        outside = next((a for a in areas if not self._within(a, source.areas)), None)
        if outside is not None:
            return _no(Reason.RIGHT, f"{who} rapportera om {outside!r}; bara om {', '.join(source.areas)}")
        return None

    def _within(self, area: str, allowed: tuple[str, ...]) -> bool:
        return any(self._registry.within(area, a) for a in allowed)

    def _admit_decision(self, event: Event, decision: Decision, principal: Principal | None) -> Event | Refusal:
        """A decision is a person's own: the credential says whose, and no event can say otherwise (semantics 15)."""
        if not isinstance(principal, PersonPrincipal):
            return _no(Reason.PERSON, "ett beslut kräver beslutsfattarens egen nyckel")
        if Scope.DECIDE not in principal.may:
            return _no(Reason.PERSON, "nyckeln får inte användas till att besluta (may: decide)")
        if decision.person not in (None, principal.person):
            return _no(Reason.PERSON, f"nyckeln hör till {principal.person!r}, inte till {decision.person!r}")
        return event.model_copy(update={"payload": decision.model_copy(update={"person": principal.person})})

    # --- where? ------------------------------------------------------------------------------------------------------

    def areas(self, event: Event) -> tuple[str, ...]:
        """The smallest known areas an event touches; empty if it names no place that the registry knows."""
        return self._place(event)[0]

    def _place(self, event: Event) -> tuple[tuple[str, ...], tuple[str, ...]]:
        match event.payload:
            case Incident():
                return self._incident_place(event.payload)
            case Readings(readings=readings):
                return tuple(sorted({self._registry.sensors[r.sensor].area for r in readings})), ()
            case Warnings():
                return tuple(sorted({a for w in self._placed(event.payload).warnings for a in w.areas})), ()
            case Decision():
                return (self._decision_home(event.payload),), ()
            case Acknowledgement():
                return (), ()

    def _incident_place(self, incident: Incident) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Asset, then position, then the named area; the more exact one wins, and a disagreement is flagged."""
        asset = self._registry.assets.get(incident.asset or "")
        at = self.geography.area_at(incident.position) if incident.position is not None else None
        named = self._registry.resolve_area(incident.area) if incident.area is not None else None
        flags = []
        if incident.asset is not None and asset is None:
            flags.append(f"okänd anläggning {incident.asset!r}")
        if incident.position is not None and at is None:
            flags.append("positionen ligger utanför kartan")
        if incident.area is not None and named is None:
            flags.append(f"okänt område {incident.area!r}")
        exact = asset.area if asset else at or named
        if exact and named and not (self._registry.within(exact, named) or self._registry.within(named, exact)):
            flags.append(f"platsen ligger i {exact}, men rapporten säger {named}")
        return ((exact,) if exact else ()), tuple(flags)

    def _placed(self, warnings: Warnings) -> Warnings:
        """The warnings with their areas as the registry's: by polygon where there is one, since a county's list is
        wider
        than its warning (domain E.1)."""
        placed = []
        for warning in warnings.warnings:
            areas = self._warned(warning)
            placed.append(warning.model_copy(update={"areas": areas, "shapes": ()}))
        return warnings.model_copy(update={"warnings": tuple(placed)})

    def _warned(self, warning: Warning) -> tuple[str, ...]:
        """Where a warning holds: what its shapes touch, else the areas it names; one that names no place at all is the
        city's. One about somewhere else holds nowhere here."""
        if warning.shapes and self.geography.polygons:
            return self.geography.districts_of(warning.shapes)
        return self._named(warning.areas) if warning.areas or warning.shapes else (self._registry.city,)

    def _named(self, areas: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted({a for name in areas if (a := self._registry.resolve_area(name)) is not None}))

    def _decision_home(self, decision: Decision) -> str:
        """A matter's id begins with its area's; what an authority declares is the city's own."""
        if decision.decision in (Verdict.DECLARE, Verdict.LIFT) or decision.matter is None:
            return self._registry.city
        area = decision.matter.rsplit("-", 2)[0]
        return area if area in self._registry.areas else self._registry.city

    # --- to whom? ----------------------------------------------------------------------------------------------------

    def route(self, event: Event, received_at: datetime) -> tuple[Addressed, ...]:
        """The messages an admitted event becomes: a batch that spans areas is split (semantics 1), an answer goes to
        every matter it names."""
        event, early = self._clamped(event, received_at)
        match event.payload:
            case Readings():
                return self._route_readings(event, event.payload, early)
            case Acknowledgement():
                return tuple(
                    Addressed(
                        Stage.ALERT,
                        seen.matter,
                        Answered(acknowledgement=event.payload, generation=seen.generation, event=event.id),
                    )
                    for seen in event.payload.matters
                )
            case Warnings():
                placed = event.model_copy(update={"payload": self._placed(event.payload)})
                return (self._reported(self._registry.city, placed, self.areas(event), early),)
            case Incident() | Decision():
                areas, flags = self._place(event)
                return (self._reported(self._registry.home(areas), event, areas, flags + early),)

    def _route_readings(self, event: Event, payload: Readings, early: tuple[str, ...]) -> tuple[Addressed, ...]:
        homes = self.profile.policy.sensor_homes
        found = {homes.get(reading.sensor) for reading in payload.readings}
        if len(found) == 1 and None not in found:
            return tuple(self._reported(home, event, (home,), early) for home in found if home is not None)
        by_home: dict[str, list[int]] = {}
        for index, reading in enumerate(payload.readings):
            if (home := homes.get(reading.sensor)) is not None:
                by_home.setdefault(home, []).append(index)
            # Else it left the profile between the door and here; the others of its batch are not lost for it.
        return tuple(
            self._reported(home, event.model_copy(update={"payload": _some(payload, indices)}), (home,), early)
            for home, indices in sorted(by_home.items())
        )

    @staticmethod
    def _reported(home: str, event: Event, areas: tuple[str, ...], flags: tuple[str, ...]) -> Addressed:
        return Addressed(Stage.ASSESS, home, Reported(event=event, areas=areas, flags=flags))

    def _clamped(self, event: Event, received_at: datetime) -> tuple[Event, tuple[str, ...]]:
        """A time ahead of ours by more than the tolerance is set to ours, and flagged (semantics 6)."""
        latest = received_at + self.profile.policy.settings.tolerance
        payload = event.payload
        if isinstance(payload, Readings) and max(map(_time, payload.readings)) > latest:
            readings = tuple(replace(r, time=received_at) if r.time > latest else r for r in payload.readings)
            event = event.model_copy(update={"payload": Readings(readings=readings)})
        elif isinstance(payload, Incident) and payload.since is not None and payload.since > latest:
            event = event.model_copy(update={"payload": payload.model_copy(update={"since": received_at})})
        elif event.time <= latest:
            return event, ()
        return event.model_copy(update={"time": min(event.time, received_at)}), (
            "tid i framtiden; satt till mottagningstiden",
        )


_time = attrgetter("time")


def _some(payload: Readings, indices: list[int]) -> Readings:
    """Some of the readings. They have been validated once; a flood is no time to do it again."""
    return Readings.model_construct(readings=tuple(payload.readings[i] for i in indices))


def _realm_matches(realm: str, allowed: str) -> bool:
    return realm == allowed or (allowed == "exercise/*" and realm.startswith("exercise/"))


def _no(reason: Reason, message: str) -> Refusal:
    return Refusal(reason=reason, message=message)


def intake_of(profile: Profile, directory: Path, *, open_door: bool) -> Intake:
    """The intake of a profile that was loaded from this directory."""
    name = profile.policy.settings.map
    geography = load_geography(profile.policy.registry, directory / name if name else None)
    return Intake(profile, geography, open_door=open_door)
