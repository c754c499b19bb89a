"""Which links of a resource are worth following, and how soon.

A link is followed because of the name it stands under. Below what reports trouble every link is followed, the
vendor's own included, so a healthy device is asked for little and a sick one for all it can say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.quirks import DETOURS
from fleetmon.drivers.redfish.resource import is_resource, kind_of
from fleetmon.model import Health

RANKS = {
    "Systems": 0, "Chassis": 0, "Managers": 1, "PowerEquipment": 1, "ThermalEquipment": 1, "Fabrics": 3, "Thermal": 1,
    "Power": 1, "ThermalSubsystem": 2, "PowerSubsystem": 2, "EnvironmentMetrics": 3, "ThermalMetrics": 3,
    "Storage": 2, "SimpleStorage": 4, "Drives": 2, "Volumes": 3, "Controllers": 3, "StorageControllers": 3,
    "StoragePools": 6, "Memory": 3, "Processors": 3, "Fans": 3, "PowerSupplies": 3, "Batteries": 3, "Metrics": 6,
    "Pumps": 3, "Reservoirs": 3, "Heaters": 6, "Filters": 3, "LeakDetection": 2, "LeakDetectors": 2,
    "CoolantConnectorRedundancy": 9, "PrimaryCoolantConnectors": 4, "SecondaryCoolantConnectors": 4,
    "CoolantConnectors": 4, "CDUs": 2, "CoolingLoops": 3, "HeatExchangers": 2, "ImmersionUnits": 2, "CoolingUnits": 2,
    "FloorPDUs": 2, "RackPDUs": 2, "Switchgear": 2, "TransferSwitches": 2, "PowerShelves": 2, "ElectricalBuses": 2,
    "PowerMeters": 3, "Mains": 3, "Outlets": 3, "OutletGroups": 4, "Branches": 4, "Feeders": 3, "Subfeeds": 4,
    "Switches": 4, "Sensors": 5, "NetworkAdapters": 4, "NetworkInterfaces": 6, "EthernetInterfaces": 5, "Ports": 5,
    "NetworkPorts": 5, "PhysicalPorts": 5, "PCIeDevices": 6, "Assembly": 6, "FabricAdapters": 6,
    "GraphicsControllers": 6, "USBControllers": 8, "TrustedComponents": 8, "Cables": 8, "UpdateService": 7,
    "FirmwareInventory": 7, "TelemetryService": 8, "MetricReports": 8, "Facilities": 3, "PowerDomains": 4,
    "AmbientMetrics": 6, "RPUs": 2, "UPSs": 2, "StorageSystems": 1, "StorageServices": 3,
    "CompositionService": 7, "ResourceBlocks": 7,
}  # fmt: skip
"""Property names that lead to hardware, and how soon they are followed; everything else waits for a close look."""

FROM_LINKS = frozenset(
    {
        "Chassis", "ComputerSystems", "Contains", "CooledBy", "Enclosures", "ManagedBy", "ManagerForChassis",
        "ManagerForServers", "ManagerInChassis",
        "Drives", "Fans", "Memory", "PowerSupplies", "PoweredBy", "Processors", "Storage", "Switches", "Volumes",
    }
)  # fmt: skip
"""Names followed inside a Links object, last of all: for services that list these things nowhere else."""

FROM_OEM = frozenset({"ThermalMetrics", "Memory", "Storage", "Drives", *DETOURS})
"""Names followed inside an Oem object: standard resources that only the vendor links to, and hardware of its own."""

WHERE_SILENT = {"NetworkDeviceFunctions": "NetworkAdapter"}
"""Names followed in a resource of this type when it says nothing of its own health."""

ONLY_FROM = {
    "Metrics": ("PowerSupply", "PowerDistribution", "Battery", "CoolingUnit"),
    "EnvironmentMetrics": ("Chassis", "PowerDistribution", "CoolingUnit", "Switch", "Processor", "Facility"),
    "Assembly": ("Chassis",),
    "Ports": ("NetworkAdapter", "Switch", "FabricAdapter", "StorageController"),
    "NetworkPorts": ("NetworkAdapter",),
    "Controllers": ("Storage",),
    "MetricReports": ("TelemetryService",),
    "Members": (),
}
"""Names that are worth a request only in a resource of these types."""

ORDINARY_PROCESSORS = frozenset({"CPU", "Core", "Thread"})
"""Types of processor whose temperature and power the chassis tells; every other kind is asked for its own."""

INNER_FABRICS = frozenset({"NVLink", "UPI"})
"""Types of a switch that joins processors: its hundreds of ports tell no more than it does, until there is trouble."""

NEVER = frozenset(
    {
        "Certificates", "JsonSchemas", "Registries", "AccountService", "SessionService", "Sessions",
        "CertificateService", "EventService", "TaskService", "Tasks", "JobService", "KeyService", "LicenseService",
        "ComponentIntegrity", "LogServices", "Entries", "VirtualMedia", "Bios", "SecureBoot", "BootOptions",
        "SubProcessors", "Roles", "Accounts", "Subscriptions", "ComputerSystem", "Endpoints", "ConnectedPorts",
        "OriginOfCondition", "MetricReportDefinition", "MetricDefinition", "MetricDefinitions", "Triggers",
        "TelemetryService", "NetworkProtocol", "HostInterfaces", "SerialInterfaces", "AggregationService",
        "LogEntry", "Dumps", "Schemas", "ServiceEventLogs",
        "ResourceDirectory",
    }
)  # fmt: skip
"""Names not followed even in a close look: they lead away from the hardware, or round in circles."""

WELCOME = frozenset({"EnvironmentMetrics", "Metrics"})
"""Names not worth a request everywhere, whose resources are kept where `$expand` brings them in passing."""

DEPTHS = {
    "Systems": 4, "Chassis": 5, "Managers": 3, "UpdateService": 2, "Storage": 3, "NetworkAdapters": 3,
    "ThermalSubsystem": 3, "PowerSubsystem": 3, "Fabrics": 3, "PowerEquipment": 4, "ThermalEquipment": 4, "Switches":
    3, "TelemetryService": 2, "CompositionService": 2, "ResourceBlocks": 2,
}  # fmt: skip
"""How many levels a single request may usefully bring; 1 for every other collection, none for what is no collection."""

_FINE = ("OK", None)

NOT_COLLECTIONS = frozenset(
    {"Thermal", "Power", "EnvironmentMetrics", "ThermalMetrics", "Metrics", "Assembly", "LeakDetection"}
)


def _is_fine(status: Json) -> bool:
    """Does it say nothing but OK? So do nearly all, and a walk asks thousands."""
    return status.get("Health") in _FINE and status.get("HealthRollup") in _FINE


def in_trouble(body: Json, *, with_members: bool = False) -> bool:
    """Does this resource, or anything it tells of, report Warning or Critical?"""
    stack: list[Any] = [body]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            status = here.get("Status")
            if isinstance(status, dict) and not _is_fine(status) and status.get("State") != "Absent":
                worst = max(
                    (fields.own_health(here) or Health.OK).rank,
                    (fields.rollup(here) or Health.OK).rank,
                )
                if worst >= Health.WARNING.rank:
                    return True
            stack.extend(
                value
                for name, value in here.items()
                if isinstance(value, (dict, list)) and name != "Actions" and (with_members or name != "Members")
            )
        else:
            stack.extend(v for v in here if isinstance(v, (dict, list)))
    return False


class _Place(NamedTuple):
    """An object that has a path of its own, and where in its resource it stands."""

    name: str
    in_links: bool
    foreign: bool
    """Is it told by the vendor's own object?"""
    entry: Json
    target: str


