"""Who the BMC says it is: Get Device ID, GUIDs and System Info parameters (IPMI v2.0 rev 1.1, chapters 20 and 22)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from fleetmon.drivers.ipmi.commands import APP
from fleetmon.drivers.ipmi.messages import Command

MAKERS = {
    2: "IBM",
    11: "HP",
    42: "Sun Microsystems",
    116: "Hitachi",
    119: "NEC",
    343: "Intel",
    373: "Tyan",
    674: "Dell",
    2011: "Huawei",
    5771: "Cisco",
    6653: "Inspur",
    7244: "Quanta",
    10368: "Fujitsu",
    10437: "Peppercon",
    10876: "Supermicro",
    11183: "Lenovo",
    15370: "Gigabyte",
    16394: "Oracle",
    19046: "Lenovo",
    20301: "IBM",
    25506: "H3C",
    37945: "Inspur",
    40092: "Wiwynn",
    47196: "Hewlett Packard Enterprise",
    47488: "Supermicro",
    48512: "Inspur",
    49622: "ASRock Rack",
    51974: "HPE",
}
"""Private enterprise numbers of IANA, of those who build servers. What a FRU says of its maker counts before this."""
BIOS_VERSION, HOST_NAME = 1, 2
"""System Info parameters (table 22-16c)."""
LONGEST = 64
"""Bytes of a System Info string that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceId:
    """The answer of Get Device ID (table 20-2)."""

    firmware: str
    ipmi: str
    manufacturer_id: int
    product_id: int
    updating: bool
    """Is its firmware being updated, or its self-initialisation under way?"""

    @property
    def manufacturer(self) -> str:
        """Name of the maker of the BMC; empty for one we cannot name."""
        return MAKERS.get(self.manufacturer_id, "")

    @property
    def model(self) -> str:
        """What the BMC is, as far as numbers tell; empty where they tell nothing."""
        if self.manufacturer_id in (0, 0xFFFFF):
            return ""
        maker = self.manufacturer or f"enterprise {self.manufacturer_id}"
        return f"{maker} product {self.product_id:04X}h"


def device_id(octets: bytes) -> DeviceId | None:
    """What the device says it is; None when the answer is too short to be one."""
    if len(octets) < 11:
        return None
    major, minor, version = octets[2:5]
    return DeviceId(
        firmware=f"{major & 0x7F}.{_bcd(minor)}{_auxiliary(octets[11:15])}",
        ipmi=f"{version & 0xF}.{version >> 4}",
        manufacturer_id=int.from_bytes(octets[6:9], "little") & 0xFFFFF,
        product_id=int.from_bytes(octets[9:11], "little"),
        updating=bool(major & 0x80),
    )


def guid(octets: bytes) -> str:
    """A GUID as the host shows it; empty for one that is none.

    The standard sends it with the last byte first (section 20.8); many send it as SMBIOS stores it, some as it is
    written. Version and variant, which stand at known places, tell which.
    """
    if len(octets) < 16 or octets[:16].strip(b"\x00") == b"" or octets[:16].strip(b"\xff") == b"":
        return ""
    raw = octets[:16]
    readings = (uuid.UUID(bytes_le=raw), uuid.UUID(bytes=raw[::-1]), uuid.UUID(bytes=raw))
    known = (one for one in readings if one.variant == uuid.RFC_4122 and one.version in range(1, 6))
    return str(next(known, readings[0]))


def system_info(parameter: int, block: int) -> Command:
    """One block of a System Info parameter."""
    return Command(APP, 0x59, bytes([0x00, parameter, block, 0x00]))


def system_text(blocks: list[bytes]) -> str:
    """The string in the blocks of a System Info parameter, each with its revision and number before it."""
    if not blocks or len(blocks[0]) < 4:
        return ""
    encoding, length = blocks[0][2] & 0xF, blocks[0][3]
    octets = (blocks[0][4:] + b"".join(block[2:] for block in blocks[1:]))[:length]
    text = octets.decode("utf-16-le" if encoding == 2 else "utf-8" if encoding == 1 else "latin-1", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip()


def blocks_after_first(first: bytes) -> int:
    """How many more blocks of 16 bytes the string has whose first block this is; that one holds 14."""
    length = min(first[3], LONGEST) if len(first) > 3 else 0
    return max(0, -(-(length - 14) // 16))


def _bcd(octet: int) -> str:
    """Two decimal digits; in hex where a device took no heed of that."""
    return f"{octet:02x}"


def _auxiliary(octets: bytes) -> str:
    return "" if len(octets) < 4 or octets in (b"\x00" * 4, b"\xff" * 4) else f" ({octets.hex()})"
