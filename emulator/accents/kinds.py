"""Machines that are no plain server: shelves, PDUs, coolant units, boxes of drives, accelerators, blades.

Their resources are the standard's (DSP2046); vendors' words are rows as everywhere else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.accents.model import Accent, Family, Json, Shape
from emulator.accents.openbmc import AMI_SHAPE, STOCK_SHAPE, by_info
from emulator.accents.plain import NVME, SATA_SSD
from emulator.accents.words import change, drop, put, told, when
from emulator.push.shape import Push

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc
    from emulator.redfish.errors import Answer
    from emulator.server import Request

STANDARD = "DSP2046"
DELTA = "recording powershelf-delta"
PDU = "recording dmtf-public-pdu"
LIQUID = "recordings dmtf-public-liquid-cooled-server and lambda-single-resources"
GB300 = "recordings supermicro-gb300-openbmc, nvidia-gb300-lambda and nvidia-dgx-h100-ami"
BLADED = "recordings dmtf-public-bladed and hpe-cray-ex235a"

SHAPE = Shape(
    redfish_version="1.17.0", system_id="none", chassis_id="1", manager_id="BMC", thermal_power=False, subsystems=True,
    expand=True, expand_levels=6, telemetry=False, logs_under_manager=True, event_log="Log", lifecycle_log="Audit",
    led=("LocationIndicatorActive",), zone="+00:00", boot_progress=False,
)  # fmt: skip


def without_system(name: str, evidence: str, *more: str) -> Accent:
    """Nothing that computes."""
    return Accent(name=name, evidence=evidence, lacks=("Systems", "{chassis}/NetworkAdapters", *more))


def _type(name: str, evidence: str, chassis_type: str) -> Accent:
    return Accent(name=name, evidence=evidence, on="Chassis", tell=put("ChassisType", chassis_type))


NO_STORAGE = ("UpdateService/FirmwareInventory/BIOS", "UpdateService/FirmwareInventory/StorageController",
    "UpdateService/FirmwareInventory/NetworkAdapter")  # fmt: skip

SHELF_ROWS = (
    without_system("shelf-without-system", DELTA, *NO_STORAGE),
    Accent(
        name="shelf-ids", evidence=DELTA,
        lies=(("{chassis}/Sensors/{key}", "{chassis}/Sensors/{label}"),
              ("{manager}/EthernetInterfaces/1", "{manager}/EthernetInterfaces/eth0")),
    ),
    Accent(name="shelf-inline-supplies", evidence=f"{DELTA} (F38)", match={"path": "/PowerSupplies"},
        fault={"inline_members": True}),
    Accent(name="shelf-inline-sensors", evidence=f"{DELTA} (F38)", match={"path": "/Sensors"},
        fault={"inline_members": True}),
    Accent(
        name="shelf-thresholds-null", evidence=DELTA, on="Sensor",
        tell=told(*(put(f"Thresholds/{name}", lambda _, d, name=name: d.get("Thresholds", {}).get(name, {"Reading":
            None})) for name in ("UpperCaution", "UpperCritical", "LowerCaution", "LowerCritical")),
            put("ReadingRangeMax", None), put("ReadingRangeMin", None), drop("PhysicalContext")),
    ),
    Accent(name="shelf-supply-words", evidence=DELTA, on="PowerSupply", tell=told(put("PowerSupplyType", "DC"),
        drop("LineInputStatus"), put("Version", "S1"), put("Oem/deltaenergysystems/Power", True))),
)  # fmt: skip
PDU_ROWS = (
    without_system("pdu-without-system", PDU, "{chassis}/ThermalSubsystem", "{chassis}/PowerSubsystem", *NO_STORAGE),
    _type("pdu-power-strip", f"{STANDARD}: ChassisType PowerStrip; {PDU}", "PowerStrip"),
    Accent(
        name="pdu-outlet-names", evidence=PDU,
        lies=(("PowerEquipment/RackPDUs/1/Outlets/{n}", "PowerEquipment/RackPDUs/1/Outlets/A{n}"),
              ("{chassis}/Sensors/Outlet{n}Power", "{chassis}/Sensors/PowerA{n}"),
              ("{chassis}/Sensors/Outlet{n}Current", "{chassis}/Sensors/CurrentA{n}")),
    ),
    Accent(name="pdu-outlet-without-state", evidence=f"{PDU}: a circuit has Health and no State", on="Circuit",
        tell=drop("Status/State")),
)  # fmt: skip
CDU_ROWS = (
    without_system("cdu-without-system", f"{STANDARD}: CoolingUnit", *NO_STORAGE),
    Accent(
        name="cdu-pumps-below-the-unit", evidence=f"{STANDARD}: CoolingUnit.Pumps and LeakDetection",
        lies=(("{chassis}/ThermalSubsystem/Pumps", "ThermalEquipment/CDUs/1/Pumps"),
              ("{chassis}/ThermalSubsystem/LeakDetection", "ThermalEquipment/CDUs/1/LeakDetection")),
    ),
    Accent(name="cdu-leak-word", evidence=f"{LIQUID}: DetectorState LeakDetected, which the schema has not",
        on="LeakDetector", tell=put("DetectorState", lambda _, d: "OK" if d["DetectorState"] == "OK" else
            "LeakDetected")),
)  # fmt: skip
JBOF_ROWS = (
    without_system("jbof-without-system", f"{STANDARD}: Storage below the service root",
        "UpdateService/FirmwareInventory/BIOS", "{storage}/Volumes"),
    _type("jbof-enclosure", f"{STANDARD}: ChassisType StorageEnclosure", "StorageEnclosure"),
)  # fmt: skip


def _identity(bmc: Bmc, document: Json) -> Json:
    """A card in a slot rather than a machine in a rack."""
    return document | {"ChassisType": "Card", "Location": {"PartLocation": {"LocationType": "Slot"}}}


DPU_ROWS = (
    Accent(
        name="dpu-system-type", evidence=f"{STANDARD}: SystemType DPU; NVIDIA BlueField BMC manual: Systems/Bluefield",
        on="ComputerSystem", tell=told(put("SystemType", "DPU"), drop("SKU", "AssetTag")),
    ),
    Accent(name="dpu-card", evidence="NVIDIA BlueField BMC manual: Chassis/Card1; its type: derived", on="Chassis",
        tell=_identity),
    Accent(name="dpu-no-supplies", evidence="derived: a card is fed by its slot",
        lacks=("{chassis}/PowerSubsystem", "{chassis}/ThermalSubsystem/Fans")),
    Accent(name="dpu-ports-by-name", evidence="NVIDIA BlueField BMC manual: NvidiaNetworkAdapter, eth0",
        lies=(("{chassis}/NetworkAdapters/NIC.1", "{chassis}/NetworkAdapters/NvidiaNetworkAdapter"),
              ("{chassis}/NetworkAdapters/NvidiaNetworkAdapter/Ports/{n}",
               "{chassis}/NetworkAdapters/NvidiaNetworkAdapter/Ports/eth{z}"))),
    by_info("dpu-action-info", "NVIDIA BlueField BMC manual, on bmcweb"),
)  # fmt: skip

HGX_IDS = Accent(
    name="hgx-part-ids", evidence=GB300,
    lies=(
        ("Systems/HGX_Baseboard_0/Processors/{n}", "Systems/HGX_Baseboard_0/Processors/GPU_SXM_{n}"),
        ("Systems/HGX_Baseboard_0/Memory/{n}", "Systems/HGX_Baseboard_0/Memory/GPU_SXM_{n}_DRAM_0"),
        ("Systems/HGX_Baseboard_0/Processors/{key}/Ports/{n}",
         "Systems/HGX_Baseboard_0/Processors/{key}/Ports/NVLink_{n}"),
        ("Chassis/GPU.{n}", "Chassis/HGX_GPU_SXM_{n}"),
        ("{chassis}/Sensors/GPU{n}Memory", "Chassis/HGX_GPU_SXM_{n}/Sensors/HGX_GPU_SXM_{n}_DRAM_0_Temp_0"),
        ("{chassis}/Sensors/GPU{n}Power", "Chassis/HGX_GPU_SXM_{n}/Sensors/HGX_GPU_SXM_{n}_Power_0"),
        ("{chassis}/Sensors/GPU{n}", "Chassis/HGX_GPU_SXM_{n}/Sensors/HGX_GPU_SXM_{n}_TEMP_0"),
    ),
)  # fmt: skip


def _own_sensors(bmc: Bmc, document: Json) -> Json:
    """The chassis lists what is in it, and leaves the GPUs' sensors to their own chassis."""
    if document["@odata.id"] != f"{bmc.places.chassis}/Sensors":
        return document
    kept = [member for member in document["Members"] if "/Sensors/GPU" not in member["@odata.id"]]
    return document | {"Members": kept, "Members@odata.count": len(kept)}


