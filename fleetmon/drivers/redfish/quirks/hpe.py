"""iLO 4 and 5: parts told by types of their own, which are older than the standard's."""

from __future__ import annotations

from typing import Any

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.quirks.general import each

_DIMM_STATES = {
    "notpresent": {"State": "Absent"},
    "goodinuse": {"State": "Enabled", "Health": "OK"},
    "goodpartiallyinuse": {"State": "Enabled", "Health": "OK"},
    "presentspare": {"State": "StandbySpare", "Health": "OK"},
    "addedbutunused": {"State": "Disabled", "Health": "OK"},
    "upgradedbutunused": {"State": "Disabled", "Health": "OK"},
    "presentunused": {"State": "Disabled", "Health": "OK"},
    "degraded": {"State": "Enabled", "Health": "Warning"},
    "doesnotmatch": {"State": "Enabled", "Health": "Warning"},
    "notsupported": {"State": "Enabled", "Health": "Warning"},
    "configurationerror": {"State": "Enabled", "Health": "Warning"},
    "expectedbutmissing": {"State": "UnavailableOffline", "Health": "Critical"},
    "mapouterror": {"State": "Disabled", "Health": "Critical"},
    "mapoutconfiguration": {"State": "Disabled", "Health": "Warning"},
}
"""What DIMMStatus means (iLO 4 REST API reference, HpMemory)."""


def boot_progress_of_ilo(body: Json) -> Json:
    """Where a host is in its start, in the vendor's words, while it looks for its hardware."""
    state = next((said for name in ("Hpe", "Hp") if (said := fields.child(body, "Oem", name).get("PostState"))), "")
    if body.get("BootProgress") or state not in ("InPost", "Reset"):
        return body
    return {**body, "BootProgress": {"LastState": "BusInitializationStarted"}}


def enabled_when_healthy(body: Json) -> Json:
    status = body.get("Status")
    if not isinstance(status, dict) or "State" in status or not status.get("Health"):
        return body
    return {**body, "Status": {**status, "State": "Enabled"}}


def drive_of_array(body: Json) -> Json:
    """A disk drive of a Smart Array as a Drive: capacity in bytes, life left and not used, reasons as conditions."""
    used = fields.number(body.get("SSDEnduranceUtilizationPercentage"))
    speed = fields.number(body.get("InterfaceSpeedMbps"))
    left = 100 - used if used is not None and body.get("MediaType") == "SSD" else None
    return _as(
        body,
        "Drive",
        Name=f"Drive {_place(body)}",
        CapacityBytes=_bytes(body),
        Protocol=body.get("InterfaceType"),
        Revision=_current_version(body),
        CapableSpeedGbs=None if speed is None else speed / 1000,
        RotationSpeedRPM=body.get("RotationalSpeedRpm"),
        PredictedMediaLifeLeftPercent=left,
        Status=_with_reasons(body, "DiskDriveStatusReasons"),
        PhysicalLocation={"PartLocation": {"ServiceLabel": _place(body)}},
    )


def volume_of_array(body: Json) -> Json:
    """A logical drive of a Smart Array as a Volume."""
    raid = fields.text(body, "Raid")
    return _as(
        body,
        "Volume",
        Name=fields.text(body, "LogicalDriveName") or f"Logical Drive {fields.text(body, 'LogicalDriveNumber', 'Id')}",
        CapacityBytes=_bytes(body),
        RAIDType=f"RAID{raid}" if raid.isdigit() else raid or None,
        Identifiers=[{"DurableName": fields.text(body, "VolumeUniqueIdentifier"), "DurableNameFormat": "NAA"}],
        Status=_with_reasons(body, "LogicalDriveStatusReasons"),
    )


def controller_of_array(body: Json) -> Json:
    """A Smart Array as a StorageController; its cache and board tell their own Status where they stand."""
    return _as(
        body,
        "StorageController",
        Name=fields.text(body, "Model", "Name"),
        FirmwareVersion=_current_version(body),
        PartNumber=body.get("ControllerPartNumber"),
    )


def memory_of_ilo4(body: Json) -> Json:
    """A memory module told by size in megabytes and one word for its condition."""
    word = fields.text(body, "DIMMStatus").lower()
    size = fields.integer(body, "SizeMB")
    speed = fields.integer(body, "MaximumFrequencyMHz")
    return _as(
        body,
        "Memory",
        Name=fields.text(body, "SocketLocator", "Name", "Id"),
        DeviceLocator=body.get("SocketLocator"),
        CapacityMiB=size,
        MemoryDeviceType=body.get("DIMMType"),
        OperatingSpeedMhz=speed,
        Status=fields.status(body) or _DIMM_STATES.get(word, {"State": fields.text(body, "DIMMStatus")}),
    )


