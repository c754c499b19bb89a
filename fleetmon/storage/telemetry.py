"""Readings: one packed row per poll, found by layout and instant, so that storing a poll twice stores it once.

A layout is the order of one device's sensors in its rows. A poll that brings a part of the usual sensors uses the usual
layout and leaves places empty; only sensors never seen before, or a poll that brings little of what any layout holds,
make a new one. Rows are hot until they are sealed into pages (`sealing`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from fleetmon.errors import NotFound
from fleetmon.model import Reading, ReadingType, Sensor
from fleetmon.storage import counting, pages
from fleetmon.storage import series as curves
from fleetmon.storage.codec import Doubles, Ints
from fleetmon.storage.columns import from_ms, to_json, to_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.known import Key, Kind, Known, Last, Order, compact, key_of, load, put_sensors
from fleetmon.storage.packing import EXCEPTION, NOT_ASKED, Odd, pack, pack_values, told
from fleetmon.storage.sealing import RAW, Sealing, Span
from fleetmon.storage.telemetry_rows import Growth, Layout, PackedRow, SensorRow, Series

__all__ = ["Growth", "Key", "Span", "Telemetry", "key_of"]

MOST_SENSORS = 8192
"""Sensors of one device at most; a device that invents more is lying (F99)."""
CHUNK = 2000
"""Packed rows of a back-fill written in one go."""
_LAYOUTS_AT_ONCE = 50
"""Layouts tidied in one write, so that polls get their turn in between."""
SPARK = 60
"""Readings of the short curve beside a sensor."""


class Telemetry:
    """Readings in, series out."""

    def __init__(self, database: Database, interval: timedelta) -> None:
        self._database = database
        self._interval = interval
        self._known: dict[str, Known] = {}
        self._learning = asyncio.Lock()
        self._sealing = Sealing(database)

    def use_interval(self, interval: timedelta) -> None:
        """What is usual between two readings of devices that set no interval of their own."""
        self._interval = interval

    # ---- in

    async def append(self, device_id: str, taken_at: datetime, readings: Sequence[Reading]) -> None:
        """Store the readings of one poll; the same poll again changes nothing."""
        numbers, odd = told(readings, taken_at)
        await self.append_columns(device_id, taken_at, tuple([one.sensor for one in readings]), numbers, odd)

    async def append_keyed(self, device_id: str, taken_at: datetime, by_key: Mapping[Key, Reading]) -> None:
        """As `append`, for readings by `key_of` their sensor."""
        await self.append(device_id, taken_at, list(by_key.values()))

    async def append_columns(
        self,
        device_id: str,
        taken_at: datetime,
        sensors: tuple[Sensor, ...],
        numbers: Sequence[float],
        odd: Sequence[Odd] = (),
    ) -> None:
        """As `append`, for sensors and their numbers side by side, NaN where there is none, which `odd` tells why.

        Given the same sensors again and again, as the same objects, this looks nothing up.
        """
        if not sensors:
            return
        known = await self._know(device_id)
        order = known.order(sensors) or await self._arrange(known, sensors)
        layout = order.layout
        values, exceptions = pack(numbers, odd, order.slots, len(layout.sensor_ids), order.blank)
        row = (layout.layout_id, to_ms(taken_at), values, exceptions)
        await self._database.write(lambda connection: connection.execute(_INSERT, row) and None)
        if known.last is not None:
            known.last.put(order.places, numbers, taken_at, odd, just_now=True)

    async def layouts(self, device_id: str) -> Sequence[Layout]:
        """The layouts of a device's rows, the oldest first."""
        return tuple((await self._know(device_id)).layouts)

    async def layout(self, device_id: str, sensors: Sequence[Sensor]) -> Layout:
        """The layout whose places are exactly these sensors in this order; made when there is none."""
        known = await self._know(device_id)
        async with self._learning:
            await self._learn(known, sensors)
            wanted = tuple(known.ids[known.kind.places[key_of(sensor)]] for sensor in sensors)
            found = next((layout for layout in known.layouts if tuple(layout.sensor_ids) == wanted), None)
            return found or await self._new_layout(known, wanted)

    async def append_packed(self, rows: Iterable[PackedRow]) -> int:
        """Back-fill: many polls at once, in the order of their layouts; how many rows were not there, or are sealed."""
        stored = 0
        remaining = iter(rows)
        while chunk := list(itertools.islice(remaining, CHUNK)):
            packed = [(row.layout_id, to_ms(row.taken_at), pack_values(row.values), None) for row in chunk]
            stored += await self._database.write(
                lambda connection, packed=packed: connection.executemany(_INSERT, packed).rowcount  # type: ignore[misc]
            )
        for known in self._known.values():
            known.last = None
        return stored

    # ---- out

    async def latest(self, device_id: str) -> Last:
        """The last reading of every sensor of a device, by `key_of` the sensor."""
        return await self._last(await self._know(device_id))

    async def sensors(self, device_id: str, *, spark: bool = False) -> list[SensorRow]:
        """Every sensor ever seen on a device with its last reading, by component and name."""
        known = await self._know(device_id)
        last = await self._last(known)
        sparks = await self._database.look(lambda connection: _sparks(connection, known)) if spark else {}
        rows = [
            SensorRow(sensor_id=sensor_id, sensor=sensor, reading=last.at(place), spark=sparks.get(sensor_id, ()))
            for place, (sensor_id, sensor) in enumerate(zip(known.ids, known.kind.sensors, strict=True))
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
        rate: bool | None = None,
    ) -> Series:
        """Readings of one sensor from `start` up to `end`: as taken where they fit in `points`, else by step.

        With `rate` how much it grew by second (`counting`); None: of a counter alone. A stretch longer than three of
        `interval` (default: the fleet's) without a reading is a gap. Raises NotFound.
        """
        known = await self._know(device_id)
        place = known.place(sensor_id)
        if place is None:
            raise NotFound(f"device {device_id} has no sensor {sensor_id}")
        places = [
            curves.Place(layout.layout_id, layout.sensor_ids.index(sensor_id))
            for layout in known.layouts
            if sensor_id in layout.sensor_ids
        ]
        sensor = known.kind.sensors[place]
        wraps = sensor.range_max == counting.WRAPS_AT - 1
        rate = is_counter(sensor) if rate is None else rate
        asked = curves.Asked(start, end, points, 3 * (interval or self._interval), rate, wraps)
        found = await self._database.look(lambda connection: curves.series(connection, places, asked))
        return Series(
            sensor_id=sensor_id,
            sensor=sensor,
            start=start,
            end=end,
            step=found.step,
            made_of=timedelta(seconds=found.made_of) if found.made_of else None,
            table=found.curve.table,
            suspect=found.curve.suspect,
            gaps=found.gaps,
            rate=rate,
        )

    # ---- growing old

    async def due(self, now: datetime, kept: timedelta) -> list[Span]:
        """Hours and days that can be sealed, oldest first, but none whose readings are about to be forgotten."""
        return await self._sealing.due(now, now - kept)

    async def seal(self, span: Span) -> int:
        """Seal an hour or a day that is due; how many rows were."""
        return await self._sealing.seal(span)

    async def growth(self, now: datetime) -> tuple[Growth, ...]:
        """What each kind of sealed history takes on disk and grows by in a day."""
        return await self._sealing.growth(now)

    async def expire(self, before: datetime) -> int:
        """Readings older than `before` are forgotten, some at a time; how many rows and pages were.

        A page is forgotten when all of it is older.
        """
        old = to_ms(before)
        rows = await self._database.read(_HAS_OLD, (old,))
        gone = 0
        for start in range(0, len(rows), _LAYOUTS_AT_ONCE):
            steps = [(row["layout_id"], old) for row in rows[start : start + _LAYOUTS_AT_ONCE]]
            gone += await self._database.write(
                lambda connection, steps=steps: connection.executemany(_EXPIRE, steps).rowcount  # type: ignore[misc]
            )
        return gone + await self._sealing.expire(RAW, before)

    async def expire_rollups(self, step: timedelta, before: datetime) -> int:
        """Rollups by `step` of days that ended before an instant are forgotten, some at a time; how many pages were."""
        return await self._sealing.expire(int(step.total_seconds()), before)

    # ---- what is known of a device

    async def _know(self, device_id: str) -> Known:
        known = self._known.get(device_id)
        if known is None:
            known = await self._database.look(lambda connection: load(connection, device_id))
            known = self._known.setdefault(device_id, known)
        return known

    async def _arrange(self, known: Known, sensors: tuple[Sensor, ...]) -> Order:
        """Where sensors told in this way go."""
        async with self._learning:
            await self._learn(known, sensors)
            places = (known.kind.places.get(key_of(sensor)) for sensor in sensors)
            wanted = tuple(dict.fromkeys(known.ids[place] for place in places if place is not None))
            layout = fitting(known.layouts, wanted) or await self._new_layout(known, wanted)
            return known.remember(sensors, layout)

    async def _learn(self, known: Known, sensors: Sequence[Sensor]) -> None:
        """Sensors not seen before, or told differently now, are written down."""
        told_now = {key_of(sensor): sensor for sensor in sensors}
        before = known.kind
        fresh = [sensor for key, sensor in told_now.items() if key not in before.places]
        fresh = fresh[: max(0, MOST_SENSORS - len(before.sensors))]
        changed = {
            place: sensor
            for key, sensor in told_now.items()
            if (place := before.places.get(key)) is not None and before.sensors[place] != sensor
        }
        if not fresh and not changed:
            return
        learned = [*changed.values(), *fresh]
        ids = await self._database.write(lambda connection: put_sensors(connection, known.device_id, learned))
        all_of_them = [changed.get(place, sensor) for place, sensor in enumerate(before.sensors)]
        known.kind = Kind.of((*all_of_them, *fresh))
        known.ids = compact((*known.ids, *ids[len(changed) :]))
        known.orders = []
        if known.last is not None:
            known.last.grow()

    async def _new_layout(self, known: Known, sensor_ids: tuple[int, ...]) -> Layout:
        rows = await self._database.change(
            "INSERT INTO layout (device_id, sensor_ids) VALUES (?, ?)"
            " ON CONFLICT (device_id, sensor_ids) DO UPDATE SET sensor_ids = excluded.sensor_ids RETURNING layout_id",
            (known.device_id, to_json(sensor_ids)),
        )
        layout = Layout(rows[0]["layout_id"], known.device_id, compact(sensor_ids))
        if layout not in known.layouts:
            known.layouts.append(layout)
        return layout

    async def _last(self, known: Known) -> Last:
        """The last reading of each sensor; from the newest rows the first time, at hand afterwards."""
        if known.last is None:
            last = await self._database.look(lambda connection: _newest_readings(connection, known))
            known.last = known.last or last
        return known.last


