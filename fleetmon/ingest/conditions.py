"""What an observation says of components becomes rows, and what they make of the device its health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fleetmon.ingest import components, parts, standins
from fleetmon.ingest.learning import Learning
from fleetmon.ingest.witnesses import Role
from fleetmon.model import DEVICE, Aspect, Component, ComponentHealth, Health, Observation
from fleetmon.storage import health
from fleetmon.storage.rows import ComponentRow, HealthChange


def learn(learning: Learning) -> None:
    """Conditions and parts, and what they make of the device."""
    if learning.role is Role.FIRST:
        _told_by_first(learning)
    else:
        _told_by_another(learning)


def _told_by_first(learning: Learning) -> None:
    observation = learning.observation
    said = _said(observation)
    as_known = observation.inventory is None and health.touch(learning.connection, learning.device_id, said)
    judged = learning.before.health is not Health.UNKNOWN
    if (
        as_known
        and judged
        and (not observation.components_complete or health.count(learning.connection, learning.device_id) == len(said))
    ):
        return
    rows = health.load(learning.connection, learning.device_id)
    known = {row.component: row for row in map(health.component_of, rows)}
    settled = components.is_settled(replace(learning.before, **learning.changes), observation.taken_at)
    absent = {Component(row["kind"], row["name"]): row["absent"] for row in rows}
    complete = observation.components_complete and Aspect.COMPONENTS in observation.answered
    compared = components.compare(
        learning.device_id,
        known,
        absent,
        said,
        complete=complete,
        settled=settled,
        at=observation.taken_at,
    )
    learning.health_changes += compared.changes
    health.put_health(learning.connection, learning.device_id, compared.seen)
    health.miss(learning.connection, learning.device_id, compared.missing)
    gone = set(compared.gone)
    learning.part_changes += [
        parts.removal(learning.device_id, row.part, observation.taken_at)
        for component, row in known.items()
        if component in gone and row.part is not None
    ]
    health.remove(learning.connection, learning.device_id, compared.gone)
    known = {component: row for component, row in known.items() if component not in gone}
    for one in compared.seen:
        row = known.get(one.component)
        known[one.component] = ComponentRow(component=one.component, health=one, part=row.part if row else None)
    retired = _retired(known) if complete else []
    learning.health_changes += [
        change for row in retired if (change := _withdrawn(learning, row, "not told by the first endpoint")) is not None
    ]
    health.remove(learning.connection, learning.device_id, [row.component for row in retired])
    for row in retired:
        del known[row.component]
    if observation.inventory is not None:
        known = _parts(learning, rows, known, settled=settled)
    _judge(learning, known)


def _told_by_another(learning: Learning) -> None:
    """What is not the first endpoint's word stands under its own name, and goes as soon as it is not said any more."""
    observation, told_by = learning.observation, learning.told_by
    known = {
        row.component: row for row in map(health.component_of, health.load(learning.connection, learning.device_id))
    }
    witness = learning.role is Role.WITNESS
    if witness:
        said = tuple(one for one in observation.health if not standins.is_explained(one.component, known.values()))
    else:
        said = standins.in_place(_said(observation), known, told_by)
    told = {one.component: one for one in said}
    whole = observation.components_complete and Aspect.COMPONENTS in observation.answered
    over = [
        row
        for component, row in known.items()
        if row.told_by == told_by
        and row.part is None
        and component not in told
        and (whole or (Aspect.HEARTBEAT in observation.answered and standins.is_finding(component, told_by)))
    ]
    if not said and not over:
        return
    changes = (
        *(components.change(learning.device_id, known.get(one.component), one, observation.taken_at) for one in said),
        *(_withdrawn(learning, row, f"not told over {told_by} any more") for row in over),
    )
    learning.health_changes += [change for change in changes if change is not None]
    health.put_health(learning.connection, learning.device_id, said, told_by)
    health.remove(learning.connection, learning.device_id, [row.component for row in over])
    known = {component: row for component, row in known.items() if row not in over}
    for one in said:
        row = known.get(one.component)
        known[one.component] = ComponentRow(component=one.component, health=one, part=row.part if row else None)
    _judge(learning, known)


def _said(observation: Observation) -> list[ComponentHealth]:
    return [*observation.health, *([observation.overall] if observation.overall else [])]


def _retired(known: Mapping[Component, ComponentRow]) -> list[ComponentRow]:
    """What stood in for the first endpoint's word while it was silent; what a witness alone calls ill stays."""
    return [
        row
        for component, row in known.items()
        if row.told_by
        and row.part is None
        and (not standins.is_finding(component, row.told_by) or standins.is_explained(component, known.values()))
    ]


def _withdrawn(learning: Learning, row: ComponentRow, why: str) -> HealthChange | None:
    """A word that was not good and stands no more."""
    if row.health is None or row.health.health not in (Health.WARNING, Health.CRITICAL):
        return None
    return HealthChange(
        device_id=learning.device_id,
        component=row.component,
        before=row.health.health,
        after=None,
        detail=why,
        at=learning.observation.taken_at,
    )


def _parts(
    learning: Learning, rows: Sequence[Any], known: dict[Component, ComponentRow], *, settled: bool
) -> dict[Component, ComponentRow]:
    """What the inventory says, compared with the last one."""
    inventory = learning.observation.inventory
    assert inventory is not None, "the caller looked"
    before = health.load_inventory(learning.connection, learning.device_id)
    moves = parts.compare(
        learning.device_id,
        {component: row.part for component, row in known.items() if row.part is not None},
        {Component(row["kind"], row["name"]): row["part_absent"] for row in rows},
        inventory.parts,
        baseline=before is None or not before.complete,
        complete=inventory.complete,
        settled=settled,
        at=inventory.taken_at,
    )
    learning.part_changes += moves.changes
    health.put_parts(learning.connection, learning.device_id, moves.seen)
    health.miss_parts(learning.connection, learning.device_id, moves.missing)
    health.remove_parts(learning.connection, learning.device_id, moves.gone)
    complete = inventory.complete or (before is not None and before.complete)
    health.put_inventory(learning.connection, learning.device_id, inventory.taken_at, complete=complete)
    for part in moves.seen:
        row = known.get(part.component)
        known[part.component] = ComponentRow(component=part.component, health=row.health if row else None, part=part)
    for component in moves.gone:
        row = known[component]
        known[component] = replace(row, part=None)
    return known


def _judge(learning: Learning, known: Mapping[Component, ComponentRow]) -> None:
    """The health of the device and what its summary shows of its components."""
    fares: list[ComponentHealth] = [row.health for row in known.values() if row.health is not None]
    slots = {component: row.part.slot for component, row in known.items() if row.part is not None}
    verdict = components.verdict(fares)
    learning.inventory_due = any(
        row.part is None and row.health is not None and component != DEVICE for component, row in known.items()
    )
    learning.changes |= {
        "health": verdict.health,
        "health_reason": verdict.reason,
        "failure_predicted": verdict.failure_predicted,
        "subsystems": components.subsystems(fares),
        "bays": components.places(fares, "Drive", slots),
        "supplies": components.places(fares, "PowerSupply", slots),
        "fans": components.places(fares, "Fan", slots),
    }
