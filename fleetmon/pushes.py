"""The push of every device this worker looks after: found by device, and by the token its messages come under."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from fleetmon.clock import Clock
from fleetmon.drivers.telling import TellsItself
from fleetmon.ingest.pushed import take_pushed
from fleetmon.metrics import Metrics
from fleetmon.model import PushedRecord
from fleetmon.push import LOOK, Links, Push, Pushing
from fleetmon.storage.rows import PushRow
from fleetmon.storage.store import Store

Key = tuple[str, str]
"""A device and the protocol it is spoken to with."""


class Pushes:
    """One push per device whose driver tells by itself; without `pushing` there is none."""

    def __init__(self, pushing: Pushing | None, *, clock: Clock, metrics: Metrics) -> None:
        self._pushing = pushing
        self._clock = clock
        self._metrics = metrics
        self._pushes: dict[Key, Push] = {}
        self._by_token: dict[str, Key] = {}
        self._looked_at = float("-inf")

    def polled(self, key: Key, driver: object, links: Callable[[], Links], *, reachable: bool, news: bool) -> None:
        """A poll of the device has ended; its push acts on that, and is there from the first answer on."""
        push = self._pushes.get(key)
        if push is None:
            if self._pushing is None or not reachable or not isinstance(driver, TellsItself):
                return
            push = self._pushes[key] = Push(
                key[0], driver.telling, pushing=self._pushing, links=links(), clock=self._clock, metrics=self._metrics
            )
            if self._pushing.wish is not None:
                self._by_token[token_of(self._pushing.wish(key[0]).destination)] = key
        push.polled(reachable=reachable, news=news)

    def look(self) -> None:
        """Look for streams that fell silent, every few seconds."""
        now = self._clock.monotonic()
        if now - self._looked_at < LOOK:
            return
        self._looked_at = now
        for push in self._pushes.values():
            push.look(now)
        if self._pushing is not None:
            self._metrics.streams.set(self._pushing.streams.taken)

    def hint(self, token: str, content: bytes) -> bool:
        """Something came to the receiver under `token`; False when that is no device's."""
        key = self._by_token.get(token)
        push = self._pushes.get(key) if key is not None else None
        if push is None:
            return False
        push.hint(content)
        return True

    def drop(self, key: Key) -> Push | None:
        """The push of a device nobody looks after any more, to be closed."""
        push = self._pushes.pop(key, None)
        if push is not None:
            self._by_token = {token: owner for token, owner in self._by_token.items() if owner != key}
        return push

    async def close(self) -> None:
        """Close every stream."""
        pushes = list(self._pushes.values())
        self._pushes.clear()
        self._by_token.clear()
        await asyncio.gather(*(push.close() for push in pushes), return_exceptions=True)


def token_of(destination: str) -> str:
    """The path token of a destination: its last segment."""
    return destination.rpartition("/")[2]


class StorePushes:
    """The store as the keeper of pushes. `changed` wakes whoever shows what is new."""

    def __init__(self, store: Store, clock: Clock, changed: asyncio.Event) -> None:
        self._store = store
        self._clock = clock
        self._changed = changed

    async def recall(self, device_id: str) -> PushRow | None:
        return await self._store.pushes.of_device(device_id)

    async def keep(self, device_id: str, row: PushRow) -> None:
        await self._store.pushes.put(device_id, row)

    async def unheard(self, device_id: str, since: datetime) -> int:
        return await self._store.pushes.unheard(device_id, since)

    async def take(self, device_id: str, records: Sequence[PushedRecord], row: PushRow) -> PushRow:
        kept = await take_pushed(records, device_id, row, store=self._store, received_at=self._clock.now())
        self._changed.set()
        return kept
