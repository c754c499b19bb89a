"""The role that looks after devices: it owns their lanes, polls them at their slots, and serves who asks out of turn.

One tick a second (APScheduler) starts what is due; nothing else keeps time. A slow or dead device holds nothing but its
own lane: ailing devices have a capacity of their own, so they never take the turn of a healthy one. What a poll
learned, failure included, goes to `ingest`; this role keeps no state that a restart could lose.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from fleetmon import logs
from fleetmon.cadence import due_aspects, next_poll, rest_after, shortest, steps
from fleetmon.clock import Clock
from fleetmon.drivers.base import Driver, Opening, Request
from fleetmon.drivers.lane import Lane, Pace, Priority
from fleetmon.errors import RequestRefused, StorageError, Unsupported
from fleetmon.keeper import Keeper, Learned, Watched
from fleetmon.metrics import Metrics
from fleetmon.model import Aspect, LogMark, Observation, Reachability
from fleetmon.settings import Polling
from fleetmon.storage.rows import PollRequest

log = logs.get("devices")

TICK = 1.0
"""Seconds between two looks at what is due."""
MISFIRE_GRACE = 60
"""Seconds a tick may be late and still run: a stalled loop must not drop polls."""
LATE = 5.0
"""Seconds after its slot from which a poll counts as late."""
CATCH_UP = 40
"""Polls started per tick at most that are due all at once, after a start or a long stall."""


NOT_WATCHED = "this device is not being watched; enable it first"
CHANGED = "the device was edited or removed meanwhile; ask again"

T = TypeVar("T")
Open = Callable[[Opening], Driver]


@dataclass(slots=True, kw_only=True, eq=False)
class _Watch:
    """One lane, its driver and where it is in its cadence."""

    watched: Watched
    lane: Lane
    driver: Driver
    asked: dict[Aspect, datetime]
    marks: Mapping[str, LogMark]
    due: float = 0.0
    """On the monotonic clock."""
    task: asyncio.Task[str] | None = None
    ailing: bool = False
    gone: bool = False


class Devices:
    """Looks after every device this worker owns."""

    def __init__(self, *, keeper: Keeper, open_driver: Open, polling: Polling, clock: Clock, metrics: Metrics) -> None:
        self._keeper = keeper
        self._open = open_driver
        self._polling = polling
        self._clock = clock
        self._metrics = metrics
        self._watches: dict[tuple[str, str], _Watch] = {}
        self._queue: list[tuple[float, int, _Watch]] = []
        self._order = itertools.count()
        self._fleet_version = -1
        self._woken = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._healthy = asyncio.Semaphore(polling.at_once)
        self._ailing = asyncio.Semaphore(max(1, polling.at_once // 4))

    # The role.

    async def run(self) -> None:
        """Poll until cancelled; log out politely on the way out."""
        scheduler = AsyncIOScheduler()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                due = asyncio.Event()

                async def strike() -> None:  # a coroutine, or APScheduler would run it in a thread
                    due.set()

                scheduler.add_job(
                    strike,
                    "interval",
                    seconds=TICK,
                    misfire_grace_time=MISFIRE_GRACE,
                    coalesce=True,
                    max_instances=1,
                )
                scheduler.start()
                tasks.create_task(self._serve_requests(), name="poll requests")
                while True:
                    due.clear()
                    await self.tick()
                    await due.wait()
        finally:
            if scheduler.running:
                scheduler.shutdown(wait=False)
            await self._close_all()

    async def tick(self) -> None:
        """Start every poll that is due; while the store cannot be read, the fleet stays as it was last known."""
        try:
            await self._follow_fleet()
        except StorageError as error:
            log.error("fleet cannot be read", reason=str(error))
        now = self._clock.monotonic()
        started = 0
        while self._queue and self._queue[0][0] <= now and started < CATCH_UP:
            due, _, watch = heapq.heappop(self._queue)
            if watch.gone or due != watch.due:
                continue
            if watch.task is not None:
                self._metrics.polls_late.inc()
                self._schedule(watch)
                continue
            aspects = due_aspects(watch.watched.interval, watch.asked, self._clock.now())
            self._start(watch, aspects, Priority.POLL)
            started += 1

    def poke(self, _device_id: str = "") -> None:
        """A poll was asked for: look for its row now instead of at the next turn."""
        self._woken.set()

    async def raw(self, device_id: str, resource: str) -> Any:
        """One resource read now, in the device's own words; raises DeviceError or RequestRefused."""
        watch = self._find(device_id)
        async with watch.lane.deadline():
            return await watch.driver.raw(resource)

    # The fleet.

    async def _follow_fleet(self) -> None:
        version = await self._keeper.fleet_version()
        if version == self._fleet_version:
            return
        wanted = {watched.key: watched for watched in await self._keeper.watched()}
        for key in [key for key in self._watches if key not in wanted]:
            self._drop(key)
        for key, watched in wanted.items():
            before = self._watches.get(key)
            if before is None or _speaks_differently(before.watched, watched):
                if before is not None:
                    self._drop(key)
                self._add(watched)
            else:
                before.watched = watched
        self._fleet_version = version
        self._metrics.devices.set(len(self._watches))

    def _add(self, watched: Watched) -> None:
        polling = self._polling
        lane = Lane(
            device=watched.endpoint.address,
            clock=self._clock,
            pace=Pace(
                request_timeout=polling.request_timeout,
                poll_deadline=polling.poll_deadline,
                connect_timeout=polling.connect_timeout,
                minimum_gap=polling.minimum_gap,
            ),
            breaker=watched.breaker,
        )
        opening = Opening(
            endpoint=watched.endpoint,
            credentials=watched.credentials,
            lane=lane,
            clock=self._clock,
            memory=watched.memory,
            remember=lambda: self._remember(watched, driver, lane),
        )
        try:
            driver = self._open(opening)
        except Unsupported as error:
            log.warning("device cannot be polled", device=watched.device.name, reason=str(error))
            return
        watch = _Watch(watched=watched, lane=lane, driver=driver, asked=dict(watched.asked), marks=dict(watched.marks))
        self._watches[watched.key] = watch
        self._schedule(watch)

    async def _remember(self, watched: Watched, driver: Driver, lane: Lane) -> None:
        """Around each login: a kill must not leave a session behind that nobody knows, nor forget a refused one."""
        try:
            await self._keeper.remember(watched, driver.memory(), lane.breaker)
        except StorageError as error:
            log.error("login not remembered", device=watched.device.name, reason=str(error))

    def _drop(self, key: tuple[str, str]) -> None:
        watch = self._watches.pop(key)
        watch.gone = True
        if watch.task is not None:
            watch.task.cancel()
        self._spawn(watch.driver.close(), f"close {key[0]}")

    async def _close_all(self) -> None:
        watches = list(self._watches.values())
        self._watches.clear()
        self._queue.clear()
        self._fleet_version = -1
        self._tasks = None
        await asyncio.gather(*(watch.driver.close() for watch in watches), return_exceptions=True)

    def _find(self, device_id: str) -> _Watch:
        found = next((watch for (owned, _), watch in self._watches.items() if owned == device_id), None)
        if found is None:
            raise RequestRefused(
                f"device {device_id} is not being watched", cure="enable it, or wait until it was taken up"
            )
        return found

    # Polls.

    def _schedule(self, watch: _Watch, *, took: timedelta = timedelta(0)) -> None:
        now = self._clock.now()
        watched = watch.watched
        due = next_poll(watched.device.device_id, watched.interval, watch.asked, now)
        if took > shortest(watched.interval) / 4:
            due = rest_after(took, due, now)
        watch.due = self._clock.monotonic() + (due - now).total_seconds()
        heapq.heappush(self._queue, (watch.due, next(self._order), watch))

    def _start(self, watch: _Watch, aspects: frozenset[Aspect], priority: Priority) -> asyncio.Task[str]:
        name = f"poll {watch.watched.device.device_id}"
        watch.task = self._spawn(self._poll(watch, aspects, priority), name)
        return watch.task

    def _spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        assert self._tasks is not None, "the role runs"
        return self._tasks.create_task(work, name=name)

    async def _poll(self, watch: _Watch, aspects: frozenset[Aspect], priority: Priority) -> str:
        """Ask and keep; why it failed, empty when it did not."""
        failed = ""
        capacity = self._ailing if watch.ailing else self._healthy
        self._metrics.polls_waiting.inc()
        async with capacity:
            self._metrics.polls_waiting.dec()
            started = self._clock.monotonic()
            if priority is Priority.POLL:
                self._note_lag(started - watch.due)
            try:
                with self._metrics.polls_running.track_inprogress():
                    for step in steps(aspects) or [frozenset({Aspect.HEARTBEAT})]:
                        failed = await self._observe(watch, step)
                        if failed:
                            break
            except StorageError as error:  # the store watch tells of it, once for the whole fleet
                failed = f"not stored: {error}"
                self._metrics.polls_unstored.inc()
            except Exception as error:  # a bug of ours must cost one poll of one device and no more
                failed = f"an error of our own: {type(error).__name__}: {error}"
                self._metrics.poll_errors.inc()
                log.error("poll ended in an error of our own", device=watch.watched.device.name, exc_info=error)
            finally:
                now = self._clock.now()
                watch.asked.update(dict.fromkeys(aspects, now))
                watch.task = None
        if not watch.gone:
            self._schedule(watch, took=timedelta(seconds=self._clock.monotonic() - started))
        return failed

    async def _observe(self, watch: _Watch, aspects: frozenset[Aspect]) -> str:
        watched = watch.watched
        observation = await watch.driver.observe(Request(aspects=aspects, marks=watch.marks))
        self._note_outcome(watch, observation)
        before = self._clock.monotonic()
        watch.marks = await self._keeper.keep(
            Learned(
                watched=watched,
                observation=observation,
                memory=watch.driver.memory(),
                breaker=watch.lane.breaker,
                seen_spki=watch.driver.seen_spki,
            )
        )
        self._metrics.ingest_seconds.observe(self._clock.monotonic() - before)
        if observation.reachability is Reachability.REACHABLE:
            return ""
        return observation.reason or observation.reachability.value.replace("_", " ")

    def _note_lag(self, lag: float) -> None:
        self._metrics.poll_lag.observe(max(0.0, lag))
        if lag > LATE:
            self._metrics.polls_late.inc()

    def _note_outcome(self, watch: _Watch, observation: Observation) -> None:
        protocol, device = observation.protocol.value, watch.watched.device.name
        self._metrics.polls.labels(protocol, observation.reachability.value).inc()
        self._metrics.poll_seconds.labels(protocol).observe(observation.seconds)
        self._metrics.requests.labels(protocol).inc(observation.requests)
        self._metrics.readings.inc(len(observation.readings))
        ailing = observation.reachability is not Reachability.REACHABLE
        if ailing and not watch.ailing:
            log.warning("device cannot be asked", device=device, reason=observation.reason)
        if watch.ailing and not ailing:
            log.info("device can be asked again", device=device)
        watch.ailing = ailing

    # Poll now.

    async def _serve_requests(self) -> None:
        while True:
            self._woken.clear()
            try:
                for request in await self._keeper.claim_poll_requests():
                    self._spawn(self._poll_now(request), f"poll now {request.device_id}")
            except StorageError as error:
                log.error("poll requests cannot be read", reason=str(error))
            wait = asyncio.ensure_future(self._woken.wait())
            nap = asyncio.ensure_future(self._clock.sleep(5 * TICK))
            _, unfinished = await asyncio.wait({wait, nap}, return_when=asyncio.FIRST_COMPLETED)
            for waiting in unfinished:
                waiting.cancel()

    async def _poll_now(self, request: PollRequest) -> None:
        """Serve one request; whatever happens to the device meanwhile, its row comes to an end."""
        try:
            await self._follow_fleet()
            watches = [watch for (owned, _), watch in self._watches.items() if owned == request.device_id]
            failures = [await self._ask_now(watch, request.aspects) for watch in watches]
            failed = next((reason for reason in failures if reason), "") if watches else NOT_WATCHED
            await self._keeper.finish_poll_request(request, failed=failed)
        except StorageError as error:
            log.error("poll request not finished", device=request.device_id, reason=str(error))

    async def _ask_now(self, watch: _Watch, aspects: frozenset[Aspect]) -> str:
        """Poll as soon as the poll under way has ended; why it failed, empty when it did not."""
        while watch.task is not None:
            await asyncio.wait({watch.task})
        if watch.gone:
            return CHANGED
        task = self._start(watch, aspects, Priority.PERSON)
        await asyncio.wait({task})
        return CHANGED if task.cancelled() else task.result()


def _speaks_differently(before: Watched, after: Watched) -> bool:
    """Must the driver be opened anew: another address, another way to trust it, or other credentials.

    The first pin is no change: it is what this very driver saw.
    """
    known = before.endpoint
    if known.pinned_spki is None:
        known = replace(known, pinned_spki=after.endpoint.pinned_spki)
    return (known, _version(before)) != (after.endpoint, _version(after))


def _version(watched: Watched) -> tuple[str, int] | None:
    credentials = watched.credentials
    return None if credentials is None else (credentials.user, credentials.version)
