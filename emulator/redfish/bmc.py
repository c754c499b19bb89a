"""One machine's BMC over Redfish: who may come in, what is asked, and the answer in bytes."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from emulator.clock import http_date, iso
from emulator.doors import Door
from emulator.hardware import Machine
from emulator.plant import Plant
from emulator.power import BMC_START_SECONDS
from emulator.push.hub import Hub
from emulator.redfish.accounts import Account, basic_of, may
from emulator.redfish.errors import Answer, Json, refuse
from emulator.redfish.metadata import METADATA, described_by
from emulator.redfish.nodes import nodes_of
from emulator.redfish.places import REPORT_ID, ROOT, SESSIONS, TASKS, TELEMETRY, Places
from emulator.redfish.query import Forms, apply_query
from emulator.redfish.resource import Resource
from emulator.redfish.sessions import Session, admitted, sign_in
from emulator.redfish.spelling import plain, spelled
from emulator.redfish.tree import tree_of
from emulator.server import Endpoint, Outcome, Reply, Request, Watch
from emulator.wire import WireFault, perform

if TYPE_CHECKING:
    from emulator.ipmi.controller import MachineController
    from emulator.ipmi.lan import Lan

Y2K = 946_684_800
OPEN_PATHS = frozenset({"/redfish", ROOT, f"{ROOT}/odata", METADATA})


@dataclass(slots=True)
class Task:
    """Work that a request has started."""

    id: str
    name: str
    since: float
    until: float
    fails: bool = False


class BmcWatch(Watch):
    """Counts what a BMC has to carry at once."""

    def __init__(self, bmc: Bmc) -> None:
        self._tally, self._clock = bmc.tally, bmc.plant.clock

    def connected(self) -> None:
        self._tally.connections += 1

    def began(self) -> None:
        self._tally.began(self._clock.now())

    def ended(self) -> None:
        self._tally.ended(self._clock.now())


class Bmc:
    """The management controller of one machine."""

    def __init__(self, machine: Machine, plant: Plant) -> None:
        self.machine = machine
        self.plant = plant
        self.shape = machine.family.shape
        self.places = Places(self.shape)
        self.tree = tree_of(machine.family.name)
        self.sessions_path = self.tree.told(SESSIONS)
        self.nodes = nodes_of(self)
        self.accounts = {"1": Account("1", plant.plan.user, plant.plan.password, "Administrator")}
        self.sessions: dict[str, Session] = {}
        self.tasks: dict[str, Task] = {}
        self.tally = plant.ledger.tallies[machine.name]
        self.push = Hub(self, plant.courier)
        machine.on_entry = self.push.logged
        self.settings: dict[str, Any] = {"SessionTimeout": self.shape.session_timeout}
        self.wire: list[WireFault] = []
        self.started_at = plant.clock.started_at
        self.endpoint: Endpoint | None = None
        self.door: Door | None = None
        self.controller: MachineController | None = None
        """What answers commands, where it speaks IPMI."""
        self.lan: Lan | None = None
        """Its IPMI side, where it has one."""
        self.rejects = False
        """No password is right."""
        self._away: set[str] = set()
        self._opening: asyncio.Task[None] | None = None
        machine.on_dark = lambda dark: self.leave("dark") if dark else self.come_back_after("dark", BMC_START_SECONDS)
        self._chance = random.Random(f"{plant.seed}:{machine.name}:tokens")
        self.refused_at: list[float] = []
        self.locked_until = 0.0
        self._next_id = 1
        self._turn = 0
        self._asked = ""

    # ---- what faults may change ----

    def policy(self, name: str, otherwise: Any) -> Any:
        """A standing wire fault's setting, or what holds without one; the fault counts once a request or event."""
        for fault in self.wire:
            if name in fault.policies and fault.in_time():
                fault.took_part(self._turn, self._asked)
                return fault.policies[name]
        return otherwise

    def next_turn(self, asked: str = "") -> None:
        """Another request is looked at, or another event told."""
        self._turn += 1
        self._asked = asked

    def told_time(self, instant: float) -> str:
        """An instant by the BMC's own clock, which a fault may have moved."""
        shift = self.policy("clock", 0)
        if isinstance(shift, str):
            instant -= self.started_at - float({"1970": 0, "2000": Y2K}[shift])
        else:
            instant += shift
        zone = self.policy("tz", self.shape.zone)
        if zone in ("Z", "none"):
            return iso(instant, "" if zone == "none" else "Z")
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        return iso(instant + (1 if zone[0] == "+" else -1) * (hours * 3_600 + minutes * 60), zone)

    def told_date(self) -> str | None:
        """The Date header: by the BMC's own clock, unless a fault says otherwise; None sends none."""
        if not self.wire:
            return http_date(int(self.plant.clock.now()))
        told = self.policy("date", None)
        if isinstance(told, str):
            return {"none": None, "garbage": "yesterday, about noon", "1970": http_date(0), "2000": http_date(Y2K)}[
                told
            ]
        shift = told if told is not None else self.policy("clock", 0)
        now = self.plant.clock.now()
        if isinstance(shift, str):
            return http_date(int(now - self.started_at) + (Y2K if shift == "2000" else 0))
        return http_date(int(now + shift))

    def told_offset(self) -> str:
        """The offset from UTC that the BMC claims for its clock."""
        zone = str(self.policy("tz", self.shape.zone))
        return "+00:00" if zone in ("Z", "none") else zone

    def told_power(self) -> str:
        """PowerState as this BMC tells it: it may lie, or be slow to notice."""
        power, lag = self.machine.power, float(self.policy("state_lag", 0.0))
        before, _, changed_at = power.settled
        return before if self.plant.clock.now() - changed_at < lag else power.told

    def reset_types(self) -> list[str]:
        """Values that System.Reset takes."""
        return list(self.policy("reset_types", self.shape.reset_types))

    # ---- a request ----

    def serve(self, request: Request) -> Outcome:
        """The answer, or a promise of it where a fault is in the way."""
        self.plant.agenda.settle()
        if self.wire:
            self.next_turn(f"{request.method} {request.target}")
            fired = [fault for fault in self.wire if fault.fires(request)]
            if fired:
                return perform(self, request, fired)
        return self.encode(request, self.respond(request))

    def encode(self, request: Request, answer: Answer) -> Reply:
        """The answer in bytes, with its ETag, noted in the ledger."""
        headers = {"OData-Version": "4.0", "Server": "bmc", "Cache-Control": "no-cache"} | answer.headers
        date = self.told_date()
        if date is not None:
            headers["Date"] = date
        body = answer.text
        if answer.document is not None:
            body = orjson.dumps(answer.document)
            headers["Content-Type"] = "application/json; charset=utf-8"
            if answer.status == 200 and "@odata.type" in answer.document:
                headers["Link"] = described_by(str(answer.document["@odata.type"]))
        if answer.status == 200 and request.method in ("GET", "HEAD") and answer.feed is None:
            headers["ETag"] = etag = _etag(answer.document, body)
            if request.headers.get("if-none-match") in (etag, "*", f"W/{etag}"):
                answer, body = Answer(304), b""
                del headers["Content-Type"]
        token = request.headers.get("x-auth-token", "")
        session = self.sessions.get(token)
        self.plant.ledger.request(
            self.machine.name, request.method, request.target, answer.status, session.id if session else None
        )
        return Reply(answer.status, headers, body, feed=answer.feed)

    def respond(self, request: Request) -> Answer:
        """What the BMC has to say, if the client may hear it."""
        path, how = request.path.rstrip("/") or "/", self.policy("respell", None) if self.wire else None
        if how:
            path = plain(path, how, self.machine.family.name)
        answer = self._respond(request, path)
        for change in self.tree.answers:
            answer = change(self, request, answer)
        if how and answer.document is not None and self.endpoint is not None:
            answer.document = spelled(answer.document, how, self.endpoint.address)
        return answer

    def _respond(self, request: Request, path: str) -> Answer:
        if request.headers.get("odata-version", "4.0") != "4.0":
            return refuse("odata_version")
        if path == "/redfish" and request.method == "GET":
            return Answer(200, {"v1": f"{ROOT}/"})
        login = request.method == "POST" and path in (self.sessions_path, f"{self.sessions_path}/Members")
        if login:
            return sign_in(self, request)
        open_to_all = path in OPEN_PATHS and not self.policy("root_401", False)
        if not open_to_all and not admitted(self, request):
            locked = self.plant.clock.now() < self.locked_until
            return refuse("locked" if locked else "unauthorized", **{"WWW-Authenticate": 'Basic realm="bmc"'})
        if not may(self, request, path):
            return refuse("privilege")
        return self._dispatch(request, path)

    def _dispatch(self, request: Request, path: str) -> Answer:
        found = self._find(path)
        if found is None:
            return refuse("not_found", path)
        match request.method:
            case "GET" if found.answer is not None:
                return found.answer(self, request)
            case "GET" | "HEAD" if found.get is not None:
                return self._get(request, path, found)
            case "PATCH" if found.patch is not None:
                return self._patch(request, path, found)
            case "POST" if found.post is not None:
                return self._post(request, found)
            case "DELETE" if found.delete is not None:
                return found.delete(self)
        return refuse("method", Allow=found.allow)

    def _find(self, path: str) -> Resource | None:
        """A resource of the tree, or a member of a collection that changes."""
        found = self.tree.fixed.get(path)
        if found is None:
            parent, _, name = path.rpartition("/")
            family = self.tree.members.get(parent)
            found = family(self, name) if family is not None else None
        return found

    def _get(self, request: Request, path: str, found: Resource) -> Answer:
        assert found.get is not None
        document = found.get(self)
        page = int(self.policy("page_size", self.shape.log_page if found.write else 0))
        expand = self.shape.expand and not self.policy("no_expand", False)
        forms = Forms(self.shape.expand_forms if expand else "", self.shape.expand_levels)
        answer = apply_query(document, path, request.query, self.lookup, expand=forms, page=page)
        if answer.status == 200:
            answer.headers["Allow"] = found.allow
        return self._written(answer, found)

    def _written(self, answer: Answer, found: Resource) -> Answer:
        """The answer with the members of its page written out."""
        if (
            found.write is not None
            and answer.status == 200
            and answer.document is not None
            and "Members" in answer.document
        ):
            answer.document["Members"] = [found.write(member, self) for member in answer.document["Members"]]
        return answer

    def lookup(self, path: str) -> Json | None:
        """The document at a path, for $expand."""
        found = self._find(path.rstrip("/"))
        if found is None or found.get is None:
            return None
        document = found.get(self)
        if found.write is not None:
            document["Members"] = document["Members"][: self.shape.log_page]
        return self._written(Answer(200, document), found).document

    def _patch(self, request: Request, path: str, found: Resource) -> Answer:
        assert found.patch is not None
        assert found.get is not None
        document = found.get(self)
        current = _etag(document, orjson.dumps(document))
        expected = request.headers.get("if-match")
        wish = self.policy("if_match", "required" if self.shape.if_match_required else "lenient")
        if expected is None and wish == "required":
            return refuse("precondition_required")
        good = {"never": (None,), "strict": (None, current)}.get(wish, (None, "*", current, f"W/{current}"))
        if expected not in good:
            return refuse("precondition_failed")
        body = self.body_of(request)
        if isinstance(body, Answer):
            return body
        wishes = {name: value for name, value in body.items() if not name.startswith("@odata.")}
        if body and not wishes:
            return refuse("no_operation")
        refused = found.patch(self, wishes)
        return refused or Answer(200, found.get(self))

    def _post(self, request: Request, found: Resource) -> Answer:
        assert found.post is not None
        if self.policy("body_needed", False) and not request.body:
            return refuse("media_type")
        body = self.body_of(request)
        return body if isinstance(body, Answer) else found.post(self, body, request)

    def body_of(self, request: Request) -> Json | Answer:
        """The JSON object that a request carries, or the refusal of anything else."""
        try:
            body = request.json()
        except ValueError:
            return refuse("json")
        return body if isinstance(body, dict) else refuse("json")

    # ---- who may come in ----

    def who(self, request: Request) -> str:
        """The user and address behind a request."""
        session = self.sessions.get(request.headers.get("x-auth-token", ""))
        basic = basic_of(request)
        user = session.user if session is not None else basic[0] if basic is not None else "nobody"
        return f"{user}@{request.peer}"

    def living_sessions(self) -> Mapping[str, Session]:
        """Sessions that have not expired."""
        now, most = self.plant.clock.now(), float(self.policy("session_ttl", self.settings["SessionTimeout"]))
        for token, session in tuple(self.sessions.items()):
            if now - session.used > most:
                del self.sessions[token]
                self.count_sessions()
                self.plant.ledger.note(self.machine.name, "session_expired", id=session.id, sessions=len(self.sessions))
        return self.sessions

    def end_session(self, session: Session) -> None:
        """Signs a client out."""
        self.sessions.pop(session.token, None)
        self.count_sessions()
        self.plant.ledger.note(self.machine.name, "logout", id=session.id, sessions=len(self.sessions))

    def lock(self, seconds: float) -> None:
        """Locks the account; 0 unlocks it."""
        self.locked_until = self.plant.clock.now() + seconds
        self.refused_at.clear()

    # ---- the BMC itself ----

    def new_id(self) -> str:
        """An id that was not used before."""
        self._next_id += 1
        return str(self._next_id - 1)

    def new_token(self) -> str:
        """A session's token."""
        return f"{self._chance.getrandbits(128):032x}"

    def start_task(self, name: str, seconds: float) -> Answer:
        """202 with a task that takes some time."""
        now = self.plant.clock.now()
        task = Task(self.new_id(), name, now, now + seconds, fails=bool(self.policy("task_fails", False)))
        self.tasks[task.id] = task
        path = f"{self.tree.told(TASKS)}/{task.id}"
        return Answer(202, self.lookup(path), {"Location": path, "Retry-After": "2"})

    def restart(self, seconds: float) -> None:
        """Goes away for some time, and comes back knowing nobody."""
        self.leave("restart")
        self.come_back_after("restart", seconds)

    @property
    def away(self) -> bool:
        """Whether there is a reason not to answer anybody."""
        return bool(self._away)

    def leave(self, reason: str) -> None:
        """Refuses connections until every reason to be away is gone."""
        self._away.add(reason)
        self.forget_clients()
        if self.endpoint is not None:
            self.endpoint.close()

    def come_back_after(self, reason: str, seconds: float) -> None:
        """Ends one reason to be away, later."""
        self.plant.agenda.after(seconds, lambda _: self.come_back(reason))

    def come_back(self, reason: str) -> None:
        """Ends one reason to be away; listens again, on its old port, when it was the last."""
        if reason not in self._away or (reason == "dark" and self.machine.dark):
            return
        self._away.discard(reason)
        if self._away:
            return
        self.started_at = self.plant.clock.now()
        self.machine.log("BmcStarted")
        if self.endpoint is not None and not self.endpoint.listening:
            self._opening = asyncio.ensure_future(self.endpoint.open())

    async def listening(self) -> None:
        """Waits until the port that is being opened again is open."""
        if self._opening is not None:
            await self._opening

    def forget_clients(self) -> None:
        """Drops every session and task, and what of its subscriptions the firmware forgets, as a restart does."""
        self.drop_sessions()
        self.push.restarted()
        self.tasks.clear()

    def drop_sessions(self, user: str = "") -> None:
        """Signs a user out, or everybody."""
        for token, session in tuple(self.sessions.items()):
            if user in ("", session.user):
                del self.sessions[token]
        if self.lan is not None:
            self.lan.sessions.forget(user)
        self.count_sessions()

    def report(self) -> Json | None:
        """The metric report as it is now; None where the firmware has none."""
        return self.lookup(self.tree.told(f"{TELEMETRY}/MetricReports/{REPORT_ID}"))

    def count_sessions(self) -> None:
        """Tells the ledger's counters how many are signed in."""
        self.tally.sessions.set(len(self.sessions), self.plant.clock.now())


def _etag(document: Json | None, body: bytes) -> str:
    """A resource's own @odata.etag, or what its bytes hash to."""
    told = document.get("@odata.etag") if document else None
    return str(told) if told is not None else f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
