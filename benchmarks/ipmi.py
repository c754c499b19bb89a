"""What IPMI costs us: CPU of the service and its workers together, and datagrams.

The BMCs are OpenIPMI's ipmi_sim, each with 40 temperatures; FreeIPMI and ipmitool read the same ones beside us.
`python -m benchmarks.ipmi WHAT ADDRESS...` is the process that is measured, its children included.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

from benchmarks.devices import EVERYTHING, STEADY, Open, ask, opened
from benchmarks.polling import polled
from benchmarks.processes import CannotMeasureError, apart, children, cpu_seconds
from benchmarks.scorecard import Measured
from fleetmon.clock import SystemClock
from fleetmon.drivers.ipmi.workers import Workers
from fleetmon.drivers.registry import open_driver
from fleetmon.model import Aspect
from tests.ipmi_peers import FreeIpmi, Ipmitool
from tests.ipmi_sim import PASSWORD, USER, ipmi_sim, telling_machine

BMCS = 8
SENSORS = 40
POLLS, BEATS = 40, 400
"""Rounds of the measured process."""
RUNS = 5
PEER_POLLS = 40
FLOOR_POLLS = 100
UNIT = 1000.0
"""Milliseconds in a second."""
HEARTBEAT = frozenset({Aspect.HEARTBEAT})


async def poll_cpu() -> Measured:
    """Milliseconds of CPU a steady poll of 40 sensors costs, stored, in several processes one after the other."""
    with simulated(BMCS) as addresses:
        runs = [await apart(__name__, "poll", addresses) for _ in range(RUNS)]
        bare = [await apart(__name__, "driver", addresses) for _ in range(RUNS)]
        peer = await asyncio.to_thread(_freeipmi, addresses[0])
        floor = await asyncio.to_thread(_ipmitool, addresses[0], [f"raw 0x04 0x2d {n}" for n in range(1, SENSORS + 1)])
    return Measured(
        runs=runs,
        size=f"{BMCS} ipmi_sim of {SENSORS} sensors, {POLLS} steady polls each, stored",
        peer=peer,
        floor=floor,
        notes={"without_storing": round(statistics.median(bare), 3)},
    )


async def poll_datagrams() -> Measured:
    """Datagrams to the BMC in a steady poll of 40 sensors, counted on the way."""
    with simulated(1) as (address,):
        async with workers() as open_ipmi, counted(address) as relay, polled([relay.address], open_ipmi) as devices:
            await devices.round(EVERYTHING)
            runs, told = [], []
            for _ in range(RUNS):
                before = relay.datagrams
                (seen,) = await devices.round(STEADY)
                runs.append(float(relay.datagrams - before))
                told.append(seen.requests)
        async with counted(address) as relay:
            peer = await _datagrams_of_freeipmi(relay)
    return Measured(
        runs=runs, size=f"an ipmi_sim of {SENSORS} sensors, session kept", peer=peer, notes={"told_by_the_poll": told}
    )


async def heartbeat_cpu() -> Measured:
    """Milliseconds of CPU a heartbeat costs: the driver and the worker that has the session."""
    with simulated(BMCS) as addresses:
        runs = [await apart(__name__, "heartbeat", addresses) for _ in range(RUNS)]
        floor = await asyncio.to_thread(_ipmitool, addresses[0], ["raw 0x00 0x01"])
    return Measured(runs=runs, size=f"{BMCS} ipmi_sim, {BEATS} heartbeats each", floor=floor)


@contextlib.contextmanager
def simulated(many: int) -> Iterator[list[str]]:
    """The addresses of so many ipmi_sim on loopback."""
    if shutil.which("ipmi_sim") is None:
        raise CannotMeasureError("ipmi_sim is not installed (Debian: openipmi)")
    with contextlib.ExitStack() as bmcs:
        yield [bmcs.enter_context(ipmi_sim(telling_machine(place, SENSORS))).address for place in range(many)]


# ---- on the way ------------------------------------------------------------------------------------------------------


class Relay(asyncio.DatagramProtocol):
    """Carries datagrams between one client and one BMC or agent, and counts those to it."""

    def __init__(self, scheme: str, bmc: tuple[str, int]) -> None:
        self._scheme = scheme
        self._bmc = bmc
        self._client: Any = None
        self._transport: Any = None
        self.datagrams = 0

    @property
    def address(self) -> str:
        """What a client is told instead of the BMC's or the agent's."""
        host, port = self._transport.get_extra_info("sockname")
        return f"{self._scheme}://{host}:{port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """One of either side."""
        if addr == self._bmc:
            self._transport.sendto(data, self._client)
        else:
            self._client = addr
            self.datagrams += 1
            self._transport.sendto(data, self._bmc)


@contextlib.asynccontextmanager
async def counted(address: str) -> AsyncIterator[Relay]:
    """A relay before a BMC or an agent."""
    place = urlsplit(address)
    relay = Relay(place.scheme, (str(place.hostname), place.port or 0))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: relay, ("127.0.0.1", 0))
    try:
        yield relay
    finally:
        transport.close()


# ---- others ----------------------------------------------------------------------------------------------------------


def _freeipmi(address: str) -> float:
    """Milliseconds of CPU of a poll by FreeIPMI's ipmi-sensors, a process each, its SDRs cached."""
    with tempfile.TemporaryDirectory() as folder:
        ask = _ipmi_sensors(address, Path(folder))
        return _cpu_of_children(lambda: [ask() for _ in range(PEER_POLLS)]) / PEER_POLLS


