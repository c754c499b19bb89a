"""The commands that are about sessions themselves, which the wire answers without asking the machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.ipmi.message import LAN_CHANNEL, Code, NetFn, Privilege, Reply
from emulator.ipmi.sessions import Session, Sessions

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

THIS_CHANNEL = 0x0E
UNKNOWN_SESSION, UNKNOWN_HANDLE = 0x87, 0x88
LEVEL_EXCEEDED = 0x81
RMCP_PLUS_SESSION = 0x10
RECORD_BYTES = 16
"""Of cipher suite records in one answer (IPMI v2.0, 22.15)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One command about sessions, with whom it concerns."""

    bmc: Bmc
    sessions: Sessions
    session: Session | None
    data: bytes


Act = Callable[[Asked], "Reply | None"]


def _channel(number: int) -> int | None:
    """The channel that is meant; None where there is none of that number."""
    return LAN_CHANNEL if number & 0x0F in (LAN_CHANNEL, THIS_CHANNEL) else None


def capabilities(asked: Asked) -> Reply | None:
    """Get Channel Authentication Capabilities (22.13): RMCP+ alone, users with names, one key for all."""
    if len(asked.data) != 2:
        return Reply(Code.LENGTH_INVALID)
    channel = _channel(asked.data[0])
    if channel is None or not Privilege.CALLBACK <= asked.data[1] & 0x0F <= Privilege.OEM:
        return Reply(Code.INVALID_FIELD)
    extended = asked.data[0] & 0x80
    named_users = 0x04
    speaks = 0x02 if extended else 0x00
    return Reply(Code.OK, bytes((channel, extended, named_users, speaks, 0, 0, 0, 0)))


def cipher_suites(asked: Asked) -> Reply | None:
    """Get Channel Cipher Suites (22.15), by suite or, without bit 7, the algorithms alone."""
    if asked.bmc.wire and asked.bmc.policy("ignore_get_cipher", False):
        return None
    if len(asked.data) != 3:
        return Reply(Code.LENGTH_INVALID)
    channel = _channel(asked.data[0])
    if channel is None or asked.data[1] & 0x3F:
        return Reply(Code.INVALID_FIELD)
    suites = asked.sessions.suites
    told = b"".join(suite.record for suite in suites)
    if not asked.data[2] & 0x80:
        kinds = ((s.authentication, 0x40 | s.integrity, 0x80 | s.confidentiality) for s in suites)
        told = bytes(sorted({number for kind in kinds for number in kind}))
    start = RECORD_BYTES * (asked.data[2] & 0x3F)
    return Reply(Code.OK, bytes((channel,)) + told[start : start + RECORD_BYTES])


def set_privilege(asked: Asked) -> Reply | None:
    """Set Session Privilege Level (22.18): up to what the session was opened for; 0 only asks."""
    session = asked.session
    if session is None:
        return Reply(Code.PRIVILEGE)
    if len(asked.data) != 1:
        return Reply(Code.LENGTH_INVALID)
    wanted = asked.data[0] & 0x0F
    if wanted == Privilege.CALLBACK or wanted > Privilege.OEM:
        return Reply(Code.INVALID_FIELD)
    if wanted > session.limit:
        return Reply(LEVEL_EXCEEDED)
    session.privilege = wanted or session.privilege
    return Reply(Code.OK, bytes((session.privilege,)))


def close(asked: Asked) -> Reply | None:
    """Close Session (22.19): one's own, or as an administrator anybody's."""
    own = asked.session
    if own is None:
        return Reply(Code.PRIVILEGE)
    if len(asked.data) not in (4, 5):
        return Reply(Code.LENGTH_INVALID)
    number = int.from_bytes(asked.data[:4], "little")
    if number == 0:
        handle = asked.data[4] if len(asked.data) == 5 else 0
        other = next((session for session in asked.sessions.active if session.handle == handle), None)
    else:
        other = asked.sessions.living(number)
    if other is None:
        return Reply(UNKNOWN_HANDLE if number == 0 else UNKNOWN_SESSION)
    if other is not own and own.privilege < Privilege.ADMINISTRATOR:
        return Reply(Code.PRIVILEGE)
    asked.sessions.end(other)
    return Reply(Code.OK)


def info(asked: Asked) -> Reply | None:
    """Get Session Info (22.20): this session, the n-th, or one by handle or number."""
    data, sessions = asked.data, asked.sessions
    if not data or len(data) < {0xFE: 2, 0xFF: 5}.get(data[0], 1):
        return Reply(Code.LENGTH_INVALID)
    sessions.sweep()
    active = sessions.active
    match data[0]:
        case 0x00:
            found = asked.session
        case 0xFE:
            found = next((session for session in active if session.handle == data[1]), None)
        case 0xFF:
            found = next((session for session in active if session.id == int.from_bytes(data[1:5], "little")), None)
        case index:
            found = active[index - 1] if index <= len(active) else None
    head = bytes((found.handle if found is not None else 0, sessions.most, len(active)))
    if found is None:
        return Reply(Code.OK, head) if 0 < data[0] < 0xFE else Reply(Code.NOT_PRESENT)
    address, port = found.peer
    whence = ipaddress.IPv4Address(address).packed + bytes(6) + port.to_bytes(2, "little")
    user = bytes((found.user_id, found.privilege, RMCP_PLUS_SESSION | LAN_CHANNEL))
    return Reply(Code.OK, head + user + whence)


def not_spoken(asked: Asked) -> Reply | None:
    """What belongs to sessions of v1.5, which this BMC does not have."""
    return Reply(Code.INVALID_COMMAND)


COMMANDS: dict[tuple[int, int], Act] = {
    (NetFn.APP, 0x38): capabilities,
    (NetFn.APP, 0x39): not_spoken,
    (NetFn.APP, 0x3A): not_spoken,
    (NetFn.APP, 0x3B): set_privilege,
    (NetFn.APP, 0x3C): close,
    (NetFn.APP, 0x3D): info,
    (NetFn.APP, 0x54): cipher_suites,
}
WITHOUT_SESSION = frozenset({0x37, 0x38, 0x39, 0x54})
"""Commands of the application that are taken from whoever asks (IPMI v2.0, table G-1)."""
