"""What is kept at hand of each device's sensors, since every poll asks: little, and what devices share only once.

Ten thousand servers of one model tell the same sensors. These are held once, as a `Kind`; a device holds the numbers of
its own sensors, its layouts, and the last reading of each sensor as columns.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import ClassVar
from weakref import WeakValueDictionary

from fleetmon.model import Component, Reading, ReadingType, Sensor, Thresholds
from fleetmon.storage import history
from fleetmon.storage.columns import from_json, to_json
from fleetmon.storage.database import Connection
from fleetmon.storage.packing import NOT_ASKED, REST, Odd, exceptional, not_asked
from fleetmon.storage.telemetry_rows import Layout

Key = tuple[str, str, str, str]
"""What identifies a sensor within its device: component kind and name, its own name, its type."""

ORDERS = 8
"""Ways of telling its sensors that are remembered of a device; one that shuffles them costs a search, not memory."""
AHEAD = 600_000_000
"""Microseconds by which no reading is newer than the poll that came after it."""
_FOREVER = 2**63
_NEVER = 255
"""Code of a sensor without a reading so far."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def key_of(sensor: Sensor) -> Key:
    """What identifies a sensor within its device."""
    return sensor.key


class Kind:
    """Sensors as devices of one kind tell them, in the order they were first told."""

    __slots__ = ("__weakref__", "places", "sensors")
    _all: ClassVar[WeakValueDictionary[tuple[Sensor, ...], Kind]] = WeakValueDictionary()

    def __init__(self, sensors: tuple[Sensor, ...]) -> None:
        self.sensors = sensors
        self.places = {key_of(sensor): place for place, sensor in enumerate(sensors)}

    @classmethod
    def of(cls, sensors: tuple[Sensor, ...]) -> Kind:
        """The one kind with these sensors."""
        found = cls._all.get(sensors)
        return found if found is not None else cls._all.setdefault(sensors, cls(sensors))


@dataclass(frozen=True, slots=True)
class Order:
    """One way a device tells its sensors, and where each goes: in a row of the layout, and in its kind."""

    sensors: tuple[Sensor, ...]
    layout: Layout
    slots: Sequence[int]
    places: Sequence[int]
    blank: bytes
    """Exceptions of the layout's places that these sensors leave empty."""


@dataclass(slots=True)
class Known:
    """What is known of one device's sensors."""

    device_id: str
    kind: Kind
    ids: Sequence[int]
    """Ascending, in the order of the kind."""
    layouts: list[Layout]
    orders: list[Order] = field(default_factory=list)
    last: Last | None = None

    def place(self, sensor_id: int) -> int | None:
        """Where a sensor stands in the kind; None when the device has no such sensor."""
        place = bisect.bisect_left(self.ids, sensor_id)
        return place if place < len(self.ids) and self.ids[place] == sensor_id else None

    def order(self, sensors: tuple[Sensor, ...]) -> Order | None:
        """Where exactly these sensors go, when they were told so before."""
        return next((order for order in self.orders if order.sensors is sensors or order.sensors == sensors), None)

    def remember(self, sensors: tuple[Sensor, ...], layout: Layout) -> Order:
        """Where these sensors go from now on.

        Those the device has too many of go nowhere; of two with one name only the later one goes anywhere.
        """
        inside = {sensor_id: slot for slot, sensor_id in enumerate(layout.sensor_ids)}
        last = {key_of(sensor): index for index, sensor in enumerate(sensors)}
        places = [
            self.kind.places.get(key_of(sensor), -1) if last[key_of(sensor)] == index else -1
            for index, sensor in enumerate(sensors)
        ]
        slots = [-1 if place < 0 else inside[self.ids[place]] for place in places]
        if sensors == self.kind.sensors:
            self.kind.sensors = sensors  # the driver's own objects: being the same is quicker seen than being alike
        blank = sorted(set(range(len(layout.sensor_ids))).difference(slots))
        order = Order(sensors, layout, compact(slots), compact(places), not_asked(blank))
        self.orders = [*self.orders[-(ORDERS - 1) :], order]
        return order


def compact(numbers: Iterable[int]) -> Sequence[int]:
    """Whole numbers in little memory; consecutive ones in next to none."""
    found = array("q", numbers)
    if found and found[-1] - found[0] == len(found) - 1 and list(found) == list(range(found[0], found[-1] + 1)):
        return range(found[0], found[-1] + 1)
    return found


