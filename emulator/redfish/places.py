"""Where a shape keeps its resources, and the small words of which every document is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from emulator.accents.model import Family, Shape
from emulator.redfish.errors import Json

ROOT = "/redfish/v1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
TASKS = f"{ROOT}/TaskService/Tasks"
SUBSCRIPTIONS = f"{ROOT}/EventService/Subscriptions"
TELEMETRY = f"{ROOT}/TelemetryService"
REPORT_ID = "AllSensors"


@dataclass(frozen=True, slots=True)
class Places:
    """Paths of the resources that others refer to."""

    shape: Shape

    @property
    def system(self) -> str:
        return f"{ROOT}/Systems/{self.shape.system_id}"

    @property
    def chassis(self) -> str:
        return f"{ROOT}/Chassis/{self.shape.chassis_id}"

    @property
    def manager(self) -> str:
        return f"{ROOT}/Managers/{self.shape.manager_id}"

    @property
    def storage(self) -> str:
        holder = ROOT if self.shape.standalone_storage else self.system
        return f"{holder}/Storage/{self.shape.storage_id}"

    @property
    def log_services(self) -> str:
        return f"{self.manager if self.shape.logs_under_manager else self.system}/LogServices"

    @property
    def backplane(self) -> str:
        """The chassis that holds the drives."""
        return f"{ROOT}/Chassis/{self.shape.backplane_id or self.shape.chassis_id}"

    @property
    def drives(self) -> str:
        """What drives lie below."""
        below_chassis = self.shape.drives_under_chassis or self.shape.backplane_id
        return f"{self.backplane if below_chassis else self.storage}/Drives"

    def drive(self, bay: int) -> str:
        return f"{self.drives}/Bay.{bay}"

    @property
    def baseboard(self) -> str:
        """The system that holds the GPUs, where they have one of their own."""
        return f"{ROOT}/Systems/{self.shape.baseboard_id}"

    @property
    def baseboard_manager(self) -> str:
        """What manages the baseboard, behind the BMC."""
        return f"{ROOT}/Managers/{self.shape.baseboard_id.replace('Baseboard', 'BMC')}"

    def gpu_chassis(self, index: int) -> str:
        """The chassis that a GPU of a baseboard is to itself."""
        return f"{ROOT}/Chassis/GPU.{index + 1}"

    def log(self, purpose: str) -> str:
        if purpose == "event":
            return f"{self.log_services}/{self.shape.event_log}"
        services = f"{self.manager}/LogServices" if self.shape.split_logs else self.log_services
        return f"{services}/{self.shape.lifecycle_log}"

    def part(self, kind: str, index: int) -> str | None:
        """The resource of a component, where the shape has one."""
        match kind:
            case "Processor":
                return f"{self.system}/Processors/{index + 1}"
            case "Gpu":
                return f"{self.baseboard}/Processors/{index + 1}"
            case "Pump":
                return f"{self.chassis}/ThermalSubsystem/Pumps/{index + 1}"
            case "LeakDetector":
                return f"{self.chassis}/ThermalSubsystem/LeakDetection/LeakDetectors/{index + 1}"
            case "Outlet":
                return f"{ROOT}/PowerEquipment/RackPDUs/1/Outlets/{index + 1}"
            case "Memory":
                return f"{self.system}/Memory/{index + 1}"
            case "Fan":
                subsystem = f"{self.chassis}/ThermalSubsystem/Fans/{index + 1}"
                return subsystem if self.shape.subsystems else f"{self.chassis}/Thermal#/Fans/{index}"
            case "PowerSupply":
                subsystem = f"{self.chassis}/PowerSubsystem/PowerSupplies/{index + 1}"
                return subsystem if self.shape.subsystems else f"{self.chassis}/Power#/PowerSupplies/{index}"
        return None


def node_shapes(family: Family) -> list[Shape]:
    """The shapes of the machines behind a family's BMC: numbered ids, and the BMC of the chassis for a manager."""
    if family.blade is None:
        return []
    shape, manager = family.blade.shape, family.shape.manager_id
    return [
        replace(shape, system_id=f"{shape.system_id}{n}", chassis_id=f"{shape.chassis_id}{n}", manager_id=manager)
        for n in range(1, family.blades + 1)
    ]


def ref(path: str) -> Json:
    """A link."""
    return {"@odata.id": path}


def links(name: str, paths: list[str]) -> Json:
    """`name` and `name@odata.count`."""
    return {name: [ref(path) for path in paths], f"{name}@odata.count": len(paths)}


def resource(path: str, type_: str, name: str, **properties: Any) -> Json:
    """A document with its identity in front; `type_` as `Drive.v1_18_0.Drive`."""
    document: Json = {"@odata.id": path, "@odata.type": f"#{type_}", "Id": path.rpartition("/")[2], "Name": name}
    document.update(properties)
    return document


def collection(path: str, type_: str, members: list[str]) -> Json:
    """A collection of links; `type_` as `Drive`."""
    return {
        "@odata.id": path, "@odata.type": f"#{type_}Collection.{type_}Collection", "Name": f"{type_} Collection",
        "Members@odata.count": len(members), "Members": [ref(member) for member in members],
    }  # fmt: skip


def status(health: str | None = "OK", state: str = "Enabled", rollup: str | None = None) -> Json:
    """A Status object."""
    told: Json = {"State": state, "Health": health}
    return told | {"HealthRollup": rollup} if rollup is not None else told
