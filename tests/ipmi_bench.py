"""One emulated BMC over RMCP+ and a session with it, whose worker runs in the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from emulator.ipmi.lan import Lan
from emulator.ipmi.message import Reply, Request
from emulator.run import RunningFleet, running_fleet
from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Credentials, Memory, Opening, Secret
from fleetmon.drivers.ipmi import wire
from fleetmon.drivers.ipmi.commands import sensor_reading
from fleetmon.drivers.ipmi.session import Answer, Session
from fleetmon.drivers.ipmi.worker import Worker
from fleetmon.drivers.ipmi.workers import Link, Workers
from fleetmon.drivers.lane import Lane, Pace
from fleetmon.model import Endpoint, Protocol

MACHINE = "web-01"
HASTE = 25.0
"""By which the waits of a session are shortened where a test really waits."""


class NoProcess:
    """In place of a worker's process, where the worker is a guest of the test's loop."""

    pid = 0

    def kill(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int:
        return 0


class Guests:
    """Workers in this very loop, spoken to over sockets as any other."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []

    async def start(self) -> Link:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        _, worker = await loop.create_connection(lambda: Worker(loop, lambda: None), sock=theirs)
        self.workers.append(worker)
        _, link = await loop.create_connection(lambda: Link(NoProcess()), sock=ours)
        await link.ready()
        return link

    async def gone(self) -> None:
        """Wait until all have noticed that the service hung up."""
        await asyncio.gather(*(worker.ended for worker in self.workers))
        await asyncio.sleep(0)


def hurried(monkeypatch: Any, haste: float = HASTE) -> tuple[float, ...]:
    """Retransmit after hundredths of a second."""
    waits = tuple(wait / haste for wait in wire.WAITS)
    monkeypatch.setattr(wire, "WAITS", waits)
    monkeypatch.setattr(wire, "OPENING_WAITS", waits[:3])
    return waits


class Telling:
    """A controller whose every reading tells which sensor it is of."""

    guid = bytes(range(16))
    power = True

    def answer(self, request: Request) -> Reply:
        match request.netfn, request.command:
            case 0x04, 0x2D:
                return Reply(0, bytes([request.data[0], 0xC0, request.lun]))
            case 0x00, 0x01:
                return Reply(0, bytes([self.power, 0, 0, 0]))
            case 0x00, 0x02:
                self.power = False
                return Reply(0)
        return Reply(0xC1)


def opening(address: str, clock: ManualClock, **options: Any) -> Opening:
    """What a session needs to be opened."""
    pace = Pace(**{name: timedelta(seconds=value) for name, value in options.pop("pace", {}).items()})
    lane = options.pop("lane", None) or Lane(device=address, clock=clock, pace=pace)
    credentials = Credentials(
        user=options.pop("user", "operator"),
        password=Secret(options.pop("password", "emulated")),
        version=options.pop("version", 1),
    )
    endpoint = Endpoint(protocol=Protocol.IPMI, address=address)
    memory = Memory(session=options.pop("memory", {}))
    return Opening(endpoint=endpoint, credentials=credentials, lane=lane, clock=clock, memory=memory, **options)


class Bench:
    """One BMC, and as many sessions with it as a test wants."""

    def __init__(self, fleet: RunningFleet, lan: Lan, workers: Workers, clock: ManualClock) -> None:
        self.fleet, self.lan, self.workers, self.clock = fleet, lan, workers, clock
        self.session = self.another()

    @property
    def tally(self) -> Any:
        return self.lan.tally

    def another(self, **options: Any) -> Session:
        """One more session of ours, with a lane of its own unless one is given."""
        return Session(opening(self.lan.address, self.clock, **options), self.workers)

    def strike(self, fault: Any, **more: Any) -> Any:
        return self.fleet.strike(machine=MACHINE, fault=fault, **more)

    def asked(self, what: str) -> int:
        """How often the BMC was asked a command, or greeted, as the ledger tells it: `IPMI 04h/2Dh`."""
        return int(self.tally.requests[what])


@contextlib.asynccontextmanager
async def bmc(controller: Any = None) -> AsyncIterator[Bench]:
    """A BMC that is there, on the real clock, and workers for sessions with it."""
    clock, guests = ManualClock(), Guests()
    workers = Workers(clock=clock, start=guests.start)
    async with running_fleet("one_server") as fleet:
        lan = Lan(fleet.bmc(MACHINE), controller or Telling())
        fleet.bmc(MACHINE).lan = lan
        await lan.open()
        try:
            yield Bench(fleet, lan, workers, clock)
        finally:
            await workers.close()
            await guests.gone()
            lan.close()


async def read(session: Session, *numbers: int) -> list[int]:
    """The number of the sensor each answer is of."""
    return [number_of(answer) for answer in await session.ask(*(sensor_reading(number, 0) for number in numbers))]


def number_of(answer: Answer) -> int:
    assert answer.code == 0, answer
    return answer.data[0]
