"""A resource as read, and the few things every reader needs to know of paths and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from fleetmon.drivers.redfish.bodies import Json

ROOT = "/redfish/v1/"
_TYPED = re.compile(r"[A-Z]\w+\.v?\d")
_MEANT_AS_SIGN = re.compile(r"(%2[35Ff]|%3[Ff])")
_OLD_HOLDERS = frozenset({"Power", "Thermal", "Storage"})
_GROWN_UP = (".Fan", ".PowerSupply", ".StorageController")
"""Items of the old holders' lists that some services also give as resources, under the type of the list's item."""

_OF_AN_INDEX = frozenset({"ETag", "HttpMethods"})
"""What an index of resources gives of each beside its path and type; a resource says more of itself."""

KIND_OF_COLLECTION = {
    "BatteryMetrics": "BatteryMetrics",
    "Batteries": "Battery",
    "Memory": "Memory",
    "Processors": "Processor",
    "Controllers": "StorageController",
    "StorageControllers": "StorageController",
    "Storage": "Storage",
    "SimpleStorage": "SimpleStorage",
    "PowerSupplies": "PowerSupply",
    "Switches": "Switch",
    "Chassis": "Chassis",
    "Systems": "ComputerSystem",
    "StorageSystems": "ComputerSystem",
    "Facilities": "Facility",
    "CDUs": "CoolingUnit",
    "HeatExchangers": "CoolingUnit",
    "ImmersionUnits": "CoolingUnit",
    "RPUs": "CoolingUnit",
    "RackPDUs": "PowerDistribution",
    "FloorPDUs": "PowerDistribution",
    "PowerShelves": "PowerDistribution",
    "Switchgear": "PowerDistribution",
    "TransferSwitches": "PowerDistribution",
    "ElectricalBuses": "PowerDistribution",
    "UPSs": "PowerDistribution",
    "Mains": "Circuit",
    "Branches": "Circuit",
    "Feeders": "Circuit",
    "Subfeeds": "Circuit",
    "PrimaryCoolantConnectors": "CoolantConnector",
    "SecondaryCoolantConnectors": "CoolantConnector",
    "PCIeDevices": "PCIeDevice",
    "FirmwareInventory": "SoftwareInventory",
    "SoftwareInventory": "SoftwareInventory",
    "Reservoirs": "Reservoir",
}
"""What the members of a collection are, where taking off the plural s does not tell."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as the device gave it, and when."""

    path: str
    body: Json
    taken_at: datetime
    date: str = ""
    """The device's own clock at that moment, as its HTTP Date header says."""
    weight: int = 0
    """Of the body it came in (see `bodies.Body`); 0 for a part of another resource."""


class Fetch(Protocol):
    """Where resources come from: a session, or a dictionary in a test."""

    async def get(self, path: str) -> Resource:
        """The resource; raises DeviceError when there is none to be had."""
        ...


@lru_cache(maxsize=32_768)
def key(path: str) -> str:
    """One spelling for every way to write the same path: no fragment, no doubled or trailing slash, lower case.

    Percent signs are read (RFC 3986), but for those of a slash, `#`, `?` and `%`, which would then mean another thing.
    """
    bare = path.split("#", 1)[0]
    if "%" in bare:
        bare = "".join(part if place % 2 else unquote(part) for place, part in enumerate(_MEANT_AS_SIGN.split(bare)))
    while "//" in bare:
        bare = bare.replace("//", "/")
    return bare.rstrip("/").lower()


def local(link: str) -> str | None:
    """`link` as a path on the same service; None for what leads elsewhere or is no link (F115).

    An absolute URL is taken by its path alone: we only ever ask the device we are speaking to.
    """
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    path = parts.path
    while "//" in path:
        path = path.replace("//", "/")
    if not path.lower().startswith("/redfish/") or ".." in path or len(link) > 2000:
        return None
    return f"{path}?{parts.query}" if parts.query else path


def kind_of(body: Json, path: str = "") -> str:
    """The resource type: from `@odata.type`, else from the collection it is a member of; empty when neither tells.

    Before Redfish 1.0 the type stood in `Type`, as `Chassis.1.0.0`.
    """
    declared = body.get("@odata.type")
    if isinstance(declared, str) and declared:
        namespace, _, name = declared.lstrip("#").partition(".")
        return name.rpartition(".")[2] if namespace in _OLD_HOLDERS and name.endswith(_GROWN_UP) else namespace
    declared = body.get("Type")
    if isinstance(declared, str) and _TYPED.match(declared):
        return declared.split(".", 1)[0]
    return kind_of_path(path)


def kind_of_path(path: str) -> str:
    """A guess at the type of what stands at `path`, from the segment before its id."""
    segments = path.split("#", 1)[0].rstrip("/").split("/")
    if len(segments) < 2:
        return ""
    if segments[-1] in (
        "Thermal",
        "Power",
        "ThermalSubsystem",
        "PowerSubsystem",
        "EnvironmentMetrics",
        "ThermalMetrics",
    ):
        return segments[-1]
    parent = segments[-2]
    return KIND_OF_COLLECTION.get(parent, parent.removesuffix("s"))


def is_pending(path: str) -> bool:
    """Does the resource tell what its owner shall be after a reset (`@Redfish.Settings`), under its owner's type?"""
    return key(path).endswith("/settings")


def is_resource(entry: Json) -> bool:
    """Does this nested object carry a whole resource, not only a link to one (F38, `$expand`)?

    An item of another resource's list, such as a `#Thermal.v1_6_0.Fan`, is none, though old firmware gives it a path;
    nor is an entry of an index of resources, which gives path, type and ETag and nothing the resource says of itself.
    """
    link = entry.get("@odata.id")
    if not isinstance(link, str) or "#" in link or len(entry) <= 3 or not _OF_AN_INDEX.isdisjoint(entry):
        return False
    declared = entry.get("@odata.type")
    if isinstance(declared, str):
        namespace, _, name = declared.lstrip("#").partition(".")
        return name.rpartition(".")[2] in (namespace, "")
    return "Id" in entry


def unfold(resource: Resource) -> Iterator[Resource]:
    """The resource, then every whole resource inside it, each under its own path."""
    yield resource
    stack: list[Any] = [value for value in resource.body.values() if isinstance(value, (dict, list))]
    while stack:
        here = stack.pop()
        if isinstance(here, dict):
            if is_resource(here) and (path := local(here["@odata.id"])) and key(path) != key(resource.path):
                yield Resource(path, here, resource.taken_at, resource.date)
            stack.extend(value for value in here.values() if isinstance(value, (dict, list)))
        else:
            stack.extend(value for value in here if isinstance(value, (dict, list)))


def segments(path: str) -> list[str]:
    """The path in pieces, without the fragment."""
    return path.split("#", 1)[0].strip("/").split("/")


def holder_of(path: str) -> str:
    """The resource a member hangs below: everything before its collection."""
    return "/".join(path.split("#", 1)[0].rstrip("/").split("/")[:-2])
