"""Get Chassis Status: power and fault bits in three bytes, the cheapest thing a BMC can be asked.

IPMI v2.0 rev 1.1, section 28.2. A fault bit names a domain and no part: it is told of a HealthGroup, so that a fault
no sensor explains is still seen.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from fleetmon.model import DEVICE, Component, ComponentHealth, Health, PowerState

SOURCE = "Get Chassis Status"
GROUP = "HealthGroup"
"""Kind of what a fault bit is told of."""
_POWER_ON = 0x01


class Bit(NamedTuple):
    """One bit of the answer that says that something is wrong."""

    byte: int
    mask: int
    group: str
    health: Health
    says: str


BITS = (
    Bit(0, 0x02, "Power", Health.CRITICAL, "power overload"),
    Bit(0, 0x04, "Power", Health.WARNING, "a panel interlock keeps the power off"),
    Bit(0, 0x08, "Power", Health.CRITICAL, "power fault"),
    Bit(0, 0x10, "Power", Health.CRITICAL, "power control fault: the power was not switched as asked"),
    Bit(2, 0x01, "Chassis Intrusion", Health.WARNING, "chassis open"),
    Bit(2, 0x04, "Drives", Health.CRITICAL, "drive fault"),
    Bit(2, 0x08, "Cooling", Health.CRITICAL, "cooling or fan fault"),
)
_FAULTS = tuple(sum(bit.mask for bit in BITS if bit.byte == byte) for byte in range(3))


def power_of(status: bytes) -> PowerState:
    """On or off. An answer too short to say is Unknown, never Off."""
    if not status:
        return PowerState.UNKNOWN
    return PowerState.ON if status[0] & _POWER_ON else PowerState.OFF


def signature(status: bytes) -> bytes:
    """Power and fault bits alone: when they change, what tells why is read."""
    masks = (_FAULTS[0] | _POWER_ON, _FAULTS[1], _FAULTS[2])
    return bytes(byte & mask for byte, mask in zip(status, masks, strict=False))


def overall(status: bytes, taken_at: datetime) -> ComponentHealth:
    """What the BMC says of the whole machine: the worst of its bits, or that none is set."""
    found = _set(status)
    worst = max((bit.health for bit in found), key=lambda health: health.rank, default=Health.OK)
    return ComponentHealth(
        component=DEVICE,
        health=worst if status else Health.UNKNOWN,
        state="Enabled" if power_of(status) is PowerState.ON else "",
        taken_at=taken_at,
        source=SOURCE,
        detail=_said(found),
    )


def groups(status: bytes, taken_at: datetime, watched: frozenset[Component]) -> tuple[ComponentHealth, ...]:
    """Each domain that has a fault, or is `watched` because it once had one."""
    found = _set(status)
    told = []
    for name in dict.fromkeys(bit.group for bit in BITS):
        component = Component(GROUP, name)
        own = [bit for bit in found if bit.group == name]
        if own or component in watched:
            worst = max((bit.health for bit in own), key=lambda health: health.rank, default=Health.OK)
            told.append(
                ComponentHealth(
                    component=component, health=worst, state="", taken_at=taken_at, source=SOURCE, detail=_said(own)
                )
            )
    return tuple(told)


def _set(status: bytes) -> list[Bit]:
    return [bit for bit in BITS if bit.byte < len(status) and status[bit.byte] & bit.mask]


def _said(bits: list[Bit]) -> str:
    return f"{', '.join(bit.says for bit in bits)} ({SOURCE})" if bits else ""
