"""What a layout is made of: points that measure, conditions that tell how a component is, and the draft of both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from fleetmon.drivers.snmp.values import Tables, Value, integer, named, number, text
from fleetmon.model import Component, Health, NoReading, Part, Problem, Reading, ReadingType, Sensor

ABSENT = "Absent"
_COUNTER = ReadingType.COUNTER


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one value of a state means."""

    health: Health
    state: str = "Enabled"
    detail: str = ""
    predicted: bool | None = None
    """Is a failure predicted? None where nothing is said of that."""


def watts(level: float) -> float | None:
    """Optical power of a level in dBm; None where it is none that could be: light of a port is between -60 and 30."""
    return 10.0 ** (level / 10.0) / 1000.0 if -100.0 <= level <= 60.0 else None


UNITS: Mapping[str, Callable[[float], float | None]] = {
    "dBm": watts,
    "degF": lambda degrees: (degrees - 32.0) / 1.8,
    "K": lambda kelvin: kelvin - 273.15,
    "seconds": lambda seconds: round(seconds / 60.0, 2),
    "ticks": lambda ticks: round(ticks / 6000.0, 2),
}
"""What becomes the unit of its type otherwise than by a factor: optical power, other scales of temperature, and times,
which have no type of their own and are told in minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A value beside the measured one that says whether that is one."""

    oid: str
    value: Value | None
    """As it was when the device was laid out; a poll that asks for it anew is believed."""
    reasons: Mapping[int, NoReading]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What some readings take besides a factor."""

    none: frozenset[float] = frozenset()
    added: tuple[tuple[str, int], ...] = ()
    """OIDs that are added, with their sign."""
    whole: bool = False
    """Do all of them make the value, so that it is none without one of them?"""
    of: tuple[str, float] | None = None
    """The whole that the reading is a share of in percent: its OID, and what it was when the device was laid out."""
    beside: bool = False
    """Is `of` the rest of the whole, not the whole itself?"""
    rest: bool = False
    """Is it what remains of the whole?"""
    unit: str = ""
    pattern: re.Pattern[str] | None = None
    """What of a text is the number."""
    signed: bool = False
    gate: Gate | None = None
    void: NoReading | None = None
    """Why there is no value, whatever is told."""


PLAIN = Terms()


@dataclass(frozen=True, slots=True)
class Point:
    """One sensor and the OID of its value."""

    sensor: Sensor
    oid: str
    scale: float = 1.0
    offset: float = 0.0
    terms: Terms = PLAIN

    def reading(self, values: Mapping[str, Value], at: datetime) -> Reading:
        """The reading by the values of this poll."""
        told = values.get(self.oid)
        if type(told) is int and self.terms is PLAIN:
            if self.scale != 1.0 or self.offset:
                return Reading(sensor=self.sensor, value=scaled(told, self.scale) + self.offset, taken_at=at)
            return Reading(sensor=self.sensor, value=told, taken_at=at)
        return Reading(sensor=self.sensor, value=self._value(told, values), taken_at=at)

    def _value(self, told: Value | None, values: Mapping[str, Value]) -> float | NoReading:
        terms = self.terms
        if terms.void is not None:
            return terms.void
        if terms.gate is not None:
            reason = terms.gate.reasons.get(integer(values.get(terms.gate.oid, terms.gate.value)) or 0)
            if reason is not None:
                return reason
        if told is None:
            return NoReading.ABSENT
        raw = number(told) if terms.pattern is None else matched(terms.pattern, told)
        if raw is None:
            return NoReading.FAULTY if named(told) else NoReading.ABSENT
        if raw in terms.none:
            return NoReading.ABSENT
        raw -= 2**32 if terms.signed and raw >= 2**31 else 0
        return self._of(raw, values)

    def _of(self, raw: float, values: Mapping[str, Value]) -> float | NoReading:
        terms = self.terms
        if terms.whole and any(values.get(oid) is None for oid, _ in terms.added):
            return NoReading.ABSENT
        for oid, sign in terms.added:
            raw += sign * (number(values.get(oid)) or 0)
        if terms.of is not None:
            whole = number(values.get(terms.of[0])) or terms.of[1]
            whole += raw if terms.beside else 0
            if not whole:
                return NoReading.ABSENT
            raw = 100.0 * raw / whole
            raw = 100.0 - raw if terms.rest else raw
        value = scaled(raw, self.scale) + self.offset if self.scale != 1.0 or self.offset else raw
        if not terms.unit:
            return value
        converted = UNITS[terms.unit](value)
        return NoReading.FAULTY if converted is None else converted

    @property
    def oids(self) -> Iterator[str]:
        """What a poll of the sensors gets for it."""
        if self.terms.void is None:
            yield self.oid
            yield from (oid for oid, _ in self.terms.added)
            if self.terms.gate is not None and self.terms.gate.value is not None:
                yield self.terms.gate.oid


def matched(pattern: re.Pattern[str], value: Value) -> float | None:
    """The number in a text."""
    found = pattern.search(text(value))
    return None if found is None else number(found[1])


def scaled(raw: float, scale: float) -> float:
    """A raw number in its unit: tenths are divided, as a factor such as 0.1 brings noise."""
    parts = round(1.0 / scale) if 1e-9 < scale < 1.0 else 0
    return raw / parts if parts and abs(parts * scale - 1.0) < 1e-12 else raw * scale


Judge = Callable[[tuple[Value | None, ...]], Verdict | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Values that tell together how one component is."""

    component: Component
    oids: tuple[str, ...]
    judge: Judge
    name: str = ""
    """Begins the detail where a component has several."""
    watched: bool = False
    weak: bool = False
    """Does it count only where nothing else tells how the component is?"""

    def verdict(self, values: Mapping[str, Value]) -> Verdict | None:
        """What is said now; None when nothing is."""
        told = tuple(values.get(oid) for oid in self.oids)
        if all(value is None for value in told):
            return None
        verdict = self.judge(told)
        if verdict is None or not self.name or verdict.health is Health.OK:
            return verdict
        return replace(verdict, detail=f"{self.name}: {verdict.detail}" if verdict.detail else self.name)


