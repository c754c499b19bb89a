"""SNMP messages by hand, so that no test asks the codec under test to make its own material."""

from __future__ import annotations

from collections.abc import Iterable

Oid = tuple[int, ...]


def tagged(tag: int, *parts: bytes) -> bytes:
    """One value of BER: tag, definite length, content."""
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x82, size >> 8, size & 0xFF])
    return bytes([tag]) + length + content


def integer(value: int) -> bytes:
    return tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octets(value: bytes) -> bytes:
    return tagged(0x04, value)


def sequence(*parts: bytes) -> bytes:
    return tagged(0x30, *parts)


def address(dotted: str) -> bytes:
    return tagged(0x40, bytes(int(part) for part in dotted.split(".")))


def ticks(value: int) -> bytes:
    return tagged(0x43, value.to_bytes(4, "big"))


def oid(arcs: Oid) -> bytes:
    first = arcs[0] * 40 + (arcs[1] if len(arcs) > 1 else 0)
    return tagged(0x06, *(_arc(arc) for arc in (first, *arcs[2:])))


def _arc(arc: int) -> bytes:
    groups = [arc & 0x7F]
    while arc := arc >> 7:
        groups.append(0x80 | arc & 0x7F)
    return bytes(reversed(groups))


def bindings(told: Iterable[tuple[Oid, bytes]]) -> bytes:
    return sequence(*(sequence(oid(name), value) for name, value in told))


def trap_v1(
    enterprise: Oid,
    specific: int,
    told: Iterable[tuple[Oid, bytes]],
    *,
    agent: str = "127.0.0.1",
    generic: int = 6,
    community: bytes = b"public",
) -> bytes:
    """A trap of version 1 (RFC 1157, 4.1.6)."""
    head = (oid(enterprise), address(agent), integer(generic), integer(specific), ticks(4711))
    return sequence(integer(0), octets(community), tagged(0xA4, *head, bindings(told)))


def trap_v2c(
    trap: Oid,
    told: Iterable[tuple[Oid, bytes]],
    *,
    agent: str = "",
    inform: bool = False,
    community: bytes = b"public",
) -> bytes:
    """A notification of version 2c (RFC 3416, 4.2.6 and 4.2.7)."""
    first = [((1, 3, 6, 1, 2, 1, 1, 3, 0), ticks(4711)), ((1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0), oid(trap))]
    last = [((1, 3, 6, 1, 6, 3, 18, 1, 3, 0), address(agent))] if agent else []
    pdu = tagged(0xA6 if inform else 0xA7, integer(1), integer(0), integer(0), bindings([*first, *told, *last]))
    return sequence(integer(1), octets(community), pdu)
