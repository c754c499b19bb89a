"""What to know of every lane before its next poll, for the whole fleet in one look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleetmon.model import Aspect, Device, Endpoint, LogMark
from fleetmon.storage import events
from fleetmon.storage.columns import from_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.device_rows import load_all
from fleetmon.storage.polls import breaker_of, memory_of
from fleetmon.storage.rows import BreakerRow, CredentialRow, MemoryRow


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """One endpoint of one enabled device, and all that was kept of it."""

    device: Device
    endpoint: Endpoint
    credential: CredentialRow | None
    memory: MemoryRow | None
    breaker: BreakerRow | None
    marks: Mapping[str, LogMark]
    asked: Mapping[Aspect, datetime]


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


def _lanes(connection: Connection) -> list[LaneRow]:
    credentials = {row["name"]: _credential(row) for row in _rows(connection, "SELECT * FROM credential")}
    memories = {
        (row["device_id"], row["protocol"]): memory_of(row) for row in _rows(connection, "SELECT * FROM driver_memory")
    }
    breakers = {
        (row["device_id"], row["protocol"]): breaker_of(row) for row in _rows(connection, "SELECT * FROM breaker")
    }
    logs: dict[str, list[Any]] = {}
    for row in _rows(connection, "SELECT * FROM log"):
        logs.setdefault(row["device_id"], []).append(row)
    asked: dict[str, dict[Aspect, datetime]] = {}
    for row in _rows(connection, "SELECT device_id, aspect, taken_at FROM poll"):
        asked.setdefault(row["device_id"], {})[Aspect(row["aspect"])] = from_ms(row["taken_at"])
    return [
        LaneRow(
            device=device,
            endpoint=endpoint,
            credential=credentials.get(endpoint.credential or ""),
            memory=memories.get((device.device_id, endpoint.protocol.value)),
            breaker=breakers.get((device.device_id, endpoint.protocol.value)),
            marks=events.marks(logs.get(device.device_id, ())),
            asked=asked.get(device.device_id, {}),
        )
        for device in load_all(connection)
        if device.enabled
        for endpoint in device.endpoints
    ]


def _rows(connection: Connection, sql: str) -> list[Any]:
    return connection.execute(sql).fetchall()


def _credential(row: Any) -> CredentialRow:
    return CredentialRow(name=row["name"], user=row["user"], version=row["version"], used_by=0, sealed=row["sealed"])