def _nvidia_memory(document: Json) -> Json:
    """Rows that were remapped, as far as errors are counted; a server's own modules have none."""
    counts = document["LifeTime"]
    remapped = {"CorrectableRowRemappingCount": counts["CorrectableECCErrorCount"] // 100,
        "UncorrectableRowRemappingCount": counts["UncorrectableECCErrorCount"]}  # fmt: skip
    return document | {"Oem": {"Nvidia": {"RowRemapping": remapped}}}


def _nvidia_port(document: Json) -> Json:
    down = document.pop("RXErrors")
    del document["TXErrors"]
    errors = {"RuntimeError": bool(down), "TrainingError": False}
    return document | {
        "Oem": {"Nvidia": {"LinkDownedCount": down, "LinkErrorRecoveryCount": 0, "NVLinkErrors": errors}}
    }


PAGE = 75


def _with_more(bmc: Bmc, request: Request, answer: Answer) -> Answer:
    """A next page although everything is there already."""
    members = (answer.document or {}).get("Members")
    if request.method == "GET" and isinstance(members, list) and len(members) > PAGE:
        skip = request.query.get("$skip", "0")
        more = f"{request.path}?$skip={(int(skip) if skip.isdecimal() else 0) + PAGE}"
        answer.document = {**(answer.document or {}), "Members@odata.nextLink": more}
    return answer


