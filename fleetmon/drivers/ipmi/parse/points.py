"""The sensors of the SDRs as ours: what each speaks of, under which name, in which unit, with which thresholds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fleetmon.drivers.ipmi.parse.entities import places
from fleetmon.drivers.ipmi.parse.formula import Format, Formula
from fleetmon.drivers.ipmi.parse.sdr import BMC_ADDRESS, Kind, Limits, Repository, SensorRecord, limits
from fleetmon.drivers.ipmi.parse.units import OTHER, Measure, measure
from fleetmon.model import Component, Sensor, Thresholds

_CONTEXTS = (
    (re.compile(r"inlet|intake|ambient|front ?panel", re.IGNORECASE), "Intake"),
    (re.compile(r"exhaust|outlet|exit[ _]?air", re.IGNORECASE), "Exhaust"),
)
_INTAKES = frozenset({0x37, 0x40})
"""Entity ids of the air inlet (DCMI 1.5 table 9-1)."""
_KIND_CONTEXTS = {
    "Processor": "CPU", "Memory": "Memory", "PowerSupply": "PowerSupply", "Fan": "Fan", "Drive": "StorageDevice",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One sensor as we know it: its record, what it speaks of, and under which name."""

    record: SensorRecord
    component: Component
    name: str
    """Unique within the component."""
    source: str
    sensor: Sensor | None
    """What its numbers are readings of; None where it tells states only."""
    asked: bool
    """Can it be read by the controller we speak to? Else it is heard of in events only."""
    measure: Measure = OTHER
    """What its numbers measure."""
    hysteresis: tuple[float, float] | None = None
    """How far a value has to fall below an upper threshold, or rise above a lower one, until it is crossed no more."""

    @property
    def number(self) -> int:
        return self.record.number

    @property
    def lun(self) -> int:
        return self.record.lun


def points(repository: Repository, address: int = BMC_ADDRESS) -> tuple[Point, ...]:
    """Every sensor the SDRs tell of; no two that are asked have the same component, name and type."""
    where, owner = places(repository), _owner(repository.sensors, address)
    found = [_point(one, where.of(one), owner) for one in _once(repository.sensors)]
    heads = Counter(_head(point) for point in found)
    return tuple(_told_apart(point) if heads[_head(point)] > 1 else point for point in found)


def _owner(records: Iterable[SensorRecord], address: int) -> int:
    """Whose sensors we can ask: those of whom we speak to, by whatever address a BMC wrongly gives itself."""
    owners = Counter(one.owner for one in records if one.kind is Kind.FULL and not one.by_software)
    return address if address in owners or not owners else owners.most_common(1)[0][0]


def _once(records: Iterable[SensorRecord]) -> Iterator[SensorRecord]:
    """Each sensor once: some repositories hold a record twice, under two ids."""
    seen: set[tuple[int, int, int]] = set()
    for record in records:
        key = (record.owner, record.lun, record.number)
        if key not in seen or record.by_software:
            seen.add(key)
            yield record


def _head(point: Point) -> tuple[Component, str, str, bool]:
    """What tells sensors apart: the key of its readings, and whether it can have any."""
    return point.component, point.name, point.sensor.type.value if point.sensor else "", point.asked


def _told_apart(point: Point) -> Point:
    """The point with its number in its name, where others bear the same."""
    name = f"{point.name} ({point.number:02X}h{f'.{point.lun}' if point.lun else ''})"
    return replace(point, name=name, sensor=replace(point.sensor, name=name) if point.sensor else None)


def _point(record: SensorRecord, component: Component, owner: int) -> Point:
    source = f"sdr/{record.record_id:04X}"
    name = record.name or f"Sensor {record.number:02X}h"
    measured = measure(record.units, record.sensor_type, record.name) if record.formula else OTHER
    low, high = _span(record, measured)
    return Point(
        record=record,
        component=component,
        name=name,
        source=source,
        sensor=Sensor(
            component=component,
            name=name,
            type=measured.type,
            source=source,
            physical_context=_context(record, component),
            range_min=low,
            range_max=high,
            thresholds=thresholds(record.formula, measured, record.limits),
        )
        if record.formula
        else None,
        asked=record.kind is not Kind.EVENT_ONLY and record.owner == owner and not record.channel,
        measure=measured,
        hysteresis=_hysteresis(record, measured, *record.hysteresis) if any(record.hysteresis) else None,
    )


