"""A Redfish service in a dictionary: bodies by path, what was asked for, and failures on request."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from fleetmon.drivers.redfish.resource import Resource, key
from fleetmon.errors import DeviceError, Unsupported

Json = dict[str, Any]
NOW = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)


class Shelf:
    """A `Fetch` over bodies by path. `failures` raise in place of an answer; `asked` is what was asked for."""

    def __init__(self, bodies: dict[str, Json], *, expand: int = 0, now: datetime = NOW) -> None:
        self.bodies = {key(path): body for path, body in bodies.items()}
        self.failures: dict[str, DeviceError] = {}
        self.asked: list[str] = []
        self.now = now
        self.date = ""
        self._expand = expand

    async def get(self, path: str) -> Resource:
        self.asked.append(path)
        bare, _, query = path.partition("?")
        if (failure := self.failures.get(bare)) is not None:
            raise failure
        if query and not query.startswith("$expand") and path.lower() in self.bodies:
            return Resource(path, copy.deepcopy(self.bodies[path.lower()]), self.now, self.date)
        body = self.bodies.get(key(bare))
        if body is None:
            raise Unsupported("not there (HTTP 404)", resource=path)
        if query.startswith("$expand") and self._expand:
            levels = int(query.partition("levels=")[2].rstrip(")") or 1)
            return Resource(path, self._expanded(body, min(levels, self._expand)), self.now, self.date)
        return Resource(path, copy.deepcopy(body), self.now, self.date)

    def _expanded(self, body: Json, levels: int) -> Json:
        def walk(value: Any, name: str) -> Any:
            if isinstance(value, list):
                return [walk(item, name) for item in value]
            if not isinstance(value, dict):
                return value
            target = value.get("@odata.id")
            if (
                name
                and isinstance(target, str)
                and len(value) == 1
                and "#" not in target
                and key(target) in self.bodies
            ):
                return self._expanded(self.bodies[key(target)], levels - 1) if levels > 0 else dict(value)
            return {inner: item if inner == "Links" else walk(item, inner) for inner, item in value.items()}

        return {name: item if name == "Links" else walk(item, name) for name, item in body.items()}


def link(path: str) -> Json:
    return {"@odata.id": path}


def resource(path: str, kind: str, **fields: Any) -> Json:
    """A body with the fields every resource has."""
    tail = path.rstrip("/").rpartition("/")[2]
    return {"@odata.id": path, "@odata.type": f"#{kind}.v1_0_0.{kind}", "Id": tail, "Name": tail, **fields}


def collection(path: str, kind: str, members: list[str]) -> Json:
    """A collection of references."""
    return {
        "@odata.id": path,
        "@odata.type": f"#{kind}Collection.{kind}Collection",
        "Members": [link(member) for member in members],
        "Members@odata.count": len(members),
    }


def ok(**more: Any) -> Json:
    return {"State": "Enabled", "Health": "OK", **more}


V1 = "/redfish/v1"
SYSTEM, CHASSIS, MANAGER = f"{V1}/Systems/1", f"{V1}/Chassis/1", f"{V1}/Managers/1"


def server(
    *, drives: int = 2, dimms: int = 2, temperatures: int = 3, fans: int = 2, expand: int = 0
) -> dict[str, Json]:
    """A small server told the old way: Thermal and Power, one storage, one manager with a log."""
    bodies: list[Json] = []
    features = {"ExpandQuery": {"NoLinks": True, "Levels": True, "MaxLevels": expand}} if expand else {}
    bodies.append(
        resource(
            f"{V1}/", "ServiceRoot", RedfishVersion="1.6.0", Vendor="Contoso", ProtocolFeaturesSupported=features,
            Systems=link(f"{V1}/Systems"), Chassis=link(f"{V1}/Chassis"), Managers=link(f"{V1}/Managers"),
            UpdateService=link(f"{V1}/UpdateService"), Registries=link(f"{V1}/Registries"),
            Links={"Sessions": link(f"{V1}/SessionService/Sessions")},
        )
    )  # fmt: skip
    for name, path in (("ComputerSystem", SYSTEM), ("Chassis", CHASSIS), ("Manager", MANAGER)):
        bodies.append(collection(path.rpartition("/")[0], name, [path]))
    bodies.append(
        resource(
            SYSTEM, "ComputerSystem", Name="System", Manufacturer="Contoso", Model="3500", SerialNumber="S1",
            UUID="u-1", BiosVersion="2.1", HostName="web-11", PowerState="On", Status=ok(HealthRollup="OK"),
            Memory=link(f"{SYSTEM}/Memory"),
            Processors=link(f"{SYSTEM}/Processors"), Storage=link(f"{SYSTEM}/Storage"),
            Bios=link(f"{SYSTEM}/Bios"),
            Links={"Chassis": [link(CHASSIS)], "ManagedBy": [link(MANAGER)]},
        )
    )  # fmt: skip
    modules = [f"{SYSTEM}/Memory/{n}" for n in range(1, dimms + 1)]
    bodies.append(collection(f"{SYSTEM}/Memory", "Memory", modules))
    bodies += [
        resource(path, "Memory", Name=f"DIMM {n}", Status=ok(), CapacityMiB=32768, SerialNumber=f"M{n}")
        for n, path in enumerate(modules, 1)
    ]
    bodies.append(collection(f"{SYSTEM}/Processors", "Processor", [f"{SYSTEM}/Processors/1"]))
    bodies.append(resource(f"{SYSTEM}/Processors/1", "Processor", Name="CPU 1", Status=ok(), TotalCores=16))
    bays = [f"{SYSTEM}/Storage/1/Drives/{n}" for n in range(1, drives + 1)]
    bodies.append(collection(f"{SYSTEM}/Storage", "Storage", [f"{SYSTEM}/Storage/1"]))
    bodies.append(
        resource(f"{SYSTEM}/Storage/1", "Storage", Name="RAID", Status=ok(), Drives=[link(bay) for bay in bays])
    )
    bodies += [
        resource(
            path, "Drive", Name=f"Bay {n}", Status=ok(), SerialNumber=f"D{n}", MediaType="SSD", CapacityBytes=10**12
        )
        for n, path in enumerate(bays, 1)
    ]
    bodies.append(
        resource(
            CHASSIS,
            "Chassis",
            Name="Chassis",
            Status=ok(),
            Thermal=link(f"{CHASSIS}/Thermal"),
            Power=link(f"{CHASSIS}/Power"),
        )
    )
    bodies.append(
        resource(
            f"{CHASSIS}/Thermal", "Thermal",
            Temperatures=[
                {"MemberId": f"{n}", "Name": f"Temp {n}", "ReadingCelsius": 20 + n, "Status": ok()}
                for n in range(temperatures)
            ],
            Fans=[
                {"MemberId": str(n), "Name": f"Fan {n + 1}", "Reading": 6000, "ReadingUnits": "RPM", "Status": ok()}
                for n in range(fans)
            ],
        )
    )  # fmt: skip
    bodies.append(
        resource(
            f"{CHASSIS}/Power", "Power",
            PowerControl=[{"MemberId": "0", "Name": "System Power", "PowerConsumedWatts": 212}],
            PowerSupplies=[
                {"Name": f"PSU {n + 1}", "PowerInputWatts": 106, "SerialNumber": f"P{n}", "Status": ok()}
                for n in range(2)
            ],
        )
    )  # fmt: skip
    bodies.append(
        resource(
            MANAGER, "Manager", Name="BMC", FirmwareVersion="1.45", ManagerType="BMC", Status=ok(),
            LogServices=link(f"{MANAGER}/LogServices"),
        )
    )  # fmt: skip
    bodies.append(collection(f"{MANAGER}/LogServices", "LogService", [f"{MANAGER}/LogServices/SEL"]))
    bodies.append(
        resource(
            f"{MANAGER}/LogServices/SEL", "LogService", Status=ok(), Entries=link(f"{MANAGER}/LogServices/SEL/Entries")
        )
    )
    bodies.append(
        {
            **collection(f"{MANAGER}/LogServices/SEL/Entries", "LogEntry", []),
            "Members": log_entries(1, 3),
            "Members@odata.count": 3,
        }
    )
    bodies.append(
        resource(
            f"{V1}/UpdateService", "UpdateService", FirmwareInventory=link(f"{V1}/UpdateService/FirmwareInventory")
        )
    )
    bodies.append(
        collection(
            f"{V1}/UpdateService/FirmwareInventory", "SoftwareInventory", [f"{V1}/UpdateService/FirmwareInventory/BMC"]
        )
    )
    bodies.append(
        resource(f"{V1}/UpdateService/FirmwareInventory/BMC", "SoftwareInventory", Name="BMC firmware", Version="1.45")
    )
    return {body["@odata.id"]: body for body in bodies}


def log_entries(first: int, last: int, *, severity: str = "Warning") -> list[Json]:
    """Entries with ids from `first` to `last`, one a minute."""
    base = f"{MANAGER}/LogServices/SEL/Entries"
    return [
        resource(
            f"{base}/{n}", "LogEntry", Severity=severity, Message=f"event {n}",
            Created=(NOW + timedelta(minutes=n)).isoformat().replace("+00:00", "Z"),
        )
        for n in range(first, last + 1)
    ]  # fmt: skip


def paged(entries: list[Json], size: int, *, total: int | None = None) -> dict[str, Json]:
    """A log of several pages, in the order given."""
    base = f"{MANAGER}/LogServices/SEL/Entries"
    pages: dict[str, Json] = {}
    for start in itertools.count(0, size):
        if start and start >= len(entries):
            return pages
        path = f"{base}?$skip={start}".lower() if start else base
        page = {**collection(base, "LogEntry", []), "Members": entries[start : start + size]}
        page["Members@odata.count"] = len(entries) if total is None else total
        if start + size < len(entries):
            page["Members@odata.nextLink"] = f"{base}?$skip={start + size}"
        pages[path] = page
    return pages


def bodies_below(bodies: dict[str, Json], prefix: str) -> Iterator[Json]:
    """The bodies whose path begins so."""
    return (body for path, body in bodies.items() if path.startswith(prefix))


class ShelfSession(Shelf):
    """A shelf that stands in for a session, so that a driver can be asked without a network."""

    device = "https://bmc"
    seen_spki = None

    @property
    def requests(self) -> int:
        return len(self.asked)

    async def get(self, path: str, priority: object = None) -> Resource:
        return await super().get(path)

    def memory(self) -> Json:
        return {}

    def repeated_keys(self) -> dict[str, tuple[str, ...]]:
        return {}

    def exceptions(self) -> list[str]:
        return []

    async def close(self) -> None:
        return None

    async def suspend(self) -> None:
        return None
