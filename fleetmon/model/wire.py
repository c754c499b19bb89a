"""What a device hears on its ports: who is at the other end of a cable."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """What is at the other end of a port, as that said of itself (LLDP, CDP); empty where it said nothing."""

    port: str
    """Name of our Port."""
    chassis_id: str
    """An Ethernet address as aa:bb:cc:dd:ee:ff, a network address or text, as the other end chose."""
    port_id: str
    port_description: str
    system_name: str
    system_description: str
    address: str
    """Its management address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """An Ethernet address that a bridge has learned behind a port."""

    port: str
    mac: str
    vlan: int | None = None
