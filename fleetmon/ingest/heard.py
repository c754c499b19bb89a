"""What we say ourselves about messages that seem to be a device's: an event that judges nothing about the device."""

from __future__ import annotations

from datetime import datetime

from fleetmon.model import Health, LogRecord
from fleetmon.storage import Store, events
from fleetmon.storage.events import NewEvent

LOG = "traps"
"""The log these events stand in, which no device has."""


async def tell(device_id: str, what: str, name: str, message: str, *, store: Store, at: datetime) -> bool:
    """Store it once under its name; was it new? On return it is committed. Its message id ends in `what`."""
    record = LogRecord(
        record_id=name,
        severity=Health.OK,
        message=message,
        source="SNMP traps",
        message_id=f"Fleetmon.{what}",
        content=name,
    )
    event = NewEvent(record=record, log=LOG, generation=1, received_at=at, clock_suspect=False)
    return bool(await store.state.write(lambda connection: events.add_events(connection, device_id, [event])))
