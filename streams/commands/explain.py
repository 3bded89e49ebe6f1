"""`beredd explain`: each rule as plain Swedish sentences, and whom it would reach, by which principle and why.

The recipients are those of a matter as the rule would open it in one area where it holds (`notifiers.foreseen`). What
certain reports in certain places would add is `beredd who`'s to answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from notifiers.foreseen import Foreseen, foresee
from notifiers.notice import Row
from notifiers.profile import Profile
from rules import duration
from rules.document import did_you_mean
from rules.explain import area_name, say, sensor_words, uncapitalised
from rules.ladder import Entered
from rules.policy import CompiledRule
from rules.rule import WarningCondition, leaves
from streams.commands.console import DIM, FINE, UsageFault, as_json, data, profile_directory
from streams.commands.profiles import intake_at
from streams.commands.words import ACTION, PRINCIPLE, RELATION

EACH = {
    None: "I hela staden",
    "sensor": "För varje givare för sig",
    "asset": "För varje anläggning för sig",
    "neighbourhood": "I varje stadsdel för sig",
    "district": "I varje stadsdelsområde för sig",
}


def explain(given: Path | None, wanted: str | None, *, machine: bool) -> int:
    """Prints the rules, or one of them, and whom each would reach."""
    if given is not None and wanted is None and not given.is_dir() and len(given.parts) == 1:
        given, wanted = None, str(given)  # `beredd explain high-water`
    profile = intake_at(profile_directory(given)).profile
    rules, now = _chosen(profile, wanted), datetime.now(UTC)
    if machine:
        as_json({"profile": profile.hash, "rules": [_object(profile, r, foresee(profile, r, now)) for r in rules]})
        return FINE
    for number, rule in enumerate(rules):
        _tell(profile, rule, foresee(profile, rule, now), first=number == 0)
    return FINE


def _chosen(profile: Profile, wanted: str | None) -> tuple[CompiledRule, ...]:
    rules = profile.policy.rules
    found = tuple(r for r in rules if wanted in (None, r.rule.id))
    if wanted is not None and not found:
        raise UsageFault(f"ingen regel heter {wanted!r}{did_you_mean(wanted, [r.rule.id for r in rules])}")
    return found


# --- sentences -------------------------------------------------------------------------------------------------------


def sentences(profile: Profile, rule: CompiledRule) -> tuple[str, ...]:
    """What the rule says, in order: where and when it holds, when it is over, what it means, what is asked for."""
    return tuple(f"{s[:1].upper()}{s[1:]}." for s in _clauses(profile, rule))


def _clauses(profile: Profile, rule: CompiledRule) -> Iterator[str]:
    said, registry = rule.rule, profile.policy.registry
    where = f" (bara {', '.join(area_name(a, registry) for a in said.areas)})" if said.areas else ""
    yield f"{EACH[said.each]}{where}: gäller när {say(said.when, registry)}"
    yield _over(profile, rule)
    yield _level(profile, rule)
    if said.concerns:
        names = (uncapitalised(registry.functions[f].name) for f in said.concerns)
        yield f"rör {', '.join(names)}: den som ansvarar för det ska {ACTION[said.action]}"
    if said.danger_to_life:
        yield "det är fara för liv: alla larmas på en gång, och meddelandet börjar med «Ring 112»"
    if said.first_step is not None:
        yield f"det första att göra: {said.first_step.rstrip('.')}"
    if said.explains_silence:
        named = ", ".join(sensor_words(name, registry)[0] for name in said.explains_silence)
        yield f"förklarar tystnad: om {named} tystnar där under tiden hör det hit, och larmas inte för sig"


def _over(profile: Profile, rule: CompiledRule) -> str:
    level, registry = profile.policy.ladder[rule.level], profile.policy.registry
    if rule.rule.until is not None:
        return f"är över när {say(rule.rule.until, registry)}"
    if level.entered is Entered.DECLARED:
        return f"är över när {level.confirmed_by} personer har registrerat att {level.by} har upphävt beslutet"
    over = f"är över när allt den vilar på har varit borta i {duration.say(profile.policy.settings.hold)}"
    warned = any(isinstance(leaf, WarningCondition) for leaf in leaves(rule.rule.when))
    if warned and rule.level != profile.policy.ladder.lowest:  # semantics 17
        return f"{over}; en varning som bara försvinner ur listan sänker inget"
    return over


def _level(profile: Profile, rule: CompiledRule) -> str:
    level = profile.policy.ladder[rule.level]
    name = uncapitalised(level.name)
    match level.entered:
        case Entered.DETECTED:
            return f"ger nivån {name}"
        case Entered.DECIDED:
            within = duration.say(level.decide_within)
            return f"föreslår nivån {name}: en människa beslutar inom {within}, också om att sänka den"
        case Entered.DECLARED:
            return f"registrerar nivån {name}, som {level.by} beslutar"


def _tell(profile: Profile, rule: CompiledRule, foreseen: Foreseen, *, first: bool) -> None:
    if not first:
        data("")
    data(f"{rule.rule.name} [{rule.rule.id}]")
    for sentence in sentences(profile, rule):
        data(f"  {sentence}")
    data(f"  Når, till exempel i {area_name(foreseen.area, profile.policy.registry)}:")
    for row in foreseen.rows:
        data(f"    {_action(row)} {_who(profile, row)}")
        data(f"      {row.because}", DIM)


def _action(row: Row) -> str:
    return f"{ACTION[row.action]}:".ljust(10)


def _who(profile: Profile, row: Row) -> str:
    organisation = profile.policy.registry.organisations[row.organisation].name
    asked = f", {RELATION[row.relation]}"
    within = f", svar inom {duration.say(row.answer_within)}" if row.answer_within is not None else ""
    waits = ", redan innan beslutet" if row.provisional else ""
    return f"{profile.roster.role_name(row.role)}, {organisation}{asked}{within}{waits}"


def _object(profile: Profile, rule: CompiledRule, foreseen: Foreseen) -> dict[str, Any]:
    said, registry = rule.rule, profile.policy.registry
    return {
        "id": said.id,
        "name": said.name,
        "level": rule.level,
        "each": said.each,
        "areas": list(said.areas),
        "when": say(said.when, registry),
        "until": say(said.until, registry) if said.until is not None else None,
        "sentences": list(sentences(profile, rule)),
        "area": foreseen.area,
        "recipients": [_recipient(profile, row) for row in foreseen.rows],
    }


def _recipient(profile: Profile, row: Row) -> dict[str, Any]:
    about = {"role", "organisation", "wave", "action", "principle", "because", "relation", "provisional"}
    return row.model_dump(mode="json", include=about) | {
        "role_name": profile.roster.role_name(row.role),
        "organisation_name": profile.policy.registry.organisations[row.organisation].name,
        "principle_name": PRINCIPLE[row.principle],
    }
