"""SmartStorage: HPE's tree of array controllers, disks and logical drives, older than the standard's Storage."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from emulator.accents.model import Family, Json
from emulator.redfish.places import Places, collection, ref, resource, status
from emulator.redfish.resource import Resource

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

ARRAY = "HPE Smart Array P408i-a SR Gen10"


def smart_storage(oem: str) -> Callable[[Family], dict[str, Resource]]:
    """SmartStorage: array controller, disks and logical drives in HPE's own words; `oem` is Hp or Hpe."""

    def resources(family: Family) -> dict[str, Resource]:
        base = f"{Places(family.shape).system}/SmartStorage"
        controller = f"{base}/ArrayControllers/0"
        disks, volumes = f"{controller}/DiskDrives", f"{controller}/LogicalDrives"
        held: dict[str, Resource] = {
            base: Resource(get=partial(_smart, oem, base)),
            f"{base}/ArrayControllers": Resource(get=_list(oem, f"{base}/ArrayControllers", [controller])),
            controller: Resource(get=partial(_controller, oem, controller)),
            disks: Resource(get=_list(oem, disks, [f"{disks}/{bay}" for bay in range(family.bays)])),
            volumes: Resource(get=_list(oem, volumes, [f"{volumes}/{n + 1}" for n in range(len(family.raid))])),
        }
        held |= {f"{disks}/{bay}": Resource(get=partial(_disk, oem, disks, bay)) for bay in range(family.bays)}
        for index in range(len(family.raid)):
            held[f"{volumes}/{index + 1}"] = Resource(get=partial(_logical, oem, volumes, index))
        return held

    return resources


def _list(oem: str, path: str, members: list[str]) -> Callable[[Bmc], Json]:
    return lambda _: collection(path, f"{oem}SmartStorage{path.rpartition('/')[2].removesuffix('s')}", members)


def _smart(oem: str, path: str, bmc: Bmc) -> Json:
    return resource(
        path, f"{oem}SmartStorage.v2_0_0.{oem}SmartStorage", "HpeSmartStorage", Status=_own_status(bmc),
        Links={"ArrayControllers": ref(f"{path}/ArrayControllers")},
    )  # fmt: skip


def _own_status(bmc: Bmc) -> Json:
    return {"Health": bmc.machine.health()["Storage"]}


def _controller(oem: str, path: str, bmc: Bmc) -> Json:
    return resource(
        path, f"{oem}SmartStorageArrayController.v2_2_0.{oem}SmartStorageArrayController",
        "HpeSmartStorageArrayController", Model=ARRAY, Location="Slot 0",
        SerialNumber=f"PEYHC{bmc.machine.serial}", FirmwareVersion={"Current": {"VersionString": "5.32"}},
        Status=_own_status(bmc) | {"State": "Enabled"},
        Links={"PhysicalDrives": ref(f"{path}/DiskDrives"), "LogicalDrives": ref(f"{path}/LogicalDrives")},
    )  # fmt: skip


def _disk(oem: str, disks: str, bay: int, bmc: Bmc) -> Json:
    drive, now = bmc.machine.parts.drives[bay], bmc.plant.clock.now()
    reasons = ["Failed"] if drive.failed else ["PredictiveFail"] if drive.predicted else ["None"]
    life = drive.life_left(now)
    return resource(
        f"{disks}/{bay}", f"{oem}SmartStorageDiskDrive.v2_1_0.{oem}SmartStorageDiskDrive", "HpeSmartStorageDiskDrive",
        BlockSizeBytes=512, CapacityGB=drive.kind.capacity // 10**9, CapacityMiB=drive.kind.capacity // 2**20,
        CapacityLogicalBlocks=drive.kind.capacity // 512, CurrentTemperatureCelsius=31, MaximumTemperatureCelsius=44,
        DiskDriveStatusReasons=reasons, DiskDriveUse="GlobalSpare" if drive.spare else "Data",
        FirmwareVersion={"Current": {"VersionString": "HPG0"}}, InterfaceType=drive.kind.protocol,
        Location=f"1I:1:{bay + 1}", LocationFormat="ControllerPort:Box:Bay", MediaType=drive.kind.media,
        Model=drive.kind.model, SerialNumber=drive.serial, PowerOnHours=drive.hours_on(now),
        SSDEnduranceUtilizationPercentage=None if life is None else 100 - round(life),
        UncorrectedReadErrors=drive.media_errors, UncorrectedWriteErrors=0, Status=status(drive.health),
        RotationalSpeedRpm=drive.kind.rpm or 0,
    )  # fmt: skip


def _logical(oem: str, volumes: str, index: int, bmc: Bmc) -> Json:
    volume = bmc.machine.parts.volumes[index]
    rebuilding = any(bmc.machine.parts.drives[bay].rebuild for bay in volume.bays)
    return resource(
        f"{volumes}/{index + 1}", f"{oem}SmartStorageLogicalDrive.v2_3_0.{oem}SmartStorageLogicalDrive",
        "HpeSmartStorageLogicalDrive", LogicalDriveNumber=index + 1, Raid=volume.raid.removeprefix("RAID"),
        LogicalDriveStatusReasons=["Rebuilding"] if rebuilding else ["Ok"], LogicalDriveName=volume.name,
        CapacityMiB=volume.data_drives * bmc.machine.family.drive.capacity // 2**20,
        VolumeUniqueIdentifier=unique_id(bmc, index),
        Status=status(bmc.machine.volume_health(volume)),
    )  # fmt: skip


def unique_id(bmc: Bmc, index: int) -> str:
    """The number of a logical drive, the same in both tellings."""
    return f"600508B1001C{bmc.machine.uuid.replace('-', '')[:18].upper()}{index:02X}"