_INSERT = 'INSERT INTO reading (layout_id, taken_at, "values", exceptions) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING'
_EXPIRE = (
    "DELETE FROM reading WHERE layout_id = ?1 AND taken_at IN"
    " (SELECT taken_at FROM reading WHERE layout_id = ?1 AND taken_at < ?2 ORDER BY taken_at LIMIT 2000)"
)
_HAS_OLD = (
    "SELECT layout_id FROM layout WHERE EXISTS"
    " (SELECT 1 FROM reading WHERE reading.layout_id = layout.layout_id AND taken_at < ?)"
)


def is_counter(sensor: Sensor) -> bool:
    """Is its growth what matters?"""
    return sensor.type is ReadingType.COUNTER


def fitting(layouts: Iterable[Layout], wanted: Sequence[int]) -> Layout | None:
    """The oldest layout that holds all of `wanted` and is at least half filled by it."""
    need = set(wanted)
    return next(
        (layout for layout in layouts if need.issubset(layout.sensor_ids) and 2 * len(need) >= len(layout.sensor_ids)),
        None,
    )


def _newest_readings(connection: Connection, known: Known) -> Last:
    """The last reading of each place; further back only for places the newest polls did not ask."""
    last = Last(known)
    for layout in known.layouts:
        places = [known.place(sensor_id) for sensor_id in layout.sensor_ids]
        missing = set(range(len(places)))
        for limit in (1, SPARK):
            rows = curves.newest(connection, layout.layout_id, len(places), limit)
            if rows is None:
                break
            for taken_at, slots, numbers, odd in _from_newest(rows, limit, missing):
                last.put([-1 if (place := places[slot]) is None else place for slot in slots], numbers, taken_at, odd)
            if not missing:
                break
    return last


