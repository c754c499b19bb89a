"""Distribution units and UPSes of the emulated plant, made by other hands from the same MIBs, told as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from emulator.run import RunningFleet, running_fleet
from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Credentials, Opening, Request, Secret
from fleetmon.drivers.lane import Lane
from fleetmon.drivers.snmp.driver import SnmpDriver
from fleetmon.ingest.readings import vital
from fleetmon.model import Aspect, Component, ComponentHealth, Endpoint, Health, Observation, Protocol, Reachability

BATTERY = Component("Battery", "Battery")
STEADY = (Aspect.HEARTBEAT, Aspect.SENSORS)


class Watched:
    """One emulated device, its driver and its clock."""

    def __init__(self, fleet: RunningFleet, name: str) -> None:
        address = fleet.snmp(name)
        self.fleet, self.name, self.clock = fleet, name, ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.driver = SnmpDriver(
            Opening(
                endpoint=Endpoint(protocol=Protocol.SNMP, address=address, verify="none"),
                credentials=Credentials(user="", password=Secret("emulated")),
                lane=Lane(device=address, clock=self.clock),
                clock=self.clock,
            )
        )

    async def poll(self, *aspects: Aspect) -> Observation:
        await self.clock.advance(60)
        found = await self.driver.observe(Request(aspects=frozenset(aspects or STEADY)))
        assert found.reachability is Reachability.REACHABLE, found.reason
        return found

    def truth(self) -> dict[str, Any]:
        return self.fleet.fleet.devices[self.name].truth()


@asynccontextmanager
async def watched(name: str) -> AsyncIterator[Watched]:
    """A device of the rack of everything that speaks SNMP, looked at once."""
    async with running_fleet("snmp_rack", real=lambda: 1_700_000_000.0) as fleet:
        one = Watched(fleet, name)
        try:
            await one.poll(*Aspect)
            yield one
        finally:
            await one.driver.close()


def by_component(found: Observation) -> dict[Component, ComponentHealth]:
    return {one.component: one for one in found.health}


def drawn(found: Observation) -> float:
    """What the device says as a whole, as the fleet's sums take it."""
    watts = vital(found.readings).watts
    assert watts is not None
    assert watts.value is not None
    return watts.value


@pytest.mark.parametrize("name", ["pdu-r01-a", "pdu-r01-b"])
async def test_a_pdu_tells_its_outlets_and_what_it_draws(name: str) -> None:
    async with watched(name) as pdu:
        found, truth = await pdu.poll(), pdu.truth()
        assert drawn(found) == pytest.approx(truth["watts"], abs=10)  # the MIB tells hundredths of kilowatts
        outlets = {
            one.sensor.component.name: one.number
            for one in found.readings
            if one.sensor.component.kind == "Outlet" and one.sensor.name == "Power"
        }
        assert outlets == {f"Outlet {one['number']}": pytest.approx(one["watts"], abs=1) for one in truth["outlets"]}


async def test_an_outlet_that_is_switched_off_is_seen_by_the_next_poll_and_is_no_fault() -> None:
    async with watched("pdu-r01-a") as pdu:
        outlet = Component("Outlet", "Outlet 2")
        assert by_component(await pdu.poll())[outlet].state == "On"
        pdu.fleet.strike(agent="pdu-r01-a", fault="cut_outlet", outlet=2)
        told = by_component(await pdu.poll())[outlet]
        assert (told.state, told.health) == ("Off", Health.OK)


@pytest.mark.parametrize("name", ["ups-core-1-a", "ups-core-1-b"])
async def test_a_ups_on_battery_and_one_that_wants_a_new_battery_are_told(name: str) -> None:
    async with watched(name) as ups:
        found, truth = await ups.poll(), ups.truth()
        assert by_component(found)[BATTERY].health is Health.OK
        assert drawn(found) == pytest.approx(truth["watts"], abs=2)
        runtime = next(one.number for one in found.readings if one.sensor.name == "Runtime (min)")
        assert runtime == pytest.approx(truth["seconds_left"] / 60, abs=1)
        ups.fleet.strike(agent=name, fault="lose_mains")
        told = by_component(await ups.poll())[BATTERY]
        assert (told.health, told.detail) == (Health.WARNING, "on battery")


async def test_a_battery_to_be_replaced_is_critical() -> None:
    async with watched("ups-core-1-b") as ups:
        ups.fleet.strike(agent="ups-core-1-b", fault="old_battery")
        told = by_component(await ups.poll())[BATTERY]
        assert (told.health, told.detail) == (Health.CRITICAL, "needs replacing")


async def test_the_rollup_of_a_pdu_is_told_of_the_device_and_of_no_part() -> None:
    async with watched("pdu-r01-a") as pdu:
        found = await pdu.poll()
        assert found.overall is not None
        assert found.overall.health is Health.OK
        assert all(one.component.name for one in found.health)
