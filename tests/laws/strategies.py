"""What the laws and the unit tests of the core are played on: a small town, a rehearsal that watches every step, and
random towns, matters and runs.

The town is made from the same models as a profile's YAML, without its files: a test says only the rules that it is
about.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from notifiers.attempt import Attempt, Verdict
from notifiers.notice import Notice
from notifiers.profile import SECTIONS as PEOPLE
from notifiers.profile import Profile, load_profile
from notifiers.roster import Answering, Roster
from rules.document import Section
from rules.events import (
    Acknowledgement,
    Answer,
    Decision,
    Event,
    Incident,
    Payload,
    Reading,
    Readings,
    Seen,
    Severity,
    Warning,
    Warnings,
)
from rules.events import Verdict as Ruling
from rules.ladder import Action, Addressee, Ladder
from rules.loader import SECTIONS as FACTS
from rules.matter import Cause, Direction, Fact, Matter, Proposal
from rules.policy import Policy, Settings, compile_rule
from rules.record import LogLine, MatterSnapshot
from rules.registry import AreaKind, Registry, Relation
from rules.step import Stage, State, Step
from streams.intake import Addressed, Intake, intake_of
from streams.rehearsal import Providers, Rehearsal, _accepting
from streams.stages import STAGES, written

START = datetime(2026, 10, 13, 3, 40, tzinfo=UTC)
"""05:40 in Stockholm, a Tuesday."""

ROOT = Path(__file__).parents[2]

# --- the small town --------------------------------------------------------------------------------------------------


def _organisation(name: str, relation: str, duty: str, head: str, **more: Any) -> dict[str, Any]:
    kind = {"direct": "board", "request": "company", "inform": "external"}[relation]
    return {"id": name, "name": name.title(), "kind": kind, "relation": relation, "duty": duty, "head": head} | more


DISTRICTS = ("nord", "syd", "ost")

TOWN: Mapping[str, Any] = {
    "areas": [
        {"id": "stad", "name": "Staden", "kind": "city"},
        *({"id": d, "name": d.title(), "kind": "district", "parent": "stad"} for d in DISTRICTS),
        *(
            {"id": f"{d}.{n}", "name": f"{d.title()} {n}", "kind": "neighbourhood", "parent": d}
            for d in DISTRICTS
            for n in ("ett", "tva")
        ),
    ],
    "functions": [
        {"id": "water", "name": "Vatten"},
        {"id": "power", "name": "El"},
        {"id": "streets", "name": "Gator"},
        {"id": "care", "name": "Omsorg"},
        {"id": "orphan", "name": "Ingens ansvar"},
    ],
    "organisations": [
        _organisation("stab", "direct", "tib", "chef"),
        _organisation("vatten", "request", "drift", "vd", functions=["water"], areas=["stad"]),
        _organisation("natet", "inform", "natdrift", "natchef", functions=["power"], areas=["stad"]),
        _organisation("gatan", "direct", "gatujour", "gatuchef", functions=["streets"], areas=["stad"]),
        *(
            _organisation(d, "direct", "cib", "direktor", functions=["care"], areas=[d], coordinates=[d])
            for d in DISTRICTS
        ),
    ],
    "assets": [
        {"id": "boende", "name": "Boendet", "kind": "home", "area": "nord.ett", "operator": "nord", "needs": ["water"]},
        {
            "id": "boende-2",
            "name": "Hemmet",
            "kind": "home",
            "area": "nord.tva",
            "operator": "nord",
            "needs": ["water"],
        },
        {"id": "kiosk", "name": "Kiosken", "kind": "shop", "area": "nord.ett", "operator": "okänd"},
    ],
    "sensor_kinds": [
        {"id": "pressure", "name": "Vattentryck", "unit": "bar", "function": "water", "valid_for": "10 min"},
        {"id": "level", "name": "Vattennivå", "unit": "m", "valid_for": "1 h"},
    ],
    "sensors": [
        {"id": "p-nord", "kind": "pressure", "area": "nord.ett"},
        {"id": "p-nord-2", "kind": "pressure", "area": "nord.tva"},
        {"id": "p-syd", "kind": "pressure", "area": "syd.ett"},
        {"id": "l-nord", "kind": "level", "area": "nord.ett"},
        {"id": "l-syd", "kind": "level", "area": "syd.ett"},
    ],
    "incident_kinds": [
        {"id": "leak", "name": "Läcka", "functions": ["water"]},
        {"id": "no-water", "name": "Inget vatten", "functions": ["water"], "lacks": "water"},
        {"id": "pothole", "name": "Hål i gatan", "functions": ["streets"]},
        {"id": "fire", "name": "Brand", "danger_to_life": True},
        {"id": "pump", "name": "Pumplarm", "functions": ["streets"]},
        {"id": "clean-sample", "name": "Godkänt prov", "functions": ["water"]},
    ],
    "families": [{"id": "water", "name": "Vatten", "kinds": ["pressure", "leak", "no-water"]}],
    "sources": [
        {"id": "door", "name": "Dörren", "source": "urn:beredd:door", "may": ["decision", "acknowledgement"]},
        {"id": "any", "name": "Alla", "source": "urn:test", "may": ["incident", "readings", "warning"]},
    ],
    "levels": [
        {"id": "normal", "name": "Normalläge", "entered": "detected"},
        {
            "id": "särskild händelse",
            "name": "Särskild händelse",
            "entered": "decided",
            "adds": [{"role": "tib", "organisation": "stab", "action": "coordinate"}],
            "adds_when_decided": [{"role": "chef", "organisation": "stab", "action": "support"}],
        },
        {
            "id": "höjd beredskap",
            "name": "Höjd beredskap",
            "entered": "declared",
            "by": "regeringen",
            "adds": [{"role": "chef", "organisation": "stab"}],
        },
    ],
    "delegations": [
        {"role": "chef", "level": "särskild händelse", "scope": "stad", "persons": ["stab-chef-1", "stab-chef-2"]},
        *(
            {
                "role": "direktor",
                "organisation": d,
                "level": "särskild händelse",
                "scope": d,
                "persons": [f"{d}-direktor-1", f"{d}-direktor-2"],
            }
            for d in DISTRICTS
        ),
        {
            "role": "tib",
            "level": "höjd beredskap",
            "scope": "stad",
            "may": ["declare", "lift"],
            "persons": ["stab-tib-1", "stab-tib-2"],
        },
    ],
    "exercises": [
        {
            "id": "ovning",
            "name": "Övning",
            "leader": "ledare",
            "participants": [{"role": "drift", "organisation": "vatten", "person": "vatten-drift-2"}],
        }
    ],
}
"""Three districts, a water company, a grid owner outside the city, a street office. Every post has two persons, named
`organisation-role-number`."""


def _people(spec: Mapping[str, Any]) -> dict[str, Any]:
    posts = [(o["id"], o[key]) for o in spec["organisations"] for key in ("duty", "head") if o.get(key)]
    persons = [f"{o}-{r}-{n}" for o, r in posts for n in (1, 2)] + ["ledare"]
    return {
        "roles": [{"id": r, "name": r.title()} for r in dict.fromkeys(r for _, r in posts)],
        "duties": [
            {"role": r, "organisation": o, "holder": f"{o}-{r}-1", "deputies": [f"{o}-{r}-2"]}
            for o, r in dict.fromkeys(posts)
        ],
        "persons": [
            {
                "id": p,
                "name": p.replace("-", " ").title(),
                "contacts": [{"medium": "push", "channel": f"{p}-push"}, {"medium": "sms", "channel": f"{p}-sms"}],
                "exercise_contacts": [{"medium": "mail", "channel": f"ovning-{p}"}],
            }
            for p in dict.fromkeys(persons)
        ],
    }


def town(rules: Iterable[Mapping[str, Any]] = (), **changes: Any) -> Profile:
    """The small town with these rules. `changes` replaces sections; `profile` holds settings."""
    spec = dict(TOWN) | changes
    return profile_of(_people(spec) | spec | {"rules": [dict(r) for r in rules]})


def profile_of(spec: Mapping[str, Any]) -> Profile:
    """A profile from the entries of its sections, as the loader would build it from good files."""

    def read(section: str, model: Section) -> tuple[Any, ...]:
        return tuple(model.model.model_validate(entry) for entry in spec.get(section, ()))

    facts = {s: read(s, m) for s, m in FACTS.items() if s != "profile"}
    people = {s: read(s, m) for s, m in PEOPLE.items() if s != "answering"}
    ladder = Ladder(facts["levels"], facts["delegations"])
    by_id = {s: {v.id: v for v in found} for s, found in facts.items() if s not in ("delegations", "levels", "rules")}
    registry = Registry(city=next(a.id for a in facts["areas"] if a.kind is AreaKind.CITY), **by_id)
    settings = Settings.model_validate({"name": "Staden", "hold": "30 min"} | spec.get("profile", {}))
    rules = tuple(compile_rule(rule, ladder) for rule in facts["rules"])
    roster = Roster(
        roles={r.id: r for r in people["roles"]},
        duties={(d.role, d.organisation): d for d in people["duties"]},
        persons={p.id: p for p in people["persons"]},
        exercises={e.id: e for e in people["exercises"]},
        answering=Answering.model_validate(spec.get("answering", {})),
    )
    return Profile(Policy(settings, registry, ladder, rules, "test"), roster)


# --- a rehearsal that is watched -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen_:
    """One step as it was taken."""

    stage: Stage
    realm: str
    key: str
    message: Any
    now: datetime
    step: Step[Any, Any]


@dataclass(slots=True)
class Watched(Rehearsal):
    """A rehearsal that keeps every step. `strict`: each is taken twice, on a state that cannot be written to, and must
    come out the same and leave the state as it was."""

    strict: bool = False
    steps: list[Seen_] = field(default_factory=list)

    def _step(self, addressed: Addressed, realm: str, now: datetime) -> list[Addressed]:
        where = (addressed.stage, realm, addressed.key)
        entries = self.states.setdefault(where, {})
        before = {k: written(v) for k, v in entries.items()} if self.strict else {}
        state: State[Any] = State(realm, addressed.key, MappingProxyType(entries))
        step = STAGES[addressed.stage].step(self.intake.profile, state, addressed.message, now)
        if self.strict:
            again = STAGES[addressed.stage].step(self.intake.profile, state, addressed.message, now)
            assert again == step, "equal arguments gave another step"
            assert {k: written(v) for k, v in entries.items()} == before, "a step wrote to the state it was given"
        self.steps.append(Seen_(addressed.stage, realm, addressed.key, addressed.message, now, step))
        return self._carried(where, entries, step)

    def _carried(self, where: tuple[Stage, str, str], entries: dict[str, Any], step: Step[Any, Any]) -> list[Addressed]:
        stage, realm, key = where
        for entry, value in step.changes.items():
            if value is None:
                entries.pop(entry, None)
            else:
                entries[entry] = value
        for name, due in step.timers.items():
            self.timers.pop((stage, realm, key, name), None)
            if due is not None:
                self.timers[(stage, realm, key, name)] = due
        return [out for output in step.outputs for out in self._output(output, realm)]


class Play:
    """A run of a profile that a test tells in minutes from the start."""

    def __init__(
        self,
        intake: Intake | Profile,
        realm: str = "live",
        providers: Providers = _accepting,
        *,
        strict: bool = False,
        start: datetime = START,
    ) -> None:
        if isinstance(intake, Profile):
            intake = intake_of(intake, ROOT, open_door=True)
        self.intake = intake
        self.start = start
        self.realm = realm
        self.stage = Watched(intake, start, providers, strict=strict)
        self._events = 0
        self._heard = 0

    # --- telling it --------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.stage.now

    def moment(self, minute: float) -> datetime:
        return self.start + timedelta(minutes=minute)

    def at(self, minute: float) -> Play:
        """Lets time pass to this minute."""
        self.stage.advance(self.moment(minute))
        return self

    def event(self, payload: Payload, *, source: str = "urn:test", at: datetime | None = None) -> Event:
        self._events += 1
        found = Event(id=f"e{self._events}", source=source, time=at or self.now, realm=self.realm, payload=payload)
        self.stage.accept(found)
        return found

    def reading(self, sensor: str, value: float, minute: float | None = None) -> Event:
        """A value now, or (minute given) one whose own time is another."""
        time = self.now if minute is None else self.moment(minute)
        return self.event(Readings(readings=(Reading(sensor=sensor, value=value, time=time),)))

    def readings(self, sensor: str, value: float, minutes: Iterable[float]) -> None:
        """The same value at each of these minutes, as they come."""
        for minute in minutes:
            self.at(minute).reading(sensor, value)

    def incident(self, kind: str, ref: str | None = None, minute: float | None = None, **more: Any) -> Event:
        time = None if minute is None else self.moment(minute)
        return self.event(Incident(kind=kind, ref=ref, **more), at=time)

    def over(self, ref: str, kind: str = "okänt", **more: Any) -> Event:
        return self.event(Incident(kind=kind, ref=ref, status="closed", **more))

    def warning(self, kind: str, severity: str, identifier: str = "w1", **more: Any) -> Event:
        warning = Warning(identifier=identifier, kind=kind, severity=Severity(severity), **more)
        return self.event(Warnings(feed="smhi", warnings=(warning,)))

    def listing(self, *warnings: Warning) -> Event:
        """A complete list of what is in force."""
        return self.event(Warnings(feed="smhi", complete=True, warnings=warnings))

    def decide(self, verdict: str, person: str, by: str, **more: Any) -> Event:
        decision = Decision(decision=Ruling(verdict), person=person, by=by, **more)
        return self.event(decision, source="urn:beredd:door")

    def answer(self, person: str, answer: str = "taken", generation: int | None = None, matter: str = "") -> Event:
        known = self.one if not matter else next(m for m in self.matters if m.id == matter)
        seen = Seen(matter=known.id, generation=generation or known.generation)
        said = Acknowledgement(person=person, answer=Answer(answer), matters=(seen,))
        return self.event(said, source="urn:beredd:door")

    # --- looking at it -----------------------------------------------------------------------------------------------

    @property
    def matters(self) -> list[Matter]:
        """Every matter of the realm as it stands, the oldest first."""
        return [s.matter for s in reversed(self.stage.view.situations(self.realm, closed=True)) if s.matter]

    @property
    def open(self) -> list[Matter]:
        return [m for m in self.matters if m.open]

    @property
    def one(self) -> Matter:
        """The only matter there is."""
        (matter,) = self.matters
        return matter

    @property
    def notices(self) -> list[Notice]:
        """Everything alert has asked contact to tell, in order."""
        return [o.message for s in self.stage.steps for o in s.step.outputs if isinstance(o.message, Notice)]

    def heard(self) -> list[Notice]:
        """The notices since the last time this was asked."""
        found = self.notices[self._heard :]
        self._heard += len(found)
        return found

    def told(self) -> set[str]:
        """The persons told something since the last time."""
        return {n.person for n in self.heard()}

    @property
    def sent(self) -> list[Attempt]:
        return [a for r, a in self.stage.sent if r == self.realm]

    @property
    def log(self) -> list[LogLine]:
        return [r for realm, r in self.stage.records if realm == self.realm and isinstance(r, LogLine)]

    def said(self) -> str:
        return "\n".join(f"{line.at:%H:%M} {line.what} {line.said}" for line in self.log)

    def rows(self, matter: str = "") -> dict[tuple[str, str], str]:
        """What is expected of whom, by (role, organisation), in the plan as it stands."""
        identity = matter or self.one.id
        situation = self.stage.view.situation(self.realm, identity)
        assert situation is not None
        return {o.row.post: o.row.action.value for o in situation.obligations if o.row.action is not Action.DECIDE}


def answering(verdicts: Mapping[str, Verdict | None]) -> Providers:
    """Providers that answer by channel name, and accept what is not named."""
    return lambda realm, attempt: verdicts.get(attempt.channel, Verdict.ACCEPTED)


# --- random towns, for the principles --------------------------------------------------------------------------------

LEVELS = ("n0", "n1", "n2", "n3")
_PLACES = ("stad", "d1", "d2", "d1.a", "d2.a")
_FUNCTIONS = ("f1", "f2", "f3")
_ROLES = ("r1", "r2")
_ASSETS = ("a1", "a2", "a3")
_KINDS = ("k1", "k2")
_TOLD = (Action.ACT, Action.COORDINATE, Action.SUPPORT, Action.INFORM)
_BY_LAW = (Action.ACT, Action.SUPPORT, Action.INFORM)
GONE = "2020-01-01"
"""The last day of an organisation that is no more."""


class Dice(random.Random):
    """Small choices, repeatable from a seed. Hypothesis draws the seed and the sizes, which is thirty times as fast as
    drawing every choice, and still shrinks to the smallest town that breaks a law."""

    def some(self, values: Sequence[str], most: int = 2) -> list[str]:
        return self.sample(values, min(len(values), self.randint(0, most)))

    def maybe(self, values: Sequence[str]) -> str | None:
        return self.choice([None, *values])


class Case:
    """A town's sections, its profile, and a matter in it. (No dataclass: hypothesis would print all of it.)"""

    def __init__(self, spec: dict[str, Any], profile: Profile, matter: Matter) -> None:
        self.spec, self.profile, self.matter = spec, profile, matter

    def __repr__(self) -> str:
        facts = [
            (c.action.value, c.functions, [(f.asset, f.kind, f.areas) for f in c.facts]) for c in self.matter.causes
        ]
        notify = [[(a.role, a.organisation, a.action.value) for a in c.notify] for c in self.matter.causes]
        wanted = ("organisations", "assets", "incident_kinds", "levels", "duties")
        said = [f"level {self.matter.alert_level}", f"causes {facts}", f"notify {notify}"]
        return "\n  ".join(["Case:", *said, *(f"{k}: {e}" for k in wanted for e in self.spec[k])])


