"""Does a BMC speak IPMI? What it answers before any login: a presence pong, what logins it takes, its GUID.

ASF 2.0, section 3.2.4 (presence ping); IPMI v2.0 rev 1.1, sections 13.6 and 13.8 (framing without a session), 22.13
(Get Channel Authentication Capabilities) and 22.14 (Get System GUID, allowed before a session).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from fleetmon.drivers.ipmi.identity import guid
from fleetmon.drivers.sighting import Sighting, place
from fleetmon.model import Protocol

PORT = 623
PING = bytes.fromhex("0600ff06000011be80000000")
HEAD = bytes.fromhex("0600ff07000000000000000000")
"""RMCP of class IPMI; no authentication, sequence and session 0."""
BMC, CONSOLE = 0x20, 0x81
APP_ASKED, APP_ANSWERED = 0x06 << 2, 0x07 << 2
CAPABILITIES, SYSTEM_GUID = 0x38, 0x37
THIS_CHANNEL, EXTENDED, ADMINISTRATOR = 0x0E, 0x80, 0x04


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Which sessions a BMC takes."""

    two: bool
    """RMCP+, that is IPMI 2.0."""
    open: bool
    """It takes logins without any password: authentication `none`."""
    anonymous: bool
    """An account with neither name nor password is enabled."""


async def knock(host: str, port: int, patience: float) -> Sighting | None:
    """The BMC there: three datagrams, the later ones only where the first two are answered."""
    loop = asyncio.get_running_loop()
    try:
        transport, line = await loop.create_datagram_endpoint(_Line, remote_addr=(host, port))
    except OSError:
        return None
    try:
        transport.sendto(PING)
        transport.sendto(request(CAPABILITIES, bytes((EXTENDED | THIS_CHANNEL, ADMINISTRATOR)), sequence=1))
        pong, told = await line.ponged_or_told(patience)
        if told is None and not pong:
            return None
        if told is None:
            transport.sendto(request(CAPABILITIES, bytes((THIS_CHANNEL, ADMINISTRATOR)), sequence=2))
            told = await line.answer(CAPABILITIES, patience)
        transport.sendto(request(SYSTEM_GUID, b"", sequence=3))
        named = await line.answer(SYSTEM_GUID, patience)
    except OSError:
        return None
    finally:
        transport.close()
    known = capabilities(told) if told else None
    return Sighting(
        protocol=Protocol.IPMI,
        host=host,
        address=f"ipmi://{place(host, port, PORT)}",
        uuid=guid(named) if named else "",
        detail=_detail(known),
        hindrance="" if known and known.two else "it does not say that it speaks IPMI 2.0",
    )


def request(command: int, data: bytes, *, sequence: int) -> bytes:
    """One question to the BMC itself, outside any session."""
    head = bytes((BMC, APP_ASKED))
    body = bytes((CONSOLE, sequence << 2, command)) + data
    message = head + _checksum(head) + body + _checksum(body)
    return HEAD + bytes((len(message),)) + message


def answer_to(datagram: bytes) -> tuple[int, int, bytes] | None:
    """Command, completion code and data of an answer outside any session; None when it is none."""
    if len(datagram) < len(HEAD) + 9 or datagram[:4] != HEAD[:4] or datagram[4] != 0:
        return None
    message = datagram[len(HEAD) + 1 : len(HEAD) + 1 + datagram[len(HEAD)]]
    if len(message) < 8 or message[1] & 0xFC != APP_ANSWERED:
        return None
    if sum(message[:3]) & 0xFF or sum(message[3:]) & 0xFF:
        return None
    return message[5], message[6], message[7:-1]


def capabilities(data: bytes) -> Capabilities | None:
    """What the answer to Get Channel Authentication Capabilities says; None when it is too short."""
    if len(data) < 4:
        return None
    extended = bool(data[1] & 0x80)
    return Capabilities(
        two=extended and bool(data[3] & 0x02), open=bool(data[1] & 0x01), anonymous=bool(data[2] & 0x01)
    )


class _Line(asyncio.DatagramProtocol):
    """What comes back from one place."""

    def __init__(self) -> None:
        self._came: asyncio.Queue[bytes | None] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self._came.qsize() < 16:
            self._came.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        self._came.put_nowait(None)

    async def ponged_or_told(self, patience: float) -> tuple[bool, bytes | None]:
        """Whether a pong came that knows IPMI, and the capabilities when they came within that time, too."""
        pong = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while (datagram := await self._came.get()) is not None:
                    pong = pong or is_pong(datagram)
                    if (found := answer_to(datagram)) and found[0] == CAPABILITIES:
                        return pong, found[2] if found[1] == 0 else None
        return pong, None

    async def answer(self, command: int, patience: float) -> bytes | None:
        """The data that answers the command; None when it is refused or does not come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while (datagram := await self._came.get()) is not None:
                    if (found := answer_to(datagram)) and found[0] == command:
                        return found[2] if found[1] == 0 else None
        return None


def is_pong(datagram: bytes) -> bool:
    """A presence pong whose sender supports IPMI (bit 7 of the supported entities)."""
    return len(datagram) >= 21 and datagram[3] & 0x1F == 6 and datagram[8] == 0x40 and bool(datagram[20] & 0x80)


def _checksum(octets: bytes) -> bytes:
    return bytes((-sum(octets) & 0xFF,))


def _detail(known: Capabilities | None) -> str:
    if known is None:
        return "RMCP"
    said = ["IPMI 2.0" if known.two else "IPMI 1.5 alone"]
    said += ["takes logins without a password"] if known.open else []
    said += ["has an account without name and password"] if known.anonymous else []
    return ", ".join(said)
