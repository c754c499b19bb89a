"""What a driver and its lane know, kept in the middle of a poll: around a login, where a kill would cost most."""

from __future__ import annotations

from fleetmon.access.vault import Vault
from fleetmon.drivers.base import Memory
from fleetmon.drivers.lane import Breaker
from fleetmon.model import Device, Protocol
from fleetmon.storage import Store, polls, summaries
from fleetmon.storage.database import Connection
from fleetmon.storage.rows import BreakerRow, MemoryRow


async def remember(
    device: Device, protocol: Protocol, memory: Memory, breaker: Breaker, *, store: Store, vault: Vault
) -> None:
    """On return it is committed; nothing is kept of a device decommissioned meanwhile."""
    row = MemoryRow(
        plan=memory.plan, sealed_session=vault.seal_session(device.device_id, protocol.value, memory.session)
    )
    state = BreakerRow(
        refusals=breaker.refusals, open_until=breaker.open_until, credential_version=breaker.credential_version
    )

    def write(connection: Connection) -> None:
        if summaries.load(connection, device.device_id) is not None:
            polls.put_memory(connection, device.device_id, protocol.value, row)
            polls.put_breaker(connection, device.device_id, protocol.value, state)

    await store.state.write(write)
    store.polls.remembered.pop((device.device_id, protocol.value), None)
