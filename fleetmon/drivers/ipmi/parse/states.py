"""What the states of discrete sensors mean (IPMI v2.0 rev 1.1 tables 42-2 and 42-3): rows, a state each.

Not pyghmi's: its tables stand among its private names, judge no presence and no prediction, and take what a slot, a
redundancy or a memory module says as OK in places where somebody has to act.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from fleetmon.drivers.ipmi.parse.sdr import SENSOR_SPECIFIC
from fleetmon.model import Health

OK, WARNING, CRITICAL, UNKNOWN = Health.OK, Health.WARNING, Health.CRITICAL, Health.UNKNOWN


class State(NamedTuple):
    """One state a sensor can be in."""

    says: str
    health: Health = OK
    """Of what it speaks of, while the state stands."""
    event: Health | None = None
    """Severity of its coming, where that is another than the health."""
    gone: Health = OK
    """Severity of its going."""
    predicted: bool = False
    present: bool | None = None
    """Does it say that the thing is there, or that it is not?"""
    state: str = ""
    """DMTF `Status.State` it amounts to."""
    ends: str = ""
    """What its going means, where that is more than that it does not hold any longer."""

    @property
    def severity(self) -> Health:
        """Of a log record of its coming."""
        return self.health if self.event is None else self.event


def _there(says: str = "present", ends: str = "not present any more", gone: Health = OK) -> State:
    return State(says, present=True, ends=ends, gone=gone)


def _by_offset(*states: State) -> Mapping[int, State]:
    return dict(enumerate(states))


_LIMITS = (
    ("lower non-critical", WARNING),
    ("lower critical", CRITICAL),
    ("lower non-recoverable", CRITICAL),
    ("upper non-critical", WARNING),
    ("upper critical", CRITICAL),
    ("upper non-recoverable", CRITICAL),
)
"""Thresholds in the order of their bits, and how bad it is beyond them."""
CROSSED: tuple[tuple[str, Health], ...] = tuple(
    (f"at or {'below' if place < 3 else 'above'} {limit} threshold", health)
    for place, (limit, health) in enumerate(_LIMITS)
)
"""What byte 3 of a threshold sensor's reading says, bit by bit."""
_LEFT = (OK, WARNING, CRITICAL) * 2
"""How bad it is still when a threshold was crossed on the way back: one step less, as far as there are steps."""
_CROSSINGS = [
    State(
        f"{'fell below' if way == 'low' else 'rose above'} {limit} threshold",
        health if (way == "low") is (place < 3) else _LEFT[place],
        ends=f"back {'above' if way == 'low' else 'below'} {limit} threshold",
    )
    for place, (limit, health) in enumerate(_LIMITS)
    for way in ("low", "high")
]

GENERIC: Mapping[int, Mapping[int, State]] = {
    0x01: _by_offset(*_CROSSINGS),
    0x02: _by_offset(State("idle"), State("active"), State("busy")),
    0x03: _by_offset(State("state deasserted"), State("state asserted")),
    0x04: _by_offset(State("no failure predicted"), State("failure predicted", WARNING, predicted=True)),
    0x05: _by_offset(State("limit not exceeded"), State("limit exceeded", WARNING)),
    0x06: _by_offset(State("performance met"), State("performance lags", WARNING)),
    0x07: _by_offset(
        State("OK"),
        State("non-critical", WARNING),
        State("critical", CRITICAL),
        State("now non-recoverable", CRITICAL),
        State("non-critical, less than before", WARNING),
        State("critical, less than before", CRITICAL),
        State("non-recoverable", CRITICAL),
        State("to be watched"),
        State("informational"),
    ),
    0x08: _by_offset(State("absent", present=False, ends="not absent any more"), _there()),
    0x09: _by_offset(State("disabled", state="Disabled"), State("enabled", state="Enabled")),
    0x0A: _by_offset(
        State("running"),
        State("in test", state="InTest"),
        State("powered off", state="StandbyOffline"),
        State("on line"),
        State("off line", state="StandbyOffline"),
        State("off duty", state="StandbySpare"),
        State("degraded", WARNING),
        State("saving power"),
        State("installation error", CRITICAL),
    ),
    0x0B: _by_offset(
        State("fully redundant"),
        State("redundancy lost", CRITICAL),
        State("redundancy degraded", WARNING),
        State("not redundant, resources suffice", WARNING),
        State("not redundant, resources suffice again", WARNING),
        State("not redundant, too few resources", CRITICAL),
        State("redundancy degraded, was full", WARNING),
        State("redundancy degraded, was none", WARNING),
    ),
    0x0C: _by_offset(State("D0"), State("D1"), State("D2"), State("D3")),
}
"""By event/reading type."""

