"""Sensor Data Records: what a BMC says of its sensors, parts and controllers (IPMI v2.0 rev 1.1 section 43).

Not pyghmi's: its records drop the instance of an entity, of two sensors with one number both, shared sensors, and the
whole repository for one name that is no UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from fleetmon.drivers.ipmi.parse.formula import Format, Formula, factors
from fleetmon.drivers.ipmi.parse.text import spelled
from fleetmon.errors import Garbled
from fleetmon.model import Problem

HEADER = 5
"""Bytes before the body: record id, SDR version, type, length of the body."""
BMC_ADDRESS = 0x20
"""Slave address of the controller one talks to."""
THRESHOLD = 0x01
"""Event/reading type of sensors whose states are thresholds crossed."""
_READABLE = frozenset({1, 2})
"""Access to thresholds and hysteresis: readable, or settable too; else none, or fixed and kept to itself."""
SENSOR_SPECIFIC = 0x6F
"""Event/reading type of sensors whose states are told by their sensor type."""


class Kind(IntEnum):
    """SDR types that describe a sensor."""

    FULL = 0x01
    COMPACT = 0x02
    EVENT_ONLY = 0x03


class Entity(NamedTuple):
    """What in the machine is meant: its kind (table 43-13) and which of them."""

    id: int
    instance: int


class Units(NamedTuple):
    """Unit of a reading (tables 43-1 and 43-15); `relation`: 1 base per modifier, 2 base times modifier."""

    base: int = 0
    modifier: int = 0
    relation: int = 0
    rate: int = 0
    percent: bool = False


NO_UNITS = Units()


class Limits(NamedTuple):
    """Raw thresholds in the order of their bits everywhere in IPMI; None where there is none to be read."""

    lower_caution: int | None = None
    lower_critical: int | None = None
    lower_fatal: int | None = None
    upper_caution: int | None = None
    upper_critical: int | None = None
    upper_fatal: int | None = None


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorRecord:
    """One sensor. `owner` is the address of the controller that has it, or with bit 0 set the id of a software."""

    record_id: int
    kind: Kind
    owner: int
    lun: int
    channel: int
    number: int
    entity: Entity
    sensor_type: int
    event_type: int
    name: str
    units: Units = NO_UNITS
    formula: Formula | None = None
    """How a reading is made a number; None for a sensor that has states only."""
    limits: Limits = NO_LIMITS
    """As the SDR has them: what the BMC began with, not what was set since."""
    readable: int = 0
    """Bit by bit, in the order of Limits: the thresholds that can be read, by the SDR's word."""
    hysteresis: tuple[int, int] = (0, 0)
    """Raw, for a value that rises and one that falls."""
    hysteresis_readable: bool = False
    compares: int = 0
    """Bit by bit, in the order of Limits: the thresholds that the reading is compared with."""
    tells: int = 0
    """The states, bit by bit, that Get Sensor Reading can tell."""
    raw_range: tuple[int, int] | None = None
    """Lowest and highest raw reading the sensor can give."""

    @property
    def is_threshold(self) -> bool:
        return self.event_type == THRESHOLD

    @property
    def by_software(self) -> bool:
        """Does a software, as the BIOS, own it, so that it is only ever heard of in events?"""
        return bool(self.owner & 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FruLocator:
    """Where the inventory of one part is (table 43-7)."""

    record_id: int
    fru_id: int
    """For a logical device its FRU id; for any other its slave address."""
    address: int
    lun: int
    channel: int
    logical: bool
    entity: Entity
    name: str
    device_type: int
    modifier: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerLocator:
    """A management controller (table 43-8)."""

    record_id: int
    address: int
    channel: int
    entity: Entity
    name: str
    capabilities: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRecord:
    """A record of a kind nobody but its maker, or nobody here, reads: kept as it is."""

    record_id: int
    record_type: int
    data: bytes


Record = SensorRecord | FruLocator | ControllerLocator | OtherRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """All that the SDRs of a device say; shared sensors stand there one by one."""

    sensors: tuple[SensorRecord, ...] = ()
    frus: tuple[FruLocator, ...] = ()
    controllers: tuple[ControllerLocator, ...] = ()
    others: tuple[OtherRecord, ...] = ()
    problems: tuple[Problem, ...] = ()


def repository(raws: Iterable[bytes]) -> Repository:
    """The repository in these records; one that cannot be read costs itself alone."""
    sensors: list[SensorRecord] = []
    frus: list[FruLocator] = []
    controllers: list[ControllerLocator] = []
    others: list[OtherRecord] = []
    problems: list[Problem] = []
    for place, raw in enumerate(raws):
        try:
            one = record(raw)
        except Garbled as garbled:
            problems.append(Problem(resource=garbled.resource or f"sdr/{place}", reason=garbled.reason))
            continue
        match one:
            case SensorRecord():
                sensors.extend(_each(one, raw))
            case FruLocator():
                frus.append(one)
            case ControllerLocator():
                controllers.append(one)
            case OtherRecord():
                others.append(one)
    return Repository(
        sensors=tuple(sensors),
        frus=tuple(frus),
        controllers=tuple(controllers),
        others=tuple(others),
        problems=tuple(problems),
    )


def record(raw: bytes) -> Record:
    """One whole record, header and body; raises Garbled."""
    if len(raw) <= HEADER:
        raise Garbled(f"an SDR of {len(raw)} bytes")
    record_id, record_type, body = raw[0] | raw[1] << 8, raw[3], raw[HEADER : HEADER + raw[4]]
    if record_type not in _READERS:
        return OtherRecord(record_id=record_id, record_type=record_type, data=bytes(body))
    read, shortest = _READERS[record_type]
    if len(body) < shortest:
        raise Garbled(
            f"an SDR of type {record_type:02X}h with a body of {len(body)} bytes", resource=f"sdr/{record_id:04X}"
        )
    return read(record_id, body)


# Offsets below are into the body: those of the specification, which counts from 1 with the header, less 6.


def _full(record_id: int, body: bytes) -> SensorRecord:
    units, written = _units(body[15:18])
    mask = _thresholds_told(body)
    event_type = body[8]
    numeric = written is not Format.NO_NUMBER and (event_type == THRESHOLD or units != NO_UNITS)
    return replace(
        _sensor(record_id, Kind.FULL, body),
        name=_name(body, 42),
        units=units,
        formula=factors(body[19:25], written, body[18] & 0x7F) if numeric else None,
        readable=mask,
        limits=_limits(body, mask),
        hysteresis=(body[37], body[38]),
        raw_range=(body[30], body[29]) if numeric else None,
    )


def _compact(record_id: int, body: bytes) -> SensorRecord:
    return replace(_sensor(record_id, Kind.COMPACT, body), name=_name(body, 26), hysteresis=(body[20], body[21]))


def _sensor(record_id: int, kind: Kind, body: bytes) -> SensorRecord:
    """What full and compact records have in common: their first sixteen bytes."""
    return SensorRecord(
        record_id=record_id,
        kind=kind,
        owner=body[0],
        lun=body[1] & 0x03,
        channel=body[1] >> 4,
        number=body[2],
        entity=Entity(body[3], body[4] & 0x7F),
        hysteresis_readable=(body[6] >> 4 & 0x3) in _READABLE,
        sensor_type=body[7],
        event_type=body[8],
        compares=(body[10] >> 4 & 0x7) | (body[12] >> 4 & 0x7) << 3,
        tells=(body[13] | body[14] << 8) & 0x7FFF,
        name="",
    )


def _event_only(record_id: int, body: bytes) -> SensorRecord:
    return SensorRecord(
        record_id=record_id,
        kind=Kind.EVENT_ONLY,
        owner=body[0],
        lun=body[1] & 0x03,
        channel=body[1] >> 4,
        number=body[2],
        entity=Entity(body[3], body[4] & 0x7F),
        sensor_type=body[5],
        event_type=body[6],
        name=_name(body, 11),
    )


def _fru(record_id: int, body: bytes) -> FruLocator:
    return FruLocator(
        record_id=record_id,
        address=body[0],
        fru_id=body[1],
        logical=bool(body[2] & 0x80),
        lun=body[2] >> 3 & 0x3,
        channel=body[3] >> 4,
        device_type=body[5],
        modifier=body[6],
        entity=Entity(body[7], body[8] & 0x7F),
        name=_name(body, 10),
    )


def _controller(record_id: int, body: bytes) -> ControllerLocator:
    return ControllerLocator(
        record_id=record_id,
        address=body[0],
        channel=body[1] & 0xF,
        capabilities=body[3],
        entity=Entity(body[7], body[8] & 0x7F),
        name=_name(body, 10),
    )


_READERS: dict[int, tuple[Callable[[int, bytes], Record], int]] = {
    0x01: (_full, 39),
    0x02: (_compact, 22),
    0x03: (_event_only, 9),
    0x11: (_fru, 9),
    0x12: (_controller, 9),
}
"""By record type, with how long a body has to be to be read; a name after that may be missing."""


def _name(body: bytes, place: int) -> str:
    """The id string at `place`; a record that ends before it has none, one that ends within it a shorter one."""
    if len(body) <= place:
        return ""
    length = body[place] & 0x1F
    return spelled(body[place] >> 6, bytes(body[place + 1 : place + 1 + length]))


def _units(three: bytes) -> tuple[Units, Format]:
    flags, base, modifier = three[0], three[1], three[2]
    units = Units(
        base=base, modifier=modifier, relation=flags >> 1 & 0x3, rate=flags >> 3 & 0x7, percent=bool(flags & 0x1)
    )
    return units, Format(flags >> 6)


def _thresholds_told(body: bytes) -> int:
    """The thresholds that can be read, bit by bit; none where the sensor has none or keeps them to itself."""
    return body[13] & 0x3F if body[8] == THRESHOLD and (body[6] >> 2 & 0x3) in _READABLE else 0


def _limits(body: bytes, mask: int) -> Limits:
    """The thresholds the BMC starts with; those of an SDR whose thresholds are not loaded at the start say nothing."""
    if not body[5] & 0x10:
        return NO_LIMITS
    upper_fatal, upper_critical, upper_caution, lower_fatal, lower_critical, lower_caution = body[31:37]
    return limits(mask, (lower_caution, lower_critical, lower_fatal, upper_caution, upper_critical, upper_fatal))


def limits(mask: int, raws: Iterable[int]) -> Limits:
    """Those of six raw thresholds, in the order of their bits, whose bit is set."""
    return Limits(*(raw if mask >> bit & 1 else None for bit, raw in enumerate(raws)))


# ---- shared records --------------------------------------------------------------------------------------------------


def _each(one: SensorRecord, raw: bytes) -> Iterator[SensorRecord]:
    """Every sensor of a record that stands for several (table 43-2 bytes 24 and 25, table 43-3 bytes 13 and 14)."""
    if one.kind is Kind.FULL:
        yield one
        return
    place = HEADER + (18 if one.kind is Kind.COMPACT else 7)
    share, instances = raw[place], raw[place + 1]
    count = max(1, share & 0xF)
    for step in range(count):
        yield (
            one
            if count == 1
            else replace(
                one,
                number=one.number + step & 0xFF,
                entity=Entity(one.entity.id, one.entity.instance + step & 0x7F) if instances & 0x80 else one.entity,
                name=_numbered(one.name, instances & 0x7F, step, alphabetic=(share >> 4 & 0x3) == 1),
            )
        )


def _numbered(name: str, offset: int, step: int, *, alphabetic: bool) -> str:
    """The name of one of several: `A` from 1 on is A1, A2; and what ends in a number, as `Drive 15`, counts on."""
    if alphabetic:
        return f"{name}{_letters(offset + step)}"
    bare = name.rstrip("0123456789")
    if bare != name:
        return f"{bare}{int(name[len(bare) :]) + offset + step}"
    return f"{name}{' ' if name[-1:].islower() else ''}{offset + step}"


def _letters(number: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    found = chr(ord("A") + number % 26)
    return found if number < 26 else _letters(number // 26 - 1) + found
