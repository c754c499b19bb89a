"""The Chassis and what it draws: Power with its supplies, PowerSubsystem, Sensors, EnvironmentMetrics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from emulator.accents.model import Family
from emulator.parts import Supply
from emulator.redfish.errors import Answer, Json, refuse
from emulator.redfish.places import ROOT, Places, collection, links, node_shapes, ref, resource, status
from emulator.redfish.resource import Resource, Tree
from emulator.redfish.storage import drive_paths
from emulator.redfish.system import led, led_wish
from emulator.sensor_rows import rows_of
from emulator.sensors import SensorRow

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc


def chassis_branch(family: Family, tree: Tree) -> None:
    """Chassis, and power in the models that the shape knows."""
    places, fixed = Places(family.shape), tree.fixed
    chassis = places.chassis
    gpus = [places.gpu_chassis(index) for index in range(family.gpus if family.shape.baseboard_id else 0)]
    nodes = [Places(shape).chassis for shape in node_shapes(family)]
    members = list(dict.fromkeys((chassis, places.backplane, *gpus, *nodes)))
    fixed[f"{ROOT}/Chassis"] = Resource(get=lambda bmc: collection(f"{ROOT}/Chassis", "Chassis", members))
    fixed[chassis] = Resource(get=_chassis, patch=_change_chassis)
    if family.shape.thermal_power:
        fixed[f"{chassis}/Power"] = Resource(get=_power)
    if not family.shape.subsystems:
        return
    fixed[f"{chassis}/PowerSubsystem"] = Resource(get=_power_subsystem)
    supplies = f"{chassis}/PowerSubsystem/PowerSupplies"
    fixed[supplies] = Resource(
        get=lambda bmc: collection(supplies, "PowerSupply", [f"{supplies}/{i + 1}" for i in range(family.supplies)])
    )
    for index in range(family.supplies):
        fixed[f"{supplies}/{index + 1}"] = Resource(get=partial(_supply, index))
        fixed[f"{supplies}/{index + 1}/Metrics"] = Resource(get=partial(_supply_metrics, index))
    sensors = f"{chassis}/Sensors"
    keys = [row.key for row in rows_of(family.name)]
    fixed[sensors] = Resource(get=lambda bmc: collection(sensors, "Sensor", [f"{sensors}/{key}" for key in keys]))
    for index, key in enumerate(keys):
        fixed[f"{sensors}/{key}"] = Resource(get=partial(_sensor, index))
    fixed[f"{chassis}/EnvironmentMetrics"] = Resource(get=_environment)


def _chassis(bmc: Bmc) -> Json:
    machine, family, shape, places = bmc.machine, bmc.machine.family, bmc.shape, bmc.places
    health = machine.health()
    document = resource(
        places.chassis, "Chassis.v1_25_0.Chassis", "Chassis", ChassisType="Sled" if family.nodes > 1 else "RackMount",
        Manufacturer=family.vendor, Model=family.model, SerialNumber=machine.serial,
        PartNumber=family.chassis_part_number,
        AssetTag=machine.asset_tag, PowerState=bmc.told_power(),
        HeightMm=family.height_u * 44.45, Status=status(health["Thermal"], rollup=health["System"]),
        Location={
            "Placement": {
                "Rack": machine.rack, "RackOffset": machine.position_u, "RackOffsetUnits": "EIA_310",
                "Row": bmc.plant.racks[machine.rack].plan.row,
            }
        },
        NetworkAdapters=ref(f"{places.chassis}/NetworkAdapters"),
        Links={
            **links("ComputerSystems", [places.system]), **links("ManagedBy", [places.manager]),
            **links("Storage", [places.storage]),
            **(links("Contains", [places.backplane]) if shape.backplane_id else links("Drives", drive_paths(bmc))),
        },
    )  # fmt: skip
    if shape.thermal_power:
        document |= {"Thermal": ref(f"{places.chassis}/Thermal"), "Power": ref(f"{places.chassis}/Power")}
    if shape.subsystems:
        names = ("ThermalSubsystem", "PowerSubsystem", "Sensors", "EnvironmentMetrics")
        document |= {name: ref(f"{places.chassis}/{name}") for name in names}
    if shape.drives_under_chassis:
        document["Drives"] = ref(f"{places.chassis}/Drives")
    return document | led(bmc, machine.led)


def _change_chassis(bmc: Bmc, body: Json) -> Answer | None:
    unknown = set(body) - {"IndicatorLED", "LocationIndicatorActive", "AssetTag"}
    if unknown:
        return refuse("property_unknown", min(unknown))
    wish = led_wish(bmc, body)
    if isinstance(wish, Answer):
        return wish
    if not isinstance(body.get("AssetTag", ""), str):
        return refuse("property_type", str(body["AssetTag"]), "AssetTag")
    bmc.machine.led = bmc.machine.led if wish is None else wish
    bmc.machine.asset_tag = body.get("AssetTag", bmc.machine.asset_tag)
    return None


# ---- sensors ----


def told_rows(bmc: Bmc, type_: str) -> list[tuple[SensorRow, float | None]]:
    """The sensors of one type with their values."""
    machine = bmc.machine
    return [
        (row, value) for row, value in zip(machine.sensors.rows, machine.readings(), strict=True) if row.type == type_
    ]


def row_health(row: SensorRow, value: float | None) -> Json:
    """Status of a sensor by its thresholds; one without a reading waits for power."""
    return status(None, "StandbyOffline") if value is None else status(row.limits.health(value))


def number(value: float | None, row: SensorRow) -> float | int | None:
    """A reading as JSON has it: whole numbers without a point."""
    return None if value is None else int(value) if row.digits == 0 else value


def _sensor(index: int, bmc: Bmc) -> Json:
    row, value = bmc.machine.sensors.rows[index], bmc.machine.readings()[index]
    document = resource(
        f"{bmc.places.chassis}/Sensors/{row.key}", "Sensor.v1_9_0.Sensor", row.name, ReadingType=row.type,
        ReadingUnits=row.unit,
        Reading=number(value, row), PhysicalContext=row.context, Status=row_health(row, value),
    )  # fmt: skip
    named = {
        "LowerCritical": row.limits.lower_critical, "LowerCaution": row.limits.lower_caution,
        "UpperCaution": row.limits.upper_caution,
        "UpperCritical": row.limits.upper_critical, "UpperFatal": row.limits.upper_fatal,
    }  # fmt: skip
    limits = {name: {"Reading": limit} for name, limit in named.items() if limit is not None}
    if limits:
        document["Thresholds"] = limits
    part = bmc.places.part(*row.part) if row.part else None
    return document | ({"RelatedItem": [ref(part)], "RelatedItem@odata.count": 1} if part else {})


def excerpt(bmc: Bmc, key: str) -> Json:
    """A sensor excerpt: the reading, and where the whole sensor is."""
    index = next(i for i, row in enumerate(bmc.machine.sensors.rows) if row.key == key)
    row = bmc.machine.sensors.rows[index]
    return {
        "DataSourceUri": f"{bmc.places.chassis}/Sensors/{key}",
        "Reading": number(bmc.machine.readings()[index], row),
    }


def _environment(bmc: Bmc) -> Json:
    return resource(
        f"{bmc.places.chassis}/EnvironmentMetrics", "EnvironmentMetrics.v1_3_1.EnvironmentMetrics",
        "Environment Metrics",
        TemperatureCelsius=excerpt(bmc, "Inlet"), PowerWatts=excerpt(bmc, "TotalPower"),
        EnergykWh=excerpt(bmc, "Energy"),
    )  # fmt: skip


# ---- power, as it was told once ----


def _power(bmc: Bmc) -> Json:
    machine, path = bmc.machine, f"{bmc.places.chassis}/Power"
    health = machine.health()["PowerSupplies"]
    watts = machine.reading("TotalPower")
    control = {
        "@odata.id": f"{path}#/PowerControl/0", "MemberId": "0", "Name": "System Power Control",
        "PowerConsumedWatts": watts and int(watts),
        "PowerCapacityWatts": machine.family.supplies * machine.family.supply_watts, "PhysicalContext": "Chassis",
        "Status": status(),
        "PowerMetrics": {"AverageConsumedWatts": watts and int(watts), "IntervalInMin": 1},
        "RelatedItem": [ref(bmc.places.system)],
    }  # fmt: skip
    voltages = [
        _voltage(f"{path}#/Voltages/{i}", i, row, value) for i, (row, value) in enumerate(told_rows(bmc, "Voltage"))
    ]
    supplies = [_old_supply(bmc, f"{path}#/PowerSupplies/{supply.index}", supply) for supply in machine.parts.supplies]
    redundancy = {
        "@odata.id": f"{path}#/Redundancy/0", "MemberId": "0", "Name": "PSU Redundancy", "Mode": "N+m",
        "MinNumNeeded": 1,
        "MaxNumSupported": len(supplies), "RedundancySet": [ref(supply["@odata.id"]) for supply in supplies],
        "Status": status("OK" if machine.redundant else "Warning"),
    }  # fmt: skip
    return resource(
        path, "Power.v1_7_3.Power", "Power", PowerControl=[control], Voltages=voltages, PowerSupplies=supplies,
        Redundancy=[redundancy],
        Status=status(health),
    )  # fmt: skip


def _voltage(path: str, index: int, row: SensorRow, value: float | None) -> Json:
    entry: Json = {
        "@odata.id": path, "MemberId": str(index), "Name": row.name, "ReadingVolts": value,
        "PhysicalContext": row.context,
        "Status": row_health(row, value),
    }  # fmt: skip
    return entry | old_limits(row)


def old_limits(row: SensorRow) -> Json:
    """Thresholds under the names they had in Thermal and Power."""
    limits = row.limits
    named = {
        "LowerThresholdNonCritical": limits.lower_caution, "LowerThresholdCritical": limits.lower_critical,
        "UpperThresholdNonCritical": limits.upper_caution, "UpperThresholdCritical": limits.upper_critical,
        "UpperThresholdFatal": limits.upper_fatal,
    }  # fmt: skip
    return {name: limit for name, limit in named.items() if limit is not None}


def _old_supply(bmc: Bmc, path: str, supply: Supply) -> Json:
    key = f"PSU{supply.index + 1}"
    watts_in, watts_out = bmc.machine.reading(f"{key}Input"), bmc.machine.reading(f"{key}Output")
    return {
        "@odata.id": path, "MemberId": str(supply.index), **_supply_identity(bmc, supply), "PowerInputWatts": watts_in,
        "PowerOutputWatts": watts_out, "LastPowerOutputWatts": watts_out,
        "LineInputVoltage": bmc.machine.reading(f"{key}InputVoltage"),
        "LineInputVoltageType": "AC240V" if supply.fed else "Unknown",
        "LineInputStatus": "Normal" if supply.fed else "LossOfInput",
        "Status": supply_status(supply),
    }  # fmt: skip


def supply_status(supply: Supply) -> Json:
    """A supply that lost its input is there and gives nothing."""
    return status(supply.health, "Enabled" if supply.works else "UnavailableOffline")


def _supply_identity(bmc: Bmc, supply: Supply) -> Json:
    family = bmc.machine.family
    maker, model, part = family.supply_identity
    return {
        "Name": supply.name, "Manufacturer": maker, "Model": model, "SerialNumber": supply.serial,
        "PartNumber": part, "FirmwareVersion": "00.1D.7D", "PowerSupplyType": "AC",
        "PowerCapacityWatts": family.supply_watts,
    }  # fmt: skip


# ---- power, as it is told now ----


def _power_subsystem(bmc: Bmc) -> Json:
    path, machine = f"{bmc.places.chassis}/PowerSubsystem", bmc.machine
    supplies = [f"{path}/PowerSupplies/{supply.index + 1}" for supply in machine.parts.supplies]
    group = {
        "RedundancyType": "NPlusM", "MinNeededInGroup": 1, "MaxSupportedInGroup": len(supplies),
        "RedundancyGroup": [ref(supply) for supply in supplies],
        "Status": status("OK" if machine.redundant else "Warning"),
    }  # fmt: skip
    return resource(
        path, "PowerSubsystem.v1_1_2.PowerSubsystem", "Power Subsystem",
        CapacityWatts=len(supplies) * machine.family.supply_watts,
        PowerSupplies=ref(f"{path}/PowerSupplies"), PowerSupplyRedundancy=[group],
        Status=status(rollup=machine.health()["PowerSupplies"]),
    )  # fmt: skip


def _supply(index: int, bmc: Bmc) -> Json:
    supply, path = bmc.machine.parts.supplies[index], f"{bmc.places.chassis}/PowerSubsystem/PowerSupplies/{index + 1}"
    identity = _supply_identity(bmc, supply)
    return resource(
        path, "PowerSupply.v1_5_2.PowerSupply", identity.pop("Name"), **identity, Status=supply_status(supply),
        LineInputStatus="Normal" if supply.fed else "LossOfInput", Metrics=ref(f"{path}/Metrics"),
        InputRanges=[{"NominalVoltageType": "AC200To240V", "CapacityWatts": bmc.machine.family.supply_watts}],
        Location={"PartLocation": {"LocationType": "Slot", "ServiceLabel": supply.name, "LocationOrdinalValue": index}},
    )  # fmt: skip


def _supply_metrics(index: int, bmc: Bmc) -> Json:
    key = f"PSU{index + 1}"
    return resource(
        f"{bmc.places.chassis}/PowerSubsystem/PowerSupplies/{index + 1}/Metrics",
        "PowerSupplyMetrics.v1_1_1.PowerSupplyMetrics",
        f"PSU {index + 1} Metrics", Status=supply_status(bmc.machine.parts.supplies[index]),
        InputVoltage=excerpt(bmc, f"{key}InputVoltage"),
        InputCurrentAmps=excerpt(bmc, f"{key}InputCurrent"), InputPowerWatts=excerpt(bmc, f"{key}Input"),
        OutputPowerWatts=excerpt(bmc, f"{key}Output"), TemperatureCelsius=excerpt(bmc, f"{key}Temp"),
        RailVoltage=[excerpt(bmc, f"{key}OutputVoltage")], RailCurrentAmps=[excerpt(bmc, f"{key}OutputCurrent")],
    )  # fmt: skip
