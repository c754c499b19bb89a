"""Commands of the chassis: its status, its power, its locate light and its boot options (IPMI v2.0, 28)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.ipmi.commands import Command, RefusedError
from emulator.ipmi.message import LAN_CHANNEL, Code, NetFn, Privilege, Request
from emulator.ipmi.sdr import BMC_ADDRESS

if TYPE_CHECKING:
    from emulator.ipmi.controller import MachineController

RESETS = {0: "ForceOff", 1: "On", 2: "PowerCycle", 3: "ForceRestart", 4: "Nmi", 5: "GracefulShutdown"}
"""What Chassis Control asks for, as the ResetType of the other protocol (table 28-4)."""
POLICIES = ("off", "previous", "on")
"""Power restore policies by their codes (table 28-8)."""
IDENTIFY_SECONDS = 15.0
BY_COMMAND = 0x01
"""Restart cause: a chassis control command (table 28-11)."""


def _capabilities(controller: MachineController, request: Request) -> bytes:
    """No front panel lockout, an intrusion sensor; every device is the BMC."""
    return bytes((0x01, BMC_ADDRESS, BMC_ADDRESS, BMC_ADDRESS, BMC_ADDRESS, BMC_ADDRESS))


def status(controller: MachineController) -> bytes:
    """Power and its faults, the last power event, what is open or broken, the locate light (table 28-3)."""
    bmc, machine = controller.bmc, controller.bmc.machine
    on = bmc.told_power() in ("On", "PoweringOff")
    supplies = machine.parts.supplies
    power = on | (not all(supply.works for supply in supplies)) << 3 | POLICIES.index(machine.power.restores) << 5
    light = 0 if not machine.led else 2 if controller.identified_until is None else 1
    drives = "#Drive0" in controller.catalogue.by_key and any(
        drive.failed and not drive.absent for drive in machine.parts.drives
    )
    fans = any(fan.failed for fan in machine.parts.fans)
    misc = machine.intruded | drives << 2 | fans << 3 | light << 4 | 0x40
    return bytes((power, controller.last_power_event, misc, 0x00))


def _status(controller: MachineController, request: Request) -> bytes:
    return status(controller)


def _control(controller: MachineController, request: Request) -> bytes:
    """Really switches; what makes no sense while the power is off is D5h."""
    reset_type = RESETS.get(request.data[0] & 0x0F)
    if reset_type is None:
        raise RefusedError(Code.INVALID_FIELD)
    power = controller.bmc.machine.power
    if power.state == "Off" and reset_type not in ("On", "ForceOff"):
        raise RefusedError(Code.STATE)
    controller.restart_cause = BY_COMMAND
    if reset_type in ("On", "PowerCycle") and power.state != "On":
        controller.last_power_event = 0x10
    power.reset(reset_type, controller.source(request))
    return b""


def _identify(controller: MachineController, request: Request) -> bytes:
    """The locate light: for some seconds, or until told otherwise (table 28-6)."""
    machine = controller.bmc.machine
    seconds = request.data[0] if request.data else IDENTIFY_SECONDS
    forever = len(request.data) > 1 and request.data[1] & 1
    machine.led = bool(seconds or forever)
    controller.identified_until = None if forever or not seconds else controller.now() + seconds
    if controller.identified_until is not None:
        controller.bmc.plant.agenda.after(float(seconds), controller.end_identify)
    return b""


def _set_policy(controller: MachineController, request: Request) -> bytes:
    """What the machine does when its input is back; 3 only asks which there are: all."""
    code = request.data[0] & 0x07
    if code < len(POLICIES):
        controller.bmc.machine.power.restores = POLICIES[code]
    elif code != 3:
        raise RefusedError(Code.INVALID_FIELD)
    return bytes((0x07,))


def _restart_cause(controller: MachineController, request: Request) -> bytes:
    return bytes((controller.restart_cause, LAN_CHANNEL))


def _hours(controller: MachineController, request: Request) -> bytes:
    """Power-on hours: sixty minutes to a count."""
    machine = controller.bmc.machine
    hours = max((drive.hours_on(controller.now()) for drive in machine.parts.drives), default=0)
    return bytes((60,)) + hours.to_bytes(4, "little")


# ---- boot options ----

BOOT_FLAGS = 5
DEVICES = {0: "None", 1: "Pxe", 2: "Hdd", 5: "Cd", 6: "BiosSetup"}
"""Boot devices by code (table 28-14), as targets of the other protocol."""


def _boot_options(controller: MachineController, request: Request) -> bytes:
    """Parameter version 1; the flags are the override that every protocol shows."""
    parameter = request.data[0] & 0x7F
    if parameter == BOOT_FLAGS:
        told = _boot_flags(controller)
    else:
        told = controller.boot_options.get(parameter, b"")
        if not told:
            raise RefusedError(0x80)
    return bytes((0x01, parameter)) + told


def _boot_flags(controller: MachineController) -> bytes:
    override = controller.bmc.machine.boot_override
    device = next((code for code, target in DEVICES.items() if target == override["target"]), 0)
    wanted = override["enabled"] != "Disabled"
    flags = wanted << 7 | (override["enabled"] == "Continuous") << 6 | (override["mode"] == "UEFI") << 5
    return bytes((flags, device << 2, 0, 0, 0))


def _set_boot_options(controller: MachineController, request: Request) -> bytes:
    parameter, told = request.data[0] & 0x7F, request.data[1:]
    if parameter == BOOT_FLAGS:
        if len(told) < 2:
            raise RefusedError(Code.LENGTH_INVALID)
        _override(controller, told)
    elif parameter in controller.boot_options:
        controller.boot_options[parameter] = told
    else:
        raise RefusedError(0x80)
    return b""


def _override(controller: MachineController, told: bytes) -> None:
    target = DEVICES.get(told[1] >> 2 & 0x0F)
    if target is None:
        raise RefusedError(Code.INVALID_FIELD)
    enabled = "Disabled" if not told[0] & 0x80 or target == "None" else "Continuous" if told[0] & 0x40 else "Once"
    mode = "UEFI" if told[0] & 0x20 else "Legacy"
    controller.bmc.machine.boot_override |= {"enabled": enabled, "target": target, "mode": mode}
    controller.bmc.machine.log("ConfigurationChanged", "Boot")


CHASSIS, USER, OPERATOR = NetFn.CHASSIS, Privilege.USER, Privilege.OPERATOR

COMMANDS = (
    Command(CHASSIS, 0x00, USER, _capabilities),
    Command(CHASSIS, 0x01, USER, _status),
    Command(CHASSIS, 0x02, OPERATOR, _control, 1),
    Command(CHASSIS, 0x04, OPERATOR, _identify),
    Command(CHASSIS, 0x06, OPERATOR, _set_policy, 1),
    Command(CHASSIS, 0x07, USER, _restart_cause),
    Command(CHASSIS, 0x08, OPERATOR, _set_boot_options, 1),
    Command(CHASSIS, 0x09, OPERATOR, _boot_options, 3),
    Command(CHASSIS, 0x0F, USER, _hours),
)
