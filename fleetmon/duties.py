"""Who of a device's endpoints is asked what; pure.

The first endpoint tells everything. The others are witnesses: they are asked whether the device is there and on, and
for more only while every endpoint before them is silent, so that a dead Redfish service hides neither a failing drive
nor a hot inlet, and a living one is told by nobody else a second time.
"""

from __future__ import annotations

from collections.abc import Sequence

from fleetmon.model import Aspect

FIRST = frozenset(Aspect)
WITNESS = frozenset({Aspect.HEARTBEAT})
STAND_IN = FIRST - {Aspect.INVENTORY}
"""What parts a device has is not told by two: their names and slots differ too much to be one history."""
WITNESSED = 2
"""Polls missed in a row that prove an endpoint silent where another one answers: the BMC lives, that door is shut.

One is no proof: it costs the first endpoint a walk through everything when it is back.
"""


def patience(misses: int, *, answers: bool) -> int:
    """Polls an endpoint may miss in a row before another one speaks for it, which `answers` or does not itself."""
    return min(misses, WITNESSED) if answers else misses


def duties(missed: Sequence[int], misses: int) -> frozenset[Aspect]:
    """What an endpoint is asked, by the polls that each of the endpoints before it missed in a row.

    `misses` is how many make one silent, as `patience` has it.
    """
    if not missed:
        return FIRST
    return STAND_IN if all(number >= misses for number in missed) else WITNESS
