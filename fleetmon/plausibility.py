"""Is this reading good, suspect or bad? Pure; the rules are rows.

A bad reading is shown and used for nothing; a suspect one is shown and raises no alert alone. The gate judges what a
device says against what can be (range), what it said a moment ago (rate), and what it says elsewhere (thresholds).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol

from fleetmon.model import Health, Quality, Reading, ReadingType, Sensor


@dataclass(frozen=True, slots=True)
class Range:
    """Where the values of one type lie, in its base unit: beyond `possible` a value is bad, beyond `likely` suspect."""

    type: ReadingType
    possible: tuple[float, float]
    likely: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rate:
    """How much a value of one type changes at most: by `step` at once, and by `per_minute` after that."""

    type: ReadingType
    step: float
    per_minute: float


@dataclass(frozen=True, slots=True)
class UnitLie:
    """Values that show a type given in another unit."""

    kind: str
    type: ReadingType
    between: tuple[float, float]
    reason: str


RANGES = (
    Range(ReadingType.TEMPERATURE, possible=(-60, 250), likely=(-5, 125)),
    Range(ReadingType.HUMIDITY, possible=(0, 100), likely=(1, 100)),
    Range(ReadingType.PERCENT, possible=(-1, 1_000), likely=(0, 101)),
    Range(ReadingType.POWER, possible=(-100_000, 1_000_000), likely=(-1, 200_000)),
    Range(ReadingType.VOLTAGE, possible=(-100_000, 100_000), likely=(-60, 1_000)),
    Range(ReadingType.CURRENT, possible=(-10_000, 100_000), likely=(-500, 5_000)),
    Range(ReadingType.ROTATIONAL, possible=(0, 200_000), likely=(0, 60_000)),
    Range(ReadingType.FREQUENCY, possible=(0, 1e12), likely=(0, 1e11)),
    Range(ReadingType.ENERGY_KWH, possible=(0, 1e10), likely=(0, 1e9)),
    Range(ReadingType.ENERGY_JOULES, possible=(0, 1e17), likely=(0, 1e16)),
    Range(ReadingType.ENERGY_WH, possible=(0, 1e13), likely=(0, 1e12)),
    Range(ReadingType.LIQUID_FLOW_LPM, possible=(0, 1e6), likely=(0, 1e5)),
    Range(ReadingType.PRESSURE_KPA, possible=(-200, 1e6), likely=(-101, 1e5)),
)
"""Physics and the trade: nothing in a rack is hotter than 125 degrees and still answers."""

RATES = (
    Rate(ReadingType.TEMPERATURE, step=25, per_minute=30),
    Rate(ReadingType.HUMIDITY, step=30, per_minute=30),
)
"""Quantities that cannot jump. Watts, revolutions and volts can, when a machine is switched on."""

COUNTING_UP = frozenset({ReadingType.ENERGY_KWH, ReadingType.ENERGY_JOULES, ReadingType.ENERGY_WH})
"""Types that only grow; a smaller value is a reset, and the difference means nothing. That of a counter is judged
where its rate is made, which knows what came after as well."""

UNIT_LIES = (
    UnitLie("Fan", ReadingType.ROTATIONAL, (0.001, 100), "so few revolutions are a percentage"),
    UnitLie("Fan", ReadingType.PERCENT, (0.001, 1), "so small a percentage is a fraction"),
    UnitLie("Fan", ReadingType.PERCENT, (101, 1_000), "more than all it can is no percentage"),
)

COMPARABLE = timedelta(minutes=15)
"""How far apart two readings may lie for their difference to say anything."""

_ANYTHING = (-math.inf, math.inf)
_RANGE = {row.type: row for row in RANGES}
_RATE = {row.type: row for row in RATES}


class Usual(NamedTuple):
    """What of a sensor needs no closer look: a value from `low` to `high` that follows from the last good one.

    It follows when it differs by no more than `step`, or, where it `rises`, when it is no smaller.
    """

    low: float
    high: float
    step: float
    rises: bool

    @property
    def alone(self) -> bool:
        """Does the value speak for itself, whatever the last one was?"""
        return self.step == math.inf and not self.rises


@lru_cache(maxsize=65_536)
def usual(sensor: Sensor) -> Usual:
    """The rules above as two comparisons; narrower than they are, never wider."""
    row, rate = _RANGE.get(sensor.type), _RATE.get(sensor.type)
    low, high = (max(row.possible[0], row.likely[0]), min(row.possible[1], row.likely[1])) if row else _ANYTHING
    if sensor.range_min is not None and sensor.range_max is not None and sensor.range_min < sensor.range_max:
        low, high = max(low, sensor.range_min), min(high, sensor.range_max)
    for lie in UNIT_LIES:
        if sensor.component.kind == lie.kind and sensor.type is lie.type:
            if lie.between[1] >= high:
                high = min(high, math.nextafter(lie.between[0], -math.inf))
            else:
                low = max(low, math.nextafter(lie.between[1], math.inf))
    return Usual(low, high, rate.step if rate else math.inf, sensor.type in COUNTING_UP)


def judged(reading: Reading, before: Before) -> Reading:
    """As `judge`, at once where there is nothing to doubt: most values of most polls."""
    value, sensor = reading.value, reading.sensor
    if isinstance(value, float | int) and reading.quality is Quality.GOOD:
        low, high, step, rises = rule = usual(sensor)
        if low <= value <= high:
            if rule.alone:
                return reading
            last = before.number(sensor.key)
            if last is not None and (value >= last if rises else -step <= value - last <= step):
                return reading
    return judge(reading, before.get(sensor.key))


class Before(Protocol):
    """The last readings of a device's sensors, by their keys."""

    def get(self, key: tuple[str, str, str, str], /) -> Reading | None:
        """The last reading; None when there is none."""
        ...

    def number(self, key: tuple[str, str, str, str], /) -> float | None:
        """The number of the last reading if that was a good one; None when it was not, or there is none."""
        ...


