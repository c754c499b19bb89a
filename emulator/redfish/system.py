"""The ComputerSystem: power and boot, processors, memory, network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from emulator.accents.model import Family
from emulator.parts import Port
from emulator.redfish.errors import Answer, Json, refuse
from emulator.redfish.places import ROOT, Places, collection, links, node_shapes, ref, resource, status
from emulator.redfish.resource import Resource, Tree
from emulator.redfish.services import firmware_of
from emulator.server import Request

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

BOOT_TARGETS = ["None", "Pxe", "Hdd", "Cd", "BiosSetup", "UefiTarget"]
BOOT_ENABLED = ["Disabled", "Once", "Continuous"]
RESET = "#ComputerSystem.Reset"
RESET_TASK_SECONDS = 6.0
STATES = {"On": "Enabled", "Off": "StandbyOffline", "PoweringOn": "Starting", "PoweringOff": "Enabled"}
"""Status.State by power state. The system's own health is that of its memory; what is attached is in the rollup."""


def system_branch(family: Family, tree: Tree) -> None:
    """Systems and everything below but storage and logs."""
    places, fixed = Places(family.shape), tree.fixed
    system = places.system
    nodes = [Places(shape).system for shape in node_shapes(family)]
    systems = [system, *([places.baseboard] if family.shape.baseboard_id else []), *nodes]
    fixed[f"{ROOT}/Systems"] = Resource(get=lambda bmc: collection(f"{ROOT}/Systems", "ComputerSystem", systems))
    fixed[system] = Resource(get=_system, patch=_change_system)
    fixed[f"{system}/Actions/ComputerSystem.Reset"] = Resource(post=_reset)
    _collect(
        tree,
        f"{system}/Processors",
        "Processor",
        [
            (str(i + 1), partial(_processor, i))
            for i in range(family.processors + (0 if family.shape.baseboard_id else family.gpus))
        ],
    )
    _collect(tree, f"{system}/Memory", "Memory", [(str(i + 1), partial(_memory, i)) for i in range(family.dimms)])
    for index in range(family.dimms):
        fixed[f"{system}/Memory/{index + 1}/MemoryMetrics"] = Resource(get=partial(_memory_metrics, index))
    _collect(
        tree,
        f"{system}/EthernetInterfaces",
        "EthernetInterface",
        [(f"NIC.{i + 1}", partial(_interface, i)) for i in range(family.ports)],
    )
    adapters = f"{places.chassis}/NetworkAdapters"
    _collect(tree, adapters, "NetworkAdapter", [("NIC.1", _adapter)])
    _collect(tree, f"{adapters}/NIC.1/Ports", "Port", [(str(i + 1), partial(_port, i)) for i in range(family.ports)])


def _collect(tree: Tree, path: str, type_: str, members: list[tuple[str, object]]) -> None:
    """A collection and its members."""
    tree.fixed[path] = Resource(get=lambda bmc: collection(path, type_, [f"{path}/{name}" for name, _ in members]))
    for name, get in members:
        tree.fixed[f"{path}/{name}"] = Resource(get=get)  # type: ignore[arg-type]  # partial of a getter


def _system(bmc: Bmc) -> Json:
    machine, family, shape, places = bmc.machine, bmc.machine.family, bmc.shape, bmc.places
    health, power = machine.health(), machine.power
    document = resource(
        places.system, "ComputerSystem.v1_20_1.ComputerSystem", "System", SystemType="Physical",
        Manufacturer=family.vendor,
        Model=family.model, SKU=f"{family.model[:3].upper()}-{family.height_u}{family.bays:02}",
        SerialNumber=machine.serial,
        PartNumber=family.part_number, UUID=machine.uuid,
        AssetTag=machine.asset_tag,
        HostName=machine.host_name, BiosVersion=family.bios, PowerState=bmc.told_power(),
        Status=status(health["Memory"], STATES[power.state], bmc.policy("rollup", health["System"])),
        Boot={
            "BootSourceOverrideEnabled": machine.boot_override["enabled"],
            "BootSourceOverrideTarget": machine.boot_override["target"],
            "BootSourceOverrideMode": machine.boot_override["mode"],
            "BootSourceOverrideTarget@Redfish.AllowableValues": BOOT_TARGETS,
            "BootSourceOverrideEnabled@Redfish.AllowableValues": BOOT_ENABLED,
        },
        ProcessorSummary={
            "Count": family.processors, "CoreCount": family.processors * family.cores, "Model": family.processor,
            "Status": status(rollup="OK"),
        },
        MemorySummary={
            "TotalSystemMemoryGiB": family.dimms * family.dimm_gib,
            "Status": status(health["Memory"], rollup=health["Memory"]),
        },
        Processors=ref(f"{places.system}/Processors"), Memory=ref(f"{places.system}/Memory"),
        Storage=ref(f"{places.system}/Storage"),
        EthernetInterfaces=ref(f"{places.system}/EthernetInterfaces"),
        Links={**links("Chassis", [places.chassis]), **links("ManagedBy", [places.manager])},
        Actions={
            RESET: {
                "target": f"{places.system}/Actions/ComputerSystem.Reset",
                "ResetType@Redfish.AllowableValues": bmc.reset_types(),
            }
        },
    )  # fmt: skip
    if not shape.logs_under_manager:
        document["LogServices"] = ref(places.log_services)
    if shape.boot_progress:
        document["BootProgress"] = {"LastState": power.boot_state}
    return document | led(bmc, machine.led)