@st.composite
def cases(draw: st.DrawFn, least: int = 1) -> Case:
    """A random small town, and a matter with some open causes."""
    dice = Dice(draw(st.integers(0, 2**32)))
    spec = _town(dice, draw(st.integers(1, 4)), draw(st.integers(0, 2)))
    profile = profile_of(spec)
    found = tuple(_cause(dice, profile, n) for n in range(draw(st.integers(least, 3))))
    return Case(spec, profile, matter_of(found, dice.choice(LEVELS), "n0", _proposal(dice, profile)))


def _town(dice: Dice, size: int, named: int) -> dict[str, Any]:
    """A town of so many organisations besides the city's own staff, whose levels name so many roles each."""
    names = [f"o{n}" for n in range(1, size + 1)]
    posts = sorted({(r, o) for o in names for r in dice.some(_ROLES)})
    holders = ["p1", "p2", "p3", "p4"]
    kinds = ("city", "district", "district", "neighbourhood", "neighbourhood")
    parents = (None, "stad", "stad", "d1", "d2")
    return {
        "areas": [
            {"id": p, "name": p.upper(), "kind": k, "parent": up}
            for p, k, up in zip(_PLACES, kinds, parents, strict=True)
        ],
        "functions": [{"id": f, "name": f.upper()} for f in _FUNCTIONS],
        "organisations": [
            *(_organisation_of(dice, name, names) for name in names),
            {"id": "stab", "name": "Stab", "kind": "board", "relation": "direct", "duty": "tib"},
        ],
        "assets": [_asset_of(dice, a, names) for a in _ASSETS],
        "incident_kinds": [
            {
                "id": k,
                "name": k,
                "functions": dice.some(_FUNCTIONS),
                "lacks": dice.maybe(_FUNCTIONS),
                "cuts": dice.maybe(_FUNCTIONS),
            }
            for k in _KINDS
        ],
        "roles": [{"id": r, "name": r.upper()} for r in (*_ROLES, "tib")],
        "duties": [
            {"role": "tib", "organisation": "stab", "holder": "tib-1", "deputies": ["tib-2"]},
            *({"role": r, "organisation": o, "holder": dice.choice(holders), "covered_by": "tib"} for r, o in posts),
        ],
        "persons": [{"id": p, "name": p} for p in (*holders, "tib-1", "tib-2")],
        "levels": [
            {"id": level, "name": level, "entered": "detected" if n < 2 else "decided"}
            | {"adds": _addressees(dice, posts, named)}
            | ({"adds_when_decided": _addressees(dice, posts, named)} if n > 1 else {})
            for n, level in enumerate(LEVELS)
        ],
    }


