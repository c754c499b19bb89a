"""The parts of a machine that wear, fail and are replaced."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

from emulator.accents.model import DriveKind, Family
from emulator.sensor_rows import dimm_name

RANK = {"OK": 0, "Warning": 1, "Critical": 2}
TOLERANCE = {"RAID0": 0, "RAID1": 1, "RAID5": 1, "RAID6": 2, "RAID10": 1}
"""Drives a volume can lose."""
LIFE_LOW = 10.0
"""Percent of media life left from which on a drive is unwell."""
ECC_THRESHOLD = 100
"""Corrected errors from which on a DIMM is unwell."""


def worst(words: Iterable[str]) -> str:
    """The most urgent of some health words."""
    return max(words, key=RANK.__getitem__, default="OK")


@dataclass(slots=True)
class Drive:
    """A drive in a bay."""

    bay: int
    kind: DriveKind
    serial: str
    since: float
    """When life, hours and errors were as below."""
    life: float | None
    wear_per_day: float
    hours: float
    media_errors: int = 0
    failed: bool = False
    predicted: bool = False
    spare: bool = False
    rebuild: tuple[float, float] | None = None
    """(since, until) of a rebuild onto this drive."""
    led: bool = False
    absent: bool = False
    """The bay is empty."""

    @property
    def name(self) -> str:
        return f"Drive Bay {self.bay}"

    @property
    def health(self) -> str:
        """A worn out drive is a warning; so is one that predicts its failure."""
        if self.absent:
            return "OK"
        if self.failed:
            return "Critical"
        return "Warning" if self.predicted or (self.life is not None and self.life <= LIFE_LOW) else "OK"

    @property
    def state(self) -> str:
        return "Absent" if self.absent else "StandbySpare" if self.spare else "Enabled"

    @property
    def indicator(self) -> str:
        """Redfish StatusIndicator."""
        if self.failed:
            return "Fail"
        if self.rebuild:
            return "Rebuild"
        if self.predicted:
            return "PredictiveFailureAnalysis"
        return "Hotspare" if self.spare else "OK"

    def life_left(self, instant: float) -> float | None:
        """Percent; None for a drive that does not wear by writing."""
        if self.life is None:
            return None
        return max(0.0, self.life - self.wear_per_day * (instant - self.since) / 86_400)

    def hours_on(self, instant: float) -> int:
        return int(self.hours + (instant - self.since) / 3_600)

    def rebuilt(self, instant: float) -> int:
        """Percent of the rebuild that is done."""
        if self.rebuild is None:
            return 100
        since, until = self.rebuild
        return min(100, int(100 * (instant - since) / (until - since)))


@dataclass(slots=True)
class Volume:
    """A RAID volume over bays."""

    index: int
    raid: str
    bays: list[int]

    @property
    def name(self) -> str:
        return f"Volume {self.index}"

    @property
    def data_drives(self) -> int:
        """Drives' worth of data it holds."""
        count = len(self.bays)
        return count // 2 if self.raid in ("RAID1", "RAID10") else count - TOLERANCE[self.raid]


@dataclass(slots=True)
class Fan:
    """A fan."""

    index: int
    failed: bool = False

    @property
    def name(self) -> str:
        return f"Fan {self.index + 1}"

    @property
    def health(self) -> str:
        return "Critical" if self.failed else "OK"


@dataclass(slots=True)
class Supply:
    """A power supply on a feed."""

    index: int
    feed: str
    serial: str
    fed: bool = True
    failed: bool = False
    plugged: bool = True
    """Into an outlet that is switched on; always, where no distribution unit has outlets for it."""

    @property
    def name(self) -> str:
        return f"PSU {self.index + 1}"

    @property
    def works(self) -> bool:
        return self.fed and not self.failed

    @property
    def health(self) -> str:
        """Its own failure is critical; a lost input is not its fault."""
        return "Critical" if self.failed else "OK" if self.fed else "Warning"


@dataclass(slots=True)
class Dimm:
    """A memory module."""

    index: int
    slot: str
    serial: str
    corrected: int = 0
    uncorrected: int = 0

    @property
    def name(self) -> str:
        return f"DIMM {self.slot}"

    @property
    def health(self) -> str:
        return "Critical" if self.uncorrected else "Warning" if self.corrected >= ECC_THRESHOLD else "OK"


