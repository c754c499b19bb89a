"""History: bytes a reading takes once it is sealed, the CPU that takes, and how fast a month of it comes over HTTP."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.fleet import filled_store
from benchmarks.processes import CannotMeasureError, emulated, free_port, running
from benchmarks.readings import DAY, EPOCH, MINUTE, TREES, Machine, emulated_past, jittered, recorded_future
from benchmarks.scorecard import Measured
from fleetmon.clock import ManualClock
from fleetmon.model import Quality, Reading
from fleetmon.storage import Store, open_store

FLEET = "one_rack"
MACHINES = ("web-01", "web-02", "db-01", "ci-01")
DAYS, RECORDED_DAYS, MONTH = 14, 7, 31
KEPT = timedelta(days=60)
ROUNDS, RUNS = 60, 5
MICROSECONDS, MILLISECONDS = 1e6, 1e3


# ---- bytes and CPU of sealing ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Filled:
    """What living through some days came to."""

    readings: int = 0
    bytes: int = 0
    pages: int = 0
    rollups: int = 0
    sealing: float = 0.0
    """Seconds of CPU."""


async def bytes_per_reading() -> Measured:
    """Bytes on disk per reading of emulated servers, after all their days are sealed."""
    async with emulated(FLEET) as fleet:
        machines = [await emulated_past(fleet, name, EPOCH, DAYS) for name in await _present(fleet)]
    return _of_bytes(await _lived(machines, DAYS), f"{len(machines)} emulated servers, {DAYS} days")


async def bytes_per_reading_recorded() -> Measured:
    """Bytes on disk per reading of recorded devices that go on as `benchmarks.readings` says."""
    with tempfile.TemporaryDirectory() as folder:
        machines = [await recorded_future(Path(folder), tree, RECORDED_DAYS) for tree in TREES]
    return _of_bytes(await _lived(machines, RECORDED_DAYS), f"{len(machines)} recorded devices, {RECORDED_DAYS} days")


async def sealing_cpu_per_reading() -> Measured:
    """Microseconds of CPU a reading costs from hot row to hour's page to day's page with rollups."""
    async with emulated(FLEET) as fleet:
        machines = [await emulated_past(fleet, name, EPOCH, 2) for name in await _present(fleet)]
    filled = [await _lived(machines, 2) for _ in range(3)]
    size = f"{len(machines)} servers, 2 days, {filled[0].readings:,} readings a run"
    return Measured(runs=[one.sealing / one.readings * MICROSECONDS for one in filled], size=size)


async def _present(fleet: Any) -> list[str]:
    """Machines of several families."""
    there = await fleet.machines()
    return [name for name in MACHINES if name in there] or there[:4]


def _of_bytes(filled: Filled, size: str) -> Measured:
    count = filled.readings
    return Measured(
        runs=[filled.bytes / count],
        size=f"{size} at a reading a minute, {count:,} readings; telemetry.db with its log, all rollups, all indexes",
        notes={
            "without_rollups": round((filled.bytes - filled.rollups) / count, 3),
            "pages_of_readings": round(filled.pages / count, 3),
            "pages_of_rollups": round(filled.rollups / count, 3),
        },
    )


async def _lived(machines: Sequence[Machine], days: int) -> Filled:
    """Days lived through minute by minute, every hour and day sealed when it is due."""
    filled, chance = Filled(), random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(Path(folder), clock=ManualClock(EPOCH))
        instants = [list(jittered(EPOCH, days * 1440, chance)) for _ in machines]
        for minute in range(days * 1440):
            for number, (machine, at) in enumerate(zip(machines, instants, strict=True)):
                row = machine.rows[minute]
                await store.telemetry.append_columns(f"server-{number}", at[minute], machine.sensors, row)
                filled.readings += len(row)
            if minute % 60 == 15:
                await _seal(store, EPOCH + minute * MINUTE, filled)
        await _seal(store, EPOCH + days * DAY + timedelta(hours=3), filled)
        await store.telemetry_file.checkpoint(truncate=True)
        filled.bytes = sum(path.stat().st_size for path in Path(folder).glob("telemetry.db*"))
        for growth in await store.telemetry.growth(EPOCH + days * DAY + timedelta(hours=3)):
            filled.pages += growth.bytes if growth.kind == "readings" else 0
            filled.rollups += growth.bytes if growth.kind != "readings" else 0
        await store.close()
    return filled


async def _seal(store: Store, now: datetime, filled: Filled) -> None:
    started = time.process_time()
    while spans := await store.telemetry.due(now, KEPT):
        for span in spans:
            await store.telemetry.seal(span)
    filled.sealing += time.process_time() - started


# ---- CPU of storing -------------------------------------------------------------------------------------------------


async def ingest_cpu_per_reading() -> Measured:
    """Microseconds of CPU a reading costs from the model's `Reading` to a committed row, all threads."""
    async with emulated(FLEET) as fleet:
        machine = await emulated_past(fleet, MACHINES[0], EPOCH, 1)
    runs = [await _stored(machine) for _ in range(RUNS)]
    return Measured(runs=runs, size=f"{len(machine.sensors)} sensors, 16 servers at once, 120 polls each")