class Last(Mapping[Key, Reading]):
    """The last reading of each sensor of a device; a reading is made when it is asked for."""

    __slots__ = ("_at", "_codes", "_known", "_numbers", "_rests")

    def __init__(self, known: Known) -> None:
        self._known = known
        self._numbers = array("d")
        self._at = array("q")
        self._codes = bytearray()
        self._rests: dict[int, float] = {}
        self.grow()

    def grow(self) -> None:
        """There is room for each sensor of the kind."""
        more = len(self._known.kind.sensors) - len(self._codes)
        self._numbers.extend([0.0] * more)
        self._at.extend([0] * more)
        self._codes.extend([_NEVER] * more)

    def __getitem__(self, key: Key) -> Reading:
        place = self._known.kind.places[key]
        if self._codes[place] == _NEVER:
            raise KeyError(key)
        return self._reading(place)

    def __iter__(self) -> Iterator[Key]:
        return (key for key, place in self._known.kind.places.items() if self._codes[place] != _NEVER)

    def __len__(self) -> int:
        return len(self._codes) - self._codes.count(_NEVER)

    def _reading(self, place: int) -> Reading:
        code = self._codes[place]
        found = history.reading(
            self._known.kind.sensors[place],
            self._numbers[place],
            exceptional(code, self._rests[place] if code & REST else 0.0) if code else None,
            _EPOCH + timedelta(microseconds=self._at[place]),
        )
        assert found is not None, "what was not asked is not put"
        return found

    def number(self, key: Key) -> float | None:
        """The number of the last reading if that was a good one, without making the reading."""
        place = self._known.kind.places.get(key)
        return None if place is None or self._codes[place] else self._numbers[place]

    def at(self, place: int) -> Reading | None:
        """The last reading at a place of the kind."""
        return None if self._codes[place] == _NEVER else self._reading(place)

    def put(
        self,
        places: Sequence[int],
        numbers: Sequence[float],
        taken_at: datetime,
        odd: Iterable[Odd],
        *,
        just_now: bool = False,
    ) -> None:
        """Readings of one poll, unless newer ones are there.

        What lies far ahead of a poll made `just_now` is no newer: the clock ran ahead and went back since.
        """
        at = (taken_at - _EPOCH) // _MICROSECOND
        told = {index: (code, at if code & REST else at - round(age * 1e6), age) for index, code, age in odd}
        ahead = at + AHEAD if just_now else _FOREVER
        whole = len(places) == len(self._codes) and places == range(len(places))
        if whole and not told and at >= max(self._at):
            self._numbers[:] = array("d", numbers)
            self._at[:] = array("q", [at]) * len(places)
            self._codes[:] = bytes(len(places))
            return
        for index, (place, number) in enumerate(zip(places, numbers, strict=False)):
            code, instant, rest = told.get(index, (0, at, 0.0))
            if place < 0 or code & 15 == NOT_ASKED:
                continue
            if self._codes[place] == _NEVER or self._at[place] <= instant or self._at[place] > ahead:
                self._numbers[place], self._at[place], self._codes[place] = number, instant, code
                if code & REST:
                    self._rests[place] = rest


# ---- rows -----------------------------------------------------------------------------------------------------------


def load(connection: Connection, device_id: str) -> Known:
    """What the database knows of a device's sensors."""
    rows = connection.execute(_SENSORS, (device_id,)).fetchall()
    layouts = connection.execute("SELECT * FROM layout WHERE device_id = ? ORDER BY layout_id", (device_id,)).fetchall()
    return Known(
        device_id,
        Kind.of(tuple([_sensor(*row[1:]) for row in rows])),
        compact(row[0] for row in rows),
        [Layout(row["layout_id"], device_id, compact(from_json(row["sensor_ids"]))) for row in layouts],
    )


def put_sensors(connection: Connection, device_id: str, sensors: Sequence[Sensor]) -> list[int]:
    """Sensors as they are told now; their numbers."""
    rows = [connection.execute(_PUT, (device_id, *key_of(sensor), _told(sensor))).fetchall() for sensor in sensors]
    return [row[0]["sensor_id"] for row in rows]


_SENSORS = "SELECT sensor_id, kind, component, name, type, told FROM sensor WHERE device_id = ? ORDER BY sensor_id"
_PUT = (
    "INSERT INTO sensor (device_id, kind, component, name, type, told) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (device_id, kind, component, name, type) DO UPDATE SET told = excluded.told RETURNING sensor_id"
)


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


@lru_cache(maxsize=2048)
def _sensor(kind: str, component: str, name: str, of_type: str, told: str) -> Sensor:
    """A sensor as stored; devices of one kind store the same."""
    more = from_json(told)
    return Sensor(
        component=Component(kind, component),
        name=name,
        type=ReadingType(of_type),
        **more | {"thresholds": Thresholds(**more["thresholds"])},
    )
