"""Heat and fans: Thermal, and ThermalSubsystem with Fans and ThermalMetrics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from emulator.accents.model import Family
from emulator.redfish.chassis import excerpt, number, old_limits, row_health, told_rows
from emulator.redfish.errors import Json
from emulator.redfish.places import Places, collection, ref, resource, status
from emulator.redfish.resource import Resource, Tree

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc


def thermal_branch(family: Family, tree: Tree) -> None:
    """Thermal in the models that the shape knows."""
    places, fixed = Places(family.shape), tree.fixed
    if family.shape.thermal_power:
        fixed[f"{places.chassis}/Thermal"] = Resource(get=_thermal)
    if not family.shape.subsystems:
        return
    subsystem = f"{places.chassis}/ThermalSubsystem"
    fixed[subsystem] = Resource(get=_subsystem)
    fixed[f"{subsystem}/ThermalMetrics"] = Resource(get=_metrics)
    fixed[f"{subsystem}/Fans"] = Resource(
        get=lambda bmc: collection(
            f"{subsystem}/Fans", "Fan", [f"{subsystem}/Fans/{i + 1}" for i in range(family.fans)]
        )
    )
    for index in range(family.fans):
        fixed[f"{subsystem}/Fans/{index + 1}"] = Resource(get=partial(_fan, index))


def _thermal(bmc: Bmc) -> Json:
    path = f"{bmc.places.chassis}/Thermal"
    temperatures: list[Json] = [
        {
            "@odata.id": f"{path}#/Temperatures/{i}", "MemberId": str(i), "Name": row.name, "ReadingCelsius": value,
            "PhysicalContext": row.context, "Status": row_health(row, value), **old_limits(row),
        }
        for i, (row, value) in enumerate(told_rows(bmc, "Temperature"))
    ]  # fmt: skip
    fans: list[Json] = [
        {
            "@odata.id": f"{path}#/Fans/{i}", "MemberId": str(i), "Name": row.name, "Reading": number(value, row),
            "ReadingUnits": "RPM",
            "PhysicalContext": row.context, "Status": row_health(row, value), **old_limits(row),
        }
        for i, (row, value) in enumerate(told_rows(bmc, "Rotational"))
    ]  # fmt: skip
    redundancy = {
        "@odata.id": f"{path}#/Redundancy/0", "MemberId": "0", "Name": "Fan Redundancy", "Mode": "N+m",
        "MinNumNeeded": len(fans) - 1,
        "MaxNumSupported": len(fans), "RedundancySet": [ref(fan["@odata.id"]) for fan in fans],
        "Status": _redundancy(bmc),
    }  # fmt: skip
    return resource(path, "Thermal.v1_7_2.Thermal", "Thermal", Temperatures=temperatures, Fans=fans,
        Redundancy=[redundancy],
                    Status=_rollup(bmc))  # fmt: skip


def _redundancy(bmc: Bmc) -> Json:
    return status("Warning" if any(fan.failed for fan in bmc.machine.parts.fans) else "OK")


def _rollup(bmc: Bmc) -> Json:
    health = bmc.machine.health()
    worse = max((health["Fans"], health["Thermal"]), key=("OK", "Warning", "Critical").index)
    return status(health["Thermal"], rollup=worse)


def _subsystem(bmc: Bmc) -> Json:
    path, fans = f"{bmc.places.chassis}/ThermalSubsystem", bmc.machine.parts.fans
    group = {
        "RedundancyType": "NPlusM", "MinNeededInGroup": len(fans) - 1, "MaxSupportedInGroup": len(fans),
        "RedundancyGroup": [ref(f"{path}/Fans/{fan.index + 1}") for fan in fans], "Status": _redundancy(bmc),
    }  # fmt: skip
    return resource(
        path, "ThermalSubsystem.v1_3_0.ThermalSubsystem", "Thermal Subsystem", Fans=ref(f"{path}/Fans"),
        FanRedundancy=[group],
        ThermalMetrics=ref(f"{path}/ThermalMetrics"), Status=_rollup(bmc),
        **({"Pumps": ref(f"{path}/Pumps")} if bmc.machine.parts.pumps else {}),
        **({"LeakDetection": ref(f"{path}/LeakDetection")} if bmc.machine.parts.leak_detectors else {}),
    )  # fmt: skip


def _fan(index: int, bmc: Bmc) -> Json:
    fan, family = bmc.machine.parts.fans[index], bmc.machine.family
    speed = bmc.machine.reading(f"Fan{index + 1}")
    return resource(
        f"{bmc.places.chassis}/ThermalSubsystem/Fans/{index + 1}", "Fan.v1_5_1.Fan", fan.name,
        PhysicalContext="SystemBoard",
        HotPluggable=True, Manufacturer="Alder", Model=f"AF-{family.fan_rpm}", PartNumber=f"AF{family.fan_rpm}-01",
        Status=status(fan.health),
        SpeedPercent={
            "DataSourceUri": f"{bmc.places.chassis}/Sensors/Fan{index + 1}", "SpeedRPM": speed and int(speed),
            "Reading": None if speed is None else round(100 * speed / family.fan_rpm, 1),
        },
        Location={"PartLocation": {"LocationType": "Slot", "ServiceLabel": fan.name, "LocationOrdinalValue": index}},
    )  # fmt: skip


def _metrics(bmc: Bmc) -> Json:
    rows = [row for row, _ in told_rows(bmc, "Temperature")]
    readings = [excerpt(bmc, row.key) | {"DeviceName": row.name, "PhysicalContext": row.context} for row in rows]
    return resource(
        f"{bmc.places.chassis}/ThermalSubsystem/ThermalMetrics", "ThermalMetrics.v1_3_1.ThermalMetrics",
        "Thermal Metrics",
        TemperatureReadingsCelsius=readings,
        TemperatureSummaryCelsius={"Intake": excerpt(bmc, "Inlet")}
        | ({"Exhaust": excerpt(bmc, "Exhaust1")} if any(row.key == "Exhaust1" for row in rows) else {}),
    ) | {"TemperatureReadingsCelsius@odata.count": len(readings)}  # fmt: skip
