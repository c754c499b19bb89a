"""Records of IPMI, byte by byte as the specification has them: SDRs, records of the log, FRU inventories."""

from __future__ import annotations

from collections.abc import Iterable

from fleetmon.drivers.ipmi.parse.points import Point, points
from fleetmon.drivers.ipmi.parse.sdr import Repository, SensorRecord, repository

BOARD, CPU, SUPPLY, FAN, DIMM, DRIVE_BAY, CHASSIS = 7, 3, 10, 29, 32, 26, 23


def le(number: int, size: int = 2) -> bytes:
    """As IPMI sends numbers."""
    return (number & (1 << 8 * size) - 1).to_bytes(size, "little")


def text(name: str | bytes, kind: int = 3) -> bytes:
    """A type/length field."""
    octets = name.encode("latin-1") if isinstance(name, str) else name
    return bytes([kind << 6 | len(octets)]) + octets


def whole(record_id: int, record_type: int, body: bytes) -> bytes:
    """A record with its header."""
    return le(record_id) + bytes([0x51, record_type, len(body)]) + body


def full(
    number: int = 1, name: str | bytes = "Temp", *, entity: tuple[int, int] = (BOARD, 1), sensor_type: int = 0x01,
    event_type: int = 0x01, units: tuple[int, int, int] = (0x00, 1, 0), linear: int = 0, m: int = 1, b: int = 0,
    b_exponent: int = 0, exponent: int = 0, readable: int = 0, compared: int = 0x3F, raws: bytes = bytes(6),
    loaded: bool = True, access: int = 1, hysteresis: tuple[int, int] = (0, 0), span: tuple[int, int] = (0, 0xFF),
    owner: int = 0x20, lun: int = 0, record_id: int = 0, states: int = 0x7FFF,
) -> bytes:  # fmt: skip
    """A full sensor record; `raws` are thresholds as the record orders them: from upper fatal to lower caution."""
    threshold = event_type == 0x01
    body = bytes([owner, lun, number, *entity, 0x7F if loaded else 0x6F, 0x50 | access << 2])
    body += bytes([sensor_type, event_type])
    if threshold:
        body += le((compared & 0x7) << 12) + le((compared >> 3) << 12) + bytes([readable, 0])
    else:
        body += le(states) * 3
    body += bytes([*units, linear, m & 0xFF, m >> 2 & 0xC0, b & 0xFF, b >> 2 & 0xC0, 0])
    body += bytes([(exponent & 0xF) << 4 | b_exponent & 0xF, 0, 0, 0, 0, span[1], span[0]])
    return whole(record_id or number, 0x01, body + raws + bytes([*hysteresis, 0, 0, 0]) + text(name))


def compact(
    number: int = 1, name: str = "Status", *, entity: tuple[int, int] = (BOARD, 1), sensor_type: int = 0x0D,
    event_type: int = 0x6F, tells: int = 0x7FFF, asserts: int = 0x7FFF, share: bytes = b"\x01\x00",
    owner: int = 0x20, record_id: int = 0,
) -> bytes:  # fmt: skip
    """A compact sensor record, of one sensor or of several that share it."""
    body = bytes([owner, 0, number, *entity, 0x67, 0x40, sensor_type, event_type]) + le(asserts) * 2 + le(tells)
    return whole(record_id or number, 0x02, body + bytes([0xC0, 0, 0]) + share + bytes(6) + text(name))


def event_only(
    number: int, name: str, *, entity: tuple[int, int] = (BOARD, 1), sensor_type: int = 0x0C, event_type: int = 0x6F,
    owner: int = 0x20, share: bytes = b"\x01\x00",
) -> bytes:  # fmt: skip
    body = bytes([owner, 0, number, *entity, sensor_type, event_type]) + share + bytes(2) + text(name)
    return whole(number, 0x03, body)


def fru_locator(fru_id: int, name: str, entity: tuple[int, int]) -> bytes:
    return whole(0x100 + fru_id, 0x11, bytes([0x20, fru_id, 0x80, 0, 0, 0x10, 0, *entity, 0]) + text(name))


def controller(name: str, entity: tuple[int, int], address: int = 0x20) -> bytes:
    return whole(0x200, 0x12, bytes([address, 0, 0, 0xBF, 0, 0, 0, *entity, 0]) + text(name))


def told(*records: bytes) -> Repository:
    """A repository of these records, all of them readable."""
    found = repository(records)
    assert found.problems == ()
    return found


def sensor(raw: bytes) -> SensorRecord:
    """The one sensor of a record."""
    (one,) = told(raw).sensors
    return one


def point(*records: bytes) -> Point:
    """The first sensor of a repository, with what the other records say of it."""
    return points(told(*records))[0]


def answer(raw: int = 0, states: int = 0, *, available: bool = True, scanned: bool = True) -> tuple[int, bytes]:
    """An answer to Get Sensor Reading (table 35-15)."""
    flags = 0x80 | (0 if available else 0x20) | (0x40 if scanned else 0)
    return 0, bytes([raw, flags]) + le(states)


def logged(
    record_id: int = 1, *, seconds: int = 0x6900_0000, owner: int = 0x20, sensor_type: int = 0x0D, number: int = 1,
    event_type: int = 0x6F, data: tuple[int, int, int] = (0x01, 0xFF, 0xFF), asserted: bool = True,
) -> bytes:  # fmt: skip
    """A record of the log (table 32-1)."""
    direction = 0 if asserted else 0x80
    return (
        le(record_id)
        + b"\x02"
        + le(seconds, 4)
        + bytes([owner, 0, 0x04, sensor_type, number, event_type | direction, *data])
    )


def summed(octets: bytes) -> bytes:
    """With the byte that makes the sum of all zero."""
    return octets + bytes([-sum(octets) & 0xFF])


def area(head: bytes, fields: Iterable[bytes]) -> bytes:
    """A FRU area: format, length, what comes before its fields, the fields, end, padding, checksum."""
    body = head + b"".join(fields) + b"\xc1"
    eighths = -(-(len(body) + 3) // 8)
    return summed((bytes([1, eighths]) + body).ljust(eighths * 8 - 1, b"\x00"))


def inventory(chassis: bytes = b"", board: bytes = b"", product: bytes = b"", records: bytes = b"") -> bytes:
    """A FRU inventory of these areas."""
    places, place = [], 1
    for one in (chassis, board, product, records):
        places.append(place if one else 0)
        place += -(-len(one) // 8)
    padded = (one.ljust(-(-len(one) // 8) * 8, b"\x00") for one in (chassis, board, product, records))
    return summed(bytes([1, 0, *places, 0])) + b"".join(padded)


def multirecord(kind: int, body: bytes, *, last: bool = True) -> bytes:
    return summed(bytes([kind, 0x02 | (0x80 if last else 0), len(body), -sum(body) & 0xFF])) + body
