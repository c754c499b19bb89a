"""Reading FRU inventories, as little of each as holds anything.

IPMI v2.0 rev 1.1, chapter 34; FRU Information Storage Definition v1.0 rev 1.3.
"""

from __future__ import annotations

from typing import NamedTuple

from fleetmon.drivers.ipmi import commands
from fleetmon.drivers.ipmi.completion import DONE, GONE, TOO_MUCH, UNSUPPORTED
from fleetmon.drivers.ipmi.look import Look

HEADER = 8
PIECES = (128, 64, 32, 16, 8)
"""Bytes asked at once; a device that cannot give so many is asked for fewer from then on."""
NO_FRU = GONE | UNSUPPORTED | {0xCC}
"""What devices answer when there is no such FRU."""
LARGEST = 8192
"""Bytes read of one inventory."""
RECORD_HEADER = 5
"""Bytes before a multirecord's own."""


class Inventory(NamedTuple):
    """The bytes of one FRU's inventory."""

    raw: bytes
    """Empty where there is none."""
    piece: int
    """Bytes the device gives at once."""
    whole: bool
    """Was it read to its end, or is it surely not there?"""


async def read_fru(look: Look, fru_id: int, piece: int = PIECES[0]) -> Inventory:
    """The inventory of one FRU. What was read before a failure is given: the first areas may be whole."""
    info = await look.maybe(commands.fru_info(fru_id))
    if info is None:
        return Inventory(b"", piece, False)
    if info.code != DONE or len(info.data) < 3:
        return Inventory(b"", piece, info.code in NO_FRU)
    size, unit = min(int.from_bytes(info.data[:2], "little"), LARGEST), 2 if info.data[2] & 1 else 1
    raw = b""
    while len(raw) < min(size, extent(raw)):
        wanted = min(piece, min(size, extent(raw)) - len(raw))
        answer = await look.maybe(commands.fru_data(fru_id, len(raw) // unit, -(-wanted // unit)))
        if answer is None:
            return Inventory(raw, piece, False)
        if answer.code in TOO_MUCH and piece > PIECES[-1]:
            piece = next(fewer for fewer in PIECES if fewer < piece)
            continue
        if answer.code != DONE or len(answer.data) < 1 + unit:
            return Inventory(raw, piece, answer.code in GONE)
        raw += answer.data[1 : len(answer.data) - (len(answer.data) - 1) % unit]
    return Inventory(raw, piece, True)


def extent(raw: bytes) -> int:
    """How many bytes of an inventory need to be read, as far as those read until now tell.

    The header says where areas begin (in eights), the second byte of an area how long it is, and the multirecords say
    of each whether there is another.
    """
    if len(raw) < HEADER:
        return 2 * HEADER
    areas = (8 * raw[at] for at in (2, 3, 4) if raw[at])
    ends = [place + 8 * raw[place + 1] if place + 1 < len(raw) else place + HEADER for place in areas]
    if raw[5]:
        ends.append(_end_of_records(raw, 8 * raw[5]))
    return max(ends, default=HEADER)


def _end_of_records(raw: bytes, place: int) -> int:
    while place + RECORD_HEADER <= len(raw):
        last, length = raw[place + 1] & 0x80, raw[place + 2]
        place += RECORD_HEADER + length
        if last:
            return place
    return place + RECORD_HEADER
