"""Dell: iDRAC 8, 9 and 10."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.accents.ipmi import IDRAC
from emulator.accents.model import ALL_RESETS, BOTH, Accent, Family, Json, Shape
from emulator.accents.plain import NVME, SAS_SSD, SATA_SSD
from emulator.accents.words import (
    change,
    drive_of,
    drop,
    each,
    fill,
    hours_on,
    is_present,
    life_left,
    put,
    short_of,
    told,
    unsaid,
    when,
)
from emulator.push.shape import Push

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc
    from emulator.redfish.errors import Answer
    from emulator.server import Request

R750 = "recording dell-r750-idrac9 (iDRAC9 6.00.30.00)"
GUIDE = "iDRAC Redfish API guides"
EVENTS = "Dell event and error message reference"

MESSAGES = {
    "PowerStateChanged": "SYS1003", "BootCompleted": "OSE0003", "PowerCommand": "SYS1000", "ShutdownIgnored": "SYS1001",
    "BmcStarted": "RAC0182", "SessionOpened": "USR0030", "LoginRefused": "USR0031", "LogCleared": "LOG203",
    "ConfigurationChanged": "RAC0701", "ClockSynchronised": "RAC1195", "InventoryTaken": "SYS1300",
    "DriveFailure": "PDR1001", "DrivePredictiveFailure": "PDR16", "DriveMediaErrors": "PDR54",
    "DriveLifeLow": "PDR214", "DriveRemoved": "PDR5", "DriveInserted": "PDR8", "VolumeDegraded": "VDR8",
    "VolumeFailure": "VDR57", "RebuildStarted": "VDR30", "VolumeOk": "VDR58", "FanFailed": "FAN0001",
    "FanRestored": "FAN0002", "TemperatureHigh": "TMP0120", "TemperatureCritical": "TMP0121",
    "TemperatureNormal": "TMP0122", "PowerSupplyFailed": "PSU0001", "PowerSupplyRestored": "PSU0017",
    "PowerLost": "PSU0003", "PowerRestored": "PSU0016", "RedundancyLost": "RDU0012", "RedundancyRegained": "RDU0011",
    "CorrectableErrors": "MEM0701", "UncorrectableError": "MEM0001", "LinkDown": "NIC100", "LinkUp": "NIC101",
}  # fmt: skip
"""The Lifecycle Controller's code for what happened; numbers of kinds that Dell tells otherwise are derived."""

SHAPE = Shape(
    redfish_version="1.13.1", system_id="System.Embedded.1", chassis_id="System.Embedded.1",
    manager_id="iDRAC.Embedded.1", storage_id="RAID.Integrated.1-1", thermal_power=True, subsystems=True, expand=True,
    expand_levels=1, telemetry=True, reset_types=("On", "ForceOff", "ForceRestart", "GracefulRestart",
        "GracefulShutdown", "PushPowerButton", "Nmi", "PowerCycle"),
    logs_under_manager=True, event_log="Sel", lifecycle_log="Lclog", log_page=50, backplane_id="Enclosure.Internal.0-1",
    lists_absent=False, led=("IndicatorLED",), max_sessions=8, session_timeout=1800, zone="-05:00",
    push=Push(stream_path="SSE", ends_after=3_600.0, of_log="lifecycle", registries=("IDRAC",)),
)  # fmt: skip

DISK = "Disk.Bay.{n}:Enclosure.Internal.0-1:RAID.Integrated.1-1"


def _lifecycle(bmc: Bmc, document: Json) -> Json:
    """An entry of the Lifecycle log as the iDRAC writes it."""
    document |= {
        "MessageId": f"IDRAC.2.7.{MESSAGES.get(short_of(document), 'LOG007')}",
        "EntryType": "Oem", "OemRecordFormat": "Dell",
        "MessageArgs@odata.count": len(document["MessageArgs"]),
        "Oem": {"Dell": {"@odata.type": "#DellLCLogEntry.v1_1_0.DellLCLogEntry", "Category": "System Health",
                "Comment": None, "LastUpdatedByUser": None}},
    }  # fmt: skip
    document.setdefault("Links", {})
    return document