async def _stored(machine: Machine) -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(Path(folder), clock=ManualClock(EPOCH))
        names = [f"server-{number}" for number in range(16)]
        spent = 0.0
        for minute in range(120):
            at = EPOCH + minute * MINUTE
            told = list(zip(machine.sensors, machine.rows[minute], strict=True))
            readings = [
                Reading(sensor=sensor, value=value, taken_at=at, quality=Quality.GOOD) for sensor, value in told
            ]
            started = time.process_time()
            await asyncio.gather(*(store.telemetry.append(name, at, readings) for name in names))
            spent += time.process_time() - started
        await store.close()
    return spent / (120 * len(names) * len(machine.sensors)) * MICROSECONDS


# ---- a month over HTTP ----------------------------------------------------------------------------------------------


async def history_720() -> Measured:
    """Milliseconds, p50, of one sensor's 30 days in 720 points."""
    return await _month(720)


async def history_8640() -> Measured:
    """Milliseconds, p50, of one sensor's 30 days in 8,640 points."""
    return await _month(8640)


async def _month(points: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        async with _served(Path(folder)) as (session, base):
            sensor = (await _json(session, f"{base}/sensors"))["items"][5]["sensor_id"]
            url = f"{base}/readings?sensor={sensor}&points={points}&from={time.time() - 30 * 86400:.0f}"
            told = await _json(session, url)
            if not 0.95 * points <= len(told["points"]) <= 1.05 * points:
                raise CannotMeasureError(f"{len(told['points'])} points came for {points}")
            runs = [await _p50(session, url) for _ in range(RUNS)]
            floor = await _p50(session, f"{base.partition('/devices')[0]}/live")
    size = f"p50 of {ROUNDS} requests on a kept connection, one of 69 sensors, a reading a minute, {told['source']}"
    return Measured(runs=runs, size=size, floor=floor)


@asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """The service, its API alone, over a month of one emulated server up to now; yields the device's address."""
    now = datetime.now(UTC)
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - MONTH * DAY
    async with emulated(FLEET) as fleet:
        machine = await emulated_past(fleet, MACHINES[0], start, MONTH + 1)
    store, _ = await filled_store(folder, {"server": "https://127.0.0.1:1"})
    for minute, at in enumerate(jittered(start, round((now - start) / MINUTE), random.Random(7))):
        await store.telemetry.append_columns("server", at, machine.sensors, machine.rows[minute])
        if minute % 1440 == 0:
            await _seal(store, at, Filled())
    await _seal(store, now, Filled())
    await store.close()
    port = free_port()
    config = folder / "configuration" / "fleetmon.toml"
    config.write_text(
        f'data = "{folder / "data"}"\nroles = ["api"]\n'
        f'master_key_file = "{folder / "configuration" / "fleetmon-master-key"}"\n[listen]\nport = {port}\n'
    )
    command = [sys.executable, "-m", "fleetmon", "serve", "--config", str(config)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEETMON")}
    base = f"http://127.0.0.1:{port}/api/v1"
    async with running(command, f"{base}/live", **environment), aiohttp.ClientSession() as session:
        yield session, f"{base}/devices/server"


async def _json(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as answer:
        if answer.status != 200:
            raise CannotMeasureError(f"{url} answers {answer.status}: {(await answer.text())[:200]}")
        return await answer.json()


async def _p50(session: aiohttp.ClientSession, url: str) -> float:
    """The median time from the request to the last byte."""
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        async with session.get(url) as answer:
            await answer.read()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * MILLISECONDS
