"""DCMI 1.5: capabilities, power reading, temperatures, asset tag, identifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.ipmi.commands import Command, RefusedError, stamp
from emulator.ipmi.message import Code, NetFn, Privilege, Request

if TYPE_CHECKING:
    from emulator.ipmi.controller import MachineController

GROUP = 0xDC
CONFORMS = bytes((1, 5, 2))
"""DCMI 1.5, parameter revision 2 (6.1)."""
PERIOD = 3_600.0
"""Seconds over which power is averaged."""
LOOKS = 60
INLET, PROCESSOR, BOARD = 0x40, 0x41, 0x42
"""Entity ids of DCMI's temperatures (table 6-18); 37h, 03h and 07h mean the same."""
SAME = {0x37: INLET, 0x03: PROCESSOR, 0x07: BOARD}
KEYS = {INLET: ("Inlet",), PROCESSOR: ("CPU1", "CPU2", "CPU3", "CPU4"), BOARD: ("Chipset",)}
MOST = 8
"""Temperatures, or record ids, in one answer."""
LONGEST = 64
"""Characters of an asset tag or an identifier; 16 at a time."""
AT_ONCE = 16


def _capabilities(controller: MachineController, request: Request) -> bytes:
    """Power management; an event log that wraps; one LAN channel (tables 6-3)."""
    log = controller.bmc.machine.logs["event"]
    wraps = 0 if log.keeps_oldest else 0x8000
    told = {
        1: bytes((0x00, 0x01, 0x01)),
        2: (wraps | min(log.capacity, 0x0FFF)).to_bytes(2, "little") + bytes((0x07, 0x00, 0x01)),
        3: bytes((0x20, 0x00)),
        4: bytes((0x01, 0xFF, 0xFF)),
        5: bytes((0x01, 0x41)),
    }.get(request.data[1])
    if told is None:
        raise RefusedError(Code.INVALID_FIELD)
    return CONFORMS + told


def _power(controller: MachineController, request: Request) -> bytes:
    """Watts now, and least, most and mean of the last hour (6.6.1)."""
    if request.data[1] not in (1, 2):
        raise RefusedError(Code.INVALID_FIELD)
    machine, now = controller.bmc.machine, controller.now()
    current = machine.reading("TotalPower") or 0.0
    period = PERIOD
    if request.data[1] == 2:
        period = {0: 1.0, 1: 60.0, 2: 3_600.0, 3: 86_400.0}[request.data[2] >> 6] * (request.data[2] & 0x3F)
    instants = [now - period * step / LOOKS for step in range(LOOKS, 0, -1)]
    watts = [*machine.sensors.column("TotalPower", instants), current]
    told = (current, min(watts), max(watts), sum(watts) / len(watts))
    return b"".join((
        *(max(0, min(0xFFFF, round(value))).to_bytes(2, "little") for value in told),
        stamp(controller.told_time(now)), int(period * 1_000).to_bytes(4, "little"), bytes((0x40,)),
    ))  # fmt: skip


def _no_limit(controller: MachineController, request: Request) -> bytes:
    """No power limit is set (6.6.2)."""
    raise RefusedError(0x80)


def _temperatures(controller: MachineController, request: Request) -> bytes:
    """Of one kind of entity: how many there are, and a few of them, in whole Cel (6.7.3)."""
    sensor_type, entity, instance, first = request.data[1:5]
    if sensor_type != 0x01:
        raise RefusedError(Code.INVALID_FIELD)
    found = _of_entity(controller, entity)
    wanted = found[max(0, first - 1) :] if instance == 0 else found[instance - 1 : instance]
    machine, told = controller.bmc.machine, b""
    for number, key in wanted[:MOST]:
        celsius = round(machine.reading(key) or 0.0)
        told += bytes(((0x80 if celsius < 0 else 0) | min(127, abs(celsius)), number))
    return bytes((len(found), len(told) // 2)) + told


def _of_entity(controller: MachineController, entity: int) -> list[tuple[int, str]]:
    """(instance, key) of the temperatures of an entity."""
    keys = KEYS.get(SAME.get(entity, entity))
    if keys is None:
        raise RefusedError(Code.NOT_PRESENT)
    return [(number, key) for number, key in enumerate(keys, start=1) if key in controller.catalogue.by_key]


def _sensors(controller: MachineController, request: Request) -> bytes:
    """Which SDRs the temperatures of an entity have (6.5.2)."""
    sensor_type, entity, instance, first = request.data[1:5]
    if sensor_type != 0x01:
        raise RefusedError(Code.INVALID_FIELD)
    found = _of_entity(controller, entity)
    wanted = found[max(0, first - 1) :] if instance == 0 else found[instance - 1 : instance]
    ids = [controller.record_id(controller.catalogue.by_key[key]) for _, key in wanted[:MOST]]
    return bytes((len(found), len(ids))) + b"".join(number.to_bytes(2, "little") for number in ids)


def _text(told: bytes, request: Request) -> bytes:
    """Total length, and a piece of at most sixteen bytes."""
    offset, count = request.data[1:3]
    if offset > len(told) or count > AT_ONCE:
        raise RefusedError(Code.OUT_OF_RANGE)
    return bytes((len(told),)) + told[offset : offset + count]


def _written(before: bytes, request: Request) -> bytes:
    """A text after a piece was written into it: what follows the piece is cut off."""
    offset, count = request.data[1:3]
    told = request.data[3 : 3 + count]
    if offset + count > LONGEST or count > AT_ONCE or len(told) != count:
        raise RefusedError(Code.OUT_OF_RANGE)
    return before[:offset].ljust(offset, b"\x00") + told


def _asset_tag(controller: MachineController, request: Request) -> bytes:
    return _text(controller.bmc.machine.asset_tag.encode()[:LONGEST], request)


def _set_asset_tag(controller: MachineController, request: Request) -> bytes:
    machine = controller.bmc.machine
    machine.asset_tag = _written(machine.asset_tag.encode(), request).rstrip(b"\x00").decode("utf-8", "replace")
    return bytes((len(machine.asset_tag.encode()),))


def _identifier(controller: MachineController, request: Request) -> bytes:
    return _text(controller.identifier.encode() + b"\x00", request)


def _set_identifier(controller: MachineController, request: Request) -> bytes:
    controller.identifier = _written(controller.identifier.encode(), request).rstrip(b"\x00").decode("utf-8", "replace")
    return bytes((len(controller.identifier) + 1,))


DCMI, USER, OPERATOR = NetFn.GROUP, Privilege.USER, Privilege.OPERATOR

COMMANDS = (
    Command(DCMI, 0x01, USER, _capabilities, 2),
    Command(DCMI, 0x02, USER, _power, 4),
    Command(DCMI, 0x03, USER, _no_limit, 3),
    Command(DCMI, 0x06, USER, _asset_tag, 3),
    Command(DCMI, 0x07, USER, _sensors, 5),
    Command(DCMI, 0x08, OPERATOR, _set_asset_tag, 3),
    Command(DCMI, 0x09, USER, _identifier, 3),
    Command(DCMI, 0x0A, Privilege.ADMINISTRATOR, _set_identifier, 3),
    Command(DCMI, 0x10, USER, _temperatures, 5),
)
"""Every one has the group, DCh, as its first byte, and so has every answer."""
