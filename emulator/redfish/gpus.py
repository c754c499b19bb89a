"""A baseboard of GPUs: a system, chassis and a manager of its own behind the machine's BMC."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from emulator.accents.model import Family
from emulator.logs import Entry
from emulator.redfish.chassis import excerpt
from emulator.redfish.errors import Json
from emulator.redfish.places import Places, collection, links, ref, resource, status
from emulator.redfish.resource import Resource, Tree

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc


def gpu_branch(family: Family, tree: Tree) -> None:
    """The baseboard, where a family's GPUs have one."""
    if not family.shape.baseboard_id:
        return
    places, fixed = Places(family.shape), tree.fixed
    fixed[places.baseboard] = Resource(get=_baseboard)
    fixed[places.baseboard_manager] = Resource(get=_manager)
    for kind, type_ in (("Processors", "Processor"), ("Memory", "Memory")):
        paths = [f"{places.baseboard}/{kind}/{index + 1}" for index in range(family.gpus)]
        path = f"{places.baseboard}/{kind}"
        fixed[path] = Resource(get=partial(_collection, path, type_, paths))
    for index in range(family.gpus):
        _gpu_paths(family, index, fixed)
    _log_paths(family, tree)


def _log_paths(family: Family, tree: Tree) -> None:
    """The baseboard's event log; a GPU's chassis has a log of its own that tells the same entries."""
    places, fixed = Places(family.shape), tree.fixed
    services = {places.baseboard: "EventLog"} | {places.gpu_chassis(n): "XID" for n in range(family.gpus)}
    for holder, name in services.items():
        path = f"{holder}/LogServices"
        fixed[path] = Resource(get=partial(_collection, path, "LogService", [f"{path}/{name}"]))
        fixed[f"{path}/{name}"] = Resource(get=partial(_log, f"{path}/{name}"))
        gpu = "" if name == "EventLog" else f"GPU {holder.rpartition('.')[2]}"
        fixed[f"{path}/{name}/Entries"] = Resource(get=partial(_entries, f"{path}/{name}/Entries", gpu), write=_entry)
    tree.members[f"{places.baseboard}/LogServices/EventLog/Entries"] = _member


def _collection(path: str, type_: str, members: list[str], bmc: Bmc) -> Json:
    return collection(path, type_, members)


def _gpu_paths(family: Family, index: int, fixed: dict[str, Resource]) -> None:
    places = Places(family.shape)
    gpu, memory, chassis = _gpu_path(places, index), _memory_path(places, index), places.gpu_chassis(index)
    ports = [f"{gpu}/Ports/{link}" for link in range(family.nvlinks)]
    sensors = [f"{places.chassis}/Sensors/GPU{index + 1}{what}" for what in ("", "Memory", "Power")]
    fixed |= {
        gpu: Resource(get=partial(_gpu, index)),
        f"{gpu}/ProcessorMetrics": Resource(get=partial(_processor_metrics, index)),
        f"{gpu}/MemorySummary/MemoryMetrics": Resource(get=partial(_summary_metrics, index)),
        f"{gpu}/Ports": Resource(get=partial(_collection, f"{gpu}/Ports", "Port", ports)),
        memory: Resource(get=partial(_memory, index)),
        f"{memory}/MemoryMetrics": Resource(get=partial(_memory_metrics, index)),
        chassis: Resource(get=partial(_chassis, index)),
        f"{chassis}/Sensors": Resource(get=partial(_collection, f"{chassis}/Sensors", "Sensor", sensors)),
        f"{chassis}/EnvironmentMetrics": Resource(get=partial(_environment, index)),
    }
    for link, path in enumerate(ports):
        fixed[path] = Resource(get=partial(_port, index, link))
        fixed[f"{path}/Metrics"] = Resource(get=partial(_port_metrics, index, link))


def _gpu_path(places: Places, index: int) -> str:
    return f"{places.baseboard}/Processors/{index + 1}"


def _memory_path(places: Places, index: int) -> str:
    return f"{places.baseboard}/Memory/{index + 1}"


def _baseboard(bmc: Bmc) -> Json:
    places, family, health = bmc.places, bmc.machine.family, bmc.machine.health()["Gpus"]
    return resource(
        places.baseboard, "ComputerSystem.v1_22_0.ComputerSystem", bmc.shape.baseboard_id, SystemType="Physical",
        Manufacturer=family.vendor, Model=f"{family.model} {family.gpus}-GPU",
        SerialNumber=f"16{bmc.machine.serial}", UUID=bmc.machine.uuid,
        PowerState=bmc.told_power(), Status=status(health, rollup=health),
        ProcessorSummary={"Count": family.gpus, "Model": family.gpu},
        Processors=ref(f"{places.baseboard}/Processors"), Memory=ref(f"{places.baseboard}/Memory"),
        LogServices=ref(f"{places.baseboard}/LogServices"),
        Links={
            **links("Chassis", [places.gpu_chassis(index) for index in range(family.gpus)]),
            **links("ManagedBy", [places.baseboard_manager]),
        },
    )  # fmt: skip


