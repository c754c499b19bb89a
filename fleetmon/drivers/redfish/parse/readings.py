"""What a resource measures: Thermal, Power, Sensor, MetricReport, and every excerpt that carries a Reading.

Parsers tell a value and where it stands (`place`); which sensor of which component that is, the catalog knows
(`catalog.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fleetmon.drivers.redfish.bodies import Json
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.resource import Resource, holder_of, is_resource, key, kind_of
from fleetmon.model import NoReading, ReadingType, Thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One value as a resource tells it."""

    place: str
    """What finds its sensor again in the next poll: the path and, inside a resource, the section and names."""
    source: str
    """Path with JSON pointer, for people."""
    owner: str
    """Source of the component it belongs to."""
    name: str
    type: ReadingType
    value: float | NoReading
    entry: Json
    related: str = ""
    excerpt: bool = False
    """Told in passing by the component it belongs to, of a sensor that may have a resource of its own."""
    context: str = ""
    quantity: str = ""
    """A word shared by two resources that tell the same thing under different names; empty for nearly all."""


CHASSIS_POWER = "chassis power"

_SPAN = (
    ("lower_fatal", "LowerThresholdFatal", "LowerFatal"),
    ("lower_critical", "LowerThresholdCritical", "LowerCritical"),
    ("lower_caution", "LowerThresholdNonCritical", "LowerCaution"),
    ("upper_caution", "UpperThresholdNonCritical", "UpperCaution"),
    ("upper_critical", "UpperThresholdCritical", "UpperCritical"),
    ("upper_fatal", "UpperThresholdFatal", "UpperFatal"),
)


def thresholds(entry: Json, factor: float = 1.0) -> Thresholds:
    """The limits of an entry of Thermal or Power, or of a Sensor."""
    modern = fields.child(entry, "Thresholds")
    found: dict[str, float] = {}
    for name, old, new in _SPAN:
        raw = fields.child(modern, new).get("Reading") if modern else entry.get(old)
        if (limit := fields.number(raw)) is not None:
            found[name] = limit * factor
    return Thresholds(**found)


def span(entry: Json) -> tuple[float | None, float | None]:
    """The lowest and highest value the sensor can tell; a span of nothing is none."""
    low = next(
        (
            n
            for name in ("ReadingRangeMin", "MinReadingRangeTemp", "MinReadingRange")
            if (n := fields.number(entry.get(name))) is not None
        ),
        None,
    )
    high = next(
        (
            n
            for name in ("ReadingRangeMax", "MaxReadingRangeTemp", "MaxReadingRange")
            if (n := fields.number(entry.get(name))) is not None
        ),
        None,
    )
    return (None, None) if low is not None and high is not None and low >= high else (low, high)


def told_by(resource: Resource) -> Iterator[Told]:
    """Every value in `resource`; whole resources inside it tell for themselves."""
    kind = kind_of(resource.body, resource.path)
    reader = _READERS.get(kind)
    if reader is not None:
        yield from reader(resource)
    elif kind in _EXCERPT_KINDS:
        yield from excerpts(resource, kind)


# ---- Thermal and Power ---------------------------------------------------------------------------------------


def temperatures(resource: Resource) -> Iterator[Told]:
    """The Temperatures of a Thermal resource."""
    for place, entry in fields.items(resource.body, "Temperatures"):
        yield _legacy(resource, "Temperatures", place, entry, "ReadingCelsius", "", ReadingType.TEMPERATURE)


def fans(resource: Resource) -> Iterator[Told]:
    """The Fans of a Thermal resource."""
    for place, entry in fields.items(resource.body, "Fans"):
        value = "ReadingRPM" if "ReadingRPM" in entry and "Reading" not in entry else "Reading"
        units = str(entry.get("ReadingUnits", "")).lower()
        kind = ReadingType.PERCENT if "percent" in units or units == "%" else ReadingType.ROTATIONAL
        yield _legacy(resource, "Fans", place, entry, value, "Speed", kind, nested=True)


def voltages(resource: Resource) -> Iterator[Told]:
    """The Voltages of a Power resource."""
    for place, entry in fields.items(resource.body, "Voltages"):
        yield _legacy(resource, "Voltages", place, entry, "ReadingVolts", "", ReadingType.VOLTAGE)


_POWER_SUPPLY = (
    (("PowerInputWatts",), "Input Power", ReadingType.POWER),
    (("PowerOutputWatts", "LastPowerOutputWatts"), "Output Power", ReadingType.POWER),
    (("LineInputVoltage",), "Input Voltage", ReadingType.VOLTAGE),
)


