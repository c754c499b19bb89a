"""An emulated switch whose ports change places, whose counters and agent begin anew: its history stays true."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from emulator.run import RunningFleet, running_fleet
from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Credentials, Opening, Request, Secret
from fleetmon.drivers.lane import Lane
from fleetmon.drivers.snmp.driver import SnmpDriver
from fleetmon.model import Aspect, Endpoint, Observation, Protocol, Quality, Reachability, ReadingType
from fleetmon.storage import Store
from tests.observations import opened

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
SWITCH = "sw-r01-a"
POLLS = 8


@dataclass(slots=True)
class Watched:
    """A switch, its driver, and a store of what it counts."""

    fleet: RunningFleet
    driver: SnmpDriver
    clock: ManualClock
    store: Store
    seen: list[Observation] = field(default_factory=list)

    async def poll(self, times: int = 1, *aspects: Aspect) -> Observation:
        for _ in range(times):
            self.fleet.advance(60)
            await self.clock.advance(60)
            wanted = aspects or (Aspect.HEARTBEAT, Aspect.SENSORS)
            found = await self.driver.observe(Request(aspects=frozenset(wanted)))
            assert found.reachability is Reachability.REACHABLE, found.reason
            await self.store.telemetry.append(SWITCH, found.taken_at, found.readings)
            self.seen.append(found)
        return self.seen[-1]

    async def rates(self, since: datetime = BEGUN) -> dict[tuple[str, str], list[float]]:
        """Of each counter of each port the rates of its history; NaN where none is told."""
        told = {}
        for row in await self.store.telemetry.sensors(SWITCH):
            if row.sensor.type is ReadingType.COUNTER:
                series = await self.store.telemetry.readings(
                    SWITCH, row.sensor_id, start=since, end=self.clock.now() + timedelta(seconds=1)
                )
                assert series.step is None
                told[row.sensor.component.name, row.sensor.name] = series.table[:, 2].tolist()
        return told


@asynccontextmanager
async def watched(directory: Path) -> AsyncIterator[Watched]:
    clock = ManualClock(BEGUN)
    async with running_fleet("snmp_rack", real=lambda: 1_700_000_000.0) as fleet, opened(directory, clock) as store:
        address = fleet.snmp(SWITCH)
        driver = SnmpDriver(
            Opening(
                endpoint=Endpoint(protocol=Protocol.SNMP, address=address, verify="none"),
                credentials=Credentials(user="", password=Secret("emulated")),
                lane=Lane(device=address, clock=clock),
                clock=clock,
            )
        )
        one = Watched(fleet, driver, clock, store)
        try:
            await one.poll(1, *Aspect)
            yield one
        finally:
            await driver.close()


def steady(rates: list[float]) -> float:
    """The highest rate that is told; nought where none is."""
    return max((rate for rate in rates if not math.isnan(rate)), default=0.0)


@pytest.mark.parametrize(
    ("fault_id", "fault"),
    [
        ("F94", {"fault": "swap_ifindex", "port": 3, "other": 7}),
        ("F91", {"fault": "counter_reset", "port": 3}),
        ("F91", {"fault": "restart_agent"}),
        ("F92", {"fault": "uptime_near_end", "left": 100}),
        ("F93", {"fault": "restart_agent", "boots": 1, "counters": 0}),
        ("F97", {"fault": "agent_misses", "count": 1}),
    ],
    ids=lambda told: told if isinstance(told, str) else told["fault"],
)
async def test_R17_no_rate_of_any_port_is_false_whatever_happens_to_the_switch(
    tmp_path: Path, fault_id: str, fault
) -> None:
    async with watched(tmp_path) as it:
        await it.poll(POLLS)
        before = {counter: steady(rates) for counter, rates in (await it.rates()).items()}
        it.fleet.strike(agent=SWITCH, **fault)
        await it.poll(POLLS)
        after = await it.rates()
        assert before.keys() == after.keys(), "every port keeps its name"
        assert sum(before.values()) > 0
        for counter, rates in after.items():
            assert all(rate >= 0 for rate in rates if not math.isnan(rate)), counter
            assert steady(rates) <= 3 * before[counter] + 10, (fault_id, counter, rates)
            assert sum(math.isnan(rate) for rate in rates) <= 3, (fault_id, counter, rates)


async def test_F92_a_turn_of_uptime_raises_no_doubt(tmp_path: Path) -> None:
    async with watched(tmp_path) as it:
        it.fleet.strike(agent=SWITCH, fault="uptime_near_end", left=100)
        await it.poll()
        it.seen.clear()
        await it.poll(4)
        assert {one.quality for found in it.seen for one in found.readings} == {Quality.GOOD}


@pytest.mark.parametrize("bits", [63, 64])
async def test_F101_a_counter_goes_through_the_middle_of_64_bits_and_ends_with_them(tmp_path: Path, bits: int) -> None:
    async with watched(tmp_path) as it:
        await it.poll(POLLS)
        told = await it.rates()
        ways = ("Octets in", "Octets out")
        before = {way: steady(told["Ethernet3", way]) for way in ways}
        it.fleet.strike(agent=SWITCH, fault="counter_near", port=3, bits=bits, left=int(100 * max(before.values())))
        struck = it.clock.now() + timedelta(seconds=90)
        await it.poll(POLLS)
        counts = {way: [count_of(found, way) for found in it.seen[-POLLS:]] for way in ways}
        (way,) = [way for way in ways if min(counts[way]) < 2**63 <= max(counts[way])]
        rates = (await it.rates(since=struck))["Ethernet3", way]
        assert 0 < steady(rates) <= 2 * before[way]
        assert sum(math.isnan(rate) for rate in rates) == (bits == 64)


def count_of(found: Observation, sensor: str) -> float:
    """What the third port has counted."""
    (one,) = [one for one in found.readings if (one.sensor.component.name, one.sensor.name) == ("Ethernet3", sensor)]
    assert one.number is not None
    return one.number
