"""A machine's logs: entries with ids that only grow, oldest dropped when full unless a fault says newest, clearable.

Every machine has a past: entries from the month before the start, the same for the same seed,
made when first asked for.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

CAPACITY = {"event": 512, "lifecycle": 2_000}
"""Entries an event log (SEL) and a lifecycle log hold."""
MONTH = 30 * 86_400.0
QUIET = 5 * 86_400.0
"""The past ends so long before the start, so that standing faults come after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of a log."""

    number: int
    instant: float
    """By the fleet's true clock; what a BMC tells may be shifted by its own."""
    severity: str
    message_id: str
    message: str
    args: tuple[str, ...] = ()
    part: str = ""
    """Name of the component concerned, as `Drive Bay 3`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be written into a log: message id, severity and text with `%1`, `%2`."""

    message_id: str
    severity: str
    text: str
    lifecycle_only: bool = False

    def message(self, args: tuple[str, ...]) -> str:
        """The text with its arguments filled in."""
        text = self.text
        for index, arg in enumerate(args, start=1):
            text = text.replace(f"%{index}", arg)
        return text


KINDS: dict[str, Kind] = {
    kind.message_id.rpartition(".")[2]: kind
    for kind in (
        Kind("ResourceEvent.1.3.PowerStateChanged", "OK", "The power state of the system changed to %1."),
        Kind("ResourceEvent.1.3.ResourceStatusChangedOK", "OK", "The health of resource %1 has changed to %2."),
        Kind(
            "ResourceEvent.1.3.ResourceStatusChangedWarning", "Warning", "The health of resource %1 has changed to %2."
        ),
        Kind(
            "ResourceEvent.1.3.ResourceStatusChangedCritical",
            "Critical",
            "The health of resource %1 has changed to %2.",
        ),
        Kind("Platform.1.0.BootCompleted", "OK", "The operating system was started.", True),
        Kind("Platform.1.0.PowerCommand", "OK", "A reset of type %1 was requested by %2.", True),
        Kind("Platform.1.0.ShutdownIgnored", "Warning", "The operating system did not react to a graceful request."),
        Kind("Platform.1.0.BmcStarted", "OK", "The management controller was started."),
        Kind("Platform.1.0.SessionOpened", "OK", "User %1 signed in from %2.", True),
        Kind("Platform.1.0.LoginRefused", "Warning", "A sign-in of user %1 from %2 was refused.", True),
        Kind("Platform.1.0.LogCleared", "OK", "The log was cleared."),
        Kind("Platform.1.0.ConfigurationChanged", "OK", "The attribute %1 was changed.", True),
        Kind("Platform.1.0.ClockSynchronised", "OK", "The clock was set by its time server.", True),
        Kind("Platform.1.0.InventoryTaken", "OK", "The inventory of hardware was taken.", True),
        Kind("StorageDevice.1.1.DriveFailure", "Critical", "%1 has failed."),
        Kind("StorageDevice.1.1.DrivePredictiveFailure", "Warning", "%1 predicts its failure."),
        Kind("StorageDevice.1.1.DriveMediaErrors", "Warning", "%1 reports %2 media errors."),
        Kind("StorageDevice.1.1.DriveLifeLow", "Warning", "%1 has %2 % of its media life left."),
        Kind("StorageDevice.1.1.DriveRemoved", "Warning", "%1 was removed."),
        Kind("StorageDevice.1.1.DriveInserted", "OK", "%1 was inserted."),
        Kind("StorageDevice.1.1.VolumeDegraded", "Warning", "%1 is degraded."),
        Kind("StorageDevice.1.1.VolumeFailure", "Critical", "%1 has failed."),
        Kind("StorageDevice.1.1.RebuildStarted", "OK", "Rebuilding of %1 started onto %2."),
        Kind("StorageDevice.1.1.VolumeOk", "OK", "%1 is complete again."),
        Kind("Environmental.1.0.FanFailed", "Critical", "%1 has failed."),
        Kind("Environmental.1.0.FanRestored", "OK", "%1 works again."),
        Kind("Environmental.1.0.TemperatureHigh", "Warning", "%1 reads %2 Cel, above its upper caution threshold."),
        Kind(
            "Environmental.1.0.TemperatureCritical", "Critical", "%1 reads %2 Cel, above its upper critical threshold."
        ),
        Kind("Environmental.1.0.TemperatureNormal", "OK", "%1 is within its thresholds again."),
        Kind("Power.1.1.PowerSupplyFailed", "Critical", "%1 has failed."),
        Kind("Power.1.1.PowerSupplyRestored", "OK", "%1 works again."),
        Kind("Power.1.1.PowerLost", "Warning", "%1 has lost its input, feed %2."),
        Kind("Power.1.1.PowerRestored", "OK", "%1 has its input again, feed %2."),
        Kind("Power.1.1.RedundancyLost", "Warning", "Power supply redundancy is lost."),
        Kind("Power.1.1.RedundancyRegained", "OK", "Power supply redundancy is regained."),
        Kind("Memory.1.0.CorrectableErrors", "Warning", "%1 has corrected %2 errors."),
        Kind("Memory.1.0.UncorrectableError", "Critical", "%1 met an error it could not correct."),
        Kind("Environmental.1.0.PumpFailed", "Critical", "%1 has failed."),
        Kind("Environmental.1.0.PumpRestored", "OK", "%1 works again."),
        Kind("Environmental.1.0.LeakDetected", "Critical", "%1 detects a leak."),
        Kind("Environmental.1.0.LeakCleared", "OK", "%1 is dry again."),
        Kind("Power.1.1.OutletSwitched", "OK", "%1 was switched %2."),
        Kind("Environmental.1.0.ChassisOpened", "Warning", "The chassis was opened."),
        Kind("Environmental.1.0.ChassisClosed", "OK", "The chassis was closed."),
        Kind("Platform.1.0.WatchdogExpired", "Critical", "The watchdog timer expired; action: %1."),
        Kind("Platform.1.0.EventReceived", "OK", "An event was written by another: %1."),
        Kind("NetworkDevice.1.1.LinkDown", "Warning", "The link of %1 is down."),
        Kind("NetworkDevice.1.1.LinkUp", "OK", "The link of %1 is up."),
    )
}
"""What is written, by the short name of its message."""