def _sel(bmc: Bmc, document: Json) -> Json:
    """An entry of the SEL: a raw number for a MessageId, and no word of what it concerns."""
    number = sum(short_of(document).encode()) & 0xFFFF
    document |= {"MessageId": f"{number:04x}2102", "MessageArgs": [], "MessageArgs@odata.count": 0, "Links": {},
        "EntryCode": "Assert", "SensorNumber": number & 0xFF, "SensorType": None}  # fmt: skip
    return document


def _is_sel(bmc: Bmc, document: Json) -> bool:
    return bool(document["EntryType"] == "SEL")


def _disk(bmc: Bmc, document: Json) -> Json:
    """`DellPhysicalDisk`, in which the iDRAC keeps what it knows of a drive behind a RAID controller."""
    drive = drive_of(bmc, document)
    return {
        "@odata.type": "#DellPhysicalDisk.v1_5_0.DellPhysicalDisk", "Slot": drive.bay, "Connector": 0,
        "PredictiveFailureState": "SmartAlertPresent" if drive.predicted else "SmartAlertAbsent",
        "RemainingRatedWriteEndurance": life_left(bmc, document), "PowerStatus": "On",
        "RaidStatus": "Failed" if drive.failed else "Rebuilding" if drive.rebuild else "Online",
        "OperationName": "Rebuilding" if drive.rebuild else "None",
        "OperationPercentCompletePercent": drive.rebuilt(bmc.plant.clock.now()) if drive.rebuild else 0,
        "ErrorDescription": None, "HoursPoweredOn": hours_on(bmc, document),
    }  # fmt: skip


def _rollups(bmc: Bmc, document: Json) -> Json:
    health = bmc.machine.health()
    word = {"OK": "OK", "Warning": "Degraded", "Critical": "Error"}
    return {
        "@odata.type": "#DellSystem.v1_3_0.DellSystem", "ChassisServiceTag": bmc.machine.serial,
        "FanRollupStatus": word[health["Fans"]], "PSRollupStatus": word[health["PowerSupplies"]],
        "StorageRollupStatus": word[health["Storage"]], "TempRollupStatus": word[health["Thermal"]],
        "SysMemPrimaryStatus": word[health["Memory"]], "EstimatedExhaustTemperatureCelsius": 255,
        "EstimatedSystemAirflowCFM": 255,
    }  # fmt: skip


def two_messages(bmc: Bmc, request: Request, answer: Answer) -> Answer:
    """An error in the standard's words and in the iDRAC's, one after the other."""
    error = (answer.document or {}).get("error") if answer.status >= 400 else None
    if isinstance(error, dict):
        error["code"] = "Base.1.8.GeneralError"
        error["message"] = "A general error has occurred. See ExtendedInfo for more information"
        infos = error["@Message.ExtendedInfo"]
        code = {404: "SYS403", 401: "RAC0506", 503: "RAC0218", 409: "SYS428"}.get(answer.status, "SYS439")
        own = {**infos[0], "MessageId": f"IDRAC.2.7.{code}", "MessageArgs@odata.count": len(infos[0]["MessageArgs"]),
            "RelatedProperties": [], "RelatedProperties@odata.count": 0}  # fmt: skip
        error["@Message.ExtendedInfo"] = [*infos, own]
        error["@Message.ExtendedInfo@odata.count"] = 2
    return answer


