"""A poll over SNMP under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from fleetmon.drivers import look
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.snmp.values import Value
from fleetmon.errors import DeviceError
from fleetmon.model import Protocol


@dataclass(slots=True, kw_only=True)
class Look(look.Look):
    """A poll under way, with every value it was given."""

    protocol: ClassVar[Protocol] = Protocol.SNMP
    whole: ClassVar[str] = "SNMP"
    shut_out: ClassVar[tuple[type[DeviceError], ...]] = ()
    """None: an agent refuses single objects to who may read others."""

    priority: Priority = Priority.POLL
    values: dict[str, Value] = field(default_factory=dict)
    walked: dict[str, Mapping[str, Value]] | None = None
    """Every column, where the device was walked in this poll."""
    restarted: bool = False

    def learn(self, values: Mapping[str, Value]) -> None:
        """Take over what was answered, by OID."""
        self.values |= values
        self.answers += len(values)
