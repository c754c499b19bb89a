"""Readings: one packed row per poll, found by layout and instant, so that storing a poll twice stores it once.

A layout is the order of one device's sensors in its rows. A poll that brings a part of the usual sensors uses the usual
layout and leaves places empty; only sensors never seen before, or a poll that brings little of what any layout holds,
make a new one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fleetmon.errors import NotFound
from fleetmon.model import Component, Reading, ReadingType, Sensor, Thresholds
from fleetmon.storage import history
from fleetmon.storage.columns import from_json, from_ms, to_json, to_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.packing import pack, pack_values, unpack, unpack_exceptions
from fleetmon.storage.rows import Layout, PackedRow, SensorRow, Series

Key = tuple[str, str, str, str]
"""What identifies a sensor within its device: component kind and name, its own name, its type."""

MOST_SENSORS = 8192
"""Sensors of one device at most; a device that invents more is lying (F99)."""
CHUNK = 2000
"""Packed rows of a back-fill written in one go."""
_LAYOUTS_AT_ONCE = 50
"""Layouts tidied in one write, so that polls get their turn in between."""
SPARK = 60
"""Readings of the short curve beside a sensor."""


@dataclass(slots=True)
class _Known:
    """What is known of one device's sensors, kept at hand because every poll asks."""

    sensors: dict[Key, int] = field(default_factory=dict)
    told: dict[int, Sensor] = field(default_factory=dict)
    layouts: list[Layout] = field(default_factory=list)
    chosen: dict[tuple[Key, ...], Layout] = field(default_factory=dict)
    latest: dict[Key, Reading] | None = None