def old_port(bmc: Bmc, document: Json) -> Json:
    """NetworkPort, from before there was Port; an adapter links to NetworkPorts."""
    if "Ports" in document:
        return document | {"NetworkPorts": document.pop("Ports")}
    if "PortId" not in document:
        return document
    speed = document["CurrentSpeedGbps"] * 1000
    kept = {key: document[key] for key in ("@odata.id", "Id", "Name", "Status")}
    return kept | {
        "@odata.type": "#NetworkPort.v1_2_5.NetworkPort", "ActiveLinkTechnology": "Ethernet",
        "LinkStatus": "Up" if document["LinkStatus"] == "LinkUp" else "Down", "CurrentLinkSpeedMbps": speed,
        "PhysicalPortNumber": document["PortId"], "AssociatedNetworkAddresses":
        document["Ethernet"]["AssociatedMACAddresses"],
        "SupportedLinkCapabilities": [{"LinkNetworkTechnology": "Ethernet", "LinkSpeedMbps":
            int(document["MaxSpeedGbps"] * 1000)}],
    }  # fmt: skip


OLD_LIMITS = tuple(f"{way}Threshold{how}" for way in ("Upper", "Lower") for how in ("NonCritical", "Critical", "Fatal"))


def nulls(*names: str) -> tuple[str, ...]:
    """Names of Thermal and Power entries that are told as null where there is nothing to tell."""
    return (*OLD_LIMITS, *names)


