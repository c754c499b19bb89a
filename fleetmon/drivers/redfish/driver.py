"""A device over Redfish: what one poll asks for, read the cheapest way that is known to work.

The first poll walks the whole service and learns a plan from it. From then on a poll reads the gate (the system,
for power and health) and the few resources that tell all sensors; the expensive walk is made again when its time
has come, or when the gate says that something has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fleetmon.drivers.base import Memory, Opening, Request
from fleetmon.drivers.lane import Priority
from fleetmon.drivers.redfish import reports
from fleetmon.drivers.redfish.gate import gates_of, overall_of, power_of, signature
from fleetmon.drivers.redfish.learning import (
    Sight,
    health_of,
    learned,
    newly_ill,
    readings_of,
    sight_of,
    steady_health,
)
from fleetmon.drivers.redfish.logbook import TRIES, find_logs, read_log
from fleetmon.drivers.redfish.look import Look
from fleetmon.drivers.redfish.parse import fields
from fleetmon.drivers.redfish.parse.components import Seen, seen_in
from fleetmon.drivers.redfish.parse.parts import identity, parts, software
from fleetmon.drivers.redfish.parse.readings import told_by
from fleetmon.drivers.redfish.plan import LogPlan, Plan
from fleetmon.drivers.redfish.quirks import make_of, mend
from fleetmon.drivers.redfish.resource import ROOT, Resource, key, kind_of, local, unfold
from fleetmon.drivers.redfish.session import Session
from fleetmon.drivers.redfish.stocktaking import NO_STOCK
from fleetmon.drivers.redfish.walk import Walk, concerns_device
from fleetmon.errors import AccessDenied, Busy, DeviceError, Garbled, Unreachable, Unsupported, Untrusted
from fleetmon.model import Aspect, Component, Inventory, LogReading, Observation, Reachability, Reading

WALK_SHARE = 0.85
"""Of the poll deadline: after it a walk stops by itself and goes on in the next poll."""
STANDSTILL = 300.0
"""Seconds for which a MetricReport may bring the same time stamp before it is given up."""
INVENTORY_ONLY = frozenset({"UpdateService", "FirmwareInventory"})
"""Names only an inventory follows."""
TOLD_APART = frozenset({"LogService", "SoftwareInventory"})
"""Kinds that most walks do not read; what they said last stays told, with its age."""

_REACHABILITY: tuple[tuple[type[DeviceError], Reachability], ...] = (
    (AccessDenied, Reachability.ACCESS_DENIED),
    (Untrusted, Reachability.UNTRUSTED),
    (Busy, Reachability.BUSY),
    (Garbled, Reachability.GARBLED),
    (Unsupported, Reachability.UNSUPPORTED),
    (Unreachable, Reachability.UNREACHABLE),
)


class RedfishDriver:
    """One device over Redfish."""

    def __init__(self, opening: Opening, session: Session | None = None) -> None:
        self._lane = opening.lane
        self._clock = opening.clock
        self._session = session or Session(opening)
        remembered = Plan.from_json(opening.memory.plan)
        self._plan = remembered or Plan()
        self._learned = remembered is not None
        self._kept_plan = self._plan
        self._kept_json: dict[str, Any] = dict(opening.memory.plan) if remembered else {}
        self._walk: Walk | None = None
        self._stocktaking: Walk | None = None
        self._sight: Sight | None = None
        self._gate: tuple[Any, ...] | None = None
        self._apart: dict[str, Seen] = {}
        self._log_holders: list[Resource] = []
        self._standstill: dict[str, tuple[str, float]] = {}
        self._log_tries: dict[str, int] = {}
        self._turn = 0

    # ---- the contract ----------------------------------------------------------------------------------------

    async def observe(self, request: Request) -> Observation:
        """Ask once; whatever the device does becomes an observation."""
        started, before = self._clock.monotonic(), self._session.requests
        limit = started + WALK_SHARE * self._lane.pace.poll_deadline.total_seconds()
        look = Look(request, self._clock.now(), self._session, lambda: self._clock.monotonic() < limit)
        reachability, reason = Reachability.REACHABLE, ""
        try:
            async with self._lane.deadline():
                await self._look(look)
        except DeviceError as error:
            look.failed = error
        if look.failed is not None and (not look.answers or isinstance(look.failed, AccessDenied | Untrusted)):
            reachability, reason = outcome_of(look.failed)
        elif look.failed is not None:
            look.tell(look.failed.resource, look.failed.reason)
        self._tell_of_session(look)
        return look.observation(
            seconds=self._clock.monotonic() - started,
            requests=self._session.requests - before,
            reachability=reachability,
            reason=reason,
        )

    def memory(self) -> Memory:
        """What to remember; `plan` is the same object until the plan changes."""
        if self._plan is not self._kept_plan:
            self._kept_plan = self._plan
            self._kept_json = self._plan.to_json() if self._learned else {}
        return Memory(plan=self._kept_json, session=self._session.memory())

    @property
    def seen_spki(self) -> str | None:
        """SHA-256 of the public key the device showed; None before TLS was spoken."""
        return self._session.seen_spki

    async def raw(self, resource: str) -> Any:
        """One resource as the device gives it, unmended; raises DeviceError."""
        path = local(resource) if "://" not in resource else None
        if path is None:
            raise Unsupported(
                "only resources of the device itself can be read",
                device=self._session.device,
                resource=resource[:200],
                cure="give a path that begins with /redfish/",
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

    async def _look(self, look: Look) -> None:
        if self._learned and look.wants(Aspect.HEARTBEAT, Aspect.SENSORS):
            await self._read_gates(look)
        if self._learned and look.wants(Aspect.SENSORS):
            await self._read_sensors(look)
        if not self._learned or self._walk is not None or look.wants(Aspect.COMPONENTS):
            await self._go_on_walking(look)
        if self._walk is None and (self._stocktaking or (look.wants(Aspect.INVENTORY) and look.inventory is None)):
            await self._take_stock(look)
        if look.wants(Aspect.EVENTS):
            await self._read_logs(look)

    async def _read_gates(self, look: Look) -> None:
        """Power and health at a glance. A change begins a walk; a gate that is gone, or new firmware, a new plan."""
        gates = [gate for path in self._plan.gates if (gate := await self._try(look, path)) is not None]
        if look.gone or not self._plan.gates:
            self._forget()
        if len(gates) < len(self._plan.gates) or not gates:
            return
        look.power, look.overall = power_of(gates), overall_of(gates)
        look.answered |= {Aspect.HEARTBEAT} & look.request.aspects
        seen = signature(gates)
        if self._gate is not None and seen != self._gate:
            self._begin_walk(look)
        self._gate = seen

    async def _try(self, look: Look, path: str) -> Resource | None:
        """The resource, mended; None when it cannot be had now, which is told. Raises when the device itself fails."""
        try:
            return mend(await look.get(path), self._plan.make)
        except DeviceError as error:
            silent = isinstance(error, Unreachable | Busy) and not look.answers
            if concerns_device(error, first=silent):
                raise
            look.fail(error, path)
            return None

    async def _read_sensors(self, look: Look) -> None:
        """The steady poll: the plan's few requests, and those single sensors whose turn it is."""
        wanted = (*self._plan.sources, *self._singles())
        resources = [found for path in wanted if (found := await self._try(look, path)) is not None]
        if len(resources) < len(wanted):
            self._begin_walk(look)
        look.readings = self._readings_in(look, resources)
        if resources or (not wanted and self._learned):
            look.answered.add(Aspect.SENSORS)

    def _singles(self) -> tuple[str, ...]:
        singles = self._plan.singles
        start = self._turn % len(singles) if singles else 0
        self._turn = start + self._plan.singles_per_poll
        return (singles + singles)[start : self._turn]

    def _readings_in(self, look: Look, resources: Iterable[Resource]) -> list[Reading]:
        """What the resources measure, each sensor once. A sensor never seen before begins a walk that names it."""
        found: dict[int, Reading] = {}
        plain: list[Resource] = []
        for resource in resources:
            if resource.path in self._plan.reports:
                self._watch_report(look, resource)
                for reading in reports.readings(resource, self._plan.catalog, self._plan.clock_offset):
                    found.setdefault(id(reading.sensor), reading)
            else:
                plain.extend(mend(part, self._plan.make) for part in unfold(resource))
        told = [value for part in plain for value in told_by(part)]
        readings, strange = readings_of(told, {key(part.path): part.taken_at for part in plain}, self._plan.catalog)
        for reading in readings:
            found.setdefault(id(reading.sensor), reading)
        if ill := newly_ill(plain, self._plan):
            skip = tuple(place for place in self._plan.skip if place not in {key(path) for path in ill})
            self._plan = replace(self._plan, watched=(*self._plan.watched, *sorted(ill)), skip=skip)
        if strange or ill:
            self._begin_walk(look)
        if self._sight is not None:
            look.health = steady_health(plain, self._sight, self._plan)
        return list(found.values())

    def _watch_report(self, look: Look, report: Resource) -> None:
        """Give up a report whose time stamp stands still."""
        stamp = str(report.body.get("Timestamp", ""))
        now = self._clock.monotonic()
        before, since = self._standstill.get(report.path, ("", now))
        since = since if stamp == before else now
        self._standstill[report.path] = (stamp, since)
        if now - since >= STANDSTILL:
            look.tell(
                report.path, f"stands still at {stamp or 'no time at all'}; the sensors are read elsewhere from now on"
            )
            self._plan = replace(self._plan, refused=(*self._plan.refused, report.path))
            self._begin_walk(look)

    # ---- walks -----------------------------------------------------------------------------------------------

    def _begin_walk(self, look: Look) -> None:
        """Have a walk made in this poll, unless one is under way."""
        if self._walk is None:
            names = frozenset() if look.wants(Aspect.INVENTORY) or not self._learned else INVENTORY_ONLY
            expand = self._plan.expand if self._learned else None
            self._walk = Walk(expand=expand, skip=frozenset(self._plan.skip) | names)
            root_told = any(source.startswith(f"{ROOT.rstrip('/')}#") for source in self._plan.watched)
            self._walk.start(() if root_told or not self._learned else self._plan.entrances)

    def _forget(self) -> None:
        """Learn afresh: the plan no longer fits the device. Names are kept."""
        self._plan = Plan(naming=self._plan.naming, watched=self._plan.watched, make=self._plan.make)
        self._learned, self._walk, self._stocktaking, self._gate = False, None, None, None

    async def _go_on_walking(self, look: Look) -> None:
        """Walk until all is read, the deadline is near, or the device fails; what was read is told in any case."""
        self._begin_walk(look)
        walk = self._walk
        assert walk is not None
        try:
            await walk.run(look, look.may_walk)
        finally:
            if walk.resources:
                self._tell_walk(look, walk)

    async def _take_stock(self, look: Look) -> None:
        """Read the parts of a device whose plan is known, and nothing that only measures or repeats."""
        if self._stocktaking is None:
            plan = self._plan
            self._stocktaking = Walk(expand=plan.expand, skip=NO_STOCK | frozenset((*plan.skip, *plan.spare)))
            self._stocktaking.start(plan.entrances)
        walk = self._stocktaking
        try:
            await walk.run(look, look.may_walk)
        finally:
            resources = [mend(part, self._plan.make) for part in walk.resources.values()]
            if resources:
                look.problems.extend(walk.problems)
                look.identity = identity(resources)
                look.inventory = self._inventory(walk, resources, sight_of(resources, (), self._plan))
        if walk.finished:
            self._stocktaking = None
            look.answered |= {Aspect.INVENTORY} & look.request.aspects
        else:
            look.tell(ROOT, f"not read to the end in time; {walk.waiting} resources wait for the next poll")

    def _inventory(self, walk: Walk, resources: list[Resource], sight: Sight) -> Inventory:
        return Inventory(
            identity=identity(resources),
            parts=(*parts(sight.things, sight.components), *software(resources)),
            taken_at=self._clock.now(),
            complete=walk.finished and not walk.problems,
        )

    def _tell_walk(self, look: Look, walk: Walk) -> None:
        """What the walk has seen so far; and a plan, once it has seen all."""
        raw = list(walk.resources.values())
        root = walk.resources.get(key(ROOT))
        systems = [part.body for part in raw if kind_of(part.body, part.path) == "ComputerSystem"]
        if root is not None:
            self._plan = replace(self._plan, make=make_of(root.body, systems))
        resources = [mend(part, self._plan.make) for part in raw]
        self._keep_apart(resources)
        own = {key(part.path) for part in resources}
        sight = sight_of(resources, [seen for seen in self._apart.values() if key(seen.source) not in own], self._plan)
        self._sight = sight
        self._log_holders = [part for part in resources if fields.link(part.body, "LogServices")] or self._log_holders
        look.health, look.identity = health_of(sight), identity(resources)
        look.problems.extend(walk.problems)
        self._tell_fresh(look, resources, sight)
        if walk.finished:
            self._finish(look, walk, sight)
        else:
            look.tell(ROOT, f"not read to the end in time; {walk.waiting} resources wait for the next poll")
        if look.wants(Aspect.INVENTORY) and INVENTORY_ONLY.isdisjoint(walk.skip):
            look.inventory = self._inventory(walk, resources, sight)

    def _finish(self, look: Look, walk: Walk, sight: Sight) -> None:
        """The walk has seen everything: it is the truth about what there is, and the plan is made of it."""
        firmware = self._plan.firmware
        self._plan = learned(walk, sight, self._plan)
        if self._learned and firmware and self._plan.firmware != firmware:
            self._plan = replace(self._plan, refused=(), logs=None)
        self._learned, self._walk = True, None
        look.components_complete = not walk.problems
        if not self._plan.gates:
            look.answered |= {Aspect.HEARTBEAT} & look.request.aspects
        look.answered.add(Aspect.COMPONENTS)
        if INVENTORY_ONLY.isdisjoint(walk.skip):
            look.answered |= {Aspect.INVENTORY} & look.request.aspects

    def _tell_fresh(self, look: Look, resources: list[Resource], sight: Sight) -> None:
        """Power, overall health and readings out of what the walk read in this very poll."""
        fresh = [part for part in resources if part.taken_at >= look.started_at]
        wanted = gates_of(resources)
        gates = [part for path in wanted for part in fresh if part.path == path]
        if gates:
            look.power, look.overall = power_of(gates), overall_of(gates)
            look.answered |= {Aspect.HEARTBEAT} & look.request.aspects
            if len(gates) == len(wanted):
                self._gate = signature(gates)
        told = [value for part in fresh for value in told_by(part)]
        readings, _ = readings_of(told, {key(part.path): part.taken_at for part in fresh}, sight.catalog)
        known = {(reading.sensor.component, reading.sensor.name, reading.sensor.type) for reading in readings}
        look.readings = [
            *readings,
            *(
                reading
                for reading in look.readings
                if (reading.sensor.component, reading.sensor.name, reading.sensor.type) not in known
            ),
        ]
        if readings:
            look.answered |= {Aspect.SENSORS} & look.request.aspects

    def _keep_apart(self, resources: Iterable[Resource]) -> None:
        for part in resources:
            if kind_of(part.body, part.path) in TOLD_APART:
                self._apart.update((seen.source, seen) for seen in seen_in(part, frozenset(self._apart)))

    # ---- logs ------------------------------------------------------------------------------------------------

    async def _read_logs(self, look: Look) -> None:
        """Every log from where it was left; one that cannot be read does not keep the others from it."""
        if self._plan.logs is None or (look.wants(Aspect.INVENTORY) and self._log_holders):
            await self._find_logs(look)
        components = self._sight.components if self._sight is not None else {}
        read = 0
        for log in self._plan.logs or ():
            try:
                reading = await self._read_log(look, log, components)
            except DeviceError as error:
                if concerns_device(error, first=not look.answers):
                    raise
                look.tell(log.entries, error.reason)
                continue
            look.problems.extend(reading.unread)
            if log.name in look.request.marks or reading.gap or not reading.unread:
                look.logs.append(reading)
                read += 1
        if read == len(self._plan.logs or ()):
            look.answered.add(Aspect.EVENTS)

    async def _read_log(self, look: Look, log: LogPlan, components: Mapping[str, Component]) -> LogReading:
        """What is new in one log. What cannot be read is asked for again in the next looks, a few times."""
        tries = self._log_tries.get(log.name, 0) + 1
        mark = look.request.marks.get(log.name)
        reading = await read_log(look, log, mark, components, last_try=tries >= TRIES)
        self._log_tries[log.name] = tries if reading.unread and not reading.gap else 0
        return reading

    async def _find_logs(self, look: Look) -> None:
        holders = self._log_holders or [await look.get(path) for path in self._plan.gates]
        found = await find_logs(look, holders, self._plan.expand)
        self._keep_apart(found.resources)
        known = {health.source for health in look.health}
        fresh = [seen for part in found.resources for seen in seen_in(part) if seen.source not in known]
        look.health = (*look.health, *health_of(sight_of([], fresh, self._plan)))
        self._plan = replace(self._plan, logs=found.plans)

    def _tell_of_session(self, look: Look) -> None:
        """What the session noticed that a person should know."""
        for path, names in self._session.repeated_keys().items():
            look.tell(path, f"gives {', '.join(names[:5])} twice; the last one counts")
        for reason in self._session.exceptions():
            look.tell(ROOT, reason)


def outcome_of(error: DeviceError) -> tuple[Reachability, str]:
    """What a failure means for a poll in which nothing was answered, and the reason with its cure in one line."""
    reachability = next(word for kind, word in _REACHABILITY if isinstance(error, kind))
    reason = f"{error.resource}: {error.reason}" if error.resource else error.reason
    return reachability, f"{reason}; {error.cure}" if error.cure else reason
