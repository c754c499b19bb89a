"""Supermicro: X10 to X14 and H14."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from zlib import crc32

from emulator.accents.ipmi import SUPERMICRO
from emulator.accents.model import BOTH, Accent, Family, Json, Shape
from emulator.accents.plain import NVME, SATA_SSD
from emulator.accents.words import (
    OLD_EVENTS,
    change,
    drive_of,
    drop,
    each,
    events_by_type,
    fill,
    is_present,
    life_used,
    put,
    rename,
    short_of,
    text,
    told,
    unsaid,
    when,
)
from emulator.push.shape import Push
from emulator.redfish.places import Places, collection, ref, resource, status
from emulator.redfish.resource import Resource

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

X10 = "recording supermicro-x10sdv-1 (AST2400, firmware 4.00)"
X13 = "recording supermicro-821ge-x13 (X13DEG-OAD, BMC 11.01.01)"
H14 = "snippets supermicro-h14-chassis-critical.json and supermicro-networkadapter-absurd-counts.json"

SHAPE = Shape(
    redfish_version="1.11.0", system_id="1", chassis_id="1", manager_id="1", storage_id="NVMeSSD", thermal_power=True,
    subsystems=False, expand=False, telemetry=False,
    reset_types=("On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "Nmi", "ForceOn"),
    split_logs=True, event_log="Log1", lifecycle_log="Log1", oldest_first=True,
    backplane_id="NVMeSSD.0.Group.0.StorageBackplane", lists_absent=False,
    led=("IndicatorLED", "LocationIndicatorActive"), max_sessions=8, session_timeout=300,
    push=Push(streams=0),
)  # fmt: skip
NUMBERS = ("UpperThresholdCritical", "UpperThresholdFatal", "LowerThresholdCritical", "LowerThresholdFatal",
    "MinReadingRange", "MaxReadingRange")  # fmt: skip


def _mel(bmc: Bmc, document: Json) -> Json:
    """An entry of the maintenance or the health event log: a bracketed code before the text."""
    short, is_health = short_of(document), document["EntryType"] == "SEL"
    code = sum(short.encode()) % 1000
    document |= {
        "Message": f"[{'HEL' if is_health else 'MEL'}-{code:04}] {document['Message']}", "EntryType": "Oem",
        "OemRecordFormat": "SMC", "MessageId": f"Event.1.0.{short}",
        "Oem": {"Supermicro": {"@odata.type": "#SmcLogEntryExtensions.v1_0_1.LogEntry", "Interface": "Redfish",
            "Category": "Sensor" if is_health else "Account"}},
    }  # fmt: skip
    document.pop("MessageArgs")
    document.pop("Links", None)
    return document


def _raw_event(bmc: Bmc, document: Json) -> Json:
    """An X10 entry: no severity, no MessageId, placeholders where arguments would be."""
    document |= {
        "EntryType": "Event", "EntryCode": "Assert", "SensorType": "Add-in Card", "SensorNumber": 0,
        "Message": f"[ OEM ] {document['Message']}", "MessageArgs": ["ArrayOfMessageArgs"], "Links": {"Oem": {}},
        "Oem": {"Supermicro": {"@odata.type": "#SmcLogEntryExtensions.v1_0_0.LogEntry", "RawEventData": {
            "EventDirAndType": "0x6F", "SensorType": "0x0C", "SensorName": "OEM", "EventData1": "0xA0"}}},
    }  # fmt: skip
    del document["Severity"], document["MessageId"]
    return document


def _battery(family: Family) -> dict[str, Resource]:
    """Sensors that say a word and no number."""
    path = f"{Places(family.shape).chassis}/Sensors"
    battery = Resource(
        get=lambda _: resource(
            f"{path}/1", "Sensor.v1_1_1.Sensor", "VBAT", Status=status(),
            Oem={"Supermicro": {"@odata.type": "#SmcSensorExtensions.v1_0_0.Sensor", "SensorNumber": 51,
                "SensorValue": "Battery Presence Detected"}},
        )
    )  # fmt: skip
    return {path: Resource(get=lambda _: collection(path, "Sensor", [f"{path}/1"])), f"{path}/1": battery}


def _is_main(bmc: Bmc, document: Json) -> bool:
    return bool(document["ChassisType"] != "StorageEnclosure")


IDS = Accent(
    name="smc-part-ids", evidence=X13,
    lies=(
        ("Chassis/NVMeSSD.0.Group.0.StorageBackplane/Drives/Bay.{n}",
         "Chassis/NVMeSSD.0.Group.0.StorageBackplane/Drives/Disk.Bay.{n}"),
        ("{system}/EthernetInterfaces/NIC.{n}", "{system}/EthernetInterfaces/{n}"),
        ("{chassis}/NetworkAdapters/NIC.1", "{chassis}/NetworkAdapters/1"),
    ),
)  # fmt: skip
ROOT = Accent(
    name="smc-nameless-root",
    evidence=f"{X13}: neither Vendor nor Product; the id is ServiceRoot",
    on="ServiceRoot",
    tell=told(drop("Vendor", "Product"), put("Id", "ServiceRoot"), put("Oem", {"Supermicro": {}})),
)
WEAR = Accent(
    name="smc-wear-in-oem", evidence=f"{X13}; check_redfish cr_module/storage.py: 100 - PercentageDriveLifeUsed",
    on="Drive", tell=when(is_present, drop("PredictedMediaLifeLeftPercent", "MediaType", "Protocol", "BlockSizeBytes",
        "HotspareType", "PartNumber"), put("Oem", {}), put("Oem/Supermicro", lambda bmc, d: {
        "@odata.type": "#SmcDriveExtensions.v1_0_0.Drive", "Temperature": 37,
        "PercentageDriveLifeUsed": life_used(bmc, d), "DriveFunctional": not drive_of(bmc, d).failed}),
        put("Name", lambda bmc, d: f"Disk.Bay.{drive_of(bmc, d).bay}"), drop("PhysicalLocation")),
)  # fmt: skip
LOGS = Accent(name="smc-log-words", evidence=X13, on="LogEntry", tell=_mel)
THERMAL = Accent(
    name="smc-thermal-words", evidence=X13, on="Thermal",
    tell=told(each("Fans", put("Name", lambda _, d: f"FAN{int(d['MemberId']) + 1}"), drop("LowerThresholdNonCritical"),
        fill(*NUMBERS), put("PhysicalContext", "Fan")),
        each("Temperatures", drop("UpperThresholdNonCritical", "LowerThresholdNonCritical"),
            put("LowerThresholdCritical", 5), put("LowerThresholdFatal", 5),
            put("UpperThresholdFatal", lambda _, d: d.get("UpperThresholdCritical"))),
        drop("Redundancy", "Status")),
)  # fmt: skip
SUPPLIES = Accent(
    name="smc-supply-words", evidence=X13, on="Power",
    tell=each("PowerSupplies", put("Name", lambda _, d: f"Power Supply Bay {int(d['MemberId']) + 1}"),
        put("Oem/Supermicro", lambda _, d: {"@odata.type": "#SmcPowerExtensions.v1_0_0.PowerSupply",
            "SensorNumber": 192 + int(d["MemberId"])}), drop("Manufacturer", "LineInputStatus",
            "LastPowerOutputWatts"), put("LineInputVoltageType", "ACMidLine")),
)  # fmt: skip
SENSORS = Accent(
    name="smc-sensors-say-words", evidence=X13, adds=_battery, on="Chassis",
    tell=when(_is_main, put("Sensors", lambda bmc, d: ref(f"{d['@odata.id']}/Sensors"))),
)  # fmt: skip
ETAG = Accent(name="smc-etag-inside", evidence=f"{X13}: @odata.etag in every document", on="*",
    tell=put("@odata.etag", lambda _, d: f'"{crc32(str(d).encode()):032x}"'))  # fmt: skip
ABSURD = Accent(
    name="smc-absurd-counts", evidence=H14, on="NetworkAdapter",
    tell=told(put("Model", ""), put("SerialNumber", ""), put("PartNumber", ""), each("Controllers",
        put("ControllerCapabilities", {"NetworkPortCount": 913_009_764, "NetworkDeviceFunctionCount": -65_429}))),
)  # fmt: skip
LEAKED = Accent(
    name="smc-log-health",
    evidence=f"{X13}: LogService Log1 is Critical and nothing else is (F36)",
    on="LogService",
    tell=put("Status/Health", "Critical"),
)

UNSAID = unsaid(
    "smc-unsaid", f"{X13}; {X10}", ComputerSystem="AssetTag HostName", Chassis="HeightMm Location",
    Manager="Manufacturer PowerState", Power="Status", Port="CurrentSpeedGbps InterfaceEnabled LinkState MaxSpeedGbps",
)  # fmt: skip

EVENTS = events_by_type("smc-events-by-type", f"{X10}; {X13}", *OLD_EVENTS)

X10_ROWS = (
    ROOT,
    EVENTS,
    UNSAID,
    Accent(
        name="x10-blanks", evidence=X10, on="ComputerSystem Chassis",
        tell=told(put("SerialNumber", "          "), put("PartNumber", ""), put("SKU", "To be filled by O.E.M."),
            drop("LocationIndicatorActive", "BootProgress"), put("Model", "Super Server")),
    ),
    Accent(
        name="x10-without-drives", evidence=f"{X10}: no drive is told anywhere",
        lacks=("{system}/Storage/{key}", "Chassis/NVMeSSD.0.Group.0.StorageBackplane", "{chassis}/NetworkAdapters"),
    ),
    Accent(name="x10-memory-without-metrics", evidence=X10, lacks=("{system}/Memory/{n}/MemoryMetrics",), on="Memory",
        tell=drop("BaseModuleType", "ErrorCorrection")),
    Accent(name="x10-raw-events", evidence=X10, on="LogEntry", tell=_raw_event),
    Accent(name="x10-no-rollup", evidence=X10, on="ComputerSystem", tell=drop("Status/HealthRollup",
        "MemorySummary/Status/HealthRollup", "ProcessorSummary/Status/HealthRollup")),
    THERMAL, SUPPLIES,
    Accent(name="x10-offset-dates", evidence=X10, on="LogEntry",
        tell=change("Created", to=lambda instant: instant.replace("Z", "+00:00"))),
)  # fmt: skip
X11_ROWS = (
    ROOT, IDS, WEAR, THERMAL, SUPPLIES,
    Accent(name="x11-raw-events", evidence=f"{X10}; that X11 keeps the form: derived", on="LogEntry", tell=_raw_event),
    Accent(
        name="x11-old-ports", evidence="bmclib-smc_aoc: NetworkPorts where Ports are now",
        lies=(("{chassis}/NetworkAdapters/1/Ports", "{chassis}/NetworkAdapters/1/NetworkPorts"),), on="NetworkAdapter",
        tell=rename("Ports", "NetworkPorts"),
    ),
    Accent(
        name="x11-limits-as-text", evidence="gofish-go-strings: numbers as strings (F25); on Supermicro: derived",
        on="Power", tell=each("Voltages", change(*NUMBERS[:4], "UpperThresholdNonCritical", "LowerThresholdNonCritical",
            to=text)),
    ),
)  # fmt: skip
X13_ROWS = (ROOT, EVENTS, UNSAID, IDS, WEAR, LOGS, THERMAL, SUPPLIES, SENSORS, ETAG)
X14_ROWS = (*X13_ROWS, ABSURD, LEAKED)

_FAMILY = partial(
    Family, vendor="Supermicro", height_u=2, drive=NVME, bays=8, raid=(("RAID1", 2), ("RAID5", 6)), fans=6,
    fan_rpm=13_000, idle_watts=240, peak_watts=760, supply_watts=1_600, speaks=BOTH, ipmi=SUPERMICRO,
)  # fmt: skip

SUPERMICRO_FAMILIES = (
    _FAMILY(
        name="supermicro-x10", model="Super Server", shape=replace(SHAPE, redfish_version="1.0.1",
            led=("IndicatorLED",), boot_progress=False), height_u=1, drive=SATA_SSD, bays=4, raid=(("RAID1", 2),
            ("RAID1", 2)), processors=1, cores=8, dimms=4, dimm_gib=16, dimm_mhz=2133, fans=3, supply_watts=350,
        port_gbps=10, processor="Intel(R) Xeon(R) processor", idle_watts=45, peak_watts=120, bios="1.2",
        firmware="4.00", accents=X10_ROWS,
    ),
    _FAMILY(
        name="supermicro-x11", model="SYS-2029U-TN24R4T", shape=replace(SHAPE, redfish_version="1.6.0",
            boot_progress=False), dimm_mhz=2933, processor="Intel(R) Xeon(R) Gold 6230", cores=20, bios="3.5",
        firmware="1.73.14", accents=X11_ROWS,
    ),
    _FAMILY(
        name="supermicro-x12", model="SYS-220U-TNR", shape=SHAPE, dimm_mhz=3200, cores=32, bios="1.4b",
        processor="Intel(R) Xeon(R) Gold 6338", firmware="01.04.19", accents=X13_ROWS,
    ),
    _FAMILY(
        name="supermicro-x13", model="SYS-821GE-TNHR", shape=SHAPE, height_u=8, dimms=32, dimm_gib=64, cores=56,
        processor="Intel(R) Xeon(R) Platinum 8480+", fans=10, supplies=6, supply_watts=3_000, idle_watts=900,
        peak_watts=2_900, bios="1.4", firmware="11.01.01", accents=X13_ROWS,
    ),
    _FAMILY(
        name="supermicro-x14", model="SYS-222H-TN", shape=replace(SHAPE, redfish_version="1.19.0", max_sessions=16),
        dimm_mhz=6400, cores=86, processor="Intel(R) Xeon(R) 6787P", bios="1.3a", firmware="01.02.03",
        empty_bays=4, accents=X14_ROWS,
    ),
)  # fmt: skip
