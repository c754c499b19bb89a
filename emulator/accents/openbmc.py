"""OpenBMC as bmcweb tells it, and AMI MegaRAC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.accents.ipmi import MEGARAC, OPENBMC
from emulator.accents.model import BOTH, Accent, Family, Json, Shape
from emulator.accents.plain import NVME, SATA_SSD
from emulator.accents.words import drop, each, put, rename, short_of, told, unsaid, when
from emulator.push.shape import Push
from emulator.redfish.places import Places, resource
from emulator.redfish.resource import Resource

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

STOCK = "recording openbmc-stock (2.15.0-dev)"
GIGABYTE = "recording gigabyte-h262-megarac"
DGX = "recording nvidia-dgx-h100-ami"

STOCK_SHAPE = Shape(
    redfish_version="1.17.0", system_id="system", chassis_id="chassis", manager_id="bmc", thermal_power=True,
    subsystems=True, expand=False, telemetry=True,
    reset_types=("On", "ForceOff", "ForceOn", "ForceRestart", "GracefulRestart", "GracefulShutdown", "PowerCycle",
        "Nmi"),
    split_logs=True, event_log="EventLog", lifecycle_log="Journal", oldest_first=True,
    led=("LocationIndicatorActive", "IndicatorLED"), max_sessions=64, session_timeout=1800, zone="+00:00",
    # EventTypes are an unknown property: gofish#241.
    push=Push(streams=10, full_status=400, comment_every=0.0, refuses=("EventTypes",),
        registries=("Base", "OpenBMC", "TaskEvent")),
)  # fmt: skip


def allowed_by_info(family: Family) -> dict[str, Resource]:
    """ResetActionInfo, where the allowed values are told."""
    path = f"{Places(family.shape).system}/ResetActionInfo"

    def info(bmc: Bmc) -> Json:
        parameter = {"Name": "ResetType", "Required": True, "DataType": "String", "AllowableValues": bmc.reset_types()}
        return resource(path, "ActionInfo.v1_1_2.ActionInfo", "Reset Action Info", Parameters=[parameter])

    return {path: Resource(get=info)}


def by_info(name: str, evidence: str) -> Accent:
    """System.Reset names an ActionInfo and no values."""

    def action(bmc: Bmc, document: Json) -> Json:
        target = document["Actions"]["#ComputerSystem.Reset"]["target"]
        return {"target": target, "@Redfish.ActionInfo": f"{bmc.places.system}/ResetActionInfo"}

    return Accent(
        name=name, evidence=evidence, adds=allowed_by_info, on="ComputerSystem",
        tell=when(lambda _, d: "Actions" in d, put("Actions/#ComputerSystem.Reset", action)),
    )  # fmt: skip


def _openbmc_entry(bmc: Bmc, document: Json) -> Json:
    short, is_event = short_of(document), document["EntryType"] == "SEL"
    document |= {"EntryType": "Event" if is_event else "Oem", "MessageId": f"OpenBMC.0.4.{short}",
        "Name": "System Event Log Entry" if is_event else "BMC Journal Entry"}  # fmt: skip
    if not is_event:
        document |= {"OemRecordFormat": "BMC Journal Entry", "Message": f"bmcweb: {document['Message']}"}
        del document["MessageId"], document["MessageArgs"]
    return document


def _severity_word(bmc: Bmc, document: Json) -> Json:
    return document | {"Modified": document["Created"], "Resolved": False}


STOCK_ROWS = (
    Accent(
        name="bmcweb-part-ids", evidence=f"{STOCK}; recordings nvidia-gh200-openbmc, supermicro-gb300-openbmc",
        lies=(
            ("{system}/Memory/{n}", "{system}/Memory/dimm{z}"),
            ("{system}/Processors/{n}", "{system}/Processors/cpu{z}"),
            ("{storage}/Drives/Bay.{n}", "{storage}/Drives/drive_{n}"),
            ("{chassis}/ThermalSubsystem/Fans/{n}", "{chassis}/ThermalSubsystem/Fans/fan{z}"),
            ("{chassis}/PowerSubsystem/PowerSupplies/{n}", "{chassis}/PowerSubsystem/PowerSupplies/powersupply{z}"),
            ("{chassis}/Sensors/{key}", "{chassis}/Sensors/{label}"),
            ("{manager}/EthernetInterfaces/1", "{manager}/EthernetInterfaces/eth0"),
            ("{chassis}/NetworkAdapters/NIC.1", "{chassis}/NetworkAdapters/slot1"),
        ),
    ),
    by_info("bmcweb-action-info", STOCK),
    Accent(name="bmcweb-log-words", evidence=STOCK, on="LogEntry", tell=_openbmc_entry),
    Accent(name="bmcweb-nameless-root", evidence=f"{STOCK}: neither Vendor nor Product", on="ServiceRoot",
        tell=drop("Vendor", "Product")),
    Accent(
        name="bmcweb-journal-not-clearable", evidence=STOCK, on="LogService",
        tell=told(when(lambda _, d: d["Id"] == "Journal", drop("Actions")), drop("Status", "LogEntryType",
            "MaxNumberOfRecords")),
    ),
    Accent(name="bmcweb-sensor-without-caution", evidence="recording supermicro-gb300-openbmc: sensors of one limit",
        on="Sensor", tell=drop("Thresholds/UpperFatal", "RelatedItem", "RelatedItem@odata.count")),
    Accent(name="bmcweb-fan-by-sensor", evidence="bmcweb redfish-core/lib/fan.hpp: Fan without a speed", on="Fan",
        tell=drop("SpeedPercent")),
    unsaid("bmcweb-unsaid", STOCK, Chassis="HeightMm Location", Manager="Manufacturer",
        EthernetInterface="FullDuplex Links PermanentMACAddress", Thermal="Status", Power="Status",
        SessionService="Status", SoftwareInventory="Manufacturer"),
    Accent(name="bmcweb-unresolved", evidence="bmcweb log_services: Resolved, Modified", on="LogEntry",
        tell=when(lambda _, d: d["EntryType"] == "Event", _severity_word)),
)  # fmt: skip


# ---- MegaRAC ----

AMI_SHAPE = Shape(
    redfish_version="1.8.0", system_id="Self", chassis_id="Self", manager_id="Self", storage_id="StorageUnit_0",
    thermal_power=True, subsystems=False, expand=True, expand_forms=".*", expand_levels=1, telemetry=False,
    reset_types=("On", "ForceOff", "GracefulShutdown", "ForceRestart"), if_match_required=True,
    logs_under_manager=True, event_log="SEL", lifecycle_log="AuditLog", oldest_first=True, led=("IndicatorLED",),
    max_sessions=15, session_timeout=30, zone="+00:00", boot_progress=False, push=Push(streams=0),
)  # fmt: skip


def _ipmi_entry(bmc: Bmc, document: Json) -> Json:
    """An entry as IPMI has it: three bytes in hex for a text, and two instants that differ."""
    short = short_of(document)
    if document["EntryType"] == "SEL":
        number = sum(short.encode()) & 0xFF
        document |= {
            "Message": f"0x{number:02X}FFFF",
            "MessageId": "AmiIpmiOem.1.0.GeneralEventData",
            "EntryCode": "Assert",
            "SensorNumber": number,
            "SensorType": _sensor_type(short),
            "EventType": "Alert",
            "Name": f"SEL {document['Id']}",
            "EventTimestamp": document["Created"],
            "Description": "Log Entry",
        }
        del document["MessageArgs"]
    return document  # fmt: skip


def _sensor_type(short: str) -> str:
    kinds = {"Drive": "Drive Slot/Bay", "Fan": "Fan", "Temperature": "Temperature", "Power": "Power Supply / Converter",
        "Correct": "Memory", "Uncorrect": "Memory", "Redundancy": "Power Unit"}  # fmt: skip
    return next((kind for start, kind in kinds.items() if short.startswith(start)), "System Event")


AMI_ROWS = (
    by_info("ami-action-info", GIGABYTE),
    Accent(name="ami-memory-without-metrics", evidence=GIGABYTE, lacks=("{system}/Memory/{n}/MemoryMetrics",)),
    Accent(name="ami-log-words", evidence=GIGABYTE, on="LogEntry", tell=_ipmi_entry),
    Accent(
        name="ami-etag-of-the-clock", evidence=f"{GIGABYTE}: W/ and seconds since 1970 in @odata.etag", on="*",
        tell=put("@odata.etag", lambda bmc, _: f'W/"{int(bmc.started_at)}"'),
    ),
    Accent(
        name="ami-placeholders", evidence=GIGABYTE, on="ComputerSystem Chassis",
        tell=told(put("AssetTag", "Free form asset tag"), put("SKU", "01234567890123456789AB"), put("PartNumber",
            "01234567")),
    ),
    Accent(
        name="ami-root-words", evidence=GIGABYTE, on="ServiceRoot",
        tell=told(drop("Vendor"), put("Product", "AMI Redfish Server"), put("Description",
            "The service root for all Redfish requests on this host"), put("Oem/Ami", {"@odata.type":
            "#AMIServiceRoot.v1_0_0.AMIServiceRoot", "RtpVersion": "1.8.a"})),
    ),
    Accent(
        name="ami-fan-names", evidence=f"{DGX}: SPD_FAN_SYS0_F; here for Thermal: derived", on="Thermal",
        tell=told(
            each("Fans", put("Name", lambda _, d: f"SPD_FAN_SYS{d['MemberId']}_F"),
                put("MemberId", lambda _, d: f"Fan{d['MemberId']}")),
            each("Temperatures", put("Name", lambda _, d: "TEMP_" + d["Name"].upper().replace(" ", "_"))),
        ),
    ),
    Accent(
        name="ami-drive-ids", evidence="AMI MegaRAC SP-X documents; derived",
        lies=(("{storage}/Drives/Bay.{n}", "{storage}/Drives/NVMe_Device{n}_NSID1"),), on="Drive",
        tell=told(drop("FailurePredicted", "StatusIndicator"), rename("Revision", "FirmwareVersion")),
    ),
    Accent(name="ami-counts-missing", evidence=f"{DGX}: collections without a count; which ones here: derived",
        on="DriveCollection VolumeCollection MemoryCollection", tell=drop("Members@odata.count")),
    unsaid("ami-unsaid", GIGABYTE, ComputerSystem="HostName", Chassis="HeightMm Location",
        Manager="LastResetTime Manufacturer", Thermal="Redundancy Status", Power="Redundancy Status",
        Memory="BaseModuleType RankCount", SoftwareInventory="Manufacturer RelatedItem Status"),
)  # fmt: skip

OPENBMC_FAMILIES = (
    Family(
        speaks=BOTH, ipmi=OPENBMC,
        name="openbmc", vendor="OpenBMC", model="Tiogapass", shape=STOCK_SHAPE, height_u=1, drive=NVME, bays=4,
        raid=(("RAID1", 2), ("RAID1", 2)), fans=8, fan_rpm=12_000, idle_watts=160, peak_watts=520, bios="F20A3A15",
        firmware="2.15.0-dev-686-g100c36de90", accents=STOCK_ROWS,
    ),
    Family(
        speaks=BOTH, ipmi=MEGARAC,
        name="ami-megarac", vendor="GIGABYTE", model="H262-Z63-00", shape=AMI_SHAPE, height_u=2, drive=SATA_SSD,
        bays=6, empty_bays=2, raid=(("RAID1", 2), ("RAID5", 4)), processor="AMD EPYC 7543", fans=4, fan_rpm=15_000,
        supply_watts=1_600, idle_watts=150, peak_watts=500, bios="C27", firmware="12.60.39", accents=AMI_ROWS,
    ),
)  # fmt: skip
