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


def duties(missed: Sequence[int], misses: int) -> frozenset[Aspect]:
    """What an endpoint is asked, by the polls that each of the endpoints before it missed in a row."""
    if not missed:
        return FIRST
    return STAND_IN if all(number >= misses for number in missed) else WITNESS
