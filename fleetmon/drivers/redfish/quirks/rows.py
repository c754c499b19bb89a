"""The quirks, one row each: what is seen, on whose devices, and the function that says it the standard's way."""

from __future__ import annotations

from fleetmon.drivers.redfish.quirks import general, hpe, others
from fleetmon.drivers.redfish.quirks.make import (
    Quirk,
    any_make,
    is_cisco,
    is_dell,
    is_fujitsu,
    is_hpe,
    is_huawei,
    is_supermicro,
)

_ARRAY = "Smart Array resources of iLO 4 and 5; recorded on a DL385 Gen10 Plus and an XL675d"

QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        name="ilo-array-drive",
        evidence=f"{_ARRAY}; check_redfish#161, Check_MK-Things#99",
        applies=any_make,
        resource=("HpSmartStorageDiskDrive", "HpeSmartStorageDiskDrive"),
        mend=hpe.drive_of_array,
    ),
    Quirk(
        name="ilo-array-volume",
        evidence=_ARRAY,
        applies=any_make,
        resource=("HpSmartStorageLogicalDrive", "HpeSmartStorageLogicalDrive"),
        mend=hpe.volume_of_array,
    ),
    Quirk(
        name="ilo-array-controller",
        evidence=_ARRAY,
        applies=any_make,
        resource=("HpSmartStorageArrayController", "HpeSmartStorageArrayController"),
        mend=hpe.controller_of_array,
    ),
    Quirk(
        name="ilo4-memory",
        evidence="modules of type HpMemory with SizeMB and DIMMStatus (iLO 4 REST API reference)",
        applies=any_make,
        resource="HpMemory",
        mend=hpe.memory_of_ilo4,
    ),
    Quirk(
        name="hpe-dimm-status",
        evidence="a memory module whose health stands only in Oem.Hpe.DIMMStatus (check_redfish, memory)",
        applies=is_hpe,
        resource="Memory",
        mend=hpe.condition_of_dimm,
    ),
    Quirk(
        name="ilo4-fan-names",
        evidence="Thermal.Fans with FanName, CurrentReading and Units (iLO 4)",
        applies=any_make,
        resource="Thermal",
        mend=hpe.fans_and_temperatures_of_ilo4,
    ),
    Quirk(
        name="ilo-sensor-without-type",
        evidence="all 53 Sensors of a recorded iLO 6 and all 35 of an iLO 7 are temperatures that do not say so",
        applies=is_hpe,
        resource="Sensor",
        mend=hpe.temperature_of_ilo,
    ),
    Quirk(
        name="hpe-supplies-by-bay",
        evidence="power supplies all named HpeServerPowerSupply with Oem.Hpe.BayNumber; recorded on iLO 5 and 6",
        applies=is_hpe,
        resource="Power",
        mend=hpe.supplies_by_bay,
    ),
    Quirk(
        name="hpe-batteries",
        evidence="Oem.Hpe.SmartStorageBattery of a Chassis, Oem.Hp.Battery of an iLO 4; recorded on iLO 5",
        applies=is_hpe,
        resource=("Chassis", "ComputerSystem"),
        mend=hpe.batteries_of_chassis,
    ),
    Quirk(
        name="hpe-drive-without-state",
        evidence="a drive with Status.Health and no Status.State, as iLO tells; Ironic takes it as enabled",
        applies=is_hpe,
        resource="Drive",
        mend=hpe.enabled_when_healthy,
    ),
    Quirk(
        name="failure-predicted-as-word",
        evidence='a drive that says FailurePredicted as the string "true" (check_redfish#126)',
        applies=any_make,
        resource="Drive",
        mend=general.failure_predicted_as_word,
    ),
    Quirk(
        name="drive-told-in-oem",
        evidence="standard properties of a drive that stand only in Oem.<vendor>, such as Huawei's life left",
        applies=any_make,
        resource="Drive",
        mend=general.lifted(*general.LIFTED["Drive"]),
    ),
    Quirk(
        name="wear-in-oem",
        evidence="Oem.Supermicro.PercentageDriveLifeUsed, recorded on X13; RemainingRatedWriteEndurance of a Dell",
        applies=any_make,
        resource="Drive",
        mend=general.wear_from_oem,
    ),
    Quirk(
        name="dell-life-left-zero",
        evidence="a boot drive with life left 0 and no spare to tell of (F33; check_redfish#165)",
        applies=is_dell,
        resource="Drive",
        mend=others.no_life_without_spare,
    ),
    Quirk(
        name="life-left-that-cannot-be",
        evidence="life left -229 or 255, or 0 on a spinning disk (F33; check_redfish#150, #161)",
        applies=any_make,
        resource="Drive",
        mend=general.certain_life_only,
    ),
    Quirk(
        name="memory-told-in-oem",
        evidence="part numbers and makers of modules that stand only in Oem.<vendor>; recorded on iLO 6",
        applies=any_make,
        resource="Memory",
        mend=general.lifted(*general.LIFTED["Memory"]),
    ),
    Quirk(
        name="processor-told-in-oem",
        evidence="serial numbers and models of processors that stand only in Oem.<vendor> (check_redfish, processors)",
        applies=any_make,
        resource="Processor",
        mend=general.lifted(*general.LIFTED["Processor"]),
    ),
    Quirk(
        name="power-supply-told-in-oem",
        evidence="as in Power, told by the newer resource",
        applies=any_make,
        resource="PowerSupply",
        mend=general.lifted(*general.LIFTED["PowerSupply"]),
    ),
    Quirk(
        name="power-told-in-oem",
        evidence="watts of a power supply that stand only in Oem.<vendor> (check_redfish, power of Huawei and Lenovo)",
        applies=any_make,
        resource="Power",
        mend=general.power_lifted,
    ),
    Quirk(
        name="dell-service-tag",
        evidence="SerialNumber is the board's, SKU the service tag; recorded on four machines, iDRAC 9 and 10",
        applies=is_dell,
        resource=("ComputerSystem", "Chassis"),
        mend=others.tag_as_serial,
    ),
    Quirk(
        name="cisco-volume-state",
        evidence="volumes with Oem.Cisco.VolumeState and no Status (check_redfish, storage)",
        applies=is_cisco,
        resource="Volume",
        mend=others.health_of_volume,
    ),
    Quirk(
        name="dell-rollups",
        evidence="Oem.Dell.DellSystem.FanRollupStatus and its like; recorded on iDRAC 9",
        applies=is_dell,
        resource="ComputerSystem",
        mend=others.rollups_as_status,
    ),
    Quirk(
        name="dell-controller-battery",
        evidence="Storage.Oem.Dell.DellControllerBattery.PrimaryStatus (check_redfish, storage)",
        applies=is_dell,
        resource="Storage",
        mend=others.battery_of_controller,
    ),
    Quirk(
        name="huawei-capacitor",
        evidence="StorageControllers.Oem.Huawei.CapacitanceStatus (check_redfish, storage)",
        applies=is_huawei,
        resource="Storage",
        mend=others.capacitor_of_controller,
    ),
    Quirk(
        name="fujitsu-memory-status",
        evidence="a module whose health stands only in Oem.ts_fujitsu.LegacyStatus (check_redfish, memory)",
        applies=is_fujitsu,
        resource="Memory",
        mend=others.condition_of_module,
    ),
    Quirk(
        name="fujitsu-supply-output",
        evidence="Power.Oem.ts_fujitsu.ChassisPowerSensors tells what each supply gives (check_redfish, power)",
        applies=is_fujitsu,
        resource="Power",
        mend=others.output_of_supplies,
    ),
    Quirk(
        name="absurd-port-counts",
        evidence="a network adapter that claims 913009764 ports; a recorded payload",
        applies=is_supermicro,
        resource="NetworkAdapter",
        mend=others.counts_within_reason,
    ),
    Quirk(
        name="repaired-in-oem",
        evidence="LogEntry.Oem.Hpe.Repaired; recorded on iLO 5, 6 and 7",
        applies=any_make,
        resource="LogEntry",
        mend=general.repaired_as_resolved,
    ),
)

DETOURS = {
    "SmartStorage": "the entrance to the Smart Arrays of iLO 4 and 5, in Oem.Hp(e).Links of a system",
    "ArrayControllers": "of SmartStorage",
    "PhysicalDrives": "of a Smart Array",
    "LogicalDrives": "of a Smart Array",
}
"""Names of links to hardware that only the vendor knows, and where they stand; followed inside Oem and Links."""
