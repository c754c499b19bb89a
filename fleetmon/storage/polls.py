"""What the role `devices` keeps: the last polls, what drivers remember, credential breakers, and wishes to poll now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from fleetmon.clock import Clock
from fleetmon.errors import NotFound
from fleetmon.model import Aspect, LogMark, Protocol
from fleetmon.storage import events
from fleetmon.storage.columns import from_json, from_ms, maybe_at, maybe_ms, to_json, to_ms
from fleetmon.storage.database import Connection, Database
from fleetmon.storage.rows import BreakerRow, MemoryRow, PollRequest, PollRequestState, PollRow

_ABANDONED = timedelta(minutes=10)
"""A poll request nobody finished for this long has failed."""


class Polls:
    """Polls done, polls wished for, and what to know before the next one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of_device(self, device_id: str) -> list[PollRow]:
        """The last poll of each aspect by each endpoint."""
        rows = await self._database.read(
            "SELECT * FROM poll WHERE device_id = ? ORDER BY protocol, aspect", (device_id,)
        )
        return [_poll_of(row) for row in rows]

    async def marks(self, device_id: str) -> dict[str, LogMark]:
        """How far each log of a device was read, for the next request."""
        return events.marks(await self._database.read("SELECT * FROM log WHERE device_id = ?", (device_id,)))

    async def memory(self, device_id: str, protocol: Protocol) -> MemoryRow | None:
        """What the driver wanted to know again; None when it never said."""
        rows = await self._database.read(
            "SELECT * FROM driver_memory WHERE device_id = ? AND protocol = ?", (device_id, protocol.value)
        )
        return memory_of(rows[0]) if rows else None

    async def breaker(self, device_id: str, protocol: Protocol) -> BreakerRow | None:
        """The credential breaker; None when it never tripped."""
        rows = await self._database.read(
            "SELECT * FROM breaker WHERE device_id = ? AND protocol = ?", (device_id, protocol.value)
        )
        return breaker_of(rows[0]) if rows else None

    # ---- poll now

    async def request(self, device_id: str, aspects: Iterable[Aspect] = Aspect) -> PollRequest:
        """Wish for a poll; raises NotFound for a device that is not there."""
        wanted = to_json(sorted(aspect.value for aspect in aspects))
        rows = await self._database.change(
            "INSERT INTO poll_request (device_id, aspects, state, requested_at, reason)"
            " SELECT device_id, ?, 'requested', ?, '' FROM device WHERE device_id = ? RETURNING *",
            (wanted, to_ms(self._clock.now()), device_id),
        )
        if not rows:
            raise NotFound(f"there is no device {device_id}")
        return _request_of(rows[0])

    async def claim(
        self, worker_id: str, *, device_ids: Sequence[str] | None = None, limit: int = 50
    ) -> list[PollRequest]:
        """Take open requests, oldest first; with `device_ids` only those of these devices. Nobody else gets them."""
        rows = await self._database.change(
            "UPDATE poll_request SET state = 'claimed', claimed_by = ?, claimed_at = ? WHERE poll_request_id IN"
            " (SELECT poll_request_id FROM poll_request WHERE state = 'requested'"
            " AND (?3 IS NULL OR device_id IN (SELECT value FROM json_each(?3))) ORDER BY poll_request_id LIMIT ?4)"
            " AND state = 'requested' RETURNING *",
            (
                worker_id,
                to_ms(self._clock.now()),
                None if device_ids is None else to_json(list(device_ids)),
                limit,
            ),
        )
        return [_request_of(row) for row in rows]

    async def finish(self, poll_request_id: int, *, reason: str = "") -> None:
        """A claimed request is done, or failed when there is a reason."""
        state = PollRequestState.FAILED if reason else PollRequestState.DONE
        await self._database.change(
            "UPDATE poll_request SET state = ?, done_at = ?, reason = ?"
            " WHERE poll_request_id = ? AND state = 'claimed'",
            (state.value, to_ms(self._clock.now()), reason, poll_request_id),
        )

    async def requested(self, poll_request_id: int) -> PollRequest | None:
        """One request; None when there is no such request."""
        rows = await self._database.read("SELECT * FROM poll_request WHERE poll_request_id = ?", (poll_request_id,))
        return _request_of(rows[0]) if rows else None

    async def tidy(self, now: datetime) -> None:
        """Requests nobody finished have failed; those settled for a day are forgotten."""

        def write(connection: Connection) -> None:
            connection.execute(
                "UPDATE poll_request SET state = 'failed', done_at = ?1, reason = 'nobody polled it in time'"
                " WHERE state IN ('requested', 'claimed') AND requested_at < ?2",
                (to_ms(now), to_ms(now - _ABANDONED)),
            )
            connection.execute("DELETE FROM poll_request WHERE done_at < ?", (to_ms(now - timedelta(days=1)),))

        await self._database.write(write)


# ---- inside a write -------------------------------------------------------------------------------------------------


def put_polls(connection: Connection, device_id: str, polls: Iterable[PollRow]) -> None:
    """These are the last polls of their aspects."""
    connection.executemany(
        "REPLACE INTO poll VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                device_id,
                poll.protocol.value,
                poll.aspect.value,
                to_ms(poll.taken_at),
                poll.seconds,
                poll.requests,
                int(poll.answered),
                poll.reason,
            )
            for poll in polls
        ],
    )


def put_memory(connection: Connection, device_id: str, protocol: str, memory: MemoryRow) -> None:
    """What the driver wants to know again."""
    connection.execute(
        "REPLACE INTO driver_memory VALUES (?, ?, ?, ?)",
        (device_id, protocol, to_json(dict(memory.plan)), memory.sealed_session),
    )


def put_breaker(connection: Connection, device_id: str, protocol: str, breaker: BreakerRow) -> None:
    """The state of the credential breaker."""
    connection.execute(
        "REPLACE INTO breaker VALUES (?, ?, ?, ?, ?)",
        (device_id, protocol, breaker.refusals, maybe_ms(breaker.open_until), breaker.credential_version),
    )


def memory_of(row: Any) -> MemoryRow:
    """A row of `driver_memory`."""
    return MemoryRow(plan=from_json(row["plan"]), sealed_session=row["session"])


def breaker_of(row: Any) -> BreakerRow:
    """A row of `breaker`."""
    return BreakerRow(
        refusals=row["refusals"],
        open_until=maybe_at(row["open_until"]),
        credential_version=row["credential_version"],
    )


def _poll_of(row: Any) -> PollRow:
    return PollRow(
        protocol=Protocol(row["protocol"]),
        aspect=Aspect(row["aspect"]),
        taken_at=from_ms(row["taken_at"]),
        seconds=row["seconds"],
        requests=row["requests"],
        answered=bool(row["answered"]),
        reason=row["reason"],
    )


def _request_of(row: Any) -> PollRequest:
    return PollRequest(
        poll_request_id=row["poll_request_id"],
        device_id=row["device_id"],
        aspects=frozenset(Aspect(aspect) for aspect in from_json(row["aspects"])),
        state=PollRequestState(row["state"]),
        requested_at=from_ms(row["requested_at"]),
        claimed_by=row["claimed_by"],
        done_at=maybe_at(row["done_at"]),
        reason=row["reason"],
    )
