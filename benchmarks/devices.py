"""One emulated device, opened as the service opens it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from benchmarks.processes import PASSWORD, USER, CannotMeasureError
from fleetmon.clock import SystemClock
from fleetmon.drivers.base import Credentials, Driver, Opening, Request, Secret
from fleetmon.drivers.lane import Lane, Pace
from fleetmon.drivers.registry import open_driver
from fleetmon.model import Aspect, Endpoint, Observation, Protocol, Reachability

STEADY = frozenset({Aspect.HEARTBEAT, Aspect.SENSORS})
"""What a device is asked every interval."""
EVERYTHING = frozenset(Aspect)
Open = Callable[[Opening], Driver]


@contextlib.asynccontextmanager
async def opened(address: str, open_it: Open = open_driver) -> AsyncIterator[Driver]:
    """A driver for the device at `address`."""
    clock = SystemClock()
    driver = open_it(
        Opening(
            endpoint=Endpoint(protocol=protocol_of(address), address=address, verify="none"),
            credentials=Credentials(user=USER, password=Secret(PASSWORD)),
            lane=Lane(device=address, clock=clock, pace=Pace(poll_deadline=timedelta(minutes=5))),
            clock=clock,
        )
    )
    try:
        yield driver
    finally:
        await driver.close()


def protocol_of(address: str) -> Protocol:
    """What is spoken at this address."""
    schemes = {"ipmi": Protocol.IPMI, "snmp": Protocol.SNMP}
    return schemes.get(address.partition(":")[0], Protocol.REDFISH)


async def ask(driver: Driver, aspects: frozenset[Aspect]) -> Observation:
    """One poll that has answered all it was asked; a poll that did not is no measurement."""
    seen = await driver.observe(Request(aspects=aspects))
    if seen.reachability is not Reachability.REACHABLE or seen.answered < aspects:
        lacking = ", ".join(sorted(aspects - seen.answered))
        raise CannotMeasureError(f"the poll did not answer {lacking or 'at all'}: {seen.reason or seen.problems[:2]}")
    return seen
