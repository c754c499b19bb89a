"""Datagrams to their parts and back, by the byte: RMCP, ASF presence pings, both session headers, LAN messages."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

RMCP_IPMI = b"\x06\x00\xff\x07"
"""Version 6, reserved, no acknowledge wanted, class IPMI (IPMI v2.0, table 13-1)."""
RMCP_ASF_CLASS, RMCP_IPMI_CLASS, ACKNOWLEDGE, NO_ACKNOWLEDGE = 0x06, 0x07, 0x80, 0xFF
ASF = b"\x00\x00\x11\xbe"
"""The enterprise number of the ASF, 4542."""
PING, PONG = 0x80, 0x40
NO_AUTHENTICATION, RMCP_PLUS = 0x00, 0x06
"""Authentication types of the session header: none outside a session, and the format of v2.0."""
BMC_ADDRESS = 0x20
AUTHENTICATED, ENCRYPTED = 0x40, 0x80
PLUS_HEADER = struct.Struct("<BBIIH")
OLD_HEADER = struct.Struct("<BIIB")
START = len(RMCP_IPMI)


class Payload(IntEnum):
    """Payload types (IPMI v2.0, table 13-16)."""

    IPMI = 0x00
    OPEN_SESSION_REQUEST = 0x10
    OPEN_SESSION_RESPONSE = 0x11
    RAKP_1 = 0x12
    RAKP_2 = 0x13
    RAKP_3 = 0x14
    RAKP_4 = 0x15


class Packet(NamedTuple):
    """What an IPMI datagram carries."""

    plus: bool
    """In the format of v2.0, rather than in that of v1.5."""
    kind: int
    """Payload type with neither of its flags."""
    flags: int
    session_id: int
    sequence: int
    payload: bytes
    """Still encrypted where the flag says so."""


class Message(NamedTuple):
    """A request as the LAN carries it (IPMI v2.0, table 13-8)."""

    netfn: int
    lun: int
    asker: int
    """Address of the software that asks, 81h and up."""
    tag: int
    """rqSeq and the asker's LUN, which the answer repeats."""
    command: int
    data: bytes


def packet_of(datagram: bytes) -> Packet | None:
    """The packet in a datagram of class IPMI; None where it is none that this BMC speaks."""
    if len(datagram) < START + OLD_HEADER.size or datagram[0] != 0x06 or datagram[3] != RMCP_IPMI_CLASS:
        return None
    if datagram[START] == RMCP_PLUS:
        return _plus(datagram)
    kind, sequence, session_id, length = OLD_HEADER.unpack_from(datagram, START)
    payload = datagram[START + OLD_HEADER.size : START + OLD_HEADER.size + length]
    if kind != NO_AUTHENTICATION or session_id or len(payload) != length:
        return None
    return Packet(False, Payload.IPMI, 0, session_id, sequence, payload)


def _plus(datagram: bytes) -> Packet | None:
    begin = START + PLUS_HEADER.size
    if len(datagram) < begin:
        return None
    _, kind, session_id, sequence, length = PLUS_HEADER.unpack_from(datagram, START)
    if len(datagram) < begin + length or kind & 0x3F == 0x02:
        return None
    return Packet(True, kind & 0x3F, kind & 0xC0, session_id, sequence, datagram[begin : begin + length])


def outside(payload: bytes, *, plus: bool, kind: int = Payload.IPMI) -> bytes:
    """A datagram that belongs to no session."""
    if plus:
        return RMCP_IPMI + PLUS_HEADER.pack(RMCP_PLUS, kind, 0, 0, len(payload)) + payload
    return RMCP_IPMI + OLD_HEADER.pack(NO_AUTHENTICATION, 0, 0, len(payload)) + payload


def message_of(payload: bytes) -> Message | None:
    """The request in a payload; None where a checksum is wrong, or it is no request to the BMC."""
    if len(payload) < 7 or payload[0] != BMC_ADDRESS or payload[1] & 0x04:
        return None
    if (payload[0] + payload[1] + payload[2]) & 0xFF or sum(payload[3:]) & 0xFF:
        return None
    return Message(payload[1] >> 2, payload[1] & 0x03, payload[3], payload[4], payload[5], payload[6:-1])


def answer_to(message: Message, code: int, data: bytes) -> bytes:
    """The payload that answers a request (IPMI v2.0, table 13-8): addresses and LUNs change places."""
    second = ((message.netfn | 1) << 2) | (message.tag & 0x03)
    head = bytes((message.asker, second, -(message.asker + second) & 0xFF))
    body = bytes((BMC_ADDRESS, (message.tag & 0xFC) | message.lun, message.command, code)) + data
    return head + body + bytes((-sum(body) & 0xFF,))


def pong(datagram: bytes) -> list[bytes]:
    """What a presence ping is answered with (IPMI v2.0, 13.2.4), an acknowledge first where one is wanted."""
    if len(datagram) < 12 or datagram[0] != 0x06 or datagram[3] != RMCP_ASF_CLASS:
        return []
    if datagram[4:8] != ASF or datagram[8] != PING:
        return []
    tag = datagram[9]
    supports = ASF + bytes(4) + b"\x81" + bytes(7)
    answer = bytes((0x06, 0x00, NO_ACKNOWLEDGE, RMCP_ASF_CLASS)) + ASF + bytes((PONG, tag, 0x00, len(supports)))
    acknowledge = bytes((0x06, 0x00, datagram[2], RMCP_ASF_CLASS | ACKNOWLEDGE))
    return [*([acknowledge] if datagram[2] != NO_ACKNOWLEDGE else []), answer + supports]
