"""What a resource says of the condition of things: every Status object in it, wherever it stands.

Known kinds of component are told healthy or not; any other Status (a log service, a metrics resource, a vendor's own
object) is told when its own health is Warning or Critical, so that nothing that is wrong stays unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.resource import Resource, is_pending, is_resource, key, kind_of, segments
from fleetmon.model import Health

COMPONENT_KINDS = frozenset(
    {
        "Battery", "Cable", "Chassis", "Circuit", "ComputerSystem", "CoolantConnector", "CoolingLoop", "CoolingUnit",
        "Drive", "EthernetInterface", "FabricAdapter", "Fan", "Filter", "GraphicsController", "Heater", "LeakDetector",
        "Manager", "MediaController", "Memory", "NetworkAdapter", "NetworkInterface", "NetworkPort", "Outlet",
        "OutletGroup", "PCIeDevice", "Port", "PowerDistribution", "PowerDomain", "PowerEquipment", "PowerSupply",
        "Processor", "Pump", "Redundancy", "Reservoir", "SimpleStorage", "Storage", "StorageController", "StoragePool",
        "Switch", "ThermalEquipment", "TrustedComponent", "USBController", "Volume",
    }
)  # fmt: skip
"""Kinds whose every present member is told, healthy or not."""

NESTED_KINDS = {
    "Assemblies": "Assembly",
    "Batteries": "Battery",
    "Devices": "SimpleStorageDevice",
    "FanRedundancy": "Redundancy",
    "Fans": "Fan",
    "PowerSupplies": "PowerSupply",
    "PowerSupplyRedundancy": "Redundancy",
    "PhysicalPorts": "Port",
    "Redundancy": "Redundancy",
    "Slots": "PCIeSlot",
    "StorageControllers": "StorageController",
    "Temperatures": "Sensor",
    "Voltages": "Sensor",
}
"""What stands inside a resource under these names; anything else is named as its property."""

_PROMOTED = frozenset({"Assembly", "SimpleStorageDevice"})
"""Nested kinds that are told healthy or not, besides those of COMPONENT_KINDS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One thing a resource told of, before it has its final name."""

    kind: str
    name: str
    ident: str
    source: str
    """Path, with a JSON pointer where it stands inside another resource."""
    entry: Json
    health: Health
    state: str
    taken_at: datetime
    failure_predicted: bool | None = None
    detail: str = ""
    also: tuple[str, ...] = ()
    """Sources of the same thing told elsewhere."""

    @property
    def key(self) -> str:
        """One spelling of the source; the pointer keeps its case."""
        path, _, pointer = self.source.partition("#")
        return f"{key(path)}#{pointer}" if pointer else key(path)

    @property
    def nested(self) -> bool:
        return "#" in self.source

    @property
    def told_always(self) -> bool:
        return self.kind in COMPONENT_KINDS or self.kind in _PROMOTED

    @property
    def owner(self) -> str:
        """Id of the resource that holds it: the storage of a drive, the adapter of a port, the chassis of a fan."""
        parts = segments(self.source)
        if self.nested:
            return parts[-2] if parts[-1] in ("Thermal", "Power") and len(parts) > 1 else parts[-1]
        return parts[-3] if len(parts) > 4 else ""


@dataclass(frozen=True, slots=True)
class Indicator:
    """A property that tells trouble beside Status: what it means is a row, not code."""

    kind: str
    name: str
    """Of the property, with the objects it stands in before it."""
    word: str | bool
    health: Health
    """At least this; OK where the property explains trouble and is none by itself."""
    says: str
    """What it means, in words for the person who is told."""
    predicted: bool = False


INDICATORS = (
    Indicator("Drive", "StatusIndicator", "Fail", Health.CRITICAL, "failed"),
    Indicator(
        "Drive", "StatusIndicator", "PredictiveFailureAnalysis", Health.WARNING, "failure predicted", predicted=True
    ),
    Indicator("LeakDetector", "DetectorState", "Warning", Health.WARNING, "moisture detected"),
    Indicator("LeakDetector", "DetectorState", "Critical", Health.CRITICAL, "leak detected"),
    Indicator("PowerSupply", "LineInputStatus", "LossOfInput", Health.WARNING, "input lost"),
    Indicator("PowerSupply", "LineInputStatus", "OutOfRange", Health.WARNING, "input out of range"),
    Indicator("Chassis", "PhysicalSecurity/IntrusionSensor", "HardwareIntrusion", Health.OK, "open"),
    Indicator("Chassis", "PhysicalSecurity/IntrusionSensor", "TamperingDetected", Health.OK, "tampered with"),
    Indicator(
        "MemoryMetrics", "HealthData/AlarmTrips/UncorrectableECCError", True, Health.CRITICAL,
        "uncorrectable memory errors",
    ),
    Indicator(
        "MemoryMetrics", "HealthData/AlarmTrips/CorrectableECCError", True, Health.WARNING,
        "more correctable memory errors than allowed",
    ),
    Indicator("MemoryMetrics", "HealthData/AlarmTrips/Temperature", True, Health.OK, "too warm"),
    Indicator("MemoryMetrics", "HealthData/DataLossDetected", True, Health.CRITICAL, "data lost"),
    Indicator("DriveMetrics", "NVMeSMART/CriticalWarnings/MediaInReadOnly", True, Health.CRITICAL, "read-only"),
    Indicator(
        "DriveMetrics", "NVMeSMART/CriticalWarnings/OverallSubsystemDegraded", True, Health.CRITICAL, "degraded"
    ),
    Indicator(
        "DriveMetrics", "NVMeSMART/CriticalWarnings/SpareCapacityWornOut", True, Health.WARNING, "no spare blocks left"
    ),
)  # fmt: skip

_TELLTALES = frozenset(row.kind for row in INDICATORS) - COMPONENT_KINDS
"""Kinds that are no component and tell of trouble of the component they belong to."""


def seen_in(resource: Resource, watched: frozenset[str] = frozenset()) -> Iterator[Seen]:
    """Everything with a Status in `resource`, empty slots left out; whole resources inside it tell for themselves.

    What is `watched` (by source) was not well once and is told whatever it says.
    """
    own_kind = "Settings" if is_pending(resource.path) else kind_of(resource.body, resource.path)
    stack: list[tuple[str, str, Any]] = [("", "", resource.body)]
    while stack:
        pointer, name, here = stack.pop()
        if isinstance(here, list):
            stack.extend(
                (f"{pointer}/{place}", name, item) for place, item in enumerate(here) if isinstance(item, (dict, list))
            )
            continue
        if pointer and is_resource(here):
            continue
        kind = own_kind if not pointer else nested_kind(own_kind, pointer, name)
        if (found := _seen(resource, pointer, kind, here, watched)) is not None:
            yield found
        stack.extend(
            (f"{pointer}/{name}", name, value)
            for name, value in here.items()
            if isinstance(value, (dict, list))
            and name not in ("Status", "Actions", "Links")
            and not name.startswith("@")
        )


def nested_kind(own_kind: str, pointer: str, name: str) -> str:
    """The kind of what stands under `name` inside a resource: an item of a known list, else as it is called."""
    if (
        not pointer.rpartition("/")[2].isdigit()
        or "/Oem/" in pointer
        or (name == "Devices" and own_kind != "SimpleStorage")
    ):
        return f"{name}Summary" if name in COMPONENT_KINDS else name
    return NESTED_KINDS.get(name, name)


def _seen(resource: Resource, pointer: str, kind: str, entry: Json, watched: frozenset[str]) -> Seen | None:
    """What `entry` says of itself; None when it has no Status, is absent, or is of no concern while it is well."""
    status = fields.status(entry)
    component = kind in COMPONENT_KINDS or kind in _PROMOTED
    speaks = status or (_speaks(kind, entry, pointer) if component else kind in _TELLTALES)
    if not kind or fields.is_absent(entry) or not speaks:
        return None
    health, predicted, detail = condition(kind, entry)
    source = f"{resource.path.rstrip('/')}#{pointer}" if pointer else resource.path
    if not component and health.rank < Health.WARNING.rank and source not in watched:
        return None
    return Seen(
        kind=kind,
        name=_name(entry, resource, pointer),
        ident=fields.text(entry, "Id", "MemberId", "GroupId"),
        source=source,
        entry=entry,
        health=health,
        state=fields.state(entry),
        taken_at=resource.taken_at,
        failure_predicted=predicted,
        detail=detail,
    )


def _speaks(kind: str, entry: Json, pointer: str) -> bool:
    """Does an object without a Status describe a thing of its own, rather than hold, link to or sum up others?"""
    if not pointer:
        return kind in COMPONENT_KINDS
    return ("Name" in entry or "MemberId" in entry) and len(entry) > 2


def condition(kind: str, entry: Json) -> tuple[Health, bool | None, str]:
    """Health, failure predicted, and the device's words for it."""
    health = fields.own_health(entry)
    if health is None and kind in COMPONENT_KINDS:
        health = fields.rollup(entry)
    predicted = fields.boolean(entry.get("FailurePredicted"))
    words: list[str] = []
    for row in INDICATORS:
        if row.kind == kind and _property(entry, row.name) == row.word:
            health = row.health if health is None or row.health.rank > health.rank else health
            predicted = True if row.predicted else predicted
            words.append(row.says)
    if predicted:
        words.append("failure predicted")
    words.extend(
        message
        for _, told in fields.items(fields.status(entry), "Conditions")
        if (message := fields.text(told, "Message", "MessageId"))
    )
    found = health or Health.UNKNOWN
    if found.rank < Health.WARNING.rank and not predicted:
        words = []
    return found, predicted, "; ".join(dict.fromkeys(words))[:300]


def _property(entry: Json, path: str) -> Any:
    *holders, name = path.split("/")
    return fields.child(entry, *holders).get(name)


def _name(entry: Json, resource: Resource, pointer: str) -> str:
    own = fields.text(entry, "Name", "DeviceName", "MemberId", "Id")
    if own and not is_pending(resource.path):
        return own
    tail = [part for part in pointer.split("/") if part]
    base = " ".join(segments(resource.path)[-3:-1]) if is_pending(resource.path) else segments(resource.path)[-1]
    return f"{base} {' '.join(tail)}" if tail else base
