"""A storm of traps: what it costs the service, and how much longer the API takes to answer meanwhile.

Every source is the address of a device, where nobody listens: so each hint leads as far as one can, to a poll.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.fleet import filled_store
from benchmarks.processes import cpu_seconds, free_port, running
from benchmarks.scale import MINUTES, Service
from benchmarks.scorecard import Measured
from tests.trap_storm import sources

RATE = 20_000
SOURCES = 1000
CALM = 20.0
"""Seconds between the start and the first measurement."""


async def storm() -> Measured:
    """How many times longer 95 of 100 requests may take in a storm than while the same storm goes elsewhere."""
    seconds = 60 * float(os.environ.get(MINUTES, "1"))
    async with besieged() as (service, process, port):
        await asyncio.sleep(CALM)
        calm, _, _ = await _stormed(service, process, seconds, None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            elsewhere.bind(("127.0.0.1", 0))
            busy, busy_cores, _ = await _stormed(service, process, seconds, elsewhere.getsockname()[1])
        stormy, cores, sent = await _stormed(service, process, seconds, port)
        counted = await outcomes(service)
    return Measured(
        runs=[stormy / busy],
        size=f"{RATE} traps/s for {seconds:g} s from {SOURCES} addresses, each a device's; the sender on this machine,"
        " in the figure it is compared with, too",
        notes={
            "calm_p95_ms": round(1000 * calm, 2),
            "storm_elsewhere_p95_ms": round(1000 * busy, 2),
            "storm_p95_ms": round(1000 * stormy, 2),
            "storm_elsewhere_cores": round(busy_cores, 3),
            "storm_cores": round(cores, 3),
            "sent": sent,
            "outcomes": counted,
        },
    )


async def _stormed(service: Service, process: int, seconds: float, port: int | None) -> tuple[float, float, int]:
    """The API's 95th percentile, the cores the service took, and the traps sent to `port`; None: no storm."""
    if port is None:
        return *await _measured(service, process, seconds), 0
    sender = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.trap_storm", str(port), str(RATE), str(seconds + 2), str(SOURCES)),
        stdout=asyncio.subprocess.PIPE,
    )
    await asyncio.sleep(1)
    answered, cores = await _measured(service, process, seconds)
    said, _ = await sender.communicate()
    return answered, cores, int(said)


async def _measured(service: Service, process: int, seconds: float) -> tuple[float, float]:
    """The API's 95th percentile, and the cores the service took."""
    started, spent = time.monotonic(), cpu_seconds(process)
    answered = await service.answers_within(seconds)
    return answered, (cpu_seconds(process) - spent) / (time.monotonic() - started)


async def outcomes(service: Service) -> dict[str, int]:
    """What became of the traps, by the service's own count."""
    counted = (await service.sample()).metrics
    return {
        labels.removeprefix('outcome="').rstrip('"'): int(value)
        for (name, labels), value in counted.items()
        if name == "fleetmon_traps_total"
    }


@contextlib.asynccontextmanager
async def besieged() -> AsyncIterator[tuple[Service, int, int]]:
    """The service, its process, and the port it takes traps at; its devices are those the storm names."""
    with tempfile.TemporaryDirectory() as folder:
        devices = {f"sw-{number:04}": f"snmp://{source}" for number, source in enumerate(sources(SOURCES))}
        store, _ = await filled_store(Path(folder), devices)
        await store.close()
        port, traps = free_port(), free_port()
        config = Path(folder) / "configuration" / "fleetmon.toml"
        config.write_text(
            f'data = "{folder}/data"\nmaster_key_file = "{folder}/configuration/fleetmon-master-key"\n'
            f'[listen]\nport = {port}\n[traps]\nhost = "127.0.0.1"\nport = {traps}\n'
        )
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "fleetmon", "serve", "--config", str(config)]
        async with running(command, f"{url}/api/v1/live", **dict(os.environ)) as process:
            yield Service(url, process.pid, process.pid), process.pid, traps
