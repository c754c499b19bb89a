"""Readings to fill a store with: as the emulated machines tell their past, and as recorded devices might go on.

Emulated readings are those the emulator answers with, minute by minute, machine by machine; they pass through
single-precision floats on their way and are read back to seven digits. A recording is one look at a device, so how it
goes on is made up: every number keeps the digits the device told it with, wanders slowly by some per cent, and trembles
by about one of its last digits or a 500th of itself, whichever is more. What stood at nought, or had no number, stays.
"""

from __future__ import annotations

import array
import base64
import itertools
import math
import random
import sys
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.devices import EVERYTHING
from benchmarks.processes import PASSWORD, USER, CannotMeasureError, Emulated, free_port, running
from fleetmon.clock import SystemClock
from fleetmon.drivers.base import Credentials, Opening, Request, Secret
from fleetmon.drivers.lane import Lane
from fleetmon.drivers.registry import open_driver
from fleetmon.model import Component, Endpoint, Protocol, Reading, ReadingType, Sensor
from tests.recordings import FOLDER

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
TREES = (
    "dell-r750-idrac9",
    "hpe-dl360-gen12-ilo7",
    "supermicro-821ge-x13",
    "nvidia-dgx-h100-ami",
    "gigabyte-h262-megarac",
    "nvidia-gh200-openbmc",
)
WANDER, TREMBLE = 0.03, 0.002
"""Parts of a number it moves by."""
_KINDS = {"Temperature": "Chassis", "Rotational": "Fan", "Voltage": "Chassis", "Power": "PowerSupply"}


@dataclass(frozen=True, slots=True)
class Machine:
    """One device's sensors and what they told, a row a minute."""

    sensors: tuple[Sensor, ...]
    rows: Sequence[Sequence[float]]


# ---- emulated -------------------------------------------------------------------------------------------------------


async def emulated_past(fleet: Emulated, name: str, start: datetime, days: int) -> Machine:
    """What a machine's sensors told from `start` on, a day at a time."""
    rows: list[tuple[float, ...]] = []
    sensors: tuple[Sensor, ...] = ()
    for day in range(days):
        since = start + day * DAY
        past = await fleet.past(name, since, since + DAY - MINUTE, MINUTE)
        sensors = tuple(_sensor(told["key"], told["type"]) for told in past["sensors"])
        rows += zip(*map(_numbers, past["columns"]), strict=True)
    return Machine(sensors, rows)


def _sensor(name: str, kind: str) -> Sensor:
    component = Component(_KINDS.get(kind, "Chassis"), name)
    return Sensor(component=component, name=name, type=ReadingType(kind), source=f"/{name}")


def _numbers(column: str) -> list[float]:
    """A column of little-endian doubles."""
    values = array.array("d", base64.b64decode(column))
    if sys.byteorder == "big":
        values.byteswap()
    return list(values)


# ---- recorded -------------------------------------------------------------------------------------------------------


async def recorded_future(folder: Path, tree: str, days: int) -> Machine:
    """How a recorded device might go on; its sensors, digits and levels are what the driver reads from it."""
    archive = FOLDER / "redfish" / f"{tree}.tar.gz"
    if not archive.is_file():
        raise CannotMeasureError(f"no recordings in {FOLDER}; FLEETMON_RECORDINGS names their folder")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    readings = await _looked_at(folder / tree)
    chance = random.Random(tree)
    columns = [_going_on(one, days * 1440, random.Random(chance.random())) for one in readings]
    return Machine(tuple(one.sensor for one in readings), list(zip(*columns, strict=True)))


async def _looked_at(folder: Path) -> list[Reading]:
    """Every reading of a recorded device, once, by the driver."""
    port, clock = free_port(), SystemClock()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "emulator", "--mockup", str(folder), "--listen", f"127.0.0.1:{port}"]
    endpoint = Endpoint(protocol=Protocol.REDFISH, address=address, credential="bench")
    async with running(command, f"{address}/redfish/v1"):
        lane = Lane(device=address, clock=clock)
        credentials = Credentials(user=USER, password=Secret(PASSWORD))
        driver = open_driver(Opening(endpoint=endpoint, credentials=credentials, lane=lane, clock=clock))
        seen = await driver.observe(Request(aspects=EVERYTHING))
        await driver.close()
    if not seen.readings:
        raise CannotMeasureError(f"{folder.name} tells no readings: {seen.reason or seen.problems[:2]}")
    by_sensor = {(one.sensor.component, one.sensor.name, one.sensor.type): one for one in seen.readings}
    return list(by_sensor.values())


def _going_on(reading: Reading, count: int, chance: random.Random) -> Iterator[float]:
    """A number that wanders and trembles around what was told, in the digits it was told with."""
    value = reading.number
    if not value:
        return itertools.repeat(math.nan if value is None else 0.0, count)
    digits = min(6, len(repr(float(value)).partition(".")[2]) if value != int(value) else 0)
    tremble = max(TREMBLE * abs(value), 0.7 * 10**-digits)
    phase, period = chance.uniform(0, 2 * math.pi), chance.uniform(300, 1500)
    return (
        round(value * (1 + WANDER * math.sin(phase + minute / period * 2 * math.pi)) + chance.gauss(0, tremble), digits)
        for minute in range(count)
    )


def jittered(start: datetime, minutes: int, chance: random.Random) -> Iterator[datetime]:
    """Instants of polls a minute apart, each some milliseconds late."""
    return (start + minute * MINUTE + timedelta(milliseconds=chance.randrange(20)) for minute in range(minutes))


EPOCH = datetime(2026, 1, 6, tzinfo=UTC)
"""A midnight that storage lines begin at; what they measure does not depend on the day."""
