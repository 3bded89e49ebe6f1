"""The pages people see: the one behind a person's link, the open situations, and one situation with its reasons.

No page needs a script. GET and HEAD change nothing, since mail scanners open links before people do; only the POST of a
form answers. The code in a link is the credential: it stands in no log, and no page sends it on.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from notifiers.message import BASIS
from notifiers.obligation import ObligationState
from rules.events import LIVE, Acknowledgement, Answer, Event, is_exercise
from rules.explain import place
from rules.ladder import Action
from rules.matter import Cause, Matter, Proposal, ProposalState
from streams.ack_page import Given, ack_page, clock, seen
from streams.codes import ALPHABET, LENGTH
from streams.door import Door, body_of
from streams.intake import DOOR
from streams.metrics import Turned
from streams.operations_page import operations
from streams.readiness import Readiness
from streams.refusal import Refused
from streams.situations import organisation_name, tally
from streams.view import CodeHolder, Situation
from streams.wire import REALM_PATTERN

HERE = Path(__file__).parent
TEMPLATES = ("ack.html", "problem.html", "overview.html", "situation.html", "operations.html")
FORM_BYTES = 1024
CODE_PATTERN = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")

MISSES = 20
MISSES_PER_S = 60.0
ADDRESSES_KEPT = 10_000
ANSWERS_KEPT = 10_000

ACTION = {
    Action.ACT: "agera",
    Action.DECIDE: "besluta",
    Action.COORDINATE: "samordna",
    Action.SUPPORT: "stödja",
    Action.INFORM: "få veta",
}
STATE = {
    ObligationState.ASKED: "tillfrågad",
    ObligationState.DELIVERED: "har fått veta",
    ObligationState.ACKNOWLEDGED: "har svarat",
    ObligationState.UNDELIVERED: "ingen har svarat; frågas igen",
    ObligationState.CANCELLED: "avslutad",
}
PROPOSAL = {
    ProposalState.PENDING: "väntar på beslut",
    ProposalState.GRANTED: "bifallet",
    ProposalState.REFUSED: "avslaget",
    ProposalState.WITHDRAWN: "återtaget",
    ProposalState.SUPERSEDED: "ersatt av ett annat beslut eller förslag",
}


class Misses:
    """Who has tried links that do not exist, lately. Bounded in addresses and in tries."""

    def __init__(self) -> None:
        self._by_client: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, client: str, now_s: float) -> float:
        """Seconds until this client may try again; 0 if it may now."""
        tries = self._by_client.get(_network(client))
        if tries is None or len(tries) < MISSES:
            return 0.0
        return max(0.0, tries[0] + MISSES_PER_S - now_s)

    def missed(self, client: str, now_s: float) -> None:
        """Notes a try that led nowhere."""
        network = _network(client)
        self._by_client.setdefault(network, deque(maxlen=MISSES)).append(now_s)
        self._by_client.move_to_end(network)
        if len(self._by_client) > ADDRESSES_KEPT:
            self._by_client.popitem(last=False)


def _network(client: str) -> str:
    """One customer has one IPv4 address, but a whole /64 of IPv6."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address):
        return address.exploded[:19]
    return client


