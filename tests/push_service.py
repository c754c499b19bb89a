"""A small BMC that tells by itself: Redfish over TLS with logins, an event stream and subscriptions, all counted."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web

from emulator.certificates import server_context
from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Credentials, Opening, Secret
from fleetmon.drivers.lane import Lane
from fleetmon.drivers.redfish.driver import RedfishDriver
from fleetmon.drivers.redfish.resource import key
from fleetmon.model import Endpoint, Protocol
from tests.redfish_service import MANAGER, Json, link, log_entries, resource, server

EVENTS = "/redfish/v1/EventService"
STREAM = f"{EVENTS}/SSE"
SUBSCRIPTIONS = f"{EVENTS}/Subscriptions"
ENTRIES = f"{MANAGER}/LogServices/SEL/Entries"


class Bmc:
    """What it serves, what it was asked, and what a test tells it to do."""

    def __init__(self, *, stream: bool = True, subscriptions: bool = True, **service: Any) -> None:
        self.bodies = {key(path): body for path, body in server(drives=1, dimms=1).items()}
        offered: Json = {"ServiceEnabled": True, **service}
        if stream:
            offered["ServerSentEventUri"] = STREAM
        if subscriptions:
            offered["Subscriptions"] = link(SUBSCRIPTIONS)
        self.bodies[key("/redfish/v1/")]["EventService"] = link(EVENTS)
        self.bodies[key(EVENTS)] = resource(EVENTS, "EventService", **offered)
        self.subscriptions: dict[str, Json] = {}
        self.refuse: Any = None
        """Called with the draft of a subscription; what it gives is the refusal, None takes it."""
        self.head: web.Response | None = None
        """Answered in place of a stream."""
        self.sent: list[bytes] = []
        """What a stream begins with."""
        self.silent_head = False
        self.streams: set[asyncio.Queue[bytes | None]] = set()
        self.opened: list[dict[str, str]] = []
        """The headers each stream was asked for with."""
        self.most_streams = 0
        self.asked: Counter[str] = Counter()
        self.tokens: set[str] = set()
        self.drafts: list[Json] = []
        self.address = ""
        self._numbers = itertools.count(1)

    # ---- told by a test --------------------------------------------------------------------------------------

    def log(self, count: int) -> None:
        """The log holds its first `count` entries."""
        entries = log_entries(1, count)
        collection = self.bodies[key(ENTRIES)]
        collection["Members"], collection["Members@odata.count"] = entries, count

    def push(self, data: bytes) -> None:
        """Send this over every stream."""
        for stream in self.streams:
            stream.put_nowait(data)

    def tell(self, number: int, *, event_id: str = "", **more: Any) -> None:
        """Send an entry of the log as an event."""
        self.push(event_of(number, event_id=event_id or str(number), **more))

    def hang_up(self) -> None:
        """End every stream."""
        for stream in self.streams:
            stream.put_nowait(None)

    def reset(self) -> None:
        """As after a reset of the BMC: no sessions, no streams, no subscriptions."""
        self.tokens.clear()
        self.subscriptions.clear()
        self.hang_up()

    # ---- served ----------------------------------------------------------------------------------------------

    async def serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked[f"{request.method} {path}"] += 1
        if request.method == "POST" and path.endswith("/Sessions"):
            token = f"token-{next(self._numbers)}"
            self.tokens.add(token)
            return web.json_response({}, status=201, headers={"X-Auth-Token": token, "Location": f"{path}/{token}"})
        if path != "/redfish/v1/" and request.headers.get("X-Auth-Token") not in self.tokens:
            return web.Response(status=401)
        if request.method == "DELETE" and "/Sessions/" in path:
            self.tokens.discard(path.rpartition("/")[2])
            return web.Response(status=204)
        if path == STREAM:
            return self.head or await self._stream(request)
        if path.startswith(SUBSCRIPTIONS):
            return await self._subscription(request)
        body = self.bodies.get(key(path))
        return web.Response(status=404) if body is None else web.json_response(body)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.opened.append(dict(request.headers))
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.streams.add(waiting)
        self.most_streams = max(self.most_streams, len(self.streams))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            if self.silent_head:
                await waiting.get()
            await response.prepare(request)
            for part in self.sent:
                await response.write(part)
            while (part := await waiting.get()) is not None:
                await response.write(part)
        finally:
            self.streams.discard(waiting)
        return response

    async def _subscription(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if request.method == "POST":
            draft = orjson.loads(await request.read())
            self.drafts.append(draft)
            if self.refuse is not None and (refusal := self.refuse(draft)) is not None:
                return refusal
            made = f"{SUBSCRIPTIONS}/{next(self._numbers)}"
            self.subscriptions[made] = resource(made, "EventDestination", Status={"State": "Enabled"}, **draft)
            return web.Response(status=201, headers={"Location": made})
        if path == SUBSCRIPTIONS:
            return web.json_response({"@odata.id": path, "Members": [link(one) for one in self.subscriptions]})
        if path not in self.subscriptions:
            return web.Response(status=404)
        if request.method == "DELETE":
            del self.subscriptions[path]
            return web.Response(status=204)
        return web.json_response(self.subscriptions[path])


def refused(status: int = 400, said: str = "no") -> web.Response:
    """A refusal with a reason."""
    return web.json_response({"error": {"code": "x", "message": said}}, status=status)


def event_of(number: int, *, event_id: str = "", linked: bool = False, **more: Any) -> bytes:
    """A message that tells entry `number` of the log."""
    (entry,) = log_entries(number, number)
    record = {
        "EventType": "Alert",
        "EventId": str(number),
        "EventTimestamp": entry["Created"],
        "Severity": entry["Severity"],
        "Message": entry["Message"],
        "MessageId": "",
        "OriginOfCondition": {"@odata.id": "/redfish/v1/Systems/1"},
        **({"LogEntry": {"@odata.id": entry["@odata.id"]}} if linked else {}),
        **more,
    }
    body = {"@odata.type": "#Event.v1_7_0.Event", "Id": str(number), "Name": "Event", "Events": [record]}
    return (f"id: {event_id}\n" if event_id else "").encode() + b"data: " + orjson.dumps(body) + b"\n\n"


@contextlib.asynccontextmanager
async def serving(bmc: Bmc) -> AsyncIterator[Bmc]:
    """The BMC at an address of its own."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", bmc.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context("bmc"))
    await site.start()
    port = runner.addresses[0][1]
    bmc.address = f"https://127.0.0.1:{port}"
    try:
        yield bmc
    finally:
        bmc.hang_up()
        await runner.cleanup()


def driver_of(address: str) -> RedfishDriver:
    """A driver with a login, on a clock that stands still."""
    clock = ManualClock()
    endpoint = Endpoint(protocol=Protocol.REDFISH, address=address)
    credentials = Credentials(user="operator", password=Secret("x"))
    lane = Lane(device=address, clock=clock)
    return RedfishDriver(Opening(endpoint=endpoint, credentials=credentials, lane=lane, clock=clock))
