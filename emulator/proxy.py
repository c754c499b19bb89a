"""A TCP proxy that can fail: it stands in front of anything, knows nothing of what it carries, and keeps a log.

Loss and reordering mean nothing on TCP; delay, drip, throttle, stall, reset, half-close and a flipped bit do.
For tests:

    async with running_proxy(fleet.address("web-01")) as proxy:
        proxy.set({"when": {"every": 3}, "fault": {"reset": 2_000}})    # bytes of the answer after which it breaks
        proxy.address                                                   # https://127.0.0.1:40321
        proxy.log                                                       # what was done, numbered
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import signal
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from emulator.when import COUNTED, TIMED, in_time, its_turn

PIECE = 65_536
Row = dict[str, Any]


def _bytes(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _rate(value: Any) -> bool:
    return _seconds(value) and value > 0


Faults = Mapping[str, tuple[Callable[[Any], bool], str]]
FAULTS: Faults = {
    "reset": (lambda v: v == "connect" or _bytes(v), 'RST: "connect", or after so many bytes'),
    "half_close": (_bytes, "FIN after so many bytes; what comes later is thrown away"),
    "stall": (_bytes, "nothing more after so many bytes, and the line stays open; healing lets the rest through"),
    "delay": (_seconds, "seconds before every piece"),
    "throttle": (_rate, "bytes a second, in pieces"),
    "drip": (_rate, "bytes a second, one by one"),
    "flip": (_bytes, "the lowest bit of the byte after so many bytes is flipped"),
}
"""What can go wrong with a stream of bytes, what each takes, and what happens."""
DIRECTIONS = ("down", "up")
"""From the target to the client, and from the client to the target."""


class RuleError(ValueError):
    """A rule that makes no sense; the text says what would be right."""


@dataclass(slots=True, eq=False)
class Rule:
    """Which connections or datagrams meet a fault, when, and what it is."""

    id: str
    direction: str
    when: Mapping[str, Any]
    fault: str
    setting: Any
    chance: random.Random
    since: float
    met: int = 0
    healed: asyncio.Event = field(default_factory=asyncio.Event)


def rule_of(told: Mapping[str, Any], rule_id: str, now: float, seed: int, faults: Faults = FAULTS) -> Rule:
    """A rule as `{"match": {"direction": "down"}, "when": {...}, "fault": {"reset": 100}, "seed": 3}`."""
    for key in told:
        if key not in ("match", "when", "fault", "seed"):
            raise RuleError(f"a rule has match, when, fault and seed, not {key!r}")
    match, when, fault = told.get("match", {}), told.get("when", {}), told.get("fault", {})
    if set(match) - {"direction"} or match.get("direction", "down") not in DIRECTIONS:
        raise RuleError(f"match takes a direction, up or down, not {match!r}")
    known = {**COUNTED, **TIMED}
    for key, value in when.items():
        if key not in known or not known[key](value):
            raise RuleError(f"when: {key} cannot be {value!r}; it knows {', '.join(known)}")
    if len(fault) != 1 or next(iter(fault)) not in faults:
        raise RuleError(f"a rule has one fault of {', '.join(faults)}, not {fault!r}")
    ((name, setting),) = fault.items()
    check, wants = faults[name]
    if not check(setting):
        raise RuleError(f"{name} is {setting!r}; it takes {wants}")
    chance = random.Random(f"{seed}:{rule_id}" if told.get("seed") is None else told["seed"])
    return Rule(rule_id, match.get("direction", "down"), dict(when), name, setting, chance, now)


class Proxy:
    """Carries bytes between clients and one target, and does as its rules say."""

    def __init__(self, target: str, *, seed: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        parts = urlsplit(target if "://" in target else f"tcp://{target}")
        self._scheme, self._host, self._port = parts.scheme, parts.hostname or "127.0.0.1", parts.port or 443
        self._seed, self._clock = seed, clock
        self._ids = (f"r{n}" for n in itertools.count(1))
        self._numbers = itertools.count(1)
        self.rules: dict[str, Rule] = {}
        self.log: list[Row] = []
        self.port = 0
        self._lines: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Where clients go, with the scheme of the target."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def set(self, told: Mapping[str, Any]) -> str:
        """Sets a rule; its id. Connections that are open already meet it with their next byte."""
        rule_id = next(self._ids)
        self.rules[rule_id] = rule_of(told, rule_id, self._clock(), self._seed)
        return rule_id

    def heal(self, rule_id: str) -> None:
        """Takes a rule away; what it stalled goes on."""
        self.rules.pop(rule_id).healed.set()

    def fired(self, rule_id: str) -> int:
        """How often a rule fired."""
        return sum(row.get("rule") == rule_id for row in self.log)

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens, on loopback."""
        self._server = await asyncio.start_server(self._meet, host, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cuts every line."""
        if self._server is not None:
            self._server.close()
        for line in tuple(self._lines):
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    def note(self, connection: int, what: str, **particulars: Any) -> None:
        """Writes one row into the log."""
        self.log.append(
            {"sequence": len(self.log) + 1, "at": self._clock(), "connection": connection, "what": what} | particulars
        )

    def chosen(self, line: Line, direction: str) -> list[Rule]:
        """The rules that a connection is under just now; each was asked once whether this is its connection."""
        now = self._clock()
        for rule in self.rules.values():
            if rule.id not in line.chosen and in_time(rule.when, now - rule.since):
                rule.met += 1
                line.chosen[rule.id] = its_turn(rule.when, rule.met, rule.chance)
        return [
            rule
            for rule in self.rules.values()
            if line.chosen.get(rule.id) and rule.direction == direction and in_time(rule.when, now - rule.since)
        ]

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        line = Line(self, next(self._numbers), reader, writer)
        try:
            await line.live(self._host, self._port)
        except (OSError, asyncio.CancelledError):
            line.cut()
        finally:
            line.end()
            self._lines.discard(task)


class Line:
    """One client's connection through the proxy."""

    def __init__(self, proxy: Proxy, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy, self._number = proxy, number
        self._client, self._target = (reader, writer), (reader, writer)
        self.chosen: dict[str, bool] = {}
        self._passed = dict.fromkeys(DIRECTIONS, 0)
        self._noted: set[str] = set()

    async def live(self, host: str, port: int) -> None:
        """From connect to close."""
        self._proxy.note(self._number, "connected")
        for rule in self._proxy.chosen(self, "down"):
            if rule.fault == "reset" and rule.setting == "connect":
                self._fire(rule)
                self.cut()
                return
        self._target = await asyncio.open_connection(host, port)
        pumps = [
            asyncio.ensure_future(self._pump("down", self._target[0], self._client[1])),
            asyncio.ensure_future(self._pump("up", self._client[0], self._target[1])),
        ]
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_EXCEPTION)
            for pump in done:
                pump.result()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    def cut(self) -> None:
        """RST to both sides."""
        for _, writer in {self._client, self._target}:
            _reset(writer)

    def end(self) -> None:
        """The last of it."""
        for _, writer in {self._client, self._target}:
            writer.close()
        self._proxy.note(self._number, "closed", **self._passed)

    async def _pump(self, direction: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(PIECE):
            await self._pass(direction, piece, sink)
        if sink.can_write_eof() and not sink.is_closing():
            sink.write_eof()

    async def _pass(self, direction: str, piece: bytes, sink: asyncio.StreamWriter) -> None:
        """One piece, as far as the rules let it through."""
        passed = self._passed[direction]
        pace = None
        for rule in self._proxy.chosen(self, direction):
            limit = rule.setting if isinstance(rule.setting, int) else 0
            reached = passed + len(piece) > limit
            match rule.fault:
                case "delay":
                    self._fire(rule)
                    await asyncio.sleep(rule.setting)
                case "throttle" | "drip":
                    self._fire(rule)
                    pace = (rule.setting, 1 if rule.fault == "drip" else max(1, int(rule.setting / 10)))
                case "flip" if passed <= limit < passed + len(piece):
                    self._fire(rule)
                    at = limit - passed
                    piece = piece[:at] + bytes([piece[at] ^ 1]) + piece[at + 1 :]
                case "reset" | "half_close" | "stall" if reached and rule.setting != "connect":
                    before = piece[: max(0, limit - passed)]
                    await self._write(direction, before, sink, pace)
                    piece = await self._stop(rule, piece[len(before) :], sink)
                    passed = self._passed[direction]
        await self._write(direction, piece, sink, pace)

    async def _stop(self, rule: Rule, rest: bytes, sink: asyncio.StreamWriter) -> bytes:
        """Breaks the stream off; what goes on after it, if anything."""
        self._fire(rule)
        if rule.fault == "stall":
            await rule.healed.wait()
            return rest
        if rule.fault == "reset":
            self.cut()
            raise ConnectionResetError
        if not sink.is_closing():
            with contextlib.suppress(OSError):
                sink.write_eof()
        return b""

    async def _write(
        self, direction: str, piece: bytes, sink: asyncio.StreamWriter, pace: tuple[float, int] | None
    ) -> None:
        if not piece:
            return
        rate, size = pace or (0.0, len(piece))
        for start in range(0, len(piece), size):
            part = piece[start : start + size]
            sink.write(part)
            await sink.drain()
            self._passed[direction] += len(part)
            if rate:
                await asyncio.sleep(len(part) / rate)

    def _fire(self, rule: Rule) -> None:
        """Notes once a connection that a rule did something to it."""
        if rule.id not in self._noted:
            self._noted.add(rule.id)
            self._proxy.note(
                self._number, "fired", rule=rule.id, fault=rule.fault, setting=rule.setting, **self._passed
            )


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST rather than FIN."""
    plug = writer.get_extra_info("socket")
    if plug is not None:
        with contextlib.suppress(OSError):
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def running_proxy(
    target: str,
    rules: Iterable[Mapping[str, Any]] = (),
    *,
    seed: int = 0,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Proxy]:
    """A proxy in front of `https://HOST:PORT` or `HOST:PORT`, as long as the context lasts."""
    proxy = Proxy(target, seed=seed, clock=clock)
    for rule in rules:
        proxy.set(rule)
    await proxy.open(*listen)
    try:
        yield proxy
    finally:
        await proxy.close()


class Fronting(Protocol):
    """What the command line needs of a proxy."""

    log: list[Row]

    @property
    def address(self) -> str: ...


Running = Callable[..., contextlib.AbstractAsyncContextManager[Fronting]]


def main(arguments: list[str] | None = None) -> int:
    """`python -m emulator.proxy --target 127.0.0.1:443 --rule '{"fault": {"delay": 2}}'`; log rows as JSON lines."""
    return from_command_line("proxy", "A TCP proxy that can fail.", FAULTS, running_proxy, arguments)


def from_command_line(name: str, says: str, faults: Faults, running: Running, arguments: list[str] | None) -> int:
    """Runs a proxy until it is told to stop; exit code 0, or 2 when it cannot start."""
    parser = argparse.ArgumentParser(prog=f"python -m emulator.{name}", description=says)
    parser.add_argument("--target", metavar="HOST:PORT", required=True)
    parser.add_argument("--port", type=int, default=0, help="where it listens on 127.0.0.1; default: a free port")
    parser.add_argument("--rule", action="append", default=[], help=f"JSON; faults are {', '.join(faults)}")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        rules = [json.loads(rule) for rule in options.rule]
        asyncio.run(_run(running(options.target, rules, seed=options.seed, listen=("127.0.0.1", options.port))))
    except (ValueError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201  # the command line speaks
        return 2
    return 0


async def _run(running: contextlib.AbstractAsyncContextManager[Fronting]) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with running as proxy:
        print(f"proxy {proxy.address}", flush=True)  # noqa: T201  # the command line speaks
        await stopped.wait()
    for row in proxy.log:
        print(json.dumps(row))  # noqa: T201  # the command line speaks


if __name__ == "__main__":
    sys.exit(main())