SPECIFIC: Mapping[int, Mapping[int, State]] = {
    0x05: _by_offset(
        State("chassis opened", WARNING, ends="chassis closed"),
        State("drive bay opened", WARNING, ends="drive bay closed"),
        State("I/O card area opened", WARNING, ends="I/O card area closed"),
        State("processor area opened", WARNING, ends="processor area closed"),
        State("network cable pulled", WARNING, ends="network cable plugged in"),
        State("docked without permission", WARNING),
        State("fan area opened", WARNING, ends="fan area closed"),
    ),
    0x06: _by_offset(
        State("attempt to break secure mode", OK, WARNING),
        State("wrong user password before boot", OK, WARNING),
        State("wrong setup password before boot", OK, WARNING),
        State("wrong network boot password", OK, WARNING),
        State("wrong password before boot", OK, WARNING),
        State("wrong password over the network", OK, WARNING),
    ),
    0x07: _by_offset(
        State("internal error (IERR)", CRITICAL),
        State("thermal trip", CRITICAL),
        State("self-test failure (FRB1)", CRITICAL),
        State("hung in POST (FRB2)", CRITICAL),
        State("did not start (FRB3)", CRITICAL),
        State("configuration error", CRITICAL),
        State("uncorrectable error", CRITICAL),
        _there(),
        State("disabled", OK, WARNING, state="Disabled"),
        State("terminator in its place", present=False),
        State("throttled", WARNING),
        State("machine check, uncorrectable", CRITICAL),
        State("machine check, corrected", WARNING),
    ),
    0x08: _by_offset(
        _there(gone=WARNING),
        State("failed", CRITICAL),
        State("failure predicted", WARNING, predicted=True),
        State("input lost", CRITICAL, ends="input is back"),
        State("input lost or out of range", CRITICAL, ends="input is back"),
        State("input out of range", WARNING, ends="input in range"),
        State("configuration error", CRITICAL),
        State("inactive, in standby", state="StandbySpare"),
    ),
    0x09: _by_offset(
        State("powered down", ends="powered up"),
        State("power cycled"),
        State("240 VA power down", WARNING),
        State("interlock power down", WARNING),
        State("input lost", CRITICAL, ends="input is back"),
        State("soft power control failed", CRITICAL),
        State("failed", CRITICAL),
        State("failure predicted", WARNING, predicted=True),
    ),
    0x0C: _by_offset(
        State("correctable ECC error", WARNING),
        State("uncorrectable ECC error", CRITICAL),
        State("parity error", CRITICAL),
        State("memory scrub failed", CRITICAL),
        State("disabled", OK, WARNING, state="Disabled"),
        State("too many correctable ECC errors to log", WARNING),
        _there(gone=WARNING),
        State("configuration error", CRITICAL),
        State("spare", state="StandbySpare"),
        State("throttled", WARNING),
        State("critically hot", CRITICAL),
    ),
    0x0D: _by_offset(
        _there(gone=WARNING),
        State("fault", CRITICAL),
        State("failure predicted", WARNING, predicted=True),
        State("hot spare", state="StandbySpare"),
        State("consistency check in progress"),
        State("in a critical array", WARNING),
        State("in a failed array", CRITICAL),
        State("rebuild in progress", ends="rebuild ended"),
        State("rebuild aborted", WARNING),
    ),
    0x0F: _by_offset(
        State("error in POST", CRITICAL),
        State("hung in POST", CRITICAL),
        State("POST progress"),
    ),
    0x10: _by_offset(
        State("logging of correctable memory errors disabled", WARNING),
        State("logging of a type of event disabled", WARNING),
        State("log cleared"),
        State("all logging disabled", WARNING),
        State("log full", WARNING),
        State("log almost full", WARNING),
        State("logging of correctable machine checks disabled", WARNING),
    ),
    0x11: _by_offset(
        State("reset by the BIOS watchdog", OK, WARNING),
        State("reset by the OS watchdog", OK, WARNING),
        State("shut down by the OS watchdog", OK, WARNING),
        State("powered down by the OS watchdog", OK, WARNING),
        State("power cycled by the OS watchdog", OK, WARNING),
        State("NMI by the OS watchdog", OK, WARNING),
        State("OS watchdog expired", OK, WARNING),
        State("OS watchdog about to expire", OK, WARNING),
    ),
    0x12: _by_offset(
        State("system reconfigured"),
        State("OEM boot event"),
        State("hardware failure of unknown cause", CRITICAL),
        State("entry added to the auxiliary log"),
        State("platform event filter acted"),
        State("clock set"),
    ),
    0x13: _by_offset(
        State("NMI from the front panel", OK, WARNING),
        State("bus timeout", CRITICAL),
        State("I/O channel check NMI", CRITICAL),
        State("software NMI", WARNING),
        State("PCI parity error", CRITICAL),
        State("PCI system error", CRITICAL),
        State("EISA fail-safe timeout", CRITICAL),
        State("bus correctable error", WARNING),
        State("bus uncorrectable error", CRITICAL),
        State("fatal NMI", CRITICAL),
        State("bus fatal error", CRITICAL),
        State("bus degraded", WARNING),
    ),
    0x14: _by_offset(
        State("power button pressed", ends="power button released"),
        State("sleep button pressed", ends="sleep button released"),
        State("reset button pressed", ends="reset button released"),
        State("latch open", ends="latch closed"),
        State("service requested"),
    ),
    0x19: _by_offset(State("soft power control failed", CRITICAL), State("thermal trip", CRITICAL)),
    0x1B: _by_offset(_there("connected", "disconnected"), State("wrongly connected", WARNING)),
    0x1D: _by_offset(
        State("started by power up"),
        State("started by hard reset"),
        State("started by warm reset"),
        State("network boot asked for by a person"),
        State("boot to diagnostics"),
        State("hard reset by the OS"),
        State("warm reset by the OS"),
        State("restarted"),
    ),
    0x1E: _by_offset(
        State("no bootable medium", OK, WARNING),
        State("diskette left in its drive", OK, WARNING),
        State("no boot server found", OK, WARNING),
        State("invalid boot sector", OK, WARNING),
        State("nobody chose what to boot", OK, WARNING),
    ),
    0x1F: _by_offset(
        State("booted from A:"),
        State("booted from C:"),
        State("booted from the network"),
        State("booted diagnostics"),
        State("booted from CD-ROM"),
        State("booted from ROM"),
        State("booted"),
        State("OS installation started"),
        State("OS installation completed"),
        State("OS installation aborted", OK, WARNING),
        State("OS installation failed", OK, WARNING),
    ),
    0x20: _by_offset(
        State("OS stopped while loading", OK, CRITICAL),
        State("OS crashed", OK, CRITICAL),
        State("OS stopped on request"),
        State("OS shut down"),
        State("OS shut down by the platform event filter"),
        State("OS agent does not respond", OK, WARNING),
    ),
    0x21: _by_offset(
        State("fault", CRITICAL),
        State("identify light on", ends="identify light off"),
        State("occupied", present=True, ends="empty"),
        State("ready for insertion"),
        State("ready for removal"),
        State("powered off", state="StandbyOffline"),
        State("removal requested"),
        State("interlocked"),
        State("disabled", state="Disabled"),
        State("holds a spare", state="StandbySpare"),
    ),
    0x22: _by_offset(
        *map(State, ("S0, working", "S1, sleeping", "S2, sleeping", "S3, sleeping", "S4, hibernating", "S5, soft off")),
        *map(
            State, ("S4 or S5, soft off", "G3, mechanically off", "sleeping", "G1, sleeping", "S5, entered by override")
        ),
        *map(State, ("legacy on", "legacy off")),
        State("unknown"),
    ),
    0x23: {
        0: State("watchdog expired", OK, WARNING),
        1: State("hard reset by the watchdog", OK, WARNING),
        2: State("powered down by the watchdog", OK, WARNING),
        3: State("power cycled by the watchdog", OK, WARNING),
        8: State("watchdog interrupt", OK, WARNING),
    },
    0x24: _by_offset(State("page sent"), State("LAN alert sent"), State("PET sent"), State("OEM trap sent")),
    0x25: _by_offset(
        _there(),
        State("absent", present=False, ends="not absent any more"),
        State("disabled", state="Disabled"),
    ),
    0x27: _by_offset(State("heartbeat lost", WARNING, ends="heartbeat is back"), State("heartbeat")),
    0x28: _by_offset(
        State("sensor access degraded", WARNING),
        State("controller access degraded", WARNING),
        State("controller off line", WARNING, ends="controller on line again"),
        State("controller unavailable", WARNING, ends="controller available again"),
        State("sensor failed", WARNING),
        State("FRU failed", WARNING),
    ),
    0x29: _by_offset(State("low", WARNING), State("failed", CRITICAL), _there()),
    0x2A: _by_offset(
        State("session opened"),
        State("session closed"),
        State("wrong user name or password", OK, WARNING),
        State("user disabled after wrong passwords", OK, WARNING),
    ),
    0x2B: _by_offset(
        State("hardware changed"),
        State("firmware changed"),
        State("hardware incompatible", CRITICAL),
        State("firmware incompatible", CRITICAL),
        State("hardware version unsupported", CRITICAL),
        State("firmware version unsupported", CRITICAL),
        State("hardware change verified"),
        State("firmware change verified"),
    ),
    0x2C: _by_offset(
        State("not installed", present=False),
        State("inactive", state="StandbyOffline"),
        State("activation requested", state="Starting"),
        State("activation in progress", state="Starting"),
        State("active", present=True),
        State("deactivation requested"),
        State("deactivation in progress"),
        State("communication lost", WARNING),
    ),
}
"""By sensor type, for the event/reading type 6Fh. What happened once and does not go on, as a watchdog's reset, is no
ill health while its bit is left standing."""

