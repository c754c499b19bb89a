"""The live stream: whoever watches is told what is newer than the revision they have, at most twice a second.

One reader asks the store for all watchers together and shares what it encoded. A watcher that reads slowly has only
the newest word on each device waiting, so a slow reader costs bounded memory and never sees time go backwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime

from fastapi.sse import EventSourceResponse
from starlette.types import Receive, Scope, Send

from fleetmon import __version__, logs
from fleetmon.api.problems import TOO_MANY_STREAMS, Problem
from fleetmon.api.tell import Fragments
from fleetmon.api.wire import encoded, told_at
from fleetmon.clock import Clock
from fleetmon.errors import StorageError
from fleetmon.storage.rows import Newer
from fleetmon.storage.summaries import Summaries

PACE = 0.5
"""Seconds between two frames to one watcher, and between two looks at the revision."""
SILENCE = 15.0
"""Seconds after which a comment keeps the connection from looking dead."""
MOST_WATCHERS = 200

log = logs.get("stream")


@dataclass(frozen=True, slots=True)
class Frame:
    """What changed up to a revision: encoded summaries by device, and who is gone. `reset`: fetch everything again."""

    revision: int
    devices: dict[str, bytes] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    reset: bool = False

    def and_then(self, later: Frame) -> Frame:
        """Both frames as one, the later word on each device."""
        if later.reset or self.reset:
            return Frame(max(self.revision, later.revision), reset=True)
        kept = {device_id: body for device_id, body in self.devices.items() if device_id not in later.removed}
        return Frame(later.revision, kept | later.devices, (self.removed - later.devices.keys()) | later.removed)

    def encoded(self, now: datetime) -> bytes:
        """The frame as server-sent event."""
        if self.reset:
            return event("reset", self.revision, encoded({"revision": self.revision}))
        body = b'{"revision":%d,"now":%b,"devices":[%b],"removed":%b}' % (
            self.revision,
            encoded(told_at(now)),
            b",".join(self.devices.values()),
            encoded(sorted(self.removed)),
        )
        return event("devices", self.revision, body)


def event(name: str, revision: int, body: bytes) -> bytes:
    """One server-sent event; JSON by orjson has no line breaks."""
    return b"event: %b\nid: %d\ndata: %b\n\n" % (name.encode(), revision, body)


class Watcher:
    """One client: how far it has been told, and what waits for it."""

    def __init__(self, revision: int, joined_at: int) -> None:
        self.revision = revision
        self.joined_at = joined_at
        self.waiting: Frame | None = None
        self.woken = asyncio.Event()
        self.ended = False

    def offer(self, frame: Frame) -> None:
        """Add what changed to what waits; what the watcher was told already is passed over."""
        if frame.revision <= self.revision and not frame.reset:
            return
        self.waiting = frame if self.waiting is None else self.waiting.and_then(frame)
        self.woken.set()

    def take(self) -> Frame | None:
        """What waits, once."""
        frame, self.waiting = self.waiting, None
        self.woken.clear()
        if frame is None or (frame.revision <= self.revision and not frame.reset):
            return None
        self.revision = frame.revision
        return frame


class Stream:
    """All watchers, and the one reader that serves them; it runs only while somebody watches."""

    def __init__(
        self,
        summaries: Summaries,
        *,
        clock: Clock,
        fragments: Fragments,
        changed: asyncio.Event,
        most: int = MOST_WATCHERS,
    ) -> None:
        self._summaries = summaries
        self._clock = clock
        self._fragments = fragments
        self._changed = changed
        self._most = most
        self._watchers: set[Watcher] = set()
        self._reader: asyncio.Task[None] | None = None
        self._closed = False
        self._revision = 0

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return len(self._watchers)

    def close(self) -> None:
        """End every stream, so that the service can stop without waiting for readers who never leave."""
        self._closed = True
        for watcher in self._watchers:
            watcher.ended = True
            watcher.woken.set()
        self._stop_reading()

    async def join(self, since: int | None) -> Watcher:
        """A watcher who knows everything up to `since`; with None, who has just read everything.

        Raises Problem when as many watch as may. Whoever joined must leave.
        """
        newest = await self._summaries.revision()
        if len(self._watchers) >= self._most or self._closed:
            detail = f"{self._most} streams are open, and the service allows no more"
            raise Problem(TOO_MANY_STREAMS, detail, headers={"Retry-After": "5"})
        watcher = Watcher(newest if since is None else since, newest)
        self._watchers.add(watcher)
        if self._reader is None:
            self._revision = newest
            self._reader = asyncio.create_task(self._read(), name="stream reader")
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Forget a watcher; the last one to go ends the reading."""
        self._watchers.discard(watcher)
        if not self._watchers:
            self._stop_reading()

    async def events(self, watcher: Watcher) -> AsyncGenerator[bytes, None]:
        """The events for one watcher, until the stream is closed."""
        hello = {"revision": watcher.joined_at, "version": __version__, "now": told_at(self._clock.now())}
        yield event("hello", min(watcher.joined_at, watcher.revision), encoded(hello))
        async for frame in self._catch_up(watcher):
            yield frame.encoded(self._clock.now())
            await self._clock.sleep(PACE)
        while not watcher.ended:
            if not await self._within(SILENCE, watcher.woken):
                yield b": still here\n\n"
                continue
            waited = watcher.take()
            if waited is not None:
                yield waited.encoded(self._clock.now())
                await self._clock.sleep(PACE)

    async def _catch_up(self, watcher: Watcher) -> AsyncIterator[Frame]:
        """What changed between what the watcher knows and now, in frames of bounded size."""
        while True:
            frame = self._frame(await self._summaries.newer(watcher.revision))
            if frame.revision <= watcher.revision and not frame.reset:
                return
            watcher.revision = frame.revision
            if frame.devices or frame.removed or frame.reset:
                yield frame

    async def _read(self) -> None:
        """Look for what is new for as long as somebody watches; a store that fails is asked again at the next look."""
        while True:
            self._changed.clear()
            try:
                frame = self._frame(await self._summaries.newer(self._revision))
            except StorageError as error:
                log.warning("stream cannot read", reason=str(error))
                frame = Frame(self._revision)
            told = bool(frame.devices or frame.removed or frame.reset)
            self._revision = frame.revision
            if told:
                for watcher in self._watchers:
                    watcher.offer(frame)
            if told:
                await self._clock.sleep(PACE)
            else:
                await self._within(PACE, self._changed)

    def _frame(self, newer: Newer) -> Frame:
        if newer.reset:
            return Frame(newer.revision, reset=True)
        now = self._clock.now()
        devices = {device.device_id: self._fragments.of(device, now) for device in newer.devices}
        return Frame(newer.revision, devices, frozenset(newer.removed) - devices.keys())

    async def _within(self, seconds: float, happens: asyncio.Event) -> bool:
        """Whether the event is set before so much time has passed."""
        if happens.is_set():
            return True
        waits = {asyncio.ensure_future(happens.wait()), asyncio.ensure_future(self._clock.sleep(seconds))}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return happens.is_set()

    def _stop_reading(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None


class EventStream(EventSourceResponse):
    """Server-sent events to one watcher, who has left when this is over, whatever way it ended."""

    def __init__(self, stream: Stream, watcher: Watcher) -> None:
        self._events = stream.events(watcher)
        super().__init__(self._events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._leave: Callable[[], None] = lambda: stream.leave(watcher)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()
            await self._events.aclose()
