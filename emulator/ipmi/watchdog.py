"""The watchdog timer: it counts down, and acts when nobody resets it (IPMI v2.0, 27)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.ipmi.commands import Command, RefusedError, word
from emulator.ipmi.message import NetFn, Privilege, Request

if TYPE_CHECKING:
    from emulator.ipmi.controller import MachineController

ACTIONS = {1: "ForceRestart", 2: "ForceOff", 3: "PowerCycle"}
"""ResetTypes by timeout action (table 27-3)."""
UNINITIALISED = 0x80
TENTH = 0.1


@dataclass(slots=True)
class Watchdog:
    """The timer of one BMC."""

    use: int = 0x01
    actions: int = 0
    pretimeout: int = 0
    expired: int = 0
    """One bit for each use that has expired."""
    count: int = 0
    """Tenths of a second."""
    due: float | None = None
    """When it expires; None while it stands."""

    def remaining(self, now: float) -> int:
        """Tenths of a second that are left."""
        return self.count if self.due is None else max(0, int((self.due - now) / TENTH))


def _get(controller: MachineController, request: Request) -> bytes:
    timer = controller.watchdog
    running = 0x40 if timer.due is not None else 0
    return b"".join((
        bytes((timer.use | running, timer.actions, timer.pretimeout, timer.expired)), timer.count.to_bytes(2, "little"),
        timer.remaining(controller.now()).to_bytes(2, "little"),
    ))  # fmt: skip


def _set(controller: MachineController, request: Request) -> bytes:
    """Stops it, unless told not to; clears the flags named."""
    timer, told = controller.watchdog, request.data
    timer.use, timer.actions, timer.pretimeout = told[0] & 0x87, told[1] & 0x77, told[2]
    timer.expired &= ~told[3]
    timer.count = word(told, 4)
    if not (told[0] & 0x40 and timer.due is not None):
        timer.due = None
    return b""


def _reset(controller: MachineController, request: Request) -> bytes:
    """Counts down from the start; 80h where it was never set."""
    timer = controller.watchdog
    if not timer.count:
        raise RefusedError(UNINITIALISED)
    timer.due = due = controller.now() + timer.count * TENTH
    controller.bmc.plant.agenda.at(due, lambda _: _expire(controller, due))
    return b""


def _expire(controller: MachineController, due: float) -> None:
    """Acts, unless it was reset or stopped meanwhile."""
    timer = controller.watchdog
    if timer.due != due:
        return
    timer.due, timer.expired = None, timer.expired | 1 << (timer.use & 0x07)
    action = ACTIONS.get(timer.actions & 0x07, "")
    if not timer.use & 0x80:
        controller.bmc.machine.log("WatchdogExpired", action or "None")
    if action:
        controller.restart_cause = 0x04
        controller.bmc.machine.power.reset(action, "watchdog")


COMMANDS = (
    Command(NetFn.APP, 0x22, Privilege.OPERATOR, _reset),
    Command(NetFn.APP, 0x24, Privilege.OPERATOR, _set, 6),
    Command(NetFn.APP, 0x25, Privilege.USER, _get),
)
