"""Polls as the role `devices` makes and stores them, of a few devices one round after the other."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from weakref import WeakKeyDictionary

from benchmarks.devices import STEADY, Open
from benchmarks.fleet import filled_store
from benchmarks.processes import CannotMeasureError
from fleetmon.clock import SystemClock
from fleetmon.drivers.base import Driver, Memory, Opening, Request
from fleetmon.drivers.lane import Lane
from fleetmon.keeper import Learned, StoreKeeper, Watched
from fleetmon.model import Aspect, Observation, Reachability
from fleetmon.settings import Polling


class Polled:
    """Devices with a driver each and a store for what they tell."""

    def __init__(self, keeper: StoreKeeper, watches: Sequence[tuple[Watched, Driver]]) -> None:
        self._keeper = keeper
        self._watches = watches
        self._told: WeakKeyDictionary[Driver, int] = WeakKeyDictionary()
        """The version of each driver's memory that is stored."""

    async def round(self, aspects: frozenset[Aspect]) -> list[Observation]:
        """Every device is asked for these, all at once, and what it tells is stored."""
        return await asyncio.gather(*(self._poll(watched, driver, aspects) for watched, driver in self._watches))

    async def _poll(self, watched: Watched, driver: Driver, aspects: frozenset[Aspect]) -> Observation:
        seen = await driver.observe(Request(aspects=aspects))
        told = Aspect.SENSORS not in aspects or bool(seen.readings)
        if seen.reachability is not Reachability.REACHABLE or not (told and seen.answered >= aspects & STEADY):
            raise CannotMeasureError(f"a poll failed: {seen.reason or seen.problems[:2]}")
        await self._keeper.keep(Learned(watched=watched, observation=seen, memory=self._news(driver)))
        return seen

    def _news(self, driver: Driver) -> Memory | None:
        """What the driver has to remember that is not stored yet, as the role `devices` asks for it."""
        if self._told.get(driver) == driver.memory_version:
            return None
        self._told[driver] = driver.memory_version
        return driver.memory()


@contextlib.asynccontextmanager
async def polled(addresses: Sequence[str], open_driver: Open) -> AsyncIterator[Polled]:
    """Devices at these addresses, in a store that is gone afterwards."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        named = {f"server-{place}": address for place, address in enumerate(addresses)}
        store, vault = await filled_store(Path(folder), named)
        keeper = StoreKeeper(
            store=store, vault=vault, polling=Polling(), worker_id="bench", clock=clock, changed=asyncio.Event()
        )
        watches = [(watched, open_driver(_opening(watched, clock))) for watched in await keeper.watched()]
        try:
            yield Polled(keeper, watches)
        finally:
            for _, driver in watches:
                await driver.close()
            await store.close()


def _opening(watched: Watched, clock: SystemClock) -> Opening:
    lane = Lane(device=watched.endpoint.address, clock=clock)
    return Opening(endpoint=watched.endpoint, credentials=watched.credentials, lane=lane, clock=clock)
