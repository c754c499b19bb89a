"""How often something may happen: a burst, then a steady rate; pure but for what it counts."""

from __future__ import annotations


class Rate:
    """A token bucket: `burst` at once, then `per_second`. Time is an argument, on the monotonic clock."""

    __slots__ = ("_at", "_burst", "_left", "_per_second")

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = burst
        self._at = float("-inf")

    def allows(self, now: float, cost: float = 1) -> bool:
        """May it happen now? If so it is counted."""
        gained = max(0.0, now - self._at) * self._per_second
        self._left, self._at = min(self._burst, self._left + gained), now
        if self._left < cost:
            return False
        self._left -= cost
        return True
