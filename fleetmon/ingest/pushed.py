"""What a device told by itself becomes events, and what its log shows later becomes the same ones (F59).

Both ways are one transaction each: an event that was stored has its name stored with it, and the place from which the
stream goes on; a kill between them is impossible, and a restart goes on where the last commit was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fleetmon.drivers.redfish.resource import key
from fleetmon.ingest.arrivals import Telling, pairs
from fleetmon.ingest.logs import MOST_NEW, clock_suspect
from fleetmon.model import LogRecord, PushedRecord
from fleetmon.storage import Store, events, pushed
from fleetmon.storage.database import Connection
from fleetmon.storage.events import NewEvent
from fleetmon.storage.pushed import Waiting
from fleetmon.storage.rows import Event, PushRow

WAITS = timedelta(days=2)
"""How long a pushed event waits for a log to show it; most never stand in one."""
ZONES = timedelta(hours=27)
"""How far apart two time zones can be: in one the event may be told, in the other it may stand in the log (F50)."""
_EVER, _NEVER = datetime.min.replace(tzinfo=UTC) + ZONES, datetime.max.replace(tzinfo=UTC) - ZONES
LATELY = timedelta(hours=1)
"""For so long pushed events are counted against the cap of a log."""


async def take_pushed(
    records: Sequence[PushedRecord], device_id: str, row: PushRow, *, store: Store, received_at: datetime
) -> PushRow:
    """Store what a stream told, and how far it has told; on return it is committed. The row with what was new."""

    def write(connection: Connection) -> PushRow:
        new = _take(connection, device_id, records, received_at)
        kept = replace(row, events=row.events + new, event_at=received_at if records else row.event_at)
        pushed.put_push(connection, device_id, kept)
        return kept

    return await store.state.write(write)


def settle(connection: Connection, device_id: str, shown: Sequence[NewEvent], at: datetime) -> int:
    """Store what a look at a log found new: what was pushed before is that very event. How many nobody had told."""
    if not shown:
        return 0
    hardware = [event for event in shown if not event.record.message_id.startswith("Fleetmon.")]
    paired = pairs(
        pushed.waiting(connection, device_id, at - WAITS),
        hardware,
        _of_waiting,
        lambda event: Telling(record=event.record, at=at, link=key(event.record.source)),
    )
    for wait, event in paired:
        pushed.adopt(connection, wait.event.event_id, event)
    adopted = {id(event) for _, event in paired}
    return events.add_events(connection, device_id, (event for event in shown if id(event) not in adopted))


def _take(connection: Connection, device_id: str, records: Iterable[PushedRecord], at: datetime) -> int:
    fresh = {one.key: one for one in records if not pushed.was_sent(connection, device_id, one.key)}
    if not fresh:
        return 0
    room = MOST_NEW - pushed.count_pushed(connection, device_id, at - LATELY)
    told = list(fresh.values())[: max(0, room)]
    free = pushed.unmatched(connection, device_id, *_around([one.record.created_at for one in told]))
    paired = pairs(told, free, lambda one: _of_push(one, at), _of_event)
    for one, event in paired:
        pushed.note_sent(connection, device_id, event.event_id, one)
    known = {id(one) for one, _ in paired}
    for one in told:
        if id(one) not in known:
            pushed.add_pushed(connection, device_id, one, _new(one, at))
    return len(told)


def _around(created_at: Sequence[datetime | None]) -> tuple[datetime, datetime]:
    """Between which instants, by the device's clock, the other tellings may have been created."""
    span = [instant for instant in created_at if instant is not None]
    if len(span) < len(created_at) or not span:
        span = [_EVER, _NEVER]
    return max(min(span), _EVER) - ZONES, min(max(span), _NEVER) + ZONES


def _new(one: PushedRecord, at: datetime) -> NewEvent:
    suspect = clock_suspect(one.record, at)
    return NewEvent(record=one.record, log=pushed.LOG, generation=1, received_at=at, clock_suspect=suspect)


def _of_push(one: PushedRecord, at: datetime) -> Telling:
    return Telling(record=one.record, at=at, link=key(one.link), arguments=one.arguments)


def _of_waiting(wait: Waiting) -> Telling:
    return replace(_of_event(wait.event), link=key(wait.link), arguments=wait.arguments)


def _of_event(event: Event) -> Telling:
    record = LogRecord(
        record_id=event.record_id,
        severity=event.severity,
        message=event.message,
        source=event.source,
        message_id=event.message_id,
        created_at=event.created_at,
        created_text=event.created_text,
    )
    return Telling(record=record, at=event.received_at, link=key(event.source))