def condition_of_dimm(body: Json) -> Json:
    """What the vendor's word for a memory module adds to a Status that has no health."""
    own = next(iter(fields.child(body, "Oem", name) for name in ("Hpe", "Hp") if fields.child(body, "Oem", name)), {})
    word = fields.text(own, "DIMMStatus").lower()
    if fields.status(body).get("Health") or word not in _DIMM_STATES:
        return body
    return {**body, "Status": {**_DIMM_STATES[word], **fields.status(body)}}


def fans_and_temperatures_of_ilo4(body: Json) -> Json:
    """FanName, CurrentReading and Units in place of Name, Reading and ReadingUnits; temperatures likewise."""
    return each(each(body, "Fans", _modern_fan), "Temperatures", _modern_temperature)


def _modern_fan(fan: Json) -> Json:
    renamed = {"FanName": "Name", "CurrentReading": "Reading", "Units": "ReadingUnits"}
    added: dict[str, Any] = {new: fan[old] for old, new in renamed.items() if old in fan and new not in fan}
    return {**fan, **added} if added else fan


def _modern_temperature(entry: Json) -> Json:
    if "CurrentReading" not in entry or "ReadingCelsius" in entry:
        return entry
    return {**entry, "ReadingCelsius": entry["CurrentReading"]}


def temperature_of_ilo(body: Json) -> Json:
    """A sensor with neither type nor unit is one of the temperatures strewn over the board."""
    if body.get("ReadingType") or body.get("ReadingUnits") or "Reading" not in body:
        return body
    return {**body, "ReadingType": "Temperature", "ReadingUnits": "Cel"}


def supplies_by_bay(body: Json) -> Json:
    """Power supplies that all bear one name are called by their bay."""
    return each(body, "PowerSupplies", _named_by_bay)


def _named_by_bay(supply: Json) -> Json:
    own = fields.child(supply, "Oem", "Hpe") or fields.child(supply, "Oem", "Hp")
    bay = fields.text(own, "BayNumber")
    if not bay or not fields.text(supply, "Name").startswith(("HpeServer", "HpServer")):
        return supply
    return {**supply, "Name": f"Power Supply {bay}"}


def batteries_of_chassis(body: Json) -> Json:
    """The batteries that keep array caches, told as batteries of the chassis."""
    own = fields.child(body, "Oem", "Hpe") or fields.child(body, "Oem", "Hp")
    found = own.get("SmartStorageBattery") or own.get("Battery")
    if "Batteries" in body or not isinstance(found, list):
        return body
    return {**body, "Batteries": [_battery(item) for item in found if isinstance(item, dict)]}


def _battery(item: Json) -> Json:
    status = item.get("Status") or {"Health": item.get("Condition")}
    if str(item.get("Present", "Yes")).lower() == "no":
        status = {"State": "Absent"}
    index = fields.text(item, "Index")
    return {**item, "Name": f"Smart Storage Battery {index}".strip(), "MemberId": index, "Status": status}


def _as(body: Json, kind: str, **said: Any) -> Json:
    """The body under a standard type; what is said anew counts only where it says something."""
    told = {name: value for name, value in said.items() if value not in (None, "", {})}
    return {**body, "@odata.type": f"#{kind}.v1_0_0.{kind}", **told}


def _place(body: Json) -> str:
    return fields.text(body, "Location", "Id")


def _bytes(body: Json) -> int | None:
    blocks, size = fields.integer(body, "CapacityLogicalBlocks"), fields.integer(body, "BlockSizeBytes")
    mebibytes = fields.integer(body, "CapacityMiB")
    return blocks * size if blocks and size else mebibytes * 2**20 if mebibytes else None


def _current_version(body: Json) -> str:
    return fields.text(fields.child(body, "FirmwareVersion", "Current"), "VersionString")


def _with_reasons(body: Json, name: str) -> Json:
    """The Status with the vendor's reasons as conditions."""
    reasons = body.get(name)
    told = [said for said in reasons if isinstance(said, str)] if isinstance(reasons, list) else []
    ill = [{"Message": said} for said in told if said.lower() not in ("none", "ok")]
    return {**fields.status(body), "Conditions": ill} if ill else fields.status(body)
