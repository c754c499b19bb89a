"""What the readings of sensors say: numbers, states, and why there is neither.

What the BMC itself compared (byte 3 of Get Sensor Reading) counts, not our own comparison. A reading that is not
available and a sensor that is not scanned are no zero and not OK (F89). Not pyghmi's: it needs a live session, calls a
sensor that is silent healthy, and sees no presence in states.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from fleetmon.drivers.ipmi.parse.points import Point
from fleetmon.drivers.ipmi.parse.states import CROSSED, State, oem, rows, state
from fleetmon.model import Component, Health, NoReading, Reading

_UNAVAILABLE, _SCANNED = 0x20, 0x40
"""Bits of byte 2 of a reading (IPMI v2.0 rev 1.1 table 35-15): not available; the sensor is scanned."""
_NO_SENSOR = frozenset({0xC1, 0xC9, 0xCB, 0xCC, 0xCD})
"""Completion codes by which a BMC says that it has no such sensor, whatever its SDRs tell (table 5-2)."""
_NO_ANSWER: Mapping[int, NoReading] = {
    **dict.fromkeys(_NO_SENSOR, NoReading.ABSENT),
    **dict.fromkeys((0xC0, 0xC3, 0xCE, 0xD0, 0xD1, 0xD2), NoReading.TIMEOUT),
    0xD3: NoReading.ABSENT,
    0xD5: NoReading.OFF,
}
"""What a completion code says of the sensor that was asked for; any other that it is faulty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one reading of one sensor says."""

    point: Point
    reading: Reading | None = None
    health: Health | None = None
    """Of the component; None where the sensor says nothing of it."""
    present: bool | None = None
    """Does it say that the component is there, or that it is not?"""
    silent: NoReading | None = None
    """Why it says nothing at all."""
    unknown: bool = False
    """Does the BMC know no such sensor? Then it is no reason to speak of the component."""
    state: str = ""
    words: tuple[str, ...] = ()
    """Every state it is in."""
    trouble: tuple[str, ...] = ()
    """The ones that are not well."""
    predicted: bool | None = None


def factors_wanted(point: Point, answer: tuple[int, bytes]) -> int | None:
    """The raw byte whose factors have to be asked for before its value is known; None for nearly every sensor."""
    code, data = answer
    formula = point.record.formula
    asked = formula is not None and formula.asks_factors and not code and _silence(data) is None
    return data[0] if asked else None


def said(
    point: Point,
    answer: tuple[int, bytes] | None,
    taken_at: datetime,
    *,
    host_on: bool | None = None,
    factors: bytes | None = None,
    absent: Container[Component] = (),
) -> Said:
    """What an answer to Get Sensor Reading says; None is an answer that never came.

    `factors` is the answer to Get Sensor Reading Factors, of a sensor that wants them. A number told of a component
    that is known to be `absent` measures nothing.
    """
    if answer is None:
        silent: NoReading | None = NoReading.TIMEOUT
        code, data = 0, b""
    else:
        code, data = answer
        silent = _silence(data) if not code else _NO_ANSWER.get(code, NoReading.FAULTY)
    unknown = code in _NO_SENSOR
    state = "Disabled" if silent is NoReading.OFF else ""
    if silent is NoReading.ABSENT and host_on is False and not unknown:
        silent, state = NoReading.OFF, "StandbyOffline"
    if point.record.is_threshold and point.component in absent:
        silent = NoReading.ABSENT
    if silent is not None:
        reading = _reading(point, silent, taken_at)
        return Said(point=point, reading=reading, silent=silent, unknown=unknown, state=state)
    reading = _reading(point, _number(point, data[0], factors), taken_at) if point.sensor else None
    if point.record.is_threshold:
        return _compared(point, reading, data)
    return _stated(point, reading, data)


def _silence(data: bytes) -> NoReading | None:
    if len(data) < 2:
        return NoReading.FAULTY
    if data[1] & _UNAVAILABLE:
        return NoReading.ABSENT
    return None if data[1] & _SCANNED else NoReading.OFF


def _reading(point: Point, value: float | NoReading, taken_at: datetime) -> Reading | None:
    return Reading(sensor=point.sensor, value=value, taken_at=taken_at) if point.sensor else None


def _number(point: Point, raw: int, factors: bytes | None) -> float | NoReading:
    formula = point.record.formula
    if formula is not None and formula.asks_factors:
        formula = formula.with_factors(factors) if factors else None
    value = None if formula is None else formula.value(raw)
    return NoReading.FAULTY if value is None else point.measure.of(value)


def _compared(point: Point, reading: Reading | None, data: bytes) -> Said:
    """A threshold sensor: byte 3 says which thresholds the value is beyond, of those it is compared with at all."""
    looked_at = point.record.compares | point.record.readable
    if len(data) < 3 or not looked_at:
        turns = reading is not None and bool(reading.number)
        return Said(point=point, reading=reading, health=Health.OK if turns and point.component.kind == "Fan" else None)
    health, words = _crossed(data[2] & looked_at)
    return Said(point=point, reading=reading, health=health, words=words, trouble=words)


@cache
def _crossed(bits: int) -> tuple[Health, tuple[str, ...]]:
    """How bad it is to be beyond these thresholds, and the outermost of the worst."""
    crossed = [CROSSED[bit] for bit in range(6) if bits >> bit & 1]
    worst = max((health for _, health in crossed), key=lambda health: health.rank, default=Health.OK)
    return worst, tuple(says for says, health in crossed if health is worst)[-1:]


def _stated(point: Point, reading: Reading | None, data: bytes) -> Said:
    """A discrete sensor: bytes 3 and 4 say which of its states it is in."""
    record = point.record
    bits = int.from_bytes(data[2:4], "little") & 0x7FFF
    offsets = [offset for offset in range(15) if bits >> offset & 1]
    states = [state(record.sensor_type, record.event_type, offset, record.name) for offset in offsets]
    words = tuple(
        one.says if one else oem(record.sensor_type, record.event_type, offset)
        for offset, one in zip(offsets, states, strict=True)
    )
    known = [one for one in states if one is not None]
    meanings = rows(record.sensor_type, record.event_type)
    if not meanings or (states and not known):
        return Said(point=point, reading=reading, words=words)
    return Said(
        point=point,
        reading=reading,
        health=max((one.health for one in known), key=lambda health: health.rank, default=Health.OK),
        present=_presence(meanings, bits, known, record.tells),
        state=next((one.state for one in known if one.state), ""),
        words=words,
        trouble=tuple(one.says for one in known if one.health is not Health.OK),
        predicted=_predicted(meanings, record.tells, known),
    )


def _presence(meanings: Mapping[int, State], bits: int, known: list[State], tells: int) -> bool | None:
    """Is the thing there? One that would tell its presence, and tells nothing, is not; one that tells both is."""
    if told := [one.present for one in known if one.present is not None]:
        return any(told)
    would = any(one.present and tells >> offset & 1 for offset, one in meanings.items())
    return False if would and not bits else None


def _predicted(meanings: Mapping[int, State], tells: int, known: list[State]) -> bool | None:
    if any(one.predicted for one in known):
        return True
    return False if any(one.predicted and tells >> offset & 1 for offset, one in meanings.items()) else None