def _from_newest(
    rows: pages.Source, limit: int, missing: set[int]
) -> Iterable[tuple[datetime, list[int], list[float], list[Odd]]]:
    """The newest readings of the places that are missing still, poll by poll, the newest first."""
    for taken_at, values, packed in reversed(pages.rows_of(rows)[-limit:]):
        if not missing:
            return
        exceptions = {slot: (code, age) for slot, code, age in EXCEPTION.iter_unpack(packed or b"")}
        asked = [slot for slot in sorted(missing) if exceptions.get(slot, (0, 0.0))[0] & 15 != NOT_ASKED]
        numbers = np.frombuffer(values, "<f8")
        odd = [(index, *exceptions[slot]) for index, slot in enumerate(asked) if slot in exceptions]
        yield from_ms(taken_at), asked, numbers[asked].tolist(), odd
        missing.difference_update(asked)


def _sparks(connection: Connection, known: Known) -> dict[int, tuple[float | None, ...]]:
    """The last readings of each sensor, oldest first, of whichever layouts have it."""
    found: dict[int, list[tuple[Ints, Doubles]]] = {}
    for layout in known.layouts:
        rows = curves.newest(connection, layout.layout_id, len(layout.sensor_ids), SPARK)
        if rows is None:
            continue
        matrix = np.concatenate([numbers[-SPARK:] for numbers, _ in pages.groups(rows)], axis=1)
        for sensor_id, column in zip(layout.sensor_ids, matrix.T, strict=True):
            found.setdefault(sensor_id, []).append((rows.instants[-SPARK:], column))
    counters = {one for one, sensor in zip(known.ids, known.kind.sensors, strict=True) if is_counter(sensor)}
    return {sensor_id: _spark(parts, growth=sensor_id in counters) for sensor_id, parts in found.items()}


def _spark(parts: list[tuple[Ints, Doubles]], *, growth: bool) -> tuple[float | None, ...]:
    """The newest numbers of some columns, each with its instants, or how they grew by second."""
    instants, numbers = parts[0]
    if len(parts) > 1:
        instants, numbers = (np.concatenate(part) for part in zip(*parts, strict=True))
        newest = np.argsort(instants, kind="stable")[-SPARK:]
        instants, numbers = instants[newest], numbers[newest]
    if growth:
        numbers = counting.growth(instants, numbers)
    return tuple(None if number != number else number for number in numbers.tolist())
