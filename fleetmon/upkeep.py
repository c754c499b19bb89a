"""The role that tidies: silent devices turn stale, history is sealed and forgotten, write-ahead logs stay short."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from fleetmon import logs
from fleetmon.clock import Clock
from fleetmon.errors import StorageError
from fleetmon.settings import Retention
from fleetmon.storage import Store
from fleetmon.storage.engine import WAL_LIMIT
from fleetmon.storage.sqlite import SqliteDatabase

log = logs.get("upkeep")

TICK = 5.0
"""Seconds between two looks at what is due."""
SEALING = 1.0
"""Seconds that sealing goes on at a stretch when much is due; the other chores wait so long."""
LEAP = timedelta(hours=1)
"""By so much more than the time that passed a wall clock may go on and be believed."""
PUT_RIGHT = 86_400.0
"""Seconds for which nothing is forgotten after a leap: a clock set wrong must not cost all history."""
SEALED = 600.0
"""Seconds until the next look when all that was due is sealed: finding out costs a look at every layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Something to be done again and again."""

    name: str
    every: timedelta
    work: Callable[[], Awaitable[None]]


def due(chores: tuple[Chore, ...], done: dict[str, float], now: float) -> list[Chore]:
    """The chores whose time has come, on the monotonic clock; a chore never done is due."""
    return [chore for chore in chores if now - done.get(chore.name, float("-inf")) >= chore.every.total_seconds()]


class Upkeep:
    """Looks after the store while the other roles work."""

    def __init__(self, *, store: Store, retention: Retention, clock: Clock) -> None:
        self._store = store
        self._retention = retention
        self._clock = clock
        self._files = (store.state, store.telemetry_file)
        self._sealed_until = float("-inf")
        self._swollen: set[SqliteDatabase] = set()
        self._hindered: set[str] = set()
        self._began = self._clock.now() - timedelta(seconds=self._clock.monotonic())
        self._leapt_at: float | None = None
        self.chores = (
            Chore(name="mark stale", every=timedelta(seconds=5), work=self.mark_stale),
            Chore(name="watch write-ahead logs", every=timedelta(seconds=30), work=self.watch_logs),
            Chore(name="tidy requests", every=timedelta(minutes=1), work=self.tidy_requests),
            Chore(name="seal", every=timedelta(seconds=10), work=self.seal),
            Chore(name="expire", every=timedelta(minutes=10), work=self.expire),
            Chore(name="optimise", every=timedelta(hours=6), work=self.optimise),
        )

    async def run(self) -> None:
        """Do every chore at its time until cancelled; one the store refuses is done at its next time.

        An error of our own in one of them ends the role, so that it is seen, but not before the others had their turn.
        """
        done: dict[str, float] = {}
        while True:
            errors = []
            for chore in due(self.chores, done, self._clock.monotonic()):
                done[chore.name] = self._clock.monotonic()
                try:
                    await self._do(chore)
                except Exception as error:  # noqa: BLE001 - raised below
                    errors.append(error)
            if errors:
                raise errors[0]
            await self._clock.sleep(TICK)

    async def _do(self, chore: Chore) -> None:
        try:
            await chore.work()
        except StorageError as error:
            if chore.name not in self._hindered:
                log.warning("a chore cannot be done", chore=chore.name, reason=str(error))
            self._hindered.add(chore.name)
        else:
            self._hindered.discard(chore.name)

    async def mark_stale(self) -> None:
        """Devices without an answer for three intervals say so, visibly."""
        marked = await self._store.summaries.mark_stale(self._clock.now())
        if marked:
            log.info("devices turned stale", devices=marked)

    async def watch_logs(self) -> None:
        """A write-ahead log is cut back when it is idle or has grown; one that cannot be is told once (F106, F107)."""
        for file in self._files:
            before = file.wal_bytes()
            if before == 0:
                continue
            busy = before > WAL_LIMIT
            if not busy and not file.is_idle():
                continue
            await file.checkpoint(truncate=True)
            held = file.wal_bytes() > WAL_LIMIT
            if held and file not in self._swollen:
                log.warning("the write-ahead log cannot be cut back", file=file.path.name, bytes=file.wal_bytes())
            (self._swollen.add if held else self._swollen.discard)(file)

    async def tidy_requests(self) -> None:
        """Poll requests nobody served have failed; workers long silent are forgotten."""
        now = self._clock.now()
        await self._store.polls.tidy(now)
        await self._store.workers.expire(now - timedelta(days=1))

    async def seal(self) -> None:
        """Hours and days that are over become pages, one at a time, and no longer than `SEALING` at a stretch."""
        started = self._clock.monotonic()
        if started < self._sealed_until:
            return
        telemetry = self._store.telemetry
        while spans := await telemetry.due(self._clock.now(), self._retention.readings):
            for span in spans:
                await telemetry.seal(span)
                if self._clock.monotonic() >= started + SEALING:
                    return
        self._sealed_until = started + SEALED

    async def expire(self) -> None:
        """What is older than its retention is forgotten, in bounded steps that let others write in between."""
        if self._leapt():
            return
        now = self._clock.now()
        kept = self._retention
        telemetry = self._store.telemetry
        await _until_done(lambda: telemetry.expire(now - kept.readings))
        for step, age in kept.rollups():
            await _until_done(lambda step=step, age=age: telemetry.expire_rollups(step, now - age))  # type: ignore[misc]
        await _until_done(lambda: self._store.events.expire(now - kept.events))
        await _until_done(lambda: self._store.components.expire(now - kept.changes))
        await self._store.summaries.forget_removals(now)

    def _leapt(self) -> bool:
        """Did the wall clock leap ahead less than a day ago, and was it not put right since?"""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        began = now - timedelta(seconds=monotonic)
        leap = began - self._began
        if leap > LEAP and (self._leapt_at is None or monotonic - self._leapt_at < PUT_RIGHT):
            if self._leapt_at is None:
                self._leapt_at = monotonic
                log.warning("the clock leapt ahead; for a day nothing is forgotten", seconds=leap.total_seconds())
            return True
        self._began, self._leapt_at = began, None
        return False

    async def optimise(self) -> None:
        """Both files keep the statistics their query plans rest on."""
        for file in self._files:
            await file.optimise()


async def _until_done(step: Callable[[], Awaitable[int]]) -> None:
    while await step():
        pass
