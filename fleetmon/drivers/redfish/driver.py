"""A device over Redfish: what one poll asks for, read the cheapest way that is known to work.

The first poll walks the whole service and learns a plan from it. From then on a poll reads the gate (the system,
for power and health) and the few resources that tell all sensors; the expensive walk is made again when its time
has come, or when the gate says that something has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fleetmon.drivers.base import Memory, Opening, Request
from fleetmon.drivers.fullness import fullness
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.look import SHARE
from fleetmon.drivers.redfish.events import EventSource
from fleetmon.drivers.redfish.exploring import go_on_walking, keep_apart, take_stock
from fleetmon.drivers.redfish.known import Known
from fleetmon.drivers.redfish.learning import (
    health_of,
    sight_of,
)
from fleetmon.drivers.redfish.logbook import TRIES, find_logs, read_log
from fleetmon.drivers.redfish.look import Look
from fleetmon.drivers.redfish.paging import Trail
from fleetmon.drivers.redfish.parse.components import seen_in
from fleetmon.drivers.redfish.plan import LogPlan
from fleetmon.drivers.redfish.quirks import Mended
from fleetmon.drivers.redfish.resource import ROOT, local
from fleetmon.drivers.redfish.session import Session
from fleetmon.drivers.redfish.steady import read_gates, read_sensors
from fleetmon.drivers.redfish.walk import concerns_device
from fleetmon.errors import DeviceError, Unaskable
from fleetmon.model import Aspect, Component, LogReading, Observation


class RedfishDriver:
    """One device over Redfish."""

    def __init__(self, opening: Opening, session: Session | None = None) -> None:
        self._lane = opening.lane
        self._clock = opening.clock
        self._session = session or Session(replace(opening, memory=Memory(session=opening.memory.session)))
        self._known = Known.recalled(opening.memory.plan)
        self.telling = EventSource(replace(opening, memory=Memory()), self._session, self._known)
        self._told_session = opening.memory.session
        self._version = 0

    # ---- the contract ----------------------------------------------------------------------------------------

    async def observe(self, request: Request) -> Observation:
        """Ask once; whatever the device does becomes an observation."""
        limit = self._clock.monotonic() + SHARE * self._lane.pace.poll_deadline.total_seconds()
        look = Look(request=request, at=self._clock.now(), source=self._session, clock=self._clock, limit=limit)
        async with look.under_way(self._session), self._lane.deadline():
            await self._ask(look)
        self._tell_of_session(look)
        return look.observation()

    def memory(self) -> Memory:
        """What to remember over a restart, as of now."""
        return Memory(plan=self._known.to_json(), session=self._session.memory())

    @property
    def memory_version(self) -> int:
        """Grows whenever `memory` has something new to say."""
        session = self._session.memory()
        if session != self._told_session:
            self._told_session = session
            self._version += 1
        return self._version + self._known.version

    @property
    def seen_spki(self) -> str | None:
        """SHA-256 of the public key the device showed; None before TLS was spoken."""
        return self._session.seen_spki

    async def raw(self, resource: str) -> Any:
        """One resource as the device gives it, unmended; raises DeviceError, or Unaskable where nothing is asked."""
        path = local(resource) if "://" not in resource else None
        if path is None:
            raise Unaskable(
                f"{resource[:200]} is no resource of a device", cure="give a path that begins with /redfish/"
            )
        async with self._lane.deadline():
            return (await self._session.get(path, Priority.PERSON)).body

    async def close(self) -> None:
        """Log out and close; a session that is to be used again after a restart is kept by `suspend`."""
        await self._session.close()

    async def suspend(self) -> None:
        """Close the connection and leave the login open, for `memory` to be used by the next driver."""
        await self._session.suspend()

    # ---- one poll --------------------------------------------------------------------------------------------

    async def _ask(self, look: Look) -> None:
        known = self._known
        if known.learned and look.wants(Aspect.HEARTBEAT, Aspect.SENSORS):
            await read_gates(known, look)
        if known.learned and look.wants(Aspect.SENSORS):
            await read_sensors(known, look)
        if not known.learned or known.walk is not None or look.wants(Aspect.COMPONENTS):
            await go_on_walking(known, look)
        if known.walk is None and (known.stocktaking or (look.wants(Aspect.INVENTORY) and look.inventory is None)):
            await take_stock(known, look)
        if look.wants(Aspect.EVENTS):
            await self._read_logs(look)

    # ---- logs ------------------------------------------------------------------------------------------------

    async def _read_logs(self, look: Look) -> None:
        """Every log from where it was left; one that cannot be read does not keep the others from it."""
        if self._known.plan.logs is None or (look.wants(Aspect.INVENTORY) and self._known.log_holders):
            await self._find_logs(look)
        components = self._known.components.components
        read = 0
        for log in self._known.plan.logs or ():
            try:
                reading = await self._read_log(look, log, components)
            except DeviceError as error:
                if concerns_device(error, first=not look.answers):
                    raise
                look.tell(log.entries, error.reason)
                continue
            look.problems.extend(reading.unread)
            if said := fullness(reading):
                look.find(log.entries, said)
            if log.name in look.request.marks or reading.gap or not reading.unread:
                look.logs.append(reading)
                read += 1
        if read == len(self._known.plan.logs or ()):
            look.answered.add(Aspect.EVENTS)

    async def _read_log(self, look: Look, log: LogPlan, components: Mapping[str, Component]) -> LogReading:
        """What is new in one log. What cannot be read is asked for again in the next looks, a few times."""
        tries = self._known.log_tries.get(log.name, 0) + 1
        mark = look.request.marks.get(log.name)
        trail = self._known.log_trails.get(log.name) or Trail()
        before = trail.path
        reading = await read_log(
            Mended(look, self._known.plan.make), log, mark, components, last_try=tries >= TRIES, trail=trail
        )
        if trail.path or trail.direction:
            self._known.log_trails[log.name] = trail
        in_vain = bool(reading.unread) and not reading.gap and trail.path == before
        self._known.log_tries[log.name] = tries if in_vain else 0
        return reading

    async def _find_logs(self, look: Look) -> None:
        holders = list(self._known.log_holders) or [await look.get(path) for path in self._known.plan.gates]
        found = await find_logs(look, holders, self._known.plan.expand)
        keep_apart(self._known, found.resources)
        known = {health.source for health in look.health}
        fresh = [seen for part in found.resources for seen in seen_in(part) if seen.source not in known]
        look.health = (*look.health, *health_of(sight_of([], fresh, self._known.plan)))
        self._known.adopt(replace(self._known.plan, logs=found.plans))

    def _tell_of_session(self, look: Look) -> None:
        """What the session noticed that a person should know."""
        for path, names in self._session.repeated_keys().items():
            look.tell(path, f"gives {', '.join(names[:5])} twice; the last one counts")
        for reason in self._session.exceptions():
            look.tell(ROOT, reason)