HGX_ROWS = (
    HGX_IDS,
    Accent(
        name="hgx-pages-overlap", answers=_with_more,
        evidence="recording nvidia-dgx-h100-ami: 264 of 264 sensors and a nextLink to $skip=75 with 189 (F40); perhaps "
                 "the capture's doing",
    ),
    Accent(
        name="hgx-fan-speed-for-percent", on="Fan", tell=put("SpeedPercent/Reading", lambda _, d:
            d["SpeedPercent"]["SpeedRPM"]),
        evidence="recording nvidia-dgx-h100-ami: SpeedPercent.Reading 4408 beside SpeedRPM 4408 (F32)",
    ),
    Accent(
        name="hgx-supply-without-status", on="PowerSupply",
        evidence="recording nvidia-dgx-h100-ami: a PowerSupply has neither Status nor capacity",
        tell=drop("Status", "PowerCapacityWatts", "PowerSupplyType", "InputRanges", "LineInputStatus"),
    ),
    Accent(name="hgx-counts-missing", evidence="recording nvidia-dgx-h100-ami: PowerSupplies without a count",
        on="PowerSupplyCollection", tell=drop("Members@odata.count")),
    Accent(name="hgx-sensors-by-gpu", evidence=GB300, on="SensorCollection", tell=_own_sensors),
    Accent(name="hgx-long-ago", evidence="recording supermicro-gb300-openbmc: LastResetTime 1970-01-01 (F49)",
        on="ComputerSystem", tell=put("LastResetTime", "1970-01-01T00:00:00+00:00")),
    Accent(
        name="hgx-metrics-in-oem", evidence=GB300, on="MemoryMetrics PortMetrics",
        tell=lambda bmc, d: _nvidia_port(d) if "RXErrors" in d else _nvidia_memory(d),
    ),
    Accent(name="hgx-port-conditions", evidence=GB300, on="Port", tell=put("Status/Conditions", [])),
    by_info("hgx-action-info", "recording nvidia-dgx-h100-ami"),
    Accent(name="hgx-500-on-a-sensor", evidence="recording nvidia-gh200-openbmc: InternalError on 87 resources (F08)",
        match={"path": "/Sensors/IoUsage"}, fault={"status": 500}),
)  # fmt: skip
HGX_SHAPE = replace(AMI_SHAPE, system_id="DGX", chassis_id="DGX", manager_id="BMC", baseboard_id="HGX_Baseboard_0",
    subsystems=True, redfish_version="1.11.0", if_match_required=True, push=Push(), log_page=75)  # fmt: skip

BLADE_SHAPE = replace(SHAPE, system_id="Blade", chassis_id="Blade", storage_id="1", thermal_power=True,
    subsystems=False, expand=False, logs_under_manager=False)  # fmt: skip
BLADE = Family(
    name="blade", vendor="Contoso", model="SX1000", shape=BLADE_SHAPE, height_u=1, drive=SATA_SSD, bays=2,
    raid=(("RAID1", 2),), processor="Intel(R) Xeon(R) Gold 6330", processors=2, cores=28, dimms=8, fans=0, supplies=0,
    idle_watts=110, peak_watts=420, bios="P86 v1.58", firmware="1.00",
)  # fmt: skip


def _enclosed(bmc: Bmc, document: Json) -> Json:
    """The chassis of the blades holds theirs, and all have one serial number."""
    own, document["SerialNumber"] = bmc.places.chassis, bmc.machine.serial
    if document["@odata.id"] == own:
        held = [{"@odata.id": node.places.chassis} for node in bmc.nodes]
        document["Links"] |= {"Contains": held, "Contains@odata.count": len(held)}
        return document | {"ChassisType": "Enclosure"}
    document["Links"]["ContainedBy"] = {"@odata.id": own}
    return document | {"ChassisType": "Blade"}


