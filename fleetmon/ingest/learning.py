"""One device while its observation is written down: what is known, what has been learned so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from fleetmon.ingest.summary import Changes
from fleetmon.ingest.witnesses import Role
from fleetmon.model import Device, Observation
from fleetmon.storage.database import Connection
from fleetmon.storage.rows import DeviceSummary, HealthChange, PartChange


@dataclass(slots=True)
class Learning:
    """Inside the transaction; `changes` are made to the summary at its end."""

    connection: Connection
    device: Device
    observation: Observation
    role: Role
    before: DeviceSummary
    received_at: datetime
    changes: Changes
    health_changes: list[HealthChange] = field(default_factory=list)
    part_changes: list[PartChange] = field(default_factory=list)
    inventory_due: bool = False

    @property
    def device_id(self) -> str:
        return self.device.device_id

    @property
    def told_by(self) -> str:
        """Whose word this is; empty when it is that of the device's first endpoint."""
        return "" if self.role is Role.FIRST else self.observation.protocol.value
