"""Departures of the other makes."""

from __future__ import annotations

import re

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.quirks.general import each

_SERVICE_TAG = re.compile(r"[0-9A-Z]{7}$")
_VOLUME_STATES = {"optimal": "OK", "degraded": "Warning", "partially degraded": "Warning", "offline": "Critical"}

SMALLEST_DRIVE = 2**27
"""Bytes; as MiB it would be more than the largest."""
MOST_PORTS = 128
"""Of one network controller; more is a number out of uninitialised memory."""


def no_life_without_spare(body: Json) -> Json:
    """Life left 0 from a drive that tells nothing of its spare blocks, or is not certified, means: not known."""
    dell = fields.child(body, "Oem", "Dell", "DellPhysicalDisk")
    if fields.number(body.get("PredictedMediaLifeLeftPercent")) != 0:
        return body
    if fields.number(dell.get("AvailableSparePercent")) is not None and dell.get("Certified") != "No":
        return body
    return {**body, "PredictedMediaLifeLeftPercent": None}


def battery_of_controller(body: Json) -> Json:
    """The battery of an array controller, told by one word, as a battery of its Storage."""
    battery = fields.child(body, "Oem", "Dell", "DellControllerBattery")
    if not battery or "Batteries" in body:
        return body
    told = {**battery, "MemberId": fields.text(battery, "Id"), "Status": {"Health": battery.get("PrimaryStatus")}}
    return {**body, "Batteries": [told]}


def rollups_as_status(body: Json) -> Json:
    """Words such as FanRollupStatus as objects with a Status, which are seen where they are not well."""
    own = fields.child(body, "Oem", "Dell", "DellSystem")
    told = {
        name.removesuffix("Status"): {"Status": {"Health": word}}
        for name, word in own.items()
        if name.endswith("RollupStatus") and isinstance(word, str)
    }
    if not told:
        return body
    oem = fields.child(body, "Oem")
    return {**body, "Oem": {**oem, "Dell": {**fields.child(oem, "Dell"), "DellSystem": {**own, **told}}}}


def tag_as_serial(body: Json) -> Json:
    """The service tag, by which the machine is known, in place of the serial number of its board, which is kept."""
    tag, board = fields.text(body, "SKU"), fields.text(body, "SerialNumber")
    if not _SERVICE_TAG.match(tag) or board == tag:
        return body
    return {**body, "SerialNumber": tag, "BoardSerialNumber": board}


def health_of_volume(body: Json) -> Json:
    """A volume's condition in one word of the vendor's, where it has no Status."""
    word = fields.text(fields.child(body, "Oem", "Cisco"), "VolumeState").lower()
    if body.get("Status") is not None or word not in _VOLUME_STATES:
        return body
    return {**body, "Status": {"State": "Enabled", "Health": _VOLUME_STATES[word]}}


def capacity_in_bytes(body: Json) -> Json:
    """A capacity in MiB under the name CapacityBytes, known by its size: no drive holds so few bytes."""
    told = fields.integer(body, "CapacityBytes")
    return {**body, "CapacityBytes": told * 2**20} if told and told < SMALLEST_DRIVE else body


def counts_within_reason(body: Json) -> Json:
    """Controllers that claim hundreds of ports they do not have: the claim is dropped, ports tell for themselves."""
    return each(body, "Controllers", _modest)


def _modest(controller: Json) -> Json:
    claims = fields.child(controller, "ControllerCapabilities")
    count = fields.number(claims.get("NetworkPortCount"))
    if count is None or 0 <= count <= MOST_PORTS:
        return controller
    return {**controller, "ControllerCapabilities": {k: v for k, v in claims.items() if k != "NetworkPortCount"}}


def condition_of_module(body: Json) -> Json:
    """A memory module's condition in the vendor's object, where the Status has no health."""
    own = fields.child(body, "Oem", "ts_fujitsu")
    word = fields.text(own, "LegacyStatus", "SignalStatus")
    if fields.status(body).get("Health") or not word:
        return body
    return {**body, "Status": {**fields.status(body), "Health": word}}


def output_of_supplies(body: Json) -> Json:
    """What each power supply gives, told beside the supplies by sensors that bear their names."""
    sensors = list(fields.items(fields.child(body, "Oem", "ts_fujitsu"), "ChassisPowerSensors"))

    def mend(supply: Json) -> Json:
        name = fields.text(supply, "Name")
        if not name or fields.number(supply.get("LastPowerOutputWatts", supply.get("PowerOutputWatts"))) is not None:
            return supply
        for _, sensor in sensors:
            watts = fields.number(sensor.get("CurrentPowerConsumptionW"))
            if watts is not None and fields.text(sensor, "Designation").startswith(name):
                return {**supply, "LastPowerOutputWatts": watts}
        return supply

    return each(body, "PowerSupplies", mend)


def capacitor_of_controller(body: Json) -> Json:
    """The capacitor that keeps a controller's cache, as a battery of its Storage."""
    batteries = [
        {"Name": fields.text(own, "CapacitanceName") or f"Capacitor {place}", "MemberId": str(place), "Status": status}
        for place, controller in fields.items(body, "StorageControllers")
        if (status := fields.child(own := fields.child(controller, "Oem", "Huawei"), "CapacitanceStatus"))
    ]
    return body if not batteries or "Batteries" in body else {**body, "Batteries": batteries}
