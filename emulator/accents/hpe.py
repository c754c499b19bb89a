"""HPE: iLO 4, 5, 6 and 7."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.accents.hpe_storage import ARRAY, smart_storage, unique_id
from emulator.accents.ipmi import ILO
from emulator.accents.model import BOTH, Accent, Family, Json, Shape
from emulator.accents.plain import NVME, SAS_SSD, SATA_SSD
from emulator.accents.words import (
    OLD_EVENTS,
    change,
    drive_of,
    drop,
    each,
    events_by_type,
    fan_percent,
    is_present,
    put,
    rename,
    short_of,
    told,
    unsaid,
    when,
)
from emulator.push.shape import Push
from emulator.redfish.places import ref, resource
from emulator.redfish.resource import Resource

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc
    from emulator.redfish.errors import Answer
    from emulator.server import Request

ILO_5 = "recordings hpe-dl385-gen10plus-ilo5-critical and hpe-dl325-gen10plus-ilo5"
ILO_6 = "recording hpe-dl380a-gen11-ilo6"
ILO_7 = "recording hpe-dl360-gen12-ilo7"
ILO_4 = "snippet hp-ilo4-thermal-fan.json; iLO 4 RESTful API reference"

SHAPE = Shape(
    redfish_version="1.6.0", system_id="1", chassis_id="1", manager_id="1", storage_id="DE081000", thermal_power=True,
    subsystems=False, expand=True, expand_forms=".", expand_levels=1, telemetry=False,
    reset_types=("On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi", "PushPowerButton", "GracefulRestart"),
    same_state_conflicts=True, split_logs=True, event_log="IML", lifecycle_log="IEL", oldest_first=True,
    led=("IndicatorLED",), max_sessions=12, session_timeout=1800, bare_fragments=True, boot_progress=False,
    push=Push(streams=0, needs=("Destination",), refuses=("RegistryPrefixes", "ResourceTypes")),
)  # fmt: skip


def _identified(bmc: Bmc, document: Json) -> Json:
    index = int(document["Id"])
    return document | {"Identifiers": [{"DurableName": unique_id(bmc, index), "DurableNameFormat": "NAA"}]}


def _same_controller(bmc: Bmc, document: Json) -> Json:
    return document | {"Model": ARRAY, "SerialNumber": f"PEYHC{bmc.machine.serial}"}


# ---- words ----


def _integrated_log(oem: str) -> Callable[[Bmc, Json], Json]:
    """An entry of IML or IEL: no MessageId, a class and a code instead, and whether the matter is repaired."""

    def tell(bmc: Bmc, document: Json) -> Json:
        short, is_hardware = short_of(document), document["EntryType"] == "SEL"
        part = document.get("Links", {}).get("OriginOfCondition")
        told_severity = {"OK": "Informational", "Warning": "Caution", "Critical": "Critical"}[document["Severity"]]
        for name in ("MessageId", "MessageArgs", "Links"):
            document.pop(name, None)
        document |= {
            "EntryType": "Oem", "OemRecordFormat": f"{oem}-{'IML' if is_hardware else 'IEL'}",
            "Name": "Integrated Management Log" if is_hardware else "iLO Event Log",
            "Oem": {oem: {
                "@odata.type": f"#{oem}LogEntry.v2_4_0.{oem}LogEntry", "Class": 10 + len(short) % 40,
                "ClassDescription": "Hardware" if part else "Maintenance", "Code": sum(short.encode()) % 256,
                "Count": 1, "EventNumber": int(document["Id"]), "Severity": told_severity,
                "Updated": document["Created"],
            }},
        }  # fmt: skip
        if is_hardware and told_severity != "Informational":
            document["Oem"][oem]["Repaired"] = _mended(bmc, short)
        return document

    return tell


def _mended(bmc: Bmc, short: str) -> bool:
    """Whether nothing of the sort is wrong now."""
    health = bmc.machine.health()
    subsystems = {"Drive": "Storage", "Volume": "Storage", "Fan": "Fans", "Power": "PowerSupplies", "Temp": "Thermal",
        "Link": "Network", "Corr": "Memory", "Uncor": "Memory"}  # fmt: skip
    return next((health[name] == "OK" for start, name in subsystems.items() if short.startswith(start)), False)


def _aggregate(bmc: Bmc, document: Json) -> Json:
    health = bmc.machine.health()
    return {
        "AggregateServerHealth": health["System"],
        "FanRedundancy": "Redundant" if health["Fans"] == "OK" else "NonRedundant",
        "PowerSupplyRedundancy": "Redundant" if bmc.machine.redundant else "NonRedundant",
        **{name: {"Status": {"Health": health[key]}} for name, key in (
            ("Fans", "Fans"), ("Memory", "Memory"), ("Network", "Network"), ("PowerSupplies", "PowerSupplies"),
            ("Storage", "Storage"), ("Temperatures", "Thermal"))},
    }  # fmt: skip


def bare_errors(bmc: Bmc, request: Request, answer: Answer) -> Answer:
    """An error of ids and arguments alone; what a state forbids is a 400."""
    error = (answer.document or {}).get("error") if answer.status >= 400 else None
    if isinstance(error, dict):
        infos = [{name: info[name] for name in ("MessageArgs", "MessageId")} for info in error["@Message.ExtendedInfo"]]
        if answer.status == 409:
            answer.status, infos = 400, [{"MessageId": "iLO.2.14.InvalidOperationForSystemState", "MessageArgs": []}]
        answer.document = {"error": {
            "code": "iLO.0.10.ExtendedInfo", "message": "See @Message.ExtendedInfo for more information.",
            "@Message.ExtendedInfo": infos,
        }}  # fmt: skip
    return answer


def root(oem: str, generation: str, evidence: str) -> Accent:
    """The service root names the generation in an Oem array."""
    return Accent(
        name=f"hpe-root-{generation.replace(' ', '').lower()}", evidence=evidence, on="ServiceRoot",
        tell=told(put("Name", "HPE RESTful Root Service"), drop("Product", "RedfishVersion"), put("Vendor", "HPE"),
            put(f"Oem/{oem}", lambda bmc, _: {
                "@odata.type": f"#{oem}iLOServiceExt.v2_4_0.{oem}iLOServiceExt",
                "Manager": [{"ManagerType": generation, "ManagerFirmwareVersion": bmc.machine.family.firmware,
                    "Status": {"Health": "OK"}}]})),
    )  # fmt: skip


IDS = Accent(
    name="hpe-part-ids", evidence=ILO_5,
    lies=(
        ("{system}/Memory/{n}", "{system}/Memory/proc{cpu}dimm{seat}"),
        ("{storage}/Drives/Bay.{n}", "{storage}/Drives/{n}"),
        ("{storage}/Volumes/{n}", "{storage}/Volumes/{m}"),
        ("{system}/EthernetInterfaces/NIC.{n}", "{system}/EthernetInterfaces/{n}"),
        ("{chassis}/NetworkAdapters/NIC.1", "{chassis}/NetworkAdapters/DE084000"),
        ("{chassis}/NetworkAdapters/DE084000/Ports/{n}", "{chassis}/NetworkAdapters/DE084000/Ports/{z}"),
        ("{storage}/Controllers/1", "{storage}/Controllers/0"),
    ),
)  # fmt: skip
LOGS = Accent(name="hpe-log-words", evidence=f"{ILO_5}; Repaired (F56): iLO 5 HpeLogEntry schema", on="LogEntry",
    tell=_integrated_log("Hpe"))  # fmt: skip
FANS_IN_PERCENT = Accent(
    name="hpe-fans-in-percent", evidence=ILO_5, on="Thermal",
    tell=each("Fans", put("Reading", fan_percent), put("ReadingUnits", "Percent"), drop("PhysicalContext",
        "LowerThresholdNonCritical", "LowerThresholdCritical"),
        put("Oem/Hpe", {"@odata.type": "#HpeServerFan.v2_0_0.HpeServerFan", "Location": "System", "Redundant": True})),
)  # fmt: skip


def _numbered(bmc: Bmc, document: Json) -> Json:
    entries = document["Temperatures"]
    for number, entry in enumerate(entries, start=1):
        entry |= {"Name": f"{number:02}-{entry['Name']}", "SensorNumber": number, "UpperThresholdFatal": None} | {
            key: value for key, value in entry.items() if key == "UpperThresholdFatal"}  # fmt: skip
    number = len(entries) + 1
    base = str(entries[0]["@odata.id"]).rpartition("/")[0]
    entries.append({
        "@odata.id": f"{base}/{number - 1}", "MemberId": str(number - 1), "Name": f"{number:02}-PCI 3",
        "PhysicalContext": "SystemBoard", "ReadingCelsius": 0, "SensorNumber": number, "Status": {"State": "Absent"},
        "UpperThresholdCritical": None, "UpperThresholdFatal": None,
    })  # fmt: skip
    return document


SEA_OF_SENSORS = Accent(
    name="hpe-sea-of-sensors",
    evidence=f"{ILO_5}: names are numbered, an absent sensor reads 0",
    on="Thermal",
    tell=_numbered,
)
SUPPLIES = Accent(
    name="hpe-supplies-in-oem", evidence=ILO_5, on="Power",
    tell=each("PowerSupplies", put("Oem/Hpe", lambda bmc, d: {
        "@odata.type": "#HpeServerPowerSupply.v2_0_0.HpeServerPowerSupply", "BayNumber": int(d["MemberId"]) + 1,
        "AveragePowerOutputWatts": d["PowerOutputWatts"], "HotplugCapable": True, "Mismatched": False,
        "PowerSupplyStatus": {"State": {"OK": "Ok", "Warning": "PowerInputLost", "Critical": "Failed"}[
            d["Status"]["Health"]]}}),
        put("Name", "HpeServerPowerSupply"), drop("PowerInputWatts", "PowerOutputWatts", "LineInputStatus"),
        put("LineInputVoltageType", "ACHighLine")),
)  # fmt: skip
NO_VOLTAGES = Accent(name="hpe-no-voltages", evidence=ILO_5, on="Power", tell=drop("Voltages", "Status"))
SYSTEM = Accent(
    name="hpe-aggregate-health", evidence=f"{ILO_7}; {ILO_5}", on="ComputerSystem",
    tell=told(put("Oem/Hpe/@odata.type", "#HpeComputerSystemExt.v2_14_0.HpeComputerSystemExt"),
        put("Oem/Hpe/AggregateHealthStatus", _aggregate), put("AssetTag", lambda bmc, d: f"{d['AssetTag']:32}")),
)  # fmt: skip
SMART = Accent(
    name="hpe-smart-storage", evidence=f"{ILO_5}: SmartStorage beside Storage", adds=smart_storage("Hpe"),
    on="ComputerSystem",
    tell=put("Oem/Hpe/Links/SmartStorage", lambda bmc, _: ref(f"{bmc.places.system}/SmartStorage")),
)  # fmt: skip
TOLD_TWICE = Accent(
    name="hpe-volumes-told-twice",
    evidence=f"{ILO_5}: Identifiers hold the VolumeUniqueIdentifier of SmartStorage",
    on="Volume",
    tell=_identified,
)
ONE_CONTROLLER = Accent(
    name="hpe-controller-told-twice",
    evidence=f"{ILO_5}: both tellings have one model and serial number",
    on="Storage",
    tell=each("StorageControllers", _same_controller),
)
MEMORY = Accent(
    name="hpe-memory-without-metrics", evidence=f"{ILO_5}: DIMMStatus in Oem, no Metrics; words of a bad one: derived",
    on="Memory", lacks=("{system}/Memory/{n}/MemoryMetrics",),
    tell=told(put("Name", lambda _, d: d["@odata.id"].rpartition("/")[2]), put("Oem/Hpe", lambda _, d: {
        "@odata.type": "#HpeMemoryExt.v2_5_0.HpeMemoryExt", "Attributes": ["HpeSmartMemory"],
        "DIMMStatus": "GoodInUse" if d["Status"]["Health"] == "OK" else "DegradedInUse"})),
)  # fmt: skip
MINUTES = Accent(
    name="hpe-timeout-in-minutes", evidence=f"{ILO_5}: SessionTimeout 30; that it counts minutes: derived",
    on="SessionService", tell=change("SessionTimeout", to=lambda seconds: max(1, seconds // 60)),
)  # fmt: skip
NOT_READY = Accent(
    name="hpe-not-ready",
    evidence="sushy note retry-ilo (F63); for how long: derived",
    fault={"409_for": 15},
)
ERRORS = Accent(
    name="hpe-bare-errors",
    answers=bare_errors,
    evidence=f"{ILO_5}; {ILO_7}: no Message, no Severity; 400 where others say 409: sushy note retry-ilo",
)


BIOS = "/redfish/v1/systems/1/bios"
OWN_CASE = Accent(
    name="hpe-links-in-lower-case", evidence=f"{ILO_7}: Bios links to /redfish/v1/systems/1/bios", on="ComputerSystem",
    adds=lambda _: {BIOS: Resource(get=lambda _: resource(BIOS, "Bios.v1_0_0.Bios", "BIOS Settings", Attributes={}))},
    tell=put("Bios", {"@odata.id": BIOS}),
)  # fmt: skip
EVENTS = events_by_type("hpe-events-by-type", ILO_5, *OLD_EVENTS)
PREFIXES = Accent(
    name="hpe-events-by-registry", evidence=f"{ILO_6}; {ILO_7}", on="EventService",
    tell=told(drop("EventFormatTypes", "EventTypesForSubscription", "SubordinateResourcesSupported"),
        put("RegistryPrefixes", ["iLOEvents", "ResourceEvent", "NetworkDevice", "StorageDevice", "iLOResourceEvents",
            "iLOSecurityEvents"])),
)  # fmt: skip
UNSAID = unsaid(
    "hpe-unsaid", f"{ILO_5}; {ILO_6}; {ILO_7}", ComputerSystem="PartNumber", Chassis="HeightMm",
    Manager="LastResetTime Manufacturer PowerState", LogService="LogEntryType MaxNumberOfRecords",
    Thermal="Redundancy Status", SoftwareInventory="Manufacturer", Port="InterfaceEnabled",
)  # fmt: skip
WEAK_TAGS = Accent(name="hpe-weak-etags", evidence=ILO_5, fault={"etag": "weak"})

ILO_5_ROWS = (root("Hpe", "iLO 5", ILO_5), IDS, LOGS, FANS_IN_PERCENT, SEA_OF_SENSORS, SUPPLIES, NO_VOLTAGES, SYSTEM,
    MEMORY, SMART, TOLD_TWICE, ONE_CONTROLLER, MINUTES, NOT_READY, ERRORS, EVENTS, UNSAID, WEAK_TAGS)  # fmt: skip


# ---- iLO 4: before Redfish had its form ----


def _first_types(bmc: Bmc, document: Json) -> Json:
    """Types without `v`, a `Type` beside, and links under `links` with `href`."""
    kind = str(document.get("@odata.type", "#x.x.x"))[1:].split(".")[0]
    is_list = kind.endswith("Collection")
    document["@odata.type"] = f"#{kind}.{kind}" if is_list else f"#{kind}.1.0.0.{kind}"
    document["Type"] = "Collection.1.0.0" if is_list else f"{kind}.1.0.0"
    if "@odata.id" in document:
        document["links"] = {"self": {"href": document["@odata.id"]}}
    if is_list:
        document["MemberType"], document["Total"] = f"{kind[:-10]}.1", document.get("Members@odata.count", 0)
        document["links"]["Member"] = [{"href": m["@odata.id"]} for m in document.get("Members", ())
            if "@odata.id" in m]  # fmt: skip
    return document


def _slashes(bmc: Bmc, document: Json) -> Json:
    """Every link ends in a slash, but those into a document."""

    def slashed(value: object) -> object:
        if isinstance(value, dict):
            return {key: f"{item.rstrip('/')}/" if key in ("@odata.id", "href") and isinstance(item, str)
                    and "#" not in item else slashed(item) for key, item in value.items()}  # fmt: skip
        return [slashed(item) for item in value] if isinstance(value, list) else value

    return {key: f"{value}/" if key == "@odata.id" and "?" not in value and not value.endswith("/") else slashed(value)
            for key, value in document.items()}  # fmt: skip


ILO_4_ROWS = (
    root("Hp", "iLO 4", ILO_4), IDS,
    Accent(name="ilo4-log-words", evidence=ILO_4, on="LogEntry", tell=_integrated_log("Hp")),
    Accent(
        name="ilo4-fans-by-old-names", evidence=ILO_4, on="Thermal",
        tell=told(each("Fans", put("Reading", fan_percent), rename("Reading", "CurrentReading"),
            rename("Name", "FanName"), drop("ReadingUnits", "PhysicalContext", "LowerThresholdNonCritical",
                "LowerThresholdCritical"), put("Units", "Percent")),
            each("Temperatures", put("CurrentReading", lambda _, d: d["ReadingCelsius"]), put("Units", "Celsius"))),
    ),
    NO_VOLTAGES,
    Accent(
        name="ilo4-smart-storage-alone", evidence=f"{ILO_4}; SmartStorage without the standard's Storage",
        adds=smart_storage("Hp"), lacks=("{system}/Storage",), on="ComputerSystem",
        tell=put("Oem/Hp/links/SmartStorage", lambda bmc, _: {"href": f"{bmc.places.system}/SmartStorage"}),
    ),
    Accent(name="ilo4-first-types", evidence=ILO_4, on="*", tell=_first_types),
    Accent(name="ilo4-trailing-slashes", evidence=f"{ILO_4}; {ILO_5}: 128 of them", on="*", tell=_slashes),
)  # fmt: skip


# ---- iLO 6 and 7: the subsystems ----

NEW_SHAPE = replace(SHAPE, redfish_version="1.13.0", subsystems=True, telemetry=True, expand_forms=".~*",
    backplane_id="DE00A000", storage_id="DE00A000", led=("IndicatorLED", "LocationIndicatorActive"),
    # By RegistryPrefixes, as iLO 5 goes by EventTypes: the maker's page on iLO event services.
    push=Push(streams=0, refuses=("EventTypes",), registries=("iLOEvents", "ResourceEvent", "StorageDevice")),
    boot_progress=True, max_sessions=16)  # fmt: skip
NEW_IDS = Accent(
    name="hpe-numbers-for-ids", evidence=f"{ILO_6}; {ILO_7}",
    lies=(
        ("{chassis}/Sensors/{key}", "{chassis}/Sensors/{index}"),
        ("{chassis}/ThermalSubsystem/Fans/{n}", "{chassis}/ThermalSubsystem/Fans/{z}"),
        ("{chassis}/PowerSubsystem/PowerSupplies/{n}", "{chassis}/PowerSubsystem/PowerSupplies/{z}"),
        ("Chassis/DE00A000/Drives/Bay.{n}", "Chassis/DE00A000/Drives/{n}"),
        *IDS.lies,
    ),
)  # fmt: skip


def _sea_name(bmc: Bmc, document: Json) -> Json:
    """A sensor's name as Thermal has it, with its number in front."""
    temperatures = [row.name for row in bmc.machine.sensors.rows if row.type == "Temperature"]
    if document.get("ReadingType") == "Temperature":
        document["Name"] = f"{temperatures.index(document['Name']) + 1:02}-{document['Name']}"
    return document


