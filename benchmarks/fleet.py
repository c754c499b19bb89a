"""An emulated fleet written into a store of its own, as the service would have it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.devices import protocol_of
from benchmarks.processes import PASSWORD, USER
from fleetmon.access.vault import Vault, open_vault
from fleetmon.clock import SystemClock
from fleetmon.model import Device, DeviceKind, Endpoint, Protocol, Rack, Site
from fleetmon.storage import Store, open_store

CREDENTIAL = "bench"
RACK = 40
"""Servers in a rack."""


async def filled_store(folder: Path, addresses: Mapping[str, str]) -> tuple[Store, Vault]:
    """A store below `folder` that knows these devices (name to address), and the vault that has their password."""
    store = await open_store(folder / "data", clock=SystemClock())
    vault = open_vault(environment={}, configuration=folder / "configuration", data=folder / "data")
    sealed = vault.seal_password(CREDENTIAL, PASSWORD)
    await store.fleet.put_credential(CREDENTIAL, user=USER, sealed=sealed)
    racks = -(-len(addresses) // RACK)
    await store.fleet.apply(
        sites=[Site(site_id="bench", name="bench")],
        racks=[Rack(rack_id=_rack(rack), name=_rack(rack), site_id="bench") for rack in range(racks)],
        devices=[_device(name, address, place) for place, (name, address) in enumerate(addresses.items())],
    )
    return store, vault


def _rack(number: int) -> str:
    return f"R{number + 1:03}"


def _device(name: str, address: str, place: int) -> Device:
    protocol = protocol_of(address)
    return Device(
        device_id=name,
        name=name,
        kind=DeviceKind.SWITCH if protocol is Protocol.SNMP else DeviceKind.SERVER,
        endpoints=(Endpoint(protocol=protocol, address=address, credential=CREDENTIAL),),
        rack_id=_rack(place // RACK),
        position_u=place % RACK + 1,
    )