def power_supplies(resource: Resource) -> Iterator[Told]:
    """What each power supply of a Power resource takes and gives."""
    for place, entry in fields.items(resource.body, "PowerSupplies"):
        for names, label, kind in _POWER_SUPPLY:
            present = next((name for name in names if fields.number(entry.get(name)) is not None), None)
            if present is not None:
                yield _legacy(resource, "PowerSupplies", place, entry, present, label, kind, nested=True)


def power_control(resource: Resource) -> Iterator[Told]:
    """What a chassis draws: PowerConsumedWatts of its PowerControl entries."""
    for place, entry in fields.items(resource.body, "PowerControl"):
        if "PowerConsumedWatts" in entry:
            context = fields.text(entry, "PhysicalContext") or ("Chassis" if place == 0 else "")
            yield _legacy(
                resource,
                "PowerControl",
                place,
                entry,
                "PowerConsumedWatts",
                "",
                ReadingType.POWER,
                context=context,
                quantity=CHASSIS_POWER if place == 0 and context == "Chassis" else "",
            )


def _legacy(
    resource: Resource,
    section: str,
    place: int,
    entry: Json,
    value: str,
    name: str,
    kind: ReadingType,
    *,
    nested: bool = False,
    context: str | None = None,
    quantity: str = "",
) -> Told:
    """An entry of an array in Thermal or Power. The place holds its names, so that a shifted array is never misread."""
    label = fields.text(entry, "Name", "MemberId") or f"{section} {place}"
    mark = fields.text(entry, "MemberId", "SensorNumber") or str(place)
    return Told(
        place=f"{key(resource.path)}#{section}/{mark}/{label}/{value}",
        source=f"{resource.path.rstrip('/')}#/{section}/{place}/{value}",
        owner=f"{resource.path.rstrip('/')}#/{section}/{place}"
        if nested
        else resource.path.rstrip("/").rpartition("/")[0],
        name=name or label,
        type=kind,
        value=fields.reading_or_reason(entry, value),
        entry=entry,
        related=_related(entry),
        context=fields.text(entry, "PhysicalContext") if context is None else context,
        quantity=quantity,
    )


def _related(entry: Json) -> str:
    """The one thing an entry says it belongs to; empty when it names none or several."""
    value = entry.get("RelatedItem")
    targets = [target for item in (value if isinstance(value, list) else [value]) if (target := fields.link(item))]
    return targets[0] if len(targets) == 1 else ""


# ---- Sensor --------------------------------------------------------------------------------------------------

TYPE_OF_UNIT = {
    "cel": ReadingType.TEMPERATURE, "celsius": ReadingType.TEMPERATURE, "rpm": ReadingType.ROTATIONAL,
    "{rev}/min": ReadingType.ROTATIONAL, "w": ReadingType.POWER, "watts": ReadingType.POWER, "kw": ReadingType.POWER,
    "v": ReadingType.VOLTAGE, "volts": ReadingType.VOLTAGE, "mv": ReadingType.VOLTAGE, "a": ReadingType.CURRENT,
    "amps": ReadingType.CURRENT, "ma": ReadingType.CURRENT, "%": ReadingType.PERCENT, "percent": ReadingType.PERCENT,
    "hz": ReadingType.FREQUENCY, "j": ReadingType.ENERGY_JOULES, "kw.h": ReadingType.ENERGY_KWH,
    "c": ReadingType.TEMPERATURE, "\u00b0c": ReadingType.TEMPERATURE, "degrees c": ReadingType.TEMPERATURE,
    "degc": ReadingType.TEMPERATURE, "volt": ReadingType.VOLTAGE, "watt": ReadingType.POWER, "amp": ReadingType.CURRENT,
    "l/min": ReadingType.LIQUID_FLOW_LPM, "pa": ReadingType.PRESSURE_PA, "kpa": ReadingType.PRESSURE_KPA,
    "cfm": ReadingType.AIR_FLOW, "[cft_i]/min": ReadingType.AIR_FLOW,
}  # fmt: skip
"""The type a sensor must have when it gives only a unit."""

FACTORS = {
    (ReadingType.POWER, "kw"): 1000.0,
    (ReadingType.POWER, "mw"): 0.001,
    (ReadingType.VOLTAGE, "mv"): 0.001,
    (ReadingType.CURRENT, "ma"): 0.001,
    (ReadingType.PRESSURE, "kpa"): 1000.0,
    (ReadingType.PRESSURE_PA, "kpa"): 1000.0,
    (ReadingType.PRESSURE_KPA, "pa"): 0.001,
    (ReadingType.ENERGY_KWH, "w.h"): 0.001,
    (ReadingType.ENERGY_JOULES, "kj"): 1000.0,
    (ReadingType.LIQUID_FLOW_LPM, "l/s"): 60.0,
    (ReadingType.FREQUENCY, "khz"): 1000.0,
    (ReadingType.FREQUENCY, "mhz"): 1_000_000.0,
}
"""What a reading in another unit is multiplied by to be in its type's unit."""