def judge(reading: Reading, previous: Reading | None = None) -> Reading:
    """The reading with its quality; never better than it came, and unchanged where there is nothing to say."""
    value = reading.number
    if value is None or reading.quality is Quality.BAD:
        return reading
    if reason := impossible(reading.sensor, value):
        return replace(reading, quality=Quality.BAD, quality_reason=reason)
    if reading.quality is Quality.SUSPECT:
        return reading
    reason = unlikely(reading.sensor, value) or (jump(reading, previous) if previous is not None else "")
    return replace(reading, quality=Quality.SUSPECT, quality_reason=reason) if reason else reading


def impossible(sensor: Sensor, value: float) -> str:
    """Why this cannot be, or nothing."""
    row = _RANGE.get(sensor.type)
    if row is None or row.possible[0] <= value <= row.possible[1]:
        return ""
    return f"no {sensor.type.value} is {value:g} {sensor.unit}".rstrip()


def unlikely(sensor: Sensor, value: float) -> str:
    """Why this is hard to believe, or nothing."""
    for lie in UNIT_LIES:
        if sensor.component.kind == lie.kind and sensor.type is lie.type and lie.between[0] <= value <= lie.between[1]:
            return lie.reason
    low, high = sensor.range_min, sensor.range_max
    if low is not None and high is not None and low < high and not low <= value <= high:
        return f"outside what the sensor can measure ({low:g} to {high:g})"
    row = _RANGE.get(sensor.type)
    if row is not None and not row.likely[0] <= value <= row.likely[1]:
        return f"hardly any {sensor.type.value} is {value:g} {sensor.unit}".rstrip()
    return ""


def jump(reading: Reading, previous: Reading) -> str:
    """Why this does not follow from the last good reading of the same sensor, or nothing."""
    now, before = reading.number, previous.number
    gap = reading.taken_at - previous.taken_at
    if now is None or before is None or previous.quality is not Quality.GOOD or not timedelta(0) < gap <= COMPARABLE:
        return ""
    if reading.sensor.type in COUNTING_UP:
        return f"went back from {before:g}" if now < before else ""
    row = _RATE.get(reading.sensor.type)
    if row is None or abs(now - before) <= row.step + row.per_minute * gap.total_seconds() / 60:
        return ""
    return f"jumped from {before:g} in {gap.total_seconds():.0f} s"


def contradiction(sensor: Sensor, value: float, said: Health | None) -> str:
    """Why the device contradicts itself, or nothing: it calls a value OK that lies beyond its own critical threshold.

    Most often the threshold is wrong, so the value is suspect and not alarming.
    """
    if said is not Health.OK:
        return ""
    limits = sensor.thresholds
    for limit in (limits.upper_fatal, limits.upper_critical):
        if limit is not None and limit > 0 and value >= limit:
            return f"the device calls it OK beyond its own limit of {limit:g}"
    for limit in (limits.lower_fatal, limits.lower_critical):
        if limit is not None and value <= limit:
            return f"the device calls it OK below its own limit of {limit:g}"
    return ""
