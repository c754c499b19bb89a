"""Commands of the SDR repository (IPMI v2.0, 33)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.ipmi.commands import Command, RefusedError, piece, stamp, word
from emulator.ipmi.message import Code, NetFn, Privilege, Request
from emulator.ipmi.sdr import VERSION

if TYPE_CHECKING:
    from emulator.ipmi.controller import MachineController

LAST = 0xFFFF
WHOLE = 0xFF
NEVER = bytes((0xFF, 0xFF, 0xFF, 0xFF))


def _info(controller: MachineController, request: Request) -> bytes:
    """Reserve and allocation information are supported; nobody may write; never erased."""
    count = len(controller.records).to_bytes(2, "little")
    return bytes((VERSION,)) + count + bytes(2) + stamp(controller.sdr_changed_at) + NEVER + bytes((0x23,))


def _allocation(controller: MachineController, request: Request) -> bytes:
    units = sum(-(-len(record) // 16) for _, record in controller.records)
    return units.to_bytes(2, "little") + bytes((16, 0, 0, 0, 0, 0, 0))


def _reserve(controller: MachineController, request: Request) -> bytes:
    controller.sdr_reservation = controller.sdr_reservation % 0xFFFF + 1
    return controller.sdr_reservation.to_bytes(2, "little")


def _get(controller: MachineController, request: Request) -> bytes:
    """Part of a record, with the id of the next one; a part from the middle needs the reservation."""
    reservation, wanted, offset, count = word(request.data, 0), word(request.data, 2), *request.data[4:6]
    if (offset or reservation) and reservation != controller.sdr_reservation:
        raise RefusedError(Code.RESERVATION_LOST)
    index = controller.record_index.get(wanted, 0 if wanted == 0 else None)
    index = len(controller.records) - 1 if wanted == LAST else index
    if index is None:
        raise RefusedError(Code.NOT_PRESENT)
    record = controller.records[index][1]
    most = int(controller.bmc.policy("sdr_max_read", controller.manner.sdr_most))
    if count == WHOLE and (not controller.manner.whole_sdr or len(record) - offset > most):
        raise RefusedError(Code.CANNOT_RETURN_COUNT)
    if count != WHOLE and count > most:
        raise RefusedError(Code.CANNOT_RETURN_COUNT)
    following = controller.records[index + 1][0] if index + 1 < len(controller.records) else LAST
    return following.to_bytes(2, "little") + piece(record, offset, count)


def _time(controller: MachineController, request: Request) -> bytes:
    return stamp(controller.told_time(controller.now()))


STORAGE, USER, OPERATOR = NetFn.STORAGE, Privilege.USER, Privilege.OPERATOR

COMMANDS = (
    Command(STORAGE, 0x20, USER, _info),
    Command(STORAGE, 0x21, USER, _allocation),
    Command(STORAGE, 0x22, USER, _reserve),
    Command(STORAGE, 0x23, USER, _get, 6),
    Command(STORAGE, 0x28, USER, _time),
)
