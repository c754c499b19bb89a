"""The SDR repository: what the sensors and devices of a family are, in records (IPMI v2.0, 33 and 43)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from emulator.accents.families import FAMILIES
from emulator.accents.model import Family
from emulator.ipmi.sensors import Analog, Sensor, catalogue_of
from emulator.ipmi.states import Discrete

BMC_ADDRESS = 0x20
VERSION = 0x51
FULL, COMPACT, EVENT_ONLY, FRU_LOCATOR, MC_LOCATOR, OEM = 0x01, 0x02, 0x03, 0x11, 0x12, 0xC0
EIGHT_BIT = 0xC0
"""Type/length byte: eight-bit ASCII and Latin 1 (43.15)."""


@cache
def repository_of(family_name: str) -> tuple[tuple[int, bytes], ...]:
    """(record id, whole record), in order; the same for every machine of a family."""
    family = FAMILIES[family_name]
    manner = family.ipmi
    bodies = [_sensor(family, sensor) for sensor in catalogue_of(family_name).sensors]
    bodies += [*_locators(family), *((OEM, body) for body in manner.oem_records)]
    records = []
    for index, (type_, body) in enumerate(bodies):
        number = manner.first_record + index * manner.record_step
        records.append((number, number.to_bytes(2, "little") + bytes((VERSION, type_, len(body))) + body))
    return tuple(records)


def _sensor(family: Family, sensor: Sensor) -> tuple[int, bytes]:
    match sensor:
        case Analog():
            return FULL, _full(family, sensor)
        case Discrete(event_only=True):
            return EVENT_ONLY, _event_only(sensor)
    return COMPACT, _compact(sensor)


def text(name: str) -> bytes:
    """A type/length byte and the text after it."""
    told = name.encode("latin-1", "replace")[:31]
    return bytes((EIGHT_BIT | len(told),)) + told


def _key(sensor: Sensor) -> bytes:
    """Owner, number, entity, how it is initialised."""
    return bytes((BMC_ADDRESS, 0, sensor.number, *sensor.entity))


def threshold_masks(sensor: Analog) -> tuple[int, int, int]:
    """(assertion, deassertion, readable) masks: a lower threshold goes low, an upper one high (table 43-1)."""
    lower, upper = sensor.thresholds.mask & 0x07, sensor.thresholds.mask >> 3
    events = sum(1 << 2 * bit for bit in range(3) if lower >> bit & 1)
    events |= sum(1 << 7 + 2 * bit for bit in range(3) if upper >> bit & 1)
    return events | lower << 12, events | upper << 12, sensor.thresholds.mask


def _full(family: Family, sensor: Analog) -> bytes:
    """Full sensor record (43.1)."""
    scale, manner = sensor.scale, family.ipmi
    assertion, deassertion, readable = threshold_masks(sensor)
    settable = readable if manner.settable_thresholds else 0
    access = 0 if not readable else 2 if settable else 1
    capabilities = 0x40 | (0x10 if readable else 0) | access << 2
    units = bytes(((0x80 if scale.signed else 0) | (sensor.unit == 0), sensor.unit, 0))
    factors = bytes((
        0, scale.m & 0xFF, (scale.m >> 2 & 0xC0), scale.b & 0xFF, (scale.b >> 2 & 0xC0), 0,
        (scale.exponent & 0x0F) << 4 | scale.b_exponent & 0x0F,
    ))  # fmt: skip
    low, high = (0x80, 0x7F) if scale.signed else (0x00, 0xFF)
    limits = bytes((step or 0) & 0xFF for step in reversed(sensor.thresholds))
    return b"".join((
        _key(sensor), bytes((0x7F, capabilities, sensor.type, sensor.event_type)), assertion.to_bytes(2, "little"),
        deassertion.to_bytes(2, "little"), bytes((readable, settable)), units, factors,
        bytes((0, 0, 0, 0, high, low)), limits, bytes((sensor.hysteresis, sensor.hysteresis, 0, 0, 0)),
        text(sensor.name),
    ))  # fmt: skip


def _compact(sensor: Discrete) -> bytes:
    """Compact sensor record (43.2)."""
    offsets = sensor.offsets.to_bytes(2, "little")
    return b"".join((
        _key(sensor), bytes((0x67, 0x40, sensor.type, sensor.event_type)), offsets, offsets, offsets,
        bytes((0xC0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)), text(sensor.name),
    ))  # fmt: skip


def _event_only(sensor: Discrete) -> bytes:
    """Event-only record (43.3)."""
    return _key(sensor) + bytes((sensor.type, sensor.event_type, 1, 0, 0, 0)) + text(sensor.name)


def _locators(family: Family) -> Iterator[tuple[int, bytes]]:
    """The BMC itself, and the inventory devices behind it (43.8 and 43.9)."""
    capabilities = 0xBF
    yield MC_LOCATOR, bytes((BMC_ADDRESS, 0, 0x08, capabilities, 0, 0, 0, 0x06, 0x01, 0)) + text("BMC")
    for index in range(family.supplies if family.ipmi.supply_frus else 0):
        yield (
            FRU_LOCATOR,
            bytes((BMC_ADDRESS, index + 1, 0x80, 0, 0, 0x10, 0x00, 0x0A, index + 1, 0)) + text(f"PSU{index + 1} FRU"),
        )
