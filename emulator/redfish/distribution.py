"""Power distribution: a rack PDU with mains, a branch and outlets, and a shelf of power supplies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from emulator.accents.model import Family
from emulator.redfish.chassis import excerpt
from emulator.redfish.errors import Answer, Json, refuse
from emulator.redfish.places import ROOT, collection, links, ref, resource, status
from emulator.redfish.resource import Resource, Tree
from emulator.server import Request

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

EQUIPMENT = f"{ROOT}/PowerEquipment"


def distribution_branch(family: Family, tree: Tree) -> None:
    """PowerEquipment of a PDU or a power shelf."""
    if family.kind != "pdu":
        return
    fixed, group = tree.fixed, "RackPDUs" if family.outlets else "PowerShelves"
    unit = f"{EQUIPMENT}/{group}/1"
    fixed[EQUIPMENT] = Resource(get=partial(_equipment, group))
    fixed[f"{EQUIPMENT}/{group}"] = _collection(f"{EQUIPMENT}/{group}", "PowerDistribution", [unit])
    fixed[unit] = Resource(get=partial(_unit, unit))
    fixed[f"{unit}/Metrics"] = Resource(get=partial(_metrics, unit))
    if not family.outlets:
        return
    outlets = [f"{unit}/Outlets/{index + 1}" for index in range(family.outlets)]
    fixed[f"{unit}/Outlets"] = _collection(f"{unit}/Outlets", "Outlet", outlets)
    fixed[f"{unit}/Mains"] = _collection(f"{unit}/Mains", "Circuit", [f"{unit}/Mains/AC1"])
    fixed[f"{unit}/Mains/AC1"] = Resource(get=partial(_mains, unit, outlets))
    for index, path in enumerate(outlets):
        fixed[path] = Resource(get=partial(_outlet, unit, index))
        fixed[f"{path}/Actions/Outlet.PowerControl"] = Resource(post=partial(_switch, index))


def _collection(path: str, type_: str, members: list[str]) -> Resource:
    return Resource(get=lambda _: collection(path, type_, members))


def _equipment(group: str, bmc: Bmc) -> Json:
    return resource(
        EQUIPMENT, "PowerEquipment.v1_2_0.PowerEquipment", "DCIM Power Equipment",
        Status=status(rollup=bmc.machine.health()["System"]), **{group: ref(f"{EQUIPMENT}/{group}")},
    )  # fmt: skip


def _unit(path: str, bmc: Bmc) -> Json:
    machine, family = bmc.machine, bmc.machine.family
    health = machine.health()["System"]
    document = resource(
        path, "PowerDistribution.v1_3_1.PowerDistribution", family.model, Manufacturer=family.vendor,
        EquipmentType="RackPDU" if family.outlets else "PowerShelf", Model=family.model, SerialNumber=machine.serial,
        FirmwareVersion=family.firmware, UUID=machine.uuid, AssetTag=machine.asset_tag, Status=status(health,
        rollup=health), Metrics=ref(f"{path}/Metrics"), PowerCapacityVA=family.peak_watts,
        Links={**links("Chassis", [bmc.places.chassis]), **links("ManagedBy", [bmc.places.manager])},
    )  # fmt: skip
    if family.outlets:
        return document | {name: ref(f"{path}/{name}") for name in ("Mains", "Outlets")}
    return document | {"PowerSupplies": ref(f"{bmc.places.chassis}/PowerSubsystem/PowerSupplies")}


def _metrics(path: str, bmc: Bmc) -> Json:
    return resource(
        f"{path}/Metrics", "PowerDistributionMetrics.v1_3_2.PowerDistributionMetrics", "Summary Metrics",
        PowerWatts=excerpt(bmc, "TotalPower"), EnergykWh=excerpt(bmc, "Energy"),
        TemperatureCelsius=excerpt(bmc, "Inlet"),
    )  # fmt: skip


def _mains(path: str, outlets: list[str], bmc: Bmc) -> Json:
    return resource(
        f"{path}/Mains/AC1", "Circuit.v1_7_0.Circuit", "Mains AC Input", CircuitType="Mains",
        PhaseWiringType="OnePhase3Wire", NominalVoltage="AC230V", RatedCurrentAmps=32, BreakerState="Normal",
        Status=status(), Voltage=excerpt(bmc, "Mains"), CurrentAmps=excerpt(bmc, "MainsCurrent"),
        PowerWatts=excerpt(bmc, "TotalPower"), FrequencyHz=excerpt(bmc, "Frequency"),
        EnergykWh=excerpt(bmc, "Energy"), Links=links("Outlets", outlets),
    )  # fmt: skip


def _outlet(path: str, index: int, bmc: Bmc) -> Json:
    outlet, key = bmc.machine.parts.outlets[index], f"Outlet{index + 1}"
    return resource(
        f"{path}/Outlets/{index + 1}", "Outlet.v1_4_3.Outlet", outlet.name, PhaseWiringType="OnePhase3Wire",
        VoltageType="AC", NominalVoltage="AC230V", OutletType="IEC_60320_C13", RatedCurrentAmps=16,
        PowerState="On" if outlet.on else "Off", PowerEnabled=outlet.on, Status=status(),
        CurrentAmps=excerpt(bmc, f"{key}Current"), PowerWatts=excerpt(bmc, f"{key}Power"),
        Links={"BranchCircuit": ref(f"{path}/Mains/AC1")},
        Actions={"#Outlet.PowerControl": {
            "target": f"{path}/Outlets/{index + 1}/Actions/Outlet.PowerControl",
            "PowerState@Redfish.AllowableValues": ["On", "Off"],
        }},
    )  # fmt: skip


def _switch(index: int, bmc: Bmc, body: Json, request: Request) -> Answer:
    """#Outlet.PowerControl."""
    wish = body.get("PowerState")
    if wish not in ("On", "Off"):
        return refuse("parameter_value", str(wish), "PowerState", "Outlet.PowerControl")
    machine = bmc.machine
    outlet = machine.parts.outlets[index]
    machine.ledger.note(machine.name, "power_command", outlet=outlet.name, state=wish, source=bmc.who(request))
    machine.switch_outlet(outlet, wish == "On")
    return Answer(204)
