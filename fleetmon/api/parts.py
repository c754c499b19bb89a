"""What the application is made of: handed in by `app`, held for as long as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry

from fleetmon.access.vault import Vault
from fleetmon.api.hot import HotLists
from fleetmon.api.live import Stream
from fleetmon.api.problems import not_found
from fleetmon.api.tell import Fragments
from fleetmon.clock import Clock
from fleetmon.model import Device, Rack, RoleStatus
from fleetmon.settings import Settings
from fleetmon.storage.rows import DeviceSummary
from fleetmon.storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the API reads, and the few ways in which it reaches the other roles."""

    store: Store
    clock: Clock
    settings: Settings
    vault: Vault
    metrics: CollectorRegistry
    roles: Callable[[], Sequence[RoleStatus]]
    """How every role of this process is."""
    raw: Callable[[str, str], Awaitable[Any]]
    """One resource of one device, read now through its lane; raises DeviceError or RequestRefused."""
    poll_requested: Callable[[str], None]
    """Wakes the role that owns the device; the row is what counts, this only shortens the wait."""
    changed: asyncio.Event
    """Set by whoever changed a summary; shortens the wait of the stream, never replaces the revision."""
    reload: Callable[[], list[str]]
    """Reads the configuration again and goes on with it; the sections that change. Raises ConfigError."""
    discovering: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while somebody looks for devices: one search at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The parts, and what the API itself keeps at hand: encoded summaries, hot lists, the stream."""

    parts: Parts
    fragments: Fragments
    hot: HotLists
    stream: Stream

    @property
    def store(self) -> Store:
        return self.parts.store

    @property
    def clock(self) -> Clock:
        return self.parts.clock

    async def summary(self, key: str) -> DeviceSummary:
        """The summary of the device with this id, or else this name; 404 when there is neither."""
        summaries = self.store.summaries
        found = await summaries.one(key)
        if found is None and (device_id := await summaries.id_of(key)) is not None:
            found = await summaries.one(device_id)
        if found is None:
            raise not_found("device", key)
        return found

    async def device_id(self, key: str) -> str:
        """The id behind an id or a name; 404 when there is no such device."""
        return (await self.summary(key)).device_id

    async def device(self, key: str) -> Device:
        """The device with this id, or else this name; 404 when there is neither."""
        fleet = self.store.fleet
        device = await fleet.device(key) or await fleet.device(await self.store.summaries.id_of(key) or "")
        if device is None:
            raise not_found("device", key)
        return device

    async def rack(self, key: str) -> Rack:
        """The rack with this id, or else the only one of this name; 404 when there is neither."""
        rack = await self.store.fleet.rack(key)
        if rack is None:
            named = [one for one in await self.store.fleet.racks() if one.name == key]
            rack = named[0] if len(named) == 1 else None
        if rack is None:
            raise not_found("rack", key)
        return rack


async def desk_of(request: Request) -> Desk:
    """The desk of the application that got the request."""
    desk: Desk = request.app.state.desk
    return desk


Here = Annotated[Desk, Depends(desk_of)]
