"""A UDP proxy that can fail: it stands in front of anything, knows nothing of what it carries, and keeps a log.

For tests:

    async with running_udp_proxy(fleet.ipmi("web-01"), seed=3) as proxy:
        proxy.set({"when": {"prob": 0.2}, "fault": {"drop": True}})     # of the answers; "match": {"direction": "up"}
        proxy.address                                                   # ipmi://127.0.0.1:40321
        proxy.passed, proxy.fired("r1"), proxy.log                      # what went through, and what was done to it
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from emulator.proxy import DIRECTIONS, Faults, Row, Rule, from_command_line, rule_of
from emulator.when import in_time, its_turn

MOST_FLOWS = 256
"""Clients at a time; the one that was first gives way."""
LONGEST_HOLD = 1.0
"""Seconds after which a datagram that waits to be overtaken goes anyway."""
MOST_COPIES = 64


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


FAULTS: Faults = {
    "drop": (lambda v: v is True, "true: it is lost"),
    "delay": (_seconds, "seconds; later ones may overtake it"),
    "duplicate": (lambda v: _count(v) and 0 < v <= MOST_COPIES, f"how many times more it comes, at most {MOST_COPIES}"),
    "reorder": (
        lambda v: _count(v) and v > 0,
        f"so many later ones go first, or as many as come within {LONGEST_HOLD:g} s",
    ),
    "flip": (_count, "the lowest bit of the byte after so many bytes is flipped"),
    "truncate": (_count, "only so many bytes of it come"),
}
"""What can go wrong with a datagram, what each takes, and what happens."""

Peer = tuple[str, int]


@dataclass(slots=True, eq=False)
class Held:
    """A datagram that waits to be overtaken."""

    datagram: bytes
    left: int


@dataclass(slots=True, eq=False)
class Flow(asyncio.DatagramProtocol):
    """One client's datagrams, both ways."""

    proxy: UdpProxy
    client: Peer
    target: asyncio.DatagramTransport | None = None
    early: list[bytes] = field(default_factory=list)
    """What the client sent before the way to the target was open."""
    closed: bool = False
    held: dict[str, list[Held]] = field(default_factory=lambda: {direction: [] for direction in DIRECTIONS})

    def connection_made(self, transport: Any) -> None:
        self.target = transport
        if self.closed:
            transport.close()
        for datagram in self.early:
            transport.sendto(datagram)
        self.early.clear()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.proxy.carry(self, "down", data)

    def send(self, direction: str, datagram: bytes) -> None:
        """Puts a datagram on its way; each may let go what waited for it."""
        if direction == "down":
            self.proxy.answer(datagram, self.client)
        elif self.target is None:
            self.early.append(datagram)
        elif not self.target.is_closing():
            self.target.sendto(datagram)
        self.proxy.passed[direction] += 1
        for held in tuple(self.held[direction]):
            held.left -= 1
            if held.left <= 0:
                self.let_go(direction, held)

    def hold(self, direction: str, datagram: bytes, count: int) -> None:
        """Keeps a datagram back until so many others have gone."""
        held = Held(datagram, count)
        self.held[direction].append(held)
        asyncio.get_running_loop().call_later(LONGEST_HOLD, self.let_go, direction, held)

    def let_go(self, direction: str, held: Held) -> None:
        """Sends what was held, unless it has gone already."""
        if held in self.held[direction]:
            self.held[direction].remove(held)
            self.send(direction, held.datagram)

    def close(self) -> None:
        """Carries nothing any more."""
        self.closed = True
        self.early.clear()
        if self.target is not None:
            self.target.close()


