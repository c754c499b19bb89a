"""Who is due: everybody at a slot of their own, and those who have none yet, or missed it, in a line.

The line is served a few at a time, so that a start with ten thousand unknown devices, or a long stall, never keeps
those waiting whose slot it is.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

RECOVERY = 5
"""The share of those who missed their slot in a stall that one call serves."""


class Due(Protocol):
    """Somebody with a slot, in seconds of the monotonic clock."""

    due: float


D = TypeVar("D", bound=Due)


class Rota(Generic[D]):
    """An entry counts as long as its owner's `due` is what it was when the entry was made."""

    def __init__(self, *, from_line: int, stall: float) -> None:
        self._from_line = from_line
        self._stall = stall
        self._slots: list[tuple[float, int, D]] = []
        self._line: deque[tuple[float, D]] = deque()
        self._missed: deque[tuple[float, D]] = deque()
        """Those whose slot passed in a stall; however many they are, they are called within some ten calls."""
        self._order = itertools.count()

    def at_slot(self, who: D) -> None:
        """Be called at `who.due`."""
        heapq.heappush(self._slots, (who.due, next(self._order), who))

    def in_line(self, who: D) -> None:
        """Be called as soon as the line allows, and no later than at a slot that was asked for, too."""
        self._line.append((who.due, who))

    def call(self, now: float) -> Iterator[D]:
        """Everybody whose slot it is, then some of those who missed theirs in a stall, then some of those in line."""
        while self._slots and self._slots[0][0] <= now:
            due, _, who = heapq.heappop(self._slots)
            if due != who.due:
                continue
            if now - due > self._stall:
                self._missed.append((due, who))
            else:
                yield who
        called, most = 0, max(self._from_line, len(self._missed) // RECOVERY)
        while self._missed and called < most:
            due, who = self._missed.popleft()
            if due == who.due:
                called += 1
                yield who
        while self._line and called < self._from_line:
            due, who = self._line.popleft()
            if due == who.due:
                called += 1
                yield who

    def clear(self) -> None:
        """Nobody is due any more."""
        self._slots.clear()
        self._line.clear()
        self._missed.clear()
