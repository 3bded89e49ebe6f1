"""The demo: the real service on a story's clock, real local sinks for phones and mail, played through the HTTP door.

The clock stands still until everything is at rest, then goes to the next timer or the next line of the story; so a
morning
passes in seconds, while every latency that is shown is wall time. Channels are loopback only (semantics 26).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import statistics
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import orjson
from rich.console import Console

from notifiers.attempt import Medium, Verdict
from notifiers.profile import load_profile
from notifiers.roster import Person
from rules.events import Answer, Event, Reading, Readings
from streams.clock import StoryClock
from streams.demo_teller import Teller
from streams.feeds import read
from streams.script import event_of
from streams.service import Service, ServiceError, Settings
from streams.sinks import MailSink, PhoneSink
from streams.story import Story, StoryStep, load_stories
from streams.wire import encode

STOCKHOLM = Path(__file__).parent.parent / "rules" / "stockholm"
RECORDINGS = Path(__file__).parent / "recordings"
REST_S = 60.0


@dataclass(slots=True)
class Account:
    """What the demo has seen, for its closing account. It is also the service's second meter."""

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    answers: int = 0
    handed_over_s: list[float] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=dict)

    def attempted(self, medium: Medium, verdict: Verdict, realm: str) -> None:
        self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1

    def handed_over(self, seconds: float, realm: str) -> None:
        self.handed_over_s.append(seconds)

    def percentile_ms(self, percent: int) -> float:
        """The latency from acceptance to hand-over that this many of a hundred stayed under, in milliseconds."""
        if len(self.handed_over_s) < 2:
            return max(self.handed_over_s, default=0.0) * 1000
        return statistics.quantiles(self.handed_over_s, n=100, method="inclusive")[percent - 1] * 1000