class UdpProxy(asyncio.DatagramProtocol):
    """Carries datagrams between clients and one target, and does as its rules say."""

    def __init__(self, target: str, *, seed: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        parts = urlsplit(target if "://" in target else f"udp://{target}")
        self._scheme, self._target = parts.scheme, (parts.hostname or "127.0.0.1", parts.port or 623)
        self._seed, self._clock = seed, clock
        self._ids = (f"r{n}" for n in itertools.count(1))
        self.rules: dict[str, Rule] = {}
        self.log: list[Row] = []
        self.passed = dict.fromkeys(DIRECTIONS, 0)
        """Datagrams that went on, copies included, by direction."""
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None
        self._flows: dict[Peer, Flow] = {}
        self._opening: set[asyncio.Task[Any]] = set()

    @property
    def address(self) -> str:
        """Where clients go, with the scheme of the target."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def set(self, told: Mapping[str, Any]) -> str:
        """Sets a rule, which the next datagram meets; its id."""
        rule_id = next(self._ids)
        self.rules[rule_id] = rule_of(told, rule_id, self._clock(), self._seed, FAULTS)
        return rule_id

    def heal(self, rule_id: str) -> None:
        """Takes a rule away."""
        del self.rules[rule_id]

    def fired(self, rule_id: str) -> int:
        """How often a rule fired."""
        return sum(row["rule"] == rule_id for row in self.log)

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Binds its port, on loopback."""
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(host, port))

    async def close(self) -> None:
        """Carries nothing any more."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        for flow in self._flows.values():
            flow.close()
        self._flows.clear()
        await asyncio.gather(*self._opening, return_exceptions=True)
        await asyncio.sleep(0)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        flow = self._flows.get(addr)
        self.carry(self._flow(addr) if flow is None else flow, "up", data)

    def answer(self, datagram: bytes, client: Peer) -> None:
        """Sends a datagram to a client."""
        if self._transport is not None:
            self._transport.sendto(datagram, client)

    def carry(self, flow: Flow, direction: str, datagram: bytes) -> None:
        """One datagram, as far and as often as the rules let it through."""
        copies, delay, overtaken = 1, 0.0, 0
        for rule in self._met(direction):
            self._note(rule, flow, direction)
            match rule.fault:
                case "drop":
                    return
                case "delay":
                    delay += rule.setting
                case "duplicate":
                    copies += rule.setting
                case "reorder":
                    overtaken = rule.setting
                case "truncate":
                    datagram = datagram[: rule.setting]
                case "flip" if rule.setting < len(datagram):
                    at = rule.setting
                    datagram = datagram[:at] + bytes([datagram[at] ^ 1]) + datagram[at + 1 :]
        for _ in range(copies):
            if overtaken:
                flow.hold(direction, datagram, overtaken)
            elif delay:
                asyncio.get_running_loop().call_later(delay, flow.send, direction, datagram)
            else:
                flow.send(direction, datagram)

    def _met(self, direction: str) -> list[Rule]:
        """The rules whose turn it is; each has met one datagram more."""
        now = self._clock()
        chosen = []
        for rule in self.rules.values():
            if rule.direction == direction and in_time(rule.when, now - rule.since):
                rule.met += 1
                if its_turn(rule.when, rule.met, rule.chance):
                    chosen.append(rule)
        return chosen

    def _note(self, rule: Rule, flow: Flow, direction: str) -> None:
        self.log.append(
            {
                "sequence": len(self.log) + 1, "at": self._clock(), "what": "fired", "rule": rule.id,
                "fault": rule.fault, "setting": rule.setting, "direction": direction, "met": rule.met,
                "client": "{}:{}".format(*flow.client),
            }
        )  # fmt: skip

    def _flow(self, client: Peer) -> Flow:
        """A way to the target for a client that is new."""
        if len(self._flows) >= MOST_FLOWS:
            self._flows.pop(next(iter(self._flows))).close()
        flow = self._flows[client] = Flow(self, client)
        loop = asyncio.get_running_loop()
        opening = loop.create_task(loop.create_datagram_endpoint(lambda: flow, remote_addr=self._target))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        return flow


@contextlib.asynccontextmanager
async def running_udp_proxy(
    target: str,
    rules: Iterable[Mapping[str, Any]] = (),
    *,
    seed: int = 0,
    listen: Peer = ("127.0.0.1", 0),
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[UdpProxy]:
    """A proxy in front of `ipmi://HOST:PORT` or `HOST:PORT`, as long as the context lasts."""
    proxy = UdpProxy(target, seed=seed, clock=clock)
    for rule in rules:
        proxy.set(rule)
    await proxy.open(*listen)
    try:
        yield proxy
    finally:
        await proxy.close()


def main(arguments: list[str] | None = None) -> int:
    """`python -m emulator.udp_proxy --target 127.0.0.1:623 --rule '{"fault": {"delay": 2}}'`; log rows as JSON."""
    return from_command_line("udp_proxy", "A UDP proxy that can fail.", FAULTS, running_udp_proxy, arguments)


if __name__ == "__main__":
    sys.exit(main())
