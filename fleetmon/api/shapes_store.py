"""The shapes of what the API says about its own store."""

from __future__ import annotations

from pydantic import AwareDatetime

from fleetmon.api.shapes import Shape


class DatabaseFile(Shape):
    """One database: its size, and whether it can be written."""

    file: str
    bytes: int
    wal_bytes: int
    writable: bool
    reason: str
    since: AwareDatetime | None
    commits_failed: int
    reopened: int


class DiskRoom(Shape):
    """The file system of the data directory, in bytes; readings are refused below `floor`."""

    total: int
    free: int
    floor: int
    reserve: int
    reserve_held: bool


class ReadingsTaken(Shape):
    """Whether readings are stored; `lost` counts those that could not be since the start."""

    taken: bool
    reason: str
    since: AwareDatetime | None
    lost: int


class HistoryHeld(Shape):
    """One kind of sealed history in bytes: now, added in a day, and in the end, when as much is forgotten as added."""

    kind: str
    bytes: int
    per_day: int
    kept_days: float
    final: int


class DiskForecast(Shape):
    """Growth in bytes a day and days until readings are refused; null where unknown or never, and why."""

    per_day: int | None
    days: float | None
    reason: str
    history: list[HistoryHeld]


class Storage(Shape):
    """How the store is; `directory` is that of the databases on the service's machine."""

    directory: str
    files: list[DatabaseFile]
    disk: DiskRoom | None
    readings: ReadingsTaken
    forecast: DiskForecast
    warnings: list[str]


class Backup(Shape):
    """A backup that is finished."""

    directory: str
    bytes: int
    seconds: float
    files: list[str]
