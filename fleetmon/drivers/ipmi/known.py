"""What a driver knows of its device between two polls: what is large is shared, what is remembered is small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleetmon.drivers.ipmi.catalog import Catalog, catalog, limits_in, limits_out, pack, unpack
from fleetmon.drivers.ipmi.chain import Stretch
from fleetmon.drivers.ipmi.chassis import GROUP
from fleetmon.drivers.ipmi.commands import WHOLE
from fleetmon.drivers.ipmi.identity import device_id
from fleetmon.drivers.ipmi.messages import Answer, Command
from fleetmon.drivers.ipmi.parse.conditions import as_component
from fleetmon.drivers.ipmi.sdr import Fetching, Stamp
from fleetmon.model import Component

VERSION = 1
"""Of the remembered form; another version is not read, and the device learned afresh."""
MOST_FACTORS = 4096
"""Factors of non-linear sensors kept: one row for each raw reading a sensor ever had."""

NOT_STUCK = (-1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sel:
    """How the System Event Log was found last."""

    stamp: tuple[int, ...] | None = None
    """The answer of Get SEL Info when all was read."""
    last: bytes = b""
    """The newest record then, whole."""
    offset: float | None = None
    """Seconds the log's clock is ahead of ours; None before it was asked."""
    wraps: bool = False
    """Was it seen to drop the oldest record for a new one?"""


