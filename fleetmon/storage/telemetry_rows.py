"""What the store hands out of readings: sensors with their last one, series, and rows as they lie packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fleetmon.model import Reading, Sensor

if TYPE_CHECKING:  # the command line reads rows, and has no use for numpy's 0.1 s
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorRow:
    """A sensor and its last reading; None when it was never read. `spark` is its last hour or so, oldest first."""

    sensor_id: int
    sensor: Sensor
    reading: Reading | None
    spark: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Readings of one step; all three None in a gap. `suspect` when any of them was."""

    at: datetime
    minimum: float | None
    mean: float | None
    maximum: float | None
    suspect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Readings of one sensor over a span; `step` is None when every point is one reading as it was taken."""

    sensor_id: int
    sensor: Sensor
    start: datetime
    end: datetime
    step: timedelta | None
    made_of: timedelta | None
    """The step of the rollups it was made of; None when it was made of readings."""
    table: NDArray[np.float64]
    """A row a point: seconds since 1970, minimum, mean, maximum; NaN where there is none."""
    suspect: NDArray[np.bool_]
    gaps: int
    """Stretches longer than three intervals, and longer than one and a half steps of `made_of`, without a number."""
    rate: bool = False
    """Does it tell how much the sensor grew by second?"""

    @property
    def unit(self) -> str:
        """The unit of the table: the sensor's, by second for a rate."""
        return f"{self.sensor.unit}/s" if self.rate else self.sensor.unit

    @property
    def points(self) -> tuple[Point, ...]:
        """The table, point by point."""
        return tuple(map(_point, self.table.tolist(), self.suspect.tolist()))


def _point(row: Sequence[float], suspect: bool) -> Point:
    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=round(row[0] * 1000))
    minimum, mean, maximum = (None if number != number else number for number in row[1:])
    return Point(at=at, minimum=minimum, mean=mean, maximum=maximum, suspect=suspect)


@dataclass(frozen=True, slots=True)
class Layout:
    """The order in which one device's sensors lie in a packed row."""

    layout_id: int
    device_id: str
    sensor_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class PackedRow:
    """All readings of one poll in the order of their layout; NaN where there is none."""

    layout_id: int
    taken_at: datetime
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Growth:
    """What one kind of sealed history takes on disk, and grows by in a day while nothing is forgotten."""

    kind: str
    bytes: int
    bytes_a_day: float
