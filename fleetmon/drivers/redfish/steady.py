"""The steady poll: the gates for power and health, and the few resources of the plan that tell all sensors."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from fleetmon.drivers.redfish import reports
from fleetmon.drivers.redfish.exploring import begin_walk
from fleetmon.drivers.redfish.gate import overall_of, power_of, signature
from fleetmon.drivers.redfish.known import Known
from fleetmon.drivers.redfish.learning import newly_ill, readings_of, steady_health
from fleetmon.drivers.redfish.look import Look
from fleetmon.drivers.redfish.parse.readings import told_by
from fleetmon.drivers.redfish.quirks import mend
from fleetmon.drivers.redfish.resource import Resource, key, unfold
from fleetmon.drivers.redfish.walk import concerns_device
from fleetmon.errors import Busy, DeviceError, Unreachable
from fleetmon.model import Aspect, Reading

STANDSTILL = 300.0
"""Seconds for which a MetricReport may bring the same time stamp before it is given up."""


async def read_gates(known: Known, look: Look) -> None:
    """Power and health at a glance. A change begins a walk; a gate that is gone, or new firmware, a new plan."""
    wanted = known.plan.gates
    gates = [gate for path in wanted if (gate := await _try(known, look, path)) is not None]
    if look.gone or not wanted:
        known.forget()
    if len(gates) < len(wanted) or not gates:
        return
    look.power, look.overall = power_of(gates), overall_of(gates)
    look.answered |= {Aspect.HEARTBEAT} & look.request.aspects
    before, known.gate = known.gate, signature(gates)
    if before is not None and before != known.gate:
        begin_walk(known, look)


async def read_sensors(known: Known, look: Look) -> None:
    """The plan's few requests, and those single sensors whose turn it is."""
    wanted = (*known.plan.sources, *_singles(known))
    resources, lost = [], set()
    for path in wanted:
        if (found := await _try(known, look, path)) is not None:
            resources.append(found)
        else:
            lost.add(path)
    if lost:
        _leave_to_the_walk(known, lost)
        begin_walk(known, look)
    look.readings = _readings_in(known, look, resources)
    if resources or (not wanted and known.learned):
        look.answered.add(Aspect.SENSORS)


async def _try(known: Known, look: Look, path: str) -> Resource | None:
    """The resource, mended; None when it cannot be had now, which is told. Raises when the device itself fails."""
    try:
        return mend(await look.get(path), known.plan.make)
    except DeviceError as error:
        silent = isinstance(error, Unreachable | Busy) and not look.answers
        if concerns_device(error, first=silent):
            raise
        look.fail(error, path)
        return None


def _leave_to_the_walk(known: Known, lost: Collection[str]) -> None:
    """A single sensor that cannot be had is no longer asked for, and walks look whether it is there."""
    plan, places = known.plan, {key(path) for path in lost}
    if not places.isdisjoint(key(path) for path in plan.singles):
        singles = tuple(path for path in plan.singles if path not in lost)
        known.adopt(replace(plan, singles=singles, skip=tuple(place for place in plan.skip if place not in places)))


def _singles(known: Known) -> tuple[str, ...]:
    singles = known.plan.singles
    start = known.turn % len(singles) if singles else 0
    known.turn = start + known.plan.singles_per_poll
    return (singles + singles)[start : known.turn]


def _readings_in(known: Known, look: Look, resources: Iterable[Resource]) -> list[Reading]:
    """What the resources measure, each sensor once. A sensor never seen before begins a walk that names it."""
    found: dict[int, Reading] = {}
    plain: list[Resource] = []
    for resource in resources:
        if resource.path in known.plan.reports:
            _watch_report(known, look, resource)
            for reading in reports.readings(resource, known.plan.catalog, known.clock_offset):
                found.setdefault(id(reading.sensor), reading)
        else:
            plain.extend(mend(part, known.plan.make) for part in unfold(resource))
    if not plain:
        return list(found.values())
    told = [value for part in plain for value in told_by(part)]
    readings, strange = readings_of(told, {key(part.path): part.taken_at for part in plain}, known.plan.catalog)
    for reading in readings:
        found.setdefault(id(reading.sensor), reading)
    if ill := newly_ill(plain, known.plan):
        skip = tuple(place for place in known.plan.skip if place not in {key(path) for path in ill})
        known.adopt(replace(known.plan, watched=(*known.plan.watched, *sorted(ill)), skip=skip))
    if strange or ill:
        begin_walk(known, look)
    if known.names is not None:
        look.health = steady_health(plain, known.names, known.plan)
    return list(found.values())


def _watch_report(known: Known, look: Look, report: Resource) -> None:
    """Give up a report whose time stamp stands still."""
    stamp = str(report.body.get("Timestamp", ""))
    now = look.monotonic()
    before, since = known.standstill.get(report.path, ("", now))
    since = since if stamp == before else now
    known.standstill[report.path] = (stamp, since)
    if now - since >= STANDSTILL:
        look.tell(
            report.path, f"stands still at {stamp or 'no time at all'}; the sensors are read elsewhere from now on"
        )
        known.adopt(replace(known.plan, refused=(*known.plan.refused, report.path)))
        begin_walk(known, look)
