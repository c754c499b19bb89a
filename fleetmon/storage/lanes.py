"""What to know of every lane before its next poll, for the whole fleet in one look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleetmon.model import Aspect, Device, Endpoint, LogMark, Protocol
from fleetmon.storage import events
from fleetmon.storage.columns import from_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.device_rows import load_all
from fleetmon.storage.polls import breaker_of, memory_of
from fleetmon.storage.rows import BreakerRow, CredentialRow, MemoryRow


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """One endpoint of one enabled device, when it was asked last, and how many polls it has missed in a row."""

    device: Device
    endpoint: Endpoint
    credential: CredentialRow | None
    asked: Mapping[Aspect, datetime]
    unanswered: frozenset[Aspect]
    """What it did not answer when it was asked last."""
    missed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the messages of one enabled device may be known by."""

    device_id: str
    addresses: tuple[str, ...]
    """Of its endpoints, as they were written."""
    uuid: str
    """Its system's, as it said last; empty where it never did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRow:
    """What was kept of one endpoint. A plan takes tens of kilobytes: it is read for one device at a time."""

    memory: MemoryRow | None
    breaker: BreakerRow | None
    marks: Mapping[str, LogMark]


class Lanes:
    """The fleet as the role `devices` needs it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fleet_version(self) -> int:
        """Grows with every edit of devices, endpoints and credentials; a first pin is none."""
        rows = await self._database.read("SELECT value FROM counter WHERE name = 'fleet'")
        return int(rows[0]["value"])

    async def all(self) -> list[LaneRow]:
        """Every endpoint of every enabled device."""
        return await self._database.look(_lanes)

    async def origins(self) -> list[Origin]:
        """Every enabled device, by what its messages may be known by."""
        rows = await self._database.read(
            "SELECT device.device_id, group_concat(endpoint.address, char(10)) AS addresses,"
            " coalesce(max(inventory.identity ->> 'uuid'), '') AS uuid"
            " FROM device JOIN endpoint USING (device_id) LEFT JOIN inventory USING (device_id)"
            " WHERE device.enabled GROUP BY device.device_id"
        )
        return [
            Origin(device_id=row["device_id"], addresses=tuple(row["addresses"].split("\n")), uuid=row["uuid"])
            for row in rows
        ]

    async def kept(self, device_id: str, protocol: Protocol) -> KeptRow:
        """What the driver of one endpoint wants to know again."""

        def look(connection: Connection) -> KeptRow:
            key = (device_id, protocol.value)
            memory = connection.execute(
                "SELECT * FROM driver_memory WHERE device_id = ? AND protocol = ?", key
            ).fetchone()
            breaker = connection.execute("SELECT * FROM breaker WHERE device_id = ? AND protocol = ?", key).fetchone()
            return KeptRow(
                memory=None if memory is None else memory_of(memory),
                breaker=None if breaker is None else breaker_of(breaker),
                marks=events.load_marks(connection, device_id),
            )

        return await self._database.look(look)


def _lanes(connection: Connection) -> list[LaneRow]:
    credentials = {row["name"]: _credential(row) for row in _rows(connection, "SELECT * FROM credential")}
    asked: dict[tuple[str, str], dict[Aspect, datetime]] = {}
    unanswered: dict[tuple[str, str], set[Aspect]] = {}
    for row in _rows(connection, "SELECT device_id, protocol, aspect, taken_at, answered FROM poll"):
        key = (row["device_id"], row["protocol"])
        asked.setdefault(key, {})[Aspect(row["aspect"])] = from_ms(row["taken_at"])
        if not row["answered"]:
            unanswered.setdefault(key, set()).add(Aspect(row["aspect"]))
    missed = {
        (row["device_id"], row["protocol"]): row["misses"]
        for row in _rows(connection, "SELECT device_id, protocol, misses FROM endpoint_state WHERE misses > 0")
    }
    return [
        LaneRow(
            device=device,
            endpoint=endpoint,
            credential=credentials.get(endpoint.credential or ""),
            asked=asked.get((device.device_id, endpoint.protocol.value), {}),
            unanswered=frozenset(unanswered.get((device.device_id, endpoint.protocol.value), ())),
            missed=missed.get((device.device_id, endpoint.protocol.value), 0),
        )
        for device in load_all(connection)
        if device.enabled
        for endpoint in device.endpoints
    ]


def _rows(connection: Connection, sql: str) -> list[Any]:
    return connection.execute(sql).fetchall()


def _credential(row: Any) -> CredentialRow:
    return CredentialRow(name=row["name"], user=row["user"], version=row["version"], used_by=0, sealed=row["sealed"])
