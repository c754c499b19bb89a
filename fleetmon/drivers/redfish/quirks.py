"""Departures from the standard, one row each: what is seen, on whose devices, and the same said the standard's way.

A mend is a pure function on the body of one resource. It must leave a conforming body alone, and every row brings a
body as evidence; `tests/unit/test_redfish_quirks.py` holds both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.resource import Resource, kind_of


@dataclass(frozen=True, slots=True)
class Make:
    """Who made the device, as its service root and system tell."""

    vendor: str = ""
    """In lower case."""
    product: str = ""


@dataclass(frozen=True, slots=True)
class Quirk:
    """One departure and its remedy."""

    name: str
    evidence: str
    applies: Callable[[Make], bool]
    resource: str
    """The resource type it is seen in."""
    mend: Callable[[Json], Json]


def any_make(make: Make) -> bool:
    """Seen on several makes, and harmless to mend everywhere."""
    return True


def is_supermicro(make: Make) -> bool:
    return "supermicro" in make.vendor or make.vendor == "smci"


def is_hpe(make: Make) -> bool:
    return make.vendor.startswith(("hpe", "hewlett"))


def is_dell(make: Make) -> bool:
    return make.vendor.startswith("dell")


def failure_predicted_as_word(body: Json) -> Json:
    said = body.get("FailurePredicted")
    spoken = fields.boolean(said) if isinstance(said, str) else None
    return body if spoken is None else {**body, "FailurePredicted": spoken}


def wear_from_oem(body: Json) -> Json:
    """100 minus the share of life used, where the drive says only that."""
    used = fields.number(fields.child(body, "Oem", "Supermicro").get("PercentageDriveLifeUsed"))
    if used is None or not 0 <= used <= 100 or fields.number(body.get("PredictedMediaLifeLeftPercent")) is not None:
        return body
    return {**body, "PredictedMediaLifeLeftPercent": 100 - used}


def enabled_when_healthy(body: Json) -> Json:
    status = body.get("Status")
    if not isinstance(status, dict) or "State" in status or not status.get("Health"):
        return body
    return {**body, "Status": {**status, "State": "Enabled"}}


def no_life_without_spare(body: Json) -> Json:
    """Life left 0 from a drive that tells nothing of its spare blocks, or is not certified, means: not known."""
    dell = fields.child(body, "Oem", "Dell", "DellPhysicalDisk")
    if fields.number(body.get("PredictedMediaLifeLeftPercent")) != 0:
        return body
    if fields.number(dell.get("AvailableSparePercent")) is not None and dell.get("Certified") != "No":
        return body
    return {**body, "PredictedMediaLifeLeftPercent": None}


def certain_life_only(body: Json) -> Json:
    left = fields.number(body.get("PredictedMediaLifeLeftPercent"))
    if left is None or (0 <= left <= 100 and body.get("MediaType") != "HDD"):
        return body
    return {**body, "PredictedMediaLifeLeftPercent": None}


def speed_names_of_ilo4(body: Json) -> Json:
    """Fans that give FanName, CurrentReading and Units in place of Name, Reading and ReadingUnits."""
    fans = body.get("Fans")
    if not isinstance(fans, list):
        return body
    return {**body, "Fans": [_modern_fan(fan) if isinstance(fan, dict) else fan for fan in fans]}


def _modern_fan(fan: Json) -> Json:
    renamed = {"FanName": "Name", "CurrentReading": "Reading", "Units": "ReadingUnits"}
    added: dict[str, Any] = {new: fan[old] for old, new in renamed.items() if old in fan and new not in fan}
    return {**fan, **added} if added else fan


def counts_within_reason(body: Json) -> Json:
    """Controllers that claim hundreds of ports they do not have: the claim is dropped, ports tell for themselves."""
    controllers = body.get("Controllers")
    if not isinstance(controllers, list):
        return body
    return {**body, "Controllers": [_modest(item) if isinstance(item, dict) else item for item in controllers]}


def _modest(controller: Json) -> Json:
    claims = controller.get("ControllerCapabilities")
    if not isinstance(claims, dict):
        return controller
    count = fields.number(claims.get("NetworkPortCount"))
    if count is None or count <= 128:
        return controller
    return {**controller, "ControllerCapabilities": {k: v for k, v in claims.items() if k != "NetworkPortCount"}}


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        name="failure-predicted-as-word",
        evidence='a drive that says FailurePredicted as the string "true" (check_redfish#126)',
        applies=any_make,
        resource="Drive",
        mend=failure_predicted_as_word,
    ),
    Quirk(
        name="supermicro-wear-in-oem",
        evidence="a drive that tells its wear only as Oem.Supermicro.PercentageDriveLifeUsed, as Supermicro BMCs do",
        applies=is_supermicro,
        resource="Drive",
        mend=wear_from_oem,
    ),
    Quirk(
        name="hpe-drive-without-state",
        evidence="a drive with Status.Health and no Status.State, as iLO tells; Ironic takes it as enabled",
        applies=is_hpe,
        resource="Drive",
        mend=enabled_when_healthy,
    ),
    Quirk(
        name="dell-life-left-zero",
        evidence="a boot drive with life left 0 and no spare to tell of (F33; check_redfish#150)",
        applies=is_dell,
        resource="Drive",
        mend=no_life_without_spare,
    ),
    Quirk(
        name="life-left-that-cannot-be",
        evidence="life left -229 or 255, or 0 on a spinning disk (F33; check_redfish#165)",
        applies=any_make,
        resource="Drive",
        mend=certain_life_only,
    ),
    Quirk(
        name="ilo4-fan-names",
        evidence="Thermal.Fans with FanName, CurrentReading and Units (iLO 4)",
        applies=any_make,
        resource="Thermal",
        mend=speed_names_of_ilo4,
    ),
    Quirk(
        name="absurd-port-counts",
        evidence="a network adapter that claims hundreds of ports",
        applies=is_supermicro,
        resource="NetworkAdapter",
        mend=counts_within_reason,
    ),
)


def make_of(root: Json, systems: Iterable[Json] = ()) -> Make:
    """Who made it: the root's Vendor, else the keys of its Oem object, else the system's Manufacturer."""
    oem = fields.child(root, "Oem")
    vendor = fields.text(root, "Vendor") or next(iter(oem), "")
    maker = next((said for system in systems if (said := fields.text(system, "Manufacturer"))), "")
    return Make(vendor=(vendor or maker).lower(), product=fields.text(root, "Product"))


def mend(resource: Resource, make: Make, quirks: Iterable[Quirk] = QUIRKS) -> Resource:
    """The resource said the standard's way."""
    kind = kind_of(resource.body, resource.path)
    body = resource.body
    for quirk in quirks:
        if quirk.resource == kind and quirk.applies(make):
            body = quirk.mend(body)
    return resource if body is resource.body else replace(resource, body=body)
