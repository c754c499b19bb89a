"""Remedies that fit every make: what stands in a vendor's own object under a name that cannot be mistaken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields

LIFTED = {
    "Drive": (
        "PredictedMediaLifeLeftPercent",
        "FailurePredicted",
        "SerialNumber",
        "MediaType",
        "CapacityBytes",
        "PowerOnHours",
    ),
    "Memory": ("SerialNumber", "PartNumber", "Manufacturer", "CapacityMiB"),
    "Processor": ("SerialNumber", "Model", "TotalCores", "TotalThreads"),
    "PowerSupply": ("SerialNumber", "FirmwareVersion", "PowerCapacityWatts", "LineInputStatus"),
}
"""Standard properties that are taken from the vendor's own object where the standard place says nothing."""
_LIFTED_POWER = ("PowerInputWatts", "PowerOutputWatts", "LineInputVoltage", "SerialNumber", "FirmwareVersion")

_TEMPERATURE = re.compile(r"(current)?temperature(celsius)?", re.IGNORECASE)
_LIFE = re.compile(r"life|endurance|wear|^percentageused")
_LEFT = re.compile(r"left|remain|remnant")
_USED = re.compile(r"used|utili[sz]|consumed")


def vendors_own(body: Json) -> Iterator[Json]:
    """The objects of the vendors in `Oem`, and one level of objects inside each."""
    for own in fields.child(body, "Oem").values():
        if isinstance(own, dict):
            yield own
            yield from (inner for inner in own.values() if isinstance(inner, dict))


def lifted(*names: str) -> Callable[[Json], Json]:
    """What only the vendor's own object tells, under its standard name, told in the standard place."""

    def mend(body: Json) -> Json:
        added: dict[str, Any] = {}
        for name in names:
            if body.get(name) is None:
                said = next((own[name] for own in vendors_own(body) if own.get(name) not in (None, "", {})), None)
                if isinstance(said, (str, int, float)):
                    added[name] = said
        return {**body, **added} if added else body

    return mend


def power_lifted(body: Json) -> Json:
    """The same for each power supply of a Power resource."""
    return each(body, "PowerSupplies", lifted(*_LIFTED_POWER))


def wear_from_oem(body: Json) -> Json:
    """Life left as a share of life left or used in the vendor's own words, where the drive does not tell it itself."""
    if fields.number(body.get("PredictedMediaLifeLeftPercent")) is not None:
        return body
    for own in vendors_own(body):
        for name, value in own.items():
            left = _life_left(name.lower(), fields.number(value))
            if left is not None:
                return {**body, "PredictedMediaLifeLeftPercent": left}
    return body


def _life_left(name: str, said: float | None) -> float | None:
    """The life left that a property of this name tells; None when it tells none, or nothing that can be."""
    if said is None or not 0 <= said <= 100 or not _LIFE.search(name) or "threshold" in name:
        return None
    if _USED.search(name):
        return 100 - said
    return said if _LEFT.search(name) else None


def temperature_from_oem(body: Json) -> Json:
    """The one temperature a drive tells in the vendor's own words or outside the schema, as an excerpt of a sensor."""
    if "TemperatureCelsius" in body:
        return body
    for own in (body, *vendors_own(body)):
        for name, value in own.items():
            said = fields.number(value) if _TEMPERATURE.fullmatch(name) else None
            if said is not None and 0 < said < 150:
                return {**body, "TemperatureCelsius": {"Reading": said}}
    return body


def each(body: Json, name: str, mend: Callable[[Json], Json]) -> Json:
    """The body with every object of one of its lists mended; the very same body when none needed it."""
    items = body.get(name)
    if not isinstance(items, list):
        return body
    mended = [mend(item) if isinstance(item, dict) else item for item in items]
    return {**body, name: mended} if any(new is not old for new, old in zip(mended, items, strict=True)) else body


def failure_predicted_as_word(body: Json) -> Json:
    said = body.get("FailurePredicted")
    spoken = fields.boolean(said) if isinstance(said, str) else None
    return body if spoken is None else {**body, "FailurePredicted": spoken}


def certain_life_only(body: Json) -> Json:
    left = fields.number(body.get("PredictedMediaLifeLeftPercent"))
    if left is None or (0 <= left <= 100 and body.get("MediaType") != "HDD"):
        return body
    return {**body, "PredictedMediaLifeLeftPercent": None}


def repaired_as_resolved(body: Json) -> Json:
    """A record that the vendor's own object calls repaired is resolved."""
    if body.get("Resolved") is not None:
        return body
    said = next((fields.boolean(own["Repaired"]) for own in vendors_own(body) if "Repaired" in own), None)
    return body if said is None else {**body, "Resolved": said}