TYPES: Mapping[int, str] = {
    0x01: "Temperature", 0x02: "Voltage", 0x03: "Current", 0x04: "Fan", 0x05: "Physical security",
    0x06: "Platform security", 0x07: "Processor", 0x08: "Power supply", 0x09: "Power unit", 0x0A: "Cooling device",
    0x0B: "Other", 0x0C: "Memory", 0x0D: "Drive slot", 0x0E: "POST memory resize", 0x0F: "System firmware",
    0x10: "Event log", 0x11: "Watchdog", 0x12: "System event", 0x13: "Critical interrupt", 0x14: "Button",
    0x15: "Module", 0x16: "Microcontroller", 0x17: "Add-in card", 0x18: "Chassis", 0x19: "Chip set",
    0x1A: "FRU", 0x1B: "Cable", 0x1C: "Terminator", 0x1D: "System boot", 0x1E: "Boot error", 0x1F: "OS boot",
    0x20: "OS stop", 0x21: "Slot", 0x22: "ACPI power state", 0x23: "Watchdog", 0x24: "Platform alert",
    0x25: "Entity presence", 0x26: "Monitor", 0x27: "LAN", 0x28: "Management subsystem", 0x29: "Battery",
    0x2A: "Session audit", 0x2B: "Version change", 0x2C: "FRU state",
}  # fmt: skip
"""Sensor types by name."""

