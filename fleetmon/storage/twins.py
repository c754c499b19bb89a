"""Twins: records of one log that tell events another log told first.

The event stays as it was told first. Its twin keeps who else said so, in which words, and makes that very record be
known when it is read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fleetmon.model import Health, Protocol
from fleetmon.storage.columns import from_ms, to_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.events import NewEvent, event_of, identity_of
from fleetmon.storage.rows import Event, Twin

MOST = 3000
"""Events of a device among which the other telling of one is looked for."""


class Twins:
    """Who else told an event."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_events(self, event_ids: Sequence[int]) -> dict[int, list[Twin]]:
        """The twins of each of these events that has any."""
        if not event_ids:
            return {}
        marks = ", ".join("?" for _ in event_ids)
        rows = await self._database.read(f"SELECT * FROM twin WHERE event_id IN ({marks})", list(event_ids))  # noqa: S608 - names of ours
        found: dict[int, list[Twin]] = {}
        for row in rows:
            found.setdefault(row["event_id"], []).append(_twin_of(row))
        return found


def candidates(
    connection: Connection, device_id: str, protocol: Protocol, log: str, first: datetime, last: datetime
) -> list[Event]:
    """Events told by other protocols and created, by the device's clock, between two instants, the oldest first.

    Those that have a twin in `log` already are none, nor is to Redfish what was pushed over it: that is waited for.
    """
    rows = connection.execute(
        "SELECT * FROM (SELECT * FROM event WHERE device_id = ?1 AND created_at BETWEEN ?4 AND ?5"
        " AND log NOT IN (SELECT log FROM log WHERE device_id = ?1 AND protocol = ?2)"
        " AND log <> ?3 AND NOT (log = 'pushed' AND ?2 = 'redfish') AND message_id NOT LIKE 'Fleetmon.%'"
        " AND event_id NOT IN (SELECT event_id FROM twin WHERE device_id = ?1 AND log = ?3)"
        " ORDER BY event_id DESC LIMIT ?6) AS newest ORDER BY event_id",
        (device_id, protocol.value, log, to_ms(first), to_ms(last), MOST),
    ).fetchall()
    return [event_of(row) for row in rows]


def add(connection: Connection, device_id: str, event_id: int, new: NewEvent, at: datetime) -> None:
    """This record tells an event that is known."""
    record = new.record
    connection.execute(
        "INSERT OR IGNORE INTO twin VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            device_id,
            new.log,
            new.generation,
            identity_of(record),
            event_id,
            record.record_id,
            record.severity.value,
            record.message,
            record.source,
            to_ms(at),
        ),
    )


def _twin_of(row: Any) -> Twin:
    return Twin(
        log=row["log"],
        record_id=row["record_id"],
        severity=Health(row["severity"]),
        message=row["message"],
        source=row["source"],
        received_at=from_ms(row["received_at"]),
    )