class Demo:
    """A running service, the phones and mailboxes of its people, and the clock that the story turns."""

    def __init__(
        self,
        service: Service,
        clock: StoryClock,
        phones: PhoneSink,
        tokens: dict[str, str],
        account: Account,
        teller: Teller,
    ) -> None:
        self.service = service
        self.clock = clock
        self.phones = phones
        self.account = account
        self.teller = teller
        self._tokens = tokens
        self._answered: set[str] = set()
        self._seen = 0
        self._http = aiohttp.ClientSession()

    async def close(self) -> None:
        await self._http.close()

    # --- time --------------------------------------------------------------------------------------------------------

    async def rest(self) -> None:
        """Waits until nothing is queued, running or under way; a fault that never ends is an error, not a wait."""
        async with asyncio.timeout(REST_S):
            calm = 0
            while calm < 2:
                calm = calm + 1 if self.service.host.at_rest() and self.service.courier.under_way == 0 else 0
                await asyncio.sleep(0.001)

    async def advance(self, to: datetime) -> None:
        """Lets the story's time pass, stopping at every timer until what it caused is done."""
        while (due := self.service.host.next_timer()) is not None and due <= to:
            self.clock.advance(due)
            self.service.host.wake()
            await self.rest()
            self.tell()
        self.clock.advance(to)

    # --- doors -------------------------------------------------------------------------------------------------------

    async def post(self, event: Event, holder: str) -> None:
        """Hands an event in as its source or person would, and waits for what follows."""
        headers = {"Content-Type": "application/cloudevents+json", "Authorization": f"Bearer {self._tokens[holder]}"}
        async with self._http.post(f"{self.service.url}/v1/events", data=encode(event), headers=headers) as response:
            receipt = orjson.loads(await response.read())
        self.account.accepted += receipt["accepted"]
        self.account.duplicates += receipt["duplicates"]
        self.account.refused += len(receipt["refused"])
        for refused in receipt["refused"]:
            self.teller.refused(refused["message"])
        await self.rest()
        self.tell()

    async def answer(self, person: str, answer: Answer) -> None:
        """The person opens the newest link on their phone and presses a button: GET shows, POST answers."""
        known = self.service.profile.roster.persons[person]
        targets = {c.channel for c in known.contacts}
        links = [_link(a.body) for a in self.phones.inbox.arrivals if a.target in targets]
        fresh = [link for link in links if link and link not in self._answered]
        if fresh:
            await self._press(fresh[-1], known, answer)

    async def _press(self, link: str, person: Person, answer: Answer) -> None:
        self._answered.add(link)
        async with self._http.get(link) as page:
            page.raise_for_status()
        async with self._http.post(link, data={"answer": answer.value}) as page:
            page.raise_for_status()
        self.account.answers += 1
        self.teller.answered(person.name, answer)
        await self.rest()
        self.tell()

    async def everybody_answers(self) -> None:
        """All who are asked say that they take it."""
        arrivals = self.phones.inbox.arrivals
        owners = {c.channel: p for p in self.service.profile.roster.persons.values() for c in p.contacts}
        for arrival in arrivals[self._seen :]:
            link = _link(arrival.body)
            if link and link not in self._answered:
                await self._press(link, owners[arrival.target], Answer.TAKEN)
        self._seen = len(arrivals)

    # --- telling -----------------------------------------------------------------------------------------------------

    def tell(self) -> None:
        self.teller.situations(self.service.view.situations("live", closed=True), self.phones.inbox.arrivals)

    async def story(self, story: Story) -> None:
        """Plays a written story line by line."""
        profile = self.service.profile
        for index, (at, step) in enumerate(story.moments(profile.policy.settings.timezone)):
            await self.advance(at)
            if step.expect is None:
                await self._line(story, step, index, at)

    async def _line(self, story: Story, step: StoryStep, index: int, at: datetime) -> None:
        self.teller.line(at, step)
        if step.answer is not None and step.person is not None:
            await self.answer(step.person, step.answer)
            return
        event = event_of(self.service.profile, story, step, index, at, self.service.view)
        if event is not None:
            await self.post(event, step.person if step.decide is not None and step.person else event.source)

    async def decide_all(self, story: Story) -> None:
        """Whoever is asked to decide a proposal says yes."""
        for situation in self.service.view.situations("live"):
            matter = situation.matter
            proposal = matter.proposal if matter is not None else None
            if matter is None or proposal is None or not proposal.pending or not proposal.persons:
                continue
            person = proposal.persons[0]
            step = StoryStep.model_validate(
                {"at": "00:00", "decide": "grant", "by": proposal.role, "person": person, "within": matter.area}
            )
            event = event_of(self.service.profile, story, step, proposal.number, self.clock.now(), self.service.view)
            if event is not None:
                unique = event.model_copy(update={"id": f"{matter.id}-{proposal.number}"})
                await self.post(unique, person)

    async def warning(self) -> None:
        """A recorded warning through the real adapter. It is for another part of the country: nobody here is
        alerted."""
        file = RECORDINGS / "ha_core_wind_yellow.json"
        for event in read(f"smhi/{file.name}", file.read_bytes(), self.clock.now()):
            if isinstance(event, Event):
                self.teller.recorded("SMHI:s varning, inspelad (gul, vind, Västra Götaland; märkt TEST)")
                await self.post(event.model_copy(update={"time": self.clock.now()}), event.source)
        self.teller.nobody("Varningen gäller inte Stockholm: dess yta rör inget av stadens områden.")

    async def month(self, story: Story) -> None:
        """A recorded month of water levels: batches by the hour, every reading at once while the water is high."""
        recorded = json.loads((RECORDINGS / "noaa_coops_9447130_2015-01_water_level.json").read_text())["data"]
        start = self.clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        waiting: list[Reading] = []
        for number, row in enumerate(recorded):
            at = start + timedelta(minutes=6 * number)
            if not row["v"]:
                continue  # the gauge sent nothing
            waiting.append(Reading(sensor="vattenniva-slussen", value=float(row["v"]), time=at))
            if waiting[-1].value > 3.4 or len(waiting) == 10 or number == len(recorded) - 1:
                await self._readings(tuple(waiting), number, story)
                waiting.clear()
            self.teller.progress(number + 1, len(recorded), at)

    async def _readings(self, readings: tuple[Reading, ...], number: int, story: Story) -> None:
        await self.advance(readings[-1].time)
        source = "urn:beredd:svoa-scada"
        event = Event(
            id=f"slussen-{number}",
            source=source,
            time=readings[-1].time,
            realm="live",
            payload=Readings(readings=readings),
        )
        await self.post(event, source)
        await self.everybody_answers()
        await self.decide_all(story)


