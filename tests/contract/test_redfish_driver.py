"""The driver's contract, kept on every family of the emulated fleet: truth, few requests, stable names, memory."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from fleetmon.api.problems import from_refusal
from fleetmon.clock import SystemClock
from fleetmon.drivers.base import Credentials, Driver, Memory, Opening, Request, Secret
from fleetmon.drivers.lane import Lane
from fleetmon.drivers.registry import open_driver
from fleetmon.errors import Unaskable
from fleetmon.model import (
    Aspect,
    Endpoint,
    Health,
    NoReading,
    Observation,
    PowerState,
    Protocol,
    Reachability,
)
from tests.emulator_client import Client, client_of

FAMILIES = {"store-01": "old", "gpu-01": "new", "db-a01": "middle", "ci-01": "lean", "web-01": "middle"}
STEADY = frozenset({Aspect.HEARTBEAT, Aspect.SENSORS})
WALK = frozenset({Aspect.COMPONENTS, Aspect.INVENTORY})
EVERYTHING = frozenset(Aspect)

STEADY_LIMIT = {"old": 3, "new": 3, "middle": 3, "lean": 9}
"""Requests of a steady poll; the lean family has no `$expand` and no telemetry, and some sensors stand alone."""
WALK_LIMIT = {"old": 58, "new": 9, "middle": 9, "lean": 62}
"""Requests of components and inventory once the device is known. Where there is `$expand` it goes three levels deep: an
inventory alone takes 8 (`benchmarks/lines.py`), and the components one more, to look at the MetricReports."""


def driver_for(client: Client, name: str, memory: Memory | None = None) -> Driver:
    clock, address = SystemClock(), client.fleet.address(name)
    credentials = Credentials(user=client.fleet.user, password=Secret(client.fleet.password))
    endpoint = Endpoint(protocol=Protocol.REDFISH, address=address)
    lane = Lane(device=address, clock=clock)
    return open_driver(
        Opening(endpoint=endpoint, credentials=credentials, lane=lane, clock=clock, memory=memory or Memory())
    )


def sensors(seen: Observation) -> set[tuple[object, ...]]:
    return {(r.sensor.component, r.sensor.name, r.sensor.type) for r in seen.readings}


@pytest.mark.parametrize("name", FAMILIES)
async def test_a_device_is_seen_whole_and_then_read_cheaply(name):
    async with client_of("one_rack") as client:
        driver = driver_for(client, name)
        first = await driver.observe(Request(aspects=EVERYTHING))
        assert (first.reachability, first.answered) == (Reachability.REACHABLE, EVERYTHING)
        assert first.power is not None
        assert first.power.state is PowerState.ON
        assert first.components_complete
        assert first.problems == ()
        machine = client.fleet.machine(name)
        counts = Counter(health.component.kind for health in first.health)
        assert counts["Drive"] == len(machine.parts.drives)
        assert counts["Fan"] == machine.family.fans
        assert counts["Memory"] == machine.family.dimms
        steady = await driver.observe(Request(aspects=STEADY))
        assert steady.requests <= STEADY_LIMIT[FAMILIES[name]]
        again = await driver.observe(Request(aspects=WALK))
        assert again.requests <= WALK_LIMIT[FAMILIES[name]]
        assert {health.component for health in again.health} == {health.component for health in first.health}
        assert sensors(steady) <= sensors(first)
        later = await driver.observe(Request(aspects=STEADY))
        assert later.requests <= STEADY_LIMIT[FAMILIES[name]]
        await driver.close()
        assert client.fleet.bmc(name).sessions == {}


@pytest.mark.parametrize("name", FAMILIES)
async def test_every_value_has_age_source_and_one_identity(name):
    async with client_of("one_rack") as client:
        driver = driver_for(client, name)
        seen = await driver.observe(Request(aspects=EVERYTHING))
        await driver.close()
        assert len(sensors(seen)) == len(seen.readings) >= 50
        assert len({health.component for health in seen.health}) == len(seen.health)
        assert seen.inventory is not None
        assert len({part.component for part in seen.inventory.parts}) == len(seen.inventory.parts)
        for reading in seen.readings:
            assert reading.sensor.source.startswith("/redfish/v1/")
            assert isinstance(reading.value, NoReading | float)
            assert reading.taken_at.tzinfo is not None
        for health in seen.health:
            assert health.source.startswith("/redfish/v1/")
            assert health.component.kind
            assert health.component.name
            assert isinstance(health.health, Health)


@pytest.mark.parametrize("name", FAMILIES)
async def test_a_restart_costs_the_device_nothing(name):
    async with client_of("one_rack") as client:
        driver = driver_for(client, name)
        first = await driver.observe(Request(aspects=EVERYTHING))
        memory = driver.memory()
        kept = Memory(plan=json.loads(json.dumps(memory.plan)), session=json.loads(json.dumps(memory.session)))
        again = driver_for(client, name, kept)
        seen = await again.observe(Request(aspects=STEADY))
        assert seen.requests <= STEADY_LIMIT[FAMILIES[name]]
        assert sensors(seen) <= sensors(first)
        assert client.fleet.ledger.tallies[name].logins == 1
        await again.close()
        await driver.close()


@pytest.mark.parametrize("resource", ["/etc/passwd", "https://elsewhere.example/redfish/v1", "//elsewhere.example/"])
async def test_what_is_no_resource_of_a_device_is_refused_before_the_device_is_asked(resource):
    async with client_of("one_rack") as client:
        driver = driver_for(client, "db-a01")
        with pytest.raises(Unaskable, match="/redfish/") as refused:
            await driver.raw(resource)
        await driver.close()
        assert from_refusal(refused.value).kind.status == 400
        assert client.fleet.ledger.tallies["db-a01"].logins == 0


async def test_what_happens_to_the_hardware_is_seen_in_the_next_steady_poll():
    async with client_of("one_rack") as client:
        driver = driver_for(client, "db-a01")
        await driver.observe(Request(aspects=EVERYTHING))
        client.fleet.strike(machine="db-a01", fault="fail_drive", bay=3)
        seen = await driver.observe(Request(aspects=STEADY))
        await driver.close()
        ill = {health.component for health in seen.health if health.health is Health.CRITICAL}
        assert any(component.kind == "Drive" for component in ill)
        assert Aspect.COMPONENTS in seen.answered
        assert seen.overall is not None
        assert seen.overall.health is not Health.OK


async def test_a_predicted_failure_is_told_as_such():
    async with client_of("one_rack") as client:
        client.fleet.strike(machine="web-01", fault="predict_drive", bay=2)
        driver = driver_for(client, "web-01")
        seen = await driver.observe(Request(aspects=frozenset({Aspect.COMPONENTS})))
        await driver.close()
        predicted = [health for health in seen.health if health.failure_predicted]
        assert [health.component.kind for health in predicted] == ["Drive"]


async def test_a_poll_that_is_cancelled_is_cancelled():
    async with client_of("one_rack") as client:
        client.fleet.strike(machine="web-01", fault="hang_bmc")
        driver = driver_for(client, "web-01")
        poll = asyncio.create_task(driver.observe(Request(aspects=EVERYTHING)))
        await asyncio.sleep(0.05)
        poll.cancel()
        with pytest.raises(asyncio.CancelledError):
            await poll
        await driver.close()