BELIED = {
    (ReadingType.ALTITUDE, "pa"): ReadingType.PRESSURE_PA,
    (ReadingType.CURRENT, "w"): ReadingType.POWER,
    (ReadingType.CURRENT, "watts"): ReadingType.POWER,
    (ReadingType.AIR_FLOW, "rpm"): ReadingType.ROTATIONAL,
}
"""What is measured in truth where the unit is none of the declared type's, and the number is in that unit."""

_BOUNDS = frozenset({"Thresholds", "ReadingRangeMax", "ReadingRangeMin", "Precision"})
_TYPES = {member.value: member for member in ReadingType}


def sensor(resource: Resource) -> Iterator[Told]:
    """The reading of a Sensor resource; none of one that gives a state as a number."""
    body = resource.body
    if ("Reading" not in body and "ReadingType" not in body) or is_discrete(body):
        return
    kind, factor = sensor_type(body)
    value = fields.reading_or_reason(body, "Reading")
    yield Told(
        place=key(resource.path),
        source=f"{resource.path}#/Reading",
        owner=holder_of(resource.path),
        name=fields.text(body, "Name", "Id") or resource.path.rstrip("/").rpartition("/")[2],
        type=kind,
        value=value if isinstance(value, NoReading) or factor == 1.0 else value * factor,
        entry=body,
        related=_related(body),
        context=fields.text(body, "PhysicalContext"),
    )


def is_discrete(body: Json) -> bool:
    """Is the number a state? Its unit is said to be none, and nothing bounds it, as a measurement is bounded."""
    return body.get("ReadingUnits") == "" and _BOUNDS.isdisjoint(body)


def sensor_type(body: Json) -> tuple[ReadingType, float]:
    """The type of a Sensor, and what its reading is multiplied by."""
    units = fields.text(body, "ReadingUnits").lower()
    declared = body.get("ReadingType")
    kind = _TYPES.get(declared) if isinstance(declared, str) else None
    if kind is None:
        kind = TYPE_OF_UNIT.get(units, ReadingType.OTHER)
    kind = BELIED.get((kind, units), kind)
    return kind, FACTORS.get((kind, units), 1.0)


# ---- excerpts ------------------------------------------------------------------------------------------------

_EXCERPT_KINDS = frozenset(
    {
        "Battery", "BatteryMetrics", "Circuit", "CoolantConnector", "CoolingLoop", "CoolingUnit", "Drive",
        "EnvironmentMetrics",
        "Fan", "Heater", "HeaterMetrics", "LeakDetector", "Outlet", "OutletGroup", "PowerDistribution",
        "PowerDistributionMetrics", "PowerSupply", "PowerSupplyMetrics", "ProcessorMetrics", "Pump", "Reservoir",
        "ThermalMetrics",
    }
)  # fmt: skip
"""Kinds whose objects with a Reading are worth keeping."""

SUFFIXES = (
    ("TemperatureReadingsCelsius", ReadingType.TEMPERATURE),
    ("Celsius", ReadingType.TEMPERATURE),
    ("HumidityPercent", ReadingType.HUMIDITY),
    ("AbsoluteHumidity", ReadingType.ABSOLUTE_HUMIDITY),
    ("LevelPercent", ReadingType.PERCENT),
    ("SpeedsPercent", ReadingType.PERCENT),
    ("Percent", ReadingType.PERCENT),
    ("LoadWatts", ReadingType.POWER),
    ("Watts", ReadingType.POWER),
    ("EnergykWh", ReadingType.ENERGY_KWH),
    ("EnergyJoules", ReadingType.ENERGY_JOULES),
    ("EnergyWattHours", ReadingType.ENERGY_WH),
    ("Voltages", ReadingType.VOLTAGE),
    ("Voltage", ReadingType.VOLTAGE),
    ("Amps", ReadingType.CURRENT),
    ("AmpHours", ReadingType.CHARGE_AH),
    ("Hz", ReadingType.FREQUENCY),
    ("LitersPerMinute", ReadingType.LIQUID_FLOW_LPM),
    ("PressurekPa", ReadingType.PRESSURE_KPA),
    ("kPa", ReadingType.PRESSURE_KPA),
    ("HeatRemovedkW", ReadingType.HEAT),
    ("kW", ReadingType.HEAT),
)
"""Type by the end of the property's name (DSP8010 names its excerpts by quantity and unit)."""

