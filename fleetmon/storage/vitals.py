"""How the store is, in numbers and in sentences: for `/ready`, `/storage`, doctor and the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from fleetmon.errors import StorageError
from fleetmon.settings import Retention
from fleetmon.storage.engine import WAL_LIMIT, version_warning
from fleetmon.storage.forecast import Forecast, Sample, forecast, held_of
from fleetmon.storage.space import Room, megabytes
from fleetmon.storage.sqlite import SqliteDatabase
from fleetmon.storage.store import Store
from fleetmon.storage.writer import Pulse

STUCK = 30.0
"""Seconds after which a commit under way counts as stuck."""
SOON = timedelta(days=14)
"""A disk that will be full within this is worth a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVitals:
    """One database file."""

    file: str
    size: int
    wal: int
    pulse: Pulse


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """The store at one instant. `lost` counts readings that could not be stored since the start."""

    files: tuple[FileVitals, ...]
    room: Room | None
    refusal: str
    """Why readings are refused, empty while they are taken."""
    lost: int


def vitals(store: Store) -> Vitals:
    """As of now; asks no database, so that it answers when none does."""
    refusal = store.space.refusal()
    return Vitals(
        files=tuple(
            FileVitals(file=file.path.name, size=file.file_bytes(), wal=file.wal_bytes(), pulse=file.pulse())
            for file in store.files
        ),
        room=store.space.room,
        refusal=str(refusal or ""),
        lost=store.space.lost,
    )


def failures(seen: Vitals) -> list[str]:
    """Why the store does not do its work: a commit that failed and none since, or one that does not end."""
    return [reason for file in seen.files for reason in _failures(file)]


def is_well(file: FileVitals) -> bool:
    """Whether a file can be written."""
    return next(_failures(file), None) is None


def _failures(file: FileVitals) -> Iterator[str]:
    pulse = file.pulse
    if pulse.trouble:
        since = f" since {pulse.since:%Y-%m-%d %H:%M:%S} UTC" if pulse.since else ""
        yield f"{file.file} cannot be written{since}: {pulse.trouble.removeprefix(f'{file.file}: ')}"
    if pulse.busy > STUCK:
        yield f"{file.file}: a commit has been under way for {pulse.busy:.0f} s"


def warnings(seen: Vitals, ahead: Forecast | None = None) -> list[str]:
    """What somebody should see to although everything works."""
    found = [version_warning() or "", f"readings are not stored: {seen.refusal}" if seen.refusal else ""]
    found += [
        f"the write-ahead log of {file.file} has grown to {megabytes(file.wal)}: a program reads the file without end"
        for file in seen.files
        if file.wal > WAL_LIMIT
    ]
    if ahead is not None and ahead.left is not None and ahead.left < SOON and not seen.refusal:
        found.append(f"at its present growth the disk is full in {ahead.left / timedelta(days=1):.1f} days")
    return [warning for warning in found if warning]


async def used_bytes(file: SqliteDatabase) -> tuple[int, int]:
    """Bytes of a file that hold something, and bytes in it that may be written again. Raises StorageError."""
    pragmas = ("page_count", "freelist_count", "page_size")
    pages, free, size = [(await file.read(f"PRAGMA {name}"))[0][0] for name in pragmas]
    return (pages - free) * size, free * size


async def foresee(store: Store, retention: Retention) -> Forecast:
    """When the disk will be full, from the history that is sealed and from what was stored so far."""
    try:
        used = [await used_bytes(file) for file in store.files]
        samples = await store.samples.all()
        grown = await store.telemetry.growth(store.clock.now())
    except StorageError as error:
        return Forecast(reason=str(error))
    now = Sample(store.clock.now(), sum(inside for inside, _ in used))
    return forecast([*samples, now], held_of(grown, retention), store.space.room)
