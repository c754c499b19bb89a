"""One poll under way, the same for every protocol: what it has learned so far is kept, whatever happens next."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from typing import Protocol as Contract

from fleetmon.clock import Clock
from fleetmon.drivers.base import Request
from fleetmon.drivers.outcome import outcome_of
from fleetmon.errors import AccessDenied, DeviceError, Untrusted
from fleetmon.model import (
    Aspect,
    ComponentHealth,
    Identity,
    Inventory,
    LogReading,
    Neighbour,
    Observation,
    Power,
    Problem,
    Protocol,
    Reachability,
    Reading,
    Station,
)

SHARE = 0.85
"""Of the poll deadline: after it a poll stops by itself and goes on in the next one."""


class Counting(Contract):
    """A session, as far as a poll's cost is told by it."""

    @property
    def requests(self) -> int:
        """Sent so far."""
        ...


@dataclass(slots=True, kw_only=True)
class Look:
    """What every protocol's poll has in common; each adds its own way of asking."""

    protocol: ClassVar[Protocol]
    whole: ClassVar[str]
    """The resource a failure is told of when it names none."""
    shut_out: ClassVar[tuple[type[DeviceError], ...]] = (AccessDenied, Untrusted)
    """Failures that are the poll's outcome even when something was answered before."""

    request: Request
    at: datetime
    """When what it learned was so."""
    clock: Clock
    limit: float
    """On the monotonic clock: from then on the poll should come to its end."""
    answered: set[Aspect] = field(default_factory=set)
    power: Power | None = None
    overall: ComponentHealth | None = None
    readings: list[Reading] = field(default_factory=list)
    health: tuple[ComponentHealth, ...] = ()
    components_complete: bool = False
    logs: list[LogReading] = field(default_factory=list)
    inventory: Inventory | None = None
    identity: Identity | None = None
    neighbours: tuple[Neighbour, ...] | None = None
    stations: tuple[Station, ...] | None = None
    problems: list[Problem] = field(default_factory=list)
    answers: int = 0
    """Answers the device has given in this poll, whatever they said."""
    failed: DeviceError | None = None
    """What ended the poll, or the last that went wrong; the poll's outcome when nothing was answered."""
    reachability: Reachability = Reachability.REACHABLE
    reason: str = ""
    seconds: float = 0.0
    requests: int = 0

    def now(self) -> datetime:
        """The wall clock."""
        return self.clock.now()

    def monotonic(self) -> float:
        """The clock for durations."""
        return self.clock.monotonic()

    def has_time(self) -> bool:
        """Is there time left to ask for more?"""
        return self.clock.monotonic() < self.limit

    def wants(self, *aspects: Aspect) -> bool:
        """Was any of these asked for?"""
        return any(aspect in self.request.aspects for aspect in aspects)

    def done(self, *aspects: Aspect) -> None:
        """These were read well enough to count as seen, if they were asked for."""
        self.answered |= self.request.aspects.intersection(aspects)

    def tell(self, resource: str, reason: str) -> None:
        """Note what could not be read or believed."""
        self.problems.append(Problem(resource=resource, reason=reason))

    def find(self, resource: str, reason: str) -> None:
        """Note what was read well and is worth a person's attention."""
        self.problems.append(Problem(resource=resource, reason=reason, finding=True))

    @contextlib.asynccontextmanager
    async def under_way(self, session: Counting) -> AsyncIterator[None]:
        """While it asks: a device's failure ends it here, and is its outcome or one of its problems."""
        started, before = self.clock.monotonic(), session.requests
        try:
            yield
        except DeviceError as error:
            self.failed = error
        self.seconds, self.requests = self.clock.monotonic() - started, session.requests - before
        if self.failed is not None and (not self.answers or isinstance(self.failed, self.shut_out)):
            self.reachability, self.reason = outcome_of(self.failed)
        elif self.failed is not None:
            self.tell(self.failed.resource or self.whole, self.failed.reason)

    def observation(self) -> Observation:
        """All of it, as the poll's outcome."""
        return Observation(
            protocol=self.protocol,
            asked=self.request.aspects,
            answered=frozenset(self.answered),
            taken_at=self.at,
            seconds=self.seconds,
            requests=self.requests,
            reachability=self.reachability,
            reason=self.reason,
            power=self.power,
            overall=self.overall,
            readings=tuple(self.readings),
            health=self.health,
            components_complete=self.components_complete,
            logs=tuple(self.logs),
            inventory=self.inventory,
            identity=self.identity,
            neighbours=self.neighbours,
            stations=self.stations,
            problems=tuple(dict.fromkeys(self.problems)),
        )
