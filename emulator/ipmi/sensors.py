"""The sensors of a family as IPMI has them: numbered, scaled into one byte, and the discrete ones that follow parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import ceil, log10
from typing import TYPE_CHECKING, NamedTuple

from emulator.accents.families import FAMILIES
from emulator.accents.model import Family
from emulator.ipmi.states import SYSTEM_BOARD, Discrete, discretes_of
from emulator.sensor_rows import rows_of
from emulator.sensors import Limits, SensorRow

if TYPE_CHECKING:
    from emulator.hardware import Machine

THRESHOLD = 0x01
"""Event/reading type code of a sensor with thresholds (IPMI v2.0, table 42-1)."""
MANTISSAS = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
TYPES = {
    "Temperature": (0x01, 1), "Voltage": (0x02, 4), "Current": (0x03, 5), "Rotational": (0x04, 18), "Power": (0x0B, 6),
    "AirFlow": (0x0B, 17), "Frequency": (0x0B, 19), "Percent": (0x0B, 0),
}  # fmt: skip
"""Sensor type (table 42-3) and base unit (table 43-15) by Redfish ReadingType; what has neither is not told."""
UNITS = {0: "%", 1: "Cel", 4: "V", 5: "A", 6: "W", 17: "[cft_i]/min", 18: "{rev}/min", 19: "Hz"}
ENTITIES = {
    "Intake": 0x37, "Exhaust": 0x17, "CPU": 0x03, "VoltageRegulator": 0x14, "Memory": 0x20, "MemoryModule": 0x08,
    "GPU": 0x0B, "GPUSubsystem": 0x0B, "NetworkingDevice": 0x2C, "ExpansionBay": 0x10, "Backplane": 0x0F,
    "PowerSupply": 0x0A, "Chassis": 0x17, "StorageSubsystem": 0x0F, "Fan": 0x1D,
}  # fmt: skip
"""Entity id (table 43-13) by PhysicalContext."""


class Scale(NamedTuple):
    """A reading is (m * raw + b * 10^b_exponent) * 10^exponent (IPMI v2.0, 36.3)."""

    m: int
    b: int
    b_exponent: int
    exponent: int
    signed: bool

    def value(self, raw: int) -> float:
        """What a byte means."""
        number = raw - 256 if self.signed and raw > 127 else raw
        told = (self.m * number + self.b * 10.0**self.b_exponent) * 10.0**self.exponent
        return float(round(told, max(0, -self.exponent)))

    def count(self, value: float) -> int:
        """The nearest step, as a number: signed where the byte is."""
        steps = (value / 10.0**self.exponent - self.b * 10.0**self.b_exponent) / self.m
        low, high = (-128, 127) if self.signed else (0, 255)
        return max(low, min(high, int(steps + 0.5) if steps >= 0 else -int(0.5 - steps)))

    def raw(self, value: float) -> int:
        """The nearest byte."""
        return self.count(value) & 0xFF


class Thresholds(NamedTuple):
    """Steps, signed where the scale is; None where there is no threshold. In the order of Get Sensor Thresholds."""

    lower_caution: int | None = None
    lower_critical: int | None = None
    lower_fatal: int | None = None
    upper_caution: int | None = None
    upper_critical: int | None = None
    upper_fatal: int | None = None

    @property
    def mask(self) -> int:
        """One bit for each that there is."""
        return sum(1 << index for index, step in enumerate(self) if step is not None)

    def reached(self, count: int) -> int:
        """The comparison bits of Get Sensor Reading: at or below a lower, at or above an upper one."""
        return sum(
            1 << index
            for index, step in enumerate(self)
            if step is not None and (count <= step if index < 3 else count >= step)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Analog:
    """A sensor that measures."""

    number: int
    name: str
    type: int
    unit: int
    entity: tuple[int, int]
    key: str
    index: int
    """Among the machine's own sensors."""
    part: str
    scale: Scale
    thresholds: Thresholds
    hysteresis: int
    lives_off: bool

    @property
    def event_type(self) -> int:
        return THRESHOLD