def _manager(bmc: Bmc) -> Json:
    places = bmc.places
    return resource(
        places.baseboard_manager, "Manager.v1_15_0.Manager", "Baseboard Management Controller", ManagerType="BMC",
        FirmwareVersion=f"{bmc.machine.family.firmware}-1", Status=status(), PowerState="On",
        DateTime=bmc.told_time(bmc.plant.clock.now()), DateTimeLocalOffset=bmc.told_offset(),
        Links={**links("ManagerForServers", [places.baseboard]), **links("ManagedBy", [places.manager])},
    )  # fmt: skip


def _log(path: str, bmc: Bmc) -> Json:
    return resource(
        path, "LogService.v1_1_0.LogService", f"{path.rpartition('/')[2]} Log Service", Entries=ref(f"{path}/Entries"),
        OverWritePolicy="WrapsWhenFull", DateTime=bmc.told_time(bmc.plant.clock.now()),
        DateTimeLocalOffset=bmc.told_offset(),
    )  # fmt: skip


def _entries(path: str, gpu: str, bmc: Bmc) -> Json:
    """What happened to one GPU, or to any, still to be written out."""
    names = {gpu} if gpu else {part.name for part in bmc.machine.parts.gpus}
    kept = [entry for entry in bmc.machine.logs["event"].entries if entry.part in names]
    return collection(path, "LogEntry", []) | {"Members": kept, "Members@odata.count": len(kept)}


def _entry(entry: Entry, bmc: Bmc) -> Json:
    """An entry as the baseboard writes it; it lies in the baseboard's log, whichever log tells it."""
    chassis = bmc.places.gpu_chassis(int(entry.part.rpartition(" ")[2]) - 1)
    return resource(
        f"{bmc.places.baseboard}/LogServices/EventLog/Entries/{entry.number}", "LogEntry.v1_9_0.LogEntry",
        "System Event Log Entry", EntryType="Event", Severity=entry.severity, Created=bmc.told_time(entry.instant),
        Message=entry.message, MessageId="ResourceEvent.1.0.ResourceErrorsDetected", MessageArgs=list(entry.args),
        Resolved=False, Resolution="", Links={"OriginOfCondition": ref(chassis)},
    )  # fmt: skip


def _member(bmc: Bmc, name: str) -> Resource | None:
    names = {part.name for part in bmc.machine.parts.gpus}
    kept = bmc.machine.logs["event"].entries
    entry = next((entry for entry in kept if str(entry.number) == name and entry.part in names), None)
    return Resource(get=partial(_entry, entry)) if entry else None


def _gpu(index: int, bmc: Bmc) -> Json:
    gpu, places = bmc.machine.parts.gpus[index], bmc.places
    path = _gpu_path(places, index)
    return resource(
        path, "Processor.v1_20_0.Processor", "Processor", ProcessorType="GPU", Manufacturer=bmc.machine.family.vendor,
        Model=bmc.machine.family.gpu, SerialNumber=f"{bmc.machine.serial}G{index:02}", PartNumber="2330-885-A1",
        FirmwareVersion="96.00.74.00.01", MaxSpeedMHz=1_980, Status=status(gpu.health, rollup=gpu.health),
        Metrics=ref(f"{path}/ProcessorMetrics"), Ports=ref(f"{path}/Ports"),
        MemorySummary={"ECCModeEnabled": True, "TotalMemorySizeMiB": 81_559,
            "Metrics": ref(f"{path}/MemorySummary/MemoryMetrics")},
        EnvironmentMetrics=ref(f"{places.gpu_chassis(index)}/EnvironmentMetrics"),
        Location={"PartLocation": {"LocationType": "Embedded", "ServiceLabel": gpu.name}},
        Links={"Chassis": ref(places.gpu_chassis(index)), "Memory": [ref(_memory_path(places, index))]},
    )  # fmt: skip


def _counts(index: int, bmc: Bmc) -> Json:
    gpu = bmc.machine.parts.gpus[index]
    return {"CorrectableECCErrorCount": gpu.corrected, "UncorrectableECCErrorCount": gpu.uncorrected}