class Telemetry:
    """Readings in, series out."""

    def __init__(self, database: Database, interval: timedelta) -> None:
        self._database = database
        self._interval = interval
        self._known: dict[str, _Known] = {}

    # ---- in

    async def append(self, device_id: str, taken_at: datetime, readings: Sequence[Reading]) -> None:
        """Store the readings of one poll; the same poll again changes nothing."""
        await self.append_keyed(device_id, taken_at, {key_of(reading.sensor): reading for reading in readings})

    async def append_keyed(self, device_id: str, taken_at: datetime, by_key: Mapping[Key, Reading]) -> None:
        """As `append`, for readings by `key_of` their sensor."""
        if not by_key:
            return
        layout = await self._layout(device_id, by_key)
        known = self._known[device_id]
        by_id = {known.sensors[key]: reading for key, reading in by_key.items() if key in known.sensors}
        values, exceptions = pack([by_id.get(sensor_id) for sensor_id in layout.sensor_ids], taken_at)
        row = (layout.layout_id, to_ms(taken_at), values, exceptions)
        await self._database.write(lambda connection: connection.execute(_INSERT, row) and None)
        if known.latest is not None:
            _refresh(known.latest, by_key)

    async def layout(self, device_id: str, sensors: Sequence[Sensor]) -> Layout:
        """The layout whose places are exactly these sensors in this order; made when there is none."""
        known = await self._know(device_id)
        await self._learn(device_id, known, {key_of(sensor): sensor for sensor in sensors})
        wanted = tuple(known.sensors[key_of(sensor)] for sensor in sensors)
        found = next((layout for layout in known.layouts if layout.sensor_ids == wanted), None)
        return found or await self._new_layout(device_id, known, wanted)

    async def append_packed(self, rows: Iterable[PackedRow]) -> int:
        """Back-fill: many polls at once, in the order of their layouts; how many rows were new."""
        stored = 0
        remaining = iter(rows)
        while chunk := list(itertools.islice(remaining, CHUNK)):
            packed = [(row.layout_id, to_ms(row.taken_at), pack_values(row.values), None) for row in chunk]
            stored += await self._database.write(
                lambda connection, packed=packed: connection.executemany(_INSERT, packed).rowcount  # type: ignore[misc]
            )
        for known in self._known.values():
            known.latest = None
        return stored

    # ---- out

    async def latest(self, device_id: str) -> Mapping[Key, Reading]:
        """The last reading of every sensor of a device, by `key_of` the sensor."""
        return await self._latest(await self._know(device_id))

    async def sensors(self, device_id: str, *, spark: bool = False) -> list[SensorRow]:
        """Every sensor ever seen on a device with its last reading, by component and name."""
        known = await self._know(device_id)
        latest = await self._latest(known)
        sparks = await self._sparks(known) if spark else {}
        rows = [
            SensorRow(
                sensor_id=sensor_id, sensor=sensor, reading=latest.get(key_of(sensor)), spark=sparks.get(sensor_id, ())
            )
            for sensor_id, sensor in known.told.items()
        ]
        return sorted(rows, key=lambda row: key_of(row.sensor))

    async def readings(
        self,
        device_id: str,
        sensor_id: int,
        *,
        start: datetime,
        end: datetime,
        points: int = 400,
        interval: timedelta | None = None,
    ) -> Series:
        """Readings of one sensor from `start` up to `end`: as taken where they fit in `points`, else by step.

        A stretch longer than three of `interval` (default: the fleet's) without a reading is a gap. Raises NotFound.
        """
        known = await self._know(device_id)
        sensor = known.told.get(sensor_id)
        if sensor is None:
            raise NotFound(f"device {device_id} has no sensor {sensor_id}")
        samples = await self._samples(known, sensor_id, start, end)
        step, shaped = history.shape(samples, start, end, points, 3 * (interval or self._interval))
        return Series(
            sensor_id=sensor_id,
            sensor=sensor,
            start=start,
            end=end,
            step=step,
            points=tuple(shaped),
            gaps=history.gaps(samples, start, end, 3 * (interval or self._interval)),
        )

    async def expire(self, before: datetime) -> int:
        """Readings older than `before` are forgotten, at most 2,000 rows of a layout at a time; how many rows were."""
        old = to_ms(before)
        rows = await self._database.read(_HAS_OLD, (old,))
        gone = 0
        for start in range(0, len(rows), _LAYOUTS_AT_ONCE):
            steps = [(row["layout_id"], old) for row in rows[start : start + _LAYOUTS_AT_ONCE]]
            gone += await self._database.write(
                lambda connection, steps=steps: connection.executemany(_EXPIRE, steps).rowcount  # type: ignore[misc]
            )
        return gone

    # ---- what is known of a device

    async def _know(self, device_id: str) -> _Known:
        known = self._known.get(device_id)
        if known is None:
            known = await self._database.look(lambda connection: _load(connection, device_id))
            known = self._known.setdefault(device_id, known)
        return known

    async def _layout(self, device_id: str, by_key: Mapping[Key, Reading]) -> Layout:
        """The layout a poll's readings go into."""
        known = await self._know(device_id)
        keys = tuple(by_key)
        await self._learn(device_id, known, {key: reading.sensor for key, reading in by_key.items()})
        found = known.chosen.get(keys)
        if found is None:
            wanted = tuple(known.sensors[key] for key in keys if key in known.sensors)
            found = fitting(known.layouts, wanted) or await self._new_layout(device_id, known, wanted)
            if len(known.chosen) < 64:  # a device that shuffles its sensors costs a search, not memory
                known.chosen[keys] = found
        return found

    async def _learn(self, device_id: str, known: _Known, sensors: Mapping[Key, Sensor]) -> None:
        """Sensors not seen before, or told differently now, are written down."""
        changed: list[Sensor] = []
        fresh: list[Sensor] = []
        for key, sensor in sensors.items():
            sensor_id = known.sensors.get(key)
            if sensor_id is None:
                fresh.append(sensor)
            elif (told := known.told[sensor_id]) is not sensor and told != sensor:
                changed.append(sensor)
        changed += fresh[: max(0, MOST_SENSORS - len(known.sensors))]
        if changed:
            ids = await self._database.write(lambda connection: _put_sensors(connection, device_id, changed))
            for sensor, sensor_id in zip(changed, ids, strict=True):
                known.sensors[key_of(sensor)] = sensor_id
                known.told[sensor_id] = sensor

    async def _new_layout(self, device_id: str, known: _Known, sensor_ids: tuple[int, ...]) -> Layout:
        rows = await self._database.change(
            "INSERT INTO layout (device_id, sensor_ids) VALUES (?, ?)"
            " ON CONFLICT (device_id, sensor_ids) DO UPDATE SET sensor_ids = excluded.sensor_ids RETURNING layout_id",
            (device_id, to_json(sensor_ids)),
        )
        layout = Layout(rows[0]["layout_id"], device_id, sensor_ids)
        if layout not in known.layouts:
            known.layouts.append(layout)
        return layout

    async def _latest(self, known: _Known) -> dict[Key, Reading]:
        """The last reading of each sensor; from the newest rows the first time, at hand afterwards."""
        if known.latest is None:
            latest: dict[Key, Reading] = {}
            for layout in known.layouts:
                _refresh(latest, await self._last_of(layout, known))
            known.latest = latest
        return known.latest

    async def _last_of(self, layout: Layout, known: _Known) -> dict[Key, Reading]:
        """The last reading of each place of a layout; further back only for places the newest polls did not ask."""
        last: dict[Key, Reading] = {}
        for limit in (1, SPARK):
            for row in await self._database.read(_NEWEST, (layout.layout_id, limit)):
                for one in _readings(row, layout, known.told):
                    last.setdefault(key_of(one.sensor), one)
            if len(last) >= len(layout.sensor_ids):
                break
        return last

    async def _sparks(self, known: _Known) -> dict[int, tuple[float | None, ...]]:
        sparks: dict[int, tuple[float | None, ...]] = {}
        for layout in known.layouts:
            rows = await self._database.read(_NEWEST, (layout.layout_id, SPARK))
            columns = zip(*(unpack(row["values"]) for row in reversed(rows)), strict=True)
            for sensor_id, column in zip(layout.sensor_ids, columns, strict=False):
                sparks[sensor_id] = tuple(None if number != number else number for number in column)
        return sparks

    async def _samples(self, known: _Known, sensor_id: int, start: datetime, end: datetime) -> list[history.Sample]:
        samples: list[history.Sample] = []
        for layout in known.layouts:
            if sensor_id not in layout.sensor_ids:
                continue
            place = layout.sensor_ids.index(sensor_id)
            rows = await self._database.read(_SPAN, (8 * place + 1, layout.layout_id, to_ms(start), to_ms(end)))
            samples += history.samples(rows, place)
        return sorted(samples) if len(known.layouts) > 1 else samples


