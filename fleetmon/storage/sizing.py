"""How large the databases become: a model of what history takes, to plan a disk by and to hold the store to (R8).

The figures were fitted to servers whose sensors wobble by a step or two of what they round to; a sensor that tells
many noisy digits takes two to three times as much, one that stands still next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from fleetmon.settings import Retention

DAY, HOUR, FIVE_MINUTES = timedelta(days=1), timedelta(hours=1), timedelta(minutes=5)

STATE, STATE_PER_DEVICE = 245_760, 2_000
"""Bytes of `state.db`: empty, and for a device of which only readings are told."""
TELEMETRY, PER_SENSOR = 45_000, 350
"""Bytes of `telemetry.db`: empty, and for a sensor's name and place."""
PER_ROW, PER_VALUE = 90, 8
"""Bytes of a row that is not sealed yet, and of each of its readings."""
UNSEALED, BY_THE_HOUR = timedelta(minutes=65), timedelta(hours=14)
"""For how long readings lie in rows, and then, on the average, in pages of an hour."""
SMALL_PAGE, ROOM_SMALL, ROOM_LARGE = 1_000, 80, 1_000
"""Bytes up to which a page shares its place with others, and what the file needs beside it, else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is stored: sensors of each device, asked once an interval, kept as long as the retention says."""

    devices: int
    sensors: int
    interval: timedelta
    retention: Retention = Retention()


@dataclass(frozen=True, slots=True)
class _Page:
    """What a page takes: by itself, for each sensor, and for each entry of a sensor."""

    alone: int
    sensor: float
    entry: Callable[[float], float]
    """Bytes, given how many readings are behind an entry."""


# A step of one reading says minimum, mean and maximum at once; the more readings, the less they are alike.
_RAW = _Page(240, 9.0, lambda _: 0.435)
_FIVE_MINUTES = _Page(134, 0.0, lambda behind: 1.75 - 1.25 / max(behind, 1.0) ** 1.5)
_HOURS = _Page(125, 0.0, lambda behind: 3.0 - 1.25 / max(behind, 1.0) ** 0.5)
_DAYS = _Page(87, 0.0, lambda _: 7.4)


def bytes_of(shape: Shape, age: timedelta = timedelta(days=36500)) -> int:
    """Bytes of both files, write-ahead logs aside, of a fleet that has been watched for `age`; by default for ever."""
    kept = shape.retention
    polls = DAY / shape.interval
    pages = (
        (_RAW, polls, 1.0, min(age, kept.readings) / DAY),
        (_RAW, polls / 24, 1.0, min(age, BY_THE_HOUR) / HOUR),
        (
            _FIVE_MINUTES,
            DAY / max(FIVE_MINUTES, shape.interval),
            FIVE_MINUTES / shape.interval,
            min(age, kept.five_minutes) / DAY,
        ),
        (_HOURS, 24.0, HOUR / shape.interval, min(age, kept.hours) / DAY),
        (_DAYS, 1.0, polls, min(age, kept.days) / DAY),
    )
    history = sum(count * _stored(page, shape.sensors, entries, behind) for page, entries, behind, count in pages)
    rows = min(age, UNSEALED) / shape.interval * (PER_ROW + PER_VALUE * shape.sensors)
    per_device = STATE_PER_DEVICE + PER_SENSOR * shape.sensors + history + rows
    return round(STATE + TELEMETRY + shape.devices * per_device)


def _stored(page: _Page, sensors: int, entries: float, behind: float) -> float:
    """Bytes one page takes of the file."""
    size = page.alone + sensors * (page.sensor + entries * page.entry(behind))
    return size + (ROOM_SMALL if size <= SMALL_PAGE else ROOM_LARGE)
