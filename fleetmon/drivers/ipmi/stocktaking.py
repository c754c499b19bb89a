"""What a device is made of, over IPMI: its FRU inventories, its BMC, and which logins that offers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fleetmon.drivers.ipmi import dcmi, sensors
from fleetmon.drivers.ipmi.findings import RESOURCE, Door, look_at_door
from fleetmon.drivers.ipmi.fru import read_fru
from fleetmon.drivers.ipmi.identity import (
    BIOS_VERSION,
    HOST_NAME,
    DeviceId,
    blocks_after_first,
    device_id,
    system_info,
    system_text,
)
from fleetmon.drivers.ipmi.known import Known
from fleetmon.drivers.ipmi.look import Look
from fleetmon.drivers.ipmi.parse.fru import chassis_part, identity, part
from fleetmon.drivers.ipmi.parse.fru import fru as contents
from fleetmon.model import Aspect, Component, ComponentHealth, Identity, Inventory, Part, Scalar

BMC = Component("Manager", "BMC")
MAINBOARD = Component("Chassis", "System Board")
"""What FRU 0 describes, beside the chassis as a whole."""
BUILT_OF = frozenset(
    {"Battery", "Drive", "Fan", "Memory", "PCIeDevice", "PowerSupply", "Processor", "StorageController"}
)
"""Kinds that are parts even where no FRU describes them."""
ABSENT = "Absent"


async def take_stock(known: Known, look: Look, cipher: int | None) -> None:
    """The inventory, told when all of it has been read; what there was no time for is read in the next polls."""
    known.owes_inventory = True
    if not await _read_frus(known, look):
        look.tell("fru", f"{len(known.frus)} inventories of parts read; the next poll goes on")
        return
    identity = await _identity(known, look)
    door = await look_at_door(look)
    for flaw in door.flaws:
        look.find(RESOURCE, flaw)
    health, whole = sensors.components(known, look, known.answers)
    parts = {one.component: one for one in (*_bare_parts(health), *_described(known))}
    parts[BMC] = _bmc(device_id(known.device), door, cipher)
    look.inventory = Inventory(
        identity=identity,
        parts=tuple(parts.values()),
        taken_at=look.now(),
        complete=known.frus_whole and whole,
    )
    look.done(Aspect.INVENTORY)
    known.owes_inventory, known.frus, known.frus_whole = False, {}, True


async def _read_frus(known: Known, look: Look) -> bool:
    """Every FRU the BMC keeps; were all of them read, as far as they can be?"""
    for fru_id in (0, *(fru.fru_id for fru in known.catalog.frus)) if known.catalog else (0,):
        if fru_id in known.frus:
            continue
        if not look.has_time():
            return False
        found = await read_fru(look, fru_id, known.fru_piece)
        if not found.whole and not look.has_time():
            return False
        known.fru_piece = found.piece
        known.frus[fru_id] = found.raw
        known.frus_whole = known.frus_whole and found.whole
        if not found.whole:
            look.tell(f"fru/{fru_id}", "the inventory of this part could not be read to its end")
    return True


async def _identity(known: Known, look: Look) -> Identity:
    """Who the device is: what its FRU 0 says, and what its BMC knows besides."""
    raw = known.frus.get(0)
    told = identity(contents(raw)) if raw else Identity()
    bmc = device_id(known.device)
    return replace(
        told,
        manufacturer=told.manufacturer or (bmc.manufacturer if bmc else ""),
        uuid=told.uuid or known.guid,
        asset_tag=told.asset_tag or await dcmi.asset_tag(look),
        host_name=told.host_name or await _system_info(look, HOST_NAME),
        firmware=bmc.firmware if bmc else "",
        bios_version=told.bios_version or await _system_info(look, BIOS_VERSION),
        bmc_model=bmc.model if bmc else "",
    )


async def _system_info(look: Look, parameter: int) -> str:
    """One string of the System Info parameters; empty where the device has none."""
    first = await look.optional(system_info(parameter, 0))
    blocks = [first] if first else []
    for number in range(1, 1 + blocks_after_first(first) if first else 1):
        block = await look.optional(system_info(parameter, number))
        if block is None:
            break
        blocks.append(block)
    return system_text(blocks)


def _described(known: Known) -> Iterable[Part]:
    """The parts that a FRU describes; of two that describe one, the first."""
    found = known.catalog
    names = {fru.fru_id: fru.name for fru in found.frus} if found else {}
    told: dict[Component, Part] = {}
    if (raw := known.frus.get(0)) and (chassis := chassis_part(contents(raw), "fru/0")):
        told[chassis.component] = chassis
    for fru_id, raw in known.frus.items():
        component = found.described.get(fru_id, MAINBOARD) if found else MAINBOARD
        component = MAINBOARD if component in told and fru_id == 0 else component
        if raw and (one := part(contents(raw), component, f"fru/{fru_id}", names.get(fru_id, ""))):
            told.setdefault(component, one)
    return told.values()


def _bare_parts(health: Iterable[ComponentHealth]) -> Iterable[Part]:
    """The parts that only sensors tell of: nothing is known of them but that they are there."""
    for one in health:
        if one.component.kind in BUILT_OF and one.state != ABSENT:
            yield Part(component=one.component, slot=one.component.name, source=one.source)


def _bmc(bmc: DeviceId | None, door: Door, cipher: int | None) -> Part:
    properties: dict[str, Scalar] = {"manager_type": "BMC", **door.properties}
    if bmc is not None:
        properties["ipmi_version"] = bmc.ipmi
    if cipher is not None:
        properties["cipher_suite_used"] = cipher
    return Part(
        component=BMC,
        slot=BMC.name,
        source="Get Device ID",
        manufacturer=bmc.manufacturer if bmc else "",
        model=bmc.model if bmc else "",
        firmware=bmc.firmware if bmc else "",
        properties=properties,
    )
