"""How long a restarted service is blind: from the start of its process to the first poll that is stored."""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from benchmarks.fleet import filled_store
from benchmarks.processes import CannotMeasureError, emulated, free_port, running
from benchmarks.scorecard import Measured

RUNS = 5
INTERVAL = 5
"""Seconds; the service is away for longer, so that every device is due when it comes back."""
POLLS = re.compile(r'^fleetmon_polls_total\{[^}]*reachability="reachable"[^}]*\} (\S+)$', re.MULTILINE)
LIMIT = 30.0


async def restart_to_first_poll() -> Measured:
    """Seconds from the start of the process to the first good poll in the store, all devices known and due."""
    with tempfile.TemporaryDirectory() as folder:
        async with emulated("one_rack") as fleet:
            addresses = {name: await fleet.address(name) for name in await fleet.machines()}
            store, _ = await filled_store(Path(folder), addresses)
            await store.close()
            await _run(Path(folder), len(addresses))
            runs, all_polled = [], []
            for _ in range(RUNS):
                await asyncio.sleep(INTERVAL + 1)
                first, every = await _run(Path(folder), len(addresses))
                runs.append(first)
                all_polled.append(every)
        floor = [await _import_only() for _ in range(RUNS)]
    return Measured(
        runs=runs,
        size=f"{len(addresses)} known devices, all due",
        floor=statistics.median(floor),
        notes={"all_polled_s": round(statistics.median(all_polled), 3)},
    )


async def _run(folder: Path, devices: int) -> tuple[float, float]:
    """One life of the service: seconds to the first stored poll, and to one of every device."""
    port = free_port()
    config = folder / "configuration" / "fleetmon.toml"
    config.write_text(
        f'data = "{folder / "data"}"\n'
        f'master_key_file = "{folder / "configuration" / "fleetmon-master-key"}"\n'
        f"[listen]\nport = {port}\n"
        f'[polling.interval]\nheartbeat = "{INTERVAL}s"\nsensors = "{INTERVAL}s"\n'
    )
    command = [sys.executable, "-m", "fleetmon", "serve", "--config", str(config)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEETMON")}
    started = time.monotonic()
    async with (
        running(command, f"http://127.0.0.1:{port}/api/v1/live", **environment),
        aiohttp.ClientSession() as session,
    ):
        metrics = f"http://127.0.0.1:{port}/metrics"
        first = await _until(session, metrics, 1) - started
        return first, await _until(session, metrics, devices) - started


async def _until(session: aiohttp.ClientSession, metrics: str, polls: int) -> float:
    """The instant at which so many good polls have been stored."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        async with session.get(metrics) as answer:
            found = POLLS.search(await answer.text())
        if found and float(found[1]) >= polls:
            return time.monotonic()
        await asyncio.sleep(0.02)
    raise CannotMeasureError(f"no {polls} good polls within {LIMIT:g} s of the service's start")


async def _import_only() -> float:
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import fleetmon.app")
    if await process.wait():
        raise CannotMeasureError("the service cannot be imported")
    return time.monotonic() - started