def _organisation_of(dice: Dice, name: str, names: Sequence[str]) -> dict[str, Any]:
    """Somebody in the city, a company, or somebody outside with whoever keeps in touch with it; it may be no more, with
    or without anybody who took over (who may be no more either), or not be yet."""
    relation = dice.choice(list(Relation))
    others = [o for o in names if o != name]
    began, ended = dice.choice([(None, None)] * 4 + [(None, GONE)] * 2 + [("2030-01-01", None)])
    return {
        "id": name,
        "name": name.upper(),
        "kind": {Relation.DIRECT: "board", Relation.REQUEST: "company", Relation.INFORM: "external"}[relation],
        "relation": relation,
        "functions": [
            {"function": f, "areas": dice.some(_PLACES), "role": dice.maybe(_ROLES)} for f in dice.some(_FUNCTIONS)
        ],
        "areas": dice.some(_PLACES),
        "coordinates": dice.some(_PLACES),
        "duty": dice.maybe(_ROLES),
        "head": dice.maybe(_ROLES),
        "valid_from": began,
        "valid_to": ended,
        "succeeded_by": dice.maybe(others) if ended else None,
        "parent": dice.maybe(others),
        "counterpart": dice.choice(["stab", *others]) if relation is Relation.INFORM and dice.random() < 0.7 else None,
        "supervisors": dice.some(others, 1),
        "statutory": [
            {"kinds": [k], "role": dice.maybe(_ROLES), "action": dice.choice(_BY_LAW), "law": "lagen (2000:1)"}
            for k in dice.some(_KINDS, 1)
        ],
    }


