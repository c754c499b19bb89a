"""Commands about the BMC itself: what it is, its restarts, its accounts and channels (IPMI v2.0, 20 and 22)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from emulator.ipmi.commands import Command, RefusedError, nothing
from emulator.ipmi.message import LAN_CHANNEL, Code, NetFn, Privilege, Request
from emulator.redfish.accounts import Account
from emulator.redfish.manager import RESET_SECONDS

if TYPE_CHECKING:
    from emulator.ipmi.controller import MachineController

IPMI_2_0 = 0x02
DEVICES = 0xBF
"""Additional device support: all but a bridge (table 20-2)."""
WARM_SECONDS = 5.0
IPMI_FORUM = 7_154
ROLES = {"Administrator": 4, "Operator": 3, "ReadOnly": 2}
"""Privilege levels by the roles of the other protocol."""
MOST_USERS = 16
THIS_CHANNEL = 0x0E


def guid_of(uuid: str, order: str) -> bytes:
    """Sixteen bytes of a UUID in the order in which a firmware sends them (20.8)."""
    number = UUID(uuid)
    return {"ipmi": number.bytes[::-1], "smbios": number.bytes_le, "rfc4122": number.bytes}[order]


def revision(firmware: str) -> tuple[int, int]:
    """Major and minor revision, the latter in two digits of BCD."""
    digits = ["".join(filter(str.isdigit, word)) or "0" for word in firmware.split(".")[:2]]
    major, minor = int(digits[0]) & 0x7F, int((digits[1] if len(digits) > 1 else "0")[:2])
    return major, minor // 10 << 4 | minor % 10


def _device(controller: MachineController, request: Request) -> bytes:
    """Get Device ID."""
    family, manner = controller.bmc.machine.family, controller.manner
    return b"".join((
        bytes((0x20, 0x01, *revision(family.firmware), IPMI_2_0, DEVICES)), manner.manufacturer.to_bytes(3, "little"),
        manner.product.to_bytes(2, "little"), bytes(4),
    ))  # fmt: skip


def _guid(controller: MachineController, request: Request) -> bytes:
    return controller.guid


def _cold_reset(controller: MachineController, request: Request) -> bytes:
    controller.restart(RESET_SECONDS, request)
    return b""


def _warm_reset(controller: MachineController, request: Request) -> bytes:
    controller.restart(WARM_SECONDS, request)
    return b""


def _self_test(controller: MachineController, request: Request) -> bytes:
    return bytes((0x55, 0x00))


def _acpi(controller: MachineController, request: Request) -> bytes:
    """S0/G0 or S5/G2 of the system; the BMC itself is at D0."""
    return bytes((0x00 if controller.bmc.told_power() == "On" else 0x05, 0x00))


def _enables(controller: MachineController, request: Request) -> bytes:
    """The event log is on."""
    return bytes((0x08,))


# ---- channels and accounts ----


CHANNELS = {0: (0x01, 0x01, 0x00), LAN_CHANNEL: (0x04, 0x01, 0x80), 0x0F: (0x0C, 0x05, 0x00)}
"""(medium, protocol, session support) of the IPMB, the LAN and the host's KCS (tables 6-2, 6-3 and 22-26)."""


def _channel(request: Request) -> int:
    number = request.data[0] & 0x0F
    if number not in (LAN_CHANNEL, THIS_CHANNEL):
        raise RefusedError(Code.INVALID_FIELD)
    return LAN_CHANNEL


def _channel_info(controller: MachineController, request: Request) -> bytes:
    """What a channel is made of, and how many sessions it has."""
    number = request.data[0] & 0x0F
    number = LAN_CHANNEL if number == THIS_CHANNEL else number
    if number not in CHANNELS:
        raise RefusedError(Code.INVALID_FIELD)
    medium, protocol, support = CHANNELS[number]
    count = min(0x3F, controller.sessions()) if support else 0
    return bytes((number, medium, protocol, support | count)) + IPMI_FORUM.to_bytes(3, "little") + bytes(2)


def _channel_access(controller: MachineController, request: Request) -> bytes:
    """Always available, alerts on, per-message authentication on; up to administrator."""
    _channel(request)
    return bytes((0x02, 0x04))


def _account(controller: MachineController, number: int) -> Account | None:
    """The account of a user id; 1 is the one without a name, which is disabled."""
    if not 1 <= number <= MOST_USERS:
        raise RefusedError(Code.INVALID_FIELD)
    return controller.bmc.accounts.get(str(number - 1))


def _user_access(controller: MachineController, request: Request) -> bytes:
    _channel(request)
    account = _account(controller, request.data[1] & 0x3F)
    enabled = sum(account.enabled for account in controller.bmc.accounts.values())
    state = 0x40 if account is not None and account.enabled else 0x80
    level = 0x10 | ROLES[account.role] if account is not None else 0x0F
    return bytes((MOST_USERS, state | enabled, 0x01, level))


def _user_name(controller: MachineController, request: Request) -> bytes:
    account = _account(controller, request.data[0] & 0x3F)
    if account is None and request.data[0] & 0x3F > 1:
        raise RefusedError(Code.NOT_PRESENT)
    return (account.user.encode()[:16] if account is not None else b"").ljust(16, b"\x00")


# ---- what software told the BMC of the system ----

ASCII = 0x00


def _system_info(controller: MachineController, request: Request) -> bytes:
    """Firmware version, system name and operating system, in blocks of sixteen bytes (22.14b)."""
    parameter, block = request.data[1], request.data[2]
    if request.data[0] & 0x80:
        return bytes((0x11,))
    if parameter == 0:
        return bytes((0x11, 0x00))
    machine = controller.bmc.machine
    told = {1: machine.family.bios, 2: machine.host_name, 3: "Linux", 4: "Linux"}.get(parameter)
    if told is None:
        raise RefusedError(0x80)
    whole = bytes((ASCII, len(told))) + told.encode("ascii", "replace")
    if block * 16 >= max(1, len(whole)):
        raise RefusedError(Code.INVALID_FIELD)
    return bytes((0x11, block)) + whole[block * 16 : block * 16 + 16].ljust(16, b"\x00")


APP = NetFn.APP
NONE, USER, OPERATOR, ADMINISTRATOR = Privilege.NONE, Privilege.USER, Privilege.OPERATOR, Privilege.ADMINISTRATOR

COMMANDS = (
    Command(APP, 0x01, USER, _device),
    Command(APP, 0x02, ADMINISTRATOR, _cold_reset),
    Command(APP, 0x03, ADMINISTRATOR, _warm_reset),
    Command(APP, 0x04, USER, _self_test),
    Command(APP, 0x07, USER, _acpi),
    Command(APP, 0x08, USER, _guid),
    Command(APP, 0x2F, USER, _enables),
    Command(APP, 0x31, USER, lambda controller, request: bytes(1)),
    Command(APP, 0x37, NONE, _guid),
    Command(APP, 0x41, USER, _channel_access, 2),
    Command(APP, 0x42, USER, _channel_info, 1),
    Command(APP, 0x44, OPERATOR, _user_access, 2),
    Command(APP, 0x46, OPERATOR, _user_name, 1),
    Command(APP, 0x58, ADMINISTRATOR, nothing, 2),
    Command(APP, 0x59, USER, _system_info, 4),
)