SEA_NAMES = Accent(
    name="hpe-sea-of-sensor-names",
    evidence=f"{ILO_6}; {ILO_7}: the numbered names of Thermal",
    on="Sensor",
    tell=_sea_name,
)
BARE_SENSORS = Accent(
    name="hpe-sensors-without-type", evidence=f"{ILO_6}: no ReadingType, no ReadingUnits, empty thresholds",
    on="Sensor", tell=told(drop("ReadingType", "ReadingUnits"), put("Thresholds/UpperCaution", {}),
        put("Thresholds/UpperCriticalUser", {"Reading": 0})),
)  # fmt: skip


def _real(value: float | None) -> float | None:
    return None if value is None else float(value)


def _box(bmc: Bmc, document: Json) -> str:
    return f"Slot=17:Port=2:Box=1:Bay={drive_of(bmc, document).bay + 1}"


BARE_FANS = Accent(
    name="hpe-fan-percent-alone",
    evidence=ILO_6,
    on="Fan",
    tell=drop("SpeedPercent/SpeedRPM", "SpeedPercent/DataSourceUri", "Manufacturer", "Model", "PartNumber", "Location"),
)
BARE_SUPPLIES = Accent(
    name="hpe-supply-without-metrics", evidence=ILO_6, on="PowerSupply",
    lacks=("{chassis}/PowerSubsystem/PowerSupplies/{n}/Metrics",),
    tell=told(drop("InputRanges", "LineInputStatus", "Location", "PartNumber"), put("Name", "HpeServerPowerSupply"),
        put("Oem/Hpe", {"PowerSupplyStatus": {}})),
)  # fmt: skip
DRIVES = Accent(
    name="hpe-drive-words", evidence=ILO_6, on="Drive",
    tell=when(is_present, change("PredictedMediaLifeLeftPercent", to=_real),
        put("PhysicalLocation/PartLocation/ServiceLabel", _box),
        drop("Manufacturer", "PartNumber", "Oem")),
)  # fmt: skip
NEW_UNSAID = unsaid(
    "hpe-subsystems-unsaid", f"{ILO_6}; {ILO_7}", Sensor="RelatedItem", ThermalSubsystem="FanRedundancy Status",
    PowerSubsystem="Status", Chassis="EnvironmentMetrics",
)  # fmt: skip
NO_POWER_SUBSYSTEM = Accent(
    name="ilo7-no-power-subsystem",
    evidence=f"{ILO_7}: Power and no PowerSubsystem",
    lacks=("{chassis}/PowerSubsystem",),
)
NEW_ROWS = (NEW_IDS, LOGS, FANS_IN_PERCENT, SEA_OF_SENSORS, SUPPLIES, NO_VOLTAGES, SYSTEM, MEMORY, SEA_NAMES,
    BARE_SENSORS, BARE_FANS, BARE_SUPPLIES, DRIVES, MINUTES, OWN_CASE, ERRORS, PREFIXES,
    UNSAID, NEW_UNSAID, WEAK_TAGS)  # fmt: skip