@dataclass(slots=True)
class Known:
    """One device, as far as its driver has come."""

    version: int = 0
    """Grows with every change of what `to_json` tells."""
    device: bytes = b""
    """The answer of Get Device ID."""
    guid: str = ""
    stamp: Stamp | None = None
    """Of the sensor records in `catalog`."""
    catalog: Catalog | None = None
    sensorless: bool = False
    """Did the device say that it has no sensor records?"""
    chassis: bytes | None = None
    """Power and fault bits, as they were last."""
    watched: frozenset[Component] = frozenset()
    """Components that were told once and would not be if they had always been well."""
    absent: frozenset[Component] = frozenset()
    """Components whose sensors say that they are not there: numbers of theirs measure nothing."""
    sel: Sel = field(default_factory=Sel)
    limits_wanted: bool = True
    """Are thresholds and hysteresis still to be asked for?"""
    limits_at: float | None = None
    """When they were all told last, in seconds of our wall clock since 1970."""

    # Not remembered: it is found out again for next to nothing.

    lacking: set[str] = field(default_factory=set)
    """Commands the device does not know, or meets with silence, until its firmware changes."""
    fetching: Fetching | None = None
    """Sensor records being read."""
    limits: dict[Command, bytes | None] = field(default_factory=dict)
    """Thresholds and hysteresis being read; None for what the device does not tell."""
    answers: dict[int, Answer] = field(default_factory=dict)
    """What each sensor said last, by its place in the catalog."""
    read_at: float = float("-inf")
    """When all numeric sensors were read last, on the monotonic clock."""
    resting: dict[int, float] = field(default_factory=dict)
    """Sensors that said they are not there, and until when they are left alone."""
    turn: int = 0
    """Which numeric sensor comes first, where one poll does not reach all."""
    factors: dict[tuple[int, int, int], bytes] = field(default_factory=dict)
    """Of non-linear sensors: by LUN, number and raw reading."""
    dcmi: bool | None = None
    """Does the device tell what it draws? None before it was asked."""
    unread_sel: Stretch | None = None
    """A log being read for the first time."""
    sel_stuck: tuple[int, int] = NOT_STUCK
    """The record of the log that could not be read, and in how many looks."""
    owes_reason: bool = False
    """Did the fault bits change, and the poll that should have read what tells why fail?"""
    owes_inventory: bool = False
    """Was an inventory asked for and not finished in time?"""
    frus: dict[int, bytes] = field(default_factory=dict)
    """Inventories of parts read for it so far, by FRU id; empty where there is none."""
    frus_whole: bool = True
    """Could all of them be read to their ends?"""
    fru_piece: int = 128
    sdr_piece: int = WHOLE
    """Bytes of an inventory, and of a sensor record, that the device gives at once."""

    def change(self, **values: Any) -> None:
        """Note what is to be remembered; nothing happens when it is as before."""
        for name, value in values.items():
            if getattr(self, name) != value:
                setattr(self, name, value)
                self.version += 1

    def watch(self, *components: Component) -> None:
        """Tell of these from now on, well or not."""
        self.change(watched=self.watched | set(components))

    def adopt(self, found: Catalog, stamp: Stamp) -> None:
        """Go by these sensor records from now on; what was said of others means nothing any more."""
        if self.catalog is None or found.records != self.catalog.records:
            self.answers, self.resting, self.factors, self.turn = {}, {}, {}, 0
            self.read_at = float("-inf")
            spoken_of = {*found.of_component, *map(as_component, found.points)}
            self.change(
                watched=frozenset(one for one in self.watched if one.kind == GROUP or one in spoken_of),
                absent=self.absent & spoken_of,
            )
        self.change(catalog=found, stamp=stamp)

    def forget(self) -> None:
        """Another firmware answers: what the old one could not do, or said of its sensors, proves nothing."""
        self.change(stamp=None, sensorless=False, limits_wanted=True)
        self.fetching, self.dcmi = None, None
        self.lacking.clear()

    @property
    def maker(self) -> int:
        """Private enterprise number of who built the BMC; 0 before it told."""
        found = device_id(self.device)
        return found.manufacturer_id if found else 0

    # ---- remembered over a restart -------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """As plain JSON; nothing before the device has told who it is."""
        if not self.device:
            return {}
        return {
            "version": VERSION,
            "device": self.device.hex(),
            "guid": self.guid,
            "sensorless": self.sensorless,
            "stamp": None if self.stamp is None else list(self.stamp),
            "records": None if self.catalog is None else pack(self.catalog.records),
            "limits": None if self.catalog is None else limits_out(self.catalog.limits),
            "limits_wanted": self.limits_wanted,
            "limits_at": self.limits_at,
            "chassis": None if self.chassis is None else self.chassis.hex(),
            "watched": sorted([one.kind, one.name] for one in self.watched),
            "absent": sorted([one.kind, one.name] for one in self.absent),
            "sel": [
                None if self.sel.stamp is None else list(self.sel.stamp),
                self.sel.last.hex(),
                self.sel.offset,
                self.sel.wraps,
            ],
        }

    @classmethod
    def recalled(cls, remembered: Mapping[str, Any]) -> Known:
        """What `to_json` gave before a restart; nothing known when that is of no use."""
        if remembered.get("version") != VERSION:
            return cls()
        try:
            stamp, records = remembered["stamp"], remembered["records"]
            maker = cls(device=bytes.fromhex(remembered["device"])).maker
            sel_stamp, last, offset, wraps = remembered["sel"]
            return cls(
                device=bytes.fromhex(remembered["device"]),
                guid=str(remembered["guid"]),
                sensorless=bool(remembered["sensorless"]),
                stamp=None if stamp is None else Stamp(bool(stamp[0]), *map(int, stamp[1:])),
                catalog=None if records is None else catalog(unpack(records), maker, limits_in(remembered["limits"])),
                limits_wanted=bool(remembered["limits_wanted"]),
                limits_at=at if isinstance(at := remembered.get("limits_at"), int | float) else None,
                chassis=None if remembered["chassis"] is None else bytes.fromhex(remembered["chassis"]),
                watched=frozenset(Component(kind, name) for kind, name in remembered["watched"]),
                absent=frozenset(Component(kind, name) for kind, name in remembered["absent"]),
                sel=Sel(
                    stamp=None if sel_stamp is None else tuple(map(int, sel_stamp)),
                    last=bytes.fromhex(last),
                    offset=offset if isinstance(offset, int | float) else None,
                    wraps=bool(wraps),
                ),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()
