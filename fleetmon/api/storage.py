"""The store itself: room, growth, whether it can be written; and its backup while it is at work."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import Response

from fleetmon.api.given import BackupDraft
from fleetmon.api.parts import Here
from fleetmon.api.roles import Role
from fleetmon.api.routes import Route
from fleetmon.api.shapes_store import Backup, Storage
from fleetmon.api.wire import fresh, told_at
from fleetmon.storage.forecast import Forecast
from fleetmon.storage.maintenance import backup_running
from fleetmon.storage.space import Room
from fleetmon.storage.vitals import FileVitals, Vitals, foresee, is_well, vitals, warnings


async def get_storage(here: Here) -> Response:
    """How large the databases are, whether they can be written, and when the disk will be full."""
    seen, ahead = vitals(here.store), await foresee(here.store, here.parts.settings.retention)
    told = {
        "directory": str(here.store.directory),
        "files": [_file(file) for file in seen.files],
        "disk": None if seen.room is None else _disk(seen.room),
        "readings": _readings(seen),
        "forecast": _forecast(ahead),
        "warnings": warnings(seen, ahead),
    }
    return fresh(told)


async def back_up(here: Here, draft: BackupDraft) -> Response:
    """Copy both databases into a new directory of the service's machine, while it goes on working."""
    started = here.clock.monotonic()
    target = Path(draft.directory)
    made = await backup_running(here.store, target, now=here.clock.now())
    told = {
        "directory": str(target),
        "bytes": sum(made.values()),
        "seconds": round(here.clock.monotonic() - started, 3),
        "files": list(made),
    }
    return fresh(told, status=201)


def _file(file: FileVitals) -> dict[str, Any]:
    return {
        "file": file.file,
        "bytes": file.size,
        "wal_bytes": file.wal,
        "writable": is_well(file),
        "reason": file.pulse.trouble,
        "since": told_at(file.pulse.since),
        "commits_failed": file.pulse.failed,
        "reopened": file.pulse.reopened,
    }


def _disk(room: Room) -> dict[str, Any]:
    return {
        "total": room.disk.total,
        "free": room.disk.free,
        "floor": room.limits.floor,
        "reserve": room.limits.reserve,
        "reserve_held": room.reserve_held,
    }


def _readings(seen: Vitals) -> dict[str, Any]:
    since = seen.room.since if seen.room else None
    return {"taken": not seen.refusal, "reason": seen.refusal, "since": told_at(since), "lost": seen.lost}


def _forecast(ahead: Forecast) -> dict[str, Any]:
    days = None if ahead.left is None else round(ahead.left / timedelta(days=1), 1)
    held = [
        {
            "kind": one.kind,
            "bytes": one.size,
            "per_day": round(one.per_day),
            "kept_days": one.kept / timedelta(days=1),
            "final": round(one.final),
        }
        for one in ahead.held
    ]
    per_day = None if ahead.per_day is None else round(ahead.per_day)
    return {"per_day": per_day, "days": days, "reason": ahead.reason, "history": held}


ROUTES = (
    Route("GET", "/storage", get_storage, Role.VIEWER, Storage, tag="service"),
    Route("POST", "/db/backup", back_up, Role.ADMIN, Backup, tag="service", status=201),
)
