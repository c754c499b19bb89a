"""Cisco, Huawei and Fujitsu: no recording of theirs is at hand, so their rows rest on public code and documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.accents.ipmi import CIMC, IBMC, IRMC
from emulator.accents.model import BOTH, Accent, Family, Json, Shape
from emulator.accents.plain import SAS_SSD, SATA_SSD
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
    when,
)
from emulator.push.shape import Push
from emulator.redfish.places import Places, resource
from emulator.redfish.resource import Resource

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

ISERVER = "akaliwod/iserver: outputs of UCS C-Series in its documents"
CHECK = "check_redfish cr_module/storage.py"
EXPORTER = "idrac_exporter's paths of the vendor"

# ---- Cisco: four sessions, as over IPMI (ipmitool#213); over Redfish derived ----

CISCO_SHAPE = Shape(
    redfish_version="1.11.0", system_id="WZP24010ABC", chassis_id="1", manager_id="CIMC", storage_id="MRAID",
    thermal_power=True, subsystems=False, expand=False, telemetry=False,
    reset_types=("On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "PowerCycle", "Nmi"),
    logs_under_manager=True, event_log="SEL", lifecycle_log="CIMC", led=("IndicatorLED",), max_sessions=4,
    session_timeout=1800, boot_progress=False, lists_absent=False, push=Push(streams=0),
)  # fmt: skip
CISCO_ROWS = (
    Accent(
        name="cisco-part-ids", evidence=ISERVER,
        lies=(
            ("{storage}/Drives/Bay.{n}", "{storage}/Drives/{m}"),
            ("{system}/Memory/{n}", "{system}/Memory/DIMM_{slot}"),
            ("{system}/Processors/{n}", "{system}/Processors/CPU{n}"),
            ("{system}/EthernetInterfaces/NIC.{n}", "{system}/EthernetInterfaces/LOM{n}"),
            ("{chassis}/NetworkAdapters/NIC.1", "{chassis}/NetworkAdapters/MLOM"),
            ("{manager}/EthernetInterfaces/1", "{manager}/EthernetInterfaces/NICs"),
        ),
    ),
    Accent(
        name="cisco-serial-for-id", evidence=f"{ISERVER}: an id like a serial number; here one for all machines",
        on="ComputerSystem", tell=put("Name", "UCS C225 M6S"),
    ),
    Accent(
        name="cisco-volume-without-status", evidence=f"{CHECK}: VolumeState in Oem where Status is missing",
        on="Volume", tell=told(put("Oem/Cisco", lambda _, d: {"VolumeState": {"OK": "Optimal", "Warning": "Degraded",
            "Critical": "Offline"}[d["Status"]["Health"]]}), drop("Status")),
    ),
    Accent(
        name="cisco-bare-related-item", evidence=f"{ISERVER}: RelatedItem is text", on="SoftwareInventory",
        tell=put("RelatedItem", lambda bmc, _: bmc.places.system),
    ),
    Accent(
        name="cisco-cooled-by-thermal", evidence=ISERVER, on="Chassis",
        tell=put("Links/CooledBy", lambda bmc, _: [{"@odata.id": f"{bmc.places.chassis}/Thermal"}]),
    ),
    Accent(
        name="cisco-drive-words", evidence=f"{ISERVER}; that wear is not told: derived", on="Drive",
        tell=when(is_present, drop("StatusIndicator", "LocationIndicatorActive", "HotspareType"), put("Name",
            lambda bmc, d: f"PD-{drive_of(bmc, d).bay + 1}"), put("Oem", {"Cisco": {"PowerOnHours": None}}),
            put("Oem/Cisco/PowerOnHours", hours_on)),
    ),
)  # fmt: skip

# ---- Huawei ----

HUAWEI_SHAPE = Shape(
    redfish_version="1.6.0", system_id="1", chassis_id="1", manager_id="1", storage_id="RAIDStorage0",
    thermal_power=True, subsystems=False, expand=True, expand_forms=".", expand_levels=1, telemetry=False,
    reset_types=("On", "ForceOff", "GracefulShutdown", "ForceRestart", "Nmi", "ForcePowerCycle"),
    if_match_required=True, event_log="Log1", lifecycle_log="OperateLog", drives_under_chassis=True, log_page=32,
    led=("IndicatorLED",), max_sessions=4, session_timeout=300, zone="+08:00", boot_progress=False,
    push=Push(streams=0),
)  # fmt: skip
LIMITS = ("UpperThresholdNonCritical", "UpperThresholdCritical", "UpperThresholdFatal", "LowerThresholdNonCritical",
    "LowerThresholdCritical", "LowerThresholdFatal")  # fmt: skip


def _huawei_entry(bmc: Bmc, document: Json) -> Json:
    short = short_of(document)
    document |= {"MessageId": f"iBMCEvents.2.0.{short}", "EventId": f"0x{sum(short.encode()):08X}",
        "Oem": {"Huawei": {"Status": "Asserted" if document["Severity"] != "OK" else "Deasserted",
            "Suggest": "1. Restart the device@#AB;2. Contact technical support.", "Level": {"OK": "Informational",
                "Warning": "Minor", "Critical": "Critical"}[document["Severity"]]}}}  # fmt: skip
    return document


def _empty_dimms(family: Family) -> dict[str, Resource]:
    """Slots without a module, told as modules that are absent."""
    base = f"{Places(family.shape).system}/Memory"

    def slot(number: int) -> Resource:
        return Resource(get=lambda _: resource(f"{base}/mainboardDIMM1{number:02}", "Memory.v1_6_0.Memory",
            f"mainboardDIMM1{number:02}", CapacityMiB=0, Status={"State": "Absent"}, SerialNumber="N/A",
            Manufacturer="N/A"))  # fmt: skip

    return {f"{base}/mainboardDIMM1{number:02}": slot(number) for number in range(4)}


HUAWEI_ROWS = (
    Accent(
        name="ibmc-storages", evidence="Huawei utool and ibmc clients: Systems/1/Storages/RAIDStorage0, "
        "Chassis/1/Drives/HDDPlaneDisk0, Volumes/LogicalDrive0",
        lies=(
            ("{storage}/Volumes/{n}", "{storage}/Volumes/LogicalDrive{n}"),
            ("{system}/Storage", "{system}/Storages"),
            ("{chassis}/Drives/Bay.{n}", "{chassis}/Drives/HDDPlaneDisk{n}"),
            ("{system}/Memory/{n}", "{system}/Memory/mainboardDIMM{z:03}"),
            ("{chassis}/NetworkAdapters/NIC.1", "{chassis}/NetworkAdapters/mainboardLOM"),
            ("{system}/EthernetInterfaces/NIC.{n}", "{system}/EthernetInterfaces/mainboardLOMPort{n}"),
        ),
    ),
    Accent(
        name="ibmc-limits-not-applicable", evidence="a public collector's note: N/A for thresholds (F25)",
        on="Thermal Power",
        tell=told(*(each(array, fill(*LIMITS), change(*LIMITS, to=lambda limit: "N/A" if limit is None else limit))
            for array in ("Temperatures", "Fans", "Voltages"))),
    ),
    Accent(
        name="ibmc-absent-dimms", evidence="a public collector's test: DIMM001 Absent with 0 MiB", adds=_empty_dimms,
        on="MemoryCollection",
        tell=lambda bmc, d: d | {"Members": [*d["Members"], *({"@odata.id": f"{d['@odata.id']}/mainboardDIMM1{n:02}"}
            for n in range(4))], "Members@odata.count": len(d["Members"]) + 4},
    ),
    Accent(
        name="ibmc-volume-in-oem", evidence=f"{CHECK}: Oem.Huawei.VolumeRaidLevel, VolumeName", on="Volume",
        tell=told(put("Oem/Huawei", lambda _, d: {"VolumeRaidLevel": d["RAIDType"], "VolumeName": d["Name"]}),
            drop("RAIDType")),
    ),
    Accent(
        name="ibmc-drive-in-oem", evidence="hejunlin3678/https-iBMC.code provider_chassis_drive; values: derived",
        on="Drive", tell=when(is_present, drop("PredictedMediaLifeLeftPercent"), put("Oem", {}), put("Oem/Huawei",
            lambda bmc, d: {"DriveID": drive_of(bmc, d).bay, "HoursOfPoweredUp": hours_on(bmc, d),
                "TemperatureCelsius": 33, "RemnantMediaWearout": life_left(bmc, d),
                "FirmwareStatus": "FAILED" if drive_of(bmc, d).failed else "ONLINE"})),
    ),
    Accent(name="ibmc-log-words", evidence="Huawei iBMC Redfish API description; derived", on="LogEntry",
        tell=_huawei_entry),
)  # fmt: skip

# ---- Fujitsu ----

FUJITSU_SHAPE = Shape(
    redfish_version="1.8.0", system_id="0", chassis_id="0", manager_id="iRMC", storage_id="1", thermal_power=True,
    subsystems=False, expand=True, expand_forms=".*", expand_levels=1, telemetry=False,
    reset_types=("On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "Nmi", "PushPowerButton"),
    if_match_required=True, logs_under_manager=True, event_log="SystemEventLog", lifecycle_log="InternalEventLog",
    log_page=20, led=("IndicatorLED",), max_sessions=8, session_timeout=300, zone="+01:00", boot_progress=False,
    push=Push(streams=0),
)  # fmt: skip


def _fujitsu_entry(bmc: Bmc, document: Json) -> Json:
    short = short_of(document)
    document |= {"EntryType": "Oem", "OemRecordFormat": "ts_fujitsu", "Oem": {"ts_fujitsu": {
        "EventSource": "iRMC S5", "EventId": f"{sum(short.encode()):08X}", "Severity": {"OK": "Info", "Warning":
            "Minor", "Critical": "Critical"}[document["Severity"]]}}}  # fmt: skip
    document.pop("MessageId")
    document.pop("MessageArgs")
    return document


FUJITSU_ROWS = (
    Accent(
        name="irmc-part-ids", evidence="a public Redfish check's note: Systems/0/Storage/1/Drives/4",
        lies=(
            ("{storage}/Drives/Bay.{n}", "{storage}/Drives/{n}"),
            ("{system}/Memory/{n}", "{system}/Memory/{z}"),
            ("{system}/Processors/{n}", "{system}/Processors/{z}"),
            ("{system}/EthernetInterfaces/NIC.{n}", "{system}/EthernetInterfaces/{n}"),
            ("{chassis}/NetworkAdapters/NIC.1", "{chassis}/NetworkAdapters/0"),
            ("{manager}/EthernetInterfaces/1", "{manager}/EthernetInterfaces/0"),
        ),
    ),
    Accent(
        name="irmc-root-tells-the-node", evidence="public tools read Oem.ts_fujitsu.AutoDiscoveryDescription",
        on="ServiceRoot", tell=put("Oem/ts_fujitsu", lambda bmc, _: {"AutoDiscoveryDescription": {
            "ServerNodeInformation": {"Model": bmc.machine.family.model, "SerialNumber": bmc.machine.serial}}}),
    ),
    Accent(
        name="irmc-volume-in-oem", evidence=f"{CHECK}: Oem.ts_fujitsu RaidLevel and Name", on="Volume",
        tell=told(put("Oem/ts_fujitsu", lambda _, d: {"RaidLevel": d["RAIDType"], "Name": d["Name"]}),
            drop("RAIDType")),
    ),
    Accent(name="irmc-log-words", evidence="iRMC Redfish API specification; derived", on="LogEntry",
        tell=_fujitsu_entry),
    Accent(
        name="irmc-drive-words", evidence="recording-less; derived from the iRMC specification's slots", on="Drive",
        tell=when(is_present, put("Name", lambda bmc, d: f"PD{drive_of(bmc, d).bay}"), drop("StatusIndicator"),
            put("Oem", {}), put("Oem/ts_fujitsu", lambda bmc, d: {"SlotNumber": drive_of(bmc, d).bay, "EnclosureNumber":
                0, "PowerOnHours": hours_on(bmc, d)})),
    ),
)  # fmt: skip

OTHER_FAMILIES = (
    Family(
        speaks=BOTH, ipmi=CIMC,
        name="cisco-cimc", vendor="Cisco Systems Inc", model="UCSC-C225-M6S", shape=CISCO_SHAPE, height_u=1,
        drive=SATA_SSD, bays=10, raid=(("RAID1", 2), ("RAID5", 8)), processor="AMD EPYC 7543", fans=8, fan_rpm=17_000,
        supply_watts=1_050, idle_watts=170, peak_watts=540, bios="C225M6.4.2.3b", firmware="4.2(3b)",
        accents=CISCO_ROWS,
    ),
    Family(
        speaks=BOTH, ipmi=IBMC,
        name="huawei-ibmc", vendor="Huawei", model="2288H V5", shape=HUAWEI_SHAPE, height_u=2, drive=SAS_SSD, bays=12,
        raid=(("RAID1", 2), ("RAID6", 10)), processor="Intel(R) Xeon(R) Gold 6161", cores=22, dimm_mhz=2666, fans=4,
        fan_rpm=15_000, supply_watts=900, idle_watts=180, peak_watts=560, bios="8.25", firmware="6.41",
        accents=HUAWEI_ROWS,
    ),
    Family(
        speaks=BOTH, ipmi=IRMC,
        name="fujitsu-irmc", vendor="FUJITSU", model="PRIMERGY RX2540 M6", shape=FUJITSU_SHAPE, height_u=2,
        drive=SATA_SSD, bays=8, raid=(("RAID1", 2), ("RAID5", 6)), processor="Intel(R) Xeon(R) Gold 5318Y", cores=24,
        dimm_mhz=2933, fans=6, fan_rpm=14_000, supply_watts=900, idle_watts=170, peak_watts=540,
        bios="V1.0.0.0 R1.25.0", firmware="3.61P", accents=FUJITSU_ROWS,
    ),
)  # fmt: skip