def links(body: Json, close: bool) -> Iterator[tuple[str, str, bool]]:
    """The links of a resource worth following: (property name, target, is it the next page)."""
    for name in ("Members@odata.nextLink", "@odata.nextLink"):
        if isinstance(body.get(name), str):
            yield "Members", body[name], True
            break
    kind = kind_of(body)
    for place in _places(body, close):
        if not is_resource(place.entry) and not place.target.startswith("#") and _worth(place, body, kind, close):
            yield f"Links/{place.name}" if place.in_links else place.name, place.target, False


def carried(body: Json, close: bool) -> Iterator[str]:
    """The paths of whole resources inside this one that a walk would have asked for, is glad of, or that are ill.

    What else `$expand` brings is left aside, so that a device told resource by resource shows the same components.
    """
    kind = kind_of(body)
    for place in _places(body, close):
        if is_resource(place.entry) and (
            place.name in WELCOME
            or _worth(place, body, kind, close)
            or (place.name not in NEVER and not place.in_links and in_trouble(place.entry, with_members=True))
        ):
            yield place.target


def _places(body: Json, close: bool) -> Iterator[_Place]:
    """Every object with a path, whole resources not entered."""
    stack: list[tuple[str, bool, bool, Any]] = [(name, False, False, value) for name, value in body.items()]
    while stack:
        name, in_links, foreign, here = stack.pop()
        if name.startswith("@") and not (close and name == "@Redfish.Settings"):
            continue
        if isinstance(here, list):
            stack.extend((name, in_links, foreign, item) for item in here)
        elif isinstance(here, dict):
            target = here.get("@odata.id", here.get("href"))
            if isinstance(target, str):
                yield _Place(name, in_links, foreign, here, target)
                if is_resource(here):
                    continue
            if name in NEVER or name == "Actions":
                continue
            stack.extend(
                (key, in_links or name in ("Links", "links"), foreign or name == "Oem", value)
                for key, value in here.items()
                if isinstance(value, (dict, list))
            )


def _worth(place: _Place, body: Json, kind: str, close: bool) -> bool:
    """Is a link that stands here followed?"""
    name = place.name
    if name in NEVER and not (name == "TelemetryService" and kind == "ServiceRoot"):
        return False
    if close:
        return True
    if WHERE_SILENT.get(name) == kind and not fields.status(body):
        return True
    if place.foreign:
        return name in FROM_OEM
    if place.in_links:
        return name in FROM_LINKS or name in DETOURS
    if name == "Members":
        return True
    if name == "NetworkPorts" and fields.link(body, "Ports"):
        return False
    if name == "Ports" and fields.text(body, "SwitchType") in INNER_FABRICS:
        return False
    if name == "EnvironmentMetrics" and kind == "Processor":
        return (fields.text(body, "ProcessorType") or "CPU") not in ORDINARY_PROCESSORS
    owners = ONLY_FROM.get(name)
    return name in RANKS and (owners is None or kind in owners or not kind)
