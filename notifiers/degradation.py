"""What may be wrong with the system itself, and how it is said to people: first what to do, then what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Degradation(StrEnum):
    """A kind of trouble: bounded, so that it may be a metric's label. The gravest stands first."""

    NO_WAY_OUT = "no_way_out"  # every way to whoever is the last resort fails
    UNSAVED = "unsaved"  # the last commit failed: a full disk, a disk that is read-only
    STUCK = "stuck"  # nothing has been saved for too long, and nothing says why
    OUTBOX_LATE = "outbox_late"  # an attempt has been under way longer than any may take
    TIMERS_LATE = "timers_late"  # deadlines pass and nothing happens
    CANARY_LATE = "canary_late"  # a canary was begun and not even a failure was heard: it is we who do not send
    SHORT = "short"  # something is saved and something is not: the room kept on the disk is in use
    CHANNEL = "channel"  # one provider fails
    DEAD_LETTERS = "dead_letters"  # a stage could not take a message: a fault in us
    UNHEARD = "unheard"  # the outside receiver does not take our heartbeats
    CLOCK = "clock"  # the machine's clock has jumped
    EXPIRING = "expiring"  # a key, a token or a certificate ends soon
    CALL_LIST = "call_list"  # the call list cannot be written


@dataclass(frozen=True, slots=True, order=True)
class Trouble:
    """One thing that is wrong. `about`: which, where there may be several; it holds no address and no secret."""

    what: Degradation
    about: str = ""


@dataclass(frozen=True, slots=True)
class _Words:
    wrong: str
    do: str
    over: str


GRAVE = frozenset(
    {
        Degradation.NO_WAY_OUT,
        Degradation.UNSAVED,
        Degradation.STUCK,
        Degradation.OUTBOX_LATE,
        Degradation.TIMERS_LATE,
        Degradation.CANARY_LATE,
    }
)
"""While one of these lasts the chain from event to person is broken: no heartbeat is sent, and people are called."""

_TELEPHONE = "Ring dem det gäller, efter ringlistan (beredd call-list)."
_WORDS = {
    Degradation.NO_WAY_OUT: _Words(
        "inga larm kommer fram: alla kanaler till tjänsteperson i beredskap är ur funktion",
        _TELEPHONE,
        "larm kommer fram igen",
    ),
    Degradation.UNSAVED: _Words(
        "ingenting kan sparas, och nya händelser avvisas",
        "Ta emot händelser på telefon. Frigör plats på beredds disk, eller gör den skrivbar. " + _TELEPHONE,
        "det går att spara igen",
    ),
    Degradation.STUCK: _Words(
        "det som rapporteras blir inte sparat i tid",
        "Ta emot händelser på telefon. Se efter om disken eller maskinen är överlastad; starta annars om beredd.",
        "det som rapporteras sparas i tid igen",
    ),
    Degradation.OUTBOX_LATE: _Words(
        "meddelanden blir liggande och går inte iväg",
        f"{_TELEPHONE} Starta om beredd om det inte går över.",
        "meddelanden går iväg igen",
    ),
    Degradation.TIMERS_LATE: _Words(
        "frister passerar utan att något händer",
        "Följ upp de öppna ärendena för hand. Se efter om maskinen är överlastad eller klockan går fel.",
        "frister hålls igen",
    ),
    Degradation.SHORT: _Words(
        "en del kan inte sparas, troligen för att disken är full",
        "Frigör plats på beredds disk nu, innan det reserverade utrymmet tar slut och ingenting kan sparas.",
        "allt kan sparas igen",
    ),
    Degradation.CHANNEL: _Words(
        "{about} fungerar inte",
        "Kontrollera leverantören, kontot och nätet. Larm går andra vägar där det finns några.",
        "{about} fungerar igen",
    ),
    Degradation.CANARY_LATE: _Words(
        "provet av {about} gick inte iväg, så inte heller larm gör det",
        f"{_TELEPHONE} Se efter om maskinen är överlastad; starta annars om beredd.",
        "provet av {about} går iväg igen",
    ),
    Degradation.DEAD_LETTERS: _Words(
        "uppgifter kunde inte behandlas och har lagts åt sidan",
        "Läs igenom de öppna ärendena för hand, och lämna beredds logg till den som sköter systemet.",
        "inga fler uppgifter har lagts åt sidan",
    ),
    Degradation.UNHEARD: _Words(
        "den yttre vakten tar inte emot beredds livstecken; ingen utanför märker om beredd stannar",
        "Kontrollera adressen (heartbeat: i hemlighetsfilen) och vägen ut på internet.",
        "den yttre vakten tar emot beredds livstecken igen",
    ),
    Degradation.CLOCK: _Words(
        "maskinens klocka har hoppat, eller går fel; beredd går vidare efter sin egen",
        "Kontrollera att klockan går rätt (NTP), och starta om beredd när den gör det. Tider i loggen kan vara fel.",
        "klockan går jämnt igen",
    ),
    Degradation.EXPIRING: _Words(
        "{about} slutar snart att gälla",
        "Skaffa en ny och lägg in den i hemlighetsfilen.",
        "{about} är förnyad",
    ),
    Degradation.CALL_LIST: _Words(
        "ringlistan kan inte skrivas; den som finns blir gammal",
        "Frigör plats, eller ange en annan katalog (--call-list), och skriv ut listan.",
        "ringlistan skrivs igen",
    ),
}


def wrong(trouble: Trouble) -> str:
    """What is wrong, as part of a sentence."""
    return _WORDS[trouble.what].wrong.format(about=trouble.about)


def what_to_do(trouble: Trouble) -> str:
    """What whoever hears of it does first, in whole sentences."""
    return _WORDS[trouble.what].do


def over(trouble: Trouble) -> str:
    """That it is over, as part of a sentence."""
    return _WORDS[trouble.what].over.format(about=trouble.about)


def message(begun: Sequence[Trouble], ended: Sequence[Trouble]) -> tuple[str, str]:
    """Title and text of one message about all of these, the gravest first."""
    said = [wrong(t) for t in begun] + [over(t) for t in ended]
    more = f" (+{len(said) - 1} till)" if len(said) > 1 else ""
    lines = [f"Gör först: {' '.join(dict.fromkeys(what_to_do(t) for t in begun))}"] if begun else []
    lines += [f"beredd: {each}." for each in said]
    lines.append("Det gäller larmsystemet självt, inte något som har hänt. Vid fara för liv: ring 112.")
    return f"beredd: {said[0]}{more}", "\n".join(lines)
