"""How devices tell by themselves: a stream where there is one, else our subscription, else nothing.

Push is never the truth, only sooner than a poll: with a stream that brings nothing everything goes on at the pace of
polls. Each device has one small state machine; it acts after a poll that went well and at no other time, so that a
device that cannot be asked is not asked for its stream either. What comes over a stream the service opened is kept;
what comes to the receiver makes a poll happen, now and then, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from fleetmon import logs
from fleetmon.clock import Clock
from fleetmon.drivers.telling import Telling, Wish
from fleetmon.errors import AccessDenied, Busy, DeviceError, StorageError, Unreachable, Unsupported
from fleetmon.metrics import Metrics
from fleetmon.model import Aspect, Observation, Pushed, PushedRecord
from fleetmon.rates import Rate
from fleetmon.storage.rows import PushRow, PushState, PushWay

log = logs.get("push")

DAY = 86_400.0
SILENCE = 3600.0
"""Seconds after which a stream that says nothing at all is opened anew."""
BEATS = 3
"""Signs of life from which on a device is held to their rhythm, and how many of them it may leave out."""
SHORTEST_SILENCE = 90.0
"""Seconds of silence that are nothing, however lively a stream was."""
DEAF = 3
"""Records of Warning or worse that a log showed and push did not bring; one more, and it is taken for deaf."""
GRACE = timedelta(seconds=30)
"""For so long after it was opened a log may still show what happened before."""
STEADY = 300.0
"""Seconds a stream must have lived for its next failure to count as the first."""
VERIFY = 3600.0
"""Seconds between two looks at our subscription."""
MOST_STREAMS = 1000
"""Streams of one worker, where the configuration says nothing else."""
LOOK = 5.0
"""Seconds between two looks for streams that fell silent."""
HINTS = (5.0, 0.2)
"""Messages of one device that are read at once, and per second from then on; the others count as a plain hint."""

_PAUSES: tuple[tuple[type[Exception], float, float], ...] = (
    (Unsupported, DAY, DAY),
    (Busy, 600.0, SILENCE),
    (AccessDenied, 300.0, DAY),
    (DeviceError, 5.0, 600.0),
    (StorageError, 30.0, 600.0),
)
"""What went wrong, and for how many seconds it is left alone: at first, and at most after doubling."""


class PushKeeper(Protocol):
    """What push needs of the store."""

    async def recall(self, device_id: str) -> PushRow | None:
        """How the push of a device was; None when nobody tried yet."""
        ...

    async def keep(self, device_id: str, row: PushRow) -> None:
        """Remember how it is."""
        ...

    async def unheard(self, device_id: str, since: datetime) -> int:
        """How many events of Warning or worse a log has shown since an instant that were not pushed."""
        ...

    async def take(self, device_id: str, records: Sequence[PushedRecord], row: PushRow) -> PushRow:
        """Store what a stream told, and how far it has told; the row with what was new."""
        ...


@dataclass(slots=True)
class Room:
    """How many streams there may be, since each is a TLS connection of some 60 KB, and how many there are."""

    most: int
    taken: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushing:
    """What the role needs for push. `wish` is None where no receiver is configured."""

    keeper: PushKeeper
    stream: bool = True
    streams: Room = field(default_factory=lambda: Room(MOST_STREAMS))
    wish: Callable[[str], Wish] | None = None
    installation: str = ""
    """What our contexts begin with, by which a subscription is known for ours where none is wished any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What a push may do with its device."""

    hurry: Callable[[frozenset[Aspect]], None]
    """Have these asked for soon."""
    learn: Callable[[Observation], Awaitable[None]]
    """Keep readings that came by themselves."""
    spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class Push:
    """One device's push."""

    __slots__ = (
        "_away_at", "_beat", "_beats", "_brought", "_clock", "_dismissed", "_failures", "_heard_at", "_hints", "_links",
        "_metrics", "_next_at", "_opened_at", "_pushing", "_row", "_suspect", "_task", "_telling", "_told_at", "_wait",
        "device_id",
    )  # fmt: skip

    def __init__(
        self, device_id: str, telling: Telling, *, pushing: Pushing, links: Links, clock: Clock, metrics: Metrics
    ) -> None:
        self.device_id = device_id
        self._telling = telling
        self._pushing = pushing
        self._links = links
        self._clock = clock
        self._metrics = metrics
        self._row: PushRow | None = None
        self._task: asyncio.Task[None] | None = None
        self._hints = Rate(*HINTS)
        self._next_at = float("-inf")
        self._failures = 0
        self._away_at: float | None = None
        self._suspect = 0
        self._told_at = clock.now()
        self._brought = self._dismissed = False
        self._beat, self._beats = 0.0, 0
        self._opened_at: float | None = None
        self._heard_at = 0.0
        self._wait: float | None = None

    @property
    def row(self) -> PushRow | None:
        """How it is; None before the first try."""
        return self._row

    @property
    def is_open(self) -> bool:
        """Is a stream open, or our subscription there?"""
        return self._row is not None and self._row.state is PushState.OPEN

    # ---- what makes it act -----------------------------------------------------------------------------------

    def polled(self, *, reachable: bool, news: bool) -> None:
        """A poll has ended. `news`: it found new records in a log that had been read before."""
        now = self._clock.monotonic()
        if not reachable:
            self._away_at = now if self._away_at is None else self._away_at
            return
        if self._away_at is not None:
            self._came_back(self._away_at)
        if news and self.is_open:
            self._links.spawn(self._weigh(), f"push {self.device_id} heard")
        if self._task is None and now >= self._next_at:
            self._task = self._links.spawn(self._tell(), f"push {self.device_id}")

    def look(self, now: float) -> None:
        """End a stream that has been silent for too long; it is opened anew after the next poll."""
        if self._opened_at is not None and not self._dismissed and now - self._heard_at > self._patience():
            self._end("it fell silent")

    def hint(self, content: bytes) -> None:
        """Something came to our receiver under this device's token: a reason to look, and no more."""
        plain = frozenset({Aspect.EVENTS})
        due = self._telling.hinted(content) if self._hints.allows(self._clock.monotonic()) else plain
        self._suspect, self._told_at = 0, self._clock.now()
        if self._row is not None:
            self._row = replace(self._row, hints=self._row.hints + 1, event_at=self._clock.now())
            if self._given_up() and self._row.subscription:
                self._next_at = float("-inf")
        if due:
            self._links.hurry(due)

    async def close(self, *, for_good: bool = False) -> None:
        """Close the stream; our subscription stays for whoever looks after the device next, if anybody does."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if for_good:
            with contextlib.suppress(DeviceError):  # it is gone with all it knew, or will send to a token nobody has
                await self._unsubscribe()

    # ---- telling ---------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        try:
            if self._row is None:
                self._row = await self._pushing.keeper.recall(self.device_id)
            if self._pushing.stream and await self._telling.stream_offered():
                await self._listen()
            elif self._pushing.wish is not None:
                await self._subscribe(self._pushing.wish(self.device_id))
            else:
                await self._unsubscribe()
                raise Unsupported(self._nothing())
        except (DeviceError, StorageError) as error:
            await self._rest(error)
        except Exception as error:  # a bug of ours must cost one device its push and no poll
            self._metrics.poll_errors.inc()
            log.error("push ended in an error of our own", device=self.device_id, exc_info=error)
            await self._rest(Unsupported(f"an error of our own: {type(error).__name__}: {error}"))
        finally:
            self._task, self._opened_at, self._dismissed = None, None, False

    def _nothing(self) -> str:
        if self._pushing.stream:
            return "it offers no stream, and no receiver is configured for subscriptions"
        return "streams are switched off, and no receiver is configured for subscriptions"

    async def _listen(self) -> None:
        """Take what comes until the stream ends, which is a failure like any other."""
        room = self._pushing.streams
        if room.taken >= room.most:
            raise Busy(f"as many streams are open as push.streams permits ({room.most})")
        self._wait, self._brought = None, False
        self._beat, self._beats = 0.0, 0
        after = self._row.event_id if self._row else ""
        room.taken += 1
        try:
            async with contextlib.aclosing(self._telling.listen(after)) as told:
                async for pushed in told:
                    if self._opened_at is None:
                        await self._opened()
                    await self._take(pushed)
        finally:
            room.taken -= 1
        raise Unreachable("the device ended the stream")

    async def _opened(self) -> None:
        self._opened_at = self._heard_at = self._clock.monotonic()
        self._told_at = self._clock.now() + GRACE
        await self._note(PushWay.STREAM, PushState.OPEN)
        self._links.hurry(frozenset({Aspect.EVENTS}))  # what happened while nobody listened is in the log
        with contextlib.suppress(DeviceError):  # a stream is enough
            await self._unsubscribe()

    async def _take(self, pushed: Pushed) -> None:
        now = self._clock.monotonic()
        self._beat, self._beats = max(self._beat, now - self._heard_at), self._beats + 1
        self._heard_at, self._wait = now, pushed.retry or self._wait
        row = self._row
        assert row is not None, "the stream is open"
        if pushed.event_id:
            row = replace(row, event_id=pushed.event_id)
        if pushed.records:  # only what is stored may be passed over when the stream is opened again
            before = row.events
            row = await self._pushing.keeper.take(self.device_id, pushed.records, row)
            self._metrics.pushed_events.inc(row.events - before)
        self._row = replace(self._row or row, event_id=row.event_id, events=row.events, event_at=row.event_at)
        if pushed.records or pushed.due:
            self._told_at, self._suspect, self._brought = self._clock.now(), 0, True
        if pushed.observation is not None:
            await self._links.learn(pushed.observation)
        if due := pushed.due | ({Aspect.EVENTS} if pushed.lost else set()):
            self._links.hurry(due)

    async def _subscribe(self, wish: Wish) -> None:
        known = self._row.subscription if self._row else ""
        subscribed = await self._telling.subscribe(wish, known)
        if subscribed.made or self._row is None or not self.is_open:
            self._told_at = self._clock.now() + GRACE
            await self._note(PushWay.SUBSCRIPTION, PushState.OPEN, subscription=subscribed.path)
        else:
            await self._kept(self._row)
        if subscribed.made:
            log.info("subscribed to events", device=self.device_id, pruned=subscribed.pruned)
            self._links.hurry(frozenset({Aspect.EVENTS}))
        self._failures, self._next_at = 0, self._clock.monotonic() + VERIFY

    async def _unsubscribe(self) -> None:
        """End our subscription where nobody wants it any more: services deliver to it for years."""
        row = self._row
        if row is not None and row.subscription and self._pushing.installation:
            await self._telling.unsubscribe(row.subscription, self._pushing.installation)
            self._row = replace(self._row or row, subscription="")

    # ---- failing ---------------------------------------------------------------------------------------------

    async def _rest(self, error: Exception) -> None:
        """Leave it alone for a while that grows with every failure in a row."""
        now = self._clock.monotonic()
        if self._opened_at is not None and now - self._opened_at > STEADY:
            self._failures = 0
        wanted = getattr(error, "retry_after", None) or self._wait or 0.0
        self._next_at = now + max(pause_after(error, self._failures), min(wanted, DAY))
        self._failures += 1
        given_up = isinstance(error, Unsupported)
        way = PushWay.NONE if self._opened_at is None else PushWay.STREAM
        await self._note(way, PushState.GIVEN_UP if given_up else PushState.RESTING, reason=self._said(error))

    async def _weigh(self) -> None:
        """Is it deaf? What is no worse than OK proves nothing: many services log more than they send."""
        with contextlib.suppress(StorageError):
            if await self._pushing.keeper.unheard(self.device_id, self._told_at) > DEAF and self.is_open:
                self._is_deaf()

    def _is_deaf(self) -> None:
        """It is there and does not tell what happens: once it is opened anew, then it is given up for a day."""
        self._suspect += 1
        self._told_at = self._clock.now()
        if self._task is not None and self._brought and self._suspect < 2:
            self._end("records came into the log that the stream did not bring")
        elif self._task is not None:
            self._end("it takes the stream and tells nothing", rest=DAY, state=PushState.GIVEN_UP)
        elif self._suspect >= 2:
            self._next_at = self._clock.monotonic() + DAY
            self._later(PushState.GIVEN_UP, "it takes our subscription and tells nothing")
        else:
            self._next_at = self._clock.monotonic()  # look whether our subscription is still there

    def _came_back(self, away_at: float) -> None:
        """The device answers again: it may have been reset, and what was there may be gone (F58)."""
        self._away_at = None
        if self._opened_at is not None and self._heard_at < away_at:
            self._end("the device was away")
        if not self._given_up():
            self._next_at, self._failures = self._clock.monotonic(), 0

    def _end(self, reason: str, *, rest: float = 0.0, state: PushState = PushState.RESTING) -> None:
        assert self._task is not None, "somebody listens"
        self._dismissed = True
        self._task.cancel()
        self._next_at = self._clock.monotonic() + rest
        self._later(state, reason)

    def _later(self, state: PushState, reason: str) -> None:
        row = self._row
        assert row is not None, "it was open"
        self._row = replace(row, state=state, reason=reason, since=self._clock.now())
        self._say(state, reason)
        self._links.spawn(self._kept(self._row), f"keep push {self.device_id}")

    def _said(self, error: Exception) -> str:
        said = getattr(error, "reason", "") or str(error)
        return said if self._pushing.wish is None else self._pushing.wish(self.device_id).hidden_in(said)

    def _given_up(self) -> bool:
        return self._row is not None and self._row.state is PushState.GIVEN_UP

    def _patience(self) -> float:
        """How long the stream may be silent: a few beats of its own rhythm, where it has shown one."""
        if self._beats <= BEATS:
            return SILENCE
        return min(SILENCE, max(SHORTEST_SILENCE, BEATS * self._beat))

    async def _note(self, way: PushWay, state: PushState, *, reason: str = "", subscription: str = "") -> None:
        """Remember how it is, when that has changed."""
        before, now = self._row, self._clock.now()
        if before is None:
            before = PushRow(way=way, state=state, since=now)
        elif state is not PushState.OPEN and (before.state, before.reason) == (state, reason):
            return
        self._row = replace(
            before,
            way=way if state is PushState.OPEN or way is not PushWay.NONE else before.way,
            state=state,
            since=now,
            reason=reason,
            subscription=subscription or before.subscription,
        )
        if state is not PushState.OPEN:
            self._say(state, reason)
        await self._kept(self._row)

    def _say(self, state: PushState, reason: str) -> None:
        """Most firmware offers nothing: that is no news, and a line of the log for each device would drown what is."""
        if self._opened_at is None and state is PushState.GIVEN_UP:
            log.debug("no push", device=self.device_id, reason=reason)
        else:
            said = "push given up" if state is PushState.GIVEN_UP else "push interrupted"
            log.info(said, device=self.device_id, reason=reason)

    async def _kept(self, row: PushRow) -> None:
        with contextlib.suppress(StorageError):  # the store watch tells; the push goes on
            await self._pushing.keeper.keep(self.device_id, row)


def pause_after(error: Exception, failures: int) -> float:
    """Seconds to leave a device's push alone after `failures` in a row and one more."""
    first, longest = next((first, longest) for kind, first, longest in _PAUSES if isinstance(error, kind))
    return float(min(first * 2 ** min(failures, 20), longest))


def is_news(before: Any, after: Any) -> bool:
    """Did a look at the logs find something new in one that had been read before?"""
    return any(name in before and before[name] != mark for name, mark in after.items())
