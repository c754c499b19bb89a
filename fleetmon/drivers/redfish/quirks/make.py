"""Who made a device, and what a quirk is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields


@dataclass(frozen=True, slots=True)
class Make:
    """Who made the device, as its service root and system tell."""

    vendor: str = ""
    """In lower case."""
    product: str = ""


@dataclass(frozen=True, slots=True)
class Quirk:
    """One departure and its remedy."""

    name: str
    evidence: str
    applies: Callable[[Make], bool]
    resource: str | tuple[str, ...]
    """The resource types it is seen in."""
    mend: Callable[[Json], Json]


def make_of(root: Json, systems: Iterable[Json] = ()) -> Make:
    """Who made it: the root's Vendor, else the keys of its Oem object, else the system's Manufacturer."""
    oem = fields.child(root, "Oem")
    vendor = fields.text(root, "Vendor") or next(iter(oem), "")
    maker = next((said for system in systems if (said := fields.text(system, "Manufacturer"))), "")
    return Make(vendor=(vendor or maker).lower(), product=fields.text(root, "Product"))


def any_make(make: Make) -> bool:
    """Seen on several makes, and harmless to mend everywhere."""
    return True


def is_supermicro(make: Make) -> bool:
    return "supermicro" in make.vendor or make.vendor == "smci"


def is_hpe(make: Make) -> bool:
    return make.vendor.startswith(("hp", "hewlett"))


def is_dell(make: Make) -> bool:
    return make.vendor.startswith("dell")


def is_fujitsu(make: Make) -> bool:
    return "fujitsu" in make.vendor or "fsas" in make.vendor


def is_cisco(make: Make) -> bool:
    return make.vendor.startswith("cisco")


def is_huawei(make: Make) -> bool:
    return make.vendor.startswith(("huawei", "xfusion"))
