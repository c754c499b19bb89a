"""What the wire and the machine say to each other: a request in, a completion code and data out."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Protocol

LAN_CHANNEL = 1
"""The channel that a BMC's LAN is; 0Eh stands for it in commands that come over it (IPMI v2.0, 6.3)."""


class Privilege(IntEnum):
    """Privilege levels, each with what is below it (IPMI v2.0, 6.8)."""

    NONE = 0
    """Of a request outside any session."""
    CALLBACK = 1
    USER = 2
    OPERATOR = 3
    ADMINISTRATOR = 4
    OEM = 5


class NetFn(IntEnum):
    """Network functions of requests; an answer's is one more (IPMI v2.0, table 5-1)."""

    CHASSIS = 0x00
    BRIDGE = 0x02
    SENSOR = 0x04
    APP = 0x06
    FIRMWARE = 0x08
    STORAGE = 0x0A
    TRANSPORT = 0x0C
    GROUP = 0x2C
    """The first byte of data tells the group: DCh is DCMI, 00h is PICMG."""
    OEM_GROUP = 0x2E
    """The first three bytes of data tell the maker."""


class Code(IntEnum):
    """Completion codes that any command may have (IPMI v2.0, table 5-2)."""

    OK = 0x00
    BUSY = 0xC0
    INVALID_COMMAND = 0xC1
    INVALID_FOR_LUN = 0xC2
    TIMEOUT = 0xC3
    OUT_OF_SPACE = 0xC4
    RESERVATION_LOST = 0xC5
    TRUNCATED = 0xC6
    LENGTH_INVALID = 0xC7
    LENGTH_EXCEEDED = 0xC8
    OUT_OF_RANGE = 0xC9
    CANNOT_RETURN_COUNT = 0xCA
    NOT_PRESENT = 0xCB
    INVALID_FIELD = 0xCC
    ILLEGAL_FOR_SENSOR = 0xCD
    CANNOT_PROVIDE = 0xCE
    DUPLICATE = 0xCF
    SDR_IN_UPDATE = 0xD0
    FIRMWARE_IN_UPDATE = 0xD1
    INITIALISING = 0xD2
    UNAVAILABLE = 0xD3
    PRIVILEGE = 0xD4
    STATE = 0xD5
    DISABLED = 0xD6
    UNSPECIFIED = 0xFF


class Request(NamedTuple):
    """One command for the machine."""

    netfn: int
    lun: int
    command: int
    data: bytes
    privilege: int
    """The level that its session runs at; `Privilege.NONE` outside any session."""
    source: str = ""
    """Who asks, as `user@127.0.0.1:port`; the ledger has it."""


class Reply(NamedTuple):
    """The answer to one command."""

    code: int
    """Completion code; 0 is success."""
    data: bytes = b""
    """What follows the completion code."""


class Controller(Protocol):
    """The machine's side of IPMI: every command but those of sessions."""

    @property
    def guid(self) -> bytes:
        """The sixteen bytes of Get System GUID; RAKP Message 2 has them too."""
        ...

    def answer(self, request: Request) -> Reply:
        """Never waits; it refuses what needs a higher privilege with D4h, the way table G-1 asks for it."""
        ...
