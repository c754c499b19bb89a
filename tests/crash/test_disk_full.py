"""A disk that is full for ten minutes costs readings and nothing else, and what it cost ends by itself (R5).

Proven by planted bugs: without the floor a health change is lost to ENOSPC; without the reserve as well, when something
else filled the disk; without another look at the room readings never come back.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fleetmon.errors import StorageError
from fleetmon.metrics import Metrics
from fleetmon.model import Health, Observation
from fleetmon.settings import Retention
from fleetmon.storage.maintenance import check
from fleetmon.storage.space import Disk
from fleetmon.storewatch import TICK, StoreWatch
from fleetmon.upkeep import Upkeep
from tests.contract.api_seed import BASE, Service, look, service
from tests.observations import EVERYTHING, health, log_reading, reading, record

SIZE = 64 << 20
MINUTES = 10
BACK_WITHIN = 30.0
"""Seconds."""


class FileSystem:
    """A real one of 64 MB; what fills it is a file of somebody else's."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._foreign = place / "foreign"

    def fill(self) -> None:
        """Take every byte that is left."""
        with self._foreign.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def empty(self) -> None:
        self._foreign.unlink()

    def measured_for(self, running: Service) -> None:
        """The file system speaks for itself."""


class CountedDirectory(FileSystem):
    """Where nothing may be mounted: a directory whose files are counted against 64 MB, and no real end of space."""

    full = False

    def fill(self) -> None:
        self.full = True

    def empty(self) -> None:
        self.full = False

    def measured_for(self, running: Service) -> None:
        running.store.space._measure = self.measure

    def measure(self, directory: Path) -> Disk:
        taken = sum(file.stat().st_size for file in directory.iterdir())
        return Disk(total=SIZE, free=0 if self.full else max(0, SIZE - taken))


@pytest.fixture
def counted(tmp_path: Path) -> FileSystem:
    return CountedDirectory(tmp_path)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[FileSystem]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a file system in memory")
    try:
        yield FileSystem(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


class Story:
    """A service whose polls, upkeep and watch go on while its disk is full, every second of it told by a clock."""

    def __init__(self, running: Service, devices: int, sensors: int) -> None:
        self.running = running
        self.clock = running.clock
        self.devices = [f"web-{number}" for number in range(1, devices + 1)]
        self.sensors = sensors
        self.watch = StoreWatch(store=running.store, retention=Retention(), metrics=Metrics(), clock=self.clock)
        self.upkeep = Upkeep(store=running.store, retention=Retention(), clock=self.clock)
        self.acknowledged: set[tuple[str, str]] = set()
        self.refused = 0
        self.turn = 0

    async def tick(self) -> None:
        """Five seconds: one look of the watch, and every minute a poll of each device."""
        await self.watch.look()
        await asyncio.gather(*self.watch._under_way.values())
        if self.turn % (60 / TICK) == 0:
            await asyncio.gather(*(self.poll(name) for name in self.devices))
            await self.upkeep.watch_logs()
            for path in ("/live", "/ready", "/fleet", "/devices", "/storage"):
                assert (await self.running.client.get(BASE + path)).status_code == 200, path
        self.turn += 1
        await self.clock.advance(TICK)

    async def poll(self, name: str) -> None:
        """One poll that brings readings, a new event and a health that changes."""
        number = str(self.turn + 1)
        try:
            await self.running.observe(name, self.observation(number))
        except StorageError:
            self.refused += 1
        else:
            self.acknowledged.add((name, number))

    def observation(self, number: str) -> Observation:
        now, word = self.clock.now(), Health.WARNING if int(number) % 2 else Health.OK
        return replace(
            look(self.clock),
            asked=EVERYTHING,
            answered=EVERYTHING,
            readings=tuple(reading(f"Temp {place}", 20.0 + place % 9, now) for place in range(self.sensors)),
            health=(health("Fan", "Fan 1", word, at=now),),
            logs=(log_reading(record(number, created_text=number), at=now),),
        )

    async def newest_reading(self) -> float:
        """Seconds since a reading was stored of the first device."""
        latest = await self.running.store.telemetry.latest(self.devices[0])
        newest = max((one.taken_at for one in latest.values()), default=None)
        return float("inf") if newest is None else (self.clock.now() - newest).total_seconds()


async def full_for_ten_minutes(disk: FileSystem, *, devices: int, sensors: int, seed: int) -> None:
    chance = random.Random(seed)
    async with service(disk.place / "data", devices=devices) as running:
        disk.measured_for(running)
        story = Story(running, devices, sensors)
        for _ in range(24 + chance.randrange(12)):
            await story.tick()
        assert await story.newest_reading() <= 60 + TICK

        disk.fill()
        for _ in range(int(MINUTES * 60 / TICK)):
            await story.tick()
        assert story.refused == 0, "health and events are stored while readings are not"
        assert running.store.space.lost > 0
        assert await story.newest_reading() >= MINUTES * 60 - 120
        told = (await running.client.get(f"{BASE}/storage")).json()
        assert told["readings"]["taken"] is False
        assert "the disk is nearly full" in told["readings"]["reason"]
        assert "readings are not stored" in (await running.client.get(f"{BASE}/ready")).json()["warnings"][0]

        disk.empty()
        waited = 0.0
        while (await running.client.get(f"{BASE}/storage")).json()["readings"]["taken"] is False:
            assert waited <= BACK_WITHIN
            await story.tick()
            waited += TICK
        for _ in range(13):
            await story.tick()
        assert await story.newest_reading() <= 60 + TICK
        rows = await running.store.state.read("SELECT device_id, record_id FROM event")
        assert {(row["device_id"], row["record_id"]) for row in rows} >= story.acknowledged
        print(f"R5: {len(story.acknowledged)} polls kept, {running.store.space.lost} readings refused, back {waited} s")
    assert [one.problems for one in check(disk.place / "data")] == [(), ()]


async def test_R5_a_full_directory_costs_readings_alone(counted: FileSystem) -> None:
    await full_for_ten_minutes(counted, devices=3, sensors=10, seed=5)


async def test_R5_a_full_file_system_costs_readings_alone(mounted: FileSystem) -> None:
    await full_for_ten_minutes(mounted, devices=3, sensors=10, seed=5)


@pytest.mark.soak
async def test_R5_a_full_file_system_under_load(mounted: FileSystem) -> None:
    seed, started = random.randrange(2**32), time.monotonic()
    print(f"R5: 40 devices with 60 sensors, ten minutes without space, seed {seed}")
    await full_for_ten_minutes(mounted, devices=40, sensors=60, seed=seed)
    print(f"R5: {time.monotonic() - started:.0f} s, {timedelta(minutes=MINUTES)} of them told by the clock")