def _context(record: SensorRecord, component: Component) -> str:
    """Redfish PhysicalContext by name and entity."""
    told = next((context for pattern, context in _CONTEXTS if pattern.search(record.name)), "")
    if component.kind in _KIND_CONTEXTS:
        return _KIND_CONTEXTS[component.kind]
    return told or ("Intake" if record.entity.id in _INTAKES else "")


def _span(record: SensorRecord, measured: Measure) -> tuple[float | None, float | None]:
    """Lowest and highest value of the sensor; nothing where that is all a byte can say, or cannot be meant."""
    formula = record.formula
    if formula is None or record.raw_range is None or formula.asks_factors:
        return None, None
    ends = (0x80, 0x7F) if formula.format is Format.TWOS_COMPLEMENT else (0x00, 0xFF)
    low, high = (_value(formula, measured, raw) for raw in record.raw_range)
    sound = record.raw_range != ends and low is not None and high is not None and low < high
    return (low, high) if sound else (None, None)


def _value(formula: Formula, measured: Measure, raw: int | None) -> float | None:
    value = None if raw is None else formula.value(raw)
    return None if value is None else measured.of(value)


# ---- thresholds ------------------------------------------------------------------------------------------------------


def thresholds(formula: Formula | None, measured: Measure, raws: Limits) -> Thresholds:
    """Raw thresholds in the sensor's unit; none of them where they contradict each other, as those never set do.

    Of a sensor whose value falls as its raw byte rises the lower ones are the upper ones, where the maker gave them so.
    """
    if formula is None or formula.asks_factors:
        return Thresholds()
    values = [_value(formula, measured, raw) for raw in raws]
    lower, upper = values[:3], values[3:]
    if formula.falls and not _ordered(lower, upper):
        lower, upper = upper, lower
    if not _ordered(lower, upper):
        return Thresholds()
    return Thresholds(
        lower_caution=lower[0],
        lower_critical=lower[1],
        lower_fatal=lower[2],
        upper_caution=upper[0],
        upper_critical=upper[1],
        upper_fatal=upper[2],
    )


def _ordered(lower: list[float | None], upper: list[float | None]) -> bool:
    below = [limit for limit in lower if limit is not None]
    above = [limit for limit in upper if limit is not None]
    return not below or not above or max(below) < min(above)


def with_thresholds(point: Point, answer: tuple[int, bytes]) -> Point:
    """The point with the thresholds as they are set now; as it was where the answer tells none."""
    code, octets = answer
    if point.sensor is None or code or len(octets) < 7:
        return point
    now = thresholds(point.record.formula, point.measure, limits(octets[0] & 0x3F, octets[1:7]))
    return replace(point, sensor=replace(point.sensor, thresholds=now))


def with_hysteresis(point: Point, answer: tuple[int, bytes]) -> Point:
    """The point with the hysteresis as it is set now."""
    code, octets = answer
    if code or len(octets) < 2:
        return point
    return replace(point, hysteresis=_hysteresis(point.record, point.measure, octets[0], octets[1]))


def _hysteresis(record: SensorRecord, measured: Measure, rising: int, falling: int) -> tuple[float, float] | None:
    if record.formula is None or not record.is_threshold:
        return None
    up, down = record.formula.span(rising), record.formula.span(falling)
    return None if up is None or down is None else (up * measured.factor, down * measured.factor)


# ---- who is meant ----------------------------------------------------------------------------------------------------


class Directory:
    """Finds the sensor that an event speaks of: by who owns it, and its number there."""

    def __init__(self, known: Iterable[Point]) -> None:
        self._points: dict[tuple[int, int, int], Point] = {}
        for point in known:
            self._points.setdefault((point.record.owner, point.lun, point.number), point)

    def find(self, owner: int, lun: int, number: int) -> Point | None:
        """The sensor of this owner; one whose owner numbers it without a LUN too."""
        return self._points.get((owner, lun, number)) or self._points.get((owner, 0, number))


def directory(known: Iterable[Point]) -> Directory:
    """Who is meant by the events of a device with these sensors."""
    return Directory(known)