async def _datagrams_of_freeipmi(relay: Relay) -> float:
    with tempfile.TemporaryDirectory() as folder:
        ask = await asyncio.to_thread(_ipmi_sensors, relay.address, Path(folder))
        before = relay.datagrams
        await asyncio.to_thread(ask)
        return float(relay.datagrams - before)


def _ipmi_sensors(address: str, folder: Path) -> Callable[[], object]:
    """A poll by ipmi-sensors, asked once already."""
    peer = FreeIpmi(address, USER, PASSWORD, folder, workarounds="opensesspriv")
    if len(peer.sensors()) != SENSORS:
        raise CannotMeasureError("ipmi-sensors does not tell every sensor")
    return lambda: peer.run("ipmi-sensors")


def _ipmitool(address: str, commands: Sequence[str]) -> float:
    """Milliseconds of CPU of these commands in one session of ipmitool, its start and login not counted."""
    peer = Ipmitool(address, USER, PASSWORD)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "commands"

        def spent(times: int) -> float:
            file.write_text("\n".join([*commands, ""]) * times)
            return _cpu_of_children(lambda: peer.run("exec", str(file)))

        return (spent(FLOOR_POLLS + 1) - spent(1)) / FLOOR_POLLS


def _cpu_of_children(work: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * UNIT


# ---- in the measured process -----------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def workers() -> AsyncIterator[Open]:
    """What opens a driver, with IPMI workers of its own."""
    kept = Workers(clock=SystemClock())
    try:
        yield lambda opening: open_driver(opening, workers=kept)
    finally:
        await kept.close()


async def poll(addresses: Sequence[str]) -> float:
    """Driver, worker, ingest and storage, as the role `devices` puts them together; milliseconds a poll."""
    async with workers() as open_ipmi, polled(addresses, open_ipmi) as devices:
        for aspects in (EVERYTHING, STEADY, STEADY):
            await devices.round(aspects)
        return await _spent(lambda: devices.round(STEADY), POLLS) / len(addresses)


async def driver(addresses: Sequence[str]) -> float:
    """Driver and worker alone; milliseconds a poll."""
    return await _asked(addresses, STEADY, POLLS)


async def heartbeat(addresses: Sequence[str]) -> float:
    """Driver and worker; milliseconds a heartbeat."""
    return await _asked(addresses, HEARTBEAT, BEATS)


async def _asked(addresses: Sequence[str], aspects: frozenset[Aspect], rounds: int) -> float:
    async with contextlib.AsyncExitStack() as opened_drivers:
        open_ipmi = await opened_drivers.enter_async_context(workers())
        drivers = [await opened_drivers.enter_async_context(opened(address, open_ipmi)) for address in addresses]
        await asyncio.gather(*(ask(driver, EVERYTHING) for driver in drivers))
        await asyncio.gather(*(ask(driver, STEADY) for driver in drivers))
        return await _spent(lambda: asyncio.gather(*(ask(driver, aspects) for driver in drivers)), rounds) / len(
            drivers
        )


async def _spent(work: Callable[[], Awaitable[object]], rounds: int) -> float:
    """Milliseconds of CPU a round costs this process and its children."""
    family = [os.getpid(), *children(os.getpid())]
    before = sum(map(cpu_seconds, family))
    for _ in range(rounds):
        await work()
    return (sum(map(cpu_seconds, family)) - before) * UNIT / rounds


if __name__ == "__main__":
    print(json.dumps(uvloop.run({"poll": poll, "driver": driver, "heartbeat": heartbeat}[sys.argv[1]](sys.argv[2:]))))
