"""What must hold of what a device tells, before it is believed."""

from __future__ import annotations

from fleetmon.model import Thresholds


def sound(limits: Thresholds) -> Thresholds:
    """The thresholds, or none of them where they contradict each other, as those do that nobody set."""
    lower = [one for one in (limits.lower_fatal, limits.lower_critical, limits.lower_caution) if one is not None]
    upper = [one for one in (limits.upper_caution, limits.upper_critical, limits.upper_fatal) if one is not None]
    if lower != sorted(lower) or upper != sorted(upper) or (lower and upper and lower[-1] >= upper[0]):
        return Thresholds()
    return limits
