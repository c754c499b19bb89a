"""What a driver knows of its device between two polls: where each value stands, when its agent began, what it told."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from weakref import WeakValueDictionary

from fleetmon.drivers.snmp.clockwork import Clockwork
from fleetmon.drivers.snmp.family import Profile
from fleetmon.drivers.snmp.parse.interfaces import ADDRESS, NAME
from fleetmon.drivers.snmp.parse.layout import Layout, lay_out
from fleetmon.drivers.snmp.parse.points import PLAIN, Point
from fleetmon.drivers.snmp.profiles import every_profile
from fleetmon.drivers.snmp.values import Tables, Value
from fleetmon.model import Sensor

VERSION = 1
"""Of the remembered form; another version is not read, and the device learned afresh."""
LARGEST = 16 * 2**20
"""Bytes that remembered tables unpack to at most."""
_SENSORS: WeakValueDictionary[tuple[Any, ...], Sensor] = WeakValueDictionary()


Drawn = tuple[Layout, str]


@dataclass(slots=True)
class Known:
    """One device, as far as its driver has come."""

    version: int = 0
    """Grows with every change of what `to_json` tells."""
    object_id: str = ""
    description: str = ""
    """sysObjectID and sysDescr, by which the profile was chosen."""
    profile: Profile | None = None
    layout: Layout = field(default_factory=Layout)
    packed: str = ""
    """The tables that the layout was drawn from, as short text."""
    names: dict[str, Value] = field(default_factory=dict)
    """What the ports were called then, by full OID."""
    addresses: Mapping[str, Value] = field(default_factory=dict)
    """Ethernet addresses of the ports, by ifIndex."""
    whole: bool = True
    """Were the tables read to their ends?"""
    clockwork: Clockwork = field(default_factory=Clockwork)
    changes: dict[str, Value] = field(default_factory=dict)
    """What the agent said last of when its tables changed."""

    # Not remembered: it is found out again for next to nothing.

    fits: bool = False
    """Does the layout stand for the device, as far as is known? Not from a restart or a change until a walk's end."""
    fetched: dict[str, Mapping[str, Value]] = field(default_factory=dict)
    """Columns of a walk that had no time to come to its end."""
    told_at: float | None = None
    """When `clockwork` was told, on the monotonic clock: ours may be set between two polls."""
    unfinished: dict[str, str] = field(default_factory=dict)
    """Columns of that walk that have more rows than could be read, and why."""
    wired: int = 0
    """Values that told of neighbours and learned addresses, when they were read last."""
    owes_inventory: bool = False
    """Was it asked for, and not told for want of time?"""
    eased_at: float = float("-inf")
    """When the device was walked last because its tables seemed to have changed, on the monotonic clock."""
    last: Mapping[str, Value] = field(default_factory=dict)
    """What each OID said last."""
    moved: frozenset[Sensor] = frozenset()
    """Sensors that stand elsewhere than when readings were told last."""
    anew: bool = False
    """Did the agent start again since readings were told last?"""

    def lay_out(self, profile: Profile, tables: Tables, drawn: Drawn, *, whole: bool) -> None:
        """The layout is another now. What a counter of another place counted before is no part of it (F94)."""
        before = {point.sensor.key: point.oid for point in self.layout.points}
        self.profile, self.whole, self.fits = profile, whole, True
        self.layout, self.packed = drawn
        self.addresses = tables.get(ADDRESS, {})
        self.names = {f"{NAME}.{index}": name for index, name in tables.get(NAME, {}).items()}
        self.moved |= frozenset(
            point.sensor for point in self.layout.points if before.get(point.sensor.key, point.oid) != point.oid
        )
        self.version += 1

    def to_json(self) -> dict[str, Any]:
        """What is to be remembered over a restart."""
        if self.profile is None:
            return {}
        return {
            "version": VERSION,
            "object_id": self.object_id,
            "description": self.description,
            "profile": self.profile.name,
            "tables": self.packed,
            "whole": self.whole,
            "clockwork": self.clockwork.to_json(),
            "changes": {oid: value for oid, value in self.changes.items() if isinstance(value, int)},
        }

    @classmethod
    def recalled(cls, remembered: Mapping[str, Any]) -> Known:
        """What was remembered; nothing where that is of no use now, so that the device is learned afresh."""
        try:
            profile = every_profile()[remembered["profile"]]
            if remembered["version"] != VERSION:
                return cls()
            known = cls(
                object_id=str(remembered["object_id"]),
                description=str(remembered["description"]),
                clockwork=Clockwork.recalled(remembered["clockwork"]),
                changes=dict(remembered["changes"]),
            )
            tables = unpack(remembered["tables"])
            known.lay_out(profile, tables, draw(profile, tables), whole=bool(remembered["whole"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()
        known.version = 0
        return known


def draw(profile: Profile, tables: Tables) -> Drawn:
    """A layout of these tables, and the tables as short text; pure, and of thousands of ports the work of a second."""
    layout = _shared(lay_out(profile, tables))
    _ = layout.reading_oids  # sorted here, not by the first poll
    return layout, pack(tables)


def _shared(layout: Layout) -> Layout:
    """The layout with one object for what other devices have as well: a thousand switches are of a few models."""
    points = (
        _plain(_sensor(point.sensor), point.oid, point.scale, point.offset)
        if point.terms is PLAIN
        else replace(point, sensor=_sensor(point.sensor))
        for point in layout.points
    )
    return replace(layout, points=tuple(points))


@lru_cache(maxsize=65_536)
def _plain(sensor: Sensor, oid: str, scale: float, offset: float) -> Point:
    return Point(sensor, oid, scale, offset)


def _sensor(sensor: Sensor) -> Sensor:
    told = (sensor.key, sensor.source, sensor.physical_context, sensor.range_min, sensor.range_max, sensor.thresholds)
    return _SENSORS.setdefault(told, sensor)


# ---- tables as short text --------------------------------------------------------------------------------------------


def pack(tables: Tables) -> str:
    """Tables as short text."""
    told = {column: {index: _out(value) for index, value in rows.items()} for column, rows in tables.items()}
    return base64.b85encode(zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 6)).decode()


def unpack(text: str) -> dict[str, dict[str, Value]]:
    """The tables that `pack` packed; ValueError when it is none of its work."""
    opener = zlib.decompressobj()
    try:
        told = json.loads(opener.decompress(base64.b85decode(text), LARGEST))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    return {column: {index: _in(value) for index, value in rows.items()} for column, rows in told.items()}


def _out(value: Value) -> int | str | list[str]:
    return [value.hex()] if isinstance(value, bytes) else value


def _in(told: int | str | list[str]) -> Value:
    return bytes.fromhex(told[0]) if isinstance(told, list) else told