@dataclass(slots=True)
class Gpu:
    """An accelerator with memory of its own, and links to others."""

    index: int
    corrected: int = 0
    uncorrected: int = 0
    links_down: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f"GPU {self.index + 1}"

    @property
    def health(self) -> str:
        if self.uncorrected:
            return "Critical"
        return "Warning" if self.corrected >= ECC_THRESHOLD or self.links_down else "OK"


@dataclass(slots=True)
class Outlet:
    """An outlet of a power distribution unit."""

    index: int
    on: bool = True

    @property
    def name(self) -> str:
        return f"Outlet {self.index + 1}"


@dataclass(slots=True)
class Pump:
    """A pump of a coolant loop."""

    index: int
    failed: bool = False

    @property
    def name(self) -> str:
        return f"Pump {self.index + 1}"

    @property
    def health(self) -> str:
        return "Critical" if self.failed else "OK"


@dataclass(slots=True)
class LeakDetector:
    """A rope or a tray that notices moisture."""

    index: int
    leaking: bool = False

    @property
    def name(self) -> str:
        return f"Leak Detector {self.index + 1}"

    @property
    def health(self) -> str:
        return "Critical" if self.leaking else "OK"


@dataclass(slots=True)
class Port:
    """A network port and the switch port at its other end."""

    index: int
    mac: str
    switch: str
    switch_port: int
    up: bool = True

    @property
    def name(self) -> str:
        return f"NIC Port {self.index + 1}"


@dataclass(slots=True)
class Parts:
    """Everything replaceable in a machine."""

    drives: list[Drive]
    volumes: list[Volume]
    fans: list[Fan]
    supplies: list[Supply]
    dimms: list[Dimm]
    ports: list[Port] = field(default_factory=list)
    gpus: list[Gpu] = field(default_factory=list)
    outlets: list[Outlet] = field(default_factory=list)
    pumps: list[Pump] = field(default_factory=list)
    leak_detectors: list[LeakDetector] = field(default_factory=list)


def build_parts(family: Family, chance: random.Random, now: float) -> Parts:
    """A machine as it left the factory some years ago."""
    age_hours = chance.uniform(4_000, 34_000)
    drives = [new_drive(family.drive, bay, chance, now, age_hours) for bay in range(family.bays)]
    for drive in drives[len(drives) - family.spares :]:
        drive.spare = True
    for bay in range(family.bays, family.bays + family.empty_bays):
        drives.append(new_drive(family.drive, bay, chance, now, 0.0))
        drives[-1].absent = True
    volumes, first = [], 0
    for index, (raid, count) in enumerate(family.raid):
        volumes.append(Volume(index, raid, list(range(first, first + count))))
        first += count
    return Parts(
        drives=drives,
        volumes=volumes,
        fans=[Fan(index) for index in range(family.fans)],
        supplies=[Supply(index, "AB"[index % 2], _serial(chance, "P", 10)) for index in range(family.supplies)],
        dimms=[Dimm(index, dimm_name(family, index), _serial(chance, "M", 8)) for index in range(family.dimms)],
        gpus=[Gpu(index) for index in range(family.gpus)],
        outlets=[Outlet(index) for index in range(family.outlets)],
        pumps=[Pump(index) for index in range(family.pumps)],
        leak_detectors=[LeakDetector(index) for index in range(family.leak_detectors)],
    )


def new_drive(kind: DriveKind, bay: int, chance: random.Random, now: float, hours: float) -> Drive:
    """A drive that has run for some hours."""
    wear = chance.uniform(0.004, 0.03)
    life = 100 - wear * hours / 24 if kind.media == "SSD" else None
    return Drive(
        bay=bay,
        kind=kind,
        serial=_serial(chance, kind.vendor[0], 12),
        since=now,
        life=life,
        wear_per_day=wear,
        hours=hours,
    )


def _serial(chance: random.Random, letter: str, length: int) -> str:
    return letter + "".join(chance.choices("0123456789ABCDEFGHJKLMNPRSTVWXYZ", k=length - 1))
