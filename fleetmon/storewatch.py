"""The role that watches the store itself: does each writer still commit, is there room, when will there be none.

It waits for no database longer than it looks away from it, so that it goes on telling when one of them hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from fleetmon import logs
from fleetmon.clock import Clock
from fleetmon.errors import StorageError
from fleetmon.metrics import Metrics
from fleetmon.settings import Retention
from fleetmon.storage import Store
from fleetmon.storage.forecast import EVERY, Sample
from fleetmon.storage.sqlite import SqliteDatabase
from fleetmon.storage.vitals import Vitals, foresee, is_well, used_bytes, vitals

log = logs.get("storewatch")

TICK = 5.0
"""Seconds between two looks."""
LONGEST_READ, LONGEST_WRITE = 30.0, 120.0
"""Seconds after which a statement is ended: it keeps the write-ahead log from being cut, or everybody waiting."""


class StoreWatch:
    """Looks at the store and says what it sees."""

    def __init__(self, *, store: Store, retention: Retention, metrics: Metrics, clock: Clock) -> None:
        self._store = store
        self._retention = retention
        self._metrics = metrics
        self._clock = clock
        self._commits: dict[str, int] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._failing: set[str] = set()
        self._sampled_at: datetime | None = None

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        try:
            while True:
                await self.look()
                await self._clock.sleep(TICK)
        finally:
            for task in self._under_way.values():
                task.cancel()

    async def look(self) -> None:
        """One look; what takes a database is started here and not waited for."""
        room = await asyncio.to_thread(self._store.space.look)
        for file in self._store.files:
            if room is not None and not room.readings_taken:  # every byte of a write-ahead log is room for others
                self._start(f"cut {file.path.name}", partial(file.checkpoint, truncate=True))
            ended = file.end_overdue(reads=LONGEST_READ, writes=LONGEST_WRITE)
            if ended:
                log.warning("statements that took too long were ended", file=file.path.name, statements=ended)
            self._prove(file)
        self._start("measure", self._measure)
        seen = vitals(self._store)
        self._tell(seen)
        self._count(seen)

    def _prove(self, file: SqliteDatabase) -> None:
        """A writer that committed since the last look is well; any other has to prove it."""
        pulse, name = file.pulse(), file.path.name
        if pulse.trouble or self._commits.get(name) == pulse.commits:
            self._start(f"prove {name}", file.prove)
        self._commits[name] = pulse.commits

    def _start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Let `work` go on beside; never twice at once."""
        before = self._under_way.get(name)
        if before is None or before.done():
            self._under_way[name] = asyncio.ensure_future(_quietly(work))

    async def _measure(self) -> None:
        """Room inside the readings' file, and once an hour what both files hold."""
        inside = [await used_bytes(file) for file in self._store.files]
        self._store.space.reusable = inside[-1][1]
        now = self._clock.now()
        if self._sampled_at is None or now - self._sampled_at >= EVERY:
            await self._store.samples.add(Sample(now, sum(used for used, _ in inside)))
            self._sampled_at = now
        ahead = await foresee(self._store, self._retention)
        left = float("nan") if ahead.left is None else ahead.left.total_seconds()
        self._metrics.disk_full_in.set(left)

    def _tell(self, seen: Vitals) -> None:
        """Each failure once when it begins and once when it is over."""
        failing = {file.file: file.pulse.trouble for file in seen.files if file.pulse.trouble}
        for name in failing.keys() - self._failing:
            log.error("a database cannot be written", file=name, reason=failing[name])
        for name in self._failing - failing.keys():
            log.info("a database can be written again", file=name)
        self._failing = set(failing)

    def _count(self, seen: Vitals) -> None:
        metrics = self._metrics
        for file in seen.files:
            metrics.database_bytes.labels(file.file).set(file.size)
            metrics.wal_bytes.labels(file.file).set(file.wal)
            metrics.writer_up.labels(file.file).set(is_well(file))
            metrics.commits_failed.labels(file.file).set(file.pulse.failed)
            metrics.writer_reopened.labels(file.file).set(file.pulse.reopened)
        metrics.readings_lost.set(seen.lost)
        metrics.readings_taken.set(not seen.refusal)
        if seen.room is not None:
            metrics.disk_free.set(seen.room.disk.free)


async def _quietly(work: Callable[[], Awaitable[None]]) -> None:
    """What fails here shows in the vitals."""
    with contextlib.suppress(StorageError):
        await work()
