"""`beredd topics`: Kafka's topics as declared; the difference is shown before it is made, and nothing is deleted."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum

from streams.broker import Broker, BrokerError, administered
from streams.commands.console import FINE, PROBLEMS, RED, YELLOW, CommandError, UsageFault, as_json, counted, data, talk
from streams.topics import ByHand, Change, Topic, TopicSettings, declared, plan, said


class Wish(StrEnum):
    """What is to be done about the difference."""

    PLAN = "plan"  # shown
    APPLY = "apply"  # shown and made
    CHECK = "check"  # shown, and a problem if there is any


def topics(
    wish: str, address: str, partitions: int, replication: int, min_insync: int, prefix: str, *, machine: bool
) -> int:
    """Shows, makes or checks. PROBLEMS if something is left that only a person can change, or if `check` finds any."""
    settings = TopicSettings(prefix, partitions, replication, min_insync)
    return arranged(_wish(wish), address, settings, machine=machine)


def _wish(given: str) -> Wish:
    try:
        return Wish(given)
    except ValueError:
        raise UsageFault(f"{given}: väntade {', '.join(Wish)}") from None


def arranged(wish: Wish, address: str, settings: TopicSettings, *, machine: bool) -> int:
    """The same, asked for with its own words."""
    if settings.min_insync > settings.replication:
        raise UsageFault("--min-insync kan inte vara större än --replication: ingenting skulle någonsin tas emot")
    wanted = declared(settings)
    try:
        with administered(address) as broker:
            _enough(broker, settings)
            changes = plan(wanted, broker.found(wanted))
            _show(changes, wanted, machine=machine)
            if wish is Wish.APPLY:
                _apply(broker, changes)
    except BrokerError as error:
        raise CommandError(str(error)) from None
    left = [change for change in changes if wish is not Wish.APPLY or isinstance(change, ByHand)]
    return PROBLEMS if any(isinstance(c, ByHand) for c in left) or (wish is Wish.CHECK and left) else FINE


def _enough(broker: Broker, settings: TopicSettings) -> None:
    """Said before anything is tried: a cluster of one cannot keep three copies."""
    if (size := broker.size()) < settings.replication:
        raise CommandError(
            f"Klustret har {counted(size, 'mäklare', 'mäklare')}, men {settings.replication} kopior är begärda. "
            "Ange --replication 1 --min-insync 1 för ett kluster av en; det tål inget strömavbrott."
        )
    if settings.min_insync == 1:
        talk("En enda kopia räcker för att något ska räknas som mottaget: ett strömavbrott kan förlora det.", YELLOW)


def _show(changes: tuple[Change, ...], wanted: tuple[Topic, ...], *, machine: bool) -> None:
    if machine:
        as_json({"changes": [{"change": type(c).__name__.lower(), **asdict(c)} for c in changes]})
        return
    for change in changes:
        data(said(change), RED if isinstance(change, ByHand) else "")
    if not changes:
        data(f"Alla {len(wanted)} ämnen är som de ska.")


def _apply(broker: Broker, changes: tuple[Change, ...]) -> None:
    made = [change for change in changes if not isinstance(change, ByHand)]
    for number, change in enumerate(made, start=1):
        broker.make(change)
        talk(f"[{number}/{len(made)}] gjort: {said(change)}")
