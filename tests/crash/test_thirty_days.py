"""Thirty days of readings, in minutes: the store is as large as the model says, its logs short, its memory steady (R8).

Time is told by a clock; upkeep seals, rolls up and forgets as it would. Proven by planted bugs: with expiry left out
the files outgrow the model, with sealing left out by ten times as much.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from fleetmon.clock import ManualClock
from fleetmon.model import Component, ReadingType, Sensor
from fleetmon.settings import Retention
from fleetmon.storage import Store
from fleetmon.storage.engine import WAL_LIMIT
from fleetmon.storage.maintenance import check
from fleetmon.storage.sizing import Shape, bytes_of
from fleetmon.storage.vitals import used_bytes
from fleetmon.upkeep import Upkeep
from tests.observations import START, device, observed, opened, sensor, take

KINDS = (
    # type, middle, amplitude of the day, noise, what the device rounds to
    (ReadingType.TEMPERATURE, 24.0, 3.0, 0.4, 1.0),
    (ReadingType.ROTATIONAL, 6000.0, 800.0, 60.0, 120.0),
    (ReadingType.POWER, 300.0, 60.0, 8.0, 1.0),
    (ReadingType.VOLTAGE, 12.1, 0.0, 0.02, 0.01),
)
"""What the sensors of a server do over a day, by turns."""


@dataclass(slots=True)
class Grown:
    """What thirty days left."""

    readings: int = 0
    used: int = 0
    longest_log: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Simulated hours, and MiB of this process then."""

    def slope(self) -> float:
        """MiB an hour after the first tenth of the time."""
        late = self.memory[len(self.memory) // 10 :]
        hours, held = zip(*late, strict=True)
        return float(np.polyfit(hours, held, 1)[0])


def sensors_of(count: int) -> tuple[Sensor, ...]:
    return tuple(
        sensor(f"{kind.value} {number}", kind, component=Component("Chassis", str(number)))
        for number in range(count)
        for kind, *_ in (KINDS[number % len(KINDS)],)
    )


def day_of(shape: Shape, device_number: int, day: int) -> np.ndarray:
    """The readings of one device on one day: a row a poll, a column a sensor."""
    noise = np.random.default_rng(device_number * 10_000 + day)
    polls = int(timedelta(days=1) / shape.interval)
    turn = np.sin(np.linspace(0, 2 * np.pi, polls, endpoint=False))[:, None]
    rows = np.array([KINDS[number % len(KINDS)][1:] for number in range(shape.sensors)]).T
    middle, amplitude, wobble, step = rows
    told = middle + amplitude * turn + wobble * noise.standard_normal((polls, shape.sensors))
    return np.round(np.round(told / step) * step, 2)


def memory_now() -> float:
    """MiB of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


async def live(store: Store, clock: ManualClock, shape: Shape, days: int) -> Grown:
    """Let days pass: every poll stored, every hour what upkeep does in one."""
    upkeep, grown, told = (
        Upkeep(store=store, retention=shape.retention, clock=clock),
        Grown(),
        sensors_of(shape.sensors),
    )
    names = [f"web-{number:02}" for number in range(shape.devices)]
    for name in names:
        await store.fleet.add_device(device(name))
    an_hour = int(timedelta(hours=1) / shape.interval)
    for day in range(days):
        rows = [day_of(shape, number, day) for number in range(shape.devices)]
        for hour in range(24):
            for poll in range(hour * an_hour, (hour + 1) * an_hour):
                at = clock.now()
                await asyncio.gather(
                    *(
                        store.telemetry.append_columns(name, at, told, rows[number][poll].tolist())
                        for number, name in enumerate(names)
                    )
                )
                await clock.advance(shape.interval)
            grown.readings += an_hour * shape.devices * shape.sensors
            grown.longest_log = max(grown.longest_log, *(file.wal_bytes() for file in store.files))
            await upkeep.seal()
            if hour % 6 == 0:
                await take(store, observed(clock.now()), of=device(names[day % len(names)]))
                for chore in (upkeep.expire, upkeep.watch_logs, upkeep.mark_stale):
                    await chore()
        gc.collect()
        grown.memory.append((24.0 * (day + 1), memory_now()))
    grown.used = sum([(await used_bytes(file))[0] for file in store.files])
    return grown


async def thirty_days(directory: Path, shape: Shape) -> Grown:
    clock = ManualClock(START)
    async with opened(directory, clock) as store:
        grown = await live(store, clock, shape, 30)
        await store.telemetry_file.checkpoint(truncate=True)
    assert [one.problems for one in check(directory)] == [(), ()]
    return grown


def hold(grown: Grown, shape: Shape) -> None:
    expected = bytes_of(shape, timedelta(days=30))
    print(
        f"R8: {grown.readings:,} readings, {grown.used:,} bytes where the model says {expected:,}"
        f" ({grown.used / expected - 1:+.1%}), longest log {grown.longest_log:,} bytes,"
        f" memory {grown.memory[-1][1]:.0f} MiB, growing {grown.slope() * 1024:+.1f} KiB an hour"
    )
    assert 0.9 <= grown.used / expected <= 1.1
    assert grown.longest_log <= WAL_LIMIT
    assert grown.slope() <= 1.0


SMALL = Shape(
    devices=1,
    sensors=60,
    interval=timedelta(minutes=5),
    retention=Retention(readings=timedelta(days=10), five_minutes=timedelta(days=20)),
)


async def test_R8_thirty_days_leave_what_the_model_says(tmp_path: Path) -> None:
    hold(await thirty_days(tmp_path / "data", SMALL), SMALL)


@pytest.mark.soak
async def test_R8_thirty_days_of_forty_servers(tmp_path: Path) -> None:
    shape, started = Shape(devices=40, sensors=60, interval=timedelta(minutes=1)), time.monotonic()
    grown = await thirty_days(tmp_path / "data", shape)
    assert grown.readings >= 100_000_000
    hold(grown, shape)
    print(f"R8: {time.monotonic() - started:.0f} s (the noise has fixed seeds)")


def test_a_disk_is_planned_by_what_is_kept() -> None:
    """Planted bug: leaving a kind of history out of the sum."""
    shape = Shape(devices=1000, sensors=60, interval=timedelta(minutes=1))
    forever = bytes_of(shape)
    assert bytes_of(shape, timedelta(days=35)) < forever
    assert bytes_of(shape, timedelta(days=3650)) == forever
    for kind in ("readings", "five_minutes", "hours", "days"):
        shorter = replace(shape, retention=replace(Retention(), **{kind: timedelta(days=1)}))
        assert bytes_of(shorter) < forever
