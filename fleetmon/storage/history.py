"""Series from columns: what was taken, gaps and steps; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from fleetmon.model import NoReading, Reading, Sensor
from fleetmon.storage.codec import Doubles, Ints
from fleetmon.storage.columns import to_ms
from fleetmon.storage.packing import NOT_ASKED, Exceptional
from fleetmon.storage.pages import Column
from fleetmon.storage.rollups import Steps, steps_of

_SAME = 1000
"""Milliseconds within which a repeated reading is the one we have: ages are rounded."""
AROUND = 6
"""Stretches looked at on each side to know what is usual."""
NICE_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds a step may be, so that steps fall on round instants."""
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Taken:
    """Readings of one sensor, each at its own instant in milliseconds; NaN where the device gave no number."""

    at: Ints
    number: Doubles
    suspect: NDArray[np.bool_]
    rest: Doubles
    """What whole numbers beyond 2^53 are more than their doubles."""

    def among(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Taken:
        """Those chosen."""
        return Taken(self.at[chosen], self.number[chosen], self.suspect[chosen], self.rest[chosen])

    def numbered(self) -> Ints:
        """The instants that have a number."""
        return self.at[~np.isnan(self.number)]


@dataclass(frozen=True, slots=True)
class Curve:
    """A table of epoch seconds, minimum, mean and maximum, NaN in a gap; and which of its rows are suspect."""

    table: Doubles
    suspect: NDArray[np.bool_]


def taken(column: Column, told_until: int | None = None) -> Taken:
    """What a column tells; a reading the device repeated from earlier counts once, at its own instant.

    `told_until` is when the poll before the column was: what is not newer was told by it already.
    """
    at = column.instants - column.ages
    kept = (column.codes < 0) | (column.codes & 15 != NOT_ASKED)
    if column.ages.any():
        kept &= _news(at, column.ages > 0, kept, told_until)
    suspect = (column.codes >= 0) & (column.codes >> 4 != 0)
    return Taken(at[kept], column.numbers[kept], suspect[kept], column.rests[kept])


def _news(at: Ints, aged: NDArray[np.bool_], asked: NDArray[np.bool_], told_until: int | None) -> NDArray[np.bool_]:
    """Which readings were not told by a row before."""
    news = np.zeros(len(at), np.bool_)
    last = None if told_until is None else told_until - _SAME
    for row, (instant, is_aged, is_asked) in enumerate(zip(at.tolist(), aged.tolist(), asked.tolist(), strict=True)):
        if is_asked and not (is_aged and last is not None and instant <= last + _SAME):
            news[row], last = True, instant
    return news


def reading(sensor: Sensor, number: float, exception: Exceptional | None, taken_at: datetime) -> Reading | None:
    """One place of a packed row as a reading; None when the poll did not ask."""
    if exception is None:
        return Reading(sensor=sensor, value=NoReading.FAULTY if math.isnan(number) else number, taken_at=taken_at)
    if not exception.asked:
        return None
    exact = int(number) + exception.rest if exception.rest else number
    value = exception.reason or (NoReading.FAULTY if math.isnan(number) else exact)
    return Reading(sensor=sensor, value=value, taken_at=taken_at - exception.age, quality=exception.quality)


# ---- curves ---------------------------------------------------------------------------------------------------------


def points_of(found: Taken, longest: timedelta) -> Curve:
    """Every reading as a point of its own; gaps are told."""
    table = np.stack([found.at / 1000, found.number, found.number, found.number], axis=1)
    return _with_gaps(found.at, Curve(table, found.suspect & ~np.isnan(found.number)), longest)


def stepped(found: Taken, step: timedelta) -> Steps:
    """The readings by steps."""
    return steps_of(found.at, found.number, ~np.isnan(found.number), found.suspect, step // _MILLISECOND)


def steps_told(steps: Steps, step: timedelta, longest: timedelta) -> Curve:
    """Minimum, mean and maximum of each step; gaps are told."""
    at = steps.number * (step // _MILLISECOND)
    nothing = steps.count == 0
    table = np.stack([at / 1000, steps.low, steps.means(), steps.high], axis=1)
    table[nothing, 1:] = np.nan
    return _with_gaps(at, Curve(table, steps.suspect & ~nothing), max(longest, step * 1.5))


def step_for(span: timedelta, points: int) -> timedelta:
    """The shortest round step that takes no more than `points` of them."""
    wanted = span.total_seconds() / max(1, points)
    seconds = next((nice for nice in NICE_STEPS if nice >= wanted), None)
    return timedelta(seconds=seconds if seconds is not None else math.ceil(wanted / 86400) * 86400)


def gaps(numbered: Ints, start: datetime, end: datetime, longest: timedelta) -> int:
    """Stretches without a number inside the span that are gaps: see `breaks`."""
    instants = np.concatenate([[to_ms(start)], numbered, [to_ms(end)]])
    return int(breaks(instants, longest // _MILLISECOND).sum())


def breaks(instants: Ints, longest: int) -> NDArray[np.bool_]:
    """For each stretch between two instants: is it a gap, that is, longer than `longest` and unusual for its time.

    Usual is up to three times the median of the stretches around it: a device that was asked every hour last month, and
    is asked every minute now, has no gaps last month.
    """
    stretches = np.diff(np.asarray(instants, np.float64))
    broken = stretches > longest
    long = np.flatnonzero(broken)
    if len(long):
        broken[long] = stretches[long] > 3 * _usual(stretches, long, longest)
    return np.asarray(broken, np.bool_)


def _usual(stretches: Doubles, places: NDArray[np.intp], longest: int) -> Doubles:
    """The median stretch around each place; with too few around it, a third of the longest that is allowed."""
    beyond = np.full(AROUND, np.nan)
    padded = np.concatenate([beyond, stretches, beyond])
    offsets = np.array([offset for offset in range(2 * AROUND + 1) if offset != AROUND])
    around = np.sort(padded[places[:, None] + offsets], axis=1)
    found = (~np.isnan(around)).sum(axis=1)
    row = np.arange(len(places))
    median = (around[row, np.maximum(found - 1, 0) // 2] + around[row, found // 2]) / 2
    return np.where(found >= AROUND, median, longest / 3)


def _with_gaps(at: Ints, curve: Curve, longest: timedelta) -> Curve:
    """The points, with an empty one in every stretch that is a gap."""
    if len(at) < 2:
        return curve
    broken = np.flatnonzero(breaks(at, longest // _MILLISECOND) & ~np.isnan(curve.table[:-1, 2]))
    if not len(broken):
        return curve
    empty = np.full((len(broken), 4), np.nan)
    empty[:, 0] = (at[broken] + longest // _MILLISECOND) / 1000
    return Curve(np.insert(curve.table, broken + 1, empty, axis=0), np.insert(curve.suspect, broken + 1, values=False))
