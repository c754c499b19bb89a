"""Hardware events: what the logs of devices said, each record once, whatever order or page it came on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleetmon.model import Component, Health, LogMark, LogRecord, Protocol, zoneless
from fleetmon.storage import cursors
from fleetmon.storage.columns import from_ms, maybe_at, maybe_ms, to_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.rows import Event, Page


class Events:
    """Events of the fleet or one device, newest received first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        *,
        device_id: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        severity: Sequence[Health] = (),
        limit: int = 200,
        cursor: str | None = None,
    ) -> Page[Event]:
        """A stretch of events received from `start` up to, not including, `end`."""
        size = cursors.bounded(limit)
        conditions: list[str] = []
        params: list[Any] = []
        for condition, value in (
            ("device_id = ?", device_id),
            ("received_at >= ?", maybe_ms(start)),
            ("received_at < ?", maybe_ms(end)),
            ("event_id < ?", None if cursor is None else cursors.decode(cursor, 1)[0]),
        ):
            if value is not None:
                conditions.append(condition)
                params.append(value)
        if severity:
            conditions.append(f"severity IN ({', '.join('?' for _ in severity)})")
            params += [one.value for one in severity]
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        rows = await self._database.read(
            f"SELECT * FROM event {where}ORDER BY event_id DESC LIMIT ?",  # noqa: S608 - names of ours
            [*params, size + 1],
        )
        following = cursors.encode([rows[size - 1]["event_id"]]) if len(rows) > size else None
        return Page(items=tuple(map(event_of, rows[:size])), next=following)

    async def newest(self) -> int:
        """The newest event_id; 0 before the first."""
        rows = await self._database.read("SELECT coalesce(max(event_id), 0) AS newest FROM event")
        return int(rows[0]["newest"])

    async def expire(self, before: datetime) -> int:
        """Events received before `before` are forgotten, a bounded number at a time; how many were.

        Their identities stay for as long as a device may still show the records, so that none comes back as new.
        """

        def write(connection: Connection) -> int:
            connection.execute(_REMEMBER, (to_ms(before),))
            connection.execute(_REMEMBER_TWINS, (to_ms(before),))
            gone = connection.execute(_FORGET, (to_ms(before),))
            if gone.rowcount:
                connection.execute(_FORGET_FOR_GOOD, (FORGOTTEN_KEPT,))
                connection.execute(_FORGET_SENT)
                connection.execute(_FORGET_TWINS)
            return gone.rowcount

        return await self._database.write(write)


