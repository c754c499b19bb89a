"""FRU inventory: the machine itself and its power supplies (FRU Information Storage Definition v1.0 rev 1.3)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from emulator.ipmi.commands import Command, RefusedError, piece, word
from emulator.ipmi.message import Code, NetFn, Privilege, Request

if TYPE_CHECKING:
    from emulator.hardware import Machine
    from emulator.ipmi.controller import MachineController

VERSION = 0x01
ENGLISH = 25
RACK_MOUNT = 0x17
END = 0xC1
EPOCH_1996 = 820_454_400
AREA = 1_024
"""Bytes of the machine's own inventory device, most of them unused."""
TEXT, PACKED, DECIMAL = 0xC0, 0x80, 0x40
"""Codings of a field: eight-bit, six-bit ASCII and BCD plus (13)."""
BCD_PLUS = "0123456789 -."


def areas_of(controller: MachineController, device: int) -> bytes | None:
    """What an inventory device holds; None where there is no such device."""
    machine = controller.bmc.machine
    if device == 0:
        return _machine(machine)
    if controller.manner.supply_frus and device <= len(machine.parts.supplies):
        return _supply(machine, device - 1)
    return None


def _machine(machine: Machine) -> bytes:
    """Chassis, board and product areas."""
    family = machine.family
    packed = family.ipmi.packed_serials
    serial = partial(field, coding=PACKED) if packed else field
    chassis = _area(bytes((VERSION, 0, RACK_MOUNT)), field(family.chassis_part_number, TEXT), serial(machine.serial))
    made = int((_made_at(machine) - EPOCH_1996) / 60).to_bytes(3, "little")
    board = _area(
        bytes((VERSION, 0, ENGLISH)) + made, field(family.vendor), field(f"{family.model} board"),
        serial(f"B{machine.serial}"), field(family.part_number), field(""),
    )  # fmt: skip
    product = _area(
        bytes((VERSION, 0, ENGLISH)), field(family.vendor), field(family.model), field(family.part_number),
        field("01", DECIMAL if packed else TEXT), serial(machine.serial), field(machine.asset_tag), field(""),
    )  # fmt: skip
    return _inventory(chassis, board, product).ljust(AREA, b"\x00")


def _supply(machine: Machine, index: int) -> bytes:
    """A power supply's product area and its power supply record (18.1)."""
    family, supply = machine.family, machine.parts.supplies[index]
    maker, model, part = family.supply_identity
    product = _area(
        bytes((VERSION, 0, ENGLISH)), field(maker), field(model), field(part), field("A0"), field(supply.serial),
        field(""), field(""),
    )  # fmt: skip
    watts = min(family.supply_watts, 0x0FFF)
    told = b"".join((
        watts.to_bytes(2, "little"), bytes((0xFF, 0xFF, 0x1E, 0x05)), *(
            volts.to_bytes(2, "little") for volts in (20_000, 24_000, 10_000, 14_000)
        ),
        bytes((47, 63, 12, 0x0E)), (0x1000 | watts).to_bytes(2, "little"), bytes((0x00, 0, 0, 0)),
    ))  # fmt: skip
    header = bytes((0x00, 0x82, len(told), -sum(told) & 0xFF))
    return _inventory(b"", b"", product, header + bytes((-sum(header) & 0xFF,)) + told)


def _inventory(chassis: bytes, board: bytes, product: bytes, records: bytes = b"") -> bytes:
    """The common header and the areas after it, each at a multiple of eight bytes."""
    offsets, at = [], 8
    for area in (chassis, board, product, records):
        offsets.append(at // 8 if area else 0)
        at += len(area)
    header = bytes((VERSION, 0, *offsets, 0))
    return header + bytes((-sum(header) & 0xFF,)) + chassis + board + product + records


def _area(head: bytes, *fields: bytes) -> bytes:
    """An area with its end mark, length in eights and checksum."""
    told = head + b"".join(fields) + bytes((END,))
    told += bytes(-(len(told) + 1) % 8)
    told = told[:1] + bytes(((len(told) + 1) // 8,)) + told[2:]
    return told + bytes((-sum(told) & 0xFF,))


def field(text: str, coding: int = TEXT) -> bytes:
    """A type/length byte and a field; a single character is padded, since C1h ends an area."""
    if coding == PACKED:
        told = _six_bit(text)
    elif coding == DECIMAL:
        told = _decimal(text)
    else:
        told = text.encode("latin-1", "replace")
        told = told + b" " if len(told) == 1 else told
    return bytes((coding | len(told[:63]),)) + told[:63]


def _six_bit(text: str) -> bytes:
    """Four characters in three bytes, the first in the lowest bits (13.3)."""
    bits = sum((ord(letter) - 0x20 & 0x3F) << 6 * index for index, letter in enumerate(text.upper()))
    return bits.to_bytes(-(-6 * len(text) // 8), "little")


def _decimal(text: str) -> bytes:
    """Two digits a byte, the first in the high half (13.1)."""
    digits = [BCD_PLUS.index(letter) for letter in text] + [0x0A] * (len(text) % 2)
    return bytes(high << 4 | low for high, low in zip(digits[::2], digits[1::2], strict=True))


def _made_at(machine: Machine) -> float:
    """A machine is as old as its serial number says, between two and four years."""
    return machine.clock.started_at - 86_400.0 * (730 + int(machine.serial, 36) % 730)


# ---- commands ----


def _device(controller: MachineController, request: Request) -> bytes:
    area = areas_of(controller, request.data[0])
    if area is None:
        raise RefusedError(Code.NOT_PRESENT)
    return area


def _info(controller: MachineController, request: Request) -> bytes:
    return len(_device(controller, request)).to_bytes(2, "little") + bytes(1)


def _read(controller: MachineController, request: Request) -> bytes:
    area, offset, count = _device(controller, request), word(request.data, 1), request.data[3]
    if count > controller.manner.fru_most:
        raise RefusedError(Code.CANNOT_RETURN_COUNT)
    if offset >= len(area):
        raise RefusedError(Code.OUT_OF_RANGE)
    told = piece(area, offset, count)
    return bytes((len(told),)) + told


def _write(controller: MachineController, request: Request) -> bytes:
    """Every device is write-protected."""
    _device(controller, request)
    raise RefusedError(0x80)


COMMANDS = (
    Command(NetFn.STORAGE, 0x10, Privilege.USER, _info, 1),
    Command(NetFn.STORAGE, 0x11, Privilege.USER, _read, 4),
    Command(NetFn.STORAGE, 0x12, Privilege.OPERATOR, _write, 4),
)