def led(bmc: Bmc, lit: bool) -> Json:
    """The locate light under the names that the shape knows."""
    told: Json = {"IndicatorLED": "Blinking" if lit else "Off", "LocationIndicatorActive": lit}
    return {name: told[name] for name in bmc.shape.led}


def led_wish(bmc: Bmc, body: Json) -> bool | Answer | None:
    """Whether a PATCH wants the locate light lit; None when it does not say."""
    wish: bool | None = None
    for name in ("IndicatorLED", "LocationIndicatorActive"):
        if name not in body:
            continue
        if name not in bmc.shape.led:
            return refuse("property_unknown", name)
        value = body[name]
        if name == "IndicatorLED" and value not in ("Lit", "Blinking", "Off"):
            return refuse("property_value", str(value), name)
        if name == "LocationIndicatorActive" and not isinstance(value, bool):
            return refuse("property_type", str(value), name)
        wish = value not in ("Off", False)
    return wish


def _change_system(bmc: Bmc, body: Json) -> Answer | None:
    """The locate light, the asset tag, the host name and the boot override can be changed."""
    unknown = set(body) - {"IndicatorLED", "LocationIndicatorActive", "AssetTag", "HostName", "Boot"}
    if unknown:
        return refuse("property_unknown", min(unknown))
    for name in ("AssetTag", "HostName"):
        if not isinstance(body.get(name, ""), str):
            return refuse("property_type", str(body[name]), name)
    boot = _boot_wish(body.get("Boot", {}))
    if isinstance(boot, Answer):
        return boot
    wish = led_wish(bmc, body)
    if isinstance(wish, Answer):
        return wish
    machine = bmc.machine
    machine.led = machine.led if wish is None else wish
    machine.asset_tag = body.get("AssetTag", machine.asset_tag)
    machine.host_name = body.get("HostName", machine.host_name)
    machine.boot_override |= boot
    for name in body:
        machine.log("ConfigurationChanged", name)
    return None


def _boot_wish(boot: object) -> dict[str, str] | Answer:
    known = {
        "BootSourceOverrideTarget": ("target", BOOT_TARGETS),
        "BootSourceOverrideEnabled": ("enabled", BOOT_ENABLED),
        "BootSourceOverrideMode": ("mode", ["UEFI", "Legacy"]),
    }
    if not isinstance(boot, dict):
        return refuse("property_type", str(boot), "Boot")
    wish = {}
    for name, value in boot.items():
        if name not in known:
            return refuse("property_unknown", f"Boot/{name}")
        key, allowed = known[name]
        if value not in allowed:
            return refuse("property_value", str(value), name)
        wish[key] = str(value)
    return wish


def _reset(bmc: Bmc, body: Json, request: Request) -> Answer:
    """#ComputerSystem.Reset: accepted at once, done in time."""
    reset_type, allowed = body.get("ResetType"), bmc.reset_types()
    if reset_type is None:
        return refuse("parameter_missing", "ComputerSystem.Reset", "ResetType")
    if reset_type not in allowed:
        return refuse("parameter_value", str(reset_type), "ResetType", "ComputerSystem.Reset")
    state = bmc.machine.power.state
    conflicts = bmc.policy("409_if_same", bmc.shape.same_state_conflicts)
    if conflicts and (
        (state == "On" and reset_type == "On") or (state == "Off" and reset_type not in ("On", "PushPowerButton"))
    ):
        return refuse("same_state", "ResetType", reset_type)
    resting = bmc.plant.clock.now() - bmc.machine.power.settled[2]
    if state == "Off" and reset_type == "On" and resting < bmc.policy("409_for", 0):
        return refuse("same_state", "ResetType", reset_type)
    bmc.machine.power.reset(reset_type, bmc.who(request))
    return bmc.start_task("Computer System Reset", RESET_TASK_SECONDS) if bmc.shape.reset_by_task else Answer(204)


# ---- processors and memory ----