FORGOTTEN_KEPT = 20_000
"""Identities kept of each log's forgotten records: more than the log of a BMC holds."""
_KNOWN = """
SELECT 1 FROM event WHERE device_id = ?1 AND log = ?2 AND generation = ?3 AND identity = ?4
UNION ALL
SELECT 1 FROM event_forgotten WHERE device_id = ?1 AND log = ?2 AND generation = ?3 AND identity = ?4
UNION ALL
SELECT 1 FROM twin WHERE device_id = ?1 AND log = ?2 AND generation = ?3 AND identity = ?4
"""
_LAST_GENERATION = """
SELECT max(
    coalesce((SELECT max(generation) FROM event WHERE device_id = ?1 AND log = ?2), 1),
    coalesce((SELECT max(generation) FROM twin WHERE device_id = ?1 AND log = ?2), 1),
    coalesce((SELECT max(generation) FROM event_forgotten WHERE device_id = ?1 AND log = ?2), 1)
)
"""
_REMEMBER = """
INSERT OR IGNORE INTO event_forgotten (device_id, log, generation, identity)
SELECT device_id, log, generation, identity FROM event WHERE event_id IN
    (SELECT event_id FROM event WHERE received_at < ? ORDER BY event_id LIMIT 5000)
"""
_REMEMBER_TWINS = """
INSERT OR IGNORE INTO event_forgotten (device_id, log, generation, identity)
SELECT device_id, log, generation, identity FROM twin WHERE event_id IN
    (SELECT event_id FROM event WHERE received_at < ? ORDER BY event_id LIMIT 5000)
"""
_FORGET = """
DELETE FROM event WHERE event_id IN (SELECT event_id FROM event WHERE received_at < ? ORDER BY event_id LIMIT 5000)
"""
_FORGET_SENT = "DELETE FROM pushed WHERE event_id < (SELECT coalesce(min(event_id), 0) FROM event)"
_FORGET_TWINS = "DELETE FROM twin WHERE event_id < (SELECT coalesce(min(event_id), 0) FROM event)"
_FORGET_FOR_GOOD = """
DELETE FROM event_forgotten WHERE forgotten_id IN (
    SELECT forgotten_id FROM (
        SELECT forgotten_id, row_number() OVER (PARTITION BY device_id, log ORDER BY forgotten_id DESC) AS place
        FROM event_forgotten
    ) WHERE place > ?
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """How far a log has been read; `generation` grows each time it was cleared."""

    generation: int
    mark: LogMark | None
    empty_reads: int


# ---- rows in, rows out ----------------------------------------------------------------------------------------------


def identity_of(record: LogRecord) -> bytes:
    """What makes a record the same record within one generation of its log (F52), whatever zone it is told in (F50)."""
    said = f"{record.record_id}\x1f{zoneless(record.created_text)}\x1f{record.content_hash}"
    return hashlib.blake2b(said.encode(errors="surrogatepass"), digest_size=16).digest()


def log_state(connection: Connection, device_id: str, log: str) -> LogState | None:
    """How far a log has been read; None before its first reading."""
    rows = connection.execute("SELECT * FROM log WHERE device_id = ? AND log = ?", (device_id, log)).fetchall()
    return _log_state_of(rows[0]) if rows else None


def count_since(connection: Connection, device_id: str, log: str, since: datetime) -> int:
    """Records of one log received since an instant; what was in it before the first look does not count."""
    found = connection.execute(
        "SELECT count(*) AS records FROM (SELECT 1 FROM event WHERE device_id = ? AND log = ? AND received_at >= ?"
        " AND history = 0 ORDER BY event_id DESC LIMIT 10000)",
        (device_id, log, to_ms(since)),
    ).fetchall()
    return int(found[0]["records"])


def marks(rows: Iterable[Any]) -> dict[str, LogMark]:
    """The marks of several logs, by log name."""
    states = {row["log"]: _log_state_of(row) for row in rows}
    return {log: state.mark for log, state in states.items() if state.mark is not None}


def load_marks(connection: Connection, device_id: str) -> dict[str, LogMark]:
    """How far each log of a device has been read, as this write sees it."""
    return marks(connection.execute("SELECT * FROM log WHERE device_id = ?", (device_id,)).fetchall())


def put_log_state(
    connection: Connection,
    device_id: str,
    log: str,
    state: LogState,
    *,
    protocol: Protocol,
    source: str,
    read_at: datetime,
    total: int | None,
    capacity: int | None,
) -> None:
    """Remember how far a log has been read."""
    mark = state.mark
    connection.execute(
        "REPLACE INTO log (device_id, log, source, generation, mark_record_id, mark_created_text, mark_hash,"
        " empty_reads, total, capacity, read_at, protocol) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            device_id,
            log,
            source,
            state.generation,
            mark.record_id if mark else None,
            mark.created_text if mark else None,
            mark.content_hash if mark else None,
            state.empty_reads,
            total,
            capacity,
            to_ms(read_at),
            protocol.value,
        ),
    )


def logs_read_at(connection: Connection, device_id: str, protocol: Protocol) -> datetime | None:
    """When a log of the device was last read over a protocol; None when none ever was."""
    sql = "SELECT max(read_at) FROM log WHERE device_id = ? AND protocol = ?"
    return maybe_at(connection.execute(sql, (device_id, protocol.value)).fetchone()[0])


def last_generation(connection: Connection, device_id: str, log: str) -> int:
    """The newest generation that left events, so that a device that comes back does not go back in time; 1 if none."""
    return int(connection.execute(_LAST_GENERATION, (device_id, log)).fetchone()[0])


def known_records(
    connection: Connection, device_id: str, log: str, generation: int, records: Iterable[LogRecord]
) -> dict[bytes, bool]:
    """For each record its identity, and whether this generation of the log has it already."""
    identities = [identity_of(record) for record in records]
    return {
        identity: bool(connection.execute(_KNOWN, (device_id, log, generation, identity)).fetchall())
        for identity in identities
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event about to be stored."""

    record: LogRecord
    log: str
    generation: int
    received_at: datetime
    clock_suspect: bool
    history: bool = False


def add_events(connection: Connection, device_id: str, events: Iterable[NewEvent]) -> int:
    """Store what is not there yet; how many were new."""
    cursor = connection.executemany(
        "INSERT INTO event (device_id, log, generation, record_id, identity, severity, message, message_id, kind, name,"
        " created_at, created_text, clock_suspect, received_at, source, history)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (device_id, log, generation, identity) DO NOTHING",
        [
            (
                device_id,
                event.log,
                event.generation,
                event.record.record_id,
                identity_of(event.record),
                event.record.severity.value,
                event.record.message,
                event.record.message_id,
                event.record.component.kind if event.record.component else None,
                event.record.component.name if event.record.component else None,
                maybe_ms(event.record.created_at),
                event.record.created_text,
                int(event.clock_suspect),
                to_ms(event.received_at),
                event.record.source,
                int(event.history),
            )
            for event in events
        ],
    )
    return max(0, cursor.rowcount)


def event_of(row: Any) -> Event:
    """An event from its row."""
    return Event(
        event_id=row["event_id"],
        device_id=row["device_id"],
        log=row["log"],
        generation=row["generation"],
        record_id=row["record_id"],
        severity=Health(row["severity"]),
        message=row["message"],
        message_id=row["message_id"],
        component=Component(row["kind"], row["name"] or "") if row["kind"] else None,
        created_at=maybe_at(row["created_at"]),
        created_text=row["created_text"],
        clock_suspect=bool(row["clock_suspect"]),
        received_at=from_ms(row["received_at"]),
        source=row["source"],
        history=bool(row["history"]),
    )


def _log_state_of(row: Any) -> LogState:
    mark = None
    if row["mark_record_id"] is not None:
        mark = LogMark(
            record_id=row["mark_record_id"], created_text=row["mark_created_text"], content_hash=row["mark_hash"]
        )
    return LogState(generation=row["generation"], mark=mark, empty_reads=row["empty_reads"])