def _asset_of(dice: Dice, name: str, names: Sequence[str]) -> dict[str, Any]:
    """What it depends on may depend on it in turn: chains and rings."""
    return {
        "id": name,
        "name": name.upper(),
        "kind": "x",
        "area": dice.choice(_PLACES),
        "operator": dice.choice([*names, "okänd"]),
        "manager": dice.maybe(names),
        "owner": dice.maybe(names),
        "needs": dice.some(_FUNCTIONS),
        "depends_on": dice.some([a for a in _ASSETS if a != name]),
        "users": [{"organisation": o, "role": dice.maybe(_ROLES)} for o in dice.some(names)],
    }


def _addressees(dice: Dice, posts: Sequence[tuple[str, str]], most: int) -> list[dict[str, Any]]:
    found = dice.sample(posts, min(len(posts), dice.randint(0, most)))
    return [
        {"role": r, "action": dice.choice(_TOLD).value, "organisation": o} if dice.random() < 0.7 else {"role": r}
        for r, o in found
    ]


def _fact(dice: Dice, number: int) -> Fact:
    return Fact(
        key=f"incident:{number}",
        said="något",
        at=START,
        asset=dice.maybe(_ASSETS),
        kind=dice.choice(_KINDS),
        areas=tuple(dice.some(_PLACES)),
        danger_to_life=dice.random() < 0.2,
    )


