"""IPMI's units as reading types: what a number measures, and how it is brought to the type's unit (table 43-15).

Not pyghmi's: it names units, and we need to know what they measure.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fleetmon.drivers.ipmi.parse.sdr import Units
from fleetmon.model import ReadingType


class Measure(NamedTuple):
    """A reading type, and what makes a number of the device's unit one of the type's: times factor, plus offset."""

    type: ReadingType
    factor: float = 1.0
    offset: float = 0.0

    def of(self, number: float) -> float:
        """The number in the type's unit."""
        return number if self.factor == 1.0 and not self.offset else round(number * self.factor + self.offset, 4)


OTHER = Measure(ReadingType.OTHER)
_BASE: dict[int, Measure] = {
    1: Measure(ReadingType.TEMPERATURE),
    2: Measure(ReadingType.TEMPERATURE, 5 / 9, -160 / 9),
    3: Measure(ReadingType.TEMPERATURE, 1.0, -273.15),
    4: Measure(ReadingType.VOLTAGE),
    5: Measure(ReadingType.CURRENT),
    6: Measure(ReadingType.POWER),
    7: Measure(ReadingType.ENERGY_JOULES),
    14: Measure(ReadingType.PRESSURE_KPA),
    15: Measure(ReadingType.PRESSURE_KPA, 6.894757),
    17: Measure(ReadingType.AIR_FLOW),
    18: Measure(ReadingType.ROTATIONAL),
    19: Measure(ReadingType.FREQUENCY),
}
"""Base units that measure one thing whatever the sensor."""
_HOUR, _MINUTE, _SECOND = 24, 23, 22
_COMPOUND: dict[tuple[int, int, int, int], Measure] = {
    (6, _HOUR, 2, 0): Measure(ReadingType.ENERGY_WH),
    (6, _MINUTE, 2, 0): Measure(ReadingType.ENERGY_WH, 1 / 60),
    (6, _SECOND, 2, 0): Measure(ReadingType.ENERGY_JOULES),
    (5, _HOUR, 2, 0): Measure(ReadingType.CHARGE_AH),
    (7, _SECOND, 1, 0): Measure(ReadingType.POWER),
    (41, _MINUTE, 1, 0): Measure(ReadingType.ROTATIONAL),
    (41, 0, 0, 4): Measure(ReadingType.ROTATIONAL),
    (41, 0, 0, 3): Measure(ReadingType.ROTATIONAL, 60.0),
    (37, _MINUTE, 1, 0): Measure(ReadingType.LIQUID_FLOW_LPM),
    (37, 0, 0, 4): Measure(ReadingType.LIQUID_FLOW_LPM),
    (37, 0, 0, 3): Measure(ReadingType.LIQUID_FLOW),
    (31, _MINUTE, 1, 0): Measure(ReadingType.AIR_FLOW),
    (31, 0, 0, 4): Measure(ReadingType.AIR_FLOW),
    (36, 0, 0, 4): Measure(ReadingType.AIR_FLOW_CMM),
    (92, 36, 1, 0): Measure(ReadingType.ABSOLUTE_HUMIDITY),
}
"""Base, modifier, their relation and the rate (0 none, 3 per second, 4 per minute), where they measure together."""
_LENGTHS = {29: 0.3048, 34: 1.0}
_UNSAID = {1: Measure(ReadingType.TEMPERATURE), 2: Measure(ReadingType.VOLTAGE), 3: Measure(ReadingType.CURRENT)}
"""What a sensor of this type measures where its unit is left out."""
_ALTITUDE = re.compile(r"altitude|elevation", re.IGNORECASE)
_HUMIDITY = re.compile(r"humid|\bRH\b", re.IGNORECASE)
_MARGIN = re.compile(r"margin|mrgn|\bmgn\b|tcontrol", re.IGNORECASE)
"""Degrees below a limit: a difference, and no temperature that anything has."""


def measure(units: Units, sensor_type: int, name: str) -> Measure:
    """What a sensor measures; OTHER for what has no type of its own, as bits, errors or amounts of goods."""
    base, modifier, relation, rate, percent = units
    if percent:
        return Measure(ReadingType.HUMIDITY if _HUMIDITY.search(name) else ReadingType.PERCENT)
    if (modifier and relation) or rate:
        return _COMPOUND.get((base, modifier if relation else 0, relation, rate), OTHER)
    if base == 0:
        return _UNSAID.get(sensor_type, OTHER)
    if base in _LENGTHS and _ALTITUDE.search(name):
        return Measure(ReadingType.ALTITUDE, _LENGTHS[base])
    found = _BASE.get(base, OTHER)
    return OTHER if found.type is ReadingType.TEMPERATURE and _MARGIN.search(name) else found