_FAULT = re.compile(
    r"fail|fault|err\b|err\d|error|trip|missing|\bhot|hot$|alarm|alert|lost|crit|over ?temp|over ?volt|shutdown|"
    r"shut ?off|therm ?trip|catastroph|watchdog|timeout",
    re.IGNORECASE,
)
"""Names of sensors that only ever report that something is wrong."""
_BENIGN = re.compile(r"pres|good|\bok\b|ready|enabl|install|link|power ?on", re.IGNORECASE)
"""Names of sensors whose state is asserted when all is well."""
_DIGITAL = 0x03
_ASSERTED: Mapping[int, Health] = {
    **dict.fromkeys((0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0A, 0x0D), WARNING),
    **dict.fromkeys((0x07, 0x0C), CRITICAL),
}
"""How bad an asserted state is, by sensor type: what measures or is a part tells trouble by it, by long custom."""


def rows(sensor_type: int, event_type: int) -> Mapping[int, State]:
    """Every state such a sensor can be in; none of one that only its maker knows."""
    return SPECIFIC.get(sensor_type, {}) if event_type == SENSOR_SPECIFIC else GENERIC.get(event_type, {})


def state(sensor_type: int, event_type: int, offset: int, name: str = "") -> State | None:
    """What the state at `offset` of such a sensor means; None for one that only its maker knows.

    "State asserted" by itself says nothing of good or bad: type and name do.
    """
    if event_type == _DIGITAL and offset == 1 and (health := _asserted(sensor_type, name)):
        return State("state asserted", health)
    return rows(sensor_type, event_type).get(offset)


def _asserted(sensor_type: int, name: str) -> Health | None:
    if _FAULT.search(name):
        return _ASSERTED.get(sensor_type, WARNING)
    return None if _BENIGN.search(name) else _ASSERTED.get(sensor_type)


def oem(sensor_type: int, event_type: int, offset: int) -> str:
    """A state that only its maker knows, so that it can be looked up."""
    return f"OEM state {offset} of type {sensor_type:02X}h/{event_type:02X}h"