def _cause(dice: Dice, profile: Profile, number: int) -> Cause:
    """An open cause; a later number was opened later."""
    found = tuple(_fact(dice, n) for n in range(dice.randint(1, 2)))
    posts = dice.sample(sorted(profile.roster.duties), dice.choice((0, 0, 1)))
    return Cause(
        id=f"c{number}",
        rule=f"r{number}",
        name=f"Orsak {number}",
        level="n0",
        because="därför",
        facts=found,
        functions=tuple(dice.some(_FUNCTIONS)),
        action=dice.choice((Action.ACT, Action.ACT, Action.SUPPORT, Action.INFORM)),
        notify=tuple(
            Addressee(role=r, organisation=o, action=dice.choice(_TOLD)) if dice.random() < 0.7 else Addressee(role=r)
            for r, o in posts
        ),
        reported=dice.random() < 0.5,
        danger_to_life=any(f.danger_to_life for f in found),
        policy="test",
        opened_at=START + timedelta(minutes=number),
    )


def _proposal(dice: Dice, profile: Profile) -> Proposal | None:
    if dice.random() < 0.5:
        return None
    role, organisation = dice.choice([*sorted(profile.roster.duties), (None, None)])
    return Proposal(
        number=1,
        level="n2",
        direction=Direction.RAISE,
        scope="stad",
        role=role,
        organisation=organisation,
        because="därför",
        causes=("c0",),
        proposed_at=START,
        decide_by=START + timedelta(minutes=15),
    )