def _processor_metrics(index: int, bmc: Bmc) -> Json:
    usage = bmc.machine.reading("CpuUsage")
    return resource(
        f"{_gpu_path(bmc.places, index)}/ProcessorMetrics", "ProcessorMetrics.v1_6_1.ProcessorMetrics",
        f"GPU {index + 1} Processor Metrics", BandwidthPercent=usage, OperatingSpeedMHz=1_755 if usage else 345,
        CacheMetricsTotal={"LifeTime": {"CorrectableECCErrorCount": 0, "UncorrectableECCErrorCount": 0}},
    )  # fmt: skip


def _summary_metrics(index: int, bmc: Bmc) -> Json:
    return resource(
        f"{_gpu_path(bmc.places, index)}/MemorySummary/MemoryMetrics", "MemoryMetrics.v1_7_0.MemoryMetrics",
        f"GPU {index + 1} Memory Summary Metrics", LifeTime=_counts(index, bmc),
    )  # fmt: skip


def _memory(index: int, bmc: Bmc) -> Json:
    places, path = bmc.places, _memory_path(bmc.places, index)
    return resource(
        path, "Memory.v1_20_0.Memory", f"GPU {index + 1} Memory", MemoryType="DRAM", MemoryDeviceType="HBM",
        ErrorCorrection="SingleBitECC", CapacityMiB=81_920, Status=status(bmc.machine.parts.gpus[index].health),
        Metrics=ref(f"{path}/MemoryMetrics"),
        Links={"Chassis": ref(places.gpu_chassis(index)), "Processors": [ref(_gpu_path(places, index))]},
    )  # fmt: skip


def _memory_metrics(index: int, bmc: Bmc) -> Json:
    return resource(
        f"{_memory_path(bmc.places, index)}/MemoryMetrics", "MemoryMetrics.v1_7_0.MemoryMetrics",
        f"GPU {index + 1} Memory Metrics", LifeTime=_counts(index, bmc), OperatingSpeedMHz=2_619,
    )  # fmt: skip


def _port(index: int, link: int, bmc: Bmc) -> Json:
    up = link not in bmc.machine.parts.gpus[index].links_down
    path = f"{_gpu_path(bmc.places, index)}/Ports/{link}"
    return resource(
        path, "Port.v1_4_0.Port", f"NVLink_{link} Resource", PortProtocol="NVLink", PortType="BidirectionalPort",
        CurrentSpeedGbps=400 if up else 0, MaxSpeedGbps=425, LinkState="Enabled",
        LinkStatus="LinkUp" if up else "LinkDown", Status=status("OK" if up else "Warning"),
        Metrics=ref(f"{path}/Metrics"), Links={"ConnectedPorts": []},
    )  # fmt: skip


def _port_metrics(index: int, link: int, bmc: Bmc) -> Json:
    down = link in bmc.machine.parts.gpus[index].links_down
    return resource(
        f"{_gpu_path(bmc.places, index)}/Ports/{link}/Metrics", "PortMetrics.v1_3_0.PortMetrics",
        f"NVLink_{link} Port Metrics", Networking={"TXDiscards": 0}, RXErrors=int(down), TXErrors=0,
    )  # fmt: skip


def _chassis(index: int, bmc: Bmc) -> Json:
    places, path = bmc.places, bmc.places.gpu_chassis(index)
    return resource(
        path, "Chassis.v1_22_0.Chassis", f"GPU {index + 1}", ChassisType="Module",
        Manufacturer=bmc.machine.family.vendor, Model=bmc.machine.family.gpu,
        SerialNumber=f"{bmc.machine.serial}G{index:02}",
        Status=status(bmc.machine.parts.gpus[index].health), Sensors=ref(f"{path}/Sensors"),
        EnvironmentMetrics=ref(f"{path}/EnvironmentMetrics"), LogServices=ref(f"{path}/LogServices"),
        Links={
            "ContainedBy": ref(places.chassis), **links("ComputerSystems", [places.baseboard]),
            **links("ManagedBy", [places.baseboard_manager]), **links("Processors", [_gpu_path(places, index)]),
        },
    )  # fmt: skip


def _environment(index: int, bmc: Bmc) -> Json:
    key = f"GPU{index + 1}"
    return resource(
        f"{bmc.places.gpu_chassis(index)}/EnvironmentMetrics", "EnvironmentMetrics.v1_3_1.EnvironmentMetrics",
        "Chassis Environment Metrics", TemperatureCelsius=excerpt(bmc, key), PowerWatts=excerpt(bmc, f"{key}Power"),
    )  # fmt: skip
