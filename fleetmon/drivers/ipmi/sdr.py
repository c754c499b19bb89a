"""The sensor data records of a device: read once, and again only when the repository says that it has changed.

IPMI v2.0 rev 1.1, sections 33.9 to 33.12, and 35.2 to 35.4 for devices that have no repository and tell their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fleetmon.drivers.ipmi import commands
from fleetmon.drivers.ipmi.chain import NOT_GIVEN, follow
from fleetmon.drivers.ipmi.commands import FIRST, LAST, WHOLE, name_of
from fleetmon.drivers.ipmi.completion import DONE, NOT_PRESENT, RESERVATION_LOST, TOO_MUCH, UNSUPPORTED, complaint
from fleetmon.drivers.ipmi.look import Look
from fleetmon.drivers.ipmi.messages import Answer, Command

HEADER = 5
"""Bytes of a record before what its length counts (section 43)."""
PIECES = (64, 32, 16, 8)
"""Bytes asked at once of a device that gives no whole record (F88)."""
RESERVATIONS = 5
"""Reservations lost in one look before somebody else is left to finish."""
TRIES = 3
"""Looks in which the same record may fail before it is left out (C3h for ever: freeipmi-mirror#29)."""
MOST_RECORDS = 4096


class Stamp(NamedTuple):
    """What changes with every change of the records, as the device tells it."""

    of_device: bool
    """Are they the device's own, in place of a repository?"""
    records: int
    added: int
    erased: int


@dataclass(slots=True)
class Fetching:
    """Records read so far; a slow device is read over several polls."""

    stamp: Stamp
    piece: int = WHOLE
    next_id: int = FIRST
    records: list[bytes] = field(default_factory=list)
    reservation: int = 0
    lost: int = 0
    """Reservations lost in this look."""
    tries: int = 0
    """Looks that came no further."""

    @property
    def whole(self) -> bool:
        """Have all records been read?"""
        return self.next_id == LAST


async def stamp_of(look: Look) -> Stamp | None:
    """The state of the records now, without any for a device that has none; None where it would not say."""
    (info,) = await look.ask(commands.SDR_INFO)
    if info.code == DONE and len(info.data) >= 13:
        stamp = Stamp(False, _number(info.data[1:3]), _number(info.data[5:9]), _number(info.data[9:13]))
        if stamp.records:
            return stamp
    elif info.code not in UNSUPPORTED:
        look.tell(name_of(commands.SDR_INFO), complaint(commands.SDR_INFO, info.code))
        return None
    (own,) = await look.ask(Command(*commands.DEVICE_SDR_INFO[:2], b"\x01"))
    count = own.data[0] if own.code == DONE and own.data else 0
    return Stamp(True, count, _number(own.data[2:6]) if count else 0, 0)


async def read_on(look: Look, fetching: Fetching) -> None:
    """Read on from where the last look ended; what stands in the way is told."""
    before, fetching.lost = len(fetching.records), 0
    code = DONE
    while not fetching.whole and code == DONE and look.has_time() and len(fetching.records) < MOST_RECORDS:
        code = await (_whole_records(look, fetching) if fetching.piece == WHOLE else _pieces(look, fetching))
    if len(fetching.records) >= MOST_RECORDS:
        fetching.next_id = LAST
    fetching.tries = 0 if len(fetching.records) > before else fetching.tries + 1
    if code != DONE:
        _tell(look, fetching, code)
        if fetching.tries >= TRIES and code != RESERVATION_LOST:
            # The id behind it is known from this very record alone; nearly all devices number without gaps.
            fetching.next_id = LAST if code == NOT_PRESENT or not fetching.records else fetching.next_id + 1
            fetching.tries = TRIES - 1
    elif not fetching.whole:
        count, known = fetching.stamp.records, len(fetching.records)
        look.tell("SDR", f"{known} of {count} sensor records read; the next poll goes on")


async def _whole_records(look: Look, fetching: Fetching) -> int:
    """Records one by one, each with one command; a device that cannot do that is read in pieces from here on."""

    def take(_: int, record: bytes) -> bool:
        if not _is_whole(record):
            return False
        fetching.records.append(record[: HEADER + record[4]])
        return True

    end = await follow(
        look,
        fetching.next_id,
        lambda record: commands.sdr(fetching.reservation, record, of_device=fetching.stamp.of_device),
        take,
        expected=fetching.stamp.records - len(fetching.records),
    )
    fetching.next_id = end.next_id
    if end.code == RESERVATION_LOST:
        return await _reserve(look, fetching)
    if end.code in TOO_MUCH or end.code == NOT_GIVEN:
        fetching.piece = PIECES[0]
        return DONE
    return end.code


async def _pieces(look: Look, fetching: Fetching) -> int:
    """One record in pieces, which belong together only under one reservation; when it is lost, all are read again."""
    if not fetching.reservation:
        code = await _reserve(look, fetching)
        if code not in (DONE, *UNSUPPORTED):
            return code
    record, following = b"", LAST
    while not _is_whole(record):
        wanted = fetching.piece if len(record) < HEADER else min(fetching.piece, HEADER + record[4] - len(record))
        answer = await _piece(look, fetching, len(record), wanted)
        if answer.code == RESERVATION_LOST:
            return await _reserve(look, fetching)
        if answer.code in TOO_MUCH and fetching.piece > PIECES[-1]:
            fetching.piece = next(size for size in PIECES if size < fetching.piece)
            continue
        if answer.code != DONE:
            return answer.code
        if len(answer.data) < 3:
            return NOT_GIVEN
        following = _number(answer.data[:2])
        record += answer.data[2:]
    fetching.records.append(record[: HEADER + record[4]])
    fetching.next_id = following
    return DONE


async def _piece(look: Look, fetching: Fetching, offset: int, count: int) -> Answer:
    of_device = fetching.stamp.of_device
    (answer,) = await look.ask(commands.sdr(fetching.reservation, fetching.next_id, offset, count, of_device=of_device))
    return answer


async def _reserve(look: Look, fetching: Fetching) -> int:
    """Get a reservation anew; what the device answers when it gives none."""
    fetching.lost += 1
    if fetching.lost > RESERVATIONS:
        return RESERVATION_LOST
    command = commands.RESERVE_DEVICE_SDR if fetching.stamp.of_device else commands.RESERVE_SDR
    (answer,) = await look.ask(command)
    if answer.code == DONE and len(answer.data) >= 2:
        fetching.reservation = _number(answer.data[:2])
    return answer.code


def _tell(look: Look, fetching: Fetching, code: int) -> None:
    where = f"SDR {fetching.next_id:04X}h"
    if code == RESERVATION_LOST:
        look.tell(where, "another program keeps reading the sensor records at the same time; the next poll goes on")
    elif code == NOT_GIVEN:
        look.tell(where, "the device gives no whole sensor record")
    else:
        look.tell(where, complaint(commands.sdr(0, fetching.next_id), code))


def _is_whole(record: bytes) -> bool:
    return len(record) >= HEADER and len(record) >= HEADER + record[4]


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "little")
