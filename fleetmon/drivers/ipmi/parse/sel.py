"""Records of the System Event Log as ours (IPMI v2.0 rev 1.1 section 32).

Not pyghmi's: it reads a record only with a session in its hand, asks for the clock each time, and writes times in the
zone of whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from fleetmon.drivers.ipmi.parse.details import detail
from fleetmon.drivers.ipmi.parse.points import Directory, Point
from fleetmon.drivers.ipmi.parse.sdr import SENSOR_SPECIFIC, THRESHOLD
from fleetmon.drivers.ipmi.parse.states import TYPES, oem, state
from fleetmon.drivers.ipmi.parse.text import spelled
from fleetmon.errors import Garbled
from fleetmon.model import Component, Health, LogRecord, spoken

LENGTH = 16
"""Bytes of a record."""
FIRST_TIMED_OEM, FIRST_UNTIMED_OEM, KERNEL_PANIC = 0xC0, 0xE0, 0xF0
"""Record types of makers: with a time, without one; and the one Linux keeps the words of a panic in."""
EARLIEST = 0x2000_0000
"""Up to here a time is no date: it counts seconds since the log began, before anybody set its clock."""
NO_TIME = 0xFFFF_FFFF
_UNSAID = 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One record of the log, undressed. Of a maker's own only ids, `seconds` and `data` mean anything."""

    record_id: int
    record_type: int
    seconds: int | None
    """By the device's clock, since 1970 or since the log began; None where the record has no time."""
    data: bytes
    """The three bytes of the event, or all that is the maker's."""
    owner: int = 0
    lun: int = 0
    sensor_type: int = 0
    number: int = 0
    event_type: int = 0
    asserted: bool = True
    manufacturer: int | None = None

    @property
    def is_oem(self) -> bool:
        """Does only its maker know what it says?"""
        return self.record_type >= FIRST_TIMED_OEM

    @property
    def offset(self) -> int:
        """Which state of its event type came, or went."""
        return self.data[0] & 0xF

    @property
    def at(self) -> datetime | None:
        """The date, where the clock was set."""
        dated = self.seconds is not None and EARLIEST < self.seconds < NO_TIME
        return datetime.fromtimestamp(self.seconds, UTC) if dated and self.seconds is not None else None


def event(raw: bytes) -> Event:
    """The fields of one record; raises Garbled."""
    if len(raw) < LENGTH:
        raise Garbled(f"a record of the log has {LENGTH} bytes, and this one {len(raw)}")
    record_id, record_type = int.from_bytes(raw[:2], "little"), raw[2]
    if record_type >= FIRST_UNTIMED_OEM:
        return Event(record_id=record_id, record_type=record_type, seconds=None, data=bytes(raw[3:LENGTH]))
    seconds = int.from_bytes(raw[3:7], "little")
    if record_type >= FIRST_TIMED_OEM:
        return Event(
            record_id=record_id,
            record_type=record_type,
            seconds=seconds,
            manufacturer=int.from_bytes(raw[7:10], "little"),
            data=bytes(raw[10:LENGTH]),
        )
    return Event(
        record_id=record_id,
        record_type=record_type,
        seconds=seconds,
        owner=raw[7],
        lun=raw[8] & 0x3,
        sensor_type=raw[10],
        number=raw[11],
        event_type=raw[12] & 0x7F,
        asserted=not raw[12] & 0x80,
        data=bytes(raw[13:LENGTH]),
    )


def log_record(raw: bytes, directory: Directory, source: str) -> LogRecord:
    """One record in words; raises Garbled."""
    one = event(raw)
    severity, message, component = _told(one, directory)
    return LogRecord(
        record_id=str(one.record_id),
        severity=severity,
        message=message,
        message_id=_message_id(one),
        source=f"{source}/{one.record_id:04X}",
        created_at=one.at,
        created_text=_time_text(one),
        component=component,
        content=raw[2:LENGTH].hex(),
    )


def _message_id(one: Event) -> str:
    """What kind of event it is, as a trap's number has it: sensor type, event type, state, with 80h when it went."""
    if one.is_oem:
        return f"IPMI.OEM.{one.record_type:02X}"
    return f"IPMI.{one.sensor_type:02X}.{one.event_type:02X}.{one.offset | (0 if one.asserted else 0x80):02X}"


def _time_text(one: Event) -> str:
    if one.at is not None:
        return f"{one.at:%Y-%m-%dT%H:%M:%S}"
    return "" if one.seconds in (None, NO_TIME) else f"{one.seconds} s after the log began"


def _told(one: Event, directory: Directory) -> tuple[Health, str, Component | None]:
    """Severity, words, and what is spoken of."""
    if one.is_oem:
        return (*_maker_says(one), None)
    point = directory.find(one.owner, one.lun, one.number)
    if point is not None and point.record.sensor_type != one.sensor_type:
        point = None
    found = state(one.sensor_type, one.event_type, one.offset, point.name if point else "")
    if found is None:
        severity = Health.UNKNOWN if one.asserted else Health.OK
        words = oem(one.sensor_type, one.event_type, one.offset) + ("" if one.asserted else ": ended")
    elif one.asserted:
        severity, words = found.severity, found.says
    else:
        severity, words = found.gone, found.ends or f"no longer {found.says}"
    added = "; ".join(filter(None, (words, *_additions(one, point))))
    return severity, f"{_speaker(one, point)}: {added}", point.component if point else None


def _maker_says(one: Event) -> tuple[Health, str]:
    if one.record_type == KERNEL_PANIC:
        return Health.CRITICAL, f"kernel panic: {spelled(3, one.data[2:].partition(bytes(1))[0])}"
    maker = "" if one.manufacturer is None else f" of manufacturer {one.manufacturer:06X}h"
    return Health.UNKNOWN, f"OEM record {one.record_type:02X}h{maker}: {one.data.hex(' ').upper()}"


def _speaker(one: Event, point: Point | None) -> str:
    """Who says it: the sensor, with its component where its name does not tell that."""
    if point is None:
        return f"{TYPES.get(one.sensor_type, f'OEM type {one.sensor_type:02X}h')} sensor {one.number:02X}h"
    owner = point.component.name
    return point.name if owner.lower() in point.name.lower() else f"{owner} {point.name}"


def _additions(one: Event, point: Point | None) -> tuple[str, ...]:
    """What the second and third byte add: the reading and its threshold, what the standard says, or bare bytes."""
    second_is, third_is = one.data[0] >> 6, one.data[0] >> 4 & 0x3
    second, third = one.data[1], one.data[2]
    if one.event_type == THRESHOLD:
        return tuple(
            f"{name} {value}"
            for name, kind, raw in (("reading", second_is, second), ("threshold", third_is, third))
            if kind == 1 and (value := _value(point, raw))
        )
    known = ""
    if one.event_type == SENSOR_SPECIFIC:
        known = detail(
            one.sensor_type, one.offset, second if second_is == 3 else _UNSAID, third if third_is == 3 else _UNSAID
        )
    given = [raw for raw, kind in ((second, second_is), (third, third_is)) if kind == 2 or (kind == 3 and not known)]
    bare = bytes(given).hex(" ").upper() if any(raw != _UNSAID for raw in given) else ""
    return known, f"data {bare}" if bare else ""


def _value(point: Point | None, raw: int) -> str:
    """A raw reading as a number with its unit."""
    formula = point.record.formula if point else None
    value = None if formula is None or formula.asks_factors else formula.value(raw)
    if point is None or point.sensor is None or value is None:
        return ""
    return f"{point.measure.of(value):g} {spoken(point.sensor.unit)}".rstrip()
