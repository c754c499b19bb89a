"""One observation, from what a driver says to what is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from fleetmon.access.vault import Vault
from fleetmon.drivers.base import Memory
from fleetmon.drivers.lane import Breaker
from fleetmon.errors import StorageError
from fleetmon.ingest import components, logs, parts, pushed, summary
from fleetmon.ingest.remembering import Kept
from fleetmon.model import (
    DEVICE,
    Aspect,
    Component,
    ComponentHealth,
    Device,
    Identity,
    LogMark,
    LogReading,
    Observation,
    Problem,
    Reading,
)
from fleetmon.plausibility import judge, judged
from fleetmon.settings import Polling
from fleetmon.storage import Store, events, health, polls, summaries
from fleetmon.storage.database import Connection
from fleetmon.storage.rows import (
    ComponentRow,
    DeviceSummary,
    HealthChange,
    PartChange,
    PollRow,
)
from fleetmon.storage.telemetry import Key

RARITY = (Aspect.INVENTORY, Aspect.COMPONENTS, Aspect.EVENTS, Aspect.SENSORS, Aspect.HEARTBEAT)
"""Aspects from the one asked for most rarely."""
LATELY = timedelta(hours=1)
"""For so long the new records of a log are counted against its cap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of an observation. `summary` is None when the device was decommissioned meanwhile."""

    summary: DeviceSummary | None
    marks: Mapping[str, LogMark] = field(default_factory=dict)
    """How far each log of the device is read now, whether this poll read it or not."""
    events: int = 0
    health_changes: tuple[HealthChange, ...] = ()
    part_changes: tuple[PartChange, ...] = ()
    inventory_due: bool = False
    """A component is there whose part nobody has looked at yet."""
    readings_lost: int = 0
    """Readings of this poll that could not be stored."""


async def ingest(
    observation: Observation,
    device: Device,
    *,
    store: Store,
    vault: Vault,
    polling: Polling,
    received_at: datetime,
    memory: Memory | None = None,
    breaker: Breaker | None = None,
) -> Ingested:
    """Write down what one poll learned, failure included; on return it is committed.

    Readings that cannot be stored cost nothing else; `Ingested.readings_lost` counts them. Raises StorageError when
    the rest cannot be.

    `memory` and `breaker` are what is new of what the driver and its lane want to know again after a restart.
    """
    readings = await _judged(observation, device, store)
    kept = Kept.of(device, observation.protocol, memory, breaker, vault=vault)
    told = tuple(readings.values())
    written = store.state.write(
        lambda connection: _write(connection, observation, device, told, kept, polling, received_at)
    )
    ingested, lost = await asyncio.gather(written, _append(observation, device, store, readings))
    return replace(ingested, readings_lost=lost) if lost else ingested


async def _append(observation: Observation, device: Device, store: Store, readings: Mapping[Key, Reading]) -> int:
    """Store the readings; how many of them could not be, because the disk is nearly full or fails."""
    try:
        store.space.admit_readings()
        await store.telemetry.append_keyed(device.device_id, observation.taken_at, readings)
    except StorageError:  # the store watch tells what is wrong with the file, once
        store.space.lost += len(readings)
        return len(readings)
    return 0


async def _judged(observation: Observation, device: Device, store: Store) -> dict[Key, Reading]:
    """The readings by sensor with their quality, judged by themselves and by the last ones of the same sensors."""
    if not observation.readings:
        return {}
    try:
        before = await store.telemetry.latest(device.device_id)
    except StorageError:
        return {one.sensor.key: judge(one) for one in observation.readings}
    return {one.sensor.key: judged(one, before) for one in observation.readings}


# ---- the transaction ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Learning:
    """One device while its observation is written down."""

    connection: Connection
    device_id: str
    observation: Observation
    before: DeviceSummary
    received_at: datetime
    changes: summary.Changes
    health_changes: list[HealthChange] = field(default_factory=list)
    part_changes: list[PartChange] = field(default_factory=list)
    inventory_due: bool = False


def _write(
    connection: Connection,
    observation: Observation,
    device: Device,
    readings: Sequence[Reading],
    kept: Kept,
    polling: Polling,
    received_at: datetime,
) -> Ingested:
    before = summaries.load(connection, device.device_id)
    if before is None:
        return Ingested(summary=None)
    primary = not device.endpoints or device.endpoints[0].protocol is observation.protocol
    learning = _Learning(
        connection,
        device.device_id,
        observation,
        before,
        received_at,
        summary.reached(before, observation, primary=primary, misses=polling.misses),
    )
    _identify(learning)
    _components(learning)
    learning.changes |= summary.measured(readings)
    _poll(learning, primary=primary)
    new = _logs(learning)
    kept.put(connection)
    health.add_health_changes(connection, learning.health_changes)
    health.add_part_changes(connection, learning.part_changes)
    return Ingested(
        summary=summaries.save(connection, before, replace(before, **learning.changes)),
        marks=events.load_marks(connection, device.device_id),
        events=new,
        health_changes=tuple(learning.health_changes),
        part_changes=tuple(learning.part_changes),
        inventory_due=learning.inventory_due,
    )


def _identify(learning: _Learning) -> None:
    """Who the device says it is."""
    observation = learning.observation
    said = observation.identity or (observation.inventory.identity if observation.inventory else None)
    if said is None:
        return
    stored = health.load_identity(learning.connection, learning.device_id)
    identity = parts.merged(stored or Identity(), parts.real_identity(said))
    if identity != stored:
        health.put_identity(learning.connection, learning.device_id, identity)
    learning.changes |= summary.identified(identity)


def _components(learning: _Learning) -> None:
    """Conditions and parts, and what they make of the device."""
    observation = learning.observation
    said = [*observation.health, *([observation.overall] if observation.overall else [])]
    as_known = observation.inventory is None and health.touch(learning.connection, learning.device_id, said)
    if as_known and (
        not observation.components_complete or health.count(learning.connection, learning.device_id) == len(said)
    ):
        return
    rows = health.load(learning.connection, learning.device_id)
    known = {row.component: row for row in map(health.component_of, rows)}
    settled = components.is_settled(replace(learning.before, **learning.changes), observation.taken_at)
    absent = {Component(row["kind"], row["name"]): row["absent"] for row in rows}
    compared = components.compare(
        learning.device_id,
        known,
        absent,
        said,
        complete=observation.components_complete and Aspect.COMPONENTS in observation.answered,
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
    if observation.inventory is not None:
        known = _parts(learning, rows, known, settled=settled)
    _judge(learning, known)


def _parts(
    learning: _Learning, rows: Sequence[Any], known: dict[Component, ComponentRow], *, settled: bool
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


def _judge(learning: _Learning, known: Mapping[Component, ComponentRow]) -> None:
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


def _poll(learning: _Learning, *, primary: bool) -> None:
    """When each aspect was asked for, and what could not be read."""
    observation = learning.observation
    asked = [aspect for aspect in RARITY if aspect in observation.asked]
    polls.put_polls(
        learning.connection,
        learning.device_id,
        [
            PollRow(
                aspect=aspect,
                taken_at=observation.taken_at,
                seconds=observation.seconds,
                requests=observation.requests,
                answered=aspect in observation.answered,
                reason="" if aspect in observation.answered else observation.reason or "not answered",
            )
            for aspect in asked
        ],
    )
    problems = list(observation.problems)
    if not primary and not observation.answered:
        problems.append(Problem(resource=observation.protocol.value, reason=observation.reason or "no answer"))
    if asked and (observation.answered or problems):
        health.put_problems(learning.connection, learning.device_id, problems, asked, observation.taken_at)


def _followed(learning: _Learning, reading: LogReading) -> logs.Followed:
    """What one look at one log brought that is not stored yet, and how far the log is read with it."""
    connection, device_id, log = learning.connection, learning.device_id, reading.log
    known = events.log_state(connection, device_id, log)
    return logs.follow(
        known,
        reading,
        lambda generation, records: events.known_records(connection, device_id, log, generation, records),
        generation=known.generation if known else events.last_generation(connection, device_id, log),
        received_at=learning.received_at,
        stored_lately=lambda: events.count_since(connection, device_id, log, learning.received_at - LATELY),
    )


def _logs(learning: _Learning) -> int:
    """New records of every log that was read; how many there were."""
    connection, device_id = learning.connection, learning.device_id
    new = 0
    for reading in learning.observation.logs:
        followed = _followed(learning, reading)
        new += pushed.settle(connection, device_id, followed.events, learning.received_at)
        events.put_log_state(
            connection,
            device_id,
            reading.log,
            followed.state,
            source=reading.source,
            read_at=reading.taken_at,
            total=reading.total,
            capacity=reading.capacity,
        )
    return new
