"""The demo's voice: what came, which rule matched and why, who was told by which principle, who answered. In
Swedish."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from notifiers.obligation import Obligation
from notifiers.profile import Profile
from rules.events import Answer
from rules.explain import number
from rules.ladder import Action
from rules.record import Happening
from streams.sinks import Arrival
from streams.story import StoryStep
from streams.view import Situation

if TYPE_CHECKING:
    from streams.demo import Account

ACTION = {
    Action.ACT: "agera",
    Action.DECIDE: "besluta",
    Action.COORDINATE: "samordna",
    Action.SUPPORT: "stödja",
    Action.INFORM: "veta",
}
MARK = {
    Happening.OPENED: "■ ÄRENDE",
    Happening.JOINED: "■ SAMMA ÄRENDE",
    Happening.LEVEL: "▲ NIVÅ",
    Happening.PROPOSED: "? FÖRSLAG",
    Happening.DECIDED: "§ BESLUT",
    Happening.REFUSED: "✗ NEJ",
    Happening.ESCALATED: "↑ VIDARE",
    Happening.UNDELIVERED: "! INGEN NÅDD",
    Happening.CLEARED: "○ ÖVER",
    Happening.CLOSED: "○ AVSLUTAT",
    Happening.ANSWERED: "✓ SVAR",
}
BRIEF = frozenset({Happening.OPENED, Happening.DECIDED, Happening.UNDELIVERED, Happening.CLOSED, Happening.ESCALATED})


class Teller:
    """Prints what is new since it last looked."""

    def __init__(self, profile: Profile, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.brief = False
        self._profile = profile
        self._zone = ZoneInfo(profile.policy.settings.timezone)
        self._lines: dict[str, int] = {}
        self._rows: set[str] = set()
        self._arrivals = 0
        self._progress: Progress | None = None

    def opening(self, url: str) -> None:
        text = (
            f"[bold]beredd[/] kör på riktigt på {url}, med stadens profil «{self._profile.policy.settings.name}».\n"
            "Telefoner och brevlådor är mottagare på den här datorn. Personer, nummer och givare är påhittade.\n"
            "Klockan står still tills allt är gjort och hoppar sedan; fördröjningar är verklig tid."
        )
        self.console.print(Panel(text, border_style="cyan"))

    def chapter(self, title: str) -> None:
        self.console.rule(f"[bold]{escape(title)}", style="cyan")

    def recorded(self, said: str) -> None:
        self.console.print(f"\n[bold]◆ KOM IN[/]  {escape(said)}")

    def nobody(self, why: str) -> None:
        self.console.print(f"  [dim]– Ingen larmas.[/] {escape(why)}")

    def refused(self, why: str) -> None:
        self.console.print(f"  [red]✗ Avvisat:[/] {escape(why)}")

    def line(self, at: datetime, step: StoryStep) -> None:
        """One line of the story, before it is handed in."""
        clock = f"{at.astimezone(self._zone):%H:%M}"
        self.console.print(f"\n[bold]{clock}[/]  [bold]◆ {self._what(step)}[/]")
        if step.say:
            self.console.print(f"       [italic]{escape(step.say)}[/]")

    @staticmethod
    def _what(step: StoryStep) -> str:
        if step.sensor is not None and step.value is not None:
            return f"GIVARE {step.sensor} = {number(step.value)}"
        if step.incident is not None:
            return f"RAPPORT {step.incident}: {escape(step.text)}"
        if step.decide is not None:
            return f"BESLUT {step.decide} av {step.by}"
        if step.answer is not None:
            return "SVAR från telefonen"
        return "TIDEN GÅR"

    def answered(self, name: str, answer: Answer) -> None:
        said = "ja" if answer is Answer.TAKEN else "nej"  # the button's own words depend on who is asked
        if not self.brief:
            self.console.print(f"  [green]☎ {escape(name)} öppnar länken och svarar {said}[/]")

    def situations(self, situations: Sequence[Situation], arrivals: tuple[Arrival, ...]) -> None:
        """What is new in the log, the plan and the phones."""
        for situation in reversed(situations):
            self._log(situation)
            if not self.brief:
                self._plan(situation)
        if not self.brief:
            for arrival in arrivals[self._arrivals :]:
                self.console.print(f"  [dim]✉ {arrival.target}:[/] {escape(arrival.title)}")
        self._arrivals = len(arrivals)

    def _log(self, situation: Situation) -> None:
        matter = situation.matter
        if matter is None:
            return
        lines = list(situation.log)
        for line in lines[self._lines.get(matter.id, 0) :]:
            if line.what in (BRIEF if self.brief else MARK):
                when = f"{line.at.astimezone(self._zone):%d %b %H:%M} " if self.brief else ""
                self.console.print(f"  [yellow]{when}{MARK[line.what]}[/]  {escape(line.said)}")
        self._lines[matter.id] = len(lines)

    def _plan(self, situation: Situation) -> None:
        fresh = [o for o in situation.obligations if f"{situation.realm}/{self._key(situation, o)}" not in self._rows]
        for obligation in fresh:
            self._rows.add(f"{situation.realm}/{self._key(situation, obligation)}")
            self._recipient(obligation)

    def _recipient(self, obligation: Obligation) -> None:
        row, roster = obligation.row, self._profile.roster
        person = roster.persons.get(obligation.person or obligation.answered_by or "")
        organisation = self._profile.policy.registry.organisations[row.organisation].name
        by = f", svar senast {obligation.deadline.astimezone(self._zone):%H:%M}" if obligation.deadline else ""
        name = escape(person.name if person else "–")
        self.console.print(f"  → [bold]{name}[/], {escape(roster.role_name(row.role))}, {escape(organisation)}")
        self.console.print(f"      ska [bold]{ACTION[row.action]}[/]{by}. [dim]Därför: {escape(row.because)}[/]")

    @staticmethod
    def _key(situation: Situation, obligation: Obligation) -> str:
        return f"{situation.matter.id if situation.matter else ''}/{obligation.row.key}/{obligation.row.action}"

    def progress(self, done: int, total: int, at: datetime) -> None:
        """A bar on a terminal; nothing where there is none."""
        if not self.console.is_terminal:
            return
        if self._progress is None:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
            self._progress = Progress(*columns, console=self.console, transient=True)
            self._progress.add_task("", total=total)
            self._progress.start()
        self._progress.update(
            self._progress.task_ids[0], completed=done, description=f"{at.astimezone(self._zone):%d %b}"
        )
        if done == total:
            self._progress.stop()

    def account(self, account: Account, situations: Sequence[Situation]) -> int:
        """The closing account. Returns how many alerts reached nobody."""
        notices = {n.id: n for s in situations for n in s.notices.values()}
        undelivered = sum(1 for n in notices.values() if n.state == "failed")
        table = Table(title="Redovisning", title_style="bold", box=None, show_header=False)
        rows = (
            (
                "Händelser mottagna",
                f"{account.accepted}  (dubbletter {account.duplicates}, avvisade {account.refused})",
            ),
            ("Ärenden", str(len(situations))),
            ("Meddelanden skickade", str(len(notices))),
            ("Personer som fått något", str(len({n.person for n in notices.values()}))),
            ("Svar", str(account.answers)),
            ("Nådde ingen", str(undelivered)),
            ("Mottagen → överlämnad till kanal", self._latency(account)),
        )
        for name, value in rows:
            table.add_row(name, value)
        self.console.print()
        self.console.print(table)
        return undelivered

    @staticmethod
    def _latency(account: Account) -> str:
        p50, p99 = account.percentile_ms(50), account.percentile_ms(99)
        measured = len(account.handed_over_s)
        return f"p50 {number(round(p50, 1))} ms, p99 {number(round(p99, 1))} ms ({measured} mätta, verklig tid)"

    def keeping(self, url: str) -> None:
        self.console.print(f"\nTjänsten är igång på {url} tills du trycker Ctrl-C.")
