"""The whole role over a real store, with one device that tells by itself, on a clock that stands still."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from fleetmon.clock import ManualClock
from fleetmon.devices import Devices
from fleetmon.drivers.registry import open_driver
from fleetmon.drivers.telling import Wish
from fleetmon.keeper import StoreKeeper
from fleetmon.metrics import Metrics
from fleetmon.model import Device, DeviceKind, Endpoint, Protocol
from fleetmon.push import Pushing
from fleetmon.pushes import StorePushes
from fleetmon.settings import Polling
from fleetmon.storage import Store
from fleetmon.storage.rows import Event, PushState
from tests.observations import VAULT, opened

OURS = "https://127.0.0.1:1/push"


def wishes(receiver: str) -> Callable[[str], Wish]:
    """Where devices shall send events when the receiver is there."""
    return lambda device_id: Wish(
        destination=f"{receiver}/{device_id}", context=f"us:{device_id}", receiver=receiver, installation="us"
    )


class Service:
    """The role `devices` over a store, with one device at a BMC."""

    def __init__(self, store: Store, clock: ManualClock, *, receiver: str, stream: bool) -> None:
        self.store, self.clock, self.metrics = store, clock, Metrics()
        changed = asyncio.Event()
        keeper = StoreKeeper(
            store=store, vault=VAULT, polling=Polling(), worker_id="w", clock=clock, changed=changed
        )  # fmt: skip
        pushes = StorePushes(store, clock, changed)
        self.devices = Devices(
            keeper=keeper,
            open_driver=open_driver,
            polling=Polling(),
            clock=clock,
            metrics=self.metrics,
            pushing=Pushing(
                keeper=pushes, stream=stream, wish=wishes(receiver) if receiver else None, installation="us"
            ),
        )

    async def until(self, holds: Callable[[], Any]) -> Any:
        """What `holds` gives, once it gives something; only what goes over the wire takes time."""
        async with asyncio.timeout(20):
            while True:
                found = holds()
                found = await found if asyncio.iscoroutine(found) else found
                if found:
                    return found
                await self.clock.advance(0)
                await asyncio.sleep(0.005)

    async def let_pass(self, seconds: int, *, step: int = 1) -> None:
        """Time passes; polls that come due are made and end."""
        for _ in range(0, seconds, step):
            await self.devices.tick()
            await self.clock.advance(step)
            await self.quiet()

    async def quiet(self) -> None:
        """No poll is under way."""
        await self.until(lambda: not any(watch.task for watch in self.devices._watches.values()))

    async def events(self) -> list[Event]:
        return list(reversed((await self.store.events.page()).items))

    async def told(self, *, pushed: bool = False) -> list[str]:
        """What the device said, without what we say ourselves; those that came by push alone, or all."""
        return [
            event.message
            for event in await self.events()
            if not event.message_id.startswith("Fleetmon.") and (not pushed or event.log == "pushed")
        ]

    async def state(self) -> PushState | None:
        row = await self.store.pushes.of_device("web-01")
        return row.state if row else None

    async def open(self) -> None:
        """Wait for the push to be there."""

        async def is_open() -> bool:
            return await self.state() is PushState.OPEN

        await self.until(is_open)


@contextlib.asynccontextmanager
async def service(
    directory: Path, address: str, clock: ManualClock | None = None, *, receiver: str = "", stream: bool = True
) -> AsyncIterator[Service]:
    clock = clock or ManualClock()
    async with opened(directory, clock) as store:
        if not await store.fleet.devices():
            await store.fleet.put_credential("lab", user="operator", sealed=VAULT.seal_password("lab", "emulated"))
            endpoint = Endpoint(protocol=Protocol.REDFISH, address=address, credential="lab")
            device = Device(device_id="web-01", name="web-01", kind=DeviceKind.SERVER, endpoints=(endpoint,))
            await store.fleet.add_device(device)
        one = Service(store, clock, receiver=receiver, stream=stream)
        running = asyncio.create_task(one.devices.run())
        try:
            await one.until(lambda: one.devices._watches)
            await one.let_pass(2)
            yield one
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
