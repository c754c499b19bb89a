"""What a message tells outside its values: its error status, the engine that sent it, a Report's reason; pure.

The library that decodes the values keeps all of this to itself, and takes an answer of `tooBig` for the end of a
table. So each message is looked into before it is handed over. RFC 1157, 3416 (PDUs), 3412, 3414 (v3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SEQUENCE, INTEGER, OCTETS, OID = 0x30, 0x02, 0x04, 0x06
REPORT = 0xA8

NO_ERROR, TOO_BIG, NO_SUCH_NAME, AUTHORIZATION = 0, 1, 2, 16
"""Error status (RFC 3416, section 3)."""

USM_STATS = bytes.fromhex("2b060106030f0101")
UNSUPPORTED_LEVEL, NOT_IN_TIME, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST, DECRYPTION = range(1, 7)
"""What a Report says: the last but one number of its OID, 1.3.6.1.6.3.15.1.1.n.0 (RFC 3414, section 5)."""

SIGNED, ENCRYPTED = 1, 2
"""Flags of a message (RFC 3412, section 6.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The outside of one message. `status` is None where it is encrypted or could not be read."""

    status: int | None = None
    index: int = 0
    """Which of the things asked for the status is about, from 1; 0: none in particular."""
    engine: bytes = b""
    boots: int = 0
    time: int = 0
    """Seconds since the engine's last boot."""
    level: int = 0
    """`SIGNED` and `ENCRYPTED`, as far as they are so."""
    signature: tuple[int, int] = (0, 0)
    """Where in the message it begins and ends."""
    report: int | None = None
    """One of `usmStats` for a Report, 0 for a Report about something else, None for an answer."""


def look(message: bytes | bytearray) -> Envelope:
    """The outside of a message; an empty one where it is damaged, for the decoder of the values to refuse."""
    try:
        inside, _ = _opened(message, 0, SEQUENCE)
        version, at = _number(message, inside)
        if version == 3:
            return _look_v3(message, at)
        _, community_end = _opened(message, at, OCTETS)
        status, index, report = _pdu(message, community_end)
        return Envelope(status=status, index=index, report=report)
    except (IndexError, ValueError):
        return Envelope()


def _look_v3(message: bytes | bytearray, at: int) -> Envelope:
    """Header, security parameters (an octet string around a sequence), then the scoped PDU unless it is encrypted."""
    inside, at = _opened(message, at, SEQUENCE)
    level = _flags(message, inside) & (SIGNED | ENCRYPTED)
    inside, at = _opened(message, at, OCTETS)
    inside, _ = _opened(message, inside, SEQUENCE)
    start, end = _opened(message, inside, OCTETS)
    boots, inside = _number(message, end)
    time, inside = _number(message, inside)
    _, inside = _opened(message, inside, OCTETS)
    signature = _opened(message, inside, OCTETS)
    known = Envelope(engine=bytes(message[start:end]), boots=boots, time=time, level=level, signature=signature)
    if message[at] != SEQUENCE:
        return known
    at, _ = _opened(message, at, SEQUENCE)
    _, at = _opened(message, at, OCTETS)
    _, at = _opened(message, at, OCTETS)
    status, index, report = _pdu(message, at)
    return replace(known, status=status, index=index, report=report)


def _flags(message: bytes | bytearray, at: int) -> int:
    """Of the header: message id, largest size, flags, security model."""
    _, at = _number(message, at)
    _, at = _number(message, at)
    at, _ = _opened(message, at, OCTETS)
    return message[at]


def _pdu(message: bytes | bytearray, at: int) -> tuple[int, int, int | None]:
    """Error status and index, and what a Report says."""
    kind = message[at]
    at, _ = _opened(message, at, kind)
    _, at = _number(message, at)
    status, at = _number(message, at)
    index, at = _number(message, at)
    if kind != REPORT:
        return status, index, None
    at, _ = _opened(message, at, SEQUENCE)
    at, _ = _opened(message, at, SEQUENCE)
    start, end = _opened(message, at, OID)
    told = bytes(message[start:end])
    return status, index, told[-2] if told[:-2] == USM_STATS else 0


def _opened(message: bytes | bytearray, at: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends (X.690, section 8.1); ValueError for another tag."""
    if message[at] != tag:
        raise ValueError
    length, at = message[at + 1], at + 2
    if length & 0x80:
        more = length & 0x7F
        length, at = int.from_bytes(message[at : at + more], "big"), at + more
    if at + length > len(message):
        raise ValueError
    return at, at + length


def _number(message: bytes | bytearray, at: int) -> tuple[int, int]:
    """The integer at `at`, and where what follows it begins."""
    start, end = _opened(message, at, INTEGER)
    return int.from_bytes(message[start:end], "big", signed=True), end
