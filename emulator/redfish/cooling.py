"""Coolant: pumps and leak detection of a chassis, and the unit that distributes coolant to a rack."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from emulator.accents.model import Family
from emulator.redfish.chassis import excerpt
from emulator.redfish.errors import Json
from emulator.redfish.places import ROOT, Places, collection, links, ref, resource, status
from emulator.redfish.resource import Resource, Tree

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

EQUIPMENT = f"{ROOT}/ThermalEquipment"
UNIT = f"{EQUIPMENT}/CDUs/1"
LOOPS = ("Primary", "Secondary")


def cooling_branch(family: Family, tree: Tree) -> None:
    """What moves coolant and what notices that it went astray, in families that have it."""
    fixed, thermal = tree.fixed, f"{Places(family.shape).chassis}/ThermalSubsystem"
    if family.pumps:
        _collect(fixed, f"{thermal}/Pumps", "Pump", [partial(_pump, index) for index in range(family.pumps)])
    if family.leak_detectors:
        leaks = f"{thermal}/LeakDetection"
        fixed[leaks] = Resource(get=_leak_detection)
        getters = [partial(_detector, index) for index in range(family.leak_detectors)]
        _collect(fixed, f"{leaks}/LeakDetectors", "LeakDetector", getters)
    if family.kind == "cooling":
        fixed[EQUIPMENT] = Resource(get=_equipment)
        fixed[f"{EQUIPMENT}/CDUs"] = Resource(get=lambda _: collection(f"{EQUIPMENT}/CDUs", "CoolingUnit", [UNIT]))
        fixed[UNIT] = Resource(get=_unit)
        for loop in LOOPS:
            _collect(fixed, f"{UNIT}/{loop}CoolantConnectors", "CoolantConnector", [partial(_connector, loop)])


def _collect(fixed: dict[str, Resource], path: str, type_: str, getters: list[partial[Json]]) -> None:
    paths = [f"{path}/{number}" for number in range(1, len(getters) + 1)]
    fixed[path] = Resource(get=lambda _: collection(path, type_, paths))
    fixed |= {member: Resource(get=get) for member, get in zip(paths, getters, strict=True)}


def _thermal(bmc: Bmc) -> str:
    return f"{bmc.places.chassis}/ThermalSubsystem"


def _pump(index: int, bmc: Bmc) -> Json:
    pump, speed = bmc.machine.parts.pumps[index], bmc.machine.reading(f"Pump{index + 1}")
    return resource(
        f"{_thermal(bmc)}/Pumps/{index + 1}", "Pump.v1_2_0.Pump", pump.name, PumpType="Liquid", Manufacturer="Alder",
        Model="AC-3600", SerialNumber=f"PU{bmc.machine.serial}{index}", Status=status(pump.health),
        PumpSpeedPercent={
            "DataSourceUri": f"{bmc.places.chassis}/Sensors/Pump{index + 1}", "SpeedRPM": speed and int(speed),
            "Reading": None if speed is None else round(speed / 36, 1),
        },
        Location={"PartLocation": {"LocationType": "Slot", "ServiceLabel": pump.name, "LocationOrdinalValue": index}},
    )  # fmt: skip


def _leak_detection(bmc: Bmc) -> Json:
    path, wet = f"{_thermal(bmc)}/LeakDetection", any(one.leaking for one in bmc.machine.parts.leak_detectors)
    return resource(
        path, "LeakDetection.v1_0_1.LeakDetection", "Leak Detection Systems",
        Status=status("OK", rollup="Critical" if wet else "OK"), LeakDetectors=ref(f"{path}/LeakDetectors"),
    )  # fmt: skip


def _detector(index: int, bmc: Bmc) -> Json:
    detector = bmc.machine.parts.leak_detectors[index]
    return resource(
        f"{_thermal(bmc)}/LeakDetection/LeakDetectors/{index + 1}", "LeakDetector.v1_1_0.LeakDetector", detector.name,
        LeakDetectorType="Moisture", DetectorState="Critical" if detector.leaking else "OK",
        PhysicalContext="CoolingSubsystem", Status=status(detector.health),
    )  # fmt: skip


def _equipment(bmc: Bmc) -> Json:
    return resource(
        EQUIPMENT, "ThermalEquipment.v1_1_2.ThermalEquipment", "Cooling Equipment", CDUs=ref(f"{EQUIPMENT}/CDUs"),
        Status=status(rollup=bmc.machine.health()["Cooling"]),
    )  # fmt: skip


def _unit(bmc: Bmc) -> Json:
    machine, family = bmc.machine, bmc.machine.family
    health = machine.health()["Cooling"]
    return resource(
        UNIT, "CoolingUnit.v1_2_0.CoolingUnit", "Rack Cooling Unit", EquipmentType="CDU", Manufacturer=family.vendor,
        Model=family.model, SerialNumber=machine.serial, FirmwareVersion=family.firmware, UUID=machine.uuid,
        CoolingCapacityWatts=100_000, Status=status(health, rollup=health),
        Coolant={"CoolantType": "Water", "AdditiveName": "Propylene glycol", "AdditivePercent": 25},
        Pumps=ref(f"{_thermal(bmc)}/Pumps"), LeakDetection=ref(f"{_thermal(bmc)}/LeakDetection"),
        EnvironmentMetrics=ref(f"{bmc.places.chassis}/EnvironmentMetrics"),
        Links={**links("Chassis", [bmc.places.chassis]), **links("ManagedBy", [bmc.places.manager])},
        **{f"{loop}CoolantConnectors": ref(f"{UNIT}/{loop}CoolantConnectors") for loop in LOOPS},
    )  # fmt: skip


def _connector(loop: str, bmc: Bmc) -> Json:
    supply, back = excerpt(bmc, f"{loop}Supply"), excerpt(bmc, f"{loop}Return")
    warmer = None if None in (supply["Reading"], back["Reading"]) else round(back["Reading"] - supply["Reading"], 1)
    return resource(
        f"{UNIT}/{loop}CoolantConnectors/1", "CoolantConnector.v1_1_0.CoolantConnector", f"{loop} Coolant Connector",
        CoolantConnectorType="Pair", RatedFlowLitersPerMinute=300, Status=status(),
        SupplyTemperatureCelsius=supply, ReturnTemperatureCelsius=back, DeltaTemperatureCelsius={"Reading": warmer},
        FlowLitersPerMinute=excerpt(bmc, f"{loop}Flow"), SupplyPressurekPa=excerpt(bmc, f"{loop}Pressure"),
    )  # fmt: skip