HPE_FAMILIES = (
    Family(
        speaks=BOTH, ipmi=ILO,
        name="hpe-ilo4", vendor="HP", model="ProLiant DL380 Gen9", shape=replace(SHAPE, redfish_version="1.0.0",
            expand=False, max_sessions=6, tasks=False, bare_fragments=False), height_u=2, drive=SATA_SSD, bays=8,
        raid=(("RAID1", 2), ("RAID5", 6)), processor="Intel(R) Xeon(R) CPU E5-2640 v4", cores=10, dimm_gib=16,
        dimm_mhz=2400, fans=6, fan_rpm=14_000, supply_watts=800, port_gbps=10, idle_watts=130, peak_watts=430,
        bios="P89 v2.80 (10/20/2020)", firmware="iLO 4 v2.78", accents=ILO_4_ROWS,
    ),
    Family(
        speaks=BOTH, ipmi=ILO,
        name="hpe-ilo5", vendor="HPE", model="ProLiant DL385 Gen10 Plus v2", shape=SHAPE, height_u=2, drive=SAS_SSD,
        bays=8, spares=1, raid=(("RAID1", 2), ("RAID5", 5)), processor="AMD EPYC 7313 16-Core Processor", cores=16,
        dimm_gib=64, dimm_mhz=3200, fans=6, fan_rpm=16_000, supply_watts=1_600, idle_watts=220, peak_watts=690,
        bios="A42 v2.60 (08/11/2022)", firmware="iLO 5 v2.72", accents=ILO_5_ROWS,
    ),
    Family(
        speaks=BOTH, ipmi=ILO,
        name="hpe-ilo6", vendor="HPE", model="ProLiant DL380a Gen11", shape=NEW_SHAPE, height_u=2, drive=NVME, bays=6,
        raid=(("RAID1", 2), ("RAID5", 4)), processor="Intel(R) Xeon(R) Platinum 8462Y+", cores=32, dimms=24,
        dimm_gib=64, fans=6, fan_rpm=18_000, supplies=4, supply_watts=2_200, port_gbps=100, idle_watts=360,
        peak_watts=1_150, bios="U58 v2.44 (01/17/2025)", firmware="iLO 6 v1.66",
        accents=(root("Hpe", "iLO 6", ILO_6), *NEW_ROWS),
    ),
    Family(
        speaks=BOTH, ipmi=ILO,
        name="hpe-ilo7", vendor="HPE", model="HPE ProLiant Compute DL360 Gen12", shape=replace(NEW_SHAPE,
            redfish_version="1.20.0"), height_u=1, drive=NVME, bays=4, empty_bays=4, raid=(("RAID1", 2), ("RAID1", 2)),
        processor="Intel(R) Xeon(R) 6710E", cores=64, dimm_gib=32, dimm_mhz=6400, fans=7, fan_rpm=22_000,
        supply_watts=1_500, port_gbps=100, idle_watts=260, peak_watts=780, bios="U68 v1.40 (05/22/2025)",
        firmware="1.14.00 May 28 2025", accents=(root("Hpe", "iLO 7", ILO_7), NO_POWER_SUBSYSTEM,
            *(row for row in NEW_ROWS if row is not BARE_SUPPLIES)),
    ),
)  # fmt: skip
