"""What each endpoint of a device says by itself: does it answer, and what it last told of the power.

Rows stand only for devices whose summary alone does not say it: those with several endpoints, and those whose
heartbeats come so often that most are written here and nowhere else, many in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleetmon.model import Device, PowerState, Protocol, Reachability
from fleetmon.storage.columns import maybe_at, maybe_ms, to_ms
from fleetmon.storage.database import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """One endpoint as its polls found it."""

    protocol: Protocol
    reachability: Reachability = Reachability.NEVER_ASKED
    reason: str = ""
    since: datetime | None = None
    """Since when it cannot be asked; None while it can."""
    misses: int = 0
    """Polls without an answer, in a row."""
    polled_at: datetime | None = None
    seen_at: datetime | None = None
    power: PowerState = PowerState.UNKNOWN
    """Its last word, whatever came after."""
    power_at: datetime | None = None
    power_since: datetime | None = None
    """Since when it has told this power state without a break."""
    power_source: str = ""
    power_misses: int = 0
    """Polls in a row that should have told the power state and did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A heartbeat that told nothing new: the endpoint was there, and said what it had said before."""

    device_id: str
    protocol: Protocol
    at: datetime
    power: bool
    """Was the power among what it said?"""


class Endpoints:
    """The endpoints of devices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_device(self, device: Device) -> list[EndpointState]:
        """Each endpoint in the device's order; one nobody asked so far says so."""
        return await self._database.look(lambda connection: load(connection, device))

    async def note(self, beats: Iterable[Beat]) -> None:
        """Quiet heartbeats, all in one transaction; one that is older than what is known changes nothing."""
        rows = [(to_ms(beat.at), int(beat.power), beat.device_id, beat.protocol.value) for beat in beats]
        await self._database.write(lambda connection: connection.executemany(_NOTE, rows) and None)


_NOTE = """
UPDATE endpoint_state SET polled_at = ?1, seen_at = ?1, power_at = iif(?2, ?1, power_at)
WHERE device_id = ?3 AND protocol = ?4 AND polled_at < ?1
"""


def is_kept(device: Device) -> bool:
    """Does each endpoint of the device have a row of its own?"""
    return len(device.endpoints) > 1 or any(one.protocol is Protocol.IPMI for one in device.endpoints)


def load(connection: Connection, device: Device) -> list[EndpointState]:
    """As this write sees them, in the order of the device's endpoints."""
    sql = "SELECT * FROM endpoint_state WHERE device_id = ?"
    found = {row["protocol"]: row for row in connection.execute(sql, (device.device_id,)).fetchall()}
    return [
        _state_of(found[endpoint.protocol.value])
        if endpoint.protocol.value in found
        else EndpointState(protocol=endpoint.protocol)
        for endpoint in device.endpoints
    ]


def put(connection: Connection, device_id: str, state: EndpointState) -> None:
    """What an endpoint is like now."""
    connection.execute(
        "REPLACE INTO endpoint_state VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            device_id,
            state.protocol.value,
            state.reachability.value,
            state.reason,
            maybe_ms(state.since),
            state.misses,
            maybe_ms(state.polled_at),
            maybe_ms(state.seen_at),
            state.power.value,
            maybe_ms(state.power_at),
            maybe_ms(state.power_since),
            state.power_source,
            state.power_misses,
        ),
    )


def _state_of(row: Any) -> EndpointState:
    return EndpointState(
        protocol=Protocol(row["protocol"]),
        reachability=Reachability(row["reachability"]),
        reason=row["reason"],
        since=maybe_at(row["since"]),
        misses=row["misses"],
        polled_at=maybe_at(row["polled_at"]),
        seen_at=maybe_at(row["seen_at"]),
        power=PowerState(row["power"]),
        power_at=maybe_at(row["power_at"]),
        power_since=maybe_at(row["power_since"]),
        power_source=row["power_source"],
        power_misses=row["power_misses"],
    )
