"""What a Redfish poll costs the BMC: requests, and seconds where each of them is slow."""

from __future__ import annotations

from benchmarks.devices import EVERYTHING, STEADY, ask, opened
from benchmarks.processes import CannotMeasureError, Emulated, emulated
from benchmarks.scorecard import Measured
from fleetmon.model import Aspect

SERVER = "web-01"
"""A common server: two processors, eight drives, about 70 sensors."""
POLLS = 5
LATENCY = 0.25
SENSORS_WANTED = 60


async def steady_requests() -> Measured:
    """Requests of a steady poll of sensors, power and health, once the device is known."""
    async with emulated("one_rack") as fleet:
        families = {}
        for machine in await fleet.machines():
            families[machine.rstrip("0123456789").rstrip("-")] = await _steady(fleet, machine, 1)
        runs, sensors = await _steady(fleet, SERVER, POLLS)
    if sensors < SENSORS_WANTED:
        raise CannotMeasureError(f"{SERVER} told {sensors} sensors; the line is about {SENSORS_WANTED}")
    told = {name: {"requests": requests[0], "sensors": count} for name, (requests, count) in families.items()}
    return Measured(runs=runs, size=f"{SERVER}, {sensors} sensors + health", notes={"other_families": told})


async def _steady(fleet: Emulated, machine: str, polls: int) -> tuple[list[float], int]:
    async with opened(await fleet.address(machine)) as driver:
        await ask(driver, EVERYTHING)
        seen = [await ask(driver, STEADY) for _ in range(polls)]
    return [float(poll.requests) for poll in seen], sum(r.number is not None for r in seen[-1].readings)


async def inventory_requests_expand() -> Measured:
    """Requests of a full inventory of a known device that can `$expand`."""
    async with emulated("one_server") as fleet:
        return await _inventory(fleet, "with $expand")


async def inventory_requests() -> Measured:
    """The same machine, its BMC refusing `$expand`."""
    async with emulated("one_server") as fleet, fleet.fault(SERVER, {"no_expand": True}):
        return await _inventory(fleet, "without $expand")


async def _inventory(fleet: Emulated, how: str) -> Measured:
    async with opened(await fleet.address(SERVER)) as driver:
        first = await ask(driver, EVERYTHING)
        seen = [await ask(driver, frozenset({Aspect.INVENTORY})) for _ in range(3)]
    assert seen[-1].inventory is not None
    parts = len(seen[-1].inventory.parts)
    return Measured(
        runs=[float(poll.requests) for poll in seen],
        size=f"{SERVER}, {parts} parts, {how}",
        notes={"first_look_at_everything": first.requests},
    )


async def slow_poll() -> Measured:
    """Seconds of a steady poll of a BMC that takes 250 ms for every answer."""
    async with emulated("one_server") as fleet, opened(await fleet.address(SERVER)) as driver:
        await ask(driver, EVERYTHING)
        async with fleet.fault(SERVER, "slow_bmc", latency=LATENCY):
            seen = [await ask(driver, STEADY) for _ in range(POLLS)]
    return Measured(runs=[poll.seconds for poll in seen], size=f"{SERVER}, {LATENCY * 1000:g} ms for every request")