ROOT_TAG = Accent(
    name="dell-service-tag", evidence=R750, on="ServiceRoot",
    tell=told(
        put("Oem/Dell", lambda bmc, _: {"@odata.type": "#DellServiceRoot.v1_0_0.DellServiceRoot", "IsBranded": 0,
            "ServiceTag": bmc.machine.serial}),
        put("Product", "Integrated Dell Remote Access Controller"), put("Vendor", "Dell"), drop("UUID"),
    ),
)  # fmt: skip
CONTEXT = Accent(
    name="dell-context", evidence=R750, on="*",
    tell=lambda bmc, document: {
        "@odata.context": f"/redfish/v1/$metadata#{str(document.get('@odata.type', '#')).split('.')[0][1:]}",
        **document,
    },
)  # fmt: skip
PARTS = Accent(
    name="dell-part-ids", evidence=R750,
    lies=(
        ("{system}/Memory/{n}", "{system}/Memory/DIMM.Socket.{slot}"),
        ("{system}/Processors/{n}", "{system}/Processors/CPU.Socket.{n}"),
        ("{system}/EthernetInterfaces/NIC.{n}", "{system}/EthernetInterfaces/NIC.Integrated.1-{n}-1"),
        ("{chassis}/NetworkAdapters/NIC.1", "{chassis}/NetworkAdapters/NIC.Integrated.1"),
        ("{chassis}/NetworkAdapters/NIC.Integrated.1/Ports/{n}",
         "{chassis}/NetworkAdapters/NIC.Integrated.1/Ports/NIC.Integrated.1-{n}"),
        ("{chassis}/ThermalSubsystem/Fans/{n}", "{chassis}/ThermalSubsystem/Fans/Fan.Embedded.{n}A"),
        ("{chassis}/PowerSubsystem/PowerSupplies/{n}", "{chassis}/PowerSubsystem/PowerSupplies/PSU.Slot.{n}"),
        ("{chassis}/Sensors/Fan{n}", "{chassis}/Sensors/Fan.Embedded.{n}A"),
        ("{chassis}/Sensors/Inlet", "{chassis}/Sensors/SystemBoardInletTemp"),
        ("{chassis}/Sensors/Exhaust1", "{chassis}/Sensors/SystemBoardExhaustTemp"),
        ("{chassis}/Sensors/TotalPower", "{chassis}/Sensors/SystemBoardPwrConsumption"),
        ("{manager}/EthernetInterfaces/1", "{manager}/EthernetInterfaces/NIC.1"),
        ("{storage}/Controllers/1", "{storage}/Controllers/RAID.Integrated.1-1"),
        ("{storage}/Volumes/{n}", "{storage}/Volumes/Disk.Virtual.{n}:RAID.Integrated.1-1"),
    ),
)  # fmt: skip
DRIVES_BY_STORAGE = Accent(
    name="dell-drive-ids",
    evidence=f"{R750}; that drives lie under Storage though a backplane chassis holds them",
    lies=(("Chassis/Enclosure.Internal.0-1/Drives/Bay.{n}", f"{{storage}}/Drives/{DISK}"),),
)
WEAR = Accent(
    name="dell-wear-in-oem",
    evidence=f"{R750}: DellPhysicalDisk, DellPCIeSSD; check_redfish cr_module/storage.py reads DellPhysicalDisk; "
             "that the older one told no life in the standard's place: derived",
    on="Drive", tell=when(is_present, drop("PredictedMediaLifeLeftPercent"), put("Oem", {}),
        put("Oem/Dell", lambda bmc, d: {"@odata.type": "#DellOem.v1_3_0.DellOemResources",
            "DellPhysicalDisk": _disk(bmc, d)})),
)  # fmt: skip
NULL_WEAR = Accent(
    name="dell-wear-null",
    evidence="recording dell-r750-idrac9: RemainingRatedWriteEndurancePercent null; of a drive beside the standard's "
             "property: derived",
    on="Drive", tell=when(is_present, drop("Oem/Emulated"), put("Oem/Dell", lambda bmc, d: {
        "@odata.type": "#DellOem.v1_3_0.DellOemResources",
        "DellPhysicalDisk": _disk(bmc, d) | {"RemainingRatedWriteEndurance": None}})),
)  # fmt: skip
DRIVE = Accent(
    name="dell-drive-words", evidence=R750, on="Drive",
    tell=when(is_present, put("Name", lambda bmc, d: f"Physical Disk 0:1:{drive_of(bmc, d).bay}"), put("Location", []),
        put("LocationIndicatorActive", None), put("BlockSizeBytes", 512), drop("StatusIndicator")),
)  # fmt: skip
SYSTEM = Accent(
    name="dell-system-words", evidence=R750, on="ComputerSystem",
    tell=told(put("SKU", lambda bmc, _: bmc.machine.serial), put("HostName", ""),
        put("SerialNumber", lambda bmc, _: f"CNFCP00{bmc.machine.uuid[:6].upper()}"),
        put("Oem/Dell", lambda bmc, d: {"@odata.type": "#DellOem.v1_3_0.DellOemResources",
            "DellSystem": _rollups(bmc, d)})),
)  # fmt: skip
CHASSIS = Accent(
    name="dell-chassis-tag", evidence=R750, on="Chassis",
    tell=put("SKU", lambda bmc, _: bmc.machine.serial),
)  # fmt: skip
LOGS = Accent(
    name="dell-log-words",
    evidence=f"{R750}; codes: {EVENTS}",
    on="LogEntry",
    tell=lambda bmc, document: (_sel if _is_sel(bmc, document) else _lifecycle)(bmc, document),
)
KEPT_LOG = Accent(
    name="dell-lclog-not-clearable", evidence=R750, on="LogService",
    tell=told(when(lambda _, d: d["Id"] == "Lclog", drop("Actions"), put("LogEntryType", "OEM"),
        put("MaxNumberOfRecords", 500_000)), drop("Status")),
)  # fmt: skip
SENSORS = Accent(
    name="dell-sensor-nulls", evidence=f"{R750}: every threshold is told, null where there is none; fans in RPM",
    on="Sensor",
    tell=told(
        *(put(f"Thresholds/{name}", lambda _, d, name=name: d.get("Thresholds", {}).get(name, {"Reading": None}))
          for name in ("UpperCaution", "UpperCritical", "LowerCaution", "LowerCritical")),
        when(lambda _, d: d["ReadingType"] == "Rotational", put("ReadingUnits", "RPM"),
             put("SpeedRPM", lambda _, d: d["Reading"])),
    ),
)  # fmt: skip
THERMAL = Accent(
    name="dell-thermal-nulls", evidence=R750, on="Thermal",
    tell=told(each("Fans", put("FanName", lambda _, d: d["Name"]), fill(*nulls("MinReadingRange", "MaxReadingRange")),
        put("Redundancy", []), put("Redundancy@odata.count", 0)),
        each("Temperatures", fill(*nulls("MinReadingRangeTemp", "MaxReadingRangeTemp")))),
)  # fmt: skip
POWER = Accent(
    name="dell-power-words", evidence=R750, on="Power",
    tell=told(each("PowerSupplies", put("Name", lambda _, d: f"PS{d['Name'][-1]} Status"), put("Redundancy", []),
        put("Oem/Dell/DellPowerSupplyView", {"DetailedState": "Presence Detected", "RedundancyStatus": "Unknown"})),
        each("Voltages", fill(*nulls())), put("Redundancy", []), put("Redundancy@odata.count", 0)),
)  # fmt: skip
FAN = Accent(
    name="dell-fan-without-percent", evidence=R750, on="Fan",
    tell=told(drop("SpeedPercent/Reading", "SpeedPercent/DataSourceUri"), put("Location/PartLocation/LocationType",
        "Bay"), drop("Manufacturer", "Model", "PartNumber")),
)  # fmt: skip
MEMORY = Accent(
    name="dell-ecc-not-counted", evidence=f"{R750}: MemoryMetrics has alarm trips and no counts", on="MemoryMetrics",
    tell=told(drop("LifeTime", "CurrentPeriod"), put("HealthData/DataLossDetected", None),
        put("HealthData/PredictedMediaLifeLeftPercent", None)),
)  # fmt: skip
OLD_PORTS = Accent(
    name="dell-network-ports", evidence=f"{R750}: NetworkPorts of the older schema where Ports are now",
    lies=(
        ("{chassis}/NetworkAdapters/NIC.Integrated.1/Ports",
         "{chassis}/NetworkAdapters/NIC.Integrated.1/NetworkPorts"),
    ),
    on="NetworkAdapter Port", tell=old_port,
)  # fmt: skip
EVENT_SERVICE = Accent(
    name="dell-events-disabled", evidence=f"{R750}: ServiceEnabled false beside an offered stream", on="EventService",
    tell=told(put("ServiceEnabled", False), put("EventTypesForSubscription", ["Alert", "MetricReport", "Other"])),
)  # fmt: skip
UNSAID = unsaid(
    "dell-unsaid", R750, ComputerSystem="BootProgress", Chassis="HeightMm EnvironmentMetrics", Manager="Manufacturer",
    PowerSupply="InputRanges LineInputStatus Location", Sensor="RelatedItem", SessionService="Status",
    Thermal="Status", Power="Status", SoftwareInventory="Manufacturer RelatedItem",
)  # fmt: skip
ERRORS = Accent(name="dell-two-messages", evidence=f"{R750}: counts and a general text; two messages: {GUIDE}",
    answers=two_messages)  # fmt: skip