def _processor(index: int, bmc: Bmc) -> Json:
    family, gpu = bmc.machine.family, index - bmc.machine.family.processors
    path = f"{bmc.places.system}/Processors/{index + 1}"
    if gpu >= 0:
        return resource(
            path, "Processor.v1_18_0.Processor", f"GPU {gpu + 1}", ProcessorType="GPU", Socket=f"GPU {gpu + 1}",
            Manufacturer=family.gpu.split()[0], Model=family.gpu, TotalCores=16_896, MaxSpeedMHz=1_980, Status=status(),
            SerialNumber=f"{bmc.machine.serial}G{gpu:02}", MemorySummary={"TotalMemorySizeMiB": 98_304},
        )  # fmt: skip
    return resource(
        path, "Processor.v1_18_0.Processor", f"CPU {index + 1}", ProcessorType="CPU", ProcessorArchitecture="x86",
        InstructionSet="x86-64", Socket=f"CPU {index + 1}", Manufacturer="Tarn", Model=family.processor,
        TotalCores=family.cores,
        TotalThreads=family.cores * 2, MaxSpeedMHz=3_900, Status=status(),
    )  # fmt: skip


def _memory(index: int, bmc: Bmc) -> Json:
    family, dimm = bmc.machine.family, bmc.machine.parts.dimms[index]
    path = f"{bmc.places.system}/Memory/{index + 1}"
    return resource(
        path, "Memory.v1_17_1.Memory", dimm.name, DeviceLocator=dimm.slot, MemoryType="DRAM",
        MemoryDeviceType="DDR5" if family.dimm_mhz > 4000 else "DDR4",
        BaseModuleType="RDIMM", ErrorCorrection="MultiBitECC", CapacityMiB=family.dimm_gib * 1024,
        OperatingSpeedMhz=family.dimm_mhz,
        Manufacturer="Rowan", PartNumber=f"RW{family.dimm_gib}G{family.dimm_mhz}R", SerialNumber=dimm.serial,
        RankCount=2,
        Status=status(dimm.health), Metrics=ref(f"{path}/MemoryMetrics"),
    )  # fmt: skip


def _memory_metrics(index: int, bmc: Bmc) -> Json:
    dimm = bmc.machine.parts.dimms[index]
    counts = {"CorrectableECCErrorCount": dimm.corrected, "UncorrectableECCErrorCount": dimm.uncorrected}
    return resource(
        f"{bmc.places.system}/Memory/{index + 1}/MemoryMetrics", "MemoryMetrics.v1_7_1.MemoryMetrics",
        f"{dimm.name} Metrics",
        LifeTime=counts, CurrentPeriod=counts,
        HealthData={"AlarmTrips": {"CorrectableECCError": dimm.health == "Warning",
                "UncorrectableECCError": dimm.uncorrected > 0}},
    )  # fmt: skip


# ---- network ----


def _linked(bmc: Bmc, port: Port) -> bool:
    return port.up and bmc.machine.power.state != "Off"


def _interface(index: int, bmc: Bmc) -> Json:
    port = bmc.machine.parts.ports[index]
    up = _linked(bmc, port)
    return resource(
        f"{bmc.places.system}/EthernetInterfaces/NIC.{index + 1}", "EthernetInterface.v1_9_0.EthernetInterface",
        port.name,
        MACAddress=port.mac, PermanentMACAddress=port.mac, InterfaceEnabled=True,
        LinkStatus="LinkUp" if up else "LinkDown",
        SpeedMbps=bmc.machine.family.port_gbps * 1000 if up else 0, FullDuplex=True,
        Status=status("OK" if port.up else "Warning"),
        Links={"Chassis": ref(bmc.places.chassis)},
    )  # fmt: skip


def _adapter(bmc: Bmc) -> Json:
    path = f"{bmc.places.chassis}/NetworkAdapters/NIC.1"
    family, rollup = bmc.machine.family, bmc.machine.health()["Network"]
    return resource(
        path, "NetworkAdapter.v1_9_0.NetworkAdapter", "Network Adapter 1", Manufacturer="Osier",
        Model=f"Osier {family.port_gbps}G-{family.ports}",
        SerialNumber=f"OS{bmc.machine.serial}", PartNumber=f"OS-{family.port_gbps}{family.ports}",
        Status=status(rollup=rollup),
        Controllers=[{"FirmwarePackageVersion": firmware_of(family, "NetworkAdapter"),
                "ControllerCapabilities": {"NetworkPortCount": family.ports}}],
        Ports=ref(f"{path}/Ports"),
    )  # fmt: skip


def _port(index: int, bmc: Bmc) -> Json:
    port = bmc.machine.parts.ports[index]
    up, gbps = _linked(bmc, port), bmc.machine.family.port_gbps
    return resource(
        f"{bmc.places.chassis}/NetworkAdapters/NIC.1/Ports/{index + 1}", "Port.v1_9_0.Port", port.name,
        PortId=str(index + 1),
        PortProtocol="Ethernet", PortType="BidirectionalPort", LinkStatus="LinkUp" if up else "LinkDown",
        LinkState="Enabled",
        InterfaceEnabled=True, CurrentSpeedGbps=gbps if up else 0, MaxSpeedGbps=gbps,
        Status=status("OK" if port.up else "Warning"),
        Ethernet={"AssociatedMACAddresses": [port.mac]},
    )  # fmt: skip
