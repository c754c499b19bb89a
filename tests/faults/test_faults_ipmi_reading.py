"""What BMCs do to whoever reads them over IPMI: small pieces, long logs, readings that are none, doors too wide."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from emulator.run import RunningFleet, running_fleet
from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Request
from fleetmon.drivers.ipmi.driver import IpmiDriver
from fleetmon.drivers.ipmi.workers import Workers
from fleetmon.model import Aspect, Health, NoReading, Observation, Reachability
from tests.ipmi_bench import Guests, opening
from tests.ipmi_shelf import NOW, Bench, Shelf, event, numeric, value

SERVER = "plain-01"
LIFE = frozenset({Aspect.HEARTBEAT, Aspect.SENSORS})
EVERYTHING = frozenset(Aspect)


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[tuple[RunningFleet, IpmiDriver]]:
    """An emulated server that speaks IPMI, and a driver for it."""
    clock, guests = ManualClock(), Guests()
    workers = Workers(clock=clock, start=guests.start)
    async with running_fleet("ipmi_rack") as fleet:
        driver = IpmiDriver(opening(fleet.ipmi(SERVER), clock), workers)
        try:
            yield fleet, driver
        finally:
            await driver.close()
            await workers.close()
            await guests.gone()


async def poll(driver: IpmiDriver, aspects: frozenset[Aspect] = EVERYTHING) -> Observation:
    seen = await driver.observe(Request(aspects=aspects))
    assert seen.reachability is Reachability.REACHABLE, seen.reason
    return seen


def numbers(seen: Observation) -> dict[tuple[str, ...], float]:
    return {one.sensor.key: one.number for one in seen.readings if one.number is not None}


async def test_F88_sensor_records_that_come_in_small_pieces_are_read_once_and_whole():
    async with server() as (fleet, driver):
        whole = set(numbers(await poll(driver)))
    async with server() as (fleet, driver):
        fleet.strike(machine=SERVER, fault={"sdr_max_read": 16})
        first = await poll(driver)
        assert set(numbers(first)) == whole
        steady = await poll(driver, LIFE)
        assert set(numbers(steady)) == whole
        assert steady.requests <= len(steady.readings) + 4
        assert first.requests > 5 * steady.requests


async def test_F88_a_log_of_twelve_hundred_records_is_told_whole_by_several_polls_and_then_costs_one_request():
    shelf = Shelf(ManualClock(NOW))
    shelf.records, shelf.readings = [numeric(1, "Inlet")], {(0, 1): value(20)}
    shelf.log_event(*(event(number, 1_760_000_000 + number) for number in range(1, 1201)))
    shelf.takes = 0.2
    bench = Bench(shelf)
    polls = [await bench.poll(Aspect.EVENTS)]
    while not polls[-1].logs:
        polls.append(await bench.poll(Aspect.EVENTS))
    assert len(polls) > 3
    assert [int(record.record_id) for record in polls[-1].logs[0].records] == [*range(1, 1201)]
    assert (await bench.poll(Aspect.EVENTS)).requests == 1


@pytest.mark.parametrize(
    ("fault", "reasons"), [("unavailable", {NoReading.ABSENT, NoReading.FAULTY}), ("unscanned", {NoReading.OFF})]
)
async def test_F89_a_reading_that_is_none_is_neither_zero_nor_ok_nor_critical(fault: str, reasons: set[NoReading]):
    async with server() as (fleet, driver):
        before = await poll(driver)
        fleet.strike(machine=SERVER, fault={"no_reading": fault})
        seen = await poll(driver, LIFE | {Aspect.COMPONENTS})
        told = [one for one in seen.readings if not one.sensor.source.startswith("dcmi")]
        assert len(told) > 20
        assert {one.value for one in told} <= reasons
        assert not any(one.health in (Health.WARNING, Health.CRITICAL) for one in seen.health)
        fans = [one for one in seen.health if one.component.kind == "Fan"]
        assert all(one.health is Health.UNKNOWN for one in fans)
        assert len(numbers(before)) > 20


async def test_F90_a_door_without_a_lock_is_told_and_never_used():
    async with server() as (fleet, driver):
        fleet.strike(machine=SERVER, fault={"ciphers": [0, 3, 17]})
        seen = await poll(driver)
        assert any(problem.resource == "security" and "cipher suite 0" in problem.reason for problem in seen.problems)
        assert seen.inventory is not None
        bmc = next(part for part in seen.inventory.parts if part.component.kind == "Manager")
        assert (bmc.properties["cipher_suites"], bmc.properties["cipher_suite_used"]) == ("0, 3, 17", 17)
    async with server() as (fleet, driver):
        assert not any(problem.resource == "security" for problem in (await poll(driver)).problems)