_PAST: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("SessionOpened", ("admin", "10.0.4.17")),
    ("ClockSynchronised", ()),
    ("ConfigurationChanged", ("Bios.BootMode",)),
    ("InventoryTaken", ()),
    ("SessionOpened", ("backup", "10.0.4.9")),
)


class Log:
    """One log of one machine."""

    def __init__(self, purpose: str, seed: str, started_at: float) -> None:
        self.purpose = purpose
        self.capacity = CAPACITY[purpose]
        self._chance = random.Random(f"{seed}:{purpose}")
        self._started_at = started_at
        self._entries: deque[Entry] | None = None
        self._next = 1
        self.cleared = 0
        self.cleared_at: float | None = None
        self.on_append: Callable[[str, Entry], None] | None = None
        self.on_drop: Callable[[str, Entry], None] | None = None
        self.keeps_oldest = False
        """A full log drops what is new, not what is old."""

    @property
    def entries(self) -> deque[Entry]:
        """Oldest first."""
        if self._entries is None:
            self._entries = deque(self._past(), maxlen=self.capacity)
        return self._entries

    def append(self, short: str, instant: float, *args: str, part: str = "") -> Entry:
        """Writes an entry."""
        entries, kind = self.entries, KINDS[short]
        entry = Entry(
            number=self._next, instant=instant, severity=kind.severity, message_id=kind.message_id,
            message=kind.message(args), args=args, part=part,
        )  # fmt: skip
        self._next += 1
        if self.keeps_oldest and len(entries) >= self.capacity:
            if self.on_drop is not None:
                self.on_drop(self.purpose, entry)
            return entry
        entries.append(entry)
        if self.on_append is not None:
            self.on_append(self.purpose, entry)
        return entry

    def clear(self, instant: float, *, restart_ids: bool = False) -> None:
        """Empties the log and says so in it."""
        self.entries.clear()
        self.cleared += 1
        self.cleared_at = instant
        if restart_ids:
            self._next = 1
        self.append("LogCleared", instant)

    def _past(self) -> list[Entry]:
        """Boots on a few days; in the lifecycle log also what people and clocks do."""
        count = 3 if self.purpose == "event" else 64
        instants = sorted(self._started_at - self._chance.uniform(QUIET, MONTH) for _ in range(count))
        past = []
        for number, instant in enumerate(instants, start=1):
            short, args = ("BmcStarted", ()) if self.purpose == "event" else self._chance.choice(_PAST)
            kind = KINDS[short]
            past.append(
                Entry(
                    number=number,
                    instant=instant,
                    severity=kind.severity,
                    message_id=kind.message_id,
                    message=kind.message(args),
                    args=args,
                )
            )
        self._next = count + 1
        return past
