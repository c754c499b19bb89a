"""What devices told by themselves: how their push fares, and which events came by it.

An event that was pushed is an event like any other. Beside it stands a small row that says under which name it was
sent, so that it is known when it is sent again, and whether a look at the log has shown it since (F59).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleetmon.model import LogRecord, PushedRecord
from fleetmon.storage.columns import from_json, from_ms, maybe_at, maybe_ms, to_json, to_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.events import NewEvent, event_of, identity_of
from fleetmon.storage.rows import Event, PushRow, PushState, PushWay

LOG = "pushed"
"""The log of an event for as long as no log of the device has shown it."""
LATELY = 200
"""Pushed events of a device that a log may still show."""
NEWEST = 1000
"""Events of a device among which the other telling of one that is pushed is looked for."""


class Pushes:
    """How the push of each device fares."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_device(self, device_id: str) -> PushRow | None:
        """How a device tells by itself; None when nobody tried yet."""
        rows = await self._database.read("SELECT * FROM push WHERE device_id = ?", (device_id,))
        return _push_of(rows[0]) if rows else None

    async def all(self) -> dict[str, PushRow]:
        """The push of every device, for a start."""
        return {row["device_id"]: _push_of(row) for row in await self._database.read("SELECT * FROM push")}

    async def unheard(self, device_id: str, since: datetime) -> int:
        """Events of Warning or worse that logs have shown since an instant, and that were not pushed."""
        rows = await self._database.read(
            "SELECT count(*) AS events FROM (SELECT * FROM event WHERE device_id = ? ORDER BY event_id DESC LIMIT ?)"
            " AS lately WHERE received_at > ? AND severity IN ('Warning', 'Critical') AND history = 0"
            " AND message_id NOT LIKE 'Fleetmon.%'"
            " AND event_id NOT IN (SELECT event_id FROM pushed WHERE device_id = ?)",
            (device_id, NEWEST, to_ms(since), device_id),
        )
        return int(rows[0]["events"])

    async def put(self, device_id: str, row: PushRow) -> None:
        """Remember how it fares; nothing for a device that is gone."""
        await self._database.write(lambda connection: put_push(connection, device_id, row))


def put_push(connection: Connection, device_id: str, row: PushRow) -> None:
    """Inside a transaction."""
    connection.execute(
        "INSERT OR REPLACE INTO push SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE EXISTS"
        " (SELECT 1 FROM device WHERE device_id = ?)",
        (
            device_id,
            row.way.value,
            row.state.value,
            to_ms(row.since),
            row.reason,
            maybe_ms(row.event_at),
            row.events,
            row.hints,
            row.event_id,
            row.subscription,
            device_id,
        ),
    )


# ---- events that were pushed ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A pushed event that no log has shown yet."""

    event: Event
    link: str
    arguments: tuple[str, ...]


def was_sent(connection: Connection, device_id: str, key: bytes) -> bool:
    """Was this very record pushed before?"""
    rows = connection.execute("SELECT 1 FROM pushed WHERE device_id = ? AND sent_as = ?", (device_id, key)).fetchall()
    return bool(rows)


def waiting(connection: Connection, device_id: str, since: datetime) -> list[Waiting]:
    """Pushed events received since an instant that no log has shown yet, the oldest first."""
    rows = connection.execute(
        "SELECT event.*, pushed.link, pushed.arguments FROM pushed JOIN event USING (event_id)"
        " WHERE pushed.device_id = ? AND pushed.waiting = 1 AND event.received_at >= ?"
        " ORDER BY pushed.event_id DESC LIMIT ?",
        (device_id, to_ms(since), LATELY),
    ).fetchall()
    return [
        Waiting(event=event_of(row), link=row["link"], arguments=tuple(from_json(row["arguments"]) or ()))
        for row in reversed(rows)
    ]


def unmatched(connection: Connection, device_id: str, first: datetime, last: datetime) -> list[Event]:
    """Events of a device's logs that were not pushed as far as is known, the oldest first.

    Of the newest ones those the device says were created between two instants, or of which it does not say when.
    """
    rows = connection.execute(
        "SELECT * FROM (SELECT * FROM event WHERE device_id = ? ORDER BY event_id DESC LIMIT ?) AS newest"
        " WHERE log <> ? AND (created_at IS NULL OR created_at BETWEEN ? AND ?)"
        " AND event_id NOT IN (SELECT event_id FROM pushed WHERE device_id = ?) ORDER BY event_id",
        (device_id, NEWEST, LOG, to_ms(first), to_ms(last), device_id),
    ).fetchall()
    return [event_of(row) for row in rows]


def add_pushed(connection: Connection, device_id: str, one: PushedRecord, event: NewEvent) -> None:
    """A new event that was pushed and that no log has shown yet."""
    record = event.record
    found = connection.execute(
        "INSERT INTO event (device_id, log, generation, record_id, identity, severity, message, message_id, kind, name,"
        " created_at, created_text, clock_suspect, received_at, source, history)"
        " VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) RETURNING event_id",
        (
            device_id,
            LOG,
            record.record_id,
            hashlib.blake2b(one.key, digest_size=16).digest(),
            *_said(event),
            to_ms(event.received_at),
            record.source,
        ),
    ).fetchone()
    _note(connection, device_id, found[0], one, waits=True)


def note_sent(connection: Connection, device_id: str, event_id: int, one: PushedRecord) -> None:
    """An event that a log had shown was pushed, too."""
    _note(connection, device_id, event_id, one, waits=False)


def adopt(connection: Connection, event_id: int, event: NewEvent) -> None:
    """A log has shown a pushed event: from now on it is that log's, in its words, received when it was pushed."""
    record = event.record
    connection.execute(
        "UPDATE event SET log = ?, generation = ?, record_id = ?, identity = ?, severity = ?, message = ?,"
        " message_id = ?, kind = coalesce(?, kind), name = coalesce(?, name), created_at = ?, created_text = ?,"
        " clock_suspect = ?, source = ? WHERE event_id = ?",
        (
            event.log,
            event.generation,
            record.record_id,
            identity_of(record),
            *_said(event),
            record.source,
            event_id,
        ),
    )
    connection.execute("UPDATE pushed SET waiting = 0 WHERE event_id = ?", (event_id,))


def count_pushed(connection: Connection, device_id: str, since: datetime) -> int:
    """Events of a device that came by push since an instant, whether a log has shown them or not."""
    rows = connection.execute(
        "SELECT count(*) AS events FROM pushed JOIN event USING (event_id)"
        " WHERE pushed.device_id = ? AND event.received_at >= ?",
        (device_id, to_ms(since)),
    ).fetchall()
    return int(rows[0]["events"])


def _note(connection: Connection, device_id: str, event_id: int, one: PushedRecord, *, waits: bool) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO pushed VALUES (?, ?, ?, ?, ?, ?)",
        (event_id, device_id, one.key, one.link, to_json(list(one.arguments)), int(waits)),
    )


def _said(event: NewEvent) -> tuple[Any, ...]:
    record: LogRecord = event.record
    return (
        record.severity.value,
        record.message,
        record.message_id,
        record.component.kind if record.component else None,
        record.component.name if record.component else None,
        maybe_ms(record.created_at),
        record.created_text,
        int(event.clock_suspect),
    )


def _push_of(row: Any) -> PushRow:
    return PushRow(
        way=PushWay(row["way"]),
        state=PushState(row["state"]),
        since=from_ms(row["since"]),
        reason=row["reason"],
        event_at=maybe_at(row["event_at"]),
        events=row["events"],
        hints=row["hints"],
        event_id=row["event_id"],
        subscription=row["subscription"],
    )
