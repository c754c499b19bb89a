"""Platform Event Traps: what a BMC says in one SNMP trap; pure.

The fields stand in "IPMI Platform Event Trap Format Specification" 1.0, section 3, and again in IPMI 2.0, table 17-9.
A trap is not authenticated: what is read here tells what to ask for, and for the service's own log what was said.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fleetmon.errors import Garbled
from fleetmon.model import Aspect, Health

ENTERPRISE = (1, 3, 6, 1, 4, 1, 3183, 1, 1)
"""wired-for-management, PET, version 1."""
BINDING = (*ENTERPRISE, 1)
"""The one variable that holds everything the specific trap number has no room for."""

THRESHOLD = 0x01
"""The event type of a sensor that passed a threshold (IPMI 2.0, table 42-1)."""

_FIELDS = struct.Struct(">16sHIhBBBBBBB8sBIH")
"""Most significant byte first; 46 bytes, then fields of the maker that end with C1h."""
_EPOCH = datetime(1998, 1, 1, tzinfo=UTC)
_NO_OFFSET = -1
_SEVERITIES = {
    0x01: Health.OK,
    0x02: Health.OK,
    0x04: Health.OK,
    0x08: Health.WARNING,
    0x10: Health.CRITICAL,
    0x20: Health.CRITICAL,
}
"""Monitor, information, return to OK, non-critical, critical, non-recoverable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformEvent:
    """One event as the trap tells it."""

    sensor_type: int
    event_type: int
    asserted: bool
    offset: int
    """Which of the states of its event type; 0Fh where that is not told."""
    guid: bytes
    """The system's, in the order it was sent; see `guids`."""
    sequence: int
    at: datetime | None
    """By the clock of the BMC; None where the time is not told, or not its distance from UTC."""
    trap_source: int
    event_source: int
    severity: Health
    sensor_device: int
    sensor_number: int
    entity: int
    entity_instance: int
    data: bytes
    """Event data 1 to 8."""
    language: int
    manufacturer: int
    system: int
    custom: bytes = b""
    """Fields of the maker, with their end mark."""

    @property
    def guids(self) -> tuple[str, ...]:
        """What the GUID may read as: firmware sends it as text has it, as SMBIOS does, or as Get System GUID does."""
        if len(set(self.guid)) == 1:  # unspecified, or never written
            return ()
        readings = (UUID(bytes_le=self.guid), UUID(bytes=self.guid), UUID(bytes=self.guid[::-1]))
        return tuple(dict.fromkeys(str(reading) for reading in readings))


def trap(specific: int, octets: bytes) -> PlatformEvent:
    """The event of a specific trap number and the octets of its variable; raises Garbled when they are too few."""
    if len(octets) < _FIELDS.size:
        raise Garbled(f"a platform event trap has {_FIELDS.size} bytes or more, and this one {len(octets)}")
    (
        guid, sequence, seconds, minutes, trap_source, event_source, severity, device, number, entity, instance, data,
        language, manufacturer, system,
    ) = _FIELDS.unpack_from(octets)  # fmt: skip
    return PlatformEvent(
        sensor_type=specific >> 16 & 0xFF,
        event_type=specific >> 8 & 0xFF,
        asserted=not specific & 0x80,
        offset=specific & 0x0F,
        guid=guid,
        sequence=sequence,
        at=_instant(seconds, minutes),
        trap_source=trap_source,
        event_source=event_source,
        severity=_SEVERITIES.get(severity, Health.UNKNOWN),
        sensor_device=device,
        sensor_number=number,
        entity=entity,
        entity_instance=instance,
        data=data,
        language=language,
        manufacturer=manufacturer,
        system=system,
        custom=octets[_FIELDS.size :],
    )


def hint(event: PlatformEvent) -> frozenset[Aspect]:
    """What an event is a reason to ask now: its record in the log, and the reading or the parts that it speaks of."""
    about = Aspect.SENSORS if event.event_type == THRESHOLD else Aspect.COMPONENTS
    return frozenset({Aspect.HEARTBEAT, Aspect.EVENTS, about})


def _instant(seconds: int, minutes: int) -> datetime | None:
    """Seconds of local time since 1998, and by how many minutes that time is ahead of UTC."""
    if not seconds or minutes == _NO_OFFSET:
        return None
    return _EPOCH + timedelta(seconds=seconds, minutes=-minutes)