BLADES_ROWS = (
    Accent(name="blades-system-of-none", evidence=BLADED, lacks=("{system}", "{chassis}/NetworkAdapters",
        *NO_STORAGE)),
    Accent(name="blades-one-serial", evidence=f"fusioninventory#1904; Ironic note lookup-many-bmcs (F47); {BLADED}",
        on="Chassis", tell=_enclosed),
    Accent(name="blades-wrong-count", evidence="recording dmtf-public-rackmount1: 3 members, count 2",
        on="SoftwareInventoryCollection", tell=change("Members@odata.count", to=lambda count: count - 1)),
    Accent(name="blades-no-redundancy-of-none", evidence=BLADED, on="Thermal Power", tell=when(
        lambda _, d: not d.get("Fans") and not d.get("PowerSupplies"), drop("Redundancy", "Fans", "PowerSupplies"))),
)  # fmt: skip

KIND_FAMILIES = (
    BLADE,
    Family(
        name="power-shelf", vendor="DELTA", model="AHE50V660A33KWR", kind="pdu", height_u=1, drive=NVME, bays=0,
        raid=(),
        shape=replace(SHAPE, chassis_id="PowerShelf_0", manager_id="PMC_0"), processors=0, dimms=0, ports=0, fans=6,
        supplies=6, supply_watts=5_500, idle_watts=4_000, peak_watts=24_000, bios="", firmware="01050105",
        accents=SHELF_ROWS,
    ),
    Family(
        name="rack-pdu", vendor="Contoso", model="ZAP4000", kind="pdu", height_u=1, drive=NVME, bays=0, raid=(),
        shape=replace(SHAPE, chassis_id="PDU", manager_id="PDUManager", expand=False), processors=0, dimms=0, ports=0,
        fans=0, supplies=0, outlets=16, idle_watts=2_600, peak_watts=6_900, bios="", firmware="4.3.0", accents=PDU_ROWS,
    ),
    Family(
        name="rack-cdu", vendor="Contoso", model="CoolFlow 100", kind="cooling", height_u=4, drive=NVME, bays=0,
        raid=(), shape=replace(SHAPE, chassis_id="CDU"), processors=0, dimms=0, ports=0, fans=0, supplies=2,
        supply_watts=3_000, pumps=2, leak_detectors=3, idle_watts=900, peak_watts=2_400, bios="", firmware="2.1.7",
        accents=CDU_ROWS,
    ),
    Family(
        name="jbof", vendor="Contoso", model="FlashBox 24", kind="storage", height_u=2, drive=NVME, bays=24, raid=(),
        shape=replace(SHAPE, chassis_id="JBOF", standalone_storage=True, drives_under_chassis=True), processors=0,
        dimms=0, ports=2, port_gbps=100, fans=8, supplies=2, supply_watts=1_600, idle_watts=220, peak_watts=640,
        bios="", firmware="1.4.0", accents=JBOF_ROWS,
    ),
    Family(
        name="dpu", vendor="NVIDIA", model="BlueField-3", height_u=1, drive=NVME, bays=1, raid=(), processors=1,
        processor="ARMv8.2 A78", cores=16, dimms=2, dimm_gib=16, shape=replace(STOCK_SHAPE, system_id="Bluefield",
            chassis_id="Card1", manager_id="Bluefield_BMC", thermal_power=False), fans=0, supplies=0, ports=2,
        port_gbps=200, idle_watts=55, peak_watts=110, bios="4.5.0", firmware="BF-24.01-5", accents=DPU_ROWS,
    ),
    Family(
        name="blades", vendor="Contoso", model="SX1000 enclosure", height_u=6, drive=NVME, bays=0, raid=(), blades=4,
        blade=BLADE, shape=replace(SHAPE, chassis_id="MultiBladeEncl", expand=False, thermal_power=True), processors=0,
        dimms=0, ports=0, fans=6, supplies=4, supply_watts=2_400, idle_watts=600, peak_watts=2_100, bios="",
        firmware="1.00", accents=BLADES_ROWS,
    ),
    Family(
        name="gpu-hgx", vendor="NVIDIA", model="DGXH100", height_u=8, drive=NVME, bays=8, raid=(("RAID0", 8),),
        shape=HGX_SHAPE, processor="Intel(R) Xeon(R) Platinum 8480C", cores=56, dimms=32, dimm_gib=64, gpus=8,
        gpu="NVIDIA H100 80GB HBM3", nvlinks=6,
        leak_detectors=4, fans=12, fan_rpm=13_000, supplies=6, supply_watts=3_300, ports=4, port_gbps=400,
        idle_watts=1_900, peak_watts=9_400, load=(0.6, 0.15), bios="1.1.3", firmware="24.01.05", accents=HGX_ROWS,
    ),
)  # fmt: skip
