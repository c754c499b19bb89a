"""One endpoint under the eyes of the role `devices`: its lane, its driver, and where it is in its cadence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from fleetmon.clock import Clock
from fleetmon.drivers.base import Driver
from fleetmon.drivers.lane import Breaker, Lane, Pace
from fleetmon.duties import FIRST
from fleetmon.keeper import Watched
from fleetmon.model import Aspect, LogMark, Protocol
from fleetmon.places import Standing
from fleetmon.quiet import Told
from fleetmon.settings import Polling

Spawn = Callable[[Coroutine[Any, Any, None], str], object]
"""Starts a task of the role, by its name."""
ANSWERED = timedelta(seconds=10)
"""For one IPMI command at most: it is a datagram there and one back, and a heartbeat that fails shall say so soon."""


@dataclass(slots=True, kw_only=True, eq=False)
class Watch:
    """One endpoint. What of this a restart must not lose is in the store."""

    watched: Watched
    lane: Lane
    asked: dict[Aspect, datetime]
    driver: Driver | None = None
    """None until somebody needs it: what it remembers is read from the store then, and not for all at once."""
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    marks: Mapping[str, LogMark] = field(default_factory=dict)
    kept: tuple[int, int, Breaker] | None = None
    """Versions of the device and of the driver's memory, and the breaker, as they were stored last."""
    due: float = 0.0
    """On the monotonic clock."""
    task: asyncio.Task[str] | None = None
    ailing: bool = False
    missed: int = 0
    """Polls in a row in which it could not be asked."""
    owed: frozenset[Aspect] = frozenset()
    """What fell due while it could not be asked at all: asked for as soon as it can."""
    duties: frozenset[Aspect] = FIRST
    """What it was asked last by its place among the device's endpoints."""
    told: Told | None = None
    """What is stored of its heartbeats."""
    gone: bool = False
    wanted: frozenset[Aspect] = frozenset()
    """What the device itself gave a reason to ask for."""
    hurried_at: float | None = None
    """When a poll for that last began, or is about to."""
    walk_waits: bool = False
    """Is a walk that it gave a reason for put off?"""

    @property
    def name(self) -> str:
        """What people call the device."""
        return self.watched.device.name

    @property
    def is_first(self) -> bool:
        """Is it the endpoint that tells everything of its device?"""
        endpoints = self.watched.device.endpoints
        return not endpoints or endpoints[0].protocol is self.watched.endpoint.protocol

    @property
    def standing(self) -> Standing:
        """How it stands when its turn comes."""
        if self.ailing:
            return Standing.AILING
        return Standing.HEALTHY if self.asked else Standing.NEW

    def version(self, driver: Driver) -> tuple[int, int, Breaker]:
        """What changes with everything that is worth storing of a driver and its lane."""
        return self.watched.device.version, driver.memory_version, self.lane.breaker


def lane_of(watched: Watched, polling: Polling, clock: Clock) -> Lane:
    """A lane at the pace of the settings."""
    timeout = polling.request_timeout
    if watched.endpoint.protocol is Protocol.IPMI:
        timeout = min(ANSWERED, timeout)
    pace = Pace(
        request_timeout=timeout,
        poll_deadline=polling.poll_deadline,
        connect_timeout=polling.connect_timeout,
        minimum_gap=polling.minimum_gap,
    )
    return Lane(device=watched.endpoint.address, clock=clock, pace=pace)


def pinned(watched: Watched, seen_spki: str | None) -> Watched:
    """With the key that was just stored as the first one seen, which is no edit that would tell us of itself."""
    endpoint = watched.endpoint
    if endpoint.verify != "pin" or endpoint.pinned_spki is not None or seen_spki is None:
        return watched
    return replace(watched, endpoint=replace(endpoint, pinned_spki=seen_spki))


def speaks_differently(before: Watched, after: Watched) -> bool:
    """Must the driver be opened anew: another address, another way to trust it, or other credentials.

    The first pin is no change: it is what this very driver saw.
    """
    known = before.endpoint
    if known.pinned_spki is None:
        known = replace(known, pinned_spki=after.endpoint.pinned_spki)
    return (known, _version(before)) != (after.endpoint, _version(after))


def _version(watched: Watched) -> tuple[str, int] | None:
    credentials = watched.credentials
    return None if credentials is None else (credentials.user, credentials.version)
