"""The role that looks after devices: it owns their lanes, polls them at their slots, and serves who asks out of turn.

One tick a second (APScheduler) starts what is due; nothing else keeps time. A slow or dead device holds nothing but its
own lane: ailing devices have a capacity of their own, so they never take the turn of a healthy one. What a poll
learned, failure included, goes to `ingest`; this role keeps no state that a restart could lose.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from fleetmon import logs, quiet
from fleetmon.cadence import LIFE, due_aspects, next_poll, pressing, rest_after, shortest, steps
from fleetmon.clock import Clock
from fleetmon.descriptors import make_room
from fleetmon.drivers.base import Credentials, Driver, Opening, Request
from fleetmon.drivers.lane import Priority
from fleetmon.duties import FIRST, WITNESS, patience
from fleetmon.errors import StorageError, Unsupported
from fleetmon.hurry import Hurry
from fleetmon.keeper import Keeper, Learned, Watched
from fleetmon.metrics import Metrics
from fleetmon.model import Aspect, Endpoint, LogMark, Observation, Protocol, Reachability
from fleetmon.ownership import next_slot
from fleetmon.places import Places
from fleetmon.poll_now import PollNow
from fleetmon.push import Links, Push, Pushing, is_news
from fleetmon.pushes import Pushes
from fleetmon.rota import Rota
from fleetmon.settings import Polling
from fleetmon.watch import Watch, lane_of, pinned, speaks_differently
from fleetmon.watches import Watches

log = logs.get("devices")

TICK = 1.0
"""Seconds between two looks at what is due."""
LATE = 5.0
"""Seconds after its slot from which a poll counts as late."""
BEHIND = 1.5
"""Seconds after its slot from which a poll asks only for what cannot wait: walks give way, and the fleet catches up."""
CATCH_UP = 20
"""Polls started at most at each of the two looks of a tick, beside those whose slot it is, of devices that are new."""

NOTED = 5.0
"""Seconds between two writings of quiet heartbeats."""

NOT_WATCHED = "this device is not being watched; enable it first"
CHANGED = "the device was edited or removed meanwhile; ask again"

T = TypeVar("T")
Open = Callable[[Opening], Driver]


class Devices:
    """Looks after every device this worker owns."""

    def __init__(
        self,
        *,
        keeper: Keeper,
        open_driver: Open,
        polling: Polling,
        clock: Clock,
        metrics: Metrics,
        pushing: Pushing | None = None,
    ) -> None:
        self._pushes = Pushes(pushing, clock=clock, metrics=metrics)
        self._keeper = keeper
        self._open = open_driver
        self._polling = polling
        self._clock = clock
        self._metrics = metrics
        self._watches = Watches(polling.misses)
        self._rota: Rota[Watch] = Rota(from_line=CATCH_UP, stall=LATE)
        self._places = Places(polling.at_once, clock)
        self._fleet_version = -1
        self._noted_at = float("-inf")
        self._lacking = ""
        self._poll_now = PollNow(keeper=keeper, clock=clock, poll=self._poll_device, spawn=self._spawn)
        self._hurry = Hurry(clock=clock, poll=self._ask_now, spawn=self._spawn)
        self._tasks: asyncio.TaskGroup | None = None

    # The role.

    async def run(self) -> None:
        """Poll until cancelled. The logins stay open on the way out, for whoever looks after the devices next."""
        due = asyncio.Event()
        scheduler = clockwork(due.set)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                scheduler.start()
                tasks.create_task(self._poll_now.serve(), name="poll requests")
                while True:
                    due.clear()
                    began = self._clock.monotonic()
                    await self.tick()
                    await due.wait()
                    self._metrics.tick_lag.observe(max(0.0, self._clock.monotonic() - began - TICK))
        finally:
            if scheduler.running:
                scheduler.shutdown(wait=False)
            await self._close_all()

    async def tick(self) -> None:
        """Start every poll that is due; while the store cannot be read, the fleet stays as it was last known."""
        self._start_due()
        try:
            await self._follow_fleet()
        except StorageError as error:
            log.error("fleet cannot be read", reason=str(error))
        self._pushes.look()
        if self._clock.monotonic() - self._noted_at >= NOTED:
            self._noted_at = self._clock.monotonic()
            self._spawn(self._write_notes(), "quiet heartbeats")
        self._start_due()

    def _start_due(self) -> None:
        """Start polls; however long the fleet took to read, nobody waits for that."""
        now = self._clock.monotonic()
        self._places.relieve()
        for watch in self._rota.call(now):
            if watch.gone:
                continue
            if watch.task is not None:
                if not watch.ailing:
                    self._metrics.polls_late.inc()
                self._schedule(watch)
                continue
            aspects = due_aspects(watch.watched.interval, watch.asked, self._clock.now()) & self._watches.duties(watch)
            self._start(watch, aspects, Priority.POLL)

    async def _write_notes(self) -> None:
        with contextlib.suppress(StorageError):  # the store watch tells; they are written the next time
            await self._keeper.write_notes()

    def poke(self, _device_id: str = "") -> None:
        """A poll was asked for: look for its row now instead of at the next turn."""
        self._poll_now.wake()

    def hint(self, token: str, content: bytes) -> bool:
        """A message came from outside under a device's token: a reason to look. False when it is nobody's token."""
        return self._pushes.hint(token, content)

    def hinted(self, device_id: str, aspects: frozenset[Aspect]) -> bool:
        """Something came that seems to be from a device: a reason to ask it this. False when nobody looks after it."""
        watches = self._watches.of(device_id)
        for watch in watches:
            self._hurry.ask(watch, aspects)
        return bool(watches)

    def login(self, device_id: str, protocol: Protocol) -> tuple[Endpoint, Credentials] | None:
        """Where and as whom a device is asked over a protocol; None when it is not, or as nobody."""
        watch = self._watches.get((device_id, protocol.value))
        if watch is None or watch.watched.credentials is None:
            return None
        return watch.watched.endpoint, watch.watched.credentials

    async def raw(self, device_id: str, resource: str) -> Any:
        """One resource read now, in the device's own words; raises DeviceError or RequestRefused."""
        watch = self._watches.first_of(device_id)
        driver = await self._driver(watch)
        async with watch.lane.deadline():
            return await driver.raw(resource)

    # The fleet.

    async def _follow_fleet(self) -> None:
        version = await self._keeper.fleet_version()
        if version == self._fleet_version:
            return
        wanted = {watched.key: watched for watched in await self._keeper.watched()}
        for key in [key for key in self._watches if key not in wanted]:
            self._drop(key, for_good=True)
        for key, watched in wanted.items():
            before = self._watches.get(key)
            # Decommissioned and added again since the last look: nothing of it is stored any more.
            anew = before is not None and bool(before.asked) and not watched.asked
            if before is None or anew or speaks_differently(before.watched, watched):
                if before is not None:
                    moved = before.watched.endpoint.address != watched.endpoint.address
                    self._drop(key, for_good=moved)
                self._add(watched)
            else:
                before.watched = watched
        self._fleet_version = version
        self._metrics.devices.set(len(self._watches))
        if (lacking := make_room(len(self._watches))) and lacking != self._lacking:
            log.warning("too few open files", reason=lacking)
        self._lacking = lacking

    def _add(self, watched: Watched) -> None:
        watch = Watch(
            watched=watched,
            lane=lane_of(watched, self._polling, self._clock),
            asked=dict(watched.asked),
            missed=watched.missed,
            owed=watched.unanswered - LIFE,
        )
        self._watches[watched.key] = watch
        self._schedule(watch)

    async def _driver(self, watch: Watch) -> Driver:
        """The driver, opened with what was kept of the device when it is needed first; raises Unsupported."""
        async with watch.opening:
            if watch.driver is None:
                watched = watch.watched
                kept = await self._keeper.recall(watched)
                watch.lane.breaker, watch.marks = kept.breaker, kept.marks
                opening = Opening(
                    endpoint=watched.endpoint,
                    credentials=watched.credentials,
                    lane=watch.lane,
                    clock=self._clock,
                    memory=kept.memory,
                    remember=lambda: self._remember(watch),
                )
                watch.driver = self._open(opening)
                watch.kept = watch.version(watch.driver) if kept.memory.plan else None
            return watch.driver

    async def _remember(self, watch: Watch) -> None:
        """Around each login: a kill must not leave a session behind that nobody knows, nor forget a refused one."""
        if watch.driver is None:
            return
        kept = watch.version(watch.driver)
        try:
            await self._keeper.remember(watch.watched, watch.driver.memory(), watch.lane.breaker)
        except StorageError as error:
            log.error("login not remembered", device=watch.name, reason=str(error))
        else:
            watch.kept = kept

    def _drop(self, key: tuple[str, str], *, for_good: bool) -> None:
        watch = self._watches.pop(key)
        watch.gone = True
        if watch.task is not None:
            watch.task.cancel()
        if watch.driver is not None:
            self._spawn(_end(self._pushes.drop(key), watch.driver, for_good=for_good), f"close {key[0]}")

    async def _close_all(self) -> None:
        watches = list(self._watches.values())
        self._watches.clear()
        self._rota.clear()
        self._fleet_version = -1
        self._tasks = None
        await self._pushes.close()
        await self._write_notes()
        drivers = [watch.driver for watch in watches if watch.driver is not None]
        await asyncio.gather(*(driver.suspend() for driver in drivers), return_exceptions=True)

    # Polls.

    def _schedule(self, watch: Watch, *, took: timedelta = timedelta(0)) -> None:
        """The next slot. A device that missed one stands in line as well, and one that is new in line alone."""
        now, monotonic, watched = self._clock.now(), self._clock.monotonic(), watch.watched
        device_id, slots = watched.device.device_id, shortest(watched.interval)
        due = next_poll(device_id, watched.interval, watch.asked, now, self._watches.duties(watch))
        slot = next_slot(device_id, slots, now) if due <= now else due
        if took > slots / 4:
            due = slot = rest_after(took, slot, now)
        called_at = watch.due
        watch.due = monotonic + (slot - now).total_seconds() if watch.asked else monotonic
        if watch.asked and watch.due != called_at:  # after a poll out of turn the slot is on the rota already
            self._rota.at_slot(watch)
        if due <= now:
            self._rota.in_line(watch)

    def _start(self, watch: Watch, aspects: frozenset[Aspect], priority: Priority) -> asyncio.Task[str]:
        name = f"poll {watch.watched.device.device_id}"
        watch.task = self._spawn(self._poll(watch, aspects, priority), name)
        return watch.task

    def _spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        assert self._tasks is not None, "the role runs"
        return self._tasks.create_task(work, name=name)

    async def _poll(self, watch: Watch, aspects: frozenset[Aspect], priority: Priority) -> str:
        """Ask and keep; why it failed, empty when it did not."""
        failed = ""
        with self._metrics.polls_waiting.track_inprogress():
            place = await self._places.take(watch.standing)
        started = self._clock.monotonic()
        if priority is Priority.POLL and watch.asked and not watch.ailing:
            self._note_lag(started - watch.due)
            if started - watch.due > BEHIND:
                aspects = pressing(aspects, watch.watched.interval, watch.asked, self._clock.now())
        try:
            with self._metrics.polls_running.track_inprogress():
                for step in steps(aspects, first=not watch.asked) or [frozenset({Aspect.HEARTBEAT})]:
                    failed = await self._observe(watch, step)
                    if failed:
                        watch.owed |= aspects - LIFE if step & LIFE else frozenset()
                        break
        except Unsupported as error:  # nobody speaks its protocol
            failed = str(error)
            watch.missed += 1
            log.warning("device cannot be polled", device=watch.name, reason=failed)
        except StorageError as error:  # the store watch tells of it, once for the whole fleet
            failed = f"not stored: {error}"
            self._metrics.polls_unstored.inc()
        except Exception as error:  # a bug of ours must cost one poll of one device and no more
            failed = f"an error of our own: {type(error).__name__}: {error}"
            self._metrics.poll_errors.inc()
            log.error("poll ended in an error of our own", device=watch.name, exc_info=error)
        finally:
            self._places.give_back(place)
            watch.asked.update(dict.fromkeys(aspects, self._clock.now()))
            if not failed:
                self._call_in(watch, aspects)
            watch.task = None
        if not watch.gone and watch.driver is not None:
            self._schedule(watch, took=timedelta(seconds=self._clock.monotonic() - started))
        return failed

    def _call_in(self, watch: Watch, answered: frozenset[Aspect]) -> None:
        """It can be asked: what fell due while it could not is due now, however long its interval."""
        for aspect in watch.owed - answered:
            watch.asked.pop(aspect, None)
        watch.owed = frozenset()

    async def _observe(self, watch: Watch, aspects: frozenset[Aspect]) -> str:
        driver = await self._driver(watch)
        role = self._watches.duties(watch)
        if role != watch.duties:  # what its heartbeats say counts differently now, so the next one is stored
            watch.duties, watch.told = role, None
        observation = await driver.observe(Request(aspects=aspects, marks=watch.marks, witness=role == WITNESS))
        self._note_outcome(watch, observation)
        contradicts = role != FIRST and watch.told is not None and quiet.is_news(watch.told, observation)
        marks, watch.marks = watch.marks, await self._keep(watch, driver, observation)
        reachable = observation.reachability is Reachability.REACHABLE
        if contradicts and reachable:
            self._tell_first(watch)
        news = Aspect.EVENTS in aspects and is_news(marks, watch.marks)
        self._pushes.polled(watch.watched.key, driver, lambda: self._links(watch), reachable=reachable, news=news)
        return "" if reachable else observation.reason or observation.reachability.value.replace("_", " ")

    async def _keep(self, watch: Watch, driver: Driver, observation: Observation) -> Mapping[str, LogMark]:
        kept = watch.version(driver)
        news = kept != watch.kept
        if not news and quiet.is_quiet(watch.told, observation, first=watch.is_first):
            self._keeper.note(watch.watched, observation)
            self._metrics.quiet_heartbeats.inc()
            return watch.marks
        before = self._clock.monotonic()
        told, watch.told = watch.told, None
        marks = await self._keeper.keep(
            Learned(
                watched=watch.watched,
                observation=observation,
                memory=driver.memory() if news else None,
                breaker=watch.lane.breaker if news else None,
                seen_spki=driver.seen_spki,
            )
        )
        watch.kept, watch.told = kept, quiet.after(told, observation)
        watch.watched = pinned(watch.watched, driver.seen_spki)
        self._metrics.ingest_seconds.observe(self._clock.monotonic() - before)
        return marks

    def _note_lag(self, lag: float) -> None:
        self._metrics.poll_lag.observe(max(0.0, lag))
        if lag > LATE:
            self._metrics.polls_late.inc()

    def _note_outcome(self, watch: Watch, observation: Observation) -> None:
        protocol, device = observation.protocol.value, watch.name
        self._metrics.polls.labels(protocol, observation.reachability.value).inc()
        self._metrics.poll_seconds.labels(protocol).observe(observation.seconds)
        self._metrics.requests.labels(protocol).inc(observation.requests)
        self._metrics.readings.inc(len(observation.readings))
        ailing = observation.reachability is not Reachability.REACHABLE
        if ailing and not watch.ailing:
            log.warning("device cannot be asked", device=device, reason=observation.reason)
        if watch.ailing and not ailing:
            log.info("device can be asked again", device=device)
        replaced = watch.missed >= patience(self._polling.misses, answers=True)
        if replaced and not ailing and len(watch.watched.device.endpoints) > 1:
            for aspect in (Aspect.COMPONENTS, Aspect.EVENTS):  # others told them meanwhile, as well as they could
                watch.asked.pop(aspect, None)
        watch.missed = watch.missed + 1 if ailing else 0
        watch.ailing = ailing

    # What devices tell by themselves.

    def _links(self, watch: Watch) -> Links:
        async def learn(observation: Observation) -> None:
            if watch.driver is None or watch.gone:
                return
            with contextlib.suppress(StorageError):  # the store watch tells; a poll brings the next ones
                await self._keep(watch, watch.driver, observation)
            self._metrics.readings.inc(len(observation.readings))
            watch.asked.update(dict.fromkeys(observation.answered, observation.taken_at))

        return Links(hurry=lambda aspects: self._hurry.ask(watch, aspects), learn=learn, spawn=self._spawn)

    def _tell_first(self, watch: Watch) -> None:
        """A witness saw something change: the device's first endpoint is asked what it is."""
        device = watch.watched.device
        first = self._watches.get((device.device_id, device.endpoints[0].protocol.value))
        if first is not None and not first.ailing:
            self._hurry.ask(first, frozenset({Aspect.HEARTBEAT, Aspect.COMPONENTS, Aspect.EVENTS}))

    # Poll now.

    async def _poll_device(self, device_id: str, aspects: frozenset[Aspect]) -> str:
        """Poll a device by all its endpoints; why it failed, empty when it did not."""
        await self._follow_fleet()
        watches = self._watches.of(device_id)
        failures = [await self._ask_now(watch, aspects) for watch in watches]
        told = [
            f"{watch.watched.endpoint.protocol.value}: {failure}" if len(watches) > 1 else failure
            for watch, failure in zip(watches, failures, strict=True)
            if failure
        ]
        return "; ".join(told) if watches else NOT_WATCHED

    async def _ask_now(self, watch: Watch, aspects: frozenset[Aspect]) -> str:
        """Poll as soon as the poll under way has ended; why it failed, empty when it did not."""
        while watch.task is not None:
            await asyncio.wait({watch.task})
        if watch.gone:
            return CHANGED
        task = self._start(watch, aspects & self._watches.duties(watch), Priority.PERSON)
        await asyncio.wait({task})
        return CHANGED if task.cancelled() else task.result()


def clockwork(strike: Callable[[], None]) -> AsyncIOScheduler:
    """Calls `strike` once a second, on the loop itself: after a stall at once, and once for all that was missed.

    In the scheduler's usual executor a stall makes it warn of instances still running and drop the run.
    """
    scheduler = AsyncIOScheduler(executors={"default": DebugExecutor()})
    scheduler.add_job(strike, "interval", seconds=TICK, misfire_grace_time=None, coalesce=True)
    return scheduler


async def _end(push: Push | None, driver: Driver, *, for_good: bool) -> None:
    """Close the stream, then the login it goes by; a failure of this costs no other device anything."""
    try:
        if push is not None:
            await push.close(for_good=for_good)
        await driver.close()
    except Exception as error:  # a bug of ours, in a task of the whole role
        log.error("device not let go in good order", exc_info=error)
