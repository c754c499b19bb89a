"""What a counter's readings say of its rate; pure.

A rate is between two good counts next to each other, and nowhere else: not across a restart of what counts (its first
count comes suspect), not across a poll that missed it, not across a gap. Less than before is a reset, unless the
counter is one that wraps and the wrapped difference is about what was counted just before or after.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fleetmon.storage import history
from fleetmon.storage.codec import Doubles, Ints
from fleetmon.storage.history import Taken
from fleetmon.storage.rollups import Steps

WRAPS_AT = 2**32
"""Where a counter of 32 bits begins anew."""
ALIKE = 2.0
"""A wrapped difference is believed up to so many times the rate beside it."""
TOO_NEAR = 9
"""Two counts nearer to each other than this part of what is a gap tell no rate of their own: agents count behind a
cache of some seconds, so that the second would tell nothing, or all of it at once."""


def rates(found: Taken, longest: int, *, wraps: bool = False) -> Taken:
    """The counts as rates by second, each at its end; NaN where there is none. What is longer is a gap (ms)."""
    found = _apart(found, longest // TOO_NEAR)
    if len(found.at) < 2:
        return found.among(np.zeros(len(found.at), np.bool_))
    seconds = np.diff(found.at) / 1000
    good = ~np.isnan(found.number) & ~found.suspect
    told = good[1:] & good[:-1] & (seconds > 0) & ~history.breaks(found.at, longest)
    counted = np.where(told, np.diff(found.number) + np.diff(found.rest), np.nan)
    by_second = counted / np.where(seconds > 0, seconds, np.nan)
    fell = by_second < 0
    if fell.any():
        by_second[fell] = np.nan
        if wraps:
            by_second[fell] = _wrapped(by_second, (counted + WRAPS_AT) / seconds)[fell]
    return Taken(found.at[1:], by_second, np.zeros(len(by_second), np.bool_), np.zeros(len(by_second)))


def growth(instants: Ints, numbers: Doubles) -> Doubles:
    """Counts as rates by second for a small picture, which knows nothing of doubts; NaN where one went back."""
    with np.errstate(all="ignore"):
        by_second = np.diff(numbers) * 1000 / np.diff(instants)
    return np.where(by_second >= 0, by_second, np.nan)


def _wrapped(by_second: Doubles, wrapped: Doubles) -> Doubles:
    """The wrapped rates that are like one beside them."""
    beside = np.concatenate([[np.nan], by_second, [np.nan]])
    usual = np.fmax(beside[:-2], beside[2:])
    return np.where((wrapped >= 0) & (wrapped <= ALIKE * usual), wrapped, np.nan)


def _apart(found: Taken, least: int) -> Taken:
    """Without good counts that come too soon after the last one; what is doubtful stays, it ends a rate."""
    if not (np.diff(found.at) < least).any():
        return found
    doubtful = found.suspect | np.isnan(found.number)
    kept, last = np.ones(len(found.at), np.bool_), None
    for row, (at, is_doubtful) in enumerate(zip(found.at.tolist(), doubtful.tolist(), strict=True)):
        if is_doubtful:
            last = None
        elif last is not None and at - last < least:
            kept[row] = False
        else:
            last = at
    return found.among(kept)


def step_rates(steps: Steps, width: int) -> Steps:
    """Rates of steps of `width` milliseconds, from the lowest count of one to that of the next; unset where none is.

    A step with a restart or a wrap in it holds less than it began with, or is suspect: it has none, nor has the next.
    """
    if not len(steps.number):
        return steps
    whole = (steps.count > 0) & ~steps.suspect
    low, high = steps.low.astype(np.float64), steps.high.astype(np.float64)
    follows = np.zeros(len(low), np.bool_)
    follows[1:] = (np.diff(steps.number) == 1) & whole[1:] & whole[:-1] & (low[1:] >= high[:-1])
    there = np.zeros(len(low), np.bool_)
    there[:-1] = follows[1:] & (follows[:-1] | _begins(steps.number, whole)[:-1])
    by_second = np.full(len(low), np.nan)
    by_second[:-1] = np.diff(low) * 1000 / width
    told = np.where(there, by_second, np.nan)
    return Steps(
        steps.number,
        told,
        told,
        np.where(there, told, 0.0),
        there.astype(np.int64),
        np.zeros(len(low), np.bool_),
    )


def _begins(number: Ints, whole: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Steps before which nothing is known."""
    begins = np.ones(len(number), np.bool_)
    begins[1:] = (np.diff(number) != 1) | ~whole[:-1]
    return begins
