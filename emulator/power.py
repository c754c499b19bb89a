"""The power of one machine: it takes time, an operating system may refuse, a command may be accepted and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.hardware import Machine

ON_SECONDS, OFF_SECONDS, SHUTDOWN_SECONDS, CYCLE_SECONDS, BMC_START_SECONDS = 4.0, 2.0, 12.0, 6.0, 30.0
BOOT = (
    (0.0, "PrimaryProcessorInitializationStarted"),
    (6.0, "MemoryInitializationStarted"),
    (18.0, "PCIResourceConfigStarted"),
    (28.0, "OSBootStarted"),
    (45.0, "OSRunning"),
)
"""Seconds after power or reset, and Redfish BootProgress.LastState from then on."""
POST_SECONDS = 28.0

FAULTS = ("power_noop", "power_lag", "ignore_graceful", "lie_power")


class PowerSwitch:
    """On, Off, PoweringOn or PoweringOff, and the way from one to the other."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.state = "On"
        self.settled: tuple[str, str, float] = ("On", "On", machine.clock.started_at)
        """The last two states that were reached, and when the later one was."""
        self.boots = 1
        self.faults: dict[str, Any] = {}
        """Active faults of this switch, by name."""
        self._booted_at = machine.clock.started_at - 86_400.0 * machine.chance.uniform(2, 200)
        self._command = 0
        self._was_on = True
        self.restores = "previous"
        """What it does once input is back: stays `off`, returns to the `previous` state, or goes `on`."""

    @property
    def told(self) -> str:
        """What the BMC says, which a fault may make untrue."""
        return str(self.faults.get("lie_power", self.state))

    @property
    def boot_state(self) -> str:
        """BootProgress.LastState."""
        if self.state in ("Off", "PoweringOn"):
            return "None"
        running = self._machine.clock.now() - self._booted_at
        return next(state for seconds, state in reversed(BOOT) if running >= seconds or seconds == 0)

    @property
    def in_post(self) -> bool:
        """Whether the machine has power and no operating system yet."""
        return self.state == "On" and self._machine.clock.now() - self._booted_at < POST_SECONDS

    def reset(self, reset_type: str, source: str) -> None:
        """Does as a ResetType asks, sooner or later; the ledger has it in any case."""
        machine = self._machine
        machine.ledger.note(machine.name, "power_command", reset_type=reset_type, source=source, state=self.state)
        machine.log("PowerCommand", reset_type, source)
        if "power_noop" in self.faults or machine.dark:
            return
        self._command += 1
        lag = float(self.faults.get("power_lag", 0.0))
        if lag:
            machine.agenda.after(lag, self._unless_overtaken(partial(self._obey, reset_type)))
        else:
            self._obey(reset_type)

    def _obey(self, reset_type: str) -> None:
        on = self.state in ("On", "PoweringOn")
        match reset_type:
            case "On" | "ForceOn":
                self._go_on()
            case "PushPowerButton":
                self._shut_down() if on else self._go_on()
            case "ForceOff":
                self._go_off(OFF_SECONDS)
            case "GracefulShutdown":
                self._shut_down()
            case "GracefulRestart" if on:
                self._graceful(self._restart)
            case "ForceRestart" if on:
                self._restart()
            case "PowerCycle" if on:
                self._go_off(OFF_SECONDS, then=self._go_on)
            case "Nmi" if on:
                self._machine.log("ConfigurationChanged", "Nmi")
            case _:
                return

    def _graceful(self, deed: Callable[[], None]) -> None:
        """Asks the operating system, which may not listen."""
        if "ignore_graceful" in self.faults:
            self._machine.log("ShutdownIgnored")
        else:
            self._machine.agenda.after(SHUTDOWN_SECONDS, self._unless_overtaken(deed))

    def _shut_down(self) -> None:
        if self.state != "On":
            return
        if "ignore_graceful" not in self.faults:
            self.state = "PoweringOff"
        self._graceful(partial(self._go_off, 0.0))

    def _go_on(self) -> None:
        if self.state == "On":
            return
        self.state = "PoweringOn"
        self._machine.sensors.powered(self._machine.clock.now(), True)
        self._machine.changed()
        self._machine.agenda.after(ON_SECONDS, self._unless_overtaken(self._is_on))

    def _is_on(self) -> None:
        self.state = "On"
        self._machine.log("PowerStateChanged", "On")
        self._note()
        self._restart()

    def _go_off(self, seconds: float, then: Callable[[], None] | None = None) -> None:
        if self.state == "Off":
            return
        self.state = "PoweringOff"
        self._machine.agenda.after(seconds, self._unless_overtaken(partial(self._is_off, then)))

    def _is_off(self, then: Callable[[], None] | None) -> None:
        self._cut()
        self._machine.log("PowerStateChanged", "Off")
        if then is not None:
            self._machine.agenda.after(CYCLE_SECONDS, self._unless_overtaken(then))

    def _cut(self) -> None:
        self.state = "Off"
        self._machine.sensors.powered(self._machine.clock.now(), False)
        self._machine.changed()
        self._note()

    def _restart(self) -> None:
        self.boots += 1
        self._booted_at = self._machine.clock.now()
        if self._machine.boot_override["enabled"] == "Once":
            self._machine.boot_override |= {"enabled": "Disabled", "target": "None"}
        self._machine.ledger.note(self._machine.name, "boot", boots=self.boots)
        self._machine.agenda.after(BOOT[-1][0], self._unless_overtaken(partial(self._machine.log, "BootCompleted")))

    def _note(self) -> None:
        self.settled = (self.settled[1], self.state, self._machine.clock.now())
        self._machine.ledger.note(self._machine.name, "power_state", state=self.state)

    def _unless_overtaken(self, deed: Callable[[], None]) -> Callable[[float], None]:
        """The deed, unless a later command or a loss of power came between."""
        command = self._command

        def act(_: float) -> None:
            if command == self._command:
                deed()

        return act

    def lost(self) -> None:
        """No supply has input any more."""
        self._command += 1
        self._was_on = self.state in ("On", "PoweringOn")
        if self.state != "Off":
            self._cut()

    def restored(self) -> None:
        """Input is back: the BMC starts, then the machine returns to where it was."""
        self._command += 1
        self._machine.agenda.after(BMC_START_SECONDS, self._unless_overtaken(self._return))

    def _return(self) -> None:
        if self.restores == "on" or (self.restores == "previous" and self._was_on):
            self._go_on()
