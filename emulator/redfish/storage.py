"""Storage: controller, drives, volumes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from emulator.accents.model import Family
from emulator.parts import TOLERANCE
from emulator.redfish.errors import Answer, Json, refuse
from emulator.redfish.places import Places, collection, links, ref, resource, status
from emulator.redfish.resource import Resource, Tree
from emulator.redfish.services import firmware_of

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc


def storage_branch(family: Family, tree: Tree) -> None:
    """Everything below Systems/x/Storage, and Chassis/x/Drives where drives live there."""
    places, fixed = Places(family.shape), tree.fixed
    storages = places.storage.rpartition("/")[0]
    fixed[storages] = Resource(get=lambda bmc: collection(storages, "Storage", [places.storage]))
    fixed[places.storage] = Resource(get=_storage)
    controllers, volumes = f"{places.storage}/Controllers", f"{places.storage}/Volumes"
    if family.shape.subsystems:
        fixed[controllers] = Resource(
            get=lambda bmc: collection(controllers, "StorageController", [f"{controllers}/1"])
        )
        fixed[f"{controllers}/1"] = Resource(get=_controller)
    fixed[volumes] = Resource(
        get=lambda bmc: collection(volumes, "Volume", [f"{volumes}/{v.index}" for v in bmc.machine.parts.volumes])
    )
    for index in range(len(family.raid)):
        fixed[f"{volumes}/{index}"] = Resource(get=partial(_volume, index))
    if not places.drives.startswith(places.storage):
        fixed[places.drives] = Resource(get=lambda bmc: collection(places.drives, "Drive", drive_paths(bmc)))
    if family.shape.backplane_id:
        fixed[places.backplane] = Resource(get=_backplane)
    for bay in range(family.bays + family.empty_bays):
        fixed[places.drive(bay)] = Resource(get=partial(_drive, bay), patch=partial(_change_drive, bay))


def drive_paths(bmc: Bmc) -> list[str]:
    """Drives, unless a fault makes them vanish while the machine is off or in POST; empty bays where they are told."""
    power = bmc.machine.power
    if bmc.policy("hide_drives", False) and (power.state != "On" or power.in_post):
        return []
    drives = bmc.machine.parts.drives
    return [bmc.places.drive(drive.bay) for drive in drives if bmc.shape.lists_absent or not drive.absent]


def _backplane(bmc: Bmc) -> Json:
    """The chassis that holds the drives, where firmware tells it as one of its own."""
    places = bmc.places
    return resource(
        places.backplane, "Chassis.v1_25_0.Chassis", "Drive Backplane", ChassisType="StorageEnclosure",
        Manufacturer=bmc.machine.family.vendor, Model=f"BP-{len(bmc.machine.parts.drives)}",
        SerialNumber=f"BP{bmc.machine.serial}", Status=status(), Drives=ref(places.drives),
        Links={
            "ContainedBy": ref(places.chassis), **links("ManagedBy", [places.manager]),
            **links("Storage", [places.storage]), **links("Drives", drive_paths(bmc)),
        },
    )  # fmt: skip


def _storage(bmc: Bmc) -> Json:
    places, family = bmc.places, bmc.machine.family
    document = resource(
        places.storage, "Storage.v1_15_1.Storage", "Storage 1", Status=status(rollup=bmc.machine.health()["Storage"]),
        Volumes=ref(f"{places.storage}/Volumes"), **links("Drives", drive_paths(bmc)),
        Links=links("Enclosures", [places.backplane]),
    )  # fmt: skip
    if bmc.shape.subsystems:
        return document | {"Controllers": ref(f"{places.storage}/Controllers")}
    embedded = {
        "@odata.id": f"{places.storage}#/StorageControllers/0", "MemberId": "0", "Name": "Storage Controller 1",
        "Manufacturer": family.vendor, "Model": "SC-9460", "FirmwareVersion": firmware_of(family, "StorageController"),
        "Status": status(), "SupportedDeviceProtocols": [family.drive.protocol],
    }  # fmt: skip
    return document | {"StorageControllers": [embedded], "StorageControllers@odata.count": 1}


def _controller(bmc: Bmc) -> Json:
    family = bmc.machine.family
    return resource(
        f"{bmc.places.storage}/Controllers/1", "StorageController.v1_7_1.StorageController", "Storage Controller 1",
        Manufacturer=family.vendor, Model="SC-9660", SerialNumber=f"SC{bmc.machine.serial}", Status=status(),
        FirmwareVersion=firmware_of(family, "StorageController"), SpeedGbps=24,
        SupportedDeviceProtocols=[family.drive.protocol],
        SupportedRAIDTypes=list(TOLERANCE),
    )  # fmt: skip


def _drive(bay: int, bmc: Bmc) -> Json:
    drive, now = bmc.machine.parts.drives[bay], bmc.plant.clock.now()
    if drive.absent:
        return _empty_bay(bay, bmc)
    kind, life = drive.kind, drive.life_left(now)
    volumes = [v for v in bmc.machine.parts.volumes if bay in v.bays]
    document = resource(
        bmc.places.drive(bay), "Drive.v1_18_0.Drive", drive.name, Manufacturer=kind.vendor, Model=kind.model,
        SerialNumber=drive.serial, PartNumber=f"{kind.model}-P1", Revision="EDA53W0Q", MediaType=kind.media,
        Protocol=kind.protocol,
        CapacityBytes=kind.capacity, BlockSizeBytes=512, FailurePredicted=drive.predicted,
        StatusIndicator=drive.indicator,
        HotspareType="Global" if drive.spare else "None",
        PredictedMediaLifeLeftPercent=None if life is None else round(life),
        Status=status(drive.health, drive.state), LocationIndicatorActive=drive.led,
        PhysicalLocation={"PartLocation": {"LocationOrdinalValue": bay, "LocationType": "Bay",
                "ServiceLabel": f"Bay {bay}"}},
        Links={**links("Volumes", [f"{bmc.places.storage}/Volumes/{v.index}" for v in volumes]),
            "Chassis": ref(bmc.places.backplane)},
        Oem={"Emulated": {"PowerOnHours": drive.hours_on(now), "MediaErrorCount": drive.media_errors}},
    )  # fmt: skip
    if life is None:
        del document["PredictedMediaLifeLeftPercent"]
    if kind.rpm is not None:
        document["RotationSpeedRPM"] = kind.rpm
    if drive.rebuild is not None:
        document["Operations"] = [{"OperationName": "Rebuild", "PercentageComplete": drive.rebuilt(now)}]
    return document


def _empty_bay(bay: int, bmc: Bmc) -> Json:
    """A bay without a drive."""
    return resource(
        bmc.places.drive(bay), "Drive.v1_18_0.Drive", f"Drive Bay {bay}", Status={"State": "Absent"},
        PhysicalLocation={"PartLocation": {"LocationOrdinalValue": bay, "LocationType": "Bay",
                "ServiceLabel": f"Bay {bay}"}},
        Links={"Chassis": ref(bmc.places.backplane)},
    )  # fmt: skip


def _change_drive(bay: int, bmc: Bmc, body: Json) -> Answer | None:
    unknown = set(body) - {"LocationIndicatorActive"}
    if unknown:
        return refuse("property_unknown", min(unknown))
    value = body.get("LocationIndicatorActive", False)
    if not isinstance(value, bool):
        return refuse("property_type", str(value), "LocationIndicatorActive")
    bmc.machine.parts.drives[bay].led = value
    return None


def _volume(index: int, bmc: Bmc) -> Json:
    machine = bmc.machine
    volume, now = machine.parts.volumes[index], bmc.plant.clock.now()
    health = machine.volume_health(volume)
    state = {"OK": "Enabled", "Warning": "Degraded", "Critical": "UnavailableOffline"}[health]
    document = resource(
        f"{bmc.places.storage}/Volumes/{index}", "Volume.v1_9_0.Volume", volume.name, RAIDType=volume.raid,
        CapacityBytes=volume.data_drives * machine.family.drive.capacity, Encrypted=False,
        Status=status(health, state),
        Links=links("Drives", [bmc.places.drive(bay) for bay in volume.bays]),
    )  # fmt: skip
    rebuilding = [machine.parts.drives[bay] for bay in volume.bays if machine.parts.drives[bay].rebuild is not None]
    if rebuilding:
        document["Operations"] = [{"OperationName": "Rebuild", "PercentageComplete": rebuilding[0].rebuilt(now)}]
    return document
