"""Walks: what there is, what it is called, and the plan that follows; an inventory of what is known already.

A walk that does not come to its end within a poll tells what it has read and goes on in the next one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from fleetmon.drivers.redfish.gate import gates_of, hides_parts, overall_of, power_of, signature
from fleetmon.drivers.redfish.known import Known
from fleetmon.drivers.redfish.learning import Sight, clock_of, health_of, learned, names_of, readings_of, sight_of
from fleetmon.drivers.redfish.look import Look
from fleetmon.drivers.redfish.parse.components import seen_in
from fleetmon.drivers.redfish.parse.metrics import figures
from fleetmon.drivers.redfish.parse.parts import identity, parts, software
from fleetmon.drivers.redfish.parse.readings import told_by
from fleetmon.drivers.redfish.quiet import LOUD, Quiet, speaking
from fleetmon.drivers.redfish.quirks import make_of, mend
from fleetmon.drivers.redfish.resource import ROOT, Resource, key, kind_of
from fleetmon.drivers.redfish.stocktaking import NO_STOCK
from fleetmon.drivers.redfish.walk import Walk
from fleetmon.errors import Unsupported
from fleetmon.model import Aspect, Inventory

INVENTORY_ONLY = frozenset({"UpdateService", "FirmwareInventory"})
"""Names only an inventory follows."""
TOLD_APART = frozenset({"LogService", "SoftwareInventory"})
"""Kinds that most walks do not read; what they said last stays told, with its age."""


def begin_walk(known: Known, look: Look) -> None:
    """Have a walk made in this poll, unless one is under way."""
    if known.walk is None:
        plan = known.plan
        known.owes_inventory = look.wants(Aspect.INVENTORY)
        names = frozenset() if look.wants(Aspect.INVENTORY) or not known.learned else INVENTORY_ONLY
        known.walk = Walk(
            expand=plan.expand if known.learned else None,
            skip=frozenset(plan.skip) | names,
            quiet=_quiet(known, look),
        )
        root_told = any(source.startswith(f"{ROOT.rstrip('/')}#") for source in plan.watched)
        known.walk.start(() if root_told or not known.learned else plan.entrances, plan.watched)


async def go_on_walking(known: Known, look: Look) -> None:
    """Walk until all is read, the deadline is near, or the device fails; what was read is told in any case.

    Where nothing is left that the plan knows, the device is learned again.
    """
    begin_walk(known, look)
    walk = known.walk
    assert walk is not None
    try:
        await walk.run(look, look.has_time)
    except Unsupported:
        if known.learned and not walk.resources:
            known.forget()
        raise
    finally:
        if walk.resources:
            _tell_walk(known, look, walk)


def _quiet(known: Known, look: Look) -> Quiet:
    return known.quiet if known.quiet.holds(known.gate, look.monotonic()) else LOUD


def _quiet_after(known: Known, look: Look, walk: Walk, speaking: Collection[str]) -> Quiet:
    """What is known to be silent after a walk that read everything; what could not be read is asked for again."""
    before = known.quiet if known.quiet.holds(known.gate, look.monotonic()) else Quiet(since=look.monotonic())
    troublesome = {key(problem.resource) for problem in walk.problems}
    return replace(
        before,
        silent=(before.silent | walk.aside) - frozenset(speaking) - troublesome,
        ailing=before.ailing | walk.ailing,
        gates=before.gates | {known.gate} if known.gate else before.gates,
    )


async def take_stock(known: Known, look: Look) -> None:
    """Read the parts of a device whose plan is known, and nothing that only measures or repeats."""
    if known.stocktaking is None:
        plan = known.plan
        skip = NO_STOCK | frozenset((*plan.skip, *plan.spare))
        known.stocktaking = Walk(expand=plan.expand, skip=skip, quiet=_quiet(known, look))
        known.stocktaking.start(plan.entrances, plan.watched)
    walk = known.stocktaking
    try:
        await walk.run(look, look.has_time)
    finally:
        mended = [mend(part, known.plan.make) for part in walk.resources.values()]
        resources = speaking(mended, walk.aside, known.plan.watched)
        if resources:
            look.problems.extend(walk.problems)
            look.identity = identity(resources)
            look.inventory = _inventory(look, walk, resources, sight_of(resources, (), known.plan))
    if walk.finished:
        known.stocktaking = None
        look.answered |= {Aspect.INVENTORY} & look.request.aspects
    else:
        look.tell(ROOT, f"not read to the end in time; {walk.waiting} resources wait for the next poll")


def _inventory(look: Look, walk: Walk, resources: list[Resource], sight: Sight) -> Inventory:
    return Inventory(
        identity=identity(resources),
        parts=(*parts(sight.things, sight.components, figures(resources)), *software(resources)),
        taken_at=look.now(),
        complete=walk.finished and not walk.problems and not hides_parts(resources),
    )


def _tell_walk(known: Known, look: Look, walk: Walk) -> None:
    """What the walk has seen so far; and a plan, once it has seen all."""
    raw = list(walk.resources.values())
    root = walk.resources.get(key(ROOT))
    systems = [part.body for part in raw if kind_of(part.body, part.path) == "ComputerSystem"]
    if root is not None and (make := make_of(root.body, systems)) != known.plan.make:
        known.adopt(replace(known.plan, make=make))
    resources = speaking([mend(part, known.plan.make) for part in raw], walk.aside, known.plan.watched)
    keep_apart(known, resources)
    own = {key(part.path) for part in resources}
    sight = sight_of(resources, [seen for seen in known.apart.values() if key(seen.source) not in own], known.plan)
    known.names = names_of(sight)
    known.hold_logs(resources)
    look.health, look.identity = health_of(sight), identity(resources)
    look.problems.extend(walk.problems)
    _tell_fresh(known, look, resources, sight)
    if walk.finished:
        known.quiet = _quiet_after(known, look, walk, {key(part.path) for part in resources})
        _finish(known, look, walk, sight)
        lost = any(key(problem.resource) not in walk.aside for problem in walk.problems)
        look.components_complete = not lost and not hides_parts(resources)
    else:
        look.tell(ROOT, f"not read to the end in time; {walk.waiting} resources wait for the next poll")
    if (look.wants(Aspect.INVENTORY) or known.owes_inventory) and INVENTORY_ONLY.isdisjoint(walk.skip):
        look.inventory = _inventory(look, walk, resources, sight)


def _finish(known: Known, look: Look, walk: Walk, sight: Sight) -> None:
    """The walk has seen everything: it is the truth about what there is, and the plan is made of it."""
    firmware = known.plan.firmware
    plan = learned(walk, sight, known.plan)
    if known.learned and firmware and plan.firmware != firmware:
        plan = replace(plan, refused=(), logs=None)
    known.settle(plan, clock_of(walk.resources.values()))
    if not known.plan.gates:
        look.answered |= {Aspect.HEARTBEAT} & look.request.aspects
    look.answered.add(Aspect.COMPONENTS)
    if INVENTORY_ONLY.isdisjoint(walk.skip):
        look.answered |= {Aspect.INVENTORY} & look.request.aspects


def _tell_fresh(known: Known, look: Look, resources: list[Resource], sight: Sight) -> None:
    """Power, overall health and readings out of what the walk read in this very poll."""
    fresh = [part for part in resources if part.taken_at >= look.at]
    wanted = gates_of(resources)
    gates = [part for path in wanted for part in fresh if part.path == path]
    if gates:
        look.power, look.overall = power_of(gates), overall_of(gates)
        look.answered |= {Aspect.HEARTBEAT} & look.request.aspects
        if len(gates) == len(wanted):
            known.gate = signature(gates)
    told = [value for part in fresh for value in told_by(part)]
    readings, _ = readings_of(told, {key(part.path): part.taken_at for part in fresh}, sight.catalog)
    seen = {reading.sensor.key for reading in readings}
    look.readings = [*readings, *(reading for reading in look.readings if reading.sensor.key not in seen)]
    if readings:
        look.answered |= {Aspect.SENSORS} & look.request.aspects


def keep_apart(known: Known, resources: Iterable[Resource]) -> None:
    """Remember what kinds say that most walks do not read."""
    for part in resources:
        if kind_of(part.body, part.path) in TOLD_APART:
            known.apart.update((seen.source, seen) for seen in seen_in(part, frozenset(known.apart)))
