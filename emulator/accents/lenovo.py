"""Lenovo: XClarity Controller 1 and 2."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.accents.ipmi import XCC
from emulator.accents.model import BOTH, Accent, Family, Json, Shape
from emulator.accents.plain import SAS_SSD, SATA_SSD
from emulator.accents.words import change, drive_of, hours_on, is_present, life_left, put, short_of, told, when
from emulator.push.shape import Push

if TYPE_CHECKING:
    from emulator.parts import Drive
    from emulator.redfish.bmc import Bmc

GUIDE = "Lenovo XCC REST API guide (pubs.lenovo.com/xcc-restapi)"
ETAGS = "ansible#56150; community.general#3268, #11261 (F43)"

SHAPE = Shape(
    redfish_version="1.15.0", system_id="1", chassis_id="1", manager_id="1", storage_id="RAID_Slot7",
    thermal_power=True, subsystems=True, expand=True, expand_forms=".*", expand_levels=1, telemetry=True,
    reset_types=("On", "Nmi", "GracefulShutdown", "GracefulRestart", "ForceOn", "ForceOff", "ForceRestart"),
    if_match_required=True, event_log="PlatformLog", lifecycle_log="AuditLog", oldest_first=True,
    led=("LocationIndicatorActive", "IndicatorLED"), max_sessions=16, session_timeout=1200, zone="+00:00",
    push=Push(streams=2, pretty=True, comment="stream keep-alive"),
)  # fmt: skip


def _entry(bmc: Bmc, document: Json) -> Json:
    """An entry in Lenovo's words: milliseconds, and what it is about in Oem."""
    short = short_of(document)
    code = sum(short.encode()) % 10_000
    document |= {
        "Created": document["Created"].replace("+00:00", ".462+00:00"), "EntryType": "Oem", "EventGroupId": 0,
        "EventId": f"0x806f{code:04x}0a01ff03", "OemRecordFormat": "Lenovo", "Name": "LogEntry",
        "MessageId": f"FQXSPXX{code:04}I",
        "Oem": {"Lenovo": {"@odata.type": "#LenovoLogEntry.v1_0_0.LogEntry", "EventSequenceNumber": int(document["Id"]),
            "CommonEventID": f"FQXSPXX{code:04}I", "Serviceable": "Not Serviceable", "Hidden": False,
            "Source": "Storage" if "Drive" in short else "System", "AuxiliaryData": ""}},
    }  # fmt: skip
    return document


def _drive_status(drive: Drive) -> str:
    if drive.failed:
        return "Unconfigured bad"
    return "Rebuild" if drive.rebuild else "Hot spare" if drive.spare else "Online"


ROWS = (
    Accent(
        name="xcc-part-ids", evidence=f"{GUIDE}: Storage/RAID_Slot7; Disk.n below it and fan names: derived",
        lies=(
            ("{storage}/Drives/Bay.{n}", "{storage}/Drives/Disk.{n}"),
            ("{system}/EthernetInterfaces/NIC.{n}", "{system}/EthernetInterfaces/NIC{n}"),
            ("{manager}/EthernetInterfaces/1", "{manager}/EthernetInterfaces/NIC"),
            ("{chassis}/NetworkAdapters/NIC.1", "{chassis}/NetworkAdapters/ob-1"),
            ("{chassis}/PowerSubsystem/PowerSupplies/{n}", "{chassis}/PowerSubsystem/PowerSupplies/PSU{n}"),
            ("{chassis}/Sensors/{key}", "{chassis}/Sensors/128L{index}"),
        ),
    ),
    Accent(name="xcc-log-words", evidence=GUIDE, on="LogEntry", tell=_entry),
    Accent(
        name="xcc-log-of-many-types", evidence=f"{GUIDE}: LogEntryType Multiple, 1024 records", on="LogService",
        tell=told(put("LogEntryType", "Multiple"), put("MaxNumberOfRecords", 1024), put("Name", "LogService")),
    ),
    Accent(
        name="xcc-drive-in-oem",
        evidence="public deployment tools read Oem.Lenovo.DriveStatus (Online, Unconfigured good, JBOD) and "
                 "RemainingDriveLife; words of a failed drive: derived",
        on="Drive",
        tell=when(is_present, put("Oem", {}), put("Oem/Lenovo", lambda bmc, d: {
            "@odata.type": "#LenovoDrive.v1_0_0.LenovoStorageDriveProperties",
            "DriveStatus": _drive_status(drive_of(bmc, d)), "RemainingDriveLife": life_left(bmc, d),
            "HoursOfPoweredUp": hours_on(bmc, d), "Temperature": 34})),
    ),
    Accent(
        name="xcc-volume-in-oem", evidence="check_redfish cr_module/storage.py: Oem.Lenovo.RaidLevel and Name",
        on="Volume", tell=put("Oem/Lenovo", lambda _, d: {"RaidLevel": d["RAIDType"], "Name": d["Name"],
            "Bootable": d["Id"] == "0"}),
    ),
    Accent(
        name="xcc-fan-names", evidence=f"{GUIDE}: fans in percent are Rpm beside; names: derived", on="Thermal",
        tell=change("Fans/Name", to=lambda name: f"{name} Tach"),
    ),
)  # fmt: skip
STUCK = Accent(
    name="xcc2-critical-although-fine", evidence="powershell-redfish-lenovo#47 (F36)", fault={"rollup": "Critical"},
)  # fmt: skip

LENOVO_FAMILIES = (
    Family(
        speaks=BOTH, ipmi=XCC,
        name="lenovo-xcc", vendor="Lenovo", model="ThinkSystem SR650", shape=replace(SHAPE, redfish_version="1.8.0",
            subsystems=False, telemetry=False, event_log="StandardLog", boot_progress=False), height_u=2,
        drive=SATA_SSD, bays=8, empty_bays=8, raid=(("RAID1", 2), ("RAID6", 6)), dimm_mhz=2933, cores=20,
        processor="Intel(R) Xeon(R) Gold 6248", fans=6, fan_rpm=14_000, idle_watts=190, peak_watts=560,
        bios="IVE178B-3.31", firmware="CDI398N", accents=ROWS,
    ),
    Family(
        speaks=BOTH, ipmi=XCC,
        name="lenovo-xcc2", vendor="Lenovo", model="ThinkSystem SR650 V3", shape=SHAPE, height_u=2, drive=SAS_SSD,
        bays=8, spares=1, raid=(("RAID1", 2), ("RAID6", 5)), cores=32, processor="Intel(R) Xeon(R) Gold 6430", fans=6,
        fan_rpm=16_000, idle_watts=260, peak_watts=790, bios="ESE122T-3.20", firmware="ESX334K-4.10",
        accents=(*ROWS, STUCK),
    ),
)  # fmt: skip