class Pages:
    """All pages over one door."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._readiness = Readiness(door)
        self._misses = Misses()
        # When somebody answered on a page, for as long as we run; what they answered is in the plan.
        self._given: OrderedDict[str, Given] = OrderedDict()
        self._css = (HERE / "static" / "beredd.css").read_bytes()
        environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates = {name: environment.get_template(name) for name in TEMPLATES}  # a broken one fails at start

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.overview),
            web.get("/s/{id}", self.situation),
            web.get("/drift", self.operations),
            web.get("/k/{code}", self.show),
            web.post("/k/{code}", self.answer),
            web.get("/static/beredd.css", self.css),
        ]

    async def css(self, request: web.Request) -> web.Response:
        headers = {"Cache-Control": "public, max-age=300"}
        return web.Response(body=self._css, content_type="text/css", charset="utf-8", headers=headers)

    def problem(self, status: int, said: str, headers: Mapping[str, str]) -> web.Response:
        """A page that tells what went wrong, and no more than that."""
        return self._page("problem.html", {"said": said}, status=status, headers=headers)

    def _page(
        self, template: str, *values: Mapping[str, object], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        text = self._templates[template].render({name: value for part in values for name, value in part.items()})
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    # --- the page behind a link --------------------------------------------------------------------------------------

    async def show(self, request: web.Request) -> web.Response:
        """Shows a message and what has become of it. Changes nothing."""
        code, holder = self._holder(request)
        door = self._door
        page = ack_page(code, holder, door.view, door.profile, door.clock.now(), self._given.get(code))
        return self._page("ack.html", {"page": page})

    async def answer(self, request: web.Request) -> web.Response:
        """Takes the answer of a form, and shows the page once the answer is safe."""
        self._own_form(request)
        code, holder = self._holder(request)
        answer = await _answer_of(request)
        given = Given(answer, self._door.clock.now())
        event = _acknowledgement(holder, given)
        if event is not None:
            await self._door.commit((event,), (), f"code:{holder.record.person}")
            self._remember(code, given)
        raise web.HTTPSeeOther(f"/k/{code}")

    def _remember(self, code: str, given: Given) -> None:
        self._given[code] = given
        self._given.move_to_end(code)
        if len(self._given) > ANSWERS_KEPT:
            self._given.popitem(last=False)

    def _holder(self, request: web.Request) -> tuple[str, CodeHolder]:
        """What the link's code stands for. 404 if nothing, 429 after too many of those.

        The limit holds for codes that exist too: a guesser must not learn from the answer that one was right.
        """
        now_s, client = time.monotonic(), self._door.client(request)
        wait_s = self._misses.wait_s(client, now_s)
        if wait_s > 0:
            self._door.metrics.turned_away(Turned.TOO_MANY)
            said = "För många länkar som inte finns har prövats härifrån. Vänta en minut och försök igen."
            raise web.HTTPTooManyRequests(text=said, headers={"Retry-After": str(int(wait_s) + 1)})
        code = request.match_info["code"].lower()
        holder = self._door.view.holder(code) if CODE_PATTERN.fullmatch(code) else None
        if holder is None:
            self._misses.missed(client, now_s)
            self._door.metrics.turned_away(Turned.CODE)
            raise web.HTTPNotFound(text="Länken leder ingenstans. Kontrollera att hela länken kom med.")
        return code, holder

    def _own_form(self, request: web.Request) -> None:
        """Returns if the form may be ours; 403 if a browser says that another site sent it.

        With `Referrer-Policy: no-referrer` browsers send our own forms with `Origin: null`, so that says nothing.
        """
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        origin = request.headers.get("Origin", "null")
        ours = {request.host, urlsplit(self._door.profile.policy.settings.public_url or "").netloc}
        if site in ("same-origin", "none") and (origin == "null" or urlsplit(origin).netloc in ours):
            return
        self._door.metrics.turned_away(Turned.CROSS_SITE)
        raise web.HTTPForbidden(
            text="Svaret kom från en annan webbplats och togs inte emot. Öppna länken och svara där."
        )

    # --- what is going on --------------------------------------------------------------------------------------------

    async def overview(self, request: web.Request) -> web.Response:
        """The realm's open situations, the most serious first."""
        self._door.may_look(request)
        realm = _realm(request)
        ladder = self._door.profile.policy.ladder
        found = self._door.view.situations(realm)
        rows = [self._row(s, s.matter) for s in found if s.matter is not None]
        rows.sort(key=lambda row: ladder.rank(row["level"]) if row["level"] in ladder else 0, reverse=True)
        city = self._door.profile.policy.settings.name
        health = self._door.health() if self._door.health is not None else None
        watch = {"watched": health is not None, "broken": health is not None and bool(health.broken)}
        return self._page("overview.html", self._about(realm), {"rows": rows, "city": city}, watch)

    async def operations(self, request: web.Request) -> web.Response:
        """Whether the system itself works, and what to do if it does not."""
        door = self._door
        door.may_look(request)
        if door.health is None:
            raise web.HTTPNotFound(text="Ingen vakt är på här.")
        page = operations(door.health(), await self._readiness.unsaved(), door.clock.now(), door.zone)
        return self._page("operations.html", self._about(LIVE), page)

    def _about(self, realm: str) -> dict[str, object]:
        now = self._door.clock.now().astimezone(self._door.zone)
        return {
            "realm": realm,
            "live": realm == LIVE,
            "exercise": is_exercise(realm),
            "now": f"{now:%Y-%m-%d %H:%M:%S}",
        }

    def _row(self, situation: Situation, matter: Matter) -> dict[str, Any]:
        answered, of = tally(situation.obligations)
        return {
            "id": matter.id,
            "title": matter.title,
            "place": place(None, matter.areas, self._door.profile.policy.registry),
            "level": matter.alert_level,
            "basis": BASIS[matter.basis],
            "decided": matter.declared_state,
            "danger": matter.danger_to_life,
            "since": self._clock(matter.opened_at),
            "over": self._clock(matter.closed_at) if matter.closed_at else None,
            "answered": answered,
            "of": of,
        }

    async def situation(self, request: web.Request) -> web.Response:
        """One situation: why it is what it is, who is to do what, and its log."""
        self._door.may_look(request)
        realm = _realm(request)
        found = self._door.view.situation(realm, request.match_info["id"])
        if found is None or found.matter is None:
            raise web.HTTPNotFound(text="Det finns inget sådant ärende.")
        matter = found.matter
        return self._page(
            "situation.html",
            self._about(realm),
            {
                "head": self._row(found, matter),
                "causes": [self._cause(c) for c in matter.causes],
                "proposals": [self._proposal(p) for p in matter.proposals],
                "plan": self._plan(found),
                "log": [{"at": self._clock(line.at), "said": line.said} for line in reversed(tuple(found.log))],
            },
        )

    def _proposal(self, proposal: Proposal) -> dict[str, object]:
        state, by = PROPOSAL[proposal.state], self._clock(proposal.decide_by)
        return {"level": proposal.level, "because": proposal.because, "state": state, "by": by}

    def _cause(self, cause: Cause) -> dict[str, object]:
        return {
            "name": cause.name,
            "because": cause.because,
            "since": self._clock(cause.opened_at),
            "over": self._clock(cause.cleared_at) if cause.cleared_at else None,
            "facts": [{"at": self._clock(f.at), "said": f.said} for f in cause.facts],
        }

    def _plan(self, situation: Situation) -> list[dict[str, object]]:
        profile = self._door.profile
        return [
            {
                "role": profile.roster.role_name(o.row.role),
                "organisation": organisation_name(o.row.organisation, profile),
                "action": ACTION[o.row.action],
                "because": o.row.because,
                "state": STATE[o.state],
                "person": self._name(o.answered_by or o.person),
                "by": self._clock(o.deadline) if o.deadline else None,
            }
            for o in situation.obligations
        ]

    def _name(self, person: str | None) -> str | None:
        known = self._door.profile.roster.persons.get(person or "")
        return known.name if known is not None else person

    def _clock(self, at: datetime) -> str:
        return clock(at, self._door.clock.now(), self._door.zone)


def _realm(request: web.Request) -> str:
    realm = request.query.get("realm", LIVE)
    if not re.fullmatch(REALM_PATTERN, realm):
        raise web.HTTPBadRequest(text="Så kan en övning inte heta.")
    return realm


async def _answer_of(request: web.Request) -> Answer:
    """The answer that a form gives; 400 if it gives none."""
    try:
        body = await body_of(request, FORM_BYTES)
    except Refused as refused:
        raise web.HTTPBadRequest(text=refused.message) from None
    given = parse_qs(body.decode("ascii", errors="replace")).get("answer", [])
    if len(given) != 1 or given[0] not in tuple(Answer):
        raise web.HTTPBadRequest(text="Svaret gick inte att läsa. Öppna länken och svara igen.")
    return Answer(given[0])


def _acknowledgement(holder: CodeHolder, given: Given) -> Event | None:
    """The answer as an event; None if the message asks nothing."""
    matters = seen(holder)
    if not matters:
        return None
    person, notice = holder.record.person, holder.record.id
    said = Acknowledgement(person=person, answer=given.answer, matters=matters, notice=notice, via="page")
    return Event(id=str(uuid4()), source=DOOR, time=given.at, realm=holder.realm, payload=said)
