"""What SNMP costs us: datagrams to the agent and CPU of the service.

The agents are the emulator's; net-snmp's snmpbulkwalk reads the same ones beside us.
`python -m benchmarks.snmp WHAT ADDRESS...` is the process that is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import uvloop

from benchmarks.devices import EVERYTHING, STEADY, ask, opened
from benchmarks.ipmi import counted
from benchmarks.polling import polled
from benchmarks.processes import PASSWORD, USER, CannotMeasureError, apart, cpu_seconds, emulated
from benchmarks.scale import SWITCHES as FLEET
from benchmarks.scorecard import Measured
from emulator.snmp.serve import access_of, running_recordings
from fleetmon.drivers.registry import open_driver
from fleetmon.model import Observation

SWITCHES = 8
ROUNDS = 30
RUNS = 5
PEER_POLLS = 20
PORTS = 52
COLUMNS = {
    "1.3.6.1.2.1.31.1.1.1.6": 70, "1.3.6.1.2.1.31.1.1.1.10": 70, "1.3.6.1.2.1.2.2.1.13": 65, "1.3.6.1.2.1.2.2.1.14": 65,
}  # fmt: skip
"""Octets in and out, discards in and errors in, each with the tag of its type."""
TABLES = ("1.3.6.1.2.1.2.2", "1.3.6.1.2.1.31.1.1", "1.3.6.1.2.1.99.1.1")
"""ifTable, ifXTable and entPhySensorTable: what a poll with three walks takes."""
UNIT = 1e6
"""Microseconds in a second."""


async def poll_packets() -> Measured:
    """Datagrams to the agent in a steady poll of 52 ports with four counters each, counted on the way."""
    async with _served(_recording()) as agent:
        async with counted(agent) as relay, polled([relay.address], open_driver) as devices:
            await devices.round(EVERYTHING)
            runs, told = [], []
            for _ in range(RUNS):
                before = relay.datagrams
                (seen,) = await devices.round(STEADY)
                runs.append(float(relay.datagrams - before))
                told.append(len(seen.readings))
        async with counted(agent) as relay:
            await asyncio.to_thread(_walked, relay.address, tuple(COLUMNS))
            peer = float(relay.datagrams)
    return Measured(
        runs=runs,
        size=f"{PORTS} ports x {len(COLUMNS)} columns",
        peer=peer,
        notes={"values_of_the_poll": told, "values_wanted": PORTS * len(COLUMNS)},
    )


async def poll_cpu() -> Measured:
    """Microseconds of CPU for each value of a steady poll, stored, in several processes one after the other."""
    async with emulated(str(FLEET)) as fleet:
        addresses = list((await fleet.addresses("snmp")).values())[:SWITCHES]
        runs = [await apart(__name__, "poll", addresses) for _ in range(RUNS)]
        bare = [await apart(__name__, "driver", addresses) for _ in range(RUNS)]
        peer = await asyncio.to_thread(_cpu_of_walks, addresses[0])
    return Measured(
        runs=[cost for cost, _ in runs],
        size=f"{SWITCHES} switches of {runs[0][1]:g} values, {ROUNDS} steady polls each, stored",
        peer=peer,
        notes={"without_storing": round(statistics.median(cost for cost, _ in bare), 2)},
    )


# ---- agents and others -----------------------------------------------------------------------------------------------


def _recording() -> Iterator[str]:
    """A switch that counts at so many ports and tells nothing else, as a .snmprec file."""
    yield "1.3.6.1.2.1.1.1.0|4|A switch"
    yield "1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1"
    yield "1.3.6.1.2.1.1.3.0|67|1000000"
    for port in range(1, PORTS + 1):
        yield f"1.3.6.1.2.1.2.2.1.2.{port}|4|eth{port}"
        yield f"1.3.6.1.2.1.2.2.1.3.{port}|2|6"
        yield f"1.3.6.1.2.1.31.1.1.1.1.{port}|4|eth{port}"
        yield from (f"{column}.{port}|{tag}|{port * 1000}" for column, tag in COLUMNS.items())


@contextlib.asynccontextmanager
async def _served(lines: Iterator[str]) -> AsyncIterator[str]:
    """The address of an agent that serves these lines to the fleet's password."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "switch.snmprec"
        file.write_text("\n".join([*lines, ""]))
        async with running_recordings([file], access=access_of(USER, PASSWORD, PASSWORD)) as agents:
            yield agents["switch"].address


def _walked(address: str, oids: Sequence[str], community: str = PASSWORD) -> int:
    """How many values snmpbulkwalk tells, a process for each OID."""
    if shutil.which("snmpbulkwalk") is None:
        raise CannotMeasureError("snmpbulkwalk is not installed (Debian: snmp)")
    place = address.removeprefix("snmp://")
    command = ["snmpbulkwalk", "-v2c", f"-c{community}", "-Onqe", place]
    environment = {**os.environ, "MIBS": ""}
    told = [subprocess.run([*command, oid], check=True, capture_output=True, env=environment).stdout for oid in oids]
    return sum(one.count(b"\n") for one in told)


def _cpu_of_walks(address: str) -> float:
    """Microseconds of CPU of snmpbulkwalk for each value of three tables, understood and stored by nobody."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    values = sum(_walked(address, TABLES) for _ in range(PEER_POLLS))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * UNIT / values


# ---- in the measured process -----------------------------------------------------------------------------------------


async def poll(addresses: Sequence[str]) -> tuple[float, float]:
    """Driver, ingest and storage, as the role `devices` puts them together."""
    async with polled(addresses, open_driver) as devices:
        for aspects in (EVERYTHING, STEADY, STEADY):
            await devices.round(aspects)
        return await _spent(lambda: devices.round(STEADY))


async def driver(addresses: Sequence[str]) -> tuple[float, float]:
    """The driver alone."""
    async with contextlib.AsyncExitStack() as stack:
        drivers = [await stack.enter_async_context(opened(address)) for address in addresses]
        for aspects in (EVERYTHING, STEADY):
            await asyncio.gather(*(ask(one, aspects) for one in drivers))
        return await _spent(lambda: asyncio.gather(*(ask(one, STEADY) for one in drivers)))


async def _spent(work: Callable[[], Awaitable[Sequence[Observation]]]) -> tuple[float, float]:
    """Microseconds of CPU that a value costs this process, and how many values a device has."""
    before, values, polls = cpu_seconds(os.getpid()), 0, 0
    for _ in range(ROUNDS):
        seen = await work()
        values += sum(len(one.readings) for one in seen)
        polls += len(seen)
    return (cpu_seconds(os.getpid()) - before) * UNIT / values, values / polls


if __name__ == "__main__":
    print(json.dumps(uvloop.run({"poll": poll, "driver": driver}[sys.argv[1]](sys.argv[2:]))))
