"""One emulated server and a driver for it, on a clock that stands still; and a server that does what a test says."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

from emulator.certificates import server_context
from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Credentials, Memory, Opening, Request, Secret
from fleetmon.drivers.lane import Lane, Pace
from fleetmon.drivers.redfish.driver import RedfishDriver
from fleetmon.model import Aspect, Endpoint, Observation, Protocol
from tests.emulator_client import Client, client_of

MACHINE = "web-01"
SYSTEM = "/redfish/v1/Systems/System.1"
CHASSIS = "/redfish/v1/Chassis/Enclosure.1"
EVERYTHING = frozenset(Aspect)
STEADY = frozenset({Aspect.HEARTBEAT, Aspect.SENSORS})


def opened(
    address: str,
    *,
    user: str = "operator",
    password: str = "emulated",
    version: int = 1,
    lane: Lane | None = None,
    verify: str = "pin",
    pinned: str | None = None,
    tls: str = "modern",
    memory: Memory | None = None,
    **pace: float,
) -> tuple[RedfishDriver, Lane, ManualClock]:
    """A driver on an address, with a clock that stands still until it is moved."""
    clock = ManualClock()
    lane = lane or Lane(device=address, clock=clock, pace=Pace(**{n: timedelta(seconds=s) for n, s in pace.items()}))
    endpoint = Endpoint(protocol=Protocol.REDFISH, address=address, verify=verify, pinned_spki=pinned, tls=tls)
    credentials = Credentials(user=user, password=Secret(password), version=version)
    opening = Opening(endpoint=endpoint, credentials=credentials, lane=lane, clock=clock, memory=memory or Memory())
    return RedfishDriver(opening), lane, clock


class Bench:
    """One emulated server and a driver for it."""

    def __init__(self, client: Client, **options: Any) -> None:
        self.client = client
        self.fleet = client.fleet
        self.options = options
        self.driver, self.lane, self.clock = opened(self.address, **options)

    @property
    def address(self) -> str:
        return self.fleet.address(MACHINE)

    async def poll(self, *aspects: Aspect) -> Observation:
        return await self.driver.observe(Request(aspects=frozenset(aspects) or EVERYTHING))

    async def steady(self) -> Observation:
        return await self.poll(*STEADY)

    def strike(self, fault: Any, **more: Any) -> Any:
        return self.fleet.strike(machine=MACHINE, fault=fault, **more)

    def noted(self, what: str) -> int:
        return len(self.fleet.ledger.since(0, machine=MACHINE, what=what))

    @property
    def requests(self) -> int:
        return sum(self.fleet.ledger.tallies[MACHINE].requests.values())


@contextlib.asynccontextmanager
async def device(**options: Any) -> AsyncIterator[Bench]:
    async with client_of("one_server") as client:
        bench = Bench(client, **options)
        try:
            yield bench
        finally:
            await bench.driver.close()


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@contextlib.asynccontextmanager
async def wire(answer: Answer, *, tls: bool = True, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that does with each connection whatever the test says."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context or (server_context("bmc") if tls else None))
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def head_of(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode()


def http(body: bytes, *, status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n{headers}\r\n".encode()
        + body
    )
