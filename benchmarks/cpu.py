"""CPU a steady poll costs our process, storage included; the emulated BMCs run in another process.

`python -m benchmarks.cpu WHAT ADDRESS...` is the process that is measured: all its threads, from the first to the last
of many polls. WHAT is `ours` (driver, ingest, both databases), `floor` or `peer` (the same requests, nothing stored).
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence

import aiohttp
import orjson
import redfish
import uvloop

from benchmarks.devices import EVERYTHING, STEADY, ask, opened
from benchmarks.polling import polled
from benchmarks.processes import PASSWORD, USER, apart, emulated
from benchmarks.scorecard import Measured
from fleetmon.drivers.registry import open_driver

FLEET = "one_rack"
MACHINES = tuple(f"web-{number:02}" for number in range(1, 9))
ROUNDS = 40
RUNS = 5
UNIT = 1000.0
"""Milliseconds in a second."""


async def cpu_per_poll() -> Measured:
    """Milliseconds of CPU a steady poll costs, in several processes one after the other."""
    async with emulated(FLEET) as fleet:
        addresses = [await fleet.address(machine) for machine in MACHINES]
        runs = [await apart(__name__, "ours", addresses) for _ in range(RUNS)]
        floor = [await apart(__name__, "floor", addresses) for _ in range(RUNS)]
        peer = [await apart(__name__, "peer", addresses) for _ in range(RUNS)]
    size = f"{len(MACHINES)} servers of 69 sensors, {ROUNDS} steady polls each, stored"
    return Measured(runs=runs, size=size, peer=statistics.median(peer), floor=statistics.median(floor))


# ---- in the measured process -----------------------------------------------------------------------------------------


async def ours(addresses: Sequence[str]) -> float:
    """Driver, ingest and storage, as the role `devices` puts them together; milliseconds a poll."""
    async with polled(addresses, open_driver) as devices:
        for aspects in (EVERYTHING, STEADY, STEADY):
            await devices.round(aspects)
        started = time.process_time()
        for _ in range(ROUNDS):
            await devices.round(STEADY)
        spent = time.process_time() - started
    return spent * UNIT / (ROUNDS * len(addresses))


async def _steady_resources(address: str) -> list[str]:
    """The resources a steady poll of this device reads, as the driver has learned them."""
    async with opened(address) as driver:
        await ask(driver, EVERYTHING)
        plan = driver.memory().plan
    return [*plan["gates"], *plan["sources"]]


async def floor(addresses: Sequence[str]) -> float:
    """Bare GETs of the same resources on kept connections, bodies parsed; milliseconds a poll."""
    resources = await _steady_resources(addresses[0])
    login = aiohttp.BasicAuth(USER, PASSWORD)
    async with aiohttp.ClientSession(auth=login, connector=aiohttp.TCPConnector(ssl=False)) as session:

        async def look(address: str) -> None:
            for resource in resources:
                async with session.get(address + resource) as answer:
                    orjson.loads(await answer.read())

        await asyncio.gather(*map(look, addresses))
        started = time.process_time()
        for _ in range(ROUNDS):
            await asyncio.gather(*map(look, addresses))
        spent = time.process_time() - started
    return spent * UNIT / (ROUNDS * len(addresses))


async def peer(addresses: Sequence[str]) -> float:
    """GETs of the same resources with the synchronous `redfish` library, logged in once; milliseconds a poll."""
    resources = await _steady_resources(addresses[0])
    return await asyncio.to_thread(_with_redfish, addresses, resources)


def _with_redfish(addresses: Sequence[str], resources: Sequence[str]) -> float:
    clients = [redfish.redfish_client(base_url=address, username=USER, password=PASSWORD) for address in addresses]
    for client in clients:
        client.login(auth="session")
    started = time.process_time()
    for _ in range(ROUNDS):
        for client in clients:
            for resource in resources:
                assert client.get(resource).dict
    spent = time.process_time() - started
    for client in clients:
        client.logout()
    return spent * UNIT / (ROUNDS * len(addresses))


if __name__ == "__main__":
    print(json.dumps(uvloop.run({"ours": ours, "floor": floor, "peer": peer}[sys.argv[1]](sys.argv[2:]))))
