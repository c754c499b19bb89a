"""Counts of the fleet, kept up to date with every change of a summary so that nobody ever counts devices.

A cell counts the devices that share rack and condition; watts are whole milliwatts, so that sums stay exact for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fleetmon.model import DeviceKind, Quality
from fleetmon.storage.database import Connection
from fleetmon.storage.rows import Counts, DeviceSummary, FleetCounts

MOST_WATTS = 1e9
"""What a device says beyond it is in no sum, which would not hold it."""
PASSING_ON = frozenset({DeviceKind.PDU.value, DeviceKind.UPS.value})
"""What these tell, others draw: in a sum it would count twice."""
Cell = tuple[str, str, str, str, str, str, int, int]


def recount(connection: Connection, before: DeviceSummary | None, after: DeviceSummary | None) -> None:
    """Move one device from the cell it was counted in to the one it belongs in now."""
    old, new = _cell(before), _cell(after)
    if old == new and _milliwatts(before) == _milliwatts(after):
        return
    if before is not None and old is not None:
        _add(connection, old, -1, _milliwatts(before), -1)
    if after is not None and new is not None:
        _add(connection, new, +1, _milliwatts(after), +1)
    if old is not None and old != new:
        connection.execute(f"DELETE FROM fleet_count WHERE {_CELL} AND devices = 0", old)  # noqa: S608 - names of ours


def counted(connection: Connection) -> list[Any]:
    """All cells."""
    return connection.execute("SELECT * FROM fleet_count").fetchall()


def counts_of(cells: Iterable[Any], revision: int) -> FleetCounts:
    """The cells summed for the fleet, each site and each rack."""
    fleet, sites, racks = _Sum(), dict[str, _Sum](), dict[str, _Sum]()
    for cell in cells:
        fleet.add(cell)
        if cell["site_id"]:
            sites.setdefault(cell["site_id"], _Sum()).add(cell)
        if cell["rack_id"]:
            racks.setdefault(cell["rack_id"], _Sum()).add(cell)
    return FleetCounts(
        revision=revision,
        fleet=fleet.counts(),
        sites={site: total.counts() for site, total in sites.items()},
        racks={rack: total.counts() for rack, total in racks.items()},
    )


class _Sum:
    """Cells being added up."""

    def __init__(self) -> None:
        self.by: dict[str, dict[str, int]] = {"health": {}, "power": {}, "reachability": {}, "kind": {}}
        self.devices = self.stale = self.failure_predicted = self.milliwatts = self.watts_devices = self.drawing = 0

    def add(self, cell: Any) -> None:
        devices = cell["devices"]
        for name, by in self.by.items():
            by[cell[name]] = by.get(cell[name], 0) + devices
        self.devices += devices
        self.stale += devices * cell["stale"]
        self.failure_predicted += devices * cell["failure_predicted"]
        if cell["kind"] in PASSING_ON:
            return
        self.drawing += devices
        self.milliwatts += cell["milliwatts"]
        self.watts_devices += cell["watts_devices"]

    def counts(self) -> Counts:
        return Counts(
            devices=self.devices,
            by_health=self.by["health"],
            by_power=self.by["power"],
            by_reachability=self.by["reachability"],
            by_kind=self.by["kind"],
            stale=self.stale,
            failure_predicted=self.failure_predicted,
            watts=self.milliwatts / 1000,
            watts_devices=self.watts_devices,
            drawing=self.drawing,
        )


_COLUMNS = ("site_id", "rack_id", "kind", "health", "power", "reachability", "stale", "failure_predicted")
_CELL = " AND ".join(f"{column} = ?" for column in _COLUMNS)
_ADD = f"""INSERT INTO fleet_count ({", ".join(_COLUMNS)}, devices, watts_devices, milliwatts)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT ({", ".join(_COLUMNS)}) DO UPDATE SET devices = devices + excluded.devices,
watts_devices = watts_devices + excluded.watts_devices, milliwatts = milliwatts + excluded.milliwatts"""  # noqa: S608 - names of ours


def _add(connection: Connection, cell: Cell, devices: int, milliwatts: int | None, sign: int) -> None:
    told = milliwatts is not None
    connection.execute(_ADD, (*cell, devices, sign if told else 0, sign * (milliwatts or 0)))


def _cell(summary: DeviceSummary | None) -> Cell | None:
    if summary is None:
        return None
    return (
        summary.site_id or "",
        summary.rack_id or "",
        summary.kind.value,
        summary.health.value,
        summary.power.value,
        summary.reachability.value,
        int(summary.stale),
        int(summary.failure_predicted),
    )


def _milliwatts(summary: DeviceSummary | None) -> int | None:
    """Watts that may be summed: a stale device's last word is no longer what the rack draws."""
    if summary is None or summary.watts.value is None or summary.stale or summary.watts.quality is Quality.BAD:
        return None
    return round(summary.watts.value * 1000) if abs(summary.watts.value) <= MOST_WATTS else None
