"""The fleet's own time, and what is due at which instant of it.

Nothing here ticks. Sensor values are computed from the time when someone asks; what must happen at an instant (a power
state reached, a rebuild done, a scene of the story) waits on the agenda and is settled before every answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache

Action = Callable[[float], None]
"""What to do; it is given the instant at which it was due."""


class Clock:
    """Real time plus what has been advanced, in epoch seconds."""

    def __init__(self, real: Callable[[], float] = time.time, *, speed: float = 1.0) -> None:
        self._real = real
        self._shift = 0.0
        self.held: float | None = None
        self.speed = speed
        self.started_at = real()

    def now(self) -> float:
        """This instant; while the agenda settles, the instant that is being settled."""
        return self._real() + self._shift if self.held is None else self.held

    def advance(self, seconds: float) -> None:
        """Moves every clock of the fleet forward."""
        self._shift += seconds

    def hold(self, instant: float | None) -> None:
        """Makes `now` stand at an instant, or lets it run again."""
        self.held = instant

    def season(self, instant: float) -> float:
        """The instant as slow things see it: days pass `speed` times as fast, from the start in both directions."""
        return self.started_at + (instant - self.started_at) * self.speed


class Agenda:
    """What will happen, in order of time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._due: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()
        self._settling = False

    def at(self, instant: float, action: Action) -> None:
        """Puts an action on the agenda."""
        heapq.heappush(self._due, (instant, next(self._order), action))
        if self._due[0][2] is action:
            self._changed.set()

    def after(self, seconds: float, action: Action) -> None:
        """Puts an action on the agenda, counted from now."""
        self.at(self.clock.now() + seconds, action)

    def settle(self) -> None:
        """Does everything that is due, each at its own instant; what an action adds waits for its turn."""
        if self._settling:
            return
        now, held = self.clock.now(), self.clock.held
        self._settling = True
        try:
            while self._due and self._due[0][0] <= now:
                instant, _, action = heapq.heappop(self._due)
                self.clock.hold(instant)
                action(instant)
        finally:
            self.clock.hold(held)
            self._settling = False

    def advance(self, seconds: float) -> None:
        """Moves the clock and does what became due on the way."""
        self.clock.advance(seconds)
        self.settle()
        self._changed.set()

    async def run(self) -> None:
        """Settles in time even when nobody asks; sleeps until the next entry, so an idle fleet costs nothing."""
        while True:
            self.settle()
            self._changed.clear()
            wait = self._due[0][0] - self.clock.now() if self._due else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if wait is None else max(wait, 0.0)):
                    await self._changed.wait()


@lru_cache(maxsize=64)
def http_date(instant: int) -> str:
    """An instant as the Date header has it."""
    return formatdate(instant, usegmt=True)


def iso(instant: float, offset: str = "Z") -> str:
    """An instant as Redfish writes it, in whole seconds; `offset` is only appended, never applied."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S") + offset
