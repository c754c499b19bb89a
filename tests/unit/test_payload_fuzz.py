"""Payloads damaged in every way: no exception, nothing non-finite, and no other device feels it (R18)."""

from __future__ import annotations

import math
import random
import tarfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Opening, Request
from fleetmon.drivers.lane import Lane
from fleetmon.drivers.redfish.driver import RedfishDriver
from fleetmon.model import Aspect, Endpoint, Observation, Protocol
from fleetmon.storage import Store
from tests import recordings
from tests.fuzz import DamagedSession
from tests.observations import device, opened, take
from tests.redfish_service import NOW, ShelfSession, server

EVERYTHING = frozenset(Aspect)
STEADY = frozenset({Aspect.HEARTBEAT, Aspect.SENSORS, Aspect.EVENTS})
INGESTED = 12
"""One poll in so many is written to a store; parsing and learning see them all."""


def driver_of(session: Any) -> RedfishDriver:
    clock = ManualClock(NOW)
    endpoint = Endpoint(protocol=Protocol.REDFISH, address="https://bmc")
    lane = Lane(device="https://bmc", clock=clock)
    return RedfishDriver(Opening(endpoint=endpoint, credentials=None, lane=lane, clock=clock), session=session)


@dataclass
class Tally:
    """What fuzzing came to."""

    payloads: int = 0
    polls: int = 0
    seen: dict[str, int] = field(default_factory=dict)

    def count(self, observation: Observation) -> None:
        self.polls += 1
        word = observation.reachability.value
        self.seen[word] = self.seen.get(word, 0) + 1


async def fuzzed(
    store: Store, services: list[dict[str, Any]], *, payloads: int, seed: int, share: float = 0.6
) -> Tally:
    """So many damaged payloads through parse, learning and ingest, beside a healthy device that must not change."""
    tally = Tally()
    healthy = driver_of(ShelfSession(server()))
    before = essence(await healthy.observe(Request(aspects=EVERYTHING)))
    await store.fleet.add_device(device("fuzzed"))
    number = 0
    while tally.payloads < payloads:
        number += 1
        chance = random.Random(seed + number)
        session = DamagedSession(chance.choice(services), chance, share=share, expand=chance.choice([0, 0, 3]))
        driver = driver_of(session)
        try:
            for aspects in (EVERYTHING, STEADY, EVERYTHING):
                observation = await driver.observe(Request(aspects=aspects))
                tally.count(observation)
                assert_sound(observation)
                if number % INGESTED == 0:
                    later = timedelta(minutes=tally.polls)
                    await take(store, moved(observation, later), of=device("fuzzed"))
            orjson.dumps(driver.memory().plan)
        except Exception as error:
            raise AssertionError(f"seed {seed + number}: {type(error).__name__}: {error}") from error
        tally.payloads += session.damaged
    latest = await store.telemetry.latest("fuzzed")
    assert all(one.number is None or math.isfinite(one.number) for one in latest.values())
    assert essence(await healthy.observe(Request(aspects=EVERYTHING))) == before
    assert essence(await driver_of(ShelfSession(server())).observe(Request(aspects=EVERYTHING))) == before
    return tally


def moved(observation: Observation, by: timedelta) -> Observation:
    """The same poll at a later time."""
    return replace(observation, taken_at=observation.taken_at + by)


def assert_sound(observation: Observation) -> None:
    """Finite numbers, strings that can be told, names within bounds."""
    for reading in observation.readings:
        assert reading.number is None or math.isfinite(reading.number), reading
        limits = reading.sensor.thresholds
        for limit in (limits.lower_critical, limits.upper_critical, limits.upper_fatal, reading.sensor.range_max):
            assert limit is None or math.isfinite(limit), reading.sensor
    for part in observation.inventory.parts if observation.inventory else ():
        assert part.capacity_bytes is None or 0 <= part.capacity_bytes < 2**63, part


def essence(observation: Observation) -> tuple[Any, ...]:
    """What one poll of a device that does not change tells."""
    return (
        observation.reachability,
        sorted((str(one.sensor.component), one.sensor.name, one.number) for one in observation.readings),
        sorted((str(one.component), one.health.value) for one in observation.health),
        observation.power.state if observation.power else None,
    )


def recorded(limit: int) -> list[dict[str, Any]]:
    """Recorded services, by path; fewer or none where there are no recordings."""
    archives = sorted((recordings.FOLDER / "redfish").glob("*.tar.gz"), key=lambda path: path.stat().st_size)
    return [_tree(archive) for archive in archives[:limit]]


def _tree(archive: Path) -> dict[str, Any]:
    bodies: dict[str, Any] = {}
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.isfile() and member.name.endswith("index.json") and member.size < 200_000:
                content = packed.extractfile(member)
                try:
                    body = orjson.loads(content.read()) if content else None
                except orjson.JSONDecodeError:
                    continue
                if isinstance(body, dict) and isinstance(body.get("@odata.id"), str):
                    bodies[body["@odata.id"]] = body
    return bodies


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as opened_store:
        yield opened_store


async def test_R18_ten_thousand_damaged_payloads(store):
    tally = await fuzzed(store, [server(), server(drives=0, dimms=8)], payloads=10_000, seed=20260106)
    assert tally.payloads >= 10_000
    assert tally.seen.get("reachable", 0) > tally.polls / 2


async def test_R18_recorded_services_damaged(store):
    services = [service for service in recorded(25) if "/redfish/v1/" in {path.rstrip("/") + "/" for path in service}]
    if not services:
        pytest.skip(recordings.ABSENT)
    await fuzzed(store, services, payloads=500, seed=7)


@pytest.mark.soak
async def test_R18_a_million_damaged_payloads(store):
    seed = random.randrange(2**31)
    services = [*[server(), server(drives=0, dimms=8)] * 6, *recorded(8)]
    started = time.monotonic()
    tally = await fuzzed(store, services, payloads=1_000_000, seed=seed)
    print(f"R18: {tally.payloads} payloads in {tally.polls} polls from seed {seed}: 0 exceptions, 0 non-finite,")
    print(f"{time.monotonic() - started:.0f} s; polls came out {tally.seen}")
