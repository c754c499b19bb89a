"""What a driver and its lane know, kept with a poll or in the middle of one: around a login a kill would cost most."""

from __future__ import annotations

from dataclasses import dataclass

from fleetmon.access.vault import Vault
from fleetmon.drivers.base import Memory
from fleetmon.drivers.lane import Breaker
from fleetmon.model import Device, Protocol
from fleetmon.storage import Store, polls, summaries
from fleetmon.storage.database import Connection
from fleetmon.storage.rows import BreakerRow, MemoryRow


@dataclass(frozen=True, slots=True)
class Kept:
    """What is new of it as rows; the session is sealed."""

    device_id: str
    protocol: str
    memory: MemoryRow | None
    breaker: BreakerRow | None

    @classmethod
    def of(
        cls, device: Device, protocol: Protocol, memory: Memory | None, breaker: Breaker | None, *, vault: Vault
    ) -> Kept:
        """The rows; None where there is nothing new."""
        return cls(
            device.device_id,
            protocol.value,
            None
            if memory is None
            else MemoryRow(
                plan=memory.plan, sealed_session=vault.seal_session(device.device_id, protocol.value, memory.session)
            ),
            None
            if breaker is None
            else BreakerRow(
                refusals=breaker.refusals,
                open_until=breaker.open_until,
                credential_version=breaker.credential_version,
            ),
        )

    def put(self, connection: Connection) -> None:
        """Inside the transaction."""
        if self.memory is not None:
            polls.put_memory(connection, self.device_id, self.protocol, self.memory)
        if self.breaker is not None:
            polls.put_breaker(connection, self.device_id, self.protocol, self.breaker)


async def remember(
    device: Device, protocol: Protocol, memory: Memory, breaker: Breaker, *, store: Store, vault: Vault
) -> None:
    """On return it is committed; nothing is kept of a device decommissioned meanwhile."""
    kept = Kept.of(device, protocol, memory, breaker, vault=vault)

    def write(connection: Connection) -> None:
        if summaries.load(connection, device.device_id) is not None:
            kept.put(connection)

    await store.state.write(write)
