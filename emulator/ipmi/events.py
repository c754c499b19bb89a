"""What an entry of the machine's log is as an event of a sensor: offsets and event data (IPMI v2.0, 29.7 and 42)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from emulator.ipmi.sensors import Analog, Catalogue
from emulator.ipmi.states import Discrete
from emulator.logs import Entry
from emulator.parts import TOLERANCE

if TYPE_CHECKING:
    from emulator.hardware import Machine

UNUSED = 0xFF
LOWER_CAUTION, LOWER_CRITICAL, UPPER_CAUTION, UPPER_CRITICAL = 0x00, 0x02, 0x07, 0x09
"""Offsets of threshold events: going low, going low, going high, going high (table 42-2)."""


class Event(NamedTuple):
    """One event of one sensor."""

    number: int
    """Of the sensor."""
    sensor_type: int
    event_type: int
    asserted: bool
    data: bytes
    """Three bytes; the low half of the first is the offset."""

    @property
    def offset(self) -> int:
        return self.data[0] & 0x0F


class Meaning(NamedTuple):
    """Which sensor an entry is of, in which state, and whether it came or went."""

    sensor: Callable[[Entry], str]
    """Key of the sensor."""
    offset: int
    asserted: bool = True


def event_of(machine: Machine, catalogue: Catalogue, entry: Entry) -> Event | None:
    """The event that an entry is; None where no sensor of the family says such a thing."""
    short = entry.message_id.rpartition(".")[2]
    if short in HEAT:
        return _heat(catalogue, entry, short)
    if short in ("FanFailed", "FanRestored"):
        return _fan(catalogue, entry, asserted=short == "FanFailed")
    meaning = MEANINGS.get(short)
    sensor = _sensor(machine, catalogue, meaning.sensor(entry)) if meaning is not None else None
    if meaning is None or sensor is None:
        return None
    offset, third = meaning.offset, UNUSED
    if short == "VolumeDegraded" and _redundant_still(machine, entry):
        offset = 0x02
    if sensor.key == "#Memory":
        offset, third = offset | 0x30, _dimm(machine, entry.part)
    if sensor.key.startswith("#Gpu"):
        offset = 0x0B if short == "UncorrectableError" else 0x0C
    if short == "WatchdogExpired":
        offset = {"ForceRestart": 0x01, "ForceOff": 0x02, "PowerCycle": 0x03}.get(entry.args[0], 0x00)
    asserted = entry.args[:1] == ("Off",) if short == "PowerStateChanged" else meaning.asserted
    return Event(sensor.number, sensor.type, sensor.event_type, asserted, bytes((offset, UNUSED, third)))


def _sensor(machine: Machine, catalogue: Catalogue, key: str) -> Discrete | None:
    """The sensor of a key; a DIMM is told by its name, and may have no sensor of its own."""
    kind, colon, name = key.partition(":")
    if colon:
        key = f"{kind}{_dimm(machine, name)}"
    sensor = catalogue.by_key.get(key) or (catalogue.by_key.get("#Memory") if colon else None)
    return sensor if isinstance(sensor, Discrete) else None


def _redundant_still(machine: Machine, entry: Entry) -> bool:
    """Whether a volume could lose one more drive after the loss that an entry tells."""
    volume = next(volume for volume in machine.parts.volumes if volume.name == entry.part)
    losses = 0
    for other in machine.logs["event"].entries:
        if other.part == entry.part:
            short = other.message_id.rpartition(".")[2]
            losses = 0 if short == "VolumeOk" else losses + (short == "VolumeDegraded")
        if other.number == entry.number:
            break
    return losses < TOLERANCE[volume.raid]


def _dimm(machine: Machine, name: str) -> int:
    return next((dimm.index for dimm in machine.parts.dimms if dimm.name == name), 0)


def _threshold(sensor: Analog, offset: int, asserted: bool, count: int) -> Event:
    """A threshold event with the reading that triggered it and the threshold (table 29-6)."""
    step = sensor.thresholds[offset >> 1]
    data = bytes((0x50 | offset, count & 0xFF, (step or 0) & 0xFF))
    return Event(sensor.number, sensor.type, sensor.event_type, asserted, data)


HEAT = ("TemperatureHigh", "TemperatureCritical", "TemperatureNormal")


def _heat(catalogue: Catalogue, entry: Entry, short: str) -> Event | None:
    """Crossing a caution or critical threshold; being normal again is the caution event that went."""
    sensor = catalogue.by_row_name.get(entry.part)
    if sensor is None:
        return None
    count = sensor.scale.count(float(entry.args[1])) if len(entry.args) > 1 else 0
    limits = sensor.thresholds
    low = limits.lower_caution is not None and count <= limits.lower_caution
    caution, critical = (LOWER_CAUTION, LOWER_CRITICAL) if low else (UPPER_CAUTION, UPPER_CRITICAL)
    offset = critical if short == "TemperatureCritical" else caution
    return _threshold(sensor, offset, short != "TemperatureNormal", count)


def _fan(catalogue: Catalogue, entry: Entry, *, asserted: bool) -> Event | None:
    """A fan that stands still is below its lower critical threshold."""
    sensor = catalogue.by_row_name.get(entry.part)
    if sensor is None:
        return None
    count = 0 if asserted else (sensor.thresholds.lower_caution or 0) + 1
    return _threshold(sensor, LOWER_CRITICAL, asserted, count)


# ---- which sensor, which state ----


def _drive(entry: Entry) -> str:
    """Its own sensor; of a rebuild, that of the drive which is rebuilt onto."""
    name = entry.args[1] if entry.message_id.endswith("RebuildStarted") else entry.part
    return f"#Drive{name.rpartition(' ')[2]}"


def _numbered(key: str) -> Callable[[Entry], str]:
    return lambda entry: f"{key}{entry.part.rpartition(' ')[2]}"


def _whole(key: str) -> Callable[[Entry], str]:
    return lambda entry: key


def _port(entry: Entry) -> str:
    return _numbered("#Port")(entry) if entry.part.startswith("NIC") else ""


def _memory(entry: Entry) -> str:
    """Memory of the machine, or of a GPU."""
    return _numbered("#Gpu")(entry) if entry.part.startswith("GPU") else f"#Dimm:{entry.part}"


MEANINGS: dict[str, Meaning] = {
    "DriveFailure": Meaning(_drive, 0x01),
    "DrivePredictiveFailure": Meaning(_drive, 0x02),
    "DriveRemoved": Meaning(_drive, 0x00, False),
    "DriveInserted": Meaning(_drive, 0x00),
    "RebuildStarted": Meaning(_drive, 0x07),
    "VolumeDegraded": Meaning(_numbered("#Volume"), 0x01),
    "VolumeFailure": Meaning(_numbered("#Volume"), 0x05),
    "VolumeOk": Meaning(_numbered("#Volume"), 0x00),
    "PowerSupplyFailed": Meaning(_numbered("#Supply"), 0x01),
    "PowerSupplyRestored": Meaning(_numbered("#Supply"), 0x01, False),
    "PowerLost": Meaning(_numbered("#Supply"), 0x03),
    "PowerRestored": Meaning(_numbered("#Supply"), 0x03, False),
    "RedundancyLost": Meaning(_whole("#Redundancy"), 0x01),
    "RedundancyRegained": Meaning(_whole("#Redundancy"), 0x00),
    "CorrectableErrors": Meaning(_memory, 0x05),
    "UncorrectableError": Meaning(_memory, 0x01),
    "LinkDown": Meaning(_port, 0x00),
    "LinkUp": Meaning(_port, 0x01),
    "PowerStateChanged": Meaning(_whole("#PowerUnit"), 0x00),
    "ShutdownIgnored": Meaning(_whole("#Os"), 0x06),
    "BmcStarted": Meaning(_whole("#Bmc"), 0x02, False),
    "WatchdogExpired": Meaning(_whole("#Watchdog"), 0x00),
    "LogCleared": Meaning(_whole("#Sel"), 0x02),
    "ResourceStatusChangedOK": Meaning(_whole("#Health"), 0x00),
    "ResourceStatusChangedWarning": Meaning(_whole("#Health"), 0x01),
    "ResourceStatusChangedCritical": Meaning(_whole("#Health"), 0x02),
    "ChassisOpened": Meaning(_whole("#Intrusion"), 0x00),
    "ChassisClosed": Meaning(_whole("#Intrusion"), 0x00, False),
}
"""What entries of the event log are, by the short name of their message."""
