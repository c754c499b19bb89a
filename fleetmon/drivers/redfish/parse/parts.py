"""What components are made of, and who the device says it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.components import Seen
from fleetmon.drivers.redfish.parse.naming import key_of, place_of
from fleetmon.drivers.redfish.resource import Resource, is_pending, key, kind_of
from fleetmon.model import Component, Identity, Part, Scalar

NO_PARTS = frozenset(
    {
        "Redundancy", "LogService", "Sensor", "Settings", "SimpleStorage", "Fabric", "PowerDomain",
        "NetworkInterface", "Assembly",
        "PowerEquipment", "ThermalEquipment", "StoragePool", "CoolingLoop",
    }
)  # fmt: skip
"""Kinds that are arrangements of parts, or told of elsewhere, and no part themselves."""

PROPERTIES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Drive": (
        ("media_type", "MediaType"), ("protocol", "Protocol"), ("speed_gbps", "CapableSpeedGbs"),
        ("rotation_rpm", "RotationSpeedRPM"),
        ("life_left_percent", "PredictedMediaLifeLeftPercent"), ("hotspare", "HotspareType"),
        ("block_bytes", "BlockSizeBytes"), ("power_on_hours", "PowerOnHours"),
    ),
    "Volume": (("raid_type", "RAIDType"), ("volume_type", "VolumeType"), ("encrypted", "Encrypted")),
    "Memory": (
        ("device_type", "MemoryDeviceType"), ("speed_mhz", "OperatingSpeedMhz"),
        ("error_correction", "ErrorCorrection"),
        ("ranks", "RankCount"), ("base_module_type", "BaseModuleType"),
    ),
    "Processor": (
        ("processor_type", "ProcessorType"), ("cores", "TotalCores"), ("threads", "TotalThreads"),
        ("speed_mhz", "MaxSpeedMHz"),
        ("socket", "Socket"), ("architecture", "ProcessorArchitecture"),
    ),
    "PowerSupply": (("capacity_watts", "PowerCapacityWatts"), ("type", "PowerSupplyType"), ("efficiency_rating",
    "EfficiencyRating")),
    "EthernetInterface": (
        ("mac_address", "MACAddress"), ("permanent_mac_address", "PermanentMACAddress"), ("speed_mbps", "SpeedMbps"),
        ("link", "LinkStatus"), ("full_duplex", "FullDuplex"), ("host_name", "HostName"),
    ),
    "Port": (("link", "LinkStatus"), ("speed_gbps", "CurrentSpeedGbps"), ("port_type", "PortType"), ("protocol",
    "PortProtocol")),
    "NetworkPort": (("link", "LinkStatus"), ("speed_mbps", "CurrentLinkSpeedMbps"), ("number", "PhysicalPortNumber")),
    "PCIeDevice": (("device_type", "DeviceType"),),
    "Manager": (("manager_type", "ManagerType"),),
    "Chassis": (("chassis_type", "ChassisType"), ("board_serial_number", "BoardSerialNumber")),
    "ComputerSystem": (("board_serial_number", "BoardSerialNumber"),),
    "StorageController": (("speed_gbps", "SpeedGbps"),),
    "SoftwareInventory": (("updateable", "Updateable"), ("release_date", "ReleaseDate"), ("software_id", "SoftwareId")),
    "Outlet": (("outlet_type", "OutletType"), ("power_state", "PowerState")),
    "Battery": (("charge_state", "ChargeState"),),
}  # fmt: skip
"""What is particular to a kind: our name for it, and the property that tells it."""


def parts(
    things: Iterable[Seen], components: Mapping[str, Component], told: Mapping[str, Mapping[str, Scalar]] | None = None
) -> list[Part]:
    """The parts among the things seen, with what their metrics told of them.

    What the host calls an interface and the adapter a port is one part.
    """
    found = [part(thing, components[key_of(thing.source)], told or {}) for thing in things if is_part(thing)]
    ports = {
        str(address).lower()
        for port in found
        if port.component.kind in ("Port", "NetworkPort") and (address := port.properties.get("mac_address"))
    }
    return [
        one
        for one in found
        if one.component.kind != "EthernetInterface" or str(one.properties.get("mac_address")).lower() not in ports
    ]


def is_part(thing: Seen) -> bool:
    """Is this a part of its own?"""
    return thing.kind not in NO_PARTS and thing.told_always


def software(resources: Iterable[Resource]) -> Iterator[Part]:
    """What the update service says is installed, as parts of kind SoftwareInventory."""
    for resource in resources:
        if kind_of(resource.body, resource.path) == "SoftwareInventory" and not fields.is_absent(resource.body):
            ident = fields.text(resource.body, "Id") or resource.path.rstrip("/").rpartition("/")[2]
            yield Part(
                component=Component("SoftwareInventory", ident),
                slot=fields.text(resource.body, "Name") or ident,
                source=resource.path,
                manufacturer=fields.text(resource.body, "Manufacturer"),
                firmware=fields.text(resource.body, "Version"),
                properties=properties("SoftwareInventory", resource.body),
            )


def part(thing: Seen, component: Component, told: Mapping[str, Mapping[str, Scalar]]) -> Part:
    """What one component is made of. What it says itself counts before what its metrics say."""
    entry = thing.entry
    measured = {
        name: said for source in (*thing.also, thing.source) for name, said in told.get(key(source), {}).items()
    }
    return Part(
        component=component,
        slot=place_of(thing) or component.name,
        source=thing.source,
        manufacturer=fields.text(entry, "Manufacturer", "Vendor"),
        model=fields.text(entry, "Model"),
        serial_number=fields.text(entry, "SerialNumber"),
        part_number=fields.text(entry, "PartNumber", "SKU", "SparePartNumber"),
        firmware=firmware(thing.kind, entry),
        capacity_bytes=capacity(entry),
        properties={**measured, **properties(thing.kind, entry)},
    )


def firmware(kind: str, entry: Json) -> str:
    """The firmware version, wherever this kind keeps it."""
    if kind == "NetworkAdapter":
        for _, controller in fields.items(entry, "Controllers"):
            if version := fields.text(controller, "FirmwarePackageVersion"):
                return version
    if kind == "ComputerSystem":
        return fields.text(entry, "BiosVersion")
    return (
        fields.text(entry, "FirmwareVersion", "Revision", "Version")
        if kind != "Processor"
        else fields.text(entry, "FirmwareVersion")
    )


def capacity(entry: Json) -> int | None:
    """Bytes a drive, volume or memory module holds; 0 is what an empty one says, and told as nothing."""
    if found := fields.integer(entry, "CapacityBytes"):
        return found
    mebibytes = fields.integer(entry, "CapacityMiB")
    return mebibytes * 2**20 if mebibytes and mebibytes < 2**43 else None


def properties(kind: str, entry: Json) -> dict[str, Scalar]:
    """The particulars of a kind that the device tells."""
    found: dict[str, Scalar] = {}
    for name, source in PROPERTIES.get(kind, ()):
        value = entry.get(source)
        if isinstance(value, bool):
            found[name] = value
        elif isinstance(value, str) and (said := fields.text(entry, source)):
            found[name] = said
        elif (count := fields.number(value)) is not None:
            found[name] = int(count) if count.is_integer() and abs(count) < 2**63 else count
    if kind in ("Port", "NetworkPort") and (mac := _mac(entry)):
        found["mac_address"] = mac
    if kind == "Drive" and not believable_life(entry):
        found.pop("life_left_percent", None)
    return found


def _mac(entry: Json) -> str:
    listed = fields.child(entry, "Ethernet").get("AssociatedMACAddresses") or entry.get("AssociatedNetworkAddresses")
    first = listed[0] if isinstance(listed, list) and listed else None
    return first[:40] if isinstance(first, str) else ""


def believable_life(entry: Json) -> bool:
    """Can the life left be meant (F33)? Not on a spinning disk, and not outside 0 to 100."""
    left = fields.number(entry.get("PredictedMediaLifeLeftPercent"))
    return left is not None and 0 <= left <= 100 and entry.get("MediaType") != "HDD"


# ---- identity ------------------------------------------------------------------------------------------------


def identity(resources: Iterable[Resource]) -> Identity:
    """Who the device says it is: its first system, else its chassis, with the BMC's firmware.

    An enclosure that holds several systems is none of them, though all tell its serial number (F47).
    """
    systems, chassis, managers = _sorted(resources)
    enclosure = _enclosure(chassis, systems)
    system = systems[0].body if systems and not enclosure else {}
    frame = enclosure or _frame(chassis, system)
    manager = next(
        (m.body for m in managers if m.body.get("ManagerType") == "BMC"), managers[0].body if managers else {}
    )
    return Identity(
        manufacturer=fields.text(system, "Manufacturer") or fields.text(frame, "Manufacturer"),
        model=fields.text(system, "Model") or fields.text(frame, "Model"),
        serial_number=fields.text(system, "SerialNumber") or fields.text(frame, "SerialNumber"),
        part_number=fields.text(system, "PartNumber", "SKU") or fields.text(frame, "PartNumber", "SKU"),
        asset_tag=fields.text(system, "AssetTag") or fields.text(frame, "AssetTag"),
        uuid=fields.text(system, "UUID") or fields.text(frame, "UUID"),
        host_name=fields.text(system, "HostName"),
        firmware=fields.text(manager, "FirmwareVersion"),
        bios_version=fields.text(system, "BiosVersion"),
        bmc_model=fields.text(manager, "Model"),
        systems=tuple(resource.path for resource in systems),
    )


def _sorted(resources: Iterable[Resource]) -> tuple[list[Resource], list[Resource], list[Resource]]:
    """Systems (the physical one first), chassis and managers, each in the order of their paths."""
    found: dict[str, list[Resource]] = {"ComputerSystem": [], "Chassis": [], "Manager": []}
    for resource in resources:
        if (kind := kind_of(resource.body, resource.path)) in found and not is_pending(resource.path):
            found[kind].append(resource)
    ordered = {kind: sorted(members, key=lambda resource: resource.path) for kind, members in found.items()}
    systems = sorted(ordered["ComputerSystem"], key=system_rank)
    return systems, ordered["Chassis"], ordered["Manager"]


def system_rank(resource: Resource) -> int:
    """0 for the system people mean: a physical one that has a serial number or a BIOS and can be started.

    A baseboard of accelerators is a system too, physical and numbered, and starts with its host.
    """
    body = resource.body
    physical = body.get("SystemType", "Physical") == "Physical"
    told = fields.text(body, "SerialNumber", "BiosVersion")
    starts = "#ComputerSystem.Reset" in fields.child(body, "Actions") or "Bios" in body
    return (0 if physical else 4) + (0 if told else 1) + (0 if starts else 1)


def _enclosure(chassis: list[Resource], systems: list[Resource]) -> Json:
    """The chassis that holds the chassis of several systems; empty for every other machine."""
    homes = {
        key(home): path for path, homes in ((system.path, _homes(system.body)) for system in systems) for home in homes
    }
    for resource in chassis:
        links = fields.child(resource.body, "Links")
        held = {key(target) for _, item in fields.items(links, "Contains") if (target := fields.link(item))}
        held |= {
            key(inner.path)
            for inner in chassis
            if key(fields.link(fields.child(inner.body, "Links"), "ContainedBy") or "") == key(resource.path)
        }
        if len({homes[home] for home in held & homes.keys()}) > 1:
            return resource.body
    return {}


def _homes(system: Json) -> list[str]:
    return [
        target for _, item in fields.items(fields.child(system, "Links"), "Chassis") if (target := fields.link(item))
    ]


def _frame(chassis: list[Resource], system: Json) -> Json:
    """The chassis the system stands in, else the outermost one."""
    wanted = {
        target for _, item in fields.items(fields.child(system, "Links"), "Chassis") if (target := fields.link(item))
    }
    linked = [resource.body for resource in chassis if resource.path in wanted]
    outer = [resource.body for resource in chassis if not fields.child(resource.body, "Links").get("ContainedBy")]
    return next(iter(linked or outer or [resource.body for resource in chassis]), {})