_INSERT = 'INSERT INTO reading (layout_id, taken_at, "values", exceptions) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'
_NEWEST = "SELECT * FROM reading WHERE layout_id = ? ORDER BY taken_at DESC LIMIT ?"
_SPAN = (
    'SELECT taken_at, substr("values", ?, 8) AS number, exceptions FROM reading'
    " WHERE layout_id = ? AND taken_at >= ? AND taken_at < ? ORDER BY taken_at"
)
_EXPIRE = (
    "DELETE FROM reading WHERE layout_id = ?1 AND taken_at IN"
    " (SELECT taken_at FROM reading WHERE layout_id = ?1 AND taken_at < ?2 ORDER BY taken_at LIMIT 2000)"
)
_HAS_OLD = (
    "SELECT layout_id FROM layout WHERE EXISTS"
    " (SELECT 1 FROM reading WHERE reading.layout_id = layout.layout_id AND taken_at < ?)"
)


def key_of(sensor: Sensor) -> Key:
    """What identifies a sensor within its device."""
    return sensor.component.kind, sensor.component.name, sensor.name, sensor.type.value


def fitting(layouts: Iterable[Layout], wanted: Sequence[int]) -> Layout | None:
    """The oldest layout that holds all of `wanted` and is at least half filled by it."""
    need = set(wanted)
    return next(
        (layout for layout in layouts if need.issubset(layout.sensor_ids) and 2 * len(need) >= len(layout.sensor_ids)),
        None,
    )


def _refresh(latest: dict[Key, Reading], readings: Mapping[Key, Reading]) -> None:
    for key, reading in readings.items():
        before = latest.get(key)
        if before is None or before.taken_at <= reading.taken_at:
            latest[key] = reading


def _load(connection: Connection, device_id: str) -> _Known:
    known = _Known()
    for row in connection.execute("SELECT * FROM sensor WHERE device_id = ?", (device_id,)).fetchall():
        sensor = _sensor_of(row)
        known.sensors[key_of(sensor)] = row["sensor_id"]
        known.told[row["sensor_id"]] = sensor
    rows = connection.execute("SELECT * FROM layout WHERE device_id = ? ORDER BY layout_id", (device_id,)).fetchall()
    known.layouts = [Layout(row["layout_id"], device_id, tuple(from_json(row["sensor_ids"]))) for row in rows]
    return known


def _put_sensors(connection: Connection, device_id: str, sensors: Sequence[Sensor]) -> list[int]:
    sql = (
        "INSERT INTO sensor (device_id, kind, component, name, type, told) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (device_id, kind, component, name, type) DO UPDATE SET told = excluded.told RETURNING sensor_id"
    )
    rows = [connection.execute(sql, (device_id, *key_of(sensor), _told(sensor))).fetchall() for sensor in sensors]
    return [row[0]["sensor_id"] for row in rows]


def _told(sensor: Sensor) -> str:
    limits = {name: getattr(sensor.thresholds, name) for name in Thresholds.__slots__}
    return to_json(
        {
            "source": sensor.source,
            "physical_context": sensor.physical_context,
            "range_min": sensor.range_min,
            "range_max": sensor.range_max,
            "thresholds": limits,
        }
    )


def _sensor_of(row: Any) -> Sensor:
    told = from_json(row["told"])
    return Sensor(
        component=Component(row["kind"], row["component"]),
        name=row["name"],
        type=ReadingType(row["type"]),
        **told | {"thresholds": Thresholds(**told["thresholds"])},
    )


def _readings(row: Any, layout: Layout, told: dict[int, Sensor]) -> Iterator[Reading]:
    """The readings of one packed row."""
    exceptions = unpack_exceptions(row["exceptions"])
    taken_at = from_ms(row["taken_at"])
    for place, (sensor_id, number) in enumerate(zip(layout.sensor_ids, unpack(row["values"]), strict=False)):
        reading = history.reading(told[sensor_id], number, exceptions.get(place), taken_at)
        if reading is not None:
            yield reading
