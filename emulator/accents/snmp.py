"""Switches, power distribution units and UPSes as rows: what they have, and which tables their agents show."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.snmp.ber import Oid

EXAMPLE: Oid = (1, 3, 6, 1, 4, 1, 32473)
"""The enterprise of examples (RFC 5612)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchFamily:
    """A model of switch."""

    name: str
    vendor: str
    model: str
    object_id: Oid
    software: str
    description: str
    ports: int = 48
    uplinks: int = 4
    speed: int = 25_000
    """Megabits a second of a port; an uplink has four times as much."""
    port_name: str = "Ethernet{n}"
    supplies: int = 2
    fans: int = 4
    watts: float = 180.0
    height_u: int = 1
    tables: tuple[str, ...] = ()
    """Tables of its maker's, beside the standard ones."""
    kind: str = "switch"


@dataclass(frozen=True, slots=True, kw_only=True)
class PduFamily:
    """A model of power distribution unit."""

    name: str
    vendor: str
    model: str
    object_id: Oid
    software: str
    description: str
    outlets: int = 24
    phases: int = 1
    amperes: float = 32.0
    """That each phase may carry."""
    height_u: int = 0
    tables: tuple[str, ...] = ()
    kind: str = "pdu"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsFamily:
    """A model of UPS."""

    name: str
    vendor: str
    model: str
    object_id: Oid
    software: str
    description: str
    watts: float = 120_000.0
    minutes: float = 12.0
    """That its batteries last under full load."""
    height_u: int = 8
    tables: tuple[str, ...] = ("rfc1628",)
    kind: str = "ups"


SnmpFamily = SwitchFamily | PduFamily | UpsFamily

SNMP_FAMILIES: dict[str, SnmpFamily] = {
    row.name: row
    for row in (
        SwitchFamily(
            name="tern-48", vendor="Fjellnett", model="Tern 48Y", object_id=(*EXAMPLE, 1, 48), software="4.2.1",
            description="Fjellnett Tern 48Y, TernOS 4.2.1", tables=("host-resources",),
        ),
        SwitchFamily(
            name="arista-eos", vendor="Arista", model="DCS-7050SX3-48YC8", object_id=(1, 3, 6, 1, 4, 1, 30065, 1, 3011,
            7050, 3741, 48, 2878), software="4.30.5M", supplies=2, fans=4, tables=("host-resources", "entity-state"),
            description="Arista Networks EOS version 4.30.5M running on an Arista Networks DCS-7050SX3-48YC8",
        ),
        SwitchFamily(
            name="cisco-nxos", vendor="Cisco Systems, Inc.", model="N9K-C93180YC-FX", object_id=(1, 3, 6, 1, 4, 1, 9,
            12, 3, 1, 3, 2247), software="9.3(10)", port_name="Ethernet1/{n}", uplinks=6, tables=("enterprise-9",),
            description="Cisco NX-OS(tm) n9000, Software (n9000-dk9), Version 9.3(10), RELEASE SOFTWARE",
        ),
        PduFamily(
            name="apc-rpdu2", vendor="APC", model="AP8959EU3", object_id=(1, 3, 6, 1, 4, 1, 318, 1, 3, 4, 6),
            software="v6.4.0", tables=("apc",), outlets=24,
            description="APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.4.0 PN:apc_hw05_aos_640.bin AF1:v6.4.0"
            " AN1:apc_hw05_rpdu2g_640.bin MN:AP8959EU3 HR:02 SN: {serial} MD:09/20/2016)",
        ),
        PduFamily(
            name="apc-rpdu2-48", vendor="APC", model="APDU9981EU3", object_id=(1, 3, 6, 1, 4, 1, 318, 1, 3, 4, 6),
            software="v2.5.0", tables=("apc",), outlets=48, phases=3, amperes=32.0,
            description="APC Web/SNMP Management Card (MB:v4.2.9 PF:v2.5.0 PN:apc_hw21_aos_2.5.0.bin AF1:v2.5.0"
            " AN1:apc_hw21_rpdu2g_2.5.0.bin MN:APDU9981EU3 HR:01 SN: {serial} MD:02/11/2022)",
        ),
        UpsFamily(
            name="petrel-120", vendor="Fjellkraft", model="Petrel 120", object_id=(*EXAMPLE, 2, 120), software="2.7",
            description="Fjellkraft Petrel 120 network card 2.7",
        ),
        UpsFamily(
            name="apc-symmetra", vendor="APC", model="Symmetra PX 100", object_id=(1, 3, 6, 1, 4, 1, 318, 1, 3, 2, 10),
            software="v6.2.0", tables=("rfc1628", "apc"), watts=100_000.0,
            description="APC Web/SNMP Management Card (MB:v4.1.0 PF:v6.2.0 PN:apc_hw05_aos_620.bin AF1:v6.2.0"
            " AN1:apc_hw05_sy3p_620.bin MN:AP9635 HR:05 SN: {serial} MD:06/12/2012)",
        ),
    )
}  # fmt: skip
"""By name."""
