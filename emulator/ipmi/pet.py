"""Platform Event Traps: an event as an SNMPv1 trap (IPMI Platform Event Trap Format v1.0)."""

from __future__ import annotations

from typing import NamedTuple

from emulator.ipmi.events import Event
from emulator.ipmi.sdr import BMC_ADDRESS

ENTERPRISE = (1, 3, 6, 1, 4, 1, 3183, 1, 1)
EPOCH_1998 = 883_612_800
IPMI_SOURCE = 0x20
ENGLISH = 25
SEVERITIES = {"OK": 0x04, "Warning": 0x08, "Critical": 0x10}
"""Event severities: OK, non-critical, critical (table 3)."""
UNSPECIFIED_OFFSET = 0xFFFF
INTEGER, OCTETS, OID, SEQUENCE, ADDRESS, TICKS, TRAP = 0x02, 0x04, 0x06, 0x30, 0x40, 0x43, 0xA4
ENTERPRISE_SPECIFIC = 6


class Sender(NamedTuple):
    """What every trap of one BMC says of it."""

    guid: bytes
    manufacturer: int
    product: int
    community: bytes


def trap(
    sender: Sender, event: Event, entity: tuple[int, int], *, severity: int, sequence: int, at: float, uptime: float
) -> bytes:
    """A whole SNMPv1 message; the same sequence number again is a retry."""
    specific = event.sensor_type << 16 | event.event_type << 8 | (0 if event.asserted else 0x80) | event.offset
    name = _tagged(OID, _oid((*ENTERPRISE, 1)))
    octets = _tagged(OCTETS, _octets(sender, event, entity, severity, sequence, at))
    told = b"".join((
        _tagged(OID, _oid(ENTERPRISE)), _tagged(ADDRESS, bytes((127, 0, 0, 1))), _integer(ENTERPRISE_SPECIFIC),
        _integer(specific), _tagged(TICKS, _signed(int(uptime * 100) & 0x7FFF_FFFF)),
        _tagged(SEQUENCE, _tagged(SEQUENCE, name + octets)),
    ))  # fmt: skip
    return _tagged(SEQUENCE, _integer(0) + _tagged(OCTETS, sender.community) + _tagged(TRAP, told))


def _octets(sender: Sender, event: Event, entity: tuple[int, int], severity: int, sequence: int, at: float) -> bytes:
    """The variable binding's 47 bytes (table 4), the most significant byte of a number first."""
    return b"".join((
        sender.guid, (sequence & 0xFFFF).to_bytes(2, "big"), max(0, int(at) - EPOCH_1998).to_bytes(4, "big"),
        UNSPECIFIED_OFFSET.to_bytes(2, "big"),
        bytes((IPMI_SOURCE, IPMI_SOURCE, severity, BMC_ADDRESS, event.number, *entity)), event.data.ljust(8, b"\xff"),
        bytes((ENGLISH,)), sender.manufacturer.to_bytes(4, "big"), sender.product.to_bytes(2, "big"), bytes((0xC1,)),
    ))  # fmt: skip


# ---- BER ----


def _tagged(tag: int, content: bytes) -> bytes:
    """A tag, a length in the short or a long form, and the content."""
    count = len(content)
    length = bytes((count,)) if count < 0x80 else bytes((0x81, count)) if count < 0x100 else b"\x82" + count.to_bytes(2)
    return bytes((tag,)) + length + content


def _signed(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def _integer(number: int) -> bytes:
    return _tagged(INTEGER, _signed(number))


def _oid(steps: tuple[int, ...]) -> bytes:
    """The first two steps in one byte, each other one seven bits at a time."""
    told = bytearray((steps[0] * 40 + steps[1],))
    for step in steps[2:]:
        groups = [step & 0x7F]
        while step := step >> 7:
            groups.append(step & 0x7F | 0x80)
        told += bytes(reversed(groups))
    return bytes(told)
