"""Time, passed in: a fault that takes an hour takes a test a millisecond.

Nothing else in `fleetmon` reads the wall clock, the monotonic clock or sleeps; `tests/unit/test_house.py` holds this.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC; it may be stepped."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards, for durations and deadlines."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; at once for zero or less, after giving others a turn."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """A clock that stands still until a test moves it.

    `advance` wakes sleepers in the order of their instants and lets each run before time goes on, so code under test
    sees the same sequence it would see in real life.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), woken))
        await woken

    def step_wall_clock(self, by: timedelta) -> None:
        """Move the wall clock alone, as an administrator or NTP would."""
        self._now += by

    async def advance(self, by: timedelta | float) -> None:
        """Let `by` (seconds, or a timedelta) pass."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        goal = self._elapsed + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= goal:
            due, _, woken = heapq.heappop(self._sleepers)
            self._move_to(max(due, self._elapsed))
            if not woken.done():
                woken.set_result(None)
            await self._settle()
        self._move_to(goal)
        await self._settle()

    def _move_to(self, elapsed: float) -> None:
        self._now += timedelta(seconds=elapsed - self._elapsed)
        self._elapsed = elapsed

    @staticmethod
    async def _settle() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