IDRAC_9 = (ROOT_TAG, PARTS, DRIVES_BY_STORAGE, NULL_WEAR, DRIVE, SYSTEM, CHASSIS, LOGS, KEPT_LOG, SENSORS, THERMAL,
    POWER, FAN, MEMORY, OLD_PORTS, EVENT_SERVICE, UNSAID, ERRORS, CONTEXT)  # fmt: skip

OLD_SHAPE = replace(
    SHAPE, redfish_version="1.0.2", subsystems=False, expand=False, telemetry=False, reset_types=(
        "On", "ForceOff", "GracefulRestart", "GracefulShutdown", "PushPowerButton", "Nmi"),
    max_sessions=6, boot_progress=False, backplane_id="", same_state_conflicts=True,
    push=Push(streams=0),
)  # fmt: skip
IDRAC_8 = (
    Accent(
        name="idrac8-old-paths",
        evidence="idrac_exporter#143, #210, #26 (F37); iDRAC8 API guide: Logs/Sel, Sessions, Storage/Drives",
        lies=(
            ("SessionService/Sessions", "Sessions"),
            ("{manager}/LogServices/Sel/Entries", "{manager}/Logs/Sel"),
            ("{manager}/LogServices/Lclog/Entries", "{manager}/Logs/Lclog"),
            ("{storage}/Drives/Bay.{n}", f"{{system}}/Storage/Drives/{DISK}"),
            ("{storage}/Volumes/{n}", "{system}/Storage/Volumes/Disk.Virtual.{n}:RAID.Integrated.1-1"),
        ),
    ),
    *(row for row in IDRAC_9 if row not in (DRIVES_BY_STORAGE, NULL_WEAR, SENSORS, FAN)), WEAR,
    Accent(
        name="idrac8-member-ids", evidence="derived: MemberId as the sensor's own name, as in DellOemSensor.DeviceID",
        on="Thermal", tell=told(each("Fans", change("MemberId", to=lambda m: f"0x17||Fan.Embedded.{int(m) + 1}A")),
            each("Temperatures", change("MemberId", to=lambda m: f"iDRAC.Embedded.1#Temp.{m}"))),
    ),
    Accent(
        name="idrac8-first-drive-schema",
        evidence="Drive 1.0 has no PhysicalLocation; that iDRAC8 keeps to it: derived",
        on="Drive", tell=when(is_present, drop("PhysicalLocation", "LocationIndicatorActive", "HotspareType")),
    ),
)  # fmt: skip
IDRAC_10 = (
    *(row for row in IDRAC_9 if row not in (THERMAL, POWER)),
    Accent(
        name="idrac10-409-after-power-off", evidence="Ironic note power-on-conflict-retry (F63)",
        fault={"409_for": 20},
    ),
    Accent(
        name="idrac10-no-thermal", evidence="bmclib-dell (17G Monolithic 1.20.50.52); that Thermal and Power are gone "
        "with iDRAC10: derived from the guide's list of removed resources",
        lacks=("{chassis}/Thermal", "{chassis}/Power"),
    ),
)  # fmt: skip