def matter_of(found: tuple[Cause, ...], level: str, declared: str, proposal: Proposal | None = None) -> Matter:
    return Matter(
        id="stad-20261013-1",
        area="stad",
        title="Ett ärende",
        opened_at=START,
        changed_at=START,
        areas=tuple(dict.fromkeys(a for c in found for f in c.facts for a in f.areas)),
        causes=found,
        alert_level=level,
        declared_state=declared,
        proposals=(proposal,) if proposal else (),
        policy="test",
    )


# --- random runs over the shipped profile ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that happens in a run. What it means is decided by `make` from the run as it stands, so that any list
    of moves is a run."""

    what: str
    a: int = 0
    b: int = 0
    c: int = 0


WEIGHTS = {
    "reading": 6,
    "late": 1,
    "incident": 6,
    "over": 3,
    "warning": 3,
    "listing": 1,
    "decide": 3,
    "regroup": 2,
    "register": 2,
    "answer": 4,
    "pass": 6,
}
MOVES: st.SearchStrategy[Move] = st.builds(
    Move,
    st.sampled_from([w for w, n in WEIGHTS.items() for _ in range(n)]),
    st.integers(0, 199),
    st.integers(0, 199),
    st.integers(0, 199),
)


def runs(most: int = 20) -> st.SearchStrategy[list[Move]]:
    """Short runs that shrink well, and longer ones that only their seed and length tell."""
    return st.lists(MOVES, min_size=1, max_size=most) | st.builds(
        _storm, st.integers(0, 9999), st.integers(1, 2 * most)
    )


def _storm(seed: int, count: int) -> list[Move]:
    dice = random.Random(seed)
    kinds = [what for what, weight in WEIGHTS.items() for _ in range(weight)]
    return [Move(dice.choice(kinds), *(dice.randrange(200) for _ in range(3))) for _ in range(count)]


def worst(seed: int, count: int = 500) -> Iterator[Move]:
    """A storm that never registers a decision by two persons: the worst that can happen without the Government."""
    dice = random.Random(seed)
    kinds = ["incident", "incident", "reading", "warning", "decide", "answer", "lone", "over", "pass"]
    for _ in range(count):
        yield Move(dice.choice(kinds), dice.randrange(200), dice.randrange(200), dice.randrange(200))


SENSORS = (
    "svoa-tryck-017",
    "svoa-tryck-018",
    "svoa-tryck-010",
    "vattenniva-slussen",
    "elavbrott-sodermalm",
    "pumpgrop-gamla-stan",
    "inne-ringvagen",
    "ute-sodermalm",
)
VALUES = {
    "svoa-tryck": (1.2, 1.8, 2.2, 2.8),
    "vattenniva": (3.0, 3.6, 3.9),
    "elavbrott": (0.0, 800.0, 2500.0),
    "pumpgrop": (0.0, 1.0),
    "inne": (15.0, 21.0),
    "ute": (-12.0, 3.0),
}
KINDS = (
    "leak",
    "flooding",
    "no-water",
    "contamination",
    "pump-alarm",
    "basement-flooding",
    "fire",
    "power-outage",
    "no-power",
    "traffic-accident",
    "marsmanniskor",
)
WHERE: tuple[dict[str, Any], ...] = (
    {"area": "sodermalm"},
    {"area": "sodermalm.sodermalm"},
    {"area": "farsta"},
    {"area": "jarva.kista"},
    {"area": "skarpnack"},
    {"asset": "aldreboende-ringvagen"},
    {"asset": "krematorium-racksta"},
    {"asset": "mobilmast-kista"},
    {},
    {"area": "Nangijala"},
)
DECIDERS = (
    ("forvaltningschef", "p-isak-bjorknaver"),
    ("stadsdirektor", "p-disa-polstjarna"),
    ("forvaltningschef", "p-elof-tallkotte"),
    ("tib", "p-tilda-komet"),
    ("stadsdirektor", "p-anna-ek"),
)
REGISTRARS = ("p-tilda-komet", "p-tore-mane", "p-tyra-stjarna", "p-anna-ek")
SEVERITIES = ("yellow", "orange", "red", "message")


def _value(sensor: str, index: int) -> float:
    values = next(v for prefix, v in VALUES.items() if sensor.startswith(prefix))
    return values[index % len(values)]


def make(play: Play, move: Move) -> Event | None:
    """Carries a move out on the run; the event it was, or None if it was only time or there was nothing to do."""
    a, b, c = move.a, move.b, move.c
    match move.what:
        case "pass":
            play.stage.advance(play.now + timedelta(minutes=(1, 3, 10, 20, 45, 150)[a % 6], seconds=b % 60))
            return None
        case "reading" | "late":
            sensor = SENSORS[a % len(SENSORS)]
            late = timedelta(minutes=c % 40) if move.what == "late" else timedelta(0)
            reading = Reading(sensor=sensor, value=_value(sensor, b), time=play.now - late)
            return play.event(Readings(readings=(reading,)))
        case "incident":
            ref = f"r{c % 8}"
            return play.incident(
                KINDS[a % len(KINDS)], ref, text=f"text {c % 3}", danger_to_life=c % 17 == 0, **WHERE[b % len(WHERE)]
            )
        case "over":
            return play.over(f"r{a % 8}", **WHERE[b % len(WHERE)])
        case "warning":
            ended = c % 7 == 0
            areas = (("sodermalm",), ("stockholm",), ("farsta", "jarva"))[b % 3]
            return play.warning("RAIN", SEVERITIES[a % 4], f"w{c % 3}", areas=areas, ended=ended)
        case "listing":
            return play.listing()
        case "decide":
            return _decided(play, a, b, c)
        case "regroup":
            return _regrouped(play, a, b, c)
        case "register" | "lone":
            person = REGISTRARS[0] if move.what == "lone" else REGISTRARS[a % len(REGISTRARS)]
            verdict = "declare" if b % 3 else "lift"
            reference = f"Fö {c % 2}"
            return play.decide(verdict, person, "regeringen", level="höjd beredskap", reference=reference)
        case "answer":
            return _answered(play, a, b, c)
        case _:
            raise AssertionError(move.what)


def _decided(play: Play, a: int, b: int, c: int) -> Event | None:
    if not play.open:
        return None
    matter = play.open[a % len(play.open)]
    by, person = DECIDERS[b % len(DECIDERS)]
    verdict = ("grant", "refuse", "grant", "close")[c % 4]
    level = (None, "särskild händelse", "höjd beredskap")[c % 3]
    return play.decide(verdict, person, by, matter=matter.id, level=level)


def _regrouped(play: Play, a: int, b: int, c: int) -> Event | None:
    """Two matters of one area joined, or a cause split off, by one who may and one who may not."""
    if not play.open:
        return None
    matter = play.open[a % len(play.open)]
    beside = [m for m in play.open if m.area == matter.area and m is not matter] or [matter]
    person = ("p-tilda-komet", "p-tilda-komet", "p-anna-ek")[c % 3]
    if b % 2:
        return play.decide("join", person, "tib", matter=matter.id, into=beside[b % len(beside)].id)
    causes = matter.open_causes
    return play.decide("split", person, "tib", matter=matter.id, cause=causes[b % len(causes)].id) if causes else None


def _answered(play: Play, a: int, b: int, c: int) -> Event | None:
    notices = [n for n in play.notices if n.answerable]
    if not notices:
        return None
    notice = notices[-1 - a % min(len(notices), 20)]
    seen = Seen(matter=notice.matter, generation=notice.generation)
    said = Acknowledgement(person=notice.person, answer=Answer(("taken", "declined")[b % 2]), matters=(seen,))
    return play.event(said, source="urn:beredd:door")


def shipped() -> Intake:
    """The intake of Stockholm's profile."""
    profile, faults = load_profile(ROOT / "rules" / "stockholm")
    assert profile is not None, "\n".join(map(str, faults))
    return intake_of(profile, ROOT / "rules" / "stockholm", open_door=True)


def snapshots(play: Play) -> Iterator[tuple[Seen_, Matter]]:
    """Every state a matter was in, with the step that led there."""
    for seen in play.stage.steps:
        for output in seen.step.outputs:
            if isinstance(output.message, MatterSnapshot):
                yield seen, output.message.matter
