"""What one poll has learned so far; whatever happens next, this is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from fleetmon.clock import Clock
from fleetmon.drivers.base import Request
from fleetmon.drivers.redfish.resource import Fetch, Resource
from fleetmon.errors import DeviceError, Unsupported
from fleetmon.model import (
    Aspect,
    ComponentHealth,
    Identity,
    Inventory,
    LogReading,
    Observation,
    Power,
    Problem,
    Protocol,
    Reachability,
    Reading,
)


@dataclass(slots=True)
class Look:
    """A poll under way. It is itself a `Fetch`, so that it knows what was answered."""

    request: Request
    started_at: datetime
    source: Fetch
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
    problems: list[Problem] = field(default_factory=list)
    answers: int = 0
    """Resources the device has given in this poll."""
    failed: DeviceError | None = None
    """The last failure; it is the outcome of the poll when nothing was answered."""
    gone: bool = False
    """Was anything asked for that is no longer there?"""

    def now(self) -> datetime:
        """The wall clock."""
        return self.clock.now()

    def monotonic(self) -> float:
        """The clock for durations."""
        return self.clock.monotonic()

    def may_walk(self) -> bool:
        """Is there time left for another resource?"""
        return self.clock.monotonic() < self.limit

    async def get(self, path: str) -> Resource:
        """The resource at `path`; raises DeviceError."""
        resource = await self.source.get(path)
        self.answers += 1
        return resource

    def wants(self, *aspects: Aspect) -> bool:
        """Was any of these asked for?"""
        return any(aspect in self.request.aspects for aspect in aspects)

    def tell(self, resource: str, reason: str) -> None:
        """Note what could not be read or believed."""
        self.problems.append(Problem(resource=resource, reason=reason))

    def find(self, resource: str, reason: str) -> None:
        """Note what was read well and is worth a person's attention."""
        self.problems.append(Problem(resource=resource, reason=reason, finding=True))

    def fail(self, error: DeviceError, path: str) -> None:
        """Note that one resource could not be had."""
        self.failed = error
        self.gone = self.gone or isinstance(error, Unsupported)
        self.tell(path, error.reason)

    def observation(self, *, seconds: float, requests: int, reachability: Reachability, reason: str) -> Observation:
        """All of it, as the poll's outcome."""
        return Observation(
            protocol=Protocol.REDFISH,
            asked=self.request.aspects,
            answered=frozenset(self.answered),
            taken_at=self.started_at,
            seconds=seconds,
            requests=requests,
            reachability=reachability,
            reason=reason,
            power=self.power,
            overall=self.overall,
            readings=tuple(self.readings),
            health=self.health,
            components_complete=self.components_complete,
            logs=tuple(self.logs),
            inventory=self.inventory,
            identity=self.identity,
            problems=tuple(dict.fromkeys(self.problems)),
        )