DELL_FAMILIES = (
    Family(
        speaks=BOTH, ipmi=IDRAC,
        name="dell-idrac8", vendor="Dell Inc.", model="PowerEdge R730", shape=OLD_SHAPE, height_u=2, drive=SATA_SSD,
        bays=8, empty_bays=2, raid=(("RAID1", 2), ("RAID5", 6)), processor="Intel(R) Xeon(R) CPU E5-2680 v4", cores=14,
        dimm_gib=16, dimm_mhz=2400, fans=6, fan_rpm=12_000, supply_watts=750, port_gbps=10, idle_watts=150,
        peak_watts=480, bios="2.13.0", firmware="2.83.83.83", accents=IDRAC_8,
    ),
    Family(
        speaks=BOTH, ipmi=IDRAC,
        name="dell-idrac9", vendor="Dell Inc.", model="PowerEdge R750", shape=SHAPE, height_u=2, drive=SAS_SSD, bays=12,
        empty_bays=4, spares=1, raid=(("RAID1", 2), ("RAID6", 9)), processor="Intel(R) Xeon(R) Gold 6330", cores=28,
        dimm_mhz=3200, fans=6, fan_rpm=18_600, supply_watts=2_400, idle_watts=280, peak_watts=840, bios="1.8.2",
        firmware="6.00.30.00", accents=IDRAC_9,
    ),
    Family(
        speaks=BOTH, ipmi=IDRAC,
        name="dell-idrac10", vendor="Dell Inc.", model="PowerEdge R670", shape=replace(SHAPE,
            redfish_version="1.20.1", led=("LocationIndicatorActive",), reset_types=ALL_RESETS, max_sessions=8),
        height_u=1, drive=NVME, bays=10, raid=(("RAID1", 2), ("RAID6", 8)), processor="Intel(R) Xeon(R) 6740P",
        cores=48, dimms=32, dimm_mhz=6400, fans=8, fan_rpm=20_000, supply_watts=1_500, port_gbps=100, idle_watts=310,
        peak_watts=960, bios="1.2.6", firmware="1.20.50.52", accents=IDRAC_10,
    ),
)  # fmt: skip
