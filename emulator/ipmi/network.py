"""LAN configuration parameters: the BMC's address, its cipher suites, and where its alerts go (IPMI v2.0, 23)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.ipmi.commands import Command, RefusedError, nothing
from emulator.ipmi.message import LAN_CHANNEL, Code, NetFn, Privilege, Request

if TYPE_CHECKING:
    from emulator.ipmi.controller import MachineController

REVISION = 0x11
COMMUNITY, DESTINATIONS, DESTINATION_TYPE, DESTINATION_ADDRESS = 16, 17, 18, 19
READ_ONLY = frozenset({1, DESTINATIONS, 22, 23})


def parameters(mac: bytes, suites: tuple[int, ...]) -> dict[int, bytes]:
    """What a BMC is configured with when it leaves the factory (table 23-4)."""
    return {
        0: bytes((0,)),
        1: bytes((0x00,)),
        2: bytes(5),
        3: bytes((127, 0, 0, 1)),
        4: bytes((0x01,)),
        5: mac,
        6: bytes((255, 0, 0, 0)),
        7: bytes((0x40, 0x40, 0x10)),
        10: bytes((0x02,)),
        11: bytes((0x03,)),
        12: bytes(4),
        13: bytes(6),
        14: bytes(4),
        15: bytes(6),
        COMMUNITY: b"public".ljust(18, b"\x00"),
        20: bytes(2),
        21: bytes(1),
        22: bytes((len(suites),)),
        23: bytes((0, *suites)),
        24: bytes((0, 0x44 if len(suites) > 1 else 0x04)) + bytes(7),
    }


def _get(controller: MachineController, request: Request) -> bytes:
    _channel(request)
    parameter, index = request.data[1] & 0xFF, request.data[2]
    if request.data[0] & 0x80:
        return bytes((REVISION,))
    if parameter == DESTINATIONS:
        return bytes((REVISION, controller.alerts.most))
    if parameter in (DESTINATION_TYPE, DESTINATION_ADDRESS):
        kind, address = controller.alerts.destination(index)
        return bytes((REVISION,)) + (kind if parameter == DESTINATION_TYPE else address)
    told = controller.lan.get(parameter)
    if told is None:
        raise RefusedError(0x80)
    return bytes((REVISION,)) + told


def _set(controller: MachineController, request: Request) -> bytes:
    """The address stays what it is: the loopback's."""
    _channel(request)
    parameter, told = request.data[1], request.data[2:]
    if parameter in READ_ONLY:
        raise RefusedError(0x82)
    if parameter == DESTINATION_TYPE and len(told) == 4:
        controller.alerts.set_type(told)
    elif parameter == DESTINATION_ADDRESS and len(told) == 13:
        controller.alerts.set_address(told)
    elif parameter in controller.lan and len(told) == len(controller.lan[parameter]):
        controller.lan[parameter] = bytes(told)
    else:
        raise RefusedError(0x80 if parameter not in controller.lan else Code.LENGTH_INVALID)
    return b""


def _channel(request: Request) -> None:
    if request.data[0] & 0x0F not in (LAN_CHANNEL, 0x0E):
        raise RefusedError(Code.INVALID_FIELD)


TRANSPORT = NetFn.TRANSPORT

COMMANDS = (
    Command(TRANSPORT, 0x01, Privilege.ADMINISTRATOR, _set, 3),
    Command(TRANSPORT, 0x02, Privilege.OPERATOR, _get, 4),
    Command(TRANSPORT, 0x03, Privilege.ADMINISTRATOR, nothing, 2),
)
