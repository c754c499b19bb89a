"""Faults on the wire: which requests they meet, and what becomes of those.

An effect decides; nothing here waits or writes but `perform`, which does what the exchange says in the end.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from emulator.ipmi.effects import PAYLOADS, matches
from emulator.redfish.errors import Answer
from emulator.server import Reply, Request
from emulator.when import in_time, its_turn

if TYPE_CHECKING:
    from emulator.ipmi.effects import Meeting
    from emulator.redfish.bmc import Bmc


@dataclass(slots=True)
class Exchange:
    """One request under the influence of faults."""

    bmc: Bmc
    request: Request
    delay: float = 0.0
    hang: float | None = None
    """Seconds without an answer before the line is cut; infinite waits for the fault to be healed."""
    answer: Answer | None = None
    """Given instead of the BMC's own."""
    reply: Reply | None = None


MARK = "\u2063"
"""Invisible separator: stands around what cannot be said in JSON until the body is bytes."""
RAW_TOKEN = re.compile(f'"{MARK}([^"]*){MARK}"'.encode())

Act = Callable[[Exchange, dict[str, Any]], None]
LanAct = Callable[["Meeting", dict[str, Any]], None]
Undo = Callable[[], None]
"""Ends what a deed began."""
Deed = Callable[["Bmc", dict[str, Any]], "Undo | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that can go wrong on the wire."""

    name: str
    stage: str
    """`before` the BMC thinks, on its `document`, `after` it is bytes; a standing `policy`, a `deed` done once."""
    check: Callable[[Any], bool]
    """Whether a setting is possible."""
    wants: str
    """What a possible setting is, for the one who got it wrong."""
    act: Act | None = None
    """What it does to a request over HTTP."""
    lan: LanAct | None = None
    """What it does to a datagram of IPMI."""
    payloads: tuple[str, ...] = PAYLOADS
    """The datagrams of IPMI that it can do something to."""
    deed: Deed | None = None
    fields: tuple[str, ...] = ()
    """Further fields it understands."""


@dataclass(slots=True)
class WireFault:
    """A fault set on one BMC."""

    id: str
    effect: Effect
    settings: dict[str, Any]
    match: dict[str, Any]
    when: dict[str, Any]
    bmc: Bmc
    chance: random.Random
    since: float
    met: int = 0
    fired: int = 0
    healed: asyncio.Event = field(default_factory=asyncio.Event)
    quiet: bool = False
    """An accent's: always there, so that nobody wants a row for each time."""
    _turn: int = 0
    _undo: Undo | None = None

    @property
    def policies(self) -> dict[str, Any]:
        """What it changes for good; empty for a fault of single requests."""
        return self.settings if self.effect.stage == "policy" else {}

    def in_time(self) -> bool:
        """Whether its time has come and not passed."""
        age = self.bmc.plant.clock.now() - self.since
        state = self.when.get("state")
        if state is not None and self.bmc.machine.power.state != state:
            return False
        return in_time(self.when, age)

    def fires(self, request: Request) -> bool:
        """Whether this request is met by it; counts, and notes it when it is."""
        if self.effect.act is None or not self._matches(request):
            return False
        return self._has_its_turn(request.method, request.target)

    def meets(self, meeting: Meeting) -> bool:
        """Whether this datagram of IPMI is met by it; counts, and notes it when it is."""
        if self.effect.lan is None or not matches(self.match, self.effect.payloads, meeting):
            return False
        return self._has_its_turn(*meeting.asked.split(" ", 1))

    def _has_its_turn(self, method: str, target: str) -> bool:
        if not self.in_time():
            return False
        self.met += 1
        if not its_turn(self.when, self.met, self.chance):
            return False
        self.count(method=method, target=target)
        return True

    def count(self, **particulars: str) -> None:
        """It did something: counted, and noted in the ledger."""
        self.fired += 1
        if not self.quiet:
            ledger, machine = self.bmc.plant.ledger, self.bmc.machine.name
            ledger.note(machine, "fault_fired", id=self.id, effect=self.effect.name, **particulars)

    def took_part(self, turn: int, asked: str) -> None:
        """A policy was looked at; it counts once a request or event."""
        if turn != self._turn:
            self._turn = turn
            method, _, target = asked.partition(" ")
            self.count(method=method, target=target)

    def do(self) -> None:
        """A deed's turn: does it, unless it was healed before."""
        if self.effect.deed is not None and not self.healed.is_set():
            self.count()
            self._undo = self.effect.deed(self.bmc, self.settings)

    def end(self) -> None:
        """Takes it away; whoever hangs in it is let go, and what a deed began is ended."""
        self.healed.set()
        if self in self.bmc.wire:
            self.bmc.wire.remove(self)
        if self._undo is not None:
            self._undo()
            self._undo = None

    def _matches(self, request: Request) -> bool:
        if not set(self.match) <= {"method", "path"}:
            return False
        method, path = self.match.get("method", "*"), self.match.get("path", "*")
        return fnmatchcase(request.method, method.upper()) and fnmatchcase(request.path.rstrip("/") or "/", f"*{path}")


def perform(bmc: Bmc, request: Request, fired: list[WireFault]) -> Awaitable[Reply]:
    """The reply to a request that faults have met; what they make of it is decided now, and done in time."""
    exchange = Exchange(bmc, request)
    _act("before", exchange, fired)
    return _perform(exchange, fired)


async def _perform(exchange: Exchange, fired: list[WireFault]) -> Reply:
    bmc, request = exchange.bmc, exchange.request
    if exchange.hang is not None:
        return await _hang(exchange, fired)
    if exchange.delay:
        await asyncio.sleep(exchange.delay)
        bmc.plant.agenda.settle()
    if exchange.reply is None:
        if exchange.answer is None:
            exchange.answer = bmc.respond(request)
        _act("document", exchange, fired)
        exchange.reply = bmc.encode(request, exchange.answer)
        exchange.reply.body = _unmarked(exchange.reply.body)
    else:
        bmc.plant.ledger.request(bmc.machine.name, request.method, request.target, exchange.reply.status, None)
    _act("after", exchange, fired)
    return exchange.reply


def _unmarked(body: Any) -> Any:
    """The body with raw tokens and doubled keys let out of their marks."""
    if not isinstance(body, bytes) or MARK.encode() not in body:
        return body
    return RAW_TOKEN.sub(rb"\1", body).replace(MARK.encode(), b"")


def _act(stage: str, exchange: Exchange, fired: list[WireFault]) -> None:
    for fault in fired:
        if fault.effect.stage == stage and fault.effect.act is not None:
            fault.effect.act(exchange, fault.settings)


async def _hang(exchange: Exchange, fired: list[WireFault]) -> Reply:
    """No answer, until the fault is healed, the time is over or the client has enough; then the line is cut."""
    request, bmc = exchange.request, exchange.bmc
    bmc.plant.ledger.request(bmc.machine.name, request.method, request.target, 0, None)
    healed = [asyncio.ensure_future(fault.healed.wait()) for fault in fired if fault.effect.stage == "before"]
    try:
        seconds = exchange.hang
        await asyncio.wait(
            healed, timeout=None if seconds == float("inf") else seconds, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for waiting in healed:
            waiting.cancel()
    return Reply(0, cut=0)
