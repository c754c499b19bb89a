"""Workers: which processes run which roles, by their heartbeats."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fleetmon.storage.columns import from_json, from_ms, to_json, to_ms
from fleetmon.storage.database import Database
from fleetmon.storage.rows import Worker


class Workers:
    """Heartbeats."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, worker: Worker) -> None:
        """This worker is alive as of its `beat_at`."""
        await self._database.change(
            "REPLACE INTO worker VALUES (?, ?, ?, ?, ?, ?)",
            (
                worker.worker_id,
                to_json(list(worker.roles)),
                worker.host,
                worker.pid,
                to_ms(worker.started_at),
                to_ms(worker.beat_at),
            ),
        )

    async def live(self, since: datetime) -> list[Worker]:
        """Workers heard of since an instant, by id."""
        rows = await self._database.read("SELECT * FROM worker WHERE beat_at >= ? ORDER BY worker_id", (to_ms(since),))
        return [_worker_of(row) for row in rows]

    async def retire(self, worker_id: str) -> None:
        """This worker has stopped in good order."""
        await self._database.change("DELETE FROM worker WHERE worker_id = ?", (worker_id,))

    async def expire(self, before: datetime) -> None:
        """Workers not heard of since `before` are forgotten."""
        await self._database.change("DELETE FROM worker WHERE beat_at < ?", (to_ms(before),))


def _worker_of(row: Any) -> Worker:
    return Worker(
        worker_id=row["worker_id"],
        roles=tuple(from_json(row["roles"])),
        host=row["host"],
        pid=row["pid"],
        started_at=from_ms(row["started_at"]),
        beat_at=from_ms(row["beat_at"]),
    )
