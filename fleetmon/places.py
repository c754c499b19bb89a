"""Who may work: polls have so many places, and the slow never take those of the quick.

Devices that are new hold much while they are learned, and those that could not be asked last time hold out for long:
both have a quarter of the places, and of their own.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum, auto

from fleetmon.clock import Clock

WORKING = 5.0
"""Seconds after which a poll under way is taken for waiting, not working, and gives its place to another."""


class Standing(Enum):
    """How a device stands when its turn comes."""

    HEALTHY = auto()
    NEW = auto()
    AILING = auto()


@dataclass(slots=True, eq=False)
class Place:
    """A place among the polls at work, given back when the poll ends or turns out to wait."""

    capacity: asyncio.Semaphore
    since: float
    held: bool = True

    def leave(self) -> None:
        """Somebody else may work."""
        if self.held:
            self.held = False
            self.capacity.release()


class Places:
    """All places of a service that has `at_once` polls of healthy devices under way at most."""

    def __init__(self, at_once: int, clock: Clock) -> None:
        few = max(1, at_once // 4)
        self._capacity = {
            Standing.HEALTHY: asyncio.Semaphore(at_once),
            Standing.NEW: asyncio.Semaphore(few),
            Standing.AILING: asyncio.Semaphore(few),
        }
        self._clock = clock
        self._taken: set[Place] = set()

    async def take(self, standing: Standing) -> Place:
        """The next free place; an ailing device keeps its own to the end, since it may do nothing but wait."""
        capacity = self._capacity[standing]
        await capacity.acquire()
        place = Place(capacity, self._clock.monotonic())
        if standing is not Standing.AILING:
            self._taken.add(place)
        return place

    def give_back(self, place: Place) -> None:
        """The poll has ended."""
        self._taken.discard(place)
        place.leave()

    def relieve(self) -> None:
        """Whoever has been at work for longer than `WORKING` only waits: another may work meanwhile."""
        now = self._clock.monotonic()
        for place in [place for place in self._taken if now - place.since > WORKING]:
            self.give_back(place)
