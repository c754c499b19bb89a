"""One device's lane: one request at a time, a deadline, a pace, one credential breaker, commands first.

Everything that speaks to a BMC over one protocol goes through its lane: polls, poll-now requests, credential tests and
commands. The lane does no I/O and knows no protocol; a session asks it for its turn before each request, and tells it
how logins went.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

from fleetmon.clock import Clock
from fleetmon.errors import AccessDenied, Unreachable


class Priority(IntEnum):
    """Who goes first when several wait for the same BMC."""

    COMMAND = 0
    PERSON = 1
    """Someone is looking: poll now, a credential test, a raw resource."""
    POLL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How hard a device may be asked. Durations are for one device."""

    request_timeout: timedelta = timedelta(seconds=30)
    """For one request, connect to last byte."""
    poll_deadline: timedelta = timedelta(seconds=50)
    """For one poll, whatever it asks."""
    connect_timeout: timedelta = timedelta(seconds=10)
    minimum_gap: timedelta = timedelta(0)
    """Between the end of one request and the start of the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What is known of a device's opinion of our credentials; kept over restarts.

    After `LIMIT` refused logins nobody tries again before `open_until`, then one try is let through. A new credential
    version starts afresh (F05: five refusals lock many BMCs for 300 s, and each further try restarts that clock).
    """

    refusals: int = 0
    open_until: datetime | None = None
    credential_version: int = 0

    LIMIT = 2
    REST = timedelta(minutes=10)

    def allows(self, now: datetime, credential_version: int) -> bool:
        """May a login be tried now?"""
        if credential_version != self.credential_version or self.refusals < self.LIMIT:
            return True
        return self.open_until is not None and now >= self.open_until

    def refused(self, now: datetime, credential_version: int) -> Breaker:
        """After a refused login."""
        before = self.refusals if credential_version == self.credential_version else 0
        refusals = before + 1
        return Breaker(
            refusals=refusals,
            open_until=now + self.REST if refusals >= self.LIMIT else None,
            credential_version=credential_version,
        )

    def accepted(self, credential_version: int) -> Breaker:
        """After a login that worked."""
        return replace(self, refusals=0, open_until=None, credential_version=credential_version)


class Lane:
    """One device's lane over one protocol."""

    def __init__(self, *, device: str, clock: Clock, pace: Pace | None = None, breaker: Breaker | None = None) -> None:
        self.device = device
        self.pace = pace or Pace()
        self.breaker = breaker or Breaker()
        self._clock = clock
        self._busy = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._last_end = float("-inf")

    @contextlib.asynccontextmanager
    async def turn(self, priority: Priority = Priority.POLL) -> AsyncIterator[None]:
        """Hold the device for one request. Waiters go by priority, then by arrival."""
        await self._enter(priority)
        try:
            gap = self._last_end + self.pace.minimum_gap.total_seconds() - self._clock.monotonic()
            if gap > 0:
                await self._clock.sleep(gap)
            yield
        finally:
            self._last_end = self._clock.monotonic()
            self._leave()

    def login_allowed(self, credential_version: int) -> None:
        """Raise AccessDenied, without a byte sent, while the credential breaker is open."""
        if not self.breaker.allows(self._clock.now(), credential_version):
            until = f"{self.breaker.open_until:%H:%M:%S} UTC" if self.breaker.open_until else "new credentials"
            raise AccessDenied(
                f"credentials were refused {self.breaker.refusals} times; not trying again before {until}",
                device=self.device,
                cure="correct the user or password of this device's credential set",
            )

    def login_refused(self, credential_version: int) -> None:
        """The device refused our credentials."""
        self.breaker = self.breaker.refused(self._clock.now(), credential_version)

    def login_accepted(self, credential_version: int) -> None:
        """The device took our credentials."""
        if self.breaker.refusals or self.breaker.credential_version != credential_version:
            self.breaker = self.breaker.accepted(credential_version)

    @contextlib.asynccontextmanager
    async def deadline(self, seconds: float | None = None) -> AsyncIterator[None]:
        """Raise Unreachable when the body takes longer than the poll deadline, waiting for a turn included."""
        limit = self.pace.poll_deadline.total_seconds() if seconds is None else seconds
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError:
            raise Unreachable(f"no full answer within {limit:g} s", device=self.device) from None

    async def _enter(self, priority: Priority) -> None:
        if not self._busy:
            self._busy = True
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), granted))
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiting:
            _, _, granted = heapq.heappop(self._waiting)
            if not granted.done():
                granted.set_result(None)
                return
        self._busy = False