_PHRASES = (
    ("SpeedPercent", "Speed"),
    ("FanSpeedsPercent", "Fan Speed"),
    ("InputPowerWatts", "Input Power"),
    ("OutputPowerWatts", "Output Power"),
    ("InputVoltage", "Input Voltage"),
    ("InputCurrentAmps", "Input Current"),
    ("RailVoltage", "Output Voltage"),
    ("RailCurrentAmps", "Output Current"),
    ("RailPowerWatts", "Rail Power"),
    ("PowerWatts", "Power"),
    ("TemperatureCelsius", "Temperature"),
    ("TemperatureReadingsCelsius", "Temperature"),
)
_NOT_MEASURED = frozenset({"Thresholds", "PowerLimitWatts", "Status", "Links", "Actions", "Oem", "SetPoint"})


def excerpts(resource: Resource, kind: str) -> Iterator[Told]:
    """Every object with a Reading, typed by the name of its property or of the one it stands under."""
    stack: list[tuple[str, tuple[str, ...], Any]] = [("", (), resource.body)]
    while stack:
        pointer, names, here = stack.pop()
        if isinstance(here, list):
            stack.extend(
                (f"{pointer}/{place}", names, item) for place, item in enumerate(here) if isinstance(item, dict)
            )
            continue
        if pointer and is_resource(here):
            continue
        if names and "Reading" in here:
            yield from _excerpt(resource, kind, pointer, names, here)
        stack.extend(
            (f"{pointer}/{name}", (*names, name), value)
            for name, value in here.items()
            if isinstance(value, (dict, list)) and name not in _NOT_MEASURED and not name.startswith("@")
        )


def _excerpt(resource: Resource, kind: str, pointer: str, names: tuple[str, ...], entry: Json) -> Iterator[Told]:
    quantity = next((found for name in reversed(names) for suffix, found in SUFFIXES if name.endswith(suffix)), None)
    if quantity is None:
        return
    told_elsewhere = entry.get("DataSourceUri")
    place = (
        key(fields.without_host(told_elsewhere))
        if isinstance(told_elsewhere, str) and told_elsewhere
        else f"{key(resource.path)}#{pointer}"
    )
    owner = owner_of_metrics(resource.path) if kind.endswith("Metrics") else resource.path
    phrase = dict(_PHRASES)
    label = " ".join(phrase.get(name, name) for name in names)
    device = fields.text(entry, "DeviceName")
    common: dict[str, Any] = {
        "owner": owner,
        "entry": entry,
        "excerpt": True,
        "context": fields.text(entry, "PhysicalContext"),
    }
    yield Told(
        place=place,
        source=f"{resource.path}#{pointer}/Reading",
        name=device or label,
        type=quantity,
        value=fields.reading_or_reason(entry, "Reading", resource.body),
        related=device,
        quantity=CHASSIS_POWER if kind == "EnvironmentMetrics" and names == ("PowerWatts",) else "",
        **common,
    )
    if "SpeedRPM" in entry:
        yield Told(
            place=f"{key(resource.path)}#{pointer}/SpeedRPM",
            source=f"{resource.path}#{pointer}/SpeedRPM",
            name=label,
            type=ReadingType.ROTATIONAL,
            value=fields.reading_or_reason(entry, "SpeedRPM", resource.body),
            **common,
        )


def owner_of_metrics(path: str) -> str:
    """What a metrics resource speaks of: the resource it hangs below (a ThermalSubsystem in between does not count)."""
    above = path.split("#", 1)[0].rstrip("/").rpartition("/")[0]
    return above.rpartition("/")[0] if above.lower().endswith(("/thermalsubsystem", "/powersubsystem")) else above


def _thermal(resource: Resource) -> Iterator[Told]:
    yield from temperatures(resource)
    yield from fans(resource)


def _power(resource: Resource) -> Iterator[Told]:
    yield from power_control(resource)
    yield from power_supplies(resource)
    yield from voltages(resource)


def _smart(resource: Resource) -> Iterator[Told]:
    """The one temperature of a drive that its NVMe log tells, as a plain number (DriveMetrics, NVMeSMART)."""
    smart = fields.child(resource.body, "NVMeSMART")
    if fields.number(smart.get("CompositeTemperatureCelsius")) is not None:
        pointer = "/NVMeSMART/CompositeTemperatureCelsius"
        yield Told(
            place=f"{key(resource.path)}#{pointer}",
            source=f"{resource.path}#{pointer}",
            owner=owner_of_metrics(resource.path),
            name="Temperature",
            type=ReadingType.TEMPERATURE,
            value=fields.reading_or_reason(smart, "CompositeTemperatureCelsius"),
            entry=smart,
            excerpt=True,
        )


_READERS: dict[str, Callable[[Resource], Iterator[Told]]] = {
    "DriveMetrics": _smart,
    "Power": _power,
    "Sensor": sensor,
    "Thermal": _thermal,
}