def _link(body: str) -> str:
    """The address behind "Svara:" in a message; empty if it asks for nothing."""
    last = body.rsplit("\n", 1)[-1]
    return last.removeprefix("Svara: ").strip() if last.startswith("Svara: ") else ""


def play(keep: bool = False, console: Console | None = None) -> int:
    """Plays the demo. Returns 0 if every alert reached somebody."""
    try:
        return asyncio.run(_play(keep, console))
    except ServiceError as error:
        print(error)
        return 1


async def _play(keep: bool, console: Console | None) -> int:
    stories, _ = load_stories(STOCKHOLM / "stories")
    morning = next(s for s in stories if s.name.startswith("G-01"))
    account = Account()
    async with _running(morning, account, console) as demo:
        demo.teller.opening(demo.service.url)
        await demo.warning()
        await demo.story(morning)
        demo.teller.chapter("En inspelad månad med vattenstånd (Seattle, januari 2015; tiderna flyttade hit)")
        demo.teller.brief = True
        await demo.month(morning)
        undelivered = demo.teller.account(account, demo.service.view.situations("live", closed=True))
        if keep:
            demo.teller.keeping(demo.service.url)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
    return 1 if undelivered or account.refused else 0


@contextlib.asynccontextmanager
async def _running(story: Story, account: Account, console: Console | None) -> AsyncIterator[Demo]:
    zone_start = next(story.moments("Europe/Stockholm"))[0] - timedelta(minutes=20)
    clock = StoryClock(zone_start)
    with tempfile.TemporaryDirectory(prefix="beredd-demo-") as folder:
        async with PhoneSink(clock=clock.now) as phones, MailSink(clock=clock.now) as mail:
            tokens = _write_secrets(Path(folder) / "secrets.yaml", phones, mail)
            settings = Settings(STOCKHOLM, Path(folder) / "data", Path(folder) / "secrets.yaml", port=0)
            service = Service(settings, clock, meter=account)
            await service.start()
            demo = Demo(service, clock, phones, tokens, account, Teller(service.profile, console))
            try:
                yield demo
            finally:
                await demo.close()
                await service.stop()


def _write_secrets(file: Path, phones: PhoneSink, mail: MailSink) -> dict[str, str]:
    """A secrets file whose every channel is a sink on this machine, and a token for each source and person."""
    profile, faults = load_profile(STOCKHOLM)
    if profile is None:
        raise ServiceError("\n".join(map(str, faults)))
    channels, tokens, lines = {}, {}, []
    for person in profile.roster.persons.values():
        for contact in person.contacts + person.exercise_contacts:
            is_mail = contact.medium is Medium.MAIL
            channels[contact.channel] = (
                mail.url(f"{contact.channel}@example.invalid") if is_mail else phones.url(contact.channel)
            )
    holders = [("source", s.id, s.source) for s in profile.policy.registry.sources.values()]
    holders += [("person", p, p) for p in profile.roster.persons]
    for kind, name, key in holders:
        tokens[key] = secrets.token_urlsafe(24)
        lines.append(f"  {hashlib.sha256(tokens[key].encode()).hexdigest()}: {{{kind}: {name}}}")
    body = ["channels:", *(f"  {c}: {json.dumps(u)}" for c, u in channels.items()), "tokens:", *lines]
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write("\n".join(body) + "\n")
    return tokens
