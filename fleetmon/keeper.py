"""What the role `devices` takes from the store before it asks, and leaves there after it was answered.

Secrets are opened here, on their way to a driver, and sealed by `ingest` on their way back; neither the role nor the
store sees both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from fleetmon import logs
from fleetmon.access.vault import Vault
from fleetmon.cadence import interval_of
from fleetmon.clock import Clock
from fleetmon.drivers.base import Credentials, Memory, Secret
from fleetmon.drivers.lane import Breaker
from fleetmon.errors import FleetmonError, StorageError
from fleetmon.ingest import ingest, remember
from fleetmon.model import Aspect, Device, Endpoint, Interval, LogMark, Observation
from fleetmon.settings import Polling
from fleetmon.storage.endpoints import Beat
from fleetmon.storage.lanes import LaneRow
from fleetmon.storage.rows import BreakerRow, CredentialRow, MemoryRow, PollRequest
from fleetmon.storage.store import Store

log = logs.get("keeper")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One endpoint to look after, and when it was asked last."""

    device: Device
    endpoint: Endpoint
    credentials: Credentials | None
    interval: Interval
    asked: Mapping[Aspect, datetime] = field(default_factory=dict)
    missed: int = 0
    """Polls in a row in which it could not be asked."""
    unanswered: frozenset[Aspect] = frozenset()
    """What it did not answer when it was asked last."""

    @property
    def key(self) -> tuple[str, str]:
        """Which lane this is."""
        return self.device.device_id, self.endpoint.protocol.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What was kept of one endpoint, for the driver that opens it."""

    memory: Memory = field(default_factory=Memory)
    breaker: Breaker = field(default_factory=Breaker)
    marks: Mapping[str, LogMark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a poll leaves to be stored: the observation, and what is new of what the driver and its lane remember."""

    watched: Watched
    observation: Observation
    memory: Memory | None = None
    breaker: Breaker | None = None
    seen_spki: str | None = None
    """SHA-256, in hex, of the public key the device showed."""


class Keeper(Protocol):
    """What the role needs of the store."""

    async def fleet_version(self) -> int:
        """Grows with every edit of devices, endpoints and credentials."""
        ...

    async def watched(self) -> Sequence[Watched]:
        """Every endpoint of every enabled device."""
        ...

    async def recall(self, watched: Watched) -> Recalled:
        """What the driver and its lane remembered last, and how far each log was read."""
        ...

    async def keep(self, learned: Learned) -> Mapping[str, LogMark]:
        """Store what a poll learned; how far each log is read now."""
        ...

    def note(self, watched: Watched, heartbeat: Observation) -> None:
        """A heartbeat told nothing new: its instant is written with the next notes."""
        ...

    async def write_notes(self) -> None:
        """Store all that was noted; it stays noted when it cannot be stored."""
        ...

    async def remember(self, watched: Watched, memory: Memory, breaker: Breaker) -> None:
        """Store what a driver and its lane know, in the middle of a poll."""
        ...

    async def claim_poll_requests(self) -> Sequence[PollRequest]:
        """Requests nobody has claimed yet, claimed."""
        ...

    async def finish_poll_request(self, request: PollRequest, *, failed: str = "") -> None:
        """A claimed request came to its end."""
        ...


class StoreKeeper:
    """The store as this role's keeper; `worker_id` signs the claims."""

    def __init__(
        self, *, store: Store, vault: Vault, polling: Polling, worker_id: str, clock: Clock, changed: asyncio.Event
    ) -> None:
        self._store = store
        self._vault = vault
        self._polling = polling
        self._worker_id = worker_id
        self._clock = clock
        self._changed = changed
        self._noted: dict[tuple[str, str], Beat] = {}

    async def fleet_version(self) -> int:
        return await self._store.lanes.fleet_version()

    async def watched(self) -> Sequence[Watched]:
        return [self._watched(row) for row in await self._store.lanes.all()]

    async def recall(self, watched: Watched) -> Recalled:
        row = await self._store.lanes.kept(watched.device.device_id, watched.endpoint.protocol)
        return Recalled(memory=self._memory(watched, row.memory), breaker=_breaker(row.breaker), marks=row.marks)

    async def keep(self, learned: Learned) -> Mapping[str, LogMark]:
        watched = learned.watched
        ingested = await ingest(
            learned.observation,
            watched.device,
            store=self._store,
            vault=self._vault,
            polling=self._polling,
            received_at=self._clock.now(),
            memory=learned.memory,
            breaker=learned.breaker,
        )
        if watched.endpoint.verify == "pin" and watched.endpoint.pinned_spki is None and learned.seen_spki:
            await self._store.fleet.pin(watched.device.device_id, watched.endpoint.protocol, learned.seen_spki)
        self._changed.set()
        return ingested.marks

    def note(self, watched: Watched, heartbeat: Observation) -> None:
        self._noted[watched.key] = Beat(
            device_id=watched.device.device_id,
            protocol=watched.endpoint.protocol,
            at=heartbeat.taken_at,
            power=heartbeat.power is not None,
        )

    async def write_notes(self) -> None:
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            await self._store.endpoints.note(noted.values())
        except StorageError:
            self._noted = noted | self._noted
            raise

    async def remember(self, watched: Watched, memory: Memory, breaker: Breaker) -> None:
        await remember(watched.device, watched.endpoint.protocol, memory, breaker, store=self._store, vault=self._vault)

    async def claim_poll_requests(self) -> Sequence[PollRequest]:
        return await self._store.polls.claim(self._worker_id)

    async def finish_poll_request(self, request: PollRequest, *, failed: str = "") -> None:
        await self._store.polls.finish(request.poll_request_id, reason=failed)

    def _watched(self, row: LaneRow) -> Watched:
        device = row.device
        return Watched(
            device=device,
            endpoint=row.endpoint,
            credentials=self._credentials(row.credential),
            interval=interval_of(self._polling.interval, device, row.endpoint.protocol, self._polling.ipmi_heartbeat),
            asked=row.asked,
            missed=row.missed,
            unanswered=row.unanswered,
        )

    def _credentials(self, row: CredentialRow | None) -> Credentials | None:
        if row is None:
            return None
        try:
            password = Secret(self._vault.open_password(row.name, row.sealed))
        except FleetmonError as error:  # costs the devices that use this set, not the fleet
            log.error("credentials cannot be opened", credential=row.name, reason=str(error))
            return None
        return Credentials(user=row.user, password=password, version=row.version)

    def _memory(self, watched: Watched, row: MemoryRow | None) -> Memory:
        if row is None:
            return Memory()
        device_id, protocol = watched.key
        try:
            session = self._vault.open_session(device_id, protocol, row.sealed_session)
        except FleetmonError as error:  # a session that cannot be opened costs one login, not the device
            log.warning("session not resumed", device=watched.device.name, reason=str(error))
            session = {}
        return Memory(plan=dict(row.plan), session=session)


def _breaker(row: BreakerRow | None) -> Breaker:
    if row is None:
        return Breaker()
    return Breaker(refusals=row.refusals, open_until=row.open_until, credential_version=row.credential_version)