@dataclass(slots=True)
class Draft:
    """A layout as it is drawn: each standard and each table of the profile adds what it knows."""

    tables: Tables
    points: dict[tuple[str, str, str, str], Point] = field(default_factory=dict)
    conditions: list[Condition] = field(default_factory=list)
    parts: dict[Component, Part] = field(default_factory=dict)
    ports: dict[int, Component] = field(default_factory=dict)
    """By ifIndex."""
    entities: dict[int, Component] = field(default_factory=dict)
    """By entPhysicalIndex."""
    problems: list[Problem] = field(default_factory=list)

    def column(self, oid: str) -> Mapping[str, Value]:
        """A column's values by index; empty where the device has none."""
        return self.tables.get(oid, {})

    def measure(self, point: Point, apart: str = "") -> None:
        """One more point; `apart` tells it from another of the same name."""
        sensor = point.sensor
        if sensor.key in self.points:
            if self.points[sensor.key].oid == point.oid:
                return
            point = replace(point, sensor=replace(sensor, name=f"{sensor.name} ({apart or sensor.source})"))
        self.points.setdefault(point.sensor.key, point)

    def describe(self, part: Part) -> None:
        """What is told of a part; what was told before stays."""
        known = self.parts.get(part.component)
        if known is None:
            self.parts[part.component] = part
            return
        self.parts[part.component] = replace(
            known,
            manufacturer=known.manufacturer or part.manufacturer,
            model=known.model or part.model,
            serial_number=known.serial_number or part.serial_number,
            part_number=known.part_number or part.part_number,
            firmware=known.firmware or part.firmware,
            capacity_bytes=known.capacity_bytes if known.capacity_bytes is not None else part.capacity_bytes,
            properties={**part.properties, **known.properties},
        )


def told_apart(names: Iterable[tuple[str, str]]) -> list[str]:
    """Names that are each used once: of pairs of a name and what tells it apart."""
    pairs = list(names)
    uses = Counter(name for name, _ in pairs)
    seen: set[str] = set()
    found = []
    for at, (name, apart) in enumerate(pairs):
        told = name if uses[name] == 1 and name else f"{name} ({apart})" if name else apart
        while told in seen:
            told = f"{told} #{at + 1}"
        seen.add(told)
        found.append(told)
    return found
