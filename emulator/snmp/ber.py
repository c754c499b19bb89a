"""The encoding of SNMP: the few types of ITU-T X.690 that RFC 3416 and RFC 3417 leave, with definite lengths."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

Oid = tuple[int, ...]

INTEGER, OCTETS, NULL, OBJECT_ID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
ADDRESS, COUNTER, GAUGE, TICKS, OPAQUE, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46
NOTHING = b"\x05\x00"
NO_SUCH_OBJECT, NO_SUCH_INSTANCE, END_OF_VIEW = b"\x80\x00", b"\x81\x00", b"\x82\x00"
"""What stands instead of a value (RFC 3416, 4.2.1 and 4.2.2)."""
MOST_ARCS = 128
"""Of an object identifier (RFC 3416, 4.1)."""


class MalformedError(Exception):
    """Bytes that are no SNMP."""


# ---- out ----


def tagged(tag: int, content: bytes) -> bytes:
    """A tag, a length in the short or a long form, and the content."""
    count = len(content)
    if count < 0x80:
        return bytes((tag, count)) + content
    length = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def whole(number: int, tag: int = INTEGER) -> bytes:
    """A number in as few bytes as it takes; unsigned types have a zero in front of a highest bit."""
    return tagged(tag, number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, "big", signed=True))


def octets(text: bytes | str) -> bytes:
    """An OCTET STRING; text goes as UTF-8."""
    return tagged(OCTETS, text.encode() if isinstance(text, str) else text)


def counter(number: int) -> bytes:
    """A Counter32, wrapped as often as it takes."""
    return whole(number & 0xFFFF_FFFF, COUNTER)


def counter64(number: int) -> bytes:
    """A Counter64, wrapped likewise."""
    return whole(number & 0xFFFF_FFFF_FFFF_FFFF, COUNTER64)


def gauge(number: int) -> bytes:
    """A Gauge32 or Unsigned32, which stops at its greatest value."""
    return whole(min(max(number, 0), 0xFFFF_FFFF), GAUGE)


def ticks(number: int) -> bytes:
    """TimeTicks: hundredths of a second, which start again after 497 days."""
    return whole(number & 0xFFFF_FFFF, TICKS)


def oid(steps: Oid) -> bytes:
    """An OBJECT IDENTIFIER."""
    return tagged(OBJECT_ID, arcs_in_bytes(steps))


@lru_cache(maxsize=16_384)
def arcs_in_bytes(steps: Oid) -> bytes:
    """The first two arcs as one, each seven bits at a time."""
    if not steps:
        return b"\x00"
    first = steps[0] * 40 + (steps[1] if len(steps) > 1 else 0)
    return tail_in_bytes((first, *steps[2:]))


def tail_in_bytes(steps: Oid) -> bytes:
    """Arcs that follow others."""
    told = bytearray()
    for step in steps:
        if step < 0x80:
            told.append(step)
            continue
        groups = [step & 0x7F]
        while step := step >> 7:
            groups.append(step & 0x7F | 0x80)
        told += bytes(reversed(groups))
    return bytes(told)


# ---- in ----


def element(data: bytes, at: int = 0) -> tuple[int, bytes, int]:
    """(tag, content, where the next begins); MalformedError where there is none."""
    if at + 2 > len(data):
        raise MalformedError("cut off")
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or start + count > len(data):
            raise MalformedError(f"a length of {count} bytes")
        length, start = int.from_bytes(data[start : start + count], "big"), start + count
    if start + length > len(data):
        raise MalformedError("cut off")
    return tag, data[start : start + length], start + length


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each element of a sequence's content."""
    at = 0
    while at < len(data):
        tag, content, at = element(data, at)
        yield tag, content


def content_of(tag: int, found: tuple[int, bytes]) -> bytes:
    """The content of an element that must have this tag."""
    if found[0] != tag:
        raise MalformedError(f"{found[0]:02x}h where {tag:02x}h was due")
    return found[1]


def number_of(content: bytes) -> int:
    """The content of an INTEGER."""
    if not content:
        raise MalformedError("an INTEGER of no bytes")
    return int.from_bytes(content, "big", signed=True)


def arcs_of(content: bytes) -> Oid:
    """The content of an OBJECT IDENTIFIER."""
    if not content or content[-1] & 0x80:
        raise MalformedError("no OBJECT IDENTIFIER")
    arcs, step = [], 0
    for octet in content:
        step = step << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(step)
            step = 0
    first = min(arcs[0] // 40, 2)
    arcs[:1] = [first, arcs[0] - 40 * first]
    if len(arcs) > MOST_ARCS or max(arcs) > 0xFFFF_FFFF:
        raise MalformedError("an OBJECT IDENTIFIER beyond its bounds")
    return tuple(arcs)
