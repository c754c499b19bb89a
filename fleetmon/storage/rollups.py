"""Rollups: minimum, maximum, sum and count of a sensor's readings by steps of 5 minutes, an hour and a day.

They are made of whole numbers wherever the readings are decimals, so that a sum is exact and small. A step whose
readings all lack a number is kept with the count 0: that something was asked and nothing came is worth knowing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleetmon.storage.codec import BITS, SINGLE, Doubles, Ints, Packed, compressed, pack_ints, unpacked, unscaled_all
from fleetmon.storage.pages import Opened, body_of, groups_of

FIVE_MINUTES, HOUR, DAY = 300, 3600, 86400
STEPS = (FIVE_MINUTES, HOUR, DAY)
"""Seconds, each a multiple of the one before."""
GROUP = 24
"""Columns of one frame: a chart asks for one of them over many days."""
LEVEL = 14
SUMMABLE = 2**48
"""Whole numbers below this can be summed over a day without overflow; larger ones are summed as doubles."""
_NOT_ASKED = -1
_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps of one sensor, ascending, by their number since 1970; whole numbers or doubles, unset where count is 0."""

    number: Ints
    low: NDArray[Any]
    high: NDArray[Any]
    total: NDArray[Any]
    count: Ints
    suspect: NDArray[np.bool_]

    def among(self, chosen: NDArray[Any] | slice) -> Steps:
        """Those chosen."""
        return Steps(*(getattr(self, name)[chosen] for name in Steps.__slots__))

    def column(self, place: int) -> Steps:
        """One sensor's steps, of those of several sensors side by side."""
        return Steps(
            self.number,
            self.low[:, place],
            self.high[:, place],
            self.total[:, place],
            self.count[:, place],
            self.suspect[:, place],
        )

    def means(self) -> Doubles:
        """The mean of each step; NaN where there is no number."""
        with np.errstate(all="ignore"):
            return np.clip(np.where(self.count > 0, self.total / self.count, np.nan), self.low, self.high)


def steps_of(
    at: Ints, numbers: NDArray[Any], there: NDArray[np.bool_], suspect: NDArray[np.bool_], width: int
) -> Steps:
    """Samples by steps of `width` milliseconds; `there` tells which samples have a number."""
    return _grouped(Steps(at // width, numbers, numbers, np.where(there, numbers, 0), there.astype(np.int64), suspect))


def coarser(steps: Steps, factor: int) -> Steps:
    """The same by steps `factor` times as wide; of several steps with one number, one is made."""
    number = steps.number // factor
    return _grouped(Steps(number, steps.low, steps.high, steps.total, steps.count, steps.suspect))


def together(parts: Sequence[Steps]) -> Steps:
    """Steps of one sensor from several places."""
    return Steps(*(np.concatenate([getattr(part, name) for part in parts]) for name in Steps.__slots__))


def _grouped(steps: Steps) -> Steps:
    if not len(steps.number):
        return steps
    if (np.diff(steps.number) < 0).any():
        steps = steps.among(np.argsort(steps.number, kind="stable"))
    starts = np.flatnonzero(np.diff(steps.number, prepend=steps.number[0] - 1))
    least, most = _ends(steps.low.dtype)
    there = steps.count > 0
    with np.errstate(over="ignore"):  # a sum beyond a double is infinite, and its mean the highest number
        total = np.add.reduceat(np.where(there, steps.total, 0), starts)
    return Steps(
        steps.number[starts],
        np.minimum.reduceat(np.where(there, steps.low, most), starts),
        np.maximum.reduceat(np.where(there, steps.high, least), starts),
        total,
        np.add.reduceat(steps.count, starts),
        np.logical_or.reduceat(steps.suspect & there, starts),
    )


def _ends(kind: np.dtype[Any]) -> tuple[Any, Any]:
    if kind == np.int64:
        limits = np.iinfo(np.int64)
        return limits.min, limits.max
    return -np.inf, np.inf


# ---- pages ----------------------------------------------------------------------------------------------------------


def rolled_page(columns: Sequence[Steps], scales: Sequence[int]) -> bytes:
    """The steps of a layout's sensors over a day as the body of a page; whole numbers are at their column's scale."""
    numbers = np.unique(np.concatenate([column.number for column in columns]))
    frames: list[bytes] = []
    for group in groups_of(len(columns), GROUP):
        laid = [_laid(column, scale, numbers) for column, scale in zip(columns[group], scales[group], strict=True)]
        matrix = np.stack([part for parts in zip(*laid, strict=True) for part in parts], axis=1)
        frames.append(compressed(bytes(scales[group]) + pack_ints(matrix), LEVEL))
    return body_of(numbers, len(columns), GROUP, LEVEL, frames)


def _laid(steps: Steps, scale: int, numbers: Ints) -> tuple[Ints, ...]:
    """One sensor's steps in the rows of its page: low, range, count, suspect, sum beyond what is expected."""
    row = np.searchsorted(numbers, steps.number)
    count = np.full(len(numbers), _NOT_ASKED)
    count[row] = steps.count
    low, high, total = (_whole(told) for told in (steps.low, steps.high, steps.total))
    # A sum is about that of as many numbers half-way between the lowest and the highest.
    excess = total - (low if scale == BITS else low * steps.count + ((high - low) * steps.count >> 1))
    there = np.flatnonzero(count > 0)
    if not len(there):
        nothing = np.zeros(len(numbers), np.int64)
        return nothing, nothing, count, nothing, nothing
    mine = steps.count > 0
    spread = np.zeros((4, len(numbers)), np.int64)
    spread[:, there] = low[mine], (high - low)[mine], steps.suspect[mine], excess[mine]
    spread[0] = spread[0][_last_of(there, len(numbers))]
    return spread[0], spread[1], count, spread[2], spread[3]


def _whole(numbers: NDArray[Any]) -> Ints:
    return numbers if numbers.dtype == np.int64 else np.ascontiguousarray(numbers).view(np.int64)


def _last_of(there: Ints, rows: int) -> Ints:
    """For each row the last one up to it that has a number, the first such row before that."""
    marked = np.zeros(rows, np.int64)
    marked[there] = there
    marked[: there[0]] = there[0]
    return np.maximum.accumulate(marked)


def steps_in(opened: Sequence[Opened], place: int) -> Steps:
    """One sensor's steps in pages of one layout, as doubles, page after page."""
    group, inside = divmod(place, GROUP)
    packs, scales = [], []
    for page in opened:
        columns = min(GROUP, page.body.columns - group * GROUP)
        packs.append((Packed.at(page.frame, columns), columns))
        scales.append(page.frame[inside])
    lengths = [packed.rows for packed, _ in packs]
    fields = [(packed, part * columns + inside) for part in range(_FIELDS) for packed, columns in packs]
    number, low, reach, count, suspect, excess = unpacked([(page.body.packed, 0) for page in opened] + fields).reshape(
        6, -1
    )
    bits = np.repeat(np.array(scales) == BITS, lengths)
    total = excess + np.where(bits, low, low * count + (reach * count >> 1))
    sums = [scale if scale == BITS else scale % SINGLE for scale in scales]
    steps = Steps(
        number=number,
        low=unscaled_all(low, scales, lengths),
        high=unscaled_all(low + reach, scales, lengths),
        total=unscaled_all(total, sums, lengths),
        count=count,
        suspect=suspect != 0,
    )
    return steps if (count != _NOT_ASKED).all() else steps.among(count != _NOT_ASKED)
