"""Series from packed rows: samples, gaps and steps; pure."""

from __future__ import annotations

import math
import statistics
import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from fleetmon.model import NoReading, Quality, Reading, Sensor
from fleetmon.storage.columns import from_ms, to_ms
from fleetmon.storage.packing import Exceptional, unpack_exceptions
from fleetmon.storage.rows import Point

_NUMBER = struct.Struct("<d")
_SAME = 1000
"""Milliseconds within which a repeated reading is the one we have: ages are rounded."""
AROUND = 6
"""Stretches looked at on each side to know what is usual."""
NICE_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds a step may be, so that steps fall on round instants."""


class Sample(NamedTuple):
    """One sensor at one instant, in milliseconds; no number where the device gave none."""

    at: int
    number: float | None
    suspect: bool


def samples(rows: Iterable[Any], place: int) -> list[Sample]:
    """What the rows say at `place`; a reading the device repeated from earlier counts once, at its own instant."""
    found: list[Sample] = []
    for row in rows:
        number = _NUMBER.unpack(row["number"])[0] if len(row["number"]) == _NUMBER.size else math.nan
        at, suspect = row["taken_at"], False
        exception = unpack_exceptions(row["exceptions"]).get(place)
        if exception is not None:
            at -= exception.age // timedelta(milliseconds=1)
            suspect = exception.quality is not Quality.GOOD
            told_before = at < row["taken_at"] and found and at <= found[-1].at + _SAME
            if told_before or not exception.asked:
                continue
        found.append(Sample(at, None if math.isnan(number) else number, suspect))
    return found


def reading(sensor: Sensor, number: float, exception: Exceptional | None, taken_at: datetime) -> Reading | None:
    """One place of a packed row as a reading; None when the poll did not ask."""
    if exception is None:
        return Reading(sensor=sensor, value=NoReading.FAULTY if math.isnan(number) else number, taken_at=taken_at)
    if not exception.asked:
        return None
    value = exception.reason or (NoReading.FAULTY if math.isnan(number) else number)
    return Reading(sensor=sensor, value=value, taken_at=taken_at - exception.age, quality=exception.quality)


def shape(
    taken: Sequence[Sample], start: datetime, end: datetime, points: int, longest: timedelta
) -> tuple[timedelta | None, list[Point]]:
    """Points for a chart: the samples themselves where they fit, else min, mean and max of each step; gaps are told."""
    if len(taken) <= points:
        return None, list(_with_gaps([_point(sample) for sample in taken], longest))
    step = _step(end - start, points)
    return step, list(_with_gaps(list(_steps(taken, step)), max(longest, step * 1.5)))


def gaps(taken: Sequence[Sample], start: datetime, end: datetime, longest: timedelta) -> int:
    """Stretches without a number inside the span that are gaps: see `breaks`."""
    instants = [sample.at for sample in taken if sample.number is not None]
    return sum(breaks([to_ms(start), *instants, to_ms(end)], longest // timedelta(milliseconds=1)))


def breaks(instants: Sequence[int], longest: int) -> list[bool]:
    """For each stretch between two instants: is it a gap, that is, longer than `longest` and unusual for its time.

    Usual is up to three times the median of the stretches around it: a device that was asked every hour last month, and
    is asked every minute now, has no gaps last month.
    """
    stretches = [later - earlier for earlier, later in pairwise(instants)]
    return [
        stretch > longest and stretch > 3 * _usual(stretches, place, longest) for place, stretch in enumerate(stretches)
    ]


def _usual(stretches: Sequence[int], place: int, longest: int) -> float:
    """The median stretch around a place; with too few around it, a third of the longest that is allowed."""
    around = [*stretches[max(0, place - AROUND) : place], *stretches[place + 1 : place + 1 + AROUND]]
    return statistics.median(around) if len(around) >= AROUND else longest / 3


def _step(span: timedelta, points: int) -> timedelta:
    wanted = span.total_seconds() / max(1, points)
    seconds = next((nice for nice in NICE_STEPS if nice >= wanted), None)
    return timedelta(seconds=seconds if seconds is not None else math.ceil(wanted / 86400) * 86400)


def _steps(taken: Sequence[Sample], step: timedelta) -> Iterator[Point]:
    width = step // timedelta(milliseconds=1)
    for number, group in groupby(taken, key=lambda sample: sample.at // width):
        inside = list(group)
        numbers = [sample.number for sample in inside if sample.number is not None]
        at = from_ms(number * width)
        if numbers:
            yield Point(
                at=at,
                minimum=min(numbers),
                mean=math.fsum(numbers) / len(numbers),
                maximum=max(numbers),
                suspect=any(sample.suspect for sample in inside),
            )
        else:
            yield Point(at=at, minimum=None, mean=None, maximum=None)


def _point(sample: Sample) -> Point:
    return Point(
        at=from_ms(sample.at), minimum=sample.number, mean=sample.number, maximum=sample.number, suspect=sample.suspect
    )


def _with_gaps(points: Sequence[Point], longest: timedelta) -> Iterator[Point]:
    """The points, with an empty one in every stretch that is a gap."""
    broken = breaks([to_ms(point.at) for point in points], longest // timedelta(milliseconds=1))
    for point, gap_follows in zip(points, [*broken, False], strict=False):
        yield point
        if gap_follows and point.mean is not None:
            yield Point(at=point.at + longest, minimum=None, mean=None, maximum=None)