Sensor = Analog | Discrete


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every sensor of a family, and which of them speaks of what."""

    sensors: tuple[Sensor, ...]
    by_number: dict[int, Sensor]
    by_key: dict[str, Sensor]
    """An analog one by the key of its row, a discrete one by its own."""
    by_row_name: dict[str, Analog]


@cache
def catalogue_of(family_name: str) -> Catalogue:
    """What machines of a family share."""
    family = FAMILIES[family_name]
    sensors = tuple(_numbered(family))
    analogs = [sensor for sensor in sensors if isinstance(sensor, Analog)]
    rows = rows_of(family_name)
    return Catalogue(
        sensors,
        {sensor.number: sensor for sensor in sensors},
        {sensor.key: sensor for sensor in sensors},
        {rows[sensor.index].name: sensor for sensor in analogs},
    )


def named(family: Family, key: str, name: str) -> str:
    """What the firmware calls a sensor, in the sixteen bytes that an SDR has for it."""
    for pattern, template in family.ipmi.names:
        if found := re.fullmatch(pattern, key):
            return found.expand(template)[:16]
    return name[:16]


def entity_of(family: Family, key: str, entity: tuple[int, int]) -> tuple[int, int]:
    """The entity that the firmware says a sensor belongs to."""
    for pattern, id_, instance in family.ipmi.entities:
        if re.fullmatch(pattern, key):
            return id_, instance
    return entity


def _numbered(family: Family) -> Iterator[Sensor]:
    number = 0
    for index, row in enumerate(rows_of(family.name)):
        if row.type in TYPES and _is_told(family, row.key):
            number += 1
            yield _analog(family, number, index, row)
    for discrete in discretes_of(family, named, entity_of):
        if _is_told(family, discrete.key):
            number += 1
            yield discrete.numbered(number)


def _is_told(family: Family, key: str) -> bool:
    return not any(re.fullmatch(pattern, key) for pattern in family.ipmi.left_out)


def _analog(family: Family, number: int, index: int, row: SensorRow) -> Analog:
    type_, unit = TYPES[row.type]
    scale = _scale(family, row)
    context = "Fan" if row.type == "Rotational" else row.context
    if context == "Memory" and row.part is None:
        context = "MemoryModule"
    digits = re.findall(r"\d+", row.key)
    instance = row.part[1] + 1 if row.part else int(digits[0]) if digits and context != "SystemBoard" else 1
    return Analog(
        number=number, name=named(family, row.key, row.name), type=type_, unit=unit, key=row.key, index=index,
        entity=entity_of(family, row.key, (ENTITIES.get(context, SYSTEM_BOARD), instance)),
        part=_part_name(row), scale=scale, thresholds=_thresholds(scale, row.limits),
        hysteresis=2 if row.type == "Temperature" else 1, lives_off=row.lives_off or row.off is not None,
    )  # fmt: skip


def _part_name(row: SensorRow) -> str:
    """The part that a sensor tells of, as the log names it."""
    found = re.match(r"(Fan|PSU|CPU|GPU)(\d+)", row.key)
    return f"{found[1]} {found[2]}" if found and row.part else ""


def _scale(family: Family, row: SensorRow) -> Scale:
    """One byte for whatever the sensor may come to, in steps that a person would choose."""
    if row.type == "Temperature":
        return Scale(1, -40, 0, 0, False) if family.ipmi.shifted else Scale(1, 0, 0, 0, True)
    if row.type == "Percent":
        return Scale(1, 0, 0, 0, False)
    limits = [limit for limit in (row.limits.upper_critical, row.limits.upper_fatal) if limit is not None]
    burden = 2.1 if row.part and row.part[0] == "PowerSupply" and row.type in ("Power", "Current") else 1.25
    top = max([(row.level + max(0.0, row.load) + row.inlet * 45 + abs(row.spread)) * burden, *limits])
    step = top * 1.02 / 255
    exponent = ceil(log10(step)) - 2
    m = next(mantissa for mantissa in MANTISSAS if mantissa * 10.0**exponent >= step)
    while m % 10 == 0:
        m, exponent = m // 10, exponent + 1
    while exponent > 0 and m * 10 < 512:
        m, exponent = m * 10, exponent - 1
    return Scale(m, 0, 0, exponent, False)


def _thresholds(scale: Scale, limits: Limits) -> Thresholds:
    def step(limit: float | None) -> int | None:
        return None if limit is None else scale.count(limit)

    return Thresholds(
        step(limits.lower_caution), step(limits.lower_critical), None, step(limits.upper_caution),
        step(limits.upper_critical), step(limits.upper_fatal),
    )  # fmt: skip


def measured(machine: Machine, sensor: Analog) -> int | None:
    """Steps that a sensor shows now; None where it has no reading."""
    value = machine.readings()[sensor.index]
    return None if value is None else sensor.scale.count(value)
