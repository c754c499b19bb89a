"""One observation, from what a driver says to what is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from fleetmon.access.vault import Vault
from fleetmon.drivers.base import Memory
from fleetmon.drivers.lane import Breaker
from fleetmon.errors import StorageError
from fleetmon.ingest import conditions, logs, parts, pushed, standins, summary, twins
from fleetmon.ingest.learning import Learning
from fleetmon.ingest.remembering import Kept
from fleetmon.ingest.witnesses import Role, after, agreed, role_of
from fleetmon.model import Aspect, Device, Identity, LogMark, LogReading, Observation, Problem, Reading
from fleetmon.plausibility import judge, judged
from fleetmon.settings import Polling
from fleetmon.storage import Store, endpoints, events, health, links, polls, summaries
from fleetmon.storage.database import Connection
from fleetmon.storage.events import NewEvent
from fleetmon.storage.rows import DeviceSummary, HealthChange, PartChange, PollRow
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
    role = await _role(observation, device, store, polling)
    observation = await _as_told(observation, device, store, role)
    readings = await _judged(observation, device, store)
    kept = Kept.of(device, observation.protocol, memory, breaker, vault=vault)
    told = tuple(readings.values())
    written = store.state.write(
        lambda connection: _write(connection, observation, role, device, told, kept, polling, received_at)
    )
    ingested, lost = await asyncio.gather(written, _append(observation, device, store, readings))
    return replace(ingested, readings_lost=lost) if lost else ingested


async def _role(observation: Observation, device: Device, store: Store, polling: Polling) -> Role:
    """What the word of this endpoint is worth, by how the others were when it spoke."""
    if len(device.endpoints) < 2:
        return Role.FIRST
    return role_of(observation.protocol, await store.endpoints.of_device(device), polling.misses)


async def _as_told(observation: Observation, device: Device, store: Store, role: Role) -> Observation:
    """The observation as far as this endpoint has a say, its readings under the names that are known."""
    match role:
        case Role.FIRST:
            return observation
        case Role.WITNESS:
            return standins.as_witness(observation)
    if not observation.readings:
        return observation
    protocol = observation.protocol.value
    known = [row.sensor for row in await store.telemetry.sensors(device.device_id)]
    return replace(observation, readings=standins.under_known_names(observation.readings, known, protocol))


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


def _write(
    connection: Connection,
    observation: Observation,
    role: Role,
    device: Device,
    readings: Sequence[Reading],
    kept: Kept,
    polling: Polling,
    received_at: datetime,
) -> Ingested:
    before = summaries.load(connection, device.device_id)
    if before is None:
        return Ingested(summary=None)
    changes = _reached(connection, observation, device, before, polling.misses)
    learning = Learning(connection, device, observation, role, before, received_at, changes)
    _identify(learning)
    conditions.learn(learning)
    learning.changes |= summary.measured(readings)
    _poll(learning)
    links.put(
        connection,
        device.device_id,
        observation.taken_at,
        neighbours=observation.neighbours,
        stations=observation.stations,
    )
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


def _reached(
    connection: Connection, observation: Observation, device: Device, before: DeviceSummary, misses: int
) -> summary.Changes:
    """Does the device answer, and is it on: by this poll, and by what its other endpoints said last."""
    if not endpoints.is_kept(device):
        return summary.reached(before, observation, misses=misses)
    states = [
        after(state, observation, misses=misses) if state.protocol is observation.protocol else state
        for state in endpoints.load(connection, device)
    ]
    for state in states:
        if state.protocol is observation.protocol:
            endpoints.put(connection, device.device_id, state)
    if len(states) == 1 or all(state.polled_at is None for state in states):
        return summary.reached(before, observation, misses=misses)
    return agreed(before, states, observation.taken_at, misses=misses)


def _identify(learning: Learning) -> None:
    """Who the device says it is."""
    observation = learning.observation
    said = observation.identity or (observation.inventory.identity if observation.inventory else None)
    if said is None:
        return
    stored = health.load_identity(learning.connection, learning.device_id)
    if stored is not None and learning.role is not Role.FIRST:
        return
    identity = parts.merged(stored or Identity(), parts.real_identity(said))
    if identity != stored:
        health.put_identity(learning.connection, learning.device_id, identity)
    learning.changes |= summary.identified(identity)


def _poll(learning: Learning) -> None:
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
                protocol=observation.protocol,
            )
            for aspect in asked
        ],
    )
    problems = list(observation.problems)
    if learning.role is not Role.FIRST and not observation.answered:
        problems.append(Problem(resource=observation.protocol.value, reason=observation.reason or "no answer"))
    if asked and (observation.answered or problems):
        health.put_problems(
            learning.connection, learning.device_id, observation.protocol, problems, asked, observation.taken_at
        )


def _followed(learning: Learning, reading: LogReading) -> logs.Followed:
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


def _logs(learning: Learning) -> int:
    """New records of every log that was read; how many there were."""
    connection, device_id, observation = learning.connection, learning.device_id, learning.observation
    new = 0
    for reading in observation.logs:
        followed = _followed(learning, reading)
        found: Sequence[NewEvent] = followed.events
        if len(learning.device.endpoints) > 1:
            found = [_as_news(learning, event) for event in found]
            found = twins.untold(connection, device_id, observation.protocol, found, learning.received_at)
        new += pushed.settle(connection, device_id, found, learning.received_at)
        events.put_log_state(
            connection,
            device_id,
            reading.log,
            followed.state,
            protocol=observation.protocol,
            source=reading.source,
            read_at=reading.taken_at,
            total=reading.total,
            capacity=reading.capacity,
        )
    return new


def _as_news(learning: Learning, event: NewEvent) -> NewEvent:
    """A stand-in's first look at its log: what came after the first endpoint's last look is no history."""
    if not event.history or learning.role is Role.FIRST or event.clock_suspect or event.record.created_at is None:
        return event
    first = learning.device.endpoints[0].protocol
    looked_at = events.logs_read_at(learning.connection, learning.device_id, first)
    return replace(event, history=looked_at is None or event.record.created_at <= looked_at)
